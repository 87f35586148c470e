//! What a manifest asks for, in words: for the question, and for `occ trust`.

use std::fmt::Write as _;

use super::fit::{clean, pad, width};
use super::fold::fold;
use super::look::{Look, Tone};
use crate::words::grant::Ask;

/// One line for each thing, with its place in the manifest. Ends with a line feed.
///
/// ```text
///   env=CHANNEL   read the environment variable `CHANNEL`  (line 8: images.tool.build.args.A)
///   network=host  build on the network of the engine's host  (line 9: images.tool.build.network)
/// ```
pub(crate) fn asks(asks: &[&Ask], look: Look) -> String {
    let rows = asks.iter().map(|ask| (ask.grant.to_string(), of(ask)));
    table(rows.collect(), look)
}

/// The question, up to where the answer is typed.
pub(crate) fn question(file: &str, asked: &[&Ask], look: Look) -> String {
    let what = look.paint(Tone::Strong, &format!("`{}` wants to:", clean(file)));
    format!("{what}\n{}{CHOICE}", asks(asked, look))
}

/// The answers, the last one for whoever types none.
pub(crate) const CHOICE: &str = "allow it? yes (this time), always, or no [y/a/N] ";

/// What is kept for a manifest beside what it asks for now.
pub(crate) fn kept(kept: &[String], asked: &[&Ask], look: Look) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for ask in asked {
        let grant = ask.grant.to_string();
        let state = if kept.contains(&grant) { "allowed" } else { "not allowed" };
        rows.push((grant, format!("{state}: {}", of(ask))));
    }
    for grant in kept {
        if !rows.iter().any(|(known, _)| known == grant) {
            rows.push((grant.clone(), "allowed, and the manifest does not ask for it".to_owned()));
        }
    }
    table(rows, look)
}

fn of(ask: &Ask) -> String {
    format!("{}  (line {}: {})", ask.grant.words(), ask.at.line, ask.at.key_path)
}

fn table(rows: Vec<(String, String)>, look: Look) -> String {
    let columns = rows.iter().map(|(grant, _)| width(grant)).max().unwrap_or(0).min(40);
    let mut out = String::new();
    for (grant, words) in rows {
        let grant = look.paint(Tone::Strong, &pad(&clean(&grant), columns));
        let _ = writeln!(out, "  {grant}  {}", clean(&words));
    }
    fold(&out, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::diagnostic::Diagnostic;
    use crate::words::grant::Grant;

    const PLAIN: Look = Look { color: false, width: None, unicode: true };

    fn ask(grant: Grant, line: usize, key: &str) -> Ask {
        let mut at = Diagnostic::error("").key(key);
        at.line = line;
        Ask { grant, at }
    }

    #[test]
    fn the_question_says_what_and_where() {
        let variable = ask(Grant::Env("A".to_owned()), 8, "images.tool.build.args.A\x1b[2J");
        let network = ask(Grant::HostNetwork, 12, "images.tool.build.network");
        insta::assert_snapshot!(question("a\nb/opencode.toml", &[&variable, &network], PLAIN), @r"
        `a b/opencode.toml` wants to:
          env=A         read the environment variable `A`  (line 8: images.tool.build.args.A\x1b[2J)
          network=host  build on the network of the engine's host  (line 12: images.tool.build.network)
        allow it? yes (this time), always, or no [y/a/N] 
        ");
    }

    #[test]
    fn what_is_kept_stands_beside_what_is_asked_for() {
        let (a, b) =
            (ask(Grant::Env("A".to_owned()), 8, "k"), ask(Grant::Env("B".to_owned()), 9, "k"));
        let shown = kept(&["env=A".to_owned(), "ssh\x07".to_owned()], &[&a, &b], PLAIN);
        insta::assert_snapshot!(shown, @r"
          env=A  allowed: read the environment variable `A`  (line 8: k)
          env=B  not allowed: read the environment variable `B`  (line 9: k)
          ssh\x07  allowed, and the manifest does not ask for it
        ");
    }
}
