//! What goes wrong on this side of a session.

use std::sync::{Arc, Mutex, PoisonError};

/// What went wrong with the files of a build: the first of it, in words. A builder that is
/// told so says it again, in words of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<String>>>);

impl Faults {
    /// Keeps a problem, unless there is one already.
    pub(super) fn tell(&self, problem: &str) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| problem.to_owned());
    }

    /// The first problem.
    pub(crate) fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_stays() {
        let faults = Faults::default();
        assert_eq!(faults.first(), None);
        faults.tell("one");
        faults.clone().tell("two");
        assert_eq!(faults.first().as_deref(), Some("one"));
    }
}
