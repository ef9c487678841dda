//! [`Vpc`].

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use palisade_core::{
    Attributes, Finding, Graph, Id, Node, Reference, Resource, Stack, Value,
    provider::{ErrorKind, ProviderError, Repeated, Token},
    terraform::{Argument, Companion, TerraformResource},
};
use serde::{Deserialize, Serialize};

use super::{RouteTable, SecurityGroup, security_group::revoke};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    lifecycle::check_in_place,
    observe::{RELEASED, VISIBLE, appear, ec2_arn, in_order, named, settle, sync_ec2_tags},
    operations::{
        CreateTags, CreateVpc, DeleteTags, DeleteVpc, DescribeRouteTables, DescribeSecurityGroupRules,
        DescribeSecurityGroups, DescribeTags, DescribeVpcAttribute, DescribeVpcs, ModifyVpcAttribute, ModifyVpcTenancy,
        Operation, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    },
    shapes::{
        RouteTableDescription, RuleDescription, SecurityGroupDescription, Select, SelectRouteTables, SelectRules,
        SelectSecurityGroups, VpcAttribute, VpcDescription,
    },
    types::{Arn, Cidr, Tags, Tenancy},
};

/// A virtual network of its own.
///
/// Its default security group is closed. AWS makes that group with every VPC, lets its members reach each other and everything
/// else, and puts into it whatever names no group. All its rules are revoked at the creation, and at the next apply once
/// somebody has added one by hand.
///
/// AWS: [CreateVpc](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html)
///
/// ```
/// use palisade_aws::{cidr, resources::Vpc, tags};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tags! { "Name" = "main-vpc" }));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_vpc",
    rules = rules::RULES,
    attributes = VpcAttributes,
    id_prefix = "vpc-",
    ids = palisade_core::IdRules::HEXADECIMAL,
    terraform_with = terraform,
    check = check
)]
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
    /// The rules of the security group that AWS makes with the VPC, in words. No setter leads here: there are to be none.
    #[field(default, private, terraform = false)]
    #[serde(default)]
    pub default_security_group_rules: BTreeSet<String>,
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
    /// The security group that AWS made with the VPC, as text: nothing that wants a group takes it, as it is to stay unused.
    pub default_security_group_id: String,
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

/// What Terraform says beyond the fields. There, the default group is a resource of its own: without rules, all are revoked.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    const DEFAULT_GROUP: &str = "aws_default_security_group";
    let vpc = Reference { address: resource.address.clone(), attribute: "id".to_owned() };
    let arguments = BTreeMap::from([("vpc_id".to_owned(), Argument::Value(Value::Reference(vpc)))]);
    resource.companions.push(Companion { block: "resource", resource_type: DEFAULT_GROUP, arguments });
    resource.import.companions.push((DEFAULT_GROUP, "{default_security_group_id}"));
}

impl Lifecycle for Vpc {
    type Observed = VpcObserved;

