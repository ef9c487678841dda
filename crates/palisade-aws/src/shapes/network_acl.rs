//! What descriptions of network ACLs are about, and what they tell.

use palisade_core::Id;

use super::Select;
use crate::{
    resources::{NetworkAcl, Subnet, Vpc},
    types::{Direction, RuleAction, Tags},
};

/// Which network ACLs a description is about.
#[derive(Clone, Debug)]
pub enum SelectNetworkAcls {
    /// Those of [`Select`].
    Acls(Select<NetworkAcl>),
    /// Those that these subnets are associated with. Each subnet has one, be it the one that AWS made with the VPC.
    OfSubnets(Vec<Id<Subnet>>),
    /// The ACLs that AWS made with these VPCs: the filters `vpc-id` and `default` = `true`.
    DefaultOf(Vec<Id<Vpc>>),
}

/// A network ACL as EC2 reports it.
#[derive(Clone, Debug)]
pub struct NetworkAclDescription {
    /// The id.
    pub id: Id<NetworkAcl>,
    /// The VPC.
    pub vpc_id: Id<Vpc>,
    /// The account.
    pub owner_id: String,
    /// The entries of both directions, with those of AWS's own that deny the rest.
    pub entries: Vec<NetworkAclEntryDescription>,
    /// The associations with subnets.
    pub associations: Vec<NetworkAclAssociationDescription>,
    /// All tags.
    pub tags: Tags,
}

/// An entry of a network ACL as EC2 takes and reports it. Protocol and addresses are texts, as AWS may hold what a program
/// cannot say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkAclEntryDescription {
    /// Which way.
    pub direction: Direction,
    /// The number; above 32766 it is one of AWS's own.
    pub rule_number: u16,
    /// What becomes of what the entry is about.
    pub action: RuleAction,
    /// The number of the protocol: `6` for TCP, `17` for UDP, `-1` for all.
    pub protocol: String,
    /// The lowest port; `None` with protocols that have no ports.
    pub from_port: Option<u16>,
    /// The highest port; `None` with protocols that have no ports.
    pub to_port: Option<u16>,
    /// The addresses at the other end, IPv4 or IPv6.
    pub addresses: String,
}

/// An association of a network ACL with a subnet.
#[derive(Clone, Debug)]
pub struct NetworkAclAssociationDescription {
    /// The association's id, which changes with the ACL.
    pub id: String,
    /// The subnet.
    pub subnet_id: Id<Subnet>,
}
