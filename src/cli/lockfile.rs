//! The lock's file: `opencode.lock`, beside the manifest.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Stop;
use crate::cli::find;
use crate::cli::replace::replace;
use crate::lock::{Lock, ReadLock, read};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// A lock's file, and what was in it.
#[derive(Debug)]
pub(super) struct LockFile {
    /// As it is shown.
    path: PathBuf,
    /// What it says. `None`: there is none.
    pub(super) lock: Option<Lock>,
    read: Option<ReadLock>,
}

impl LockFile {
    /// The lock that belongs to a manifest, unread.
    pub(super) fn none(manifest: &Path) -> Self {
        Self { path: manifest.with_extension("lock"), lock: None, read: None }
    }

    /// The lock that belongs to a manifest, if it is there.
    pub(super) fn open(manifest: &Path) -> Result<Self, Stop> {
        let path = manifest.with_extension("lock");
        let bytes = match find::read(&path) {
            Ok(bytes) => bytes,
            // A link that leads nowhere is not what the user meant to be replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Self { path, lock: None, read: None });
            }
            Err(error) => {
                let what = format!("cannot read the lock `{}`: {error}", path.display());
                let error = Diagnostic::error(what).code(Code::LockBroken);
                return Err(Stop::input(ExitStatus::Data, error));
            }
        };
        let mut found = read(&bytes, &path);
        match found.lock.take() {
            Some(lock) => Ok(Self { path, lock: Some(lock), read: Some(found) }),
            None => Err(Stop::Input {
                exit: ExitStatus::Data,
                diagnostics: found.diagnostics,
                text: found.text,
            }),
        }
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Its text, which the places are in.
    pub(super) fn text(&self) -> &str {
        self.read.as_ref().map_or("", |read| &read.text)
    }

    /// An error at the entry of an image, or about the file where there is none.
    pub(super) fn error(&self, id: &str, message: String) -> Diagnostic {
        let place = self.read.as_ref().and_then(|read| read.places.get(id)).cloned();
        let place = place.unwrap_or_else(|| {
            let mut whole = Diagnostic::error("");
            whole.file = Some(self.path.clone());
            whole
        });
        Diagnostic { message, ..place }
    }

    /// Writes a lock, unless the file says that already.
    pub(super) fn write(&self, lock: &Lock) -> Result<bool, Stop> {
        if self.lock.as_ref() == Some(lock) {
            return Ok(false);
        }
        replace(&self.path, &lock.to_string(), 0o666).map_err(|error| {
            let what = format!("cannot write the lock `{}`: {error}", self.path.display());
            let hint = "`--no-lock` goes by tags, and `--frozen` uses the lock as it is";
            let error = Diagnostic::error(what).code(Code::File).hint(hint);
            Stop::input(ExitStatus::Failed, error)
        })?;
        Ok(true)
    }
}
