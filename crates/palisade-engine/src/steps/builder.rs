//! [`Builder`]: finds which steps wait for which, one rule after the other.

mod preferences;

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use palisade_core::{Address, Graph, Json, Node, Schema, Value};
use petgraph::graph::{EdgeIndex, NodeIndex};

use super::{Steps, Target, Task, Wait, Work};
use crate::{
    Action, ObjectState, Plan, ReplaceOrder, State, Step, StepKind,
    dependencies::is_released,
    identity::{Identity, identity, identity_of},
};

/// The steps as far as they are ordered.
pub(super) struct Builder<'a> {
    graph: &'a Graph,
    state: &'a State,
    pub(super) steps: Steps,
    /// The edges of `steps`, by their ends.
    edges: HashMap<(NodeIndex, NodeIndex), EdgeIndex>,
    plan: HashMap<&'a Address, &'a Step>,
    /// The kinds that the program has.
    schemas: HashMap<&'a str, &'static Schema>,
    /// The creations and updates, of which a resource has one at most.
    makes: HashMap<&'a Address, NodeIndex>,
    /// What comes before an update that is late, of the changes that others wait for.
    prepares: HashMap<&'a Address, NodeIndex>,
    /// The deletions, by what the object is before the apply.
    deletes: BTreeMap<(&'a Address, Target), NodeIndex>,
    /// The resources whose updates wait for those that refer to them.
    late: BTreeSet<&'a Address>,
}

/// Whether those who refer to an object could not go with the second value of a field, if they go with the first.
type LateIf = fn(&Json, &Json) -> bool;

/// Where there is room for a few objects only: how many there are, and which go and come.
#[derive(Default)]
struct Place {
    present: usize,
    /// Each deletion, after whether the object has a successor.
    going: Vec<(bool, NodeIndex)>,
    coming: Vec<NodeIndex>,
}

/// All objects, by the other resources that they refer to.
pub(super) type Dependents<'a> = HashMap<&'a Address, Vec<Dependent<'a>>>;

/// An object that refers to another one.
pub(super) struct Dependent<'a> {
    address: &'a Address,
    target: Target,
    object: &'a ObjectState,
}

impl<'a> Dependent<'a> {
    /// What the deletion of the object is found by.
    fn key(&self) -> (&'a Address, Target) {
        (self.address, self.target.clone())
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: &'a Graph, state: &'a State) -> Self {
        let (makes, prepares, deletes) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        let (steps, edges) = (Steps::new(), HashMap::new());
        Self {
            graph,
            state,
            steps,
            edges,
            plan: HashMap::new(),
            schemas: graph.nodes().map(|node| (node.address.kind(), node.schema)).collect(),
            makes,
            prepares,
            deletes,
            late: BTreeSet::new(),
        }
    }

    pub(super) fn add(&mut self, step: &'a Step) {
        self.plan.insert(&step.address, step);
        match step.action {
            Action::Create => {
                // What it refers to is held for that long.
                if self.state.current(&step.address).is_some_and(ObjectState::is_going) {
                    self.end(step, Target::Current, Task::FinishDeletion);
                }
                self.make(step, Task::Create { keep_old: false });
            }
            Action::Update => self.make(step, Task::Update),
            Action::Replace(ReplaceOrder::CreateFirst) => {
                self.make(step, Task::Create { keep_old: true });
                // Once the creation has begun, the object is no longer the current one.
                let old = self.state.current(&step.address).map(|object| object.token.digest.clone());
                self.delete(step, Target::Current, old.map_or(Target::Current, Target::Deposed));
            }
            Action::Replace(ReplaceOrder::DeleteFirst) => {
                self.delete(step, Target::Current, Target::Current);
                self.make(step, Task::Create { keep_old: false });
            }
            Action::Delete => self.delete(step, Target::Current, Target::Current),
            Action::Nothing => {}
        }
        for target in self.deposed(step) {
            self.delete(step, target.clone(), target);
        }
    }

    fn make(&mut self, step: &'a Step, task: Task) {
        let index = self.steps.add_node(Work { address: step.address.clone(), task });
        self.makes.insert(&step.address, index);
    }

