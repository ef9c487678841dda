//! Interrupts that come while a stack in S3 is locked. The next run need not wait for a lock that was given back.

use std::{
    io::{self, BufReader, Read, Write},
    sync::Arc,
    thread,
};

use insta::assert_snapshot;
use palisade_core::Stack;
use palisade_engine::{Objects, RemoteStore, State, Store};

use super::{
    harness::{Desk, Outcome},
    stacks::{chain, pair},
};
use crate::{
    exit_code,
    signals::{Interrupts, SAME},
};

const APPLY: &str = "apply --state s3://acme/prod";

/// Somebody who neither types nor reads, and presses Ctrl-C instead.
struct Nobody(Interrupts);

impl Nobody {
    fn wait(&self) -> ! {
        self.0.interrupt(exit_code::INTERRUPTED);
        loop {
            thread::park();
        }
    }
}

impl Read for Nobody {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.wait()
    }
}

impl Write for Nobody {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.wait()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the command of which `interrupts` are. Nobody answers its question.
fn run(desk: &Desk, command: &str, interrupts: &Interrupts, declare: impl FnOnce(&mut Stack)) -> Outcome {
    let outcome = desk.run_interrupted(command, BufReader::new(Nobody(interrupts.clone())), interrupts, declare);
    assert_eq!(outcome.code, 130, "{}", outcome.transcript());
    outcome
}

/// Applies the stack in the end; tells whether that had to wait for the lock.
fn waits_for_lock(desk: &Desk) -> bool {
    desk.account.answer_again();
    let outcome = desk.run(&format!("{APPLY} -y"));
    assert_eq!((outcome.code, desk.account.count()), (0, 2), "{}", outcome.transcript());
    outcome.stderr.contains("Waiting")
}

#[test]
fn at_the_question_an_interrupt_is_a_no() {
    let desk = Desk::new();
    assert_snapshot!(run(&desk, APPLY, &Interrupts::default(), pair).stderr, @r"
    Do you want to perform these actions?
      Only 'yes' will be accepted to approve.

      Enter a value:
    Apply cancelled. Nothing was changed.
    ");
    assert_eq!(desk.account.count(), 0);
    assert!(!waits_for_lock(&desk));
}

/// A terminal that ends: nothing more is read, and the signal comes a moment later.
struct Ending(Interrupts);

impl Read for Ending {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let interrupts = self.0.clone();
        thread::spawn(move || {
            thread::sleep(SAME / 10);
            interrupts.interrupt(129);
        });
        Ok(0)
    }
}

#[test]
fn the_end_of_the_terminal_at_the_question_is_an_interrupt() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    let outcome = desk.run_interrupted(APPLY, BufReader::new(Ending(interrupts.clone())), &interrupts, pair);
    assert_eq!(outcome.code, 129, "{}", outcome.transcript());
    assert!(outcome.stderr.ends_with("Apply cancelled. Nothing was changed.\n"), "{}", outcome.stderr);
    assert!(!waits_for_lock(&desk));
}

#[test]
fn an_apply_that_waits_for_its_credentials_or_its_bucket_is_broken_off() {
    for operation in ["connect", "objects"] {
        let (desk, interrupts) = (Desk::new(), Interrupts::default());
        desk.account.interrupt_at(operation, &interrupts);
        let transcript = run(&desk, APPLY, &interrupts, pair).transcript();
        assert!(transcript.ends_with("Apply cancelled. Nothing was changed.\n"), "{transcript}");
        assert!(!transcript.contains("Cloud:"), "{transcript}");
    }
}

#[test]
fn a_plan_without_an_answer_is_broken_off() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    assert!(!waits_for_lock(&desk));
    desk.account.interrupt_at("DescribeThings", &interrupts);
    assert_snapshot!(run(&desk, APPLY, &interrupts, pair).transcript(), @r"
    exit code 130
    --- stdout
    Cloud: a fake account, region us-east-1
    --- stderr

    Apply cancelled. Nothing was changed.
    ");
    assert!(!waits_for_lock(&desk));
}

#[test]
fn a_lock_that_is_taken_when_the_interrupt_comes_is_given_back() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    desk.account.interrupt_at("lock", &interrupts);
    run(&desk, APPLY, &interrupts, pair);
    let keys = || tokio(desk.account.buckets().list("")).unwrap();
    assert!(keys().contains(&"test/lease.json".to_owned()));
    assert!(!waits_for_lock(&desk));
}

#[test]
fn the_wait_for_the_lock_of_another_run_can_be_interrupted() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    let store = RemoteStore::new(desk.account.buckets() as Arc<dyn Objects>, "test", "1");
    let writer = tokio(store.lock("`apply`, process 1 on ci", &mut |_| {})).unwrap();
    desk.account.interrupt_at("lock", &interrupts);
    assert_snapshot!(run(&desk, APPLY, &interrupts, pair).stderr, @r"
    Waiting: the stack is locked by `apply`, process 1 on ci. Is it still there?

    Apply cancelled. Nothing was changed.
    ");
    // It still holds the stack, which has no state yet.
    tokio(writer.begin(&State::new("test", ""))).unwrap();
    tokio(writer.release()).unwrap();
    assert!(!waits_for_lock(&desk));
}

