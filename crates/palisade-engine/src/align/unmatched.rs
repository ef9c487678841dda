//! [`Unmatched`]: which of the resources that are new in the program is which of those that are gone from it, where one has changed along
//! with its name.

use std::collections::{BTreeMap, HashMap, HashSet};

use palisade_core::{Address, Graph, Json, Node, OnChange, Schema};

use super::Aligned;
use crate::{ObjectState, Phase, contested::items, identity::has_identity};

/// The resources that are new in the program, and the objects whose resources are gone from it, where it is not known yet which
/// belong together.
pub(super) struct Unmatched<'a> {
    aligned: &'a Aligned<'a>,
    /// Both by kind, and by the values of the fields whose changes always replace the object: these have to be the same.
    groups: HashMap<(&'a str, String), Candidates<'a>>,
}

/// Those of one group.
#[derive(Default)]
struct Candidates<'a> {
    new: Vec<&'a Node>,
    gone: Vec<Gone<'a>>,
}

type Gone<'a> = (&'a Address, &'a ObjectState);

impl<'a> Unmatched<'a> {
    pub(super) fn new(aligned: &'a Aligned<'a>, graph: &'a Graph) -> Self {
        // What is not finished, or about to be deleted, has nothing that would have to be kept.
        let is_kept = |object: &&ObjectState| object.phase == Phase::Ready && !object.is_being_deleted;
        let gone = aligned.state.resources.iter().filter(|(address, _)| graph.node(address).is_none());
        let gone = gone.filter_map(|(address, entry)| Some((address, entry.current.as_ref().filter(is_kept)?)));
        let gone: Vec<Gone<'_>> = gone.collect();
        let kinds: HashSet<_> = gone.iter().map(|(address, _)| address.kind()).collect();
        let is_new =
            |node: &&Node| kinds.contains(node.address.kind()) && !aligned.state.resources.contains_key(&node.address);
        let mut groups: HashMap<_, Candidates<'_>> = HashMap::new();
        let mut schemas = HashMap::new();
        for node in graph.nodes().filter(is_new) {
            let value = |field| aligned.wanted(node, field).into_json();
            if let Some(fixed) = fixed_values(node.schema, value) {
                groups.entry((node.address.kind(), fixed)).or_default().new.push(node);
                schemas.insert(node.address.kind(), node.schema);
            }
        }
        for (address, object) in gone {
            if let Some(schema) = schemas.get(address.kind())
                && let Some(fixed) = fixed_values(schema, |field| Some(object.input(field).clone()))
                && let Some(candidates) = groups.get_mut(&(address.kind(), fixed))
            {
                candidates.gone.push((address, object));
            }
        }
        Self { aligned, groups }
    }

    /// The objects and the resources that can belong to each other only, or that have something that no two objects can have.
    pub(super) fn pairs(&self) -> Vec<(Address, Address)> {
        let mut pairs = Vec::new();
        for Candidates { new, gone } in self.groups.values().filter(|candidates| !candidates.gone.is_empty()) {
            let shared = self.sharing(new, gone);
            // Those may decide what becomes of the others.
            let each = if shared.is_empty() { self.only(new, gone) } else { shared };
            pairs.extend(each.into_iter().map(|(earlier, now)| (earlier.clone(), now.clone())));
        }
        pairs
    }

    /// Those that have an item of an exclusive field, as an alias, which no other has.
    fn sharing(&self, new: &[&'a Node], gone: &[Gone<'a>]) -> Vec<(&'a Address, &'a Address)> {
        let Some(schema) = new.first().map(|node| node.schema) else { return Vec::new() };
        let exclusive = || schema.fields.iter().filter(|field| field.exclusive).map(|field| field.name);
        let mut holders: HashMap<(&str, String), usize> = HashMap::new();
        for (holder, (_, object)) in gone.iter().enumerate() {
            for field in exclusive() {
                holders.extend(items(object.input(field)).iter().map(|item| ((field, item.to_string()), holder)));
            }
        }
        // For each object the one resource that takes something of it, if it is one.
        let mut takers: Vec<Vec<&Node>> = vec![Vec::new(); gone.len()];
        for node in new {
            let mut found = HashSet::new();
            for field in exclusive() {
                let wanted = self.aligned.wanted(node, field).into_json().unwrap_or_default();
                let keys = items(&wanted).iter().map(|item| (field, item.to_string()));
                found.extend(keys.filter_map(|key| holders.get(&key).copied()));
            }
            if let [holder] = Vec::from_iter(found)[..]
                && self.aligned.can_be(node, gone[holder].1)
            {
                takers[holder].push(node);
            }
        }
        let pairs = gone.iter().zip(takers).filter_map(|((address, _), takers)| match takers[..] {
            [taker] => Some((*address, &taker.address)),
            _ => None,
        });
        pairs.collect()
    }

    /// Those of which each can be no other.
    fn only(&self, new: &[&'a Node], gone: &[Gone<'a>]) -> Vec<(&'a Address, &'a Address)> {
        let mut pairs = Vec::new();
        for node in new {
            let mut candidates = gone.iter().filter(|(_, object)| self.aligned.can_be(node, object));
            if let (Some((address, object)), None) = (candidates.next(), candidates.next()) {
                let mut rivals = new.iter().filter(|rival| self.aligned.can_be(rival, object));
                if (rivals.next(), rivals.next()).1.is_none() {
                    pairs.push((*address, &node.address));
                }
            }
        }
        pairs
    }

    /// For each resource of a kind without identity the first objects that it could have had, if there are any.
    pub(super) fn doubts(&self) -> BTreeMap<Address, Vec<Address>> {
        let mut doubts = BTreeMap::new();
        for Candidates { new, gone } in self.groups.values() {
            for node in new.iter().filter(|node| !has_identity(node.schema)) {
                let candidates = gone.iter().filter(|(_, object)| self.aligned.can_be(node, object));
                let candidates: Vec<_> = candidates.take(NAMED).map(|(address, _)| (*address).clone()).collect();
                if !candidates.is_empty() {
                    doubts.insert(node.address.clone(), candidates);
                }
            }
        }
        doubts
    }
}

/// How many of the objects that a resource could have had are named.
const NAMED: usize = 3;

/// The values of the fields whose changes always replace the object; `None` if one is not known.
fn fixed_values(schema: &Schema, value: impl Fn(&'static str) -> Option<Json>) -> Option<String> {
    let fields = schema.fields.iter().filter(|field| matches!(field.on_change, OnChange::Replace));
    let values: Vec<Json> = fields.map(|field| value(field.name)).collect::<Option<_>>()?;
    Some(Json::Array(values).to_string())
}
