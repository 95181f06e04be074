//! Intervals on the clock of the site: a quarter, a half, a whole hour, a day.
//!
//! A day is as long as it is: 23 or 25 hours when clocks change. Shorter intervals begin where the clock on the wall shows
//! a round time; where clocks change in between, an interval ends and another begins. So each moment is in exactly one
//! interval, and the hour that comes twice is two.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::UnixTime;

/// How long an interval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// 15 minutes.
    Quarter,
    /// 30 minutes.
    Half,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Every {
    /// By its name: `15m`, `30m`, `60m` or `1h`, `day` or `1d`.
    pub fn named(text: &str) -> Option<Every> {
        Some(match text {
            "15m" => Every::Quarter,
            "30m" => Every::Half,
            "60m" | "1h" => Every::Hour,
            "day" | "1d" => Every::Day,
            _ => return None,
        })
    }

    /// Length in seconds; of a day, a usual one.
    pub fn seconds(self) -> i64 {
        match self {
            Every::Quarter => 900,
            Every::Half => 1_800,
            Every::Hour => 3_600,
            Every::Day => 86_400,
        }
    }
}

/// One interval: its beginning belongs to it, its end does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Its beginning.
    pub start: UnixTime,
    /// The beginning of the next one.
    pub end: UnixTime,
}

impl Slot {
    /// Whether `at` is in it.
    pub fn covers(&self, at: UnixTime) -> bool {
        self.start <= at && at < self.end
    }
}

/// Cuts time into intervals.
#[derive(Debug, Clone)]
pub struct Grid {
    zone: TimeZone,
    every: Every,
    /// The interval that was asked for last: facts come in order of time.
    last: Option<Slot>,
}

impl Grid {
    /// Intervals of this length on this zone's clock.
    pub fn new(zone: TimeZone, every: Every) -> Self {
        Grid { zone, every, last: None }
    }

    /// The interval that `at` is in; nothing for a moment outside of all calendars (the year 10000).
    pub fn slot(&mut self, at: UnixTime) -> Option<Slot> {
        if let Some(last) = self.last.filter(|slot| slot.covers(at)) {
            return Some(last);
        }
        let stamp = Timestamp::from_microsecond(at.0).ok()?;
        let slot = match self.every {
            Every::Day => self.day(stamp)?,
            _ => self.part(stamp),
        };
        self.last = Some(slot);
        Some(slot)
    }

    /// The beginning of an interval as ISO 8601 with the offset of that moment.
    pub fn name(&self, at: UnixTime) -> String {
        match Timestamp::from_microsecond(at.0) {
            Ok(stamp) => stamp.display_with_offset(self.zone.to_offset(stamp)).to_string(),
            Err(_) => at.to_string(),
        }
    }

    fn day(&self, stamp: Timestamp) -> Option<Slot> {
        let local = stamp.to_zoned(self.zone.clone());
        // Where a clock change takes midnight away, the day begins when it is over.
        let start = local.start_of_day().ok()?.timestamp();
        let end = local.tomorrow().ok()?.start_of_day().ok()?.timestamp();
        Some(Slot { start: unix(start), end: unix(end) })
    }

    fn part(&self, stamp: Timestamp) -> Slot {
        let length = self.every.seconds();
        let second = stamp.as_microsecond().div_euclid(1_000_000);
        let local = second + i64::from(self.zone.to_offset(stamp).seconds());
        let start = second - local.rem_euclid(length);
        let slot = Slot { start: seconds(start), end: seconds(start + length) };
        self.cut(slot, stamp)
    }

    /// An interval ends where clocks change inside of it, and begins anew.
    fn cut(&self, mut slot: Slot, stamp: Timestamp) -> Slot {
        if let Some(next) = self.zone.following(stamp).next() {
            slot.end = slot.end.min(unix(next.timestamp()));
        }
        let after = Timestamp::from_microsecond(stamp.as_microsecond() + 1).unwrap_or(stamp);
        if let Some(before) = self.zone.preceding(after).next() {
            slot.start = slot.start.max(unix(before.timestamp()));
        }
        slot
    }
}

