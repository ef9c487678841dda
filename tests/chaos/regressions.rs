//! What random cases have found, each as small as it was printed.

use palisade::prelude::*;
use palisade_core::Graph;
use palisade_emulator::Fault;

use crate::{
    Apply,
    Begin::{During, Next, Settled},
    others::Other,
    place::Kept::{self, InBucket, InFolder},
    weather::{End, Weather},
};

fn apply(begin: crate::Begin, program: fn(&mut Stack), weather: Weather) -> Apply<Graph> {
    Apply { begin, others: Vec::new(), program: palisade_testing::graph(program), weather }
}

impl Apply<Graph> {
    /// The same, after others have done that: to which object, and what.
    fn after(self, others: &[(u8, u8)]) -> Self {
        Self { others: others.iter().map(|(object, deed)| Other { object: *object, deed: *deed }).collect(), ..self }
    }
}

#[track_caller]
fn lives(kept: Kept, lag: u64, applies: &[Apply<Graph>], last: &Weather) -> bool {
    crate::lives(kept, lag, applies, last).unwrap_or_else(|problem| panic!("{problem}"))
}

fn nothing(_: &mut Stack) {}

/// A cache with all that it needs.
fn cache(stack: &mut Stack, topology: Topology) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let other = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("other"))
        .description(description!("other"));
    let other = stack.add("other", other);
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    let next = stack.add("next", Secret::builder().name(secret_name!("redis/next")).generated());
    let (Topology::Sharded(variant) | Topology::Plain(variant)) = &topology;
    let engine = match variant {
        Variant::Valkey => Engine::VALKEY_7_2.erased(),
        _ => Engine::REDIS_7_1.erased(),
    };
    let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(engine);
    let cache = cache.node_type(node_type!("cache.t4g.micro")).subnet_group_name(&subnets);
    let cache = match &topology {
        Topology::Sharded(_) => cache.sharded(shards!(2), replicas!(1)),
        Topology::Plain(_) => cache.multi_az(replicas!(1)),
    };
    let cache = match variant {
        Variant::Windows(maintenance) => cache.windows(Windows::new(None, maintenance.clone()).unwrap()),
        _ => cache,
    };
    let cache = match variant {
        Variant::OtherGroup => cache.security_group_ids([&other]),
        _ => cache.security_group_ids([&group]),
    };
    let cache = match variant {
        Variant::OtherToken => cache.authentication(&next),
        _ => cache.authentication(&token),
    };
    stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
}

#[derive(Clone)]
enum Topology {
    Sharded(Variant),
    Plain(Variant),
}

#[derive(Clone)]
enum Variant {
    First,
    OtherGroup,
    OtherToken,
    Windows(MaintenanceWindow),
    Valkey,
}

fn plain(stack: &mut Stack) {
    cache(stack, Topology::Plain(Variant::First));
}

fn other_group(stack: &mut Stack) {
    cache(stack, Topology::Plain(Variant::OtherGroup));
}

#[test]
fn what_was_created_just_before_the_end_is_given_time_to_appear() {
    fn network(stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("a", Subnet::private(&vpc, cidr!("10.0.0.0/24"), az!("us-east-1a")));
    }
    for nth in 1..=6 {
        let killed = Weather { end: End::KilledAtWrite { nth, part: 255 }, ..Weather::fine() };
        lives(
            InFolder,
            4_000,
            &[apply(Next, network, killed.clone()), apply(Next, network, Weather::fine())],
            &Weather::fine(),
        );
        lives(InFolder, 4_000, &[apply(Next, network, killed)], &Weather::fine());
    }
}

#[test]
fn a_subnet_comes_after_one_whose_addresses_it_takes_a_part_of() {
    fn narrow(stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("narrow", Subnet::private(&vpc, cidr!("10.0.5.0/25"), az!("us-east-1c")));
        stack.add("same", Subnet::private(&vpc, cidr!("10.0.6.0/25"), az!("us-east-1c")));
    }
    fn wide(stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("wide", Subnet::private(&vpc, cidr!("10.0.5.0/24"), az!("us-east-1a")));
        stack.add("same", Subnet::private(&vpc, cidr!("10.0.6.0/24"), az!("us-east-1c")));
    }
    let is_out_of_reach = lives(
        InFolder,
        0,
        &[apply(Next, narrow, Weather::fine()), apply(Next, wide, Weather::fine())],
        &Weather::fine(),
    );
    assert!(!is_out_of_reach);
}

#[test]
fn a_name_that_another_secret_of_the_stack_has_left_can_be_taken() {
    fn before(stack: &mut Stack) {
        stack.add("a", Secret::builder().name(secret_name!("redis/one")).generated());
    }
    fn after(stack: &mut Stack) {
        stack.add("a", Secret::builder().name(secret_name!("redis/two")).generated());
        stack.add("b", Secret::builder().name(secret_name!("redis/one")).generated());
    }
    lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, Weather::fine())], &Weather::fine());
}

#[test]
fn a_secret_that_was_brought_back_by_halves_is_found_again() {
    fn secret(stack: &mut Stack) {
        stack.add("a", Secret::builder().name(secret_name!("redis/one")).generated());
    }
    // The third write brings it back: the tags do not come any more.
    for nth in 1..=4 {
        let killed = Weather { faults: vec![(nth, Fault::NoAnswer)], ..Weather::fine() };
        let applies = [
            apply(Next, secret, Weather::fine()),
            apply(Settled, nothing, Weather::fine()),
            apply(Settled, secret, killed),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn a_cache_waits_for_an_earlier_one_of_its_name_to_be_gone() {
    let lost = Weather { faults: vec![(1, Fault::AnswerLost)], ..Weather::fine() };
    let applies =
        [apply(Next, plain, Weather::fine()), apply(Next, nothing, lost), apply(Next, plain, Weather::fine())];
    lives(InFolder, 0, &applies, &Weather::fine());
}

#[test]
fn a_cache_that_could_not_be_created_is_created_anew() {
    for nth in 1..=20 {
        let failed = Weather { faults: vec![(nth, Fault::CreateFailed)], ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, plain, failed.clone())], &Weather::fine());
    }
}

#[test]
fn a_token_that_was_rotated_already_is_not_rotated_for_ever() {
    fn rotated(stack: &mut Stack) {
        cache(stack, Topology::Plain(Variant::OtherToken));
    }
    for at in (10..400).step_by(15) {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, plain, Weather::fine()), apply(Settled, rotated, killed)], &Weather::fine());
    }
}

#[test]
fn shards_keep_the_parameter_group_that_divides_them() {
    fn sharded(stack: &mut Stack) {
        cache(stack, Topology::Sharded(Variant::First));
    }
    fn with_another_group(stack: &mut Stack) {
        cache(stack, Topology::Sharded(Variant::OtherGroup));
    }
    lives(
        InFolder,
        0,
        &[apply(Next, sharded, Weather::fine()), apply(Next, with_another_group, Weather::fine())],
        &Weather::fine(),
    );
}

#[test]
fn the_default_user_of_a_group_is_not_deleted_under_it() {
    fn before(stack: &mut Stack) {
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let writer = RedisUser::iam(name!("writer")).engine(EngineKind::Redis).access_string(AccessString::read_only());
        let writer = stack.add("writer", writer);
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Redis);
        stack.add("operators", group.user_ids([&default, &writer]));
    }
    fn after(stack: &mut Stack) {
        let writer = stack.add("writer", RedisUser::disabled_default(name!("my-default")));
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Redis);
        stack.add("operators", group.user_ids([&writer]));
    }
    lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, Weather::fine())], &Weather::fine());
}

