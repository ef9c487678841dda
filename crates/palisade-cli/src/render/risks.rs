//! The risks that the program accepts.

use palisade_engine::PlannedRisk;

use super::style::{STRONG, paint};

/// A line for each risk, under a heading; nothing, if there is none.
pub(crate) fn risks(risks: &[PlannedRisk]) -> String {
    if risks.is_empty() {
        return String::new();
    }
    let mut text = paint(STRONG, "Accepted risks:") + "\n";
    for PlannedRisk { address, rule, reason, file, line, column } in risks {
        text += &format!("  {address}, {rule}: {reason} ({file}:{line}:{column})\n");
    }
    text + "\n"
}
