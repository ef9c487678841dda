//! Programs that compile: beside each program of `tests/compile_fail`, the same one as its message says to write it.
//!
//! They are modules of one program, since a program of its own for each would be linked for each.
#![expect(clippy::print_stdout, reason = "a program whose value has no other use prints it")]

use std::{
    collections::BTreeSet,
    fs,
    ops::{Deref, DerefMut},
};

macro_rules! programs {
    ($($name:ident,)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            // Named, it comes before the stack of the prelude.
            use super::Stack;

            include!(concat!(stringify!($name), ".rs"));

            #[test]
            fn is_right() {
                Stack::of(main);
            }
        })*
    };
}

programs! {
    access_string_with_a_password,
    access_string_with_a_withheld_command,
    access_string_with_an_unknown_category,
    access_string_with_an_unknown_command,
    acl_rule_for_all_ports,
    acl_rule_open_to_the_world,
    acl_rule_that_denies_too_late,
    acl_rule_with_the_number_of_awss_own,
    acl_rule_without_a_way_back,
    acl_rules_of_one_number,
    acl_without_rules,
    acl_without_subnets,
    application_with_the_keys_of_all,
    cache_in_the_default_group,
    cache_in_the_default_subnet_group,
    cache_of_a_previous_generation,
    cache_of_several_zones_without_a_replica,
    cache_that_is_not_encrypted,
    cache_that_is_not_encrypted_at_rest,
    cache_that_is_open_to_all,
    cache_that_switches_tls_off,
    cache_with_a_description_that_is_a_secret,
    cache_with_a_literal_token,
    cache_with_a_size_that_does_not_exist,
    cache_with_a_token_as_terraform_has_it,
    cache_with_an_engine_of_the_past,
    cache_with_failover_said_alone,
    cache_with_tls_for_some,
    cache_with_too_many_replicas,
    cache_with_two_authentications,
    cache_with_two_engines,
    cache_with_two_topologies,
    cache_with_users_before_its_engine,
    cache_without_a_number_of_nodes,
    cache_without_security_groups,
    cache_without_snapshots,
    cache_without_subnets,
    cidr_with_a_prefix_that_aws_refuses,
    cidr_with_an_address_inside,
    default_user_in_a_valkey_group,
    default_user_of_aws,
    default_user_with_rights,
    description_of_spaces,
    flow_log_of_what_was_accepted,
    flow_log_role_with_a_policy,
    group_named_default,
    group_named_like_an_id,
    group_with_the_name_of_a_cache,
    iam_user_with_another_name,
    id_of_another_kind,
    id_that_is_a_name,
    key_for_everybody,
    key_of_aws,
    key_that_is_an_alias,
    key_that_is_gone_at_once,
    key_with_a_rotation_that_is_too_short,
    key_without_rotation,
    log_group_named_like_those_of_aws,
    logs_of_a_month,
    name_in_upper_case,
    names_of_terraform_on_a_cache,
    names_of_terraform_on_a_rule,
    names_of_terraform_on_a_user,
    names_of_terraform_on_keys_secrets_and_logs,
    parameters_of_another_family,
    password_as_a_text,
    plan_with_a_subnet_outside,
    plan_with_an_overlap,
    plan_with_two_regions,
    port_zero,
    redis_group_with_an_open_default_user,
    redis_group_without_a_default_user,
    risk_of_another_kind,
    risk_without_a_reason,
    risk_without_an_exception,
    route_to_the_internet,
    rule_for_all_protocols,
    rule_open_to_a_text,
    rule_open_to_half_of_the_world,
    rule_open_to_public_addresses,
    rule_open_to_the_world,
    rule_open_to_the_world_of_ipv6,
    rule_with_an_empty_description,
    rule_with_two_peers,
    rule_without_a_description,
    rule_without_a_peer,
    rule_without_ports,
    secret_for_everybody,
    secret_named_like_an_arn,
    secret_that_is_made_a_text,
    secret_that_is_printed,
    secret_that_is_recovered_for_three_days,
    secret_value_in_the_program,
    secret_without_a_source,
    security_group_with_all_ways_out,
    security_group_without_a_description,
    subnet_that_is_public,
    subnet_where_a_vpc_is_wanted,
    subnet_with_public_addresses,
    tag_of_aws,
    tag_that_is_a_secret,
    tag_that_stands_twice,
    tag_with_other_characters,
    text_where_an_id_is_wanted,
    topic_that_is_a_queue,
    user_with_three_passwords,
    user_without_authentication,
    valkey_group_on_a_redis_cache,
    valkey_user_in_a_redis_group,
    vpc_of_all_addresses,
    vpc_of_the_loopback,
    vpc_of_the_services_of_aws,
    vpc_that_is_the_default_one,
    vpc_without_addresses,
    window_of_half_an_hour,
    windows_that_overlap,
    zone_of_no_region,
    zone_that_is_none,
}

/// A stack of a program here: in the end there must be nothing in it that AWS would refuse.
struct Stack(palisade::Stack);

impl Stack {
    fn of(program: fn()) {
        program();
    }

    fn new(name: &str) -> Self {
        Self(palisade::Stack::new(name))
    }
}

impl Deref for Stack {
    type Target = palisade::Stack;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Stack {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let findings: Vec<_> = self.findings().into_iter().map(|finding| finding.message).collect();
        assert_eq!(findings, [""; 0]);
    }
}

#[test]
fn each_program_that_does_not_compile_has_one_that_does() {
    let listed = BTreeSet::from_iter(PROGRAMS.iter().map(|&name| name.to_owned()));
    let (bad, mut good) = (programs_in("tests/compile_fail"), programs_in("tests/compile_pass"));
    assert!(good.remove("main"), "this file");
    assert_eq!(bad, good, "write tests/compile_pass/NAME.rs for each tests/compile_fail/NAME.rs, and no other");
    assert_eq!(good, listed, "name each program in tests/compile_pass/main.rs");
}

fn programs_in(folder: &str) -> BTreeSet<String> {
    let paths = fs::read_dir(folder).expect("a folder of this package").map(|entry| entry.expect("an entry").path());
    let programs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    programs.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}
