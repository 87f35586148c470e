//! How a registry wants to know who asks: by name and password, or by a token of another
//! server, which wants these.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::engine::Credentials;
use crate::registry::address::is_loopback;
use crate::registry::failure::Problem;
use crate::registry::http::{Answer, Http};
use crate::words::reference::Repository;

/// The largest answer of a token server, in bytes.
const MAX_TOKEN: u64 = 1024 * 1024;

/// Who asks, for an identity token: nobody looks at it.
const CLIENT: &str = "occ";

/// What is sent along. Never shown.
pub(super) struct Login {
    header: HeaderValue,
    is_the_users: bool,
}

impl Login {
    /// Whether it is made of the user's credentials, and not of none.
    pub(super) fn is_the_users(&self) -> bool {
        self.is_the_users
    }

    /// The header that it is sent in.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    fn new(kind: &str, value: &str, is_the_users: bool) -> Result<Self, Problem> {
        let mut header = HeaderValue::from_str(&format!("{kind} {value}"))
            .map_err(|_| Problem::Odd("its token is none that can be sent"))?;
        header.set_sensitive(true);
        Ok(Self { header, is_the_users })
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a registry that answered 401 wants to be shown. `None` where there is nothing to show.
pub(super) async fn login(
    http: &Http,
    refusal: &Answer,
    repository: &Repository,
    credentials: Option<&Credentials>,
) -> Result<Option<Login>, Problem> {
    if let Some(Credentials { registry_token, .. }) = credentials
        && !registry_token.is_empty()
    {
        return Login::new("Bearer", registry_token, true).map(Some);
    }
    let named = credentials.filter(|it| !it.username.is_empty());
    for wanted in refusal.headers.get_all(WWW_AUTHENTICATE) {
        let text = wanted.to_str().unwrap_or_default();
        let challenges = http_auth::parse_challenges(text).unwrap_or_default();
        for challenge in challenges {
            let parameter = |name: &str| {
                let mut all = challenge.params.iter();
                all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, it)| it.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let realm = parameter("realm").unwrap_or_default();
                let server = token_server(&realm, &refusal.url)?;
                let default = format!("repository:{}:pull", repository.path);
                let scope = parameter("scope").unwrap_or(default);
                let asked = Asked { server, service: parameter("service"), scope };
                let token = asked.token(http, credentials).await?;
                return Login::new("Bearer", &token, credentials.is_some()).map(Some);
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                let Some(named) = named else { return Ok(None) };
                return Login::new("Basic", &basic(named), true).map(Some);
            }
        }
    }
    Ok(None)
}

fn basic(credentials: &Credentials) -> String {
    STANDARD.encode(format!("{}:{}", credentials.username, credentials.password))
}

/// The server that a registry names. A password goes there, so not without TLS, but on this
/// machine.
fn token_server(realm: &str, registry: &Url) -> Result<Url, Problem> {
    let server = Url::parse(realm).map_err(|_| Problem::Odd("it names no token server"))?;
    let is_here = |url: &Url| url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
    if server.scheme() == "https" || is_here(&server) && is_here(registry) {
        return Ok(server);
    }
    Err(Problem::Odd("it names a token server without TLS"))
}

struct Asked {
    server: Url,
    service: Option<String>,
    scope: String,
}

impl Asked {
    async fn token(
        &self,
        http: &Http,
        credentials: Option<&Credentials>,
    ) -> Result<String, Problem> {
        let identity = credentials.map(|it| it.identity_token.as_str()).filter(|it| !it.is_empty());
        let answer = match identity {
            Some(token) => http.post(&self.server, self.form(token), MAX_TOKEN).await?,
            None => self.ask(http, credentials).await?,
        };
        if answer.status != 200 {
            return Err(Problem::Refused(answer.status, answer.body));
        }
        let none = || Problem::Odd("its token server gives no token");
        let Token { token, access_token } =
            serde_json::from_slice(&answer.body).map_err(|_| none())?;
        token.or(access_token).ok_or_else(none)
    }

    /// With a name and a password, or as nobody.
    async fn ask(&self, http: &Http, credentials: Option<&Credentials>) -> Result<Answer, Problem> {
        let mut url = self.server.clone();
        if let Some(service) = &self.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", &self.scope);
        let named = credentials.filter(|it| !it.username.is_empty());
        let login = named.map(|it| Login::new("Basic", &basic(it), true)).transpose()?;
        let login = login.as_ref().map(Login::header);
        http.get(&url, "application/json", login.as_ref(), MAX_TOKEN).await
    }

    /// With an identity token instead.
    fn form(&self, token: &str) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT);
        form.append_pair("refresh_token", token).append_pair("scope", &self.scope);
        if let Some(service) = &self.service {
            form.append_pair("service", service);
        }
        form.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_nowhere_without_tls() {
        let goes = |realm: &str, registry: &str| {
            token_server(realm, &Url::parse(registry).unwrap()).is_ok()
        };
        let (hub, here) = ("https://registry-1.docker.io/v2/", "http://127.0.0.1:5000/v2/");
        assert!(goes("https://auth.docker.io/token", hub));
        assert!(goes("https://auth.docker.io/token", here));
        assert!(goes("http://127.0.0.1:5001/token", here));
        assert!(!goes("http://127.0.0.1:5001/token", hub));
        assert!(!goes("http://auth.docker.io/token", hub));
        assert!(!goes("http://auth.docker.io/token", here));
        assert!(!goes("ftp://auth.docker.io/token", hub));
        assert!(!goes("token", hub));
    }

    #[test]
    fn a_login_is_shown_to_nobody_who_reads_logs() {
        let login = Login::new("Basic", "dXNlcjpwYXNz", true).unwrap();
        assert!(!format!("{:?}", login.header()).contains("dXNl"));
        assert!(Login::new("Bearer", "a\nb", true).is_err());
    }
}
