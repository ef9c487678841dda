//! The derives that turn a struct into a resource of Palisade: one declaration, from which come the builder, the schema,
//! the typed outputs and the setters' documentation.
//!
//! The work goes through four stages, a module each: `attr` reads the attributes, `ast` models the struct, `valid` judges
//! it, and `expand` writes the code. The code calls functions of `palisade-core`, and holds no logic of its own. Beside them, `state`
//! writes the states that every builder goes through.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod ast;
mod attr;
mod expand;
mod state;
mod valid;

/// Makes a struct of arguments a resource.
///
/// Each field without a default must be set before the builder is complete; a field of the type `Option<T>` has the
/// default `None`, and its setter takes a `T`.
///
/// Beside the builder, `Vpc` gets a companion `VpcFields` with one method for each field, by which a policy asks for its
/// declared value, and a `VpcObserved` for what is read.
///
/// # `#[resource(...)]`, on the struct
/// - `terraform = "aws_vpc"`: the resource's type in Terraform. Required.
/// - `attributes = VpcAttributes`: the struct with `#[derive(Attributes)]` that lists what the object has once it exists.
/// - `id_prefix = "vpc-"`: how the cloud's ids begin; leave it out where the user chooses the id.
/// - `ids = IdRules::HEXADECIMAL`: what else an id that a program names must be.
/// - `brings_back = KmsKey`: the kind that a deleted object still refers to while it can be recovered.
/// - `data = path`: a `fn(&JsonMap) -> Data` that says what becomes of an object's data when it is deleted with these inputs.
/// - `room = path`: a `Room`, which says how many objects there can be beside each other.
/// - `terraform_with = path`: a `fn(&mut TerraformResource, &Graph)` that writes what no single field says.
/// - `check = path`: a `fn(&Node, &Stack) -> Vec<Finding>` for the rules that need more than one field, or another resource.
/// - `requires(topology("message", "note"), ...)`: further requirements, which methods written by hand meet by calling the
///   private `meet_topology`, whose builder has the state `TopologyGiven<S>`. The message is the compile error of a builder
///   that lacks it. A resource has at most eight requirements, its fields without a default included.
/// - `never(method("message", "note"), ...)`: methods that a user would look for, as Terraform has them, and that are not to be: a
///   call is a compile error with the message and the note.
/// - `by_hand`: the builder is only `Complete`; a method written by hand makes the declaration from it.
///
/// # `#[field(...)]`, on a field
/// - `replace`: a change replaces the object. Without it, a change updates the object in place.
/// - `replace_if = path`: a change replaces where the `fn(&Json, &Json) -> bool` says so of the old and new value.
/// - `late_if = path`: a change in place waits for those who refer to the object, where the `fn(&Json, &Json) -> bool` says so
///   of the old and new value.
/// - `identity`: no two objects with this value (and that of all other such fields) can exist at a time. Without `replace`, the
///   value can be changed in place, and one of several objects that exchange it is replaced: so not where an object holds data.
/// - `folded = path`: two values are the same to the cloud if the `fn(&Json) -> Json` makes the same of them, as names without
///   regard to case.
/// - `clashes = path`: nor can two of which the `fn(&Json, &Json) -> bool` says so.
/// - `released`: AWS drops the reference by itself when the object that it refers to is deleted.
/// - `exclusive`: no two objects of the kind can have an item of it, and one that gets it takes it from another.
/// - `occupied = path`: what refers to the object may stand in an item of it. The `fn(&JsonMap, &JsonMap) -> bool` tells whether it does, by
///   the inputs of the object that the item names, and the attributes of what refers. An item leaves the object after what stands there.
/// - `at_deletion`: the value counts only when the object is deleted, and no update sends it.
/// - `ahead = path`: the cloud comes to other values by itself, of which the `fn(&JsonMap, &Json) -> Option<String>` tells: what the
///   program says of the object, and the value that it has.
/// - `held = path`: but not one to an object of which the `fn(&JsonMap) -> bool` says so, by its inputs.
/// - `note = path`: what a plan says of a change: `fn(old: &Json, new: &Json) -> Option<String>`.
/// - `default` or `default = expression`: the value of a declaration that does not set the field.
/// - `chosen = path`: AWS chooses a value where the program sets none, so an object keeps its value when the field is left out, and
///   the `fn(&Json, &JsonMap) -> Json` says what becomes of it beside the other values of the program. Without this key, a field that
///   is left out gets its default.
/// - `private`: the setter is `set_` and the field's name, private to the module, for methods written by hand.
/// - `terraform = "name"` or `terraform = false`: the argument's name in Terraform where it is not the field's, or that
///   there is none.
#[proc_macro_derive(Resource, attributes(resource, field))]
pub fn resource(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    ast::Resource::from_input(&input)
        .and_then(|resource| valid::resource(&resource).map(|()| expand::resource(&resource)))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Writes the associated types of `BuilderState` (`declare`) or its implementations (`implement`), for `palisade-core` alone.
#[doc(hidden)]
#[proc_macro]
pub fn requirements(input: TokenStream) -> TokenStream {
    match input.to_string().as_str() {
        "declare" => state::declare(),
        "implement" => state::implement(),
        other => unreachable!("`palisade-core` asks for nothing named {other}"),
    }
    .into()
}

/// Makes a struct the attributes of a resource: what an object has once it exists, beside its id.
///
/// `VpcAttributes` gets a companion `VpcOutputs` with one method for each field, by which other resources refer to it.
///
/// # `#[attribute(...)]`, on a field
/// - `changes_with("engine_version", ...)`: the fields of the resource with whose update in place the attribute changes.
/// - `terraform = "name"` or `terraform = false`: the attribute's name in Terraform where it is not the field's, or that there is none.
#[proc_macro_derive(Attributes, attributes(attribute))]
pub fn attributes(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    ast::AttributeSet::from_input(&input)
        .and_then(|set| valid::attributes(&set).map(|()| expand::attributes(&set)))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

#[cfg(test)]
mod tests;
