//! `posture`.

use insta::assert_snapshot;
use palisade_core::Json;

use super::{
    harness::Desk,
    stacks::{accepted, broken, loud},
};

#[test]
fn a_posture_tells_what_holds_and_what_is_accepted() {
    assert_snapshot!(Desk::new().run_with("posture --region nowhere-1", "", accepted).transcript(), @r##"
    exit code 0
    --- stdout
    Thing.bell  crates/palisade-cli/src/tests/stacks.rs:31:23
      by construction  the thing is made of matter
                       no thing is made of anything else
      accepted risk    the thing keeps quiet
                       FSBP Thing.1, CIS 3.0 1.2, checkov CKV_THING_1
                       a bell is meant to be heard (crates/palisade-cli/src/tests/stacks.rs:32:11)

    Posture: 1 by construction, 0 by check, 1 accepted, 0 violated.
    --- stderr
    Cloud: none is used
    "##);
}

#[test]
fn what_is_violated_is_an_error_with_its_cure() {
    assert_snapshot!(Desk::new().run_with("posture", "", loud).transcript(), @r##"
    exit code 1
    --- stdout
    Thing.bell  crates/palisade-cli/src/tests/stacks.rs:37:11
      by construction  the thing is made of matter
                       no thing is made of anything else
      violated         the thing keeps quiet
                       FSBP Thing.1, CIS 3.0 1.2, checkov CKV_THING_1
                       the thing is loud
    Thing.quiet  crates/palisade-cli/src/tests/stacks.rs:38:23
      by construction  the thing is made of matter
                       no thing is made of anything else
      by check         the thing keeps quiet
                       FSBP Thing.1, CIS 3.0 1.2, checkov CKV_THING_1

    Posture: 2 by construction, 1 by check, 0 accepted, 1 violated.
    --- stderr
    Cloud: none is used
    error: Thing.bell: the thing is loud
      --> crates/palisade-cli/src/tests/stacks.rs:37:11
       |
    37 |     stack.add("bell", thing().set("text", "loud"));
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ walls have ears
       |
    help: choose another text; or say why not: `stack.accept_risk(&.., Thing::LOUD, reason!(".."))`

    error: Thing.quiet: the risk Thing::LOUD is accepted, and does not exist
      --> crates/palisade-cli/src/tests/stacks.rs:39:11
       |
    39 |     stack.accept_risk(&quiet, Thing::LOUD, reason!("it may ring some day"));
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ accepted here
       |
    help: remove the line, so that what is accepted is what there is

    error: stopped by 2 errors in the program: nothing was changed
    "##);
}

#[test]
fn a_stack_with_findings_has_no_posture() {
    let outcome = Desk::new().run_with("posture", "", broken);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
}

#[test]
fn sarif_suppresses_what_is_accepted_and_reports_what_is_violated() {
    let results = |declare: fn(&mut palisade_core::Stack)| -> Json {
        let outcome = Desk::new().run_with("posture --format sarif", "", declare);
        let document: Json = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let is_listed = |result: &Json| rules.iter().any(|rule| rule["id"] == result["ruleId"]);
        assert!(run["results"].as_array().unwrap().iter().all(is_listed));
        run["results"].clone()
    };
    let suppressed = &results(accepted)[0];
    let place = &suppressed["locations"][0]["physicalLocation"];
    assert_eq!(suppressed["ruleId"], "Thing/thing-discreet");
    assert_eq!(suppressed["suppressions"][0]["justification"], "a bell is meant to be heard");
    assert_eq!(place["artifactLocation"]["uri"], "crates/palisade-cli/src/tests/stacks.rs");
    assert_eq!(place["region"]["startLine"], 32);
    let violated = results(loud);
    let ids: Vec<_> = violated.as_array().unwrap().iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["Thing/thing-discreet", "needless-acceptance"]);
    assert!(violated.as_array().unwrap().iter().all(|result| result.get("suppressions").is_none()));
}

#[test]
fn json_has_an_outcome_for_each_rule_of_each_resource() {
    let outcome = Desk::new().run_with("posture --format json", "", loud);
    assert_eq!(outcome.code, 1);
    let document: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let outcomes: Vec<_> =
        document["rules"].as_array().unwrap().iter().map(|verdict| verdict["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["by_construction", "violated", "by_construction", "by_check"]);
}

#[test]
fn a_policy_of_the_program_is_a_rule_too() {
    let outcome = Desk::new().run_with("posture", "", |stack| {
        stack.policy("no-bells", |stack| {
            let bells = stack.nodes().iter().filter(|node| node.address.name() == "bell");
            bells.map(|bell| bell.finding("a bell", "use a light")).collect()
        });
        accepted(stack);
    });
    assert_eq!(outcome.code, 1);
    assert!(outcome.stdout.contains("violated         the policy `no-bells` is kept\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.ends_with("1 by construction, 0 by check, 1 accepted, 1 violated.\n"), "{}", outcome.stdout);
}