    fn delete(&mut self, step: &'a Step, before: Target, target: Target) {
        self.end(step, before, Task::Delete(target));
    }

    fn end(&mut self, step: &'a Step, before: Target, task: Task) {
        let index = self.steps.add_node(Work { address: step.address.clone(), task });
        self.deletes.insert((&step.address, before), index);
    }

    /// Finds the updates that wait for those that refer to the object. Where nothing does yet, nothing is waited for.
    pub(super) fn find_late(&mut self, dependents: &Dependents<'a>) {
        let is_late = |address: &&&'a Address| dependents.contains_key(**address) && self.is_late(address);
        self.late = self.makes.keys().filter(is_late).copied().collect();
    }

    /// Divides the updates of which a part has to come before those that refer to the object, as they could not go with its
    /// old values, and the rest after them, as they could not go with its new ones: a user that a group for Redis takes over
    /// from one for Valkey becomes one for Redis first, and loses its password last.
    pub(super) fn prepare_late(&mut self) {
        for &address in &self.late {
            let mut dependents = self.graph.dependents(address).into_iter();
            if !dependents.any(|dependent| self.makes.contains_key(dependent)) {
                continue;
            }
            let changes = self.changes(address);
            let is_early = |(is_late, before, after): &(LateIf, &Json, &Json)| is_late(after, before);
            if changes.iter().any(|(_, change)| is_early(change)) {
                let late = changes.iter().filter(|(_, (is_late, before, after))| is_late(before, after));
                let kept = late.map(|(field, (_, before, _))| ((*field).to_owned(), (*before).clone())).collect();
                let index = self.steps.add_node(Work { address: address.clone(), task: Task::Prepare { kept } });
                self.prepares.insert(address, index);
            }
        }
    }

    /// An object is made after all that it refers to. What does not change has no step, so those that refer to it wait for what it
    /// depends on: a cache in a subnet waits for the change of the subnet's network.
    pub(super) fn make_after_dependencies(&mut self) {
        let mut passed_on: HashMap<&Address, BTreeSet<NodeIndex>> = HashMap::new();
        for node in self.graph.nodes() {
            let mut firsts = BTreeSet::new();
            for dependency in self.graph.dependencies(&node.address) {
                // What is changed late stays as it is while those that refer to it are made.
                let make = self.makes.get(dependency).filter(|_| !self.late.contains(dependency));
                match make.or_else(|| self.prepares.get(dependency)) {
                    Some(&first) => _ = firsts.insert(first),
                    None => firsts.extend(passed_on.get(dependency).into_iter().flatten()),
                }
            }
            let make = self.makes.get(&node.address).copied();
            if let Some(make) = make {
                let prepare = self.prepares.get(&node.address).copied();
                for step in prepare.into_iter().chain([make]) {
                    for &first in &firsts {
                        self.order(first, step, Wait::Needed);
                    }
                }
                if let Some(prepare) = prepare {
                    self.order(prepare, make, Wait::Needed);
                }
            }
            if make.is_none() || self.late.contains(&node.address) {
                passed_on.insert(&node.address, firsts);
            }
        }
    }

