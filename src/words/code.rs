//! Codes: the stable names of the ways to fail, one for one kind of cure.
//!
//! A code is what somebody searches for, and what a script may look at: it never changes
//! its meaning. It is made of words, since it is read in a log more often than looked up.
//! Several classes or mistakes that one thing mends have one code together.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Each code beside its word, which is also the name of its page.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A way to fail, by its stable name: `OCC-DENIED`. `occ explain` has a page on each.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema,
        )]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl Code {
            /// All of them, in the order of `occ explain`.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its word: `OCC-DENIED`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The text of its page.
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("codes/", $word, ".txt")),)*
                }
            }
        }
    };
}

codes! {
    /// The command line can't be understood, or asks for what can't be.
    Usage = "OCC-USAGE",
    /// There is no manifest, or it can't be read.
    NoManifest = "OCC-NO-MANIFEST",
    /// The manifest has a mistake.
    Manifest = "OCC-MANIFEST",
    /// A file is for a newer occ.
    TooOld = "OCC-TOO-OLD",
    /// A variable of a build argument is not set.
    Variable = "OCC-VARIABLE",
    /// The manifest asks for what nobody allowed.
    Consent = "OCC-CONSENT",
    /// The lock is missing, or does not say what the manifest says.
    LockStale = "OCC-LOCK-STALE",
    /// The lock can't be read, or has a mistake.
    LockBroken = "OCC-LOCK-BROKEN",
    /// What an image is built on can't be locked.
    NotLockable = "OCC-NOT-LOCKABLE",
    /// The engine does not hold an image as the manifest wants it.
    NotInSync = "OCC-NOT-IN-SYNC",
    /// A file that a manifest was to be made of is none, or can't be read.
    Import = "OCC-IMPORT",
    /// A file or stream of occ's own can't be read or written.
    File = "OCC-FILE",
    /// No engine is where it should be.
    NoEngine = "OCC-NO-ENGINE",
    /// The user may not use the engine.
    EnginePermission = "OCC-ENGINE-PERMISSION",
    /// What was given for the engine's address can't be used.
    EngineAddress = "OCC-ENGINE-ADDRESS",
    /// The engine failed, or speaks no protocol that occ knows.
    Engine = "OCC-ENGINE",
    /// The engine's disk is full or read-only.
    DiskFull = "OCC-DISK-FULL",
    /// The registry has no such repository, tag or digest.
    NotFound = "OCC-NOT-FOUND",
    /// Refused while no credentials were sent.
    AbsentOrPrivate = "OCC-ABSENT-OR-PRIVATE",
    /// The registry refused the credentials.
    Denied = "OCC-DENIED",
    /// A quota of hours is used up.
    RateLimit = "OCC-RATE-LIMIT",
    /// Too many requests in a short time.
    TooManyRequests = "OCC-TOO-MANY-REQUESTS",
    /// The reference is none, for the engine or the registry.
    BadReference = "OCC-BAD-REFERENCE",
    /// The image is not made for the wanted platform.
    Platform = "OCC-PLATFORM",
    /// The bytes are not those of the wanted digest.
    Integrity = "OCC-INTEGRITY",
    /// The signature that the manifest asks for is missing, or is not one of that key.
    Signature = "OCC-SIGNATURE",
    /// No trusted encrypted connection to the registry.
    Tls = "OCC-TLS",
    /// The registry's host name has no address.
    Dns = "OCC-DNS",
    /// The network on the way to the registry failed.
    Network = "OCC-NETWORK",
    /// The registry has a problem of its own.
    Registry = "OCC-REGISTRY",
    /// What answered is no registry.
    NotARegistry = "OCC-NOT-A-REGISTRY",
    /// The registry lacks a part of the image.
    MissingLayer = "OCC-MISSING-LAYER",
    /// A source said nothing for too long.
    NoAnswer = "OCC-NO-ANSWER",
    /// The engine's answer ended without a result.
    CutShort = "OCC-CUT-SHORT",
    /// It would have to be pulled, and that is forbidden.
    MayNotPull = "OCC-MAY-NOT-PULL",
    /// A build failed, or can't begin.
    Build = "OCC-BUILD",
    /// The builder's cache lacks what it counts on, also without it.
    BuildCache = "OCC-BUILD-CACHE",
    /// It was ended from outside before it was done.
    Cancelled = "OCC-CANCELLED",
    /// Nothing known.
    Unknown = "OCC-UNKNOWN",
}

/// What every code begins with.
const PREFIX: &str = "OCC-";

impl Code {
    /// The code that somebody typed: in any case, and with or without `OCC-`.
    pub(crate) fn typed(text: &str) -> Option<Self> {
        let wanted = normal(text);
        Self::ALL.iter().copied().find(|code| code.word() == wanted)
    }

    /// The code that somebody may have meant.
    pub(crate) fn meant(text: &str) -> Option<Self> {
        // The prefix, which all have, would make any two look alike.
        let wanted = normal(text);
        let bare = |word: &'static str| word.trim_start_matches(PREFIX);
        let known = Self::ALL.iter().map(|code| bare(code.word()));
        let found = crate::words::text::did_you_mean(wanted.trim_start_matches(PREFIX), known)?;
        Self::ALL.iter().copied().find(|code| bare(code.word()) == found)
    }
}

/// `denied`, `occ_denied` and `OCC-DENIED` are one word.
fn normal(text: &str) -> String {
    let upper = text.trim().to_uppercase().replace(['_', ' '], "-");
    if upper.starts_with(PREFIX) { upper } else { format!("{PREFIX}{upper}") }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for text in ["OCC-NOT-FOUND", "occ-not-found", "not-found", "Not_Found", " not found "] {
            assert_eq!(Code::typed(text), Some(Code::NotFound), "{text}");
        }
        for code in Code::ALL {
            assert_eq!(Code::typed(code.word()), Some(*code));
        }
        for text in ["", "OCC-", "OCC", "found", "OCC-OCC-DENIED"] {
            assert_eq!(Code::typed(text), None, "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(Code::meant("occ-denid"), Some(Code::Denied));
        assert_eq!(Code::meant("ratelimit"), Some(Code::RateLimit));
        assert_eq!(Code::meant("OCC-NO-ENGIN"), Some(Code::NoEngine));
        assert_eq!(Code::meant("OCC-XYZZY"), None);
    }

    #[test]
    fn codes_are_words_that_are_told_apart() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            let bare = word.strip_prefix(PREFIX).unwrap();
            assert!(bare.chars().all(|c| c.is_ascii_uppercase() || c == '-'), "{word}");
            assert_eq!(serde_json::to_value(Code::typed(word)).unwrap(), word);
        }
    }
}
