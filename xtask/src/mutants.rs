//! Mutation: cargo-mutants changes the engine and the lifecycles, one place at a time, and each change has to fail a test or
//! stand in `docs/mutants.md` with a reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use crate::{
    cargo_tool::CargoTool,
    step::{self, Outcome},
    workspace::Workspace,
};

const CARGO_MUTANTS: CargoTool =
    CargoTool { name: "cargo-mutants", version: "27.1.0", version_arguments: &["mutants", "--version"] };

/// The list of the survivors that are accepted, from the root of the repository.
const ACCEPTED: &str = "docs/mutants.md";

/// What is changed, and the tests that have to notice. What is left unchanged is in `.cargo/mutants.toml`.
struct Part {
    package: &'static str,
    /// The files, as globs.
    files: &'static [&'static str],
    /// The tests that notice most mutants in little time.
    quick: Tests,
    /// All tests.
    full: Tests,
}

/// What `cargo test` gets.
struct Tests {
    arguments: &'static [&'static str],
    skipped: &'static [&'static str],
}

const PARTS: [Part; 2] = [
    // No test of the engine runs a lifecycle.
    Part {
        package: "palisade-aws",
        files: &[
            "crates/palisade-aws/src/aws.rs",
            "crates/palisade-aws/src/lifecycle.rs",
            "crates/palisade-aws/src/observe.rs",
            "crates/palisade-aws/src/provider.rs",
            "crates/palisade-aws/src/untracked.rs",
            "crates/palisade-aws/src/resources/**/*.rs",
        ],
        quick: Tests {
            arguments: &["--package=palisade-aws", "--package=palisade-tests", "--lib", "--test=suite"],
            skipped: &NOT_ABOUT_A_RUN,
        },
        full: Tests {
            arguments: &["--package=palisade-aws", "--package=palisade-tests", "--lib", "--test=suite", "--test=chaos"],
            skipped: &NOT_ABOUT_A_RUN,
        },
    },
    Part {
        package: "palisade-engine",
        files: &["crates/palisade-engine/src/**/*.rs"],
        quick: Tests {
            arguments: &["--package=palisade-engine", "--lib", "--test=engine"],
            // The model of the shared state, and those that count or measure.
            skipped: &[
                "all_that_goes_wrong_together",
                "nothing_that_two_runs_write",
                "no_call_of_a_run_follows",
                "an_answer_that_is_lost_while",
                "each_rule_is_needed",
                "a_long_journal_becomes",
                "makespans_against",
                "a_change_costs_the_same",
            ],
        },
        full: Tests {
            arguments: &[
                "--package=palisade-engine",
                "--package=palisade-cli",
                "--package=palisade-tests",
                "--lib",
                "--test=engine",
                "--test=suite",
            ],
            skipped: &NOT_ABOUT_A_RUN,
        },
    },
];

/// Of the chaos test, the regressions stay: the random lives take minutes. The others start programs in real time, or look at
/// the texts of a program alone.
const NOT_ABOUT_A_RUN: [&str; 5] =
    ["the_account_becomes_the_program_whatever_happens", "interrupts::", "canary::", "fuzz::", "readme::"];

/// Which of the mutants are tried: all, without options.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Selection {
    /// As in `1/4`.
    shard: Option<String>,
    /// A glob, for the files. A regular expression for the mutants would let some pass that it does not match, such as those
    /// of the fields of a struct: so does cargo-mutants 27.1.0.
    filter: Option<String>,
}

impl Selection {
    /// Reads `[--shard K/N] [FILTER]`.
    pub(crate) fn parse(arguments: &[String]) -> Option<Self> {
        let (shard, rest) = match arguments {
            [option, shard, rest @ ..] if option == "--shard" => (Some(shard.clone()), rest),
            rest => (None, rest),
        };
        match rest {
            [] => Some(Self { shard, filter: None }),
            [filter] if !filter.starts_with('-') => Some(Self { shard, filter: Some(filter.clone()) }),
            _ => None,
        }
    }
}

