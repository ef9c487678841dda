//! What the compiler cannot see, found before any call: all of it in one pass.

use std::sync::Arc;

use palisade::prelude::*;
use palisade_aws::{Aws, AwsProvider};
use palisade_core::provider::Provider as _;
use palisade_core::{Declaration, Declare, Input, IntoInput, Resource};
use palisade_emulator::Emulator;

use palisade_engine::{Origin, PlanError, SavedPlan, SavedPlanError, State};

use crate::{orders::Nothing, run};

/// The messages of the findings of a stack, a line each.
fn findings(declare: impl FnOnce(&mut Stack)) -> String {
    let mut stack = Stack::new("test");
    declare(&mut stack);
    stack.findings().into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("\n")
}

fn vpc(stack: &mut Stack) -> Handle<Vpc> {
    stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")))
}

fn cache(
    stack: &mut Stack,
    complete: impl FnOnce(
        ReplicationGroupBuilder<palisade_core::Given<0b1_0001>>,
        &Handle<CacheSubnetGroup>,
        &Handle<SecurityGroup>,
    ) -> Encrypted<ReplicationGroup>,
) {
    let vpc = vpc(stack);
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let cache = ReplicationGroup::builder().replication_group_id(name!("r")).node_type(node_type!("cache.t4g.micro"));
    stack.add("redis", complete(cache, &subnets, &group));
}

