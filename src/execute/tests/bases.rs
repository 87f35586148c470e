//! Builds that wait for the images that they are built on.

use super::fake_engine::facts;
use super::*;
use crate::state::inputs::LABEL;
use crate::words::exit::ExitStatus;
use crate::words::failure::{BuildOn, FailureClass as C};

/// A build of `id` on these images of the same manifest.
fn built_on(id: &str, bases: &[&str]) -> ImagePlan {
    let mut step = build_step();
    let base = |base: &&str| base_of(&format!("acme/{base}:1"), Some(base));
    step.inputs.bases = bases.iter().map(base).collect();
    ImagePlan { steps: vec![Step::Build(step)], ..image(id, &[]) }
}

fn order(engine: &FakeEngine) -> Vec<String> {
    let named = |call: &String| Some(call.split_once(" docker.io/acme/")?.1.to_owned());
    engine.calls.borrow().iter().filter(|call| call.starts_with("tag ")).filter_map(named).collect()
}

#[tokio::test(start_paused = true)]
async fn a_build_begins_when_its_bases_are_done() {
    let engine = engine().script("a.example", &[Reply::Unpacks('1')]);
    let images = vec![
        built_on("app", &["mid", "pulled"]),
        built_on("mid", &["pulled"]),
        image("pulled", &["a.example"]),
        built_on("other", &[]),
    ];
    let done = run(&engine, images, Options::default()).await;
    assert!(done.images.iter().all(|image| image.outcome == Outcome::Done));
    assert_eq!(order(&engine), ["other:1", "pulled:1", "mid:1", "app:1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_of_a_base_is_an_input() {
    let engine = engine();
    let base = facts('7', "linux/amd64");
    engine.images.borrow_mut().insert("docker.io/acme/base:1".to_owned(), base.clone());
    let plan = built_on("app", &["base"]);
    let Step::Build(step) = &plan.steps[0] else { panic!("{plan:?}") };
    let mut inputs = step.inputs.clone();
    inputs.bases[0].held = Some(base.id);
    run(&engine, vec![plan], Options::default()).await;
    let app = engine.images.borrow()["docker.io/acme/app:1"].clone();
    assert_eq!(app.labels[LABEL], inputs.label(&"acme/app:1".parse().unwrap()).to_string());
}

#[tokio::test(start_paused = true)]
async fn a_failed_base_passes_over_what_is_built_on_it_and_nothing_else() {
    let engine = engine().script("a.example", &[Reply::Fails(C::NotFound)]);
    let images = vec![
        built_on("app", &["mid"]),
        built_on("mid", &["pulled"]),
        image("pulled", &["a.example"]),
        built_on("other", &[]),
    ];
    let done = run(&engine, images, Options::default()).await;
    let outcomes: Vec<Outcome> = done.images.iter().map(|image| image.outcome).collect();
    assert_eq!(outcomes, [Outcome::Skipped, Outcome::Skipped, Outcome::Failed, Outcome::Done]);
    let said = |i: usize| done.images[i].error.clone().unwrap();
    assert_eq!(said(0), "the image `mid` failed, which it is built on");
    assert_eq!(said(1), "the image `pulled` failed, which it is built on");
    let exit = ExitStatus::worst(done.images.iter().map(|image| image.exit));
    assert_eq!(exit, ExitStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_pull_does_not_wait_for_the_bases_of_the_build_that_may_stand_in() {
    let on = async |engine: FakeEngine| {
        let mut app = image("app", &["a.example"]);
        let base = built_on("app", &["base"]);
        let Step::Build(step) = base.steps[0].clone() else { panic!("{base:?}") };
        pull_step(&mut app).then_build = Some((vec![BuildOn::NotFound], step));
        let images = vec![app, image("base", &["b.example"])];
        run(&engine, images, Options::default()).await
    };
    let fails = |class| vec![Reply::Fails(class)];
    let served = on(engine()
        .script("a.example", &[Reply::Serves('1')])
        .script("b.example", &fails(C::NotFound)));
    assert_eq!(served.await.images[0].outcome, Outcome::Done);
    let neither = on(engine()
        .script("a.example", &fails(C::NotFound))
        .script("b.example", &fails(C::Denied)))
    .await;
    let app = &neither.images[0];
    assert_eq!((app.outcome, app.exit), (Outcome::Failed, ExitStatus::Failed));
    assert_eq!(app.error.as_deref(), Some("the image `base` failed, which it is built on"));
    assert_eq!(app.failures.len(), 1);
}
