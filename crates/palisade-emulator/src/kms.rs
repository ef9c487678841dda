//! KMS.

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
    types::{KmsAlias, KmsKeyArn, RotationPeriod, Tags},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{
    account::Account,
    clock::{DAY, Millis},
    ids::{ACCOUNT, KeyId, id},
    refusal::{Answer, known, refuse, require},
    tags,
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Key {
    pub(crate) description: String,
    pub(crate) policy: String,
    pub(crate) rotation: Option<RotationPeriod>,
    /// When it is gone for good, if its deletion is scheduled.
    pub(crate) purged_at: Option<Millis>,
    pub(crate) tags: Tags,
}

/// How long a policy may be.
const LONGEST_POLICY: usize = 32_768;

impl Account {
    pub(crate) fn create_key(&mut self, call: CreateKey) -> Answer<CreateKeyOutput> {
        let CreateKey { description, tags } = call;
        tags::check_key(&tags)?;
        let description = description.unwrap_or_default();
        check_description(&description)?;
        let digits = self.ids.digits(32);
        let [a, b, c, d, e] = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        let arn: KeyId = id(format!("arn:aws:kms:{}:{ACCOUNT}:key/{a}-{b}-{c}-{d}-{e}", self.region));
        let policy = json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": root() },
            "Action": "kms:*",
            "Resource": "*",
        }] });
        let key = Key { description, policy: policy.to_string(), rotation: None, purged_at: None, tags };
        self.keys.insert(arn.clone(), key);
        Ok(CreateKeyOutput { arn })
    }

    pub(crate) fn describe_key(&mut self, call: DescribeKey) -> Answer<DescribeKeyOutput> {
        let wanted = call.key_id;
        let by_alias = self.aliases.get(&KmsAlias::reported(wanted.as_str()));
        let found = self.keys.iter().find(|(arn, _)| Some(*arn) == by_alias || is_called(arn, &wanted));
        let (arn, key) = known(found, "NotFoundException", || missing(&wanted))?;
        let state = if key.purged_at.is_some() { "PendingDeletion" } else { "Enabled" };
        let key = KeyDescription { arn: arn.clone(), description: key.description.clone(), state: state.to_owned() };
        Ok(DescribeKeyOutput { key })
    }

    pub(crate) fn list_keys(&mut self, _: ListKeys) -> Answer<ListKeysOutput> {
        Ok(ListKeysOutput { keys: self.keys.keys().cloned().collect() })
    }

    pub(crate) fn update_key_description(&mut self, call: UpdateKeyDescription) -> Answer<UpdateKeyDescriptionOutput> {
        check_description(&call.description)?;
        self.usable(&call.key_id)?.description = call.description;
        Ok(UpdateKeyDescriptionOutput {})
    }

    pub(crate) fn get_key_policy(&mut self, call: GetKeyPolicy) -> Answer<GetKeyPolicyOutput> {
        Ok(GetKeyPolicyOutput { policy: self.key(&call.key_id)?.policy.clone() })
    }

    pub(crate) fn put_key_policy(&mut self, call: PutKeyPolicy) -> Answer<PutKeyPolicyOutput> {
        let PutKeyPolicy { key_id, policy } = call;
        check_policy(&policy)?;
        self.usable(&key_id)?.policy = policy;
        Ok(PutKeyPolicyOutput {})
    }

    pub(crate) fn get_key_rotation_status(&mut self, call: GetKeyRotationStatus) -> Answer<GetKeyRotationStatusOutput> {
        let key = self.key(&call.key_id)?;
        // A key that is to be deleted is not rotated.
        Ok(GetKeyRotationStatusOutput { period: key.rotation.filter(|_| key.purged_at.is_none()) })
    }

    pub(crate) fn enable_key_rotation(&mut self, call: EnableKeyRotation) -> Answer<EnableKeyRotationOutput> {
        let key = self.usable(&call.key_id)?;
        require((90..=2560).contains(&call.period.get()), "ValidationException", || {
            "RotationPeriodInDays must be between 90 and 2560.".to_owned()
        })?;
        key.rotation = Some(call.period);
        Ok(EnableKeyRotationOutput {})
    }

    pub(crate) fn create_alias(&mut self, call: CreateAlias) -> Answer<CreateAliasOutput> {
        let CreateAlias { key_id, alias } = call;
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let name = alias.as_str().strip_prefix("alias/").unwrap_or_default();
        require((1..=250).contains(&name.len()) && name.bytes().all(well_formed), "InvalidAliasNameException", || {
            "Alias must start with the prefix \"alias/\", and have letters, digits, /, _ and - only.".to_owned()
        })?;
        require(!name.starts_with("aws/"), "NotAuthorizedException", || {
            "Alias names that begin with alias/aws/ are reserved.".to_owned()
        })?;
        self.usable(&key_id)?;
        if let Some(owner) = self.aliases.get(&alias) {
            let message = format!("An alias with the name {alias} already exists, for the key {owner}");
            return refuse("AlreadyExistsException", message);
        }
        self.aliases.insert(alias, key_id);
        Ok(CreateAliasOutput {})
    }

    pub(crate) fn list_aliases(&mut self, call: ListAliases) -> Answer<ListAliasesOutput> {
        self.key(&call.key_id)?;
        let aliases = self.aliases.iter().filter(|(_, key)| **key == call.key_id);
        Ok(ListAliasesOutput { aliases: aliases.map(|(alias, _)| alias.clone()).collect() })
    }

    pub(crate) fn delete_alias(&mut self, call: DeleteAlias) -> Answer<DeleteAliasOutput> {
        let gone = self.aliases.remove(&call.alias);
        known(gone, "NotFoundException", || {
            format!("Alias arn:aws:kms:{}:{ACCOUNT}:{} is not found.", self.region, call.alias)
        })?;
        Ok(DeleteAliasOutput {})
    }

    pub(crate) fn list_resource_tags(&mut self, call: ListResourceTags) -> Answer<ListResourceTagsOutput> {
        Ok(ListResourceTagsOutput { tags: self.key(&call.key_id)?.tags.clone() })
    }

    pub(crate) fn tag_key(&mut self, call: TagKey) -> Answer<TagKeyOutput> {
        let key = self.usable(&call.key_id)?;
        let tags = tags::merged(&key.tags, &call.tags);
        tags::check_key(&tags)?;
        key.tags = tags;
        Ok(TagKeyOutput {})
    }

    pub(crate) fn untag_key(&mut self, call: UntagKey) -> Answer<UntagKeyOutput> {
        let key = self.usable(&call.key_id)?;
        key.tags = tags::without(&key.tags, &call.keys);
        Ok(UntagKeyOutput {})
    }

    pub(crate) fn schedule_key_deletion(&mut self, call: ScheduleKeyDeletion) -> Answer<ScheduleKeyDeletionOutput> {
        let (days, now) = (call.window.get(), self.now);
        let key = self.usable(&call.key_id)?;
        require((7..=30).contains(&days), "ValidationException", || {
            "PendingWindowInDays must be between 7 and 30.".to_owned()
        })?;
        key.purged_at = Some(now + Millis::from(days) * DAY);
        Ok(ScheduleKeyDeletionOutput {})
    }

    /// What keeps `service` from using the key, if anything does. Of a key of another account or region nothing is known here.
    pub(crate) fn key_problem(&self, arn: &KmsKeyArn, service: &str) -> Option<String> {
        let key = match self.own_key(arn)? {
            Ok(key) => key,
            Err(problem) => return Some(problem),
        };
        let host = Json::from(format!("{service}.{}.amazonaws.com", self.region));
        let policy: Json = serde_json::from_str(&key.policy).unwrap_or_default();
        let allows = |statement: &Json| {
            let through = &statement["Condition"]["StringEquals"]["kms:ViaService"];
            let is_through = match through {
                // Without a condition, IAM decides, and whoever calls here is the account's administrator.
                Json::Null => statement["Action"] == "kms:*",
                services => texts(services).any(|text| *text == host),
            };
            statement["Effect"] == "Allow"
                && texts(&statement["Principal"]["AWS"]).any(|text| *text == root() || *text == "*")
                && is_through
        };
        let allowed = texts(&policy["Statement"]).any(allows);
        (!allowed).then(|| format!("The policy of the key {arn} does not allow its use through {service}."))
    }

    /// What keeps CloudWatch Logs from using the key for the log group `log_group`, if anything does.
    pub(crate) fn log_key_problem(&self, arn: &KmsKeyArn, log_group: &str) -> Option<String> {
        let key = match self.own_key(arn)? {
            Ok(key) => key,
            Err(problem) => return Some(problem),
        };
        let host = Json::from(format!("logs.{}.amazonaws.com", self.region));
        let policy: Json = serde_json::from_str(&key.policy).unwrap_or_default();
        let allows = |statement: &Json| {
            let context = &statement["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"];
            statement["Effect"] == "Allow"
                && texts(&statement["Principal"]["Service"]).any(|text| *text == host)
                && (statement["Condition"].is_null() || texts(context).any(|text| text == log_group))
        };
        let allowed = texts(&policy["Statement"]).any(allows);
        (!allowed).then(|| {
            format!("The specified KMS key does not exist or is not allowed to be used with Arn '{log_group}'")
        })
    }

    /// A key of this account and region, or why it cannot be used.
    fn own_key(&self, arn: &KmsKeyArn) -> Option<Result<&Key, String>> {
        arn.as_str().strip_prefix(&format!("arn:aws:kms:{}:{ACCOUNT}:", self.region))?;
        Some(match self.keys.get(&id(arn.as_str())) {
            None => Err(missing(arn.as_str())),
            Some(key) if key.purged_at.is_some() => Err(format!("{arn} is pending deletion.")),
            Some(key) => Ok(key),
        })
    }

    fn key(&mut self, arn: &KeyId) -> Answer<&mut Key> {
        known(self.keys.get_mut(arn), "NotFoundException", || missing(arn.as_str()))
    }

    /// The key `arn`, as a call that changes it finds it.
    fn usable(&mut self, arn: &KeyId) -> Answer<&mut Key> {
        let key = self.key(arn)?;
        require(key.purged_at.is_none(), "KMSInvalidStateException", || format!("{arn} is pending deletion."))?;
        Ok(key)
    }
}

