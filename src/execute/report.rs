//! What came of a run: plain data, one entry an image, for whoever shows it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::execute::failed_at::FailedAt;
use crate::execute::{Failure, Obtained};
use crate::plan::step::{ImagePlan, Plan, Step};
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass;
use crate::words::image::EngineId;

/// What came of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// One entry an image of the plan, in the manifest's order.
    pub images: Vec<ImageReport>,
}

/// What came of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImageReport {
    /// Its id in the manifest.
    pub id: String,
    /// Its local name as the manifest writes it, without the tag.
    pub name: String,
    /// Its local name in full: `docker.io/library/redis:latest`.
    pub reference: String,
    /// What was to do, or was done.
    pub action: Action,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it had to be done, or not: one sentence fragment.
    pub cause: String,
    /// What the plan says has to be done, in order; empty where that is nothing.
    pub steps: Vec<PlannedStep>,
    /// Every registry that doing it may contact, or might have.
    pub registries: Vec<String>,
    /// The only digest that will do, where one is pinned or locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Digest>,
    /// Who says so: `manifest` or `lock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_by: Option<&'static str>,
    /// The key that has to have signed what is pulled or named: its file, as the manifest has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The source that served: a registry reference, or `build`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The digest that was pulled, or found in the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The engine's id of what is behind the name now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The engine's id of what was behind the name before, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_id: Option<String>,
    /// Whether the engine changed.
    pub changed: bool,
    /// Whether the name means another image now than before.
    pub moved: bool,
    /// Compressed bytes that came from the registry.
    pub bytes: u64,
    /// How long it took.
    pub millis: u64,
    /// Every source that failed on the way, also when another one served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<SourceFailure>,
    /// What `occ explain` knows the failure by, where it failed or is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The failure that ended it, where it failed: one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about the failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// The last lines that a failed build printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// The file that has all of a failed build's lines, where they could be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_file: Option<String>,
    /// The instruction that a build failed at, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<FailedAt>,
    /// This image's share in the exit code.
    pub exit: ExitStatus,
}

/// How one source failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceFailure {
    /// The source's reference.
    pub source: String,
    /// The class of its last failure.
    pub class: FailureClass,
    /// What `occ explain` knows it by.
    pub code: Code,
    /// How often it was tried.
    pub attempts: u32,
    /// What the engine said last.
    pub message: String,
}

/// What is done for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    None,
    /// It is pulled.
    Pull,
    /// It is built.
    Build,
    /// It gets further names.
    Tag,
}

/// One step of a plan, in its JSON form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum PlannedStep {
    /// Pull from the first of these that serves it.
    Pull {
        /// References, in order of preference.
        sources: Vec<String>,
        /// The only digest that is accepted, where one is pinned.
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
        /// Whether a build may stand in when all of them fail.
        else_build: bool,
    },
    /// Build.
    Build {
        /// The Dockerfile, relative to the context; absent for a template.
        #[serde(skip_serializing_if = "Option::is_none")]
        dockerfile: Option<String>,
    },
    /// Give the image's name to what the engine holds under another one.
    Adopt {
        /// The engine's id of it.
        image_id: String,
        /// The digest that it has to have.
        digest: Digest,
    },
    /// Set a further name.
    Tag {
        /// That name, in full.
        target: String,
    },
}

