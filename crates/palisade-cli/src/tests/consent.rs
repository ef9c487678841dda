//! Consent to the loss of data: what has to be typed, and what is refused.

use insta::assert_snapshot;
use palisade_core::Stack;

use super::{
    harness::{Desk, Outcome},
    stacks::{broken, diaries},
};

/// Diaries, by name, title and text.
type Diaries = &'static [(&'static str, &'static str, &'static str)];

/// Each is lost with its pages, but the one that is copied.
const ALL: Diaries = &[("a", "Alps", ""), ("b", "Bath", ""), ("c", "Cork", "copied")];
const WITHOUT_A: Diaries = &[("b", "Bath", ""), ("c", "Cork", "copied")];
const WITHOUT_A_AND_B: Diaries = &[("c", "Cork", "copied")];
const WITHOUT_C: Diaries = &[("a", "Alps", ""), ("b", "Bath", "")];
const A_RENAMED: Diaries = &[("a", "Andes", ""), ("b", "Bath", ""), ("c", "Cork", "copied")];

fn run(desk: &Desk, command: &str, stdin: &str, program: Diaries) -> Outcome {
    desk.run_with(command, stdin, |stack| diaries(stack, program))
}

/// A desk at which [`ALL`] was applied: a thing and three diaries exist.
fn applied() -> Desk {
    let desk = Desk::new();
    assert_eq!(run(&desk, "apply -y", "", ALL).code, 0);
    desk
}

/// What a change loses, as the plan says it, as an apply in CI is refused, and as a user is asked.
fn demand(program: Diaries) -> String {
    let desk = applied();
    let plan = run(&desk, "plan", "", program);
    assert_eq!(plan.code, 0);
    let lost = plan.stdout.lines().filter(|line| line.contains("pages") || line.contains("consent"));
    let lost: String = lost.map(|line| format!("{}\n", line.trim())).collect();
    let refused = run(&desk, "apply --auto-approve", "", program);
    let refused = if refused.code == 0 { "done\n" } else { refused.stderr.as_str() };
    let desk = applied();
    let asked = run(&desk, "apply", "", program);
    assert_eq!((asked.code, desk.account.count()), (1, 4), "{}", asked.transcript());
    format!("--- plan\n{lost}--- apply --auto-approve\n{refused}--- apply\n{}", asked.stderr)
}

