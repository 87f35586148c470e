//! Contexts that change while they are packed, and names and sizes at their limits.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;
use crate::context::cache::Cache;
use crate::context::walk::{How, Place, walk};

fn read(dir: &Path) -> Tree {
    let place = Place { dir, dockerfile: Path::new("Dockerfile"), root: dir };
    walk(place, How::Hashed(&Cache::default(), false)).unwrap()
}

fn context() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    fs_err::create_dir_all(dir.path().join("in/deep")).unwrap();
    fs_err::write(dir.path().join("in/deep/file"), "mine").unwrap();
    dir
}

async fn packed(tree: Tree) -> io::Result<Vec<u8>> {
    let mut stream = stream(tree, false);
    let mut all = Vec::new();
    while let Some(chunk) = stream.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

#[tokio::test]
async fn whatever_takes_the_place_of_a_file_ends_the_stream_by_its_name() {
    let outside = context();
    let outside = outside.path().to_owned();
    let make_pipe = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let changes: [&dyn Fn(&Path); 6] = [
        &|file| drop(fs_err::remove_file(file)),
        &|file| {
            fs_err::remove_file(file).unwrap();
            symlink(outside.join("in/deep/file"), file).unwrap();
        },
        &|file| {
            fs_err::remove_file(file).unwrap();
            fs_err::create_dir(file).unwrap();
        },
        &|file| {
            fs_err::remove_file(file).unwrap();
            make_pipe(file);
        },
        // The same bytes, but not in the context.
        &|file| {
            let dir = file.parent().unwrap();
            fs_err::remove_dir_all(dir).unwrap();
            symlink(outside.join("in/deep"), dir).unwrap();
        },
        &|file| {
            let above = file.parent().unwrap().parent().unwrap();
            fs_err::remove_dir_all(above).unwrap();
            symlink(outside.join("in"), above).unwrap();
        },
    ];
    for change in changes {
        let dir = context();
        let tree = read(dir.path());
        change(&dir.path().join("in/deep/file"));
        let error = packed(tree).await.unwrap_err().to_string();
        assert!(error.contains("in/deep/file`"), "{error}");
        let told = error.contains("changed while it was sent") || error.contains("it vanished");
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn names_and_sizes_at_their_limits_arrive_as_they_are() {
    let dir = context();
    let long: PathBuf = ["a".repeat(200), "b".repeat(200), "c".repeat(255)].iter().collect();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff\n ");
    fs_err::create_dir_all(dir.path().join(long.parent().unwrap())).unwrap();
    fs_err::write(dir.path().join(&long), "long").unwrap();
    fs_err::write(dir.path().join(odd), "").unwrap();
    fs_err::hard_link(dir.path().join(&long), dir.path().join("hard")).unwrap();
    let sparse = fs_err::File::create(dir.path().join("sparse")).unwrap();
    sparse.set_len(1_000_001).unwrap();
    let tree = read(dir.path());
    let all = packed(tree.clone()).await.unwrap();
    assert_eq!(all.len() as u64, length(&tree));

    let mut found = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(&all[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        found.insert(path, (entry.header().entry_type(), bytes));
    }
    let content = |path: &Path| found[path].1.clone();
    assert_eq!(content(&long), b"long");
    assert_eq!(found[Path::new("hard")], (EntryType::Regular, b"long".to_vec()));
    assert_eq!(content(Path::new(odd)), b"");
    assert_eq!(content(Path::new("sparse")), vec![0; 1_000_001]);
    assert_eq!(found[Path::new("in/deep")].0, EntryType::Directory);
}
