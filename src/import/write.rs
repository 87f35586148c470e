//! The text of the manifest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::import::notes::{Note, quoted};
use crate::import::{Build, Draft, Imported};
use crate::words::reference::{DOCKER_HUB, Reference, Repository};
use crate::words::text::{foreign_line, list, sanitise};

/// A line is no longer than this where that can be had.
const WIDTH: usize = 90;

/// The manifest of what was imported.
pub(crate) fn manifest(imported: &Imported) -> String {
    let file = foreign_line(&imported.file.to_string_lossy());
    let mut out = format!(
        "#:schema ./opencode.schema.json\n\
         # Made from `{file}` by `occ init`. `occ plan` shows what it means, and `occ check` reads\n\
         # it; `occ schema > opencode.schema.json` lets an editor help with it.\n"
    );
    if !imported.notes.is_empty() {
        out.push_str("#\n");
        notes(&imported.notes, &file, &mut out);
    }
    out.push_str("\nversion = 1\n");
    let names = names(&imported.images);
    for (draft, name) in imported.images.iter().zip(names) {
        out.push('\n');
        image(draft, &name, &file, &mut out);
    }
    out
}

/// A comment for each note, with its line.
fn notes(notes: &[Note], file: &str, out: &mut String) {
    let mut notes: Vec<&Note> = notes.iter().collect();
    notes.sort_by_key(|note| (note.line, note.column));
    for Note { line, message, .. } in notes {
        let place = if *line > 0 { format!("{file}:{line}") } else { file.to_owned() };
        let _ = writeln!(out, "# {place}: {}", foreign_line(message));
    }
}

/// The local name of each image: without the registry's host, where that leaves no two alike.
fn names(drafts: &[Draft]) -> Vec<String> {
    let short = |draft: &Draft| {
        let Repository { registry, path } = &draft.reference.repository;
        let is_hub = registry == DOCKER_HUB || !draft.is_pulled;
        if is_hub { draft.reference.repository.familiar() } else { path.clone() }
    };
    let mut users: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for draft in drafts {
        *users.entry((short(draft), draft.reference.tag_or_default())).or_default() += 1;
    }
    let name = |draft: &Draft| {
        let short = short(draft);
        let others = users.get(&(short.clone(), draft.reference.tag_or_default()));
        if others.is_some_and(|users| *users > 1) {
            draft.reference.repository.familiar()
        } else {
            short
        }
    };
    drafts.iter().map(name).collect()
}

fn image(draft: &Draft, name: &str, file: &str, out: &mut String) {
    if let [first, rest @ ..] = &draft.services[..]
        && (!rest.is_empty() || *first != draft.id)
    {
        let services: Vec<String> = draft.services.iter().map(|it| quoted(it)).collect();
        let word = if rest.is_empty() { "service" } else { "services" };
        let _ = writeln!(out, "# The {word} {}.", list(&services, "and"));
    }
    notes(&draft.notes, file, out);
    let Draft { reference, .. } = draft;
    let registry = &reference.repository.registry;
    let has_host_in_name = crate::words::reference::split_registry(name).is_some();
    let mut keys = Keys::default();
    keys.add("name", text(name));
    if let Some(tag) = &reference.tag {
        keys.add("tag", text(tag));
    } else if draft.digest().is_none() {
        keys.add("tag", text(reference.tag_or_default()));
    }
    if let Some(digest) = draft.digest() {
        keys.add("digest", text(digest.as_str()));
    }
    let mut tags = draft.tags.clone();
    let is_by_tag = reference.tag.is_some() || draft.digest().is_none();
    if draft.is_pulled && is_by_tag && !has_host_in_name && registry != DOCKER_HUB {
        // Compose goes on looking for it by its own name.
        tags.insert(0, format!("{registry}/{name}:{}", reference.tag_or_default()));
    }
    let mut seen = vec![canonical(&format!("{name}:{}", reference.tag_or_default()))];
    tags.retain(|tag| {
        let is_new = !seen.contains(&canonical(tag));
        seen.push(canonical(tag));
        is_new
    });
    if !tags.is_empty() {
        keys.add("extra_tags", texts(&tags));
    }
    if draft.is_pulled && !has_host_in_name {
        keys.add("registries", texts(std::slice::from_ref(registry)));
    }
    let only_built = draft.build.is_some() && !draft.is_pulled;
    let strategy = draft.strategy.or((only_built && has_host_in_name).then_some("build"));
    if let Some(strategy) = strategy {
        keys.add("strategy", text(strategy));
    }
    if let Some(policy) = draft.pull_policy {
        keys.add("pull_policy", text(policy));
    }
    if let Some(platform) = &draft.platform {
        keys.add("platform", text(platform));
    }
    let _ = write!(out, "[images.{}]\n{keys}", draft.id);
    if let Some(it) = &draft.build {
        build(it, &draft.id, out);
    }
}

