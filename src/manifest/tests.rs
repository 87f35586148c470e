//! From text to what is desired.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

use crate::manifest::{MAX_SIZE, Parsed, Place, parse};
use crate::render::Look;
use crate::render::diagnostics::render;
use crate::state::desired::{
    BuildOrigin, Builder, Desired, DesiredBuild, PullPolicy, RetryPolicy, SecretFrom, Strategy,
    Template,
};
use crate::words::diagnostic::Diagnostic;
use crate::words::failure::BuildOn;
use crate::words::network::Network;
use crate::words::text::sanitise;

/// `file` in `/repo/sub` of the repository `/repo`.
pub(super) fn place(file: &Path) -> Place {
    Place { file: file.to_owned(), dir: "/repo/sub".into(), root: "/repo".into() }
}

pub(super) fn parsed(text: &str) -> Parsed {
    parse(text.as_bytes(), &place(Path::new("opencode.toml")))
}

/// What a manifest without mistakes asks for.
pub(super) fn desired(text: &str) -> Desired {
    let parsed = parsed(text);
    parsed.desired.unwrap_or_else(|| panic!("{}", shown(&parsed.diagnostics, &parsed.text)))
}

/// Diagnostics as people see them.
pub(super) fn shown(diagnostics: &[Diagnostic], text: &str) -> String {
    render(diagnostics, text, Look { color: false, width: None, unicode: true })
}

/// One image's strategy and sources on one line: `pull ghcr.io/a:1 quay.io/a:1`.
fn route(text: &str) -> String {
    let image = desired(&format!("version = 1\n{text}")).images.remove(0);
    let mut route = match image.strategy {
        Strategy::Pull => "pull".to_owned(),
        Strategy::Build => "build".to_owned(),
        Strategy::PullThenBuild => "pull-then-build".to_owned(),
    };
    for source in image.sources {
        route.push(' ');
        route.push_str(&source.reference.to_string());
    }
    route
}

#[test]
fn sources_are_worked_out() {
    let defaults = "[defaults]\nregistries = [\"ghcr.io\", \"docker.io\"]\n";
    let check = |defaults: &str, image: &str, want: &str| {
        assert_eq!(route(&format!("{defaults}[images.x]\n{image}")), want, "{image}");
    };
    // A name without a host.
    check("", "name = \"redis\"", "pull docker.io/library/redis:latest");
    check("", "name = \"acme/tool\"\ntag = \"1\"", "pull docker.io/acme/tool:1");
    check(defaults, "name = \"redis\"", "pull ghcr.io/redis:latest docker.io/library/redis:latest");
    check(defaults, "name = \"redis\"\nregistries = [\"quay.io\"]", "pull quay.io/redis:latest");
    // A host in the name is the only source, unless the image lists others.
    check(defaults, "name = \"quay.io/a/tool\"", "pull quay.io/a/tool:latest");
    check(defaults, "name = \"docker.io/redis\"", "pull docker.io/library/redis:latest");
    check(
        defaults,
        "name = \"quay.io/a/tool\"\nregistries = [\"mirror.example/proxy\", \"quay.io\"]",
        "pull mirror.example/proxy/a/tool:latest quay.io/a/tool:latest",
    );
    // Prefixes and tables.
    check(
        "",
        "name = \"tool\"\nregistries = [\"docker.io/acme\"]",
        "pull docker.io/acme/tool:latest",
    );
    check(
        "",
        "name = \"tool\"\ntag = \"1.2\"\nregistries = [\
         { registry = \"docker.io\", repository = \"tool\" },\
         { registry = \"quay.io\", repository = \"a/b/c\", tag = \"v{tag}-{tag}\" },\
         { registry = \"r:5000\", repository = \"x\", tag = \"edge\" }]",
        "pull docker.io/library/tool:1.2 quay.io/a/b/c:v1.2-1.2 r:5000/x:edge",
    );
    check(
        "",
        "name = \"tool\"\nregistries = [\"index.docker.io\", \"docker.io\"]",
        "pull docker.io/library/tool:latest",
    );
    check(
        "",
        "name = \"tool\"\nregistries = [\"index.docker.io/acme\", \
         { registry = \"index.docker.io\", repository = \"x\" }]",
        "pull docker.io/acme/tool:latest docker.io/library/x:latest",
    );
    check("", "name = \"index.docker.io/redis\"", "pull docker.io/library/redis:latest");
}

