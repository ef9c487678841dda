//! [`translate`]: what a resource says in Terraform, still as data.

use palisade_core::{
    AcceptedRisk, Graph, Json, Node, Value,
    terraform::{Argument, Import, TerraformResource},
};

/// The resource as Terraform has it: one argument for each field with a Terraform name and a value, then whatever the
/// resource's own module changes, and the risks of the resource that the program accepts.
pub(crate) fn translate(node: &Node, graph: &Graph, risks: &[&AcceptedRisk]) -> TerraformResource {
    let named = |field: &palisade_core::FieldSchema| Some((field.terraform_name?, node.fields.get(field.name)?));
    let arguments = node.schema.fields.iter().filter_map(named).filter(|(_, value)| !is_nothing(value));
    let mut resource = TerraformResource {
        address: node.address.clone(),
        resource_type: node.schema.terraform_type.to_owned(),
        fields: node.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        arguments: arguments.map(|(name, value)| (name.to_owned(), Argument::Value(value.clone()))).collect(),
        ignore_changes: Vec::new(),
        prevent_destroy: false,
        companions: Vec::new(),
        left_out: false,
        import: Import::default(),
        comment: None,
        unseen_by_checkov: Vec::new(),
    };
    if let Some(adapt) = node.schema.terraform {
        adapt(&mut resource, graph);
    }
    for risk in risks {
        let accepted = format!("Accepted risk, {}: {}.", risk.rule.id, risk.reason.as_str().trim_end_matches('.'));
        let comments = [resource.comment.take(), Some(accepted)];
        resource.comment = comments.into_iter().flatten().reduce(|first, next| format!("{first} {next}"));
    }
    resource
}

/// In Terraform, an argument without a value is one that is not written. Some resources tell an empty map from none, and
/// read an object without tags as one that has none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Json(Json::Null) => true,
        Value::Json(Json::Object(entries)) => entries.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}