/// The full form of a name, by which two are the same; as it is, where it is none.
fn canonical(name: &str) -> String {
    name.parse::<Reference>().map_or_else(|_| name.to_owned(), |name| name.canonical())
}

fn build(build: &Build, id: &str, out: &mut String) {
    let mut keys = Keys::default();
    let context = if build.context.is_empty() { "." } else { &build.context };
    keys.add("context", text(context));
    if let Some(dockerfile) = &build.dockerfile {
        keys.add("dockerfile", text(dockerfile));
    }
    if let Some(target) = &build.target {
        keys.add("target", text(target));
    }
    let mut tables = String::new();
    for (key, pairs) in [("args", &build.args), ("labels", &build.labels)] {
        if pairs.is_empty() {
            continue;
        }
        let name = |name: &str| bare(&text(name)).to_owned();
        let inline: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{} = {}", name(key), text(value))).collect();
        let inline = format!("{{ {} }}", inline.join(", "));
        if inline.len() <= WIDTH {
            keys.add(key, inline);
            continue;
        }
        let mut table = Keys::default();
        for (key, value) in pairs {
            table.add(&name(key), text(value));
        }
        let _ = write!(tables, "\n[images.{id}.build.{key}]\n{table}");
    }
    if !build.secrets.is_empty() {
        let secret = |it: &super::Secret| {
            format!("{{ id = {}, {} = {} }}", text(&it.id), it.key, text(&it.value))
        };
        keys.add("secrets", bracketed(&build.secrets.iter().map(secret).collect::<Vec<_>>()));
    }
    if !build.ssh.is_empty() {
        keys.add("ssh", texts(&build.ssh));
    }
    if let Some(network) = &build.network {
        keys.add("network", text(network));
    }
    if !build.cache_from.is_empty() {
        keys.add("cache_from", texts(&build.cache_from));
    }
    if build.pull {
        keys.add("pull", "true".to_owned());
    }
    let _ = write!(out, "\n[images.{id}.build]\n{keys}");
    if let (Some(last), None) = (build.stages.last(), &build.target) {
        let stages: Vec<String> = build.stages.iter().map(|it| quoted(it)).collect();
        let _ = writeln!(
            out,
            "# target = {}   # the stages with a name are {}; without it, the last stage",
            text(&sanitise(last)),
            list(&stages, "and")
        );
    }
    out.push_str(&tables);
}

/// Keys with their values below each other.
#[derive(Default)]
struct Keys(Vec<(String, String)>);

impl Keys {
    fn add(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}

impl std::fmt::Display for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.0.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        self.0.iter().try_for_each(|(key, value)| writeln!(f, "{key:columns$} = {value}"))
    }
}

/// A string of TOML, on one line.
fn text(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// A key, without quotes where it needs none.
fn bare(quoted: &str) -> &str {
    let inside = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(quoted);
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !inside.is_empty() && inside.bytes().all(is_bare) { inside } else { quoted }
}

fn texts(items: &[String]) -> String {
    bracketed(&items.iter().map(|item| text(item)).collect::<Vec<_>>())
}

/// A list, on a line where it fits.
fn bracketed(items: &[String]) -> String {
    let line = format!("[{}]", items.join(", "));
    if line.len() <= WIDTH { line } else { format!("[\n    {},\n]", items.join(",\n    ")) }
}
