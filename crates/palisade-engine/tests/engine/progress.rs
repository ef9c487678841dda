//! What of a saved plan is done, what is left of it, and what is neither.

use std::time::Duration;

use palisade_core::{Address, Graph, Json, provider::ErrorKind};
use palisade_engine::{Action, ReplaceOrder};

use crate::{
    account::Account,
    kinds::{Group, Net, User, make},
    runs::{assert_settled, fail_at, graph, planned, run, up},
    saved::{
        address, carry_out, counts, delete_object, edit_object, fail_in, id, nets, refusal, rest, saved,
        set_aside_unsettled, unsettled,
    },
};

/// Two networks, of which the second may be gone, and a third one that has one of them as its peer.
fn peered(peer: &str, has_second: bool) -> Graph {
    graph(|stack| {
        let first = make::<Net>().text("range", "1").refer_all("peers", &[]).add(stack, "b");
        let second = has_second.then(|| make::<Net>().text("range", "2").refer_all("peers", &[]).add(stack, "c"));
        let peer = if peer == "b" { Some(&first) } else { second.as_ref() };
        let peers: Vec<&Address> = peer.into_iter().collect();
        make::<Net>().text("range", "3").refer_all("peers", &peers).add(stack, "a");
    })
}

/// A network, and a user in it if there is one.
fn housed(range: &str, has_user: bool) -> Graph {
    graph(|stack| {
        let net = make::<Net>().text("range", range).refer_all("peers", &[]).add(stack, "main");
        if has_user {
            make::<User>().text("name", "u").refer("net", Some(&net), "id").add(stack, "u");
        }
    })
}

/// A user, whose other engine makes it another one of the same name, and a group that it is in.
fn member(engine: &str) -> Graph {
    graph(|stack| {
        let user = make::<User>().text("name", "u").text("engine", engine).add(stack, "u");
        make::<Group>().text("name", "g").refer_all("users", &[&user]).add(stack, "g");
    })
}

#[test]
fn a_change_of_the_program_is_told_by_its_first_field_in_the_schema() {
    run(async {
        let account = Account::default();
        let kept = saved(&account, &nets(&[("a", "1", "t")])).await;
        let later = graph(|stack| _ = make::<Net>().text("range", "2").text("tag", "t").add(stack, "a"));
        insta::assert_snapshot!(refusal(&account, &later, &kept).await, @r#"Net.a, `range`: the plan saw "1" in the program, and now there is "2""#);
    });
}

#[test]
fn a_field_that_others_have_brought_to_its_new_value_is_told_with_the_old_one() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "1", "t")])).await;
        let program = graph(|stack| {
            let other = make::<Net>().text("range", "2").refer_all("peers", &[]).add(stack, "b");
            make::<Net>().text("range", "1").text("tag", "new").refer_all("peers", &[&other]).add(stack, "a");
        });
        let kept = saved(&account, &program).await;
        edit_object(&account, "Net.a", "tag", "new");
        edit_object(&account, "Net.a", "peers", Json::from(vec!["net-9"]));
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @r#"Net.a, `tag`: the plan saw "t", and now there is "new""#);
    });
}

#[test]
fn a_new_name_in_the_program_is_a_step_of_the_plan() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "1", "t")])).await;
        let program = nets(&[("b", "1", "t")]);
        let kept = saved(&account, &program).await;
        let before = account.lock().saved.clone();
        let (remaining, report) = carry_out(&account, &program, &kept).await;
        assert_eq!((counts(&report), remaining.plan.steps.len()), ((0, 0, 0), 1));
        assert_settled(&account, &program).await;
        let (again, _) = carry_out(&account, &program, &kept).await;
        assert_eq!((again.done, again.plan.has_changes()), (vec![address("Net.b")], false));
        // It is the new name of something else.
        account.lock().saved = before;
        up(&account, &nets(&[("c", "1", "t")])).await;
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @"Net.b: the plan saw the object `net-1` of Net.a, to be left as it is, and now there is the object `net-1` of Net.c, to be left as it is");
    });
}

#[test]
fn what_an_earlier_run_left_is_deleted_by_the_plan() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "1", "t")])).await;
        let program = nets(&[("a", "2", "t")]);
        fail_at(&account, &program, 3).await;
        let kept = saved(&account, &program).await;
        let (remaining, report) = carry_out(&account, &program, &kept).await;
        assert_eq!((counts(&report), remaining.plan.steps[0].action), ((0, 0, 1), Action::Nothing));
        assert_settled(&account, &program).await;
    });
}

#[test]
fn an_object_that_the_plan_did_not_show_is_not_deleted_by_it() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "1", "t")])).await;
        let program = nets(&[("a", "2", "t")]);
        let kept = saved(&account, &program).await;
        // Others have made another object in between, and have not got rid of it.
        up(&account, &nets(&[("a", "3", "t")])).await;
        fail_at(&account, &program, 3).await;
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @"Net.a: the plan saw the object `net-1`, to be replaced, its successor first, and now there is the object `net-3`, to be left as it is, and others to be deleted: net-2");
    });
}

#[test]
fn a_plan_that_deletes_what_is_not_seen_deletes_no_finished_object_that_it_did_not_show() {
    run(async {
        let account = set_aside_unsettled().await;
        let program = nets(&[("a", "5", "t")]);
        let kept = saved(&account, &program).await;
        up(&account, &nets(&[("a", "3", "t")])).await;
        fail_at(&account, &program, 3).await;
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @"Net.a: the plan saw the object `net-2`, to be replaced, its successor first, and others to be deleted: one that is not seen, and now there is the object `net-4`, to be left as it is, and others to be deleted: net-3");
    });
}

