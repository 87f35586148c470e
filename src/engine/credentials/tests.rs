//! The store over real files, and over helpers that are real programs.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::CredentialStore;
use crate::engine::Credentials;
use crate::words::event::{Event, ProgressReporter};

/// A folder that is both the configuration's and the only one on `PATH`.
struct Home {
    dir: TempDir,
    warnings: Arc<Mutex<Vec<String>>>,
    store: CredentialStore,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = CredentialStore::new(Some(dir.path().to_owned()), Some(dir.path().into()));
        Self { dir, warnings: Arc::default(), store }
    }

    fn config(self, text: &str) -> Self {
        fs_err::write(self.file(), text).unwrap();
        self
    }

    /// A helper with this body. A shell writes it: a file that this process had
    /// open for writing could not be run while another test starts a program.
    fn helper(self, name: &str, body: &str) -> Self {
        let file = self.dir.path().join(format!("docker-credential-{name}"));
        sh(r#"printf '#!/bin/sh\n%s\n' "$1" >"$2" && chmod 755 "$2""#, &[body.as_ref(), &file]);
        self
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("config.json")
    }

    async fn get(&self, registry: &str) -> Option<Credentials> {
        let warnings = Arc::clone(&self.warnings);
        let progress = ProgressReporter::new(move |event| match event {
            Event::Warning { image: None, message } => warnings.lock().unwrap().push(message),
            other => panic!("{other:?}"),
        });
        self.store.get(registry, &progress).await
    }

    /// Asks anonymously in the end, with exactly one warning; returns it with
    /// the folder left out.
    async fn one_warning(&self) -> String {
        assert_eq!(self.get("r.example").await, None);
        assert_eq!(self.get("r.example").await, None);
        assert_eq!(self.get("other.example").await, None);
        let warnings = self.warnings.lock().unwrap();
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        warning.replace(&*self.dir.path().to_string_lossy(), "~")
    }
}

fn sh(script: &str, args: &[&Path]) {
    let status = Command::new("sh").args(["-euc", script, "sh"]).args(args).status().unwrap();
    assert!(status.success(), "{script}");
}

/// `me` and `p` for `r.example`, in the file.
const FILE_ENTRY: &str = r#""auths": {"r.example": {"auth": "bWU6cA=="}}"#;
const ANSWER: &str = r#"echo '{"ServerURL":"x","Username":"helped","Secret":"h-secret"}'"#;

#[tokio::test]
async fn a_missing_file_is_nothing_to_warn_about() {
    let home = Home::new();
    assert_eq!(home.get("r.example").await, None);
    let nowhere = CredentialStore::new(None, None);
    assert_eq!(nowhere.get("r.example", &ProgressReporter::silent()).await, None);
    let gone = CredentialStore::new(Some(home.dir.path().join("no/such")), None);
    let progress = ProgressReporter::new(|event| panic!("{event:?}"));
    assert_eq!(gone.get("r.example", &progress).await, None);
    assert!(home.warnings.lock().unwrap().is_empty());
}

/// Whoever uses the library may run a pull, and so this, on any thread.
#[test]
fn a_question_may_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let store = CredentialStore::new(None, None);
    moves(&store.get("r.example", &ProgressReporter::silent()));
}

