//! [`Vpc`].

mod rules;

use futures_util::future::try_join_all;
use palisade_core::{
    Attributes, Finding, Id, Node, Resource, Stack,
    provider::{ErrorKind, ProviderError, Token},
};
use serde::{Deserialize, Serialize};

use super::{RouteTable, SecurityGroup};
use crate::{
    Aws, Lifecycle, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    failure,
    observe::{RELEASED, VISIBLE, ec2_arn, gone, in_order, settle, sync_ec2_tags},
    operations::{
        CreateTags, CreateVpc, DeleteTags, DeleteVpc, DescribeRouteTables, DescribeSecurityGroups,
        DescribeVpcAttribute, DescribeVpcs, ModifyVpcAttribute, ModifyVpcTenancy, Operation,
    },
    shapes::{
        RouteTableDescription, SecurityGroupDescription, Select, SelectRouteTables, SelectSecurityGroups, VpcAttribute,
        VpcDescription,
    },
    types::{Arn, Cidr, Tags, Tenancy},
};

/// A virtual network of its own.
///
/// AWS: [CreateVpc](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html)
///
/// ```
/// use palisade_aws::{cidr, resources::Vpc, tags};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tags! { "Name" = "main-vpc" }));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "aws_vpc", rules = rules::RULES, attributes = VpcAttributes, id_prefix = "vpc-", check = check)]
pub struct Vpc {
    /// The addresses of the network: a prefix of /16 to /28. A change replaces the VPC and all that is in it.
    #[field(replace)]
    pub cidr_block: Cidr,
    /// Whether the network has a DNS server.
    #[field(default = true)]
    pub enable_dns_support: bool,
    /// Whether instances with public addresses get public host names; it needs `enable_dns_support`.
    #[field(default = false)]
    pub enable_dns_hostnames: bool,
    /// Whether the use of addresses is measured.
    #[field(default = false)]
    pub enable_network_address_usage_metrics: bool,
    /// Whether instances share their hardware with other accounts. A change to `Dedicated` replaces the VPC; one to
    /// `Default` is made in place, for new instances.
    #[field(default = Tenancy::Default, replace_if = becomes_dedicated)]
    pub instance_tenancy: Tenancy,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`Vpc`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct VpcAttributes {
    /// The ARN.
    pub arn: Arn,
    /// The account that owns the VPC.
    pub owner_id: String,
    /// The security group that AWS made with the VPC.
    pub default_security_group_id: Id<SecurityGroup>,
    /// The route table by which subnets go that have no other.
    pub main_route_table_id: Id<RouteTable>,
}

fn becomes_dedicated(old: &palisade_core::Json, new: &palisade_core::Json) -> bool {
    old != new && new == Tenancy::Dedicated.as_str()
}

fn check(node: &Node, _: &Stack) -> Vec<Finding> {
    let is = |field: &str, value: bool| node.json(field).and_then(palisade_core::Json::as_bool) == Some(value);
    let is_wrong = is("enable_dns_hostnames", true) && is("enable_dns_support", false);
    let finding =
        || node.finding("host names need the DNS server", "leave `.enable_dns_support(true)`, or host names off");
    is_wrong.then(finding).into_iter().collect()
}

impl Lifecycle for Vpc {
    type Observed = VpcObserved;

