//! Single cases, each with what a user would notice.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use palisade_core::{Address, Graph, Json, Reference, Stack, Value, provider::ErrorKind};
use palisade_engine::{
    Action, ApplyOptions, Event, Interruption, Phase, Plan, PlanError, ReplaceOrder, Report, State, StepKind, apply,
    plan,
};
use tokio::sync::watch;

use crate::{
    account::Account,
    kinds::{Group, Net, Server, User, make, output, servers},
    runs::{applied, assert_settled, graph, planned, run, state, up},
};

fn net(stack: &mut Stack, name: &str, range: &str, tag: &str) -> Address {
    make::<Net>().text("range", range).text("tag", tag).refer_all("peers", &[]).add(stack, name)
}

fn user(stack: &mut Stack, name: &str, engine: &str) -> Address {
    make::<User>().text("name", name).text("engine", engine).text("access", "on").add(stack, name)
}

fn group(stack: &mut Stack, users: &[&Address]) -> Address {
    make::<Group>().text("name", "all").refer_all("users", users).add(stack, "all")
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn reason(plan: &Plan, of: &str) -> Option<String> {
    plan.step(&address(of)).unwrap().reason.clone()
}

fn action(plan: &Plan, of: &str) -> Action {
    plan.step(&address(of)).unwrap().action
}

fn one_net(tag: &str) -> Graph {
    graph(|stack| _ = net(stack, "a", "10", tag))
}

async fn apply_with(account: &Account, graph: &Graph, options: &ApplyOptions) -> Report {
    let plan = planned(account, graph).await.unwrap();
    apply(account, &mut account.held().await, state(account), graph, &plan, options, &mut |_| {}).await.unwrap()
}

#[test]
fn an_object_that_is_gone_is_created_again() {
    run(async {
        let account = Account::default();
        up(&account, &one_net("t")).await;
        account.lock().world.objects.clear();
        let plan = up(&account, &one_net("t")).await;
        assert_eq!(action(&plan, "Net.a"), Action::Create);
        let gone = "it was deleted outside of this program";
        assert_eq!(reason(&plan, "Net.a").unwrap(), gone);
        assert_eq!((plan.drift.len(), &plan.drift[0].field, &plan.drift[0].after), (1, &None, &Json::Null));
        account.lock().world.objects.clear();
        let plan = planned(&account, &Graph::empty("test")).await.unwrap();
        assert_eq!((action(&plan, "Net.a"), reason(&plan, "Net.a").unwrap()), (Action::Delete, gone.to_owned()));
    });
}

#[test]
fn a_change_made_outside_is_taken_back_or_over() {
    run(async {
        let account = Account::default();
        up(&account, &one_net("t")).await;
        let change = |tag: &str| {
            let mut inner = account.lock();
            inner.world.objects.values_mut().next().unwrap().fields.insert("tag".into(), tag.into());
        };
        change("by hand");
        let plan = up(&account, &one_net("t")).await;
        assert_eq!(action(&plan, "Net.a"), Action::Update);
        assert_eq!((&plan.drift[0].before, &plan.drift[0].after), (&"t".into(), &"by hand".into()));
        change("by hand");
        let plan = up(&account, &one_net("by hand")).await;
        assert_eq!((action(&plan, "Net.a"), plan.steps[0].changes.len()), (Action::Update, 0));
        assert_eq!(
            reason(&plan, "Net.a").unwrap(),
            "it was changed outside of this program to what the program says now"
        );
    });
}

#[test]
fn only_what_may_change_is_unknown() {
    run(async {
        let account = Account::default();
        let program = |range: &str, tag: &str| {
            graph(|stack| {
                let net = net(stack, "a", range, tag);
                stack.output("id", output(&net, "id"));
                stack.output("route", output(&net, "route"));
            })
        };
        up(&account, &program("10", "t")).await;
        let known = |plan: Plan| plan.outputs.iter().map(|o| o.after.as_ref().unwrap().as_json().is_some()).collect();
        let known_after =
            async |range, tag| -> Vec<bool> { known(planned(&account, &program(range, tag)).await.unwrap()) };
        assert_eq!(known_after("10", "t").await, [true, true]);
        assert_eq!(known_after("10", "new").await, [true, false]);
        assert_eq!(known_after("20", "t").await, [false, false]);
        assert_eq!(state(&account).outputs["route"], "net-1:t");
        up(&account, &Graph::empty("test")).await;
        assert!(state(&account).outputs.is_empty());
    });
}

#[test]
fn attributes_that_the_last_apply_did_not_know_are_recorded() {
    run(async {
        let account = Account::default();
        up(&account, &one_net("t")).await;
        let mut older = state(&account);
        let object = older.resources.get_mut(&address("Net.a")).unwrap().current.as_mut().unwrap();
        Arc::make_mut(object.observed.as_mut().unwrap()).attributes.clear();
        account.lock().saved = Some(older);
        let plan = up(&account, &one_net("t")).await;
        assert_eq!(
            reason(&plan, "Net.a").unwrap(),
            "this program uses attributes of it that the last apply did not record"
        );
    });
}

#[test]
fn an_interrupted_creation_is_found_and_finished() {
    run(async {
        let account = Account::default();
        let plan = planned(&account, &one_net("t")).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        applied(&account, &one_net("t"), &plan).await;
        let entry = state(&account).resources[&address("Net.a")].current.clone().unwrap();
        assert_eq!((entry.phase, entry.id), (Phase::Creating, None));
        let plan = up(&account, &one_net("t")).await;
        assert_eq!((action(&plan, "Net.a"), plan.steps[0].id.as_deref()), (Action::Update, Some("net-1")));
        assert_eq!(reason(&plan, "Net.a").unwrap(), "its creation was not finished");
    });
}

#[test]
fn how_long_an_update_takes_is_learned_from_one_that_does_not_finish_a_creation() {
    run(async {
        let account = Account::default();
        account.lock().pace = Duration::from_secs(1);
        let plan = planned(&account, &one_net("t")).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        applied(&account, &one_net("t"), &plan).await;
        let plan = up(&account, &one_net("t")).await;
        assert_eq!(action(&plan, "Net.a"), Action::Update);
        assert_eq!(state(&account).duration("Net", StepKind::Update), None);
        up(&account, &one_net("new")).await;
        // One call changes the object, and another one reads it.
        let took = state(&account).duration("Net", StepKind::Update).unwrap();
        assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(3), "{took:?}");
    });
}

