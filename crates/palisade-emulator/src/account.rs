//! [`Account`]: everything that exists, and what becomes of it as time passes.

use std::collections::{BTreeMap, BTreeSet};

use palisade_aws::shapes::Select;
use palisade_aws::types::{KmsAlias, Tags};
use palisade_core::{Id, Resource};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{DETACHED_GROUP, LINGER, Millis, Phase},
    flow_log::FlowLog,
    ids::{
        ACCOUNT, FlowLogId, Ids, KeyId, LogGroupId, NetworkAclId, ParameterGroupId, ReplicationGroupId, RoleId,
        RouteTableId, RuleId, SecretId, SecurityGroupId, SubnetGroupId, SubnetId, UserGroupId, UserId, VpcId,
    },
    kms::Key,
    log_group::LogGroup,
    network_acl::{AclAssociation, NetworkAcl},
    parameter_group::ParameterGroup,
    replication_group::ReplicationGroup,
    role::Role,
    route_table::{Association, RouteTable},
    rule::Rule,
    secret::Secret,
    security_group::SecurityGroup,
    subnet::Subnet,
    subnet_group::SubnetGroup,
    user::User,
    user_group::UserGroup,
    vault::Vault,
    vpc::Vpc,
};

/// One region of one account. Each family of calls is an `impl` in the module of its family.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Account {
    pub(crate) region: String,
    /// The time; whoever calls [`Account::advance`] sets it.
    pub(crate) now: Millis,
    pub(crate) ids: Ids,
    pub(crate) vpcs: BTreeMap<VpcId, Vpc>,
    pub(crate) subnets: BTreeMap<SubnetId, Subnet>,
    pub(crate) route_tables: BTreeMap<RouteTableId, RouteTable>,
    pub(crate) associations: BTreeMap<String, Association>,
    pub(crate) security_groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    pub(crate) rules: BTreeMap<RuleId, Rule>,
    pub(crate) flow_logs: BTreeMap<FlowLogId, FlowLog>,
    pub(crate) interfaces: BTreeMap<String, Interface>,
    pub(crate) subnet_groups: BTreeMap<SubnetGroupId, SubnetGroup>,
    pub(crate) parameter_groups: BTreeMap<ParameterGroupId, ParameterGroup>,
    pub(crate) replication_groups: BTreeMap<ReplicationGroupId, ReplicationGroup>,
    pub(crate) snapshots: BTreeSet<String>,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) user_groups: BTreeMap<UserGroupId, UserGroup>,
    pub(crate) secrets: BTreeMap<SecretId, Secret>,
    pub(crate) roles: BTreeMap<RoleId, Role>,
    #[serde(default)]
    pub(crate) keys: BTreeMap<KeyId, Key>,
    /// The keys by their aliases.
    #[serde(default)]
    pub(crate) aliases: BTreeMap<KmsAlias, KeyId>,
    #[serde(default)]
    pub(crate) log_groups: BTreeMap<LogGroupId, LogGroup>,
    #[serde(default)]
    pub(crate) network_acls: BTreeMap<NetworkAclId, NetworkAcl>,
    #[serde(default)]
    pub(crate) acl_associations: BTreeMap<String, AclAssociation>,
    /// The names of secrets that were deleted without recovery, and until when each stays taken.
    pub(crate) freed_names: BTreeMap<String, Millis>,
    /// The tags of EC2 objects that were deleted, and until when each is still listed.
    #[serde(skip)]
    pub(crate) tags_of_deleted: BTreeMap<String, (Tags, Millis)>,
    /// For how long descriptions still tell what was before a change.
    #[serde(skip)]
    pub(crate) lag: Millis,
    #[serde(skip)]
    pub(crate) vault: Vault,
    /// Whether the next replication group ends as `create-failed`.
    #[serde(skip)]
    pub(crate) creation_fails: bool,
}

/// A network interface that ElastiCache keeps in a subnet for a node.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Interface {
    pub(crate) subnet: SubnetId,
    pub(crate) groups: BTreeSet<SecurityGroupId>,
    /// The member cluster that it is for.
    pub(crate) cluster: String,
    /// When it goes; `None` for as long as its node is there.
    pub(crate) gone_at: Option<Millis>,
}

