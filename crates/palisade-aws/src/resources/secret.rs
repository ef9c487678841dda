//! [`Secret`].

mod rules;
mod supplied;

use std::{collections::BTreeMap, time::Duration};

use palisade_core::{
    Attributes, BuilderState, Data, Finding, Graph, Id, JsonMap, Node, Resource, Stack, Value,
    provider::{ErrorKind, ProviderError, Repeated, Token},
    terraform::{Argument, Companion, Import, TerraformResource},
};
use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

pub(crate) use self::supplied::unsupplied;
use super::{abroad, days, kms_key, text};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{appear, found, not_shown, sync_tags, taken},
    operations::{
        CreateSecret, DeleteSecret, DescribeSecret, GetRandomPassword, Operation, PutSecretValue, RestoreSecret,
        TagResource, UntagResource, UpdateSecret,
    },
    shapes::SecretDescription,
    types::{Arn, KmsKeyArn, RecoveryWindow, SecretName, SecretRef, SecretSource, Tags, Variable},
};

/// A secret in Secrets Manager. Its value is generated, or supplied by whoever runs the apply; it is in no program, plan,
/// state or log, and goes from Secrets Manager into the one call that needs it.
///
/// AWS: [CreateSecret](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html),
/// [PutSecretValue](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html)
///
/// ```
/// use palisade_aws::{resources::Secret, secret_name};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let token = stack.add("token", Secret::builder().name(secret_name!("redis/auth-token")).generated());
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_secretsmanager_secret",
    rules = rules::RULES,
    check = check,
    data = data,
    attributes = SecretAttributes,
    id_prefix = "arn:",
    brings_back = kms_key::KmsKey,
    terraform_with = terraform,
    requires(source(
        "this `Secret` does not say where its value comes from",
        "call `.generated()`, or `.supplied(variable!(\"APP_TOKEN\"))` for a value that whoever runs the apply supplies"
    )),
    never(
        secret_string(
            "the value of a `Secret` is never written in a program, whose plan and state would show it",
            "call `.generated()`, or `.supplied(variable!(\"NAME\"))` for a value that whoever applies the stack brings along"
        ),
        recovery_window_in_days(
            "the recovery window of a `Secret` is a checked number of days",
            "call `.recovery_window(recovery_days!(7))`, or leave it out for 30"
        ),
        policy(
            "a `Secret` has no resource policy, with which others than this account could read it",
            "leave it out: the IAM policies of the account say who may read it"
        ),
        rotation(
            "the value of a `Secret` is changed together with all that uses it, and not by a function that they would not hear of",
            "raise `.generation(2)` as often as the value is to change"
        )
    )
)]
pub struct Secret {
    /// The name.
    #[field(replace, identity)]
    pub name: SecretName,
    /// What the secret is for.
    pub description: Option<String>,
    /// The key that encrypts the value; without one, AWS's own.
    pub kms_key_id: Option<KmsKeyArn>,
    /// For how long a deleted secret can be restored. It is used when the secret is deleted.
    #[field(at_deletion, default = RecoveryWindow::literal(30), terraform = "recovery_window_in_days")]
    pub recovery_window: RecoveryWindow,
    /// Where the value comes from.
    #[field(private, terraform = false)]
    pub source: SecretSource,
    /// Raise it for a new value: whatever uses the secret gets it in the same apply.
    #[field(default = 1, terraform = false)]
    pub generation: u32,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`Secret`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SecretAttributes {
    /// The ARN, which is also the id.
    pub arn: Arn,
    /// The current version of the value, by reference.
    #[attribute(changes_with("source", "generation"), terraform = "arn")]
    pub value: SecretRef,
}

impl<S: BuilderState> SecretBuilder<S> {
    /// A value of 64 letters and digits that Secrets Manager draws: at the creation, also where that brings back a secret whose
    /// deletion was scheduled, and each time the generation is raised.
    pub fn generated(self) -> SecretBuilder<SourceGiven<S>> {
        self.set_source(SecretSource::Generated).meet_source()
    }

