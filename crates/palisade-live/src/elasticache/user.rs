//! Users.

use aws_sdk_elasticache::{
    Client,
    types::{self, AuthenticationMode, InputAuthenticationType},
};
use palisade_aws::{
    operations::{
        CreateUser, CreateUserOutput, DeleteUser, DeleteUserOutput, DescribeUsers, DescribeUsersOutput, ModifyUser,
        ModifyUserOutput,
    },
    shapes::{Credentials, UserDescription},
    types::Arn,
};
use secrecy::ExposeSecret;

use super::{ElastiCache, PAGE, describe, engine, tags};
use crate::{
    answer::{each, id, ids, known, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateUser {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<CreateUserOutput, Failure> {
        let Self { user_id, user_name, engine, access_string, credentials, tags } = self;
        let request = cache
            .sdk
            .create_user()
            .user_id(user_id.as_str())
            .user_name(user_name.as_str())
            .engine(engine.as_str())
            .access_string(access_string.as_str())
            .set_tags(tags::sent(&tags))
            .authentication_mode(mode(&credentials));
        cache.call(request.send()).await?;
        Ok(CreateUserOutput {})
    }
}

/// How a user logs in. What this returns prints the passwords when it is formatted.
fn mode(credentials: &Credentials) -> AuthenticationMode {
    let mode = AuthenticationMode::builder();
    match credentials {
        Credentials::Iam => mode.r#type(InputAuthenticationType::Iam),
        Credentials::NoPassword => mode.r#type(InputAuthenticationType::NoPassword),
        Credentials::Passwords(passwords) => {
            let passwords = passwords.iter().map(|password| password.expose_secret().to_owned()).collect();
            mode.r#type(InputAuthenticationType::Password).set_passwords(Some(passwords))
        }
    }
    .build()
}

impl Call for DescribeUsers {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeUsersOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_users().set_user_id(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.users, page.marker))
        };
        let found = describe(self.ids, ask, |user: &types::User| user.user_id.as_ref());
        Ok(DescribeUsersOutput { users: each(found.await?, description)? })
    }
}

fn description(user: types::User) -> Result<UserDescription, Failure> {
    let authentication = present(user.authentication, "Authentication")?;
    Ok(UserDescription {
        id: id(user.user_id, "UserId")?,
        user_name: present(user.user_name, "UserName")?,
        status: present(user.status, "Status")?,
        engine: known(user.engine, "Engine", engine)?,
        access_string: present(user.access_string, "AccessString")?,
        authentication_type: present(authentication.r#type, "Authentication.Type")?.as_str().to_owned(),
        password_count: authentication.password_count.and_then(|count| u8::try_from(count).ok()).unwrap_or_default(),
        user_group_ids: ids(user.user_group_ids, "UserGroupIds")?,
        arn: Arn::reported(present(user.arn, "ARN")?),
    })
}

impl Call for ModifyUser {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyUserOutput, Failure> {
        let Self { user_id, engine, access_string, credentials } = self;
        let request = cache
            .sdk
            .modify_user()
            .user_id(user_id.as_str())
            .set_engine(engine.map(|engine| engine.to_string()))
            .set_access_string(access_string.map(|text| text.to_string()))
            .set_authentication_mode(credentials.as_ref().map(mode));
        cache.call(request.send()).await?;
        Ok(ModifyUserOutput {})
    }
}

impl Call for DeleteUser {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DeleteUserOutput, Failure> {
        cache.call(cache.sdk.delete_user().user_id(self.user_id.as_str()).send()).await?;
        Ok(DeleteUserOutput {})
    }
}
