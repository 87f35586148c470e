//! What the steps of a build print, in an order that a log can be read in: the lines of
//! one step stand together, however many steps run at once.

use std::mem;
use std::time::{Duration, Instant};

/// A step may hold back so many lines. Beyond that it interrupts whichever has the word.
const MAX_HELD: usize = 300;

/// A step that has printed nothing for so long lets the others have the word.
const SILENCE: Duration = Duration::from_secs(1);

/// Who has the word, and what the others want to say.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// The step whose lines go out as they come, and when the last one did. While there is
    /// none, nothing is held back.
    speaker: Option<(u32, Instant)>,
    /// The step that the last line was about, so that the next one needs no name above it.
    named: Option<u32>,
    /// The lines of other steps, all of which run, by the order of their first lines.
    held: Vec<(u32, Vec<String>)>,
}

/// What goes out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// The name of the step that printed the lines below.
    Name(u32),
    /// A line.
    Line(String),
}

impl Groups {
    /// A line told which step this is.
    pub(crate) fn named(&mut self, step: u32) {
        self.named = Some(step);
    }

    /// A step that runs printed a line.
    pub(crate) fn printed(&mut self, step: u32, line: String, now: Instant) -> Vec<Out> {
        let mut out = self.silence(now);
        match self.speaker {
            Some((speaker, _)) if speaker != step => out.extend(self.hold(step, line)),
            _ => {
                self.speaker = Some((step, now));
                out.extend(self.block(step, vec![line]));
            }
        }
        out
    }

    /// A line came that belongs to no step that runs: it waits for nobody.
    pub(crate) fn stray(&mut self, step: Option<u32>, line: String) -> Vec<Out> {
        if let Some(step) = step {
            return self.block(step, vec![line]);
        }
        self.named = None;
        vec![Out::Line(line)]
    }

    /// A step is about to end: what it still has to say.
    pub(crate) fn last_words(&mut self, step: u32) -> Vec<Out> {
        let at = self.held.iter().position(|(held, _)| *held == step);
        at.map(|at| self.held.remove(at))
            .map_or_else(Vec::new, |(step, lines)| self.block(step, lines))
    }

    /// A step ended, and the others have the word if it had.
    pub(crate) fn ended(&mut self, step: u32, now: Instant) -> Vec<Out> {
        match self.speaker {
            Some((speaker, _)) if speaker == step => self.release(now),
            _ => Vec::new(),
        }
    }

    /// Time passes: the others have the word if nothing came for long.
    pub(crate) fn silence(&mut self, now: Instant) -> Vec<Out> {
        match self.speaker {
            Some((_, last))
                if !self.held.is_empty() && now.saturating_duration_since(last) >= SILENCE =>
            {
                self.release(now)
            }
            _ => Vec::new(),
        }
    }

    /// Everything that is held back. The last to say something has the word after that.
    pub(crate) fn release(&mut self, now: Instant) -> Vec<Out> {
        self.speaker = self.held.last().map(|(step, _)| (*step, now));
        let held = mem::take(&mut self.held);
        held.into_iter().flat_map(|(step, lines)| self.block(step, lines)).collect()
    }

    fn hold(&mut self, step: u32, line: String) -> Vec<Out> {
        let at = self.held.iter().position(|(held, _)| *held == step).unwrap_or_else(|| {
            self.held.push((step, Vec::new()));
            self.held.len() - 1
        });
        self.held[at].1.push(line);
        if self.held[at].1.len() < MAX_HELD {
            return Vec::new();
        }
        self.last_words(step)
    }

    fn block(&mut self, step: u32, lines: Vec<String>) -> Vec<Out> {
        let name = (self.named.replace(step) != Some(step)).then_some(Out::Name(step));
        name.into_iter().chain(lines.into_iter().map(Out::Line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(out: Vec<Out>) -> String {
        let words = out.into_iter().map(|out| match out {
            Out::Name(step) => format!("#{step}"),
            Out::Line(line) => line,
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn one_step_has_the_word_until_it_ends() {
        let (mut groups, now) = (Groups::default(), Instant::now());
        groups.named(1);
        groups.named(2);
        let mut print = |step, line: &str| told(groups.printed(step, line.to_owned(), now));
        assert_eq!(print(1, "a"), "#1 a");
        assert_eq!(print(2, "x"), "");
        assert_eq!(print(1, "b"), "b");
        assert_eq!(print(3, "p"), "");
        assert_eq!(print(2, "y"), "");
        assert_eq!(told(groups.last_words(1)), "");
        groups.named(1);
        assert_eq!(told(groups.ended(1, now)), "#2 x y #3 p");
        assert_eq!(told(groups.printed(3, "q".into(), now)), "q");
        assert_eq!(told(groups.printed(2, "z".into(), now)), "");
        assert_eq!(told(groups.last_words(2)), "#2 z");
        assert_eq!(told(groups.ended(2, now)), "");
        assert_eq!(told(groups.printed(3, "r".into(), now)), "#3 r");
        assert_eq!(told(groups.ended(3, now)), "");
        assert_eq!(told(groups.printed(4, "last".into(), now)), "#4 last");
    }

    #[test]
    fn a_silent_step_loses_the_word() {
        let (mut groups, start) = (Groups::default(), Instant::now());
        assert_eq!(told(groups.printed(1, "a".into(), start)), "#1 a");
        assert_eq!(told(groups.silence(after(start, 5000))), "");
        assert_eq!(told(groups.printed(1, "b".into(), after(start, 5000))), "b");
        assert_eq!(told(groups.printed(2, "x".into(), after(start, 5500))), "");
        assert_eq!(told(groups.silence(after(start, 5999))), "");
        assert_eq!(told(groups.silence(after(start, 6000))), "#2 x");
        // Nobody has to wait for a tick: a line that comes late says so, too.
        assert_eq!(told(groups.printed(1, "c".into(), after(start, 6100))), "");
        assert_eq!(told(groups.printed(2, "y".into(), after(start, 7000))), "#1 c");
        assert_eq!(told(groups.release(after(start, 7000))), "#2 y");
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let (mut groups, now) = (Groups::default(), Instant::now());
        groups.printed(1, "a".into(), now);
        let mut longest = 0;
        for number in 0..10 * MAX_HELD {
            groups.printed(2, number.to_string(), now);
            longest = longest.max(groups.held.iter().map(|(_, lines)| lines.len()).sum());
        }
        assert_eq!(longest, MAX_HELD - 1);
        assert_eq!(told(groups.printed(1, "b".into(), now)), "#1 b");
    }

    #[test]
    fn what_no_running_step_printed_waits_for_nobody() {
        let (mut groups, now) = (Groups::default(), Instant::now());
        groups.printed(1, "a".into(), now);
        assert_eq!(told(groups.stray(None, "note".into())), "note");
        assert_eq!(told(groups.printed(1, "b".into(), now)), "#1 b");
        assert_eq!(told(groups.stray(Some(7), "late".into())), "#7 late");
    }
}
