//! Floor 4: looks at the engine and at the build inputs, once, without changing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use futures_util::stream::{self, StreamExt};

use crate::context::cache::Cache;
use crate::context::dockerfile::{Demands, demands};
use crate::context::{ContextError, Tree, walk::walk};
use crate::engine::Engine;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::state::desired::{BuildOrigin, Desired, DesiredBuild, DesiredImage, Strategy, Template};
use crate::state::inputs::{Base, InputHash, Inputs};
use crate::state::observed::{Observed, ObservedImage};
use crate::words::image::ImageFacts;
use crate::words::network::Network;
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// Questions at once to an engine of this machine. It answers one in a third of a
/// millisecond; more would only queue there.
const AT_ONCE: usize = 16;

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
}

/// Reads what the plan depends on: of the images that were asked for, and of those that
/// they are built on. The first inspect is also the first contact with the engine: its
/// failure is the engine's.
pub(crate) async fn observe<E: Engine>(
    engine: &E,
    desired: &Desired,
    asked: &[&DesiredImage],
    options: &Options,
) -> Result<(Observed, Trees), EngineError> {
    let names = desired.names();
    let mut observed = Observed::default();
    let mut trees = Trees::new();
    let mut next = asked.to_vec();
    while !next.is_empty() {
        let is_dependency = !observed.images.is_empty();
        let strategy = options.strategy.filter(|_| !is_dependency);
        let mut answers = stream::iter(&next)
            .map(|image| async { (*image, look(engine, image, &names, strategy).await) })
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
    for (id, image) in &observed.images {
        let held = image.local.as_ref().map(|facts| facts.id.as_str());
        tracing::info!(id, held, inputs = ?image.inputs, "observed");
    }
    let held = || observed.images.values().filter_map(|image| image.local.as_ref());
    let asks = held().any(is_foreign) || !engine.is_local() && held().next().is_some();
    let by_engine =
        |image: &DesiredImage| image.platform.is_none() && observed.images.contains_key(&image.id);
    if asks && desired.images.iter().any(by_engine) {
        observed.engine_platform = Some(engine.platform().await?);
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
) -> Result<(ObservedImage, Option<Tree>), EngineError> {
    let builds = strategy.unwrap_or(image.strategy) != Strategy::Pull;
    let inputs = async {
        match &image.build {
            Some(build) if builds => Some(read_inputs(image, build, names).await),
            _ => None,
        }
    };
    let (held, inputs) = futures_util::join!(inspect_all(engine, image), inputs);
    let (local, extra) = held?;
    let (inputs, tree) = match inputs {
        None => (None, None),
        Some(Err(problem)) => (Some(Err(problem)), None),
        Some(Ok((mut inputs, newer, tree))) => {
            identify(engine, &mut inputs).await?;
            if inputs.problem.is_none() && newer.is_some() && engine.builds_like_docker().await? {
                inputs.problem = newer;
            }
            (Some(Ok(inputs)), Some(tree))
        }
    };
    Ok((ObservedImage { local, extra, inputs, is_dependency: false }, tree))
}

/// Looks what the engine holds of each base, as far as that is an input.
pub(crate) async fn identify<E: Engine>(
    engine: &E,
    inputs: &mut Inputs,
) -> Result<(), EngineError> {
    for base in &mut inputs.bases {
        let facts = inspect(engine, &base.reference.canonical()).await?;
        let counts = |facts: &ImageFacts| base.image.is_some() || facts.repo_digests.is_empty();
        base.held = facts.filter(counts).map(|facts| facts.id);
    }
    Ok(())
}

/// Whether an image is made for another processor than this program. Asking the
/// engine for its own platform costs more than all inspects, so an engine of this
/// machine, whose platform is that of this program, is asked only then.
fn is_foreign(facts: &ImageFacts) -> bool {
    let native = Platform::normalised("linux", std::env::consts::ARCH, "");
    !native.accepts(&facts.platform)
}

async fn inspect_all<E: Engine>(
    engine: &E,
    image: &DesiredImage,
) -> Result<(Option<ImageFacts>, Vec<Option<String>>), EngineError> {
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

/// Hashes what a build reads, and says what of it only a newer builder takes. The walk has a thread of its own.
async fn read_inputs(
    image: &DesiredImage,
    build: &DesiredBuild,
    names: &BTreeMap<String, &str>,
) -> Result<(Inputs, Option<String>, Tree), String> {
    let origin = build.origin.clone();
    let read = tokio::task::spawn_blocking(move || {
        let tree = match origin {
            BuildOrigin::Template(Template::Opencode) => {
                Tree::template(crate::engine::docker::image::DOCKERFILE)
            }
            BuildOrigin::Context { dir, dockerfile, root } => walk(&dir, &dockerfile, &root)?,
        };
        let dockerfile = tree.dockerfile_text().unwrap_or_default();
        Ok::<_, ContextError>((tree, dockerfile))
    });
    match read.await {
        Ok(Ok((tree, dockerfile))) => {
            let target = build.target.as_deref();
            let Demands { bases, problem, newer, warnings } =
                demands(&dockerfile, &tree.dockerfile, &build.args, target);
            let base = |reference: Reference| {
                let image = names.get(&reference.canonical()).map(|id| (*id).to_owned());
                Base { reference, image, held: None }
            };
            let bases = bases.into_iter().map(base).collect();
            let own = own_inputs(image, build, &tree);
            Ok((Inputs { own, bases, problem, warnings }, newer, tree))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("reading the build context was cut short".to_owned()),
    }
}

/// Everything that a build reads, but for its bases.
fn own_inputs(image: &DesiredImage, build: &DesiredBuild, tree: &Tree) -> InputHash {
    let network = match build.network {
        Network::Default => "default",
        Network::None => "none",
        Network::Host => "host",
    };
    InputHash::of(&BTreeMap::from([
        ("name", image.name.canonical()),
        ("platform", image.platform.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("dockerfile", tree.dockerfile.clone()),
        ("target", build.target.clone().unwrap_or_default()),
        ("args", pairs(&build.args)),
        ("labels", pairs(&build.labels)),
        ("network", network.to_owned()),
        ("files", tree.fingerprint()),
    ]))
}

/// A map as one text that no other map has: each part with its length in front.
fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().fold(String::new(), |mut text, (key, value)| {
        let _ = write!(text, "{}:{key}={}:{value};", key.len(), value.len());
        text
    })
}