    const CALLS: Calls = Calls {
        read: &[
            DescribeVpcs::CALL.together(),
            DescribeVpcAttribute::CALL.each(3),
            DescribeSecurityGroups::CALL.first(),
            DescribeRouteTables::CALL.first(),
        ],
        find: &[DescribeVpcs::CALL.as_needed()],
        create: &[CreateVpc::CALL.once()],
        converge: &[
            DescribeVpcs::CALL.as_needed(),
            DescribeVpcAttribute::CALL.each(3),
            ModifyVpcTenancy::CALL.up_to(1).carried(&["instance_tenancy"]),
            ModifyVpcAttribute::CALL.up_to(3).on(&[
                "enable_dns_support",
                "enable_dns_hostnames",
                "enable_network_address_usage_metrics",
            ]),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteVpc::CALL.once()],
    };
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(5, 2, 2);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        // Every field is named: a new one does not compile until someone decides where it is sent.
        let Self {
            cidr_block,
            instance_tenancy,
            tags,
            enable_dns_support: _,
            enable_dns_hostnames: _,
            enable_network_address_usage_metrics: _,
        } = self;
        let request =
            CreateVpc { cidr_block: *cidr_block, instance_tenancy: *instance_tenancy, tags: tags.owned_by(token) };
        Ok(aws.call(request).await?.vpc_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Option<Id<Self>>, ProviderError> {
        let found = aws.call(DescribeVpcs { select: Select::Token(token.digest.clone()) }).await?;
        Ok(found.vpcs.into_iter().next().map(|vpc| vpc.id))
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        Self::refresh(aws, ids, vec![None; ids.len()]).await
    }

    async fn refresh(
        aws: &Aws,
        ids: &[Id<Self>],
        known: Vec<Option<VpcAttributes>>,
    ) -> Result<Snapshots<Self>, ProviderError> {
        let new: Vec<_> =
            ids.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(id, _)| id.clone()).collect();
        let described = aws.call(DescribeVpcs { select: Select::Ids(ids.to_vec()) });
        let flags = try_join_all(ids.iter().map(|id| Flags::read(aws, id)));
        let (described, flags, made_by_aws) = tokio::try_join!(described, flags, MadeByAws::of(aws, &new))?;
        let vpcs = in_order(ids, described.vpcs, |vpc| &vpc.id).into_iter().zip(flags).zip(known);
        let snapshot = |((vpc, flags), known): ((Option<VpcDescription>, Option<Flags>), Option<VpcAttributes>)| {
            // One that went between the calls is gone.
            let Some((vpc, flags)) = vpc.zip(flags) else { return Ok(None) };
            let attributes = known.map_or_else(|| made_by_aws.attributes(aws, &vpc), Ok)?;
            Ok(Some(Snapshot { fields: fields(vpc, flags), attributes }))
        };
        vpcs.map(snapshot).collect()
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let vpc = available(aws, id, previous.is_some()).await?;
        if vpc.instance_tenancy != self.instance_tenancy {
            aws.call(ModifyVpcTenancy { vpc_id: id.clone() }).await?;
        }
        let observed = Flags::read(aws, id).await?.ok_or_else(|| being_deleted(id))?;
        let mut flags = vec![
            (VpcAttribute::DnsSupport, self.enable_dns_support, observed.dns_support),
            (VpcAttribute::DnsHostnames, self.enable_dns_hostnames, observed.dns_hostnames),
            (
                VpcAttribute::NetworkAddressUsageMetrics,
                self.enable_network_address_usage_metrics,
                observed.network_address_usage_metrics,
            ),
        ];
        // Host names need support: support comes before them, and goes after them.
        if !self.enable_dns_support {
            flags.swap(0, 1);
        }
        for (attribute, wanted, observed) in flags {
            if observed != wanted {
                aws.call(ModifyVpcAttribute { vpc_id: id.clone(), attribute, enabled: wanted }).await?;
            }
        }
        sync_ec2_tags(aws, id.as_str(), &self.tags, &vpc.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        gone(aws.call_until_settled(RELEASED, DeleteVpc { vpc_id: id.clone() }).await)
    }
}

async fn available(aws: &Aws, id: &Id<Vpc>, exists: bool) -> Result<VpcDescription, ProviderError> {
    let describe = async || {
        let found = aws.call(DescribeVpcs { select: Select::Ids(vec![id.clone()]) }).await?;
        Ok(found.vpcs.into_iter().next())
    };
    let is_available = |vpc: VpcDescription| Ok((vpc.state == "available").then_some(vpc));
    settle(aws, (id.as_str(), "to be available"), VISIBLE, exists, describe, is_available).await
}

/// What takes a call for each VPC and flag.
struct Flags {
    dns_support: bool,
    dns_hostnames: bool,
    network_address_usage_metrics: bool,
}

impl Flags {
    /// The flags of a VPC; `None` if it does not exist.
    async fn read(aws: &Aws, id: &Id<Vpc>) -> Result<Option<Self>, ProviderError> {
        let flag = async |attribute| -> Result<_, ProviderError> {
            Ok(aws.call(DescribeVpcAttribute { vpc_id: id.clone(), attribute }).await?.enabled)
        };
        let flags = tokio::try_join!(
            flag(VpcAttribute::DnsSupport),
            flag(VpcAttribute::DnsHostnames),
            flag(VpcAttribute::NetworkAddressUsageMetrics),
        );
        match flags {
            Ok((dns_support, dns_hostnames, network_address_usage_metrics)) => {
                Ok(Some(Self { dns_support, dns_hostnames, network_address_usage_metrics }))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What AWS makes along with a VPC, and what goes with it.
struct MadeByAws {
    groups: Vec<SecurityGroupDescription>,
    tables: Vec<RouteTableDescription>,
}

impl MadeByAws {
    async fn of(aws: &Aws, vpcs: &[Id<Vpc>]) -> Result<Self, ProviderError> {
        if vpcs.is_empty() {
            return Ok(Self { groups: Vec::new(), tables: Vec::new() });
        }
        let groups = SelectSecurityGroups::DefaultOf(vpcs.to_vec());
        let tables = SelectRouteTables::MainOf(vpcs.to_vec());
        let (groups, tables) = tokio::try_join!(
            aws.call(DescribeSecurityGroups { select: groups }),
            aws.call(DescribeRouteTables { select: tables }),
        )?;
        Ok(Self { groups: groups.security_groups, tables: tables.route_tables })
    }

    fn attributes(&self, aws: &Aws, vpc: &VpcDescription) -> Result<VpcAttributes, ProviderError> {
        let group = self.groups.iter().find(|group| group.vpc_id == vpc.id);
        let table = self.tables.iter().find(|table| table.vpc_id == vpc.id);
        // A VPC that is there has both; during its deletion they may have gone before it.
        let (group, table) = group.zip(table).ok_or_else(|| being_deleted(&vpc.id))?;
        Ok(VpcAttributes {
            arn: ec2_arn(aws, &vpc.owner_id, "vpc", vpc.id.as_str()),
            owner_id: vpc.owner_id.clone(),
            default_security_group_id: group.id.clone(),
            main_route_table_id: table.id.clone(),
        })
    }
}

fn being_deleted(id: &Id<Vpc>) -> ProviderError {
    failure("DescribeVpcs", "InvalidVpcID.NotFound", format!("{id} is being deleted"))
}

fn fields(vpc: VpcDescription, flags: Flags) -> VpcObserved {
    VpcObserved {
        cidr_block: Some(vpc.cidr_block),
        enable_dns_support: Some(flags.dns_support),
        enable_dns_hostnames: Some(flags.dns_hostnames),
        enable_network_address_usage_metrics: Some(flags.network_address_usage_metrics),
        instance_tenancy: Some(vpc.instance_tenancy),
        tags: Some(vpc.tags.declared()),
    }
}
