//! Resources that get another name in the program, and programs that are taken back half-way.

use palisade_core::{Address, Graph, Stack, Value, provider::ErrorKind};
use palisade_engine::{Action, Origin, Phase, Plan, PlanError, ReplaceOrder, SavedPlan, SavedPlanError};
use proptest::prelude::*;

use crate::{
    account::{Account, World},
    kinds::{Group, Net, Rule, User, make, output, rules, users},
    random::{Spec, assert_impossible, counted, edit, graph_of, program, renamed},
    runs::{applied, graph, planned, run, state, up},
};

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn step<'p>(plan: &'p Plan, of: &str) -> &'p palisade_engine::Step {
    plan.step(&address(of)).unwrap()
}

/// A network and a user in it, whom a group owns; each of them under this name in the program.
fn chain(name: &str) -> Graph {
    graph(|stack| {
        let net = make::<Net>().text("range", "10").add(stack, name);
        let user = make::<User>().text("name", "one").refer("net", Some(&net), "id").add(stack, name);
        let group = make::<Group>().text("name", "all").refer_all("users", &[&user]).refer("owner", Some(&user), "id");
        group.add(stack, name);
        stack.output("route", output(&net, "route"));
    })
}

#[test]
fn a_new_name_in_the_program_is_recorded_and_changes_nothing() {
    run(async {
        let account = Account::default();
        up(&account, &chain("before")).await;
        let world = account.lock().world.clone();
        let saved = state(&account);
        let plan = planned(&account, &chain("after")).await.unwrap();
        assert_eq!((plan.counts(), plan.has_changes()), ((0, 0, 0), true));
        assert_eq!(step(&plan, "User.after").moved_from, Some(address("User.before")));
        assert_eq!(state(&account), saved, "a plan writes nothing");
        up(&account, &chain("after")).await;
        assert_eq!(account.lock().world, world);
        let state = state(&account);
        assert_eq!(state.serial, saved.serial + 1, "one write records all");
        let group = state.resources[&address("Group.after")].current.as_ref().unwrap();
        assert_eq!(group.depends_on, [address("User.after")].into());
    });
}

/// What a plan does to the resource at an address, and which one it was before.
fn moves(plan: &Plan, of: &str) -> (Action, Option<String>) {
    let step = step(plan, of);
    (step.action, step.moved_from.as_ref().map(ToString::to_string))
}

#[test]
fn resources_that_exchange_their_identities_have_exchanged_their_names() {
    run(async {
        let (kept, was) = (Action::Nothing, |of: &str| Some(of.to_owned()));
        let account = Account::default();
        up(&account, &users(&[("a", "one"), ("b", "two"), ("c", "three")])).await;
        let world = account.lock().world.clone();
        // What refers to one of them follows.
        let group = |stack: &mut Stack, of: &Address| {
            make::<Group>().text("name", "all").refer_all("users", &[of]).add(stack, "all");
        };
        let user = |stack: &mut Stack, of: &str, name: &str| make::<User>().text("name", name).add(stack, of);
        let program = graph(|stack| {
            let a = user(stack, "a", "two");
            user(stack, "b", "three");
            user(stack, "c", "one");
            group(stack, &a);
        });
        let plan = up(&account, &program).await;
        assert_eq!(moves(&plan, "User.a"), (kept, was("User.b")));
        assert_eq!(moves(&plan, "User.b"), (kept, was("User.c")));
        assert_eq!(moves(&plan, "User.c"), (kept, was("User.a")));
        let thing = |world: &World, of: &str| world.thing("User", of).cloned();
        for name in ["one", "two", "three"] {
            assert_eq!(thing(&account.lock().world, name), thing(&world, name));
        }
        // A second exchange, in which the group keeps its user under another name.
        let program = graph(|stack| {
            user(stack, "a", "three");
            let b = user(stack, "b", "two");
            user(stack, "c", "one");
            group(stack, &b);
        });
        let plan = up(&account, &program).await;
        assert_eq!((moves(&plan, "Group.all"), moves(&plan, "User.c")), ((kept, None), (kept, None)));
        assert_eq!(moves(&plan, "User.b"), (kept, was("User.a")));
    });
}

#[test]
fn a_list_that_loses_its_first_loses_one_object() {
    run(async {
        let account = Account::default();
        up(&account, &rules(&[("0", "x"), ("1", "y"), ("2", "z")])).await;
        let plan = up(&account, &rules(&[("0", "y"), ("1", "z")])).await;
        assert_eq!(plan.counts(), (0, 0, 1));
        assert_eq!(moves(&plan, "Rule.2"), (Action::Delete, Some("Rule.0".to_owned())));
        assert_eq!(moves(&plan, "Rule.0"), (Action::Nothing, Some("Rule.1".to_owned())));
    });
}

