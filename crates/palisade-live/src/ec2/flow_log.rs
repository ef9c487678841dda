//! Flow logs.

use aws_sdk_ec2::{
    Client,
    types::{self, FlowLogsResourceType, LogDestinationType, ResourceType, UnsuccessfulItem},
};
use palisade_aws::{
    operations::{
        CreateFlowLogs, CreateFlowLogsOutput, DeleteFlowLogs, DeleteFlowLogsOutput, DescribeFlowLogs,
        DescribeFlowLogsOutput,
    },
    shapes::FlowLogDescription,
    types::{AggregationInterval, LogGroupArn, RoleArn},
};

use super::{Ec2, PAGE, describe, is_selected, questions, tags};
use crate::{
    answer::{each, id, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateFlowLogs {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateFlowLogsOutput, Failure> {
        let Self { vpc_id, log_destination, role, traffic_type, max_aggregation_interval, client_token, tags } = self;
        let request = ec2
            .sdk
            .create_flow_logs()
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(vpc_id.as_str())
            .log_destination_type(LogDestinationType::CloudWatchLogs)
            .log_destination(log_destination.as_str())
            .deliver_logs_permission_arn(role.as_str())
            .traffic_type(traffic_type.as_str().into())
            .max_aggregation_interval(max_aggregation_interval.seconds().into())
            .client_token(client_token)
            .tag_specifications(tags::created(ResourceType::VpcFlowLog, &tags));
        let answer = ec2.call(request.send()).await?;
        succeeded(ec2, answer.unsuccessful)?;
        Ok(CreateFlowLogsOutput { flow_log_id: id(answer.flow_log_ids.unwrap_or_default().first(), "flowLogIds")? })
    }
}

/// Some calls are accepted, and tell in their answer for which of the objects that they are about they have failed. Ours are
/// about one.
fn succeeded(ec2: &Ec2, unsuccessful: Option<Vec<UnsuccessfulItem>>) -> Result<(), Failure> {
    let Some(item) = unsuccessful.into_iter().flatten().next() else { return Ok(()) };
    let error = present(item.error, "unsuccessful.error")?;
    Err(ec2.refusal(present(error.code, "unsuccessful.error.code")?, error.message.unwrap_or_default()))
}

impl Call for DescribeFlowLogs {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeFlowLogsOutput, Failure> {
        let found = describe(questions("flow-log-id", &self.select), async |filters, token| {
            let request = ec2.sdk.describe_flow_logs().set_filter(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.flow_logs, page.next_token))
        });
        let mut flow_logs = each(found.await?, description)?;
        flow_logs.retain(|flow_log| is_selected(&self.select, &flow_log.id, &flow_log.tags));
        Ok(DescribeFlowLogsOutput { flow_logs })
    }
}

fn description(flow_log: types::FlowLog) -> Result<FlowLogDescription, Failure> {
    // One that was made with the name of its log group has no ARN.
    let destination = present(flow_log.log_destination.or(flow_log.log_group_name), "logDestination")?;
    let seconds = flow_log.max_aggregation_interval.and_then(|seconds| u16::try_from(seconds).ok());
    Ok(FlowLogDescription {
        id: id(flow_log.flow_log_id, "flowLogId")?,
        status: present(flow_log.flow_log_status, "flowLogStatus")?,
        vpc_id: id(flow_log.resource_id, "resourceId")?,
        log_destination: LogGroupArn::reported(destination.strip_suffix(":*").unwrap_or(&destination)),
        role: flow_log.deliver_logs_permission_arn.map(RoleArn::reported),
        traffic_type: present(flow_log.traffic_type, "trafficType")?.as_str().to_owned(),
        max_aggregation_interval: seconds.and_then(AggregationInterval::reported),
        tags: tags::read(flow_log.tags),
    })
}

impl Call for DeleteFlowLogs {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteFlowLogsOutput, Failure> {
        let answer = ec2.call(ec2.sdk.delete_flow_logs().flow_log_ids(self.flow_log_id.as_str()).send()).await?;
        succeeded(ec2, answer.unsuccessful)?;
        Ok(DeleteFlowLogsOutput {})
    }
}
