//! Execution over a fake engine with scripted failures and paused time: what was
//! asked in which order, what was told, how long it took, and what came of it.

mod bases;
mod fake_engine;
mod images;
mod newest;
mod observing;
mod reaching;
mod secrets;
mod sources;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::fake_engine::{FakeEngine, Reply};
use super::*;
use crate::context::Tree;
use crate::plan::step::{BuildStep, Cause, PullStep};
use crate::state::desired::{BuildOrigin, Builder, DesiredBuild, RetryPolicy, Source, Template};
use crate::state::inputs::{Base, Inputs};
use crate::words::network::Network;
use crate::words::reference::Repository;

/// What a test looks at afterwards.
struct Outcomes {
    images: Vec<ImageReport>,
    events: Vec<Event>,
    seconds: f64,
}

fn image(id: &str, hosts: &[&str]) -> ImagePlan {
    let source = |host: &&str| Source {
        reference: Repository::new(host, &format!("acme/{id}")).unwrap().with_tag("1").unwrap(),
    };
    let second = Duration::from_secs(1);
    ImagePlan {
        id: id.to_owned(),
        name: format!("acme/{id}:1").parse().unwrap(),
        wanted: None,
        extra_tags: vec![],
        platform: None,
        previous: None,
        signed: None,
        steps: vec![Step::Pull(PullStep {
            sources: hosts.iter().map(source).collect(),
            digest: None,
            retry: RetryPolicy { attempts: 3, backoff: second, max_backoff: 30 * second },
            then_build: None,
        })],
        cause: Cause::NotInEngine,
        blocked: None,
        warnings: vec![],
        to_lock: BTreeSet::new(),
    }
}

fn pull_step(image: &mut ImagePlan) -> &mut PullStep {
    match &mut image.steps[0] {
        Step::Pull(step) => step,
        other => panic!("{other:?} is no pull"),
    }
}

pub(super) fn build_step() -> BuildStep {
    BuildStep {
        build: DesiredBuild {
            origin: BuildOrigin::Template(Template::Opencode),
            target: None,
            args: BTreeMap::new(),
            readings: Vec::new(),
            from_environment: BTreeSet::new(),
            asks: Vec::new(),
            labels: BTreeMap::new(),
            inputs: None,
            network: Network::Default,
            cache_from: Vec::new(),
            pull: false,
            builder: Builder::Auto,
            secrets: Vec::new(),
            ssh: Vec::new(),
        },
        inputs: Inputs {
            parts: BTreeMap::new(),
            bases: Vec::new(),
            problem: None,
            warnings: Vec::new(),
        },
    }
}

fn base_of(reference: &str, image: Option<&str>) -> Base {
    let reference = reference.parse().unwrap();
    Base { image: image.map(str::to_owned), ..Base::new(reference) }
}

const TIMEOUTS: Timeouts = Timeouts {
    connect: None,
    response: None,
    patience: Some(Duration::from_secs(2)),
    stall: Some(Duration::from_secs(120)),
    build: None,
};

async fn run(engine: &FakeEngine, images: Vec<ImagePlan>, options: Options) -> Outcomes {
    let credentials = Arc::new(CredentialStore::new(None, None));
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let progress = ProgressReporter::new(move |event| sink.lock().unwrap().push(event));
    let limits = Limits { pulls: 3, builds: 1 };
    let mut run = Run::new(engine, &credentials, progress, (TIMEOUTS, limits), options);
    run.jitter = || 0.0;
    let trees: Trees =
        images.iter().map(|image| (image.id.clone(), Tree::template("FROM scratch\n"))).collect();
    let plan = Plan { images };
    let ledger = Ledger::new(&plan);
    let begun = Instant::now();
    execute(&run, &plan, &trees, &ledger).await;
    let seconds = begun.elapsed().as_secs_f64();
    let events = events.lock().unwrap().clone();
    Outcomes { images: ledger.report().images, events, seconds }
}

async fn pull(engine: &FakeEngine, image: ImagePlan) -> Outcomes {
    run(engine, vec![image], Options::default()).await
}

impl Outcomes {
    fn only(&self) -> &ImageReport {
        &self.images[0]
    }

    fn waits(&self) -> Vec<u64> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Waiting { millis, .. } => Some(*millis),
                _ => None,
            })
            .collect()
    }

    fn warnings(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Warning { message, .. } => Some(message.as_str()),
                _ => None,
            })
            .collect()
    }
}

fn calls(engine: &FakeEngine) -> Vec<String> {
    let short = |call: &String| {
        call.split('@').next().unwrap_or_default().to_owned()
            + call.split_once("@sha256:").map_or("", |(_, hex)| &hex[..1])
    };
    engine.calls.borrow().iter().map(short).collect()
}

fn engine() -> FakeEngine {
    FakeEngine::default()
}
