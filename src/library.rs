//! The library's way through: a manifest, a plan, a sync, without the command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::credentials::CredentialStore;
use crate::engine::docker::client::DockerClient;
use crate::engine::error::EngineError;
use crate::execute::report::Report;
use crate::execute::{Handed, Ledger, Options, Run, execute};
use crate::lock::apply::locked;
use crate::lock::{self, Mode};
use crate::manifest::{Place, parse};
use crate::observe::registries::Registries;
use crate::observe::{self, Trees, observe};
use crate::plan::reconcile::{Policy, reconcile};
use crate::plan::step::Plan;
use crate::resolve::demand::{Demand, Problem, demand};
use crate::state::args::Variables;
use crate::state::consent::{Reach, asks, missing, refusal};
use crate::state::desired::{Desired, DesiredImage};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::event::ProgressReporter;
use crate::words::grant::{Ask, Grant, GrantError};

/// A manifest that was read and found valid.
///
/// ```
/// use std::path::Path;
///
/// let text = "version = 1\n[images.db]\nname = \"postgres\"\ntag = \"17\"\n";
/// let (manifest, warnings) = occ::Manifest::parse(text, Path::new("/project")).unwrap();
/// assert_eq!(manifest.ids().collect::<Vec<_>>(), ["db"]);
/// assert!(warnings.is_empty());
///
/// let mistakes = occ::Manifest::parse("verson = 1\n", Path::new("/project")).unwrap_err();
/// assert_eq!(mistakes[0].line, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Manifest {
    desired: Desired,
    given: BTreeSet<Grant>,
    handed: Handed,
    is_locked: bool,
}

/// Why a plan or a sync could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The engine failed before there was a plan.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The manifest asks for what can't be done: images that are built on each other.
    #[error("the manifest asks for what can't be done")]
    Unsupported(Vec<Diagnostic>),
    /// The manifest asks for what was not allowed: see [`Manifest::allow`].
    #[error("the manifest asks for what was not allowed")]
    NotAllowed(Vec<Diagnostic>),
}

impl Manifest {
    /// Reads and validates the text of an `opencode.toml` that stands in `dir`, an
    /// absolute path. Builds read nothing outside of that directory.
    ///
    /// The second part of the result are warnings. The error is every mistake at once.
    pub fn parse(text: &str, dir: &Path) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let file = PathBuf::from("opencode.toml");
        let place = Place { file, dir: dir.to_owned(), root: dir.to_owned() };
        let parsed = parse(text.as_bytes(), &place);
        match parsed.desired {
            Some(desired) => {
                let (given, handed) = (BTreeSet::new(), Handed::default());
                let manifest = Self { desired, given, handed, is_locked: false };
                Ok((manifest, parsed.diagnostics))
            }
            None => Err(parsed.diagnostics),
        }
    }

    /// What it asks for beyond its own directory, each once: `env=NAME` is an environment
    /// variable for a build argument, `secret=env:NAME` and `secret=file:PATH` are a secret
    /// of a build, `ssh` is the ssh agent, `network=host` a build on the host's network.
    pub fn asks(&self) -> Vec<String> {
        let asks = asks(&self.desired.images, Reach::Build);
        asks.iter().map(|ask| ask.grant.to_string()).collect()
    }

    /// The same manifest with some of that allowed. `variable` is called for each variable
    /// that is, and for no other; `ssh` allows `SSH_AUTH_SOCK`. The error is what is no grant,
    /// and each build argument whose variables are allowed and that still has no value.
    pub fn allow<'a>(
        mut self,
        grants: impl IntoIterator<Item = &'a str>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let parse = |grant: &str| {
            let wrong = |error: GrantError| Diagnostic::error(error.to_string()).code(Code::Usage);
            grant.parse().map_err(|error| vec![wrong(error)])
        };
        for grant in grants {
            self.given.insert(parse(grant)?);
        }
        let read = |name: &str| Some((name.to_owned(), variable(name)?));
        let names = self.given.iter().filter_map(Grant::variable);
        let variables: Variables = names.filter_map(read).collect();
        let secrets = self.given.iter().filter_map(Grant::secret_variable);
        self.handed.variables.extend(secrets.filter_map(read));
        if self.given.contains(&Grant::Ssh) {
            let agent = variable("SSH_AUTH_SOCK");
            self.handed.ssh_auth_sock = agent.or(self.handed.ssh_auth_sock);
        }
        let mut errors = Vec::new();
        for build in self.desired.images.iter_mut().filter_map(|image| image.build.as_mut()) {
            let is_given =
                |ask: &Ask| ask.grant.variable().is_none() || self.given.contains(&ask.grant);
            if build.asks.iter().all(is_given) {
                errors.extend(build.resolve(&variables));
            }
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// The same manifest with a lock, the text of its `opencode.lock`: only these bytes will
    /// do, whichever source serves them. Without one, tags decide. Dockerfiles are read for
    /// it, and nobody is asked.
    ///
    /// The error is every mistake in the lock, or everything in which it is not what the
    /// manifest and its Dockerfiles say.
    pub fn lock(mut self, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let read = lock::read(text.as_bytes(), Path::new("opencode.lock"));
        let lock = read.lock.ok_or(read.diagnostics)?;
        let names: Vec<String> = self.desired.names().into_keys().collect();
        let ids: Vec<String> = self.desired.names().into_values().map(str::to_owned).collect();
        let names = names.into_iter().zip(ids.iter().map(String::as_str)).collect();
        let mut errors = Vec::new();
        for image in &mut self.desired.images {
            let Demand { wanted, problem, .. } = demand(image, &names);
            let about = |what: &str| {
                let what = format!("the image `{}` {what}", image.id);
                Diagnostic::error(what).code(Code::LockStale)
            };
            let Some(entry) = lock.get(&image.id) else {
                errors.push(about("is not locked"));
                continue;
            };
            match problem {
                Some(Problem::Unlockable(why, _) | Problem::Unreadable(why)) => {
                    let error = about(&format!("can't be locked: {why}"));
                    errors.push(error.code(Code::NotLockable));
                }
                None => errors.extend(
                    wanted
                        .differences(entry)
                        .iter()
                        .map(|it| about(&format!("is locked otherwise: {it}"))),
                ),
            }
            image.locked = locked(entry, &wanted, Mode::Locked);
        }
        self.is_locked = true;
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// The ids of its images, in its order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.desired.images.iter().map(|image| image.id.as_str())
    }
}

