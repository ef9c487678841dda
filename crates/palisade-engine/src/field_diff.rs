//! The comparison of one object with what the program says of it.

use palisade_core::{Address, FieldSchema, Json, JsonMap, Node, OnChange, Schema, Value, provider::Observation};

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
    // Few kinds have a field that looks at others.
    let looks_at_others = schema.fields.iter().any(|field| field.chosen.is_some() || field.ahead.is_some());
    let known = |field: &FieldSchema| Some((field.name.to_owned(), wanted(field.name).into_json()?));
    let known: JsonMap = schema.fields.iter().filter(|_| looks_at_others).filter_map(known).collect();
    for field in schema.fields {
        // What the last apply did not set, the cloud chose: it is no other form of what was applied.
        let chosen =
            now.fields.get(field.name).filter(|_| field.chosen.is_some() && object.input(field.name).is_null());
        let before = chosen.unwrap_or_else(|| current_value(field, object, now));
        let kept = field.kept(before, &known);
        let is_left_to_cloud = chosen.is_some() || kept.is_some();
        let after = kept.map_or_else(|| wanted(field.name), Value::Json);
        if let Some(note) = ahead(field, object, before, &known) {
            difference.ahead.push((field.name, note));
        } else if after.as_json() != Some(before) {
            difference.changes.push(FieldChange {
                field: field.name.to_owned(),
                before: Some(before.clone()),
                forces_replacement: field.on_change.replaces(before, after.as_json()),
                after: Some(after),
            });
        } else if object.phase == Phase::Ready && !is_left_to_cloud && before != object.input(field.name) {
            difference.adopted.push(field.name);
        }
    }
    difference
}

/// What to tell of the value `now` of a field, if the cloud came to it by itself: neither the program nor an interrupted step of it
/// has ever said so.
fn ahead(field: &FieldSchema, object: &ObjectState, now: &Json, wanted: &JsonMap) -> Option<String> {
    let tell = field.ahead?;
    let is_ours = now == object.input(field.name) || object.is_being_changed(field.name);
    if is_ours { None } else { tell(wanted, now) }
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

/// What others have done to a finished object since the last apply. `node` is what the program declares of it. What the program leaves to
/// the cloud may change, and is no drift.
pub(crate) fn drift(
    schema: &Schema,
    address: &Address,
    node: Option<&Node>,
    object: &ObjectState,
    now: Option<&Observation>,
) -> Vec<Drift> {
    let Some(last) = &object.observed else { return Vec::new() };
    if object.is_being_deleted {
        // A step of this program may be the reason.
        return Vec::new();
    }
    let Some(now) = now else {
        let before = Json::Object(last.fields.clone());
        return vec![Drift { address: address.clone(), field: None, before, after: Json::Null }];
    };
    let is_left_to_cloud = |field: &FieldSchema| {
        let value = match node {
            Some(node) => node.fields.get(field.name).and_then(Value::as_json),
            None => Some(object.input(field.name)),
        };
        field.chosen.is_some() && value.is_some_and(Json::is_null)
    };
    let changed = schema.fields.iter().filter(|field| !is_left_to_cloud(field)).filter_map(|field| {
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

/// The fields of an object that is to be deleted by `inputs`; `now` where it still exists.
pub(crate) fn removal(
    schema: &Schema,
    object: &ObjectState,
    now: Option<&Observation>,
    inputs: &JsonMap,
) -> Vec<FieldChange> {
    let values = schema.fields.iter().map(|field| {
        let value = match now {
            Some(now) if !field.at_deletion => current_value(field, object, now),
            None if !field.at_deletion => object.input(field.name),
            _ => inputs.get(field.name).unwrap_or(&Json::Null),
        };
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use palisade_core::provider::Token;
    use serde_json::json;

    use super::*;

    /// A shop has hours, which the cloud chooses where the program sets none. They move where they are the hours of its break.
    static SHOP: Schema = Schema::new(
        "Shop",
        &[
            FieldSchema { chosen: Some(apart), ..FieldSchema::new("hours", OnChange::Update) },
            FieldSchema::new("break", OnChange::Update),
        ],
    );

    fn apart(now: &Json, wanted: &JsonMap) -> Json {
        if wanted.get("break") == Some(now) { "moved".into() } else { now.clone() }
    }

    fn fields(hours: Option<&str>, pause: Option<&str>) -> JsonMap {
        [("hours".to_owned(), json!(hours)), ("break".to_owned(), json!(pause))].into_iter().collect()
    }

    #[test]
    fn a_value_that_the_cloud_chooses_stays_when_the_program_sets_none() {
        let (none, ten, noon) = (None, Some("ten"), Some("noon"));
        let by_hand = Some("by hand");
        for (what, applied, read_then, read_now, wanted, change, adopted, drifts) in [
            ("it is the cloud's choice", none, ten, ten, none, None, false, false),
            ("the cloud chooses again", none, ten, noon, none, None, false, false),
            ("the program sets what the cloud chose", none, ten, ten, ten, None, false, false),
            ("the program sets another", none, ten, ten, noon, Some((ten, noon)), false, false),
            ("the program leaves it out", ten, ten, ten, none, None, false, false),
            ("it is left out and changed by hand", ten, ten, by_hand, none, None, false, false),
            ("it is set and changed by hand", ten, ten, by_hand, ten, Some((by_hand, ten)), false, true),
            ("the program takes over a change by hand", ten, ten, by_hand, by_hand, None, true, true),
            ("it cannot stay", none, Some("two"), Some("two"), none, Some((Some("two"), Some("moved"))), false, false),
        ] {
            let observation = |hours| Observation { fields: fields(hours, Some("two")), attributes: JsonMap::new() };
            let token = Token { stack: String::new(), resource: String::new(), digest: String::new() };
            let object = ObjectState {
                id: Some("shop".to_owned()),
                phase: Phase::Ready,
                token,
                inputs: fields(applied, Some("two")),
                attempted: None,
                is_being_deleted: false,
                observed: Some(observation(read_then).into()),
                depends_on: BTreeSet::new(),
                released: BTreeSet::new(),
                missed: None,
            };
            let (address, now) = (Address::new("Shop", "it"), observation(read_now));
            let program = fields(wanted, Some("two"));
            let found = difference(&SHOP, &object, &now, |field| Value::Json(program[field].clone()));
            let changes: Vec<_> = found
                .changes
                .iter()
                .map(|it| (it.before.clone(), it.after.clone().and_then(Value::into_json)))
                .collect();
            let expected = change.map(|(before, after)| (Some(json!(before)), Some(json!(after))));
            assert_eq!(changes, Vec::from_iter(expected), "{what}");
            assert_eq!(found.adopted, if adopted { &["hours"][..] } else { &[] }, "{what}");
            let declared =
                program.iter().map(|(name, value)| (SHOP.field(name).unwrap().name, Value::Json(value.clone())));
            let node = Node {
                address: address.clone(),
                schema: &SHOP,
                fields: declared.collect::<BTreeMap<_, _>>(),
                location: std::panic::Location::caller(),
            };
            let drift = drift(&SHOP, &address, Some(&node), &object, Some(&now));
            assert_eq!(drift.len(), usize::from(drifts), "{what}");
        }
    }
}
