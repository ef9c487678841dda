//! Plans in files: `plan --out` writes them, `show` shows them, and `apply FILE` does what they say.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
    time::Duration,
};

use palisade_core::{Address, Graph};
use palisade_engine::{Plan, PlanFormatError, Remaining, SavedPlan, SavedPlanError, State};

use super::{
    Context,
    apply::{Words, execute},
    approval::Request,
    plan::json,
    session::Session,
};
use crate::{
    args::{ApplyArgs, ShowArgs},
    error::CommandError,
    exit_code,
    render::{
        self, progress,
        style::{STRONG, paint},
    },
};

/// Does what the plan in `file` says. It was read when it was made, so nothing is asked, unless it is that of a destroy.
pub(super) fn apply(
    context: &mut Context<'_>,
    file: &Path,
    args: &ApplyArgs,
    allowed: &[Address],
) -> Result<u8, CommandError> {
    let saved = read(file)?;
    let is_destroy = saved.origin.is_destroy;
    let graph = if is_destroy { Graph::empty(context.stack.name()) } else { context.graph()? };
    let words = Words { is_destroy, command: format!("apply {}", file.display()), replace: String::new() };
    let auto_approve = args.auto_approve;
    let request = Request { words: &words, auto_approve, saved: Some(&saved.plan), allowed, replace: &[] };
    execute(context, args, &graph, &words, |context, session, state| {
        let plan = rest(context, session, &graph, state, &saved, file)?;
        let consent = request.approve(context, session, state, &plan)?;
        Ok((plan, consent))
    })
}

/// Shows the plan in a file, with the risks that this program accepts. It needs neither the cloud nor the state.
pub(super) fn show(context: &mut Context<'_>, args: &ShowArgs) -> Result<u8, CommandError> {
    let mut saved = read(&args.file)?;
    if saved.plan.stack == context.stack.name() && !saved.origin.is_destroy {
        saved.plan.accepted_risks = context.stack.accepted_risks().iter().map(Into::into).collect();
    }
    if args.json {
        context.terminal.line(&json(&saved.plan));
        return Ok(exit_code::DONE);
    }
    let SavedPlan { origin, plan, .. } = &saved;
    let kind = if origin.is_destroy { "destroy" } else { "apply" };
    let age = progress::duration(Duration::from_secs(context.now.saturating_sub(origin.made_at)));
    context.terminal.line(&format!(
        "Plan to {kind} the stack `{}` on the account `{}`, made {age} ago\n",
        plan.stack, origin.account
    ));
    let risks = render::risks::risks(&plan.accepted_risks);
    context.terminal.print(&(risks + &render::plan::plan(plan)));
    Ok(exit_code::DONE)
}

/// Finds out what is left to do of the plan, and shows it.
fn rest(
    context: &mut Context<'_>,
    session: &Session,
    graph: &Graph,
    state: &State,
    saved: &SavedPlan,
    file: &Path,
) -> Result<Plan, CommandError> {
    let file = file.display();
    let Remaining { plan, done, left_alone } =
        session.rest(saved, graph, state)?.map_err(|error| refused(error, saved, &file.to_string()))?;
    let mut text = if plan.has_changes() {
        render::plan::plan(&plan)
    } else if saved.plan.has_changes() {
        paint(STRONG, format!("Nothing is left to do: all that the plan in {file} changes is done.")) + "\n"
    } else {
        paint(STRONG, format!("The plan in {file} has no changes.")) + "\n"
    };
    if plan.has_changes() && !done.is_empty() {
        text += &format!("Done already: {}.\n", list(&done));
    }
    if !left_alone.is_empty() {
        text += &format!(
            "Left alone, as the plan does not change them: {}. `plan` shows how they differ.\n",
            list(&left_alone)
        );
    }
    let risks = render::risks::risks(&plan.accepted_risks);
    context.terminal.print(&format!("\n{risks}{text}\n"));
    Ok(plan)
}

