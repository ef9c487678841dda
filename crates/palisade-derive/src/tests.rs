//! What the derives write, and what they say to an author who is mistaken.

use syn::{DeriveInput, parse_quote};

use crate::{ast, expand, valid};

fn resource(input: &DeriveInput) -> String {
    let expanded = ast::Resource::from_input(input)
        .and_then(|resource| valid::resource(&resource).map(|()| expand::resource(&resource)));
    match expanded {
        Ok(tokens) => prettyplease::unparse(&syn::parse2(tokens).unwrap()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn one_field_becomes_a_schema_a_setter_and_a_message_and_what_is_not_to_be_another() {
    let text = resource(&parse_quote! {
        /// A net.
        #[resource(terraform = "x_net", id_prefix = "net-", never(open("a net is closed", "leave it out")))]
        pub struct Net {
            /// The addresses.
            #[field(replace, identity)]
            pub range: Cidr,
        }
    });
    insta::with_settings!({ snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("derive.resource", text);
    });
}

#[test]
fn mistakes_are_answered_with_what_to_write() {
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            #[resource(terraform = "x_net", prefix = "net-")]
            struct Net {}
        }),
        @"there is no such key; the keys are terraform, attributes, id_prefix, ids, brings_back, data, room, terraform_with, check, rules, requires, never, by_hand"
    );
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            #[resource(terraform = "x_net")]
            struct Net {
                /// The addresses.
                #[field(force_new)]
                range: Cidr,
            }
        }),
        @"there is no such key; the keys are replace, replace_if, late_if, identity, folded, clashes, released, exclusive, occupied, at_deletion, ahead, note, held, default, chosen, private, terraform"
    );
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            struct Net {}
        }),
        @r#"say what the resource is in Terraform: #[resource(terraform = "...")]"#
    );
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            #[resource(terraform = "x_net")]
            struct Net {
                range: Cidr,
            }
        }),
        @"document the field: its setter and its compile error have the same text"
    );
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            #[resource(terraform = "x_net")]
            struct Net {
                /// The addresses.
                #[field(chosen = keep)]
                range: Cidr,
            }
        }),
        @"AWS chooses only what a program can leave out: `chosen` is for an `Option`"
    );
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            enum Net {}
        }),
        @"#[derive(Resource)] stands on a struct"
    );
    let nine = (1..=9).map(|number| {
        let name = quote::format_ident!("part_{number}");
        quote::quote! { #[doc = "A part."] #name: String }
    });
    insta::assert_snapshot!(
        resource(&parse_quote! {
            /// A net.
            #[resource(terraform = "x_net")]
            struct Net { #(#nine),* }
        }),
        @"a builder has 8 requirements at most: give a field a default, or set two by one method"
    );
}
