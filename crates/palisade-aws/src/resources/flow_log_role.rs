//! [`FlowLogRole`].

mod rules;

use std::{collections::BTreeMap, time::Duration};

use palisade_core::{
    Attributes, Graph, Handle, Id, Input, IntoInput, Json, Reference, Resource, Value,
    provider::{ProviderError, Repeated, Token},
    terraform::{Argument, Companion, TerraformResource},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    aws::is_transitional,
    calls::Calls,
    observe::{appear, found, gone, named, not_shown, once_seen, sync_tags, taken},
    operations::{
        CreateRole, DeleteRole, DeleteRolePolicy, GetRole, GetRolePolicy, Operation, PutRolePolicy, TagRole, UntagRole,
        UpdateAssumeRolePolicy,
    },
    shapes::RoleDescription,
    types::{LogGroupArn, Place, PolicyDocument, RoleArn, RoleName, Tags, Trust},
};

/// The role by which the flow logs of this account and region write to one log group, and to no other. Nobody else can take it
/// on, and it allows nothing else.
///
/// What it trusts and what it allows follow from the log group. Both are read back: a policy that somebody widens shows in the
/// next plan, and is put right by the next apply.
///
/// AWS: [CreateRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html),
/// [PutRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html)
///
/// ```
/// use palisade_aws::{log_group_arn, name, resources::FlowLogRole};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let log_group = log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs");
/// let role = stack.add("flow-logs", FlowLogRole::builder().name(name!("vpc-flow-logs")).log_group(log_group));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_iam_role",
    rules = rules::RULES,
    attributes = FlowLogRoleAttributes,
    terraform_with = terraform
)]
pub struct FlowLogRole {
    /// The name. The account has no other role of this name, in whatever region.
    #[field(replace, identity)]
    pub name: RoleName,
    /// The log group that flow logs may write to by this role: `&log_group`, or the ARN of one that exists. It is of the region
    /// and account of the stack.
    #[field(terraform = false)]
    pub log_group: LogGroupArn,
    /// Who may take on the role. No setter leads here.
    #[field(default = Trust::FLOW_LOGS, private, terraform = false)]
    pub trust: Trust,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`FlowLogRole`] has once it exists, beside its id, which is its name.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FlowLogRoleAttributes {
    /// The ARN.
    pub arn: RoleArn,
}

impl IntoInput<RoleArn> for &Handle<FlowLogRole> {
    fn into_input(self) -> Input<RoleArn> {
        self.arn().into_input()
    }
}

/// How long EC2 may take to hear of a role, and IAM to forget the policies of one.
pub(super) const PROPAGATED: Duration = Duration::from_mins(3);

/// The name of the role's one policy.
const POLICY: &str = "write-flow-logs";

/// What delivery to a log group takes, without the creation of one.
const ACTIONS: [&str; 4] =
    ["logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"];

/// Lets the flow logs of one account and region take on the role, and those of nobody else: without the conditions, the
/// service could be made to use it for a stranger.
fn trust(place: Place<'_>) -> PolicyDocument {
    let Place { partition, region, account } = place;
    PolicyDocument::of(json!([{
        "Effect": "Allow",
        "Principal": { "Service": Trust::FLOW_LOGS.as_str() },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account },
            "ArnLike": { "aws:SourceArn": format!("arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*") },
        },
    }]))
}

/// Allows to write to one log group. A group and its streams have the same ARN but for what follows.
fn permissions(log_group: &LogGroupArn) -> PolicyDocument {
    let streams = format!("{log_group}:*");
    PolicyDocument::of(json!([{ "Effect": "Allow", "Action": ACTIONS, "Resource": [log_group, streams] }]))
}

/// The log group that a policy is about. One that somebody has changed is no group's: it is told as it is.
fn log_group_of(policy: Option<&PolicyDocument>) -> LogGroupArn {
    let Some(policy) = policy else { return LogGroupArn::reported("no policy") };
    let group = policy.as_json().pointer("/Statement/0/Resource/0").and_then(Json::as_str).map(LogGroupArn::reported);
    group.filter(|group| permissions(group) == *policy).unwrap_or_else(|| LogGroupArn::reported(policy.to_string()))
}

