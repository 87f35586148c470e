//! Asking a credential helper: another program, chosen by the user's
//! configuration, that may fail in every way a program can.

use std::env;
use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::engine::Credentials;
use crate::words::text;

/// The most that a helper may print. Real answers are a few kilobytes at most.
const MAX_OUTPUT: u64 = 64 * 1024;
/// What every helper prints, with a failure, for a registry that it doesn't know.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";
/// The user name that says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// Why a helper gave no answer. Says nothing of what it printed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("`{0}` is no name of a credential helper")]
    Name(String),
    #[error("`{0}` is not on the `PATH`")]
    Missing(String),
    #[error("`{0}` is not executable")]
    NotExecutable(String),
    #[error("`{program}` can't be run ({})", error.kind())]
    Run {
        program: String,
        #[source]
        error: io::Error,
    },
    #[error("`{0}` did not answer in time")]
    Silent(String),
    #[error("`{0}` printed more than {kib} KiB", kib = MAX_OUTPUT / 1024)]
    TooMuch(String),
    #[error("`{0}` failed ({1})")]
    Failed(String, ExitStatus),
    #[error("`{0}` printed something that is no answer of a credential helper")]
    Garbage(String),
}

/// Asks `docker-credential-NAME` for a server's credentials; `None` where it has none.
///
/// When `limit` is over, or the future is dropped, the helper is killed with
/// everything that it started.
pub(super) async fn ask(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
    limit: impl Future<Output = ()>,
) -> Result<Option<Credentials>, HelperError> {
    let program = program(name)?;
    let file = find(&program, path)?;
    let (status, output) = tokio::select! {
        done = run(&file, server) => match done {
            Ok(done) => done,
            Err(error) => return Err(HelperError::Run { program, error }),
        },
        () = limit => return Err(HelperError::Silent(program)),
    };
    let Some(status) = status else { return Err(HelperError::TooMuch(program)) };
    if !status.success() {
        let unknown = output.trim_ascii() == NOT_FOUND;
        return if unknown { Ok(None) } else { Err(HelperError::Failed(program, status)) };
    }
    answer(&output, program)
}

/// The program's file name. A configuration names a helper, never a path.
fn program(name: &str) -> Result<String, HelperError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(HelperError::Name(text::foreign_line(text::cut(name, 80))));
    }
    Ok(format!("docker-credential-{name}{}", env::consts::EXE_SUFFIX))
}

/// The first executable file of that name on `path`.
///
/// Relative folders don't count: the current one belongs to the repository that
/// is being worked on, which must not get to choose what runs.
fn find(program: &str, path: Option<&OsStr>) -> Result<PathBuf, HelperError> {
    let folders = path.map(env::split_paths).into_iter().flatten();
    let mut seen = false;
    for folder in folders.filter(|folder| folder.is_absolute()) {
        let file = folder.join(program);
        match fs_err::metadata(&file) {
            Ok(meta) if meta.is_file() && is_executable(&meta) => return Ok(file),
            Ok(_) => seen = true,
            Err(_) => {}
        }
    }
    let program = program.to_owned();
    Err(if seen { HelperError::NotExecutable(program) } else { HelperError::Missing(program) })
}

#[cfg(unix)]
fn is_executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

/// Runs the helper to its end. No status: it printed too much and was killed.
async fn run(file: &Path, server: &str) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
    let mut group = Group(spawn(file)?);
    let (stdin, stdout) = (group.0.stdin.take(), group.0.stdout.take());
    if let Some(mut stdin) = stdin {
        // A helper that doesn't read its input says what is wrong by its status.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > MAX_OUTPUT {
        return Ok((None, Vec::new()));
    }
    // Last, because from here on its process id may belong to another program.
    Ok((Some(group.0.wait().await?), output))
}

fn spawn(file: &Path) -> io::Result<Child> {
    let mut command = Command::new(file);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// A running helper; dropping it ends the whole process group.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // There is an id only until the end was waited for: as long as there is
        // one, no other group can have got the same number.
        #[cfg(unix)]
        if let Some(id) = self.0.id()
            && let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Reads `{"Username": …, "Secret": …}`. An empty secret is none.
fn answer(output: &[u8], program: String) -> Result<Option<Credentials>, HelperError> {
    let value: Value = serde_json::from_slice(output).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (Some(username), Some(secret)) = (text("Username"), text("Secret")) else {
        return Err(HelperError::Garbage(program));
    };
    if secret.is_empty() {
        return Ok(None);
    }
    let (username, password, identity_token) = if username == TOKEN_USER {
        (String::new(), String::new(), secret)
    } else {
        (username, secret, String::new())
    };
    let registry_token = String::new();
    Ok(Some(Credentials { username, password, identity_token, registry_token, origin: program }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_has_a_name_and_no_path() {
        assert_eq!(program("pass").unwrap(), "docker-credential-pass");
        assert_eq!(program("ecr-login.v2_x").unwrap(), "docker-credential-ecr-login.v2_x");
        for bad in ["", "../../x", "/bin/sh", "a b", "a\0", "ä", "a;b", "?", "\u{202e}x"] {
            let error = program(bad).unwrap_err().to_string();
            assert!(error.ends_with("is no name of a credential helper"), "{error}");
            assert!(!error.contains(['\0', '\u{202e}']), "{error}");
        }
    }

    #[test]
    fn only_an_answer_is_an_answer() {
        let read = |text: &str| answer(text.as_bytes(), "h".to_owned());
        let found = read(r#"{"ServerURL":"x","Username":"me","Secret":"p:q"}"#).unwrap().unwrap();
        assert_eq!((found.username.as_str(), found.password.as_str()), ("me", "p:q"));
        let found = read(r#"{"Username":"<token>","Secret":"t"}"#).unwrap().unwrap();
        assert_eq!(
            [found.username.as_str(), &found.password, &found.identity_token, &found.origin],
            ["", "", "t", "h"]
        );
        assert_eq!(read(r#"{"Username":"","Secret":""}"#).unwrap(), None);
        for bad in
            ["", "{}", "null", "[1]", r#"{"Username":"me"}"#, r#"{"Username":1,"Secret":"x"}"#]
        {
            assert!(matches!(read(bad), Err(HelperError::Garbage(_))), "{bad}");
        }
    }
}
