//! Models the struct on which a derive stands.

use syn::{Data, DeriveInput, Fields, GenericArgument, Ident, PathArguments, Type, Visibility, spanned::Spanned};

use crate::attr::{self, AttributeAttrs, FieldAttrs, ResourceAttrs};

/// A struct with `#[derive(Resource)]`.
pub(crate) struct Resource {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) doc: String,
    pub(crate) attrs: ResourceAttrs,
    pub(crate) fields: Vec<Field>,
}

/// One field of it.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// The `T` of an `Option<T>`.
    pub(crate) optional: Option<Type>,
    pub(crate) doc: String,
    pub(crate) attrs: FieldAttrs,
}

/// Something that a builder needs before it is complete: a parameter of its type.
pub(crate) struct Slot {
    /// The name in `snake_case`, which for a field is the field's.
    pub(crate) name: Ident,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) note: String,
}

/// A struct with `#[derive(Attributes)]`.
pub(crate) struct AttributeSet {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) attributes: Vec<AttributeField>,
}

/// One field of it.
pub(crate) struct AttributeField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) doc: String,
    pub(crate) attrs: AttributeAttrs,
}

impl Resource {
    pub(crate) fn from_input(input: &DeriveInput) -> syn::Result<Self> {
        let fields = named_fields(input, "Resource")?.iter().map(Field::from_syn).collect::<syn::Result<_>>()?;
        Ok(Self {
            name: input.ident.clone(),
            vis: input.vis.clone(),
            doc: attr::first_paragraph(&input.attrs),
            attrs: attr::resource(&input.attrs)?,
            fields,
        })
    }

    /// The parameters of the builder's type, in the order of the fields and then of `requires`.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let kind = &self.name;
        let fields = self.fields.iter().filter(|field| field.is_required()).map(|field| Slot {
            name: field.name.clone(),
            message: format!("this `{kind}` has no `{}`", field.name),
            label: format!("`.{}(..)` is missing", field.name),
            note: format!("call `.{}(..)`: {}", field.name, as_clause(&field.doc)),
        });
        let requires = self.attrs.requires.iter().map(|requirement| Slot {
            name: requirement.name.clone(),
            message: requirement.message.value(),
            label: "something is missing".to_owned(),
            note: requirement.note.value(),
        });
        fields.chain(requires).collect()
    }
}

impl Field {
    fn from_syn(field: &syn::Field) -> syn::Result<Self> {
        let name = field.ident.clone().expect("the fields are named");
        Ok(Self {
            name,
            optional: optional(&field.ty).cloned(),
            ty: field.ty.clone(),
            doc: attr::first_paragraph(&field.attrs),
            attrs: attr::field(&field.attrs)?,
        })
    }

    /// Whether the user must set it.
    pub(crate) fn is_required(&self) -> bool {
        self.attrs.default.is_none() && self.optional.is_none() && !self.attrs.private
    }

    /// The type that the setter takes.
    pub(crate) fn setter_type(&self) -> &Type {
        self.optional.as_ref().unwrap_or(&self.ty)
    }
}

impl AttributeSet {
    pub(crate) fn from_input(input: &DeriveInput) -> syn::Result<Self> {
        let attributes = named_fields(input, "Attributes")?.iter().map(|field| {
            Ok(AttributeField {
                name: field.ident.clone().expect("the fields are named"),
                ty: field.ty.clone(),
                doc: attr::first_paragraph(&field.attrs),
                attrs: attr::attribute(&field.attrs)?,
            })
        });
        Ok(Self {
            name: input.ident.clone(),
            vis: input.vis.clone(),
            attributes: attributes.collect::<syn::Result<_>>()?,
        })
    }
}

/// A sentence as a part of another one.
fn as_clause(sentence: &str) -> String {
    let (first, rest) = sentence.split_at(sentence.chars().next().map_or(0, char::len_utf8));
    format!("{}{}", first.to_lowercase(), rest.strip_suffix('.').unwrap_or(rest))
}

/// `some_name` as `SomeName`.
pub(crate) fn camel_case(name: &Ident) -> String {
    let upper = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.to_string().split('_').map(upper).collect()
}

fn named_fields<'a>(
    input: &'a DeriveInput,
    derive: &str,
) -> syn::Result<&'a syn::punctuated::Punctuated<syn::Field, syn::Token![,]>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(&fields.named),
            other => Err(syn::Error::new(other.span(), format!("#[derive({derive})] needs named fields"))),
        },
        _ => Err(syn::Error::new(input.ident.span(), format!("#[derive({derive})] stands on a struct"))),
    }
}

/// The `T` of an `Option<T>`.
fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}
