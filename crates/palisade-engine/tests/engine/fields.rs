//! What a plan says of the fields of a resource, and what another tool gets to know of them.

use std::collections::BTreeMap;

use palisade_core::{Graph, Json, provider::ErrorKind};
use palisade_engine::{Action, Plan, ReplaceOrder, existing};

use crate::{
    account::Account,
    kinds::{Net, User, make, output},
    runs::{applied, graph, planned, run, state, up},
};

/// The changes of the only step: the fields, with their values before and after.
fn changes(plan: &Plan) -> Vec<(&str, Option<&Json>, Option<&Json>)> {
    let [step] = plan.steps.as_slice() else { panic!("{plan:#?}") };
    step.changes
        .iter()
        .map(|change| {
            (change.field.as_str(), change.before.as_ref(), change.after.as_ref().and_then(|value| value.as_json()))
        })
        .collect()
}

#[test]
fn what_says_nothing_is_left_out_of_what_comes_and_of_what_goes() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            let net = make::<Net>().text("range", "10").refer_all("peers", &[]);
            net.with::<BTreeMap<String, String>>("tag", BTreeMap::new()).add(stack, "a");
        });
        let range = Json::from("10");
        assert_eq!(changes(&planned(&account, &program).await.unwrap()), [("range", None, Some(&range))]);
        up(&account, &program).await;
        let deletion = planned(&account, &Graph::empty("test")).await.unwrap();
        assert_eq!(changes(&deletion), [("range", Some(&range), None)]);
    });
}

#[test]
fn of_an_unfinished_object_what_an_update_sets_is_read_and_the_rest_is_as_it_was_created() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            make::<User>().text("name", "one").text("engine", "valkey").text("access", "on").add(stack, "a");
        });
        let plan = planned(&account, &program).await.unwrap();
        account.fail(1, ErrorKind::Service, false);
        applied(&account, &program, &plan).await;
        // The account does not write it as the program does.
        for thing in account.lock().world.objects.values_mut() {
            thing.fields.insert("engine".into(), "VALKEY".into());
        }
        let plan = planned(&account, &program).await.unwrap();
        assert_eq!(changes(&plan), [("access", Some(&Json::Null), Some(&Json::from("on")))]);
    });
}

#[test]
fn an_unfinished_object_has_what_an_interrupted_update_or_somebody_else_has_brought() {
    run(async {
        // A network does not become smaller.
        let replaced = Action::Replace(ReplaceOrder::CreateFirst);
        let update =
            async |has_effect| restored(async |account| interrupted(account, &sized(2), has_effect).await).await;
        assert_eq!(update(true).await, replaced);
        assert_eq!(update(false).await, Action::Update);
        let by_hand = async |account: &Account| {
            for thing in account.lock().world.objects.values_mut() {
                thing.fields.insert("size".into(), 2.into());
            }
        };
        assert_eq!(restored(by_hand).await, replaced);
    });
}

/// A network of the size 1 is created, which is interrupted, and then `change` happens. How the program gets its network:
async fn restored(change: impl AsyncFn(&Account)) -> Action {
    let account = Account::default();
    interrupted(&account, &sized(1), false).await;
    change(&account).await;
    let plan = planned(&account, &sized(1)).await.unwrap();
    up(&account, &sized(1)).await;
    plan.steps[0].action
}

fn sized(size: u8) -> Graph {
    graph(|stack| _ = make::<Net>().text("range", "1").with::<u8>("size", size).add(stack, "a"))
}

/// Applies `program`, whose second call fails: after its effect, or instead of it.
async fn interrupted(account: &Account, program: &Graph, has_effect: bool) {
    let plan = planned(account, program).await.unwrap();
    account.fail(1, ErrorKind::Service, has_effect);
    assert!(!applied(account, program, &plan).await.0.is_complete());
}

#[test]
fn of_what_exists_another_tool_gets_the_id_the_fields_and_the_attributes() {
    run(async {
        let account = Account::default();
        let program = |name: &str| {
            graph(|stack| {
                let net = make::<Net>().text("range", "10").text("tag", "t").add(stack, name);
                make::<User>().text("name", "one").refer("net", Some(&net), "id").add(stack, "b");
                stack.output("route", output(&net, "route"));
            })
        };
        let plan = planned(&account, &program("a")).await.unwrap();
        account.fail(3, ErrorKind::Service, false);
        applied(&account, &program("a"), &plan).await;
        // The user does not exist, and the network has another name by now.
        let known = existing(&program("now"), &state(&account));
        let known: Vec<_> = known.into_iter().map(|(of, known)| (of.to_string(), Json::Object(known))).collect();
        let net = serde_json::json!({ "id": "net-1", "range": "10", "tag": "t", "route": "net-1:t" });
        assert_eq!(known, [("Net.now".to_owned(), net)]);
    });
}

#[test]
fn an_interrupted_change_is_repeated_even_if_it_shows() {
    run(async {
        let account = Account::default();
        let program = |tag: &str| graph(|stack| _ = make::<Net>().text("tag", tag).add(stack, "a"));
        up(&account, &program("t")).await;
        let plan = planned(&account, &program("new")).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        assert!(!applied(&account, &program("new"), &plan).await.0.is_complete());
        // What is to change anyway needs no reason.
        for (tag, why) in [("new", Some("its last change has not come to its end")), ("third", None)] {
            let plan = planned(&account, &program(tag)).await.unwrap();
            assert_eq!((plan.steps[0].action, plan.steps[0].reason.as_deref()), (Action::Update, why));
        }
        up(&account, &program("new")).await;
    });
}

#[test]
fn what_an_interrupted_change_may_have_changed_is_not_known() {
    run(async {
        let account = Account::default();
        let program = |range: &str, tag: &str| {
            graph(|stack| {
                let net = make::<Net>().text("range", range).text("tag", tag).add(stack, "a");
                stack.output("id", output(&net, "id"));
                stack.output("route", output(&net, "route"));
            })
        };
        up(&account, &program("10", "t")).await;
        let plan = planned(&account, &program("10", "new")).await.unwrap();
        account.fail(0, ErrorKind::Service, false);
        assert!(!applied(&account, &program("10", "new"), &plan).await.0.is_complete());
        let plan = planned(&account, &program("10", "t")).await.unwrap();
        let known = plan.outputs.iter().map(|output| output.after.as_ref().unwrap().as_json().is_some());
        assert_eq!(known.collect::<Vec<_>>(), [true, false], "the route is made of the tag");
    });
}
