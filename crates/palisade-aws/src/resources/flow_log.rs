//! [`FlowLog`].

mod rules;

use palisade_core::{
    Attributes, Finding, Graph, Id, Node, Resource, Room, Stack,
    provider::{ProviderError, Repeated, Token},
    terraform::TerraformResource,
};
use serde::{Deserialize, Serialize};

use super::{FlowLogRole, Vpc, flow_log_role::PROPAGATED, in_one_vpc};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{appear, ec2_arn, in_order, sync_ec2_tags, taken},
    operations::{CreateFlowLogs, CreateTags, DeleteFlowLogs, DeleteTags, DescribeFlowLogs, DescribeTags, Operation},
    shapes::{FlowLogDescription, Select},
    types::{AggregationInterval, Arn, LogGroupArn, Place, RoleArn, Tags, TrafficType},
};

/// A record of the traffic of a [`Vpc`]: who spoke to whom, and what was refused. It goes to a log group of CloudWatch Logs, by
/// a [`FlowLogRole`](super::FlowLogRole).
///
/// A VPC has [two](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html) at most, to two log groups.
///
/// AWS cannot change a flow log, apart from its tags: a change of anything else replaces it. Where its successor cannot be beside
/// it, which writes to the same log group or would be a third one, nothing is recorded for the seconds between the two.
///
/// AWS: [CreateFlowLogs](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html)
///
/// ```
/// use palisade_aws::{cidr, log_group_arn, name, resources::{FlowLog, FlowLogRole, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// let log_group = log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs");
/// let role = stack.add("flow-logs", FlowLogRole::builder().name(name!("vpc-flow-logs")).log_group(log_group.clone()));
/// stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(log_group).role(&role));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_flow_log",
    rules = rules::RULES,
    attributes = FlowLogAttributes,
    id_prefix = "fl-",
    room = ROOM,
    ids = palisade_core::IdRules::HEXADECIMAL,
    terraform_with = terraform,
    check = check
)]
pub struct FlowLog {
    /// The VPC whose traffic is recorded, with all that is in it.
    #[field(replace, identity)]
    pub vpc_id: Id<Vpc>,
    /// The log group that the records go to: `&log_group`, or the ARN of one that exists. A VPC has one flow log to a log group.
    #[field(replace, identity, terraform = "log_destination")]
    pub log_group: LogGroupArn,
    /// The role by which they get there: `&role`, or the ARN of one that exists.
    #[field(replace, terraform = "iam_role_arn")]
    pub role: RoleArn,
    /// The traffic that is recorded.
    #[field(default = TrafficType::All, replace)]
    pub traffic_type: TrafficType,
    /// Over how long the packets of a flow are put together, at most.
    #[field(default = AggregationInterval::TenMinutes, replace)]
    pub max_aggregation_interval: AggregationInterval,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// No quota can be raised for it.
const ROOM: Room = Room { at_most: 2, fields: &["vpc_id"] };

/// What a [`FlowLog`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FlowLogAttributes {
    /// The ARN.
    pub arn: Arn,
}

fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(flow_log) = stack.declared::<FlowLog>(node) else { return Vec::new() };
    // Where the role may not write, nothing is recorded, and only the status of the flow log says so.
    let cannot_write = || {
        let role = flow_log.role().refers_to::<FlowLogRole>().next()?;
        (flow_log.log_group() != role.log_group()).then(|| {
            let message = format!("{} may write to another log group than that of the flow log", role.address());
            let help = "give both the same `.log_group(..)`: AWS takes a flow log whose role may not write, and then records nothing";
            flow_log.finding(&message, help).also(&role, "may write to its own log group only")
        })
    };
    let is_one_too_many = || {
        let of_the_vpc = in_one_vpc(flow_log, |it| it.vpc_id()).into_iter();
        let before: Vec<_> = of_the_vpc.take_while(|other| *other != flow_log).collect();
        let is_beyond = before.len() >= ROOM.at_most;
        is_beyond.then(|| {
            let message = "the VPC has more than two flow logs, and AWS takes no third one";
            let help = "leave one out: several readers can share one log group";
            before[..ROOM.at_most]
                .iter()
                .fold(flow_log.finding(message, help), |finding, other| finding.also(other, "is one of the two"))
        })
    };
    cannot_write().into_iter().chain(is_one_too_many()).collect()
}

fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.set("log_destination_type", "cloud-watch-logs");
}

impl Lifecycle for FlowLog {
    type Observed = FlowLogObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeFlowLogs::CALL.together()],
        find: &[DescribeFlowLogs::CALL.as_needed()],
        // It is refused for as long as EC2 has not heard of a new role.
        create: &[CreateFlowLogs::CALL.as_needed()],
        converge: &[
            DescribeFlowLogs::CALL.as_needed(),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteFlowLogs::CALL.once()],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::AnswersTheSame;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(10, 1, 1);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { vpc_id, log_group, role, traffic_type, max_aggregation_interval, tags } = self;
        let request = CreateFlowLogs {
            vpc_id: vpc_id.clone(),
            log_destination: log_group.clone(),
            role: role.clone(),
            traffic_type: *traffic_type,
            max_aggregation_interval: *max_aggregation_interval,
            client_token: token.digest.clone(),
            tags: tags.owned_by(token),
        };
        Ok(aws.call_until_settled(PROPAGATED, request).await.map_err(taken)?.flow_log_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let found = aws.call(DescribeFlowLogs { select: Select::Token(token.digest.clone()) }).await?;
        Ok(found.flow_logs.into_iter().next().map(|flow_log| flow_log.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeFlowLogs { select: Select::Ids(ids.to_vec()) }).await?.flow_logs;
        let snapshot = |flow_log: FlowLogDescription| {
            // A log group is of the account of its flow log; EC2 does not name that.
            let Place { account, .. } = Place::of(flow_log.log_destination.as_str()).unwrap_or_default();
            let arn = ec2_arn(aws, account, "vpc-flow-log", flow_log.id.as_str());
            let fields = FlowLogObserved {
                vpc_id: Some(flow_log.vpc_id),
                log_group: Some(flow_log.log_destination),
                role: flow_log.role,
                traffic_type: TrafficType::reported(&flow_log.traffic_type),
                max_aggregation_interval: flow_log.max_aggregation_interval,
                tags: Some(flow_log.tags.declared()),
            };
            Snapshot { fields, attributes: FlowLogAttributes { arn } }
        };
        Ok(in_order(ids, found, |flow_log| &flow_log.id).into_iter().map(|found| found.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || {
            let found = aws.call(DescribeFlowLogs { select: Select::Ids(vec![id.clone()]) }).await?;
            Ok(found.flow_logs.into_iter().next())
        };
        let flow_log = appear(aws, id.as_str(), previous.is_some(), describe).await?;
        sync_ec2_tags(aws, id.as_str(), &self.tags, &flow_log.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call(DeleteFlowLogs { flow_log_id: id.clone() }).await.map(drop)
    }
}
