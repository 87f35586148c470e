//! Whether registries answer, each asked once, as a sync would ask it.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::timeout;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::observe::registries::{Registries, Told};
use crate::observe::{AT_ONCE, AT_ONCE_REMOTE};
use crate::state::check::Check;
use crate::state::desired::{DesiredImage, Strategy};
use crate::words::duration::{Span, Timeouts};
use crate::words::failure::FailureClass;
use crate::words::reference::{DOCKER_HUB, Reference};

/// A registry that was asked.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// What it was asked about.
    pub(crate) reference: Reference,
    /// What it said; `None` where it said nothing in time.
    pub(crate) told: Option<Told>,
    /// It took longer than sync would wait for it alone.
    pub(crate) is_slow: bool,
    /// Where the user's credentials for it are.
    pub(crate) login: Option<String>,
}

/// The first reference of each registry: one question tells whether it answers.
pub(crate) fn one_each(references: impl IntoIterator<Item = Reference>) -> Vec<Reference> {
    let mut known = BTreeSet::new();
    let mut first = Vec::new();
    for reference in references {
        if known.insert(reference.repository.registry.clone()) {
            first.push(reference);
        }
    }
    first
}

/// Asks side by side. The error is the engine's end.
pub(crate) async fn reach<E: Engine>(
    engine: &E,
    registries: &Registries<'_>,
    references: Vec<Reference>,
    limits: Timeouts,
) -> Result<Vec<Reached>, EngineError> {
    let one = async |reference: Reference| {
        // A helper that takes its time makes no registry slow.
        let login = registries.credentials(&reference).await.map(|found| found.origin);
        let (told, is_slow) = {
            let mut asked = pin!(registries.ask(engine, &reference));
            if let Some(told) = within(limits.patience, &mut asked).await {
                (Some(told?), false)
            } else {
                let waited = limits.patience.unwrap_or_default();
                let rest = limits.connect.map(|limit| limit.saturating_sub(waited));
                (within(rest, asked).await.transpose()?, true)
            }
        };
        Ok(Reached { reference, told, is_slow, login })
    };
    let at_once = if engine.is_local() { AT_ONCE } else { AT_ONCE_REMOTE };
    stream::iter(references).map(one).buffered(at_once).try_collect().await
}

/// What comes of it in this time; without a limit, whenever it comes.
async fn within<T>(limit: Option<Duration>, asked: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout(limit, asked).await.ok(),
        None => Some(asked.await),
    }
}

impl Reached {
    /// Why nothing can be had from it, whatever it has.
    fn unusable(&self) -> Option<FailureClass> {
        match &self.told {
            None => Some(FailureClass::Stalled),
            Some(Told::Digest(..) | Told::Unavailable) => None,
            Some(Told::Failed(obstacle)) => match obstacle.class {
                FailureClass::NotFound
                | FailureClass::AbsentOrPrivate
                | FailureClass::MissingBlob => None,
                class => Some(class),
            },
        }
    }

    /// What that means for a sync. No registry by itself is in the way of one: another may
    /// serve.
    pub(crate) fn check(&self, limits: Timeouts) -> Check {
        let host = &self.reference.repository.registry;
        let login = match &self.login {
            Some(place) => format!("with the login from `{place}`"),
            None => "without a login".to_owned(),
        };
        let reference = &self.reference;
        let shown = |limit: Option<Duration>| Span(limit.unwrap_or_default()).to_string();
        let check = match &self.told {
            None => {
                let limit = shown(limits.connect.max(limits.patience));
                Check::warn("registry", format!("no answer within {limit}, asked {login}"))
                    .hint("a silent source is overtaken by the next one in its list")
            }
            Some(Told::Unavailable) => {
                let what = "not known: this engine can't ask registries without pulling";
                Check::ok("registry", format!("{what}; it is used {login}"))
            }
            Some(Told::Failed(obstacle)) => {
                let hint = obstacle.hints.first().cloned();
                match (self.unusable(), obstacle.class) {
                    (None, FailureClass::NotFound) => {
                        let what = format!("reached {login}; it has no `{reference}`");
                        Check::ok("registry", what)
                    }
                    (None, _) => {
                        let reason = &obstacle.reason;
                        let what = format!("reached {login}; `{reference}`: {reason}");
                        Check::warn("registry", what).hinted(hint)
                    }
                    (Some(_), _) => {
                        let what = format!("{}, asked {login}", obstacle.reason);
                        Check::warn("registry", what).hinted(hint)
                    }
                }
            }
            Some(Told::Digest(..)) if self.is_slow => {
                let patience = shown(limits.patience);
                let what = format!("reached {login}, but it took longer than {patience}");
                Check::warn("registry", what)
                    .hint("sync asks the next source beside it; `patience` says after how long")
            }
            Some(Told::Digest(..)) => Check::ok("registry", format!("reached {login}")),
        };
        anonymous_hub(host, self.login.is_some(), check.about(host))
    }
}

/// Where nobody is asked: the login alone.
pub(crate) fn not_asked(registry: &str, login: Option<&str>) -> Check {
    let login = match login {
        Some(place) => format!("there is a login in `{place}`"),
        None => "there is no login".to_owned(),
    };
    let check = Check::warn("registry", format!("not asked: no engine answers; {login}"));
    anonymous_hub(registry, login.contains('`'), check.about(registry))
}

/// Docker Hub serves less to those that it does not know.
fn anonymous_hub(registry: &str, has_login: bool, check: Check) -> Check {
    let hint = "Docker Hub serves a limited number of pulls without a login: `docker login`";
    let hint = (registry == DOCKER_HUB && !has_login).then(|| hint.to_owned());
    check.hinted(hint)
}

/// What else counts for an image that no source can serve.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Else {
    /// The engine has it, so no source is needed.
    pub(crate) is_held: bool,
    /// Only the locked bytes will do, and no build has those.
    pub(crate) is_locked: bool,
}

/// That an image can be had from none of its sources now, where it is so.
pub(crate) fn unserved(
    image: &DesiredImage,
    reached: &[Reached],
    Else { is_held, is_locked }: Else,
) -> Option<Check> {
    let hosts = image.lockable_sources().map(|source| &source.reference.repository.registry);
    let of = |host: &String| {
        let asked = reached.iter().find(|it| it.reference.repository.registry == *host);
        asked.and_then(Reached::unusable)
    };
    let classes: Vec<FailureClass> = hosts.map(of).collect::<Option<_>>()?;
    let decisive = FailureClass::decisive(&classes)?;
    let what = "none of its sources can serve it now";
    let may_build = image.strategy == Strategy::PullThenBuild
        && !(is_locked && image.wanted().is_some())
        && classes
            .iter()
            .all(|class| class.build_on().is_some_and(|kind| image.build_on.contains(&kind)));
    let check = match (is_held, may_build) {
        (true, _) => Check::warn("image", format!("{what}, and the engine has it")),
        (false, true) => Check::warn("image", format!("{what}, so it would be built")),
        (false, false) => Check::fail("image", what, decisive.code(), FailureClass::exit(&classes))
            .hint("the lines about its registries say why"),
    };
    Some(check.about(&image.id))
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
