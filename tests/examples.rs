//! Every example: its plan and its export, and its life in the emulated account.

use palisade::Stack;
use palisade_testing::Rehearsal;

/// What fills the stack of an example.
type Declare = fn(&mut Stack);

/// All examples. A folder in `examples` that is missing here fails a test.
const EXAMPLES: [(&str, Declare); 2] = [("secured-redis", secured_redis::stack), ("auth-token", auth_token::stack)];

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn no_example_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut found: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut known: Vec<_> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn plans() {
    for (name, stack) in EXAMPLES {
        snapshot(&format!("{name}.plan"), &palisade_testing::plan(stack));
    }
}

#[test]
fn exports() {
    for (name, stack) in EXAMPLES {
        snapshot(&format!("{name}.main.tf.json"), &palisade_testing::export(stack));
    }
}

#[test]
fn exports_of_what_is_applied() {
    for (name, stack) in EXAMPLES {
        let mut rehearsal = Rehearsal::new();
        rehearsal.apply(stack);
        snapshot(&format!("{name}.applied.main.tf.json"), &rehearsal.export(stack));
    }
}

#[test]
fn an_apply_makes_the_account_what_the_program_says_and_a_destroy_empties_it() {
    for (name, stack) in EXAMPLES {
        let mut rehearsal = Rehearsal::new();
        let declared = palisade_testing::graph(stack).nodes().count();
        let report = rehearsal.apply(stack);
        assert_eq!((report.added, report.changed, report.destroyed), (declared, 0, 0), "{name}");

        let plan = rehearsal.plan(stack);
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{name}: {}", as_json(&plan));
        let calls = rehearsal.emulator().calls().len();
        let again = rehearsal.apply(stack);
        assert_eq!((again.added, again.changed, again.destroyed), (0, 0, 0), "{name}");
        let written = rehearsal.emulator().calls().split_off(calls);
        assert!(
            written.iter().all(|call| ["Describe", "Get", "List"].iter().any(|verb| call.starts_with(verb))),
            "{name}: {written:?}"
        );

        let destroyed = rehearsal.destroy();
        assert_eq!(destroyed.destroyed, declared, "{name}");
        assert!(rehearsal.emulator().inventory().is_empty(), "{name}: {:?}", rehearsal.emulator().inventory());
        assert!(rehearsal.state().resources.is_empty() && rehearsal.state().outputs.is_empty(), "{name}");
    }
}

#[test]
fn the_endpoint_is_an_output() {
    let mut rehearsal = Rehearsal::new();
    let report = rehearsal.apply(secured_redis::stack);
    let endpoint = report.outputs["redis_primary_endpoint"].as_str().unwrap();
    assert!(endpoint.contains("secured-redis") && endpoint.ends_with("cache.amazonaws.com"), "{endpoint}");
}

fn as_json(plan: &palisade_engine::Plan) -> String {
    serde_json::to_string_pretty(plan).unwrap()
}
