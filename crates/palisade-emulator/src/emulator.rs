//! [`Emulator`]: the account as a backend.

use std::{
    collections::BTreeMap,
    fmt,
    future::pending,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use palisade_aws::{
    Backend, failure,
    operations::{Effect, Request, Response, Service},
};
use palisade_core::provider::{BoxFuture, ProviderError};
use secrecy::SecretString;
use tokio::time::sleep;

use crate::{
    Fault, Item, OpenError,
    account::Account,
    clock::{Clock, LAG, Millis, READ_LATENCY, WRITE_LATENCY},
    fault::PATIENCE,
    ids::ACCOUNT,
    refusal::Answer,
    store::Store,
};

/// An AWS account in memory, or in a folder. Clones are the same account.
#[derive(Clone)]
pub struct Emulator {
    region: Arc<str>,
    state: Arc<Mutex<State>>,
}

struct State {
    account: Account,
    clock: Clock,
    store: Option<Store>,
    /// Whether a call changed something.
    has_changed: bool,
    /// Whether the account in memory is further than the one in the file, in a way that is worth keeping.
    is_ahead: bool,
    calls: Vec<&'static str>,
    writes: u64,
    /// What goes wrong, by the number of the write.
    faults: BTreeMap<u64, Fault>,
    reads: u64,
    /// What goes wrong, by the number of the read.
    read_faults: BTreeMap<u64, Fault>,
}

impl Emulator {
    /// An empty account that is forgotten with its last clone.
    pub fn in_memory(region: &str) -> Self {
        Self::new(Account::new(region), None)
    }

    /// The account that is kept in `folder`, or an empty one if none is. Nothing is written there before a call changes
    /// something, so that reading works in a folder that cannot be written.
    ///
    /// The account is in `account.json`. The values of secrets are encrypted there, with the key in `account.key`. A write
    /// survives the end of the process, not that of the machine. One process at a time changes the account.
    ///
    /// # Errors
    /// [`OpenError`] if there is a file that is not an account of this region, or cannot be read; that is never taken for
    /// an empty account.
    pub fn open(folder: &Path, region: &str) -> Result<Self, OpenError> {
        let (store, account) = Store::open(folder, region)?;
        Ok(Self::new(account, Some(store)))
    }

    fn new(mut account: Account, store: Option<Store>) -> Self {
        account.lag = LAG;
        let region = account.region.as_str().into();
        let clock = Clock::new(account.now);
        let state = State {
            account,
            clock,
            store,
            has_changed: false,
            is_ahead: false,
            calls: Vec::new(),
            writes: 0,
            faults: BTreeMap::new(),
            reads: 0,
            read_faults: BTreeMap::new(),
        };
        Self { region, state: Arc::new(Mutex::new(state)) }
    }

    /// The same account, in which every description tells at once what was changed. AWS does not: for a moment, what was
    /// just made is not found, and what is being changed looks settled.
    pub fn immediately_consistent(self) -> Self {
        self.state().account.lag = 0;
        self
    }

    /// From now on, every description tells of a change only after `lag`.
    pub fn lag(&self, lag: Duration) {
        self.state().account.lag = Millis::try_from(lag.as_millis()).unwrap_or(Millis::MAX);
    }

    /// From now on, everything that the account does takes `times` as long as usual. To be called inside of a runtime.
    pub fn slow_down(&self, times: u32) {
        self.state().clock.slow_down(times);
    }

    /// The account's id.
    pub fn account_id(&self) -> &str {
        ACCOUNT
    }

    /// Everything that exists, in the order of kinds and ids, without what AWS makes by itself: default security groups,
    /// main route tables, default network ACLs, the first rule of each security group, the user `default`, default parameter groups. A secret
    /// or a key whose deletion is scheduled counts as gone. What is being deleted is still there.
    ///
    /// It tells of the account as it was at the last call.
    pub fn inventory(&self) -> Vec<Item> {
        self.state().account.inventory()
    }

    /// Everything that the account holds, as its file has it: what a test judges by that trusts no description. The form is
    /// that of this version.
    ///
    /// It tells of the account as it was at the last call.
    pub fn contents(&self) -> serde_json::Value {
        serde_json::to_value(&self.state().account).expect("an account is written to its file in the same way")
    }

    /// Whether `password` is one of those that the user with this id logs in with. The account keeps enough of each to know it
    /// again, and no call tells it.
    ///
    /// It tells of the account as it was at the last call.
    pub fn accepts_password(&self, user_id: &str, password: &SecretString) -> bool {
        self.state().account.accepts_password(user_id, password)
    }

    /// Whether the cache with this id lets in a client that sends `token`, or none at all.
    ///
    /// It tells of the account as it was at the last call.
    pub fn accepts_token(&self, replication_group_id: &str, token: Option<&SecretString>) -> bool {
        self.state().account.accepts_token(replication_group_id, token)
    }

    /// The actions of the calls so far, in the order in which they had their effect.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// How many calls that change something there were so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Lets `fault` happen to one of the calls that change something: the next one if `nth` is 1.
    pub fn inject(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let number = state.writes + nth;
        state.faults.insert(number, fault);
    }

    /// Lets `fault` happen to one of the calls that only tell something: the next one if `nth` is 1.
    pub fn inject_read(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let number = state.reads + nth;
        state.read_faults.insert(number, fault);
    }

    /// Lets nothing go wrong any more.
    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.read_faults.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a panic could be: a test that failed does not hide what others find.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Emulator {
    fn region(&self) -> &str {
        &self.region
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let latency = match request.effect() {
                Effect::Read => READ_LATENCY,
                Effect::Write => WRITE_LATENCY,
            };
            // A call takes time to get there, and so does its answer: it may be given up before or after its effect.
            let way = Duration::from_millis(latency / 2);
            sleep(way).await;
            let answer = self.state().receive(request);
            sleep(way).await;
            match answer {
                Reply::Given(answer) => answer,
                Reply::TooLate(error) => {
                    sleep(PATIENCE).await;
                    Err(error)
                }
                Reply::Never => pending().await,
            }
        })
    }
}

