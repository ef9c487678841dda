//! A run that is asked to stop at any moment.

use std::{pin::pin, sync::atomic::Ordering, time::Duration};

use palisade_core::Graph;
use palisade_engine::{ApplyOptions, Plan, Report, StateError, apply};
use proptest::prelude::*;
use tokio::{sync::watch, time::sleep};

use crate::{
    account::Account,
    kinds::users,
    random::{edit, graph_of},
    runs::{planned, run, state, up},
};

/// What ends a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// It is asked to stop.
    Stop,
    /// The stack is no longer held.
    LostHold,
}

/// Applies `plan`, and ends the run just before the apply goes on for the time numbered `moment`. `None` if it was over by then.
async fn ended_at(
    moment: usize,
    end: End,
    account: &Account,
    graph: &Graph,
    plan: &Plan,
) -> Option<Result<Report, StateError>> {
    let (stop, receiver) = watch::channel(false);
    let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
    let mut listener = |_| {};
    let mut lock = account.held().await;
    let mut apply = pin!(apply(account, &mut lock, state(account), graph, plan, &options, &mut listener));
    let (mut moments, mut calls) = (0, None);
    let result = std::future::poll_fn(|context| {
        if moments == moment {
            match end {
                End::Stop => _ = stop.send_replace(true),
                End::LostHold => account.lock().is_lost.store(true, Ordering::Relaxed),
            }
            calls = Some(account.lock().calls.len());
        }
        moments += 1;
        apply.as_mut().poll(context)
    });
    let result = result.await;
    assert_eq!(account.lock().calls.len(), calls?, "a call was sent after the end: {:?}", account.lock().calls);
    Some(result)
}

async fn stopped_at(moment: usize, account: &Account, graph: &Graph, plan: &Plan) -> Option<Report> {
    Some(ended_at(moment, End::Stop, account, graph, plan).await?.unwrap())
}

/// The plan from `before` to `after`, if there is one, and what makes the account in which `before` is applied.
async fn changing(before: &Graph, after: &Graph) -> Option<(Plan, impl Fn() -> Account)> {
    let account = Account::default();
    up(&account, before).await;
    let plan = planned(&account, after).await.ok()?;
    let world = account.lock().world.clone();
    let saved = account.lock().saved.clone();
    Some((plan, move || Account::of(world.clone(), saved.clone())))
}

/// Stops the way from `before` to `after` at each moment in turn, and goes on with it.
fn stop_everywhere(before: &Graph, after: &Graph) {
    run(async {
        let Some((plan, account)) = changing(before, after).await else { return };
        let (add, change, destroy) = plan.counts();
        for moment in 0.. {
            let account = account();
            let Some(report) = stopped_at(moment, &account, after, &plan).await else { return };
            assert!(report.failures.is_empty() && report.skipped.is_empty(), "{report:?}");
            let done = report.added + report.changed + report.destroyed;
            let left = report.interrupted.len() + report.not_begun.len();
            assert_eq!(done + left, add + change + destroy, "{report:?}");
            assert!(report.interrupted.iter().all(|interruption| interruption.is_answered));
            assert!(!account.lock().is_unanswered.load(Ordering::Relaxed));
            up(&account, after).await;
        }
    });
}

/// Takes the lock away on the way from `before` to `after`, at each moment in turn, and goes on with it.
fn lose_everywhere(before: &Graph, after: &Graph) {
    run(async {
        let Some((plan, account)) = changing(before, after).await else { return };
        for moment in 0.. {
            let account = account();
            let Some(result) = ended_at(moment, End::LostHold, &account, after, &plan).await else { return };
            match result {
                Err(StateError::LeaseLost { .. }) => {}
                // Nothing was left to be sent.
                Ok(report) => assert!(report.is_complete(), "{report:?}"),
                Err(error) => panic!("{error:?}"),
            }
            account.lock().is_lost.store(false, Ordering::Relaxed);
            up(&account, after).await;
        }
    });
}

/// Lets each write of the state fail in turn on the way from `before` to `after`, and goes on with it.
fn fail_each_save(before: &Graph, after: &Graph) {
    run(async {
        let Some((plan, account)) = changing(before, after).await else { return };
        for number in 1.. {
            let account = account();
            account.lock().failing_save = Some(number);
            let options = ApplyOptions::default();
            let result =
                apply(&account, &mut account.held().await, state(&account), after, &plan, &options, &mut |_| {}).await;
            let Some(calls) = account.lock().calls_before_failure else {
                assert!(result.unwrap().is_complete());
                return;
            };
            assert!(matches!(result, Err(StateError::Io { .. })), "{result:?}");
            assert_eq!(account.lock().calls.len(), calls, "after the failed write: {:?}", account.lock().calls);
            up(&account, after).await;
        }
    });
}

#[test]
fn what_others_deleted_stays_on_record_until_its_creation_begins() {
    run(async {
        let (account, program) = (Account::default(), users(&[("a", "one"), ("b", "two")]));
        up(&account, &program).await;
        account.lock().world.objects.clear();
        let before = state(&account).resources;
        let plan = planned(&account, &program).await.unwrap();
        assert_eq!(plan.counts(), (2, 0, 0));
        stopped_at(0, &account, &program, &plan).await.unwrap();
        assert_eq!(state(&account).resources, before);
        up(&account, &program).await;
    });
}

#[test]
fn a_call_that_is_not_answered_in_time_is_reported_and_keeps_the_hold() {
    run(async {
        let (account, program) = (Account::default(), users(&[("a", "one")]));
        let plan = planned(&account, &program).await.unwrap();
        account.lock().pace = ApplyOptions::default().patience * 2;
        let (stop, receiver) = watch::channel(false);
        let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
        let mut listener = |_| {};
        let mut lock = account.held().await;
        let apply = apply(&account, &mut lock, state(&account), &program, &plan, &options, &mut listener);
        let interrupt = async {
            sleep(Duration::from_secs(1)).await;
            stop.send_replace(true);
        };
        let (report, ()) = tokio::join!(apply, interrupt);
        let answered: Vec<_> = report.unwrap().interrupted.iter().map(|each| each.is_answered).collect();
        assert_eq!(answered, [false]);
        assert!(account.lock().is_unanswered.load(Ordering::Relaxed));
    });
}

proptest! {
    #![proptest_config(crate::config(15))]

    #[test]
    fn no_call_starts_once_the_lock_is_lost_and_the_next_run_goes_on((before, after) in edit()) {
        lose_everywhere(&graph_of(&before), &graph_of(&after));
    }

    #[test]
    fn no_call_starts_once_a_write_of_the_state_has_failed_and_the_next_run_goes_on((before, after) in edit()) {
        fail_each_save(&graph_of(&before), &graph_of(&after));
    }

    #[test]
    fn the_next_run_goes_on_from_every_stop((before, after) in edit()) {
        stop_everywhere(&graph_of(&before), &graph_of(&after));
    }

    #[test]
    fn a_destruction_goes_on_from_every_stop((before, _) in edit()) {
        stop_everywhere(&graph_of(&before), &Graph::empty("test"));
    }
}
