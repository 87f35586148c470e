//! A file that has its old text or its new one, whatever happens meanwhile.

use std::io::{self, Write as _};
use std::path::Path;

use fs_err as fs;

/// Replaces a file's text. A new file has this mode, less what the user's mask takes away;
/// one that is there keeps its own.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // A link, as those who keep their files elsewhere have one, stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".occ-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    // It goes away by itself if it does not get that far.
    let mut file = builder.tempfile_in(dir.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(&path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
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
