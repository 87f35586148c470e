//! Pulling: the engine's stream of statuses, in our words.

use bollard::models::{CreateImageInfo, ProgressDetail};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::client::{DockerClient, within};
use crate::engine::docker::distribution::auth;
use crate::engine::error::EngineError;
use crate::engine::{PullProgress, PullRequest};
use crate::words::event::LayerState;

/// An engine waits 25 s at most before it tries a layer again. More than this is
/// nonsense, which must neither overflow a clock nor stop the watch over the layers.
const LONGEST_WAIT: u64 = 60;

/// Pulls by digest where there is one, else by tag; never without both, which
/// would pull every tag of the repository.
pub(super) fn pull(
    client: &DockerClient,
    request: PullRequest,
) -> BoxStream<'_, Result<PullProgress, EngineError>> {
    let reference = &request.reference;
    let version = reference
        .digest
        .as_ref()
        .map_or_else(|| reference.tag_or_default(), |digest| digest.as_str());
    let mut options =
        CreateImageOptionsBuilder::new().from_image(&reference.repository.to_string()).tag(version);
    if let Some(platform) = &request.platform {
        options = options.platform(&platform.to_string());
    }
    let credentials = request
        .credentials
        .as_ref()
        .map(|credentials| auth(credentials, &reference.repository.registry));
    let answers = client.inner().create_image(Some(options.build()), None, credentials).boxed();

    // The registry's answer comes with the first line, so the wait for that is
    // bounded here. How long the rest may take only the caller can tell.
    let limit = client.timeouts().response;
    stream::unfold(Some((answers, limit, request)), move |state| async move {
        let (mut answers, limit, request) = state?;
        let subject = request.reference.to_string();
        let about = About {
            doing: Doing::Pull,
            subject: &subject,
            reference: Some(&request.reference),
            credentials: request.credentials.as_ref(),
            endpoint: client.endpoint(),
        };
        let told = match within(limit, answers.next()).await {
            Ok(told) => told?.map_err(|error| classify::failed(error, &about)),
            Err(limit) => return Some((Err(classify::silent(limit, &about)), None)),
        };
        match told.and_then(|line| said(line, &about)) {
            Ok(progress) => Some((Ok(progress), Some((answers, None, request)))),
            Err(error) => Some((Err(error), None)),
        }
    })
    // Whoever saw the end may ask again: of an empty pull only the proof tells.
    .fuse()
    .boxed()
}

pub(super) fn said(line: CreateImageInfo, about: &About<'_>) -> Result<PullProgress, EngineError> {
    let CreateImageInfo { id, status, progress_detail, error_detail } = line;
    if error_detail.is_some() || (id.is_none() && status.is_none() && progress_detail.is_none()) {
        return Err(failure_without_text(about));
    }
    Ok(progress(id, status.unwrap_or_default(), progress_detail))
}

/// A line that holds a failure, but none of the words that bollard reads: it knows
/// `errorDetail.message` and drops the older `error` beside it. A line without
/// anything that it knows is taken for one with only `error` in it, since engines
/// send no empty lines; treating it as progress would hide the failure.
pub(super) fn failure_without_text(about: &About<'_>) -> EngineError {
    classify::answered("", None, about)
}

/// Puts a status line into our words.
pub(super) fn progress(
    id: Option<String>,
    status: String,
    detail: Option<ProgressDetail>,
) -> PullProgress {
    let Some(id) = id else { return PullProgress::Status(status) };
    if id == "WARNING" {
        return PullProgress::Warning(status);
    }
    if let Some(seconds) = status
        .strip_prefix("Retrying in ")
        .and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok())
    {
        return PullProgress::Retrying { id, seconds: seconds.min(LONGEST_WAIT) };
    }
    let state = match status.as_str() {
        "Pulling fs layer" => LayerState::Requested,
        "Waiting" => LayerState::Waiting,
        "Downloading" => LayerState::Downloading,
        "Verifying Checksum" | "Download complete" => LayerState::Downloaded,
        "Extracting" => LayerState::Extracting,
        "Pull complete" => LayerState::Done,
        "Already exists" => LayerState::Present,
        _ => return PullProgress::Status(status),
    };
    let number =
        |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    let (current, total) =
        detail.map_or((0, 0), |detail| (number(detail.current), number(detail.total)));
    // Newer engines count seconds while unpacking, and then give no total.
    let current = if state == LayerState::Extracting && total == 0 { 0 } else { current };
    PullProgress::Layer { id, state, current, total }
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
