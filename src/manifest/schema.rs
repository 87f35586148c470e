//! The JSON Schema of the manifest, made from the model.
//!
//! Draft 7, and of that the part which the TOML editors Taplo and Even Better TOML
//! understand: no `const`, no `if`, no `$defs`. Only `occ schema` and the tests come here.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::manifest::model::{Count, Format, Manifest, Registries, Registry};
use crate::manifest::reader::{At, Entries};

/// The schema as a document, with a line feed at its end.
pub(crate) fn json() -> String {
    document::<Manifest>()
}

/// The schema of a file of this type.
pub(crate) fn document<T: JsonSchema>() -> String {
    // Before draft 7's own rewriting, which looks for what stands beside a `$ref`.
    let settings = SchemaSettings::draft07().with(|it| it.transforms.insert(0, Box::new(Plain)));
    let schema = settings.into_generator().into_root_schema_for::<T>();
    format!("{:#}\n", schema.as_value())
}

/// What a value is doesn't depend on where it stands.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<K: JsonSchema, V: JsonSchema> JsonSchema for Entries<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pattern = K::json_schema(generator).get("pattern").cloned();
        let pattern = pattern.as_ref().and_then(Value::as_str).unwrap_or_default();
        json_schema!({
            "type": "object",
            "patternProperties": { pattern: generator.subschema_for::<V>() },
            "additionalProperties": false,
        })
    }
}

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": Self::MAX })
    }
}

impl JsonSchema for Registries {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Registries".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": generator.subschema_for::<Registry>(),
            "maxItems": Self::MAX,
        })
    }
}

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": [Self::NUMBER] })
    }
}

/// Rewrites what the derived schema says in a way that the editors don't know.
#[derive(Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            drop_null(object);
            merge_words(object);
            unwrap_lines(object);
        }
        transform_subschemas(self, schema);
    }
}

/// An optional key may be absent. TOML has no null.
pub(crate) fn drop_null(object: &mut Map<String, Value>) {
    let is_null = |value: &Value| *value == json!("null") || *value == json!({ "type": "null" });
    for keyword in ["type", "anyOf"] {
        let Some(Value::Array(list)) = object.get_mut(keyword) else { continue };
        list.retain(|value| !is_null(value));
        if list.len() > 1 {
            continue;
        }
        let only = list.pop();
        object.remove(keyword);
        match only {
            Some(Value::Object(only)) => {
                // The key's own description is the better one.
                for (keyword, value) in only {
                    object.entry(keyword).or_insert(value);
                }
            }
            Some(only) => {
                object.insert(keyword.to_owned(), only);
            }
            None => {}
        }
    }
}

/// Words with a description each become one list of words with one description.
fn merge_words(object: &mut Map<String, Value>) {
    let Some(Value::Array(list)) = object.get("oneOf") else { return };
    let mut words = Vec::new();
    let mut lines = Vec::new();
    for entry in list {
        let Some(word) = entry.get("const").and_then(Value::as_str) else { return };
        let text = entry.get("description").and_then(Value::as_str).unwrap_or_default();
        words.push(word);
        lines.push(format!("- `{word}`: {text}"));
    }
    let own = object.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{own}\n\n{}", lines.join("\n"));
    let merged = json!({ "type": "string", "enum": words, "description": description });
    object.remove("oneOf");
    if let Value::Object(merged) = merged {
        object.extend(merged);
    }
}

/// A comment is wrapped where the source ends its lines; an editor wraps by itself.
pub(crate) fn unwrap_lines(object: &mut Map<String, Value>) {
    let Some(Value::String(text)) = object.get_mut("description") else { return };
    let paragraphs = text.split("\n\n").map(|paragraph| {
        if paragraph.starts_with("- ") {
            paragraph.to_owned()
        } else {
            paragraph.replace('\n', " ")
        }
    });
    *text = paragraphs.collect::<Vec<_>>().join("\n\n");
}
