//! Runs that stand still between two of their requests, and leases that are given back while the last write is not settled.

use std::time::Duration;

use palisade_engine::{StateError, Store};
use tokio::time::{Instant, sleep};

use crate::{
    runs::run,
    shared::{FIRST, NEXT, TTL, begun, begun_by, history, keys, new_state, objects, record, store, take},
    shared_network::{Call, Fate, Network},
};

const FIFTH: &str = "shop/log/00000000000000000005.json";
const SIXTH: &str = "shop/log/00000000000000000006.json";

#[test]
fn a_run_that_reads_the_log_only_after_another_one_has_begun_does_not_begin() {
    run(async {
        for releases in [false, true] {
            let objects = objects();
            begun(&objects, "0").await.release().await.unwrap();
            let network = Network::new(&objects, &[]);
            // The first run takes the lease, and is stopped before it reads the log.
            network.stall(Call::List, TTL * 4);
            let (first, second) = (store(&network, "1"), store(&objects, "2"));
            let overtake = async {
                sleep(Duration::from_secs(1)).await;
                let writer = second.lock("second", &mut |_| {}).await.unwrap();
                writer.append(&[record(4, "2")]).await.unwrap();
                if releases {
                    writer.release().await.unwrap();
                }
            };
            let mut ignore = |_: &str| {};
            let (late, ()) = tokio::join!(first.lock("first", &mut ignore), overtake);
            assert!(matches!(late.map(drop), Err(StateError::LeaseLost { .. })), "it is behind the fence: {releases}");
        }
    });
}

#[test]
fn a_fence_that_was_put_where_an_entry_was_deleted_meanwhile_is_put_again() {
    run(async {
        let objects = objects();
        let first = store(&objects, "1");
        let writer = begun_by(first, "1").await;
        let network = Network::new(&objects, &[]);
        // The second run has read the log, and is stopped before it writes its fence.
        network.stall(Call::PutEntry, TTL * 2);
        let second = store(&network, "2");
        let go_on = async {
            sleep(TTL * 2).await;
            writer.append(&[record(4, "1")]).await.unwrap();
            let state = store(&objects, "reader").load().await.unwrap().unwrap();
            writer.replace(&state).await.unwrap();
            first.tidy().await;
            assert_eq!(keys(&objects).await, ["shop/lease.json", FIRST, FIFTH], "the fence would go to the fourth");
        };
        let mut ignore = |_: &str| {};
        let (next, ()) = tokio::join!(second.lock("second", &mut ignore), go_on);
        let next = next.unwrap();
        assert_eq!(keys(&objects).await, ["shop/lease.json", FIRST, NEXT, FIFTH, SIXTH]);
        assert!(matches!(writer.append(&[record(5, "1")]).await, Err(StateError::Overtaken { .. })));
        next.append(&[record(5, "2")]).await.unwrap();
        let kept = store(&objects, "reader").load().await.unwrap().unwrap();
        let writers: Vec<_> = history(&kept).into_values().collect();
        assert_eq!(writers, ["1", "1", "1", "2"]);
    });
}

#[test]
fn a_fence_outlives_all_whole_states_that_later_runs_write() {
    run(async {
        let objects = objects();
        let network = Network::new(&objects, &[]);
        let first = begun(&network, "1").await;
        // The first run is stopped before it sends its next write.
        network.stall(Call::PutEntry, TTL * 4);
        let others = async {
            let state = store(&objects, "reader").load().await.unwrap().unwrap();
            // The second run writes a fence. The third run only reads of it in the whole state that the second has written.
            for run in ["2", "3"] {
                let store = store(&objects, run);
                let writer = store.lock(run, &mut |_| {}).await.unwrap();
                writer.replace(&state).await.unwrap();
                writer.release().await.unwrap();
                store.tidy().await;
            }
            assert_eq!(keys(&objects).await, ["shop/lease.json", FIRST, NEXT, SIXTH]);
        };
        let late = [record(4, "1")];
        let (late, ()) = tokio::join!(first.append(&late), others);
        assert!(matches!(late, Err(StateError::Overtaken { .. })), "{late:?}");
    });
}

