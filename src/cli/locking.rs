//! What the lock means for a command: which of it holds, what has to be locked, and what is
//! wrong with it.

use std::collections::BTreeMap;

use crate::cli::Stop;
use crate::cli::args::UsingLockArgs;
use crate::cli::lockfile::LockFile;
use crate::cli::settings::Settings;
use crate::engine::Engine;
use crate::lock::apply::locked;
use crate::lock::fresh::{Todo, Wanted};
use crate::lock::verdict::is_absence;
use crate::lock::{Lock, Mode};
use crate::manifest::Place;
use crate::plan::reasons::{LockSays, LockState};
use crate::resolve::demand::{Demand, Problem, demand};
use crate::resolve::{Resolved, Resolver};
use crate::state::desired::Desired;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass;

/// The lock of a manifest, held against it.
#[derive(Debug)]
pub(super) struct Locking {
    pub(super) mode: Mode,
    pub(super) file: LockFile,
    /// What the lock has to record of each image, in the manifest's order.
    pub(super) demands: Vec<Demand>,
}

impl Locking {
    /// Reads the lock. What it says of the images is in `desired` afterwards.
    pub(super) fn new(
        settings: &Settings,
        using: &UsingLockArgs,
        place: &Place,
        desired: &mut Desired,
    ) -> Result<Self, Stop> {
        let asked = asked(using)?;
        if asked == Some(Mode::Off) {
            let file = LockFile::none(&place.file);
            return Ok(Self { mode: Mode::Off, file, demands: Vec::new() });
        }
        let file = LockFile::open(&place.file)?;
        let mode = match (asked, settings.environment.is_ci(), &file.lock) {
            (Some(mode), _, _) => mode,
            (None, false, _) => Mode::Keep,
            (None, true, Some(_)) => Mode::Locked,
            (None, true, None) => Mode::Off,
        };
        let mut locking = Self { mode, file, demands: Vec::new() };
        if mode == Mode::Off {
            locking.warn_of_tags(settings, desired);
            return Ok(locking);
        }
        if matches!(mode, Mode::Locked | Mode::Frozen) && locking.file.lock.is_none() {
            return Err(locking.missing());
        }
        if mode != Mode::Frozen {
            locking.demands = demands(desired, locking.file.lock.as_ref());
            locking.check()?;
        }
        locking.apply(desired);
        Ok(locking)
    }

    /// What of the lock is wrong for this mode.
    fn check(&self) -> Result<(), Stop> {
        let Some(lock) = &self.file.lock else { return Ok(()) };
        let strays = self.strays(lock);
        if self.mode == Mode::Locked {
            let mut stale = self.unlockable(|_| true);
            if !stale.is_empty() {
                return Err(self.stop(ExitStatus::Data, stale));
            }
            stale = self.stale(lock);
            stale.extend(strays);
            return self.refuse(ExitStatus::Stale, stale);
        }
        let mut wrong = self.unlockable(|demand| {
            lock.get(&demand.wanted.id).is_some_and(|entry| !entry.bases.is_empty())
        });
        wrong.extend(strays);
        self.refuse(ExitStatus::Data, wrong)
    }

    fn refuse(&self, exit: ExitStatus, mut errors: Vec<Diagnostic>) -> Result<(), Stop> {
        let Some(last) = errors.last_mut() else { return Ok(()) };
        if last.hints.is_empty() {
            last.hints.push("`occ lock` updates the lock".to_owned());
        }
        Err(self.stop(exit, errors))
    }

    fn stop(&self, exit: ExitStatus, diagnostics: Vec<Diagnostic>) -> Stop {
        Stop::Input { exit, diagnostics, text: self.file.text().to_owned() }
    }

    /// An error for each image of which the lock does not say what the manifest says.
    pub(super) fn stale(&self, lock: &Lock) -> Vec<Diagnostic> {
        let stale = self.demands.iter().filter_map(|Demand { wanted, .. }| {
            let id = &wanted.id;
            let Some(entry) = lock.get(id) else {
                let message = format!("the image `{id}` is not locked");
                return Some(self.file.error(id, message).code(Code::LockStale));
            };
            let differences = wanted.differences(entry);
            (!differences.is_empty()).then(|| {
                let why = differences.join("; ");
                let message = format!("the lock of `{id}` is not fresh: {why}");
                self.file.error(id, message).code(Code::LockStale)
            })
        });
        stale.collect()
    }