#[tokio::test]
async fn nothing_is_read_before_the_first_question() {
    let home = Home::new();
    let home = home.config(&format!("{{{FILE_ENTRY}}}"));
    let found = home.get("r.example").await.unwrap();
    assert_eq!((found.username.as_str(), found.password.as_str()), ("me", "p"));
    assert_eq!(found.origin, home.file().display().to_string());
    // And only once: what is known stays known.
    fs_err::remove_file(home.file()).unwrap();
    assert_eq!(home.get("r.example").await, Some(found));
    assert_eq!(home.get("other.example").await, None);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_one_warning() {
    type Put = fn(&Path);
    let cases: [(Put, &str); 6] = [
        (
            |file| fs_err::write(file, "{oops").unwrap(),
            "is not JSON (key must be a string at line 1 column 2)",
        ),
        (|file| fs_err::create_dir(file).unwrap(), "is no regular file"),
        (|file| sh("mkfifo \"$1\"", &[file]), "is no regular file"),
        (|file| sh("ln -s nothing-is-there \"$1\"", &[file]), "is a link to nothing"),
        (
            |file| fs_err::write(file, " ".repeat(1024 * 1024 + 1)).unwrap(),
            "is larger than 1024 KiB",
        ),
        (
            |file| fs_err::write(file, [0xff, 0xfe, 0]).unwrap(),
            "is not JSON (expected value at line 1 column 1)",
        ),
    ];
    for (put, want) in cases {
        let home = Home::new();
        put(&home.file());
        assert_eq!(
            home.one_warning().await,
            format!("the Docker configuration {want}: `~/config.json` is not used")
        );
    }
    // Stands for everything that the system refuses: no permission, a bad disk.
    let home = Home::new();
    sh("ln -s config.json \"$1\"", &[&home.file()]);
    let warning = home.one_warning().await;
    assert!(warning.starts_with("the Docker configuration can't be read ("), "{warning}");
}

#[tokio::test]
async fn a_broken_entry_is_told_for_its_own_registry_only() {
    let home = Home::new().config(
        r#"{"auths": {"bad.example": {"auth": "%%%"}, "r.example": {"auth": "bWU6cA=="}}}"#,
    );
    assert!(home.get("r.example").await.is_some());
    assert!(home.warnings.lock().unwrap().is_empty());
    assert_eq!(home.get("bad.example").await, None);
    let warnings = home.warnings.lock().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("`bad.example`"), "{warnings:?}");
}

