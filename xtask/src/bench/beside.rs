//! Terraform and our programs side by side, against the same ministack in the same run: the figures that the project has
//! set itself, each with what Terraform takes for the same.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Bench, EXAMPLE, counter::Counter, memory, seconds, timed};
use crate::{
    ministack::{self, Ministack},
    step::{self, Outcome},
    terraform,
};

/// A VPC with many subnets, security groups and users, for the numbers of calls.
const MANY: &str = "many-objects";
const APPLIES: usize = 5;
const PLANS: usize = 11;
const EDITS: usize = 5;
/// Terraform takes seconds for a plan, and more than a minute for an apply.
const TERRAFORM_PLANS: usize = 3;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What is compared, and where.
pub(super) struct Beside<'a> {
    bench: &'a Bench<'a>,
    ministack: Ministack,
    programs: HashMap<String, PathBuf>,
    /// Terraform's configuration; `None` without Terraform, whose figures are then left out.
    terraform: Option<PathBuf>,
    accounts: std::cell::Cell<u64>,
}

/// One of the accounts that ministack has, and the folder of what is done there.
struct Account {
    number: String,
    folder: PathBuf,
}

/// Several measurements of the same.
struct Sample(Vec<f64>);

impl Sample {
    fn of(count: usize, mut measure: impl FnMut() -> Result<f64, String>) -> Result<Self, String> {
        let mut all = (0..count).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(f64::total_cmp);
        Ok(Self(all))
    }

    fn one(value: f64) -> Self {
        Self(vec![value])
    }

    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    fn shown(&self, unit: &str) -> String {
        let (min, max) = (self.0[0], self.0[self.0.len() - 1]);
        match self.0.len() {
            1 => format!("{}{unit}", number(min)),
            count => format!("{}{unit} ({} to {}, {count} runs)", number(self.median()), number(min), number(max)),
        }
    }
}

impl<'a> Beside<'a> {
    /// Builds the programs with the SDKs, and starts ministack. `None` where there is none, which is said.
    pub(super) fn new(bench: &'a Bench<'a>) -> Result<Option<Self>, String> {
        let installed = match ministack::PACKAGE.find_or_install(bench.workspace) {
            Ok(installed) => installed,
            Err(Outcome::Failed(problem)) => return Err(problem),
            Err(outcome) => {
                println!("skipped: everything beside Terraform: {outcome:?}");
                return Ok(None);
            }
        };
        let terraform = match terraform::find(bench.workspace) {
            Ok(config) => Some(config),
            Err(Outcome::Failed(problem)) => return Err(problem),
            Err(outcome) => {
                println!("skipped: the figures of Terraform, and all ratios: {outcome:?}");
                None
            }
        };
        let programs = bench.build_live()?;
        let accounts = std::cell::Cell::new(300_000_000_000);
        Ok(Some(Self { bench, ministack: ministack::start(&installed)?, programs, terraform, accounts }))
    }

    pub(super) fn measure(&self) -> Result<(), String> {
        self.wall()?;
        self.calls()?;
        self.edit()
    }

