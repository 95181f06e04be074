//! Opening hours: a calendar says whether the branch is open, closed or on holiday at a moment.
//!
//! Times of day are wall-clock times in the calendar's zone: on a day when clocks change, 08:00 is when clocks show it.
//! A span may go past midnight; it belongs to the day it began on. Flows and the dial plan both ask here.

use std::ops::Range;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use toml::Spanned;

use crate::time::UnixTime;

/// `[[calendar]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What flows and schedules call it.
    pub name: Spanned<String>,
    /// IANA time zone. Default: the site's.
    #[serde(default)]
    pub time_zone: Option<Spanned<String>>,
    /// When it is open.
    #[serde(default)]
    pub open: Vec<Open>,
    /// Holidays: `2026-12-24` once, `12-25` each year. Opening hours do not count on them.
    #[serde(default)]
    pub holidays: Vec<Spanned<String>>,
}

/// One span of opening hours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// `mon`, `mon-fri`, `sat, sun`.
    pub days: Spanned<String>,
    /// `08:00`.
    pub from: Spanned<String>,
    /// `17:30`; `24:00` is the end of the day; a time before `from` is on the next day.
    pub to: Spanned<String>,
}

/// What is wrong with a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// No such zone.
    Zone,
    /// Not days of the week.
    Days,
    /// Not a time of day.
    Time,
    /// Not a date.
    Date,
    /// A span that ends as it begins.
    Empty,
}

/// How it is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Open.
    Open,
    /// Closed.
    Closed,
    /// On holiday.
    Holiday,
}

/// A calendar that was checked.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    spans: Vec<Span>,
    holidays: Vec<Holiday>,
}

#[derive(Debug, Clone)]
struct Span {
    days: Vec<Weekday>,
    /// Minutes since midnight.
    from: u16,
    /// Minutes since the midnight that `from` counts from; above 1,440 on the next day.
    to: u16,
}

#[derive(Debug, Clone, Copy)]
enum Holiday {
    Once(Date),
    Yearly(i8, i8),
}

/// Minutes of a day.
pub const DAY: u16 = 24 * 60;
/// Days that are looked at for opening hours: a year and its longest holidays.
const MOST_DAYS: u16 = 400;

impl Calendar {
    /// Checks a calendar; `zone` is the site's. Every mistake is listed with its place.
    pub fn new(
        settings: &Settings,
        zone: &TimeZone,
    ) -> Result<Calendar, Vec<(Mistake, Range<usize>)>> {
        let mut mistakes = Vec::new();
        let zone = match settings.time_zone.as_ref().map(|zone| (zone, self::zone(zone.get_ref())))
        {
            None => zone.clone(),
            Some((_, Some(own))) => own,
            Some((written, None)) => {
                mistakes.push((Mistake::Zone, written.span()));
                zone.clone()
            }
        };
        let spans =
            settings.open.iter().filter_map(|open| Span::new(open, &mut mistakes)).collect();
        let holidays = settings.holidays.iter().filter_map(|text| {
            let holiday = holiday(text.get_ref());
            if holiday.is_none() {
                mistakes.push((Mistake::Date, text.span()));
            }
            holiday
        });
        let calendar = Calendar { zone, spans, holidays: holidays.collect() };
        if mistakes.is_empty() { Ok(calendar) } else { Err(mistakes) }
    }

    /// How it is at a moment. A moment outside of all calendars (a clock that stands in the year 10000) is closed.
    pub fn state(&self, at: UnixTime) -> State {
        let Ok(at) = Timestamp::from_microsecond(at.0) else { return State::Closed };
        let local = at.to_zoned(self.zone.clone());
        let today = local.date();
        let minute = u16::try_from(local.hour()).unwrap_or(0) * 60
            + u16::try_from(local.minute()).unwrap_or(0);
        let yesterday = today.yesterday().ok();
        // What began yesterday goes on, even into a holiday; what would begin on a holiday does not.
        let late =
            yesterday.is_some_and(|day| !self.is_holiday(day) && self.covers(day, minute + DAY));
        match (late, self.is_holiday(today)) {
            (true, _) => State::Open,
            (false, true) => State::Holiday,
            (false, false) if self.covers(today, minute) => State::Open,
            _ => State::Closed,
        }
    }