#[tokio::test]
async fn a_helper_gets_the_server_and_its_answer_is_used() {
    let body = format!(
        "[ \"$*\" = get ]\ncat >>\"${{0%/*}}/asked\"\necho >>\"${{0%/*}}/asked\"\n{ANSWER}"
    );
    let home = Home::new()
        .config(&format!(r#"{{{FILE_ENTRY}, "credsStore": "good"}}"#))
        .helper("good", &body);
    let (one, two) = tokio::join!(home.get("r.example"), home.get("r.example"));
    let found = one.unwrap();
    assert_eq!(two.as_ref(), Some(&found));
    assert_eq!((found.username.as_str(), found.password.as_str()), ("helped", "h-secret"));
    assert_eq!(found.origin, "docker-credential-good");
    assert!(home.get("docker.io").await.is_some());
    let asked = fs_err::read_to_string(home.dir.path().join("asked")).unwrap();
    assert_eq!(asked, "r.example\nhttps://index.docker.io/v1/\n");
    assert!(!format!("{:?} {found:?}", home.store).contains("h-secret"));
    assert!(home.warnings.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_helper_that_knows_nothing_ends_the_search() {
    let home = Home::new()
        .config(&format!(r#"{{{FILE_ENTRY}, "credHelpers": {{"r.example": "none"}}}}"#))
        .helper("none", "echo 'credentials not found in native keychain'; exit 1");
    assert_eq!(home.get("r.example").await, None);
    assert!(home.warnings.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_broken_helper_is_one_warning_without_its_output() {
    let cases = [
        ("echo s3cret; echo s3cret >&2; exit 3", "`docker-credential-h` failed (exit status: 3)"),
        ("kill -9 $$", "`docker-credential-h` failed (signal: 9 (SIGKILL))"),
        (
            "echo s3cret",
            "`docker-credential-h` printed something that is no answer of a credential helper",
        ),
        ("exec yes s3cret", "`docker-credential-h` printed more than 64 KiB"),
    ];
    for (body, want) in cases {
        let home = Home::new().config(r#"{"credsStore": "h"}"#).helper("h", body);
        assert_eq!(
            home.one_warning().await,
            format!("{want}: the helper, named in `~/config.json`, is not used")
        );
    }
}

#[tokio::test]
async fn a_helper_that_cannot_be_run_is_one_warning() {
    let home = Home::new().config(r#"{"credsStore": "h"}"#);
    let end = ": the helper, named in `~/config.json`, is not used";
    assert_eq!(
        home.one_warning().await,
        format!("`docker-credential-h` is not on the `PATH`{end}")
    );

    let home = Home::new().config(r#"{"credsStore": "h"}"#);
    fs_err::write(home.dir.path().join("docker-credential-h"), "#!/bin/sh\n").unwrap();
    assert_eq!(home.one_warning().await, format!("`docker-credential-h` is not executable{end}"));

    let home = Home::new().config(r#"{"credsStore": "h"}"#);
    sh(
        r#"echo '#!/no/such' >"$1"; chmod 755 "$1""#,
        &[&home.dir.path().join("docker-credential-h")],
    );
    let warning = home.one_warning().await;
    assert!(warning.starts_with("`docker-credential-h` can't be run ("), "{warning}");
}

#[tokio::test]
async fn a_path_in_a_helpers_name_is_never_run() {
    let home = Home::new().helper("x", "touch \"${0%/*}/ran\"");
    let up =
        format!("x/../../{}/docker-credential-x", home.dir.path().file_name().unwrap().display());
    for name in ["../../x", "/bin/x", &up] {
        let home = Home::new().config(&format!(r#"{{"credsStore": "{name}"}}"#));
        let warning = home.one_warning().await;
        assert!(
            warning.starts_with(&format!("`{name}` is no name of a credential helper")),
            "{warning}"
        );
    }
    assert!(!home.dir.path().join("ran").exists());
}

#[tokio::test]
async fn the_current_folder_is_no_place_for_helpers() {
    let home = Home::new().config(r#"{"credsStore": "x"}"#).helper("x", ANSWER);
    // From wherever the tests run, up to the root and down again.
    let relative = format!("{}{}", "../".repeat(40), home.dir.path().display());
    assert!(Path::new(&relative).join("docker-credential-x").exists());
    let mut path = OsString::from(":.:");
    path.push(relative);
    let store = CredentialStore::new(Some(home.dir.path().to_owned()), Some(path));
    assert_eq!(store.get("r.example", &ProgressReporter::silent()).await, None);
}

#[tokio::test]
async fn a_failing_helper_leaves_the_files_own_entry() {
    let home = Home::new()
        .config(&format!(r#"{{{FILE_ENTRY}, "credsStore": "h"}}"#))
        .helper("h", "exit 1");
    assert_eq!(home.get("r.example").await.unwrap().username, "me");
    assert_eq!(home.warnings.lock().unwrap().len(), 1);
}

/// A helper that says on `ready` that it and its child run, and never ends.
/// Both hold `alive` open: its reader sees the end when the last one is dead.
const HANGS: &str = r#"cd "${0%/*}"; exec 3>alive; sleep 60 & echo >ready; wait"#;

/// Makes the two pipes; returns what tells that `ready` was written, and what
/// tells that nobody holds `alive` any more.
fn watch(home: &Home) -> (mpsc::Receiver<()>, mpsc::Receiver<()>) {
    let open = |name: &str| {
        let pipe = home.dir.path().join(name);
        sh("mkfifo \"$1\"", &[&pipe]);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            fs_err::File::open(pipe).unwrap().read_to_end(&mut Vec::new()).unwrap();
            tell.send(()).unwrap();
        });
        told
    };
    (open("ready"), open("alive"))
}

#[tokio::test]
async fn a_silent_helper_is_killed_with_all_that_it_started() {
    let home = Home::new().helper("hang", HANGS);
    let (ready, dead) = watch(&home);
    let limit = async { tokio::task::spawn_blocking(move || ready.recv().unwrap()).await.unwrap() };
    let path = home.dir.path().as_os_str();
    let error = super::helper::ask("hang", "r.example", Some(path), limit).await.unwrap_err();
    assert_eq!(error.to_string(), "`docker-credential-hang` did not answer in time");
    dead.recv_timeout(Duration::from_secs(20)).expect("the helper's child lives on");
}

#[tokio::test]
async fn a_cancelled_question_kills_the_helper_too() {
    let home = Home::new().config(r#"{"credsStore": "hang"}"#).helper("hang", HANGS);
    let (ready, dead) = watch(&home);
    tokio::select! {
        found = home.get("r.example") => panic!("{found:?}"),
        done = tokio::task::spawn_blocking(move || ready.recv().unwrap()) => done.unwrap(),
    }
    dead.recv_timeout(Duration::from_secs(20)).expect("the helper's child lives on");
}

#[tokio::test]
async fn the_store_waits_for_a_helper_only_so_long() {
    let mut home = Home::new().config(r#"{"credsStore": "hang"}"#).helper("hang", "exec sleep 60");
    home.store.helper_limit = Duration::from_millis(50);
    assert_eq!(
        home.one_warning().await,
        "`docker-credential-hang` did not answer in time: the helper, named in `~/config.json`, is not used"
    );
}
