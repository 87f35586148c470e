//! The text of `occ doctor`: a line for each thing, and what to do about it.

use super::look::{Look, Tone};
use super::rows::{Row, rows, sentence};
use crate::state::check::{Check, State};
use crate::words::text::count;

/// The checks, and a sentence about all. Ends with a line feed.
///
/// ```text
/// ok    endpoint  unix:///var/run/docker.sock, the usual socket
/// warn  registry  ghcr.io: no answer within 10s, asked without a login
///       hint      a silent source is overtaken by the next one in its list
/// 1 warning, and nothing that fails
/// ```
pub(crate) fn doctor(checks: &[&Check], quiet: bool, look: Look) -> String {
    let mut all = Vec::new();
    for check in checks {
        let text = match &check.about {
            Some(about) => format!("{about}: {}", check.text),
            None => check.text.clone(),
        };
        let tone = match check.state {
            State::Ok => Tone::Good,
            State::Warn => Tone::Warn,
            State::Fail => Tone::Bad,
        };
        // As wide as the longest, also where none is that long.
        let word = format!("{:4}", check.state.word());
        all.push(Row::new(check.name, text).marked(tone, &word));
        if let Some(hint) = &check.hint {
            all.push(Row::new("hint", hint).labelled(Tone::Dim));
        }
        if let Some(code) = check.code {
            let more = format!("{code}, see `occ explain {code}`");
            all.push(Row::new("code", more).labelled(Tone::Dim));
        }
    }
    let of = |state: State| checks.iter().filter(|check| check.state == state).count();
    let failures = match of(State::Fail) {
        0 => None,
        number => Some(count(number, "failure", "failures")),
    };
    let warnings = match of(State::Warn) {
        0 => None,
        number => Some(count(number, "warning", "warnings")),
    };
    let is_good = failures.is_none();
    let counts: Vec<String> = failures.into_iter().chain(warnings).collect();
    let end = match (is_good, counts.is_empty()) {
        (true, true) => "nothing stands in the way of a sync".to_owned(),
        (true, false) => format!("{}, and nothing that fails", counts.join(", ")),
        (false, _) => counts.join(", "),
    };
    let text = rows(&all, look);
    if quiet { text } else { text + &sentence(&end, look) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fit::width;
    use crate::words::code::Code;
    use crate::words::exit::ExitStatus;

    fn some() -> [Check; 3] {
        let full = "1.0 MB free of 99.0 GB, at `/var/lib/docker`";
        [
            Check::ok("engine", "Docker 28.2.2, for linux/amd64"),
            Check::warn("registry", "no answer within 10s").about("ghcr.io").hint("wait\x1b[2J"),
            Check::fail("disk", full, Code::DiskFull, ExitStatus::Engine).hint("make some room"),
        ]
    }

    fn told(checks: &[Check], quiet: bool, width: u16) -> String {
        doctor(&checks.iter().collect::<Vec<_>>(), quiet, Look::test(width))
    }

    #[test]
    fn each_thing_has_a_line_and_what_to_do_below() {
        insta::assert_snapshot!(told(&some(), false, 80), @r"
        ok    engine    Docker 28.2.2, for linux/amd64
        warn  registry  ghcr.io: no answer within 10s
              hint      wait\x1b[2J
        fail  disk      1.0 MB free of 99.0 GB, at `/var/lib/docker`
              hint      make some room
              code      OCC-DISK-FULL, see `occ explain OCC-DISK-FULL`
        1 failure, 1 warning
        ");
        for columns in [20, 40, 60] {
            let text = told(&some(), false, columns);
            let widest = text.lines().map(width).max().unwrap();
            assert!(widest <= usize::from(columns), "{columns}: {text}");
        }
    }

    #[test]
    fn the_last_line_says_what_it_comes_to() {
        let last = |checks: &[Check]| told(checks, false, 80).lines().last().unwrap().to_owned();
        assert_eq!(last(&some()[..1]), "nothing stands in the way of a sync");
        assert_eq!(last(&some()[..2]), "1 warning, and nothing that fails");
        assert_eq!(told(&[], true, 80), "");
        assert!(!told(&some(), true, 80).contains("1 failure"));
    }
}
