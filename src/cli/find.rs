//! Finds the manifest, and reads it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::settings::Settings;
use crate::manifest::{MAX_SIZE, Parsed, Place, parse};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;

/// The manifest's name, in the directory it belongs to.
pub(crate) const NAME: &str = "opencode.toml";

/// Finds the manifest and parses it. What is wrong with it is in the result; the
/// error is that there is none, or that it can't be read.
pub(crate) fn load(settings: &Settings) -> Result<Parsed, Box<Diagnostic>> {
    load_from(&locate(settings)?)
}

/// Parses the manifest at a place.
pub(crate) fn load_from(place: &Place) -> Result<Parsed, Box<Diagnostic>> {
    let bytes = read(&place.file).map_err(|error| unreadable(&place.file, &error))?;
    Ok(parse(&bytes, place))
}

/// Finds the manifest. Nothing of it is read yet.
pub(crate) fn locate(settings: &Settings) -> Result<Place, Box<Diagnostic>> {
    let here = here().map_err(|error| {
        let what = format!("the current directory is gone: {error}");
        Diagnostic::error(what).code(Code::NoManifest)
    })?;
    // As it really is, as the current directory is told.
    let home = settings.environment.home().map(|home| fs_err::canonicalize(&home).unwrap_or(home));
    let shown = match &settings.manifest {
        Some(path) => path.clone(),
        None => search(&here, home.as_deref())?,
    };
    place_of(&shown).map_err(|error| unreadable(&shown, &error))
}

/// What a manifest at this path is in, whether it is there or not.
pub(super) fn place_of(shown: &Path) -> io::Result<Place> {
    let here = here()?;
    // The directory as it really is: what is outside of it is decided by that.
    let dir = here.join(shown).parent().map_or_else(|| here.clone(), Path::to_owned);
    let dir = fs_err::canonicalize(&dir)?;
    let root = repository(&dir).unwrap_or(&dir).to_owned();
    Ok(Place { file: shown.to_owned(), dir, root })
}

fn here() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Upward from `here`. The search ends at the repository's root, the home
/// directory, or where another filesystem begins.
fn search(here: &Path, home: Option<&Path>) -> Result<PathBuf, Box<Diagnostic>> {
    let device = device(here);
    let mut shown = PathBuf::new();
    for dir in here.ancestors() {
        if dir.join(NAME).symlink_metadata().is_ok() {
            return Ok(shown.join(NAME));
        }
        let is_root = dir.join(".git").symlink_metadata().is_ok() || Some(dir) == home;
        if is_root || dir.parent().is_none_or(|parent| self::device(parent) != device) {
            break;
        }
        shown.push("..");
    }
    let missing = format!("there is no `{NAME}` here or in a directory above");
    Err(Box::new(
        Diagnostic::error(missing)
            .code(Code::NoManifest)
            .hint("`occ init` writes one")
            .hint("`--manifest FILE` names one elsewhere"),
    ))
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs_err::metadata(path).ok().map(|meta| meta.dev())
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}

/// The repository that a directory lies in.
fn repository(dir: &Path) -> Option<&Path> {
    dir.ancestors().find(|dir| dir.join(".git").symlink_metadata().is_ok())
}

/// Reads a file, but neither waits for a pipe nor takes in more than a manifest may have.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    if !meta.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Box<Diagnostic> {
    let what = format!("cannot read the manifest `{}`", path.display());
    let found = match error.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => {
            Diagnostic::error(format!("{what}: it is a link to a file that does not exist"))
                .hint("mend the link, or remove it")
        }
        io::ErrorKind::NotFound => Diagnostic::error(format!("{what}: there is no such file"))
            .hint("`occ init` writes one"),
        io::ErrorKind::PermissionDenied => Diagnostic::error(format!("{what}: permission denied")),
        _ => Diagnostic::error(format!("{what}: {error}")),
    };
    Box::new(found.code(Code::NoManifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_goes_up_and_ends_at_the_repository() {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        fs_err::create_dir_all(at("repo/.git")).unwrap();
        fs_err::create_dir_all(at("repo/a/b")).unwrap();
        fs_err::write(at(NAME), "").unwrap();
        let error = search(&at("repo/a/b"), None).unwrap_err();
        assert_eq!(error.message, "there is no `opencode.toml` here or in a directory above");
        fs_err::write(at("repo/opencode.toml"), "").unwrap();
        assert_eq!(search(&at("repo/a/b"), None).unwrap(), Path::new("../../opencode.toml"));
        assert_eq!(search(&at("repo"), None).unwrap(), Path::new("opencode.toml"));
        assert!(
            search(&at("repo/a/b"), Some(&at("repo/a"))).is_err(),
            "not above the home directory"
        );
        assert_eq!(repository(&at("repo/a")), Some(at("repo").as_path()));
    }

    #[test]
    fn a_pipe_is_not_waited_for_and_a_directory_is_none() {
        let top = tempfile::tempdir().unwrap();
        let pipe = top.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read(&pipe).unwrap_err().to_string(), "it is no regular file");
        assert_eq!(read(top.path()).unwrap_err().to_string(), "it is a directory");
    }
}
