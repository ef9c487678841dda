//! [`existing`]: what another tool needs to take over the objects of a stack.

use std::collections::BTreeMap;

use palisade_core::{Address, Graph, Json, JsonMap};

use crate::{ObjectState, State, align::aligned};

/// What is known of each object that exists, under the address that `graph` has for it: its `id`, its fields as they were
/// applied last, and its attributes. An object whose creation was interrupted before it was answered is not among them.
pub fn existing(graph: &Graph, state: &State) -> BTreeMap<Address, JsonMap> {
    let state = aligned(graph, state).state;
    let known = |address: &Address| Some((address.clone(), known(state.current(address)?)?));
    graph.nodes().filter_map(|node| known(&node.address)).collect()
}

fn known(object: &ObjectState) -> Option<JsonMap> {
    let mut known = object.inputs.clone();
    known.extend(object.observed.iter().flat_map(|observed| observed.attributes.clone()));
    known.insert("id".to_owned(), Json::from(object.id.clone()?));
    Some(known)
}
