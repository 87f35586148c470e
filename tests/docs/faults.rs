//! `docs/faults.md`: the fault matrix, and the tests that hold each of its rows. The words are in
//! `tests/faults/matrix.toml`, the tests are those whose names say so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

const ROWS: u32 = 99;

/// What stands before the rows.
const HEAD: &str = "\
# What can go wrong

<!-- Made from tests/faults/matrix.toml and the names of the tests:
     `OCC_UPDATE=1 cargo nextest run docs::faults`. -->

Each row is a fault, what the Docker CLI makes of it, and what occ does. All of it about occ is
held by the tests that the row names, which run in CI: on the built program, against registries
and an engine that fail on command, against a real engine, or against a real one of the test's
own that may be killed (`cargo nextest run row_50`). What is said about docker was measured with
Docker Engine 20.10 and the CLI 28.2, with registries on loopback; newer ones may do better.

Of every run the tests also look for a panic, for a character that a terminal would obey, for
temporary files that are left, and for a failure without a code. The exit codes are in the
[README](../README.md#commands).
";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    part: Vec<Part>,
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    /// The number of its first row.
    from: u32,
    title: String,
    #[serde(default)]
    about: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    number: u32,
    fault: String,
    docker: String,
    occ: String,
    exit: String,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    untested: String,
}

fn matrix() -> Matrix {
    toml::from_str(include_str!("../faults/matrix.toml")).unwrap()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all tests: of functions behind an attribute that makes them one.
pub(super) fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<PathBuf> = ["src", "tests"].map(|name| top().join(name)).into();
    while let Some(folder) = folders.pop() {
        for path in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                names.extend(tests_in(&fs_err::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// The tests of each row, by their names.
fn by_row(tests: &BTreeSet<String>) -> BTreeMap<u32, Vec<&str>> {
    let mut rows = BTreeMap::<u32, Vec<&str>>::new();
    for name in tests {
        let Some(rest) = name.strip_prefix("row_") else { continue };
        let number = rest.split('_').next().unwrap_or_default();
        let number = number.parse().unwrap_or_else(|_| panic!("`{name}` is of no row"));
        rows.entry(number).or_default().push(name);
    }
    rows
}

fn page(matrix: &Matrix, tests: &BTreeMap<u32, Vec<&str>>) -> String {
    let mut page = HEAD.to_owned();
    for row in &matrix.row {
        if let Some(part) = matrix.part.iter().find(|part| part.from == row.number) {
            write!(page, "\n## {}\n\n", part.title).unwrap();
            if !part.about.is_empty() {
                write!(page, "{}\n\n", part.about).unwrap();
            }
            page += "| | fault | docker | occ | exit | tests |\n|---|---|---|---|---|---|\n";
        }
        let held = tests.get(&row.number).into_iter().flatten().copied();
        let names = held.chain(row.also.iter().map(String::as_str));
        let mut held: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        if !row.untested.is_empty() {
            held.push(format!("Without one: {}", row.untested));
        }
        let Row { number, fault, docker, occ, exit, .. } = row;
        let held = held.join("<br>");
        writeln!(page, "| {number} | {fault} | {docker} | {occ} | {exit} | {held} |").unwrap();
    }
    page
}

#[test]
fn every_row_is_there_and_held_by_tests_that_exist() {
    let (matrix, tests) = (matrix(), tests());
    let numbers: Vec<u32> = matrix.row.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
    let by_row = by_row(&tests);
    let strays: Vec<_> = by_row.iter().filter(|(number, _)| !numbers.contains(number)).collect();
    assert!(strays.is_empty(), "of no row: {strays:?}");
    for row in &matrix.row {
        let number = row.number;
        let held = by_row.contains_key(&number) || !row.also.is_empty();
        assert!(held || !row.untested.is_empty(), "nothing holds row {number}");
        for name in &row.also {
            assert!(tests.contains(name), "row {number}: there is no test `{name}`");
            assert!(!name.starts_with("row_"), "row {number}: `{name}` is found by its name");
        }
        for words in [&row.fault, &row.docker, &row.occ, &row.exit] {
            assert!(!words.is_empty() && !words.contains(['|', '\n']), "row {number}: {words:?}");
        }
    }
    for part in &matrix.part {
        assert!(numbers.contains(&part.from), "no row begins with {part:?}");
    }
}

#[test]
fn the_page_is_what_the_matrix_and_the_tests_say() {
    let path = top().join("docs/faults.md");
    let (matrix, tests) = (matrix(), tests());
    let page = page(&matrix, &by_row(&tests));
    if std::env::var_os("OCC_UPDATE").is_some() {
        fs_err::write(&path, &page).unwrap();
    }
    let held = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(held == page, "docs/faults.md is old: OCC_UPDATE=1 makes it anew");
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "fn row_01_helper() {}\n#[test]\nfn row_01_a() {}\n    #[tokio::test(start_paused = true)]\n\
                async fn row_02_b() {\n    fn row_03_inner() {}\n#[test]\n#[should_panic]\nfn c() {}\n";
    let tests: BTreeSet<String> = tests_in(text).into_iter().collect();
    assert_eq!(tests.iter().collect::<Vec<_>>(), ["c", "row_01_a", "row_02_b"]);
    assert_eq!(by_row(&tests), [(1, vec!["row_01_a"]), (2, vec!["row_02_b"])].into());
}
