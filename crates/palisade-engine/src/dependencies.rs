//! [`Dependencies`]: what an object refers to, as the state records it.

use std::collections::BTreeSet;

use palisade_core::{Address, FieldSchema, Graph, Node};

use crate::{ObjectState, State};

/// The resources that an object refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dependencies {
    /// All of them.
    pub(crate) all: BTreeSet<Address>,
    /// Those that may be deleted while the object refers to them.
    pub(crate) released: BTreeSet<Address>,
}

impl Dependencies {
    /// What the program lets `node` refer to.
    pub(crate) fn of(graph: &Graph, node: &Node) -> Self {
        let mut all = BTreeSet::new();
        let mut held = BTreeSet::new();
        for (field, value) in &node.fields {
            let field = node.schema.field(field);
            for target in value.references().into_iter().map(|reference| &reference.address) {
                let is_held = |field: &FieldSchema| {
                    !field.released
                        || field.held.zip(graph.node(target)).is_some_and(|(is_held, target)| is_held(target))
                };
                if field.is_none_or(is_held) {
                    held.insert(target.clone());
                }
                all.insert(target.clone());
            }
        }
        Self { released: all.difference(&held).cloned().collect(), all }
    }

    /// The same, and what the creation of `node` may bring back a reference to. No state knows of it, so it is all that there is of
    /// such kinds, until the object is what it should be.
    pub(crate) fn with_brought_back(mut self, node: &Node, state: &State) -> Self {
        let possible = state.resources.keys().filter(|address| node.schema.brings_back.contains(&address.kind()));
        for address in possible {
            if self.all.insert(address.clone()) {
                self.released.insert(address.clone());
            }
        }
        self
    }

    /// What `object` refers to.
    pub(crate) fn recorded(object: &ObjectState) -> Self {
        Self { all: object.depends_on.clone(), released: object.released.clone() }
    }

    /// Those that must live as long as the object refers to them.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Address> {
        self.all.difference(&self.released)
    }

    /// What an object may refer to while it is brought from one to the other.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let held: BTreeSet<_> = self.held().chain(other.held()).cloned().collect();
        let all: BTreeSet<_> = self.all.union(&other.all).cloned().collect();
        Self { released: all.difference(&held).cloned().collect(), all }
    }
}
