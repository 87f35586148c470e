//! `occ lock`: finds out which bytes the tags stand for, and writes it down.

use std::sync::Arc;

use crate::cli::args::LockArgs;
use crate::cli::find::{load_from, locate};
use crate::cli::job::{connect, unknown_ids};
use crate::cli::lockfile::LockFile;
use crate::cli::locking::{Locking, demands};
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::lock::diff::diff;
use crate::lock::fresh::{Question, Todo, Wanted};
use crate::lock::{self, Lock, LockedBase};
use crate::observe::registries::Registries;
use crate::observe::signatures::Signatures;
use crate::render::sections::{LockChange, Sections};
use crate::render::{self, Mode};
use crate::resolve::demand::{Demand, Problem};
use crate::resolve::{How, Resolved, Resolver};
use crate::state::desired::Desired;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::duration::Timeouts;
use crate::words::event::ProgressReporter;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass;
use crate::words::text::count;

pub(super) fn run(settings: &Settings, args: &LockArgs) -> Result<Done, Stop> {
    let missing = |missing: Box<Diagnostic>| Stop::input(ExitStatus::Data, *missing);
    let place = locate(settings).map_err(missing)?;
    let parsed = load_from(&place).map_err(missing)?;
    let Some(desired) = parsed.desired else {
        let (diagnostics, text) = (parsed.diagnostics, parsed.text);
        return Err(Stop::Input { exit: ExitStatus::Data, diagnostics, text });
    };
    show(&parsed.diagnostics, &parsed.text, settings);
    settings.declared(&desired);
    unknown_ids(&desired.images, args.upgrade.as_deref().unwrap_or_default())?;
    let file = LockFile::open(&place.file)?;
    let demands = demands(&desired, None);
    let locking = Locking { mode: lock::Mode::Keep, file, demands };
    refuse(&locking)?;
    if args.check && args.upgrade.is_none() {
        return fresh(settings, &locking);
    }
    let todo = todo(&locking, args);
    let lock = find_out(settings, args, &desired, &locking, &todo)?;
    conclude(settings, args, &locking, &lock)
}

/// What can't be locked is an error, before anybody is asked.
fn refuse(locking: &Locking) -> Result<(), Stop> {
    let mut errors = locking.unlockable(|_| true);
    for demand in &locking.demands {
        if let Some(Problem::Unreadable(why)) = &demand.problem {
            let message = format!("the image `{}` can't be locked: {why}", demand.wanted.id);
            errors.push(locking.file.error(&demand.wanted.id, message).code(Code::Build));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let text = locking.file.text().to_owned();
    Err(Stop::Input { exit: ExitStatus::Data, diagnostics: errors, text })
}

/// `--check`: whether the lock is as the manifest is. Nobody is asked.
fn fresh(settings: &Settings, locking: &Locking) -> Result<Done, Stop> {
    let Some(lock) = &locking.file.lock else { return Err(locking.missing()) };
    let mut stale = locking.stale(lock);
    stale.extend(locking.strays(lock));
    let Some(last) = stale.last_mut() else {
        let images = count(lock.images.len(), "image", "images");
        let text = format!("{} is fresh: {images}\n", locking.file.shown());
        let text = if settings.quiet { String::new() } else { text };
        return Ok(Done::with_text(ExitStatus::Success, text));
    };
    last.hints.push("`occ lock` updates it".to_owned());
    let text = locking.file.text().to_owned();
    Err(Stop::Input { exit: ExitStatus::Stale, diagnostics: stale, text })
}

/// What has to be found out about each image.
fn todo<'l>(locking: &'l Locking, args: &LockArgs) -> Vec<(&'l Wanted, Todo)> {
    let is_upgraded =
        |id: &String| args.upgrade.as_ref().is_some_and(|ids| ids.is_empty() || ids.contains(id));
    let one = |demand: &'l Demand| {
        let wanted = &demand.wanted;
        let entry = locking.file.lock.as_ref().and_then(|lock| lock.get(&wanted.id));
        (wanted, wanted.todo(entry, is_upgraded(&wanted.id)))
    };
    locking.demands.iter().map(one).collect()
}

