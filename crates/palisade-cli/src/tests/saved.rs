//! `plan --out`, `show` and `apply FILE`.

use std::fs;

use insta::assert_snapshot;
use palisade_core::{Stack, reason};
use palisade_engine::{LocalStore, Plan, PlannedRisk, SavedPlan, Store};

use super::{
    fake::{Thing, thing},
    harness::Desk,
    shared::run,
    stacks::{accepted, broken, chain, pair},
};

/// Three things that do not know each other.
fn three(stack: &mut Stack, texts: [&str; 3]) {
    for (name, text) in ["a", "b", "c"].into_iter().zip(texts) {
        stack.add(name, thing().set("text", text));
    }
}

fn applied(texts: [&'static str; 3]) -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run_with("apply -y", "", |stack| three(stack, texts)).code, 0);
    desk
}

#[test]
fn a_plan_is_saved_shown_and_carried_out() {
    let mut desk = Desk::new();
    let planned = desk.run("plan --out DESK/next.plan");
    assert_eq!((planned.code, planned.stdout), (0, desk.run("plan").stdout));
    assert_snapshot!(planned.stderr, @r"

    Saved in DESK/next.plan. To do exactly this: apply DESK/next.plan
    ");
    assert!(!desk.state_dir().exists());
    desk.now += 125;
    assert_snapshot!(desk.run("show DESK/next.plan").transcript(), @r#"
    exit code 0
    --- stdout
    Plan to apply the stack `test` on the account `fake`, made 2m 5s ago

    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Thing.main will be created
      + Thing "main" {
          + text = "hello"
        }

      # Thing.child will be created
      + Thing "child" {
          + parent = (known after apply: Thing.main's id)
        }

    Changes to outputs:
      + endpoint = (known after apply: Thing.main's endpoint)

    Plan: 2 to add, 0 to change, 0 to destroy.
    --- stderr
    "#);
    assert_snapshot!(desk.run("apply DESK/next.plan").transcript(), @r#"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Thing.main will be created
      + Thing "main" {
          + text = "hello"
        }

      # Thing.child will be created
      + Thing "child" {
          + parent = (known after apply: Thing.main's id)
        }

    Changes to outputs:
      + endpoint = (known after apply: Thing.main's endpoint)

    Plan: 2 to add, 0 to change, 0 to destroy.

    Apply complete! Resources: 2 added, 0 changed, 0 destroyed. (10m 0s of emulated AWS time)

    Outputs:

    endpoint = "thing-1.example"
    --- stderr
    Thing.main: Creating...
    Thing.main: Creation complete after 5m 0s [id=thing-1]
    Thing.child: Creating...
    Thing.child: Creation complete after 5m 0s [id=thing-2]
    "#);
    assert_eq!(desk.run("plan --detailed-exitcode").code, 0);
    assert_snapshot!(desk.run("apply DESK/next.plan").stdout, @r#"
    Cloud: a fake account, region us-east-1

    Nothing is left to do: all that the plan in DESK/next.plan changes is done.

    Apply complete! No object was changed. (0s of emulated AWS time)

    Outputs:

    endpoint = "thing-1.example"
    "#);
}

#[test]
fn the_plan_is_not_changed_by_how_it_is_printed() {
    let desk = Desk::new();
    let outcome = desk.run("plan --out DESK/next.plan --json --detailed-exitcode");
    assert_eq!(outcome.code, 2);
    let printed: Plan = serde_json::from_str(&outcome.stdout).unwrap();
    let saved = SavedPlan::decode(&fs::read(desk.path("next.plan")).unwrap()).unwrap();
    assert_eq!((&saved.plan, saved.origin.made_at), (&printed, desk.now));
    let shown = desk.run("show DESK/next.plan --json");
    assert_eq!((shown.stdout, shown.stderr.as_str()), (outcome.stdout, ""));
}

/// A thing that is loud, and one that the plan is about.
fn with_bell(stack: &mut Stack) {
    accepted(stack);
    stack.add("other", thing().set("text", "new"));
}

/// The same, for another reason.
fn with_bell_for_another_reason(stack: &mut Stack) {
    let bell = stack.add("bell", thing().set("text", "loud"));
    stack.accept_risk(&bell, Thing::LOUD, reason!("nobody lives there"));
    stack.add("other", thing().set("text", "new"));
}

fn without_bell(stack: &mut Stack) {
    stack.add("other", thing().set("text", "new"));
}

/// The program says which risks are accepted, and no file. A difference does not make a plan stale: a step makes what was reviewed, or
/// is stale because of its declaration.
#[test]
fn a_saved_plan_has_the_risks_of_the_program_that_reads_it() {
    let meant = "Thing.bell, thing-discreet: a bell is meant to be heard";
    let nobody = "Thing.bell, thing-discreet: nobody lives there";
    for (what, then, now, risks) in [
        ("nothing has changed", with_bell as fn(&mut Stack), with_bell as fn(&mut Stack), &[meant][..]),
        ("the reason has changed", with_bell, with_bell_for_another_reason, &[nobody]),
        ("the risk was accepted later", without_bell, with_bell, &[meant]),
        ("the risk is gone", with_bell, without_bell, &[]),
    ] {
        let desk = Desk::new();
        let before = |stack: &mut Stack| {
            accepted(stack);
            stack.add("other", thing().set("text", "old"));
        };
        assert_eq!(desk.run_with("apply -y", "", before).code, 0);
        assert_eq!(desk.run_with("plan --out DESK/next.plan", "", then).code, 0);
        // A plan without a step for the bell.
        edit_plan(&desk, |saved| saved.plan.steps.retain(|step| step.address.name() == "other"));
        assert_eq!(shown_risks(&desk, now), risks, "{what}");
        desk.account.edit(|things| assert_eq!(things["thing-2"]["text"], "new", "{what}"));
    }
}

#[test]
fn a_file_brings_no_risk() {
    let desk = Desk::new();
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", without_bell).code, 0);
    let risk = |address: &str, rule: &str| PlannedRisk {
        address: address.parse().unwrap(),
        rule: rule.to_owned(),
        reason: reason!("it was forged"),
        file: "src/main.rs".to_owned(),
        line: 1,
        column: 1,
    };
    let forged = [risk("Thing.other", "thing-discreet"), risk("Thing.bell", "thing-discreet")];
    edit_plan(&desk, |saved| saved.plan.accepted_risks.extend(forged.clone()));
    assert!(fs::read_to_string(desk.path("next.plan")).unwrap().contains("it was forged"));
    assert_eq!(shown_risks(&desk, without_bell), [""; 0]);
}

/// What stops `apply` stops `apply FILE`, whatever the file says.
#[test]
fn a_risk_that_the_program_does_not_accept_stops_a_saved_plan() {
    let desk = Desk::new();
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", accepted).code, 0);
    let not_accepted = |stack: &mut Stack| {
        stack.add("bell", thing().set("text", "loud"));
    };
    let refused = desk.run_with("apply DESK/next.plan", "", not_accepted).error();
    assert!(refused.starts_with("error: Thing.bell: the thing is loud\n"), "{refused}");
    assert_eq!(refused, desk.run_with("apply -y", "", not_accepted).error());
    assert_eq!(desk.account.count(), 0);
    // The cure.
    assert_eq!(desk.run_with("apply DESK/next.plan", "", accepted).code, 0);
}

/// What is shown as accepted, by `show`, by `show --json` and by `apply`, which must agree.
fn shown_risks(desk: &Desk, program: fn(&mut Stack)) -> Vec<String> {
    let listed = |text: &str| -> Vec<String> {
        let risks = text.split_once("Accepted risks:\n").map_or("", |(_, rest)| rest.split_once("\n\n").unwrap().0);
        risks.lines().map(|line| line.trim().split_once(" (crates/").unwrap().0.to_owned()).collect()
    };
    let shown = listed(&desk.run_with("show DESK/next.plan", "", program).stdout);
    let json: Plan = serde_json::from_str(&desk.run_with("show DESK/next.plan --json", "", program).stdout).unwrap();
    let json = json.accepted_risks.iter().map(|risk| format!("{}, {}: {}", risk.address, risk.rule, risk.reason));
    assert_eq!(json.collect::<Vec<_>>(), shown);
    let applied = desk.run_with("apply DESK/next.plan", "", program);
    assert_eq!(applied.code, 0, "{}", applied.transcript());
    assert_eq!(listed(&applied.stdout), shown);
    shown
}

/// Writes the plan as somebody who knows its format can change it.
fn edit_plan(desk: &Desk, edit: impl FnOnce(&mut SavedPlan)) {
    let mut saved = SavedPlan::decode(&fs::read(desk.path("next.plan")).unwrap()).unwrap();
    edit(&mut saved);
    fs::write(desk.path("next.plan"), saved.encode()).unwrap();
}

#[test]
fn a_plan_without_changes_is_saved_too() {
    let desk = applied(["1", "2", "3"]);
    let program = |stack: &mut Stack| three(stack, ["1", "2", "3"]);
    assert_eq!(desk.run_with("plan --out DESK/next.plan --detailed-exitcode", "", program).code, 0);
    assert_snapshot!(desk.run_with("apply DESK/next.plan", "", program).stdout, @r"
    Cloud: a fake account, region us-east-1

    The plan in DESK/next.plan has no changes.

    Apply complete! No object was changed. (0s of emulated AWS time)
    ");
}

#[test]
fn a_destroy_is_planned_and_carried_out() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    assert_eq!(desk.run("plan --destroy --out DESK/end.plan").code, 0);
    assert!(
        desk.run("show DESK/end.plan").stdout.starts_with("Plan to destroy the stack `test` on the account `fake`")
    );
    // As a destroy, it needs no program.
    let outcome = desk.run_with("apply DESK/end.plan", "test\n", broken);
    assert_eq!((outcome.code, desk.account.count()), (0, 0), "{}", outcome.transcript());
    assert!(outcome.stdout.ends_with("Destroy complete! Resources: 2 destroyed. (0s of emulated AWS time)\n"));
}

#[test]
fn what_the_plan_touches_may_not_have_changed() {
    let desk = applied(["1", "2", "3"]);
    let program = |stack: &mut Stack| three(stack, ["10", "2", "3"]);
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", program).code, 0);
    desk.account.edit(|objects| _ = objects.get_mut("thing-1").unwrap().insert("text".to_owned(), "by hand".into()));
    assert_snapshot!(desk.run_with("apply DESK/next.plan", "", program).error(), @r#"
    error: DESK/next.plan: the plan is stale: what it touches has changed since it was made
      Thing.a, `text`: the plan saw "1", and now there is "by hand"
    help: nothing was changed; plan anew, and read what it says: `plan --out DESK/next.plan`
    "#);
    let otherwise = desk.run_with("apply DESK/next.plan", "", |stack| three(stack, ["11", "2", "3"]));
    assert_snapshot!(otherwise.error(), @r#"
    error: DESK/next.plan: the plan is stale: what it touches has changed since it was made
      Thing.a, `text`: the plan saw "10" in the program, and now there is "11"
    help: nothing was changed; plan anew, and read what it says: `plan --out DESK/next.plan`
    "#);
}

#[test]
fn what_the_plan_does_not_touch_is_left_alone() {
    let desk = applied(["1", "2", "3"]);
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", |stack| three(stack, ["10", "2", "3"])).code, 0);
    desk.account.edit(|objects| _ = objects.get_mut("thing-2").unwrap().insert("text".to_owned(), "by hand".into()));
    let outcome = desk.run_with("apply DESK/next.plan", "", |stack| three(stack, ["10", "2", "30"]));
    assert_snapshot!(outcome.transcript(), @r#"
    exit code 0
    --- stdout
    Cloud: a fake account, region us-east-1

    Palisade will perform these actions; the symbols say what is done to each object:
      ~ update in place

      # Thing.a will be updated in place
      ~ Thing "a" {
            id   = "thing-1"
          ~ text = "1" -> "10"
            # (1 unchanged field hidden)
        }

    Plan: 0 to add, 1 to change, 0 to destroy.
    Left alone, as the plan does not change them: Thing.b, Thing.c. `plan` shows how they differ.

    Apply complete! Resources: 0 added, 1 changed, 0 destroyed. (0s of emulated AWS time)
    --- stderr
    Thing.a: Modifying...
    Thing.a: Modification complete after 0s [id=thing-1]
    "#);
    desk.account.edit(|objects| {
        assert_eq!((&objects["thing-2"]["text"], &objects["thing-3"]["text"]), (&"by hand".into(), &"3".into()))
    });
}

#[test]
fn a_plan_that_failed_half_way_can_be_applied_again() {
    let desk = Desk::new();
    let program = |stack: &mut Stack| chain(stack, "fragile");
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", program).code, 0);
    desk.account.refuse("fragile", true);
    let failed = desk.run_with("apply DESK/next.plan", "", program);
    assert_eq!(failed.code, 1);
    assert!(
        failed
            .stderr
            .ends_with("help: run `apply DESK/next.plan` again to go on from here, once the cause is removed\n")
    );
    desk.account.refuse("fragile", false);
    assert_snapshot!(desk.run_with("apply DESK/next.plan", "", program).stdout, @r#"
    Cloud: a fake account, region us-east-1

    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Thing.bad will be created
      + Thing "bad" {
          + text = "fragile"
        }

      # Thing.child will be created
      + Thing "child" {
          + parent = (known after apply: Thing.bad's id)
        }

    Plan: 2 to add, 0 to change, 0 to destroy.
    Done already: Thing.fine.

    Apply complete! Resources: 2 added, 0 changed, 0 destroyed. (10m 0s of emulated AWS time)
    "#);
    assert_eq!(desk.account.count(), 3);
}

#[test]
fn a_file_that_is_no_plan_is_refused_with_what_to_do() {
    let desk = Desk::new();
    assert_eq!(desk.run("plan --out DESK/next.plan").code, 0);
    let plan = fs::read_to_string(desk.path("next.plan")).unwrap();
    let refusal = |text: &str| {
        fs::write(desk.path("next.plan"), text).unwrap();
        assert_eq!(desk.run("show DESK/next.plan").error(), desk.run("apply DESK/next.plan").error());
        desk.run("apply DESK/next.plan").error()
    };
    assert_snapshot!(refusal(""), @r"
    error: DESK/next.plan is empty
    help: plan anew, and read what it says: `plan --out DESK/next.plan`
    ");
    assert_snapshot!(refusal(&plan[..plan.len() / 2]), @r"
    error: DESK/next.plan is damaged: EOF while parsing an object at line 1 column 491
    help: plan anew, and read what it says: `plan --out DESK/next.plan`
    ");
    assert_snapshot!(refusal(&plan.replace("hello", "hullo")), @r"
    error: DESK/next.plan is damaged: its checksum is wrong, so it was edited by hand, or damaged
    help: plan anew, and read what it says: `plan --out DESK/next.plan`
    ");
    assert_snapshot!(refusal(&plan.replace("\"format\":3", "\"format\":4")), @r"
    error: DESK/next.plan is a plan of the format 4, and this program reads the formats up to 3
    help: update Palisade, with `cargo update -p palisade`, to the version that wrote the file
    ");
    assert_snapshot!(refusal("PK\u{3}\u{4}"), @r"
    error: DESK/next.plan is not a saved plan
    help: name a file that `plan --out FILE` of this program wrote
    ");
    assert_snapshot!(desk.run("apply DESK").error(), @r"
    error: cannot read the plan DESK: Is a directory (os error 21)
    help: name the file in it that `plan --out` wrote
    ");
    assert_snapshot!(desk.run("apply DESK/none.plan").error(), @r"
    error: cannot read the plan DESK/none.plan: No such file or directory (os error 2)
    help: write it first: `plan --out DESK/none.plan`
    ");
    assert_eq!(desk.account.count(), 0);
}

#[test]
fn a_plan_of_another_state_or_account_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", |stack| chain(stack, "fine")).code, 0);
    let plan = fs::read(desk.path("next.plan")).unwrap();
    let other = SavedPlan::decode(&plan).unwrap();
    let refusal = |other: SavedPlan| {
        fs::write(desk.path("next.plan"), other.encode()).unwrap();
        desk.run_with("apply DESK/next.plan", "", |stack| chain(stack, "fine")).error()
    };
    let mut elsewhere = other.clone();
    elsewhere.origin.account = "aws 111122223333 us-east-1".to_owned();
    assert_snapshot!(refusal(elsewhere), @r"
    error: DESK/next.plan: the plan is for the account `aws 111122223333 us-east-1`, and this is `fake`
    help: choose `aws 111122223333 us-east-1`, with its credentials, `--region` or `--emulated`, or plan anew: `plan --out DESK/next.plan`
    ");
    let mut earlier = other.clone();
    earlier.origin.lineage = Some("00112233445566778899aabbccddeeff".to_owned());
    let lineage = other.origin.lineage.clone().unwrap();
    assert_snapshot!(refusal(earlier).replace(&lineage, "LINEAGE"), @r"
    error: DESK/next.plan: the plan was made of another state: that had the lineage 00112233445566778899aabbccddeeff, and this one has LINEAGE
    help: name the folder of the state that it was made of with `--state-dir`, or plan anew: `plan --out DESK/next.plan`
    ");
    let mut bank = other;
    bank.plan.stack = "bank".to_owned();
    assert_snapshot!(refusal(bank), @r"
    error: DESK/next.plan: the plan is for the stack `bank`, and this is the stack `test`
    help: apply it with the program that made it, or plan anew: `plan --out DESK/next.plan`
    ");
}

#[test]
fn a_plan_is_applied_in_its_region_alone() {
    for plan in ["plan --out DESK/next.plan", "plan --destroy --out DESK/next.plan"] {
        let desk = Desk::new();
        assert_eq!(desk.run(plan).code, 0);
        let elsewhere = desk.run("apply DESK/next.plan --region eu-west-1").stderr;
        assert_eq!(
            elsewhere.replace("plan --destroy", "plan"),
            "error: DESK/next.plan: the plan is for the region us-east-1, and this command works in eu-west-1\n\
             help: apply it with `--region us-east-1`, or plan anew: `plan --out DESK/next.plan`\n"
        );
        assert_eq!(desk.account.count(), 0);
        assert_eq!(desk.run("apply DESK/next.plan --region us-east-1").code, 0);
    }
}

#[test]
fn a_plan_takes_the_place_of_no_other_file() {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    let state = desk.state_dir().join("test.state.json");
    let before = fs::read(&state).unwrap();
    assert_snapshot!(desk.run("plan --out DESK/state/test.state.json").error(), @r"
    error: DESK/state/test.state.json exists, and is not a saved plan
    help: name another file with --out, or move this one away
    ");
    assert_eq!(fs::read(&state).unwrap(), before);
    assert_snapshot!(desk.run("plan --out DESK").error(), @r"
    error: DESK exists, and is not a saved plan
    help: name another file with --out, or move this one away
    ");
    assert_snapshot!(desk.run("plan --out DESK/no/next.plan").error(), @r"
    error: cannot write the plan to DESK/no/next.plan: No such file or directory (os error 2)
    help: make its folder first, or name another file with --out
    ");
    // Another plan gives way, also a torn one.
    for text in ["", "{\"document\":\"palisade plan\",\"for"] {
        fs::write(desk.path("next.plan"), text).unwrap();
        assert_eq!(desk.run("plan --out DESK/next.plan").code, 0);
        assert_eq!(desk.run("plan --out DESK/next.plan").code, 0);
    }
    let left: Vec<_> = fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_plan() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    fs::write(desk.path("next.plan"), "").unwrap();
    fs::set_permissions(desk.path("next.plan"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(desk.run("plan --out DESK/next.plan").code, 0);
    assert_eq!(fs::metadata(desk.path("next.plan")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_stack_is_locked_while_a_plan_is_carried_out() {
    let desk = Desk::new();
    assert_eq!(desk.run_with("plan --out DESK/next.plan", "", pair).code, 0);
    let store = LocalStore::new(desk.state_dir(), "test");
    let writer = run(store.lock("`apply`, process 8", &mut |_| {})).unwrap();
    assert_snapshot!(desk.run("apply DESK/next.plan").error(), @r"
    error: the stack `test` is locked by `apply`, process 8
    help: wait until that run has ended, and run the command again
    ");
    drop(writer);
    assert_eq!(desk.run("apply DESK/next.plan").code, 0);
}
