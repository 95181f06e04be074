//! Rules that begin with the time: at a moment of the day by the site's clock, for nobody in particular or for whoever has
//! a date in a field of their record, or of a case of theirs.
//!
//! Where clocks leave the moment out it is as much later as they go forward, where they show it twice it is the first
//! time. A box that was off makes up for the moment within half a day, and not later.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::hours;
use crate::journey::Person;
use crate::time::UnixTime;

/// Whom a journey is about that is about nobody.
pub const NOBODY: Person = crate::id::ContactId(0);
/// How long after its moment a rule still begins where the box was off: not at night what was meant for the morning.
pub(super) const MAKES_UP: Duration = Duration::from_secs(12 * 3_600);

/// How far away the next moment is at most: a week, and a day for clocks that change.
pub(super) const FURTHEST: Duration = Duration::from_secs(9 * 86_400);

/// When a rule begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// Minutes since midnight.
    pub minute: u16,
    /// On these days of the week; every day where there are none.
    pub days: Vec<Weekday>,
    /// For whoever has such a date; otherwise for nobody in particular.
    pub dated: Option<Dated>,
}

/// What has the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The record of a person.
    Contact,
    /// A case of theirs, while it is open.
    Case,
}

impl Of {
    /// All of them.
    pub const ALL: [Of; 2] = [Of::Contact, Of::Case];

    /// As a rule names it.
    pub fn name(self) -> &'static str {
        match self {
            Of::Contact => "contact",
            Of::Case => "case",
        }
    }
}

/// A date in a field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The field.
    pub field: String,
    /// So many days before it; after it where less than nothing.
    pub offset: i32,
    /// Whether it comes back every year.
    pub yearly: bool,
    /// Of what.
    pub of: Of,
}

/// Whom a rule begins for at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    /// The field.
    pub field: String,
    /// The date in it.
    pub date: Date,
    /// Whether the year does not matter.
    pub yearly: bool,
    /// Of what.
    pub of: Of,
}

/// What the attribute is called that says which case an event is about.
pub const CASE: &str = "case";

/// The kind of the event that begins a rule of this name with its time.
pub fn kind_of(rule: &str) -> String {
    format!("time/{rule}")
}

impl Daily {
    /// The first moment after the last one that is still to come, or was missed a short while ago.
    pub fn next(&self, last: Option<UnixTime>, now: UnixTime, zone: &TimeZone) -> Option<UnixTime> {
        let (today, _) = hours::local(now, zone)?;
        let good = |at: &UnixTime| match last {
            Some(last) => *at > last && (*at > now || now.since(*at) < MAKES_UP),
            // Nobody has begun anything with it yet: it was not there before.
            None => *at > now,
        };
        let days = (-1..=8).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        days.filter_map(|day| self.on(day, zone)).find(good)
    }

    /// The moment on a day, if it begins on that.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<UnixTime> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let (hour, minute) = (i8::try_from(self.minute / 60), i8::try_from(self.minute % 60));
        let time = Time::new(hour.ok()?, minute.ok()?, 0, 0).ok()?;
        let moment = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(UnixTime(moment.timestamp().as_microsecond()))
    }
}

impl Dated {
    /// Whom it is about at a moment.
    pub fn on(&self, at: UnixTime, zone: &TimeZone) -> Option<Matches> {
        let stamp = Timestamp::from_microsecond(at.0).ok()?;
        let date = stamp.to_zoned(zone.clone()).date().checked_add(self.offset.days()).ok()?;
        Some(Matches { field: self.field.clone(), date, yearly: self.yearly, of: self.of })
    }
}

