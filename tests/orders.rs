//! The orders in which other tools fail: each edit is one apply, and no call is refused. Calls that AWS refuses for as long
//! as something is in use are repeated until it is not, so that a wrong order would show as more calls than these.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use palisade::prelude::*;
use palisade_aws::{Aws, AwsProvider, Supplier};
use palisade_core::Address;
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{Action, ApplyOptions, Consent, MemoryStore, ReplaceOrder, State, Store, apply, plan};
use palisade_testing::Rehearsal;

use crate::{run, schema_changes};

/// Applies the two programs one after the other, asserts that nothing is left to do or left behind, and returns the calls of
/// the second that made, changed or deleted something.
fn edit(before: impl Fn(&mut Stack), after: impl Fn(&mut Stack)) -> Vec<&'static str> {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(before);
    let first = rehearsal.emulator().calls().len();
    rehearsal.apply(&after);
    let calls = rehearsal.emulator().calls().split_off(first);
    let plan = rehearsal.plan(&after);
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().iter().all(|item| item.kind == "Snapshot"));
    calls.into_iter().filter(|call| !call.starts_with("Describe") && !call.starts_with("List")).collect()
}

/// What makes a VPC, whose default security group is closed.
const NEW_VPC: [&str; 3] = ["CreateVpc", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"];

fn vpc(stack: &mut Stack, name: &str) -> Handle<Vpc> {
    stack.add(name, Vpc::builder().cidr_block(cidr!("10.0.0.0/16")))
}

fn security_group(stack: &mut Stack, vpc: &Handle<Vpc>, label: &str, name: SecurityGroupName) -> Handle<SecurityGroup> {
    stack.add(label, SecurityGroup::builder().vpc_id(vpc).group_name(name).description(description!("A group")))
}

#[test]
fn what_is_replaced_lets_go_of_what_is_dropped_with_it() {
    let program = |network: &'static str, block: Cidr| {
        move |stack: &mut Stack| {
            let vpc = stack.add(network, Vpc::builder().cidr_block(block));
            security_group(stack, &vpc, "it", security_group_name!("it"));
        }
    };
    let calls = edit(program("old", cidr!("10.0.0.0/16")), program("new", cidr!("10.1.0.0/16")));
    let made = [&NEW_VPC[..], &["CreateSecurityGroup", "RevokeSecurityGroupEgress"]].concat();
    assert_eq!(calls, [&made[..], &["DeleteSecurityGroup", "DeleteVpc"]].concat());
}

/// A VPC does not tell names apart by their case.
#[test]
fn a_security_group_whose_name_changes_in_case_alone_is_deleted_first() {
    let program = |label: &'static str, name: SecurityGroupName, text: Description| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let group = SecurityGroup::builder().vpc_id(&vpc).group_name(name.clone());
            stack.add(label, group.description(text.clone()));
        }
    };
    let before = || program("a", security_group_name!("redis"), description!("A group"));
    let made = ["DeleteSecurityGroup", "CreateSecurityGroup", "RevokeSecurityGroupEgress"];
    assert_eq!(edit(before(), program("a", security_group_name!("Redis"), description!("A group"))), made);
    assert_eq!(edit(before(), program("b", security_group_name!("Redis"), description!("Another"))), made);
}

#[test]
fn a_chain_is_replaced_from_its_root_and_deleted_from_its_end() {
    let program = |block: Cidr, subnet: Cidr| {
        move |stack: &mut Stack| {
            let vpc = stack.add("it", Vpc::builder().cidr_block(block));
            let subnet = stack.add("it", Subnet::private(&vpc, subnet, az!("us-east-1a")));
            let routes = stack.add("it", RouteTable::builder().vpc_id(&vpc));
            stack.add("it", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&routes));
        }
    };
    let calls =
        edit(program(cidr!("10.0.0.0/16"), cidr!("10.0.1.0/24")), program(cidr!("10.1.0.0/16"), cidr!("10.1.1.0/24")));
    let made = [&NEW_VPC[..], &["CreateSubnet", "CreateRouteTable", "AssociateRouteTable"]].concat();
    let gone = ["DisassociateRouteTable", "DeleteSubnet", "DeleteRouteTable", "DeleteVpc"];
    assert_eq!(calls, [&made[..], &gone].concat());
}

