//! The arguments of the command line, and the only place that reads the environment.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};

use palisade_core::Address;

use crate::{Clouds, S3Location};

const EXAMPLES: &str = "\
Examples:
  cargo run -- plan                     what would change, and why
  cargo run -- apply                    change it, after a question
  cargo run -- apply --auto-approve     change it without a question, as in CI
  cargo run -- apply --auto-approve --allow-data-loss LogGroup.slow-log
                                        the same, and consent to lose this data
  cargo run -- plan --out next.plan     save the plan, to be read by others
  cargo run -- apply next.plan          do what it says, and nothing else
  cargo run -- plan --detailed-exitcode tell a script whether anything would change
  cargo run -- output primary_endpoint --raw
  cargo run -- export terraform --out infra

Exit codes:
  0  done
  1  an error, or a plan that was not approved
  2  the plan holds changes (only with plan --detailed-exitcode)
  130, 143, 129
     an apply was stopped by Ctrl-C, SIGTERM or the end of its terminal; run it again to go on";

/// Plans and applies the infrastructure that this program declares.
#[derive(Debug, Parser)]
#[command(name = "palisade", after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The folder that holds the state of the stack
    #[arg(long, global = true, value_name = "DIR", env = "PALISADE_STATE_DIR", hide_env_values = true)]
    #[arg(default_value = ".palisade")]
    pub(crate) state_dir: PathBuf,

    /// Where the state is that a team shares, in place of a folder; it needs AWS, and the feature `s3-state`
    #[arg(long, global = true, value_name = "s3://BUCKET/PREFIX", env = "PALISADE_STATE", hide_env_values = true)]
    #[arg(conflicts_with = "state_dir", value_parser = S3Location::parse)]
    pub(crate) state: Option<S3Location>,

    /// The region to work in
    #[arg(long, global = true, value_name = "REGION", env = "AWS_REGION", hide_env_values = true)]
    pub(crate) region: Option<String>,

    /// Work on the emulated account, and not on AWS; in the environment, write `emulated` or `aws`
    #[arg(long, global = true, env = "PALISADE_CLOUD", hide_env_values = true, value_parser = is_emulated)]
    pub(crate) emulated: bool,

    /// When to use colors; `auto` also respects NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,

    /// The folder of the program's package, which cargo sets. The sources that messages show are looked for there when
    /// the program runs in another folder.
    #[arg(long, global = true, hide = true, env = "CARGO_MANIFEST_DIR")]
    pub(crate) manifest_dir: Option<PathBuf>,
}

/// Reads `--emulated`, for which clap says `true` or `false`, and its variable, in which a cloud is named.
fn is_emulated(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "emulated" => Ok(true),
        "false" | "aws" => Ok(false),
        _ => Err("write `emulated` or `aws`"),
    }
}

fn calls_at_a_time(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number of calls, 1 or more")
}

/// When to use colors.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what an apply would change, and why; change nothing
    Plan(PlanArgs),
    /// Bring the cloud to what the program declares, or carry out a plan that was saved
    Apply {
        /// A file that `plan --out` wrote: do what it says, and ask only before a destroy
        file: Option<PathBuf>,
        /// Consent to lose the data of this resource; may be repeated
        #[arg(long, value_name = "ADDRESS")]
        allow_data_loss: Vec<Address>,
        /// Replace the object of this resource, whether it differs from the program or not; may be repeated
        #[arg(long, value_name = "ADDRESS", conflicts_with = "file")]
        replace: Vec<Address>,
        #[command(flatten)]
        args: ApplyArgs,
    },
    /// Delete all objects of the stack
    Destroy(ApplyArgs),
    /// Show a plan that was saved
    Show(ShowArgs),
    /// Show the outputs of the last apply
    Output(OutputArgs),
    /// Look into the state: the objects that the last applies made
    #[command(subcommand)]
    State(StateCommand),
    /// Draw the resources and what they refer to
    Graph(GraphArgs),
    /// Show which rules of security hold, which are broken, and why
    Posture(PostureArgs),
    /// Print the least IAM policy that lets the stack be planned, applied and destroyed
    IamPolicy,
    /// Write the stack in another tool's language
    #[command(subcommand)]
    Export(ExportCommand),
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// End with 2 if there are changes, 0 if there are none, 1 on an error
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Print the plan as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Plan the deletion of all objects of the stack
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Replace the object of this resource, whether it differs from the program or not; may be repeated
    #[arg(long, value_name = "ADDRESS", conflicts_with = "destroy")]
    pub(crate) replace: Vec<Address>,
    /// Show which calls the plan takes, and how often each
    #[arg(long)]
    pub(crate) calls: bool,
    /// Save the plan in a file, which `apply FILE` carries out as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The file that `plan --out` wrote
    pub(crate) file: PathBuf,
    /// Print the plan as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ApplyArgs {
    /// Do not ask before the changes are made; to lose data, an apply also needs --allow-data-loss
    #[arg(long, visible_alias = "yes", short = 'y')]
    pub(crate) auto_approve: bool,
    /// Begin nothing new after a failure; else only what depends on the failed step is left out
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// How many calls may be under way at a time; what only waits for the cloud counts for none
    #[arg(long, value_name = "N", default_value = "10", allow_negative_numbers = true, value_parser = calls_at_a_time)]
    pub(crate) parallelism: NonZeroUsize,
}

#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    /// The output to show; all, if none is named
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the value of one output without quotes and without a line end
    #[arg(long, requires = "name")]
    pub(crate) raw: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the addresses of the resources in the state
    List,
    /// Show what the state holds of one resource
    Show {
        /// The address of the resource, as in Subnet.private-a
        address: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    /// The language of the drawing
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub(crate) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Mermaid, which GitHub draws in Markdown
    Mermaid,
    /// DOT, for Graphviz
    Dot,
}

#[derive(Args, Debug)]
pub(crate) struct PostureArgs {
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: PostureFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PostureFormat {
    /// Text, by resource
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Write main.tf.json for Terraform 1.11 or later and hashicorp/aws 5.100
    Terraform {
        /// The folder to write to; it is made if it does not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// What is told instead of doing anything.
#[derive(Debug)]
pub(crate) struct Told {
    /// The text, with colors and a line end.
    pub(crate) text: String,
    /// Whether it is the help that was asked for, and not an error.
    pub(crate) is_result: bool,
}

/// Parses the arguments, the first of which is the program. `name` is what the help calls the program, and `width` the
/// width of the terminal, which is found out where it is `None`. The help offers what there is among the `clouds`.
pub(crate) fn parse(
    name: &str,
    width: Option<usize>,
    clouds: Clouds<'_>,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Cli, Told> {
    let mut command = Cli::command().bin_name(name);
    if clouds.emulated.is_none() {
        command = command.mut_arg("emulated", |emulated| emulated.hide(true));
    }
    if let Some(region) = clouds.usual.default_region() {
        command = command.mut_arg("region", |argument| argument.default_value(region));
    }
    if let Some(width) = width {
        command = command.term_width(width);
    }
    let parsed = command.try_get_matches_from_mut(args).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // clap has a setting for this, but to it an option from the environment is an argument.
        let text = if lacks_command(&error, name) { command.render_long_help() } else { error.render() };
        Told { text: text.ansi().to_string(), is_result: !error.use_stderr() }
    })
}

/// Whether the arguments name no command at all, so that the user needs the whole help.
fn lacks_command(error: &clap::Error, name: &str) -> bool {
    error.kind() == ErrorKind::MissingSubcommand
        && error.get(ContextKind::InvalidSubcommand) == Some(&ContextValue::String(name.to_owned()))
}
