//! The identity of an object: the values by which a cloud tells it from others of its kind.

use palisade_core::{Json, Schema};

use crate::ObjectState;

/// Whether a kind has fields that no two objects can share.
pub(crate) fn has_identity(schema: &Schema) -> bool {
    schema.fields.iter().any(|field| field.identity)
}

/// The identity of an object that the state knows.
pub(crate) fn identity_of(schema: &Schema, object: &ObjectState) -> Option<String> {
    identity(schema, |field| Some(object.input(field).clone()))
}

/// The values of the identity fields as one text; `None` where one is not known, or where the kind has no identity.
pub(crate) fn identity(schema: &Schema, value: impl Fn(&str) -> Option<Json>) -> Option<String> {
    let fields = schema.fields.iter().filter(|field| field.identity);
    let values: Vec<Json> = fields.map(|field| value(field.name)).collect::<Option<_>>()?;
    (!values.iter().all(Json::is_null)).then(|| Json::Array(values).to_string())
}
