//! [`LogGroup`].

mod rules;

use palisade_core::{
    Attributes, Data, Finding, Graph, Handle, Id, Input, IntoInput, Json, JsonMap, Node, Resource, Stack,
    provider::{ProviderError, Repeated, Token},
    terraform::{Import, TerraformResource},
};
use serde::{Deserialize, Serialize};

use super::{abroad, kms_key, text};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots,
    calls::Calls,
    observe::{STALE, appear, named, once_seen, part, sync_tags, taken},
    operations::{
        AssociateKmsKey, CreateLogGroup, DeleteLogGroup, DescribeLogGroups, DisassociateKmsKey, ListLogGroupTags,
        Operation, PutRetentionPolicy, TagLogGroup, UntagLogGroup,
    },
    shapes::LogGroupDescription,
    types::{KmsKeyArn, LogGroupArn, LogGroupClass, LogGroupName, LogRetention, Tags},
};

/// A log group of CloudWatch Logs, whose entries are kept for a year at least.
///
/// `&log_group` is accepted wherever the ARN of a log group is wanted.
///
/// AWS: [CreateLogGroup](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html),
/// [PutRetentionPolicy](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)
///
/// ```
/// use palisade_aws::{kms_alias, log_group_name, resources::{KmsKey, LogGroup}, types::KeyPolicy};
/// # let mut stack = palisade_core::Stack::new("doc");
/// const NAME: palisade_aws::types::LogGroupName = log_group_name!("/elasticache/redis/slow-log");
/// let key = stack.add(
///     "logs",
///     KmsKey::builder().alias(kms_alias!("alias/logs")).policy(KeyPolicy::administered().logs(NAME)),
/// );
/// stack.add("slow-log", LogGroup::builder().name(NAME).kms_key_id(&key));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_cloudwatch_log_group",
    rules = rules::RULES,
    check = check,
    data = data,
    attributes = LogGroupAttributes,
    terraform_with = terraform,
    never(
        retention_in_days(
            "the retention of a `LogGroup` is one of those that CloudWatch has, and a year at least",
            "call `.retention(LogRetention::YEARS_2)`, or leave it out for a year"
        )
    )
)]
pub struct LogGroup {
    /// The name.
    #[field(replace, identity)]
    pub name: LogGroupName,
    /// The key that encrypts the entries, whose policy names the log group; without one, AWS's own.
    pub kms_key_id: Option<KmsKeyArn>,
    /// For how long entries are kept.
    #[field(default = LogRetention::YEARS_1, note = lost_events, terraform = "retention_in_days")]
    pub retention: LogRetention,
    /// What the group is made for.
    #[field(replace, default = LogGroupClass::Standard, terraform = "log_group_class")]
    pub class: LogGroupClass,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`LogGroup`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LogGroupAttributes {
    /// The ARN, without the `:*` that stands for the group's streams.
    pub arn: LogGroupArn,
}

/// A log group stands for its ARN wherever one is wanted.
impl IntoInput<LogGroupArn> for &Handle<LogGroup> {
    fn into_input(self) -> Input<LogGroupArn> {
        self.arn().into_input()
    }
}

/// What a shorter retention deletes. 0 days are for ever.
fn lost_events(old: &Json, new: &Json) -> Option<String> {
    let (old, new) = (old.as_u64()?, new.as_u64()?);
    let kept = if old == 0 { "for ever".to_owned() } else { format!("for {old} days") };
    (old == 0 || new < old).then(|| format!("log events older than {new} days will be deleted (they were kept {kept})"))
}

fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.import = Import { unread: vec!["skip_destroy"], ..Import::default() };
}

/// Nothing brings the events of a deleted group back.
fn data(inputs: &JsonMap) -> Data {
    Data { fate: format!("all events in `{}` will be lost", text(inputs, "name")), needs_consent: true }
}

/// CloudWatch Logs encrypts for one log group at a time, which the policy names.
fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(name) = node.text("name") else { return Vec::new() };
    let method = format!(".logs(log_group_name!(\"{name}\"))");
    let policy = kms_key::policy_lacks(node, stack, &format!("logs:{name}"), &method);
    policy.into_iter().chain(abroad(node, stack, node.text("kms_key_id"))).collect()
}

