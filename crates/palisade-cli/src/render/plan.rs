//! The plan, in the style and with the symbols that Terraform's users know.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::Style;
use palisade_core::{Address, Json, Reference, Value, joined_with_and};
use palisade_engine::{
    Action, Blocked, ConsentStatus, Drift, FieldChange, Loss, OutputChange, Plan, ReplaceOrder, Step,
};

use super::{
    style::{ADDED, CHANGED, FAINT, REMOVED, STRONG, paint},
    value::{Sign, change, hidden, inline, layout, spaces},
};

#[cfg(test)]
mod tests;

/// The column of the sign of a field.
const MARGIN: usize = 6;

/// The whole plan: what others changed, what will be done and why, the outputs, and the count.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = drift(&plan.drift) + &notes(plan.steps.iter().filter(|step| step.is_idle()));
    if !plan.has_changes() {
        text += &paint(STRONG, "No changes. Your infrastructure matches the program.");
        text.push('\n');
        return text;
    }
    let steps: Vec<_> = plan.steps.iter().filter(|step| !step.is_idle()).collect();
    if !steps.is_empty() {
        text += &legend(&steps);
        for step in steps {
            text += &self::step(step);
            text.push('\n');
        }
    }
    text += &outputs(&plan.outputs);
    let (add, change, destroy) = plan.counts();
    text += &format!("{} {add} to add, {change} to change, {destroy} to destroy.\n", paint(STRONG, "Plan:"));
    text + &needed_consent(plan)
}

/// The resources whose data is lost only with consent, so that nobody has to look for them in a long plan.
fn needed_consent(plan: &Plan) -> String {
    let needed = plan.losses().filter(|(_, loss)| loss.consent == ConsentStatus::Needed);
    let addresses: Vec<_> = needed.map(|(address, _)| address.to_string()).collect();
    if addresses.is_empty() {
        return String::new();
    }
    format!("{} {}\n", paint(REMOVED, "Data loss that needs your consent:"), addresses.join(", "))
}

/// What was changed by others. It explains steps that the program alone does not.
fn drift(drift: &[Drift]) -> String {
    if drift.is_empty() {
        return String::new();
    }
    let mut text = paint(STRONG, "Note: changed outside of this program since the last apply:") + "\n\n";
    let mut by_address: BTreeMap<&Address, Vec<&Drift>> = BTreeMap::new();
    for change in drift {
        by_address.entry(&change.address).or_default().push(change);
    }
    for (address, changes) in by_address {
        if changes.iter().any(|change| change.field.is_none()) {
            text += &format!(
                "  # {} is gone\n  {}{} {:?}\n\n",
                paint(STRONG, address),
                Sign::Removed.text(),
                address.kind(),
                address.name()
            );
            continue;
        }
        let fields: Vec<_> = changes
            .iter()
            .filter_map(|change| {
                let field = change.field.clone()?;
                let after = Some(Value::Json(change.after.clone()));
                Some(FieldChange { field, before: Some(change.before.clone()), after, forces_replacement: false })
            })
            .collect();
        text += &format!("  # {} has changed\n", paint(STRONG, address));
        text += &block(Action::Update, address, &fields, None);
        text.push('\n');
    }
    text
}

/// What there is to know of resources that stay as they are.
fn notes<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let lines = steps.flat_map(|step| step.notes.iter().map(|note| format!("Note: {}: {note}\n", step.address)));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { lines + "\n" }
}

/// What the symbols mean, as far as the plan uses them.
fn legend(steps: &[&Step]) -> String {
    let is_idle = |step: &&Step| step.action == Action::Nothing && step.deposed.is_empty();
    if steps.iter().all(is_idle) {
        return "Palisade will record new names of resources, and leave the objects as they are:\n\n".to_owned();
    }
    let mut text = "Palisade will perform these actions; the symbols say what is done to each object:\n".to_owned();
    let meanings = [
        (Action::Create, "create"),
        (Action::Update, "update in place"),
        (Action::Replace(ReplaceOrder::CreateFirst), "replace: create the successor, then destroy"),
        (Action::Replace(ReplaceOrder::DeleteFirst), "replace: destroy, then create the successor"),
        (Action::Delete, "destroy"),
    ];
    for (action, meaning) in meanings {
        let deposed = action == Action::Delete && steps.iter().any(|step| !step.deposed.is_empty());
        if deposed || steps.iter().any(|step| step.action == action) {
            text += &format!("{} {meaning}\n", symbol(action));
        }
    }
    text.push('\n');
    text
}

