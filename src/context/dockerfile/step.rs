//! Where in a Dockerfile a step of a builder stands.

use std::collections::BTreeMap;

use crate::context::dockerfile::expand::Values;
use crate::context::dockerfile::lines::{Instruction, instructions};
use crate::context::dockerfile::{Source, lines, stages};
use crate::words::reference::Reference;

/// An instruction of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
    /// Its text on one line, with single spaces.
    pub(crate) instruction: String,
}

/// The instruction that a builder calls step `number` of `of`, and prints as `told`, in a
/// build of `target`, or of the last stage.
///
/// Docker counts the instructions from the top of the file to the end of the stage, an
/// `ARG` in front of all stages included, and a label that comes with the request is a
/// step behind them. Other builders count otherwise, and no line is better than a wrong
/// one: so number, count and text all have to fit.
pub(crate) fn locate(
    text: &str,
    target: Option<&str>,
    (number, of): (u32, u32),
    told: &str,
) -> Option<Place> {
    let (instructions, _) = instructions(text);
    let next = match target.filter(|target| !target.is_empty()) {
        Some(target) => Some(super::find(&stages(text, &Values::new()), target)? + 1),
        None => None,
    };
    let mut starts = (0..instructions.len()).filter(|at| instructions[*at].keyword == "FROM");
    let needed = next.and_then(|stage| starts.nth(stage)).unwrap_or(instructions.len());
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    if index >= needed || usize::try_from(of).ok()? < needed {
        return None;
    }
    let found = &instructions[index];
    let instruction = on_one_line(&found.text);
    (instruction == on_one_line(told)).then_some(Place { line: found.line, instruction })
}

/// The instruction that stands on a line.
pub(crate) fn at_line(text: &str, line: usize) -> Option<Place> {
    let (instructions, _) = instructions(text);
    let last = instructions.iter().rev().find(|one| one.line <= line)?;
    Some(Place { line: last.line, instruction: on_one_line(&last.text) })
}

/// The instruction that `BuildKit` calls `name`, `[stage 2/5] RUN make`, in a build of
/// `target`, or of the last stage. In a name arguments have their values: a word with a `$`
/// may have become any. `None` where it could be one of several.
pub(crate) fn find(text: &str, target: Option<&str>, name: &str) -> Option<Place> {
    let (_, told) = name.strip_prefix('[')?.split_once("] ")?;
    let (instructions, _) = instructions(text);
    let next = match target.filter(|target| !target.is_empty()) {
        Some(target) => super::find(&stages(text, &Values::new()), target)? + 1,
        None => usize::MAX,
    };
    let mut starts = (0..instructions.len()).filter(|at| instructions[*at].keyword == "FROM");
    let needed = starts.nth(next).unwrap_or(instructions.len());
    let told: Vec<&str> = told.split_whitespace().collect();
    let fits = |one: &&Instruction| {
        let words: Vec<&str> = one.text.split_whitespace().collect();
        let same = |(at, (word, told)): (usize, (&&str, &&str))| {
            word == told || word.contains('$') || at == 0 && word.eq_ignore_ascii_case(told)
        };
        words.len() == told.len() && words.iter().zip(&told).enumerate().all(same)
    };
    let mut found = instructions[..needed].iter().filter(fits);
    let one = found.next().filter(|_| found.next().is_none())?;
    Some(Place { line: one.line, instruction: on_one_line(&one.text) })
}

/// The starts of what `BuildKit` calls a look for an image: for a base, and for a frontend.
const LOOKS: [&str; 2] = ["[internal] load metadata for ", "resolve image config for "];

/// The line that names the image of which `BuildKit` says in `name` that it looks for it. Of
/// several it is the first.
pub(crate) fn naming(text: &str, args: &BTreeMap<String, String>, name: &str) -> Option<Place> {
    let wanted = LOOKS.iter().find_map(|start| name.strip_prefix(start))?;
    let wanted: Reference =
        wanted.strip_prefix("docker-image://").unwrap_or(wanted).parse().ok()?;
    // One that is locked is looked for by the digest, and has none in the Dockerfile.
    let is_it = |image: &Reference| match (&wanted.digest, &image.digest) {
        (Some(_), None) => image.repository == wanted.repository,
        _ => image.canonical() == wanted.canonical(),
    };
    if let Some((at, frontend)) = lines::frontend(text)
        && frontend.parse().is_ok_and(|image| is_it(&image))
    {
        let instruction = on_one_line(text.lines().nth(at)?);
        return Some(Place { line: at + 1, instruction });
    }
    let stages = stages(text, &super::known(args));
    let mut mentions = stages.iter().flat_map(|stage| &stage.mentions);
    let mention =
        mentions.find(|one| matches!(&one.source, Source::Image(image) if is_it(image)))?;
    at_line(text, mention.line)
}

