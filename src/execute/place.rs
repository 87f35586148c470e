//! Proof, and only then the name.
//!
//! Whatever was obtained is inspected first. Then the image's name is set on it
//! and inspected too. If that proof fails, the name goes back to the image it had.

use crate::engine::Engine;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::execute::report::Action;
use crate::execute::{Obtained, Run};
use crate::observe::{inspect, is_foreign, once_more};
use crate::plan::step::ImagePlan;
use crate::words::digest::Digest;
use crate::words::event::Event;
use crate::words::failure::FailureClass;
use crate::words::image::{EngineId, ImageFacts};
use crate::words::reference::Reference;

/// Checks that `facts` are of the wanted platform.
pub(super) async fn prove_platform<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    facts: &ImageFacts,
    kind: EngineErrorKind,
) -> Result<(), EngineError> {
    if image.platform.is_none() && run.engine.is_local() && !is_foreign(facts) {
        return Ok(());
    }
    let want = run.wanted_platform(image).await?;
    if want.accepts(&facts.platform) {
        return Ok(());
    }
    let message = format!("it is made for {}, wanted is {want}", facts.platform);
    Err(EngineError::new(kind, FailureClass::WrongPlatform, image.name.canonical(), message)
        .with_hint(
            "set `platform` to what the source has, or name a source that has the wanted one",
        ))
}

/// Makes the image's name mean `facts`, and proves it.
pub(super) async fn place<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    facts: &ImageFacts,
) -> Result<(), EngineError> {
    let placed = set(run, &facts.id, &image.name).await;
    if placed.is_err() {
        restore(run, image).await;
    }
    placed
}

/// Gives the image's name to what the engine holds of `digest`, once that is proven.
pub(super) async fn adopt<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    id: &EngineId,
    digest: &Digest,
) -> Result<Obtained, EngineError> {
    let name = image.name.canonical();
    run.progress.report(Event::Started {
        image: image.id.clone(),
        action: "tag",
        reference: name.clone(),
    });
    let facts = inspect(run.engine, id.as_str()).await?.filter(|facts| facts.is(digest));
    let gone = || {
        let message = format!("the engine no longer holds {digest}");
        EngineError::new(EngineErrorKind::Image, FailureClass::NotFound, &name, message)
            .with_hint("run it again, to pull it")
    };
    let facts = facts.ok_or_else(gone)?;
    prove_platform(run, image, &facts, EngineErrorKind::Image).await?;
    place(run, image, &facts).await?;
    Ok(Obtained {
        action: Action::Tag,
        source: String::new(),
        digest: Some(digest.clone()),
        image_id: facts.id,
        bytes: 0,
        failures: Vec::new(),
        tagged: false,
    })
}

/// If the image's name moved although the work failed, points it back.
///
/// It is called where something failed already: what goes wrong here is told,
/// and the first failure stays the one that is reported.
pub(super) async fn restore<E: Engine>(run: &Run<'_, E>, image: &ImagePlan) {
    let Some(previous) = &image.previous else { return };
    let name = image.name.canonical();
    let moved = match inspect(run.engine, &name).await {
        Ok(Some(facts)) => facts.id != *previous,
        Ok(None) => true,
        Err(_) => return,
    };
    if !moved {
        return;
    }
    match once_more(async || run.engine.tag(previous, &image.name).await).await {
        Ok(()) => {
            run.progress.note(Some(&image.id), format!("`{name}` is back on the image it had"));
        }
        Err(error) => run.progress.warn(
            Some(&image.id),
            format!("`{name}` could not be pointed back at {previous}: {}", error.message),
        ),
    }
}

/// Makes a further name mean the image `id`, if it does not yet; whether it had to.
pub(super) async fn name<E: Engine>(
    run: &Run<'_, E>,
    id: &EngineId,
    target: &Reference,
) -> Result<bool, EngineError> {
    let before = inspect(run.engine, &target.canonical()).await?;
    if before.is_some_and(|facts| facts.id == *id) {
        return Ok(false);
    }
    set(run, id, target).await?;
    Ok(true)
}

/// Makes `target` mean the image `id`, and proves it.
async fn set<E: Engine>(
    run: &Run<'_, E>,
    id: &EngineId,
    target: &Reference,
) -> Result<(), EngineError> {
    once_more(async || run.engine.tag(id, target).await).await?;
    let name = target.canonical();
    match inspect(run.engine, &name).await? {
        Some(facts) if facts.id == *id => Ok(()),
        _ => Err(EngineError::new(
            EngineErrorKind::Image,
            FailureClass::Unknown,
            name,
            "the name was set, and is on another image",
        )
        .with_hint("is another program moving this tag?")),
    }
}
