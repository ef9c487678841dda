//! [`Renderer`]: arguments become Terraform's JSON syntax.

use std::collections::BTreeMap;

use palisade_core::{
    Address, Graph, Json, JsonMap, Reference, Value,
    terraform::{Argument, TerraformResource},
};
use serde_json::json;

use crate::ExportError;

/// Renders the parts of a document. It knows all resources, as a reference is written by what its target is.
pub(crate) struct Renderer<'a> {
    graph: &'a Graph,
    resources: &'a BTreeMap<&'a Address, TerraformResource>,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(graph: &'a Graph, resources: &'a BTreeMap<&'a Address, TerraformResource>) -> Self {
        Self { graph, resources }
    }

    /// The body of the resource's block.
    pub(crate) fn resource(&self, resource: &TerraformResource) -> Result<JsonMap, ExportError> {
        let mut body = self.arguments(&resource.address.to_string(), &resource.arguments)?;
        let mut lifecycle = JsonMap::new();
        if !resource.ignore_changes.is_empty() {
            lifecycle.insert("ignore_changes".to_owned(), json!(resource.ignore_changes));
        }
        if resource.prevent_destroy {
            lifecycle.insert("prevent_destroy".to_owned(), true.into());
        }
        if !lifecycle.is_empty() {
            body.insert("lifecycle".to_owned(), lifecycle.into());
        }
        if let Some(comment) = &resource.comment {
            // Terraform skips this key, so the text is no template and is not escaped.
            body.insert("//".to_owned(), comment.as_str().into());
        }
        Ok(body)
    }

    /// The arguments of a block that belongs to `user`.
    pub(crate) fn arguments(&self, user: &str, arguments: &BTreeMap<String, Argument>) -> Result<JsonMap, ExportError> {
        arguments.iter().map(|(name, argument)| Ok((name.clone(), self.argument(user, argument)?))).collect()
    }

    fn argument(&self, user: &str, argument: &Argument) -> Result<Json, ExportError> {
        match argument {
            Argument::Value(value) => self.value(user, value),
            Argument::Blocks(blocks) => {
                blocks.iter().map(|block| Ok(Json::from(self.arguments(user, block)?))).collect()
            }
            Argument::Expression(expression) => Ok(template(expression)),
        }
    }

    /// A value that belongs to `user`, which an error names.
    pub(crate) fn value(&self, user: &str, value: &Value) -> Result<Json, ExportError> {
        match value {
            Value::Json(json) => Ok(escape_json(json)),
            Value::List(items) | Value::Set(items) => items.iter().map(|item| self.value(user, item)).collect(),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| Ok((escape(key), self.value(user, value)?)));
                Ok(Json::Object(entries.collect::<Result<_, _>>()?))
            }
            Value::Reference(reference) => self.reference(user, reference),
        }
    }

    fn reference(&self, user: &str, reference: &Reference) -> Result<Json, ExportError> {
        let Reference { address, attribute } = reference;
        let (Some(target), Some(node)) = (self.resources.get(address), self.graph.node(address)) else {
            return Err(ExportError::ForeignReference { user: user.to_owned(), reference: reference.clone() });
        };
        let attribute = match (attribute.as_str(), node.schema.attribute(attribute)) {
            ("id", _) => "id",
            (_, Some(known)) => known
                .terraform_name
                .ok_or_else(|| ExportError::NotInTerraform { user: user.to_owned(), reference: reference.clone() })?,
            (_, None) => {
                return Err(ExportError::UnknownAttribute { user: user.to_owned(), reference: reference.clone() });
            }
        };
        Ok(template(&format!("{}.{}.{attribute}", target.resource_type, address.name())))
    }
}

fn template(expression: &str) -> Json {
    format!("${{{expression}}}").into()
}

/// Every text in a JSON value is a template to Terraform, and so are the keys of its objects.
fn escape_json(json: &Json) -> Json {
    match json {
        Json::String(text) => escape(text).into(),
        Json::Array(items) => items.iter().map(escape_json).collect(),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (escape(key), escape_json(value))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
    }
}

/// Makes a literal of what Terraform would take for the begin of an interpolation or a directive.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}
