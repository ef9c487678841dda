//! Losses of data: what the plan says of them, and that nothing is lost without consent.

use std::num::NonZeroUsize;

use palisade_core::{Graph, provider::ErrorKind};
use palisade_engine::{ApplyOptions, Consent, ConsentStatus, Phase, Plan, Report, StateError, apply};

use crate::{
    account::Account,
    kinds::{Net, Vault, make},
    runs::{assert_settled, graph, planned, run, state, up},
    saved::{address, delete_object, refusal, saved},
};

/// Vaults, each with its name, a tag, and for how many days it is kept; and the network that all of them are in.
fn vaults(range: &str, vaults: &[(&str, &str, &str, Option<&str>)]) -> Graph {
    graph(|stack| {
        let net = make::<Net>().text("range", range).add(stack, "net");
        for (of, name, tag, days) in vaults {
            let vault = make::<Vault>().text("name", name).text("tag", tag).refer("net", Some(&net), "id");
            let vault = match days {
                Some(days) => vault.text("days", days),
                None => vault,
            };
            vault.add(stack, of);
        }
    })
}

/// The vault `a`, and the one of which the creation can fail.
fn a_and(others: &[(&str, &str, &str, Option<&str>)]) -> Graph {
    vaults("1", &[&[("a", "alps", "", None)], others].concat())
}

async fn try_apply(account: &Account, graph: &Graph, consent: Consent) -> Result<Report, StateError> {
    let plan = planned(account, graph).await.unwrap();
    carry_out(account, graph, &plan, consent).await
}

async fn carry_out(account: &Account, graph: &Graph, plan: &Plan, consent: Consent) -> Result<Report, StateError> {
    // One call at a time, and none after a failure, so that each run comes as far as the test says.
    let options = ApplyOptions { consent, fail_fast: true, parallelism: NonZeroUsize::MIN, ..ApplyOptions::default() };
    apply(account, &mut account.held().await, state(account), graph, plan, &options, &mut |_| {}).await
}

/// The losses of the plan, a line each.
async fn losses(account: &Account, graph: &Graph) -> String {
    let plan = planned(account, graph).await.unwrap();
    let line = |status| match status {
        ConsentStatus::NotNeeded => "",
        ConsentStatus::Needed => ", with consent",
        ConsentStatus::Recorded => ", with the consent on record",
    };
    let lines = plan.losses().map(|(of, loss)| format!("{of}: {}{}", loss.fate, line(loss.consent)));
    lines.collect::<Vec<_>>().join("\n")
}

fn of(addresses: &[&str]) -> Consent {
    Consent::Of(addresses.iter().map(|of| address(of)).collect())
}

/// The resources that the state on disk has consent for.
fn on_record(account: &Account) -> Vec<String> {
    state(account).consents.keys().map(ToString::to_string).collect()
}

#[test]
fn a_plan_says_what_is_lost_and_whether_that_needs_consent() {
    let a = |days| ("a", "alps", "", days);
    for (before, after, expected) in [
        // Nothing goes, or what goes holds no data.
        (vec![a(None)], Some(("1", vec![a(None)])), ""),
        (vec![a(None)], Some(("1", vec![("a", "alps", "tag", None)])), ""),
        (vec![], None, ""),
        // Deleted, alone and with all others.
        (vec![a(None)], Some(("1", vec![])), "Vault.a: all in alps will be lost, with consent"),
        (vec![a(None)], None, "Vault.a: all in alps will be lost, with consent"),
        (vec![a(Some("7"))], Some(("1", vec![])), "Vault.a: alps can be recovered for 7 days"),
        // Replaced by one with another name; or along with the network, before its successor is made.
        (vec![a(None)], Some(("1", vec![("a", "bath", "", None)])), "Vault.a: all in alps will be lost, with consent"),
        (vec![a(None)], Some(("2", vec![a(None)])), "Vault.a: all in alps will be lost, with consent"),
        // What the program says in the same change counts.
        (vec![a(Some("7"))], Some(("2", vec![a(None)])), "Vault.a: all in alps will be lost, with consent"),
        (vec![a(None)], Some(("2", vec![a(Some("7"))])), "Vault.a: alps can be recovered for 7 days"),
    ] {
        run(async {
            let account = Account::default();
            up(&account, &vaults("1", &before)).await;
            let after = after.map_or_else(|| Graph::empty("test"), |(range, after)| vaults(range, &after));
            assert_eq!(losses(&account, &after).await, expected);
        });
    }
}

