//! [`Declared`]: a resource of a stack with its own type, for those who look at a stack as a whole.

use std::{collections::BTreeSet, fmt, marker::PhantomData, ops::Deref, panic::Location};

use crate::{Address, Field, Finding, Id, Json, Node, Reference, Resource, Span, Stack, Value};

/// A resource of the type `R` as a program declares it: where it stands, what its fields are, and who refers to whom.
///
/// Each field of `R` is a method, which returns a [`DeclaredField`]: a value that is known, or a reference to what another
/// resource will be. [`Stack::resources`] gives the resources of a type, and a policy goes from one to the next:
///
/// ```
/// # use palisade_core::{Id, Resource, Stack};
/// # use serde::{Deserialize, Serialize};
/// # /// A network.
/// # #[derive(Clone, Deserialize, Resource, Serialize)]
/// # #[resource(terraform = "x_network")]
/// # pub struct Network {
/// #     /// The place.
/// #     zone: String,
/// # }
/// # /// A host.
/// # #[derive(Clone, Deserialize, Resource, Serialize)]
/// # #[resource(terraform = "x_host")]
/// # pub struct Host {
/// #     /// The network.
/// #     network: Id<Network>,
/// # }
/// # let mut stack = Stack::new("doc");
/// stack.policy("hosts-at-home", |stack| {
///     let abroad = stack.resources::<Host>().filter_map(|host| {
///         let network = host.network().target()?;
///         (network.zone().known()? != "home").then(|| {
///             host.finding("the host is abroad", "put it into a network at home").also(&network, "its network")
///         })
///     });
///     abroad.collect()
/// });
/// # let network = stack.add("far", Network::builder().zone("far"));
/// # stack.add("a", Host::builder().network(&network));
/// # assert_eq!(stack.violations()[0].message, "Host.a: the host is abroad");
/// # assert_eq!(stack.violations()[0].spans[1].label, "its network");
/// ```
pub struct Declared<'a, R: Resource> {
    place: Place<'a>,
    fields: R::Fields<'a>,
}

/// One field of a [`Declared`] resource: the value that the program or the default of the field gives it.
///
/// For a field of the type `Option<T>` it is a `DeclaredField<T>`, as its setter takes a `T`. Two of them are equal where
/// they are the same value, or refer to the same, as `subnet.vpc_id() == group.vpc_id()` says of two resources of one VPC.
pub struct DeclaredField<'a, T> {
    stack: &'a Stack,
    value: Option<Part<'a>>,
    field: PhantomData<fn() -> T>,
}

/// A value of a field, or a part of one.
#[derive(Clone, Copy)]
enum Part<'a> {
    Json(&'a Json),
    Value(&'a Value),
}

/// Where a resource stands; what the derive makes the fields of a [`Declared`] from.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    stack: &'a Stack,
    node: &'a Node,
}

/// A type that is a list of others, as [`BTreeSet`] and [`Vec`] are.
pub trait Listed {
    /// The type of one of them.
    type Item;
}

impl<T> Listed for Vec<T> {
    type Item = T;
}

impl<T> Listed for BTreeSet<T> {
    type Item = T;
}

impl<'a, R: Resource> Declared<'a, R> {
    pub(crate) fn new(stack: &'a Stack, node: &'a Node) -> Option<Self> {
        let place = Place { stack, node };
        (node.schema.kind == R::SCHEMA.kind).then(|| Self { place, fields: place.into() })
    }

    /// Where the resource stands in its stack. Its `name()` is the one that the program gave it.
    pub fn address(&self) -> &'a Address {
        &self.node().address
    }

    /// Where the program added it.
    pub fn location(&self) -> &'static Location<'static> {
        self.node().location
    }

    /// The stack that the resource is of.
    pub fn stack(&self) -> &'a Stack {
        self.place.stack
    }

    /// The resource without its type.
    pub fn node(&self) -> &'a Node {
        self.place.node
    }

    /// The resources of the type `T` that this one refers to, in any field.
    pub fn refers_to<T: Resource>(&self) -> impl Iterator<Item = Declared<'a, T>> + use<'a, R, T> {
        targets(self.stack(), self.node().references()).into_iter()
    }

    /// The resources of the type `T` that refer to this one, in any field.
    pub fn referrers<T: Resource>(&self) -> impl Iterator<Item = Declared<'a, T>> + use<'a, R, T> {
        let stack = self.stack();
        stack.referrers(self.address()).filter_map(move |node| stack.declared(node))
    }

    /// A finding about the resource at its line of the program: what is wrong with it, and what to write instead, each
    /// without a final period.
    pub fn finding(&self, message: &str, help: &str) -> Finding {
        self.node().finding(message, help)
    }
}

impl<'a, T> DeclaredField<'a, T> {
    /// Whether the field has a value, be it known or not: a field of the type `Option<T>` need not have one.
    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// The value, if the field has one, and it is known before anything exists.
    pub fn known(&self) -> Option<T>
    where
        T: Field,
    {
        T::deserialize(self.value?.json()?).ok()
    }

