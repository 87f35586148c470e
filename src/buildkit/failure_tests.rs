use bollard_buildkit_proto::google::protobuf::Any;
use bytes::Bytes;

use super::*;

fn of(text: &str) -> Status {
    Status::new(Code::Unknown, text)
}

/// A failure with details of these types.
fn with(text: &str, details: &[(&str, &str)]) -> Status {
    let detail = |(kind, json): &(&str, &str)| Any {
        type_url: format!("github.com/moby/buildkit/{kind}+json"),
        value: json.as_bytes().to_vec(),
    };
    let details = details.iter().map(detail).collect();
    let details = Details { code: 2, message: text.to_owned(), details };
    Status::with_details(Code::Unknown, text, Bytes::from(details.encode_to_vec()))
}

#[track_caller]
fn check(status: &Status, line: Option<usize>, exit_code: Option<i64>, vertex: Option<&str>) {
    let vertex = vertex.map(str::to_owned);
    assert_eq!(read(status), Told { line, exit_code, vertex }, "{status:?}");
}

const SOURCE: &str = "errdefs.Source";
const EXIT: &str = "gatewayapi.ExitMessage";
const VERTEX: &str = "errdefs.Vertex";

#[test]
fn details_say_where_and_how_a_step_failed() {
    let text = "process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7";
    let source = r#"{"info":{"filename":"Dockerfile","data":"RlJPTSBh","language":"Dockerfile"},
        "ranges":[{"start":{"line":3},"end":{"line":4}},{"start":{"line":9},"end":{}}]}"#;
    let stack = r#"{"frames":[{"Name":"main","Line":7}],"cmdline":["dockerd"],"pid":1}"#;
    let details = [
        ("stack.Stack", stack),
        (EXIT, r#"{"Code":7}"#),
        (VERTEX, r#"{"digest":"sha256:abc"}"#),
        ("errdefs.Solve", r#"{"inputIDs":["x"],"mountIDs":[],"Op":{}}"#),
        (SOURCE, source),
    ];
    check(&with(text, &details), Some(3), Some(7), Some("sha256:abc"));
}

#[test]
fn the_innermost_place_comes_last() {
    let at = |line: usize| format!(r#"{{"ranges":[{{"start":{{"line":{line}}}}}]}}"#);
    let (outer, inner) = (at(1), at(5));
    check(&with("x", &[(SOURCE, &outer), (SOURCE, &inner)]), Some(5), None, None);
    // One that names no line says nothing.
    for none in ["{}", r#"{"ranges":[]}"#, r#"{"ranges":[{}]}"#, r#"{"ranges":[{"start":{}}]}"#] {
        check(&with("x", &[(SOURCE, &inner), (SOURCE, none)]), Some(5), None, None);
        check(&with("x", &[(SOURCE, none)]), None, None, None);
    }
}

#[test]
fn details_that_are_none_leave_what_the_others_say() {
    let good = [(EXIT, r#"{"Code":3}"#), (VERTEX, r#"{"digest":"d"}"#)];
    for bad in ["", "{", "[]", "7", "null", "\u{0}", r#"{"Code":"x","digest":7,"ranges":7}"#] {
        let mut details = good.to_vec();
        details.extend([(SOURCE, bad), (EXIT, bad), (VERTEX, bad), ("other.Kind", bad)]);
        check(&with("exit code: 4", &details), None, Some(3), Some("d"));
        check(&with("exit code: 4", &[(EXIT, bad)]), None, Some(4), None);
    }
    let negative = r#"{"ranges":[{"start":{"line":-1}}]}"#;
    check(&with("x", &[(SOURCE, negative)]), None, None, None);
    let garbage = Status::with_details(Code::Unknown, "exit code: 4", Bytes::from_static(b"\xff"));
    check(&garbage, None, Some(4), None);
    // No command fails with this.
    check(&with("exit code: 9", &[(EXIT, "{}")]), None, Some(9), None);
    check(&with("x", &[(EXIT, r#"{"Code":0}"#)]), None, None, None);
    check(&with("x", &[(EXIT, r#"{"Code":4294967295}"#)]), None, Some(4_294_967_295), None);
}

#[test]
fn texts_say_it_where_there_are_no_details() {
    const FRONTEND: &str = "failed to solve with frontend dockerfile.v0: ";
    const LLB: &str = "failed to create LLB definition: ";
    let parse = "dockerfile parse error line 2: unknown instruction: FORM";
    check(&of(parse), Some(2), None, None);
    check(&of(&format!("{FRONTEND}{LLB}{parse}")), Some(2), None, None);
    let gateway = "failed to solve with frontend gateway.v0: rpc error: code = Unknown desc = ";
    check(&of(&format!("{gateway}{parse}")), Some(2), None, None);
    check(&of("dockerfile parse error on line 12: unknown instruction: X"), Some(12), None, None);
    check(&of("dockerfile parse error line : x"), None, None, None);
    check(&of("dockerfile parse error line 99999999999999999999: x"), None, None, None);
    check(&of("executor failed running [/bin/sh -c exit 7]: exit code: 7"), None, Some(7), None);
    // What a command says is not the builder's.
    let odd = "executor failed running [/bin/sh -c echo dockerfile parse error line 4; echo exit \
               code: 5; exit 6]: exit code: 6";
    check(&of(odd), None, Some(6), None);
    check(&of("failed to compute cache key: \"/x\" not found"), None, None, None);
    check(&of(""), None, None, None);
}

#[test]
fn what_stands_in_front_of_every_message_is_left_out() {
    let cases = [
        (
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: a: b",
            "a: b",
        ),
        (
            "failed to solve: executor failed running [a]: exit code: 1",
            "executor failed running [a]: exit code: 1",
        ),
        ("rpc error: code = Unknown desc = failed to solve", "failed to solve"),
        (
            "failed to solve with frontend gateway.v0: rpc error: code = Unknown desc = failed to create LLB definition: x",
            "x",
        ),
        ("pull access denied: failed to solve: x", "pull access denied: failed to solve: x"),
        ("", ""),
    ];
    for (text, want) in cases {
        assert_eq!(message(text), want);
    }
}

#[test]
fn a_connection_that_fails_is_told_from_a_build_that_does() {
    assert!(!is_cut(&of("exit code: 1")));
    assert!(!is_cut(&Status::internal("x")));
    assert!(is_cut(&Status::unavailable("transport is closing")));
    assert!(is_cut(&Status::cancelled("context canceled")));
    assert!(is_cut(&Status::from_error(Box::new(std::io::Error::other("broken pipe")))));
}
