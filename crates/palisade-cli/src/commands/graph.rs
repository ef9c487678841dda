//! `graph`: the resources and what they refer to, as a drawing.

use super::Context;
use crate::{
    args::{GraphArgs, GraphFormat},
    error::CommandError,
    exit_code,
    render::graph::{dot, mermaid},
};

/// Prints the drawing. No cloud is needed for it.
pub(super) fn graph(context: &mut Context<'_>, args: &GraphArgs) -> Result<u8, CommandError> {
    let graph = context.graph()?;
    context.terminal.note("Cloud: none is used");
    context.terminal.print(&match args.format {
        GraphFormat::Mermaid => mermaid(&graph),
        GraphFormat::Dot => dot(&graph),
    });
    Ok(exit_code::DONE)
}
