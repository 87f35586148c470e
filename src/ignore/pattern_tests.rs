use std::time::{Duration, Instant};

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use super::*;

fn patterns(lines: &[&str]) -> Patterns {
    lines.iter().map(|line| Pattern::parse(line.as_bytes()).unwrap()).collect()
}

#[track_caller]
fn check(lines: &[&str], ignored: &[&str], kept: &[&str]) {
    let patterns = patterns(lines);
    for path in ignored {
        assert!(patterns.ignores(path.as_bytes()), "{lines:?} should ignore {path:?}");
    }
    for path in kept {
        assert!(!patterns.ignores(path.as_bytes()), "{lines:?} should not ignore {path:?}");
    }
    for path in ignored.iter().chain(kept) {
        let rule = patterns.rule(path.as_bytes());
        let ignores = rule.is_some_and(|rule| !rule.is_exception);
        assert_eq!(ignores, patterns.ignores(path.as_bytes()), "{lines:?} about {path:?}");
    }
}

#[test]
fn a_plain_pattern_is_itself_and_what_is_below() {
    check(&["out"], &["out", "out/a", "out/a/b"], &["outer", "src/out", "ou"]);
    check(&["src/gen"], &["src/gen/x.c"], &["src", "gen", "src/gentle", "a/src/gen"]);
    check(&["a(b){c}|d+$"], &["a(b){c}|d+$", "a(b){c}|d+$/x"], &["a", "d"]);
    check(&["."], &[], &["a", ".a"]);
}

#[test]
fn one_star_and_a_question_mark_stay_in_their_directory() {
    check(&["*"], &["a", ".hidden", "a/b"], &[]);
    check(&["*.log"], &["x.log", ".log", "x.log/y"], &["a/x.log", "xlog", "x.log2"]);
    check(&["log*"], &["log", "logs/today"], &["a/log", "blog"]);
    check(&["a/*/c"], &["a/b/c", "a//c", "a/b/c/d"], &["a/c", "a/b/b/c"]);
    check(&["?at"], &["cat", "bat", "\u{e4}at"], &["at", "/at", "chat"]);
}

#[test]
fn two_stars_span_directories() {
    check(&["**"], &["a", "a/b", ".x"], &[]);
    check(&["**/*.o"], &["x.o", "a/x.o", "a/b/x.o", "a/x.o/y"], &["x.obj", "a/x.c"]);
    check(&["**/dist"], &["dist", "a/dist", "a/b/dist/x"], &["distant", "a/dis"]);
    check(&["dist/**"], &["dist/x", "dist/a/b"], &["dist", "a/dist/x"]);
    check(&["a/**/z"], &["a/z", "a/b/z", "a/b/c/z/x"], &["az", "b/a/z"]);
    check(&["**/a/**"], &["a/b", "x/a/b"], &["a", "x/a", "b"]);
    check(&["**/**/x"], &["x", "a/x", "a/b/x"], &["y", "ax/y"]);
    // Where no slash is beside them, they are still more than one star.
    check(&["a**"], &["a", "ab", "a/b", "abc/d"], &["ca"]);
    check(&["**z"], &["z", "yz", "a/b/yz"], &["za"]);
    check(&["a**z"], &["az", "ab/z", "a/b/z"], &["abz", "abz/y"]);
}

#[test]
fn later_patterns_win() {
    check(&["*", "!keep"], &["a", "b/keep"], &["keep", "keep/x"]);
    check(&["!keep", "*"], &["keep"], &[]);
    check(&["doc", "!doc/*.md", "doc/draft.md"], &["doc/a", "doc/draft.md"], &["doc/a.md"]);
    check(&["a", "!a/b", "a/b/c", "!a/b/c/d"], &["a/x", "a/b/c/x"], &["a/b/x", "a/b/c/d/x"]);
    check(&["**/*.md", "!**/README.md"], &["a/b.md"], &["README.md", "a/README.md"]);
    // An exception for a directory is one for what is in it.
    check(&["a/b", "!a"], &[], &["a/b", "a/b/c"]);
    check(&["a", "!!a"], &["a"], &["!a"]);
}

#[test]
fn classes_and_escapes_are_those_of_go() {
    check(&["[a-c]x"], &["ax", "cx"], &["dx", "x", "-x"]);
    check(&["[^a-c]x"], &["dx", "\u{e9}x"], &["ax"]);
    check(&["[!a]x"], &["ax", "!x"], &["bx"]);
    check(&["[\\]\\-]"], &["]", "-"], &["\\"]);
    check(&["a]"], &["a]"], &["a"]);
    check(&["\\*"], &["*"], &["a", "\\*"]);
    check(&["a\\?", "\\[b\\]"], &["a?", "[b]"], &["ab", "b"]);
    // Docker makes regular expressions of patterns, and this shows through.
    check(&["v\\d.x"], &["v1.x"], &["vd.x", "v1-x"]);
    check(&["x{2}?"], &["xxa"], &["xx", "x{2}a"]);
    check(&["x{a,b}*"], &["x{a,b}", "x{a,b}c"], &["xa"]);
    check(&["a|*b"], &["a", "ax", "xb"], &["x"]);
    check(&["a^*"], &[], &["a^", "a^b", "a"]);
    check(&["[[:digit:]]*"], &["1a", "2"], &["a"]);
    check(&["\\x61\\142*"], &["ab"], &["x61"]);
    check(&["\\Qa*"], &["a[^/]*$"], &["a", "ab"]);
    check(&["?\\b-*"], &["a-b"], &["--b"]);
}

