//! Changes that those who refer to the object could not go with: these come after the changes of the others.

use palisade_core::{Graph, provider::ErrorKind};
use palisade_engine::{ApplyOptions, Report, StepKind, apply};
use tokio::sync::watch;

use crate::{
    account::Account,
    kinds::{Group, Net, Server, User, make},
    runs::{applied, assert_settled, graph, planned, run, state, up},
};

/// A server of the versions from `oldest` to `newest`, and a group that refers to it, and has a user or none.
fn program(oldest: &str, newest: &str, has_user: bool) -> Graph {
    graph(|stack| {
        let server = make::<Server>().text("name", "s").text("oldest", oldest).text("newest", newest).add(stack, "s");
        let user = make::<User>().text("name", "u").add(stack, "u");
        let users = if has_user { vec![&user] } else { vec![] };
        make::<Group>()
            .text("name", "g")
            .refer_all("users", &users)
            .refer("owner", Some(&server), "id")
            .add(stack, "g");
    })
}

/// What is changed, in this order, when the versions from 2 to 3 become these, and the group gets a user or not.
fn order(oldest: &str, newest: &str, has_user: bool) -> Vec<String> {
    run(async {
        let account = Account::default();
        up(&account, &program("2", "3", false)).await;
        account.lock().calls.clear();
        up(&account, &program(oldest, newest, has_user)).await;
        let calls = account.lock().calls.clone();
        calls.iter().filter_map(|call| call.strip_prefix("converge ")).map(str::to_owned).collect()
    })
}

/// Applies the change that comes in two parts, of which the call numbered `call` fails.
async fn fail_at(account: &Account, call: usize) -> Report {
    up(account, &program("2", "3", false)).await;
    let after = program("3", "4", true);
    let plan = planned(account, &after).await.unwrap();
    account.fail(call, ErrorKind::Denied, false);
    let (report, _) = applied(account, &after, &plan).await;
    account.lock().fault = None;
    report
}

#[test]
fn what_others_could_not_go_with_is_changed_after_them_and_the_rest_before() {
    assert_eq!(order("1", "3", true), ["Server.s", "Group.g"]);
    assert_eq!(order("2", "4", true), ["Server.s", "Group.g"]);
    assert_eq!(order("3", "3", true), ["Group.g", "Server.s"]);
    assert_eq!(order("2", "2", true), ["Group.g", "Server.s"]);
}

#[test]
fn a_change_of_both_kinds_comes_in_two_parts_where_others_change_between_them() {
    assert_eq!(order("3", "4", true), ["Server.s", "Group.g", "Server.s"]);
    assert_eq!(order("3", "4", false), ["Server.s"]);
    run(async {
        let account = Account::default();
        up(&account, &program("2", "3", false)).await;
        let first = account.lock().moments.len();
        up(&account, &program("3", "4", true)).await;
        let mut versions = Vec::new();
        for (_, world, _) in &account.lock().moments[first..] {
            let fields = &world.thing("Server", "s").unwrap().fields;
            let now = ["oldest", "newest"].map(|field| fields[field].as_str().unwrap().to_owned());
            if versions.last() != Some(&now) {
                versions.push(now);
            }
        }
        assert_eq!(versions, [["2", "3"], ["2", "4"], ["3", "4"]]);
    });
}

#[test]
fn a_change_in_two_parts_counts_and_fails_as_one() {
    run(async {
        let account = Account::default();
        let report = fail_at(&account, 0).await;
        let (server, group) = ("Server.s".parse().unwrap(), "Group.g".parse().unwrap());
        assert_eq!((report.failures.len(), report.changed), (1, 0));
        assert_eq!(report.skipped, [(group, StepKind::Update, server)]);
        up(&account, &program("3", "4", true)).await;
    });
}

#[test]
fn the_second_part_of_a_change_is_left_out_when_what_it_waits_for_fails() {
    run(async {
        let account = Account::default();
        // After the call that brings the server to the first part, and the one that reads it.
        let report = fail_at(&account, 2).await;
        let (server, group) = ("Server.s".parse().unwrap(), "Group.g".parse().unwrap());
        assert_eq!(report.skipped, [(server, StepKind::Update, group)]);
        up(&account, &program("3", "4", true)).await;
    });
}

