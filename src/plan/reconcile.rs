//! The planner: desired and observed in, a plan out. A pure function.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::offline::{offline, offline_base, unasked, unverifiable};
use crate::plan::order::{built_on, in_order};
use crate::plan::platforms;
use crate::plan::step::{BuildStep, Cause, ImagePlan, Plan, PullStep, Signed, Step};
use crate::state::desired::{
    Builder, Desired, DesiredBuild, DesiredImage, PinnedBy, PullPolicy, Strategy,
};
use crate::state::inputs::{Base, InputLabel, Inputs, LABEL};
use crate::state::observed::{Observed, ObservedImage};
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::digest::Digest;
use crate::words::failure::BuildOn;
use crate::words::image::ImageFacts;
use crate::words::platform::Platform;
use crate::words::reference::Repository;

/// What the command line says about every image of the run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy {
    /// `--strategy`: instead of the manifest's.
    pub(crate) strategy: Option<Strategy>,
    /// `--no-cache`: build again what is built, without the engine's cache.
    pub(crate) no_cache: bool,
    /// `--locked`: no build stands in for what the lock wants.
    pub(crate) locked: bool,
    /// `--offline`: no registry is asked.
    pub(crate) offline: bool,
}

/// What `--strategy` asks of these images that they can't do.
pub(crate) fn misapplied(images: &[&DesiredImage], strategy: Strategy) -> Vec<Diagnostic> {
    let wrong = |image: &&DesiredImage| {
        let has = match strategy {
            Strategy::Build | Strategy::PullThenBuild if image.build.is_none() => {
                "has no `build` table"
            }
            Strategy::Pull | Strategy::PullThenBuild if image.sources.is_empty() => {
                "has no registry that it could be pulled from"
            }
            Strategy::Build if image.pin.is_some() => "has a `digest`, which no build can have",
            Strategy::Pull if image.is_locked_as_built() => "is locked as built: no source had it",
            _ => return None,
        };
        Some(
            Diagnostic::error(format!("image `{}` {has}", image.id))
                .code(Code::Usage)
                .key(format!("images.{}", image.id))
                .hint("name the images that `--strategy` is meant for: `occ sync --strategy … ID`"),
        )
    };
    images.iter().filter_map(wrong).collect()
}

/// Compares what is wanted with what was observed. Every image that was gets steps, or
/// an explicit *unchanged*, each with its cause. The error is what the manifest asks for
/// and nobody can do.
pub(crate) fn reconcile(
    desired: &Desired,
    observed: &Observed,
    policy: Policy,
) -> Result<Plan, Vec<Diagnostic>> {
    let images: Vec<&DesiredImage> =
        desired.images.iter().filter(|image| observed.images.contains_key(&image.id)).collect();
    let mut plans: BTreeMap<&str, ImagePlan> = BTreeMap::new();
    let order = in_order(&images, observed)
        .map_err(|cycle| vec![Diagnostic { file: Some(desired.file.clone()), ..*cycle }])?;
    for image in order {
        let mut seen = observed.images.get(&image.id).cloned().unwrap_or_default();
        let bases: Vec<&ImagePlan> =
            built_on(&seen).into_iter().filter_map(|id| plans.get(id)).collect();
        let changing = bases.iter().find(|base| base.may_change()).map(|base| base.id.clone());
        if let Some((id, blocked)) = bases.iter().find_map(|b| Some((&b.id, b.blocked.as_ref()?))) {
            let reason = format!("the image `{id}` can't be had, which it is built on");
            // What to do is said there, and so is what it comes to.
            seen.inputs =
                Some(Err(Obstacle { class: blocked.class, code: blocked.code, ..reason.into() }));
        }
        let own = Policy { strategy: None, no_cache: false, ..policy };
        let policy = if seen.is_dependency { own } else { policy };
        let platform = observed.engine_platform.as_ref();
        plans.insert(&image.id, plan_image(image, &seen, changing, platform, policy));
    }
    platforms::refuse(&images, observed, &mut plans);
    Ok(Plan { images: images.iter().filter_map(|image| plans.remove(image.id.as_str())).collect() })
}

