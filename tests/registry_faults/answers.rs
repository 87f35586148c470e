//! What a registry answers, or does not, before it has served a byte of the image.

use std::time::{Duration, Instant};

use super::{closed_port, outward_address};
use crate::support::http::Response;
use crate::support::occ::Run;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{self, Fault, Registry};
use crate::support::scene::{Scene, failures};
use crate::support::script::Rule;

const QUICK: &str = "[retry]\nbackoff = \"10ms\"";

/// The engine asks for a tag with HEAD, and again with GET where that failed.
const ASKED_ONCE: usize = 2;

/// A run without a wait takes no longer, on a busy machine either.
const PROMPT: Duration = Duration::from_secs(5);

/// A name that has no address, by RFC 2606.
const NOWHERE: &str = "nosuch.invalid";

fn unavailable() -> Fault {
    Fault::Answer(registry::error(503, "UNAVAILABLE", "service unavailable", None))
}

/// The first registry fails like this, the second serves, and nobody waits.
#[track_caller]
fn the_second_serves(label: &str, fault: Fault, class: &str) -> Registry {
    let mut scene = Scene::new(label);
    let (a, b) = (scene.registry().failing("/manifests/", fault), scene.registry());
    let run = scene.sync(&[&a.host(), &b.host()], "").expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(&a.host()), class.to_owned(), 1)]);
    assert_eq!(run.json()["images"][0]["source"], scene.source(&b.host()));
    let handed_over = format!(", trying {}\n", b.host());
    run.says(&[&a.host(), &handed_over]).never_says(&["round 2"]).within(PROMPT);
    a
}

/// The only registry fails like this; so many attempts are made of three allowed.
#[track_caller]
fn alone(label: &str, fault: Fault, code: i32, class: &str, attempts: u64) -> (Registry, Run) {
    let mut scene = Scene::new(label);
    let a = scene.registry().failing("/manifests/", fault);
    let run = scene.sync(&[&a.host()], QUICK).expect(code);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), class.to_owned(), attempts)]);
    (a, run)
}

#[track_caller]
fn assert_hint(run: &Run, words: &str) {
    let hints = run.json()["images"][0]["hints"].to_string();
    assert!(hints.contains(words), "no hint has {words:?}: {hints}");
}

#[test]
fn row_01_not_found_without_detail_moves_on() {
    let a = the_second_serves("row01", Fault::Answer(registry::not_found()), "not_found");
    assert_eq!(a.seen("/manifests/").len(), ASKED_ONCE);
}

#[test]
fn row_02_not_found_with_detail_moves_on() {
    let fault = Fault::Answer(registry::not_found_with_detail());
    let a = the_second_serves("row02", fault, "not_found");
    assert_eq!(a.seen("/manifests/").len(), ASKED_ONCE);
}

#[test]
fn row_03_found_nowhere_fails_at_once() {
    let scene = Scene::new("row03");
    let (a, b) = (Registry::start(), Registry::start());
    let run = scene.sync(&[&a.host(), &b.host()], "").expect(1);
    scene.holds_nothing();
    let not_found = |host: &str| (scene.source(host), "not_found".to_owned(), 1);
    assert_eq!(failures(&run), [not_found(&a.host()), not_found(&b.host())]);
    for registry in [&a, &b] {
        assert_eq!(registry.seen("/manifests/").len(), ASKED_ONCE);
    }
    let image = &run.json()["images"][0];
    assert_eq!(image["error"], "none of its 2 sources served it");
    assert!(image["hints"][0].as_str().unwrap().contains("typing error"), "{image}");
    run.says(&["none of its 2 sources"]).never_says(&["round 2"]).within(PROMPT);
}

#[test]
fn row_04_a_server_error_moves_on_without_a_wait() {
    let fault = Fault::Answer(registry::error(500, "UNKNOWN", "unknown error", None));
    let a = the_second_serves("row04", fault, "server");
    assert_eq!(a.seen("/manifests/").len(), ASKED_ONCE);
}

/// The waits before the second and the third round over a registry, from its log.
fn waits(registry: &Registry) -> [Duration; 2] {
    let asked: Vec<Instant> =
        registry.seen("/manifests/1").iter().map(|request| request.at).collect();
    assert!(asked.len() > 2 * ASKED_ONCE, "{asked:?}");
    [1, 2].map(|round| asked[round * ASKED_ONCE] - asked[round * ASKED_ONCE - 1])
}

