//! Subnet groups of ElastiCache.

use std::collections::BTreeSet;

use palisade_aws::{
    operations::{
        CreateCacheSubnetGroup, CreateCacheSubnetGroupOutput, DeleteCacheSubnetGroup, DeleteCacheSubnetGroupOutput,
        DescribeCacheSubnetGroups, DescribeCacheSubnetGroupsOutput, ModifyCacheSubnetGroup,
        ModifyCacheSubnetGroupOutput,
    },
    shapes::CacheSubnetGroupDescription,
    types::{Arn, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    ids::{SubnetGroupId, SubnetId, VpcId, cache_arn, id, identifier},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many subnets a group has at most.
const SUBNETS: usize = 20;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SubnetGroup {
    pub(crate) description: String,
    pub(crate) vpc: VpcId,
    pub(crate) subnets: BTreeSet<SubnetId>,
    pub(crate) arn: Arn,
    pub(crate) tags: Tags,
}

impl Account {
    pub(crate) fn create_cache_subnet_group(
        &mut self,
        call: CreateCacheSubnetGroup,
    ) -> Answer<CreateCacheSubnetGroupOutput> {
        let CreateCacheSubnetGroup { name, description, subnet_ids, tags } = call;
        tags::check_cache(&tags)?;
        let name = identifier("CacheSubnetGroupName", &name, 255)?;
        require(name != "default", "InvalidParameterValue", || {
            "The subnet group name default is reserved.".to_owned()
        })?;
        let key: SubnetGroupId = id(name.as_str());
        require(!self.subnet_groups.contains_key(&key), "CacheSubnetGroupAlreadyExists", || {
            format!("Cache Subnet Group {name} already exists.")
        })?;
        let vpc = self.vpc_of_subnets(&subnet_ids)?;
        let arn = cache_arn(&self.region, "subnetgroup", &name);
        self.subnet_groups.insert(key, SubnetGroup { description, vpc, subnets: subnet_ids, arn, tags });
        Ok(CreateCacheSubnetGroupOutput {})
    }

    /// The one VPC of the subnets, if a group can have them.
    fn vpc_of_subnets(&self, subnets: &BTreeSet<SubnetId>) -> Answer<VpcId> {
        require(subnets.len() <= SUBNETS, "CacheSubnetQuotaExceededFault", || {
            format!("The request would exceed the limit of {SUBNETS} subnets in a cache subnet group.")
        })?;
        let mut vpc: Option<&VpcId> = None;
        for subnet in subnets {
            let Ok(found) = self.subnet(subnet) else {
                return refuse("InvalidSubnet", format!("The subnet ID '{subnet}' does not exist."));
            };
            if **vpc.get_or_insert(&found.vpc) != found.vpc {
                return refuse("InvalidSubnet", "All subnets of a cache subnet group must belong to the same VPC.");
            }
        }
        match vpc {
            Some(vpc) => Ok(vpc.clone()),
            None => refuse("InvalidParameterValue", "At least one subnet is required."),
        }
    }

    pub(crate) fn describe_cache_subnet_groups(
        &mut self,
        call: DescribeCacheSubnetGroups,
    ) -> Answer<DescribeCacheSubnetGroupsOutput> {
        let groups = self.subnet_groups.iter().filter(|(name, _)| call.ids.contains(name));
        let describe = |(name, group): (&SubnetGroupId, &SubnetGroup)| CacheSubnetGroupDescription {
            name: name.clone(),
            description: group.description.clone(),
            vpc_id: group.vpc.clone(),
            subnet_ids: group.subnets.clone(),
            arn: group.arn.clone(),
        };
        Ok(DescribeCacheSubnetGroupsOutput { groups: groups.map(describe).collect() })
    }

    pub(crate) fn modify_cache_subnet_group(
        &mut self,
        call: ModifyCacheSubnetGroup,
    ) -> Answer<ModifyCacheSubnetGroupOutput> {
        let ModifyCacheSubnetGroup { name, description, subnet_ids } = call;
        let group = self.subnet_group(&name)?;
        let vpc = self.vpc_of_subnets(&subnet_ids)?;
        // Nodes only count; an interface that lingers belongs to none.
        let holds_node = |subnet: &SubnetId| {
            let users = self.replication_groups.values().filter(|user| user.subnet_group == name);
            users.flat_map(|user| user.members.values()).any(|member| member.subnet == *subnet)
        };
        if let Some(used) = group.subnets.difference(&subnet_ids).find(|subnet| holds_node(subnet)) {
            return refuse("SubnetInUse", format!("The subnet ID '{used}' is in use by a cache cluster."));
        }
        if let Some(group) = self.subnet_groups.get_mut(&name) {
            (group.description, group.subnets, group.vpc) = (description, subnet_ids, vpc);
        }
        Ok(ModifyCacheSubnetGroupOutput {})
    }

    pub(crate) fn delete_cache_subnet_group(
        &mut self,
        call: DeleteCacheSubnetGroup,
    ) -> Answer<DeleteCacheSubnetGroupOutput> {
        self.subnet_group(&call.name)?;
        let is_used = self.replication_groups.values().any(|group| group.subnet_group == call.name);
        require(!is_used, "CacheSubnetGroupInUse", || {
            format!("Cache subnet group {} is currently in use by a cache cluster.", call.name)
        })?;
        self.subnet_groups.remove(&call.name);
        Ok(DeleteCacheSubnetGroupOutput {})
    }

    /// The subnet group `name`.
    pub(crate) fn subnet_group(&self, name: &SubnetGroupId) -> Answer<&SubnetGroup> {
        known(self.subnet_groups.get(name), "CacheSubnetGroupNotFoundFault", || {
            format!("Cache Subnet Group {name} does not exist.")
        })
    }
}
