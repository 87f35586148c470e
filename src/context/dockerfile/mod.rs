//! What a Dockerfile asks for: which images, which stages, and which builder.
//!
//! It is read as the classic builder reads it, which is the one that occ drives, and
//! only as far as occ has to know it before a build. What is wrong beyond that, the
//! engine says itself, and better.

mod expand;
pub(crate) mod label;
mod lines;
pub(crate) mod pin;
pub(crate) mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::context::dockerfile::expand::{Values, expand};
use crate::context::dockerfile::lines::{Instruction, instructions, words};
use crate::words::reference::Reference;
use crate::words::text::{cut, did_you_mean, list};

/// What building a target of a Dockerfile takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// The images that the stages of the target name, each once.
    pub(crate) bases: Vec<Reference>,
    /// The image that `# syntax=` names. Docker's classic builder takes no notice of it.
    pub(crate) frontend: Option<Reference>,
    /// Why no build of it can succeed, in words.
    pub(crate) problem: Option<String>,
    /// Why none can with Docker's classic builder, in words.
    pub(crate) newer: Option<String>,
    /// What could not be worked out, in words.
    pub(crate) warnings: Vec<String>,
}

/// Reads a Dockerfile for a build of `target`, or of its last stage, with `args` as
/// build arguments. `path` is what the Dockerfile is called in words.
pub(crate) fn demands(
    text: &str,
    path: &str,
    args: &BTreeMap<String, String>,
    target: Option<&str>,
) -> Demands {
    let stages = stages(text, &known(args));
    let target = target.filter(|target| !target.is_empty());
    let needed = match target.map(|target| find(&stages, target)) {
        None => &stages[..],
        Some(Some(last)) => &stages[..=last],
        // Without a stage it is no Dockerfile, and that is for the engine to say.
        Some(None) if stages.is_empty() => &[],
        Some(None) => {
            let problem = Some(no_stage(&stages, path, target.unwrap_or_default()));
            return Demands { problem, ..Demands::default() };
        }
    };
    let mut demands = Demands::default();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for stage in needed {
        for Mention { line, words, source, .. } in &stage.mentions {
            match source {
                Source::Image(image) if known.insert(image.canonical()) => {
                    demands.bases.push(image.clone());
                }
                Source::Unknown => demands.warnings.push(format!(
                    "line {line} of `{path}`: `{words}` is only known in the build, so its registry \
                     is not in the plan and gets no login"
                )),
                _ => {}
            }
        }
        if demands.newer.is_none() {
            demands.newer = stage
                .newer
                .as_ref()
                .map(|(line, word)| format!("line {line} of `{path}`: {word} needs BuildKit"));
        }
    }
    let frontend = lines::frontend(text).and_then(|(_, name)| name.parse::<Reference>().ok());
    demands.frontend = frontend.filter(|image| !known.contains(&image.canonical()));
    demands
}

/// What a Dockerfile names that a lock can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// The images that the stages of the target name, each once, without those that are
    /// named by digest.
    pub(crate) bases: Vec<Reference>,
    /// The image that `# syntax=` names, if it does so by tag. Docker's classic builder
    /// takes no notice of it.
    pub(crate) frontend: Option<Reference>,
    /// What names an image and can't be worked out from the Dockerfile and the manifest.
    pub(crate) unknown: Vec<String>,
}

/// Reads what there is to lock of a Dockerfile. The arguments in `hidden` have a value that
/// not everybody has.
pub(crate) fn references(
    text: &str,
    path: &str,
    args: &BTreeMap<String, String>,
    hidden: &BTreeSet<String>,
    target: Option<&str>,
) -> References {
    let mut values = known(args);
    values.extend(hidden.iter().map(|name| (name.clone(), None)));
    let stages = stages(text, &values);
    let last = target.filter(|target| !target.is_empty()).map(|target| find(&stages, target));
    let needed = match last {
        None => &stages[..],
        Some(Some(last)) => &stages[..=last],
        // The plan has more to say about it.
        Some(None) => &[],
    };
    let mut found = References::default();
    let mut seen = BTreeSet::new();
    for Mention { line, words, source, .. } in needed.iter().flat_map(|stage| &stage.mentions) {
        match source {
            Source::Image(image) if image.digest.is_none() && seen.insert(image.canonical()) => {
                found.bases.push(image.clone());
            }
            Source::Unknown => found.unknown.push(format!("line {line} of `{path}`: `{words}`")),
            _ => {}
        }
    }
    let frontend = lines::frontend(text).and_then(|(_, name)| name.parse::<Reference>().ok());
    found.frontend =
        frontend.filter(|image| image.digest.is_none() && !seen.contains(&image.canonical()));
    found
}

