//! What a build is asked for, in the form that the engine's builder takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::StreamExt;

use crate::context::dockerfile::label::with_label;
use crate::context::dockerfile::pin::pin;
use crate::context::served::ServedTree;
use crate::context::{Tree, archive};
use crate::engine::credentials::CredentialStore;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::{BuildContext, BuildRequest, Builder, Credentials, Engine, Logins, Served};
use crate::execute::Run;
use crate::execute::secrets::Given;
use crate::observe::{inputs, which_are_held};
use crate::plan::step::{BuildStep, ImagePlan};
use crate::state::desired;
use crate::state::inputs::{Inputs, LABEL};
use crate::words::event::{Event, ProgressReporter};
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// The user's registry credentials during a build.
struct OfUser(Arc<CredentialStore>, ProgressReporter);

impl Logins for OfUser {
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<Credentials>> {
        Box::pin(self.0.get(host, &self.1))
    }
}

/// The request for a build of what was `read`, with these labels. What a build is `given` is
/// for a builder that asks for what it lacks; for any other there is nothing.
pub(super) async fn request<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    (step, read): (&BuildStep, &Inputs),
    labels: &BTreeMap<String, String>,
    tree: Tree,
    given: Option<Given>,
) -> Result<BuildRequest, EngineError> {
    let build = &step.build;
    let shown = inputs::shown(build, &tree);
    let wrong = |why: String| failed(image, FailureClass::Build, why);
    let locked = read.locked();
    let pinned = move |tree: Tree| {
        if locked.is_empty() {
            return Ok(tree);
        }
        tree.with_dockerfile(|text| pin(text, &build.args, &locked))
    };
    let mut request = BuildRequest {
        dockerfile: tree.dockerfile.clone(),
        shown,
        target: build.target.clone(),
        args: build.args.clone(),
        labels: labels.clone(),
        network: build.network,
        platform: image.platform.clone(),
        no_cache: false,
        cache_from: build.cache_from.clone(),
        pull: build.pull && given.is_none() && pulls_all(read),
        credentials: BTreeMap::new(),
        context: BuildContext::Archive(futures_util::stream::empty().boxed()),
    };
    if let Some((secrets, agents)) = given {
        let name = request.shown.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let label = labels.get(LABEL).map(|value| (LABEL, &**value));
        let tree = pinned(tree).map_err(wrong)?;
        let (text, ignore) = ServedTree::texts(&tree).map_err(wrong)?;
        let text = label
            .and_then(|label| with_label(&text, build.target.as_deref(), label))
            .map_or(text, Bytes::from);
        let (cache, of) = (run.cache.clone(), image.name.canonical());
        let target = build.target.clone();
        // There may be many files, and a record of them to read.
        let served = tokio::task::spawn_blocking(move || {
            ServedTree::new(tree, &cache, (&of, target.as_deref()))
        });
        let cut_short = |_| wrong("its context was not served".to_owned());
        let (files, key) = served.await.map_err(cut_short)?.map_err(wrong)?;
        request.dockerfile = if name.is_empty() { "Dockerfile".to_owned() } else { name };
        request.context = BuildContext::Served(Box::new(Served {
            name: image.name.clone(),
            files: Arc::new(files),
            key,
            dockerfile: text,
            ignore,
            secrets,
            agents,
            logins: Arc::new(OfUser(Arc::clone(run.credentials), run.progress.clone())),
        }));
        return Ok(request);
    }
    for base in read.bases.iter().filter(|base| base.image.is_none() && !base.is_frontend) {
        let registry = &base.reference.repository.registry;
        if let Some(found) = run.credentials.get(registry, &run.progress).await {
            request.credentials.insert(registry.clone(), found);
        }
    }
    request.cache_from = held(run, &build.cache_from).await?;
    let tree = pinned(tree).map_err(wrong)?;
    let mut sent = 0;
    let (progress, id) = (run.progress.clone(), image.id.clone());
    let archive = archive::stream(tree, !run.engine.is_local()).inspect(move |chunk| {
        sent += chunk.as_ref().map_or(0, Bytes::len) as u64;
        progress.report(Event::Sending { image: id.clone(), bytes: sent });
    });
    request.context = BuildContext::Archive(archive.boxed());
    Ok(request)
}

/// A build that failed for a reason of occ's own.
pub(super) fn failed(image: &ImagePlan, class: FailureClass, message: String) -> EngineError {
    EngineError::new(EngineErrorKind::Build, class, image.name.canonical(), message)
}

/// Whether the engine may be told to pull the bases by itself: all of them have to come
/// from a registry then.
pub(super) fn pulls_all(inputs: &Inputs) -> bool {
    inputs.bases.iter().all(|base| base.newest.is_some())
}

/// Whether the build is for a builder that asks for what it lacks.
pub(super) async fn is_served<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    build: &desired::DesiredBuild,
) -> Result<bool, EngineError> {
    if build.builder == desired::Builder::Classic {
        return Ok(false);
    }
    match run.engine.builder().await? {
        Builder::BuildKit => Ok(true),
        other if let Some(wish) = build.needs_buildkit() => {
            let message = format!("{wish}, and {}", other.why());
            Err(failed(image, FailureClass::Build, message))
        }
        other => {
            tracing::info!(image = image.id, why = other.why(), "built without BuildKit");
            Ok(false)
        }
    }
}

async fn held<E: Engine>(
    run: &Run<'_, E>,
    caches: &[Reference],
) -> Result<Vec<Reference>, EngineError> {
    let caches = which_are_held(run.engine, caches).await?;
    Ok(caches.into_iter().filter(|(_, held)| *held).map(|(cache, _)| cache.clone()).collect())
}
