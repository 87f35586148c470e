//! From the TOML tree to the [model](crate::manifest::model): one reader a table.

use toml::de::DeValue;

use crate::manifest::model::{
    Build, Cosign, Count, Defaults, Format, Image, Limits, List, Manifest, Registries, Registry,
    RegistryTable, Retry, Secret, Timeouts, Verify,
};
use crate::manifest::problems::Problems;
use crate::manifest::reader::{Fields, FromValue, Key, Value, string, wrong_type};
use crate::manifest::text::{PathText, Variable, Word};
use crate::state::desired::{Builder, PullPolicy, Strategy, Template};
use crate::words::diagnostic::Diagnostic;
use crate::words::failure::BuildOn;
use crate::words::network::Network;
use crate::words::text;

impl Manifest {
    /// Reads the file's own table.
    pub(crate) fn from_fields(mut fields: Fields<'_, '_, '_, '_>) -> Self {
        let manifest = Self {
            schema: fields.get("$schema"),
            version: fields.require("version", "write `version = 1` at the top"),
            min_occ: fields.get("min_occ"),
            defaults: fields.get("defaults"),
            retry: fields.get("retry"),
            timeouts: fields.get("timeouts"),
            limits: fields.get("limits"),
            images: fields.require("images", "declare one: `[images.ID]` with a `name`"),
        };
        fields.close();
        manifest
    }
}

/// Reads a table of a fixed set of keys into a struct of the same fields.
macro_rules! tables {
    ($($type:ident { $($key:ident),* $(,)? } $($broken:ident)?;)*) => {$(
        impl FromValue for $type {
            fn from_value(
                value: &Value<'_>,
                key: Key<'_>,
                problems: &mut Problems<'_>,
            ) -> Option<Self> {
                let mut fields = Fields::open(value, key, problems)?;
                $(let $key = fields.get(stringify!($key));)*
                let _broken = fields.close();
                Some(Self { $($key,)* $($broken: _broken)? })
            }
        }
    )*};
}

tables! {
    Defaults { registries, pull_policy, platform, build_on } broken;
    Retry { attempts, backoff, max_backoff };
    Timeouts { connect, response, patience, stall, build };
    Limits { pulls, builds };
    Build {
        template, context, dockerfile, inputs, target, args, labels, secrets, ssh, network,
        cache_from, pull, builder,
    } broken;
}

impl FromValue for Image {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::open(value, key, problems)?;
        Some(Self {
            name: fields.require("name", "the local name of the image: `name = \"redis\"`"),
            tag: fields.get("tag"),
            digest: fields.get("digest"),
            extra_tags: fields.get("extra_tags"),
            registries: fields.get("registries"),
            strategy: fields.get("strategy"),
            pull_policy: fields.get("pull_policy"),
            platform: fields.get("platform"),
            build_on: fields.get("build_on"),
            verify: fields.get("verify"),
            retry: fields.get("retry"),
            build: fields.get("build"),
            broken: fields.close(),
        })
    }
}

impl FromValue for Verify {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::open(value, key, problems)?;
        let hint = "the key that it is signed with: `cosign = { key = \"cosign.pub\" }`";
        let verify = Self { cosign: fields.require("cosign", hint) };
        fields.close();
        Some(verify)
    }
}

impl FromValue for Cosign {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::open(value, key, problems)?;
        let hint = "the file of the public key: `key = \"cosign.pub\"`";
        let cosign = Self { key: fields.require("key", hint) };
        fields.close();
        Some(cosign)
    }
}

impl FromValue for Registries {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let list: List<Registry> = FromValue::from_value(value, key, problems)?;
        if list.len() > Self::MAX {
            let message = format!("more than {} registries", Self::MAX);
            problems.push(Diagnostic::error(message).key(key.to_string()), value.span());
            return None;
        }
        Some(Self(list))
    }
}

impl FromValue for Registry {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(_) => FromValue::from_value(value, key, problems).map(Self::Entry),
            DeValue::Table(_) => {
                let mut fields = Fields::open(value, key, problems)?;
                let table = RegistryTable {
                    registry: fields.require("registry", "the host: `registry = \"ghcr.io\"`"),
                    repository: fields
                        .require("repository", "the path: `repository = \"acme/tool\"`"),
                    tag: fields.get("tag"),
                };
                fields.close();
                Some(Self::Table(table))
            }
            _ => {
                wrong_type(value, key, "a string or a table", problems);
                None
            }
        }
    }
}