#[test]
fn strategies_follow_from_what_is_there() {
    let check = |text: &str, want: &str| assert_eq!(route(text), want, "{text}");
    let defaults = "[defaults]\nregistries = [\"ghcr.io\"]\n";
    check("[images.x]\nname = \"x\"\nbuild = {}", "build");
    check("[images.x]\nname = \"x\"\nbuild = {}\nregistries = []", "build");
    check(
        "[images.x]\nname = \"x\"\nbuild = {}\nregistries = [\"r.io\"]",
        "pull-then-build r.io/x:latest",
    );
    check("[images.x]\nname = \"r.io/x\"\nbuild = {}", "pull-then-build r.io/x:latest");
    check(
        "[images.x]\nname = \"x\"\nbuild = {}\nstrategy = \"pull\"",
        "pull docker.io/library/x:latest",
    );
    check(
        "[images.x]\nname = \"x\"\nstrategy = \"pull-then-build\"",
        "pull docker.io/library/x:latest",
    );
    check(
        "[images.x]\nname = \"x\"\nbuild = {}\nstrategy = \"pull-then-build\"",
        "pull-then-build docker.io/library/x:latest",
    );
    let with = |image: &str| format!("{defaults}[images.x]\nname = \"x\"\n{image}");
    check(&with("build = {}"), "pull-then-build ghcr.io/x:latest");
    check(&with("build = {}\nregistries = []"), "build");
    // The command line may ask to pull what is only built here.
    check(&with("build = {}\nstrategy = \"build\""), "build ghcr.io/x:latest");
    let only_built = |name: &str, rest: &str| {
        let image = format!("[images.x]\nname = \"{name}\"\nbuild = {{}}\nstrategy = \"build\"\n");
        format!("{image}{rest}")
    };
    check(&only_built("x", ""), "build");
    check(&only_built("x", "registries = []"), "build");
    check(&only_built("x", "registries = [\"r.io\"]"), "build r.io/x:latest");
    check(&only_built("r.io/x", ""), "build r.io/x:latest");
    // What it does not say itself is no mistake of its own.
    check(&only_built("docker.io/a/b/x", ""), "build");
    let hub = "[defaults]\nregistries = [\"docker.io\", \"r.io\", \"r.io\"]\n";
    check(&format!("{hub}{}", only_built("a/b/x", "")), "build r.io/a/b/x:latest");
}

#[test]
fn what_an_image_does_not_say_comes_from_the_defaults() {
    let mut images = desired(
        "version = 1\n[defaults]\npull_policy = \"never\"\nplatform = \"linux/arm64\"\n\
         build_on = [\"denied\"]\n[retry]\nattempts = 9\nbackoff = \"5s\"\n\
         [images.b]\nname = \"b\"\n[images.a]\nname = \"a\"\npull_policy = \"always\"\n\
         platform = \"auto\"\nbuild_on = []\nretry = { backoff = \"1m\" }\n",
    )
    .images;
    // The order is that of the file.
    let (a, b) = (images.remove(1), images.remove(0));
    assert_eq!((b.id.as_str(), b.place, a.id.as_str(), a.place), ("b", (9, 9), "a", (11, 9)));
    assert_eq!((b.pull_policy, a.pull_policy), (PullPolicy::Never, PullPolicy::Always));
    assert_eq!(b.platform.unwrap().to_string(), "linux/arm64");
    assert_eq!(a.platform, None);
    assert_eq!((b.build_on, a.build_on), (vec![BuildOn::Denied], vec![]));
    let retry = |policy: RetryPolicy| {
        (policy.attempts, policy.backoff.as_secs(), policy.max_backoff.as_secs())
    };
    assert_eq!(retry(b.retry), (9, 5, 30));
    // The whole table is replaced, and the cap is never below the first wait.
    assert_eq!(retry(a.retry), (3, 60, 60));
}

