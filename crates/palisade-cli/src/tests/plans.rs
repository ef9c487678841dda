//! `plan`.

use std::fs;

use insta::assert_snapshot;
use palisade_engine::Plan;
use serde_json::json;

use super::{harness::Desk, stacks::broken};

#[test]
fn a_plan_is_a_result_and_changes_nothing() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("plan").transcript(), @r#"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Thing.main will be created
      + Thing "main" {
          + text = "hello"
        }

      # Thing.child will be created
      + Thing "child" {
          + parent = (known after apply: Thing.main's id)
        }

    Changes to outputs:
      + endpoint = (known after apply: Thing.main's endpoint)

    Plan: 2 to add, 0 to change, 0 to destroy.
    --- stderr
    "#);
    assert!(!desk.state_dir().exists());
    assert_eq!(desk.account.count(), 0);
}

#[test]
fn a_plan_of_a_stack_that_is_applied_has_no_changes() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    let files = || {
        let read = |entry: fs::DirEntry| (entry.path(), fs::read(entry.path()).unwrap());
        let mut files: Vec<_> = fs::read_dir(desk.state_dir()).unwrap().map(|entry| read(entry.unwrap())).collect();
        files.sort();
        files
    };
    let before = files();
    assert_snapshot!(desk.run("plan").transcript(), @r"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    No changes. Your infrastructure matches the program.
    --- stderr
    ");
    assert_eq!(files(), before);
}

#[test]
fn the_detailed_exit_code_tells_whether_there_are_changes() {
    let desk = Desk::new();
    assert_eq!(desk.run("plan --detailed-exitcode").code, 2);
    assert_eq!(desk.run("plan --detailed-exitcode --destroy").code, 0);
    assert_eq!(desk.run("apply --yes").code, 0);
    assert_eq!(desk.run("plan --detailed-exitcode").code, 0);
    assert_eq!(desk.run("plan --detailed-exitcode --destroy").code, 2);
    assert_eq!(desk.run("plan --destroy").code, 0);
    assert_eq!(desk.run("plan --detailed-exitcode --region nowhere-1").code, 1);
}

#[test]
fn a_plan_in_json_is_one_document() {
    let outcome = Desk::new().run("plan --json");
    let plan: Plan = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(plan.counts(), (2, 0, 0));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, "Cloud: a fake account, region us-east-1\n"));
}

