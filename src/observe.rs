//! Floor 4: looks at the engine and at the build inputs, once, without changing anything.

pub(crate) mod bases;
mod elsewhere;
mod fit;
pub(crate) mod inputs;
pub(crate) mod moved;
pub(crate) mod reach;
pub(crate) mod registries;
pub(crate) mod signatures;
pub(crate) mod sources;
pub(crate) mod superseded;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use crate::context::Tree;
use crate::context::cache::Cache;
use crate::engine::Engine;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::observe::fit::fit;
use crate::observe::registries::Registries;
use crate::plan::platforms::rivals;
use crate::state::desired::{Desired, DesiredImage, Strategy};
use crate::state::exact::is_built_here;
use crate::state::inputs::{Inputs, LABEL};
use crate::state::observed::{Observed, ObservedImage};
use crate::words::image::{EngineId, ImageFacts, IndexRoom};
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// Questions at once to an engine of this machine. It answers one in a third of a
/// millisecond; more would only queue there, and each is a connection with its buffers.
const AT_ONCE: usize = 8;

/// Questions at once to any other. Over ssh each is a login, and sshd drops some of
/// them when more than ten come together (`MaxStartups` of `sshd_config`).
const AT_ONCE_REMOTE: usize = 4;

/// The trees that were hashed, by image id, for whoever has to send them.
pub(crate) type Trees = BTreeMap<String, Tree>;

/// How to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Instead of the manifest's, for the images that were asked for.
    pub(crate) strategy: Option<Strategy>,
    /// Where what was read before is remembered.
    pub(crate) cache: Cache,
    /// Read every file again, whatever is remembered of it.
    pub(crate) reread: bool,
    /// Look whether the engine has every base, as nobody else will be asked for one.
    pub(crate) offline: bool,
}

/// Reads what the plan depends on: of the images that were asked for, and of those that
/// they are built on. The first inspect is also the first contact with the engine: its
/// failure is the engine's.
///
/// Without `registries` none is asked, and every base counts as the engine holds it.
pub(crate) async fn observe<E: Engine>(
    engine: &E,
    desired: &Desired,
    asked: &[&DesiredImage],
    options: &Options,
    registries: Option<&Registries<'_>>,
) -> Result<(Observed, Trees), EngineError> {
    let names = desired.names();
    let mut observed = Observed::default();
    let mut trees = Trees::new();
    let mut next = asked.to_vec();
    while !next.is_empty() {
        let is_dependency = !observed.images.is_empty();
        let strategy = options.strategy.filter(|_| !is_dependency);
        let mut answers = stream::iter(&next)
            .map(|image| async {
                let seen = look(engine, image, &names, strategy, options, registries);
                (*image, seen.await)
            })
            .buffered(if engine.is_local() { AT_ONCE } else { AT_ONCE_REMOTE });
        while let Some((image, answer)) = answers.next().await {
            let (seen, tree) = answer?;
            trees.extend(tree.map(|tree| (image.id.clone(), tree)));
            let seen = ObservedImage { is_dependency, ..seen };
            observed.images.insert(image.id.clone(), seen);
        }
        drop(answers);
        next = missing_bases(desired, &observed);
    }
    elsewhere::find(engine, desired, &mut observed).await?;
    for (id, image) in &observed.images {
        let held = image.local.as_ref().map(|facts| facts.id.as_str());
        let inputs = match &image.inputs {
            Some(Ok(inputs)) => inputs.hash().to_string(),
            Some(Err(obstacle)) => obstacle.to_string(),
            None => "none".to_owned(),
        };
        tracing::info!(id, held, inputs, "observed");
    }
    let held = || observed.images.values().filter_map(|image| image.local.as_ref());
    let asks = held().any(is_foreign) || !engine.is_local() && held().next().is_some();
    let by_engine =
        |image: &DesiredImage| image.platform.is_none() && observed.images.contains_key(&image.id);
    let looked_at: Vec<&DesiredImage> =
        desired.images.iter().filter(|image| observed.images.contains_key(&image.id)).collect();
    let has_rivals = !rivals(&looked_at, None, IndexRoom::One).is_empty();
    if has_rivals || asks && desired.images.iter().any(by_engine) {
        observed.engine_platform = Some(engine.platform().await?);
    }
    if has_rivals {
        observed.index_room = engine.index_room().await?;
    }
    Ok((observed, trees))
}

/// The images that observed ones are built on, and that were not looked at yet.
fn missing_bases<'d>(desired: &'d Desired, observed: &Observed) -> Vec<&'d DesiredImage> {
    let inputs = observed.images.values().filter_map(|image| image.inputs.as_ref()?.as_ref().ok());
    let needed: BTreeSet<&str> = inputs.flat_map(Inputs::built_on).collect();
    let is_missing = |image: &&DesiredImage| {
        needed.contains(image.id.as_str()) && !observed.images.contains_key(&image.id)
    };
    desired.images.iter().filter(is_missing).collect()
}

