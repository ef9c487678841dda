//! A change that AWS accepts and does not make, or refuses, is not taken for done.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, AwsProvider, Backend, Lifecycle, Supplier, failure,
    operations::{
        DeleteVpc, DescribeVpcsOutput, ModifyReplicationGroup, ModifyUserGroup, ModifyUserGroupOutput,
        ModifyVpcTenancy, Request, Response,
    },
    types::EngineVersion,
};
use palisade_core::{
    Address,
    provider::{BoxFuture, ErrorKind, Object, Provider, ProviderError, Turn, Unlimited},
};
use palisade_emulator::Emulator;
use palisade_testing::Rehearsal;
use tokio::time::Instant;

use crate::{current, run, run_later, schema_changes::cases};

/// An account that says yes to every change of a user group, and makes none.
struct Deaf(Emulator);

impl Backend for Deaf {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match request {
            Request::ModifyUserGroup(_) => Box::pin(async { Ok(Response::ModifyUserGroup(ModifyUserGroupOutput {})) }),
            other => self.0.answer(other),
        }
    }
}

/// An account whose answer to a change of a user comes only once the change is done.
struct Late(Emulator);

impl Backend for Late {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let is_late = matches!(request, Request::ModifyUser(_));
            let answer = self.0.answer(request).await;
            if is_late {
                tokio::time::sleep(DONE).await;
            }
            answer
        })
    }
}

/// After what time a change of a user that no cache uses is done.
const DONE: Duration = Duration::from_secs(10);

/// An account that refuses each call of one action. What it says that it has, it has all the same.
struct Refusing {
    account: Emulator,
    action: &'static str,
    kind: ErrorKind,
}

impl Backend for Refusing {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        if request.action() != self.action {
            return self.account.answer(request);
        }
        let refused = ProviderError { kind: self.kind, ..failure(self.action, "Refused", "It is refused.") };
        Box::pin(async move {
            if self.kind == ErrorKind::AlreadyExists {
                self.account.answer(request).await?;
            }
            Err(refused)
        })
    }
}

pub(crate) fn refusing(account: &Emulator, action: &'static str, kind: ErrorKind) -> Aws {
    Aws::new(Arc::new(Refusing { account: account.clone(), action, kind }), Arc::new(Nothing))
}

/// An account that refuses the first call of each of some actions, as an object is between two states.
struct Busy {
    account: Emulator,
    refused: Mutex<BTreeSet<&'static str>>,
}

impl Backend for Busy {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        let action = request.action();
        if !self.refused.lock().unwrap().remove(action) {
            return self.account.answer(request);
        }
        Box::pin(async move { Err(failure(action, "InvalidReplicationGroupState", "It is modifying.")) })
    }
}

/// An account in which another change of a user group, which takes one user out, comes before the first one.
struct Overtaken {
    account: Emulator,
    is_first: AtomicBool,
}

impl Backend for Overtaken {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match request {
            Request::ModifyUserGroup(call) if self.is_first.swap(false, Ordering::Relaxed) => Box::pin(async move {
                let remove = call.remove.iter().take(1).cloned().collect();
                let other = ModifyUserGroup { engine: None, add: [].into(), remove, ..call.clone() };
                self.account.answer(other.into()).await?;
                tokio::time::sleep(Duration::from_mins(5)).await;
                self.account.answer(call.into()).await
            }),
            other => self.account.answer(other),
        }
    }
}

/// An account in which somebody gives a cache another node type right before a user or a group changes.
struct Slow {
    account: Emulator,
    cache: &'static str,
}

impl Backend for Slow {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            if matches!(request, Request::ModifyUser(_) | Request::ModifyUserGroup(_)) {
                let node_type = Some(node_type!("cache.r7g.large"));
                let unchanged = ModifyReplicationGroup::unchanged(&Id::reported(self.cache).unwrap());
                self.account.answer(ModifyReplicationGroup { node_type, ..unchanged }.into()).await?;
            }
            self.account.answer(request).await
        })
    }
}

/// An account in which nobody has to prove to a cache who he is.
struct Open(Emulator);

