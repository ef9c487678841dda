//! The rules: how many there are at each level, and the page of the documentation that is written from them.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value as Json;

use crate::{
    ci,
    step::{self, Outcome},
    tidy::Source,
    workspace::Workspace,
};

mod case;
mod page;

use case::{BAD, Case};

const PAGE: &str = "docs/RULES.md";
const WRITE: &str = "cargo xtask rules --write";

/// What holds a rule, from the earliest to the latest, and what that means for a program that breaks it.
const LEVELS: [(&str, &str); 4] = [
    ("compile", "no program that breaks it compiles"),
    ("declare", "a stack that breaks it is refused before any call, as AWS would refuse it later"),
    ("check", "a stack that breaks it is refused before any call, although AWS would take it"),
    ("risk", "a stack that breaks it is refused before any call, unless it accepts the risk by name, with a reason"),
];

/// All that is known of the rules.
#[derive(Debug)]
struct Catalogue {
    /// The rules of safety, in the order of their resources.
    rules: Vec<Rule>,
    /// The places in the checks of the resources that refuse a declaration.
    findings: usize,
    /// The programs that do not compile, in the order of their names.
    cases: Vec<Case>,
}

/// A rule of safety, as the library has it.
#[derive(Debug)]
struct Rule {
    kind: String,
    id: String,
    title: String,
    why: String,
    controls: Vec<String>,
    level: String,
    /// What makes it hold; of a risk, its path. Empty where there is nothing to say but that it is checked.
    by: String,
}

/// Prints how many rules there are.
pub(crate) fn count(workspace: &Workspace) -> Outcome {
    ended(Catalogue::of(workspace).map(|catalogue| print!("{}", catalogue.counts())))
}

/// Prints how many rules there are, and writes the page.
pub(crate) fn write(workspace: &Workspace) -> Outcome {
    let write = |catalogue: Catalogue| {
        print!("{}", catalogue.counts());
        fs::write(workspace.root.join(PAGE), page::of(&catalogue)).map_err(|error| format!("{PAGE}: {error}"))
    };
    ended(Catalogue::of(workspace).and_then(write))
}

/// Prints how many rules there are, and holds the page against them.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let check = |catalogue: Catalogue| {
        print!("{}", catalogue.counts());
        let is = fs::read_to_string(workspace.root.join(PAGE)).unwrap_or_default();
        match first_difference(&is, &page::of(&catalogue)) {
            None => Ok(()),
            Some(line) => Err(format!("{PAGE}:{line} is not what the code says: run `{WRITE}`, and commit the page")),
        }
    };
    ended(Catalogue::of(workspace).and_then(check))
}

fn ended(result: Result<(), String>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Ok)
}

/// The number of the first line that differs.
fn first_difference(is: &str, should: &str) -> Option<usize> {
    let (mut is, mut should) = (is.lines(), should.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (is.next(), should.next()) {
            (None, None) => return None,
            (a, b) if a != b => return Some(line),
            _ => {}
        }
    }
}

impl Catalogue {
    fn of(workspace: &Workspace) -> Result<Self, String> {
        let resources = workspace.root.join("crates/palisade-aws/src/resources");
        let findings = findings_in(&resources).map_err(|error| format!("{}: {error}", resources.display()))?;
        let catalogue = Self { rules: rules(workspace)?, findings, cases: case::all(&workspace.root)? };
        catalogue.contradiction().map_or(Ok(catalogue), Err)
    }

    /// What the programs say that cannot be, if anything.
    fn contradiction(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        self.cases.iter().find_map(|Case { name, rule, breaks, .. }| {
            if !seen.insert(rule) {
                return Some(format!("{BAD}/{name}.rs: another program says that it breaks this rule: `{rule}.`"));
            }
            let unknown = breaks.iter().find(|name| self.rules.iter().all(|rule| rule.name() != **name))?;
            Some(format!("{BAD}/{name}.rs: no resource has the rule `{unknown}`"))
        })
    }

    /// The programs that try to break a rule of safety.
    fn tries<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a Case> {
        self.cases.iter().filter(move |case| case.breaks.contains(&rule.name()))
    }

    fn at<'a>(&'a self, level: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.level == level)
    }

    fn counts(&self) -> String {
        let mut text = String::from("rules of safety\n");
        for (level, meaning) in LEVELS {
            text += &format!("{:>5}  {level:<8} {meaning}\n", self.at(level).count());
        }
        let evaluated = self.cases.iter().filter(|case| case.is_evaluation()).count();
        text += &format!("{:>5}  in all\n\n", self.rules.len());
        let tried = self.at("compile").filter(|rule| self.tries(rule).next().is_some()).count();
        text += &format!("{tried:>5}  of those of the level compile that a program of the suite tries to break\n\n");
        text += "what AWS would refuse, and what no program should say\n";
        text += &format!("{:>5}  findings that the resources have about a declaration\n", self.findings);
        text += &format!(
            "{:>5}  messages of the compiler that are pinned, each with the right program: {evaluated} of `const` \
             evaluation, {} of types\n",
            self.cases.len(),
            self.cases.len() - evaluated
        );
        text
    }
}

