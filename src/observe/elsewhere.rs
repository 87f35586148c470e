//! What the engine holds of a wanted digest under another name than the wanted one.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::{inspect, once_more};
use crate::state::desired::{Desired, DesiredImage};
use crate::state::observed::Observed;
use crate::words::digest::Digest;

/// Looks for it, for every image whose name does not mean the digest that it has to. One
/// question serves all of them, and where nothing is amiss there is none.
pub(super) async fn find<E: Engine>(
    engine: &E,
    desired: &Desired,
    observed: &mut Observed,
) -> Result<(), EngineError> {
    let missing: BTreeMap<&str, &Digest> = desired
        .images
        .iter()
        .filter_map(|image| Some((image.id.as_str(), missing(image, observed)?)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let held = match once_more(async || engine.digests().await).await {
        Ok(held) => held,
        // It only saves a pull. An engine that is gone is noticed by that, too.
        Err(error) => {
            tracing::info!(%error, "the engine can't list its images");
            return Ok(());
        }
    };
    for (image, digest) in missing {
        let Some(id) = held.get(digest) else { continue };
        let facts = inspect(engine, id.as_str()).await?;
        if let Some(seen) = observed.images.get_mut(image) {
            seen.elsewhere = facts.filter(|facts| facts.is(digest));
        }
    }
    Ok(())
}

/// The digest that an image's name should mean and does not.
fn missing<'d>(image: &'d DesiredImage, observed: &Observed) -> Option<&'d Digest> {
    let (digest, _) = image.wanted()?;
    let local = observed.images.get(&image.id)?.local.as_ref();
    (!local.is_some_and(|facts| facts.is(digest))).then_some(digest)
}
