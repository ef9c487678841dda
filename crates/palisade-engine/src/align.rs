//! [`aligned`]: the state under the addresses, and with the current objects, that the program means.

mod unmatched;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use palisade_core::{Address, Graph, Json, Node, OnChange, Rename, Schema, Value};

use crate::{
    Action, Entry, ObjectState, State, Step,
    identity::{Identity, has_identity, identity, identity_of},
};
use unmatched::Unmatched;

/// A state as a program means it.
pub(crate) struct Aligned<'a> {
    /// The state itself, unless something has moved.
    pub(crate) state: Cow<'a, State>,
    /// The resources that stand under another address than before, each with its earlier address.
    pub(crate) moved: BTreeMap<Address, Address>,
    /// The resources that are new in the program, and that could be one of these under another name: the first few of those that
    /// are gone from it.
    pub(crate) doubts: BTreeMap<Address, Vec<Address>>,
}

/// The state as the program means it. Two things are not read as a deletion and a creation, as no object need be replaced:
///
/// - A resource that has another address in the program: its object stands under the new address. Two that exchange their
///   identities in the program have exchanged their addresses. A resource that also changes is the same if no other one can be
///   meant, or if the program says so.
/// - A resource whose replacement was interrupted, and whose declaration was then taken back: the older object is the
///   current one again, and the newer one is left to be deleted.
///
/// It follows from graph and state alone, so that a plan need not write it down for the apply to find the same.
pub(crate) fn aligned<'a>(graph: &Graph, state: &'a State) -> Aligned<'a> {
    let renamed = renamed(graph, state);
    let mut has_moved = matches!(renamed, Cow::Owned(_));
    let before = &*renamed;
    let namesakes = Namesakes::new(graph, before);
    let mut holders = Holders::default();
    let mut aligned = Aligned { state: renamed.clone(), moved: BTreeMap::new(), doubts: BTreeMap::new() };
    loop {
        has_moved |= aligned.match_by_value(&namesakes, &mut holders, graph, before);
        // Each round can tell more: where a network stands is known only once it has moved.
        let unmatched = Unmatched::new(&aligned, graph);
        let pairs = unmatched.pairs();
        if pairs.is_empty() {
            aligned.doubts = unmatched.doubts();
            break;
        }
        for (earlier, now) in pairs {
            aligned.rename(&earlier, &now);
        }
        has_moved = true;
    }
    if has_moved {
        aligned.note_moves(state);
    }
    aligned
}

/// The state in which the resources whose earlier names the program declares have their new ones.
fn renamed<'a>(graph: &Graph, state: &'a State) -> Cow<'a, State> {
    let mut state = Cow::Borrowed(state);
    for Rename { from, to, location: _ } in graph.renames() {
        let is_meant = graph.node(from).is_none() && graph.node(to).is_some() && !state.resources.contains_key(to);
        if is_meant && state.resources.contains_key(from) {
            let resources = &mut state.to_mut().resources;
            let entry = resources.remove(from);
            resources.extend(entry.map(|entry| (to.clone(), entry)));
        }
    }
    state
}

/// Deposes the object of a creation that is unsettled, if an object that an earlier plan has missed is the current one of `step`, or
/// if it cannot become what `step` creates: it is looked for, and deleted if it is found, while the new one has a creation of its own.
/// Tells whether it did.
///
/// It follows from graph, step and state alone, so that the apply finds what the plan has found.
pub(crate) fn set_aside(graph: &Graph, step: &Step, state: &mut Cow<'_, State>) -> bool {
    let is_missed = state.missed_apart(&step.address).is_some_and(|missed| missed.id == step.id);
    let Some(entry) = state.resources.get(&step.address) else { return false };
    // An object of the same name that the creation has made would be its own, and none beside it.
    if is_missed && entry.deposed.len() < step.deposed.len() {
        state.to_mut().change_entry(&step.address, Entry::restore_missed);
        return true;
    }
    let Some(node) = graph.node(&step.address).filter(|_| step.action == Action::Create) else { return false };
    let created = |field: &str| {
        let planned = step.changes.iter().find(|change| change.field == field).and_then(|change| change.after.as_ref());
        planned.or_else(|| node.fields.get(field)).map_or(Some(&Json::Null), Value::as_json)
    };
    let is_forced = step.changes.iter().any(|change| change.forces_replacement);
    let is_other = |object: &ObjectState| is_forced || !can_become(object, node.schema, created);
    let is_set_aside = entry.current.as_ref().is_some_and(|object| object.is_unsettled() && is_other(object));
    if is_set_aside {
        state.to_mut().change_entry(&step.address, |entry| entry.deposed.extend(entry.current.take()));
    }
    is_set_aside
}