/// The account, as policies name it.
fn root() -> String {
    format!("arn:aws:iam::{ACCOUNT}:root")
}

/// Whether the key goes by `name`, which is its ARN or the end of that.
fn is_called(arn: &KeyId, name: &str) -> bool {
    arn.as_str() == name || arn.as_str().rsplit_once(":key/").is_some_and(|(_, key_id)| key_id == name)
}

/// What stands in a list, or by itself.
fn texts(json: &Json) -> impl Iterator<Item = &Json> {
    match json {
        Json::Array(items) => items.iter(),
        Json::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

fn missing(name: &str) -> String {
    match name.starts_with("alias/") {
        true => format!("Alias {name} is not found."),
        false => format!("Key '{name}' does not exist"),
    }
}

fn check_description(description: &str) -> Answer<()> {
    require(description.chars().count() <= 8192, "ValidationException", || {
        "The description has up to 8192 characters.".to_owned()
    })
}

/// KMS refuses a policy by which nobody could change the policy any more.
fn check_policy(policy: &str) -> Answer<()> {
    let document: Json = serde_json::from_str(policy).unwrap_or_default();
    require(
        policy.len() <= LONGEST_POLICY && document["Statement"].is_array(),
        "MalformedPolicyDocumentException",
        || "The specified policy is not syntactically correct.".to_owned(),
    )?;
    let leaves = |statement: &Json| {
        statement["Effect"] == "Allow"
            && texts(&statement["Principal"]["AWS"]).any(|text| *text == root() || *text == "*")
            && texts(&statement["Action"])
                .any(|text| *text == "*" || *text == "kms:*" || *text == "kms:Put*" || *text == "kms:PutKeyPolicy")
    };
    require(texts(&document["Statement"]).any(leaves), "MalformedPolicyDocumentException", || {
        "The new key policy will not allow you to update the key policy in the future.".to_owned()
    })
}
