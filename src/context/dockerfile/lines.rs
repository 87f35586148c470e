//! A Dockerfile's text as instructions: directives, continued lines, comments,
//! here-documents and flags.
//!
//! Nothing here is an error. What makes no sense to this reader makes none to the
//! engine, whose words about it are better, or is new to this reader only.

use std::ops::Range;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// The lines that it is on, from 0, without those of here-documents.
    pub(super) lines: Range<usize>,
    /// As written, on one line.
    pub(super) text: String,
    /// In upper case.
    pub(super) keyword: String,
    /// In front of its arguments.
    pub(super) flags: Vec<Flag>,
    /// The arguments, on one line.
    pub(super) rest: String,
    /// The first here-document that begins on it, as written: `<<EOF`.
    pub(super) heredoc: Option<String>,
}

/// `--name=value`, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) name: String,
    /// Empty where there is none.
    pub(super) value: String,
}

/// The instructions of a Dockerfile, and the character that it escapes with.
pub(super) fn instructions(text: &str) -> (Vec<Instruction>, char) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> =
        text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut reader = Reader { escape: escape(&lines), lines, at: 0, heredocs: true };
    let mut all = Vec::new();
    while let Some((line, text)) = reader.logical_line() {
        let lines = line - 1..reader.at;
        let text = text.trim();
        let (keyword, rest) = text.split_once(SPACES).unwrap_or((text, ""));
        let keyword = keyword.to_uppercase();
        let (flags, rest) = flags(rest);
        let heredoc = if takes_heredocs(&keyword, rest) { reader.heredocs(rest) } else { None };
        let (text, rest) = (text.to_owned(), rest.trim().to_owned());
        all.push(Instruction { line, lines, text, keyword, flags, rest, heredoc });
    }
    (all, reader.escape)
}

/// What the engine takes for spaces between the words of an instruction.
const SPACES: [char; 5] = [' ', '\t', '\r', '\u{b}', '\u{c}'];

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    escape: char,
    /// Whether here-documents are looked for.
    heredocs: bool,
}

impl Reader<'_> {
    /// The next line that is neither empty nor a comment, with the lines that continue
    /// it, and the number of its first. Comments and empty lines do not end it.
    fn logical_line(&mut self) -> Option<(usize, String)> {
        loop {
            let first = self.lines.get(self.at)?.trim_start();
            self.at += 1;
            if first.starts_with('#') {
                continue;
            }
            let number = self.at;
            let (first, mut goes_on) = self.continued(first);
            let mut text = first.to_owned();
            while goes_on && let Some(line) = self.lines.get(self.at).copied() {
                self.at += 1;
                let start = line.trim_start();
                if start.is_empty() || start.starts_with('#') {
                    continue;
                }
                let (part, more) = self.continued(line);
                text.push_str(part);
                goes_on = more;
            }
            if !text.trim().is_empty() {
                return Some((number, text));
            }
        }
    }

    /// A line without the character that continues it, and whether it had one. Two of
    /// them are one that is escaped.
    fn continued<'a>(&self, line: &'a str) -> (&'a str, bool) {
        match line.trim_end_matches([' ', '\t']).strip_suffix(self.escape) {
            Some(before) if !before.ends_with(self.escape) => (before, true),
            _ => (line, false),
        }
    }

    /// Skips the here-documents that begin on an instruction, and returns the first.
    ///
    /// One that never ends makes the whole file an error for the builders that know
    /// here-documents. So it is written for one that does not, and none is looked for
    /// any more, which also keeps the reading from being quadratic.
    fn heredocs(&mut self, rest: &str) -> Option<String> {
        let begin = self.at;
        let mut first = None;
        for word in words(rest, '\\') {
            if !self.heredocs {
                break;
            }
            let Some((tabs, name)) = heredoc(word) else { continue };
            let is_end = |line: &&str| {
                let line = if tabs { line.trim_start_matches('\t') } else { line };
                line == name
            };
            if let Some(length) = self.lines[self.at..].iter().position(is_end) {
                self.at += length + 1;
                first.get_or_insert_with(|| word.to_owned());
            } else {
                self.heredocs = false;
                self.at = begin;
                return None;
            }
        }
        first
    }
}

