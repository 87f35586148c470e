//! The images of ours that our names no longer point at.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::once_more;
use crate::state::desired::Desired;
use crate::state::inputs::{InputLabel, LABEL};
use crate::state::observed::Superseded;

/// Those of the manifest's names, in the order of the names. An engine is asked only if
/// there is an image that can be built.
pub(crate) async fn superseded<E: Engine>(
    engine: &E,
    desired: &Desired,
) -> Result<Vec<Superseded>, EngineError> {
    let names = desired.names();
    if desired.images.iter().all(|image| image.build.is_none()) {
        return Ok(Vec::new());
    }
    let unnamed = once_more(async || engine.unnamed(LABEL).await).await?;
    let ours = unnamed.into_iter().filter_map(|image| {
        let reference = InputLabel::read(image.labels.get(LABEL)?).name;
        names.contains_key(&reference).then_some(Superseded {
            image_id: image.id,
            reference,
            size: image.size,
        })
    });
    let mut ours: Vec<Superseded> = ours.collect();
    ours.sort_by(|a, b| (&a.reference, &a.image_id).cmp(&(&b.reference, &b.image_id)));
    Ok(ours)
}