    /// How long it is open from one moment to a later one. Of more than 400 days the last count.
    pub fn open_between(&self, from: UnixTime, to: UnixTime) -> Duration {
        let from = from.max(to - Duration::from_secs(u64::from(MOST_DAYS) * 86_400));
        let (mut open, mut upto) = (Duration::ZERO, from);
        for (begins, ends) in self.spans_from(from).take_while(|(begins, _)| *begins < to) {
            let (begins, ends) = (begins.max(upto), ends.min(to));
            open += ends.since(begins);
            upto = upto.max(ends);
        }
        open
    }

    /// When it opens next, or the moment itself while it is open; nothing where it does not within 400 days.
    pub fn next_open(&self, at: UnixTime) -> Option<UnixTime> {
        self.spans_from(at).find(|(_, ends)| *ends > at).map(|(begins, _)| begins.max(at))
    }

    /// Spans of opening hours by their beginnings, from the day before a moment on.
    fn spans_from(&self, at: UnixTime) -> impl Iterator<Item = (UnixTime, UnixTime)> {
        let first = Timestamp::from_microsecond(at.0).ok();
        let first = first.and_then(|at| at.to_zoned(self.zone.clone()).date().yesterday().ok());
        let days = first.into_iter().flat_map(|day| day.series(1.day()));
        let open = days.take(usize::from(MOST_DAYS)).filter(|day| !self.is_holiday(*day));
        open.flat_map(|day| {
            let today = self.spans.iter().filter(move |span| span.days.contains(&day.weekday()));
            let moment = |minute| moment(day, minute, &self.zone);
            let both = today.filter_map(|span| Some((moment(span.from)?, moment(span.to)?)));
            let mut both: Vec<_> = both.collect();
            both.sort_unstable();
            both
        })
    }

    fn covers(&self, day: Date, minute: u16) -> bool {
        let on = |span: &Span| {
            span.days.contains(&day.weekday()) && (span.from..span.to).contains(&minute)
        };
        self.spans.iter().any(on)
    }

    fn is_holiday(&self, day: Date) -> bool {
        self.holidays.iter().any(|holiday| match holiday {
            Holiday::Once(date) => *date == day,
            Holiday::Yearly(month, of) => day.month() == *month && day.day() == *of,
        })
    }
}

impl Span {
    fn new(open: &Open, mistakes: &mut Vec<(Mistake, Range<usize>)>) -> Option<Span> {
        let before = mistakes.len();
        let days = days(open.days.get_ref());
        let (from, to) = (minutes(open.from.get_ref()), minutes(open.to.get_ref()));
        let wrong = [
            (days.is_none(), Mistake::Days, open.days.span()),
            (from.is_none_or(|from| from >= DAY), Mistake::Time, open.from.span()),
            (to.is_none(), Mistake::Time, open.to.span()),
            (from.is_some() && from == to, Mistake::Empty, open.to.span()),
        ];
        mistakes
            .extend(wrong.into_iter().filter(|(is, ..)| *is).map(|(_, what, span)| (what, span)));
        if mistakes.len() > before {
            return None;
        }
        let (from, to) = (from?, to?);
        Some(Span { days: days?, from, to: if to < from { to + DAY } else { to } })
    }
}

/// A zone by its IANA name.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The clock on the wall in `zone`: hour, minute, and the date.
pub fn local(at: UnixTime, zone: &TimeZone) -> Option<(Date, Time)> {
    let local = Timestamp::from_microsecond(at.0).ok()?.to_zoned(zone.clone());
    Some((local.date(), local.time()))
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Days of the week as calendars write them: `mon-fri`, `sat`; nothing where they are none.
pub fn days(text: &str) -> Option<Vec<Weekday>> {
    let place = |name: &str| WEEK.iter().position(|(day, _)| name.trim().eq_ignore_ascii_case(day));
    let mut days = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => (place(from)?, place(to)?),
            None => (place(part)?, place(part)?),
        };
        let length = (to + WEEK.len() - from) % WEEK.len();
        days.extend(
            (0..=length)
                .filter_map(|step| WEEK.get((from + step) % WEEK.len()))
                .map(|(_, day)| *day),
        );
    }
    Some(days)
}

