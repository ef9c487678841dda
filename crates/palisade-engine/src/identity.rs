//! The identity of an object: the values by which a cloud tells it from others of its kind.

use palisade_core::{Json, Schema};

use crate::ObjectState;

/// Whether a kind has fields that no two objects can share.
pub(crate) fn has_identity(schema: &Schema) -> bool {
    schema.fields.iter().any(|field| field.identity)
}

/// The identity of an object that the state knows.
pub(crate) fn identity_of(schema: &Schema, object: &ObjectState) -> Option<Identity> {
    identity(schema, |field| Some(object.input(field).clone()))
}

/// The values of the identity fields; `None` where one is not known, or where the kind has no identity.
pub(crate) fn identity(schema: &Schema, value: impl Fn(&str) -> Option<Json>) -> Option<Identity> {
    let fields = schema.fields.iter().filter(|field| field.identity);
    let values: Vec<Json> = fields.map(|field| Some(field.fold(value(field.name)?))).collect::<Option<_>>()?;
    (!values.iter().all(Json::is_null)).then_some(Identity(values))
}

/// The values of the identity fields of an object, in the order of the schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity(Vec<Json>);

impl Identity {
    /// Whether an object with this identity and one with the other cannot exist at a time.
    pub(crate) fn clashes_with(&self, other: &Self, schema: &Schema) -> bool {
        let fields = schema.fields.iter().filter(|field| field.identity);
        let mut values = fields.zip(self.0.iter().zip(&other.0));
        values.all(|(field, (a, b))| a == b || field.clashes.is_some_and(|clashes| clashes(a, b)))
    }

    /// As a text: another identity of the same kind has another one.
    pub(crate) fn text(&self) -> String {
        Json::Array(self.0.clone()).to_string()
    }

    /// What those have in common that may clash.
    pub(crate) fn group(&self, schema: &Schema) -> String {
        let fields = schema.fields.iter().filter(|field| field.identity);
        let exact = fields.zip(&self.0).filter(|(field, _)| field.clashes.is_none()).map(|(_, value)| value.clone());
        Json::Array(exact.collect()).to_string()
    }
}
