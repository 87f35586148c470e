//! What `plan`, `sync` and `status` have in common: the manifest's images that were
//! asked for, the engine, and the plan between the two.

use crate::cli::args::ConsentArgs;
use crate::cli::consent;
use crate::cli::find::{load_from, locate};
use crate::cli::settings::{Environment, Settings};
use crate::cli::{Stop, show};
use crate::context::cache::Cache;
use crate::engine::docker::client::DockerClient;
use crate::engine::docker::endpoint::Endpoint;
use crate::observe::bases::Registries;
use crate::observe::{self, Trees, observe};
use crate::plan::reconcile::{Policy, misapplied, reconcile, unsupported};
use crate::plan::step::Plan;
use crate::state::consent::{Reach, asks, may_be_built};
use crate::state::desired::{Desired, DesiredImage};
use crate::state::observed::Observed;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::text::{did_you_mean, list};

/// What a command was asked to do.
pub(super) struct Asked<'a> {
    /// With which images; all of them if none is named.
    pub(super) ids: &'a [String],
    pub(super) policy: Policy,
    pub(super) consent: &'a ConsentArgs,
    pub(super) reach: Reach,
    /// Read every file again, whatever is remembered of it.
    pub(super) reread: bool,
}

/// The part of a manifest that a command is about.
pub(super) struct Job {
    desired: Desired,
    /// Places in `desired.images`, in the manifest's order.
    chosen: Vec<usize>,
    policy: Policy,
    looking: observe::Options,
}

impl Job {
    /// Reads the manifest, picks the images, and sees whether they can do what is asked
    /// of them. Nothing else is touched while any of it is wrong.
    pub(super) fn new(settings: &Settings, asked: &Asked<'_>) -> Result<Self, Stop> {
        let Asked { ids, policy, .. } = *asked;
        let missing = |missing: Box<Diagnostic>| Stop::input(ExitStatus::Data, *missing);
        let place = locate(settings).map_err(missing)?;
        let parsed = load_from(&place).map_err(missing)?;
        let Some(mut desired) = parsed.desired else {
            return Err(Stop::Input {
                exit: ExitStatus::Data,
                diagnostics: parsed.diagnostics,
                text: parsed.text,
            });
        };
        show(&parsed.diagnostics, &parsed.text, settings);
        default_platform(&mut desired, settings)?;
        let chosen = choose(&desired.images, ids)?;
        let looking = observe::Options {
            strategy: policy.strategy,
            cache: Cache::new(settings.environment.cache_dir()),
            reread: asked.reread,
        };
        let mut job = Self { desired, chosen, policy, looking };
        let unsupported = unsupported(&job.images());
        if !unsupported.is_empty() {
            let (exit, text) = (ExitStatus::Data, parsed.text);
            return Err(Stop::Input { exit, diagnostics: unsupported, text });
        }
        let misapplied = policy.strategy.map(|strategy| misapplied(&job.images(), strategy));
        if let Some(diagnostics) = misapplied.filter(|found| !found.is_empty()) {
            return Err(Stop::Input { exit: ExitStatus::Usage, diagnostics, text: String::new() });
        }
        let found = consent::Manifest { place: &place, text: &parsed.text };
        job.resolve(settings, &found, asked)?;
        Ok(job)
    }

    /// Gets consent to what the images ask for, and gives their build arguments values.
    fn resolve(
        &mut self,
        settings: &Settings,
        manifest: &consent::Manifest<'_>,
        asked: &Asked<'_>,
    ) -> Result<(), Stop> {
        let images = may_be_built(&self.desired, &self.chosen, self.policy.strategy);
        let asks = asks(images.iter().map(|i| &self.desired.images[*i]), asked.reach);
        consent::require(settings, manifest, &asks, &asked.consent.allow)?;
        let variables = Environment::consented(asks.iter().filter_map(|ask| ask.grant.variable()));
        let mut unset = Vec::new();
        for i in images {
            let build = self.desired.images[i].build.as_mut();
            let errors = build.map_or_else(Vec::new, |build| build.resolve(&variables));
            // Whether any other image comes along is not known yet, and its mistakes
            // must not be in the way of this one.
            if self.chosen.contains(&i) {
                unset.extend(errors);
            }
        }
        if unset.is_empty() {
            return Ok(());
        }
        let text = manifest.text.to_owned();
        Err(Stop::Input { exit: ExitStatus::Usage, diagnostics: unset, text })
    }

    pub(super) fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Where what was read is remembered.
    pub(super) fn cache(&self) -> Cache {
        self.looking.cache.clone()
    }

    pub(super) fn images(&self) -> Vec<&DesiredImage> {
        self.chosen.iter().map(|i| &self.desired.images[*i]).collect()
    }

    /// Finds the engine. Nothing is sent to it yet.
    pub(super) fn connect(&self, settings: &Settings) -> Result<DockerClient, Stop> {
        let endpoint = Endpoint::resolve(&settings.endpoint).map_err(Stop::Engine)?;
        tracing::info!(address = %endpoint.address, why = %endpoint.why, "engine");
        if let Some(warning) = endpoint.warning() {
            show(&[Diagnostic::warning(warning)], "", settings);
        }
        DockerClient::with_endpoint(endpoint, self.desired.timeouts).map_err(Stop::Engine)
    }

    /// Looks at the engine and makes the plan. Nothing is changed. Without `registries`
    /// none is asked.
    pub(super) async fn plan(
        &self,
        client: &DockerClient,
        registries: Option<&Registries<'_>>,
    ) -> Result<(Plan, Observed, Trees), Stop> {
        let images = self.images();
        let seen = observe(client, &self.desired, &images, &self.looking, registries).await;
        let (observed, trees) = seen.map_err(Stop::Engine)?;
        let plan = reconcile(&self.desired, &observed, self.policy).map_err(|diagnostics| {
            Stop::Input { exit: ExitStatus::Data, diagnostics, text: String::new() }
        })?;
        Ok((plan, observed, trees))
    }
}

/// `DOCKER_DEFAULT_PLATFORM`, for images that leave their platform to the engine.
fn default_platform(desired: &mut Desired, settings: &Settings) -> Result<(), Stop> {
    match settings.environment.default_platform() {
        None => Ok(()),
        Some((_, Some(platform))) => {
            for image in desired.images.iter_mut().filter(|image| image.platform.is_none()) {
                image.platform = Some(platform.clone());
            }
            Ok(())
        }
        Some((text, None)) => Err(Stop::usage(
            Diagnostic::error(format!("`DOCKER_DEFAULT_PLATFORM` is no platform: `{text}`"))
                .hint("a platform is `os/arch` or `os/arch/variant`, such as `linux/arm64`"),
        )),
    }
}

/// The images that were asked for, each once; all of them if none was named.
fn choose(images: &[DesiredImage], ids: &[String]) -> Result<Vec<usize>, Stop> {
    let known = || images.iter().map(|image| image.id.as_str());
    let unknown = |id: &String| {
        let hint = match did_you_mean(id, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", list(&known().take(20).collect::<Vec<_>>(), "and")),
        };
        Diagnostic::error(format!("the manifest has no image `{id}`")).hint(hint)
    };
    let diagnostics: Vec<Diagnostic> =
        ids.iter().filter(|id| !known().any(|known| known == *id)).map(unknown).collect();
    if !diagnostics.is_empty() {
        return Err(Stop::Input { exit: ExitStatus::Usage, diagnostics, text: String::new() });
    }
    let wanted = |image: &DesiredImage| ids.is_empty() || ids.contains(&image.id);
    Ok((0..images.len()).filter(|i| wanted(&images[*i])).collect())
}
