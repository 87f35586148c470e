//! The plan's stable text form: what tests compare, and the words of each cause.

use std::fmt;

use crate::plan::step::{BuildStep, Cause, ImagePlan, Plan, PullStep, Step};
use crate::state::desired::{BuildOrigin, Template};

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InSync => f.write_str("in sync"),
            Self::NotInEngine => f.write_str("not in the engine"),
            Self::WrongDigest { want, by, have } => {
                let (have, by, want) = (have.short(), by.words(), want.short());
                write!(f, "the engine has {have}, {by} {want}")
            }
            Self::Unproven { want, by, have } => {
                let (have, by, want) = (have.short(), by.words(), want.short());
                write!(f, "the engine has {have} without a digest, {by} {want}")
            }
            Self::StandIn { want, by } => {
                let (by, want) = (by.words(), want.short());
                write!(f, "stand-in build while {by} {want}")
            }
            Self::WrongPlatform { want, have } => {
                write!(f, "the engine has it for {have}, wanted is {want}")
            }
            Self::InputsChanged { changes } if changes.is_empty() => {
                f.write_str("inputs changed since it was built")
            }
            Self::InputsChanged { changes } => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                f.write_str(&changes.join("; "))
            }
            Self::OtherVersion => {
                f.write_str("another version of occ built it, which counts its inputs otherwise")
            }
            Self::Derived { have } => {
                write!(f, "the name is on an image that was made from occ's ({})", have.short())
            }
            Self::BaseChanges { base } => {
                write!(f, "the image `{base}` changes, which it is built on")
            }
            Self::InputsUnknown => f.write_str("its inputs can't be compared"),
            Self::NotBuiltHere { have } => {
                write!(f, "the name is on an image that occ did not build ({})", have.short())
            }
            Self::PolicyAlways => f.write_str("`pull_policy` is `always`"),
            Self::NoCache => f.write_str("`--no-cache` asks for a rebuild"),
            Self::TagsMissing => f.write_str("further names are missing or elsewhere"),
        }
    }
}

/// One line a step, indented under its image. Also what a dry run promises.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.images.iter().try_for_each(|image| image.fmt(f))
    }
}

impl fmt::Display for ImagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (&self.blocked, self.steps.is_empty()) {
            (Some(_), _) => "blocked",
            (None, true) => "unchanged",
            (None, false) => "changes",
        };
        writeln!(f, "{}: {verdict}: {}", self.id, self.cause)?;
        if let Some(blocked) = &self.blocked {
            writeln!(f, "  blocked: {blocked}")?;
        }
        if let Some(key) = self.signed_by() {
            writeln!(f, "  signed by `{key}`")?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "  warning: {warning}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull(pull) => pull.fmt(f),
            Self::Build(build) => build.fmt(f),
            Self::Adopt { id, digest } => {
                write!(f, "take {} for {digest}, which the engine has", id.short())
            }
            Self::Tag { target } => write!(f, "tag {}", target.canonical()),
        }
    }
}

impl fmt::Display for PullStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<String> = self.sources.iter().map(|s| s.reference.canonical()).collect();
        write!(f, "pull from {}", sources.join(", then "))?;
        if let Some(digest) = &self.digest {
            write!(f, " at {digest}")?;
        }
        if let Some((_, build)) = &self.then_build {
            write!(f, ", else {build}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BuildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.build.origin {
            BuildOrigin::Template(Template::Opencode) => {
                f.write_str("build the template `opencode`")
            }
            BuildOrigin::Context { dockerfile, .. } => {
                write!(f, "build `{}`", dockerfile.display())
            }
        }
    }
}
