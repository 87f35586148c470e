//! The arguments of `occ explain`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, in any case, and with or without `OCC-` [default: list all]
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}
