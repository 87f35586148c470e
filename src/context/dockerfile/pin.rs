//! A Dockerfile in which locked images are named by their digest.
//!
//! Each name is replaced where it stands, and nothing else: every line keeps its number.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::context::dockerfile::expand::Values;
use crate::context::dockerfile::{Mention, Source, known, lines, short, stages};
use crate::words::digest::Digest;
use crate::words::reference::Reference;

/// The text with `repository@digest` for each image that has a digest in `digests`, by its
/// full name. The error says which one could not be replaced.
pub(crate) fn pin(
    text: &str,
    args: &BTreeMap<String, String>,
    digests: &BTreeMap<String, Digest>,
) -> Result<String, String> {
    let values: Values = known(args);
    let starts = line_starts(text);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for mention in stages(text, &values).iter().flat_map(|stage| &stage.mentions) {
        let Source::Image(image) = &mention.source else { continue };
        let Some(digest) = digests.get(&image.canonical()) else { continue };
        let is_new = |at: usize| edits.iter().all(|(place, _)| place.start != at);
        let place = find(text, &starts, mention, is_new).ok_or_else(|| {
            format!(
                "line {}: `{}` stands there in a way that it can't be pinned in",
                mention.line, mention.words
            )
        })?;
        edits.push((place, pinned(image, digest)));
    }
    if let Some((line, name)) = lines::frontend(text)
        && let Ok(image) = name.parse::<Reference>()
        && let Some(digest) = digests.get(&image.canonical())
        && let Some(sign) = text[starts[line]..].find('=')
        && let Some(at) = text[starts[line] + sign..].find(name)
    {
        let start = starts[line] + sign + at;
        edits.push((start..start + name.len(), pinned(&image, digest)));
    }
    // From the end, so that places in front of it stay true.
    edits.sort_by_key(|(place, _)| place.start);
    let mut out = text.to_owned();
    for (place, name) in edits.into_iter().rev() {
        out.replace_range(place, &name);
    }
    Ok(out)
}

/// Without the tag, which some engines don't take beside a digest.
fn pinned(image: &Reference, digest: &Digest) -> String {
    image.repository.with_digest(digest).to_string()
}

fn line_starts(text: &str) -> Vec<usize> {
    let after = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after).collect()
}

/// Where a name stands, quotes included; the first such place that is new, since one
/// instruction may name it more than once.
fn find(
    text: &str,
    starts: &[usize],
    mention: &Mention,
    is_new: impl Fn(usize) -> bool,
) -> Option<Range<usize>> {
    let Mention { before, name, .. } = mention;
    // The value of a flag is known without its quotes.
    let spellings = [name.clone(), format!("\"{name}\""), format!("'{name}'")];
    for line in mention.lines.clone() {
        let start = *starts.get(line)?;
        let end = starts.get(line + 1).copied().unwrap_or(text.len());
        let written = &text[start..end];
        if written.trim_start().starts_with('#') {
            continue;
        }
        for spelling in &spellings {
            let needle = format!("{before}{spelling}");
            let fits = |at: usize| {
                let (left, right) = (&written[..at], &written[at + needle.len()..]);
                let opens =
                    |c: char| c.is_whitespace() || !before.is_empty() && "-,=\"'".contains(c);
                let ends = |c: char| c.is_whitespace() || !before.is_empty() && ",\"'".contains(c);
                is_new(start + at + before.len())
                    && left.chars().next_back().is_some_and(opens)
                    && right.chars().next().is_none_or(ends)
            };
            if let Some((at, _)) = written.match_indices(&needle).find(|(at, _)| fits(*at)) {
                let from = start + at + before.len();
                return Some(from..from + spelling.len());
            }
        }
    }
    tracing::debug!(name = short(name), "not found where it was read");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// Pins `a.example/x:1` and `redis`, and writes `@A` for their digest.
    fn pinned(text: &str) -> Result<String, String> {
        let digest: Digest = A.parse().unwrap();
        let names = ["a.example/x:1", "docker.io/library/redis:latest"];
        let digests = names.map(|name| (name.to_owned(), digest.clone())).into();
        let args = BTreeMap::from([("X".to_owned(), "x:1".to_owned())]);
        Ok(pin(text, &args, &digests)?.replace(A, "A"))
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(pinned(text).as_deref(), Ok(want), "{text}");
    }

    #[test]
    fn names_are_replaced_where_they_stand() {
        check("FROM a.example/x:1\n", "FROM a.example/x@A\n");
        check(
            "# a.example/x:1\nfrom  --platform=linux/amd64 a.example/x:1 as b # \nRUN a.example/x:1",
            "# a.example/x:1\nfrom  --platform=linux/amd64 a.example/x:1 as b # \nRUN a.example/x:1",
        );
        check(
            "# c\r\nfrom --platform=linux/amd64 \\\r\n # redis\r\n redis AS redis2\r\nRUN redis\r\n",
            "# c\r\nfrom --platform=linux/amd64 \\\r\n # redis\r\n docker.io/library/redis@A AS redis2\r\nRUN redis\r\n",
        );
        check(
            "ARG X=y\nFROM a.example/$X\nFROM \"a.example/x:1\"\nFROM other:1",
            "ARG X=y\nFROM a.example/x@A\nFROM a.example/x@A\nFROM other:1",
        );
        check(
            "FROM redis AS redis\nFROM redis\nCOPY --from=redis a b\n",
            "FROM docker.io/library/redis@A AS redis\nFROM redis\nCOPY --from=redis a b\n",
        );
    }

    #[test]
    fn flags_and_the_frontend_are_names_too() {
        check(
            "\u{feff}# syntax = redis a\nFROM scratch\nCOPY --chown=1 --from=redis --from redis /\n",
            "\u{feff}# syntax = docker.io/library/redis@A a\nFROM scratch\nCOPY --chown=1 --from=docker.io/library/redis@A --from redis /\n",
        );
        check(
            "FROM b\nCOPY --from=\"a.example/x:1\" a /\nRUN --mount=from=redis,target=/redis \\\n  --mount=type=bind,from='redis' redis\n",
            "FROM b\nCOPY --from=a.example/x@A a /\nRUN --mount=from=docker.io/library/redis@A,target=/redis \\\n  --mount=type=bind,from=docker.io/library/redis@A redis\n",
        );
    }

    #[test]
    fn a_directive_is_not_taken_for_its_value() {
        let digest: Digest = A.parse().unwrap();
        let digests = BTreeMap::from([("docker.io/library/syntax:latest".to_owned(), digest)]);
        let told = pin("#syntax=syntax\nFROM x\n", &BTreeMap::new(), &digests).unwrap();
        assert_eq!(told, format!("#syntax=docker.io/library/syntax@{A}\nFROM x\n"));
    }

    #[test]
    fn a_name_that_cannot_be_found_again_is_an_error() {
        let error = pinned("FROM b\nCOPY --from=re\\\ndis a /\n").unwrap_err();
        assert_eq!(
            error,
            "line 2: `--from=redis` stands there in a way that it can't be pinned in"
        );
    }
}
