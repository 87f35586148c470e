//! `occ plan`: what sync would do, and why. Changes nothing.

use crate::cli::args::PlanArgs;
use crate::cli::job::{Job, block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::execute::report::Report;
use crate::plan::reconcile::Policy;
use crate::plan::step::Plan;
use crate::render;
use crate::state::observed::Observed;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &PlanArgs) -> Result<Done, Stop> {
    let policy = Policy { strategy: args.strategy.map(Into::into), no_cache: false };
    let (job, plan, _) = make(settings, &args.ids, policy)?;
    let exit = match (args.detailed_exitcode, plan.is_unchanged()) {
        (true, false) => ExitStatus::Pending,
        _ => ExitStatus::Success,
    };
    Ok(shown(settings, job, &plan, exit))
}

/// Makes a plan without carrying it out.
pub(super) fn make(
    settings: &Settings,
    ids: &[String],
    policy: Policy,
) -> Result<(Job, Plan, Observed), Stop> {
    let job = Job::new(settings, ids, policy)?;
    let client = job.connect(settings)?;
    let (plan, observed, _) =
        block_on(settings, job.plan(&client), || {})?.map_err(cut_short)??;
    Ok((job, plan, observed))
}

/// The plan as a command's result.
pub(super) fn shown(settings: &Settings, job: Job, plan: &Plan, exit: ExitStatus) -> Done {
    Done {
        report: Report::planned(plan),
        diagnostics: job.warnings,
        ..Done::with_text(exit, render::plan::plan(plan, settings.out))
    }
}