/// What the caller gets.
enum Reply {
    Given(Result<Response, ProviderError>),
    /// The error once the caller has waited long enough.
    TooLate(ProviderError),
    Never,
}

impl State {
    /// Handles a call that has come in.
    fn receive(&mut self, request: Request) -> Reply {
        self.calls.push(request.action());
        let fault = match request.effect() {
            Effect::Read => {
                self.reads += 1;
                self.read_faults.remove(&self.reads)
            }
            Effect::Write => {
                self.writes += 1;
                self.faults.remove(&self.writes)
            }
        };
        let error = fault.map(|fault| fault.error(&request));
        match (fault, error) {
            (None | Some(Fault::CreateFailed), _) | (_, None) => {
                self.account.creation_fails = fault.is_some();
                let answer = self.carry_out(request);
                self.account.creation_fails = false;
                Reply::Given(answer)
            }
            (Some(Fault::Throttled | Fault::Unavailable | Fault::Quota), Some(error)) => Reply::Given(Err(error)),
            (Some(Fault::AnswerLost), Some(error)) => Reply::Given(self.carry_out(request).and(Err(error))),
            // Whatever the answer is, nobody gets it.
            (Some(Fault::TimedOut), Some(error)) => {
                _ = self.carry_out(request);
                Reply::TooLate(error)
            }
            (Some(Fault::NoAnswer), _) => {
                _ = self.carry_out(request);
                Reply::Never
            }
        }
    }

    fn carry_out(&mut self, request: Request) -> Result<Response, ProviderError> {
        match request.effect() {
            Effect::Read => {
                let action = request.action();
                self.keep_up(Store::look).map_err(|message| failure(action, "InternalFailure", message))?;
                self.handle(request)
            }
            Effect::Write => self.change(request),
        }
    }

