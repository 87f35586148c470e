use super::texts::{NAMES, TEXTS};
use super::*;
use crate::words::failure::FailureClass as C;

fn endpoint() -> Endpoint {
    Endpoint::of_socket("/run/test.sock".into())
}

fn credentials() -> Credentials {
    Credentials {
        username: "u".into(),
        password: "hunter2".into(),
        identity_token: String::new(),
        registry_token: String::new(),
        origin: "~/.docker/config.json".into(),
    }
}

fn classified(
    doing: Doing,
    name: &str,
    status: u16,
    text: &str,
    credentials: Option<&Credentials>,
) -> EngineError {
    let reference: Reference = name.parse().unwrap();
    let full = reference.canonical();
    let repository = &reference.repository;
    let familiar = full.trim_start_matches("docker.io/").trim_start_matches("library/");
    let text = text
        .replace("{R}", familiar)
        .replace("{F}", &full)
        .replace("{H}", &repository.registry)
        .replace("{N}", &repository.path)
        .replace("{T}", reference.tag_or_default());
    let endpoint = endpoint();
    let about = About {
        doing,
        subject: name,
        reference: Some(&reference),
        credentials,
        endpoint: &endpoint,
    };
    let error = match status {
        0 => Error::DockerStreamError { error: text },
        status_code => Error::DockerResponseServerError { status_code, message: text },
    };
    failed(error, &about)
}

#[test]
fn every_known_text_has_its_class_whatever_the_image_is_called() {
    for (class, status, text) in TEXTS {
        for name in NAMES {
            let error = classified(Doing::Pull, name, *status, text, None);
            assert_eq!(error.class, *class, "{status} {text} ({name})");
            assert!(error.hint().is_some(), "{text}");
        }
    }
}

