//! An engine's words as the fuzzer makes them up.

use bollard::models::CreateImageInfo;

use super::build_log::BuildLog;
use super::classify::{self, About, Doing};
use super::endpoint::Endpoint;
use super::pull::said;
use crate::engine::error::EngineError;

/// What becomes of these bytes as lines of a pull, as a builder's text, and as a refusal: all
/// that failed of it.
pub(crate) fn failures(bytes: &[u8]) -> Vec<EngineError> {
    let endpoint = Endpoint::of_socket("/run/docker.sock".into());
    let reference = "ghcr.io/acme/tool:1".parse().ok();
    let about = |doing| About {
        doing,
        subject: "ghcr.io/acme/tool:1",
        reference: reference.as_ref(),
        credentials: None,
        endpoint: &endpoint,
    };
    let mut failures = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(line) = serde_json::from_slice::<CreateImageInfo>(line) {
            failures.extend(said(line, &about(Doing::Pull)).err());
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let (mut log, mut out) = (BuildLog::default(), Vec::new());
    text.split('\t').for_each(|chunk| log.push(chunk, &mut out));
    log.flush(&mut out);
    for doing in [Doing::Image, Doing::Resolve, Doing::Pull, Doing::Build, Doing::Base] {
        for status in [None, Some(404), Some(500)] {
            failures.push(classify::answered(&text, status, &about(doing)));
        }
    }
    failures
}
