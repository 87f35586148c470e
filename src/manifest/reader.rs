//! Walks the TOML tree: takes known keys out of tables and reports the rest.
//!
//! Reading goes on after a mistake, so that one run shows all of them. Whoever
//! needs to know whether a key is absent or merely wrong asks [`Fields::close`].

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::manifest::problems::Problems;
use crate::words::diagnostic::Diagnostic;
use crate::words::text;

/// A value in the tree, with its place.
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// Something read from the manifest, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    /// What was read.
    pub(crate) value: T,
    /// Byte range in the manifest's text.
    pub(crate) span: Range<usize>,
}

/// What a TOML value can be read into. `None` after a mistake, which is reported.
pub(crate) trait FromValue: Sized {
    /// Reads `value`, which stands at `key`.
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self>;
}

/// The dotted path of a key, as a chain that costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    /// The file as a whole.
    Root,
    /// A key in a table.
    Field(&'a Key<'a>, &'a str),
    /// An element of an array.
    Index(&'a Key<'a>, usize),
}

impl<'a> Key<'a> {
    /// The key `name` below this one.
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    /// The last part, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Root => "the manifest".to_owned(),
            Self::Field(_, name) => format!("`{name}`"),
            Self::Index(parent, _) => format!("an entry of {}", parent.name()),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match self {
            Self::Root => Ok(()),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Field(parent, name) => {
                if !matches!(parent, Self::Root) {
                    write!(f, "{parent}.")?;
                }
                if !name.is_empty() && name.chars().all(bare) {
                    f.write_str(name)
                } else {
                    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
                }
            }
        }
    }
}

/// A table whose keys are taken one by one.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'i, 'p, 't> {
    table: &'a DeTable<'i>,
    span: Range<usize>,
    key: Key<'a>,
    problems: &'p mut Problems<'t>,
    asked: Vec<&'static str>,
    broken: Vec<&'static str>,
}

impl<'a, 'i, 'p, 't> Fields<'a, 'i, 'p, 't> {
    /// Opens a value that must be a table.
    pub(crate) fn open(
        value: &'a Value<'i>,
        key: Key<'a>,
        problems: &'p mut Problems<'t>,
    ) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type(value, key, "a table", problems);
            return None;
        };
        Some(Self::of(table, value.span(), key, problems))
    }

    /// Opens a table, the file's own for one.
    pub(crate) fn of(
        table: &'a DeTable<'i>,
        span: Range<usize>,
        key: Key<'a>,
        problems: &'p mut Problems<'t>,
    ) -> Self {
        Self { table, span, key, problems, asked: Vec::new(), broken: Vec::new() }
    }

    /// Reads an optional key.
    pub(crate) fn get<T: FromValue>(&mut self, name: &'static str) -> Option<At<T>> {
        self.asked.push(name);
        let value = self.table.get(name)?;
        let before = self.problems.errors();
        let read = T::from_value(value, self.key.field(name), self.problems);
        if self.problems.errors() > before {
            self.broken.push(name);
        }
        read.map(|read| At { value: read, span: value.span() })
    }

    /// Reads a key that must be there.
    pub(crate) fn require<T: FromValue>(
        &mut self,
        name: &'static str,
        hint: &str,
    ) -> Option<At<T>> {
        if !self.table.contains_key(name) {
            let diagnostic = Diagnostic::error(format!("missing key `{name}`"))
                .key(self.key.to_string())
                .hint(hint);
            self.problems.missing(diagnostic, self.span.clone());
            self.broken.push(name);
        }
        self.get(name)
    }

    /// Whether the table has the key, read or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Reports the keys that nobody asked for, and tells which ones had mistakes.
    pub(crate) fn close(self) -> Vec<&'static str> {
        for (name, _) in self.table {
            let (name, span) = (name.get_ref().as_ref(), name.span());
            // Without its header, a key has landed in some other table.
            if self.asked.contains(&name) || self.problems.has_lost_header(span.start) {
                continue;
            }
            let diagnostic = Diagnostic::error(format!("unknown key `{}`", text::cut(name, 60)))
                .key(self.key.field(name).to_string());
            let diagnostic = if self.problems.is_flooded() {
                diagnostic
            } else {
                diagnostic.hint(suggestion(name, &self.asked))
            };
            self.problems.push(diagnostic, span);
        }
        self.broken
    }
}

/// The key that was probably meant, or all there are.
fn suggestion(name: &str, known: &[&str]) -> String {
    // A longer one is none of ours, and comparing it takes its time.
    let close = (name.len() <= 60).then(|| text::did_you_mean(name, known.iter().copied()));
    match close.flatten() {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known keys here: {}", known.join(", ")),
    }
}