#[test]
fn builds_stay_inside_the_repository() {
    let check = |build: &str, dir: &str, dockerfile: &str| {
        let text = format!("version = 1\n[images.x]\nname = \"x\"\n[images.x.build]\n{build}");
        let build = desired(&text).images.remove(0).build.unwrap();
        let want = BuildOrigin::Context {
            dir: dir.into(),
            dockerfile: dockerfile.into(),
            root: "/repo".into(),
        };
        assert_eq!(build.origin, want);
    };
    check("", "/repo/sub", "Dockerfile");
    check("context = \".\"\ndockerfile = \"docker/Dockerfile\"", "/repo/sub", "docker/Dockerfile");
    check("context = \"..\"", "/repo", "Dockerfile");
    check("context = \"a/../b/\"\ndockerfile = \"../D\"", "/repo/sub/b", "../D");
    check("context = \"/repo/x\"\ndockerfile = \"/repo/y/D\"", "/repo/x", "../y/D");
}

#[test]
fn build_keys_reach_the_build() {
    let image = desired(
        "version = 1\n[images.x]\nname = \"x\"\n[images.x.build]\ntemplate = \"opencode\"\n\
         target = \"dev\"\nnetwork = \"none\"\nargs = { A = \"$${x}\", B = \"${env:B}\" }\n\
         labels = { l = \"v\" }\n",
    )
    .images
    .remove(0);
    let build = image.build.unwrap();
    assert_eq!(build.origin, BuildOrigin::Template(Template::Opencode));
    assert_eq!(build.target.as_deref(), Some("dev"));
    assert_eq!(build.network, Network::None);
    assert_eq!(build.args["A"], "${x}");
    assert_eq!(build.labels["l"], "v");
    assert!(!build.args.contains_key("B"));
    let at = &build.readings[0].at;
    assert_eq!((at.key_path.as_str(), at.line, at.column), ("images.x.build.args.B", 8, 27));
    assert_eq!(asked(&build), ["env=B images.x.build.args.B"]);
    assert_eq!((build.builder, build.secrets.len(), build.ssh.len()), (Builder::Auto, 0, 0));
}

/// What a build asks for, and at which key.
fn asked(build: &DesiredBuild) -> Vec<String> {
    build.asks.iter().map(|ask| format!("{} {}", ask.grant, ask.at.key_path)).collect()
}

#[test]
fn secrets_and_agents_reach_the_build_and_ask_for_themselves() {
    let build = desired(
        "version = 1\n[images.x]\nname = \"x\"\n[images.x.build]\nbuilder = \"buildkit\"\n\
         secrets = [{ id = \"npm\", env = \"NPM_TOKEN\" }, { id = \"a\", src = \"./x/../a b,c\" },\n\
         { id = \"up\", src = \"../key\" }, { id = \"abs\", src = \"/repo/sub/d/key\" }]\n\
         ssh = [\"default\", \"other\"]\n",
    )
    .images
    .remove(0)
    .build
    .unwrap();
    assert_eq!(build.builder, Builder::Buildkit);
    assert_eq!(build.ssh, ["default", "other"]);
    let file = |path: &str| SecretFrom::File { path: path.into(), root: "/repo".into() };
    let from: Vec<_> = build.secrets.iter().map(|it| (it.id.as_str(), it.from.clone())).collect();
    let want = [
        ("npm", SecretFrom::Env("NPM_TOKEN".to_owned())),
        ("a", file("/repo/sub/a b,c")),
        ("up", file("/repo/key")),
        ("abs", file("/repo/sub/d/key")),
    ];
    assert_eq!(from, want);
    let key = "images.x.build.secrets";
    assert_eq!(
        asked(&build),
        [
            format!("secret=env:NPM_TOKEN {key}[0].env"),
            format!("secret=file:a%20b%2Cc {key}[1].src"),
            format!("secret=file:../key {key}[2].src"),
            format!("secret=file:d/key {key}[3].src"),
            "ssh images.x.build.ssh".to_owned(),
        ]
    );
    let at = &build.asks[1].at;
    assert_eq!((at.line, at.column), (6, 65));
}