    /// A value that the environment variable `variable` holds when the value is first put there, that is, at the apply
    /// that creates the secret, also where that brings back one whose deletion was scheduled, or raises its generation.
    ///
    /// It is named with `variable!("APP_TOKEN")`, so that the value itself cannot stand here by mistake. The plan of such an apply needs
    /// the variable too: it checks that there is a value, and that ElastiCache would take it for what the program uses it for.
    pub fn supplied(self, variable: Variable) -> SecretBuilder<SourceGiven<S>> {
        self.set_source(SecretSource::Supplied { variable }).meet_source()
    }
}

/// A generated value stays out of Terraform's state: it is drawn by an ephemeral resource and sent by a write-only argument.
/// A supplied one is put out of band. The value of a secret that exists is there already, and is not imported, as Terraform
/// reads the value of a version that it imports into its state.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.import = Import {
        unread: vec!["recovery_window_in_days", "force_overwrite_replica_secret"],
        prevent_destroy: true,
        comment: Some(
            "The value stays as it is, and is not imported, since Terraform would keep it in its state. Until Terraform \
             knows the recovery window, it would delete the secret without one, so `prevent_destroy` forbids that.",
        ),
        ..Import::default()
    };
    let generated = resource.field("source") == Value::Json(serde_json::json!("generated"));
    if !generated {
        resource.comment =
            Some("The value is supplied out of band, with `aws secretsmanager put-secret-value`.".to_owned());
        return;
    }
    let name = resource.address.name().to_owned();
    let json = |json: palisade_core::Json| Argument::Value(Value::Json(json));
    resource.companions.push(Companion {
        block: "ephemeral",
        resource_type: "aws_secretsmanager_random_password",
        arguments: BTreeMap::from([
            ("password_length".to_owned(), json(64.into())),
            ("exclude_punctuation".to_owned(), json(true.into())),
        ]),
    });
    resource.companions.push(Companion {
        block: "resource",
        resource_type: "aws_secretsmanager_secret_version",
        arguments: BTreeMap::from([
            ("secret_id".to_owned(), Argument::Expression(format!("aws_secretsmanager_secret.{name}.id"))),
            (
                "secret_string_wo".to_owned(),
                Argument::Expression(format!("ephemeral.aws_secretsmanager_random_password.{name}.random_password")),
            ),
            ("secret_string_wo_version".to_owned(), Argument::Value(resource.field("generation"))),
        ]),
    });
}

/// How long the name of a secret that was deleted at once stays taken.
const DELETED: Duration = Duration::from_mins(2);

/// How many versions of a secret AWS keeps.
const VERSIONS: usize = 100;

/// How many digits of the id of a version say what it holds, where the others are of the creation that has put it.
const RESTORED: usize = 40;

/// The key that AWS uses where none is named.
const AWS_OWNED_KEY: &str = "alias/aws/secretsmanager";

/// Without a recovery window, Secrets Manager deletes the value at once.
fn data(inputs: &JsonMap) -> Data {
    let name = text(inputs, "name");
    match days(inputs, "recovery_window") {
        0 => {
            Data { fate: format!("the value of `{name}` will be lost: it has no recovery window"), needs_consent: true }
        }
        days => Data { fate: format!("`{name}` can be recovered for {days} days"), needs_consent: false },
    }
}

/// Secrets Manager encrypts with the key as whoever calls it, and the policy must let it.
fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let policy = kms_key::policy_lacks(node, stack, "secretsmanager", ".secrets_manager()");
    policy.into_iter().chain(abroad(node, stack, node.text("kms_key_id"))).collect()
}

