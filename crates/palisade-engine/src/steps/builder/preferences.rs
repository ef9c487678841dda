//! The orders that are better where there is a choice: none of them closes a circle.

use std::collections::{BTreeSet, HashMap, HashSet};

use palisade_core::{Address, Json};
use petgraph::{
    Direction,
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
};

use super::{Builder, Dependent, Dependents};
use crate::{
    Action, Phase, Plan, ReplaceOrder, StepKind,
    contested::items,
    steps::{Target, Task, Wait, Work, reach::reaches},
};

impl<'a> Builder<'a> {
    /// What an earlier replacement left is deleted after an object is finished: the current one, or else the new one. It does not
    /// wait for more, so that there are never three. Where another order needs it to be deleted first, it is.
    pub(in crate::steps) fn keep_predecessors(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let Some(&make) = self.makes.get(&step.address) else { continue };
            let current = self.state.current(&step.address).filter(|_| step.action != Action::Create);
            if current.is_some_and(|current| current.phase == Phase::Ready) {
                continue;
            }
            for target in self.deposed(step) {
                // What has never been ready, nothing has ever referred to.
                let is_used = self.object(&step.address, &target).is_some_and(|object| object.phase == Phase::Ready);
                if is_used {
                    self.prefer(make, self.deletes[&(&step.address, target)], Wait::Preferred);
                }
            }
        }
    }

    /// What others stand in is let go of once those that go are gone: a subnet leaves its group after a cache whose nodes are there.
    pub(in crate::steps) fn leave_after_occupants(&mut self, dependents: &Dependents<'a>) {
        let mut orders = Vec::new();
        for (&address, &update) in &self.makes {
            if self.lets_go_of_occupied(address) {
                let all = dependents.get(address).into_iter().flatten();
                let deletes = all.filter_map(|dependent| self.deletes.get(&dependent.key()));
                orders.extend(deletes.map(|&delete| (delete, update)));
            }
        }
        orders.sort();
        for (delete, update) in orders {
            self.prefer(delete, update, Wait::Needed);
        }
    }

    /// What the cloud lets go of by itself is let go of first all the same. So is what a step may refer to that no state knows of.
    pub(in crate::steps) fn let_go_first(&mut self, mut released: Vec<(NodeIndex, NodeIndex)>) {
        released.extend(self.brought_back());
        released.extend(self.changed_by_others());
        released.sort();
        for (first, delete) in released {
            self.prefer(first, delete, Wait::Needed);
        }
    }

    /// What an object refers to does not change while the object goes: a cloud refuses to change the users of a cache that it deletes.
    /// It changes before, or else after.
    pub(in crate::steps) fn change_before_dependents_go(&mut self) {
        let changes = self.makes.iter().filter(|&(_, &make)| self.steps[make].task == Task::Update);
        let changes: HashMap<_, _> = changes.map(|(&address, &make)| (address, make)).collect();
        if changes.is_empty() {
            return;
        }
        let deletes = self.deletes.iter();
        let going = deletes.filter_map(|((address, target), &delete)| Some((self.object(address, target)?, delete)));
        let going: Vec<_> = going.collect();
        let settled = self.settled(going.iter().flat_map(|(object, _)| &object.depends_on), &changes);
        for (object, delete) in going {
            let has_begun = object.is_being_deleted || self.steps[delete].task == Task::FinishDeletion;
            let firsts: BTreeSet<_> = object.depends_on.iter().filter_map(|target| settled.get(target)).collect();
            for &first in firsts {
                if has_begun || !self.prefer(first, delete, Wait::Preferred) {
                    for change in self.met_by(first) {
                        let (first, then) = if has_begun { (delete, change) } else { (change, delete) };
                        self.prefer(first, then, Wait::Preferred);
                    }
                }
            }
        }
    }

    /// For each of the resources, and all that they refer to: the step after which neither it nor anything that it refers to is
    /// changed any more, where something is.
    fn settled(
        &mut self,
        roots: impl Iterator<Item = &'a Address>,
        changes: &HashMap<&'a Address, NodeIndex>,
    ) -> HashMap<&'a Address, NodeIndex> {
        let mut references = DiGraph::<&Address, ()>::new();
        let mut indices: HashMap<&Address, _> = HashMap::new();
        let mut open: Vec<_> = roots.collect();
        while let Some(address) = open.pop() {
            if !indices.contains_key(address) {
                indices.insert(address, references.add_node(address));
                open.extend(self.state.current(address).into_iter().flat_map(|object| &object.depends_on));
            }
        }
        for (&address, &from) in &indices {
            let targets = self.state.current(address).into_iter().flat_map(|object| &object.depends_on);
            targets.for_each(|target| _ = references.add_edge(from, indices[target], ()));
        }
        let mut settled: HashMap<&Address, NodeIndex> = HashMap::new();
        // Each circle comes after all that it refers to. There is none but of older objects, which refer resource by resource.
        for circle in tarjan_scc(&references) {
            let addresses: Vec<_> = circle.iter().map(|&index| references[index]).collect();
            let own = addresses.iter().flat_map(|address| {
                let parts = self.prepares.get(address).into_iter().chain(changes.get(address));
                parts.copied()
            });
            let targets = circle.iter().flat_map(|&index| references.neighbors(index));
            let beneath = targets.filter_map(|target| settled.get(references[target]).copied());
            let all: BTreeSet<_> = own.chain(beneath).collect();
            let step = match Vec::from_iter(all).as_slice() {
                [] => continue,
                [one] => *one,
                several => self.meet(addresses[0], several),
            };
            settled.extend(addresses.into_iter().map(|address| (address, step)));
        }
        settled
    }

    /// What is deleted before its successor is created waits for all that the successor needs: where that fails, the object is
    /// still there.
    pub(in crate::steps) fn keep_until_successor_can_be(&mut self, plan: &Plan) {
        let replaced = plan.steps.iter().filter(|step| step.action == Action::Replace(ReplaceOrder::DeleteFirst));
        for step in replaced {
            let delete = self.deletes[&(&step.address, Target::Current)];
            let mut open = vec![self.makes[&step.address]];
            let mut seen = HashSet::new();
            while let Some(make) = open.pop() {
                let needed: Vec<_> = self.steps.neighbors_directed(make, Direction::Incoming).collect();
                for first in needed {
                    // What can only be done after the deletion may need what can be done before.
                    let is_after =
                        first != delete && seen.insert(first) && !self.prefer(first, delete, Wait::Preferred);
                    if is_after && self.steps[first].kind() != StepKind::Delete {
                        open.push(first);
                    }
                }
            }
        }
    }

    /// What refers to an object that goes is deleted after all others that refer to it, and stay or have a successor, have
    /// left the object.
    pub(in crate::steps) fn keep_until_left(&mut self, dependents: &Dependents<'a>) {
        let going: Vec<_> = self.deletes.keys().cloned().collect();
        for (address, target) in going {
            let Some(object) = self.object(address, &target) else { continue };
            let all = dependents.get(address).into_iter().flatten();
            let all = all.filter(|dependent| self.refers(dependent, address, object));
            // What is deleted before it is made again goes over to nothing, and finds nothing: there is a gap in any case.
            let has_gap = |dependent: &&Dependent<'_>| {
                let step = self.plan.get(dependent.address).filter(|_| dependent.target == Target::Current);
                step.is_some_and(|step| step.action == Action::Replace(ReplaceOrder::DeleteFirst))
            };
            let all: Vec<_> = all.filter(|dependent| !has_gap(dependent)).collect();
            let leaving = all.iter().filter(|dependent| dependent.target == Target::Current);
            let leaving: HashMap<_, _> =
                leaving.filter_map(|left| Some((left.address, *self.makes.get(left.address)?))).collect();
            let deletes = all.iter().filter_map(|other| Some((*other, *self.deletes.get(&other.key())?)));
            // What an earlier replacement left does not wait for the successor of its own successor.
            let (own, deletes): (Vec<_>, Vec<_>) =
                deletes.partition(|(other, _)| other.target != Target::Current && leaving.contains_key(other.address));
            let makes: BTreeSet<_> = leaving.values().copied().collect();
            let others = own.into_iter().flat_map(|(own, delete)| {
                let others = leaving.iter().filter(|(address, _)| **address != own.address);
                others.map(move |(_, &make)| (make, delete))
            });
            let others: BTreeSet<_> = others.collect();
            self.prefer_all(address, makes, deletes.into_iter().map(|(_, delete)| delete).collect());
            for (make, delete) in others {
                self.prefer(make, delete, Wait::Preferred);
            }
        }
    }

    /// What refers to an object is created before others that stay are changed to refer to it.
    pub(in crate::steps) fn complete_before_entered(&mut self) {
        for node in self.graph.nodes() {
            let dependents = self.graph.dependents(&node.address);
            let makes = dependents.into_iter().filter_map(|dependent| self.makes.get(dependent).copied());
            let (creations, updates): (BTreeSet<_>, BTreeSet<_>) =
                makes.partition(|&make| self.steps[make].kind() == StepKind::Create);
            let entering =
                updates.into_iter().filter(|&update| self.enters(&self.steps[update].address, &node.address)).collect();
            self.prefer_all(&node.address, creations, entering);
        }
    }

    /// Lets each of `thens` wait for all of `firsts`, as far as they do not wait for it.
    fn prefer_all(&mut self, about: &'a Address, firsts: BTreeSet<NodeIndex>, thens: BTreeSet<NodeIndex>) {
        let is_many = firsts.len() * thens.len() > firsts.len() + thens.len();
        let meeting = is_many.then(|| self.meet(about, &Vec::from_iter(firsts.iter().copied())));
        for then in thens {
            if !meeting.is_some_and(|meeting| self.prefer(meeting, then, Wait::Preferred)) {
                for &first in &firsts {
                    self.prefer(first, then, Wait::Preferred);
                }
            }
        }
    }

    /// A step at which nothing is done, and which waits for all of `firsts`.
    fn meet(&mut self, about: &Address, firsts: &[NodeIndex]) -> NodeIndex {
        let meeting = self.steps.add_node(Work { address: about.clone(), task: Task::Meet });
        firsts.iter().for_each(|&first| self.order(first, meeting, Wait::Preferred));
        meeting
    }

    /// The steps that `step` stands for: those that meet there, or itself.
    fn met_by(&self, step: NodeIndex) -> BTreeSet<NodeIndex> {
        let (mut open, mut met) = (vec![step], BTreeSet::new());
        while let Some(step) = open.pop() {
            if self.steps[step].task == Task::Meet {
                open.extend(self.steps.neighbors_directed(step, Direction::Incoming));
            } else {
                met.insert(step);
            }
        }
        met
    }

    /// Lets `then` wait for `first`, unless `first` waits for it, or `then` has begun already. Returned is whether it waits.
    fn prefer(&mut self, first: NodeIndex, then: NodeIndex, wait: Wait) -> bool {
        if self.edges.contains_key(&(first, then)) {
            return true;
        }
        let is_free = self.steps[then].task != Task::FinishDeletion && !reaches(&self.steps, then, first);
        if is_free {
            self.order(first, then, wait);
        }
        is_free
    }

    /// The creations that may find a deleted object again, each with the deletions of what that may still refer to. Once one has
    /// begun, the state says so.
    fn brought_back(&self) -> Vec<(NodeIndex, NodeIndex)> {
        let mut deletes: HashMap<_, Vec<_>> = HashMap::new();
        for ((address, _), &delete) in &self.deletes {
            deletes.entry(address.kind()).or_default().push(delete);
        }
        let mut orders = Vec::new();
        for (address, &make) in &self.makes {
            let Some(node) = self.graph.node(address) else { continue };
            if self.steps[make].kind() == StepKind::Create {
                let brought_back = node.schema.brings_back.iter().filter_map(|kind| deletes.get(kind)).flatten();
                orders.extend(brought_back.map(|&delete| (make, delete)));
            }
        }
        orders
    }

    /// The steps of objects that others may have made to refer to something else than the state knows, each with the deletion of that:
    /// of one object of a kind that it refers to where the plan tells which, and of all of them where the object is not the current one,
    /// as no plan reads that.
    fn changed_by_others(&self) -> Vec<(NodeIndex, NodeIndex)> {
        let with_id = |((address, target), &delete): (&(&'a Address, Target), &NodeIndex)| {
            Some(((address.kind(), self.object(address, target)?.id.as_deref()?), delete))
        };
        let deletes: HashMap<_, _> = self.deletes.iter().filter_map(with_id).collect();
        let mut orders = Vec::new();
        for (&address, step) in &self.plan {
            let Some(object) = self.state.current(address) else { continue };
            let dependent = Dependent { address, target: Target::Current, object };
            let Some(first) = self.end_of_reference(&dependent) else { continue };
            let changes =
                step.changes.iter().filter_map(|change| Some((object.input(&change.field), change.before.as_ref()?)));
            let names = changes.filter(|(recorded, now)| recorded != now).flat_map(|(_, now)| items(now));
            for name in names.filter_map(Json::as_str) {
                let kinds = object.depends_on.iter().map(Address::kind);
                orders.extend(kinds.filter_map(|kind| Some((first, *deletes.get(&(kind, name))?))));
            }
        }
        let deposed = self.deletes.iter().filter(|((_, target), _)| *target != Target::Current);
        for ((address, target), &first) in deposed {
            let kinds: BTreeSet<_> =
                self.object(address, target).iter().flat_map(|object| &object.depends_on).map(Address::kind).collect();
            let others = self.deletes.iter().filter(|((other, _), _)| kinds.contains(other.kind()));
            orders.extend(others.map(|(_, &delete)| (first, delete)));
        }
        orders
    }
}
