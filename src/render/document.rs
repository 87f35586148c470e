//! The one document of `--format json`, written on every way out.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::json::{printable, sanitised};
use super::sections::Sections;
use crate::execute::report::ImageReport;
use crate::state::desired::DesiredImage;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// The version of the document's form. It grows when a field changes or goes;
/// new fields may come without.
const SCHEMA: u32 = 1;

/// The one document that a command writes to stdout with `--format json`, on every way out.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "occ-output")]
pub(super) struct Document<'a> {
    /// The version of this form. It grows when a field changes or goes; new fields may come
    /// without.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// The command; empty where the command line could not be read.
    command: &'a str,
    /// What the process ends with.
    exit_code: ExitStatus,
    /// Whether the engine changed.
    changed: bool,
    /// One entry an image, in the manifest's order.
    images: &'a Images,
    #[serde(flatten)]
    sections: &'a Sections,
    /// Every warning and error that was told, in that order. An error that ended the command
    /// is one of them, without a place.
    diagnostics: Vec<Diagnostic>,
}

/// The same with the fields that all documents have at the front, for the eye.
#[derive(Serialize)]
struct Ordered {
    schema: Value,
    command: Value,
    exit_code: Value,
    changed: Value,
    images: Value,
    #[serde(flatten)]
    sections: Map<String, Value>,
    diagnostics: Value,
}

/// What a command has to say about the images.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Images {
    /// What came of each, or what is to be done.
    Reported(Vec<ImageReport>),
    /// What the manifest declares, where nobody looked at the engine.
    Declared(Vec<Declared>),
}

/// One image as the manifest has it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Declared {
    /// Its id in the manifest.
    pub(crate) id: String,
    /// Its local name as the manifest writes it, without the tag.
    pub(crate) name: String,
    /// Its local name in full: `docker.io/library/redis:latest`.
    pub(crate) reference: String,
}

impl Declared {
    /// This one.
    pub(crate) fn of(image: &DesiredImage) -> Self {
        Self {
            id: image.id.clone(),
            name: image.name.name().to_owned(),
            reference: image.name.canonical(),
        }
    }
}

impl Default for Images {
    fn default() -> Self {
        Self::Reported(Vec::new())
    }
}

impl Images {
    /// Whether the engine changed.
    fn changed(&self) -> bool {
        match self {
            Self::Reported(images) => images.iter().any(|image| image.changed),
            Self::Declared(_) => false,
        }
    }
}

/// The document as one line with a line feed.
pub(crate) fn document(
    command: &str,
    exit: ExitStatus,
    images: &Images,
    sections: &Sections,
    diagnostics: &[Diagnostic],
) -> String {
    let diagnostics = diagnostics.iter().map(printable).collect();
    let (schema, exit_code, changed) = (SCHEMA, exit, images.changed());
    let document = Document { schema, command, exit_code, changed, images, sections, diagnostics };
    // Plain data with text for keys has a form in JSON, so there always is a value.
    let value = sanitised(serde_json::to_value(document).unwrap_or_default());
    let Value::Object(mut fields) = value else { return String::new() };
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let ordered = Ordered {
        schema: take("schema"),
        command: take("command"),
        exit_code: take("exit_code"),
        changed: take("changed"),
        images: take("images"),
        diagnostics: take("diagnostics"),
        sections: fields,
    };
    serde_json::to_string(&ordered).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_no_text_takes_nothing_along() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"a\xff.toml");
        let broken = Diagnostic { file: Some(name.into()), ..Diagnostic::error("bad") };
        let text = document(
            "check",
            ExitStatus::Data,
            &Images::default(),
            &Sections::default(),
            &[broken],
        );
        assert!(text.contains("\"file\":\"a\u{fffd}.toml\""), "{text}");
    }

    #[test]
    fn there_is_a_document_also_when_nothing_was_read() {
        let broken = Diagnostic::error("odd\x1b[2J key").key("images.tool.tag").hint("look");
        assert_eq!(
            document("sync", ExitStatus::Data, &Images::default(), &Sections::default(), &[broken]),
            concat!(
                r#"{"schema":1,"command":"sync","exit_code":65,"changed":false,"images":[],"#,
                r#""diagnostics":[{"column":0,"hints":["look"],"key":"images.tool.tag","line":0,"#,
                r#""message":"odd\\x1b[2J key","severity":"error"}]}"#,
                "\n"
            )
        );
    }
}