#[test]
fn a_user_loses_its_password_after_its_group_for_valkey_is_gone() {
    fn before(stack: &mut Stack) {
        let secret = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        let user = RedisUser::with_password(name!("writer"), user_name!("default"), &secret);
        let user = stack.add("writer", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Valkey);
        stack.add("operators", group.user_ids([&user]));
    }
    fn after(stack: &mut Stack) {
        stack.add("writer", RedisUser::disabled_default(name!("writer")));
    }
    lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, Weather::fine())], &Weather::fine());
}

#[test]
fn users_group_and_cache_go_over_to_valkey_in_one_apply() {
    fn stack_of(stack: &mut Stack, engine: Engine, default: bool) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("redis"));
        let group = stack.add("redis", group);
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
        let user = RedisUser::iam(name!("app")).engine(engine.kind()).access_string(AccessString::read_only());
        let user = stack.add("app", user);
        let mut members = vec![user];
        if default {
            members.push(stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased());
        }
        let users = UserGroup::builder().user_group_id(name!("apps")).engine(engine.kind());
        let users = stack.add("apps", users.user_ids(members.iter().collect::<Vec<_>>()));
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(engine).single_node();
        let cache = cache.node_type(node_type!("cache.t4g.micro")).subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&group]).authentication(&users);
        stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
    }
    fn redis(stack: &mut Stack) {
        stack_of(stack, Engine::REDIS_7_1.erased(), true);
    }
    fn valkey(stack: &mut Stack) {
        stack_of(stack, Engine::VALKEY_8_0.erased(), false);
    }
    let is_out_of_reach = lives(
        InFolder,
        700,
        &[apply(Next, redis, Weather::fine()), apply(Settled, valkey, Weather::fine())],
        &Weather::fine(),
    );
    assert!(!is_out_of_reach);
}

#[test]
fn another_way_to_log_in_is_waited_for_until_it_shows() {
    fn with(stack: &mut Stack, iam: bool) {
        let secret = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        let user = if iam {
            RedisUser::iam(name!("batch"))
        } else {
            RedisUser::with_password(name!("batch"), user_name!("batch"), &secret)
        };
        stack.add("batch", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    }
    fn iam(stack: &mut Stack) {
        with(stack, true);
    }
    fn password(stack: &mut Stack) {
        with(stack, false);
    }
    lives(
        InFolder,
        700,
        &[apply(Next, iam, Weather::fine()), apply(Next, password, Weather::fine())],
        &Weather::fine(),
    );
}

#[test]
fn two_steps_that_ask_for_the_same_go_on_with_one_slot() {
    fn before(stack: &mut Stack) {
        let user = RedisUser::iam(name!("reader")).engine(EngineKind::Redis).access_string(AccessString::read_only());
        stack.add("reader", user);
    }
    fn after(stack: &mut Stack) {
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default")));
        before(stack);
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Redis);
        stack.add("operators", group.user_ids([&default]));
    }
    for at in 20..40 {
        let stopped = Weather { end: End::StoppedAtAwait(at), ..Weather::fine() };
        let narrow = Weather { parallelism: 1, ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, before, stopped), apply(Next, after, narrow)], &Weather::fine());
    }
}

#[test]
fn a_change_of_members_that_was_interrupted_is_gone_on_with_or_taken_back() {
    fn members(stack: &mut Stack, both: bool) {
        let user = |name| RedisUser::iam(name).engine(EngineKind::Redis).access_string(AccessString::read_only());
        let mut users = vec![stack.add("admin", user(name!("admin")))];
        if both {
            users.push(stack.add("metrics", user(name!("metrics"))));
        }
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Valkey);
        stack.add("operators", group.user_ids(users.iter().collect::<Vec<_>>()));
    }
    fn both(stack: &mut Stack) {
        members(stack, true);
    }
    fn one(stack: &mut Stack) {
        members(stack, false);
    }
    for at in (10..60).step_by(2) {
        let stopped = Weather { slowness: 4, end: End::StoppedAtAwait(at), ..Weather::fine() };
        let interrupted = || [apply(Next, both, Weather::fine()), apply(Next, one, stopped.clone())];
        lives(InFolder, 1_500, &interrupted(), &Weather::fine());
        let [first, second] = interrupted();
        lives(InFolder, 0, &[first, second, apply(Next, both, Weather::fine())], &Weather::fine());
    }
}

#[test]
fn a_token_whose_rotation_was_interrupted_can_be_taken_back() {
    fn rotated(stack: &mut Stack) {
        cache(stack, Topology::Plain(Variant::OtherToken));
    }
    for at in (30..200).step_by(10) {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, plain, Weather::fine()), apply(Settled, rotated, killed), apply(Next, plain, Weather::fine())];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn a_secret_gets_back_the_source_that_it_had_before_another() {
    fn supplied(stack: &mut Stack) {
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).supplied(variable!("PASSWORD")));
    }
    fn generated(stack: &mut Stack) {
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    }
    let fine = |program| apply(Settled, program, Weather::fine());
    let applies = [fine(supplied), fine(generated), fine(supplied), fine(generated), fine(supplied)];
    lives(InFolder, 0, &applies, &Weather::fine());
}

#[test]
fn a_user_that_no_group_has_yet_changes_before_one_takes_it() {
    fn before(stack: &mut Stack) {
        let secret = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        let user = RedisUser::with_password(name!("metrics"), user_name!("default"), &secret);
        stack.add("metrics", user.engine(EngineKind::Valkey).access_string(AccessString::read_only()));
    }
    fn after(stack: &mut Stack) {
        let user = stack.add("metrics", RedisUser::disabled_default(name!("metrics")));
        let group = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis);
        stack.add("apps", group.user_ids([&user]));
    }
    lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, Weather::fine())], &Weather::fine());
}

#[test]
fn a_window_that_aws_has_chosen_gives_way() {
    fn with_a_window(stack: &mut Stack) {
        cache(stack, Topology::Plain(Variant::Windows(maintenance_window!("sun:05:00-sun:06:30"))));
    }
    lives(
        InFolder,
        0,
        &[apply(Next, plain, Weather::fine()), apply(Next, with_a_window, Weather::fine())],
        &Weather::fine(),
    );
}

#[test]
fn a_cache_leaves_the_parameter_group_that_it_names_no_more() {
    fn parameters(stack: &mut Stack, named: bool) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("redis"));
        let group = stack.add("redis", group);
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
        let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(Engine::REDIS_7_1);
        let cache = cache.node_type(node_type!("cache.t4g.micro")).single_node().subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&group]).authentication(&token);
        let cache = if named {
            let own = CacheParameterGroup::builder().name(name!("own")).family(Engine::REDIS_7_1.family());
            cache.parameter_group_name(&stack.add("own", own))
        } else {
            cache
        };
        stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
    }
    fn named(stack: &mut Stack) {
        parameters(stack, true);
    }
    fn unnamed(stack: &mut Stack) {
        parameters(stack, false);
    }
    lives(InFolder, 0, &[apply(Next, named, Weather::fine()), apply(Next, unnamed, Weather::fine())], &Weather::fine());
}

