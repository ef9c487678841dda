//! Subnet groups.

use aws_sdk_elasticache::{Client, types};
use palisade_aws::{
    operations::{
        CreateCacheSubnetGroup, CreateCacheSubnetGroupOutput, DeleteCacheSubnetGroup, DeleteCacheSubnetGroupOutput,
        DescribeCacheSubnetGroups, DescribeCacheSubnetGroupsOutput, ModifyCacheSubnetGroup,
        ModifyCacheSubnetGroupOutput,
    },
    shapes::CacheSubnetGroupDescription,
    types::Arn,
};

use super::{ElastiCache, PAGE, describe, tags};
use crate::{
    answer::{each, id, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateCacheSubnetGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<CreateCacheSubnetGroupOutput, Failure> {
        let Self { name, description, subnet_ids, tags } = self;
        let request = cache
            .sdk
            .create_cache_subnet_group()
            .cache_subnet_group_name(name.as_str())
            .cache_subnet_group_description(description)
            .set_subnet_ids(Some(subnet_ids.iter().map(ToString::to_string).collect()))
            .set_tags(tags::sent(&tags));
        cache.call(request.send()).await?;
        Ok(CreateCacheSubnetGroupOutput {})
    }
}

impl Call for DescribeCacheSubnetGroups {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeCacheSubnetGroupsOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_cache_subnet_groups().set_cache_subnet_group_name(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.cache_subnet_groups, page.marker))
        };
        let found = describe(self.ids, ask, |group: &types::CacheSubnetGroup| group.cache_subnet_group_name.as_ref());
        Ok(DescribeCacheSubnetGroupsOutput { groups: each(found.await?, description)? })
    }
}

fn description(group: types::CacheSubnetGroup) -> Result<CacheSubnetGroupDescription, Failure> {
    let subnets = group.subnets.unwrap_or_default();
    Ok(CacheSubnetGroupDescription {
        name: id(group.cache_subnet_group_name, "CacheSubnetGroupName")?,
        description: group.cache_subnet_group_description.unwrap_or_default(),
        vpc_id: id(group.vpc_id, "VpcId")?,
        subnet_ids: each(subnets, |subnet| id(subnet.subnet_identifier, "SubnetIdentifier"))?.into_iter().collect(),
        arn: Arn::reported(present(group.arn, "ARN")?),
    })
}

impl Call for ModifyCacheSubnetGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyCacheSubnetGroupOutput, Failure> {
        let Self { name, description, subnet_ids } = self;
        let request = cache
            .sdk
            .modify_cache_subnet_group()
            .cache_subnet_group_name(name.as_str())
            .cache_subnet_group_description(description)
            .set_subnet_ids(Some(subnet_ids.iter().map(ToString::to_string).collect()));
        cache.call(request.send()).await?;
        Ok(ModifyCacheSubnetGroupOutput {})
    }
}

impl Call for DeleteCacheSubnetGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DeleteCacheSubnetGroupOutput, Failure> {
        cache.call(cache.sdk.delete_cache_subnet_group().cache_subnet_group_name(self.name.as_str()).send()).await?;
        Ok(DeleteCacheSubnetGroupOutput {})
    }
}