    const CALLS: Calls = Calls {
        read: &[
            DescribeVpcs::CALL.together(),
            DescribeVpcAttribute::CALL.each(3),
            DescribeSecurityGroups::CALL.first(),
            DescribeRouteTables::CALL.first(),
            DescribeSecurityGroupRules::CALL.together(),
        ],
        find: &[DescribeVpcs::CALL.as_needed()],
        create: &[CreateVpc::CALL.once()],
        converge: &[
            DescribeVpcs::CALL.as_needed(),
            DescribeVpcAttribute::CALL.as_needed(),
            ModifyVpcTenancy::CALL.up_to(1).carried(&["instance_tenancy"]),
            ModifyVpcAttribute::CALL.up_to(3).on(&[
                "enable_dns_support",
                "enable_dns_hostnames",
                "enable_network_address_usage_metrics",
            ]),
            DescribeSecurityGroups::CALL.as_needed(),
            DescribeSecurityGroupRules::CALL.as_needed(),
            DescribeRouteTables::CALL.as_needed(),
            RevokeSecurityGroupIngress::CALL.as_needed(),
            RevokeSecurityGroupEgress::CALL.as_needed(),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteVpc::CALL.once()],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::MakesAnother;
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
            default_security_group_rules: _,
        } = self;
        let request =
            CreateVpc { cidr_block: *cidr_block, instance_tenancy: *instance_tenancy, tags: tags.owned_by(token) };
        Ok(aws.call(request).await?.vpc_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let found = aws.call(DescribeVpcs { select: Select::Token(token.digest.clone()) }).await?;
        Ok(found.vpcs.into_iter().next().map(|vpc| vpc.id).into())
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
        let groups = known.iter().flatten().map(|known| named(known.default_security_group_id.as_str()));
        let mut groups = groups.collect::<Result<Vec<_>, _>>()?;
        groups.extend(made_by_aws.groups.iter().map(|group| group.id.clone()));
        let rules = rules_of(aws, groups).await?;
        let vpcs = in_order(ids, described.vpcs, |vpc| &vpc.id).into_iter().zip(flags).zip(known);
        let snapshot = |id, ((vpc, flags), known): ((Option<VpcDescription>, Option<Flags>), Option<VpcAttributes>)| {
            if known.is_some() && vpc.is_some() != flags.is_some() {
                return Err(half_seen(id));
            }
            let Some(vpc) = vpc else { return Ok(None) };
            // Each part of a new VPC is seen in its own time.
            let whole = flags.zip(known.or_else(|| made_by_aws.attributes(aws, &vpc)));
            let Some((flags, attributes)) = whole else { return Ok(None) };
            let of_vpc = |rule: &&RuleDescription| rule.group_id.as_str() == attributes.default_security_group_id;
            let rules = rules.iter().filter(of_vpc).map(in_words).collect();
            Ok(Some(Snapshot { fields: fields(vpc, flags, rules), attributes }))
        };
        ids.iter().zip(vpcs).map(|(id, vpc)| snapshot(id, vpc)).collect()
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let (vpc, observed) = available(aws, id, previous.is_some()).await?;
        check_in_place(id, self, &fields(vpc.clone(), observed, BTreeSet::new()))?;
        if vpc.instance_tenancy != self.instance_tenancy {
            aws.call(ModifyVpcTenancy { vpc_id: id.clone() }).await?;
        }
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
        close_default_group(aws, id).await?;
        sync_ec2_tags(aws, id.as_str(), &self.tags, &vpc.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteVpc { vpc_id: id.clone() }).await.map(drop)
    }
}

/// Revokes all rules of the security group that AWS made with the VPC.
async fn close_default_group(aws: &Aws, vpc: &Id<Vpc>) -> Result<(), ProviderError> {
    let made_by_aws = async || {
        let MadeByAws { groups, tables } = MadeByAws::of(aws, std::slice::from_ref(vpc)).await?;
        Ok(groups.into_iter().next().zip(tables.into_iter().next()))
    };
    // Both are made with the VPC, and may all the same be seen later.
    let what = format!("the default security group and the main route table of {vpc}");
    let (group, _) = appear(aws, &what, false, made_by_aws).await?;
    revoke(aws, &group.id, |_| true).await
}

async fn rules_of(aws: &Aws, groups: Vec<Id<SecurityGroup>>) -> Result<Vec<RuleDescription>, ProviderError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    Ok(aws.call(DescribeSecurityGroupRules { select: SelectRules::OfGroups(groups) }).await?.rules)
}

/// A rule that should not be, as a plan shows it.
fn in_words(rule: &RuleDescription) -> String {
    let RuleDescription { id, direction, rule, group_id: _, tags: _ } = rule;
    let protocol = if rule.ip_protocol == "-1" { "all protocols" } else { &rule.ip_protocol };
    let ports = match rule.from_port.zip(rule.to_port) {
        Some((from, to)) if from == to => format!(" {from}"),
        Some((from, to)) => format!(" {from}-{to}"),
        None => String::new(),
    };
    let addresses = rule.cidr_ipv4.map(|range| format!(", {range}"));
    let group = rule.referenced_group_id.as_ref().map(|group| format!(", {group}"));
    format!("{id}: {direction} {protocol}{ports}{}", addresses.or(group).unwrap_or_default())
}