impl DockerClient {
    /// What [`sync`](Self::sync) would do, and why. Changes nothing, asks no registry: the
    /// bases of a build with `pull = true` count as the engine holds them.
    pub async fn plan(&self, manifest: &Manifest) -> Result<Plan, SyncError> {
        Ok(self.look(manifest, Reach::Look, None).await?.0)
    }

    /// Makes the engine hold what the manifest declares, with the credentials of
    /// `docker_config`, the Docker CLI's configuration directory (`None`: without any).
    ///
    /// Failures of images are in the report. Dropping the future cancels the engine's
    /// work. The future is not `Send`: run it with `block_on` or on a `LocalSet`.
    pub async fn sync(
        &self,
        manifest: &Manifest,
        docker_config: Option<&Path>,
        progress: &ProgressReporter,
    ) -> Result<Report, SyncError> {
        let credentials =
            Arc::new(CredentialStore::new(docker_config.map(Path::to_owned), search_path()));
        let registries = Registries::new(&credentials, progress);
        let (plan, trees) = self.look(manifest, Reach::Build, Some(&registries)).await?;
        plan.warn(progress);
        let Desired { timeouts, limits, .. } = manifest.desired;
        let options = Options::default();
        let run = Run::new(self, &credentials, progress.clone(), (timeouts, limits), options);
        let run = run.with_handed(manifest.handed.clone());
        let ledger = Ledger::new(&plan);
        execute(&run, &plan, &trees, &ledger).await;
        Ok(ledger.report())
    }

    async fn look(
        &self,
        manifest: &Manifest,
        reach: Reach,
        registries: Option<&Registries<'_>>,
    ) -> Result<(Plan, Trees), SyncError> {
        let images: Vec<&DesiredImage> = manifest.desired.images.iter().collect();
        let asks = asks(&manifest.desired.images, reach);
        let missing = missing(&asks, &manifest.given);
        if !missing.is_empty() {
            return Err(SyncError::NotAllowed(refusal(&missing, "`Manifest::allow` allows it")));
        }
        let (observed, trees) =
            observe(self, &manifest.desired, &images, &observe::Options::default(), registries)
                .await?;
        let policy = Policy { locked: manifest.is_locked, ..Policy::default() };
        let plan = reconcile(&manifest.desired, &observed, policy);
        Ok((plan.map_err(SyncError::Unsupported)?, trees))
    }
}

/// Where credential helpers are looked for.
#[expect(clippy::disallowed_methods, reason = "a library has no settings to take it from")]
fn search_path() -> Option<std::ffi::OsString> {
    std::env::var_os("PATH")
}
