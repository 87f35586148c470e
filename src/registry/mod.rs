//! Floor 3: registries, asked by occ itself.
//!
//! Images come through the engine, and so does every digest. But an engine hands on neither the
//! tag that a signature lies under nor the blob in it, so these are asked for here: from the
//! sources of the image alone, with the user's credentials for each, and with an end to every
//! answer. Nothing is asked a second time for having failed: that is for whoever wants to know.

mod address;
mod auth;
mod failure;
mod http;
pub(crate) mod proxy;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::engine::Credentials;
use crate::engine::credentials::CredentialStore;
use crate::engine::error::EngineError;
use crate::registry::address::Address;
use crate::registry::auth::Login;
use crate::registry::failure::{About, Problem};
use crate::registry::http::{Answer, Http};
use crate::registry::proxy::Proxy;
use crate::words::digest::Digest;
use crate::words::event::ProgressReporter;
use crate::words::hash::Sha256Sum;
use crate::words::reference::{Reference, Repository};
use crate::words::text::hex;

/// The largest manifest, in bytes: registries take no larger one.
const MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// Redirections in a row. Registries send whoever wants a blob to where they store it: once.
const MAX_REDIRECTIONS: usize = 4;

/// What a manifest may be, from an index to what came before both.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Asks registries, and remembers for a run how each wants to be asked.
pub(crate) struct Registry {
    http: Http,
    credentials: Arc<CredentialStore>,
    progress: ProgressReporter,
    /// By the repository.
    logins: RefCell<BTreeMap<String, Login>>,
    /// Hosts of this machine that speak no TLS.
    plain: RefCell<Vec<String>>,
}

impl Registry {
    /// Nobody is asked before the first question. No answer is waited for longer than `limit`.
    pub(crate) fn new(
        credentials: Arc<CredentialStore>,
        progress: ProgressReporter,
        limit: Option<Duration>,
    ) -> Self {
        let http = Http::new(limit);
        Self { http, credentials, progress, logins: RefCell::default(), plain: RefCell::default() }
    }

    /// The same through a proxy, for whom it is meant for.
    pub(crate) fn with_proxy(self, proxy: Proxy) -> Self {
        Self { http: self.http.with_proxy(proxy), ..self }
    }

    /// A manifest, by its tag or its digest, as it is.
    pub(crate) async fn manifest(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Bytes, EngineError> {
        self.get(repository, &format!("manifests/{name}"), MAX_MANIFEST).await
    }

    /// The list of what refers to a digest, where the registry keeps one.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Bytes, EngineError> {
        self.get(repository, &format!("referrers/{digest}"), MAX_MANIFEST).await
    }

    /// A blob, if it is no larger than that.
    pub(crate) async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        largest: u64,
    ) -> Result<Bytes, EngineError> {
        self.get(repository, &format!("blobs/{digest}"), largest).await
    }

    async fn get(
        &self,
        repository: &Repository,
        what: &str,
        largest: u64,
    ) -> Result<Bytes, EngineError> {
        let mut about = About { repository, what, credentials: None };
        let failed = |problem: Problem, about: &About<'_>| failure::of(&problem, about);
        let address = Address::of(&repository.registry);
        let url = |is_plain| address.url(is_plain, &repository.path, what);
        let is_known = self.plain.borrow().contains(&repository.registry);
        let first = url(is_known).map_err(|problem| failed(problem, &about))?;
        let mut answer = self.follow(first, repository, largest).await;
        if !is_known && address.is_loopback && answer.as_ref().is_err_and(Problem::is_connecting) {
            // As engines do: on this machine nobody listens in.
            let second = url(true).map_err(|problem| failed(problem, &about))?;
            answer = self.follow(second, repository, largest).await;
            if answer.is_ok() {
                self.plain.borrow_mut().push(repository.registry.clone());
            }
        }
        let mut answer = answer.map_err(|problem| failed(problem, &about))?;
        if answer.status == 401 {
            // The first time, or what was shown until now is too old.
            about.credentials = self.credentials_for(repository).await;
            let credentials = about.credentials.as_ref();
            let login = auth::login(&self.http, &answer, repository, credentials).await;
            if let Some(login) = login.map_err(|problem| failed(problem, &about))? {
                self.logins.borrow_mut().insert(repository.to_string(), login);
                let again = self.follow(answer.url, repository, largest).await;
                answer = again.map_err(|problem| failed(problem, &about))?;
            }
        } else if answer.status != 200 && self.is_logged_in(repository) {
            about.credentials = self.credentials_for(repository).await;
        }
        match answer.status {
            200 => Ok(answer.body),
            _ => Err(failed(Problem::Refused(answer.status, answer.body), &about)),
        }
    }

    async fn credentials_for(&self, repository: &Repository) -> Option<Credentials> {
        self.credentials.get(&repository.registry, &self.progress).await
    }

    /// Whether what is sent along is made of the user's credentials.
    fn is_logged_in(&self, repository: &Repository) -> bool {
        self.logins.borrow().get(&repository.to_string()).is_some_and(Login::is_the_users)
    }

    /// Asks, and goes where it is sent to. Who sends it elsewhere has no say in whom the login
    /// is shown to: that is for the registry alone.
    async fn follow(
        &self,
        first: Url,
        repository: &Repository,
        largest: u64,
    ) -> Result<Answer, Problem> {
        let login = self.logins.borrow().get(&repository.to_string()).map(Login::header);
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTIONS {
            let own = url.origin() == first.origin();
            let login = login.as_ref().filter(|_| own);
            let answer = self.http.get(&url, MANIFESTS, login, largest).await?;
            let Some(target) = answer.location() else {
                // What refuses elsewhere refuses no login.
                let url = if own { url } else { first };
                return Ok(Answer { url, ..answer });
            };
            let target = url.join(target).map_err(|_| Problem::Odd("it sends to nowhere"))?;
            if target.scheme() != "https" && first.scheme() == "https" {
                return Err(Problem::Odd("it sends to a place without TLS"));
            }
            url = target;
        }
        Err(Problem::Odd("it sends from place to place without an end"))
    }

    /// The digest of what is under a tag, or under a digest.
    pub(crate) async fn digest(&self, reference: &Reference) -> Result<Digest, EngineError> {
        let repository = &reference.repository;
        let name = match &reference.digest {
            Some(digest) => digest.as_str(),
            None => reference.tag_or_default(),
        };
        let manifest = self.manifest(repository, name).await?;
        let sum: Sha256Sum = <sha2::Sha256 as sha2::Digest>::digest(&manifest).into();
        let sum = hex(&sum);
        let about = About { repository, what: name, credentials: None };
        let odd = |_| failure::of(&Problem::Odd("its answer has no digest"), &about);
        format!("sha256:{sum}").parse().map_err(odd)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}
