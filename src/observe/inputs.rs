//! What a build reads: hashed, and held against what the image in the engine was built from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::context::Tree;
use crate::context::cache::{Cache, Shelf};
use crate::context::dockerfile::{Demands, demands};
use crate::context::walk::{How, Place, walk};
use crate::engine::Engine;
use crate::engine::docker::image::DOCKERFILE;
use crate::engine::error::EngineError;
use crate::ignore::Patterns;
use crate::observe::{Options, once_more};
use crate::state::changes::{Change, Item, Table, changes};
use crate::state::desired::{BuildOrigin, DesiredBuild, DesiredImage, SecretFrom, Template};
use crate::state::inputs::{Base, InputHash, InputLabel, Inputs, LABEL, Part, ends_with_labels};
use crate::words::hash::{Sha256Sum, hash_of};
use crate::words::image::ImageFacts;
use crate::words::network::Network;
use crate::words::reference::Reference;
use crate::words::text::list;

/// The tables of what images were built from, by their input hash. A table of a large
/// context takes about a megabyte.
const TABLES: Shelf = Shelf { name: "inputs-2", room: 64 };

/// What was read for one image.
pub(super) struct Read {
    pub(super) inputs: Inputs,
    /// What in its Dockerfile only a newer builder takes.
    pub(super) newer: Option<String>,
    pub(super) tree: Tree,
}

/// Hashes what a build reads. The error is why it can't be read. The walk has a thread
/// of its own.
pub(super) async fn read(
    image: &DesiredImage,
    build: &DesiredBuild,
    names: &BTreeMap<String, &str>,
    options: &Options,
) -> Result<Read, String> {
    // Whoever asked for the image had to give its arguments values; not so for one that
    // comes along.
    if let Some(problem) = build.unresolved() {
        return Err(problem);
    }
    let (of_build, cache, reread) = (build.clone(), options.cache.clone(), options.reread);
    let read = tokio::task::spawn_blocking(move || {
        let tree = match &of_build.origin {
            BuildOrigin::Template(Template::Opencode) => Tree::template(DOCKERFILE),
            BuildOrigin::Context { dir, dockerfile, root } => {
                let place = Place { dir, dockerfile, root };
                walk(place, How::Hashed(&cache, reread)).map_err(|error| error.to_string())?
            }
        };
        let dockerfile = tree.dockerfile_text().unwrap_or_default();
        let files = tree.fingerprint(of_build.inputs.as_ref());
        Ok::<_, String>((tree, dockerfile, files))
    });
    let cut_short = |_| "reading the build context was cut short".to_owned();
    let (tree, dockerfile, files) = read.await.map_err(cut_short)??;
    let target = build.target.as_deref();
    let Demands { bases, frontend, problem, newer, mut warnings } =
        demands(&dockerfile, &shown(build, &tree), &build.args, target);
    let locked = |reference: &Reference| {
        image.locked.as_ref()?.bases.get(&reference.canonical()).cloned().flatten()
    };
    let base = |reference: Reference| Base {
        image: names.get(&reference.canonical()).map(|id| (*id).to_owned()),
        locked: locked(&reference),
        ..Base::new(reference)
    };
    let frontend = frontend.map(|reference| Base { is_frontend: true, ..base(reference) });
    let bases = bases.into_iter().map(base).chain(frontend).collect();
    warnings.extend(build.inputs.as_ref().map(narrowed));
    warnings.extend(sent_secrets(build, &tree));
    let inputs = Inputs { parts: parts(image, build, &tree, files), bases, problem, warnings };
    Ok(Read { inputs, newer, tree })
}

/// The Dockerfile, as the user knows it.
pub(crate) fn shown(build: &DesiredBuild, tree: &Tree) -> String {
    match &build.origin {
        BuildOrigin::Context { dockerfile, .. } if tree.is_brought => {
            dockerfile.display().to_string()
        }
        _ => tree.dockerfile.clone(),
    }
}

fn narrowed(inputs: &Patterns) -> String {
    let patterns: Vec<String> = inputs.written().map(|pattern| format!("`{pattern}`")).collect();
    let what = list(&patterns, "and");
    format!("only {what} count as inputs, and all files are sent")
}