/// One image: what the engine holds, and the inputs of its build where it may be built.
async fn look<E: Engine>(
    engine: &E,
    image: &DesiredImage,
    names: &BTreeMap<String, &str>,
    strategy: Option<Strategy>,
    options: &Options,
    registries: Option<&Registries<'_>>,
) -> Result<(ObservedImage, Option<Tree>), EngineError> {
    let builds = strategy.unwrap_or(image.own_strategy()) != Strategy::Pull;
    let build = image.build.as_ref().filter(|_| builds);
    let read = async {
        match build {
            Some(build) => Some((build, inputs::read(image, build, names, options).await)),
            None => None,
        }
    };
    let held = async {
        let (local, extra) = inspect_all(engine, image).await?;
        // It is asked while files are read, which takes longer.
        let history = match local.as_ref().filter(|_| build.is_some()) {
            Some(held) => inputs::history(engine, held).await,
            None => Ok(Vec::new()),
        };
        Ok((local, extra, history))
    };
    // The files first: their thread is at work while the engine is asked.
    let (read, held) = futures_util::join!(read, held);
    let (local, extra, history) = held?;
    let mut seen = ObservedImage { local, extra, ..ObservedImage::default() };
    let (build, mut read) = match read {
        None => return Ok((seen, None)),
        Some((_, Err(problem))) => {
            seen.inputs = Some(Err(problem.into()));
            return Ok((seen, None));
        }
        Some((build, Ok(read))) => (build, read),
    };
    identify(engine, &mut read.inputs).await?;
    if options.offline {
        for base in &mut read.inputs.bases {
            base.is_absent = inspect(engine, &base.used().canonical()).await?.is_none();
        }
    }
    if build.pull {
        let renewed = match registries {
            None => bases::as_held(engine, &mut read.inputs).await.map(Ok),
            Some(_) if !is_compared(image, strategy, seen.local.as_ref()) => Ok(Ok(())),
            Some(registries) => bases::renew(registries, engine, &mut read.inputs).await,
        };
        if let Err(obstacle) = renewed? {
            seen.inputs = Some(Err(obstacle));
            return Ok((seen, None));
        }
    }
    if let Some(held) = &seen.local {
        let held = inputs::Held { facts: held, history };
        (seen.changes, seen.is_derived) =
            inputs::compare(image, build, held, &read, &options.cache)?;
    }
    // What is built already needs no builder, and nothing is asked about it.
    if !seen.local.as_ref().is_some_and(|held| inputs::is_built_from(held, image, &read.inputs)) {
        fit(engine, build, &mut read, options.offline).await?;
    }
    seen.inputs = Some(Ok(read.inputs));
    Ok((seen, Some(read.tree)))
}

/// Whether it depends on the inputs whether the image is built at all. Where it doesn't,
/// they are not needed before it is.
fn is_compared(
    image: &DesiredImage,
    strategy: Option<Strategy>,
    held: Option<&ImageFacts>,
) -> bool {
    let ours = held.is_some_and(|facts| facts.labels.contains_key(LABEL));
    strategy.unwrap_or(image.own_strategy()) == Strategy::Build || ours && image.pin.is_none()
}

/// Looks what the engine holds of each base, as far as that is an input.
pub(crate) async fn identify<E: Engine>(
    engine: &E,
    inputs: &mut Inputs,
) -> Result<(), EngineError> {
    for base in inputs.bases.iter_mut().filter(|base| !base.is_frontend && base.locked.is_none()) {
        let facts = inspect(engine, &base.reference.canonical()).await?;
        let counts =
            |facts: &ImageFacts| base.image.is_some() || is_built_here(&base.reference, facts);
        base.held = facts.filter(counts).map(|facts| facts.id);
    }
    Ok(())
}

/// Each image with whether the engine holds it.
pub(crate) async fn which_are_held<'r, E: Engine>(
    engine: &E,
    references: impl IntoIterator<Item = &'r Reference>,
) -> Result<Vec<(&'r Reference, bool)>, EngineError> {
    let mut all = Vec::new();
    for reference in references {
        all.push((reference, inspect(engine, &reference.canonical()).await?.is_some()));
    }
    Ok(all)
}

/// Whether an image is made for another processor than this program. Asking the
/// engine for its own platform costs more than all inspects, so an engine of this
/// machine, whose platform is that of this program, is asked only then.
pub(crate) fn is_foreign(facts: &ImageFacts) -> bool {
    let native = Platform::normalised("linux", std::env::consts::ARCH, "");
    !native.accepts(&facts.platform)
}

async fn inspect_all<E: Engine>(
    engine: &E,
    image: &DesiredImage,
) -> Result<(Option<ImageFacts>, Vec<Option<EngineId>>), EngineError> {
    let local = inspect(engine, &image.name.canonical()).await?;
    let mut extra = Vec::with_capacity(image.extra_tags.len());
    for tag in &image.extra_tags {
        extra.push(inspect(engine, &tag.canonical()).await?.map(|facts| facts.id));
    }
    Ok((local, extra))
}

/// Inspects; see [`once_more`].
pub(crate) async fn inspect<E: Engine>(
    engine: &E,
    reference: &str,
) -> Result<Option<ImageFacts>, EngineError> {
    once_more(async || engine.inspect(reference).await).await
}

/// Asks the engine again, once, if the connection broke before an answer. For questions
/// and changes that may as well be made twice.
pub(crate) async fn once_more<T>(
    ask: impl AsyncFn() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    match ask().await {
        Err(error) if error.kind == EngineErrorKind::Connection => ask().await,
        answer => answer,
    }
}
