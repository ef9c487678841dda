//! Where one object goes and another one comes in its place: who moves over when, and what is there at every moment.

use palisade_core::{Address, Graph, Json, Stack, provider::ErrorKind};
use palisade_engine::{Action, PlanError, ReplaceOrder, StepKind};
use proptest::prelude::*;

use crate::{
    account::{Account, Moment, World},
    kinds::{Group, Net, Server, User, logs, make, servers},
    runs::{applied, fail_at, graph, planned, run, state, up},
};

/// Users, networks that belong to them, and groups that are changed in place when they get another owner.
#[derive(Clone, Debug)]
struct Household {
    /// The numbers in the names of the two users, whose change replaces them.
    users: [u8; 2],
    /// The user to whom each network belongs; there is none at 2.
    nets: [usize; 3],
    groups: [usize; 2],
}

impl Household {
    fn graph(&self) -> Graph {
        graph(|stack| {
            let [one, two] = self.users;
            let users = [("a", one), ("b", two)]
                .map(|(name, number)| make::<User>().text("name", &format!("{name}{number}")).add(stack, name));
            for (number, user) in self.nets.iter().enumerate().filter(|(_, user)| **user < 2) {
                let net = make::<Net>().text("range", &format!("{number}")).refer("sponsor", Some(&users[*user]), "id");
                net.add(stack, &format!("n{number}"));
            }
            for (number, user) in self.groups.iter().enumerate() {
                let group = make::<Group>().text("name", &format!("g{number}")).refer_all("users", &[]);
                group.refer("owner", Some(&users[*user]), "id").add(stack, &format!("g{number}"));
            }
        })
    }
}

/// A user with a network, and a group that it owns.
fn simple(number: u8) -> Graph {
    Household { users: [number, 0], nets: [0, 2, 2], groups: [0, 0] }.graph()
}

fn nets_of<'w>(world: &'w World, user: &str) -> Vec<&'w str> {
    let nets = world.objects.iter().filter(|(_, thing)| thing.fields.get("sponsor").is_some_and(|of| of == user));
    nets.map(|((_, id), _)| id.as_str()).collect()
}

fn owner<'w>(world: &'w World, group: &str) -> Option<&'w str> {
    world.thing("Group", group)?.fields.get("owner").and_then(Json::as_str)
}

/// Asserts that at every moment each group has all that belongs to its owner: of the owner at first, if it goes, all that
/// there was, and of the owner at last all that there is in the end.
fn assert_never_without(moments: &[Moment]) {
    let (Some((_, first, _)), Some((_, last, _))) = (moments.first(), moments.last()) else { return };
    for (_, world, _) in moments {
        for group in ["g0", "g1"] {
            let Some(user) = owner(world, group) else { continue };
            let mut needed = Vec::new();
            if last.thing("User", user).is_none() {
                needed.extend(nets_of(first, user));
            }
            if owner(first, group) != Some(user) {
                needed.extend(nets_of(last, user));
            }
            for net in needed {
                assert!(world.thing("Net", net).is_some(), "{group} has the owner {user}, who has no {net}");
            }
        }
    }
}

#[test]
fn who_refers_to_a_replaced_object_moves_over_between_its_children() {
    run(async {
        let account = Account::default();
        let net = || state(&account).attribute(&"Net.n0".parse().unwrap(), "id").unwrap().as_str().unwrap().to_owned();
        up(&account, &simple(1)).await;
        let old = net();
        account.lock().calls.clear();
        up(&account, &simple(2)).await;
        let (converge, delete) = (format!("converge Net.{}", net()), format!("delete Net.{old}"));
        let calls = account.lock().calls.clone();
        let at = |call: &str| calls.iter().position(|other| other == call).unwrap_or_else(|| panic!("{calls:?}"));
        for update in ["converge Group.g0", "converge Group.g1"] {
            assert!(at("create User.a") < at("create Net.n0"));
            assert!(at(&converge) < at(update) && at(update) < at(&delete), "{calls:?}");
            assert!(at(&delete) < at("delete User.a1"));
        }
    });
}

