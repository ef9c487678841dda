//! `iam-policy`: what a caller must be allowed.

use std::collections::BTreeSet;

use super::Context;
use crate::{error::CommandError, exit_code};

/// Prints the policy document. No cloud is needed for it.
pub(super) fn policy(context: &mut Context<'_>) -> Result<u8, CommandError> {
    let graph = context.graph()?;
    let kinds: BTreeSet<_> = graph.nodes().map(|node| node.address.kind()).collect();
    let policy = context.cloud.policy(&kinds, context.settings.state.as_ref());
    context.terminal.note("Cloud: none is used");
    context.terminal.print(&format!("{policy:#}\n"));
    Ok(exit_code::DONE)
}
