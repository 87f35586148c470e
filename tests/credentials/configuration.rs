//! `config.json`, helpers and the environment: what occ takes from them, what it
//! sends to the engine, and what it shows of them (rows 62 to 64, 68 and 69).

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;

use super::*;
use crate::support::http::Request;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::wait_until;

pub(super) const NAME: &str = "acme/tool:1";

/// A stub engine whose registries `a.example` and `b.example` have the image. Every
/// user may talk to it.
pub(super) fn engine() -> StubEngine {
    let image = StubImage::new("tool");
    let engine = StubEngine::start()
        .remote("a.example/acme/tool:1", &image)
        .remote("b.example/acme/tool:1", &image);
    let socket = engine.socket();
    for path in [socket.parent().unwrap(), &socket] {
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    engine
}

/// A sync of the image from `a.example`, which says as much as it can.
pub(super) fn sync(engine: &StubEngine) -> Occ {
    let occ = Occ::manifest(&manifest(NAME, &["a.example"]));
    occ.args(["-H", &engine.host(), "--progress", "plain", "-vvv", "sync"])
}

/// The credentials that came with each request that goes on to `registry`, decoded as
/// engines do it.
#[track_caller]
fn sent(engine: &StubEngine, registry: &str) -> Vec<Option<Value>> {
    let mut seen = engine.seen(&format!("/distribution/{registry}/"));
    seen.extend(engine.seen(&format!("/images/create?fromImage={registry}%2F")));
    assert!(seen.len() >= 2, "{:?}", engine.seen(""));
    seen.iter().map(|seen| auth(&seen.request)).collect()
}

/// The credentials of a request. An empty object says the same as no header.
#[track_caller]
fn auth(request: &Request) -> Option<Value> {
    let headers = ["x-registry-auth", "x-registry-config"].map(|name| request.header(name));
    let header = headers.into_iter().flatten().find(|header| !header.is_empty())?;
    let text = URL_SAFE.decode(header).expect("URL-safe base64");
    let value: Value = serde_json::from_slice(&text).unwrap();
    Some(value).filter(|value| *value != json!({}))
}

/// Runs it; the image must come without credentials, with exactly one warning, and
/// that must contain these words.
#[track_caller]
pub(super) fn anonymous_with_warning(engine: &StubEngine, occ: &Occ, words: &[&str]) -> Run {
    let run = occ.run().expect(0);
    assert!(engine.id(NAME).is_some(), "{run}");
    let headers = engine.seen("").into_iter().filter_map(|seen| auth(&seen.request));
    assert_eq!(headers.collect::<Vec<_>>(), Vec::<Value>::new(), "{run}");
    let warnings: Vec<&str> = run.stderr.lines().filter(|l| l.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{run}");
    for word in words {
        assert!(warnings[0].contains(word), "{word}\n{run}");
    }
    run
}

/// Puts a credential helper on the `PATH`.
pub(super) fn helper(occ: Occ, name: &str, body: &str) -> Occ {
    let bin = occ.path("bin");
    fs_err::create_dir_all(&bin).unwrap();
    let file = bin.join(format!("docker-credential-{name}"));
    fs_err::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs_err::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    occ.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
}

/// What it is called, and how to get there.
type World = (&'static str, fn(Occ) -> Occ);

#[test]
fn row_62_no_home_no_configuration_and_no_temporary_directory_are_fine() {
    let worlds: [World; 6] = [
        ("no HOME", |occ| occ.without_env("HOME").without_env("DOCKER_CONFIG")),
        ("an empty HOME", |occ| occ.env("HOME", "").without_env("DOCKER_CONFIG")),
        ("a HOME that is not there", |occ| {
            occ.env("HOME", "/no/such").without_env("DOCKER_CONFIG")
        }),
        ("a HOME to look at only", |occ| {
            let mode = PermissionsExt::from_mode(0o555);
            fs_err::set_permissions(occ.path("home"), mode).unwrap();
            occ.unprivileged().without_env("DOCKER_CONFIG")
        }),
        ("no TMPDIR", |occ| occ.env("TMPDIR", "/no/such")),
        ("nothing at all", |occ| {
            ["HOME", "DOCKER_CONFIG", "TMPDIR", "PATH", "LC_ALL"]
                .iter()
                .fold(occ, |o, k| o.without_env(k))
        }),
    ];
    for (world, change) in worlds {
        let engine = engine();
        let build = "[images.built]\nname = \"acme/built\"\nbuild = { context = \".\" }\n";
        let text = manifest(NAME, &["a.example"]) + build;
        let occ = Occ::manifest(&text).file("Dockerfile", "FROM scratch\n");
        let run = change(occ.args(["-H", &engine.host(), "sync"])).run().expect(0);
        let run = run.never_says(&["warning"]);
        assert!(engine.id(NAME).is_some(), "{world}\n{run}");
        assert!(engine.id("acme/built:latest").is_some(), "{world}\n{run}");
    }
}

#[test]
fn row_63_a_broken_configuration_is_a_warning_and_an_anonymous_try() {
    let hidden = json!({ "auths": { "a.example": entry("me", PASSWORD) } }).to_string();
    let broken: &[(&str, &dyn Fn(Occ) -> Occ)] = &[
        ("is not JSON", &|occ| occ.docker_config(&hidden[..hidden.len() - 1])),
        ("must be an object", &|occ| occ.docker_config("[1, 2]")),
        ("`auths` in the Docker configuration must be", &|occ| {
            occ.docker_config(r#"{"auths": 7}"#)
        }),
        ("larger than", &|occ| occ.docker_config(&" ".repeat(2 << 20))),
        ("is no regular file", &|occ| {
            fs_err::create_dir(occ.path("docker/config.json")).unwrap();
            occ
        }),
        ("is no regular file", &|occ| {
            let made = Command::new("mkfifo").arg(occ.path("docker/config.json")).status().unwrap();
            assert!(made.success());
            occ
        }),
        ("is a link to nothing", &|occ| {
            std::os::unix::fs::symlink("gone", occ.path("docker/config.json")).unwrap();
            occ
        }),
        ("permission denied", &|occ| {
            let occ = occ.docker_config(&hidden).unprivileged();
            let mode = PermissionsExt::from_mode(0o000);
            fs_err::set_permissions(occ.path("docker/config.json"), mode).unwrap();
            occ
        }),
    ];
    for (words, make) in broken {
        let engine = engine();
        let occ = make(sync(&engine));
        let path = occ.path("docker/config.json").display().to_string();
        let run = anonymous_with_warning(&engine, &occ, &[words, &path]);
        hides(&run, &secrets("me", PASSWORD));
    }
}

#[test]
fn row_64_a_broken_entry_hurts_only_its_own_registry() {
    let auths = json!({ "auths": {
        "other.example": { "auth": "%%%" },
        "number.example": 7,
        "b.example": { "auth": STANDARD.encode("no colon") },
        "a.example": entry("me", PASSWORD),
    }});
    let engine_a = engine();
    let run = sync(&engine_a).docker_config(&auths.to_string()).run().expect(0);
    let run = run.never_says(&["warning"]);
    for found in sent(&engine_a, "a.example") {
        assert_eq!(found.as_ref().map(|c| &c["password"]), Some(&json!(PASSWORD)), "{run}");
    }

    let engine_b = engine();
    let occ = Occ::manifest(&manifest(NAME, &["b.example"])).docker_config(&auths.to_string());
    let occ = occ.args(["-H", &engine_b.host(), "--progress", "plain", "sync"]);
    let words = ["the entry for `b.example`", "is malformed", "docker/config.json"];
    anonymous_with_warning(&engine_b, &occ, &words).never_says(&["no colon"]);
}

#[test]
fn row_68_each_registry_gets_its_own_secret_and_no_other() {
    let engine = engine();
    let answer = json!({ "ServerURL": "x", "Username": "<token>", "Secret": "b-t0ken" });
    // The helper notes what it is told: its input, arguments and environment.
    let body = format!("{{ cat; echo \" $*\"; env; }} >\"${{0%/*}}/told\"; echo '{answer}'");
    let config = json!({
        "auths": { "a.example": entry("me", PASSWORD), "c.example": entry("you", "c-s3cret") },
        "credHelpers": { "b.example": "h" },
    });
    let text = manifest(NAME, &["a.example"])
        + "[images.other]\nname = \"acme/tool\"\ntag = \"2\"\nregistries = [{ registry = \"b.example\", repository = \"acme/tool\", tag = \"1\" }]\n"
        + "[images.built]\nname = \"acme/built\"\nbuild = { context = \".\" }\n";
    let occ = helper(Occ::manifest(&text), "h", &body).file("Dockerfile", "FROM a.example/x:1\n");
    let occ = occ.docker_config(&config.to_string()).args(["-H", &engine.host(), "sync"]);
    occ.run().expect(0);

    for found in sent(&engine, "a.example") {
        let want = json!({ "username": "me", "password": PASSWORD, "serveraddress": "a.example" });
        assert_eq!(only_text(found), want);
    }
    for found in sent(&engine, "b.example") {
        let want = json!({ "identitytoken": "b-t0ken", "serveraddress": "b.example" });
        assert_eq!(only_text(found), want);
    }
    let elsewhere = engine.seen("").into_iter().filter(|seen| {
        let line = seen.request.line();
        !line.contains("/distribution/") && !line.contains("/images/create")
    });
    for seen in elsewhere {
        // A build gets the login of the registry that its Dockerfile names, and no other.
        let (line, sent) = (seen.request.line(), auth(&seen.request));
        if line.contains("/build?") {
            let mut logins = sent.expect("the base's login");
            let of_base = logins.as_object_mut().unwrap().remove("a.example");
            let want =
                json!({ "username": "me", "password": PASSWORD, "serveraddress": "a.example" });
            assert_eq!((only_text(of_base), logins), (want, json!({})), "{line}");
        } else {
            assert_eq!(sent, None, "{line}");
        }
    }
    let told = fs_err::read_to_string(occ.path("bin/told")).unwrap();
    assert!(told.starts_with("b.example get\n"), "{told}");
    for secret in secrets("me", PASSWORD).iter().chain(&secrets("you", "c-s3cret")) {
        assert!(!told.contains(secret), "{told}");
    }
}

/// Without the fields that say nothing.
fn only_text(value: Option<Value>) -> Value {
    let mut value = value.expect("credentials");
    value.as_object_mut().unwrap().retain(|_, v| v.as_str().is_some_and(|text| !text.is_empty()));
    value
}

#[test]
fn row_68_a_list_of_processes_shows_no_secret() {
    let engine = engine().failing("/distribution/", Fault::Hang);
    let auths = json!({ "auths": { "a.example": entry("me", PASSWORD) } });
    let occ = sync(&engine).docker_config(&auths.to_string());
    let running = occ.spawn();
    wait_until("the registry is asked", || !engine.seen("/distribution/").is_empty());
    for name in ["cmdline", "environ", "comm"] {
        let shown = fs_err::read(format!("/proc/{}/{name}", running.pid())).unwrap();
        let shown = String::from_utf8_lossy(&shown);
        assert!(secrets("me", PASSWORD).iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
    running.signal(Signal::INT);
    hides(&running.wait().expect(130), &secrets("me", PASSWORD));
}

#[test]
fn row_68_no_secret_is_shown_on_any_way() {
    let user = "me";
    let token = "t0ken~~~???>>>";
    let configs = [
        json!({ "auths": { "a.example": entry(user, PASSWORD) } }),
        json!({ "auths": { "a.example": { "username": user, "password": PASSWORD } } }),
        json!({ "auths": { "a.example": { "identitytoken": token } } }),
        json!({ "auths": { "a.example": { "registrytoken": token } } }),
        json!({ "credsStore": "h" }),
    ];
    let answer = json!({ "ServerURL": "x", "Username": user, "Secret": PASSWORD });
    let refused = || Fault::Status(500, "unauthorized: authentication required");
    let faults: [fn(StubEngine) -> StubEngine; 4] = [
        |engine| engine,
        |engine| engine.failing("/distribution/", Fault::Status(503, "unavailable")),
        |engine| engine.failing("/images/create", Fault::Close),
        |engine| engine.failing("/images/create", Fault::Garbage),
    ];
    for config in configs {
        let mut ways: Vec<StubEngine> = faults.iter().map(|fault| fault(engine())).collect();
        ways.push(engine().failing("/distribution/", refused()));
        for engine in ways {
            let occ = helper(
                Occ::manifest(&manifest(NAME, &["a.example"])),
                "h",
                &format!("echo '{answer}'"),
            );
            let occ = occ.docker_config(&config.to_string()).args(["-H", &engine.host(), "-vvv"]);
            let runs = [
                occ.run_with(["--progress", "plain", "sync"]),
                occ.run_with(["--progress", "json", "--format", "json", "sync"]),
            ];
            let mut hidden = secrets(user, PASSWORD);
            hidden.push(token.to_owned());
            let headers = engine.seen("/distribution/");
            let headers = headers.iter().filter_map(|seen| seen.request.header("x-registry-auth"));
            hidden.extend(headers.map(str::to_owned));
            assert!(hidden.len() > 4, "no credentials were sent: {config}");
            for run in &runs {
                hides(run, &hidden);
            }
        }
    }
}

#[test]
fn row_69_a_password_in_the_address_of_a_proxy_is_masked() {
    let proxy = "http://me:s3cret@127.0.0.1:9";
    let message = "Get \"https://a.example/v2/\": proxyconnect tcp: dial http://me:s3cret@127.0.0.1:9: connect: connection refused";
    let engine = engine().failing("/distribution/", Fault::Status(500, message));
    let occ = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"]
        .iter()
        .fold(sync(&engine), |occ, name| occ.env(name, proxy));
    let run = occ.run().expect(7).never_says(&["s3cret"]);
    assert!(run.stdout.contains("http://***@127.0.0.1:9: connect: connection refused"), "{run}");
    let run = occ.run_with(["--format", "json"]).expect(7).never_says(&["s3cret"]);
    assert_eq!(run.json()["images"][0]["failures"][0]["class"], "network");

    // The same for an engine's address.
    let occ = Occ::manifest(&manifest(NAME, &["a.example"]));
    let run = occ.run_with(["-H", "tcp://me:s3cret@127.0.0.1:9", "-vvv", "sync"]).expect(64);
    run.never_says(&["s3cret"]).says(&["`tcp://***@127.0.0.1:9`", "a user name has no place"]);
}
