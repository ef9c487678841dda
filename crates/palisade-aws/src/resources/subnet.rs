//! [`Subnet`].

mod rules;

use palisade_core::{
    Attributes, Declared, Finding, Given, Id, IntoInput, Json, Node, Resource, Stack,
    provider::{ProviderError, Repeated, Token},
};
use serde::{Deserialize, Serialize};

use super::{Vpc, in_one_vpc};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{RELEASED, VISIBLE, in_order, settle, sync_ec2_tags},
    operations::{
        CreateSubnet, CreateTags, DeleteSubnet, DeleteTags, DescribeSubnets, DescribeTags, ModifySubnetAttribute,
        Operation,
    },
    shapes::{Select, SubnetAttribute, SubnetDescription},
    types::{Arn, AvailabilityZone, Cidr, HostnameType, PlannedSubnet, Tags},
};

/// A range of addresses inside one [`Vpc`], in one availability zone.
///
/// It is private: nothing in it gets a public address by itself.
///
/// AWS: [CreateSubnet](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html)
///
/// ```
/// use palisade_aws::{az, cidr, resources::{Subnet, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// let subnet = stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_subnet",
    rules = rules::RULES,
    attributes = SubnetAttributes,
    id_prefix = "subnet-",
    ids = palisade_core::IdRules::HEXADECIMAL,
    check = check,
    never(
        map_public_ip_on_launch(
            "nothing in a `Subnet` gets a public address, with which it could be reached from the internet",
            "leave it out: a client reaches the cache from inside of the network"
        )
    )
)]
pub struct Subnet {
    /// The VPC that holds the subnet.
    #[field(replace, identity)]
    pub vpc_id: Id<Vpc>,
    /// The addresses of the subnet: inside the VPC's block, apart from those of the other subnets, a prefix of /16 to
    /// /28. AWS keeps five of them for itself.
    #[field(replace, identity, clashes = overlapping)]
    pub cidr_block: Cidr,
    /// The zone.
    #[field(replace)]
    pub availability_zone: AvailabilityZone,
    /// What the host names of instances are made from.
    #[field(default = HostnameType::IpName, terraform = "private_dns_hostname_type_on_launch")]
    pub private_dns_hostname_type: HostnameType,
    /// Whether host names that are made from resource names resolve to addresses.
    #[field(default = false, terraform = "enable_resource_name_dns_a_record_on_launch")]
    pub resource_name_dns_a_record: bool,
    /// Whether what starts in the subnet gets a public address. No setter leads here.
    #[field(default = false, private)]
    pub map_public_ip_on_launch: bool,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`Subnet`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SubnetAttributes {
    /// The ARN.
    pub arn: Arn,
}

impl Subnet {
    /// A subnet without public addresses.
    pub fn private(
        vpc: impl IntoInput<Id<Vpc>>,
        cidr_block: impl IntoInput<Cidr>,
        availability_zone: impl IntoInput<AvailabilityZone>,
    ) -> SubnetBuilder<Given<7>> {
        // The default is set once more, so that the promise does not hang on the default.
        Self::builder()
            .vpc_id(vpc)
            .cidr_block(cidr_block)
            .availability_zone(availability_zone)
            .set_map_public_ip_on_launch(false)
    }

    /// The private subnet of an [`address_plan!`](crate::address_plan), in which the addresses were checked when the program
    /// was compiled.
    pub fn planned(vpc: impl IntoInput<Id<Vpc>>, plan: PlannedSubnet) -> SubnetBuilder<Given<7>> {
        Self::private(vpc, plan.cidr_block, plan.availability_zone)
    }
}

fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(subnet) = stack.declared(node) else { return Vec::new() };
    [outside, overlap, region].into_iter().filter_map(|check| check(subnet)).collect()
}

/// The addresses of a subnet are inside those of its VPC.
fn outside(subnet: Declared<'_, Subnet>) -> Option<Finding> {
    let vpc = subnet.vpc_id().target()?;
    let (own, of_vpc) = (subnet.cidr_block().known()?, vpc.cidr_block().known()?);
    (!of_vpc.contains(own)).then(|| {
        let message = format!("the addresses {own} are outside of {}", vpc.address());
        let finding = subnet.finding(&message, &format!("choose a block inside {of_vpc}"));
        finding.also(&vpc, format!("has the addresses {of_vpc}"))
    })
}

/// Two subnets of a VPC have no address in common. Of each pair the later one is found.
fn overlap(subnet: Declared<'_, Subnet>) -> Option<Finding> {
    let own = subnet.cidr_block().known()?;
    let siblings = in_one_vpc(subnet, |it| it.vpc_id()).into_iter();
    let mut earlier = siblings.take_while(|other| *other != subnet);
    let (other, taken) = earlier.find_map(|other| {
        let taken = other.cidr_block().known()?;
        taken.overlaps(own).then_some((other, taken))
    })?;
    // The same block twice is found already, as one identity.
    (taken != own).then(|| {
        let message = format!("the addresses {own} overlap those of {}", other.address());
        let finding = subnet.finding(&message, "give each subnet of a VPC addresses of its own");
        finding.also(&other, format!("has the addresses {taken}"))
    })
}

