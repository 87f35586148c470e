use super::*;
use sha2::{Digest as _, Sha256};

fn resolve(options: &EndpointOptions) -> (String, String) {
    let endpoint = Endpoint::resolve(options).unwrap();
    (endpoint.address, endpoint.why)
}

fn pair(address: &str, why: &str) -> (String, String) {
    (address.to_owned(), why.to_owned())
}

/// A directory with a configuration and contexts, as the Docker CLI writes them.
struct Config(tempfile::TempDir);

impl Config {
    fn new(current: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("config.json"), current).unwrap();
        Self(dir)
    }

    fn hash(name: &str) -> String {
        crate::words::text::hex(&Sha256::digest(name.as_bytes()))
    }

    fn context(self, name: &str, meta: &str) -> Self {
        let dir = self.0.path().join("contexts/meta").join(Self::hash(name));
        fs_err::create_dir_all(&dir).unwrap();
        fs_err::write(dir.join("meta.json"), meta).unwrap();
        self
    }

    fn tls(self, name: &str, files: &[&str]) -> Self {
        let dir = self.0.path().join("contexts/tls").join(Self::hash(name)).join("docker");
        fs_err::create_dir_all(&dir).unwrap();
        for file in files {
            fs_err::write(dir.join(file), "x").unwrap();
        }
        self
    }

    fn options(&self) -> EndpointOptions {
        EndpointOptions { docker_config: Some(self.0.path().to_owned()), ..Default::default() }
    }
}

fn meta(host: &str) -> String {
    format!(
        r#"{{"Name":"x","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
    )
}

