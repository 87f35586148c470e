//! What `plan`, `sync` and `status` have in common: the manifest's images that were
//! asked for, the engine, and the plan between the two.

use futures_util::future::try_join_all;

use crate::cli::args::{ConsentArgs, UsingLockArgs};
use crate::cli::consent;
use crate::cli::environment::Environment;
use crate::cli::find::{load_from, locate};
use crate::cli::locking::Locking;
use crate::cli::settings::Settings;
use crate::cli::{Stop, show};
use crate::context::cache::Cache;
use crate::engine::docker::client::DockerClient;
use crate::engine::docker::endpoint::Endpoint;
use crate::execute::Handed;
use crate::lock::Mode;
use crate::lock::fresh::{Todo, Wanted};
use crate::manifest::Place;
use crate::observe::moved::moved;
use crate::observe::registries::Registries;
use crate::observe::signatures::Signatures;
use crate::observe::{self, Trees, observe};
use crate::plan::reasons::{Consent, LockSays};
use crate::plan::reconcile::{Policy, misapplied, reconcile};
use crate::plan::step::Plan;
use crate::resolve::{How, Resolver};
use crate::state::consent::{Reach, asks, may_be_built};
use crate::state::desired::{Desired, DesiredImage, PullPolicy};
use crate::state::observed::Observed;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::duration::Timeouts;
use crate::words::exit::ExitStatus;
use crate::words::grant::{Grant, Grants};
use crate::words::text::{did_you_mean, list};

/// What a command was asked to do.
pub(super) struct Asked<'a> {
    /// With which images; all of them if none is named.
    pub(super) ids: &'a [String],
    pub(super) policy: Policy,
    pub(super) consent: &'a ConsentArgs,
    pub(super) using: &'a UsingLockArgs,
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
    locking: Locking,
    handed: Handed,
    place: Place,
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
        settings.declared(&desired);
        default_platform(&mut desired, settings)?;
        let chosen = choose(&desired.images, ids)?;
        let locking = Locking::new(settings, asked.using, &place, &mut desired)?;
        let policy = Policy { locked: locking.mode == Mode::Locked, ..policy };
        let looking = observe::Options {
            strategy: policy.strategy,
            cache: Cache::new(settings.environment.cache_dir()),
            reread: asked.reread,
            offline: policy.offline,
        };
        let handed = Handed::default();
        let found = place.clone();
        let mut job = Self { desired, chosen, policy, looking, locking, handed, place };
        let misapplied = policy.strategy.map(|strategy| misapplied(&job.images(), strategy));
        if let Some(diagnostics) = misapplied.filter(|found| !found.is_empty()) {
            return Err(Stop::Input { exit: ExitStatus::Usage, diagnostics, text: String::new() });
        }
        let found = consent::Manifest { place: &found, text: &parsed.text };
        job.resolve(settings, &found, asked)?;
        Ok(job)
    }

    /// Gets consent to what the images ask for, gives their build arguments values, and
    /// keeps for their builds what is for nobody else.
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
        let secrets = asks.iter().filter_map(|ask| ask.grant.secret_variable());
        let handed = Environment::handed(secrets, asks.iter().any(|ask| ask.grant == Grant::Ssh));
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
        self.handed = handed;
        if unset.is_empty() {
            return Ok(());
        }
        let text = manifest.text.to_owned();
        Err(Stop::Input { exit: ExitStatus::Usage, diagnostics: unset, text })
    }

    pub(super) fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What the lock says of an image.
    pub(super) fn lock_says(&self, id: &str) -> LockSays {
        self.locking.says(id)
    }

    /// What the build of an image asks for, and who allowed it. A variable that was not
    /// allowed ends a job before it begins, unless somebody said yes at the terminal.
    pub(super) fn consent(
        &self,
        settings: &Settings,
        image: &DesiredImage,
        allowed: &[Grants],
    ) -> Result<Vec<Consent>, Stop> {
        let asks = asks([image], Reach::Build);
        let given = consent::given(settings, &self.place, &asks, allowed)?;
        let by = |grant: &Grant| {
            let asked = grant.variable().map(|_| "you, at the terminal");
            given.get(grant).copied().or(asked)
        };
        let told = asks.iter().map(|ask| Consent {
            grant: ask.grant.to_string(),
            what: ask.grant.words(),
            allowed_by: by(&ask.grant),
        });
        Ok(told.collect())
    }

    /// What the user hands to builds.
    pub(super) fn handed(&self) -> Handed {
        self.handed.clone()
    }

    /// Where what was read is remembered.
    pub(super) fn cache(&self) -> Cache {
        self.looking.cache.clone()
    }

    pub(super) fn images(&self) -> Vec<&DesiredImage> {
        self.chosen.iter().map(|i| &self.desired.images[*i]).collect()
    }

    pub(super) fn connect(&self, settings: &Settings) -> Result<DockerClient, Stop> {
        connect(settings, self.desired.timeouts)
    }

    /// Locks what is missing, as far as that can be found out without waiting, and writes
    /// it. What can't be locked goes by its tag.
    pub(super) async fn lock(
        &mut self,
        client: &DockerClient,
        registries: &Registries<'_>,
        signatures: &Signatures,
    ) -> Result<(), Stop> {
        if self.policy.offline || self.policy.strategy.is_some() {
            return Ok(());
        }
        let chosen: Vec<String> = self.images().iter().map(|image| image.id.clone()).collect();
        let ids: Vec<&str> = chosen.iter().map(String::as_str).collect();
        let Timeouts { patience, stall, .. } = self.desired.timeouts;
        let how = How::First(patience);
        let resolver = Resolver { engine: client, registries, signatures, how, stall };
        self.locking.add(&ids, &resolver, &mut self.desired).await
    }

    /// Looks at the engine and makes the plan. Nothing is changed. Without `registries`
    /// none is asked.
    pub(super) async fn plan(
        &self,
        client: &DockerClient,
        registries: Option<&Registries<'_>>,
    ) -> Result<(Plan, Observed, Trees), Stop> {
        let images = self.images();
        let registries = registries.filter(|_| !self.policy.offline);
        let seen = observe(client, &self.desired, &images, &self.looking, registries).await;
        let (observed, trees) = seen.map_err(Stop::Engine)?;
        let plan = reconcile(&self.desired, &observed, self.policy).map_err(|diagnostics| {
            Stop::Input { exit: ExitStatus::Data, diagnostics, text: String::new() }
        })?;
        Ok((self.with_locking(plan), observed, trees))
    }

    /// The plan with what is locked on the way.
    fn with_locking(&self, mut plan: Plan) -> Plan {
        for (wanted, todo) in self.to_lock() {
            let Some(image) = plan.images.iter_mut().find(|image| image.id == wanted.id) else {
                continue;
            };
            let bases = todo.bases.iter().map(|(base, question)| (base, question.is_open()));
            let sources = wanted.sources.iter().map(|source| (source, todo.digest.is_open()));
            let asked = bases.chain(sources).filter(|(_, is_open)| *is_open);
            image.to_lock = asked.map(|(it, _)| it.repository.registry.clone()).collect();
        }
        plan
    }

    /// What has to be found out to lock what is missing.
    fn to_lock(&self) -> Vec<(&Wanted, Todo)> {
        if self.policy.offline || self.policy.strategy.is_some() {
            return Vec::new();
        }
        let images = self.images();
        let ids: Vec<&str> = images.iter().map(|image| image.id.as_str()).collect();
        self.locking.todo(&ids)
    }

    /// What moved in the registries, by the image's id: of the images that were looked at,
    /// or only of those whose tag is to be asked about each time although it is pinned.
    pub(super) async fn moved(
        &self,
        client: &DockerClient,
        registries: &Registries<'_>,
        observed: &Observed,
        all: bool,
    ) -> Result<Vec<(String, String)>, Stop> {
        let asked = self.desired.images.iter().filter_map(|image| {
            let always = image.pull_policy == PullPolicy::Always && image.wanted().is_some();
            Some((image, observed.images.get(&image.id).filter(|_| all || always)?))
        });
        let told = asked.map(|(image, seen)| async move {
            let told = moved(client, registries, image, seen).await?;
            Ok(told.into_iter().map(|it| (image.id.clone(), it)))
        });
        let told = try_join_all(told).await.map_err(Stop::Engine)?;
        Ok(told.into_iter().flatten().collect())
    }
}