#[test]
fn an_apply_is_not_held_up_by_a_call_without_an_answer() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    desk.account.interrupt_at("CreateThing", &interrupts);
    assert_snapshot!(run(&desk, &format!("{APPLY} -y"), &interrupts, pair).stderr, @r"
    Thing.main: Creating...
    Interrupted: waiting up to 5 s for calls in flight. Press Ctrl-C again to exit now.
    Thing.main: Creation interrupted

    Under way:
      Thing.main (create), without an answer: the next run finds out what came of it

    Not tried:
      Thing.child (create): not started, the run was stopping

    Done and recorded: 0 added, 0 changed, 0 destroyed.
    help: run `apply` again: it goes on from here
    The lock of the stack is not given back, and ends by itself: a call for the stack `test` was given up without an answer, and may still take effect
    ");
    assert!(waits_for_lock(&desk));
}

#[test]
fn an_apply_is_not_held_up_by_a_store_that_does_not_answer() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    desk.account.interrupt_at("CreateThing", &interrupts);
    desk.account.silence_after(&interrupts);
    assert_snapshot!(run(&desk, &format!("{APPLY} -y"), &interrupts, pair).stderr, @r"
    Thing.main: Creating...
    Interrupted: waiting up to 5 s for calls in flight. Press Ctrl-C again to exit now.
    Thing.main: Creation interrupted

    error: the store of the state did not answer in time after the interrupt
    help: run `apply` again: it finds what was created, and continues
    The lock of the stack is not given back, and ends by itself: there was no answer in time
    ");
    assert!(waits_for_lock(&desk));
}

#[test]
fn what_is_superfluous_holds_up_neither_the_report_nor_the_lock() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    desk.account.interrupt_at("DeleteObject", &interrupts);
    let outcome = desk.run_interrupted(&format!("{APPLY} -y"), BufReader::new(io::empty()), &interrupts, pair);
    assert_eq!((outcome.code, interrupts.exit_code()), (0, Some(130)), "{}", outcome.transcript());
    assert!(outcome.stdout.contains("Resources: 2 added"), "{}", outcome.transcript());
    let log = || {
        let keys = tokio(desk.account.buckets().list("")).unwrap();
        keys.iter().filter(|key| key.contains("/log/")).count()
    };
    let left = log();
    assert!(!waits_for_lock(&desk));
    // A later run removes it, once it has written something.
    assert_eq!(desk.run("destroy -y --state s3://acme/prod").code, 0);
    assert!(log() < left, "{left}");
}

#[test]
fn a_no_is_not_held_up_by_a_store_that_does_not_answer() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    desk.account.silence_after(&interrupts);
    assert_snapshot!(run(&desk, APPLY, &interrupts, pair).stderr, @r"
    Do you want to perform these actions?
      Only 'yes' will be accepted to approve.

      Enter a value:
    Apply cancelled. Nothing was changed.
    The lock of the stack is not given back, and ends by itself: there was no answer in time
    ");
    assert!(waits_for_lock(&desk));
}

#[test]
fn the_calls_that_end_a_deletion_which_has_begun_are_foretold() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    assert!(!waits_for_lock(&desk));
    desk.account.interrupt_at("DeleteThing", &interrupts);
    run(&desk, &APPLY.replace("apply", "destroy -y"), &interrupts, pair);
    desk.account.edit(std::mem::take);
    let plan = desk.run(&APPLY.replace("apply", "plan --calls")).stdout;
    let (_, calls) = plan.split_once("Calls that make the changes:\n").unwrap();
    assert!(calls.lines().any(|line| line.contains("DeleteThing") && line.ends_with("Thing.child")), "{calls}");
}

#[test]
fn a_reader_that_stands_still_is_not_waited_for() {
    let (desk, interrupts) = (Desk::new(), Interrupts::default());
    let (code, _) = desk.run_on("graph", io::empty(), Nobody(interrupts.clone()), &interrupts, pair);
    assert_eq!(code, 130);
}

#[test]
fn a_second_interrupt_is_not_the_first() {
    let interrupts = Interrupts::default();
    assert!(interrupts.interrupt(exit_code::INTERRUPTED));
    assert!(!interrupts.interrupt(143));
    assert_eq!(interrupts.exit_code(), Some(130));
}

#[test]
fn every_end_without_an_apply_gives_the_lock_back() {
    let desk = Desk::new();
    assert_eq!(desk.run("plan --out DESK/plan --state s3://acme/prod").code, 0);
    assert!(!waits_for_lock(&desk));
    let change = |stack: &mut Stack| chain(stack, "fine");
    for (command, stdin) in [(APPLY, "no\n"), (APPLY, ""), ("apply DESK/plan --state s3://acme/prod", "")] {
        let outcome = desk.run_with(command, stdin, change);
        assert_eq!(outcome.code, 1, "{}", outcome.transcript());
        assert!(!waits_for_lock(&desk), "{command}");
    }
}

fn tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}
