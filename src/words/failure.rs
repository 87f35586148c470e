//! Failure classes: what went wrong, and so what may be done about it.
//!
//! A failure is classified once, where the engine's answer is read
//! (`engine/docker/classify`). Everybody else asks the class, nobody matches text.
//! A new class is a variant here; the compiler then lists every decision to make.

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::code::Code;
use crate::words::exit::ExitStatus;

/// What kind of failure it was, seen from what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The registry has no such repository, tag or digest.
    NotFound,
    /// Refused while no credentials were sent: absent or private, registries don't say which.
    AbsentOrPrivate,
    /// Refused although credentials were sent.
    Denied,
    /// A quota of hours: waiting seconds is of no use.
    RateLimited,
    /// Too many requests in a short time.
    TooManyRequests,
    /// The reference is none, for the engine or the registry.
    BadReference,
    /// The image is not made for the wanted platform.
    WrongPlatform,
    /// The bytes are not those of the wanted digest.
    Integrity,
    /// The signature that the manifest asks for is missing, or is not one of that key.
    Signature,
    /// A certificate or protocol mistake between engine and registry.
    Tls,
    /// The host name has no address.
    NameResolution,
    /// The network, or the registry's end of it, failed in passing.
    Network,
    /// The registry answered with a server error.
    Server,
    /// What answered is no registry: a login page, a proxy, a redirect without an end.
    NotARegistry,
    /// The manifest is there, a blob that it names is not.
    MissingBlob,
    /// Nothing came for longer than the time-out allows.
    Stalled,
    /// The stream ended without a proof of success.
    CutShort,
    /// The engine's disk is full or read-only.
    DiskFull,
    /// The engine can't be reached, died, or speaks no protocol that occ knows.
    Engine,
    /// A step of an image build failed.
    Build,
    /// A build counts on something in the builder's cache that is not there any more.
    BuildCache,
    /// The run was cancelled by the user or a deadline.
    Cancelled,
    /// Nothing known.
    Unknown,
}

impl FailureClass {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: &[Self] = &[
        Self::NotFound,
        Self::AbsentOrPrivate,
        Self::Denied,
        Self::RateLimited,
        Self::TooManyRequests,
        Self::BadReference,
        Self::WrongPlatform,
        Self::Integrity,
        Self::Signature,
        Self::Tls,
        Self::NameResolution,
        Self::Network,
        Self::Server,
        Self::NotARegistry,
        Self::MissingBlob,
        Self::Stalled,
        Self::CutShort,
        Self::DiskFull,
        Self::Engine,
        Self::Build,
        Self::BuildCache,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// Whether the same source may be asked again in a later round.
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::TooManyRequests
                | Self::NameResolution
                | Self::Network
                | Self::Server
                | Self::NotARegistry
                | Self::Stalled
                | Self::CutShort
                | Self::Unknown
        )
    }

    /// How many times one source may fail with this class before it is given up,
    /// below the limit of the retry policy. `None`: no limit of its own.
    ///
    /// A name without an address, an answer that is none and a text nobody knows are
    /// tried once more and no further; so is content that did not match its digest.
    pub const fn max_failures(self) -> Option<u32> {
        match self {
            Self::NameResolution | Self::NotARegistry | Self::Integrity | Self::Unknown => Some(2),
            class if class.is_transient() => None,
            _ => Some(1),
        }
    }

    /// Whether every other image would fail of it too, so that the run must stop.
    pub const fn stops_run(self) -> bool {
        matches!(self, Self::DiskFull | Self::Engine | Self::Cancelled)
    }

    /// The word of `build_on` that lets a build step in after this failure, if there is one.
    pub const fn build_on(self) -> Option<BuildOn> {
        match self {
            Self::NotFound | Self::AbsentOrPrivate | Self::MissingBlob => Some(BuildOn::NotFound),
            Self::Denied => Some(BuildOn::Denied),
            Self::RateLimited | Self::TooManyRequests => Some(BuildOn::RateLimited),
            Self::Tls
            | Self::NameResolution
            | Self::Network
            | Self::Server
            | Self::NotARegistry
            | Self::Stalled
            | Self::CutShort
            | Self::Unknown => Some(BuildOn::Unavailable),
            _ => None,
        }
    }

    /// A few words for a report line.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::AbsentOrPrivate => "absent or private",
            Self::Denied => "denied",
            Self::RateLimited => "pull limit reached",
            Self::TooManyRequests => "too many requests",
            Self::BadReference => "bad reference",
            Self::WrongPlatform => "wrong platform",
            Self::Integrity => "content does not match its digest",
            Self::Signature => "no good signature",
            Self::Tls => "TLS failure",
            Self::NameResolution => "host name not found",
            Self::Network => "network failure",
            Self::Server => "server error",
            Self::NotARegistry => "not a registry's answer",
            Self::MissingBlob => "layer missing",
            Self::Stalled => "no answer",
            Self::CutShort => "ended without a result",
            Self::DiskFull => "no space left",
            Self::Engine => "engine failure",
            Self::Build => "build failed",
            Self::BuildCache => "build cache damaged",
            Self::Cancelled => "cancelled",
            Self::Unknown => "failed",
        }
    }

    /// The code of what to do about it.
    pub const fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::AbsentOrPrivate => Code::AbsentOrPrivate,
            Self::Denied => Code::Denied,
            Self::RateLimited => Code::RateLimit,
            Self::TooManyRequests => Code::TooManyRequests,
            Self::BadReference => Code::BadReference,
            Self::WrongPlatform => Code::Platform,
            Self::Integrity => Code::Integrity,
            Self::Signature => Code::Signature,
            Self::Tls => Code::Tls,
            Self::NameResolution => Code::Dns,
            Self::Network => Code::Network,
            Self::Server => Code::Registry,
            Self::NotARegistry => Code::NotARegistry,
            Self::MissingBlob => Code::MissingLayer,
            Self::Stalled => Code::NoAnswer,
            Self::CutShort => Code::CutShort,
            Self::DiskFull => Code::DiskFull,
            Self::Engine => Code::Engine,
            Self::Build => Code::Build,
            Self::BuildCache => Code::BuildCache,
            Self::Cancelled => Code::Cancelled,
            Self::Unknown => Code::Unknown,
        }
    }

    /// Of the classes that an image's sources failed with, the one that says what to do
    /// next; the first of several that say it equally well.
    ///
    /// A passing reason wins over refused credentials, since running it again may
    /// still succeed; bytes that failed verification and a dead engine win over both.
    pub fn decisive(classes: &[Self]) -> Option<Self> {
        let rank = |class: &Self| match class {
            Self::Cancelled => 0,
            class if class.stops_run() => 1,
            Self::Integrity | Self::Signature | Self::WrongPlatform => 2,
            // Transient they may be, but nobody knows.
            Self::CutShort | Self::Unknown => 8,
            class if class.is_transient() => 3,
            Self::Denied => 4,
            Self::RateLimited => 5,
            // Somebody who may log in can mend it; a name that is nowhere says less.
            Self::NotFound => 7,
            _ => 6,
        };
        classes.iter().copied().min_by_key(rank)
    }

    /// The exit status of an image whose sources failed with these classes.
    pub fn exit(classes: &[Self]) -> ExitStatus {
        match Self::decisive(classes) {
            None | Some(Self::CutShort | Self::Unknown) => ExitStatus::Failed,
            Some(Self::Cancelled | Self::RateLimited) => ExitStatus::Transient,
            Some(Self::Integrity | Self::Signature | Self::WrongPlatform) => ExitStatus::Unverified,
            Some(Self::Denied) => ExitStatus::Denied,
            Some(class) if class.stops_run() => ExitStatus::Engine,
            Some(class) if class.is_transient() => ExitStatus::Transient,
            Some(_) => ExitStatus::Failed,
        }
    }
}

