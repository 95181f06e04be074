//! Numbers, keys, times and waits in words: which clips, in which order. English.

use std::time::Duration;

use jiff::civil::{Date, Time};

use crate::ivr::ClipName;

/// Numbers above this are said key by key: nobody grasps a longer one in words.
const MOST: u64 = 999_999_999;

/// Clips for what is being said.
#[derive(Debug, Default)]
struct Words(Vec<ClipName>);

impl Words {
    fn say(&mut self, name: &str) {
        self.0.push(ClipName::from(name));
    }

    /// A clip of a numbered family, such as `n7`.
    fn say_nth(&mut self, family: &str, number: u64) {
        self.0.push(ClipName::from(format!("{family}{number}").as_str()));
    }

    fn number(&mut self, number: u64) {
        match number {
            0..=19 => self.say_nth("n", number),
            20..=99 => {
                self.say_nth("n", number / 10 * 10);
                if !number.is_multiple_of(10) {
                    self.say_nth("n", number % 10);
                }
            }
            100..=999 => self.parts(number, 100, "hundred"),
            1_000..=999_999 => self.parts(number, 1_000, "thousand"),
            1_000_000..=MOST => self.parts(number, 1_000_000, "million"),
            _ => self.digits(&number.to_string()),
        }
    }

    fn parts(&mut self, number: u64, unit: u64, name: &str) {
        self.number(number / unit);
        self.say(name);
        let rest = number % unit;
        if rest > 0 {
            if rest < 100 {
                self.say("and");
            }
            self.number(rest);
        }
    }

    fn digits(&mut self, digits: &str) {
        for digit in digits.chars() {
            match digit {
                '*' => self.say("star"),
                '#' => self.say("hash"),
                '+' => self.say("plus"),
                digit => {
                    if let Some(value) = digit.to_digit(10) {
                        self.say_nth("n", value.into());
                    }
                }
            }
        }
    }

    fn counted(&mut self, count: u64, one: &str, many: &str) {
        self.number(count);
        self.say(if count == 1 { one } else { many });
    }
}

/// A number in words: `one thousand and five`.
pub fn number(number: u64) -> Vec<ClipName> {
    let mut words = Words::default();
    words.number(number);
    words.0
}

/// Keys one by one. What is no key is passed over.
pub fn digits(digits: &str) -> Vec<ClipName> {
    let mut words = Words::default();
    words.digits(digits);
    words.0
}

/// A time of day: `eight oh five a m`.
pub fn time(time: Time) -> Vec<ClipName> {
    let (hour, minute) =
        (u64::try_from(time.hour()).unwrap_or(0), u64::try_from(time.minute()).unwrap_or(0));
    let mut words = Words::default();
    words.number(if hour % 12 == 0 { 12 } else { hour % 12 });
    match minute {
        0 => words.say("oclock"),
        1..=9 => {
            words.say("oh");
            words.number(minute);
        }
        _ => words.number(minute),
    }
    words.say(if hour < 12 { "am" } else { "pm" });
    words.0
}

/// A date: `Saturday, November the twenty-first`.
pub fn date(date: Date) -> Vec<ClipName> {
    let mut words = Words::default();
    words.say_nth("weekday-", u64::try_from(date.weekday().to_monday_one_offset()).unwrap_or(1));
    words.say_nth("month-", u64::try_from(date.month()).unwrap_or(1));
    words.say_nth("day-", u64::try_from(date.day()).unwrap_or(1));
    words.0
}

/// A span of time, to the second below a minute and to the minute above.
pub fn duration(span: Duration) -> Vec<ClipName> {
    let seconds = span.as_secs();
    let mut words = Words::default();
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => words.counted(seconds, "unit-second", "unit-seconds"),
        (0, minutes) => words.counted(minutes, "unit-minute", "unit-minutes"),
        (hours, 0) => words.counted(hours, "unit-hour", "unit-hours"),
        (hours, minutes) => {
            words.counted(hours, "unit-hour", "unit-hours");
            words.say("and");
            words.counted(minutes, "unit-minute", "unit-minutes");
        }
    }
    words.0
}

