//! Roles of IAM.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{
        CreateRole, CreateRoleOutput, DeleteRole, DeleteRoleOutput, DeleteRolePolicy, DeleteRolePolicyOutput, GetRole,
        GetRoleOutput, GetRolePolicy, GetRolePolicyOutput, PutRolePolicy, PutRolePolicyOutput, TagRole, TagRoleOutput,
        UntagRole, UntagRoleOutput, UpdateAssumeRolePolicy, UpdateAssumeRolePolicyOutput,
    },
    shapes::RoleDescription,
    types::{PolicyDocument, RoleArn, RoleName, Tags},
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    account::Account,
    clock::{Millis, ROLE_KNOWN},
    ids::{ACCOUNT, RoleId, id},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many roles an account has at most.
const QUOTA: usize = 1_000;
/// How many characters all policies in a role have at most, not counting white space.
const POLICIES: usize = 10_240;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Role {
    trust: Changing,
    policies: BTreeMap<String, Changing>,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

/// A policy, and what was there before the last change, which descriptions tell of for a while.
#[derive(Debug, Deserialize, Serialize)]
struct Changing {
    policy: PolicyDocument,
    before: Option<PolicyDocument>,
    changed: Millis,
}

impl Account {
    pub(crate) fn create_role(&mut self, call: CreateRole) -> Answer<CreateRoleOutput> {
        let CreateRole { role_name, assume_role_policy, tags } = call;
        tags::check_role(&tags)?;
        require(RoleName::new(role_name.as_str()).is_ok(), "ValidationError", || {
            "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-"
                .to_owned()
        })?;
        check_policy(&assume_role_policy)?;
        let role: RoleId = id(role_name.as_str());
        // Names are told apart without regard to case.
        let is_taken = self.roles.keys().any(|other| other.as_str().eq_ignore_ascii_case(role.as_str()));
        require(!is_taken, "EntityAlreadyExists", || format!("Role with name {role} already exists."))?;
        require(self.roles.len() < QUOTA, "LimitExceeded", || {
            format!("Cannot exceed quota for RolesPerAccount: {QUOTA}")
        })?;
        let trust = Changing { policy: assume_role_policy, before: None, changed: self.now };
        self.roles.insert(role, Role { trust, policies: BTreeMap::new(), tags, made: self.now });
        Ok(CreateRoleOutput {})
    }

    pub(crate) fn get_role(&mut self, call: GetRole) -> Answer<GetRoleOutput> {
        let role = self.role(&call.role_name)?;
        let trust = self.told(&role.trust).unwrap_or(&role.trust.policy);
        let role = RoleDescription {
            arn: arn(&call.role_name),
            assume_role_policy: trust.clone(),
            tags: role.tags.clone(),
            name: call.role_name,
        };
        Ok(GetRoleOutput { role })
    }

    pub(crate) fn update_assume_role_policy(
        &mut self,
        call: UpdateAssumeRolePolicy,
    ) -> Answer<UpdateAssumeRolePolicyOutput> {
        check_policy(&call.policy)?;
        let now = self.now;
        self.role_mut(&call.role_name)?.trust.change(call.policy, now);
        Ok(UpdateAssumeRolePolicyOutput {})
    }

    pub(crate) fn put_role_policy(&mut self, call: PutRolePolicy) -> Answer<PutRolePolicyOutput> {
        let PutRolePolicy { role_name, policy_name, policy } = call;
        check_policy(&policy)?;
        let now = self.now;
        let role = self.role_mut(&role_name)?;
        let others = role.policies.iter().filter(|(name, _)| **name != policy_name).map(|(_, other)| &other.policy);
        let length: usize = others.chain([&policy]).map(|policy| policy.to_string().len()).sum();
        require(length <= POLICIES, "LimitExceeded", || {
            format!("Maximum policy size of {POLICIES} bytes exceeded for role {role_name}")
        })?;
        match role.policies.get_mut(&policy_name) {
            Some(changing) => changing.change(policy, now),
            None => {
                role.policies.insert(policy_name, Changing { policy, before: None, changed: now });
            }
        }
        Ok(PutRolePolicyOutput {})
    }

    pub(crate) fn get_role_policy(&mut self, call: GetRolePolicy) -> Answer<GetRolePolicyOutput> {
        let GetRolePolicy { role_name, policy_name } = call;
        let policy = self.role(&role_name)?.policies.get(&policy_name).and_then(|policy| self.told(policy));
        let policy = known(policy, "NoSuchEntity", || no_policy(&policy_name))?;
        Ok(GetRolePolicyOutput { policy: policy.clone() })
    }

    pub(crate) fn delete_role_policy(&mut self, call: DeleteRolePolicy) -> Answer<DeleteRolePolicyOutput> {
        let policy = self.role_mut(&call.role_name)?.policies.remove(&call.policy_name);
        known(policy, "NoSuchEntity", || no_policy(&call.policy_name))?;
        Ok(DeleteRolePolicyOutput {})
    }

    pub(crate) fn delete_role(&mut self, call: DeleteRole) -> Answer<DeleteRoleOutput> {
        let role = self.role(&call.role_name)?;
        require(role.policies.is_empty(), "DeleteConflict", || {
            "Cannot delete entity, must delete policies first.".to_owned()
        })?;
        self.roles.remove(&call.role_name);
        Ok(DeleteRoleOutput {})
    }

    pub(crate) fn tag_role(&mut self, call: TagRole) -> Answer<TagRoleOutput> {
        let role = self.role_mut(&call.role_name)?;
        let tags = tags::merged(&role.tags, &call.tags);
        tags::check_role(&tags)?;
        role.tags = tags;
        Ok(TagRoleOutput {})
    }

    pub(crate) fn untag_role(&mut self, call: UntagRole) -> Answer<UntagRoleOutput> {
        let role = self.role_mut(&call.role_name)?;
        role.tags = tags::without(&role.tags, &call.keys);
        Ok(UntagRoleOutput {})
    }

    /// Refuses a role that flow logs cannot take on, or not yet: EC2 hears of a role, and of whom it trusts, after a while.
    pub(crate) fn check_flow_log_role(&self, wanted: &RoleArn) -> Answer<()> {
        let mut roles = self.roles.iter();
        let trust = roles.find(|(name, _)| arn(name) == *wanted).map(|(_, role)| &role.trust);
        let is_heard_of = |trust: &&Changing| self.now >= trust.changed + ROLE_KNOWN;
        match trust.filter(is_heard_of) {
            Some(trust) if trusts_flow_logs(&trust.policy, &self.region) => Ok(()),
            _ => refuse("InvalidParameter", "Unable to assume given IAM role"),
        }
    }

    fn role(&self, id: &RoleId) -> Answer<&Role> {
        let role = self.roles.get(id).filter(|role| self.shows(role.made));
        known(role, "NoSuchEntity", || no_role(id))
    }

    fn role_mut(&mut self, id: &RoleId) -> Answer<&mut Role> {
        self.role(id)?;
        known(self.roles.get_mut(id), "NoSuchEntity", || no_role(id))
    }

    /// The policy as a description tells it; `None` for one that is not to be seen yet.
    fn told<'a>(&self, changing: &'a Changing) -> Option<&'a PolicyDocument> {
        if self.shows(changing.changed) { Some(&changing.policy) } else { changing.before.as_ref() }
    }
}