    /// The two steps of a replacement follow each other.
    pub(super) fn replace_in_order(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let Some(&make) = self.makes.get(&step.address) else { continue };
            if let Some(&delete) = self.deletes.get(&(&step.address, Target::Current)) {
                match step.action {
                    Action::Create | Action::Replace(ReplaceOrder::DeleteFirst) => {
                        self.order(delete, make, Wait::Needed);
                    }
                    _ => self.order(make, delete, Wait::Preferred),
                }
            }
        }
    }

    /// Where there would be more objects than there is room for, some that are to go are deleted before any is created.
    pub(super) fn make_room(&mut self, plan: &Plan) {
        let mut places: HashMap<_, Place> = HashMap::new();
        for (address, target, object) in self.objects() {
            let is_current = target == Target::Current;
            // A creation follows an object that is gone, or continues one that may exist already.
            let is_created = self.plan.get(address).is_some_and(|step| step.action == Action::Create);
            let key = self.place(address, |field| Some(object.input(field).clone()));
            let Some(key) = key.filter(|_| !(is_current && is_created)) else { continue };
            let place = places.entry(key).or_default();
            place.present += 1;
            if let Some(&delete) = self.deletes.get(&(address, target)) {
                place.going.push((is_current && self.makes.contains_key(address), delete));
            }
        }
        for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Create | Action::Replace(_))) {
            if let Some(key) = self.place(&step.address, |field| self.new_value(step, field)) {
                places.entry(key).or_default().coming.push(self.makes[&step.address]);
            }
        }
        for ((kind, _), mut place) in places {
            let Some(room) = self.schemas[kind].room else { continue };
            // If there are more already, the cloud has more room: most quotas can be raised.
            let is_known = place.present <= room.at_most;
            let beyond = if is_known { (place.present + place.coming.len()).saturating_sub(room.at_most) } else { 0 };
            // What has a successor stays for as long as there is room.
            place.going.sort_unstable();
            for &(_, delete) in place.going.iter().take(beyond) {
                place.coming.iter().for_each(|&make| self.order(delete, make, Wait::Room));
            }
        }
    }

    /// An object gets its identity after all that may have it have been deleted, or have got another one.
    pub(super) fn make_after_namesakes(&mut self, plan: &Plan) {
        let mut going: HashMap<_, Vec<_>> = HashMap::new();
        let deletes = self.deletes.iter().map(|((address, target), &delete)| (*address, target, delete));
        let updates = plan.steps.iter().filter(|step| step.action == Action::Update);
        let updates = updates.map(|step| (&step.address, &Target::Current, self.makes[&step.address]));
        for (address, target, end) in deletes.chain(updates) {
            let schema = self.schemas.get(address.kind());
            let object = self.object(address, target);
            let Some((schema, object)) = schema.zip(object) else { continue };
            for identity in self.old_identities(schema, address, target, object) {
                let group = (address.kind(), identity.group(schema));
                going.entry(group).or_default().push((address, target, end, identity));
            }
        }
        let mut edges = Vec::new();
        for step in &plan.steps {
            let kind = step.address.kind();
            let Some((schema, new)) = self.schemas.get(kind).zip(self.new_identity(step)) else { continue };
            for (address, target, end, old) in going.get(&(kind, new.group(schema))).into_iter().flatten() {
                let is_other = *address != &step.address || *target != &Target::Current;
                if is_other && Identity::clashes_with(old, &new, schema) {
                    let make = self.prepares.get(&step.address).unwrap_or(&self.makes[&step.address]);
                    edges.push((*end, *make));
                }
            }
        }
        for (end, make) in edges {
            self.order(end, make, Wait::Identity);
        }
    }

    /// An object is deleted after everything that refers to it has been deleted or has let go of it. Returned are the steps that let
    /// go of an object, each with its deletion, where the cloud drops the reference by itself.
    pub(super) fn delete_after_dependents(&mut self, dependents: &Dependents<'a>) -> Vec<(NodeIndex, NodeIndex)> {
        let (mut needed, mut released) = (Vec::new(), Vec::new());
        for ((address, target), &delete) in &self.deletes {
            let Some(object) = self.object(address, target) else { continue };
            if self.steps[delete].task == Task::FinishDeletion {
                continue;
            }
            for dependent in dependents.get(address).into_iter().flatten() {
                if !self.refers(dependent, address, object) {
                    continue;
                }
                match self.end_of_reference(dependent) {
                    Some(first) if self.is_released(dependent, address, object) => released.push((first, delete)),
                    Some(first) => needed.push((first, delete)),
                    None => {}
                }
            }
        }
        for (first, delete) in needed {
            self.order(first, delete, Wait::Needed);
        }
        released
    }

    /// What those who refer to an object could not go with is changed after them.
    pub(super) fn change_late(&mut self, dependents: &Dependents<'a>) {
        let mut orders = BTreeSet::new();
        for &address in &self.late {
            let (update, dependents) = (self.makes[address], dependents.get(address).into_iter().flatten());
            orders.extend(dependents.filter_map(|dependent| Some((self.end_of_reference(dependent)?, update))));
        }
        for (first, update) in orders {
            self.order(first, update, Wait::Needed);
        }
    }

    /// Lets `then` wait for `first`. The graph itself would look for an earlier edge among all of `first`, of which an object
    /// that all others refer to has as many as there are others.
    fn order(&mut self, first: NodeIndex, then: NodeIndex, wait: Wait) {
        match self.edges.entry((first, then)) {
            Entry::Occupied(edge) => self.steps[*edge.get()] = wait,
            Entry::Vacant(edge) => _ = edge.insert(self.steps.add_edge(first, then, wait)),
        }
    }
}

