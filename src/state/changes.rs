//! What of a build's inputs changed since an image was built.
//!
//! The label of the image tells in which parts something did; a [`Table`], which was kept
//! when it was built, tells the names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::state::inputs::{InputLabel, Part};
use crate::words::text::list;

/// Names of one kind that are kept of a change. A plan is not the place for more.
const KEPT: usize = 100;

/// Names of one kind that are told in a sentence.
const TOLD: usize = 3;

/// The items of each part that has several: what is needed to name a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table<'a> {
    /// Each in the order of the names.
    pub(crate) parts: BTreeMap<Part, Vec<Item<'a>>>,
}

/// One file, argument, label, base, secret or ssh agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item<'a> {
    /// Its name, in bytes: a file's may be any, and there may be many.
    pub(crate) name: Cow<'a, [u8]>,
    /// What tells it from another of the same name: the beginning of a hash.
    pub(crate) mark: Mark,
}

/// The beginning of a hash.
pub(crate) type Mark = [u8; 8];

/// One part of the inputs that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// Which.
    pub(crate) part: Part,
    /// What in it, where that is known on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) names: Option<Names>,
}

/// Which items of a part changed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Names {
    /// Those that are in both, and differ.
    pub(crate) changed: Several,
    /// Those that are new.
    pub(crate) added: Several,
    /// Those that are gone.
    pub(crate) removed: Several,
}

/// Some names, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Several {
    /// How many.
    pub(crate) count: usize,
    /// The first of them, at most a hundred.
    pub(crate) first: Vec<String>,
}

impl Several {
    fn push(&mut self, name: &[u8]) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(String::from_utf8_lossy(name).into_owned());
        }
    }
}

/// What changed between two labels, named as far as the table of each is there.
pub(crate) fn changes(
    before: &InputLabel,
    now: &InputLabel,
    tables: Option<(&Table<'_>, &Table<'_>)>,
) -> Vec<Change> {
    let mut parts: Vec<Part> = before.parts.keys().chain(now.parts.keys()).copied().collect();
    parts.sort_unstable();
    parts.dedup();
    parts.retain(|part| before.parts.get(part) != now.parts.get(part));
    let change = |part: Part| {
        let names = tables.and_then(|(before, now)| {
            let (before, now) = (before.parts.get(&part), now.parts.get(&part));
            let is_known = before.is_some() || now.is_some();
            let (before, now) = (before.map(Vec::as_slice), now.map(Vec::as_slice));
            is_known.then(|| names(before.unwrap_or_default(), now.unwrap_or_default()))
        });
        Change { part, names }
    };
    parts.into_iter().map(change).collect()
}

