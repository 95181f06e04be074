//! `schedule_delivery_time`, `validity_period` and `final_date`: `YYMMDDhhmmsstnnp` (SMPP 3.4 section 7.1.1).

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pdu::Text;
use crate::time::{Now, UnixTime};

/// Longest span that a relative time can say: 99 years would be one too, but no validity is.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A text that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATime;

/// Reads a time, absolute (`…+` or `…-`, in quarters of an hour from UTC) or relative (`…R`). Nothing when there is none.
///
/// A time whose tenth, zone and sign are missing is taken as UTC: carriers leave them off in `final_date`.
pub fn read(text: &Text, now: Now) -> Result<Option<UnixTime>, NotATime> {
    let text = text.to_string();
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.trim_end_matches(['+', '-', 'R']);
    if digits.len() < 12 || digits.len() > 15 || !digits.bytes().all(|octet| octet.is_ascii_digit())
    {
        return Err(NotATime);
    }
    let part =
        |at: usize| digits.get(at..at + 2).and_then(|two| two.parse::<i64>().ok()).unwrap_or(0);
    let parts = [0, 2, 4, 6, 8, 10].map(part);
    match text.ends_with('R') {
        true => Ok(Some(now.unix + relative(parts))),
        false => absolute(parts, quarters(digits, &text)).map(Some).ok_or(NotATime),
    }
}

/// Months are of 30 days and years of 365: the standard does not say, and nobody means a day by it.
fn relative([years, months, days, hours, minutes, seconds]: [i64; 6]) -> Duration {
    let days = years * 365 + months * 30 + days;
    let seconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    Duration::from_secs(seconds.unsigned_abs()).min(LONGEST)
}

/// How far the written time is ahead of UTC, in quarters of an hour.
fn quarters(digits: &str, text: &str) -> i64 {
    let zone = digits.get(13..15).and_then(|two| two.parse::<i64>().ok()).unwrap_or(0);
    if text.ends_with('-') { -zone } else { zone }
}

fn absolute(parts: [i64; 6], quarters: i64) -> Option<UnixTime> {
    let [year, month, day, hour, minute, second] =
        parts.map(|part| i8::try_from(part).unwrap_or(-1));
    let at = DateTime::new(2_000 + i16::from(year), month, day, hour, minute, second, 0).ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond();
    Some(UnixTime(at.saturating_sub(quarters * 15 * 60 * 1_000_000)))
}

/// Writes an absolute time, in UTC. Nothing for a year that it cannot say.
pub fn write(at: UnixTime) -> Text {
    let Ok(at) = jiff::Timestamp::from_microsecond(at.0) else { return Text::default() };
    let at = at.to_zoned(TimeZone::UTC);
    if !(2_000..2_100).contains(&at.year()) {
        return Text::default();
    }
    Text::from(at.strftime("%y%m%d%H%M%S000+").to_string().as_str())
}

/// Writes a time that begins when the other side reads it: not every carrier's clock is right.
pub fn write_relative(span: Duration) -> Text {
    let seconds = span.min(LONGEST).as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let (years, months, days) = (days / 365, days % 365 / 30, days % 365 % 30);
    let time = format!("{:02}{:02}{:02}", hours % 24, minutes % 60, seconds % 60);
    Text::from(format!("{years:02}{months:02}{days:02}{time}000R").as_str())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
    }

    fn seconds(text: &str) -> Option<i64> {
        read(&Text::from(text), now()).expect("a time").map(UnixTime::seconds)
    }

    #[test]
    fn absolute_times_are_read_in_every_zone() {
        assert_eq!(seconds("231114221320000+"), Some(1_700_000_000));
        // Four quarters ahead of UTC.
        assert_eq!(seconds("231114231320004+"), Some(1_700_000_000));
        assert_eq!(seconds("231114171320020-"), Some(1_700_000_000));
        assert_eq!(seconds("231114221320"), Some(1_700_000_000));
        assert_eq!(seconds(""), None);
    }

    #[test]
    fn a_relative_time_begins_now() {
        assert_eq!(seconds("000000010203000R"), Some(1_700_000_000 + 3_723));
        assert_eq!(seconds("000001000000R"), Some(1_700_000_000 + 86_400), "without its padding");
    }

    #[test]
    fn what_is_no_time_is_said_to_be_none() {
        for text in ["tomorrow", "231314221320000+", "23", "999999999999999999", "\u{e9}"] {
            assert_eq!(read(&Text::from(text), now()), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let at = UnixTime(1_800_000_000_000_000);
        assert_eq!(read(&write(at), now()), Ok(Some(at)));
        for days in [0, 1, 29, 31, 364, 366] {
            let span = Duration::from_secs(days * 86_400 + 3_661);
            let read = read(&write_relative(span), now()).expect("a time").expect("one");
            assert_eq!(read.since(now().unix), span.min(LONGEST), "{days} days");
        }
    }
}
