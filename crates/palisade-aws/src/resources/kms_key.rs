//! [`KmsKey`].

mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use palisade_core::{
    Attributes, Data, Finding, Graph, Handle, Id, Input, IntoInput, JsonMap, Node, Resource, Stack,
    provider::{ErrorKind, ProviderError, Repeated, Token},
    terraform::{Argument, Companion, Import, TerraformResource},
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{days, text};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{STALE, appear, found, gone, once_seen, part, sync_tags, taken},
    operations::{
        CreateAlias, CreateKey, DeleteAlias, DescribeKey, EnableKeyRotation, GetKeyPolicy, GetKeyRotationStatus,
        ListAliases, ListKeys, ListResourceTags, Operation, PutKeyPolicy, ScheduleKeyDeletion, TagKey, UntagKey,
        UpdateKeyDescription,
    },
    shapes::KeyDescription,
    types::{DeletionWindow, KeyPolicy, KmsAlias, KmsKeyArn, Place, RotationPeriod, Tags},
};

/// How many keys are asked for their tags at a time.
const AT_A_TIME: usize = 10;

/// A key of the account in KMS: symmetric, of this region only, and rotated. It goes by its alias.
///
/// It is used only through the services that its policy names: see [`KeyPolicy`]. `&key` is accepted wherever the ARN of a
/// key is wanted. A key that is deleted can be brought back within the deletion window, in the console; what it encrypted is
/// lost after that. A stack that is destroyed and applied again has a new key.
///
/// AWS: [CreateKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html),
/// [EnableKeyRotation](https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html)
///
/// ```
/// use palisade_aws::{kms_alias, resources::{KmsKey, Secret}, rotation_days, secret_name, types::KeyPolicy};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let key = stack.add(
///     "redis",
///     KmsKey::builder()
///         .alias(kms_alias!("alias/redis"))
///         .rotation_period_days(rotation_days!(180))
///         .policy(KeyPolicy::administered().secrets_manager()),
/// );
/// stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_kms_key",
    rules = rules::RULES,
    attributes = KmsKeyAttributes,
    id_prefix = "arn:",
    terraform_with = terraform,
    check = check,
    data = data,
    never(
        enable_key_rotation(
            "a `KmsKey` is always rotated",
            "leave it out, or set the period: `.rotation_period_days(rotation_days!(180))`"
        ),
        is_enabled(
            "a `KmsKey` is always enabled: what was encrypted with a disabled key cannot be read",
            "leave it out"
        ),
        multi_region(
            "a `KmsKey` is of one region, so that no copy of it decrypts elsewhere",
            "declare a key in the stack of each region"
        )
    )
)]
pub struct KmsKey {
    /// The alias, under which people and the console know the key.
    #[field(exclusive, terraform = false)]
    pub alias: KmsAlias,
    /// What the key is for.
    pub description: Option<String>,
    /// After how many days the key's material is replaced; a year without one.
    #[field(default = RotationPeriod::literal(365), terraform = "rotation_period_in_days")]
    pub rotation_period_days: RotationPeriod,
    /// For how many days the deletion can be called off. It is used when the key is deleted.
    #[field(at_deletion, default = DeletionWindow::literal(30), terraform = "deletion_window_in_days")]
    pub deletion_window_days: DeletionWindow,
    /// Who may use the key; nobody without one.
    #[field(default, terraform = false)]
    pub policy: KeyPolicy,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`KmsKey`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct KmsKeyAttributes {
    /// The ARN, which is also the id.
    pub arn: KmsKeyArn,
    /// The last part of the ARN, which is what KMS calls the id.
    pub key_id: String,
}

/// A key stands for its ARN wherever one is wanted.
impl IntoInput<KmsKeyArn> for &Handle<KmsKey> {
    fn into_input(self) -> Input<KmsKeyArn> {
        self.arn().into_input()
    }
}

/// KMS keeps a key that is pending deletion for 7 days at least, in which the deletion can be cancelled.
fn data(inputs: &JsonMap) -> Data {
    let (alias, days) = (text(inputs, "alias"), days(inputs, "deletion_window_days"));
    let fate = format!("the key `{alias}` can be recovered for {days} days; then all that it encrypts will be lost");
    Data { fate, needs_consent: days == 0 }
}

/// KMS gives an alias to one key.
fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(key) = stack.declared::<KmsKey>(node) else { return Vec::new() };
    let mut before = stack.resources::<KmsKey>().take_while(|other| *other != key);
    let finding = before.find(|other| other.alias() == key.alias()).map(|other| {
        let message = format!("{} has the same alias, and KMS gives an alias to one key", other.address());
        key.finding(&message, "give each key an alias of its own").also(&other, "has the alias")
    });
    finding.into_iter().collect()
}

