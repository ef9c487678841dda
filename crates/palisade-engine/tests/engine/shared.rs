//! The state that several people share: who may write, and that nothing is lost or overwritten.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use insta::assert_snapshot;
use palisade_core::{Address, Graph, JsonMap, provider::Token};
use palisade_engine::{
    ApplyOptions, Change, Condition, LocalStore, Lock, MemoryObjects, MemoryStore, Objects, Record, RemoteStore, State,
    StateError, Store, apply,
};
use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    account::Account,
    random::{edit, graph_of},
    runs::{planned, run, up},
    schema,
    shared_network::{Call, Fate, Network, Numbers},
};

/// The lease of these tests lasts as long as that of a user.
pub(crate) const TTL: Duration = Duration::from_secs(60);

pub(crate) fn new_state() -> State {
    State { serial: 1, ..State::new("shop", "00112233445566778899aabbccddeeff") }
}

/// A change that no other one equals, so that a state shows all that it was made of.
pub(crate) fn record(serial: u64, name: &str) -> Record {
    let address = Address::new("Net", format!("s{serial}-{name}"));
    let token = Token { stack: "shop".to_owned(), resource: address.to_string(), digest: "0a".repeat(32) };
    let (inputs, depends_on, released) = (JsonMap::new(), BTreeSet::new(), BTreeSet::new());
    let (keep_old, at_deletion) = (false, JsonMap::new());
    Record { serial, change: Change::Begun { address, keep_old, token, inputs, depends_on, released, at_deletion } }
}

/// The serials of the changes that a state was made of, and who made each.
pub(crate) fn history(state: &State) -> BTreeMap<u64, String> {
    let pair = |address: &Address| {
        let (serial, name) = address.name()[1..].split_once('-').unwrap();
        (serial.parse().unwrap(), name.to_owned())
    };
    let history: BTreeMap<_, _> = state.resources.keys().map(pair).collect();
    assert_eq!(history.len(), state.resources.len(), "two changes have the same serial: {history:?}");
    history
}

