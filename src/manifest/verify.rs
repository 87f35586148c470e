//! The `verify` table: from the model to [`Verify`].

use crate::manifest::Place;
use crate::manifest::model::{Image, Verify as Written};
use crate::manifest::paths;
use crate::manifest::problems::Problems;
use crate::manifest::reader::At;
use crate::state::desired::Strategy;
use crate::state::verify::Verify;
use crate::words::diagnostic::Diagnostic;

/// Checks what is wanted of the image's signature. `key` is that of the image's table.
pub(super) fn check(
    image: &Image,
    strategy: Option<Strategy>,
    key: &str,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<Verify> {
    let At { value: Written { cosign }, span } = image.verify.as_ref()?;
    if strategy == Some(Strategy::Build) {
        let message = "an image that is only built has no signature to verify";
        let diagnostic = Diagnostic::error(message)
            .key(format!("{key}.verify"))
            .hint("it is for what is pulled: list `registries`, or leave it out");
        problems.push(diagnostic, span.clone());
    }
    let file = cosign.as_ref()?.value.key.as_ref()?;
    let written = &file.value.0;
    let key = format!("{key}.verify.cosign.key");
    let Some(path) = paths::inside(&place.root, &place.dir, written) else {
        let diagnostic = Diagnostic::error("the key lies outside of the repository")
            .key(key)
            .hint("a public key is no secret: commit it, so that everybody checks with the same");
        problems.push(diagnostic, file.span.clone());
        return None;
    };
    let root = paths::normalise(&place.root);
    if path == root || path == paths::normalise(&place.dir) {
        let diagnostic = Diagnostic::error("`key` names a directory").key(key);
        problems.push(diagnostic.hint("name the file in it"), file.span.clone());
        return None;
    }
    Some(Verify { key: path, root, shown: written.clone() })
}
