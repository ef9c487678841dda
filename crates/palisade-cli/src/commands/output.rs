//! `output`: what the last apply kept of the stack's outputs.

use palisade_core::{Json, JsonMap, Value, closest};

use super::{Context, session};
use crate::{
    args::OutputArgs,
    error::CommandError,
    exit_code,
    render::{
        progress::outputs,
        value::{Sign, layout},
    },
};

/// Prints all outputs, or the one that is named.
pub(super) fn output(context: &mut Context<'_>, args: &OutputArgs) -> Result<u8, CommandError> {
    context.note_cloud();
    let kept = session::read_state(context)?.map(|state| state.outputs).unwrap_or_default();
    let Some(name) = &args.name else {
        if args.json {
            context.terminal.line(&format!("{:#}", Json::Object(kept)));
        } else if kept.is_empty() {
            context.terminal.note("No outputs in the state.");
        } else {
            context.terminal.print(&outputs(&kept));
        }
        return Ok(exit_code::DONE);
    };
    let value = kept.get(name).ok_or_else(|| unknown(name, &kept))?;
    if args.raw {
        context.terminal.print(&raw(name, value)?);
    } else if args.json {
        context.terminal.line(&format!("{value:#}"));
    } else {
        context.terminal.line(&layout(&Value::Json(value.clone()), 0, 0, Sign::None));
    }
    Ok(exit_code::DONE)
}

fn unknown(name: &str, kept: &JsonMap) -> CommandError {
    let message = format!("there is no output `{name}` in the state");
    if kept.is_empty() {
        return CommandError::new(message, "the state has no outputs: run `apply` first");
    }
    let names: Vec<_> = kept.keys().map(|name| format!("`{name}`")).collect();
    let mut help = vec![format!("the outputs are {}", names.join(", "))];
    if let Some(meant) = closest(name, kept.keys().map(String::as_str)) {
        help.insert(0, format!("did you mean `{meant}`?"));
    }
    CommandError::Problem { message, help }
}

/// The value as a script takes it.
fn raw(name: &str, value: &Json) -> Result<String, CommandError> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(CommandError::new(
            format!("the output `{name}` is no text, number or boolean, so it has no raw form"),
            "print it with --json",
        )),
    }
}