    /// An error for each entry that no image has.
    pub(super) fn strays(&self, lock: &Lock) -> Vec<Diagnostic> {
        let known = self.by_id();
        let strays = lock.images.iter().filter(|image| !known.contains_key(image.id.as_str()));
        strays
            .map(|image| {
                let message = format!("the manifest has no image `{}`", image.id);
                self.file.error(&image.id, message).code(Code::LockStale)
            })
            .collect()
    }

    /// An error for each of these images that can't be locked.
    pub(super) fn unlockable(&self, of: impl Fn(&Demand) -> bool) -> Vec<Diagnostic> {
        let errors = self.demands.iter().filter(|demand| of(demand)).filter_map(|demand| {
            let Some(Problem::Unlockable(what, hint)) = &demand.problem else { return None };
            let message = format!("the image `{}` can't be locked: {what}", demand.wanted.id);
            let error = self.file.error(&demand.wanted.id, message).code(Code::NotLockable);
            Some(error.hint(*hint))
        });
        errors.collect()
    }

    /// That there is no lock where there has to be one.
    pub(super) fn missing(&self) -> Stop {
        let what = format!("there is no lock `{}`", self.file.shown());
        let error = Diagnostic::error(what).code(Code::LockStale);
        Stop::input(ExitStatus::Stale, error.hint("`occ lock` writes one"))
    }

    /// What the lock says of an image, for whoever asks why.
    pub(super) fn says(&self, id: &str) -> LockSays {
        let entry = self.file.lock.as_ref().and_then(|lock| lock.get(id));
        let demand = self.demands.iter().find(|demand| demand.wanted.id == id);
        let mut differences = match (entry, demand) {
            (Some(entry), Some(demand)) => demand.wanted.differences(entry),
            _ => Vec::new(),
        };
        let state = match (self.mode, entry) {
            (Mode::Off, _) => LockState::Off,
            (_, None) if self.file.lock.is_none() => LockState::Missing,
            (_, None) => LockState::Absent,
            (Mode::Frozen, Some(_)) => LockState::Frozen,
            (Mode::Keep | Mode::Locked, Some(_)) if differences.is_empty() => LockState::Fresh,
            (Mode::Keep | Mode::Locked, Some(_)) => LockState::Stale,
        };
        if let Some(Problem::Unlockable(what, _)) = demand.and_then(|it| it.problem.as_ref()) {
            differences.push(format!("it can't be locked: {what}"));
        }
        LockSays {
            file: self.file.shown(),
            state,
            differences,
            digest: entry.and_then(|entry| entry.digest.clone()),
            built: entry.is_some_and(|entry| entry.digest.is_none()),
        }
    }

    fn warn_of_tags(&self, settings: &Settings, desired: &Desired) {
        if desired.images.iter().any(|image| image.pin.is_none() && !image.sources.is_empty()) {
            let what = format!("there is no lock `{}`, so tags decide", self.file.shown());
            let warning = Diagnostic::warning(what).hint("`occ lock` writes one");
            super::show(&[warning], "", settings);
        }
    }

    /// Each image's demand, for whoever looks for more than one.
    fn by_id(&self) -> BTreeMap<&str, &Demand> {
        self.demands.iter().map(|demand| (demand.wanted.id.as_str(), demand)).collect()
    }

    /// Sets what the lock says for each image.
    pub(super) fn apply(&self, desired: &mut Desired) {
        let Some(lock) = &self.file.lock else { return };
        let demands = self.by_id();
        for image in &mut desired.images {
            let demand = demands.get(image.id.as_str());
            let plain = || Wanted::new(image, Vec::new());
            let wanted = demand.map_or_else(plain, |demand| demand.wanted.clone());
            image.locked = lock.get(&image.id).and_then(|it| locked(it, &wanted, self.mode));
        }
    }

