//! `occ init`: writes a manifest to start from.

use std::io::{self, Write};
use std::path::Path;

use crate::cli::args::InitArgs;
use crate::cli::find::NAME;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::manifest::DEFAULT;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &InitArgs) -> Result<Done, Stop> {
    let path = settings.manifest.as_deref().unwrap_or(Path::new(NAME));
    write(path, args.force)
        .map_err(|error| Stop::input(ExitStatus::Failed, unwritable(path, &error)))?;
    let text = if settings.quiet {
        String::new()
    } else {
        let flag = match &settings.manifest {
            Some(path) => format!(" --manifest {}", path.display()),
            None => String::new(),
        };
        format!(
            "wrote `{}`\nnext: `occ{flag} plan` shows what it means, `occ{flag} sync` does it\n",
            path.display()
        )
    };
    Ok(Done::with_text(ExitStatus::Success, text))
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let what = format!("cannot write the manifest `{}`", path.display());
    let found = match error.kind() {
        _ if path.is_dir() => Diagnostic::error(format!("{what}: it is a directory")),
        io::ErrorKind::AlreadyExists => Diagnostic::error(format!("{what}: it is there already"))
            .hint("`occ init --force` overwrites it"),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Diagnostic::error(format!("{what}: there is no such directory"))
                .hint("make the directory first")
        }
        io::ErrorKind::PermissionDenied => Diagnostic::error(format!("{what}: permission denied")),
        io::ErrorKind::StorageFull => Diagnostic::error(format!("{what}: no space left"))
            .hint("free some, and run it again with `--force`: the file may be there in part"),
        _ => Diagnostic::error(format!("{what}: {error}")),
    };
    found.code(Code::File)
}

/// Without `force` the file must be new: what is there is never lost by accident.
fn write(path: &Path, force: bool) -> io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path)?.write_all(DEFAULT.as_bytes())
}
