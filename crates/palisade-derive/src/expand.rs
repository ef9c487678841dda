//! Writes the code of the derives.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::{
    ast::{AttributeSet, Field, Resource, Slot, camel_case},
    attr::{FieldAttrs, TerraformName},
    state,
};

pub(crate) fn resource(resource: &Resource) -> TokenStream {
    let slots = resource.slots();
    let parts = [
        schema(resource),
        requirements(resource, &slots),
        never(resource),
        builder(resource, &slots),
        completion(resource, &slots),
        observed(resource),
        declared_fields(resource),
    ];
    quote! { #(#parts)* }
}

pub(crate) fn attributes(set: &AttributeSet) -> TokenStream {
    let (name, vis) = (&set.name, &set.vis);
    let kind = name.to_string().trim_end_matches("Attributes").to_owned();
    let outputs = format_ident!("{kind}Outputs");
    let outputs_doc = format!("What other resources can refer to of a [`{kind}`], beside its id.");
    let methods = set.attributes.iter().map(|attribute| {
        let (attribute_name, ty, doc) = (&attribute.name, &attribute.ty, &attribute.doc);
        let text = attribute_name.to_string();
        quote! {
            #[doc = #doc]
            pub fn #attribute_name(&self) -> ::palisade_core::Output<#ty> {
                ::palisade_core::Output::new(::palisade_core::Reference {
                    address: ::core::clone::Clone::clone(&self.address),
                    attribute: ::std::borrow::ToOwned::to_owned(#text),
                })
            }
        }
    });
    let schemas = set.attributes.iter().map(|attribute| {
        let (text, doc) = (attribute.name.to_string(), &attribute.doc);
        let (changes_with, terraform) =
            (&attribute.attrs.changes_with, terraform_name(&text, &attribute.attrs.terraform));
        quote! {
            ::palisade_core::AttributeSchema {
                name: #text,
                doc: #doc,
                changes_with: &[#(#changes_with),*],
                terraform_name: #terraform,
            }
        }
    });
    quote! {
        #[doc = #outputs_doc]
        #[derive(Clone, Debug)]
        #vis struct #outputs {
            address: ::palisade_core::Address,
        }

        impl #outputs {
            #(#methods)*
        }

        impl ::palisade_core::Outputs for #outputs {
            fn of(address: ::palisade_core::Address) -> Self {
                Self { address }
            }
        }

        impl ::palisade_core::Attributes for #name {
            type Outputs = #outputs;
            const SCHEMA: &'static [::palisade_core::AttributeSchema] = &[#(#schemas),*];
        }
    }
}

