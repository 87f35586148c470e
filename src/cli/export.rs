//! `occ export`: the exact images for other tools. Changes nothing, asks no registry.

use crate::cli::args::{ExportArgs, ExportFor};
use crate::cli::reference::held;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::render::export;
use crate::render::sections::{Exported, Sections};
use crate::state::exact::Exact;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &ExportArgs) -> Result<Done, Stop> {
    let (found, images) = held(settings, &args.ids, &args.using, &args.reading, &args.consent)?;
    let text = match args.tool {
        ExportFor::Compose => export::compose(&found),
        ExportFor::Env => export::env(&found).map_err(|(one, other)| {
            let what = format!("`{one}` and `{other}` would be one variable");
            Stop::usage(Diagnostic::error(what).hint("name one of the two on the command line"))
        })?,
    };
    let exact =
        |(id, exact): &(String, Exact)| Exported { id: id.clone(), reference: exact.best() };
    let export = Some(found.iter().map(exact).collect());
    let sections = Sections { export, ..Sections::default() };
    Ok(Done::about(ExitStatus::Success, text, images).with(sections))
}
