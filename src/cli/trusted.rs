//! What the user consented to once and for all: `trust.toml` in their own configuration.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use toml::{Table, Value};

use crate::cli::Stop;
use crate::cli::find;
use crate::cli::replace::replace;
use crate::cli::settings::Settings;
use crate::manifest::Place;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::grant::Grant;

/// The table with an entry for each manifest, by its path.
const MANIFESTS: &str = "manifests";

/// The grants of an entry.
const GRANTS: &str = "grants";

const HEAD: &str = "# What you allowed the manifests of these paths. `occ trust` writes it.\n\n";

/// The grants that are kept for one manifest.
#[derive(Debug)]
pub(super) struct Trusted {
    dir: PathBuf,
    manifest: String,
}

impl Trusted {
    /// Those of the manifest at `place`. `None` where there is no place to keep any, or
    /// where the manifest's path is no text that could be found again.
    pub(super) fn of(settings: &Settings, place: &Place) -> Option<Self> {
        let dir = settings.environment.config_dir()?;
        let manifest = manifest_path(place).to_str()?.to_owned();
        Some(Self { dir, manifest })
    }

    /// The file.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("trust.toml")
    }

    /// The manifest's path, by which it is known.
    pub(super) fn manifest(&self) -> &str {
        &self.manifest
    }

    /// The grants, as they are written. A newer occ may have written some that this one
    /// does not know, and nothing asks for those.
    pub(super) fn grants(&self) -> Result<Vec<String>, Stop> {
        let all = self.read()?;
        Ok(grants(&all, &self.manifest))
    }

    /// The same, as far as this occ knows them.
    pub(super) fn known(&self) -> Result<BTreeSet<Grant>, Stop> {
        Ok(self.grants()?.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Keeps what `change` makes of the grants; with none of them left there is no entry.
    pub(super) fn change(
        &self,
        change: impl FnOnce(Vec<String>) -> Vec<String>,
    ) -> Result<(), Stop> {
        let unwritable = |error: io::Error| {
            let what = format!("cannot write `{}`: {error}", self.file().display());
            Stop::input(ExitStatus::Failed, Diagnostic::error(what).code(Code::File))
        };
        // Whoever has the lock reads the newest there is, and replaces that.
        let _lock = lock(&self.dir).map_err(unwritable)?;
        let mut all = self.read()?;
        let changed = change(grants(&all, &self.manifest));
        set(&mut all, &self.manifest, changed);
        replace(&self.file(), &format!("{HEAD}{all}"), 0o600).map_err(unwritable)
    }

    /// All of the file. One that can't be understood is an error: it may hold consent
    /// that the user gave, and nobody may write over that.
    fn read(&self) -> Result<Table, Stop> {
        let path = self.file();
        let broken = |why: &str| {
            let what = format!("cannot read what you allowed in `{}`: {why}", path.display());
            let hint = "mend the file or remove it, and run `occ trust` again";
            Stop::usage(Diagnostic::error(what).code(Code::File).hint(hint))
        };
        let bytes = match find::read(&path) {
            Ok(bytes) => bytes,
            // A link that leads nowhere is not what the user meant to be replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                return Ok(Table::new());
            }
            Err(error) => return Err(broken(&error.to_string())),
        };
        parse(&bytes).map_err(|why| broken(&why))
    }
}

/// Where the manifest really stands. Its directory decides what a build reads, so a link
/// with a trusted manifest at its other end is a manifest of its own.
fn manifest_path(place: &Place) -> PathBuf {
    let name = place.file.file_name().unwrap_or_default();
    place.dir.join(name)
}

/// Reads the file's text. The error is why it can't be understood.
fn parse(bytes: &[u8]) -> Result<Table, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let all: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        line.map_or("it is no TOML".to_owned(), |line| format!("line {line} is no TOML"))
    })?;
    let entries = match all.get(MANIFESTS) {
        None => return Ok(all),
        Some(Value::Table(entries)) => entries,
        Some(_) => return Err(format!("`{MANIFESTS}` is no table")),
    };
    let is_list = |entry: &Value| {
        let grants = entry.get(GRANTS).and_then(Value::as_array);
        grants.is_some_and(|grants| grants.iter().all(Value::is_str))
    };
    match entries.iter().find(|(_, entry)| !is_list(entry)) {
        Some((path, _)) => Err(format!("the entry of `{path}` has no list of `{GRANTS}`")),
        None => Ok(all),
    }
}

