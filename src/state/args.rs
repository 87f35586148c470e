//! Build arguments that read the environment, and what becomes of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;

/// A build argument that reads environment variables. Its value is known once they were
/// consented to and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The argument's name.
    pub(crate) arg: String,
    /// What its value is made of, in this order.
    pub(crate) parts: Vec<Part>,
    /// An error at its value's place, still without words.
    pub(crate) at: Diagnostic,
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Plain text.
    Plain(String),
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
        /// What stands in for it when it is not set, or empty.
        default: Option<String>,
    },
}

/// The environment variables that may be read, as far as they are set.
pub(crate) type Variables = BTreeMap<String, OsString>;

impl Reading {
    /// The names of the variables that it reads, each as often as it does.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Plain(_) => None,
        })
    }

    /// Its value. As in a shell and in Compose, an empty variable has the default, too,
    /// and without a default it is empty.
    pub(crate) fn value(&self, variables: &Variables) -> Result<String, Box<Diagnostic>> {
        let wrong = |message: String, hint: String| {
            let (code, hints) = (Some(Code::Variable), vec![hint]);
            Box::new(Diagnostic { code, message, hints, ..self.at.clone() })
        };
        let mut value = String::new();
        for part in &self.parts {
            let (name, default) = match part {
                Part::Plain(text) => {
                    value.push_str(text);
                    continue;
                }
                Part::Variable { name, default } => (name, default.as_deref()),
            };
            match (variables.get(name), default) {
                (None, None) => {
                    return Err(wrong(
                        format!("the environment variable `{name}` is not set"),
                        format!("set it, or write a default: `${{env:{name}:-default}}`"),
                    ));
                }
                (None, Some(default)) => value.push_str(default),
                (Some(set), Some(default)) if set.is_empty() => value.push_str(default),
                (Some(set), _) => match set.to_str() {
                    Some(set) => value.push_str(set),
                    None => {
                        return Err(wrong(
                            format!("the value of the environment variable `{name}` is not UTF-8"),
                            "a build argument is text: set it to some".to_owned(),
                        ));
                    }
                },
            }
        }
        Ok(value)
    }
}

/// Whether an argument is one of those for proxies, which every builder knows. They say
/// how the world is reached from this machine and not what to build, so they are sent and
/// are no inputs.
pub(crate) fn is_proxy_arg(name: &str) -> bool {
    // All of it in the one case or the other; builders know no mixture.
    PROXY_ARGS.iter().any(|known| *known == name || known.to_ascii_lowercase() == name)
}

const PROXY_ARGS: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, default: Option<&str>) -> Part {
        Part::Variable { name: name.to_owned(), default: default.map(str::to_owned) }
    }

    fn value(parts: Vec<Part>, set: &[(&str, &str)]) -> Result<String, String> {
        let at = Diagnostic::error("").key("images.x.build.args.A");
        let reading = Reading { arg: "A".to_owned(), parts, at };
        let variables = set.iter().map(|(name, value)| ((*name).to_owned(), value.into()));
        reading.value(&variables.collect()).map_err(|error| {
            assert_eq!(error.key_path, "images.x.build.args.A");
            format!("{}; {}", error.message, error.hints.join("; "))
        })
    }

    #[test]
    fn a_value_is_made_of_texts_and_variables() {
        let check = |parts: Vec<Part>, set: &[(&str, &str)], want: &str| {
            assert_eq!(value(parts, set), Ok(want.to_owned()));
        };
        let text = |text: &str| Part::Plain(text.to_owned());
        check(vec![], &[], "");
        check(vec![text("v"), variable("B", None), text("!")], &[("B", "1")], "v1!");
        check(vec![variable("B", Some("dev"))], &[("B", "nightly")], "nightly");
        check(vec![variable("B", Some("dev"))], &[], "dev");
        // As a shell has it: with `:-` an empty one counts as not set, without it does not.
        check(vec![variable("B", Some("dev"))], &[("B", "")], "dev");
        check(vec![variable("B", None)], &[("B", "")], "");
        check(vec![variable("B", Some(""))], &[], "");
        // What a variable holds is text and nothing else.
        check(vec![variable("B", None)], &[("B", "${env:C} $${")], "${env:C} $${");
    }

    #[test]
    fn without_a_value_and_a_default_it_is_an_error() {
        let unset = value(vec![variable("B", Some("x")), variable("C", None)], &[("B", "1")]);
        let want = "the environment variable `C` is not set; \
                    set it, or write a default: `${env:C:-default}`";
        assert_eq!(unset, Err(want.to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_an_error_that_does_not_show_it() {
        use std::os::unix::ffi::OsStringExt as _;
        let at = Diagnostic::error("");
        let parts = vec![variable("B", Some("default"))];
        let odd = OsString::from_vec(b"hunter2\xff".to_vec());
        let reading = Reading { arg: "A".to_owned(), parts, at };
        let error = reading.value(&Variables::from([("B".to_owned(), odd)])).unwrap_err();
        assert_eq!(error.message, "the value of the environment variable `B` is not UTF-8");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn proxies_are_known_by_their_names() {
        for name in ["HTTP_PROXY", "https_proxy", "FTP_PROXY", "no_proxy", "ALL_PROXY"] {
            assert!(is_proxy_arg(name), "{name}");
        }
        for name in ["Http_Proxy", "HTTP_proxy", "MY_HTTP_PROXY", "PROXY", "SOCKS_PROXY", ""] {
            assert!(!is_proxy_arg(name), "{name}");
        }
    }
}