impl Matches {
    /// Whether what stands in the field is that date: `2026-12-01`, perhaps with a time behind it. Who was born on 29
    /// February has the 28th where there is no other.
    pub fn holds(&self, value: &str) -> bool {
        let Some(Ok(found)) = value.trim().get(..10).map(str::parse::<Date>) else { return false };
        let day = (found.month(), found.day());
        let leap = day == (2, 29) && !self.date.in_leap_year();
        match self.yearly {
            true => {
                day == (self.date.month(), self.date.day())
                    || (leap && (2, 28) == (self.date.month(), self.date.day()))
            }
            false => found == self.date,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    fn daily(minute: u16, days: &str) -> Daily {
        Daily { minute, days: hours::days(days).unwrap(), dated: None }
    }

    /// Moments from one on, as the machine takes them.
    fn moments(daily: &Daily, zone: &str, from: &str, count: usize) -> Vec<String> {
        let (zone, mut now, mut last) = (hours::zone(zone).unwrap(), at(from), None);
        let next = || {
            let next = daily.next(last, now, &zone)?;
            (now, last) = (next, Some(next));
            Some(next.to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn nine_in_the_morning_is_that_on_the_wall_over_both_clock_changes() {
        let nine = daily(9 * 60, "mon-sun");
        let spring = moments(&nine, "Europe/Berlin", "2026-03-28T06:00:00Z", 3);
        assert_eq!(
            spring,
            ["2026-03-28T08:00:00.000Z", "2026-03-29T07:00:00.000Z", "2026-03-30T07:00:00.000Z"]
        );
        let autumn = moments(&nine, "Europe/Berlin", "2026-10-24T06:00:00Z", 3);
        assert_eq!(
            autumn,
            ["2026-10-24T07:00:00.000Z", "2026-10-25T08:00:00.000Z", "2026-10-26T08:00:00.000Z"]
        );
        let south = moments(&nine, "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2);
        assert_eq!(south, ["2026-04-04T22:30:00.000Z", "2026-04-05T22:30:00.000Z"], "half an hour");
    }

    #[test]
    fn a_moment_that_clocks_leave_out_comes_once_and_one_that_they_show_twice_too() {
        let early = daily(2 * 60 + 30, "mon-sun");
        let spring = moments(&early, "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"]);
        let autumn = moments(&early, "Europe/Berlin", "2026-10-24T12:00:00Z", 3);
        assert_eq!(
            autumn,
            ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z", "2026-10-27T01:30:00.000Z"]
        );
    }

    #[test]
    fn weekdays_are_weekdays_and_what_was_missed_is_made_up_for_within_half_a_day() {
        let work = daily(9 * 60, "mon-fri");
        let days = moments(&work, "UTC", "2026-11-20T10:00:00Z", 2);
        assert_eq!(
            days,
            ["2026-11-23T09:00:00.000Z", "2026-11-24T09:00:00.000Z"],
            "not on Saturday"
        );
        let zone = hours::zone("UTC").unwrap();
        let last = Some(at("2026-11-23T09:00:00Z"));
        let next = |now: &str| work.next(last, at(now), &zone).map(|at| at.to_string());
        assert_eq!(next("2026-11-24T20:59:00Z").as_deref(), Some("2026-11-24T09:00:00.000Z"));
        assert_eq!(next("2026-11-24T21:01:00Z").as_deref(), Some("2026-11-25T09:00:00.000Z"));
        assert_eq!(
            next("2026-11-23T08:00:00Z").as_deref(),
            Some("2026-11-24T09:00:00.000Z"),
            "a clock set back"
        );
    }

    #[test]
    fn a_date_is_met_so_many_days_before_and_after_it_and_every_year_where_it_comes_back() {
        let zone = hours::zone("Europe/Berlin").unwrap();
        let on = |offset, yearly, at_text: &str| {
            let dated = Dated { field: "renewal".to_owned(), offset, yearly, of: Of::Contact };
            dated.on(at(at_text), &zone).unwrap()
        };
        // Half past midnight in Berlin is the day before in UTC.
        let before = on(3, false, "2026-11-20T23:30:00Z");
        assert!(before.holds("2026-11-24") && before.holds("2026-11-24T10:00:00Z"));
        assert!(
            !before.holds("2026-11-23") && !before.holds("2025-11-24") && !before.holds("soon")
        );
        assert!(on(-2, false, "2026-03-01T12:00:00Z").holds("2026-02-27"), "two days after");
        assert!(on(0, true, "2026-05-01T12:00:00Z").holds("1980-05-01"));
        assert!(on(0, true, "2026-02-28T12:00:00Z").holds("2000-02-29"));
        assert!(!on(0, true, "2028-02-28T12:00:00Z").holds("2000-02-29"), "there is another");
        assert!(on(0, true, "2028-02-29T12:00:00Z").holds("2000-02-29"));
    }
}