pub(crate) fn run(workspace: &Workspace, selection: &Selection) -> Outcome {
    match CARGO_MUTANTS.find_or_install(workspace) {
        Ok(program) => judge(workspace, selection, &program).unwrap_or_else(Outcome::Failed),
        Err(outcome) => outcome,
    }
}

fn judge(workspace: &Workspace, selection: &Selection, program: &Path) -> Result<Outcome, String> {
    let list = workspace.root.join(ACCEPTED);
    let text = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    let accepted = accepted(&text)?;
    let mut known = BTreeSet::new();
    let mut tried = Tried::default();
    for part in PARTS {
        let mut command = Command::new(program);
        command.current_dir(&workspace.root).args(["mutants", "--list", "--package", part.package]);
        command.args(part.files.iter().map(|glob| format!("--file={glob}")));
        let keys = keys(&step::capture(&mut command)?);
        try_part(workspace, selection, program, &part, &keys, &mut tried)?;
        known.extend(keys.into_values());
    }
    print!("\n{}", tried.summary());
    Ok(verdict(&accepted, &known, &tried))
}

/// Tries the mutants of a part: first with the quick tests and few random cases, and then, those that survive it, with all.
fn try_part(
    workspace: &Workspace,
    selection: &Selection,
    program: &Path,
    part: &Part,
    keys: &BTreeMap<String, String>,
    tried: &mut Tried,
) -> Result<(), String> {
    let folder = workspace.empty_folder(&format!("mutation/{}", part.package))?;
    let results = folder.join("mutants.out");
    let command = |tests: &Tests| {
        let mut command = Command::new(program);
        command.current_dir(&workspace.root).args(["mutants", "--package", part.package, "--output"]).arg(&folder);
        command.args(tests.arguments.iter().map(|argument| format!("--cargo-arg={argument}")));
        command.arg("--cargo-test-arg=--");
        command.args(tests.skipped.iter().map(|test| format!("--cargo-test-arg=--skip={test}")));
        match &selection.filter {
            Some(filter) => command.arg(format!("--file={filter}")),
            None => command.args(part.files.iter().map(|glob| format!("--file={glob}"))),
        };
        // A failure has been noticed: its smallest case, and its line, are of no use.
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    };
    let mut quick = command(&part.quick);
    quick.args(selection.shard.iter().flat_map(|shard| ["--shard", shard]));
    quick.arg("--minimum-test-timeout=60").env("PROPTEST_CASES", "4");
    run_cargo_mutants(&mut quick)?;
    let first = outcomes(&results)?;
    tried.add(&first, keys, Round::Quick);
    let survivors = &first[MISSED];
    if survivors.is_empty() {
        return Ok(());
    }
    let list = results.join("previously_caught.txt");
    fs::write(&list, all_but(keys, survivors)).map_err(|error| format!("{}: {error}", list.display()))?;
    run_cargo_mutants(command(&part.full).arg("--iterate"))?;
    tried.add(&outcomes(&results)?, keys, Round::Full);
    Ok(())
}

/// What `cargo mutants --iterate` is to leave out, so that it tries the `survivors` alone.
fn all_but(keys: &BTreeMap<String, String>, survivors: &[String]) -> String {
    keys.keys().filter(|line| !survivors.contains(line)).map(|line| format!("{line}\n")).collect()
}

fn run_cargo_mutants(command: &mut Command) -> Result<(), String> {
    let status = step::status(command)?;
    match status.code() {
        // All were noticed, or there are none; or some were missed, or some only ended by the timeout.
        Some(0 | 2 | 3) => Ok(()),
        Some(4) => Err("the tests fail without a mutant".to_owned()),
        _ => Err(format!("cargo-mutants: {status}")),
    }
}

/// The mutants that were caught, were missed, ended by the timeout, and do not compile, as lines of `cargo mutants --list`.
type Outcomes = [Vec<String>; 4];

/// Reads what cargo-mutants has written into `folder`.
fn outcomes(folder: &Path) -> Result<Outcomes, String> {
    let read = |name| {
        let file = folder.join(name);
        let lines = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok::<_, String>(lines.lines().map(str::to_owned).collect())
    };
    Ok([read("caught.txt")?, read("missed.txt")?, read("timeout.txt")?, read("unviable.txt")?])
}

