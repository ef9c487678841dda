//! Writes the states of a builder, one for each set of requirements that may have been met.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

/// How many requirements a resource can have. The states are all written out, since Rust does not calculate with the
/// numbers of generic types, so each further one doubles them.
pub(crate) const REQUIREMENTS: usize = 8;

/// The state that follows once the requirement is met.
pub(crate) fn with(requirement: usize) -> Ident {
    format_ident!("With{requirement}")
}

/// Whether the requirement is met.
pub(crate) fn slot(requirement: usize) -> Ident {
    format_ident!("Slot{requirement}")
}

/// The associated types of `BuilderState`.
pub(crate) fn declare() -> TokenStream {
    let types = (0..REQUIREMENTS).map(|requirement| {
        let (with, slot) = (with(requirement), slot(requirement));
        let with_doc = format!("The state that follows once requirement {requirement} is met.");
        let slot_doc = format!("Whether requirement {requirement} is met: [`Present`] or [`Missing`].");
        quote! {
            #[doc = #with_doc]
            type #with: BuilderState<Brand = Self::Brand>;
            #[doc = #slot_doc]
            type #slot;
        }
    });
    quote! { #(#types)* }
}

/// The implementations of `BuilderState`.
pub(crate) fn implement() -> TokenStream {
    let states = (0..1_usize << REQUIREMENTS).map(|met| {
        let types = (0..REQUIREMENTS).map(|requirement| {
            let (with, slot) = (with(requirement), slot(requirement));
            let bit = 1 << requirement;
            let following = Literal::usize_unsuffixed(met | bit);
            let is_met = if met & bit == 0 { quote!(Missing) } else { quote!(Present) };
            quote! {
                type #with = Given<#following, Brand>;
                type #slot = #is_met;
            }
        });
        let met = Literal::usize_unsuffixed(met);
        quote! {
            impl<Brand> BuilderState for Given<#met, Brand> {
                type Brand = Brand;
                type Branded<NewBrand> = Given<#met, NewBrand>;
                #(#types)*
            }
        }
    });
    quote! { #(#states)* }
}
