//! The plan's parts: one [`ImagePlan`] an image, each step with its cause.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::state::changes::Change;
use crate::state::desired::{Builder, DesiredBuild, PinnedBy, RetryPolicy, Source};
use crate::state::inputs::Inputs;
use crate::state::obstacle::Obstacle;
use crate::state::verify::Verify;
use crate::words::digest::Digest;
use crate::words::event::ProgressReporter;
use crate::words::failure::BuildOn;
use crate::words::image::EngineId;
use crate::words::platform::Platform;
use crate::words::reference::{Reference, Repository};

/// What has to be done, image by image, in the order of the manifest. Its
/// [`Display`](std::fmt::Display) is a stable text: a line an image, a line a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each image asked for, also for those with nothing to do.
    pub(crate) images: Vec<ImagePlan>,
}

/// What has to be done for one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePlan {
    /// The image's id in the manifest.
    pub(crate) id: String,
    /// Its local name.
    pub(crate) name: Reference,
    /// The only content that will do, and who says so.
    pub(crate) wanted: Option<(Digest, PinnedBy)>,
    /// More local names for the same bytes.
    pub(crate) extra_tags: Vec<Reference>,
    /// The wanted platform; `None` is the engine's own.
    pub(crate) platform: Option<Platform>,
    /// The engine's id of what is behind `name` now, to go back to.
    pub(crate) previous: Option<EngineId>,
    /// The signature that what is pulled or named must have, and who may have it.
    pub(crate) signed: Option<Signed>,
    /// What to do. Empty: unchanged.
    pub(crate) steps: Vec<Step>,
    /// Why there are steps, or why there are none.
    pub(crate) cause: Cause,
    /// Why it can't be done, where that is known already. There are no steps then.
    pub(crate) blocked: Option<Obstacle>,
    /// What the user should know before it runs.
    pub(crate) warnings: Vec<String>,
    /// The registries that are asked what there is to lock, before the steps. Empty: it is
    /// locked, or is not going to be.
    pub(crate) to_lock: BTreeSet<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Obtain the image from the first source that serves it.
    Pull(PullStep),
    /// Build the image.
    Build(BuildStep),
    /// Give the image's name to what the engine holds of it under another one.
    Adopt {
        /// The engine's id of it.
        id: EngineId,
        /// The digest that it has to have.
        digest: Digest,
    },
    /// Give what is behind the image's name one more name.
    Tag {
        /// The name to set.
        target: Reference,
    },
}

/// A signature that has to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The key that it has to be made with.
    pub(crate) verify: Verify,
    /// Where it may lie, in order.
    pub(crate) sources: Vec<Repository>,
}

/// A pull from an ordered list of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullStep {
    /// In order of preference; never empty.
    pub(crate) sources: Vec<Source>,
    /// The only digest that is accepted, where one is pinned.
    pub(crate) digest: Option<Digest>,
    /// How often and how patiently.
    pub(crate) retry: RetryPolicy,
    /// The build that stands in when every registry failed in one of these ways.
    pub(crate) then_build: Option<(Vec<BuildOn>, BuildStep)>,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildStep {
    /// What to build and how.
    pub(crate) build: DesiredBuild,
    /// Its inputs as they were when the plan was made.
    pub(crate) inputs: Inputs,
}

