use super::*;
use crate::lock::Mode;
use crate::lock::apply::locked;

fn digest(digit: &str) -> Digest {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

fn references(names: &[&str]) -> Vec<Reference> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// An image from two registries, with one base.
fn wanted() -> Wanted {
    Wanted {
        id: "tool".to_owned(),
        name: "acme/tool:1".parse().unwrap(),
        pin: None,
        sources: references(&["ghcr.io/acme/tool:1", "docker.io/acme/tool:1"]),
        verify: None,
        may_be_built: false,
        bases: references(&["debian:12"]),
    }
}

fn entry() -> LockedImage {
    let base = LockedBase { reference: "debian:12".parse().unwrap(), digest: Some(digest("d")) };
    wanted().entry(Some(digest("a")), vec![base])
}

#[track_caller]
fn differ(wanted: &Wanted, entry: &LockedImage, want: &[&str]) {
    assert_eq!(wanted.differences(entry), want);
}

#[test]
fn what_is_as_it_was_is_fresh() {
    differ(&wanted(), &entry(), &[]);
    let pinned = Wanted { pin: Some(digest("a")), ..wanted() };
    differ(&pinned, &entry(), &[]);
    // The same names in another form.
    let spelled = LockedImage {
        name: "docker.io/acme/tool".to_owned(),
        sources: references(&["ghcr.io/acme/tool:1", "index.docker.io/acme/tool:1"]),
        ..entry()
    };
    differ(&wanted(), &spelled, &[]);
    // A bot changes the tag and the digest, and nothing else.
    let bumped = Wanted {
        name: "acme/tool:2".parse().unwrap(),
        sources: references(&["ghcr.io/acme/tool:2", "docker.io/acme/tool:2"]),
        ..wanted()
    };
    differ(&bumped, &LockedImage { tag: "2".to_owned(), ..entry() }, &[]);
    // A tag that is a source's own is another matter.
    let other = references(&["ghcr.io/acme/tool:1", "docker.io/acme/tool:v2"]);
    differ(&Wanted { sources: other, ..wanted() }, &entry(), &["its sources changed"]);
    // A digest that somebody wrote by hand.
    differ(&wanted(), &LockedImage { digest: Some(digest("e")), ..entry() }, &[]);
}

#[test]
fn each_difference_is_named() {
    differ(
        &Wanted { name: "acme/other:2".parse().unwrap(), ..wanted() },
        &entry(),
        &["its name was `acme/tool` and is `acme/other`", "its tag was `1` and is `2`"],
    );
    let pinned = Wanted { pin: Some(digest("b")), ..wanted() };
    let pins = "the manifest pins sha256:bbbbbbbbbbbb, and the lock has sha256:aaaaaaaaaaaa";
    differ(&pinned, &entry(), &[pins]);
    differ(
        &pinned,
        &LockedImage { digest: None, ..entry() },
        &["the manifest pins sha256:bbbbbbbbbbbb"],
    );
    differ(&wanted(), &LockedImage { digest: None, ..entry() }, &["it has no digest"]);
    let reversed = references(&["docker.io/acme/tool:1", "ghcr.io/acme/tool:1"]);
    differ(&Wanted { sources: reversed, ..wanted() }, &entry(), &["its sources changed"]);
    differ(
        &Wanted { bases: references(&["debian:13"]), ..wanted() },
        &entry(),
        &["its base `debian:13` is new", "its base `debian:12` is gone"],
    );
    let built = Wanted { sources: Vec::new(), may_be_built: true, ..wanted() };
    let gone = "it has a digest, and is no longer pulled";
    differ(&built, &entry(), &[gone, "its sources changed"]);
}

#[test]
fn an_image_that_no_source_had_is_fresh_without_a_digest() {
    let both = Wanted { may_be_built: true, ..wanted() };
    let built = LockedImage { digest: None, ..entry() };
    differ(&both, &built, &[]);
    assert!(both.todo(Some(&built), false).is_settled());
    assert_eq!(both.todo(Some(&built), true).digest, Question::Ask);
}

#[test]
fn what_holds_stays_and_the_rest_is_asked() {
    let settled = |digit: &str| Question::Settled(Some(digest(digit)));
    let todo = |wanted: &Wanted, upgrade| wanted.todo(Some(&entry()), upgrade);
    assert_eq!(todo(&wanted(), false).digest, settled("a"));
    assert_eq!(todo(&wanted(), false).bases[0].1, settled("d"));
    assert!(todo(&wanted(), false).is_settled());
    assert_eq!(wanted().todo(None, false).digest, Question::Ask);

    let upgraded = todo(&wanted(), true);
    assert_eq!((upgraded.digest, &upgraded.bases[0].1), (Question::Ask, &Question::Ask));
    let pinned = Wanted { pin: Some(digest("b")), ..wanted() };
    assert_eq!(todo(&pinned, true).digest, settled("b"));
    let tagged = Wanted { name: "acme/tool:2".parse().unwrap(), ..wanted() };
    assert_eq!(todo(&tagged, false).digest, Question::Ask);
    // A mirror more moves no pin.
    let mirrored = Wanted { sources: references(&["ghcr.io/acme/tool:1"]), ..wanted() };
    assert_eq!(todo(&mirrored, false).digest, Question::Confirm(digest("a")));
    let more = Wanted { bases: references(&["debian:12", "redis"]), ..wanted() };
    let bases = todo(&more, false).bases;
    assert_eq!((&bases[0].1, &bases[1].1), (&settled("d"), &Question::Ask));
}

#[test]
fn each_mode_takes_of_the_lock_what_it_may() {
    let tagged = Wanted { name: "acme/tool:2".parse().unwrap(), ..wanted() };
    let of = |wanted: &Wanted, mode| locked(&entry(), wanted, mode);
    assert_eq!(of(&wanted(), Mode::Off), None);
    for mode in [Mode::Keep, Mode::Locked, Mode::Frozen] {
        let found = of(&wanted(), mode).unwrap();
        assert_eq!((found.digest, found.is_built), (Some(digest("a")), false));
        assert_eq!(found.bases["docker.io/library/debian:12"], Some(digest("d")));
    }
    assert_eq!(of(&tagged, Mode::Keep).unwrap().digest, None);
    assert_eq!(of(&tagged, Mode::Frozen).unwrap().digest, Some(digest("a")));
    let mirrored = Wanted { sources: references(&["ghcr.io/acme/tool:1"]), ..wanted() };
    assert_eq!(of(&mirrored, Mode::Keep).unwrap().digest, Some(digest("a")));
}
