//! Pulls the newest bases of a build that also has bases which no registry serves.
//!
//! The engine can be told to do it by itself, but then for all bases: it would ask the
//! registries for those, too, and fail.

use futures_util::stream::StreamExt;
use tokio::time::timeout_at;

use crate::engine::error::EngineError;
use crate::engine::watch::Watch;
use crate::engine::{Engine, PullRequest};
use crate::execute::Run;
use crate::observe::inspect;
use crate::plan::step::ImagePlan;
use crate::state::inputs::Inputs;
use crate::words::digest::Digest;
use crate::words::reference::Reference;

/// Pulls every base that is known to be another one now than what the engine holds.
pub(super) async fn renew<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    inputs: &Inputs,
) -> Result<(), EngineError> {
    for base in &inputs.bases {
        if let Some(newest) = &base.newest {
            pull(run, image, &base.reference, newest).await?;
        }
    }
    Ok(())
}

async fn pull<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    base: &Reference,
    newest: &Digest,
) -> Result<(), EngineError> {
    let name = base.canonical();
    if inspect(run.engine, &name).await?.is_some_and(|facts| facts.is(newest)) {
        return Ok(());
    }
    let credentials = run.credentials.get(&base.repository.registry, &run.progress).await;
    let platform = image.platform.clone();
    let mut watch = Watch::new(run.timeouts.stall);
    let mut pull = run.engine.pull(PullRequest { reference: base.clone(), platform, credentials });
    loop {
        match timeout_at(watch.deadline(), pull.next()).await {
            Ok(Some(told)) => watch.see(&run.progress, &image.id, told?),
            Ok(None) => return Ok(()),
            Err(_) => {
                if let Some(error) = watch.stalled(&name) {
                    return Err(error);
                }
                // Waiting and unpacking may take their time, as long as the engine lives.
                inspect(run.engine, &name).await?;
                watch.pulse();
            }
        }
    }
}
