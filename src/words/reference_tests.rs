//! Tables for the grammar and the normalisation of references.

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn references_are_normalised() {
    let check = |text: &str, canonical: &str| {
        let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reference.canonical(), canonical);
        assert_eq!(reference.to_string(), text, "what was written is kept");
    };
    check("redis", "docker.io/library/redis:latest");
    check("redis:7", "docker.io/library/redis:7");
    check("library/redis", "docker.io/library/redis:latest");
    check("docker.io/redis", "docker.io/library/redis:latest");
    check("index.docker.io/redis", "docker.io/library/redis:latest");
    check("index.docker.io/acme/tool", "docker.io/acme/tool:latest");
    check("acme/tool", "docker.io/acme/tool:latest");
    check("a/b/c/d", "docker.io/a/b/c/d:latest");
    check("ghcr.io/tool", "ghcr.io/tool:latest");
    check("localhost/tool", "localhost/tool:latest");
    check("localhost:5000/tool:1", "localhost:5000/tool:1");
    check("registry:5000/tool", "registry:5000/tool:latest");
    check("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest");
    check("[::1]:5000/tool:x", "[::1]:5000/tool:x");
    check("[2001:db8::1]/tool", "[2001:db8::1]/tool:latest");
    check("REGISTRY/tool", "REGISTRY/tool:latest");
    check("Ghcr.IO/tool", "Ghcr.IO/tool:latest");
    check("xn--bcher-kva.example/tool", "xn--bcher-kva.example/tool:latest");
    check("tool:5000", "docker.io/library/tool:5000");
    check("a-b--c_d__e/0.f", "docker.io/a-b--c_d__e/0.f:latest");
    check("tool:_A.b-C", "docker.io/library/tool:_A.b-C");
    check(&format!("tool@sha256:{HEX}"), &format!("docker.io/library/tool@sha256:{HEX}"));
    check(
        &format!("ghcr.io/acme/tool:1.2@sha256:{HEX}"),
        &format!("ghcr.io/acme/tool:1.2@sha256:{HEX}"),
    );
    check(&HEX[1..], &format!("docker.io/library/{}:latest", &HEX[1..]));
    check(&format!("acme/{HEX}"), &format!("docker.io/acme/{HEX}:latest"));
}

#[test]
fn what_is_no_reference_says_why() {
    let check = |text: &str, want: &str| {
        let error = text.parse::<Reference>().expect_err(text);
        assert!(error.to_string().starts_with(want), "{text}: {error}");
    };
    check("", "a name is missing");
    check(":tag", "a name is missing");
    check("localhost/", "a name is missing");
    check("Tool", "a repository name must be lower case");
    check("ghcr.io/Acme/tool", "a repository name must be lower case");
    check(HEX, "64 hexadecimal digits are an image id");
    for path in
        ["a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a._b", "a b", "ä", "a/.b", "_a", "a\n"]
    {
        check(path, "bad repository name");
    }
    for host in
        ["-a.b/x", "a-.b/x", "a..b/x", "a.b:/x", "a.b:http/x", "[::1/x:", "a_b.c:1/x", "[]:1/x"]
    {
        check(host, "bad registry host");
    }
    for tag in ["a:", "a:-x", "a:.x", "a:x/", "a:x:y", "a:ä", &format!("a:{}", "x".repeat(129))] {
        assert!(tag.parse::<Reference>().is_err(), "{tag}");
    }
    check("a@sha256:0", "`sha256` wants 64");
    check("a@", "a digest is");
    check(&format!("a@sha256:{HEX}@sha256:{HEX}"), "`sha256` wants 64");
}

#[test]
fn lengths_have_limits() {
    let ok = |text: String| text.parse::<Reference>().is_ok();
    assert!(ok(format!("a.example/{}", "x".repeat(255))));
    assert!(!ok(format!("a.example/{}", "x".repeat(256))));
    // The path of Docker Hub's own images is longer by `library/`.
    assert!(ok("x".repeat(247)));
    assert!(!ok("x".repeat(248)));
    assert!(ok(format!("a:{}", "x".repeat(128))));
}

#[test]
fn familiar_names_are_what_engines_print() {
    let check = |text: &str, want: &str| {
        assert_eq!(Repository::parse(text).unwrap().familiar(), want);
    };
    check("docker.io/library/redis", "redis");
    check("docker.io/acme/tool", "acme/tool");
    check("docker.io/library/a/b", "library/a/b");
    check("ghcr.io/library/redis", "ghcr.io/library/redis");
}

#[test]
fn repositories_make_references() {
    let repository = Repository::new("docker.io", "redis").unwrap();
    assert_eq!(repository.with_tag("7").unwrap().to_string(), "docker.io/library/redis:7");
    assert_eq!(Repository::new("index.docker.io", "redis").unwrap(), repository);
    assert!(repository.with_tag("-").is_err());
    let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
    let reference = repository.with_digest(&digest);
    assert_eq!(reference.to_string(), format!("docker.io/library/redis@sha256:{HEX}"));
    assert_eq!(reference.tag_or_default(), "latest");
    assert_eq!(reference.digest, Some(digest));
}

const PIECES: &[&str] = &[
    "a",
    "Z",
    "0",
    "-",
    "--",
    ".",
    "_",
    "__",
    "/",
    ":",
    "@",
    "localhost",
    "docker.io/",
    "index.",
    ":5000",
    "[::1]",
    "library/",
    "sha256:",
    HEX,
    "é",
    " ",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_is_its_own(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..9)) {
        if let Ok(reference) = pieces.concat().parse::<Reference>() {
            let canonical = reference.canonical();
            let again: Reference = canonical.parse().unwrap();
            prop_assert_eq!(again.canonical(), canonical);
            prop_assert_eq!(again.repository, reference.repository);
        }
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>()) {
        let read = text.parse::<Reference>();
        prop_assert!(read.is_err() || text.is_ascii());
    }
}

#[test]
fn the_written_name_is_without_tag_and_digest() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let check = |text: &str, want: &str| {
        assert_eq!(text.parse::<Reference>().unwrap().name(), want, "{text}");
    };
    check("redis", "redis");
    check("redis:7", "redis");
    check("host:5000/a/b", "host:5000/a/b");
    check(&format!("host:5000/a/b:1@{digest}"), "host:5000/a/b");
    check(&format!("a/b@{digest}"), "a/b");
}
