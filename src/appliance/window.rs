//! The hours of the night in which a box takes updates by itself, by the clock on the branch's wall.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::hours::{DAY, minutes, moment};
use crate::time::UnixTime;

/// Hours of each day, such as `01:00-05:00`; the end does not belong to them, and may be on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Window {
    /// Minutes since midnight.
    from: u16,
    /// Minutes since the same midnight; above 1,440 on the next day.
    until: u16,
}

/// Text that is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAWindow;

impl fmt::Display for NotAWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not two times of day such as `01:00-05:00`")
    }
}

impl std::error::Error for NotAWindow {}

impl Default for Window {
    /// Who works late has gone, who begins early has not come; and the nightly backup is in it.
    fn default() -> Self {
        Window { from: 60, until: 5 * 60 }
    }
}

impl TryFrom<String> for Window {
    type Error = NotAWindow;

    fn try_from(text: String) -> Result<Self, NotAWindow> {
        let (from, until) = text.split_once('-').ok_or(NotAWindow)?;
        let both = minutes(from.trim()).zip(minutes(until.trim()));
        let (from, until) = both.filter(|(from, until)| from != until).ok_or(NotAWindow)?;
        let until = if until < from { until + DAY } else { until };
        if from < DAY { Ok(Window { from, until }) } else { Err(NotAWindow) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.until > DAY { self.until - DAY } else { self.until };
        let (from, until) = ((self.from / 60, self.from % 60), (until / 60, until % 60));
        write!(f, "{:02}:{:02} to {:02}:{:02}", from.0, from.1, until.0, until.1)
    }
}

impl Window {
    /// How long it goes on at a moment; nothing outside. On a day when clocks change it begins and ends when clocks show it.
    #[must_use]
    pub fn left(self, at: UnixTime, zone: &TimeZone) -> Option<Duration> {
        let today = Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone.clone()).date();
        let days = [today.yesterday().ok(), Some(today)].into_iter().flatten();
        let spans = days.filter_map(|day| {
            Some((moment(day, self.from, zone)?, moment(day, self.until, zone)?))
        });
        let mut holds = spans.filter(|(begins, ends)| *begins <= at && at < *ends);
        holds.next().map(|(_, ends)| ends.since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::zone;

    fn window(text: &str) -> Window {
        Window::try_from(text.to_owned()).expect("a window")
    }

    /// Minutes that are left of a window at a moment.
    fn left(window: Window, at: &str, name: &str) -> Option<u64> {
        let at = UnixTime(at.parse::<Timestamp>().expect("a time").as_microsecond());
        window.left(at, &zone(name).expect("a zone")).map(|left| left.as_secs() / 60)
    }

    #[test]
    fn night_is_where_the_branch_is() {
        let night = Window::default();
        // Two in the morning by UTC, which an image's own clock shows, is eleven in the morning there.
        assert_eq!(left(night, "2026-11-20T02:00:00Z", "Asia/Tokyo"), None);
        assert_eq!(left(night, "2026-11-20T15:59:59Z", "Asia/Tokyo"), None);
        assert_eq!(left(night, "2026-11-20T16:00:00Z", "Asia/Tokyo"), Some(240));
        assert_eq!(left(night, "2026-11-20T20:00:00Z", "Asia/Tokyo"), None, "its end is not in it");
        // And there six in the evening of the day before.
        assert_eq!(left(night, "2026-11-20T02:00:00Z", "America/Los_Angeles"), None);
        assert_eq!(left(night, "2026-11-20T09:00:00Z", "America/Los_Angeles"), Some(240));
        assert_eq!(left(night, "2026-11-20T12:59:00Z", "America/Los_Angeles"), Some(1));
        assert_eq!(left(night, "2026-11-20T02:00:00Z", "UTC"), Some(180));
    }

    #[test]
    fn a_night_of_clock_change_ends_when_clocks_show_it() {
        let night = Window::default();
        // 8 March 2026: two o'clock is three o'clock.
        assert_eq!(left(night, "2026-03-08T09:00:00Z", "America/Los_Angeles"), Some(180));
        assert_eq!(left(night, "2026-03-08T12:00:00Z", "America/Los_Angeles"), None);
        // 1 November 2026: one o'clock comes twice.
        assert_eq!(left(night, "2026-11-01T08:00:00Z", "America/Los_Angeles"), Some(300));
        assert_eq!(left(night, "2026-11-01T12:59:00Z", "America/Los_Angeles"), Some(1));
        assert_eq!(left(night, "2026-11-01T13:00:00Z", "America/Los_Angeles"), None);
    }

    #[test]
    fn a_window_may_go_past_midnight_and_all_around() {
        let late = window("22:30 - 02:00");
        assert_eq!(left(late, "2026-11-20T22:29:00Z", "UTC"), None);
        assert_eq!(left(late, "2026-11-20T22:30:00Z", "UTC"), Some(210));
        assert_eq!(left(late, "2026-11-20T01:59:00Z", "UTC"), Some(1));
        assert_eq!(late.to_string(), "22:30 to 02:00");
        assert_eq!(left(window("00:00-24:00"), "2026-11-20T12:00:00Z", "UTC"), Some(720));
        for wrong in ["", "1", "01:00", "05:00-05:00", "25:00-26:00", "24:00-01:00", "a-b"] {
            assert_eq!(Window::try_from(wrong.to_owned()), Err(NotAWindow), "{wrong:?}");
        }
    }
}
