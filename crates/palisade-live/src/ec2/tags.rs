//! Tags, which EC2 has for all its objects alike.

use aws_sdk_ec2::{
    Client,
    types::{ResourceType, Tag, TagSpecification},
};
use palisade_aws::{
    operations::{CreateTags, CreateTagsOutput, DeleteTags, DeleteTagsOutput},
    types::Tags,
};

use super::Ec2;
use crate::{failure::Failure, service::Call};

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
