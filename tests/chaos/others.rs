//! [`Other`]: what somebody does to the account by hand, between two applies.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::{
    Backend,
    operations::{
        AssociateKmsKey, CreateNetworkAclEntry, CreateTags, DecreaseReplicaCount, DeleteAlias,
        DeleteCacheParameterGroup, DeleteCacheSubnetGroup, DeleteFlowLogs, DeleteLogGroup, DeleteNetworkAcl,
        DeleteNetworkAclEntry, DeleteReplicationGroup, DeleteRole, DeleteRolePolicy, DeleteRouteTable, DeleteSecret,
        DeleteSecurityGroup, DeleteSubnet, DeleteTags, DeleteUser, DeleteUserGroup, DeleteVpc, DisassociateKmsKey,
        DisassociateRouteTable, EnableKeyRotation, IncreaseReplicaCount, ModifyCacheParameterGroup,
        ModifyCacheSubnetGroup, ModifyReplicationGroup, ModifySecurityGroupRules, ModifySubnetAttribute, ModifyUser,
        ModifyUserGroup, ModifyVpcAttribute, PutKeyPolicy, PutRetentionPolicy, PutRolePolicy,
        ReplaceNetworkAclAssociation, ReplaceRouteTableAssociation, Request, ResetCacheParameterGroup,
        RevokeSecurityGroupEgress, RevokeSecurityGroupIngress, ScheduleKeyDeletion, TagKey, TagLogGroup, TagResource,
        TagRole, UntagKey, UntagLogGroup, UntagResource, UntagRole, UpdateAssumeRolePolicy, UpdateKeyDescription,
        UpdateSecret,
    },
    shapes::{NetworkAclEntryDescription, RuleSpecification, SubnetAttribute, VpcAttribute},
    types::{Arn, Direction, PolicyDocument, RuleAction},
};
use palisade_core::{Id, Json, Resource};
use palisade_emulator::{Emulator, Item};
use proptest::{collection::vec, prelude::*};
use tokio::time::sleep;

/// One thing that somebody does: to which object, and what. Both are numbers, counted around.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Other {
    pub(crate) object: u8,
    pub(crate) deed: u8,
}

pub(crate) fn others() -> impl Strategy<Value = Vec<Other>> {
    let other = any::<(u8, u8)>().prop_map(|(object, deed)| Other { object, deed });
    prop_oneof![2 => Just(Vec::new()), 1 => vec(other, 1..4)]
}

/// How long after that the next run begins: every description shows it, and what takes minutes is still under way.
const BEFORE: Duration = Duration::from_secs(60);

impl Other {
    pub(crate) async fn act(self, emulator: &Emulator) {
        let items: Vec<_> = emulator.inventory().into_iter().filter(|item| item.kind != "Snapshot").collect();
        if let Some(item) = items.get(usize::from(self.object) % items.len().max(1)) {
            let deeds = deeds(item, &emulator.contents());
            let deed = deeds[usize::from(self.deed) % deeds.len()].clone();
            // AWS does not let everybody do everything.
            _ = emulator.answer(deed).await;
        }
        sleep(BEFORE).await;
    }
}

fn id<R: Resource>(item: &Item) -> Id<R> {
    Id::reported(item.id.as_str()).expect("the account has ids")
}

