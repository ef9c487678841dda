//! [`Imports`]: the blocks by which Terraform takes over what exists.

use std::{collections::BTreeMap, fmt};

use palisade_core::{Address, Json, JsonMap, terraform::TerraformResource};

use crate::{ExportError, render::escape};

/// What is known of each object that exists: its `id`, its fields as they were applied last, and its attributes.
pub type Existing = BTreeMap<Address, JsonMap>;

/// The `import` blocks of a document, in the order of the addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Imports(Vec<Block>);

#[derive(Clone, Debug, PartialEq)]
struct Block {
    /// The resource in Terraform, as in `aws_vpc.main`.
    to: String,
    id: String,
}

impl Imports {
    /// Adds the block of a resource that exists, and makes the resource one that Terraform has to do nothing about.
    pub(crate) fn take_over(
        &mut self,
        resource: &mut TerraformResource,
        existing: &Existing,
    ) -> Result<(), ExportError> {
        let Some(known) = existing.get(&resource.address) else { return Ok(()) };
        let companions = std::mem::take(&mut resource.import.companions);
        for (resource_type, id) in [(resource.resource_type.as_str(), resource.import.id)].iter().chain(&companions) {
            let to = format!("{resource_type}.{}", resource.address.name());
            self.0.push(Block { to, id: import_id(&resource.address, id, known)? });
        }
        resource.left_out = false;
        resource.companions.retain(|companion| {
            companion.block == "data" || companions.iter().any(|(kind, _)| *kind == companion.resource_type)
        });
        let unread = std::mem::take(&mut resource.import.unread);
        let unread: Vec<_> = unread.into_iter().filter(|name| !resource.ignore_changes.contains(name)).collect();
        let comments = [resource.comment.take(), resource.import.comment.map(str::to_owned), comment_on(&unread)];
        resource.comment = comments.into_iter().flatten().reduce(|first, next| format!("{first} {next}"));
        resource.ignore_changes.extend(unread);
        resource.prevent_destroy |= resource.import.prevent_destroy;
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The blocks in Terraform's own language.
impl fmt::Display for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Block { to, id }) in self.0.iter().enumerate() {
            let blank = if i == 0 { "" } else { "\n" };
            // A text of JSON is one of this language too, once its templates are escaped.
            writeln!(f, "{blank}import {{\n  to = {to}\n  id = {}\n}}", Json::from(escape(id)))?;
        }
        Ok(())
    }
}

/// The id that `pattern` makes, in which the names in braces are replaced by what is known.
fn import_id(address: &Address, pattern: &str, known: &JsonMap) -> Result<String, ExportError> {
    let mut id = String::new();
    for part in pattern.split('}') {
        let Some((text, name)) = part.split_once('{') else {
            id += part;
            continue;
        };
        let Some(value) = known.get(name).and_then(Json::as_str) else {
            return Err(ExportError::NoImportId { address: address.clone(), name: name.to_owned() });
        };
        id += &format!("{text}{value}");
    }
    Ok(id)
}

fn comment_on(unread: &[&str]) -> Option<String> {
    (!unread.is_empty()).then(|| {
        format!(
            "Terraform cannot read {} from what it imports: once the import is applied, take that out of `ignore_changes` \
             for Terraform to manage it.",
            unread.join(", ")
        )
    })
}