    /// The apply of the example, the plan after it, and the memory of that plan.
    fn wall(&self) -> Result<(), String> {
        let endpoint = self.ministack.address();
        let mut applied = None;
        let apply = Sample::of(APPLIES, || {
            let account = self.account()?;
            let took = timed(&mut self.ours(EXAMPLE, &account, endpoint, &["apply", "--auto-approve"])?)?.0;
            applied = Some(account);
            Ok(seconds(took))
        })?;
        let account = applied.ok_or("nothing was applied")?;
        let no_op = || self.ours(EXAMPLE, &account, endpoint, &["plan", "--detailed-exitcode"]);
        let plan = Sample::of(PLANS, || Ok(seconds(timed(&mut no_op()?)?.0)))?;
        let peak = memory::peak(&mut no_op()?)?.map(|bytes| Sample::one(bytes as f64 / MEBIBYTE));

        let (mut their_apply, mut their_plan, mut their_peak) = (None, None, None);
        if let Some(terraform) = self.terraform_of(EXAMPLE, endpoint)? {
            their_apply = Some(Sample::one(seconds(timed(&mut terraform.command(&APPLY))?.0)));
            let no_op = || terraform.command(&PLAN);
            their_plan = Some(Sample::of(TERRAFORM_PLANS, || Ok(seconds(timed(&mut no_op())?.0)))?);
            their_peak = memory::peak(&mut no_op())?.map(|bytes| Sample::one(bytes as f64 / MEBIBYTE));
        }
        row(&format!("apply of {EXAMPLE}, wall"), " s", Some(&apply), their_apply.as_ref(), 1.0);
        row("plan without changes, wall", " s", Some(&plan), their_plan.as_ref(), 0.1);
        row("plan without changes, peak memory", " MiB", peak.as_ref(), their_peak.as_ref(), 50.0);
        Ok(())
    }

    /// The calls for a stack of many objects.
    fn calls(&self) -> Result<(), String> {
        if !self.programs.contains_key(MANY) {
            println!("skipped: the numbers of calls: there is no program {MANY}");
            return Ok(());
        }
        let counter = Counter::start(self.ministack.address()).map_err(|error| format!("no proxy: {error}"))?;
        let calls = |mut command: Command| {
            counter.take();
            let took = timed(&mut command)?.0;
            Ok::<_, String>((Sample::one(counter.take() as f64), Sample::one(seconds(took))))
        };
        let account = self.account()?;
        let apply = calls(self.ours(MANY, &account, counter.address, &["apply", "--auto-approve"])?)?;
        let plan = calls(self.ours(MANY, &account, counter.address, &["plan", "--detailed-exitcode"])?)?;
        let (mut their_apply, mut their_plan) = (None, None);
        if let Some(terraform) = self.terraform_of(MANY, counter.address)? {
            their_apply = Some(calls(terraform.command(&APPLY))?);
            their_plan = Some(calls(terraform.command(&PLAN))?);
        }
        let first = |pair: &Option<(Sample, Sample)>| pair.as_ref().map(|(calls, _)| Sample(calls.0.clone()));
        row(&format!("plan of {MANY} without changes, calls"), "", Some(&plan.0), first(&their_plan).as_ref(), 10.0);
        row(&format!("apply of {MANY}, calls"), "", Some(&apply.0), first(&their_apply).as_ref(), 900.0);
        println!("  {MANY}: our apply took {}, the plan {}", apply.1.shown(" s"), plan.1.shown(" s"));
        if let (Some(apply), Some(plan)) = (their_apply, their_plan) {
            println!("  {MANY}: Terraform's apply took {}, the plan {}", apply.1.shown(" s"), plan.1.shown(" s"));
        }
        Ok(())
    }

    /// From an edit of the stack to the plan that shows it.
    fn edit(&self) -> Result<(), String> {
        let endpoint = self.ministack.address();
        let account = self.account()?;
        timed(&mut self.ours(EXAMPLE, &account, endpoint, &["apply", "--auto-approve"])?)?;
        let mut number = 0;
        let ours = Sample::of(EDITS, || {
            number += 1;
            self.bench.edit(number)?;
            let built = timed(&mut self.bench.build_live_command(&format!("--bin={EXAMPLE}")))?.0;
            let (planned, output) = timed(&mut self.ours(EXAMPLE, &account, endpoint, &["plan"])?)?;
            let said = String::from_utf8_lossy(&output.stdout);
            match said.contains(&format!("edit-{number}")) {
                true => Ok(seconds(built + planned)),
                false => Err(format!("the plan does not show the edit:\n{said}")),
            }
        })?;
        row("edit of the program to a finished plan", " s", Some(&ours), None, 4.0);
        println!("  Terraform has no build; its plan without changes is above");
        Ok(())
    }

