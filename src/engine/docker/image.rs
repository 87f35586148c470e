//! Conveniences for users of the library: one call, one image.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{timeout, timeout_at};

use crate::engine::docker::client::{DockerClient, within};
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::watch::{PULSE, Watch};
use crate::engine::{
    BuildContext, BuildProgress, BuildRequest, Engine as _, PullProgress, PullRequest,
};
use crate::words::event::{Event, ProgressReporter};
use crate::words::failure::FailureClass;
use crate::words::network::Network;
use crate::words::reference::Reference;
use crate::words::text::{elapsed, foreign_line};

/// The Dockerfile of the opencode image, as `template = "opencode"` builds it.
pub const DOCKERFILE: &str = include_str!("../../../images/Dockerfile");

/// The opencode image's repository on the GitHub container registry.
pub const IMAGE_NAME_GHCR: &str = "ghcr.io/prizz/opencode-cloud";

/// The opencode image's repository on Docker Hub.
pub const IMAGE_NAME_DOCKERHUB: &str = "prizz/opencode-cloud";

/// The version of [`DOCKERFILE`], which changes when its text does and not with every occ: it
/// is the tag of the opencode image that is used when none is named.
pub const IMAGE_TAG_DEFAULT: &str = "1.0.0";

impl DockerClient {
    /// Whether the engine holds an image: a reference, or an image id.
    pub async fn image_exists(&self, name: &str) -> Result<bool, EngineError> {
        Ok(self.inspect(name).await?.is_some())
    }

    /// Pulls an image without credentials and returns the engine's id of it.
    ///
    /// `name` is a reference such as `alpine:3.20`; events carry it as their image.
    /// One attempt, no fallback: those are what a manifest is for.
    pub async fn pull_image(
        &self,
        name: &str,
        progress: &ProgressReporter,
    ) -> Result<String, EngineError> {
        let reference = reference(name)?;
        let pulled = reference.canonical();
        let mut pull = self.pull(PullRequest { reference, platform: None, credentials: None });
        let before = self.inspect(&pulled).await?.map(|image| image.id.to_string());
        let mut watch = Watch::new(self.timeouts().stall);
        loop {
            match timeout_at(watch.deadline(), pull.next()).await {
                Ok(Some(told)) => watch.see(progress, name, told?),
                Ok(None) => break,
                Err(_) => {
                    if let Some(error) = watch.stalled(name) {
                        return Err(error);
                    }
                    // Layers that wait or unpack are silent for long: is the engine still there?
                    self.verify_connection().await?;
                    watch.pulse();
                }
            }
        }
        let id = self.proof(&pulled, EngineErrorKind::Pull).await?;
        // What was there before proves no pull, unless the engine says that it is still right.
        if before.as_ref() == Some(&id) && !watch.is_finished() {
            return Err(unproven(name, EngineErrorKind::Pull));
        }
        Ok(id)
    }

    /// Builds an image from the text of a Dockerfile, with no other files, names it,
    /// and returns the engine's id of it.
    ///
    /// ```no_run
    /// use occ::{DOCKERFILE, DockerClient, ProgressReporter};
    ///
    /// # async fn run() -> Result<(), occ::EngineError> {
    /// let client = DockerClient::new()?;
    /// client.build_image("opencode:dev", DOCKERFILE, [], &ProgressReporter::silent()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn build_image(
        &self,
        name: &str,
        dockerfile: &str,
        args: impl IntoIterator<Item = (String, String)>,
        progress: &ProgressReporter,
    ) -> Result<String, EngineError> {
        let target = reference(name)?;
        let archive = archive(dockerfile).map_err(|error| {
            let message =
                format!("cannot pack the Dockerfile: {}", foreign_line(&error.to_string()));
            EngineError::new(EngineErrorKind::Build, FailureClass::Build, name, message)
        })?;
        let request = BuildRequest {
            dockerfile: "Dockerfile".to_owned(),
            shown: "Dockerfile".to_owned(),
            target: None,
            args: args.into_iter().collect(),
            labels: BTreeMap::new(),
            network: Network::Default,
            platform: None,
            no_cache: false,
            cache_from: Vec::new(),
            pull: false,
            credentials: BTreeMap::new(),
            context: BuildContext::Archive(stream::iter([Ok(archive)]).boxed()),
        };
        let mut build = self.build(request);
        let run = async {
            let mut built = None;
            loop {
                let told = match timeout(PULSE, build.next()).await {
                    Ok(Some(told)) => told?,
                    Ok(None) => break,
                    Err(_) => {
                        self.verify_connection().await?;
                        continue;
                    }
                };
                match told {
                    BuildProgress::Built(id) => built = Some(id),
                    BuildProgress::Pull(told) => report(name, told, progress),
                    BuildProgress::Log { number, line } => {
                        progress.report(Event::BuildLog { image: name.to_owned(), number, line });
                    }
                    BuildProgress::Sent(_)
                    | BuildProgress::Remark(_)
                    | BuildProgress::FailedAt(_) => {}
                    BuildProgress::Step(step) => {
                        progress.report(Event::BuildStep { image: name.to_owned(), step });
                    }
                }
            }
            built.ok_or_else(|| unproven(name, EngineErrorKind::Build))
        };
        let built = match within(self.timeouts().build, run).await {
            Ok(built) => built?,
            Err(limit) => return Err(stalled(name, limit)),
        };
        self.tag(&built, &target).await?;
        self.proof(&target.canonical(), EngineErrorKind::Build).await
    }

    /// The id behind a name. A stream that ended well proves nothing.
    async fn proof(&self, name: &str, kind: EngineErrorKind) -> Result<String, EngineError> {
        let image = self.inspect(name).await?;
        image.map(|image| image.id.to_string()).ok_or_else(|| unproven(name, kind))
    }
}

fn reference(name: &str) -> Result<Reference, EngineError> {
    name.parse().map_err(|error: crate::words::reference::ReferenceError| {
        let message = foreign_line(&error.to_string());
        EngineError::new(
            EngineErrorKind::Image,
            FailureClass::BadReference,
            foreign_line(name),
            message,
        )
    })
}

fn report(name: &str, told: PullProgress, progress: &ProgressReporter) {
    let image = name.to_owned();
    match told {
        PullProgress::Layer { id, state, current, total } => {
            progress.report(Event::Layer { image, layer: id, state, current, total });
        }
        PullProgress::Retrying { id, seconds } => {
            progress.report(Event::LayerRetry { image, layer: id, seconds });
        }
        PullProgress::Warning(message) => progress.warn(Some(name), message),
        PullProgress::Status(_) => {}
    }
}

fn stalled(name: &str, limit: std::time::Duration) -> EngineError {
    let message = format!("no progress for {}", elapsed(limit));
    EngineError::new(EngineErrorKind::Timeout, FailureClass::Stalled, name, message)
}

fn unproven(name: &str, kind: EngineErrorKind) -> EngineError {
    EngineError::new(
        kind,
        FailureClass::CutShort,
        name,
        "the engine reported no failure, but the image is not there",
    )
}

/// An archive with nothing but a Dockerfile in it, the same for the same text.
fn archive(dockerfile: &str) -> io::Result<Bytes> {
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes())?;
    archive.into_inner().map(Bytes::from)
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
