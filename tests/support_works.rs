//! The tests' own servers, tried against the real engine and against themselves:
//! a failure row proves something only if the failure really happens.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::support::http::call;
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::script::Rule;
use crate::support::stub_engine::StubEngine;
use crate::support::stub_table::StubImage;
use crate::support::terminal::OnTerminal;
use crate::support::unique;

#[test]
fn the_real_engine_pulls_from_the_scripted_registry() {
    let mut engine = RealEngine::connect();
    let content = unique();
    let arm = Image::for_platform(&format!("arm {content}"), "linux", "arm64");
    let index = Image::index(&[arm, Image::new(&content)]);
    let registry = Registry::with("some/thing", "1", &index);
    let repository = format!("{}/some/thing", registry.host());
    engine.clean_up(format!("{repository}:1"));

    let (status, stream) = engine.pull(&repository, "1");
    assert_eq!(status, 200, "{stream}");
    let image = engine.inspect(&format!("{repository}:1")).expect(&stream);
    assert_eq!(image["RepoDigests"][0], format!("{repository}@{}", index.digest()));
    assert_eq!(image["Architecture"], "amd64");
    assert!(!registry.seen("/blobs/").is_empty());
}

/// Each fault, and the words in which the engine tells of it.
#[test]
fn the_real_engine_feels_every_fault() {
    let engine = RealEngine::connect();
    let faults: Vec<(&str, Fault, &str)> = vec![
        ("/manifests/", Fault::Close, "EOF"),
        ("/manifests/", Fault::Reset, "connection reset by peer"),
        ("/manifests/", Fault::Raw(b"\0\xffnonsense\r\n\r\n".to_vec()), "malformed HTTP"),
        ("/manifests/", Fault::Loop, "stopped after 10 redirects"),
        ("/manifests/", Fault::Answer(registry::not_found()), "manifest unknown"),
        ("/manifests/", Fault::Answer(registry::not_found_with_detail()), "not found: manifest"),
        ("/manifests/", Fault::Answer(registry::denied()), "denied"),
        ("/v2/", Fault::Answer(registry::unauthorized()), "no basic auth credentials"),
        ("/manifests/", Fault::Answer(registry::rate_limited()), "toomanyrequests"),
        ("/manifests/", Fault::Answer(registry::login_page()), "error unmarshalling content"),
        ("/blobs/", Fault::Corrupt, "verification failed for digest"),
    ];
    for (matching, fault, words) in faults {
        let image = Image::new(&unique());
        let told = format!("{fault:?}");
        let registry = Registry::with("a/b", "1", &image).failing(matching, fault);
        let (_, answer) = engine.pull(&format!("{}/a/b", registry.host()), "1");
        assert!(answer.contains(words), "{told}: {answer}");
    }
}

#[test]
fn rules_act_as_often_as_they_say() {
    let fault = Fault::Answer(registry::error(500, "UNKNOWN", "no", None));
    let registry = Registry::with("a/b", "1", &Image::new("x"))
        .rule(Rule::on("/manifests/", fault).skip(1).times(2));
    let statuses = [(); 4].map(|()| {
        let stream = TcpStream::connect(registry.host()).unwrap();
        call(stream, "GET", "/v2/a/b/manifests/1", b"").unwrap().status
    });
    assert_eq!(statuses, [200, 500, 500, 200]);
    assert_eq!(registry.seen("GET /v2/a/b/manifests/1").len(), 4);
}

#[test]
fn answers_come_late_or_in_part() {
    let ask = |fault: Fault, patience: Duration| {
        let image = Image::new("x");
        let registry = Registry::with("a/b", "1", &image).failing("/blobs/", fault);
        let stream = TcpStream::connect(registry.host()).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        let begun = Instant::now();
        let layer = format!("/v2/a/b/blobs/{}", image.layers[0].digest);
        let answer = call(&stream, "GET", &layer, b"").map(|answer| answer.body.len());
        (answer.ok(), begun.elapsed(), registry.seen("/blobs/").len())
    };
    let whole = Image::new("x").layers[0].bytes.len();
    let (patient, hasty) = (Duration::from_secs(10), Duration::from_millis(100));
    let late = Duration::from_millis(50);
    let (answer, time, _) = ask(Fault::Delay(late), patient);
    assert!(answer == Some(whole) && time >= late, "{answer:?} after {time:?}");
    assert_eq!(ask(Fault::Truncate(5), patient).0, Some(5));
    let (answer, time, asked) = ask(Fault::Stall(5), hasty);
    assert!(answer.is_none() && time >= hasty && asked == 1, "{answer:?} after {time:?}");
}

#[test]
fn the_stub_engine_pulls_tags_and_forgets() {
    let image = StubImage::new("x");
    let engine = StubEngine::start().remote("ghcr.io/a/b:1", &image);
    let ask = |method: &str, target: &str| {
        let stream = UnixStream::connect(engine.socket()).unwrap();
        let answer = call(stream, method, target, b"").unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let (status, text) = ask("GET", "/v1.41/distribution/ghcr.io/a/b:1/json");
    assert!(status == 200 && text.contains(&image.digest), "{text}");
    assert_eq!(ask("GET", "/images/a/b:1/json").0, 404);
    let pulled = ask("POST", &format!("/images/create?fromImage=ghcr.io/a/b&tag={}", image.digest));
    assert!(pulled.0 == 200 && pulled.1.contains("Pull complete"), "{pulled:?}");
    let source = format!("ghcr.io/a/b@{}", image.digest);
    assert_eq!(ask("POST", &format!("/images/{source}/tag?repo=a/b&tag=1")).0, 201);
    let (status, text) = ask("GET", "/images/docker.io/a/b:1/json");
    assert!(status == 200 && text.contains(&source), "{text}");
    assert_eq!(engine.id("a/b:1"), Some(image.id));
    assert_eq!(ask("DELETE", "/images/a/b:1").0, 200);
    assert_eq!(engine.id("a/b:1"), None);
    assert_eq!(engine.seen("/images/").len(), 5);
}

fn shell(script: &str) -> Occ {
    Occ::program("/bin/sh").args(["-c", script])
}

#[test]
fn a_run_is_captured_whole() {
    let run = shell("echo out; echo err >&2; echo $HOME >&2; exit 7").run().expect(7);
    assert_eq!(run.stdout, "out\n");
    let run = run.says(&["err", "/home"]).never_says(&["panic"]);
    assert!(run.within(Duration::from_secs(5)).stderr.starts_with("err\n"));
}

#[test]
#[should_panic(expected = "the output has '\\u{1b}'")]
fn a_control_character_in_the_output_is_noticed() {
    shell("printf '\\033[2J'").run();
}

#[test]
#[should_panic(expected = "a panic")]
fn a_panic_is_noticed() {
    shell("echo \"thread 'main' panicked at src\" >&2").run();
}

#[test]
#[should_panic(expected = "temporary files are left")]
fn a_temporary_file_that_stays_is_noticed() {
    shell("touch $TMPDIR/x").run();
}

#[test]
#[should_panic(expected = "no end after")]
fn a_run_that_hangs_is_ended() {
    shell("exec sleep 600").timeout(Duration::from_millis(100)).run();
}

#[test]
fn a_terminal_is_one() {
    let script = "test -t 1 && test -t 2 && stty size <&1";
    let (status, transcript) = OnTerminal::start(&shell(script), 33).wait();
    assert!(status.success(), "{transcript}");
    assert_eq!(transcript, "24 33\r\n");
}
