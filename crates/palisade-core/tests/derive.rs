//! The derives, seen as the author of a resource sees them.

use palisade_core::{Attributes, Declare, Declared, Id, IntoInput, Json, OnChange, Output, Resource, Stack, Value};
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

#[test]
fn a_declared_field_is_known_or_a_reference() {
    let mut stack = Stack::new("s");
    let a = stack.add("a", Net::builder().range("1/8").dns(false));
    stack.add("b", Net::builder().range("2/8"));
    let outside = Id::<Net>::new("net-9").unwrap();
    let nets = [IntoInput::<Id<Net>>::into_input(&a), outside.clone().into_input()];
    stack.add("one", Host::builder().nets(nets).room(a.free()));
    stack.add("two", Host::builder().nets([outside.clone()]).room(3));
    let declared: Vec<_> = stack.resources::<Net>().map(|net| (net.range().known(), net.dns().known())).collect();
    assert_eq!(declared, [(Some("1/8".to_owned()), Some(false)), (Some("2/8".to_owned()), Some(true))]);
    let hosts: Vec<_> = stack.resources::<Host>().collect();
    let [one, two] = hosts[..] else { panic!("{hosts:?}") };

    assert_eq!(one.nets().known(), None);
    let items = one.nets().items().unwrap();
    assert_eq!((items[0].known(), items[1].known()), (None, Some(outside.clone())));
    assert_eq!(items[0].target().map(|net| net.address().name()), Some("a"));
    assert_eq!(items[1].target(), None);
    assert_eq!(one.room().reference().map(|reference| reference.attribute.as_str()), Some("free"));
    assert_eq!((one.room().known(), one.room().is_set()), (None, true));

    assert_eq!(two.nets().known(), Some(vec![outside]));
    assert_eq!(two.nets().items().unwrap()[0], items[1]);
    assert_ne!(two.nets(), one.nets());
    assert_eq!((two.room().known(), two.room().reference()), (Some(3), None));
}

#[test]
fn an_optional_field_that_is_left_out_is_unset() {
    let mut stack = Stack::new("s");
    let net = stack.add("a", Net::builder().range("1/8"));
    stack.add("h", Host::builder().nets([&net]));
    let host = stack.resources::<Host>().next().unwrap();
    assert_eq!((host.room().is_set(), host.room().known(), host.room().reference()), (false, None, None));
}

#[test]
fn who_refers_to_whom_is_told_once_from_both_sides() {
    let mut stack = Stack::new("s");
    let [a, b] = ["a", "b"].map(|name| stack.add(name, Net::builder().range(name)));
    stack.add("one", Host::builder().nets([&b, &a]).room(a.free()));
    stack.add("two", Host::builder().nets([&b]));
    let names = |hosts: &mut dyn Iterator<Item = Declared<'_, Host>>| -> Vec<_> {
        hosts.map(|host| host.address().name().to_owned()).collect()
    };
    let nets: Vec<_> = stack.resources::<Net>().collect();
    assert_eq!(names(&mut nets[0].referrers()), ["one"]);
    assert_eq!(names(&mut nets[1].referrers()), ["one", "two"]);
    assert_eq!(nets[0].refers_to::<Host>().count(), 0);
    assert_eq!(nets[0].referrers::<Net>().count(), 0);
    let one = stack.resources::<Host>().next().unwrap();
    let mut targets: Vec<_> = one.refers_to::<Net>().collect();
    targets.sort_by_key(|net| net.address().clone());
    assert_eq!(targets, nets);
    assert_eq!(one.nets().targets().collect::<Vec<_>>(), [nets[1], nets[0]]);
    assert!(stack.declared::<Net>(one.node()).is_none());
}

#[test]
fn a_finding_of_a_policy_has_the_lines_of_all_that_have_part_in_it() {
    let mut stack = Stack::new("s");
    let most = 1;
    stack.policy("few-nets", move |stack| {
        let many = stack.resources::<Host>().filter(|host| host.nets().targets().count() > most);
        many.map(|host| {
            let last = host.nets().targets().last();
            last.iter()
                .fold(host.finding("too many nets", "leave the last"), |finding, net| finding.also(net, "the last"))
        })
        .collect()
    });
    let net = stack.add("a", Net::builder().range("1/8"));
    let other = stack.add("b", Net::builder().range("2/8"));
    stack.add("few", Host::builder().nets([&net]));
    stack.add("many", Host::builder().nets([&net, &other]));
    let found = stack.violations();
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.message.as_str(), finding.help.as_str()), ("Host.many: too many nets", "leave the last"));
    let labels: Vec<_> = finding.spans.iter().map(|span| span.label.as_str()).collect();
    assert_eq!(labels, ["declared here", "the last", "by the policy `few-nets`"]);
    assert_eq!(finding.spans[1].location, stack.node(other.address()).unwrap().location);
}
