//! Plans that are built by hand.

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::render::style::plain;

fn address(kind: &str, name: &str) -> Address {
    Address::new(kind, name)
}

fn reference(kind: &str, name: &str, attribute: &str) -> Value {
    Value::Reference(Reference { address: address(kind, name), attribute: attribute.to_owned() })
}

fn change(field: &str, before: Option<Json>, after: Option<Value>) -> FieldChange {
    FieldChange { field: field.to_owned(), before, after, forces_replacement: false }
}

fn set(field: &str, after: impl Into<Value>) -> FieldChange {
    change(field, None, Some(after.into()))
}

fn step(kind: &str, name: &str, action: Action, changes: Vec<FieldChange>) -> Step {
    let id = (action != Action::Create).then(|| format!("{}-1", kind.to_lowercase()));
    let (address, moved_from, deposed) = (address(kind, name), None, Vec::new());
    Step {
        address,
        moved_from,
        action,
        id,
        deposed,
        changes,
        unchanged: 0,
        reason: None,
        notes: Vec::new(),
        blocked: None,
        loss: None,
    }
}

fn shown(steps: Vec<Step>, outputs: Vec<OutputChange>, drift: Vec<Drift>) -> String {
    let (stack, accepted_risks) = ("test".to_owned(), Vec::new());
    plain(&plan(&Plan { stack, steps, outputs, drift, accepted_risks, ..Plan::default() }))
}

