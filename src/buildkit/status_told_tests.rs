//! What a builder tells of beside its steps.

use bollard_buildkit_proto::pb::{Position, Range};

use super::*;

#[test]
fn transfers_and_layers_are_told_as_they_go() {
    let status =
        |id: &str, vertex: &str, name: &str, current, total, ended: Option<Ms>| VertexStatus {
            id: id.to_owned(),
            vertex: format!("sha256:{vertex}"),
            name: name.to_owned(),
            current,
            total,
            timestamp: Some(stamp(1)),
            completed: ended.map(stamp),
            ..VertexStatus::default()
        };
    let layer = format!("sha256:{}", "0123456789ab".repeat(6));
    let unpacked = format!("extracting {layer}");
    let base = "[1/2] FROM a";
    let mut steps = Steps::default();
    let report = StatusResponse {
        vertexes: vec![
            begun(CONTEXT, 0),
            begun("[internal] load .dockerignore", 0),
            begun(base, 0),
        ],
        statuses: vec![
            status("transferring context:", CONTEXT, "transferring", 5, 0, None),
            status(
                "transferring context:",
                "[internal] load .dockerignore",
                "transferring",
                2,
                0,
                None,
            ),
            status("transferring context:", "unknown", "transferring", 2, 0, None),
            status("transferring context:", CONTEXT, "transferring", -1, 0, None),
            status("resolve docker.io/library/a", base, "resolving", 0, 0, None),
            status(&layer, base, "waiting", 0, 0, None),
            status(&layer, base, "downloading", 5, 10, None),
            status(&layer, base, "done", 10, 10, Some(3)),
            status(&unpacked, base, "extract", 0, 0, None),
            status(&unpacked, base, "extract", 0, 0, Some(4)),
            status("sha256:short", base, "downloading", 1, 2, None),
            status("sha256:\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", base, "odd", 1, 2, None),
            status("exporting layers", "exporting to image", "exporting", 0, 0, None),
            status("naming to docker.io/library/app:1", "exporting to image", "naming", 0, 0, None),
        ],
        ..StatusResponse::default()
    };
    let want = [
        "sent 5",
        "sent 0",
        "0123456789ab Waiting 0/0",
        "0123456789ab Downloading 5/10",
        "0123456789ab Done 10/10",
        "0123456789ab Extracting 0/0",
        "0123456789ab Done 0/0",
        "short Downloading 1/2",
    ];
    steps.hear(report, &want);
}

#[test]
fn warnings_become_remarks() {
    let range = |line| Range { start: Some(Position { line, character: 0 }), end: None };
    let warning = |ranges: Vec<Range>| VertexWarning {
        vertex: "sha256:a".to_owned(),
        short: b" Empty continuation line found in: RUN a \n".to_vec(),
        detail: vec![b"more".to_vec()],
        url: "https://docs.example/".to_owned(),
        ranges,
        ..VertexWarning::default()
    };
    let cases = [
        (vec![range(4), range(7)], Some(4)),
        (vec![range(0)], None),
        (vec![range(-1)], None),
        (vec![Range::default()], None),
        (Vec::new(), None),
    ];
    for (ranges, line) in cases {
        let warnings = vec![warning(ranges)];
        let mut out = Vec::new();
        Steps::default().take(StatusResponse { warnings, ..Default::default() }, &mut out);
        let message = "Empty continuation line found in: RUN a".to_owned();
        let url = "https://docs.example/".to_owned();
        assert_eq!(out, [BuildProgress::Remark(Remark { line, message, url })]);
    }
}

#[test]
fn odd_times_are_borne() {
    let mut steps = Steps::default();
    let mut odd = done("a", 500, 100);
    steps.hear(report([odd.clone()]), &["#1 a Running", "#1 a Done 0"]);
    odd.digest = "other".to_owned();
    odd.started = Some(Timestamp { seconds: -5, nanos: -7 });
    odd.completed = Some(Timestamp { seconds: i64::MAX, nanos: i32::MAX });
    let mut out = Vec::new();
    steps.take(report([odd]), &mut out);
    steps.end(&mut out);
    assert_eq!(out.len(), 2);
}
