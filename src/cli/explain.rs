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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    #[test]
    fn every_command_of_occ_that_a_page_names_can_be_given() {
        let mut tried = 0;
        for code in Code::ALL {
            for line in code.text().lines().map(str::trim) {
                // Behind a pipe or a file, or before it, the shell has the word.
                let line = line.split(['|', '>']).next().unwrap_or_default();
                let command = line
                    .strip_prefix("$ ")
                    .and_then(|line| line.find("occ ").map(|at| &line[at..]));
                let Some(command) = command else { continue };
                let read = args::command().try_get_matches_from(command.split_whitespace());
                if let Err(refused) = read {
                    let is_result = !refused.use_stderr();
                    assert!(is_result, "{code}: `{command}`: {refused}");
                }
                tried += 1;
            }
        }
        assert!(tried > 40, "{tried}");
    }
}
