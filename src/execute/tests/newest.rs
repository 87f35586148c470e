//! Builds that want the newest bases: who is asked, what of it, and what comes of it.

use super::fake_engine::{digest, facts};
use super::observing::desired;
use super::*;
use crate::observe::bases::renew;
use crate::observe::observe;
use crate::observe::registries::Registries;
use crate::state::desired::{Desired, DesiredImage, Strategy};
use crate::state::inputs::LABEL;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass as C;

fn inputs(bases: &[&str]) -> Inputs {
    let bases = bases.iter().map(|base| base_of(base, None)).collect();
    Inputs { bases, ..build_step().inputs }
}

/// A build of the template on this base, with `pull = true`.
fn on(base: &str) -> DesiredImage {
    let mut build = build_step().build;
    build.pull = true;
    build.args.insert("BASE_IMAGE".to_owned(), base.to_owned());
    DesiredImage { strategy: Strategy::Build, build: Some(build), ..desired() }
}

/// What observing the image comes to: its inputs' hash, or the reason why it is not known.
async fn seen(engine: &FakeEngine, image: &DesiredImage, asks: bool) -> Result<String, String> {
    let limits = Limits { pulls: 1, builds: 1 };
    let images = vec![image.clone()];
    let desired = Desired { file: "x".into(), images, timeouts: TIMEOUTS, limits };
    let (credentials, progress) = (CredentialStore::new(None, None), ProgressReporter::silent());
    let registries = Registries::new(&credentials, &progress);
    let options = crate::observe::Options::default();
    let registries = asks.then_some(&registries);
    let (observed, _) =
        observe(engine, &desired, &[&desired.images[0]], &options, registries).await.unwrap();
    let inputs = observed.images["tool"].inputs.clone().unwrap();
    inputs.map(|inputs| inputs.hash().to_string()).map_err(|obstacle| obstacle.to_string())
}

#[tokio::test(start_paused = true)]
async fn each_base_that_a_registry_serves_is_asked_for_once_and_no_other() {
    let engine = engine()
        .script("a.example", &[Reply::Silent(3, '1')])
        .script("b.example", &[Reply::Silent(3, '2')]);
    let (credentials, progress) = (CredentialStore::new(None, None), ProgressReporter::silent());
    let registries = Registries::new(&credentials, &progress);
    let pinned = format!("a.example/pinned@{}", digest('7'));
    let mut one = inputs(&["a.example/x:1", &pinned, "c.example/held:1", "b.example/x:1"]);
    one.bases[2].held = Some(crate::words::image::EngineId::new("sha256:3"));
    one.bases.push(base_of("acme/base:1", Some("base")));
    let mut other = inputs(&["a.example/x:1"]);
    let begun = Instant::now();
    let (first, second) = futures_util::join!(
        renew(&registries, &engine, &mut one),
        renew(&registries, &engine, &mut other)
    );
    assert_eq!((first.unwrap(), second.unwrap()), (Ok(()), Ok(())));
    assert_eq!(begun.elapsed().as_secs(), 3, "they are asked side by side");
    assert_eq!(calls(&engine), ["resolve a.example/x:1", "resolve b.example/x:1"]);
    let newest: Vec<_> = one.bases.iter().map(|base| base.newest.clone()).collect();
    assert_eq!(newest, [Some(digest('1')), None, None, Some(digest('2')), None]);
    assert_eq!(other.bases[0].newest, Some(digest('1')));
}

#[tokio::test(start_paused = true)]
async fn a_base_that_moved_is_another_input() {
    let serving = |digit| engine().script("a.example", &[Reply::Serves(digit)]);
    let image = on("a.example/base:1");
    let with = async |digit| seen(&serving(digit), &image, true).await.unwrap();
    assert_eq!(with('1').await, with('1').await);
    assert_ne!(with('1').await, with('2').await);

    // Where nobody is asked, it is what the engine holds.
    let engine = engine();
    assert_ne!(seen(&engine, &image, false).await.unwrap(), with('1').await);
    let mut held = facts('8', "linux/amd64");
    let repository = base_of("a.example/base:1", None).reference.repository;
    held.repo_digests.push((repository, digest('1')));
    engine.images.borrow_mut().insert("a.example/base:1".to_owned(), held);
    assert_eq!(seen(&engine, &image, false).await.unwrap(), with('1').await);
    assert!(calls(&engine).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_base_that_is_not_known_is_an_obstacle_with_its_class() {
    let failing = engine().script("a.example", &[Reply::Fails(C::Denied)]);
    let without = FakeEngine { no_distribution: true, ..engine() };
    let image = on("a.example/base:1");
    assert_eq!(
        seen(&failing, &image, true).await.unwrap_err(),
        "its base `a.example/base:1` can't be looked up: denied: denied"
    );
    let reason = seen(&without, &image, true).await.unwrap_err();
    assert!(reason.ends_with("this engine can't ask registries that"), "{reason}");

    // A pull comes first, so nobody needs to know before the build that may stand in.
    let image = DesiredImage { strategy: Strategy::PullThenBuild, ..image };
    assert!(seen(&failing, &image, true).await.is_ok());
    assert_eq!(calls(&failing).len(), 1);
    let mut ours = facts('8', "linux/amd64");
    ours.labels.insert(LABEL.to_owned(), "2:0".to_owned());
    failing.images.borrow_mut().insert("docker.io/acme/tool:1".to_owned(), ours);
    assert!(seen(&failing, &image, true).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_build_pulls_the_newest_bases() {
    let build = async |engine: &FakeEngine, bases: &[&str], local: Option<&str>| {
        let mut step = build_step();
        step.build.pull = true;
        step.inputs = inputs(bases);
        step.inputs.bases.extend(local.map(|name| base_of(name, Some("base"))));
        let tool = ImagePlan { steps: vec![Step::Build(step)], ..image("tool", &[]) };
        pull(engine, tool).await
    };
    let name = "tag sha256:bf docker.io/acme/tool:1";
    let all = engine().script("a.example", &[Reply::Serves('1')]);
    build(&all, &["a.example/x:1"], None).await;
    assert_eq!(calls(&all), ["resolve a.example/x:1", "build Dockerfile with newer bases", name]);

    // The engine would ask a registry for the other one, too, and fail.
    let some = engine().script("a.example", &[Reply::Serves('1')]);
    let again = async || {
        some.calls.borrow_mut().clear();
        build(&some, &["a.example/x:1"], Some("acme/base:1")).await;
        calls(&some)
    };
    let pulled = ["resolve a.example/x:1", "pull a.example/x:1", "build Dockerfile", name];
    assert_eq!(again().await, pulled);
    some.images.borrow_mut().remove("docker.io/acme/tool:1");
    // It has the newest now.
    assert_eq!(again().await, [pulled[0], pulled[2], pulled[3]]);

    let failing = engine().script("a.example", &[Reply::Fails(C::Server)]);
    let done = build(&failing, &["a.example/x:1"], None).await;
    assert_eq!((done.only().outcome, done.only().exit), (Outcome::Failed, ExitStatus::Transient));
    assert_eq!(calls(&failing), ["resolve a.example/x:1"]);
    assert_eq!(done.only().hints[0], "do better");
}
