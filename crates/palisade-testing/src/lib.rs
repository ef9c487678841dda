//! What the tests of a stack use: its plan and its export as text for snapshots, and a [`Rehearsal`] of its whole life in
//! an emulated account. None of it needs credentials, a network or a file, and all of it takes milliseconds.
//!
//! A stack that breaks a rule of safety, or a policy of its own, fails its tests, as the program refuses to plan it.
//! [`Rehearsal::without_rules`] is for what is about other things.
//!
//! ```
//! use palisade::prelude::*;
//! use palisade_testing::Rehearsal;
//!
//! fn stack(stack: &mut Stack) {
//!     let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
//!     stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("nothing is connected to it yet"));
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
/// If the stack has findings, breaks a rule or a policy, or cannot be planned; the message says why.
#[track_caller]
pub fn plan(declare: impl FnOnce(&mut Stack)) -> String {
    palisade_cli::plan_text(&Rehearsal::new().plan(declare))
}

/// The stack as Terraform JSON, for the region `us-east-1`.
///
/// # Panics
/// If the stack has findings, breaks a rule or a policy, or cannot be exported; the message says why.
#[track_caller]
pub fn export(declare: impl FnOnce(&mut Stack)) -> String {
    document(&checked(declare, Rules::Held), &Existing::new())
}

fn document(graph: &Graph, existing: &Existing) -> String {
    match export_graph(graph, &ExportOptions { region: "us-east-1".to_owned() }, existing) {
        Ok(document) => document.to_string(),
        Err(error) => panic!("{error}"),
    }
}

/// The graph of the stack that `declare` fills, whatever rules and policies it breaks.
///
/// # Panics
/// If the stack has findings; the message lists them.
#[track_caller]
pub fn graph(declare: impl FnOnce(&mut Stack)) -> Graph {
    checked(declare, Rules::Left)
}

/// Whether a stack is held to the rules of safety, and to its own policies.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Rules {
    Held,
    Left,
}

/// The graph of the stack that `declare` fills, in which nothing is wrong.
#[track_caller]
fn checked(declare: impl FnOnce(&mut Stack), rules: Rules) -> Graph {
    let mut stack = Stack::new("test");
    declare(&mut stack);
    let findings = stack.findings();
    assert!(findings.is_empty(), "{}", messages(&findings));
    // As for every command, the rules are held to a stack that can exist at all.
    let violations = if rules == Rules::Held { stack.violations() } else { Vec::new() };
    assert!(
        violations.is_empty(),
        "{}\nto rehearse a part of a stack that is safe as a whole, call `Rehearsal::new().without_rules()`",
        messages(&violations)
    );
    Graph::new(&stack)
}

fn messages(findings: &[palisade_core::Finding]) -> String {
    let line = |finding: &palisade_core::Finding| {
        let at = finding.spans.first().map(|span| format!(" ({})", span.location)).unwrap_or_default();
        format!("{}{at}\n  help: {}", finding.message, finding.help)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::panic::{UnwindSafe, catch_unwind};

    use palisade::prelude::*;

    use super::*;

    type Program = fn(&mut Stack);

    fn open(stack: &mut Stack) {
        stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    }

    fn accepted(stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a test has no traffic"));
    }

    fn against_a_policy(stack: &mut Stack) {
        stack.policy("small", |stack| {
            stack.resources::<Vpc>().map(|vpc| vpc.finding("a network is too much", "use another")).collect()
        });
        accepted(stack);
    }

    fn refusal<T>(test: impl FnOnce() -> T + UnwindSafe) -> String {
        *catch_unwind(test).err().expect("it is refused").downcast::<String>().expect("it says why")
    }

    #[test]
    fn what_breaks_a_rule_fails_its_test_and_says_how_to_go_on() {
        let tests: [fn(Program); 5] = [
            |stack| _ = plan(stack),
            |stack| _ = export(stack),
            |stack| _ = Rehearsal::new().plan(stack),
            |stack| _ = Rehearsal::new().apply(stack),
            |stack| _ = Rehearsal::new().export(stack),
        ];
        for test in tests {
            let said = refusal(|| test(open));
            assert!(said.starts_with("Vpc.main: no flow log records the traffic of this network (crates/"), "{said}");
            assert!(said.ends_with("call `Rehearsal::new().without_rules()`"), "{said}");
            assert!(refusal(|| test(against_a_policy)).starts_with("Vpc.main: a network is too much (crates/"));
            test(accepted);
        }
    }

    #[test]
    fn without_rules_only_what_cannot_exist_is_refused() {
        let mut rehearsal = Rehearsal::new().without_rules();
        assert_eq!(rehearsal.apply(open).added, 1);
        assert!(!rehearsal.plan(against_a_policy).has_changes());
        assert_eq!(graph(open).nodes().count(), 1);
        let said = refusal(|| Rehearsal::new().without_rules().plan(|stack| (open(stack), open(stack)).0));
        assert!(said.starts_with("there are two Vpc named `main`"), "{said}");
    }
}
