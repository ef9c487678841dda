//! The comparison of one object with what the program says of it.

use palisade_core::{Address, FieldSchema, Json, Node, OnChange, Schema, Value, provider::Observation};

use crate::{Drift, FieldChange, ObjectState, Phase};

/// The fields of an object that differ from what the program says.
pub(crate) struct Difference {
    /// What differs, in the order of the schema.
    pub(crate) changes: Vec<FieldChange>,
    /// The fields that were changed outside of the program, to what the program says now.
    pub(crate) adopted: Vec<&'static str>,
    /// The fields whose value the cloud came to by itself, with what to tell of it.
    pub(crate) ahead: Vec<(&'static str, String)>,
}

impl Difference {
    /// Lets the changes count as reasons for a replacement that would take away what others stand in.
    pub(crate) fn replaces_what_is_occupied(&mut self, schema: &Schema) {
        for change in &mut self.changes {
            let is_occupied = schema.field(&change.field).is_some_and(|field| field.occupied.is_some());
            change.forces_replacement |= is_occupied && change.dropped().next().is_some();
        }
    }
}

/// Compares an object that exists, and is `now`, with `wanted`: the fields of its node, in which what is known has been
/// put in place of the references to it.
pub(crate) fn difference(
    schema: &'static Schema,
    object: &ObjectState,
    now: &Observation,
    wanted: impl Fn(&'static str) -> Value,
) -> Difference {
    let mut difference = Difference { changes: Vec::new(), adopted: Vec::new(), ahead: Vec::new() };
    for field in schema.fields {
        let before = current_value(field, object, now);
        let after = wanted(field.name);
        if let Some(note) = ahead(schema, field, object, before, &wanted) {
            difference.ahead.push((field.name, note));
        } else if after.as_json() != Some(before) {
            difference.changes.push(FieldChange {
                field: field.name.to_owned(),
                before: Some(before.clone()),
                forces_replacement: field.on_change.replaces(before, after.as_json()),
                after: Some(after),
            });
        } else if object.phase == Phase::Ready && before != object.input(field.name) {
            difference.adopted.push(field.name);
        }
    }
    difference
}

/// What to tell of the value `now` of a field, if the cloud came to it by itself: neither the program nor an interrupted step of it
/// has ever said so.
fn ahead(
    schema: &Schema,
    field: &FieldSchema,
    object: &ObjectState,
    now: &Json,
    wanted: &impl Fn(&'static str) -> Value,
) -> Option<String> {
    let tell = field.ahead?;
    let is_ours = now == object.input(field.name) || object.is_being_changed(field.name);
    let known = |field: &FieldSchema| Some((field.name.to_owned(), wanted(field.name).into_json()?));
    if is_ours { None } else { tell(&schema.fields.iter().filter_map(known).collect(), now) }
}

/// The value that `field` has.
///
/// What the cloud answers is not always what it was given: it may sort, lower-case or complete a value. So as long as it
/// answers what it answered right after the last apply, the value is the one that was applied.
pub(crate) fn current_value<'a>(field: &FieldSchema, object: &'a ObjectState, now: &'a Observation) -> &'a Json {
    let applied = object.input(field.name);
    let Some(read) = now.fields.get(field.name) else { return applied };
    if field.ahead.is_some() {
        // What was applied last may be what the cloud came from.
        return read;
    }
    let as_it_was = match &object.observed {
        Some(last) => last.fields.get(field.name) == Some(read),
        // The creation has not ended, so there is no earlier answer. What only a creation sets has been set by it. The rest may not
        // have been, and an update may have changed it since.
        None => matches!(field.on_change, OnChange::Replace),
    };
    if as_it_was { applied } else { read }
}

/// What others have done to a finished object since the last apply.
pub(crate) fn drift(schema: &Schema, address: &Address, object: &ObjectState, now: Option<&Observation>) -> Vec<Drift> {
    let Some(last) = &object.observed else { return Vec::new() };
    if object.is_being_deleted {
        // A step of this program may be the reason.
        return Vec::new();
    }
    let Some(now) = now else {
        let before = Json::Object(last.fields.clone());
        return vec![Drift { address: address.clone(), field: None, before, after: Json::Null }];
    };
    let changed = schema.fields.iter().filter_map(|field| {
        let (before, after) = (last.fields.get(field.name)?, now.fields.get(field.name)?);
        (before != after && !object.is_being_changed(field.name)).then(|| Drift {
            address: address.clone(),
            field: Some(field.name.to_owned()),
            before: before.clone(),
            after: after.clone(),
        })
    });
    changed.collect()
}

/// The fields of an object that is to be created.
pub(crate) fn creation(node: &Node, wanted: impl Fn(&'static str) -> Value) -> Vec<FieldChange> {
    let fields = node.schema.fields.iter().map(|field| (field.name, wanted(field.name)));
    let set = fields.filter(|(_, value)| !value.as_json().is_some_and(says_nothing));
    set.map(|(field, after)| change(field, None, Some(after))).collect()
}

/// The fields of an object that is to be deleted; `now` where it still exists.
pub(crate) fn deletion(schema: &Schema, object: &ObjectState, now: Option<&Observation>) -> Vec<FieldChange> {
    let values = schema.fields.iter().map(|field| {
        let said_last = object.attempted.as_ref().filter(|_| field.at_deletion).and_then(|last| last.get(field.name));
        let value = said_last.unwrap_or_else(|| match now {
            None => object.input(field.name),
            Some(now) => current_value(field, object, now),
        });
        (field.name, value)
    });
    let set = values.filter(|(_, value)| !says_nothing(value));
    set.map(|(field, before)| change(field, Some(before.clone()), None)).collect()
}

/// Whether a reader misses nothing without the field: it is absent, or holds no item.
fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn change(field: &str, before: Option<Json>, after: Option<Value>) -> FieldChange {
    FieldChange { field: field.to_owned(), before, after, forces_replacement: false }
}
