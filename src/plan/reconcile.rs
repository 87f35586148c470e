//! The planner: desired and observed in, a plan out. A pure function.

use crate::plan::step::{BuildStep, Cause, ImagePlan, Plan, PullStep, Step};
use crate::state::desired::{DesiredImage, PullPolicy, Strategy};
use crate::state::inputs::LABEL;
use crate::state::observed::{Observed, ObservedImage};
use crate::words::diagnostic::Diagnostic;
use crate::words::image::ImageFacts;
use crate::words::platform::Platform;

/// What the command line says about every image of the run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy {
    /// `--strategy`: instead of the manifest's.
    pub(crate) strategy: Option<Strategy>,
    /// `--no-cache`: build again what is built, without the engine's cache.
    pub(crate) no_cache: bool,
}

/// Compares what is wanted with what is there.
///
/// Every image gets steps, or an explicit *unchanged*, each with its cause. Keys
/// of the manifest that can't be acted on yet are errors here, never ignored.
pub(crate) fn reconcile(
    images: &[&DesiredImage],
    observed: &Observed,
    policy: Policy,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut unsupported: Vec<Diagnostic> =
        images.iter().flat_map(|image| image.unsupported.iter().cloned()).collect();
    for image in images {
        if let Some(strategy) = policy.strategy {
            unsupported.extend(strategy_error(image, strategy));
        }
    }
    if !unsupported.is_empty() {
        return Err(unsupported);
    }
    let nothing = ObservedImage::default();
    let images = images
        .iter()
        .map(|image| {
            let seen = observed.images.get(&image.id).unwrap_or(&nothing);
            plan_image(image, seen, observed.engine_platform.as_ref(), policy)
        })
        .collect();
    Ok(Plan { images })
}

fn strategy_error(image: &DesiredImage, strategy: Strategy) -> Option<Diagnostic> {
    let lacks = match strategy {
        Strategy::Build | Strategy::PullThenBuild if image.build.is_none() => "no `build` table",
        Strategy::Pull | Strategy::PullThenBuild if image.sources.is_empty() => {
            "no registry it could be pulled from"
        }
        _ => return None,
    };
    Some(
        Diagnostic::error(format!("image `{}` has {lacks}", image.id))
            .key(format!("images.{}", image.id))
            .hint("name the images that `--strategy` is meant for: `occ sync --strategy … ID`"),
    )
}

fn plan_image(
    image: &DesiredImage,
    seen: &ObservedImage,
    engine_platform: Option<&Platform>,
    policy: Policy,
) -> ImagePlan {
    let strategy = policy.strategy.unwrap_or(image.strategy);
    let wanted = image.platform.as_ref().or(engine_platform);
    let mut plan = ImagePlan {
        id: image.id.clone(),
        name: image.name.clone(),
        extra_tags: image.extra_tags.clone(),
        platform: image.platform.clone(),
        previous: seen.local.as_ref().map(|facts| facts.id.clone()),
        steps: Vec::new(),
        cause: cause(image, strategy, seen, wanted, policy),
        blocked: None,
        warnings: Vec::new(),
    };
    if plan.cause == Cause::InSync {
        tag_only(image, seen, &mut plan);
        return plan;
    }
    obtain(image, strategy, seen, &mut plan);
    if plan.blocked.is_none() {
        plan.steps
            .extend(image.extra_tags.iter().map(|target| Step::Tag { target: target.clone() }));
    }
    plan
}

/// Why the image has to be obtained, or [`Cause::InSync`].
fn cause(
    image: &DesiredImage,
    strategy: Strategy,
    seen: &ObservedImage,
    wanted: Option<&Platform>,
    policy: Policy,
) -> Cause {
    let Some(facts) = &seen.local else { return Cause::NotInEngine };
    if let Some(want) = wanted
        && !want.accepts(&facts.platform)
    {
        return Cause::WrongPlatform { want: want.clone(), have: facts.platform.clone() };
    }
    if strategy == Strategy::Build {
        return built_cause(facts, seen, policy);
    }
    if let Some(pin) = &image.pin {
        return if facts.is(pin) {
            Cause::InSync
        } else {
            let have = facts.repo_digests.first().map(|(_, digest)| digest.clone());
            Cause::WrongDigest { want: pin.clone(), have }
        };
    }
    if image.pull_policy == PullPolicy::Always {
        return Cause::PolicyAlways;
    }
    // A stand-in build of ours is as good as its inputs; what was pulled is taken
    // by its name, whatever labels its maker put on it.
    let pulled = facts
        .repo_digests
        .iter()
        .any(|(have, _)| image.sources.iter().any(|source| source.reference.repository == *have));
    if strategy == Strategy::PullThenBuild && !pulled && facts.labels.contains_key(LABEL) {
        return built_cause(facts, seen, policy);
    }
    Cause::InSync
}

fn built_cause(facts: &ImageFacts, seen: &ObservedImage, policy: Policy) -> Cause {
    if policy.no_cache {
        return Cause::NoCache;
    }
    match (facts.labels.get(LABEL), &seen.inputs) {
        (None, _) => Cause::NotBuiltHere { have: facts.id.clone() },
        (Some(label), Some(Ok(now))) if label == now.as_str() => Cause::InSync,
        (Some(_), Some(Ok(_))) => Cause::InputsChanged,
        (Some(_), _) => Cause::InputsUnknown,
    }
}

/// The steps that obtain the image, or why there can be none.
fn obtain(image: &DesiredImage, strategy: Strategy, seen: &ObservedImage, plan: &mut ImagePlan) {
    let pulls = strategy != Strategy::Build && image.pull_policy != PullPolicy::Never;
    let builds = strategy != Strategy::Pull;
    let build = match (&image.build, &seen.inputs) {
        (Some(build), Some(Ok(inputs))) if builds => {
            Some(BuildStep { build: build.clone(), inputs: inputs.clone() })
        }
        (Some(_), Some(Err(problem))) if builds && !pulls => {
            plan.blocked = Some(problem.clone());
            None
        }
        (Some(_), Some(Err(problem))) if builds => {
            plan.warnings.push(format!("no build can stand in: {problem}"));
            None
        }
        _ => None,
    };
    if pulls {
        plan.steps.push(Step::Pull(PullStep {
            sources: image.sources.clone(),
            digest: image.pin.clone(),
            retry: image.retry,
            then_build: build.map(|build| (image.build_on.clone(), build)),
        }));
    } else if let Some(build) = build {
        plan.steps.push(Step::Build(build));
    } else if plan.blocked.is_none() {
        plan.blocked = Some("`pull_policy = \"never\"` forbids pulling it".to_owned());
    }
}

/// The image is in sync: only its further names may need work.
fn tag_only(image: &DesiredImage, seen: &ObservedImage, plan: &mut ImagePlan) {
    let id = seen.local.as_ref().map(|facts| &facts.id);
    for (i, target) in image.extra_tags.iter().enumerate() {
        if seen.extra.get(i).and_then(Option::as_ref) != id {
            plan.steps.push(Step::Tag { target: target.clone() });
        }
    }
    if !plan.steps.is_empty() {
        plan.cause = Cause::TagsMissing;
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
