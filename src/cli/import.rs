//! `occ init --from`: reads the file, and lets the manifest's own parser look at what comes out.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::cli::settings::Settings;
use crate::cli::{Stop, find, show};
use crate::import::{self, From, Imported};
use crate::manifest::{MAX_SIZE, Place, parse};
use crate::render::document::Declared;
use crate::words::code::Code;
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::exit::ExitStatus;

/// A manifest that can be written.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) images: Vec<Declared>,
}

/// What kind of file it is, by its name.
#[derive(Clone, Copy)]
enum Kind {
    Compose,
    Dockerfile,
}

/// Makes the manifest at `place` of a file. What can't be taken over is told.
pub(super) fn import(settings: &Settings, file: &Path, place: &Place) -> Result<Made, Stop> {
    let kind = kind(file).ok_or_else(|| {
        let what = format!("`{}` is neither a Compose file nor a Dockerfile", file.display());
        Stop::usage(Diagnostic::error(what).hint(
            "a Compose file ends with `.yaml` or `.yml`; a Dockerfile has that word in its name",
        ))
    })?;
    let (text, folder) =
        read(file).map_err(|error| Stop::input(ExitStatus::Data, error.code(Code::Import)))?;
    let from = From { file, folder: &folder, manifest: &place.dir };
    let imported = match kind {
        Kind::Compose => import::compose(&text, from),
        Kind::Dockerfile => import::dockerfile(&text, from),
    };
    let mut imported = imported.map_err(|error| {
        let (exit, diagnostics) = (ExitStatus::Data, vec![*error]);
        Stop::Input { exit, diagnostics, text: text.clone() }
    })?;
    let (made, warnings) = make(&mut imported, place)?;
    if made.images.is_empty() {
        let what =
            format!("no image of `{}` can be declared, so nothing is written", file.display());
        let mut diagnostics = imported.warnings();
        diagnostics.push(Diagnostic::error(what).code(Code::Import));
        return Err(Stop::Input { exit: ExitStatus::Data, diagnostics, text });
    }
    show(&imported.warnings(), &text, settings);
    show(&warnings, &made.text, settings);
    Ok(made)
}

fn kind(file: &Path) -> Option<Kind> {
    let name = file.file_name()?.to_string_lossy().to_lowercase();
    if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
        return Some(Kind::Compose);
    }
    let is_dockerfile = ["dockerfile", "containerfile"].iter().any(|word| name.contains(word));
    is_dockerfile.then_some(Kind::Dockerfile)
}

/// The text of a file, and the directory that it is in.
fn read(file: &Path) -> Result<(String, PathBuf), Box<Diagnostic>> {
    let shown = file.display();
    let failed = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        Box::new(Diagnostic::error(format!("cannot read `{shown}`: {why}")))
    };
    let bytes = find::read(file).map_err(failed)?;
    if bytes.len() > MAX_SIZE {
        let what = format!("`{shown}` is larger than {} MiB", MAX_SIZE >> 20);
        return Err(Box::new(Diagnostic::error(what).hint("is it the right file?")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Box::new(Diagnostic::error(format!("`{shown}` is not UTF-8"))))?;
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    Ok((text.to_owned(), folder))
}

/// The manifest, of the images that its parser takes, and what the parser warns of.
fn make(imported: &mut Imported, place: &Place) -> Result<(Made, Vec<Diagnostic>), Stop> {
    loop {
        let text = import::manifest(imported);
        let parsed = parse(text.as_bytes(), place);
        if let Some(desired) = parsed.desired {
            let images = desired.images.iter().map(Declared::of).collect();
            return Ok((Made { text, images }, parsed.diagnostics));
        }
        let errors = || parsed.diagnostics.iter().filter(|it| it.severity == Severity::Error);
        if imported.images.is_empty() {
            return Ok((Made { text, images: Vec::new() }, Vec::new()));
        }
        let mut is_refused = false;
        for error in errors() {
            is_refused |= imported.refuse(&error.key_path, &error.message);
        }
        if !is_refused {
            let diagnostics = errors().cloned().collect();
            return Err(Stop::Input { exit: ExitStatus::Data, diagnostics, text: parsed.text });
        }
    }
}
