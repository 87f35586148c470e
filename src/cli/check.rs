//! `occ check`: is the manifest right? Contacts nobody.

use crate::cli::find::load;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::words::exit::ExitStatus;
use crate::words::text::count;

pub(super) fn run(settings: &Settings) -> Result<Done, Stop> {
    let parsed = load(settings).map_err(|missing| Stop::input(ExitStatus::Data, *missing))?;
    show(&parsed.diagnostics, &parsed.text, settings);
    let Some(desired) = parsed.desired else {
        let done = Done::with_text(ExitStatus::Data, String::new());
        return Ok(Done { diagnostics: parsed.diagnostics, ..done });
    };
    let text = if settings.quiet {
        String::new()
    } else {
        format!("the manifest is valid: {}\n", count(desired.images.len(), "image", "images"))
    };
    Ok(Done { diagnostics: parsed.diagnostics, ..Done::with_text(ExitStatus::Success, text) })
}