/// What a waiting caller is told: the place in the queue, and how long it will probably take. Minutes are rounded up,
/// so that nobody waits longer than was said on account of the rounding.
pub fn queue_place(position: Option<usize>, wait: Option<Duration>) -> Vec<ClipName> {
    let mut words = Words::default();
    match position {
        Some(1) => words.say("queue-next"),
        Some(position) => {
            words.say("queue-number");
            words.number(position as u64);
            words.say("queue-in-line");
        }
        None => {}
    }
    if let Some(wait) = wait {
        let minutes = wait.as_secs().div_ceil(60);
        if minutes <= 1 {
            words.say("wait-under-a-minute");
        } else {
            words.say("wait-about");
            words.0.extend(duration(Duration::from_secs(minutes * 60)));
        }
    }
    words.say("thank-you-for-holding");
    words.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ivr::prompts;

    fn said(clips: &[ClipName]) -> String {
        clips.iter().map(ClipName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (value, words) in [
            (0, "n0"),
            (15, "n15"),
            (40, "n40"),
            (99, "n90 n9"),
            (105, "n1 hundred and n5"),
            (320, "n3 hundred and n20"),
            (1_005, "n1 thousand and n5"),
            (1_100, "n1 thousand n1 hundred"),
            (12_345, "n12 thousand n3 hundred and n40 n5"),
            (2_000_000, "n2 million"),
        ] {
            assert_eq!(said(&number(value)), words);
        }
        assert_eq!(said(&digits("+1*0#x")), "plus n1 star n0 hash");
        assert_eq!(number(u64::MAX).len(), 20, "key by key");
    }

    #[test]
    fn times_and_waits() {
        assert_eq!(said(&time(Time::constant(8, 5, 0, 0))), "n8 oh n5 am");
        assert_eq!(said(&time(Time::constant(0, 0, 0, 0))), "n12 oclock am");
        assert_eq!(said(&time(Time::constant(17, 30, 0, 0))), "n5 n30 pm");
        assert_eq!(said(&date(Date::constant(2026, 11, 21))), "weekday-6 month-11 day-21");
        assert_eq!(said(&duration(Duration::from_secs(59))), "n50 n9 unit-seconds");
        assert_eq!(said(&duration(Duration::from_secs(3_660))), "n1 unit-hour and n1 unit-minute");
        let place = queue_place(Some(3), Some(Duration::from_secs(61)));
        assert_eq!(
            said(&place),
            "queue-number n3 queue-in-line wait-about n2 unit-minutes thank-you-for-holding"
        );
        assert_eq!(said(&queue_place(Some(1), None)), "queue-next thank-you-for-holding");
    }

    #[test]
    fn everything_that_can_be_said_has_a_sound() {
        let known: BTreeSet<_> = prompts::builtin().map(|(name, _)| name).collect();
        let mut needed: BTreeSet<ClipName> = BTreeSet::new();
        let stepped = (0..2_000).chain((2_000..2_000_000_000).step_by(98_765_431));
        needed.extend(stepped.flat_map(number));
        needed.extend(digits("0123456789*#+"));
        for hour in 0..24 {
            needed.extend((0..60).flat_map(|minute| time(Time::constant(hour, minute, 0, 0))));
        }
        let first = Date::constant(2024, 1, 1);
        needed.extend(first.series(jiff::Span::new().days(1)).take(366).flat_map(date));
        needed.extend((0..10_000).step_by(7).flat_map(|s| duration(Duration::from_secs(s))));
        for position in [None, Some(1), Some(2), Some(57)] {
            needed.extend(queue_place(position, None));
            needed.extend(queue_place(position, Some(Duration::from_secs(10))));
            needed.extend(queue_place(position, Some(Duration::from_secs(4_000))));
        }
        let missing: Vec<_> = needed.iter().filter(|clip| !known.contains(clip.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