/// The trust of a role that is in `region`, and the one that it should have.
fn trusts(role: &RoleDescription, region: &str) -> (Trust, PolicyDocument) {
    // A role is in all regions, and what it trusts in one.
    let wanted = trust(Place { region, ..Place::of(role.arn.as_str()).unwrap_or_default() });
    let found = &role.assume_role_policy;
    (if *found == wanted { Trust::FLOW_LOGS } else { Trust::reported(found) }, wanted)
}

/// Terraform learns the account and the region from the log group's ARN, as we do.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    let name = resource.address.name().to_owned();
    let (trust, permissions) = match resource.field("log_group") {
        Value::Reference(Reference { address, attribute }) => {
            let arn = format!("aws_cloudwatch_log_group.{}.{attribute}", address.name());
            let part = |number: u8| format!("${{split(\":\", {arn})[{number}]}}");
            let trust = trust(Place { partition: "<1>", region: "<3>", account: "<4>" }).to_string();
            let trust =
                [1, 3, 4].iter().fold(trust, |text, number| text.replace(&format!("<{number}>"), &part(*number)));
            let permissions = permissions(&LogGroupArn::reported("<arn>")).to_string();
            let permissions = permissions.replace("<arn>", &format!("${{{arn}}}"));
            let encoded = |text: String| Argument::Expression(format!("jsonencode({text})"));
            (encoded(trust), encoded(permissions))
        }
        literal => {
            let arn = LogGroupArn::reported(literal.as_json().and_then(Json::as_str).unwrap_or_default());
            let text = |policy: PolicyDocument| Argument::Value(Value::Json(policy.to_string().into()));
            (text(trust(Place::of(arn.as_str()).unwrap_or_default())), text(permissions(&arn)))
        }
    };
    resource.arguments.insert("assume_role_policy".to_owned(), trust);
    resource.import.companions = vec![("aws_iam_role_policy", "{id}:write-flow-logs")];
    resource.companions.push(Companion {
        block: "resource",
        resource_type: "aws_iam_role_policy",
        arguments: BTreeMap::from([
            ("name".to_owned(), Argument::Value(Value::Json(POLICY.into()))),
            ("policy".to_owned(), permissions),
            ("role".to_owned(), Argument::Expression(format!("aws_iam_role.{name}.id"))),
        ]),
    });
}

impl Lifecycle for FlowLogRole {
    type Observed = FlowLogRoleObserved;

