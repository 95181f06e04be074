//! How much a site may have kept in a day, so that none fills the office's disk alone.
//!
//! Each site has so many octets at first, and gets as many back in the course of a day. What is over that is not taken in: it
//! waits at the site, which tries again. After a new start each has all of it again: a site cannot start an office anew.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);

/// What every site has left.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Octets in a day; nothing: as many as come.
    a_day: Option<u64>,
    /// What was taken of it, and when that was so. Sites that were let in are here, and nobody else.
    taken: BTreeMap<String, (u64, Instant)>,
}

impl Quota {
    /// So many octets in a day for each site; as many as come where nothing is said.
    pub fn new(a_day: Option<u64>) -> Quota {
        Quota { a_day, taken: BTreeMap::new() }
    }

    /// A site has these octets to be kept. Answers whether it may. What is larger than all of it may when all of it is left.
    pub fn take(&mut self, now: Instant, site: &str, octets: u64) -> bool {
        let Some(a_day) = self.a_day else { return true };
        let (taken, since) = self.taken.get(site).copied().unwrap_or((0, now));
        let back = back(a_day, now.saturating_duration_since(since));
        let left = taken.saturating_sub(back);
        let fits = left == 0 || left.saturating_add(octets) <= a_day;
        if fits {
            self.taken.insert(site.to_owned(), (left.saturating_add(octets), now));
        }
        fits
    }
}

/// Octets that are given back in so long.
fn back(a_day: u64, elapsed: Duration) -> u64 {
    let share = u128::from(a_day) * elapsed.as_micros() / DAY.as_micros();
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_has_said_a_days_worth_waits_and_the_others_do_not() {
        let begun = Instant::now();
        let mut quota = Quota::new(Some(86_400));
        assert!((0..864).all(|_| quota.take(begun, "berne", 100)));
        assert!(!quota.take(begun, "berne", 1) && quota.take(begun, "basel", 100));
        // One octet a second comes back, and trying takes nothing.
        let later = |seconds| begun + Duration::from_secs(seconds);
        assert!((1..60).all(|second| !quota.take(later(second), "berne", 60)));
        assert!(quota.take(later(60), "berne", 60));
        assert!(!quota.take(later(61), "berne", 60));
        assert!(quota.take(later(2 * 86_400), "berne", 86_400));
        // A batch that is larger than a day's worth is not stuck for ever.
        assert!(!quota.take(later(2 * 86_400), "berne", 100_000));
        assert!(quota.take(later(4 * 86_400), "berne", 100_000));
        let mut none = Quota::new(None);
        assert!(none.take(begun, "berne", u64::MAX) && none.take(begun, "berne", u64::MAX));
    }
}