#[test]
fn a_secret_is_on_record_before_it_is_brought_back() {
    fn secret(stack: &mut Stack) {
        stack.add("a", Secret::builder().name(secret_name!("redis/one")).generated());
    }
    let again = |weather| {
        let before = [apply(Next, secret, Weather::fine()), apply(Next, nothing, Weather::fine())];
        let [first, second] = before;
        let applies = [first, second, apply(Next, secret, weather), apply(Next, nothing, Weather::fine())];
        lives(InFolder, 0, &applies, &Weather::fine());
    };
    for nth in 1..=5 {
        for fault in [Fault::Quota, Fault::NoAnswer, Fault::AnswerLost] {
            again(Weather { faults: vec![(nth, fault)], ..Weather::fine() });
        }
    }
    for at in 1..40 {
        again(Weather { end: End::KilledAtAwait(at), ..Weather::fine() });
    }
}

#[test]
fn a_user_waits_for_the_end_of_a_group_that_an_interrupted_run_has_begun_to_delete() {
    fn login(stack: &mut Stack, iam: bool) {
        let secret = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        let user = if iam {
            RedisUser::iam(name!("metrics"))
        } else {
            RedisUser::with_password(name!("metrics"), user_name!("metrics"), &secret)
        };
        let user = user.engine(EngineKind::Redis).access_string(AccessString::read_only());
        let user = stack.add("metrics", user);
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Valkey);
        stack.add("operators", group.user_ids([&user]));
    }
    fn password(stack: &mut Stack) {
        login(stack, false);
    }
    fn iam(stack: &mut Stack) {
        login(stack, true);
    }
    fn in_its_group(stack: &mut Stack) {
        user_of_either(stack, true);
    }
    fn for_valkey(stack: &mut Stack) {
        user_of_either(stack, false);
    }
    fn user_of_either(stack: &mut Stack, member: bool) {
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let engine = if member { EngineKind::Redis } else { EngineKind::Valkey };
        let user = RedisUser::iam(name!("batch")).engine(engine).access_string(AccessString::read_only());
        let user = stack.add("batch", user);
        let group = UserGroup::builder().user_group_id(name!("operators")).engine(EngineKind::Redis);
        let members = if member { vec![&default, &user] } else { vec![&default] };
        stack.add(if member { "operators" } else { "apps" }, group.user_ids(members));
    }
    for (before, after) in [(password as fn(&mut Stack), iam as fn(&mut Stack)), (in_its_group, for_valkey)] {
        for at in (10..80).step_by(2) {
            let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
            let applies = [
                apply(Next, before, Weather::fine()),
                apply(Next, nothing, killed),
                apply(Next, after, Weather::fine()),
            ];
            lives(InFolder, 0, &applies, &Weather::fine());
        }
    }
}

/// A cache whose users are in a group.
fn cache_with_users(stack: &mut Stack, both: bool) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
    let mut users = vec![stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased()];
    if both {
        let app = RedisUser::iam(name!("app")).engine(EngineKind::Redis).access_string(AccessString::read_only());
        users.push(stack.add("app", app));
    }
    let users_of = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis);
    let users = stack.add("apps", users_of.user_ids(users.iter().collect::<Vec<_>>()));
    let cache =
        ReplicationGroup::builder().replication_group_id(name!("redis")).engine(Engine::REDIS_7_1).single_node();
    let cache = cache.node_type(node_type!("cache.t4g.micro")).subnet_group_name(&subnets);
    let cache = cache.security_group_ids([&group]).authentication(&users);
    stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
}

fn one_user(stack: &mut Stack) {
    cache_with_users(stack, false);
}

fn two_users(stack: &mut Stack) {
    cache_with_users(stack, true);
}

#[test]
fn a_group_waits_for_the_end_of_a_cache_that_an_interrupted_run_has_begun_to_delete() {
    for at in (100..700).step_by(50) {
        let killed = Weather { slowness: 4, end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [
            apply(Next, two_users, Weather::fine()),
            apply(Next, nothing, killed),
            apply(Next, one_user, Weather::fine()),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn a_group_does_not_wait_for_a_cache_that_could_not_be_created() {
    for at in (100..400).step_by(20) {
        let faults = (1..30).map(|nth| (nth, Fault::CreateFailed)).collect();
        let killed = Weather { faults, end: End::KilledAtAwait(at), ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, one_user, killed), apply(Next, two_users, Weather::fine())], &Weather::fine());
    }
}

#[test]
fn what_an_interrupted_change_has_sent_shows_before_it_is_taken_back() {
    for at in 10..60 {
        let stopped = Weather { end: End::StoppedAtAwait(at), ..Weather::fine() };
        let applies = [
            apply(Next, plain, Weather::fine()),
            apply(Next, other_group, stopped),
            apply(Next, plain, Weather::fine()),
        ];
        lives(InFolder, 1_500, &applies, &Weather::fine());
    }
}

#[test]
fn a_user_goes_from_a_group_for_valkey_to_one_for_redis_in_one_apply() {
    fn user_group(stack: &mut Stack, engine: EngineKind, group: Name, has_password: bool) {
        let user = if has_password {
            let secret = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
            let user = RedisUser::with_password(name!("my-default"), user_name!("default"), &secret);
            stack.add("default", user.engine(engine).access_string(AccessString::read_only()))
        } else {
            stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased()
        };
        stack.add("users", UserGroup::builder().user_group_id(group).engine(engine).user_ids([&user]));
    }
    fn valkey(stack: &mut Stack) {
        user_group(stack, EngineKind::Valkey, name!("operators"), true);
    }
    fn redis(stack: &mut Stack) {
        user_group(stack, EngineKind::Redis, name!("operators"), false);
    }
    fn redis_in_another_group(stack: &mut Stack) {
        user_group(stack, EngineKind::Redis, name!("redis-users"), false);
    }
    for [first, second] in [[valkey, redis], [redis, valkey], [valkey, redis_in_another_group]] {
        for at in [10, 20, 30, 40, 50, 60, 70, u32::MAX] {
            let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
            let is_out_of_reach = lives(
                InFolder,
                0,
                &[apply(Next, first, Weather::fine()), apply(Next, second, killed)],
                &Weather::fine(),
            );
            assert!(!is_out_of_reach);
        }
    }
}

#[test]
fn an_upgrade_that_was_interrupted_and_came_to_its_end_is_not_taken_back_in_place() {
    fn version(stack: &mut Stack, engine: Engine) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("redis"));
        let group = stack.add("redis", group);
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
        let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(engine).single_node();
        let cache = cache.node_type(node_type!("cache.t4g.micro")).subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&group]).authentication(&token);
        stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
    }
    fn older(stack: &mut Stack) {
        version(stack, Engine::VALKEY_8_0.erased());
    }
    fn newer(stack: &mut Stack) {
        version(stack, Engine::VALKEY_9_0.erased());
    }
    for at in (10..200).step_by(10) {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, older, Weather::fine()), apply(Next, newer, killed), apply(Next, older, Weather::fine())];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn the_default_user_waits_for_the_end_of_its_group_before_it_is_deleted() {
    fn before(stack: &mut Stack) {
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default")));
        let group = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis);
        stack.add("apps", group.user_ids([&default]));
    }
    fn between(stack: &mut Stack) {
        let user = RedisUser::iam(name!("metrics")).engine(EngineKind::Redis);
        stack.add("metrics", user.access_string(AccessString::read_only()));
    }
    fn after(stack: &mut Stack) {
        let default = stack.add("metrics", RedisUser::disabled_default(name!("my-default")));
        let group = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis);
        stack.add("apps", group.user_ids([&default]));
    }
    for at in 4..40 {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, before, Weather::fine()), apply(Next, between, killed), apply(Next, after, Weather::fine())];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn two_keys_exchange_their_aliases() {
    fn keys(stack: &mut Stack, labels: [&str; 2], aliases: [KmsAlias; 2]) {
        for (label, alias) in labels.into_iter().zip(aliases) {
            stack.add(label, KmsKey::builder().alias(alias).policy(KeyPolicy::administered()));
        }
    }
    fn before(stack: &mut Stack) {
        keys(stack, ["one", "two"], [kms_alias!("alias/one"), kms_alias!("alias/two")]);
    }
    fn exchanged(stack: &mut Stack) {
        keys(stack, ["one", "two"], [kms_alias!("alias/two"), kms_alias!("alias/one")]);
    }
    fn taken_over(stack: &mut Stack) {
        keys(stack, ["one", "three"], [kms_alias!("alias/one"), kms_alias!("alias/two")]);
    }
    for after in [exchanged, taken_over] {
        for parallelism in [1, 10] {
            let weather = Weather { parallelism, ..Weather::fine() };
            lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, weather)], &Weather::fine());
        }
    }
}

