//! The JSON Schemas of what is written for programs, made from the types that write it.
//!
//! Draft 2020-12. They leave objects open: a new field comes without a new version.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::document::Document;
use super::json::Line;
use crate::manifest::schema::unwrap_lines;

/// The schema of the document of `--format json`, with a line feed at its end.
pub(crate) fn output() -> String {
    schema::<Document<'_>>()
}

/// The schema of a line of `--progress json`, with a line feed at its end.
pub(crate) fn events() -> String {
    schema::<Line<'_>>()
}

fn schema<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(plain).transform(&mut schema);
    format!("{:#}\n", schema.as_value())
}

/// Rewrites what the derived schema says otherwise than the types write it.
fn plain(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    unwrap_lines(object);
    // A number's width in memory is of no interest in JSON.
    object.remove("format");
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    // What may be absent is absent where there is nothing, and never null.
    let optional =
        properties.iter_mut().filter(|(name, _)| !required.contains(&(**name).clone().into()));
    for (_, property) in optional {
        if let Some(property) = property.as_object_mut() {
            crate::manifest::schema::drop_null(property);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::schema_tests::{is_updating, repository};

    fn check(name: &str, generated: &str) {
        let file = repository().join("schema").join(format!("{name}.schema.json"));
        if is_updating() {
            fs_err::write(&file, generated).unwrap();
        }
        let committed = fs_err::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == generated,
            "the types of what is written changed, so the schema did: write it again with\n\n    \
             occ schema {name} > schema/{name}.schema.json\n"
        );
        let schema: Value = serde_json::from_str(generated).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
    }

    #[test]
    fn the_committed_schemas_are_the_generated_ones() {
        check("output", &output());
        check("events", &events());
    }

    /// Calls `visit` with every property in a schema, and its name.
    fn properties(schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::Object(found)) = object.get("properties") {
                    found.iter().for_each(|(name, property)| visit(name, property));
                }
                object.values().for_each(|value| properties(value, visit));
            }
            Value::Array(list) => list.iter().for_each(|value| properties(value, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_field_is_described() {
        for text in [output(), events()] {
            properties(&serde_json::from_str(&text).unwrap(), &mut |name, property| {
                let is_tag = property.get("const").is_some();
                let told = property["description"].as_str().unwrap_or_default();
                assert!(is_tag || told.ends_with('.'), "`{name}`: {property}");
            });
        }
    }
}
