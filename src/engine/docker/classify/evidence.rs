//! What of a message is evidence: everything but the names in it.
//!
//! `manifest for ghcr.io/corp/denied-proxy:1 not found` says "not found" and not
//! "denied". So the names that we know are taken out before anything is matched,
//! and what is left is matched by whole words.

use crate::words::reference::{DOCKER_HUB, Reference};
use crate::words::text::{cut, foreign_line};

/// More of a message than this is never looked at.
const MAX_EVIDENCE: usize = 16 * 1024;

/// The lower-cased message without URLs and without the names of `reference`.
pub(super) fn evidence(message: &str, reference: Option<&Reference>) -> String {
    let mut text = cut(message, MAX_EVIDENCE).to_lowercase();
    text = without_urls(&text);
    if let Some(reference) = reference {
        let repository = &reference.repository;
        let path = repository.path.to_lowercase();
        let host = repository.registry.to_lowercase();
        text = without_name(&text, &format!("{host}/{path}"));
        text = without_name(&text, &path);
        if host == DOCKER_HUB
            && let Some(short) = path.strip_prefix("library/")
        {
            text = without_name(&text, short);
        }
        text = without_name(&text, &host);
        if let Some(tag) = &reference.tag {
            // Podman says `reading manifest 1.2 in ghcr.io/a/b`.
            text = text.replace(&format!("manifest {} in", tag.to_lowercase()), "manifest in");
        }
    }
    text
}

/// Whether `phrase` (lower case) stands in `text` as whole words.
///
/// `.`, `-`, `/`, `:` and `@` join words when they stand between two of them, as in
/// `denied-proxy`, `corp/denied` and `app:denied`.
pub(super) fn says(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(start, _)| {
        let end = start + phrase.len();
        let open_left = !starts_with_word(phrase) || !joined(text[..start].chars().rev());
        let open_right = !ends_with_word(phrase) || !joined(text[end..].chars());
        open_left && open_right
    })
}

/// Replaces what stands between `://` and `@` of each URL: it may be a password.
pub(in crate::engine::docker) fn mask_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| ends_url(c) || c == '/').unwrap_or(tail.len());
        rest = match tail[..end].rfind('@') {
            Some(userinfo) => {
                out.push_str("***");
                &tail[userinfo..]
            }
            None => tail,
        };
    }
    out.push_str(rest);
    out
}

/// An address with nothing before its `@`. What is no proper URL has no proper end of
/// the userinfo either, so the last `@` counts.
pub(in crate::engine::docker) fn mask_address(address: &str) -> String {
    let Some((userinfo, host)) = address.rsplit_once('@') else { return address.to_owned() };
    let scheme = userinfo.find("://").map_or("", |at| &userinfo[..at + 3]);
    format!("{scheme}***@{host}")
}

/// A foreign message as it may be shown: one line, no secrets.
pub(in crate::engine::docker) fn shown(message: &str) -> String {
    // Cutting first could cut an `@` off and so show the password before it.
    foreign_line(&mask_userinfo(cut(message, MAX_EVIDENCE)))
}

fn without_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let scheme = rest[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
        let tail = &rest[at + 3..];
        // A socket's path tells who was not there.
        if &rest[scheme..at] == "unix" {
            out.push_str(&rest[..at + 3]);
            rest = tail;
            continue;
        }
        out.push_str(&rest[..scheme]);
        rest = &tail[tail.find(ends_url).unwrap_or(tail.len())..];
    }
    out.push_str(rest);
    out
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | ',' | ')' | ']' | '}')
}

/// Takes a name and the tag or digest after it out of the text.
///
/// A name of one plain word could as well be evidence. It goes only where it has a
/// tag or digest, or stands where messages put names.
fn without_name(text: &str, name: &str) -> String {
    let plain = !name.contains(['/', '.', ':']);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(name) {
        let (before, after) = (&rest[..start], &rest[start + name.len()..]);
        let tail = after.strip_prefix([':', '@']).filter(|tail| tail.starts_with(is_word));
        let end = tail.map_or(0, |tail| {
            let tail_end =
                tail.find(|c: char| !(is_word(c) || ".-:@".contains(c))).unwrap_or(tail.len());
            // A colon at the end belongs to the sentence: `app:1: not found`.
            1 + tail[..tail_end].trim_end_matches([':', '.', '@']).len()
        });
        let whole = !joined(before.chars().rev()) && (end > 0 || !joined(after.chars()));
        let named = ["for ", "in ", "repository ", "image ", "reference ", "lookup ", "host "]
            .iter()
            .any(|word| before.ends_with(word));
        if whole && (!plain || end > 0 || named) {
            out.push_str(before);
            rest = &after[end..];
        } else {
            out.push_str(&rest[..start + name.len()]);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Whether the first of `chars` continues the word that ends before it.
fn joined(mut chars: impl Iterator<Item = char>) -> bool {
    match chars.next() {
        Some(c) if is_word(c) => true,
        Some('.' | '-' | '/' | ':' | '@') => chars.next().is_some_and(is_word),
        _ => false,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_with_word(phrase: &str) -> bool {
    phrase.starts_with(is_word)
}

fn ends_with_word(phrase: &str) -> bool {
    phrase.ends_with(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_count() {
        let check =
            |text: &str, phrase: &str, want: bool| assert_eq!(says(text, phrase), want, "{text}");
        check("read: eof", "eof", true);
        check("(eof).", "eof", true);
        check("unknown/eof:1 is fine", "eof", false);
        check("denied-proxy", "denied", false);
        check("app:denied", "denied", false);
        check("denied: no", "denied", true);
        check("10.0.0.1:429: refused", "429", false);
        check("x509: certificate", "x509:", true);
    }

    #[test]
    fn names_and_addresses_are_no_evidence() {
        let check = |text: &str, name: &str, want: &str| {
            assert_eq!(evidence(text, Some(&name.parse().unwrap())), want);
        };
        check(
            "manifest for ghcr.io/corp/denied:1 not found",
            "ghcr.io/corp/denied:1",
            "manifest for  not found",
        );
        check("manifest for corp/eof:1: EOF", "corp/eof:1", "manifest for : eof");
        check("Get \"https://denied.io/v2/\": EOF", "denied.io/a/b", "get \"\": eof");
        check(
            "pull access denied for denied, repository",
            "denied",
            "pull access denied for , repository",
        );
        check("lookup eof on 1.1.1.1:53: EOF", "eof:80/a", "lookup eof on 1.1.1.1:53: eof");
        check("a/b@sha256:12 unknown", "x.io/a/b", " unknown");
        // A letter of more than one byte before the scheme.
        check("denied: see “https://x.io/y”", "x.io/a/b", "denied: see “");
        check("請見https://x.io é://y", "x.io/a/b", "請見 é");
    }

    #[test]
    fn passwords_in_addresses_are_masked() {
        assert_eq!(
            mask_userinfo("proxy http://u:p@ss@h:1/x failed"),
            "proxy http://***@h:1/x failed"
        );
        assert_eq!(mask_userinfo("http://h/a@b"), "http://h/a@b");
        assert_eq!(mask_address("bob:s3cret@h:2375"), "***@h:2375");
        assert_eq!(mask_address("ssh://bob:s3/cret@h"), "ssh://***@h");
        assert_eq!(mask_address("unix:///x"), "unix:///x");
        assert_eq!(mask_userinfo("a://b:c@d e://f"), "a://***@d e://f");
    }
}
