//! Whether a replaced object or its successor comes first.

use std::collections::{HashMap, HashSet};

use palisade_core::{Address, FieldSchema, Graph, Schema, Value};
use petgraph::{
    Direction,
    algo::{DfsSpace, has_path_connecting, tarjan_scc},
    graph::NodeIndex,
    visit::{EdgeRef, NodeFiltered},
};

use crate::{
    Action, FieldChange, Plan, ReplaceOrder, State,
    steps::{Steps, Task, Wait, steps},
};

/// Two objects whose identities clash cannot exist at a time, so such a successor has to wait.
pub(crate) fn replace_order(schema: &Schema, changes: &[FieldChange]) -> ReplaceOrder {
    let mut identity = schema.fields.iter().filter(|field| field.identity).peekable();
    let has_none = identity.peek().is_none();
    let is_left = |field: &FieldSchema| {
        let Some(change) = changes.iter().find(|change| change.field == field.name) else { return false };
        let values = change.before.as_ref().zip(change.after.as_ref().and_then(Value::as_json));
        !values.is_some_and(|(before, after)| {
            field.fold(before.clone()) == field.fold(after.clone())
                || field.clashes.is_some_and(|clashes| clashes(before, after))
        })
    };
    if has_none || identity.any(is_left) { ReplaceOrder::CreateFirst } else { ReplaceOrder::DeleteFirst }
}

/// Lets those successors come second that cannot come first, as they wait for something that waits for the deletion of
/// their predecessor: an object that is replaced and refers to another one that is deleted first, or one whose identity
/// goes over to another resource. Of objects that would exchange their identities in place, one is replaced, and returned.
pub(crate) fn delete_first(graph: &Graph, state: &State, plan: &mut Plan) -> Vec<Address> {
    let mut replaced = Vec::new();
    // Each round leaves fewer successors that come first.
    loop {
        let steps = steps(graph, state, plan);
        let circles = Circles::new(&steps);
        let mut turned = circles.forced();
        if turned.is_empty() {
            // What is left exchanges identities. One of the objects of each circle has to go first, and any will do.
            turned = circles.one_of_each(circles.replacements());
        }
        if turned.is_empty() {
            turned = circles.one_of_each(circles.takers());
        }
        if turned.is_empty() {
            return replaced;
        }
        let turned = turned.into_iter().map(|(make, end)| (&steps[make].address, circles.reason(make, end)));
        let mut reasons: HashMap<_, _> = turned.collect();
        for step in &mut plan.steps {
            if let Some(reason) = reasons.remove(&step.address) {
                replaced.extend((step.action == Action::Update).then(|| step.address.clone()));
                step.action = Action::Replace(ReplaceOrder::DeleteFirst);
                step.reason = Some(reason);
            }
        }
    }
}

/// The steps that make an object and that end its predecessor; twice the same one, where an object is changed in place.
type Pair = (NodeIndex, NodeIndex);

/// The steps of a plan, and which of them wait for each other.
struct Circles<'a> {
    steps: &'a Steps,
    /// The circle that each step is in, by its number. A step that waits for nothing that waits for it is in one of its own.
    of: Vec<usize>,
}

impl<'a> Circles<'a> {
    fn new(steps: &'a Steps) -> Self {
        let mut of = vec![0; steps.node_count()];
        for (number, circle) in tarjan_scc(steps).into_iter().enumerate() {
            circle.into_iter().for_each(|step| of[step.index()] = number);
        }
        Self { steps, of }
    }

    fn is_one(&self, one: NodeIndex, other: NodeIndex) -> bool {
        self.of[one.index()] == self.of[other.index()]
    }

    /// The replacements whose two steps wait for each other, as creation and deletion.
    fn replacements(&self) -> Vec<Pair> {
        let preferred = self.steps.edge_references().filter(|edge| *edge.weight() == Wait::Preferred);
        let pairs = preferred.map(|edge| (edge.source(), edge.target()));
        pairs.filter(|&(make, end)| self.is_one(make, end)).collect()
    }

    /// Those of them whose creation waits for the deletion in any case, whatever becomes of the others.
    fn forced(&self) -> Vec<Pair> {
        let mut pairs = self.replacements();
        if !pairs.is_empty() {
            let needed = self.steps.filter_map(|_, _| Some(()), |_, wait| wait.is_needed().then_some(()));
            let mut space = DfsSpace::new(&needed);
            pairs.retain(|&(make, end)| {
                // What leads from the one to the other is in their circle.
                let circle = NodeFiltered::from_fn(&needed, |step| self.is_one(step, make));
                has_path_connecting(&circle, end, make, Some(&mut space))
            });
        }
        pairs
    }

    /// The updates that are to take over an identity from one that waits for them.
    fn takers(&self) -> Vec<Pair> {
        let takes = |step: NodeIndex| {
            let mut before = self.steps.edges_directed(step, Direction::Incoming);
            before.any(|edge| *edge.weight() == Wait::Identity && self.is_one(edge.source(), step))
        };
        let updates = self.steps.node_indices().filter(|&step| self.steps[step].task == Task::Update);
        updates.filter(|&step| takes(step)).map(|step| (step, step)).collect()
    }

    /// The first of each circle.
    fn one_of_each(&self, pairs: Vec<Pair>) -> Vec<Pair> {
        let mut seen = HashSet::new();
        pairs.into_iter().filter(|(make, _)| seen.insert(self.of[make.index()])).collect()
    }

    /// Why the predecessor has to go first: because of the first step on the way from its deletion to the creation.
    fn reason(&self, make: NodeIndex, end: NodeIndex) -> String {
        let next = self.steps.edges(end).find(|edge| self.is_one(edge.target(), make));
        match next.map(|edge| (edge.weight(), &self.steps[edge.target()])) {
            Some((Wait::Room, _)) => "it is deleted first, as there is no room for another one beside it".to_owned(),
            Some((_, next)) if matches!(next.task, Task::Delete { .. }) => {
                format!("it is deleted first, as {}, which it refers to, is", next.address)
            }
            Some((_, next)) => format!("it is deleted first, as {} takes over its identity", next.address),
            None => "it is deleted first".to_owned(),
        }
    }
}
