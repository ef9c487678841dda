//! The figures that a user feels, each next to its bound. They inform: a slow machine is no failure.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    process::{Command, ExitCode, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{ci, schedule, step, workspace::Workspace};

mod beside;
mod counter;
mod memory;

use beside::Beside;

const EXAMPLE: &str = "secured-redis";
const RUNS: usize = 9;
const FIRST_PLAN: Duration = Duration::from_secs(60);
const WARM_PLAN: Duration = Duration::from_millis(100);

/// Prints the figures. It fails when there is nothing to measure, as when a command ends with an error, and never
/// because of a duration.
pub(crate) fn run(workspace: &Workspace) -> ExitCode {
    match Bench::clone_of(workspace).and_then(|bench| bench.measure()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A clone of the repository: what it builds and what its programs write stays inside.
struct Bench<'a> {
    workspace: &'a Workspace,
    clone: PathBuf,
}

impl<'a> Bench<'a> {
    fn clone_of(workspace: &'a Workspace) -> Result<Self, String> {
        let clone = workspace.empty_folder("bench")?.join("clone");
        step::capture(Command::new("git").args(["clone", "--quiet"]).arg(&workspace.root).arg(&clone))?;
        let git = |arguments: &[&str]| step::capture(Command::new("git").current_dir(&workspace.root).args(arguments));
        println!("commit: {}", git(&["log", "-1", "--format=%h %s"])?.trim());
        if !git(&["status", "--porcelain"])?.is_empty() {
            println!("note: the working tree has changes that are not measured; the clone has what is committed");
        }
        Ok(Self { workspace, clone })
    }

    fn measure(&self) -> Result<(), String> {
        self.first_plan()?;
        self.warm_plans()?;
        self.life()?;
        schedule::bench(self.workspace)?;
        self.large_stacks()?;
        match Beside::new(self)? {
            Some(beside) => beside.measure(),
            None => Ok(()),
        }
    }

    /// The engine alone, on stacks of up to 100,000 objects.
    fn large_stacks(&self) -> Result<(), String> {
        let mut command = self.workspace.cargo();
        command
            .args(["bench", "--quiet", "--locked", "--package", "palisade-engine", "--bench", "stacks"])
            .current_dir(&self.workspace.root);
        print!("{}", step::capture(&mut command)?);
        Ok(())
    }

    /// Builds the programs of the clone with the SDKs; the paths by name. What cargo has built of the SDKs for the lanes
    /// serves for the clone too.
    fn build_live(&self) -> Result<HashMap<String, PathBuf>, String> {
        println!("building the AWS SDKs takes minutes, once");
        let messages = step::capture(self.build_live_command("--bins").arg(step::MESSAGES))?;
        Ok(step::programs_of(&messages))
    }

    /// Without a test among what is built, cargo leaves out the features that only tests ask for, and the SDKs are built once
    /// more. This one depends on no program, so that an edit of a program does not touch it.
    fn build_live_command(&self, programs: &str) -> Command {
        let mut command = self.workspace.cargo();
        command.arg("build").args(ci::LIVE).args([programs, "--test=derive"]);
        command.env("CARGO_TARGET_DIR", &self.workspace.target);
        self.at_home(command)
    }

    /// Changes a tag in the program of the clone, to one that has `number`.
    fn edit(&self, number: usize) -> Result<(), String> {
        let path = self.clone.join("examples").join(EXAMPLE).join("src/lib.rs");
        let failed = |error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(failed)?;
        let before = if number == 1 { "main-vpc".to_owned() } else { format!("edit-{}", number - 1) };
        let edited = text.replace(&before, &format!("edit-{number}"));
        if edited == text {
            return Err(format!("{}: there is no `{before}` to edit", path.display()));
        }
        fs::write(&path, edited).map_err(failed)
    }

    /// What a newcomer waits for: the registry's files are here, nothing is built.
    fn first_plan(&self) -> Result<(), String> {
        let (took, output) = timed(&mut self.cargo_run(&["plan"]))?;
        figure("cargo run -- plan, first build", took, Some(FIRST_PLAN));
        let said = String::from_utf8_lossy(&output.stderr);
        let compiled = compiled(&said);
        match compiled.iter().find(|name| name.starts_with("aws-sdk-") || **name == "aws-config") {
            Some(sdk) => println!("  {} crates compiled, {sdk} among them (bound: no SDK)", compiled.len()),
            None => println!("  {} crates compiled, no SDK among them (bound: no SDK)", compiled.len()),
        }
        Ok(())
    }

    fn warm_plans(&self) -> Result<(), String> {
        let floor = median(|| Command::new("true"))?;
        let plan = median(|| self.program(&["plan"]))?;
        let with_cargo = median(|| self.cargo_run(&["plan"]))?;
        figure(&format!("{EXAMPLE} plan, median of {RUNS}"), plan, Some(WARM_PLAN));
        figure(&format!("cargo run -- plan, warm, median of {RUNS}"), with_cargo, Some(WARM_PLAN));
        figure("start of a process that does nothing (true)", floor, None);
        println!("  plan takes {:.1} times that start", ratio(plan, floor));
        let terraform = || {
            let mut command = Command::new("terraform");
            command.arg("version").env("CHECKPOINT_DISABLE", "1");
            command
        };
        match median(terraform) {
            Ok(peer) => {
                figure(&format!("terraform version, median of {RUNS}"), peer, None);
                println!("  plan takes {:.2} times terraform's start", ratio(plan, peer));
            }
            Err(_) => println!("skipped: terraform is not on the PATH, so there is no peer to compare with"),
        }
        Ok(())
    }

    /// From nothing to the applied stack and back, on the emulator.
    fn life(&self) -> Result<(), String> {
        let commands: [&[&str]; 4] =
            [&["apply", "--auto-approve"], &["plan"], &["apply", "--auto-approve"], &["destroy", "--auto-approve"]];
        for arguments in commands {
            let (took, output) = timed(&mut self.program(arguments))?;
            figure(&format!("{EXAMPLE} {}", arguments.join(" ")), took, None);
            println!("  {}", summary_of(&String::from_utf8_lossy(&output.stdout)));
        }
        Ok(())
    }

    /// What a user types, in the clone.
    fn cargo_run(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.cargo();
        command.args(["run", "--"]).args(arguments).env("CARGO_TARGET_DIR", self.clone.join("target"));
        self.at_home(command)
    }

    /// What `cargo run` then starts.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.clone.join("target/debug").join(EXAMPLE));
        command.args(arguments).env("CARGO_MANIFEST_DIR", self.clone.join("examples").join(EXAMPLE));
        self.at_home(command)
    }

    /// The state is the clone's own, whatever the user's environment says.
    fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(&self.clone).env_remove("PALISADE_STATE_DIR").env_remove("AWS_REGION");
        command
    }
}

