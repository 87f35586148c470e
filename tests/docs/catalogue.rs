//! What is submitted to the catalogue of schemas: it points at files that are there, under
//! the version that a manifest names.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::support::occ::Occ;

/// An entry, with the fields that the catalogue knows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    description: String,
    file_match: Vec<String>,
    url: String,
    versions: BTreeMap<String, String>,
}

#[test]
fn its_entries_lead_to_schemas_of_the_version_that_manifests_have() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs_err::read_to_string(top.join("docs/schemastore.json")).unwrap();
    let entries: Vec<Entry> = serde_json::from_str(&text).unwrap();
    let files: Vec<&str> = entries.iter().map(|entry| entry.file_match[0].as_str()).collect();
    assert_eq!(files, ["opencode.toml", "opencode.lock"]);
    for entry in entries {
        assert!(!entry.name.is_empty() && !entry.description.ends_with('.'), "{entry:?}");
        assert_eq!(entry.versions, BTreeMap::from([("1".to_owned(), entry.url.clone())]));
        let path = entry.url.split_once("/OWNER/REPOSITORY/v1/").unwrap().1;
        let schema = fs_err::read_to_string(top.join(path)).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        // What the version in the address promises, the file itself demands.
        assert_eq!(schema["properties"]["version"]["enum"], serde_json::json!([1]), "{path}");
    }
    let image = "[images.a]\nname = \"a\"\nregistries = [\"ghcr.io\"]\n";
    Occ::manifest(&format!("version = 1\n{image}")).run_with(["check"]).expect(0);
    Occ::manifest(&format!("version = 2\n{image}")).run_with(["check"]).expect(65);
}