impl Backend for Open {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let mut answer = self.0.answer(request).await?;
            if let Response::DescribeReplicationGroups(answer) = &mut answer {
                for group in &mut answer.groups {
                    (group.auth_token_enabled, group.user_group_ids) = (false, Vec::new());
                }
            }
            Ok(answer)
        })
    }
}

/// An account whose list of VPCs has not heard of any.
struct Unlisted(Emulator);

impl Backend for Unlisted {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match request {
            Request::DescribeVpcs(_) => {
                Box::pin(async { Ok(Response::DescribeVpcs(DescribeVpcsOutput { vpcs: Vec::new() })) })
            }
            other => self.0.answer(other),
        }
    }
}

pub(crate) struct Nothing;

impl Supplier for Nothing {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        None
    }
}

#[test]
fn a_vpc_of_which_one_call_tells_is_not_gone() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    });
    let account = rehearsal.emulator();
    let (_, id): (Vpc, _) = current(&rehearsal, "main");
    let aws = |backend: Arc<dyn Backend>| Aws::new(backend, Arc::new(Nothing));
    let refresh = |aws: Aws, known| {
        let id = id.clone();
        run_later(async move { Vpc::refresh(&aws, &[id], vec![known]).await.map(|mut read| read.pop().unwrap()) })
    };
    let known = refresh(aws(Arc::new(account.clone())), None).unwrap().unwrap().attributes;
    let unlisted = || aws(Arc::new(Unlisted(account.clone())));
    let without_flags = || refusing(account, "DescribeVpcAttribute", ErrorKind::NotFound);
    for partly in [unlisted(), without_flags()] {
        let error = refresh(partly, Some(known.clone())).unwrap_err();
        assert!(error.message.contains("finds only a part of vpc-"), "{error}");
    }
    // Of a new one, each part is seen in its own time.
    for partly in [unlisted(), without_flags()] {
        assert!(refresh(partly, None).unwrap().is_none());
    }
}

#[test]
fn a_deletion_that_is_refused_has_not_succeeded_though_nothing_is_seen() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    });
    let (vpc, id): (Vpc, _) = current(&rehearsal, "main");
    rehearsal.by_hand(DeleteVpc { vpc_id: id.clone() }).unwrap();
    let inputs = serde_json::to_value(&vpc).unwrap().as_object().unwrap().clone();
    let object = Object { id: id.as_str(), inputs: &inputs, attributes: None };
    let provider = AwsProvider::new(refusing(rehearsal.emulator(), "DeleteVpc", ErrorKind::Denied));
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let error = run_later(async { provider.delete(&turn, "Vpc", &object).await.unwrap_err() });
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[test]
fn a_change_that_does_not_show_is_an_error() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(secured_redis::stack);
    let (before, id): (UserGroup, _) = current(&rehearsal, "redis");
    let mut after = before.clone();
    after.user_ids.retain(|user| user.as_str() != "readonly");

    let aws = Aws::new(Arc::new(Deaf(rehearsal.emulator().clone())), Arc::new(Nothing));
    let error = run(after.converge(&aws, &id, Some(&before))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.message.contains("redis-users"), "{error}");
}

#[test]
fn how_a_user_logs_in_shows_by_the_end_of_a_change_whatever_was_attempted_before() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        let [one, two] = [("one", secret_name!("redis/one")), ("two", secret_name!("redis/two"))]
            .map(|(name, secret)| stack.add(name, Secret::builder().name(secret).generated()));
        let user = RedisUser::with_password(name!("writer"), user_name!("writer"), [&one, &two]);
        stack.add("writer", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    });
    let (two, id): (RedisUser, _) = current(&rehearsal, "writer");
    // The interrupted change may have left one password.
    let mut attempted = two.clone();
    attempted.passwords.pop_last();
    let wanted = RedisUser { authentication_type: AuthenticationType::Iam, passwords: [].into(), ..two.clone() };

    let emulator = rehearsal.emulator().clone();
    emulator.lag(Duration::from_secs(2));
    let aws = Aws::new(Arc::new(emulator), Arc::new(Nothing));
    let read = run(async {
        wanted.converge(&aws, &id, Some(&attempted)).await.unwrap();
        RedisUser::read(&aws, &[id]).await.unwrap().pop().flatten().unwrap()
    });
    assert_eq!(read.fields.authentication_type, Some(AuthenticationType::Iam));
}

