//! The summary's Markdown.

use super::*;
use crate::execute::report::SourceFailure;
use crate::words::code::Code;
use crate::words::failure::FailureClass;

fn image(id: &str, action: Action, outcome: Outcome) -> ImageReport {
    ImageReport {
        id: id.into(),
        name: format!("acme/{id}"),
        reference: format!("docker.io/acme/{id}:1"),
        action,
        outcome,
        cause: "not in the engine".into(),
        steps: Vec::new(),
        registries: Vec::new(),
        signed_by: None,
        wanted: None,
        pinned_by: None,
        source: None,
        digest: None,
        image_id: None,
        previous_id: None,
        changed: false,
        moved: true,
        bytes: 0,
        millis: 1200,
        failures: Vec::new(),
        code: None,
        error: None,
        hints: Vec::new(),
        log: Vec::new(),
        log_file: None,
        failed_at: None,
        exit: ExitStatus::Success,
    }
}

fn failed(id: &str, error: &str) -> ImageReport {
    let source = SourceFailure {
        source: "ghcr.io/acme/x:1".into(),
        class: FailureClass::NotFound,
        code: Code::NotFound,
        attempts: 1,
        message: "</table>\n```\n# boo".into(),
    };
    ImageReport {
        error: Some(error.into()),
        failures: vec![source],
        code: Some(Code::NotFound),
        hints: vec!["see `name`".into()],
        ..image(id, Action::Pull, Outcome::Failed)
    }
}

fn shown(images: Vec<ImageReport>, told: &[Diagnostic]) -> String {
    shown_of("sync", "", images, told)
}

fn shown_of(command: &str, text: &str, images: Vec<ImageReport>, told: &[Diagnostic]) -> String {
    let digest = format!("sha256:{}", "a".repeat(64));
    let held = Held {
        reference: format!("ghcr.io/acme/tool@{digest}"),
        digest: Some(digest),
        size: 21_000_000,
    };
    summary(&Run {
        command,
        text,
        exit: ExitStatus::Failed,
        report: &Report { images },
        held: &BTreeMap::from([("tool".to_owned(), held)]),
        told,
        time: Duration::from_millis(4200),
    })
}

#[test]
fn a_row_an_image_and_a_block_a_failure() {
    let pulled = ImageReport {
        source: Some("ghcr.io/acme/tool:1".into()),
        ..image("tool", Action::Pull, Outcome::Done)
    };
    let built = ImageReport {
        source: Some("build".into()),
        steps: vec![PlannedStep::Build { dockerfile: Some("odd|`name`".into()) }],
        ..image("app", Action::Build, Outcome::Done)
    };
    let images = vec![pulled, built, failed("x", "no source has it: `a```b`")];
    let warning = Diagnostic::warning("the <b>lock</b> is not committed");
    insta::assert_snapshot!(shown(images, &[warning]), @r"
    ### `occ sync`: 1 pulled, 1 built, 1 failed in 4.2s

    | image | what | source | digest | size | time |
    |---|---|---|---|---:|---:|
    | `tool` | pulled | `ghcr.io/acme/tool:1` | `sha256:aaaaaaaaaaaa` | 21.0 MB | 1.2s |
    | `app` | built | `` odd│`name` `` |  |  | 1.2s |
    | `x` | **failed** |  |  |  | 1.2s |

    **`x`**: `OCC-NOT-FOUND`

    ````text
    failed: no source has it: `a```b`
        ghcr.io/acme/x:1  not found, 1 attempt: </table> ``` # boo
        hint: see `name`
        code: OCC-NOT-FOUND, see `occ explain OCC-NOT-FOUND`
    ````

    **warning**

    ```text
    the <b>lock</b> is not committed
    ```
    ");
}

#[test]
fn without_images_it_says_what_was_wrong() {
    let odd = Diagnostic::warning("odd");
    let mut error = Diagnostic::error("unknown key `registrys`").code(Code::Manifest).hint("x");
    error.file = Some("opencode.toml".into());
    (error.line, error.column) = (5, 1);
    insta::assert_snapshot!(shown(Vec::new(), &[odd, error]), @r"
    ### `occ sync`: exit code 1

    **error**: `OCC-MANIFEST`

    ```text
    unknown key `registrys`
    --> opencode.toml:5:1
    hint: x
    ```

    **warning**

    ```text
    odd
    ```
    ");
}

#[test]
fn a_command_without_images_has_its_words() {
    let said = "tool  \x1b[1mmoved\x1b[0m   acme/tool:1 at `b`\n";
    insta::assert_snapshot!(shown_of("lock", said, Vec::new(), &[]), @r"
    ### `occ lock`

    ```text
    tool  moved   acme/tool:1 at `b`
    ```
    ");
}

#[test]
fn it_is_no_longer_than_its_share() {
    let images = (0..5000).map(|at| failed(&format!("x{at}"), &"é`".repeat(1000))).collect();
    let text = shown(images, &[]);
    assert!(text.len() < MAX + 100, "{}", text.len());
    assert!(text.contains(" more | | | | | |\n\n**`x0`**: `OCC-NOT-FOUND`\n"), "{text}");
    assert!(text.ends_with(" more are in the log.\n\n"), "{}", &text[text.len() - 200..]);
}

#[test]
fn nothing_gets_out_of_its_code() {
    for text in ["a", "`", "``a", "a|b", "a\\|b", "x\ny", "\u{202e}<img src=x>"] {
        let cell = code(text);
        assert!(!cell.contains(['\n', '|']), "{cell}");
    }
    assert_eq!(code("a`b"), "``a`b``");
    assert_eq!(code("`"), "`` ` ``");
    assert_eq!(code(""), "");
    assert_eq!(block("a\n```\n````\n"), "`````text\na\n```\n````\n`````\n");
}
