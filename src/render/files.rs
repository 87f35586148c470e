//! The text of `occ files`: what a build context holds, what it does not, and why.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::fit::{clean, width};
use super::look::{Look, Tone};
use crate::words::text::{bytes, count};

/// Ignored paths that are listed; `--format json` has all of them.
const SHOWN: usize = 20;

/// What the document has of a build context: all of it, or the answer about one path.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Contents {
    /// All that is sent, and all that is not.
    Files(Files),
    /// One path.
    Explained(Explained),
}

/// What becomes of one path, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explained {
    /// Relative to the context.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

/// What a build context holds: plain data, for the text and the document.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Files {
    /// The directory, as the manifest has it; absent for a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    /// The Dockerfile, relative to it.
    pub(crate) dockerfile: String,
    /// The ignore file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ignore_file: Option<String>,
    /// Bytes of the archive, before it is compressed.
    pub(crate) bytes_sent: u64,
    /// All that is sent, in its order.
    pub(crate) sent: Vec<Sent>,
    /// What is not, without what is below it.
    pub(crate) ignored: Vec<Unsent>,
}

/// Something that is sent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Sent {
    /// Relative to the context.
    pub(crate) path: String,
    /// `file`, `directory`, `link`.
    pub(crate) kind: &'static str,
    /// Bytes of a file.
    pub(crate) size: u64,
}

/// Something that is ignored.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Unsent {
    /// Relative to the context; with a slash at the end for a directory.
    pub(crate) path: String,
    /// The line of the ignore file that decides.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) pattern: String,
}

/// All in one view. Ends with a line feed.
///
/// ```text
/// tool: 2 files and 1 directory, 3.1 kB as sent
/// the largest:
///   1.2 kB  src/main.rs
///     20 B  Dockerfile
/// ignored by .dockerignore:
///   target/  line 1: `target`
/// ```
pub(crate) fn files(id: &str, files: &Files, look: Look) -> String {
    let number = |kind: &str| files.sent.iter().filter(|sent| sent.kind == kind).count();
    let mut out = format!(
        "{}: {} and {}, {} as sent\n",
        look.paint(Tone::Strong, &clean(id)),
        count(number("file") + number("link"), "file", "files"),
        count(number("directory"), "directory", "directories"),
        bytes(files.bytes_sent),
    );
    let mut largest: Vec<&Sent> = files.sent.iter().filter(|sent| sent.kind == "file").collect();
    // The largest first, and of equal ones the first by name.
    largest.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    largest.truncate(20);
    if !largest.is_empty() {
        out.push_str("the largest:\n");
    }
    let columns = largest.iter().map(|sent| width(&bytes(sent.size))).max().unwrap_or(0);
    for sent in largest {
        let size = bytes(sent.size);
        let gap = columns.saturating_sub(width(&size));
        let _ = writeln!(out, "  {:gap$}{size}  {}", "", clean(&sent.path));
    }
    let Some(by) = &files.ignore_file else { return out };
    let by = clean(by);
    let _ = if files.ignored.is_empty() {
        writeln!(out, "{by} ignores nothing that is there")
    } else {
        writeln!(out, "ignored by {by}:")
    };
    let columns = files.ignored.iter().take(SHOWN).map(|unsent| width(&unsent.path)).max();
    let columns = columns.unwrap_or(0).min(40);
    for Unsent { path, line, pattern } in files.ignored.iter().take(SHOWN) {
        let path = super::fit::pad(&clean(path), if look.is_narrow() { 0 } else { columns });
        let _ = writeln!(out, "  {path}  line {line}: `{}`", clean(pattern));
    }
    if files.ignored.len() > SHOWN {
        let _ = writeln!(out, "  and {} more", files.ignored.len() - SHOWN);
    }
    out
}

/// Why a path is sent or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// There is no such file.
    Missing,
    /// It is sent; a line may have taken it out of what others ignore.
    Sent {
        /// That line; null where no line says anything.
        rule: Option<Rule>,
    },
    /// It is not.
    Ignored {
        /// The line that ignores it.
        rule: Rule,
    },
    /// It is sent, because the builder reads it, and hidden from `COPY`.
    Hidden {
        /// The line that ignores it.
        rule: Rule,
    },
    /// It is something that no archive carries.
    Special,
}

/// A line of an ignore file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Rule {
    /// The file's name.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) pattern: String,
}

/// One sentence about a path. Ends with a line feed.
pub(crate) fn verdict(path: &str, verdict: &Verdict) -> String {
    let by = |rule: &Rule| {
        let Rule { file, line, pattern } = rule;
        format!("line {line} of `{}` says `{}`", clean(file), clean(pattern))
    };
    let path = clean(path);
    let because = match verdict {
        Verdict::Missing => "is not in the context".to_owned(),
        Verdict::Sent { rule: None } => "is sent: no line ignores it".to_owned(),
        Verdict::Sent { rule: Some(rule) } => format!("is sent: {}", by(rule)),
        Verdict::Ignored { rule } => format!("is ignored: {}", by(rule)),
        Verdict::Hidden { rule } => {
            format!("is sent because the builder reads it, and hidden from `COPY`: {}", by(rule))
        }
        Verdict::Special => "is a socket, pipe or device, which is never sent".to_owned(),
    };
    format!("`{path}` {because}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_what_is_not_comes_in_one_view() {
        let sent = |path: &str, kind, size| Sent { path: path.into(), kind, size };
        let mut all = Files {
            context: Some(".".into()),
            dockerfile: "Dockerfile".into(),
            ignore_file: Some(".dockerignore".into()),
            bytes_sent: 3072,
            sent: vec![
                sent("Dockerfile", "file", 20),
                sent("src", "directory", 0),
                sent("src/ma\x1bin.rs", "file", 1200),
            ],
            ignored: vec![Unsent { path: "target/".into(), line: 1, pattern: "target".into() }],
        };
        insta::assert_snapshot!(files("tool", &all, Look::test(80)), @r"
        tool: 2 files and 1 directory, 3.1 kB as sent
        the largest:
          1.2 kB  src/ma\x1bin.rs
            20 B  Dockerfile
        ignored by .dockerignore:
          target/  line 1: `target`
        ");
        all.ignored = vec![all.ignored[0].clone(); 25];
        assert!(files("tool", &all, Look::test(80)).ends_with("\n  and 5 more\n"));
        all.ignored.clear();
        let text = files("tool", &all, Look::test(80));
        assert!(text.ends_with("\n.dockerignore ignores nothing that is there\n"), "{text}");
    }

    #[test]
    fn a_path_is_explained_in_a_sentence() {
        let rule = Rule { file: ".dockerignore".into(), line: 3, pattern: "!a".into() };
        let say = |what| verdict("a", &what);
        assert_eq!(say(Verdict::Missing), "`a` is not in the context\n");
        assert_eq!(say(Verdict::Sent { rule: None }), "`a` is sent: no line ignores it\n");
        assert_eq!(
            say(Verdict::Sent { rule: Some(rule) }),
            "`a` is sent: line 3 of `.dockerignore` says `!a`\n"
        );
    }
}
