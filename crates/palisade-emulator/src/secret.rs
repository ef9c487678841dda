//! Secrets Manager.

use palisade_aws::{
    operations::{
        CreateSecret, CreateSecretOutput, DeleteSecret, DeleteSecretOutput, DescribeSecret, DescribeSecretOutput,
        GetRandomPassword, GetRandomPasswordOutput, GetSecretValue, GetSecretValueOutput, PutSecretValue,
        PutSecretValueOutput, RestoreSecret, RestoreSecretOutput, TagResource, TagResourceOutput, UntagResource,
        UntagResourceOutput, UpdateSecret, UpdateSecretOutput,
    },
    shapes::SecretDescription,
    types::{KmsKeyArn, Tags},
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    clock::{DAY, Millis, NAME_FREED},
    ids::{ACCOUNT, SecretId, id},
    refusal::{Answer, known, refuse, require},
    tags,
    vault::{Sealed, random_password},
};

/// How many bytes a value has at most.
const LARGEST: usize = 65_536;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key_id: Option<KmsKeyArn>,
    /// The versions with their ids, the newest last.
    pub(crate) versions: Vec<(String, Sealed)>,
    /// When it is gone for good, if its deletion is scheduled.
    pub(crate) purged_at: Option<Millis>,
    pub(crate) tags: Tags,
}

impl Account {
    pub(crate) fn create_secret(&mut self, call: CreateSecret) -> Answer<CreateSecretOutput> {
        let CreateSecret { name, description, kms_key_id, client_request_token, tags } = call;
        check_token(&client_request_token)?;
        tags::check_secret(&tags)?;
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
        let name = name.as_str().to_owned();
        require((1..=512).contains(&name.len()) && name.bytes().all(well_formed), "InvalidParameterException", || {
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
                .to_owned()
        })?;
        match self.secrets.values().find(|secret| secret.name == name) {
            Some(secret) if secret.purged_at.is_some() => {
                return refuse(
                    "InvalidRequestException",
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                );
            }
            Some(_) => {
                return refuse(
                    "ResourceExistsException",
                    format!("The operation failed because the secret {name} already exists."),
                );
            }
            None => {}
        }
        require(!self.freed_names.contains_key(&name), "InvalidRequestException", || {
            "You can't create this secret because a secret with this name was deleted just now.".to_owned()
        })?;
        self.check_secret_key(kms_key_id.as_ref(), "InvalidParameterException")?;
        let digits = self.ids.digits(6);
        let arn: SecretId = id(format!("arn:aws:secretsmanager:{}:{ACCOUNT}:secret:{name}-{digits}", self.region));
        let secret = Secret { name, description, kms_key_id, versions: Vec::new(), purged_at: None, tags };
        self.secrets.insert(arn.clone(), secret);
        Ok(CreateSecretOutput { arn })
    }

