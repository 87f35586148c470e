//! One image and its sources: order, patience, rounds, proof.

use super::fake_engine::{digest, facts};
use super::*;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass as C;

#[tokio::test(start_paused = true)]
async fn the_first_source_serves_by_digest_and_the_local_name_is_set() {
    let engine = engine().script("a.example", &[Reply::Serves('1')]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(
        calls(&engine),
        [
            "resolve a.example/acme/tool:1",
            "pull a.example/acme/tool1",
            "tag sha256:1f docker.io/acme/tool:1"
        ]
    );
    let report = done.only();
    assert_eq!((report.outcome, report.exit), (Outcome::Done, ExitStatus::Success));
    assert_eq!(report.source.as_deref(), Some("a.example/acme/tool:1"));
    assert_eq!(report.digest, Some(digest('1')));
    assert_eq!(report.bytes, 100);
    assert!(report.changed && report.failures.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_moves_to_the_next_source_at_once() {
    for class in [C::NotFound, C::Denied, C::Server, C::Network, C::Tls, C::RateLimited, C::Unknown]
    {
        let engine = engine()
            .script("a.example", &[Reply::Fails(class)])
            .script("b.example", &[Reply::Serves('2')]);
        let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
        let report = done.only();
        assert_eq!(report.source.as_deref(), Some("b.example/acme/tool:1"), "{class:?}");
        assert_eq!(report.failures.len(), 1);
        assert_eq!((report.failures[0].class, report.failures[0].attempts), (class, 1));
        assert!(done.waits().is_empty() && done.seconds < 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_a_warning_where_another_source_serves() {
    let sources = |class| {
        engine()
            .script("a.example", &[Reply::Fails(class)])
            .script("b.example", &[Reply::Serves('2')])
    };
    let done = pull(&sources(C::Denied), image("tool", &["a.example", "b.example"])).await;
    assert_eq!(done.warnings(), ["`a.example/acme/tool:1`: denied: do better"]);
    let done = pull(&sources(C::AbsentOrPrivate), image("tool", &["a.example", "b.example"])).await;
    assert!(done.warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_passing_failures_are_tried_in_further_rounds() {
    let engine = engine()
        .script("a.example", &[Reply::Fails(C::NotFound)])
        .script("b.example", &[Reply::Fails(C::Server)]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(
        calls(&engine),
        ["a", "b", "b", "b"].map(|host| format!("resolve {host}.example/acme/tool:1"))
    );
    assert_eq!(done.waits(), [1000, 2000]);
    assert_eq!(done.only().exit, ExitStatus::Transient);
    let attempts: Vec<u32> = done.only().failures.iter().map(|f| f.attempts).collect();
    assert_eq!(attempts, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_back_serves_in_a_later_round() {
    let fails = Reply::Fails(C::Server);
    let engine = engine().script("a.example", &[fails.clone(), fails, Reply::Serves('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().outcome, Outcome::Done);
    assert_eq!(done.waits(), [1000, 2000]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_host_name_is_tried_once_more_and_no_further() {
    let engine = engine().script("a.example", &[Reply::Fails(C::NameResolution)]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().failures[0].attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_source_is_overtaken_and_both_are_named() {
    let engine = engine()
        .script("a.example", &[Reply::Silent(600, '1')])
        .script("b.example", &[Reply::Serves('2')]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(done.only().source.as_deref(), Some("b.example/acme/tool:1"));
    assert!((2.0..2.5).contains(&done.seconds), "{}", done.seconds);
    let warnings = done.warnings();
    assert!(
        warnings[0].contains("a.example/acme/tool:1")
            && warnings[0].contains("b.example/acme/tool:1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_source_still_wins_when_it_answers_before_the_second() {
    let engine = engine()
        .script("a.example", &[Reply::Silent(3, '1')])
        .script("b.example", &[Reply::Silent(600, '2')]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(done.only().source.as_deref(), Some("a.example/acme/tool:1"));
    assert!((3.0..3.5).contains(&done.seconds));
}

#[tokio::test(start_paused = true)]
async fn a_failure_beside_a_silent_source_moves_on_at_once() {
    let engine = engine()
        .script("a.example", &[Reply::Silent(600, '1')])
        .script("b.example", &[Reply::Fails(C::NotFound)])
        .script("c.example", &[Reply::Serves('3')]);
    let done = pull(&engine, image("tool", &["a.example", "b.example", "c.example"])).await;
    assert_eq!(done.only().source.as_deref(), Some("c.example/acme/tool:1"));
    assert!((2.0..2.5).contains(&done.seconds), "{}", done.seconds);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_lost_the_race_is_asked_again_when_the_winner_fails() {
    let engine = engine()
        .script("a.example", &[Reply::Silent(3, '1'), Reply::Serves('1')])
        .script("b.example", &[Reply::BreaksOff('2', C::Server)]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(done.only().source.as_deref(), Some("a.example/acme/tool:1"));
    assert!(done.waits().is_empty(), "still the first round");
}

#[tokio::test(start_paused = true)]
async fn a_pinned_digest_is_pulled_without_asking_for_the_tag() {
    let engine = engine()
        .script("a.example", &[Reply::Fails(C::NotFound)])
        .script("b.example", &[Reply::Serves('1')]);
    let mut tool = image("tool", &["a.example", "b.example"]);
    pull_step(&mut tool).digest = Some(digest('1'));
    let done = pull(&engine, tool).await;
    assert_eq!(
        calls(&engine),
        [
            "pull a.example/acme/tool1",
            "pull b.example/acme/tool1",
            "tag sha256:1f docker.io/acme/tool:1"
        ]
    );
    assert_eq!(done.only().outcome, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_are_never_accepted() {
    let engine = engine().script("a.example", &[Reply::Lies('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().exit, ExitStatus::Unverified);
    assert_eq!(done.only().failures[0].attempts, 2, "integrity failures are retried once");
    assert!(!engine.calls.borrow().iter().any(|call| call.starts_with("tag")));
}

#[tokio::test(start_paused = true)]
async fn an_image_for_another_platform_is_not_named() {
    let engine = engine().script("a.example", &[Reply::Foreign('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().exit, ExitStatus::Unverified);
    assert!(!engine.images.borrow().contains_key("docker.io/acme/tool:1"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_just_ends_is_never_a_success() {
    let engine = engine().script("a.example", &[Reply::Nothing('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().exit, ExitStatus::Failed);
    assert_eq!(done.only().failures[0].class, C::CutShort);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_download_is_given_to_the_next_source() {
    let engine = engine()
        .script("a.example", &[Reply::Stalls('1')])
        .script("b.example", &[Reply::Serves('2')]);
    let done = pull(&engine, image("tool", &["a.example", "b.example"])).await;
    assert_eq!(done.only().source.as_deref(), Some("b.example/acme/tool:1"));
    assert_eq!(done.only().failures[0].class, C::Stalled);
    assert!((120.0..121.0).contains(&done.seconds), "{}", done.seconds);
}

#[tokio::test(start_paused = true)]
async fn while_layers_unpack_only_a_dead_engine_ends_the_pull() {
    let engine = engine().script("a.example", &[Reply::Unpacks('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().outcome, Outcome::Done);

    let engine = FakeEngine::default().script("a.example", &[Reply::Unpacks('1')]);
    let dies = async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        engine.is_dead.set(true);
    };
    let (done, ()) = futures_util::join!(pull(&engine, image("tool", &["a.example"])), dies);
    assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, ExitStatus::Engine));
    assert!((60.0..61.0).contains(&done.seconds), "asked every 30 s: {}", done.seconds);
}

#[tokio::test(start_paused = true)]
async fn the_engines_own_retries_count() {
    let engine = engine().script("a.example", &[Reply::Retries('1')]);
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().failures[0].attempts, 1);
    assert!(done.waits().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_distribution_endpoint_the_pull_is_by_tag() {
    let mut engine = engine().script("a.example", &[Reply::Serves('1')]);
    engine.no_distribution = true;
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(calls(&engine)[0], "pull a.example/acme/tool:1");
    assert_eq!(done.only().digest, Some(digest('1')));
    let message =
        "`a.example/acme/tool:1` stays in the engine, too: this engine can only pull by tag";
    assert!(
        done.events.contains(&Event::Note { image: Some("tool".into()), message: message.into() })
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_image_behind_the_tag_is_no_proof_of_a_pull() {
    let mut engine = engine().script("a.example", &[Reply::Nothing('1')]);
    engine.no_distribution = true;
    let mut tool = image("tool", &["a.example"]);
    tool.name = "a.example/acme/tool:1".parse().unwrap();
    let old = facts('9', "linux/amd64");
    tool.previous = Some(old.id.clone());
    engine.images.borrow_mut().insert("a.example/acme/tool:1".to_owned(), old);
    let done = pull(&engine, tool).await;
    assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, ExitStatus::Failed));
    assert_eq!(done.only().failures[0].class, C::CutShort);
}

#[tokio::test(start_paused = true)]
async fn what_the_pull_of_a_pin_does_not_tell_the_registry_is_asked_for() {
    let engine = engine().script("a.example", &[Reply::Fails(C::Unknown), Reply::Fails(C::Denied)]);
    let mut tool = image("tool", &["a.example"]);
    pull_step(&mut tool).digest = Some(digest('1'));
    let done = pull(&engine, tool).await;
    assert_eq!(done.only().exit, ExitStatus::Denied);
    assert_eq!(done.only().failures[0].attempts, 1);
}
