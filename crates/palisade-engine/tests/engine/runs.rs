//! What all tests do: plan, apply, and look whether the account is what the program says.

use palisade_core::{Graph, Json, JsonMap, Stack, provider::ErrorKind};
use palisade_engine::{Action, ApplyOptions, Event, Plan, PlanError, Report, State, apply, plan};

use crate::account::{Account, World};

/// Runs a future on a clock that does not wait.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

pub(crate) fn graph(fill: impl FnOnce(&mut Stack)) -> Graph {
    let mut stack = Stack::new("test");
    fill(&mut stack);
    Graph::new(&stack)
}

pub(crate) fn state(account: &Account) -> State {
    let saved = account.lock().saved.clone();
    saved.unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"))
}

pub(crate) async fn planned(account: &Account, graph: &Graph) -> Result<Plan, PlanError> {
    plan(account, graph, &state(account)).await
}

pub(crate) async fn applied(account: &Account, graph: &Graph, plan: &Plan) -> (Report, Vec<Event>) {
    let mut events = Vec::new();
    let options = ApplyOptions::default();
    let mut listener = |event| events.push(event);
    let report =
        apply(account, &mut account.held().await, state(account), graph, plan, &options, &mut listener).await.unwrap();
    (report, events)
}

/// Applies the program, of which the call numbered `call` fails.
pub(crate) async fn fail_at(account: &Account, graph: &Graph, call: usize) -> Report {
    let plan = planned(account, graph).await.unwrap();
    account.fail(call, ErrorKind::Denied, false);
    let (report, _) = applied(account, graph, &plan).await;
    account.lock().fault = None;
    report
}

/// Plans and applies, and asserts that all went well.
pub(crate) async fn up(account: &Account, graph: &Graph) -> Plan {
    let plan = planned(account, graph).await.unwrap();
    let (report, _) = applied(account, graph, &plan).await;
    assert!(report.is_complete(), "{report:?}\n{plan:#?}\n{:?}", account.lock().calls);
    assert_eq!((report.added, report.changed, report.destroyed), plan.counts());
    for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Replace(_))) {
        let is_explained = step.reason.is_some() || step.changes.iter().any(|change| change.forces_replacement);
        assert!(is_explained, "{step:#?}");
    }
    assert_settled(account, graph).await;
    plan
}

/// Asserts that the account is what the program says, that nothing else is in it, and that nothing remains to be done.
pub(crate) async fn assert_settled(account: &Account, graph: &Graph) {
    let state = state(account);
    {
        let inner = account.lock();
        assert_eq!(inner.violations, [""; 0], "{:#?}", inner.calls);
        assert_eq!(inner.world.objects.len(), graph.nodes().count(), "orphans or duplicates: {:#?}", inner.world);
        assert_eq!(state.resources.len(), graph.nodes().count());
        for node in graph.nodes() {
            let id = state.attribute(&node.address, "id").unwrap();
            let thing = inner.world.thing(node.address.kind(), id.as_str().unwrap()).expect("it exists");
            let value = |value: &palisade_core::Value| {
                value.substitute(&|r| attribute(&inner.world, &state, r)).into_json().expect("all is known")
            };
            let wanted: JsonMap = node.fields.iter().map(|(name, field)| ((*name).to_owned(), value(field))).collect();
            assert_eq!(thing.fields, wanted, "{}", node.address);
        }
    }
    let plan = planned(account, graph).await.unwrap();
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:#?}");
    assert!(plan.steps.iter().all(|step| step.action == Action::Nothing && step.changes.is_empty()));
}

/// An attribute as the world has it now, whatever the state says.
fn attribute(world: &World, state: &State, reference: &palisade_core::Reference) -> Option<Json> {
    let id = state.attribute(&reference.address, "id")?;
    if reference.attribute == "id" {
        return Some(id);
    }
    let thing = world.thing(reference.address.kind(), id.as_str()?)?;
    let tag = thing.fields.get("tag").and_then(Json::as_str).unwrap_or_default();
    Some(format!("{}:{tag}", id.as_str()?).into())
}
