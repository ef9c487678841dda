//! [`Steps`]: the steps of a plan, and which of them wait for which.

use std::collections::{BTreeMap, HashMap};

use palisade_core::{Address, Graph, Json, Node, Schema};
use petgraph::{
    algo::has_path_connecting,
    graph::{DiGraph, NodeIndex},
};

use crate::{Action, ObjectState, Plan, ReplaceOrder, State, Step, StepKind};

/// The steps of a plan, with an edge from each to all that wait for it.
pub(crate) type Steps = DiGraph<Work, Wait>;

/// Why a step waits for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// The two cannot be done in the other order.
    Needed,
    /// A replaced object had better live until its successor does.
    Preferred,
}

/// One step: one object of one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) address: Address,
    pub(crate) task: Task,
}

/// What is done to the object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    /// An object is created.
    Create {
        /// Whether the current object lives on beside the new one until its own step deletes it.
        keep_old: bool,
        /// Whether the plan took the interrupted creation of the resource, if there was one, for one that left nothing.
        nothing_found: bool,
    },
    /// The current object is changed in place.
    Update,
    /// An object is deleted.
    Delete(Target),
}

/// Which of the objects of a resource is deleted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Target {
    /// The current one.
    Current,
    /// The older one with this id.
    Deposed(String),
}

impl Work {
    pub(crate) fn kind(&self) -> StepKind {
        match self.task {
            Task::Create { .. } => StepKind::Create,
            Task::Update => StepKind::Update,
            Task::Delete(_) => StepKind::Delete,
        }
    }
}

/// The steps of `plan`, which was made of `graph` and `state`.
pub(crate) fn steps(graph: &Graph, state: &State, plan: &Plan) -> Steps {
    let mut builder = Builder::new(graph, state);
    for step in &plan.steps {
        builder.add(step);
    }
    builder.make_after_dependencies();
    builder.replace_in_order(plan);
    builder.create_after_namesakes(plan);
    builder.delete_after_dependents();
    builder.steps
}

struct Builder<'a> {
    graph: &'a Graph,
    state: &'a State,
    steps: Steps,
    /// The creations and updates, of which a resource has one at most.
    makes: HashMap<&'a Address, NodeIndex>,
    /// The deletions, by what the object is before the apply.
    deletes: BTreeMap<(&'a Address, Target), NodeIndex>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, state: &'a State) -> Self {
        Self { graph, state, steps: Steps::new(), makes: HashMap::new(), deletes: BTreeMap::new() }
    }

    fn add(&mut self, step: &'a Step) {
        let nothing_found = step.id.is_none();
        match step.action {
            Action::Create => self.make(step, Task::Create { keep_old: false, nothing_found }),
            Action::Update => self.make(step, Task::Update),
            Action::Replace(ReplaceOrder::CreateFirst) => {
                self.make(step, Task::Create { keep_old: true, nothing_found });
                // Once the creation has begun, the object is one of the older ones.
                let target = step.id.clone().map_or(Target::Current, Target::Deposed);
                self.delete(step, Target::Current, target);
            }
            Action::Replace(ReplaceOrder::DeleteFirst) => {
                self.delete(step, Target::Current, Target::Current);
                self.make(step, Task::Create { keep_old: false, nothing_found });
            }
            Action::Delete => self.delete(step, Target::Current, Target::Current),
            Action::Nothing => {}
        }
        for id in &step.deposed {
            self.delete(step, Target::Deposed(id.clone()), Target::Deposed(id.clone()));
        }
    }

    fn make(&mut self, step: &'a Step, task: Task) {
        let index = self.steps.add_node(Work { address: step.address.clone(), task });
        self.makes.insert(&step.address, index);
    }

    fn delete(&mut self, step: &'a Step, before: Target, target: Target) {
        let index = self.steps.add_node(Work { address: step.address.clone(), task: Task::Delete(target) });
        self.deletes.insert((&step.address, before), index);
    }

    /// An object is made after all that it refers to.
    fn make_after_dependencies(&mut self) {
        for node in self.graph.nodes() {
            let Some(&make) = self.makes.get(&node.address) else { continue };
            for dependency in self.graph.dependencies(&node.address) {
                if let Some(&first) = self.makes.get(dependency) {
                    self.steps.update_edge(first, make, Wait::Needed);
                }
            }
        }
    }

    /// The two steps of a replacement follow each other. Older objects go once there is a new one.
    fn replace_in_order(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let Some(&make) = self.makes.get(&step.address) else { continue };
            if let Some(&delete) = self.deletes.get(&(&step.address, Target::Current)) {
                match step.action {
                    Action::Replace(ReplaceOrder::DeleteFirst) => self.steps.update_edge(delete, make, Wait::Needed),
                    _ => self.steps.update_edge(make, delete, Wait::Preferred),
                };
            }
            for id in &step.deposed {
                let delete = self.deletes[&(&step.address, Target::Deposed(id.clone()))];
                if !self.is_namesake(step, &step.address, &Target::Deposed(id.clone())) {
                    self.steps.update_edge(make, delete, Wait::Needed);
                }
            }
        }
    }

    /// An object is created after the deletion of one that has its identity, as when a resource gets another name in the
    /// program.
    fn create_after_namesakes(&mut self, plan: &Plan) {
        let mut by_identity: HashMap<(&str, String), Vec<(&Address, &Target)>> = HashMap::new();
        let schemas: HashMap<_, _> = self.graph.nodes().map(|node| (node.address.kind(), node.schema)).collect();
        for (address, target) in self.deletes.keys() {
            let schema = schemas.get(address.kind());
            let object = self.object(address, target);
            if let Some(identity) = schema.zip(object).and_then(|(schema, object)| identity_of(schema, object)) {
                by_identity.entry((address.kind(), identity)).or_default().push((address, target));
            }
        }
        let mut edges = Vec::new();
        for step in &plan.steps {
            let Some(identity) = self.new_identity(step) else { continue };
            for (address, target) in by_identity.get(&(step.address.kind(), identity)).into_iter().flatten() {
                if **address != step.address || **target != Target::Current {
                    edges.push((self.deletes[&(*address, (*target).clone())], self.makes[&step.address]));
                }
            }
        }
        for (delete, create) in edges {
            self.steps.update_edge(delete, create, Wait::Needed);
        }
    }

    /// An object is deleted after everything that refers to it has been deleted or has let go of it.
    fn delete_after_dependents(&mut self) {
        let mut released = Vec::new();
        let dependents = self.dependents();
        for ((address, target), &delete) in &self.deletes {
            let Some(object) = self.object(address, target) else { continue };
            for (from, from_target, dependent) in dependents.get(address).into_iter().flatten() {
                if from == address || !self.state.refers(dependent, address, object) {
                    continue;
                }
                let Some(first) = self.end_of_reference(from, from_target.clone()) else { continue };
                if dependent.released.contains(*address) {
                    released.push((first, delete));
                } else {
                    self.steps.update_edge(first, delete, Wait::Needed);
                }
            }
        }
        // The cloud drops these references by itself, so that this order is only the quieter one, where there is a choice.
        released.sort();
        for (first, delete) in released {
            if !has_path_connecting(&self.steps, delete, first, None) {
                self.steps.update_edge(first, delete, Wait::Needed);
            }
        }
    }
}

