//! What is wrong with the declaration of a network ACL that no type holds.

use palisade_core::{Declared, DeclaredField, Finding, Id, Node, Stack};

use super::NetworkAcl;
use crate::{
    resources::Subnet,
    types::{Direction, MOST_ENTRIES, TOO_MANY},
};

pub(super) fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(acl) = stack.declared(node) else { return Vec::new() };
    [no_subnet, another_network, another_acl, entries_in_order].into_iter().filter_map(|check| check(acl)).collect()
}

fn no_subnet(acl: Declared<'_, NetworkAcl>) -> Option<Finding> {
    acl.subnet_ids().items()?.is_empty().then(|| {
        acl.finding(
            "the network ACL has no subnet, so that it protects nothing",
            "name its subnets with `.subnet_ids([&a, &b])`",
        )
    })
}

fn another_network(acl: Declared<'_, NetworkAcl>) -> Option<Finding> {
    let other = acl.subnet_ids().targets().find(|subnet| subnet.vpc_id() != acl.vpc_id())?;
    let message = format!("{} is in another VPC than the network ACL", other.address());
    Some(acl.finding(&message, "name subnets of the network ACL's VPC").also(&other, "this subnet is in another VPC"))
}

/// A subnet has one network ACL. Of each pair the later one is found.
fn another_acl(acl: Declared<'_, NetworkAcl>) -> Option<Finding> {
    let own = acl.subnet_ids().items()?;
    let mut earlier = acl.stack().resources::<NetworkAcl>().take_while(|other| *other != acl);
    let (other, shared) = earlier.find_map(|other| {
        let shared = other.subnet_ids().items()?.into_iter().find(|subnet| own.contains(subnet))?;
        Some((other, shared))
    })?;
    let message = format!("{} is in two network ACLs, and AWS gives each subnet one", name(shared));
    let finding = acl.finding(&message, "leave the subnet to one of them, and put the rules for it there");
    Some(finding.also(&other, "this network ACL has it too"))
}

fn name(subnet: DeclaredField<'_, Id<Subnet>>) -> String {
    let id = || subnet.known().map(|id| id.to_string());
    subnet.target().map(|subnet| subnet.address().to_string()).or_else(id).unwrap_or_default()
}

/// The builder's rules were checked when the program was compiled, unless they were put together when it runs.
fn entries_in_order(acl: Declared<'_, NetworkAcl>) -> Option<Finding> {
    [(Direction::Ingress, acl.ingress()), (Direction::Egress, acl.egress())].into_iter().find_map(
        |(direction, field)| {
            let entries: Vec<_> = field.known()?.into_iter().collect();
            if entries.len() > MOST_ENTRIES {
                return Some(finding(acl, &format!("{direction} has {} rules", entries.len()), TOO_MANY));
            }
            let pairs = (1..entries.len()).flat_map(|index| (0..index).map(move |before| (before, index)));
            let problem = |(first, second): (usize, usize)| {
                let (first, second) = (&entries[first], &entries[second]);
                let problem = second.problem_beside(first)?;
                Some(finding(acl, &format!("{direction} {} and {}", first.rule_number, second.rule_number), problem))
            };
            pairs.into_iter().find_map(problem)
        },
    )
}

/// A finding about `what`, from a text that says after a colon what to write instead.
fn finding(acl: Declared<'_, NetworkAcl>, what: &str, problem: &str) -> Finding {
    let (message, help) = problem.split_once(": ").unwrap_or((problem, ""));
    acl.finding(&format!("{what}: {message}"), help)
}
