//! The rules of safety: what breaks one is refused, unless the program says why.

use std::collections::BTreeSet;

use palisade::prelude::*;
use palisade_core::{Hold, IntoInput, Status};

fn messages(stack: &Stack) -> Vec<String> {
    stack.violations().into_iter().map(|finding| finding.message).collect()
}

fn network(stack: &mut Stack) -> Handle<Vpc> {
    stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")))
}

#[test]
fn the_examples_break_no_rule() {
    for example in [secured_redis::stack, auth_token::stack] {
        let mut stack = Stack::new("test");
        example(&mut stack);
        assert_eq!(messages(&stack), [""; 0]);
    }
}

#[test]
fn a_violation_says_why_and_both_ways_out() {
    let mut stack = Stack::new("test");
    network(&mut stack);
    let findings = stack.violations();
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.message, "Vpc.main: no flow log records the traffic of this network");
    assert_eq!(finding.spans[0].label, "without it, nobody can tell afterwards who reached the cache, or tried to");
    assert!(
        finding.help.contains("FlowLog::builder()") && finding.help.contains("Vpc::NO_FLOW_LOG"),
        "{}",
        finding.help
    );
    assert!(finding.spans[0].location.file().ends_with("rules.rs"));
}

#[test]
fn an_accepted_risk_is_no_violation_and_one_that_does_not_exist_is() {
    let mut stack = Stack::new("test");
    let vpc = network(&mut stack);
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    assert_eq!(messages(&stack), [""; 0]);
    assert_eq!(stack.accepted_risks()[0].reason.as_str(), "a test has no traffic");

    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("for another reason"));
    assert_eq!(messages(&stack), ["Vpc.main: the risk Vpc::NO_FLOW_LOG is accepted twice"]);

    let mut stack = Stack::new("test");
    let user = RedisUser::iam(name!("a")).engine(Redis).access_string(AccessString::read_only());
    let user = stack.add("a", user);
    stack.accept_risk(&user, RedisUser::ALL_COMMANDS, reason!("it may do nothing"));
    assert_eq!(
        messages(&stack),
        [
            "RedisUser.a: the user is in no group",
            "RedisUser.a: the risk RedisUser::ALL_COMMANDS is accepted, and does not exist"
        ]
    );
}

