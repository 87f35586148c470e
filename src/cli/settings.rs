//! Everything from outside that decides how a run goes, read once: the
//! environment, and the global flags over it.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use terminal_size::{Height, Width, terminal_size_of};

use crate::cli::args::{Color, Format, Global};
use crate::cli::github::Github;
use crate::cli::output::{Told, tell};
use crate::engine::credentials::CredentialStore;
use crate::engine::docker::endpoint::EndpointOptions;
use crate::execute::Handed;
use crate::render::github::command::{harmless, harmless_json};
use crate::render::{Guard, Look, Mode, Sink};
use crate::state::args::Variables;
use crate::state::desired::Desired;
use crate::words::platform::Platform;

/// The variables that occ honours, beside those of its own flags.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    get: std::collections::BTreeMap<&'static str, OsString>,
}

const VARIABLES: &[&str] = &[
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
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NO_COLOR",
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
    fn os(&self, name: &str) -> Option<&OsString> {
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

    /// `DOCKER_DEFAULT_PLATFORM`, as written and as read.
    pub(crate) fn default_platform(&self) -> Option<(String, Option<Platform>)> {
        let text = self.text("DOCKER_DEFAULT_PLATFORM")?;
        let platform = text.parse().ok();
        Some((text, platform))
    }
}

/// How this run goes.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) manifest: Option<PathBuf>,
    pub(crate) endpoint: EndpointOptions,
    pub(crate) environment: Environment,
    pub(crate) mode: Mode,
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    pub(crate) timeout: Option<Duration>,
    /// Whether somebody is there to be asked something, and expects it.
    pub(crate) may_ask: bool,
    /// Of stdout, for results.
    pub(crate) out: Look,
    /// Of stderr, for progress and errors.
    pub(crate) err: Look,
    pub(crate) told: Told,
    /// Where this is a step of a workflow on GitHub Actions, and is to be seen as one.
    pub(crate) github: Option<Github>,
}

impl Settings {
    /// Flags over the environment.
    pub(crate) fn new(global: Global, environment: Environment) -> Self {
        let is_dumb = environment.os("TERM").is_some_and(|term| term == "dumb");
        let err_is_tty = stderr().is_terminal();
        let asked = if global.quiet { Some(Mode::Quiet) } else { global.progress.mode() };
        let look = |is_tty: bool, size: Option<(Width, Height)>| Look {
            color: use_color(global.color, is_tty && !is_dumb, &environment),
            width: size.map(|(Width(columns), _)| columns),
            unicode: is_utf8(&environment),
        };
        let github = Github::of(&environment, global.no_github);
        let mode = match Mode::choose(asked, err_is_tty, is_dumb) {
            Mode::Plain if github.is_some() => Mode::Github,
            mode => mode,
        };
        let is_watched = err_is_tty && stdin().is_terminal() && !environment.is_ci();
        Self {
            mode,
            may_ask: is_watched && mode != Mode::Json && global.format != Format::Json,
            out: look(stdout().is_terminal(), terminal_size_of(stdout())),
            err: look(err_is_tty, terminal_size_of(stderr())),
            endpoint: EndpointOptions {
                host: global.host.map(|host| (host, global.host_from)),
                context: global.context,
                docker_host: environment.text("DOCKER_HOST"),
                docker_context: environment.text("DOCKER_CONTEXT"),
                docker_config: environment.path("DOCKER_CONFIG"),
                home: environment.home(),
                xdg_runtime_dir: environment.path("XDG_RUNTIME_DIR"),
                tls_verify: environment.os("DOCKER_TLS_VERIFY").is_some(),
                cert_path: environment.path("DOCKER_CERT_PATH"),
            },
            manifest: global.manifest,
            format: global.format,
            quiet: global.quiet,
            verbose: global.verbose,
            timeout: global.timeout.and_then(crate::words::duration::Span::limit),
            environment,
            told: Told::default(),
            github,
        }
    }

    /// What a text has to pass on its way out, or as JSON: a runner of GitHub Actions obeys what
    /// it reads, whoever said it, and whatever `--no-github` asks for.
    fn guard(&self, is_json: bool) -> Option<Guard> {
        let guard = if is_json { harmless_json } else { harmless };
        self.environment.is_on_github().then_some(guard)
    }

    /// Makes a text safe for whoever reads along.
    pub(crate) fn guarded<'t>(&self, text: &'t str, is_json: bool) -> Cow<'t, str> {
        self.guard(is_json).map_or(Cow::Borrowed(text), |guard| guard(text))
    }

    /// Takes where the images are declared, for whoever points there.
    pub(crate) fn declared(&self, desired: &Desired) {
        if let Some(github) = &self.github {
            github.declared(desired);
        }
    }

    /// Writes to stderr.
    pub(crate) fn tell(&self, text: &str) {
        tell(&self.guarded(text, self.mode == Mode::Json));
    }

    /// stderr, for what holds texts of others.
    pub(crate) fn harmless(&self) -> Sink {
        match self.guard(self.mode == Mode::Json) {
            Some(guard) => Sink::stderr().guarded(guard),
            None => Sink::stderr(),
        }
    }

    /// stderr, for the voice of a run.
    pub(crate) fn stderr(&self) -> Sink {
        // That one has commands of its own to say, and lets no others through.
        if self.mode == Mode::Github { Sink::stderr() } else { self.harmless() }
    }
}

/// <https://no-color.org> and <https://bixense.com/clicolors>: a flag wins over
/// both variables, `NO_COLOR` over `CLICOLOR_FORCE`.
fn use_color(asked: Color, is_tty: bool, environment: &Environment) -> bool {
    match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if environment.os("NO_COLOR").is_some() => false,
        Color::Auto => is_tty || environment.os("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
    }
}

/// Whether the locale's encoding is UTF-8, by the usual order of its variables.
fn is_utf8(environment: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| environment.text(name));
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