#[test]
fn an_object_that_is_gone_or_was_never_finished_or_has_a_successor_holds_nothing() {
    run(async {
        // Somebody has deleted it.
        let account = Account::default();
        up(&account, &a_and(&[])).await;
        delete_object(&account, "Vault.a");
        assert_eq!(losses(&account, &vaults("1", &[])).await, "");
        // Its creation has failed: the network is made by two calls, the vault is not brought to its inputs.
        let account = Account::default();
        let plan = planned(&account, &a_and(&[])).await.unwrap();
        account.fail(4, ErrorKind::Denied, false);
        let report = carry_out(&account, &a_and(&[]), &plan, Consent::default()).await.unwrap();
        assert_eq!(report.failures[0].address, address("Vault.a"));
        assert_eq!(losses(&account, &vaults("1", &[])).await, "");
        account.lock().fault = None;
        up(&account, &vaults("1", &[])).await;
        // Its successor exists, and consent was given before that.
        let account = Account::default();
        up(&account, &a_and(&[])).await;
        let renamed = vaults("1", &[("a", "bath", "", None)]);
        let plan = planned(&account, &renamed).await.unwrap();
        account.fail(3, ErrorKind::Denied, false);
        let report = carry_out(&account, &renamed, &plan, Consent::All).await.unwrap();
        assert_eq!((report.added, report.destroyed, report.failures.len()), (1, 0, 1), "{:?}", account.lock().calls);
        account.lock().fault = None;
        assert_eq!(losses(&account, &renamed).await, "");
        up(&account, &renamed).await;
    });
}

#[test]
fn what_counts_at_the_deletion_is_what_the_deletion_uses() {
    run(async {
        let (lost, kept) =
            ("Vault.a: all in alps will be lost, with consent", "Vault.a: alps can be recovered for 7 days");
        // It is what the program has said last, whether the object is deleted or replaced.
        for (first, then, expected) in [(Some("7"), None, lost), (None, Some("7"), kept)] {
            let account = Account::default();
            up(&account, &vaults("1", &[("a", "alps", "", first)])).await;
            // The update to the other value does not come to its end.
            let program = vaults("1", &[("a", "alps", "tag", then)]);
            let plan = planned(&account, &program).await.unwrap();
            account.fail(0, ErrorKind::Denied, false);
            carry_out(&account, &program, &plan, Consent::default()).await.unwrap();
            account.lock().fault = None;
            assert_eq!(losses(&account, &vaults("1", &[])).await, expected);
            assert_eq!(losses(&account, &vaults("2", &[("a", "alps", "tag", then)])).await, expected);
        }
    });
}

#[test]
fn without_consent_an_apply_is_refused_before_any_call_and_any_write() {
    run(async {
        let account = Account::default();
        up(&account, &a_and(&[("b", "bath", "", None), ("c", "cork", "", Some("7"))])).await;
        let program = vaults("1", &[("d", "dover", "", None)]);
        let plan = planned(&account, &program).await.unwrap();
        let now = || {
            let inner = account.lock();
            (inner.calls.len(), inner.saves, inner.saved.clone())
        };
        let before = now();
        for (consent, missing) in [
            (Consent::default(), "Vault.b: all in bath will be lost; Vault.a: all in alps will be lost"),
            (of(&["Vault.a"]), "Vault.b: all in bath will be lost"),
            (of(&["Vault.b", "Vault.c", "Net.net"]), "Vault.a: all in alps will be lost"),
        ] {
            let refused = carry_out(&account, &program, &plan, consent).await.unwrap_err();
            assert!(matches!(refused, StateError::NoConsent { .. }), "{refused}");
            assert_eq!(
                refused.to_string(),
                format!("data would be lost without consent, so nothing was changed: {missing}")
            );
        }
        assert_eq!(before, now());
        let report = carry_out(&account, &program, &plan, of(&["Vault.a", "Vault.b"])).await.unwrap();
        assert_eq!((report.added, report.destroyed), (1, 3));
        assert_settled(&account, &program).await;
    });
}

