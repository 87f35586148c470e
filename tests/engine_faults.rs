//! Rows 37 to 49 of the fault matrix: an engine that is not there, hangs, or talks
//! nonsense; streams of pulls that do are in a part of their own. All on the stub
//! engine, for no real one fails on command.

mod streams;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::support::occ::{Occ, Run};
use crate::support::script::Rule;
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::tls::Authority;

const SOURCE: &str = "ghcr.io/acme/tool:1";

/// One image of one source, with small time-outs and two rounds.
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

/// The same with a second source.
fn two_sources() -> String {
    MANIFEST.replace(r#"["ghcr.io"]"#, r#"["ghcr.io", "quay.io"]"#)
}

/// `occ -H HOST --progress plain`.
fn on(host: &str, manifest: &str) -> Occ {
    Occ::manifest(manifest).args(["-H", host, "--progress", "plain"])
}

fn sync(engine: &StubEngine) -> Run {
    on(&engine.host(), MANIFEST).args(["sync"]).run()
}

/// An engine whose registry has the image.
fn engine() -> StubEngine {
    StubEngine::start().remote(SOURCE, &StubImage::new("tool"))
}

/// A pull that says these lines and then ends so.
fn pulling(lines: &[&str], end: End) -> Fault {
    Fault::Stream(lines.iter().map(|line| line.as_bytes().to_vec()).collect(), end)
}

/// An engine on which every pull goes so. The image never appears.
fn engine_pulling(lines: &[&str], end: End) -> StubEngine {
    engine().failing("POST /images/create", pulling(lines, end))
}

const DOWNLOADING: &str =
    r#"{"id":"0123456789ab","status":"Downloading","progressDetail":{"current":5,"total":20}}"#;

#[test]
fn row_37_a_socket_that_is_missing_is_said_at_once() {
    for command in ["sync", "plan", "status"] {
        on("unix:///nonexistent/none.sock", MANIFEST)
            .args([command])
            .run()
            .expect(5)
            .within(Duration::from_secs(1))
            .says(&["unix:///nonexistent/none.sock", "there is no socket", "`--host`", "hint:"]);
    }
}

#[test]
fn row_38_a_socket_of_somebody_else_is_told_from_a_missing_one() {
    let engine = engine();
    let socket = engine.socket();
    let chmod = |mode, path: &Path| {
        fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    chmod(0o755, socket.parent().unwrap());
    // No rights for anybody: the tests need not be root to be kept out.
    chmod(0o000, &socket);
    let occ = on(&engine.host(), MANIFEST).args(["sync"]).unprivileged();
    let run =
        occ.run().expect(5).says(&["the socket may not be used", "as good as root", "rootless"]);
    run.never_says(&["sudo", "no socket"]);

    chmod(0o700, socket.parent().unwrap());
    if rustix::process::getuid().is_root() {
        occ.run().expect(5).says(&["may not be entered", "rootless"]).never_says(&["sudo"]);
    }
    assert!(engine.seen("").is_empty());
}

#[test]
fn row_39_a_file_is_no_socket_and_nonsense_is_no_address() {
    let occ = Occ::manifest(MANIFEST).file("plain", "");
    let path = occ.work().join("plain").display().to_string();
    let run = occ.args(["-H", &format!("unix://{path}"), "sync"]).run();
    run.expect(5).says(&["what is there is no socket", &path]);

    for address in ["unix://relative.sock", "gopher://host", "tcp://host:port", "/var/run/x.sock"] {
        let by_flag = on(address, MANIFEST).args(["sync"]).run();
        by_flag.expect(64).says(&[address, "hint: write `unix:///"]);
        let by_variable = Occ::manifest(MANIFEST).env("DOCKER_HOST", address).args(["plan"]).run();
        by_variable.expect(64).says(&[address, "`DOCKER_HOST`"]);
    }
}

#[test]
fn row_40_tcp_without_tls_works_and_is_warned_about_once() {
    let engine = engine();
    let port = engine.also_on_tcp();
    let host = format!("tcp://127.0.0.1:{port}");
    let run = on(&host, MANIFEST).args(["sync"]).run().expect(0);
    run.says_once("is not encrypted");
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id));
}

