//! A Dockerfile: one image, named after its folder, and built.

use std::path::Path;

use crate::context::dockerfile::stage_names;
use crate::import::yaml::At;
use crate::import::{Build, Draft, From, Imported, id};
use crate::manifest::paths::relative;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::reference::Reference;

/// Reads a Dockerfile.
pub(crate) fn read(text: &str, from: From<'_>) -> Result<Imported, Box<Diagnostic>> {
    let Some(stages) = stage_names(text) else {
        let what = format!("`{}` is no Dockerfile: no `FROM` is in it", from.file.display());
        return Err(Box::new(Diagnostic::error(what).code(Code::Import)));
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let id = name(from.folder).and_then(|name| id(&name)).unwrap_or_else(|| "image".to_owned());
    // An id may have letters in a row that a name may not.
    let reference = id.parse::<Reference>().or_else(|_| "image".parse());
    let unnamed = |_| Box::new(Diagnostic::error("the folder has no name").code(Code::Import));
    let file = name(from.file).filter(|name| name != "Dockerfile");
    let build = Build {
        context: relative(from.manifest, from.folder).to_string_lossy().into_owned(),
        dockerfile: file,
        stages,
        ..Build::default()
    };
    let draft = Draft {
        id,
        services: Vec::new(),
        at: At { line: 1, column: 1, span: 0..0 },
        reference: reference.map_err(unnamed)?,
        is_pulled: false,
        tags: Vec::new(),
        strategy: None,
        pull_policy: None,
        platform: None,
        build: Some(build),
        notes: Vec::new(),
    };
    Ok(Imported { file: from.file.to_owned(), images: vec![draft], notes: Vec::new() })
}
