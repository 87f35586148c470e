//! The Docker CLI's `config.json`: reading it, and the few parts of it that
//! credentials are about.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Map, Value};

/// The largest file that is read. Real ones have a few hundred bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// What `config.json` says about credentials.
///
/// Entries stay as they were written until one is needed, so that a broken
/// entry for one registry does not hurt another.
#[derive(Default, Clone, PartialEq)]
pub(super) struct Config {
    /// Credentials by registry, as `docker login` writes them.
    pub(super) auths: BTreeMap<String, Value>,
    /// The helper for every registry without one of its own; empty for none.
    pub(super) creds_store: String,
    /// Helpers by registry.
    pub(super) cred_helpers: BTreeMap<String, Value>,
}

/// Why the file can't be used. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("the Docker configuration can't be read ({})", .0.kind())]
    Io(#[from] io::Error),
    #[error("the Docker configuration is a link to nothing")]
    Dangling,
    #[error("the Docker configuration is no regular file")]
    NotAFile,
    #[error("the Docker configuration is larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
    // The parser's message holds a place and what it expected there, no content.
    #[error("the Docker configuration is not JSON ({0})")]
    Syntax(#[from] serde_json::Error),
    #[error("the Docker configuration must be an object")]
    NotAnObject,
    #[error("`{key}` in the Docker configuration must be {want}")]
    WrongType { key: &'static str, want: &'static str },
}

/// Reads and parses the file. A missing one is an empty one.
pub(super) fn read(path: &Path) -> Result<Config, ConfigError> {
    match open(path) {
        Ok(file) => parse(&content(file)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match fs_err::symlink_metadata(path) {
                Ok(_) => Err(ConfigError::Dangling),
                Err(_) => Ok(Config::default()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Parses the file's text. An empty one says nothing, as for the Docker CLI.
pub(super) fn parse(text: &[u8]) -> Result<Config, ConfigError> {
    if text.trim_ascii().is_empty() {
        return Ok(Config::default());
    }
    let Value::Object(mut root) = serde_json::from_slice(text)? else {
        return Err(ConfigError::NotAnObject);
    };
    let creds_store = match root.remove("credsStore") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(name)) => name,
        Some(_) => return Err(ConfigError::WrongType { key: "credsStore", want: "a string" }),
    };
    Ok(Config {
        auths: table(&mut root, "auths")?,
        creds_store,
        cred_helpers: table(&mut root, "credHelpers")?,
    })
}

fn table(
    root: &mut Map<String, Value>,
    key: &'static str,
) -> Result<BTreeMap<String, Value>, ConfigError> {
    match root.remove(key) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => Ok(entries.into_iter().collect()),
        Some(_) => Err(ConfigError::WrongType { key, want: "an object" }),
    }
}

/// Opens without waiting: a named pipe in the file's place would otherwise
/// hold the whole run until someone writes to it.
fn open(path: &Path) -> io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

fn content(file: fs_err::File) -> Result<Vec<u8>, ConfigError> {
    if !file.metadata()?.is_file() {
        return Err(ConfigError::NotAFile);
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge);
    }
    Ok(text)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("auths", &self.auths.keys())
            .field("creds_store", &self.creds_store)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_about_credentials_is_not_looked_at() {
        let text =
            br#"{"auths": {"a.example": 7}, "HttpHeaders": [], "credsStore": null, "psFormat": 1}"#;
        let config = parse(text).unwrap();
        assert_eq!(config.auths.keys().collect::<Vec<_>>(), ["a.example"]);
        assert_eq!(config.creds_store, "");
        assert_eq!(parse(b" \n").unwrap(), Config::default());
    }

    #[test]
    fn a_wrong_shape_is_named_without_its_content() {
        let check = |text: &str, want: &str| {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(error.replace("the Docker configuration", "it"), want);
        };
        check("\"hunter2\"", "it must be an object");
        check("[\"hunter2\"]", "it must be an object");
        check(r#"{"auths": "hunter2"}"#, "`auths` in it must be an object");
        check(r#"{"credHelpers": ["hunter2"]}"#, "`credHelpers` in it must be an object");
        check(r#"{"credsStore": {"hunter2": 1}}"#, "`credsStore` in it must be a string");
        check(
            "{\"auths\": {\"hunter2\"",
            "it is not JSON (EOF while parsing an object at line 1 column 20)",
        );
        let deep = "[".repeat(1_000_000);
        assert!(matches!(parse(deep.as_bytes()), Err(ConfigError::Syntax(_))));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let config = parse(br#"{"auths": {"a.example": {"auth": "aHVudGVyMg=="}}}"#).unwrap();
        assert!(!format!("{config:?}").contains("aHVudGVyMg"));
    }
}