/// Why an image has steps, or none. Its text is what the user reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The engine holds what is wanted.
    InSync,
    /// Nothing is behind the name.
    NotInEngine,
    /// Something else than the wanted digest is behind the name.
    WrongDigest {
        /// What is wanted.
        want: Digest,
        /// Who wants it.
        by: PinnedBy,
        /// What is there.
        have: Digest,
    },
    /// Nothing tells which digest is behind the name.
    Unproven {
        /// What is wanted.
        want: Digest,
        /// Who wants it.
        by: PinnedBy,
        /// The engine's id of what is there.
        have: EngineId,
    },
    /// A build is behind the name, because no source served the wanted digest.
    StandIn {
        /// What is wanted.
        want: Digest,
        /// Who wants it.
        by: PinnedBy,
    },
    /// What is there is made for another platform.
    WrongPlatform {
        /// What is wanted.
        want: Platform,
        /// What is there.
        have: Platform,
    },
    /// The build's inputs changed since the image was built.
    InputsChanged {
        /// What in them, as far as it is known.
        changes: Vec<Change>,
    },
    /// What is there was built by an occ that counts the inputs in another way.
    OtherVersion,
    /// Somebody made what is there from an image of ours, and it inherits the label.
    Derived {
        /// The engine's id of what is there.
        have: EngineId,
    },
    /// An image of the manifest that it is built on changes.
    BaseChanges {
        /// That image's id.
        base: String,
    },
    /// The build's inputs can't be read, so nobody knows whether they changed.
    InputsUnknown,
    /// What is there carries no label of ours: somebody else made it.
    NotBuiltHere {
        /// The engine's id of what is there.
        have: EngineId,
    },
    /// `pull_policy = "always"`: has the tag moved?
    PolicyAlways,
    /// `--no-cache` asks for a rebuild.
    NoCache,
    /// Only further names are missing, or mean something else.
    TagsMissing,
}

impl ImagePlan {
    /// Whether carrying it out may change what is behind its name.
    pub(crate) fn may_change(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, Step::Tag { .. }))
    }

    /// The key of the signature that carrying it out looks for: of what is pulled, or gets the
    /// image's name.
    pub(crate) fn signed_by(&self) -> Option<&str> {
        let looks = |step: &Step| matches!(step, Step::Pull(_) | Step::Adopt { .. });
        let signed = self.signed.as_ref().filter(|_| self.steps.iter().any(looks))?;
        Some(&signed.verify.shown)
    }

    /// Whether the engine holds what is wanted, as far as it can tell by itself. That a
    /// registry is to be asked whether a tag moved does not make it wrong.
    pub(crate) fn is_in_sync(&self) -> bool {
        self.is_unchanged() || self.cause == Cause::PolicyAlways
    }

    /// Every registry that carrying it out may contact.
    pub(crate) fn registries(&self) -> BTreeSet<&str> {
        fn of(reference: &Reference) -> &str {
            &reference.repository.registry
        }
        let mut all: BTreeSet<&str> = self.to_lock.iter().map(String::as_str).collect();
        for step in &self.steps {
            let build = match step {
                Step::Pull(pull) => {
                    all.extend(pull.sources.iter().map(|source| of(&source.reference)));
                    pull.then_build.as_ref().map(|(_, build)| build)
                }
                Step::Build(build) => Some(build),
                Step::Adopt { .. } => {
                    let signed = self.signed.iter().flat_map(|signed| &signed.sources);
                    all.extend(signed.map(|source| source.registry.as_str()));
                    None
                }
                Step::Tag { .. } => None,
            };
            let Some(BuildStep { build, inputs }) = build else { continue };
            // The classic builder takes no notice of the one, and holds the others.
            let is_classic = build.builder == Builder::Classic;
            // What the engine holds, or will by then, it asks nobody for.
            let elsewhere = inputs.bases.iter().filter(|base| {
                base.image.is_none() && base.held.is_none() && !(is_classic && base.is_frontend)
            });
            all.extend(elsewhere.map(|base| of(&base.reference)));
            all.extend(build.cache_from.iter().filter(|_| !is_classic).map(of));
        }
        all
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_none()
    }
}

impl Plan {
    /// Tells what the user should know before it is carried out.
    pub(crate) fn warn(&self, progress: &ProgressReporter) {
        for image in &self.images {
            image.warnings.iter().for_each(|warning| progress.warn(Some(&image.id), warning));
        }
    }

    /// Whether there is nothing to do at all.
    pub fn is_unchanged(&self) -> bool {
        self.images.iter().all(ImagePlan::is_unchanged)
    }
}