#[test]
fn a_newer_manifest_is_reported_as_that_alone() {
    let found = parsed("version = 2\nimages = 3\nx = 1\n").diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].hints, ["update occ"]);
    assert_eq!(parsed("version = 1\nmin_occ = \"0.1\"\nimages.x.name = \"x\"").diagnostics, []);
}

#[test]
fn depth_has_an_end() {
    // Brackets times dots: what each of the parser's own two limits lets through.
    let key = format!("a{}", ".a".repeat(78));
    let deep = |n: usize| format!("[x]\na = {}1{}", format!("{{{key} = ").repeat(n), "}".repeat(n));
    let messages = |text: &str| -> Vec<String> {
        parsed(text).diagnostics.into_iter().map(|d| d.message).collect()
    };
    assert_eq!(messages(&deep(70)), ["tables and arrays nest too deeply"]);
    assert_eq!(messages(&"[".repeat(10_000)), ["tables and arrays nest too deeply"]);
    assert_eq!(messages(&deep(16)).last().unwrap(), "unknown key `x`");
    assert_eq!(messages(&format!("a{} = 1", ".a".repeat(10_000))), ["the key has too many parts"]);
}

#[test]
fn large_manifests_are_read_or_refused() {
    let mut text = "version = 1\n".to_owned();
    for i in 0..10_000 {
        let _ = write!(text, "[images.i{i}]\nname = \"acme/i{i}\"\n");
    }
    assert_eq!(desired(&text).images.len(), 10_000);
    let found = parsed(&text.replace("name", "nom")).diagnostics;
    assert_eq!(found.last().unwrap().message, "19900 further mistakes not shown");
    let found = parsed(&"#".repeat(MAX_SIZE + 1)).diagnostics;
    assert_eq!(found[0].message, "the manifest is larger than 4 MiB");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the file: an answer, with places that can be shown.
    #[test]
    fn no_file_is_too_odd(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..25)) {
        let parsed = parsed(&pieces.concat());
        prop_assert!(parsed.desired.is_some() || !parsed.diagnostics.is_empty());
        let shown = shown(&parsed.diagnostics, &parsed.text);
        prop_assert_eq!(sanitise(&shown), shown.as_str());
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let parsed = parse(&bytes, &place(Path::new("x")));
        prop_assert!(parsed.desired.is_none() && !parsed.diagnostics.is_empty());
        shown(&parsed.diagnostics, &parsed.text);
    }
}

const PIECES: &[&str] = &[
    "version = 1\n",
    "[images.a]\n",
    "[images.b.build]\n",
    "[defaults]\n",
    "name = \"é\"\n",
    "name = \"a\"\n",
    "registries = [",
    "\"ghcr.io\"",
    "{",
    "}",
    "]",
    "[[",
    "\n",
    ",",
    " = ",
    "'''",
    "\"\"\"",
    "\"",
    "\\u0000",
    "\u{202e}",
    "\u{feff}",
    "#",
    "args",
    ".",
    "context = \"..\"\n",
    "1e9",
    "\r",
    "\r\n",
    "\0",
    "tag = 1979-05-27\n",
    "[images.",
    "images",
    "template = \"opencode\"\n",
];