#[test]
fn a_change_that_shows_by_the_time_of_its_answer_is_not_waited_for() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        let [one, two] = [("one", secret_name!("redis/one")), ("two", secret_name!("redis/two"))]
            .map(|(name, secret)| stack.add(name, Secret::builder().name(secret).generated()));
        let writer = RedisUser::with_password(name!("writer"), user_name!("writer"), &one);
        let reader = RedisUser::with_password(name!("reader"), user_name!("reader"), [&one, &two]);
        for (name, user) in [("writer", writer), ("reader", reader)] {
            stack.add(name, user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
        }
    });
    let (first, id): (RedisUser, _) = current(&rehearsal, "writer");
    let (reader, _): (RedisUser, _) = current(&rehearsal, "reader");
    let access = RedisUser { access_string: AccessString::administrator(), ..first.clone() };
    let engine = RedisUser { engine: EngineKind::Valkey, ..access.clone() };
    let passwords = RedisUser { passwords: reader.passwords, ..engine.clone() };
    let aws = Aws::new(Arc::new(Late(rehearsal.emulator().clone())), Arc::new(Nothing));
    run_later(async {
        for (before, after) in [(&first, &access), (&access, &engine), (&engine, &passwords)] {
            let start = Instant::now();
            after.converge(&aws, &id, Some(before)).await.unwrap();
            assert!(start.elapsed() < DONE * 2, "{after:?}: {:?}", start.elapsed());
        }
    });
}

#[test]
fn a_network_that_has_become_what_it_cannot_leave_in_place_is_not_taken_for_done() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).instance_tenancy(Tenancy::Dedicated);
        stack.add("main", vpc);
    });
    let (vpc, id): (Vpc, _) = current(&rehearsal, "main");

    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    // Somebody changes it after the plan, or an earlier change shows only now.
    let converge = async {
        aws.call(ModifyVpcTenancy { vpc_id: id.clone() }).await.unwrap();
        vpc.converge(&aws, &id, Some(&vpc)).await.unwrap_err()
    };
    let error = run_later(converge);
    assert_eq!(error.kind, ErrorKind::Transitional);
    assert!(error.message.contains("does not become \"dedicated\" in place"), "{error}");
}

#[test]
fn a_value_that_is_refused_is_there_only_if_the_account_says_so() {
    for (kind, result) in [(ErrorKind::Denied, Err(ErrorKind::Denied)), (ErrorKind::AlreadyExists, Ok(()))] {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(|stack: &mut Stack| {
            stack.add("it", Secret::builder().name(secret_name!("redis/it")).generated());
        });
        let (before, id): (Secret, _) = current(&rehearsal, "it");
        let after = Secret { generation: 2, ..before.clone() };
        let aws = refusing(rehearsal.emulator(), "PutSecretValue", kind);
        let answer = run_later(after.converge(&aws, &id, Some(&before)));
        assert_eq!(answer.map_err(|error| error.kind), result);
    }
}

#[test]
fn a_group_or_a_cache_that_nobody_may_look_at_is_not_waited_for() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(secured_redis::stack);
    let (user, id): (RedisUser, _) = current(&rehearsal, "readonly");
    for action in ["DescribeUserGroups", "DescribeReplicationGroups", "DescribeCacheClusters"] {
        let aws = refusing(rehearsal.emulator(), action, ErrorKind::Denied);
        let (error, took) = run_later(async {
            let start = Instant::now();
            (user.delete(&aws, &id).await.unwrap_err(), start.elapsed())
        });
        assert_eq!(error.kind, ErrorKind::Denied, "{action}");
        assert!(took < Duration::from_secs(60), "{action}: {took:?}");
    }
}

