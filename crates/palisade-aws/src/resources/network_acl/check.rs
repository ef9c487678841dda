//! What is wrong with the declaration of a network ACL that no type holds.

use palisade_core::{Finding, Json, Node, Stack, Value};

use super::entries;
use crate::types::{Direction, MOST_ENTRIES, TOO_MANY};

pub(super) fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let checks = [no_subnet(node), another_network(node, stack), another_acl(node, stack), entries_in_order(node)];
    checks.into_iter().flatten().collect()
}

fn no_subnet(node: &Node) -> Option<Finding> {
    subnets(node).is_empty().then(|| {
        node.finding(
            "the network ACL has no subnet, so that it protects nothing",
            "name its subnets with `.subnet_ids([&a, &b])`",
        )
    })
}

fn another_network(node: &Node, stack: &Stack) -> Option<Finding> {
    let vpc = node.fields.get("vpc_id")?;
    let subnets = node.targets(stack, "subnet_ids");
    let other = subnets.into_iter().find(|subnet| subnet.fields.get("vpc_id").is_some_and(|other| other != vpc))?;
    Some(node.finding_with(
        other,
        "this subnet is in another VPC",
        &format!("{} is in another VPC than the network ACL", other.address),
        "name subnets of the network ACL's VPC",
    ))
}

/// A subnet has one network ACL. Of each pair the later one is found.
fn another_acl(node: &Node, stack: &Stack) -> Option<Finding> {
    let own = subnets(node);
    let mut earlier = stack.nodes().iter().take_while(|other| other.address != node.address);
    let (other, shared) = earlier.find_map(|other| {
        let is_acl = other.address.kind() == node.address.kind();
        let shared = is_acl.then(|| subnets(other).into_iter().find(|subnet| own.contains(subnet)))?;
        Some((other, shared?))
    })?;
    let subnet = match &shared {
        Value::Reference(reference) => reference.address.to_string(),
        id => id.as_json().and_then(Json::as_str).unwrap_or_default().to_owned(),
    };
    Some(node.finding_with(
        other,
        "this network ACL has it too",
        &format!("{subnet} is in two network ACLs, and AWS gives a subnet one"),
        "leave the subnet to one of them, and put the rules for it there",
    ))
}

/// The builder's rules were checked when the program was compiled, unless they were put together when it runs.
fn entries_in_order(node: &Node) -> Option<Finding> {
    [Direction::Ingress, Direction::Egress].into_iter().find_map(|direction| {
        let entries = entries(node, direction);
        if entries.len() > MOST_ENTRIES {
            return Some(finding(node, &format!("{} rules of {direction}", entries.len()), TOO_MANY));
        }
        let pairs = entries.iter().enumerate().flat_map(|(index, entry)| {
            let before = &entries[..index];
            before.iter().map(move |first| (first, entry))
        });
        let problem = |(first, second): (&crate::types::NetworkAclEntry, &crate::types::NetworkAclEntry)| {
            let problem = second.problem_beside(first)?;
            Some(finding(node, &format!("{direction} {} and {}", first.rule_number, second.rule_number), problem))
        };
        pairs.into_iter().find_map(problem)
    })
}

/// A finding about `what`, from a text that says after a colon what to write instead.
fn finding(node: &Node, what: &str, problem: &str) -> Finding {
    let (message, help) = problem.split_once(": ").unwrap_or((problem, ""));
    node.finding(&format!("{what}: {message}"), help)
}

/// The ids of the subnets, each known or a reference.
fn subnets(node: &Node) -> Vec<Value> {
    match node.fields.get("subnet_ids") {
        Some(Value::Json(Json::Array(ids))) => ids.iter().cloned().map(Value::Json).collect(),
        Some(Value::List(ids) | Value::Set(ids)) => ids.clone(),
        Some(Value::Reference(reference)) => vec![Value::Reference(reference.clone())],
        _ => Vec::new(),
    }
}
