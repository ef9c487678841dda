//! Creations of which nobody knows what became of them: what a second attempt is told says nothing of the first.

use std::{sync::atomic::Ordering, time::Duration};

use palisade_core::{Address, Graph, provider::ErrorKind};
use palisade_engine::{
    Action, ApplyOptions, Entry, Event, ObjectState, Phase, Plan, ReplaceOrder, State, StateError, apply,
};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::{
    account::{Account, HIDDEN, Moment, STALE, World},
    kinds::{Group, Net, Rule, User, make, users},
    random::{assert_impossible, edit, graph_of, lag},
    runs::{applied, assert_settled, graph, planned, run, state, up},
};

/// All kinds of failure of a call.
const KINDS: [ErrorKind; 12] = [
    ErrorKind::AlreadyExists,
    ErrorKind::Denied,
    ErrorKind::Interrupted,
    ErrorKind::Invalid,
    ErrorKind::NotFound,
    ErrorKind::NothingToDo,
    ErrorKind::Quota,
    ErrorKind::Service,
    ErrorKind::Throttled,
    ErrorKind::Transitional,
    ErrorKind::TimedOut,
    ErrorKind::Unreached,
];

/// How the cloud knows a creation again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// Not at all.
    Never,
    ByToken,
    ByName,
}

const WAYS: [Known; 3] = [Known::Never, Known::ByToken, Known::ByName];

/// One object. `fixed` can only be changed by a replacement, `free` in place.
fn one(known: Known, fixed: &str, free: &str) -> Graph {
    graph(|stack| {
        if known == Known::ByName {
            make::<User>().text("name", "u").text("engine", fixed).text("access", free).add(stack, "a");
        } else {
            make::<Net>().text("range", fixed).text("tag", free).refer_all("peers", &[]).add(stack, "a");
        }
    })
}

fn account(known: Known, lag: Duration) -> Account {
    let account = Account::default();
    account.lock().lag = lag;
    account.lock().has_client_tokens = known == Known::ByToken;
    account
}

/// Applies, and the answer to the creation is lost.
async fn lose(account: &Account, graph: &Graph) {
    let plan = planned(account, graph).await.unwrap();
    account.fail(0, ErrorKind::Service, true);
    let (report, _) = applied(account, graph, &plan).await;
    assert_eq!(report.failures.len(), 1);
    account.lock().fault = None;
    assert_eq!(account.lock().world.objects.len(), 1);
}

/// A user, whose access can be changed in place.
fn user(access: &str) -> Graph {
    graph(|stack| _ = make::<User>().text("name", "one").text("access", access).add(stack, "a"))
}

/// Applies a change, whose answer is lost, or which has no effect.
async fn interrupt(account: &Account, graph: &Graph, after_effect: bool) {
    let plan = planned(account, graph).await.unwrap();
    account.fail(0, ErrorKind::Service, after_effect);
    assert!(!applied(account, graph, &plan).await.0.is_complete());
    account.lock().fault = None;
}

/// Makes the current object one that a replacement has left.
fn depose(account: &Account, address: &Address) {
    let mut account = account.lock();
    let entry = account.saved.as_mut().and_then(|saved| saved.resources.get_mut(address)).unwrap();
    entry.deposed.extend(entry.current.take());
}

fn only(state: &State) -> (&Address, &Entry) {
    let mut all = state.resources.iter();
    let only = all.next().expect("it is on record");
    assert!(all.next().is_none());
    only
}

fn reason(plan: &Plan) -> &str {
    plan.steps[0].reason.as_deref().unwrap_or_default()
}

fn creations(account: &Account) -> usize {
    account.lock().calls.iter().filter(|call| call.starts_with("create")).count()
}

#[test]
fn the_refusal_of_a_second_attempt_forgets_nothing_of_the_first() {
    // Where a second creation would make a second object, none is sent before the first is seen.
    for known in [Known::ByToken, Known::ByName] {
        for kind in KINDS {
            for (fixed, free) in [("1", "t"), ("1", "new"), ("2", "t")] {
                run(async {
                    let account = account(known, Duration::from_secs(240));
                    lose(&account, &one(known, "1", "t")).await;
                    let plan = planned(&account, &one(known, "1", "t")).await.unwrap();
                    account.fail(1, kind, false);
                    let (report, _) = applied(&account, &one(known, "1", "t"), &plan).await;
                    account.lock().fault = None;
                    assert_eq!(creations(&account), 2);
                    // A name that is taken is looked at once more.
                    assert_eq!(report.is_complete(), kind == ErrorKind::AlreadyExists, "{known:?} {kind:?} {report:?}");
                    let recorded = state(&account);
                    assert_eq!(only(&recorded).1.objects().count(), 1);
                    up(&account, &one(known, fixed, free)).await;
                });
            }
        }
    }
}

#[test]
fn an_object_that_is_hidden_is_not_created_twice() {
    for known in WAYS {
        for lag in [0, 30, 240] {
            for (fixed, free) in [("1", "t"), ("1", "new"), ("2", "t"), ("2", "new")] {
                run(async {
                    let account = account(known, Duration::from_secs(lag));
                    lose(&account, &one(known, "1", "t")).await;
                    up(&account, &one(known, fixed, free)).await;
                    let created = creations(&account);
                    // One that has what cannot be changed is not the object that the program means.
                    let expected = if fixed == "1" { 1 } else { 2 };
                    let repeated = usize::from(lag > 0 && known != Known::Never && (fixed, free) == ("1", "t"));
                    assert_eq!(created, expected + repeated, "{known:?} {lag} {fixed} {free}");
                    let account = self::account(known, Duration::from_secs(lag));
                    lose(&account, &one(known, "1", "t")).await;
                    up(&account, &Graph::empty("test")).await;
                    assert!(account.lock().world.objects.is_empty() && state(&account).resources.is_empty());
                });
            }
        }
    }
}