/// Holds two lists that are in the order of their names against each other.
fn names(before: &[Item<'_>], now: &[Item<'_>]) -> Names {
    let mut names = Names::default();
    let (mut before, mut now) = (before.iter().peekable(), now.iter().peekable());
    loop {
        let order = match (before.peek(), now.peek()) {
            (None, None) => return names,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.name.cmp(&new.name),
        };
        let old = before.next_if(|_| order.is_le());
        let new = now.next_if(|_| order.is_ge());
        match (old, new) {
            (Some(old), Some(new)) if old.mark != new.mark => names.changed.push(&new.name),
            (Some(old), None) => names.removed.push(&old.name),
            (None, Some(new)) => names.added.push(&new.name),
            _ => {}
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.part {
            Part::Name => return f.write_str("it was built for another name"),
            Part::Target => return f.write_str("`target` changed"),
            Part::Platform => return f.write_str("`platform` changed"),
            Part::Network => return f.write_str("`network` changed"),
            Part::Template => return f.write_str("the template changed"),
            Part::Dockerfile => return f.write_str("the Dockerfile changed"),
            Part::Files => ("", "files"),
            Part::Args => ("the build argument ", "build arguments"),
            Part::Labels => ("the label ", "labels"),
            Part::Bases => ("the base ", "bases"),
            Part::Secrets => ("the secret ", "secrets"),
            Part::Ssh => ("the ssh agent ", "ssh agents"),
        };
        let Some(names) = &self.names else {
            return write!(f, "{many} changed (list not known on this machine)");
        };
        // A base is an item as far as more than its name is known, by the lock for one.
        let (added, removed) = match self.part {
            Part::Bases => (
                ["counts by its bytes now", "count by their bytes now"],
                ["no longer counts by its bytes", "no longer count by their bytes"],
            ),
            _ => (["was added", "were added"], ["was removed", "were removed"]),
        };
        let kinds = [
            (&names.changed, ["changed", "changed"]),
            (&names.added, added),
            (&names.removed, removed),
        ];
        let told = kinds.iter().filter(|(several, _)| several.count > 0).map(|(several, what)| {
            let is_one = several.count == 1;
            let kind = match (one, is_one) {
                ("", _) => String::new(),
                (one, true) => one.to_owned(),
                (_, false) => format!("the {many} "),
            };
            let [single, plural] = what;
            format!("{kind}{} {}", several.told(many), if is_one { single } else { plural })
        });
        f.write_str(&list(&told.collect::<Vec<String>>(), "and"))
    }
}

impl Several {
    /// `a`, or `a`, `b` and 7 more files.
    fn told(&self, what: &str) -> String {
        let mut names: Vec<String> =
            self.first.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
        match self.count - names.len() {
            0 => {}
            1 => names.push("1 more".to_owned()),
            more => names.push(format!("{more} more {what}")),
        }
        list(&names, "and")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(parts: &[(Part, &str)]) -> InputLabel {
        let parts = parts.iter().map(|(part, hash)| (*part, (*hash).to_owned())).collect();
        InputLabel { parts, ..InputLabel::read("2:0") }
    }

    fn table(part: Part, items: &[(&str, u8)]) -> Table<'static> {
        let item = |(name, mark): &(&str, u8)| Item {
            name: name.as_bytes().to_vec().into(),
            mark: [*mark; 8],
        };
        Table { parts: BTreeMap::from([(part, items.iter().map(item).collect())]) }
    }

    /// The words for a change of one part.
    #[track_caller]
    fn check(part: Part, before: &[(&str, u8)], now: &[(&str, u8)], want: &str) {
        let (old, new) = (label(&[(part, "a")]), label(&[(part, "b")]));
        let tables = (table(part, before), table(part, now));
        let told: Vec<String> = changes(&old, &new, Some((&tables.0, &tables.1)))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, [want]);
    }

    #[test]
    fn changed_added_and_removed_files_are_named() {
        let before = [("a", 1), ("b", 1), ("d", 1)];
        check(Part::Files, &before, &[("a", 1), ("b", 2), ("d", 1)], "`b` changed");
        check(
            Part::Files,
            &before,
            &[("a", 2), ("b", 2), ("c", 1)],
            "`a` and `b` changed, `c` was added and `d` was removed",
        );
        let many: Vec<(String, u8)> = (0..250).map(|i| (format!("f{i:03}"), 1)).collect();
        let many: Vec<(&str, u8)> =
            many.iter().map(|(name, mark)| (name.as_str(), *mark)).collect();
        check(Part::Files, &[], &many, "`f000`, `f001`, `f002` and 247 more files were added");
        check(Part::Files, &many[..4], &[], "`f000`, `f001`, `f002` and 1 more were removed");
    }

    #[test]
    fn the_lists_are_cut_and_their_length_is_kept() {
        let items: Vec<Item<'_>> = (0..250_u32)
            .map(|i| Item { name: format!("{i:03}").into_bytes().into(), mark: [0; 8] })
            .collect();
        let names = names(&[], &items);
        assert_eq!((names.added.count, names.added.first.len()), (250, KEPT));
    }

    #[test]
    fn the_other_parts_have_their_own_words() {
        check(Part::Args, &[("A", 1)], &[("A", 2)], "the build argument `A` changed");
        check(Part::Args, &[], &[("A", 2), ("B", 1)], "the build arguments `A` and `B` were added");
        check(Part::Bases, &[], &[("a:1", 1)], "the base `a:1` counts by its bytes now");
        check(
            Part::Bases,
            &[("a:1", 1), ("b:1", 1)],
            &[],
            "the bases `a:1` and `b:1` no longer count by their bytes",
        );
        check(Part::Bases, &[("a:1", 1)], &[("a:1", 2)], "the base `a:1` changed");
        check(Part::Secrets, &[], &[("npm", 1)], "the secret `npm` was added");
        check(Part::Ssh, &[("a", 1), ("b", 1)], &[], "the ssh agents `a` and `b` were removed");
        let told = |part| changes(&label(&[]), &label(&[(part, "a")]), None)[0].to_string();
        assert_eq!(told(Part::Target), "`target` changed");
        assert_eq!(told(Part::Files), "files changed (list not known on this machine)");
        assert_eq!(told(Part::Args), "build arguments changed (list not known on this machine)");
    }
}
