//! Exports a [`Graph`](palisade_core::Graph) as Terraform JSON for the provider `hashicorp/aws` 5.100.
//!
//! This crate does no I/O: [`export`] returns a [`Document`], and the command line writes it. What a resource says in
//! Terraform beyond its fields stands in its own module, as data ([`palisade_core::terraform`]); here that data becomes
//! text, so this is the only place that knows Terraform's syntax.

mod checkov;
mod document;
mod error;
mod import;
mod render;
mod translate;

#[cfg(test)]
mod tests;

pub use document::{Document, ExportOptions, MAIN_FILE, OPTIONAL_FILES, export, is_written_here};
pub use error::ExportError;
pub use import::Existing;
