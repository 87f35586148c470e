//! Which helper or which entry of the configuration is a registry's own. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::engine::Credentials;
use crate::engine::credentials::config::Config;
use crate::words::reference::DOCKER_HUB;

/// The name under which the Docker CLI keeps Docker Hub's credentials.
const HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Why a registry's own entry can't be used. Says nothing of what is in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry for `{0}` in the Docker configuration is malformed")]
pub(super) struct EntryError(String);

/// The name under which the Docker CLI and its helpers keep a registry's credentials.
pub(super) fn server(registry: &str) -> &str {
    if registry == DOCKER_HUB { HUB_SERVER } else { registry }
}

/// The helper that knows a server's credentials: its own before everybody's.
///
/// An empty name for one server means the file, as it does for the Docker CLI.
pub(super) fn helper<'a>(config: &'a Config, server: &str) -> Option<&'a str> {
    let name = match config.cred_helpers.get(server) {
        // A name that is no string can't be run: it is refused as a name.
        Some(own) => own.as_str().unwrap_or("?"),
        None => &config.creds_store,
    };
    (!name.is_empty()).then_some(name)
}

/// The credentials that the file itself holds for a server.
///
/// An entry under exactly the server's name comes first, then those whose
/// address has it as its host, in the order of their names. The first that
/// holds something serves; a malformed one is an error only if none does.
pub(super) fn entry(config: &Config, server: &str) -> Result<Option<Credentials>, EntryError> {
    let exact = config.auths.get_key_value(server);
    let by_host = config.auths.iter().filter(|(key, _)| *key != server && host(key) == server);
    let mut malformed = false;
    for (_, value) in exact.into_iter().chain(by_host) {
        match decode(value) {
            Some(found) if is_empty(&found) => {}
            Some(found) => return Ok(Some(found)),
            None => malformed = true,
        }
    }
    if malformed { Err(EntryError(server.to_owned())) } else { Ok(None) }
}

/// A key's host and port: `https://r.example:5000/v2/` is about `r.example:5000`.
fn host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

/// Reads one entry; `None` where it is malformed.
fn decode(value: &Value) -> Option<Credentials> {
    if value.is_null() {
        return Some(nothing());
    }
    let fields = value.as_object()?;
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    };
    let mut found = Credentials {
        username: text("username")?,
        password: text("password")?,
        identity_token: text("identitytoken")?,
        registry_token: text("registrytoken")?,
        origin: String::new(),
    };
    let auth = text("auth")?;
    if !auth.is_empty() {
        (found.username, found.password) = user_and_password(&auth)?;
    }
    Some(found)
}

/// Base64 of `user:password`. A password may hold colons.
fn user_and_password(auth: &str) -> Option<(String, String)> {
    // People paste what `base64` prints, which wraps its lines.
    let joined: String = auth.split(['\r', '\n']).collect();
    let decoded = String::from_utf8(STANDARD.decode(joined).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

/// An entry that says nothing: `docker login` leaves `{}` where a helper keeps the secret.
fn is_empty(found: &Credentials) -> bool {
    *found == nothing()
}

fn nothing() -> Credentials {
    Credentials {
        username: String::new(),
        password: String::new(),
        identity_token: String::new(),
        registry_token: String::new(),
        origin: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::credentials::config;

    fn from(text: &str) -> Config {
        config::parse(text.as_bytes()).unwrap()
    }

    fn user(config: &Config, registry: &str) -> Option<String> {
        entry(config, server(registry)).unwrap().map(|found| found.username)
    }

    fn auth(text: &str) -> String {
        format!(r#"{{"auth": "{}"}}"#, STANDARD.encode(text))
    }

    #[test]
    fn each_registry_gets_its_own_entry_and_no_other() {
        let config = from(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"username": "hub"},
                "docker.io": {"username": "not the hub's key"},
                "ghcr.io": {"username": "exact"},
                "https://ghcr.io/v2/": {"username": "by host"},
                "https://quay.io/v1/": {"username": "quay"},
                "http://127.0.0.1:5000": {"username": "port 5000"},
                "r.example/team": {"username": "path dropped"},
                "R.example": {"username": "other case"}
            }}"#,
        );
        let check = |registry: &str, want: Option<&str>| {
            assert_eq!(user(&config, registry).as_deref(), want, "{registry}");
        };
        check("docker.io", Some("hub"));
        check("ghcr.io", Some("exact"));
        check("quay.io", Some("quay"));
        check("127.0.0.1:5000", Some("port 5000"));
        check("127.0.0.1:5001", None);
        check("127.0.0.1", None);
        check("r.example", Some("path dropped"));
        check("io", None);
        assert_eq!(
            user(&from(r#"{"auths": {"docker.io": {"username": "x"}}}"#), "docker.io"),
            None
        );
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let check = |entry_text: &str, want: [&str; 4]| {
            let config = from(&format!(r#"{{"auths": {{"r.example": {entry_text}}}}}"#));
            let found = entry(&config, "r.example").unwrap().unwrap();
            let have = [found.username, found.password, found.identity_token, found.registry_token];
            assert_eq!(have, want, "{entry_text}");
        };
        check(&auth("me:a:b::c"), ["me", "a:b::c", "", ""]);
        check(&auth("me:\u{fb}\u{ff}>?"), ["me", "\u{fb}\u{ff}>?", "", ""]);
        check(r#"{"username": "me", "password": "p"}"#, ["me", "p", "", ""]);
        check(r#"{"auth": "bWU6\ncA==", "username": "other"}"#, ["me", "p", "", ""]);
        check(r#"{"identitytoken": "t", "email": 7}"#, ["", "", "t", ""]);
        check(r#"{"registrytoken": "t", "auth": null}"#, ["", "", "", "t"]);
    }

    #[test]
    fn a_malformed_entry_hurts_its_own_registry_only() {
        for bad in ["7", "[]", r#""x""#, r#"{"auth": "%"}"#, r#"{"auth": "bm9jb2xvbg=="}"#] {
            let config = from(&format!(
                r#"{{"auths": {{"bad.example": {bad}, "r.example": {}}}}}"#,
                auth("me:p")
            ));
            assert_eq!(user(&config, "r.example").as_deref(), Some("me"));
            let error = entry(&config, "bad.example").unwrap_err().to_string();
            assert!(error.contains("`bad.example`") && !error.contains("bm9"), "{error}");
        }
        let both = from(
            r#"{"auths": {"r.example": {"auth": "%"}, "https://r.example": {"username": "me"}}}"#,
        );
        assert_eq!(user(&both, "r.example").as_deref(), Some("me"));
    }

    #[test]
    fn entries_that_say_nothing_are_no_credentials() {
        for empty in ["{}", "null", r#"{"auth": ""}"#, r#"{"email": "me@r.example"}"#] {
            let config = from(&format!(r#"{{"auths": {{"r.example": {empty}}}}}"#));
            assert_eq!(entry(&config, "r.example"), Ok(None), "{empty}");
        }
    }

    #[test]
    fn a_registrys_own_helper_comes_before_everybodys() {
        let config = from(
            r#"{"credsStore": "all", "credHelpers": {
                "own.example": "own", "file.example": "", "odd.example": 7,
                "https://index.docker.io/v1/": "hub"
            }}"#,
        );
        let check = |registry: &str, want: Option<&str>| {
            assert_eq!(helper(&config, server(registry)), want, "{registry}");
        };
        check("own.example", Some("own"));
        check("docker.io", Some("hub"));
        check("other.example", Some("all"));
        check("file.example", None);
        check("odd.example", Some("?"));
        assert_eq!(helper(&Config::default(), "r.example"), None);
    }
}
