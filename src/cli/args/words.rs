//! The words that flags take.

use clap::ValueEnum;

use crate::render::Mode;
use crate::state::desired::Strategy;

/// The words of `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, lines elsewhere
    Auto,
    /// Bars
    Tty,
    /// One line per change
    Plain,
    /// One JSON object a line
    Json,
    /// Warnings and failures only
    Quiet,
}

impl Progress {
    /// The mode that is asked for; `None` for whatever suits the terminal.
    pub(crate) fn mode(self) -> Option<Mode> {
        match self {
            Self::Auto => None,
            Self::Tty => Some(Mode::Tty),
            Self::Plain => Some(Mode::Plain),
            Self::Json => Some(Mode::Json),
            Self::Quiet => Some(Mode::Quiet),
        }
    }
}

/// The words of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One versioned document, on every way out
    Json,
}

/// The words of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The words of `--strategy`: the manifest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    /// Only pull
    Pull,
    /// Only build
    Build,
    /// Build when no registry has it
    PullThenBuild,
}

impl From<StrategyArg> for Strategy {
    fn from(arg: StrategyArg) -> Self {
        match arg {
            StrategyArg::Pull => Self::Pull,
            StrategyArg::Build => Self::Build,
            StrategyArg::PullThenBuild => Self::PullThenBuild,
        }
    }
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// `opencode.toml`
    Manifest,
    /// `opencode.lock`
    Lock,
    /// The document of `--format json`
    Output,
    /// A line of `--progress json`
    Events,
}

/// The tools that images are exported for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFor {
    /// A Compose override file, in which the service with an image's id runs that image
    Compose,
    /// One variable an image: `OCC_IMAGE_<ID>=…`
    Env,
}

/// The shells that are told how to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellArg {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl ShellArg {
    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}