#[test]
fn a_new_key_takes_the_alias_of_the_one_that_it_replaces() {
    fn encrypted(stack: &mut Stack, label: &str, description: &str) {
        let policy = KeyPolicy::administered().secrets_manager();
        let key = KmsKey::builder().alias(kms_alias!("alias/redis")).description(description).policy(policy);
        let key = stack.add(label, key);
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
    }
    fn before(stack: &mut Stack) {
        encrypted(stack, "one", "the first");
    }
    fn after(stack: &mut Stack) {
        encrypted(stack, "two", "the second");
    }
    lives(InFolder, 0, &[apply(Next, before, Weather::fine()), apply(Next, after, Weather::fine())], &Weather::fine());
}

#[test]
fn a_user_changes_while_its_group_goes_over_to_the_other_engine_without_it() {
    fn group_of(stack: &mut Stack, engine: EngineKind, generation: u32) {
        let secret = Secret::builder().name(secret_name!("redis/admin")).generated().generation(generation);
        let secret = stack.add("admin-password", secret);
        let admin = RedisUser::with_password(name!("admin"), user_name!("admin"), &secret).engine(EngineKind::Valkey);
        let admin = stack.add("admin", admin.access_string(AccessString::read_only())).erased();
        let default = stack.add("batch", RedisUser::disabled_default(name!("batch"))).erased();
        let member = if engine == EngineKind::Valkey { &admin } else { &default };
        let group = UserGroup::builder().user_group_id(name!("redis-users")).engine(engine);
        stack.add("redis-users", group.user_ids([member]));
    }
    fn valkey(stack: &mut Stack) {
        group_of(stack, EngineKind::Valkey, 1);
    }
    fn redis(stack: &mut Stack) {
        group_of(stack, EngineKind::Redis, 2);
    }
    lives(
        InFolder,
        1_500,
        &[apply(Next, valkey, Weather::fine()), apply(Next, redis, Weather::fine())],
        &Weather::fine(),
    );
}

#[test]
fn what_an_interrupted_step_may_refer_to_lives_until_that_is_settled() {
    fn users_of(stack: &mut Stack, id: Name) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("redis"));
        let group = stack.add("redis", group);
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a]));
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default")));
        let users = UserGroup::builder().user_group_id(id).engine(EngineKind::Redis).user_ids([&default]);
        let users = stack.add("users", users);
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(Engine::REDIS_7_1);
        let cache = cache.single_node().node_type(node_type!("cache.t4g.micro")).subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&group]).authentication(&users);
        stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
    }
    fn before(stack: &mut Stack) {
        users_of(stack, name!("apps"));
    }
    fn after(stack: &mut Stack) {
        users_of(stack, name!("operators"));
    }
    for at in (100..420).step_by(8) {
        let killed = Weather { parallelism: 1, end: End::KilledAtAwait(at), ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, before, killed), apply(Next, after, Weather::fine())], &Weather::fine());
    }
    // The interrupted update of a cache may have reached a group that is none of the program any more.
    fn users_alone(stack: &mut Stack) {
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default")));
        let users = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis).user_ids([&default]);
        stack.add("users", users);
    }
    for at in (10..300).step_by(4) {
        let stopped = Weather { end: End::StoppedAtAwait(at), ..Weather::fine() };
        let applies = [
            apply(Next, before, Weather::fine()),
            apply(Next, after, stopped),
            apply(Next, users_alone, Weather::fine()),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn a_cache_that_could_not_be_created_is_created_anew_after_its_remains_are_deleted() {
    for at in (200..600).step_by(10) {
        let faults = (1..30).map(|nth| (nth, Fault::CreateFailed)).collect();
        let killed = Weather { faults, end: End::KilledAtAwait(at), ..Weather::fine() };
        lives(InFolder, 0, &[apply(Next, plain, killed)], &Weather::fine());
    }
}

#[test]
fn a_subnet_that_was_created_just_before_a_kill_is_found_once_its_addresses_are_taken() {
    fn program(stack: &mut Stack) {
        let vpc = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("private-c", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1c")));
    }
    let weather = Weather { end: End::KilledAtWrite { nth: 5, part: 0 }, ..Weather::fine() };
    lives(InFolder, 700, &[apply(Next, program, weather)], &Weather::fine());
}

#[test]
fn a_secret_that_was_brought_back_just_before_a_kill_gets_the_tags_of_its_creation() {
    fn program(stack: &mut Stack) {
        stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
    }
    let weather = Weather { faults: vec![(2, Fault::NoAnswer)], ..Weather::fine() };
    let applies =
        [apply(Next, program, Weather::fine()), apply(Next, |_| {}, Weather::fine()), apply(Next, program, weather)];
    lives(InFolder, 0, &applies, &Weather::fine());
}

#[test]
fn a_cache_whose_creation_failed_is_made_again_by_the_run_after_the_next() {
    fn program(stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).enable_dns_hostnames(true));
        let a = stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.0.0/24"), az!("us-east-1a")));
        let b = stack.add("private-b", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1b")));
        let bastion = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("bastion"));
        let bastion = stack.add("bastion", bastion.description(description!("clients")));
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
        let batch = RedisUser::iam(name!("batch")).engine(EngineKind::Redis);
        let batch = batch.access_string(access!("on ~* -@all +@connection +@read -@dangerous"));
        let batch = stack.add("batch", batch);
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let apps = UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis);
        let apps = stack.add("apps", apps.user_ids([&batch, &default]));
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(Engine::REDIS_7_0);
        let cache = cache.node_type(node_type!("cache.t4g.micro")).single_node().subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&bastion]).authentication(&apps);
        stack.add("redis", cache.encrypted(AtRest::AwsOwnedKey, InTransit::Required));
        stack.output("out-0", vpc.arn());
    }
    let weather = Weather { faults: vec![(13, Fault::CreateFailed)], end: End::StoppedAtAwait(325), ..Weather::fine() };
    lives(InFolder, 0, &[apply(Next, program, weather)], &Weather::fine());
}

#[test]
fn a_run_that_stands_still_is_taken_over_and_sends_no_further_call() {
    for at in [1, 20, 60, 100, 200] {
        let stands_still = Weather { pause: Some((at, 300)), ..Weather::fine() };
        let applies = [apply(Next, plain, stands_still), apply(During(30), other_group, Weather::fine())];
        lives(InBucket, 700, &applies, &Weather::fine());
    }
}

#[test]
fn a_run_that_cannot_reach_its_lease_is_taken_over_and_sends_no_further_call() {
    for begin in [0, 20, 100, 300] {
        let alone = Weather { outage: Some((begin, 200)), ..Weather::fine() };
        let applies = [apply(Next, plain, alone), apply(During(30), other_group, Weather::fine())];
        lives(InBucket, 700, &applies, &Weather::fine());
    }
}