#[test]
fn what_the_plan_took_for_gone_is_not_deleted_with_its_data() {
    run(async {
        let account = Account::default();
        up(&account, &a_and(&[])).await;
        let alps = account.lock().world.objects.remove(&("Vault".to_owned(), "alps".to_owned())).unwrap();
        let program = vaults("1", &[]);
        let plan = planned(&account, &program).await.unwrap();
        assert_eq!(plan.losses().count(), 0);
        account.lock().world.objects.insert(("Vault".to_owned(), "alps".to_owned()), alps);
        let report = carry_out(&account, &program, &plan, Consent::default()).await.unwrap();
        assert_eq!(report.failures[0].error.message, "Vault.a exists, and was not seen when the plan was made");
        assert!(account.lock().world.thing("Vault", "alps").is_some());
        // The next plan shows it.
        assert_eq!(losses(&account, &program).await, "Vault.a: all in alps will be lost, with consent");
        assert!(try_apply(&account, &program, Consent::All).await.unwrap().is_complete());
    });
}

#[test]
fn from_every_moment_after_the_consent_the_next_run_needs_none() {
    for after in [
        vaults("1", &[]),
        vaults("1", &[("a", "bath", "", None)]),
        vaults("2", &[("a", "alps", "", None)]),
        vaults("2", &[("a", "bath", "", None), ("b", "dover", "", None)]),
    ] {
        run(async {
            let account = Account::default();
            up(&account, &a_and(&[])).await;
            let first = account.lock().moments.len() - 1;
            assert!(try_apply(&account, &after, of(&["Vault.a"])).await.unwrap().is_complete());
            assert_eq!(on_record(&account), [""; 0], "it ends with the run");
            let moments = account.lock().moments[first..].to_vec();
            let untouched = moments[0].1.clone();
            for moment in moments {
                let again = Account::again(&moment);
                if moment.0.as_ref().unwrap().consents.is_empty() && moment.1 == untouched {
                    // The consent is not written yet.
                    assert!(matches!(
                        try_apply(&again, &after, Consent::default()).await,
                        Err(StateError::NoConsent { .. })
                    ));
                } else {
                    assert!(try_apply(&again, &after, Consent::default()).await.unwrap().is_complete());
                    assert_settled(&again, &after).await;
                    assert_eq!(on_record(&again), [""; 0]);
                }
            }
        });
    }
}

/// An apply that deletes the vault `a` with consent, and that stops before it does: the creation of another one fails.
async fn stopped() -> Account {
    let account = Account::default();
    up(&account, &a_and(&[])).await;
    let program = vaults("1", &[("b", "bath", "", None)]);
    let plan = planned(&account, &program).await.unwrap();
    account.fail(0, ErrorKind::Denied, false);
    let report = carry_out(&account, &program, &plan, of(&["Vault.a"])).await.unwrap();
    assert!(!report.is_complete());
    account.lock().fault = None;
    assert_eq!(on_record(&account), ["Vault.a"]);
    account
}

#[test]
fn consent_does_not_outlive_its_run() {
    run(async {
        let without_a = vaults("1", &[("b", "bath", "", None)]);
        let account = stopped().await;
        let on_record_now = "Vault.a: all in alps will be lost, with the consent on record";
        assert_eq!(losses(&account, &without_a).await, on_record_now);
        // The program takes the vault back. This apply fails too, so nothing but its beginning takes the consent back.
        let taken_back = a_and(&[("b", "bath", "", None)]);
        let plan = planned(&account, &taken_back).await.unwrap();
        account.fail(0, ErrorKind::Denied, false);
        assert!(!carry_out(&account, &taken_back, &plan, Consent::default()).await.unwrap().is_complete());
        account.lock().fault = None;
        assert_eq!(on_record(&account), [""; 0]);
        // Removed again, it needs consent again.
        assert_eq!(losses(&account, &without_a).await, "Vault.a: all in alps will be lost, with consent");
        let refused = try_apply(&account, &without_a, Consent::default()).await;
        assert!(matches!(refused, Err(StateError::NoConsent { .. })));
        assert!(try_apply(&account, &without_a, of(&["Vault.a"])).await.unwrap().is_complete());
        assert_settled(&account, &without_a).await;
    });
}

