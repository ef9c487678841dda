//! How a replication group changes.

use std::collections::BTreeSet;

use palisade_aws::{
    operations::{ModifyReplicationGroup, ModifyReplicationGroupOutput},
    shapes::LogDeliveryChange,
    types::{EngineKind, LogDelivery},
};

use super::{Settings, rules};
use crate::{
    account::Account,
    clock::{AUTH_CHANGE, FAILOVER_CHANGE, Millis, NODE_CHANGE, SIMPLE_CHANGE},
    parameter_group::is_aws_owned,
    refusal::{Answer, require},
};

impl Account {
    pub(crate) fn modify_replication_group(
        &mut self,
        call: ModifyReplicationGroup,
    ) -> Answer<ModifyReplicationGroupOutput> {
        let id = call.replication_group_id.clone();
        let group = self.replication_group_to_change(&id)?;
        let (old, subnet_group) = (group.settings.clone(), group.subnet_group.clone());
        let (nodes, data_tiering, cluster_enabled) = (group.replicas() + 1, group.data_tiering, group.cluster_enabled);
        let sets_token = call.auth_token.is_some();
        let new = self.changed(&old, call)?;
        require(sets_token || new != old, "InvalidParameterCombination", || {
            "No modifications were requested".to_owned()
        })?;
        check_engine(&old, &new)?;
        self.check_settings(&new, &subnet_group, nodes, data_tiering)?;
        self.check_cluster_mode(&new, cluster_enabled)?;
        if let Some(group) = &new.user_group {
            self.check_user_group(group, &new, new.user_group != old.user_group)?;
        }
        let until = self.now + duration(&old, &new, sets_token);
        if let Some(group) = self.replication_groups.get_mut(&id) {
            (group.pending, group.phase) = (Some(new), group.phase.modified(self.now, until));
        }
        Ok(ModifyReplicationGroupOutput {})
    }

    /// The settings `old` with what `call` changes about them.
    fn changed(&mut self, old: &Settings, call: ModifyReplicationGroup) -> Answer<Settings> {
        let ModifyReplicationGroup {
            replication_group_id: _,
            description,
            engine,
            engine_version,
            node_type,
            automatic_failover_enabled,
            multi_az_enabled,
            parameter_group_name,
            security_group_ids,
            auth_token,
            add_user_group,
            remove_user_group,
            snapshot_retention_limit,
            snapshot_window,
            maintenance_window,
            auto_minor_version_upgrade,
            notification_topic,
            ip_discovery,
            log_delivery,
        } = call;
        let engine = engine.unwrap_or(old.engine);
        require(engine == old.engine || engine_version.is_some(), "InvalidParameterCombination", || {
            "EngineVersion must be specified when Engine is changed.".to_owned()
        })?;
        let engine_version = engine_version.unwrap_or_else(|| old.engine_version.clone());
        let is_of_family = rules::family(engine, &engine_version) == rules::family(old.engine, &old.engine_version);
        let follows = is_aws_owned(&old.parameter_group) && !is_of_family;
        let parameter_group = parameter_group_name.unwrap_or_else(|| match follows {
            // One default group follows the other.
            true => rules::default_parameter_group(engine, &engine_version),
            false => old.parameter_group.clone(),
        });
        let mut new = Settings {
            description: description.unwrap_or_else(|| old.description.clone()),
            engine,
            engine_version,
            node_type: node_type.unwrap_or_else(|| old.node_type.clone()),
            automatic_failover: automatic_failover_enabled.unwrap_or(old.automatic_failover),
            multi_az: multi_az_enabled.unwrap_or(old.multi_az),
            parameter_group,
            security_groups: security_group_ids.unwrap_or_else(|| old.security_groups.clone()),
            token: old.token.clone(),
            user_group: old.user_group.clone(),
            snapshot_retention: snapshot_retention_limit.map_or(old.snapshot_retention, |limit| limit.get()),
            snapshot_window: snapshot_window.unwrap_or_else(|| old.snapshot_window.clone()),
            maintenance_window: maintenance_window.unwrap_or_else(|| old.maintenance_window.clone()),
            auto_minor_version_upgrade: auto_minor_version_upgrade.unwrap_or(old.auto_minor_version_upgrade),
            topic: notification_topic.unwrap_or_else(|| old.topic.clone()),
            ip_discovery: ip_discovery.unwrap_or(old.ip_discovery),
            log_delivery: deliveries(&old.log_delivery, log_delivery),
        };
        self.change_authentication(&mut new, auth_token, add_user_group, remove_user_group)?;
        Ok(new)
    }
}

/// Where the logs are delivered to after `changes`: a place for a log takes that of an earlier one.
fn deliveries(old: &BTreeSet<LogDelivery>, changes: Vec<LogDeliveryChange>) -> BTreeSet<LogDelivery> {
    let mut deliveries = old.clone();
    for change in changes {
        let log_type = match &change {
            LogDeliveryChange::Enable(delivery) => delivery.log_type,
            LogDeliveryChange::Disable(log_type) => *log_type,
        };
        deliveries.retain(|delivery| delivery.log_type != log_type);
        if let LogDeliveryChange::Enable(delivery) = change {
            deliveries.insert(delivery);
        }
    }
    deliveries
}

/// Refuses a way back: to an older version, or from Valkey to Redis OSS.
fn check_engine(old: &Settings, new: &Settings) -> Answer<()> {
    let leaves_valkey = old.engine == EngineKind::Valkey && new.engine == EngineKind::Redis;
    require(!leaves_valkey, "InvalidParameterCombination", || {
        "Modifying the engine from valkey to redis is not supported.".to_owned()
    })?;
    let (from, to) = (rules::numbers(&old.engine_version), rules::numbers(&new.engine_version));
    require(new.engine != old.engine || to >= from, "InvalidParameterCombination", || {
        format!("Downgrading {} from {} to {} is not supported.", old.engine, old.engine_version, new.engine_version)
    })
}

/// How long the change takes: as long as the slowest part of it.
fn duration(old: &Settings, new: &Settings, sets_token: bool) -> Millis {
    let changes_engine = (old.engine, &old.engine_version) != (new.engine, &new.engine_version);
    if changes_engine || old.node_type != new.node_type {
        NODE_CHANGE
    } else if sets_token || old.user_group != new.user_group {
        AUTH_CHANGE
    } else if (old.automatic_failover, old.multi_az) != (new.automatic_failover, new.multi_az) {
        FAILOVER_CHANGE
    } else {
        SIMPLE_CHANGE
    }
}
