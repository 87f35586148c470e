//! `occ doctor`: looks at all that a sync depends on. Changes nothing.

mod repository;

use std::collections::BTreeMap;

use crate::cli::args::LONG_VERSION;
use crate::cli::doctor::repository::Repository;
use crate::cli::plan::Heard;
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::why::logins;
use crate::cli::{Done, Stop};
use crate::engine::docker::client::{DEFAULT_TIMEOUTS, DockerClient};
use crate::engine::docker::endpoint::Endpoint;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::{Builder, Engine as _};
use crate::observe::inspect;
use crate::observe::reach::{Else, not_asked, one_each, reach, unserved};
use crate::observe::registries::Registries;
use crate::observe::signatures;
use crate::render;
use crate::render::sections::Sections;
use crate::state::check::{self, Check, State};
use crate::state::desired::{DesiredImage, PullPolicy};
use crate::state::obstacle::Obstacle;
use crate::state::verify::Verify;
use crate::words::diagnostic::Diagnostic;
use crate::words::duration::Timeouts;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings) -> Result<Done, Stop> {
    let (version, template) = LONG_VERSION.split_once("\ntemplate ").unwrap_or((LONG_VERSION, ""));
    let mut checks = vec![Check::ok("occ", version), Check::ok("template", template)];
    let repository = Repository::look(settings);
    checks.extend(repository.checks.iter().cloned());
    let timeouts = repository.desired.as_ref().map_or(DEFAULT_TIMEOUTS, |it| it.timeouts);
    let (found, client) = connect(settings, timeouts);
    checks.extend(found);
    let more = engine(settings, client.as_ref(), &repository, timeouts);
    checks.extend(block_on(settings, more, || {})?.map_err(cut_short)?);
    for check in &checks {
        tell(settings, check);
    }
    let shown = |check: &&Check| !settings.quiet || check.state != State::Ok;
    let lines: Vec<&Check> = checks.iter().filter(shown).collect();
    let text = render::doctor::doctor(&lines, settings.quiet, settings.out);
    let exit = check::exit(&checks);
    let sections = Sections { doctor: Some(checks), ..Sections::default() };
    Ok(Done::with_text(exit, text).with(sections))
}

/// A failure is a diagnostic of the document, too, unless its own ones say more.
fn tell(settings: &Settings, check: &Check) {
    let Some(code) = check.code.filter(|_| !matches!(check.name, "manifest" | "lock")) else {
        return;
    };
    let about = check.about.iter().map(|about| format!(" `{about}`"));
    let what = format!("{}{}: {}", check.name, about.collect::<String>(), check.text);
    let mut diagnostic = Diagnostic::error(what).code(code);
    diagnostic.hints.extend(check.hint.clone());
    settings.told.push(diagnostic);
}

/// The endpoint, and a client for it. Nothing is sent yet.
fn connect(settings: &Settings, timeouts: Timeouts) -> (Vec<Check>, Option<DockerClient>) {
    let endpoint = match Endpoint::resolve(&settings.endpoint) {
        Ok(endpoint) => endpoint,
        Err(error) => return (vec![failed("endpoint", &error)], None),
    };
    let text = format!("{}, {}", endpoint.address, endpoint.why);
    let check = match endpoint.warning() {
        Some(warning) => Check::warn("endpoint", text).hint(warning),
        None => Check::ok("endpoint", text),
    };
    match DockerClient::with_endpoint(endpoint, timeouts) {
        Ok(client) => (vec![check], Some(client)),
        Err(error) => (vec![check, failed("engine", &error)], None),
    }
}

/// That the engine can't be used.
fn failed(name: &'static str, error: &EngineError) -> Check {
    let exit = match error.kind {
        EngineErrorKind::Address => ExitStatus::Usage,
        _ => ExitStatus::Engine,
    };
    Check::fail(name, error.to_string(), error.code(), exit).hinted(error.hint.clone())
}

/// The engine, and what is asked through it; without one, what can be known all the same.
async fn engine(
    settings: &Settings,
    client: Option<&DockerClient>,
    repository: &Repository,
    timeouts: Timeouts,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let store = settings.environment.credentials();
    let heard = Heard::default();
    let progress = heard.listen();
    let registries = Registries::new(&store, &progress);
    let references = one_each(repository.references());
    let about = match client {
        Some(client) => Some((client, client.about().await)),
        None => None,
    };
    if let Some((client, Ok(facts))) = about {
        checks.extend(check::engine(&facts));
        checks.push(builder(client).await);
        match reach(client, &registries, references, timeouts).await {
            Ok(reached) => {
                checks.extend(reached.iter().map(|it| it.check(timeouts)));
                let is_locked = settings.environment.is_ci() && repository.has_lock;
                for image in repository.images() {
                    let unserved = |is_held| unserved(image, &reached, Else { is_held, is_locked });
                    if unserved(false).is_some() {
                        checks.extend(unserved(is_held(client, image).await));
                    }
                }
            }
            Err(error) => checks.push(failed("engine", &error)),
        }
    } else {
        checks.extend(about.and_then(|(_, told)| told.err()).map(|it| failed("engine", &it)));
        let hosts = references.into_iter().map(|it| it.repository.registry);
        let logins = logins(&store, &progress, hosts).await;
        let not_asked = logins.iter().map(|it| not_asked(&it.registry, it.found_in.as_deref()));
        checks.extend(not_asked);
    }
    checks.extend(keys(repository).await);
    let heard = heard.take().into_iter();
    checks.extend(heard.map(|warning| Check::warn("credentials", warning.message)));
    checks
}

/// The keys that images have to be signed with.
async fn keys(repository: &Repository) -> Vec<Check> {
    let wanted = repository.images().iter().filter_map(|image| image.verify.as_ref());
    // One each, in the order of their names.
    let keys: BTreeMap<&str, &Verify> = wanted.map(|it| (&*it.shown, it)).collect();
    let mut checks = Vec::new();
    for (shown, verify) in keys {
        checks.push(match signatures::key(verify).await {
            Ok(_) => Check::ok("key", "it can be used").about(shown),
            Err(Obstacle { reason, code, hints, .. }) => {
                Check::fail("key", reason, code, ExitStatus::Unverified)
                    .about(shown)
                    .hinted(hints.into_iter().next())
            }
        });
    }
    checks
}

async fn builder(client: &DockerClient) -> Check {
    match client.builder().await {
        Ok(Builder::BuildKit) => Check::ok("builder", "BuildKit, over the engine's own API"),
        Ok(Builder::Other) => Check::ok("builder", "the engine's own"),
        Ok(Builder::Classic(why)) => Check::warn("builder", format!("the classic one: {why}"))
            .hint("it has neither secrets nor ssh agents, and takes an older syntax"),
        Err(error) => failed("builder", &error),
    }
}

/// Whether the engine has what is wanted of an image, so that no source is asked for it.
async fn is_held(client: &DockerClient, image: &DesiredImage) -> bool {
    let Ok(Some(facts)) = inspect(client, &image.name.canonical()).await else { return false };
    match image.wanted() {
        Some((wanted, _)) => facts.is(wanted),
        None => image.pull_policy == PullPolicy::Missing,
    }
}