/// What can be done to the object, as far as a plan reads it: not the tags of ElastiCache, nor what cannot be read, as passwords.
fn deeds(item: &Item, contents: &Json) -> Vec<Request> {
    let row = |table: &str| &contents[table][&item.id];
    let owner = || tags! { "owner" = "somebody" };
    let keys = || vec!["env".to_owned(), "owner".to_owned()];
    let ec2 = || -> [Request; 2] {
        let resource_id = item.id.clone();
        [
            CreateTags { resource_id: resource_id.clone(), tags: owner() }.into(),
            DeleteTags { resource_id, keys: keys() }.into(),
        ]
    };
    let mut deeds = Vec::new();
    match item.kind {
        "Vpc" => {
            let enabled = row("vpcs")["dns_support"] != true;
            deeds.extend(ec2());
            deeds.push(ModifyVpcAttribute { vpc_id: id(item), attribute: VpcAttribute::DnsSupport, enabled }.into());
            let enabled = row("vpcs")["dns_hostnames"] != true;
            deeds.push(ModifyVpcAttribute { vpc_id: id(item), attribute: VpcAttribute::DnsHostnames, enabled }.into());
            deeds.push(DeleteVpc { vpc_id: id(item) }.into());
        }
        "Subnet" => {
            let attribute = SubnetAttribute::ResourceNameDnsARecord(row("subnets")["resource_name_record"] != true);
            deeds.extend(ec2());
            deeds.push(ModifySubnetAttribute { subnet_id: id(item), attribute }.into());
            let attribute = SubnetAttribute::MapPublicIpOnLaunch(true);
            deeds.push(ModifySubnetAttribute { subnet_id: id(item), attribute }.into());
            deeds.push(DeleteSubnet { subnet_id: id(item) }.into());
        }
        "RouteTable" => {
            deeds.extend(ec2());
            deeds.push(DeleteRouteTable { route_table_id: id(item) }.into());
        }
        "RouteTableAssociation" => {
            deeds.push(DisassociateRouteTable { association_id: item.id.clone() }.into());
            let tables = contents["route_tables"].as_object().into_iter().flat_map(|tables| tables.keys());
            // AWS refuses those of other VPCs, and the one that the subnet has.
            let other = tables.filter_map(|table| Id::reported(table.as_str()).ok());
            deeds.extend(other.map(|route_table_id| {
                ReplaceRouteTableAssociation { association_id: item.id.clone(), route_table_id }.into()
            }));
        }
        "SecurityGroup" => {
            deeds.extend(ec2());
            deeds.push(DeleteSecurityGroup { group_id: id(item) }.into());
        }
        "SecurityGroupRule" => {
            deeds.extend(ec2());
            deeds.extend(rule_deeds(item, row("rules")));
        }
        "NetworkAcl" => {
            deeds.extend(ec2());
            deeds.extend(acl_deeds(item, row("network_acls")));
            // AWS refuses those of other VPCs.
            let acls = contents["network_acls"].as_object().into_iter().flatten().map(|(acl, _)| acl);
            let others: Vec<_> = acls.filter(|acl| **acl != item.id).collect();
            let associations = contents["acl_associations"].as_object().into_iter().flatten();
            let own = associations.filter(|(_, association)| association["acl"] == item.id.as_str());
            deeds.extend(own.flat_map(|(association, _)| {
                others.iter().map(|other| {
                    let network_acl_id = Id::reported(other.as_str()).expect("the account has ids");
                    ReplaceNetworkAclAssociation { association_id: association.clone(), network_acl_id }.into()
                })
            }));
        }
        "FlowLog" => {
            deeds.extend(ec2());
            deeds.push(DeleteFlowLogs { flow_log_id: id(item) }.into());
        }
        "CacheSubnetGroup" => {
            let row = row("subnet_groups");
            let subnets = row["subnets"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let subnet_ids = subnets.map(|subnet| Id::reported(subnet).expect("the account has ids")).collect();
            let description = "by hand".to_owned();
            deeds.push(ModifyCacheSubnetGroup { name: id(item), description, subnet_ids }.into());
            deeds.push(DeleteCacheSubnetGroup { name: id(item) }.into());
        }
        "CacheParameterGroup" => {
            let parameters = |value: &str| [("timeout".to_owned(), value.to_owned())].into();
            let parameter_names = ["timeout".to_owned(), "maxmemory-policy".to_owned()].into();
            deeds.push(ModifyCacheParameterGroup { name: id(item), parameters: parameters("77") }.into());
            deeds.push(ResetCacheParameterGroup { name: id(item), parameter_names }.into());
            deeds.push(DeleteCacheParameterGroup { name: id(item) }.into());
        }
        "RedisUser" => {
            let access_string = Some(access!("on ~hand:* +get"));
            let modify = ModifyUser { user_id: id(item), engine: None, access_string, credentials: None };
            deeds.push(modify.into());
            deeds.push(DeleteUser { user_id: id(item) }.into());
        }
        "UserGroup" => {
            let users = row("user_groups")["settings"]["users"].as_array().into_iter().flatten();
            let last = users.filter_map(Json::as_str).next_back().and_then(|user| Id::reported(user).ok());
            let remove = last.into_iter().collect();
            let modify = ModifyUserGroup { user_group_id: id(item), engine: None, add: [].into(), remove };
            deeds.push(modify.into());
            let all = contents["users"].as_object().into_iter().flatten().map(|(user, _)| user);
            // AWS refuses those of another engine, and a second one of a name.
            deeds.extend(all.filter_map(|user| Id::reported(user.as_str()).ok()).map(|user| {
                let (add, remove) = ([user].into(), [].into());
                ModifyUserGroup { user_group_id: id(item), engine: None, add, remove }.into()
            }));
            deeds.push(DeleteUserGroup { user_group_id: id(item) }.into());
        }
        "ReplicationGroup" => {
            deeds.extend(cache_deeds(item, row("replication_groups")));
            // AWS refuses those of other VPCs.
            let groups = contents["security_groups"].as_object().into_iter().flatten();
            deeds.extend(groups.filter_map(|(group, _)| Id::reported(group.as_str()).ok()).map(|group| {
                let security_group_ids = Some([group].into());
                ModifyReplicationGroup { security_group_ids, ..ModifyReplicationGroup::unchanged(&id(item)) }.into()
            }));
        }
        "Secret" => {
            let description = Some("by hand".to_owned());
            deeds.push(TagResource { secret_id: id(item), tags: owner() }.into());
            deeds.push(UntagResource { secret_id: id(item), keys: keys() }.into());
            deeds.push(UpdateSecret { secret_id: id(item), description, kms_key_id: None }.into());
            deeds.push(DeleteSecret { secret_id: id(item), recovery_window: recovery_days!(7) }.into());
        }
        "KmsKey" => {
            let aliases = contents["aliases"].as_object().into_iter().flatten();
            let own =
                aliases.filter(|(_, key)| **key == item.id.as_str()).filter_map(|(alias, _)| KmsAlias::new(alias).ok());
            deeds.push(TagKey { key_id: id(item), tags: owner() }.into());
            deeds.push(UntagKey { key_id: id(item), keys: keys() }.into());
            deeds.push(UpdateKeyDescription { key_id: id(item), description: "by hand".to_owned() }.into());
            deeds.push(EnableKeyRotation { key_id: id(item), period: rotation_days!(200) }.into());
            deeds.push(PutKeyPolicy { key_id: id(item), policy: open_policy().to_string() }.into());
            deeds.extend(own.map(|alias| DeleteAlias { alias }.into()));
            deeds.push(ScheduleKeyDeletion { key_id: id(item), window: deletion_days!(7) }.into());
        }
        "LogGroup" => {
            let arn = || Arn::reported(format!("arn:aws:logs:us-east-1:123456789012:log-group:{}", item.id));
            deeds.push(TagLogGroup { arn: arn(), tags: owner() }.into());
            deeds.push(UntagLogGroup { arn: arn(), keys: keys() }.into());
            let kms_key_id = kms_key_arn!("arn:aws:kms:us-east-1:111122223333:key/by-hand");
            deeds.push(AssociateKmsKey { name: id(item), kms_key_id }.into());
            deeds.push(DisassociateKmsKey { name: id(item) }.into());
            deeds.push(PutRetentionPolicy { name: id(item), retention: LogRetention::YEARS_2 }.into());
            deeds.push(DeleteLogGroup { name: id(item) }.into());
        }
        "FlowLogRole" => {
            let policies = row("roles")["policies"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
            let policies: Vec<_> = policies.collect();
            deeds.push(TagRole { role_name: id(item), tags: owner() }.into());
            deeds.push(UntagRole { role_name: id(item), keys: keys() }.into());
            for policy_name in policies {
                let policy = PolicyDocument::reported(&open_policy().to_string());
                deeds.push(PutRolePolicy { role_name: id(item), policy_name: policy_name.clone(), policy }.into());
                deeds.push(DeleteRolePolicy { role_name: id(item), policy_name }.into());
            }
            let policy = PolicyDocument::reported(&open_policy().to_string());
            deeds.push(UpdateAssumeRolePolicy { role_name: id(item), policy }.into());
            deeds.push(DeleteRole { role_name: id(item) }.into());
        }
        other => unreachable!("nobody has said what can be done to a {other}"),
    }
    deeds
}

/// Lets everybody do everything.
fn open_policy() -> Json {
    let statement =
        serde_json::json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "*", "Resource": "*" });
    serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn rule_deeds(item: &Item, row: &Json) -> [Request; 3] {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let group_id: Id<SecurityGroup> =
        Id::reported(text(&row["group"]).unwrap_or_default()).expect("a rule has a group");
    let rule = |port: u64, description: Option<String>| RuleSpecification {
        ip_protocol: text(&row["protocol"]).unwrap_or_default(),
        from_port: u16::try_from(port).ok(),
        to_port: u16::try_from(port).ok(),
        cidr_ipv4: text(&row["peer"]["Addresses"]).and_then(|range| PrivateRange::reported(&range)),
        referenced_group_id: text(&row["peer"]["Group"]).and_then(|group| Id::reported(group).ok()),
        description,
    };
    let modify = |rule| ModifySecurityGroupRules { group_id: group_id.clone(), rule_id: id(item), rule };
    let revoke: Request = if row["direction"] == "egress" {
        RevokeSecurityGroupEgress { group_id: group_id.clone(), rule_ids: vec![id(item)] }.into()
    } else {
        RevokeSecurityGroupIngress { group_id: group_id.clone(), rule_ids: vec![id(item)] }.into()
    };
    let port = row["ports"][0].as_u64().unwrap_or_default();
    let described = modify(rule(port, Some("by hand".to_owned())));
    [described.into(), modify(rule(7_777, text(&row["description"]))).into(), revoke]
}

fn acl_deeds(item: &Item, row: &Json) -> Vec<Request> {
    let entry = NetworkAclEntryDescription {
        direction: Direction::Ingress,
        rule_number: 77,
        action: RuleAction::Allow,
        protocol: "-1".to_owned(),
        from_port: None,
        to_port: None,
        addresses: "0.0.0.0/0".to_owned(),
    };
    let numbers = row["entries"].as_array().into_iter().flatten().filter(|entry| entry["direction"] == "ingress");
    let numbers = numbers.filter_map(|entry| u16::try_from(entry["number"].as_u64()?).ok());
    let mut deeds: Vec<Request> = vec![CreateNetworkAclEntry { network_acl_id: id(item), entry }.into()];
    deeds.extend(numbers.filter(|number| *number < 32767).map(|rule_number| {
        DeleteNetworkAclEntry { network_acl_id: id(item), direction: Direction::Ingress, rule_number }.into()
    }));
    deeds.push(DeleteNetworkAcl { network_acl_id: id(item) }.into());
    deeds
}

fn cache_deeds(item: &Item, row: &Json) -> [Request; 11] {
    let group = id(item);
    let shards = if row["cluster_enabled"] == true { ".cluster.on" } else { "" };
    let upgrade = ModifyReplicationGroup {
        engine: Some(EngineKind::Valkey),
        engine_version: Some(Engine::VALKEY_8_0.version()),
        parameter_group_name: Id::reported(format!("default.valkey8{shards}")).ok(),
        ..ModifyReplicationGroup::unchanged(&group)
    };
    let unchanged = || ModifyReplicationGroup::unchanged(&group);
    let replication_group_id = || id(item);
    let by_hand = || topic_arn!("arn:aws:sns:us-east-1:123456789012:by-hand");
    let topic = row["settings"]["topic"].is_null().then(by_hand);
    [
        ModifyReplicationGroup { description: Some("by hand".to_owned()), ..unchanged() }.into(),
        ModifyReplicationGroup { snapshot_retention_limit: Some(retention_days!(3)), ..unchanged() }.into(),
        ModifyReplicationGroup { maintenance_window: Some(maintenance_window!("tue:02:00-tue:03:00")), ..unchanged() }
            .into(),
        ModifyReplicationGroup { auto_minor_version_upgrade: Some(false), ..unchanged() }.into(),
        IncreaseReplicaCount { replication_group_id: replication_group_id(), new_replica_count: 3 }.into(),
        DecreaseReplicaCount { replication_group_id: replication_group_id(), new_replica_count: 1 }.into(),
        ModifyReplicationGroup { notification_topic: Some(topic), ..unchanged() }.into(),
        ModifyReplicationGroup {
            automatic_failover_enabled: Some(false),
            multi_az_enabled: Some(false),
            ..unchanged()
        }
        .into(),
        ModifyReplicationGroup { snapshot_window: Some(snapshot_window!("04:00-05:00")), ..unchanged() }.into(),
        // There is no way back.
        upgrade.into(),
        DeleteReplicationGroup { replication_group_id: replication_group_id(), final_snapshot_identifier: None }.into(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use palisade_testing::Rehearsal;
    use tokio::runtime::Builder;

    use super::*;

    /// All kinds of resources.
    fn program(stack: &mut Stack) {
        secured_redis::stack(stack);
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
        let spare = RedisUser::iam(name!("spare")).engine(EngineKind::Redis);
        stack.add("spare", spare.access_string(AccessString::read_only()));
        let vpc = stack.add("second", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
        let subnet = stack.add("second", Subnet::private(&vpc, cidr!("10.1.1.0/24"), az!("us-east-1a")));
        let rules = network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.1.0.0/16"))];
        stack.add("second", NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&subnet]).rules(rules));
    }

    /// Were they all refused, nobody would change anything.
    #[test]
    fn what_others_do_takes_effect_on_each_kind_of_object() {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mut taken = BTreeMap::new();
        let mut deed = 0;
        loop {
            let mut rehearsal = Rehearsal::new().without_rules();
            rehearsal.apply(program);
            let emulator = rehearsal.emulator();
            let mut kinds = emulator.inventory();
            kinds.dedup_by_key(|item| item.kind);
            let mut is_left = false;
            for item in kinds {
                let Some(request) = deeds(&item, &emulator.contents()).into_iter().nth(deed) else { continue };
                is_left = true;
                let answer = runtime.block_on(async {
                    // What was done before has come to its end.
                    sleep(Duration::from_hours(1)).await;
                    emulator.answer(request).await
                });
                *taken.entry(item.kind).or_insert(0) += u32::from(answer.is_ok());
            }
            if !is_left {
                break;
            }
            deed += 1;
        }
        // No snapshot: to find its folder, insta starts a process, which for a moment holds the locks of the other tests.
        assert_eq!(
            format!("{taken:?}"),
            r#"{"CacheParameterGroup": 2, "CacheSubnetGroup": 1, "FlowLog": 3, "FlowLogRole": 5, "KmsKey": 7, "LogGroup": 6, "NetworkAcl": 5, "RedisUser": 2, "ReplicationGroup": 11, "RouteTable": 2, "RouteTableAssociation": 3, "Secret": 4, "SecurityGroup": 2, "SecurityGroupRule": 5, "Subnet": 4, "UserGroup": 2, "Vpc": 4}"#
        );
    }
}
