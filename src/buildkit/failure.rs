//! Why a build failed, as far as a builder says.

use std::fmt;

use bollard_buildkit_proto::google::rpc::Status as Details;
use prost::Message as _;
use serde::Deserialize;
use tonic::{Code, Status};

/// What a builder says of a build that failed, in its words: foreign text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SolveError {
    /// What happened.
    pub(crate) message: String,
    /// The image that could not be had, as the step calls it that asked for it.
    pub(crate) base: Option<String>,
    /// Whether the files of the context are to blame, and the message is this side's own.
    pub(crate) is_ours: bool,
    /// Whether the connection ended before there was an answer.
    pub(crate) is_cut: bool,
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SolveError {}

/// What the details of a failure say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The line of the Dockerfile, from 1.
    pub(super) line: Option<usize>,
    /// What a command ended with.
    pub(super) exit_code: Option<i64>,
    /// The digest of the step.
    pub(super) vertex: Option<String>,
}

/// `errdefs.Source`: where in a file.
#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    start: Position,
}

#[derive(Deserialize, Default)]
struct Position {
    #[serde(default)]
    line: usize,
}

/// `gatewayapi.ExitMessage`.
#[derive(Deserialize)]
struct Exit {
    #[serde(rename = "Code", default)]
    code: i64,
}

/// `errdefs.Vertex`.
#[derive(Deserialize)]
struct Vertex {
    #[serde(default)]
    digest: String,
}

/// Reads the details that newer builders send, which are JSON in spite of their form, and
/// the text that all send.
pub(super) fn read(status: &Status) -> Told {
    let mut told = Told::default();
    let details = Details::decode(status.details()).map(|status| status.details);
    for detail in details.unwrap_or_default() {
        let kind = detail.type_url.rsplit('/').next().unwrap_or_default();
        match kind {
            // The innermost comes last.
            "errdefs.Source+json" => {
                let source: Option<Source> = serde_json::from_slice(&detail.value).ok();
                let line = source.and_then(|source| Some(source.ranges.first()?.start.line));
                told.line = line.filter(|line| *line > 0).or(told.line);
            }
            "gatewayapi.ExitMessage+json" => {
                let exit: Option<Exit> = serde_json::from_slice(&detail.value).ok();
                // A command that failed ended with another code.
                let code = exit.map(|exit| exit.code).filter(|code| *code != 0);
                told.exit_code = code.or(told.exit_code);
            }
            "errdefs.Vertex+json" => {
                let vertex: Option<Vertex> = serde_json::from_slice(&detail.value).ok();
                let digest = vertex.map(|vertex| vertex.digest).filter(|it| !it.is_empty());
                told.vertex = digest.or(told.vertex);
            }
            _ => {}
        }
    }
    let text = message(status.message());
    // At its very beginning: further on, it may be what a command or a file says.
    let line = || PARSING.iter().find_map(|words| number(text.strip_prefix(words)?));
    told.line = told.line.or_else(line);
    let code = || number(text.rsplit_once("exit code: ")?.1);
    told.exit_code = told.exit_code.or_else(|| code().and_then(|code| i64::try_from(code).ok()));
    told
}

/// What a builder says of a Dockerfile that it can't read, in front of the line's number.
const PARSING: [&str; 2] = ["dockerfile parse error line ", "dockerfile parse error on line "];

/// The number that a text begins with.
fn number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Whether it was the connection that failed and not the build, as far as this says.
pub(super) fn is_cut(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Cancelled) || is_gone(status)
}

/// Whether nobody is there any more who could say another word.
pub(super) fn is_gone(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// The message without what a builder puts in front of each.
pub(super) fn message(text: &str) -> String {
    let text = text.strip_prefix("failed to solve: ").unwrap_or(text);
    let of_frontend = [
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve with frontend gateway.v0: ",
        "rpc error: code = Unknown desc = ",
        "failed to create LLB definition: ",
        "rpc error: code = Unknown desc = ",
    ];
    let text =
        of_frontend.iter().fold(text, |text, start| text.strip_prefix(start).unwrap_or(text));
    if is_frontends_end(text) {
        return format!("the frontend that `# syntax=` names failed: {text}");
    }
    text.to_owned()
}

/// Whether it is the end of a frontend that says nothing about it itself.
fn is_frontends_end(text: &str) -> bool {
    text.strip_prefix("exit code: ").is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
