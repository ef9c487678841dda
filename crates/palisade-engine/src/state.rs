//! [`State`]: what the engine knows to exist.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::Arc,
};

use palisade_core::{
    Address, Json, JsonMap,
    provider::{LINEAGE_DIGITS, Object, Observation, Token},
};
use serde::{Deserialize, Serialize};

use crate::{StepDurations, digest::sha256, steps::Target};

/// What the engine knows to exist, and all that it needs to go on: a deletion needs no program.
///
/// `docs/state-format.md` describes the format of the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct State {
    /// The stack's name.
    pub stack: String,
    /// What tells this stack's objects from those of an earlier stack of the same name: 32 hexadecimal digits, drawn at
    /// the first apply.
    pub lineage: String,
    /// The account that the objects are in, as the caller calls it. Names are often the same in two accounts, so a state must
    /// not be taken to another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Counts the changes.
    pub serial: u64,
    /// The resources.
    pub resources: BTreeMap<Address, Entry>,
    /// The outputs as of the last apply.
    pub outputs: JsonMap,
    /// How long steps have taken, by the kind of the resource.
    #[serde(default)]
    pub durations: BTreeMap<String, StepDurations>,
    /// The losses of data that somebody has consented to: by resource, the digest of the token of the object. Two objects of one
    /// resource can have the same id, one after the other, but no two have the same token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<Address, String>,
}

/// The objects of one resource.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// The object that the program means.
    pub current: Option<ObjectState>,
    /// The other objects that a replacement has left, and that are yet to be deleted.
    pub deposed: Vec<ObjectState>,
}

/// One object.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ObjectState {
    /// The id that the cloud knows it by; `None` while its creation has begun and not answered.
    pub id: Option<String>,
    /// How far its creation has come.
    pub phase: Phase,
    /// What its creation is recognised by.
    pub token: Token,
    /// The inputs that were applied last, or are being applied.
    pub inputs: JsonMap,
    /// The inputs that an update was to bring, which has not come to its end: of each field, the object may have this value
    /// or that of `inputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted: Option<JsonMap>,
    /// Whether a deletion has begun, which has not come to its end: the object may have lost what it had.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_being_deleted: bool,
    /// What the cloud answered after the last apply; `None` until the creation has ended. Copies of the object share it.
    pub observed: Option<Arc<Observation>>,
    /// The resources that it refers to, so that a later deletion finds its order without the program.
    pub depends_on: BTreeSet<Address>,
    /// Those of `depends_on` that may be deleted while this object refers to them, as the cloud drops the reference then, unless they
    /// are held.
    pub released: BTreeSet<Address>,
    /// While it is not known whether the object exists: the one in whose place it is made, as the plan did not see that. The plan may
    /// have been wrong; then a name that is taken is that object's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Box<ObjectState>>,
}

/// How far an object has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Phase {
    /// The creation has begun: the object may exist.
    Creating,
    /// The object exists, and may not yet be all that it should be.
    Created,
    /// The object has been brought to its inputs.
    Ready,
}

impl State {
    /// The state of a stack that has never been applied.
    pub fn new(stack: impl Into<String>, lineage: impl Into<String>) -> Self {
        Self {
            stack: stack.into(),
            lineage: lineage.into(),
            account: None,
            serial: 0,
            resources: BTreeMap::new(),
            outputs: JsonMap::new(),
            durations: BTreeMap::new(),
            consents: BTreeMap::new(),
        }
    }

    /// What the digests of all tokens of this state begin with.
    pub(crate) fn lineage_digits(&self) -> String {
        sha256(&self.lineage)[..LINEAGE_DIGITS].to_owned()
    }

    /// The attribute of an existing object that a reference names, `id` included; `None` while it is not known.
    ///
    /// An attribute that a finished object does not have is null.
    pub fn attribute(&self, address: &Address, attribute: &str) -> Option<Json> {
        let object = self.current(address)?;
        if attribute == "id" {
            return object.id.clone().map(Into::into);
        }
        Some(object.observed.as_ref()?.attributes.get(attribute).cloned().unwrap_or_default())
    }

    /// The object that the program means by `address`.
    pub(crate) fn current(&self, address: &Address) -> Option<&ObjectState> {
        self.resources.get(address)?.current.as_ref()
    }

    /// The object in whose place the current one of `address` was to be made, if it may exist. Its name may be that of another object by
    /// now.
    pub(crate) fn missed(&self, address: &Address) -> Option<&ObjectState> {
        let missed = self.current(address)?.missed.as_deref()?;
        missed.id.as_deref().is_some_and(|id| !self.has(address.kind(), id)).then_some(missed)
    }

