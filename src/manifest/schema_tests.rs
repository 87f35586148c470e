//! The schema is the one that is committed, and it says what the parsers say.

use std::path::Path;

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};
use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use crate::manifest::names::{Host, LocalTag, Name, RegistryEntry, RepositoryPath};
use crate::manifest::problems::Problems;
use crate::manifest::reader::{FromValue, Key};
use crate::manifest::tests::{desired, parsed};
use crate::manifest::text::{
    ImageId, LabelKey, OccVersion, PathText, PlatformChoice, SourceTag, Tag, Text, Variable, Word,
};
use crate::manifest::{DEFAULT, schema};
use crate::state::desired::{Builder, PullPolicy, Strategy, Template};
use crate::words::digest::Digest;
use crate::words::duration::Span;
use crate::words::failure::BuildOn;
use crate::words::network::Network;
use crate::words::reference::Reference;
use crate::{IMAGE_NAME_GHCR, IMAGE_TAG_DEFAULT};

/// The validator of another house.
pub(super) fn validator() -> jsonschema::Validator {
    jsonschema::draft7::new(&document()).unwrap()
}

fn document() -> Json {
    serde_json::from_str(&schema::json()).unwrap()
}

/// Whether the tests write what they would compare with: `OCC_UPDATE=1 cargo test`.
#[allow(clippy::disallowed_methods, reason = "a switch for whoever runs the tests")]
pub(crate) fn is_updating() -> bool {
    std::env::var_os("OCC_UPDATE").is_some_and(|value| value == "1")
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Calls `visit` with every schema in the document.
fn walk(schema: &Json, visit: &mut dyn FnMut(&Json)) {
    match schema {
        Json::Object(object) => {
            visit(schema);
            object.values().for_each(|value| walk(value, visit));
        }
        Json::Array(list) => list.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let file = repository().join("schema/opencode.schema.json");
    if is_updating() {
        fs_err::write(&file, schema::json()).unwrap();
    }
    let committed = fs_err::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == schema::json(),
        "the manifest's types changed, so the schema did: write it again with\n\n    \
         occ schema > schema/opencode.schema.json\n"
    );
}

#[test]
fn the_schema_is_valid_draft_7_for_the_editors() {
    let document = document();
    assert_eq!(document["$schema"], json!("http://json-schema.org/draft-07/schema#"));
    assert_eq!(document["title"], json!("occ-manifest"));
    jsonschema::draft7::meta::validate(&document).unwrap();
    walk(&document, &mut |schema| {
        for word in ["const", "if", "then", "$defs", "unevaluatedProperties", "nullable", "format"]
        {
            assert!(schema.get(word).is_none(), "`{word}` in {schema}");
        }
        if schema["type"] == json!("object") {
            assert_eq!(schema["additionalProperties"], json!(false), "{schema}");
        }
        assert!(!schema.to_string().contains("\"null\""), "{schema}");
        // What stands beside a reference is not read in draft 7.
        assert!(schema.get("$ref").is_none() || schema.as_object().unwrap().len() == 1, "{schema}");
    });
}

#[test]
fn every_property_is_described() {
    walk(&document(), &mut |schema| {
        let tables = [schema.get("properties"), schema.get("definitions")];
        for (name, property) in tables.iter().flatten().filter_map(|t| t.as_object()).flatten() {
            let text = property["description"].as_str().unwrap_or_default();
            for word in property.get("enum").and_then(Json::as_array).into_iter().flatten() {
                let line = format!("\n- `{}`: ", word.as_str().unwrap_or("1"));
                assert!(word.is_i64() || text.contains(&line), "{line} is not in {text}");
            }
            assert!(text.ends_with('.'), "`{name}`: {property}");
        }
    });
}

#[test]
fn the_schemas_defaults_are_the_defaults() {
    let document = document();
    let defaults = |table: &str| -> String {
        let properties = document["definitions"][table]["properties"].as_object().unwrap();
        properties
            .iter()
            .filter_map(|(key, property)| Some(format!("{key} = {}\n", property.get("default")?)))
            .collect()
    };
    let short =
        "version = 1\n[images.a]\nname = \"a\"\nregistries = [\"quay.io\"]\n[images.a.build]\n";
    let long = format!(
        "version = 1\n[defaults]\n{}[retry]\n{}[timeouts]\n{}[limits]\n{}\
         [images.a]\nname = \"a\"\n{}\
         registries = [{{ registry = \"quay.io\", repository = \"a\", {} }}]\n[images.a.build]\n{}",
        defaults("Defaults"),
        defaults("Retry"),
        defaults("Timeouts"),
        defaults("Limits"),
        defaults("Image"),
        defaults("RegistryTable").trim(),
        defaults("Build"),
    );
    assert_eq!(long.matches(" = ").count(), 5 + 14 + 4 + 2, "{long}");
    let mut long = desired(&long);
    let short = desired(short);
    long.images[0].place = short.images[0].place;
    assert_eq!(long, short);
}

/// Every word that the schema has for a type is read.
fn words_agree<T: FromValue + JsonSchema>(count: usize) {
    let mut generator = schemars::SchemaGenerator::default();
    let words = T::json_schema(&mut generator);
    let words: Vec<&Json> =
        words.get("oneOf").unwrap().as_array().unwrap().iter().map(|w| &w["const"]).collect();
    assert_eq!(words.len(), count);
    for word in words {
        let text = word.to_string();
        let mut problems = Problems::new(&text, Path::new("x"));
        let value = toml::de::DeValue::parse(&text).unwrap();
        assert!(T::from_value(&value, Key::Root, &mut problems).is_some(), "{word} is not read");
    }
}

#[test]
fn words_are_those_of_the_schema() {
    words_agree::<Strategy>(3);
    words_agree::<PullPolicy>(3);
    words_agree::<BuildOn>(4);
    words_agree::<Template>(1);
    words_agree::<Network>(3);
    words_agree::<Builder>(3);
}

/// What the pattern accepts, so that a search over many texts is quick.
fn pattern<T: Text>() -> jsonschema::Validator {
    jsonschema::draft7::new(&json!({ "type": "string", "pattern": T::pattern() })).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() }
}

