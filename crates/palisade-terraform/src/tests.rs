//! Documents of stacks whose two kinds of resource are written by hand.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use palisade_core::{
    Address, AttributeSchema, Declaration, Declare, FieldSchema, Graph, Input, IntoInput, Json, OnChange, Output,
    Reference, Resource, Schema, Stack, Value,
    terraform::{Argument, Companion, Import, TerraformResource},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Document, Existing, ExportError, ExportOptions, export};

const fn field(name: &'static str, terraform_name: Option<&'static str>) -> FieldSchema {
    FieldSchema { default: Some(|| Json::Null), terraform_name, ..FieldSchema::new(name, OnChange::Update) }
}

static NETWORK: Schema = Schema {
    attributes: &[AttributeSchema {
        name: "endpoint",
        doc: "",
        changes_with: &[],
        terraform_name: Some("endpoint[0].host"),
    }],
    terraform_type: "aws_network",
    ..Schema::new("Network", &[field("text", Some("description")), field("tags", Some("tags")), field("hidden", None)])
};

static CACHE: Schema = Schema {
    terraform_type: "aws_cache",
    terraform: Some(adapt),
    ..Schema::new("Cache", &[field("networks", Some("network_ids")), field("port", Some("port"))])
};

/// All that a resource can say beyond its fields.
fn adapt(resource: &mut TerraformResource, _: &Graph) {
    resource.resource_type = "aws_cache_v2".to_owned();
    resource.set("engine", "valkey");
    let logs = |name: &str| BTreeMap::from([("type".to_owned(), Argument::Value(json!(name).into()))]);
    resource.arguments.insert("logs".to_owned(), Argument::Blocks(vec![logs("slow"), logs("%{engine}")]));
    resource.arguments.insert("policy".to_owned(), Argument::Expression("jsonencode({})".to_owned()));
    let labels = [("${key}", resource.field("networks")), ("plain", json!({ "%{deep}": ["${x}"] }).into())];
    let labels = Value::map(labels.map(|(key, value)| (key.to_owned(), value)).into());
    resource.arguments.insert("labels".to_owned(), Argument::Value(labels));
    resource.ignore_changes = vec!["auth_token", "tags"];
    resource.comment = Some("Set ${TOKEN} by hand.".to_owned());
    resource.import = Import {
        id: "{endpoint}|{id}/{port}x",
        unread: vec!["auth_token", "engine"],
        prevent_destroy: true,
        comment: Some("It stays."),
        companions: vec![("aws_cache_owner", "{id}:owner")],
    };
    resource.companions.push(Companion {
        block: "ephemeral",
        resource_type: "aws_password",
        arguments: BTreeMap::from([("length".to_owned(), Argument::Value(json!(64).into()))]),
    });
    resource.companions.push(Companion {
        block: "resource",
        resource_type: "aws_cache_owner",
        arguments: BTreeMap::from([("networks".to_owned(), Argument::Value(resource.field("networks")))]),
    });
}

#[derive(Deserialize, Serialize)]
struct Network;

impl Resource for Network {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = &NETWORK;
}

#[derive(Deserialize, Serialize)]
struct Cache;

impl Resource for Cache {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = &CACHE;
}

/// A declaration by hand, of a resource of the kind `R`.
struct Raw<R>(Declaration, std::marker::PhantomData<R>);

impl<R: Resource> Raw<R> {
    fn new() -> Self {
        Self(Declaration::new(R::SCHEMA), std::marker::PhantomData)
    }

    fn set<T>(mut self, field: &'static str, value: impl IntoInput<T>) -> Self {
        self.0.set(field, value.into_input());
        self
    }
}

impl<R: Resource> Declare for Raw<R> {
    type Resource = R;
    type Brand = ();

    fn declare(self) -> Declaration {
        self.0
    }
}

fn attribute(kind: &str, name: &str, attribute: &str) -> Output<String> {
    Output::new(Reference { address: Address::new(kind, name), attribute: attribute.to_owned() })
}

fn document(declare: impl FnOnce(&mut Stack)) -> Result<String, ExportError> {
    document_of(declare, &Existing::new())
}

fn document_of(declare: impl FnOnce(&mut Stack), existing: &Existing) -> Result<String, ExportError> {
    exported(declare, existing).map(|document| document.to_string())
}

fn exported(declare: impl FnOnce(&mut Stack), existing: &Existing) -> Result<Document, ExportError> {
    let mut stack = Stack::new("test");
    declare(&mut stack);
    let options = ExportOptions { region: "us-east-1".to_owned() };
    export(&Graph::new(&stack), &options, existing)
}

/// The document without its header, which one test shows.
fn blocks(declare: impl FnOnce(&mut Stack)) -> Result<String, ExportError> {
    blocks_of(declare, &Existing::new())
}

fn blocks_of(declare: impl FnOnce(&mut Stack), existing: &Existing) -> Result<String, ExportError> {
    let document = exported(declare, existing)?;
    let mut json = document.as_json().as_object().cloned().expect("the document is an object");
    json.remove("terraform");
    json.remove("provider");
    let imports = document.files().into_iter().find(|(name, _)| *name == "palisade.imports.tf");
    let imports = imports.map(|(_, text)| text.split_once("\n\n").unwrap().1.to_owned());
    let imports = imports.map(|text| format!("\n\n{text}")).unwrap_or_default();
    Ok(format!("{:#}{imports}", Json::Object(json)))
}