    /// The same, if what is seen of it cannot be what that creation has made: an object whose id is among the inputs was given that name
    /// by the program, and so is the new one.
    pub(crate) fn missed_apart(&self, address: &Address) -> Option<&ObjectState> {
        let inputs = self.current(address)?.inputs.values();
        self.missed(address).filter(|missed| missed.id.as_deref().is_some_and(|id| !contains(inputs, &[id])))
    }

    /// Whether an object of the kind has this id.
    pub(crate) fn has(&self, kind: &str, id: &str) -> bool {
        self.objects().any(|(address, object)| address.kind() == kind && object.id.as_deref() == Some(id))
    }

    /// The `target` of the resource at `address`.
    pub(crate) fn object(&self, address: &Address, target: &Target) -> Option<&ObjectState> {
        match target {
            Target::Current => self.current(address),
            Target::Deposed(token) => self.deposed(address, token),
        }
    }

    /// The object of `address`, beside the current one, whose token has this digest.
    pub(crate) fn deposed(&self, address: &Address, token: &str) -> Option<&ObjectState> {
        self.resources.get(address)?.deposed.iter().find(|object| object.token.digest == token)
    }

    /// Whether somebody has consented to the loss of the data of the current object.
    pub(crate) fn has_consent(&self, address: &Address) -> bool {
        self.consents
            .get(address)
            .is_some_and(|token| self.current(address).is_some_and(|it| it.token.digest == *token))
    }

    /// Whether somebody has consented to the loss of the data of an object of `address` that is no longer the current one: it is
    /// deleted, or about to be, and the run that did that has not completed.
    pub fn has_spent_consent(&self, address: &Address) -> bool {
        self.consents.contains_key(address) && !self.has_consent(address)
    }

    /// All objects, each with its address.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Address, &ObjectState)> {
        self.resources.iter().flat_map(|(address, entry)| entry.objects().map(move |object| (address, object)))
    }

    /// Whether `object` may refer to `target`, which is an object of the resource at `address`.
    pub(crate) fn refers(&self, object: &ObjectState, address: &Address, target: &ObjectState) -> bool {
        // The state knows which resources an object refers to. After an interrupted replacement a resource has several
        // objects. An update that was interrupted may have reached the current one already, whatever its inputs say; one of
        // the others is meant only where it is named. Without such an update, what names another one does not refer to the
        // current one.
        let is_current = |target| self.current(address).is_some_and(|current| std::ptr::eq(current, target));
        let refers_elsewhere = || {
            let mut others = self.resources.get(address).into_iter().flat_map(Entry::objects);
            object.attempted.is_none() && others.any(|other| !is_current(other) && object.names(other))
        };
        object.depends_on.contains(address)
            && (object.names(target)
                || target.is_named_in(object.attempted.iter().flat_map(JsonMap::values))
                || is_current(target) && !refers_elsewhere())
    }
}

impl Entry {
    /// The current object and the others.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectState> {
        self.current.iter().chain(&self.deposed)
    }

    /// Makes the object in whose place the current one was to be made the current one again.
    pub(crate) fn restore_missed(&mut self) {
        if let Some(missed) = self.current.as_mut().and_then(|object| object.missed.take()) {
            self.deposed.extend(self.current.replace(*missed));
        }
    }

    /// Takes the object beside the current one out whose token has this digest.
    pub(crate) fn take_deposed(&mut self, token: &str) -> Option<ObjectState> {
        let index = self.deposed.iter().position(|object| object.token.digest == token)?;
        Some(self.deposed.remove(index))
    }

    /// The current object and the others, to be changed.
    pub(crate) fn objects_mut(&mut self) -> impl Iterator<Item = &mut ObjectState> {
        self.current.iter_mut().chain(&mut self.deposed)
    }
}

