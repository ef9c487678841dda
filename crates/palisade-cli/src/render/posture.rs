//! How the resources stand to the rules of security: as text, as JSON, and as SARIF 2.1.0 for code scanning.

use std::{
    collections::{BTreeMap, HashSet},
    panic::Location,
};

use palisade_core::{AcceptedRisk, Address, Assessment, Finding, Hold, Json, Stack, Status};
use serde_json::json;

use super::progress::place;

/// One line of the posture: how a resource stands to a rule, or the program to a policy of its own.
struct Line<'a> {
    /// The resource; `None` for a policy, which is about the whole stack.
    address: Option<&'a Address>,
    declared_at: &'static Location<'static>,
    rule: &'a str,
    title: String,
    why: &'a str,
    controls: Vec<String>,
    outcome: &'static str,
    detail: Option<String>,
    accepted: Option<&'a AcceptedRisk>,
}

impl Line<'_> {
    /// What tells the rule from all others: rules of two kinds may have one name, and be about different things.
    fn id(&self) -> String {
        self.address.map_or_else(|| self.rule.to_owned(), |address| format!("{}/{}", address.kind(), self.rule))
    }
}

const CONSTRUCTION: &str = "by construction";
const CHECK: &str = "by check";
const ACCEPTED: &str = "accepted risk";
const VIOLATED: &str = "violated";

fn lines(stack: &Stack) -> Vec<Line<'_>> {
    let of_rules = stack.assessments().into_iter().map(|Assessment { rule, node, status }| {
        let (outcome, detail, accepted) = match status {
            Status::ByConstruction(how) => (CONSTRUCTION, Some(how.to_owned()), None),
            Status::ByCheck => match rule.hold {
                Hold::Declare(how) => (CHECK, Some(how.to_owned()), None),
                _ => (CHECK, None, None),
            },
            Status::Accepted(risk) => {
                (ACCEPTED, Some(format!("{} ({})", risk.reason, place(risk.location))), Some(risk))
            }
            Status::Violated(violation) => (VIOLATED, Some(violation.message), None),
        };
        Line {
            address: Some(&node.address),
            declared_at: node.location,
            rule: rule.id,
            title: rule.title.to_owned(),
            why: rule.why,
            controls: rule.controls.iter().map(ToString::to_string).collect(),
            outcome,
            detail,
            accepted,
        }
    });
    let of_policies = stack.policies().map(|(name, location, findings)| Line {
        address: None,
        declared_at: location,
        rule: name,
        title: format!("the policy `{name}` is kept"),
        why: "a policy of this program",
        controls: vec![format!("custom {name}")],
        outcome: if findings.is_empty() { CHECK } else { VIOLATED },
        detail: findings.first().map(|finding| finding.message.clone()),
        accepted: None,
    });
    of_rules.chain(of_policies).collect()
}

/// The rules by resource, and their number.
pub(crate) fn text(stack: &Stack) -> String {
    let lines = lines(stack);
    let mut text = String::new();
    let mut last = None;
    for line in &lines {
        let subject = line.address.map_or_else(|| "policies".to_owned(), ToString::to_string);
        if last.as_ref() != Some(&subject) {
            text += &match line.address {
                Some(_) => format!("{subject}  {}\n", place(line.declared_at)),
                None => format!("{subject}\n"),
            };
            last = Some(subject);
        }
        text += &format!("  {:<16} {}\n", line.outcome, line.title);
        if !line.controls.is_empty() {
            text += &format!("{:19}{}\n", "", line.controls.join(", "));
        }
        if let Some(detail) = &line.detail {
            text += &format!("{:19}{detail}\n", "");
        }
    }
    let count = |outcome: &str| lines.iter().filter(|line| line.outcome == outcome).count();
    if !lines.is_empty() {
        text += "\n";
    }
    text += &format!(
        "Posture: {} by construction, {} by check, {} accepted, {} violated.\n",
        count(CONSTRUCTION),
        count(CHECK),
        count(ACCEPTED),
        count(VIOLATED)
    );
    text
}