/// The new lock. Where anything in it could not be found out there is none.
fn find_out(
    settings: &Settings,
    args: &LockArgs,
    desired: &Desired,
    locking: &Locking,
    todo: &[(&Wanted, Todo)],
) -> Result<Lock, Stop> {
    let resolved = if todo.iter().all(|(_, todo)| todo.is_settled()) {
        // Nobody has to be asked, so there need not be an engine.
        todo.iter().map(|(wanted, todo)| settled(wanted, todo)).collect()
    } else {
        let client = connect(settings, desired.timeouts)?;
        if matches!(settings.mode, Mode::Tty | Mode::Plain | Mode::Github) {
            let open = todo.iter().filter(|(_, todo)| !todo.is_settled()).count();
            settings
                .tell(&format!("asking the registries about {}\n", count(open, "image", "images")));
        }
        let credentials = Arc::new(settings.environment.credentials());
        let progress = ProgressReporter::silent();
        let registries = Registries::new(&credentials, &progress);
        let how = How::Every { partial: args.allow_partial };
        let Timeouts { response, stall, .. } = desired.timeouts;
        let signatures = Signatures::new(&credentials, &progress, response);
        let signatures = &signatures.with_proxy(settings.environment.proxy());
        let registries = &registries;
        let resolver = Resolver { engine: &client, registries, signatures, how, stall };
        let asked = async { resolver.all(todo).await.map_err(Stop::Engine) };
        block_on(settings, asked, || {})?.map_err(cut_short)??
    };
    let mut lock = Lock::default();
    let (mut errors, mut statuses) = (Vec::new(), Vec::new());
    for Resolved { id, entry, warnings } in resolved {
        for warning in warnings {
            let warning = Diagnostic::warning(format!("{id}: {warning}"));
            show(&[warning], "", settings);
        }
        match entry {
            Ok(entry) => lock.set(entry),
            Err(obstacle) => {
                let message = format!("the image `{id}` can't be locked: {}", obstacle.reason);
                let error = Diagnostic::error(message).code(obstacle.code);
                let error = Diagnostic { hints: obstacle.hints, ..error };
                errors.push(error.key(format!("images.{id}")));
                statuses.push(FailureClass::exit(&[obstacle.class]));
            }
        }
    }
    if errors.is_empty() {
        return Ok(lock);
    }
    if !args.check {
        let file = locking.file.shown();
        let code = errors[0].code;
        errors.push(Diagnostic { code, ..Diagnostic::error(format!("`{file}` was not written")) });
    }
    let exit = ExitStatus::worst(statuses);
    Err(Stop::Input { exit, diagnostics: errors, text: String::new() })
}

fn settled(wanted: &Wanted, todo: &Todo) -> Resolved {
    let known = |question: &Question| match question {
        Question::Settled(digest) => digest.clone(),
        Question::Confirm(digest) | Question::Prove(digest) => Some(digest.clone()),
        Question::Ask => None,
    };
    let bases = todo.bases.iter().map(|(reference, question)| LockedBase {
        reference: reference.clone(),
        digest: known(question),
    });
    let entry = wanted.entry(known(&todo.digest), bases.collect());
    Resolved { id: wanted.id.clone(), entry: Ok(entry), warnings: Vec::new() }
}

/// Writes the lock, or says what it would say.
fn conclude(
    settings: &Settings,
    args: &LockArgs,
    locking: &Locking,
    lock: &Lock,
) -> Result<Done, Stop> {
    let before = locking.file.lock.clone().unwrap_or_default();
    let changes = diff(&before, lock);
    let is_new = locking.file.lock.is_none();
    let is_changed = is_new || before != *lock;
    let writes = !args.check && !args.dry_run;
    if writes {
        locking.file.write(lock)?;
    }
    let exit = if args.check && is_changed { ExitStatus::Pending } else { ExitStatus::Success };
    let what = match (writes, is_changed) {
        (true, true) => "written",
        (true, false) => "unchanged",
        (false, true) => "would change",
        (false, false) => "would stay as it is",
    };
    let shown = locking.file.shown();
    let text = if settings.quiet && exit == ExitStatus::Success {
        String::new()
    } else {
        render::lock::lock(&changes, &shown, what, settings.out)
    };
    let written = writes && is_changed;
    let change = LockChange { file: shown, written, changed: is_changed, images: changes };
    let sections = Sections { lock: Some(change), ..Sections::default() };
    Ok(Done::with_text(exit, text).with(sections))
}
