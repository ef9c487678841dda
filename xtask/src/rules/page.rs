//! The page of the documentation, in Markdown.

use std::fmt::Write as _;

use super::{
    Catalogue, LEVELS, Rule, WRITE,
    case::{BAD, Case, GOOD},
};

/// The page. It is the same for the same code.
pub(super) fn of(catalogue: &Catalogue) -> String {
    let mut page = format!(
        "# Rules\n\n\
         `{WRITE}` writes this page from the code, and `cargo xtask ci` holds it against the code.\n\n\
         - [What makes a stack safe](#what-makes-a-stack-safe): {} rules, and what holds each of them\n\
         - [What does not compile](#what-does-not-compile): {} programs, each with the message that its author reads, and with the \
           program as it should be\n\n",
        catalogue.rules.len(),
        catalogue.cases.len(),
    );
    page += "## What makes a stack safe\n\n| level | rules | |\n| --- | --: | --- |\n";
    for (level, meaning) in LEVELS {
        let count = catalogue.at(level).count();
        row(&mut page, &[level, &count.to_string(), meaning]);
    }
    page += "\nThe risk of a rule is accepted with `stack.accept_risk(&resource, RISK, reason!(\"...\"))`. `cargo run -- posture` tells how a \
             stack stands to each rule and to each control.\n";
    for rules in catalogue.rules.chunk_by(|a, b| a.kind == b.kind) {
        write!(page, "\n### {}\n\n", rules[0].kind).expect("a text takes all");
        page += "| rule | demand | why | level | held by | tried by | controls |\n| --- | --- | --- | --- | --- | --- | --- |\n";
        for rule in rules {
            row(&mut page, &cells(catalogue, rule).each_ref().map(String::as_str));
        }
    }
    page += "\n## What does not compile\n\n\
             Each program begins with `use palisade::prelude::*;`, and `stack` is a `Stack`. Of a message, the compiler prints more than what \
             stands here: the place, and how the library is made.\n";
    for case in &catalogue.cases {
        section(&mut page, catalogue, case);
    }
    page
}

fn cells(catalogue: &Catalogue, rule: &Rule) -> [String; 7] {
    let by = match rule.level.as_str() {
        "risk" => format!("a check; the risk is `{}`", rule.by),
        "check" => "a check".to_owned(),
        _ => rule.by.clone(),
    };
    let tries: Vec<_> = catalogue.tries(rule).map(|case| link(&case.name.replace('_', " "), &case.rule)).collect();
    let text = |text: &String| text.clone();
    [
        format!("`{}`", rule.id),
        text(&rule.title),
        text(&rule.why),
        text(&rule.level),
        by,
        tries.join(", "),
        rule.controls.join(", "),
    ]
}

fn row(page: &mut String, cells: &[&str]) {
    for cell in cells {
        // Also within code, Markdown takes this for the end of a cell.
        *page += &format!("| {} ", cell.replace('|', "\\|"));
    }
    *page += "|\n";
}

/// A link to the section of this title, of which GitHub makes the address.
fn link(text: &str, title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    format!("[{text}](#{})", kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

fn section(page: &mut String, catalogue: &Catalogue, case: &Case) {
    let Case { name, rule, breaks, bad, message, good } = case;
    *page += &format!("\n### {rule}\n\n");
    for broken in catalogue.rules.iter().filter(|rule| breaks.contains(&rule.name())) {
        *page += &format!("Rule `{}` of {}: {}.\n\n", broken.id, link(&broken.kind, &broken.kind), broken.why);
    }
    *page += &format!(
        "[This](../{BAD}/{name}.rs) does not compile:\n\n```rust\n{bad}\n```\n\n```text\n{message}\n```\n\n\
         [This](../{GOOD}/{name}.rs) does:\n\n```rust\n{good}\n```\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: &str, level: &str, by: &str) -> Rule {
        Rule {
            kind: kind.to_owned(),
            id: level.to_owned(),
            title: "a title".to_owned(),
            why: "`a|b` is why".to_owned(),
            controls: vec!["FSBP EC2.6".to_owned(), "CIS 3.0 3.7".to_owned()],
            level: level.to_owned(),
            by: by.to_owned(),
        }
    }

    #[test]
    fn the_page_has_each_rule_and_each_program() {
        let case = Case {
            name: "port_zero".to_owned(),
            rule: "A port is 1 to 65535, as AWS's are".to_owned(),
            breaks: vec!["Vpc/check".to_owned()],
            bad: "port!(0)".to_owned(),
            message: "error[E0080]: a port is 1 to 65535".to_owned(),
            good: "port!(1)".to_owned(),
        };
        let rules = [("compile", "there is no setter"), ("check", ""), ("risk", "Vpc::NO_FLOW_LOG")];
        let rules = rules.map(|(level, by)| rule("Vpc", level, by)).into();
        let page = of(&Catalogue { rules, findings: 0, cases: vec![case] });
        let row = |level: &str, by: &str, tried_by: &str| {
            format!("| `{level}` | a title | `a\\|b` is why | {level} | {by} | {tried_by} | FSBP EC2.6, CIS 3.0 3.7 |")
        };
        let link = "[port zero](#a-port-is-1-to-65535-as-awss-are)";
        for line in [
            "| compile | 1 | no program that breaks it compiles |",
            &row("compile", "there is no setter", ""),
            &row("check", "a check", link),
            &row("risk", "a check; the risk is `Vpc::NO_FLOW_LOG`", ""),
            "### A port is 1 to 65535, as AWS's are",
            "Rule `check` of [Vpc](#vpc): `a|b` is why.",
            "port!(0)",
            "error[E0080]: a port is 1 to 65535",
            "[This](../crates/palisade/tests/compile_pass/port_zero.rs) does:",
            "port!(1)",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n\n{page}");
        }
        assert_eq!(page.matches("### Vpc").count(), 1);
    }
}
