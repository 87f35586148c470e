//! YAML as a tree with places. Anchors, aliases and merge keys are resolved by the parser, which
//! also bounds what a small file can grow to.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, Spanned};

/// Keys and values in all, aliases followed. Large files have some thousands.
const MAX_NODES: usize = 100_000;

/// A place in the text, and how much of it is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct At {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// Bytes.
    pub(crate) span: Range<usize>,
}

impl At {
    fn new(location: Location) -> Self {
        let number = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
        let span = location.span();
        let start = span.byte_offset().map_or(0, number);
        let end = start.saturating_add(span.byte_len().map_or(0, number));
        let (line, column) = (number(location.line()), number(location.column()));
        Self { line, column, span: start..end }
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: At,
}

/// A value. What is no list and no map is text, as Compose takes it.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) at: At,
}

impl Node {
    /// The value as text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The fields of a map; none of anything else.
    pub(crate) fn fields(&self) -> &[(Key, Node)] {
        if let Value::Map(fields) = &self.value { fields } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Whether nothing is written there, which is as good as no key.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value of a field, with its key, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<(&Key, &Node)> {
        let found = self.fields().iter().find(|(key, _)| key.name == name);
        found.filter(|(_, node)| !node.is_null()).map(|(key, node)| (key, node))
    }
}

/// Reads the one document in a text. The error is what is wrong, and where.
pub(crate) fn parse(text: &str) -> Result<Node, (String, At)> {
    // `yes` is a word, and only `true` is true, as for Compose.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (message, mut at) = wrong(&error);
        // A mistake has a place and no length: then the letter there is shown.
        let letter = text.get(at.span.start..).and_then(|rest| rest.chars().next());
        if at.span.is_empty() && at.line > 0 {
            at.span.end += letter.map_or(0, char::len_utf8);
        }
        (message, at)
    })
}

fn wrong(error: &Error) -> (String, At) {
    let error = error.without_snippet();
    let told = error.to_string();
    let told = told.lines().next().unwrap_or_default();
    // The place is told apart from it.
    let message = told.split(" at line ").next().unwrap_or(told);
    // So are the parser's own settings.
    let message = message.split(", set ").next().unwrap_or(message);
    let message = if message.starts_with("budget breached") {
        "the file is larger than any Compose file, once its aliases are followed"
    } else {
        message
    };
    (message.to_owned(), error.location().map_or_else(At::default, At::new))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value, at: At::new(defined) })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { name: value, at: At::new(defined) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Takes whatever comes.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Text(it.to_string()))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Text(it.to_string()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Text(it.to_string()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Value::Text(it.to_string()))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::Text(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(at: &At) -> (usize, usize) {
        (at.line, at.column)
    }

    #[test]
    fn values_have_places_and_what_is_merged_is_where_it_is_written() {
        let text = "a: &a {b: 1.10, é: yes}\nc:\n  <<: *a\n  d: [~, true]\n";
        let tree = parse(text).unwrap();
        let (key, node) = tree.get("c").unwrap();
        assert_eq!((place(&key.at), &text[key.at.span.clone()]), ((2, 1), "c"));
        let (key, word) = node.get("é").unwrap();
        assert_eq!((place(&key.at), &text[key.at.span.clone()]), ((1, 17), "é"));
        assert_eq!((word.text(), place(&word.at)), (Some("yes"), (1, 20)));
        // Compose reads a number, too.
        assert_eq!(node.get("b").unwrap().1.text(), Some("1.1"));
        let list = node.get("d").unwrap().1.items();
        assert!(list[0].is_null());
        assert_eq!(list[1].text(), Some("true"));
    }

    #[test]
    fn what_is_no_yaml_has_its_place() {
        let wrong = |text: &str| {
            let (message, at) = parse(text).unwrap_err();
            (message, at.line, at.column)
        };
        assert_eq!(wrong("a: 1\na: 2\n"), ("duplicate mapping key: a".into(), 2, 1));
        assert_eq!(wrong("a: [\n"), ("unclosed bracket '['".into(), 1, 4));
        assert_eq!(wrong("a: *nope\n").1, 1);
        let bomb: Vec<String> =
            (0..40).map(|at| format!("a{}: &a{} [*a{at}, *a{at}]\n", at + 1, at + 1)).collect();
        assert!(parse(&format!("a0: &a0 [x]\n{}", bomb.concat())).is_err(), "it has an end");
    }
}
