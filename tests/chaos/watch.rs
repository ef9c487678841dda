//! [`Watch`]: the account, with an eye on each call that changes something.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use palisade_aws::{
    Backend,
    operations::{Effect, Request, Response},
};
use palisade_core::{
    Json,
    provider::{BoxFuture, ErrorKind, ProviderError},
};
use palisade_emulator::Emulator;

use crate::place::Held;

/// The account as one run reaches it, with an eye on each call: it is sent only while the run holds the stack; what is deleted
/// is not used any more; and what a valid program leads to is not refused.
pub(crate) struct Watch {
    emulator: Emulator,
    held: Held,
    /// Whether calls that were sent have their effect although the process stands still.
    stands_still: bool,
    wrong: Mutex<Vec<String>>,
    /// The caches whose deletion this run has sent.
    going: Mutex<BTreeSet<String>>,
}

impl Watch {
    pub(crate) fn new(emulator: Emulator, held: Held, stands_still: bool) -> Self {
        Self { emulator, held, stands_still, wrong: Mutex::default(), going: Mutex::default() }
    }

    /// All that was wrong.
    pub(crate) fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut self.wrong())
    }

    fn wrong(&self) -> MutexGuard<'_, Vec<String>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn going(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before the call is sent, no other run can have begun.
    fn check_lock(&self, action: &str) {
        if let Some(lost) = self.held.lost() {
            self.wrong().push(format!("{action} is sent although {lost}"));
        }
    }

    /// Before the call is sent, everything that needs the object has let go of it, and its own call has been answered.
    fn check_order(&self, request: &Request) {
        let contents = || self.emulator.contents();
        let users = match request {
            Request::DeleteVpc(call) => users(&contents(), call.vpc_id.as_str(), VPC),
            Request::DeleteSubnet(call) => users(&contents(), call.subnet_id.as_str(), SUBNET),
            Request::DeleteRouteTable(call) => users(&contents(), call.route_table_id.as_str(), ROUTE_TABLE),
            Request::DeleteSecurityGroup(call) => users(&contents(), call.group_id.as_str(), GROUP),
            Request::DeleteCacheSubnetGroup(call) => users(&contents(), call.name.as_str(), SUBNET_GROUP),
            Request::DeleteCacheParameterGroup(call) => users(&contents(), call.name.as_str(), PARAMETER_GROUP),
            Request::DeleteUserGroup(call) => users(&contents(), call.user_group_id.as_str(), USER_GROUP),
            Request::DeleteLogGroup(call) => users(&contents(), &group_arn(call.name.as_str()), LOG_GROUP),
            Request::DeleteRole(call) => users(&contents(), &role_arn(call.role_name.as_str()), ROLE),
            Request::ScheduleKeyDeletion(call) => users(&contents(), call.key_id.as_str(), KEY),
            Request::DeleteReplicationGroup(call) => {
                self.going().insert(call.replication_group_id.to_string());
                return;
            }
            _ => return,
        };
        // An earlier run may have begun to delete what the state knows no more; then AWS refuses for as long as it takes.
        let is_left = |user: &Use| user.is_going && !self.going().contains(&user.id);
        let users: Vec<_> = users.into_iter().filter(|user| !is_left(user)).map(|user| user.to_string()).collect();
        if !users.is_empty() {
            let message = format!("{} is sent while {} still use the object", request.action(), users.join(" and "));
            let mut wrong = self.wrong();
            if !wrong.contains(&message) {
                wrong.push(message);
            }
        }
    }

    /// Only what passes by itself is a reason to refuse a call that a valid program leads to.
    fn check_answer(&self, action: &str, answer: &Result<Response, ProviderError>) {
        let Err(error) = answer else { return };
        let passes = match error.kind {
            ErrorKind::Throttled | ErrorKind::Service => true,
            // One that was drawn. No program needs more room than there is.
            ErrorKind::Quota => DRAWN.contains(&error.message.as_str()),
            ErrorKind::Transitional | ErrorKind::NothingToDo => true,
            // The effect of an earlier attempt is there already.
            ErrorKind::AlreadyExists => true,
            ErrorKind::NotFound => {
                let is_removal = ["Delete", "Revoke", "Disassociate"].iter().any(|begin| action.starts_with(begin));
                // An earlier run may have moved the subnet, or changed the entry, which no description shows yet.
                is_removal || action.starts_with("ReplaceNetworkAcl")
            }
            // AWS does not move nodes, so nobody can take the subnet of one out of its group.
            // Whether a token is the only one that a cache accepts cannot be read, so it is said once too often.
            ErrorKind::Invalid => {
                error.code == "SubnetInUse"
                    // An earlier change may be on its way that no description tells of yet.
                    || error.message.contains("member of user group")
                    || error.message.contains("SET needs two tokens, or one that is optional")
            }
            _ => false,
        };
        if !passes {
            self.wrong().push(format!("{action} is refused: {} {}", error.code, error.message));
        }
    }
}

