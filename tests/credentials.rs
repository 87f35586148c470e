//! Who is told a secret, and who never is (rows 9 to 12, 62 to 69 and 99).
//!
//! Where the engine's behaviour is the point, a real one asks scripted registries
//! that demand a password. Where the point is what occ sends or shows, a stub takes
//! the engine's place and keeps the headers.

mod configuration;
mod helpers;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::unique;

/// It makes `+` and `/` in standard base64, which the engine would not understand.
const PASSWORD: &str = "hunter2~~~???>>>ÿÿÿ";

/// The entry that `docker login` writes.
fn entry(user: &str, password: &str) -> Value {
    json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
}

/// A manifest of one image, `name:1`, with these registries, in a hurry.
fn manifest(name: &str, registries: &[&str]) -> String {
    let name = name.strip_suffix(":1").unwrap_or(name);
    format!(
        "version = 1\n[retry]\nbackoff = \"10ms\"\n\
         [images.tool]\nname = \"{name}\"\ntag = \"1\"\nregistries = {registries:?}\n"
    )
}

/// Two registries with the same image, an engine, and a local name for it.
struct Stage {
    engine: RealEngine,
    a: Registry,
    b: Registry,
    name: String,
    image: Image,
}

impl Stage {
    fn new(label: &str) -> Self {
        let mut engine = RealEngine::connect();
        let name = engine.name(label);
        let (path, tag) = name.split_once(':').unwrap();
        let image = Image::new(&unique());
        let [a, b] = [(); 2].map(|()| Registry::with(path, tag, &image));
        Self { engine, a, b, name, image }
    }

    /// With `a` changed.
    fn a(self, change: impl FnOnce(Registry) -> Registry) -> Self {
        Self { a: change(self.a), ..self }
    }

    fn b(self, change: impl FnOnce(Registry) -> Registry) -> Self {
        Self { b: change(self.b), ..self }
    }

    fn occ(&self) -> Occ {
        let (a, b) = (self.a.host(), self.b.host());
        let occ = Occ::manifest(&manifest(&self.name, &[&a, &b]));
        occ.args(["-H", self.engine.host(), "--progress", "plain", "sync"])
    }

    /// With credentials for `a` that `a` does not know.
    fn occ_with_stale_login(&self) -> Occ {
        let auths = json!({ "auths": { self.a.host(): entry("me", PASSWORD) } });
        self.occ().docker_config(&auths.to_string())
    }

    #[track_caller]
    fn assert_pulled(&self) {
        assert_eq!(self.engine.id(&self.name).as_deref(), Some(self.engine.id_of(&self.image)));
    }

    /// How often a manifest of `registry` was asked for.
    fn asked(registry: &Registry) -> usize {
        registry.seen("/manifests/").len()
    }
}

/// The engine tries a refused request twice itself (HEAD, then GET); a second
/// attempt of occ's would double that.
const ONE_ATTEMPT: usize = 2;

#[track_caller]
fn hides_the_password(run: &Run) {
    hides(run, &secrets("me", PASSWORD));
}

#[test]
fn row_09_a_refusal_without_credentials_is_absent_or_private() {
    let stage = Stage::new("row09").a(|a| a.private("me", "right"));
    let run = stage.occ().run().expect(0).says(&[&format!(
        "{}: absent or private, trying {}",
        stage.a.host(),
        stage.b.host()
    )]);
    stage.assert_pulled();
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT, "{run}");
    run.never_says(&["warning", "refused"]);
}

#[test]
fn row_09_the_right_credentials_open_the_door() {
    let stage = Stage::new("row09").a(|a| a.private("me", PASSWORD));
    let run = stage.occ_with_stale_login().run().expect(0);
    stage.assert_pulled();
    assert!(stage.b.seen("").is_empty(), "{run}");
    hides_the_password(&run);
}

#[test]
fn row_09_a_refused_login_is_warned_about_also_where_another_registry_serves() {
    let stage = Stage::new("row09").a(|a| a.private("me", "right"));
    let occ = stage.occ_with_stale_login();
    let run = occ.run().expect(0);
    stage.assert_pulled();
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT, "{run}");
    let (host, file) = (stage.a.host(), occ.path("docker/config.json"));
    let run = run.says(&[
        &format!("{host}: denied, trying {}", stage.b.host()),
        "warning: ",
        &format!("the credentials from `{}` were refused", file.display()),
        &format!("`docker login {host}`"),
    ]);
    hides_the_password(&run);
    // Nobody else is told the secret.
    let told = stage.b.seen("").iter().any(|s| s.request.header("authorization").is_some());
    assert!(!told, "{run}");
}

#[test]
fn row_10_a_refused_login_and_nothing_elsewhere_is_a_matter_of_credentials() {
    let absent = |b: Registry| b.failing("/manifests/", Fault::Answer(registry::not_found()));
    let stage = Stage::new("row10").a(|a| a.private("me", "right")).b(absent);
    let occ = stage.occ_with_stale_login();
    let run = occ.run().expect(6);
    assert_eq!(stage.engine.id(&stage.name), None);
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT && Stage::asked(&stage.b) <= ONE_ATTEMPT);
    let origin = occ.path("docker/config.json").display().to_string();
    let host = stage.a.host();
    for words in [
        &format!("{host}/"),
        "denied, 1 attempt",
        "not found, 1 attempt",
        &format!("the credentials from `{origin}` were refused"),
        &format!("`docker login {host}`"),
    ] {
        assert!(run.stdout.contains(words), "{words}\n{run}");
    }
    hides_the_password(&run);

    let document = occ.run_with(["--format", "json"]).expect(6).json();
    assert_eq!(document["images"][0]["failures"][0]["class"], "denied");
    assert_eq!(document["images"][0]["failures"][1]["class"], "not_found");
}

