//! [`Resource`] and [`Declare`]: what a type must be to stand in a stack.

use std::{collections::BTreeMap, fmt, marker::PhantomData, ops::Deref};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Address, AttributeSchema, Id, Input, Output, Place, Reference, Schema, Value};

/// A kind of object that a stack can hold. `#[derive(Resource)]` implements it for the struct of the object's arguments,
/// and makes the builder, the schema and the setters' documentation from the same struct.
pub trait Resource: DeserializeOwned + Serialize + Sized + 'static {
    /// What an object of this kind has once it exists, beside its id.
    type Attributes: Attributes;

    /// The methods by which a policy asks for the fields of a [`Declared`](crate::Declared) resource.
    type Fields<'a>: Copy + From<Place<'a>>;

    /// The fields and attributes of the resource, with what a change of each means.
    const SCHEMA: &'static Schema;
}

/// What an object has once it exists, beside its id. `#[derive(Attributes)]` implements it for the struct that lists it.
pub trait Attributes: DeserializeOwned + Serialize {
    /// The methods by which other resources refer to the attributes.
    type Outputs: Outputs;

    /// The attributes, in the order of their declaration.
    const SCHEMA: &'static [AttributeSchema];
}

/// An object without attributes.
impl Attributes for () {
    type Outputs = ();
    const SCHEMA: &'static [AttributeSchema] = &[];
}

impl Outputs for () {
    fn of(_: Address) -> Self {}
}

/// The typed references to the attributes of one resource; `#[derive(Attributes)]` implements it.
pub trait Outputs {
    /// The outputs of the resource at `address`.
    fn of(address: Address) -> Self;
}

/// A complete declaration of a resource, ready for [`Stack::add`](crate::Stack::add).
///
/// Each builder implements it once all that the resource requires has been set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added to a stack",
    label = "this is not a complete declaration",
    note = "a stack takes the finished builder of a resource, as in `Vpc::builder().cidr_block(cidr!(\"10.0.0.0/16\"))`",
    note = "a replication group is added only as `Encrypted<ReplicationGroup>`: end its builder with \
            `.encrypted(AtRest::default(), InTransit::Required)`"
)]
pub trait Declare {
    /// The resource that is declared.
    type Resource: Resource;

    /// What is known of the object beyond its kind, which its [`Handle`] remembers; `()` where nothing is.
    type Brand;

    /// The values of its fields.
    fn declare(self) -> Declaration;
}

/// A builder in which all that the resource requires has been set, but which a stack does not take yet: a method of it has
/// the last word, as `encrypted` has for a replication group.
pub trait Complete {
    /// The resource that is declared.
    type Resource: Resource;

    /// The values of its fields.
    fn declare(self) -> Declaration;
}

/// The values of a resource's fields, as the program gave them. Fields that it left out have their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    fields: BTreeMap<&'static str, Value>,
}

impl Declaration {
    /// A declaration in which every field that has a default has it.
    pub fn new(schema: &Schema) -> Self {
        let default = |field: &crate::FieldSchema| Some((field.name, Value::Json((field.default?)())));
        Self { fields: schema.fields.iter().filter_map(default).collect() }
    }

    /// Sets `field` to `value`, in place of an earlier value.
    pub fn set<T>(&mut self, field: &'static str, value: Input<T>) {
        self.fields.insert(field, value.into_value());
    }

    /// The values by field.
    pub fn fields(&self) -> &BTreeMap<&'static str, Value> {
        &self.fields
    }
}

/// A resource that stands in a stack. `&handle` is accepted wherever the resource's id is wanted, and the methods that it
/// dereferences to give its other attributes.
///
/// `Brand` is what is known of the object beyond its kind: a `Handle<RedisUser, Redis>` is a user for Redis.
pub struct Handle<R: Resource, Brand = ()> {
    address: Address,
    outputs: <R::Attributes as Attributes>::Outputs,
    resource: PhantomData<fn() -> (R, Brand)>,
}

impl<R: Resource, Brand> Handle<R, Brand> {
    pub(crate) fn new(address: Address) -> Self {
        Self { outputs: <R::Attributes as Attributes>::Outputs::of(address.clone()), address, resource: PhantomData }
    }

    /// The address of the resource in its stack.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The handle without its brand, for a list of resources of which different things are known.
    pub fn erased(self) -> Handle<R> {
        Handle::new(self.address)
    }

    /// The id that the cloud will know the object by.
    pub fn id(&self) -> Output<Id<R>> {
        Output::new(Reference { address: self.address.clone(), attribute: "id".to_owned() })
    }
}

impl<R: Resource, Brand> Deref for Handle<R, Brand> {
    type Target = <R::Attributes as Attributes>::Outputs;

    fn deref(&self) -> &Self::Target {
        &self.outputs
    }
}

impl<R: Resource, Brand> fmt::Debug for Handle<R, Brand> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.address).finish()
    }
}
