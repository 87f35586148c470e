//! What looks like a secret is shown nowhere, whatever is wrong around it.

use std::path::Path;

use crate::manifest::secrets::looks_secret;
use crate::manifest::tests::{parsed, place, shown};
use crate::manifest::{Parsed, parse};

/// All that is said of a manifest.
fn said(parsed: &Parsed) -> String {
    shown(&parsed.diagnostics, &parsed.text)
}

/// Something is said of the manifest, but nothing of what it has to hide.
#[track_caller]
fn hides(text: &str, words: &str) {
    let said = said(&parsed(text));
    assert!(!said.contains("hunter2"), "{text}\n{said}");
    assert!(said.contains(words), "{text}\n{said}");
}

fn args(args: &str) -> String {
    format!("version = 1\n[images.x]\nname = \"x\"\n[images.x.build]\n{args}\n")
}

#[test]
fn names_of_secrets_are_recognised() {
    for name in ["NPM_TOKEN", "token", "db-password", "APIKEY", "apiKey", "githubtoken", "KEY"] {
        assert!(looks_secret(name), "{name}");
    }
    for name in ["KEYBOARD", "TOKENS", "MONKEY", "secrets", "name", ""] {
        assert!(!looks_secret(name), "{name}");
    }
}

#[test]
fn secrets_are_not_repeated() {
    let text = "version = 1\n[images.x]\nname = \"x\"\npassword = \"hunter2\"\n\
                build.args = { NPM_TOKEN = \"hunter2\" }\n";
    hides(text, "opencode.toml:4:1");
    hides(text, "opencode.toml:5:16");
    // Whatever is wrong with them.
    hides(&args("args.NPM_TOKEN = \"hunter2${hunter2}\""), "opencode.toml:5:18");
    hides(&args("args.NPM_TOKEN = \"${env:hunter2\""), "`${` without `}`");
    hides(&args("args.NPM_TOKEN = \"${env:-hunter2}\""), "bad name of an environment variable");
    hides(&args("args.NPM_TOKEN = [\"\",\n\"hunter2\", { a = \"hunter2\" }]"), "not an array");
    hides(&args("args.NPM_TOKEN = { a = \"hunter2\" }"), "not a table");
    hides(&args("args = [\"A=b\", \"NPM_TOKEN=hunter2\"]"), "must be a table");
    let number = parsed(&args("args.NPM_TOKEN = 12345678"));
    assert!(!said(&number).contains("1234"), "{}", said(&number));
    // On several lines.
    hides(&args("args.NPM_TOKEN = \"\"\"\nhunter2\\q\n\"\"\""), "opencode.toml:6:9");
    hides(&args("password.a.b = [\n5, \"hunter2\" 5,\n]"), "opencode.toml:6:14");
}

#[test]
fn nothing_is_shown_beside_a_secret() {
    hides(&args("args = { X = 1, NPM_TOKEN = \"hunter2\", Y = 1 }"), "put it in quotes\n");
    let build = "build = { args = { NPM_TOKEN = \"hunter2\" }, ssh = [\"a\", \"a\"] }";
    let text = format!("version = 1\n[images.x]\nname = \"x\"\n{build}\n");
    hides(&text, "two ssh agents have the same id");
    // An id is no name of a secret.
    let said = said(&parsed("version = 1\n[images.my-token]\nname = \"a b\"\n[images.api-key]\n"));
    assert!(said.contains("3 | name = \"a b\"") && said.contains("4 | [images.api-key]"), "{said}");
}

#[test]
fn lines_that_are_no_toml_are_hidden_by_their_words() {
    hides(&args("args = { NPM_TOKEN = \"hunter2 }"), "opencode.toml:5:");
    hides(&args("args.NPM_TOKEN = hunter2"), "this is no value");
    hides(&args("args.NPM_TOKEN = \"a\"\nargs.NPM_TOKEN = \"hunter2\""), "duplicate key");
    hides("password: hunter2\n", "opencode.toml:1:");
    hides(&args(&format!("args.NPM_TOKEN = {} \"hunter2\"", "[".repeat(20))), "too deeply");
    let bytes = [&b"version = 1\npassword = \"hunter2"[..], b"\xff\"\n"].concat();
    let said = said(&parse(&bytes, &place(Path::new("x"))));
    assert!(said.contains("not UTF-8") && !said.contains("hunter2"), "{said}");
}

/// Mistakes that are told with the value, one for each way of telling.
const MISTAKES: &[&str] = &[
    "name = \"hunter2 x\"",
    "name = \"a:hunter2\"",
    "name = \"hunter2:pw@ghcr.io/x\"",
    "name = \"http://hunter2/x\"",
    "name = \"hunter2/b/c\"",
    "name = \"a\", tag = \"hunter2 x\"",
    "name = \"a\", digest = \"hunter2\"",
    "name = \"a\", extra_tags = [\"hunter2 x\"]",
    "name = \"hunter2\", extra_tags = [\"hunter2:latest\"]",
    "name = \"a\", extra_tags = \"hunter2\"",
    "name = \"a\", registries = [\"hunter2\"]",
    "name = \"a\", registries = \"hunter2\"",
    "name = \"a\", registries = [\"docker.io/hunter2/b\"]",
    "name = \"a\", registries = [\"r.io/hunter2\", \"r.io/hunter2\"]",
    "name = \"a\", registries = [{ registry = \"hunter2\", repository = \"hunter2:1\" }]",
    "name = \"a\", registries = [{ registry = \"docker.io\", repository = \"a/b/hunter2\" }]",
    "name = \"a\", strategy = \"hunter2\"",
    "name = \"a\", platform = \"linux/hunter2\"",
    "name = \"a\", build_on = [\"hunter2\"]",
    "name = \"a\", retry = { backoff = \"hunter2\" }",
    "name = \"a\", build = { template = \"hunter2\" }",
    "name = \"a\", build = { context = \"/hunter2\" }",
    "name = \"a\", build = { dockerfile = \"https://hunter2\" }",
    "name = \"a\", build = { target = \"hunter2 x\" }",
    "name = \"a\", build = { args = { B = \"${hunter2}\" } }",
    "name = \"a\", build = { labels = { b = \"${env:hunter2}\" } }",
    "name = \"a\", build = { cache_from = [\"hunter2 x\"] }",
    "name = \"a\", build = { secrets = [{ id = \"hunter2\", env = \"A\" }, \
     { id = \"hunter2\", env = \"A\" }] }",
    "name = \"a\", build = { ssh = [\"hunter2\", \"hunter2\"] }",
    "name = \"a\", build = { secrets = [{ id = \"a\", src = \"/hunter2\" }] }",
    "name = \"a\", build = { secrets = [{ id = \"hunter2 x\", env = \"hunter2-x\" }] }",
];

#[test]
fn no_value_beside_a_secret_is_quoted() {
    let keys = |parsed: &Parsed| -> Vec<String> {
        let keys = parsed.diagnostics.iter().map(|d| d.key_path.clone());
        keys.filter(|key| key != "images.y.password").collect()
    };
    for mistake in MISTAKES {
        let image = |y: &str| {
            format!("version = 1\nimages = {{ x = {{ {mistake} }}, y = {{ name = \"y\"{y} }} }}\n")
        };
        let (alone, beside) = (image(""), image(", password = \"\""));
        assert!(said(&parsed(&alone)).contains("hunter2"), "{mistake}");
        hides(&beside, "unknown key `password`");
        assert_eq!(keys(&parsed(&alone)), keys(&parsed(&beside)), "{mistake}");
    }
}
