//! Streams of a pull that end early, hold something else than JSON, or fail in other
//! words (rows 45 to 49).

use super::*;

#[test]
fn row_45_an_empty_pull_is_never_a_success() {
    let engine = engine_pulling(&[], End::Clean);
    let run = sync(&engine).expect(1);
    let said = "ended without a result, 2 attempts: the engine reported no error, and the image is not there";
    assert!(run.stdout.contains(said), "{run}");
    assert_eq!(engine.id("acme/tool:1"), None);

    // A pin is pulled without a question first.
    let engine = engine_pulling(&[], End::Clean);
    let pinned = format!("{MANIFEST}digest = \"{}\"\n", StubImage::new("tool").digest);
    let run = on(&engine.host(), &pinned).args(["sync"]).run().expect(1);
    assert!(run.stdout.contains(said), "{run}");
}

#[test]
fn row_46_by_tag_the_old_image_is_no_proof_of_an_early_end() {
    let by_tag = |lines: &[&str]| {
        engine_pulling(lines, End::Clean)
            .local("ghcr.io/acme/tool:1", &StubImage::new("old"))
            .failing("/distribution/", Fault::Status(404, "page not found"))
    };
    let begun = r#"{"status":"Pulling fs layer","id":"0123456789ab"}"#;
    let cut = by_tag(&[begun]);
    sync(&cut).expect(1);
    assert_eq!(cut.id("acme/tool:1"), None);
    let same = by_tag(&[r#"{"status":"Status: Image is up to date for ghcr.io/acme/tool:1"}"#]);
    sync(&same).expect(0);
    assert_eq!(same.id("acme/tool:1"), Some(StubImage::new("old").id));
}

#[test]
fn row_46_after_an_early_end_the_engine_itself_is_asked() {
    let line = [r#"{"status":"Pulling from acme/tool"}"#];
    let absent = engine_pulling(&line, End::Clean);
    sync(&absent).expect(1);
    assert_eq!(absent.id("acme/tool:1"), None);

    let image = StubImage::new("tool");
    let by_digest = format!("ghcr.io/acme/tool@{}", image.digest);
    let present = engine_pulling(&line, End::Clean).local(&by_digest, &image);
    sync(&present).expect(0);
    assert_eq!(present.id("acme/tool:1"), Some(image.id));
}

#[test]
fn row_47_a_stream_that_is_cut_or_no_json_is_a_failure() {
    let cases: [(&[&str], End); 3] = [
        (&[r#"{"status":"Pulling from acme/tool"}"#], End::Cut),
        (&[r#"{"status":"#, "]]"], End::Clean),
        (&["<html>no engine</html>"], End::Clean),
    ];
    for (lines, end) in cases {
        let engine = engine_pulling(lines, end);
        let run = sync(&engine).expect(1);
        assert!(run.stdout.contains("ended without a result, 2 attempts"), "{lines:?}\n{run}");
        assert_eq!(engine.id("acme/tool:1"), None);
    }
}

#[test]
fn row_47_a_cut_stream_of_an_engine_that_died_is_the_engines_failure() {
    let line = [r#"{"status":"Pulling from acme/tool"}"#];
    let engine = engine_pulling(&line, End::Cut)
        // The observation works; the look at what the cut left does not.
        .rule(Rule::on("GET /images/", Fault::Close).skip(1));
    sync(&engine).expect(5);
    assert_eq!(engine.seen("POST /images/create").len(), 1);
}

#[test]
fn row_48_bytes_that_are_no_text_are_survived_and_the_engine_itself_is_asked() {
    let latin1 = b"{\"status\":\"t\xe9l\xe9chargement\"}".to_vec();
    let fault = Fault::Stream(vec![latin1], End::Clean);
    let absent = engine().failing("POST /images/create", fault.clone());
    let run = sync(&absent).expect(1);
    assert!(run.stdout.contains("2 attempts: the engine's answer is not what an engine says"));
    assert_eq!(absent.id("acme/tool:1"), None);

    let image = StubImage::new("tool");
    let by_digest = format!("ghcr.io/acme/tool@{}", image.digest);
    let present = engine().failing("POST /images/create", fault).local(&by_digest, &image);
    sync(&present).expect(0);
    assert_eq!(present.id("acme/tool:1"), Some(image.id));
    assert_eq!(present.seen("POST /images/create").len(), 1);
}

#[test]
fn row_49_an_error_line_is_one_in_either_form() {
    let text = "toomanyrequests: You have reached your pull rate limit";
    let both = format!(r#"{{"errorDetail":{{"message":"{text}"}},"error":"{text}"}}"#);
    let detail = format!(r#"{{"errorDetail":{{"message":"{text}"}}}}"#);
    for line in [both, detail] {
        let run = sync(&engine_pulling(&[line.as_str()], End::Clean)).expect(7);
        assert!(run.stdout.contains(&format!("pull limit reached, 1 attempt: {text}")), "{run}");
    }
    // The transport below drops the older field, so its text is lost, but not the failure.
    let error = format!(r#"{{"error":"{text}"}}"#);
    let engine = engine_pulling(&[error.as_str()], End::Clean);
    let run = sync(&engine).expect(1);
    assert!(run.stdout.contains("the engine reported a failure without a reason"), "{run}");
    assert_eq!(engine.id("acme/tool:1"), None);
}
