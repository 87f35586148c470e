//! What registries say when they don't serve, in the words of those that people use.

use serde_json::{Value, json};

use super::http::Response;

/// An error document as the distribution specification has it.
pub(crate) fn error(status: u16, code: &str, message: &str, detail: Option<Value>) -> Response {
    let mut entry = json!({ "code": code, "message": message });
    if let Some(detail) = detail {
        entry["detail"] = detail;
    }
    Response::json(status, &json!({ "errors": [entry] }))
        .with_header("Docker-Distribution-Api-Version", "registry/2.0")
}

/// GHCR's way: a code and no detail.
pub(crate) fn not_found() -> Response {
    error(404, "MANIFEST_UNKNOWN", "manifest unknown", None)
}

/// Docker Hub's way: with the tag as detail.
pub(crate) fn not_found_with_detail() -> Response {
    error(404, "MANIFEST_UNKNOWN", "manifest unknown", Some(json!({ "Tag": "latest" })))
}

pub(super) fn name_unknown() -> Response {
    error(404, "NAME_UNKNOWN", "repository name not known to registry", None)
}

/// 401 that asks for a name and a password.
pub(crate) fn unauthorized() -> Response {
    error(401, "UNAUTHORIZED", "authentication required", None)
        .with_header("WWW-Authenticate", "Basic realm=\"scripted\"")
}

/// 401 that sends the client for a token to `host`.
pub(crate) fn unauthorized_bearer(host: &str) -> Response {
    let challenge = format!(
        "Bearer realm=\"http://{host}/token\",service=\"scripted\",scope=\"repository:x:pull\""
    );
    error(401, "UNAUTHORIZED", "authentication required", None)
        .with_header("WWW-Authenticate", challenge)
}

/// 403.
pub(crate) fn denied() -> Response {
    error(403, "DENIED", "requested access to the resource is denied", None)
}

/// Docker Hub's words when a quota of hours is used up.
pub(crate) fn rate_limited() -> Response {
    let message = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit";
    error(429, "TOOMANYREQUESTS", message, None).with_header("Retry-After", "2")
}

/// A login page where a manifest should be.
pub(crate) fn login_page() -> Response {
    Response::new(200, "text/html", "<html><body>please log in to the network</body></html>")
}

/// A message full of what a terminal would obey.
pub(crate) const INJECTION: &str = "\x1b[2J\x1b[1;1H\x1b]0;owned\x07\x1b[32mall images verified\x1b[0m\r\n\x1b]8;;http://evil.invalid\x07click\x1b]8;;\x07 \u{202e}txt.exe\0\u{9b}31m";