/// Runs a command to its end.
fn timed(command: &mut Command) -> Result<(Duration, Output), String> {
    let program = command.get_program().display().to_string();
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program} does not start: {error}"))?;
    let took = begin.elapsed();
    if output.status.success() {
        Ok((took, output))
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program}: {}\n{said}", output.status))
    }
}

fn median(command: impl Fn() -> Command) -> Result<Duration, String> {
    let mut all = (0..RUNS).map(|_| timed(&mut command()).map(|(took, _)| took)).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    Ok(all[RUNS / 2])
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn figure(what: &str, took: Duration, bound: Option<Duration>) {
    println!("{}", figure_line(what, took, bound));
}

fn figure_line(what: &str, took: Duration, bound: Option<Duration>) -> String {
    let bound = bound.map(|bound| {
        let word = if took <= bound { "within" } else { "OVER" };
        format!("  {word} the bound of {}", shown(bound))
    });
    format!("{what:<48} {:>9}{}", shown(took), bound.unwrap_or_default())
}

fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// The crates that cargo says it compiled.
fn compiled(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.trim_start().strip_prefix("Compiling ")?.split(' ').next()).collect()
}

/// The last line that says something: Terraform's summary lines are what our commands end with.
fn summary_of(said: &str) -> &str {
    let begins = ["Plan:", "No changes", "Apply complete!", "Destroy complete!"];
    said.lines().rev().find(|line| begins.iter().any(|begin| line.starts_with(begin))).unwrap_or("(no summary line)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_next_to_its_bound() {
        let line = |took| figure_line("plan", Duration::from_millis(took), Some(WARM_PLAN));
        assert!(line(90).ends_with("90.0 ms  within the bound of 100.0 ms"), "{}", line(90));
        assert!(line(1500).ends_with("1.5 s  OVER the bound of 100.0 ms"), "{}", line(1500));
    }

    #[test]
    fn crates_and_summaries_are_read_from_what_commands_say() {
        let said =
            "  Downloaded x v1.0.0\n   Compiling serde v1.0.228\n   Compiling aws-sdk-ec2 v1.274.0\n    Finished";
        assert_eq!(compiled(said), ["serde", "aws-sdk-ec2"]);
        assert_eq!(
            summary_of("a\nPlan: 3 to add, 0 to change, 0 to destroy.\nb"),
            "Plan: 3 to add, 0 to change, 0 to destroy."
        );
    }
}
