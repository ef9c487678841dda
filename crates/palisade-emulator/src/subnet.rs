//! Subnets, and the addresses in them.

use palisade_aws::{
    operations::{
        CreateSubnet, CreateSubnetOutput, DeleteSubnet, DeleteSubnetOutput, DescribeSubnets, DescribeSubnetsOutput,
        ModifySubnetAttribute, ModifySubnetAttributeOutput,
    },
    shapes::{SubnetAttribute, SubnetDescription},
    types::{Arn, AvailabilityZone, Cidr, HostnameType, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::Millis,
    ids::{ACCOUNT, SubnetId, VpcId},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many subnets a VPC has at most, unless AWS is asked for more.
const QUOTA: usize = 200;

/// What AWS keeps for itself in each subnet: the network, the router, the name server, one in reserve, and the last.
const KEPT: u32 = 5;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Subnet {
    pub(crate) vpc: VpcId,
    pub(crate) cidr_block: Cidr,
    pub(crate) zone: AvailabilityZone,
    pub(crate) public: bool,
    pub(crate) hostname_type: HostnameType,
    pub(crate) resource_name_record: bool,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

impl Account {
    pub(crate) fn create_subnet(&mut self, call: CreateSubnet) -> Answer<CreateSubnetOutput> {
        let CreateSubnet { vpc_id, cidr_block, availability_zone, tags } = call;
        tags::check_ec2(&tags)?;
        let vpc = self.vpc(&vpc_id)?;
        require(
            (16..=28).contains(&cidr_block.prefix()) && vpc.cidr_block.contains(cidr_block),
            "InvalidSubnet.Range",
            || format!("The CIDR '{cidr_block}' is invalid."),
        )?;
        let zones = zones(&self.region);
        require(zones.iter().any(|zone| zone == availability_zone.as_str()), "InvalidParameterValue", || {
            format!(
                "Value ({availability_zone}) for parameter availabilityZone is invalid. Subnets can currently only be \
                 created in the following availability zones: {}.",
                zones.join(", ")
            )
        })?;
        let siblings = || self.subnets.values().filter(|subnet| subnet.vpc == vpc_id);
        require(siblings().all(|sibling| !sibling.cidr_block.overlaps(cidr_block)), "InvalidSubnet.Conflict", || {
            format!("The CIDR '{cidr_block}' conflicts with another subnet")
        })?;
        require(siblings().count() < QUOTA, "SubnetLimitExceeded", || {
            format!("The maximum number of subnets has been reached for {vpc_id}.")
        })?;
        let subnet_id: SubnetId = self.ids.next("subnet");
        self.associate_with_default_acl(&subnet_id, &vpc_id);
        let subnet = Subnet {
            vpc: vpc_id,
            cidr_block,
            zone: availability_zone,
            public: false,
            hostname_type: HostnameType::IpName,
            resource_name_record: false,
            tags,
            made: self.now,
        };
        self.subnets.insert(subnet_id.clone(), subnet);
        Ok(CreateSubnetOutput { subnet_id })
    }

    pub(crate) fn describe_subnets(&mut self, call: DescribeSubnets) -> Answer<DescribeSubnetsOutput> {
        let subnets = self.subnets.iter();
        let subnets = subnets.filter(|(id, subnet)| selects(&call.select, id, &subnet.tags) && self.shows(subnet.made));
        let describe = |(id, subnet): (&SubnetId, &Subnet)| SubnetDescription {
            id: id.clone(),
            state: self.network_state(subnet.made),
            vpc_id: subnet.vpc.clone(),
            cidr_block: subnet.cidr_block,
            availability_zone: subnet.zone.clone(),
            arn: Arn::reported(format!("arn:aws:ec2:{}:{ACCOUNT}:subnet/{id}", self.region)),
            available_ip_address_count: self.free_addresses(id),
            map_public_ip_on_launch: subnet.public,
            private_dns_hostname_type: subnet.hostname_type,
            resource_name_dns_a_record: subnet.resource_name_record,
            tags: subnet.tags.clone(),
        };
        Ok(DescribeSubnetsOutput { subnets: subnets.map(describe).collect() })
    }

    pub(crate) fn modify_subnet_attribute(
        &mut self,
        call: ModifySubnetAttribute,
    ) -> Answer<ModifySubnetAttributeOutput> {
        self.subnet(&call.subnet_id)?;
        if let Some(subnet) = self.subnets.get_mut(&call.subnet_id) {
            match call.attribute {
                SubnetAttribute::MapPublicIpOnLaunch(public) => subnet.public = public,
                SubnetAttribute::PrivateDnsHostnameType(kind) => subnet.hostname_type = kind,
                SubnetAttribute::ResourceNameDnsARecord(record) => subnet.resource_name_record = record,
            }
        }
        Ok(ModifySubnetAttributeOutput {})
    }

    pub(crate) fn delete_subnet(&mut self, call: DeleteSubnet) -> Answer<DeleteSubnetOutput> {
        let subnet_id = call.subnet_id;
        self.subnet(&subnet_id)?;
        if self.interfaces.values().any(|interface| interface.subnet == subnet_id) {
            return refuse(
                "DependencyViolation",
                format!("The subnet '{subnet_id}' has dependencies and cannot be deleted."),
            );
        }
        self.subnets.remove(&subnet_id);
        self.associations.retain(|_, association| association.subnet != subnet_id);
        self.acl_associations.retain(|_, association| association.subnet != subnet_id);
        Ok(DeleteSubnetOutput {})
    }

    /// The subnet `id`, as a call about it finds it.
    pub(crate) fn subnet(&self, id: &SubnetId) -> Answer<&Subnet> {
        let subnet = self.subnets.get(id).filter(|subnet| self.shows(subnet.made));
        known(subnet, "InvalidSubnetID.NotFound", || format!("The subnet ID '{id}' does not exist"))
    }

    /// How many addresses of the subnet `id` nobody has.
    pub(crate) fn free_addresses(&self, id: &SubnetId) -> u32 {
        let Some(subnet) = self.subnets.get(id) else { return 0 };
        let addresses = 1_u32.checked_shl(32 - u32::from(subnet.cidr_block.prefix())).unwrap_or(u32::MAX);
        let taken = self.interfaces.values().filter(|interface| interface.subnet == *id).count();
        addresses.saturating_sub(KEPT).saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }
}

/// The zones of a region: six in the largest, and three in the others.
fn zones(region: &str) -> Vec<String> {
    let letters = if region == "us-east-1" { 'a'..='f' } else { 'a'..='c' };
    letters.map(|letter| format!("{region}{letter}")).collect()
}