#[test]
fn a_network_that_nobody_may_read_is_not_taken_for_one_that_is_gone() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| _ = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16"))));
    let (_, id): (Vpc, _) = current(&rehearsal, "main");
    // It may go between the calls that describe it.
    for (kind, found) in [(ErrorKind::NotFound, Ok(0)), (ErrorKind::Denied, Err(ErrorKind::Denied))] {
        let aws = refusing(rehearsal.emulator(), "DescribeVpcAttribute", kind);
        let read = run_later(Vpc::read(&aws, std::slice::from_ref(&id)));
        assert_eq!(read.map(|vpcs| vpcs.into_iter().flatten().count()).map_err(|error| error.kind), found);
    }
}

#[test]
fn a_change_of_a_cache_that_aws_refuses_is_told_as_it_is() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(secured_redis::stack);
    let (before, id): (ReplicationGroup, _) = current(&rehearsal, "redis");
    let after = ReplicationGroup { description: "another text".to_owned(), ..before.clone() };
    // That there is nothing to change may be due to an earlier attempt, which shows then.
    for (kind, told) in [(ErrorKind::Denied, ErrorKind::Denied), (ErrorKind::NothingToDo, ErrorKind::TimedOut)] {
        let aws = refusing(rehearsal.emulator(), "ModifyReplicationGroup", kind);
        let error = run_later(after.converge(&aws, &id, Some(&before))).unwrap_err();
        assert_eq!(error.kind, told, "{error}");
    }
}

#[test]
fn a_cache_that_lets_everybody_in_is_not_taken_for_one_whose_token_cannot_be_read() {
    let program = |stack: &mut Stack| {
        cases::cache(stack, Engine::REDIS_7_1.erased(), |cache| cache.single_node());
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program);
    assert!(!rehearsal.plan(program).has_changes());
    let aws = Aws::new(Arc::new(Open(rehearsal.emulator().clone())), Arc::new(Nothing));
    let (provider, graph) = (AwsProvider::new(aws), palisade_testing::graph(program));
    let plan = run_later(palisade_engine::plan(&provider, &graph, &rehearsal.state())).unwrap();
    let step = plan.step(&Address::new("ReplicationGroup", "it")).expect("it is put right");
    assert_eq!(step.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["auth_token"]);
}

#[test]
fn the_tags_of_a_cache_are_changed_once_it_lets_them() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| cases::declare(stack, "ReplicationGroup", ""));
    let (before, id): (ReplicationGroup, _) = current(&rehearsal, "it");
    let after = ReplicationGroup { tags: tags! { "team" = "data" }, ..before.clone() };
    for action in ["ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource"] {
        let busy = Arc::new(Busy { account: rehearsal.emulator().clone(), refused: Mutex::new([action].into()) });
        let aws = Aws::new(busy.clone(), Arc::new(Nothing));
        run_later(async {
            after.converge(&aws, &id, Some(&before)).await.unwrap();
            before.converge(&aws, &id, Some(&after)).await.unwrap();
        });
        assert!(busy.refused.lock().unwrap().is_empty(), "{action} is called");
    }
}

#[test]
fn a_user_that_has_left_its_group_meanwhile_is_not_taken_out_once_more() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(secured_redis::stack);
    let (before, id): (UserGroup, _) = current(&rehearsal, "redis");
    let mut after = before.clone();
    after.user_ids.retain(|user| !["readonly", "service"].contains(&user.as_str()));

    let overtaken = Overtaken { account: rehearsal.emulator().clone(), is_first: AtomicBool::new(true) };
    let aws = Aws::new(Arc::new(overtaken), Arc::new(Nothing));
    let first = rehearsal.emulator().calls().len();
    let read = run_later(async {
        after.converge(&aws, &id, Some(&before)).await.unwrap();
        UserGroup::read(&aws, &[id]).await.unwrap().pop().flatten().unwrap()
    });
    assert_eq!(read.fields.user_ids, Some(after.user_ids));
    let calls = rehearsal.emulator().calls().split_off(first);
    let changes = calls.iter().filter(|call| **call == "ModifyUserGroup").count();
    assert_eq!(changes, 3, "the other one, the one that is refused, and the one that tells the rest: {calls:?}");
}

