//! Sizes and names of files, and what each package begins with.

use super::{
    Finding,
    lexer::Source,
    rules::{EMPTY_NAMES, HARD_LINES, SOFT_LINES},
    words::is_test,
};

/// What is wrong with a file as a whole.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut findings = Vec::new();
    if EMPTY_NAMES.contains(&name) {
        findings.push(Finding::error(path, 1, format!("`{name}` says nothing"), "name the file for what is in it"));
    }
    if name.ends_with(".rs") && !is_test(path) {
        findings.extend(check_size(path, lines_without_tests(text)));
    }
    if name == "Cargo.toml" && text.contains("[package]") && !has_workspace_lints(text) {
        findings.push(Finding::error(
            path,
            1,
            "the lints of the workspace do not apply",
            "add `[lints] workspace = true`",
        ));
    }
    if is_crate_root(path) && !text.starts_with("//!") {
        findings.push(Finding::error(path, 1, "the crate says nothing about itself", "begin the file with `//! ...`"));
    }
    findings
}

/// A snapshot that waits for a decision.
pub(super) fn check_ignored(path: &str) -> Option<Finding> {
    let waits = path.ends_with(".snap.new") || path.ends_with(".pending-snap");
    waits.then(|| {
        Finding::error(path, 1, "a snapshot is not decided", "look at it, then rename it to `.snap` or delete it")
    })
}

fn check_size(path: &str, lines: usize) -> Option<Finding> {
    if lines > HARD_LINES {
        let wrong = format!("{lines} lines without tests, more than {HARD_LINES}");
        Some(Finding::error(path, 1, wrong, "split the file by what it is about"))
    } else if lines > SOFT_LINES {
        let wrong = format!("{lines} lines without tests, more than {SOFT_LINES}");
        Some(Finding::warning(path, 1, wrong, "consider splitting the file"))
    } else {
        None
    }
}

fn lines_without_tests(text: &str) -> usize {
    let tests = Source::new(text).test_items();
    let of_tests: usize = tests.into_iter().map(|item| text[item].lines().count()).sum();
    text.lines().count().saturating_sub(of_tests)
}

fn has_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

fn is_crate_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, text: &str) -> Vec<String> {
        check(path, text).into_iter().map(|finding| finding.wrong).collect()
    }

    #[test]
    fn size_is_counted_without_tests() {
        let lines = |count: usize| "fn a() {}\n".repeat(count);
        assert_eq!(wrong("crates/a/src/b.rs", &lines(500)), [""; 0]);
        assert!(check("crates/a/src/b.rs", &lines(501))[0].warning);
        assert!(!check("crates/a/src/b.rs", &lines(901))[0].warning);
        assert_eq!(wrong("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(901))), [""; 0]);
        assert_eq!(wrong("crates/a/tests/b.rs", &lines(901)), [""; 0]);
    }

    #[test]
    fn names_and_beginnings_are_checked() {
        assert_eq!(wrong("crates/a/src/util.rs", ""), ["`util.rs` says nothing"]);
        assert_eq!(wrong("crates/a/src/lib.rs", "fn a() {}"), ["the crate says nothing about itself"]);
        assert_eq!(wrong("crates/a/src/lib.rs", "//! It does a thing.\n"), [""; 0]);
        assert_eq!(wrong("crates/a/Cargo.toml", "[package]\n[lints]\n\nworkspace = true\n"), [""; 0]);
        assert_eq!(wrong("crates/a/Cargo.toml", "[package]\n[lints]\n").len(), 1);
        assert_eq!(wrong("Cargo.toml", "[workspace]\n"), [""; 0]);
        assert!(check_ignored("snapshots/a.snap.new").is_some() && check_ignored("target/").is_none());
    }
}