/// The failures of all registries after which a build may step in: the words of `build_on`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum BuildOn {
    /// No registry has the image (or none admits it without credentials).
    NotFound,
    /// A registry could not be reached, or failed.
    Unavailable,
    /// A registry refused the credentials.
    Denied,
    /// A registry's pull limit is used up.
    RateLimited,
}

#[cfg(test)]
mod tests {
    use super::FailureClass as C;
    use super::*;

    #[test]
    fn exit_status_follows_from_the_classes() {
        let check =
            |classes: &[C], want: ExitStatus| assert_eq!(C::exit(classes), want, "{classes:?}");
        check(&[C::NotFound, C::NotFound], ExitStatus::Failed);
        check(&[C::Denied, C::NotFound], ExitStatus::Denied);
        check(&[C::Denied, C::Server], ExitStatus::Transient);
        check(&[C::Integrity, C::Server], ExitStatus::Unverified);
        check(&[C::WrongPlatform], ExitStatus::Unverified);
        check(&[C::Server, C::Signature], ExitStatus::Unverified);
        check(&[C::DiskFull, C::Integrity], ExitStatus::Engine);
        check(&[C::CutShort], ExitStatus::Failed);
        check(&[C::RateLimited], ExitStatus::Transient);
        check(&[C::NotARegistry, C::NotFound], ExitStatus::Transient);
    }

    #[test]
    fn the_decisive_one_says_what_to_do() {
        let check = |classes: &[C], want: C| assert_eq!(C::decisive(classes), Some(want));
        check(&[C::NotFound, C::AbsentOrPrivate], C::AbsentOrPrivate);
        check(&[C::Unknown, C::NotFound], C::NotFound);
        check(&[C::Stalled, C::Server], C::Stalled);
        check(&[C::NotFound, C::Tls, C::MissingBlob], C::Tls);
        check(&[C::Denied, C::RateLimited], C::Denied);
        assert_eq!(C::decisive(&[]), None);
        assert_eq!(C::exit(&[]), ExitStatus::Failed);
    }

    #[test]
    fn permanent_failures_are_never_tried_again() {
        for class in
            [C::NotFound, C::Denied, C::AbsentOrPrivate, C::BadReference, C::Tls, C::Signature]
        {
            assert!(!class.is_transient());
            assert_eq!(class.max_failures(), Some(1));
        }
        assert_eq!(C::Signature.build_on(), None);
        assert_eq!(C::Integrity.max_failures(), Some(2));
        assert_eq!(C::NotARegistry.max_failures(), Some(2));
        assert_eq!(C::Server.max_failures(), None);
    }
}
