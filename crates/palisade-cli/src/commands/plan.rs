//! `plan`: what an apply would do.

use palisade_core::Graph;

use super::{
    Context,
    session::{self, Session},
};
use crate::{args::PlanArgs, error::CommandError, exit_code, render};

/// Prints the plan. Nothing is locked and nothing is written, so it works where only reading is allowed.
pub(super) fn plan(context: &mut Context<'_, '_>, args: &PlanArgs) -> Result<u8, CommandError> {
    let graph = if args.destroy { Graph::empty(context.stack.name()) } else { context.graph()? };
    let session = Session::open(context)?;
    if args.json {
        context.terminal.note(&session.first_line());
    } else {
        context.terminal.line(&session.first_line());
    }
    let state = session.state(context, session::read_state(context)?)?;
    let plan = session.plan(&graph, &state)?;
    if args.json {
        let json = serde_json::to_string_pretty(&plan).expect("a plan has text keys only, so there is JSON for it");
        context.terminal.line(&json);
    } else {
        context.terminal.print(&format!("\n{}", render::plan::plan(&plan)));
    }
    Ok(if args.detailed_exitcode && plan.has_changes() { exit_code::CHANGES } else { exit_code::DONE })
}
