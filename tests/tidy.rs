//! Rules that hold over the whole source tree and that no compiler checks.
//!
//! The tables in `rules` are the architecture. Test code in `src` (modules under
//! `#[cfg(test)]`, files named `…tests.rs` or `fake….rs`) may reach where it likes.

mod rules;

use std::collections::BTreeSet;
use std::path::Path;

use self::rules::{FLOORS, NOWHERE, ONLY, WORLD};

const LONGEST_FILE: usize = 400;

#[test]
fn modules_keep_to_their_floors() {
    assert_none(sources("src").iter().flat_map(wrong_imports));
}

#[test]
fn words_stay_where_they_belong() {
    assert_none(sources("src").iter().flat_map(misplaced_words));
}

#[test]
fn nothing_is_left_undone_and_no_file_is_long() {
    let mut all = sources("src");
    all.extend(sources("tests"));
    all.extend(sources("benches"));
    // That file has to name what it forbids.
    all.retain(|source| source.path != "tests/tidy/rules.rs");
    assert_none(all.iter().flat_map(unfinished));
}

/// A Rust file.
struct Source {
    /// From the root of the repository.
    path: String,
    /// `engine::docker::pull`
    module: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let module = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = module.trim_end_matches("/mod").replace('/', "::");
        Self { path: path.to_owned(), module, text: text.to_owned() }
    }

    fn is_in(&self, module: &str) -> bool {
        within(&self.module, module)
    }

    fn floor(&self) -> Option<u8> {
        home(&self.module).map(|(_, floor, _)| *floor)
    }

    /// The text without comments and tests.
    fn code(&self) -> String {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if name.ends_with("tests.rs") || name.starts_with("fake") {
            return String::new();
        }
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        let mut test = false;
        while let Some(line) = lines.next() {
            // Test modules stand at the end of a file; `mod tests;` is only a mention.
            test |= line.trim() == "#[cfg(test)]";
            let declaration = line.trim_start().trim_start_matches("pub(crate) ");
            if test && declaration.starts_with("mod ") && declaration.ends_with('{') {
                while lines.peek().is_some_and(|next| *next != "}") {
                    lines.next();
                }
            }
            if test {
                test = line.trim_start().starts_with('#');
                continue;
            }
            let mut slashes = line.match_indices("//").map(|(at, _)| at);
            let comment = slashes.find(|at| !inside_string(&line[..*at]));
            code.push_str(&line[..comment.unwrap_or(line.len())]);
            code.push('\n');
        }
        code
    }

    /// The paths into the crate that the code names: `words::digest::Digest`.
    fn imports(&self) -> BTreeSet<String> {
        let code = self.code();
        let mut found = below("crate::", &code);
        for (at, _) in code.match_indices("super::") {
            if code[..at].ends_with("super::") {
                continue;
            }
            let rest = code[at..].trim_start_matches("super::");
            let up = (code.len() - at - rest.len()) / "super::".len();
            let mut base: Vec<&str> = self.module.split("::").collect();
            base.truncate(base.len().saturating_sub(up));
            expand(&base.join("::"), rest, &mut found);
        }
        found
    }
}

/// The paths that a text names below `root::`.
fn below(root: &str, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(root) {
        // `mycrate::` is not meant.
        if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            expand("", &code[at + root.len()..], &mut found);
        }
    }
    found
}

/// Writes out `a::{b::c, d}` as `a::b::c` and `a::d`.
fn expand(base: &str, text: &str, found: &mut BTreeSet<String>) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
    let (path, rest) = text.split_at(end.unwrap_or(text.len()));
    let full = [base, path].into_iter().filter(|part| !part.is_empty());
    let full = full.collect::<Vec<_>>().join("::").trim_end_matches("::").to_owned();
    let Some(group) = rest.strip_prefix('{') else {
        found.insert(full);
        return;
    };
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        if depth == 0 && matches!(c, ',' | '}') {
            let entry = group[start..at].trim();
            if !entry.is_empty() {
                expand(&full, entry, found);
            }
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            _ => {}
        }
    }
}

fn within(path: &str, module: &str) -> bool {
    module.is_empty()
        || path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The entry of [`FLOORS`] for a module.
fn home(path: &str) -> Option<&'static (&'static str, u8, &'static [&'static str])> {
    let fitting = FLOORS.iter().filter(|(module, ..)| within(path, module));
    fitting.max_by_key(|(module, ..)| module.len())
}

fn wrong_imports(source: &Source) -> Vec<String> {
    let Source { path, module, .. } = source;
    let Some((own, _, allowed)) = home(module) else {
        return vec![format!(
            "{path}: `{module}` stands on no floor; say which in tests/tidy/rules.rs"
        )];
    };
    let mut wrong = Vec::new();
    for import in source.imports() {
        // What the crate re-exports at its root is the lowest floor's or public anyway.
        let Some((target, ..)) = home(&import) else { continue };
        let fits = |entry: &&str| {
            // To allow `engine` is not to allow `engine::docker`.
            within(&import, entry) && (entry.is_empty() || within(entry, target))
        };
        if own != target && !allowed.iter().any(fits) {
            wrong.push(format!("{path}: `{own}` may not use `{import}`"));
        }
    }
    wrong
}

