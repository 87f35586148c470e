//! What the classic builder needs beside a context with an ignore file of its own.
//!
//! That builder knows `.dockerignore` alone, and takes nothing more from it than whether
//! to hide the Dockerfile and that file itself from `COPY`. A Dockerfile's own ignore file
//! has taken its place, so what it says about these two is said to the builder there. Podman's
//! builder takes all that it says, so it must say nothing about other files.

use std::io::{self, Read};
use std::path::Path;

use crate::context::ignorefile::{self, NAME};
use crate::context::root::Root;
use crate::context::{ContextError, Kind, Tree};
use crate::ignore;

/// Puts a Dockerfile from elsewhere in the repository `root` into the tree, under a name
/// that nothing in it has. Both paths are real.
///
/// The builder hides it from `COPY`, and `.dockerignore` with it: that one says so, and is
/// not the user's any more.
pub(crate) fn bring(tree: &mut Tree, dockerfile: &Path, root: &Path) -> io::Result<()> {
    let text = text(dockerfile, root)?;
    let mut name = ".occ.Dockerfile".to_owned();
    while tree.entries.iter().any(|entry| entry.path == Path::new(&name)) {
        name.push('_');
    }
    tree.overlay.insert(name.clone().into(), Some(Kind::memory(text.into())));
    tree.overlay.insert(NAME.into(), Some(Kind::memory(hiding(&name).into())));
    tree.dockerfile = name;
    tree.is_brought = true;
    Ok(())
}

/// The bytes of a Dockerfile in the repository `root`. Both paths are real.
pub(crate) fn text(dockerfile: &Path, root: &Path) -> io::Result<Vec<u8>> {
    // As below a context: it may have been swapped for a link or a pipe since.
    let path = dockerfile.strip_prefix(root).map_err(io::Error::other)?;
    let mut file = Root::open(root)?.file(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// Makes the builder hide the Dockerfile of the tree at `dir` from `COPY`, or not.
pub(crate) fn prepare(tree: &mut Tree, hides: bool, dir: &Path) -> Result<(), ContextError> {
    let at = tree.entries.iter().position(|entry| entry.path == Path::new(NAME));
    let text = match at {
        Some(at) if matches!(tree.entries[at].kind, Kind::File { .. }) => {
            ignorefile::read(&dir.join(NAME), dir)?
        }
        _ => None,
    };
    let wanted = wanted(text.as_deref(), &tree.dockerfile, hides);
    if text.is_some() && wanted == text {
        return Ok(());
    }
    if at.is_some() || wanted.is_some() {
        tree.overlay.insert(NAME.into(), wanted.map(|text| Kind::memory(text.into())));
    }
    Ok(())
}

/// The `.dockerignore` that makes the builder hide the Dockerfile or not, and itself only
/// if `text`, what is there, is nothing.
fn wanted(text: Option<&[u8]>, dockerfile: &str, hides: bool) -> Option<Vec<u8>> {
    let Some(text) = text else { return hides.then(|| hiding(dockerfile)) };
    // The builder hides nothing when it can't read the patterns.
    let told = ignore::parse(text);
    let ignores = |path: &str| told.as_ref().is_ok_and(|told| told.ignores(path.as_bytes()));
    if ignores(dockerfile) == hides && !ignores(NAME) {
        return Some(text.to_owned());
    }
    if told.is_err() {
        return Some(hiding(dockerfile));
    }
    let (sign, name) = (if hides { "" } else { "!" }, pattern(dockerfile));
    Some([text, format!("\n{sign}{name}\n!{NAME}\n").as_bytes()].concat())
}

/// The ignore file that hides the Dockerfile and itself from `COPY`.
fn hiding(dockerfile: &str) -> Vec<u8> {
    format!("{}\n{NAME}\n", pattern(dockerfile)).into_bytes()
}

/// A path as a pattern: with a wildcard for whatever might mean something, the blanks included.
fn pattern(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    path.chars().map(|c| if plain(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: Option<&str>, dockerfile: &str, hides: bool, want: Option<&str>) {
        let wanted = wanted(text.map(str::as_bytes), dockerfile, hides);
        let wanted = wanted.map(|text| String::from_utf8(text).unwrap());
        assert_eq!(wanted.as_deref(), want, "{text:?}");
        // The builder takes from it what it should.
        let told = ignore::parse(wanted.unwrap_or_default().as_bytes());
        let ignores = |path: &str| told.as_ref().is_ok_and(|told| told.ignores(path.as_bytes()));
        assert_eq!(ignores(dockerfile), hides);
        let hidden = want.is_some_and(|want| want.ends_with("e\n.dockerignore\n"));
        assert_eq!(ignores(NAME), hidden);
        // And Podman's builder nothing more.
        assert!(text.is_some() || !ignores("src") && !ignores("d/other"));
    }

    #[test]
    fn the_builder_is_told_what_to_hide() {
        check(None, "Dockerfile", false, None);
        check(None, "Dockerfile", true, Some("Dockerfile\n.dockerignore\n"));
        check(None, "d/My file", true, Some("d/My?file\n.dockerignore\n"));
        check(Some("a\n"), "Dockerfile", false, Some("a\n"));
        check(Some("Docker*"), "Dockerfile", true, Some("Docker*"));
        check(Some("a"), "d/My file", true, Some("a\nd/My?file\n!.dockerignore\n"));
        check(Some("*\n"), "Dockerfile", false, Some("*\n\n!Dockerfile\n!.dockerignore\n"));
        check(Some(".d*"), "Dockerfile", false, Some(".d*\n!Dockerfile\n!.dockerignore\n"));
        check(Some("[\n"), "Dockerfile", false, Some("[\n"));
        check(Some("[\n"), "Dockerfile", true, Some("Dockerfile\n.dockerignore\n"));
    }
}
