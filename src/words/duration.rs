//! Lengths of time as the manifest and the command line write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time: `0`, or whole numbers with a unit, one after the other.
///
/// Units are `ms`, `s`, `m` and `h`: `500ms`, `2s`, `1m30s`. This is the
/// integer subset of Go's notation, which Compose files use too, so that the
/// JSON Schema's pattern and this parser can say exactly the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub Duration);

/// Why a text is no [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a whole number with a unit (`500ms`, `2s`, `1m30s`, `1h`), or `0`")]
pub(crate) struct SpanError;

/// The pattern of the JSON Schema. A test holds it and the parser together.
pub(crate) const PATTERN: &str = "^(0|([0-9]{1,9}(ms|s|m|h))+)$";

impl Span {
    /// The time, or `None` for `0`, which means "no limit" wherever a limit is asked for.
    pub(crate) fn limit(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut rest = text;
        let mut total = Duration::ZERO;
        while !rest.is_empty() || total.is_zero() && rest.len() == text.len() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            // Nine digits keep every sum far below the largest `Duration`.
            if digits == 0 || digits > 9 {
                return Err(SpanError);
            }
            let (number, tail) = rest.split_at(digits);
            let number: u64 = number.parse().map_err(|_| SpanError)?;
            let (millis, tail) = if let Some(tail) = tail.strip_prefix("ms") {
                (1, tail)
            } else if let Some(tail) = tail.strip_prefix('s') {
                (1000, tail)
            } else if let Some(tail) = tail.strip_prefix('m') {
                (60_000, tail)
            } else if let Some(tail) = tail.strip_prefix('h') {
                (3_600_000, tail)
            } else {
                return Err(SpanError);
            };
            total = total.saturating_add(Duration::from_millis(number.saturating_mul(millis)));
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0");
        }
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if millis >= size {
                write!(f, "{}{unit}", millis / size)?;
                millis %= size;
            }
        }
        Ok(())
    }
}

/// Time-outs. `None` waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// The engine's first answer.
    pub(crate) connect: Option<Duration>,
    /// Any later answer of the engine.
    pub(crate) response: Option<Duration>,
    /// A source silent for longer is overtaken by the next one.
    pub(crate) patience: Option<Duration>,
    /// While layers download: the longest time without a further byte.
    pub(crate) stall: Option<Duration>,
    /// A whole build.
    pub(crate) build: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let check = |text: &str, millis: u64, shown: &str| {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis), "{text}");
            assert_eq!(span.to_string(), shown);
        };
        check("0", 0, "0");
        check("0s", 0, "0");
        check("500ms", 500, "500ms");
        check("90s", 90_000, "1m30s");
        check("1h2m3s4ms", 3_723_004, "1h2m3s4ms");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "1", "s", "1 s", "1.5s", "-1s", "1s ", "1d", "1S", "1234567890s", "00"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text:?}");
        }
    }
}