/// What [`Fault::Quota`](palisade_emulator::Fault::Quota) says.
const DRAWN: [&str; 4] = [
    "The limit of the account is reached.",
    "The quota of the account is used up.",
    "The request failed because it would exceed one of the quotas.",
    "The request would exceed a limit of the account.",
];

fn group_arn(name: &str) -> String {
    format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}")
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

/// Where the ids of what an object uses stand: the table, the path in its rows, and what rows do not count.
type Uses = &'static [(&'static str, &'static str)];

const VPC: Uses = &[
    ("subnets", "/vpc"),
    ("route_tables", "/vpc"),
    ("security_groups", "/vpc"),
    ("network_acls", "/vpc"),
    ("flow_logs", "/settings/vpc"),
];
const LOG_GROUP: Uses = &[("flow_logs", "/settings/destination")];
const ROLE: Uses = &[("flow_logs", "/settings/role")];
const KEY: Uses = &[("secrets", "/kms_key_id"), ("log_groups", "/kms_key_id"), ("replication_groups", "/kms_key_id")];
const SUBNET: Uses = &[("associations", "/subnet"), ("subnet_groups", "/subnets")];
const ROUTE_TABLE: Uses = &[("associations", "/table")];
const GROUP: Uses = &[
    ("rules", "/group"),
    ("rules", "/peer/Group"),
    ("replication_groups", "/settings/security_groups"),
    ("replication_groups", "/pending/security_groups"),
];
const SUBNET_GROUP: Uses = &[("replication_groups", "/subnet_group")];
const PARAMETER_GROUP: Uses =
    &[("replication_groups", "/settings/parameter_group"), ("replication_groups", "/pending/parameter_group")];
const USER_GROUP: Uses =
    &[("replication_groups", "/settings/user_group"), ("replication_groups", "/pending/user_group")];

/// An object that uses another one.
struct Use {
    table: &'static str,
    id: String,
    /// Whether it is being deleted.
    is_going: bool,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.id)
    }
}

/// The objects of the account that use the object `id`, without those that AWS makes and deletes by itself.
fn users(contents: &Json, id: &str, uses: Uses) -> Vec<Use> {
    let mut users = Vec::new();
    for (table, path) in uses {
        for (key, row) in contents[table].as_object().into_iter().flatten() {
            // What AWS makes by itself, and what nobody can use any more.
            let is_own = ["main", "is_default"].iter().any(|flag| row[flag] == true) || !row["purged_at"].is_null();
            let names = match row.pointer(path) {
                Some(Json::String(text)) => text == id,
                Some(Json::Array(items)) => items.iter().any(|item| item == id),
                _ => false,
            };
            if names && !is_own {
                let is_going = row["phase"].get("Deleting").is_some();
                users.push(Use { table, id: key.clone(), is_going });
            }
        }
    }
    users
}

impl Backend for Watch {
    fn region(&self) -> &str {
        self.emulator.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        self.check_lock(request.action());
        if request.effect() == Effect::Read {
            return self.emulator.answer(request);
        }
        Box::pin(async move {
            self.check_order(&request);
            let action = request.action();
            let answer = if self.stands_still {
                let emulator = self.emulator.clone();
                let sent = tokio::spawn(async move { emulator.answer(request).await });
                sent.await.expect("the account does not panic")
            } else {
                self.emulator.answer(request).await
            };
            self.check_answer(action, &answer);
            answer
        })
    }
}

/// Watches the calls of a plan, which changes nothing.
pub(crate) struct PlanWatch {
    emulator: Emulator,
    write: Mutex<Option<&'static str>>,
}

impl PlanWatch {
    pub(crate) fn new(emulator: Emulator) -> Self {
        Self { emulator, write: Mutex::default() }
    }

    /// The call that changes something, if there was one.
    pub(crate) fn write(&self) -> Option<&'static str> {
        *self.write.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for PlanWatch {
    fn region(&self) -> &str {
        self.emulator.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        if request.effect() != Effect::Read {
            *self.write.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.action());
        }
        self.emulator.answer(request)
    }
}
