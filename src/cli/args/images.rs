//! What the commands about images take.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};

use crate::cli::args::lock::{OfflineArgs, UsingLockArgs};
use crate::cli::args::words::{ExportFor, SchemaOf, StrategyArg};
use crate::words::grant::Grants;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Ids of the images, which bring along what they are built on [default: all]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Exit with 2 when there is something to do
    #[arg(long, env = "OCC_DETAILED_EXITCODE", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) detailed_exitcode: bool,
    /// Also ask the registries which tags moved since they were pulled or locked
    #[arg(long, env = "OCC_REFRESH", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) refresh: bool,
    /// Whether to pull or to build, instead of what the manifest says
    #[arg(long, value_enum, value_name = "HOW", env = "OCC_STRATEGY", hide_env = true)]
    pub(crate) strategy: Option<StrategyArg>,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) offline: OfflineArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Ids of the images, which bring along what they are built on [default: all]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Only show the plan
    #[arg(short = 'n', long, env = "OCC_DRY_RUN", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
    /// Stop at the first image that fails
    #[arg(long, env = "OCC_FAIL_FAST", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) fail_fast: bool,
    /// Whether to pull or to build, instead of what the manifest says
    #[arg(long, value_enum, value_name = "HOW", env = "OCC_STRATEGY", hide_env = true)]
    pub(crate) strategy: Option<StrategyArg>,
    /// Build again what is built, without the engine's cache
    #[arg(long, env = "OCC_NO_CACHE", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) no_cache: bool,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) offline: OfflineArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Ids of the images, which bring along what they are built on [default: all]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Exit with 2 when something is not in sync
    #[arg(long, env = "OCC_CHECK", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RefArgs {
    /// Id of the image
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Its local name with the tag
    #[arg(long, conflicts_with_all = ["digest", "image_id"])]
    pub(crate) tag: bool,
    /// `repository@sha256:…`; a build has none
    #[arg(long, conflicts_with = "image_id")]
    pub(crate) digest: bool,
    /// The engine's id of it
    #[arg(long = "id")]
    pub(crate) image_id: bool,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Id of the image
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Also ask its sources and the registries of its bases what they have
    #[arg(long, env = "OCC_REFRESH", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) refresh: bool,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// For which tool
    #[arg(value_enum, value_name = "FOR")]
    pub(crate) tool: ExportFor,
    /// Ids of the images [default: all]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) using: UsingLockArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

/// How build contexts are read.
#[derive(Debug, Args)]
pub(crate) struct ReadingArgs {
    /// Read every file of a build context again, whatever is remembered of it
    #[arg(long, env = "OCC_NO_CACHE_INPUTS", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) no_cache_inputs: bool,
}

/// Consent for one run. `OCC_ALLOW` adds to it instead of being replaced by it, as who
/// allows one thing more takes nothing back; so clap does not read that variable.
#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// Allow what the manifest asks for: `env=NAME`, `secret=env:NAME`, `secret=file:PATH`,
    /// `ssh`, `network=host`; more with commas
    #[arg(long, value_name = "GRANT")]
    pub(crate) allow: Vec<Grants>,
}

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Show what is allowed, and what the manifest asks for
    #[arg(long, conflicts_with = "revoke")]
    pub(crate) show: bool,
    /// Take the consent back
    #[arg(long)]
    pub(crate) revoke: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what
    #[arg(value_enum, value_name = "OF", default_value_t = SchemaOf::Manifest)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Id of the image [default: the only one that is built from a directory]
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Say whether this path in the context is sent, and which line decides
    #[arg(long, value_name = "PATH", env = "OCC_EXPLAIN", hide_env = true)]
    pub(crate) explain: Option<PathBuf>,
    /// One path a line, of all that is sent
    #[arg(long, env = "OCC_LIST", hide_env = true, conflicts_with = "explain")]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) list: bool,
    /// The same for programs: each path as it is, with a NUL byte behind it
    #[arg(long, env = "OCC_LIST0", hide_env = true, conflicts_with_all = ["explain", "list"])]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) list0: bool,
}
