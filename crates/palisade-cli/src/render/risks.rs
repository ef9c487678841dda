//! The risks that the program accepts.

use palisade_core::AcceptedRisk;
use serde_json::{Value as Json, json};

use super::{
    progress::place,
    style::{STRONG, paint},
};

/// A line for each risk, under a heading; nothing, if there is none.
pub(crate) fn risks(risks: &[AcceptedRisk]) -> String {
    if risks.is_empty() {
        return String::new();
    }
    let mut text = paint(STRONG, "Accepted risks:") + "\n";
    for AcceptedRisk { address, rule, reason, location } in risks {
        text += &format!("  {address}, {}: {reason} ({})\n", rule.id, place(location));
    }
    text + "\n"
}

/// The same for a program.
pub(crate) fn json(risks: &[AcceptedRisk]) -> Vec<Json> {
    let risk = |AcceptedRisk { address, rule, reason, location }: &AcceptedRisk| {
        json!({
            "address": address.to_string(), "rule": rule.id, "reason": reason.as_str(),
            "file": location.file(), "line": location.line(),
        })
    };
    risks.iter().map(risk).collect()
}
