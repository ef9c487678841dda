//! VPCs.

use palisade_aws::{
    operations::{
        CreateVpc, CreateVpcOutput, DeleteVpc, DeleteVpcOutput, DescribeVpcAttribute, DescribeVpcAttributeOutput,
        DescribeVpcs, DescribeVpcsOutput, ModifyVpcAttribute, ModifyVpcAttributeOutput, ModifyVpcTenancy,
        ModifyVpcTenancyOutput,
    },
    shapes::{VpcAttribute, VpcDescription},
    types::{Cidr, Tags, Tenancy},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::{Millis, NETWORK},
    ids::{ACCOUNT, VpcId},
    refusal::{Answer, known, refuse, require},
    route_table::RouteTable,
    tags,
};

/// How many VPCs a region has at most, unless AWS is asked for more.
const QUOTA: usize = 5;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Vpc {
    pub(crate) cidr_block: Cidr,
    pub(crate) tenancy: Tenancy,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
    pub(crate) usage_metrics: bool,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

impl Account {
    pub(crate) fn create_vpc(&mut self, call: CreateVpc) -> Answer<CreateVpcOutput> {
        let CreateVpc { cidr_block, instance_tenancy, tags } = call;
        tags::check_ec2(&tags)?;
        require((16..=28).contains(&cidr_block.prefix()), "InvalidVpc.Range", || {
            format!("The CIDR '{cidr_block}' is invalid.")
        })?;
        require(self.vpcs.len() < QUOTA, "VpcLimitExceeded", || {
            "The maximum number of VPCs has been reached.".to_owned()
        })?;
        let (vpc_id, made): (VpcId, _) = (self.ids.next("vpc"), self.now);
        let vpc = Vpc {
            cidr_block,
            tenancy: instance_tenancy,
            dns_support: true,
            dns_hostnames: false,
            usage_metrics: false,
            tags,
            made,
        };
        self.vpcs.insert(vpc_id.clone(), vpc);
        // AWS makes these with the VPC, and takes them away with it.
        let main = RouteTable { vpc: vpc_id.clone(), main: true, token: None, tags: Tags::default(), made };
        let main_id = self.ids.next("rtb");
        self.route_tables.insert(main_id, main);
        self.add_default_network_acl(&vpc_id);
        self.add_security_group(&vpc_id, "default", "default VPC security group", true, Tags::default());
        Ok(CreateVpcOutput { vpc_id })
    }

    pub(crate) fn describe_vpcs(&mut self, call: DescribeVpcs) -> Answer<DescribeVpcsOutput> {
        let vpcs = self.vpcs.iter().filter(|(id, vpc)| selects(&call.select, id, &vpc.tags) && self.shows(vpc.made));
        let describe = |(id, vpc): (&VpcId, &Vpc)| VpcDescription {
            id: id.clone(),
            state: self.network_state(vpc.made),
            cidr_block: vpc.cidr_block,
            instance_tenancy: vpc.tenancy,
            owner_id: ACCOUNT.to_owned(),
            tags: vpc.tags.clone(),
        };
        Ok(DescribeVpcsOutput { vpcs: vpcs.map(describe).collect() })
    }

    pub(crate) fn describe_vpc_attribute(&mut self, call: DescribeVpcAttribute) -> Answer<DescribeVpcAttributeOutput> {
        let vpc = self.vpc(&call.vpc_id)?;
        let enabled = match call.attribute {
            VpcAttribute::DnsSupport => vpc.dns_support,
            VpcAttribute::DnsHostnames => vpc.dns_hostnames,
            VpcAttribute::NetworkAddressUsageMetrics => vpc.usage_metrics,
        };
        Ok(DescribeVpcAttributeOutput { enabled })
    }

    pub(crate) fn modify_vpc_attribute(&mut self, call: ModifyVpcAttribute) -> Answer<ModifyVpcAttributeOutput> {
        let ModifyVpcAttribute { vpc_id, attribute, enabled } = call;
        let vpc = self.vpc_mut(&vpc_id)?;
        let (mut support, mut hostnames) = (vpc.dns_support, vpc.dns_hostnames);
        match attribute {
            VpcAttribute::DnsSupport => support = enabled,
            VpcAttribute::DnsHostnames => hostnames = enabled,
            VpcAttribute::NetworkAddressUsageMetrics => vpc.usage_metrics = enabled,
        }
        require(support || !hostnames, "InvalidParameterCombination", || {
            format!("enableDnsHostnames of {vpc_id} needs enableDnsSupport to be true.")
        })?;
        (vpc.dns_support, vpc.dns_hostnames) = (support, hostnames);
        Ok(ModifyVpcAttributeOutput {})
    }

    /// The call has one meaning only: to the default tenancy.
    pub(crate) fn modify_vpc_tenancy(&mut self, call: ModifyVpcTenancy) -> Answer<ModifyVpcTenancyOutput> {
        self.vpc_mut(&call.vpc_id)?.tenancy = Tenancy::Default;
        Ok(ModifyVpcTenancyOutput {})
    }

    pub(crate) fn delete_vpc(&mut self, call: DeleteVpc) -> Answer<DeleteVpcOutput> {
        let vpc_id = call.vpc_id;
        self.vpc(&vpc_id)?;
        let is_used = self.subnets.values().any(|subnet| subnet.vpc == vpc_id)
            || self.route_tables.values().any(|table| table.vpc == vpc_id && !table.main)
            || self.network_acls.values().any(|acl| acl.vpc == vpc_id && !acl.is_default)
            || self.security_groups.values().any(|group| group.vpc == vpc_id && !group.is_default);
        if is_used {
            return refuse(
                "DependencyViolation",
                format!("The vpc '{vpc_id}' has dependencies and cannot be deleted."),
            );
        }
        self.vpcs.remove(&vpc_id);
        self.flow_logs.retain(|_, flow_log| flow_log.settings.vpc != vpc_id);
        self.route_tables.retain(|_, table| table.vpc != vpc_id);
        self.network_acls.retain(|_, acl| acl.vpc != vpc_id);
        self.security_groups.retain(|_, group| group.vpc != vpc_id);
        self.rules.retain(|_, rule| self.security_groups.contains_key(&rule.group));
        Ok(DeleteVpcOutput {})
    }

    /// The VPC `id`, as a call about it finds it.
    pub(crate) fn vpc(&self, id: &VpcId) -> Answer<&Vpc> {
        let vpc = self.vpcs.get(id).filter(|vpc| self.shows(vpc.made));
        known(vpc, "InvalidVpcID.NotFound", || format!("The vpc ID '{id}' does not exist"))
    }

    fn vpc_mut(&mut self, id: &VpcId) -> Answer<&mut Vpc> {
        self.vpc(id)?;
        known(self.vpcs.get_mut(id), "InvalidVpcID.NotFound", || format!("The vpc ID '{id}' does not exist"))
    }

    /// The state of a VPC or subnet that was made at `made`.
    pub(crate) fn network_state(&self, made: Millis) -> String {
        if self.now < made + NETWORK { "pending" } else { "available" }.to_owned()
    }
}