#[test]
fn an_object_that_turns_up_after_the_plan_is_not_created_twice() {
    run(async {
        let account = Account::default();
        let first = planned(&account, &one_net("t")).await.unwrap();
        account.fail(0, ErrorKind::Service, true);
        applied(&account, &one_net("t"), &first).await;
        // `first` knows nothing of the object; what it wants is the same.
        let (report, _) = applied(&account, &one_net("t"), &first).await;
        assert!(report.is_complete());
        assert_settled(&account, &one_net("t")).await;
    });
}

#[test]
fn an_attempt_at_the_same_creation_has_the_same_token() {
    run(async {
        let account = Account::default();
        account.lock().has_client_tokens = true;
        let token = || state(&account).resources[&address("Net.a")].current.clone().unwrap().token.digest;
        let plan = planned(&account, &one_net("t")).await.unwrap();
        account.fail(0, ErrorKind::Service, false);
        applied(&account, &one_net("t"), &plan).await;
        let first = token();
        assert_eq!(first.len(), 64);
        account.lock().fault = None;
        let plan = planned(&account, &one_net("t")).await.unwrap();
        // The apply looks for the object before it creates one.
        account.fail(1, ErrorKind::Service, false);
        applied(&account, &one_net("t"), &plan).await;
        assert_eq!(token(), first);
        account.lock().fault = None;
        let plan = planned(&account, &one_net("other")).await.unwrap();
        // It is looked for as long as it can be hidden.
        account.fail(2, ErrorKind::Service, false);
        applied(&account, &one_net("other"), &plan).await;
        assert_ne!(token(), first);
    });
}