fn list(addresses: &[Address]) -> String {
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a plan that could be read is not carried out.
fn refused(error: SavedPlanError, saved: &SavedPlan, file: &str) -> CommandError {
    let destroy = if saved.origin.is_destroy { " --destroy" } else { "" };
    let anew = format!("plan{destroy} --out {file}");
    let message = format!("{file}: {error}");
    match error {
        SavedPlanError::Plan(error) => error.into(),
        SavedPlanError::Stale(items) => {
            let items: String = items.iter().map(|item| format!("\n  {item}")).collect();
            CommandError::new(
                message + &items,
                format!("nothing was changed; plan anew, and read what it says: `{anew}`"),
            )
        }
        SavedPlanError::OtherStack { .. } => {
            CommandError::new(message, format!("apply it with the program that made it, or plan anew: `{anew}`"))
        }
        SavedPlanError::OtherRegion { ref found, .. } => {
            CommandError::new(message, format!("apply it with `--region {found}`, or plan anew: `{anew}`"))
        }
        SavedPlanError::OtherAccount { found, .. } => CommandError::new(
            message,
            format!("choose `{found}`, with its credentials, `--region` or `--emulated`, or plan anew: `{anew}`"),
        ),
        SavedPlanError::OtherLineage { .. } => CommandError::new(
            message,
            format!("name the folder of the state that it was made of with `--state-dir`, or plan anew: `{anew}`"),
        ),
    }
}

/// Reads a plan that `plan --out` wrote.
fn read(file: &Path) -> Result<SavedPlan, CommandError> {
    let bytes = fs::read(file).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => format!("write it first: `plan --out {}`", file.display()),
            io::ErrorKind::IsADirectory => "name the file in it that `plan --out` wrote".to_owned(),
            _ => "see that you may read it".to_owned(),
        };
        CommandError::new(format!("cannot read the plan {}: {error}", file.display()), help)
    })?;
    SavedPlan::decode(&bytes).map_err(|error| {
        let help = match error {
            PlanFormatError::Newer { .. } => {
                "update Palisade, with `cargo update -p palisade`, to the version that wrote the file".to_owned()
            }
            PlanFormatError::NotAPlan => "name a file that `plan --out FILE` of this program wrote".to_owned(),
            PlanFormatError::Empty | PlanFormatError::Corrupt(_) => {
                format!("plan anew, and read what it says: `plan --out {}`", file.display())
            }
        };
        CommandError::new(format!("{} {error}", file.display()), help)
    })
}

/// Writes the plan, for its owner's eyes only: a plan says much about an account. A reader finds either what was there
/// before, or all of it.
pub(super) fn write(file: &Path, saved: &SavedPlan) -> Result<(), CommandError> {
    check_place(file)?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = Path::new(&name);
    let written = private()
        .open(temporary)
        .and_then(|mut to| {
            to.write_all(saved.encode().as_bytes())?;
            to.sync_all()
        })
        .and_then(|()| fs::rename(temporary, file));
    written.map_err(|error| {
        // The first error is the one to tell; there may be no file to remove.
        let _ = fs::remove_file(temporary);
        let help = match error.kind() {
            io::ErrorKind::NotFound => "make its folder first, or name another file with --out",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on the disk, or name a file on another one with --out"
            }
            _ => "name a file in a folder that you may write to with --out",
        };
        CommandError::new(format!("cannot write the plan to {}: {error}", file.display()), help)
    })
}

/// An error if something else than a plan would be lost.
fn check_place(file: &Path) -> Result<(), CommandError> {
    let is_free = match fs::metadata(file) {
        Err(_) => true,
        Ok(there) => there.is_file() && is_plan_or_empty(file),
    };
    if is_free {
        return Ok(());
    }
    let message = format!("{} exists, and is not a saved plan", file.display());
    Err(CommandError::new(message, "name another file with --out, or move this one away"))
}

fn is_plan_or_empty(file: &Path) -> bool {
    fs::read(file).is_ok_and(|bytes| SavedPlan::decode(&bytes) != Err(PlanFormatError::NotAPlan))
}

/// Options for a new file that only its owner may read and write.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
