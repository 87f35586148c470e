//! Floor 1: when to try again, and when not. It decides; somebody else sleeps.

use std::time::Duration;

use crate::state::desired::RetryPolicy;

/// Further rounds in one run, all images together. When everything flaps, thirty
/// images must not wait thirty times: after ten the run fails fast.
pub(crate) const RUN_BUDGET: u32 = 10;

/// The wait before round `round` (2 is the first that waits): the policy's
/// backoff, doubled from round to round, capped, plus 0 to 10 % of jitter.
///
/// `jitter` is a random number from 0 to 1, drawn by the caller.
pub(crate) fn wait_before(round: u32, policy: &RetryPolicy, jitter: f64) -> Duration {
    let doublings = round.saturating_sub(2).min(31);
    let base = policy.backoff.saturating_mul(1 << doublings).min(policy.max_backoff);
    base + base.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 9,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
        }
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits: Vec<u64> = (2..=8).map(|n| wait_before(n, &policy(), 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        assert_eq!(wait_before(2, &policy(), 1.0), Duration::from_millis(1100));
        assert_eq!(wait_before(u32::MAX, &policy(), 0.5), Duration::from_millis(31_500));
    }
}
