//! [`Input`] and [`Output`]: what a setter takes, and what a resource gives to others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    marker::PhantomData,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Handle, Id, Json, Reference, Resource, Value};

/// A type that a field of a resource may have.
///
/// The implementation says that the type's own values are accepted by the field's setter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a field",
    note = "a field holds a checked type such as `Cidr`, `Port` or `Name`, an `Id`, a text, a number or a list of these"
)]
pub trait Field: Serialize + DeserializeOwned {
    /// What is wrong with a value of the type that a program declares, if anything is: the rule that it breaks.
    ///
    /// What comes from AWS is not checked when it is read, so a program could declare what AWS might have answered. This is
    /// the check that no value gets around.
    fn problem(json: &Json) -> Option<String> {
        let _ = json;
        None
    }
}

impl Field for bool {}
impl Field for u8 {}
impl Field for u16 {}
impl Field for u32 {}
impl Field for String {}

impl<R: Resource> Field for Id<R> {
    fn problem(json: &Json) -> Option<String> {
        Id::<R>::new(json.as_str().unwrap_or_default()).err().map(|error| error.to_string())
    }
}

impl<T: Field> Field for Vec<T> {
    fn problem(json: &Json) -> Option<String> {
        json.as_array()?.iter().find_map(T::problem)
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    fn problem(json: &Json) -> Option<String> {
        json.as_array()?.iter().find_map(T::problem)
    }
}

impl<T: Field> Field for Option<T> {
    fn problem(json: &Json) -> Option<String> {
        if json.is_null() { None } else { T::problem(json) }
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn problem(json: &Json) -> Option<String> {
        json.as_object()?.values().find_map(T::problem)
    }
}

/// A value of the type `T`, or a reference to one that is known only once another resource exists.
pub struct Input<T> {
    value: Value,
    field: PhantomData<fn() -> T>,
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self::new(self.value.clone())
    }
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.value).finish()
    }
}

impl<T> Input<T> {
    pub(crate) fn new(value: Value) -> Self {
        Self { value, field: PhantomData }
    }

    /// The value without its type.
    pub fn into_value(self) -> Value {
        self.value
    }
}

/// What the setter of a field of the type `T` accepts: a `T`, another resource's [`Output<T>`], or, where `T` is the id
/// of a resource, `&resource` itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used where `{T}` is wanted",
    label = "this is not a `{T}`",
    note = "a checked literal is written with the macro of its type, as in cidr!(\"10.0.0.0/16\"), az!(\"us-east-1a\"), \
            name!(\"redis\"), security_group_name!(\"redis\"), port!(6379), access!(\"on ~* +@read\"), node_type!(\"cache.t4g.small\"), \
            description!(\"Clients of the cache\"), retention_days!(7), tags!(\"Name\" = \"redis\")",
    note = "a setter also takes an output of its type, and `&resource` where an id of that kind of resource is wanted"
)]
pub trait IntoInput<T> {
    /// The value as an input.
    fn into_input(self) -> Input<T>;
}

impl<T: Field> IntoInput<T> for T {
    fn into_input(self) -> Input<T> {
        let json = serde_json::to_value(self).expect("a field's type has string keys and finite numbers only");
        Input::new(Value::Json(json))
    }
}

impl IntoInput<String> for &str {
    fn into_input(self) -> Input<String> {
        self.to_owned().into_input()
    }
}

impl<T> IntoInput<T> for Input<T> {
    fn into_input(self) -> Input<T> {
        self
    }
}

impl<T> IntoInput<T> for Output<T> {
    fn into_input(self) -> Input<T> {
        Input::new(Value::Reference(self.reference))
    }
}

impl<T> IntoInput<T> for &Output<T> {
    fn into_input(self) -> Input<T> {
        self.clone().into_input()
    }
}

impl<R: Resource, Brand> IntoInput<Id<R>> for &Handle<R, Brand> {
    fn into_input(self) -> Input<Id<R>> {
        self.id().into_input()
    }
}

impl<T, I: IntoInput<T>, const N: usize> IntoInput<Vec<T>> for [I; N] {
    fn into_input(self) -> Input<Vec<T>> {
        Input::new(Value::list(self.into_iter().map(|item| item.into_input().into_value()).collect()))
    }
}

impl<T, I: IntoInput<T>, const N: usize> IntoInput<BTreeSet<T>> for [I; N] {
    fn into_input(self) -> Input<BTreeSet<T>> {
        Input::new(Value::set(self.into_iter().map(|item| item.into_input().into_value()).collect()))
    }
}

impl<T, I: IntoInput<T>> IntoInput<BTreeSet<T>> for Vec<I> {
    fn into_input(self) -> Input<BTreeSet<T>> {
        Input::new(Value::set(self.into_iter().map(|item| item.into_input().into_value()).collect()))
    }
}

impl<'a, T, I> IntoInput<BTreeSet<T>> for &'a Vec<I>
where
    &'a I: IntoInput<T>,
{
    fn into_input(self) -> Input<BTreeSet<T>> {
        self.iter().collect::<Vec<_>>().into_input()
    }
}

/// A value of the type `T` that a resource has once it exists, as in `vpc.arn()`.
pub struct Output<T> {
    reference: Reference,
    field: PhantomData<fn() -> T>,
}

impl<T> Output<T> {
    /// The attribute that `reference` names. The derives call it with the attribute's own type.
    #[doc(hidden)]
    pub fn new(reference: Reference) -> Self {
        Self { reference, field: PhantomData }
    }

    /// The attribute that the output stands for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl<T> Clone for Output<T> {
    fn clone(&self) -> Self {
        Self::new(self.reference.clone())
    }
}

impl<T> From<Output<T>> for Value {
    fn from(output: Output<T>) -> Self {
        Self::Reference(output.reference)
    }
}