/// With one space between the words.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The steps are those that the classic builder of Docker 20.10 printed, with two labels
    // in the request.
    const FILE: &str = "# c\nARG A=scratch\n\nFROM $A AS one\nCOPY busybox \\\n   /bin/\n\
                        onbuild RUN true\nRUN a   \nFROM one as two\nenv X=1 \\\n # c\n  Y=2\n\
                        RUN b\nFROM scratch\nCOPY x /\n";

    #[track_caller]
    fn check(target: Option<&str>, step: (u32, u32), told: &str, want: Option<usize>) {
        let found = locate(FILE, target, step, told);
        assert_eq!(found.map(|place| place.line), want, "{step:?} {told}");
    }

    #[test]
    fn a_step_is_found_from_the_top_of_the_file() {
        check(None, (1, 12), "ARG A=scratch", Some(2));
        check(None, (2, 12), "FROM $A AS one", Some(4));
        check(None, (3, 12), "COPY busybox    /bin/", Some(5));
        check(None, (4, 12), "onbuild RUN true", Some(7));
        check(None, (7, 12), "env X=1   Y=2", Some(10));
        check(None, (10, 12), "COPY x /", Some(15));
        check(Some("TWO"), (8, 10), "RUN b", Some(13));
        let place = locate(FILE, None, (3, 12), "COPY busybox    /bin/").unwrap();
        assert_eq!(place.instruction, "COPY busybox /bin/");
    }

    #[test]
    fn a_name_of_buildkit_is_found_where_it_can_be_one_instruction() {
        let named = |target, name: &str| find(FILE, target, name).map(|place| place.line);
        assert_eq!(named(None, "[one 1/2] COPY busybox /bin/"), Some(5));
        assert_eq!(named(None, "[one 2/2] RUN a"), Some(8));
        assert_eq!(named(Some("one"), "[two 1/1] RUN b"), None);
        assert_eq!(named(None, "[internal] load build context"), None);
        assert_eq!(named(None, "exporting to image"), None);
        let file = "FROM a\nRUN x $A\nRUN x $A $B\nrun y\n\nRUN y\n";
        assert_eq!(find(file, None, "[2/4] RUN x 1").map(|place| place.line), Some(2));
        assert_eq!(find(file, None, "[2/4] RUN y"), None);
        assert_eq!(at_line(file, 5).map(|place| place.line), Some(4));
        assert_eq!(at_line(file, 0), None);
    }

    #[test]
    fn a_base_is_found_by_its_full_name_or_by_the_digest_that_it_is_locked_to() {
        let file = "ARG A=acme/b:1\nFROM scratch\nCOPY --from=a / /\nFROM $A\nRUN x\n";
        let args = BTreeMap::new();
        let line = |name: &str| {
            let name = format!("[internal] load metadata for {name}");
            naming(file, &args, &name).map(|place| (place.line, place.instruction))
        };
        assert_eq!(line("docker.io/library/a:latest").unwrap().0, 3);
        assert_eq!(line("docker.io/acme/b:1").unwrap(), (4, "FROM $A".to_owned()));
        let digest = format!("sha256:{}", "1".repeat(64));
        assert_eq!(line(&format!("docker.io/acme/b@{digest}")).unwrap().0, 4);
        assert_eq!(line("docker.io/acme/b:2"), None);
        assert_eq!(naming(file, &args, "[internal] load build context"), None);
        let file = format!("# escape=`\n#  syntax = acme/front:1 x\n{file}");
        for name in ["docker.io/acme/front:1", "docker-image://docker.io/acme/front:1"] {
            let found = naming(&file, &args, &format!("resolve image config for {name}"));
            let instruction = "# syntax = acme/front:1 x".to_owned();
            assert_eq!(found, Some(Place { line: 2, instruction }));
        }
    }

    #[test]
    fn what_does_not_fit_has_no_line() {
        // Labels that came with the request.
        check(None, (11, 12), "LABEL l=v", None);
        check(Some("two"), (9, 10), "FROM scratch", None);
        // Another text, another number, a count of one stage, no such stage.
        check(None, (8, 12), "RUN a", None);
        check(None, (5, 4), "RUN a", None);
        check(None, (0, 12), "", None);
        check(Some("three"), (1, 12), "ARG A=scratch", None);
        assert_eq!(locate("", None, (1, 1), "RUN a"), None);
    }
}