#[test]
fn row_40_wanted_tls_is_never_given_up() {
    let engine = engine();
    let port = engine.also_on_tcp();
    let host = format!("tcp://127.0.0.1:{port}");
    on(&host, MANIFEST).env("DOCKER_TLS_VERIFY", "1").args(["sync"]).run().expect(5).says(&[
        "there is no `",
        "ca.pem`",
        "`DOCKER_CERT_PATH`",
    ]);
    assert!(engine.seen("/images/").is_empty());
}

#[test]
fn row_40_tls_holds_in_both_directions() {
    let (engine, ours, others) = (engine(), Authority::new(), Authority::new());
    let host = format!("tcp://127.0.0.1:{}", ours.serve(engine.socket()));
    let with = |ca: &Authority, client: &Authority| {
        let occ = on(&host, MANIFEST).env("DOCKER_TLS_VERIFY", "1");
        for (name, from) in [("ca.pem", ca), ("cert.pem", client), ("key.pem", client)] {
            fs_err::copy(from.path().join(name), occ.work().join(name)).unwrap();
        }
        let certificates = occ.work().display().to_string();
        occ.env("DOCKER_CERT_PATH", certificates).args(["sync"]).run()
    };
    with(&others, &ours).expect(5).says(&[&host, "check `ca.pem` in `DOCKER_CERT_PATH`"]);
    with(&ours, &others).expect(5).says(&[&host, "refused the client's certificate"]);
    assert!(engine.seen("").is_empty());
    let run = with(&ours, &ours).expect(0).never_says(&["is not encrypted"]);
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id), "{run}");
}

#[test]
fn row_40_a_plain_port_behind_a_tls_address_is_said_to_be_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // What servers of plain HTTP say to a TLS greeting.
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        }
    });
    on(&host, MANIFEST).args(["sync"]).run().expect(5).says(&[&host, "speaks no TLS"]);
}

#[test]
fn row_41_an_engine_that_never_answers_is_given_up_after_connect() {
    let engine = engine().failing("/", Fault::Hang);
    let run = sync(&engine).expect(5).within(Duration::from_secs(4));
    assert!(run.elapsed >= Duration::from_secs(1), "{run}");
    run.says(&["said nothing for 1", &engine.host(), "hint:"]);
    assert_eq!(engine.seen("").len(), 1);
}

#[test]
fn row_42_an_engine_that_hangs_later_is_given_up_after_response() {
    // The first inspect is the observation; the second, and the tag, come after the pull.
    for rule in [Rule::on("GET /images/", Fault::Hang).skip(1), Rule::on("/tag?", Fault::Hang)] {
        let told = format!("{rule:?}");
        let engine = engine().rule(rule);
        let manifest = MANIFEST.replace("response = \"1s\"", "response = \"2s\"");
        let run = on(&engine.host(), &manifest).args(["sync"]).run().expect(5);
        run.within(Duration::from_secs(8)).says(&["the engine at", "said nothing for 2"]);
        // A dead engine is not asked again, and no other source is blamed for it.
        assert_eq!(engine.seen("POST /images/create").len(), 1, "{told}");
    }
}

#[test]
fn row_42_an_engine_that_hangs_in_a_question_is_not_a_silent_registry() {
    let frozen = |asked: &str| {
        engine()
            .rule(Rule::on("GET /images/", Fault::Hang).skip(1))
            .failing(asked, Fault::Hang)
            .remote("quay.io/acme/tool:1", &StubImage::new("tool"))
    };
    for asked in ["GET /distribution/", "POST /images/create"] {
        let engine = frozen(asked);
        let run = on(&engine.host(), &two_sources()).args(["sync"]).run().expect(5);
        run.within(Duration::from_secs(10)).says(&["the engine at", "said nothing for 1"]);
    }
}

#[test]
fn row_43_a_pull_that_falls_silent_is_given_up_for_the_next_source() {
    let silence = pulling(&[DOWNLOADING], End::Never);
    let engine = engine()
        .remote("quay.io/acme/tool:1", &StubImage::new("tool"))
        .failing("fromImage=ghcr.io", silence);
    let run = on(&engine.host(), &two_sources()).args(["sync"]).run().expect(0);
    run.within(Duration::from_secs(4)).says(&["ghcr.io: no answer, trying quay.io"]);
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id));
}

