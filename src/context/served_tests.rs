use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::context::walk::{How, Place, walk};

/// A context with these files; each holds its own name.
fn context(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, file).unwrap();
    }
    dir
}

fn read(dir: &Path, dockerfile: &str) -> Tree {
    let place = Place { dir, dockerfile: Path::new(dockerfile), root: dir };
    walk(place, How::Hashed(&Cache::default(), false)).unwrap()
}

fn serve(tree: Tree) -> ServedTree {
    ServedTree::new(tree, &Cache::default(), ("app:1", None)).unwrap().0
}

fn entries(served: &ServedTree) -> Vec<FileEntry<'_>> {
    (0..served.len()).map(|at| served.entry(at)).collect()
}

fn paths(served: &ServedTree) -> Vec<&str> {
    entries(served).into_iter().map(|entry| entry.path).collect()
}

/// All bytes of a file.
fn text(served: &ServedTree, path: &str) -> io::Result<String> {
    let at = paths(served).iter().position(|known| *known == path).unwrap();
    let mut text = String::new();
    served.open(at)?.read_to_string(&mut text)?;
    Ok(text)
}

fn ignored(served: &ServedTree) -> Vec<&str> {
    let all = (0..served.len()).filter(|at| served.is_ignored(*at));
    all.map(|at| served.entry(at).path).collect()
}

#[test]
fn what_is_in_a_directory_follows_it_whatever_its_neighbours_are_called() {
    let dir = context(&["Dockerfile", "a/x", "a/b/c", "a.txt", "a-b", "a b/x", "a0", "\u{e9}/x"]);
    let served = serve(read(dir.path(), "Dockerfile"));
    let want = [
        "Dockerfile",
        "a",
        "a/b",
        "a/b/c",
        "a/x",
        "a b",
        "a b/x",
        "a-b",
        "a.txt",
        "a0",
        "\u{e9}",
        "\u{e9}/x",
    ];
    assert_eq!(paths(&served), want);
    // Each entry is still the one of its path.
    for entry in entries(&served) {
        if let FileKind::File { size, executable, .. } = entry.kind {
            assert_eq!((size, executable), (entry.path.len() as u64, false));
            assert_eq!(text(&served, entry.path).unwrap(), entry.path);
        }
    }
}

#[test]
fn kinds_are_what_they_are() {
    let dir = context(&["Dockerfile", "dir/run"]);
    fs_err::set_permissions(dir.path().join("dir/run"), PermissionsExt::from_mode(0o711)).unwrap();
    symlink("../elsewhere", dir.path().join("dir/link")).unwrap();
    let served = serve(read(dir.path(), "Dockerfile"));
    let file = |executable, size| FileKind::File { size, executable, version: 0 };
    let want = [
        ("Dockerfile", file(false, 10)),
        ("dir", FileKind::Directory),
        ("dir/link", FileKind::Link("../elsewhere")),
        ("dir/run", file(true, 7)),
    ];
    assert_eq!(entries(&served), want.map(|(path, kind)| FileEntry { path, kind }));
    for at in [1, 2] {
        assert_eq!(served.open(at).err().unwrap().to_string(), "it is no file");
    }
}

#[test]
fn names_that_are_not_text_are_named() {
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff");
    let cases: [&dyn Fn(&Path); 3] = [
        &|dir| fs_err::write(dir.join("in").join(odd), "").unwrap(),
        &|dir| fs_err::create_dir(dir.join("in").join(odd)).unwrap(),
        &|dir| symlink(odd, dir.join("in/odd\u{fffd}")).unwrap(),
    ];
    for change in cases {
        let dir = context(&["Dockerfile", "in/file"]);
        change(dir.path());
        let tree = read(dir.path(), "Dockerfile");
        let error = ServedTree::new(tree, &Cache::default(), ("app:1", None)).err().unwrap();
        assert!(
            error.starts_with("`in/odd\u{fffd}` has a name or a target that is not UTF-8"),
            "{error}"
        );
        assert!(error.contains("builder = \"classic\""), "{error}");
        // What is not part of the context may be called what it likes.
        fs_err::write(dir.path().join(".dockerignore"), "in/odd*").unwrap();
        assert_eq!(
            paths(&serve(read(dir.path(), "Dockerfile"))),
            [".dockerignore", "Dockerfile", "in", "in/file"]
        );
    }
}

#[test]
fn what_the_builder_has_to_read_is_there_and_still_ignored() {
    let dir = context(&["build/Dockerfile", "build/x", "keep/a", "keep/b", "z"]);
    fs_err::write(dir.path().join(".dockerignore"), ".dockerignore\nbuild\nkeep\n!keep/a\n")
        .unwrap();
    let served = serve(read(dir.path(), "build/Dockerfile"));
    let want = [".dockerignore", "build", "build/Dockerfile", "keep", "keep/a", "z"];
    assert_eq!(paths(&served), want);
    assert_eq!(ignored(&served), [".dockerignore", "build", "build/Dockerfile", "keep"]);
}