/// Lookups.
impl<'a> Builder<'a> {
    /// All objects by the other resources that they refer to.
    pub(super) fn dependents(&self) -> Dependents<'a> {
        let mut dependents: HashMap<_, Vec<_>> = HashMap::new();
        for (address, target, object) in self.objects() {
            for dependency in object.depends_on.iter().filter(|dependency| *dependency != address) {
                let dependent = Dependent { address, target: target.clone(), object };
                dependents.entry(dependency).or_default().push(dependent);
            }
        }
        dependents
    }

    /// All objects of the state.
    fn objects(&self) -> impl Iterator<Item = (&'a Address, Target, &'a ObjectState)> + use<'a> {
        self.state.resources.iter().flat_map(|(address, entry)| {
            let current = entry.current.iter().map(move |object| (address, Target::Current, object));
            let deposed = entry.deposed.iter();
            current.chain(deposed.map(move |object| (address, Target::Deposed(object.token.digest.clone()), object)))
        })
    }

    /// Where there is room for a few objects of a kind only, and that an object is at: the kind, and what all there have in common.
    /// `None` where that is not known, or where there is room for all.
    fn place(&self, address: &'a Address, value: impl Fn(&str) -> Option<Json>) -> Option<(&'a str, String)> {
        let room = self.schemas.get(address.kind())?.room?;
        let values: Vec<_> = room.fields.iter().map(|field| value(field)).collect::<Option<_>>()?;
        Some((address.kind(), Json::Array(values).to_string()))
    }

    /// Whether `dependent` may refer to `object`, which is one of the resource at `address`.
    fn refers(&self, dependent: &Dependent<'_>, address: &Address, object: &ObjectState) -> bool {
        // An update that was interrupted may have reached an object that was the current one before. Then the plan has read it.
        let step = self.plan.get(dependent.address).filter(|_| dependent.target == Target::Current);
        let found = step.into_iter().flat_map(|step| &step.changes).filter_map(|change| change.before.as_ref());
        self.state.refers(dependent.object, address, object) || object.is_named_in(found)
    }

    /// Whether `object`, which is one of the resource at `address`, may be deleted while `dependent` refers to it. If the program has
    /// nothing of the dependent's kind, no schema says what is held. Then the dependent goes as well, and goes first in any case.
    fn is_released(&self, dependent: &Dependent<'_>, address: &Address, object: &ObjectState) -> bool {
        is_released(self.schemas.get(dependent.address.kind()).copied(), dependent.object, address, object)
    }

    /// Whether the object of `address` is to refer to an object of `target` that it did not refer to.
    fn enters(&self, address: &Address, target: &Address) -> bool {
        let is_created = self.makes.get(target).is_some_and(|&make| self.steps[make].kind() == StepKind::Create);
        let objects = self.state.current(address).zip(self.state.current(target));
        is_created || objects.is_some_and(|(object, target)| !object.names(target))
    }

    /// Whether the update of a resource has to wait for those that refer to it, instead of they for it.
    fn is_late(&self, address: &Address) -> bool {
        self.changes(address).into_iter().any(|(_, (is_late, before, after))| is_late(before, after))
    }

    /// The changes of an update in place, of the fields that those who refer to the object may not go with: the field, what
    /// tells whether they could not go with a new value, and both values.
    fn changes(&self, address: &Address) -> Vec<(&'a str, (LateIf, &'a Json, &'a Json))> {
        let Some((node, step)) = self.graph.node(address).zip(self.plan.get(address)) else { return Vec::new() };
        let changes = step.changes.iter().filter(|_| step.action == Action::Update).filter_map(|change| {
            let is_late = node.schema.field(&change.field)?.late?;
            let values = (change.before.as_ref()?, change.after.as_ref().and_then(Value::as_json)?);
            Some((change.field.as_str(), (is_late, values.0, values.1)))
        });
        changes.collect()
    }

    /// Whether the update of a resource takes an item out in which others may stand.
    fn lets_go_of_occupied(&self, address: &Address) -> bool {
        let Some((node, step)) = self.graph.node(address).zip(self.plan.get(address)) else { return false };
        let mut changes = step.changes.iter().filter(|_| step.action == Action::Update);
        changes.any(|change| {
            node.schema.field(&change.field).is_some_and(|field| field.occupied.is_some())
                && change.dropped().next().is_some()
        })
    }

    /// The step after which an object refers no more to what it referred to.
    fn end_of_reference(&self, dependent: &Dependent<'a>) -> Option<NodeIndex> {
        if let Some(&delete) = self.deletes.get(&dependent.key()) {
            return Some(delete);
        }
        let make = self.makes.get(dependent.address).copied().filter(|_| dependent.target == Target::Current)?;
        // A creation replaces an object that is gone, and that refers to nothing; or it continues one that may exist already.
        (self.steps[make].task == Task::Update || dependent.object.is_unsettled()).then_some(make)
    }

    fn object(&self, address: &Address, target: &Target) -> Option<&'a ObjectState> {
        self.state.object(address, target)
    }

    /// The objects beside the current one that `step` deletes.
    fn deposed(&self, step: &Step) -> Vec<Target> {
        let entry = self.state.resources.get(&step.address);
        let objects = entry.into_iter().flat_map(|entry| &entry.deposed);
        // Without its id, the apply does not know whether the plan has found the object, and has to look for it anyway.
        let planned = objects.filter(|object| object.id.as_ref().is_none_or(|id| step.deposed.contains(id)));
        planned.map(|object| Target::Deposed(object.token.digest.clone())).collect()
    }

    /// The identities that an object may have before the apply: as it was brought to, as an update that was interrupted was to
    /// bring it to, and as the plan has found it.
    fn old_identities(
        &self,
        schema: &Schema,
        address: &Address,
        target: &Target,
        object: &ObjectState,
    ) -> Vec<Identity> {
        let mut identities = Vec::from_iter(identity_of(schema, object));
        let changes = self.plan.get(address).filter(|_| *target == Target::Current).map(|step| &step.changes);
        let found = |field: &str| {
            let change = changes.into_iter().flatten().find(|change| change.field == field)?;
            change.before.clone()
        };
        let attempted = |field: &str| object.attempted.as_ref()?.get(field).cloned();
        for other in [&attempted as &dyn Fn(&str) -> Option<Json>, &found] {
            let value = |field: &str| Some(other(field).unwrap_or_else(|| object.input(field).clone()));
            identities.extend(identity(schema, value).filter(|identity| !identities.contains(identity)));
        }
        identities
    }

    /// The identity that an object gets or keeps by `step`, as far as it is known.
    fn new_identity(&self, step: &Step) -> Option<Identity> {
        let node: &Node = self.graph.node(&step.address)?;
        let is_made = !matches!(step.action, Action::Delete | Action::Nothing);
        is_made.then(|| identity(node.schema, |field| self.new_value(step, field)))?
    }

    /// The value of a field that the object of `step`, which makes or changes one, gets or keeps, if it is known.
    fn new_value(&self, step: &Step, field: &str) -> Option<Json> {
        if let Some(change) = step.changes.iter().find(|change| change.field == field) {
            return change.after.as_ref()?.as_json().cloned();
        }
        let old = self.state.current(&step.address).filter(|_| step.action != Action::Create);
        Some(old.map(|object| object.input(field).clone()).unwrap_or_default())
    }
}
