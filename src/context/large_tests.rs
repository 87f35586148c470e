//! Large, deep and changing contexts: threads, descriptors, and what is remembered.

use std::fs::FileTimes;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use super::*;
use crate::context::known::SPARE;
use crate::words::hash::FieldHasher;

/// `dirs` directories with `files` files each, and a Dockerfile.
fn large(dirs: usize, files: usize) -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    for dir in 0..dirs {
        let dir = top.path().join(format!("d{dir:04}"));
        fs_err::create_dir(&dir).unwrap();
        for file in 0..files {
            fs_err::write(dir.join(format!("f{file:04}")), format!("{file}")).unwrap();
        }
    }
    fs_err::write(top.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    top
}

fn read(dir: &Path, cache: &Cache, reread: bool) -> Result<Tree, ContextError> {
    let place = Place { dir, dockerfile: Path::new("Dockerfile"), root: dir };
    walk(place, How::Hashed(cache, reread))
}

/// Sets both of its times back, as far as that can be done from outside.
fn age(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
}

#[test]
fn many_threads_find_what_one_finds() {
    for (dirs, files) in [(1, 2000), (600, 1), (30, 30), (1, 255), (2, 128), (2, MANY / 2)] {
        let top = large(dirs, files);
        let tree = read(top.path(), &Cache::default(), false).unwrap();
        assert_eq!(tree.entries.len(), dirs * files + dirs + 1);
        assert!(tree.entries.is_sorted_by(|a, b| path_bytes(&a.path) < path_bytes(&b.path)));
        let again = read(top.path(), &Cache::default(), false).unwrap();
        assert_eq!(tree.fingerprint(None), again.fingerprint(None));
        let mut one_by_one = FieldHasher::default();
        for (path, item) in tree.items(None) {
            one_by_one.field(path);
            one_by_one.field(&item);
        }
        assert_eq!(tree.fingerprint(None), one_by_one.finish());
    }
}

#[test]
fn large_files_are_shared_among_threads_and_none_is_lost() {
    let top = large(1, 0);
    for at in 0..20 {
        fs_err::write(top.path().join(format!("d0000/f{at:02}")), vec![at; 300_000]).unwrap();
    }
    let tree = read(top.path(), &Cache::default(), false).unwrap();
    assert_eq!(tree.entries.len(), 22);
    for at in 0..20 {
        let want = file::sha256(&vec![at; 300_000]);
        assert_eq!(hash_of(&tree, &format!("d0000/f{at:02}")), want);
    }
}

#[test]
fn a_very_deep_tree_is_walked_to_its_end() {
    let top = large(0, 0);
    let mut dir = Root::open(top.path()).unwrap().directory(Path::new("")).unwrap();
    let mut path = PathBuf::new();
    let root = Root::open(top.path()).unwrap();
    for _ in 0..1500 {
        dir.make("d");
        path.push("d");
        dir = root.directory(&path).unwrap();
    }
    let tree = read(top.path(), &Cache::default(), false).unwrap();
    assert_eq!(tree.entries.len(), 1501);
}

/// The hash of a file, as the tree has it.
fn hash_of(tree: &Tree, path: &str) -> Vec<u8> {
    let entry = tree.entries.iter().find(|entry| entry.path == Path::new(path)).unwrap();
    let Kind::File { hash, .. } = &entry.kind else { panic!("{entry:?}") };
    hash.to_vec()
}

#[test]
fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
    let top = large(1, 3);
    let cache_dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Some(cache_dir.path().to_owned()));
    let real = fs_err::canonicalize(top.path()).unwrap();
    let root = Root::open(&real).unwrap();
    assert!(root.has_stable_stat(), "temporary files are on a filesystem of this machine");
    let before = read(top.path(), &cache, false).unwrap();
    assert!(Known::load(&cache, &root, &real, false).is_empty(), "they are too new");

    // A lie about a file that was left alone: what nobody reads again, nobody finds out.
    let lie = [7; 32];
    let path = top.path().join("d0000/f0001");
    let known = Known::load(&cache, &root, &real, true);
    let stat = root.directory(Path::new("d0000")).unwrap().stat("f0001".as_ref()).unwrap();
    known.remember(&stat, lie, SystemTime::now() + Duration::from_secs(10));
    known.keep(1);
    let tree = read(top.path(), &cache, false).unwrap();
    assert_eq!(hash_of(&tree, "d0000/f0001"), lie);
    assert_eq!(hash_of(&tree, "d0000/f0002"), hash_of(&before, "d0000/f0002"));

    // It can't survive reading everything again.
    let tree = read(top.path(), &cache, true).unwrap();
    assert_eq!(tree.fingerprint(None), before.fingerprint(None));
    let tree = read(top.path(), &cache, false).unwrap();
    assert_eq!(tree.fingerprint(None), before.fingerprint(None));

    // One byte, with size and times as they were: the system's own time tells.
    let known = Known::load(&cache, &root, &real, true);
    known.remember(&stat, lie, SystemTime::now() + Duration::from_secs(10));
    known.keep(1);
    let meta = fs_err::metadata(&path).unwrap();
    fs_err::write(&path, "x").unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_times(FileTimes::new().set_modified(meta.modified().unwrap())).unwrap();
    assert_eq!(fs_err::metadata(&path).unwrap().len(), meta.size());
    let tree = read(top.path(), &cache, false).unwrap();
    assert_eq!(hash_of(&tree, "d0000/f0001"), file::sha256(b"x"));
}

#[test]
fn neither_times_nor_the_place_count() {
    let (one, two) = (large(2, 3), large(2, 3));
    let print = |dir: &Path| read(dir, &Cache::default(), false).unwrap().fingerprint(None);
    let before = print(one.path());
    for dir in 0..2 {
        for file in 0..3 {
            age(&one.path().join(format!("d{dir:04}/f{file:04}")));
        }
    }
    assert_eq!(print(one.path()), before);
    assert_eq!(print(two.path()), before);
}

#[test]
fn what_is_remembered_is_bounded_and_shared_by_images_of_one_context() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(Some(dir.path().to_owned()));
    let real = fs_err::canonicalize(dir.path()).unwrap();
    let root = Root::open(&real).unwrap();
    let device = root.device().unwrap();
    let stat = |inode| crate::context::stat::Stat {
        is_file: true,
        is_executable: false,
        size: 1,
        place: (device, inode),
        modified: (1, 0),
        changed: (1, 0),
    };
    let meet = |inodes: std::ops::Range<u64>| {
        let known = Known::load(&cache, &root, &real, false);
        let files = inodes.clone().count();
        for inode in inodes {
            known.remember(&stat(inode), [1; 32], SystemTime::now());
        }
        known.keep(files);
    };
    let knows =
        |inode| Known::load(&cache, &root, &real, false).hash(&stat(inode), &mut 0).is_some();
    meet(0..10);
    meet(10..20);
    assert!(knows(0) && knows(19));
    // Each of many, in the order of the records or in any other.
    let known = Known::load(&cache, &root, &real, false);
    let mut next = 0;
    for inode in (0..20).chain((0..20).rev()).chain([5, 5, 0, 19]) {
        assert!(known.hash(&stat(inode), &mut next).is_some(), "{inode}");
        assert!(known.hash(&stat(inode + 20), &mut next).is_none(), "{inode}");
    }
    meet(20..21);
    assert!(knows(0) && knows(20), "a small image does not take from a large one");
    meet(30..30 + SPARE as u64);
    meet(21..22);
    assert!(!knows(0) && knows(21));
}