#[test]
fn a_refused_creation_leaves_the_object_that_it_was_to_replace() {
    run(async {
        let account = Account::default();
        let program = |range: &str| graph(|stack| _ = net(stack, "a", range, "t"));
        up(&account, &program("10")).await;
        let before = state(&account).resources;
        let plan = planned(&account, &program("20")).await.unwrap();
        assert_eq!(action(&plan, "Net.a"), Action::Replace(ReplaceOrder::CreateFirst));
        account.fail(0, ErrorKind::Quota, false);
        let (report, events) = applied(&account, &program("20"), &plan).await;
        assert_eq!((report.failures.len(), report.skipped.len()), (1, 1));
        assert_eq!(state(&account).resources, before);
        assert!(matches!(&events[..], [Event::Started { .. }, Event::Failed(_), Event::Skipped { .. }]));
    });
}

#[test]
fn a_failure_stops_what_depends_on_it_or_everything() {
    run(async {
        let program = graph(|stack| {
            let a = user(stack, "a", "e");
            let b = user(stack, "b", "e");
            make::<Net>().text("range", "1").refer("sponsor", Some(&b), "id").add(stack, "free");
            group(stack, &[&a]);
        });
        for fail_fast in [false, true] {
            let account = Account::default();
            // Both users have begun by then.
            account.fail(1, ErrorKind::Denied, false);
            let report = apply_with(&account, &program, &ApplyOptions { fail_fast, ..ApplyOptions::default() }).await;
            let (b, all, free) = (address("User.b"), address("Group.all"), address("Net.free"));
            assert_eq!(report.skipped, [(free, StepKind::Create, b)]);
            let left = if fail_fast { vec![(all, StepKind::Create)] } else { vec![] };
            assert_eq!((report.added, report.not_begun), (if fail_fast { 1 } else { 2 }, left));
        }
    });
}

#[test]
fn an_update_that_refers_to_what_was_not_created_is_reported_as_left_out() {
    run(async {
        let account = Account::default();
        up(&account, &graph(|stack| _ = group(stack, &[]))).await;
        let program = graph(|stack| {
            let a = user(stack, "a", "e");
            group(stack, &[&a]);
        });
        account.fail(1, ErrorKind::Denied, false);
        let report = apply_with(&account, &program, &ApplyOptions::default()).await;
        assert_eq!(report.skipped, [(address("Group.all"), StepKind::Update, address("User.a"))]);
    });
}

#[test]
fn a_step_that_waits_for_its_first_call_does_not_begin_after_a_failure_that_ends_the_run() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| _ = ["a", "b"].map(|name| user(stack, name, "e")));
        account.fail(0, ErrorKind::Denied, false);
        let options = ApplyOptions { fail_fast: true, parallelism: NonZeroUsize::MIN, ..ApplyOptions::default() };
        let report = apply_with(&account, &program, &options).await;
        assert_eq!(report.not_begun, [(address("User.b"), StepKind::Create)]);
        assert_eq!(account.lock().calls, ["create User.a"]);
    });
}

#[test]
fn an_interrupt_lets_no_further_call_be_sent() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            let a = user(stack, "a", "e");
            group(stack, &[&a]);
        });
        let plan = planned(&account, &program).await.unwrap();
        let (stop, receiver) = watch::channel(false);
        let options = ApplyOptions { stop: receiver, ..ApplyOptions::default() };
        let mut listener = |event| {
            if matches!(event, Event::Created { .. }) {
                stop.send_replace(true);
            }
        };
        let report =
            apply(&account, &mut account.held().await, state(&account), &program, &plan, &options, &mut listener)
                .await
                .unwrap();
        assert_eq!((report.added, report.is_stopped, report.is_complete()), (0, true, false));
        let interruption = Interruption { address: address("User.a"), step: StepKind::Create, is_answered: true };
        assert_eq!(report.interrupted, [interruption]);
        assert_eq!(report.not_begun, [(address("Group.all"), StepKind::Create)]);
        assert_eq!(state(&account).resources[&address("User.a")].current.as_ref().unwrap().phase, Phase::Created);
        assert_eq!(account.lock().calls, ["create User.a"]);
        up(&account, &program).await;
    });
}

