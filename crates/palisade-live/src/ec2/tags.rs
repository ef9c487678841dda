//! Tags, which EC2 has for all its objects alike.

use aws_sdk_ec2::{
    Client,
    types::{self, ResourceType, Tag, TagSpecification},
};
use palisade_aws::{
    operations::{CreateTags, CreateTagsOutput, DeleteTags, DeleteTagsOutput, DescribeTags, DescribeTagsOutput},
    shapes::{SelectTags, TagDescription},
    types::Tags,
};

use super::{Ec2, PAGE, VALUES, describe, one_of};
use crate::{
    answer::{each, present},
    failure::Failure,
    service::Call,
};

const STACK: &str = "palisade:stack";
const RESOURCE: &str = "palisade:resource";
const TOKEN: &str = "palisade:token";

impl Call for DescribeTags {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeTagsOutput, Failure> {
        let questions = match &self.select {
            SelectTags::OfStack(stack) => vec![vec![one_of("key", [STACK]), one_of("value", [stack.as_str()])]],
            SelectTags::OfObjects(ids) => {
                let keys = || one_of("key", [STACK, RESOURCE, TOKEN]);
                let chunks = ids.chunks(VALUES);
                chunks.map(|ids| vec![keys(), one_of("resource-id", ids.iter().map(String::as_str))]).collect()
            }
        };
        let found = describe(questions, async |filters, token| {
            let request = ec2.sdk.describe_tags().set_filters(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.tags, page.next_token))
        });
        let mut tags = each(found.await?, |tag: types::TagDescription| {
            Ok(TagDescription {
                resource_id: present(tag.resource_id, "resourceId")?,
                key: present(tag.key, "key")?,
                value: tag.value.unwrap_or_default(),
            })
        })?;
        // What stands in for AWS may not know each filter, and then answers with everything.
        tags.retain(|tag| match &self.select {
            SelectTags::OfStack(stack) => tag.key == STACK && tag.value == *stack,
            SelectTags::OfObjects(ids) => ids.contains(&tag.resource_id),
        });
        Ok(DescribeTagsOutput { tags })
    }
}

impl Call for CreateTags {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateTagsOutput, Failure> {
        let Self { resource_id, tags } = self;
        ec2.call(ec2.sdk.create_tags().resources(resource_id).set_tags(Some(sent(&tags))).send()).await?;
        Ok(CreateTagsOutput {})
    }
}

impl Call for DeleteTags {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteTagsOutput, Failure> {
        let Self { resource_id, keys } = self;
        // Without a value, a tag is deleted whatever its value is.
        let keys = keys.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        ec2.call(ec2.sdk.delete_tags().resources(resource_id).set_tags(Some(keys)).send()).await?;
        Ok(DeleteTagsOutput {})
    }
}

/// The tags of an object that is created.
pub(super) fn created(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(sent(tags))).build()
}

fn sent(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags of an object that was read.
pub(super) fn read(tags: Option<Vec<Tag>>) -> Tags {
    let pairs = tags.into_iter().flatten();
    Tags::reported(pairs.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect())
}