/// Which tests the mutants were tried with.
#[derive(Clone, Copy, PartialEq)]
enum Round {
    /// What these miss is tried again, so that it is not counted yet.
    Quick,
    Full,
}

/// Where in [`Outcomes`] those are that were missed.
const MISSED: usize = 1;

/// What came of the mutants, by what they are called in the list.
#[derive(Debug, Default)]
struct Tried {
    missed: BTreeSet<String>,
    noticed: BTreeSet<String>,
    /// For each file how many were caught, missed, ended by the timeout, and do not compile.
    counts: BTreeMap<String, [usize; 4]>,
}

impl Tried {
    fn add(&mut self, outcomes: &Outcomes, keys: &BTreeMap<String, String>, round: Round) {
        for (column, lines) in outcomes.iter().enumerate() {
            if round == Round::Quick && column == MISSED {
                continue;
            }
            for line in lines {
                self.count(column, line, keys.get(line).map_or(line, String::as_str));
            }
        }
    }

    fn count(&mut self, column: usize, line: &str, key: &str) {
        let file = line.split(':').next().unwrap_or_default();
        self.counts.entry(file.to_owned()).or_default()[column] += 1;
        match column {
            0 | 2 => _ = self.noticed.insert(key.to_owned()),
            MISSED => _ = self.missed.insert(key.to_owned()),
            _ => {}
        }
    }

    fn summary(&self) -> String {
        let mut text = format!("{:>7} {:>7} {:>8} {:>9}\n", "caught", "missed", "timeout", "unviable");
        let mut sum = [0; 4];
        for (file, counts) in &self.counts {
            text += &row(counts, file);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        text + &row(&sum, "in all")
    }
}

fn row([caught, missed, timeout, unviable]: &[usize; 4], name: &str) -> String {
    format!("{caught:>7} {missed:>7} {timeout:>8} {unviable:>9}  {name}\n")
}

/// Compares the survivors with the list.
fn verdict(accepted: &BTreeSet<String>, known: &BTreeSet<String>, tried: &Tried) -> Outcome {
    for key in accepted.intersection(&tried.noticed) {
        println!("no longer survives, so take it off {ACCEPTED}: {key}");
    }
    let new: Vec<_> = tried.missed.difference(accepted).collect();
    for key in &new {
        println!("survives, and is not in {ACCEPTED}: {key}");
    }
    let unknown: Vec<_> = accepted.difference(known).collect();
    for key in &unknown {
        println!("is in {ACCEPTED}, and cargo-mutants knows no such mutant: {key}");
    }
    match (new.len(), unknown.len()) {
        (0, 0) => Outcome::Ok,
        (new, unknown) => Outcome::Failed(format!(
            "{new} new survivors: write a test for each, or list it with the reason; {unknown} entries of the list without a mutant"
        )),
    }
}

/// The lines of `cargo mutants --list`, and what each mutant is called in the list: its line without the position, which every
/// edit above moves, and with a number where a function has several of the same words.
fn keys(list: &str) -> BTreeMap<String, String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let named = list.lines().filter_map(|line| {
        let [file, _, _, name] = line.splitn(4, ':').collect::<Vec<_>>().try_into().ok()?;
        let key = format!("{file}:{name}");
        let time = times.entry(key.clone()).or_default();
        *time += 1;
        Some((line.to_owned(), if *time == 1 { key } else { format!("{key}, {time}") }))
    });
    named.collect()
}

