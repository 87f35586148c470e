//! How a run goes: the global flags over the environment.

use std::borrow::Cow;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use terminal_size::{Height, Width, terminal_size_of};

use crate::cli::args::{Color, Format, Global};
use crate::cli::environment::Environment;
use crate::cli::github::Github;
use crate::cli::output::{Told, tell};
use crate::engine::docker::endpoint::EndpointOptions;
use crate::render::github::command::{harmless, harmless_json};
use crate::render::{Guard, Look, Mode, Sink};
use crate::state::desired::Desired;

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
