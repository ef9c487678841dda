//! The derives, seen as the author of a resource sees them.

use palisade_core::{Attributes, Declare, Id, Json, OnChange, Output, Resource, Stack, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A net.
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "x_net", attributes = NetAttributes, id_prefix = "net-")]
struct Net {
    /// The addresses.
    #[field(replace, identity)]
    range: String,
    /// Whether names resolve.
    #[field(default = true, terraform = "dns_enabled")]
    dns: bool,
}

/// What a net has.
#[derive(Debug, Deserialize, Attributes, Serialize)]
struct NetAttributes {
    /// The number of free addresses.
    #[attribute(changes_with("dns"))]
    free: u32,
}

/// A host.
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "x_host")]
struct Host {
    /// The nets that the host is in.
    #[field(replace_if = longer)]
    nets: Vec<Id<Net>>,
    /// How many more can be.
    room: Option<u32>,
}

fn longer(old: &Json, new: &Json) -> bool {
    old.as_array().map(Vec::len) < new.as_array().map(Vec::len)
}

#[test]
fn a_declaration_has_defaults_and_references() {
    let mut stack = Stack::new("s");
    let net = stack.add("a", Net::builder().range("1/8"));
    let free: Output<u32> = net.free();
    let host = Host::builder().nets([&net]).room(free).declare();
    let reference = |attribute: &str| {
        Value::Reference(palisade_core::Reference { address: net.address().clone(), attribute: attribute.to_owned() })
    };
    assert_eq!(host.fields()["nets"], Value::List(vec![reference("id")]));
    assert_eq!(host.fields()["room"], reference("free"));
    assert_eq!(stack.nodes()[0].fields["dns"], Value::Json(json!(true)));
}

#[test]
fn the_schema_says_what_a_change_does() {
    let schema = Net::SCHEMA;
    let range = schema.field("range").unwrap();
    assert!(matches!(range.on_change, OnChange::Replace) && range.identity && range.default.is_none());
    assert_eq!(schema.field("dns").unwrap().terraform_name, Some("dns_enabled"));
    assert_eq!(schema.attribute("free").unwrap().changes_with, ["dns"]);
    assert_eq!((schema.kind, schema.doc, schema.id_prefix), ("Net", "A net.", "net-"));
    let nets = Host::SCHEMA.field("nets").unwrap();
    assert!(nets.on_change.replaces(&json!(["a"]), Some(&json!(["a", "b"]))));
    assert!(!nets.on_change.replaces(&json!(["a", "b"]), Some(&json!(["a"]))));
    assert!(!nets.on_change.replaces(&json!(["a"]), None));
}

#[test]
fn an_id_is_checked() {
    assert_eq!(Id::<Net>::new("net-1").unwrap().as_str(), "net-1");
    assert!(Id::<Net>::new("vpc-1").unwrap_err().to_string().starts_with("`vpc-1` is not the id of a Net"));
    const ID: Id<Net> = Id::literal("net-2");
    assert_eq!(ID.as_str(), "net-2");
}

#[test]
fn findings_name_both_places() {
    let mut stack = Stack::new("s");
    stack.add("a", Net::builder().range("1/8"));
    stack.add("a", Net::builder().range("2/8"));
    stack.add("1", Net::builder().range("1/8"));
    let findings = stack.findings();
    let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["there are two Net named `a`", "`1` is not a name for a resource", "Net.a and Net.1 have the same `range`"]
    );
    assert_eq!(findings[0].spans[0].location.line(), findings[0].spans[1].location.line() + 1);
}
