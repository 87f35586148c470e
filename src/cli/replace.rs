//! A file that has its old text or its new one, whatever happens meanwhile.
//!
//! The new text is written beside it, under a name that says whose it is, and moved there. Who is
//! killed in between leaves that file behind, and the next one to write takes it away: it is
//! known by its name and by the advisory lock that its writer would still have.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use fs_err as fs;
use tempfile::NamedTempFile;

/// How the name of a file ends that is to be moved into the place of another.
const SUFFIX: &str = ".occ";

/// Replaces a file's text. A new file has this mode, less what the user's mask takes away;
/// one that is there keeps its own.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // A link, as those who keep their files elsewhere have one, stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    remove_left(dir, &prefix);
    // It goes away by itself if it does not get that far.
    let mut file = beside(dir, &prefix, mode)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(&path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// A new file that is locked as long as this process writes it.
fn beside(dir: &Path, prefix: &OsString, mode: u32) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    loop {
        let file = builder.tempfile_in(dir)?;
        // Where there are no locks, nothing is taken away either.
        let _ = file.as_file().lock();
        // Between making and locking it, another occ could take it for one that was left.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Takes away what writers left that were killed.
fn remove_left(dir: &Path, prefix: &OsString) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_one =
            name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes());
        if !is_one || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(file) = fs::File::open(entry.path())
            && file.file().try_lock().is_ok()
        {
            // Another occ may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_file_keeps_its_mode_and_a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        replace(&at("new"), "a", 0o600).unwrap();
        assert_eq!((fs::read_to_string(at("new")).unwrap().as_str(), mode("new")), ("a", 0o600));
        fs::set_permissions(at("new"), std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("new", at("link")).unwrap();
        replace(&at("link"), "b", 0o600).unwrap();
        assert!(at("link").is_symlink());
        assert_eq!((fs::read_to_string(at("new")).unwrap().as_str(), mode("new")), ("b", 0o640));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn where_nothing_can_be_written_the_old_text_stays() {
        assert!(replace(Path::new("/proc/no/such"), "a", 0o600).is_err());
        let dir = tempfile::tempdir().unwrap();
        // A directory can't be replaced by a file.
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken, "a", 0o600).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
