//! The policy of dependencies, `deny.toml`, checked by cargo-deny.

use std::process::Command;

use crate::{
    cargo_tool::CargoTool,
    step::{self, Outcome},
    workspace::Workspace,
};

const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", version_arguments: &["--version"] };

const CHECK: [&str; 6] = ["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let program = match CARGO_DENY.find_or_install(workspace) {
        Ok(program) => program,
        Err(outcome) => return outcome,
    };
    println!("advisories are not checked: their list is a git repository, which cannot be fetched everywhere");
    let mut command = Command::new(program);
    step::run(command.current_dir(&workspace.root).args(CHECK))
}
