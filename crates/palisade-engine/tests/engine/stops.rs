//! A run that is asked to stop at any moment.

use std::pin::pin;

use palisade_core::Graph;
use palisade_engine::{ApplyOptions, Plan, Report, apply};
use proptest::prelude::*;
use tokio::sync::watch;

use crate::{
    account::Account,
    random::{edit, graph_of},
    runs::{planned, run, state, up},
};

/// Applies `plan`, and asks for the end just before the apply goes on for the time numbered `moment`. `None` if it was over by then.
async fn stopped_at(moment: usize, account: &Account, graph: &Graph, plan: &Plan) -> Option<Report> {
    let (stop, receiver) = watch::channel(false);
    let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
    let mut listener = |_| {};
    let mut apply = pin!(apply(account, account, state(account), graph, plan, &options, &mut listener));
    let (mut moments, mut calls) = (0, None);
    let report = std::future::poll_fn(|context| {
        if moments == moment {
            stop.send_replace(true);
            calls = Some(account.lock().calls.len());
        }
        moments += 1;
        apply.as_mut().poll(context)
    });
    let report = report.await.unwrap();
    assert_eq!(account.lock().calls.len(), calls?, "a call was sent after the stop: {:?}", account.lock().calls);
    Some(report)
}

/// Stops the way from `before` to `after` at each moment in turn, and goes on with it.
fn stop_everywhere(before: &Graph, after: &Graph) {
    run(async {
        let account = Account::default();
        up(&account, before).await;
        let Ok(plan) = planned(&account, after).await else { return };
        let (add, change, destroy) = plan.counts();
        let world = account.lock().world.clone();
        let saved = account.lock().saved.clone();
        for moment in 0.. {
            let account = Account::of(world.clone(), saved.clone());
            let Some(report) = stopped_at(moment, &account, after, &plan).await else { return };
            assert!(report.failures.is_empty() && report.skipped.is_empty(), "{report:?}");
            let done = report.added + report.changed + report.destroyed;
            let left = report.interrupted.len() + report.not_begun.len();
            assert_eq!(done + left, add + change + destroy, "{report:?}");
            assert!(report.interrupted.iter().all(|interruption| interruption.is_answered));
            up(&account, after).await;
        }
    });
}

proptest! {
    #![proptest_config(crate::config(15))]

    #[test]
    fn the_next_run_goes_on_from_every_stop((before, after) in edit()) {
        stop_everywhere(&graph_of(&before), &graph_of(&after));
    }

    #[test]
    fn a_destruction_goes_on_from_every_stop((before, _) in edit()) {
        stop_everywhere(&graph_of(&before), &Graph::empty("test"));
    }
}