impl ObjectState {
    /// The object as the provider takes it, once it has an id.
    pub fn object(&self) -> Option<Object<'_>> {
        let attributes = self.observed.as_ref().map(|observed| &observed.attributes);
        Some(Object { id: self.id.as_deref()?, inputs: &self.inputs, attributes })
    }

    /// Records the values by which the object is deleted. No call sends them before that, so they count at once.
    pub(crate) fn settle_deletion(&mut self, at_deletion: &JsonMap) {
        for inputs in iter::once(&mut self.inputs).chain(&mut self.attempted) {
            inputs.extend(at_deletion.clone());
        }
    }

    /// Whether its creation has begun, and it is not known whether the object exists.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.id.is_none()
    }

    /// Whether it may exist though it is not seen, as it was created only a moment ago. Once its deletion has begun, it was seen, or
    /// looked for.
    pub(crate) fn may_be_hidden(&self) -> bool {
        self.phase == Phase::Created && !self.is_being_deleted
    }

    /// Whether its deletion has begun, so that it may be on its way out while nothing is seen of it.
    pub fn is_going(&self) -> bool {
        self.is_being_deleted && self.id.is_some()
    }

    /// Whether an update that has not come to its end was to change the field.
    pub(crate) fn is_being_changed(&self, field: &str) -> bool {
        self.attempted.as_ref().is_some_and(|attempted| attempted.get(field) != self.inputs.get(field))
    }

    /// What was applied last; null where the program that did so knew no such field.
    pub(crate) fn input(&self, field: &str) -> &Json {
        self.inputs.get(field).unwrap_or(&Json::Null)
    }

    /// The inputs to take for those that were applied last when `wanted` are applied: of the two values that a field may have,
    /// one that is not the wanted one. So whatever cannot be read back is sent again.
    pub(crate) fn previous(&self, wanted: &JsonMap) -> Cow<'_, JsonMap> {
        let mut previous = Cow::Borrowed(&self.inputs);
        for (field, value) in self.attempted.iter().flatten() {
            if wanted.get(field) != Some(value) {
                previous.to_mut().insert(field.clone(), value.clone());
            }
        }
        previous
    }

    /// Whether a step that was interrupted may have sent what descriptions do not show yet, and what matters to one that brings
    /// the object to what is `wanted`. A creation that continues with the same inputs only repeats its own calls.
    pub(crate) fn may_be_ahead_of_its_description(&self, wanted: &JsonMap) -> bool {
        let is_other_creation =
            self.phase != Phase::Ready && self.inputs.iter().any(|(field, value)| wanted.get(field) != Some(value));
        is_other_creation || self.attempted.is_some() || self.is_being_deleted
    }

    /// Whether an input has the value of the id or of an attribute of `target`.
    pub(crate) fn names(&self, target: &Self) -> bool {
        target.is_named_in(self.inputs.values())
    }

    /// Whether one of the values is, or holds, the id or an attribute.
    pub(crate) fn is_named_in<'v>(&self, values: impl Iterator<Item = &'v Json>) -> bool {
        let attributes = self.observed.iter().flat_map(|observed| observed.attributes.values());
        let mut names: Vec<&str> = attributes.filter_map(Json::as_str).collect();
        names.extend(self.id.as_deref());
        contains(values, &names)
    }
}

fn contains<'v>(mut values: impl Iterator<Item = &'v Json>, texts: &[&str]) -> bool {
    values.any(|value| contains_any(value, texts))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

fn contains_any(value: &Json, texts: &[&str]) -> bool {
    match value {
        Json::String(text) => texts.contains(&text.as_str()),
        Json::Array(items) => items.iter().any(|item| contains_any(item, texts)),
        Json::Object(entries) => entries.values().any(|value| contains_any(value, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(id: &str, net: Json) -> ObjectState {
        ObjectState {
            id: Some(id.to_owned()),
            phase: Phase::Ready,
            token: Token { stack: "shop".to_owned(), resource: "Net.main".to_owned(), digest: id.to_owned() },
            inputs: JsonMap::from_iter([("net".to_owned(), net)]),
            attempted: None,
            is_being_deleted: false,
            observed: None,
            depends_on: BTreeSet::from([Address::new("Net", "main")]),
            released: BTreeSet::new(),
            missed: None,
        }
    }

    #[test]
    fn an_object_refers_to_what_it_names_and_where_it_may_have_another_value_to_the_current_one() {
        let address = Address::new("Net", "main");
        let mut state = State::new("shop", "00112233445566778899aabbccddeeff");
        let entry = Entry { current: Some(object("new", Json::Null)), deposed: vec![object("old", Json::Null)] };
        state.resources.insert(address.clone(), entry);
        let refers = |object: &ObjectState| -> Vec<&str> {
            let targets = state.resources[&address].objects().filter(|target| state.refers(object, &address, target));
            targets.filter_map(|target| target.id.as_deref()).collect()
        };
        assert_eq!(refers(&object("it", json!("new"))), ["new"]);
        assert_eq!(refers(&object("it", json!("old"))), ["old"]);
        // It was made of an attribute that has another value by now.
        assert_eq!(refers(&object("it", json!("earlier"))), ["new"]);
        let attempted = |net: &str| Some(JsonMap::from_iter([("net".to_owned(), net.into())]));
        for (is, was_to_be, expected) in [
            ("old", "later", vec!["new", "old"]),
            ("new", "old", vec!["new", "old"]),
            ("earlier", "later", vec!["new"]),
        ] {
            let object = ObjectState { attempted: attempted(was_to_be), ..object("it", json!(is)) };
            assert_eq!(refers(&object), expected, "{is} {was_to_be}");
        }
        let unrelated = ObjectState { depends_on: BTreeSet::new(), ..object("it", json!("new")) };
        assert!(refers(&unrelated).is_empty());
    }
}