#[test]
fn consent_is_for_one_object_and_not_for_its_successor_of_the_same_name() {
    run(async {
        let account = Account::default();
        up(&account, &a_and(&[])).await;
        // The vault is replaced along with its network, and deleted first, so its successor has the same id. Another creation fails.
        let program = vaults("2", &[("a", "alps", "", None), ("b", "bath", "", None)]);
        let start = account.lock().moments.last().unwrap().clone();
        let mut tried = 0;
        for call in 0.. {
            let account = Account::again(&start);
            let current = || state(&account).resources.get(&address("Vault.a")).and_then(|entry| entry.current.clone());
            let before = current().unwrap();
            let plan = planned(&account, &program).await.unwrap();
            account.fail(call, ErrorKind::Denied, false);
            let report = carry_out(&account, &program, &plan, Consent::All).await.unwrap();
            account.lock().fault = None;
            if report.is_complete() {
                break;
            }
            let Some(now) = current().filter(|now| now.token != before.token && now.phase == Phase::Ready) else {
                continue;
            };
            assert_eq!(now.id, before.id);
            assert_eq!(on_record(&account), ["Vault.a"]);
            assert!(state(&account).has_spent_consent(&address("Vault.a")), "the same command may be typed again");
            let third = vaults("3", &[("a", "alps", "", None)]);
            assert_eq!(losses(&account, &third).await, "Vault.a: all in alps will be lost, with consent");
            let refused = try_apply(&account, &third, Consent::default()).await;
            assert!(matches!(refused, Err(StateError::NoConsent { .. })));
            tried += 1;
        }
        assert!(tried > 0);
    });
}

#[test]
fn a_saved_plan_is_stale_if_it_would_lose_other_data() {
    run(async {
        let account = Account::default();
        up(&account, &vaults("1", &[("a", "alps", "", Some("7"))])).await;
        let program = vaults("1", &[]);
        let kept = saved(&account, &program).await;
        up(&account, &vaults("1", &[("a", "alps", "", None)])).await;
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @r#"Vault.a: the plan saw "alps can be recovered for 7 days", and now there is "all in alps will be lost""#);
        // To lose less than the plan has shown is no other step.
        delete_object(&account, "Vault.a");
        let remaining = crate::saved::rest(&account, &program, &kept).await.unwrap();
        assert_eq!(remaining.plan.losses().count(), 0);
    });
}

#[test]
fn a_plan_deletes_everything_if_objects_go_and_none_is_left() {
    run(async {
        let deletes_everything =
            async |account: &Account, graph: &Graph| planned(account, graph).await.unwrap().deletes_everything;
        let empty = Graph::empty("test");
        let account = Account::default();
        assert!(!deletes_everything(&account, &empty).await, "there is nothing");
        up(&account, &vaults("1", &[])).await;
        assert!(deletes_everything(&account, &empty).await);
        assert!(!deletes_everything(&account, &vaults("2", &[])).await, "it is replaced");
        let other = graph(|stack| _ = make::<Net>().text("range", "2").add(stack, "other"));
        assert!(!deletes_everything(&account, &other).await, "another one is created");
        delete_object(&account, "Net.net");
        assert!(!deletes_everything(&account, &empty).await, "it is gone already");
        // Only the predecessor is left of a network whose replacement and deletion have failed.
        let account = Account::default();
        up(&account, &vaults("1", &[])).await;
        let replaced = vaults("2", &[]);
        for program in [&replaced, &empty] {
            let plan = planned(&account, program).await.unwrap();
            let start = account.lock().moments.last().unwrap().clone();
            // Which call of the run it is that deletes the first one.
            let trial = Account::again(&start);
            carry_out(&trial, program, &plan, Consent::default()).await.unwrap();
            let call = trial.lock().calls.iter().position(|call| call == "delete Net.net-1").unwrap();
            account.fail(call, ErrorKind::Denied, false);
            assert!(!carry_out(&account, program, &plan, Consent::default()).await.unwrap().is_complete());
            account.lock().fault = None;
        }
        assert!(state(&account).resources[&address("Net.net")].current.is_none());
        assert!(deletes_everything(&account, &empty).await);
    });
}
