//! Secrets and ssh agents for the steps of a build: read when it is about to run, handed
//! on, and told to nobody.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::context::file::{Largest, bytes};
use crate::context::{ContextError, path_bytes};
use crate::engine::{Secret, SshAgent};
use crate::state::args::Variables;
use crate::state::desired::{BuildSecret, DesiredBuild, SecretFrom};
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::failure::FailureClass;

/// `BuildKit`'s own limit: a builder takes no more.
const LARGEST: Largest = Largest { bytes: 500 * 1024, words: "500 KiB" };

/// What a build is given on its session.
pub(crate) type Given = (Vec<Secret>, Vec<SshAgent>);

/// What the user lets builds have of their environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Handed {
    /// The variables that may be secrets, as far as they are set.
    pub(crate) variables: Variables,
    /// The socket of their ssh agent, if builds may use it and there is one.
    pub(crate) ssh_auth_sock: Option<OsString>,
}

impl fmt::Debug for Handed {
    /// The names of the variables, and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&String> = self.variables.keys().collect();
        write!(f, "Handed({names:?})")
    }
}

/// What the steps of a build get of what the user handed over. The error is the first
/// thing that can't be had, in words that have no value in them.
pub(crate) async fn given(build: &DesiredBuild, handed: &Handed) -> Result<Given, Obstacle> {
    if build.secrets.is_empty() && build.ssh.is_empty() {
        return Ok(Given::default());
    }
    let (build, handed) = (build.clone(), handed.clone());
    let read = tokio::task::spawn_blocking(move || {
        let secrets = build.secrets.iter().map(|secret| self::secret(secret, &handed.variables));
        let agents = build.ssh.iter().map(|id| agent(id, handed.ssh_auth_sock.as_ref()));
        Ok((secrets.collect::<Result<_, _>>()?, agents.collect::<Result<_, _>>()?))
    });
    let cut_short = |_| obstacle("reading the secrets was cut short".to_owned(), None);
    read.await.map_err(cut_short)?
}

fn secret(secret: &BuildSecret, variables: &Variables) -> Result<Secret, Obstacle> {
    let BuildSecret { id, from } = secret;
    let value = match from {
        SecretFrom::Env(name) => variable(id, name, variables)?,
        SecretFrom::File { path, root } => {
            bytes("the file", path, root, LARGEST).map_err(|error| unreadable(id, path, &error))?
        }
    };
    Ok(Secret { id: id.clone(), value: Bytes::from(value) })
}

fn variable(id: &str, name: &str, variables: &Variables) -> Result<Vec<u8>, Obstacle> {
    let Some(value) = variables.get(name) else {
        let why = format!("the environment variable `{name}` is not set");
        return Err(without(id, &why, format!("set `{name}` to the secret and run it again")));
    };
    let value = path_bytes(Path::new(value)).to_vec();
    if value.len() as u64 > LARGEST.bytes {
        let why = format!("the value of the variable `{name}` is larger than {}", LARGEST.words);
        return Err(without(id, &why, too_large()));
    }
    Ok(value)
}

/// Why a file can't be a secret.
fn unreadable(id: &str, path: &Path, error: &ContextError) -> Obstacle {
    let why = match error {
        ContextError::Read { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
            format!("permission to read the file `{}` is denied", path.display())
        }
        ContextError::Read { error, .. } => {
            format!("cannot read the file `{}`: {error}", path.display())
        }
        other => other.to_string(),
    };
    let hint = match error {
        ContextError::Missing { .. } => "put the secret there, and keep it out of git".to_owned(),
        ContextError::Size { .. } => too_large(),
        _ => "the secret has to be a file that you may read, inside the repository".to_owned(),
    };
    without(id, &why, hint)
}

fn too_large() -> String {
    "no builder takes more: hand over the key to it, and not the data".to_owned()
}

fn without(id: &str, why: &str, hint: String) -> Obstacle {
    obstacle(format!("the secret `{id}` has no value: {why}"), Some(hint))
}

fn agent(id: &str, ssh_auth_sock: Option<&OsString>) -> Result<SshAgent, Obstacle> {
    let without = |why: String| {
        let hint = "start an agent and give it the key: `eval \"$(ssh-agent)\"`, `ssh-add`";
        obstacle(format!("there is no ssh agent for `{id}`: {why}"), Some(hint.to_owned()))
    };
    let socket = ssh_auth_sock.filter(|path| !path.is_empty()).map(PathBuf::from);
    let socket = socket.ok_or_else(|| without("`SSH_AUTH_SOCK` is not set".to_owned()))?;
    if !is_socket(&socket) {
        let shown = socket.display();
        return Err(without(format!("`SSH_AUTH_SOCK` is `{shown}`, which is no socket")));
    }
    Ok(SshAgent { id: id.to_owned(), socket })
}

#[cfg(unix)]
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs_err::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Elsewhere it is a named pipe, and opening it is the only way to tell.
#[cfg(not(unix))]
fn is_socket(_: &Path) -> bool {
    true
}

