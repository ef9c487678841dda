//! Judges the model, so that the code of `expand` is always right.

use syn::Error;

use crate::{
    ast::{AttributeSet, Field, Resource},
    state::REQUIREMENTS,
};

pub(crate) fn resource(resource: &Resource) -> syn::Result<()> {
    if resource.attrs.terraform.is_none() {
        return Err(Error::new(
            resource.name.span(),
            "say what the resource is in Terraform: #[resource(terraform = \"...\")]",
        ));
    }
    if resource.doc.is_empty() {
        return Err(Error::new(resource.name.span(), "document the resource: the tool shows the first paragraph"));
    }
    if resource.slots().len() > REQUIREMENTS {
        let message = format!(
            "a builder has {REQUIREMENTS} requirements at most: give a field a default, or set two by one method"
        );
        return Err(Error::new(resource.name.span(), message));
    }
    resource.fields.iter().try_for_each(field)
}

pub(crate) fn attributes(set: &AttributeSet) -> syn::Result<()> {
    if !set.name.to_string().ends_with("Attributes") {
        return Err(Error::new(set.name.span(), "the name must end in `Attributes`, as in `VpcAttributes`"));
    }
    for attribute in &set.attributes {
        if attribute.name == "id" {
            return Err(Error::new(attribute.name.span(), "every resource has an `id` already"));
        }
        if attribute.doc.is_empty() {
            return Err(Error::new(attribute.name.span(), "document the attribute: its output has the same text"));
        }
    }
    Ok(())
}

fn field(field: &Field) -> syn::Result<()> {
    let span = field.name.span();
    if field.attrs.replace && field.attrs.replace_if.is_some() {
        return Err(Error::new(span, "`replace` and `replace_if` exclude each other"));
    }
    if field.attrs.clashes.is_some() && !field.attrs.identity {
        return Err(Error::new(span, "only values of an `identity` clash"));
    }
    if field.attrs.held.is_some() && !field.attrs.released {
        return Err(Error::new(span, "what is not `released` is held anyway"));
    }
    if field.attrs.chosen.is_some() && field.optional.is_none() {
        return Err(Error::new(span, "AWS chooses only what a program can leave out: `chosen` is for an `Option`"));
    }
    if field.doc.is_empty() {
        return Err(Error::new(span, "document the field: its setter and its compile error have the same text"));
    }
    Ok(())
}