#[test]
fn a_released_reference_lets_its_target_be_replaced() {
    run(async {
        let account = Account::default();
        let program = |engine: &str| {
            graph(|stack| {
                let a = user(stack, "a", engine);
                group(stack, &[&a]);
            })
        };
        up(&account, &program("1")).await;
        let plan = up(&account, &program("2")).await;
        assert_eq!(action(&plan, "User.a"), Action::Replace(ReplaceOrder::DeleteFirst));
        assert_eq!(action(&plan, "Group.all"), Action::Update);
    });
}

#[test]
fn an_object_that_stays_as_it_is_depends_on_what_the_program_refers_to_now() {
    run(async {
        let account = Account::default();
        let program = |is_reference: bool| {
            graph(|stack| {
                let net = net(stack, "a", "10", "t");
                let group = make::<Group>().text("name", "all").refer_all("users", &[]);
                let route = Some(&net).filter(|_| is_reference);
                let group = if is_reference { group } else { group.text("route", "net-1:t") };
                group.refer("route", route, "route").add(stack, "all");
            })
        };
        for (is_reference, expected) in
            [(true, vec![address("Net.a")]), (false, vec![]), (true, vec![address("Net.a")])]
        {
            up(&account, &program(is_reference)).await;
            let object = state(&account).resources[&address("Group.all")].current.clone().unwrap();
            assert_eq!(Vec::from_iter(object.depends_on), expected);
        }
    });
}

#[test]
fn a_reference_that_is_held_makes_the_replacement_impossible() {
    run(async {
        let account = Account::default();
        let program = |name: &str, engine: &str| {
            graph(|stack| {
                let a = make::<User>().text("name", name).text("engine", engine).add(stack, "a");
                make::<Group>()
                    .text("name", "all")
                    .refer_all("users", &[])
                    .refer("owner", Some(&a), "id")
                    .add(stack, "all");
            })
        };
        up(&account, &program("a", "1")).await;
        let Err(PlanError::Impossible(findings)) = planned(&account, &program("a", "2")).await else {
            panic!("planned")
        };
        insta::assert_snapshot!(findings[0].message, @"User.a cannot be replaced while Group.all refers to it: a change of `engine` forces the replacement, and two objects with the same `name` cannot exist at a time");
        insta::assert_snapshot!(findings[0].help, @"give User.a another `name`, so that its new object can be created before the old one is deleted");
        assert_eq!((findings.len(), findings[0].spans.len()), (1, 2));
        let plan = up(&account, &program("b", "2")).await;
        assert_eq!(action(&plan, "User.a"), Action::Replace(ReplaceOrder::CreateFirst));
    });
}

#[test]
fn of_what_a_released_field_refers_to_only_what_is_held_makes_the_replacement_impossible() {
    run(async {
        let account = Account::default();
        let program = |access: &str, engine: &str| {
            graph(|stack| {
                let a = make::<User>().text("name", "a").text("engine", engine).text("access", access);
                let a = a.add(stack, "a");
                make::<Group>().text("name", "all").refer_all("users", &[&a]).add(stack, "all");
            })
        };
        up(&account, &program("leader", "1")).await;
        let Err(PlanError::Impossible(findings)) = planned(&account, &program("leader", "2")).await else {
            panic!("planned")
        };
        insta::assert_snapshot!(findings[0].message, @"User.a cannot be replaced while Group.all refers to it: a change of `engine` forces the replacement, and two objects with the same `name` cannot exist at a time");
        // What counts is the object that exists, not the one that the program declares.
        up(&account, &program("other", "1")).await;
        let plan = up(&account, &program("leader", "2")).await;
        assert_eq!(action(&plan, "User.a"), Action::Replace(ReplaceOrder::DeleteFirst));
    });
}

#[test]
fn what_is_replaced_with_its_target_is_deleted_before_it() {
    run(async {
        let account = Account::default();
        let program = |engine: &str| {
            graph(|stack| {
                let a = user(stack, "a", engine);
                make::<Net>().text("range", "1").refer("sponsor", Some(&a), "id").add(stack, "n");
            })
        };
        up(&account, &program("1")).await;
        let plan = up(&account, &program("2")).await;
        assert_eq!(action(&plan, "Net.n"), Action::Replace(ReplaceOrder::DeleteFirst));
        assert_eq!(reason(&plan, "Net.n").unwrap(), "it is deleted first, as User.a, which it refers to, is");
    });
}

