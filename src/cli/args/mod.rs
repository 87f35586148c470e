//! The command line, as clap reads it. Every flag has an `OCC_…` variable, but for those
//! that overwrite, show or remove what is kept: that is asked for each time.

mod examples;
mod explain;
mod images;
mod init;
mod lock;
mod read;
mod words;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, FromArgMatches as _, Id, Parser, Subcommand};

pub(crate) use crate::cli::args::explain::ExplainArgs;
pub(crate) use crate::cli::args::images::{
    ConsentArgs, ExportArgs, FilesArgs, PlanArgs, ReadingArgs, RefArgs, SchemaArgs, StatusArgs,
    SyncArgs, TrustArgs, WhyArgs,
};
pub(crate) use crate::cli::args::init::InitArgs;
pub(crate) use crate::cli::args::lock::{LockArgs, UsingLockArgs};
pub(crate) use crate::cli::args::read::{command, read};
pub(crate) use crate::cli::args::words::{Color, ExportFor, Format, Progress, SchemaOf, ShellArg};
use crate::words::duration::Span;

/// What `--version` prints, and `-V` the first line of: occ's version, and what the template
/// inside of it makes.
pub(crate) const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ntemplate opencode 1.0.0: opencode 1.18.33 on ubuntu:24.04",
);

/// Make the local container engine hold exactly the images that opencode.toml declares.
#[derive(Debug, Parser)]
#[command(name = "occ", version, long_version = LONG_VERSION)]
#[command(max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = examples::ALL)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The manifest [default: opencode.toml here or in a folder above]
    #[arg(long, global = true, value_name = "FILE", env = "OCC_MANIFEST", hide_env = true)]
    pub(crate) manifest: Option<PathBuf>,
    /// The engine: `unix:///PATH`, `tcp://HOST:PORT`, `ssh://USER@HOST`
    #[arg(
        short = 'H',
        long,
        global = true,
        value_name = "HOST",
        env = "OCC_HOST",
        hide_env = true
    )]
    pub(crate) host: Option<String>,
    /// Who gave it.
    #[arg(skip)]
    pub(crate) host_from: &'static str,
    /// The Docker context that names the engine
    #[arg(short, long, global = true, value_name = "NAME", env = "OCC_CONTEXT", hide_env = true)]
    pub(crate) context: Option<String>,
    /// How progress is shown, on stderr
    #[arg(long, global = true, value_name = "HOW", env = "OCC_PROGRESS", hide_env = true)]
    #[arg(value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    /// How results are written, on stdout
    #[arg(long, global = true, value_name = "FORMAT", env = "OCC_FORMAT", hide_env = true)]
    #[arg(value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", env = "OCC_COLOR", hide_env = true)]
    #[arg(value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// On GitHub Actions, only print what is printed elsewhere: no folds, annotations,
    /// summary and outputs
    #[arg(long, global = true, env = "OCC_NO_GITHUB", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) no_github: bool,
    /// Only warnings and errors
    #[arg(short, long, global = true, env = "OCC_QUIET", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// More about what is done: -v, -vv, -vvv
    #[arg(short, long, global = true, env = "OCC_VERBOSE", hide_env = true)]
    #[arg(action = ArgAction::Count, value_parser = verbosity)]
    pub(crate) verbose: u8,
    /// Give up after this time: 90s, 30m, 1h; 0 is no limit
    #[arg(long, global = true, value_name = "TIME", env = "OCC_TIMEOUT", hide_env = true)]
    pub(crate) timeout: Option<Span>,
}

impl Cli {
    /// What was read.
    fn of(mut matches: ArgMatches) -> Result<Self, clap::Error> {
        // Global flags are in the matches of the command, wherever they stand.
        let written = written(matches.subcommand().map_or(&matches, |(_, command)| command));
        Ok(Self::from_arg_matches_mut(&mut matches)?.with(&written))
    }

    /// A flag that is `written` on the command line wins over the variable of another one
    /// that it excludes.
    fn with(mut self, written: &[Id]) -> Self {
        let is_written = |id: &str| written.iter().any(|written| written == id);
        let global = &mut self.global;
        global.host_from = if is_written("host") { "`--host`" } else { "`OCC_HOST`" };
        match (is_written("host"), is_written("context")) {
            (true, false) => global.context = None,
            (false, true) => global.host = None,
            _ => {}
        }
        global.quiet &= is_written("quiet") || !is_written("progress");
        if let Some(using) = self.command.using_lock() {
            using.prefer(is_written);
        }
        self
    }
}