    /// An account that nobody has used.
    fn account(&self) -> Result<Account, String> {
        let number = self.accounts.replace(self.accounts.get() + 1).to_string();
        let folder = self.bench.clone.with_file_name(&number);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Account { number, folder })
    }

    /// A program of ours, at work on the account.
    fn ours(&self, name: &str, account: &Account, endpoint: SocketAddr, arguments: &[&str]) -> Result<Command, String> {
        let program = self.programs.get(name).ok_or_else(|| format!("cargo built no program {name}"))?;
        let mut command = Command::new(program);
        self.lead(&mut command, account, endpoint);
        command.args(arguments).current_dir(&account.folder);
        Ok(command)
    }

    /// Terraform with the export of a program, in an account of its own; `None` without Terraform.
    fn terraform_of(&self, name: &str, endpoint: SocketAddr) -> Result<Option<Terraform<'_>>, String> {
        let Some(config) = &self.terraform else { return Ok(None) };
        let account = self.account()?;
        step::capture(&mut self.ours(name, &account, endpoint, &["export", "terraform", "--out", "."])?)?;
        let terraform = Terraform { beside: self, account, endpoint, config };
        step::capture(&mut terraform.command(&["init", "-input=false", "-no-color"]))?;
        Ok(Some(terraform))
    }

    fn lead(&self, command: &mut Command, account: &Account, endpoint: SocketAddr) {
        self.ministack.lead(command);
        command.env("AWS_ENDPOINT_URL", format!("http://{endpoint}")).env("AWS_ACCESS_KEY_ID", &account.number);
    }
}

const APPLY: [&str; 4] = ["apply", "-input=false", "-auto-approve", "-no-color"];
/// Nothing has changed since the apply. That Terraform finds differences all the same, since ministack forgets some of what
/// it was told, costs it no call.
const PLAN: [&str; 3] = ["plan", "-input=false", "-no-color"];

struct Terraform<'a> {
    beside: &'a Beside<'a>,
    account: Account,
    endpoint: SocketAddr,
    config: &'a Path,
}

impl Terraform<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        self.beside.lead(&mut command, &self.account, self.endpoint);
        command.args(arguments).current_dir(&self.account.folder).env("TF_CLI_CONFIG_FILE", self.config);
        command.env("CHECKPOINT_DISABLE", "1").env_remove("TF_DATA_DIR").env_remove("TF_CLI_ARGS");
        command
    }
}

/// Prints one figure, with Terraform's, the ratio of the two, and the bound of ours.
fn row(what: &str, unit: &str, ours: Option<&Sample>, theirs: Option<&Sample>, bound: f64) {
    println!("{}", row_text(what, unit, ours, theirs, bound));
}

fn row_text(what: &str, unit: &str, ours: Option<&Sample>, theirs: Option<&Sample>, bound: f64) -> String {
    let shown = |sample: Option<&Sample>| sample.map_or("not measured".to_owned(), |sample| sample.shown(unit));
    let word = match ours {
        Some(ours) if ours.median() <= bound => "within",
        Some(_) => "OVER",
        None => "unknown:",
    };
    let ratio =
        ours.zip(theirs).map(|(ours, theirs)| format!(", {} times less", number(theirs.median() / ours.median())));
    format!(
        "{what:<42} {}; Terraform {}{}; {word} the bound of {}{unit}",
        shown(ours),
        shown(theirs),
        ratio.unwrap_or_default(),
        number(bound)
    )
}

/// Three digits that count, as more are noise.
fn number(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_both_figures_their_ratio_and_the_bound() {
        let ours = Sample(vec![0.25, 0.5, 0.75]);
        assert_eq!(
            row_text("apply", " s", Some(&ours), Some(&Sample::one(71.0)), 1.0),
            "apply                                      0.500 s (0.250 to 0.750, 3 runs); Terraform 71 s, 142 times less; \
             within the bound of 1 s"
        );
        let over = row_text("plan", "", Some(&Sample::one(310.0)), None, 10.0);
        assert!(over.ends_with("310; Terraform not measured; OVER the bound of 10"), "{over}");
    }
}
