//! The judgement of an account by its contents: it is what the program says, and holds nothing else.

use std::collections::{BTreeMap, BTreeSet};

use palisade::prelude::*;
use palisade_core::{Graph, Json, JsonMap};
use palisade_emulator::Emulator;
use palisade_engine::{Phase, State};
use serde_json::json;

/// Asserts that the account holds each resource of the program once, with its values, and nothing else that was ever made
/// for the stack, and that the state knows all of it.
pub(crate) fn equals(
    emulator: &Emulator,
    state: &State,
    graph: &Graph,
    snapshots: &BTreeSet<String>,
) -> Result<(), String> {
    let mut ids = Vec::new();
    let mut known = BTreeMap::new();
    for node in graph.nodes() {
        let address = &node.address;
        let entry = state.resources.get(address).ok_or_else(|| format!("{address} is not in the state"))?;
        if !entry.deposed.is_empty() {
            return Err(format!("{address} has other objects in the state: {:?}", entry.deposed));
        }
        let object = entry.current.as_ref().ok_or_else(|| format!("{address} has no object in the state"))?;
        let id = object.id.clone().ok_or_else(|| format!("{address} has no id in the state"))?;
        if object.phase != Phase::Ready {
            return Err(format!("{address} is {:?} in the state", object.phase));
        }
        if known.insert((address.kind(), id.clone()), object.token.digest.clone()).is_some() {
            return Err(format!("{address} has the object {id} of another resource"));
        }
        ids.push(id);
    }
    if state.resources.len() != ids.len() {
        return Err(format!(
            "the state holds {:?}",
            state.resources.keys().map(ToString::to_string).collect::<Vec<_>>()
        ));
    }
    let contents = emulator.contents();
    for mut item in emulator.inventory() {
        if item.kind == "RouteTableAssociation" {
            // AWS gives it another id whenever it changes, so it goes by its subnet.
            item.id = contents["associations"][&item.id]["subnet"].as_str().unwrap_or_default().to_owned();
        }
        if item.kind == "Snapshot" && snapshots.contains(&item.id) {
            continue;
        }
        let token = known.remove(&(item.kind, item.id.clone())).ok_or_else(|| format!("an orphan: {item}"))?;
        if item.token.as_ref().is_some_and(|tagged| *tagged != token) {
            return Err(format!("{item} has the token of another creation"));
        }
    }
    if let Some(((kind, id), _)) = known.first_key_value() {
        return Err(format!("{kind} {id} is in the state, and not in the account"));
    }
    for (node, id) in graph.nodes().zip(&ids) {
        let mut fields = JsonMap::new();
        for field in node.schema.fields {
            let value = node
                .fields
                .get(field.name)
                .map(|value| value.substitute(&|r| state.attribute(&r.address, &r.attribute)));
            let value = value
                .map(|value| value.into_json().ok_or_else(|| format!("{}: {} is not known", node.address, field.name)));
            fields.insert(field.name.to_owned(), value.transpose()?.unwrap_or_default());
        }
        let (address, fields) = (&node.address, Json::Object(fields));
        compare(&contents, id, address.kind(), &fields).map_err(|problem| format!("{address}: {problem}"))?;
    }
    Ok(())
}