#[test]
fn the_order_is_flag_environment_current_context() {
    let config = Config::new(r#"{"currentContext":"cur"}"#)
        .context("cur", &meta("unix:///cur.sock"))
        .context("env", &meta("unix:///env.sock"))
        .context("flag", &meta("unix:///flag.sock"));
    let some = |text: &str| Some(text.to_owned());
    let mut options = config.options();
    assert_eq!(resolve(&options), pair("unix:///cur.sock", "the current Docker context `cur`"));
    options.docker_context = some("env");
    let want = pair("unix:///env.sock", "the Docker context `env` from `DOCKER_CONTEXT`");
    assert_eq!(resolve(&options), want);
    options.docker_host = some("unix:///host.sock");
    assert_eq!(resolve(&options), pair("unix:///host.sock", "from `DOCKER_HOST`"));
    options.context = some("flag");
    let want = pair("unix:///flag.sock", "the Docker context `flag` from `--context`");
    assert_eq!(resolve(&options), want);
    // The context `default` means none: the host of the environment stays.
    options.context = some("default");
    assert_eq!(resolve(&options), pair("unix:///host.sock", "from `DOCKER_HOST`"));
    options.context = some("");
    options.host = Some(("tcp://h".to_owned(), "`--host`"));
    assert_eq!(resolve(&options), pair("tcp://h", "from `--host`"));
    options.context = some("flag");
    let error = Endpoint::resolve(&options).unwrap_err();
    assert!(error.to_string().contains("contradict"));
    assert_eq!(error.kind, EngineErrorKind::Address, "a mistake on the command line");
}

#[test]
fn the_default_context_means_the_usual_sockets() {
    let config =
        Config::new(r#"{"currentContext":"cur"}"#).context("cur", &meta("unix:///cur.sock"));
    let mut options = config.options();
    options.docker_context = Some("default".to_owned());
    assert_eq!(resolve(&options).1, "the usual socket");
    options.docker_context = None;
    options.context = Some("default".to_owned());
    assert_eq!(resolve(&options).1, "the usual socket");
    for broken in ["", "{", "[]", r#"{"currentContext":7}"#, r#"{"currentContext":""}"#] {
        assert_eq!(resolve(&Config::new(broken).options()).1, "the usual socket", "{broken}");
    }
}

#[test]
fn a_bad_context_says_what_is_wrong_with_it() {
    let config = Config::new("{}")
        .context("broken", "{")
        .context("empty", r#"{"Endpoints":{}}"#)
        .context("odd", &meta("gopher://x"))
        .context("skip", r#"{"Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":true}}}"#)
        .context("half", &meta("tcp://h:1"))
        .tls("half", &["ca.pem", "cert.pem"]);
    let check = |name: &str, want: &str| {
        let options = EndpointOptions { context: Some(name.to_owned()), ..config.options() };
        let error = Endpoint::resolve(&options).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Endpoint);
        assert!(error.to_string().contains(want), "{error}");
    };
    check(
        "absent",
        "cannot use the engine endpoint `absent`: there is no such Docker context (the Docker context `absent` from `--context`)",
    );
    check("../../etc", "there is no such Docker context");
    check("a\x1b[2J", "`a\\x1b[2J`");
    check("broken", "is damaged");
    check("empty", "has no Docker endpoint");
    check("odd", "unknown scheme `gopher`");
    check("skip", "skips the verification");
    check("half", "`key.pem` is missing");
}

#[test]
fn tls_files_come_with_the_context_or_the_certificate_path() {
    let config = Config::new("{}")
        .context("t", &meta("tcp://h:1"))
        .tls("t", &["ca.pem", "cert.pem", "key.pem"]);
    let options = EndpointOptions { context: Some("t".to_owned()), ..config.options() };
    let endpoint = Endpoint::resolve(&options).unwrap();
    let Transport::Tcp(_, Some(tls)) = &endpoint.transport else { panic!("{endpoint:?}") };
    assert!(tls.ca.is_some() && tls.client.is_some());
    assert_eq!(endpoint.warning(), None);

    let certs = tempfile::tempdir().unwrap();
    let mut options = EndpointOptions {
        docker_host: Some("tcp://h".to_owned()),
        tls_verify: true,
        cert_path: Some(certs.path().to_owned()),
        ..config.options()
    };
    let error = Endpoint::resolve(&options).unwrap_err();
    assert!(error.message.contains("ca.pem"), "{error}");
    fs_err::write(certs.path().join("ca.pem"), "").unwrap();
    let endpoint = Endpoint::resolve(&options).unwrap();
    assert!(
        matches!(&endpoint.transport, Transport::Tcp(to, Some(_)) if to == "h:2376"),
        "{endpoint:?}"
    );
    options.tls_verify = false;
    let warning = Endpoint::resolve(&options).unwrap().warning().unwrap();
    assert!(warning.starts_with("`tcp://h` (from `DOCKER_HOST`) is not encrypted"), "{warning}");
}

#[test]
fn addresses_are_read_as_the_docker_cli_reads_them() {
    let tcp = |to: &str| Ok(Transport::Tcp(to.to_owned(), None));
    assert_eq!(parse("unix:///a b.sock", false), Ok(Transport::Socket("/a b.sock".into())));
    assert_eq!(parse("tcp://h", false), tcp("h:2375"));
    assert_eq!(parse("tcp://h:1/", false), tcp("h:1"));
    assert_eq!(parse("h:1", false), tcp("h:1"));
    assert_eq!(parse(":1", false), tcp("127.0.0.1:1"));
    assert_eq!(parse("tcp://[::1]:1", false), tcp("[::1]:1"));
    assert_eq!(parse("tcp://[::1]", false), tcp("[::1]:2375"));
    assert_eq!(
        parse("https://h", false),
        Ok(Transport::Tcp("h:2376".into(), Some(Tls::default())))
    );
    assert_eq!(parse("ssh://me@box", false), Ok(Transport::Ssh("me@box".into())));
}

#[test]
fn malformed_addresses_are_refused_by_what_is_wrong() {
    let check = |host: &str, want: &str| {
        let options = EndpointOptions { docker_host: Some(host.to_owned()), ..Default::default() };
        let error = Endpoint::resolve(&options).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Address);
        assert!(error.to_string().contains(want), "{error}");
        assert!(error.message.ends_with("(from `DOCKER_HOST`)"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    };
    check("/run/docker.sock", "`unix://` and its path");
    check("unix://relative", "is absolute");
    check("unix://", "is absolute");
    check("gopher://x", "unknown scheme `gopher`");
    check("tcp://h:x", "bad port `x`");
    check("tcp://h:0", "bad port `0`");
    check("tcp://h:70000", "bad port");
    check("tcp://h:1/path", "no path");
    check("tcp://a b", "bad host name");
    check("tcp://u:secret@h:1", "no place");
    check("ssh://u:secret@h", "no place");
    check("ssh://-oProxyCommand=x", "`ssh://user@host`");
    check("ssh://h:22", "~/.ssh/config");
    check("ssh://h/run/x.sock", "`ssh://user@host`");
    check("\x1b]0;x\x07://", "unknown scheme");
}

#[cfg(unix)]
#[test]
fn a_socket_that_may_be_used_goes_before_one_that_is_only_usual() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(sockets::look(&socket), sockets::Look::Socket);
    assert_eq!(sockets::look(dir.path()), sockets::Look::NoSocket);
    assert_eq!(sockets::look(&dir.path().join("none")), sockets::Look::Absent);
    let usual = sockets::usual(None, Some(dir.path()));
    // Docker's own socket is first where this machine has one.
    let own = Path::new("/var/run/docker.sock");
    assert_eq!(usual, if sockets::look(own) == sockets::Look::Socket { own } else { &socket });
}
