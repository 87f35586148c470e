//! What hardly anybody means to send to a builder: directories that others make again,
//! and files that look like secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::{Kind, Tree, path_bytes};

/// One such file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caution {
    /// Relative to the context.
    pub(crate) path: PathBuf,
    /// What is wrong with sending it.
    pub(crate) why: &'static str,
    /// Files in it, itself included.
    pub(crate) files: usize,
    /// Bytes in them.
    pub(crate) bytes: u64,
}

const HISTORY: &str = "the repository's history, with all that was ever committed";
const INSTALLED: &str = "installed packages, which the build installs for its own platform";
const COMPILED: &str = "what a compiler made, which the build makes again";
const SECRET: &str = "it looks like a secret, and who has the image may read it";

/// All of them, in the order of their paths.
pub(crate) fn cautions(tree: &Tree) -> Vec<Caution> {
    let mut found: BTreeMap<PathBuf, Caution> = BTreeMap::new();
    for entry in &*tree.entries {
        let Kind::File { size, .. } = entry.kind else { continue };
        let Some((path, why)) = doubtful(&entry.path, tree) else { continue };
        let new = || Caution { path: path.to_owned(), why, files: 0, bytes: 0 };
        let caution = found.entry(path.to_owned()).or_insert_with(new);
        caution.files += 1;
        caution.bytes += size;
    }
    found.into_values().collect()
}

/// The path itself or the highest directory above it that nobody means to send.
fn doubtful<'p>(path: &'p Path, tree: &Tree) -> Option<(&'p Path, &'static str)> {
    let mut above: Vec<&Path> = path.ancestors().filter(|path| path.parent().is_some()).collect();
    above.reverse();
    let directories = &above[..above.len() - 1];
    let heavy = directories.iter().find_map(|dir| {
        let why = match dir.file_name()?.to_str()? {
            ".git" => HISTORY,
            "node_modules" => INSTALLED,
            // The word is too common to be enough.
            "target" if tree.holds(&dir.with_file_name("Cargo.toml")) => COMPILED,
            _ => return None,
        };
        Some((*dir, why))
    });
    heavy.or_else(|| is_secret(path).then_some((path, SECRET)))
}

/// By the name alone: nobody reads a file for this.
fn is_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let template = ["example", "sample", "template", "dist", "pub"].contains(&extension.as_str());
    let in_directory = |dir: &str, file: &str| {
        name == file && path.parent().and_then(Path::file_name).is_some_and(|name| name == dir)
    };
    let environment = name == ".env" || name.starts_with(".env.");
    let key = ["pem", "key", "p12", "pfx", "jks", "kdbx", "keystore", "ppk"];
    let named = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".pgpass"];
    !template
        && (environment
            || key.contains(&extension.as_str())
            || named.contains(&name.as_str())
            || in_directory(".aws", "credentials")
            || in_directory(".docker", "config.json")
            || in_directory(".kube", "config"))
}

impl Tree {
    fn holds(&self, path: &Path) -> bool {
        let bytes = path_bytes(path);
        self.entries.binary_search_by(|entry| path_bytes(&entry.path).cmp(bytes)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Content, Entry};

    fn told(paths: &[&str]) -> Vec<String> {
        let entry = |path: &&str| Entry {
            path: path.into(),
            kind: Kind::File {
                content: Content::Memory(Box::default()),
                executable: false,
                size: 10,
                hash: [0; 32],
            },
        };
        let mut entries: Vec<Entry> = paths.iter().map(entry).collect();
        entries.sort_by(|a, b| path_bytes(&a.path).cmp(path_bytes(&b.path)));
        let tree =
            Tree { entries: entries.into(), dockerfile: "Dockerfile".into(), ..Tree::default() };
        let tell = |caution: Caution| {
            format!("{} {} {}", caution.path.display(), caution.files, caution.bytes)
        };
        cautions(&tree).into_iter().map(tell).collect()
    }

    #[test]
    fn what_others_make_again_is_told_once_with_its_size() {
        let paths =
            ["a/node_modules/b/node_modules/c", "a/node_modules/d", ".git/HEAD", ".git/x/y"];
        assert_eq!(told(&paths), [".git 2 20", "a/node_modules 2 20"]);
        assert_eq!(told(&["target/x", "Cargo.toml"]), ["target 1 10"]);
        assert!(told(&["target/x", "src/.gitignore", ".github/x", ".gitattributes"]).is_empty());
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        let secret =
            [".env", "a/.env.local", "id_rsa", "tls/server.KEY", "a.pem", ".aws/credentials"];
        assert_eq!(told(&secret).len(), secret.len());
        let plain =
            [".env.example", "id_rsa.pub", "keys.rs", "credentials", "environment", "config.json"];
        assert!(told(&plain).is_empty());
    }
}
