use std::sync::Arc;

use super::*;
use crate::buildkit::fake::{request as a_request, served};
use crate::buildkit::fake_files::FakeFiles;
use crate::engine::{BuildContext, Credentials, Secret, SshAgent};

fn solve(request: &BuildRequest) -> SolveRequest {
    let attrs = vec![("name", "docker.io/library/app:1".to_owned())];
    super::request(request, &SessionId::new("key"), Exporter { kind: "moby", attrs })
}

fn map(entries: &[(&str, &str)]) -> HashMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn plain() -> BuildRequest {
    a_request(served(FakeFiles::default()))
}

#[test]
fn a_plain_build_asks_for_no_more_than_it_has_to() {
    let session = SessionId::new("key");
    let exporter = Exporter { kind: "moby", attrs: Vec::new() };
    let one = super::request(&plain(), &session, exporter.clone());
    let want = SolveRequest {
        r#ref: one.r#ref.clone(),
        session: session.as_str().to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: map(&[("filename", "Dockerfile"), ("image-resolve-mode", "default")]),
        cache: Some(CacheOptions::default()),
        exporter_deprecated: "moby".to_owned(),
        ..SolveRequest::default()
    };
    assert_eq!(one, want);
    let again = super::request(&plain(), &session, exporter);
    assert_ne!(one.r#ref, again.r#ref, "a build is found by this");
}

#[test]
fn all_that_a_request_says_ends_where_it_should() {
    let pairs = |all: &[(&str, &str)]| map(all).into_iter().collect();
    let request = BuildRequest {
        dockerfile: "app.Dockerfile".to_owned(),
        target: Some("prod".to_owned()),
        args: pairs(&[("A", "1"), ("EMPTY", ""), ("HTTP_PROXY", "http://p,x=y")]),
        labels: pairs(&[("org.x", "a=b\nc"), ("e", "")]),
        network: Network::Host,
        platform: Some("linux/arm/v7".parse().unwrap()),
        no_cache: true,
        cache_from: vec!["app:cache".parse().unwrap(), "r.example:5000/c:2".parse().unwrap()],
        pull: true,
        ..plain()
    };
    let solve = solve(&request);
    let attrs = [
        ("filename", "app.Dockerfile"),
        ("target", "prod"),
        ("build-arg:A", "1"),
        ("build-arg:EMPTY", ""),
        ("build-arg:HTTP_PROXY", "http://p,x=y"),
        ("label:org.x", "a=b\nc"),
        ("label:e", ""),
        ("force-network-mode", "host"),
        ("platform", "linux/arm/v7"),
        ("no-cache", ""),
        ("cache-from", "docker.io/library/app:cache,r.example:5000/c:2"),
        ("image-resolve-mode", "pull"),
    ];
    assert_eq!(solve.frontend_attrs, map(&attrs));
    assert_eq!(solve.entitlements, ["network.host"]);
    assert_eq!(solve.exporter_attrs_deprecated, map(&[("name", "docker.io/library/app:1")]));
    assert_eq!(solve.cache, Some(CacheOptions::default()));
}

#[test]
fn no_network_needs_no_leave() {
    let solve = solve(&BuildRequest { network: Network::None, ..plain() });
    assert_eq!(solve.frontend_attrs["force-network-mode"], "none");
    assert!(solve.entitlements.is_empty());
}

#[test]
fn an_inline_cache_is_asked_for_by_its_argument() {
    let exports = |value: &str| {
        let args = [(INLINE_CACHE.to_owned(), value.to_owned())].into();
        let solve = solve(&BuildRequest { args, ..plain() });
        // The frontend may look at it, too.
        assert_eq!(solve.frontend_attrs["build-arg:BUILDKIT_INLINE_CACHE"], value);
        solve.cache.unwrap().exports
    };
    for yes in ["1", "true", "T"] {
        let want = CacheOptionsEntry { r#type: "inline".to_owned(), attrs: HashMap::new() };
        assert_eq!(exports(yes), [want], "{yes}");
    }
    for no in ["", "0", "false", "yes", "11"] {
        assert!(exports(no).is_empty(), "{no}");
    }
}

#[test]
fn nothing_secret_is_in_a_request() {
    const SECRET: &str = "hunter2";
    let mut served = served(FakeFiles::default());
    served.secrets = vec![Secret { id: SECRET.to_owned(), value: SECRET.into() }];
    served.agents = vec![SshAgent { id: SECRET.to_owned(), socket: SECRET.into() }];
    served.logins = Arc::new(crate::buildkit::fake::Nobody);
    let login = Credentials {
        username: SECRET.to_owned(),
        password: SECRET.to_owned(),
        identity_token: SECRET.to_owned(),
        registry_token: SECRET.to_owned(),
        origin: SECRET.to_owned(),
    };
    let credentials = [("docker.io".to_owned(), login)].into();
    let context = BuildContext::Served(Box::new(served));
    let solve = solve(&BuildRequest { credentials, context, ..plain() });
    assert!(!format!("{solve:?}").contains(SECRET));
}
