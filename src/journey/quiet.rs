//! Quiet hours: when nobody is written to or called, by the clock on their own wall.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::UnixTime;

/// A span of the day; past midnight where it ends before it begins. Its end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Minutes since midnight.
    pub from: u16,
    /// Minutes since midnight.
    pub to: u16,
}

/// How often a clock change may lead back into quiet hours before minutes are tried one by one.
const TRIES: usize = 4;
/// How often one zone's morning may be another's night: some days ahead are enough.
const ROUNDS: usize = 16;
/// Minutes of a day and more: the longest that is looked ahead one by one.
const LOOK: i64 = 27 * 60;

/// Minutes since midnight of a time that is written `HH:MM`.
pub fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl Quiet {
    /// Whether it is quiet at a moment. Outside of all calendars it is.
    pub fn covers(&self, at: UnixTime, zone: &TimeZone) -> bool {
        let Ok(stamp) = Timestamp::from_microsecond(at.0) else { return true };
        let local = stamp.to_zoned(zone.clone());
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60
            + u16::try_from(local.minute()).unwrap_or(0);
        match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }

    /// The first moment from `at` on that is not quiet: `at` itself, or when the clock shows the end of quiet hours. Where
    /// clocks leave that time out, it is the moment after the gap; where they show it twice, the first time, unless it is
    /// quiet again after.
    pub fn over(&self, at: UnixTime, zone: &TimeZone) -> UnixTime {
        let mut now = at;
        for _ in 0..TRIES {
            if !self.covers(now, zone) {
                return now;
            }
            match self.next_end(now, zone) {
                Some(end) if end > now => now = end,
                _ => break,
            }
        }
        // A zone with changes such as nobody has seen: the first loud minute, and a day later if there is none.
        let minutes = (0..LOOK).map(|minute| UnixTime(at.0.saturating_add(minute * 60_000_000)));
        let first = minutes.into_iter().find(|moment| !self.covers(*moment, zone));
        first.unwrap_or(UnixTime(at.0.saturating_add(LOOK * 60_000_000)))
    }

    /// The first moment from `at` on that is quiet in none of these zones, as far as the next days have one: then it is a
    /// moment that is quiet in some of them, and whoever wakes then asks again.
    pub fn over_all(&self, at: UnixTime, zones: &[TimeZone]) -> UnixTime {
        let mut now = at;
        for _ in 0..ROUNDS {
            let later = zones.iter().map(|zone| self.over(now, zone)).max().unwrap_or(now);
            if later == now {
                break;
            }
            now = later;
        }
        now
    }

    fn next_end(&self, at: UnixTime, zone: &TimeZone) -> Option<UnixTime> {
        let local = Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone.clone());
        let end = Time::new((self.to / 60) as i8, (self.to % 60) as i8, 0, 0).ok()?;
        let today = DateTime::from_parts(local.date(), end);
        let next = match today > local.datetime() {
            true => today,
            false => today.checked_add(1.day()).ok()?,
        };
        Some(UnixTime(next.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn nights_end_by_the_clock_on_the_wall() {
        let night = Quiet { from: 20 * 60, to: 8 * 60 };
        let cases = [
            ("Europe/Berlin", "2026-11-16T12:00:00Z", "2026-11-16T12:00:00Z"),
            ("Europe/Berlin", "2026-11-16T19:00:00Z", "2026-11-17T07:00:00Z"),
            ("Europe/Berlin", "2026-11-17T06:59:59Z", "2026-11-17T07:00:00Z"),
            // The night before 29 March is an hour shorter, that before 25 October an hour longer.
            ("Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"),
            ("Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
            ("Asia/Kathmandu", "2026-11-16T14:15:00Z", "2026-11-17T02:15:00Z"),
        ];
        for (zone, from, to) in cases {
            assert_eq!(night.over(at(from), &hours::zone(zone).unwrap()), at(to), "{zone} {from}");
        }
    }

    #[test]
    fn who_may_be_in_any_of_several_zones_is_left_alone_in_all() {
        let night = Quiet { from: 20 * 60, to: 8 * 60 };
        let zones = ["America/New_York", "Pacific/Honolulu"].map(|name| hours::zone(name).unwrap());
        // Eight in Honolulu is one in the afternoon in New York, where it is loud until eight in the evening.
        assert_eq!(night.over_all(at("2026-11-16T14:00:00Z"), &zones), at("2026-11-16T18:00:00Z"));
        assert_eq!(night.over_all(at("2026-11-16T20:00:00Z"), &zones), at("2026-11-16T20:00:00Z"));
        assert_eq!(night.over_all(at("2026-11-17T02:00:00Z"), &zones), at("2026-11-17T18:00:00Z"));
        assert_eq!(night.over_all(at("2026-11-17T02:00:00Z"), &[]), at("2026-11-17T02:00:00Z"));
    }

    #[test]
    fn an_end_that_clocks_leave_out_or_show_twice() {
        let zone = hours::zone("Europe/Berlin").unwrap();
        let early = Quiet { from: 22 * 60, to: 2 * 60 + 30 };
        // 02:30 does not come on 29 March: the gap ends at 03:00, and the library goes on to 03:30.
        assert_eq!(early.over(at("2026-03-29T00:00:00Z"), &zone), at("2026-03-29T01:30:00Z"));
        // 02:30 comes twice on 25 October: the first time is the end, and from 02:00 it is quiet once more.
        assert_eq!(early.over(at("2026-10-25T00:00:00Z"), &zone), at("2026-10-25T00:30:00Z"));
        assert!(early.covers(at("2026-10-25T01:10:00Z"), &zone));
        assert_eq!(early.over(at("2026-10-25T01:10:00Z"), &zone), at("2026-10-25T01:30:00Z"));
    }
}
