use super::*;
use crate::manifest::{Place, parse};
use crate::plan::reasons::LockState;
use crate::state::changes::{Change, Names, Several};
use crate::state::desired::Locked;
use crate::state::obstacle::Obstacle;
use crate::words::digest::Digest;
use crate::words::image::{EngineId, parse_repo_digest};

fn digest(digit: &str) -> Digest {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

/// An image of a manifest with these keys, locked to `aaa…`.
fn image(keys: &str) -> DesiredImage {
    let text = format!("version = 1\n[images.tool]\nname = \"acme/tool\"\n{keys}\n");
    let place = Place { file: "opencode.toml".into(), dir: "/r".into(), root: "/r".into() };
    let image = parse(text.as_bytes(), &place).desired.unwrap().images.remove(0);
    let locked = Locked { digest: Some(digest("a")), ..Locked::default() };
    DesiredImage { locked: Some(locked), ..image }
}

/// That a registry has these bytes.
fn there(digit: &str) -> Answer {
    Answer::Digest { digest: digest(digit), document: None, platforms: Vec::new() }
}

fn facts(digests: &[&str], label: Option<&InputLabel>) -> ImageFacts {
    let digest = |repository: &&str| format!("{repository}@{}", digest("a"));
    let label = label.map(|label| (LABEL.to_owned(), label.to_string()));
    ImageFacts {
        id: EngineId::new("sha256:1"),
        repo_digests: digests.iter().map(|it| parse_repo_digest(&digest(it)).unwrap()).collect(),
        platform: "linux/amd64".parse().unwrap(),
        labels: label.into_iter().chain([("other".to_owned(), "x".to_owned())]).collect(),
        size: 7,
        document: None,
    }
}

fn inputs(files: u8, parts: &[Part]) -> Inputs {
    let mut parts: BTreeMap<Part, [u8; 32]> = parts.iter().map(|part| (*part, [1; 32])).collect();
    parts.insert(Part::Files, [files; 32]);
    let held =
        Base { held: Some(EngineId::new("sha256:2")), ..Base::new("held:1".parse().unwrap()) };
    let own = Base { image: Some("base".into()), ..Base::new("acme/base".parse().unwrap()) };
    let foreign = Base::new("quay.io/acme/base:1".parse().unwrap());
    Inputs { parts, bases: vec![held, own, foreign], problem: None, warnings: Vec::new() }
}

fn known<'a>(image: &'a DesiredImage, seen: &'a ObservedImage) -> Known<'a> {
    let lock = LockSays {
        file: "opencode.lock".into(),
        state: LockState::Fresh,
        differences: Vec::new(),
        digest: None,
        built: false,
    };
    let (answers, room) = (BTreeMap::new(), IndexRoom::OneInRepository);
    Known {
        image,
        seen,
        room,
        lock,
        answers,
        signature: None,
        credentials: Vec::new(),
        consent: Vec::new(),
    }
}

#[test]
fn a_held_digest_is_told_from_the_wanted_one_and_the_id_from_both() {
    let image = image("registries = [\"r.example\"]");
    let other = facts(&["r.example/acme/tool"], None);
    let seen = ObservedImage { local: Some(other), ..ObservedImage::default() };
    let told = why(known(&image, &seen)).held.unwrap();
    assert_eq!(told.digests[0].reference, format!("r.example/acme/tool@{}", digest("a")));
    assert!(told.digests[0].wanted);
    assert_eq!((told.id_is, told.labels.len()), (IdIs::Configuration, 0));

    let locked = Locked { digest: Some(digest("b")), ..Locked::default() };
    let image = DesiredImage { locked: Some(locked), ..image };
    let room = IndexRoom::One;
    let told = why(Known { room, ..known(&image, &seen) }).held.unwrap();
    assert!(!told.digests[0].wanted);
    assert_eq!(told.id_is, IdIs::Target);
    let of = |document| {
        let local = seen.local.clone().map(|facts| ImageFacts { document, ..facts });
        let seen = ObservedImage { local, ..ObservedImage::default() };
        why(Known { room, ..known(&image, &seen) }).held.unwrap().id_is
    };
    assert_eq!(of(Some(Document::Index)), IdIs::Index);
    assert_eq!(of(Some(Document::Manifest)), IdIs::Manifest);
}

#[test]
fn each_part_of_the_inputs_is_held_against_the_label() {
    let image = image("build = {}");
    let before = inputs(1, &[Part::Args, Part::Target]).label(&image.name);
    let names = Names {
        changed: Several { count: 1, first: vec!["src/main.rs".into()] },
        ..Names::default()
    };
    let seen = ObservedImage {
        local: Some(facts(&[], Some(&before))),
        inputs: Some(Ok(inputs(2, &[Part::Args, Part::Network]))),
        changes: vec![Change { part: Part::Files, names: Some(names.clone()) }],
        ..ObservedImage::default()
    };
    let told = why(known(&image, &seen)).inputs.unwrap();
    assert_eq!(told.recorded, Some(before.hash.to_string()));
    assert_ne!(told.now, told.recorded);
    let part = |wanted: Part| told.parts.iter().find(|part| part.part == wanted).unwrap();
    let short = |digits: &str| Some(digits.repeat(4));
    let digits = |wanted: Part| (part(wanted).now.clone(), part(wanted).recorded.clone());
    assert_eq!(digits(Part::Files), (short("02"), short("01")));
    assert_eq!(digits(Part::Target), (None, short("01")));
    assert_eq!(digits(Part::Network), (short("01"), None));
    let changed = told.parts.iter().filter(|part| part.changed).map(|part| part.part);
    assert_eq!(changed.collect::<Vec<_>>(), [Part::Target, Part::Network, Part::Files]);
    assert_eq!(part(Part::Files).names, Some(names));
    assert_eq!(why(known(&image, &seen)).held.unwrap().built_for.unwrap(), image.name.canonical());

    // Without a label there is nothing to hold them against.
    let seen = ObservedImage { local: Some(facts(&[], None)), ..seen };
    let told = why(known(&image, &seen)).inputs.unwrap();
    assert!(told.recorded.is_none() && told.parts.iter().all(|part| !part.changed));
    // What can't be read is said.
    let broken = Some(Err(Obstacle::from("no `Dockerfile`".to_owned())));
    let told = why(known(&image, &ObservedImage { inputs: broken, ..seen })).inputs.unwrap();
    assert_eq!((told.now, told.problem.as_deref()), (None, Some("no `Dockerfile`")));
}

#[test]
fn only_those_registries_count_that_could_be_asked() {
    let seen = ObservedImage { inputs: Some(Ok(inputs(1, &[]))), ..ObservedImage::default() };
    let asked = |keys: &str| Vec::from_iter(registries(&image(keys), &seen));
    let both = "registries = [\"r.example\", \"s.example\"]";
    assert_eq!(asked(&format!("{both}\nbuild = {{}}")), ["quay.io", "r.example", "s.example"]);
    assert_eq!(asked(&format!("{both}\nstrategy = \"build\"\nbuild = {{}}")), ["quay.io"]);
    assert_eq!(asked(&format!("{both}\npull_policy = \"never\"\nbuild = {{}}")), ["quay.io"]);
}

#[test]
fn each_source_has_its_own_answers() {
    let image = image("registries = [\"r.example\", \"s.example\"]");
    let seen = ObservedImage::default();
    let exact = format!("r.example/acme/tool@{}", digest("a"));
    let answers = BTreeMap::from([
        ("r.example/acme/tool:latest".to_owned(), there("b")),
        (exact, Answer::Unavailable),
    ]);
    let told = why(Known { answers, ..known(&image, &seen) });
    assert_eq!(told.sources[0].answer, there("b"));
    assert_eq!(told.sources[0].of_wanted, Some(Answer::Unavailable));
    assert_eq!((&told.sources[1].answer, &told.sources[1].of_wanted), (&Answer::NotAsked, &None));
    assert!(told.build_on.is_empty(), "there is no build");
}
