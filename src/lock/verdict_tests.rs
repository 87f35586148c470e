use super::*;

fn digest(digit: &str) -> Digest {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

fn failure(class: FailureClass) -> Obstacle {
    Obstacle {
        reason: class.words().to_owned(),
        class,
        code: class.code(),
        hints: vec![format!("about {}", class.words())],
    }
}

/// The answers of `a.example/x:1`, `b.example/x:1`, …: a digit serves a digest of it.
fn answers(told: &[Result<&str, FailureClass>]) -> Vec<Answer> {
    let hosts = ["a.example", "b.example", "c.example"];
    let answer = |(host, told): (&&str, &Result<&str, FailureClass>)| Answer {
        source: format!("{host}/x:1").parse().unwrap(),
        told: told.map(digest).map_err(failure),
    };
    hosts.iter().zip(told).map(answer).collect()
}

use FailureClass::{AbsentOrPrivate, Denied, Network, NotFound, Server};

#[test]
fn the_first_that_serves_it_decides() {
    let decide = |told: &[_]| verdict(&answers(told), false, false);
    let served = decide(&[Ok("1"), Ok("1")]);
    assert_eq!(served, Verdict { digest: Ok(Some(digest("1"))), warnings: Vec::new() });
    assert_eq!(decide(&[Err(NotFound), Ok("1")]).digest, Ok(Some(digest("1"))));
    assert_eq!(decide(&[Err(AbsentOrPrivate), Ok("1")]).digest, Ok(Some(digest("1"))));
}

#[test]
fn sources_that_serve_something_else_are_named_with_both_digests() {
    let told = verdict(&answers(&[Ok("1"), Ok("2"), Err(Network)]), false, false);
    assert_eq!(told.digest, Ok(Some(digest("1"))));
    let (one, two) = (digest("1"), digest("2"));
    assert_eq!(
        told.warnings,
        [
            format!(
                "`b.example/x:1` serves {two}, and `a.example/x:1` serves {one}: only that is accepted"
            ),
            "`c.example/x:1` could not be asked: network failure".to_owned(),
        ]
    );
}

#[test]
fn an_earlier_source_that_cannot_say_is_not_passed_over_unasked() {
    for class in [Network, Server, Denied, FailureClass::RateLimited, FailureClass::Tls] {
        let told = [Err(class), Ok("1")];
        let refused = verdict(&answers(&told), true, false).digest.unwrap_err();
        assert_eq!(refused.class, class);
        assert!(refused.reason.starts_with("`a.example/x:1` comes before `b.example/x:1`"));
        assert_eq!(
            refused.hints.last().unwrap(),
            "`--allow-partial` locks what `b.example/x:1` serves"
        );
        let partial = verdict(&answers(&told), true, true);
        assert_eq!(partial.digest, Ok(Some(digest("1"))));
        assert_eq!(partial.warnings.len(), 1);
    }
}

#[test]
fn what_no_source_has_is_built_if_it_can_be() {
    let none = answers(&[Err(NotFound), Err(AbsentOrPrivate)]);
    assert_eq!(verdict(&none, true, false).digest, Ok(None));
    let failed = verdict(&none, false, false).digest.unwrap_err();
    assert_eq!(failed.reason, "`a.example/x:1`: not found; `b.example/x:1`: absent or private");
    // One that can't say might have it.
    let open = answers(&[Err(NotFound), Err(Network)]);
    for partial in [false, true] {
        let failed = verdict(&open, true, partial).digest.unwrap_err();
        assert_eq!(failed.class, Network);
        assert_eq!(failed.hints, ["about not found", "about network failure"]);
    }
}