/// What is wrong where `user` is encrypted with a key of the stack whose policy does not have the entry for it; `method` adds it.
pub(super) fn policy_lacks(user: &Node, stack: &Stack, entry: &str, method: &str) -> Option<Finding> {
    let key = *user.targets(stack, "kms_key_id").first()?;
    let policy = KeyPolicy::deserialize(key.json("policy")?).ok()?;
    (!policy.users().any(|known| known == entry)).then(|| {
        let message = format!("it is encrypted with {}, whose policy does not let it", key.address);
        user.finding_with(key, "the key", &message, &format!("add `{method}` to the key's policy"))
    })
}

fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.set("enable_key_rotation", true);
    resource.import = Import {
        id: "{key_id}",
        unread: vec!["deletion_window_in_days", "bypass_policy_lockout_safety_check"],
        companions: vec![("aws_kms_alias", "{alias}")],
        ..Import::default()
    };
    let name = resource.address.name().to_owned();
    let expression = |text: String| Argument::Expression(text);
    if let Some(policy) = resource.field("policy").as_json()
        && let Ok(policy) = serde_json::from_value::<KeyPolicy>(policy.clone())
    {
        let (account, region) =
            (format!("${{data.aws_caller_identity.{name}.account_id}}"), format!("${{data.aws_region.{name}.name}}"));
        let document = policy.document(Place { partition: "aws", region: &region, account: &account });
        resource.arguments.insert("policy".to_owned(), expression(format!("jsonencode({document})")));
    }
    for data in ["aws_caller_identity", "aws_region"] {
        resource.companions.push(Companion { block: "data", resource_type: data, arguments: BTreeMap::new() });
    }
    resource.companions.push(Companion {
        block: "resource",
        resource_type: "aws_kms_alias",
        arguments: BTreeMap::from([
            ("name".to_owned(), Argument::Value(resource.field("alias"))),
            ("target_key_id".to_owned(), expression(format!("aws_kms_key.{name}.key_id"))),
        ]),
    });
}

impl Lifecycle for KmsKey {
    type Observed = KmsKeyObserved;

