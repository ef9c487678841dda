//! Random programs and random edits of them.

use std::{collections::BTreeSet, time::Duration};

use palisade_core::{Address, Graph, Json, Node, Stack, Value, provider::ErrorKind};
use palisade_engine::{Action, Entry, PlanError, ReplaceOrder, State};
use proptest::{collection::vec, prelude::*};

use crate::{
    account::{Account, Fault},
    kinds::{Group, Net, Rule, User, make},
    runs::{applied, assert_settled, planned, run, state, up},
};

/// A resource, by small numbers, so that two programs often have something in common.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    kind: u8,
    name: u8,
    /// The number in the identity.
    identity: u8,
    fixed: u8,
    free: u8,
    references: [u8; 3],
}

pub(crate) fn program() -> impl Strategy<Value = Vec<Spec>> {
    let spec = (0..4_u8, 0..3_u8, 0..4_u8, 0..2_u8, 0..3_u8, any::<[u8; 3]>());
    let spec = spec.prop_map(|(kind, name, identity, fixed, free, references)| {
        // A name mostly comes with its own identity.
        let identity = if identity == 3 { (name + 1) % 3 } else { name };
        Spec { kind, name, identity, fixed, free, references }
    });
    vec(spec, 0..13)
}

/// A program, and another one that was made of it by some edits.
pub(crate) fn edit() -> impl Strategy<Value = (Vec<Spec>, Vec<Spec>)> {
    (program(), program(), vec(0..5_u8, 13)).prop_map(|(before, other, choices)| {
        let mut after = Vec::new();
        for (index, spec) in before.iter().enumerate() {
            let other = other.get(index);
            match (choices[index], other) {
                (0, _) => {}
                (1, Some(other)) => after.push(other.clone()),
                (2, Some(other)) => after.push(Spec { fixed: other.fixed, ..spec.clone() }),
                (3, _) => after.push(renamed(spec)),
                _ => after.push(spec.clone()),
            }
        }
        after.extend(other.into_iter().skip(before.len()));
        (before, after)
    })
}

/// The same resource under another name in the program.
pub(crate) fn renamed(spec: &Spec) -> Spec {
    Spec { name: spec.name + 3, ..spec.clone() }
}

/// The specifications that count: of two with one address or one identity, the first.
pub(crate) fn counted(specs: &[Spec]) -> Vec<Spec> {
    let mut taken = BTreeSet::new();
    let mut is_free = |Spec { kind, name, identity, .. }: &&Spec| {
        taken.insert((*kind, 'n', *name)) && (*kind == 0 || taken.insert((*kind, 'i', *identity)))
    };
    specs.iter().filter(|spec| is_free(spec)).cloned().collect()
}

/// The program that the specifications describe.
pub(crate) fn graph_of(specs: &[Spec]) -> Graph {
    let mut stack = Stack::new("test");
    let mut nets: Vec<Address> = Vec::new();
    let mut users: Vec<Address> = Vec::new();
    for Spec { kind, name, identity, fixed, free, references } in &counted(specs) {
        let name = format!("n{name}");
        let pick = |from: &[Address], which: usize| {
            let index = references[which] as usize % (from.len() + 1);
            from.get(index).cloned()
        };
        match kind {
            0 => {
                let peers: Vec<_> = pick(&nets, 0).into_iter().chain(pick(&nets, 1)).collect();
                let peers: Vec<_> = peers.iter().collect();
                let net = make::<Net>().text("range", &format!("r{fixed}")).text("tag", &format!("t{free}"));
                let net = net.with::<u8>("size", *free).refer_all("peers", &peers);
                // A sponsor is rare, as it makes the replacement of a user one of the network too.
                let sponsor = pick(&users, 2).filter(|_| *free != 0);
                nets.push(net.refer("sponsor", sponsor.as_ref(), "id").add(&mut stack, &name));
            }
            1 => {
                let user = make::<User>().text("name", &format!("u{identity}")).text("engine", &format!("e{fixed}"));
                let user = user.text("access", &format!("on {free}")).text("secret", &format!("s{free}"));
                users.push(user.refer("net", pick(&nets, 0).as_ref(), "id").add(&mut stack, &name));
            }
            3 => {
                let rule = make::<Rule>().text("peer", &format!("p{identity}")).text("about", &format!("a{free}"));
                rule.add(&mut stack, &name);
            }
            _ => {
                let members: Vec<_> = pick(&users, 0).into_iter().chain(pick(&users, 1)).collect();
                let members: Vec<_> = members.iter().collect();
                // An owner is rare, as it makes the replacement of a user impossible.
                let owner = pick(&users, 2).filter(|_| *free == 0);
                let group = make::<Group>().text("name", &format!("g{identity}")).refer_all("users", &members);
                let group = group.refer("owner", owner.as_ref(), "id");
                group.refer("route", pick(&nets, 2).as_ref(), "route").add(&mut stack, &name);
            }
        }
    }
    for (index, net) in nets.iter().enumerate() {
        stack.output(&format!("route{index}"), crate::kinds::output(net, "route"));
    }
    Graph::new(&stack)
}