#[test]
fn a_renewal_without_an_answer_lasts_no_longer_than_the_lease() {
    run(async {
        let network = Network::new(&objects(), &[]);
        let writer = take(&network, "1").await.unwrap();
        let begin = Instant::now();
        network.stall(Call::PutLease, TTL * 10);
        let down = async {
            sleep(TTL / 2).await;
            network.set_down(true);
        };
        let (lost, ()) = tokio::join!(writer.keep(), down);
        assert!(matches!(lost, StateError::LeaseLost { .. }), "{lost}");
        assert!(begin.elapsed() < TTL, "{:?}", begin.elapsed());
    });
}

#[test]
fn a_run_that_gives_its_lease_back_sends_no_call_meanwhile() {
    run(async {
        for stalled in [Call::PutEntry, Call::PutLease] {
            let objects = objects();
            // The last write before it is not settled.
            let fates = [Fate::Answered; 3].into_iter().chain([Fate::NotSent; 6]).collect::<Vec<_>>();
            let network = Network::new(&objects, &fates);
            let writer = take(&network, "1").await.unwrap();
            writer.replace(&new_state()).await.unwrap();
            writer.append(&[record(2, "1")]).await.unwrap_err();
            let hold = writer.hold();
            hold.check().unwrap();
            network.stall(stalled, Duration::from_secs(2));
            let check = async {
                sleep(Duration::from_secs(1)).await;
                assert!(matches!(hold.check(), Err(StateError::LeaseLost { .. })), "{stalled:?}");
            };
            let (released, ()) = tokio::join!(writer.release(), check);
            released.unwrap();
        }
    });
}

#[test]
fn what_became_of_the_last_write_is_found_out_before_a_lease_is_given_back() {
    run(async {
        for fate in [Fate::NotSent, Fate::AnswerLost, Fate::Late(100)] {
            let objects = objects();
            let fates = [Fate::Answered; 3].into_iter().chain([fate; 6]).collect::<Vec<_>>();
            let first = take(&Network::new(&objects, &fates), "1").await.unwrap();
            first.replace(&new_state()).await.unwrap();
            first.append(&[record(2, "1")]).await.unwrap_err();
            first.release().await.unwrap();
            let begin = Instant::now();
            let second = take(&objects, "2").await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO, "{fate:?}: the second waits for the first");
            second.append(&[record(3, "2")]).await.unwrap();
            sleep(Duration::from_secs(200)).await;
            let kept = store(&objects, "3").load().await.unwrap().unwrap();
            assert_eq!(history(&kept).into_values().collect::<Vec<_>>(), ["1", "2"], "{fate:?}");
        }
    });
}

#[test]
fn a_lease_is_not_given_back_while_a_write_may_yet_come() {
    run(async {
        let objects = objects();
        // Neither the write nor the attempt to find out what became of it gets an answer.
        let fates = [Fate::Answered; 3].into_iter().chain([Fate::Late(100); 12]).collect::<Vec<_>>();
        let first = take(&Network::new(&objects, &fates), "1").await.unwrap();
        first.replace(&new_state()).await.unwrap();
        first.append(&[record(2, "1")]).await.unwrap_err();
        assert!(matches!(first.release().await, Err(StateError::Unreachable { .. })), "the user is told");
        let second = take(&objects, "2").await.unwrap();
        let mut state = store(&objects, "3").load().await.unwrap().unwrap();
        assert_eq!(state.serial, 1);
        second.append(&[record(2, "2")]).await.unwrap();
        state.apply(&record(2, "2").change);
        second.replace(&state).await.unwrap();
        sleep(Duration::from_secs(200)).await;
        assert_eq!(store(&objects, "3").load().await.unwrap(), Some(state), "it has found the fence");
    });
}

#[test]
fn a_lease_is_not_given_back_while_a_call_may_yet_have_its_effect() {
    run(async {
        let objects = objects();
        let (first, begin) = (take(&objects, "1").await.unwrap(), Instant::now());
        first.hold().leave_unanswered();
        assert!(matches!(first.release().await, Err(StateError::Unanswered { .. })));
        let _second = take(&objects, "2").await.unwrap();
        assert!(begin.elapsed() >= TTL, "{:?}", begin.elapsed());
    });
}
