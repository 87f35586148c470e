//! What to do about a failure class: one sentence fragment each.

use crate::engine::docker::classify::About;
use crate::words::failure::FailureClass;
use crate::words::reference::{DOCKER_HUB, Reference};
use crate::words::text::foreign_line;

/// The hint for a failure about a registry or an image.
pub(super) fn hint(
    class: FailureClass,
    about: &About<'_>,
    reference: Option<&Reference>,
) -> Option<String> {
    let host = reference.map_or("the registry", |reference| reference.repository.registry.as_str());
    let login =
        if host == DOCKER_HUB { "docker login".to_owned() } else { format!("docker login {host}") };
    let text = match class {
        FailureClass::NotFound if reference.is_some_and(|reference| reference.digest.is_some()) => {
            format!("{host} has no image of this digest: was it deleted there, or never pushed?")
        }
        FailureClass::NotFound => "check the repository and the tag for a typing error".to_owned(),
        FailureClass::AbsentOrPrivate => {
            format!("check the name; if the repository is private, run `{login}` first")
        }
        FailureClass::Denied => {
            let origin = about.credentials.map_or("", |credentials| credentials.origin.as_str());
            let from = if origin.is_empty() {
                String::new()
            } else {
                format!(" from `{}`", foreign_line(origin))
            };
            format!(
                "the credentials{from} were refused: renew them with `{login}`, or ask for access"
            )
        }
        FailureClass::RateLimited => {
            format!(
                "it lasts for hours: `{login}` raises the limit, another registry in `registries` avoids it"
            )
        }
        FailureClass::TooManyRequests => {
            format!("{host} wants fewer requests: wait a moment and run it again")
        }
        FailureClass::BadReference => {
            "a name is lower case: `registry/repository:tag`, with no scheme in front".to_owned()
        }
        FailureClass::WrongPlatform => {
            "the image is not published for this platform: choose another tag, or set `platform`"
                .to_owned()
        }
        FailureClass::Integrity => {
            format!(
                "{host}, or a proxy on the way, alters content: do not use it, tell its operator"
            )
        }
        FailureClass::Tls => format!(
            "if {host} speaks TLS, its authority belongs into the engine's `/etc/docker/certs.d/{host}/ca.crt`"
        ),
        FailureClass::NameResolution => {
            format!("check the spelling of {host}, and the name servers of the engine's machine")
        }
        FailureClass::Network => {
            format!("on the way from the engine to {host}: look at network, firewall and proxy")
        }
        FailureClass::Server => format!("{host} has a problem of its own: run it again later"),
        FailureClass::NotARegistry => format!(
            "what answers at {host} is no registry: is there a login page or a proxy on the way?"
        ),
        FailureClass::MissingBlob => {
            format!("{host} lists the image but lacks a part of it: it has to be pushed again")
        }
        FailureClass::Stalled => {
            format!(
                "{host} or the engine is slow: raise `response` in `[timeouts]`, or name another registry"
            )
        }
        FailureClass::CutShort => {
            "the engine's answer broke off: look into the engine's log".to_owned()
        }
        FailureClass::DiskFull => {
            "free space on the engine's disk: `docker system df` shows what takes it".to_owned()
        }
        FailureClass::Engine => {
            format!("the engine is {} ({})", about.endpoint.address, about.endpoint.why)
        }
        FailureClass::BuildCache => {
            "let the engine forget what it remembers of builds: `docker builder prune`".to_owned()
        }
        FailureClass::Unknown => "look into the engine's log for more".to_owned(),
        FailureClass::Build | FailureClass::Cancelled | FailureClass::Signature => return None,
    };
    Some(text)
}