/// Whether no difference between `object` and the values `after` forces a replacement. A value that is known only after the
/// apply, `None`, is another one.
pub(crate) fn can_become<'v>(
    object: &ObjectState,
    schema: &Schema,
    after: impl Fn(&'static str) -> Option<&'v Json>,
) -> bool {
    schema.fields.iter().all(|field| {
        let before = object.input(field.name);
        match after(field.name) {
            Some(after) => after == before || !field.on_change.replaces(before, Some(after)),
            None => matches!(field.on_change, OnChange::Update),
        }
    })
}

/// Where the objects stand that have an identity. It is made when the first of them is looked for.
#[derive(Default)]
struct Holders<'a>(Option<Found<'a>>);

struct Found<'a> {
    /// The digest of the token of the object that has an identity, by kind and identity.
    tokens: HashMap<(&'a str, String), &'a str>,
    /// The address at which the object stands that has a token.
    addresses: HashMap<&'a str, &'a Address>,
}

impl<'a> Holders<'a> {
    fn of(&mut self, graph: &'a Graph, state: &'a State) -> &mut Found<'a> {
        self.0.get_or_insert_with(|| {
            let schemas: HashMap<_, _> = graph.nodes().map(|node| (node.address.kind(), node.schema)).collect();
            // Of two with one identity, the current one counts, and one that is there: the other one is gone, or about to go.
            let mut objects: Vec<_> = state.objects().collect();
            let is_current = |address, object: &ObjectState| {
                state.current(address).is_some_and(|current| current.token.digest == object.token.digest)
            };
            objects.sort_by_key(|(address, object)| (is_current(address, object), !object.is_unsettled()));
            let (mut tokens, mut addresses) = (HashMap::new(), HashMap::new());
            for (address, object) in objects {
                let Some(schema) = schemas.get(address.kind()) else { continue };
                if let Some(identity) = identity_of(schema, object) {
                    tokens.insert((address.kind(), identity.text()), object.token.digest.as_str());
                    addresses.insert(object.token.digest.as_str(), address);
                }
            }
            Found { tokens, addresses }
        })
    }
}

/// The resources of kinds without identity that are in one of program and state only, by what each of the program says without a
/// reference. Whatever is the same under two names is found in one place, so that large stacks are not compared each with each.
struct Namesakes<'a> {
    /// The fields of each kind that hold a reference in none of the new ones.
    fields: HashMap<&'a str, Vec<&'static str>>,
    /// Those that are new in the program.
    new: HashMap<(&'a str, String), Vec<&'a Node>>,
    /// Those that are gone from it.
    gone: HashMap<(&'a str, String), Vec<&'a Address>>,
}

impl<'a> Namesakes<'a> {
    fn new(graph: &'a Graph, state: &'a State) -> Self {
        let mut namesakes = Self { fields: HashMap::new(), new: HashMap::new(), gone: HashMap::new() };
        let is_new = |node: &&Node| !has_identity(node.schema) && !state.resources.contains_key(&node.address);
        let new: Vec<_> = graph.nodes().filter(is_new).collect();
        for node in &new {
            let all = || node.schema.fields.iter().map(|field| field.name).collect();
            let fields = namesakes.fields.entry(node.address.kind()).or_insert_with(all);
            fields.retain(|field| node.fields.get(field).is_none_or(|value| value.as_json().is_some()));
        }
        for node in new {
            namesakes.new.entry(namesakes.place_of(node)).or_default().push(node);
        }
        for (address, entry) in state.resources.iter().filter(|(address, _)| graph.node(address).is_none()) {
            if let Some((object, fields)) = entry.current.as_ref().zip(namesakes.fields.get(address.kind())) {
                let place = values(fields, |field| Some(object.input(field)));
                namesakes.gone.entry((address.kind(), place)).or_default().push(address);
            }
        }
        namesakes
    }

    fn place_of<'n>(&self, node: &'n Node) -> (&'n str, String) {
        let kind = node.address.kind();
        let fields = self.fields.get(kind).map(Vec::as_slice).unwrap_or_default();
        (kind, values(fields, |field| node.fields.get(field)?.as_json()))
    }
}

