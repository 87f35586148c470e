//! Every code is had from the program, in the document, in the text, and as a page.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::occ::{Occ, Run};
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;

const MANIFEST: &str = r#"
version = 1
[retry]
attempts = 2
backoff = "10ms"
[timeouts]
connect = "1s"
response = "1s"
stall = "1s"
[images.tool]
name = "acme/tool"
tag = "1"
registries = ["ghcr.io"]
"#;

/// The image is built, with these lines in its table.
fn building(lines: &str) -> String {
    format!("{MANIFEST}strategy = \"build\"\n[images.tool.build]\n{lines}\n")
}

/// A login at the registry.
const LOGIN: &str = r#"{"auths":{"ghcr.io":{"auth":"dXNlcjpwYXNz"}}}"#;

/// How a code is had: the engine, where there is one, and the command.
struct Way {
    engine: Option<StubEngine>,
    occ: Occ,
}

fn way(occ: Occ, arguments: &[&str]) -> Way {
    Way { engine: None, occ: occ.args(arguments.iter().copied()) }
}

fn on(engine: StubEngine, occ: Occ, arguments: &[&str]) -> Way {
    let occ = occ.args(["-H", &engine.host()]).args(arguments.iter().copied());
    Way { engine: Some(engine), occ }
}

/// `occ sync` of one image, on an engine that says this when it is asked about it.
fn asked(status: u16, said: &'static str) -> Way {
    let engine = StubEngine::start().failing("/distribution/", Fault::Status(status, said));
    on(engine, Occ::manifest(MANIFEST), &["sync"])
}

/// The same, where the pull streams these lines, and no image appears.
fn pulled(lines: &[&str]) -> Way {
    let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let engine = StubEngine::start()
        .remote("ghcr.io/acme/tool:1", &StubImage::new("tool"))
        .failing("POST /images/create", Fault::Stream(lines, End::Clean));
    on(engine, Occ::manifest(MANIFEST), &["sync"])
}

