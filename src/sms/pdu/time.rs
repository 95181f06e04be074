//! Service centre times (3GPP TS 23.040 clause 9.2.3.11) and how long a message is tried (clause 9.2.3.12).

use std::time::Duration;

use crate::time::UnixTime;

/// A time as it lies in the message: seven octets of swapped digits, the last one a zone in quarters of an hour.
/// Centres send digits that are none and months that do not exist; these stay as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceTime(pub [u8; 7]);

/// The sign of the zone: bit 3 of the last octet as it lies there.
const WEST: u8 = 0x08;

/// Two digits of a year from here on are of the last century: there were no messages before 1992.
const CENTURY: i16 = 90;

/// Quarters of an hour that a zone can be off: more than any on earth is a fault of the centre.
const MAX_QUARTERS: i64 = 4 * 24;

impl ServiceTime {
    /// The moment of a clock, shown in a zone of `quarters` of an hour east of Greenwich (negative: west).
    pub fn at(time: UnixTime, quarters: i8) -> Option<ServiceTime> {
        let offset = jiff::tz::Offset::from_seconds(i32::from(quarters) * 900).ok()?;
        let civil = offset.to_datetime(jiff::Timestamp::from_second(time.seconds()).ok()?);
        let year = (1990..2090).contains(&civil.year()).then(|| civil.year() % 100)? as i8;
        let away = quarters.unsigned_abs();
        let zone = swapped((away % 100) as i8) | if quarters < 0 { WEST } else { 0 };
        let [month, day, hour] = [civil.month(), civil.day(), civil.hour()].map(swapped);
        let [minute, second] = [civil.minute(), civil.second()].map(swapped);
        Some(ServiceTime([swapped(year), month, day, hour, minute, second, zone]))
    }

    /// The moment, if the digits are some and the day exists. A zone that is none is read as none: UTC.
    pub fn unix(self) -> Option<UnixTime> {
        let [year, month, day, hour, minute, second] =
            [0, 1, 2, 3, 4, 5].map(|at| digits(self.0[at]));
        let year = i16::from(year?);
        let year = if year >= CENTURY { 1900 + year } else { 2000 + year };
        let date = jiff::civil::Date::new(year, month?, day?).ok()?;
        let time = jiff::civil::Time::new(hour?, minute?, second?, 0).ok()?;
        let utc = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        let away = self.quarters().unwrap_or(0) * 900;
        Some(UnixTime((utc.timestamp().as_second() - away) * 1_000_000))
    }

    /// The zone in quarters of an hour east of Greenwich, if its digits are some.
    pub fn quarters(self) -> Option<i64> {
        let zone = self.0[6];
        let away = i64::from(digits(zone & !WEST)?);
        let east = if zone & WEST == 0 { away } else { -away };
        (away <= MAX_QUARTERS).then_some(east)
    }

    /// Whether it is a time in a zone.
    pub fn is_sound(self) -> bool {
        self.unix().is_some() && self.quarters().is_some()
    }
}

/// Two digits, the first in the lower half.
fn digits(octet: u8) -> Option<i8> {
    let (tens, ones) = (octet & 15, octet >> 4);
    (tens < 10 && ones < 10).then_some((tens * 10 + ones) as i8)
}

fn swapped(value: i8) -> u8 {
    let value = value.unsigned_abs();
    (value / 10) | ((value % 10) << 4)
}

/// How long the service centre tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Validity {
    /// As the centre is set up.
    #[default]
    Unsaid,
    /// A step of a scale from five minutes to 63 weeks, as it lies in the message.
    Relative(u8),
    /// Until a time.
    Absolute(ServiceTime),
    /// The form with an indicator, as it lies in the message (clause 9.2.3.12.3).
    Enhanced([u8; 7]),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// The enhanced form says a step of the scale.
const STEP: u8 = 1;
/// The enhanced form says seconds.
const SECONDS: u8 = 2;
/// The enhanced form says hours, minutes and seconds.
const CLOCK: u8 = 3;

impl Validity {
    /// The shortest step of the scale that is as long as `span`; the longest for more than 63 weeks.
    pub fn relative(span: Duration) -> Validity {
        let fits = |step: &u8| {
            scale(*step) >= span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
        };
        Validity::Relative((0..=u8::MAX).find(fits).unwrap_or(u8::MAX))
    }

