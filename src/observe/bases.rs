//! What the bases of builds are now, for builds that want the newest (`pull = true`).

use futures_util::stream::{self, StreamExt, TryStreamExt as _};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::inspect;
use crate::observe::registries::{Registries, Told};
use crate::state::inputs::{Base, Inputs};
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// Questions at once for one image: few Dockerfiles name more bases.
const AT_ONCE: usize = 4;

/// Finds out what the bases are now that only a registry can tell of. The inner error is
/// that of a base; the outer one is the engine's end.
pub(crate) async fn renew<E: Engine>(
    registries: &Registries<'_>,
    engine: &E,
    inputs: &mut Inputs,
) -> Result<Result<(), Obstacle>, EngineError> {
    let open: Vec<&mut Base> = inputs.bases.iter_mut().filter(|base| base.is_open()).collect();
    let answers: Vec<(&mut Base, Told)> = stream::iter(open)
        .map(async |base| {
            let answer = registries.ask(engine, &base.reference).await?;
            Ok::<_, EngineError>((base, answer))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (base, answer) in answers {
        match answer {
            Told::Digest(digest, _) => base.newest = Some(digest),
            Told::Unavailable => return Ok(Err(no_question(&base.reference))),
            Told::Failed(obstacle) => return Ok(Err(unknown(&base.reference, obstacle))),
        }
    }
    Ok(Ok(()))
}

/// Takes the bases as the engine holds them, where nobody is to be asked.
pub(crate) async fn as_held<E: Engine>(engine: &E, inputs: &mut Inputs) -> Result<(), EngineError> {
    for base in inputs.bases.iter_mut().filter(|base| base.is_open()) {
        let facts = inspect(engine, &base.reference.canonical()).await?;
        let digests = facts.into_iter().flat_map(|facts| facts.repo_digests);
        let mut same = digests.filter(|(repository, _)| *repository == base.reference.repository);
        base.newest = same.next().map(|(_, digest)| digest);
    }
    Ok(())
}

/// That this engine can't ask a registry.
fn no_question(base: &Reference) -> Obstacle {
    Obstacle {
        reason: format!(
            "`pull = true` asks what `{base}` is now, and this engine can't ask registries that"
        ),
        class: FailureClass::Build,
        code: Code::Build,
        hints: vec![
            "without `pull = true` it is built on what the engine holds, or gets by itself"
                .to_owned(),
        ],
    }
}

/// That a registry gave no digest.
fn unknown(base: &Reference, mut obstacle: Obstacle) -> Obstacle {
    obstacle.hints.push("without `pull = true` it is built on what the engine holds".to_owned());
    let reason = format!("its base `{base}` can't be looked up: {}", obstacle.reason);
    Obstacle { reason, ..obstacle }
}
