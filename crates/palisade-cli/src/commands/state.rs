//! `state list` and `state show`: what the state holds.

use palisade_core::{Address, Json, Value, closest};
use palisade_engine::{ObjectState, Phase};

use super::{Context, session};
use crate::{
    error::CommandError,
    exit_code,
    render::{
        style::{STRONG, paint},
        value::{Sign, layout},
    },
};

/// Prints the addresses of the resources, in their order.
pub(super) fn list(context: &mut Context<'_>) -> Result<u8, CommandError> {
    context.note_cloud();
    let resources = session::read_state(context)?.map(|state| state.resources).unwrap_or_default();
    if resources.is_empty() {
        context.terminal.note("No resources in the state.");
    }
    for address in resources.keys() {
        context.terminal.line(&address.to_string());
    }
    Ok(exit_code::DONE)
}

/// Prints the objects of one resource.
pub(super) fn show(context: &mut Context<'_>, address: &str) -> Result<u8, CommandError> {
    context.note_cloud();
    let resources = session::read_state(context)?.map(|state| state.resources).unwrap_or_default();
    let Some((address, entry)) = resources.iter().find(|(known, _)| known.to_string() == address) else {
        return Err(unknown(address, resources.keys()));
    };
    if let Some(object) = &entry.current {
        context.terminal.print(&render(&address.to_string(), object));
    }
    for object in &entry.deposed {
        context.terminal.print(&render(&format!("{address}, another object that the next apply deletes"), object));
    }
    Ok(exit_code::DONE)
}

fn unknown<'a>(address: &str, known: impl Iterator<Item = &'a Address>) -> CommandError {
    let known: Vec<_> = known.map(Address::to_string).collect();
    let help = match closest(address, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`state list` shows what the state holds; an address is KIND.NAME, as in Subnet.private-a".to_owned(),
    };
    CommandError::new(format!("there is no resource `{address}` in the state"), help)
}

fn render(title: &str, object: &ObjectState) -> String {
    let observed = object.observed.as_ref();
    let depends_on: Json = object.depends_on.iter().map(Address::to_string).collect();
    let fields = [
        ("id", object.id.clone().into()),
        ("phase", phase(object.phase).into()),
        ("inputs", Json::Object(object.inputs.clone())),
        ("attributes", observed.map(|observed| observed.attributes.clone()).into()),
        ("depends_on", depends_on),
    ];
    let mut text = format!("{}\n", paint(STRONG, format!("# {title}")));
    for (name, value) in fields {
        text += &format!("{name:10} = {}\n", layout(&Value::Json(value), 0, 13, Sign::None));
    }
    text
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Creating => "creating: the object may exist, which the next apply settles",
        Phase::Created => "created: the next apply goes on from here",
        Phase::Ready => "ready",
    }
}