/// The zones of one stack are of one region, as a stack is applied to one.
fn region(subnet: Declared<'_, Subnet>) -> Option<Finding> {
    let zone = |subnet: Declared<'_, Subnet>| subnet.availability_zone().known();
    let own = zone(subnet)?;
    let (first, other) = subnet.stack().resources().find_map(|first| Some((first, zone(first)?)))?;
    (own.region() != other.region()).then(|| {
        let message = format!("the zone is in {}, and that of {} in {}", own.region(), first.address(), other.region());
        let finding = subnet.finding(&message, "declare what stands in another region in a stack of its own");
        finding.also(&first, format!("is in {}", other.region()))
    })
}

/// Two subnets of a VPC have no address in common at any time.
fn overlapping(a: &Json, b: &Json) -> bool {
    let block = |json: &Json| Cidr::reported(json.as_str()?);
    block(a).zip(block(b)).is_some_and(|(a, b)| a.overlaps(b))
}

impl Lifecycle for Subnet {
    type Observed = SubnetObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeSubnets::CALL.together()],
        find: &[DescribeSubnets::CALL.as_needed()],
        create: &[CreateSubnet::CALL.once()],
        converge: &[
            DescribeSubnets::CALL.as_needed(),
            ModifySubnetAttribute::CALL.up_to(3).on(&[
                "map_public_ip_on_launch",
                "private_dns_hostname_type",
                "resource_name_dns_a_record",
            ]),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteSubnet::CALL.once()],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(5, 5, 2);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self {
            vpc_id,
            cidr_block,
            availability_zone,
            tags,
            private_dns_hostname_type: _,
            resource_name_dns_a_record: _,
            map_public_ip_on_launch: _,
        } = self;
        let request = CreateSubnet {
            vpc_id: vpc_id.clone(),
            cidr_block: *cidr_block,
            availability_zone: availability_zone.clone(),
            tags: tags.owned_by(token),
        };
        Ok(aws.call(request).await?.subnet_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let found = aws.call(DescribeSubnets { select: Select::Token(token.digest.clone()) }).await?;
        Ok(found.subnets.into_iter().next().map(|subnet| subnet.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeSubnets { select: Select::Ids(ids.to_vec()) }).await?.subnets;
        Ok(in_order(ids, found, |subnet| &subnet.id).into_iter().map(|subnet| subnet.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || {
            let found = aws.call(DescribeSubnets { select: Select::Ids(vec![id.clone()]) }).await?;
            Ok(found.subnets.into_iter().next())
        };
        let is_available = |subnet: SubnetDescription| Ok((subnet.state == "available").then_some(subnet));
        let words = (id.as_str(), "to be available");
        let subnet = settle(aws, words, VISIBLE, previous.is_some(), describe, is_available).await?;
        let attributes = [
            (subnet.map_public_ip_on_launch != self.map_public_ip_on_launch)
                .then_some(SubnetAttribute::MapPublicIpOnLaunch(self.map_public_ip_on_launch)),
            (subnet.private_dns_hostname_type != self.private_dns_hostname_type)
                .then_some(SubnetAttribute::PrivateDnsHostnameType(self.private_dns_hostname_type)),
            (subnet.resource_name_dns_a_record != self.resource_name_dns_a_record)
                .then_some(SubnetAttribute::ResourceNameDnsARecord(self.resource_name_dns_a_record)),
        ];
        // EC2 takes one attribute in a call.
        for attribute in attributes.into_iter().flatten() {
            aws.call(ModifySubnetAttribute { subnet_id: id.clone(), attribute }).await?;
        }
        sync_ec2_tags(aws, id.as_str(), &self.tags, &subnet.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteSubnet { subnet_id: id.clone() }).await.map(drop)
    }
}

fn snapshot(subnet: SubnetDescription) -> Snapshot<SubnetObserved, SubnetAttributes> {
    let fields = SubnetObserved {
        vpc_id: Some(subnet.vpc_id),
        cidr_block: Some(subnet.cidr_block),
        availability_zone: Some(subnet.availability_zone),
        private_dns_hostname_type: Some(subnet.private_dns_hostname_type),
        resource_name_dns_a_record: Some(subnet.resource_name_dns_a_record),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        tags: Some(subnet.tags.declared()),
    };
    Snapshot { fields, attributes: SubnetAttributes { arn: subnet.arn } }
}
