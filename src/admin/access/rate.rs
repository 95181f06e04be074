//! How often somebody may ask: a bucket for each, filled at an even rate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Buckets that are remembered. A full bucket says nothing and is forgotten first.
const MOST: usize = 4_096;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// In the long run, in a second.
    pub each_second: u32,
    /// At once.
    pub burst: u32,
}

/// Everybody's bucket.
#[derive(Debug)]
pub struct Rates<K> {
    limit: Limit,
    /// What is left in each, in millionths, and when that was so.
    buckets: BTreeMap<K, (u64, Instant)>,
}

const WHOLE: u64 = 1_000_000;

impl<K: Ord> Rates<K> {
    /// Nobody has asked yet.
    pub fn new(limit: Limit) -> Self {
        Rates { limit, buckets: BTreeMap::new() }
    }

    /// Takes one. If there is none, says after how long there will be.
    pub fn take(&mut self, now: Instant, who: K) -> Result<(), Duration> {
        let limit = self.limit;
        if self.buckets.len() >= MOST && !self.buckets.contains_key(&who) {
            self.buckets.retain(|_, (left, at)| filled(limit, now, *left, *at) < full(limit));
        }
        if self.buckets.len() >= MOST && !self.buckets.contains_key(&who) {
            // That many who ask at once are a flood: nobody new until it ebbs.
            return Err(Duration::from_secs(1));
        }
        let (left, at) = self.buckets.entry(who).or_insert((full(limit), now));
        *left = filled(limit, now, *left, *at);
        *at = now;
        match left.checked_sub(WHOLE) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => {
                let missing = WHOLE - *left;
                Err(Duration::from_micros(missing.div_ceil(u64::from(limit.each_second.max(1)))))
            }
        }
    }
}

fn full(limit: Limit) -> u64 {
    u64::from(limit.burst) * WHOLE
}

fn filled(limit: Limit, now: Instant, left: u64, at: Instant) -> u64 {
    let passed = now.saturating_duration_since(at).as_micros().min(u128::from(u32::MAX)) as u64;
    (left + passed * u64::from(limit.each_second)).min(full(limit))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_an_even_rate() {
        let start = Instant::now();
        let mut rates = Rates::new(Limit { each_second: 10, burst: 20 });
        let passed = (0..100).filter(|_| rates.take(start, 1).is_ok()).count();
        assert_eq!(passed, 20);
        let wait = rates.take(start, 1).unwrap_err();
        assert!(wait <= Duration::from_millis(100) && !wait.is_zero());
        assert_eq!(rates.take(start + wait, 1), Ok(()));
        assert_eq!(rates.take(start, 2), Ok(()), "everybody has their own");
        let later = start + Duration::from_secs(3_600);
        let passed = (0..100).filter(|_| rates.take(later, 1).is_ok()).count();
        assert_eq!(passed, 20, "a quiet hour saves nothing up");
    }

    #[test]
    fn buckets_are_bounded() {
        let start = Instant::now();
        let mut rates = Rates::new(Limit { each_second: 10, burst: 20 });
        for who in 0..3 * MOST {
            let at = start + Duration::from_millis(who as u64);
            let _ = rates.take(at, who);
        }
        assert!(rates.buckets.len() <= MOST);
    }
}