/// The store of a run. It lives as long as the tests, so that its writer may too.
pub(crate) fn store(objects: &Arc<impl Objects + 'static>, run: &str) -> &'static RemoteStore {
    Box::leak(Box::new(RemoteStore::new(Arc::clone(objects) as Arc<dyn Objects>, "shop", run)))
}

pub(crate) fn objects() -> Arc<MemoryObjects> {
    Arc::default()
}

/// A writer that has written a state of some changes.
pub(crate) async fn begun(objects: &Arc<impl Objects + 'static>, run: &str) -> Lock<'static> {
    begun_by(store(objects, run), run).await
}

/// A writer of this store that has done so.
pub(crate) async fn begun_by(store: &'static RemoteStore, run: &str) -> Lock<'static> {
    let writer = store.lock(run, &mut |_| {}).await.unwrap();
    writer.replace(&new_state()).await.unwrap();
    writer.append(&[record(2, run), record(3, run)]).await.unwrap();
    writer
}

/// Takes the lease. If the writer is dropped, nothing gives it back, as when the process is killed.
pub(crate) async fn take(objects: &Arc<impl Objects + 'static>, run: &str) -> Result<Lock<'static>, StateError> {
    store(objects, run).lock(run, &mut |_| {}).await
}

pub(crate) async fn keys(objects: &MemoryObjects) -> Vec<String> {
    objects.list("").await.unwrap()
}

async fn text(objects: &MemoryObjects, key: &str) -> String {
    String::from_utf8(objects.get(key).await.unwrap().unwrap().bytes).unwrap()
}

async fn write(objects: &MemoryObjects, key: &str, text: &str) {
    objects.delete(key).await.unwrap();
    objects.put(key, text.as_bytes(), Condition::Absent).await.unwrap();
}

pub(crate) const FIRST: &str = "shop/log/00000000000000000001.json";
pub(crate) const STATE: &str = "shop/log/00000000000000000002.json";
pub(crate) const RECORDS: &str = "shop/log/00000000000000000003.json";
pub(crate) const NEXT: &str = "shop/log/00000000000000000004.json";

#[test]
fn the_objects_are_documents() {
    run(async {
        let objects = objects();
        drop(begun(&objects, "run 1").await);
        assert_eq!(keys(&objects).await, ["shop/lease.json", FIRST, STATE, RECORDS]);
        for key in keys(&objects).await {
            schema::assert_valid(&text(&objects, &key).await);
        }
        assert_snapshot!(text(&objects, "shop/lease.json").await, @r#"{"format":3,"checksum":"046fb363470179e1c6a870a290f4a4c0f9b60f7eab28e3f184a328f1fcf757a9","lease":{"stack":"shop","fencing":1,"holder":"run 1","run":"run 1","ttl":60000,"renewals":0,"is_free":false,"serial":0}}"#);
        assert!(text(&objects, FIRST).await.contains(r#""content":{"Fence":{"holder":"run 1","run":"run 1"}}"#));
        assert!(text(&objects, STATE).await.contains(
            r#""content":{"State":{"state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"#
        ));
        let records = text(&objects, RECORDS).await;
        assert!(
            records.contains(r#""entry":{"stack":"shop","position":3,"fencing":1,"content":{"Records":[{"serial":2,"#)
        );
    });
}

#[test]
fn what_was_written_is_loaded() {
    run(async {
        let objects = objects();
        assert_eq!(store(&objects, "a").load().await.unwrap(), None);
        assert_eq!(keys(&objects).await, [""; 0], "reading writes nothing");
        let store_a = store(&objects, "a");
        let writer = begun_by(store_a, "a").await;
        let mut state = new_state();
        state.apply(&record(2, "a").change);
        state.apply(&record(3, "a").change);
        assert_eq!(store(&objects, "b").load().await.unwrap(), Some(state.clone()));
        // What the store has is left out, and what is between it and the change is missed.
        writer.append(&[record(3, "a"), record(4, "a")]).await.unwrap();
        state.apply(&record(4, "a").change);
        let written = keys(&objects).await;
        writer.append(&[record(3, "a"), record(4, "a")]).await.unwrap();
        assert_eq!(keys(&objects).await, written, "nothing is new");
        assert!(matches!(
            writer.append(&[record(6, "a")]).await,
            Err(StateError::TakenBack { found: 4, expected: 5, .. })
        ));
        writer.replace(&state).await.unwrap();
        assert_eq!(store(&objects, "b").load().await.unwrap(), Some(state));
        let whole = "shop/log/00000000000000000005.json";
        assert!(keys(&objects).await.contains(&STATE.to_owned()), "a write waits for no removal");
        store_a.tidy().await;
        assert_eq!(
            keys(&objects).await,
            ["shop/lease.json", FIRST, whole],
            "what is in the state is removed, but fences"
        );
    });
}

#[test]
fn a_reader_begins_anew_when_what_it_has_listed_is_removed_before_it_is_read() {
    run(async {
        let objects = objects();
        let writing = store(&objects, "1");
        let writer = begun_by(writing, "1").await;
        let state = writing.load().await.unwrap();
        let network = Network::new(&objects, &[]);
        network.stall(Call::GetEntry, Duration::from_secs(2));
        let remove = async {
            sleep(Duration::from_secs(1)).await;
            writer.replace(state.as_ref().unwrap()).await.unwrap();
            writing.tidy().await;
            assert!(!keys(&objects).await.contains(&RECORDS.to_owned()));
        };
        let (loaded, ()) = tokio::join!(store(&network, "2").load(), remove);
        assert_eq!(loaded.unwrap(), state);
    });
}

#[test]
fn a_change_costs_the_same_however_long_the_run() {
    run(async {
        let objects = objects();
        let long = store(&objects, "a");
        let writer = begun_by(long, "a").await;
        for serial in 4..1500 {
            writer.append(&[record(serial, &"x".repeat(2000))]).await.unwrap();
        }
        assert_eq!(store(&objects, "b").load().await.unwrap().unwrap().serial, 1499);
        // What a reader needs is what remains.
        long.tidy().await;
        assert_eq!(store(&objects, "b").load().await.unwrap().unwrap().serial, 1499);
        let needed = keys(&objects).await.len();
        assert!(needed < 1000, "a long log becomes a part of the state: {needed}");
    });
}

#[test]
fn of_two_that_race_one_wins_and_the_other_is_told_who() {
    run(async {
        let objects = objects();
        let (first, second) = (store(&objects, "1"), store(&objects, "2"));
        let (mut told_first, mut told_second) = (Vec::new(), Vec::new());
        let mut tell_first = |holder: &str| told_first.push(holder.to_owned());
        let mut tell_second = |holder: &str| told_second.push(holder.to_owned());
        let holding = async {
            let writer = first.lock("apply, process 1", &mut tell_first).await.unwrap();
            timeout(TTL * 3, writer.keep()).await.unwrap_err();
            writer.hold().check().unwrap();
            writer.release().await.unwrap();
        };
        let refused = async {
            let begin = Instant::now();
            let Err(error) = second.lock("apply, process 2", &mut tell_second).await else { panic!("both have it") };
            assert!(begin.elapsed() < TTL, "whoever is at work shows it before that");
            error
        };
        let ((), error) = tokio::join!(holding, refused);
        assert_snapshot!(error, @"the stack `shop` is locked by apply, process 1");
        assert_eq!((told_first, told_second), (vec![], vec!["apply, process 1".to_owned()]));
    });
}

#[test]
fn whoever_waits_gets_what_is_given_back() {
    run(async {
        let objects = objects();
        let (first, second) = (store(&objects, "1"), store(&objects, "2"));
        let writer = first.lock("first", &mut |_| {}).await.unwrap();
        let release = async {
            sleep(TTL / 6).await;
            writer.release().await.unwrap();
        };
        let mut ignore = |_: &str| {};
        let ((), taken) = tokio::join!(release, second.lock("second", &mut ignore));
        taken.unwrap().release().await.unwrap();
        assert_eq!(keys(&objects).await, ["shop/lease.json", FIRST], "what was given back needs no fence");
    });
}

#[test]
fn the_lease_of_a_crashed_run_ends_by_itself() {
    run(async {
        let objects = objects();
        drop(begun(&objects, "1").await);
        let begin = Instant::now();
        let second = store(&objects, "2");
        let mut told = Vec::new();
        let mut tell = |holder: &str| told.push(holder.to_owned());
        let writer = second.lock("second", &mut tell).await.unwrap();
        assert!((TTL..TTL + TTL / 6).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        assert_eq!(second.load().await.unwrap().unwrap().serial, 3);
        writer.append(&[record(4, "2")]).await.unwrap();
        writer.release().await.unwrap();
        assert_eq!(told, ["1"]);
    });
}

#[test]
fn a_lease_lasts_as_long_as_its_holder_says_and_not_as_that_of_the_next_run() {
    run(async {
        let objects = objects();
        let lasting =
            |run: &str, ttl| RemoteStore::new(Arc::clone(&objects) as Arc<dyn Objects>, "shop", run).with_ttl(ttl);
        let (first, second) = (lasting("1", TTL * 2), lasting("2", TTL / 6));
        drop(first.lock("first", &mut |_| {}).await.unwrap());
        let begin = Instant::now();
        second.lock("second", &mut |_| {}).await.unwrap().release().await.unwrap();
        assert!((TTL * 2..TTL * 3).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    });
}

#[test]
fn a_run_that_was_paused_past_its_lease_writes_nothing_any_more() {
    run(async {
        for (is_released, replaces) in [(false, false), (false, true), (true, false), (true, true)] {
            let objects = objects();
            let first = begun(&objects, "1").await;
            first.hold().check().unwrap();
            let second = store(&objects, "2");
            let writer = second.lock("second", &mut |_| {}).await.unwrap();
            let mut state = second.load().await.unwrap().unwrap();
            if replaces {
                state.serial += 1;
                writer.replace(&state).await.unwrap();
            }
            if is_released {
                writer.release().await.unwrap();
            }
            let (before, written) = (second.load().await.unwrap(), keys(&objects).await);
            // The first one wakes up.
            assert!(matches!(first.hold().check(), Err(StateError::LeaseLost { .. })));
            let next = record(4, "1");
            let Err(StateError::Overtaken { path, .. }) = first.append(std::slice::from_ref(&next)).await else {
                panic!("it has written over what another run has written");
            };
            assert_eq!(path.to_str().unwrap(), format!("memory://{NEXT}"), "where the other one has come before");
            state.apply(&next.change);
            assert!(matches!(first.replace(&state).await, Err(StateError::Overtaken { .. })));
            assert!(matches!(first.append(&[next]).await, Err(StateError::Overtaken { .. })), "however often it tries");
            assert_eq!((second.load().await.unwrap(), keys(&objects).await), (before, written));
        }
    });
}

#[test]
fn a_question_may_remain_open_for_long_as_long_as_nobody_else_comes() {
    run(async {
        let objects = objects();
        let writer = take(&objects, "first").await.unwrap();
        let nothing = State { serial: 0, ..new_state() };
        sleep(TTL * 60).await;
        writer.begin(&nothing).await.unwrap();
        writer.hold().check().unwrap();
        sleep(TTL * 60).await;
        drop(take(&objects, "second").await.unwrap());
        assert_snapshot!(writer.begin(&nothing).await.unwrap_err(), @"this run has lost the lock of the stack `shop`: it ran out, and second has taken it over");
    });
}

#[test]
fn a_run_that_cannot_renew_its_lease_says_so_before_another_one_may_begin() {
    run(async {
        let objects = objects();
        let network = Network::new(&objects, &[]);
        let writer = take(&network, "1").await.unwrap();
        network.set_down(true);
        timeout(TTL / 2, writer.keep()).await.unwrap_err();
        writer.hold().check().unwrap();
        // Whether the failed renewal or the end of the time shows first depends on the machine's two clocks.
        let reason = "this run has lost the lock of the stack `shop`: it was not renewed for 50 s: ";
        let lost = timeout(TTL / 3 + Duration::from_secs(1), writer.keep()).await.unwrap().to_string();
        assert!(lost.starts_with(reason), "{lost}");
        let refused = writer.hold().check().unwrap_err().to_string();
        assert!(refused.starts_with(reason), "{refused}");
        // What it has done is recorded if it still can be.
        network.set_down(false);
        writer.replace(&new_state()).await.unwrap();
        assert_eq!(store(&objects, "2").load().await.unwrap(), Some(new_state()));
        assert!(writer.hold().check().is_err());
    });
}

/// A store on a machine that has slept for so many seconds.
fn on_laptop(objects: &Arc<MemoryObjects>, run: &str) -> (RemoteStore, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let slept = Arc::clone(&seconds);
    let store = RemoteStore::new(Arc::clone(objects) as Arc<dyn Objects>, "shop", run);
    (store.with_sleep(move || Duration::from_secs(slept.load(Ordering::Relaxed))), seconds)
}

#[test]
fn a_lease_ends_while_the_machine_sleeps() {
    run(async {
        for seconds in [30, 48, 49, 50, 5000] {
            let objects = objects();
            let (first, slept) = on_laptop(&objects, "1");
            let writer = first.lock("first", &mut |_| {}).await.unwrap();
            timeout(Duration::from_secs(1), writer.keep()).await.unwrap_err();
            // No timer knows that the machine sleeps.
            slept.store(seconds, Ordering::Relaxed);
            let checked = writer.hold().check();
            if seconds < 49 {
                checked.unwrap();
                // It renews the lease in the time that is left.
                timeout(Duration::from_secs(1), writer.keep()).await.unwrap_err();
                sleep(Duration::from_secs(40)).await;
                writer.hold().check().unwrap();
            } else {
                assert!(matches!(checked, Err(StateError::LeaseLost { .. })), "{seconds}");
            }
        }
    });
}

#[test]
fn a_machine_that_falls_asleep_before_it_renews_its_lease_does_so_when_it_wakes() {
    run(async {
        let objects = objects();
        let (first, slept) = on_laptop(&objects, "1");
        let writer = first.lock("first", &mut |_| {}).await.unwrap();
        let keep = async { timeout(Duration::from_secs(12), writer.keep()).await.unwrap_err() };
        let fall_asleep = async {
            sleep(Duration::from_secs(10)).await;
            // The next renewal is due in 10 s of tokio's clock, which is after the lease has ended.
            slept.store(38, Ordering::Relaxed);
        };
        tokio::join!(keep, fall_asleep);
        sleep(Duration::from_secs(40)).await;
        writer.hold().check().unwrap();
    });
}

#[test]
fn a_run_that_slept_while_it_waited_takes_over_no_earlier() {
    run(async {
        let objects = objects();
        drop(begun(&objects, "1").await);
        let (second, slept) = on_laptop(&objects, "2");
        let begin = Instant::now();
        let mut fall_asleep = |_: &str| slept.store(5000, Ordering::Relaxed);
        second.lock("second", &mut fall_asleep).await.unwrap().release().await.unwrap();
        assert!(begin.elapsed() >= TTL, "{:?}", begin.elapsed());
    });
}

#[test]
fn a_write_whose_answer_was_lost_is_recognised() {
    run(async {
        for fate in [Fate::AnswerLost, Fate::NotSent, Fate::Late(0), Fate::Late(1)] {
            for at in 0..5 {
                let objects = objects();
                let mut fates = vec![Fate::Answered; at];
                fates.push(fate);
                let begin = Instant::now();
                let first = begun(&Network::new(&objects, &fates), "1").await;
                first.append(&[record(4, "1")]).await.unwrap();
                assert!(begin.elapsed() < TTL / 12, "{fate:?} {at}: {:?}", begin.elapsed());
                let kept = store(&objects, "2").load().await.unwrap().unwrap();
                assert_eq!(history(&kept).into_keys().collect::<Vec<_>>(), [2, 3, 4], "{fate:?} {at}");
                assert_eq!(keys(&objects).await.len(), 5, "{fate:?} {at}: {:?}", keys(&objects).await);
            }
        }
    });
}

#[test]
fn a_write_that_was_given_up_and_comes_late_is_in_the_history_or_nowhere() {
    run(async {
        for late in [5, 30, 70, 200] {
            let objects = objects();
            let first = begun(&objects, "1").await;
            drop(first);
            let fates = [Fate::Answered; 2].into_iter().chain([Fate::Late(late); 6]).collect::<Vec<_>>();
            let second = store(&Network::new(&objects, &fates), "2");
            let writer = second.lock("second", &mut |_| {}).await.unwrap();
            assert!(matches!(writer.append(&[record(4, "2")]).await, Err(StateError::Unreachable { .. })));
            // The state holds what the failed write does: the end of a run tries once more.
            let mut state = second.load().await.unwrap().unwrap();
            if late < 60 {
                sleep(Duration::from_secs(late)).await;
                state = second.load().await.unwrap().unwrap();
                assert_eq!(state.serial, 4);
            } else {
                state.apply(&record(4, "2").change);
            }
            writer.replace(&state).await.unwrap();
            writer.release().await.unwrap();
            sleep(Duration::from_secs(300)).await;
            assert_eq!(store(&objects, "3").load().await.unwrap(), Some(state), "{late}");
        }
    });
}

#[test]
fn a_lease_is_given_back_by_a_run_that_cannot_read_the_log() {
    run(async {
        let objects = objects();
        let first = take(&objects, "1").await.unwrap();
        first.replace(&new_state()).await.unwrap();
        first.release().await.unwrap();
        let whole = text(&objects, STATE).await;
        write(&objects, STATE, "").await;
        assert!(matches!(take(&objects, "2").await.map(drop), Err(StateError::Empty { .. })));
        write(&objects, STATE, &whole).await;
        let begin = Instant::now();
        drop(take(&objects, "3").await.unwrap());
        assert_eq!(begin.elapsed(), Duration::ZERO, "the third waits for the second");
    });
}

#[test]
fn nothing_damaged_foreign_or_missing_is_taken_for_a_state() {
    run(async {
        let damaged = async |key: &str, text: Option<&str>| {
            let objects = objects();
            drop(begun(&objects, "1").await);
            match text {
                Some(text) => write(&objects, key, text).await,
                None => objects.delete(key).await.unwrap(),
            }
            store(&objects, "2").load().await
        };
        for key in [STATE, RECORDS, "shop/lease.json"] {
            assert!(matches!(damaged(key, Some("")).await, Err(StateError::Empty { .. })), "{key}");
            assert!(matches!(damaged(key, Some("{\"format\": 4}")).await, Err(StateError::Newer { .. })), "{key}");
            assert!(matches!(damaged(key, Some("{\"format\": 2, ")).await, Err(StateError::Corrupt { .. })), "{key}");
        }
        assert!(matches!(damaged(STATE, None).await, Err(StateError::Missing { .. })));
        assert!(matches!(damaged("shop/log/readme.txt", Some("")).await, Err(StateError::Corrupt { .. })));
        assert!(damaged("shop/log/", Some("")).await.unwrap().is_some(), "the console's folder");

        let objects = objects();
        drop(begun(&objects, "1").await);
        let copy = text(&objects, RECORDS).await;
        write(&objects, NEXT, &copy).await;
        assert_snapshot!(store(&objects, "2").load().await.unwrap_err(), @"the state file memory://shop/log/00000000000000000004.json is damaged: it was written for the position 3 of the log");
        write(&objects, RECORDS, &copy.replace("s2-1", "s2-2")).await;
        objects.delete(NEXT).await.unwrap();
        assert!(matches!(store(&objects, "2").load().await, Err(StateError::Corrupt { .. })));
        let other = RemoteStore::new(Arc::clone(&objects) as Arc<dyn Objects>, "bank", "3");
        write(&objects, "bank/log/00000000000000000003.json", &copy).await;
        assert!(matches!(other.load().await, Err(StateError::OtherStack { .. })));
    });
}

#[test]
fn a_state_that_somebody_has_deleted_is_not_a_new_stack() {
    run(async {
        let objects = objects();
        let first = take(&objects, "1").await.unwrap();
        first.replace(&new_state()).await.unwrap();
        first.append(&[record(2, "1")]).await.unwrap();
        first.release().await.unwrap();
        for lost in [vec![RECORDS], vec![RECORDS, STATE], vec![RECORDS, STATE, FIRST]] {
            for key in &lost {
                objects.delete(key).await.unwrap();
            }
            // A run that finds that out gives the stack back, and the next one finds the same.
            for run in ["2", "3"] {
                let error = store(&objects, run).load().await.unwrap_err();
                let is_expected = match lost.len() {
                    1 => matches!(error, StateError::TakenBack { found: 1, expected: 2, .. }),
                    _ => matches!(error, StateError::Missing { .. }),
                };
                assert!(is_expected, "{error:?}");
                if let Ok(writer) = take(&objects, run).await {
                    writer.release().await.unwrap();
                }
            }
        }
        assert_snapshot!(store(&objects, "2").load().await.unwrap_err(), @"the state file memory://shop/log/ is gone, and memory://shop/lease.json, which was kept with it, is still there");
    });
}

#[test]
fn a_lease_that_somebody_has_deleted_lets_no_two_write() {
    run(async {
        let objects = objects();
        let first = begun(&objects, "1").await;
        objects.delete("shop/lease.json").await.unwrap();
        let removed = Instant::now();
        let second = take(&objects, "2").await.unwrap();
        // By then, the first run has found out, and sends no call any more.
        let waited = removed.elapsed();
        assert!(waited >= TTL && waited < TTL * 2, "{waited:?}");
        let state = store(&objects, "3").load().await.unwrap().unwrap();
        second.replace(&state).await.unwrap();
        assert!(matches!(first.append(&[record(4, "1")]).await, Err(StateError::Overtaken { .. })));
        assert_eq!(store(&objects, "3").load().await.unwrap(), Some(state));
    });
}

#[test]
fn what_somebody_has_put_in_place_of_the_log_at_the_prompt_is_not_overwritten() {
    run(async {
        let log = async |changes: &[Record], whole: bool| {
            let objects = objects();
            let writer = begun(&objects, "1").await;
            writer.append(changes).await.unwrap();
            let state = store(&objects, "2").load().await.unwrap().unwrap();
            if whole {
                writer.replace(&state).await.unwrap();
            }
            (objects, state)
        };
        let changes = [record(4, "1")];
        let other = [record(4, "2")];
        let newer = [record(4, "1"), record(5, "1")];
        for (there, whole, expected) in [
            (None, false, "Gone"),
            (Some(&other[..]), false, "Replaced"),
            (Some(&newer[..]), false, "Overtaken"),
            (Some(&[]), false, "TakenBack"),
            // The same state, and another log of it.
            (Some(&changes[..]), true, "Replaced"),
        ] {
            let (objects, state) = log(&changes, false).await;
            let writer = take(&objects, "3").await.unwrap();
            let from = match there {
                Some(there) => Some(log(there, whole).await.0),
                None => None,
            };
            for key in objects.list("shop/log/").await.unwrap() {
                objects.delete(&key).await.unwrap();
            }
            for key in keys(from.as_deref().unwrap_or(&MemoryObjects::default())).await {
                if key.starts_with("shop/log/") {
                    write(&objects, &key, &text(from.as_ref().unwrap(), &key).await).await;
                }
            }
            let before = keys(&objects).await;
            let error = writer.begin(&state).await.unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
            assert_eq!(keys(&objects).await, before);
        }
    });
}

#[test]
fn a_damaged_lease_is_made_anew_once_it_is_removed() {
    run(async {
        let objects = objects();
        begun(&objects, "1").await.release().await.unwrap();
        write(&objects, "shop/lease.json", "{").await;
        let refused = take(&objects, "2").await.map(drop).unwrap_err();
        assert!(matches!(&refused, StateError::Corrupt { path, .. } if path.ends_with("lease.json")), "{refused}");
        objects.delete("shop/lease.json").await.unwrap();
        let writer = take(&objects, "2").await.unwrap();
        writer.append(&[record(4, "2")]).await.unwrap();
        writer.release().await.unwrap();
        assert_eq!(history(&store(&objects, "3").load().await.unwrap().unwrap()).len(), 3);
    });
}

#[test]
fn an_earlier_lease_that_somebody_has_put_back_lets_no_two_run() {
    run(async {
        let objects = objects();
        begun(&objects, "1").await.release().await.unwrap();
        let earlier = text(&objects, "shop/lease.json").await;
        let second = take(&objects, "2").await.unwrap();
        second.append(&[record(4, "2")]).await.unwrap();
        write(&objects, "shop/lease.json", &earlier).await;
        // It has the number of the second run next.
        let refused = take(&objects, "3").await.map(drop).unwrap_err();
        assert_snapshot!(refused, @"the stack `shop` is locked by a run in place of whose lease somebody has put an earlier one");
        let begin = Instant::now();
        let third = take(&objects, "4").await.unwrap();
        assert!(begin.elapsed() >= TTL, "{:?}", begin.elapsed());
        assert!(matches!(second.append(&[record(5, "2")]).await, Err(StateError::Overtaken { .. })));
        third.append(&[record(5, "4")]).await.unwrap();
        // Much earlier, it is raised at once.
        write(&objects, "shop/lease.json", &earlier).await;
        assert!(matches!(take(&objects, "6").await, Err(StateError::Locked { .. })));
        take(&objects, "5").await.unwrap().release().await.unwrap();
        let state = store(&objects, "7").load().await.unwrap().unwrap();
        let names: Vec<_> = history(&state).into_values().collect();
        assert_eq!(names, ["1", "1", "2", "4"]);
    });
}

/// How a run loses its lease in the middle.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The process does not run until another one has taken the lease over.
    Asleep,
    /// The bucket cannot be reached any more, and the account can.
    Offline,
}

/// Applies `graph` by a run that loses its lease after so many calls, to another run. No call of the first one starts later
/// than 50 seconds after the last renewal, which is before the other one begins.
async fn losing_run(account: &Account, graph: &Graph, objects: &Arc<MemoryObjects>, calls: usize, loss: Loss) {
    let network = Network::new(objects, &[]);
    let first = RemoteStore::new(Arc::clone(&network) as Arc<dyn Objects>, "test", "1");
    let mut lock = first.lock("first", &mut |_| {}).await.unwrap();
    let state = crate::runs::state(account);
    let plan = planned(account, graph).await.unwrap();
    // A slow account, so that the lease ends in the middle of a step, between two calls without a write of the state.
    account.lock().pace = TTL * 3 / 4;
    let (end, is_asleep) = (Mutex::new(None), AtomicBool::new(false));
    let lose = async {
        while account.lock().started.len() < calls {
            sleep(Duration::from_secs(1)).await;
        }
        match loss {
            Loss::Asleep => {
                is_asleep.store(true, Ordering::Relaxed);
                *end.lock().unwrap() = Some(Instant::now());
            }
            Loss::Offline => {
                network.set_down(true);
                *end.lock().unwrap() = Some(Instant::now() + TTL * 5 / 6);
            }
        }
        let second = store_of_test(objects, "2");
        let taken = second.lock("second", &mut |_| {}).await.unwrap();
        assert!(Instant::now() > end.lock().unwrap().unwrap());
        drop(taken);
        is_asleep.store(false, Ordering::Relaxed);
        // The select polls the run once more.
        sleep(Duration::from_millis(1)).await;
        std::future::pending::<()>().await;
    };
    let (options, mut listener) = (ApplyOptions::default(), |_| {});
    let mut applied = pin!(apply(account, &mut lock, state, graph, &plan, &options, &mut listener));
    let applied =
        poll_fn(
            |context| {
                if is_asleep.load(Ordering::Relaxed) { Poll::Pending } else { applied.as_mut().poll(context) }
            },
        );
    let result = tokio::select! {
        result = applied => result,
        () = lose => unreachable!(),
    };
    account.lock().pace = Duration::ZERO;
    let end = end.into_inner().unwrap();
    let late: Vec<_> = account.lock().started.iter().filter(|at| end.is_some_and(|end| **at > end)).copied().collect();
    assert_eq!(late, [], "calls started after the lease had ended at {end:?}: {result:?}");
    match result {
        // Offline, the state cannot be written either, which may show first.
        Err(StateError::LeaseLost { .. } | StateError::Unreachable { .. }) => {}
        Err(error) => panic!("{error:?}"),
        Ok(report) => assert!(report.is_complete(), "{report:?}"),
    }
    let third = store_of_test(objects, "3");
    third.lock("third", &mut |_| {}).await.unwrap().release().await.unwrap();
    account.lock().saved = third.load().await.unwrap();
}

fn store_of_test(objects: &Arc<MemoryObjects>, run: &str) -> RemoteStore {
    RemoteStore::new(Arc::clone(objects) as Arc<dyn Objects>, "test", run)
}

proptest! {
    #![proptest_config(crate::config(60))]

    #[test]
    fn no_call_starts_after_the_end_of_a_lease_and_the_next_run_settles_what_was_begun((_, after) in edit(), calls in 1..12_usize) {
        for loss in [Loss::Asleep, Loss::Offline] {
            run(async {
                let (account, objects, graph) = (Account::default(), objects(), graph_of(&after));
                losing_run(&account, &graph, &objects, calls, loss).await;
                up(&account, &graph).await;
            });
        }
    }
}

/// What all writers of a property have done.
#[derive(Default)]
struct Journal {
    /// The acknowledged changes.
    acknowledged: BTreeMap<u64, String>,
    /// The run that has taken the lease last.
    holder: String,
    /// The states that readers have seen.
    seen: Vec<State>,
}

/// Somebody who starts one run after the other. Each takes the lease, writes for a while, and stops anyhow.
async fn writer(name: &str, objects: Arc<MemoryObjects>, seed: u64, journal: &Mutex<Journal>) {
    let mut numbers = Numbers::new(seed);
    for number in 0..4 {
        let run = format!("{name}{number}");
        let network = Network::random(&objects, numbers.below(u64::MAX));
        let store = store(&network, &run);
        sleep(Duration::from_secs(numbers.below(20))).await;
        let writer = match store.lock(&run, &mut |_| {}).await {
            Ok(writer) => writer,
            Err(error) => {
                assert_expected(&error);
                continue;
            }
        };
        let hold = writer.hold();
        if hold.check().is_ok() {
            journal.lock().unwrap().holder.clone_from(&run);
        }
        let loaded = match store.load().await {
            Ok(loaded) => loaded,
            Err(error) => {
                assert_expected(&error);
                continue;
            }
        };
        let is_kept = numbers.below(2) == 0;
        let work = async {
            let mut state = match loaded {
                Some(state) => state,
                None => {
                    if let Err(error) = writer.replace(&new_state()).await {
                        return assert_expected(&error);
                    }
                    new_state()
                }
            };
            let mut queue: Vec<Record> = Vec::new();
            for _ in 0..numbers.below(12) {
                // Most are busy, and some are stopped for a while.
                let seconds = if numbers.below(6) == 0 { numbers.below(200) } else { numbers.below(5) };
                sleep(Duration::from_secs(seconds)).await;
                for _ in 0..=numbers.below(2) {
                    let record = record(state.serial + 1, &run);
                    state.apply(&record.change);
                    queue.push(record);
                }
                let write = async {
                    if numbers.below(5) == 0 { writer.replace(&state).await } else { writer.append(&queue).await }
                };
                let patience = Duration::from_millis(if seconds % 4 == 0 { 500 } else { 1_000_000 });
                match timeout(patience, write).await {
                    // The step was dropped while it wrote.
                    Err(_) => continue,
                    Ok(Err(error)) => return assert_expected(&error),
                    Ok(Ok(())) => {}
                }
                let mut journal = journal.lock().unwrap();
                for record in queue.drain(..) {
                    let before = journal.acknowledged.insert(record.serial, run.clone());
                    assert_eq!(before, None, "the change {} of {run} is there twice", record.serial);
                }
                if hold.check().is_ok() {
                    assert_eq!(journal.holder, run, "two may send calls");
                }
            }
        };
        if is_kept {
            tokio::select! {
                () = work => {}
                _ = writer.keep() => {}
            }
        } else {
            work.await;
        }
        // Some end as they should, and some are killed.
        if numbers.below(3) > 0 {
            if let Err(error) = writer.release().await {
                assert_expected(&error);
            }
            store.tidy().await;
        }
    }
}

fn assert_expected(error: &StateError) {
    let is_expected = matches!(
        error,
        StateError::Locked { .. }
            | StateError::Overtaken { .. }
            | StateError::LeaseLost { .. }
            | StateError::Unreachable { .. }
    );
    assert!(is_expected, "{error:?}");
}

/// Somebody who runs `plan` all the time.
async fn reader(objects: Arc<MemoryObjects>, seed: u64, journal: &Mutex<Journal>) {
    let mut numbers = Numbers::new(seed);
    let store = store(&Network::random(&objects, numbers.below(u64::MAX)), "reader");
    loop {
        sleep(Duration::from_millis(numbers.below(9000))).await;
        match store.load().await {
            Ok(state) => journal.lock().unwrap().seen.extend(state),
            Err(error) => assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}"),
        }
    }
}

proptest! {
    #![proptest_config(crate::config(30))]

    #[test]
    fn whoever_writes_and_whatever_fails_there_is_one_history(seeds: [u64; 4], writers in 2..4_usize) {
        run(async {
            let (objects, journal) = (objects(), Mutex::new(Journal::default()));
            let names = ["a", "b", "c"];
            let all = names.iter().zip(seeds).take(writers);
            let all = futures_util::future::join_all(all.map(|(name, seed)| writer(name, objects.clone(), seed, &journal)));
            tokio::select! {
                _ = all => {}
                () = reader(objects.clone(), seeds[3], &journal) => {}
            }
            // What is late comes now.
            sleep(Duration::from_secs(400)).await;
            let kept = store(&objects, "last").load().await.unwrap();
            let Journal { acknowledged, seen, .. } = journal.into_inner().unwrap();
            let kept = kept.unwrap_or_else(new_state);
            let whole = history(&kept);
            assert_eq!(whole.keys().copied().collect::<Vec<_>>(), (2..=kept.serial).collect::<Vec<_>>());
            for (serial, run) in &acknowledged {
                assert_eq!(whole.get(serial), Some(run), "the change {serial} is lost");
            }
            let mut last = 0;
            for state in seen {
                assert!(state.serial >= last, "it goes back from {last} to {}", state.serial);
                last = state.serial;
                let before: BTreeMap<_, _> = whole.range(..=state.serial).map(|(s, run)| (*s, run.clone())).collect();
                assert_eq!(history(&state), before);
            }
        });
    }
}

#[test]
fn a_writer_tells_where_it_writes() {
    run(async {
        let memory = MemoryStore::default();
        let writer = memory.lock("it", &mut |_| {}).await.unwrap();
        assert_eq!(writer.path().to_str(), Some("memory"));
        let folder = tempfile::tempdir().unwrap();
        let files = LocalStore::new(folder.path(), "shop");
        let writer = files.lock("it", &mut |_| {}).await.unwrap();
        assert_eq!(writer.path(), files.path());
        let objects = objects();
        let writer = begun(&objects, "it").await;
        assert!(format!("memory://{FIRST}").starts_with(writer.path().to_str().unwrap()));
        assert_ne!(writer.path().to_str(), Some(""));
    });
}