/// A parser and its pattern say the same about texts of a few tricky pieces.
fn agree<T: Text>(pieces: &'static [&'static str]) {
    let pattern = pattern::<T>();
    let texts = prop::collection::vec(prop::sample::select(pieces), 0..7);
    proptest!(config(), |(text in texts)| {
        let text = text.concat();
        prop_assert_eq!(text.parse::<T>().is_ok(), pattern.is_valid(&json!(text)), "{:?}", text);
    });
}

/// What a parser accepts, its pattern does too. The other way round it is stricter.
fn implies<T: Text>(pieces: &'static [&'static str]) {
    let pattern = pattern::<T>();
    let texts = prop::collection::vec(prop::sample::select(pieces), 0..7);
    proptest!(config(), |(text in texts)| {
        let text = text.concat();
        prop_assert!(text.parse::<T>().is_err() || pattern.is_valid(&json!(text)), "{:?}", text);
    });
}

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn patterns_are_the_parsers() {
    agree::<Digest>(&["sha256:", "sha512:", HEX, "0", "A", "a", ":", "\n"]);
    agree::<Span>(&["0", "1", "30", "123456789", "ms", "s", "m", "h", "d", ".", " ", "-"]);
    agree::<OccVersion>(&["0", "1", ".", "123456789", "v", "-", ""]);
    agree::<ImageId>(&["a", "Z", "0", "_", "-", ".", "é", "\n"]);
    agree::<Tag>(&["a", "Z", "0", "_", "-", ".", "é", ":", HEX, "\n"]);
    agree::<SourceTag>(&["a", "0", "_", "-", ".", "{tag}", "{", "}", "{id}"]);
    agree::<Variable>(&["a", "Z", "0", "_", "-", "="]);
    agree::<LabelKey>(&["a", "Z", "0", "_", "-", ".", "/", " ", "é"]);
    agree::<Word>(&["a", "Z", "0", "_", "-", ".", "/", " "]);
    agree::<PathText>(&["a", "/", "..", "é", " "]);
    agree::<Host>(&["a", "Z", "0", "-", ".", "localhost", ":", "5000", "[", "::1", "]", "_"]);
    agree::<RegistryEntry>(&["a.b", "Z", "0", "-", ".", "localhost", ":5", "[::1]", "/", "_", "x"]);
    agree::<RepositoryPath>(&["a", "0", "-", "--", ".", "_", "__", "/", "Z", ":"]);
    agree::<Name>(&["a", "Z", "-", ".", "_", "/", "localhost", ":5", "[::1]", "a.b/", "a_b.c/"]);
    // An id of 64 digits is no name.
    implies::<Name>(&["a", "-", ".", "/", HEX]);
    implies::<LocalTag>(&["a", "Z", "-", ".", "_", "/", ":", ":5", "[::1]", "a.b/", "@", HEX]);
    implies::<Reference>(&["a", "Z", "-", "/", ":5", "a.b/", "@", "sha256:", HEX]);
    implies::<PlatformChoice>(&["auto", "linux", "/", "amd64", "arm", "v7", "x y", ""]);
}

#[test]
fn the_example_has_every_key() {
    let file = repository().join("opencode.toml.example");
    let text = fs_err::read_to_string(file).unwrap();
    let result = parsed(&text);
    assert!(result.desired.is_some(), "{:#?}", result.diagnostics);
    let example: Json = toml::from_str(&text).unwrap();
    validator().validate(&example).unwrap();
    walk(&document(), &mut |schema| {
        for key in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let mut found = key.0 == "$schema";
            walk(&example, &mut |table| found |= table.get(key.0).is_some());
            assert!(found, "`{}` is not in the example", key.0);
        }
    });
}

#[test]
fn the_default_manifest_is_good() {
    let result = parsed(DEFAULT);
    assert_eq!(result.diagnostics, []);
    let image = result.desired.unwrap().images.remove(0);
    let sources: Vec<_> = image.sources.iter().map(|s| s.reference.to_string()).collect();
    let tag = IMAGE_TAG_DEFAULT;
    assert_eq!(
        sources,
        [IMAGE_NAME_GHCR, "docker.io/prizz/opencode-cloud"].map(|n| format!("{n}:{tag}"))
    );
    assert_eq!(image.strategy, Strategy::PullThenBuild);
    validator().validate(&toml::from_str(DEFAULT).unwrap()).unwrap();
    assert!(DEFAULT.starts_with("#:schema "));
}