impl Changing {
    fn change(&mut self, policy: PolicyDocument, now: Millis) {
        self.before = Some(std::mem::replace(&mut self.policy, policy));
        self.changed = now;
    }
}

fn arn(role: &RoleId) -> RoleArn {
    RoleArn::reported(format!("arn:aws:iam::{ACCOUNT}:role/{role}"))
}

fn no_role(role: &RoleId) -> String {
    format!("The role with name {role} cannot be found.")
}

fn no_policy(policy: &str) -> String {
    format!("The role policy with name {policy} cannot be found.")
}

/// Refuses what is no policy.
fn check_policy(policy: &PolicyDocument) -> Answer<()> {
    let statements = policy.as_json().get("Statement").and_then(Json::as_array);
    let is_whole = |statement: &Json| statement.get("Effect").is_some() && statement.get("Action").is_some();
    let is_policy = statements.is_some_and(|statements| !statements.is_empty() && statements.iter().all(is_whole));
    require(is_policy, "MalformedPolicyDocument", || "Syntax errors in policy.".to_owned())
}

/// Whether a flow log of the account may take on a role with this policy.
fn trusts_flow_logs(policy: &PolicyDocument, region: &str) -> bool {
    let allows = |statement: &Json| {
        let condition = |path: &str| statement.pointer(path).and_then(Json::as_str);
        let source = format!("arn:aws:ec2:{region}:{ACCOUNT}:vpc-flow-log/");
        statement["Effect"] == "Allow"
            && statement["Action"] == "sts:AssumeRole"
            && statement["Principal"]["Service"] == "vpc-flow-logs.amazonaws.com"
            && condition("/Condition/StringEquals/aws:SourceAccount").is_none_or(|account| account == ACCOUNT)
            && condition("/Condition/ArnLike/aws:SourceArn").is_none_or(|arn| arn.starts_with(&source))
    };
    policy.as_json()["Statement"].as_array().is_some_and(|statements| statements.iter().any(allows))
}
