//! `plan`: what an apply would do.

use std::path::Path;

use palisade_core::Graph;
use palisade_engine::{Origin, Plan, SavedPlan};
use serde::Serialize;

use super::{Context, approval, saved, session::Session};
use crate::{args::PlanArgs, calls::Forecast, error::CommandError, exit_code, render};

/// Prints the plan, and saves it where that is asked for. Nothing is locked and nothing else is written, so it works where
/// only reading is allowed.
pub(super) fn plan(context: &mut Context<'_>, args: &PlanArgs) -> Result<u8, CommandError> {
    let graph = if args.destroy { Graph::empty(context.stack.name()) } else { context.graph()? };
    let session = Session::open(context)??;
    if args.json {
        context.terminal.note(&session.first_line());
    } else {
        context.terminal.line(&session.first_line());
    }
    let loaded = session.load(&*session.store(context)?)?;
    let lineage = loaded.as_ref().map(|state| state.lineage.clone());
    let state = session.state(context, loaded)?;
    let plan = session.plan(&graph, &state, &args.replace)?;
    // It is shown, but not kept.
    let refusal = if args.destroy { Ok(()) } else { approval::check_keeps_something(&plan) };
    let out = args.out.as_deref().filter(|_| refusal.is_ok());
    if let Some(out) = out {
        let account = state.account.clone().unwrap_or_default();
        let region = session.region();
        let origin = Origin { lineage, account, region, made_at: context.now, is_destroy: args.destroy };
        saved::write(out, &SavedPlan::new(plan.clone(), &graph, origin))?;
    }
    let forecast = args.calls.then(|| Forecast::new(context.cloud, &state, &plan));
    if args.json {
        context.terminal.line(&pretty(&Document { plan: &plan, calls: forecast.as_ref() }));
    } else {
        let risks = render::risks::risks(&plan.accepted_risks);
        context.terminal.print(&format!("\n{risks}{}", render::plan::plan(&plan)));
        if let Some(forecast) = &forecast {
            context.terminal.print(&format!("\n{}", render::calls::calls(forecast)));
        }
    }
    refusal?;
    if let Some(out) = out.map(Path::display) {
        let flags = if args.destroy { String::new() } else { approval::flags(&plan) };
        // It is no part of the plan, which may go to a program.
        context.terminal.note(&format!("\nSaved in {out}. To do exactly this: apply {out}{flags}"));
    }
    Ok(if args.detailed_exitcode && plan.has_changes() { exit_code::CHANGES } else { exit_code::DONE })
}

/// A plan with what belongs to it only now.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<&'a Forecast>,
}

/// The plan as one JSON document.
pub(super) fn json(plan: &Plan) -> String {
    pretty(plan)
}

fn pretty(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("a plan has text keys only, so there is JSON for it")
}
