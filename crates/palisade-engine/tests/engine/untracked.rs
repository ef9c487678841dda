//! States that were restored from before the last run: what that run has created is not created a second time.

use std::{sync::atomic::Ordering, time::Duration};

use palisade_core::{Graph, Json, JsonMap, provider::ErrorKind};
use palisade_engine::{ApplyOptions, Event, Report, State, StateError, apply};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    account::{Account, Answer, Fault},
    kinds::{Net, User, make},
    runs::{applied, graph, planned, run, state, up},
};

/// Networks, each with this text as its range and its name.
fn nets(names: &[&str]) -> Graph {
    graph(|stack| {
        for name in names {
            make::<Net>().text("range", name).text("tag", "t").refer_all("peers", &[]).add(stack, name);
        }
    })
}

async fn try_apply(account: &Account, graph: &Graph, options: &ApplyOptions) -> Result<Report, StateError> {
    let plan = planned(account, graph).await.unwrap();
    let mut events = Vec::new();
    let mut listener = |event| events.push(event);
    let result = apply(account, &mut account.held().await, state(account), graph, &plan, options, &mut listener).await;
    let told = events.iter().filter(|event| **event == Event::Searching).count();
    let is_slow = matches!(account.lock().search, Answer::Never);
    assert_eq!(told, usize::from(is_slow), "{events:?}");
    result
}

/// An account in which `a` and then `b` was created, with the state of before the second.
async fn restored() -> (Account, State) {
    let account = Account::default();
    up(&account, &nets(&["a"])).await;
    let older = state(&account);
    up(&account, &nets(&["a", "b"])).await;
    let newest = state(&account);
    account.lock().saved = Some(older);
    account.lock().search = Answer::ByCall;
    account.lock().calls.clear();
    (account, newest)
}

/// Asserts that nothing was changed since [`restored`].
fn assert_untouched(account: &Account, saved: &State) {
    let inner = account.lock();
    assert!(inner.calls.iter().all(|call| call.starts_with("read") || call == "search"), "{:?}", inner.calls);
    assert_eq!((inner.world.objects.len(), inner.saved.as_ref()), (2, Some(saved)));
}

#[test]
fn what_the_last_run_has_created_is_not_created_again() {
    run(async {
        let (account, newest) = restored().await;
        let older = state(&account);
        // The same addition, another one, a replacement, and a destruction.
        let replaced = graph(|stack| {
            _ = make::<Net>().text("range", "other").text("tag", "t").refer_all("peers", &[]).add(stack, "a");
        });
        for program in [nets(&["a", "b"]), nets(&["a", "c"]), replaced, nets(&[])] {
            let refused = try_apply(&account, &program, &ApplyOptions::default()).await;
            let Err(StateError::Behind { path, serial, found }) = refused else { panic!("{refused:?}") };
            assert_eq!((path.to_str(), serial), (Some("state"), older.serial));
            let found: Vec<_> = found.objects.into_iter().map(|object| object.id).collect();
            assert_eq!(found, ["net-2"]);
            assert_untouched(&account, &older);
        }
        account.lock().saved = Some(newest);
        up(&account, &nets(&["a", "b", "c"])).await;
    });
}

#[test]
fn the_refusal_names_all_that_the_state_does_not_have() {
    run(async {
        let cases = [
            (&["a", "b"][..], "Net (net-2)"),
            (&["a", "b", "c"], "Net (net-2) and Net (net-3)"),
            (&["a", "b", "c", "d"], "Net (net-2), Net (net-3) and Net (net-4)"),
        ];
        for (newest, expected) in cases {
            let account = Account::default();
            up(&account, &nets(&["a"])).await;
            let older = state(&account);
            up(&account, &nets(newest)).await;
            account.lock().saved = Some(older);
            let refused = try_apply(&account, &nets(&["a", "e"]), &ApplyOptions::default()).await.unwrap_err();
            let text = refused.to_string();
            assert_eq!(text.split_once("it does not have ").unwrap().1, expected);
        }
    });
}

#[test]
fn what_neither_creates_nor_deletes_searches_for_nothing() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&["a", "b"])).await;
        assert!(account.lock().searches.is_empty(), "the state is new");
        let tagged = |names: &[&str]| {
            let net = |name: &str| make::<Net>().text("range", name).text("tag", "new").refer_all("peers", &[]);
            graph(|stack| names.iter().for_each(|name| _ = net(name).add(stack, name)))
        };
        up(&account, &tagged(&["a", "b"])).await;
        assert!(account.lock().searches.is_empty(), "both are changed");
        up(&account, &tagged(&["a"])).await;
        let search = account.lock().searches.pop().expect("one is deleted");
        assert_eq!((search.creations.len(), search.deleted), (0, ["Net".to_owned()].into()));
        up(&account, &tagged(&["a", "b"])).await;
        let search = account.lock().searches.pop().expect("one is created");
        assert_eq!((search.creations.len(), search.deleted), (1, [].into()));
    });
}