/// The names of its stages, in their order; `None` where there is no stage at all.
pub(crate) fn stage_names(text: &str) -> Option<Vec<String>> {
    let stages = stages(text, &Values::new());
    let names = || stages.iter().filter_map(|stage| stage.name.clone()).collect();
    (!stages.is_empty()).then(names)
}

/// Arguments of which every value is known.
fn known(args: &BTreeMap<String, String>) -> Values {
    args.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
}

/// A stage of a build.
#[derive(Debug, PartialEq, Eq)]
struct Stage {
    /// As written.
    name: Option<String>,
    /// What its instructions name.
    mentions: Vec<Mention>,
    /// What in it only `BuildKit` can do, and the line.
    newer: Option<(usize, String)>,
}

/// A name of an image or a stage in an instruction.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    /// Where the instruction begins, from 1.
    line: usize,
    /// The lines that it is on, from 0.
    lines: Range<usize>,
    /// What stands in front of the name.
    before: &'static str,
    /// The name as written.
    name: String,
    /// The words that name it, for messages.
    words: String,
    /// What it means.
    source: Source,
}

/// What a name in a Dockerfile means.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Image(Reference),
    /// Another stage, nothing at all, or what no engine takes for a name.
    Nothing,
    Unknown,
}

/// The arguments that `BuildKit` sets by itself.
const BY_PLATFORM: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// The stages of a Dockerfile in their order.
fn stages(text: &str, args: &Values) -> Vec<Stage> {
    let (instructions, escape) = instructions(text);
    // BuildKit sets these for the whole file, by the engine and the request.
    let mut values: Values = BY_PLATFORM.iter().map(|name| ((*name).to_owned(), None)).collect();
    let mut stages: Vec<Stage> = Vec::new();
    // A stage can be named once it is over, in any case.
    let mut over = BTreeSet::new();
    for one in &instructions {
        match (one.keyword.as_str(), stages.last_mut()) {
            ("ARG", None) => declare(one, args, &mut values, escape),
            ("FROM", last) => {
                over.extend(
                    last.and_then(|stage| stage.name.as_ref()).map(|name| name.to_lowercase()),
                );
                stages.push(begin(one, &over, &values, escape));
            }
            (_, None) => {}
            (_, Some(stage)) => {
                if stage.newer.is_none() {
                    stage.newer = newer(one).map(|word| (one.line, word));
                }
                for name in copied_from(one) {
                    stage.mentions.push(Mention {
                        line: one.line,
                        lines: one.lines.clone(),
                        before: "from=",
                        name: name.to_owned(),
                        words: format!("--from={}", short(name)),
                        source: copy_source(name, &over),
                    });
                }
            }
        }
    }
    stages
}

/// Takes over the arguments that an `ARG` in front of all stages declares. Their defaults
/// may name earlier ones.
fn declare(arg: &Instruction, args: &Values, values: &mut Values, escape: char) {
    for word in words(&arg.rest, escape) {
        let (name, default) = match word.split_once('=') {
            Some((name, default)) => (name, Some(default)),
            None => (word, None),
        };
        let value = match (args.get(name), default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => Some(expand(default, values, escape)),
            (None, None) if BY_PLATFORM.contains(&name) => Some(None),
            (None, None) => None,
        };
        match value {
            Some(value) => values.insert(name.to_owned(), value),
            None => values.remove(name),
        };
    }
}

