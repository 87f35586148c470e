//! Whether the engine lives. A connection that broke may mean that it died, and so may a
//! source or a build that failed; one that is only being restarted is waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::engine::Engine;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::execute::Run;
use crate::observe::inspect;
use crate::plan::step::ImagePlan;
use crate::words::duration::Span;
use crate::words::failure::FailureClass;

/// How long an engine that went away may take to come back: as long as a restart of its
/// service. It is looked for this often.
const RESTART: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(250);

/// Whether this is a connection to the engine that broke or can't be made.
pub(super) fn is_broken(error: &EngineError) -> bool {
    error.class == FailureClass::Engine
        && (is_gone(error) || error.kind == EngineErrorKind::Connection)
}

fn is_gone(error: &EngineError) -> bool {
    matches!(error.kind, EngineErrorKind::NotRunning | EngineErrorKind::SocketNotFound)
}

/// The failure, or that of an engine that died of it, or it of the engine. A single connection
/// that an engine closed is no more than work cut short; `kind` says which.
pub(super) async fn unless_dead<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    error: EngineError,
    kind: EngineErrorKind,
) -> EngineError {
    let broke = is_broken(&error);
    if error.class.stops_run() && !broke {
        return error;
    }
    match sign_of_life(run, image).await {
        Err(dead) if dead.class.stops_run() => dead,
        _ if broke => {
            let message = format!("the connection to the engine broke: {}", error.message);
            EngineError {
                source: error.source,
                ..EngineError::new(kind, FailureClass::CutShort, image.name.canonical(), message)
                    .with_hint("look into the engine's log")
            }
        }
        _ => error,
    }
}

/// Looks whether the engine lives. One that is gone may be on its way back, and with it
/// there the work can begin again; one that hangs has had its time.
async fn sign_of_life<E: Engine>(run: &Run<'_, E>, image: &ImagePlan) -> Result<(), EngineError> {
    let since = Instant::now();
    let mut told = false;
    loop {
        let Err(error) = inspect(run.engine, &image.name.canonical()).await else { return Ok(()) };
        if !is_gone(&error) || since.elapsed() >= RESTART {
            return Err(error);
        }
        if !told {
            let words = format!("the engine is gone, waiting up to {} for it", Span(RESTART));
            run.progress.note(Some(&image.id), words);
            told = true;
        }
        sleep(LOOK).await;
    }
}
