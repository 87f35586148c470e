//! Secrets are for builds that run, and a build that lacks one is none.

use super::*;
use crate::state::desired::{BuildSecret, SecretFrom};
use crate::words::exit::ExitStatus;
use crate::words::failure::{BuildOn, FailureClass as C};

/// A build that wants a variable that nobody handed over.
fn wanting() -> BuildStep {
    let mut step = build_step();
    let from = SecretFrom::Env("NPM_TOKEN".to_owned());
    step.build.secrets = vec![BuildSecret { id: "npm".to_owned(), from }];
    step
}

#[tokio::test(start_paused = true)]
async fn a_build_without_its_secret_fails_before_the_engine_is_asked() {
    let engine = engine();
    let mut tool = image("tool", &[]);
    tool.steps = vec![Step::Build(wanting())];
    let done = run(&engine, vec![tool], Options::default()).await;
    let report = done.only();
    assert_eq!((report.outcome, report.exit), (Outcome::Failed, ExitStatus::Failed));
    let error = report.error.as_deref().unwrap_or_default();
    let want = "the secret `npm` has no value: the environment variable `NPM_TOKEN` is not set";
    assert!(error.contains(want), "{error}");
    assert_eq!(calls(&engine), [""; 0]);
    let began = done.events.iter().any(|event| matches!(event, Event::Started { .. }));
    assert!(!began, "{:?}", done.events);
}

#[tokio::test(start_paused = true)]
async fn what_is_pulled_needs_no_secret_of_the_build_that_could_stand_in() {
    let engine = engine()
        .script("a.example", &[Reply::Serves('1')])
        .script("b.example", &[Reply::Fails(C::NotFound)]);
    let tool = |host| {
        let mut tool = image("tool", &[host]);
        pull_step(&mut tool).then_build = Some((vec![BuildOn::NotFound], wanting()));
        tool
    };
    assert_eq!(pull(&engine, tool("a.example")).await.only().outcome, Outcome::Done);
    let failed = pull(&engine, tool("b.example")).await;
    assert_eq!(failed.only().outcome, Outcome::Failed);
    assert!(failed.only().error.as_deref().unwrap_or_default().contains("`NPM_TOKEN`"));
}
