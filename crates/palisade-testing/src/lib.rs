//! What the tests of a stack use: its plan and its export as text for snapshots, and a [`Rehearsal`] of its whole life in
//! an emulated account. None of it needs credentials, a network or a file, and all of it takes milliseconds.
//!
//! ```
//! use palisade::prelude::*;
//! use palisade_testing::Rehearsal;
//!
//! fn stack(stack: &mut Stack) {
//!     stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
//! }
//!
//! // insta::assert_snapshot!(palisade_testing::plan(stack));
//! assert!(palisade_testing::plan(stack).ends_with("Plan: 1 to add, 0 to change, 0 to destroy.\n"));
//!
//! let mut rehearsal = Rehearsal::new();
//! rehearsal.apply(stack);
//! assert!(!rehearsal.plan(stack).has_changes());
//! rehearsal.destroy();
//! assert!(rehearsal.emulator().inventory().is_empty());
//! ```

mod rehearsal;

pub use rehearsal::Rehearsal;
pub use secrecy::{ExposeSecret, SecretString};

use palisade_core::{Graph, Stack};
use palisade_terraform::{Existing, ExportOptions, export as export_graph};

/// The plan of a stack that has never been applied, as `plan` prints it without colours.
///
/// # Panics
/// If the stack has findings, or cannot be planned; the message says why.
pub fn plan(declare: impl FnOnce(&mut Stack)) -> String {
    palisade_cli::plan_text(&Rehearsal::new().plan(declare))
}

/// The stack as Terraform JSON, for the region `us-east-1`.
///
/// # Panics
/// If the stack has findings, or cannot be exported; the message says why.
pub fn export(declare: impl FnOnce(&mut Stack)) -> String {
    document(&graph(declare), &Existing::new())
}

fn document(graph: &Graph, existing: &Existing) -> String {
    match export_graph(graph, &ExportOptions { region: "us-east-1".to_owned() }, existing) {
        Ok(document) => document.to_string(),
        Err(error) => panic!("{error}"),
    }
}

/// The graph of the stack that `declare` fills.
///
/// # Panics
/// If the stack has findings; the message lists them.
#[track_caller]
pub fn graph(declare: impl FnOnce(&mut Stack)) -> Graph {
    let mut stack = Stack::new("test");
    declare(&mut stack);
    let findings = stack.findings();
    assert!(findings.is_empty(), "{}", messages(&findings));
    Graph::new(&stack)
}

fn messages(findings: &[palisade_core::Finding]) -> String {
    let line = |finding: &palisade_core::Finding| {
        let at = finding.spans.first().map(|span| format!(" ({})", span.location)).unwrap_or_default();
        format!("{}{at}\n  help: {}", finding.message, finding.help)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}
