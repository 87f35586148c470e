//! What the registries say of an image and of what it is built on, all asked at the same time.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use futures_util::try_join;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::registries::{Registries, Told};
use crate::plan::reasons::Answer;
use crate::plan::why::foreign_bases;
use crate::state::desired::DesiredImage;
use crate::state::observed::ObservedImage;
use crate::words::image::Shape;
use crate::words::reference::Reference;

/// The answers, by the full name. A source whose tag stands for something else than what is
/// wanted is asked for that, too: sync would ask it for nothing else.
pub(crate) async fn ask<E: Engine>(
    engine: &E,
    registries: &Registries<'_>,
    image: &DesiredImage,
    seen: &ObservedImage,
) -> Result<BTreeMap<String, Answer>, EngineError> {
    let one = async |reference: &Reference| {
        let told = registries.ask(engine, reference).await?;
        Ok::<_, EngineError>((reference.canonical(), answer(told)))
    };
    let source = async |reference: &Reference| {
        let of_tag = one(reference).await?;
        let exact =
            image.wanted().map(|(digest, _)| (digest, reference.repository.with_digest(digest)));
        let other = exact.filter(|(wanted, _)| {
            let is_wanted = matches!(&of_tag.1, Answer::Digest { digest, .. } if digest == *wanted);
            !is_wanted && of_tag.1 != Answer::Unavailable
        });
        match other {
            Some((_, exact)) => Ok::<_, EngineError>(vec![of_tag, one(&exact).await?]),
            None => Ok(vec![of_tag]),
        }
    };
    let sources = try_join_all(image.lockable_sources().map(|it| source(&it.reference)));
    let bases = try_join_all(foreign_bases(seen).map(|base| one(&base.reference)));
    let (sources, bases) = try_join!(sources, bases)?;
    Ok(sources.into_iter().flatten().chain(bases).collect())
}

fn answer(told: Told) -> Answer {
    match told {
        Told::Digest(digest, Shape { document, platforms }) => Answer::Digest {
            digest,
            document,
            platforms: platforms.iter().map(ToString::to_string).collect(),
        },
        Told::Failed(obstacle) => {
            Answer::Failed { class: obstacle.class, code: obstacle.code, message: obstacle.reason }
        }
        Told::Unavailable => Answer::Unavailable,
    }
}
