//! `occ check`: are the manifest and the lock right? Contacts nobody.

use crate::cli::find::{load_from, locate};
use crate::cli::lockfile::LockFile;
use crate::cli::locking::{Locking, demands};
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::lock::Mode;
use crate::manifest::Place;
use crate::render::document::{Declared, Images};
use crate::state::desired::Desired;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::text::count;

pub(super) fn run(settings: &Settings) -> Result<Done, Stop> {
    let missing = |missing: Box<Diagnostic>| Stop::input(ExitStatus::Data, *missing);
    let place = locate(settings).map_err(missing)?;
    let parsed = load_from(&place).map_err(missing)?;
    show(&parsed.diagnostics, &parsed.text, settings);
    let Some(desired) = parsed.desired else {
        return Ok(Done::with_text(ExitStatus::Data, String::new()));
    };
    settings.declared(&desired);
    let (wrong, about) = lock(settings, &place, &desired)?;
    let images = count(desired.images.len(), "image", "images");
    let text = match (settings.quiet, wrong) {
        (true, _) => String::new(),
        (false, false) => format!("the manifest is valid: {images}{about}\n"),
        (false, true) => format!("the manifest is valid: {images}\n"),
    };
    let exit = if wrong { ExitStatus::Data } else { ExitStatus::Success };
    let images = Images::Declared(desired.images.iter().map(Declared::of).collect());
    Ok(Done::about(exit, text, images))
}

/// Whether something is wrong with the lock, and what else there is to say of it. That it
/// is not fresh is no mistake: `occ lock --check` is for that.
fn lock(
    settings: &Settings,
    place: &Place,
    desired: &Desired,
) -> Result<(bool, &'static str), Stop> {
    let mut file = LockFile::open(&place.file)?;
    let Some(lock) = file.lock.take() else { return Ok((false, "")) };
    let demands = demands(desired, Some(&lock));
    let locking = Locking { mode: Mode::Keep, file, demands };
    let mut strays = locking.strays(&lock);
    if let Some(last) = strays.last_mut() {
        last.hints.push("`occ lock` removes it from the lock".to_owned());
        show(&strays, locking.file.text(), settings);
        return Ok((true, ""));
    }
    let is_fresh = locking.stale(&lock).is_empty();
    Ok((false, if is_fresh { "; the lock is fresh" } else { "; the lock is not fresh" }))
}
