//! The arguments of `occ init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Make the manifest of a Compose file or a Dockerfile
    #[arg(long, value_name = "FILE", env = "OCC_FROM", hide_env = true)]
    pub(crate) from: Option<PathBuf>,
    /// Write a workflow for a CI system, and a manifest only with `--from`
    #[arg(long, value_enum, value_name = "SYSTEM", env = "OCC_CI", hide_env = true)]
    pub(crate) ci: Option<CiArg>,
    /// Overwrite what is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// The CI systems that a workflow is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiArg {
    /// GitHub Actions: `.github/workflows/occ.yml`
    Github,
}