#[test]
fn an_update_that_fails_leaves_what_belongs_to_the_old_object() {
    run(async {
        let account = Account::default();
        up(&account, &simple(1)).await;
        let plan = planned(&account, &simple(2)).await.unwrap();
        let step = |of: &str| plan.step(&of.parse().unwrap()).unwrap().action;
        assert_eq!(step("User.a"), Action::Replace(ReplaceOrder::CreateFirst));
        assert_eq!((step("Net.n0"), step("Group.g0")), (Action::Replace(ReplaceOrder::CreateFirst), Action::Update));
        // The creations of the user and of the network take three calls each.
        let report = fail_at(&account, &simple(2), 6).await;
        assert_eq!(report.failures[0].address.kind(), "Group");
        let world = account.lock().world.clone();
        assert_eq!((nets_of(&world, "a1").len(), nets_of(&world, "a2").len()), (1, 1));
        up(&account, &simple(2)).await;
    });
}

#[test]
fn a_change_waits_for_that_of_what_it_depends_on_through_others_that_stay() {
    run(async {
        let account = Account::default();
        let program = |tag: &str| {
            graph(|stack| {
                let first = make::<Net>().text("tag", tag).refer_all("peers", &[]).add(stack, "a");
                let between = make::<Net>().refer_all("peers", &[&first]).add(stack, "b");
                make::<Net>().text("tag", tag).refer_all("peers", &[&between]).add(stack, "c");
            })
        };
        up(&account, &program("old")).await;
        let report = fail_at(&account, &program("new"), 0).await;
        let [first, last] = ["Net.a", "Net.c"].map(|address| address.parse().unwrap());
        assert_eq!(report.skipped, [(last, StepKind::Update, first)]);
    });
}

#[test]
fn a_creation_waits_for_the_deletion_of_that_alone_with_which_it_cannot_exist_at_a_time() {
    let server = |name: &str| graph(|stack| _ = make::<Server>().text("name", name).add(stack, name));
    for (name, is_created) in [("t", true), ("s2", false)] {
        run(async {
            let account = Account::default();
            up(&account, &server("s1")).await;
            let report = fail_at(&account, &server(name), 0).await;
            let failed: Vec<_> = report.failures.iter().map(|failure| failure.step).collect();
            assert_eq!((failed, report.added), (vec![StepKind::Delete], usize::from(is_created)), "{name} {report:?}");
            up(&account, &server(name)).await;
        });
    }
}

/// A network that a group refers to, which may have a user.
fn owned(range: &str, has_user: bool) -> Graph {
    graph(|stack| {
        let net = make::<Net>().text("range", range).refer_all("peers", &[]).add(stack, "n");
        let user = make::<User>().text("name", "u").add(stack, "u");
        let users = if has_user { vec![&user] } else { vec![] };
        make::<Group>().text("name", "g").refer_all("users", &users).refer("owner", Some(&net), "id").add(stack, "g");
    })
}

/// Replaces the network, and leaves its predecessor, as the deletion fails.
async fn leave_predecessor(account: &Account) {
    up(account, &owned("1", false)).await;
    // Both the creation and the change of the group are read, and the former takes two calls.
    let report = fail_at(account, &owned("2", false), 5).await;
    assert_eq!(report.failures[0].step, StepKind::Delete);
}

#[test]
fn what_is_left_of_a_replacement_waits_for_nobody_who_has_left_it() {
    run(async {
        let account = Account::default();
        leave_predecessor(&account).await;
        let plan = planned(&account, &owned("2", true)).await.unwrap();
        assert_eq!(plan.counts(), (0, 1, 1));
        let calls = [0, 1].map(|call| {
            let world = account.lock().world.clone();
            (call, Account::of(world, Some(state(&account))))
        });
        for (call, account) in calls {
            let report = fail_at(&account, &owned("2", true), call).await;
            assert!(report.failures.len() == 1 && report.skipped.is_empty(), "{report:?}");
        }
    });
}

