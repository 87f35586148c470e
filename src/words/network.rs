//! The network of a build.

/// The network of `RUN` steps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Network {
    /// The engine's default.
    Default,
    /// No network.
    None,
    /// The host's. It reaches out of the build, so it needs consent.
    Host,
}
