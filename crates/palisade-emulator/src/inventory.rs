//! [`Item`]: what exists.

use std::fmt;

use palisade_aws::types::Tags;

use crate::account::Account;

/// An object of the account.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Item {
    /// Its kind, which is the name of its resource type: `Vpc`, `RedisUser` and so on, or `Snapshot`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// The stack that its tags say it belongs to.
    pub stack: Option<String>,
    /// The address of the resource that its tags say it is.
    pub resource: Option<String>,
    /// The token of the creation that made it.
    pub token: Option<String>,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        match &self.resource {
            Some(resource) => write!(f, " ({resource})"),
            None => Ok(()),
        }
    }
}

impl Account {
    /// Everything that somebody made and that is not gone, in the order of kinds and ids. A secret or a
    /// key whose deletion is scheduled counts as gone.
    pub(crate) fn inventory(&self) -> Vec<Item> {
        let mut items = self.network();
        for (id, group) in &self.subnet_groups {
            items.push(item("CacheSubnetGroup", id, &group.tags));
        }
        for (id, group) in &self.parameter_groups {
            if !id.as_str().starts_with("default.") {
                items.push(item("CacheParameterGroup", id, &group.tags));
            }
        }
        for (id, group) in &self.replication_groups {
            items.push(item("ReplicationGroup", id, &group.tags));
        }
        for id in &self.snapshots {
            items.push(item("Snapshot", id, &Tags::default()));
        }
        for (id, user) in &self.users {
            if id.as_str() != "default" {
                items.push(item("RedisUser", id, &user.tags));
            }
        }
        for (id, group) in &self.user_groups {
            items.push(item("UserGroup", id, &group.tags));
        }
        for (id, role) in &self.roles {
            items.push(item("FlowLogRole", id, &role.tags));
        }
        for (id, secret) in &self.secrets {
            if secret.purged_at.is_none() {
                items.push(item("Secret", id, &secret.tags));
            }
        }
        for (id, key) in &self.keys {
            if key.purged_at.is_none() {
                items.push(item("KmsKey", id, &key.tags));
            }
        }
        for (id, group) in &self.log_groups {
            items.push(item("LogGroup", id, &group.tags));
        }
        items.sort();
        items
    }

    fn network(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for (id, vpc) in &self.vpcs {
            items.push(item("Vpc", id, &vpc.tags));
        }
        for (id, subnet) in &self.subnets {
            items.push(item("Subnet", id, &subnet.tags));
        }
        for (id, flow_log) in &self.flow_logs {
            items.push(item("FlowLog", id, &flow_log.tags));
        }
        for (id, table) in &self.route_tables {
            if !table.main {
                items.push(item("RouteTable", id, &table.tags));
            }
        }
        for id in self.associations.keys() {
            items.push(item("RouteTableAssociation", id, &Tags::default()));
        }
        for (id, acl) in &self.network_acls {
            if !acl.is_default {
                items.push(item("NetworkAcl", id, &acl.tags));
            }
        }
        for (id, group) in &self.security_groups {
            if !group.is_default {
                items.push(item("SecurityGroup", id, &group.tags));
            }
        }
        for (id, rule) in &self.rules {
            if !rule.is_default {
                items.push(item("SecurityGroupRule", id, &rule.tags));
            }
        }
        items
    }
}

fn item(kind: &'static str, id: &impl fmt::Display, tags: &Tags) -> Item {
    let tag = |key| tags.get(key).map(str::to_owned);
    Item {
        kind,
        id: id.to_string(),
        stack: tag("palisade:stack"),
        resource: tag("palisade:resource"),
        token: tag("palisade:token"),
    }
}
