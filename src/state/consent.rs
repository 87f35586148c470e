//! What of a manifest needs consent, and what of that has none.
//!
//! A manifest comes with a repository that somebody cloned. What it wants of this machine
//! beyond its own directory, it says where the user can see it, and gets it only from
//! what the user says: never from a file of the repository.

use std::collections::BTreeSet;

use crate::state::desired::{Desired, DesiredImage, Strategy};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::grant::{Ask, Grant};

/// How far a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It looks, and changes nothing. That takes the variables of build arguments, which
    /// are inputs, and no secret.
    Look,
    /// It may build. Whether it has to is known only when the engine was asked, and that
    /// is too late for a question: so whatever a build could do needs consent.
    Build,
}

/// The places in `desired.images` of those that a run may look at as something to build:
/// the chosen ones, by `strategy` if that stands instead of their own, and with them any
/// other, because a chosen one may be built on it. Which ones really are is known from
/// their Dockerfiles, and what a `FROM` names may depend on the very variables that nobody
/// has consented to yet. Where nothing chosen is built, nothing comes along.
pub(crate) fn may_be_built(
    desired: &Desired,
    chosen: &[usize],
    strategy: Option<Strategy>,
) -> Vec<usize> {
    let builds = |image: &DesiredImage, strategy: Option<Strategy>| {
        image.build.is_some() && strategy.unwrap_or(image.strategy) != Strategy::Pull
    };
    let is_chosen = |i: &usize| chosen.contains(i);
    let images = || desired.images.iter().enumerate();
    if !images().any(|(i, image)| is_chosen(&i) && builds(image, strategy)) {
        return Vec::new();
    }
    let found = images().filter(|(i, image)| builds(image, strategy.filter(|_| is_chosen(i))));
    found.map(|(i, _)| i).collect()
}

/// What these images ask for, as far as a command of that reach needs it: in the
/// manifest's order, and each grant once, at the first place that asks for it.
pub(crate) fn asks<'d>(
    images: impl IntoIterator<Item = &'d DesiredImage>,
    reach: Reach,
) -> Vec<&'d Ask> {
    let mut known = BTreeSet::new();
    let builds = images.into_iter().filter_map(|image| image.build.as_ref());
    let needed = builds.flat_map(|build| &build.asks).filter(|ask| match ask.grant {
        Grant::Env(_) => true,
        Grant::SecretEnv(_) | Grant::SecretFile(_) | Grant::Ssh | Grant::HostNetwork => {
            reach == Reach::Build
        }
    });
    needed.filter(|ask| known.insert(&ask.grant)).collect()
}

/// What of it nobody allowed.
pub(crate) fn missing<'d>(asks: &[&'d Ask], given: &BTreeSet<Grant>) -> Vec<&'d Ask> {
    asks.iter().copied().filter(|ask| !given.contains(&ask.grant)).collect()
}

/// The grants as `--allow` takes them.
pub(crate) fn flag(asks: &[&Ask]) -> String {
    asks.iter().map(|ask| ask.grant.to_string()).collect::<Vec<_>>().join(",")
}

/// One error for each missing grant, at its place; the last one with the `hint` for all.
pub(crate) fn refusal(missing: &[&Ask], hint: &str) -> Vec<Diagnostic> {
    let refused = |ask: &&Ask| Diagnostic {
        code: Some(Code::Consent),
        message: format!("the manifest wants to {}, and nobody allowed it", ask.grant.words()),
        ..ask.at.clone()
    };
    let mut errors: Vec<Diagnostic> = missing.iter().map(refused).collect();
    if let Some(last) = errors.last_mut() {
        last.hints.push(hint.to_owned());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Place, parse};

    /// Two images that are built and want something, and one that is only pulled.
    fn desired() -> Desired {
        let image = |id: &str, rest: &str| format!("[images.{id}]\nname = \"{id}\"\n{rest}\n");
        let text = "version = 1\n".to_owned()
            + &image("a", "build = { args = { X = \"${env:B}${env:A}\" }, network = \"host\" }")
            + &image("b", "build = { args = { Y = \"${env:A:-1}\", Z = \"${env:C}\" } }")
            + &image("db", "registries = [\"r.example\"]");
        let place = Place { file: "opencode.toml".into(), dir: "/r".into(), root: "/r".into() };
        parse(text.as_bytes(), &place).desired.unwrap()
    }

    fn wanted(chosen: &[usize], strategy: Option<Strategy>, reach: Reach) -> String {
        let desired = desired();
        let images = may_be_built(&desired, chosen, strategy);
        flag(&asks(images.iter().map(|i| &desired.images[*i]), reach))
    }

    #[test]
    fn what_may_be_built_is_what_asks() {
        let all = "env=B,env=A,network=host,env=C";
        for chosen in [&[0, 1, 2][..], &[0], &[1]] {
            assert_eq!(wanted(chosen, None, Reach::Build), all, "{chosen:?}");
        }
        assert_eq!(wanted(&[0], None, Reach::Look), "env=B,env=A,env=C");
        assert_eq!(wanted(&[2], None, Reach::Build), "");
        assert_eq!(wanted(&[0, 1, 2], Some(Strategy::Pull), Reach::Build), "");
    }

    #[test]
    fn what_was_given_is_not_missing_and_more_does_no_harm() {
        let desired = desired();
        let asks = asks(&desired.images, Reach::Build);
        let left = |given: &[&str]| {
            let given = given.iter().map(|grant| grant.parse().unwrap()).collect();
            flag(&missing(&asks, &given))
        };
        assert_eq!(left(&[]), "env=B,env=A,network=host,env=C");
        assert_eq!(left(&["env=A", "env=OTHER"]), "env=B,network=host,env=C");
        assert_eq!(left(&["env=A", "env=B", "env=C", "network=host"]), "");
    }

    #[test]
    fn a_refusal_has_every_place_and_one_hint() {
        let desired = desired();
        let errors = refusal(&asks(&desired.images, Reach::Build), "do this");
        let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
        assert_eq!(places, [(4, 24), (4, 24), (4, 56), (7, 43)]);
        let hints: Vec<_> = errors.iter().map(|error| error.hints.len()).collect();
        assert_eq!(hints, [0, 0, 0, 1]);
    }
}