    pub(crate) fn describe_secret(&mut self, call: DescribeSecret) -> Answer<DescribeSecretOutput> {
        let wanted = call.secret_id.as_str();
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|(arn, secret)| arn.as_str() == wanted || secret.name == wanted);
        let (arn, secret) = known(secret, "ResourceNotFoundException", cannot_find)?;
        let secret = SecretDescription {
            arn: arn.clone(),
            name: secret.name.clone(),
            description: secret.description.clone(),
            kms_key_id: secret.kms_key_id.clone(),
            deleted: secret.purged_at.is_some(),
            version_ids: secret.versions.iter().rev().map(|(version, _)| version.clone()).collect(),
            tags: secret.tags.clone(),
        };
        Ok(DescribeSecretOutput { secret })
    }

    pub(crate) fn update_secret(&mut self, call: UpdateSecret) -> Answer<UpdateSecretOutput> {
        self.check_secret_key(call.kms_key_id.as_ref(), "InvalidParameterException")?;
        let secret = self.secret(&call.secret_id)?;
        // What is not sent stays.
        secret.description = call.description.or_else(|| secret.description.take());
        secret.kms_key_id = call.kms_key_id.or_else(|| secret.kms_key_id.take());
        Ok(UpdateSecretOutput {})
    }

    pub(crate) fn put_secret_value(&mut self, call: PutSecretValue) -> Answer<PutSecretValueOutput> {
        let PutSecretValue { secret_id, client_request_token: version_id, value } = call;
        check_token(&version_id)?;
        let length = value.expose_secret().len();
        require((1..=LARGEST).contains(&length), "InvalidParameterException", || {
            format!("The secret value has {length} bytes, and 1 to {LARGEST} are allowed.")
        })?;
        let place = place(&secret_id, &version_id);
        let made_before = self.secret(&secret_id)?.versions.iter().find(|(version, _)| *version == version_id);
        if let Some((_, sealed)) = made_before.cloned() {
            let same = self.vault.unseal(&place, &sealed)?.expose_secret() == value.expose_secret();
            require(same, "ResourceExistsException", || {
                format!("A resource with the ID you requested already exists: version {version_id} has another value.")
            })?;
            return Ok(PutSecretValueOutput { version_id });
        }
        let key = self.secret(&secret_id)?.kms_key_id.clone();
        self.check_secret_key(key.as_ref(), "EncryptionFailure")?;
        let sealed = self.vault.seal(&place, &value)?;
        self.secret(&secret_id)?.versions.push((version_id.clone(), sealed));
        Ok(PutSecretValueOutput { version_id })
    }

    pub(crate) fn get_secret_value(&mut self, call: GetSecretValue) -> Answer<GetSecretValueOutput> {
        let GetSecretValue { secret_id, version_id } = call;
        let key = self.secret(&secret_id)?.kms_key_id.clone();
        self.check_secret_key(key.as_ref(), "DecryptionFailure")?;
        let version = self.secret(&secret_id)?.versions.iter().find(|(version, _)| *version == version_id).cloned();
        let (_, sealed) = known(version, "ResourceNotFoundException", || {
            format!("Secrets Manager can't find the specified secret value for VersionId: {version_id}")
        })?;
        Ok(GetSecretValueOutput { value: self.vault.unseal(&place(&secret_id, &version_id), &sealed)? })
    }

    pub(crate) fn get_random_password(&mut self, call: GetRandomPassword) -> Answer<GetRandomPasswordOutput> {
        Ok(GetRandomPasswordOutput { value: random_password(usize::from(call.length), !call.exclude_punctuation)? })
    }

    pub(crate) fn delete_secret(&mut self, call: DeleteSecret) -> Answer<DeleteSecretOutput> {
        let (days, now) = (call.recovery_window.get(), self.now);
        let secret = known(self.secrets.get_mut(&call.secret_id), "ResourceNotFoundException", cannot_find)?;
        match days {
            0 => {
                let name = secret.name.clone();
                self.secrets.remove(&call.secret_id);
                // Even "at once" takes AWS a moment, in which the name is not free.
                self.freed_names.insert(name, now + NAME_FREED);
            }
            7..=30 if secret.purged_at.is_some() => {
                return refuse(
                    "InvalidRequestException",
                    "You can't perform this operation on the secret because it was already scheduled for deletion.",
                );
            }
            7..=30 => secret.purged_at = Some(now + Millis::from(days) * DAY),
            _ => {
                return refuse(
                    "InvalidParameterException",
                    "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
                );
            }
        }
        Ok(DeleteSecretOutput {})
    }

    pub(crate) fn restore_secret(&mut self, call: RestoreSecret) -> Answer<RestoreSecretOutput> {
        let secret = known(self.secrets.get_mut(&call.secret_id), "ResourceNotFoundException", cannot_find)?;
        secret.purged_at = None;
        Ok(RestoreSecretOutput {})
    }

    pub(crate) fn tag_resource(&mut self, call: TagResource) -> Answer<TagResourceOutput> {
        let secret = self.secret(&call.secret_id)?;
        let tags = tags::merged(&secret.tags, &call.tags);
        tags::check_secret(&tags)?;
        secret.tags = tags;
        Ok(TagResourceOutput {})
    }

    pub(crate) fn untag_resource(&mut self, call: UntagResource) -> Answer<UntagResourceOutput> {
        let secret = self.secret(&call.secret_id)?;
        secret.tags = tags::without(&secret.tags, &call.keys);
        Ok(UntagResourceOutput {})
    }

    /// Refuses a key that Secrets Manager cannot use.
    fn check_secret_key(&self, key: Option<&KmsKeyArn>, code: &'static str) -> Answer<()> {
        let problem = key.and_then(|key| self.key_problem(key, "secretsmanager"));
        problem.map_or(Ok(()), |problem| refuse(code, problem))
    }

    /// The secret `arn`, as a call about it finds it; one that is to be deleted takes no calls.
    fn secret(&mut self, arn: &SecretId) -> Answer<&mut Secret> {
        let secret = known(self.secrets.get_mut(arn), "ResourceNotFoundException", cannot_find)?;
        require(secret.purged_at.is_none(), "InvalidRequestException", || {
            "You can't perform this operation on the secret because it was marked for deletion.".to_owned()
        })?;
        Ok(secret)
    }
}

/// Where a value stands: it can be decrypted for the same place only.
fn place(secret: &SecretId, version: &str) -> String {
    format!("{secret}|{version}")
}

fn cannot_find() -> String {
    "Secrets Manager can't find the specified secret.".to_owned()
}

fn check_token(token: &str) -> Answer<()> {
    require((32..=64).contains(&token.len()), "InvalidParameterException", || {
        "ClientRequestToken must be 32-64 characters long.".to_owned()
    })
}
