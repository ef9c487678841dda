//! Resources that get another name in the program and change at once: which of those that are new is which of those that are gone.

use palisade_core::{Address, Graph, Handle, Stack};
use palisade_engine::{Action, Phase, Plan, ReplaceOrder};

use crate::{
    account::Account,
    kinds::{Net, Of, Rule, User, make},
    runs::{graph, planned, run, state, up},
};

/// What a plan does to each resource that is not left alone: its address, its action and, where it had another one, its earlier
/// name.
fn done(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| !step.is_idle());
    let each = steps.map(|step| {
        let action = match step.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace(_) => "replace",
            Action::Delete => "delete",
            Action::Nothing => "keep",
        };
        let was = step.moved_from.as_ref().map(|from| format!(", was {}", from.name())).unwrap_or_default();
        format!("{} {}{was}", action, step.address.name())
    });
    each.collect()
}

/// A network: its name in the program, its range and its tag; or a rule, its peer and its port.
type Line = (&'static str, &'static str, &'static str);

/// What a plan does that leads to these networks, of which some have these earlier names.
type Case = (&'static [Line], &'static [(&'static str, &'static str)], &'static [&'static str]);

/// The networks, and the earlier names of some of them.
fn nets(lines: &[Line], earlier: &[(&str, &str)]) -> Graph {
    graph(|stack| {
        for &(name, range, tag) in lines {
            let net: Handle<Of<Net>> = stack.add(name, make::<Net>().text("range", range).text("tag", tag));
            for (from, _) in earlier.iter().filter(|(_, to)| *to == name) {
                stack.moved(from, &net);
            }
        }
    })
}

#[test]
fn a_resource_that_changes_along_with_its_name_is_the_same_if_no_other_can_be_meant() {
    let cases: &[(&[Line], &[Line], &[&str])] = &[
        // It is the only one.
        (&[("a", "10", "t")], &[("b", "10", "u")], &["update b, was a"]),
        // A range makes another network.
        (&[("a", "10", "t")], &[("b", "20", "t")], &["create b", "delete a"]),
        // The ranges tell which is which.
        (
            &[("a", "10", "t"), ("b", "20", "t")],
            &[("c", "20", "u"), ("d", "10", "u")],
            &["update c, was b", "update d, was a"],
        ),
        // What has changed its name alone leaves one for the other.
        (
            &[("a", "10", "t"), ("b", "10", "u")],
            &[("c", "10", "v"), ("d", "10", "u")],
            &["update c, was a", "keep d, was b"],
        ),
        // What keeps its name is not looked at.
        (
            &[("a", "10", "t"), ("b", "10", "t")],
            &[("a", "10", "u"), ("c", "10", "u")],
            &["update a", "update c, was b"],
        ),
        // Each of the two could be meant.
        (&[("a", "10", "t"), ("b", "10", "u")], &[("c", "10", "v")], &["create c", "delete b", "delete a"]),
        (&[("a", "10", "t")], &[("b", "10", "u"), ("c", "10", "v")], &["create b", "create c", "delete a"]),
    ];
    for (before, after, expected) in cases {
        run(async {
            let account = Account::default();
            up(&account, &nets(before, &[])).await;
            let plan = up(&account, &nets(after, &[])).await;
            assert_eq!(done(&plan), *expected, "{before:?} {after:?}");
        });
    }
}

#[test]
fn an_earlier_name_tells_which_one_is_meant() {
    let two: &[Line] = &[("a", "10", "t"), ("b", "10", "u")];
    let cases: &[Case] = &[
        (&[("c", "10", "v")], &[("a", "c")], &["update c, was a", "delete b"]),
        (&[("c", "10", "v")], &[("b", "c")], &["update c, was b", "delete a"]),
        // One of two is enough.
        (&[("c", "10", "v"), ("d", "10", "w")], &[("b", "c")], &["update c, was b", "update d, was a"]),
        // It counts more than values that are the same.
        (&[("c", "10", "t")], &[("b", "c")], &["update c, was b", "delete a"]),
        // Another range makes another object, in the place of the earlier one.
        (&[("b", "10", "u"), ("c", "20", "t")], &[("a", "c")], &["replace c, was a"]),
        // There is nothing of that name.
        (&[("a", "10", "t"), ("b", "10", "u")], &[("z", "a")], &[]),
        // The program has another resource of that name, which `Stack::findings` reports.
        (&[("a", "10", "t"), ("b", "10", "u"), ("c", "10", "t")], &[("a", "c")], &["create c"]),
    ];
    for (after, earlier, expected) in cases {
        run(async {
            let account = Account::default();
            up(&account, &nets(two, &[])).await;
            let program = nets(after, earlier);
            let plan = up(&account, &program).await;
            assert_eq!(done(&plan), *expected, "{after:?} {earlier:?}");
            // The line may stay.
            assert!(!planned(&account, &program).await.unwrap().has_changes(), "{after:?} {earlier:?}");
        });
    }
}