async fn available(aws: &Aws, id: &Id<Vpc>, exists: bool) -> Result<(VpcDescription, Flags), ProviderError> {
    let describe = async || {
        let found = aws.call(DescribeVpcs { select: Select::Ids(vec![id.clone()]) }).await?;
        let Some(vpc) = found.vpcs.into_iter().next() else { return Ok(None) };
        // A new one may be described and have no flags yet.
        let flags = if vpc.state == "available" { Flags::read(aws, id).await? } else { None };
        Ok(Some(flags.map(|flags| (vpc, flags))))
    };
    settle(aws, (id.as_str(), "to be available"), VISIBLE, exists, describe, Ok).await
}

/// What takes a call for each VPC and flag.
#[derive(Clone, Copy)]
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

    /// The attributes of a VPC of which both are seen. During its deletion they may have gone before it.
    fn attributes(&self, aws: &Aws, vpc: &VpcDescription) -> Option<VpcAttributes> {
        let group = self.groups.iter().find(|group| group.vpc_id == vpc.id);
        let table = self.tables.iter().find(|table| table.vpc_id == vpc.id);
        let (group, table) = group.zip(table)?;
        Some(VpcAttributes {
            arn: ec2_arn(aws, &vpc.owner_id, "vpc", vpc.id.as_str()),
            owner_id: vpc.owner_id.clone(),
            default_security_group_id: group.id.to_string(),
            main_route_table_id: table.id.clone(),
        })
    }
}

/// The error for a VPC that is described, and whose attributes are not found though they were.
fn half_seen(id: &Id<Vpc>) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Service,
        operation: String::new(),
        code: String::new(),
        message: format!("AWS finds only a part of {id}: its description or its attributes"),
        help: "run the same command again; if it says the same, see in the console who deletes it".to_owned(),
    }
}

fn fields(vpc: VpcDescription, flags: Flags, default_security_group_rules: BTreeSet<String>) -> VpcObserved {
    VpcObserved {
        cidr_block: Some(vpc.cidr_block),
        enable_dns_support: Some(flags.dns_support),
        enable_dns_hostnames: Some(flags.dns_hostnames),
        enable_network_address_usage_metrics: Some(flags.network_address_usage_metrics),
        instance_tenancy: Some(vpc.instance_tenancy),
        default_security_group_rules: Some(default_security_group_rules),
        tags: Some(vpc.tags.declared()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shapes::RuleSpecification,
        types::{Direction, PrivateRange},
    };

    #[test]
    fn a_rule_that_should_not_be_is_told_in_words() {
        let rule =
            |protocol: &str, ports: Option<(u16, u16)>, range: Option<&str>, group: Option<&str>| RuleDescription {
                id: Id::reported("sgr-1").unwrap(),
                group_id: Id::reported("sg-1").unwrap(),
                direction: Direction::Ingress,
                rule: RuleSpecification {
                    ip_protocol: protocol.to_owned(),
                    from_port: ports.map(|(from, _)| from),
                    to_port: ports.map(|(_, to)| to),
                    cidr_ipv4: range.and_then(PrivateRange::reported),
                    referenced_group_id: group.map(|id| Id::reported(id).unwrap()),
                    description: None,
                },
                tags: Tags::default(),
            };
        for (rule, words) in [
            (rule("-1", None, Some("0.0.0.0/0"), None), "sgr-1: ingress all protocols, 0.0.0.0/0"),
            (rule("tcp", Some((22, 22)), None, Some("sg-2")), "sgr-1: ingress tcp 22, sg-2"),
            (rule("udp", Some((22, 80)), None, None), "sgr-1: ingress udp 22-80"),
        ] {
            assert_eq!(in_words(&rule), words);
        }
    }
}
