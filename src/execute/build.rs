//! Builds an image, proves it, and only then gives it its name.

use std::collections::BTreeMap;

use futures_util::future::{join, try_join};
use futures_util::stream::StreamExt;
use tokio::time::timeout;

use crate::context::Tree;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::watch::PULSE;
use crate::engine::{BuildContext, BuildProgress, BuildRequest, Engine, PullProgress, Remark};
use crate::execute::mask::Mask;
use crate::execute::renew::renew;
use crate::execute::report::Action;
use crate::execute::request::{failed, is_served, pulls_all, request};
use crate::execute::secrets::Given;
use crate::execute::transcript::Transcript;
use crate::execute::{Failure, Obtained, Run, alive, place, secrets};
use crate::observe::bases;
use crate::observe::inputs::{self, is_built_with, labels};
use crate::observe::registries::Registries;
use crate::observe::{Trees, identify, inspect};
use crate::plan::step::{BuildStep, ImagePlan};
use crate::state::inputs::{Inputs, LABEL};
use crate::words::duration::Span;
use crate::words::event::Event;
use crate::words::failure::FailureClass;
use crate::words::image::EngineId;

type Labels = BTreeMap<String, String>;

/// Builds.
pub(super) async fn build<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    step: &BuildStep,
    trees: &Trees,
    begin: &dyn Fn(),
) -> Result<Obtained, Failure> {
    let passed = run.gates.pass(step.inputs.built_on()).await;
    passed.map_err(Failure::skipped)?;
    let _slot = run.builds.acquire().await;
    begin();
    // The bases may have changed since the plan was made: by this run, or by another.
    let mut read = step.inputs.clone();
    let identified = identify(run.engine, &mut read).await;
    identified.map_err(|error| Failure::of(Action::Build, &error))?;
    if step.build.pull {
        let registries = Registries::new(run.credentials, &run.progress);
        let renewed = bases::renew(&registries, run.engine, &mut read).await;
        let renewed = renewed.map_err(|error| Failure::of(Action::Build, &error))?;
        renewed.map_err(|obstacle| Failure::blocked(Action::Build, &obstacle))?;
    }
    let labels = labels(&image.name, &step.build, &read);
    let waiting = || run.progress.note(Some(&image.id), "another occ is building it, waiting");
    let _lock = run.locks.take(&image.name.canonical(), waiting).await;
    let done = done_meanwhile(run, image, &labels);
    let (done, served) = join(done, is_served(run, image, &step.build)).await;
    if let Some(done) = done {
        return Ok(done);
    }
    // Not earlier: who has nothing to build needs none of it. Not later: without it there
    // is nothing to ask of the engine.
    let given = secrets::given(&step.build, &run.handed).await;
    let given = given.map_err(|obstacle| Failure::blocked(Action::Build, &obstacle))?;
    run.progress.report(Event::Started {
        image: image.id.clone(),
        action: "build",
        reference: image.name.canonical(),
    });
    let mut transcript = Transcript::new(run.logs.begin(&image.id, &image.name.canonical()));
    let built = async {
        let given = (&given, served?);
        let mut no_cache = run.options.no_cache;
        loop {
            let of = ((step, &read), (&labels, trees));
            match once(run, image, of, given, no_cache, &mut transcript).await {
                Err(error) if error.class == FailureClass::BuildCache && !no_cache => {
                    let lost = format!("{}: building once more without the cache", error.message);
                    run.progress.warn(Some(&image.id), lost);
                    let file = run.logs.begin(&image.id, &image.name.canonical());
                    transcript = Transcript::new(file);
                    no_cache = true;
                }
                built => break built,
            }
        }
    };
    let built = match run.timeouts.build {
        None => built.await,
        Some(limit) => match timeout(limit, built).await {
            Ok(built) => built,
            Err(_) => Err(failed(
                image,
                FailureClass::Stalled,
                format!("it took longer than {}", Span(limit)),
            )
            .with_hint("raise `build` under `[timeouts]`")),
        },
    };
    if let (Ok(_), Some(tree)) = (&built, trees.get(&image.id)) {
        inputs::remember(&run.cache, &step.build, &read, tree);
    }
    match built {
        Ok(id) => Ok(Obtained {
            action: Action::Build,
            source: "build".to_owned(),
            digest: None,
            image_id: id,
            bytes: 0,
            failures: Vec::new(),
            tagged: false,
        }),
        Err(error) => {
            let error = alive::unless_dead(run, image, error, EngineErrorKind::Build).await;
            let dockerfile = trees.get(&image.id).and_then(Tree::dockerfile_text);
            Err(transcript.failure(step, dockerfile.as_deref(), &error))
        }
    }
}

/// Builds and proves it once.
async fn once<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    ((step, read), (labels, trees)): ((&BuildStep, &Inputs), (&Labels, &Trees)),
    (given, served): (&Given, bool),
    no_cache: bool,
    transcript: &mut Transcript,
) -> Result<EngineId, EngineError> {
    // BuildKit keeps to itself what it pulls, and what the newest was is wanted later.
    if step.build.pull && (served || !pulls_all(read)) {
        renew(run, image, read).await?;
    }
    let tree = trees
        .get(&image.id)
        .cloned()
        .ok_or_else(|| failed(image, FailureClass::Build, "its context was not read".to_owned()))?;
    let mask = Mask::new(&given.0);
    let given = served.then(|| given.clone());
    let mut request = request(run, image, (step, read), labels, tree, given).await?;
    request.no_cache = no_cache;
    let is_named = matches!(request.context, BuildContext::Served(_));
    let sent = send(run, image, (request, labels), &mask, transcript).await;
    let id = sent.map_err(|error| EngineError { message: mask.hide(error.message), ..error })?;
    let proven = prove(run, image, labels, (&id, is_named)).await;
    if proven.is_err() {
        // It may have its name already.
        place::restore(run, image).await;
    }
    proven
}