/// Compares the object `id` with the fields `f` of its resource.
fn compare(contents: &Json, id: &str, kind: &str, f: &Json) -> Result<(), String> {
    let row = |table: &str| &contents[table][id];
    let tags = Some(&f["tags"]);
    match kind {
        "Vpc" => {
            let expected = json!({
                "cidr_block": f["cidr_block"], "tenancy": f["instance_tenancy"], "dns_support": f["enable_dns_support"],
                "dns_hostnames": f["enable_dns_hostnames"], "usage_metrics": f["enable_network_address_usage_metrics"],
            });
            same(row("vpcs"), &expected, tags)
        }
        "Subnet" => {
            let expected = json!({
                "vpc": f["vpc_id"], "cidr_block": f["cidr_block"], "zone": f["availability_zone"], "public": false,
                "hostname_type": f["private_dns_hostname_type"], "resource_name_record": f["resource_name_dns_a_record"],
            });
            same(row("subnets"), &expected, tags)
        }
        "RouteTable" => same(row("route_tables"), &json!({ "vpc": f["vpc_id"], "main": false }), tags),
        "RouteTableAssociation" => {
            let mut rows = contents["associations"].as_object().into_iter().flatten().map(|(_, row)| row);
            let row = rows.find(|row| row["subnet"] == id).unwrap_or(&Json::Null);
            same(row, &json!({ "subnet": f["subnet_id"], "table": f["route_table_id"] }), None)
        }
        "SecurityGroup" => {
            let mut rules = contents["rules"].as_object().into_iter().flatten();
            if rules.any(|(_, rule)| rule["group"] == id && rule["is_default"] == true) {
                return Err("it still has the rule that AWS adds".to_owned());
            }
            let expected = json!({ "vpc": f["vpc_id"], "name": f["group_name"], "description": f["description"] });
            same(row("security_groups"), &expected, tags)
        }
        "SecurityGroupRule" => {
            let peer = match &f["cidr_ipv4"] {
                Json::Null => json!({ "Group": f["referenced_security_group_id"] }),
                range => json!({ "Addresses": range }),
            };
            let expected = json!({
                "group": f["security_group_id"], "direction": f["direction"], "protocol": f["ip_protocol"],
                "ports": [f["from_port"], f["to_port"]], "peer": peer, "description": f["description"],
            });
            same(row("rules"), &expected, tags)
        }
        "CacheSubnetGroup" => {
            let expected = json!({ "description": f["description"], "subnets": sorted(&f["subnet_ids"]) });
            same(row("subnet_groups"), &expected, tags)
        }
        "CacheParameterGroup" => {
            let expected =
                json!({ "family": f["family"], "description": f["description"], "parameters": f["parameters"] });
            same(row("parameter_groups"), &expected, tags)
        }
        "Secret" => {
            let row = row("secrets");
            let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
            if text(&row["description"]) != text(&f["description"]) {
                return Err(format!("the description is {}", row["description"]));
            }
            if text(&row["kms_key_id"]).trim_start_matches("alias/aws/secretsmanager") != text(&f["kms_key_id"]) {
                return Err(format!("the key is {}", row["kms_key_id"]));
            }
            same(row, &json!({ "name": f["name"], "purged_at": null }), tags)
        }
        "KmsKey" => compare_key(contents, id, f),
        "LogGroup" => {
            let expected = json!({ "kms_key_id": f["kms_key_id"], "retention": f["retention"], "class": f["class"] });
            same(row("log_groups"), &expected, tags)
        }
        "FlowLogRole" => compare_role(row("roles"), f),
        "FlowLog" => {
            let expected = json!({ "settings": {
                "vpc": f["vpc_id"], "destination": f["log_group"], "role": f["role"],
                "traffic_type": f["traffic_type"], "interval": f["max_aggregation_interval"],
            } });
            same(row("flow_logs"), &expected, tags)
        }
        "NetworkAcl" => compare_acl(contents, id, f),
        "RedisUser" => compare_user(row("users"), f),
        "UserGroup" => {
            let expected =
                json!({ "settings": { "engine": f["engine"], "users": sorted(&f["user_ids"]) }, "pending": null });
            same(row("user_groups"), &expected, tags)
        }
        "ReplicationGroup" => compare_cache(row("replication_groups"), f),
        other => Err(format!("nobody has said what a {other} is in the account")),
    }
}

/// A set as the account writes it.
fn sorted(items: &Json) -> Json {
    let mut items: Vec<_> = items.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    items.sort_unstable();
    items.dedup();
    json!(items)
}

