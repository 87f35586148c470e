use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::plan::reasons::{Consent, HeldDigest, Login};
use crate::plan::step::{Cause, ImagePlan};
use crate::render::fit::width;
use crate::state::changes::Names;
use crate::state::inputs::Part;
use crate::words::code::Code;
use crate::words::failure::FailureClass;
use crate::words::image::EngineId;

fn digest(digit: &str) -> Digest {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

/// That a registry has these bytes.
fn there(digit: &str) -> Answer {
    Answer::Digest { digest: digest(digit), document: None, platforms: Vec::new() }
}

fn plan() -> Plan {
    let names = Names {
        changed: Several { count: 22, first: (0..22).map(|n| format!("src/{n:02}")).collect() },
        ..Names::default()
    };
    let changes = vec![crate::state::changes::Change { part: Part::Files, names: Some(names) }];
    let image = ImagePlan {
        id: "tool".into(),
        name: "acme/tool:1".parse().unwrap(),
        wanted: None,
        signed: None,
        extra_tags: Vec::new(),
        platform: None,
        previous: None,
        steps: Vec::new(),
        cause: Cause::InputsChanged { changes },
        blocked: Some("no `Dockerfile`".to_owned().into()),
        warnings: vec!["mind the gap".into()],
        to_lock: BTreeSet::from(["r.example".to_owned()]),
    };
    Plan { images: vec![image] }
}

fn told() -> Why {
    let Cause::InputsChanged { changes } = plan().images.remove(0).cause else { unreachable!() };
    let part = |part, now: Option<&str>, recorded: Option<&str>| PartSeen {
        part,
        now: now.map(Into::into),
        recorded: recorded.map(Into::into),
        changed: now != recorded,
        names: None,
    };
    let files = PartSeen {
        names: changes[0].names.clone(),
        ..part(Part::Files, Some("02020202"), Some("01010101"))
    };
    let failed = Answer::Failed {
        class: FailureClass::NotFound,
        code: Code::NotFound,
        message: "not found: manifest unknown".into(),
    };
    let index = Answer::Digest {
        digest: digest("a"),
        document: Some(Document::Index),
        platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
    };
    let source = |host: &str, answer, of_wanted| SourceSeen {
        source: format!("{host}/acme/tool:1"),
        answer,
        of_wanted,
    };
    Why {
        id: "tool".into(),
        name: "acme/tool:1".into(),
        reference: "docker.io/acme/tool:1".into(),
        extra_tags: vec!["tool:dev".into()],
        strategy: Strategy::PullThenBuild,
        pull_policy: PullPolicy::Missing,
        platform: None,
        pin: None,
        lock: LockSays {
            file: "opencode.lock".into(),
            state: LockState::Stale,
            differences: vec!["its sources changed".into()],
            digest: Some(digest("a")),
            built: false,
        },
        held: Some(Held {
            image_id: EngineId::new(digest("1").as_str()),
            id_is: IdIs::Configuration,
            digests: vec![HeldDigest {
                reference: format!("r.example/acme/tool@{}", digest("a")),
                wanted: true,
            }],
            platform: "linux/amd64".into(),
            size: 113_000_000,
            labels: BTreeMap::new(),
            built_for: Some("docker.io/acme/tool:1".into()),
            derived: true,
        }),
        elsewhere: None,
        inputs: Some(InputsSeen {
            now: Some(format!("2:{}", "2".repeat(64))),
            recorded: Some(format!("2:{}", "1".repeat(64))),
            problem: None,
            parts: vec![
                part(Part::Name, Some("aa"), Some("aa")),
                part(Part::Target, None, Some("bb")),
                part(Part::Network, Some("cc"), None),
                files,
            ],
        }),
        bases: vec![BaseSeen {
            base: "debian:12".into(),
            image: None,
            held: None,
            locked: Some(digest("d")),
            frontend: false,
            answer: there("e"),
        }],
        sources: vec![
            source("r.example", index, None),
            source("s.example", there("b"), Some(failed.clone())),
            source("t.example", failed, Some(there("a"))),
            source("u.example", Answer::NotAsked, None),
            source("v.example", Answer::Unavailable, None),
        ],
        signature: Some(SignatureSeen {
            key: "cosign.pub".into(),
            digest: Some(digest("a")),
            problem: None,
        }),
        build_on: vec![BuildOn::NotFound, BuildOn::Unavailable],
        credentials: vec![
            Login { registry: "r.example".into(), found_in: Some("/h/.docker/config.json".into()) },
            Login { registry: "s.example".into(), found_in: None },
        ],
        consent: vec![Consent {
            grant: "ssh".into(),
            what: "let a build use your ssh agent".into(),
            allowed_by: None,
        }],
    }
}

#[test]
fn every_side_of_an_image_has_its_place() {
    insta::assert_snapshot!(why(&told(), &plan(), Look::test(100)), @r"
    what sync would do
      fails         acme/tool:1: `src/00`, `src/01`, `src/02` and 19 more files changed, and no
                    `Dockerfile`
      warning       mind the gap
      lock          not locked yet: tool
      may ask       r.example

    what is wanted
      name          acme/tool:1  docker.io/acme/tool:1
      also as       tool:dev
      strategy      pull, then build
      pulled        when the engine lacks it
      platform      the engine's own

    the lock
      file          opencode.lock
      state         not fresh  its sources changed
      digest        sha256:aaaaaaaaaaaa  of its index, or its manifest without one

    the engine
      holds         sha256:111111111111  the digest of its configuration
      pulled as     r.example/acme/tool@sha256:aaaaaaaaaaaa  what the lock wants
      platform      linux/amd64
      size          113.0 MB
      built by occ  for docker.io/acme/tool:1  and somebody made this one from it

    what a build reads
      hash          2:2222222222222222222222222222222222222222222222222222222222222222
      recorded      2:1111111111111111111111111111111111111111111111111111111111111111
      name          aa
      target        gone  was bb
      network       cc  new
      files         02020202, was 01010101  changed
        changed     `src/00`, `src/01`, `src/02`, `src/03`, `src/04`, `src/05`, `src/06`, `src/07`,
                    `src/08`, `src/09`, `src/10`, `src/11`, `src/12`, `src/13`, `src/14`, `src/15`,
                    `src/16`, `src/17`, `src/18`, `src/19` and 2 more

    what it is built on
      base          debian:12  locked to sha256:dddddddddddd  sha256:eeeeeeeeeeee  not what the lock
                    wants

    the sources, in order
      1             r.example/acme/tool:1  sha256:aaaaaaaaaaaa  an index for linux/amd64 and linux/arm64
                    what the lock wants
      2             s.example/acme/tool:1  sha256:bbbbbbbbbbbb  not what the lock wants  asked for that:
                    not found: manifest unknown
      3             t.example/acme/tool:1  not found: manifest unknown  and it has what the lock wants
      4             u.example/acme/tool:1  not asked (`--refresh` asks)
      5             v.example/acme/tool:1  this engine can't ask registries
      6             a build, when none of them has it (not found or unavailable)

    the signature
      key           cosign.pub
      state         signed  sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

    credentials
      r.example     found in `/h/.docker/config.json`
      s.example     none found

    consent
      ssh           not allowed  let a build use your ssh agent
    ");
}

#[test]
fn it_fits_wherever_it_is_read() {
    for columns in [20, 40, 60, 80] {
        let text = why(&told(), &plan(), Look::test(columns));
        for line in text.lines() {
            assert!(width(line) <= usize::from(columns), "{columns}: {line:?}");
        }
    }
}

#[test]
fn what_is_not_there_takes_no_room() {
    let mut bare = told();
    (bare.inputs, bare.held) = (None, None);
    bare.sources.clear();
    bare.bases.clear();
    bare.credentials.clear();
    bare.signature = None;
    bare.consent.clear();
    bare.lock.state = LockState::Missing;
    let text = why(&bare, &plan(), Look::test(100));
    for heading in
        ["what a build reads", "the sources", "built on", "the signature", "credentials", "consent"]
    {
        assert!(!text.contains(heading), "{text}");
    }
    assert!(text.contains("nothing under this name\n"), "{text}");
}
