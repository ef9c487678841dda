//! Parameter groups.

use aws_sdk_elasticache::{
    Client,
    types::{self, ParameterNameValue},
};
use palisade_aws::{
    operations::{
        CreateCacheParameterGroup, CreateCacheParameterGroupOutput, DeleteCacheParameterGroup,
        DeleteCacheParameterGroupOutput, DescribeCacheParameterGroups, DescribeCacheParameterGroupsOutput,
        DescribeCacheParameters, DescribeCacheParametersOutput, ModifyCacheParameterGroup,
        ModifyCacheParameterGroupOutput, ResetCacheParameterGroup, ResetCacheParameterGroupOutput,
    },
    shapes::CacheParameterGroupDescription,
    types::Arn,
};

use super::{ElastiCache, PAGE, describe, tags};
use crate::{
    answer::{each, id, pages, present},
    failure::Failure,
    service::Call,
};

/// ElastiCache's word for the source of a parameter that somebody set.
const USER: &str = "user";

impl Call for CreateCacheParameterGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<CreateCacheParameterGroupOutput, Failure> {
        let Self { name, family, description, tags } = self;
        let request = cache
            .sdk
            .create_cache_parameter_group()
            .cache_parameter_group_name(name.as_str())
            .cache_parameter_group_family(family.as_str())
            .description(description)
            .set_tags(tags::sent(&tags));
        cache.call(request.send()).await?;
        Ok(CreateCacheParameterGroupOutput {})
    }
}

impl Call for DescribeCacheParameterGroups {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeCacheParameterGroupsOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_cache_parameter_groups().set_cache_parameter_group_name(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.cache_parameter_groups, page.marker))
        };
        let found =
            describe(self.ids, ask, |group: &types::CacheParameterGroup| group.cache_parameter_group_name.as_ref());
        Ok(DescribeCacheParameterGroupsOutput { groups: each(found.await?, description)? })
    }
}

fn description(group: types::CacheParameterGroup) -> Result<CacheParameterGroupDescription, Failure> {
    Ok(CacheParameterGroupDescription {
        name: id(group.cache_parameter_group_name, "CacheParameterGroupName")?,
        family: present(group.cache_parameter_group_family, "CacheParameterGroupFamily")?,
        description: group.description.unwrap_or_default(),
        arn: Arn::reported(present(group.arn, "ARN")?),
    })
}

impl Call for DescribeCacheParameters {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeCacheParametersOutput, Failure> {
        let found = pages(async |marker| {
            let request = cache.sdk.describe_cache_parameters().cache_parameter_group_name(self.name.as_str());
            // Without the source, the answer has the family's hundred defaults too.
            let page = cache.call(request.source(USER).max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.parameters, page.marker))
        });
        // What stands in for AWS may answer with all of them nevertheless.
        let set = found.await?.into_iter().filter(|found| found.source.as_deref() == Some(USER));
        let set = set.filter_map(|found| Some((found.parameter_name?, found.parameter_value?)));
        Ok(DescribeCacheParametersOutput { user_parameters: set.collect() })
    }
}

impl Call for ModifyCacheParameterGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyCacheParameterGroupOutput, Failure> {
        let Self { name, parameters } = self;
        let value = |(name, value)| ParameterNameValue::builder().parameter_name(name).parameter_value(value).build();
        let request = cache
            .sdk
            .modify_cache_parameter_group()
            .cache_parameter_group_name(name.as_str())
            .set_parameter_name_values(Some(parameters.into_iter().map(value).collect()));
        cache.call(request.send()).await?;
        Ok(ModifyCacheParameterGroupOutput {})
    }
}

impl Call for ResetCacheParameterGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ResetCacheParameterGroupOutput, Failure> {
        let Self { name, parameter_names } = self;
        let value = |name| ParameterNameValue::builder().parameter_name(name).build();
        let request = cache
            .sdk
            .reset_cache_parameter_group()
            .cache_parameter_group_name(name.as_str())
            .set_parameter_name_values(Some(parameter_names.into_iter().map(value).collect()));
        cache.call(request.send()).await?;
        Ok(ResetCacheParameterGroupOutput {})
    }
}

impl Call for DeleteCacheParameterGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DeleteCacheParameterGroupOutput, Failure> {
        let request = cache.sdk.delete_cache_parameter_group().cache_parameter_group_name(self.name.as_str());
        cache.call(request.send()).await?;
        Ok(DeleteCacheParameterGroupOutput {})
    }
}
