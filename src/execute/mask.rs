//! Secrets in what a build prints: a step may print what it was given to read, and a log
//! is read by others.

use crate::engine::Secret;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Shorter texts are in many words, and hiding them would make a log of stars.
const SHORTEST: usize = 4;

/// The texts that no log has in it.
pub(super) struct Mask(Vec<String>);

impl Mask {
    /// Each line of each secret: a log has lines.
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let lines = secrets.iter().flat_map(|secret| secret.value.split(|byte| *byte == b'\n'));
        let texts = lines.map(|line| String::from_utf8_lossy(line).trim().to_owned());
        let mut texts: Vec<String> = texts.filter(|text| text.len() >= SHORTEST).collect();
        // A longer one first: a shorter one may be a part of it.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts)
    }

    /// The text without them.
    pub(super) fn hide(&self, mut text: String) -> String {
        for secret in &self.0 {
            if text.contains(secret) {
                text = text.replace(secret, MASK);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_secret_is_printed() {
        let secret = |value: &'static str| Secret { id: "x".into(), value: value.into() };
        let mask = Mask::new(&[secret("tok"), secret("token-1\n"), secret("BEGIN\nabcd\nabcd1\n")]);
        let hide = |text: &str| mask.hide(text.to_owned());
        assert_eq!(hide("a token-1, token-1!"), "a ***, ***!");
        assert_eq!(hide("abcd1 abcd BEGIN tok"), "*** *** *** tok");
        assert_eq!(Mask::new(&[]).hide("abcd".to_owned()), "abcd");
    }
}