#[test]
fn a_plan_waits_for_nothing_and_says_what_is_unsettled() {
    for known in WAYS {
        run(async {
            let account = account(known, Duration::from_secs(240));
            lose(&account, &one(known, "1", "t")).await;
            let start = Instant::now();
            let plan = planned(&account, &one(known, "1", "t")).await.unwrap();
            assert_eq!((plan.steps[0].action, plan.steps[0].deposed.len()), (Action::Create, 0));
            assert!(reason(&plan).contains("unsettled"), "{plan:#?}");
            let other = planned(&account, &one(known, "2", "t")).await.unwrap();
            assert_eq!((other.steps[0].action, &other.steps[0].deposed[..]), (Action::Create, &[String::new()][..]));
            assert!(reason(&other).contains("unsettled"), "{other:#?}");
            let destroy = planned(&account, &Graph::empty("test")).await.unwrap();
            assert_eq!(destroy.steps[0].action, Action::Delete);
            assert!(reason(&destroy).contains("unsettled"), "{destroy:#?}");
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        });
    }
}

#[test]
fn a_plan_finds_the_object_of_an_unsettled_creation_that_is_not_the_current_one() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        lose(&account, &one(Known::Never, "1", "t")).await;
        let address = only(&state(&account)).0.clone();
        depose(&account, &address);
        let program = one(Known::Never, "2", "t");
        let plan = planned(&account, &program).await.unwrap();
        assert_eq!((plan.steps[0].action, &plan.steps[0].deposed[..]), (Action::Create, &["net-1".to_owned()][..]));
        up(&account, &program).await;
    });
}

#[test]
fn an_object_that_a_plan_finds_and_does_not_see_yet_is_not_taken_for_deleted() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        let program = one(Known::Never, "1", "t");
        lose(&account, &program).await;
        account.lock().pace = Duration::from_secs(1);
        // One part of the cloud finds the object, and another one, which reads it, has not heard of it.
        let hide = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            account.lock().world.objects.values_mut().for_each(|thing| thing.hide(STALE));
        };
        let (plan, ()) = tokio::join!(planned(&account, &program), hide);
        let plan = plan.unwrap();
        assert_eq!((plan.steps[0].action, plan.steps[0].id.as_deref()), (Action::Update, Some("net-1")));
        assert!(reason(&plan).contains("not seen yet"), "{plan:#?}");
        up(&account, &program).await;
    });
}

#[test]
fn what_is_known_to_have_had_no_effect_is_not_looked_for() {
    for known in WAYS {
        for kind in KINDS {
            run(async {
                let account = account(known, Duration::ZERO);
                let plan = planned(&account, &one(known, "1", "t")).await.unwrap();
                account.fail(0, kind, false);
                applied(&account, &one(known, "1", "t"), &plan).await;
                account.lock().fault = None;
                let is_ambiguous = matches!(kind, ErrorKind::Service | ErrorKind::TimedOut);
                assert_eq!(state(&account).resources.len(), usize::from(is_ambiguous), "{kind:?}");
                let start = Instant::now();
                up(&account, &one(known, "1", "t")).await;
                // The wait is paid only where the cloud gives no other way to tell.
                let is_waited_for = is_ambiguous && known == Known::Never;
                assert_eq!(start.elapsed() >= HIDDEN, is_waited_for, "{known:?} {kind:?} {:?}", start.elapsed());
            });
        }
    }
}

#[test]
fn what_was_looked_for_in_vain_is_not_looked_for_again() {
    run(async {
        let known = Known::Never;
        let account = account(known, Duration::ZERO);
        let plan = planned(&account, &one(known, "1", "t")).await.unwrap();
        account.fail(0, ErrorKind::Service, false);
        applied(&account, &one(known, "1", "t"), &plan).await;
        // Looked for, and then refused.
        let plan = planned(&account, &one(known, "1", "t")).await.unwrap();
        account.fail(2, ErrorKind::Quota, false);
        let (report, _) = applied(&account, &one(known, "1", "t"), &plan).await;
        assert_eq!(report.failures[0].error.kind, ErrorKind::Quota);
        account.lock().fault = None;
        assert!(state(&account).resources.is_empty());
        let start = Instant::now();
        up(&account, &one(known, "1", "t")).await;
        assert!(start.elapsed() < HIDDEN);
    });
}

#[test]
fn an_object_that_is_on_record_and_still_hidden_is_not_taken_for_deleted() {
    for (fixed, free) in [("1", "t"), ("1", "new"), ("2", "t")] {
        run(async {
            let account = account(Known::Never, Duration::from_secs(240));
            let plan = planned(&account, &one(Known::Never, "1", "t")).await.unwrap();
            applied(&account, &one(Known::Never, "1", "t"), &plan).await;
            // The moment after the id was written down.
            let moments = account.lock().moments.clone();
            let is_created = |state: &State| only(state).1.objects().all(|object| object.phase == Phase::Created);
            let is_hidden = |moment: &&Moment| moment.0.as_ref().is_some_and(is_created);
            let moment = moments.iter().find(is_hidden).unwrap();
            let crashed = Account::again(moment);
            let start = Instant::now();
            let plan = planned(&crashed, &one(Known::Never, fixed, free)).await.unwrap();
            assert!(start.elapsed() < Duration::from_secs(1));
            assert_eq!((plan.steps[0].id.as_deref(), plan.drift.len()), (Some("net-1"), 0));
            let is_replaced = plan.steps[0].action == Action::Replace(ReplaceOrder::CreateFirst);
            assert_eq!(
                (is_replaced, plan.steps[0].action == Action::Update),
                (fixed == "2", fixed == "1"),
                "{plan:#?}"
            );
            assert_eq!(plan.steps[0].changes.len(), usize::from((fixed, free) != ("1", "t")));
            if !is_replaced {
                assert!(reason(&plan).contains("not seen yet"), "{plan:#?}");
            }
            up(&crashed, &one(Known::Never, fixed, free)).await;
            let crashed = Account::again(moment);
            up(&crashed, &Graph::empty("test")).await;
            assert!(crashed.lock().world.objects.is_empty());
        });
    }
}

