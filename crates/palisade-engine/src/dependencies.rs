//! [`Dependencies`]: what an object refers to, as the state records it.

use std::collections::BTreeSet;

use palisade_core::{Address, Node, Schema};

use crate::{ObjectState, State};

/// The resources that an object refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dependencies {
    /// All of them.
    pub(crate) all: BTreeSet<Address>,
    /// Those that it refers to by released fields alone. Their objects may be deleted while it does, unless they are held.
    pub(crate) released: BTreeSet<Address>,
}

impl Dependencies {
    /// What the program lets `node` refer to.
    pub(crate) fn of(node: &Node) -> Self {
        let mut all = BTreeSet::new();
        let mut held = BTreeSet::new();
        for (field, value) in &node.fields {
            let is_held = node.schema.field(field).is_none_or(|field| !field.released);
            let targets = value.references().into_iter().map(|reference| reference.address.clone());
            if is_held { &mut held } else { &mut all }.extend(targets);
        }
        let released = all.difference(&held).cloned().collect();
        all.append(&mut held);
        Self { all, released }
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

    /// Those that it refers to by other fields.
    fn held(&self) -> impl Iterator<Item = &Address> {
        self.all.difference(&self.released)
    }

    /// What an object may refer to while it is brought from one to the other.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let held: BTreeSet<_> = self.held().chain(other.held()).cloned().collect();
        let all: BTreeSet<_> = self.all.union(&other.all).cloned().collect();
        Self { released: all.difference(&held).cloned().collect(), all }
    }
}

/// Whether `target`, an object of the resource at `address`, may be deleted while `dependent` refers to it, as the cloud then
/// drops the reference by itself. `schema` is that of the dependent.
pub(crate) fn is_released(
    schema: Option<&Schema>,
    dependent: &ObjectState,
    address: &Address,
    target: &ObjectState,
) -> bool {
    let mut held = schema.into_iter().flat_map(|schema| schema.fields).filter_map(|field| field.held);
    let is_held = held.any(|is_held| is_held(&target.inputs) || target.attempted.as_ref().is_some_and(is_held));
    dependent.released.contains(address) && !is_held
}
