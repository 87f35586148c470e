//! What of a sync is decided before anybody is asked: the manifest, the lock, and consent.

use crate::cli::Stop;
use crate::cli::consent;
use crate::cli::find::{load_from, locate};
use crate::cli::job::default_platform;
use crate::cli::lockfile::LockFile;
use crate::cli::locking::{Locking, demands};
use crate::cli::settings::Settings;
use crate::lock::Mode;
use crate::manifest::Place;
use crate::resolve::demand::Demand;
use crate::state::check::Check;
use crate::state::consent::{Reach, asks, flag, may_be_built};
use crate::state::desired::{Desired, DesiredImage, Strategy};
use crate::words::code::Code;
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::exit::ExitStatus;
use crate::words::reference::Reference;
use crate::words::text::count;

/// What was found where occ was started.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) checks: Vec<Check>,
    /// What the manifest asks for, where there is a good one.
    pub(super) desired: Option<Desired>,
    /// Whether there is a lock. In CI nothing else will do then.
    pub(super) has_lock: bool,
    /// What its Dockerfiles name.
    demands: Vec<Demand>,
}

impl Repository {
    /// Looks at it. What is wrong is in the checks, and told in full for the document.
    pub(super) fn look(settings: &Settings) -> Self {
        let mut found = Self::default();
        match manifest(settings) {
            Ok((check, place, desired)) => {
                found.checks.push(check);
                found.read(settings, &place, desired);
            }
            Err(check) => found.checks.push(check),
        }
        found
    }

    fn read(&mut self, settings: &Settings, place: &Place, mut desired: Desired) {
        if let Some((text, _)) = settings.environment.default_platform() {
            self.checks.push(match default_platform(&mut desired, settings) {
                Ok(()) => Check::ok("platform", format!("{text}, from `DOCKER_DEFAULT_PLATFORM`")),
                Err(stop) => stopped(settings, "platform", stop),
            });
        }
        match LockFile::open(&place.file) {
            Ok(file) => {
                let demands = demands(&desired, file.lock.as_ref());
                let locking = Locking { mode: Mode::Keep, file, demands };
                self.checks.push(lock(settings, &locking));
                locking.apply(&mut desired);
                self.has_lock = locking.file.lock.is_some();
                self.demands = locking.demands;
            }
            Err(stop) => {
                self.checks.push(stopped(settings, "lock", stop));
                self.demands = demands(&desired, None);
            }
        }
        self.checks.push(consent(settings, place, &desired));
        self.desired = Some(desired);
    }

    /// The images of the manifest.
    pub(super) fn images(&self) -> &[DesiredImage] {
        self.desired.as_ref().map_or(&[], |desired| &desired.images)
    }

    /// All that a registry could be asked about: sources, then what Dockerfiles name.
    pub(super) fn references(&self) -> impl Iterator<Item = Reference> {
        let sources = self.images().iter().flat_map(DesiredImage::lockable_sources);
        let sources = sources.map(|source| source.reference.clone());
        let bases = self.demands.iter().flat_map(|demand| demand.wanted.bases.clone());
        let built = self.images().iter().filter(|image| image.strategy != Strategy::Pull);
        let caches = built.filter_map(|image| image.build.as_ref());
        sources.chain(bases).chain(caches.flat_map(|build| build.cache_from.clone()))
    }
}

/// For the document: what was found says more than its check does.
fn tell(settings: &Settings, found: Vec<Diagnostic>) {
    for diagnostic in found {
        settings.told.push(diagnostic);
    }
}

