//! What moved in the registries since it was pulled or locked.

use futures_util::future::try_join_all;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::registries::{Registries, Told};
use crate::state::desired::DesiredImage;
use crate::state::observed::ObservedImage;
use crate::words::digest::Digest;
use crate::words::reference::Reference;

/// A sentence for each tag of an image, and of its bases, that stands for other bytes now
/// than those that are held or locked. Nothing changes for that.
pub(crate) async fn moved<E: Engine>(
    engine: &E,
    registries: &Registries<'_>,
    image: &DesiredImage,
    seen: &ObservedImage,
) -> Result<Vec<String>, EngineError> {
    let source = image.lockable_sources().next().map(|source| &source.reference);
    let own = async {
        match (source, held(image, seen)) {
            (Some(source), Some(known)) => ask(engine, registries, source, &known).await,
            _ => Ok(None),
        }
    };
    let locked = image.locked.iter().flat_map(|locked| &locked.bases);
    let inputs = seen.inputs.iter().flatten().flat_map(|inputs| &inputs.bases);
    let bases = inputs.filter_map(|base| {
        let name = base.reference.canonical();
        let (_, digest) = locked.clone().find(|(known, _)| **known == name)?;
        Some((&base.reference, digest.clone()?))
    });
    let bases = try_join_all(bases.map(|(base, known)| async move {
        let known = [known];
        Ok::<_, EngineError>(ask(engine, registries, base, &known).await?.map(|it| (base, it)))
    }));
    let (own, bases) = futures_util::try_join!(own, bases)?;
    let upgrade = format!("`occ lock --upgrade {}`", image.id);
    let mut told = Vec::new();
    if let (Some(source), Some(now)) = (source, own) {
        told.push(sentence(&format!("`{source}`"), &now, &upgrade));
    }
    for (base, now) in bases.into_iter().flatten() {
        told.push(sentence(&format!("base `{base}`"), &now, &upgrade));
    }
    Ok(told)
}

/// What the image's bytes are now: those that it is pinned to, or those that it was pulled
/// by. Nothing of one that was built.
fn held(image: &DesiredImage, seen: &ObservedImage) -> Option<Vec<Digest>> {
    if let Some((digest, _)) = image.wanted() {
        return Some(vec![digest.clone()]);
    }
    let digests = seen.local.as_ref()?.repo_digests.iter();
    let from = |digest: &(_, Digest)| {
        image.sources.iter().any(|source| source.reference.repository == digest.0)
    };
    let known: Vec<Digest> = digests.filter(|it| from(it)).map(|(_, it)| it.clone()).collect();
    (!known.is_empty()).then_some(known)
}

/// What a registry says now, where that is something else, or not known.
async fn ask<E: Engine>(
    engine: &E,
    registries: &Registries<'_>,
    reference: &Reference,
    known: &[Digest],
) -> Result<Option<Result<Digest, String>>, EngineError> {
    Ok(match registries.ask(engine, reference).await? {
        Told::Digest(digest, _) if known.contains(&digest) => None,
        Told::Digest(digest, _) => Some(Ok(digest)),
        Told::Failed(obstacle) => Some(Err(obstacle.reason)),
        Told::Unavailable => Some(Err("this engine can't ask registries that".to_owned())),
    })
}

fn sentence(what: &str, now: &Result<Digest, String>, upgrade: &str) -> String {
    match now {
        Ok(digest) => format!("{what} moved, to {}: {upgrade} takes it", digest.short()),
        Err(why) => format!("whether {what} moved is not known: {why}"),
    }
}