    /// Handles a call that changes something, and keeps what it changed.
    fn change(&mut self, request: Request) -> Result<Response, ProviderError> {
        let action = request.action();
        let cannot = |message: String| failure(action, "InternalFailure", message);
        self.keep_up(Store::prepare).map_err(cannot)?;
        let deletes = request.service() == Service::Ec2
            && ["Delete", "Revoke"].iter().any(|verb| action.starts_with(verb))
            && !matches!(request, Request::DeleteTags(_));
        let before = deletes.then(|| self.account.tagged());
        let response = self.handle(request)?;
        if let Some(before) = before {
            self.account.keep_tags_of_deleted(before);
        }
        self.has_changed = true;
        self.save().map_err(cannot)?;
        Ok(response)
    }

    /// Takes over what another process has changed.
    fn keep_up(&mut self, read: fn(&mut Store, &mut Account) -> Result<bool, String>) -> Result<(), String> {
        if let Some(store) = &mut self.store
            && read(store, &mut self.account)?
        {
            self.clock.advance_to(self.account.now);
            self.is_ahead = false;
        }
        Ok(())
    }

    fn handle(&mut self, request: Request) -> Result<Response, ProviderError> {
        let action = request.action();
        // A process that only looks keeps nothing, unless something came to its end while it looked.
        self.is_ahead |= self.account.advance(self.clock.now()) || self.has_changed;
        answer(&mut self.account, request).map_err(|refusal| refusal.of(action))
    }

    fn save(&mut self) -> Result<(), String> {
        if let Some(store) = &mut self.store {
            store.save(&self.account)?;
        }
        self.is_ahead = false;
        Ok(())
    }
}

