//! `occ why`: all that decides about an image, and what sync would do. Changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::args::WhyArgs;
use crate::cli::job::{Asked, Job};
use crate::cli::plan::{Heard, remember_warnings};
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::engine::Engine as _;
use crate::engine::credentials::CredentialStore;
use crate::execute::report::Report;
use crate::observe::registries::Registries;
use crate::observe::signatures::Signatures;
use crate::observe::sources;
use crate::plan::reasons::Login;
use crate::plan::reconcile::Policy;
use crate::plan::why::{self, Known, why};
use crate::render;
use crate::render::document::Images;
use crate::render::sections::Sections;
use crate::state::consent::Reach;
use crate::words::diagnostic::Diagnostic;
use crate::words::event::ProgressReporter;
use crate::words::exit::ExitStatus;
use crate::words::image::IndexRoom;

pub(super) fn run(settings: &Settings, args: &WhyArgs) -> Result<Done, Stop> {
    let asked = Asked {
        ids: std::slice::from_ref(&args.id),
        policy: Policy::default(),
        consent: &args.consent,
        using: &args.using,
        reach: Reach::Look,
        reread: args.reading.no_cache_inputs,
    };
    let job = Job::new(settings, &asked)?;
    let Some(image) = job.images().first().copied() else {
        return Err(Stop::usage(Diagnostic::error("there is no image")));
    };
    let consent = job.consent(settings, image, &args.consent.allow)?;
    let client = job.connect(settings)?;
    let store = Arc::new(settings.environment.credentials());
    let heard = Heard::default();
    let progress = heard.listen();
    let registries = Registries::new(&store, &progress);
    let response = job.desired().timeouts.response;
    let signatures = Signatures::new(&store, &progress, response);
    let signatures = signatures.with_proxy(settings.environment.proxy());
    let work = async {
        let (plan, observed, _) = job.plan(&client, args.refresh.then_some(&registries)).await?;
        let seen = observed.images.get(&image.id).cloned().unwrap_or_default();
        let answers = if args.refresh {
            sources::ask(&client, &registries, image, &seen).await.map_err(Stop::Engine)?
        } else {
            BTreeMap::new()
        };
        let signature = if args.refresh {
            signatures.asked(image, &answers).await
        } else {
            signatures.seen(image, None).await
        };
        // Without an image there is nothing that it depends on.
        let room = if seen.local.is_some() || seen.elsewhere.is_some() {
            client.index_room().await.map_err(Stop::Engine)?
        } else {
            IndexRoom::default()
        };
        let hosts = why::registries(image, &seen);
        let credentials = logins(&store, &progress, hosts).await;
        let lock = job.lock_says(&image.id);
        let seen = &seen;
        let known = Known { image, seen, room, lock, answers, signature, credentials, consent };
        Ok((why(known), plan))
    };
    let found = block_on(settings, work, || {});
    show(&heard.take(), "", settings);
    let (why, plan) = found?.map_err(cut_short)??;
    remember_warnings(settings, &plan);
    let text = render::why::why(&why, &plan, settings.out);
    let images = Images::Reported(Report::planned(&plan).images);
    let sections = Sections { why: Some(why), ..Sections::default() };
    Ok(Done::about(ExitStatus::Success, text, images).with(sections))
}

/// Where the credentials for each of these registries are, and nothing of what they are.
pub(super) async fn logins(
    store: &CredentialStore,
    progress: &ProgressReporter,
    registries: impl IntoIterator<Item = String>,
) -> Vec<Login> {
    let found = registries.into_iter().map(async |registry| {
        let found = store.get(&registry, progress).await;
        Login { registry, found_in: found.map(|credentials| credentials.origin) }
    });
    futures_util::future::join_all(found).await
}