fn compare_key(contents: &Json, id: &str, f: &Json) -> Result<(), String> {
    let row = &contents["keys"][id];
    let aliases = contents["aliases"].as_object().into_iter().flatten();
    let aliases: Vec<_> = aliases.filter(|(_, key)| *key == id).map(|(alias, _)| alias.as_str()).collect();
    if f["alias"].as_str() != Some(aliases.join(", ").as_str()) {
        return Err(format!("its aliases are {aliases:?}"));
    }
    if row["description"].as_str().unwrap_or_default() != f["description"].as_str().unwrap_or_default() {
        return Err(format!("the description is {}", row["description"]));
    }
    // The document says who may use it in other words; that nobody else may is told by their number.
    let policy: Json = serde_json::from_str(row["policy"].as_str().unwrap_or_default()).unwrap_or_default();
    let users: Vec<_> = f["policy"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let names = |user: &&str| {
        let name =
            user.strip_prefix("logs:").map_or_else(|| format!("{user}."), |group| format!("log-group:{group}\""));
        statements.iter().any(|statement| statement.to_string().contains(&name))
    };
    if statements.len() != users.len() + 1 || !users.iter().all(names) {
        return Err(format!("its policy is {policy}"));
    }
    same(row, &json!({ "rotation": f["rotation_period_days"], "purged_at": null }), Some(&f["tags"]))
}

fn compare_role(row: &Json, f: &Json) -> Result<(), String> {
    let trust = json!([{
        "Effect": "Allow",
        "Principal": { "Service": "vpc-flow-logs.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": "123456789012" },
            "ArnLike": { "aws:SourceArn": "arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/*" },
        },
    }]);
    if row["trust"]["policy"]["Statement"] != trust {
        return Err(format!("it trusts {}", row["trust"]["policy"]));
    }
    let policies: Vec<_> = row["policies"].as_object().into_iter().flatten().map(|(_, policy)| policy).collect();
    let group = f["log_group"].as_str().unwrap_or_default();
    let write = json!([{
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "Resource": [group, format!("{group}:*")],
    }]);
    if !matches!(policies.as_slice(), [policy] if policy["policy"]["Statement"] == write) {
        return Err(format!("it allows {policies:?}, not to write to {group}"));
    }
    same(row, &json!({}), Some(&f["tags"]))
}

fn compare_acl(contents: &Json, id: &str, f: &Json) -> Result<(), String> {
    let row = &contents["network_acls"][id];
    let mut entries = BTreeSet::new();
    for entry in row["entries"].as_array().into_iter().flatten().filter(|entry| entry["number"] != 32767) {
        let [direction, number, action] = [&entry["direction"], &entry["number"], &entry["action"]];
        let (ports, addresses) = (&entry["ports"], &entry["addresses"]);
        entries.insert(format!("{direction} {number} {action} {ports} {addresses}"));
    }
    let mut wanted = BTreeSet::new();
    for direction in ["ingress", "egress"] {
        for entry in f[direction].as_array().into_iter().flatten() {
            let [number, action, addresses] = [&entry["rule_number"], &entry["action"], &entry["cidr_block"]];
            let ports = json!([entry["from_port"], entry["to_port"]]);
            wanted.insert(format!("\"{direction}\" {number} {action} {ports} {addresses}"));
        }
    }
    if entries != wanted {
        return Err(format!("its entries are {entries:?}, not {wanted:?}"));
    }
    let associations = contents["acl_associations"].as_object().into_iter().flatten();
    let subnets: Vec<_> =
        associations.filter(|(_, one)| one["acl"] == id).map(|(_, one)| one["subnet"].clone()).collect();
    if sorted(&json!(subnets)) != sorted(&f["subnet_ids"]) {
        return Err(format!("its subnets are {subnets:?}"));
    }
    same(row, &json!({ "vpc": f["vpc_id"], "is_default": false }), Some(&f["tags"]))
}

