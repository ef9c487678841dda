//! The lanes: which steps run, in which order, and which of them make sense after a failure.
//!
//! All steps select the whole workspace with its own features and flags: cargo then shares what the steps compile.
//! Selecting one package would give its dependencies fewer features, and so a second build of most of them.

use crate::{
    deny,
    step::{self, Outcome, Report},
    terraform, tidy,
    workspace::Workspace,
};

const DOES_NOT_BUILD: &str = "the workspace does not build";

/// What builds everything that the tests and the examples need, and nothing that they do not.
pub(crate) const BUILD: [&str; 4] = ["build", "--workspace", "--all-targets", "--locked"];

/// The fast lane: what a contributor runs before each commit.
pub(crate) fn fast(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    fast_lane(workspace, &mut report);
    report
}

/// The fast lane, and all that takes longer or needs a tool that is not everywhere.
pub(crate) fn all(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    let builds = fast_lane(workspace, &mut report);
    if builds {
        report.step("docs", || docs(workspace));
    } else {
        report.skip("docs", DOES_NOT_BUILD);
    }
    report.step("deny", || deny::run(workspace));
    if builds {
        report.step("terraform", || terraform::run(workspace));
    } else {
        report.skip("terraform", DOES_NOT_BUILD);
    }
    report
}

/// True when the workspace builds.
fn fast_lane(workspace: &Workspace, report: &mut Report) -> bool {
    let cargo = |arguments: &[&str]| step::run(workspace.cargo().args(arguments));
    report.step("fmt", || cargo(&["fmt", "--all", "--check"]));
    report.step("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]));
    report.step("tidy", || tidy::run(workspace));
    let builds = report.step("build", || cargo(&BUILD));
    if builds {
        // Plain `cargo test`, since nextest runs no documentation tests; all binaries run, so that one report shows all.
        report.step("test", || cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]));
    } else {
        report.skip("test", DOES_NOT_BUILD);
    }
    builds
}

fn docs(workspace: &Workspace) -> Outcome {
    // Only rustdoc reads this variable, so nothing is compiled again because of it.
    step::run(
        workspace.cargo().args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}