/// The character that `# escape=` sets, or the usual one.
fn escape(lines: &[&str]) -> char {
    let mut set = directives(lines).filter(|(_, name, _)| name == "escape");
    if set.any(|(_, _, value)| value == "`") { '`' } else { '\\' }
}

/// The image that `# syntax=` names as the frontend, and its line from 0.
pub(super) fn frontend(text: &str) -> Option<(usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').collect();
    let (line, _, value) = directives(&lines).find(|(_, name, _)| name == "syntax")?;
    // Words behind it are for the frontend.
    Some((line, value.split_whitespace().next()?))
}

/// The directives of a Dockerfile, each with its line from 0. They stand at the top, before
/// everything else, comments and empty lines included.
fn directives<'t>(lines: &[&'t str]) -> impl Iterator<Item = (usize, String, &'t str)> {
    lines.iter().enumerate().map_while(|(at, line)| {
        let (name, value) = line.trim_start().strip_prefix('#')?.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        ["escape", "syntax", "check"].contains(&&*name).then_some((at, name, value.trim()))
    })
}

/// The flags at the front of an instruction's arguments, and what follows. `--` alone
/// ends them.
fn flags(rest: &str) -> (Vec<Flag>, &str) {
    let mut found = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let mut word = String::new();
        let mut quote = None;
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match (c, quote) {
                ('\\', _) => word.extend(chars.next().map(|(_, c)| c)),
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (c, None) if c.is_whitespace() => {
                    end = at;
                    break;
                }
                (c, _) => word.push(c),
            }
        }
        rest = rest[end..].trim_start();
        if word == "--" {
            break;
        }
        let word = word.trim_start_matches("--");
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        found.push(Flag { name: name.to_owned(), value: value.to_owned() });
    }
    (found, rest)
}

/// The words of a text with their quotes: spaces in quotes and escaped ones part nothing.
pub(super) fn words(text: &str, escape: char) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let mut quote = None;
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            if c == escape {
                chars.next();
            } else if quote == Some(c) {
                quote = None;
            } else if quote.is_none() && c.is_whitespace() {
                end = at;
                break;
            } else if quote.is_none() && matches!(c, '"' | '\'') {
                quote = Some(c);
            }
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether here-documents can begin on an instruction.
fn takes_heredocs(keyword: &str, rest: &str) -> bool {
    let takes = |keyword: &str| ["RUN", "COPY", "ADD"].contains(&keyword);
    let inner = || rest.split(SPACES).next().unwrap_or_default().to_uppercase();
    takes(keyword) || keyword == "ONBUILD" && takes(&inner())
}

