//! What of the lock holds for an image.

use crate::lock::fresh::{Question, Wanted};
use crate::lock::{LockedImage, Mode};
use crate::state::desired::Locked;

/// What the lock says of an image, as far as it holds for what is wanted now. `None`: tags
/// decide.
pub(crate) fn locked(entry: &LockedImage, wanted: &Wanted, mode: Mode) -> Option<Locked> {
    match mode {
        Mode::Off => None,
        Mode::Frozen => Some(Locked {
            digest: entry.digest.clone(),
            is_built: entry.digest.is_none(),
            bases: entry
                .bases
                .iter()
                .map(|it| (it.reference.canonical(), it.digest.clone()))
                .collect(),
        }),
        Mode::Keep | Mode::Locked => {
            let todo = wanted.todo(Some(entry), false);
            let (digest, is_built) = match todo.digest {
                Question::Settled(digest) => (digest.clone(), digest.is_none()),
                // A pin is not moved because a mirror was added.
                Question::Confirm(digest) | Question::Prove(digest) => (Some(digest), false),
                Question::Ask => (None, false),
            };
            let settled =
                todo.bases.into_iter().filter_map(|(reference, question)| match question {
                    Question::Settled(digest) => Some((reference.canonical(), digest)),
                    Question::Confirm(_) | Question::Prove(_) | Question::Ask => None,
                });
            Some(Locked { digest, is_built, bases: settled.collect() })
        }
    }
}