impl FromValue for Secret {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let hint = "a secret is `{ id = \"npm\", env = \"NPM_TOKEN\" }` or `{ id = \"npm\", src = \"file\" }`";
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            let message = "a secret must be a table";
            problems.push(Diagnostic::error(message).key(key.to_string()).hint(hint), value.span());
            return None;
        }
        let mut fields = Fields::open(value, key, problems)?;
        let id = fields.require::<Word>("id", hint);
        let env = fields.get::<Variable>("env");
        let src = fields.get::<PathText>("src");
        let both = fields.has("env") && fields.has("src");
        let neither = !fields.has("env") && !fields.has("src");
        fields.close();
        let message = match (both, neither) {
            (true, _) => "a secret has either `env` or `src`, not both",
            (_, true) => "a secret needs `env` or `src`",
            _ => {
                let id = id?.value;
                return match (env, src) {
                    (Some(env), _) => Some(Self::Env { id, env }),
                    (_, Some(src)) => Some(Self::File { id, src }),
                    _ => None,
                };
            }
        };
        let diagnostic = Diagnostic::error(message).key(key.to_string()).hint(hint);
        problems.push(diagnostic, value.span());
        None
    }
}

/// The integer in `value`, or a report. One beyond 64 bits is as good as the largest.
///
/// A float is none, even a whole one, since TOML tells the two apart. The schema can't:
/// it is about JSON, which has numbers only.
fn integer(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<i64> {
    let DeValue::Integer(integer) = value.get_ref() else {
        wrong_type(value, key, "an integer", problems);
        return None;
    };
    Some(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i64::MAX))
}

impl FromValue for Count {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let number = integer(value, key, problems)?;
        if let Ok(number @ 1..=Self::MAX) = u32::try_from(number) {
            return Some(Self(number));
        }
        let message = format!("{} must be 1 to {}", key.name(), Self::MAX);
        problems.push(Diagnostic::error(message).key(key.to_string()), value.span());
        None
    }
}

impl FromValue for Format {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let number = integer(value, key, problems)?;
        if number == Self::NUMBER {
            return Some(Self);
        }
        let written = problems.slice(value.span());
        let message = format!("this occ does not know version {written} of the manifest");
        let diagnostic =
            Diagnostic::error(message).key(key.to_string()).hint("write `version = 1`");
        problems.push(diagnostic, value.span());
        None
    }
}

/// Reads one of a few words.
macro_rules! words {
    ($($type:ident { $($word:literal => $variant:ident),* $(,)? })*) => {$(
        impl FromValue for $type {
            fn from_value(
                value: &Value<'_>,
                key: Key<'_>,
                problems: &mut Problems<'_>,
            ) -> Option<Self> {
                match string(value, key, problems)? {
                    $($word => Some(Self::$variant),)*
                    other => {
                        bad_word(other, &[$($word),*], value, key, problems);
                        None
                    }
                }
            }
        }
    )*};
}

words! {
    Strategy { "pull" => Pull, "build" => Build, "pull-then-build" => PullThenBuild }
    PullPolicy { "missing" => Missing, "always" => Always, "never" => Never }
    Template { "opencode" => Opencode }
    Network { "default" => Default, "none" => None, "host" => Host }
    Builder { "auto" => Auto, "buildkit" => Buildkit, "classic" => Classic }
    BuildOn {
        "not_found" => NotFound, "unavailable" => Unavailable, "denied" => Denied,
        "rate_limited" => RateLimited,
    }
}

fn bad_word(
    word: &str,
    known: &[&str],
    value: &Value<'_>,
    key: Key<'_>,
    problems: &mut Problems<'_>,
) {
    let quoted: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    let word = text::cut(word, 60);
    let message = if problems.is_hidden(&value.span()) {
        "unknown value".to_owned()
    } else {
        format!("unknown value `{word}`")
    };
    let diagnostic = Diagnostic::error(message).key(key.to_string());
    let diagnostic = match text::did_you_mean(word, known.iter().copied()) {
        Some(meant) => diagnostic.hint(format!("did you mean `{meant}`?")),
        // It is a word of Compose.
        None if word == "build" && key.to_string().ends_with("pull_policy") => {
            diagnostic.hint("to build and never pull, write `strategy = \"build\"` for the image")
        }
        None => diagnostic.hint(format!("known values: {}", text::list(&quoted, "or"))),
    };
    problems.push(diagnostic, value.span());
}
