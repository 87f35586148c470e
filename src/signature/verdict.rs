//! Whether an image is signed, from what each of its sources has.

use crate::signature::Flaw;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::{BuildOn, FailureClass};
use crate::words::reference::Repository;

/// What a source has of signatures of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// A good one.
    Signed,
    /// None.
    Unsigned,
    /// Some, and this is wrong with the best of them.
    Flawed(Flaw),
    /// It could not say.
    Failed(Obstacle),
}

/// Makes one answer of those of all sources that were asked, in their order. A good signature
/// decides wherever it is: it says of the bytes all that there is to say. Without one, a source
/// that could not say might have it, so nobody knows.
pub(crate) fn verdict(
    told: &[(Repository, Told)],
    digest: &Digest,
    key: &str,
) -> Result<(), Obstacle> {
    if told.iter().any(|(_, told)| *told == Told::Signed) {
        return Ok(());
    }
    let open: Vec<(&Repository, &Obstacle)> = told
        .iter()
        .filter_map(|(source, told)| match told {
            Told::Failed(obstacle) if !is_absence(obstacle.class) => Some((source, obstacle)),
            _ => None,
        })
        .collect();
    let classes: Vec<FailureClass> = open.iter().map(|(_, obstacle)| obstacle.class).collect();
    if let Some(class) = FailureClass::decisive(&classes) {
        let words = open.iter().map(|(source, it)| format!("`{source}`: {}", it.reason));
        let words: Vec<String> = words.collect();
        let code = open.iter().find(|(_, it)| it.class == class).map(|(_, it)| it.code);
        return Err(Obstacle {
            reason: format!("whether it is signed is not known: {}", words.join("; ")),
            class,
            code: code.unwrap_or(class.code()),
            hints: hints(told),
        });
    }
    let words: Vec<String> = told.iter().map(|(source, it)| sentence(source, it)).collect();
    let mut hints = hints(told);
    let repository = told.first().map_or_else(String::new, |(source, _)| source.to_string());
    hints.push(format!(
        "if it is yours, sign it: `cosign sign --key cosign.key {repository}@{digest}`"
    ));
    Err(Obstacle {
        reason: format!("no signature by the key `{key}`: {}", words.join("; ")),
        class: FailureClass::Signature,
        code: Code::Signature,
        hints,
    })
}

fn sentence(source: &Repository, told: &Told) -> String {
    match told {
        Told::Signed => format!("`{source}` has one"),
        Told::Unsigned => format!("`{source}` has none"),
        Told::Flawed(flaw) => format!("`{source}` has {flaw}"),
        Told::Failed(obstacle) => format!("`{source}`: {}", obstacle.reason),
    }
}

/// Whether a source has said that there is nothing, as far as registries say.
fn is_absence(class: FailureClass) -> bool {
    class.build_on() == Some(BuildOn::NotFound)
}

fn hints(told: &[(Repository, Told)]) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for (_, told) in told {
        let Told::Failed(obstacle) = told else { continue };
        for hint in &obstacle.hints {
            if !hints.contains(hint) {
                hints.push(hint.clone());
            }
        }
    }
    hints
}