#[test]
fn a_name_goes_over_to_another_resource_once_it_is_free() {
    run(async {
        let account = Account::default();
        up(&account, &servers(&[("a", "s1")])).await;
        let plan = up(&account, &servers(&[("a", "t1"), ("b", "s2")])).await;
        assert_eq!(action(&plan, "Server.a"), Action::Replace(ReplaceOrder::CreateFirst));
        assert_eq!(action(&plan, "Server.b"), Action::Create);
    });
}

#[test]
fn two_objects_can_exchange_their_identities() {
    run(async {
        let account = Account::default();
        let program = |a: &str, b: &str| servers(&[("a", a), ("b", b)]);
        up(&account, &program("s1", "t1")).await;
        let plan = up(&account, &program("t2", "s2")).await;
        assert_eq!(action(&plan, "Server.a"), Action::Replace(ReplaceOrder::DeleteFirst));
        assert_eq!(action(&plan, "Server.b"), Action::Replace(ReplaceOrder::CreateFirst));
        assert_eq!(reason(&plan, "Server.a").unwrap(), "it is deleted first, as Server.b takes over its identity");
    });
}

#[test]
fn what_is_replaced_goes_before_the_target_whose_name_its_new_target_takes() {
    run(async {
        let account = Account::default();
        let add = |stack: &mut Stack, of: &str, name: &str| make::<Server>().text("name", name).add(stack, of);
        let net = |stack: &mut Stack, user: &Address| {
            make::<Net>().text("range", "1").refer("sponsor", Some(user), "id").add(stack, "n");
        };
        let before = graph(|stack| {
            let a = add(stack, "a", "s1");
            net(stack, &a);
        });
        let after = graph(|stack| {
            add(stack, "a", "t1");
            let b = add(stack, "b", "s2");
            net(stack, &b);
        });
        up(&account, &before).await;
        let plan = up(&account, &after).await;
        assert_eq!(action(&plan, "Net.n"), Action::Replace(ReplaceOrder::DeleteFirst));
    });
}

#[test]
fn a_reference_out_of_the_stack_is_a_failure_that_names_it() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            make::<User>().text("name", "a").refer("net", Some(&address("Net.elsewhere")), "id").add(stack, "a");
        });
        let report = apply_with(&account, &program, &ApplyOptions::default()).await;
        insta::assert_snapshot!(report.failures[0].error.message, @"`net` refers to `id` of Net.elsewhere, which is not known");
        assert!(state(&account).resources.is_empty());
    });
}

#[test]
fn a_kind_that_the_program_does_not_know_is_refused() {
    run(async {
        let account = Account::default();
        up(&account, &one_net("t")).await;
        let mut state: State = state(&account);
        let entry = state.resources[&address("Net.a")].clone();
        state.resources.insert(address("Moon.a"), entry);
        let error = plan(&account, &Graph::empty("test"), &state).await.unwrap_err();
        insta::assert_snapshot!(error, @"the state holds Moon.a, but this program knows no resource of the kind Moon");
    });
}

#[test]
fn a_refresh_is_one_call_for_each_kind() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            let users = ["a", "b", "c"].map(|name| user(stack, name, "e"));
            group(stack, &users.each_ref());
        });
        up(&account, &program).await;
        account.lock().calls.clear();
        planned(&account, &program).await.unwrap();
        assert_eq!(account.lock().calls, ["read 1 Group", "read 3 User"]);
    });
}

#[test]
fn a_plan_is_data() {
    run(async {
        let account = Account::default();
        let program = graph(|stack| {
            let a = user(stack, "a", "e");
            group(stack, &[&a]);
        });
        let plan = planned(&account, &program).await.unwrap();
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        let reference = Reference { address: address("User.a"), attribute: "id".to_owned() };
        let users = plan.steps[1].changes.iter().find(|change| change.field == "users").unwrap();
        assert_eq!(users.after, Some(Value::Set(vec![Value::Reference(reference)])));
    });
}