#[test]
fn bytes_that_are_no_text_are_compared_or_are_any_rune() {
    let ignores = |pattern: &[u8], path: &[u8]| {
        Patterns::from_iter([Pattern::parse(pattern).unwrap()]).ignores(path)
    };
    assert!(ignores(b"a\xff", b"a\xff"));
    assert!(!ignores(b"a\xff", b"a\xfe"));
    assert!(ignores(b"**/\xff", b"d/\xff"));
    assert!(ignores(b"a?", b"a\xff") && !ignores(b"a?", b"a\xff\xff"));
    // As text, such bytes all look the same to Go.
    assert!(ignores(b"*\xff", b"a\xfe") && ignores(b"*\xff", "\u{fffd}".as_bytes()));
    assert!(ignores("\u{feff}a*".as_bytes(), b"ab"), "a byte order mark is skipped");
    assert!(ignores(b"a*", b"a\nb") && !ignores(b"**/a*", b"x\ny/a") && ignores(b"**/a", b"\n/a"));
}

#[test]
fn what_is_malformed_is_told() {
    let cases = [
        ("!", "there is nothing after the `!`"),
        ("a[", "a `[` has no `]`"),
        ("[^", "a `[` has no `]`"),
        ("[a", "a `[` has no `]`"),
        ("[]a]", "a `-` or `]` in `[…]` stands without its `\\`"),
        ("[a-]", "a `-` or `]` in `[…]` stands without its `\\`"),
        ("*[-a]", "a `-` or `]` in `[…]` stands without its `\\`"),
        ("[Local-Only]", "a range in `[…]` ends before it begins"),
        ("[[:alpha:]", "a `[` has no `]`"),
        ("[[:letter:]]", "a `[:…:]` has an unknown name"),
        ("a\\", "nothing comes after the last `\\`"),
        ("src\\main", "a `\\` gives no meaning to what comes after it"),
        ("*{2}", "a repetition has nothing that it could repeat"),
        ("x{1001}*", "the numbers of a `{…}` are no range up to 1000"),
        ("\\w{1000}\\Q\\E{1000}", "it is too long"),
    ];
    for (pattern, want) in cases {
        assert_eq!(Pattern::parse(pattern.as_bytes()).unwrap_err(), want, "{pattern}");
    }
    assert_eq!(Pattern::parse(b"[\xff]").unwrap_err(), "what is in `[…]` is no UTF-8");
}

#[test]
fn only_a_later_exception_opens_an_ignored_directory() {
    let opens = |lines: &[&str], directory: &str| {
        let patterns = patterns(lines);
        let inside = patterns.enter(&patterns.top(), directory.as_bytes());
        patterns.may_except_below(&inside, directory.as_bytes())
    };
    assert!(opens(&["a", "!a/b"], "a"));
    assert!(opens(&["*", "!a/b/c"], "a"));
    assert!(opens(&["a", "!**/x"], "a"));
    assert!(opens(&["a", "!a/**"], "a"));
    assert!(opens(&["a", "!?/x*"], "a"));
    assert!(opens(&["a", "!x|y*"], "a"), "such a pattern matches anywhere");
    assert!(!opens(&["a"], "a"));
    assert!(!opens(&["a", "!ab/c", "!b/a", "!b*"], "a"));
    assert!(!opens(&["!a/b", "a"], "a"), "what comes later takes it back");
    assert!(!opens(&["!**/x", "a"], "a"));
}

#[test]
fn no_pattern_takes_long() {
    let path = "a".repeat(4000);
    let slow = [
        "**/".repeat(2000) + "b",
        "*a".repeat(500) + "b",
        "**a".repeat(500) + "b",
        "?*".repeat(500) + "b",
        "x{1000}".repeat(100) + "*",
    ];
    let start = Instant::now();
    for pattern in slow {
        assert!(!patterns(&[&pattern]).ignores(path.as_bytes()));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_and_matching_never_panic(
        pattern in r"([ab/*?!\[\]\\^{}|,0-9dQEx.:-]|\*\*|\PC){1,12}",
        path in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        if let Ok(pattern) = Pattern::parse(pattern.as_bytes()) {
            let patterns = Patterns::from_iter([pattern]);
            patterns.ignores(&path);
            patterns.may_except_below(&patterns.top(), &path);
        }
    }

    #[test]
    fn a_pattern_without_specials_is_itself_and_what_is_below(
        pattern in "[a-z.{}|()+$# ]{1,6}(/[a-z.]{1,6}){0,2}",
        more in "[a-z]{1,3}",
    ) {
        let patterns = patterns(&[&pattern]);
        let ignores = |path: &[&str]| patterns.ignores(path.concat().as_bytes());
        prop_assert!(ignores(&[&pattern]));
        prop_assert!(ignores(&[&pattern, "/", &more]));
        prop_assert!(!ignores(&[&pattern, &more]));
        prop_assert!(!ignores(&[&more, "-/", &pattern]));
    }

    #[test]
    fn what_is_not_ignored_is_never_in_a_directory_that_is_passed_by(
        lines in proptest::collection::vec("!?([ab?]|\\*\\*?)(/([ab]|\\*\\*?)){0,2}", 1..5),
        path in "[ab](/[ab]){1,3}",
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let patterns = patterns(&lines);
        let mut above = patterns.top();
        for (at, _) in path.match_indices('/') {
            let directory = &path.as_bytes()[..at];
            let inside = patterns.enter(&above, directory);
            if patterns.ignores_in(&above, directory) && !patterns.may_except_below(&inside, directory) {
                prop_assert!(patterns.ignores(path.as_bytes()), "{lines:?} {path}");
            }
            above = inside;
        }
    }
}
