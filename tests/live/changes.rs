//! The changes that the fast suite makes in the emulated account, unchanged, through the SDKs.

use std::time::Instant;

use crate::{account::{inventory, ministack, reset}, life::rehearsal};

#[path = "../schema_changes/cases.rs"]
mod cases;

/// What ministack does not do as AWS does: the resource, the field, and what is wrong.
const NOT_IN_MINISTACK: &[(&str, &str, &str)] = &[];

#[test]
fn every_change_replaces_or_updates_as_aws_does_and_leaves_nothing_to_change() {
    ministack();
    reset();
    let fresh = inventory();
    let mut failures = Vec::new();
    for (schema, field) in cases::fields() {
        if NOT_IN_MINISTACK.iter().any(|(kind, name, _)| *kind == schema.kind && *name == field) {
            continue;
        }
        reset();
        let t = Instant::now();
        let mut outcome = cases::change(&mut rehearsal(), schema, field);
        let left = inventory();
        if outcome.is_ok() && left != fresh {
            outcome = Err(format!("left behind: {left:?}, and before {fresh:?}"));
        }
        eprintln!("{}.{field} {:?} {}", schema.kind, t.elapsed(), outcome.as_ref().err().map(String::as_str).unwrap_or("ok"));
        if let Err(failure) = outcome {
            failures.push(format!("{}.{field}: {failure}", schema.kind));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