#[test]
fn what_others_deleted_is_no_longer_that_of_its_resource_when_another_one_takes_its_name() {
    fn user(stack: &mut Stack, label: &str, id: Name) -> Handle<RedisUser> {
        let user = RedisUser::iam(id).engine(EngineKind::Redis).access_string(AccessString::read_only());
        stack.add(label, user)
    }
    fn before(stack: &mut Stack) {
        let (a, b) = (user(stack, "a", name!("one")), user(stack, "b", name!("two")));
        let group = UserGroup::builder().user_group_id(name!("users")).engine(EngineKind::Valkey);
        stack.add("users", group.user_ids([&a, &b]));
    }
    fn after(stack: &mut Stack) {
        user(stack, "b", name!("one"));
        user(stack, "c", name!("two"));
    }
    // The first thing in the account is the user `one`, the second the user `two`. Somebody deletes it.
    for object in 0..2 {
        for at in 1..30 {
            let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
            let killed = apply(Next, after, killed).after(&[(object, 1)]);
            lives(InFolder, 0, &[apply(Next, before, Weather::fine()), killed], &Weather::fine());
        }
    }
}

#[test]
fn what_an_interrupted_replacement_left_goes_before_a_third_object_comes() {
    fn logs(stack: &mut Stack, group: &LogGroupName) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let group = stack.add("flows", LogGroup::builder().name(group.clone()));
        let role = stack.add("flows", FlowLogRole::builder().name(name!("flows")).log_group(&group));
        stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(&group).role(&role));
    }
    fn first(stack: &mut Stack) {
        logs(stack, &log_group_name!("/redis/one"));
    }
    fn second(stack: &mut Stack) {
        logs(stack, &log_group_name!("/redis/two"));
    }
    fn third(stack: &mut Stack) {
        logs(stack, &log_group_name!("/redis/three"));
    }
    // A VPC has two flow logs at most. At one of these moments, the second one is there, and the first is not deleted.
    for at in 1..120 {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, first, Weather::fine()), apply(Next, second, killed), apply(Next, third, Weather::fine())];
        assert!(!lives(InFolder, 0, &applies, &Weather::fine()));
    }
}

#[test]
fn what_an_interrupted_deletion_has_taken_from_an_object_may_show_late() {
    fn first(stack: &mut Stack) {
        stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("logs", KmsKey::builder().alias(kms_alias!("alias/logs")).policy(KeyPolicy::administered()));
    }
    fn third(stack: &mut Stack) {
        let main = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&main, cidr!("10.0.3.0/24"), az!("us-east-1a")));
        let rules = network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"))];
        stack.add("isolated", NetworkAcl::builder().vpc_id(&main).subnet_ids([&subnet]).rules(rules));
    }
    let applies = [
        apply(Next, first, Weather { faults: vec![(6, Fault::TimedOut)], ..Weather::fine() }),
        apply(During(13), nothing, Weather { end: End::KilledAtAwait(27), ..Weather::fine() }),
        apply(During(50), third, Weather::fine()),
    ];
    lives(InFolder, 700, &applies, &Weather::fine());
}

#[test]
fn a_look_before_a_standstill_is_not_the_last_one() {
    fn vpcs(stack: &mut Stack) {
        stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let group = log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/foreign");
        stack.add("flows", FlowLogRole::builder().name(name!("flows")).log_group(group));
    }
    for nth in 1..10 {
        for at in 1..20 {
            let killed = Weather { end: End::KilledAtWrite { nth, part: 0 }, ..Weather::fine() };
            let stands_still = Weather { slowness: 4, pause: Some((at, 336)), ..Weather::fine() };
            let applies = [apply(Next, vpcs, killed), apply(Next, nothing, stands_still)];
            lives(InFolder, 700, &applies, &Weather::fine());
        }
    }
}

/// A group with a rule for itself and one for a range, each under one of two names.
fn exchanged(stack: &mut Stack, names: [&str; 3], about: Description) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
    let group = stack.add("redis", group.description(description!("redis")));
    let rule = || SecurityGroupRule::ingress(&group);
    let [itself, one, two] = names;
    stack.add(itself, rule().peer(&group).port(port!(6379)).description(about.clone()));
    stack.add(one, rule().peer(private_range!("10.0.1.0/24")).port(port!(6379)).description(about.clone()));
    stack.add(two, rule().peer(private_range!("10.0.2.0/24")).port(port!(6379)).description(about));
}

#[test]
fn rules_exchange_their_peers() {
    fn first(stack: &mut Stack) {
        exchanged(stack, ["a", "b", "c"], description!("redis"));
    }
    fn turned(stack: &mut Stack) {
        exchanged(stack, ["b", "c", "a"], description!("redis over TLS"));
    }
    fn renamed(stack: &mut Stack) {
        exchanged(stack, ["a", "c", "d"], description!("valkey"));
    }
    for at in 0..60 {
        let killed = || Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [apply(Next, first, Weather::fine()), apply(Next, turned, killed())];
        lives(InFolder, 0, &applies, &Weather::fine());
        let applies = [apply(Next, turned, Weather::fine()), apply(Next, renamed, killed())];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn a_cache_that_has_changed_its_users_already_may_show_the_earlier_ones() {
    fn program(stack: &mut Stack, id: Name) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let group = stack.add("redis", group.description(description!("redis")));
        let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&subnet]));
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let users = UserGroup::builder().user_group_id(id).engine(EngineKind::Redis).user_ids([&default]);
        let users = stack.add("users", users);
        let cache = ReplicationGroup::builder().replication_group_id(name!("redis")).engine(Engine::REDIS_7_0);
        let cache = cache.node_type(node_type!("cache.t4g.micro")).single_node().subnet_group_name(&subnets);
        let cache = cache.security_group_ids([&group]).authentication(&users);
        stack.add("redis", cache.encrypted(AtRest::AwsOwnedKey, InTransit::Required));
    }
    fn first(stack: &mut Stack) {
        program(stack, name!("one"));
    }
    fn second(stack: &mut Stack) {
        program(stack, name!("two"));
    }
    for at in (20..420).step_by(3) {
        let killed = Weather { slowness: 4, parallelism: 1, end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [apply(Next, first, Weather::fine()), apply(Next, second, killed)];
        lives(InFolder, 1500, &applies, &Weather::fine());
    }
}