#[test]
fn an_object_is_claimed_until_its_creation_has_ended() {
    run(async {
        let account = Account::default();
        let program = |free| one(Known::Never, "1", free);
        let plan = planned(&account, &program("t")).await.unwrap();
        account.fail(1, ErrorKind::Denied, false);
        applied(&account, &program("t"), &plan).await;
        account.lock().fault = None;
        let current = only(&state(&account)).1.current.clone().unwrap();
        let claim = ("net-1".to_owned(), current.token.digest);
        assert_eq!((current.phase, &account.lock().claimed), (Phase::Created, &vec![claim.clone()]));
        up(&account, &program("t")).await;
        assert_eq!(account.lock().claimed, [claim.clone(), claim.clone()]);
        up(&account, &program("new")).await;
        assert_eq!(account.lock().claimed.len(), 2);
        // A run that is killed after its claim leaves an object that the next run knows.
        assert_eq!(account.lock().recorded_claims, 2);
        // An object is claimed as well if its creation had no answer, and the apply finds it.
        let account = self::account(Known::Never, Duration::from_secs(240));
        lose(&account, &program("t")).await;
        assert!(account.lock().claimed.is_empty());
        up(&account, &program("t")).await;
        let digest = only(&state(&account)).1.current.clone().unwrap().token.digest;
        assert_eq!(account.lock().claimed, [("net-1".to_owned(), digest)]);
    });
}

#[test]
fn what_was_applied_last_is_nothing_until_a_creation_has_ended_as_it_began() {
    run(async {
        let account = Account::default();
        let program = |free| one(Known::Never, "1", free);
        let failing = [("t", None), ("t", None), ("new", Some("t")), ("t", Some("new"))];
        let succeeding = [("t", Some("new")), ("other", Some("t"))];
        let failing = failing.map(|(free, previous)| (free, previous, true));
        let succeeding = succeeding.map(|(free, previous)| (free, previous, false));
        for (free, expected, is_failing) in failing.into_iter().chain(succeeding) {
            let plan = planned(&account, &program(free)).await.unwrap();
            account.lock().fault = None;
            if is_failing {
                // The call that brings the object to its inputs is the second one, after the creation or a look at it.
                account.fail(1, ErrorKind::Denied, false);
            }
            applied(&account, &program(free), &plan).await;
            let previous = account.lock().previous.pop().unwrap();
            assert_eq!(previous.as_ref().map(|previous| previous["tag"].as_str().unwrap()), expected, "{free}");
        }
    });
}

#[test]
fn what_never_appears_was_deleted_and_is_created_again() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        let program = one(Known::Never, "1", "t");
        let plan = planned(&account, &program).await.unwrap();
        account.fail(1, ErrorKind::Denied, false);
        applied(&account, &program, &plan).await;
        account.lock().fault = None;
        account.lock().world.objects.clear();
        let start = Instant::now();
        let plan = up(&account, &program).await;
        assert_eq!((plan.steps[0].action, creations(&account)), (Action::Update, 2));
        assert!(start.elapsed() >= HIDDEN);
    });
}

#[test]
fn a_refused_creation_leaves_what_there_was() {
    run(async {
        let account = Account::default();
        let program = |range| one(Known::Never, range, "t");
        up(&account, &program("1")).await;
        // The replacement leaves its predecessor, and its successor is deleted by somebody else.
        let plan = planned(&account, &program("2")).await.unwrap();
        account.fail(3, ErrorKind::Denied, false);
        applied(&account, &program("2"), &plan).await;
        account.lock().fault = None;
        let successor = only(&state(&account)).1.current.clone().unwrap();
        assert_eq!((successor.phase, only(&state(&account)).1.deposed.len()), (Phase::Ready, 1));
        account.lock().world.objects.remove(&("Net".to_owned(), successor.id.clone().unwrap()));
        let plan = planned(&account, &program("3")).await.unwrap();
        // It is looked at twice before that.
        account.fail(2, ErrorKind::Quota, false);
        let (report, _) = applied(&account, &program("3"), &plan).await;
        assert_eq!(report.failures[0].error.kind, ErrorKind::Quota);
        account.lock().fault = None;
        let recorded = state(&account);
        let entry = only(&recorded).1;
        // That it was not seen is no proof that it is gone.
        assert_eq!((&entry.current, entry.deposed.len()), (&Some(successor), 1));
        up(&account, &program("3")).await;
        assert_eq!(account.lock().world.objects.len(), 1);
    });
}

proptest! {
    #![proptest_config(crate::config(200))]

    #[test]
    fn after_two_failed_runs_nothing_is_lost(
        (before, after) in edit(), calls in (0..25_usize, 0..25_usize), kinds in (0..KINDS.len(), 0..KINDS.len()),
        after_effect: bool, lag in lag(), has_client_tokens: bool, is_destroyed: bool,
    ) {
        run(async {
            let account = Account::default();
            account.lock().lag = lag;
            account.lock().has_client_tokens = has_client_tokens;
            let programs = [(&before, calls.0, kinds.0, true), (&after, calls.1, kinds.1, after_effect)];
            for (program, call, kind, after_effect) in programs {
                let graph = graph_of(program);
                let plan = match planned(&account, &graph).await {
                    Ok(plan) => plan,
                    Err(error) => return assert_impossible(&account, &graph, error),
                };
                account.fail(call, KINDS[kind], after_effect);
                applied(&account, &graph, &plan).await;
                account.lock().fault = None;
            }
            let graph = if is_destroyed { Graph::empty("test") } else { graph_of(&after) };
            match planned(&account, &graph).await {
                Ok(_) => _ = up(&account, &graph).await,
                Err(error) => return assert_impossible(&account, &graph, error),
            }
            assert_settled(&account, &graph).await;
        });
    }
}

