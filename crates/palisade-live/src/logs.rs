//! CloudWatch Logs.

use aws_sdk_cloudwatchlogs::Client;
use palisade_aws::{
    operations::{
        AssociateKmsKey, AssociateKmsKeyOutput, CreateLogGroup, CreateLogGroupOutput, DeleteLogGroup,
        DeleteLogGroupOutput, DescribeLogGroups, DescribeLogGroupsOutput, DisassociateKmsKey, DisassociateKmsKeyOutput,
        ListLogGroupTags, ListLogGroupTagsOutput, PutRetentionPolicy, PutRetentionPolicyOutput, TagLogGroup,
        TagLogGroupOutput, UntagLogGroup, UntagLogGroupOutput,
    },
    shapes::LogGroupDescription,
    types::{Arn, KmsKeyArn, LogGroupClass, LogRetention, Tags},
};

use crate::{
    answer::{id, known, pages_until, present},
    failure::Failure,
    service::{Call, Service},
};

type Logs = Service<Client>;

impl Call for CreateLogGroup {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<CreateLogGroupOutput, Failure> {
        let Self { name, kms_key_id, class, tags } = self;
        let request = logs
            .sdk
            .create_log_group()
            .log_group_name(name.as_str())
            .set_kms_key_id(kms_key_id.map(|key| key.to_string()))
            .log_group_class(class.as_str().into())
            .set_tags(Some(pairs(&tags)));
        logs.call(request.send()).await?;
        Ok(CreateLogGroupOutput {})
    }
}

impl Call for DescribeLogGroups {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<DescribeLogGroupsOutput, Failure> {
        let is_it = |name: Option<&str>| name == Some(self.name.as_str());
        // AWS finds groups by how their names begin.
        let groups = pages_until(
            async |token| {
                let request = logs.sdk.describe_log_groups().log_group_name_prefix(self.name.as_str());
                let answer = logs.call(request.set_next_token(token).send()).await?;
                Ok((answer.log_groups, answer.next_token))
            },
            |groups: &[aws_sdk_cloudwatchlogs::types::LogGroup]| {
                groups.iter().any(|group| is_it(group.log_group_name()))
            },
        );
        let Some(group) = groups.await?.into_iter().find(|group| is_it(group.log_group_name())) else {
            return Ok(DescribeLogGroupsOutput { group: None });
        };
        let arn = present(group.arn, "arn")?;
        let days = group.retention_in_days.map(|days| {
            known(Some(days.to_string()), "retentionInDays", |days| days.parse().ok()).map(LogRetention::reported)
        });
        let class = match group.log_group_class {
            // A group that is older than the classes is a standard one.
            None => LogGroupClass::Standard,
            class => known(class, "logGroupClass", LogGroupClass::reported)?,
        };
        let group = LogGroupDescription {
            name: id(group.log_group_name, "logGroupName")?,
            arn: Arn::reported(arn.strip_suffix(":*").unwrap_or(&arn)),
            retention: days.transpose()?,
            kms_key_id: group.kms_key_id.map(KmsKeyArn::reported),
            class,
        };
        Ok(DescribeLogGroupsOutput { group: Some(group) })
    }
}

impl Call for PutRetentionPolicy {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<PutRetentionPolicyOutput, Failure> {
        let request = logs.sdk.put_retention_policy().log_group_name(self.name.as_str());
        logs.call(request.retention_in_days(self.retention.days().into()).send()).await?;
        Ok(PutRetentionPolicyOutput {})
    }
}

impl Call for AssociateKmsKey {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<AssociateKmsKeyOutput, Failure> {
        let request = logs.sdk.associate_kms_key().log_group_name(self.name.as_str());
        logs.call(request.kms_key_id(self.kms_key_id.as_str()).send()).await?;
        Ok(AssociateKmsKeyOutput {})
    }
}

impl Call for DisassociateKmsKey {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<DisassociateKmsKeyOutput, Failure> {
        logs.call(logs.sdk.disassociate_kms_key().log_group_name(self.name.as_str()).send()).await?;
        Ok(DisassociateKmsKeyOutput {})
    }
}

impl Call for ListLogGroupTags {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<ListLogGroupTagsOutput, Failure> {
        let answer = logs.call(logs.sdk.list_tags_for_resource().resource_arn(self.arn.as_str()).send()).await?;
        Ok(ListLogGroupTagsOutput { tags: Tags::reported(answer.tags.unwrap_or_default().into_iter().collect()) })
    }
}

impl Call for TagLogGroup {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<TagLogGroupOutput, Failure> {
        let request = logs.sdk.tag_resource().resource_arn(self.arn.as_str()).set_tags(Some(pairs(&self.tags)));
        logs.call(request.send()).await?;
        Ok(TagLogGroupOutput {})
    }
}

impl Call for UntagLogGroup {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<UntagLogGroupOutput, Failure> {
        let request = logs.sdk.untag_resource().resource_arn(self.arn.as_str()).set_tag_keys(Some(self.keys));
        logs.call(request.send()).await?;
        Ok(UntagLogGroupOutput {})
    }
}

impl Call for DeleteLogGroup {
    type Client = Client;

    async fn send(self, logs: &Logs) -> Result<DeleteLogGroupOutput, Failure> {
        logs.call(logs.sdk.delete_log_group().log_group_name(self.name.as_str()).send()).await?;
        Ok(DeleteLogGroupOutput {})
    }
}

fn pairs(tags: &Tags) -> std::collections::HashMap<String, String> {
    tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
