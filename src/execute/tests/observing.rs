//! When the engine is asked for its own platform: it costs more than all inspects.

use super::fake_engine::facts;
use super::*;
use crate::observe::observe;
use crate::state::desired::{Desired, DesiredImage, PullPolicy, Strategy};

pub(super) fn desired() -> DesiredImage {
    let second = Duration::from_secs(1);
    DesiredImage {
        id: "tool".to_owned(),
        place: (1, 1),
        name: "acme/tool:1".parse().unwrap(),
        extra_tags: vec![],
        pin: None,
        locked: None,
        sources: vec![],
        strategy: Strategy::Pull,
        pull_policy: PullPolicy::Missing,
        platform: None,
        build_on: vec![],
        verify: None,
        retry: RetryPolicy { attempts: 1, backoff: second, max_backoff: second },
        build: None,
    }
}

/// Whether it is asked, when it holds an image for `held` under the wanted name.
async fn asked(is_remote: bool, held: Option<&str>, platform: Option<&str>) -> bool {
    let engine = FakeEngine { is_remote, ..FakeEngine::default() };
    if let Some(held) = held {
        let image = facts('1', held);
        engine.images.borrow_mut().insert("docker.io/acme/tool:1".to_owned(), image);
    }
    let image = DesiredImage { platform: platform.map(|p| p.parse().unwrap()), ..desired() };
    let limits = Limits { pulls: 1, builds: 1 };
    let desired = Desired { file: "x".into(), images: vec![image], timeouts: TIMEOUTS, limits };
    observe(&engine, &desired, &[&desired.images[0]], &crate::observe::Options::default(), None)
        .await
        .unwrap()
        .0
        .engine_platform
        .is_some()
}

#[tokio::test]
async fn the_engines_platform_is_asked_for_only_where_it_may_decide() {
    let native = format!("linux/{}", std::env::consts::ARCH);
    let (native, foreign) = (native.as_str(), "linux/s390x");
    assert!(!asked(false, None, None).await, "nothing is there");
    assert!(!asked(false, Some(native), None).await, "an engine of this machine is like this one");
    assert!(asked(false, Some(foreign), None).await);
    assert!(!asked(true, None, None).await);
    assert!(asked(true, Some(native), None).await, "an engine elsewhere may be of any kind");
    assert!(!asked(true, Some(native), Some("linux/arm64")).await, "the manifest has decided");
}