#[test]
fn an_object_whose_deletion_has_begun_is_brought_to_what_it_should_be_once_that_shows() {
    run(async {
        for after_effect in [false, true] {
            let account = Account::default();
            let program = users(&[("a", "one"), ("b", "two")]);
            up(&account, &program).await;
            let plan = planned(&account, &users(&[("b", "two")])).await.unwrap();
            account.fail(0, ErrorKind::Service, after_effect);
            assert!(!applied(&account, &users(&[("b", "two")]), &plan).await.0.is_complete());
            account.lock().fault = None;
            assert_eq!(planned(&account, &Graph::empty("test")).await.unwrap().counts(), (0, 0, 2));

            let plan = up(&account, &program).await;
            let (expected, waits) = if after_effect { (Action::Create, 0) } else { (Action::Update, 1) };
            assert_eq!((plan.steps[0].action, account.lock().waits), (expected, waits));
            let why = [
                "its deletion was not finished, and may have taken from it what it still shows",
                "its deletion had begun: the apply sees it through",
            ];
            assert_eq!(reason(&plan), why[usize::from(after_effect)]);
        }
    });
}

#[test]
fn what_an_interrupted_deletion_may_have_changed_is_known_only_after_the_apply() {
    run(async {
        let program = |has_group: bool| {
            graph(|stack| {
                let net = make::<Net>().text("range", "1").text("tag", "t").refer_all("peers", &[]).add(stack, "a");
                if has_group {
                    make::<Group>().text("name", "all").refer("route", Some(&net), "route").add(stack, "all");
                }
            })
        };
        let account = Account::default();
        up(&account, &program(false)).await;
        interrupt(&account, &Graph::empty("test"), false).await;
        let plan = planned(&account, &program(true)).await.unwrap();
        let changes = &plan.step(&Address::new("Group", "all")).unwrap().changes;
        let route = changes.iter().find(|change| change.field == "route").unwrap();
        assert_eq!(route.after.as_ref().unwrap().as_json(), None, "{route:?}");
        up(&account, &program(true)).await;
    });
}

#[test]
fn an_object_that_is_taken_back_after_its_deletion_has_begun_is_waited_for() {
    run(async {
        let account = Account::default();
        let program = |name: &str| users(&[("a", name)]);
        up(&account, &program("one")).await;
        let plan = planned(&account, &program("two")).await.unwrap();
        // The successor is created, brought to its inputs and read. The next call deletes the object.
        account.fail(3, ErrorKind::Service, false);
        assert!(!applied(&account, &program("two"), &plan).await.0.is_complete());
        account.lock().fault = None;
        let plan = up(&account, &program("one")).await;
        assert_eq!((plan.steps[0].id.as_deref(), account.lock().waits), (Some("one"), 1));
        assert_eq!(reason(&plan), "its deletion was not finished, and may have taken from it what it still shows");
        assert!(!only(&state(&account)).1.current.clone().unwrap().is_being_deleted);
    });
}

#[test]
fn an_object_whose_deletion_has_begun_before_its_creation_ended_is_waited_for() {
    run(async {
        let account = Account::default();
        let program = users(&[("a", "one")]);
        // It is created, and not brought to its inputs.
        for graph in [&program, &Graph::empty("test")] {
            let plan = planned(&account, graph).await.unwrap();
            // The first call creates, or looks whether the object appears.
            account.fail(1, ErrorKind::Service, false);
            assert!(!applied(&account, graph, &plan).await.0.is_complete());
            account.lock().fault = None;
        }
        let object = only(&state(&account)).1.current.clone().unwrap();
        assert!(object.phase == Phase::Created && object.is_being_deleted);
        up(&account, &program).await;
        assert_eq!(account.lock().waits, 1);
    });
}

#[test]
fn a_change_that_was_interrupted_goes_on_once_descriptions_show_it() {
    run(async {
        for after_effect in [false, true] {
            let account = Account::default();
            up(&account, &user("on")).await;
            interrupt(&account, &user("off"), after_effect).await;
            assert_eq!(account.lock().waits, 0);
            let plan = planned(&account, &user("off")).await.unwrap();
            assert_eq!(plan.drift, [], "the change is that of this program");
            let (report, events) = applied(&account, &user("off"), &plan).await;
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(account.lock().waits, 1);
            assert!(events.contains(&Event::CatchingUp { address: Address::new("User", "a") }), "{events:?}");
        }
    });
}

#[test]
fn an_interrupted_change_that_takes_back_what_others_have_done_is_on_record() {
    run(async {
        // Then the program wants the value that others had set, or no object. Only the record shows that there was a change.
        for after in [user("off"), Graph::empty("test")] {
            let account = Account::default();
            up(&account, &user("on")).await;
            let key = ("User".to_owned(), "one".to_owned());
            let by_hand = |access: &str| {
                let mut account = account.lock();
                account.world.objects.get_mut(&key).unwrap().fields.insert("access".to_owned(), access.into())
            };
            by_hand("off");
            interrupt(&account, &user("on"), true).await;
            assert_eq!(account.lock().waits, 0);
            // What was sent does not show yet.
            assert_eq!(by_hand("off"), Some("on".into()));
            up(&account, &after).await;
            assert_eq!(account.lock().waits, 1);
        }
    });
}

#[test]
fn an_object_that_an_interrupted_change_has_hidden_is_not_created_again() {
    run(async {
        let account = Account::default();
        up(&account, &user("on")).await;
        interrupt(&account, &user("off"), true).await;
        account.lock().world.objects.values_mut().for_each(|thing| thing.hide(STALE));
        let plan = planned(&account, &user("off")).await.unwrap();
        assert_eq!(plan.steps[0].action, Action::Create);
        assert!(reason(&plan).contains("not seen since"), "{plan:#?}");
        assert!(applied(&account, &user("off"), &plan).await.0.is_complete());
        assert_eq!((creations(&account), account.lock().world.objects.len()), (1, 1));
        assert_settled(&account, &user("off")).await;
        // Of one that is to be replaced, nothing is forgotten, and nothing is made another.
        interrupt(&account, &user("on"), true).await;
        account.lock().world.objects.values_mut().for_each(|thing| thing.hide(STALE));
        let other = users(&[("a", "two")]);
        let plan = planned(&account, &other).await.unwrap();
        assert!(applied(&account, &other, &plan).await.0.is_complete());
        assert_eq!(only(&state(&account)).1.objects().count(), 2);
        up(&account, &other).await;
        assert_eq!(account.lock().world.objects.len(), 1);
        up(&account, &user("off")).await;
        account.lock().calls.clear();
        // One that is gone is created.
        interrupt(&account, &user("on"), true).await;
        account.lock().world.objects.clear();
        up(&account, &user("on")).await;
        assert_eq!((creations(&account), account.lock().world.objects.len()), (1, 1));
    });
}

