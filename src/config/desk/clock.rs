//! A time zone as phones understand it: an offset, and when clocks change this year.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::UnixTime;

/// When clocks change: `week` of the month (5 is the last), day of the week (Monday is 1), at this hour of the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub month: i8,
    pub week: i8,
    pub weekday: i8,
    pub hour: i8,
}

/// A zone this year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Seconds east of UTC, in winter.
    pub offset_s: i32,
    /// When summer time begins and ends, and by how many seconds clocks go forward; nothing where they never change.
    pub summer: Option<(Change, Change, i32)>,
}

impl Clock {
    /// The zone as it is around `now`.
    pub fn of(zone: &TimeZone, now: UnixTime) -> Clock {
        let now = Timestamp::from_microsecond(now.0).unwrap_or_default();
        let plain = || Clock { offset_s: zone.to_offset(now).seconds(), summer: None };
        let begin = now.checked_sub(24.hours() * 31).unwrap_or(now);
        let limit = now.checked_add(24.hours() * 400).unwrap_or(now);
        let mut offset = zone.to_offset(begin).seconds();
        let (mut starts, mut ends) = (None, None);
        for transition in zone.following(begin).take(4) {
            if transition.timestamp() > limit {
                break;
            }
            let after = transition.offset().seconds();
            let wall = transition.timestamp().to_zoned(TimeZone::UTC).datetime();
            let at = wall.checked_add(i64::from(offset).seconds()).ok().map(change);
            match transition.dst().is_dst() {
                true => starts = starts.or(at.map(|at| (at, after - offset))),
                false => ends = ends.or(at.map(|at| (at, after))),
            }
            offset = after;
        }
        match (starts, ends) {
            (Some((start, shift)), Some((end, winter))) => {
                Clock { offset_s: winter, summer: Some((start, end, shift)) }
            }
            _ => plain(),
        }
    }
}

fn change(wall: DateTime) -> Change {
    let date = wall.date();
    let last = date.day() + 7 > date.days_in_month();
    Change {
        month: date.month(),
        week: if last { 5 } else { (date.day() - 1) / 7 + 1 },
        weekday: date.weekday().to_monday_one_offset(),
        hour: wall.hour(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_with_and_without_summer_time() {
        let at = |text: &str| UnixTime(text.parse::<Timestamp>().expect("a time").as_microsecond());
        let clock = |zone: &str, now| Clock::of(&TimeZone::get(zone).expect("a zone"), at(now));
        let sunday = |month, week, hour| Change { month, week, weekday: 7, hour };
        for now in ["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z", "2026-11-21T12:00:00Z"] {
            let chicago = clock("America/Chicago", now);
            let summer = Some((sunday(3, 2, 2), sunday(11, 1, 2), 3_600));
            assert_eq!(chicago, Clock { offset_s: -6 * 3_600, summer }, "{now}");
            let berlin = clock("Europe/Berlin", now);
            let summer = Some((sunday(3, 5, 2), sunday(10, 5, 3), 3_600));
            assert_eq!(berlin, Clock { offset_s: 3_600, summer }, "{now}");
        }
        let kolkata = clock("Asia/Kolkata", "2026-01-15T12:00:00Z");
        assert_eq!(kolkata, Clock { offset_s: 19_800, summer: None });
    }
}
