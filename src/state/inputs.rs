//! The hash of everything a build reads, and the label that carries it.
//!
//! Equal hashes prove equal inputs, not equal bytes: a build may fetch what it
//! likes. The label is how occ remembers what it built, without a state file. It holds
//! hashes alone: names of files and values of arguments are not published with an image.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::digest::Digest;
use crate::words::hash::{Sha256Sum, hash_of};
use crate::words::image::EngineId;
use crate::words::reference::Reference;
use crate::words::text::hex;

/// The label that says what an image was built from: an [`InputLabel`].
pub(crate) const LABEL: &str = "dev.occ.inputs";

/// The algorithm's version. It changes when the same inputs would hash differently.
const VERSION: &str = "2";

/// Digits of a part's hash on the label: enough to tell what changed, where the hash of
/// all of it has said already that something did.
const SHORT: usize = 8;

/// One part of what a build reads. Their order is that in which their changes are told,
/// and their places are in what the cache has of earlier builds: a new one comes last.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The local name that it is built for.
    Name,
    /// The stage to build.
    Target,
    /// The platform that the manifest names.
    Platform,
    /// The network of its steps.
    Network,
    /// The text of a template.
    Template,
    /// The bytes of the Dockerfile.
    Dockerfile,
    /// Each file of the context.
    Files,
    /// Each build argument, but for those that name a proxy.
    Args,
    /// Each label of the manifest.
    Labels,
    /// Each image that it is built on, as far as it is known by more than its name.
    Bases,
    /// The id of each secret. Its value is none: a token that is renewed builds nothing.
    Secrets,
    /// The id of each ssh agent.
    Ssh,
}

impl Part {
    const ALL: [Self; 12] = [
        Self::Name,
        Self::Target,
        Self::Platform,
        Self::Network,
        Self::Template,
        Self::Dockerfile,
        Self::Files,
        Self::Args,
        Self::Labels,
        Self::Bases,
        Self::Secrets,
        Self::Ssh,
    ];

    /// Its word on the label and in the hash.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Target => "target",
            Self::Platform => "platform",
            Self::Network => "network",
            Self::Template => "template",
            Self::Dockerfile => "dockerfile",
            Self::Files => "files",
            Self::Args => "args",
            Self::Labels => "labels",
            Self::Bases => "bases",
            Self::Secrets => "secrets",
            Self::Ssh => "ssh",
        }
    }
}

/// What a build reads, as far as planning it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// The hash of each part, but for the bases.
    pub(crate) parts: BTreeMap<Part, Sha256Sum>,
    /// The images that its Dockerfile names for the wanted stage and those before it.
    pub(crate) bases: Vec<Base>,
    /// Why its Dockerfile can't be built, where that is known already.
    pub(crate) problem: Option<String>,
    /// What the user should know of it before the build.
    pub(crate) warnings: Vec<String>,
}

/// An image that a build starts from or copies from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// As the Dockerfile has it.
    pub(crate) reference: Reference,
    /// The image of the same manifest that has this name.
    pub(crate) image: Option<String>,
    /// The engine's id of it, where it is an input: for an image of the manifest, and for
    /// one that only the engine holds. What a registry serves counts by its reference, and
    /// by `newest` where that is known.
    pub(crate) held: Option<EngineId>,
    /// What its registry has for it now, where the build wants the newest.
    pub(crate) newest: Option<Digest>,
    /// The only content that will do, by the lock.
    pub(crate) locked: Option<Digest>,
    /// Whether the engine lacks it, where that was looked at.
    pub(crate) is_absent: bool,
    /// `# syntax=` names it. A builder that takes no notice of that does not pull it.
    pub(crate) is_frontend: bool,
}

impl Base {
    /// A base of which nothing is known yet.
    pub(crate) fn new(reference: Reference) -> Self {
        Self {
            reference,
            image: None,
            held: None,
            newest: None,
            locked: None,
            is_absent: false,
            is_frontend: false,
        }
    }

    /// What it counts by beside its reference.
    fn identity(&self) -> Option<&str> {
        let digest = self.locked.as_ref().or(self.newest.as_ref()).map(Digest::as_str);
        digest.or(self.held.as_ref().map(EngineId::as_str))
    }

    /// Whether only its registry can tell what it is now, and has not done so.
    pub(crate) fn is_open(&self) -> bool {
        self.image.is_none()
            && self.identity().is_none()
            && self.reference.digest.is_none()
            && !self.is_frontend
    }