#[test]
fn what_counts_at_the_deletion_is_what_was_said_last() {
    let user = |engine: &str, farewell: &str| {
        graph(|stack| {
            let user = make::<User>().text("name", "one").text("engine", engine).text("farewell", farewell);
            user.add(stack, "a");
        })
    };
    for (then, said) in [(Graph::empty("test"), "later"), (user("1", "later"), ""), (user("2", "later"), "later")] {
        run(async {
            let account = Account::default();
            up(&account, &user("1", "sooner")).await;
            interrupt(&account, &user("1", "later"), false).await;
            up(&account, &then).await;
            assert_eq!(account.lock().farewells, if said.is_empty() { vec![] } else { vec![said] }, "{then:?}");
        });
    }
}

/// Creates a user, which the next plan misses, as the program gives it another name; nobody knows whether the user of that name was
/// created. Returns the record of the first one, and the world in which it is.
async fn miss(account: &Account) -> (ObjectState, World) {
    up(account, &users(&[("a", "one")])).await;
    let before = only(&state(account)).1.current.clone().unwrap();
    let world = account.lock().world.clone();
    account.lock().world.objects.clear();
    let renamed = users(&[("a", "two")]);
    let plan = planned(account, &renamed).await.unwrap();
    account.fail(2, ErrorKind::Service, false);
    applied(account, &renamed, &plan).await;
    account.lock().fault = None;
    (before, world)
}

#[test]
fn an_object_that_was_missed_is_not_deleted_by_a_name_that_another_one_has_by_now() {
    run(async {
        let account = Account::default();
        miss(&account).await;
        let missed = only(&state(&account)).1.current.clone().unwrap().missed.expect("it is kept");
        assert_eq!(missed.id.as_deref(), Some("one"));
        up(&account, &users(&[("b", "one")])).await;
        assert_eq!(account.lock().world.objects.len(), 1);
        assert_eq!(only(&state(&account)).0.name(), "b");
    });
}

#[test]
fn what_was_missed_is_the_object_from_before_all_attempts_and_none_that_is_replaced() {
    run(async {
        let account = Account::default();
        miss(&account).await;
        let renamed = users(&[("a", "two")]);
        let plan = planned(&account, &renamed).await.unwrap();
        account.fail(2, ErrorKind::Service, false);
        applied(&account, &renamed, &plan).await;
        let missed = only(&state(&account)).1.current.clone().unwrap().missed.expect("it is kept");
        assert_eq!(missed.id.as_deref(), Some("one"));
    });
    run(async {
        let account = Account::default();
        up(&account, &users(&[("a", "one")])).await;
        let renamed = users(&[("a", "two")]);
        let plan = planned(&account, &renamed).await.unwrap();
        account.fail(0, ErrorKind::Service, false);
        applied(&account, &renamed, &plan).await;
        let state = state(&account);
        let entry = only(&state).1;
        assert_eq!(entry.deposed.len(), 1);
        assert_eq!(entry.current.as_ref().unwrap().missed, None);
    });
}

#[test]
fn an_object_that_was_missed_and_is_gone_is_forgotten_with_the_creation_in_its_place() {
    run(async {
        let account = Account::default();
        miss(&account).await;
        up(&account, &Graph::empty("test")).await;
        assert!(state(&account).resources.is_empty());
    });
}

#[test]
fn an_object_that_was_missed_is_on_record_again_where_its_successor_was_never_made() {
    run(async {
        let account = Account::default();
        let (before, world) = miss(&account).await;
        // A destroy finds out that there is no successor. That the other one is there and goes, only the next plan shows.
        let nothing = Graph::empty("test");
        let plan = planned(&account, &nothing).await.unwrap();
        account.lock().world = world;
        let (report, _) = applied(&account, &nothing, &plan).await;
        assert!(report.failures[0].error.message.contains("was not seen when the plan was made"), "{report:?}");
        assert_eq!(only(&state(&account)).1.current.as_ref(), Some(&before));
        assert_eq!(account.lock().world.objects.len(), 1);
        up(&account, &nothing).await;
        assert!(account.lock().world.objects.is_empty());
    });
}

#[test]
fn an_object_that_was_missed_is_the_current_one_again_once_a_plan_sees_it() {
    // In its place, nothing was created, or another one that nobody has heard of; and the program is the same, or another.
    let same = || one(Known::Never, "1", "a");
    for (has_effect, program) in [(false, same()), (true, same()), (false, one(Known::Never, "2", "a"))] {
        run(async {
            let account = account(Known::Never, Duration::ZERO);
            up(&account, &same()).await;
            let before = only(&state(&account)).1.current.clone().unwrap();
            let world = std::mem::take(&mut account.lock().world.objects);
            let plan = planned(&account, &same()).await.unwrap();
            account.fail(2, ErrorKind::Service, has_effect);
            applied(&account, &same(), &plan).await;
            account.lock().fault = None;
            account.lock().world.objects.extend(world);
            let plan = planned(&account, &program).await.unwrap();
            assert_ne!(plan.steps[0].action, Action::Create, "{plan:#?}");
            assert!(plan.steps[0].action == Action::Nothing || !plan.steps[0].changes.is_empty(), "{plan:#?}");
            let (report, _) = applied(&account, &program, &plan).await;
            assert!(report.is_complete(), "{report:?}");
            assert_settled(&account, &program).await;
            assert_eq!(account.lock().world.objects.len(), 1);
            let after = only(&state(&account)).1.current.clone().unwrap();
            assert_eq!(after.id == before.id, after.inputs == before.inputs);
        });
    }
}