/// Whether a plan may be refused: an object has to go before one with its identity can come, and something that stays
/// refers to it, directly or through others.
fn has_conflict(state: &State, graph: &Graph) -> bool {
    state.resources.iter().any(|(address, entry)| {
        entry.current.iter().chain(&entry.deposed).enumerate().any(|(index, old)| {
            let Some(name) = old.inputs.get("name") else { return false };
            let namesakes = graph.nodes().filter(|node| node.address.kind() == address.kind());
            let Some(heir) = namesakes.into_iter().find(|node| node.fields["name"].as_json() == Some(name)) else {
                return false;
            };
            // A resource that has only another name in the program keeps its object.
            let is_moved = index == 0 && entry.current.is_some();
            let is_renamed = heir.address != *address && !is_moved;
            let is_replaced = ["engine", "net"].iter().any(|field| {
                let new = heir.fields.get(field).cloned().unwrap_or(Value::Json(Json::Null));
                // A reference counts as changed: it may be to what is replaced.
                new.as_json() != Some(old.inputs.get(*field).unwrap_or(&Json::Null))
            });
            (is_renamed || is_replaced) && is_needed(state, graph, address)
        })
    })
}

/// Whether a resource that stays refers to `address`, directly or through others.
fn is_needed(state: &State, graph: &Graph, address: &Address) -> bool {
    let objects = |entry: &Entry| entry.current.iter().chain(&entry.deposed).cloned().collect::<Vec<_>>();
    let refers = |entry: &Entry| objects(entry).iter().any(|object| object.depends_on.contains(address));
    let mut dependents = state.resources.iter().filter(|(_, entry)| refers(entry)).map(|(dependent, _)| dependent);
    dependents.any(|dependent| {
        // What is new in the program may be the same resource under another name.
        let is_new = |node: &Node| !state.resources.contains_key(&node.address);
        let may_be_moved = graph.nodes().any(|node| node.address.kind() == dependent.kind() && is_new(node));
        graph.node(dependent).is_some() || may_be_moved || is_needed(state, graph, dependent)
    })
}

/// For how long new objects are hidden.
pub(crate) fn lag() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(30)), Just(Duration::from_secs(240))]
}

/// Asserts that the plan was refused for a reason.
pub(crate) fn assert_impossible(account: &Account, graph: &Graph, error: PlanError) {
    let PlanError::Impossible(findings) = error else { panic!("{error}") };
    assert!(findings.iter().all(|finding| !finding.spans.is_empty() && !finding.help.is_empty()));
    assert!(has_conflict(&state(account), graph), "{findings:#?}\n{:#?}", state(account));
}