#[test]
fn row_43_silence_of_the_only_source_is_a_passing_failure() {
    for fault in [pulling(&[DOWNLOADING], End::Never), Fault::Hang] {
        let told = format!("{fault:?}");
        let engine = engine().failing("POST /images/create", fault);
        let run = sync(&engine).expect(7).within(Duration::from_secs(6));
        assert!(run.stdout.contains("no answer, 2 attempts"), "{told}\n{run}");
        assert_eq!(engine.seen("POST /images/create").len(), 2);
        assert_eq!(engine.id("acme/tool:1"), None);
    }
}

#[test]
fn row_44_a_connection_closed_without_an_answer_is_tried_once_more() {
    let once = engine().rule(Rule::on("GET /images/", Fault::Close).times(1));
    sync(&once).expect(0);

    for asked in ["GET /distribution/", "POST /images/create", "/tag?"] {
        let once = engine().rule(Rule::on(asked, Fault::Close).times(1));
        let run = sync(&once).expect(0);
        assert_eq!(once.id("acme/tool:1"), Some(StubImage::new("tool").id), "{asked}\n{run}");
        assert_eq!(once.seen(asked).len(), 2, "{asked}\n{run}");
    }

    let always = engine().failing("/", Fault::Close);
    let run = sync(&always).expect(5).within(Duration::from_secs(2));
    run.says(&["closed the connection without an answer", "hint:"]);
    assert_eq!(always.seen("").len(), 2);
}

#[test]
fn row_44_what_speaks_no_http_is_no_engine() {
    let engine = engine().failing("/", Fault::Garbage);
    sync(&engine).expect(5).says(&["does not speak HTTP", &engine.host()]);
}

#[test]
fn a_filter_in_front_of_the_engine_is_not_taken_for_a_registry() {
    let page = "<html><body><h1>403 Forbidden</h1>";
    let engine = engine().failing("POST /images/create", Fault::Status(403, page));
    let run = sync(&engine).expect(5);
    run.says(&[page, &engine.host()]).never_says(&["docker login"]);
    assert_eq!(engine.seen("POST /images/create").len(), 1);
}

#[test]
fn row_53_an_engine_of_another_age_is_said_plainly() {
    let text = "client version 1.53 is too new. Maximum supported API version is 1.41";
    let engine = engine().failing("/", Fault::Status(400, text));
    sync(&engine).expect(5).says(&[text, &engine.host()]);
}

#[test]
fn row_54_a_full_disk_stops_the_run() {
    let text = r#"{"errorDetail":{"message":"failed to register layer: write /x: no space left on device"}}"#;
    let other =
        "[images.other]\nname = \"acme/other\"\nregistries = [\"ghcr.io\"]\n[limits]\npulls = 1\n";
    let engine = engine_pulling(&[text], End::Clean)
        .remote("ghcr.io/acme/other:latest", &StubImage::new("other"));
    let manifest = format!("{MANIFEST}{other}");
    let run = on(&engine.host(), &manifest).args(["sync"]).run().expect(5);
    assert!(run.stdout.contains("no space left on device"), "{run}");
    assert!(run.stdout.contains("hint: free space on the engine's disk"), "{run}");
    assert!(run.stdout.contains("1 failed, 1 skipped"), "{run}");
    assert_eq!(engine.seen("POST /images/create").len(), 1);
}

#[test]
fn an_engine_that_refuses_to_tell_of_its_images_cannot_be_used() {
    for (status, message) in [
        (403, "authorization denied by plugin guard"),
        (500, "layer does not exist"),
        (500, "permission denied"),
        (503, "service unavailable"),
    ] {
        let engine = engine().failing("GET /images/", Fault::Status(status, message));
        for command in ["status", "plan", "sync"] {
            let run = on(&engine.host(), MANIFEST).args([command]).run().expect(5);
            run.says(&[message]).never_says(&["docker login"]);
        }
    }
}