#[test]
fn a_creation_that_could_not_be_recorded_is_not_looked_for() {
    run(async {
        let program = |count: usize| {
            graph(|stack| {
                for name in ["a", "b"].into_iter().take(count) {
                    make::<Net>().text("range", name).refer_all("peers", &[]).add(stack, name);
                }
            })
        };
        let account = account(Known::Never, Duration::ZERO);
        // The first write is of the whole state, and the other one of a change.
        for count in 0..2 {
            up(&account, &program(count)).await;
            let plan = planned(&account, &program(count + 1)).await.unwrap();
            {
                let mut account = account.lock();
                account.failing_save = Some(account.saves + 1);
            }
            let options = ApplyOptions::default();
            let program = program(count + 1);
            let result =
                apply(&account, &mut account.held().await, state(&account), &program, &plan, &options, &mut |_| {})
                    .await;
            assert!(result.is_err());
            account.lock().failing_save = None;
            assert_eq!((state(&account).resources.len(), creations(&account)), (count, count));
        }
    });
}

#[test]
fn an_object_that_two_plans_have_missed_is_looked_for_once_more() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        let program = one(Known::Never, "1", "a");
        up(&account, &program).await;
        let world = std::mem::take(&mut account.lock().world.objects);
        let plan = planned(&account, &program).await.unwrap();
        account.fail(2, ErrorKind::Service, false);
        applied(&account, &program, &plan).await;
        account.lock().fault = None;
        let plan = planned(&account, &program).await.unwrap();
        account.lock().world.objects.extend(world);
        let options = ApplyOptions::default();
        let result =
            apply(&account, &mut account.held().await, state(&account), &program, &plan, &options, &mut |_| {}).await;
        assert!(matches!(result, Err(StateError::Missed { .. })), "{result:?}");
        assert_eq!(account.lock().world.objects.len(), 1);
    });
}

#[test]
fn an_object_that_a_plan_has_missed_is_not_created_again() {
    // It is young, or hidden by an update that was interrupted: what refers to it would go before its own step looks for it.
    for is_interrupted in [false, true] {
        run(async {
            let program = |tag: &str| {
                graph(|stack| {
                    let net = make::<Net>().text("range", "1").text("tag", tag).refer_all("peers", &[]).add(stack, "a");
                    make::<User>().text("name", "one").refer("net", Some(&net), "id").add(stack, "b");
                })
            };
            let account = account(Known::Never, Duration::ZERO);
            up(&account, &program("a")).await;
            if is_interrupted {
                interrupt(&account, &program("b"), true).await;
            }
            let hidden = if is_interrupted { STALE } else { Duration::from_secs(1) };
            let key = ("Net".to_owned(), "net-1".to_owned());
            account.lock().world.objects.get_mut(&key).unwrap().hide(hidden);
            let before = account.lock().world.clone();
            let plan = planned(&account, &program("b")).await.unwrap();
            assert_eq!(plan.steps[0].action, Action::Create);
            assert_eq!(is_interrupted, reason(&plan) != "it was deleted outside of this program", "{plan:#?}");
            assert_eq!(plan.steps[1].action, Action::Replace(ReplaceOrder::DeleteFirst), "what refers to it would go");
            let (options, recorded) = (ApplyOptions::default(), state(&account));
            let result =
                apply(&account, &mut account.held().await, recorded, &program("b"), &plan, &options, &mut |_| {}).await;
            assert!(matches!(result, Err(StateError::Missed { address }) if address == plan.steps[0].address));
            assert_eq!(account.lock().world, before);
            up(&account, &program("b")).await;
            assert_settled(&account, &program("b")).await;
            assert_eq!(account.lock().world.objects.len(), 2);
        });
    }
}

#[test]
fn each_object_that_a_plan_has_missed_is_looked_for() {
    run(async {
        let program = graph(|stack| {
            for name in ["a", "b"] {
                make::<Net>().text("range", name).text("tag", "t").refer_all("peers", &[]).add(stack, name);
            }
        });
        // Only one of the two is seen when the apply begins: the first, or the second.
        for name in ["a", "b"] {
            let account = account(Known::Never, Duration::ZERO);
            up(&account, &program).await;
            let young = state(&account).attribute(&Address::new("Net", name), "id").unwrap();
            for ((_, id), thing) in &mut account.lock().world.objects {
                thing.hide(if young == **id { Duration::from_secs(1) } else { HIDDEN });
            }
            let plan = planned(&account, &program).await.unwrap();
            assert_eq!(plan.counts(), (2, 0, 0));
            let (options, recorded) = (ApplyOptions::default(), state(&account));
            let result =
                apply(&account, &mut account.held().await, recorded, &program, &plan, &options, &mut |_| {}).await;
            assert!(matches!(result, Err(StateError::Missed { address }) if address.name() == name));
        }
    });
}

#[test]
fn an_object_that_was_hidden_only_during_the_plan_is_updated_if_nothing_refers_to_it() {
    run(async {
        let account = Account::default();
        up(&account, &user("on")).await;
        interrupt(&account, &user("off"), true).await;
        account.lock().world.objects.values_mut().for_each(|thing| thing.hide(STALE));
        let plan = planned(&account, &user("off")).await.unwrap();
        assert_eq!(plan.steps[0].action, Action::Create);
        tokio::time::sleep(STALE).await;
        assert!(applied(&account, &user("off"), &plan).await.0.is_complete());
        assert_eq!(creations(&account), 1);
        assert_settled(&account, &user("off")).await;
    });
}

