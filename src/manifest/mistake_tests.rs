//! Every mistake is reported, and none twice in other words.

use crate::manifest::names::{Host, Name, RegistryEntry};
use crate::manifest::tests::parsed;
use crate::manifest::text::Text;

/// The keys with a mistake are exactly these, in the order of the text.
#[track_caller]
fn mistakes(text: &str, want: &[&str]) {
    let found = parsed(text).diagnostics;
    let keys: Vec<_> = found.iter().map(|d| d.key_path.as_str()).collect();
    assert_eq!(keys, want, "{found:#?}");
}

#[test]
fn a_mistake_in_one_key_makes_no_others() {
    let image = |rest: &str| format!("version = 1\n[images.x]\nname = \"a/b\"\n{rest}\n");
    mistakes(&image("registries = [5]"), &["images.x.registries[0]"]);
    mistakes(&image("tag = 5\nextra_tags = [\"a/b\"]"), &["images.x.tag"]);
    mistakes(&image("strategy = \"bild\"\nregistries = []"), &["images.x.strategy"]);
    mistakes(&image("strategy = \"build\"\nbuild = 3"), &["images.x.build"]);
    mistakes(
        &image("build.context = 1\nbuild.dockerfile = \"../../x\""),
        &["images.x.build.context"],
    );
    mistakes(
        "version = 1\n[defaults]\nregistries = 1\n[images.x]\nname = \"a\"",
        &["defaults.registries"],
    );
    mistakes("version = 1\n[images.X]\nname = \"a\"\n", &["images.X"]);
    let pin = format!("digest = \"sha256:{}\"", "0".repeat(64));
    mistakes(&image("build = 3\nregistries = []"), &["images.x.build"]);
    mistakes(&image(&format!("registries = 1\n{pin}\nbuild = {{}}")), &["images.x.registries"]);
    mistakes(&format!("version = 1\n[images.x]\n{pin}\nbuild = {{}}\n"), &["images.x"]);
    mistakes(
        &format!(
            "version = 1\ndefaults.registries = 1\n[images.x]\nname = \"a\"\n{pin}\nbuild = {{}}\n"
        ),
        &["defaults.registries"],
    );
    // The table may be the one whose header could not be read.
    mistakes(&image("strategy = \"build\"\n[images.x.build\ntarget = \"a\""), &[""]);
}

#[test]
fn a_mistake_in_one_key_hides_no_others() {
    let image = |rest: &str| format!("version = 1\n[images.x]\n{rest}\n");
    let pin = format!("digest = \"sha256:{}\"", "0".repeat(64));
    // Without a name.
    mistakes(&image("strategy = \"build\""), &["images.x", "images.x.strategy"]);
    mistakes(
        &image(&format!("name = \"A\"\nstrategy = \"build\"\n{pin}\nbuild = {{}}")),
        &["images.x.name", "images.x.digest"],
    );
    mistakes(
        &image(&format!("registries = []\n{pin}\nbuild = {{}}")),
        &["images.x", "images.x.digest"],
    );
    mistakes(
        &image("name = \"A\"\nextra_tags = [\"b\", \"docker.io/library/b:latest\"]"),
        &["images.x.name", "images.x.extra_tags[1]"],
    );
    mistakes(
        &image(
            "name = \"A\"\nregistries = [\"r.io\", \
             { registry = \"docker.io\", repository = \"a/b/c\" }]",
        ),
        &["images.x.name", "images.x.registries[1]"],
    );
    // Without a tag or a strategy.
    mistakes(&image("name = \"a/b/c\"\ntag = \"-\""), &["images.x.name", "images.x.tag"]);
    mistakes(
        &image("name = \"a/b/c\"\ntag = 5\nregistries = [\"docker.io\", \"r.io\", \"r.io\"]"),
        &["images.x.tag", "images.x.registries[0]"],
    );
    mistakes(
        &image("name = \"a/b/c\"\nstrategy = 5\nregistries = [\"docker.io\"]"),
        &["images.x.strategy", "images.x.registries[0]"],
    );
    // In the table of the build.
    let build = |rest: &str| image(&format!("name = \"a\"\n[images.x.build]\n{rest}"));
    mistakes(
        &build("context = \"../..\"\ndockerfile = \"/etc/x\""),
        &["images.x.build.context", "images.x.build.dockerfile"],
    );
    mistakes(
        &build("context = 5\ndockerfile = \"a/..\""),
        &["images.x.build.context", "images.x.build.dockerfile"],
    );
    mistakes(&build("context = \"../..\"\ndockerfile = \"../x\""), &["images.x.build.context"]);
    mistakes(
        &build("template = \"open-code\"\ncontext = \"x\"\ninputs = []"),
        &["images.x.build.template", "images.x.build.context", "images.x.build.inputs"],
    );
}

#[test]
fn hints_for_names_are_names() {
    let check = |text: &str, want: Option<&str>| {
        assert!(text.parse::<Name>().is_err(), "{text}");
        assert_eq!(Name::hint(text).as_deref(), want, "{text}");
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    check("a:1", Some("write `name = \"a\"`, `tag = \"1\"`"));
    let both = format!("write `name = \"r:5/a\"`, `tag = \"1\"`, `digest = \"{digest}\"`");
    check(&format!("r:5/a:1@{digest}"), Some(&both));
    check(&format!("a@{digest}"), Some(&format!("write `name = \"a\"`, `digest = \"{digest}\"`")));
    // What only looks like one.
    check("user:pw@ghcr.io/x", None);
    check("a@b", None);
    check("a@sha256:0", None);
    check("a:b c", None);
    check("A:1", None);
    check(":1", None);
    check("a:", None);
    // Without the scheme.
    check("https://ghcr.io/a/", Some("leave out the scheme: `ghcr.io/a`"));
    check("https://ghcr.io/a:1", Some("write `name = \"ghcr.io/a\"`, `tag = \"1\"`"));
    check("https://user:pw@ghcr.io/a", Some("leave out the scheme"));
    check("https://", Some("leave out the scheme"));
    assert_eq!(RegistryEntry::hint("http://r.io/A").unwrap(), "leave out the scheme");
    assert_eq!(RegistryEntry::hint("http://r.io/a").unwrap(), "leave out the scheme: `r.io/a`");
    assert_eq!(Host::hint("http://r.io/a").unwrap(), "leave out the scheme");
}
