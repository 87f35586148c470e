use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

/// What is changed, and how.
type Change<'a> = (&'a str, &'a dyn Fn(&Path));

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs_err::create_dir_all(at("src/empty")).unwrap();
    fs_err::write(at("Dockerfile"), "FROM scratch\n").unwrap();
    fs_err::write(at("src/main.c"), "int main;\n").unwrap();
    fs_err::write(at("run"), "#!/bin/sh\n").unwrap();
    fs_err::set_permissions(at("run"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("/etc/passwd", at("link")).unwrap();
    dir
}

/// Without anything that is remembered.
fn read(dir: &Path, dockerfile: &Path, root: &Path) -> Result<Tree, ContextError> {
    walk(Place { dir, dockerfile, root }, How::Hashed(&Cache::default(), false))
}

fn print(dir: &Path) -> [u8; 32] {
    read(dir, Path::new("Dockerfile"), dir).unwrap().fingerprint(None)
}

#[test]
fn entries_are_sorted_and_links_stay_links() {
    let dir = tree();
    let tree = read(dir.path(), Path::new("./Dockerfile"), dir.path()).unwrap();
    let paths: Vec<_> = tree.entries.iter().map(|e| e.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["Dockerfile", "link", "run", "src", "src/empty", "src/main.c"]);
    assert_eq!(tree.entries[1].kind, Kind::Link("/etc/passwd".into()));
    assert_eq!(tree.dockerfile, "Dockerfile");
}

#[test]
fn a_dockerfile_behind_a_link_is_known_by_its_real_place() {
    let dir = tree();
    symlink("Dockerfile", dir.path().join("alias")).unwrap();
    let tree = read(dir.path(), Path::new("alias"), dir.path()).unwrap();
    assert_eq!(tree.dockerfile, "Dockerfile");
    assert_eq!(tree.dockerfile_text().unwrap(), "FROM scratch\n");
}

#[test]
fn the_fingerprint_follows_content_and_nothing_else() {
    let (one, two) = (tree(), tree());
    let before = print(one.path());
    assert_eq!(before, print(two.path()), "another place, other times: the same");
    // Made by another program: with another one every image would be built again.
    let known = "b5ecd71cf8d26c2ce64e8e5d80582058d494686a21104702823f3be80302fc80";
    assert_eq!(crate::words::text::hex(&before), known);
    let changes: [Change<'_>; 4] = [
        ("content", &|d| fs_err::write(d.join("src/main.c"), "int nain;\n").unwrap()),
        ("executable bit", &|d| {
            fs_err::set_permissions(d.join("run"), PermissionsExt::from_mode(0o644)).unwrap();
        }),
        ("link target", &|d| {
            fs_err::remove_file(d.join("link")).unwrap();
            symlink("/etc/shadow", d.join("link")).unwrap();
        }),
        ("empty directory", &|d| fs_err::remove_dir(d.join("src/empty")).unwrap()),
    ];
    for (what, change) in changes {
        let dir = tree();
        change(dir.path());
        assert_ne!(before, print(dir.path()), "{what}");
    }
}

#[test]
fn pipes_are_neither_opened_nor_sent() {
    let dir = tree();
    let before = print(dir.path());
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(before, print(dir.path()));
}

#[test]
fn what_cannot_be_used_is_named() {
    let dir = tree();
    let root = dir.path();
    let outside = tree();
    symlink(outside.path(), root.join("out")).unwrap();
    let check = |context: &str, dockerfile: &str, want: &str| {
        let error = read(&root.join(context), Path::new(dockerfile), root).unwrap_err();
        let text = error.to_string().replace(root.to_str().unwrap(), "ROOT");
        assert_eq!(text, want);
    };
    check("nope", "Dockerfile", "the build context `ROOT/nope` does not exist");
    check("run", "Dockerfile", "the build context `ROOT/run` is no directory");
    check(".", "nope", "the Dockerfile `ROOT/./nope` does not exist");
    check(".", "src", "the Dockerfile `ROOT/./src` is no file");
    check("out", "Dockerfile", "the build context `ROOT/out` leads out of `ROOT`");
    check(".", "link", "the Dockerfile `ROOT/./link` leads out of `ROOT`");
}

#[test]
fn a_dockerfile_from_elsewhere_in_the_repository_is_brought_along() {
    let dir = tree();
    let root = dir.path();
    symlink("../Dockerfile", root.join("src/linked")).unwrap();
    fs_err::write(root.join("src/.occ.Dockerfile"), "taken").unwrap();
    for named in ["../Dockerfile", "linked"] {
        let tree = read(&root.join("src"), Path::new(named), root).unwrap();
        assert!(tree.is_brought);
        assert_eq!(tree.dockerfile, ".occ.Dockerfile_");
        assert_eq!(tree.dockerfile_text().unwrap(), "FROM scratch\n");
        assert!(tree.entries.is_sorted_by(|a, b| path_bytes(&a.path) < path_bytes(&b.path)));
    }
    // Its own ignore file lies beside it.
    fs_err::write(root.join("Dockerfile.dockerignore"), "main.c").unwrap();
    let tree = read(&root.join("src"), Path::new("../Dockerfile"), root).unwrap();
    assert!(tree.entries.iter().all(|entry| entry.path != Path::new("main.c")));
    // Neither the made-up name nor the place counts.
    let item = tree.dockerfile_item().unwrap();
    assert_eq!(item.0, b"");
}

#[test]
fn a_dockerfile_from_elsewhere_that_was_swapped_is_neither_followed_nor_waited_for() {
    let (dir, outside) = (tree(), tree());
    let root = fs_err::canonicalize(dir.path()).unwrap();
    symlink(outside.path().join("Dockerfile"), root.join("file")).unwrap();
    symlink(outside.path(), root.join("dir")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success()
    );
    for path in ["file", "dir/Dockerfile", "pipe", "src"] {
        assert!(classic::bring(&mut Tree::default(), &root.join(path), &root).is_err(), "{path}");
    }
}

#[test]
fn what_cannot_be_read_is_named_without_the_systems_numbers() {
    use std::io::{Error, ErrorKind};
    let say = |error| ContextError::read(Path::new("/c/secret"))(error).to_string();
    assert_eq!(
        say(ErrorKind::PermissionDenied.into()),
        "cannot read `/c/secret`: permission denied, and a context is sent with all that is in it"
    );
    assert_eq!(
        say(ErrorKind::NotFound.into()),
        "cannot read `/c/secret`: it vanished while the context was read"
    );
    assert_eq!(say(Error::other("broken")), "cannot read `/c/secret`: broken");
}

/// The paths that a context with these files sends, directories with a slash.
fn sent(files: &[(&str, &str)], dockerfile: &str) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    sent_from(dir.path(), dockerfile)
}

