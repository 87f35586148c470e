//! The Dockerfile inside occ, as a text: what it promises to those who build it, and its version.
//! `scripts/image` builds it, and tries the image.

use occ::{DOCKERFILE, IMAGE_TAG_DEFAULT};

use crate::support::image::digest;
use crate::support::occ::Occ;

/// The default of an argument.
fn default(arg: &str) -> &'static str {
    let start = format!("ARG {arg}=");
    let found = DOCKERFILE.lines().find_map(|line| line.strip_prefix(&*start));
    found.unwrap_or_else(|| panic!("there is no argument `{arg}`"))
}

/// Its instructions, each in one line.
fn instructions() -> Vec<String> {
    let lines = DOCKERFILE.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// The instructions of the stage that becomes the image, from its `FROM`.
fn last_stage() -> Vec<String> {
    let all = instructions();
    let from = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    all[from..].to_vec()
}

#[test]
fn its_version_changes_with_its_text_and_with_nothing_else() {
    assert_eq!(default("IMAGE_VERSION"), IMAGE_TAG_DEFAULT);
    let number = |version: &str| -> Vec<u32> {
        version.split('.').map(|part| part.parse().unwrap()).collect()
    };
    let lines = include_str!("../images/versions").lines().filter(|line| !line.starts_with('#'));
    let all: Vec<(&str, &str)> = lines.map(|line| line.split_once(' ').unwrap()).collect();
    assert!(all.is_sorted_by(|a, b| number(a.0) < number(b.0)), "{all:?}");
    let digest = digest(DOCKERFILE.as_bytes());
    assert_eq!(
        all.last(),
        Some(&(IMAGE_TAG_DEFAULT, &*digest)),
        "the text changed: raise IMAGE_VERSION in it, IMAGE_TAG_DEFAULT, the tag in \
         src/manifest/default.toml and the version in src/cli/args/mod.rs, and add a line to \
         images/versions"
    );
}

#[test]
fn every_builder_can_build_it_out_of_nothing_but_itself() {
    let all = instructions();
    let starts = |word: &str| all.iter().any(|line| line.starts_with(word));
    assert!(!DOCKERFILE.lines().next().unwrap().contains("syntax="));
    assert!(!starts("ADD "), "nothing is fetched that is not checked");
    for copy in all.iter().filter(|line| line.starts_with("COPY ")) {
        assert!(copy.starts_with("COPY --from=fetch-"), "{copy}");
    }
    for run in all.iter().filter(|line| line.starts_with("RUN ")) {
        assert!(!run.contains("--mount") && !run.contains("<<"), "{run}");
    }
    // The one image that it is made from: all others are its own stages.
    let names: Vec<&str> =
        all.iter().filter_map(|line| line.split_once(" AS ")).map(|s| s.1).collect();
    let from = all.iter().filter_map(|line| line.strip_prefix("FROM "));
    let bases = from.map(|line| line.split_once(" AS ").map_or(line, |(base, _)| base));
    let bases: Vec<&str> = bases.filter(|base| !names.contains(base)).collect();
    assert_eq!(bases, ["${BASE_IMAGE}"]);
    assert_eq!(default("BASE_IMAGE"), "ubuntu:24.04");
}

#[test]
fn who_runs_it_is_no_root_and_no_stranger() {
    let stage = last_stage();
    let last = |word: &str| stage.iter().rfind(|line| line.starts_with(word)).unwrap().clone();
    assert_eq!(last("USER "), "USER opencode");
    assert_eq!(last("WORKDIR "), "WORKDIR /home/opencode/workspace");
    assert_eq!(
        last("ENTRYPOINT "),
        "ENTRYPOINT [\"/usr/bin/tini\", \"--\", \"/usr/local/bin/occ-entrypoint\"]"
    );
    assert!(last("HEALTHCHECK ").ends_with("CMD [\"/usr/local/bin/occ-healthcheck\"]"));
    assert!(last("RUN ").contains("-perm /6000"), "what comes after could be anything");
    // A new opencode is one new layer: nothing that makes one follows it.
    let at = |word: &str| stage.iter().rposition(|line| line.starts_with(word)).unwrap();
    assert_eq!(last("COPY "), "COPY --from=fetch-opencode /out/ /usr/local/bin/");
    assert!(at("COPY ") > at("RUN ") && at("COPY ") > at("WORKDIR "));
    assert!(stage.last().unwrap().starts_with("LABEL "));
    for word in ["PASSWORD", "TOKEN", "SECRET"] {
        let keeps = |line: &&String| !line.starts_with("RUN ") && line.contains(word);
        assert_eq!(instructions().iter().find(keeps), None);
    }
}

#[test]
fn what_occ_says_of_it_is_true() {
    let says = Occ::new().run_with(["--version"]).expect(0).stdout;
    let template = format!(
        "template opencode {IMAGE_TAG_DEFAULT}: opencode {} on {}\n",
        default("OPENCODE_VERSION"),
        default("BASE_IMAGE")
    );
    assert!(says.starts_with("occ ") && says.ends_with(&template), "{says}");
    // The same stands where one looks when something is not as it should be.
    let doctor = Occ::new().run_with(["-H", "unix:///no/engine", "doctor"]).expect(5).stdout;
    let pins = template.strip_prefix("template ").unwrap();
    assert!(doctor.contains(&format!("ok    template  {pins}")), "{doctor}");
    assert_eq!(Occ::new().run_with(["-V"]).expect(0).stdout.lines().count(), 1);
}

#[test]
fn a_new_manifest_asks_for_it_at_its_version() {
    let occ = Occ::new();
    occ.run_with(["init"]).expect(0);
    let manifest: toml::Table =
        std::fs::read_to_string(occ.work().join("opencode.toml")).unwrap().parse().unwrap();
    let image = &manifest["images"]["opencode"];
    assert_eq!(image["tag"].as_str(), Some(IMAGE_TAG_DEFAULT));
    assert_eq!(image["build"]["template"].as_str(), Some("opencode"));
}
