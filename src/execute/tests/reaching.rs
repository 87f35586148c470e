//! Whether registries answer: side by side, and for how long they are waited for.

use super::*;
use crate::engine::credentials::CredentialStore;
use crate::observe::reach::{Reached, reach};
use crate::observe::registries::{Registries, Told};
use crate::words::duration::Timeouts;

const LIMITS: Timeouts = Timeouts {
    connect: Some(Duration::from_secs(10)),
    patience: Some(Duration::from_secs(2)),
    ..TIMEOUTS
};

async fn reached(engine: &FakeEngine, hosts: &[&str], limits: Timeouts) -> (Vec<Reached>, f64) {
    let (credentials, progress) = (CredentialStore::new(None, None), ProgressReporter::silent());
    let registries = Registries::new(&credentials, &progress);
    let references = hosts.iter().map(|host| format!("{host}/acme/tool:1").parse().unwrap());
    let begun = tokio::time::Instant::now();
    let reached = reach(engine, &registries, references.collect(), limits).await.unwrap();
    (reached, begun.elapsed().as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn a_silent_registry_is_waited_for_as_long_as_the_engine_and_holds_up_no_other() {
    let engine = FakeEngine::default()
        .script("quick.example", &[Reply::Serves('1')])
        .script("slow.example", &[Reply::Silent(5, '2')])
        .script("silent.example", &[Reply::Silent(60, '3')])
        .script("mute.example", &[Reply::Silent(60, '4')]);
    let hosts = ["quick.example", "slow.example", "silent.example", "mute.example"];
    let (all, seconds) = reached(&engine, &hosts, LIMITS).await;
    let told: Vec<(bool, bool)> = all.iter().map(|it| (it.told.is_some(), it.is_slow)).collect();
    assert_eq!(told, [(true, false), (true, true), (false, true), (false, true)]);
    assert!((10.0..10.1).contains(&seconds), "{seconds}");
    assert_eq!(engine.calls.borrow().len(), 4, "each is asked once");
    let without = Timeouts { connect: None, patience: None, ..LIMITS };
    let (all, _) = reached(&engine, &["silent.example"], without).await;
    assert!(matches!(all[0].told, Some(Told::Digest(..))) && !all[0].is_slow, "{all:?}");
}