impl Lifecycle for Secret {
    type Observed = SecretObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeSecret::CALL.each(1)],
        find: &[DescribeSecret::CALL.as_needed()],
        create: &[
            CreateSecret::CALL.once(),
            DescribeSecret::CALL.as_needed(),
            RestoreSecret::CALL.up_to(1),
            UpdateSecret::CALL.up_to(1),
            GetRandomPassword::CALL.up_to(1),
            PutSecretValue::CALL.up_to(1),
            TagResource::CALL.up_to(1),
        ],
        converge: &[
            DescribeSecret::CALL.as_needed(),
            UpdateSecret::CALL.up_to(1).carried(&["description", "kms_key_id"]),
            GetRandomPassword::CALL.up_to(1).on(&["source", "generation"]),
            PutSecretValue::CALL.up_to(1).on(&["source", "generation"]),
            TagResource::CALL.up_to(1).carried(&["tags"]),
            UntagResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DescribeSecret::CALL.once(), DeleteSecret::CALL.once()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::AnswersTheSame;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(2, 2, 5);

    /// Creates the secret without a value, so that a crash leaves either no secret or one that `converge` completes.
    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { name, description, kms_key_id, tags, recovery_window: _, source: _, generation: _ } = self;
        let request = CreateSecret {
            name: name.clone(),
            description: description.clone(),
            kms_key_id: kms_key_id.clone(),
            client_request_token: token.digest.clone(),
            tags: tags.owned_by(token),
        };
        match aws.call_until_settled(DELETED, request).await {
            Ok(created) => Ok(created.arn),
            Err(error) if error.kind == ErrorKind::AlreadyExists => self.earlier(aws, token, error).await,
            Err(error) => Err(error),
        }
    }

    /// Brings back a secret whose deletion is scheduled. AWS takes tags only for a secret that was brought back already.
    async fn claim(&self, aws: &Aws, id: &Id<Self>, token: &Token) -> Result<(), ProviderError> {
        let Some(answer) = found(aws.call(DescribeSecret { secret_id: id.to_string() }).await)? else { return Ok(()) };
        if answer.secret.deleted {
            aws.call(RestoreSecret { secret_id: id.clone() }).await?;
        }
        if !answer.secret.tags.are_of(token) {
            // It is another creation, so it has another value than before; and the key may be none any more.
            let describe = async || describe(aws, id.as_str()).await;
            let secret = appear(aws, &format!("the secret {id}"), false, describe).await?;
            self.update(aws, id, &secret).await?;
            self.put_value(aws, id, self.versions(id).restored() + &token.digest[RESTORED..]).await?;
            // Last, so that an interruption leaves nothing out. The other tags come after those that go.
            aws.call(TagResource { secret_id: id.clone(), tags: Tags::default().owned_by(token) }).await?;
        }
        Ok(())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let found = describe(aws, self.name.as_str()).await?;
        Ok(found.filter(|secret| secret.tags.are_of(token)).map(|secret| secret.arn).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let mut snapshots = Vec::new();
        for id in ids {
            snapshots.push(describe(aws, id.as_str()).await?.map(snapshot));
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || describe(aws, id.as_str()).await;
        let secret = appear(aws, &format!("the secret {id}"), previous.is_some(), describe).await?;
        self.update(aws, id, &secret).await?;
        // A value that somebody else has put stays until the program asks for a new one.
        let is_asked_for =
            previous.is_none_or(|previous| previous.source != self.source || previous.generation != self.generation);
        if is_asked_for || secret.version_ids.is_empty() {
            self.put_current(aws, id, secret.version_ids).await?;
        }
        let remove = async |keys| aws.call(UntagResource { secret_id: id.clone(), keys }).await.map(drop);
        let set = async |tags| aws.call(TagResource { secret_id: id.clone(), tags }).await.map(drop);
        sync_tags(&self.tags, &secret.tags, remove, set).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        // Where its deletion is scheduled, by an interrupted run or by somebody else, that is what is wanted.
        if aws.call(DescribeSecret { secret_id: id.to_string() }).await?.secret.deleted {
            return Ok(());
        }
        match aws.call(DeleteSecret { secret_id: id.clone(), recovery_window: self.recovery_window }).await {
            // Its description was out of date.
            Err(error) if is_scheduled(&error) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

impl Secret {
    /// Brings all to what it should be but the value and the tags.
    async fn update(&self, aws: &Aws, id: &Id<Self>, secret: &SecretDescription) -> Result<(), ProviderError> {
        let description_differs =
            secret.description.clone().unwrap_or_default() != self.description.clone().unwrap_or_default();
        let key_differs = own_key(secret.kms_key_id.clone()) != self.kms_key_id;
        if description_differs || key_differs {
            let request = UpdateSecret {
                secret_id: id.clone(),
                // What is not sent stays as it is, so what is to go is sent as empty, or as AWS's own.
                description: description_differs.then(|| self.description.clone().unwrap_or_default()),
                kms_key_id: key_differs
                    .then(|| self.kms_key_id.clone().unwrap_or_else(|| KmsKeyArn::reported(AWS_OWNED_KEY))),
            };
            aws.call(request).await?;
        }
        Ok(())
    }

    /// The secret of this name that this stack made earlier, and whose deletion is scheduled: a stack that was destroyed can
    /// be applied again before the recovery window has passed. One that is in use is that of a newer state.
    async fn earlier(&self, aws: &Aws, token: &Token, error: ProviderError) -> Result<Id<Self>, ProviderError> {
        // One that is too new to be seen is the work of an earlier attempt, or of somebody else.
        let Some(found) = found(aws.call(DescribeSecret { secret_id: self.name.to_string() }).await)? else {
            return Err(taken(error));
        };
        let found = found.secret;
        let is_of_resource =
            is_of_stack(&found.tags, token) && found.tags.get("palisade:resource") == Some(&token.resource);
        let is_usable = found.tags.are_of(token) || found.deleted && (is_kin(&found.tags, token) || is_of_resource);
        if is_usable { Ok(found.arn) } else { Err(taken(error)) }
    }

    fn versions<'a>(&'a self, id: &'a Id<Self>) -> Versions<'a> {
        Versions { id: id.as_str(), source: &self.source, generation: self.generation }
    }

    /// Sees to it that the current version is one of this source and generation.
    async fn put_current(&self, aws: &Aws, id: &Id<Self>, mut known: Vec<String>) -> Result<(), ProviderError> {
        let versions = self.versions(id);
        if known.first().is_some_and(|current| versions.have(current)) {
            return Ok(());
        }
        for version in versions.all() {
            if known.contains(&version) {
                continue;
            }
            self.put_value(aws, id, version.clone()).await?;
            known = describe(aws, id.as_str()).await?.map(|secret| secret.version_ids).unwrap_or_default();
            // Else it is an old one, of which AWS does not tell any more.
            if known.first() == Some(&version) {
                return Ok(());
            }
        }
        Err(not_shown(id.as_str()))
    }

    async fn put_value(&self, aws: &Aws, id: &Id<Self>, version: String) -> Result<(), ProviderError> {
        let value = match &self.source {
            SecretSource::Generated => {
                aws.call(GetRandomPassword { length: 64, exclude_punctuation: true }).await?.value
            }
            SecretSource::Supplied { variable } => aws.supplied(variable.as_str())?,
        };
        match aws.call(PutSecretValue { secret_id: id.clone(), client_request_token: version, value }).await {
            // An earlier attempt at this step put its value; that one counts.
            Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(()),
            answer => answer.map(|_| ()),
        }
    }
}

/// The ids of the versions that hold a value of one source and generation.
struct Versions<'a> {
    id: &'a str,
    source: &'a SecretSource,
    generation: u32,
}

impl Versions<'_> {
    /// Whether the version `id` holds such a value.
    fn have(&self, id: &str) -> bool {
        id.starts_with(&self.restored()) || self.all().any(|version| version == id)
    }

    /// The ids, each for one time that the source comes back after another one. AWS takes an id as the idempotency token of the call
    /// that puts the value, so the same step never makes two versions; and a version that is there already does not become the current
    /// one by that call.
    fn all(&self) -> impl Iterator<Item = String> {
        (0..VERSIONS).map(|time| self.digest(&if time == 0 { String::new() } else { format!("\n{time}") }))
    }

    /// What the ids of the versions begin with that hold such a value, each of another creation that has brought the secret back.
    fn restored(&self) -> String {
        let mut digest = self.digest("\nrestored");
        digest.truncate(RESTORED);
        digest
    }

    fn digest(&self, again: &str) -> String {
        let Self { id, source, generation } = self;
        let source = match source {
            SecretSource::Generated => "generated".to_owned(),
            SecretSource::Supplied { variable } => format!("supplied {variable}"),
        };
        let digest = Sha256::digest(format!("{id}\n{source}\n{generation}{again}"));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The secret, unless it does not exist or its deletion is scheduled.
async fn describe(aws: &Aws, id: &str) -> Result<Option<SecretDescription>, ProviderError> {
    let answer = found(aws.call(DescribeSecret { secret_id: id.to_owned() }).await)?;
    Ok(answer.map(|answer| answer.secret).filter(|secret| !secret.deleted))
}

/// Whether a secret was asked to be deleted whose deletion is scheduled already.
fn is_scheduled(error: &ProviderError) -> bool {
    let words = ["scheduled for deletion", "marked for deletion", "marked deleted"];
    error.code == "InvalidRequestException" && words.iter().any(|words| error.message.contains(words))
}

fn is_of_stack(tags: &Tags, token: &Token) -> bool {
    tags.get("palisade:stack") == Some(&token.stack)
}

/// Whether a secret was made by the creation of `token`, or by another one of the same state.
fn is_kin(tags: &Tags, token: &Token) -> bool {
    is_of_stack(tags, token) && tags.get("palisade:token").is_some_and(|digest| token.is_kin(digest))
}

/// The key, unless it is AWS's own, which a program says by naming none.
fn own_key(key: Option<KmsKeyArn>) -> Option<KmsKeyArn> {
    key.filter(|key| key.as_str() != AWS_OWNED_KEY)
}

fn snapshot(secret: SecretDescription) -> Snapshot<SecretObserved, SecretAttributes> {
    let fields = SecretObserved {
        name: Some(SecretName::reported(secret.name)),
        description: Some(secret.description.filter(|description| !description.is_empty())),
        kms_key_id: Some(own_key(secret.kms_key_id)),
        recovery_window: None,
        source: None,
        generation: None,
        tags: Some(secret.tags.declared()),
    };
    let version = secret.version_ids.into_iter().next().unwrap_or_default();
    let attributes =
        SecretAttributes { arn: Arn::reported(secret.arn.as_str()), value: SecretRef { secret: secret.arn, version } };
    Snapshot { fields, attributes }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_what_is_scheduled_already_is_no_error_of_a_deletion() {
        let error = |code: &str, message: &str| crate::failure("DeleteSecret", code, message);
        let scheduled = "You can't perform this operation on the secret because it was already scheduled for deletion.";
        assert!(is_scheduled(&error("InvalidRequestException", scheduled)));
        assert!(is_scheduled(&error("InvalidRequestException", "The secret is currently marked deleted.")));
        assert!(!is_scheduled(&error(
            "InvalidRequestException",
            "The secret bookmarked/token is managed by a service."
        )));
        let denied = "not authorized on secret:bookmarked/token, which is scheduled for deletion";
        assert!(!is_scheduled(&error("AccessDeniedException", denied)));
    }

    #[test]
    fn each_time_that_a_source_comes_back_it_has_another_version() {
        let declared = Secret {
            name: SecretName::literal("it"),
            description: None,
            kms_key_id: None,
            recovery_window: RecoveryWindow::literal(30),
            source: SecretSource::Generated,
            generation: 1,
            tags: Tags::default(),
        };
        let id = Id::reported("arn:aws:secretsmanager:us-east-1:123456789012:secret:it-a1b2c3").unwrap();
        let versions: Vec<_> = declared.versions(&id).all().collect();
        assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), VERSIONS);
        // The SHA-256 of the id, `generated` and the generation, each on a line. With another one, the next apply of a stack that
        // exists would give each secret another value.
        let first = "1482db5bc29f996425a6340478c3ef5b07727d86a04e3ba6bf09610f4c5e29a7";
        assert_eq!(versions[0], first);
    }
}
