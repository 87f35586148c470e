//! The usual sockets: where engines listen when nobody says otherwise.

use std::io;
use std::path::{Path, PathBuf};

/// The first usual socket that this user may connect to, else the first that is
/// there, else Docker's own, which the error about it will name.
///
/// `home` is the home directory, `runtime` is `XDG_RUNTIME_DIR`.
pub(super) fn usual(home: Option<&Path>, runtime: Option<&Path>) -> PathBuf {
    let all = candidates(home, runtime);
    let found = all.iter().find(|path| may_connect(path)).or_else(|| {
        // A directory that may not be looked into counts as there.
        all.iter().find(|path| !matches!(look(path), Look::Absent))
    });
    found.or(all.first()).cloned().unwrap_or_default()
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    Absent,
    /// A socket.
    Socket,
    /// Something else.
    NoSocket,
    /// Unknown: this directory, or the path itself, may not be looked into.
    Forbidden(PathBuf),
}

/// Looks at a path without opening it.
pub(super) fn look(path: &Path) -> Look {
    match fs_err::metadata(path) {
        Ok(meta) if is_socket(&meta) => Look::Socket,
        Ok(_) => Look::NoSocket,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // The highest directory whose contents are hidden is the one to talk about.
            let hidden = |dir: &&Path| {
                fs_err::metadata(dir.join("."))
                    .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            };
            let parents: Vec<&Path> = path.ancestors().skip(1).collect();
            let blocked = parents.into_iter().rev().find(hidden);
            Look::Forbidden(blocked.unwrap_or(path).to_path_buf())
        }
        Err(_) => Look::Absent,
    }
}

fn candidates(home: Option<&Path>, runtime: Option<&Path>) -> Vec<PathBuf> {
    if cfg!(windows) {
        return vec![PathBuf::from("npipe:////./pipe/docker_engine")];
    }
    let runtime = runtime.filter(|dir| dir.is_absolute());
    let runtime = runtime.map_or_else(default_runtime_dir, Path::to_owned);
    let home = home.filter(|home| home.is_absolute());
    let in_home = |rest: &str| home.map(|home| home.join(rest));
    let in_runtime = |rest: &str| Some(runtime.join(rest));
    let mut all = vec![
        Some(PathBuf::from("/var/run/docker.sock")),
        in_runtime("docker.sock"),
        in_home(".docker/run/docker.sock"),
        in_home(".docker/desktop/docker.sock"),
    ];
    if cfg!(target_os = "macos") {
        all.extend([
            in_home(".orbstack/run/docker.sock"),
            in_home(".colima/default/docker.sock"),
            in_home(".rd/docker.sock"),
            in_home(".local/share/containers/podman/machine/podman.sock"),
        ]);
    }
    all.extend([in_runtime("podman/podman.sock"), Some(PathBuf::from("/run/podman/podman.sock"))]);
    all.into_iter().flatten().collect()
}

#[cfg(unix)]
fn may_connect(path: &Path) -> bool {
    look(path) == Look::Socket && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_connect(_: &Path) -> bool {
    true
}

#[cfg(unix)]
fn is_socket(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&meta.file_type())
}

#[cfg(not(unix))]
fn is_socket(_: &std::fs::Metadata) -> bool {
    true
}

/// Where systemd puts a user's sockets; some shells (`su`, cron) lack the variable.
#[cfg(unix)]
fn default_runtime_dir() -> PathBuf {
    PathBuf::from(format!("/run/user/{}", rustix::process::getuid().as_raw()))
}

#[cfg(not(unix))]
fn default_runtime_dir() -> PathBuf {
    PathBuf::new()
}
