//! Paths by their letters alone: nothing here looks at the disk.

use std::path::{Component, Path, PathBuf};

/// `path` without `.`, and without `..` and what it takes back.
pub(crate) fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // Above the root there is only the root.
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// `written`, relative to `base`, if it does not lead out of `root`. `base` and `root`
/// are absolute; so is what comes back, and it is normalised.
///
/// This holds for the letters only: a symbolic link may still lead out, and whoever
/// opens the path has to look at that.
pub(crate) fn inside(root: &Path, base: &Path, written: &str) -> Option<PathBuf> {
    let path = normalise(&base.join(written));
    path.starts_with(normalise(root)).then_some(path)
}

/// The way from the directory `from` to `to`, both absolute and normalised.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_root() {
        let check = |written: &str, want: Option<&str>| {
            let found = inside(Path::new("/repo"), Path::new("/repo/sub"), written);
            assert_eq!(found.as_deref(), want.map(Path::new), "{written}");
        };
        check(".", Some("/repo/sub"));
        check("a/./b//c/", Some("/repo/sub/a/b/c"));
        check("..", Some("/repo"));
        check("../x/../y", Some("/repo/y"));
        check("/repo/z", Some("/repo/z"));
        check("../..", None);
        check("../../repo2", None);
        check("/etc", None);
        check("a/../../../etc", None);
    }

    #[test]
    fn ways_between_directories() {
        let check = |from: &str, to: &str, want: &str| {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(want));
        };
        check("/repo", "/repo/a/b", "a/b");
        check("/repo/a", "/repo/b", "../b");
        check("/repo", "/repo", "");
    }
}
