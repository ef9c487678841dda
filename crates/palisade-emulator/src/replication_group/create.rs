//! How a replication group comes into being, and where its nodes stand.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{CreateReplicationGroup, CreateReplicationGroupOutput},
    types::{IpDiscovery, NetworkType, NodeCount, Replicas},
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
        let (shards, nodes) = topology(&call)?;
        check_fixed(&call, &self.region)?;
        if let Some(problem) = call.kms_key_id.as_ref().and_then(|key| self.key_problem(key, "elasticache")) {
            return refuse("InvalidKMSKeyFault", problem);
        }
        let settings = self.first_settings(&call)?;
        self.check_settings(&settings, &call.subnet_group_name, usize::from(nodes), call.data_tiering_enabled)?;
        self.check_cluster_mode(&settings, call.num_node_groups.is_some())?;
        if let Some(group) = &settings.user_group {
            self.check_user_group(group, &settings, true)?;
        }
        let count = usize::from(shards) * usize::from(nodes);
        require(count <= 500, "NodeQuotaForClusterExceeded", || {
            format!("A cluster has at most 500 nodes, and {count} were asked for.")
        })?;
        let subnets = self.places(&call.subnet_group_name, &BTreeMap::new(), count)?;

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
            cluster_enabled: call.num_node_groups.is_some(),
            members: BTreeMap::new(),
            phase,
            fails: std::mem::take(&mut self.creation_fails),
            tags: call.tags,
        };
        let shards: Vec<u16> = (1..=shards).collect();
        self.add_members(&name, &mut group, &shards, subnets, phase);
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

    /// Adds one node in each of `subnets`, with its network interface: as many to each of `shards`.
    pub(super) fn add_members(
        &mut self,
        name: &str,
        group: &mut ReplicationGroup,
        shards: &[u16],
        subnets: Vec<SubnetId>,
        phase: Phase,
    ) {
        // The nodes of one shard follow each other in the zones, so that a shard is not in one zone.
        let each = subnets.len() / shards.len().max(1);
        for (index, subnet) in subnets.into_iter().enumerate() {
            let shard = shards[(index / each.max(1)).min(shards.len() - 1)];
            let id = |number| cluster(name, group.cluster_enabled, shard, number);
            let number = (1..).find(|&number| !group.members.contains_key(&id(number))).unwrap_or_default();
            let cluster = id(number);
            let groups = group.settings.security_groups.clone();
            let interface = Interface { subnet: subnet.clone(), groups, cluster: cluster.clone(), gone_at: None };
            self.interfaces.insert(format!("eni-0{}", self.ids.digits(16)), interface);
            group.members.insert(cluster, Member { shard, subnet, phase });
        }
    }
}

/// The id of the cluster of a shard's n-th node; without shards it is the group's n-th.
fn cluster(group: &str, has_shards: bool, shard: u16, number: u32) -> String {
    if has_shards { format!("{group}-{shard:04}-{number:03}") } else { format!("{group}-{number:03}") }
}

/// How many shards the group has, and how many nodes each.
fn topology(call: &CreateReplicationGroup) -> Answer<(u16, u8)> {
    match (call.num_cache_clusters, call.num_node_groups, call.replicas_per_node_group) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => refuse(
            "InvalidParameterCombination",
            "NumCacheClusters cannot be used together with NumNodeGroups or ReplicasPerNodeGroup.".to_owned(),
        ),
        (_, Some(shards), replicas) => {
            require((1..=500).contains(&shards.get()), "InvalidParameterValue", || {
                "The parameter NumNodeGroups must be 1 to 500.".to_owned()
            })?;
            Ok((shards.get(), replicas.map_or(0, Replicas::get) + 1))
        }
        (nodes, None, _) => {
            let nodes = nodes.map_or(1, NodeCount::get);
            require((1..=NODES).contains(&nodes), "InvalidParameterValue", || {
                format!("The parameter NumCacheClusters must be 1 to {NODES}.")
            })?;
            Ok((1, nodes))
        }
    }
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