/// The values of the fields as one text.
fn values<'v>(fields: &[&'static str], value: impl Fn(&'static str) -> Option<&'v Json>) -> String {
    let values: Vec<_> = fields.iter().map(|field| value(field).unwrap_or(&Json::Null).to_string()).collect();
    values.join(",")
}

impl Aligned<'_> {
    /// Brings each object that can be told by its values to where the program means it. Tells whether one has moved.
    fn match_by_value<'a>(
        &mut self,
        namesakes: &Namesakes<'a>,
        holders: &mut Holders<'a>,
        graph: &'a Graph,
        before: &'a State,
    ) -> bool {
        let mut has_moved = false;
        // What a resource refers to comes before it, so a reference leads to where its target stands by then.
        for node in graph.nodes() {
            if self.state.current(&node.address).is_some_and(|current| self.is_within_reach(node, current)) {
                continue;
            }
            if has_identity(node.schema) {
                has_moved |= self.bring(holders, graph, before, node);
            } else if let Some(earlier) = self.earlier_address(namesakes, node) {
                let earlier = earlier.clone();
                self.rename(&earlier, &node.address);
                has_moved = true;
            } else {
                self.take_back(node);
            }
        }
        has_moved
    }

    /// The address at which the state has the resource that the program now has at that of `node`. Where there is more than
    /// one way to tell, there is none.
    fn earlier_address<'a>(&self, namesakes: &Namesakes<'a>, node: &Node) -> Option<&'a Address> {
        let is_new = |node: &Node| !self.state.resources.contains_key(&node.address);
        if !is_new(node) {
            return None;
        }
        let place = namesakes.place_of(node);
        let gone = namesakes.gone.get(&place)?.iter();
        let gone = gone.filter_map(|&address| Some((address, self.state.current(address)?)));
        let mut candidates = gone.filter(|(_, object)| self.is_same(node, object));
        let (earlier, object) = candidates.next()?;
        let rivals = namesakes.new.get(&place)?.iter().filter(|other| is_new(other));
        let mut rivals = rivals.filter(|other| other.address != node.address && self.is_same(other, object));
        (candidates.next().is_none() && rivals.next().is_none()).then_some(earlier)
    }

    fn rename(&mut self, earlier: &Address, now: &Address) {
        let resources = &mut self.state.to_mut().resources;
        let entry = resources.remove(earlier);
        resources.extend(entry.map(|entry| (now.clone(), entry)));
    }

    /// Makes the object that has the identity that `node` declares its current one, wherever that stands. Tells whether there is
    /// one.
    fn bring<'a>(&mut self, holders: &mut Holders<'a>, graph: &'a Graph, state: &'a State, node: &'a Node) -> bool {
        let (now, Some(wanted)) = (&node.address, self.wanted_identity(node)) else { return false };
        let found = holders.of(graph, state);
        let Some(&token) = found.tokens.get(&(now.kind(), wanted.text())) else { return false };
        let Some(&earlier) = found.addresses.get(token) else { return false };
        let current = self.state.current(earlier).filter(|object| object.token.digest == token);
        // Of two resources that claim one object, the one that has it keeps it.
        let is_kept = |other| current.is_some_and(|object| self.is_within_reach(other, object));
        if graph.node(earlier).is_some_and(is_kept) {
            return false;
        }
        let is_exchanged = current.is_some();
        let resources = &mut self.state.to_mut().resources;
        let Some(entry) = resources.get_mut(earlier) else { return false };
        let object = if is_exchanged { entry.current.take() } else { entry.take_deposed(token) };
        let Some(object) = object else { return false };
        let displaced = resources.entry(now.clone()).or_default().current.replace(object);
        found.addresses.insert(token, now);
        if let Some(displaced) = displaced {
            // It takes the place of the one that comes; or it stays, to be deleted.
            let home = if is_exchanged { earlier } else { now };
            if let Some((&token, _)) = found.addresses.get_key_value(displaced.token.digest.as_str()) {
                found.addresses.insert(token, home);
            }
            let entry = resources.entry(home.clone()).or_default();
            if is_exchanged { entry.current = Some(displaced) } else { entry.deposed.push(displaced) }
        }
        if resources.get(earlier).is_some_and(|entry| entry.objects().next().is_none()) {
            resources.remove(earlier);
        }
        true
    }

    /// Notes which resources stand under another address than in `before`, and lets what refers to objects that have moved refer
    /// to them by their new addresses.
    fn note_moves(&mut self, before: &State) {
        let objects = self.state.objects();
        let now: HashMap<_, _> =
            objects.map(|(address, object)| (object.token.digest.clone(), address.clone())).collect();
        let moved = before
            .resources
            .iter()
            .filter(|(address, entry)| entry.objects().any(|object| now.get(&object.token.digest) != Some(address)));
        let moved: HashMap<_, _> = moved.collect();
        if moved.is_empty() {
            return;
        }
        let places = moved
            .iter()
            .flat_map(|(address, entry)| entry.objects().map(move |object| (&object.token.digest, *address)));
        let places: HashMap<_, _> = places.collect();
        for (address, entry) in &self.state.resources {
            let earlier = entry.current.as_ref().and_then(|object| places.get(&object.token.digest));
            if let Some(&earlier) = earlier.filter(|earlier| **earlier != address) {
                self.moved.insert(address.clone(), earlier.clone());
            }
        }
        for object in self.state.to_mut().resources.values_mut().flat_map(Entry::objects_mut) {
            let known = object.clone();
            for addresses in [&mut object.depends_on, &mut object.released] {
                if !addresses.iter().any(|address| moved.contains_key(address)) {
                    continue;
                }
                let each = addresses.iter().flat_map(|address| {
                    let targets = moved.get(address).into_iter().flat_map(|entry| entry.objects());
                    let targets = targets.filter(|target| before.refers(&known, address, target));
                    let new: Vec<_> = targets.filter_map(|target| now.get(&target.token.digest)).collect();
                    if new.is_empty() { vec![address] } else { new }
                });
                *addresses = each.cloned().collect();
            }
        }
    }

    /// Makes an older object the current one again if it is what `node` declares, which the current one is not.
    fn take_back(&mut self, node: &Node) {
        let Some(entry) = self.state.resources.get(&node.address) else { return };
        let is_wanted = |object: &ObjectState| self.is_within_reach(node, object);
        let Some(index) = entry.deposed.iter().rposition(is_wanted) else { return };
        self.state.to_mut().change_entry(&node.address, |entry| {
            let older = entry.deposed.remove(index);
            entry.deposed.extend(entry.current.replace(older));
        });
    }

    /// Whether `object` has all values that `node` declares.
    fn is_same(&self, node: &Node, object: &ObjectState) -> bool {
        let mut fields = node.schema.fields.iter().map(|field| field.name);
        fields.all(|field| self.wanted(node, field).as_json() == Some(object.input(field)))
    }

    /// Whether `object` can be what `node` declares: it has its identity or, where the kind has none, no difference between
    /// the two forces a replacement.
    fn is_within_reach(&self, node: &Node, object: &ObjectState) -> bool {
        if has_identity(node.schema) { self.has_identity_of(node, object) } else { self.can_be(node, object) }
    }

    /// Whether no difference between `object` and what `node` declares forces a replacement.
    fn can_be(&self, node: &Node, object: &ObjectState) -> bool {
        node.schema.fields.iter().all(|field| {
            let (before, after) = (object.input(field.name), self.wanted(node, field.name));
            after.as_json() == Some(before) || !field.on_change.replaces(before, after.as_json())
        })
    }

    fn has_identity_of(&self, node: &Node, object: &ObjectState) -> bool {
        let wanted = self.wanted_identity(node);
        wanted.is_some() && wanted == identity_of(node.schema, object)
    }

    fn wanted_identity(&self, node: &Node) -> Option<Identity> {
        identity(node.schema, |field| self.wanted(node, field).into_json())
    }

    /// The value of a field, in which what the state knows has been put in place of the references.
    fn wanted(&self, node: &Node, field: &str) -> Value {
        let Some(value) = node.fields.get(field) else { return Value::Json(Json::Null) };
        value.substitute(&|reference| self.state.attribute(&reference.address, &reference.attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_in_which_nothing_has_moved_is_not_copied() {
        let mut state = State::new("shop", "00112233445566778899aabbccddeeff");
        state.resources.insert(Address::new("Net", "main"), Entry::default());
        let aligned = aligned(&Graph::empty("shop"), &state);
        assert!(matches!(aligned.state, Cow::Borrowed(_)));
    }
}