fn unix(stamp: Timestamp) -> UnixTime {
    UnixTime(stamp.as_microsecond())
}

fn seconds(seconds: i64) -> UnixTime {
    UnixTime(seconds.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::zone;

    fn at(text: &str) -> UnixTime {
        unix(text.parse().unwrap())
    }

    /// Names and lengths in minutes of all intervals from one moment to another.
    fn all(zone_name: &str, every: Every, from: &str, to: &str) -> Vec<(String, i64)> {
        let mut grid = Grid::new(zone(zone_name).unwrap(), every);
        let (mut now, end) = (at(from), at(to));
        let mut found = Vec::new();
        while now < end {
            let slot = grid.slot(now).unwrap();
            assert_eq!(slot.start, now, "no gap and no overlap");
            assert!(slot.end > slot.start);
            found.push((grid.name(slot.start), (slot.end.0 - slot.start.0) / 60_000_000));
            now = slot.end;
        }
        found
    }

    #[test]
    fn days_have_23_and_25_hours_when_clocks_change() {
        let spring =
            all("Europe/Berlin", Every::Day, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(spring, [("2026-03-29T00:00:00+01:00".to_owned(), 23 * 60)]);
        let autumn =
            all("Europe/Berlin", Every::Day, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(autumn, [("2026-10-25T00:00:00+02:00".to_owned(), 25 * 60)]);
        // Beirut changes at midnight: 29 March 2026 has no 00:30.
        let beirut = all("Asia/Beirut", Every::Day, "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z");
        assert_eq!(beirut, [("2026-03-29T01:00:00+03:00".to_owned(), 23 * 60)]);
    }

    #[test]
    fn the_hour_that_comes_twice_is_two_and_the_one_that_is_left_out_is_none() {
        let autumn =
            all("Europe/Berlin", Every::Half, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(autumn.len(), 50);
        assert_eq!(autumn[4].0, "2026-10-25T02:00:00+02:00");
        assert_eq!(autumn[6].0, "2026-10-25T02:00:00+01:00");
        let spring =
            all("Europe/Berlin", Every::Hour, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(spring.len(), 23);
        assert_eq!(spring[2].0, "2026-03-29T03:00:00+02:00");
    }

    #[test]
    fn odd_offsets_and_odd_changes_keep_to_the_wall_clock() {
        let nepal =
            all("Asia/Kathmandu", Every::Hour, "2026-01-01T00:15:00Z", "2026-01-01T02:15:00Z");
        assert_eq!(nepal[0].0, "2026-01-01T06:00:00+05:45");
        // Lord Howe goes back by half an hour at 02:00: the clock shows 01:30 again, and the hour is cut there.
        let howe =
            all("Australia/Lord_Howe", Every::Hour, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z");
        let lengths: Vec<_> = howe.iter().map(|(_, minutes)| *minutes).collect();
        assert_eq!(lengths, [60, 30, 60], "{howe:?}");
    }

    /// Over two years and all zones: no gap, no overlap, nothing longer than it says.
    #[test]
    fn each_moment_is_in_one_interval_in_all_zones() {
        for name in jiff::tz::db().available() {
            let Some(zone) = zone(name.as_str()) else { continue };
            let mut grid = Grid::new(zone, Every::Day);
            let mut now = grid.slot(at("2025-12-31T00:00:00Z")).unwrap().start;
            while now < at("2027-01-02T00:00:00Z") {
                let slot = grid.slot(now).unwrap();
                let hours = (slot.end.0 - slot.start.0) / 3_600_000_000;
                assert!(slot.start == now && (22..=26).contains(&hours), "{name:?} {slot:?}");
                now = slot.end;
            }
        }
    }
}