#[test]
fn a_policy_of_the_program_is_one_more_rule() {
    fn few_networks(stack: &Stack) -> Vec<Finding> {
        let extra = stack.resources::<Vpc>().skip(1);
        extra.map(|vpc| vpc.finding("one network too many", "divide the stack")).collect()
    }
    let mut stack = Stack::new("test");
    stack.policy("few-networks", few_networks);
    for name in ["a", "b"] {
        let vpc = stack.add(name, Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    }
    let findings = stack.violations();
    assert_eq!(messages(&stack), ["Vpc.b: one network too many"]);
    assert_eq!(findings[0].spans[1].label, "by the policy `few-networks`");
}

/// Of what a cache can do without, each thing is a rule of its own.
#[test]
fn a_cache_without_what_makes_it_safe_breaks_a_rule_for_each() {
    let mut stack = Stack::new("test");
    let vpc = network(&mut stack);
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let open = |range| SecurityGroupRule::ingress(&group).peer(range).description(description!("Redis"));
    stack.add("wide", open(private_range!("10.0.0.0/8")).port(port!(6379)));
    stack.add("other-port", open(private_range!("10.0.0.0/16")).port(port!(6380)));
    stack.add("range", open(private_range!("10.0.1.0/24")).ports(port!(6000), port!(7000)));
    let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .single_node()
        .subnet_group_name(&subnets)
        .security_group_ids([&group])
        .authentication(&token)
        .auto_minor_version_upgrade(false)
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", cache);
    insta::assert_snapshot!(messages(&stack).join("\n"), @r"
    SecurityGroupRule.wide: the addresses 10.0.0.0/8 are not all inside of the network 10.0.0.0/16
    SecurityGroupRule.other-port: the rule opens port 6380, and the cache listens on 6379
    SecurityGroupRule.range: the rule opens ports 6000 to 7000, and the cache listens on 6379
    Secret.token: no key of this account encrypts the secret
    Secret.token: the value does not change by itself
    ReplicationGroup.redis: no key of this account encrypts what is stored
    ReplicationGroup.redis: no replica takes over when the node is lost
    ReplicationGroup.redis: all nodes may stand in one zone
    ReplicationGroup.redis: minor versions do not come by themselves
    ");
}

#[test]
fn a_cache_that_nobody_reaches_and_what_nothing_uses_break_a_rule() {
    let mut stack = Stack::new("test");
    let policy = KeyPolicy::administered().secrets_manager();
    let key = stack.add("main", KmsKey::builder().alias(kms_alias!("alias/main")).policy(policy.clone()));
    stack.add("unused", KmsKey::builder().alias(kms_alias!("alias/unused")).policy(policy));
    let token = Secret::builder().name(secret_name!("token")).generated().kms_key_id(&key);
    let token = stack.add("token", token);
    stack.accept_risk(&token, Secret::NO_ROTATION, reason!("a test lasts for less than a day"));
    let group = SecurityGroup::builder().vpc_id(id!(Vpc, "vpc-0a1b2c3d")).group_name(security_group_name!("redis"));
    let group = stack.add("redis", group.description(description!("redis")));
    insta::assert_snapshot!(messages(&stack).join("\n"), @"
    KmsKey.unused: nothing in this stack is encrypted with the key
    Secret.token: nothing in this stack uses the secret
    SecurityGroup.redis: nothing in this stack uses the group
    ");

    // A rule about what goes out lets nobody in.
    let (ingress, egress) = (SecurityGroupRule::ingress(&group), SecurityGroupRule::egress(&group));
    let everybody = |rule: SecurityGroupRuleBuilder<palisade_core::Given<0b10>>| {
        rule.peer(private_range!("10.0.0.0/16")).port(port!(6379)).description(description!("Redis"))
    };
    stack.add("out", everybody(egress));
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .multi_az(replicas!(1))
        .subnet_group_name(id!(CacheSubnetGroup, "redis"))
        .security_group_ids([&group])
        .authentication(&token)
        .encrypted(AtRest::key(kms_key_arn!("arn:aws:kms:us-east-1:111122223333:key/1")), InTransit::Required);
    stack.add("redis", cache);
    insta::assert_snapshot!(messages(&stack).join("\n"), @"
    KmsKey.unused: nothing in this stack is encrypted with the key
    SecurityGroupRule.out: the rule lets ReplicationGroup.redis open connections
    ReplicationGroup.redis: no rule of its security groups lets clients in on port 6379
    ");

    stack.add("in", everybody(ingress));
    insta::assert_snapshot!(messages(&stack).join("\n"), @"
    KmsKey.unused: nothing in this stack is encrypted with the key
    SecurityGroupRule.out: the rule lets ReplicationGroup.redis open connections
    ");
}

/// A group may be of the stack or only named: it is the same cache that stands behind it.
#[test]
fn the_group_of_a_cache_opens_one_port_for_tcp_and_nothing_else() {
    let mut stack = Stack::new("test");
    let vpc = network(&mut stack);
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    let group = |name| SecurityGroup::builder().vpc_id(&vpc).group_name(name).description(description!("a group"));
    let redis = stack.add("redis", group(security_group_name!("redis")));
    let app = stack.add("app", group(security_group_name!("app")));
    let rule = |group: &str, rule: SecurityGroupRuleBuilder<_>| {
        rule.peer(private_range!("10.0.0.0/24")).description(Description::new(group).unwrap())
    };
    let named = || id!(SecurityGroup, "sg-0123456789abcdef0");
    stack.add("udp", rule("redis", SecurityGroupRule::ingress(&redis)).port(port!(6379)).ip_protocol(Protocol::Udp));
    stack.add("far", rule("named", SecurityGroupRule::ingress(named())).port(port!(53)).ip_protocol(Protocol::Udp));
    stack.add("out", rule("redis", SecurityGroupRule::egress(&redis)).port(port!(443)));
    stack.add("out-named", rule("named", SecurityGroupRule::egress(named())).port(port!(443)));
    stack.add("range", rule("app", SecurityGroupRule::ingress(&app)).ports(port!(1), port!(65535)));
    let other = id!(SecurityGroup, "sg-00000000000000000");
    stack.add("range-named", rule("other", SecurityGroupRule::ingress(other)).ports(port!(8000), port!(8001)));
    stack.add("fine", rule("app", SecurityGroupRule::egress(&app)).ports(port!(1024), port!(65535)));
    let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .multi_az(replicas!(1))
        .subnet_group_name(id!(CacheSubnetGroup, "redis"))
        .security_group_ids([IntoInput::into_input(&redis), IntoInput::into_input(named())])
        .authentication(&token)
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", cache);
    let of_rules: Vec<_> = messages(&stack).into_iter().filter(|text| text.starts_with("SecurityGroupRule")).collect();
    insta::assert_snapshot!(of_rules.join("\n"), @"
    SecurityGroupRule.udp: the rule opens port 6379 for UDP, and the cache speaks TCP only
    SecurityGroupRule.far: the rule opens port 53 for UDP, and the cache listens on 6379 and speaks TCP only
    SecurityGroupRule.out: the rule lets ReplicationGroup.redis open connections
    SecurityGroupRule.out-named: the rule lets ReplicationGroup.redis open connections
    SecurityGroupRule.range: the rule opens the ports 1 to 65535
    SecurityGroupRule.range-named: the rule opens the ports 8000 to 8001
    ");
}

#[test]
fn a_group_has_no_more_rules_than_aws_takes() {
    let with_rules = |count: u16| {
        let mut stack = Stack::new("test");
        let vpc = network(&mut stack);
        stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
        let group = |name| SecurityGroup::builder().vpc_id(&vpc).group_name(name).description(description!("a group"));
        let group = [("app", security_group_name!("app")), ("other", security_group_name!("other"))]
            .map(|(name, text)| stack.add(name, group(text)));
        for port in 1..=count {
            let rule = SecurityGroupRule::ingress(&group[0]).peer(&group[1]).port(Port::new(port).unwrap());
            stack.add(&format!("in-{port}"), rule.description(description!("in")));
        }
        let out = SecurityGroupRule::egress(&group[0]).peer(&group[1]).port(port!(443));
        stack.add("out", out.description(description!("out")));
        let few = |text: &String| !text.contains("uses the group");
        messages(&stack).into_iter().filter(few).collect::<Vec<_>>()
    };
    assert_eq!(with_rules(60), [""; 0]);
    assert_eq!(
        with_rules(61),
        ["SecurityGroup.app: the group has 61 ingress rules, and an account can have 60 at first"]
    );
}

/// A rule that no stack breaks is none: its check may look for a field that does not exist.
#[test]
fn each_rule_that_a_stack_can_break_is_broken_by_this_one() {
    let mut stack = Stack::new("test");
    let vpc = network(&mut stack);
    stack.add("public", Vpc::builder().cidr_block(cidr!("8.8.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let group = |label, name| SecurityGroup::builder().vpc_id(&vpc).group_name(name).description(label);
    let open = stack.add("open", group(description!("open"), security_group_name!("open")));
    let closed = stack.add("closed", group(description!("closed"), security_group_name!("closed")));
    let unused = stack.add("unused", group(description!("unused"), security_group_name!("unused")));
    let wide = SecurityGroupRule::ingress(&open).peer(private_range!("10.0.0.0/8")).port(port!(6380));
    stack.add("wide", wide.description(description!("wide")));
    let out = SecurityGroupRule::egress(&open).peer(&open).port(port!(443));
    stack.add("out", out.description(description!("out")));
    for port in 1..=61 {
        let rule = SecurityGroupRule::ingress(&unused).peer(&open).ports(Port::new(port).unwrap(), port!(100));
        stack.add(&format!("many-{port}"), rule.description(description!("one of many")));
    }
    let elsewhere = stack.add("elsewhere", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
    let peer = SecurityGroup::builder().vpc_id(&elsewhere).group_name(security_group_name!("peer"));
    let peer = stack.add("peer", peer.description(description!("peer")));
    let peered = SecurityGroupRule::ingress(&open).peer(&peer).port(port!(6379));
    stack.add("peered", peered.description(description!("peered")));
    let newer = CacheParameterGroup::builder().name(name!("newer")).family(Engine::REDIS_7_1.family());
    stack
        .add("newer", newer.parameter("a-parameter-of-tomorrow", "yes").parameter("acl-pubsub-default", "allchannels"));
    stack.add("unused", KmsKey::builder().alias(kms_alias!("alias/unused")));
    stack.add("unused", LogGroup::builder().name(log_group_name!("/unused")));
    stack.add("unused", Secret::builder().name(secret_name!("unused")).generated().recovery_window(recovery_days!(0)));
    let root = RedisUser::iam(name!("root")).engine(Redis).access_string(access!("on ~* &* +@all"));
    stack.add("root", root);
    let administrator = |name| RedisUser::iam(name).engine(Redis).access_string(AccessString::administrator());
    let one = stack.add("one", administrator(name!("one")));
    let other = stack.add("other", administrator(name!("other")));
    stack.add("unused", UserGroup::valkey(name!("unused"), &one).user(&other));
    let shared = stack.add("shared", Secret::builder().name(secret_name!("shared")).generated());
    for (label, id, name) in
        [("reader", name!("reader"), user_name!("Read-Only")), ("default", name!("mine"), user_name!("default"))]
    {
        let user = RedisUser::with_password(id, name, &shared).engine(Redis);
        stack.add(label, user.access_string(AccessString::service()));
    }
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let other_port =
        |number| NetworkRule::serve(RuleNumber::new(number).unwrap(), port!(6380), private_range!("10.0.0.0/8"));
    let acl = NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a, &b]).rules((100..120).map(other_port));
    stack.add("other-port", acl);
    let several = name!("several");
    for (label, id, group) in
        [("open", name!("open"), &open), ("closed", name!("closed"), &closed), ("several", several.clone(), &open)]
    {
        let cache = ReplicationGroup::builder().replication_group_id(id.clone()).engine(Engine::REDIS_7_1);
        let cache = if id == several { cache.multi_az(replicas!(1)) } else { cache.single_node() };
        let cache = cache
            .node_type(node_type!("cache.t4g.micro"))
            .subnet_group_name(&subnets)
            .security_group_ids([group])
            .authentication(&shared)
            .network_type(NetworkType::DualStack)
            .auto_minor_version_upgrade(false)
            .encrypted(AtRest::default(), InTransit::Required);
        stack.add(label, cache);
    }

    let rules = palisade_aws::schemas().flat_map(|schema| schema.rules.iter().map(|rule| (schema.kind, rule)));
    let can_be_broken = rules.filter(|(_, rule)| matches!(rule.hold, Hold::Risk { .. } | Hold::Check(_)));
    let all: BTreeSet<_> = can_be_broken.map(|(kind, rule)| (kind, rule.id)).collect();
    let assessments = stack.assessments();
    let violated = assessments.iter().filter(|it| matches!(it.status, Status::Violated(_)));
    let broken: BTreeSet<_> = violated.map(|it| (it.node.schema.kind, it.rule.id)).collect();
    assert_eq!(broken, all);
}

/// A cache of two nodes in two subnets, under a network ACL with `rules`.
fn behind_an_acl(rules: impl IntoIterator<Item = NetworkRule>) -> (Stack, Handle<NetworkAcl>) {
    let mut stack = Stack::new("test");
    let vpc = network(&mut stack);
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1b")));
    let acl = stack.add("cache", NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a]).rules(rules));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let clients = SecurityGroupRule::ingress(&group).peer(private_range!("10.0.0.0/16")).port(port!(6379));
    stack.add("clients", clients.description(description!("Redis")));
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let key = stack
        .add("key", KmsKey::builder().alias(kms_alias!("alias/redis")).policy(KeyPolicy::administered().elasticache()));
    let off = stack.add("off", RedisUser::disabled_default(name!("off")));
    let users = stack.add("users", UserGroup::redis(name!("users"), &off));
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .multi_az(replicas!(1))
        .subnet_group_name(&subnets)
        .security_group_ids([&group])
        .authentication(&users)
        .encrypted(AtRest::key(&key), InTransit::Required);
    stack.add("redis", cache);
    (stack, acl)
}

#[test]
fn a_network_acl_lets_clients_in_to_a_cache_and_the_nodes_to_each_other() {
    let (stack, _) = behind_an_acl(network_rules![
        NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
        NetworkRule::among(rule_number!(200), private_range!("10.0.2.0/23")),
    ]);
    assert_eq!(messages(&stack), [""; 0]);

    let (mut stack, acl) =
        behind_an_acl(network_rules![NetworkRule::serve(rule_number!(100), port!(6380), private_range!("10.0.0.0/8"))]);
    insta::assert_snapshot!(messages(&stack).join("\n"), @"
    NetworkAcl.cache: the addresses 10.0.0.0/8 of rule 100 are not all inside of the network 10.0.0.0/16
    NetworkAcl.cache: the nodes of ReplicationGroup.redis in Subnet.a and Subnet.b do not reach each other
    NetworkAcl.cache: ReplicationGroup.redis listens on port 6379, and no rule lets clients in there
    ");
    stack.accept_risk(&acl, NetworkAcl::NODES_APART, reason!("the nodes speak by another way"));
    stack.accept_risk(&acl, NetworkAcl::OUTSIDE_THE_NETWORK, reason!("the network is peered with others"));
    assert_eq!(
        messages(&stack),
        ["NetworkAcl.cache: ReplicationGroup.redis listens on port 6379, and no rule lets clients in there"]
    );
}

#[test]
fn more_rules_than_an_account_can_have_at_first_need_a_reason() {
    let (mut stack, acl) = behind_an_acl(
        (1..=20).map(|number| NetworkRule::among(RuleNumber::new(number).unwrap(), private_range!("10.0.0.0/16"))),
    );
    assert_eq!(
        messages(&stack),
        ["NetworkAcl.cache: there are 20 rules of a direction, and an account can have 19 at first"]
    );
    stack.accept_risk(&acl, NetworkAcl::RAISED_QUOTA, reason!("the account has forty rules"));
    assert_eq!(messages(&stack), [""; 0]);
}

/// Each group has one administrator, the default user is off, a password is that of one user, and a name keeps its word.
#[test]
fn users_have_what_they_need_and_no_more() {
    let mut stack = Stack::new("test");
    let secret = stack.add("shared", Secret::builder().name(secret_name!("shared")).generated());
    stack.accept_risk(&secret, Secret::NO_ROTATION, reason!("a test lasts for less than a day"));
    stack.accept_risk(&secret, Secret::AWS_MANAGED_KEY, reason!("a test has nothing to hide"));
    let iam = |name, access| RedisUser::iam(name).engine(Redis).access_string(access);
    let with_password = |id, name| RedisUser::with_password(id, name, &secret).engine(Redis);
    let one = stack.add("one", iam(name!("one"), AccessString::administrator()));
    let two = stack.add("two", iam(name!("two"), AccessString::administrator()));
    let all = stack.add("all", iam(name!("all"), access!("on ~* +@all -@dangerous")));
    let kill = stack.add("kill", iam(name!("kill"), access!("on ~* -@all +client|kill")));
    let service = stack.add("service", iam(name!("service"), AccessString::service()));
    let reads = stack.add("reads", iam(name!("read-only"), access!("on ~* -@all +@read +set -@dangerous")));
    let default = with_password(name!("default-id"), user_name!("default")).access_string(AccessString::service());
    let default = stack.add("default", default);
    let off = with_password(name!("off"), user_name!("off")).access_string(AccessString::disabled());
    let off = stack.add("off", off);
    let group = UserGroup::builder().user_group_id(name!("users")).engine(EngineKind::Redis);
    let users =
        stack.add("users", group.user_ids([default, one, two, all, kill, service, reads, off].map(|user| user.id())));
    // In a group of its own, an administrator is the one.
    let apart = stack.add("apart", iam(name!("apart"), AccessString::administrator()));
    let apart = stack.add("apart", UserGroup::valkey(name!("apart"), &apart));
    for group in [users.erased(), apart.erased()] {
        stack.accept_risk(&group, UserGroup::UNUSED, reason!("only the users are looked at"));
    }
    insta::assert_snapshot!(messages(&stack).join("\n"), @"
    RedisUser.two: its group has an administrator already, RedisUser.one
    RedisUser.all: the access string `on ~* +@all -@dangerous` allows what harms other users: `script|flush`
    RedisUser.kill: the access string `on ~* -@all +client|kill` allows what harms other users: `client|kill`
    RedisUser.reads: the user is called read-only, and its access string lets it write
    RedisUser.default: the user named `default` has rights, and is whoever gives no name
    RedisUser.default: its password, Secret.shared, is that of RedisUser.off too
    RedisUser.off: its password, Secret.shared, is that of RedisUser.default too
    ");
}

/// The clients of a cache are members of a group that the stack names only as a peer.
#[test]
fn a_group_that_is_let_in_is_used() {
    let mut stack = Stack::new("test");
    let group = |stack: &mut Stack, label, name| {
        let group = SecurityGroup::builder().vpc_id(id!(Vpc, "vpc-0a1b2c3d")).group_name(name);
        stack.add(label, group.description(description!("a group")))
    };
    let nodes = group(&mut stack, "nodes", security_group_name!("nodes"));
    let clients = group(&mut stack, "clients", security_group_name!("clients"));
    let rule = SecurityGroupRule::ingress(&nodes).peer(&clients).port(port!(6379));
    stack.add("clients", rule.description(description!("Redis")));
    assert_eq!(messages(&stack), ["SecurityGroup.nodes: nothing in this stack uses the group"]);
}

#[test]
fn a_password_in_an_access_string_is_not_repeated() {
    let mut stack = Stack::new("test");
    let access = AccessString::reported("on ~* +@all >correct-horse-battery");
    stack.add("user", RedisUser::iam(name!("user")).engine(Redis).access_string(access));
    let said = format!("{:?} {:?}", stack.findings(), stack.violations());
    assert!(said.contains(">(hidden)") && !said.contains("correct-horse"), "{said}");
}
