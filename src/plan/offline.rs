//! What can't be done because no registry may be asked.

use crate::plan::step::Cause;
use crate::state::desired::{DesiredImage, PullPolicy};
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// That a registry would have to be asked for an image.
pub(super) fn offline(image: &DesiredImage, cause: &Cause) -> Obstacle {
    let what = match cause {
        Cause::Unproven { .. } => "could tell whether these are the bytes",
        Cause::WrongDigest { .. } | Cause::StandIn { .. } => "has the wanted bytes",
        _ => "has it",
    };
    Obstacle {
        reason: format!("only a registry {what}, and `--offline` asks none"),
        class: FailureClass::NotFound,
        code: Code::MayNotPull,
        hints: vec![format!("`occ sync {}` without `--offline` pulls it", image.id)],
    }
}

/// That a registry would have to be asked for a base.
pub(super) fn offline_base(base: &Reference) -> Obstacle {
    Obstacle {
        reason: format!("its base `{base}` is not in the engine, and `--offline` asks no registry"),
        class: FailureClass::NotFound,
        code: Code::MayNotPull,
        hints: vec![format!("`docker pull {base}` gets it")],
    }
}

/// Whether an image has to be signed, and nobody may be asked whether it is.
pub(super) fn unasked(image: &DesiredImage, offline: bool) -> bool {
    image.verify.is_some() && (offline || image.pull_policy == PullPolicy::Never)
}

/// That a registry would have to be asked for a signature.
pub(super) fn unverifiable(image: &DesiredImage, offline: bool) -> Obstacle {
    let (why, hint) = if offline {
        let hint = format!("`occ sync {}` without `--offline` checks it", image.id);
        ("`--offline` asks no registry", hint)
    } else {
        let hint = "leave `pull_policy` or `verify` out".to_owned();
        ("`pull_policy = \"never\"` asks no registry", hint)
    };
    Obstacle {
        reason: format!("its signature has to be checked, and {why}"),
        class: FailureClass::NotFound,
        code: Code::MayNotPull,
        hints: vec![hint],
    }
}