#[test]
fn a_subnet_with_other_addresses_is_made_before_the_old_one_goes_unless_they_overlap() {
    let program = |block: Cidr| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            stack.add("it", Subnet::private(&vpc, block, az!("us-east-1a")));
        }
    };
    let replaced = |before, after| edit(program(before), program(after));
    assert_eq!(replaced(cidr!("10.0.1.0/24"), cidr!("10.0.2.0/24")), ["CreateSubnet", "DeleteSubnet"]);
    assert_eq!(replaced(cidr!("10.0.0.0/23"), cidr!("10.0.1.0/24")), ["DeleteSubnet", "CreateSubnet"]);
}

#[test]
fn a_subnet_leaves_the_group_of_a_cache_before_it_is_deleted() {
    let program = |all: bool| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let subnet = |stack: &mut Stack, name, block, zone| stack.add(name, Subnet::private(&vpc, block, zone));
            let a = subnet(stack, "a", cidr!("10.0.1.0/24"), az!("us-east-1a"));
            let b = subnet(stack, "b", cidr!("10.0.2.0/24"), az!("us-east-1b"));
            let group = CacheSubnetGroup::builder().name(name!("it"));
            let group = if all {
                let c = subnet(stack, "c", cidr!("10.0.3.0/24"), az!("us-east-1c"));
                group.subnet_ids([&a, &b, &c])
            } else {
                group.subnet_ids([&a, &b])
            };
            let subnets = stack.add("it", group);
            cache(stack, &vpc, &subnets, Engine::REDIS_7_1.erased(), [EngineKind::Redis; 2]);
        }
    };
    assert_eq!(edit(program(true), program(false)), ["ModifyCacheSubnetGroup", "DeleteSubnet"]);
}

#[test]
fn a_subnet_group_lets_go_of_a_subnet_once_a_cache_that_goes_has_left_it() {
    let program = |has_cache: bool| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
            let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
            let c = stack.add("c", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1c")));
            let members = if has_cache { vec![&a, &b] } else { vec![&c] };
            let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("it")).subnet_ids(members));
            if has_cache {
                cache(stack, &vpc, &subnets, Engine::REDIS_7_1.erased(), [EngineKind::Redis; 2]);
            }
        }
    };
    let calls = edit(program(true), program(false));
    let place = |call: &str| calls.iter().position(|it| *it == call).expect("the call is made");
    assert!(place("DeleteReplicationGroup") < place("ModifyCacheSubnetGroup"), "{calls:?}");
}

/// ElastiCache has no nodes in a VPC of dedicated hardware. What stands between the two stays as it is.
#[test]
fn a_cache_waits_for_the_change_of_the_network_of_its_subnets() {
    let program = |tenancy: Tenancy, has_cache: bool| {
        move |stack: &mut Stack| {
            let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).instance_tenancy(tenancy);
            let vpc = stack.add("it", vpc);
            let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
            let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&a]));
            let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
            if has_cache {
                let cache = ReplicationGroup::builder()
                    .replication_group_id(name!("it"))
                    .engine(Engine::REDIS_7_1)
                    .node_type(node_type!("cache.t4g.micro"))
                    .single_node()
                    .subnet_group_name(&subnets)
                    .security_group_ids([&security_group(stack, &vpc, "new", security_group_name!("new"))])
                    .authentication(&token);
                stack.add("it", cache.encrypted(AtRest::default(), InTransit::Required));
            }
        }
    };
    let calls = edit(program(Tenancy::Dedicated, false), program(Tenancy::Default, true));
    let place = |call: &str| calls.iter().position(|it| *it == call).expect("the call is made");
    assert!(place("ModifyVpcTenancy") < place("CreateReplicationGroup"), "{calls:?}");
}

#[test]
fn a_security_group_that_two_others_let_in_goes_after_their_rules() {
    let program = |both: bool| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let one = security_group(stack, &vpc, "one", security_group_name!("one"));
            let two = security_group(stack, &vpc, "two", security_group_name!("two"));
            if both {
                let peer = security_group(stack, &vpc, "peer", security_group_name!("peer"));
                for (name, group) in [("one", &one), ("two", &two)] {
                    let rule = SecurityGroupRule::ingress(group).peer(&peer).port(port!(6379));
                    stack.add(name, rule.description(description!("From the peer")));
                }
            }
        }
    };
    let calls = edit(program(true), program(false));
    assert_eq!(calls, ["RevokeSecurityGroupIngress", "RevokeSecurityGroupIngress", "DeleteSecurityGroup"]);
}