/// The symbol in three columns, with color.
fn symbol(action: Action) -> String {
    let style = match action {
        Action::Create => ADDED,
        Action::Update => CHANGED,
        Action::Replace(_) | Action::Delete => REMOVED,
        Action::Nothing => Style::new(),
    };
    paint(style, format!("{:>3}", action.symbol()))
}

/// One step, with why it is done and what is lost by it.
fn step(step: &Step) -> String {
    if let Some(blocked) = &step.blocked {
        return self::blocked(step, blocked);
    }
    let verdict = match step.action {
        Action::Create => "will be created",
        Action::Update => "will be updated in place",
        Action::Replace(_) => "must be replaced",
        Action::Delete => "will be destroyed",
        Action::Nothing => "stays as it is",
    };
    let mut text = format!("  # {} {verdict}\n", paint(STRONG, &step.address));
    let mut comment = |line: String| text += &format!("  # {line}\n");
    if let Some(earlier) = &step.moved_from {
        comment(format!("It was {earlier} in the program before."));
    }
    if let Some(reason) = &step.reason {
        comment(format!("({reason})"));
    }
    for note in &step.notes {
        comment(format!("Note: {note}"));
    }
    if let Some(loss) = &step.loss {
        comment(fate(loss));
    }
    for id in &step.deposed {
        comment(if id.is_empty() {
            "An object that an interrupted creation may have left is destroyed, if there is one.".to_owned()
        } else {
            format!("The other object {id}, which an interrupted replacement left, is destroyed.")
        });
    }
    if step.action != Action::Nothing {
        let hidden = hidden(step.unchanged, "field", MARGIN);
        text += &block(step.action, &step.address, &with_id(step), hidden.as_deref());
    }
    text
}

/// A step that is not taken: why, what would be made of the object, and the ways out.
fn blocked(step: &Step, blocked: &Blocked) -> String {
    let mut text = format!("  # {} is blocked, and stays as it is\n", paint(STRONG, &step.address));
    match blocked {
        Blocked::ByDrift => {
            text += "  # Others have changed it, or what it depends on, since the last apply. What the program says takes a new object, and the \
                     data of this one would be lost.\n";
            for way in ways_out(step) {
                text += &format!("  # - {way}\n");
            }
        }
        Blocked::With(other) => text += &format!("  # ({other}, to which it belongs, is blocked)\n"),
    }
    if step.changes.is_empty() {
        return text;
    }
    text + &block(Action::Nothing, &step.address, &with_id(step), None)
}

/// What can be done about a step that is blocked, as others have changed the account: one sentence for each way.
pub(crate) fn ways_out(step: &Step) -> Vec<String> {
    let reasons: Vec<_> = step.changes.iter().filter(|change| change.forces_replacement).collect();
    let known = reasons.iter().filter(|change| change.after.as_ref().is_some_and(|after| after.as_json().is_some()));
    let values = known.map(|change| {
        let value = change.before.clone().unwrap_or_default();
        format!("`{}` = {}", change.field, inline(&Value::Json(value)))
    });
    let values: Vec<_> = values.collect();
    let unknown = reasons.iter().filter_map(|change| change.after.as_ref()).flat_map(Value::references);
    let others: BTreeSet<_> = unknown.map(|reference| reference.address.to_string()).collect();
    let mut ways = Vec::new();
    if !values.is_empty() {
        ways.push(format!("to keep it, let the program say what it is now: {}", values.join(", ")));
    }
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().collect();
        ways.push(format!(
            "to keep it, bring back by hand what others have changed about {}",
            joined_with_and(&others)
        ));
    }
    ways.push(format!("to have a new object all the same, add `--replace {}`", step.address));
    ways
}

