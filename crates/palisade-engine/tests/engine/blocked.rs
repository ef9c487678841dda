//! What others change in the account never costs data: a step that would lose some, and that the program alone does not ask for, is
//! blocked, with all that belongs to it. The rest is done.

use palisade_core::{Address, Graph, Json, provider::ErrorKind};
use palisade_engine::{Action, Blocked, Phase, Plan, PlanError, PlanOptions, ReplaceOrder, Step, plan_with};

use crate::{
    account::Account,
    kinds::{Group, Net, User, Vault, make},
    runs::{applied, graph, planned, run, state, up},
};

/// A vault in a network, a group that has the vault, and a user who has nothing to do with them.
#[derive(Clone, Copy)]
struct House {
    range: &'static str,
    vault: &'static str,
    tag: &'static str,
    has_member: bool,
    access: &'static str,
}

const HOUSE: House = House { range: "1", vault: "v", tag: "old", has_member: false, access: "old" };

impl House {
    fn graph(self) -> Graph {
        graph(|stack| {
            let user = make::<User>().text("name", "u").text("access", self.access).add(stack, "u");
            let net = make::<Net>().text("range", self.range).refer_all("peers", &[]).add(stack, "n");
            let vault = make::<Vault>().text("name", self.vault).refer("net", Some(&net), "id").text("tag", self.tag);
            let vault = vault.add(stack, "v");
            let members = if self.has_member { vec![&vault, &user] } else { vec![&vault] };
            make::<Group>().text("name", "g").refer_all("users", &members).add(stack, "g");
        })
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Changes a field of an object by hand.
fn change(account: &Account, kind: &str, id: &str, field: &str, value: &str) {
    let key = (kind.to_owned(), id.to_owned());
    account.lock().world.objects.get_mut(&key).unwrap().fields.insert(field.to_owned(), Json::from(value));
}

/// Deletes an object by hand.
fn remove(account: &Account, kind: &str, id: &str) {
    account.lock().world.objects.remove(&(kind.to_owned(), id.to_owned())).unwrap();
}

/// What the plan does, and what it blocks.
fn steps(plan: &Plan) -> Vec<String> {
    let tell = |step: &Step| match &step.blocked {
        Some(Blocked::ByDrift) => format!("{} blocked", step.address),
        Some(Blocked::With(other)) => format!("{} blocked with {other}", step.address),
        None => format!("{} {:?}", step.address, step.action),
    };
    plan.steps.iter().filter(|step| !step.is_idle()).map(tell).collect()
}

type Hand = fn(&Account);

/// What others do, what the program says then, and the steps that come of both.
const CASES: [(&str, Hand, House, &[&str]); 9] = [
    ("nobody does anything", |_| {}, HOUSE, &[]),
    ("others move the vault", |it| change(it, "Vault", "v", "net", "elsewhere"), HOUSE, &["Vault.v blocked"]),
    (
        "others move the vault, and the program changes what has nothing to do with it",
        |it| change(it, "Vault", "v", "net", "elsewhere"),
        House { access: "new", ..HOUSE },
        &["User.u Update", "Vault.v blocked"],
    ),
    (
        "others move the vault, and the program changes it, and what refers to it",
        |it| change(it, "Vault", "v", "net", "elsewhere"),
        House { tag: "new", has_member: true, ..HOUSE },
        &["Vault.v blocked", "Group.g blocked with Vault.v"],
    ),
    (
        "others delete the network of the vault",
        |it| remove(it, "Net", "net-2"),
        HOUSE,
        &["Net.n blocked with Vault.v", "Vault.v blocked"],
    ),
    (
        "others move the vault, and the program gives it another name, which takes a new one in any case",
        |it| change(it, "Vault", "v", "net", "elsewhere"),
        House { vault: "w", ..HOUSE },
        &["Vault.v Replace(CreateFirst)", "Group.g Update"],
    ),
    (
        "others move the vault, and the program replaces its network, so that it is replaced in any case",
        |it| change(it, "Vault", "v", "net", "elsewhere"),
        House { range: "2", ..HOUSE },
        &["Net.n Replace(CreateFirst)", "Vault.v Replace(DeleteFirst)", "Group.g Update"],
    ),
    ("others delete the vault", |it| remove(it, "Vault", "v"), HOUSE, &["Vault.v Create", "Group.g Update"]),
    (
        "others change what can be changed back",
        |it| change(it, "Vault", "v", "tag", "by hand"),
        HOUSE,
        &["Vault.v Update"],
    ),
];

#[test]
fn what_others_do_blocks_what_would_cost_data_and_nothing_else() {
    for (what, by_hand, after, expected) in CASES {
        run(async {
            let account = Account::default();
            up(&account, &HOUSE.graph()).await;
            by_hand(&account);
            let vault = account.lock().world.thing("Vault", "v").cloned();
            let plan = planned(&account, &after.graph()).await.unwrap();
            assert_eq!(steps(&plan), expected, "{what}");
            if expected.iter().all(|step| !step.contains("blocked")) {
                return;
            }
            assert!(plan.has_changes(), "{what}");
            let (report, _) = applied(&account, &after.graph(), &plan).await;
            assert!(report.is_complete() && report.destroyed == 0, "{what}: {report:?}");
            assert_eq!(account.lock().violations, [""; 0], "{what}");
            assert_eq!(account.lock().world.thing("Vault", "v").cloned(), vault, "{what}");
            // What is blocked stays so, and the rest is done.
            let again = planned(&account, &after.graph()).await.unwrap();
            let left: Vec<_> = expected.iter().filter(|step| step.contains("blocked")).copied().collect();
            assert_eq!(steps(&again), left, "{what}");
            assert!(!again.does_anything(), "{what}");
        });
    }
}

#[test]
fn what_a_blocked_object_refers_to_is_not_deleted() {
    let program = |is_after: bool| {
        graph(|stack| {
            let [old, new] = ["old", "new"].map(|range| make::<Net>().text("range", range).refer_all("peers", &[]));
            let net = if is_after { new.add(stack, "new") } else { old.add(stack, "old") };
            make::<Vault>().text("name", "v").refer("net", Some(&net), "id").add(stack, "v");
        })
    };
    run(async {
        let account = Account::default();
        up(&account, &program(false)).await;
        // The program moves the vault, so it is to be replaced, whatever others have done.
        let plan = planned(&account, &program(true)).await.unwrap();
        let moved = ["Net.new Create", "Vault.v Replace(DeleteFirst)", "Net.old Delete"];
        assert_eq!(steps(&plan), moved);
        change(&account, "Vault", "v", "net", "elsewhere");
        assert_eq!(steps(&planned(&account, &program(true)).await.unwrap()), moved);
    });
}

#[test]
fn an_object_is_replaced_where_that_is_asked_for() {
    run(async {
        let account = Account::default();
        up(&account, &HOUSE.graph()).await;
        let replace = |names: &[&str]| PlanOptions { replace: names.iter().map(|name| address(name)).collect() };
        let asked = async |names: &[&str]| plan_with(&account, &HOUSE.graph(), &state(&account), &replace(names)).await;
        let plan = asked(&["Vault.v"]).await.unwrap();
        assert_eq!(steps(&plan), ["Vault.v Replace(DeleteFirst)", "Group.g Update"]);
        assert_eq!(plan.steps[2].reason.as_deref(), Some("its replacement was asked for"));
        assert!(plan.steps[2].loss.is_some());
        // It frees what is blocked, and what is blocked with it.
        remove(&account, "Net", "net-2");
        let plan = asked(&["Vault.v"]).await.unwrap();
        assert_eq!(steps(&plan), ["Net.n Create", "Vault.v Replace(DeleteFirst)", "Group.g Update"]);
        let plan = asked(&["User.u"]).await.unwrap();
        let blocked = ["User.u Replace(DeleteFirst)", "Net.n blocked with Vault.v", "Vault.v blocked"];
        assert_eq!(steps(&plan), blocked);
        for (name, is_declared) in [("Vault.w", false), ("Net.x", false)] {
            let error = asked(&[name]).await.unwrap_err();
            let PlanError::NothingToReplace { address: of, is_declared: told } = error else { panic!("{error}") };
            assert_eq!((of, told), (address(name), is_declared));
        }
    });
}

#[test]
fn an_object_that_does_not_exist_yet_cannot_be_replaced() {
    run(async {
        let account = Account::default();
        let options = PlanOptions { replace: [address("Vault.v")].into() };
        let error = plan_with(&account, &HOUSE.graph(), &state(&account), &options).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot replace Vault.v: it has no object yet");
    });
}

/// The same command can be typed again after an interrupt: what the first run has made is finished, and not replaced.
#[test]
fn a_replacement_that_was_asked_for_and_was_interrupted_is_not_made_twice() {
    for call in 0..8 {
        run(async {
            let account = Account::default();
            up(&account, &HOUSE.graph()).await;
            let options = PlanOptions { replace: [address("User.u")].into() };
            let plan = plan_with(&account, &HOUSE.graph(), &state(&account), &options).await.unwrap();
            assert_eq!(plan.steps[0].action, Action::Replace(ReplaceOrder::DeleteFirst));
            account.fail(call, ErrorKind::Denied, false);
            applied(&account, &HOUSE.graph(), &plan).await;
            account.lock().fault = None;
            let user = state(&account).resources.remove(&address("User.u")).and_then(|entry| entry.current);
            let unfinished = user.is_some_and(|user| user.phase != Phase::Ready);
            if unfinished {
                let plan = plan_with(&account, &HOUSE.graph(), &state(&account), &options).await.unwrap();
                assert!(!matches!(plan.steps[0].action, Action::Replace(_)), "{call}: {plan:#?}");
            }
            up(&account, &HOUSE.graph()).await;
        });
    }
}