/// The files that are secrets, and that go to the builder like all others for want of a line
/// in an ignore file. They are inputs then, too.
fn sent_secrets(build: &DesiredBuild, tree: &Tree) -> Vec<String> {
    let BuildOrigin::Context { dir, .. } = &build.origin else { return Vec::new() };
    let in_context = build.secrets.iter().filter_map(|secret| match &secret.from {
        SecretFrom::File { path, .. } => path.strip_prefix(dir).ok(),
        SecretFrom::Env(_) => None,
    });
    let sent = in_context.filter(|path| tree.entries.iter().any(|entry| entry.path == *path));
    let told = sent.map(|path| {
        format!(
            "the secret `{}` is part of the context, and a `COPY` may take it: add it to the ignore file",
            path.display()
        )
    });
    told.collect()
}

/// The hash of each part. A part that says nothing is left out.
fn parts(
    image: &DesiredImage,
    build: &DesiredBuild,
    tree: &Tree,
    files: Sha256Sum,
) -> BTreeMap<Part, Sha256Sum> {
    let network = match build.network {
        Network::Default => None,
        Network::None => Some("none"),
        Network::Host => Some("host"),
    };
    let pairs = |map: &BTreeMap<String, String>| {
        (!map.is_empty()).then(|| hash_of(map.iter().flat_map(|(key, value)| [key, value])))
    };
    let ids = |ids: &BTreeSet<&str>| (!ids.is_empty()).then(|| hash_of(ids));
    let (name, content) = tree.dockerfile_item().unwrap_or_default();
    let is_template = matches!(build.origin, BuildOrigin::Template(_));
    let all = [
        (Part::Name, Some(hash_of([image.name.canonical()]))),
        (Part::Target, build.target.as_ref().map(|target| hash_of([target]))),
        (Part::Platform, image.platform.as_ref().map(|platform| hash_of([platform.to_string()]))),
        (Part::Network, network.map(|network| hash_of([network]))),
        (Part::Template, is_template.then_some(content)),
        (Part::Dockerfile, (!is_template).then(|| hash_of([name, &content[..]]))),
        (Part::Files, (!is_template).then_some(files)),
        (Part::Args, pairs(&build.counted_args())),
        (Part::Labels, pairs(&build.labels)),
        (Part::Secrets, ids(&secret_ids(build))),
        (Part::Ssh, ids(&ssh_ids(build))),
    ];
    all.into_iter().filter_map(|(part, hash)| Some((part, hash?))).collect()
}

/// The ids of its secrets, which are all that counts of them.
fn secret_ids(build: &DesiredBuild) -> BTreeSet<&str> {
    build.secrets.iter().map(|secret| secret.id.as_str()).collect()
}

/// The ids of its ssh agents.
fn ssh_ids(build: &DesiredBuild) -> BTreeSet<&str> {
    build.ssh.iter().map(String::as_str).collect()
}

/// The labels that an image gets that is built from these inputs.
pub(crate) fn labels(
    name: &Reference,
    build: &DesiredBuild,
    inputs: &Inputs,
) -> BTreeMap<String, String> {
    let mut labels = build.labels.clone();
    labels.insert(LABEL.to_owned(), inputs.label(name).to_string());
    labels
}

/// What the engine holds under an image's name.
pub(super) struct Held<'h> {
    pub(super) facts: &'h ImageFacts,
    /// How it came to be.
    pub(super) history: Result<Vec<String>, EngineError>,
}

/// What changed since what is held was built, if its label tells; and whether somebody
/// made it from an image of ours, which its label does not tell.
pub(super) fn compare(
    image: &DesiredImage,
    build: &DesiredBuild,
    Held { facts: held, history }: Held,
    Read { inputs, tree, .. }: &Read,
    cache: &Cache,
) -> Result<(Vec<Change>, bool), EngineError> {
    let Some(before) = held.labels.get(LABEL).map(|label| InputLabel::read(label)) else {
        return Ok((Vec::new(), false));
    };
    let now = inputs.label(&image.name);
    if before.hash == now.hash {
        let labels = labels(&image.name, build, inputs);
        let is_ours = has_all(held, &labels) && ends_with_labels(&history?, &labels);
        return Ok((Vec::new(), !is_ours));
    }
    let tables = recall(cache, &before.hash).map(|then| (then, table(build, inputs, tree)));
    Ok((changes(&before, &now, tables.as_ref().map(|(then, now)| (then, now))), false))
}

/// Whether what is held says that it was built from these inputs.
pub(super) fn is_built_from(held: &ImageFacts, image: &DesiredImage, inputs: &Inputs) -> bool {
    let label = held.labels.get(LABEL).map(|label| InputLabel::read(label).hash);
    label.is_some_and(|hash| hash == inputs.label(&image.name).hash)
}

