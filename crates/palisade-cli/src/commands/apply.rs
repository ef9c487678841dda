//! `apply` and `destroy`: a plan is shown, approved and carried out.

use palisade_core::{Address, Graph, joined_with_and};
use palisade_engine::{ApplyOptions, Blocked, Consent, Event, Lock, Plan, Report, State, StateError, Store};

use super::{Context, approval::Request, session::Session};
use crate::{
    args::ApplyArgs,
    error::CommandError,
    exit_code,
    render::{
        self, progress,
        style::{ADDED, ERROR, HELP, STRONG, paint},
    },
    signals::Interrupted,
};

/// What the commands say differently.
pub(super) struct Words {
    pub(super) is_destroy: bool,
    /// What a user types for it.
    pub(super) command: String,
    /// What else, the first time: the flags for replacements, each after a space.
    pub(super) replace: String,
}

impl Words {
    fn name(&self) -> &'static str {
        if self.is_destroy { "Destroy" } else { "Apply" }
    }

    pub(super) fn cancelled(&self) -> String {
        format!("{} cancelled. Nothing was changed.", self.name())
    }
}

/// Brings the cloud to what the program declares.
pub(super) fn apply(
    context: &mut Context<'_>,
    args: &ApplyArgs,
    allowed: &[Address],
    replace: &[Address],
) -> Result<u8, CommandError> {
    let graph = context.graph()?;
    let flags = replace.iter().map(|address| format!(" --replace {address}")).collect();
    let words = Words { is_destroy: false, command: "apply".to_owned(), replace: flags };
    let request = Request { words: &words, auto_approve: args.auto_approve, saved: None, allowed, replace };
    execute(context, args, &graph, &words, |context, session, state| fresh(context, session, &graph, state, &request))
}

/// Deletes all objects of the stack.
pub(super) fn destroy(context: &mut Context<'_>, args: &ApplyArgs) -> Result<u8, CommandError> {
    let graph = Graph::empty(context.stack.name());
    let words = Words { is_destroy: true, command: "destroy".to_owned(), replace: String::new() };
    let request = Request { words: &words, auto_approve: args.auto_approve, saved: None, allowed: &[], replace: &[] };
    execute(context, args, &graph, &words, |context, session, state| fresh(context, session, &graph, state, &request))
}

