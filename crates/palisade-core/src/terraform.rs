//! What a resource says to Terraform beyond its fields, as data. The crate `palisade-terraform` renders it.

use std::collections::BTreeMap;

use crate::{Address, Value};

/// A resource on its way into a Terraform document. It starts with one argument for each field that has a Terraform name
/// and is not null; [`Schema::terraform`](crate::Schema::terraform) then changes what Terraform says in another way.
#[derive(Clone, Debug, PartialEq)]
pub struct TerraformResource {
    /// The address of the resource in the stack; its name is the name in Terraform.
    pub address: Address,
    /// The type in Terraform, as in `aws_subnet`.
    pub resource_type: String,
    /// All fields of the declaration, by their Rust name.
    pub fields: BTreeMap<String, Value>,
    /// The arguments so far, by their Terraform name.
    pub arguments: BTreeMap<String, Argument>,
    /// Arguments that Terraform is to leave alone after the creation (`lifecycle.ignore_changes`).
    pub ignore_changes: Vec<&'static str>,
    /// Whether Terraform must not delete the object (`lifecycle.prevent_destroy`).
    pub prevent_destroy: bool,
    /// Further blocks of the document that belong to this resource.
    pub companions: Vec<Companion>,
    /// Whether the resource is left out of the document while it does not exist, as it would be unsafe before a step that
    /// Terraform does not take. Nothing refers to such a resource.
    pub left_out: bool,
    /// How Terraform takes over the object where it exists already.
    pub import: Import,
    /// What a reader of the document must know or do; it is written as a comment beside the resource.
    pub comment: Option<String>,
    /// The checks of checkov that cannot see in the document how the resource is safe, each with what makes it so.
    pub unseen_by_checkov: Vec<(&'static str, &'static str)>,
}

/// An argument of a Terraform block.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A value; references in it become `${...}`, and text in it is escaped.
    Value(Value),
    /// Nested blocks, each by argument.
    Blocks(Vec<BTreeMap<String, Argument>>),
    /// An expression of Terraform's language, without the `${` and `}` around it.
    Expression(String),
}

/// How Terraform takes over an object that exists already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Import {
    /// The id that Terraform asks for. In it, `{id}` stands for the object's id, and `{name}` for its field or attribute.
    pub id: &'static str,
    /// The arguments that Terraform cannot read from the object, of those that are set or have a default. It leaves them
    /// alone at first (`lifecycle.ignore_changes`), as its first plan would else change what needs no change.
    pub unread: Vec<&'static str>,
    /// Whether Terraform must not delete the object while it does not know what is `unread`.
    pub prevent_destroy: bool,
    /// What a reader of the document must know where the object is imported, beside the comment of the resource.
    pub comment: Option<&'static str>,
    /// The types of the companions that exist along with the object, each with the id that Terraform asks for, written as
    /// [`Import::id`] is.
    pub companions: Vec<(&'static str, &'static str)>,
}

/// A block that stands beside a resource, under the same name. Where the object exists, it is left out unless it only tells something,
/// as `data` does, or is one of [`Import::companions`].
#[derive(Clone, Debug, PartialEq)]
pub struct Companion {
    /// The top-level key: `resource`, `ephemeral` or `data`.
    pub block: &'static str,
    /// The type in Terraform.
    pub resource_type: &'static str,
    /// The arguments, by their Terraform name.
    pub arguments: BTreeMap<String, Argument>,
}

/// By its id, with all that Terraform needs to know.
impl Default for Import {
    fn default() -> Self {
        Self { id: "{id}", unread: Vec::new(), prevent_destroy: false, comment: None, companions: Vec::new() }
    }
}

impl TerraformResource {
    /// The value of the field `name`; null where the declaration has none.
    pub fn field(&self, name: &str) -> Value {
        self.fields.get(name).cloned().unwrap_or(Value::Json(crate::Json::Null))
    }

    /// Sets the argument `name` to a value without references.
    pub fn set(&mut self, name: &str, value: impl Into<crate::Json>) {
        self.arguments.insert(name.to_owned(), Argument::Value(Value::Json(value.into())));
    }
}
