//! [`aligned`]: the state under the addresses, and with the current objects, that the program means.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::{Address, Graph, Json, Node, Value};

use crate::{
    ObjectState, State,
    identity::{has_identity, identity, identity_of},
};

/// A state as a program means it.
pub(crate) struct Aligned {
    pub(crate) state: State,
    /// The resources that the program has renamed, each with its earlier address.
    pub(crate) moved: BTreeMap<Address, Address>,
}

/// The state as the program means it. Two things are not read as a deletion and a creation, as no object need change:
///
/// - A resource that has another address in the program: its objects stand under the new address.
/// - A resource whose replacement was interrupted, and whose declaration was then taken back: the older object is the
///   current one again, and the newer one is left to be deleted.
///
/// It follows from graph and state alone, so that a plan need not write it down for the apply to find the same.
pub(crate) fn aligned(graph: &Graph, state: &State) -> Aligned {
    let mut aligned = Aligned { state: state.clone(), moved: BTreeMap::new() };
    // What a resource refers to comes before it, so a reference leads to where its target stands by then.
    for node in graph.nodes() {
        if let Some(earlier) = aligned.earlier_address(graph, node) {
            aligned.rename(&earlier, &node.address);
        }
        aligned.take_back(node);
    }
    aligned
}

impl Aligned {
    /// The address at which the state has the resource that the program now has at that of `node`. Where there is more than
    /// one way to tell, there is none.
    fn earlier_address(&self, graph: &Graph, node: &Node) -> Option<Address> {
        let is_new = |node: &Node| !self.state.resources.contains_key(&node.address);
        if !is_new(node) {
            return None;
        }
        let kind = node.address.kind();
        let gone = self.state.resources.iter().filter(|(address, _)| graph.node(address).is_none());
        let gone = gone.filter_map(|(address, entry)| Some((address, entry.current.as_ref()?)));
        let mut candidates = gone.filter(|(address, object)| address.kind() == kind && self.is_same(node, object));
        let (earlier, object) = candidates.next()?;
        let rivals = || graph.nodes().filter(|other| other.address.kind() == kind && is_new(other));
        let is_sure = candidates.next().is_none() && rivals().filter(|other| self.is_same(other, object)).count() == 1;
        is_sure.then(|| earlier.clone())
    }

    fn rename(&mut self, earlier: &Address, now: &Address) {
        let Some(entry) = self.state.resources.remove(earlier) else { return };
        self.state.resources.insert(now.clone(), entry);
        let rename = |addresses: &mut BTreeSet<Address>| {
            if addresses.remove(earlier) {
                addresses.insert(now.clone());
            }
        };
        for entry in self.state.resources.values_mut() {
            for object in entry.objects_mut() {
                rename(&mut object.depends_on);
                rename(&mut object.released);
            }
        }
        self.moved.insert(now.clone(), earlier.clone());
    }

    /// Makes an older object the current one again if it is what `node` declares, and the current one is not.
    fn take_back(&mut self, node: &Node) {
        let Some(entry) = self.state.resources.get(&node.address) else { return };
        let is_wanted = |object: &ObjectState| self.is_within_reach(node, object);
        if entry.current.as_ref().is_some_and(is_wanted) {
            return;
        }
        let Some(index) = entry.deposed.iter().rposition(is_wanted) else { return };
        if let Some(entry) = self.state.resources.get_mut(&node.address) {
            let older = entry.deposed.remove(index);
            entry.deposed.extend(entry.current.replace(older));
        }
    }

    /// Whether `object` is the one that `node` declares: it has its identity or, where the kind has none, all its values.
    fn is_same(&self, node: &Node, object: &ObjectState) -> bool {
        if has_identity(node.schema) {
            return self.has_identity_of(node, object);
        }
        let mut fields = node.schema.fields.iter().map(|field| field.name);
        fields.all(|field| self.wanted(node, field).as_json() == Some(object.input(field)))
    }

    /// Whether `object` can be what `node` declares: it has its identity or, where the kind has none, no difference between
    /// the two forces a replacement.
    fn is_within_reach(&self, node: &Node, object: &ObjectState) -> bool {
        if has_identity(node.schema) {
            return self.has_identity_of(node, object);
        }
        node.schema.fields.iter().all(|field| {
            let (before, after) = (object.input(field.name), self.wanted(node, field.name));
            after.as_json() == Some(before) || !field.on_change.replaces(before, after.as_json())
        })
    }

    fn has_identity_of(&self, node: &Node, object: &ObjectState) -> bool {
        let wanted = identity(node.schema, |field| self.wanted(node, field).into_json());
        wanted.is_some() && wanted == identity_of(node.schema, object)
    }

    /// The value of a field, in which what the state knows has been put in place of the references.
    fn wanted(&self, node: &Node, field: &str) -> Value {
        let Some(value) = node.fields.get(field) else { return Value::Json(Json::Null) };
        value.substitute(&|reference| self.state.attribute(&reference.address, &reference.attribute))
    }
}