#[test]
fn what_is_left_of_a_replacement_waits_for_an_object_that_was_brought_back_to_it() {
    run(async {
        let account = Account::default();
        leave_predecessor(&account).await;
        let [net, group] = ["Net.n", "Group.g"].map(|address| address.parse().unwrap());
        let predecessor = state(&account).resources[&net].deposed[0].id.clone().unwrap();
        let thing = ("Group".to_owned(), "g".to_owned());
        account.lock().world.objects.get_mut(&thing).unwrap().fields.insert("owner".to_owned(), predecessor.into());
        let report = fail_at(&account, &owned("2", false), 0).await;
        assert_eq!(report.skipped, [(net, StepKind::Delete, group)]);
        up(&account, &owned("2", false)).await;
    });
}

#[test]
fn what_is_deleted_before_its_successor_exists_is_not_kept_until_others_have_left() {
    let program = |range: &str| {
        graph(|stack| {
            let net = make::<Net>().text("range", range).refer_all("peers", &[]).add(stack, "n");
            make::<User>().text("name", "u").refer("net", Some(&net), "id").add(stack, "u");
            make::<Group>().text("name", "g").refer_all("users", &[]).refer("owner", Some(&net), "id").add(stack, "g");
        })
    };
    let group_fails_at = |call| {
        run(async {
            let account = Account::default();
            up(&account, &program("1")).await;
            let report = fail_at(&account, &program("2"), call).await;
            up(&account, &program("2")).await;
            (report.failures[0].address.kind() == "Group").then_some(report)
        })
    };
    let report = (0..10).find_map(group_fails_at).unwrap();
    let [net, group] = ["Net.n", "Group.g"].map(|address| address.parse().unwrap());
    assert_eq!(report.skipped, [(net, StepKind::Delete, group)]);
}

#[test]
fn a_change_waits_for_no_creation_of_something_else() {
    run(async {
        let account = Account::default();
        let program = |is_after: bool| {
            graph(|stack| {
                let owner = make::<User>().text("name", "o").add(stack, "o");
                let user = make::<User>().text("name", "u").add(stack, "u");
                let users = if is_after { vec![&user] } else { vec![] };
                let group = make::<Group>().text("name", "g").refer_all("users", &users);
                group.refer("owner", Some(&owner), "id").add(stack, "g");
                if is_after {
                    make::<Net>().text("range", "1").refer("sponsor", Some(&owner), "id").add(stack, "n");
                }
            })
        };
        up(&account, &program(false)).await;
        let plan = planned(&account, &program(true)).await.unwrap();
        assert_eq!(plan.counts(), (1, 1, 0));
        let calls = account.lock().calls.len();
        applied(&account, &program(true), &plan).await;
        let begun = account.lock().calls[calls..calls + 2].to_vec();
        assert!(
            begun.contains(&"create Net.n".to_owned()) && begun.contains(&"converge Group.g".to_owned()),
            "{begun:?}"
        );
    });
}

#[test]
fn a_successor_waits_for_an_older_object_with_which_it_cannot_exist_at_a_time() {
    run(async {
        let account = Account::default();
        let server = |name: &str| graph(|stack| _ = make::<Server>().text("name", name).add(stack, "a"));
        up(&account, &server("s1")).await;
        let report = fail_at(&account, &server("t"), 3).await;
        assert_eq!(report.failures[0].step, StepKind::Delete);
        let calls = account.lock().calls.len();
        up(&account, &server("s2")).await;
        let calls = account.lock().calls[calls..].to_vec();
        let at = |call: &str| calls.iter().position(|made| made == call).unwrap();
        assert!(at("delete Server.s1") < at("create Server.a"), "{calls:?}");
    });
}

