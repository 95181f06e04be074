//! When something was said, where clocks differ: hybrid logical clocks (Kulkarni and others, 2014).
//!
//! A [`Stamp`] is near the wall clock where clocks are right, and always later than every stamp that was seen before it was
//! given, whatever the clocks say: a box whose battery is dead and an office ten years ahead still agree on what came after
//! what. Of two stamps one is always the later one; equal moments are told apart by the site.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// When something was said, and where.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Stamp {
    /// Microseconds since 1970, by the clock of whoever said it or of whomever they had heard of.
    pub wall: i64,
    /// What was said at the same moment before.
    pub count: u32,
    /// Where: a number of the site's own.
    pub site: u64,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} at {:x}", UnixTime(self.wall), self.count, self.site)
    }
}

/// A site's clock.
#[derive(Debug, Clone)]
pub struct StampClock {
    last: Stamp,
}

impl StampClock {
    /// The clock of a site, which has seen nothing later than `seen`.
    pub fn new(site: u64, seen: Stamp) -> StampClock {
        StampClock { last: Stamp { site, ..seen } }
    }

    /// A stamp for what is said now: later than all that was seen.
    pub fn stamp(&mut self, now: UnixTime) -> Stamp {
        let Stamp { wall, count, .. } = self.last;
        // The count has run over: one microsecond more says the same.
        let (wall, count) = match count.checked_add(1) {
            _ if now.0 > wall => (now.0, 0),
            Some(count) => (wall, count),
            None => (wall.saturating_add(1), 0),
        };
        self.last = Stamp { wall, count, ..self.last };
        self.last
    }

    /// Something with this stamp was seen.
    pub fn see(&mut self, stamp: Stamp) {
        let site = self.last.site;
        if (stamp.wall, stamp.count) > (self.last.wall, self.last.count) {
            self.last = Stamp { site, ..stamp };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_after_something_was_seen_is_later_whatever_the_clock_says() {
        let (mut right, mut ahead) =
            (StampClock::new(1, Stamp::default()), StampClock::new(2, Stamp::default()));
        let ten_years = 10 * 365 * 86_400 * 1_000_000;
        let first = ahead.stamp(UnixTime(ten_years));
        right.see(first);
        let second = right.stamp(UnixTime(5));
        assert!(second > first);
        assert_eq!((second.wall, second.count, second.site), (ten_years, 1, 1));
        assert!(right.stamp(UnixTime(6)) > second);
        assert_eq!(right.stamp(UnixTime(ten_years + 9)).count, 0);
    }

    #[test]
    fn a_count_that_runs_over_goes_on() {
        let seen = Stamp { wall: 7, count: u32::MAX, site: 9 };
        let mut clock = StampClock::new(1, seen);
        assert!(clock.stamp(UnixTime(7)) > seen);
    }
}
