//! Each write of an apply goes wrong once: an apply that is run again must finish the work, and leave nothing twice.

use std::{thread, time::Duration};

use crate::{
    account::{Account, Inventory, ministack},
    program::{Program, text},
    proxy::{Fault, Proxy},
};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// What an apply writes that nothing disturbs, and what it leaves in the account.
fn undisturbed() -> (Vec<String>, Inventory) {
    let account = Account::unused();
    let fresh = account.inventory();
    let proxy = Proxy::start(ministack(), None);
    Program::new(&account).succeed(proxy.address, &APPLY);
    let complete = account.inventory();
    assert_ne!(complete, fresh);
    (proxy.writes(), complete)
}

/// Disturbs each write of an apply once, by `disturb`, and applies again. Each has an account of its own, so all go on side by
/// side: they wait most of the time, for what a write that failed may have made after all.
fn each_write(fault: Fault, disturb: impl Fn(&Program, &Proxy) -> Result<(), String> + Sync) {
    let (writes, complete) = undisturbed();
    let disturbed = |number: usize| {
        let account = Account::unused();
        let program = Program::new(&account);
        let proxy = Proxy::start(ministack(), Some((number, fault)));
        let outcome = disturb(&program, &proxy);
        let action = proxy.writes().get(number - 1).cloned().unwrap_or_else(|| panic!("there is no write {number}"));
        let outcome = outcome.and_then(|()| finishes(&program, &account, &complete));
        outcome.err().map(|failure| format!("{fault:?} at write {number}, {action}: {failure}"))
    };
    let failures: Vec<_> = thread::scope(|scope| {
        let disturbed = &disturbed;
        let all: Vec<_> = (1..=writes.len()).map(|number| scope.spawn(move || disturbed(number))).collect();
        all.into_iter().filter_map(|each| each.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), writes.len(), failures.join("\n"));
}

/// Applies again, and compares with what an apply leaves that nothing disturbed.
fn finishes(program: &Program, account: &Account, complete: &Inventory) -> Result<(), String> {
    for arguments in [APPLY, ["plan", "--detailed-exitcode"]] {
        let output = program.run(ministack(), &arguments);
        if output.status.code() != Some(0) {
            return Err(format!("{arguments:?} after it: {}\n{}", output.status, text(&output)));
        }
    }
    let left = account.inventory();
    if left == *complete { Ok(()) } else { Err(format!("left {left:?}, not {complete:?}")) }
}

/// Lets the apply run to its end, whatever that is.
fn apply(program: &Program, proxy: &Proxy) -> Result<(), String> {
    let output = program.run(proxy.address, &APPLY);
    match output.status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(format!("{}\n{}", output.status, text(&output))),
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_found_by_the_next_apply() {
    each_write(Fault::Unanswered, apply);
}

#[test]
fn a_write_that_the_service_failed_to_do_is_done_by_the_next_apply() {
    each_write(Fault::FailsBefore, apply);
}

#[test]
fn a_write_that_the_service_did_and_reported_as_failed_is_found_by_the_next_apply() {
    each_write(Fault::FailsAfter, apply);
}

#[test]
fn a_write_that_is_throttled_is_repeated_within_the_apply() {
    each_write(Fault::Throttled, |program, proxy| {
        let output = program.run(proxy.address, &APPLY);
        if output.status.success() { Ok(()) } else { Err(text(&output)) }
    });
}

#[test]
fn a_program_that_is_killed_after_any_write_is_finished_by_the_next_apply() {
    each_write(Fault::Held, |program, proxy| {
        let mut process = program.start(proxy.address, &APPLY);
        let held = proxy.wait_until_held(Duration::from_secs(30));
        // SIGKILL, where there are signals: it has no chance to put anything in order.
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();
        if held { Ok(()) } else { Err(format!("the write did not come\n{}", text(&output))) }
    });
}