impl Drop for State {
    /// Keeps the time that has passed since the last change, so that what was waited for is not waited for again.
    fn drop(&mut self) {
        let Some(store) = self.store.as_mut().filter(|_| self.is_ahead) else { return };
        // There is nobody left to tell of a failure, and the account in the file is whole without this. Where another
        // process has changed it meanwhile, that one is ahead.
        if let Ok(false) = store.prepare(&mut self.account) {
            _ = self.save();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Lets the method of each call answer it. A call that is missing here does not compile.
macro_rules! dispatch {
    ($account:ident, $request:ident: $($action:ident $method:ident),* $(,)?) => {
        match $request { $( Request::$action(call) => $account.$method(call).map(Response::$action), )* }
    };
}

#[rustfmt::skip]
fn answer(account: &mut Account, request: Request) -> Answer<Response> {
    dispatch! { account, request:
        CreateVpc create_vpc, DescribeVpcs describe_vpcs, DescribeVpcAttribute describe_vpc_attribute,
        ModifyVpcAttribute modify_vpc_attribute, ModifyVpcTenancy modify_vpc_tenancy, DeleteVpc delete_vpc,
        CreateSubnet create_subnet, DescribeSubnets describe_subnets,
        ModifySubnetAttribute modify_subnet_attribute, DeleteSubnet delete_subnet,
        CreateRouteTable create_route_table, DescribeRouteTables describe_route_tables,
        AssociateRouteTable associate_route_table, ReplaceRouteTableAssociation replace_route_table_association,
        DisassociateRouteTable disassociate_route_table, DeleteRouteTable delete_route_table,
        CreateSecurityGroup create_security_group, DescribeSecurityGroups describe_security_groups,
        DeleteSecurityGroup delete_security_group,
        AuthorizeSecurityGroupIngress authorize_security_group_ingress,
        AuthorizeSecurityGroupEgress authorize_security_group_egress,
        DescribeSecurityGroupRules describe_security_group_rules,
        ModifySecurityGroupRules modify_security_group_rules,
        RevokeSecurityGroupIngress revoke_security_group_ingress,
        RevokeSecurityGroupEgress revoke_security_group_egress,
        CreateNetworkAcl create_network_acl, DescribeNetworkAcls describe_network_acls,
        CreateNetworkAclEntry create_network_acl_entry, ReplaceNetworkAclEntry replace_network_acl_entry,
        DeleteNetworkAclEntry delete_network_acl_entry,
        ReplaceNetworkAclAssociation replace_network_acl_association, DeleteNetworkAcl delete_network_acl,
        CreateFlowLogs create_flow_logs, DescribeFlowLogs describe_flow_logs, DeleteFlowLogs delete_flow_logs,
        DescribeTags describe_tags, CreateTags create_tags, DeleteTags delete_tags,

        CreateCacheSubnetGroup create_cache_subnet_group, DescribeCacheSubnetGroups describe_cache_subnet_groups,
        ModifyCacheSubnetGroup modify_cache_subnet_group, DeleteCacheSubnetGroup delete_cache_subnet_group,
        CreateCacheParameterGroup create_cache_parameter_group,
        DescribeCacheParameterGroups describe_cache_parameter_groups,
        DescribeCacheParameters describe_cache_parameters,
        ModifyCacheParameterGroup modify_cache_parameter_group,
        ResetCacheParameterGroup reset_cache_parameter_group,
        DeleteCacheParameterGroup delete_cache_parameter_group,
        CreateReplicationGroup create_replication_group, DescribeReplicationGroups describe_replication_groups,
        DescribeCacheClusters describe_cache_clusters, ModifyReplicationGroup modify_replication_group,
        IncreaseReplicaCount increase_replica_count, DecreaseReplicaCount decrease_replica_count,
        ModifyReplicationGroupShardConfiguration modify_shard_configuration,
        DescribeSnapshots describe_snapshots, DeleteReplicationGroup delete_replication_group,
        CreateUser create_user, DescribeUsers describe_users, ModifyUser modify_user, DeleteUser delete_user,
        CreateUserGroup create_user_group, DescribeUserGroups describe_user_groups,
        ModifyUserGroup modify_user_group, DeleteUserGroup delete_user_group,
        ListTagsForResource list_tags_for_resource, AddTagsToResource add_tags_to_resource,
        RemoveTagsFromResource remove_tags_from_resource,

        CreateSecret create_secret, DescribeSecret describe_secret, UpdateSecret update_secret,
        PutSecretValue put_secret_value, GetSecretValue get_secret_value, GetRandomPassword get_random_password,
        DeleteSecret delete_secret, RestoreSecret restore_secret, TagResource tag_resource, UntagResource untag_resource,

        CreateRole create_role, GetRole get_role, UpdateAssumeRolePolicy update_assume_role_policy,
        PutRolePolicy put_role_policy, GetRolePolicy get_role_policy, DeleteRolePolicy delete_role_policy,
        DeleteRole delete_role, TagRole tag_role, UntagRole untag_role,

        CreateKey create_key, DescribeKey describe_key, ListKeys list_keys, UpdateKeyDescription update_key_description,
        GetKeyPolicy get_key_policy, PutKeyPolicy put_key_policy, GetKeyRotationStatus get_key_rotation_status,
        EnableKeyRotation enable_key_rotation, CreateAlias create_alias, ListAliases list_aliases,
        DeleteAlias delete_alias, ListResourceTags list_resource_tags, TagKey tag_key, UntagKey untag_key,
        ScheduleKeyDeletion schedule_key_deletion,

        CreateLogGroup create_log_group, DescribeLogGroups describe_log_groups, PutRetentionPolicy put_retention_policy,
        AssociateKmsKey associate_kms_key, DisassociateKmsKey disassociate_kms_key,
        ListLogGroupTags list_log_group_tags, TagLogGroup tag_log_group, UntagLogGroup untag_log_group,
        DeleteLogGroup delete_log_group,
    }
}