#[test]
fn a_name_that_is_handed_on_leaves_its_first_holder_to_be_created_anew() {
    run(async {
        let account = Account::default();
        up(&account, &users(&[("a", "one")])).await;
        let plan = up(&account, &users(&[("a", "two"), ("b", "one")])).await;
        assert_eq!(moves(&plan, "User.a"), (Action::Create, None));
        assert_eq!(moves(&plan, "User.b"), (Action::Nothing, Some("User.a".to_owned())));
    });
}

#[test]
fn each_circle_loses_one_object_and_what_is_no_exchange_none() {
    run(async {
        let account = Account::default();
        let program = rules(&[("a", "p"), ("b", "q"), ("c", "r"), ("d", "s"), ("e", "t")]);
        up(&account, &program).await;
        let turned = [("p", "q"), ("q", "p"), ("r", "s"), ("s", "r"), ("t", "u")];
        for thing in account.lock().world.objects.values_mut() {
            let (_, after) = turned.iter().find(|(before, _)| thing.fields["peer"] == *before).unwrap();
            thing.fields.insert("peer".to_owned(), (*after).into());
        }
        assert_eq!(up(&account, &program).await.counts(), (2, 3, 2));
        // A rule whose peer is replaced under its name cannot be changed in time, which is the user's to decide.
        let program = |engine: &str| {
            graph(|stack| {
                let user = make::<User>().text("name", "one").text("engine", engine).add(stack, "u");
                make::<Rule>().refer("peer", Some(&user), "id").add(stack, "r");
            })
        };
        let account = Account::default();
        up(&account, &program("redis")).await;
        let error = planned(&account, &program("valkey")).await.unwrap_err();
        assert!(matches!(error, PlanError::Impossible(_)), "{error:?}");
    });
}

#[test]
fn an_older_object_that_the_program_means_again_is_kept_whatever_becomes_of_the_newer_one() {
    run(async {
        for order in [[("u", "old"), ("v", "new")], [("v", "new"), ("u", "old")]] {
            for call in 0..4 {
                let account = Account::default();
                up(&account, &users(&[("u", "old")])).await;
                let plan = planned(&account, &users(&[("u", "new")])).await.unwrap();
                account.fail(call, ErrorKind::Service, call == 0);
                assert!(!applied(&account, &users(&[("u", "new")]), &plan).await.0.is_complete());
                account.lock().fault = None;
                let thing = |name: &str| account.lock().world.thing("User", name).cloned();
                let (old, new) = (thing("old").unwrap(), thing("new").unwrap());
                let plan = up(&account, &users(&order)).await;
                let (kept, newer) = (step(&plan, "User.u"), moves(&plan, "User.v"));
                assert!(matches!(kept.action, Action::Nothing | Action::Update) && kept.moved_from.is_none());
                assert!(!matches!(newer.0, Action::Replace(_)), "{newer:?}");
                assert!(thing("old") == Some(old) && plan.counts().2 == 0, "{order:?} {call}");
                assert_eq!(account.lock().world.thing("User", "new").unwrap().token(), new.token());
            }
        }
    });
}

#[test]
fn of_two_objects_with_one_identity_the_current_one_and_the_one_that_is_there_comes_under_a_new_name() {
    for is_unsettled in [false, true] {
        run(async {
            let account = Account::default();
            up(&account, &users(&[("a", "one"), ("b", "two")])).await;
            if let Some(state) = &mut account.lock().saved {
                let mut other = state.resources[&address("User.a")].current.clone().unwrap();
                other.token.digest = "f".repeat(64);
                if is_unsettled {
                    // Its creation was refused, as the first one has the name, and nobody knows.
                    (other.id, other.phase) = (None, Phase::Creating);
                    state.resources.entry(address("User.z")).or_default().current = Some(other);
                } else {
                    // It was deleted, and then the first one got the name.
                    other.id = Some("gone".to_owned());
                    state.resources.entry(address("User.b")).or_default().deposed.push(other);
                }
            }
            let plan = planned(&account, &users(&[("c", "one"), ("b", "two")])).await.unwrap();
            assert_eq!(moves(&plan, "User.c"), (Action::Nothing, Some("User.a".to_owned())), "{plan:#?}");
        });
    }
}

/// Users under some of the names a to d, each with one of four names of its own.
fn named() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let names = Just(vec!["one", "two", "three", "four"]).prop_shuffle();
    (proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4), names)
        .prop_map(|(addresses, names)| addresses.into_iter().zip(names).collect())
}

