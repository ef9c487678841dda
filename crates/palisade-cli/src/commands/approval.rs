//! [`Request`]: whether a plan may be carried out, and with which consent to the loss of data.

use palisade_core::{Address, closest};
use palisade_engine::{Consent, ConsentStatus, Loss, Plan, State};

use super::{Context, apply::Words, session::Session};
use crate::{
    error::CommandError,
    render::style::{STRONG, paint},
};

/// What the user has typed so far for a plan that was shown.
pub(super) struct Request<'a> {
    pub(super) words: &'a Words,
    pub(super) auto_approve: bool,
    /// The plan as it was saved and read before, if it was.
    pub(super) saved: Option<&'a Plan>,
    /// The resources of which data may be lost.
    pub(super) allowed: &'a [Address],
    /// The resources whose objects are replaced in any case.
    pub(super) replace: &'a [Address],
}

/// What is to be typed at the question.
struct Question<'a> {
    answer: &'a str,
    /// The text before that word, as in "Type the address".
    what: &'static str,
    losses: Vec<(&'a Address, &'a Loss)>,
}

impl Request<'_> {
    /// Asks whether the plan may be carried out, if that is not said yet. An error if it may not.
    pub(super) fn approve(
        &self,
        context: &mut Context<'_>,
        session: &Session,
        state: &State,
        plan: &Plan,
    ) -> Result<Consent, CommandError> {
        if self.words.is_destroy {
            self.check_no_flags()?;
            if plan.does_anything() && !self.auto_approve {
                let losses = plan.losses().filter(|(_, loss)| loss.consent != ConsentStatus::NotNeeded).collect();
                let question = Question { answer: &plan.stack, what: "Type the name of the stack", losses };
                let help = format!("run `{} --auto-approve` to continue without a question", self.words.command);
                self.ask(context, session, &question, help)?;
            }
            return Ok(Consent::All);
        }
        check_keeps_something(plan)?;
        self.check_flags(state, plan)?;
        let losses: Vec<_> = needed(plan).filter(|(address, _)| !self.allowed.contains(address)).collect();
        let flags = flags(plan);
        if self.auto_approve || self.saved.is_some() {
            if losses.is_empty() {
                return Ok(Consent::Of(self.allowed.iter().cloned().collect()));
            }
            let auto = if self.auto_approve { " --auto-approve" } else { "" };
            return Err(CommandError::new(
                format!("data would be lost, so nothing was changed:{}", list(&losses)),
                format!("if it may be lost, run `{}{}{auto}{flags}`", self.words.command, self.words.replace),
            ));
        }
        if plan.does_anything() {
            let one = losses.first().map(|(address, _)| address.to_string()).unwrap_or_default();
            let (answer, what) = match losses.len() {
                0 => ("yes", ""),
                1 => (&*one, "Type the address"),
                _ => (&*plan.stack, "Type the name of the stack"),
            };
            let Words { command, replace, .. } = self.words;
            let help = format!("run `{command}{replace} --auto-approve{flags}` to continue without a question");
            self.ask(context, session, &Question { answer, what, losses: losses.clone() }, help)?;
        }
        Ok(Consent::Of(losses.into_iter().map(|(address, _)| address).chain(self.allowed).cloned().collect()))
    }

    /// Asks the question; an error if the answer is another one. `help` says how to do without it.
    fn ask(
        &self,
        context: &mut Context<'_>,
        session: &Session,
        question: &Question<'_>,
        help: String,
    ) -> Result<(), CommandError> {
        let cancelled = self.words.cancelled();
        if session.wait(context.terminal.written())?.is_err() {
            // Nobody has seen the plan, so nobody can approve it.
            context.terminal.note(&cancelled);
            return Err(CommandError::Told);
        }
        let text = self.text(question);
        let answer = session.wait(context.terminal.ask(&text))?.map_err(|error| {
            CommandError::new(format!("no answer was given: standard input cannot be read: {error}"), help.as_str())
        })?;
        // The line of the question ends here where no answer with a line end was typed.
        match answer.as_deref() {
            Some(answer) if answer == question.answer => {
                context.terminal.note("");
                Ok(())
            }
            Some(_) => {
                context.terminal.note(&format!("\n{cancelled}"));
                Err(CommandError::Told)
            }
            None => {
                context.terminal.note("");
                Err(CommandError::new("no answer was given: standard input is closed", help))
            }
        }
    }

    fn text(&self, Question { answer, what, losses }: &Question<'_>) -> String {
        let lost = if losses.is_empty() { String::new() } else { format!(" Data will be lost:{}", list(losses)) };
        let heading = if self.words.is_destroy {
            "Do you want to delete all objects of the stack?"
        } else {
            "Do you want to perform these actions?"
        };
        let rule = if what.is_empty() {
            format!("Only '{answer}' will be accepted to approve.")
        } else {
            format!("{what}, '{answer}', to approve. Any other answer cancels.")
        };
        format!("{}{lost}\n  {rule}\n\n  Enter a value: ", paint(STRONG, heading))
    }

    /// An error if a flag is for a loss that the plan does not have: it would allow the next one.
    fn check_flags(&self, state: &State, plan: &Plan) -> Result<(), CommandError> {
        // What a saved plan loses may be lost already, as where the same command is typed again. So is what a run has lost that did not
        // complete.
        let plans = || [Some(plan), self.saved].into_iter().flatten();
        let losses = || plans().flat_map(Plan::losses).filter(|(_, loss)| loss.consent != ConsentStatus::NotNeeded);
        let is_needed = |flag: &Address| losses().any(|(address, _)| address == flag) || state.has_spent_consent(flag);
        let Some(flag) = self.allowed.iter().find(|flag| !is_needed(flag)) else { return Ok(()) };
        let open = losses().map(|(address, _)| address).filter(|address| !self.allowed.contains(address));
        let open: Vec<_> = open.map(Address::to_string).collect();
        let help = match closest(&flag.to_string(), open.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `--allow-data-loss {meant}`?"),
            None => "remove the flag: if it stays, it allows a later loss that nobody expects".to_owned(),
        };
        let message = format!("`--allow-data-loss {flag}` is not needed: this plan loses no data of that resource");
        Err(CommandError::new(message, help))
    }

    /// An error if there is a flag for a single loss, where all is deleted.
    fn check_no_flags(&self) -> Result<(), CommandError> {
        if self.allowed.is_empty() {
            return Ok(());
        }
        let help = format!("run `{}`, and type the name of the stack; or add `--auto-approve`", self.words.command);
        Err(CommandError::new("`--allow-data-loss` names single objects, and this plan destroys the whole stack", help))
    }
}

/// An error if a plan, which is not that of a destroy, leaves nothing of a stack.
pub(super) fn check_keeps_something(plan: &Plan) -> Result<(), CommandError> {
    if !plan.deletes_everything {
        return Ok(());
    }
    let message =
        format!("this plan would delete all objects of `{}`, as the program declares no resource", plan.stack);
    let help = "to delete the stack, use `destroy` (`plan --destroy` shows what it does); otherwise, find out why the program declares none";
    Err(CommandError::new(message, help))
}

/// The flags that `apply` needs for the plan, each after a space.
pub(super) fn flags(plan: &Plan) -> String {
    needed(plan).map(|(address, _)| format!(" --allow-data-loss {address}")).collect()
}

/// The losses for which there is no consent yet.
fn needed(plan: &Plan) -> impl Iterator<Item = (&Address, &Loss)> {
    plan.losses().filter(|(_, loss)| loss.consent == ConsentStatus::Needed)
}

/// One line for each loss.
fn list(losses: &[(&Address, &Loss)]) -> String {
    losses.iter().map(|(address, loss)| format!("\n  {address}: {}", loss.fate)).collect()
}