#[test]
fn a_secret_that_comes_back_still_uses_its_key() {
    fn key(stack: &mut Stack) -> Handle<KmsKey> {
        let policy = KeyPolicy::administered().secrets_manager();
        stack.add("secrets", KmsKey::builder().alias(kms_alias!("alias/secrets")).policy(policy))
    }
    fn secret(stack: &mut Stack, has_key: bool, uses_key: bool) {
        let secret = Secret::builder().name(secret_name!("redis/password")).generated();
        let key = has_key.then(|| key(stack));
        match key.filter(|_| uses_key) {
            Some(key) => stack.add("password", secret.kms_key_id(&key)),
            None => stack.add("password", secret),
        };
    }
    fn first(stack: &mut Stack) {
        secret(stack, true, true);
    }
    fn second(stack: &mut Stack) {
        secret(stack, true, false);
    }
    fn third(stack: &mut Stack) {
        secret(stack, false, false);
    }
    fn without_secret(stack: &mut Stack) {
        key(stack);
    }
    for write in 0..8 {
        let faults = vec![(write, Fault::Unavailable)];
        let applies = [
            apply(Next, first, Weather::fine()),
            apply(Next, without_secret, Weather::fine()),
            apply(Next, third, Weather { faults, ..Weather::fine() }),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
    // Others delete the secret, among other things. It is recovered, and may not be given another key.
    for object in 0..2 {
        for deed in 0..5 {
            let applies =
                [apply(Next, first, Weather::fine()), apply(Next, third, Weather::fine()).after(&[(object, deed)])];
            lives(InFolder, 0, &applies, &Weather::fine());
            for write in 0..8 {
                let faults = vec![(write, Fault::Unavailable)];
                let applies = [
                    apply(Next, first, Weather::fine()),
                    apply(Next, second, Weather { faults, ..Weather::fine() }).after(&[(object, deed)]),
                    apply(Next, third, Weather::fine()),
                ];
                lives(InFolder, 0, &applies, &Weather::fine());
            }
        }
    }
}

#[test]
fn a_secret_that_came_back_and_was_not_finished_is_deleted_before_its_key() {
    fn key(stack: &mut Stack) -> Handle<KmsKey> {
        let policy = KeyPolicy::administered().secrets_manager();
        stack.add("secrets", KmsKey::builder().alias(kms_alias!("alias/secrets")).policy(policy))
    }
    fn first(stack: &mut Stack) {
        let key = key(stack);
        stack.add("password", Secret::builder().name(secret_name!("redis/password")).generated().kms_key_id(&key));
    }
    fn key_alone(stack: &mut Stack) {
        key(stack);
    }
    fn without_key(stack: &mut Stack) {
        key(stack);
        stack.add("password", Secret::builder().name(secret_name!("redis/password")).generated());
    }
    // At some of these moments, the secret is there again, and has the key that it had when it was deleted.
    for at in 1..40 {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [
            apply(Next, first, Weather::fine()),
            apply(Next, key_alone, Weather::fine()),
            apply(Next, without_key, killed),
            apply(Next, nothing, Weather { parallelism: 1, ..Weather::fine() }),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn what_an_interrupted_creation_has_taken_from_another_object_may_show_late() {
    fn lists(stack: &mut Stack, has_both: bool) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let zone = if has_both { az!("us-east-1b") } else { az!("us-east-1a") };
        let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), zone));
        let rules = network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"))];
        let first = NetworkAcl::builder().vpc_id(&vpc).rules(rules.clone());
        stack.add("first", first.subnet_ids([if has_both { &b } else { &a }]));
        if has_both {
            stack.add("second", NetworkAcl::builder().vpc_id(&vpc).rules(rules).subnet_ids([&a]));
        }
    }
    fn one(stack: &mut Stack) {
        lists(stack, false);
    }
    fn two(stack: &mut Stack) {
        lists(stack, true);
    }
    // The first one waits for its new subnet. Meanwhile, the second one takes the old one.
    for at in 30..90 {
        let killed = |at| Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [apply(Next, one, Weather::fine()), apply(Next, two, killed(at)), apply(Next, one, killed(1))];
        lives(InFolder, 700, &applies, &Weather::fine());
    }
}

#[test]
fn what_an_interrupted_replacement_has_left_goes_first_where_it_must() {
    fn rule(stack: &mut Stack, is_of_itself: bool, about: Description) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let group = stack.add("redis", group.description(about));
        let rule = SecurityGroupRule::ingress(&group);
        let rule = if is_of_itself { rule.peer(&group) } else { rule.peer(private_range!("10.0.1.0/24")) };
        stack.add("x", rule.port(port!(6379)).description(description!("Redis over TLS")));
    }
    fn first(stack: &mut Stack) {
        rule(stack, false, description!("one"));
    }
    fn second(stack: &mut Stack) {
        rule(stack, true, description!("one"));
    }
    fn third(stack: &mut Stack) {
        rule(stack, true, description!("two"));
    }
    // The group is replaced under its name, so all its rules go first, also one whose own replacement has begun.
    for at in 1..60 {
        let killed = Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, first, Weather::fine()), apply(Next, second, killed), apply(Next, third, Weather::fine())];
        assert!(!lives(InFolder, 0, &applies, &Weather::fine()), "{at}");
    }
}

#[test]
fn an_object_that_still_refers_to_a_predecessor_does_not_hold_the_unfinished_successor() {
    fn role(stack: &mut Stack, name: LogGroupName, class: LogGroupClass) {
        let group = stack.add("logs", LogGroup::builder().name(name).class(class));
        stack.add("flows", FlowLogRole::builder().name(name!("flows")).log_group(&group));
    }
    fn first(stack: &mut Stack) {
        role(stack, log_group_name!("/redis/one"), LogGroupClass::Standard);
    }
    fn second(stack: &mut Stack) {
        role(stack, log_group_name!("/redis/two"), LogGroupClass::Standard);
    }
    fn third(stack: &mut Stack) {
        role(stack, log_group_name!("/redis/two"), LogGroupClass::InfrequentAccess);
    }
    // The second log group is created, and is not finished, so the role has not gone over to it.
    let faults = vec![(2, Fault::Unavailable)];
    let applies = [
        apply(Next, first, Weather::fine()),
        apply(Next, second, Weather { faults, ..Weather::fine() }),
        apply(Next, third, Weather::fine()),
    ];
    assert!(!lives(InFolder, 0, &applies, &Weather::fine()));
}

#[test]
fn a_default_user_that_an_interrupted_update_may_have_left_holds_no_other_user_of_its_resource() {
    fn group(stack: &mut Stack, user: &Handle<RedisUser>, engine: EngineKind) {
        stack.add("g", UserGroup::builder().user_group_id(name!("g")).engine(engine).user_ids([user]));
    }
    fn first(stack: &mut Stack) {
        let user = stack.add("u", RedisUser::disabled_default(name!("d"))).erased();
        group(stack, &user, EngineKind::Redis);
    }
    fn second(stack: &mut Stack) {
        let secret = stack.add("s", Secret::builder().name(secret_name!("redis/s")).generated());
        let user = RedisUser::with_password(name!("u"), user_name!("u"), &secret).engine(EngineKind::Valkey);
        let user = stack.add("u", user.access_string(AccessString::read_only())).erased();
        group(stack, &user, EngineKind::Valkey);
    }
    fn third(stack: &mut Stack) {
        let user = stack.add("u", RedisUser::disabled_default(name!("u"))).erased();
        group(stack, &user, EngineKind::Redis);
    }
    for at in 1..200 {
        let stopped = Weather { end: End::StoppedAtAwait(at), ..Weather::fine() };
        let applies =
            [apply(Next, first, Weather::fine()), apply(Next, second, stopped), apply(Next, third, Weather::fine())];
        assert!(!lives(InFolder, 700, &applies, &Weather::fine()), "{at}");
    }
}