#[test]
fn an_earlier_name_does_nothing_to_a_resource_that_exists() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "10", "t"), ("b", "10", "u")], &[])).await;
        let plan = up(&account, &nets(&[("b", "10", "u")], &[("a", "b")])).await;
        assert_eq!(done(&plan), ["delete a"]);
    });
}

#[test]
fn a_plan_that_cannot_tell_names_what_could_be_meant_and_the_line_to_add() {
    run(async {
        let account = Account::default();
        let all = [("a", "10", "t"), ("b", "10", "u"), ("c", "20", "t")];
        let many = [("x", "10", "t"), ("y", "10", "u"), ("z", "10", "t")];
        up(&account, &nets(&[all, many].concat(), &[])).await;
        let plan = planned(&account, &nets(&[("d", "10", "v")], &[])).await.unwrap();
        let step = plan.step(&Address::new("Net", "d")).unwrap();
        insta::assert_snapshot!(
            step.reason.as_deref().unwrap(),
            @r#"if it is Net.a or Net.b or Net.x under another name, add `stack.moved("a", &..)`, and it keeps the object"#
        );
        up(&account, &nets(&all, &[])).await;
        let plan = planned(&account, &nets(&[("d", "10", "v"), ("e", "30", "v")], &[])).await.unwrap();
        let reason = |name: &str| plan.step(&Address::new("Net", name)).unwrap().reason.clone();
        insta::assert_snapshot!(
            reason("d").unwrap(),
            @r#"if it is Net.a or Net.b under another name, add `stack.moved("a", &..)`, and it keeps the object"#
        );
        assert_eq!(reason("e"), None);
        // The line is the cure.
        let plan = up(&account, &nets(&[("d", "10", "v"), ("e", "30", "v")], &[("a", "d")])).await;
        assert_eq!(done(&plan), ["update d, was a", "create e", "delete c", "delete b"]);
    });
}

/// A network does not become smaller.
#[test]
fn a_change_that_replaces_in_one_direction_alone_tells_which_one_is_not_meant() {
    run(async {
        let nets = |lines: &[(&str, u32)]| {
            graph(|stack| {
                for &(name, size) in lines {
                    make::<Net>().text("range", "10").with::<u32>("size", size).add(stack, name);
                }
            })
        };
        let account = Account::default();
        up(&account, &nets(&[("a", 3), ("b", 7)])).await;
        let plan = planned(&account, &nets(&[("c", 2)])).await.unwrap();
        assert_eq!(done(&plan), ["create c", "delete b", "delete a"]);
        assert_eq!(plan.step(&Address::new("Net", "c")).unwrap().reason, None, "it can be neither");
        let plan = up(&account, &nets(&[("c", 5)])).await;
        assert_eq!(done(&plan), ["update c, was a", "delete b"]);
    });
}