/// What is behind the name by now, if another occ built it since this one looked,
/// or if it is the stand-in of an earlier run.
async fn done_meanwhile<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    labels: &Labels,
) -> Option<Obtained> {
    let facts = inspect(run.engine, &image.name.canonical()).await.ok().flatten()?;
    if run.options.no_cache || !is_built_with(run.engine, &facts, labels).await.ok()? {
        return None;
    }
    // The label doesn't tell an engine's own platform from another's.
    place::prove_platform(run, image, &facts, EngineErrorKind::Build).await.ok()?;
    run.progress.note(Some(&image.id), "it has been built already, from the same inputs");
    Some(Obtained {
        action: Action::Build,
        source: "build".to_owned(),
        digest: None,
        image_id: facts.id,
        bytes: 0,
        failures: Vec::new(),
        tagged: false,
    })
}

/// Sends the request and follows the build to the image's id.
async fn send<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    (request, labels): (BuildRequest, &Labels),
    mask: &Mask,
    transcript: &mut Transcript,
) -> Result<EngineId, EngineError> {
    let shown = request.shown.clone();
    let mut stream = run.engine.build(request);
    let mut built = None;
    loop {
        let progress = match timeout(PULSE, stream.next()).await {
            Ok(Some(Ok(progress))) => progress,
            Ok(Some(Err(error))) => {
                drop(stream);
                // What broke off after its work was done is proven like anything else.
                let is_cut = error.class == FailureClass::CutShort;
                if is_cut && is_whole(run, built.as_ref(), labels).await {
                    break;
                }
                return Err(error);
            }
            Ok(None) => break,
            // A step may be silent for long, as long as the engine lives.
            Err(_) => {
                transcript.silence();
                inspect(run.engine, &image.name.canonical()).await?;
                continue;
            }
        };
        match progress {
            BuildProgress::Built(id) => built = Some(id),
            BuildProgress::Step(step) => {
                transcript.step(&step);
                run.progress.report(Event::BuildStep { image: image.id.clone(), step });
            }
            BuildProgress::Log { number, line } => {
                let line = mask.hide(line);
                transcript.line(number, line.clone());
                run.progress.report(Event::BuildLog { image: image.id.clone(), number, line });
            }
            BuildProgress::Pull(PullProgress::Layer { id, state, current, total }) => {
                let image = image.id.clone();
                run.progress.report(Event::Layer { image, layer: id, state, current, total });
            }
            BuildProgress::Sent(bytes) => {
                run.progress.report(Event::Sending { image: image.id.clone(), bytes });
            }
            BuildProgress::FailedAt(step) => transcript.failed_at(step),
            BuildProgress::Remark(remark) => {
                run.progress.warn(Some(&image.id), about(&remark, &shown));
            }
            BuildProgress::Pull(_) => {}
        }
    }
    transcript.steps_are_over();
    built.ok_or_else(|| {
        let message = "the engine reported no error, and no image".to_owned();
        failed(image, FailureClass::CutShort, message)
    })
}

/// Whether this is what was to be built, and no stage on the way to it: the last steps set
/// the label.
async fn is_whole<E: Engine>(run: &Run<'_, E>, id: Option<&EngineId>, labels: &Labels) -> bool {
    let Some(id) = id else { return false };
    let held = inspect(run.engine, id.as_str()).await.ok().flatten();
    held.is_some_and(|facts| facts.labels.get(LABEL) == labels.get(LABEL))
}

/// What a builder has to say about a Dockerfile, in one line.
fn about(remark: &Remark, shown: &str) -> String {
    let Remark { line, message, url } = remark;
    let place = line.map(|line| format!("line {line} of `{shown}`: ")).unwrap_or_default();
    let more = if url.is_empty() { String::new() } else { format!(" ({url})") };
    format!("{place}{message}{more}")
}

/// Inspects what was built, gives it its name, and inspects that.
async fn prove<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    labels: &Labels,
    (id, is_named): (&EngineId, bool),
) -> Result<EngineId, EngineError> {
    // One builder gives the name with the image, and this proves it; the other does not.
    let name = async {
        if is_named { inspect(run.engine, &image.name.canonical()).await } else { Ok(None) }
    };
    let (held, named) = try_join(inspect(run.engine, id.as_str()), name).await?;
    let Some(facts) = held else {
        let message = format!("the engine built {id}, and does not have it");
        return Err(failed(image, FailureClass::CutShort, message));
    };
    if facts.labels.get(LABEL) != labels.get(LABEL) {
        let message = format!("the image that was built does not carry the label `{LABEL}`");
        return Err(failed(image, FailureClass::Integrity, message));
    }
    place::prove_platform(run, image, &facts, EngineErrorKind::Build).await?;
    if named.is_none_or(|named| named.id != facts.id) {
        place::place(run, image, &facts).await?;
    }
    Ok(facts.id)
}
