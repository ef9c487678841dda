//! IAM, which is the same in all regions.

use aws_sdk_iam::{Client, types::Tag};
use palisade_aws::{
    operations::{
        CreateRole, CreateRoleOutput, DeleteRole, DeleteRoleOutput, DeleteRolePolicy, DeleteRolePolicyOutput, GetRole,
        GetRoleOutput, GetRolePolicy, GetRolePolicyOutput, PutRolePolicy, PutRolePolicyOutput, TagRole, TagRoleOutput,
        UntagRole, UntagRoleOutput, UpdateAssumeRolePolicy, UpdateAssumeRolePolicyOutput,
    },
    shapes::RoleDescription,
    types::{PolicyDocument, RoleArn, Tags},
};

use crate::{
    answer::{id, present},
    failure::Failure,
    service::{Call, Service},
};

type Iam = Service<Client>;

impl Call for CreateRole {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<CreateRoleOutput, Failure> {
        let Self { role_name, assume_role_policy, tags } = self;
        let request = iam.sdk.create_role().role_name(role_name.as_str());
        let request = request.assume_role_policy_document(assume_role_policy.to_string());
        iam.call(request.set_tags(Some(sent(&tags))).send()).await?;
        Ok(CreateRoleOutput {})
    }
}

impl Call for GetRole {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<GetRoleOutput, Failure> {
        let answer = iam.call(iam.sdk.get_role().role_name(self.role_name.as_str()).send()).await?;
        let role = present(answer.role, "Role")?;
        let tags = role.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect();
        let policy = present(role.assume_role_policy_document, "AssumeRolePolicyDocument")?;
        let role = RoleDescription {
            name: id(Some(role.role_name), "RoleName")?,
            arn: RoleArn::reported(role.arn),
            assume_role_policy: read(&policy),
            tags: Tags::reported(tags),
        };
        Ok(GetRoleOutput { role })
    }
}

impl Call for UpdateAssumeRolePolicy {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<UpdateAssumeRolePolicyOutput, Failure> {
        let Self { role_name, policy } = self;
        let request = iam.sdk.update_assume_role_policy().role_name(role_name.as_str());
        iam.call(request.policy_document(policy.to_string()).send()).await?;
        Ok(UpdateAssumeRolePolicyOutput {})
    }
}

impl Call for PutRolePolicy {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<PutRolePolicyOutput, Failure> {
        let Self { role_name, policy_name, policy } = self;
        let request = iam.sdk.put_role_policy().role_name(role_name.as_str()).policy_name(policy_name);
        iam.call(request.policy_document(policy.to_string()).send()).await?;
        Ok(PutRolePolicyOutput {})
    }
}

impl Call for GetRolePolicy {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<GetRolePolicyOutput, Failure> {
        let Self { role_name, policy_name } = self;
        let request = iam.sdk.get_role_policy().role_name(role_name.as_str()).policy_name(policy_name);
        let answer = iam.call(request.send()).await?;
        Ok(GetRolePolicyOutput { policy: read(&answer.policy_document) })
    }
}

impl Call for DeleteRolePolicy {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<DeleteRolePolicyOutput, Failure> {
        let Self { role_name, policy_name } = self;
        let request = iam.sdk.delete_role_policy().role_name(role_name.as_str()).policy_name(policy_name);
        iam.call(request.send()).await?;
        Ok(DeleteRolePolicyOutput {})
    }
}

impl Call for DeleteRole {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<DeleteRoleOutput, Failure> {
        iam.call(iam.sdk.delete_role().role_name(self.role_name.as_str()).send()).await?;
        Ok(DeleteRoleOutput {})
    }
}

impl Call for TagRole {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<TagRoleOutput, Failure> {
        let Self { role_name, tags } = self;
        iam.call(iam.sdk.tag_role().role_name(role_name.as_str()).set_tags(Some(sent(&tags))).send()).await?;
        Ok(TagRoleOutput {})
    }
}

impl Call for UntagRole {
    type Client = Client;

    async fn send(self, iam: &Iam) -> Result<UntagRoleOutput, Failure> {
        let Self { role_name, keys } = self;
        iam.call(iam.sdk.untag_role().role_name(role_name.as_str()).set_tag_keys(Some(keys)).send()).await?;
        Ok(UntagRoleOutput {})
    }
}

fn sent(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.iter().map(|pair| tag(pair).expect("the key and the value, which are all that is required, are set")).collect()
}

/// A policy as IAM answers with it, which is encoded as in an URL.
fn read(encoded: &str) -> PolicyDocument {
    let text = decoded(encoded).unwrap_or_else(|| encoded.to_owned());
    PolicyDocument::reported(&text)
}

/// The text without its percent-encoding; `None` where that is none.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, next)) = rest.split_first() {
        let (byte, next) = match (first, next) {
            (b'%', [high, low, next @ ..]) => {
                let digits = [*high, *low];
                (u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?, next)
            }
            (b'%', _) => return None,
            (byte, next) => (*byte, next),
        };
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_encoded_or_not() {
        let policy = PolicyDocument::reported(r#"{"Version":"2012-10-17","Statement":[]}"#);
        assert_eq!(read("%7B%22Version%22%3A%222012-10-17%22%2C%20%22Statement%22%3A%5B%5D%7D"), policy);
        assert_eq!(read(r#"{ "Version": "2012-10-17", "Statement": [] }"#), policy);
        assert_ne!(read("%7B%22Version"), policy);
    }

    #[test]
    fn what_is_no_encoding_is_told_as_none() {
        assert_eq!(decoded("a%C3%A4+b").as_deref(), Some("aä+b"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
