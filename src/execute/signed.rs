//! The signature of an image, before it is pulled or named.

use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::{Engine, Resolution};
use crate::execute::Run;
use crate::plan::step::ImagePlan;
use crate::state::desired::Source;
use crate::state::obstacle::Obstacle;
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;

/// Makes sure that there is a key to check with, where the image has to be signed.
pub(super) async fn key<E: Engine>(run: &Run<'_, E>, image: &ImagePlan) -> Result<(), EngineError> {
    let Some(signed) = &image.signed else { return Ok(()) };
    let read = run.signatures.key(&signed.verify).await;
    read.map(drop).map_err(|obstacle| error(image.name.to_string(), obstacle))
}

/// Makes sure that these bytes are signed, where they have to be.
pub(super) async fn prove<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    digest: &Digest,
    round: u32,
) -> Result<(), EngineError> {
    let Some(signed) = &image.signed else { return Ok(()) };
    let by = (&signed.verify, &signed.sources[..]);
    let checked = run.signatures.check(&image.id, by, digest, round).await;
    let subject = || format!("{}@{digest}", image.name.name());
    checked.map_err(|obstacle| error(subject(), obstacle))
}

/// The same for what a source is about to be asked for. Of an image that this source does not
/// have either, the missing signature says nothing: then that is what is wrong.
pub(super) async fn before_pull<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    source: &Source,
    digest: Option<&Digest>,
    round: u32,
) -> Result<(), EngineError> {
    let Some(digest) = digest else { return Ok(()) };
    let Err(unsigned) = prove(run, image, digest, round).await else { return Ok(()) };
    if unsigned.class != FailureClass::Signature {
        return Err(unsigned);
    }
    let repository = &source.reference.repository;
    let credentials = run.credentials.get(&repository.registry, &run.progress).await;
    let exact = repository.with_digest(digest);
    let there = match run.engine.resolve(&exact, credentials.as_ref()).await {
        Ok(Resolution::Unavailable) => run.signatures.resolve(&exact).await.map(drop),
        other => other.map(drop),
    };
    Err(there.err().filter(|error| error.class.build_on().is_some()).unwrap_or(unsigned))
}

fn error(subject: String, obstacle: Obstacle) -> EngineError {
    let kind = EngineErrorKind::Signature;
    let error = EngineError::new(kind, obstacle.class, subject, obstacle.reason);
    EngineError { hint: obstacle.hints.into_iter().next(), ..error }
}