#[test]
fn a_refusal_means_more_when_credentials_were_sent() {
    let credentials = credentials();
    for (class, status, text) in TEXTS.iter().filter(|(class, ..)| *class == C::AbsentOrPrivate) {
        let error = classified(Doing::Pull, "ghcr.io/a/b:1", *status, text, Some(&credentials));
        assert_eq!(error.class, C::Denied, "{class:?} {text}");
        assert!(error.hint().unwrap().contains("`~/.docker/config.json`"));
        assert!(error.hint().unwrap().contains("`docker login ghcr.io`"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let hub = classified(Doing::Pull, "redis", 401, "", Some(&credentials));
    assert!(hub.hint().unwrap().contains("`docker login`"));
}

#[test]
fn a_digest_that_is_not_there_is_no_typing_error() {
    let pinned = format!("ghcr.io/a/b@sha256:{}", "a".repeat(64));
    let hint = |name: &str| {
        let error = classified(Doing::Pull, name, 500, "manifest unknown", None);
        error.hint().unwrap().to_owned()
    };
    assert!(hint(&pinned).starts_with("ghcr.io has no image of this digest"));
    assert!(hint("ghcr.io/a/b:1").contains("typing error"));
}

#[test]
fn messages_are_one_clean_line_without_secrets() {
    let text =
        "bad\n\x1b[2J http://user:pass@proxy:3128/ \u{202e}x".to_owned() + &"y".repeat(1 << 20);
    let error = classified(Doing::Pull, "ghcr.io/a/b:1", 500, &text, None);
    assert!(error.message.starts_with("bad \\x1b[2J http://***@proxy:3128/ \\u{202e}xy"));
    assert!(error.message.len() < 4096);
    let empty = classified(Doing::Pull, "ghcr.io/a/b:1", 500, "", None);
    assert_eq!(empty.message, "the engine answered with status 500 and no reason");
    let empty = classified(Doing::Pull, "ghcr.io/a/b:1", 0, " ", None);
    assert_eq!(empty.message, "the engine reported a failure without a reason");
}

#[test]
fn a_build_fails_as_a_build_unless_its_base_cannot_be_had() {
    let endpoint = endpoint();
    let base: Reference = "ghcr.io/corp/eof:1".parse().unwrap();
    let check = |base: Option<&Reference>, status: Option<u16>, text: &str, want: C| {
        let about = About {
            doing: if base.is_some() { Doing::Base } else { Doing::Build },
            subject: "Dockerfile",
            reference: base,
            credentials: None,
            endpoint: &endpoint,
        };
        let error = answered(text, status, &about);
        assert_eq!(error.class, want, "{text}");
        error
    };
    check(None, None, "The command '/bin/sh -c echo denied' returned a non-zero code: 3", C::Build);
    check(
        None,
        None,
        "The command '/bin/sh -c echo no space left on device' returned a non-zero code: 1",
        C::Build,
    );
    check(None, Some(400), "dockerfile parse error line 2: unknown instruction: BOGUS", C::Build);
    check(None, Some(500), "Cannot locate specified Dockerfile: nope", C::Build);
    check(None, None, "COPY failed: file not found in build context", C::Build);
    check(None, None, "failed to copy files: write /x: no space left on device", C::DiskFull);
    let digest = "a".repeat(64);
    for lost in [
        format!("content digest sha256:{digest}: not found"),
        format!(
            "failed to extract layer sha256:{digest}: failed to get reader from content store: content digest sha256:{digest}: not found"
        ),
        "failed to commit g80l to p80r during finalize: failed to stat active key during commit: snapshot g80l does not exist: not found".to_owned(),
        "failed to prepare 5ilp as x0yd: parent snapshot k6w6 does not exist: not found".to_owned(),
        format!("failed to export image: failed to create image: failed to get layer sha256:{digest}: layer does not exist"),
    ] {
        check(None, None, &lost, C::BuildCache);
        let said = format!("process \"/bin/sh -c echo {lost}");
        check(None, None, &said, C::Build);
    }
    check(None, None, "failed to compute cache key: \"/snapshot x\": not found", C::Build);
    check(
        Some(&base),
        None,
        "manifest for ghcr.io/corp/eof:1 not found: manifest unknown",
        C::NotFound,
    );
    check(
        Some(&base),
        None,
        "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io: no such host",
        C::NameResolution,
    );
    check(Some(&base), None, "circular base", C::Build);
    let error =
        check(None, Some(400), "the --mount option requires BuildKit. Refer to x", C::Build);
    assert!(error.hint().unwrap().contains("needs BuildKit"));
    for newer in ["dockerfile parse error line 4: unknown instruction: ECHO", "Unknown flag: link"]
    {
        let error = check(None, Some(400), newer, C::Build);
        assert!(error.hint().unwrap().contains("wants BuildKit"), "{newer}");
    }
}

#[test]
fn an_inspect_asks_no_registry_so_none_is_blamed() {
    for (status, text) in [(502, "<html>bad gateway</html>"), (403, "<html>forbidden</html>")] {
        let error = classified(Doing::Image, "ghcr.io/a/b:1", status, text, None);
        assert_eq!((error.kind, error.class), (EngineErrorKind::Image, C::Engine), "{text}");
        assert!(error.hint().unwrap().starts_with("the engine is unix://"), "{error:?}");
    }
    let missing = classified(Doing::Image, "ghcr.io/a/b:1", 404, "No such image: x", None);
    assert_eq!(missing.class, C::NotFound);
}

#[test]
fn a_filter_before_the_engine_is_no_registry_and_a_registrys_disk_is_not_the_engines() {
    let page = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.";
    for doing in [Doing::Pull, Doing::Resolve, Doing::Build] {
        let error = classified(doing, "ghcr.io/a/b:1", 403, page, None);
        assert_eq!((error.kind, error.class), (EngineErrorKind::PermissionDenied, C::Engine));
        assert!(error.to_string().starts_with(
            "no permission to use the container engine at `unix:///run/test.sock`: <html>"
        ));
    }
    let full = "unknown: cache: write /var/lib/registry/x: no space left on device";
    for doing in [Doing::Pull, Doing::Resolve] {
        assert_eq!(classified(doing, "ghcr.io/a/b:1", 500, full, None).class, C::Server);
    }
    // In a stream it may be anything that the engine quotes.
    assert_ne!(classified(Doing::Pull, "ghcr.io/a/b:1", 0, page, None).class, C::Engine);
}

#[test]
fn an_answer_that_is_none_breaks_a_stream_but_unmasks_a_stranger() {
    let endpoint = endpoint();
    let of = |doing| {
        let about = About {
            doing,
            subject: "a:1",
            reference: None,
            credentials: None,
            endpoint: &endpoint,
        };
        let error = failed(Error::JsonDataError { message: "bad \x1b".into(), column: 1 }, &about);
        (error.kind, error.class)
    };
    assert_eq!(of(Doing::Pull), (EngineErrorKind::Pull, C::CutShort));
    assert_eq!(of(Doing::Build), (EngineErrorKind::Build, C::CutShort));
    assert_eq!(of(Doing::Image), (EngineErrorKind::Connection, C::Engine));
    assert_eq!(of(Doing::Resolve), (EngineErrorKind::Connection, C::Engine));
}

#[test]
fn silence_is_told_by_who_is_silent() {
    let endpoint = endpoint();
    let of = |doing| {
        let about = About {
            doing,
            subject: "a:1",
            reference: None,
            credentials: None,
            endpoint: &endpoint,
        };
        silent(Duration::from_secs(10), &about)
    };
    assert_eq!((of(Doing::Pull).kind, of(Doing::Pull).class), (EngineErrorKind::Pull, C::Stalled));
    let engine = of(Doing::Image);
    assert_eq!((engine.kind, engine.class), (EngineErrorKind::Timeout, C::Engine));
    assert_eq!(
        engine.to_string(),
        "no answer in time about `a:1`: the engine at `unix:///run/test.sock` said nothing for 10.0s"
    );
}