    /// Locks what is missing of these images, and writes that. What can't be found out now
    /// goes by its tag, and is told.
    pub(super) async fn add<E: Engine>(
        &mut self,
        chosen: &[&str],
        resolver: &Resolver<'_, E>,
        desired: &mut Desired,
    ) -> Result<(), Stop> {
        let progress = resolver.registries.progress;
        for Demand { wanted, problem, .. } in self.demands.iter().filter(|it| is_in(chosen, it)) {
            if let Some(Problem::Unlockable(what, _)) = problem {
                progress.warn(Some(&wanted.id), format!("it is not locked: {what}"));
            }
        }
        let todo = self.todo(chosen);
        if todo.is_empty() {
            return Ok(());
        }
        let mut lock = self.file.lock.clone().unwrap_or_default();
        for Resolved { id, entry, .. } in resolver.all(&todo).await.map_err(Stop::Engine)? {
            match entry {
                Ok(entry) => lock.set(entry),
                Err(Obstacle { reason, class, .. }) => {
                    let never = "; `pull_policy = \"never\"` is for what only this engine has";
                    let more = if is_absence(class) { never } else { "" };
                    let tags =
                        if class == FailureClass::Signature { "" } else { ", so tags decide" };
                    let what = format!("it is not locked{tags}: {reason}{more}");
                    progress.warn(Some(&id), what);
                }
            }
        }
        // Without an entry it would only say that everything is missing.
        if self.file.lock.is_none() && lock.images.is_empty() {
            return Ok(());
        }
        if self.file.write(&lock)? {
            let what = format!("`{}` was written", self.file.shown());
            progress.note(None, what);
        }
        self.file.lock = Some(lock);
        self.apply(desired);
        Ok(())
    }

    /// What has to be found out so that these images are locked, and the images of the
    /// manifest that they are built on. Nothing, where the lock is not kept.
    pub(super) fn todo(&self, chosen: &[&str]) -> Vec<(&Wanted, Todo)> {
        if self.mode != Mode::Keep {
            return Vec::new();
        }
        let by_id = self.by_id();
        let mut ids: Vec<&str> = chosen.to_vec();
        let mut at = 0;
        while let Some(demand) = ids.get(at).map(|id| by_id.get(id)) {
            at += 1;
            let more = demand.iter().flat_map(|demand| &demand.built_on).map(String::as_str);
            let more: Vec<&str> = more.filter(|id| !ids.contains(id)).collect();
            ids.extend(more);
        }
        let demands = ids.iter().filter_map(|id| by_id.get(id));
        let lockable = demands.filter(|demand| demand.problem.is_none());
        let todo = lockable.map(|Demand { wanted, .. }| {
            let entry = self.file.lock.as_ref().and_then(|lock| lock.get(&wanted.id));
            let is_fresh = entry.is_some_and(|entry| wanted.differences(entry).is_empty());
            (wanted, wanted.todo(entry, false), is_fresh)
        });
        todo.filter(|(_, _, is_fresh)| !is_fresh).map(|(wanted, todo, _)| (wanted, todo)).collect()
    }
}

fn is_in(ids: &[&str], demand: &Demand) -> bool {
    ids.contains(&demand.wanted.id.as_str())
}

/// What is wanted of each image. Where a Dockerfile can't be read, its image has whatever
/// bases are locked: the plan says more about that.
pub(super) fn demands(desired: &Desired, lock: Option<&Lock>) -> Vec<Demand> {
    let names = desired.names();
    let one = |image| {
        let mut demand = demand(image, &names);
        if let (Some(Problem::Unreadable(_)), Some(lock)) = (&demand.problem, lock)
            && let Some(entry) = lock.get(&demand.wanted.id)
        {
            demand.wanted.bases = entry.bases.iter().map(|it| it.reference.clone()).collect();
        }
        demand
    };
    desired.images.iter().map(one).collect()
}

/// What the command line asks for.
fn asked(using: &UsingLockArgs) -> Result<Option<Mode>, Stop> {
    let flags = [
        (using.locked, "`--locked`", Mode::Locked),
        (using.frozen, "`--frozen`", Mode::Frozen),
        (using.no_lock, "`--no-lock`", Mode::Off),
    ];
    let mut given = flags.into_iter().filter(|(is_given, ..)| *is_given);
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some((_, _, mode)), None) => Ok(Some(mode)),
        (Some((_, one, _)), Some((_, other, _))) => {
            let what = format!("{one} and {other} exclude each other");
            Err(Stop::usage(Diagnostic::error(what)))
        }
    }
}