#[test]
fn an_object_whose_deletion_had_begun_is_kept_if_it_is_seen_before_its_successor_is_made() {
    run(async {
        let (account, program) = (Account::default(), users(&[("a", "one")]));
        up(&account, &program).await;
        interrupt(&account, &Graph::empty("test"), false).await;
        account.lock().world.objects.values_mut().for_each(|thing| thing.hide(Duration::from_millis(3_500)));
        let plan = planned(&account, &program).await.unwrap();
        assert_eq!((plan.counts(), reason(&plan)), ((1, 0, 0), "its deletion had begun: the apply sees it through"));
        // The look before the first step still misses it.
        account.lock().pace = Duration::from_secs(1);
        let (report, _) = applied(&account, &program, &plan).await;
        assert!(report.failures[0].error.message.contains("was not seen when the plan was made"), "{report:?}");
        up(&account, &program).await;
        assert_settled(&account, &program).await;
        assert_eq!(creations(&account), 1);
    });
}

#[test]
fn a_deletion_that_had_begun_is_finished_and_counts_as_the_plan_has_it() {
    run(async {
        let (account, program) = (Account::default(), users(&[("a", "one")]));
        up(&account, &program).await;
        interrupt(&account, &Graph::empty("test"), true).await;
        account.lock().calls.clear();
        let plan = planned(&account, &program).await.unwrap();
        let (report, _) = applied(&account, &program, &plan).await;
        assert!(report.is_complete(), "{report:?}");
        assert_eq!((plan.counts(), (report.added, report.changed, report.destroyed)), ((1, 0, 0), (1, 0, 0)));
        let calls = account.lock().calls.clone();
        let sent = |begin: &str| calls.iter().position(|call| call.starts_with(begin));
        assert!(sent("delete") < sent("create") && sent("delete").is_some(), "{calls:?}");
    });
}

#[test]
fn what_an_object_refers_to_that_is_being_deleted_goes_after_it() {
    for was_updated in [false, true] {
        run(async {
            let program = |net: &str, user: Option<&str>| {
                graph(|stack| {
                    let net = make::<Net>().text("range", net).refer_all("peers", &[]).add(stack, net);
                    if let Some(access) = user {
                        let user = make::<User>().text("name", "one").text("access", access);
                        user.refer("net", Some(&net), "id").add(stack, "user");
                    }
                })
            };
            let account = account(Known::Never, Duration::ZERO);
            up(&account, &program("a", Some("on"))).await;
            if was_updated {
                interrupt(&account, &program("a", Some("off")), true).await;
            }
            interrupt(&account, &program("a", None), true).await;
            let object = state(&account).resources[&Address::new("User", "user")].current.clone().unwrap();
            assert_eq!((object.is_being_deleted, object.attempted.is_some()), (true, was_updated));
            account.lock().calls.clear();
            up(&account, &program("b", Some("on"))).await;
            let calls = account.lock().calls.clone();
            let sent = |call: &str| calls.iter().position(|sent| sent == call).expect("it is sent");
            assert!(sent("delete User.one") < sent("delete Net.net-1"), "{calls:?}");
        });
    }
}

#[test]
fn deletions_that_have_begun_wait_for_nothing() {
    run(async {
        let program = |net: &str| {
            graph(|stack| {
                let net = make::<Net>().text("range", net).refer_all("peers", &[]).add(stack, net);
                for name in ["one", "two"] {
                    make::<User>().text("name", name).refer("net", Some(&net), "id").add(stack, name);
                }
            })
        };
        let account = account(Known::Never, Duration::ZERO);
        up(&account, &program("a")).await;
        {
            let mut account = account.lock();
            account.world.objects.retain(|(kind, _), _| kind != "User");
            for name in ["one", "two"] {
                let entry = account.saved.as_mut().unwrap().resources.get_mut(&Address::new("User", name)).unwrap();
                entry.current.as_mut().unwrap().is_being_deleted = true;
            }
            account.calls.clear();
        }
        up(&account, &program("b")).await;
        let calls = account.lock().calls.clone();
        let last = calls.iter().rposition(|call| call.starts_with("delete User")).expect("they are finished");
        let first = calls.iter().position(|call| call.starts_with("create User")).expect("they are made");
        assert!(last < first, "{calls:?}");
    });
}

#[test]
fn an_apply_that_cannot_find_out_whether_its_plan_has_missed_an_object_changes_nothing() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        let program = one(Known::Never, "1", "a");
        up(&account, &program).await;
        account.lock().world.objects.clear();
        let plan = planned(&account, &program).await.unwrap();
        let apply = async || {
            let options = ApplyOptions::default();
            apply(&account, &mut account.held().await, state(&account), &program, &plan, &options, &mut |_| {}).await
        };
        account.fail(0, ErrorKind::Denied, false);
        assert!(matches!(apply().await, Err(StateError::Unseen { kind, .. }) if kind == "Net"));
        account.lock().fault = None;
        // Where no call may be sent any more, that is the reason.
        account.lock().is_lost.store(true, Ordering::Relaxed);
        assert!(matches!(apply().await, Err(StateError::LeaseLost { .. })));
        account.lock().is_lost.store(false, Ordering::Relaxed);
        assert_eq!(creations(&account), 1);
        up(&account, &program).await;
        assert_settled(&account, &program).await;
    });
}

#[test]
fn an_object_whose_deletion_comes_to_its_end_after_the_plan_is_created_again() {
    run(async {
        let account = Account::default();
        up(&account, &user("on")).await;
        interrupt(&account, &Graph::empty("test"), false).await;
        let plan = planned(&account, &user("on")).await.unwrap();
        assert_eq!(plan.steps[0].action, Action::Update);
        // It ends while the apply waits for what descriptions show.
        let end = async {
            tokio::time::sleep(STALE / 2).await;
            account.lock().world.objects.clear();
        };
        let user = user("on");
        let ((report, _), ()) = tokio::join!(applied(&account, &user, &plan), end);
        assert!(report.is_complete(), "{report:?}");
        assert_settled(&account, &user).await;
    });
}

#[test]
fn a_creation_that_goes_on_waits_for_descriptions_only_where_it_asks_for_something_else() {
    run(async {
        let program = |about: &str| {
            graph(|stack| _ = make::<Rule>().text("peer", "x").text("port", "1").text("about", about).add(stack, "a"))
        };
        for (about, waits) in [("one", 0), ("other", 1)] {
            let account = Account::default();
            let plan = planned(&account, &program("one")).await.unwrap();
            account.fail(1, ErrorKind::Service, false);
            assert!(!applied(&account, &program("one"), &plan).await.0.is_complete());
            account.lock().fault = None;
            up(&account, &program(about)).await;
            assert_eq!(account.lock().waits, waits, "{about}");
        }
    });
}