#[test]
fn an_ignore_file_of_its_own_goes_with_the_dockerfile_alone() {
    let dir = context(&["Dockerfile", "a", "b"]);
    fs_err::write(dir.path().join(".dockerignore"), "a").unwrap();
    let (dockerfile, ignore) = ServedTree::texts(&read(dir.path(), "Dockerfile")).unwrap();
    assert_eq!((&*dockerfile, ignore), (&b"Dockerfile"[..], None));
    fs_err::write(dir.path().join("Dockerfile.dockerignore"), "b\nDockerfile").unwrap();
    let tree = read(dir.path(), "Dockerfile");
    let (dockerfile, ignore) = ServedTree::texts(&tree).unwrap();
    assert_eq!(
        (&*dockerfile, ignore.as_deref()),
        (&b"Dockerfile"[..], Some(&b"b\nDockerfile"[..]))
    );
    // The classic builder gets another `.dockerignore`; this one the user's.
    assert!(!tree.overlay.is_empty());
    let served = serve(tree);
    assert_eq!(paths(&served), [".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "a"]);
    assert_eq!(text(&served, ".dockerignore").unwrap(), "a");
    assert_eq!(ignored(&served), ["Dockerfile"]);
}

#[test]
fn nothing_that_is_made_up_is_served() {
    let dir = context(&["app/main.c", "other/Dockerfile", "other/secret"]);
    let app = dir.path().join("app");
    let place = Place { dir: &app, dockerfile: Path::new("../other/Dockerfile"), root: dir.path() };
    let tree = walk(place, How::Hashed(&Cache::default(), false)).unwrap();
    assert!(tree.is_brought && tree.overlay.len() == 2);
    assert_eq!(&*ServedTree::texts(&tree).unwrap().0, b"other/Dockerfile");
    assert_eq!(paths(&serve(tree)), ["main.c"]);
}

#[test]
fn a_template_is_a_dockerfile_and_no_files() {
    let tree = Tree::template("FROM scratch\n");
    let (dockerfile, ignore) = ServedTree::texts(&tree).unwrap();
    assert_eq!((&*dockerfile, ignore), (&b"FROM scratch\n"[..], None));
    assert_eq!(paths(&serve(tree)), [""; 0]);
}

#[test]
fn a_pinned_dockerfile_is_the_builders_and_not_the_contexts() {
    let dir = context(&["Dockerfile", "a"]);
    let tree = read(dir.path(), "Dockerfile");
    let pinned = tree.with_dockerfile(|text| Ok(format!("{text}@sha256:0"))).unwrap();
    assert_eq!(&*ServedTree::texts(&pinned).unwrap().0, b"Dockerfile@sha256:0");
    let served = serve(pinned);
    assert_eq!(paths(&served), ["Dockerfile", "a"]);
    assert_eq!(text(&served, "Dockerfile").unwrap(), "Dockerfile");
}

#[test]
fn the_builder_gets_the_dockerfile_that_was_hashed_or_none() {
    let dir = context(&["Dockerfile"]);
    let path = dir.path().join("Dockerfile");
    // Whatever bytes it is made of.
    fs_err::write(&path, b"FROM a\n# x\xe9\n").unwrap();
    let tree = read(dir.path(), "Dockerfile");
    assert_eq!(&*ServedTree::texts(&tree).unwrap().0, b"FROM a\n# x\xe9\n");
    for change in [
        |path: &Path| fs_err::write(path, "FROM b\n").unwrap(),
        |path: &Path| fs_err::remove_file(path).unwrap(),
    ] {
        change(&path);
        let error = ServedTree::texts(&tree).unwrap_err();
        assert_eq!(error, "`Dockerfile` changed while it was read");
    }
}

#[test]
fn a_file_that_is_another_by_now_is_named() {
    let changes: [&dyn Fn(&Path); 4] = [
        &|file| fs_err::write(file, "in/fale").unwrap(),
        &|file| fs_err::write(file, "in/file and more").unwrap(),
        &|file| fs_err::remove_file(file).unwrap(),
        &|file| {
            fs_err::remove_file(file).unwrap();
            symlink("../Dockerfile", file).unwrap();
        },
    ];
    for change in changes {
        let dir = context(&["Dockerfile", "in/file"]);
        let served = serve(read(dir.path(), "Dockerfile"));
        change(&dir.path().join("in/file"));
        let error = text(&served, "in/file").unwrap_err().to_string();
        assert!(error.contains("in/file`"), "{error}");
        assert!(!error.contains("os error"), "{error}");
        assert_eq!(text(&served, "Dockerfile").unwrap(), "Dockerfile");
    }
}

#[test]
fn each_context_has_its_key_and_each_content_its_number() {
    let cache_dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Some(cache_dir.path().to_owned()));
    let dir = context(&["Dockerfile", "other.Dockerfile", "a"]);
    let key = |dockerfile: &str, name: &str, target: Option<&str>| {
        let tree = read(dir.path(), dockerfile);
        let (served, key) = ServedTree::new(tree, &cache, (name, target)).unwrap();
        let version = entries(&served).into_iter().find_map(|entry| match entry.kind {
            FileKind::File { version, .. } if entry.path == "a" => Some(version),
            _ => None,
        });
        (key, version.unwrap())
    };
    let (one, first) = key("Dockerfile", "app:1", None);
    assert_eq!(key("Dockerfile", "app:1", None), (one.clone(), first));
    let others = [
        key("other.Dockerfile", "app:1", None),
        key("Dockerfile", "app:2", None),
        key("Dockerfile", "app:1", Some("prod")),
    ];
    let keys = others.iter().map(|(key, _)| key).chain([&one]).collect::<BTreeSet<_>>();
    assert_eq!(keys.len(), 4);
    fs_err::write(dir.path().join("a"), "b").unwrap();
    let (again, second) = key("Dockerfile", "app:1", None);
    assert_eq!(again, one);
    assert_ne!(second, first);
}