#[test]
fn the_search_knows_all_objects_of_the_state_and_all_that_is_known_of_the_creations() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&["a"])).await;
        let program = graph(|stack| {
            make::<Net>().text("range", "a").text("tag", "t").refer_all("peers", &[]).add(stack, "a");
            let b = make::<Net>().text("range", "b").text("tag", "t").refer_all("peers", &[]).add(stack, "b");
            make::<User>().text("name", "u").text("engine", "e").refer("net", Some(&b), "id").add(stack, "u");
        });
        // The creation of the network is lost, and the user is left out.
        let plan = planned(&account, &program).await.unwrap();
        let call = account.lock().calls.len();
        account.lock().lag = Duration::from_secs(30);
        account.lock().fault = Some(Fault { call, after_effect: true, kind: ErrorKind::Service });
        assert_eq!(applied(&account, &program, &plan).await.0.failures.len(), 1);
        account.lock().fault = None;

        let saved = state(&account);
        up(&account, &program).await;
        let search = account.lock().searches.pop().unwrap();
        let objects: Vec<_> = saved.resources.values().flat_map(palisade_engine::Entry::objects).collect();
        assert_eq!(search.ids.iter().map(String::as_str).collect::<Vec<_>>(), ["net-1"]);
        assert_eq!(search.digests.len(), 2, "one is unsettled");
        for object in objects {
            let digest = &object.token.digest;
            assert!(search.digests.contains(digest) && digest.starts_with(&search.lineage), "{object:?}");
            let another = format!("{}{}", search.lineage, "f".repeat(48));
            assert!(search.misses("test", &another) && !search.misses("test", digest));
            assert!(!search.misses("other", &another), "another stack");
            assert!(!search.misses("test", &"f".repeat(64)), "another lineage");
        }
        let creations: Vec<_> = search.creations.into_iter().map(|creation| (creation.kind, creation.inputs)).collect();
        let user = JsonMap::from_iter([("name".to_owned(), Json::from("u")), ("engine".to_owned(), Json::from("e"))]);
        assert_eq!(creations.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["Net", "User"]);
        assert_eq!(creations[1].1, user, "the network is not known yet");
    });
}

#[test]
fn a_search_that_fails_is_an_error_before_anything_is_begun() {
    run(async {
        let (account, _) = restored().await;
        let older = state(&account);
        let program = nets(&["a", "b"]);
        let plan = planned(&account, &program).await.unwrap();
        for kind in [ErrorKind::Denied, ErrorKind::Service, ErrorKind::NotFound] {
            account.fail(0, kind, false);
            let options = ApplyOptions::default();
            let refused =
                apply(&account, &mut account.held().await, older.clone(), &program, &plan, &options, &mut |_| {}).await;
            assert!(matches!(refused, Err(StateError::Unchecked { error, .. }) if error.kind == kind));
            assert_untouched(&account, &older);
        }
    });
}

#[test]
fn a_run_that_is_to_stop_does_not_wait_for_the_search() {
    run(async {
        let (account, _) = restored().await;
        let older = state(&account);
        account.lock().search = Answer::Never;
        let (stop, receiver) = watch::channel(false);
        let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
        let program = nets(&["a", "b"]);
        let mut applied = std::pin::pin!(try_apply(&account, &program, &options));
        assert!(timeout(Duration::from_secs(600), &mut applied).await.is_err(), "it is not answered");
        stop.send_replace(true);
        let start = Instant::now();
        let report = applied.await.unwrap();
        assert!(report.is_stopped && report.not_begun.len() == 1 && report.added == 0, "{report:?}");
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_untouched(&account, &older);
    });
}

#[test]
fn a_run_that_has_lost_its_lock_does_not_search() {
    run(async {
        let (account, _) = restored().await;
        let older = state(&account);
        let plan = planned(&account, &nets(&["a", "b"])).await.unwrap();
        account.lock().is_lost.store(true, Ordering::Relaxed);
        account.lock().calls.clear();
        let options = ApplyOptions::default();
        let program = nets(&["a", "b"]);
        let ended =
            apply(&account, &mut account.held().await, older.clone(), &program, &plan, &options, &mut |_| {}).await;
        assert!(matches!(ended, Err(StateError::LeaseLost { .. })), "{ended:?}");
        assert!(account.lock().calls.is_empty());
        assert_untouched(&account, &older);
    });
}
