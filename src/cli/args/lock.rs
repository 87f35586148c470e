//! The flags that concern the lock.

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};

/// What the lock means for the command. Of the three, one on the command line wins over the
/// variables of the others.
#[derive(Debug, Args)]
pub(crate) struct UsingLockArgs {
    /// Fail unless the lock says what the manifest says [default in CI, where there is a lock]
    #[arg(long, env = "OCC_LOCKED", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) locked: bool,
    /// Use the lock as it is, whatever the manifest says
    #[arg(long, env = "OCC_FROZEN", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) frozen: bool,
    /// Go by tags, as if there were no lock
    #[arg(long, env = "OCC_NO_LOCK", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) no_lock: bool,
}

impl UsingLockArgs {
    /// Each with its flag.
    fn all(&mut self) -> [(&'static str, &mut bool); 3] {
        [("locked", &mut self.locked), ("frozen", &mut self.frozen), ("no_lock", &mut self.no_lock)]
    }

    /// Leaves those alone that are on the command line, if any is.
    pub(super) fn prefer(&mut self, is_written: impl Fn(&str) -> bool) {
        if self.all().iter().any(|(id, _)| is_written(id)) {
            for (id, value) in self.all() {
                *value &= is_written(id);
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct OfflineArgs {
    /// Ask no registry: what the engine holds has to do
    #[arg(long, env = "OCC_OFFLINE", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Ask again what is locked already: of these images, or of all
    #[arg(long, value_name = "ID", num_args = 0..)]
    pub(crate) upgrade: Option<Vec<String>>,
    /// Write nothing. Exit with 3 when the lock is not as the manifest is; with --upgrade
    /// ask the registries, and exit with 2 when something moved
    #[arg(long)]
    pub(crate) check: bool,
    /// Lock what a later source serves when an earlier one can't say what it has
    #[arg(long, env = "OCC_ALLOW_PARTIAL", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) allow_partial: bool,
    /// Only show what would change
    #[arg(short = 'n', long, env = "OCC_DRY_RUN", hide_env = true)]
    #[arg(action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
}
