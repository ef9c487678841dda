//! Tags, which no description of ElastiCache has.

use aws_sdk_elasticache::{Client, types::Tag};
use palisade_aws::{
    operations::{
        AddTagsToResource, AddTagsToResourceOutput, ListTagsForResource, ListTagsForResourceOutput,
        RemoveTagsFromResource, RemoveTagsFromResourceOutput,
    },
    types::Tags,
};

use super::ElastiCache;
use crate::{failure::Failure, service::Call};

impl Call for ListTagsForResource {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ListTagsForResourceOutput, Failure> {
        let answer = cache.call(cache.sdk.list_tags_for_resource().resource_name(self.arn.as_str()).send()).await?;
        let pairs = answer.tag_list.into_iter().flatten();
        let tags = pairs.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
        Ok(ListTagsForResourceOutput { tags: Tags::reported(tags) })
    }
}

impl Call for AddTagsToResource {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<AddTagsToResourceOutput, Failure> {
        let Self { arn, tags } = self;
        let request = cache.sdk.add_tags_to_resource().resource_name(arn.as_str()).set_tags(sent(&tags));
        cache.call(request.send()).await?;
        Ok(AddTagsToResourceOutput {})
    }
}

impl Call for RemoveTagsFromResource {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<RemoveTagsFromResourceOutput, Failure> {
        let Self { arn, keys } = self;
        let request = cache.sdk.remove_tags_from_resource().resource_name(arn.as_str()).set_tag_keys(Some(keys));
        cache.call(request.send()).await?;
        Ok(RemoveTagsFromResourceOutput {})
    }
}

/// Tags as a request takes them.
pub(super) fn sent(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}