/// Finds the engine. Nothing is sent to it yet.
pub(super) fn connect(settings: &Settings, timeouts: Timeouts) -> Result<DockerClient, Stop> {
    let endpoint = Endpoint::resolve(&settings.endpoint).map_err(Stop::Engine)?;
    tracing::info!(address = %endpoint.address, why = %endpoint.why, "engine");
    if let Some(warning) = endpoint.warning() {
        show(&[Diagnostic::warning(warning)], "", settings);
    }
    DockerClient::with_endpoint(endpoint, timeouts).map_err(Stop::Engine)
}

/// `DOCKER_DEFAULT_PLATFORM`, for images that leave their platform to the engine.
pub(super) fn default_platform(desired: &mut Desired, settings: &Settings) -> Result<(), Stop> {
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
    unknown_ids(images, ids)?;
    let wanted = |image: &DesiredImage| ids.is_empty() || ids.contains(&image.id);
    Ok((0..images.len()).filter(|i| wanted(&images[*i])).collect())
}

/// An error for each id that the manifest does not have.
pub(super) fn unknown_ids(images: &[DesiredImage], ids: &[String]) -> Result<(), Stop> {
    let known = || images.iter().map(|image| image.id.as_str());
    let unknown = |id: &String| {
        let hint = match did_you_mean(id, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it has {}", list(&known().take(20).collect::<Vec<_>>(), "and")),
        };
        Diagnostic::error(format!("the manifest has no image `{id}`")).code(Code::Usage).hint(hint)
    };
    let diagnostics: Vec<Diagnostic> =
        ids.iter().filter(|id| !known().any(|known| known == *id)).map(unknown).collect();
    if diagnostics.is_empty() {
        return Ok(());
    }
    Err(Stop::Input { exit: ExitStatus::Usage, diagnostics, text: String::new() })
}