    const CALLS: Calls = Calls {
        read: &[
            DescribeKey::CALL.each(1),
            ListAliases::CALL.each(1),
            GetKeyPolicy::CALL.each(1),
            GetKeyRotationStatus::CALL.each(1),
            ListResourceTags::CALL.each(1),
        ],
        find: &[DescribeKey::CALL.as_needed(), ListKeys::CALL.as_needed(), ListResourceTags::CALL.as_needed()],
        create: &[DescribeKey::CALL.once(), ListResourceTags::CALL.up_to(1), CreateKey::CALL.once()],
        converge: &[
            DescribeKey::CALL.as_needed(),
            ListAliases::CALL.as_needed(),
            GetKeyPolicy::CALL.as_needed(),
            GetKeyRotationStatus::CALL.as_needed(),
            ListResourceTags::CALL.as_needed(),
            PutKeyPolicy::CALL.up_to(1).on(&["policy"]),
            EnableKeyRotation::CALL.up_to(1).on(&["rotation_period_days"]),
            CreateAlias::CALL.as_needed().on(&["alias"]),
            DeleteAlias::CALL.as_needed().on(&["alias"]),
            UpdateKeyDescription::CALL.up_to(1).carried(&["description"]),
            TagKey::CALL.up_to(1).carried(&["tags"]),
            UntagKey::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[
            DescribeKey::CALL.as_needed(),
            ListAliases::CALL.once(),
            DeleteAlias::CALL.as_needed(),
            ScheduleKeyDeletion::CALL.once(),
        ],
        untracked: &[DescribeKey::CALL.each(1), ListResourceTags::CALL.up_to(1)],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::MakesAnother;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(3, 2, 2);

    /// Creates the key without its alias, which is a call of its own. Until `converge`, it has the policy that KMS gives it,
    /// which is for the account alone.
    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { alias, description, tags, rotation_period_days: _, deletion_window_days: _, policy: _ } = self;
        // A key costs money, so none is made where its alias is another's. One of this stack gives its alias away.
        let tags = tags.owned_by(token);
        if let Some(other) = owner(aws, alias).await?
            && !is_kin(aws, &other.arn, &tags).await?
        {
            return Err(taken(alias_taken(alias, other.arn.as_str())));
        }
        let created = aws.call(CreateKey { description: description.clone(), tags }).await?;
        Ok(created.arn)
    }

    /// Finds the key by its alias, or by its tags, as the creation may have ended before the alias was made.
    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        if let Some(key) = describe(aws, self.alias.as_str()).await?
            && tags(aws, &key.arn).await?.are_of(token)
        {
            return Ok(Sighting::Seen(key.arn));
        }
        // A key whose policy keeps its tags from us is not ours. But where all do, it is this caller who may not ask.
        let (mut is_told, mut denied) = (false, None);
        let keys = aws.call(ListKeys {}).await?.keys;
        let tags = async |arn: Id<Self>| (aws.call(ListResourceTags { key_id: arn.clone() }).await, arn);
        // There may be thousands, and no call tells the tags of several.
        let answers: Vec<_> = stream::iter(keys).map(tags).buffered(AT_A_TIME).collect().await;
        for (answer, arn) in answers {
            match answer {
                Err(error) if error.code == "AccessDeniedException" => denied = Some(error),
                answer => {
                    let Some(answer) = found(answer)? else { continue };
                    is_told = true;
                    if answer.tags.are_of(token) && describe(aws, arn.as_str()).await?.is_some() {
                        return Ok(Sighting::Seen(arn));
                    }
                }
            }
        }
        match denied {
            Some(error) if !is_told => Err(untold(error)),
            _ => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        Self::refresh(aws, ids, vec![None; ids.len()]).await
    }

    async fn refresh(
        aws: &Aws,
        ids: &[Id<Self>],
        known: Vec<Option<KmsKeyAttributes>>,
    ) -> Result<Snapshots<Self>, ProviderError> {
        let mut snapshots = Vec::new();
        for (id, known) in ids.iter().zip(known) {
            snapshots.push(observe(aws, id, known.is_some()).await?.map(|key| snapshot(id, key)));
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let exists = previous.is_some();
        let key = appear(aws, &format!("the key {id}"), exists, async || observe(aws, id, exists).await).await?;
        if self.is_shown_by(&key) {
            return Ok(());
        }
        // The policy comes first: what it allows is needed by whatever comes after.
        if key.policy != self.policy {
            let policy = self.policy.document(place(id)?).to_string();
            aws.call(PutKeyPolicy { key_id: id.clone(), policy }).await?;
        }
        if key.rotation != Some(self.rotation_period_days) {
            aws.call(EnableKeyRotation { key_id: id.clone(), period: self.rotation_period_days }).await?;
        }
        let description = self.description.clone().unwrap_or_default();
        if key.description != description {
            aws.call(UpdateKeyDescription { key_id: id.clone(), description }).await?;
        }
        let mut others: Vec<_> = key.aliases.iter().filter(|alias| **alias != self.alias).cloned().collect();
        if !key.aliases.contains(&self.alias) {
            self.take_alias(aws, id, &key.tags, &mut others).await?;
        }
        drop_aliases(aws, id, &mut others).await?;
        let remove = async |keys| aws.call(UntagKey { key_id: id.clone(), keys }).await.map(drop);
        let set = async |tags| aws.call(TagKey { key_id: id.clone(), tags }).await.map(drop);
        sync_tags(&self.tags, &key.tags, remove, set).await?;
        let shows = |key: &Option<Key>| key.as_ref().is_some_and(|key| self.is_shown_by(key));
        once_seen(aws, async || observe(aws, id, exists).await, shows).await?;
        Ok(())
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let key = aws.call(DescribeKey { key_id: id.to_string() }).await?.key;
        // The alias stays with a key that is to be deleted, and a new key could not have it. A list may not tell of a young one.
        let mut aliases = aws.call(ListAliases { key_id: id.clone() }).await?.aliases;
        if !aliases.contains(&self.alias) && owner(aws, &self.alias).await?.is_some_and(|owner| owner.arn == *id) {
            aliases.push(self.alias.clone());
        }
        for alias in aliases {
            if !is_anothers(aws, &alias, id).await? {
                aws.call(DeleteAlias { alias }).await?;
            }
        }
        // Where its deletion is scheduled, by an interrupted run or by somebody else, that is what is wanted.
        if key.is_going() {
            return Ok(());
        }
        match aws.call(ScheduleKeyDeletion { key_id: id.clone(), window: self.deletion_window_days }).await {
            // Its description was out of date.
            Err(error) if is_going_already(&error) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

/// Whether the deletion of a key is refused as it is scheduled.
fn is_going_already(error: &ProviderError) -> bool {
    error.code == "KMSInvalidStateException" && error.message.contains("pending deletion")
}

/// A key as it is.
struct Key {
    description: String,
    aliases: Vec<KmsAlias>,
    policy: KeyPolicy,
    rotation: Option<RotationPeriod>,
    tags: Tags,
}

impl KmsKey {
    fn is_shown_by(&self, key: &Key) -> bool {
        key.policy == self.policy
            && key.rotation == Some(self.rotation_period_days)
            && key.description == self.description.clone().unwrap_or_default()
            && key.aliases == [self.alias.clone()]
            && key.tags.declared() == self.tags
    }

    /// Gives the key its alias. Another key of the stack that has it gives it away: in a moment, if it gets another one as well,
    /// or because it is to be deleted once nothing uses it any more.
    async fn take_alias(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        tags: &Tags,
        others: &mut Vec<KmsAlias>,
    ) -> Result<(), ProviderError> {
        let request = CreateAlias { key_id: id.clone(), alias: self.alias.clone() };
        let start = Instant::now();
        loop {
            let error = match aws.call(request.clone()).await {
                Err(error) if error.kind == ErrorKind::AlreadyExists => error,
                answer => return answer.map(|_| ()),
            };
            match owner(aws, &self.alias).await? {
                // An attempt of which no answer came has made it.
                Some(owner) if owner.arn == *id => return Ok(()),
                Some(owner) if !is_kin(aws, &owner.arn, tags).await? => return Err(taken(error)),
                // A key whose deletion somebody has scheduled by hand keeps its alias until it is deleted.
                Some(owner) if owner.is_going() || start.elapsed() >= GIVEN_AWAY => {
                    gone(aws.call(DeleteAlias { alias: self.alias.clone() }).await)?;
                }
                // The two may exchange their aliases, so that each waits for that of the other.
                _ => drop_aliases(aws, id, others).await?,
            }
            if start.elapsed() >= STALE {
                return Err(taken(error));
            }
            aws.pause(Duration::from_secs(1)).await?;
        }
    }
}

/// Takes away the aliases of a key, each out of the list, so that none is deleted twice.
async fn drop_aliases(aws: &Aws, id: &Id<KmsKey>, aliases: &mut Vec<KmsAlias>) -> Result<(), ProviderError> {
    while let Some(alias) = aliases.pop() {
        if !is_anothers(aws, &alias, id).await? {
            gone(aws.call(DeleteAlias { alias }).await)?;
        }
    }
    Ok(())
}

/// Whether an alias is that of another key than `id`. A list of aliases may be old, and the call that deletes one names no key.
async fn is_anothers(aws: &Aws, alias: &KmsAlias, id: &Id<KmsKey>) -> Result<bool, ProviderError> {
    Ok(owner(aws, alias).await?.is_some_and(|owner| owner.arn != *id))
}

/// The error where no key tells whether it is the one of an interrupted creation.
fn untold(mut error: ProviderError) -> ProviderError {
    error.help = "allow the caller `kms:ListResourceTags`, as the key of an interrupted creation is known by its tags"
        .to_owned();
    error
}

/// How long a key of the stack may take to give its alias away by itself.
const GIVEN_AWAY: Duration = Duration::from_secs(20);

/// The key, or that of the alias, unless it does not exist or its deletion is scheduled.
async fn describe(aws: &Aws, id: &str) -> Result<Option<KeyDescription>, ProviderError> {
    let answer = found(aws.call(DescribeKey { key_id: id.to_owned() }).await)?;
    Ok(answer.map(|answer| answer.key).filter(|key| !key.is_going()))
}

/// The key that has the alias, also if its deletion is scheduled.
async fn owner(aws: &Aws, alias: &KmsAlias) -> Result<Option<KeyDescription>, ProviderError> {
    let answer = found(aws.call(DescribeKey { key_id: alias.as_str().to_owned() }).await)?;
    Ok(answer.map(|answer| answer.key))
}

impl KeyDescription {
    /// Whether its deletion is scheduled.
    fn is_going(&self) -> bool {
        self.state == "PendingDeletion"
    }
}

/// The key that has an alias, and its tags, unless it is one of those that are `known`.
pub(crate) async fn key_of_alias(
    aws: &Aws,
    alias: &str,
    known: &BTreeSet<String>,
) -> Result<Option<(String, Tags)>, ProviderError> {
    match describe(aws, alias).await? {
        Some(key) if !known.contains(key.arn.as_str()) => Ok(Some((key.arn.to_string(), tags(aws, &key.arn).await?))),
        _ => Ok(None),
    }
}

/// The key with its parts, if it is seen; `is_known` as for [`part`].
async fn observe(aws: &Aws, id: &Id<KmsKey>, is_known: bool) -> Result<Option<Key>, ProviderError> {
    let Some(KeyDescription { description, .. }) = describe(aws, id.as_str()).await? else { return Ok(None) };
    let key_id = || id.clone();
    let place = place(id)?;
    let parts = async {
        let mut aliases = aws.call(ListAliases { key_id: key_id() }).await?.aliases;
        aliases.sort();
        let policy = aws.call(GetKeyPolicy { key_id: key_id() }).await?.policy;
        Ok(Key {
            description,
            aliases,
            policy: KeyPolicy::read(&policy, place),
            rotation: aws.call(GetKeyRotationStatus { key_id: key_id() }).await?.period,
            tags: aws.call(ListResourceTags { key_id: key_id() }).await?.tags,
        })
    };
    part(parts.await, is_known)
}

fn snapshot(id: &Id<KmsKey>, key: Key) -> Snapshot<KmsKeyObserved, KmsKeyAttributes> {
    // A key that somebody has given another alias beside ours has not the alias that the program says.
    let alias = key.aliases.iter().map(KmsAlias::as_str).collect::<Vec<_>>().join(", ");
    let fields = KmsKeyObserved {
        alias: Some(KmsAlias::reported(alias)),
        description: Some(Some(key.description).filter(|description| !description.is_empty())),
        // 0 stands for a key that is not rotated.
        rotation_period_days: Some(key.rotation.unwrap_or(RotationPeriod::reported(0))),
        deletion_window_days: None,
        policy: Some(key.policy),
        tags: Some(key.tags.declared()),
    };
    let key_id = id.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    Snapshot { fields, attributes: KmsKeyAttributes { arn: KmsKeyArn::reported(id.as_str()), key_id } }
}

/// Whether the key was made by the same state as what has the tags `own`.
async fn is_kin(aws: &Aws, arn: &Id<KmsKey>, own: &Tags) -> Result<bool, ProviderError> {
    Ok(tags(aws, arn).await?.are_kin_of(own))
}

/// The tags of a key; none of one that keeps them from us, or that does not exist.
async fn tags(aws: &Aws, arn: &Id<KmsKey>) -> Result<Tags, ProviderError> {
    match aws.call(ListResourceTags { key_id: arn.clone() }).await {
        Ok(answer) => Ok(answer.tags),
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) => Ok(Tags::default()),
        Err(error) => Err(error),
    }
}

fn place(id: &Id<KmsKey>) -> Result<Place<'_>, ProviderError> {
    Place::of(id.as_str()).ok_or_else(|| ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message: format!("`{id}` is not the ARN of a key"),
        help: String::new(),
    })
}

fn alias_taken(alias: &KmsAlias, owner: &str) -> ProviderError {
    ProviderError {
        kind: ErrorKind::AlreadyExists,
        operation: String::new(),
        code: String::new(),
        message: format!("the alias {alias} is that of the key {owner}"),
        help: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_scheduled_already_is_no_error_of_a_deletion() {
        let error = |code: &str, message: &str| crate::failure("ScheduleKeyDeletion", code, message);
        let pending = "arn:aws:kms:us-east-1:123456789012:key/1 is pending deletion.";
        assert!(is_going_already(&error("KMSInvalidStateException", pending)));
        assert!(!is_going_already(&error("KMSInvalidStateException", "The key is pending import.")));
        assert!(!is_going_already(&error("AccessDeniedException", pending)));
    }
}
