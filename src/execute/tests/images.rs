//! What happens around a pull: builds, names, and several images in one run.

use super::fake_engine::{digest, facts};
use super::*;
use crate::words::exit::ExitStatus;
use crate::words::failure::{BuildOn, FailureClass as C};

#[tokio::test(start_paused = true)]
async fn the_pull_limit_of_a_registry_counts_for_all_images() {
    let engine = engine()
        .script("a.example", &[Reply::Fails(C::RateLimited)])
        .script("b.example", &[Reply::Serves('2')]);
    let hosts = ["a.example", "b.example"];
    // One after the other: the second has to know what the first found out.
    let credentials = Arc::new(CredentialStore::new(None, None));
    let limits = Limits { pulls: 1, builds: 1 };
    let run = Run::new(
        &engine,
        &credentials,
        ProgressReporter::silent(),
        (TIMEOUTS, limits),
        Options::default(),
    );
    let plan = Plan { images: vec![image("one", &hosts), image("two", &hosts)] };
    let ledger = Ledger::new(&plan);
    execute(&run, &plan, &Trees::new(), &ledger).await;
    let images = ledger.report().images;
    assert!(images.iter().all(|image| image.outcome == Outcome::Done));
    assert_eq!(images.iter().map(|image| image.failures[0].attempts).collect::<Vec<_>>(), [1, 0]);
    let asked = engine.calls.borrow().iter().filter(|call| call.contains("a.example")).count();
    assert_eq!(asked, 1);
}

#[tokio::test(start_paused = true)]
async fn when_everything_flaps_the_rounds_of_the_run_are_bounded() {
    let engine = engine().script("a.example", &[Reply::Fails(C::Server)]);
    let images = (0..30).map(|n| image(&format!("tool{n}"), &["a.example"])).collect();
    let done = run(&engine, images, Options::default()).await;
    assert_eq!(done.waits().len(), 10);
    assert_eq!(engine.calls.borrow().len(), 40);
    assert!(done.images.iter().all(|image| image.exit == ExitStatus::Transient));
}

