//! By which values an object is deleted: some fields count only then, as the name of a final snapshot.

use palisade_core::Graph;

use crate::{
    account::Account,
    kinds::{User, make},
    runs::{applied, assert_settled, fail_at, graph, planned, run, up},
};

/// A user, who says `farewell` when it is deleted. Another name replaces it by a user that is created first, another engine by
/// one that is created afterwards.
fn user(name: &str, engine: &str, farewell: &str) -> Graph {
    graph(|stack| {
        let user = make::<User>().text("name", name).text("engine", engine).text("farewell", farewell);
        user.add(stack, "a");
    })
}

fn none() -> Graph {
    Graph::empty("test")
}

/// An account in which a user has been created that says "early".
async fn created() -> Account {
    let account = Account::default();
    up(&account, &user("one", "1", "early")).await;
    account
}

#[test]
fn an_object_is_deleted_by_what_the_program_says_with_the_change() {
    run(async {
        for (change, program, said) in [
            ("its successor is created first", user("two", "1", "late"), "late"),
            ("its successor is created afterwards", user("one", "2", "late"), "late"),
            ("it is replaced without a word", user("two", "1", "early"), "early"),
            ("it is removed", none(), "early"),
        ] {
            let account = created().await;
            up(&account, &program).await;
            assert_eq!(account.lock().farewells, [said], "{change}");
        }
    });
}

/// Which of the calls of the change is the one that deletes.
async fn deletion(change: &Graph) -> usize {
    let account = created().await;
    let plan = planned(&account, change).await.unwrap();
    let before = account.lock().calls.len();
    applied(&account, change, &plan).await;
    account.lock().calls[before..].iter().position(|call| call == "delete User.one").unwrap()
}

#[test]
fn a_deletion_that_was_interrupted_is_seen_through_by_what_was_meant() {
    run(async {
        for (change, then, said) in [
            // The program still replaces the object, so what it says now counts.
            (user("one", "2", "late"), user("one", "2", "late"), vec!["late"]),
            (user("one", "2", "late"), user("one", "2", "later"), vec!["later"]),
            // No program is about the object any more.
            (user("one", "2", "late"), none(), vec!["late"]),
            (user("two", "1", "late"), user("two", "1", "late"), vec!["late"]),
            (user("two", "1", "late"), user("two", "1", "later"), vec!["late"]),
            (user("two", "1", "late"), none(), vec!["late", "late"]),
        ] {
            let account = created().await;
            fail_at(&account, &change, deletion(&change).await).await;
            assert_eq!(account.lock().farewells.len(), 0);

            let plan = planned(&account, &then).await.unwrap();
            assert!(applied(&account, &then, &plan).await.0.is_complete());
            assert_eq!(account.lock().farewells, said, "{change:?}\n{then:?}");
            assert_settled(&account, &then).await;
        }
    });
}

#[test]
fn what_is_meant_is_what_was_said_when_the_deletion_began_last() {
    run(async {
        let account = created().await;
        for farewell in ["late", "later"] {
            let change = user("one", "2", farewell);
            fail_at(&account, &change, 0).await;
        }
        up(&account, &none()).await;
        assert_eq!(account.lock().farewells, ["later"]);
    });
}

/// The creation was refused, so nothing was replaced. What the program said of the deletion counts until it says otherwise.
#[test]
fn a_replacement_that_was_refused_changes_nothing_but_what_is_said() {
    run(async {
        for (then, said) in [(none(), "late"), (user("one", "1", "early"), "")] {
            let account = created().await;
            fail_at(&account, &user("two", "1", "late"), 0).await;
            up(&account, &then).await;
            let farewells = if said.is_empty() { vec![] } else { vec![said] };
            assert_eq!(account.lock().farewells, farewells);
        }
    });
}
