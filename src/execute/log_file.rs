//! The file that keeps the whole log of a build: one an image and engine, and each build
//! replaces the last. A log that can't be written costs a build nothing but the log.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::context::cache::create_private;
use crate::execute::lock::{key, real};
use crate::words::text::{cut, sanitise};

/// Bytes that a log may have. A step that prints without end must not fill the disk.
const LIMIT: usize = 64_000_000;

/// What stands behind the last line of a log that is longer.
const CUT: &str = "[the log ends here: it is longer than 64 MB]";

/// Where the logs of one engine's builds are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs {
    /// `None`: no log is kept.
    dir: Option<PathBuf>,
    /// The engine's address: the same name is another image in another engine.
    endpoint: String,
}

/// The log of one build.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    path: PathBuf,
    /// `None` where it can't be written, and after it could not be.
    file: Option<BufWriter<File>>,
    /// Bytes that it may still take; `None` after it was cut.
    room: Option<usize>,
}

impl Logs {
    /// In `builds` below occ's directory for logs, for the engine at `endpoint`.
    pub(crate) fn new(dir: Option<PathBuf>, endpoint: &str) -> Self {
        Self { dir: dir.map(|dir| dir.join("builds")), endpoint: real(endpoint) }
    }

    /// Begins the log of a build of the image `id`, whose name in full is `name`.
    pub(super) fn begin(&self, id: &str, name: &str) -> LogFile {
        let dir = self.dir.clone().unwrap_or_default();
        let path = dir.join(format!("{}-{}.log", cut(id, 60), key(&self.endpoint, name)));
        let file = self.dir.is_some().then(|| create(&dir, &path));
        let file = file.and_then(|file| file.map_err(|error| untold(&error)).ok());
        LogFile { path, file: file.map(BufWriter::new), room: Some(LIMIT) }
    }
}

impl LogFile {
    /// Writes a line. It may wait in memory until [`flush`](Self::flush).
    pub(super) fn line(&mut self, line: &str) {
        let Some(room) = self.room else { return };
        let line = sanitise(line.trim_end());
        self.room = room.checked_sub(line.len() + 1);
        let line = if self.room.is_some() { &*line } else { CUT };
        self.write(|file| writeln!(file, "{line}"));
    }

    /// Brings what was written so far to where others can read it.
    pub(super) fn flush(&mut self) {
        self.write(BufWriter::flush);
    }

    /// Where the log is, and whether all of it is there; `None` where it could not be kept.
    pub(super) fn end(mut self) -> Option<(PathBuf, bool)> {
        self.flush();
        self.file.as_ref().map(|_| (self.path, self.room.is_some()))
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some(Err(error)) = self.file.as_mut().map(write) {
            untold(&error);
            self.file = None;
        }
    }
}

/// Makes a new file for its owner alone, in the place of what is there: another occ that
/// still writes the old one does not mix its lines with these.
fn create(dir: &Path, path: &Path) -> io::Result<File> {
    create_private(dir)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    Ok(options.open(path)?.into_parts().0)
}

fn untold(error: &io::Error) {
    tracing::info!(%error, "the build's log is not kept");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(dir: &Path, endpoint: &str) -> Logs {
        Logs::new(Some(dir.join("not/there/yet")), endpoint)
    }

    #[test]
    fn a_log_is_for_its_owner_and_each_replaces_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |id: &str, endpoint: &str| logs(dir.path(), endpoint).begin(id, "acme/tool:1");
        let mut old = begin("tool", "tcp://a");
        old.line("old");
        let mut log = begin("tool", "tcp://a");
        old.line("older");
        log.line("one\x1b[2J");
        log.flush();
        log.line("two");
        old.end();
        let (path, _) = log.end().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\\x1b[2J\ntwo\n");
        assert_eq!(path.parent().unwrap(), dir.path().join("not/there/yet/builds"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        let names = [begin("tool", "tcp://b"), begin("tool", "tcp://a"), begin("x", "tcp://a")]
            .map(|log| log.end().unwrap().0);
        assert!(names[0] != path && names[1] == path && names[2] != path, "{names:?}");
        assert!(names[2].file_name().unwrap().to_str().unwrap().starts_with("x-"));
    }

    #[test]
    fn a_log_without_end_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = logs(dir.path(), "").begin("tool", "acme/tool:1");
        log.room = Some(10);
        for line in ["12345", "123 ", "1", "1"] {
            log.line(line);
        }
        let (path, is_whole) = log.end().unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), format!("12345\n123\n{CUT}\n"));
        assert!(!is_whole);
    }

    #[test]
    fn where_none_can_be_written_none_is_named() {
        let nowhere = [Logs::default(), Logs::new(Some("/dev/null/x".into()), "")];
        for logs in nowhere {
            let mut log = logs.begin("tool", "acme/tool:1");
            log.line("x");
            assert_eq!(log.end(), None);
        }
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let file = Some(BufWriter::new(full));
        let mut log = LogFile { path: "/dev/full".into(), file, room: Some(LIMIT) };
        log.line("x");
        assert_eq!(log.end(), None);
    }
}