#[test]
fn subnets_are_inside_their_vpc_apart_and_in_one_region() {
    let found = findings(|stack| {
        let vpc = vpc(stack);
        stack.add("a", Subnet::private(&vpc, cidr!("10.0.0.0/20"), az!("us-east-1a")));
        stack.add("b", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1b")));
        stack.add("c", Subnet::private(&vpc, cidr!("10.1.1.0/24"), az!("eu-west-1b")));
    });
    insta::assert_snapshot!(found, @"
    Subnet.b: the addresses 10.0.1.0/24 overlap those of Subnet.a
    Subnet.c: the addresses 10.1.1.0/24 are outside of Vpc.main
    Subnet.c: the zone is in eu-west-1, and that of Subnet.a in us-east-1
    ");
}

#[test]
fn a_user_group_has_its_default_user_and_users_of_its_engine() {
    let found = findings(|stack| {
        let user = |name, engine| RedisUser::iam(name).engine(engine).access_string(AccessString::read_only());
        let redis = stack.add("redis", user(name!("redis"), EngineKind::Redis));
        let valkey = stack.add("valkey", user(name!("valkey"), EngineKind::Valkey));
        let off = stack.add("off", RedisUser::disabled_default(name!("off"))).erased();
        let again = stack.add("again", RedisUser::disabled_default(name!("again"))).erased();
        let group = |name, engine| UserGroup::builder().user_group_id(name).engine(engine);
        stack.add("a", group(name!("a"), EngineKind::Redis).user_ids([&redis]));
        stack.add("b", group(name!("b"), EngineKind::Redis).user_ids([&off, &valkey]));
        stack.add("c", group(name!("c"), EngineKind::Valkey).user_ids([&valkey, &off]));
        stack.add("d", group(name!("d"), EngineKind::Redis).user_ids([&off, &again]));
        stack.add("e", group(name!("e"), EngineKind::Redis).user_ids([Id::<RedisUser>::reported("default").unwrap()]));
        stack.add("f", group(name!("f"), EngineKind::Valkey).user_ids(Vec::<&Handle<RedisUser>>::new()));
    });
    insta::assert_snapshot!(found, @"
    UserGroup.a: a group for Redis needs a user named `default`
    UserGroup.b: a group for Redis takes no user for Valkey, and RedisUser.valkey is one
    UserGroup.c: a group for Valkey takes no user without a password, and RedisUser.off is one
    UserGroup.d: RedisUser.off and RedisUser.again have one user name
    UserGroup.e: `user_ids`: `default` is not the id of a RedisUser: the user `default` is AWS's own, with all rights and no password: begin a Redis group with a `RedisUser::disabled_default(..)`, which takes its place
    UserGroup.e: the user `default` is AWS's own, with all rights and no password
    UserGroup.f: the group has no users
    ");
}

#[test]
fn a_cache_fits_its_parameter_group_its_subnets_and_its_users() {
    let found = findings(|stack| {
        let parameters = CacheParameterGroup::builder().name(name!("p")).family(ParameterGroupFamily::Valkey8);
        let parameters = stack.add("p", parameters.parameter("cluster-enabled", "yes"));
        let user = RedisUser::iam(name!("u")).engine(EngineKind::Valkey).access_string(AccessString::read_only());
        let user = stack.add("u", user);
        let users = UserGroup::builder().user_group_id(name!("users")).engine(EngineKind::Valkey).user_ids([&user]);
        let users = stack.add("users", users);
        cache(stack, |cache, subnets, group| {
            cache
                .engine(Engine::REDIS_7_1)
                .multi_az(replicas!(1))
                .parameter_group_name(&parameters)
                .subnet_group_name(subnets)
                .security_group_ids([group])
                .authentication(&users)
                .description("")
                .encrypted(AtRest::default(), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"
    ReplicationGroup.redis: the description must have 1 to 255 characters
    ReplicationGroup.redis: redis 7.1 needs a parameter group of the family redis7
    ReplicationGroup.redis: a Redis cache takes no user group for Valkey
    ");
    let found = findings(|stack| {
        let parameters = CacheParameterGroup::builder().name(name!("p")).family(Engine::REDIS_7_1.family());
        let parameters = stack.add("p", parameters);
        let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
        let vpc = stack.add("other", Vpc::builder().cidr_block(cidr!("10.9.0.0/16")));
        let one_zone = stack.add("z", Subnet::private(&vpc, cidr!("10.9.1.0/24"), az!("us-east-1a")));
        let one_zone = CacheSubnetGroup::builder().name(name!("one-zone")).subnet_ids([&one_zone]);
        let one_zone = stack.add("one-zone", one_zone);
        cache(stack, |cache, _, group| {
            cache
                .engine(Engine::REDIS_7_1)
                .sharded(shards!(2), replicas!(1))
                .parameter_group_name(&parameters)
                .subnet_group_name(&one_zone)
                .security_group_ids([group])
                .authentication(&token)
                .encrypted(AtRest::default(), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"
    ReplicationGroup.redis: SecurityGroup.redis is in another VPC than the subnets
    ReplicationGroup.redis: a Multi-AZ cache needs subnets in two zones
    ReplicationGroup.redis: shards need a parameter group that divides the keys
    ");
    // A subnet that is not of the stack may be in a second zone.
    let found = findings(|stack| {
        let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
        let vpc = stack.add("other", Vpc::builder().cidr_block(cidr!("10.9.0.0/16")));
        let here = stack.add("z", Subnet::private(&vpc, cidr!("10.9.1.0/24"), az!("us-east-1a"))).id();
        let subnets: [Input<_>; 2] = [here.into_input(), id!(Subnet, "subnet-0123456789abcdef0").into_input()];
        let subnets = stack.add("subnets", CacheSubnetGroup::builder().name(name!("subnets")).subnet_ids(subnets));
        cache(stack, |cache, _, group| {
            cache
                .engine(Engine::REDIS_7_1)
                .multi_az(replicas!(1))
                .subnet_group_name(&subnets)
                .security_group_ids([group])
                .authentication(&token)
                .encrypted(AtRest::default(), InTransit::Required)
        });
    });
    assert_eq!(found, "ReplicationGroup.redis: SecurityGroup.redis is in another VPC than the subnets");
}

#[test]
fn sets_are_not_empty_and_ranges_not_reversed() {
    let found = findings(|stack| {
        stack.add("none", CacheSubnetGroup::builder().name(name!("n")).subnet_ids(Vec::<&Handle<Subnet>>::new()));
        let default = CacheSubnetGroup::builder().name(name!("default")).description(" ");
        stack.add("default", default.subnet_ids([id!(Subnet, "subnet-0a1b2c3d")]));
        let group = id!(SecurityGroup, "sg-0a1b2c3d");
        let rule = SecurityGroupRule::ingress(group).peer(private_range!("10.0.0.0/16"));
        stack.add("rule", rule.ports(port!(6380), port!(6379)).description(description!("Redis")));
        let group = id!(SecurityGroup, "sg-0a1b2c3d");
        let rule = SecurityGroupRule::ingress(group).peer(private_range!("10.0.0.0/16"));
        stack.add("again", rule.ports(port!(6380), port!(6379)).description(description!("Redis once more")));
        let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16"));
        stack.add("dns", vpc.enable_dns_support(false).enable_dns_hostnames(true));
        let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
        cache(stack, |cache, subnets, _| {
            cache
                .engine(Engine::REDIS_7_1)
                .single_node()
                .subnet_group_name(subnets)
                .security_group_ids(Vec::<&Handle<SecurityGroup>>::new())
                .authentication(&token)
                .encrypted(AtRest::default(), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"
    CacheSubnetGroup.none: a subnet group has 1 to 20 subnets, and this one has 0
    CacheSubnetGroup.default: the subnet group `default` is the one of the account, in the default VPC
    CacheSubnetGroup.default: the description is empty, and ElastiCache refuses a group without one
    SecurityGroupRule.rule: the first port is greater than the last
    SecurityGroupRule.again: the first port is greater than the last
    Vpc.dns: host names need the DNS server
    ReplicationGroup.redis: there is no security group
    SecurityGroupRule.rule and SecurityGroupRule.again have the same `security_group_id`, `direction`, `ip_protocol`, `from_port`, `to_port` and `cidr_ipv4`
    ");
}

#[test]
fn what_is_referred_to_is_in_the_stack() {
    let mut other = Stack::new("other");
    let strange = other.add("mainx", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let found = findings(|stack| {
        vpc(stack);
        let table = stack.add("private", RouteTable::builder().vpc_id(&strange));
        stack.add("redis", Subnet::private(&strange, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        stack.output("arn", strange.arn());
        stack.output("table", table.arn());
    });
    insta::assert_snapshot!(found, @"
    RouteTable.private refers to Vpc.mainx, which is not in this stack
    Subnet.redis refers to Vpc.mainx, which is not in this stack
    the output `arn` refers to Vpc.mainx, which is not in this stack
    ");
}

#[test]
fn what_meets_is_of_one_network() {
    let found = findings(|stack| {
        let main = vpc(stack);
        let other = stack.add("other", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&main, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let [here, there] = [("here", &main), ("there", &other)].map(|(name, vpc)| {
            let group = SecurityGroup::builder()
                .vpc_id(vpc)
                .group_name(security_group_name!("x"))
                .description(description!("x"));
            let table = stack.add(name, RouteTable::builder().vpc_id(vpc));
            (stack.add(name, group), table)
        });
        let rule = |peer: &Handle<SecurityGroup>| {
            SecurityGroupRule::ingress(&here.0).peer(peer).port(port!(443)).description(description!("x"))
        };
        stack.add("fine", rule(&here.0));
        stack.add("peer", rule(&there.0));
        stack.add("fine", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&here.1));
        let elsewhere = stack.add("b", Subnet::private(&main, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        stack.add("table", RouteTableAssociation::builder().subnet_id(&elsewhere).route_table_id(&there.1));
        let foreign = stack.add("c", Subnet::private(&other, cidr!("10.1.1.0/24"), az!("us-east-1a")));
        stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&subnet, &foreign]));
    });
    insta::assert_snapshot!(found, @"
    RouteTableAssociation.table: Subnet.b and RouteTable.there are in two VPCs
    CacheSubnetGroup.redis: Subnet.a and Subnet.c are in two VPCs
    ");
    // Networks that are not of the stack may be peered.
    let found = findings(|stack| {
        let [one, other] =
            [("one", id!(Vpc, "vpc-0000000a")), ("other", id!(Vpc, "vpc-0000000b"))].map(|(name, vpc)| {
                let group = SecurityGroup::builder()
                    .vpc_id(vpc)
                    .group_name(security_group_name!("x"))
                    .description(description!("x"));
                stack.add(name, group)
            });
        let rule = SecurityGroupRule::ingress(&one).peer(&other).port(port!(443)).description(description!("x"));
        stack.add("peered", rule);
    });
    assert_eq!(found, "");
}

#[test]
fn a_flow_log_goes_where_its_role_may_write() {
    let found = findings(|stack| {
        let vpc = vpc(stack);
        let [one, other] = [("one", log_group_name!("/one")), ("other", log_group_name!("/other"))]
            .map(|(name, text)| stack.add(name, LogGroup::builder().name(text)));
        let role = stack.add("role", FlowLogRole::builder().name(name!("role")).log_group(&one));
        stack.add("fine", FlowLog::builder().vpc_id(&vpc).log_group(&one).role(&role));
        stack.add("unheard", FlowLog::builder().vpc_id(&vpc).log_group(&other).role(&role));
        let existing = role_arn!("arn:aws:iam::111122223333:role/flow-logs");
        let elsewhere = log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/elsewhere");
        let another = stack.add("another", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
        stack.add("existing", FlowLog::builder().vpc_id(&another).log_group(elsewhere).role(existing));
    });
    insta::assert_snapshot!(found, @"FlowLog.unheard: FlowLogRole.role may write to another log group than that of the flow log");
}

#[test]
fn a_vpc_has_two_flow_logs_at_most() {
    let role = || role_arn!("arn:aws:iam::111122223333:role/flow-logs");
    let found = findings(|stack| {
        let (one, other) = (vpc(stack), stack.add("other", Vpc::builder().cidr_block(cidr!("10.1.0.0/16"))));
        let existing = id!(Vpc, "vpc-0a1b2c3d");
        let [a, b, c] = [
            log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/a"),
            log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/b"),
            log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/c"),
        ];
        for (name, group) in [("one-a", &a), ("one-b", &b), ("one-c", &c)] {
            stack.add(name, FlowLog::builder().vpc_id(&one).log_group(group.clone()).role(role()));
        }
        for (name, group) in [("other-a", &a), ("other-b", &b)] {
            stack.add(name, FlowLog::builder().vpc_id(&other).log_group(group.clone()).role(role()));
        }
        for (name, group) in [("existing-a", &a), ("existing-b", &b), ("existing-c", &c)] {
            stack.add(name, FlowLog::builder().vpc_id(existing.clone()).log_group(group.clone()).role(role()));
        }
    });
    insta::assert_snapshot!(found, @r"
    FlowLog.one-c: the VPC has more than two flow logs, and AWS takes no third one
    FlowLog.existing-c: the VPC has more than two flow logs, and AWS takes no third one
    ");
}

/// Values as AWS might report them are not checked when they are made, so that drift can be read. They are when declared.
#[test]
fn there_is_no_way_around_the_check_of_a_value() {
    let found = findings(|stack| {
        let group = id!(SecurityGroup, "sg-0a1b2c3d");
        let anywhere = PrivateRange::reported("0.0.0.0/0").unwrap();
        let rule = SecurityGroupRule::ingress(group.clone()).peer(anywhere).port(Port::reported(0));
        stack.add("a", rule.description(description!("open")));
        let anywhere: PrivateRange = serde_json::from_str("\"0.0.0.0/1\"").unwrap();
        let rule = SecurityGroupRule::ingress(group).peer(anywhere).port(port!(6379));
        stack.add(
            "b",
            rule.description(description!("half open")).tags(Tags::reported([("aws:a".into(), "b".into())].into())),
        );
        let access = AccessString::reported("on ~* nopass >literalpassword");
        stack.add("c", RedisUser::iam(Name::reported("C")).engine(EngineKind::Redis).access_string(access));
    });
    insta::assert_snapshot!(found, @r"
    SecurityGroupRule.a: `from_port`: `0` is not a port: a port is 1 to 65535
    SecurityGroupRule.a: `to_port`: `0` is not a port: a port is 1 to 65535
    SecurityGroupRule.a: `cidr_ipv4`: `0.0.0.0/0` is not a private range: this is open to everybody, and whoever scans the internet finds it within minutes: name a security group, or a range within the network, as 10.0.0.0/16
    SecurityGroupRule.b: `cidr_ipv4`: `0.0.0.0/1` is not a private range: a cache is never open to public addresses: name a range within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10, or better a security group
    SecurityGroupRule.b: `tags`: `aws:a` is not the key of a tag: keys that begin with `aws:` are AWS's own
    RedisUser.c: `user_id`: `C` is not a name: use lower-case letters, digits and hyphens only, since AWS keeps names in lower case
    RedisUser.c: `access_string`: `on ~* nopass >(hidden)` is not an access string: ElastiCache refuses nopass, resetpass and reset: how a user logs in is set beside the access string
    ");
}

/// A declaration that was not made by the builder.
struct ByHand<R>(Declaration, std::marker::PhantomData<fn() -> R>);

impl<R: Resource> Declare for ByHand<R> {
    type Resource = R;
    type Brand = ();

    fn declare(self) -> Declaration {
        self.0
    }
}

#[test]
fn a_declaration_that_no_builder_made_is_held_to_the_same() {
    let found = findings(|stack| {
        let mut cache = Declaration::new(ReplicationGroup::SCHEMA);
        cache.set("replication_group_id", IntoInput::<Name>::into_input(name!("open")));
        stack.add("open", ByHand::<ReplicationGroup>(cache, std::marker::PhantomData));
        let mut user = Declaration::new(RedisUser::SCHEMA);
        user.set("user_id", IntoInput::<Name>::into_input(name!("open")));
        user.set("engine", EngineKind::Redis.into_input());
        user.set("access_string", AccessString::administrator().into_input());
        user.set("authentication_type", AuthenticationType::NoPassword.into_input());
        stack.add("open", ByHand::<RedisUser>(user, std::marker::PhantomData));
    });
    insta::assert_snapshot!(found, @"
    ReplicationGroup.open: there must be one authentication, a user group or an AUTH token
    RedisUser.open: a user without a password must be switched off, and of the engine Redis
    ");
}

#[test]
fn a_key_lets_what_it_encrypts_and_has_its_alias_alone() {
    let found = findings(|stack| {
        let key = stack.add("main", KmsKey::builder().alias(kms_alias!("alias/main")));
        let secret = Secret::builder().name(secret_name!("token")).kms_key_id(&key);
        stack.add("token", secret.generated());
        stack.add("logs", LogGroup::builder().name(log_group_name!("/a")).kms_key_id(&key));
        let policy = KeyPolicy::administered().logs(log_group_name!("/b"));
        let key = stack.add("other", KmsKey::builder().alias(kms_alias!("alias/main")).policy(policy));
        stack.add("fine", LogGroup::builder().name(log_group_name!("/b")).kms_key_id(&key));
    });
    insta::assert_snapshot!(found, @"
    Secret.token: it is encrypted with KmsKey.main, whose policy does not let it
    LogGroup.logs: it is encrypted with KmsKey.main, whose policy does not let it
    KmsKey.other: KmsKey.main has the same alias, and KMS gives an alias to one key
    ");
    let found = findings(|stack| {
        let key = stack.add("main", KmsKey::builder().alias(kms_alias!("alias/main")));
        cache(stack, |cache, subnets, group| {
            cache
                .subnet_group_name(subnets)
                .security_group_ids([group])
                .engine(Engine::VALKEY_8_0)
                .single_node()
                .authentication(Id::<UserGroup>::literal("users"))
                .encrypted(AtRest::key(&key), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"ReplicationGroup.redis: it is encrypted with KmsKey.main, whose policy does not let it");
}

/// aws-semantics: AWS keeps five addresses of each subnet, and each node takes one.
#[test]
fn the_subnets_of_a_cache_have_an_address_for_each_node() {
    let stack_of = |second: bool| {
        findings(|stack| {
            let vpc = vpc(stack);
            let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/28"), az!("us-east-1a")));
            let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/28"), az!("us-east-1b")));
            let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
            let caches = [("one", name!("one"), shards!(10)), ("two", name!("two"), shards!(2))];
            for (label, id, shards) in caches.into_iter().take(if second { 2 } else { 1 }) {
                let cache = ReplicationGroup::builder()
                    .replication_group_id(id)
                    .engine(Engine::VALKEY_8_1)
                    .node_type(node_type!("cache.t4g.micro"))
                    .sharded(shards, replicas!(1))
                    .subnet_group_name(&subnets)
                    .security_group_ids([id!(SecurityGroup, "sg-0a1b2c3d")])
                    .authentication(id!(UserGroup, "users"));
                stack.add(label, cache.encrypted(AtRest::default(), InTransit::Required));
            }
        })
    };
    assert_eq!(stack_of(false), "", "20 nodes, and 2 * 11 addresses");
    insta::assert_snapshot!(stack_of(true), @"
    ReplicationGroup.one: the caches in CacheSubnetGroup.redis have 24 nodes, and its subnets 22 addresses for them
    ReplicationGroup.two: the caches in CacheSubnetGroup.redis have 24 nodes, and its subnets 22 addresses for them
    ");
}

#[test]
fn a_cache_has_500_nodes_at_most_and_no_password_in_its_description() {
    let found = findings(|stack| {
        cache(stack, |cache, subnets, group| {
            cache
                .engine(Engine::VALKEY_8_1)
                .sharded(shards!(100), replicas!(5))
                .description("Redis, password: correct-horse")
                .subnet_group_name(subnets)
                .security_group_ids([group])
                .authentication(id!(UserGroup, "users"))
                .encrypted(AtRest::default(), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"
    ReplicationGroup.redis: the description tells a password to all who may list caches
    ReplicationGroup.redis: a cache has at most 500 nodes, and this one has 600
    ReplicationGroup.redis: the caches in CacheSubnetGroup.redis have 600 nodes, and its subnets 502 addresses for them
    ");
}

#[test]
fn a_network_acl_has_subnets_of_its_vpc_that_no_other_has() {
    let found = findings(|stack| {
        let vpc = vpc(stack);
        let other = stack.add("other", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let far = stack.add("far", Subnet::private(&other, cidr!("10.1.1.0/24"), az!("us-east-1a")));
        let acl = || NetworkAcl::builder().vpc_id(&vpc).tags(tags! { "a" = "1" });
        const RULES: NetworkRules =
            network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"))];
        stack.add("one", acl().subnet_ids([&a]).rules(RULES));
        stack.add("two", acl().subnet_ids([&far, &a]).rules(RULES));
        stack.add("three", acl().subnet_ids([id!(Subnet, "subnet-0a1b2c3d")]).rules(RULES));
        stack.add("four", acl().subnet_ids([id!(Subnet, "subnet-0a1b2c3d")]).rules(RULES));
        stack.add("five", acl().subnet_ids(Vec::<&Handle<Subnet>>::new()).rules(RULES));
    });
    insta::assert_snapshot!(found, @"
    NetworkAcl.two: Subnet.far is in another VPC than the network ACL
    NetworkAcl.two: Subnet.a is in two network ACLs, and AWS gives each subnet one
    NetworkAcl.four: subnet-0a1b2c3d is in two network ACLs, and AWS gives each subnet one
    NetworkAcl.five: the network ACL has no subnet, so that it protects nothing
    ");
}

/// What is put together when the program runs is checked as what stands in `network_rules!` is.
#[test]
fn the_rules_of_a_network_acl_have_numbers_of_their_own_and_come_in_time() {
    let network = private_range!("10.0.0.0/16");
    let redis = |number| NetworkRule::serve(RuleNumber::new(number).unwrap(), port!(6379), network);
    let deny = |number| NetworkRule::deny(RuleNumber::new(number).unwrap(), private_range!("10.0.9.0/24"));
    let later = NetworkRule::serve(rule_number!(200), port!(6379), private_range!("10.0.9.128/25"));
    let reversed = NetworkRule::serve_ports(rule_number!(100), port!(7010), port!(7000), network);
    let lists = [
        ("good", vec![deny(50), redis(100)]),
        ("twice", vec![redis(100), NetworkRule::among(rule_number!(100), network)]),
        ("late", vec![redis(100), deny(150)]),
        ("in-vain", vec![deny(150), later]),
        ("reversed", vec![reversed]),
        ("many", (1..=40).map(redis).collect()),
    ];
    let found = findings(|stack| {
        let vpc = vpc(stack);
        for (number, (name, rules)) in lists.into_iter().enumerate() {
            let subnet = Id::new(format!("subnet-{number:08x}")).unwrap();
            stack.add(name, NetworkAcl::builder().vpc_id(&vpc).subnet_ids([subnet]).rules(rules));
        }
    });
    insta::assert_snapshot!(found, @"
    NetworkAcl.twice: ingress 100 and 100: two rules have one number, and AWS refuses the second
    NetworkAcl.late: ingress 100 and 150: a rule denies what one of a lower number allows already, and the lower number counts
    NetworkAcl.in-vain: ingress 150 and 200: a rule allows what one of a lower number denies already, so that it does not pass all the same
    NetworkAcl.reversed: `ingress`: the first port is greater than the last: write the lower port first
    NetworkAcl.many: ingress has 40 rules: AWS takes 39 rules of a direction at most, beside its own that denies the rest
    ");
}

#[test]
fn parameters_exist_and_have_values_that_they_take() {
    let found = findings(|stack| {
        let group = CacheParameterGroup::builder().name(name!("default-redis")).family(Engine::REDIS_7_1.family());
        let group = group.description("").parameter("maxmemory-polizy", "allkeys-lru").parameter("requirepass", "x");
        stack.add("p", group.parameter("timeout", "-5").parameter("maxmemory", "1gb").parameter("activedefrag", "yes"));
    });
    insta::assert_snapshot!(found, @"
    CacheParameterGroup.p: the description is empty
    CacheParameterGroup.p: ElastiCache sets the parameter `maxmemory` itself
    CacheParameterGroup.p: the parameter `timeout` cannot be `-5`
    ");
}

#[test]
fn a_cache_fits_what_elasticache_has() {
    let found = findings(|stack| {
        let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).instance_tenancy(Tenancy::Dedicated);
        let vpc = stack.add("main", vpc);
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
        let parameters = CacheParameterGroup::builder().name(name!("p")).family(Engine::REDIS_7_1.family());
        let parameters = stack.add("p", parameters.parameter("maxmemory-policy", "volatile-ttl"));
        let groups = ["sg-0a1b2c30", "sg-0a1b2c31", "sg-0a1b2c32", "sg-0a1b2c33", "sg-0a1b2c34", "sg-0a1b2c35"];
        let cache = ReplicationGroup::builder()
            .replication_group_id(name!("r"))
            .engine(Engine::REDIS_7_1)
            .node_type(node_type!("cache.r6gd.xlarge"))
            .single_az(Replicas::reported(0))
            .subnet_group_name(&subnets)
            .parameter_group_name(&parameters)
            .security_group_ids(groups.map(|id| Id::<SecurityGroup>::new(id).unwrap()))
            .ip_discovery(IpDiscovery::Ipv6)
            .authentication(id!(UserGroup, "users"))
            .encrypted(AtRest::default(), InTransit::Required);
        let cache = stack.add("redis", cache);
        stack.output("endpoint", cache.configuration_endpoint());
        let cache = ReplicationGroup::builder()
            .replication_group_id(name!("sharded"))
            .engine(Engine::VALKEY_8_1)
            .node_type(node_type!("cache.t4g.micro"))
            .sharded(shards!(2), replicas!(1))
            .subnet_group_name(id!(CacheSubnetGroup, "redis"))
            .parameter_group_name(id!(CacheParameterGroup, "default.valkey8"))
            .security_group_ids([id!(SecurityGroup, "sg-0a1b2c30")])
            .authentication(id!(UserGroup, "users"))
            .encrypted(AtRest::default(), InTransit::Required);
        let cache = stack.add("sharded", cache);
        stack.output("reader", cache.reader_endpoint());
    });
    insta::assert_snapshot!(found, @"
    ReplicationGroup.redis: failover needs a replica
    ReplicationGroup.redis: a node has at most 5 security groups, and these are 6
    ReplicationGroup.redis: nodes with data tiering do not evict by volatile-ttl
    ReplicationGroup.redis: ElastiCache has no nodes in a VPC of dedicated hardware
    ReplicationGroup.redis: clients are told ipv6 addresses, and the nodes have ipv4 addresses only
    ReplicationGroup.redis: the configuration endpoint of this cache is empty
    ReplicationGroup.sharded: the parameter group default.valkey8 is not for this cache
    ReplicationGroup.sharded: the reader endpoint of this cache is empty
    ");
}

#[test]
fn a_group_has_100_users_at_most() {
    let found = findings(|stack| {
        let user = |name| RedisUser::iam(name).engine(Redis).access_string(AccessString::read_only());
        let one = stack.add("one", user(name!("one")));
        let users = |count| (0..count).map(|number| Id::<RedisUser>::new(format!("user-{number}")).unwrap());
        stack.add("full", UserGroup::valkey(name!("full"), &one).users(users(99)));
        stack.add("many", UserGroup::valkey(name!("many"), &one).users(users(100)));
    });
    insta::assert_snapshot!(found, @"UserGroup.many: a group has at most 100 users, and this one has 101");
}

/// AWS looks for what a cache uses in the region of the cache.
#[test]
fn what_a_stack_uses_is_in_the_region_of_its_subnets() {
    let found = findings(|stack| {
        let key = kms_key_arn!("arn:aws:kms:eu-west-1:111122223333:key/1");
        let token = Secret::builder().name(secret_name!("token")).kms_key_id(key.clone());
        let token = stack.add("token", token.generated());
        stack.add("logs", LogGroup::builder().name(log_group_name!("/logs")).kms_key_id(key.clone()));
        cache(stack, |cache, subnets, group| {
            cache
                .engine(Engine::REDIS_7_1)
                .multi_az(replicas!(1))
                .subnet_group_name(subnets)
                .security_group_ids([group])
                .authentication(&token)
                .notification_topic_arn(topic_arn!("arn:aws:sns:us-west-2:111122223333:events"))
                .encrypted(AtRest::key(key), InTransit::Required)
        });
    });
    insta::assert_snapshot!(found, @"
    Secret.token: arn:aws:kms:eu-west-1:111122223333:key/1 is in another region than the subnets, which are in us-east-1
    LogGroup.logs: arn:aws:kms:eu-west-1:111122223333:key/1 is in another region than the subnets, which are in us-east-1
    ReplicationGroup.redis: arn:aws:kms:eu-west-1:111122223333:key/1 is in another region than the subnets, which are in us-east-1
    ReplicationGroup.redis: arn:aws:sns:us-west-2:111122223333:events is in another region than the subnets, which are in us-east-1
    ");
}

/// A plan for zones of another region would fail half-way through its apply.
#[test]
fn a_run_works_in_the_region_of_the_zones() {
    let graph = palisade_testing::graph(|stack| {
        let vpc = vpc(stack);
        stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("eu-west-1a")));
        stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("eu-west-1b")));
    });
    let provider = |region: &str| {
        let emulator = Arc::new(Emulator::in_memory(region));
        AwsProvider::new(Aws::new(emulator, Arc::new(Nothing))).in_region(region)
    };
    assert_eq!(provider("eu-west-1").wrong_region(&graph), []);
    let wrong_region = provider("us-east-1").wrong_region(&graph);
    let [first, second] = &wrong_region[..] else { panic!("{wrong_region:?}") };
    assert_eq!(first.message, "Subnet.a: the zone eu-west-1a is not in us-east-1, where this command works");
    assert_eq!(first.help, "work there with `--region eu-west-1`, or write a zone of us-east-1");
    assert!(second.message.starts_with("Subnet.b: "), "{}", second.message);
}

/// A saved plan is held against the region as a fresh plan is, also where its file does not say which region it is for.
#[test]
fn a_saved_plan_works_in_its_region_and_in_that_of_the_zones() {
    let in_region = |region: &str| {
        let emulator = Arc::new(Emulator::in_memory(region));
        AwsProvider::new(Aws::new(emulator, Arc::new(Nothing))).in_region(region)
    };
    let program = |has_zone: bool| {
        palisade_testing::graph(|stack| {
            let vpc = vpc(stack);
            if has_zone {
                stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("eu-west-1a")));
            }
        })
    };
    const ZONE: &str = "Subnet.a: the zone eu-west-1a is not in us-east-1, where this command works";
    const REGION: &str = "the plan is for the region eu-west-1, and this command works in us-east-1";
    for (has_zone, saved_for, works_in, refused) in [
        (true, Some("eu-west-1"), "eu-west-1", ""),
        (true, None, "eu-west-1", ""),
        (true, None, "us-east-1", ZONE),
        (true, Some("us-east-1"), "us-east-1", ZONE),
        (true, Some("eu-west-1"), "us-east-1", REGION),
        (false, Some("eu-west-1"), "us-east-1", REGION),
        (false, None, "us-east-1", ""),
    ] {
        let (program, state) = (program(has_zone), State::new("test", "0123456789abcdef0123456789abcdef"));
        let plan = run(palisade_engine::plan(&in_region("eu-west-1"), &program, &state)).unwrap();
        let region = saved_for.map(str::to_owned);
        let origin = Origin { lineage: None, account: "test".to_owned(), region, made_at: 0, is_destroy: false };
        let saved = SavedPlan::new(plan, &program, origin);
        let says = match run(saved.rest(&in_region(works_in), &program, &state)) {
            Ok(_) => String::new(),
            Err(SavedPlanError::Plan(PlanError::Impossible(findings))) => findings[0].message.clone(),
            Err(error) => error.to_string(),
        };
        assert_eq!(says, refused, "{saved_for:?} in {works_in}");
    }
}

/// A VPC does not tell the names of two groups apart by their case.
#[test]
fn the_security_groups_of_a_vpc_have_names_of_their_own() {
    let found = findings(|stack| {
        let vpcs = ["a", "b"].map(|name| stack.add(name, Vpc::builder().cidr_block(cidr!("10.0.0.0/16"))));
        for (name, vpc, group_name) in [
            ("one", &vpcs[0], security_group_name!("redis")),
            ("two", &vpcs[0], security_group_name!("reDIS")),
            ("three", &vpcs[0], security_group_name!("redis")),
            ("four", &vpcs[1], security_group_name!("REDIS")),
        ] {
            let group = SecurityGroup::builder().vpc_id(vpc).group_name(group_name);
            stack.add(name, group.description(description!("A group")));
        }
    });
    insta::assert_snapshot!(found, @"
    SecurityGroup.one and SecurityGroup.two have the same `vpc_id` and `group_name` to AWS
    SecurityGroup.two and SecurityGroup.three have the same `vpc_id` and `group_name` to AWS
    ");
}

#[test]
fn an_earlier_name_is_that_of_one_resource_and_of_none_that_the_program_still_has() {
    let found = findings(|stack| {
        let vpc = vpc(stack);
        let table = |stack: &mut Stack, name| stack.add(name, RouteTable::builder().vpc_id(&vpc));
        let [a, b] = ["a", "b"].map(|name| table(stack, name));
        stack.moved("before", &a);
        stack.moved("before", &b);
        stack.moved("earlier", &b);
        stack.moved("earlier", &b);
        stack.moved("a", &b);
        stack.moved("b", &b);
        stack.moved("RouteTable.before", &b);
        stack.moved("first", &table(&mut Stack::new("other"), "elsewhere"));
    });
    insta::assert_snapshot!(found, @"
    RouteTable.before is the earlier name of both RouteTable.a and RouteTable.b
    RouteTable.a is the earlier name of RouteTable.b, and the program still has it
    RouteTable.b is its own earlier name
    `RouteTable.before` is not a name that RouteTable.b can have had
    RouteTable.first is the earlier name of RouteTable.elsewhere, which is not in this stack
    ");
}
