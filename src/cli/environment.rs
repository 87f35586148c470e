//! The variables that occ honours, read once.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::engine::credentials::CredentialStore;
use crate::execute::Handed;
use crate::registry::proxy::Proxy;
use crate::state::args::Variables;
use crate::words::platform::Platform;

/// The variables that occ honours, beside those of its own flags.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    get: std::collections::BTreeMap<&'static str, OsString>,
}

const VARIABLES: &[&str] = &[
    "ALL_PROXY",
    "CI",
    "CLICOLOR_FORCE",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_DEFAULT_PLATFORM",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "GITHUB_ACTIONS",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_WORKSPACE",
    "HOME",
    "HTTPS_PROXY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NO_COLOR",
    "NO_PROXY",
    "OCC_ALLOW",
    // Flags, but of interest also where the flags can't be read.
    "OCC_FORMAT",
    "OCC_NO_GITHUB",
    "OCC_PROGRESS",
    "PATH",
    "TERM",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "all_proxy",
    "https_proxy",
    "no_proxy",
];

/// Where ssh agents say that they are.
const SSH_AUTH_SOCK: &str = "SSH_AUTH_SOCK";

impl Environment {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the place where it is read")]
    pub(crate) fn read() -> Self {
        let value = |name: &&'static str| Some((*name, std::env::var_os(name)?));
        Self { get: VARIABLES.iter().filter_map(value).collect() }
    }

    /// Reads more of it: variables that a manifest names and the user consented to.
    #[expect(clippy::disallowed_methods, reason = "this is the place where it is read")]
    pub(crate) fn consented<'a>(names: impl IntoIterator<Item = &'a str>) -> Variables {
        let set = |name: &str| Some((name.to_owned(), std::env::var_os(name)?));
        names.into_iter().filter_map(set).collect()
    }

    /// Reads what builds may have as secrets: these variables, and, if they may use it, the
    /// place of the ssh agent.
    pub(crate) fn handed<'a>(names: impl IntoIterator<Item = &'a str>, ssh: bool) -> Handed {
        let mut agent = Self::consented(ssh.then_some(SSH_AUTH_SOCK));
        Handed { variables: Self::consented(names), ssh_auth_sock: agent.remove(SSH_AUTH_SOCK) }
    }

    /// A variable that is set to something.
    pub(super) fn os(&self, name: &str) -> Option<&OsString> {
        self.get.get(name).filter(|value| !value.is_empty())
    }

    /// The same as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.os(name).map(|value| value.to_string_lossy().into_owned())
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }

    /// The home directory.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
    }

    /// The directory of the Docker CLI's configuration.
    pub(crate) fn docker_config(&self) -> Option<PathBuf> {
        self.path("DOCKER_CONFIG").or_else(|| Some(self.home()?.join(".docker")))
    }

    /// occ's directory for what may be deleted at any time.
    pub(crate) fn cache_dir(&self) -> Option<PathBuf> {
        self.own_dir("XDG_CACHE_HOME", ".cache")
    }

    /// occ's directory for what the user decided.
    pub(crate) fn config_dir(&self) -> Option<PathBuf> {
        self.own_dir("XDG_CONFIG_HOME", ".config")
    }

    /// occ's directory for logs.
    pub(crate) fn state_dir(&self) -> Option<PathBuf> {
        self.own_dir("XDG_STATE_HOME", ".local/state")
    }

    /// occ's directory for locks: in `XDG_RUNTIME_DIR`, else in the cache.
    pub(crate) fn runtime_dir(&self) -> Option<PathBuf> {
        let own = self.path("XDG_RUNTIME_DIR").map(|dir| dir.join("occ"));
        own.or_else(|| self.cache_dir())
    }

    /// As the XDG base directory specification has it: a variable that names no absolute
    /// path counts as not set.
    fn own_dir(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let named = self.path(variable).filter(|dir| dir.is_absolute());
        Some(named.or_else(|| Some(self.home()?.join(below_home)))?.join("occ"))
    }

    /// What `OCC_ALLOW` has.
    pub(crate) fn allowed(&self) -> Option<String> {
        self.text("OCC_ALLOW")
    }

    /// Whether this is a build server, as they all say it of themselves.
    pub(crate) fn is_ci(&self) -> bool {
        self.text("CI").is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// `OCC_NO_GITHUB`, where no flag can be read.
    pub(crate) fn is_github_off(&self) -> bool {
        let no = ["n", "no", "f", "false", "off", "0"];
        self.text("OCC_NO_GITHUB").is_some_and(|value| !no.contains(&&*value.to_lowercase()))
    }

    /// Whether this is a step of a workflow on GitHub Actions.
    pub(crate) fn is_on_github(&self) -> bool {
        self.text("GITHUB_ACTIONS").is_some_and(|value| value == "true")
    }

    /// Where programs are looked for.
    pub(crate) fn search_path(&self) -> Option<OsString> {
        self.os("PATH").cloned()
    }

    /// The user's logins at registries.
    pub(crate) fn credentials(&self) -> CredentialStore {
        CredentialStore::new(self.docker_config(), self.search_path())
    }

    /// The proxy for what occ asks a registry itself. The engine has its own.
    pub(crate) fn proxy(&self) -> Proxy {
        let first = |names: &[&str]| names.iter().find_map(|name| self.text(name));
        let address = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let except = first(&["NO_PROXY", "no_proxy"]);
        Proxy { address: address.unwrap_or_default(), except: except.unwrap_or_default() }
    }

    /// `DOCKER_DEFAULT_PLATFORM`, as written and as read.
    pub(crate) fn default_platform(&self) -> Option<(String, Option<Platform>)> {
        let text = self.text("DOCKER_DEFAULT_PLATFORM")?;
        let platform = text.parse().ok();
        Some((text, platform))
    }
}