/// Whether tabs are taken from a here-document's lines, and the line that ends it, if a
/// word begins one: `<<EOF`, `<<-EOF`, `3<<"EOF"`.
fn heredoc(word: &str) -> Option<(bool, String)> {
    let after = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (tabs, name) = after.strip_prefix('-').map_or((false, after), |name| (true, name));
    let is_name = !name.contains('<');
    let name: String = name.chars().filter(|c| !matches!(c, '"' | '\'' | '\\')).collect();
    (is_name && !name.is_empty()).then_some((tabs, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instructions as `line KEYWORD --flag=value|rest` and, where there is one, the
    /// here-document.
    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let (all, _) = instructions(text);
        let shown: Vec<String> = all
            .iter()
            .map(|one| {
                let flags: Vec<String> = one
                    .flags
                    .iter()
                    .map(|Flag { name, value }| format!("--{name}={value}|"))
                    .collect();
                let flags = flags.concat();
                let heredoc = one.heredoc.as_ref().map(|doc| format!(" [{doc}]"));
                let (line, keyword, rest) = (one.line, &one.keyword, &one.rest);
                format!("{line} {keyword} {flags}{rest}{}", heredoc.unwrap_or_default())
            })
            .collect();
        assert_eq!(shown, want, "{text}");
    }

    #[test]
    fn lines_are_joined_as_the_engine_joins_them() {
        check("from a\n\n  # FROM b\n\tCopy x /\n", &["1 FROM a", "4 COPY x /"]);
        check("RUN a \\  \n\n  # c\n# d \\\n b\nCMD\n", &["1 RUN a  b", "6 CMD "]);
        check("FRO\\\nM a", &["1 FROM a"]);
        check("\\\nFROM a", &["1 FROM a"]);
        check("RUN a \\\\\nRUN b", &["1 RUN a \\\\", "2 RUN b"]);
        check("FROM a \\", &["1 FROM a"]);
        check("FROM a \\\n\n", &["1 FROM a"]);
        check("\u{feff}FROM a\r\nRUN b \\\r\n c\r\n", &["1 FROM a", "2 RUN b  c"]);
        check("FROM\u{a0}a", &["1 FROM\u{a0}A "]);
        check("", &[]);
        check("\\", &[]);
    }

    #[test]
    fn directives_stand_at_the_top_and_nowhere_else() {
        let is_set = |top: &str| instructions(&format!("{top}FROM a\n")).1 == '`';
        assert!(is_set("# escape=`\n"));
        assert!(is_set("\u{feff}  #\tEsCaPe = `  \r\n"));
        assert!(is_set("# syntax=docker/dockerfile:1\n# check=skip=all\n#escape=`\n"));
        assert!(!is_set("\n# escape=`\n"));
        assert!(!is_set("# a comment\n# escape=`\n"));
        assert!(!is_set("# other=x\n# escape=`\n"));
        assert!(!is_set("# escape=x\n"));
        assert!(!is_set("ARG A\n# escape=`\n"));
        check("# escape=`\nRUN a `\n b \\\nRUN c", &["2 RUN a  b \\", "4 RUN c"]);
    }

    #[test]
    fn flags_stand_in_front() {
        check("COPY --from=a --chown=1:1 x --link /", &["1 COPY --from=a|--chown=1:1|x --link /"]);
        check("COPY --from=\"a b\" x /", &["1 COPY --from=a b|x /"]);
        check("COPY --from='a\\\n' --x x /", &["1 COPY --from=a|--x=|x /"]);
        check("FROM -- --a", &["1 FROM --a"]);
        check("RUN [\"--mount=x\"]", &["1 RUN [\"--mount=x\"]"]);
        check("RUN --mount=\"a", &["1 RUN --mount=a|"]);
    }

    #[test]
    fn the_body_of_a_here_document_holds_no_instructions() {
        check(
            "RUN cat <<EOF > /x\nFROM b\n EOF\nEOF\nCMD\n",
            &["1 RUN cat <<EOF > /x [<<EOF]", "5 CMD "],
        );
        check("COPY <<-'E' <<F /\n\tE\nE\nF\nCMD", &["1 COPY <<-'E' <<F / [<<-'E']", "5 CMD "]);
        check("COPY <<-'E' <<F /\n\tE\nx\nF\nCMD", &["1 COPY <<-'E' <<F / [<<-'E']", "5 CMD "]);
        check(
            "ONBUILD add 3<<\"E\" /\nx\r\nE\r\nCMD",
            &["1 ONBUILD add 3<<\"E\" / [3<<\"E\"]", "4 CMD "],
        );
        check("RUN a <<E && \\\n b\nx\nE\nCMD", &["1 RUN a <<E &&  b [<<E]", "5 CMD "]);
        // None of these is one.
        check("LABEL a=b <<E\nE", &["1 LABEL a=b <<E", "2 E "]);
        check(
            "RUN a '<<E' \"b <<E\" c<<E <<<E << E\nE",
            &["1 RUN a '<<E' \"b <<E\" c<<E <<<E << E", "2 E "],
        );
        check("RUN echo $((1 <<2))\n2", &["1 RUN echo $((1 <<2))", "2 2 "]);
        // The classic builder runs this one; the shell ends the document.
        check("RUN cat <<E\nCMD\nRUN <<F\nF", &["1 RUN cat <<E", "2 CMD ", "3 RUN <<F", "4 F "]);
    }
}
