//! Chance that can be had again: its seed is told, and `OCC_TEST_SEED` sets it.

use std::time::Duration;

/// Numbers from a seed (splitmix64).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Of the seed in `OCC_TEST_SEED`, else of a new one. Either is told where a test fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("OCC_TEST_SEED").ok();
        let new = || u64::from_str_radix(&super::unique(), 16).unwrap();
        let seed = given.map_or_else(new, |given| given.parse().unwrap());
        eprintln!("OCC_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// Something from 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// A moment of a span of time.
    pub(crate) fn moment_in(&mut self, span: Duration) -> Duration {
        span * u32::try_from(self.next() % 1000).unwrap() / 1000
    }
}
