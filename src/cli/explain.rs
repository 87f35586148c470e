//! `occ explain`: what a code means, and what to do. Contacts nobody.

use crate::cli::args::ExplainArgs;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::render::explain;
use crate::render::sections::Sections;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::page::Page;

pub(super) fn run(settings: &Settings, args: &ExplainArgs) -> Result<Done, Stop> {
    let (text, pages) = match &args.code {
        None => (explain::list(settings.out), Code::ALL.iter().copied().map(Page::of).collect()),
        Some(typed) => {
            let code = Code::typed(typed).ok_or_else(|| unknown(typed))?;
            (explain::page(code, settings.out), vec![Page::of(code)])
        }
    };
    let sections = Sections { codes: Some(pages), ..Sections::default() };
    Ok(Done::with_text(ExitStatus::Success, text).with(sections))
}

fn unknown(typed: &str) -> Stop {
    let error = Diagnostic::error(format!("there is no code `{typed}`"));
    let hint = Code::meant(typed).map(|code| format!("did you mean `{code}`?"));
    Stop::usage(error.hint(hint.unwrap_or_else(|| "`occ explain` lists them all".to_owned())))
}
