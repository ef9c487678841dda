//! [`translate`]: what a resource says in Terraform, still as data.

use palisade_core::{
    Graph, Json, Node, Value,
    terraform::{Argument, TerraformResource},
};

/// The resource as Terraform has it: one argument for each field with a Terraform name and a value, and then whatever the
/// resource's own module changes.
pub(crate) fn translate(node: &Node, graph: &Graph) -> TerraformResource {
    let named = |field: &palisade_core::FieldSchema| Some((field.terraform_name?, node.fields.get(field.name)?));
    let arguments = node.schema.fields.iter().filter_map(named).filter(|(_, value)| !is_null(value));
    let mut resource = TerraformResource {
        address: node.address.clone(),
        resource_type: node.schema.terraform_type.to_owned(),
        fields: node.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        arguments: arguments.map(|(name, value)| (name.to_owned(), Argument::Value(value.clone()))).collect(),
        ignore_changes: Vec::new(),
        companions: Vec::new(),
        left_out: false,
        comment: None,
    };
    if let Some(adapt) = node.schema.terraform {
        adapt(&mut resource, graph);
    }
    resource
}

/// In Terraform, an argument without a value is one that is not written.
fn is_null(value: &Value) -> bool {
    matches!(value, Value::Json(Json::Null))
}