proptest! {
    #![proptest_config(crate::config(60))]

    /// What both programs have lives on, wherever it stands, also where the way from the one to the other is cut short and the
    /// second is taken back.
    #[test]
    fn no_exchange_costs_an_object((first, second) in (named(), named())) {
        run(async {
            for call in 0.. {
                let account = Account::default();
                up(&account, &users(&first)).await;
                let plan = planned(&account, &users(&second)).await.unwrap();
                let things = |account: &Account| account.lock().world.objects.clone();
                let before = things(&account);
                account.fail(call, ErrorKind::Service, call % 2 == 0);
                let is_complete = applied(&account, &users(&second), &plan).await.0.is_complete();
                account.lock().fault = None;
                let half = things(&account);
                up(&account, &users(&first)).await;
                let after = things(&account);
                for (key, thing) in &before {
                    assert!(half.get(key) != Some(thing) || after.get(key) == Some(thing), "{first:?} {second:?} {call} {key:?}");
                }
                if is_complete {
                    return;
                }
            }
        });
    }
}

#[test]
fn an_identity_that_can_be_changed_is_taken_once_it_is_free() {
    run(async {
        let rule = |peer: &str| graph(|stack| _ = make::<Rule>().text("peer", peer).add(stack, "a"));
        let peers = |account: &Account| {
            let world = account.lock().world.clone();
            world
                .objects
                .into_values()
                .map(|thing| thing.fields["peer"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        // Others have given the objects each the identity of the next.
        let turn = |account: &Account, to: &[&str]| {
            let mut inner = account.lock();
            for (thing, peer) in inner.world.objects.values_mut().zip(to) {
                thing.fields.insert("peer".to_owned(), (*peer).into());
            }
        };
        let program = rules(&[("a", "x"), ("b", "y"), ("c", "z")]);
        let account = Account::default();
        up(&account, &program).await;
        turn(&account, &["y", "z", "w"]);
        let plan = up(&account, &program).await;
        assert_eq!((plan.counts(), peers(&account)), ((0, 3, 0), ["x", "y", "z"].map(str::to_owned).to_vec()));
        // In a circle, one has to go, and what refers to its id hears of it.
        turn(&account, &["y", "z", "x"]);
        let program = graph(|stack| {
            for (of, peer) in [("a", "x"), ("b", "y"), ("c", "z")] {
                let rule = make::<Rule>().text("peer", peer).add(stack, of);
                stack.output(of, output(&rule, "id"));
            }
        });
        let plan = up(&account, &program).await;
        assert_eq!(plan.counts(), (1, 2, 1));
        assert_eq!(moves(&plan, "Rule.a").0, Action::Replace(ReplaceOrder::DeleteFirst));
        assert_eq!(
            step(&plan, "Rule.a").reason.as_deref(),
            Some("it is deleted first, as Rule.b takes over its identity")
        );
        let after: Vec<_> =
            plan.outputs.iter().map(|change| change.after.as_ref().unwrap().as_json().is_some()).collect();
        assert_eq!(after, [false, true, true]);
        // An update that was interrupted may hold an identity that nothing shows.
        let account = Account::default();
        up(&account, &rule("x")).await;
        let plan = planned(&account, &rule("y")).await.unwrap();
        account.fail(1, ErrorKind::Service, true);
        assert!(!applied(&account, &rule("y"), &plan).await.0.is_complete());
        account.lock().fault = None;
        turn(&account, &["x"]);
        let plan = planned(&account, &rules(&[("a", "x"), ("b", "y")])).await.unwrap();
        turn(&account, &["y"]);
        assert!(applied(&account, &rules(&[("a", "x"), ("b", "y")]), &plan).await.0.is_complete());
    });
}

#[test]
fn what_changes_along_with_a_new_name_is_an_update() {
    run(async {
        let account = Account::default();
        let user = |name: &str, access: &str| {
            graph(|stack| _ = make::<User>().text("name", "one").text("access", access).add(stack, name))
        };
        up(&account, &user("before", "on")).await;
        let plan = up(&account, &user("after", "off")).await;
        assert_eq!(step(&plan, "User.after").action, Action::Update);
        assert_eq!((plan.steps.len(), step(&plan, "User.after").moved_from.clone()), (1, Some(address("User.before"))));
    });
}

#[test]
fn a_kind_without_identity_keeps_its_object_only_if_it_refers_to_the_same() {
    run(async {
        let account = Account::default();
        let program = |name: &str, sponsor: &str| {
            graph(|stack| {
                let [one, two] = ["one", "two"].map(|name| make::<User>().text("name", name).add(stack, name));
                let sponsor = if sponsor == "one" { one } else { two };
                make::<Net>().text("range", "10").refer("sponsor", Some(&sponsor), "id").add(stack, name);
            })
        };
        up(&account, &program("before", "one")).await;
        let plan = planned(&account, &program("after", "two")).await.unwrap();
        assert_eq!(step(&plan, "Net.after").action, Action::Create);
        let plan = planned(&account, &program("after", "one")).await.unwrap();
        assert_eq!(step(&plan, "Net.after").moved_from, Some(address("Net.before")));
    });
}

#[test]
fn a_name_that_could_be_that_of_two_moves_nothing() {
    run(async {
        let nets = |names: &[&str]| {
            let add = |stack: &mut Stack, name: &str| _ = make::<Net>().text("range", "10").add(stack, name);
            graph(|stack| names.iter().for_each(|name| add(stack, name)))
        };
        for (before, after) in [(&["a", "b"][..], &["c"][..]), (&["a"], &["b", "c"]), (&["a", "b"], &["c", "d"])] {
            let account = Account::default();
            up(&account, &nets(before)).await;
            let plan = up(&account, &nets(after)).await;
            assert_eq!(plan.counts(), (after.len(), 0, before.len()));
        }
        let account = Account::default();
        up(&account, &nets(&["a", "b"])).await;
        assert_eq!(up(&account, &nets(&["a", "c"])).await.counts(), (0, 0, 0));
    });
}

/// A user of this name, a network that is replaced with it, and a group that stays.
fn owned(name: &str, tag: &str) -> Graph {
    graph(|stack| {
        let user = make::<User>().text("name", name).add(stack, "u");
        make::<Net>().text("range", "10").text("tag", tag).refer("sponsor", Some(&user), "id").add(stack, "n");
        let group = make::<Group>().text("name", "all").refer_all("users", &[]).refer("owner", Some(&user), "id");
        group.add(stack, "g");
    })
}

#[test]
fn a_program_that_is_taken_back_half_way_keeps_the_old_object() {
    run(async {
        let mut kept = 0;
        // Each call of the apply fails in turn.
        for call in 0..12 {
            for (after_effect, kind) in [(false, ErrorKind::Denied), (true, ErrorKind::Service)] {
                let account = Account::default();
                up(&account, &owned("old", "t")).await;
                let plan = planned(&account, &owned("new", "t")).await.unwrap();
                assert_eq!(step(&plan, "User.u").action, Action::Replace(ReplaceOrder::CreateFirst));
                let old_net = step(&plan, "Net.n").id.clone().unwrap();
                account.fail(call, kind, after_effect);
                applied(&account, &owned("new", "t"), &plan).await;
                account.lock().fault = None;
                let is_gone = |kind, id| account.lock().world.thing(kind, id).is_none();
                if is_gone("User", "old") || is_gone("Net", &old_net) {
                    continue;
                }
                kept += 1;
                let plan = up(&account, &owned("old", "other")).await;
                let user = step(&plan, "User.u");
                assert_eq!((user.action, user.id.as_deref()), (Action::Nothing, Some("old")));
                let net = step(&plan, "Net.n");
                assert_eq!((net.action, net.id.as_ref()), (Action::Update, Some(&old_net)));
            }
        }
        assert!(kept > 10, "{kept}");
    });
}

#[test]
fn an_object_that_may_yet_appear_is_looked_for_after_its_program_was_taken_back() {
    run(async {
        let account = Account::default();
        up(&account, &owned("old", "t")).await;
        let plan = planned(&account, &owned("new", "t")).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        applied(&account, &owned("new", "t"), &plan).await;
        // The plan finds nothing, and the apply does.
        let world = account.lock().world.clone();
        account.lock().world.objects.retain(|(_, id), _| id != "new");
        let plan = planned(&account, &owned("old", "t")).await.unwrap();
        assert_eq!((plan.counts(), &step(&plan, "User.u").deposed), ((0, 0, 1), &vec![String::new()]));
        account.lock().world = world;
        let (report, _) = applied(&account, &owned("old", "t"), &plan).await;
        assert_eq!((report.is_complete(), report.destroyed), (true, 1));
        assert!(account.lock().world.thing("User", "new").is_none());
        crate::runs::assert_settled(&account, &owned("old", "t")).await;
    });
}

/// Whether no two networks are the same, so that each can be told by its values.
fn is_unambiguous(graph: &Graph) -> bool {
    let nets: Vec<_> = graph.nodes().filter(|node| node.address.kind() == "Net").collect();
    // Two that are written in two ways can have one value, as a set that names something twice.
    let values = |net: &palisade_core::Node| {
        let value = |value: &Value| value.substitute(&|reference| Some(format!("{reference:?}").into())).into_json();
        net.fields.values().map(value).collect::<Vec<_>>()
    };
    nets.iter().enumerate().all(|(index, net)| nets[..index].iter().all(|other| values(other) != values(net)))
}

proptest! {
    #![proptest_config(crate::config(300))]

    #[test]
    fn new_names_alone_change_nothing(program in program(), which: [bool; 13]) {
        let program = counted(&program);
        let some = |(spec, is_new): (&Spec, bool)| if is_new { renamed(spec) } else { spec.clone() };
        let after: Vec<Spec> = program.iter().zip(which).map(some).collect();
        let (before, after) = (graph_of(&program), graph_of(&after));
        prop_assume!(is_unambiguous(&before));
        run(async {
            let account = Account::default();
            up(&account, &before).await;
            let world = account.lock().world.clone();
            let plan = up(&account, &after).await;
            assert_eq!((plan.counts(), &account.lock().world), ((0, 0, 0), &world));
            let moved = plan.steps.iter().filter(|step| step.moved_from.is_some()).count();
            let is_new = |node: &&palisade_core::Node| before.node(&node.address).is_none();
            assert_eq!((moved, plan.has_changes()), (after.nodes().filter(is_new).count(), moved > 0));
        });
    }

    #[test]
    fn a_failed_run_can_be_taken_back(
        (before, after) in edit(), call in 0..25_usize, after_effect: bool, is_service: bool,
    ) {
        run(async {
            let account = Account::default();
            let before = graph_of(&before);
            up(&account, &before).await;
            let graph = graph_of(&after);
            let Ok(plan) = planned(&account, &graph).await else { return };
            let kind = if is_service { ErrorKind::Service } else { ErrorKind::Denied };
            account.fail(call, kind, after_effect);
            applied(&account, &graph, &plan).await;
            account.lock().fault = None;
            match planned(&account, &before).await {
                Ok(_) => _ = up(&account, &before).await,
                Err(error) => assert_impossible(&account, &before, error),
            }
        });
    }

}

proptest! {
    #![proptest_config(crate::config(60))]

    #[test]
    fn every_moment_can_be_taken_back((before, after) in edit()) {
        run(async {
            let account = Account::default();
            let before = graph_of(&before);
            up(&account, &before).await;
            let graph = graph_of(&after);
            let Ok(plan) = planned(&account, &graph).await else { return };
            let first = account.lock().moments.len().saturating_sub(1);
            applied(&account, &graph, &plan).await;
            let moments = account.lock().moments[first..].to_vec();
            for moment in moments {
                let crashed = Account::again(&moment);
                match planned(&crashed, &before).await {
                    Ok(_) => _ = up(&crashed, &before).await,
                    Err(error) => assert_impossible(&crashed, &before, error),
                }
            }
        });
    }
}

#[test]
fn a_saved_plan_is_stale_if_an_identity_that_it_takes_is_to_be_freed_first() {
    run(async {
        let account = Account::default();
        up(&account, &rules(&[("a", "x")])).await;
        let program = rules(&[("a", "x"), ("b", "y")]);
        let lineage = Some(state(&account).lineage);
        let origin = Origin { lineage, account: "in memory".to_owned(), region: None, made_at: 0, is_destroy: false };
        let saved = SavedPlan::new(planned(&account, &program).await.unwrap(), &program, origin);
        for thing in account.lock().world.objects.values_mut() {
            thing.fields.insert("peer".to_owned(), "y".into());
        }
        let Err(SavedPlanError::Stale(items)) = saved.rest(&account, &program, &state(&account)).await else {
            panic!("it is carried out");
        };
        insta::assert_snapshot!(
            items[0],
            @"Rule.b: the plan saw nothing that it has to wait for, and now there is Rule.a, for which it has to wait: the object `rule-1`, to be updated in place"
        );
    });
}

#[test]
fn of_two_resources_that_claim_one_object_the_one_that_has_it_keeps_it() {
    run(async {
        let account = Account::default();
        up(&account, &users(&[("b", "one")])).await;
        for other in ["a", "c"] {
            let program = users(&[("b", "one"), (other, "one")]);
            let plan = planned(&account, &program).await.unwrap();
            assert!(plan.step(&address("User.b")).is_none_or(|step| step.action == Action::Nothing), "{plan:#?}");
            assert_eq!(step(&plan, &format!("User.{other}")).action, Action::Create);
        }
    });
}