    const CALLS: Calls = Calls {
        read: &[GetRole::CALL.each(1), GetRolePolicy::CALL.each(1)],
        find: &[GetRole::CALL.as_needed()],
        create: &[CreateRole::CALL.once()],
        converge: &[
            GetRole::CALL.as_needed(),
            UpdateAssumeRolePolicy::CALL.up_to(1).carried(&["trust"]),
            GetRolePolicy::CALL.as_needed(),
            PutRolePolicy::CALL.up_to(1).on(&["log_group"]),
            TagRole::CALL.up_to(1).carried(&["tags"]),
            UntagRole::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteRolePolicy::CALL.once(), DeleteRole::CALL.as_needed()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(3, 2, 2);

    /// Creates the role without its policy, so that a crash leaves either no role or one that `converge` completes.
    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { name, log_group, tags, trust: _ } = self;
        // The account is that of the log group, since nothing else tells it before there is a role.
        let place = Place { region: aws.region(), ..Place::of(log_group.as_str()).unwrap_or_default() };
        let request =
            CreateRole { role_name: name.clone(), assume_role_policy: trust(place), tags: tags.owned_by(token) };
        aws.call_until_settled(PROPAGATED, request).await.map_err(taken)?;
        named(name.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let role = role(aws, &named(self.name.as_str())?).await?;
        Ok(role.filter(|role| role.tags.are_of(token)).map(|role| role.name).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let mut snapshots = Vec::new();
        for id in ids {
            let Some(role) = role(aws, id).await? else {
                snapshots.push(None);
                continue;
            };
            let fields = FlowLogRoleObserved {
                name: Some(RoleName::reported(role.name.as_str())),
                log_group: Some(log_group_of(policy(aws, id).await?.as_ref())),
                trust: Some(trusts(&role, aws.region()).0),
                tags: Some(role.tags.declared()),
            };
            snapshots.push(Some(Snapshot { fields, attributes: FlowLogRoleAttributes { arn: role.arn } }));
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let what = format!("the role {id}");
        let observed = appear(aws, &what, previous.is_some(), async || role(aws, id).await).await?;
        let (trusted, trust) = trusts(&observed, aws.region());
        if trusted != Trust::FLOW_LOGS {
            let request = UpdateAssumeRolePolicy { role_name: id.clone(), policy: trust };
            aws.call_until_settled(PROPAGATED, request).await?;
            let is_seen = |role: &Option<RoleDescription>| {
                role.as_ref().is_some_and(|role| trusts(role, aws.region()).0 == Trust::FLOW_LOGS)
            };
            if !is_seen(&once_seen(aws, async || role(aws, id).await, is_seen).await?) {
                return Err(not_shown(&what));
            }
        }
        let wanted = Some(permissions(&self.log_group));
        if policy(aws, id).await? != wanted {
            let (policy_name, document) = (POLICY.to_owned(), permissions(&self.log_group));
            let request = PutRolePolicy { role_name: id.clone(), policy_name, policy: document };
            aws.call_until_settled(PROPAGATED, request).await?;
            let is_seen = |policy: &Option<PolicyDocument>| *policy == wanted;
            if !is_seen(&once_seen(aws, async || policy(aws, id).await, is_seen).await?) {
                return Err(not_shown(&what));
            }
        }
        let role_name = || id.clone();
        let remove =
            async |keys| aws.call_until_settled(PROPAGATED, UntagRole { role_name: role_name(), keys }).await.map(drop);
        let set =
            async |tags| aws.call_until_settled(PROPAGATED, TagRole { role_name: role_name(), tags }).await.map(drop);
        sync_tags(&self.tags, &observed.tags, remove, set).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let attempt = async || {
            let policy = DeleteRolePolicy { role_name: id.clone(), policy_name: POLICY.to_owned() };
            gone(aws.call(policy).await)?;
            aws.call(DeleteRole { role_name: id.clone() }).await.map(drop)
        };
        aws.until_accepted(PROPAGATED, is_transitional, attempt).await
    }
}

async fn role(aws: &Aws, id: &Id<FlowLogRole>) -> Result<Option<RoleDescription>, ProviderError> {
    found(aws.call(GetRole { role_name: id.clone() }).await.map(|answer| answer.role))
}

async fn policy(aws: &Aws, id: &Id<FlowLogRole>) -> Result<Option<PolicyDocument>, ProviderError> {
    let request = GetRolePolicy { role_name: id.clone(), policy_name: POLICY.to_owned() };
    found(aws.call(request).await.map(|answer| answer.policy))
}

#[cfg(test)]
mod tests {
    use palisade_core::{Address, Declare, Output, Stack};

    use super::*;

    #[test]
    fn terraform_takes_the_account_and_the_region_from_the_log_group() {
        let arn = Reference { address: Address::new("LogGroup", "logs"), attribute: "arn".to_owned() };
        let role = FlowLogRole::builder()
            .name(RoleName::literal("vpc-flow-logs"))
            .log_group(Output::<LogGroupArn>::new(arn))
            .declare();
        let fields = role.fields().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut resource = TerraformResource {
            address: Address::new("FlowLogRole", "flow-logs"),
            resource_type: "aws_iam_role".to_owned(),
            fields,
            arguments: BTreeMap::new(),
            ignore_changes: Vec::new(),
            prevent_destroy: false,
            companions: Vec::new(),
            left_out: false,
            import: palisade_core::terraform::Import::default(),
            comment: None,
            unseen_by_checkov: Vec::new(),
        };
        terraform(&mut resource, &Graph::new(&Stack::new("test")));
        let expression = |argument: &Argument| match argument {
            Argument::Expression(expression) => expression.clone(),
            other => panic!("{other:?}"),
        };
        let part = |number: u8| format!("${{split(\":\", aws_cloudwatch_log_group.logs.arn)[{number}]}}");
        let (partition, region, account) = (part(1), part(3), part(4));
        let trust = expression(&resource.arguments["assume_role_policy"]);
        assert!(trust.starts_with("jsonencode({\"Statement\":["), "{trust}");
        assert!(trust.contains(&format!("\"arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*\"")), "{trust}");
        assert!(trust.contains(&format!("\"aws:SourceAccount\":\"{account}\"")), "{trust}");
        let policy = expression(&resource.companions[0].arguments["policy"]);
        let group = "${aws_cloudwatch_log_group.logs.arn}";
        assert!(policy.contains(&format!("\"Resource\":[\"{group}\",\"{group}:*\"]")), "{policy}");
    }
}