fn sent_from(dir: &Path, dockerfile: &str) -> Result<Vec<String>, String> {
    let tree = read(dir, Path::new(dockerfile), dir)
        .map_err(|error| error.to_string().replace(dir.to_str().unwrap(), "ROOT"))?;
    let name = |(path, kind): (&Path, &Kind)| {
        let slash = if *kind == Kind::Directory { "/" } else { "" };
        format!("{}{slash}", path.to_str().unwrap())
    };
    Ok(tree.archived().map(name).collect())
}

#[test]
fn what_is_ignored_is_not_sent_but_what_the_builder_reads_is() {
    let sent = |text: &str| {
        let files = ["Dockerfile", "a/keep", "a/x/y", "a/z", "b/c", "d"].map(|path| (path, ""));
        sent(&[&files[..], &[(".dockerignore", text)]].concat(), "Dockerfile").unwrap()
    };
    assert_eq!(sent("*\n"), [".dockerignore", "Dockerfile"]);
    assert_eq!(
        sent("a\n**/c\n"),
        [".dockerignore", "Dockerfile", "b/", "d"],
        "a directory stays when what is in it goes"
    );
    assert_eq!(
        sent("*\n!a/keep\n!**/none\n"),
        [".dockerignore", "Dockerfile", "a/", "a/keep"],
        "an ignored directory comes with what is in it after all, and no other"
    );
    assert_eq!(
        sent("a/*\n!**/y\n"),
        [".dockerignore", "Dockerfile", "a/", "a/x/", "a/x/y", "b/", "b/c", "d"]
    );
}

