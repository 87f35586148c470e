//! `occ check`: is the manifest right? Contacts nobody.

use crate::cli::find::load;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::render::document::{Declared, Images};
use crate::words::exit::ExitStatus;
use crate::words::text::count;

pub(super) fn run(settings: &Settings) -> Result<Done, Stop> {
    let parsed = load(settings).map_err(|missing| Stop::input(ExitStatus::Data, *missing))?;
    show(&parsed.diagnostics, &parsed.text, settings);
    let Some(desired) = parsed.desired else {
        return Ok(Done::with_text(ExitStatus::Data, String::new()));
    };
    let text = if settings.quiet {
        String::new()
    } else {
        format!("the manifest is valid: {}\n", count(desired.images.len(), "image", "images"))
    };
    let declared = desired.images.iter().map(|image| Declared {
        id: image.id.clone(),
        name: image.name.name().to_owned(),
        reference: image.name.canonical(),
    });
    let images = Images::Declared(declared.collect());
    Ok(Done::about(ExitStatus::Success, text, images))
}
