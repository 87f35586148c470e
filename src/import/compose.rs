//! A Compose file: each service's image, once.

use crate::import::build::Builder;
use crate::import::interpolate::fixed;
use crate::import::notes::{Note, Notes, quoted};
use crate::import::yaml::{At, Key, Node, Value, parse};
use crate::import::{Draft, From, Imported, id, unused};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::reference::{Reference, split_registry};

/// Reads a Compose file. What is in it about images is taken over or noted; all else is how
/// services run, which is none of occ's business.
pub(crate) fn read(text: &str, from: From<'_>) -> Result<Imported, Box<Diagnostic>> {
    let wrong = |(message, at): (String, At)| {
        let span = (!at.span.is_empty()).then_some(at.span);
        let error = Diagnostic::error(message).code(Code::Import);
        let file = Some(from.file.to_owned());
        Box::new(Diagnostic { file, line: at.line, column: at.column, span, ..error })
    };
    let tree = parse(text).map_err(wrong)?;
    let Some((key, services)) = tree.get("services") else {
        let message = "a Compose file has `services`, and there are none".to_owned();
        return Err(wrong((message, At { line: 1, column: 1, span: 0..0 })));
    };
    let Value::Map(services) = &services.value else {
        return Err(wrong(("`services` is no map of services".to_owned(), key.at.clone())));
    };
    let out = Imported { file: from.file.to_owned(), ..Imported::default() };
    let mut file = File { project: project(&tree, from), tree: &tree, from, out };
    if let Some((key, _)) = tree.get("include") {
        file.note(&key.at, "include", "`include` is not followed: import those files, too");
    }
    for (key, service) in services {
        file.service(key, service);
    }
    Ok(file.out)
}

/// The name of the project, of which Compose makes names for what is built and has none.
fn project(tree: &Node, from: From<'_>) -> String {
    let named = tree.get("name").and_then(|(_, name)| name.text());
    let named = named.and_then(|name| fixed(name).ok()).map(|name| name.text);
    let folder = || Some(from.folder.file_name()?.to_string_lossy().into_owned());
    let name = named.or_else(folder).unwrap_or_default().to_lowercase();
    let is_kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c);
    let name: String = name.chars().filter(is_kept).collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

struct File<'f> {
    project: String,
    tree: &'f Node,
    from: From<'f>,
    out: Imported,
}

impl File<'_> {
    fn note(&mut self, at: &At, key: &str, message: &str) {
        self.out.notes.push(Note::new(at, key, message));
    }

    fn service(&mut self, key: &Key, node: &Node) {
        let mut notes = Notes { service: &key.name, all: Vec::new() };
        if let Some((key, _)) = node.get("extends") {
            let message = "`extends` is not followed: what it brings along is missing here";
            notes.add(&key.at, "extends", message);
        }
        let draft = match self.draft(&mut notes, key, node) {
            Ok(draft) => draft,
            Err(why) => {
                self.out.notes.append(&mut notes.all);
                let message = format!("the service {} is left out: {why}", quoted(&key.name));
                return self.note(&key.at, &format!("services.{}", key.name), &message);
            }
        };
        let name = draft.reference.canonical();
        let known = self.out.images.iter_mut().find(|known| known.reference.canonical() == name);
        if let Some(known) = known {
            unite(known, draft, &mut notes, &key.at);
            known.notes.append(&mut notes.all);
        } else {
            let id = unused(&draft.id, &self.out.images);
            self.out.images.push(Draft { id, notes: notes.all, ..draft });
        }
    }

    /// The image of a service. The error is why there is none.
    fn draft(&self, notes: &mut Notes<'_>, key: &Key, node: &Node) -> Result<Draft, String> {
        let (service, at) = (&key.name, &key.at);
        let image = node.get("image").map(|(_, image)| image);
        let build = node.get("build").and_then(|(key, build)| {
            let secrets = self.tree.get("secrets").map(|(_, secrets)| secrets);
            Builder { from: self.from, secrets, notes }.read(key, build)
        });
        let unnamed = || "its `image` is not taken over".to_owned();
        let written = image.map(|image| notes.text(image, "image").ok_or_else(unnamed));
        let written = written.transpose()?;
        if written.is_none() && build.is_none() {
            return Err(if node.get("build").is_some() {
                "its `build` is not taken over, and it has no `image`".to_owned()
            } else {
                "it has neither `image` nor `build`".to_owned()
            });
        }
        let name = written.clone().unwrap_or_else(|| self.own_name(service));
        let reference: Reference = name
            .parse()
            .map_err(|error| format!("{} is no name of an image: {error}", quoted(&name)))?;
        let id = id(service).unwrap_or_else(|| "image".to_owned());
        let (build, tags) = build.unzip();
        let mut draft = Draft {
            id,
            services: vec![service.clone()],
            at: at.clone(),
            is_pulled: false,
            reference,
            tags: tags.unwrap_or_default(),
            strategy: None,
            pull_policy: None,
            platform: None,
            build,
            notes: Vec::new(),
        };
        let policy = policy(notes, node, &mut draft);
        // A name without a host may be one for this machine alone, and Docker Hub's is somebody
        // else's then. Who has nothing to build it from means the registry's.
        let has_host = written.is_some_and(|name| split_registry(&name).is_some());
        draft.is_pulled = image.is_some()
            && (draft.build.is_none() || has_host || policy == Policy::Pull)
            && policy != Policy::Build;
        if draft.is_pulled && draft.build.is_some() {
            draft.strategy = Some("pull-then-build");
        }
        platform(notes, node, &mut draft);
        Ok(draft)
    }

    /// The name that Compose gives to what is built for a service.
    fn own_name(&self, service: &str) -> String {
        let service = service.to_lowercase();
        if self.project.is_empty() { service } else { format!("{}-{service}", self.project) }
    }
}

