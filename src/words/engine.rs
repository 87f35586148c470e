//! What an engine tells about itself.

/// An engine as such: what it is, how it keeps images, what it goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EngineFacts {
    /// As its makers call it: `Docker`, `Docker Engine - Community`, `Podman Engine`.
    pub(crate) name: String,
    /// Its version, as it writes it.
    pub(crate) version: String,
    /// The newest version of the API that it speaks, and the oldest.
    pub(crate) api: (String, String),
    /// The platform of its containers.
    pub(crate) platform: String,
    /// How it keeps images.
    pub(crate) store: Store,
    /// Whether it runs without root.
    pub(crate) rootless: bool,
    /// What it reaches registries through, each with its kind: `https`. Secrets are masked.
    pub(crate) proxies: Vec<(&'static str, String)>,
    /// What it asks instead of Docker Hub.
    pub(crate) mirrors: Vec<String>,
    /// The room where it keeps images, where that is on this machine.
    pub(crate) disk: Option<Disk>,
}

/// How an engine keeps images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Store {
    /// Docker's, by a graph driver: `overlay2`.
    GraphDriver(String),
    /// Docker's with containerd, by a snapshotter: `overlayfs`.
    Containerd(String),
    /// Another engine's own, by its driver.
    Other(String),
}

/// The room on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// A directory on it.
    pub(crate) dir: String,
    /// Bytes that are free.
    pub(crate) free: u64,
    /// Bytes in all.
    pub(crate) total: u64,
}
