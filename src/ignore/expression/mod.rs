//! The regular expressions that Docker makes of ignore patterns, as Go reads them.
//!
//! A pattern is turned into an expression with few things taken care of, so that
//! `\d`, `x{2}` and `a|b` in a pattern mean what they mean to Go, which nobody has
//! documented and every builder does. This is that part of Go's language which a
//! pattern can reach, run as an automaton: each rune of a path is looked at once, with
//! all ways of matching side by side, so no pattern makes it slow.

mod parse;
mod set;

use set::RuneSet;

/// An expression, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    program: Vec<Step>,
    /// Where each alternative begins.
    starts: Vec<usize>,
    /// Whether a match can begin at the first rune only.
    anchored: bool,
}

/// One step of the program. Distances are relative, so that steps can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// One rune out of these ranges.
    Rune(RuneSet),
    /// Goes on with the next step, and also this far ahead.
    Ahead(usize),
    /// Goes this far back.
    Back(usize),
    /// Goes on at such a place only.
    At(Place),
    /// The expression has matched.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    End,
    Boundary,
    NoBoundary,
}

impl Expression {
    /// Whether it matches somewhere in the text.
    pub(crate) fn matches(&self, text: impl Iterator<Item = char>) -> bool {
        self.run(text, true)
    }

    /// Whether it could match a text that goes on after this one.
    pub(crate) fn may_match_longer(&self, text: impl Iterator<Item = char>) -> bool {
        !self.anchored || self.run(text, false)
    }

    /// The automaton: `waiting` has the steps to go on with at this place in the text.
    fn run(&self, mut text: impl Iterator<Item = char>, whole: bool) -> bool {
        let mut seen = vec![0; self.program.len()];
        let (mut waiting, mut runes) = (self.starts.clone(), Vec::new());
        let mut before = None;
        let mut turn = 0;
        loop {
            let next = text.next();
            if next.is_none() && !whole {
                return !waiting.is_empty();
            }
            turn += 1;
            if turn > 1 && !self.anchored {
                waiting.extend(&self.starts);
            }
            while let Some(at) = waiting.pop() {
                if std::mem::replace(&mut seen[at], turn) == turn {
                    continue;
                }
                match &self.program[at] {
                    Step::Rune(_) => runes.push(at),
                    Step::Ahead(far) => waiting.extend([at + 1, at + far]),
                    Step::Back(far) => waiting.push(at - far),
                    Step::At(place) if place.is_between(before, next) => waiting.push(at + 1),
                    Step::At(_) => {}
                    Step::Done => return true,
                }
            }
            let Some(rune) = next else { return false };
            for at in runes.drain(..) {
                if let Step::Rune(set) = &self.program[at]
                    && set.has(rune)
                {
                    waiting.push(at + 1);
                }
            }
            if waiting.is_empty() && self.anchored {
                return false;
            }
            before = next;
        }
    }
}

impl Place {
    fn is_between(self, before: Option<char>, next: Option<char>) -> bool {
        let word = |rune: Option<char>| rune.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match self {
            Self::Start => before.is_none(),
            Self::End => next.is_none(),
            Self::Boundary => word(before) != word(next),
            Self::NoBoundary => word(before) == word(next),
        }
    }
}
