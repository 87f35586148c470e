//! What the engine tells about itself: `/version` and `/info`.

use bollard::models::{SystemInfo, SystemVersion};

use crate::engine::docker::classify;
use crate::engine::docker::classify::evidence::mask_address;
use crate::engine::docker::client::DockerClient;
use crate::engine::error::EngineError;
use crate::words::engine::{Disk, EngineFacts, Store};
use crate::words::text::foreign_line;

impl DockerClient {
    /// Asks it what it is.
    pub(crate) async fn about(&self) -> Result<EngineFacts, EngineError> {
        let about = self.about_engine();
        let version = self.answer(&about, self.inner().version()).await?;
        let version = version.map_err(|error| classify::failed(error, &about))?;
        let info = self.answer(&about, self.inner().info()).await?;
        let info = info.map_err(|error| classify::failed(error, &about))?;
        let mut facts = facts(&version, &info);
        let dir = info.docker_root_dir.filter(|_| self.endpoint().is_local());
        // It is a machine of its own that Docker Desktop keeps images in.
        let is_here = !facts.name.starts_with("Docker Desktop");
        facts.disk = dir.filter(|_| is_here).and_then(|dir| disk(&dir));
        Ok(facts)
    }
}

/// Whether an engine keeps its images with containerd.
pub(super) fn is_containerd(info: &SystemInfo) -> bool {
    let mut words = info.driver_status.iter().flatten().flatten();
    words.any(|word| word.starts_with("io.containerd.snapshotter"))
}

fn facts(version: &SystemVersion, info: &SystemInfo) -> EngineFacts {
    let text = |text: &Option<String>| foreign_line(text.as_deref().unwrap_or_default());
    let or_unknown = |text: String| if text.is_empty() { "unknown".to_owned() } else { text };
    let parts = version.components.iter().flatten();
    let podman = parts.into_iter().find(|component| component.name.starts_with("Podman"));
    let named = version.platform.as_ref().map(|platform| platform.name.as_str());
    let name = match (podman, named) {
        (Some(podman), _) => podman.name.as_str(),
        (None, Some(name)) if !name.is_empty() => name,
        (None, _) => "Docker",
    };
    let driver = or_unknown(text(&info.driver));
    let proxy = |kind: &'static str, address: &Option<String>| {
        let address = address.as_deref().filter(|address| !address.is_empty())?;
        Some((kind, foreign_line(&mask_address(address))))
    };
    let proxies = [
        proxy("http", &info.http_proxy),
        proxy("https", &info.https_proxy),
        proxy("not for", &info.no_proxy),
    ];
    let rootless = |option: &String| option == "rootless" || option.contains("name=rootless");
    let registries = info.registry_config.as_ref();
    let mirrors = registries.and_then(|registries| registries.mirrors.as_ref());
    EngineFacts {
        name: foreign_line(name),
        version: or_unknown(text(&version.version)),
        api: (or_unknown(text(&version.api_version)), or_unknown(text(&version.min_api_version))),
        platform: format!("{}/{}", or_unknown(text(&version.os)), or_unknown(text(&version.arch))),
        store: match podman {
            Some(_) => Store::Other(driver),
            None if is_containerd(info) => Store::Containerd(driver),
            None => Store::GraphDriver(driver),
        },
        rootless: info.security_options.iter().flatten().any(rootless),
        proxies: proxies.into_iter().flatten().collect(),
        mirrors: mirrors.into_iter().flatten().map(|it| foreign_line(&mask_address(it))).collect(),
        disk: None,
    }
}

/// The room where a directory is; `None` where it is not on this machine.
#[cfg(unix)]
fn disk(dir: &str) -> Option<Disk> {
    let found = rustix::fs::statvfs(dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    let (free, total) = (bytes(found.f_bavail), bytes(found.f_blocks));
    (total > 0).then(|| Disk { dir: foreign_line(dir), free, total })
}

#[cfg(not(unix))]
fn disk(_: &str) -> Option<Disk> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::docker::stub::{Stub, json};

    async fn told(version: &str, info: &str) -> EngineFacts {
        let stub = Stub::answering(&[json(200, version), json(200, info)]);
        stub.client().about().await.unwrap()
    }

    #[tokio::test]
    async fn dockers_stores_are_told_apart() {
        let version = r#"{"Platform":{"Name":"Docker Engine - Community"},"Version":"28.2.2",
            "ApiVersion":"1.50","MinAPIVersion":"1.24","Os":"linux","Arch":"arm64"}"#;
        let facts = told(version, r#"{"Driver":"overlay2","DriverStatus":[["a","b"]]}"#).await;
        assert_eq!(
            (facts.name.as_str(), facts.version.as_str()),
            ("Docker Engine - Community", "28.2.2")
        );
        assert_eq!(facts.api, ("1.50".to_owned(), "1.24".to_owned()));
        assert_eq!(facts.platform, "linux/arm64");
        assert_eq!(facts.store, Store::GraphDriver("overlay2".into()));
        assert!(!facts.rootless && facts.proxies.is_empty() && facts.disk.is_none());
        let status = r#"{"Driver":"overlayfs","SecurityOptions":["name=seccomp","name=rootless"],
            "DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
        let facts = told(version, status).await;
        assert_eq!(facts.store, Store::Containerd("overlayfs".into()));
        assert!(facts.rootless);
    }

    #[tokio::test]
    async fn podman_is_known_by_its_part() {
        let version = r#"{"Platform":{"Name":"linux/amd64/debian-12"},"Version":"5.4.0",
            "Components":[{"Name":"Podman Engine","Version":"5.4.0"}]}"#;
        let facts = told(version, r#"{"Driver":"overlay"}"#).await;
        assert_eq!(
            (facts.name.as_str(), facts.store),
            ("Podman Engine", Store::Other("overlay".into()))
        );
        assert_eq!(facts.platform, "unknown/unknown");
    }

    #[tokio::test]
    async fn a_proxy_is_told_without_its_password() {
        let info = r#"{"HttpProxy":"http://me:hunter2@proxy:3128","HttpsProxy":"","NoProxy":"10.0.0.1\u001b[2J",
            "RegistryConfig":{"Mirrors":["https://me:hunter2@mirror.example/"]}}"#;
        let facts = told("{}", info).await;
        let want = [("http", "http://***@proxy:3128"), ("not for", "10.0.0.1\\x1b[2J")];
        assert_eq!(facts.proxies, want.map(|(kind, text)| (kind, text.to_owned())));
        assert_eq!(facts.mirrors, ["https://***@mirror.example/"]);
        assert_eq!(facts.version, "unknown");
    }

    #[tokio::test]
    async fn the_disk_is_looked_at_where_it_is_on_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let info = |dir: &str| format!(r#"{{"DockerRootDir":"{dir}"}}"#);
        let facts = told("{}", &info(dir.path().to_str().unwrap())).await;
        let disk = facts.disk.unwrap();
        assert!(disk.total > 0 && disk.free <= disk.total, "{disk:?}");
        assert_eq!(told("{}", &info("/no/such/place")).await.disk, None);
        let desktop = r#"{"Platform":{"Name":"Docker Desktop 4.40.0 (1)"}}"#;
        assert_eq!(told(desktop, &info("/tmp")).await.disk, None);
    }
}
