//! `apply` and `destroy`.

use insta::assert_snapshot;
use palisade_engine::{LocalStore, Store};

use super::{
    harness::Desk,
    shared::run,
    stacks::{broken, chain, pair},
};

#[test]
fn an_apply_asks_tells_what_it_does_and_shows_the_outputs() {
    let desk = Desk::new();
    let outcome = desk.run_with("apply", "yes\n", pair);
    assert_snapshot!(outcome.transcript(), @r#"
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

    Apply complete! Resources: 2 added, 0 changed, 0 destroyed. (10m 0s of emulated AWS time)

    Outputs:

    endpoint = "thing-1.example"
    --- stderr
    Do you want to perform these actions?
      Only 'yes' will be accepted to approve.

      Enter a value:
    Thing.main: Creating...
    Thing.main: Creation complete after 5m 0s [id=thing-1]
    Thing.child: Creating...
    Thing.child: Creation complete after 5m 0s [id=thing-2]
    "#);
    assert_eq!(desk.account.count(), 2);
}

#[test]
fn an_apply_without_changes_asks_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply --auto-approve").code, 0);
    assert_snapshot!(desk.run("apply").transcript(), @r#"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    No changes. Your infrastructure matches the program.

    Apply complete! No object was changed. (0s of emulated AWS time)

    Outputs:

    endpoint = "thing-1.example"
    --- stderr
    "#);
}

#[test]
fn any_other_answer_than_yes_cancels() {
    for answer in ["no\n", "\n", "y\n", "YES\n"] {
        let desk = Desk::new();
        let outcome = desk.run_with("apply", answer, pair);
        assert_eq!(outcome.code, 1, "{answer:?}");
        assert!(outcome.stderr.ends_with("Apply cancelled. Nothing was changed.\n"), "{}", outcome.stderr);
        assert_eq!(desk.account.count(), 0);
    }
}

#[test]
fn a_closed_standard_input_is_no_answer() {
    let desk = Desk::new();
    let outcome = desk.run("apply");
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stderr, @r"
    Do you want to perform these actions?
      Only 'yes' will be accepted to approve.

      Enter a value:
    error: no answer was given: standard input is closed
    help: run `apply --auto-approve` to continue without a question
    ");
    assert_eq!(desk.account.count(), 0);
}

#[test]
fn a_destroy_asks_for_the_name_of_the_stack_and_deletes_everything() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    for answer in ["no\n", "yes\n"] {
        assert_eq!(desk.run_with("destroy", answer, pair).code, 1);
        assert_eq!(desk.account.count(), 2);
    }
    assert_snapshot!(desk.run_with("destroy", "test\n", pair).transcript(), @r#"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    Palisade will perform these actions; the symbols say what is done to each object:
      - destroy

      # Thing.child will be destroyed
      - Thing "child" {
          - id     = "thing-2" -> null
          - parent = "thing-1" -> null
        }

      # Thing.main will be destroyed
      - Thing "main" {
          - id   = "thing-1" -> null
          - text = "hello" -> null
        }

    Changes to outputs:
      - endpoint = "thing-1.example" -> null

    Plan: 0 to add, 0 to change, 2 to destroy.

    Destroy complete! Resources: 2 destroyed. (0s of emulated AWS time)
    --- stderr
    Do you want to delete all objects of the stack?
      Type the name of the stack, 'test', to approve. Any other answer cancels.

      Enter a value:
    Thing.child: Destroying...
    Thing.child: Destruction complete after 0s [id=thing-2]
    Thing.main: Destroying...
    Thing.main: Destruction complete after 0s [id=thing-1]
    "#);
    assert_eq!(desk.account.count(), 0);
}

#[test]
fn a_destroy_works_with_a_program_that_has_findings() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    let outcome = desk.run_with("destroy --yes", "", broken);
    assert_eq!((outcome.code, desk.account.count()), (0, 0), "{}", outcome.transcript());
}

#[test]
fn a_failure_tells_what_was_done_and_what_to_do_next() {
    let desk = Desk::new();
    let outcome = desk.run_with("apply -y", "", |stack| chain(stack, "boom"));
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stderr, @r"
    Thing.bad: Creating...
    Thing.fine: Creating...
    Thing.bad: Creation failed: CreateThing: InvalidText: the text must not explode
    Thing.child: Creation left out, as Thing.bad failed
    Thing.fine: Creation complete after 10m 0s [id=thing-1]

    error: cannot create Thing.bad: CreateThing: InvalidText: the text must not explode
      --> crates/palisade-cli/src/tests/stacks.rs:25:11
    help: write another text

    Not tried:
      Thing.child (create), as Thing.bad failed

    Done and recorded: 1 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
    assert_eq!(desk.account.count(), 1);

    let mended = desk.run_with("apply -y", "", |stack| chain(stack, "mended"));
    assert_eq!((mended.code, desk.account.count()), (0, 3), "{}", mended.transcript());
}

#[test]
fn an_apply_goes_on_when_nobody_reads_it_any_more() {
    let desk = Desk::new();
    let (code, errors) = desk.run_into_pipe("apply -y", 60);
    assert_eq!(code, 1);
    assert_snapshot!(errors, @r"
    Thing.main: Creating...
    Thing.main: Creation complete after 5m 0s [id=thing-1]
    Thing.child: Creating...
    Thing.child: Creation complete after 5m 0s [id=thing-2]
    error: the output could not be printed to its end: broken pipe
    help: let all of it be read, or write it to a file; `state list` shows what exists
    ");
    assert_eq!(desk.account.count(), 2);
    assert_eq!(desk.run("plan --detailed-exitcode").code, 0);
}

#[test]
fn a_plan_that_nobody_saw_is_not_approved() {
    let desk = Desk::new();
    let (code, errors) = desk.run_into_pipe("apply", 60);
    assert_eq!(code, 1);
    assert_snapshot!(errors, @r"
    Apply cancelled. Nothing was changed.
    error: the output could not be printed to its end: broken pipe
    help: let all of it be read, or write it to a file; `state list` shows what exists
    ");
    assert_eq!(desk.account.count(), 0);
}

#[test]
fn two_applies_do_not_run_at_a_time() {
    let desk = Desk::new();
    assert_eq!(desk.run("destroy -y").code, 0);
    // What the last run has left there, as if it had not ended.
    let holder = std::fs::read_to_string(desk.state_dir().join("test.lock")).unwrap();
    let store = LocalStore::new(desk.state_dir(), "test");
    let writer = run(store.lock(&holder, &mut |_| {})).unwrap();
    let host = gethostname::gethostname();
    assert_snapshot!(desk.run("apply -y").error().replace(host.to_str().unwrap(), "HOST"), @r"
    error: the stack `test` is locked by `destroy`, process 7 on HOST, since Mon, 12 Jan 1970 13:46:40 GMT
    help: wait until that run has ended, and run the command again
    ");
    assert_eq!(desk.run("plan").code, 0);
    drop(writer);
    assert_eq!(desk.run("apply -y").code, 0);
}
