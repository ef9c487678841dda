//! The rules of the design that no compiler checks. The rules themselves are in `rules.rs`.

use std::{fmt, fs, path::Path, process::Command};

use crate::{
    step::{self, Outcome},
    workspace::Workspace,
};

mod arrows;
mod files;
mod lexer;
mod rules;
mod words;

pub(crate) use lexer::Source;

/// A place that breaks a rule.
#[derive(Debug)]
struct Finding {
    path: String,
    line: usize,
    wrong: String,
    instead: &'static str,
    warning: bool,
}

impl Finding {
    fn error(path: &str, line: usize, wrong: impl Into<String>, instead: &'static str) -> Self {
        Self { path: path.to_owned(), line, wrong: wrong.into(), instead, warning: false }
    }

    fn warning(path: &str, line: usize, wrong: impl Into<String>, instead: &'static str) -> Self {
        Self { warning: true, ..Self::error(path, line, wrong, instead) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {label}{}; {}", self.path, self.line, self.wrong, self.instead)
    }
}

/// Checks the whole repository, and prints a line for each place that breaks a rule.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut findings = match check_files(&workspace.root) {
        Ok(findings) => findings,
        Err(problem) => return Outcome::Failed(problem),
    };
    findings.extend(arrows::check(workspace));
    findings.extend(arrows::check_default_builds(workspace));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.iter().filter(|finding| !finding.warning).count() {
        0 => Outcome::Ok,
        1 => Outcome::Failed("1 place breaks a rule".to_owned()),
        count => Outcome::Failed(format!("{count} places break a rule")),
    }
}

fn check_files(root: &Path) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    // Files that are not added yet are checked too: they are about to be.
    for path in git_files(root, &["--cached", "--others"])? {
        // A file that git knows may be deleted by now, and what is no text has no words.
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            findings.extend(files::check(&path, &text));
            findings.extend(words::check(&path, &text));
        }
    }
    let ignored = git_files(root, &["--others", "--ignored", "--directory"])?;
    findings.extend(ignored.iter().filter_map(|path| files::check_ignored(path)));
    Ok(findings)
}

fn git_files(root: &Path, which: &[&str]) -> Result<Vec<String>, String> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["ls-files", "-z", "--exclude-standard"]).args(which);
    let mut paths: Vec<_> =
        step::capture(&mut command)?.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_what_to_do() {
        let error = Finding::error("a.rs", 3, "`dbg!` does not belong here", "finish it");
        assert_eq!(error.to_string(), "a.rs:3: `dbg!` does not belong here; finish it");
        let warning = Finding::warning("a.rs", 1, "501 lines", "split it");
        assert_eq!(warning.to_string(), "a.rs:1: warning: 501 lines; split it");
    }
}
