//! The one document of `--format json`, written on every way out.

use serde::Serialize;
use serde_json::{Map, Value};

use super::json::{printable, sanitised};
use crate::execute::report::ImageReport;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// The version of the document's form. It grows when a field changes or goes;
/// new fields may come without.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema: u32,
    command: Value,
    exit_code: u8,
    changed: bool,
    images: Value,
    #[serde(flatten)]
    section: Map<String, Value>,
    diagnostics: Value,
}

/// Something that the manifest asks for, or that is allowed although it does not.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Granted {
    /// As `--allow` takes it: `env=CHANNEL`.
    pub(crate) grant: String,
    /// Whether it is allowed.
    pub(crate) allowed: bool,
    /// The manifest's line that asks for it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// Dotted path of the key that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// What a command has to say about the images.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Images {
    /// What came of each, or what is to be done.
    Reported(Vec<ImageReport>),
    /// What the manifest declares, where nobody looked at the engine.
    Declared(Vec<Declared>),
}

/// One image as the manifest has it.
#[derive(Debug, Serialize)]
pub(crate) struct Declared {
    /// Its id in the manifest.
    pub(crate) id: String,
    /// Its local name as the manifest writes it, without the tag.
    pub(crate) name: String,
    /// Its local name in full: `docker.io/library/redis:latest`.
    pub(crate) reference: String,
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

/// The document as one line with a line feed. An error that ended the command is
/// one of the `diagnostics`, without a place.
pub(crate) fn document(
    command: &str,
    exit: ExitStatus,
    images: &Images,
    section: Option<(&str, Value)>,
    diagnostics: &[Diagnostic],
) -> String {
    let diagnostics: Vec<Diagnostic> = diagnostics.iter().map(printable).collect();
    let document = Document {
        schema: SCHEMA,
        command: sanitised(command.into()),
        exit_code: exit.code(),
        changed: images.changed(),
        images: plain_data(images),
        section: section
            .map(|(name, part)| (name.to_owned(), sanitised(part)))
            .into_iter()
            .collect(),
        diagnostics: plain_data(&diagnostics),
    };
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}

/// Plain data with text for keys has a form in JSON, so there always is a value.
fn plain_data(data: &impl Serialize) -> Value {
    sanitised(serde_json::to_value(data).unwrap_or_default())
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
        let text = document("check", ExitStatus::Data, &Images::default(), None, &[broken]);
        assert!(text.contains("\"file\":\"a\u{fffd}.toml\""), "{text}");
    }

    #[test]
    fn there_is_a_document_also_when_nothing_was_read() {
        let broken = Diagnostic::error("odd\x1b[2J key").key("images.tool.tag").hint("look");
        assert_eq!(
            document("sync", ExitStatus::Data, &Images::default(), None, &[broken]),
            concat!(
                r#"{"schema":1,"command":"sync","exit_code":65,"changed":false,"images":[],"#,
                r#""diagnostics":[{"column":0,"hints":["look"],"key":"images.tool.tag","line":0,"#,
                r#""message":"odd\\x1b[2J key","severity":"error"}]}"#,
                "\n"
            )
        );
    }
}