/// Reports that `value` should have been `want` ("a string").
pub(crate) fn wrong_type(value: &Value<'_>, key: Key<'_>, want: &str, problems: &mut Problems<'_>) {
    let have = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    let mut diagnostic = Diagnostic::error(format!("{} must be {want}, not {have}", key.name()))
        .key(key.to_string());
    let written = problems.slice(value.span());
    let path = key.to_string();
    let is_time = path.starts_with("timeouts.") || path.ends_with("backoff");
    let cure = match value.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) => None,
        DeValue::Integer(_) if is_time => Some(("quotes, with a unit", format!("\"{written}s\""))),
        DeValue::String(_) if want == "a table" => in_a_table(&path, written),
        DeValue::String(_) if want == "an array" => Some(("brackets", format!("[{written}]"))),
        _ if want == "a string" => Some(("quotes", format!("\"{written}\""))),
        _ => None,
    };
    let is_hidden = problems.is_hidden(&value.span());
    if let DeValue::Float(float) = value.get_ref()
        && want == "an integer"
        && !is_hidden
        && let Some(number) = whole(float.as_str())
    {
        diagnostic = diagnostic.hint(format!("write `{number}`"));
    }
    if let Some((what, example)) = cure {
        let example = if is_hidden { String::new() } else { format!(": `{example}`") };
        diagnostic = diagnostic.hint(format!("put it in {what}{example}"));
    }
    problems.push(diagnostic, value.span());
}

/// What a string is meant for where a table has to stand.
fn in_a_table(path: &str, written: &str) -> Option<(&'static str, String)> {
    let is_image = path.strip_prefix("images.").is_some_and(|id| !id.contains('.'));
    let is_build = path.rsplit('.').next() == Some("build");
    let key = match (is_build, is_image) {
        (true, _) => "context",
        (_, true) => "name",
        _ => return None,
    };
    Some(("a table", format!("{{ {key} = {written} }}")))
}

/// The integer that a float is as good as, if it is one that somebody counts with.
fn whole(float: &str) -> Option<String> {
    let number: f64 = float.parse().ok()?;
    (number.fract() == 0.0 && (1.0..1e15).contains(&number)).then(|| format!("{number:.0}"))
}

/// The string in `value`, or a report.
pub(crate) fn string<'v>(
    value: &'v Value<'_>,
    key: Key<'_>,
    problems: &mut Problems<'_>,
) -> Option<&'v str> {
    let DeValue::String(string) = value.get_ref() else {
        wrong_type(value, key, "a string", problems);
        return None;
    };
    if string.contains('\0') {
        let diagnostic = Diagnostic::error(format!("{} contains a NUL character", key.name()))
            .key(key.to_string());
        problems.push(diagnostic, value.span());
        return None;
    }
    Some(string)
}

impl FromValue for String {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        string(value, key, problems).map(str::to_owned)
    }
}

impl FromValue for bool {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        if let DeValue::Boolean(boolean) = value.get_ref() {
            return Some(*boolean);
        }
        wrong_type(value, key, "`true` or `false`", problems);
        None
    }
}

impl<T: FromValue> FromValue for Vec<At<T>> {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            wrong_type(value, key, "an array", problems);
            return None;
        };
        let mut list = Self::with_capacity(array.len());
        for (index, element) in array.iter().enumerate() {
            if let Some(read) = T::from_value(element, Key::Index(&key, index), problems) {
                list.push(At { value: read, span: element.span() });
            }
        }
        Some(list)
    }
}

/// A table whose keys are free, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entries<K, V>(pub(crate) Vec<(At<K>, At<V>)>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> FromValue for Entries<K, V>
where
    K: std::str::FromStr,
    K::Err: fmt::Display,
    V: FromValue,
{
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            wrong_type(value, key, "a table", problems);
            return None;
        };
        // The tree sorts keys by name; people expect the order that they wrote.
        let mut written: Vec<_> = table.iter().collect();
        written.sort_by_key(|(name, _)| name.span().start);
        let mut entries = Vec::with_capacity(table.len());
        for (name, value) in written {
            let (name, span) = (name.get_ref().as_ref(), name.span());
            let path = key.field(name);
            let read = name.parse::<K>();
            if let Err(error) = &read {
                let diagnostic = Diagnostic::error(format!("bad key `{name}`: {error}"));
                problems.push(diagnostic.key(path.to_string()), span.clone());
            }
            let value = V::from_value(value, path, problems)
                .map(|read| At { value: read, span: value.span() });
            if let (Ok(name), Some(value)) = (read, value) {
                entries.push((At { value: name, span }, value));
            }
        }
        Some(Self(entries))
    }
}
