//! What somebody else changes about a network is told, and put right.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::{operations::ModifySubnetAttribute, shapes::SubnetAttribute};
use palisade_core::Address;
use palisade_testing::Rehearsal;

use crate::current;

fn program(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
}

#[test]
fn a_subnet_that_somebody_opens_to_the_internet_is_closed_again() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program);
    rehearsal.emulator().lag(Duration::ZERO);
    let it = Address::new("Subnet", "a");
    let id = rehearsal.state().resources[&it].current.clone().unwrap().id.unwrap();
    let (subnet_id, attribute) = (Id::reported(id.clone()).unwrap(), SubnetAttribute::MapPublicIpOnLaunch(true));
    rehearsal.by_hand(ModifySubnetAttribute { subnet_id, attribute }).unwrap();
    let plan = rehearsal.plan(program);
    let [change] = plan.step(&it).unwrap().changes.as_slice() else { panic!("{plan:?}") };
    assert_eq!(change.field, "map_public_ip_on_launch");
    rehearsal.apply(program);
    assert_eq!(rehearsal.emulator().contents()["subnets"][id]["public"], false);
    assert!(!rehearsal.plan(program).has_changes());
}

/// EC2 takes one attribute in a call.
#[test]
fn all_that_somebody_changes_about_a_subnet_is_put_right_by_one_apply() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program);
    rehearsal.emulator().lag(Duration::ZERO);
    let (_, subnet_id): (Subnet, _) = current(&rehearsal, "a");
    let before = rehearsal.emulator().contents()["subnets"][subnet_id.as_str()].clone();
    for attribute in [
        SubnetAttribute::MapPublicIpOnLaunch(true),
        SubnetAttribute::PrivateDnsHostnameType(HostnameType::ResourceName),
        SubnetAttribute::ResourceNameDnsARecord(true),
    ] {
        rehearsal.by_hand(ModifySubnetAttribute { subnet_id: subnet_id.clone(), attribute }).unwrap();
    }
    assert_eq!(rehearsal.plan(program).step(&Address::new("Subnet", "a")).unwrap().changes.len(), 3);
    rehearsal.apply(program);
    assert_eq!(rehearsal.emulator().contents()["subnets"][subnet_id.as_str()], before);
}