#[test]
fn for_one_loss_the_address_is_typed() {
    assert_snapshot!(demand(WITHOUT_A), @r"
    --- plan
    # All pages of `Alps` will be lost.
    Data loss that needs your consent: Diary.a
    --- apply --auto-approve
    error: data would be lost, so nothing was changed:
      Diary.a: all pages of `Alps` will be lost
    help: if it may be lost, run `apply --auto-approve --allow-data-loss Diary.a`
    --- apply
    Do you want to perform these actions? Data will be lost:
      Diary.a: all pages of `Alps` will be lost
      Type the address, 'Diary.a', to approve. Any other answer cancels.

      Enter a value:
    error: no answer was given: standard input is closed
    help: run `apply --auto-approve --allow-data-loss Diary.a` to continue without a question
    ");
}

#[test]
fn for_several_losses_the_name_of_the_stack_is_typed() {
    assert_snapshot!(demand(WITHOUT_A_AND_B), @r"
    --- plan
    # All pages of `Bath` will be lost.
    # All pages of `Alps` will be lost.
    Data loss that needs your consent: Diary.b, Diary.a
    --- apply --auto-approve
    error: data would be lost, so nothing was changed:
      Diary.b: all pages of `Bath` will be lost
      Diary.a: all pages of `Alps` will be lost
    help: if it may be lost, run `apply --auto-approve --allow-data-loss Diary.b --allow-data-loss Diary.a`
    --- apply
    Do you want to perform these actions? Data will be lost:
      Diary.b: all pages of `Bath` will be lost
      Diary.a: all pages of `Alps` will be lost
      Type the name of the stack, 'test', to approve. Any other answer cancels.

      Enter a value:
    error: no answer was given: standard input is closed
    help: run `apply --auto-approve --allow-data-loss Diary.b --allow-data-loss Diary.a` to continue without a question
    ");
}

#[test]
fn what_can_be_recovered_needs_no_consent() {
    assert_snapshot!(demand(WITHOUT_C), @r"
    --- plan
    # The pages of `Cork` can be recovered for 30 days.
    --- apply --auto-approve
    done
    --- apply
    Do you want to perform these actions?
      Only 'yes' will be accepted to approve.

      Enter a value:
    error: no answer was given: standard input is closed
    help: run `apply --auto-approve` to continue without a question
    ");
}

/// The command, the answer at its question, the exit code, and how many objects exist afterwards.
type Case = (&'static str, &'static str, u8, usize);

#[test]
fn an_apply_is_done_with_the_right_answer_or_with_all_flags() {
    let (one, both) = ("apply --allow-data-loss Diary.a", "apply --allow-data-loss Diary.a --allow-data-loss Diary.b");
    let one_auto = "apply --auto-approve --allow-data-loss Diary.a";
    let both_auto = "apply --auto-approve --allow-data-loss Diary.a --allow-data-loss Diary.b";
    let all_that_goes: [(Diaries, &[Case]); 3] = [
        (
            WITHOUT_A,
            &[
                ("apply", "yes\n", 1, 4),
                ("apply", "Diary.b\n", 1, 4),
                ("apply", "test\n", 1, 4),
                ("apply", "Diary.a\n", 0, 3),
                ("apply --auto-approve", "Diary.a\n", 1, 4),
                (one, "Diary.a\n", 1, 4),
                (one, "yes\n", 0, 3),
                (one_auto, "", 0, 3),
            ],
        ),
        (
            WITHOUT_A_AND_B,
            &[
                ("apply", "yes\n", 1, 4),
                ("apply", "Diary.a\n", 1, 4),
                ("apply", "test\n", 0, 2),
                // One loss is left to be asked for.
                (one, "test\n", 1, 4),
                (one, "yes\n", 1, 4),
                (one, "Diary.b\n", 0, 2),
                (one_auto, "", 1, 4),
                (both, "test\n", 1, 4),
                (both, "yes\n", 0, 2),
                (both_auto, "", 0, 2),
            ],
        ),
        (A_RENAMED, &[("apply", "yes\n", 1, 4), ("apply", "Diary.a\n", 0, 4), (one_auto, "", 0, 4)]),
    ];
    for (program, cases) in all_that_goes {
        for (command, answer, code, count) in cases {
            let desk = applied();
            let outcome = run(&desk, command, answer, program);
            let found = (outcome.code, desk.account.count());
            assert_eq!(found, (*code, *count), "{command} {answer:?}: {}", outcome.transcript());
            let is_done = run(&desk, "plan --detailed-exitcode", "", program).code == 0;
            assert_eq!(is_done, *code == 0, "{command} {answer:?}");
            assert!(is_done || run(&desk, "plan --detailed-exitcode", "", ALL).code == 0, "{command} {answer:?}");
        }
    }
}

#[test]
fn a_cancelled_apply_has_changed_nothing() {
    let desk = applied();
    assert!(run(&desk, "apply", "yes\n", WITHOUT_A).stderr.ends_with("Apply cancelled. Nothing was changed.\n"));
}

#[test]
fn a_flag_that_the_plan_does_not_need_is_an_error() {
    let refusal = |flag: &str, program| {
        let desk = applied();
        let outcome = run(&desk, &format!("apply --auto-approve --allow-data-loss {flag}"), "", program);
        assert_eq!((outcome.code, desk.account.count()), (1, 4), "{}", outcome.transcript());
        outcome.stderr
    };
    // Nothing is lost, not without recovery, or not any more.
    let remove = "help: remove the flag: if it stays, it allows a later loss that nobody expects\n";
    for (flag, program) in [("Diary.a", ALL), ("Thing.main", ALL), ("Diary.c", WITHOUT_C), ("Diary.z", WITHOUT_C)] {
        assert_eq!(
            refusal(flag, program),
            format!(
                "error: `--allow-data-loss {flag}` is not needed: this plan loses no data of that resource\n{remove}"
            )
        );
    }
    assert_snapshot!(refusal("Diray.a", WITHOUT_A), @r"
    error: `--allow-data-loss Diray.a` is not needed: this plan loses no data of that resource
    help: did you mean `--allow-data-loss Diary.a`?
    ");
    assert_snapshot!(refusal("a", WITHOUT_A), @r"
    error: invalid value 'a' for '--allow-data-loss <ADDRESS>': `a` is not the address of a resource: write KIND.NAME, as in `Subnet.private-a`

    For more information, try '--help'.
    ");
    // The same command a second time is one, as the data is gone.
    let desk = applied();
    let command = "apply --auto-approve --allow-data-loss Diary.a";
    assert_eq!(run(&desk, command, "", WITHOUT_A).code, 0);
    assert_eq!(run(&desk, command, "", WITHOUT_A).code, 1);
}

#[test]
fn a_run_that_did_not_complete_needs_no_consent_again_and_takes_its_flags() {
    const NEXT: Diaries = &[("b", "Bath", ""), ("c", "Cork", "copied"), ("d", "Dover", "fragile")];
    const RESUMED: &[&str] = &["apply --auto-approve", "apply --auto-approve --allow-data-loss Diary.a"];
    for command in RESUMED {
        let desk = applied();
        desk.account.refuse("fragile", true);
        let interrupted = run(&desk, RESUMED[1], "", NEXT);
        assert_eq!((interrupted.code, desk.account.count()), (1, 3), "{}", interrupted.transcript());
        assert_eq!(run(&desk, command, "", NEXT).code, 1);
        desk.account.refuse("fragile", false);
        let resumed = run(&desk, command, "", NEXT);
        assert_eq!((resumed.code, desk.account.count()), (0, 4), "{}", resumed.transcript());
        // It has completed, so the flag serves nothing any more.
        assert_eq!(run(&desk, RESUMED[1], "", NEXT).code, 1);
    }
}

#[test]
fn a_saved_plan_shows_its_losses_and_needs_the_flags() {
    let desk = applied();
    let planned = run(&desk, "plan --out DESK/next.plan", "", WITHOUT_A);
    assert_eq!(planned.code, 0);
    assert_snapshot!(planned.stderr, @r"

    Saved in DESK/next.plan. To do exactly this: apply DESK/next.plan --allow-data-loss Diary.a
    ");
    assert!(run(&desk, "show DESK/next.plan", "", WITHOUT_A).stdout.contains("# All pages of `Alps` will be lost.\n"));
    for (command, help) in [
        ("apply DESK/next.plan", "apply DESK/next.plan --allow-data-loss Diary.a"),
        ("apply DESK/next.plan --auto-approve", "apply DESK/next.plan --auto-approve --allow-data-loss Diary.a"),
    ] {
        let refused = run(&desk, command, "Diary.a\n", WITHOUT_A);
        assert_eq!((refused.code, desk.account.count()), (1, 4), "{}", refused.transcript());
        assert_eq!(
            refused.stderr,
            format!(
                "error: data would be lost, so nothing was changed:\n  Diary.a: all pages of `Alps` will be lost\n\
                 help: if it may be lost, run `{help}`\n"
            )
        );
    }
    // The same command a second time has nothing to do, and is no error.
    for _ in 0..2 {
        assert_eq!(run(&desk, "apply DESK/next.plan --allow-data-loss Diary.a", "", WITHOUT_A).code, 0);
        assert_eq!(desk.account.count(), 3);
    }
    let other = run(&desk, "apply DESK/next.plan --allow-data-loss Diary.b", "", WITHOUT_A);
    assert!(other.stderr.starts_with("error: `--allow-data-loss Diary.b` is not needed"), "{}", other.stderr);
}

#[test]
fn a_loss_that_the_saved_plan_has_not_shown_is_not_taken() {
    let desk = applied();
    let pages = desk.account.edit(|objects| objects.remove("thing-2")).unwrap();
    assert_eq!(run(&desk, "plan --out DESK/next.plan", "", WITHOUT_A).code, 0);
    // Somebody brings the diary back.
    desk.account.edit(|objects| objects.insert("thing-2".to_owned(), pages));
    let refusal = |command: &str| run(&desk, command, "", WITHOUT_A).error();
    assert_snapshot!(refusal("apply DESK/next.plan"), @r#"
    error: DESK/next.plan: the plan is stale: what it touches has changed since it was made
      Diary.a: the plan saw no data to be lost, and now there is "all pages of `Alps` will be lost"
    help: nothing was changed; plan anew, and read what it says: `plan --out DESK/next.plan`
    "#);
    let flagged = refusal("apply DESK/next.plan --allow-data-loss Diary.a");
    assert_eq!(flagged, refusal("apply DESK/next.plan"));
    assert_eq!(desk.account.count(), 4);
}

fn nothing(_: &mut Stack) {}

#[test]
fn a_plan_that_deletes_everything_is_shown_and_refused() {
    let refusal = "error: this plan would delete all objects of `test`, as the program declares no resource\n\
                   help: to delete the stack, use `destroy` (`plan --destroy` shows what it does); otherwise, find out why \
                   the program declares none\n";
    let desk = applied();
    for command in ["plan", "plan --out DESK/next.plan", "plan --json", "plan --detailed-exitcode", "apply", "apply -y"]
    {
        let outcome = desk.run_with(command, "test\n", nothing);
        assert_eq!((outcome.code, desk.account.count()), (1, 4), "{command}: {}", outcome.transcript());
        assert!(outcome.stderr.ends_with(refusal), "{command}: {}", outcome.transcript());
        assert!(outcome.stdout.contains("Diary"), "{command}: {}", outcome.transcript());
    }
    assert!(!desk.path("next.plan").exists());
    assert_eq!(desk.run_with("plan --destroy", "", nothing).code, 0);
    assert_eq!(desk.run_with("destroy", "test\n", nothing).code, 0);
    assert_eq!(desk.account.count(), 0);
    // Nothing is left to delete.
    assert_eq!(desk.run_with("apply -y", "", nothing).code, 0);
    // What is gone already is only forgotten.
    let desk = applied();
    desk.account.edit(std::collections::BTreeMap::clear);
    assert_eq!(desk.run_with("apply -y", "", nothing).code, 0);
    assert_eq!(desk.run("state list").stdout, "");
}

#[test]
fn a_destroy_asks_for_the_name_of_the_stack_and_says_what_is_lost() {
    let mut questions = Vec::new();
    for command in ["destroy", "apply DESK/end.plan"] {
        for (flags, answer, code) in
            [("", "yes\n", 1), ("", "Diary.a\n", 1), ("", "test\n", 0), (" --auto-approve", "", 0)]
        {
            let desk = applied();
            assert_eq!(run(&desk, "plan --destroy --out DESK/end.plan", "", ALL).code, 0);
            let outcome = desk.run_with(&format!("{command}{flags}"), answer, broken);
            let left = if code == 0 { 0 } else { 4 };
            assert_eq!((outcome.code, desk.account.count()), (code, left), "{command}: {}", outcome.transcript());
        }
        let desk = applied();
        let saved = run(&desk, "plan --destroy --out DESK/end.plan", "", ALL);
        assert_eq!(saved.stderr, "\nSaved in DESK/end.plan. To do exactly this: apply DESK/end.plan\n");
        questions.push(run(&desk, command, "", ALL).stderr.replace(command, "COMMAND"));
    }
    assert_eq!(questions[0], questions[1]);
    assert_snapshot!(questions[0], @r"
    Do you want to delete all objects of the stack? Data will be lost:
      Diary.b: all pages of `Bath` will be lost
      Diary.a: all pages of `Alps` will be lost
      Type the name of the stack, 'test', to approve. Any other answer cancels.

      Enter a value:
    error: no answer was given: standard input is closed
    help: run `COMMAND --auto-approve` to continue without a question
    ");
    let desk = applied();
    assert_eq!(run(&desk, "plan --destroy --out DESK/end.plan", "", ALL).code, 0);
    assert_snapshot!(run(&desk, "apply DESK/end.plan --allow-data-loss Diary.a", "", ALL).stderr, @r"
    error: `--allow-data-loss` names single objects, and this plan destroys the whole stack
    help: run `apply DESK/end.plan`, and type the name of the stack; or add `--auto-approve`
    ");
}