    /// Whether a registry would have to serve it.
    pub(crate) fn is_missing(&self) -> bool {
        self.is_absent && self.image.is_none() && !self.is_frontend
    }

    /// As the builder is told to use it.
    pub(crate) fn used(&self) -> Reference {
        match &self.locked {
            Some(digest) => self.reference.repository.with_digest(digest),
            None => self.reference.clone(),
        }
    }
}

impl Inputs {
    /// What the label of an image says that is built from them for this name, with the
    /// bases as they are held.
    pub(crate) fn label(&self, name: &Reference) -> InputLabel {
        let parts = self.all_parts();
        let short = |(part, hash): (&Part, &Sha256Sum)| (*part, hex(hash)[..SHORT].to_owned());
        InputLabel {
            hash: InputHash::of(&parts),
            parts: parts.iter().map(short).collect(),
            name: name.canonical(),
        }
    }

    /// The hash of all of it, with the bases as they are held.
    pub(crate) fn hash(&self) -> InputHash {
        InputHash::of(&self.all_parts())
    }

    fn all_parts(&self) -> BTreeMap<Part, Sha256Sum> {
        let mut parts = self.parts.clone();
        if self.known_bases().next().is_some() {
            let fields = self.known_bases().flat_map(|(name, id)| [name, id.to_owned()]);
            parts.insert(Part::Bases, hash_of(fields));
        }
        parts
    }

    /// The bases that are inputs, by their full name, with what is known of each.
    pub(crate) fn known_bases(&self) -> impl Iterator<Item = (String, &str)> {
        self.bases.iter().filter_map(|base| Some((base.reference.canonical(), base.identity()?)))
    }

    /// The digests of the bases that are locked, by their full name.
    pub(crate) fn locked(&self) -> BTreeMap<String, Digest> {
        let locked = self
            .bases
            .iter()
            .filter_map(|base| Some((base.reference.canonical(), base.locked.clone()?)));
        locked.collect()
    }

    /// The images of the manifest that it is built on.
    pub(crate) fn built_on(&self) -> impl Iterator<Item = &str> {
        self.bases.iter().filter_map(|base| base.image.as_deref())
    }
}

/// The hash of a build's inputs: `2:<64 hexadecimal digits>`, the algorithm's version first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InputHash(String);

impl InputHash {
    fn of(parts: &BTreeMap<Part, Sha256Sum>) -> Self {
        let fields = parts.iter().flat_map(|(part, hash)| [part.word().as_bytes(), &hash[..]]);
        Self(format!("{VERSION}:{}", hex(&hash_of(fields))))
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was made as this occ makes it.
    pub(crate) fn is_of_this_version(&self) -> bool {
        self.0.split_once(':').is_some_and(|(version, _)| version == VERSION)
    }
}

impl fmt::Display for InputHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the label [`LABEL`] says, `2:<64 digits>,args:<8 digits>,files:<8 digits>;<name>`:
/// the hash of all inputs, which decides, the beginning of each part's, which tells what
/// changed, and the local name that the image was built for. It is one label, because the
/// classic builder makes a step of each, and a step takes its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputLabel {
    /// Of all inputs.
    pub(crate) hash: InputHash,
    /// The first digits of each part's hash.
    pub(crate) parts: BTreeMap<Part, String>,
    /// The local name in full; empty where the label has none.
    pub(crate) name: String,
}

impl InputLabel {
    /// Reads a label. What it doesn't know it leaves out: only the hash decides.
    pub(crate) fn read(text: &str) -> Self {
        let (text, name) = text.split_once(';').unwrap_or((text, ""));
        let (hash, parts) = text.split_once(',').unwrap_or((text, ""));
        let part = |text: &str| {
            let (word, digits) = text.split_once(':')?;
            let part = Part::ALL.into_iter().find(|part| part.word() == word)?;
            Some((part, digits.to_owned()))
        };
        let parts = parts.split(',').filter_map(part).collect();
        Self { hash: InputHash(hash.to_owned()), parts, name: name.to_owned() }
    }
}

impl fmt::Display for InputLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash.0)?;
        for (part, digits) in &self.parts {
            write!(f, ",{}:{digits}", part.word())?;
        }
        write!(f, ";{}", self.name)
    }
}

