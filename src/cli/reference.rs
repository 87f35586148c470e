//! `occ ref`: the reference of an image for scripts. Changes nothing, asks no registry.

use crate::cli::args::{ConsentArgs, ReadingArgs, RefArgs, UsingLockArgs};
use crate::cli::job::{Asked, Job};
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::execute::report::Report;
use crate::plan::reconcile::Policy;
use crate::plan::step::{Cause, ImagePlan};
use crate::render::document::Images;
use crate::render::sections::{References, Sections};
use crate::state::consent::Reach;
use crate::state::exact::Exact;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &RefArgs) -> Result<Done, Stop> {
    let ids = std::slice::from_ref(&args.id);
    let (mut found, images) = held(settings, ids, &args.using, &args.reading, &args.consent)?;
    let Some((_, exact)) = found.pop() else {
        return Err(Stop::usage(Diagnostic::error("there is no image")));
    };
    let text = match (args.tag, args.digest, args.image_id) {
        (true, ..) => exact.name.to_string(),
        (_, _, true) => exact.id.to_string(),
        (_, true, _) => exact.digest.as_ref().map(ToString::to_string).ok_or_else(|| {
            let what = format!("`{}` has no digest: it was not pulled", args.id);
            let hint = format!("`occ ref --id {}` is as exact, on this engine", args.id);
            Stop::input(ExitStatus::Failed, Diagnostic::error(what).code(Code::Usage).hint(hint))
        })?,
        _ => exact.best(),
    };
    let references = References {
        reference: text.clone(),
        tag: exact.name.to_string(),
        digest: exact.digest.as_ref().map(ToString::to_string),
        image_id: exact.id,
    };
    let sections = Sections { reference: Some(references), ..Sections::default() };
    Ok(Done::about(ExitStatus::Success, text + "\n", images).with(sections))
}

/// What the engine holds of each of these images, by its id. One that is not what the
/// manifest and the lock want is an error, but for a build that stands in: that is what
/// there is to use.
pub(super) fn held(
    settings: &Settings,
    ids: &[String],
    using: &UsingLockArgs,
    reading: &ReadingArgs,
    consent: &ConsentArgs,
) -> Result<(Vec<(String, Exact)>, Images), Stop> {
    let asked = Asked {
        ids,
        policy: Policy::default(),
        consent,
        using,
        reach: Reach::Look,
        reread: reading.no_cache_inputs,
    };
    let job = Job::new(settings, &asked)?;
    let client = job.connect(settings)?;
    let looked = block_on(settings, job.plan(&client, None), || {})?;
    let (mut plan, observed, _) = looked.map_err(cut_short)??;
    plan.images.retain(|image| ids.is_empty() || ids.contains(&image.id));
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for image in &plan.images {
        let local = observed.images.get(&image.id).and_then(|seen| seen.local.as_ref());
        match (local, unusable(image)) {
            (Some(facts), None) => {
                let wanted = image.wanted.as_ref().map(|(digest, _)| digest);
                if matches!(image.cause, Cause::StandIn { .. }) {
                    let what = format!("`{}` is a {}", image.id, image.cause);
                    show(&[Diagnostic::warning(what)], "", settings);
                }
                let wanted = wanted.filter(|digest| facts.is(digest));
                found.push((image.id.clone(), Exact::of(&image.name, facts, wanted)));
            }
            (_, why) => {
                let why = why.unwrap_or_else(|| image.cause.to_string());
                let what = format!("the engine does not hold `{}` as it should: {why}", image.id);
                let hint = format!("`occ sync {}` gets it", image.id);
                errors.push(Diagnostic::error(what).code(Code::NotInSync).hint(hint));
            }
        }
    }
    if errors.is_empty() {
        return Ok((found, Images::Reported(Report::planned(&plan).images)));
    }
    Err(Stop::Input { exit: ExitStatus::Failed, diagnostics: errors, text: String::new() })
}

/// Why what is behind an image's name is not to be used.
fn unusable(image: &ImagePlan) -> Option<String> {
    match &image.cause {
        Cause::StandIn { .. } | Cause::TagsMissing => None,
        _ if image.is_in_sync() => None,
        cause => Some(cause.to_string()),
    }
}
