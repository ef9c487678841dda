//! What others have changed, and what would cost data, is left as it is; and the two ways out.

use insta::assert_snapshot;
use palisade_core::Json;

use super::{harness::Desk, stacks::diaries};

type Diaries = &'static [(&'static str, &'static str, &'static str)];

const BEFORE: Diaries = &[("a", "Alps", ""), ("b", "Bath", "")];
const CHANGED: Diaries = &[("a", "Alps", ""), ("b", "Bath", "copied")];
const TAKEN_OVER: Diaries = &[("a", "Andes", ""), ("b", "Bath", "")];

fn run(desk: &Desk, command: &str, program: Diaries) -> super::harness::Outcome {
    desk.run_with(command, "", |stack| diaries(stack, program))
}

/// A desk at which two diaries were applied, and others have given one of them another title.
fn renamed_by_hand() -> Desk {
    let desk = Desk::new();
    assert_eq!(run(&desk, "apply -y", BEFORE).code, 0);
    desk.account.edit(|objects| {
        let alps = objects.values_mut().find(|fields| fields.get("title").is_some_and(|title| title == "Alps"));
        alps.unwrap().insert("title".to_owned(), Json::from("Andes"));
    });
    desk
}

#[test]
fn a_plan_says_what_it_leaves_as_it_is_and_why() {
    let desk = renamed_by_hand();
    assert_snapshot!(run(&desk, "plan", CHANGED).stdout, @r#"
    Cloud: a fake account, region us-east-1

    Note: changed outside of this program since the last apply:

      # Diary.a has changed
      ~ Diary "a" {
          ~ title = "Alps" -> "Andes"
        }

    Palisade will perform these actions; the symbols say what is done to each object:
      ~ update in place

      # Diary.a is blocked, and stays as it is
      # Others have changed it, or what it depends on, since the last apply. What the program says takes a new object, and the data of this one would be lost.
      # - to keep it, let the program say what it is now: `title` = "Andes"
      # - to have a new object all the same, add `--replace Diary.a`
        Diary "a" {
            id    = "thing-2"
          ~ title = "Andes" -> "Alps" # takes a new object
        }

      # Diary.b will be updated in place
      ~ Diary "b" {
            id   = "thing-3"
          ~ text = "" -> "copied"
            # (2 unchanged fields hidden)
        }

    Plan: 0 to add, 1 to change, 0 to destroy.
    "#);
    assert_eq!(run(&desk, "plan --detailed-exitcode", BEFORE).code, 2);
}

#[test]
fn an_apply_does_the_rest_and_ends_with_an_error() {
    let desk = renamed_by_hand();
    let outcome = run(&desk, "apply --auto-approve", CHANGED);
    assert_eq!(outcome.code, 1);
    assert_snapshot!(outcome.stderr, @r#"
    Diary.b: Modifying...
    Diary.b: Modification complete after 0s [id=thing-3]
    error: Diary.a is not what the program says, and stays as others have left it, as data would be lost
    help: to keep it, let the program say what it is now: `title` = "Andes"
    help: to have a new object all the same, add `--replace Diary.a`
    "#);
    assert_eq!(desk.account.count(), 3);
    // There is nothing to approve.
    let again = run(&desk, "apply", CHANGED);
    assert_eq!(again.code, 1);
    assert!(!again.stderr.contains("Do you want"), "{}", again.transcript());
}

#[test]
fn the_first_way_out_is_to_say_in_the_program_what_it_is() {
    let desk = renamed_by_hand();
    assert_eq!(run(&desk, "apply -y", TAKEN_OVER).code, 0);
    assert_eq!(run(&desk, "plan --detailed-exitcode", TAKEN_OVER).code, 0);
}

#[test]
fn the_second_way_out_is_a_replacement_that_is_asked_for() {
    let desk = renamed_by_hand();
    let refused = run(&desk, "apply -y --replace Diary.a", BEFORE);
    assert_snapshot!(refused.stderr, @r#"
    error: data would be lost, so nothing was changed:
      Diary.a: all pages of `Alps` will be lost
    help: if it may be lost, run `apply --replace Diary.a --auto-approve --allow-data-loss Diary.a`
    "#);
    assert_eq!(run(&desk, "apply -y --replace Diary.a --allow-data-loss Diary.a", BEFORE).code, 0);
    assert_eq!(run(&desk, "plan --detailed-exitcode", BEFORE).code, 0);
}

#[test]
fn a_replacement_of_what_is_not_there_is_refused() {
    let desk = Desk::new();
    assert_snapshot!(run(&desk, "plan --replace Diary.a", BEFORE).stderr, @r#"
    error: cannot replace Diary.a: it has no object yet
    help: leave `--replace` out: an apply creates the object
    "#);
    assert_eq!(run(&desk, "apply -y", BEFORE).code, 0);
    assert_snapshot!(run(&desk, "plan --replace Diary.aa", BEFORE).stderr, @r#"
    error: cannot replace Diary.aa: it is not in the program
    help: did you mean `--replace Diary.a`?
    "#);
    assert_snapshot!(run(&desk, "apply DESK/next.plan --replace Diary.a", BEFORE).stderr, @r#"
    error: the argument '[FILE]' cannot be used with '--replace <ADDRESS>'

    Usage: test apply --state-dir <DIR> --region <REGION> <FILE>

    For more information, try '--help'.
    "#);
}

/// What a plan in a file has replaced, it does not replace again.
#[test]
fn a_saved_plan_keeps_what_was_asked_for() {
    let desk = renamed_by_hand();
    assert_eq!(run(&desk, "plan --replace Diary.a --out DESK/next.plan", BEFORE).code, 0);
    assert_eq!(run(&desk, "apply DESK/next.plan --allow-data-loss Diary.a", BEFORE).code, 0);
    let count = desk.account.edit(|objects| objects.clone());
    assert_eq!(run(&desk, "apply DESK/next.plan --allow-data-loss Diary.a", BEFORE).code, 0);
    assert_eq!(desk.account.edit(|objects| objects.clone()), count);
}