/// Whether an image with this history, newest first, ends with the labels of its build.
///
/// The classic builder's last steps set them, a step each, and `BuildKit`'s last step sets
/// [`LABEL`]. An image that was made from it (`docker commit`, or `FROM` it) inherits them,
/// and has further steps after those.
pub(crate) fn ends_with_labels(history: &[String], labels: &BTreeMap<String, String>) -> bool {
    // `/bin/sh -c #(nop)  LABEL key=value`, and Podman has quotes around both.
    let read = |step: &String| {
        let (_, rest) = step.split_once("LABEL ")?;
        let (key, value) = rest.split_once('=')?;
        let plain = |text: &str| text.trim().trim_matches('"').to_owned();
        Some((plain(key), plain(value)))
    };
    let own = labels.get_key_value(LABEL).map(|(key, value)| (key.clone(), value.clone()));
    // A builder that writes no such step leaves nothing to tell by: what else is there is
    // the step of an image that it was built on.
    let Some(at) = history.iter().position(|step| own.is_some() && read(step) == own) else {
        return true;
    };
    if history[at].starts_with("LABEL ") {
        return at == 0;
    }
    let newest: Option<std::collections::BTreeSet<String>> =
        history.iter().take(labels.len()).map(|step| Some(read(step)?.0)).collect();
    newest.is_some_and(|keys| keys.iter().eq(labels.keys()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(args: u8, held: Option<&str>) -> Inputs {
        let base =
            Base { held: held.map(EngineId::new), ..Base::new("acme/base:1".parse().unwrap()) };
        Inputs {
            parts: BTreeMap::from([(Part::Args, [args; 32]), (Part::Files, [7; 32])]),
            bases: vec![base],
            problem: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn each_part_counts() {
        assert_eq!(inputs(1, None).hash(), inputs(1, None).hash());
        assert_ne!(inputs(1, None).hash(), inputs(2, None).hash());
        let mut without = inputs(1, None);
        without.parts.remove(&Part::Files);
        assert_ne!(without.hash(), inputs(1, None).hash());
    }

    #[test]
    fn a_base_counts_by_what_is_held_of_it() {
        assert_ne!(inputs(1, Some("sha256:1")).hash(), inputs(1, Some("sha256:2")).hash());
        assert_ne!(inputs(1, Some("sha256:1")).hash(), inputs(1, None).hash());
    }

    #[test]
    fn a_label_says_the_hash_and_a_little_of_each_part() {
        let label = inputs(1, Some("sha256:1")).label(&"acme/tool".parse().unwrap());
        let text = label.to_string();
        let hash = label.hash.to_string();
        assert!(hash.starts_with("2:") && hash.len() == 66);
        assert!(text.starts_with(&format!("{hash},files:07070707,args:01010101,bases:")), "{text}");
        assert!(text.ends_with(";docker.io/acme/tool:latest"), "{text}");
        assert_eq!(InputLabel::read(&text), label);
        let odd = InputLabel::read(&format!("{hash},new:1,args,files:x"));
        assert_eq!(odd.hash, label.hash);
        assert_eq!(odd.parts, BTreeMap::from([(Part::Files, "x".to_owned())]));
        assert!(label.hash.is_of_this_version());
        assert!(!InputLabel::read("1:abc").hash.is_of_this_version());
        assert_eq!(InputLabel::read("").hash.as_str(), "");
    }

    #[test]
    fn an_image_made_from_ours_has_further_steps() {
        let labels = [("a", "x=y"), (LABEL, "2:1")];
        let labels = BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let check = |history: &[&str], want: bool| {
            let history: Vec<String> = history.iter().map(|step| (*step).to_owned()).collect();
            assert_eq!(ends_with_labels(&history, &labels), want, "{history:?}");
        };
        let (a, ours) =
            ("/bin/sh -c #(nop)  LABEL a=x=y", "/bin/sh -c #(nop)  LABEL dev.occ.inputs=2:1");
        let quoted = "/bin/sh -c #(nop) LABEL \"dev.occ.inputs\"=\"2:1\"";
        check(&[ours, a, "/bin/sh -c #(nop) COPY file:1 in /"], true);
        check(&[a, quoted, "sh"], true);
        check(&["sh", ours, a], false);
        check(&["/bin/sh -c #(nop)  LABEL b=1", ours, a], false);
        check(&[ours], false);
        check(&["COPY . / # buildkit", ours, a], false);
        let kit = "LABEL dev.occ.inputs=2:1";
        check(&[kit, "COPY / / # buildkit"], true);
        check(&["COPY / / # buildkit", kit], false);
        check(&["", kit], false);
        // Nothing of its own build, and a step of the image that it was built on.
        check(&["COPY / / # buildkit", "COPY . / # buildkit"], true);
        check(&["COPY / / # buildkit", "LABEL dev.occ.inputs=2:0"], true);
    }
}