fn plan_image(
    image: &DesiredImage,
    seen: &ObservedImage,
    changing: Option<String>,
    engine_platform: Option<&Platform>,
    policy: Policy,
) -> ImagePlan {
    let strategy = policy.strategy.unwrap_or(image.own_strategy());
    let wanted = image.platform.as_ref().or(engine_platform);
    let mut plan = ImagePlan {
        id: image.id.clone(),
        name: image.name.clone(),
        wanted: image
            .wanted()
            .filter(|_| strategy != Strategy::Build)
            .map(|(digest, by)| (digest.clone(), by)),
        extra_tags: image.extra_tags.clone(),
        platform: image.platform.clone(),
        previous: seen.local.as_ref().map(|facts| facts.id.clone()),
        signed: signed(image),
        steps: Vec::new(),
        cause: cause(image, strategy, seen, wanted, policy),
        blocked: None,
        warnings: Vec::new(),
        to_lock: BTreeSet::new(),
    };
    if plan.cause == Cause::InSync
        && is_a_build(image, strategy, seen)
        && let Some(base) = changing
    {
        plan.cause = Cause::BaseChanges { base };
    }
    if plan.cause == Cause::InSync {
        tag_only(image, seen, &mut plan);
        return plan;
    }
    match adopted(seen, wanted, &plan) {
        Some(_) if unasked(image, policy.offline) => {
            plan.blocked = Some(unverifiable(image, policy.offline));
        }
        Some(step) => plan.steps.push(step),
        None => obtain(image, strategy, seen, policy, &mut plan),
    }
    if plan.blocked.is_none() {
        plan.steps
            .extend(image.extra_tags.iter().map(|target| Step::Tag { target: target.clone() }));
    }
    plan
}

/// The step that names what the engine holds of the wanted digest under another name.
fn adopted(seen: &ObservedImage, platform: Option<&Platform>, plan: &ImagePlan) -> Option<Step> {
    let (digest, _) = plan.wanted.as_ref()?;
    let facts = seen.elsewhere.as_ref().filter(|facts| facts.is(digest))?;
    let fits = platform.is_none_or(|want| want.accepts(&facts.platform));
    fits.then(|| Step::Adopt { id: facts.id.clone(), digest: digest.clone() })
}

/// The signature that has to be looked for before the image is named, whatever leads to that.
fn signed(image: &DesiredImage) -> Option<Signed> {
    let sources = image.sources.iter().map(|source| source.reference.repository.clone());
    let verify = image.verify.clone()?;
    Some(Signed { verify, sources: sources.collect() })
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
        return built_cause(image, facts, seen, policy);
    }
    if let Some(wanted) = image.wanted() {
        return pinned_cause(image, wanted, strategy, facts);
    }
    if image.pull_policy == PullPolicy::Always {
        return Cause::PolicyAlways;
    }
    if is_a_build(image, strategy, seen) {
        built_cause(image, facts, seen, policy)
    } else {
        Cause::InSync
    }
}

/// Whether what is held is the wanted content, or else what it is.
fn pinned_cause(
    image: &DesiredImage,
    (want, by): (&Digest, PinnedBy),
    strategy: Strategy,
    facts: &ImageFacts,
) -> Cause {
    let (want, name) = (want.clone(), &image.name);
    if facts.is(&want) {
        return Cause::InSync;
    }
    if let Some((_, have)) = facts.pulled_as(name).next() {
        return Cause::WrongDigest { want, by, have: have.clone() };
    }
    let label = facts.labels.get(LABEL).map(|label| InputLabel::read(label));
    let is_ours = label.is_some_and(|it| it.name.is_empty() || it.name == name.canonical());
    if is_ours && strategy == Strategy::PullThenBuild {
        return Cause::StandIn { want, by };
    }
    match facts.repo_digests.first() {
        Some((_, have)) => Cause::WrongDigest { want, by, have: have.clone() },
        None => Cause::Unproven { want, by, have: facts.id.clone() },
    }
}

/// Whether what is held is good only as long as the inputs of its build are the same.
///
/// A stand-in build of ours is; what was pulled is taken by its name, whatever labels
/// its maker put on it, and a pinned digest by its bytes.
fn is_a_build(image: &DesiredImage, strategy: Strategy, seen: &ObservedImage) -> bool {
    let Some(facts) = &seen.local else { return strategy == Strategy::Build };
    let proves = |(have, _): &(Repository, Digest)| {
        image.sources.iter().any(|source| source.reference.repository == *have)
    };
    let pulled = facts.pulled_as(&image.name).any(proves);
    match strategy {
        Strategy::Build => true,
        Strategy::Pull => false,
        Strategy::PullThenBuild => {
            image.pin.is_none() && !pulled && facts.labels.contains_key(LABEL)
        }
    }
}

