//! [`Value`]: JSON that may hold references to what other resources will be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Address, Json};

/// A value of a declared field: JSON, in which any part may be a [`Reference`] to an attribute of another resource.
///
/// It is data, never a closure, so that every back end can render it: the plan as text, the engine as the arguments of
/// a call, the export as Terraform's `${...}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Value {
    /// A value without references.
    Json(Json),
    /// A list of which at least one item holds a reference.
    List(Vec<Value>),
    /// A list in which order and repetition mean nothing, and of which at least one item holds a reference.
    Set(Vec<Value>),
    /// A map of which at least one value holds a reference.
    Map(BTreeMap<String, Value>),
    /// What another resource's attribute will be.
    Reference(Reference),
}

/// An attribute of a resource, as in `Vpc.main`'s `id`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Reference {
    /// The resource that has the attribute.
    pub address: Address,
    /// The attribute's name. Every resource has `id`.
    pub attribute: String,
}

impl Value {
    /// The value of a list; it is [`Value::Json`] where no item holds a reference.
    pub fn list(items: Vec<Value>) -> Self {
        if items.iter().all(|item| matches!(item, Self::Json(_))) {
            Self::Json(items.into_iter().filter_map(Self::into_json).collect())
        } else {
            Self::List(items)
        }
    }

    /// The value of a set; it is [`Value::Json`], sorted and without repetition, where no item holds a reference. So two
    /// sets of the same items are equal once they are known.
    pub fn set(items: Vec<Value>) -> Self {
        match Self::list(items) {
            Self::Json(Json::Array(mut known)) => {
                known.sort_by_cached_key(Json::to_string);
                known.dedup();
                Self::Json(Json::Array(known))
            }
            Self::List(items) => Self::Set(items),
            other => other,
        }
    }

    /// The value of a map; it is [`Value::Json`] where no value holds a reference.
    pub fn map(entries: BTreeMap<String, Value>) -> Self {
        if entries.values().all(|value| matches!(value, Self::Json(_))) {
            Self::Json(entries.into_iter().filter_map(|(key, value)| Some((key, value.into_json()?))).collect())
        } else {
            Self::Map(entries)
        }
    }

    /// The value as JSON, or `None` where it still holds a reference.
    pub fn into_json(self) -> Option<Json> {
        match self {
            Self::Json(json) => Some(json),
            Self::List(items) | Self::Set(items) => items.into_iter().map(Self::into_json).collect(),
            Self::Map(entries) => entries.into_iter().map(|(key, value)| Some((key, value.into_json()?))).collect(),
            Self::Reference(_) => None,
        }
    }

    /// The value as JSON without taking it, or `None` where it still holds a reference.
    pub fn as_json(&self) -> Option<&Json> {
        match self {
            Self::Json(json) => Some(json),
            _ => None,
        }
    }

    /// All references in the value, in the order in which they are written.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Json(_) => Vec::new(),
            Self::List(items) | Self::Set(items) => items.iter().flat_map(Self::references).collect(),
            Self::Map(entries) => entries.values().flat_map(Self::references).collect(),
            Self::Reference(reference) => vec![reference],
        }
    }

    /// The value with each reference that `lookup` knows put in place; the others remain references.
    pub fn substitute(&self, lookup: &impl Fn(&Reference) -> Option<Json>) -> Self {
        match self {
            Self::Json(json) => Self::Json(json.clone()),
            Self::List(items) => Self::list(items.iter().map(|item| item.substitute(lookup)).collect()),
            Self::Set(items) => Self::set(items.iter().map(|item| item.substitute(lookup)).collect()),
            Self::Map(entries) => {
                Self::map(entries.iter().map(|(key, value)| (key.clone(), value.substitute(lookup))).collect())
            }
            Self::Reference(reference) => {
                lookup(reference).map_or_else(|| Self::Reference(reference.clone()), Self::Json)
            }
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::Json(json)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(name: &str) -> Reference {
        Reference { address: Address::new("Vpc", name), attribute: "id".to_owned() }
    }

    #[test]
    fn a_list_without_references_is_json() {
        assert_eq!(Value::list(vec![json!(1).into(), json!(2).into()]), Value::Json(json!([1, 2])));
    }

    #[test]
    fn a_set_that_is_known_is_sorted() {
        let set = Value::set(vec![Value::Reference(reference("a")), json!("vpc-1").into()]);
        assert_eq!(set.substitute(&|_| Some(json!("vpc-0"))), Value::Json(json!(["vpc-0", "vpc-1"])));
        assert_eq!(set.substitute(&|_| Some(json!("vpc-1"))), Value::Json(json!(["vpc-1"])));
        assert_eq!(set.substitute(&|_| None), set);
    }

    #[test]
    fn substitution_leaves_what_is_not_known() {
        let value = Value::list(vec![Value::Reference(reference("a")), Value::Reference(reference("b"))]);
        let half = value.substitute(&|r| (r.address.name() == "a").then(|| json!("vpc-1")));
        assert_eq!(half, Value::List(vec![json!("vpc-1").into(), Value::Reference(reference("b"))]));
        assert_eq!(half.references(), [&reference("b")]);
        assert_eq!(half.substitute(&|_| Some(json!("vpc-2"))), Value::Json(json!(["vpc-1", "vpc-2"])));
    }
}
