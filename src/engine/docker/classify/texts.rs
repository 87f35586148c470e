//! Engines' own words, as measured, and the class that each stands for: test data.

use crate::words::failure::FailureClass as C;

/// `(class, status, text)`; status 0 is a line in a stream. `{R}` is the reference as
/// Docker shortens it, `{F}` the full one, `{N}` the repository, `{H}` the host.
pub(super) const TEXTS: &[(C, u16, &str)] = &[
    // Docker 20.10 and 26.1 with graph drivers.
    (C::NotFound, 404, "manifest for {R} not found: manifest unknown: manifest unknown"),
    (C::NotFound, 500, "manifest unknown"),
    (C::NotFound, 404, "manifest unknown: manifest unknown"),
    (C::NotFound, 500, "name unknown: repository name not known to registry"),
    (
        C::NotFound,
        500,
        "unknown: Tag {T} was deleted or has expired. To pull, revive via time machine",
    ),
    (C::NotFound, 404, "No such image: {R}"),
    (C::NotFound, 404, ""),
    (
        C::Network,
        500,
        "Get \"http://{H}/v2/\": dial tcp 127.0.0.1:5199: connect: connection refused",
    ),
    (
        C::NameResolution,
        500,
        "Get \"https://{H}/v2/\": dial tcp: lookup {H} on 10.0.0.1:53: no such host",
    ),
    (C::NameResolution, 500, "dial tcp: lookup {H}: Temporary failure in name resolution"),
    (C::AbsentOrPrivate, 500, "Head \"http://{H}/v2/{N}/manifests/1\": no basic auth credentials"),
    (C::AbsentOrPrivate, 500, "unauthorized: authentication required"),
    (C::AbsentOrPrivate, 401, "unauthorized: authentication required"),
    (C::AbsentOrPrivate, 500, "unauthorized"),
    (C::AbsentOrPrivate, 500, "denied"),
    (C::AbsentOrPrivate, 403, ""),
    (
        C::AbsentOrPrivate,
        404,
        "pull access denied for {N}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    ),
    (
        C::RateLimited,
        500,
        "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
    ),
    (C::TooManyRequests, 500, "toomanyrequests: retry-after: 1.2ms, allowed: 44000/minute"),
    (
        C::TooManyRequests,
        500,
        "error parsing HTTP 429 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    ),
    (C::TooManyRequests, 429, ""),
    (C::Server, 500, "received unexpected HTTP status: 503 Service Unavailable"),
    (C::Server, 0, "received unexpected HTTP status: 500"),
    (C::NotFound, 500, "received unexpected HTTP status: 410 Gone"),
    (C::NotARegistry, 500, "received unexpected HTTP status: 400 Bad Request"),
    (C::Server, 500, "received unexpected HTTP status: 599"),
    (
        C::NotFound,
        500,
        "error parsing HTTP 404 response body: invalid character 'd' looking for beginning of value: \"default backend - 404\"",
    ),
    (C::Server, 500, "unknown: s3aws: NoSuchBucket: The specified bucket does not exist"),
    (
        C::NotARegistry,
        500,
        "error unmarshalling content: invalid character '<' looking for beginning of value",
    ),
    (C::NotARegistry, 500, "Get \"http://{H}/v2/{N}/manifests/1\": stopped after 10 redirects"),
    (
        C::NotARegistry,
        500,
        "Head \"http://{H}/v2/{N}/manifests/1\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"junk\"",
    ),
    (C::Server, 500, "unknown: unknown error"),
    (
        C::Server,
        500,
        "error parsing HTTP 503 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    ),
    (
        C::Network,
        500,
        "Head \"http://{H}/v2/{N}/manifests/1\": read tcp 10.0.0.2:40402->10.0.0.1:443: read: connection reset by peer",
    ),
    (C::Network, 500, "Head \"http://{H}/v2/{N}/manifests/1\": EOF"),
    (C::Network, 0, "unexpected EOF"),
    (C::Network, 0, "stream error: stream ID 53; INTERNAL_ERROR; received from peer"),
    (C::Network, 0, "local error: tls: bad record MAC"),
    (C::Network, 500, "dial tcp: lookup {H} on 10.0.0.1:53: server misbehaving"),
    // A proxy between the engine and the registry.
    (C::Network, 500, "Get \"https://{H}/v2/\": Proxy Authentication Required"),
    (C::Network, 500, "Get \"https://{H}/v2/\": Forbidden"),
    (C::Network, 500, "Get \"https://{H}/v2/\": net/http: TLS handshake timeout"),
    (
        C::Network,
        500,
        "Get \"https://{H}/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
    ),
    (C::Network, 500, "Get \"https://{H}/v2/\": context deadline exceeded"),
    (C::Network, 500, "Get \"https://{H}/v2/\": dial tcp 10.0.0.1:429: i/o timeout"),
    (C::Tls, 500, "Get \"https://{H}/v2/\": x509: certificate signed by unknown authority"),
    (C::Tls, 500, "Get \"https://{H}/v2/\": tls: first record does not look like a TLS handshake"),
    (C::Tls, 500, "Get \"https://{H}/v2/\": http: server gave HTTP response to HTTPS client"),
    (C::Tls, 500, "Get \"https://{H}/v2/\": remote error: tls: access denied"),
    (C::MissingBlob, 0, "unknown blob"),
    (C::Integrity, 0, "filesystem layer verification failed for digest sha256:1f"),
    (
        C::Integrity,
        0,
        "error pulling image configuration: image config verification failed for digest sha256:1f",
    ),
    (
        C::Unknown,
        0,
        "failed to register layer: Error processing tar file(exit status 1): unexpected EOF",
    ),
    (C::Unknown, 0, "failed to register layer: lchown /etc: permission denied"),
    (C::DiskFull, 0, "failed to register layer: write /usr/lib/x: no space left on device"),
    (C::DiskFull, 0, "write /var/lib/docker/tmp/GetImageBlob1: no space left on device"),
    (C::DiskFull, 500, "mkdir /var/lib/docker/tmp: read-only file system"),
    (C::BadReference, 400, "invalid reference format: repository name must be lowercase"),
    (C::BadReference, 500, "invalid tag format"),
    (C::BadReference, 400, "something else"),
    (
        C::WrongPlatform,
        400,
        "\"bogus\": unknown operating system or architecture: invalid argument",
    ),
    (C::WrongPlatform, 404, "no matching manifest for linux/arm64 in the manifest list entries"),
    (
        C::WrongPlatform,
        0,
        "image with reference {R} was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64",
    ),
    (C::AbsentOrPrivate, 403, "denied: Docker client version is not supported here"),
    (C::Engine, 403, "authorization denied by plugin guard: no"),
    (C::Engine, 400, "client version 1.53 is too new. Maximum supported API version is 1.41"),
    (
        C::Engine,
        500,
        "connection error: dial unix:///run/containerd/containerd.sock: connect: connection refused: unavailable",
    ),
    (
        C::Engine,
        500,
        "dial unix /run/containerd/containerd.sock: connect: no such file or directory",
    ),
    (C::Unknown, 500, "boom"),
    (C::Unknown, 0, ""),
    // The containerd image store.
    (C::NotFound, 404, "failed to resolve reference \"{F}\": {F}: not found"),
    (
        C::Network,
        500,
        "failed to resolve reference \"{F}\": failed to do request: Head \"https://{H}/v2/{N}/manifests/1\": dial tcp 127.0.0.1:5199: connect: connection refused",
    ),
    (
        C::AbsentOrPrivate,
        500,
        "failed to resolve reference \"{F}\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
    ),
    (
        C::AbsentOrPrivate,
        500,
        "failed to resolve reference \"{F}\": unexpected status from HEAD request to https://{H}/v2/{N}/manifests/1: 401 Unauthorized",
    ),
    (
        C::AbsentOrPrivate,
        500,
        "failed to resolve reference \"{F}\": unexpected status from HEAD request to https://{H}/v2/{N}/manifests/1: 403 Forbidden",
    ),
    (
        C::TooManyRequests,
        500,
        "failed to resolve reference \"{F}\": unexpected status from HEAD request to https://{H}/v2/{N}/manifests/1: 429 Too Many Requests",
    ),
    (
        C::Server,
        500,
        "failed to resolve reference \"{F}\": unexpected status from HEAD request to https://{H}/v2/{N}/manifests/1: 503 Service Unavailable",
    ),
    (
        C::MissingBlob,
        0,
        "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:1f (application/x) from remote: not found",
    ),
    (
        C::Integrity,
        0,
        "failed commit on ref \"layer-sha256:1f\": unexpected commit digest sha256:2e, expected sha256:1f: failed precondition",
    ),
    (
        C::WrongPlatform,
        404,
        "failed to resolve reference \"{F}\": no match for platform in manifest: not found",
    ),
    // Podman: all of it in the stream.
    (
        C::NotFound,
        0,
        "initializing source docker://{F}: reading manifest {T} in {H}/{N}: manifest unknown: manifest unknown",
    ),
    (
        C::AbsentOrPrivate,
        0,
        "initializing source docker://{F}: reading manifest {T} in {H}/{N}: unauthorized: authentication required",
    ),
    (
        C::AbsentOrPrivate,
        0,
        "initializing source docker://{F}: reading manifest {T} in {H}/{N}: denied: requested access to the resource is denied",
    ),
    (
        C::AbsentOrPrivate,
        0,
        "initializing source docker://{F}: Requesting bearer token: invalid status code from registry 403 (Forbidden)",
    ),
    (
        C::TooManyRequests,
        0,
        "initializing source docker://{F}: reading manifest {T} in {H}/{N}: toomanyrequests: slow down",
    ),
    (
        C::Network,
        0,
        "initializing source docker://{F}: pinging container registry {H}: Get \"http://{H}/v2/\": dial tcp 127.0.0.1:5199: connect: connection refused",
    ),
    (
        C::Integrity,
        0,
        "writing blob: storing blob to file \"/var/tmp/x\": Digest did not match, expected sha256:1f, got sha256:2e",
    ),
    (C::Integrity, 0, "Manifest does not match provided manifest digest sha256:1f"),
    (C::Integrity, 0, "Download config.json digest sha256:2e does not match expected sha256:1f"),
    (
        C::WrongPlatform,
        0,
        "choosing an image from manifest list docker://{F}: no image found in manifest list for architecture arm64, variant \"v8\", OS linux",
    ),
];

/// Names made of other classes' words.
pub(super) const NAMES: &[&str] = &[
    "ghcr.io/acme/tool:1.2",
    "redis",
    "ghcr.io/corp/denied-proxy:1",
    "quay.io/enix/x509-certificate-exporter:3.1",
    "unknown/eof",
    "127.0.0.1:5000/not/found:unauthorized",
    "toomanyrequests/app:429",
    "denied",
    "ghcr.io/manifest/unknown:denied",
    "500.example.com:503/timeout/eof:tls",
    "forbidden.io/no-space/left-on-device:eof",
];