#[test]
fn what_an_update_has_made_of_an_object_that_was_not_finished_is_replaced_where_no_update_leads_back() {
    fn valkey(stack: &mut Stack) {
        cache(stack, Topology::Plain(Variant::Valkey));
    }
    // The cache is being created, and then it is being upgraded.
    for (first, second) in (250..450).step_by(40).flat_map(|first| (250..450).step_by(40).map(move |at| (first, at))) {
        let killed = |at| Weather { end: End::KilledAtAwait(at), ..Weather::fine() };
        let applies = [
            apply(Next, plain, killed(first)),
            apply(Next, valkey, killed(second)),
            apply(Next, plain, Weather::fine()),
        ];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

#[test]
fn an_association_that_an_interrupted_update_may_have_given_another_id_is_not_forgotten_by_its_deletion() {
    fn tables(stack: &mut Stack, names: &[&'static str]) -> (Handle<Subnet>, Vec<Handle<RouteTable>>) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        (subnet, names.iter().map(|name| stack.add(name, RouteTable::builder().vpc_id(&vpc))).collect())
    }
    fn associate(stack: &mut Stack, table: usize) {
        let (subnet, tables) = tables(stack, &["one", "two"]);
        stack.add("a", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&tables[table]));
    }
    /// Where the association is among the objects.
    const ASSOCIATION: u8 = 2;
    fn one(stack: &mut Stack) {
        associate(stack, 0);
    }
    fn two(stack: &mut Stack) {
        associate(stack, 1);
    }
    fn both_tables(stack: &mut Stack) {
        tables(stack, &["one", "two"]);
    }
    fn other_subnet(stack: &mut Stack) {
        tables(stack, &["one", "two"]);
        let vpc = stack.add("other", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
        let subnet = stack.add("b", Subnet::private(&vpc, cidr!("10.1.1.0/24"), az!("us-east-1a")));
        let table = stack.add("b", RouteTable::builder().vpc_id(&vpc));
        stack.add("a", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&table));
    }
    fn one_table(stack: &mut Stack) {
        tables(stack, &["one"]);
    }
    let fault = |fault| Weather { faults: vec![(1, fault)], ..Weather::fine() };
    let killed = (1..60).map(|at| Weather { end: End::KilledAtAwait(at), ..Weather::fine() });
    let interrupted: Vec<_> = killed.chain([fault(Fault::AnswerLost)]).collect();
    for last in [both_tables, one_table, nothing, other_subnet] {
        for weather in &interrupted {
            let applies = [
                apply(Next, one, Weather::fine()),
                apply(Next, two, weather.clone()),
                apply(Next, last, Weather::fine()),
            ];
            assert!(!lives(InFolder, 700, &applies, &Weather::fine()));
        }
    }
    // Somebody gives the subnet another table, and the program takes it back.
    for (deed, weather) in (1..4).flat_map(|deed| interrupted.iter().map(move |weather| (deed, weather))) {
        let applies = [
            apply(Next, one, Weather::fine()),
            apply(Next, one, weather.clone()).after(&[(ASSOCIATION, deed)]),
            apply(Next, both_tables, Weather::fine()),
        ];
        assert!(!lives(InFolder, 700, &applies, &Weather::fine()));
    }
    // The association cannot be seen, so the plan takes it for deleted. It is not forgotten when its creation is refused.
    let applies = [
        apply(Next, one, Weather::fine()),
        apply(Next, two, fault(Fault::AnswerLost)),
        apply(Next, two, fault(Fault::Quota)),
        apply(Next, both_tables, Weather::fine()),
    ];
    assert!(!lives(InFolder, 1500, &applies, &Weather::fine()));
}

#[test]
fn a_route_table_to_which_somebody_has_moved_a_subnet_is_deleted_after_the_association() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1c")));
        let r2 = stack.add("private-b", Subnet::private(&r0, cidr!("10.0.1.0/24"), az!("us-east-1b")));
        let r3 = stack.add("main", RouteTable::builder().vpc_id(&r0));
        stack.add("other", RouteTable::builder().vpc_id(&r0));
        stack.add("private-c", RouteTableAssociation::builder().subnet_id(&r2).route_table_id(&r3));
        let r6 = stack.add(
            "batch",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("batch"))
                .description(description!("clients")),
        );
        stack.add("flows", LogGroup::builder().name(log_group_name!("/vpc/flows")));
        let r8 = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1, &r2]));
        let r9 = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
        stack.add(
            "redis",
            ReplicationGroup::builder()
                .replication_group_id(name!("redis"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r8)
                .security_group_ids([&r6])
                .authentication(&r9)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
        stack.output("out-9", r9.value());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1c")));
        let r2 = stack.add("main", RouteTable::builder().vpc_id(&r0));
        stack.add("private-c", RouteTableAssociation::builder().subnet_id(&r1).route_table_id(&r2));
        let r4 = stack.add(
            "batch",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("batch"))
                .description(description!("clients")),
        );
        let r5 = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1]));
        let r6 = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
        stack.add(
            "redis",
            ReplicationGroup::builder()
                .replication_group_id(name!("redis"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r5)
                .security_group_ids([&r4])
                .authentication(&r6)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
        stack.output("out-6", r6.value());
    }
    // Everything goes; or the association is replaced, and a run fails before it deletes the old one.
    let nothing: fn(&mut Stack) = |_| {};
    for next in [nothing, program_1] {
        let applies =
            [apply(Next, program_0, Weather::fine()), apply(Next, next, Weather::fine()).after(&[(148, 169)])];
        lives(InFolder, 0, &applies, &Weather::fine());
    }
}

/// A run is killed while it deletes a cache whose subnet group is to let go of its subnet: the next one waits until it is gone.
#[test]
fn a_deletion_that_was_interrupted_holds_what_the_object_stands_in() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add(
            "main",
            Vpc::builder()
                .cidr_block(cidr!("10.0.0.0/16"))
                .enable_dns_support(false)
                .tags(tags! { "cost" = "2", "team" = "data" }),
        );
        let r1 = stack.add("cache-a", Subnet::private(&r0, cidr!("10.0.3.0/24"), az!("us-east-1a")));
        let r2 = stack.add(
            "workers",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("workers"))
                .description(description!("clients")),
        );
        let r3 = stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1]));
        let r4 = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let r5 = stack
            .add("apps", UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis).user_ids([&r4]));
        stack.add(
            "redis",
            ReplicationGroup::builder()
                .replication_group_id(name!("redis"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r3)
                .security_group_ids([&r2])
                .authentication(&r5)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add(
            "other",
            Vpc::builder()
                .cidr_block(cidr!("10.0.0.0/16"))
                .enable_dns_support(false)
                .tags(tags! { "cost" = "2", "team" = "data" }),
        );
        let r1 = stack.add("private-b", Subnet::private(&r0, cidr!("10.0.1.0/24"), az!("us-east-1b")));
        let r2 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.3.0/24"), az!("us-east-1c")));
        let r3 = stack.add(
            "workers",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("workers"))
                .description(description!("clients")),
        );
        stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1]));
        let r5 = stack.add("queue", CacheSubnetGroup::builder().name(name!("queue")).subnet_ids([&r1, &r2]));
        let r6 = stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        let r7 = stack
            .add("apps", UserGroup::builder().user_group_id(name!("apps")).engine(EngineKind::Redis).user_ids([&r6]));
        stack.add(
            "redis",
            ReplicationGroup::builder()
                .replication_group_id(name!("redis"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r5)
                .security_group_ids([&r3])
                .authentication(&r7)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
    }
    lives(
        InFolder,
        0,
        &[
            apply(Next, program_0, Weather::fine()),
            apply(Next, program_1, Weather { end: End::KilledAtAwait(22), ..Weather::fine() }),
        ],
        &Weather::fine(),
    );
}