/// 1 s and 2 s, up to a tenth more of jitter, and what the machine takes.
#[track_caller]
fn assert_one_and_two_seconds(registry: &Registry) {
    let [first, second] = waits(registry).map(|wait| wait.as_secs_f64());
    assert!((1.0..1.9).contains(&first) && (2.0..2.9).contains(&second), "{first} {second}");
}

#[test]
fn row_05_a_registry_that_recovers_is_waited_for() {
    let mut scene = Scene::new("row05");
    let a = scene.registry().rule(Rule::on("/manifests/1", unavailable()).times(2 * ASKED_ONCE));
    let occ = scene.occ_in_words(&scene.entry("it", &[&a.host()]));
    let run = occ.args(["--progress", "json", "--format", "json"]).run().expect(0);
    scene.holds_it();
    assert_one_and_two_seconds(&a);
    assert_eq!(failures(&run), [(scene.source(&a.host()), "server".to_owned(), 2)]);
    // What it decided to wait: the seconds of the policy, and up to a tenth of them more.
    let events = run.events();
    let waits = events.iter().filter(|event| event["event"] == "waiting");
    let waits: Vec<u64> = waits.map(|event| event["millis"].as_u64().unwrap()).collect();
    assert_eq!(waits.len(), 2, "{run}");
    assert!((1000..=1100).contains(&waits[0]) && (2000..=2200).contains(&waits[1]), "{waits:?}");
}

#[test]
fn row_06_three_rounds_over_both_and_then_the_end() {
    let mut scene = Scene::new("row06");
    let [a, b] = [(); 2].map(|()| scene.registry().failing("/manifests/", unavailable()));
    let run = scene.sync(&[&a.host(), &b.host()], "").expect(7);
    scene.holds_nothing();
    for registry in [&a, &b] {
        assert_one_and_two_seconds(registry);
        assert_eq!(registry.seen("/manifests/").len(), 3 * ASKED_ONCE);
    }
    let failed = |host: &str| (scene.source(host), "server".to_owned(), 3);
    assert_eq!(failures(&run), [failed(&a.host()), failed(&b.host())]);
    for host in [&a.host(), &b.host()] {
        let tries = format!("{host}: server error");
        assert_eq!(run.stderr.matches(&tries).count(), 3, "{run}");
    }
}

#[test]
fn row_07_a_used_up_pull_limit_is_asked_about_once_in_a_run() {
    let a = Registry::start().failing("/manifests/", Fault::Answer(registry::rate_limited()));
    let b = Registry::start();
    let mut scenes = [(); 3].map(|()| Scene::new("row07"));
    let mut tables = "[limits]\npulls = 1\n".to_owned();
    for (i, scene) in scenes.iter_mut().enumerate() {
        scene.serve(&b);
        tables += &scene.entry(&format!("it{i}"), &[&a.host(), &b.host()]);
    }
    let run = scenes[0].occ(&tables).run().expect(0);
    scenes.iter().for_each(Scene::holds_it);
    assert_eq!(a.seen("/manifests/").len(), ASKED_ONCE);
    assert_eq!(failures(&run), [(scenes[0].source(&a.host()), "rate_limited".to_owned(), 1)]);
    let run = run.says(&["pull limit reached, trying"]).never_says(&["round 2"]);
    // Of the registry that was asked, once: the others know of the limit from it.
    run.says_once(&format!("`docker login {}`", a.host()));
}

#[test]
fn row_07_a_used_up_pull_limit_is_not_waited_for() {
    let fault = Fault::Answer(registry::rate_limited());
    let (a, run) = alone("row07", fault, 7, "rate_limited", 1);
    assert_hint(&run, &format!("`docker login {}`", a.host()));
}

#[test]
fn row_08_too_many_requests_moves_on_and_alone_is_waited_for() {
    let slow_down = || Fault::Answer(registry::error(429, "TOOMANYREQUESTS", "slow down", None));
    let a = the_second_serves("row08", slow_down(), "too_many_requests");
    assert_eq!(a.seen("/manifests/").len(), ASKED_ONCE);
    let (a, run) = alone("row08", slow_down(), 7, "too_many_requests", 3);
    assert_hint(&run, &format!("{} wants fewer requests", a.host()));
}

#[test]
fn row_13_a_closed_port_moves_on_at_once() {
    let mut scene = Scene::new("row13");
    let (nobody, b) = (closed_port(), scene.registry());
    let run = scene.sync(&[&nobody, &b.host()], "").expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(&nobody), "network".to_owned(), 1)]);
    run.says(&["network failure, trying"]).never_says(&["round 2"]).within(PROMPT);
}