    /// The enhanced form in seconds: 1 to 255, which the scale cannot say.
    pub fn seconds(seconds: u8) -> Validity {
        Validity::Enhanced([SECONDS, seconds, 0, 0, 0, 0, 0])
    }

    /// For how long, where it says a span.
    pub fn span(self) -> Option<Duration> {
        let seconds = match self {
            Validity::Relative(step) => scale(step),
            Validity::Enhanced([kind, a, b, c, ..]) => match kind & 7 {
                STEP => scale(a),
                SECONDS => u64::from(a),
                CLOCK => {
                    let [hours, minutes, seconds] = [a, b, c].map(digits);
                    let [hours, minutes, seconds] =
                        [hours?, minutes?, seconds?].map(|value| u64::from(value.unsigned_abs()));
                    hours * HOUR + minutes * MINUTE + seconds
                }
                _ => return None,
            },
            Validity::Unsaid | Validity::Absolute(_) => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// TP-VPF (clause 9.2.3.3).
    pub(super) fn format(self) -> u8 {
        match self {
            Validity::Unsaid => 0,
            Validity::Enhanced(_) => 1,
            Validity::Relative(_) => 2,
            Validity::Absolute(_) => 3,
        }
    }

    pub(super) fn write(self, into: &mut Vec<u8>) {
        match self {
            Validity::Unsaid => {}
            Validity::Relative(step) => into.push(step),
            Validity::Absolute(ServiceTime(octets)) | Validity::Enhanced(octets) => {
                into.extend(octets);
            }
        }
    }
}

/// Clause 9.2.3.12.1, in seconds.
fn scale(step: u8) -> u64 {
    let step = u64::from(step);
    match step {
        0..=143 => (step + 1) * 5 * MINUTE,
        144..=167 => 12 * HOUR + (step - 143) * 30 * MINUTE,
        168..=196 => (step - 166) * DAY,
        _ => (step - 192) * WEEK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_on_both_sides_of_greenwich_are_one_moment() {
        let noon = UnixTime(1_700_000_000_000_000);
        for quarters in [-48, -33, -1, 0, 4, 22, 56] {
            let time = ServiceTime::at(noon, quarters).expect("a year of this century");
            assert_eq!(time.unix(), Some(noon), "{quarters}");
            assert_eq!(time.quarters(), Some(i64::from(quarters)));
        }
        let told = ServiceTime([0x32, 0x11, 0x41, 0x22, 0x31, 0x02, 0x0a]);
        assert_eq!(told.quarters(), Some(-20), "five hours west");
        assert_eq!(
            told.unix().map(|time| time.to_string()).as_deref(),
            Some("2023-11-15T03:13:20.000Z")
        );
    }

    #[test]
    fn what_is_no_time_is_none_and_stays_as_it_came() {
        for octets in
            [[0xff; 7], [0; 7], [0x32, 0x31, 0x41, 0, 0, 0, 0], [0x32, 0x20, 0x03, 0, 0, 0, 0]]
        {
            assert_eq!(ServiceTime(octets).unix(), None, "{octets:?}");
        }
        let odd_zone = ServiceTime([0x32, 0x11, 0x41, 0x22, 0x31, 0x02, 0xff]);
        assert!(odd_zone.unix().is_some() && !odd_zone.is_sound());
    }

    #[test]
    fn spans_take_the_step_that_is_long_enough() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let steps = [(1, 0), (5, 0), (6, 1), (720, 143), (721, 144), (1440, 167), (1441, 168)];
        for (span, step) in steps {
            assert_eq!(Validity::relative(minutes(span)), Validity::Relative(step), "{span} min");
        }
        assert_eq!(Validity::relative(Duration::MAX), Validity::Relative(255));
        assert_eq!(Validity::Relative(255).span(), Some(Duration::from_secs(63 * WEEK)));
        assert_eq!(Validity::seconds(40).span(), Some(Duration::from_secs(40)));
        let clock = Validity::Enhanced([CLOCK, 0x21, 0x03, 0x54, 0, 0, 0]);
        assert_eq!(clock.span(), Some(Duration::from_secs(12 * HOUR + 30 * MINUTE + 45)));
    }
}
