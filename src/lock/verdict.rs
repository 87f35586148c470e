//! Which bytes an image is locked to, from what each of its sources answered.

use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::{BuildOn, FailureClass};
use crate::words::reference::Reference;

/// What a source answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The source.
    pub(crate) source: Reference,
    /// The digest that it serves, or why it serves none.
    pub(crate) told: Result<Digest, Obstacle>,
}

/// What comes of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The digest; `None` where the image is built; or why there can be none.
    pub(crate) digest: Result<Option<Digest>, Obstacle>,
    /// What the user has to know of it: sources that serve something else, for one.
    pub(crate) warnings: Vec<String>,
}

/// Whether a source has said that it does not have the image, as far as registries say.
pub(crate) fn is_absence(class: FailureClass) -> bool {
    class.build_on() == Some(BuildOn::NotFound)
}

/// Makes a digest of the answers of all sources of an image, in their order: the first that
/// serves it decides. One before it that could not say whether it has the image might have
/// said otherwise, so it has to be `partial`, by the user's own word, to do without that.
pub(crate) fn verdict(answers: &[Answer], may_be_built: bool, partial: bool) -> Verdict {
    let mut warnings = Vec::new();
    let served = answers.iter().enumerate().find_map(|(i, answer)| {
        let digest = answer.told.as_ref().ok()?;
        Some((i, &answer.source, digest))
    });
    let Some((first, source, digest)) = served else {
        return Verdict { digest: nobody(answers, may_be_built), warnings };
    };
    let silent: Vec<&Answer> = answers[..first].iter().filter(|it| is_open(it)).collect();
    if let (Some(earlier), false) = (silent.first(), partial) {
        return Verdict { digest: Err(refused(earlier, source)), warnings };
    }
    for answer in answers {
        match &answer.told {
            Ok(other) if other != digest => warnings.push(format!(
                "`{}` serves {other}, and `{source}` serves {digest}: only that is accepted",
                answer.source
            )),
            Err(obstacle) if is_open(answer) => warnings
                .push(format!("`{}` could not be asked: {}", answer.source, obstacle.reason)),
            _ => {}
        }
    }
    Verdict { digest: Ok(Some(digest.clone())), warnings }
}

/// Whether it is unknown what a source has.
fn is_open(answer: &Answer) -> bool {
    answer.told.as_ref().is_err_and(|obstacle| !is_absence(obstacle.class))
}

fn refused(earlier: &Answer, later: &Reference) -> Obstacle {
    let (class, code, why) = match &earlier.told {
        Err(obstacle) => (obstacle.class, obstacle.code, obstacle.reason.clone()),
        Ok(_) => (FailureClass::Unknown, Code::Unknown, String::new()),
    };
    let mut hints = earlier.told.as_ref().err().map_or_else(Vec::new, |it| it.hints.clone());
    hints.push(format!("`--allow-partial` locks what `{later}` serves"));
    let reason =
        format!("`{}` comes before `{later}` and could not say what it has: {why}", earlier.source);
    Obstacle { reason, class, code, hints }
}

/// No source serves it: it is built, if it can be and each of them said so.
fn nobody(answers: &[Answer], may_be_built: bool) -> Result<Option<Digest>, Obstacle> {
    if may_be_built && !answers.iter().any(is_open) {
        return Ok(None);
    }
    let failures = || answers.iter().filter_map(|answer| answer.told.as_ref().err());
    let told: Vec<String> = answers
        .iter()
        .filter_map(|answer| Some((answer, answer.told.as_ref().err()?)))
        .map(|(answer, obstacle)| format!("`{}`: {}", answer.source, obstacle.reason))
        .collect();
    let mut hints: Vec<String> = Vec::new();
    for hint in failures().flat_map(|obstacle| &obstacle.hints) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    let classes: Vec<FailureClass> = failures().map(|obstacle| obstacle.class).collect();
    let class = FailureClass::decisive(&classes).unwrap_or(FailureClass::Unknown);
    let decisive = failures().find(|obstacle| obstacle.class == class);
    let code = decisive.map_or(class.code(), |obstacle| obstacle.code);
    Err(Obstacle { reason: told.join("; "), class, code, hints })
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
