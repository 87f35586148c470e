//! `occ status`: is the engine in sync? Changes nothing, asks no registry.

use crate::cli::args::StatusArgs;
use crate::cli::job::{Asked, Job};
use crate::cli::plan::remember_warnings;
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::execute::report::Report;
use crate::observe::superseded::superseded;
use crate::plan::reconcile::Policy;
use crate::plan::step::ImagePlan;
use crate::render;
use crate::render::document::Images;
use crate::render::sections::Sections;
use crate::state::consent::Reach;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &StatusArgs) -> Result<Done, Stop> {
    let asked = Asked {
        ids: &args.ids,
        policy: Policy::default(),
        consent: &args.consent,
        using: &args.using,
        reach: Reach::Look,
        reread: args.reading.no_cache_inputs,
    };
    let job = Job::new(settings, &asked)?;
    let client = job.connect(settings)?;
    let look = async {
        let (plan, observed, _) = job.plan(&client, None).await?;
        let superseded = superseded(&client, job.desired()).await.map_err(Stop::Engine)?;
        Ok((plan, observed, superseded))
    };
    let (plan, observed, superseded) = block_on(settings, look, || {})?.map_err(cut_short)??;
    let images = Images::Reported(Report::planned(&plan).images);
    let in_sync = plan.images.iter().all(ImagePlan::is_in_sync);
    let exit = match (args.check, in_sync) {
        (true, false) => ExitStatus::Pending,
        _ => ExitStatus::Success,
    };
    let text = render::status::status(&plan, &observed, settings.out)
        + &render::status::superseded(&superseded, &docker(settings), settings.out);
    remember_warnings(settings, &plan);
    let sections = Sections { superseded: Some(superseded), ..Sections::default() };
    Ok(Done::about(exit, text, images).with(sections))
}

/// The Docker CLI, with what it needs to find the same engine.
fn docker(settings: &Settings) -> String {
    match (&settings.endpoint.host, &settings.endpoint.context) {
        (Some((host, _)), _) => format!("docker -H {host}"),
        (None, Some(context)) => format!("docker -c {context}"),
        (None, None) => "docker".to_owned(),
    }
}
