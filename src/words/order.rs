//! The two orders of the paths of a context, for many of them.

use std::cmp::Ordering;
use std::path::is_separator;

/// The order of their bytes.
pub(crate) fn by_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let at = common(a, b);
    a.get(at).cmp(&b.get(at))
}

/// The order of their names: each directory in front of what is in it, which comes right behind
/// it, whatever its neighbours' names are.
pub(crate) fn by_names(a: &[u8], b: &[u8]) -> Ordering {
    let at = common(a, b);
    // As the system has it: the paths on disk are compared like this, too.
    let rank = |byte: &u8| if is_separator(char::from(*byte)) { 0 } else { *byte };
    a.get(at).map(rank).cmp(&b.get(at).map(rank))
}

/// Bytes in which both begin alike. Eight at a time, because paths of one directory have much
/// in common, and the `memcmp` of some systems goes byte by byte.
fn common(a: &[u8], b: &[u8]) -> usize {
    let shorter = a.len().min(b.len());
    let (a, b) = (&a[..shorter], &b[..shorter]);
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let alike = 8 * words.take_while(|(a, b)| a == b).count();
    alike + a[alike..].iter().zip(&b[alike..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_they_are_called(
            // Few characters, so that many begin alike, and some below the slash.
            (a, b) in ("[ab./-]{0,20}", "[ab./-]{0,20}"),
            above in prop::sample::select(vec!["", "a", "node_modules/a", "sixteen-bytes-in-"]),
        ) {
            let (a, b) = (format!("{above}{a}"), format!("{above}{b}"));
            prop_assert_eq!(by_bytes(a.as_bytes(), b.as_bytes()), a.cmp(&b));
            let names = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(by_names(a.as_bytes(), b.as_bytes()), names(&a).cmp(&names(&b)));
        }
    }
}