/// What becomes of the data of an object, as a sentence.
fn fate(Loss { fate, consent }: &Loss) -> String {
    let (first, rest) = fate.split_at(fate.chars().next().map_or(0, char::len_utf8));
    let sentence = first.to_uppercase() + rest + ".";
    match consent {
        ConsentStatus::NotNeeded => sentence,
        ConsentStatus::Needed => paint(REMOVED, sentence),
        ConsentStatus::Recorded => paint(REMOVED, sentence) + " An earlier run has recorded consent.",
    }
}

/// The changed fields of a step, and before them the id where it tells which object is meant.
fn with_id(step: &Step) -> Vec<FieldChange> {
    let id = step.id.as_ref().map(|id| {
        let kept = Value::Json(id.as_str().into());
        let successor = Value::Reference(Reference { address: step.address.clone(), attribute: "id".to_owned() });
        let after = match step.action {
            Action::Replace(_) => Some(successor),
            Action::Delete => None,
            Action::Create | Action::Update | Action::Nothing => Some(kept),
        };
        FieldChange { field: "id".to_owned(), before: Some(id.as_str().into()), after, forces_replacement: false }
    });
    id.into_iter().chain(step.changes.iter().cloned()).collect()
}

/// The object with its fields, between braces.
fn block(action: Action, address: &Address, fields: &[FieldChange], hidden: Option<&str>) -> String {
    let mut text = format!("{} {} {:?} {{\n", symbol(action), address.kind(), address.name());
    let width = fields.iter().map(|field| field.field.chars().count()).max().unwrap_or(0);
    let why = if action == Action::Nothing { "takes a new object" } else { "forces replacement" };
    for field in fields {
        text += &self::field(field, width, why);
        text.push('\n');
    }
    text.extend(hidden.map(|line| format!("{line}\n")));
    text += "    }\n";
    text
}

fn field(field: &FieldChange, width: usize, why: &str) -> String {
    let (sign, mut text) = value_change(field.before.as_ref(), field.after.as_ref(), MARGIN, MARGIN + width + 5);
    if field.forces_replacement && field.before.is_some() {
        text += &format!(" {}", paint(REMOVED, format!("# {why}")));
    }
    let sign = if sign == Sign::None { "  ".to_owned() } else { sign.text() };
    format!("{}{sign}{:width$} = {text}", spaces(MARGIN), field.field)
}

/// The change of a value whose name ends in column `column`, with the sign that stands before the name.
fn value_change(before: Option<&Json>, after: Option<&Value>, margin: usize, column: usize) -> (Sign, String) {
    let before = before.filter(|json| !json.is_null()).map(|json| Value::Json(json.clone()));
    match (before, after.filter(|value| value.as_json() != Some(&Json::Null))) {
        (None, None) => (Sign::None, "null".to_owned()),
        (None, Some(after)) => (Sign::Added, layout(after, margin, column, Sign::Added)),
        (Some(before), None) => {
            (Sign::Removed, layout(&before, margin, column, Sign::Removed) + &paint(FAINT, " -> null"))
        }
        (Some(before), Some(after)) if before == *after => (Sign::None, inline(after)),
        (Some(before), Some(after)) => (Sign::Changed, change(&before, after, margin, column)),
    }
}

/// What becomes of the outputs, where something does.
fn outputs(outputs: &[OutputChange]) -> String {
    let changes: Vec<_> = outputs.iter().filter(|output| output.is_change()).collect();
    if changes.is_empty() {
        return String::new();
    }
    let mut text = paint(STRONG, "Changes to outputs:") + "\n";
    let width = changes.iter().map(|output| output.name.chars().count()).max().unwrap_or(0);
    for output in changes {
        let (sign, value) = value_change(output.before.as_ref(), output.after.as_ref(), 2, width + 7);
        text += &format!("  {}{:width$} = {value}\n", sign.text(), output.name);
    }
    text.push('\n');
    text
}
