//! Floor 3: the Docker Engine API, by way of bollard. Nobody else names bollard.

mod about;
mod build;
mod build_log;
mod buildkit;
mod classify;
pub(crate) mod client;
mod connector;
mod context_store;
mod dial;
mod distribution;
pub(crate) mod endpoint;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod image;
mod images;
mod pull;
mod sockets;
mod ssh;
#[cfg(test)]
mod stub;

use std::collections::BTreeMap;

use futures_util::stream::BoxStream;

use crate::engine::docker::client::DockerClient;
use crate::engine::error::EngineError;
use crate::engine::{
    BuildContext, BuildProgress, BuildRequest, Builder, Credentials, Engine, PullProgress,
    PullRequest, Resolution,
};
use crate::words::digest::Digest;
use crate::words::image::{EngineId, ImageFacts, IndexRoom, Unnamed};
use crate::words::platform::Platform;
use crate::words::reference::Reference;

impl Engine for DockerClient {
    async fn inspect(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError> {
        images::inspect(self, reference).await
    }

    async fn history(&self, id: &EngineId) -> Result<Vec<String>, EngineError> {
        images::history(self, id.as_str()).await
    }

    async fn unnamed(&self, label: &str) -> Result<Vec<Unnamed>, EngineError> {
        images::unnamed(self, label).await
    }

    async fn digests(&self) -> Result<BTreeMap<Digest, EngineId>, EngineError> {
        images::digests(self).await
    }

    async fn index_room(&self) -> Result<IndexRoom, EngineError> {
        images::index_room(self).await
    }

    async fn platform(&self) -> Result<Platform, EngineError> {
        images::platform(self).await
    }

    async fn builder(&self) -> Result<Builder, EngineError> {
        self.known_builder(|| buildkit::builder(self)).await
    }

    async fn resolve(
        &self,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Resolution, EngineError> {
        distribution::resolve(self, reference, credentials).await
    }

    fn pull(&self, request: PullRequest) -> BoxStream<'_, Result<PullProgress, EngineError>> {
        pull::pull(self, request)
    }

    async fn tag(&self, source: &EngineId, target: &Reference) -> Result<(), EngineError> {
        images::tag(self, source.as_str(), target).await
    }

    fn build(&self, request: BuildRequest) -> BoxStream<'_, Result<BuildProgress, EngineError>> {
        match request.context {
            BuildContext::Archive(_) => build::build(self, request),
            BuildContext::Served(_) => buildkit::build(self, request),
        }
    }

    fn is_local(&self) -> bool {
        self.endpoint().is_local()
    }
}