/// A cache with users, on a subnet group.
fn cache(
    stack: &mut Stack,
    vpc: &Handle<Vpc>,
    subnets: &Handle<CacheSubnetGroup>,
    engine: Engine,
    [of_group, of_users]: [EngineKind; 2],
) {
    let group = security_group(stack, vpc, "cache", security_group_name!("cache"));
    let secret = stack.add("default", Secret::builder().name(secret_name!("default")).generated());
    let default = RedisUser::with_password(name!("default-off"), user_name!("default"), &secret);
    let default = stack.add("default", default.engine(of_users).access_string(AccessString::disabled()));
    let reader = RedisUser::iam(name!("reader")).engine(of_users).access_string(AccessString::read_only());
    let reader = stack.add("reader", reader);
    let users = UserGroup::builder().user_group_id(name!("users")).engine(of_group).user_ids([&default, &reader]);
    let users = stack.add("users", users);
    stack.add(
        "it",
        ReplicationGroup::builder()
            .replication_group_id(name!("it"))
            .description("A cache")
            .engine(engine)
            .node_type(node_type!("cache.t4g.micro"))
            .multi_az(replicas!(1))
            .subnet_group_name(subnets)
            .security_group_ids([&group])
            .authentication(&users)
            .windows(windows!(snapshot: "03:00-04:00", maintenance: "sun:05:00-sun:06:00"))
            .encrypted(AtRest::default(), InTransit::Required),
    );
}

/// AWS takes them in this order only, which is the reverse of that in which they refer to each other.
#[test]
fn a_cache_goes_over_to_valkey_and_then_its_group_and_then_its_users() {
    let program = |engine: Engine| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
            let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
            let subnets = CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&a, &b]);
            let subnets = stack.add("it", subnets);
            cache(stack, &vpc, &subnets, engine, [engine.kind(); 2]);
        }
    };
    let calls = edit(program(Engine::REDIS_7_1.erased()), program(Engine::VALKEY_8_0.erased()));
    assert_eq!(calls, ["ModifyReplicationGroup", "ModifyUserGroup", "ModifyUser", "ModifyUser"]);
}

/// No cache fails over to a replica that it does not have.
#[test]
fn a_cache_has_its_first_replica_before_it_is_in_several_zones() {
    let [single, multi] = [false, true].map(|is_multi| {
        move |stack: &mut Stack| {
            schema_changes::cases::cache(stack, Engine::REDIS_7_1.erased(), |cache| {
                if is_multi { cache.multi_az(replicas!(1)) } else { cache.single_node() }
            });
        }
    });
    assert_eq!(edit(single, multi), ["IncreaseReplicaCount", "ModifyReplicationGroup"]);
    assert_eq!(edit(multi, single), ["ModifyReplicationGroup", "DecreaseReplicaCount"]);
}

/// A cache of Redis takes no group for Valkey.
#[test]
fn a_cache_goes_over_to_valkey_before_it_takes_a_group_for_valkey() {
    let [redis, valkey] = [Engine::REDIS_7_1.erased(), Engine::VALKEY_8_0.erased()].map(|engine| {
        move |stack: &mut Stack| {
            let default = stack.add("default", RedisUser::disabled_default(name!("default-off")));
            let reader = RedisUser::iam(name!("reader")).engine(Redis).access_string(AccessString::read_only());
            let reader = stack.add("reader", reader);
            let of_redis = stack.add("redis", UserGroup::redis(name!("redis"), &default).user(&reader)).erased();
            let of_valkey = stack.add("valkey", UserGroup::valkey(name!("valkey"), &reader)).erased();
            let users = if engine.kind() == EngineKind::Valkey { &of_valkey } else { &of_redis };
            let vpc = vpc(stack, "it");
            let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
            let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&subnet]));
            let cache = ReplicationGroup::builder()
                .replication_group_id(name!("it"))
                .engine(engine)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&subnets)
                .security_group_ids([&security_group(stack, &vpc, "cache", security_group_name!("cache"))])
                .authentication(users);
            stack.add("it", cache.encrypted(AtRest::default(), InTransit::Required));
        }
    });
    assert_eq!(edit(redis, valkey), ["ModifyReplicationGroup"; 2]);
}

