use proptest::prelude::*;

use super::*;
use crate::buildkit::fake::{served, session};
use crate::buildkit::fake_files::{FakeFiles, file, link};
use crate::buildkit::fake_receiver::{When, receive};

/// Names of a request.
fn all(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The paths that a request gets.
fn get(files: &FakeFiles, wanted: &Wanted) -> Vec<String> {
    let paths = select(files, wanted).into_iter();
    paths.map(|at| files.entry(at as usize).path.to_owned()).collect()
}

#[track_caller]
fn check(files: &FakeFiles, follow: &[&str], want: &[&str]) {
    let wanted = Wanted { follow: all(follow), excludes: true, ..Wanted::default() };
    assert_eq!(get(files, &wanted), want, "{follow:?}");
}

fn tree() -> FakeFiles {
    FakeFiles::new(
        ["a-b", "a.c", "a/b/x", "a/b/y", "a/c", "b01.bin", "ob/z", "one", "only"]
            .map(|path| (path, file("x"))),
    )
}

#[test]
fn what_is_named_is_wanted_and_what_is_in_it_and_above_it() {
    check(&tree(), &["a"], &["a", "a/b", "a/b/x", "a/b/y", "a/c"]);
    check(&tree(), &["a/b"], &["a", "a/b", "a/b/x", "a/b/y"]);
    check(&tree(), &["/a/b/", "./one", "a/../a/c"], &["a", "a/b", "a/b/x", "a/b/y", "a/c", "one"]);
    check(&tree(), &["a/b/y", "a/c"], &["a", "a/b", "a/b/y", "a/c"]);
    check(&tree(), &["nothing", "a/none", "a-b/x"], &[]);
}

proptest! {
    #[test]
    fn no_directory_is_left_out_in_which_something_is_wanted(
        paths in prop::collection::vec("([ab-]{1,2}/){0,3}[a-c]?[0-2]", 0..30),
        follow in prop::collection::vec("([ab-]{1,2}/){0,3}([a-c]?[0-2]|[ab-]|[ab]\\*)?", 1..4),
    ) {
        let files = FakeFiles::new(paths.iter().map(|path| (path, file(""))));
        let wanted = Wanted { follow, excludes: true, ..Wanted::default() };
        let named = super::paths(&files, &wanted);
        let is_named = |path: &str| named.as_ref().is_none_or(|named| named.have(path));
        let all = files.paths();
        let is_sent = |path: &&String| {
            is_named(path) || all.iter().any(|one| is_in(path, one) && is_named(one))
        };
        let want: Vec<&String> = all.iter().filter(is_sent).collect();
        let got = get(&files, &wanted);
        prop_assert_eq!(got.iter().collect::<Vec<_>>(), want);
    }
}

#[test]
fn patterns_are_for_names() {
    check(&tree(), &["o*e", "b0?.bin"], &["b01.bin", "one"]);
    check(&tree(), &["a/*"], &["a", "a/b", "a/b/x", "a/b/y", "a/c"]);
    check(&tree(), &["a/b/[x-z]"], &["a", "a/b", "a/b/x", "a/b/y"]);
    check(&tree(), &["on*"], &["one", "only"]);
    check(&tree(), &["*/c"], &["a", "a/c"]);
    check(&FakeFiles::new([("!a", file("")), ("b", file(""))]), &["!a"], &["!a"]);
}

#[test]
fn everything_is_wanted_without_a_word_or_with_a_dot() {
    let everything = tree().paths();
    for wanted in [&[][..], &["."], &["/"], &["one", "./"], &["a/.."], &[""]] {
        check(&tree(), wanted, &everything.iter().map(|path| &**path).collect::<Vec<_>>());
    }
    // What can't be read may mean anything.
    check(&tree(), &["one", "[a"], &everything.iter().map(|path| &**path).collect::<Vec<_>>());
}

#[test]
fn included_patterns_lead_over_no_links() {
    let files = FakeFiles::new([("a", link("b")), ("b/c", file("")), ("d", file(""))]);
    let wanted = Wanted { include: all(&["a", "d*"]), excludes: true, ..Wanted::default() };
    assert_eq!(get(&files, &wanted), ["a", "d"]);
    // Both together mean what either does.
    let wanted = Wanted { follow: all(&["a"]), ..wanted };
    assert_eq!(get(&files, &wanted), ["a", "b", "b/c", "d"]);
}

#[test]
fn links_bring_what_they_lead_to() {
    let files = FakeFiles::new([
        ("absolute", link("/dir/file")),
        ("away", link("../../dir/file")),
        ("chain", link("./chain2")),
        ("chain2", link("dir/back")),
        ("dir/back", link("../other")),
        ("dir/file", file("")),
        ("dir/more", file("")),
        ("gone", link("nowhere")),
        ("other", file("")),
        ("to", link("dir")),
    ]);
    check(&files, &["absolute"], &["absolute", "dir", "dir/file"]);
    check(&files, &["away"], &["away", "dir", "dir/file"]);
    check(&files, &["chain"], &["chain", "chain2", "dir", "dir/back", "other"]);
    check(&files, &["gone"], &["gone"]);
    check(&files, &["to"], &["dir", "dir/back", "dir/file", "dir/more", "to"]);
    // In the middle of a path, and over another link then.
    check(&files, &["to/file"], &["dir", "dir/file", "to"]);
    check(&files, &["to/back"], &["dir", "dir/back", "other", "to"]);
    check(&files, &["to/f*"], &["dir", "dir/file", "to"]);
    // Each path over the same link.
    check(&files, &["to/file", "to/more"], &["dir", "dir/file", "dir/more", "to"]);
    check(&files, &["to", "to/back"], &["dir", "dir/back", "dir/file", "dir/more", "other", "to"]);
    // The last name may be that of many.
    check(&files, &["dir/b*"], &["dir", "dir/back", "other"]);
    check(&files, &["a*"], &["absolute", "away", "dir", "dir/file"]);
}

#[test]
fn links_in_linked_directories_are_followed_from_where_they_are() {
    let files = FakeFiles::new([
        ("l1", link("d1")),
        ("d1/l2", link("../d2")),
        ("d2/l3", link("sub/file")),
        ("d2/sub/file", file("")),
        ("sub/file", file("")),
    ]);
    check(&files, &["l1/l2/l3"], &["d1", "d1/l2", "d2", "d2/l3", "d2/sub", "d2/sub/file", "l1"]);
}

#[test]
fn circles_end() {
    let files = FakeFiles::new([
        ("a", link("b")),
        ("b", link("a")),
        ("deeper", link("deeper/and/deeper")),
        ("here", link(".")),
        ("self", link("self")),
    ]);
    check(&files, &["a"], &["a", "b"]);
    check(&files, &["a/x/y"], &["a", "b"]);
    check(&files, &["self/self"], &["self"]);
    check(&files, &["deeper"], &["deeper"]);
    // The directory itself is all that is in it.
    check(&files, &["here"], &["a", "b", "deeper", "here", "self"]);
    check(&files, &["here/here/a"], &["a", "b", "here"]);
}

#[test]
fn too_many_links_to_follow_are_no_reason_to_leave_something_out() {
    let links =
        (0..MOST_LINKS).map(|number| (format!("l/{number}"), link(&format!("../t{number}"))));
    let targets = (0..MOST_LINKS).map(|number| (format!("t{number}"), file("")));
    let files = FakeFiles::new(links.chain(targets).chain([("z".to_owned(), file(""))]));
    let wanted = Wanted { follow: all(&["l/*"]), excludes: true, ..Wanted::default() };
    assert_eq!(select(&files, &wanted).len(), 2 * MOST_LINKS + 1);
    let wanted = Wanted { follow: all(&["l/1*"]), excludes: true, ..Wanted::default() };
    assert_eq!(select(&files, &wanted).len(), 2 * 1111 + 1);
}

#[test]
fn what_is_ignored_is_for_the_rules_alone() {
    let paths = [".dockerignore", "Dockerfile", "a/keep", "a/skip", "b/skip", "c"];
    let files = FakeFiles::new(paths.map(|path| (path, file(""))));
    let files = files.ignoring(&[".dockerignore", "Dockerfile", "a", "a/skip", "b", "b/skip"]);
    // A directory that is ignored is there for what is in it and is not.
    let wanted = Wanted { excludes: true, ..Wanted::default() };
    assert_eq!(get(&files, &wanted), ["a", "a/keep", "c"]);
    let wanted = |excludes, follow| Wanted { excludes, follow: all(follow), ..Wanted::default() };
    assert_eq!(get(&files, &wanted(true, &["a", "Dockerfile"])), ["a", "a/keep"]);
    assert_eq!(get(&files, &wanted(false, &[".dockerignore"])), [".dockerignore"]);
    // To copy it is another question.
    assert!(get(&files, &wanted(true, &[".dockerignore"])).is_empty());
    assert_eq!(get(&files, &Wanted::default()), ["a", "a/keep", "c"]);
}

#[tokio::test]
async fn what_a_request_says_is_understood_as_it_was_meant() {
    let names = ["a b", "b", "c", "\u{e9}.txt"];
    let files = FakeFiles::new(names.map(|path| (path, file(""))));
    let (channel, _) = session(served(files)).await;
    let get = async |meta: &[(&str, &str)]| {
        let got = receive(&channel, "context", meta, When::AtOnce, |_| true).await.unwrap();
        got.stats.into_iter().map(|stat| stat.path).collect::<Vec<_>>()
    };
    assert_eq!(get(&[("followpaths", "b"), ("followpaths", "c")]).await, ["b", "c"]);
    // As an older builder has it, and as a newer one has.
    assert_eq!(
        get(&[("followpaths", "b"), ("followpaths", "\u{e9}.txt")]).await,
        ["b", "\u{e9}.txt"]
    );
    let escaped = [("followpaths", "a+b"), ("followpaths", "%C3%A9.txt")];
    assert_eq!(get(&escaped).await, [""; 0]);
    let escaped = [escaped[0], escaped[1], ("followpaths-encoded", "1")];
    assert_eq!(get(&escaped).await, ["a b", "\u{e9}.txt"]);
    assert_eq!(get(&[("include-patterns", "[bc]")]).await, ["b", "c"]);
}

#[tokio::test]
async fn a_long_ignore_file_gets_through() {
    let (channel, _) = session(served(FakeFiles::new([("a", file(""))]))).await;
    let patterns: Vec<String> = (0..2000).map(|number| format!("{number:040}")).collect();
    let meta: Vec<_> = patterns.iter().map(|pattern| ("exclude-patterns", &**pattern)).collect();
    let got = receive(&channel, "context", &meta, When::AtOnce, |_| true).await.unwrap();
    assert_eq!(got.paths(), ["a"]);
}