impl Account {
    /// An account in which nobody made anything yet.
    pub(crate) fn new(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            now: 0,
            ids: Ids::new(format!("{ACCOUNT}/{region}")),
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            route_tables: BTreeMap::new(),
            associations: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            rules: BTreeMap::new(),
            flow_logs: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            subnet_groups: BTreeMap::new(),
            parameter_groups: ParameterGroup::defaults(region),
            replication_groups: BTreeMap::new(),
            snapshots: BTreeSet::new(),
            users: User::built_in(region),
            user_groups: BTreeMap::new(),
            secrets: BTreeMap::new(),
            roles: BTreeMap::new(),
            keys: BTreeMap::new(),
            aliases: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            network_acls: BTreeMap::new(),
            acl_associations: BTreeMap::new(),
            freed_names: BTreeMap::new(),
            tags_of_deleted: BTreeMap::new(),
            lag: 0,
            vault: Vault::default(),
            creation_fails: false,
        }
    }

    /// Lets time pass until `now`, and says whether something came to its end meanwhile. What happens, happens in the
    /// order in which AWS would do it: caches go, then the interfaces that they leave, then the user groups that they
    /// used, and the users.
    pub(crate) fn advance(&mut self, now: Millis) -> bool {
        let before = self.unsettled();
        self.now = now;
        self.settle_replication_groups();
        self.interfaces.retain(|_, interface| interface.gone_at.is_none_or(|gone_at| now < gone_at));
        for group in self.user_groups.values_mut() {
            group.settle(now);
        }
        self.user_groups.retain(|_, group| group.phase.gone_at(now).is_none());
        for user in self.users.values_mut() {
            user.settle(now);
        }
        self.users.retain(|_, user| user.phase.gone_at(now).is_none());
        self.secrets.retain(|_, secret| secret.purged_at.is_none_or(|purged_at| now < purged_at));
        self.keys.retain(|_, key| key.purged_at.is_none_or(|purged_at| now < purged_at));
        let keys = &self.keys;
        self.aliases.retain(|_, key| keys.contains_key(key));
        self.freed_names.retain(|_, free_at| now < *free_at);
        self.unsettled() != before
    }

    /// How many things are under way.
    fn unsettled(&self) -> usize {
        let caches = self.replication_groups.values();
        let phases =
            caches.flat_map(|cache| std::iter::once(cache.phase).chain(cache.members.values().map(|m| m.phase)));
        let phases = phases.chain(self.user_groups.values().map(|group| group.phase));
        let phases = phases.chain(self.users.values().map(|user| user.phase));
        phases.filter(|phase| !matches!(phase, Phase::Stable | Phase::Failed)).count()
            + self.interfaces.values().filter(|interface| interface.gone_at.is_some()).count()
            + self.secrets.values().filter(|secret| secret.purged_at.is_some()).count()
            + self.keys.values().filter(|key| key.purged_at.is_some()).count()
            + self.freed_names.len()
    }

    fn settle_replication_groups(&mut self) {
        let now = self.now;
        for group in self.replication_groups.values_mut() {
            for (cluster, gone_at) in group.settle(now) {
                release(&mut self.interfaces, &cluster, gone_at);
            }
            for interface in self.interfaces.values_mut().filter(|interface| interface.gone_at.is_none()) {
                if group.members.contains_key(&interface.cluster) {
                    interface.groups.clone_from(&group.settings.security_groups);
                }
            }
            let Some(gone_at) = group.phase.gone_at(now) else { continue };
            // The user group notices that its cache is gone, and is busy with it for a while.
            let used = group.settings.user_group.as_ref().and_then(|used| self.user_groups.get_mut(used));
            if let Some(used) = used.filter(|used| used.phase.is_stable()) {
                used.phase = Phase::Modifying { since: gone_at, until: gone_at + DETACHED_GROUP };
            }
        }
        self.replication_groups.retain(|_, group| group.phase.gone_at(now).is_none());
    }

    /// Whether it holds what only the vault's key makes use of.
    pub(crate) fn needs_key(&self) -> bool {
        self.secrets.values().any(|secret| !secret.versions.is_empty())
            || self.replication_groups.values().any(|group| group.latest().token.is_some())
            || self.users.values().any(|user| !user.latest().passwords.is_empty())
    }

    /// Whether what was made at `made` is to be seen already.
    pub(crate) fn shows(&self, made: Millis) -> bool {
        self.now >= made.saturating_add(self.lag)
    }
}

/// Lets the interfaces of a node that went at `at` linger.
fn release(interfaces: &mut BTreeMap<String, Interface>, cluster: &str, at: Millis) {
    for interface in interfaces.values_mut().filter(|interface| interface.cluster == cluster) {
        interface.gone_at.get_or_insert(at + LINGER);
    }
}

/// Whether a description of `select` is about the object `id` with `tags`.
pub(crate) fn selects<R: Resource>(select: &Select<R>, id: &Id<R>, tags: &Tags) -> bool {
    match select {
        Select::Ids(ids) => ids.contains(id),
        Select::Token(token) => tags.get("palisade:token") == Some(token),
    }
}
