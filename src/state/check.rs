//! What `occ doctor` looked at, and what it makes of it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::code::Code;
use crate::words::engine::{Disk, EngineFacts, Store};
use crate::words::exit::ExitStatus;
use crate::words::text::{bytes, list};

/// Less than this is not much for a pull or a build.
const LITTLE: u64 = 2_000_000_000;

/// Less than this is too little for anything.
const NOTHING: u64 = 16_000_000;

/// One thing that a sync depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// What was looked at: `engine`, `lock`, `registry`.
    pub(crate) name: &'static str,
    /// Which one, where there are several: a registry's host, an image's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
    /// Whether it stands in the way of a sync.
    pub(crate) state: State,
    /// What was found.
    pub(crate) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What `occ explain` knows it by, where it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    /// Its share in the exit code.
    #[serde(skip)]
    pub(crate) exit: ExitStatus,
}

/// Whether something stands in the way of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It does not.
    Ok,
    /// It may, or it makes a sync slower or other than one would think.
    Warn,
    /// It does.
    Fail,
}

impl State {
    /// Its word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    fn new(name: &'static str, state: State, text: impl Into<String>) -> Self {
        let (text, exit) = (text.into(), ExitStatus::Success);
        Self { name, about: None, state, text, hint: None, code: None, exit }
    }

    /// Nothing is in the way.
    pub(crate) fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, State::Ok, text)
    }

    /// Something may be.
    pub(crate) fn warn(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, State::Warn, text)
    }

    /// Something is, and this is what a sync would end with.
    pub(crate) fn fail(
        name: &'static str,
        text: impl Into<String>,
        code: Code,
        exit: ExitStatus,
    ) -> Self {
        Self { code: Some(code), exit, ..Self::new(name, State::Fail, text) }
    }

    /// The same about one of several.
    pub(crate) fn about(self, which: impl Into<String>) -> Self {
        Self { about: Some(which.into()), ..self }
    }

    /// The same with what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with what to do about it, where something can be said.
    pub(crate) fn hinted(self, hint: Option<String>) -> Self {
        Self { hint: self.hint.or(hint), ..self }
    }
}

/// What an engine tells of itself.
pub(crate) fn engine(facts: &EngineFacts) -> Vec<Check> {
    let EngineFacts { name, version, platform, api: (newest, oldest), .. } = facts;
    let store = match &facts.store {
        Store::GraphDriver(driver) => format!("Docker's graph driver `{driver}`"),
        Store::Containerd(snapshotter) => format!("containerd, with `{snapshotter}`"),
        Store::Other(driver) => format!("the engine's own, with `{driver}`"),
    };
    let rootless = if facts.rootless { "it runs without root" } else { "it runs as root" };
    let mut checks = vec![
        Check::ok("engine", format!("{name} {version}, for {platform}")),
        Check::ok("api", format!("{newest}, and {oldest} at the oldest")),
        Check::ok("store", store),
        Check::ok("rootless", rootless),
        disk(facts.disk.as_ref()),
        proxy(facts),
    ];
    if !facts.mirrors.is_empty() {
        let mirrors = list(&facts.mirrors, "and");
        checks.push(Check::ok("mirror", format!("{mirrors} before docker.io")));
    }
    checks
}

fn disk(disk: Option<&Disk>) -> Check {
    let Some(Disk { dir, free, total }) = disk else {
        return Check::ok("disk", "not known: the engine's is not on this machine");
    };
    let text = format!("{} free of {}, at `{dir}`", bytes(*free), bytes(*total));
    let hint = "`docker system df` tells what takes room, `docker system prune` frees some";
    match *free {
        free if free < NOTHING => {
            Check::fail("disk", text, Code::DiskFull, ExitStatus::Engine).hint(hint)
        }
        free if free < LITTLE => Check::warn("disk", text).hint(hint),
        _ => Check::ok("disk", text),
    }
}

fn proxy(facts: &EngineFacts) -> Check {
    if facts.proxies.is_empty() {
        return Check::ok("proxy", "none: the engine asks registries itself");
    }
    let all: Vec<String> =
        facts.proxies.iter().map(|(kind, address)| format!("{kind} {address}")).collect();
    Check::ok("proxy", all.join(", "))
}

/// The exit code of all of it: the worst.
pub(crate) fn exit(checks: &[Check]) -> ExitStatus {
    ExitStatus::worst(checks.iter().map(|check| check.exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> EngineFacts {
        EngineFacts {
            name: "Docker".into(),
            version: "28.2.2".into(),
            api: ("1.50".into(), "1.24".into()),
            platform: "linux/amd64".into(),
            store: Store::GraphDriver("overlay2".into()),
            rootless: false,
            proxies: Vec::new(),
            mirrors: Vec::new(),
            disk: None,
        }
    }

    #[test]
    fn an_engine_in_good_health_stands_in_nobodys_way() {
        let checks = engine(&facts());
        assert!(checks.iter().all(|check| check.state == State::Ok));
        assert_eq!(exit(&checks), ExitStatus::Success);
        let texts: Vec<String> =
            checks.iter().map(|check| format!("{}: {}", check.name, check.text)).collect();
        assert_eq!(texts[0], "engine: Docker 28.2.2, for linux/amd64");
        assert_eq!(texts[1], "api: 1.50, and 1.24 at the oldest");
        assert_eq!(texts[2], "store: Docker's graph driver `overlay2`");
    }

    #[test]
    fn a_disk_is_fine_then_short_then_full() {
        let check = |free: u64| {
            let found = Disk { dir: "/d".into(), free, total: 100_000_000_000 };
            let check = disk(Some(&found));
            (check.state, check.exit, check.hint.is_some())
        };
        assert_eq!(check(LITTLE), (State::Ok, ExitStatus::Success, false));
        assert_eq!(check(LITTLE - 1), (State::Warn, ExitStatus::Success, true));
        assert_eq!(check(NOTHING), (State::Warn, ExitStatus::Success, true));
        assert_eq!(check(NOTHING - 1), (State::Fail, ExitStatus::Engine, true));
        let found = Disk { dir: "/d".into(), free: 2_100_000_000, total: 100_000_000_000 };
        assert_eq!(disk(Some(&found)).text, "2.1 GB free of 100.0 GB, at `/d`");
        assert_eq!(disk(None).state, State::Ok);
    }

    #[test]
    fn proxies_and_mirrors_are_told() {
        let proxies = vec![("https", "http://***@p:1".to_owned()), ("not for", "a,b".to_owned())];
        let facts = EngineFacts { proxies, mirrors: vec!["https://m/".into()], ..facts() };
        let checks = engine(&facts);
        let text = |name: &str| &checks.iter().find(|check| check.name == name).unwrap().text;
        assert_eq!(text("proxy"), "https http://***@p:1, not for a,b");
        assert_eq!(text("mirror"), "https://m/ before docker.io");
    }
}
