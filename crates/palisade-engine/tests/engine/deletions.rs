//! Nothing that an object refers to changes while the object goes, and what is deleted before its successor is created waits for
//! all that the successor needs.

use palisade_core::{Address, Graph, Stack, provider::ErrorKind};
use palisade_engine::StepKind;

use crate::{
    account::Account,
    kinds::{Group, Net, Server, User, make},
    runs::{applied, fail_at, graph, planned, run, up},
};

fn net(stack: &mut Stack, name: &str, tag: &str) -> Address {
    make::<Net>().text("range", name).text("tag", tag).refer_all("peers", &[]).add(stack, name)
}

fn user(stack: &mut Stack, name: &str, access: &str) -> Address {
    make::<User>().text("name", name).text("access", access).add(stack, name)
}

/// The calls of the second of two applies, without those that only read.
fn calls(before: &Graph, after: &Graph) -> Vec<String> {
    run(async {
        let account = Account::default();
        up(&account, before).await;
        account.lock().calls.clear();
        up(&account, after).await;
        let calls = account.lock().calls.clone();
        calls.into_iter().filter(|call| !call.starts_with("read")).collect()
    })
}

/// The place in the order of the first call that begins so.
#[track_caller]
fn at(calls: &[String], call: &str) -> usize {
    calls.iter().position(|other| other.starts_with(call)).unwrap_or_else(|| panic!("no {call} in {calls:?}"))
}

/// What a group refers to, of which a network is a part.
#[derive(Clone, Copy)]
struct Household {
    owner: &'static str,
    member: &'static str,
    /// The oldest version of the server. It rises once those that refer to the server have left it.
    oldest: &'static str,
    has_group: bool,
    has_net: bool,
}

const BEFORE: Household = Household { owner: "on", member: "on", oldest: "1", has_group: true, has_net: true };

impl Household {
    fn graph(self) -> Graph {
        graph(|stack| {
            let owner = user(stack, "owner", self.owner);
            let member = user(stack, "member", self.member);
            let server = make::<Server>().text("name", "s").text("oldest", self.oldest).text("newest", "9");
            let server = server.add(stack, "s");
            if self.has_group {
                let group = make::<Group>().text("name", "g").refer_all("users", &[&member]);
                let group = group.refer("owner", Some(&owner), "id").refer("route", Some(&server), "id");
                let group = group.add(stack, "g");
                if self.has_net {
                    make::<Net>().text("range", "n").refer("sponsor", Some(&group), "id").add(stack, "n");
                }
            }
        })
    }
}

/// Where the change of one object is refused, another one is not deleted: it waits for the change.
#[test]
fn what_an_object_refers_to_changes_before_the_object_is_deleted_however_many_are_between() {
    let no_net = Household { has_net: false, ..BEFORE };
    let nothing = Household { has_group: false, ..BEFORE };
    let cases: [(Household, &[&str], &[&str]); 5] = [
        (Household { member: "off", ..no_net }, &["User.member"], &["Net.n"]),
        (Household { owner: "off", ..no_net }, &["User.owner"], &["Net.n"]),
        (Household { owner: "off", member: "off", ..no_net }, &["User.owner", "User.member"], &["Net.n"]),
        (Household { owner: "off", ..nothing }, &["User.owner"], &["Net.n", "Group.g"]),
        // That of the server waits for the group, and that of the user does not wait for the server.
        (Household { owner: "off", oldest: "2", ..nothing }, &["User.owner"], &["Net.n", "Group.g"]),
    ];
    for (after, changes, deletions) in cases {
        for change in changes {
            let fails = |call| {
                run(async {
                    let account = Account::default();
                    up(&account, &BEFORE.graph()).await;
                    let report = fail_at(&account, &after.graph(), call).await;
                    up(&account, &after.graph()).await;
                    (report.failures[0].address.to_string() == *change).then_some(report)
                })
            };
            let report = (0..4).find_map(fails).unwrap();
            for deletion in deletions {
                let skipped = report.skipped.iter().find(|(address, ..)| address.to_string() == *deletion);
                assert!(skipped.is_some_and(|(_, step, _)| *step == StepKind::Delete), "{change}: {report:?}");
            }
        }
    }
}

#[test]
fn what_an_object_refers_to_changes_after_a_deletion_that_has_begun() {
    run(async {
        let account = Account::default();
        up(&account, &BEFORE.graph()).await;
        // The deletion is sent, and its answer does not come.
        let gone = Household { has_net: false, ..BEFORE }.graph();
        let plan = planned(&account, &gone).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        applied(&account, &gone, &plan).await;
        account.lock().fault = None;
        account.lock().calls.clear();
        up(&account, &Household { owner: "off", has_net: false, ..BEFORE }.graph()).await;
        let calls = account.lock().calls.clone();
        assert!(at(&calls, "delete Net") < at(&calls, "converge User.owner"), "{calls:?}");
    });
}

/// A user that is deleted before its successor is created, as the name stays, and that has a network of its own or one of another
/// tag; `follower` is replaced because it refers to that user.
fn replaced(engine: &str, network: &str, has_follower: bool) -> Graph {
    graph(|stack| {
        let net = net(stack, network, network);
        let user = make::<User>().text("name", "u").text("engine", engine).refer("net", Some(&net), "id");
        let user = user.add(stack, "u");
        if has_follower {
            make::<User>().text("name", "f").refer("net", Some(&user), "id").add(stack, "f");
        }
    })
}

#[test]
fn what_is_deleted_first_is_deleted_once_its_successor_has_all_that_it_needs() {
    for (has_follower, deletions) in [(false, &["delete User.u"][..]), (true, &["delete User.f", "delete User.u"])] {
        let calls = calls(&replaced("1", "a", has_follower), &replaced("2", "b", has_follower));
        for deletion in deletions {
            assert!(at(&calls, "create Net.b") < at(&calls, deletion), "{calls:?}");
        }
    }
}

#[test]
fn what_is_deleted_first_stays_where_something_fails_that_its_successor_needs() {
    run(async {
        let account = Account::default();
        up(&account, &replaced("1", "a", true)).await;
        let before = account.lock().world.objects.clone();
        let report = fail_at(&account, &replaced("2", "b", true), 0).await;
        let [user, follower, net]: [Address; 3] = ["User.u", "User.f", "Net.b"].map(|address| address.parse().unwrap());
        assert_eq!(report.failures.iter().map(|failure| &failure.address).collect::<Vec<_>>(), [&net]);
        for address in [user, follower] {
            assert!(report.skipped.contains(&(address, StepKind::Delete, net.clone())), "{report:?}");
        }
        assert_eq!(account.lock().world.objects, before);
        up(&account, &replaced("2", "b", true)).await;
    });
}
