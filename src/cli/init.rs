//! `occ init`: writes a manifest to start from, and a workflow.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::cli::args::InitArgs;
use crate::cli::find::{NAME, place_of};
use crate::cli::import::import;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop};
use crate::import::WORKFLOW;
use crate::manifest::paths::relative;
use crate::manifest::{DEFAULT, Place};
use crate::render::document::Images;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::text::count;

/// Where GitHub looks for workflows, from the top of the repository.
const GITHUB: &str = ".github/workflows/occ.yml";

/// What the files are called.
const MANIFEST: &str = "the manifest";
const THE_WORKFLOW: &str = "the workflow";

pub(super) fn run(settings: &Settings, args: &InitArgs) -> Result<Done, Stop> {
    let path = settings.manifest.as_deref().unwrap_or(Path::new(NAME));
    let manifest = (args.from.is_some() || args.ci.is_none()).then(|| path.to_owned());
    let workflow = args.ci.map(|_| workflow_of(path)).transpose()?;
    // All of them, or none.
    is_new(manifest.as_deref(), MANIFEST, args.force)?;
    is_new(workflow.as_deref(), THE_WORKFLOW, args.force)?;
    let mut text = String::new();
    let mut images = Images::default();
    if let Some(path) = manifest {
        let mut told = String::new();
        let content = match &args.from {
            None => DEFAULT.to_owned(),
            Some(from) => {
                let made = import(settings, from, &placed(&path)?)?;
                let number = count(made.images.len(), "image", "images");
                told = format!(": {number} from `{}`", from.display());
                images = Images::Declared(made.images);
                made.text
            }
        };
        write(&path, MANIFEST, &content, args.force)?;
        let _ = writeln!(text, "wrote `{}`{told}", path.display());
    }
    if let Some(path) = workflow {
        write(&path, THE_WORKFLOW, WORKFLOW, args.force)?;
        let _ = writeln!(text, "wrote `{}`", path.display());
    }
    text.push_str(&next(settings, args, path));
    let text = if settings.quiet { String::new() } else { text };
    Ok(Done::about(ExitStatus::Success, text, images))
}

/// Where the workflow of a manifest's repository is, from here.
fn workflow_of(manifest: &Path) -> Result<PathBuf, Stop> {
    let place = placed(manifest)?;
    let here = std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default();
    Ok(relative(&here, &place.root.join(GITHUB)))
}

/// Fails where something is that may not be overwritten.
fn is_new(path: Option<&Path>, what: &str, force: bool) -> Result<(), Stop> {
    match path {
        Some(path) if !force && path.symlink_metadata().is_ok() => {
            Err(unwritable(path, what, &io::ErrorKind::AlreadyExists.into()))
        }
        _ => Ok(()),
    }
}

/// What to do with it.
fn next(settings: &Settings, args: &InitArgs, path: &Path) -> String {
    let flag = match &settings.manifest {
        Some(path) => format!(" --manifest {}", path.display()),
        None => String::new(),
    };
    let mut next = String::new();
    if args.from.is_some() || args.ci.is_none() {
        let _ =
            writeln!(next, "next: `occ{flag} plan` shows what it means, `occ{flag} sync` does it");
    }
    if args.ci.is_some() {
        next.push_str("next: write where occ comes from in place of `OWNER/REPOSITORY`\n");
        let below = place_of(path).map(|place| relative(&place.root, &place.dir));
        if let Some(folder) = below.ok().filter(|folder| folder != Path::new("")) {
            let folder = folder.display();
            let _ = writeln!(next, "next: add `working-directory: {folder}` to its steps");
        }
        let _ = writeln!(next, "next: commit it, and the lock that `occ{flag} lock` writes");
    }
    next
}

/// Where the manifest will be.
fn placed(path: &Path) -> Result<Place, Stop> {
    place_of(path).map_err(|error| unwritable(path, MANIFEST, &error))
}

fn unwritable(path: &Path, what: &str, error: &io::Error) -> Stop {
    let what = format!("cannot write {what} `{}`", path.display());
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
    Stop::input(ExitStatus::Failed, found.code(Code::File))
}

/// Without `force` the file must be new: what is there is never lost by accident.
fn write(path: &Path, what: &str, text: &str, force: bool) -> Result<(), Stop> {
    let written = || {
        // Only those that GitHub wants: a typing error in a path makes no directories.
        if let Some(folder) = path.parent().filter(|_| path.ends_with(GITHUB)) {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true);
        if force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        options.open(path)?.write_all(text.as_bytes())
    };
    written().map_err(|error| unwritable(path, what, &error))
}
