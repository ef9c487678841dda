//! The lanes: which steps run, in which order, and which of them make sense after a failure.
//!
//! There are two selections of packages, one without the AWS SDKs and one with. All steps keep to one of the two: cargo
//! compiles a dependency again for each set of features, so a third selection would compile most of them, and the SDKs,
//! once more.

use crate::{
    chaos::Lives,
    checkov, deny, live, rules,
    step::{self, Outcome, Report},
    terraform, tidy,
    workspace::Workspace,
};

const DOES_NOT_BUILD: &str = "the workspace does not build";

/// The selection without the SDKs, which take minutes to compile. It is everything that the packages left out are not
/// part of: an example is here as its users build it, on the emulated account.
pub(crate) const FAST: [&str; 6] =
    ["--workspace", "--exclude", "palisade-live", "--exclude", "palisade-live-tests", "--locked"];

/// The selection with the SDKs: everything there is. The SDKs are checked once for it, and built once.
pub(crate) const LIVE: [&str; 4] = ["--workspace", "--features", "secured-redis/live,auth-token/live", "--locked"];

/// The fast lane: what a contributor runs before each commit. It compiles no SDK.
pub(crate) fn fast(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    fast_lane(workspace, &mut report);
    report.step("clippy", || clippy(workspace, &FAST));
    report
}

/// All checks: the fast lane, then what compiles the SDKs, takes longer, or needs a tool that is not everywhere.
pub(crate) fn all(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    // First, so that what most changes break is known before an SDK is compiled.
    let builds = fast_lane(workspace, &mut report);
    // Clippy does not look at what it was told to leave out, so it gets everything, and once is enough.
    report.step("clippy", || clippy(workspace, &LIVE));
    report.step_if(builds, "chaos", DOES_NOT_BUILD, || Lives::IN_CI.run(workspace));
    report.step_if(builds, "docs", DOES_NOT_BUILD, || docs(workspace));
    report.step("deny", || deny::run(workspace));
    report.step_if(builds, "terraform", DOES_NOT_BUILD, || terraform::run(workspace));
    report.step_if(builds, "checkov", DOES_NOT_BUILD, || checkov::run(workspace));
    report.step_if(builds, "live", DOES_NOT_BUILD, || live::run(workspace));
    report.step_if(builds, "handover", DOES_NOT_BUILD, || live::handover(workspace));
    report
}

/// The steps that both lanes begin with. True when the fast selection builds.
fn fast_lane(workspace: &Workspace, report: &mut Report) -> bool {
    report.step("fmt", || step::run(workspace.cargo().args(["fmt", "--all", "--check"])));
    report.step("tidy", || tidy::run(workspace));
    let builds = report.step("build", || step::run(workspace.cargo().args(["build", "--all-targets"]).args(FAST)));
    report.step_if(builds, "rules", DOES_NOT_BUILD, || rules::check(workspace));
    // Plain `cargo test`, since nextest runs no documentation tests; all binaries run, so that one report shows all.
    let test = || step::run(workspace.cargo().args(["test", "--no-fail-fast"]).args(FAST));
    report.step_if(builds, "test", DOES_NOT_BUILD, test);
    builds
}

fn clippy(workspace: &Workspace, selection: &[&str]) -> Outcome {
    let mut command = workspace.cargo();
    step::run(command.args(["clippy", "--all-targets"]).args(selection).args(["--", "-D", "warnings"]))
}

fn docs(workspace: &Workspace) -> Outcome {
    // Without `--examples`, cargo leaves out the features that the tests ask for, and checks the SDKs again without them.
    // Of the programs, only this one is no example, whose page would be that of its library.
    let kinds = ["--lib", "--bin", "xtask", "--examples"];
    // Only rustdoc reads this variable, so nothing is compiled again because of it.
    let mut command = workspace.cargo();
    step::run(command.args(["doc", "--no-deps"]).args(kinds).args(LIVE).env("RUSTDOCFLAGS", "-D warnings"))
}