#[test]
fn a_cache_that_may_exist_may_stand_in_what_leaves_its_subnet_group() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-a", Subnet::private(&r0, cidr!("10.0.0.0/24"), az!("us-east-1a")));
        let r2 = stack.add("private-b", Subnet::private(&r0, cidr!("10.0.1.0/24"), az!("us-east-1b")));
        let r3 = stack.add(
            "monitoring",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("monitoring"))
                .description(description!("clients")),
        );
        let r4 = stack.add("queue", CacheSubnetGroup::builder().name(name!("queue")).subnet_ids([&r1, &r2]));
        let r5 = stack.add("next-token", Secret::builder().name(secret_name!("redis/next_token")).generated());
        let r6 =
            stack.add("writer-password", Secret::builder().name(secret_name!("redis/writer_password")).generated());
        stack.add(
            "sessions",
            ReplicationGroup::builder()
                .replication_group_id(name!("sessions"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r4)
                .security_group_ids([&r3])
                .authentication(&r6)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
        stack.output("out-5", r5.value());
        stack.output("out-6", r6.value());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("cache-a", Subnet::private(&r0, cidr!("10.0.3.0/24"), az!("us-east-1a")));
        let r2 = stack.add(
            "monitoring",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("monitoring"))
                .description(description!("clients")),
        );
        let r3 = stack.add("queue", CacheSubnetGroup::builder().name(name!("queue")).subnet_ids([&r1]));
        let r4 = stack.add("next-token", Secret::builder().name(secret_name!("redis/next_token")).generated());
        stack.add(
            "sessions",
            ReplicationGroup::builder()
                .replication_group_id(name!("sessions"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r3)
                .security_group_ids([&r2])
                .authentication(&r4)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
        stack.output("out-4", r4.value());
    }
    lives(
        InFolder,
        0,
        &[
            apply(
                Next,
                program_0,
                Weather { parallelism: 1, end: End::KilledAtWrite { nth: 22, part: 0 }, ..Weather::fine() },
            ),
            apply(Next, program_1, Weather::fine()),
        ],
        &Weather::fine(),
    );
}

#[test]
fn a_subnet_group_whose_cache_is_gone_already_is_replaced_with_its_subnet() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1c")));
        let r2 = stack.add(
            "app",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("app"))
                .description(description!("clients")),
        );
        let r3 = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1]));
        let r4 = stack.add("metrics", RedisUser::disabled_default(name!("metrics"))).erased();
        let r5 = stack.add(
            "redis-users",
            UserGroup::builder().user_group_id(name!("redis-users")).engine(EngineKind::Redis).user_ids([&r4]),
        );
        stack.add(
            "sessions",
            ReplicationGroup::builder()
                .replication_group_id(name!("sessions"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r3)
                .security_group_ids([&r2])
                .authentication(&r5)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("cache-b", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        let r2 = stack.add(
            "app",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("app"))
                .description(description!("clients")),
        );
        let r3 = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1]));
        let r4 = stack.add("metrics", RedisUser::disabled_default(name!("metrics"))).erased();
        let r5 = stack.add(
            "redis-users",
            UserGroup::builder().user_group_id(name!("redis-users")).engine(EngineKind::Redis).user_ids([&r4]),
        );
        stack.add(
            "sessions",
            ReplicationGroup::builder()
                .replication_group_id(name!("sessions"))
                .engine(Engine::REDIS_7_0)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&r3)
                .security_group_ids([&r2])
                .authentication(&r5)
                .encrypted(AtRest::AwsOwnedKey, InTransit::Required),
        );
        stack.output("out-0", r0.arn());
    }
    lives(
        InFolder,
        0,
        &[
            apply(Next, program_0, Weather::fine()),
            apply(Next, program_1, Weather { end: End::KilledAtAwait(272), ..Weather::fine() }),
        ],
        &Weather::fine(),
    );
}

#[test]
fn a_subnet_group_of_an_unsettled_creation_is_set_aside_with_a_subnet_of_the_same_block() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).enable_dns_hostnames(true));
        let r1 = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        stack.output("out-0", r0.arn());
        stack.output("out-1", r1.value());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).enable_dns_hostnames(true));
        let r1 = stack.add("cache-b", Subnet::private(&r0, cidr!("10.0.4.0/24"), az!("us-east-1b")));
        let r2 = stack.add("private-a", Subnet::private(&r0, cidr!("10.0.0.0/24"), az!("us-east-1a")));
        stack.add(
            "redis",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("redis"))
                .description(description!("clients")),
        );
        stack.add("secrets", KmsKey::builder().alias(kms_alias!("alias/secrets")).policy(KeyPolicy::administered()));
        stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1, &r2]));
        let r6 = stack.add("spare", Secret::builder().name(secret_name!("redis/spare")).generated());
        stack.output("out-0", r0.arn());
        stack.output("out-6", r6.value());
    }
    fn program_2(stack: &mut Stack) {
        let r0 = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).enable_dns_hostnames(true));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.4.0/24"), az!("us-east-1c")));
        stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1]));
        stack.output("out-0", r0.arn());
    }
    lives(
        InBucket,
        1500,
        &[
            apply(
                Next,
                program_0,
                Weather { faults: vec![(18, Fault::NoAnswer), (6, Fault::Unavailable)], ..Weather::fine() },
            ),
            apply(
                Next,
                program_1,
                Weather {
                    faults: vec![(26, Fault::NoAnswer), (4, Fault::AnswerLost)],
                    parallelism: 2,
                    network: Some(7897830064182940459),
                    end: End::KilledAtObject { nth: 31, is_sent: true },
                    ..Weather::fine()
                },
            ),
            apply(Next, program_2, Weather::fine()),
        ],
        &Weather::fine(),
    );
}

#[test]
fn a_subnet_group_whose_replacement_was_interrupted_goes_over_to_a_subnet_of_the_same_block() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased();
        stack.output("out-0", r0.arn());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-a", Subnet::private(&r0, cidr!("10.0.0.0/24"), az!("us-east-1a")));
        let r2 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1c")));
        stack.add(
            "workers",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("workers"))
                .description(description!("clients")),
        );
        stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1, &r2]));
        stack.output("out-0", r0.arn());
    }
    fn program_2(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("cache-c", Subnet::private(&r0, cidr!("10.0.0.0/24"), az!("us-east-1c")));
        stack.add("sessions", CacheSubnetGroup::builder().name(name!("sessions")).subnet_ids([&r1]));
        stack.output("out-0", r0.arn());
    }
    lives(
        InFolder,
        0,
        &[
            apply(Next, program_0, Weather::fine()),
            apply(Next, program_1, Weather::fine()),
            apply(
                During(1012),
                program_2,
                Weather { faults: vec![(25, Fault::CreateFailed), (6, Fault::Unavailable)], ..Weather::fine() },
            ),
        ],
        &Weather::fine(),
    );
}

#[test]
fn a_group_whose_change_was_interrupted_lets_go_of_what_its_new_subnets_cannot_exist_beside() {
    fn program_0(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.1.0/24"), az!("us-east-1c")));
        stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1]));
        stack.output("out-0", r0.arn());
    }
    fn program_1(stack: &mut Stack) {
        let r0 = stack.add("other", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).enable_dns_hostnames(true));
        let r1 = stack.add("private-c", Subnet::private(&r0, cidr!("10.0.2.0/24"), az!("us-east-1c")));
        let r2 = stack.add("private-b", Subnet::private(&r0, cidr!("10.0.1.0/25"), az!("us-east-1b")));
        stack.add(
            "batch",
            SecurityGroup::builder()
                .vpc_id(&r0)
                .group_name(security_group_name!("batch"))
                .description(description!("clients")),
        );
        stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&r1, &r2]));
        stack.add(
            "reader",
            RedisUser::iam(name!("reader"))
                .engine(EngineKind::Redis)
                .access_string(access!("on ~* -@all +@connection +@read -@dangerous")),
        );
        stack.output("out-0", r0.arn());
    }
    lives(
        InFolder,
        0,
        &[
            apply(
                Next,
                program_0,
                Weather { faults: vec![(28, Fault::TimedOut), (11, Fault::Unavailable)], ..Weather::fine() },
            ),
            apply(During(742), program_1, Weather::fine()),
        ],
        &Weather::fine(),
    );
}
