//! Where a registry is.

use std::net::IpAddr;

use url::Url;

use crate::registry::failure::Problem;
use crate::words::reference::DOCKER_HUB;

/// A registry's host, as it is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// With its port, if it has one.
    authority: &'a str,
    /// It is on this machine, where engines do without TLS.
    pub(super) is_loopback: bool,
}

impl<'a> Address<'a> {
    pub(super) fn of(registry: &'a str) -> Self {
        // The name of Docker Hub is not where it is.
        let authority = if registry == DOCKER_HUB { "registry-1.docker.io" } else { registry };
        Self { authority, is_loopback: is_loopback(host(authority)) }
    }

    /// The address of something in a repository.
    pub(super) fn url(&self, is_plain: bool, path: &str, what: &str) -> Result<Url, Problem> {
        let scheme = if is_plain { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{path}/{what}", self.authority);
        Url::parse(&text).map_err(|_| Problem::Odd("its name is none of a host"))
    }
}

/// Without its port, and without the brackets of an address.
fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine, by its name alone.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_do_without_tls() {
        let is_loopback = |registry: &str| Address::of(registry).is_loopback;
        for registry in ["127.0.0.1:5000", "127.8.8.8", "localhost", "localhost:1", "[::1]:5000"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["ghcr.io", "10.0.0.1:5000", "localhost.example", "[fe80::1]:5000", "::1"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }

    #[test]
    fn docker_hub_is_elsewhere() {
        let url = |registry: &str, is_plain| {
            Address::of(registry).url(is_plain, "a/b", "manifests/1").unwrap().to_string()
        };
        assert_eq!(url("docker.io", false), "https://registry-1.docker.io/v2/a/b/manifests/1");
        assert_eq!(url("ghcr.io", false), "https://ghcr.io/v2/a/b/manifests/1");
        assert_eq!(url("[::1]:5000", true), "http://[::1]:5000/v2/a/b/manifests/1");
    }
}
