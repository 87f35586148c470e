//! The documentation: what it shows has to be so.

mod catalogue;
mod engines;
mod faults;
mod recipes;
mod reference;

use std::path::{Path, PathBuf};

use crate::support::occ::Occ;

/// The pages, by their paths from the top.
fn pages() -> Vec<(PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = Vec::new();
    for folder in ["", "docs", "images"] {
        let entries = std::fs::read_dir(top.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    assert!(pages.len() > 5, "{pages:?}");
    pages.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(top).unwrap().to_owned(), text)
    };
    pages.into_iter().map(read).collect()
}

/// The fenced blocks of a page: the word behind the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        let text: Vec<&str> =
            lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
        blocks.push((kind.to_owned(), text.join("\n") + "\n"));
    }
    blocks
}

#[test]
fn every_manifest_in_it_is_good() {
    let mut seen = 0;
    for (path, page) in pages() {
        for (kind, text) in blocks(&page) {
            // A lock begins with the line that says who wrote it.
            if kind != "toml" || !text.contains("[images.") || text.starts_with("# @generated") {
                continue;
            }
            seen += 1;
            let text =
                if text.contains("version = 1") { text } else { format!("version = 1\n{text}") };
            let run = Occ::manifest(&text).file("Dockerfile", "FROM scratch\n").run_with(["check"]);
            assert_eq!(run.code(), 0, "{}:\n{text}\n{run}", path.display());
        }
    }
    assert!(seen >= 5, "{seen}");
}

/// The command lines of a block: what follows `$ ` in a console, every line of a script.
fn commands(kind: &str, text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    match kind {
        "console" => lines.filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect(),
        "sh" => lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// The calls of occ in a command line, also those inside of others: `docker run "$(occ ref x)"`.
fn calls(command: &str) -> impl Iterator<Item = &str> {
    let parts = command.split(['(', ')', '|', '&', ';', '>', '<']);
    parts.filter_map(|part| {
        let (program, arguments) = part.trim().split_once(' ')?;
        (program.rsplit('/').next() == Some("occ")).then_some(arguments)
    })
}

/// Whether occ understands these arguments: its help is printed when all before it was.
fn is_understood(arguments: &str) -> Result<(), String> {
    let words = arguments.split_whitespace().chain(["--help"]);
    let run = Occ::new().run_with(words);
    if run.code() == 0 { Ok(()) } else { Err(format!("`occ {arguments}`\n{run}")) }
}

#[test]
fn every_example_of_the_help_is_understood() {
    let mut seen = 0;
    let help = |command: &str| Occ::new().run_with([command, "--help"]).expect(0).stdout;
    let top = Occ::new().run_with(["--help"]).expect(0).stdout;
    for text in names(&top).map(help).chain([top.clone()]) {
        let Some((_, examples)) = text.split_once("Examples:\n") else { continue };
        for line in examples.lines().take_while(|line| line.starts_with("  ")) {
            // What it does stands behind it, in a column of its own.
            let example = line.trim().split("   ").next().unwrap_or_default();
            seen += calls(example).inspect(|call| is_understood(call).unwrap()).count();
        }
    }
    assert!(seen >= 25, "{seen}");
}

/// The commands that the help lists.
fn names(help: &str) -> impl Iterator<Item = &str> {
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let list = list.split("\n\n").next().unwrap().lines();
    let list = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    list.map(|line| line.split_whitespace().next().unwrap())
}

#[test]
fn every_command_in_it_is_one() {
    let mut seen = 0;
    for (path, page) in pages() {
        for (kind, text) in blocks(&page) {
            for command in commands(&kind, &text) {
                for call in calls(&command) {
                    seen += 1;
                    let understood = is_understood(call.trim_end_matches('"'));
                    understood.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
                }
                let word = command.split_whitespace().next().unwrap_or_default();
                if word.starts_with("scripts/") {
                    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(word).is_file(), "`{word}`");
                }
            }
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn every_link_in_it_leads_somewhere() {
    let mut seen = 0;
    for (path, page) in pages() {
        for link in page.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            seen += 1;
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
            let file = from.parent().unwrap().join(target);
            assert!(file.exists(), "{}: `{target}` is not there", path.display());
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn every_command_is_told_in_the_readme() {
    let help = Occ::new().run_with(["--help"]).expect(0).stdout;
    let readme = include_str!("../README.md");
    for command in names(&help) {
        assert!(readme.contains(&format!("| `occ {command}")), "`occ {command}`");
    }
}
