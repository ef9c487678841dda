//! Parameter groups of ElastiCache. What parameters there are is in [`crate::parameters`].

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{
        CreateCacheParameterGroup, CreateCacheParameterGroupOutput, DeleteCacheParameterGroup,
        DeleteCacheParameterGroupOutput, DescribeCacheParameterGroups, DescribeCacheParameterGroupsOutput,
        DescribeCacheParameters, DescribeCacheParametersOutput, ModifyCacheParameterGroup,
        ModifyCacheParameterGroupOutput, ResetCacheParameterGroup, ResetCacheParameterGroupOutput,
    },
    shapes::CacheParameterGroupDescription,
    types::{Arn, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    ids::{ParameterGroupId, cache_arn, id, identifier},
    parameters,
    refusal::{Answer, known, require},
    tags,
};

/// How many parameters one call may name.
const PER_CALL: usize = 20;

/// The families that AWS has default groups for.
const FAMILIES: [&str; 7] = ["redis4.0", "redis5.0", "redis6.x", "redis7", "valkey7", "valkey8", "valkey9"];

/// The parameter that divides the keys of a cache between shards.
const CLUSTER_ENABLED: &str = "cluster-enabled";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ParameterGroup {
    pub(crate) family: String,
    pub(crate) description: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) arn: Arn,
    pub(crate) tags: Tags,
}

impl ParameterGroup {
    /// The groups that AWS owns.
    pub(crate) fn defaults(region: &str) -> BTreeMap<ParameterGroupId, Self> {
        let group = |family: &str, suffix: &str, parameters: BTreeMap<String, String>| {
            let name = format!("default.{family}{suffix}");
            let group = Self {
                family: family.to_owned(),
                description: format!("Default parameter group for {family}"),
                parameters,
                arn: cache_arn(region, "parametergroup", &name),
                tags: Tags::default(),
            };
            (id(name), group)
        };
        let shards = BTreeMap::from([(CLUSTER_ENABLED.to_owned(), "yes".to_owned())]);
        let plain = FAMILIES.into_iter().map(|family| group(family, "", BTreeMap::new()));
        plain.chain(FAMILIES.into_iter().map(|family| group(family, ".cluster.on", shards.clone()))).collect()
    }

    /// Whether caches that use the group divide their keys between shards.
    pub(crate) fn has_shards(&self) -> bool {
        self.parameters.get(CLUSTER_ENABLED).is_some_and(|value| value == "yes")
    }
}

impl Account {
    pub(crate) fn create_cache_parameter_group(
        &mut self,
        call: CreateCacheParameterGroup,
    ) -> Answer<CreateCacheParameterGroupOutput> {
        let CreateCacheParameterGroup { name, family, description, tags } = call;
        tags::check_cache(&tags)?;
        require(!name.as_str().to_ascii_lowercase().starts_with("default"), "InvalidParameterValue", || {
            format!("The parameter group name {name} is reserved: it must not begin with default.")
        })?;
        let name = identifier("CacheParameterGroupName", &name, 255)?;
        require(!description.is_empty(), "InvalidParameterValue", || {
            "The parameter Description must be provided.".to_owned()
        })?;
        let key: ParameterGroupId = id(name.as_str());
        require(!self.parameter_groups.contains_key(&key), "CacheParameterGroupAlreadyExists", || {
            format!("CacheParameterGroup {name} already exists.")
        })?;
        let group = ParameterGroup {
            family: family.as_str().to_owned(),
            description,
            parameters: BTreeMap::new(),
            arn: cache_arn(&self.region, "parametergroup", &name),
            tags,
        };
        self.parameter_groups.insert(key, group);
        Ok(CreateCacheParameterGroupOutput {})
    }

    pub(crate) fn describe_cache_parameter_groups(
        &mut self,
        call: DescribeCacheParameterGroups,
    ) -> Answer<DescribeCacheParameterGroupsOutput> {
        let groups = self.parameter_groups.iter().filter(|(name, _)| call.ids.contains(name));
        let describe = |(name, group): (&ParameterGroupId, &ParameterGroup)| CacheParameterGroupDescription {
            name: name.clone(),
            family: group.family.clone(),
            description: group.description.clone(),
            arn: group.arn.clone(),
        };
        Ok(DescribeCacheParameterGroupsOutput { groups: groups.map(describe).collect() })
    }

    pub(crate) fn describe_cache_parameters(
        &mut self,
        call: DescribeCacheParameters,
    ) -> Answer<DescribeCacheParametersOutput> {
        Ok(DescribeCacheParametersOutput { user_parameters: self.parameter_group(&call.name)?.parameters.clone() })
    }

    pub(crate) fn modify_cache_parameter_group(
        &mut self,
        call: ModifyCacheParameterGroup,
    ) -> Answer<ModifyCacheParameterGroupOutput> {
        let group = self.parameter_group_to_change(&call.name, call.parameters.len())?;
        for (name, value) in &call.parameters {
            parameters::check(&group.family, name, value)?;
        }
        group.parameters.extend(call.parameters);
        Ok(ModifyCacheParameterGroupOutput {})
    }

    pub(crate) fn reset_cache_parameter_group(
        &mut self,
        call: ResetCacheParameterGroup,
    ) -> Answer<ResetCacheParameterGroupOutput> {
        let group = self.parameter_group_to_change(&call.name, call.parameter_names.len())?;
        for name in &call.parameter_names {
            parameters::check_reset(&group.family, name)?;
        }
        group.parameters.retain(|name, _| !call.parameter_names.contains(name));
        Ok(ResetCacheParameterGroupOutput {})
    }

    pub(crate) fn delete_cache_parameter_group(
        &mut self,
        call: DeleteCacheParameterGroup,
    ) -> Answer<DeleteCacheParameterGroupOutput> {
        let name = call.name;
        self.parameter_group(&name)?;
        require(!is_aws_owned(&name), "InvalidParameterValue", || {
            format!("The parameter group {name} is a default group and cannot be deleted.")
        })?;
        let is_used = self.replication_groups.values().any(|group| group.uses_parameter_group(&name));
        require(!is_used, "InvalidCacheParameterGroupState", || {
            format!(
                "One or more cache clusters are still members of this parameter group {name}, so the group cannot be deleted."
            )
        })?;
        self.parameter_groups.remove(&name);
        Ok(DeleteCacheParameterGroupOutput {})
    }

    /// The parameter group `name`.
    pub(crate) fn parameter_group(&self, name: &ParameterGroupId) -> Answer<&ParameterGroup> {
        known(self.parameter_groups.get(name), "CacheParameterGroupNotFound", || {
            format!("CacheParameterGroup not found: {name}")
        })
    }

    fn parameter_group_to_change(&mut self, name: &ParameterGroupId, parameters: usize) -> Answer<&mut ParameterGroup> {
        self.parameter_group(name)?;
        require(!is_aws_owned(name), "InvalidParameterValue", || {
            format!("The parameter group {name} is a default group and cannot be modified.")
        })?;
        require((1..=PER_CALL).contains(&parameters), "InvalidParameterValue", || {
            format!("Between 1 and {PER_CALL} parameters can be modified in one call, and {parameters} are given.")
        })?;
        known(self.parameter_groups.get_mut(name), "CacheParameterGroupNotFound", || {
            format!("CacheParameterGroup not found: {name}")
        })
    }
}

pub(crate) fn is_aws_owned(name: &ParameterGroupId) -> bool {
    name.as_str().starts_with("default.")
}