/// The rules as one JSON document.
pub(crate) fn json(stack: &Stack) -> Json {
    let lines = lines(stack);
    let count = |outcome: &str| lines.iter().filter(|line| line.outcome == outcome).count();
    let rules: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "resource": line.address.map(ToString::to_string),
                "declared_at": place(line.declared_at),
                "rule": line.rule,
                "title": line.title,
                "controls": line.controls,
                "outcome": line.outcome.replace(' ', "_"),
                "detail": line.detail,
            })
        })
        .collect();
    let summary = json!({
        "by_construction": count(CONSTRUCTION),
        "by_check": count(CHECK),
        "accepted_risk": count(ACCEPTED),
        "violated": count(VIOLATED),
    });
    json!({ "stack": stack.name(), "summary": summary, "rules": rules })
}

/// The id of the results that are of no rule of a resource and of no policy: a risk is accepted that does not exist.
const NEEDLESS: &str = "needless-acceptance";

/// What is violated as errors, and the accepted risks as errors that are suppressed, with their reasons.
///
/// [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)
pub(crate) fn sarif(stack: &Stack, violations: &[Finding]) -> Json {
    let lines = lines(stack);
    let mut rules: BTreeMap<String, Json> = BTreeMap::new();
    for line in &lines {
        rules.entry(line.id()).or_insert_with(|| {
            json!({
                "id": line.id(),
                "shortDescription": { "text": line.title },
                "fullDescription": { "text": line.why },
                "properties": { "tags": line.controls },
            })
        });
    }
    let mut results: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let message = format!("{}: {}", line.address?, line.detail.as_ref()?);
            let mut result = json!({ "ruleId": line.id(), "level": "error", "message": { "text": message } });
            match (line.outcome, line.accepted) {
                (VIOLATED, _) => result["locations"] = json!([location(line.declared_at)]),
                (_, Some(risk)) => {
                    result["locations"] = json!([location(risk.location)]);
                    let reason = risk.reason.as_str();
                    result["suppressions"] =
                        json!([{ "kind": "inSource", "status": "accepted", "justification": reason }]);
                }
                _ => return None,
            }
            Some(result)
        })
        .collect();
    let mut found = |rule: &str, finding: &Finding| {
        results.push(json!({
            "ruleId": rule,
            "level": "error",
            "message": { "text": format!("{}; {}", finding.message, finding.help) },
            "locations": finding.spans.first().map(|span| location(span.location)).into_iter().collect::<Vec<_>>(),
        }));
    };
    for (name, _, findings) in stack.policies() {
        findings.iter().for_each(|finding| found(name, finding));
    }
    let acceptances: HashSet<_> = stack.accepted_risks().iter().map(|risk| risk.location).collect();
    let is_needless = |finding: &&Finding| finding.spans.iter().any(|span| acceptances.contains(&span.location));
    for finding in violations.iter().filter(is_needless) {
        rules
            .entry(NEEDLESS.to_owned())
            .or_insert_with(|| json!({ "id": NEEDLESS, "shortDescription": { "text": "an accepted risk exists" } }));
        found(NEEDLESS, finding);
    }
    let rules: Vec<_> = rules.into_values().collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "palisade", "rules": rules } },
            // As the compiler counts columns.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn location(location: &Location<'_>) -> Json {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(location.file()) },
            "region": { "startLine": location.line(), "startColumn": location.column() },
        },
    })
}

/// The reference to a file as a URI. The compiler's paths are relative to the folder of the workspace, as SARIF wants them,
/// but for those of crates that are not of it, which are absolute.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let root = if path.starts_with('/') {
        "file://"
    } else if path.as_bytes().get(1) == Some(&b':') {
        "file:///"
    } else {
        ""
    };
    let mut uri = root.to_owned();
    for byte in path.bytes() {
        match byte {
            // A colon would make what is before it a scheme, except behind one.
            b':' if !root.is_empty() => uri.push(':'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri += &format!("%{other:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_whatever_is_in_it() {
        assert_eq!(uri("src/lib.rs"), "src/lib.rs");
        assert_eq!(uri(r"my stacks\ä 100%#1.rs"), "my%20stacks/%C3%A4%20100%25%231.rs");
        assert_eq!(uri("/crates/x:1/lib.rs"), "file:///crates/x:1/lib.rs");
        assert_eq!(uri(r"C:\me\lib.rs"), "file:///C:/me/lib.rs");
        assert_eq!(uri("ab:c.rs"), "ab%3Ac.rs");
    }
}
