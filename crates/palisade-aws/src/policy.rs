//! [`policy`]: what a caller must be allowed.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::Json;
use serde_json::json;

use crate::{Calls, calls_of, operations::Service};

/// The IAM policy that lets stacks with resources of `kinds` be planned, applied and destroyed, and nothing else.
///
/// `state` is the bucket in which the state is kept, and what the keys begin with, if it is kept in one.
///
/// It is made from the lists of calls beside the lifecycles, which a test holds against the calls that these make. The
/// resources are not narrowed down: most ids do not exist before the first apply.
///
/// AWS: [Policy grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)
pub fn policy(kinds: &BTreeSet<&str>, state: Option<(&str, &str)>) -> Json {
    let mut actions: BTreeMap<(bool, &str), BTreeSet<String>> = BTreeMap::new();
    for call in kinds.iter().filter_map(|kind| calls_of(kind)).flat_map(Calls::all) {
        let action = format!("{}:{}", call.service, call.action);
        actions.entry((call.writes, call.service)).or_default().insert(action);
    }
    // Whoever deletes a cache with a final snapshot makes that.
    if let Some(writes) = actions.get_mut(&(true, Service::ElastiCache.as_str()))
        && writes.contains("elasticache:DeleteReplicationGroup")
    {
        writes.insert("elasticache:CreateSnapshot".to_owned());
    }
    let hands_on_a_role = actions.values().flatten().any(|action| action == "ec2:CreateFlowLogs");
    let uses_elasticache = actions.contains_key(&(true, Service::ElastiCache.as_str()));
    let mut statements: Vec<_> =
        actions.into_iter().map(|((writes, service), actions)| statement(writes, service, &actions)).collect();
    if uses_elasticache {
        statements.push(service_linked_role());
    }
    if hands_on_a_role {
        statements.push(flow_log_role());
    }
    statements.extend(state.into_iter().flat_map(state_statements));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(writes: bool, service: &str, actions: &BTreeSet<String>) -> Json {
    let verb = if writes { "Change" } else { "Read" };
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let sid = format!("{verb}{}", capital(service));
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*" })
}

/// What the state in S3 takes. Whoever may not list the objects is told nothing of one that does not exist.
fn state_statements((bucket, prefix): (&str, &str)) -> [Json; 2] {
    [
        json!({
            "Sid": "ListState",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": format!("arn:aws:s3:::{bucket}"),
        }),
        json!({
            "Sid": "ChangeState",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            "Resource": format!("arn:aws:s3:::{bucket}/{prefix}*"),
        }),
    ]
}

/// The first cache of an account makes ElastiCache's own role, in the name of the caller.
fn service_linked_role() -> Json {
    json!({
        "Sid": "FirstUseOfElastiCache",
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": "arn:aws:iam::*:role/aws-service-role/elasticache.amazonaws.com/*",
        "Condition": { "StringEquals": { "iam:AWSServiceName": "elasticache.amazonaws.com" } },
    })
}

/// Whoever creates a flow log hands it the role by which it writes.
fn flow_log_role() -> Json {
    json!({
        "Sid": "RoleOfFlowLogs",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": "arn:aws:iam::*:role/*",
        "Condition": { "StringEquals": { "iam:PassedToService": "vpc-flow-logs.amazonaws.com" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_needs_no_cache() {
        let policy = policy(&BTreeSet::from(["Vpc", "RouteTableAssociation"]), None);
        let actions: Vec<_> =
            policy["Statement"].as_array().unwrap().iter().map(|s| s["Sid"].as_str().unwrap()).collect();
        assert_eq!(actions, ["ReadEc2", "ChangeEc2"]);
        assert!(policy["Statement"][1]["Action"].as_array().unwrap().contains(&json!("ec2:CreateVpc")));
        assert!(!policy.to_string().contains("ec2:CreateSubnet"));
        assert!(policy["Statement"][0]["Action"].as_array().unwrap().contains(&json!("ec2:DescribeTags")));
        let user = self::policy(&BTreeSet::from(["RedisUser"]), None);
        assert!(!user.to_string().contains("DescribeTags"), "it has a name of its own");
    }

    #[test]
    fn a_cache_needs_its_final_snapshot_taken_and_its_name_looked_for() {
        let text = policy(&BTreeSet::from(["ReplicationGroup"]), None).to_string();
        assert!(text.contains("\"elasticache:CreateSnapshot\"") && text.contains("\"elasticache:DescribeSnapshots\""));
        assert!(!policy(&BTreeSet::from(["UserGroup"]), None).to_string().contains("CreateSnapshot"));
    }

    #[test]
    fn a_flow_log_needs_its_role_handed_on_and_to_no_other_service() {
        let policy = policy(&BTreeSet::from(["FlowLog"]), None);
        let statement = policy["Statement"].as_array().unwrap().last().unwrap();
        assert_eq!(statement["Action"], "iam:PassRole");
        let service = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
        assert_eq!(service, "vpc-flow-logs.amazonaws.com");
        assert!(!self::policy(&BTreeSet::from(["Vpc"]), None).to_string().contains("PassRole"));
    }

    #[test]
    fn a_state_in_a_bucket_needs_its_objects_and_no_others() {
        let policy = policy(&BTreeSet::new(), Some(("acme", "prod/")));
        let resources: Vec<_> =
            policy["Statement"].as_array().unwrap().iter().map(|s| s["Resource"].as_str().unwrap()).collect();
        assert_eq!(resources, ["arn:aws:s3:::acme", "arn:aws:s3:::acme/prod/*"]);
    }
}