/// The manifest. The error is why there is no good one.
fn manifest(settings: &Settings) -> Result<(Check, Place, Desired), Check> {
    let missing = |missing: Box<Diagnostic>| {
        let code = missing.code.unwrap_or(Code::NoManifest);
        let hint = missing.hints.first().cloned();
        let check = if settings.manifest.is_some() {
            let check = Check::fail("manifest", &missing.message, code, ExitStatus::Data);
            settings.told.push(*missing);
            check
        } else {
            Check::warn("manifest", format!("{}, so only the rest is looked at", missing.message))
        };
        check.hinted(hint)
    };
    let place = locate(settings).map_err(missing)?;
    let unreadable = |error: Box<Diagnostic>| {
        let code = error.code.unwrap_or(Code::NoManifest);
        let check = Check::fail("manifest", &error.message, code, ExitStatus::Data);
        let check = check.hinted(error.hints.first().cloned());
        settings.told.push(*error);
        check
    };
    let parsed = load_from(&place).map_err(unreadable)?;
    let file = place.file.display().to_string();
    let is_error = |told: &&Diagnostic| told.severity == Severity::Error;
    let errors = parsed.diagnostics.iter().filter(is_error).count();
    let first = parsed.diagnostics.iter().find(is_error).or(parsed.diagnostics.first()).cloned();
    tell(settings, parsed.diagnostics);
    let at = |first: &Diagnostic| match first.line {
        0 => first.message.clone(),
        line => format!("line {line}: {}", first.message),
    };
    let hint = "`occ check` shows them with their places";
    match (parsed.desired, first) {
        (Some(desired), None) => {
            let images = count(desired.images.len(), "image", "images");
            Ok((Check::ok("manifest", format!("{file}: {images}")), place, desired))
        }
        (Some(desired), Some(first)) => {
            let text = format!("{file}: {}", at(&first));
            Ok((Check::warn("manifest", text).hint(hint), place, desired))
        }
        (None, first) => {
            let first = first.unwrap_or_else(|| Diagnostic::error("it can't be read"));
            let mistakes = count(errors, "mistake", "mistakes");
            let text = format!("{file}: {mistakes}; {}", at(&first));
            let code = first.code.unwrap_or(Code::Manifest);
            Err(Check::fail("manifest", text, code, ExitStatus::Data).hint(hint))
        }
    }
}

/// The lock. In CI it has to be fresh.
fn lock(settings: &Settings, locking: &Locking) -> Check {
    let file = locking.file.shown();
    let is_ci = settings.environment.is_ci();
    let Some(lock) = &locking.file.lock else {
        let none = format!("there is no `{file}` yet");
        return if is_ci {
            Check::warn("lock", format!("{none}, so tags decide")).hint("`occ lock` writes one")
        } else {
            Check::ok("lock", none).hint("`occ sync` or `occ lock` writes one, to be committed")
        };
    };
    let strays = locking.strays(lock);
    if let Some(first) = strays.first() {
        let check = Check::fail("lock", &first.message, Code::LockStale, ExitStatus::Data)
            .hint("`occ lock` removes it from the lock");
        tell(settings, strays);
        return check;
    }
    if let Some(first) = locking.unlockable(|_| true).into_iter().next() {
        return Check::warn("lock", first.message).hinted(first.hints.into_iter().next());
    }
    let stale = locking.stale(lock);
    let Some(first) = stale.first() else { return Check::ok("lock", format!("{file} is fresh")) };
    let hint = "`occ lock` updates the lock";
    if is_ci {
        let check = Check::fail("lock", &first.message, Code::LockStale, ExitStatus::Stale);
        tell(settings, stale);
        return check.hint(hint);
    }
    Check::warn("lock", &first.message).hint(hint)
}

/// What the manifest asks for, and nobody allowed.
fn consent(settings: &Settings, place: &Place, desired: &Desired) -> Check {
    let all: Vec<usize> = (0..desired.images.len()).collect();
    let images = may_be_built(desired, &all, None);
    let asks = asks(images.iter().map(|i| &desired.images[*i]), Reach::Build);
    let given = match consent::given(settings, place, &asks, &[]) {
        Ok(given) => given,
        Err(stop) => return stopped(settings, "consent", stop),
    };
    if asks.is_empty() {
        return Check::ok("consent", "the manifest asks for nothing");
    }
    let (allowed, missing): (Vec<_>, Vec<_>) =
        asks.iter().copied().partition(|ask| given.contains_key(&ask.grant));
    if missing.is_empty() {
        return Check::ok("consent", format!("allowed: {}", flag(&allowed)));
    }
    let flag = flag(&missing);
    Check::warn("consent", format!("the manifest asks for {flag}, and nobody allowed it"))
        .hint(format!("`occ trust` allows it from now on, `occ sync --allow {flag}` this time"))
}

/// That a file can't be used, from what ends a command that needs it.
fn stopped(settings: &Settings, name: &'static str, stop: Stop) -> Check {
    match stop {
        Stop::Input { exit, diagnostics, .. } => {
            let first = diagnostics.first().cloned();
            let first = first.unwrap_or_else(|| Diagnostic::error("it can't be used"));
            let code = first.code.unwrap_or(Code::File);
            if name == "lock" {
                tell(settings, diagnostics);
            }
            Check::fail(name, first.message, code, exit).hinted(first.hints.into_iter().next())
        }
        Stop::Engine(error) => super::failed(name, &error),
    }
}
