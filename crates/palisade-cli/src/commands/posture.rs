//! `posture`: how the resources stand to the rules of security.

use super::Context;
use crate::{
    args::{PostureArgs, PostureFormat},
    error::CommandError,
    exit_code, render,
};

/// Prints the posture. No cloud is needed for it. The exit code tells whether a rule is broken.
pub(super) fn posture(context: &mut Context<'_>, args: &PostureArgs) -> Result<u8, CommandError> {
    // The rules are held to a stack that can exist at all.
    let findings = context.stack.findings();
    if !findings.is_empty() {
        return Err(CommandError::Findings(findings));
    }
    let (stack, violations) = (context.stack, context.stack.violations());
    context.terminal.note("Cloud: none is used");
    context.terminal.print(&match args.format {
        PostureFormat::Text => render::posture::text(stack),
        PostureFormat::Json => format!("{:#}\n", render::posture::json(stack)),
        PostureFormat::Sarif => format!("{:#}\n", render::posture::sarif(stack, &violations)),
    });
    if violations.is_empty() { Ok(exit_code::DONE) } else { Err(CommandError::Findings(violations)) }
}
