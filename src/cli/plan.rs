//! `occ plan`: what sync would do, and why. Changes nothing.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::args::PlanArgs;
use crate::cli::job::{Asked, Job};
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::execute::report::Report;
use crate::observe::registries::Registries;
use crate::plan::reconcile::Policy;
use crate::plan::step::Plan;
use crate::render;
use crate::render::document::Images;
use crate::state::consent::Reach;
use crate::state::observed::Observed;
use crate::words::diagnostic::Diagnostic;
use crate::words::event::{Event, ProgressReporter};
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &PlanArgs) -> Result<Done, Stop> {
    if args.refresh && args.offline.offline {
        let what = "`--refresh` asks the registries, and `--offline` asks none";
        return Err(Stop::usage(Diagnostic::error(what)));
    }
    let strategy = args.strategy.map(Into::into);
    let policy = Policy { strategy, offline: args.offline.offline, ..Policy::default() };
    let asked = Asked {
        ids: &args.ids,
        policy,
        consent: &args.consent,
        using: &args.using,
        reach: Reach::Look,
        reread: args.reading.no_cache_inputs,
    };
    let (plan, _) = make(settings, &asked, args.refresh)?;
    let exit = match (args.detailed_exitcode, plan.is_unchanged()) {
        (true, false) => ExitStatus::Pending,
        _ => ExitStatus::Success,
    };
    Ok(shown(settings, &plan, exit))
}

/// Makes a plan without carrying it out. Registries are asked for nothing but the bases of
/// builds that want the newest, unless the plan is to tell what moved.
pub(super) fn make(
    settings: &Settings,
    asked: &Asked<'_>,
    refresh: bool,
) -> Result<(Plan, Observed), Stop> {
    let job = Job::new(settings, asked)?;
    let client = job.connect(settings)?;
    let credentials = settings.environment.credentials();
    let heard = Heard::default();
    let progress = heard.listen();
    let registries = Registries::new(&credentials, &progress);
    let work = async {
        let (mut plan, observed, _) = job.plan(&client, Some(&registries)).await?;
        if refresh {
            for (id, told) in job.moved(&client, &registries, &observed, true).await? {
                if let Some(image) = plan.images.iter_mut().find(|image| image.id == id) {
                    image.warnings.push(told);
                }
            }
        }
        Ok((plan, observed))
    };
    let planned = block_on(settings, work, || {});
    show(&heard.take(), "", settings);
    planned?.map_err(cut_short)?
}

/// The warnings of work that is not shown while it goes on: about credentials, above all.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<Diagnostic>>>);

impl Heard {
    /// Whom to tell them.
    pub(super) fn listen(&self) -> ProgressReporter {
        let Self(heard) = self.clone();
        ProgressReporter::new(move |event| {
            if let Event::Warning { message, .. } = event {
                let warning = Diagnostic::warning(message);
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
            }
        })
    }

    /// All that came so far.
    pub(super) fn take(&self) -> Vec<Diagnostic> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The plan as a command's result.
pub(super) fn shown(settings: &Settings, plan: &Plan, exit: ExitStatus) -> Done {
    remember_warnings(settings, plan);
    let images = Images::Reported(Report::planned(plan).images);
    Done::about(exit, render::plan::plan(plan, settings.out), images)
}

/// The plan's text has its warnings; the document gets them, too.
pub(super) fn remember_warnings(settings: &Settings, plan: &Plan) {
    for image in &plan.images {
        for warning in &image.warnings {
            settings.told.warning(Some(&image.id), warning);
        }
    }
}