/// The rules as the library has them. Cargo builds as the lanes do, so that nothing is compiled for this alone.
fn rules(workspace: &Workspace) -> Result<Vec<Rule>, String> {
    let mut build = workspace.cargo();
    let messages = step::capture(build.args(["build", "--example", "rules"]).args(ci::FAST).arg(step::MESSAGES))?;
    let program = step::example_of(&messages, "rules").ok_or("cargo built no example `rules`")?;
    let text = step::capture(&mut Command::new(program))?;
    let rules: Json = serde_json::from_str(&text).map_err(|error| format!("the rules are not JSON: {error}"))?;
    let rules = rules.as_array().ok_or("the rules are no list")?;
    rules.iter().map(|rule| Rule::from_json(rule).ok_or_else(|| format!("nothing says what this is: {rule}"))).collect()
}

impl Rule {
    /// The name, as `posture` has it.
    fn name(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    fn from_json(rule: &Json) -> Option<Self> {
        let text = |key: &str| rule[key].as_str().map(str::to_owned);
        let controls = rule["controls"].as_array()?.iter().map(|control| control.as_str().map(str::to_owned));
        let level = text("level").filter(|level| LEVELS.iter().any(|(name, _)| name == level))?;
        Some(Self {
            kind: text("kind")?,
            id: text("id")?,
            title: text("title")?,
            why: text("why")?,
            controls: controls.collect::<Option<_>>()?,
            level,
            by: text("by")?,
        })
    }
}

/// How often the code of a folder makes a finding. A finding has no name that could be counted in the library.
fn findings_in(folder: &Path) -> std::io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += findings_in(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            count += findings(&fs::read_to_string(path)?);
        }
    }
    Ok(count)
}

fn findings(text: &str) -> usize {
    let source = Source::new(text);
    let tests = source.test_items();
    let calls = [".finding(", ".finding_with("].into_iter().flat_map(|call| source.code.match_indices(call));
    calls.filter(|(offset, _)| !tests.iter().any(|item| item.contains(offset))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(level: &str) -> Json {
        serde_json::json!({
            "kind": "Vpc", "id": "flow-log", "title": "t", "why": "w", "controls": ["FSBP EC2.6"], "level": level, "by": "",
        })
    }

    fn case(name: &str, rule: &str, breaks: &str) -> Case {
        let [name, rule, message] = [name, rule, "error[E0080]: no"].map(str::to_owned);
        let (bad, good) = (String::new(), String::new());
        Case { name, rule, breaks: vec![breaks.to_owned()], bad, message, good }
    }

    fn catalogue(cases: Vec<Case>) -> Catalogue {
        let rules = ["compile", "compile", "risk"].map(|level| Rule::from_json(&rule(level)).expect("a rule"));
        Catalogue { rules: rules.into(), findings: 7, cases }
    }

    #[test]
    fn each_level_is_counted() {
        let numbers = |cases| -> Vec<usize> {
            let text = catalogue(cases).counts();
            text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
        };
        assert_eq!(numbers(Vec::new()), [2, 0, 0, 1, 3, 0, 7, 0]);
        assert_eq!(numbers(vec![case("a", "A", "Vpc/flow-log")]), [2, 0, 0, 1, 3, 2, 7, 1], "both have the one name");
        assert!(Rule::from_json(&rule("hope")).is_none(), "a level that the table does not have");
    }

    #[test]
    fn a_program_breaks_a_rule_that_exists_and_has_a_sentence_of_its_own() {
        let found = |cases| catalogue(cases).contradiction().unwrap_or_default();
        assert_eq!(found(vec![case("a", "A", "Vpc/flow-log"), case("b", "B", "Vpc/flow-log")]), "");
        assert!(found(vec![case("a", "A", "Vpc/flow")]).ends_with("a.rs: no resource has the rule `Vpc/flow`"));
        let twice = found(vec![case("a", "A", "Vpc/flow-log"), case("b", "A", "Vpc/flow-log")]);
        assert!(twice.contains("b.rs: another program says that it breaks this rule: `A.`"), "{twice}");
    }

    #[test]
    fn findings_are_counted_in_code_only() {
        let text = "// node.finding(a)\nfn f() { node.finding(\"node.finding(b)\"); cache.finding_with(c) }\n\
                    #[cfg(test)]\nmod tests { fn g() { node.finding(d) } }";
        assert_eq!(findings(text), 2);
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some(2));
    }
}