fn compare_user(row: &Json, f: &Json) -> Result<(), String> {
    let authentication = match f["authentication_type"].as_str() {
        Some("iam") => json!("Iam"),
        Some("password") => json!({ "Passwords": f["passwords"].as_array().map_or(0, Vec::len) }),
        _ => json!("Nothing"),
    };
    let access = row["settings"]["access"].as_str().unwrap_or_default();
    if !AccessString::reported(f["access_string"].as_str().unwrap_or_default()).agrees_with(access) {
        return Err(format!("it may do {access}"));
    }
    let settings = json!({ "engine": f["engine"], "authentication": authentication });
    same(row, &json!({ "name": f["user_name"], "settings": settings, "pending": null }), Some(&f["tags"]))
}

fn compare_cache(row: &Json, f: &Json) -> Result<(), String> {
    let divides = !f["num_node_groups"].is_null();
    let mut settings = json!({
        "description": f["description"], "engine": f["engine"], "engine_version": f["engine_version"],
        "node_type": f["node_type"], "automatic_failover": f["automatic_failover_enabled"],
        "multi_az": f["multi_az_enabled"], "security_groups": sorted(&f["security_group_ids"]),
        "snapshot_retention": f["snapshot_retention_limit"], "auto_minor_version_upgrade": f["auto_minor_version_upgrade"],
        "topic": f["notification_topic_arn"], "ip_discovery": f["ip_discovery"], "log_delivery": f["log_delivery"],
        "user_group": f["user_group_id"],
        "token": if f["auth_token"].is_null() { Json::Null } else { json!({ "optional": false }) },
    });
    // Without one, AWS's own, or the one that there was. AWS chooses the windows too.
    let has_default = row["settings"]["parameter_group"].as_str().is_some_and(|name| name.starts_with("default."));
    let (engine, version) =
        (f["engine"].as_str().unwrap_or_default(), f["engine_version"].as_str().unwrap_or_default());
    let major = version.split('.').next().unwrap_or_default();
    let default = format!("default.{engine}{major}{}", if divides { ".cluster.on" } else { "" });
    for (field, value) in [
        (
            "parameter_group",
            if has_default && f["parameter_group_name"].is_null() {
                default.into()
            } else {
                f["parameter_group_name"].clone()
            },
        ),
        ("snapshot_window", f["snapshot_window"].clone()),
        ("maintenance_window", f["maintenance_window"].clone()),
    ] {
        if !value.is_null() {
            settings[field] = value;
        }
    }
    let expected = json!({
        "subnet_group": f["subnet_group_name"], "port": f["port"], "kms_key_id": f["kms_key_id"],
        "data_tiering": f["data_tiering_enabled"], "network_type": f["network_type"],
        "settings": settings, "pending": null, "cluster_enabled": divides, "phase": "Stable",
    });
    same(row, &expected, Some(&f["tags"]))?;
    let number = |field: &str| f[field].as_u64().unwrap_or_default();
    let nodes = if divides {
        number("num_node_groups") * (1 + number("replicas_per_node_group"))
    } else {
        number("num_cache_clusters")
    };
    let members = row["members"].as_object().map_or(0, serde_json::Map::len);
    if members as u64 == nodes { Ok(()) } else { Err(format!("it has {members} nodes, not {nodes}")) }
}

/// Asserts that `row` has all that `expected` has, and the tags.
fn same(row: &Json, expected: &Json, tags: Option<&Json>) -> Result<(), String> {
    part(row, expected, "")?;
    let Some(tags) = tags else { return Ok(()) };
    let pairs = row["tags"].as_object().into_iter().flatten();
    let theirs: BTreeMap<_, _> = pairs.filter(|(key, _)| !key.starts_with("palisade:")).collect();
    let theirs = json!(theirs);
    if theirs == *tags { Ok(()) } else { Err(format!("the tags are {theirs}, not {tags}")) }
}

fn part(row: &Json, expected: &Json, path: &str) -> Result<(), String> {
    match expected {
        Json::Object(entries) => entries.iter().try_for_each(|(name, expected)| {
            part(row.get(name).unwrap_or(&Json::Null), expected, &format!("{path}/{name}"))
        }),
        expected if row == expected => Ok(()),
        expected => Err(format!("{path} is {row}, not {expected}")),
    }
}