/// Takes `pull_policy` over, and says what it means for the strategy.
fn policy(notes: &mut Notes<'_>, node: &Node, draft: &mut Draft) -> Policy {
    let Some((_, policy)) = node.get("pull_policy") else { return Policy::None };
    let Some(word) = notes.text(policy, "pull_policy") else { return Policy::None };
    match word.as_str() {
        "missing" | "if_not_present" => return Policy::Pull,
        "always" => {
            draft.pull_policy = Some("always");
            return Policy::Pull;
        }
        "never" => draft.pull_policy = Some("never"),
        "build" if draft.build.is_some() => return Policy::Build,
        _ => {
            let why = "a manifest has `missing`, `always` and `never`";
            notes.refuse_value(&policy.at, "pull_policy", &word, why);
        }
    }
    Policy::None
}

/// Takes `platform` over, and of `build.platforms` the one that there is.
fn platform(notes: &mut Notes<'_>, node: &Node, draft: &mut Draft) {
    if let Some((_, platform)) = node.get("platform") {
        draft.platform = notes.text(platform, "platform");
    }
    let platforms = node.get("build").and_then(|(_, build)| build.get("platforms"));
    let Some((key, platforms)) = platforms else { return };
    match (platforms.items(), &draft.platform) {
        ([], _) => {}
        ([one], None) => draft.platform = notes.text(one, "build.platforms"),
        ([one], Some(own)) if one.text() == Some(own) => {}
        (_, own) => {
            let which = own.as_ref().map_or("the engine's own".to_owned(), |it| quoted(it));
            let why = format!("occ builds for one platform, which is {which} here");
            notes.refuse(&key.at, "build.platforms", &why);
        }
    }
}

/// What `pull_policy` says of the strategy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Pull,
    Build,
    None,
}

/// Takes a further service of an image in.
fn unite(known: &mut Draft, other: Draft, notes: &mut Notes<'_>, at: &At) {
    let first = known.services.first().cloned().unwrap_or_default();
    let mut differs = |key: &str| {
        let (first, this) = (quoted(&first), quoted(notes.service));
        let message = format!(
            "the services {first} and {this} have one image, and not one `{key}`: that of {first} \
             is taken"
        );
        notes.add(at, key, message);
    };
    if other.build.is_some() {
        if known.build.is_none() {
            known.build = other.build;
            (known.is_pulled, known.strategy) = (other.is_pulled, other.strategy);
        } else if known.build != other.build {
            differs("build");
        }
    }
    if other.platform.is_some() && known.platform.is_some() && known.platform != other.platform {
        differs("platform");
    }
    if other.pull_policy.is_some() && known.pull_policy != other.pull_policy {
        if known.pull_policy.is_some() {
            differs("pull_policy");
        } else {
            known.pull_policy = other.pull_policy;
        }
    }
    known.platform = known.platform.take().or(other.platform);
    let new = other.tags.into_iter().filter(|tag| !known.tags.contains(tag));
    known.tags.extend(new.collect::<Vec<_>>());
    known.services.extend(other.services);
}
