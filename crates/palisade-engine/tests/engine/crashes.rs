//! A crash after each save and after each effect of a call.

use palisade_core::Graph;
use proptest::prelude::*;

use crate::{
    account::Account,
    kinds::{Net, User, make, users},
    random::{assert_impossible, edit, graph_of, lag},
    runs::{applied, assert_settled, graph, planned, run, up},
};

#[test]
fn the_object_that_takes_the_name_of_a_deleted_one_is_not_taken_for_it() {
    run(async {
        let account = Account::default();
        up(&account, &users(&[("a", "one"), ("b", "two")])).await;
        account.lock().world.objects.retain(|(_, id), _| id != "one");
        // The one waits for its network, so the other takes the name first.
        let program = graph(|stack| {
            let net = make::<Net>().text("range", "10").add(stack, "net");
            make::<User>().text("name", "three").refer("net", Some(&net), "id").add(stack, "a");
            make::<User>().text("name", "one").add(stack, "b");
        });
        let plan = planned(&account, &program).await.unwrap();
        let first = account.lock().moments.len();
        applied(&account, &program, &plan).await;
        let moments = account.lock().moments[first..].to_vec();
        for moment in moments {
            up(&Account::again(&moment), &program).await;
        }
    });
}

proptest! {
    #![proptest_config(crate::config(60))]

    #[test]
    fn the_next_run_goes_on_from_every_moment((before, after) in edit(), lag in lag()) {
        run(async {
            let account = Account::default();
            account.lock().lag = lag;
            up(&account, &graph_of(&before)).await;
            let graph = graph_of(&after);
            let plan = match planned(&account, &graph).await {
                Ok(plan) => plan,
                Err(error) => return assert_impossible(&account, &graph, error),
            };
            let first = account.lock().moments.len().saturating_sub(1);
            applied(&account, &graph, &plan).await;
            let moments = account.lock().moments[first..].to_vec();
            for moment in moments {
                up(&Account::again(&moment), &graph).await;
                up(&Account::again(&moment), &Graph::empty("test")).await;
            }
        });
    }

    #[test]
    fn a_failed_save_loses_nothing((before, after) in edit(), save in 1..30_usize) {
        run(async {
            let account = Account::default();
            up(&account, &graph_of(&before)).await;
            let graph = graph_of(&after);
            let Ok(plan) = planned(&account, &graph).await else { return };
            let save = account.lock().saves + save;
            account.lock().failing_save = Some(save);
            let state = crate::runs::state(&account);
            let options = palisade_engine::ApplyOptions::default();
            let result = palisade_engine::apply(&account, &mut account.held().await, state, &graph, &plan, &options, &mut |_| {}).await;
            let is_hit = account.lock().saves >= save;
            assert_eq!(result.is_err(), is_hit);
            account.lock().failing_save = None;
            if is_hit {
                assert_all_recorded(&account);
                up(&account, &graph).await;
            }
            assert_settled(&account, &graph).await;
        });
    }
}

/// Asserts that the last attempt to save has recorded all objects that there are.
fn assert_all_recorded(account: &Account) {
    let inner = account.lock();
    let saved = inner.saved.clone().unwrap();
    let recorded: Vec<_> =
        saved.resources.values().flat_map(|entry| entry.current.iter().chain(&entry.deposed)).collect();
    for (_, id) in inner.world.objects.keys() {
        assert!(recorded.iter().any(|object| object.id.as_ref() == Some(id)), "{id} is on no record");
    }
}