#[test]
fn an_unfinished_successor_goes_before_a_third_object_comes_if_nobody_refers_to_it() {
    run(async {
        let program = |range: &str, is_referred_to: bool| {
            graph(|stack| {
                let net = make::<Net>().text("range", range).add(stack, "a");
                if is_referred_to {
                    make::<Group>().text("name", "all").refer("route", Some(&net), "route").add(stack, "all");
                }
            })
        };
        for (is_referred_to, fails_at, order) in [
            // The creation of the second object is not finished.
            (false, 1, ReplaceOrder::DeleteFirst),
            (true, 1, ReplaceOrder::CreateFirst),
            // The first one is not deleted.
            (false, 3, ReplaceOrder::CreateFirst),
        ] {
            let account = Account::default();
            up(&account, &program("10", is_referred_to)).await;
            let second = planned(&account, &program("20", is_referred_to)).await.unwrap();
            account.fail(fails_at, ErrorKind::Denied, false);
            assert!(!applied(&account, &program("20", is_referred_to), &second).await.0.is_complete());
            account.lock().fault = None;
            let third = planned(&account, &program("30", is_referred_to)).await.unwrap();
            let step = third.step(&"Net.a".parse().unwrap()).unwrap();
            assert_eq!((step.action, &step.deposed[..]), (Action::Replace(order), &["net-1".to_owned()][..]));
            // A destruction counts both objects.
            assert_eq!(
                planned(&account, &Graph::empty("test")).await.unwrap().counts(),
                (0, 0, 2 + usize::from(is_referred_to))
            );
            if order == ReplaceOrder::DeleteFirst {
                // The second object is looked for and deleted, and the third one is refused.
                account.fail(2, ErrorKind::Denied, false);
                assert!(!applied(&account, &program("30", false), &third).await.0.is_complete());
                account.lock().fault = None;
                assert!(state(&account).resources[&"Net.a".parse().unwrap()].current.is_none());
                assert_eq!(planned(&account, &Graph::empty("test")).await.unwrap().counts(), (0, 0, 1));
            }
            up(&account, &program("30", is_referred_to)).await;
        }
    });
}

#[test]
fn one_apply_deletes_all_that_earlier_replacements_have_left() {
    run(async {
        let program = |range: &str| {
            graph(|stack| {
                let net = make::<Net>().text("range", range).add(stack, "a");
                make::<Group>().text("name", "all").refer("route", Some(&net), "route").add(stack, "all");
            })
        };
        let account = Account::default();
        up(&account, &program("10")).await;
        // Two replacements in a row create the successor, and do not finish it.
        for range in ["20", "30"] {
            fail_at(&account, &program(range), 1).await;
        }
        let address = Address::new("Net", "a");
        let deposed = state(&account).resources[&address].deposed.clone();
        let ids: Vec<_> = deposed.into_iter().map(|object| object.id.unwrap()).collect();
        assert_eq!(ids.len(), 2);
        let plan = up(&account, &program("30")).await;
        assert_eq!(plan.step(&address).unwrap().deposed, ids);
        assert!(state(&account).resources[&address].deposed.is_empty());
    });
}

#[test]
fn a_successor_comes_second_only_if_the_plan_needs_it() {
    run(async {
        let server = |stack: &mut Stack, of: &str, name: &str| make::<Server>().text("name", name).add(stack, of);
        let account = Account::default();
        let before = graph(|stack| {
            server(stack, "other", "t1");
            let [gone, sponsor] = [("gone", "o1"), ("sponsor", "s1")].map(|(of, name)| server(stack, of, name));
            make::<Net>().refer_all("peers", &[&gone]).refer("sponsor", Some(&sponsor), "id").add(stack, "net");
        });
        up(&account, &before).await;
        // The network has to go before its successor comes, as its sponsor does. So `other` need not: it takes the place of
        // `gone`, to which the network refers, before `new` takes its own.
        let after = graph(|stack| {
            server(stack, "other", "o2");
            let [new, sponsor] = [("new", "t2"), ("sponsor", "s2")].map(|(of, name)| server(stack, of, name));
            make::<Net>().refer_all("peers", &[&new]).refer("sponsor", Some(&sponsor), "id").add(stack, "net");
        });
        let plan = up(&account, &after).await;
        let action = |of: &str| plan.step(&of.parse().unwrap()).unwrap().action;
        assert_eq!(action("Net.net"), Action::Replace(ReplaceOrder::DeleteFirst));
        assert_eq!(action("Server.other"), Action::Replace(ReplaceOrder::CreateFirst));
    });
}

