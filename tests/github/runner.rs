//! What a runner of GitHub Actions makes of what a step prints and writes. It is made from
//! `ActionCommand.cs`, `OutputManager.cs` and `FileCommandManager.cs` of `actions/runner`.

use std::collections::BTreeMap;

use crate::support::occ::Run;

/// The commands that it knows.
const KNOWN: &[&str] = &[
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// A line that is obeyed instead of shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) text: String,
}

/// The commands in both streams of a run: the runner reads them alike.
pub(crate) fn obeyed(run: &Run) -> Vec<Command> {
    let lines = run.stderr.split(['\n', '\r']).chain(run.stdout.split(['\n', '\r']));
    lines.filter_map(|line| new(line).or_else(|| old(line))).collect()
}

/// `::name key=value,key=value::text`
fn new(line: &str) -> Option<Command> {
    let (head, text) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let text = unescaped(text, &[("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]);
    let value = |value: &str| {
        let all = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
        unescaped(value, &all)
    };
    command(head, ',', value, text)
}

/// `##[name key=value;key=value]text`, anywhere in a line
fn old(line: &str) -> Option<Command> {
    let (_, rest) = line.split_once("##[")?;
    let (head, text) = rest.split_once(']')?;
    command(head, ';', str::to_owned, text.to_owned())
}

fn command(
    head: &str,
    between: char,
    value: impl Fn(&str) -> String,
    text: String,
) -> Option<Command> {
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let name = name.to_lowercase();
    let pairs = properties.trim().split(between).filter_map(|pair| pair.split_once('='));
    let properties = pairs.map(|(key, it)| (key.to_owned(), value(it))).collect();
    KNOWN.contains(&&*name).then_some(Command { name, properties, text })
}

fn unescaped(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The outputs in a file: `name=value`, or `name<<END`, lines, and `END`.
pub(crate) fn outputs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        let heredoc = line.split_once("<<").filter(|(name, _)| !name.contains('='));
        let Some((name, end)) = heredoc else {
            let (name, value) = line.split_once('=').expect(line);
            found.push((name.to_owned(), value.to_owned()));
            continue;
        };
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        found.push((name.to_owned(), value.join("\n")));
    }
    found
}

#[test]
fn it_obeys_both_forms() {
    let one = new(" \t::Error file=a%3Ab,line=3::x%0A%2525::y").unwrap();
    assert_eq!((one.name.as_str(), one.text.as_str()), ("error", "x\n%25::y"));
    assert_eq!((&*one.properties["file"], &*one.properties["line"]), ("a:b", "3"));
    assert_eq!(old("a ##[add-mask]b c").unwrap().text, "b c");
    assert!(new("a::error::b").is_none() && new("::unknown::b").is_none());
    assert!(old("a # #[error]b").is_none() && old("##[error b").is_none());
    let pairs = outputs("a=1\nb<<X\n1\nX2\nX\nc<<X\nX\n");
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, pairs[1].1.as_str()), (vec!["a", "b", "c"], "1\nX2"));
}
