//! Whether the engine's builder can do what a build asks of it.

use crate::engine::error::EngineError;
use crate::engine::{Builder, Engine};
use crate::observe::inputs::Read;
use crate::observe::which_are_held;
use crate::state::desired::{self, DesiredBuild};

/// Notes in `read` what can't be built here, and what is not used. The engine is asked what
/// it builds with where something depends on it.
pub(super) async fn fit<E: Engine>(
    engine: &E,
    build: &DesiredBuild,
    read: &mut Read,
    offline: bool,
) -> Result<(), EngineError> {
    let caches = which_are_held(engine, &build.cache_from).await?;
    let mut absent =
        caches.into_iter().filter(|(_, held)| !held).map(|(cache, _)| cache).peekable();
    let bases = read.inputs.bases.iter();
    let frontend = bases.into_iter().find(|base| base.is_frontend && base.is_absent && offline);
    let frontend = frontend.map(|base| base.reference.clone());
    let depends = build.needs_buildkit().is_some()
        || read.newer.is_some()
        || frontend.is_some()
        || absent.peek().is_some();
    if !depends {
        return Ok(());
    }
    let builder = match build.builder {
        desired::Builder::Classic => Builder::Classic("`builder` is `classic`".to_owned()),
        _ => engine.builder().await?,
    };
    if builder != Builder::BuildKit {
        // BuildKit finds them at their registries, too.
        read.inputs.warnings.extend(absent.map(|cache| {
            format!("`cache_from`: the engine does not hold `{cache}`, so it is not used")
        }));
    }
    let unfit = match (&builder, frontend, &read.newer) {
        (Builder::BuildKit, None, _) => None,
        (Builder::BuildKit, Some(frontend), _) => Some(format!(
            "`# syntax=` names `{frontend}`, which the engine does not have, and no registry is asked"
        )),
        (builder, _, newer) => {
            // Another engine's own builder takes what is new.
            let newer = newer.as_deref().filter(|_| *builder != Builder::Other);
            let wish = build.needs_buildkit().or(newer);
            wish.map(|wish| format!("{wish}, and {}", builder.why()))
        }
    };
    read.inputs.problem = read.inputs.problem.take().or(unfit);
    Ok(())
}
