//! `docs/manifest.md`, made from the manifest's schema, which is made from the doc comments of
//! the Rust types: what an editor shows while one types, to read.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

/// What stands before the keys.
const HEAD: &str = "\
# The manifest, key by key

<!-- Made from schema/opencode.schema.json: `OCC_UPDATE=1 cargo nextest run docs::reference`. -->

`opencode.toml` lies in the repository, and is found from every folder below it. Every mistake
in it is told at once, with its place; a key that is not here is one. This page has the same
words as the schema that editors show: put `#:schema ./opencode.schema.json` on the first line,
and `occ schema > opencode.schema.json` beside it. [`opencode.toml.example`](../opencode.toml.example)
uses every key.
";

/// The tables, by where they stand in a manifest and in the schema.
const TABLES: [(&str, &str); 11] = [
    ("At the top", ""),
    ("`[defaults]`", "Defaults"),
    ("`[retry]`", "Retry"),
    ("`[timeouts]`", "Timeouts"),
    ("`[limits]`", "Limits"),
    ("`[images.ID]`", "Image"),
    ("`verify`", "Verify"),
    ("`verify.cosign`", "Verify/properties/cosign"),
    ("An entry of `registries`", "RegistryTable"),
    ("`[images.ID.build]`", "Build"),
    ("An entry of `secrets`", "Secret"),
];

fn page() -> String {
    let schema: Value =
        serde_json::from_str(include_str!("../../schema/opencode.schema.json")).unwrap();
    let mut page = HEAD.to_owned();
    for (title, definition) in TABLES {
        let table = schema.pointer(&format!("/definitions/{definition}"));
        let table = if definition.is_empty() { &schema } else { table.unwrap() };
        write!(page, "\n## {title}\n\n").unwrap();
        if !definition.is_empty() {
            writeln!(page, "{}\n", text(table)).unwrap();
        }
        match table["anyOf"].as_array() {
            None => keys(&mut page, table),
            Some(forms) => {
                for form in forms {
                    writeln!(page, "{}\n", text(form)).unwrap();
                    keys(&mut page, form);
                }
            }
        }
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

/// A paragraph for each key of a table: the required ones first, then by name.
fn keys(page: &mut String, table: &Value) {
    let none = Map::new();
    let properties = table["properties"].as_object().unwrap_or(&none);
    let is_required = |key: &str| {
        table["required"].as_array().is_some_and(|keys| keys.iter().any(|known| known == key))
    };
    let mut all: Vec<(&String, &Value)> = properties.iter().collect();
    all.sort_by_key(|(key, _)| (!is_required(key), key.as_str()));
    for (key, value) in all {
        let mut about = vec![kind(value)];
        if is_required(key) {
            about.push("required".to_owned());
        }
        if let Some(default) = value.get("default") {
            about.push(format!("default `{default}`"));
        }
        writeln!(page, "**`{key}`** ({})  \n{}\n", about.join(", "), text(value)).unwrap();
    }
}

fn text(value: &Value) -> &str {
    value["description"].as_str().unwrap_or_else(|| panic!("nothing describes {value}"))
}

/// What kind of value it is, in words.
fn kind(value: &Value) -> String {
    if value["allOf"].is_array() || value["properties"].is_object() {
        return "table".to_owned();
    }
    match value["type"].as_str() {
        Some("array") => format!("list of {}", plural(&value["items"])),
        Some("object") => "table".to_owned(),
        Some("integer") => "number".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "string or table".to_owned(),
    }
}

fn plural(items: &Value) -> &'static str {
    match items["$ref"].as_str() {
        Some("#/definitions/Registry") => "strings or tables",
        Some(_) => "tables",
        None => "strings",
    }
}

#[test]
fn the_page_has_the_words_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.md");
    let page = page();
    if std::env::var_os("OCC_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(held == page, "docs/manifest.md is old: OCC_UPDATE=1 makes it anew");
}

#[test]
fn every_key_of_the_example_is_on_it() {
    let example: toml::Table = include_str!("../../opencode.toml.example").parse().unwrap();
    let page = page();
    let mut tables = vec![&example];
    while let Some(table) = tables.pop() {
        for (key, value) in table {
            // The ids of images and the names of arguments and labels are the user's.
            let is_free = table.values().all(toml::Value::is_table)
                || key.contains('.')
                || key.to_uppercase() == *key;
            assert!(is_free || page.contains(&format!("**`{key}`**")), "`{key}` is not there");
            tables.extend(value.as_table());
        }
    }
}