#[test]
fn a_creation_takes_the_place_of_no_unfinished_object_that_the_plan_did_not_show() {
    run(async {
        let account = Account::default();
        let program = nets(&[("a", "1", "t")]);
        let kept = saved(&account, &program).await;
        fail_at(&account, &nets(&[("a", "2", "t")]), 1).await;
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @"Net.a: the plan saw no object, to be created, and now there is the object `net-1`, to be replaced, its successor first");
    });
}

#[test]
fn a_deletion_of_what_is_not_seen_deletes_nothing_that_others_have_finished() {
    run(async {
        let account = unsettled(30).await;
        let kept = saved(&account, &Graph::empty("test")).await;
        up(&account, &nets(&[("a", "1", "t")])).await;
        insta::assert_snapshot!(refusal(&account, &Graph::empty("test"), &kept).await, @"Net.a: the plan saw no object, to be deleted (its creation is unsettled: nothing is seen of it, and the apply looks for it first), and now there is the object `net-1`, to be deleted");
    });
}

#[test]
fn what_is_to_be_deleted_first_may_be_gone() {
    run(async {
        let account = Account::default();
        let user =
            |engine: &str| graph(|stack| _ = make::<User>().text("name", "u").text("engine", engine).add(stack, "u"));
        up(&account, &user("1")).await;
        let program = user("2");
        let kept = saved(&account, &program).await;
        delete_object(&account, "User.u");
        let (_, report) = carry_out(&account, &program, &kept).await;
        assert_eq!(counts(&report), (1, 0, 0));
        assert_settled(&account, &program).await;
    });
}

#[test]
fn a_successor_that_is_not_seen_yet_is_gone_on_with() {
    run(async {
        let account = Account::default();
        up(&account, &nets(&[("a", "1", "t")])).await;
        let program = nets(&[("a", "2", "t")]);
        let kept = saved(&account, &program).await;
        assert_eq!(
            planned(&account, &program).await.unwrap().steps[0].action,
            Action::Replace(ReplaceOrder::CreateFirst)
        );
        account.lock().lag = Duration::from_secs(30);
        fail_in(&account, &program, &kept, 0, ErrorKind::Service).await;
        let (remaining, report) = carry_out(&account, &program, &kept).await;
        assert_eq!((counts(&report), remaining.plan.steps[0].action), ((1, 0, 1), Action::Create));
        assert_settled(&account, &program).await;
    });
}

#[test]
fn a_deletion_goes_on_with_whichever_object_is_left() {
    run(async {
        let mut actions = Vec::new();
        for call in [0, 1] {
            let account = Account::default();
            up(&account, &nets(&[("a", "1", "t")])).await;
            fail_at(&account, &nets(&[("a", "2", "t")]), 3).await;
            let kept = saved(&account, &nets(&[])).await;
            fail_in(&account, &nets(&[]), &kept, call, ErrorKind::Denied).await;
            let (remaining, report) = carry_out(&account, &nets(&[]), &kept).await;
            assert_eq!(counts(&report), (0, 0, 1));
            assert!(account.lock().world.objects.is_empty());
            actions.extend(remaining.plan.steps.iter().map(|step| (step.action, step.deposed.len())));
        }
        actions.sort_by_key(|(_, deposed)| *deposed);
        assert_eq!(actions, [(Action::Delete, 0), (Action::Nothing, 1)]);
    });
}

#[test]
fn a_reference_that_the_cloud_drops_with_what_the_plan_deletes_is_no_change() {
    run(async {
        let account = Account::default();
        up(&account, &member("1")).await;
        let program = member("2");
        let kept = saved(&account, &program).await;
        // The user is deleted, and its successor is not created.
        fail_in(&account, &program, &kept, 1, ErrorKind::Denied).await;
        assert_eq!(account.lock().world.thing("Group", "g").unwrap().fields["users"], Json::from(Vec::<Json>::new()));
        let (_, report) = carry_out(&account, &program, &kept).await;
        assert_eq!(counts(&report), (1, 1, 0));
        assert_settled(&account, &program).await;
    });
}

#[test]
fn a_reference_that_the_cloud_does_not_drop_is_a_change_if_it_is_gone() {
    run(async {
        let account = Account::default();
        up(&account, &peered("c", true)).await;
        let program = peered("b", false);
        let kept = saved(&account, &program).await;
        assert!(rest(&account, &program, &kept).await.is_ok());
        edit_object(&account, "Net.a", "peers", Json::from(Vec::<Json>::new()));
        insta::assert_snapshot!(refusal(&account, &program, &kept).await, @r#"Net.a, `peers`: the plan saw ["net-1"], and now there is []"#);
    });
}

#[test]
fn what_others_have_made_with_another_reference_is_not_what_the_plan_was_to_make() {
    run(async {
        let account = Account::default();
        up(&account, &housed("1", false)).await;
        let kept = saved(&account, &housed("1", true)).await;
        let others = housed("2", true);
        up(&account, &others).await;
        assert_eq!(id(&account, "Net.main"), "net-2");
        insta::assert_snapshot!(refusal(&account, &others, &kept).await, @"User.u: the plan saw no object, to be created, and now there is the object `u`, to be left as it is");
        assert_eq!(planned(&account, &others).await.unwrap().counts(), (0, 0, 0));
    });
}
