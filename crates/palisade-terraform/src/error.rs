//! [`ExportError`]: why a graph has no Terraform document.

use palisade_core::{Address, Reference};

/// Why a graph has no Terraform document. The texts are fragments that fit "error: {text}".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// A value refers to a resource that the stack does not hold, so it was added to another stack.
    #[error("{user} refers to {target}, which is not in this stack", target = reference.address)]
    ForeignReference {
        /// The resource or the output that holds the reference.
        user: String,
        /// The reference.
        reference: Reference,
    },
    /// A value refers to an attribute that its resource does not have.
    #[error("{user} refers to the attribute `{attribute}` of {target}, which has no such attribute",
        attribute = reference.attribute, target = reference.address)]
    UnknownAttribute {
        /// The resource or the output that holds the reference.
        user: String,
        /// The reference.
        reference: Reference,
    },
    /// A value refers to an attribute that Terraform does not have.
    #[error("{user} refers to the attribute `{attribute}` of {target}, which Terraform does not have",
        attribute = reference.attribute, target = reference.address)]
    NotInTerraform {
        /// The resource or the output that holds the reference.
        user: String,
        /// The reference.
        reference: Reference,
    },
    /// An object that exists lacks what Terraform imports it by.
    #[error("{address} exists, and its `{name}`, by which Terraform imports it, is not known")]
    NoImportId {
        /// The resource.
        address: Address,
        /// The field or the attribute that is not known.
        name: String,
    },
    /// Two resources would be written as one block.
    #[error("{first} and {second} would both be the block `{block}` in Terraform")]
    Collision {
        /// The block, as in `resource aws_subnet.main`.
        block: String,
        /// The resource that has the block already.
        first: Address,
        /// The resource that would replace it.
        second: Address,
    },
}