impl PlannedStep {
    fn of(step: &Step) -> Self {
        match step {
            Step::Pull(pull) => Self::Pull {
                sources: pull.sources.iter().map(|s| s.reference.canonical()).collect(),
                digest: pull.digest.clone(),
                else_build: pull.then_build.is_some(),
            },
            Step::Build(build) => Self::Build { dockerfile: build.build.origin.dockerfile() },
            Step::Adopt { id, digest } => {
                Self::Adopt { image_id: id.to_string(), digest: digest.clone() }
            }
            Step::Tag { target } => Self::Tag { target: target.canonical() },
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was in sync.
    Unchanged,
    /// It has to be done (a plan, a status).
    Pending,
    /// It has to be done, and it is known already that it can't be (a plan, a status).
    Blocked,
    /// It is done and proven.
    Done,
    /// It failed.
    Failed,
    /// It was not begun, because something before it failed.
    Skipped,
    /// It was cancelled.
    Cancelled,
}

impl ImageReport {
    /// What the plan says, before anything is done.
    pub(crate) fn planned(image: &ImagePlan) -> Self {
        let outcome = match (&image.blocked, image.is_unchanged()) {
            (Some(_), _) => Outcome::Blocked,
            (None, true) => Outcome::Unchanged,
            (None, false) => Outcome::Pending,
        };
        let action = match image.steps.first() {
            Some(Step::Pull(_)) => Action::Pull,
            Some(Step::Build(_)) => Action::Build,
            Some(Step::Adopt { .. } | Step::Tag { .. }) => Action::Tag,
            None => Action::None,
        };
        Self {
            id: image.id.clone(),
            name: image.name.name().to_owned(),
            reference: image.name.canonical(),
            action,
            outcome,
            cause: image.cause.to_string(),
            steps: image.steps.iter().map(PlannedStep::of).collect(),
            registries: image.registries().into_iter().map(str::to_owned).collect(),
            wanted: image.wanted.as_ref().map(|(digest, _)| digest.clone()),
            pinned_by: image.wanted.as_ref().map(|(_, by)| by.word()),
            signed_by: image.signed_by().map(str::to_owned),
            source: None,
            digest: None,
            image_id: image.previous.as_ref().map(ToString::to_string),
            previous_id: None,
            changed: false,
            moved: false,
            bytes: 0,
            millis: 0,
            failures: Vec::new(),
            code: image.blocked.as_ref().map(|blocked| blocked.code),
            error: image.blocked.as_ref().map(ToString::to_string),
            hints: image.blocked.iter().flat_map(|blocked| blocked.hints.clone()).collect(),
            log: Vec::new(),
            log_file: None,
            failed_at: None,
            exit: ExitStatus::Success,
        }
    }

    /// The same, done and proven.
    pub(super) fn done(self, obtained: Obtained, previous: Option<&EngineId>, millis: u64) -> Self {
        let moved = previous != Some(&obtained.image_id);
        Self {
            action: obtained.action,
            outcome: Outcome::Done,
            source: (!obtained.source.is_empty()).then_some(obtained.source),
            digest: obtained.digest,
            changed: moved || obtained.tagged,
            moved,
            previous_id: previous.filter(|_| moved).map(ToString::to_string),
            image_id: Some(obtained.image_id.to_string()),
            bytes: obtained.bytes,
            millis,
            failures: obtained.failures,
            ..self
        }
    }

    /// The same, failed.
    pub(super) fn failed(self, failure: Failure, previous: Option<&EngineId>, millis: u64) -> Self {
        let reached = match failure.obtained {
            Some(obtained) => self.done(obtained, previous, millis),
            None => Self { failures: failure.failures, ..self },
        };
        Self {
            action: failure.action,
            outcome: if failure.skipped { Outcome::Skipped } else { Outcome::Failed },
            exit: FailureClass::exit(&failure.classes),
            code: Some(failure.code),
            error: Some(failure.error),
            hints: failure.hints,
            log: failure.log,
            log_file: failure.log_file,
            failed_at: failure.failed_at,
            millis,
            ..reached
        }
    }

    /// Whether a pull found what was there already.
    pub(crate) fn is_the_same(&self) -> bool {
        self.outcome == Outcome::Done && self.action == Action::Pull && !self.moved
    }

    /// What was done, or what went wrong: `pulled from ghcr.io, sha256:0a0a0a0a0a0a`, and
    /// `, was sha256:0b0b0b0b0b0b` where another image had the name.
    pub(crate) fn detail(&self) -> String {
        if let Some(error) = &self.error {
            return error.clone();
        }
        let was = match &self.previous_id {
            Some(previous) => format!(", was {}", short(previous)),
            None => String::new(),
        };
        let done = match self.action {
            Action::Pull => {
                // A reference in full begins with its registry.
                let source = self.source.as_deref().unwrap_or_default();
                let registry = source.split('/').next().unwrap_or_default();
                let digest = self.digest.as_ref().map_or(String::new(), Digest::short);
                let verb = if self.is_the_same() { "the same at" } else { "pulled from" };
                format!("{verb} {registry}, {digest}")
            }
            Action::Build => {
                let id = self.image_id.as_deref().unwrap_or_default();
                format!("built, {}", short(id))
            }
            Action::Tag => match &self.digest {
                Some(digest) => format!("named, the engine had {}", digest.short()),
                None => "further names set".to_owned(),
            },
            Action::None => self.cause.clone(),
        };
        done + &was
    }
}

fn short(id: &str) -> String {
    EngineId::new(id).short().to_owned()
}

impl Outcome {
    /// The word that JSON has for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Report {
    /// What a plan would do.
    pub(crate) fn planned(plan: &Plan) -> Self {
        Self { images: plan.images.iter().map(ImageReport::planned).collect() }
    }

    /// The exit status of the whole run.
    pub fn exit(&self) -> ExitStatus {
        ExitStatus::worst(self.images.iter().map(|image| image.exit))
    }

    /// Whether the engine changed.
    pub fn changed(&self) -> bool {
        self.images.iter().any(|image| image.changed)
    }
}
