//! What a source serves, for engines that can't ask without pulling.

use std::collections::BTreeSet;

use futures_util::stream::StreamExt;
use tokio::time::timeout_at;

use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::watch::Watch;
use crate::engine::{Engine, PullRequest};
use crate::lock::fresh::Wanted;
use crate::observe::registries::failure;
use crate::observe::{inspect, once_more};
use crate::resolve::Resolver;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;
use crate::words::image::ImageFacts;
use crate::words::reference::Reference;
use crate::words::text::list;

/// Pulls a source by its tag, and tells by which digest the engine knows it then. A name
/// that had another meaning gets that back.
pub(super) async fn ask<E: Engine>(
    resolver: &Resolver<'_, E>,
    wanted: &Wanted,
    source: &Reference,
) -> Result<Result<Digest, Obstacle>, EngineError> {
    let name = source.canonical();
    let before = inspect(resolver.engine, &name).await?;
    match pull(resolver, wanted, source).await {
        Ok(()) => {}
        Err(error) if error.class.stops_run() => return Err(error),
        Err(error) => return Ok(Err(failure(error))),
    }
    let after = inspect(resolver.engine, &name).await?;
    if let (Some(before), Some(after)) = (&before, &after)
        && before.id != after.id
    {
        once_more(async || resolver.engine.tag(&before.id, source).await).await?;
    }
    let known = |facts: Option<ImageFacts>| digests(facts, source);
    Ok(told(&known(before), &known(after)).map_err(|several| unclear(&several)))
}

/// The digests that an engine lists for the repository of a source.
fn digests(facts: Option<ImageFacts>, source: &Reference) -> BTreeSet<Digest> {
    let all = facts.into_iter().flat_map(|facts| facts.repo_digests);
    all.filter(|(it, _)| *it == source.repository).map(|(_, digest)| digest).collect()
}

/// The digest that a pull by tag has told of: the only one, or the only new one. Podman lists
/// the index and the manifest below it, in no order that tells them apart, and whatever else
/// led to the same image. The error is all of them.
fn told(before: &BTreeSet<Digest>, after: &BTreeSet<Digest>) -> Result<Digest, Vec<Digest>> {
    let only = |mut these: Vec<&Digest>| these.pop().filter(|_| these.is_empty()).cloned();
    only(after.iter().collect())
        .or_else(|| only(after.difference(before).collect()))
        .ok_or_else(|| after.iter().cloned().collect())
}

/// That a pull has not told the digest.
fn unclear(several: &[Digest]) -> Obstacle {
    if several.is_empty() {
        return Obstacle {
            reason: "the engine pulled it, and knows no digest of it".to_owned(),
            class: FailureClass::CutShort,
            code: Code::CutShort,
            hints: Vec::new(),
        };
    }
    let several: Vec<String> = several.iter().map(Digest::short).collect();
    let which = list(&several, "and");
    Obstacle {
        reason: format!(
            "this engine can't ask registries, and which of {which} the tag stands for is not clear"
        ),
        class: FailureClass::Unknown,
        code: Code::NotLockable,
        hints: vec![
            "run `occ lock` where the engine is Docker: the lock is good for this one, too"
                .to_owned(),
            "or write the `digest` that is meant into the manifest".to_owned(),
        ],
    }
}

async fn pull<E: Engine>(
    resolver: &Resolver<'_, E>,
    wanted: &Wanted,
    source: &Reference,
) -> Result<(), EngineError> {
    let name = source.canonical();
    let credentials = resolver.registries.credentials(source).await;
    let mut watch = Watch::new(resolver.stall);
    let request = PullRequest { reference: source.clone(), platform: None, credentials };
    let mut pull = resolver.engine.pull(request);
    loop {
        match timeout_at(watch.deadline(), pull.next()).await {
            Ok(Some(told)) => watch.see(resolver.registries.progress, &wanted.id, told?),
            Ok(None) => return Ok(()),
            Err(_) => {
                if let Some(error) = watch.stalled(&name) {
                    return Err(EngineError { kind: EngineErrorKind::Pull, ..error });
                }
                inspect(resolver.engine, &name).await?;
                watch.pulse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(digits: &str) -> BTreeSet<Digest> {
        let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
        digits.chars().map(|digit| digest(digit).parse().unwrap()).collect()
    }

    #[test]
    fn one_digest_is_told_and_several_are_not_guessed_at() {
        let check = |before: &str, after: &str, want: Option<&str>| {
            let found = told(&set(before), &set(after)).ok();
            assert_eq!(found, want.and_then(|it| set(it).pop_first()), "{before} {after}");
        };
        check("", "a", Some("a"));
        check("a", "a", Some("a"));
        // The index moved, and the manifest for this platform did not.
        check("ac", "abc", Some("b"));
        check("c", "ac", Some("a"));
        check("", "ac", None);
        check("ac", "ac", None);
        check("", "", None);
        assert!(unclear(&[]).reason.contains("no digest"));
    }
}
