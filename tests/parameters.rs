//! Parameter groups: ElastiCache takes 20 parameters in one call, and a group may set more.

use std::collections::BTreeMap;

use palisade::prelude::*;
use palisade_aws::types::{parameter_names, parameter_problem};
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::cache;

/// Parameters of redis7 that take one of these values, and can be reset.
fn some_parameters() -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = parameter_names("redis7").filter(|name| *name != "reserved-memory");
    let value = |name| ["1", "yes"].into_iter().find(|value| parameter_problem("redis7", name, value).is_none());
    names.filter_map(move |name| Some((name, value(name)?)))
}

#[test]
fn more_parameters_than_one_call_takes_are_set_and_reset_by_several() {
    let program = |count: usize| {
        move |stack: &mut Stack| {
            let group = CacheParameterGroup::builder().name(name!("it")).family(Engine::REDIS_7_1.family());
            let set = |group: CacheParameterGroupBuilder<_>, (name, value)| group.parameter(name, value);
            stack.add("it", some_parameters().take(count).fold(group, set));
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    for (count, sets, resets) in [(20, 1, 0), (41, 2, 0), (0, 0, 3), (41, 3, 0), (20, 0, 2)] {
        let before = rehearsal.emulator().calls().len();
        rehearsal.apply(program(count));
        let calls = rehearsal.emulator().calls().split_off(before);
        let made = |action| calls.iter().filter(|call| **call == action).count();
        let made = (made("ModifyCacheParameterGroup"), made("ResetCacheParameterGroup"));
        assert_eq!(made, (sets, resets), "{count} parameters");
        let account = rehearsal.emulator().contents();
        let set: BTreeMap<String, String> =
            serde_json::from_value(account["parameter_groups"]["it"]["parameters"].clone()).unwrap();
        let wanted = some_parameters().take(count).map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(set, wanted.collect());
    }
}

#[test]
fn a_cache_has_the_parameter_group_that_the_program_names_or_the_default_one() {
    for (is_sharded, default) in [(false, "default.redis7"), (true, "default.redis7.cluster.on")] {
        let mut rehearsal = Rehearsal::new().without_rules();
        for (is_named, expected) in [(false, default), (true, "mine"), (false, default)] {
            rehearsal.apply(|stack| {
                let group = CacheParameterGroup::builder().name(name!("mine")).family(Engine::REDIS_7_1.family());
                let enabled = if is_sharded { "yes" } else { "no" };
                let group = stack.add("mine", group.parameter("cluster-enabled", enabled)).erased();
                cache(stack, Engine::REDIS_7_1.erased(), |cache| {
                    let cache = match is_sharded {
                        true => cache.sharded(shards!(2), replicas!(1)),
                        false => cache.multi_az(replicas!(1)),
                    };
                    if is_named { cache.parameter_group_name(&group) } else { cache }
                });
            });
            let contents = rehearsal.emulator().contents();
            assert_eq!(contents["replication_groups"]["redis"]["settings"]["parameter_group"], expected);
        }
    }
}