fn misplaced_words(source: &Source) -> Vec<String> {
    let code = source.code();
    let forbidden = ONLY.iter().filter(|(_, may, _)| !may(source));
    let mut wrong = Vec::new();
    for (words, _, why) in forbidden {
        for word in words.iter().filter(|word| says(&code, word)) {
            wrong.push(format!("{}: `{word}`: {why}", source.path));
        }
    }
    if source.floor().is_some_and(|floor| floor < 2) {
        let named = below("std::", &code);
        for module in WORLD.iter().filter(|module| named.iter().any(|path| within(path, module))) {
            wrong.push(format!("{}: `std::{module}`: floors 0 and 1 only decide", source.path));
        }
    }
    wrong
}

/// Whether a word stands in a text as a word, and not in a string.
fn says(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let line = before.rsplit('\n').next().unwrap_or_default();
        !inside_string(line) && !before.ends_with(part) && !after.starts_with(part)
    })
}

/// Whether a line goes on inside a string after this much of it.
fn inside_string(start: &str) -> bool {
    start.matches('"').count() % 2 == 1
}

fn unfinished(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for word in NOWHERE.iter().filter(|word| source.text.contains(**word)) {
        wrong.push(format!("{}: `{word}`", source.path));
    }
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!("{}: {lines} lines; the limit is {LONGEST_FILE}", source.path));
    }
    wrong
}

fn sources(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![root.join(directory)];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs_err::read_dir(directory) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs_err::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().display().to_string();
                found.push(Source::new(&path, &text));
            }
        }
    }
    found
}

#[track_caller]
fn assert_none(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_tree_is_really_read() {
    let sources = sources("src");
    let report = sources.iter().find(|s| s.module == "execute::report").unwrap();
    assert!(report.imports().contains("words::digest::Digest"));
    assert!(sources.iter().all(|source| !source.text.is_empty()));
}

#[test]
fn a_wrong_import_is_found_however_it_is_written() {
    let complaints = |path: &str, text: &str| wrong_imports(&Source::new(path, text)).len();
    assert_eq!(complaints("src/words/digest.rs", "use crate::plan::Plan;"), 1);
    assert_eq!(complaints("src/words/digest.rs", "fn f() -> super::super::plan::Plan {}"), 1);
    assert_eq!(complaints("src/retry.rs", "use crate::{words::{a, b}, engine::E};"), 1);
    assert_eq!(complaints("src/engine/mod.rs", "use crate::engine::docker::pull;"), 1);
    assert_eq!(complaints("src/engine/docker/pull.rs", "use crate::plan::step::Step;"), 1);
    assert_eq!(complaints("src/render/plain.rs", "use crate::execute::pull::Puller;"), 1);
    assert_eq!(complaints("src/brand_new.rs", ""), 1);

    assert_eq!(complaints("src/words/digest.rs", "// crate::plan\nuse super::text::cut;"), 0);
    assert_eq!(complaints("src/render/plain.rs", "use crate::execute::report::Report;"), 0);
    assert_eq!(complaints("src/engine/docker/pull.rs", "use crate::engine::Engine;"), 0);
    let test = "use super::a;\n#[cfg(test)]\nmod tests {\n    use crate::plan::Plan;\n}\n";
    assert_eq!(complaints("src/words/digest.rs", test), 0);
    let after = "#[cfg(test)]\nmod tests;\n\nuse crate::plan::Plan;\n";
    assert_eq!(complaints("src/words/digest.rs", after), 1);
}

#[test]
fn a_misplaced_word_is_found() {
    let complaints = |path: &str, text: &str| misplaced_words(&Source::new(path, text)).len();
    assert_eq!(complaints("src/execute/pull.rs", "let x: bollard::Docker;"), 1);
    assert_eq!(complaints("src/render/plain.rs", "use indicatif::ProgressBar;"), 1);
    assert_eq!(complaints("src/render/plain.rs", "use clap::Parser;"), 1);
    assert_eq!(complaints("src/execute/pull.rs", "eprintln!(\"{x}\");"), 1);
    assert_eq!(complaints("src/execute/pull.rs", "std::io::stderr().lock()"), 1);
    assert_eq!(complaints("src/plan/step.rs", "async fn f() {}"), 1);
    assert_eq!(complaints("src/state/desired.rs", "std::env::var(\"HOME\")"), 1);
    assert_eq!(complaints("src/state/desired.rs", "use std::{fmt, fs};"), 1);

    assert_eq!(complaints("src/engine/docker/pull.rs", "let x: bollard::Docker;"), 0);
    assert_eq!(complaints("src/engine/credentials/helper.rs", "child.stdout.take()"), 0);
    assert_eq!(complaints("src/cli/mod.rs", "println!(\"{x}\");"), 0);
    assert_eq!(complaints("src/plan/step.rs", "let x = \"async\"; // async"), 0);
}

#[test]
fn what_is_unfinished_or_long_is_found() {
    let complaints = |text: &str| unfinished(&Source::new("src/x.rs", text)).len();
    for word in NOWHERE {
        assert_eq!(complaints(&format!("fn f() {{}} // {word}")), 1, "{word}");
    }
    assert_eq!(complaints(&"\n".repeat(LONGEST_FILE + 1)), 1);
    assert_eq!(complaints(&"\n".repeat(LONGEST_FILE)), 0);
}