#[test]
fn a_cache_that_somebody_has_upgraded_after_the_plan_is_not_changed_in_place() {
    let mut rehearsal = Rehearsal::new().without_rules();
    // In this case of the fields, AWS upgrades nothing by itself.
    rehearsal.apply(|stack: &mut Stack| cases::declare(stack, "ReplicationGroup", "auto_minor_version_upgrade"));
    let (before, id): (ReplicationGroup, _) = current(&rehearsal, "it");
    let after = ReplicationGroup { description: "another text".to_owned(), ..before.clone() };

    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let first = rehearsal.emulator().calls().len();
    let error = run_later(async {
        let engine_version = Some(EngineVersion::literal("7.1"));
        aws.call(ModifyReplicationGroup { engine_version, ..ModifyReplicationGroup::unchanged(&id) }).await.unwrap();
        tokio::time::sleep(Duration::from_hours(1)).await;
        after.converge(&aws, &id, Some(&before)).await.unwrap_err()
    });
    assert_eq!(error.kind, ErrorKind::Transitional);
    assert!(error.message.contains("does not become \"7.0\" in place"), "{error}");
    assert!(error.help.ends_with("the plan shows what that takes"), "{error}");
    let calls = rehearsal.emulator().calls().split_off(first);
    assert_eq!(calls.iter().filter(|call| **call == "ModifyReplicationGroup").count(), 1, "{calls:?}");
}

/// Two caches, `a` and `b`: each with a group of its own, of the same users, or both with the first of these groups.
fn two_caches(is_shared: bool) -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&subnet]));
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("it"));
        let security_group = stack.add("it", group.description(description!("A group")));
        let default = stack.add("default", RedisUser::disabled_default(name!("default-off")));
        let [reader, other] = [("reader", name!("reader")), ("other", name!("other"))].map(|(label, name)| {
            stack.add(label, RedisUser::iam(name).engine(Redis).access_string(AccessString::read_only()))
        });
        let users = [("a", name!("users-a")), ("b", name!("users-b"))]
            .map(|(label, name)| stack.add(label, UserGroup::redis(name, &default).user(&reader).user(&other)));
        for (place, (label, name)) in [("a", name!("a")), ("b", name!("b"))].into_iter().enumerate() {
            let cache = ReplicationGroup::builder()
                .replication_group_id(name)
                .engine(Engine::REDIS_7_1)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&subnets)
                .security_group_ids([&security_group])
                .authentication(&users[if is_shared { 0 } else { place }]);
            stack.add(label, cache.encrypted(AtRest::default(), InTransit::Required));
        }
    });
    rehearsal
}

/// Asserts that a change of what two caches use ends once both have settled, whichever of them takes longer.
fn assert_both_settle<R: Lifecycle + Clone>(is_shared: bool, name: &str, change: impl Fn(&mut R)) {
    for slow in ["a", "b"] {
        let rehearsal = two_caches(is_shared);
        let (before, id): (R, _) = current(&rehearsal, name);
        let mut after = before.clone();
        change(&mut after);
        let account = Slow { account: rehearsal.emulator().clone(), cache: slow };
        let aws = Aws::new(Arc::new(account), Arc::new(Nothing));
        run_later(after.converge(&aws, &id, Some(&before))).unwrap();
        let caches = rehearsal.emulator().contents()["replication_groups"].clone();
        assert_eq!([&caches["a"]["phase"], &caches["b"]["phase"]], ["Stable"; 2], "{slow}");
    }
}

#[test]
fn a_user_of_several_groups_has_changed_once_the_caches_of_all_have_settled() {
    assert_both_settle(false, "reader", |user: &mut RedisUser| user.access_string = AccessString::administrator());
}

#[test]
fn a_group_of_several_caches_has_changed_once_all_have_settled() {
    assert_both_settle(true, "a", |group: &mut UserGroup| group.user_ids.retain(|user| user.as_str() != "other"));
}
