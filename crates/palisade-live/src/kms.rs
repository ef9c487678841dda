//! KMS.

use aws_sdk_kms::{Client, types::Tag};
use palisade_aws::{
    operations::{
        CreateAlias, CreateAliasOutput, CreateKey, CreateKeyOutput, DeleteAlias, DeleteAliasOutput, DescribeKey,
        DescribeKeyOutput, EnableKeyRotation, EnableKeyRotationOutput, GetKeyPolicy, GetKeyPolicyOutput,
        GetKeyRotationStatus, GetKeyRotationStatusOutput, ListAliases, ListAliasesOutput, ListKeys, ListKeysOutput,
        ListResourceTags, ListResourceTagsOutput, PutKeyPolicy, PutKeyPolicyOutput, ScheduleKeyDeletion,
        ScheduleKeyDeletionOutput, TagKey, TagKeyOutput, UntagKey, UntagKeyOutput, UpdateKeyDescription,
        UpdateKeyDescriptionOutput,
    },
    shapes::KeyDescription,
    types::{KmsAlias, RotationPeriod, Tags},
};

use crate::{
    answer::{each, id, known, pages, present},
    failure::Failure,
    service::{Call, Service},
};

type Kms = Service<Client>;

impl Call for CreateKey {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<CreateKeyOutput, Failure> {
        let request = kms.sdk.create_key().set_description(self.description).set_tags(Some(sent(&self.tags)?));
        let key = present(kms.call(request.send()).await?.key_metadata, "KeyMetadata")?;
        Ok(CreateKeyOutput { arn: id(key.arn, "Arn")? })
    }
}

impl Call for DescribeKey {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<DescribeKeyOutput, Failure> {
        let answer = kms.call(kms.sdk.describe_key().key_id(self.key_id).send()).await?;
        let key = present(answer.key_metadata, "KeyMetadata")?;
        let key = KeyDescription {
            arn: id(key.arn, "Arn")?,
            description: key.description.unwrap_or_default(),
            state: present(key.key_state, "KeyState")?.as_str().to_owned(),
        };
        Ok(DescribeKeyOutput { key })
    }
}

impl Call for ListKeys {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<ListKeysOutput, Failure> {
        let keys = pages(async |marker| {
            let answer = kms.call(kms.sdk.list_keys().set_marker(marker).send()).await?;
            Ok((answer.keys, answer.next_marker))
        });
        Ok(ListKeysOutput { keys: each(keys.await?, |key| id(key.key_arn, "KeyArn"))? })
    }
}

impl Call for UpdateKeyDescription {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<UpdateKeyDescriptionOutput, Failure> {
        let request = kms.sdk.update_key_description().key_id(self.key_id.as_str()).description(self.description);
        kms.call(request.send()).await?;
        Ok(UpdateKeyDescriptionOutput {})
    }
}

impl Call for GetKeyPolicy {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<GetKeyPolicyOutput, Failure> {
        let request = kms.sdk.get_key_policy().key_id(self.key_id.as_str()).policy_name("default");
        Ok(GetKeyPolicyOutput { policy: present(kms.call(request.send()).await?.policy, "Policy")? })
    }
}

impl Call for PutKeyPolicy {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<PutKeyPolicyOutput, Failure> {
        let request = kms.sdk.put_key_policy().key_id(self.key_id.as_str()).policy_name("default").policy(self.policy);
        kms.call(request.send()).await?;
        Ok(PutKeyPolicyOutput {})
    }
}

impl Call for GetKeyRotationStatus {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<GetKeyRotationStatusOutput, Failure> {
        let answer = kms.call(kms.sdk.get_key_rotation_status().key_id(self.key_id.as_str()).send()).await?;
        if !answer.key_rotation_enabled {
            return Ok(GetKeyRotationStatusOutput { period: None });
        }
        let days = present(answer.rotation_period_in_days, "RotationPeriodInDays")?;
        let days = known(Some(days.to_string()), "RotationPeriodInDays", |days| days.parse().ok())?;
        Ok(GetKeyRotationStatusOutput { period: Some(RotationPeriod::reported(days)) })
    }
}

impl Call for EnableKeyRotation {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<EnableKeyRotationOutput, Failure> {
        let request = kms.sdk.enable_key_rotation().key_id(self.key_id.as_str());
        kms.call(request.rotation_period_in_days(self.period.get().into()).send()).await?;
        Ok(EnableKeyRotationOutput {})
    }
}

impl Call for CreateAlias {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<CreateAliasOutput, Failure> {
        let request = kms.sdk.create_alias().alias_name(self.alias.as_str()).target_key_id(self.key_id.as_str());
        kms.call(request.send()).await?;
        Ok(CreateAliasOutput {})
    }
}

impl Call for ListAliases {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<ListAliasesOutput, Failure> {
        let aliases = pages(async |marker| {
            let request = kms.sdk.list_aliases().key_id(self.key_id.as_str()).set_marker(marker);
            let answer = kms.call(request.send()).await?;
            Ok((answer.aliases, answer.next_marker))
        });
        let alias = |alias: Option<String>| present(alias, "AliasName").map(KmsAlias::reported);
        Ok(ListAliasesOutput { aliases: each(aliases.await?, |entry| alias(entry.alias_name))? })
    }
}

impl Call for DeleteAlias {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<DeleteAliasOutput, Failure> {
        kms.call(kms.sdk.delete_alias().alias_name(self.alias.as_str()).send()).await?;
        Ok(DeleteAliasOutput {})
    }
}

impl Call for ListResourceTags {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<ListResourceTagsOutput, Failure> {
        let tags = pages(async |marker| {
            let request = kms.sdk.list_resource_tags().key_id(self.key_id.as_str()).set_marker(marker);
            let answer = kms.call(request.send()).await?;
            Ok((answer.tags, answer.next_marker))
        });
        let tags = tags.await?.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect();
        Ok(ListResourceTagsOutput { tags: Tags::reported(tags) })
    }
}

impl Call for TagKey {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<TagKeyOutput, Failure> {
        let request = kms.sdk.tag_resource().key_id(self.key_id.as_str()).set_tags(Some(sent(&self.tags)?));
        kms.call(request.send()).await?;
        Ok(TagKeyOutput {})
    }
}

impl Call for UntagKey {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<UntagKeyOutput, Failure> {
        let request = kms.sdk.untag_resource().key_id(self.key_id.as_str()).set_tag_keys(Some(self.keys));
        kms.call(request.send()).await?;
        Ok(UntagKeyOutput {})
    }
}

impl Call for ScheduleKeyDeletion {
    type Client = Client;

    async fn send(self, kms: &Kms) -> Result<ScheduleKeyDeletionOutput, Failure> {
        let request = kms.sdk.schedule_key_deletion().key_id(self.key_id.as_str());
        kms.call(request.pending_window_in_days(self.window.get().into()).send()).await?;
        Ok(ScheduleKeyDeletionOutput {})
    }
}

fn sent(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    // The SDK refuses a tag without a key or a value, of which there are none here.
    let tag = |(key, value)| Tag::builder().tag_key(key).tag_value(value).build().map_err(|_| Failure::Unsendable);
    tags.iter().map(tag).collect()
}
