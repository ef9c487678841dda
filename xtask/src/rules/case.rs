//! One program that does not compile, with the compiler's message, and the program as it should be.

use std::{fs, path::Path};

pub(super) const BAD: &str = "crates/palisade/tests/compile_fail";
pub(super) const GOOD: &str = "crates/palisade/tests/compile_pass";

/// What every program begins with. The page says it once.
const BOILERPLATE: [&str; 2] = ["use palisade::prelude::*;", "let mut stack = Stack::new(\"test\");"];

/// How the compiler begins what it adds of its own. It is about the parts of the library, and not about the program.
const NOISE: [&str; 7] = [
    "a trait with a similar name exists",
    "the trait `",
    "the following other types implement",
    "for that trait implementation, expected",
    "required for ",
    "required by a bound",
    "this error originates in",
];

#[derive(Debug)]
pub(super) struct Case {
    /// The name of both files.
    pub(super) name: String,
    /// The rule that the bad program breaks, as a sentence without a final period.
    pub(super) rule: String,
    /// The rules of safety that it tries to break, as in `Vpc/flow-log`.
    pub(super) breaks: Vec<String>,
    pub(super) bad: String,
    pub(super) message: String,
    pub(super) good: String,
}

/// All of them, in the order of their names.
pub(super) fn all(root: &Path) -> Result<Vec<Case>, String> {
    let error = |error: std::io::Error| format!("{BAD}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(BAD)).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".rs")).map(str::to_owned));
    }
    names.sort_unstable();
    names.into_iter().map(|name| Case::read(root, name)).collect()
}

impl Case {
    fn read(root: &Path, name: String) -> Result<Self, String> {
        let read = |path: String| fs::read_to_string(root.join(&path)).map_err(|error| format!("{path}: {error}"));
        let bad = read(format!("{BAD}/{name}.rs"))?;
        let rule = rule(&bad).ok_or_else(|| {
            format!("{BAD}/{name}.rs: the program does not begin with the rule that it breaks: write `//! ...`, one sentence")
        })?;
        let message = message(&read(format!("{BAD}/{name}.stderr"))?);
        let good = program(&read(format!("{GOOD}/{name}.rs"))?);
        Ok(Self { rule, breaks: breaks(&bad), bad: program(&bad), message, good, name })
    }

    /// Whether `const` evaluation refuses the program; otherwise types do.
    pub(super) fn is_evaluation(&self) -> bool {
        self.message.starts_with("error[E0080]")
    }
}

/// The sentence that the program begins with.
fn rule(text: &str) -> Option<String> {
    let lines: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    lines.join(" ").strip_suffix('.').map(str::to_owned)
}

/// The rules of safety that the program names.
fn breaks(text: &str) -> Vec<String> {
    let named = text.lines().find_map(|line| line.strip_prefix("//! Rules: ")).unwrap_or_default();
    named.split(", ").filter(|rule| !rule.is_empty()).map(str::to_owned).collect()
}

/// The program without what all of them have.
fn program(text: &str) -> String {
    let mut shown: Vec<&str> = Vec::new();
    let mut is_main = false;
    for line in text.lines().filter(|line| !line.starts_with("//!")) {
        match line {
            "fn main() {" => is_main = true,
            "}" if is_main => is_main = false,
            line if BOILERPLATE.contains(&line.trim_start()) => {}
            // No two empty lines, and none at the beginning.
            "" if shown.last().is_none_or(|last| last.is_empty()) => {}
            line if is_main => shown.push(line.strip_prefix("    ").unwrap_or(line)),
            line => shown.push(line),
        }
    }
    shown.join("\n").trim_end().to_owned()
}