/// A group for Valkey takes no user without a password, and one for Redis no user of Valkey. So a user that goes over with its
/// group changes in two parts.
#[test]
fn a_user_has_a_password_for_as_long_as_its_group_is_for_valkey() {
    let program = |engine: EngineKind, of_user: EngineKind| {
        move |stack: &mut Stack| {
            let secret = stack.add("default", Secret::builder().name(secret_name!("default")).generated());
            let default = if engine == EngineKind::Valkey {
                let user = RedisUser::with_password(name!("default-off"), user_name!("default"), &secret);
                stack.add("default", user.engine(of_user).access_string(AccessString::disabled()))
            } else {
                stack.add("default", RedisUser::disabled_default(name!("default-off"))).erased()
            };
            let users = UserGroup::builder().user_group_id(name!("users")).engine(engine).user_ids([&default]);
            stack.add("users", users);
        }
    };
    let [redis, valkey] = [EngineKind::Redis, EngineKind::Valkey].map(|engine| program(engine, engine));
    let valkey_of_redis = program(EngineKind::Valkey, EngineKind::Redis);
    assert_eq!(edit(redis, valkey_of_redis), ["GetSecretValue", "ModifyUser", "ModifyUserGroup"]);
    assert_eq!(edit(valkey_of_redis, redis), ["ModifyUserGroup", "ModifyUser"]);
    assert_eq!(edit(redis, valkey), ["GetSecretValue", "ModifyUser", "ModifyUserGroup", "ModifyUser"]);
    assert_eq!(edit(valkey, redis), ["ModifyUser", "ModifyUserGroup", "ModifyUser"]);
}

#[test]
fn another_password_reaches_a_user_before_its_group_changes() {
    let program = |is_other: bool| {
        move |stack: &mut Stack| {
            let [one, two] = [("one", secret_name!("one")), ("two", secret_name!("two"))]
                .map(|(name, secret)| stack.add(name, Secret::builder().name(secret).generated()));
            let secret = if is_other { &two } else { &one };
            let reader = RedisUser::with_password(name!("reader"), user_name!("reader"), secret);
            let reader = stack.add("reader", reader.engine(Redis).access_string(AccessString::read_only()));
            let other = RedisUser::iam(name!("other")).engine(Redis).access_string(AccessString::read_only());
            let other = stack.add("other", other);
            let group = UserGroup::valkey(name!("users"), &reader);
            stack.add("users", if is_other { group.user(&other) } else { group });
        }
    };
    assert_eq!(edit(program(false), program(true)), ["GetSecretValue", "ModifyUser", "ModifyUserGroup"]);
}

static FLOW_LOGS: [LogGroupArn; 4] = [
    log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/a"),
    log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/b"),
    log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/c"),
    log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/d"),
];

/// A VPC and its flow logs, by their names and the places of their log groups in [`FLOW_LOGS`].
fn recorded(logs: &'static [(&'static str, usize)]) -> impl Fn(&mut Stack) {
    move |stack| {
        let vpc = vpc(stack, "it");
        let names = [name!("a"), name!("b"), name!("c"), name!("d")];
        // All are there before the edit, as AWS does not know a new one at once.
        let roles = names.into_iter().zip(&FLOW_LOGS).map(|(name, log_group)| {
            let role = FlowLogRole::builder().name(name.clone()).log_group(log_group.clone());
            stack.add(name.as_str(), role)
        });
        let roles: Vec<_> = roles.collect();
        for &(name, to) in logs {
            stack.add(name, FlowLog::builder().vpc_id(&vpc).log_group(FLOW_LOGS[to].clone()).role(&roles[to]));
        }
    }
}

/// Of the calls of an edit, those about flow logs.
fn of_flow_logs(before: &'static [(&str, usize)], after: &'static [(&str, usize)]) -> Vec<&'static str> {
    let mut calls = edit(recorded(before), recorded(after));
    calls.retain(|call| call.ends_with("FlowLogs"));
    calls
}

#[test]
fn a_vpc_has_room_for_two_flow_logs() {
    let (create, delete) = ("CreateFlowLogs", "DeleteFlowLogs");
    // There is room for one more.
    assert_eq!(of_flow_logs(&[("a", 0)], &[("a", 1)]), [create, delete]);
    assert_eq!(of_flow_logs(&[("a", 0)], &[("b", 1)]), [create, delete]);
    // There is none.
    assert_eq!(of_flow_logs(&[("a", 0), ("b", 1)], &[("a", 2), ("b", 1)]), [delete, create]);
    assert_eq!(of_flow_logs(&[("a", 0), ("b", 1)], &[("c", 2), ("b", 1)]), [delete, create]);
    assert_eq!(of_flow_logs(&[("a", 0), ("b", 1)], &[("a", 2), ("b", 3)]), [delete, delete, create, create]);
    // `b` is the one that `a` was.
    assert_eq!(of_flow_logs(&[("a", 0), ("b", 1)], &[("a", 2), ("b", 0)]), [delete, create]);
    assert_eq!(of_flow_logs(&[("a", 0)], &[("a", 1), ("b", 2)]), [delete, create, create]);
    assert_eq!(of_flow_logs(&[("a", 0), ("b", 1)], &[("a", 2)]), [delete, create, delete]);
}

