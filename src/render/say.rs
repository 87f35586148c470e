//! The words for events, the same on a terminal and in a log.

use super::fit::clean;
use super::look::Tone;
use crate::words::event::Event;
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// What a warning begins with.
pub(crate) const WARNING: &str = "warning:";

/// The source that stands for building the image instead of pulling it.
const BUILD: &str = "build";

/// What an event says for itself, as one clean line without the image's id; for
/// the others what they mean depends on who shows it.
pub(crate) fn say(event: &Event) -> Option<(Tone, String)> {
    let said = match event {
        Event::SourceFailed { source, class, message, next, .. } => {
            (Tone::Dim, source_failed(source, *class, message, next.as_deref()))
        }
        Event::Overtaken { silent, by, .. } => {
            let (silent, by) = places(silent, by);
            (Tone::Dim, format!("{silent}: no answer yet, trying {by} beside it"))
        }
        Event::Waiting { round, of, millis, .. } => {
            let wait = seconds(*millis);
            (Tone::Dim, format!("all sources failed, round {round} of {of} in {wait}"))
        }
        Event::Note { message, .. } => (Tone::Dim, message.clone()),
        Event::Warning { message, .. } => (Tone::Warn, format!("{WARNING} {message}")),
        _ => return None,
    };
    Some((said.0, clean(&said.1)))
}

fn source_failed(source: &str, class: FailureClass, message: &str, next: Option<&str>) -> String {
    // A class that says nothing leaves the word to the engine; all the others are
    // told in full by the report, and only if the image fails in the end.
    let why = match class {
        FailureClass::Unknown => format!("{}: {message}", class.words()),
        class => class.words().to_owned(),
    };
    match next {
        None => format!("{}: {why}", place(source)),
        Some(BUILD) => format!("{}: {why}, building it instead", place(source)),
        Some(next) => {
            let (source, next) = places(source, next);
            format!("{source}: {why}, trying {next}")
        }
    }
}

/// A source in few words: its registry's host.
pub(crate) fn place(source: &str) -> String {
    match source.parse::<Reference>() {
        _ if source == BUILD => source.to_owned(),
        Ok(reference) => reference.repository.registry,
        Err(_) => source.to_owned(),
    }
}

/// Two sources in few words, or in full where the few words are the same.
fn places(one: &str, other: &str) -> (String, String) {
    let (a, b) = (place(one), place(other));
    if a == b { (one.to_owned(), other.to_owned()) } else { (a, b) }
}

/// A measured time from whole milliseconds.
pub(crate) fn seconds(millis: u64) -> String {
    crate::words::text::elapsed(std::time::Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_on_the_way_is_one_quiet_line() {
        let failed = |class, next: Option<&str>| {
            let event = Event::SourceFailed {
                image: "tool".into(),
                source: "ghcr.io/acme/tool:1".into(),
                class,
                code: class.code(),
                message: "odd\x1b[2J\nthing".into(),
                next: next.map(Into::into),
            };
            say(&event).unwrap().1
        };
        let check = |class, next, want: &str| assert_eq!(failed(class, next), want);
        check(
            FailureClass::NotFound,
            Some("docker.io/acme/tool:1"),
            "ghcr.io: not found, trying docker.io",
        );
        check(
            FailureClass::NotFound,
            Some("ghcr.io/mirror/tool:1"),
            "ghcr.io/acme/tool:1: not found, trying ghcr.io/mirror/tool:1",
        );
        check(FailureClass::Denied, Some("build"), "ghcr.io: denied, building it instead");
        check(FailureClass::Unknown, None, "ghcr.io: failed: odd\\x1b[2J thing");
    }

    #[test]
    fn waits_and_overtaking_are_said() {
        let image = || "tool".to_owned();
        let said = |event| say(&event).unwrap();
        assert_eq!(
            said(Event::Waiting { image: image(), round: 2, of: 3, millis: 1040 }).1,
            "all sources failed, round 2 of 3 in 1.0s"
        );
        let (silent, by) = ("ghcr.io/a:1".into(), "docker.io/b/a:1".into());
        assert_eq!(
            said(Event::Overtaken { image: image(), silent, by }).1,
            "ghcr.io: no answer yet, trying docker.io beside it"
        );
        let warning = Event::Warning { image: None, message: "tcp without TLS".into() };
        assert_eq!(said(warning), (Tone::Warn, "warning: tcp without TLS".into()));
    }
}