/// The first error, with the notes that are ours, and without places: the lines of the page are not those of the file.
fn message(stderr: &str) -> String {
    let mut shown = Vec::new();
    let mut is_shown = true;
    let lines: Vec<&str> = stderr.lines().take_while(|line| !line.is_empty()).collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some(note) = note(line) {
            let rest = lines[at + 1..].iter().take_while(|line| self::note(line).is_none());
            let is_about_the_library = rest.into_iter().any(|line| line.contains("$WORKSPACE"));
            is_shown = !is_about_the_library && !NOISE.iter().any(|noise| note.starts_with(noise));
        }
        if is_shown && !line.trim_start().starts_with("--> ") {
            shown.push(without_number(line));
        }
    }
    while shown.last().is_some_and(|line| line.trim() == "|") {
        shown.pop();
    }
    shown.join("\n")
}

/// The text of a line with which a note or a help begins.
fn note(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("= ").unwrap_or(line);
    line.strip_prefix("note: ").or_else(|| line.strip_prefix("help: "))
}

/// A line of source, or of what the compiler suggests, without its number.
fn without_number(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && [" |", " -", " +"].iter().any(|gutter| line[digits..].starts_with(gutter)) {
        format!("{:digits$}{}", "", &line[digits..])
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "\
//! A VPC says which
//! addresses it has.
//!
//! Rules: Vpc/own-network, Vpc/flow-log

use palisade::prelude::*;

const A: u8 = 1;

fn main() {
    let mut stack = Stack::new(\"test\");
    if A == 1 {
        stack.add(\"main\", Vpc::builder());
    }
}
";

    #[test]
    fn a_program_begins_with_its_rule() {
        assert_eq!(rule(BAD).as_deref(), Some("A VPC says which addresses it has"));
        assert_eq!(breaks(BAD), ["Vpc/own-network", "Vpc/flow-log"]);
        assert_eq!(breaks("//! A rule.\n\nuse palisade::prelude::*;\n"), [""; 0]);
        assert_eq!(rule("use palisade::prelude::*;\n"), None);
        assert_eq!(rule("//! No sentence\n"), None);
    }

    #[test]
    fn a_program_is_shown_without_what_all_have() {
        assert_eq!(program(BAD), "const A: u8 = 1;\n\nif A == 1 {\n    stack.add(\"main\", Vpc::builder());\n}");
    }

    #[test]
    fn a_message_is_shown_with_our_notes_only() {
        let stderr = "\
error[E0277]: this `Vpc` has no `cidr_block`
  --> tests/compile_fail/vpc.rs:15:11
   |
15 |     stack.add(\"main\", Vpc::builder());
   |           ^^^ `.cidr_block(..)` is missing
   |
   = help: the trait `VpcNeedsCidrBlock` is not implemented for `Missing`
   = note: The addresses of the network.
           In two lines.
help: the trait `Declare` is implemented for `VpcBuilder<S>`
  --> $WORKSPACE/crates/palisade-aws/src/resources/vpc.rs
   |
   | #[derive(Clone)]
   = note: required for `VpcBuilder` to implement `Declare`
note: method defined here
  --> $WORKSPACE/crates/palisade-core/src/stack.rs
help: provide the argument
   |
15 -     stack.add(\"main\", Vpc::builder());
15 +     stack.add(\"main\", Vpc::builder(), 1);

error[E0277]: another one
";
        let shown = "\
error[E0277]: this `Vpc` has no `cidr_block`
   |
   |     stack.add(\"main\", Vpc::builder());
   |           ^^^ `.cidr_block(..)` is missing
   |
   = note: The addresses of the network.
           In two lines.
help: provide the argument
   |
   -     stack.add(\"main\", Vpc::builder());
   +     stack.add(\"main\", Vpc::builder(), 1);";
        assert_eq!(message(stderr), shown);
    }

    #[test]
    fn nothing_is_left_of_an_error_whose_notes_are_all_the_compilers() {
        let stderr = "error[E0080]: a port is 1 to 65535\n  |\n  = note: this error originates in the macro `port`\n";
        assert_eq!(message(stderr), "error[E0080]: a port is 1 to 65535");
    }
}
