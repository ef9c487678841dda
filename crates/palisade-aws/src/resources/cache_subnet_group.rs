//! [`CacheSubnetGroup`].

mod rules;

use std::collections::BTreeSet;

use palisade_core::{
    Attributes, Declared, Finding, Id, IdRules, Json, JsonMap, Node, Resource, Stack,
    provider::{ProviderError, Repeated, Token},
};
use serde::{Deserialize, Serialize};

use super::{Subnet, Vpc};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{RELEASED, appear, in_order, named, sighted, sync_cache_tags, taken},
    operations::{
        AddTagsToResource, CreateCacheSubnetGroup, DeleteCacheSubnetGroup, DescribeCacheSubnetGroups,
        ListTagsForResource, ModifyCacheSubnetGroup, Operation, RemoveTagsFromResource,
    },
    shapes::CacheSubnetGroupDescription,
    types::{Arn, Name, Tags},
};

/// The subnets that the nodes of a cache stand in: up to 20, all of one VPC, and of two zones at least for a Multi-AZ cache.
///
/// AWS: [CreateCacheSubnetGroup](https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheSubnetGroup.html)
///
/// ```
/// use palisade_aws::{az, cidr, name, resources::{CacheSubnetGroup, Subnet, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// # let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
/// # let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
/// let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_elasticache_subnet_group",
    rules = rules::RULES,
    attributes = CacheSubnetGroupAttributes,
    ids = SUBNET_GROUPS,
    check = check
)]
pub struct CacheSubnetGroup {
    /// The name.
    #[field(replace, identity)]
    pub name: Name,
    /// What the group is for.
    #[field(default = "Managed by Palisade".to_owned())]
    pub description: String,
    /// The subnets.
    #[field(occupied = holds_node)]
    pub subnet_ids: BTreeSet<Id<Subnet>>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`CacheSubnetGroup`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CacheSubnetGroupAttributes {
    /// The ARN.
    pub arn: Arn,
    /// The VPC of the subnets.
    #[attribute(changes_with("subnet_ids"))]
    pub vpc_id: Id<Vpc>,
}

/// The subnet group that a cache gets which names none.
const SUBNET_GROUPS: IdRules = IdRules {
    refused: &[(
        "default",
        "the subnet group `default` stands in the default VPC, whose subnets have a route to the internet: \
         add a `CacheSubnetGroup` of private subnets, and name that",
    )],
    ..IdRules::NONE
};

/// Whether a node of a cache may stand in a subnet: one of its nodes is in the zone, or AWS does not tell where they are.
fn holds_node(subnet: &JsonMap, cache: &JsonMap) -> bool {
    let zones = cache.get("node_zones").and_then(Json::as_array).filter(|zones| !zones.is_empty());
    zones.is_none_or(|zones| subnet.get("availability_zone").is_none_or(|zone| zones.contains(zone)))
}

/// How many subnets a group has at most.
const MOST: usize = 20;

fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(group) = stack.declared(node) else { return Vec::new() };
    [named_default, described, count, networks].into_iter().filter_map(|check| check(group)).collect()
}

fn named_default(group: Declared<'_, CacheSubnetGroup>) -> Option<Finding> {
    (group.name().known()?.as_str() == "default").then(|| {
        let message = "the subnet group `default` is the one of the account, in the default VPC";
        group.finding(message, "choose another name")
    })
}

fn described(group: Declared<'_, CacheSubnetGroup>) -> Option<Finding> {
    group.description().known()?.trim().is_empty().then(|| {
        let message = "the description is empty, and ElastiCache refuses a group without one";
        group.finding(message, "say what the group is for, or leave `.description(..)` out")
    })
}

fn count(group: Declared<'_, CacheSubnetGroup>) -> Option<Finding> {
    let count = group.subnet_ids().items()?.len();
    (!(1..=MOST).contains(&count)).then(|| {
        let message = format!("a subnet group has 1 to {MOST} subnets, and this one has {count}");
        group.finding(&message, "name its subnets with `.subnet_ids([&a, &b])`")
    })
}

fn networks(group: Declared<'_, CacheSubnetGroup>) -> Option<Finding> {
    let first = group.subnet_ids().targets().next()?;
    let other = group.subnet_ids().targets().find(|subnet| subnet.vpc_id() != first.vpc_id())?;
    let message = format!("{} and {} are in two VPCs", first.address(), other.address());
    Some(group.finding(&message, "the subnets of a group are all of one VPC").also(&other, "in another VPC"))
}

impl Lifecycle for CacheSubnetGroup {
    type Observed = CacheSubnetGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeCacheSubnetGroups::CALL.together()],
        find: &[DescribeCacheSubnetGroups::CALL.as_needed(), ListTagsForResource::CALL.as_needed()],
        create: &[CreateCacheSubnetGroup::CALL.once()],
        converge: &[
            DescribeCacheSubnetGroups::CALL.as_needed(),
            ModifyCacheSubnetGroup::CALL.up_to(1).carried(&["description", "subnet_ids"]),
            ListTagsForResource::CALL.as_needed().carried(&["tags"]),
            AddTagsToResource::CALL.up_to(1).carried(&["tags"]),
            RemoveTagsFromResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteCacheSubnetGroup::CALL.once()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(2, 2, 2);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { name, description, subnet_ids, tags } = self;
        let request = CreateCacheSubnetGroup {
            name: name.clone(),
            description: description.clone(),
            subnet_ids: subnet_ids.clone(),
            tags: tags.owned_by(token),
        };
        aws.call(request).await.map_err(taken)?;
        named(name.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.name.as_str())?;
        match describe(aws, std::slice::from_ref(&id)).await?.pop() {
            Some(group) => sighted(aws, id, &group.arn, token).await,
            None => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let snapshot = |group: CacheSubnetGroupDescription| Snapshot {
            fields: CacheSubnetGroupObserved {
                name: Some(Name::reported(group.name.as_str())),
                description: Some(group.description),
                subnet_ids: Some(group.subnet_ids),
                tags: None,
            },
            attributes: CacheSubnetGroupAttributes { arn: group.arn, vpc_id: group.vpc_id },
        };
        let groups = in_order(ids, describe(aws, ids).await?, |group| &group.name).into_iter();
        Ok(groups.map(|group| group.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || Ok(describe(aws, std::slice::from_ref(id)).await?.pop());
        let group = appear(aws, &format!("the subnet group {id}"), previous.is_some(), describe).await?;
        if group.description != self.description || group.subnet_ids != self.subnet_ids {
            let request = ModifyCacheSubnetGroup {
                name: id.clone(),
                description: self.description.clone(),
                subnet_ids: self.subnet_ids.clone(),
            };
            aws.call(request).await?;
        }
        sync_cache_tags(aws, &group.arn, &self.tags, previous.map(|previous| &previous.tags)).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteCacheSubnetGroup { name: id.clone() }).await.map(drop)
    }
}

async fn describe(aws: &Aws, ids: &[Id<CacheSubnetGroup>]) -> Result<Vec<CacheSubnetGroupDescription>, ProviderError> {
    Ok(aws.call(DescribeCacheSubnetGroups { ids: ids.to_vec() }).await?.groups)
}
