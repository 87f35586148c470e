//! Platforms: the operating system and processor an image is made for.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// `os/arch[/variant]`, normalised as containerd's `platforms` package does:
/// `x86_64` is `amd64`, `aarch64` is `arm64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// Go's name of the processor: `amd64`, `arm64`, `arm`, …
    pub arch: String,
    /// `v6`, `v7`, …; empty where the processor has but one.
    pub variant: String,
}

/// Why a text is no [`Platform`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Not two or three parts of lower-case letters, digits, `_`, `.`, `-`.
    #[error("a platform is `os/arch` or `os/arch/variant`, such as `linux/arm64`")]
    Form,
    /// An operating system that no engine knows.
    #[error("unknown operating system `{0}`")]
    Os(String),
    /// A processor that no engine knows.
    #[error("unknown architecture `{0}`")]
    Arch(String),
}

/// The operating systems of Go's `GOOS` that images are made for.
const KNOWN_OS: &[&str] = &["linux", "windows", "darwin", "freebsd"];

/// The processors of Go's `GOARCH` that images are made for.
const KNOWN_ARCH: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm",
];

impl Platform {
    /// The normalised form of three raw parts, as an image's configuration gives them.
    pub(crate) fn normalised(os: &str, arch: &str, variant: &str) -> Self {
        let os = os.to_lowercase();
        let (arch, variant) = (arch.to_lowercase(), variant.to_lowercase());
        let (arch, variant) = match (arch.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v),
            ("i386" | "i686", _) => ("386", ""),
            ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
            ("aarch64" | "arm64", v) => ("arm64", v),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            (arch, variant) => (arch, variant),
        };
        Self { os, arch: arch.to_owned(), variant: variant.to_owned() }
    }

    /// Whether an image of platform `have` is what was asked for.
    ///
    /// A missing variant on either side matches any: many images don't record theirs.
    pub(crate) fn accepts(&self, have: &Self) -> bool {
        self.os == have.os
            && self.arch == have.arch
            && (self.variant == have.variant || self.variant.is_empty() || have.variant.is_empty())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let good = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(good) {
            return Err(PlatformError::Form);
        }
        let platform = Self::normalised(parts[0], parts[1], parts.get(2).unwrap_or(&""));
        if !KNOWN_OS.contains(&platform.os.as_str()) {
            return Err(PlatformError::Os(parts[0].to_owned()));
        }
        if !KNOWN_ARCH.contains(&platform.arch.as_str()) {
            return Err(PlatformError::Arch(parts[1].to_owned()));
        }
        Ok(platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_normalised() {
        let check = |text: &str, want: &str| {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), want);
        };
        check("linux/amd64", "linux/amd64");
        check("Linux/x86_64", "linux/amd64");
        check("linux/aarch64", "linux/arm64");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/arm", "linux/arm/v7");
        check("linux/arm/v6", "linux/arm/v6");
    }

    #[test]
    fn bad_platforms_say_what_is_wrong() {
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/am d64"] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError::Form), "{text:?}");
        }
        assert_eq!("bogus/amd64".parse::<Platform>(), Err(PlatformError::Os("bogus".into())));
        assert_eq!("linux/bogus".parse::<Platform>(), Err(PlatformError::Arch("bogus".into())));
    }

    #[test]
    fn a_missing_variant_matches_any() {
        let of = |text: &str| text.parse::<Platform>().unwrap();
        assert!(of("linux/amd64").accepts(&of("linux/amd64/v2")));
        assert!(!of("linux/amd64").accepts(&of("linux/arm64")));
        assert!(!of("linux/arm/v6").accepts(&of("linux/arm/v7")));
    }
}
