//! Secrets Manager. Unlike those of ElastiCache, its inputs and outputs hide their secrets when they are formatted.

use std::collections::HashMap;

use aws_sdk_secretsmanager::{Client, types::Tag};
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

use crate::{
    answer::{id, present},
    failure::Failure,
    service::{Call, Service},
};

type Secrets = Service<Client>;

impl Call for CreateSecret {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<CreateSecretOutput, Failure> {
        let Self { name, description, kms_key_id, client_request_token, tags } = self;
        let request = secrets
            .sdk
            .create_secret()
            .name(name.as_str())
            .set_description(description)
            .set_kms_key_id(kms_key_id.map(|key| key.to_string()))
            .client_request_token(client_request_token)
            .set_tags(Some(sent(&tags)));
        let answer = secrets.call(request.send()).await?;
        Ok(CreateSecretOutput { arn: id(answer.arn, "ARN")? })
    }
}

impl Call for DescribeSecret {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<DescribeSecretOutput, Failure> {
        let secret = secrets.call(secrets.sdk.describe_secret().secret_id(self.secret_id).send()).await?;
        let pairs = secret.tags.into_iter().flatten();
        let tags = pairs.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
        let secret = SecretDescription {
            arn: id(secret.arn, "ARN")?,
            name: present(secret.name, "Name")?,
            description: secret.description,
            kms_key_id: secret.kms_key_id.map(KmsKeyArn::reported),
            deleted: secret.deleted_date.is_some(),
            version_ids: versions(secret.version_ids_to_stages.unwrap_or_default()),
            tags: Tags::reported(tags),
        };
        Ok(DescribeSecretOutput { secret })
    }
}

/// The versions, the current one first.
fn versions(stages: HashMap<String, Vec<String>>) -> Vec<String> {
    let mut versions: Vec<_> = stages
        .into_iter()
        .map(|(version, stages)| (!stages.iter().any(|stage| stage == "AWSCURRENT"), version))
        .collect();
    versions.sort();
    versions.into_iter().map(|(_, version)| version).collect()
}

impl Call for UpdateSecret {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<UpdateSecretOutput, Failure> {
        let Self { secret_id, description, kms_key_id } = self;
        let request = secrets
            .sdk
            .update_secret()
            .secret_id(secret_id.as_str())
            .set_description(description)
            .set_kms_key_id(kms_key_id.map(|key| key.to_string()));
        secrets.call(request.send()).await?;
        Ok(UpdateSecretOutput {})
    }
}

impl Call for PutSecretValue {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<PutSecretValueOutput, Failure> {
        let Self { secret_id, client_request_token, value } = self;
        let request = secrets
            .sdk
            .put_secret_value()
            .secret_id(secret_id.as_str())
            .client_request_token(client_request_token)
            .secret_string(value.expose_secret());
        let answer = secrets.call(request.send()).await?;
        Ok(PutSecretValueOutput { version_id: present(answer.version_id, "VersionId")? })
    }
}

impl Call for GetSecretValue {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<GetSecretValueOutput, Failure> {
        let Self { secret_id, version_id } = self;
        let request = secrets.sdk.get_secret_value().secret_id(secret_id.as_str()).version_id(version_id);
        let answer = secrets.call(request.send()).await?;
        Ok(GetSecretValueOutput { value: present(answer.secret_string, "SecretString")?.into() })
    }
}

impl Call for GetRandomPassword {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<GetRandomPasswordOutput, Failure> {
        let Self { length, exclude_punctuation } = self;
        let request = secrets.sdk.get_random_password().password_length(length.into());
        let answer = secrets.call(request.exclude_punctuation(exclude_punctuation).send()).await?;
        Ok(GetRandomPasswordOutput { value: present(answer.random_password, "RandomPassword")?.into() })
    }
}

impl Call for DeleteSecret {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<DeleteSecretOutput, Failure> {
        let Self { secret_id, recovery_window } = self;
        let request = secrets.sdk.delete_secret().secret_id(secret_id.as_str());
        let request = match recovery_window.get() {
            0 => request.force_delete_without_recovery(true),
            days => request.recovery_window_in_days(days.into()),
        };
        secrets.call(request.send()).await?;
        Ok(DeleteSecretOutput {})
    }
}

impl Call for RestoreSecret {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<RestoreSecretOutput, Failure> {
        secrets.call(secrets.sdk.restore_secret().secret_id(self.secret_id.as_str()).send()).await?;
        Ok(RestoreSecretOutput {})
    }
}

impl Call for TagResource {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<TagResourceOutput, Failure> {
        let Self { secret_id, tags } = self;
        let request = secrets.sdk.tag_resource().secret_id(secret_id.as_str()).set_tags(Some(sent(&tags)));
        secrets.call(request.send()).await?;
        Ok(TagResourceOutput {})
    }
}

impl Call for UntagResource {
    type Client = Client;

    async fn send(self, secrets: &Secrets) -> Result<UntagResourceOutput, Failure> {
        let Self { secret_id, keys } = self;
        let request = secrets.sdk.untag_resource().secret_id(secret_id.as_str()).set_tag_keys(Some(keys));
        secrets.call(request.send()).await?;
        Ok(UntagResourceOutput {})
    }
}

fn sent(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_version_comes_first() {
        let stages = [("a", "AWSPREVIOUS"), ("c", "AWSCURRENT"), ("b", "AWSPENDING")];
        let stages = stages.map(|(version, stage)| (version.to_owned(), vec![stage.to_owned()]));
        assert_eq!(versions(stages.into()), ["c", "a", "b"]);
    }
}