#[test]
fn findings_come_all_at_once_and_before_anything_else() {
    let outcome = Desk::new().run_with("plan", "", broken);
    assert_eq!(outcome.stdout, "");
    assert_snapshot!(outcome.error(), @r#"
    error: there are two Thing named `main`
      --> crates/palisade-cli/src/tests/stacks.rs:17:11
       |
    16 |     stack.add("main", thing());
       |           -------------------- the first
    17 |     stack.add("main", thing());
       |           ^^^^^^^^^^^^^^^^^^^^ the second
       |
    help: give one of them another name

    error: `1st` is not a name for a resource
      --> crates/palisade-cli/src/tests/stacks.rs:18:11
       |
    18 |     stack.add("1st", thing());
       |           ^^^^^^^^^^^^^^^^^^^ this resource
       |
    help: begin with a letter, and go on with letters, digits, `-` and `_`, as in `private-a`

    error: `the endpoint` is not a name for an output
      --> crates/palisade-cli/src/tests/stacks.rs:19:11
       |
    19 |     stack.output("the endpoint", reference("main", "endpoint"));
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this output
       |
    help: begin with a letter, and go on with letters, digits, `-` and `_`, as in `primary_endpoint`

    error: stopped by 3 errors in the program: nothing was changed
    "#);
}

#[test]
fn a_cloud_that_cannot_be_used_is_an_error() {
    assert_snapshot!(Desk::new().run("plan --region nowhere-1").error(), @r"
    error: there is no region `nowhere-1`
    help: name one that exists with --region
    ");
}

#[test]
fn a_reader_that_goes_away_gets_one_message() {
    let (code, errors) = Desk::new().run_into_pipe("plan", 20);
    assert_eq!(code, 1);
    assert_snapshot!(errors, @"
    error: the output could not be printed to its end: broken pipe
    help: let all of it be read, or write it to a file; `state list` shows what exists
    ");
}

#[test]
fn what_others_changed_is_shown_with_what_is_done_about_it() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    desk.account.edit(|objects| {
        objects.remove("thing-2");
        objects.get_mut("thing-1").unwrap().insert("text".to_owned(), "changed".into());
    });
    assert_snapshot!(desk.run("plan").stdout, @r#"
    Cloud: a fake account, region us-east-1

    Note: changed outside of this program since the last apply:

      # Thing.child is gone
      - Thing "child"

      # Thing.main has changed
      ~ Thing "main" {
          ~ text = "hello" -> "changed"
        }

    Palisade will perform these actions; the symbols say what is done to each object:
      + create
      ~ update in place

      # Thing.main will be updated in place
      ~ Thing "main" {
            id   = "thing-1"
          ~ text = "changed" -> "hello"
            # (1 unchanged field hidden)
        }

      # Thing.child will be created
      # (it was deleted outside of this program)
      + Thing "child" {
          + parent = "thing-1"
        }

    Plan: 1 to add, 1 to change, 0 to destroy.
    "#);
}

#[test]
fn the_calls_of_a_plan_are_shown_beside_it() {
    let desk = Desk::new();
    let calls = |outcome: &str| outcome.split_once("Calls that read").unwrap().1.to_owned();
    assert_snapshot!(calls(&desk.run("plan --calls").stdout), @r"
     the account, now and once more before an apply:
      fake:Hello  1
      in all: 0 to change something, 1 to read

    Calls that make the changes:
      fake:CreateThing             2  Thing.main, Thing.child
      fake:DescribeThings  as needed  Thing.main, Thing.child
      in all: 2 to change something, 0 to read, besides those of waits
    ");
    assert_eq!(desk.run("apply -y").code, 0);
    desk.account.edit(|objects| _ = objects.get_mut("thing-1").unwrap().insert("text".to_owned(), "changed".into()));
    assert_snapshot!(calls(&desk.run("plan --calls").stdout), @r"
     the account, now and once more before an apply:
      fake:Hello           1
      fake:DescribeThings  1  Thing.child, Thing.main
      in all: 0 to change something, 2 to read

    Calls that make the changes:
      fake:ModifyThing  up to 1  Thing.main
      in all: 0 to 1 to change something, 0 to read
    ");
    let before = desk.account.edit(std::mem::take);
    assert_snapshot!(calls(&desk.run("plan --calls").stdout), @r"
     the account, now and once more before an apply:
      fake:Hello           1
      fake:DescribeThings  1  Thing.child, Thing.main
      in all: 0 to change something, 2 to read

    Calls that make the changes:
      fake:ListThings              1
      fake:CreateThing             2  Thing.main, Thing.child
      fake:DescribeThings  as needed  Thing.main, Thing.child
      in all: 2 to change something, 1 to read, besides those of waits
    ");
    desk.account.edit(|objects| *objects = before);
    let document: serde_json::Value = serde_json::from_str(&desk.run("plan --json --calls --destroy").stdout).unwrap();
    let call = |action: &str, writes, resources: &[&str]| {
        json!({
            "service": "fake", "action": action, "writes": writes, "resources": resources,
            "count": { "exactly": if writes { 2 } else { 1 } },
        })
    };
    let things = ["Thing.child", "Thing.main"];
    let expected = json!({
        "refresh": [call("Hello", false, &[]), call("DescribeThings", false, &things)],
        "apply": [call("ListThings", false, &[]), call("DeleteThing", true, &things)],
    });
    assert_eq!(document["calls"], expected);
    assert!(serde_json::from_value::<Plan>(document).is_ok(), "it is the plan all the same");
}
