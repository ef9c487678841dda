//! What an apply tells while it runs and at its end.

use std::{panic::Location, time::Duration};

use palisade_core::{
    JsonMap, Stack, Value,
    provider::{ErrorKind, ProviderError},
};
use palisade_engine::{Event, Failure, Interruption, Report, StepKind};

use super::{
    style::{ERROR, HELP, REMOVED, STRONG, paint},
    value::{Sign, layout},
};

/// The line that tells of an event, for those that are told.
pub(crate) fn event(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started { address, step } => format!("{address}: {}...", doing(*step)),
        Event::CatchingUp { address } => {
            format!("{address}: Waiting a minute until AWS shows what an interrupted run has changed...")
        }
        // The id is told with the end of the creation.
        Event::Created { .. } => return None,
        Event::Finished { address, step, id, took } => {
            let id = if id.is_empty() { String::new() } else { format!(" [id={id}]") };
            format!("{address}: {} complete after {}{id}", deed(*step), duration(*took))
        }
        Event::Searching => "Checking for objects of this stack that its state does not have...".to_owned(),
        Event::Stopping => {
            paint(STRONG, "Interrupted: waiting up to 5 s for calls in flight. Press Ctrl-C again to exit now.")
        }
        Event::Interrupted { address, step } => format!("{address}: {} interrupted", deed(*step)),
        Event::Failed(Failure { address, step, error }) => {
            format!("{address}: {}", paint(REMOVED, format!("{} failed: {}", deed(*step), cause(error))))
        }
        Event::Skipped { address, step, because } => {
            format!("{address}: {} left out, as {because} failed", deed(*step))
        }
    })
}

/// The end of an apply in which not all steps were done: what was done, what failed and why, and what was not tried.
pub(crate) fn failures(report: &Report, stack: &Stack) -> String {
    let mut text = String::new();
    for Failure { address, step, error } in &report.failures {
        let verb = infinitive(*step);
        text += &format!("{} cannot {verb} {address}: {}\n", paint(ERROR, "error:"), cause(error));
        if let Some(node) = stack.node(address) {
            text += &format!("  --> {}\n", place(node.location));
        }
        if *step == StepKind::Create && error.kind == ErrorKind::Service {
            let note = format!("{address} may exist all the same: the next run looks for it before it creates another");
            text += &format!("{} {note}\n", paint(STRONG, "note:"));
        }
        if !error.help.is_empty() {
            text += &format!("{} {}\n", paint(HELP, "help:"), error.help);
        }
        text.push('\n');
    }
    let under_way = report.interrupted.iter().map(|Interruption { address, step, is_answered }| {
        let unanswered = if *is_answered { "" } else { ", without an answer: the next run finds out what came of it" };
        format!("  {address} ({}){unanswered}\n", infinitive(*step))
    });
    let under_way: String = under_way.collect();
    if !under_way.is_empty() {
        text += &format!("Under way:\n{under_way}\n");
    }
    let skipped = report
        .skipped
        .iter()
        .map(|(address, step, because)| format!("  {address} ({}), as {because} failed\n", infinitive(*step)));
    let not_begun = report
        .not_begun
        .iter()
        .map(|(address, step)| format!("  {address} ({}): not started, the run was stopping\n", infinitive(*step)));
    let not_tried: String = skipped.chain(not_begun).collect();
    if !not_tried.is_empty() {
        text += &format!("Not tried:\n{not_tried}\n");
    }
    let Report { added, changed, destroyed, .. } = report;
    text + &format!("Done and recorded: {added} added, {changed} changed, {destroyed} destroyed.\n")
}

/// The outputs, each as `name = value`.
pub(crate) fn outputs(outputs: &JsonMap) -> String {
    let width = outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): (&String, &palisade_core::Json)| {
        format!("{name:width$} = {}\n", layout(&Value::Json(value.clone()), 0, width + 3, Sign::None))
    };
    outputs.iter().map(line).collect()
}

/// A duration as people say it: `3s`, `12m 40s`, `1h 2m 3s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m {seconds}s"),
        _ => format!("{hours}h {minutes}m {seconds}s"),
    }
}

/// The call, the code and the text, as far as there are such.
pub(crate) fn cause(error: &ProviderError) -> String {
    let parts = [error.operation.as_str(), &error.code, &error.message];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// A place in the program, as compilers write it.
pub(crate) fn place(location: &Location<'_>) -> String {
    format!("{}:{}:{}", location.file(), location.line(), location.column())
}

fn doing(step: StepKind) -> &'static str {
    match step {
        StepKind::Create => "Creating",
        StepKind::Update => "Modifying",
        StepKind::Delete => "Destroying",
    }
}