/// The survivors of the list, each on a line of its own: "- `FILE: MUTANT`: REASON".
fn accepted(text: &str) -> Result<BTreeSet<String>, String> {
    let entries = text.lines().filter_map(|line| line.strip_prefix("- `crates/").map(|rest| (line, rest)));
    let read = |(line, rest): (&str, &str)| match rest.split_once("`: ") {
        Some((key, reason)) if !reason.trim().is_empty() => Ok(format!("crates/{key}")),
        _ => Err(format!("{ACCEPTED}: an entry is \"- `FILE: MUTANT`: REASON\", and this one is not: {line}")),
    };
    entries.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn options_select_a_shard_and_a_filter() {
        let parse = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            Selection::parse(&arguments).map(|Selection { shard, filter }| (shard, filter))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse(&[]), Some((None, None)));
        assert_eq!(parse(&["steps.rs"]), Some((None, some("steps.rs"))));
        assert_eq!(parse(&["--shard", "1/4"]), Some((some("1/4"), None)));
        assert_eq!(parse(&["--shard", "1/4", "steps.rs"]), Some((some("1/4"), some("steps.rs"))));
        assert!(parse(&["--shard"]).is_none() && parse(&["--jobs", "2"]).is_none());
    }

    #[test]
    fn a_mutant_is_called_the_same_wherever_its_line_is() {
        let list = "src/a.rs:3:7: replace == with != in f\nsrc/a.rs:3:9: replace == with != in f\nsrc/b.rs:1:1: replace g with ()";
        let named: Vec<_> = keys(list).into_values().collect();
        let expected = [
            "src/a.rs: replace == with != in f",
            "src/a.rs: replace == with != in f, 2",
            "src/b.rs: replace g with ()",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn each_accepted_survivor_has_a_reason() {
        let text = "# Mutants\n\n- a text\n- `crates/a.rs: replace g with ()`: it is the same.\n";
        assert_eq!(accepted(text), Ok(set(&["crates/a.rs: replace g with ()"])));
        assert!(accepted("- `crates/a.rs: replace g with ()`").is_err());
        assert!(accepted("- `crates/a.rs: replace g with ()`:  \n").is_err());
    }

    #[test]
    fn what_the_quick_tests_miss_counts_once_all_tests_have_missed_it() {
        let keys = keys("a.rs:1:1: x\na.rs:2:1: y\na.rs:3:1: z");
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let quick = [lines(&["a.rs:1:1: x"]), lines(&["a.rs:2:1: y", "a.rs:3:1: z"]), vec![], vec![]];
        assert_eq!(all_but(&keys, &quick[MISSED]), "a.rs:1:1: x\n");
        let mut tried = Tried::default();
        tried.add(&quick, &keys, Round::Quick);
        assert_eq!((&tried.noticed, &tried.missed), (&set(&["a.rs: x"]), &set(&[])));
        tried.add(&[lines(&["a.rs:2:1: y"]), lines(&["a.rs:3:1: z"]), vec![], vec![]], &keys, Round::Full);
        assert_eq!((&tried.noticed, &tried.missed), (&set(&["a.rs: x", "a.rs: y"]), &set(&["a.rs: z"])));
        assert_eq!(tried.counts["a.rs"], [2, 1, 0, 0]);
    }

    #[test]
    fn a_new_survivor_fails_and_one_that_is_accepted_does_not() {
        let known = set(&["a", "b"]);
        let tried = |column| {
            let mut tried = Tried::default();
            tried.count(column, "src/a.rs:1:1: a", "a");
            tried
        };
        let passes = |accepted: &[&str], column| matches!(verdict(&set(accepted), &known, &tried(column)), Outcome::Ok);
        assert!(!passes(&[], 1) && !passes(&["b"], 1) && passes(&["a"], 1));
        assert!(passes(&["a"], 0), "it is said that it no longer survives");
        assert!(passes(&[], 0) && passes(&[], 2) && passes(&[], 3));
        assert!(!passes(&["c"], 0), "nothing is accepted that does not exist");
    }

    #[test]
    fn the_summary_counts_for_each_file() {
        let mut tried = Tried::default();
        for (column, line) in [(0, "a.rs:1:1: x"), (0, "a.rs:2:1: x"), (1, "b.rs:1:1: x"), (3, "b.rs:2:1: x")] {
            tried.count(column, line, line);
        }
        assert_eq!(
            tried.summary(),
            " caught  missed  timeout  unviable\n\
             \x20     2       0        0         0  a.rs\n\
             \x20     0       1        0         1  b.rs\n\
             \x20     2       1        0         1  in all\n"
        );
    }
}