#[test]
fn row_10_without_a_login_both_are_absent() {
    let absent = |b: Registry| b.failing("/manifests/", Fault::Answer(registry::not_found()));
    let stage = Stage::new("row10").a(|a| a.private("me", "right")).b(absent);
    let run = stage.occ().run().expect(1);
    assert!(run.stdout.contains("absent or private, 1 attempt"), "{run}");
    assert!(run.stdout.contains(&format!("run `docker login {}`", stage.a.host())), "{run}");
}

#[test]
fn row_11_a_403_is_a_refusal_like_a_401() {
    let denied = |a: Registry| a.failing("/manifests/", Fault::Answer(registry::denied()));
    let stage = Stage::new("row11").a(denied);
    let run = stage.occ().run().expect(0).never_says(&["warning"]);
    stage.assert_pulled();
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT);
    run.says(&[&format!("{}: absent or private, trying", stage.a.host())]);

    let stage = Stage::new("row11").a(denied);
    let run = stage.occ_with_stale_login().run().expect(0);
    stage.assert_pulled();
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT);
    let login = format!("`docker login {}`", stage.a.host());
    hides_the_password(&run.says(&["denied, trying", "warning: ", "were refused", &login]));
}

#[test]
fn row_12_a_token_server_that_is_down_stops_nobody() {
    let down = |a: Registry| {
        let bearer = registry::unauthorized_bearer(&a.host());
        let busy = registry::error(503, "UNAVAILABLE", "token server down", None);
        a.failing("/token", Fault::Answer(busy)).failing("/v2/", Fault::Answer(bearer))
    };
    for login in [false, true] {
        let stage = Stage::new("row12").a(down);
        let occ = if login { stage.occ_with_stale_login() } else { stage.occ() };
        let run = occ.run().expect(0);
        stage.assert_pulled();
        assert!(!stage.a.seen("/token").is_empty(), "{run}");
        // What failed is a server, and not the login: nobody is told to renew it.
        let run = run.says(&[&format!("{}: server error, trying", stage.a.host())]);
        hides_the_password(&run.never_says(&["denied", "docker login"]));
    }
}

/// A pin is pulled without a question first, and of a pull the engine says
/// `unauthorized` whatever the token server died of.
#[test]
fn row_12_a_token_server_that_is_down_is_none_the_less_for_a_pin() {
    let stage = Stage::new("row12").a(|a| {
        let bearer = registry::unauthorized_bearer(&a.host());
        let busy = registry::error(503, "UNAVAILABLE", "token server down", None);
        a.failing("/token", Fault::Answer(busy)).failing("/v2/", Fault::Answer(bearer))
    });
    let pinned = manifest(&stage.name, &[&stage.a.host()])
        + &format!("digest = \"{}\"\n[retry]\nattempts = 1\n", stage.image.digest());
    let pinned = pinned.replacen("[retry]\nbackoff = \"10ms\"\n", "", 1);
    for occ in [stage.occ(), stage.occ_with_stale_login()] {
        let run = occ.file("opencode.toml", &pinned).run().expect(7);
        assert!(run.stdout.contains("server error, 1 attempt"), "{run}");
        hides_the_password(&run.never_says(&["denied", "docker login"]));
    }
}

#[test]
fn row_99_a_refused_login_and_a_passing_failure_is_worth_another_try() {
    let busy = registry::error(503, "UNAVAILABLE", "busy", None);
    let stage = Stage::new("row99")
        .a(|a| a.private("me", "right"))
        .b(|b| b.failing("/manifests/", Fault::Answer(busy)));
    let run = stage.occ_with_stale_login().run().expect(7);
    assert_eq!(stage.engine.id(&stage.name), None);
    // Only the passing failure takes part in the further rounds.
    assert!(Stage::asked(&stage.a) <= ONE_ATTEMPT, "{run}");
    assert_eq!(Stage::asked(&stage.b), 3 * ONE_ATTEMPT, "{run}");
    for words in ["denied, 1 attempt", "server error, 3 attempts", "`docker login 127."] {
        assert!(run.stdout.contains(words), "{words}\n{run}");
    }
    hides_the_password(&run);
}

/// A password in every form in which it could show.
fn secrets(user: &str, password: &str) -> Vec<String> {
    let pair = format!("{user}:{password}");
    vec![password.to_owned(), STANDARD.encode(&pair), URL_SAFE.encode(&pair)]
}

#[track_caller]
fn hides(run: &Run, secrets: &[String]) {
    for secret in secrets {
        let shown = run.stdout.contains(secret) || run.stderr.contains(secret);
        assert!(!shown, "the output has {secret:?}\n{run}");
    }
}
