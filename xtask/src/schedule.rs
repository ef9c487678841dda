//! The benchmark of the scheduler. Its clock is virtual, so that the figures are the same on every machine.

use crate::{step, workspace::Workspace};

/// Prints how long runs take, next to the least that is possible.
pub(crate) fn bench(workspace: &Workspace) -> Result<(), String> {
    const TEST: &str = "schedule::makespans_against_their_bounds";
    let mut command = workspace.cargo();
    command.args(["test", "--quiet", "--package", "palisade-engine", "--test", "engine", "--"]);
    let said = step::capture(command.args(["--exact", TEST, "--nocapture"]))?;
    let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("schedule: ")).collect();
    if lines.is_empty() {
        return Err(format!("{TEST} has printed no figures"));
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}
