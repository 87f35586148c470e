//! `${VAR:-default}` as Compose has it, and what becomes of it in a manifest.
//!
//! A manifest reads the environment for build arguments alone, and with consent. Everywhere
//! else a variable becomes its default; where it has none there is nothing to write.

use std::fmt::Write as _;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Variable { name: String, rule: Rule, written: String },
}

/// What a variable means when it is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// `$A`, `${A}`: nothing.
    Nothing,
    /// `${A:-x}`: this; also when it is empty.
    Default(Vec<Part>),
    /// `${A-x}`: this, and when it is empty, nothing.
    DefaultUnset(Vec<Part>),
    /// `${A:?x}`, `${A?x}`: an error.
    Required,
    /// `${A:+x}`, `${A+x}`: nothing; and this when it is set.
    Replaced,
}

/// A text with variables gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) text: String,
    /// Those that were there, as they are written.
    pub(crate) gone: Vec<String>,
}

/// The text as it is when no variable is set. The error says why there is no such text.
pub(crate) fn fixed(text: &str) -> Result<Fixed, String> {
    let mut out = Fixed::default();
    fix(&parse(text)?, &mut out)?;
    Ok(out)
}

fn fix(parts: &[Part], out: &mut Fixed) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Plain(text) => out.text.push_str(text),
            Part::Variable { rule, written, .. } => {
                out.gone.push(written.clone());
                match rule {
                    Rule::Default(default) | Rule::DefaultUnset(default) => {
                        let known = out.gone.len();
                        fix(default, out)?;
                        // What stands in a default is told with it.
                        out.gone.truncate(known);
                    }
                    Rule::Replaced => {}
                    Rule::Nothing | Rule::Required => {
                        return Err(format!("`{written}` has no default"));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The text as a build argument of a manifest, which reads the same variables. With it come
/// those that mean something else in a rare case. The error says what can't be said there.
pub(crate) fn argument(text: &str) -> Result<(String, Vec<String>), String> {
    let mut out = String::new();
    let mut differs = Vec::new();
    for part in parse(text)? {
        match part {
            Part::Plain(text) => out.push_str(&text.replace("${", "$${")),
            Part::Variable { name, rule, written } => {
                let default = match &rule {
                    Rule::Nothing => String::new(),
                    Rule::Required => {
                        let _ = write!(out, "${{env:{name}}}");
                        continue;
                    }
                    Rule::Default(default) | Rule::DefaultUnset(default) => plain(default)
                        .ok_or_else(|| format!("`{written}` has a variable in its default"))?,
                    Rule::Replaced => {
                        return Err(format!("`{written}` can't be said in a manifest"));
                    }
                };
                if default.contains('}') || default.contains("${") {
                    return Err(format!("`{written}` has a `}}` in its default"));
                }
                if matches!(rule, Rule::DefaultUnset(_)) {
                    differs.push(written);
                }
                let _ = write!(out, "${{env:{name}:-{default}}}");
            }
        }
    }
    Ok((out, differs))
}

/// The text of parts without variables.
fn plain(parts: &[Part]) -> Option<String> {
    let text = |part: &Part| match part {
        Part::Plain(text) => Some(text.clone()),
        Part::Variable { .. } => None,
    };
    parts.iter().map(text).collect()
}

fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        add(&mut parts, &rest[..at]);
        let after = &rest[at + 1..];
        let end = match after.chars().next() {
            Some('$') => {
                add(&mut parts, "$");
                1
            }
            Some('{') => {
                let inside = inside(&after[1..]).ok_or_else(|| format!("`{text}` lacks a `}}`"))?;
                let written = format!("${{{inside}}}");
                parts.push(variable(inside, &written)?);
                inside.len() + 2
            }
            _ => {
                let name = name(after);
                if name.is_empty() {
                    return Err(format!("a plain `$` is written `$$`, in `{text}`"));
                }
                let written = format!("${name}");
                parts.push(Part::Variable { name: name.to_owned(), rule: Rule::Nothing, written });
                name.len()
            }
        };
        rest = &after[end..];
    }
    add(&mut parts, rest);
    Ok(parts)
}

fn add(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Plain(last)) => last.push_str(text),
        _ => parts.push(Part::Plain(text.to_owned())),
    }
}

/// What stands before the brace that closes the one in front.
fn inside(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(&text[..at]),
            '}' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

/// The name that a text begins with.
fn name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())]
}

/// `NAME`, `NAME:-default` and so on.
fn variable(inside: &str, written: &str) -> Result<Part, String> {
    let name = name(inside);
    let rest = &inside[name.len()..];
    let known = || {
        if let Some(default) = rest.strip_prefix(":-") {
            return Some(parse(default).map(Rule::Default));
        }
        if let Some(default) = rest.strip_prefix('-') {
            return Some(parse(default).map(Rule::DefaultUnset));
        }
        match rest {
            "" => Some(Ok(Rule::Nothing)),
            _ if rest.starts_with(":?") || rest.starts_with('?') => Some(Ok(Rule::Required)),
            _ if rest.starts_with(":+") || rest.starts_with('+') => Some(Ok(Rule::Replaced)),
            _ => None,
        }
    };
    let rule = known().filter(|_| !name.is_empty());
    let rule = rule.ok_or_else(|| format!("`{written}` is no variable"))??;
    Ok(Part::Variable { name: name.to_owned(), rule, written: written.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_variables_a_text_is_its_defaults() {
        let check = |text: &str, want: Result<&str, &str>| {
            let found = fixed(text).map(|fixed| fixed.text);
            assert_eq!(found.as_deref().map_err(String::as_str), want, "{text}");
        };
        check("a:1", Ok("a:1"));
        check("a$$b", Ok("a$b"));
        check("${R:-ghcr.io}/a:${TAG-1}", Ok("ghcr.io/a:1"));
        check("${A:-${B:-x}}y", Ok("xy"));
        check("a${DEBUG:+-debug}", Ok("a"));
        check("a:${TAG}", Err("`${TAG}` has no default"));
        check("a:$TAG", Err("`$TAG` has no default"));
        check("${A:-${B}}", Err("`${B}` has no default"));
        check("${TAG:?set it}", Err("`${TAG:?set it}` has no default"));
        check("${TAG", Err("`${TAG` lacks a `}`"));
        check("${1}", Err("`${1}` is no variable"));
        check("${A!x}", Err("`${A!x}` is no variable"));
        check("5 $", Err("a plain `$` is written `$$`, in `5 $`"));
        assert_eq!(fixed("${A:-${B:-x}}$$").unwrap().gone, ["${A:-${B:-x}}"]);
    }

    #[test]
    fn a_build_argument_reads_the_same_variables() {
        let check = |text: &str, want: Result<&str, &str>| {
            let found = argument(text).map(|(text, _)| text);
            assert_eq!(found.as_deref().map_err(String::as_str), want, "{text}");
        };
        check("plain $$5", Ok("plain $5"));
        check("$${A}", Ok("$${A}"));
        check("v${A:-1}-$B", Ok("v${env:A:-1}-${env:B:-}"));
        check("${A:?must be set}", Ok("${env:A}"));
        check("${A:-${B}}", Err("`${A:-${B}}` has a variable in its default"));
        check("${A:+x}", Err("`${A:+x}` can't be said in a manifest"));
        assert_eq!(argument("${A-x}").unwrap(), ("${env:A:-x}".into(), vec!["${A-x}".into()]));
    }
}