#[test]
fn an_object_depends_on_what_the_second_part_of_its_change_lets_go_of_until_then() {
    run(async {
        let program = |is_after: bool| {
            graph(|stack| {
                let net = make::<Net>().text("range", "n").add(stack, "n");
                let user = make::<User>().text("name", "u").add(stack, "u");
                let server = make::<Server>().text("name", "s");
                let server = if is_after {
                    server.text("oldest", "p").text("newest", "q")
                } else {
                    server.refer("oldest", Some(&net), "id").text("newest", "o")
                };
                let (server, users) = (server.add(stack, "s"), if is_after { vec![&user] } else { vec![] });
                let group = make::<Group>().text("name", "g").refer_all("users", &users);
                group.refer("owner", Some(&server), "id").add(stack, "g");
            })
        };
        let account = Account::default();
        up(&account, &program(false)).await;
        // The server is brought to the first part and read, and the change of the group fails.
        crate::runs::fail_at(&account, &program(true), 2).await;
        let (net, recorded) = ("Net.n".parse().unwrap(), state(&account));
        let server = recorded.resources[&"Server.s".parse().unwrap()].current.as_ref().unwrap();
        assert_eq!(server.inputs["newest"], "q");
        assert_eq!(server.inputs["oldest"], recorded.attribute(&net, "id").unwrap());
        assert_eq!(server.depends_on, [net].into());
        up(&account, &program(true)).await;
    });
}

#[test]
fn a_change_in_two_parts_that_has_not_begun_is_reported_once() {
    run(async {
        let account = Account::default();
        up(&account, &program("2", "3", false)).await;
        let after = program("3", "4", true);
        let plan = planned(&account, &after).await.unwrap();
        let (_stop, receiver) = watch::channel(true);
        let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
        let report = apply(&account, &mut account.held().await, state(&account), &after, &plan, &options, &mut |_| {})
            .await
            .unwrap();
        let mut not_begun: Vec<_> = report.not_begun.iter().map(|(address, _)| address.to_string()).collect();
        not_begun.sort();
        assert_eq!(not_begun, ["Group.g", "Server.s"]);
        assert_settled(&account, &program("2", "3", false)).await;
    });
}

#[test]
fn an_object_lets_go_of_what_others_may_stand_in_once_those_that_go_are_gone() {
    /// A network with these peers, and a user in it or not. There is a peer `new` only if it is one of them.
    fn program(peers: &[&str], has_user: bool) -> Graph {
        graph(|stack| {
            let all = ["a", "b", "new"].into_iter().filter(|name| *name != "new" || peers.contains(name));
            let all: Vec<_> = all.map(|name| make::<Net>().text("range", name).add(stack, name)).collect();
            let peers: Vec<_> = all.iter().filter(|net| peers.contains(&net.name())).collect();
            let main = make::<Net>().text("range", "main").refer_all("peers", &peers).add(stack, "main");
            if has_user {
                make::<User>().text("name", "u").refer("net", Some(&main), "id").add(stack, "u");
            }
        })
    }
    let waits = |after: &[&str]| {
        // One of the calls deletes the user, and fails.
        (0..4).any(|call| {
            run(async {
                let account = Account::default();
                up(&account, &program(&["a", "b"], true)).await;
                let after = program(after, false);
                let plan = planned(&account, &after).await.unwrap();
                account.fail(call, ErrorKind::Denied, false);
                let (report, _) = applied(&account, &after, &plan).await;
                account.lock().fault = None;
                let [main, user] = ["Net.main", "User.u"].map(|address| address.parse().unwrap());
                report.skipped.contains(&(main, StepKind::Update, user))
            })
        })
    };
    assert!(waits(&["b"]));
    assert!(waits(&["b", "new"]));
    assert!(waits(&[]));
    assert!(!waits(&["a", "b", "new"]));
}