/// What refers to the one that has moved stays as well, and can be told by it.
#[test]
fn what_is_in_a_network_that_changes_along_with_its_name_follows() {
    run(async {
        let program = |names: [&str; 3], tags: [&str; 2]| {
            graph(|stack: &mut Stack| {
                let sponsor = make::<User>().text("name", "sponsor").text("access", tags[0]).add(stack, "sponsor");
                let outer =
                    make::<Net>().text("range", "10").text("tag", tags[0]).refer("sponsor", Some(&sponsor), "id");
                let outer = outer.add(stack, names[0]);
                let user = make::<User>().text("name", "one").refer("net", Some(&outer), "id").add(stack, names[1]);
                make::<Net>()
                    .text("range", "20")
                    .text("tag", tags[1])
                    .refer("sponsor", Some(&user), "id")
                    .add(stack, names[2]);
            })
        };
        let account = Account::default();
        up(&account, &program(["a", "b", "c"], ["t", "u"])).await;
        let plan = up(&account, &program(["d", "e", "f"], ["v", "w"])).await;
        assert_eq!(done(&plan), ["update sponsor", "update d, was a", "keep e, was b", "update f, was c"]);
    });
}

/// The peer identifies a rule. If the peer changes as well, the port does: no two rules have one port.
#[test]
fn a_value_that_no_two_can_have_tells_which_one_is_meant() {
    let rules = |lines: &[Line]| {
        graph(|stack| {
            for (name, peer, port) in lines {
                make::<Rule>().text("peer", peer).text("port", port).add(stack, name);
            }
        })
    };
    let cases: &[(&[Line], &[&str])] = &[
        (&[("c", "z", "2"), ("d", "w", "1")], &["update c, was b", "update d, was a"]),
        (&[("c", "z", "2"), ("d", "w", "9")], &["update c, was b", "update d, was a"]),
        (&[("c", "y", "1"), ("d", "x", "2")], &["update c, was b", "update d, was a"]),
        (&[("c", "z", "8"), ("d", "w", "9")], &["create c", "create d", "delete b", "delete a"]),
    ];
    run(async {
        // Of two that take it, neither can be told.
        let account = Account::default();
        up(&account, &rules(&[("a", "x", "1"), ("b", "y", "2")])).await;
        let plan = planned(&account, &rules(&[("c", "z", "2"), ("d", "w", "2")])).await.unwrap();
        assert_eq!(done(&plan), ["create c", "create d", "delete b", "delete a"]);
    });
    for (after, expected) in cases {
        run(async {
            let account = Account::default();
            up(&account, &rules(&[("a", "x", "1"), ("b", "y", "2")])).await;
            let plan = up(&account, &rules(after)).await;
            assert_eq!(done(&plan), *expected, "{after:?}");
            assert!(plan.steps.iter().all(|step| step.reason.is_none()), "a rule that is made anew loses nothing");
        });
    }
}

/// What was not finished, or is being deleted, has nothing to keep.
#[test]
fn an_object_that_is_not_whole_does_not_come_under_a_new_name_with_a_change() {
    run(async {
        for spoil in [
            |object: &mut palisade_engine::ObjectState| object.phase = Phase::Created,
            |object: &mut palisade_engine::ObjectState| object.is_being_deleted = true,
        ] {
            let account = Account::default();
            up(&account, &nets(&[("a", "10", "t")], &[])).await;
            let mut saved = state(&account);
            spoil(saved.resources.get_mut(&Address::new("Net", "a")).unwrap().current.as_mut().unwrap());
            account.lock().saved = Some(saved);
            let plan = up(&account, &nets(&[("b", "10", "u")], &[])).await;
            assert_eq!(done(&plan), ["create b", "delete a"]);
        }
    });
}

#[test]
fn an_object_that_comes_under_an_earlier_name_may_be_replaced_in_either_order() {
    run(async {
        let user = |name: &str, of: &str, engine: &str, earlier: Option<&str>| {
            graph(|stack| {
                let user: Handle<Of<User>> = stack.add(name, make::<User>().text("name", of).text("engine", engine));
                earlier.iter().for_each(|earlier| stack.moved(earlier, &user));
            })
        };
        let account = Account::default();
        up(&account, &user("a", "one", "redis", None)).await;
        let plan = up(&account, &user("b", "one", "valkey", None)).await;
        assert_eq!(plan.step(&Address::new("User", "b")).unwrap().action, Action::Replace(ReplaceOrder::DeleteFirst));
        let plan = up(&account, &user("c", "two", "valkey", Some("b"))).await;
        assert_eq!(plan.step(&Address::new("User", "c")).unwrap().action, Action::Replace(ReplaceOrder::CreateFirst));
    });
}