proptest! {
    #![proptest_config(crate::config(300))]

    #[test]
    fn the_account_becomes_the_program_and_then_nothing_remains_to_be_done((before, after) in edit()) {
        run(async {
            let account = Account::default();
            up(&account, &graph_of(&before)).await;
            let graph = graph_of(&after);
            match planned(&account, &graph).await {
                Ok(_) => _ = up(&account, &graph).await,
                Err(error) => assert_impossible(&account, &graph, error),
            }
            up(&account, &Graph::empty("test")).await;
        });
    }

    #[test]
    fn an_unchanged_program_saves_nothing(program in program()) {
        run(async {
            let account = Account::default();
            let graph = graph_of(&program);
            up(&account, &graph).await;
            let plan = planned(&account, &graph).await.unwrap();
            let count = || {
                let inner = account.lock();
                (inner.saves, inner.calls.len())
            };
            let before = count();
            let (_, events) = applied(&account, &graph, &plan).await;
            assert_eq!((count(), events), (before, vec![]));
        });
    }

    #[test]
    fn a_failed_call_is_made_good_by_the_next_run(
        (before, after) in edit(), call in 0..25_usize, after_effect: bool, is_service: bool, lag in lag(),
    ) {
        run(async {
            let account = Account::default();
            account.lock().lag = lag;
            up(&account, &graph_of(&before)).await;
            let graph = graph_of(&after);
            let plan = match planned(&account, &graph).await {
                Ok(plan) => plan,
                Err(error) => return assert_impossible(&account, &graph, error),
            };
            let kind = if is_service { ErrorKind::Service } else { ErrorKind::Denied };
            let call = account.lock().calls.len() + call;
            account.lock().fault = Some(Fault { call, after_effect, kind });
            let (report, _) = applied(&account, &graph, &plan).await;
            let is_hit = account.lock().calls.len() > call;
            assert_eq!(report.is_complete(), !is_hit, "{report:?}");
            assert_eq!(report.failures.len(), usize::from(is_hit));
            account.lock().fault = None;
            if is_hit {
                up(&account, &graph).await;
            }
            assert_settled(&account, &graph).await;
        });
    }

    #[test]
    fn a_failed_run_can_be_destroyed(
        (before, after) in edit(), call in 0..25_usize, after_effect: bool, is_service: bool, lag in lag(),
    ) {
        run(async {
            let account = Account::default();
            account.lock().lag = lag;
            up(&account, &graph_of(&before)).await;
            let graph = graph_of(&after);
            let Ok(plan) = planned(&account, &graph).await else { return };
            let kind = if is_service { ErrorKind::Service } else { ErrorKind::Denied };
            let call = account.lock().calls.len() + call;
            account.lock().fault = Some(Fault { call, after_effect, kind });
            applied(&account, &graph, &plan).await;
            account.lock().fault = None;
            up(&account, &Graph::empty("test")).await;
        });
    }

    #[test]
    fn a_change_is_an_update_or_a_replacement_as_the_schema_says(before in 0..6_u8, after in 0..6_u8, field in 0..3_usize) {
        let net = |value: u8| {
            let text = |own: usize| if own == field { format!("v{value}") } else { String::new() };
            let net = make::<Net>().text("range", &text(0)).text("tag", &text(1));
            let net = net.with::<u8>("size", if field == 2 { value } else { 0 }).refer_all("peers", &[]);
            crate::runs::graph(|stack| _ = net.add(stack, "main"))
        };
        let expected = match field {
            _ if before == after => Action::Nothing,
            0 => Action::Replace(ReplaceOrder::CreateFirst),
            2 if after < before => Action::Replace(ReplaceOrder::CreateFirst),
            _ => Action::Update,
        };
        let plan = run(async {
            let account = Account::default();
            up(&account, &net(before)).await;
            planned(&account, &net(after)).await.unwrap()
        });
        prop_assert_eq!(plan.steps[0].action, expected);
        let changed = usize::from(before != after);
        prop_assert_eq!(plan.steps[0].changes.len(), changed);
        prop_assert_eq!(plan.steps[0].unchanged, 4 * changed);
        prop_assert!(plan.steps[0].changes.iter().all(|change| change.before != Some(Json::Null)));
    }
}