/// An engine with a socket that may not be used.
fn forbidden() -> Way {
    let engine = StubEngine::start();
    let chmod = |path, mode| {
        fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    let socket = engine.socket();
    chmod(socket.parent().unwrap().to_owned(), 0o755);
    chmod(socket, 0o000);
    on(engine, Occ::manifest(MANIFEST).unprivileged(), &["sync"])
}

fn way_to(code: &str) -> Way {
    let plain = || Occ::manifest(MANIFEST);
    let locked = |lock: &str| plain().file("opencode.lock", lock).locking();
    let hanging = || StubEngine::start().failing("/distribution/", Fault::Hang);
    let channel = building("args = { A = \"${env:CHANNEL}\" }");
    match code {
        "OCC-USAGE" => way(plain(), &["sync", "toll"]),
        "OCC-NO-MANIFEST" => way(Occ::new(), &["sync"]),
        "OCC-MANIFEST" => way(Occ::manifest("version = 1\nimage = 1\n"), &["check"]),
        "OCC-TOO-OLD" => way(Occ::manifest("version = 2\n"), &["check"]),
        "OCC-VARIABLE" => way(Occ::manifest(&channel), &["sync", "--allow", "env=CHANNEL"]),
        "OCC-CONSENT" => way(Occ::manifest(&channel), &["sync"]),
        "OCC-LOCK-STALE" => way(plain().locking(), &["plan", "--locked"]),
        "OCC-LOCK-BROKEN" => way(locked("<<<<<<< ours\n"), &["lock"]),
        "OCC-NOT-LOCKABLE" => {
            let occ = Occ::manifest(&building("pull = true"));
            way(occ.file("Dockerfile", "FROM debian:12\n"), &["lock"])
        }
        "OCC-NOT-IN-SYNC" => on(StubEngine::start(), plain(), &["ref", "tool"]),
        "OCC-IMPORT" => way(Occ::new(), &["init", "--from", "none.yaml"]),
        "OCC-FILE" => way(plain(), &["init"]),
        "OCC-NO-ENGINE" => way(plain(), &["-H", "unix:///nonexistent/none.sock", "sync"]),
        "OCC-ENGINE-PERMISSION" => forbidden(),
        "OCC-ENGINE-ADDRESS" => way(plain(), &["-H", "gopher://host", "sync"]),
        "OCC-ENGINE" => on(StubEngine::start().failing("/", Fault::Garbage), plain(), &["sync"]),
        "OCC-DISK-FULL" => {
            pulled(&[r#"{"errorDetail":{"message":"write /x: no space left on device"}}"#])
        }
        "OCC-NOT-FOUND" => on(StubEngine::start(), plain(), &["sync"]),
        "OCC-ABSENT-OR-PRIVATE" => asked(401, "unauthorized: authentication required"),
        "OCC-DENIED" => {
            let said = Fault::Status(401, "unauthorized: authentication required");
            let engine = StubEngine::start().failing("/distribution/", said);
            on(engine, plain().docker_config(LOGIN), &["sync"])
        }
        "OCC-RATE-LIMIT" => {
            asked(429, "toomanyrequests: You have reached your unauthenticated pull rate limit.")
        }
        "OCC-TOO-MANY-REQUESTS" => asked(429, "Too Many Requests"),
        "OCC-BAD-REFERENCE" => asked(400, "invalid reference format"),
        "OCC-PLATFORM" => pulled(&[
            r#"{"errorDetail":{"message":"no matching manifest for linux/amd64 in the manifest list entries"}}"#,
        ]),
        "OCC-INTEGRITY" => pulled(&[
            r#"{"errorDetail":{"message":"filesystem layer verification failed for digest sha256:0a"}}"#,
        ]),
        "OCC-SIGNATURE" => {
            // There is no such file.
            let verify = "verify = { cosign = { key = \"cosign.pub\" } }\n";
            on(StubEngine::start(), Occ::manifest(&format!("{MANIFEST}{verify}")), &["sync"])
        }
        "OCC-TLS" => {
            asked(500, "Get \"https://ghcr.io/v2/\": x509: certificate signed by unknown authority")
        }
        "OCC-DNS" => {
            asked(500, "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io: no such host")
        }
        "OCC-NETWORK" => asked(500, "Get \"https://ghcr.io/v2/\": dial tcp: connection refused"),
        "OCC-REGISTRY" => asked(500, "received unexpected HTTP status: 503 Service Unavailable"),
        "OCC-NOT-A-REGISTRY" => asked(
            500,
            "error unmarshalling content: invalid character '<' looking for beginning of value",
        ),
        "OCC-MISSING-LAYER" => pulled(&[r#"{"errorDetail":{"message":"unknown blob"}}"#]),
        "OCC-NO-ANSWER" => on(hanging(), plain(), &["sync"]),
        "OCC-CUT-SHORT" => pulled(&[]),
        "OCC-MAY-NOT-PULL" => on(StubEngine::start(), plain(), &["sync", "--offline"]),
        "OCC-BUILD" => on(StubEngine::start(), Occ::manifest(&building("")), &["sync"]),
        "OCC-BUILD-CACHE" => {
            let said =
                br#"{"errorDetail":{"message":"failed to get layer x: layer does not exist"}}"#;
            let fault = Fault::Stream(vec![said.to_vec()], End::Clean);
            let engine = StubEngine::start().failing("POST /build", fault);
            on(
                engine,
                Occ::manifest(&building("")).file("Dockerfile", "FROM scratch\nCOPY a /\n"),
                &["sync"],
            )
        }
        "OCC-CANCELLED" => on(hanging(), plain(), &["--timeout", "300ms", "sync"]),
        "OCC-UNKNOWN" => asked(500, "the flux capacitor is out of plutonium"),
        _ => panic!("say how {code} is had"),
    }
}

/// The codes that a document has, where they belong.
fn codes(document: &Value) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let images = list(&document["images"]);
    let sources = images.iter().flat_map(|image| list(&image["failures"]));
    let all = sources.chain(images.clone()).chain(list(&document["diagnostics"]));
    all.filter_map(|it| it["code"].as_str().map(str::to_owned)).collect()
}

fn all() -> Vec<Value> {
    let listed = Occ::new().args(["explain", "--format", "json"]).run().expect(0).json();
    listed["codes"].as_array().unwrap().clone()
}

/// What is wrong with the way to a code, from the program to its page.
fn complaint(page: &Value) -> Option<String> {
    let code = page["code"].as_str().unwrap();
    let Way { engine, occ } = way_to(code);
    let run = occ.run_with(["--format", "json"]);
    if codes(&run.json()) != BTreeSet::from([code.to_owned()]) {
        return Some(format!("not {code} in the document\n{run}"));
    }
    // The exit code is one that the page speaks of.
    let meaning = page["meaning"].as_str().unwrap();
    let exit = run.code().to_string();
    if !meaning.split(|c: char| !c.is_ascii_digit()).any(|number| number == exit) {
        return Some(format!("{code} does not speak of {exit}:\n{meaning}\n{run}"));
    }
    // For people it is one line, after what went wrong; but who has ended it knows.
    let run = occ.run();
    drop(engine);
    let line = format!("code: {code}, see `occ explain {code}`\n");
    let times = run.stdout.matches(&line).count() + run.stderr.matches(&line).count();
    (times != usize::from(code != "OCC-CANCELLED"))
        .then(|| format!("{code} is told {times} times\n{run}"))
}

#[test]
fn every_code_comes_from_the_program_with_its_page() {
    let all = all();
    assert!(all.len() > 30);
    let wrong: Vec<String> = all.iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn failures_are_events_with_their_codes() {
    let engine = StubEngine::start().failing("/distribution/", Fault::Status(500, "Bad Gateway"));
    let occ = Occ::manifest(MANIFEST).args(["-H", &engine.host(), "--progress", "json", "sync"]);
    let told = occ.run().expect(7).events();
    let code_of =
        |name: &str| told.iter().find(|event| event["event"] == name).unwrap()["code"].clone();
    assert_eq!(code_of("source_failed"), "OCC-REGISTRY");
    assert_eq!(code_of("finished"), "OCC-REGISTRY");
    let told = Occ::new().args(["--progress", "json", "sync"]).run().expect(65).events();
    assert_eq!(told[0]["code"], "OCC-NO-MANIFEST");
}

#[test]
fn a_page_is_found_however_its_code_is_written() {
    let explain = |typed: &str| Occ::new().args(["explain", typed]).run();
    let page = explain("OCC-DENIED").expect(0).stdout;
    assert!(page.starts_with("OCC-DENIED: the registry refused the credentials\n"), "{page}");
    for heading in ["\nWhat it means\n", "\nHow to tell\n", "\nUsual causes\n", "\nWhat to do\n"] {
        assert!(page.contains(heading), "{page}");
    }
    for typed in ["occ-denied", "DENIED", "denied", "occ_denied"] {
        assert_eq!(explain(typed).expect(0).stdout, page, "{typed}");
    }
    explain("OCC-DENID")
        .expect(64)
        .says(&["error: there is no code `OCC-DENID`\n", "hint: did you mean `OCC-DENIED`?\n"]);
    explain("gr\u{1b}[2Jnf").expect(64).says(&["hint: `occ explain` lists them all\n"]);
}

#[test]
fn the_list_has_a_line_for_each() {
    let run = Occ::new().args(["explain"]).run().expect(0);
    for page in all() {
        let (code, summary) = (page["code"].as_str().unwrap(), page["summary"].as_str().unwrap());
        let line = run.stdout.lines().find(|line| line.split(' ').next() == Some(code));
        assert!(line.is_some_and(|line| line.ends_with(summary)), "{code}\n{run}");
    }
    let one = Occ::new().args(["explain", "tls", "--format", "json"]).run().expect(0).json();
    assert_eq!(one["codes"].as_array().unwrap().len(), 1);
    assert_eq!(one["codes"][0]["code"], "OCC-TLS");
    let refused: Run = Occ::new().args(["explain", "nope", "--format", "json"]).run().expect(64);
    assert_eq!(refused.json()["command"], "explain");
}

#[test]
fn the_schemas_are_printed_as_they_are_committed() {
    for (of, committed) in [
        ("output", include_str!("../schema/output.schema.json")),
        ("events", include_str!("../schema/events.schema.json")),
    ] {
        let run = Occ::new().args(["schema", of]).run().expect(0);
        assert!(run.stdout == committed, "occ schema {of} > schema/{of}.schema.json");
    }
}