#[test]
fn a_deletion_after_an_interrupted_change_forgets_nothing_of_it() {
    run(async {
        let account = Account::default();
        up(&account, &user("on")).await;
        for after in [user("off"), Graph::empty("test")] {
            interrupt(&account, &after, false).await;
        }
        let attempted = only(&state(&account)).1.current.clone().unwrap().attempted.unwrap();
        assert_eq!(attempted["access"], "off");
        assert!(only(&state(&account)).1.current.clone().unwrap().is_being_deleted);
        // The deletion has waited too, as what it takes along may be described as it was before the change.
        assert_eq!(account.lock().waits, 1);
        up(&account, &user("on")).await;
        assert_eq!(account.lock().waits, 2);
    });
}

#[test]
fn an_object_whose_deletion_had_its_end_is_not_looked_for() {
    run(async {
        let account = account(Known::Never, Duration::ZERO);
        let program = one(Known::Never, "1", "t");
        let plan = planned(&account, &program).await.unwrap();
        // It is created, and not brought to its inputs.
        account.fail(1, ErrorKind::Service, false);
        assert!(!applied(&account, &program, &plan).await.0.is_complete());
        account.lock().fault = None;
        up(&account, &Graph::empty("test")).await;
        // The moment before the end of the deletion is recorded.
        let moments = account.lock().moments.clone();
        let is_going = |state: &State| only(state).1.current.as_ref().is_some_and(|object| object.is_being_deleted);
        let is_gone = |moment: &&Moment| moment.1.objects.is_empty() && moment.0.as_ref().is_some_and(is_going);
        let moment = moments.iter().find(is_gone).unwrap();
        assert_eq!(only(moment.0.as_ref().unwrap()).1.current.as_ref().unwrap().phase, Phase::Created);
        for next in [program, Graph::empty("test")] {
            let crashed = Account::again(moment);
            let start = Instant::now();
            let plan = up(&crashed, &next).await;
            assert_eq!((reason(&plan), plan.drift.len()), ("its deletion had begun: the apply sees it through", 0));
            assert!(plan.steps.iter().all(|step| step.action != Action::Update), "{plan:#?}");
            assert!(start.elapsed() < HIDDEN, "{:?}", start.elapsed());
        }
    });
}

#[test]
fn what_an_interrupted_step_may_have_taken_from_another_object_is_given_back() {
    run(async {
        let program = |rules: &[(&str, &str)]| {
            graph(|stack| {
                for (of, port) in rules {
                    make::<Rule>().text("peer", of).text("port", port).add(stack, of);
                }
            })
        };
        for (other, is_interrupted, is_deposed) in
            [("1", true, false), ("1", true, true), ("1", false, false), ("2", true, false)]
        {
            let account = Account::default();
            up(&account, &program(&[("a", "1")])).await;
            let plan = planned(&account, &program(&[("a", "1"), ("b", other)])).await.unwrap();
            if is_interrupted {
                account.fail(1, ErrorKind::Service, false);
            }
            let (report, _) = applied(&account, &program(&[("a", "1"), ("b", other)]), &plan).await;
            assert_eq!(report.is_complete(), !is_interrupted);
            account.lock().fault = None;
            if is_deposed {
                depose(&account, &Address::new("Rule", "b"));
            }
            let may_have_lost = is_interrupted && other == "1";
            let plan = up(&account, &program(&[("a", "1")])).await;
            let step = plan.step(&Address::new("Rule", "a")).filter(|step| step.action == Action::Update);
            assert_eq!(step.is_some(), may_have_lost, "{plan:#?}");
            assert_eq!(account.lock().waits, usize::from(may_have_lost));
        }
        // Both are created and not finished: each may have taken from the other.
        let account = Account::default();
        up(&account, &program(&[("a", "1"), ("b", "1")])).await;
        let is_created = |state: &State| {
            let mut objects = state.resources.values().flat_map(Entry::objects);
            state.resources.len() == 2 && objects.all(|object| object.phase == Phase::Created)
        };
        let moments = account.lock().moments.clone();
        let moment = moments.iter().find(|moment| moment.0.as_ref().is_some_and(is_created)).unwrap();
        let crashed = Account::again(moment);
        up(&crashed, &program(&[("a", "1")])).await;
        assert_eq!(crashed.lock().waits, 1);
    });
}

#[test]
fn what_an_interrupted_change_may_have_taken_from_another_object_is_given_back() {
    run(async {
        let program = |port: &str| {
            graph(|stack| {
                make::<Rule>().text("peer", "a").text("port", "1").add(stack, "a");
                make::<Rule>().text("peer", "b").text("port", port).add(stack, "b");
            })
        };
        let account = Account::default();
        up(&account, &program("2")).await;
        let plan = planned(&account, &program("1")).await.unwrap();
        account.fail(0, ErrorKind::Service, false);
        assert!(!applied(&account, &program("1"), &plan).await.0.is_complete());
        account.lock().fault = None;
        // The change has not come to its end, so both wait: the one that it was made to, and the one that it takes from.
        let start = Instant::now();
        let plan = up(&account, &program("2")).await;
        assert_eq!(plan.counts(), (0, 2, 0));
        assert_eq!(account.lock().waits, 2);
        // The record of the one comes before its wait: that of the other, which is the only sign of it, may be gone sooner.
        let is_attempted = |moment: &&Moment| {
            let entry = moment.0.as_ref().and_then(|saved| saved.resources.get(&Address::new("Rule", "a")));
            entry.and_then(|entry| entry.current.as_ref()).is_some_and(|object| object.attempted.is_some())
        };
        let recorded = account.lock().moments.iter().find(is_attempted).unwrap().2;
        assert!(recorded - start < STALE);
    });
}