fn deed(step: StepKind) -> &'static str {
    match step {
        StepKind::Create => "Creation",
        StepKind::Update => "Modification",
        StepKind::Delete => "Destruction",
    }
}

fn infinitive(step: StepKind) -> &'static str {
    match step {
        StepKind::Create => "create",
        StepKind::Update => "update",
        StepKind::Delete => "destroy",
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use palisade_core::Address;

    use super::*;
    use crate::render::style::plain;

    fn failure() -> Failure {
        let error = ProviderError {
            kind: ErrorKind::Quota,
            operation: "CreateVpc".to_owned(),
            code: "VpcLimitExceeded".to_owned(),
            message: "the maximum number of VPCs has been reached".to_owned(),
            help: "ask for a higher quota".to_owned(),
        };
        Failure { address: Address::new("Vpc", "main"), step: StepKind::Create, error }
    }

    #[test]
    fn each_event_is_a_line() {
        let (vpc, subnet) = (Address::new("Vpc", "main"), Address::new("Subnet", "a"));
        let took = Duration::from_millis(3900);
        let finished = |step, id: &str| Event::Finished { address: vpc.clone(), step, id: id.to_owned(), took };
        let events = [
            Event::Started { address: vpc.clone(), step: StepKind::Create },
            Event::Created { address: vpc.clone(), id: "vpc-1".to_owned() },
            Event::CatchingUp { address: vpc.clone() },
            finished(StepKind::Create, "vpc-1"),
            finished(StepKind::Update, "vpc-1"),
            finished(StepKind::Delete, ""),
            Event::Searching,
            Event::Stopping,
            Event::Interrupted { address: vpc.clone(), step: StepKind::Delete },
            Event::Failed(failure()),
            Event::Skipped { address: subnet, step: StepKind::Create, because: vpc.clone() },
        ];
        let lines: Vec<_> = events.iter().filter_map(event).collect();
        assert_snapshot!(plain(&lines.join("\n")), @r"
        Vpc.main: Creating...
        Vpc.main: Waiting a minute until AWS shows what an interrupted run has changed...
        Vpc.main: Creation complete after 3s [id=vpc-1]
        Vpc.main: Modification complete after 3s [id=vpc-1]
        Vpc.main: Destruction complete after 3s
        Checking for objects of this stack that its state does not have...
        Interrupted: waiting up to 5 s for calls in flight. Press Ctrl-C again to exit now.
        Vpc.main: Destruction interrupted
        Vpc.main: Creation failed: CreateVpc: VpcLimitExceeded: the maximum number of VPCs has been reached
        Subnet.a: Creation left out, as Vpc.main failed
        ");
    }

    #[test]
    fn a_stopped_run_tells_what_failed_what_was_under_way_and_what_was_not_tried() {
        let address = |name| Address::new("Subnet", name);
        let report = Report {
            added: 2,
            failures: vec![failure()],
            interrupted: vec![
                Interruption { address: address("c"), step: StepKind::Update, is_answered: true },
                Interruption { address: address("d"), step: StepKind::Create, is_answered: false },
            ],
            skipped: vec![(address("a"), StepKind::Create, Address::new("Vpc", "main"))],
            not_begun: vec![(address("b"), StepKind::Delete)],
            ..Report::default()
        };
        assert_snapshot!(plain(&failures(&report, &Stack::new("test"))), @r"
        error: cannot create Vpc.main: CreateVpc: VpcLimitExceeded: the maximum number of VPCs has been reached
        help: ask for a higher quota

        Under way:
          Subnet.c (update)
          Subnet.d (create), without an answer: the next run finds out what came of it

        Not tried:
          Subnet.a (create), as Vpc.main failed
          Subnet.b (destroy): not started, the run was stopping

        Done and recorded: 2 added, 0 changed, 0 destroyed.
        ");
    }

    #[test]
    fn what_may_exist_although_its_creation_failed_is_told() {
        let mut failure = failure();
        failure.error.kind = ErrorKind::Service;
        let told = |failure| {
            let report = Report { failures: vec![failure], ..Report::default() };
            plain(&failures(&report, &Stack::new("test"))).lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_snapshot!(told(failure.clone()), @"note: Vpc.main may exist all the same: the next run looks for it before it creates another");
        failure.step = StepKind::Delete;
        assert_snapshot!(told(failure), @"help: ask for a higher quota");
    }

    #[test]
    fn a_duration_has_the_units_that_it_needs() {
        let texts = [0, 59, 60, 760, 3723].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0s", "59s", "1m 0s", "12m 40s", "1h 2m 3s"]);
    }
}