/// When clocks show so many minutes after the midnight that a day begins with, 2,880 at most. A time that clocks leave out is the
/// one they jump to; of one that they show twice the first.
pub fn moment(day: Date, minute: u16, zone: &TimeZone) -> Option<UnixTime> {
    let day = if minute >= DAY { day.tomorrow().ok()? } else { day };
    let minute = i8::try_from(minute % 60).ok().zip(i8::try_from(minute % DAY / 60).ok());
    let (minute, hour) = minute?;
    let local = day.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
    Some(UnixTime(local.timestamp().as_microsecond()))
}

/// Minutes since midnight of a time of day: `08:00`, up to `24:00`.
pub fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && all <= DAY).then_some(all)
}

fn holiday(text: &str) -> Option<Holiday> {
    if let Ok(date) = text.parse::<Date>() {
        return Some(Holiday::Once(date));
    }
    let (month, day) = text.split_once('-')?;
    let (month, day): (i8, i8) = (month.parse().ok()?, day.parse().ok()?);
    // 2024 has a 29 February.
    Date::new(2024, month, day).ok()?;
    Some(Holiday::Yearly(month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(text: &str) -> Calendar {
        let settings: Settings = toml::from_str(text).unwrap();
        Calendar::new(&settings, &zone("UTC").unwrap()).unwrap()
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn opening_hours_follow_the_wall_clock_through_both_clock_changes() {
        let office = calendar(
            "name = 'office'\ntime_zone = 'Europe/Berlin'\nopen = [{ days = 'mon-fri', from = '08:00', to = '17:00' }]",
        );
        // Friday before and Monday after 29 March 2026, when Berlin goes from UTC+1 to UTC+2.
        assert_eq!(office.state(at("2026-03-27T06:59:59Z")), State::Closed);
        assert_eq!(office.state(at("2026-03-27T07:00:00Z")), State::Open);
        assert_eq!(office.state(at("2026-03-30T05:59:59Z")), State::Closed);
        assert_eq!(office.state(at("2026-03-30T06:00:00Z")), State::Open);
        assert_eq!(
            office.state(at("2026-03-30T15:00:00Z")),
            State::Closed,
            "the end does not belong to it"
        );
        // And back on 25 October.
        assert_eq!(office.state(at("2026-10-26T06:59:59Z")), State::Closed);
        assert_eq!(office.state(at("2026-10-26T07:00:00Z")), State::Open);
        assert_eq!(office.state(at("2026-03-29T10:00:00Z")), State::Closed, "a Sunday");
    }

    #[test]
    fn a_span_past_midnight_belongs_to_the_day_it_began_on() {
        let bar = calendar("name = 'bar'\nopen = [{ days = 'fri', from = '18:00', to = '02:00' }]");
        assert_eq!(bar.state(at("2026-11-20T23:59:00Z")), State::Open);
        assert_eq!(bar.state(at("2026-11-21T01:59:00Z")), State::Open, "Saturday by the date");
        assert_eq!(bar.state(at("2026-11-21T02:00:00Z")), State::Closed);
        assert_eq!(bar.state(at("2026-11-20T01:00:00Z")), State::Closed, "Thursday's night");
    }

    #[test]
    fn holidays_once_and_each_year() {
        let shop = calendar(
            "name = 'shop'\nopen = [{ days = 'sun-sat', from = '00:00', to = '24:00' }]\nholidays = ['2026-12-24', '12-25']",
        );
        assert_eq!(shop.state(at("2026-12-24T12:00:00Z")), State::Holiday);
        assert_eq!(shop.state(at("2027-12-24T12:00:00Z")), State::Open);
        assert_eq!(shop.state(at("2031-12-25T00:00:00Z")), State::Holiday);
        assert_eq!(shop.state(at("2031-12-25T23:59:59Z")), State::Holiday);
        assert_eq!(shop.state(UnixTime(i64::MAX)), State::Closed, "no such moment");
    }

    #[test]
    fn open_time_leaves_out_nights_holidays_and_the_hour_that_clocks_jump() {
        let office = calendar(
            "name = 'office'\ntime_zone = 'Europe/Berlin'\nholidays = ['12-25']\n\
             open = [{ days = 'mon-fri', from = '08:00', to = '17:00' }]",
        );
        let open = |from, to| office.open_between(at(from), at(to)).as_secs();
        assert_eq!(open("2026-11-20T15:59:00Z", "2026-11-23T07:01:00Z"), 120, "over a weekend");
        assert_eq!(open("2026-12-24T15:00:00Z", "2026-12-28T08:00:00Z"), 7_200, "and a holiday");
        assert_eq!(open("2026-03-27T15:00:00Z", "2026-03-30T07:00:00Z"), 7_200, "clocks go on");
        assert_eq!(open("2026-10-23T14:00:00Z", "2026-10-26T08:00:00Z"), 7_200, "clocks go back");
        assert_eq!(open("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z"), 0);
        let night = calendar(
            "name = 'n'\ntime_zone = 'Europe/Berlin'\nopen = [{ days = 'sun-sat', from = '22:00', to = '06:00' }]",
        );
        let open = |from, to| night.open_between(at(from), at(to)).as_secs() / 3_600;
        assert_eq!(open("2026-03-28T20:00:00Z", "2026-03-29T10:00:00Z"), 7, "a night of 7 hours");
        assert_eq!(open("2026-10-24T19:00:00Z", "2026-10-25T10:00:00Z"), 9, "a night of 9 hours");
    }

    #[test]
    fn spans_that_overlap_count_once_and_the_next_opening_is_found() {
        let shop = calendar(
            "name = 'shop'\nholidays = ['2026-11-23']\nopen = [{ days = 'mon', from = '08:00', to = '12:00' }, \
             { days = 'mon', from = '09:00', to = '10:00' }, { days = 'mon', from = '11:00', to = '13:00' }]",
        );
        let day = shop.open_between(at("2026-11-16T00:00:00Z"), at("2026-11-17T00:00:00Z"));
        assert_eq!(day.as_secs(), 5 * 3_600);
        let opens = |from| shop.next_open(at(from));
        assert_eq!(opens("2026-11-16T09:30:00Z"), Some(at("2026-11-16T09:30:00Z")), "open now");
        assert_eq!(opens("2026-11-16T13:00:00Z"), Some(at("2026-11-30T08:00:00Z")), "a holiday");
        let never = calendar("name = 'never'");
        assert_eq!(never.next_open(at("2026-11-16T13:00:00Z")), None);
    }

    #[test]
    fn mistakes_are_all_found_where_they_stand() {
        let text = "name = 'x'\ntime_zone = 'Europe/Berln'\nholidays = ['31-12', '2026-02-30']\n\
                    open = [{ days = 'mo', from = '8', to = '25:00' }, { days = 'mon', from = '08:00', to = '08:00' }]";
        let settings: Settings = toml::from_str(text).unwrap();
        let found = Calendar::new(&settings, &zone("UTC").unwrap()).unwrap_err();
        let found: Vec<_> = found.into_iter().map(|(what, span)| (what, &text[span])).collect();
        assert_eq!(
            found,
            [
                (Mistake::Zone, "'Europe/Berln'"),
                (Mistake::Days, "'mo'"),
                (Mistake::Time, "'8'"),
                (Mistake::Time, "'25:00'"),
                (Mistake::Empty, "'08:00'"),
                (Mistake::Date, "'31-12'"),
                (Mistake::Date, "'2026-02-30'"),
            ]
        );
    }
}