/// Lookups.
impl<'a> Builder<'a> {
    /// All objects by the resources that they refer to, each with what it is.
    fn dependents(&self) -> HashMap<&'a Address, Vec<(&'a Address, Target, &'a ObjectState)>> {
        let mut dependents: HashMap<_, Vec<_>> = HashMap::new();
        for (address, entry) in &self.state.resources {
            let current = entry.current.iter().map(|object| (Target::Current, object));
            let deposed =
                entry.deposed.iter().map(|object| (Target::Deposed(object.id.clone().unwrap_or_default()), object));
            for (target, object) in current.chain(deposed) {
                for dependency in &object.depends_on {
                    dependents.entry(dependency).or_default().push((address, target.clone(), object));
                }
            }
        }
        dependents
    }

    /// The step after which the object of `address` refers no more to what it referred to.
    fn end_of_reference(&self, address: &'a Address, target: Target) -> Option<NodeIndex> {
        let is_current = target == Target::Current;
        if let Some(&delete) = self.deletes.get(&(address, target)) {
            return Some(delete);
        }
        let make = self.makes.get(address).copied().filter(|_| is_current)?;
        // A creation stands for an object that is gone, and refers to nothing.
        (self.steps[make].task == Task::Update).then_some(make)
    }

    fn object(&self, address: &Address, target: &Target) -> Option<&'a ObjectState> {
        let entry = self.state.resources.get(address)?;
        match target {
            Target::Current => entry.current.as_ref(),
            Target::Deposed(id) => entry.deposed.iter().find(|object| object.id.as_ref() == Some(id)),
        }
    }

    /// Whether the object that `step` creates has the identity of another one of the same kind.
    fn is_namesake(&self, step: &Step, address: &Address, target: &Target) -> bool {
        let Some(node) = self.graph.node(&step.address) else { return false };
        let old = self.object(address, target).and_then(|object| identity_of(node.schema, object));
        old.is_some() && old == self.new_identity(step)
    }

    /// The identity of the object that `step` creates, if it creates one, and as far as it is known.
    fn new_identity(&self, step: &Step) -> Option<String> {
        if !matches!(step.action, Action::Create | Action::Replace(_)) {
            return None;
        }
        let node: &Node = self.graph.node(&step.address)?;
        let old = matches!(step.action, Action::Replace(_)).then(|| self.state.current(&step.address)).flatten();
        identity(node.schema, |field| match step.changes.iter().find(|change| change.field == field) {
            Some(change) => change.after.as_ref()?.as_json().cloned(),
            None => Some(old.and_then(|object| object.inputs.get(field).cloned()).unwrap_or_default()),
        })
    }
}

fn identity_of(schema: &Schema, object: &ObjectState) -> Option<String> {
    identity(schema, |field| Some(object.inputs.get(field).cloned().unwrap_or_default()))
}

/// The values of the identity fields as one text; `None` where one is not known, or where the kind has no identity.
fn identity(schema: &Schema, value: impl Fn(&str) -> Option<Json>) -> Option<String> {
    let fields = schema.fields.iter().filter(|field| field.identity);
    let values: Vec<Json> = fields.map(|field| value(field.name)).collect::<Option<_>>()?;
    (!values.iter().all(Json::is_null)).then(|| Json::Array(values).to_string())
}