/// Only the user can mend it.
fn obstacle(reason: String, hint: Option<String>) -> Obstacle {
    let (class, hints) = (FailureClass::Build, hint.into_iter().collect());
    Obstacle { reason, class, code: Code::Build, hints }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::execute::tests::build_step;

    const VALUE: &str = "hunter2";

    fn in_variable(name: &str) -> SecretFrom {
        SecretFrom::Env(name.to_owned())
    }

    /// What a build gets of these secrets and agents, with a variable that is set.
    fn get(from: &[SecretFrom], ssh: &[&str], agent: Option<&Path>) -> Result<Given, Obstacle> {
        let secret = |from: &SecretFrom| BuildSecret { id: "npm".to_owned(), from: from.clone() };
        let build = DesiredBuild {
            secrets: from.iter().map(secret).collect(),
            ssh: ssh.iter().map(|&id| id.to_owned()).collect(),
            ..build_step().build
        };
        let large = "x".repeat(500 * 1024 + 1);
        let variables = [("TOKEN", VALUE), ("EMPTY", ""), ("LARGE", &large), ("MOST", &large[1..])];
        let handed = Handed {
            variables: variables.map(|(name, value)| (name.to_owned(), value.into())).into(),
            ssh_auth_sock: agent.map(|path| path.as_os_str().to_owned()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let given = runtime.block_on(given(&build, &handed));
        assert!(!format!("{given:?}{handed:?}").contains(VALUE), "{given:?}");
        given
    }

    #[track_caller]
    fn fails(from: &SecretFrom, want: &str) {
        let failed = get(std::slice::from_ref(from), &[], None).unwrap_err();
        assert_eq!(failed.class, FailureClass::Build);
        assert_eq!(format!("{failed}; {}", failed.hints.join("; ")), want);
    }

    fn value(from: SecretFrom) -> Bytes {
        get(&[from], &[], None).unwrap().0.remove(0).value
    }

    #[test]
    fn a_variable_is_a_secret_as_it_is() {
        assert_eq!(value(in_variable("TOKEN")), VALUE);
        assert_eq!(value(in_variable("EMPTY")), "");
        assert_eq!(value(in_variable("MOST")).len(), 500 * 1024);
        fails(
            &in_variable("OTHER"),
            "the secret `npm` has no value: the environment variable `OTHER` is not set; \
             set `OTHER` to the secret and run it again",
        );
        fails(
            &in_variable("LARGE"),
            "the secret `npm` has no value: the value of the variable `LARGE` is larger than \
             500 KiB; no builder takes more: hand over the key to it, and not the data",
        );
    }

    #[test]
    fn a_file_is_a_secret_if_it_lies_inside_the_root() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        fs_err::create_dir(&root).unwrap();
        let at = |name: &str| SecretFrom::File { path: root.join(name), root: root.clone() };
        let write = |name: &str, value: &[u8]| fs_err::write(root.join(name), value).unwrap();
        write("key", b"a\xff\0\n");
        assert_eq!(value(at("key")), &b"a\xff\0\n"[..]);
        symlink("key", root.join("link")).unwrap();
        assert_eq!(value(at("link")).len(), 4);
        write("most", &vec![b'x'; 500 * 1024]);
        assert_eq!(value(at("most")).len(), 500 * 1024);

        let check = |name: &str, why: &str, hint: &str| {
            let shown = root.join(name);
            let why = why.replace("FILE", &format!("the file `{}`", shown.display()));
            fails(&at(name), &format!("the secret `npm` has no value: {why}; {hint}"));
        };
        let rule = "the secret has to be a file that you may read, inside the repository";
        check("none", "FILE does not exist", "put the secret there, and keep it out of git");
        check("", "FILE is no file", rule);
        write("large", &vec![b'x'; 500 * 1024 + 1]);
        let large = "no builder takes more: hand over the key to it, and not the data";
        check("large", "FILE is larger than 500 KiB", large);
        // Nobody writes to it, and nobody waits for that.
        let pipe = root.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        check("pipe", "FILE is no file", rule);
        fs_err::write(top.path().join("outside"), VALUE).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        check("out", &format!("FILE leads out of `{}`", root.display()), rule);
        symlink("..", root.join("up")).unwrap();
        check("up/outside", &format!("FILE leads out of `{}`", root.display()), rule);
    }

    #[test]
    fn an_agent_is_a_socket_that_the_environment_names() {
        let top = tempfile::tempdir().unwrap();
        let (socket, file) = (top.path().join("agent"), top.path().join("file"));
        let _agent = UnixListener::bind(&socket).unwrap();
        fs_err::write(&file, "").unwrap();
        let (_, agents) = get(&[], &["default", "other"], Some(&socket)).unwrap();
        let agent = |id: &str| SshAgent { id: id.to_owned(), socket: socket.clone() };
        assert_eq!(agents, [agent("default"), agent("other")]);
        let check = |agent: Option<&Path>, why: &str| {
            let failed = get(&[], &["default"], agent).unwrap_err();
            assert_eq!(failed.reason, format!("there is no ssh agent for `default`: {why}"));
            assert!(failed.hints[0].contains("`ssh-add`"));
        };
        check(None, "`SSH_AUTH_SOCK` is not set");
        check(Some(Path::new("")), "`SSH_AUTH_SOCK` is not set");
        let why = format!("`SSH_AUTH_SOCK` is `{}`, which is no socket", file.display());
        check(Some(&file), &why);
        // Nobody needs one who uses none.
        assert_eq!(get(&[in_variable("TOKEN")], &[], None).unwrap().1, []);
    }
}