#[test]
fn an_empty_stack_is_the_header() {
    let text = document(|_| {}).unwrap();
    assert!(text.ends_with("}\n"));
    assert_snapshot!(text, @r#"
    {
      "provider": {
        "aws": {
          "ignore_tags": {
            "key_prefixes": [
              "palisade:"
            ]
          },
          "region": "us-east-1"
        }
      },
      "terraform": {
        "required_providers": {
          "aws": {
            "source": "hashicorp/aws",
            "version": "~> 5.100"
          }
        }
      }
    }
    "#);
}

#[test]
fn literal_texts_are_escaped_wherever_they_stand() {
    let tags = BTreeMap::from([("%{k}".to_owned(), "${v}".to_owned())]);
    let text = blocks(|stack| {
        stack
            .add("main", Raw::<Network>::new().set::<String>("text", "costs $5, ${HOME} %{if} %R~x").set("tags", tags));
    });
    assert_snapshot!(text.unwrap(), @r#"
    {
      "resource": {
        "aws_network": {
          "main": {
            "description": "costs $5, $${HOME} %%{if} %R~x",
            "tags": {
              "%%{k}": "$${v}"
            }
          }
        }
      }
    }
    "#);
}

#[test]
fn a_field_that_is_null_or_has_no_name_in_terraform_is_not_written() {
    let text = blocks(|stack| {
        stack.add("main", Raw::<Network>::new().set::<String>("hidden", "x"));
    });
    assert_snapshot!(text.unwrap(), @r#"
    {
      "resource": {
        "aws_network": {
          "main": {}
        }
      }
    }
    "#);
}

#[test]
fn a_resource_says_in_terraform_what_its_module_says() {
    let text = blocks(|stack| {
        stack.add("main", Raw::<Cache>::new().set::<u16>("port", 6379));
    });
    assert_snapshot!(text.unwrap(), @r#"
    {
      "ephemeral": {
        "aws_password": {
          "main": {
            "length": 64
          }
        }
      },
      "resource": {
        "aws_cache_owner": {
          "main": {
            "networks": null
          }
        },
        "aws_cache_v2": {
          "main": {
            "//": "Set ${TOKEN} by hand.",
            "engine": "valkey",
            "labels": {
              "$${key}": null,
              "plain": {
                "%%{deep}": [
                  "$${x}"
                ]
              }
            },
            "lifecycle": {
              "ignore_changes": [
                "auth_token",
                "tags"
              ]
            },
            "logs": [
              {
                "type": "slow"
              },
              {
                "type": "%%{engine}"
              }
            ],
            "policy": "${jsonencode({})}",
            "port": 6379
          }
        }
      }
    }
    "#);
}

#[test]
fn references_are_written_by_what_their_target_is_in_terraform() {
    let text = blocks(|stack| {
        stack.add("a", Raw::<Network>::new());
        stack.add("b", Raw::<Network>::new());
        let endpoint: Input<String> = attribute("Network", "b", "endpoint").into_input();
        let networks = [attribute("Network", "a", "id").into_input(), endpoint, "${x}".into_input()];
        stack.add("main", Raw::<Cache>::new().set::<Vec<String>>("networks", networks));
        stack.output("cache", attribute("Cache", "main", "id"));
        stack.output("host", attribute("Network", "a", "endpoint"));
    });
    assert_snapshot!(text.unwrap(), @r#"
    {
      "ephemeral": {
        "aws_password": {
          "main": {
            "length": 64
          }
        }
      },
      "output": {
        "cache": {
          "value": "${aws_cache_v2.main.id}"
        },
        "host": {
          "value": "${aws_network.a.endpoint[0].host}"
        }
      },
      "resource": {
        "aws_cache_owner": {
          "main": {
            "networks": [
              "${aws_network.a.id}",
              "${aws_network.b.endpoint[0].host}",
              "$${x}"
            ]
          }
        },
        "aws_cache_v2": {
          "main": {
            "//": "Set ${TOKEN} by hand.",
            "engine": "valkey",
            "labels": {
              "$${key}": [
                "${aws_network.a.id}",
                "${aws_network.b.endpoint[0].host}",
                "$${x}"
              ],
              "plain": {
                "%%{deep}": [
                  "$${x}"
                ]
              }
            },
            "lifecycle": {
              "ignore_changes": [
                "auth_token",
                "tags"
              ]
            },
            "logs": [
              {
                "type": "slow"
              },
              {
                "type": "%%{engine}"
              }
            ],
            "network_ids": [
              "${aws_network.a.id}",
              "${aws_network.b.endpoint[0].host}",
              "$${x}"
            ],
            "policy": "${jsonencode({})}"
          }
        },
        "aws_network": {
          "a": {},
          "b": {}
        }
      }
    }
    "#);
}

/// What is known of an object of a state.
fn known(values: Json) -> palisade_core::JsonMap {
    values.as_object().cloned().unwrap_or_default()
}

#[test]
fn what_exists_is_imported_by_the_id_that_its_module_says_and_left_as_it_is() {
    let existing = Existing::from([
        (Address::new("Network", "a"), known(json!({ "id": "net-${1}" }))),
        (Address::new("Cache", "main"), known(json!({ "id": "c-1", "endpoint": "c.example", "port": "6379" }))),
    ]);
    let text = blocks_of(
        |stack| {
            stack.add("a", Raw::<Network>::new());
            stack.add("b", Raw::<Network>::new());
            stack.add("main", Raw::<Cache>::new());
        },
        &existing,
    );
    assert_snapshot!(text.unwrap(), @r#"
    {
      "resource": {
        "aws_cache_owner": {
          "main": {
            "networks": null
          }
        },
        "aws_cache_v2": {
          "main": {
            "//": "Set ${TOKEN} by hand. It stays. Terraform cannot read engine from what it imports: once the import is applied, take that out of `ignore_changes` for Terraform to manage it.",
            "engine": "valkey",
            "labels": {
              "$${key}": null,
              "plain": {
                "%%{deep}": [
                  "$${x}"
                ]
              }
            },
            "lifecycle": {
              "ignore_changes": [
                "auth_token",
                "tags",
                "engine"
              ],
              "prevent_destroy": true
            },
            "logs": [
              {
                "type": "slow"
              },
              {
                "type": "%%{engine}"
              }
            ],
            "policy": "${jsonencode({})}"
          }
        },
        "aws_network": {
          "a": {},
          "b": {}
        }
      }
    }

    import {
      to = aws_cache_v2.main
      id = "c.example|c-1/6379x"
    }

    import {
      to = aws_cache_owner.main
      id = "c-1:owner"
    }

    import {
      to = aws_network.a
      id = "net-$${1}"
    }
    "#);
}

#[test]
fn a_resource_that_is_left_out_until_it_exists_is_written_once_it_does() {
    fn unsafe_before(resource: &mut TerraformResource, _: &Graph) {
        resource.left_out = true;
    }
    static RULE: Schema =
        Schema { kind: "Rule", terraform_type: "aws_rule", terraform: Some(unsafe_before), ..NETWORK };

    #[derive(Deserialize, Serialize)]
    struct Rule;

    impl Resource for Rule {
        type Attributes = ();
        type Fields<'a> = ();
        const SCHEMA: &'static Schema = &RULE;
    }

    let rule = |stack: &mut Stack| {
        stack.add("main", Raw::<Rule>::new());
    };
    assert_eq!(blocks(rule).unwrap(), "{}");
    let existing = Existing::from([(Address::new("Rule", "main"), known(json!({ "id": "r-1" })))]);
    assert_snapshot!(blocks_of(rule, &existing).unwrap(), @r#"
    {
      "resource": {
        "aws_rule": {
          "main": {}
        }
      }
    }

    import {
      to = aws_rule.main
      id = "r-1"
    }
    "#);
}

#[test]
fn an_object_without_what_it_is_imported_by_is_refused() {
    let existing = Existing::from([(Address::new("Cache", "main"), known(json!({ "id": "c-1", "port": "1" })))]);
    let error = document_of(
        |stack| {
            stack.add("main", Raw::<Cache>::new());
        },
        &existing,
    );
    assert_snapshot!(error.unwrap_err(), @"Cache.main exists, and its `endpoint`, by which Terraform imports it, is not known");
}

#[test]
fn a_reference_to_another_stack_is_refused() {
    let error = document(|stack| {
        stack.add("main", Raw::<Cache>::new().set("port", attribute("Network", "other", "id")));
    });
    assert_snapshot!(error.unwrap_err(), @"Cache.main refers to Network.other, which is not in this stack");
    let error = document(|stack| stack.output("it", attribute("Network", "other", "id")));
    assert_snapshot!(error.unwrap_err(), @"the output `it` refers to Network.other, which is not in this stack");
}

#[test]
fn a_reference_to_an_attribute_that_does_not_exist_is_refused() {
    let error = document(|stack| {
        stack.add("main", Raw::<Network>::new());
        stack.output("it", attribute("Network", "main", "color"));
    });
    assert_snapshot!(error.unwrap_err(), @"the output `it` refers to the attribute `color` of Network.main, which has no such attribute");
}

#[test]
fn two_resources_that_would_be_one_block_are_refused() {
    static TWIN: Schema = Schema { kind: "Twin", terraform_type: "aws_cache_owner", fields: &[], ..NETWORK };

    #[derive(Deserialize, Serialize)]
    struct Twin;

    impl Resource for Twin {
        type Attributes = ();
        type Fields<'a> = ();
        const SCHEMA: &'static Schema = &TWIN;
    }

    let error = document(|stack| {
        stack.add("main", Raw::<Cache>::new());
        stack.add("main", Raw::<Twin>::new());
    });
    assert_snapshot!(error.unwrap_err(), @"Cache.main and Twin.main would both be the block `resource aws_cache_owner.main` in Terraform");
}