/// Whether an image is the very one that was built with these labels.
pub(crate) async fn is_built_with<E: Engine>(
    engine: &E,
    held: &ImageFacts,
    labels: &BTreeMap<String, String>,
) -> Result<bool, EngineError> {
    Ok(has_all(held, labels) && ends_with_labels(&history(engine, held).await?, labels))
}

fn has_all(held: &ImageFacts, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(key, value)| held.labels.get(key) == Some(value))
}

/// How an image came to be, if one of ours is at its bottom.
pub(super) async fn history<E: Engine>(
    engine: &E,
    held: &ImageFacts,
) -> Result<Vec<String>, EngineError> {
    if !held.labels.contains_key(LABEL) {
        return Ok(Vec::new());
    }
    once_more(async || engine.history(&held.id).await).await
}

/// The items of all parts that have several.
fn table<'t>(build: &'t DesiredBuild, inputs: &Inputs, tree: &'t Tree) -> Table<'t> {
    let item = |name: Cow<'t, [u8]>, hash: Sha256Sum| {
        let mut mark = [0; 8];
        mark.copy_from_slice(&hash[..8]);
        Item { name, mark }
    };
    let owned = |name: &str, hash| item(Cow::Owned(name.as_bytes().to_vec()), hash);
    let pairs = |map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| owned(key, hash_of([value]))).collect()
    };
    let ids = |ids: BTreeSet<&str>| ids.into_iter().map(|id| owned(id, hash_of([id]))).collect();
    // Of these there may be many, so each takes its room once.
    let mut files = Vec::with_capacity(tree.entries.len());
    let found = tree.items(build.inputs.as_ref());
    files.extend(found.map(|(path, hash)| item(Cow::Borrowed(path), hash)));
    let bases = inputs.known_bases().map(|(name, id)| owned(&name, hash_of([id])));
    let mut parts: BTreeMap<Part, Vec<Item<'_>>> = BTreeMap::from([
        (Part::Args, pairs(&build.counted_args())),
        (Part::Labels, pairs(&build.labels)),
        (Part::Files, files),
        (Part::Bases, bases.collect()),
        (Part::Secrets, ids(secret_ids(build))),
        (Part::Ssh, ids(ssh_ids(build))),
    ]);
    for items in parts.values_mut() {
        items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }
    Table { parts }
}

/// Keeps what an image was built from, so that the next change of it can be named.
pub(crate) fn remember(cache: &Cache, build: &DesiredBuild, inputs: &Inputs, tree: &Tree) {
    let hash = inputs.hash();
    // The same inputs have the same table.
    if !cache.has(TABLES, hash.as_str()) {
        cache.put_value(TABLES, hash.as_str(), &table(build, inputs, tree));
    }
}

fn recall(cache: &Cache, hash: &InputHash) -> Option<Table<'static>> {
    postcard::from_bytes(&cache.get(TABLES, hash.as_str())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Place, parse};

    fn parts_of(keys: &str) -> BTreeMap<Part, Sha256Sum> {
        let text = format!(
            "version = 1\n[images.a]\nname = \"a\"\n[images.a.build]\ntemplate = \"opencode\"\n{keys}\n"
        );
        let place = Place { file: "opencode.toml".into(), dir: "/r".into(), root: "/r".into() };
        let image = parse(text.as_bytes(), &place).desired.unwrap().images.remove(0);
        let tree = Tree::template("FROM scratch\n");
        parts(&image, image.build.as_ref().unwrap(), &tree, Sha256Sum::default())
    }

    #[test]
    fn secrets_and_agents_count_by_their_ids_alone() {
        let without = parts_of("");
        assert!(!without.contains_key(&Part::Secrets) && !without.contains_key(&Part::Ssh));
        assert_eq!(parts_of("secrets = []\nssh = []\nbuilder = \"buildkit\""), without);

        let all = parts_of(
            "ssh = [\"a\", \"b\"]\nsecrets = [{ id = \"x\", env = \"X\" }, { id = \"y\", src = \"y\" }]",
        );
        let same = parts_of(
            "ssh = [\"b\", \"a\"]\nsecrets = [{ id = \"y\", env = \"Z\" }, { id = \"x\", src = \"x\" }]",
        );
        assert_eq!(all, same);
        let fewer = parts_of("ssh = [\"a\"]\nsecrets = [{ id = \"x\", env = \"X\" }]");
        for part in [Part::Secrets, Part::Ssh] {
            assert!(all.contains_key(&part) && all[&part] != fewer[&part]);
        }
    }
}