    /// The attribute of another resource that the value will be, if it is one as a whole.
    pub fn reference(&self) -> Option<&'a Reference> {
        match self.value? {
            Part::Value(Value::Reference(reference)) => Some(reference),
            _ => None,
        }
    }

    /// The resources of the type `R` that any part of the value refers to, whichever attribute of them it is.
    pub fn refers_to<R: Resource>(&self) -> impl Iterator<Item = Declared<'a, R>> + use<'a, T, R> {
        targets(self.stack, self.value.map(Part::references).unwrap_or_default()).into_iter()
    }

    fn part<U>(&self, value: Part<'a>) -> DeclaredField<'a, U> {
        DeclaredField { stack: self.stack, value: Some(value), field: PhantomData }
    }
}

impl<'a, R: Resource> DeclaredField<'a, Id<R>> {
    /// The resource that the field names; `None` for one that is not of the stack, of which only the id is
    /// [`known`](DeclaredField::known).
    pub fn target(&self) -> Option<Declared<'a, R>> {
        self.refers_to().next()
    }
}

impl<'a, T: Listed> DeclaredField<'a, T> {
    /// The items one by one, each of which is known or a reference; `None` where even their number is known only later.
    pub fn items(&self) -> Option<Vec<DeclaredField<'a, T::Item>>> {
        match self.value? {
            Part::Json(json) | Part::Value(Value::Json(json)) => {
                Some(json.as_array()?.iter().map(|item| self.part(Part::Json(item))).collect())
            }
            Part::Value(Value::List(items) | Value::Set(items)) => {
                Some(items.iter().map(|item| self.part(Part::Value(item))).collect())
            }
            Part::Value(Value::Map(_) | Value::Reference(_)) => None,
        }
    }
}

impl<'a, R: Resource, T: Listed<Item = Id<R>>> DeclaredField<'a, T> {
    /// The resources that the field names, without those that are not of the stack.
    pub fn targets(&self) -> impl Iterator<Item = Declared<'a, R>> + use<'a, R, T> {
        self.refers_to()
    }
}

impl<'a> Place<'a> {
    /// The field `name`, which is of the type `T`.
    #[doc(hidden)]
    pub fn field<T>(self, name: &str) -> DeclaredField<'a, T> {
        let value = self.node.fields.get(name).filter(|value| **value != Value::Json(Json::Null));
        DeclaredField { stack: self.stack, value: value.map(Part::Value), field: PhantomData }
    }
}

/// A resource whose fields nobody asks for by name.
impl From<Place<'_>> for () {
    fn from(_: Place<'_>) -> Self {}
}

impl<'a> Part<'a> {
    fn json(self) -> Option<&'a Json> {
        match self {
            Self::Json(json) => Some(json),
            Self::Value(value) => value.as_json(),
        }
    }

    fn references(self) -> Vec<&'a Reference> {
        match self {
            Self::Json(_) => Vec::new(),
            Self::Value(value) => value.references(),
        }
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.json(), other.json()) {
            (None, None) => matches!((self, other), (Self::Value(one), Self::Value(other)) if one == other),
            (one, other) => one == other,
        }
    }
}

impl Finding {
    /// The finding, in which another resource has part: `label` says which.
    #[must_use]
    pub fn also<R: Resource>(mut self, other: &Declared<'_, R>, label: impl Into<String>) -> Self {
        self.spans.push(Span::new(other.location(), label));
        self
    }
}

/// The resources of one type among those that are referred to, each once.
fn targets<'a, R: Resource>(stack: &'a Stack, references: Vec<&Reference>) -> Vec<Declared<'a, R>> {
    let mut seen = BTreeSet::new();
    let each_once = references.into_iter().filter(|reference| seen.insert(&reference.address));
    each_once.filter_map(|reference| stack.declared(stack.node(&reference.address)?)).collect()
}

impl<'a, R: Resource> Deref for Declared<'a, R> {
    type Target = R::Fields<'a>;

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl<R: Resource> Clone for Declared<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Resource> Copy for Declared<'_, R> {}

/// Two of one stack are equal where they are the same resource.
impl<'a, R: Resource> PartialEq<Declared<'a, R>> for Declared<'_, R> {
    fn eq(&self, other: &Declared<'a, R>) -> bool {
        self.address() == other.address()
    }
}

impl<R: Resource> Eq for Declared<'_, R> {}

impl<R: Resource> fmt::Debug for Declared<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Declared").field(self.address()).finish()
    }
}

impl<T> Clone for DeclaredField<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for DeclaredField<'_, T> {}

impl<T> PartialEq for DeclaredField<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> fmt::Debug for DeclaredField<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            None => f.write_str("unset"),
            Some(Part::Json(json) | Part::Value(Value::Json(json))) => write!(f, "{json}"),
            Some(Part::Value(value)) => fmt::Debug::fmt(value, f),
        }
    }
}
