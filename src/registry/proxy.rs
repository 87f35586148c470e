//! The proxy of the user's environment.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// What the environment says of proxies. An address may have a password in it, so it is never
/// shown.
#[derive(Clone, Default)]
pub(crate) struct Proxy {
    /// `HTTPS_PROXY`, or else `ALL_PROXY`; empty where neither is set.
    pub(crate) address: String,
    /// `NO_PROXY`.
    pub(crate) except: String,
}

impl Proxy {
    /// Which hosts are reached through it. Nothing but TLS goes that way, so what is on this
    /// machine and speaks none is not asked of a proxy.
    pub(super) fn matcher(&self) -> Matcher {
        Matcher::builder().https(self.address.clone()).no(self.except.clone()).build()
    }

    /// The proxy itself, if there is one that occ speaks with.
    pub(super) fn intercept(&self) -> Option<Intercept> {
        let anybody = Matcher::builder().https(self.address.clone()).build();
        let found = anybody.intercept(&http::Uri::from_static("https://registry.invalid/"))?;
        (found.uri().scheme_str() == Some("http")).then_some(found)
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(address: &str, except: &str) -> Proxy {
        Proxy { address: address.to_owned(), except: except.to_owned() }
    }

    #[test]
    fn a_proxy_is_for_all_but_the_exceptions() {
        let goes = |except: &str, url: &'static str| {
            let matcher = proxy("http://proxy.example:3128", except).matcher();
            matcher.intercept(&http::Uri::from_static(url)).is_some()
        };
        assert!(goes("", "https://ghcr.io/v2/"));
        assert!(goes("docker.io,10.0.0.0/8", "https://ghcr.io/v2/"));
        assert!(!goes("docker.io,ghcr.io", "https://ghcr.io/v2/"));
        assert!(!goes(".example", "https://registry.example/v2/"));
        assert!(!goes("", "http://127.0.0.1:5000/v2/"));
    }

    #[test]
    fn only_one_that_speaks_http_is_spoken_with() {
        let address = |text: &str| proxy(text, "").intercept().map(|it| it.uri().to_string());
        assert_eq!(address(""), None);
        assert_eq!(address("socks5://proxy.example:1080"), None);
        assert_eq!(address("proxy.example:3128").unwrap(), "http://proxy.example:3128/");
        let secret = proxy("http://user:pass@proxy.example:3128", "");
        assert!(secret.intercept().unwrap().basic_auth().is_some());
        assert!(!format!("{secret:?}").contains("pass"));
    }
}