#[test]
fn row_14_a_broken_connection_moves_on_at_once() {
    for fault in [Fault::Reset, Fault::Close] {
        the_second_serves("row14", fault, "network");
    }
}

#[test]
fn row_15_a_silent_registry_is_overtaken() {
    let mut scene = Scene::new("row15");
    let (a, b) = (scene.registry().failing("/manifests/", Fault::Hang), scene.registry());
    let run = scene.sync(&[&a.host(), &b.host()], "[timeouts]\npatience = \"300ms\"").expect(0);
    scene.holds_it();
    // Nothing failed in the slow one.
    assert_eq!(failures(&run), []);
    let (slow, quick) = (scene.source(&a.host()), scene.source(&b.host()));
    let warning =
        format!("warning: `{slow}` did not answer in time, `{quick}` serves in its place");
    run.says(&["no answer yet, trying", &warning]).within(PROMPT);
}

#[test]
fn row_15_with_a_pin_it_does_not_matter_who_serves() {
    let mut scene = Scene::new("row15");
    let (a, b) = (scene.registry().failing("/manifests/", Fault::Hang), scene.registry());
    let more = format!("digest = {:?}\n[timeouts]\npatience = \"300ms\"", scene.image.digest());
    let run = scene.sync(&[&a.host(), &b.host()], &more).expect(0);
    scene.holds_it();
    run.says(&["no answer yet, trying"]).never_says(&["warning"]).within(PROMPT);
}

#[test]
fn row_15_silence_ends_after_the_response_timeout() {
    let mut scene = Scene::new("row15");
    let a = scene.registry().failing("/manifests/", Fault::Hang);
    let more = format!("[timeouts]\nresponse = \"1s\"\n{QUICK}\nattempts = 2");
    let run = scene.sync(&[&a.host()], &more).expect(7);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "stalled".to_owned(), 2)]);
    assert_eq!(a.seen("/manifests/").len(), 2);
    assert_hint(&run, "raise `response`");
    assert!(run.elapsed >= Duration::from_secs(2), "{run}");
}

#[test]
fn row_16_a_host_without_an_address_is_tried_once_more_at_most() {
    let mut scene = Scene::new("row16");
    let b = scene.registry();
    let run = scene.sync(&[NOWHERE, &b.host()], "").expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(NOWHERE), "name_resolution".to_owned(), 1)]);

    let scene = Scene::new("row16");
    let run = scene.sync(&[NOWHERE], QUICK).expect(7);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(NOWHERE), "name_resolution".to_owned(), 2)]);
    assert_hint(&run, "spelling of nosuch.invalid");
}

/// A registry with which TLS fails, and one that serves.
fn tls_fails(a: &str) {
    let mut scene = Scene::new("row17");
    let b = scene.registry();
    let run = scene.sync(&[a, &b.host()], "").expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(a), "tls".to_owned(), 1)]);

    let scene = Scene::new("row17");
    let run = scene.sync(&[a], QUICK).expect(1);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(a), "tls".to_owned(), 1)]);
    assert_hint(&run, &format!("`/etc/docker/certs.d/{a}/ca.crt`"));
}

#[test]
fn row_17_a_registry_without_tls_is_never_spoken_to_in_the_clear() {
    // Loopback won't do: there, engines fall back to plain HTTP by themselves.
    let a = Registry::start_at(outward_address());
    tls_fails(&a.host());
    assert_eq!(a.seen("").len(), 0);
}

#[test]
fn row_17_an_unknown_certificate_is_not_tried_again() {
    let a = RealRegistry::start_with_unknown_certificate(outward_address());
    tls_fails(a.host());
}

#[test]
fn row_18_a_login_page_is_not_a_registry() {
    let no_json = Response::new(200, "application/vnd.oci.image.manifest.v1+json", "{\"x\":");
    for answer in [registry::login_page(), no_json] {
        the_second_serves("row18", Fault::Answer(answer.clone()), "not_a_registry");
        let (a, run) = alone("row18", Fault::Answer(answer), 7, "not_a_registry", 2);
        assert_hint(&run, &format!("what answers at {} is no registry", a.host()));
    }
}

#[test]
fn row_19_a_redirect_loop_floods_nobody() {
    let a = the_second_serves("row19", Fault::Loop, "not_a_registry");
    assert!(a.seen("/manifests/").len() <= 10);
    let (a, _) = alone("row19", Fault::Loop, 7, "not_a_registry", 2);
    assert!(a.seen("/manifests/").len() <= 2 * 10);
}