#[test]
fn a_flow_log_that_is_deleted_first_says_why() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(recorded(&[("a", 0), ("b", 1)]));
    let plan = rehearsal.plan(recorded(&[("a", 2), ("b", 1)]));
    let step = plan.step(&Address::new("FlowLog", "a")).unwrap();
    assert_eq!(step.action, Action::Replace(ReplaceOrder::DeleteFirst));
    let reason = "it is deleted first, as there is no room for another one beside it";
    assert_eq!(step.reason.as_deref(), Some(reason));
}

#[test]
fn a_flow_log_waits_for_one_that_an_earlier_apply_could_not_delete() {
    let program = |logs| palisade_testing::graph(recorded(logs));
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(recorded(&[("a", 0)]));
    rehearsal.emulator().inject(2, Fault::Quota);
    let report = rehearsal.try_apply(&program(&[("a", 1)])).unwrap();
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(rehearsal.emulator().calls().iter().filter(|call| **call == "DeleteFlowLogs").count(), 1);

    let first = rehearsal.emulator().calls().len();
    let report = rehearsal.try_apply(&program(&[("a", 1), ("b", 2)])).unwrap();
    assert!(report.is_complete(), "{report:?}");
    let mut calls = rehearsal.emulator().calls().split_off(first);
    calls.retain(|call| ["CreateFlowLogs", "DeleteFlowLogs"].contains(call));
    assert_eq!(calls, ["DeleteFlowLogs", "CreateFlowLogs"]);
}

#[test]
fn a_group_has_room_for_sixty_rules_in_each_direction() {
    // The last rule is another one, with another kind of peer.
    let program = |last: &'static str, count: u16| {
        move |stack: &mut Stack| {
            let vpc = vpc(stack, "it");
            let group = security_group(stack, &vpc, "it", security_group_name!("it"));
            for other in 1..count {
                let rule = SecurityGroupRule::ingress(&group).peer(private_range!("10.0.0.0/16"));
                let rule = rule.port(Port::new(other).unwrap()).description(description!("One of many"));
                stack.add(&format!("rule-{other}"), rule);
            }
            let egress = SecurityGroupRule::egress(&group).peer(private_range!("10.0.0.0/16"));
            stack.add("egress", egress.port(port!(6379)).description(description!("The other way")));
            let rule = SecurityGroupRule::ingress(&group);
            let rule = if last == "one" { rule.peer(private_range!("10.0.0.0/20")) } else { rule.peer(&group) };
            stack.add(last, rule.port(port!(6379)).description(description!("The last one")));
        }
    };
    let replaced = |count| edit(program("one", count), program("other", count));
    let (create, delete) = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress");
    assert_eq!(replaced(59), [create, delete]);
    assert_eq!(replaced(60), [delete, create]);
}

/// A step that has begun waits for a description that another is to send, which waits for a slot: it must not keep the only
/// one.
#[test]
fn one_call_at_a_time_is_enough() {
    let program = |tags: Tags| {
        palisade_testing::graph(|stack| {
            let vpc = vpc(stack, "it");
            for (name, block) in [("a", cidr!("10.0.1.0/24")), ("b", cidr!("10.0.2.0/24")), ("c", cidr!("10.0.3.0/24"))]
            {
                stack.add(name, Subnet::private(&vpc, block, az!("us-east-1a")).tags(tags.clone()));
            }
        })
    };
    let provider = AwsProvider::new(Aws::new(Arc::new(Emulator::in_memory("us-east-1")), Arc::new(Nothing)));
    let store = MemoryStore::default();
    let options = ApplyOptions { parallelism: NonZeroUsize::MIN, consent: Consent::All, ..ApplyOptions::default() };
    run(async {
        for graph in [program(tags! { "step" = "1" }), program(tags! { "step" = "2" }), palisade_testing::graph(|_| {})]
        {
            let state = store.load().await.unwrap();
            let state = state.unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"));
            let plan = plan(&provider, &graph, &state).await.unwrap();
            let mut listener = |_| {};
            let mut lock = store.lock("apply", &mut |_| {}).await.unwrap();
            let apply = apply(&provider, &mut lock, state, &graph, &plan, &options, &mut listener);
            // The clock jumps to the end of the hour as soon as nobody can go on.
            let report = tokio::time::timeout(Duration::from_secs(3600), apply).await;
            let report = report.expect("all wait for each other").unwrap();
            assert!(report.is_complete(), "{report:?}");
        }
    });
}

pub(crate) struct Nothing;

impl Supplier for Nothing {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        None
    }
}
