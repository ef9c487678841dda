//! The commands, one module each, and what they share.

mod apply;
mod approval;
mod export;
mod graph;
mod output;
mod plan;
mod policy;
mod posture;
mod saved;
mod session;
mod state;

use palisade_core::{Graph, Stack};
use session::Session;

use crate::{
    Cloud, Settings,
    args::{Command, ExportCommand, StateCommand},
    error::CommandError,
    signals::{Interrupted, Interrupts},
    terminal::Terminal,
};

/// What every command works with.
pub(crate) struct Context<'a> {
    pub(crate) terminal: &'a mut Terminal,
    pub(crate) interrupts: &'a Interrupts,
    pub(crate) stack: &'a Stack,
    pub(crate) cloud: &'a dyn Cloud,
    pub(crate) settings: Settings,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

/// Executes a command, and returns its exit code.
pub(crate) fn execute(command: Command, context: &mut Context<'_>) -> Result<u8, CommandError> {
    let done = match command {
        Command::Plan(args) => plan::plan(context, &args),
        Command::Apply { file: None, allow_data_loss, replace, args } => {
            apply::apply(context, &args, &allow_data_loss, &replace)
        }
        Command::Apply { file: Some(file), allow_data_loss, args, replace: _ } => {
            saved::apply(context, &file, &args, &allow_data_loss)
        }
        Command::Destroy(args) => apply::destroy(context, &args),
        Command::Show(args) => saved::show(context, &args),
        Command::Output(args) => output::output(context, &args),
        Command::State(StateCommand::List) => state::list(context),
        Command::State(StateCommand::Show { address }) => state::show(context, &address),
        Command::Graph(args) => graph::graph(context, &args),
        Command::Posture(args) => posture::posture(context, &args),
        Command::IamPolicy => policy::policy(context),
        Command::Export(ExportCommand::Terraform { out }) => export::terraform(context, &out),
    };
    done.map_err(|error| error.located(context.stack))
}

impl Context<'_> {
    /// The graph of the program's stack.
    ///
    /// Every command that reads the declarations begins with it. The others, which know all that they need from the state,
    /// also work with a program that has findings.
    pub(crate) fn graph(&self) -> Result<Graph, CommandError> {
        let mut findings = self.stack.findings();
        findings.extend(self.stack.violations());
        if findings.is_empty() { Ok(Graph::new(self.stack)) } else { Err(CommandError::Findings(findings)) }
    }

    /// Says on the standard error stream which cloud the state is about, for the commands that read only the state. They
    /// work without the cloud too.
    pub(crate) fn note_cloud(&mut self) {
        let line = match Session::open(self) {
            Err(Interrupted) => return,
            Ok(Ok(session)) => session.first_line(),
            Ok(Err(error)) => format!("Cloud: not reached, and not needed: {error}"),
        };
        self.terminal.note(&line);
    }
}
