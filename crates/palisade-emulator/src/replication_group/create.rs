//! How a replication group comes into being, and where its nodes stand.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{CreateReplicationGroup, CreateReplicationGroupOutput},
    types::{IpDiscovery, NetworkType},
};

use super::{Member, ReplicationGroup, Settings, rules};
use crate::{
    account::{Account, Interface},
    clock::{CREATE_CACHE, Phase},
    ids::{ReplicationGroupId, SubnetGroupId, SubnetId, cache_arn, id, identifier},
    refusal::{Answer, refuse, require},
    tags,
};

/// How many nodes a group without shards has at most.
const NODES: u8 = 6;

impl Account {
    pub(crate) fn create_replication_group(
        &mut self,
        call: CreateReplicationGroup,
    ) -> Answer<CreateReplicationGroupOutput> {
        tags::check_cache(&call.tags)?;
        let name = identifier("ReplicationGroupId", &call.replication_group_id, 40)?;
        let key: ReplicationGroupId = id(name.as_str());
        require(!self.replication_groups.contains_key(&key), "ReplicationGroupAlreadyExists", || {
            format!("Replication group {name} already exists.")
        })?;
        let nodes = call.num_cache_clusters.get();
        require((1..=NODES).contains(&nodes), "InvalidParameterValue", || {
            format!("The parameter NumCacheClusters must be 1 to {NODES}.")
        })?;
        check_fixed(&call, &self.region)?;
        let settings = self.first_settings(&call)?;
        self.check_settings(&settings, &call.subnet_group_name, usize::from(nodes), call.data_tiering_enabled)?;
        if let Some(group) = &settings.user_group {
            self.check_user_group(group, &settings, true)?;
        }
        let subnets = self.places(&call.subnet_group_name, &BTreeMap::new(), usize::from(nodes))?;

        let phase = Phase::Creating { until: self.now + CREATE_CACHE };
        let mut group = ReplicationGroup {
            arn: cache_arn(&self.region, "replicationgroup", &name),
            subnet_group: call.subnet_group_name,
            port: call.port.get(),
            kms_key_id: call.kms_key_id,
            data_tiering: call.data_tiering_enabled,
            network_type: call.network_type,
            dns: self.ids.digits(6),
            settings,
            pending: None,
            members: BTreeMap::new(),
            phase,
            fails: std::mem::take(&mut self.creation_fails),
            tags: call.tags,
        };
        self.add_members(&name, &mut group, subnets, phase);
        self.replication_groups.insert(key, group);
        Ok(CreateReplicationGroupOutput {})
    }

    fn first_settings(&mut self, call: &CreateReplicationGroup) -> Answer<Settings> {
        require(call.auth_token.is_none() || call.user_group_id.is_none(), "InvalidParameterCombination", || {
            "AuthToken and UserGroupIds cannot be used together.".to_owned()
        })?;
        let token = call.auth_token.as_ref().map(|token| self.first_token(token)).transpose()?;
        let (maintenance_window, snapshot_window) =
            rules::windows(call.maintenance_window.clone(), call.snapshot_window.clone());
        let parameter_group = call.parameter_group_name.clone();
        Ok(Settings {
            description: call.description.clone(),
            engine: call.engine,
            engine_version: call.engine_version.clone(),
            node_type: call.node_type.clone(),
            automatic_failover: call.automatic_failover_enabled,
            multi_az: call.multi_az_enabled,
            parameter_group: parameter_group
                .unwrap_or_else(|| rules::default_parameter_group(call.engine, &call.engine_version)),
            security_groups: call.security_group_ids.clone(),
            token,
            user_group: call.user_group_id.clone(),
            snapshot_retention: call.snapshot_retention_limit.get(),
            snapshot_window,
            maintenance_window,
            auto_minor_version_upgrade: call.auto_minor_version_upgrade,
            topic: call.notification_topic_arn.clone(),
            ip_discovery: call.ip_discovery,
            log_delivery: call.log_delivery.clone(),
        })
    }

    /// The subnets for `count` nodes more: spread over the zones, in subnets that have a free address.
    pub(super) fn places(
        &self,
        subnet_group: &SubnetGroupId,
        members: &BTreeMap<String, Member>,
        count: usize,
    ) -> Answer<Vec<SubnetId>> {
        let candidates = &self.subnet_group(subnet_group)?.subnets;
        let zone = |subnet: &SubnetId| self.subnets.get(subnet).map(|subnet| &subnet.zone);
        let mut places: Vec<SubnetId> = Vec::new();
        for _ in 0..count {
            let planned = |subnet: &SubnetId| places.iter().filter(|place| *place == subnet).count();
            let free = |subnet: &SubnetId| usize::try_from(self.free_addresses(subnet)).unwrap_or(usize::MAX);
            // How many nodes there are in the zone, and in the subnet.
            let crowd = |subnet: &SubnetId| {
                let taken = || members.values().map(|member| &member.subnet).chain(&places);
                let in_zone = taken().filter(|other| zone(other) == zone(subnet)).count();
                (in_zone, taken().filter(|other| *other == subnet).count())
            };
            let with_space = candidates.iter().filter(|subnet| free(subnet) > planned(subnet));
            let Some(place) = with_space.min_by_key(|subnet| crowd(subnet)).cloned() else {
                return refuse(
                    "InvalidVPCNetworkStateFault",
                    format!("The subnets of the cache subnet group {subnet_group} have not enough free IP addresses."),
                );
            };
            places.push(place);
        }
        Ok(places)
    }

    /// Adds one node in each of `subnets`, with its network interface.
    pub(super) fn add_members(
        &mut self,
        name: &str,
        group: &mut ReplicationGroup,
        subnets: Vec<SubnetId>,
        phase: Phase,
    ) {
        let mut number = 1;
        for subnet in subnets {
            while group.members.contains_key(&cluster(name, number)) {
                number += 1;
            }
            let cluster = cluster(name, number);
            let groups = group.settings.security_groups.clone();
            let interface = Interface { subnet: subnet.clone(), groups, cluster: cluster.clone(), gone_at: None };
            self.interfaces.insert(format!("eni-0{}", self.ids.digits(16)), interface);
            group.members.insert(cluster, Member { subnet, phase });
        }
    }
}

/// The id of the cluster of a group's n-th node.
fn cluster(group: &str, number: u32) -> String {
    format!("{group}-{number:03}")
}

/// Refuses what can never be changed later.
fn check_fixed(call: &CreateReplicationGroup, region: &str) -> Answer<()> {
    let key = call.kms_key_id.as_ref();
    require(key.is_none_or(|key| rules::region_of(key.as_str()) == region), "InvalidKMSKeyFault", || {
        "The KMS key supplied is not valid: it must be in the region of the cluster.".to_owned()
    })?;
    require(call.port.get() > 0, "InvalidParameterValue", || "The parameter Port must be 1 to 65535.".to_owned())?;
    let reachable = match call.ip_discovery {
        IpDiscovery::Ipv4 => call.network_type != NetworkType::Ipv6,
        IpDiscovery::Ipv6 => call.network_type != NetworkType::Ipv4,
    };
    require(reachable, "InvalidParameterCombination", || {
        format!("IpDiscovery {} is not supported with NetworkType {}.", call.ip_discovery, call.network_type)
    })
}
