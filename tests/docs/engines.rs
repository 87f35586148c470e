//! `docs/engines.md`: what was run on which engine, and what does not apply there. The words are
//! in `tests/engines.toml`, which `scripts/engines` makes filters of.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::faults;

/// What stands before the engines.
const HEAD: &str = "\
# Engines

<!-- Made from tests/engines.toml: `OCC_UPDATE=1 cargo nextest run docs::engines`. -->

occ speaks the Docker Engine API, and engines differ. The tests that need a real one are run
against each of these: `scripts/test --engines all`, or `--engines podman,containerd` (as root,
on Debian or Ubuntu; the engines are unpacked once, beside the machine's own). What does not
apply to an engine is listed with its reason, here and in the output of the run, and nothing
else is left out.

";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    modules: Vec<String>,
    elsewhere: Vec<String>,
    engine: Vec<Engine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Engine {
    name: String,
    title: String,
    /// The version that it was run on last.
    ran: String,
    #[serde(default)]
    gap: Vec<Gap>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    /// The beginnings of the names of tests.
    tests: Vec<String>,
    /// What is different there.
    why: String,
    /// What follows for who uses it.
    means: String,
}

fn table() -> Table {
    toml::from_str(include_str!("../engines.toml")).unwrap()
}

fn page(table: &Table) -> String {
    let mut page = HEAD.to_owned();
    page += "| engine | what it is | run on | does not apply |\n|---|---|---|---|\n";
    for Engine { name, title, ran, gap } in &table.engine {
        let gaps = if gap.is_empty() { "nothing".to_owned() } else { gap.len().to_string() };
        writeln!(page, "| `{name}` | {title} | {ran} | {gaps} |").unwrap();
    }
    for engine in table.engine.iter().filter(|engine| !engine.gap.is_empty()) {
        write!(page, "\n## What is different on `{}`\n\n", engine.name).unwrap();
        page += "| why | what that means | tests |\n|---|---|---|\n";
        for Gap { tests, why, means } in &engine.gap {
            let tests: Vec<String> = tests.iter().map(|name| format!("`{name}`")).collect();
            writeln!(page, "| {why} | {means} | {} |", tests.join("<br>")).unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/engines.md");
    let page = page(&table());
    if std::env::var_os("OCC_UPDATE").is_some() {
        fs_err::write(&path, &page).unwrap();
    }
    let held = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(held == page, "docs/engines.md is old: OCC_UPDATE=1 makes it anew");
}

#[test]
fn a_gap_names_tests_that_are_there_and_says_why() {
    let table = table();
    let tests = faults::tests();
    let module = |name: &str| {
        table.modules.iter().any(|it| name == it || name.starts_with(&format!("{it}::")))
    };
    let gaps = table.engine.iter().flat_map(|engine| &engine.gap);
    for Gap { tests: names, why, means } in gaps.clone() {
        for words in [why, means] {
            assert!(!words.is_empty() && !words.contains(['|', '\n']), "{words:?}");
        }
        assert!(!names.is_empty(), "{why}");
    }
    let names = gaps.flat_map(|gap| &gap.tests).chain(&table.elsewhere);
    let mut seen = BTreeSet::new();
    for name in names {
        assert!(module(name.trim_end_matches("::")), "`{name}` is in none of the modules");
        let function = name.rsplit("::").next().unwrap();
        let is_one = tests.iter().any(|test| test.starts_with(function));
        assert!(is_one, "no test begins with `{name}`");
        seen.insert(name);
    }
    assert!(seen.len() > 5, "{seen:?}");
}

/// A file of tests that use the real engine and that no other engine would ever see.
#[test]
fn every_file_that_needs_an_engine_is_of_a_module() {
    let table = table();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut folders = vec![top.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&top).unwrap().with_extension("");
            let name = name.to_string_lossy().replace('/', "::");
            let is_rust = path.extension().is_some_and(|kind| kind == "rs");
            if !is_rust || name.starts_with("support") || name.starts_with("docs::engines") {
                continue;
            }
            let text = fs_err::read_to_string(&path).unwrap();
            if !text.contains("RealEngine::connect()") && !text.contains("Scene::new(") {
                continue;
            }
            seen += 1;
            let is_in = |it: &String| name == *it || name.starts_with(&format!("{it}::"));
            assert!(table.modules.iter().any(is_in), "tests/engines.toml lacks `{name}`");
        }
    }
    assert!(seen > 10, "{seen}");
}