fn built_cause(
    image: &DesiredImage,
    facts: &ImageFacts,
    seen: &ObservedImage,
    policy: Policy,
) -> Cause {
    if policy.no_cache {
        return Cause::NoCache;
    }
    let pulls = image.build.as_ref().is_some_and(|build| build.pull);
    match (facts.labels.get(LABEL), &seen.inputs) {
        (None, _) => Cause::NotBuiltHere { have: facts.id.clone() },
        (Some(_), Some(Ok(now))) if pulls && now.bases.iter().any(Base::is_open) => {
            Cause::InputsUnknown
        }
        (Some(label), Some(Ok(now))) => {
            let before = InputLabel::read(label).hash;
            let have = || facts.id.clone();
            match before == now.hash() {
                true if seen.is_derived => Cause::Derived { have: have() },
                true => Cause::InSync,
                false if !before.is_of_this_version() => Cause::OtherVersion,
                false => Cause::InputsChanged { changes: seen.changes.clone() },
            }
        }
        (Some(_), _) => Cause::InputsUnknown,
    }
}

/// The steps that obtain the image, or why there can be none.
fn obtain(
    image: &DesiredImage,
    strategy: Strategy,
    seen: &ObservedImage,
    policy: Policy,
    plan: &mut ImagePlan,
) {
    let pulls = strategy != Strategy::Build && image.pull_policy != PullPolicy::Never;
    let must_be_pulled = strategy == Strategy::Pull || policy.locked && plan.wanted.is_some();
    let may_stand_in = !image.build_on.is_empty() && !must_be_pulled;
    let builds = match strategy {
        Strategy::Pull => false,
        Strategy::Build => true,
        Strategy::PullThenBuild => may_stand_in || !pulls,
    };
    let inputs = seen.inputs.as_ref().filter(|_| builds).map(|inputs| match inputs {
        Ok(Inputs { problem: Some(problem), .. }) => Err(Obstacle::from(problem.clone())),
        Ok(inputs) if policy.offline => match inputs.bases.iter().find(|base| base.is_missing()) {
            Some(base) => Err(offline_base(&base.used())),
            None => Ok(inputs),
        },
        Err(obstacle) => Err(obstacle.clone()),
        Ok(inputs) => Ok(inputs),
    });
    let asks = pulls && !policy.offline;
    let build = match (&image.build, inputs) {
        (Some(build), Some(Ok(inputs))) => {
            plan.warnings.extend(inputs.warnings.iter().cloned());
            // The newest that can be had is what the engine has.
            let mut build = DesiredBuild { pull: build.pull && !policy.offline, ..build.clone() };
            // BuildKit looks for caches at their registries, too, the others do not.
            if policy.offline && build.builder != Builder::Classic {
                build.cache_from.clear();
            }
            Some(BuildStep { build, inputs: inputs.clone() })
        }
        (Some(_), Some(Err(problem))) if asks => {
            plan.warnings.push(format!("no build can stand in: {problem}"));
            None
        }
        (Some(_), Some(Err(problem))) => {
            plan.blocked = Some(problem);
            None
        }
        _ => None,
    };
    if asks {
        plan.steps.push(Step::Pull(PullStep {
            sources: image.sources.clone(),
            digest: plan.wanted.as_ref().map(|(digest, _)| digest.clone()),
            retry: image.retry,
            then_build: build.map(|build| (image.build_on.clone(), build)),
        }));
    } else if pulls && !(may_stand_in && image.build_on.contains(&BuildOn::Unavailable)) {
        plan.blocked = Some(offline(image, &plan.cause));
    } else if let Some(build) = build {
        if let Some((digest, _)) = &plan.wanted {
            plan.warnings.push(format!(
                "a build stands in for {}, which no registry was asked for: its bytes differ",
                digest.short()
            ));
        }
        plan.steps.push(Step::Build(build));
    } else if plan.blocked.is_none() {
        let reason = "`pull_policy = \"never\"` forbids pulling it";
        let obstacle: Obstacle = reason.to_owned().into();
        plan.blocked = Some(Obstacle { code: Code::MayNotPull, ..obstacle });
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
#[path = "built_tests.rs"]
mod built_tests;
#[cfg(test)]
#[path = "locked_tests.rs"]
mod locked_tests;
#[cfg(test)]
#[path = "order_tests.rs"]
mod order_tests;
#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