fn grants(all: &Table, manifest: &str) -> Vec<String> {
    let entry = all.get(MANIFESTS).and_then(|entries| entries.get(manifest));
    let grants = entry.and_then(|entry| entry.get(GRANTS)).and_then(Value::as_array);
    grants.into_iter().flatten().filter_map(|grant| Some(grant.as_str()?.to_owned())).collect()
}

/// Sets the grants of one manifest, and leaves everything else as it is.
fn set(all: &mut Table, manifest: &str, grants: Vec<String>) {
    let entries = all.entry(MANIFESTS).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(entries) = entries else { return };
    if grants.is_empty() {
        entries.remove(manifest);
        return;
    }
    let entry = entries.entry(manifest).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(entry) = entry {
        entry.insert(GRANTS.to_owned(), grants.into());
    }
}

/// Waits until no other occ writes, for as long as the file lives.
fn lock(dir: &Path) -> io::Result<std::fs::File> {
    create_private(dir)?;
    let path = dir.join("trust.lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let file = file.into_parts().0;
    file.lock()?;
    Ok(file)
}

/// What the user allows is nobody else's business.
fn create_private(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(dir: &Path, manifest: &str) -> Trusted {
        Trusted { dir: dir.join("not/there/yet"), manifest: manifest.to_owned() }
    }

    fn kept(trusted: &Trusted) -> Vec<String> {
        trusted.grants().ok().unwrap()
    }

    fn keep(trusted: &Trusted, grants: &[&str]) -> bool {
        trusted.change(|_| grants.iter().map(|&grant| grant.to_owned()).collect()).is_ok()
    }

    #[test]
    fn each_manifest_has_its_own_grants_and_nobody_else_may_read_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (trusted(dir.path(), "/a.toml"), trusted(dir.path(), "/b \"x\".toml"));
        assert_eq!(kept(&a), [""; 0]);
        assert!(keep(&a, &["env=A", "network=host"]) && keep(&b, &["env=B"]));
        assert_eq!(
            (kept(&a), kept(&b)),
            (vec!["env=A".into(), "network=host".into()], vec!["env=B".into()])
        );
        assert!(keep(&a, &[]));
        assert_eq!((kept(&a).len(), kept(&b).len()), (0, 1));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&a.file()), mode(&a.dir)), (0o600, 0o700));
    }

    #[test]
    fn what_is_not_understood_is_kept_or_an_error_but_never_lost() {
        let dir = tempfile::tempdir().unwrap();
        let a = trusted(dir.path(), "/a");
        assert!(keep(&a, &["env=A"]));
        let newer =
            "later = 1\n[manifests.\"/b\"]\ngrants = [\"camera\", \"env=B\"]\nmore = true\n";
        fs::write(a.file(), newer).unwrap();
        assert!(keep(&a, &["env=A"]));
        let text = fs::read_to_string(a.file()).unwrap();
        assert!(
            ["later = 1", "\"camera\"", "more = true"].iter().all(|it| text.contains(it)),
            "{text}"
        );
        assert_eq!(trusted(dir.path(), "/b").known().ok().unwrap().len(), 1);

        for broken in
            ["no toml", "manifests = 1", "[manifests]\n\"/b\" = 1", "manifests.a.grants = [1]"]
        {
            fs::write(a.file(), broken).unwrap();
            assert!(!keep(&a, &["env=A"]) && a.grants().is_err(), "{broken}");
            assert_eq!(fs::read_to_string(a.file()).unwrap(), broken);
        }
    }

    #[test]
    fn of_two_who_write_at_once_neither_loses_anything() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let dir = dir.path();
                scope.spawn(move || {
                    for i in 0..10 {
                        assert!(keep(&trusted(dir, &format!("/{writer}/{i}")), &["env=A"]));
                    }
                });
            }
        });
        for (writer, i) in (0..4).flat_map(|writer| (0..10).map(move |i| (writer, i))) {
            assert_eq!(kept(&trusted(dir.path(), &format!("/{writer}/{i}"))), ["env=A"]);
        }
    }

    #[test]
    fn a_link_to_a_trusted_manifest_is_another_manifest() {
        let place = |dir: &str| Place {
            file: PathBuf::from("../x/opencode.toml"),
            dir: PathBuf::from(dir),
            root: PathBuf::from("/"),
        };
        assert_eq!(manifest_path(&place("/a")), Path::new("/a/opencode.toml"));
        assert_ne!(manifest_path(&place("/a")), manifest_path(&place("/b")));
    }
}
