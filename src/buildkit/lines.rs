//! Lines, put together from pieces that end anywhere.

/// A line is handed on at this length even if it has not ended: a step may print a
/// gigabyte without a line end.
const MAX_LINE: usize = 16 * 1024;

/// The end of what was printed so far.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes a piece, and gives the lines that it completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut whole = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            if self.0.ends_with(b"\n") || self.0.len() >= MAX_LINE {
                whole.extend(self.end());
            }
        }
        whole
    }

    /// Gives what there is of an unfinished line.
    pub(super) fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.0);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        // Progress bars overwrite their line; what a terminal would show last is enough.
        let line = line.rsplit('\r').next().unwrap_or_default();
        (!line.trim().is_empty()).then(|| line.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        assert!(lines.push("a\u{e9}".as_bytes()[..2].as_ref()).is_empty());
        assert_eq!(lines.push(b"\xa9\n\nb\r\n10%\r20%\r\nrest"), ["a\u{e9}", "b", "20%"]);
        assert_eq!(lines.end().as_deref(), Some("rest"));
        assert_eq!(lines.end(), None);
        let long = lines.push(&vec![b'x'; 3 * MAX_LINE]);
        assert_eq!(long.iter().map(String::len).sum::<usize>(), 3 * MAX_LINE);
    }
}
