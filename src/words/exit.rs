//! Exit codes. The one place where a number gets its meaning.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// How the program ends. Scripts depend on these numbers; they don't change.
///
/// Over several images the worst wins: see [`ExitStatus::worst`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "u8")]
pub enum ExitStatus {
    /// 0: done, everything is in sync.
    Success,
    /// 1: at least one image failed, and running it again won't help by itself.
    Failed,
    /// 2: changes are pending (only with `--check` and `--detailed-exitcode`).
    Pending,
    /// 3: the lock is missing or stale under `--locked`.
    Stale,
    /// 4: other bytes under a wanted digest, or the wrong platform. Do not run it again.
    Unverified,
    /// 5: the engine can't be used, or its disk is full.
    Engine,
    /// 6: no source served an image, and at least one refused the credentials.
    Denied,
    /// 7: no source served an image, at least one for a passing reason. Run it again.
    Transient,
    /// 64: bad command line (`EX_USAGE` of `sysexits.h`).
    Usage,
    /// 65: bad manifest or lock (`EX_DATAERR`).
    Data,
    /// 129: hang-up (128 + SIGHUP).
    HangUp,
    /// 130: interrupted (128 + SIGINT).
    Interrupted,
    /// 143: terminated (128 + SIGTERM).
    Terminated,
}

impl ExitStatus {
    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Pending => 2,
            Self::Stale => 3,
            Self::Unverified => 4,
            Self::Engine => 5,
            Self::Denied => 6,
            Self::Transient => 7,
            Self::Usage => 64,
            Self::Data => 65,
            Self::HangUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The one exit status for several images: a signal, then 5 > 4 > 6 > 1 > 7 > 2 > 0.
    pub fn worst(statuses: impl IntoIterator<Item = Self>) -> Self {
        const fn rank(status: ExitStatus) -> u8 {
            match status {
                ExitStatus::Success => 0,
                ExitStatus::Pending => 1,
                ExitStatus::Transient => 2,
                ExitStatus::Failed => 3,
                ExitStatus::Denied => 4,
                ExitStatus::Unverified => 5,
                ExitStatus::Engine => 6,
                ExitStatus::Stale => 7,
                ExitStatus::Data => 8,
                ExitStatus::Usage => 9,
                ExitStatus::HangUp | ExitStatus::Interrupted | ExitStatus::Terminated => 10,
            }
        }
        statuses.into_iter().max_by_key(|s| rank(*s)).unwrap_or(Self::Success)
    }
}

impl JsonSchema for ExitStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ExitStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 255 })
    }
}

impl From<ExitStatus> for u8 {
    fn from(status: ExitStatus) -> Self {
        status.code()
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus::{Denied, Engine, Failed, Pending, Success, Transient, Unverified};
    use super::*;

    #[test]
    fn the_worst_of_several_images_wins() {
        let order = [Success, Pending, Transient, Failed, Denied, Unverified, Engine];
        for (i, worse) in order.iter().enumerate() {
            for better in &order[..=i] {
                assert_eq!(ExitStatus::worst([*better, *worse]), *worse);
                assert_eq!(ExitStatus::worst([*worse, *better]), *worse);
            }
        }
        assert_eq!(ExitStatus::worst([]), Success);
    }
}
