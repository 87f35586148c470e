//! Floor 3: registry credentials from the Docker CLI's configuration.
//!
//! Nothing is read before the first registry is about to be asked: a sync that
//! has nothing to do opens no file. What goes wrong here is a warning, and the
//! registry is then asked without credentials.

mod config;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod helper;
mod lookup;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::engine::Credentials;
use crate::engine::credentials::config::Config;
use crate::words::event::ProgressReporter;

/// How long a credential helper may take. Long enough for a keychain on a slow
/// disk, short enough not to look like a hang.
const HELPER_LIMIT: Duration = Duration::from_secs(10);

/// The user's registry credentials: each registry's own, and no other's.
pub(crate) struct CredentialStore {
    /// The configuration file, where its place is known.
    file: Option<PathBuf>,
    /// `PATH`, where the helpers are.
    path: Option<OsString>,
    helper_limit: Duration,
    config: OnceCell<Config>,
    /// One cell a registry, so that several pulls from it ask a helper once and
    /// a slow helper delays no other registry.
    found: Mutex<BTreeMap<String, Arc<OnceCell<Option<Credentials>>>>>,
    warned: Mutex<BTreeSet<String>>,
}

impl CredentialStore {
    /// A store over `config.json` in `config_dir`, with the helpers on `path_env`.
    ///
    /// This reads nothing. Without a folder there are no credentials.
    pub(crate) fn new(config_dir: Option<PathBuf>, path_env: Option<OsString>) -> Self {
        Self {
            file: config_dir.map(|dir| dir.join("config.json")),
            path: path_env,
            helper_limit: HELPER_LIMIT,
            config: OnceCell::new(),
            found: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// The credentials for a registry host, as [`Repository`](crate::words::reference::Repository)
    /// names it; `None` where it is to be asked without.
    ///
    /// The answer is kept for the life of the store, and each problem is told once.
    pub(crate) async fn get(
        &self,
        registry: &str,
        progress: &ProgressReporter,
    ) -> Option<Credentials> {
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry(registry.to_owned()).or_default())
        };
        let found = cell.get_or_init(|| self.find(registry, progress)).await;
        let from = found.as_ref().map_or("none found", |credentials| &credentials.origin);
        tracing::debug!(registry, from, "credentials");
        found.clone()
    }

    /// Asks the helper where one is configured, else the file.
    async fn find(&self, registry: &str, progress: &ProgressReporter) -> Option<Credentials> {
        let file = self.file.as_ref()?;
        let origin = file.display().to_string();
        let config = self
            .config
            .get_or_init(async || {
                config::read(file).unwrap_or_else(|problem| {
                    self.warn(progress, &format_args!("{problem}: `{origin}` is not used"));
                    Config::default()
                })
            })
            .await;
        let server = lookup::server(registry);
        if let Some(name) = lookup::helper(config, server) {
            let limit = tokio::time::sleep(self.helper_limit);
            match helper::ask(name, server, self.path.as_deref(), limit).await {
                Ok(answer) => return answer,
                Err(problem) => self.warn(
                    progress,
                    &format_args!("{problem}: the helper, named in `{origin}`, is not used"),
                ),
            }
        }
        match lookup::entry(config, server) {
            Ok(found) => found.map(|credentials| Credentials { origin, ..credentials }),
            Err(problem) => {
                self.warn(progress, &format_args!("{problem}: `{origin}` is not used for it"));
                None
            }
        }
    }

    /// Warns, but not twice in the same words.
    fn warn(&self, progress: &ProgressReporter, problem: &dyn Display) {
        let message = problem.to_string();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(message.clone()) {
            drop(warned);
            progress.warn(None, message);
        }
    }
}

impl fmt::Debug for CredentialStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialStore").field("file", &self.file).finish_non_exhaustive()
    }
}
