//! Network ACLs, of which ministack forgets the ports and the subnets: what it was told is put back into its answers.

use std::{collections::BTreeMap, time::Duration};

use palisade::prelude::*;
use palisade_core::Address;
use palisade_live::Live;
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
    mended::mended,
    proxy::{Call, Fault, Proxy, first},
};

/// A network ACL over the first of two subnets, or over both.
pub(crate) fn stack(stack: &mut Stack, is_over_both: bool) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1b")));
    let subnets = if is_over_both { vec![&a, &b] } else { vec![&a] };
    let acl = NetworkAcl::builder().vpc_id(&vpc).subnet_ids(subnets).tags(tags! { "a" = "1" });
    let rules = network_rules![
        NetworkRule::deny(rule_number!(50), private_range!("10.0.99.0/24")),
        NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
        NetworkRule::among(rule_number!(200), private_range!("10.0.2.0/23")),
    ];
    stack.add("cache", acl.rules(rules));
}

fn rehearsal(proxy: &Proxy, account: &Account) -> Rehearsal<Live> {
    rehearsal_at(proxy.address, account, Duration::from_secs(30))
}

/// The parameters of all calls to `action`.
fn sent(calls: &[Call], action: &str) -> Vec<BTreeMap<String, String>> {
    let parameters = |call: &Call| {
        let pairs = call.body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.replace("%2F", "/"))).collect()
    };
    calls.iter().filter(|call| call.action == action).map(parameters).collect()
}

#[track_caller]
fn says(call: &BTreeMap<String, String>, parameters: &[(&str, &str)]) {
    for (parameter, value) in parameters {
        assert_eq!(call.get(*parameter).map(String::as_str), Some(*value), "{parameter}: {call:?}");
    }
}

#[test]
fn a_network_acl_is_asked_for_as_it_is_declared_and_read_as_aws_tells_it() {
    let account = Account::unused();
    let fresh = account.inventory();
    let proxy = Proxy::start(mended(ministack()), |_| None);
    let mut rehearsal = rehearsal(&proxy, &account);
    rehearsal.apply(|all| stack(all, false));

    let calls = proxy.calls();
    let [acl] = sent(&calls, "CreateNetworkAcl").try_into().unwrap();
    says(&acl, &[("TagSpecification.1.ResourceType", "network-acl")]);
    assert_eq!(acl["ClientToken"].len(), 64);
    let entries = sent(&calls, "CreateNetworkAclEntry");
    assert_eq!(entries.len(), 6, "three rules, each for both directions");
    let entry = |number: &str, egress: &str| {
        entries.iter().find(|entry| entry["RuleNumber"] == number && entry["Egress"] == egress).unwrap()
    };
    let redis = [("RuleAction", "allow"), ("Protocol", "6"), ("CidrBlock", "10.0.0.0/16"), ("PortRange.From", "6379")];
    says(entry("100", "false"), &redis);
    says(entry("100", "true"), &[("RuleAction", "allow"), ("PortRange.From", "1024"), ("PortRange.To", "65535")]);
    says(entry("50", "false"), &[("RuleAction", "deny"), ("CidrBlock", "10.0.99.0/24"), ("PortRange.From", "1")]);
    assert_eq!(sent(&calls, "ReplaceNetworkAclAssociation").len(), 1);

    let state = rehearsal.state();
    let id = |kind, name| state.resources[&Address::new(kind, name)].current.as_ref().unwrap().id.clone().unwrap();
    let acl = id("NetworkAcl", "cache");
    let seen = rehearsal.read("NetworkAcl", std::slice::from_ref(&acl)).pop().unwrap().unwrap();
    assert_eq!(seen.fields["subnet_ids"], serde_json::json!([id("Subnet", "a")]));
    assert_eq!(seen.fields["ingress"].as_array().unwrap().len(), 3);
    assert_eq!(seen.attributes["arn"], format!("arn:aws:ec2:us-east-1:{}:network-acl/{acl}", account.access_key));
    let plan = rehearsal.plan(|all| stack(all, false));
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");

    rehearsal.apply(|all| stack(all, true));
    assert_eq!(sent(&proxy.calls(), "ReplaceNetworkAclAssociation").len(), 2);
    assert!(!rehearsal.plan(|all| stack(all, true)).has_changes());
    rehearsal.destroy();
    // Both subnets are given back before the ACL goes, unless they are gone.
    assert!(sent(&proxy.calls(), "ReplaceNetworkAclAssociation").len() >= 2);
    assert_eq!(account.inventory(), fresh);
}

#[test]
fn an_interrupted_creation_leaves_one_network_acl() {
    for action in ["CreateNetworkAcl", "CreateNetworkAclEntry", "ReplaceNetworkAclAssociation"] {
        let account = Account::unused();
        let fresh = account.inventory()["NetworkAcl"];
        let proxy = Proxy::start(mended(ministack()), first(1, action, Fault::FailsAfter));
        let mut rehearsal = rehearsal(&proxy, &account);
        let interrupted = rehearsal.try_apply(&palisade_testing::graph(|all| stack(all, true))).unwrap();
        assert!(!interrupted.is_complete(), "{action}");
        rehearsal.apply(|all| stack(all, true));
        // With the one of the VPC.
        assert_eq!(account.inventory()["NetworkAcl"], fresh + 2, "{action}");
        assert!(!rehearsal.plan(|all| stack(all, true)).has_changes(), "{action}");
        rehearsal.destroy();
        assert_eq!(account.inventory()["NetworkAcl"], fresh, "{action}");
    }
}

#[test]
fn an_association_that_ec2_does_not_know_of_yet_is_asked_for_again() {
    let refused = Fault::Refused("InvalidAssociationID.NotFound", "The association ID does not exist");
    let proxy = Proxy::start(mended(ministack()), first(1, "ReplaceNetworkAclAssociation", refused));
    let mut rehearsal = rehearsal(&proxy, &Account::unused());
    rehearsal.apply(|all| stack(all, false));
    assert_eq!(sent(&proxy.calls(), "ReplaceNetworkAclAssociation").len(), 2);
    rehearsal.destroy();
}

/// Without a token of its own, a creation whose answer is lost would make a second table, as long as the first is not seen.
#[test]
fn a_route_table_is_asked_for_under_the_token_of_its_creation() {
    let proxy = Proxy::start(ministack(), |_| None);
    let mut rehearsal = rehearsal(&proxy, &Account::unused());
    rehearsal.apply(|all| {
        let vpc = all.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        all.add("main", RouteTable::builder().vpc_id(&vpc));
    });
    let [call] = sent(&proxy.calls(), "CreateRouteTable").try_into().unwrap();
    let table = rehearsal.state().resources[&Address::new("RouteTable", "main")].current.clone().unwrap();
    assert_eq!(call["ClientToken"], table.token.digest);
    rehearsal.destroy();
}