impl Lifecycle for LogGroup {
    type Observed = LogGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeLogGroups::CALL.each(1), ListLogGroupTags::CALL.each(1)],
        find: &[DescribeLogGroups::CALL.as_needed(), ListLogGroupTags::CALL.as_needed()],
        create: &[CreateLogGroup::CALL.as_needed()],
        converge: &[
            DescribeLogGroups::CALL.as_needed(),
            ListLogGroupTags::CALL.as_needed(),
            PutRetentionPolicy::CALL.as_needed().on(&["retention"]),
            AssociateKmsKey::CALL.as_needed().carried(&["kms_key_id"]),
            DisassociateKmsKey::CALL.as_needed().carried(&["kms_key_id"]),
            TagLogGroup::CALL.up_to(1).carried(&["tags"]),
            UntagLogGroup::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteLogGroup::CALL.as_needed()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { name, kms_key_id, class, tags, retention: _ } = self;
        let request = CreateLogGroup {
            name: name.clone(),
            kms_key_id: kms_key_id.clone(),
            class: *class,
            tags: tags.owned_by(token),
        };
        aws.call_until_settled(STALE, request).await.map_err(taken)?;
        named(name.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let group = observe(aws, &named(self.name.as_str())?, false).await?;
        Ok(group.filter(|(_, tags)| tags.are_of(token)).map(|(group, _)| group.name).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        Self::refresh(aws, ids, vec![None; ids.len()]).await
    }

    async fn refresh(
        aws: &Aws,
        ids: &[Id<Self>],
        known: Vec<Option<LogGroupAttributes>>,
    ) -> Result<Snapshots<Self>, ProviderError> {
        let mut snapshots = Vec::new();
        for (id, known) in ids.iter().zip(known) {
            snapshots.push(observe(aws, id, known.is_some()).await?.map(snapshot));
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let observe = async || observe(aws, id, previous.is_some()).await;
        let observed = appear(aws, &format!("the log group {id}"), previous.is_some(), observe).await?;
        if self.is_shown_by(&observed) {
            return Ok(());
        }
        let (group, tags) = observed;
        if group.retention != Some(self.retention) {
            let request = PutRetentionPolicy { name: id.clone(), retention: self.retention };
            aws.call_until_settled(STALE, request).await?;
        }
        if group.kms_key_id != self.kms_key_id {
            match &self.kms_key_id {
                Some(key) => {
                    let request = AssociateKmsKey { name: id.clone(), kms_key_id: key.clone() };
                    aws.call_until_settled(STALE, request).await?;
                }
                None => {
                    aws.call_until_settled(STALE, DisassociateKmsKey { name: id.clone() }).await?;
                }
            }
        }
        let arn = || group.arn.clone();
        let remove = async |keys| aws.call(UntagLogGroup { arn: arn(), keys }).await.map(drop);
        let set = async |tags| aws.call(TagLogGroup { arn: arn(), tags }).await.map(drop);
        sync_tags(&self.tags, &tags, remove, set).await?;
        let shows = |found: &Option<Found>| found.as_ref().is_some_and(|found| self.is_shown_by(found));
        once_seen(aws, observe, shows).await?;
        Ok(())
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(STALE, DeleteLogGroup { name: id.clone() }).await.map(drop)
    }
}

/// A log group as it is, with all its tags.
type Found = (LogGroupDescription, Tags);

impl LogGroup {
    fn is_shown_by(&self, (group, tags): &Found) -> bool {
        group.retention == Some(self.retention) && group.kms_key_id == self.kms_key_id && tags.declared() == self.tags
    }
}

/// The group with its tags, if it is seen; `is_known` as for [`part`].
async fn observe(aws: &Aws, name: &Id<LogGroup>, is_known: bool) -> Result<Option<Found>, ProviderError> {
    let Some(group) = aws.call(DescribeLogGroups { name: name.clone() }).await?.group else { return Ok(None) };
    let answer = part(aws.call(ListLogGroupTags { arn: group.arn.clone() }).await, is_known)?;
    Ok(answer.map(|answer| (group, answer.tags)))
}

fn snapshot((group, tags): Found) -> Snapshot<LogGroupObserved, LogGroupAttributes> {
    let fields = LogGroupObserved {
        name: Some(LogGroupName::reported(group.name.as_str())),
        kms_key_id: Some(group.kms_key_id),
        // 0 stands for entries that are kept for ever.
        retention: Some(group.retention.unwrap_or(LogRetention::reported(0))),
        class: Some(group.class),
        tags: Some(tags.declared()),
    };
    Snapshot { fields, attributes: LogGroupAttributes { arn: LogGroupArn::reported(group.arn.as_str()) } }
}
