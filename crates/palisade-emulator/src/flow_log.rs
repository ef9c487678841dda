//! Flow logs.

use palisade_aws::{
    operations::{
        CreateFlowLogs, CreateFlowLogsOutput, DeleteFlowLogs, DeleteFlowLogsOutput, DescribeFlowLogs,
        DescribeFlowLogsOutput,
    },
    shapes::FlowLogDescription,
    types::{AggregationInterval, LogGroupArn, RoleArn, Tags, TrafficType},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::Millis,
    creation::same_parameters,
    ids::{ACCOUNT, FlowLogId, VpcId},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many flow logs a VPC has at most.
const QUOTA: usize = 2;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FlowLog {
    pub(crate) settings: FlowLogSettings,
    /// What the creation was sent with: the same token makes the same flow log.
    token: String,
    created_with: Tags,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

/// What AWS compares when a token comes again.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FlowLogSettings {
    pub(crate) vpc: VpcId,
    destination: LogGroupArn,
    role: RoleArn,
    traffic_type: TrafficType,
    interval: AggregationInterval,
}

impl Account {
    pub(crate) fn create_flow_logs(&mut self, call: CreateFlowLogs) -> Answer<CreateFlowLogsOutput> {
        let CreateFlowLogs {
            vpc_id,
            log_destination,
            role,
            traffic_type,
            max_aggregation_interval,
            client_token,
            tags,
        } = call;
        tags::check_ec2(&tags)?;
        let (destination, interval) = (log_destination, max_aggregation_interval);
        let settings = FlowLogSettings { vpc: vpc_id, destination, role, traffic_type, interval };
        if let Some((id, made_before)) = self.flow_logs.iter().find(|(_, other)| other.token == client_token) {
            let same = made_before.settings == settings && made_before.created_with == tags;
            same_parameters(same)?;
            return Ok(CreateFlowLogsOutput { flow_log_id: id.clone() });
        }
        self.vpc(&settings.vpc)?;
        let prefix = format!("arn:aws:logs:{}:{ACCOUNT}:log-group:", self.region);
        let is_ours = LogGroupArn::new(settings.destination.as_str()).is_ok()
            && settings.destination.as_str().starts_with(&prefix);
        require(is_ours, "InvalidParameter", || {
            format!("LogDestination {} is not a log group of this account and region", settings.destination)
        })?;
        self.check_flow_log_role(&settings.role)?;
        let siblings = self.flow_logs.values().filter(|other| other.settings.vpc == settings.vpc);
        let (mut count, mut is_taken) = (0, false);
        for other in siblings {
            count += 1;
            is_taken |= other.settings.destination == settings.destination;
        }
        if is_taken {
            return refuse(
                "FlowLogAlreadyExists",
                "Error. There is an existing Flow Log with the same configuration and log destination.",
            );
        }
        require(count < QUOTA, "FlowLogsLimitExceeded", || {
            format!("The maximum number of flow logs has been reached for {}.", settings.vpc)
        })?;
        let flow_log_id: FlowLogId = self.ids.next("fl");
        let flow_log = FlowLog { settings, token: client_token, created_with: tags.clone(), tags, made: self.now };
        self.flow_logs.insert(flow_log_id.clone(), flow_log);
        Ok(CreateFlowLogsOutput { flow_log_id })
    }

    pub(crate) fn describe_flow_logs(&mut self, call: DescribeFlowLogs) -> Answer<DescribeFlowLogsOutput> {
        let flow_logs = self.flow_logs.iter();
        let flow_logs = flow_logs.filter(|(id, log)| selects(&call.select, id, &log.tags) && self.shows(log.made));
        let describe = |(id, flow_log): (&FlowLogId, &FlowLog)| {
            let FlowLogSettings { vpc, destination, role, traffic_type, interval } = &flow_log.settings;
            FlowLogDescription {
                id: id.clone(),
                status: "ACTIVE".to_owned(),
                vpc_id: vpc.clone(),
                log_destination: destination.clone(),
                role: Some(role.clone()),
                traffic_type: traffic_type.as_str().to_owned(),
                max_aggregation_interval: Some(*interval),
                tags: flow_log.tags.clone(),
            }
        };
        Ok(DescribeFlowLogsOutput { flow_logs: flow_logs.map(describe).collect() })
    }

    pub(crate) fn delete_flow_logs(&mut self, call: DeleteFlowLogs) -> Answer<DeleteFlowLogsOutput> {
        self.flow_log(&call.flow_log_id)?;
        self.flow_logs.remove(&call.flow_log_id);
        Ok(DeleteFlowLogsOutput {})
    }

    /// The flow log `id`, as a call about it finds it.
    pub(crate) fn flow_log(&self, id: &FlowLogId) -> Answer<&FlowLog> {
        let flow_log = self.flow_logs.get(id).filter(|flow_log| self.shows(flow_log.made));
        known(flow_log, "InvalidFlowLogId.NotFound", || {
            format!("These flow log ids in the input list are not found: [TotalCount: 1] {id}")
        })
    }
}