#[test]
fn a_creation_shows_what_is_known_and_where_the_rest_comes_from() {
    let fields = vec![set("cidr_block", json!("10.0.0.0/16")), set("tags", json!({ "Name": "x" }))];
    let vpc = step("Vpc", "main", Action::Create, fields);
    let subnet = step("Subnet", "a", Action::Create, vec![set("vpc_id", reference("Vpc", "main", "id"))]);
    assert_snapshot!(shown(vec![vpc, subnet], Vec::new(), Vec::new()), @r#"
    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Vpc.main will be created
      + Vpc "main" {
          + cidr_block = "10.0.0.0/16"
          + tags       = { "Name" = "x" }
        }

      # Subnet.a will be created
      + Subnet "a" {
          + vpc_id = (known after apply: Vpc.main's id)
        }

    Plan: 2 to add, 0 to change, 0 to destroy.
    "#);
}

#[test]
fn an_update_shows_before_and_after_and_hides_the_rest() {
    let fields = vec![
        change("dns", Some(json!(false)), Some(json!(true).into())),
        change("description", Some(json!(null)), Some(json!("new").into())),
        change("window", Some(json!("sun:05:00-sun:06:00")), Some(json!(null).into())),
    ];
    let mut vpc = step("Vpc", "main", Action::Update, fields);
    vpc.unchanged = 3;
    vpc.notes = vec!["the window is no more".to_owned()];
    assert_snapshot!(shown(vec![vpc], Vec::new(), Vec::new()), @r#"
    Palisade will perform these actions; the symbols say what is done to each object:
      ~ update in place

      # Vpc.main will be updated in place
      # Note: the window is no more
      ~ Vpc "main" {
            id          = "vpc-1"
          ~ dns         = false -> true
          + description = "new"
          - window      = "sun:05:00-sun:06:00" -> null
            # (3 unchanged fields hidden)
        }

    Plan: 0 to add, 1 to change, 0 to destroy.
    "#);
}

#[test]
fn what_stays_as_it_is_says_what_there_is_to_know() {
    let mut cache = step("Cache", "main", Action::Nothing, Vec::new());
    cache.notes = vec!["it has a newer version than the program says".to_owned()];
    assert_snapshot!(shown(vec![cache], Vec::new(), Vec::new()), @r#"
    Note: Cache.main: it has a newer version than the program says

    No changes. Your infrastructure matches the program.
    "#);
}

#[test]
fn a_replacement_says_what_forces_it() {
    let forced = |field: FieldChange| FieldChange { forces_replacement: true, ..field };
    let fields = vec![
        forced(change("cidr_block", Some(json!("10.0.1.0/24")), Some(json!("10.0.3.0/24").into()))),
        change("vpc_id", Some(json!("vpc-1")), Some(reference("Vpc", "main", "id"))),
    ];
    let mut subnet = step("Subnet", "a", Action::Replace(ReplaceOrder::CreateFirst), fields);
    subnet.unchanged = 1;
    let fields = vec![forced(change("name", Some(json!("a")), Some(json!("b").into())))];
    let mut group = step("CacheSubnetGroup", "main", Action::Replace(ReplaceOrder::DeleteFirst), fields);
    group.reason = Some("the subnets of a group in use cannot change".to_owned());
    assert_snapshot!(shown(vec![subnet, group], Vec::new(), Vec::new()), @r#"
    Palisade will perform these actions; the symbols say what is done to each object:
    +/- replace: create the successor, then destroy
    -/+ replace: destroy, then create the successor

      # Subnet.a must be replaced
    +/- Subnet "a" {
          ~ id         = "subnet-1" -> (known after apply: Subnet.a's id)
          ~ cidr_block = "10.0.1.0/24" -> "10.0.3.0/24" # forces replacement
          ~ vpc_id     = "vpc-1" -> (known after apply: Vpc.main's id)
            # (1 unchanged field hidden)
        }

      # CacheSubnetGroup.main must be replaced
      # (the subnets of a group in use cannot change)
    -/+ CacheSubnetGroup "main" {
          ~ id   = "cachesubnetgroup-1" -> (known after apply: CacheSubnetGroup.main's id)
          ~ name = "a" -> "b" # forces replacement
        }

    Plan: 2 to add, 0 to change, 2 to destroy.
    "#);
}

#[test]
fn a_deletion_says_what_is_lost_and_what_can_be_recovered() {
    let deletion = |name: &str, fate: &str, consent| {
        let loss = Some(Loss { fate: fate.to_owned(), consent });
        Step { loss, ..step("Diary", name, Action::Delete, Vec::new()) }
    };
    let steps = vec![
        deletion("a", "all pages will be lost", ConsentStatus::Needed),
        deletion("b", "all pages will be lost", ConsentStatus::Recorded),
        deletion("c", "`diary` can be recovered for 30 days", ConsentStatus::NotNeeded),
        deletion("d", "all pages will be lost", ConsentStatus::Needed),
    ];
    let text = shown(steps, Vec::new(), Vec::new());
    let said: Vec<_> = text.lines().filter(|line| line.starts_with("  #") || line.contains("consent")).collect();
    assert_snapshot!(said.join("\n"), @r"
      # Diary.a will be destroyed
      # All pages will be lost.
      # Diary.b will be destroyed
      # All pages will be lost. An earlier run has recorded consent.
      # Diary.c will be destroyed
      # `diary` can be recovered for 30 days.
      # Diary.d will be destroyed
      # All pages will be lost.
    Data loss that needs your consent: Diary.a, Diary.d
    ");
}

#[test]
fn a_deletion_says_why_and_which_other_objects_go() {
    let mut vpc = step("Vpc", "old", Action::Delete, vec![change("cidr_block", Some(json!("10.0.0.0/16")), None)]);
    vpc.reason = Some("it is no longer in the program".to_owned());
    let mut left = step("Vpc", "main", Action::Nothing, Vec::new());
    left.deposed = vec!["vpc-0".to_owned(), String::new()];
    assert_snapshot!(shown(vec![left, vpc], Vec::new(), Vec::new()), @r#"
    Palisade will perform these actions; the symbols say what is done to each object:
      - destroy

      # Vpc.main stays as it is
      # The other object vpc-0, which an interrupted replacement left, is destroyed.
      # An object that an interrupted creation may have left is destroyed, if there is one.

      # Vpc.old will be destroyed
      # (it is no longer in the program)
      - Vpc "old" {
          - id         = "vpc-1" -> null
          - cidr_block = "10.0.0.0/16" -> null
        }

    Plan: 0 to add, 0 to change, 3 to destroy.
    "#);
}

#[test]
fn a_new_name_in_the_program_is_shown() {
    let moved = |mut step: Step| {
        step.moved_from = Some(address("Vpc", "old"));
        step
    };
    let kept = moved(step("Vpc", "main", Action::Nothing, Vec::new()));
    assert_snapshot!(shown(vec![kept], Vec::new(), Vec::new()), @r"
    Palisade will record new names of resources, and leave the objects as they are:

      # Vpc.main stays as it is
      # It was Vpc.old in the program before.

    Plan: 0 to add, 0 to change, 0 to destroy.
    ");
    let tags = vec![change("tags", Some(json!("a")), Some(json!("b").into()))];
    assert_snapshot!(shown(vec![moved(step("Vpc", "main", Action::Update, tags))], Vec::new(), Vec::new()), @r#"
    Palisade will perform these actions; the symbols say what is done to each object:
      ~ update in place

      # Vpc.main will be updated in place
      # It was Vpc.old in the program before.
      ~ Vpc "main" {
            id   = "vpc-1"
          ~ tags = "a" -> "b"
        }

    Plan: 0 to add, 1 to change, 0 to destroy.
    "#);
}

#[test]
fn changes_of_outputs_are_shown() {
    let output =
        |name: &str, before: Option<Json>, after: Option<Value>| OutputChange { name: name.to_owned(), before, after };
    let outputs = vec![
        output("endpoint", None, Some(reference("ReplicationGroup", "redis", "primary_endpoint"))),
        output("gone", Some(json!("x")), None),
        output("port", Some(json!(6379)), Some(json!(6380).into())),
        output("same", Some(json!(1)), Some(json!(1).into())),
    ];
    assert_snapshot!(shown(Vec::new(), outputs, Vec::new()), @r#"
    Changes to outputs:
      + endpoint = (known after apply: ReplicationGroup.redis's primary_endpoint)
      - gone     = "x" -> null
      ~ port     = 6379 -> 6380

    Plan: 0 to add, 0 to change, 0 to destroy.
    "#);
}

#[test]
fn a_plan_without_changes_is_one_line() {
    let vpc = step("Vpc", "main", Action::Nothing, Vec::new());
    assert_snapshot!(shown(vec![vpc], Vec::new(), Vec::new()), @"No changes. Your infrastructure matches the program.");
}

#[test]
fn drift_is_shown_before_what_is_done_about_it() {
    let drift = vec![
        Drift {
            address: address("Vpc", "main"),
            field: Some("dns".to_owned()),
            before: json!(true),
            after: json!(false),
        },
        Drift { address: address("Subnet", "a"), field: None, before: json!("subnet-1"), after: json!(null) },
    ];
    let mut subnet = step("Subnet", "a", Action::Create, vec![set("cidr_block", json!("10.0.1.0/24"))]);
    subnet.reason = Some("it was deleted outside of this program".to_owned());
    assert_snapshot!(shown(vec![subnet], Vec::new(), drift), @r#"
    Note: changed outside of this program since the last apply:

      # Subnet.a is gone
      - Subnet "a"

      # Vpc.main has changed
      ~ Vpc "main" {
          ~ dns = true -> false
        }

    Palisade will perform these actions; the symbols say what is done to each object:
      + create

      # Subnet.a will be created
      # (it was deleted outside of this program)
      + Subnet "a" {
          + cidr_block = "10.0.1.0/24"
        }

    Plan: 1 to add, 0 to change, 0 to destroy.
    "#);
}

#[test]
fn signs_have_the_colors_that_they_have_in_terraform() {
    let vpc = step("Vpc", "main", Action::Create, Vec::new());
    let (outputs, drift, accepted_risks) = (Vec::new(), Vec::new(), Vec::new());
    let (stack, steps) = (String::new(), vec![vpc]);
    let text = plan(&Plan { stack, steps, outputs, drift, accepted_risks, ..Plan::default() });
    assert!(text.contains("\u{1b}[32m  +\u{1b}[0m Vpc"), "{text:?}");
}