/// Carries out the plan that `choose` makes of the state, and that it has shown, with the consent that was given.
pub(super) fn execute(
    context: &mut Context<'_>,
    args: &ApplyArgs,
    graph: &Graph,
    words: &Words,
    choose: impl FnOnce(&mut Context<'_>, &Session, &State) -> Result<(Plan, Consent), CommandError>,
) -> Result<u8, CommandError> {
    // Before all else: nothing else ends a process that is the first of its container.
    context.interrupts.listen().map_err(|error| {
        let message = format!("cannot set up what an interrupt does: {error}");
        CommandError::new(message, "raise the limit of open files")
    })?;
    let open = || {
        let session = Session::open(context)??;
        Ok((session.store(context)?, session))
    };
    let (store, session) = match open() {
        Ok(opened) => opened,
        Err(error) => return cancelled(context, words, error),
    };
    context.terminal.line(&session.first_line());
    // From before the plan to the end: nobody may change the state between what is shown and what is done.
    let mut wait = |holder: &str| {
        context.terminal.note(&format!("Waiting: the stack is locked by {holder}. Is it still there?"));
    };
    let mut lock = match session.lock(&*store, &words.command, context.now, &mut wait) {
        Ok(lock) => lock,
        Err(error) => return cancelled(context, words, error),
    };
    let ended = change(context, args, graph, words, &session, (&*store, &mut lock), choose)
        .or_else(|error| cancelled(context, words, error));
    let left = match session.release(lock) {
        Ok(Ok(())) => {
            if ended.is_ok() {
                session.tidy(&*store);
            }
            return ended;
        }
        // This run does not have it any more, so there is nothing to give back.
        Ok(Err(StateError::LeaseLost { .. } | StateError::Overtaken { .. })) => return ended,
        // What is damaged may be the lease, which then never ends.
        Ok(Err(error @ (StateError::Corrupt { .. } | StateError::Empty { .. }))) => format!(": {error}"),
        Ok(Err(error)) => format!(", and ends by itself: {error}"),
        Err(Interrupted) => ", and ends by itself: there was no answer in time".to_owned(),
    };
    context.terminal.note(&format!("The lock of the stack is not given back{left}"));
    ended
}

/// The end of a command that changed nothing: an error, or the exit code of the interrupt that is the reason.
fn cancelled(context: &mut Context<'_>, words: &Words, error: CommandError) -> Result<u8, CommandError> {
    match (error, context.interrupts.exit_code()) {
        (CommandError::Interrupted, Some(exit_code)) => {
            // The line of a question ends here.
            context.terminal.note(&format!("\n{}", words.cancelled()));
            Ok(exit_code)
        }
        (error, _) => Err(error),
    }
}

/// What [`execute`] does while the stack is locked.
fn change(
    context: &mut Context<'_>,
    args: &ApplyArgs,
    graph: &Graph,
    words: &Words,
    session: &Session,
    (store, lock): (&dyn Store, &mut Lock<'_>),
    choose: impl FnOnce(&mut Context<'_>, &Session, &State) -> Result<(Plan, Consent), CommandError>,
) -> Result<u8, CommandError> {
    let state = session.state(context, session.load(store)?)?;
    let (plan, consent) = choose(context, session, &state)?;
    let ApplyArgs { auto_approve: _, fail_fast, parallelism } = *args;
    let options = ApplyOptions { fail_fast, parallelism, consent, ..ApplyOptions::default() };
    let mut has_begun = false;
    let mut tell = |event| {
        has_begun |= matches!(event, Event::Started { .. });
        if let Some(line) = progress::event(&event) {
            context.terminal.note(&line);
        }
    };
    let applied = session.apply(lock, state, graph, &plan, options, &mut tell);
    let interrupted = context.interrupts.exit_code();
    let report = match applied {
        Ok(applied) => applied.map_err(|error| unsaved(error, words, has_begun))?,
        Err(Interrupted) => {
            context.terminal.note(&unanswered(words));
            return interrupted.ok_or(CommandError::Told);
        }
    };
    if !report.is_complete() {
        tell_rest(context, &report, words);
        return interrupted.filter(|_| report.is_stopped).ok_or(CommandError::Told);
    }
    let took = format!("({}{})", progress::duration(report.took), session.clock());
    context.terminal.line(&summary(&report, words, &took));
    if !report.outputs.is_empty() {
        let heading = paint(STRONG, "Outputs:");
        context.terminal.print(&format!("\n{heading}\n\n{}", progress::outputs(&report.outputs)));
    }
    blocked(&plan)
}

/// An error if the plan leaves something as it is that is not what the program says.
fn blocked(plan: &Plan) -> Result<u8, CommandError> {
    let steps = || plan.steps.iter().filter(|step| step.blocked == Some(Blocked::ByDrift));
    if steps().next().is_none() {
        return Ok(exit_code::DONE);
    }
    let names: Vec<_> = steps().map(|step| step.address.to_string()).collect();
    let are = if names.len() == 1 {
        "is not what the program says, and stays"
    } else {
        "are not what the program says, and stay"
    };
    Err(CommandError::Problem {
        message: format!("{} {are} as others have left it, as data would be lost", joined_with_and(&names)),
        help: steps().flat_map(render::plan::ways_out).collect(),
    })
}

/// Plans now, and asks whether to do so.
fn fresh(
    context: &mut Context<'_>,
    session: &Session,
    graph: &Graph,
    state: &State,
    request: &Request<'_>,
) -> Result<(Plan, Consent), CommandError> {
    let plan = session.plan(graph, state, request.replace)?;
    let risks = render::risks::risks(&plan.accepted_risks);
    context.terminal.print(&format!("\n{risks}{}\n", render::plan::plan(&plan)));
    let consent = request.approve(context, session, state, &plan)?;
    Ok((plan, consent))
}

fn summary(report: &Report, words: &Words, took: &str) -> String {
    let Report { added, changed, destroyed, .. } = report;
    let complete = paint(ADDED, format!("{} complete!", words.name()));
    if added + changed + destroyed == 0 {
        format!("{complete} No object was changed. {took}")
    } else if words.is_destroy {
        format!("{complete} Resources: {destroyed} destroyed. {took}")
    } else {
        format!("{complete} Resources: {added} added, {changed} changed, {destroyed} destroyed. {took}")
    }
}

/// The state could not be written while objects were changed, or is no longer the one that the plan is of.
fn unsaved(error: StateError, words: &Words, has_begun: bool) -> CommandError {
    let command = &words.command;
    // Any other error says that the stored state is not the one that this run continued, and has a cure of its own.
    let is_unwritten = matches!(
        error,
        StateError::Io { .. }
            | StateError::Unreachable { .. }
            | StateError::LeaseLost { .. }
            | StateError::Unanswered { .. }
    );
    let is_another = matches!(
        error,
        StateError::Overtaken { .. }
            | StateError::TakenBack { .. }
            | StateError::Replaced { .. }
            | StateError::Restored { .. }
            | StateError::OtherJournal { .. }
            | StateError::Gone { .. }
    );
    let rest = match has_begun {
        true if is_unwritten => Some(format!(
            "nothing is lost as long as the state is still there: run `{command}` again once it can be written, to continue"
        )),
        true if is_another => Some(
            "what this run has created, as told above, may be in no state: delete in the account what `state list` does not show by then"
                .to_owned(),
        ),
        false if is_unwritten => Some(format!("nothing was changed: run `{command}` again")),
        _ => None,
    };
    let error = CommandError::from(error);
    match rest {
        Some(rest) => error.with_help(rest),
        None => error,
    }
}

/// An interrupt came, and the state could not be saved in time after it.
fn unanswered(words: &Words) -> String {
    let (error, help) = (paint(ERROR, "error:"), paint(HELP, "help:"));
    format!(
        "\n{error} the store of the state did not answer in time after the interrupt\n\
         {help} run `{}` again: it finds what was created, and continues",
        words.command
    )
}

/// Tells how far a run came that did not come to its end.
fn tell_rest(context: &mut Context<'_>, report: &Report, words: &Words) {
    context.terminal.note("");
    context.terminal.note(progress::failures(report, context.stack).trim_end());
    if !words.replace.is_empty() {
        let again = format!("add{} only as long as that has not been done", words.replace);
        context.terminal.note(&format!("{} {again}", paint(HELP, "help:")));
    }
    let help = if report.failures.is_empty() {
        format!("run `{}` again: it goes on from here", words.command)
    } else {
        format!("run `{}` again to go on from here, once the cause is removed", words.command)
    };
    context.terminal.note(&format!("{} {help}", paint(HELP, "help:")));
}

#[cfg(test)]
mod tests {
    use std::{io, path::PathBuf};

    use super::*;

    #[test]
    fn what_became_of_the_state_is_said_only_where_it_is_so() {
        let words = Words { is_destroy: false, command: "apply".to_owned(), replace: String::new() };
        let says = |error, has_begun| {
            let text = unsaved(error, &words, has_begun).text();
            (text.contains("nothing is lost"), text.contains("nothing was changed"), text.contains("in no state"))
        };
        let (path, stack, detail) = (|| PathBuf::from("a"), || "test".to_owned(), || "it is so".to_owned());
        for has_begun in [true, false] {
            let unwritten = (has_begun, !has_begun, false);
            let full = StateError::Io { action: "write", path: path(), error: io::ErrorKind::StorageFull.into() };
            assert_eq!(says(full, has_begun), unwritten);
            assert_eq!(says(StateError::LeaseLost { stack: stack(), detail: detail() }, has_begun), unwritten);
            assert_eq!(says(StateError::Unanswered { stack: stack() }, has_begun), unwritten);
            for another in [
                StateError::Overtaken { path: path(), found: 4, expected: 3 },
                StateError::TakenBack { path: path(), found: 3, expected: 4 },
                StateError::Gone { path: path(), expected: 3 },
                StateError::OtherJournal { path: path(), detail: detail() },
                StateError::Replaced { path: path(), detail: "it is so" },
                StateError::Restored { path: path(), copy: path(), found: 3, expected: 4, is_whole: true },
            ] {
                assert_eq!(says(another, has_begun), (false, false, has_begun));
            }
            for other in [
                StateError::Corrupt { path: path(), detail: detail() },
                StateError::Empty { path: path() },
                StateError::Unknown { path: path(), detail: detail() },
                StateError::Newer { path: path(), found: 9, known: 3 },
                StateError::OtherStack { path: path(), found: "a".to_owned(), expected: "b".to_owned() },
            ] {
                assert_eq!(says(other, has_begun), (false, false, false));
            }
        }
    }
}
