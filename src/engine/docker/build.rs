//! Building with the classic builder, from a streamed archive.

use std::collections::{HashMap, VecDeque};

use bollard::body_try_stream;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::engine::docker::build_log::BuildLog;
use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::client::DockerClient;
use crate::engine::docker::distribution::{auth, auth_key};
use crate::engine::docker::pull::{failure_without_text, progress};
use crate::engine::error::EngineError;
use crate::engine::{BuildContext, BuildProgress, BuildRequest};
use crate::words::event::{StepProgress, StepState};
use crate::words::image::EngineId;
use crate::words::network::Network;
use crate::words::reference::Reference;

type Item = Result<BuildProgress, EngineError>;

/// Builds an image without a name. No time-out runs here: a context may be large, a
/// step may be silent, and only the caller knows how long it wants to wait.
pub(super) fn build(client: &DockerClient, request: BuildRequest) -> BoxStream<'_, Item> {
    let BuildRequest {
        dockerfile,
        shown: subject,
        target,
        args,
        labels,
        network,
        platform,
        no_cache,
        cache_from,
        pull,
        credentials,
        context,
    } = request;
    let BuildContext::Archive(context) = context else { return stream::empty().boxed() };
    let options = BuildImageOptions {
        dockerfile,
        target: target.unwrap_or_default(),
        buildargs: Some(args.into_iter().collect()),
        labels: Some(labels.into_iter().collect()),
        networkmode: match network {
            Network::Default => None,
            Network::None => Some("none".to_owned()),
            Network::Host => Some("host".to_owned()),
        },
        platform: platform.map(|platform| platform.to_string()).unwrap_or_default(),
        nocache: no_cache,
        // Named but absent images would turn the cache off: an empty list is none.
        cachefrom: (!cache_from.is_empty())
            .then(|| cache_from.iter().map(Reference::canonical).collect()),
        pull: pull.then(|| "1".to_owned()),
        // A cancelled build leaves no container behind.
        rm: true,
        forcerm: true,
        version: BuilderVersion::BuilderV1,
        ..Default::default()
    };
    let config: HashMap<_, _> =
        credentials.iter().map(|(registry, of)| (auth_key(registry), auth(of, registry))).collect();
    let config = (!config.is_empty()).then_some(config);
    let answers =
        client.inner().build_image(options, config, Some(body_try_stream(context))).boxed();

    let state = State {
        answers: Some(answers),
        ready: VecDeque::new(),
        log: BuildLog::default(),
        at_base: false,
        base: None,
        subject,
        credentials,
        client,
    };
    stream::unfold(state, |mut state| async move { Some((state.next().await?, state)) })
        .fuse()
        .boxed()
}

struct State<'a> {
    /// `None` after the end, or after an error.
    answers: Option<BoxStream<'a, Result<BuildInfo, bollard::errors::Error>>>,
    ready: VecDeque<Item>,
    log: BuildLog,
    /// Whether the current step is a `FROM`, …
    at_base: bool,
    /// … and the image that it asks for, as far as that is known.
    base: Option<Reference>,
    subject: String,
    credentials: std::collections::BTreeMap<String, crate::engine::Credentials>,
    client: &'a DockerClient,
}

impl State<'_> {
    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            match self.answers.as_mut()?.next().await {
                Some(Ok(line)) => self.read(line),
                Some(Err(error)) => {
                    self.end(Some(|about: &About<'_>| classify::failed(error, about)));
                }
                None => self.end(None::<fn(&About<'_>) -> EngineError>),
            }
        }
    }

    fn read(&mut self, line: BuildInfo) {
        let BuildInfo { id, stream, error_detail, status, progress_detail, aux } = line;
        let nothing = id.is_none()
            && stream.is_none()
            && status.is_none()
            && progress_detail.is_none()
            && aux.is_none();
        if error_detail.is_some() || nothing {
            return self.end(Some(failure_without_text));
        }
        let mut told = Vec::new();
        if let Some(chunk) = stream {
            self.log.push(&chunk, &mut told);
        }
        if let Some(status) = status {
            self.log.flush(&mut told);
            told.push(BuildProgress::Pull(progress(id, status, progress_detail)));
        }
        if let Some(id) = aux.and_then(|aux| aux.id) {
            self.log.flush(&mut told);
            told.push(BuildProgress::Built(EngineId::new(id)));
        }
        self.take(told);
    }

    fn take(&mut self, told: Vec<BuildProgress>) {
        for item in told {
            if let BuildProgress::Step(StepProgress { text, state: StepState::Running, .. }) = &item
            {
                self.at_base = text
                    .split_whitespace()
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case("from"));
                self.base = if self.at_base { base_of(text) } else { None };
            }
            self.ready.push_back(Ok(item));
        }
    }

    /// Hands on the last unfinished line, and the failure that ended the build.
    fn end(&mut self, failure: Option<impl FnOnce(&About<'_>) -> EngineError>) {
        let mut told = Vec::new();
        self.log.flush(&mut told);
        let state = if failure.is_some() { StepState::Failed } else { StepState::Done };
        self.log.end(state, &mut told);
        self.take(told);
        self.answers = None;
        if let Some(failure) = failure {
            let about = About {
                doing: if self.at_base { Doing::Base } else { Doing::Build },
                subject: &self.subject,
                reference: self.base.as_ref(),
                credentials: self
                    .base
                    .as_ref()
                    .and_then(|base| self.credentials.get(&base.repository.registry)),
                endpoint: self.client.endpoint(),
            };
            self.ready.push_back(Err(failure(&about)));
        }
    }
}

/// The image that a `FROM` instruction asks for. The builder prints variables as they
/// are written, and such a base stays unknown.
fn base_of(instruction: &str) -> Option<Reference> {
    instruction.split_whitespace().skip(1).find(|word| !word.starts_with("--"))?.parse().ok()
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
