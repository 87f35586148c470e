//! `occ status`: is the engine in sync? Changes nothing, asks no registry.

use crate::cli::args::StatusArgs;
use crate::cli::plan::{make, remember_warnings};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::execute::report::Report;
use crate::plan::reconcile::Policy;
use crate::plan::step::ImagePlan;
use crate::render;
use crate::render::document::Images;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &StatusArgs) -> Result<Done, Stop> {
    let (plan, observed) = make(settings, &args.ids, Policy::default())?;
    let images = Images::Reported(Report::planned(&plan).images);
    let in_sync = plan.images.iter().all(ImagePlan::is_in_sync);
    let exit = match (args.check, in_sync) {
        (true, false) => ExitStatus::Pending,
        _ => ExitStatus::Success,
    };
    let text = render::status::status(&plan, &observed, settings.out);
    remember_warnings(settings, &plan);
    Ok(Done { exit, text, images })
}