#[tokio::test(start_paused = true)]
async fn a_build_steps_in_only_for_the_failures_it_is_allowed_for() {
    for (class, builds) in [
        (C::NotFound, true),
        (C::AbsentOrPrivate, true),
        (C::Denied, false),
        (C::RateLimited, false),
    ] {
        let engine = engine().script("a.example", &[Reply::Fails(class)]);
        let mut tool = image("tool", &["a.example"]);
        pull_step(&mut tool).then_build =
            Some((vec![BuildOn::NotFound, BuildOn::Unavailable], build_step()));
        let done = pull(&engine, tool).await;
        assert_eq!(done.only().outcome == Outcome::Done, builds, "{class:?}");
        assert_eq!(done.only().action == Action::Build, builds);
        assert_eq!(done.only().failures.len(), 1, "the registries' failures stay in the report");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_in_the_place_of_a_pin_is_a_warning() {
    let engine = engine().script("a.example", &[Reply::Fails(C::NotFound)]);
    let mut tool = image("tool", &["a.example"]);
    let step = pull_step(&mut tool);
    step.digest = Some(digest('1'));
    step.then_build = Some((vec![BuildOn::NotFound], build_step()));
    let done = pull(&engine, tool).await;
    assert_eq!(done.only().action, Action::Build);
    assert_eq!(
        done.warnings(),
        ["a build stands in for the pinned sha256:111111111111: its bytes differ"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_proof_puts_the_name_back() {
    let mut engine = engine().script("a.example", &[Reply::Foreign('1')]);
    engine.no_distribution = true;
    // The source's tag is the local name: the engine moves it by itself.
    let mut tool = image("tool", &["a.example"]);
    tool.name = "a.example/acme/tool:1".parse().unwrap();
    let old = facts('9', "linux/amd64");
    tool.previous = Some(old.id.clone());
    engine.images.borrow_mut().insert("a.example/acme/tool:1".to_owned(), old.clone());
    engine.images.borrow_mut().insert("kept".to_owned(), old.clone());
    let done = pull(&engine, tool).await;
    assert_eq!(done.only().exit, ExitStatus::Unverified);
    assert_eq!(engine.images.borrow()["a.example/acme/tool:1"].id, old.id);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_take_is_a_failure() {
    let mut engine = engine().script("a.example", &[Reply::Serves('1')]);
    engine.tags_are_lost = true;
    let done = pull(&engine, image("tool", &["a.example"])).await;
    assert_eq!(done.only().outcome, Outcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_build_is_proven_by_its_label_and_a_failed_one_shows_its_log() {
    let engine = engine();
    let mut tool = image("tool", &[]);
    tool.steps = vec![Step::Build(build_step())];
    let done = pull(&engine, tool.clone()).await;
    assert_eq!(calls(&engine), ["build Dockerfile", "tag sha256:bf docker.io/acme/tool:1"]);
    assert_eq!(done.only().source.as_deref(), Some("build"));

    let failing = FakeEngine { build_error: Some(C::Build), ..FakeEngine::default() };
    let done = pull(&failing, tool).await;
    assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, ExitStatus::Failed));
    assert_eq!(done.only().log, ["Step 1/1 : RUN false", "a line"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_the_run_and_says_what_was_not_begun() {
    let engine = engine()
        .script("a.example", &[Reply::BreaksOff('1', C::DiskFull)])
        .script("b.example", &[Reply::Silent(60, '2')]);
    let images = vec![
        image("one", &["a.example"]),
        image("two", &["b.example"]),
        image("three", &["b.example"]),
        image("four", &["b.example"]),
    ];
    let done = run(&engine, images, Options::default()).await;
    let outcomes: Vec<Outcome> = done.images.iter().map(|image| image.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Failed, Outcome::Cancelled, Outcome::Cancelled, Outcome::Skipped]
    );
    assert_eq!(done.only().exit, ExitStatus::Engine);
}

#[tokio::test(start_paused = true)]
async fn other_images_go_on_unless_told_to_stop() {
    let make = || {
        engine()
            .script("a.example", &[Reply::Fails(C::NotFound)])
            .script("b.example", &[Reply::Silent(1, '2')])
    };
    let images = || vec![image("one", &["a.example"]), image("two", &["b.example"])];
    let done = run(&make(), images(), Options::default()).await;
    assert_eq!(done.images[1].outcome, Outcome::Done);
    let done = run(&make(), images(), Options { fail_fast: true, no_cache: false }).await;
    assert_eq!(done.images[1].outcome, Outcome::Skipped);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_does_not_change_the_exit_status() {
    for (class, want) in [
        (C::Server, ExitStatus::Transient),
        (C::NotFound, ExitStatus::Failed),
        (C::Denied, ExitStatus::Denied),
    ] {
        let engine = engine()
            .script("a.example", &[Reply::Fails(class)])
            .script("b.example", &[Reply::Silent(600, '2')]);
        let images = vec![image("one", &["a.example"]), image("two", &["b.example"])];
        let done = run(&engine, images, Options { fail_fast: true, no_cache: false }).await;
        assert!(matches!(done.images[1].outcome, Outcome::Skipped | Outcome::Cancelled));
        assert_eq!(report::Report { images: done.images }.exit(), want, "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_pulls_at_once_than_the_limit() {
    let engine = engine().script("a.example", &[Reply::Serves('1')]);
    let images = (0..9).map(|n| image(&format!("tool{n}"), &["a.example"])).collect();
    let done = run(&engine, images, Options::default()).await;
    assert!(done.images.iter().all(|image| image.outcome == Outcome::Done));
    assert_eq!(engine.pulls[1].load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn what_another_occ_built_meanwhile_is_not_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let locks = Locks::new(Some(dir.path().to_owned()), "unix:///engine");
    let engine = engine();
    let mut tool = image("tool", &[]);
    tool.steps = vec![Step::Build(build_step())];
    let plan = Plan { images: vec![tool] };
    let trees: Trees = [("tool".to_owned(), Tree::template("FROM scratch\n"))].into();
    let credentials = Arc::new(CredentialStore::new(None, None));
    let limits = Limits { pulls: 1, builds: 1 };
    let start = || {
        let progress = ProgressReporter::silent();
        Run::new(&engine, &credentials, progress, (TIMEOUTS, limits), Options::default())
            .with_locks(locks.clone())
    };
    let (one, two) = (start(), start());
    let (first, second) = (Ledger::new(&plan), Ledger::new(&plan));
    futures_util::join!(
        execute(&one, &plan, &trees, &first),
        execute(&two, &plan, &trees, &second),
    );
    let (first, second) = (first.report(), second.report());
    assert!(first.images.iter().chain(&second.images).all(|i| i.outcome == Outcome::Done));
    let built = engine.calls.borrow().iter().filter(|call| call.starts_with("build")).count();
    assert_eq!(built, 1);
}

#[tokio::test(start_paused = true)]
async fn no_build_steps_in_for_a_name_that_does_not_take() {
    let mut engine = engine().script("a.example", &[Reply::Serves('1')]);
    engine.tags_are_lost = true;
    let mut tool = image("tool", &["a.example"]);
    pull_step(&mut tool).then_build =
        Some((vec![BuildOn::NotFound, BuildOn::Unavailable], build_step()));
    let done = pull(&engine, tool).await;
    assert_eq!((done.only().outcome, done.only().action), (Outcome::Failed, Action::Pull));
    assert!(!calls(&engine).iter().any(|call| call.starts_with("build")));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_of_a_build_ends_the_run() {
    for class in [C::CutShort, C::Build] {
        let engine = FakeEngine { build_error: Some(class), ..FakeEngine::default() };
        engine.dies_building.set(true);
        let images = ["one", "two"]
            .map(|id| ImagePlan { steps: vec![Step::Build(build_step())], ..image(id, &[]) });
        let done = run(&engine, images.to_vec(), Options::default()).await;
        assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, ExitStatus::Engine));
        assert_eq!(done.only().log, ["Step 1/1 : RUN false", "a line"]);
        assert_eq!(done.images[1].outcome, Outcome::Skipped);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_built_for_another_platform_is_built_again() {
    let engine = engine();
    let mut tool = image("tool", &[]);
    tool.steps = vec![Step::Build(build_step())];
    let mut foreign = facts('9', "linux/arm64");
    let BuildStep { build, inputs } = build_step();
    foreign.labels = crate::observe::inputs::labels(&tool.name, &build, &inputs);
    tool.previous = Some(foreign.id.clone());
    engine.images.borrow_mut().insert("docker.io/acme/tool:1".to_owned(), foreign);
    let done = pull(&engine, tool).await;
    assert_eq!(calls(&engine)[0], "build Dockerfile");
    assert_eq!(done.only().image_id, Some(facts('b', "linux/amd64").id.to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_further_name_that_fails_does_not_hide_what_was_done() {
    let engine = engine().script("a.example", &[Reply::Serves('1')]);
    engine.refused_name.replace("docker.io/library/more:1".to_owned());
    let mut tool = image("tool", &["a.example"]);
    tool.previous = Some(facts('9', "linux/amd64").id);
    tool.steps.push(Step::Tag { target: "more:1".parse().unwrap() });
    let done = pull(&engine, tool).await;
    let report = done.only();
    assert_eq!((report.outcome, report.action), (Outcome::Failed, Action::Tag));
    assert!(report.changed);
    assert_eq!(report.image_id, Some(facts('1', "linux/amd64").id.to_string()));
    assert_eq!(report.previous_id, Some(facts('9', "linux/amd64").id.to_string()));
    assert_eq!(report.source.as_deref(), Some("a.example/acme/tool:1"));
}

#[tokio::test(start_paused = true)]
async fn a_further_name_that_moves_is_a_change_and_one_that_is_right_is_none() {
    let engine = engine().script("a.example", &[Reply::Serves('1')]);
    let mut tool = image("tool", &["a.example"]);
    tool.steps.push(Step::Tag { target: "acme/tool:dev".parse().unwrap() });
    let first = pull(&engine, tool.clone()).await;
    tool.previous = first.only().image_id.clone().map(crate::words::image::EngineId::new);
    let again = pull(&engine, tool.clone()).await;
    assert!(first.only().changed && !again.only().changed);
    assert_eq!(again.only().detail(), "the same at a.example, sha256:111111111111");
    engine.images.borrow_mut().remove("docker.io/acme/tool:dev");
    let moved = pull(&engine, tool).await;
    assert!(moved.only().changed && !moved.only().moved);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_else_moved_is_left_where_it_is() {
    let engine = engine().script("a.example", &[Reply::Foreign('1')]);
    let mut tool = image("tool", &["a.example"]);
    let (old, new) = (facts('9', "linux/amd64"), facts('8', "linux/amd64"));
    tool.previous = Some(old.id.clone());
    engine.images.borrow_mut().insert("docker.io/acme/tool:1".to_owned(), new.clone());
    engine.images.borrow_mut().insert("kept".to_owned(), old);
    let done = pull(&engine, tool).await;
    assert_eq!(done.only().exit, ExitStatus::Unverified);
    assert_eq!(engine.images.borrow()["docker.io/acme/tool:1"].id, new.id);
}

#[tokio::test(start_paused = true)]
async fn when_the_build_fails_too_the_registries_failures_still_count() {
    for (class, exit) in [
        (C::NotFound, ExitStatus::Failed),
        (C::Server, ExitStatus::Transient),
        (C::Denied, ExitStatus::Denied),
    ] {
        let mut engine = engine().script("a.example", &[Reply::Fails(class)]);
        engine.build_error = Some(C::Build);
        let mut tool = image("tool", &["a.example"]);
        let all = vec![BuildOn::NotFound, BuildOn::Unavailable, BuildOn::Denied];
        pull_step(&mut tool).then_build = Some((all, build_step()));
        let done = pull(&engine, tool).await;
        assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, exit), "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_takes_along_the_logins_of_its_bases_and_no_others() {
    let home = tempfile::tempdir().unwrap();
    let login = r#"{"auth": "dTpw"}"#; // u:p
    let config = format!(r#"{{"auths": {{"a.example": {login}, "b.example": {login}}}}}"#);
    fs_err::write(home.path().join("config.json"), config).unwrap();
    let credentials = Arc::new(CredentialStore::new(Some(home.path().to_owned()), None));
    let engine = engine();
    let limits = Limits { pulls: 1, builds: 1 };
    let options = Options::default();
    let run =
        Run::new(&engine, &credentials, ProgressReporter::silent(), (TIMEOUTS, limits), options);
    let mut step = build_step();
    step.inputs.bases = ["a.example/base", "c.example/x"].map(|base| base_of(base, None)).into();
    let tool = ImagePlan { steps: vec![Step::Build(step)], ..image("tool", &[]) };
    let trees = Trees::from([("tool".to_owned(), Tree::template("FROM a.example/base\n"))]);
    let plan = Plan { images: vec![tool] };
    execute(&run, &plan, &trees, &Ledger::new(&plan)).await;
    let calls = engine.calls.borrow();
    assert!(
        calls.iter().any(|call| call == "build Dockerfile with a login for a.example"),
        "{calls:?}"
    );
}
