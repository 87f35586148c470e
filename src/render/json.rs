//! Progress for programs: one JSON object a line.

use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::sink::Sink;
use crate::words::diagnostic::Diagnostic;
use crate::words::event::Event;
use crate::words::text::sanitise;

/// The voice of `--progress json`.
#[derive(Debug)]
pub(crate) struct Json {
    sink: Sink,
}

/// A line of `--progress json`: one thing that happened, or that is to be known.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "occ-event")]
pub(super) struct Line<'a> {
    /// When: RFC 3339 in UTC, with milliseconds.
    ts: String,
    #[serde(flatten)]
    told: Told<'a>,
}

/// What a line tells.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Told<'a> {
    Event(&'a Event),
    Own(Own),
}

/// What is told beside the events of the work.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Own {
    /// A mistake or a warning: what people read as a paragraph.
    Diagnostic(Diagnostic),
    /// A line of text, or one of the log with its level, its `message`, and further fields.
    Log {
        /// A line that people would see.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<String>,
        /// `error`, `warn`, `info`, `debug` or `trace`.
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<String>,
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
}

/// The same with the fields that all events have at the front, for the eye.
#[derive(Serialize)]
struct Ordered {
    ts: Value,
    event: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Json {
    /// Writes to `sink`.
    pub(crate) fn new(sink: Sink) -> Self {
        Self { sink }
    }

    /// Writes the event with its moment.
    pub(crate) fn event(&self, event: &Event) {
        self.write(Told::Event(event));
    }

    /// Writes a line of text as an event `log`, so that every line stays an object.
    pub(crate) fn println(&self, line: &str) {
        let line = Some(line.to_owned());
        self.write(Told::Own(Own::Log { line, level: None, fields: Map::new() }));
    }

    fn write(&self, told: Told<'_>) {
        if let Some(line) = line(told, SystemTime::now()) {
            self.sink.line(&line);
        }
    }
}

/// A diagnostic as an event, with its line feed: what people read as a paragraph.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) -> String {
    own(Own::Diagnostic(printable(diagnostic)))
}

/// A line of the log as an event `log`, with its line feed. `fields` has the `message`.
pub(crate) fn log(level: &str, fields: Map<String, Value>) -> String {
    own(Own::Log { line: None, level: Some(level.to_owned()), fields })
}

fn own(told: Own) -> String {
    line(Told::Own(told), SystemTime::now()).map_or(String::new(), |line| line + "\n")
}

fn line(told: Told<'_>, now: SystemTime) -> Option<String> {
    let value = serde_json::to_value(Line { ts: timestamp(now), told }).ok()?;
    let Value::Object(mut rest) = sanitised(value) else { return None };
    let (ts, event) = (rest.remove("ts")?, rest.remove("event")?);
    let image = rest.remove("image");
    serde_json::to_string(&Ordered { ts, event, image, rest }).ok()
}

/// The value with every string in it made safe to show.
pub(crate) fn sanitised(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitise(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(sanitised).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (sanitise(&key).into_owned(), sanitised(value)))
            .collect(),
        other => other,
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-07-28T09:15:00.042Z`.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

/// The Gregorian date so many days after 1 January 1970: years are taken off,
/// then months. A loop over years is plenty fast and can be read.
fn date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// JSON is text, and a file's name need not be: it would take all others with it.
pub(super) fn printable(diagnostic: &Diagnostic) -> Diagnostic {
    let file = diagnostic.file.as_ref().map(|file| file.to_string_lossy().into_owned().into());
    Diagnostic { file, ..diagnostic.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::render::sink::Memory;

    #[test]
    fn moments_are_rfc_3339() {
        let check = |seconds, millis, want: &str| {
            let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis);
            assert_eq!(timestamp(time), want);
        };
        check(0, 0, "1970-01-01T00:00:00.000Z");
        check(951_782_400, 7, "2000-02-29T00:00:00.007Z");
        check(951_868_799, 999, "2000-02-29T23:59:59.999Z");
        check(1_735_689_599, 0, "2024-12-31T23:59:59.000Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn every_line_is_one_clean_object() {
        let printed = "a\x1b[31m\nb\u{202e}".to_owned();
        let event = Event::BuildLog { image: "tool".into(), number: 1, line: printed };
        let line = line(Told::Event(&event), UNIX_EPOCH).unwrap();
        assert_eq!(
            line,
            r#"{"ts":"1970-01-01T00:00:00.000Z","event":"build_log","image":"tool","line":"a\\x1b[31m\nb\\u{202e}","number":1}"#
        );
    }

    #[test]
    fn a_diagnostic_is_an_event() {
        let line = diagnostic(&Diagnostic::warning("odd\x07").hint("look"));
        let value: Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(
            (&value["event"], &value["severity"]),
            (&"diagnostic".into(), &"warning".into())
        );
        assert_eq!((&value["message"], &value["hints"][0]), (&"odd\\x07".into(), &"look".into()));
    }

    #[test]
    fn other_lines_are_objects_too() {
        let memory = Memory::default();
        let json = Json::new(memory.sink());
        json.println("two\nlines");
        json.event(&Event::Note { image: None, message: "x".into() });
        let out = memory.take();
        let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["event"], &lines[0]["line"]), (&"log".into(), &"two\nlines".into()));
        assert_eq!(lines[1]["event"], "note");
    }
}