/// The implementation of `Resource`, with the schema.
fn schema(resource: &Resource) -> TokenStream {
    let (name, doc) = (&resource.name, &resource.doc);
    let kind = name.to_string();
    let attributes = resource.attrs.attributes.as_ref().map_or_else(|| quote!(()), |ty| quote!(#ty));
    let id_prefix = resource.attrs.id_prefix.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let ids = resource.attrs.ids.as_ref().map_or_else(|| quote!(::palisade_core::IdRules::NONE), |ids| quote!(#ids));
    let brings_back = resource.attrs.brings_back.iter();
    let data = option(resource.attrs.data.as_ref());
    let room = option(resource.attrs.room.as_ref());
    let terraform_type = &resource.attrs.terraform;
    let terraform = option(resource.attrs.terraform_with.as_ref());
    let check = option(resource.attrs.check.as_ref());
    let rules = resource.attrs.rules.as_ref().map_or_else(|| quote!(&[]), |rules| quote!(#rules));
    let fields = resource.fields.iter().map(field_schema);
    let declared = fields_name(resource);
    quote! {
        impl ::palisade_core::Resource for #name {
            type Attributes = #attributes;
            type Fields<'a> = #declared<'a>;

            const SCHEMA: &'static ::palisade_core::Schema = &::palisade_core::Schema {
                kind: #kind,
                doc: #doc,
                id_prefix: #id_prefix,
                ids: #ids,
                fields: &[#(#fields),*],
                attributes: <#attributes as ::palisade_core::Attributes>::SCHEMA,
                brings_back: &[#(<#brings_back as ::palisade_core::Resource>::SCHEMA.kind),*],
                data: #data,
                room: #room,
                terraform_type: #terraform_type,
                terraform: #terraform,
                check: #check,
                rules: #rules,
            };
        }
    }
}

/// The name in Terraform of what has the name `own`, if it has one.
fn terraform_name(own: &str, name: &TerraformName) -> TokenStream {
    match name {
        TerraformName::Same => quote!(::core::option::Option::Some(#own)),
        TerraformName::Other(other) => quote!(::core::option::Option::Some(#other)),
        TerraformName::Absent => quote!(::core::option::Option::None),
    }
}

fn field_schema(field: &Field) -> TokenStream {
    let (name, doc, ty) = (field.name.to_string(), &field.doc, &field.ty);
    let FieldAttrs { identity, released, exclusive, at_deletion, .. } = field.attrs;
    let folded = match &field.attrs.folded {
        Some(fold) => quote!(::core::option::Option::Some(#fold)),
        None => quote!(::core::option::Option::None),
    };
    let clashes = match &field.attrs.clashes {
        Some(decide) => quote!(::core::option::Option::Some(#decide)),
        None => quote!(::core::option::Option::None),
    };
    let late = match &field.attrs.late_if {
        Some(decide) => quote!(::core::option::Option::Some(#decide)),
        None => quote!(::core::option::Option::None),
    };
    let occupied = match &field.attrs.occupied {
        Some(decide) => quote!(::core::option::Option::Some(#decide)),
        None => quote!(::core::option::Option::None),
    };
    let ahead = match &field.attrs.ahead {
        Some(tell) => quote!(::core::option::Option::Some(#tell)),
        None => quote!(::core::option::Option::None),
    };
    let note = option(field.attrs.note.as_ref());
    let held = match &field.attrs.held {
        Some(decide) => quote!(::core::option::Option::Some(#decide)),
        None => quote!(::core::option::Option::None),
    };
    let default = match &field.attrs.default {
        Some(Some(value)) => quote!(::core::option::Option::Some(|| ::palisade_core::__private::json::<#ty>(#value))),
        Some(None) => quote!(::core::option::Option::Some(
            || ::palisade_core::__private::json::<#ty>(::core::default::Default::default())
        )),
        None if field.optional.is_some() => {
            quote!(::core::option::Option::Some(|| ::palisade_core::Json::Null))
        }
        None => quote!(::core::option::Option::None),
    };
    let chosen = match &field.attrs.chosen {
        Some(keep) => quote!(::core::option::Option::Some(#keep)),
        None => quote!(::core::option::Option::None),
    };
    let on_change = match (field.attrs.replace, &field.attrs.replace_if) {
        (_, Some(decide)) => quote!(::palisade_core::OnChange::ReplaceIf(#decide)),
        (true, None) => quote!(::palisade_core::OnChange::Replace),
        (false, None) => quote!(::palisade_core::OnChange::Update),
    };
    let terraform_name = terraform_name(&name, &field.attrs.terraform);
    quote! {
        ::palisade_core::FieldSchema {
            name: #name,
            doc: #doc,
            problem: <#ty as ::palisade_core::Field>::problem,
            default: #default,
            chosen: #chosen,
            on_change: #on_change,
            late: #late,
            identity: #identity,
            folded: #folded,
            clashes: #clashes,
            released: #released,
            exclusive: #exclusive,
            occupied: #occupied,
            at_deletion: #at_deletion,
            ahead: #ahead,
            note: #note,
            held: #held,
            terraform_name: #terraform_name,
        }
    }
}

/// One trait for each requirement; only `Present` meets it, and its message is the compile error of a builder that does not.
fn requirements(resource: &Resource, slots: &[Slot]) -> TokenStream {
    let vis = &resource.vis;
    let traits = slots.iter().map(|slot| {
        let name = requirement_trait(resource, slot);
        let (message, label, note) = (&slot.message, &slot.label, &slot.note);
        quote! {
            #[doc(hidden)]
            #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note)]
            #vis trait #name {}
            #[diagnostic::do_not_recommend]
            impl #name for ::palisade_core::Present {}
        }
    });
    quote! { #(#traits)* }
}

/// The methods that a user would look for and that do not exist. Each is there in name only, as no value is of its trait:
/// so the compiler says why there is none, and what to write instead.
fn never(resource: &Resource) -> TokenStream {
    let builder = builder_name(resource);
    let items = resource.attrs.never.iter().map(|item| {
        let (method, message, note) = (&item.name, &item.message, &item.note);
        let name = format_ident!("{}Never{}", resource.name, camel_case(method));
        let label = format!("there is no `{method}`");
        quote! {
            #[doc(hidden)]
            #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note)]
            pub trait #name {}

            impl<S: ::palisade_core::BuilderState> #builder<S> {
                #[doc(hidden)]
                pub fn #method(self, _: impl #name) -> Self {
                    self
                }
            }
        }
    });
    quote! { #(#items)* }
}

fn builder(resource: &Resource, slots: &[Slot]) -> TokenStream {
    let (name, vis) = (&resource.name, &resource.vis);
    let builder = builder_name(resource);
    let builder_doc = format!("Builds the declaration of a [`{name}`].");
    let new_doc = format!("Begins the declaration of a `{name}`.");
    let setters = resource.fields.iter().map(|field| setter(resource, slots, field));
    // The methods that are written by hand name a requirement by these aliases, not by its number.
    let aliases = slots.iter().enumerate().map(|(index, slot)| {
        let (given, now) = (given_alias(slot), now_alias(slot));
        let (with, slot) = (state::with(index), state::slot(index));
        quote! {
            type #given<S> = <S as ::palisade_core::BuilderState>::#with;
            type #now<S> = <S as ::palisade_core::BuilderState>::#slot;
        }
    });
    let meets = resource.attrs.requires.iter().map(|requirement| {
        let method = format_ident!("meet_{}", requirement.name);
        let met = builder_type(resource, slots, Some(&requirement.name));
        quote! {
            fn #method(self) -> #met {
                #builder { declaration: self.declaration, state: ::core::marker::PhantomData }
            }
        }
    });
    quote! {
        #[doc = #builder_doc]
        #[derive(Debug)]
        #[must_use = "a builder declares nothing until it is added to a stack"]
        #vis struct #builder<S = ::palisade_core::Given<0>> {
            declaration: ::palisade_core::Declaration,
            state: ::core::marker::PhantomData<fn() -> S>,
        }

        #(#aliases)*

        impl #name {
            #[doc = #new_doc]
            pub fn builder() -> #builder {
                #builder {
                    declaration: ::palisade_core::Declaration::new(<Self as ::palisade_core::Resource>::SCHEMA),
                    state: ::core::marker::PhantomData,
                }
            }
        }

        impl<S: ::palisade_core::BuilderState> #builder<S> {
            #(#setters)*
            #(#meets)*
        }
    }
}

fn setter(resource: &Resource, slots: &[Slot], field: &Field) -> TokenStream {
    let (name, doc, ty) = (&field.name, &field.doc, field.setter_type());
    let text = name.to_string();
    // A private setter leaves the name to the public method that is written by hand.
    let (vis, method) =
        if field.attrs.private { (quote!(), format_ident!("set_{name}")) } else { (quote!(pub), name.clone()) };
    let builder = builder_name(resource);
    let set = field.is_required().then_some(name);
    let returned = builder_type(resource, slots, set);
    quote! {
        #[doc = #doc]
        #vis fn #method(self, value: impl ::palisade_core::IntoInput<#ty>) -> #returned {
            let mut declaration = self.declaration;
            declaration.set(#text, ::palisade_core::IntoInput::<#ty>::into_input(value));
            #builder { declaration, state: ::core::marker::PhantomData }
        }
    }
}

/// The implementation of `Declare`, or of `Complete` where the last step is written by hand.
fn completion(resource: &Resource, slots: &[Slot]) -> TokenStream {
    let name = &resource.name;
    let builder = builder_name(resource);
    let bounds = slots.iter().map(|slot| {
        let (now, requirement) = (now_alias(slot), requirement_trait(resource, slot));
        quote!(#now<S>: #requirement)
    });
    let (completed, brand) = if resource.attrs.by_hand {
        (quote!(Complete), None)
    } else {
        (
            quote!(Declare),
            Some(quote!(
                type Brand = S::Brand;
            )),
        )
    };
    quote! {
        impl<S: ::palisade_core::BuilderState> ::palisade_core::#completed for #builder<S>
        where
            #(#bounds),*
        {
            type Resource = #name;
            #brand

            fn declare(self) -> ::palisade_core::Declaration {
                self.declaration
            }
        }
    }
}

/// The struct of what was read, in which no field can be forgotten.
fn observed(resource: &Resource) -> TokenStream {
    let (name, vis) = (&resource.name, &resource.vis);
    let observed = format_ident!("{name}Observed");
    let doc = format!("The fields of a [`{name}`] as they were read; `None` stands for one that cannot be read back.");
    let fields = resource.fields.iter().map(|field| {
        let (field_name, ty, field_doc) = (&field.name, &field.ty, &field.doc);
        quote! {
            #[doc = #field_doc]
            #[serde(skip_serializing_if = "::core::option::Option::is_none")]
            pub #field_name: ::core::option::Option<#ty>
        }
    });
    quote! {
        #[doc = #doc]
        #[derive(Debug, ::palisade_core::__private::serde::Serialize)]
        #[serde(crate = "::palisade_core::__private::serde")]
        #vis struct #observed {
            #(#fields,)*
        }
    }
}

/// The typed access to the values that a program declares.
fn declared_fields(resource: &Resource) -> TokenStream {
    let (name, vis) = (&resource.name, &resource.vis);
    let declared = fields_name(resource);
    let doc = format!("The fields of a declared [`{name}`], each a value that is known or a reference.");
    let methods = resource.fields.iter().map(|field| {
        let (field_name, ty, field_doc) = (&field.name, field.setter_type(), &field.doc);
        let text = field_name.to_string();
        quote! {
            #[doc = #field_doc]
            pub fn #field_name(&self) -> ::palisade_core::DeclaredField<'a, #ty> {
                self.0.field(#text)
            }
        }
    });
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug)]
        #vis struct #declared<'a>(::palisade_core::Place<'a>);

        impl<'a> ::core::convert::From<::palisade_core::Place<'a>> for #declared<'a> {
            fn from(place: ::palisade_core::Place<'a>) -> Self {
                Self(place)
            }
        }

        impl<'a> #declared<'a> {
            #(#methods)*
        }
    }
}

fn fields_name(resource: &Resource) -> Ident {
    format_ident!("{}Fields", resource.name)
}

fn builder_name(resource: &Resource) -> Ident {
    format_ident!("{}Builder", resource.name)
}

/// The builder's type, in which `set` has been set.
fn builder_type(resource: &Resource, slots: &[Slot], set: Option<&Ident>) -> TokenStream {
    let builder = builder_name(resource);
    match slots.iter().find(|slot| Some(&slot.name) == set).map(given_alias) {
        Some(given) => quote!(#builder<#given<S>>),
        None => quote!(#builder<S>),
    }
}

fn given_alias(slot: &Slot) -> Ident {
    format_ident!("{}Given", camel_case(&slot.name))
}

fn now_alias(slot: &Slot) -> Ident {
    format_ident!("{}Now", camel_case(&slot.name))
}

fn requirement_trait(resource: &Resource, slot: &Slot) -> Ident {
    format_ident!("{}Needs{}", resource.name, camel_case(&slot.name))
}

fn option(path: Option<&syn::Path>) -> TokenStream {
    path.map_or_else(|| quote!(::core::option::Option::None), |path| quote!(::core::option::Option::Some(#path)))
}
