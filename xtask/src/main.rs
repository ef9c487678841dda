//! The one check of the repository, and its parts: `cargo xtask ci`, `fast`, `live`, `handover`, and others.
#![expect(clippy::print_stdout, reason = "this program reports to a terminal or a log")]
#![expect(clippy::disallowed_methods, reason = "this program measures durations and starts other programs")]

use std::{env, process::ExitCode};

mod bench;
mod cargo_tool;
mod chaos;
mod checkov;
mod ci;
mod deny;
mod live;
mod ministack;
mod mutants;
mod pypi;
mod rules;
mod schedule;
mod step;
mod terraform;
mod tidy;
mod workspace;

use crate::{step::Report, workspace::Workspace};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci         everything that is checked before a change lands, in one run
  fast       the fast lane only, without an AWS SDK: fmt, tidy, rules, tests, clippy
  live       the live lane only: the stacks through the AWS SDKs, against ministack
  handover   the real terraform takes over what an apply has made, and makes what an apply makes
  tidy       the rules of the design that no compiler checks
  rules      how many rules there are at each level; with --write, also writes docs/RULES.md from them
  terraform  the real terraform reads the export of every example
  checkov    checkov, from PyPI, finds nothing in the export of any example
  chaos      10,000 random lives of stacks for each of the seeds 1 to 8; with --cases N, so many for each;
             with --fresh [--minutes N], those of a new seed, for an hour or so many minutes
  mutants [--shard K/N] [FILTER]
             what tests do not notice: cargo-mutants, from crates.io, changes the engine and the lifecycles, which takes
             hours; FILTER is a glob for the files, as in `steps.rs`
  bench      how long a first build, a plan and an apply take, and what Terraform takes, against their bounds";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let command = match arguments.as_slice() {
        [command] => command.as_str(),
        [command, option] if command == "rules" && option == "--write" => "rules --write",
        [command, ..] if command == "mutants" => "mutants",
        _ => "",
    };
    if matches!(command, "help" | "--help" | "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(problem) => {
            println!("error: {problem}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(lives) = chaos::Lives::asked_for(&arguments) {
        return one("chaos", || lives.run(&workspace));
    }
    match command {
        "ci" => ci::all(&workspace).finish(),
        "fast" => ci::fast(&workspace).finish(),
        "live" => one("live", || live::run(&workspace)),
        "handover" => one("handover", || live::handover(&workspace)),
        "tidy" => one("tidy", || tidy::run(&workspace)),
        "rules" => one("rules", || rules::count(&workspace)),
        "rules --write" => one("rules", || rules::write(&workspace)),
        "terraform" => one("terraform", || terraform::run(&workspace)),
        "checkov" => one("checkov", || checkov::run(&workspace)),
        "bench" => bench::run(&workspace),
        "mutants" => match mutants::Selection::parse(&arguments[1..]) {
            Some(selection) => one("mutants", || mutants::run(&workspace, &selection)),
            None => unknown(&arguments),
        },
        _ => unknown(&arguments),
    }
}

fn unknown(arguments: &[String]) -> ExitCode {
    let given = arguments.join(" ");
    println!("error: `{given}` is not one of the commands of cargo xtask\n\n{USAGE}");
    ExitCode::FAILURE
}

fn one(name: &'static str, check: impl FnOnce() -> step::Outcome) -> ExitCode {
    let mut report = Report::default();
    report.step(name, check);
    report.finish()
}
