//! CloudWatch Logs.

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
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    ids::{ACCOUNT, LogGroupId, id},
    refusal::{Answer, known, refuse, require},
    tags,
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct LogGroup {
    pub(crate) kms_key_id: Option<KmsKeyArn>,
    pub(crate) retention: Option<LogRetention>,
    pub(crate) class: LogGroupClass,
    pub(crate) tags: Tags,
}

/// The periods that there are, in days.
const PERIODS: [u16; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Account {
    pub(crate) fn create_log_group(&mut self, call: CreateLogGroup) -> Answer<CreateLogGroupOutput> {
        let CreateLogGroup { name, kms_key_id, class, tags } = call;
        tags::check_log_group(&tags)?;
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        let text = name.as_str();
        require((1..=512).contains(&text.len()) && text.bytes().all(well_formed), "InvalidParameterException", || {
            format!("Value '{text}' at 'logGroupName' failed to satisfy constraint: [\\.\\-_/#A-Za-z0-9]+")
        })?;
        require(!text.starts_with("aws/"), "InvalidParameterException", || {
            "Log groups starting with 'aws/' are reserved for AWS.".to_owned()
        })?;
        let key: LogGroupId = id(text);
        require(!self.log_groups.contains_key(&key), "ResourceAlreadyExistsException", || {
            "The specified log group already exists".to_owned()
        })?;
        self.check_log_key(&key, kms_key_id.as_ref())?;
        self.log_groups.insert(key, LogGroup { kms_key_id, retention: None, class, tags });
        Ok(CreateLogGroupOutput {})
    }

    pub(crate) fn describe_log_groups(&mut self, call: DescribeLogGroups) -> Answer<DescribeLogGroupsOutput> {
        let group = self.log_groups.get(&call.name).map(|group| LogGroupDescription {
            name: call.name.clone(),
            arn: Arn::reported(self.log_group_arn(&call.name)),
            retention: group.retention,
            kms_key_id: group.kms_key_id.clone(),
            class: group.class,
        });
        Ok(DescribeLogGroupsOutput { group })
    }

    pub(crate) fn put_retention_policy(&mut self, call: PutRetentionPolicy) -> Answer<PutRetentionPolicyOutput> {
        require(PERIODS.contains(&call.retention.days()), "InvalidParameterException", || {
            format!("The retention of {} days is none of the valid values.", call.retention.days())
        })?;
        self.log_group(&call.name)?.retention = Some(call.retention);
        Ok(PutRetentionPolicyOutput {})
    }

    pub(crate) fn associate_kms_key(&mut self, call: AssociateKmsKey) -> Answer<AssociateKmsKeyOutput> {
        self.log_group(&call.name)?;
        self.check_log_key(&call.name, Some(&call.kms_key_id))?;
        self.log_group(&call.name)?.kms_key_id = Some(call.kms_key_id);
        Ok(AssociateKmsKeyOutput {})
    }

    pub(crate) fn disassociate_kms_key(&mut self, call: DisassociateKmsKey) -> Answer<DisassociateKmsKeyOutput> {
        self.log_group(&call.name)?.kms_key_id = None;
        Ok(DisassociateKmsKeyOutput {})
    }

    pub(crate) fn list_log_group_tags(&mut self, call: ListLogGroupTags) -> Answer<ListLogGroupTagsOutput> {
        Ok(ListLogGroupTagsOutput { tags: self.log_group_at(&call.arn)?.tags.clone() })
    }

    pub(crate) fn tag_log_group(&mut self, call: TagLogGroup) -> Answer<TagLogGroupOutput> {
        let group = self.log_group_at(&call.arn)?;
        let tags = tags::merged(&group.tags, &call.tags);
        tags::check_log_group(&tags)?;
        group.tags = tags;
        Ok(TagLogGroupOutput {})
    }

    pub(crate) fn untag_log_group(&mut self, call: UntagLogGroup) -> Answer<UntagLogGroupOutput> {
        let group = self.log_group_at(&call.arn)?;
        group.tags = tags::without(&group.tags, &call.keys);
        Ok(UntagLogGroupOutput {})
    }

    pub(crate) fn delete_log_group(&mut self, call: DeleteLogGroup) -> Answer<DeleteLogGroupOutput> {
        known(self.log_groups.remove(&call.name), "ResourceNotFoundException", missing)?;
        Ok(DeleteLogGroupOutput {})
    }

    fn log_group_arn(&self, name: &LogGroupId) -> String {
        format!("arn:aws:logs:{}:{ACCOUNT}:log-group:{name}", self.region)
    }

    fn log_group(&mut self, name: &LogGroupId) -> Answer<&mut LogGroup> {
        known(self.log_groups.get_mut(name), "ResourceNotFoundException", missing)
    }

    fn log_group_at(&mut self, arn: &Arn) -> Answer<&mut LogGroup> {
        let prefix = format!("arn:aws:logs:{}:{ACCOUNT}:log-group:", self.region);
        // The ARN that descriptions tell ends in `:*`, which the calls about tags do not take.
        let name = arn.as_str().strip_prefix(&prefix).filter(|name| !name.is_empty() && !name.ends_with(":*"));
        let name = known(name, "InvalidParameterException", || format!("The ARN {arn} is not that of a log group."))?;
        self.log_group(&id(name))
    }

    /// Refuses a key that CloudWatch Logs cannot use for the group.
    fn check_log_key(&self, name: &LogGroupId, key: Option<&KmsKeyArn>) -> Answer<()> {
        let problem = key.and_then(|key| self.log_key_problem(key, &self.log_group_arn(name)));
        problem.map_or(Ok(()), |problem| refuse("InvalidParameterException", problem))
    }
}

fn missing() -> String {
    "The specified log group does not exist.".to_owned()
}