/// The stage that a `FROM` begins.
fn begin(from: &Instruction, over: &BTreeSet<String>, values: &Values, escape: char) -> Stage {
    let parts: Vec<&str> = from.rest.split_whitespace().collect();
    let (base, name) = match parts[..] {
        [base, r#as, name] if r#as.eq_ignore_ascii_case("as") => (base, Some(name.to_owned())),
        [base] => (base, None),
        // The engine refuses any other number of words.
        _ => ("", None),
    };
    let source = match expand(base, values, escape) {
        None => Source::Unknown,
        // A number is no stage here: the engine looks for an image of that name.
        Some(name) if over.contains(&name.to_lowercase()) => Source::Nothing,
        Some(name) => image(&name),
    };
    // Without BuildKit the platform is empty, which the classic builder refuses.
    let platform = from.flags.iter().find(|flag| flag.name == "platform").filter(|flag| {
        ["BUILDPLATFORM", "TARGETPLATFORM"].iter().any(|name| flag.value.contains(name))
            && expand(&flag.value, values, escape).is_none_or(|value| value.is_empty())
    });
    let newer =
        platform.map(|flag| (from.line, format!("`FROM --platform={}`", short(&flag.value))));
    let mention = Mention {
        line: from.line,
        lines: from.lines.clone(),
        before: "",
        name: base.to_owned(),
        words: format!("FROM {}", short(base)),
        source,
    };
    Stage { name, mentions: vec![mention], newer }
}

/// What only `BuildKit` can do of an instruction, in words: what every classic builder
/// refuses, or passes over and so builds something else.
///
/// `--link` is not among it: an older engine refuses it in words of its own, and a newer
/// one may pass over it, as the image's content is the same without.
fn newer(one: &Instruction) -> Option<String> {
    if let Some(heredoc) = &one.heredoc {
        return Some(format!("the here-document `{}`", short(heredoc)));
    }
    let flags: &[&str] = match one.keyword.as_str() {
        "RUN" => &["mount", "network", "security", "device"],
        "COPY" => &["chmod", "parents", "exclude"],
        "ADD" => &["chmod", "exclude", "checksum", "keep-git-dir", "unpack"],
        _ => return None,
    };
    let mut used = one.flags.iter().filter(|flag| {
        // Without a value or with this one they are as good as absent, on newer engines.
        let is_on = flag.value != "false" && (flag.name != "chmod" || !flag.value.is_empty());
        is_on && flags.contains(&flag.name.as_str())
    });
    used.next().map(|flag| format!("`{} --{}`", one.keyword, flag.name))
}

/// What an instruction names beside the base of its stage.
fn copied_from(one: &Instruction) -> Vec<&str> {
    let flags = one.flags.iter();
    match one.keyword.as_str() {
        "COPY" => flags.filter(|flag| flag.name == "from").map(|flag| &*flag.value).collect(),
        "RUN" => flags
            .filter(|flag| flag.name == "mount")
            .flat_map(|flag| flag.value.split(','))
            .filter_map(|part| part.strip_prefix("from="))
            .collect(),
        _ => Vec::new(),
    }
}

/// What a `--from=` means. Nothing is substituted in it, a number is a stage's, and the
/// engine looks for an image of any name that is no stage's yet.
fn copy_source(name: &str, over: &BTreeSet<String>) -> Source {
    if over.contains(&name.to_lowercase()) || name.parse::<i64>().is_ok() {
        return Source::Nothing;
    }
    image(name)
}

fn image(name: &str) -> Source {
    match name.parse() {
        Ok(image) if name != "scratch" => Source::Image(image),
        _ => Source::Nothing,
    }
}

/// As much of a foreign word as is worth showing.
fn short(word: &str) -> &str {
    cut(word, 120)
}

/// Where the stage of a name is. The classic builder knows no other way to say it.
fn find(stages: &[Stage], target: &str) -> Option<usize> {
    let is_it = |name: &String| name.eq_ignore_ascii_case(target);
    stages.iter().position(|stage| stage.name.as_ref().is_some_and(is_it))
}

/// That there is no stage of a name, and what may have been meant.
fn no_stage(stages: &[Stage], path: &str, target: &str) -> String {
    let names: Vec<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let by_number = target.parse::<usize>().ok().and_then(|number| stages.get(number));
    let meant = match (by_number, did_you_mean(target, names.iter().copied())) {
        (Some(Stage { name: Some(name), .. }), _) => {
            format!("a stage is named, not numbered: `{name}`")
        }
        (Some(Stage { name: None, .. }), _) => {
            "a stage is named, not numbered: give it a name, `FROM … AS name`".to_owned()
        }
        (None, Some(name)) => format!("did you mean `{name}`?"),
        (None, None) if names.is_empty() => "no stage in it has a name".to_owned(),
        (None, None) => {
            let names: Vec<String> =
                names.iter().take(20).map(|name| format!("`{}`", short(name))).collect();
            format!("it has {}", list(&names, "and"))
        }
    };
    format!("`target` is `{target}`, and `{path}` has no such stage; {meant}")
}

#[cfg(test)]
mod tests;
