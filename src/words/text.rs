//! Text for people: the one sanitiser, and small words with numbers in them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// Makes a foreign text safe to show: on a terminal, in a log, in JSON.
///
/// Control characters except line feed and tab, bidirectional overrides and
/// zero-width characters come out as visible escapes (`\x1b`, `\u{202e}`).
/// Registries, engines and file names decide nothing about the reader's terminal.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !hidden(c) {
            out.push(c);
        } else if u32::from(c) < 0x100 {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    Cow::Owned(out)
}

/// The longest message of an engine or a registry that is worth showing, in bytes.
pub(crate) const MAX_FOREIGN: usize = 2048;

/// A foreign message on one line: sanitised, trimmed, line ends as spaces, cut at [`MAX_FOREIGN`].
pub(crate) fn foreign_line(text: &str) -> String {
    let cut = cut(text, MAX_FOREIGN);
    let line = cut.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = sanitise(&line).into_owned();
    if cut.len() < text.len() {
        line.push('…');
    }
    line
}

/// At most `max` bytes of `text`, cut at a character boundary.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `1 image`, `2 images`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<S: AsRef<str>>(items: &[S], conjunction: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} {conjunction} {}", head.join(", "), last.as_ref())
        }
    }
}

/// Bytes in decimal units, as Docker prints them: `999 B`, `1.5 kB`, `20.1 MB`.
pub(crate) fn bytes(number: u64) -> String {
    let mut tenths = u128::from(number) * 10;
    if number < 1000 {
        return format!("{number} B");
    }
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
        tenths = (tenths + 500) / 1000;
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{} EB", tenths / 10_000)
}

/// A measured time: `4ms`, `0.4s`, `12.3s`, `2m05s`, `1h02m`.
pub(crate) fn elapsed(time: Duration) -> String {
    if time < Duration::from_millis(100) {
        return format!("{}ms", time.as_millis());
    }
    let tenths = (time.as_millis() + 50) / 100;
    let seconds = tenths / 10;
    if seconds < 60 {
        format!("{seconds}.{}s", tenths % 10)
    } else if seconds < 3600 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60)
    }
}

/// The known word that `word` was probably meant to be.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= (k.len().max(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|n| char::from(b"0123456789abcdef"[n as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(sanitise("plain ä\n\tok"), "plain ä\n\tok");
        assert_eq!(
            sanitise("\x1b[2J\x07\r\u{202e}txt\u{9b}31m\u{200b}\0"),
            "\\x1b[2J\\x07\\x0d\\u{202e}txt\\x9b31m\\u{200b}\\x00"
        );
    }

    #[test]
    fn foreign_lines_are_short_and_single() {
        assert_eq!(foreign_line(" a\r\n b\tc "), "a b c");
        let long = foreign_line(&"é".repeat(5000));
        assert!(long.len() <= MAX_FOREIGN + '…'.len_utf8() && long.ends_with('…'));
    }

    #[test]
    fn numbers_read_well() {
        let shown: Vec<String> = [0, 999, 1000, 1499, 20_978_068, 999_950_000].map(bytes).into();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.5 kB", "21.0 MB", "1.0 GB"]);
        let shown: Vec<String> =
            [40, 12_340, 125_000, 3_725_000].map(|ms| elapsed(Duration::from_millis(ms))).into();
        assert_eq!(shown, ["40ms", "12.3s", "2m05s", "1h02m"]);
        assert_eq!(list(&["a", "b", "c"], "and"), "a, b and c");
        assert_eq!(count(1, "image", "images"), "1 image");
    }

    #[test]
    fn suggestions_are_close_ones_only() {
        assert_eq!(did_you_mean("registrys", ["tag", "registries"]), Some("registries"));
        assert_eq!(did_you_mean("zzz", ["tag", "registries"]), None);
    }
}
