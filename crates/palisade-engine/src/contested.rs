//! [`contested`]: the resources from which an interrupted step of another one may have taken something.

use std::{collections::BTreeSet, slice};

use palisade_core::{Address, Graph, Json};

use crate::{ObjectState, Phase, State};

/// The resources that have an item of an exclusive field which an unfinished object of another one may have taken. Their
/// descriptions need not show it yet.
pub(crate) fn contested(graph: &Graph, state: &State) -> BTreeSet<Address> {
    let is_unfinished = |object: &ObjectState| object.phase != Phase::Ready || object.attempted.is_some();
    let takers: Vec<_> = state.objects().filter(|(_, object)| is_unfinished(object)).collect();
    let mut contested = BTreeSet::new();
    for node in graph.nodes() {
        let mut exclusive = node.schema.fields.iter().filter(|field| field.exclusive);
        let Some(object) = state.current(&node.address) else { continue };
        let is_taken = exclusive.any(|field| {
            let others = takers
                .iter()
                .filter(|(address, taker)| address.kind() == node.address.kind() && !std::ptr::eq(*taker, object));
            let values = others.flat_map(|(_, taker)| {
                let attempted = taker.attempted.as_ref().and_then(|attempted| attempted.get(field.name));
                attempted.into_iter().chain([taker.input(field.name)])
            });
            let taken: Vec<&Json> = values.flat_map(items).collect();
            items(object.input(field.name)).iter().any(|item| taken.contains(&item))
        });
        if is_taken {
            contested.insert(node.address.clone());
        }
    }
    contested
}

/// The items of a list; what is none has itself.
pub(crate) fn items(value: &Json) -> &[Json] {
    match value {
        Json::Null => &[],
        Json::Array(items) => items,
        one => slice::from_ref(one),
    }
}
