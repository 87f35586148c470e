//! The Docker CLI's store of contexts: `config.json` and `contexts/` beside it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::words::text::foreign_line;
use crate::words::text::hex;

/// The engine's endpoint in a context.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DockerContext {
    /// Its address.
    pub(super) host: String,
    /// Whether the context asks for TLS without verification.
    pub(super) skip_tls_verify: bool,
    /// The directory with its PEM files, where it has any.
    pub(super) tls_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: std::collections::HashMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// The name of the current context, where `config.json` in `config` has one.
///
/// A broken `config.json` has none: whoever looks for credentials in it says so,
/// and one warning is enough.
pub(super) fn current(config: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let text = read_regular(&config.join("config.json")).ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    config.current_context.filter(|name| !name.is_empty())
}

/// Reads the context `name`; the error says what is wrong with it.
pub(super) fn read(config: &Path, name: &str) -> Result<DockerContext, String> {
    // The store names its directories by the hash, so no name can leave the store.
    let id = hex(&Sha256::digest(name.as_bytes()));
    let store = config.join("contexts");
    let path = store.join("meta").join(&id).join("meta.json");
    let shown = foreign_line(&path.display().to_string());
    let text = read_regular(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such Docker context".to_owned(),
        _ => format!("cannot read `{shown}`: {}", foreign_line(&error.to_string())),
    })?;
    let mut meta: Meta = serde_json::from_slice(&text)
        .map_err(|error| format!("`{shown}` is damaged: {}", foreign_line(&error.to_string())))?;
    let endpoint = meta
        .endpoints
        .remove("docker")
        .filter(|endpoint| !endpoint.host.is_empty())
        .ok_or("the context has no Docker endpoint")?;
    let tls_dir = store.join("tls").join(&id).join("docker");
    Ok(DockerContext {
        host: endpoint.host,
        skip_tls_verify: endpoint.skip_tls_verify,
        tls_dir: Some(tls_dir).filter(|dir| dir.is_dir()),
    })
}

/// Reads a regular file: a FIFO in its place must not hang us.
fn read_regular(path: &Path) -> std::io::Result<Vec<u8>> {
    if !fs_err::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    fs_err::read(path)
}