/// The only finding of a plan that is impossible.
async fn refused(account: &Account, program: &Graph) -> String {
    let Err(PlanError::Impossible(findings)) = planned(account, program).await else { panic!("planned") };
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    let notes = finding.spans.iter().map(|span| format!("note: {}", span.label));
    let lines = [finding.message.clone()].into_iter().chain(notes).chain([format!("help: {}", finding.help)]);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_reference_to_what_has_to_go_with_a_replaced_object_makes_that_replacement_impossible() {
    run(async {
        let program = |names: [&str; 2], engine: &str| {
            graph(|stack| {
                let user = |name| make::<User>().text("name", name).text("engine", engine);
                // It is replaced, too, and has nothing to do with it.
                user(names[0]).add(stack, "a");
                let owner = user(names[1]).add(stack, "b");
                let net = make::<Net>().text("range", "10").refer("sponsor", Some(&owner), "id").add(stack, "net");
                make::<Group>().text("name", "all").refer("route", Some(&net), "route").add(stack, "all");
            })
        };
        let account = Account::default();
        up(&account, &program(["one", "two"], "1")).await;
        insta::assert_snapshot!(refused(&account, &program(["one", "two"], "2")).await, @"
        Net.net cannot be replaced while Group.all refers to it: a change of `sponsor` forces the replacement, and it has to go before User.b, of which two objects with the same `name` cannot exist at a time
        note: is replaced, as `sponsor` changes
        note: refers to Net.net and stays
        note: is deleted before its successor is created
        help: give User.b another `name`, so that its new object can be created before the old one is deleted
        ");
        // As the help says.
        up(&account, &program(["one", "other"], "2")).await;
    });
}

#[test]
fn a_reference_that_goes_over_to_a_namesake_makes_its_creation_impossible() {
    run(async {
        let program = |of: &str, name: &str| {
            graph(|stack| {
                let server = make::<Server>().text("name", name).text("oldest", "1").text("newest", "1").add(stack, of);
                make::<Group>().text("name", "all").refer("owner", Some(&server), "id").add(stack, "all");
            })
        };
        let account = Account::default();
        up(&account, &program("a", "s1")).await;
        insta::assert_snapshot!(refused(&account, &program("b", "s2")).await, @"
        Server.b cannot be created before an object of Server.a is deleted, as `name` s2 cannot exist beside s1, and Group.all refers to the old one until the new one exists
        note: cannot be created
        note: refers to Server.a until it is changed
        help: give Server.b a `name` that can exist beside s1
        ");
        // As the help says.
        up(&account, &program("b", "t2")).await;
    });
}

#[test]
fn a_plan_whose_steps_wait_for_each_other_changes_nothing_and_says_so() {
    run(async {
        let account = Account::default();
        let program = |a: &str, b: &str| servers(&[("a", a), ("b", b)]);
        up(&account, &program("s1", "t1")).await;
        let before = state(&account).resources;
        let mut plan = planned(&account, &program("t2", "s2")).await.unwrap();
        let calls = account.lock().calls.len();
        // None of the two could be created, as the other one still has the name.
        for step in &mut plan.steps {
            step.action = Action::Replace(ReplaceOrder::CreateFirst);
        }
        let (report, _) = applied(&account, &program("t2", "s2"), &plan).await;
        assert_eq!(report.failures[0].error.message, "the step waits for others that wait for it");
        assert!(report.not_begun.is_empty(), "{report:?}");
        assert_eq!(account.lock().calls.len(), calls);
        assert_eq!(state(&account).resources, before);
    });
}

proptest! {
    #![proptest_config(crate::config(300))]

    #[test]
    fn nobody_is_ever_without_what_belongs_to_its_owner(
        users in any::<[bool; 2]>(), nets in [[0..3_usize, 0..3, 0..3], [0..3, 0..3, 0..3]],
        groups in [[0..2_usize, 0..2], [0..2, 0..2]], call in 0..25_usize, after_effect: bool, is_service: bool,
    ) {
        run(async {
            let account = Account::default();
            let before = Household { users: [0, 0], nets: nets[0], groups: groups[0] };
            let after = Household { users: users.map(u8::from), nets: nets[1], groups: groups[1] };
            up(&account, &before.graph()).await;
            let first = account.lock().moments.len().saturating_sub(1);
            let plan = planned(&account, &after.graph()).await.unwrap();
            let kind = if is_service { ErrorKind::Service } else { ErrorKind::Denied };
            account.fail(call, kind, after_effect);
            applied(&account, &after.graph(), &plan).await;
            account.lock().fault = None;
            up(&account, &after.graph()).await;
            assert_never_without(&account.lock().moments[first..]);
        });
    }
}

#[test]
fn what_a_deleted_object_may_bring_back_goes_after_it_is_made_anew() {
    run(async {
        let program = |has_user: bool, has_net: bool| {
            graph(|stack| {
                let net = has_net.then(|| make::<Net>().text("range", "10").add(stack, "net"));
                if has_user {
                    make::<User>().text("name", "one").refer("net", net.as_ref(), "id").add(stack, "a");
                }
            })
        };
        // Others delete the user, which the state still has, or an apply does, after which no state has it.
        for is_lost in [true, false] {
            let account = Account::default();
            up(&account, &program(true, true)).await;
            if is_lost {
                account.lock().world.objects.retain(|(kind, _), _| kind != "User");
            } else {
                up(&account, &program(false, true)).await;
            }
            let calls = |of: &Account| of.lock().calls.clone();
            let earlier = calls(&account).len();
            // It may also come back by an attempt that is interrupted before it has changed what the user refers to.
            let plan = planned(&account, &program(true, false)).await.unwrap();
            account.fail(1, ErrorKind::Service, false);
            assert!(!applied(&account, &program(true, false), &plan).await.0.is_complete());
            account.lock().fault = None;
            let made = calls(&account).split_off(earlier);
            assert!(made.iter().all(|call| !call.starts_with("delete")), "{made:?}");
            up(&account, &program(true, false)).await;
            let place = |call: &str| calls(&account).iter().rposition(|made| made.starts_with(call)).unwrap();
            assert!(place("converge User") < place("delete Net"));
        }
    });
}

#[test]
fn an_unfinished_successor_that_nothing_has_gone_over_to_is_replaced_under_its_name() {
    run(async {
        let program = |name: &str, engine: &str| {
            graph(|stack| {
                let user = make::<User>().text("name", name).text("engine", engine).add(stack, "a");
                make::<Group>().text("name", "all").refer("owner", Some(&user), "id").add(stack, "all");
            })
        };
        let account = Account::default();
        up(&account, &program("one", "redis")).await;
        let plan = planned(&account, &program("two", "redis")).await.unwrap();
        account.fail(1, ErrorKind::Service, false);
        assert!(!applied(&account, &program("two", "redis"), &plan).await.0.is_complete());
        account.lock().fault = None;
        up(&account, &program("two", "valkey")).await;
    });
}

#[test]
fn what_somebody_has_made_an_object_refer_to_is_deleted_after_it() {
    run(async {
        let program = |is_there: bool| {
            graph(|stack| {
                let a = make::<Net>().text("range", "1").text("tag", "t").add(stack, "a");
                if is_there {
                    make::<Net>().text("range", "2").text("tag", "t").add(stack, "b");
                }
                make::<Group>().text("name", "all").refer("owner", Some(&a), "id").add(stack, "all");
            })
        };
        // The group is deleted too, or gets its own reference back.
        for (after, call) in [(Graph::empty("test"), "delete Group"), (program(false), "converge Group")] {
            let account = Account::default();
            up(&account, &program(true)).await;
            let other = state(&account).attribute(&Address::new("Net", "b"), "id").unwrap();
            let deletion = format!("delete Net.{}", other.as_str().unwrap());
            let key = ("Group".to_owned(), "all".to_owned());
            account.lock().world.objects.get_mut(&key).unwrap().fields.insert("owner".to_owned(), other);
            up(&account, &after).await;
            let account = account.lock();
            let start =
                |begin: &str| account.started[account.calls.iter().rposition(|made| made.starts_with(begin)).unwrap()];
            assert!(start(call) < start(&deletion), "{:?}", account.calls);
        }
    });
}

#[test]
fn a_replaced_object_goes_before_what_somebody_has_made_it_refer_to() {
    run(async {
        let program = |name: &str, is_there: bool| {
            graph(|stack| {
                let a = make::<Net>().text("range", "1").add(stack, "a");
                if is_there {
                    make::<Net>().text("range", "2").add(stack, "b");
                }
                make::<Group>().text("name", name).refer("owner", Some(&a), "id").add(stack, "all");
            })
        };
        let account = Account::default();
        up(&account, &program("old", true)).await;
        // Its successor is created, brought to its inputs and read, and the deletion fails.
        let report = fail_at(&account, &program("new", true), 3).await;
        assert_eq!(report.failures[0].step, StepKind::Delete);
        let other = state(&account).attribute(&Address::new("Net", "b"), "id").unwrap();
        let deletion = format!("delete Net.{}", other.as_str().unwrap());
        let key = ("Group".to_owned(), "old".to_owned());
        account.lock().world.objects.get_mut(&key).unwrap().fields.insert("owner".to_owned(), other);
        up(&account, &program("new", false)).await;
        let account = account.lock();
        let start = |of: &str| account.started[account.calls.iter().rposition(|made| made == of).unwrap()];
        assert!(start("delete Group.old") < start(&deletion), "{:?}", account.calls);
    });
}

#[test]
fn just_enough_goes_first_where_there_is_no_room_for_more() {
    const NO_ROOM: &str = "it is deleted first, as there is no room for another one beside it";
    type Logs = &'static [(&'static str, &'static str, &'static str)];
    let replaced = |before: Logs, after: Logs| {
        run(async {
            let account = Account::default();
            up(&account, &logs(before)).await;
            let plan = planned(&account, &logs(after)).await.unwrap();
            let of_a = plan.step(&Address::new("Log", "a")).unwrap();
            assert!(applied(&account, &logs(after), &plan).await.0.is_complete());
            (of_a.action, of_a.reason.clone())
        })
    };
    let first = (Action::Replace(ReplaceOrder::DeleteFirst), Some(NO_ROOM.to_owned()));
    let last = (Action::Replace(ReplaceOrder::CreateFirst), None);
    assert_eq!(replaced(&[("a", "x", "1")], &[("a", "x", "2")]), last);
    assert_eq!(replaced(&[("a", "x", "1"), ("b", "y", "2")], &[("a", "x", "3"), ("b", "y", "2")]), last);
    assert_eq!(replaced(&[("a", "x", "1"), ("b", "x", "2")], &[("a", "x", "3"), ("b", "x", "2")]), first);
    assert_eq!(replaced(&[("a", "x", "1")], &[("a", "x", "2"), ("b", "x", "3")]), first);
    // One that has no successor makes room.
    assert_eq!(replaced(&[("a", "x", "1"), ("b", "x", "2")], &[("a", "x", "3")]), last);
    assert_eq!(replaced(&[("a", "x", "1"), ("b", "x", "2")], &[("a", "x", "3"), ("b", "y", "2")]), first);
    // Where there are more already, there is more room.
    let three = &[("a", "x", "1"), ("b", "x", "2"), ("c", "x", "3")];
    assert_eq!(replaced(three, &[("a", "x", "4"), ("b", "x", "2"), ("c", "x", "3")]), last);
}
