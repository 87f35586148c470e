//! The signatures of images, asked of their sources.

mod source;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::context::ContextError;
use crate::context::file::{Largest, bytes};
use crate::engine::credentials::CredentialStore;
use crate::engine::error::EngineError;
use crate::plan::reasons::{Answer, SignatureSeen};
use crate::plan::why::to_be_signed;
use crate::registry::Registry;
use crate::registry::proxy::Proxy;
use crate::signature::key::PublicKey;
use crate::signature::verdict::{Told, verdict};
use crate::state::desired::{DesiredImage, Source};
use crate::state::obstacle::Obstacle;
use crate::state::verify::Verify;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::event::ProgressReporter;
use crate::words::failure::FailureClass;
use crate::words::reference::{Reference, Repository};

/// Nobody's key is larger; a file that is, is something else.
const LARGEST: Largest = Largest { bytes: 64 * 1024, words: "64 KiB" };

/// What is remembered of a question: the image's id, the digest, and the round.
type Asked = (String, Digest, u32);

/// Whether it is signed, once that is known.
type Verdict = OnceCell<Result<(), Obstacle>>;

/// Finds out whether images are signed, and remembers it for the run. Who else asks meanwhile
/// waits for the same answer.
#[derive(Debug)]
pub(crate) struct Signatures {
    registry: Registry,
    progress: ProgressReporter,
    answers: RefCell<BTreeMap<Asked, Rc<Verdict>>>,
    keys: RefCell<BTreeMap<PathBuf, PublicKey>>,
}

impl Signatures {
    /// Nobody is asked, and no key is read, before the first question. No answer of a registry
    /// is waited for longer than `response`.
    pub(crate) fn new(
        credentials: &Arc<CredentialStore>,
        progress: &ProgressReporter,
        response: Option<Duration>,
    ) -> Self {
        Self {
            registry: Registry::new(Arc::clone(credentials), progress.clone(), response),
            progress: progress.clone(),
            answers: RefCell::default(),
            keys: RefCell::default(),
        }
    }

    /// The same, asking through a proxy.
    pub(crate) fn with_proxy(self, proxy: Proxy) -> Self {
        Self { registry: self.registry.with_proxy(proxy), ..self }
    }

    /// Whether a source of the image has a signature of exactly this digest. Each is asked once
    /// a round, in order, until one has; a yes holds for every round.
    pub(crate) async fn check(
        &self,
        image: &str,
        (verify, sources): (&Verify, &[Repository]),
        digest: &Digest,
        round: u32,
    ) -> Result<(), Obstacle> {
        let is_known = |((id, about, _), cell): (&Asked, &Rc<Verdict>)| {
            id == image && about == digest && matches!(cell.get(), Some(Ok(())))
        };
        if self.answers.borrow().iter().any(is_known) {
            return Ok(());
        }
        let asked = (image.to_owned(), digest.clone(), round);
        let cell = Rc::clone(self.answers.borrow_mut().entry(asked).or_default());
        let check = async || {
            let checked = self.really_check(verify, sources, digest).await;
            if checked.is_ok() {
                let what = format!("{} is signed by `{}`", digest.short(), verify.shown);
                self.progress.note(Some(image), what);
            }
            checked
        };
        cell.get_or_init(check).await.clone()
    }

    /// What there is to tell of an image's signature. Its sources are asked about a digest,
    /// where there is one.
    pub(crate) async fn seen(
        &self,
        image: &DesiredImage,
        digest: Option<&Digest>,
    ) -> Option<SignatureSeen> {
        let verify = image.verify.as_ref()?;
        let sources: Vec<_> =
            image.lockable_sources().map(|it| it.reference.repository.clone()).collect();
        let checked = match digest {
            Some(digest) => self.check(&image.id, (verify, &sources), digest, 0).await,
            None => self.key(verify).await.map(drop),
        };
        Some(SignatureSeen {
            key: verify.shown.clone(),
            digest: digest.cloned(),
            problem: checked.err().map(|obstacle| obstacle.reason),
        })
    }

    /// The same once the sources were asked, and have `answers`. Where the engine can't ask one,
    /// occ does.
    pub(crate) async fn asked(
        &self,
        image: &DesiredImage,
        answers: &BTreeMap<String, Answer>,
    ) -> Option<SignatureSeen> {
        image.verify.as_ref()?;
        let mut digest = to_be_signed(image, answers).cloned();
        let is_open = |source: &&Source| {
            answers.get(&source.reference.canonical()) == Some(&Answer::Unavailable)
        };
        for source in image.lockable_sources().filter(is_open) {
            if digest.is_some() {
                break;
            }
            digest = self.resolve(&source.reference).await.ok();
        }
        let seen = self.seen(image, digest.as_ref()).await?;
        let unknown = || "no source tells what the tag stands for".to_owned();
        let problem = seen.problem.or_else(|| digest.is_none().then(unknown));
        Some(SignatureSeen { problem, ..seen })
    }

    /// The digest that a source has under its name, where the engine can't ask.
    pub(crate) async fn resolve(&self, reference: &Reference) -> Result<Digest, EngineError> {
        self.registry.digest(reference).await
    }

    async fn really_check(
        &self,
        verify: &Verify,
        sources: &[Repository],
        digest: &Digest,
    ) -> Result<(), Obstacle> {
        let key = self.key(verify).await?;
        let mut told: Vec<(Repository, Told)> = Vec::new();
        for source in sources {
            // Two sources may differ in their tags alone.
            if told.iter().any(|(asked, _)| asked == source) {
                continue;
            }
            let answer = source::ask(&self.registry, &key, source, digest).await;
            let is_signed = answer == Told::Signed;
            told.push((source.clone(), answer));
            if is_signed {
                break;
            }
        }
        verdict(&told, digest, &verify.shown)
    }

    /// The key, read once.
    pub(crate) async fn key(&self, verify: &Verify) -> Result<PublicKey, Obstacle> {
        if let Some(key) = self.keys.borrow().get(&verify.key) {
            return Ok(key.clone());
        }
        let key = key(verify).await?;
        self.keys.borrow_mut().insert(verify.key.clone(), key.clone());
        Ok(key)
    }
}

/// Reads a key.
pub(crate) async fn key(verify: &Verify) -> Result<PublicKey, Obstacle> {
    let (path, root) = (verify.key.clone(), verify.root.clone());
    let read = tokio::task::spawn_blocking(move || bytes("the key", &path, &root, LARGEST));
    let cut_short = |_| unusable("reading the key was cut short".to_owned(), String::new());
    let text = read.await.map_err(cut_short)?.map_err(|error| unreadable(verify, &error))?;
    PublicKey::from_pem(&text).map_err(|error| {
        let why = format!("the key `{}` can't be used: {error}", verify.shown);
        unusable(why, error.hint().to_owned())
    })
}

fn unreadable(verify: &Verify, error: &ContextError) -> Obstacle {
    let why = match error {
        ContextError::Read { error, .. } => {
            format!("cannot read the key `{}`: {error}", verify.shown)
        }
        other => other.to_string(),
    };
    let hint = match error {
        ContextError::Missing { .. } => "the public key is committed beside the manifest",
        _ => "the key has to be a file that you may read, inside the repository",
    };
    unusable(why, hint.to_owned())
}

/// Without a key there is no good signature.
fn unusable(reason: String, hint: String) -> Obstacle {
    let hints = (!hint.is_empty()).then_some(hint).into_iter().collect();
    Obstacle { reason, class: FailureClass::Signature, code: Code::Signature, hints }
}