#[test]
fn an_ignore_file_of_its_own_takes_the_place_of_the_other() {
    let files = [("d/Dockerfile", ""), ("a", ""), ("b", ""), (".dockerignore", "a\n")];
    let with = |text| [&files[..], &[("d/Dockerfile.dockerignore", text)]].concat();
    let sent = |text| sent(&with(text), "d/Dockerfile").unwrap();
    assert_eq!(
        sent("b\n"),
        [".dockerignore", "a", "d/", "d/Dockerfile", "d/Dockerfile.dockerignore"]
    );
    // Nothing hides the Dockerfile, so no `.dockerignore` is needed.
    assert_eq!(sent("[ab]\n.*\n"), ["d/", "d/Dockerfile", "d/Dockerfile.dockerignore"]);
    // One is made, which hides it.
    assert_eq!(sent("*"), [".dockerignore", "d/", "d/Dockerfile"]);
}

/// Does something as one who may read only what its mode lets him. For root that takes
/// a thread that gives up his rights.
fn unprivileged<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            #[cfg(target_os = "linux")]
            {
                use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
                let mut sets = capabilities(None).unwrap();
                sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
                set_capabilities(None, sets).unwrap();
            }
            act()
        });
        thread.join().unwrap()
    })
}

#[test]
fn an_ignored_directory_is_not_even_listed() {
    let files = [("Dockerfile", ""), (".dockerignore", "locked\nopen/secret\n"), ("open/a", "")];
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for path in ["locked/in", "open"] {
        fs_err::create_dir_all(at(path)).unwrap();
    }
    for (path, text) in files {
        fs_err::write(at(path), text).unwrap();
    }
    fs_err::write(at("open/secret"), "").unwrap();
    let lock = |path: &str, mode| {
        fs_err::set_permissions(at(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    lock("locked", 0);
    lock("open/secret", 0);
    let as_nobody = |want: Result<&[&str], &str>| {
        let got = unprivileged(|| sent_from(dir.path(), "Dockerfile"));
        match want {
            Ok(want) => assert_eq!(got.unwrap(), want),
            Err(want) => assert_eq!(got.unwrap_err(), want),
        }
    };
    as_nobody(Ok(&[".dockerignore", "Dockerfile", "open/", "open/a"]));
    fs_err::write(at(".dockerignore"), "locked\n!locked/in/x\nopen/secret\n").unwrap();
    as_nobody(Err(
        "cannot read `ROOT/locked`: permission denied, and a context is sent with all that is in it",
    ));
    lock("locked", 0o755);
    fs_err::write(at(".dockerignore"), "").unwrap();
    as_nobody(Err(
        "cannot read `ROOT/open/secret`: permission denied, and a context is sent with all that is in it",
    ));
}

#[test]
fn an_ignore_file_that_cannot_be_used_is_named() {
    let with = |text| sent(&[("Dockerfile", ""), (".dockerignore", text)], "Dockerfile");
    assert_eq!(
        with("# fine\na[\n").unwrap_err(),
        "`ROOT/.dockerignore`, line 2: the pattern `a[` is malformed: a `[` has no `]`"
    );
    assert_eq!(
        with(&"a\n".repeat(524_289)).unwrap_err(),
        "the ignore file `ROOT/.dockerignore` is larger than 1 MiB"
    );
    let as_directory = [("Dockerfile", ""), (".dockerignore/x", "")];
    assert_eq!(
        sent(&as_directory, "Dockerfile").unwrap_err(),
        "the ignore file `ROOT/.dockerignore` is no file"
    );
    // The other one is not read where there is one of its own.
    let own = [("Dockerfile", ""), (".dockerignore", "["), ("Dockerfile.dockerignore", "")];
    assert!(sent(&own, "Dockerfile").is_ok());
}

#[test]
fn a_link_to_an_ignore_file_is_followed_inside_the_context_only() {
    let dir = tree();
    let at = |path: &str| dir.path().join(path);
    fs_err::write(at("src/ignore"), "run\nlink\n").unwrap();
    symlink("src/ignore", at(".dockerignore")).unwrap();
    let paths = sent_from(dir.path(), "Dockerfile").unwrap();
    let rest = ["src/", "src/empty/", "src/ignore", "src/main.c"];
    assert_eq!(paths, [&[".dockerignore", "Dockerfile"], &rest[..]].concat());

    let outside = tempfile::NamedTempFile::new().unwrap();
    fs_err::remove_file(at(".dockerignore")).unwrap();
    symlink(outside.path(), at(".dockerignore")).unwrap();
    let error = sent_from(dir.path(), "Dockerfile").unwrap_err();
    assert_eq!(error, "the ignore file `ROOT/.dockerignore` leads out of `ROOT`");
}
