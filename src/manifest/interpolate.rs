//! `${env:NAME}` and `${env:NAME:-default}` in build arguments.
//!
//! Nothing else is interpolated, and nothing nests. `$${` is a plain `${`; a `$` that
//! no `{` follows is a plain `$`. Any other `${…}` is a mistake: who writes `${HOME}`
//! means a variable, and would get the letters.

use crate::state::args::Part;
use crate::words::grant::is_variable;

/// A build argument's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// Texts and variables, in their order.
    pub(crate) parts: Vec<Part>,
}

/// Why a text is no [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// No `}`.
    #[error("`${{` without `}}`")]
    Open,
    /// Not `env:`.
    #[error("`${{{0}}}` is not known, only `${{env:NAME}}` and `${{env:NAME:-default}}` are")]
    Unknown(String),
    /// The name's grammar.
    #[error("bad name of an environment variable in `${{{0}}}`")]
    Name(String),
}

impl TemplateError {
    /// The same without a word of the text.
    pub(crate) fn unquoted(&self) -> &'static str {
        match self {
            Self::Open => "`${` without `}`",
            Self::Unknown(_) => "only `${env:NAME}` and `${env:NAME:-default}` are known",
            Self::Name(_) => "bad name of an environment variable in `${…}`",
        }
    }
}

impl Template {
    /// Takes the text apart.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                plain.push_str(&rest[..at - 1]);
                plain.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            plain.push_str(&rest[..at]);
            let (inside, after) = rest[at + 2..].split_once('}').ok_or(TemplateError::Open)?;
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            parts.push(variable(inside)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self { parts })
    }

    /// The text, if it reads no variable.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }
}

fn variable(inside: &str) -> Result<Part, TemplateError> {
    let unknown = || TemplateError::Unknown(inside.to_owned());
    let body = inside.strip_prefix("env:").ok_or_else(unknown)?;
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    let good = is_variable(name);
    // `${env:A:-${env:B}}` would end at the first brace and leave a stray one.
    if !good || default.is_some_and(|default| default.contains("${")) {
        return Err(if good { unknown() } else { TemplateError::Name(inside.to_owned()) });
    }
    Ok(Part::Variable { name: name.to_owned(), default: default.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let plain = |text: &str| Part::Plain(text.to_owned());
        let variable = |name: &str, default: Option<&str>| Part::Variable {
            name: name.to_owned(),
            default: default.map(str::to_owned),
        };
        let check = |text: &str, want: &[Part]| {
            assert_eq!(Template::parse(text).unwrap().parts, want, "{text}");
        };
        check("", &[]);
        check("a $b {c} $", &[plain("a $b {c} $")]);
        check("$${env:A} $$$${", &[plain("${env:A} $$${")]);
        check("${env:A}", &[variable("A", None)]);
        check("v${env:_A1:-x:-y}!", &[plain("v"), variable("_A1", Some("x:-y")), plain("!")]);
        check("${env:A:-}", &[variable("A", Some(""))]);
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |text: &str, want: &str| {
            assert_eq!(Template::parse(text).unwrap_err().to_string(), want);
        };
        check("${env:A", "`${` without `}`");
        check(
            "${HOME}",
            "`${HOME}` is not known, only `${env:NAME}` and `${env:NAME:-default}` are",
        );
        check("${env:1A}", "bad name of an environment variable in `${env:1A}`");
        check("${env:}", "bad name of an environment variable in `${env:}`");
        assert!(Template::parse("${env:A:-${env:B}}").is_err());
    }
}
