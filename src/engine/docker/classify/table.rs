//! The table from an engine's words to a failure class.
//!
//! Engines flatten most registry answers to status 500, so the text decides first
//! and the status second. The first row that matches wins; what comes early must
//! not be hidden by a more general word later: the engine's own disk before the
//! registry's words, `pull limit` before `too many requests`, a missing blob before
//! a missing manifest.

use crate::engine::docker::classify::evidence::says;
use crate::words::failure::FailureClass::{
    self, AbsentOrPrivate, BadReference, Denied, DiskFull, Engine, Integrity, MissingBlob,
    NameResolution, Network, NotARegistry, NotFound, RateLimited, Server, Tls, TooManyRequests,
    Unknown, WrongPlatform,
};

struct Row {
    verdict: Verdict,
    /// Any of these phrases, as whole words …
    any: &'static [&'static str],
    /// … and any of these, where there are any.
    also: &'static [&'static str],
}

enum Verdict {
    Is(FailureClass),
    /// Refused: what that means depends on whether credentials were sent.
    Refused,
}

const fn row(class: FailureClass, any: &'static [&'static str]) -> Row {
    Row { verdict: Verdict::Is(class), any, also: &[] }
}

/// How engines tell a status for which the registry had no error of its own.
const UNEXPECTED: &[&str] = &["unexpected status", "received unexpected http status:"];

const TABLE: &[Row] = &[
    row(
        DiskFull,
        &[
            "no space left on device",
            "disk quota exceeded",
            "read-only file system",
            "not enough space",
        ],
    ),
    Row {
        verdict: Verdict::Is(Engine),
        any: &["client version"],
        also: &["is too new", "is too old"],
    },
    // The last one is a guard between occ and the engine: no registry was asked.
    row(
        Engine,
        &[
            "cannot connect to the docker daemon",
            "/containerd.sock",
            "authorization denied by plugin",
        ],
    ),
    // The bytes are there and this engine cannot unpack them: neither the registry's
    // fault nor a reason to stop all other images.
    row(Unknown, &["failed to register layer", "failed to extract layer", "applylayer"]),
    row(
        WrongPlatform,
        &[
            "no matching manifest for",
            "no match for platform in manifest",
            "does not match the specified platform",
            "does not provide the specified platform",
            "operating system is not supported",
            "unknown operating system or architecture",
            "no image found in image index for",
            "no image found in manifest list for",
            "cannot be used on this platform",
        ],
    ),
    row(
        BadReference,
        &[
            "invalid reference format",
            "repository name must be lowercase",
            "invalid tag",
            "invalid tag format",
            "invalid repository name",
            "invalid checksum digest",
            "repository name must be canonical",
        ],
    ),
    row(
        Integrity,
        &[
            "layer verification failed",
            "config verification failed",
            "verification failed for digest",
            "unexpected commit digest",
            "unexpected commit size",
            "failed size validation",
            "digest did not match",
            "did not match expected digest",
            "does not match provided manifest digest",
            "config.json digest",
            "corrupt blob",
        ],
    ),
    // Quay's words. They quote the tag, which may be any word, so they come early.
    row(NotFound, &["was deleted or has expired"]),
    // A slow or broken handshake is the network's fault, a bad one is a mistake of somebody's.
    row(Network, &["tls handshake timeout", "tls: use of closed connection", "bad record mac"]),
    row(
        Tls,
        &[
            "x509:",
            "tls:",
            "certificate",
            "server gave http response to https client",
            "first record does not look like a tls handshake",
        ],
    ),
    Row {
        verdict: Verdict::Is(RateLimited),
        any: &["toomanyrequests", "too many requests", "429"],
        also: &["rate limit", "pull limit", "rate-limit", "increase-rate-limit"],
    },
    row(TooManyRequests, &["toomanyrequests", "too many requests", "429"]),
    // A proxy on the engine's way out, not the registry: its refusal of a tunnel is the bare
    // text of its status.
    row(Network, &["proxy authentication required", "407", "\": forbidden"]),
    Row {
        verdict: Verdict::Refused,
        any: &[
            "unauthorized",
            "denied",
            "authentication required",
            "no basic auth credentials",
            "insufficient_scope",
            "authorization failed",
            "invalid username/password",
            "401",
            "403",
        ],
        also: &[],
    },
    row(
        MissingBlob,
        &["unknown blob", "blob unknown", "blob_unknown", "could not fetch content descriptor"],
    ),
    row(
        NameResolution,
        &[
            "no such host",
            "temporary failure in name resolution",
            "name or service not known",
            "nodename nor servname provided",
        ],
    ),
    row(
        NotFound,
        &[
            "manifest unknown",
            "manifest_unknown",
            "name unknown",
            "name_unknown",
            "name not known to registry",
            "no such image",
            "no such manifest",
            "not found",
            "repository does not exist",
            "error parsing http 404 response body",
        ],
    ),
    Row { verdict: Verdict::Is(NotFound), any: UNEXPECTED, also: &["404", "410"] },
    Row {
        verdict: Verdict::Is(NotARegistry),
        any: UNEXPECTED,
        also: &["301", "302", "307", "308", "400", "405", "406", "415"],
    },
    row(
        Server,
        &[
            "500",
            "502",
            "503",
            "504",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "gateway time-out",
            "request timeout",
            "unavailable",
            "unknown:",
        ],
    ),
    row(Server, UNEXPECTED),
    // After the statuses: a proxy's error page has one, a login page has not.
    row(
        NotARegistry,
        &[
            "stopped after 10 redirects",
            "error unmarshalling content",
            "malformed http response",
            "malformed http status code",
            "invalid character",
            "unexpected end of json input",
        ],
    ),
    row(
        Network,
        &[
            "connection refused",
            "connection reset",
            "connection aborted",
            "connection timed out",
            "broken pipe",
            "eof",
            "i/o timeout",
            "timeout",
            "client.timeout",
            "client.timeout exceeded",
            "deadline exceeded",
            "no route to host",
            "host is unreachable",
            "network is unreachable",
            "network is down",
            "use of closed network connection",
            "server closed idle connection",
            "server misbehaving",
            "http2:",
            "stream error:",
        ],
    ),
];

/// The class of a message that [`evidence`](super::evidence::evidence) has prepared.
pub(super) fn class_of(
    evidence: &str,
    status: Option<u16>,
    credentials_sent: bool,
) -> FailureClass {
    let refused = if credentials_sent { Denied } else { AbsentOrPrivate };
    let matches = |row: &&Row| {
        row.any.iter().any(|phrase| says(evidence, phrase))
            && (row.also.is_empty() || row.also.iter().any(|phrase| says(evidence, phrase)))
    };
    match TABLE.iter().find(matches).map(|row| &row.verdict) {
        Some(Verdict::Is(class)) => *class,
        Some(Verdict::Refused) => refused,
        None => match status {
            Some(400) => BadReference,
            Some(401 | 403) => refused,
            Some(404) => NotFound,
            Some(429) => TooManyRequests,
            Some(408 | 502..=504) => Server,
            _ => Unknown,
        },
    }
}