/// The flags that stand on the command line themselves.
fn written(matches: &ArgMatches) -> Vec<Id> {
    let by_hand = |id: &&Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    matches.ids().filter(by_hand).cloned().collect()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a manifest, for the opencode image or of what is there
    ///
    /// Of a Compose file, every service's image and build are taken over, as far as a manifest
    /// has a key for it; what can't be is told, and stands as a comment in the manifest. Of a
    /// Dockerfile, one image is declared that is built. A variable, `${TAG:-1.4}`, becomes its
    /// default, but in build arguments, where a manifest can read it, too.
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Validate the manifest
    Check,
    /// Show what sync would do, and why
    #[command(after_help = examples::PLAN)]
    Plan(PlanArgs),
    /// Make the engine hold what the manifest declares
    #[command(after_help = examples::SYNC)]
    Sync(SyncArgs),
    /// Show whether the engine is in sync
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Print the reference of an image for scripts: the exact bytes that the engine holds
    ///
    /// Without a flag it is `repository@sha256:…` for what was pulled, and the image's id for
    /// what was built: what the name means later does not matter.
    #[command(after_help = examples::REF)]
    Ref(RefArgs),
    /// Print the exact images for other tools
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// Find out which bytes the tags stand for, and write that into the lock
    ///
    /// What is locked stays; what is missing, or no longer what the manifest says, is asked
    /// of every source, through the engine and with your credentials. The first source that
    /// serves a tag decides, and no source may serve anything else afterwards.
    #[command(after_help = examples::LOCK)]
    Lock(LockArgs),
    /// Show what a build context holds, what it does not, and why
    #[command(after_help = examples::FILES)]
    Files(FilesArgs),
    /// Tell all that decides about an image, and what sync would do
    ///
    /// What the manifest, the lock and the engine say of it, with every digest and what it is
    /// of; what a build would read, and what of that changed; its sources, and where the
    /// credentials for them are; what it is allowed to do. What sync would do next comes
    /// first, in the words of `occ plan`. Nothing is changed.
    #[command(after_help = examples::WHY)]
    Why(WhyArgs),
    /// Look at all that a sync depends on, and say what would stand in its way
    ///
    /// The manifest, the lock and consent; which engine is used and why, its version, how it
    /// keeps images, what it builds with, its disk and its proxy; and each registry that the
    /// manifest or a Dockerfile names, asked once through the engine with your credentials, of
    /// which only the place is told. Each line is `ok`, `warn` or `fail`. It works without a
    /// manifest and without an engine, as far as that goes, and changes nothing.
    ///
    /// The exit code is 0 when nothing fails, whatever it warns of; 5 when the engine can't be
    /// used or its disk is full; 65 for a bad manifest or lock, and in CI 3 for a lock that is
    /// not fresh; 64 for an address of the engine or a platform that is none; 6 or 7, as sync
    /// would have it, when no source of an image can serve, the engine lacks the image, and no
    /// build may stand in.
    #[command(after_help = examples::DOCTOR)]
    Doctor,
    /// Consent to what the manifest asks for, from now on
    ///
    /// A manifest may ask to read environment variables (`env=NAME`), to hand variables and
    /// files to a build as secrets (`secret=env:NAME`, `secret=file:PATH`), to let it use
    /// your ssh agent (`ssh`), and to build on the network of the engine's host
    /// (`network=host`). `sync` refuses that without consent, and `plan` and `status` refuse
    /// what they need of it, which is `env=NAME`. This command gives it for this manifest, and for exactly what
    /// the manifest asks for now: it is kept in your own configuration, and what the
    /// manifest asks for later is asked again.
    #[command(after_help = examples::TRUST)]
    Trust(TrustArgs),
    /// Say what an error code means, and what to do
    #[command(after_help = examples::EXPLAIN)]
    Explain(ExplainArgs),
    /// Print the JSON Schema of a file that occ reads, or of what it writes for programs
    Schema(SchemaArgs),
    /// Print what makes a shell complete commands, flags, and the ids of the images
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: ShellArg,
}

/// `OCC_VERBOSE`: how often `-v` stands.
fn verbosity(text: &str) -> Result<u8, &'static str> {
    text.parse().map_err(|_| "it is a number: 1 is -v, 2 is -vv, 3 is -vvv")
}

impl Command {
    /// Its flags about the lock, if it has any.
    fn using_lock(&mut self) -> Option<&mut UsingLockArgs> {
        match self {
            Self::Plan(args) => Some(&mut args.using),
            Self::Sync(args) => Some(&mut args.using),
            Self::Status(args) => Some(&mut args.using),
            Self::Ref(args) => Some(&mut args.using),
            Self::Export(args) => Some(&mut args.using),
            Self::Why(args) => Some(&mut args.using),
            _ => None,
        }
    }

    /// The word on the command line.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Check => "check",
            Self::Plan(_) => "plan",
            Self::Sync(_) => "sync",
            Self::Status(_) => "status",
            Self::Ref(_) => "ref",
            Self::Export(_) => "export",
            Self::Lock(_) => "lock",
            Self::Files(_) => "files",
            Self::Why(_) => "why",
            Self::Doctor => "doctor",
            Self::Trust(_) => "trust",
            Self::Explain(_) => "explain",
            Self::Schema(_) => "schema",
            Self::Completions(_) => "completions",
        }
    }
}
