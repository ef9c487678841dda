//! Reads the attributes of a struct and of its fields. An unknown key is answered with the keys that exist.

use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Meta, Path, Token, Type, meta::ParseNestedMeta};

/// What `#[resource(...)]` says.
#[derive(Default)]
pub(crate) struct ResourceAttrs {
    pub(crate) terraform: Option<LitStr>,
    pub(crate) attributes: Option<Type>,
    pub(crate) id_prefix: Option<LitStr>,
    pub(crate) ids: Option<Path>,
    pub(crate) brings_back: Option<Type>,
    pub(crate) data: Option<Path>,
    pub(crate) room: Option<Path>,
    pub(crate) terraform_with: Option<Path>,
    pub(crate) check: Option<Path>,
    pub(crate) rules: Option<Path>,
    pub(crate) requires: Vec<Requirement>,
    pub(crate) never: Vec<Requirement>,
    pub(crate) by_hand: bool,
}

/// One item of `#[resource(requires(...))]` or `#[resource(never(...))]`.
pub(crate) struct Requirement {
    pub(crate) name: Ident,
    pub(crate) message: LitStr,
    pub(crate) note: LitStr,
}

/// What `#[field(...)]` says.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) replace: bool,
    pub(crate) replace_if: Option<Path>,
    pub(crate) late_if: Option<Path>,
    pub(crate) identity: bool,
    pub(crate) folded: Option<Path>,
    pub(crate) clashes: Option<Path>,
    pub(crate) released: bool,
    pub(crate) exclusive: bool,
    pub(crate) occupied: Option<Path>,
    pub(crate) at_deletion: bool,
    pub(crate) ahead: Option<Path>,
    pub(crate) note: Option<Path>,
    pub(crate) held: Option<Path>,
    pub(crate) default: Option<Option<Expr>>,
    pub(crate) chosen: Option<Path>,
    pub(crate) private: bool,
    pub(crate) terraform: TerraformName,
}

/// What `#[attribute(...)]` says.
#[derive(Default)]
pub(crate) struct AttributeAttrs {
    pub(crate) changes_with: Vec<LitStr>,
    pub(crate) terraform: TerraformName,
}

/// How a field or an attribute is named in Terraform.
#[derive(Default)]
pub(crate) enum TerraformName {
    /// As in Rust.
    #[default]
    Same,
    /// Otherwise.
    Other(LitStr),
    /// Not at all.
    Absent,
}

pub(crate) fn resource(attributes: &[Attribute]) -> syn::Result<ResourceAttrs> {
    let mut found = ResourceAttrs::default();
    each(attributes, "resource", |meta| {
        match key(&meta).as_str() {
            "terraform" => found.terraform = Some(meta.value()?.parse()?),
            "attributes" => found.attributes = Some(meta.value()?.parse()?),
            "id_prefix" => found.id_prefix = Some(meta.value()?.parse()?),
            "ids" => found.ids = Some(meta.value()?.parse()?),
            "brings_back" => found.brings_back = Some(meta.value()?.parse()?),
            "data" => found.data = Some(meta.value()?.parse()?),
            "room" => found.room = Some(meta.value()?.parse()?),
            "terraform_with" => found.terraform_with = Some(meta.value()?.parse()?),
            "check" => found.check = Some(meta.value()?.parse()?),
            "rules" => found.rules = Some(meta.value()?.parse()?),
            "requires" => meta.parse_nested_meta(|item| {
                found.requires.push(requirement(&item)?);
                Ok(())
            })?,
            "never" => meta.parse_nested_meta(|item| {
                found.never.push(requirement(&item)?);
                Ok(())
            })?,
            "by_hand" => found.by_hand = true,
            _ => {
                let keys = "terraform, attributes, id_prefix, ids, brings_back, data, room, terraform_with, check, rules, requires, never, by_hand";
                return Err(unknown(&meta, keys));
            }
        }
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn field(attributes: &[Attribute]) -> syn::Result<FieldAttrs> {
    let mut found = FieldAttrs::default();
    each(attributes, "field", |meta| {
        match key(&meta).as_str() {
            "replace" => found.replace = true,
            "replace_if" => found.replace_if = Some(meta.value()?.parse()?),
            "late_if" => found.late_if = Some(meta.value()?.parse()?),
            "identity" => found.identity = true,
            "folded" => found.folded = Some(meta.value()?.parse()?),
            "clashes" => found.clashes = Some(meta.value()?.parse()?),
            "released" => found.released = true,
            "exclusive" => found.exclusive = true,
            "occupied" => found.occupied = Some(meta.value()?.parse()?),
            "at_deletion" => found.at_deletion = true,
            "ahead" => found.ahead = Some(meta.value()?.parse()?),
            "note" => found.note = Some(meta.value()?.parse()?),
            "held" => found.held = Some(meta.value()?.parse()?),
            "default" if meta.input.peek(Token![=]) => found.default = Some(Some(meta.value()?.parse()?)),
            "default" => found.default = Some(None),
            "chosen" => found.chosen = Some(meta.value()?.parse()?),
            "private" => found.private = true,
            "terraform" if meta.value()?.peek(LitBool) => found.terraform = absent(&meta)?,
            "terraform" => found.terraform = TerraformName::Other(meta.input.parse()?),
            _ => {
                return Err(unknown(
                    &meta,
                    "replace, replace_if, late_if, identity, folded, clashes, released, exclusive, occupied, at_deletion, ahead, note, held, default, chosen, private, terraform",
                ));
            }
        }
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn attribute(attributes: &[Attribute]) -> syn::Result<AttributeAttrs> {
    let mut found = AttributeAttrs::default();
    each(attributes, "attribute", |meta| {
        match key(&meta).as_str() {
            "changes_with" => {
                let content;
                syn::parenthesized!(content in meta.input);
                found.changes_with =
                    content.parse_terminated(<LitStr as syn::parse::Parse>::parse, Token![,])?.into_iter().collect();
            }
            "terraform" if meta.value()?.peek(LitBool) => found.terraform = absent(&meta)?,
            "terraform" => found.terraform = TerraformName::Other(meta.input.parse()?),
            _ => return Err(unknown(&meta, "changes_with, terraform")),
        }
        Ok(())
    })?;
    Ok(found)
}

/// The first paragraph of the documentation, on one line.
pub(crate) fn first_paragraph(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn each(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident(name))
        .try_for_each(|a| a.parse_nested_meta(&mut read))
}

fn requirement(item: &ParseNestedMeta<'_>) -> syn::Result<Requirement> {
    let name = item.path.require_ident()?.clone();
    let content;
    syn::parenthesized!(content in item.input);
    let message = content.parse()?;
    content.parse::<Token![,]>()?;
    let note = content.parse()?;
    Ok(Requirement { name, message, note })
}

/// Reads the `false` of `terraform = false`.
fn absent(meta: &ParseNestedMeta<'_>) -> syn::Result<TerraformName> {
    let value: LitBool = meta.input.parse()?;
    if value.value {
        return Err(syn::Error::new(value.span, "write the argument's name in Terraform, or `false` if it has none"));
    }
    Ok(TerraformName::Absent)
}

fn key(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(Ident::to_string).unwrap_or_default()
}

fn unknown(meta: &ParseNestedMeta<'_>, keys: &str) -> syn::Error {
    meta.error(format!("there is no such key; the keys are {keys}"))
}
