//! Whom the box promises to call: the lock on a door that strangers knock at.
//!
//! A number that calls can be forged, and one that is keyed in is anybody's. So before the dial plan is asked whether an
//! agent may call it, a number has to be one that a person can have: in full, neither help nor the branch itself nor a phone
//! inside, and neither charged above usual rates nor a code, whatever agents may dial by hand. One that is keyed in is of the
//! site's own country unless the flow says otherwise, and nobody is promised more than [`Given`] allows. Owns these rules;
//! who calls, when, and over which trunk is decided elsewhere.

use std::collections::VecDeque;
use std::time::Duration;

use crate::address::Number;
use crate::call::country::Class;
use crate::call::plan::Plan;
use crate::time::UnixTime;

/// Digits of a number in full, without `+`: shorter ones are short codes, such as those of help; the most is E.164's.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// The time in which promises are counted.
pub const DAY: Duration = Duration::from_secs(86_400);
/// Promises to call one number in a day: who asks more often is not who is called.
const MOST_TO_ONE: usize = 5;
/// Promises to keyed numbers that one caller is given in a day.
const MOST_BY_ONE: usize = 3;
/// The same of all who hide their number together.
const MOST_HIDDEN: usize = 20;
/// Promises that are remembered; when there are more in a day, no more are given to keyed numbers.
pub const MOST: usize = 1_000;

/// Whose number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The number of the phone inside that calls.
    Inside,
    /// The number that somebody outside calls from.
    Own,
    /// One that was keyed in.
    Keyed {
        /// Whether it may be in another country.
        abroad: bool,
    },
}

/// Why a number is not promised a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no number, or nobody can say how it reads in full: withheld, a short code, an extension.
    NotInFull,
    /// It reaches help.
    Help,
    /// It is one of the branch's own.
    Ours,
    /// It costs more than usual, or is a code.
    Dear(Class),
    /// It was keyed in and is in another country.
    Abroad,
}

impl Plan {
    /// The number to call, in full where it is outside. Whether anybody may call it is another question to the plan.
    pub fn may_promise(&self, number: &str, whose: Whose) -> Result<String, Refusal> {
        if whose == Whose::Inside {
            return Ok(number.to_owned());
        }
        let read = Number::parse(number).map_err(|_| Refusal::NotInFull)?;
        if self.is_for_help(read.as_str()) {
            return Err(Refusal::Help);
        }
        let country = self.country();
        let full = country.full(read.as_str()).ok_or(Refusal::NotInFull)?;
        let digits = full.trim_start_matches('+');
        let plain = DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        // No country's code begins with 0.
        if !plain || digits.starts_with('0') || digits.strip_prefix('1').is_some_and(is_odd) {
            return Err(Refusal::NotInFull);
        }
        let dialled = country.as_dialled(&full).ok_or(Refusal::NotInFull)?;
        if self.is_for_help(&dialled) || self.is_for_help(&full) {
            return Err(Refusal::Help);
        }
        if self.is_ours(&full) {
            return Err(Refusal::Ours);
        }
        // As it reads in full, as it is dialled, and as it was given: a code in front hides in one of them at most.
        let forms = [full.as_str(), &dialled, read.as_str()].map(|form| country.class(form));
        let dear = |class: &&Class| matches!(class, Class::Premium | Class::Service);
        match (forms.iter().find(dear), whose) {
            (Some(class), _) => Err(Refusal::Dear(*class)),
            (None, Whose::Keyed { abroad: false }) if forms.contains(&Class::International) => {
                Err(Refusal::Abroad)
            }
            _ => Ok(full),
        }
    }
}

/// Whether a number of North America, without its code, is not one as people have them: ten digits, of which exchanges pass
/// over any more, so that one phone would have many numbers; and no area is called 911 or the like.
fn is_odd(national: &str) -> bool {
    let area = national.get(..3).unwrap_or_default();
    national.len() != 10 || area.starts_with(['0', '1']) || area.ends_with("11")
}

/// What was promised in the last day, to whom, at whose wish.
#[derive(Debug, Default)]
pub struct Given(VecDeque<(UnixTime, Option<String>, String)>);

impl Given {
    /// Whether another call to `number` may be promised. `asks` is who asks for a keyed number: `Some(None)` is somebody who
    /// hides theirs; nothing where it is the number's own caller.
    pub fn allows(&self, at: UnixTime, number: &str, asks: Option<Option<&str>>) -> bool {
        let lately = || self.0.iter().filter(|(when, ..)| at.since(*when) < DAY);
        if lately().filter(|(_, _, to)| to == number).count() >= MOST_TO_ONE {
            return false;
        }
        let Some(asks) = asks else { return true };
        let theirs = lately().filter(|(_, by, _)| by.as_deref() == Some(asks.unwrap_or("")));
        let most = if asks.is_some() { MOST_BY_ONE } else { MOST_HIDDEN };
        theirs.count() < most && lately().count() < MOST
    }

    /// It was promised.
    pub fn note(&mut self, at: UnixTime, number: &str, asks: Option<Option<&str>>) {
        self.0.retain(|(when, ..)| at.since(*when) < DAY);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((at, asks.map(|by| by.unwrap_or("").to_owned()), number.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::country::Country;
    use crate::call::plan::{DeskRules, Emergency, Features, Inbound, Rules, Target};

    fn plan(country: &str) -> Plan {
        let number = Number::parse("+14085550100").unwrap();
        Plan::new(Rules {
            country: Country::from_code(country).unwrap(),
            extensions: vec!["201".into()],
            trunks: vec!["carrier".into()],
            inbound: vec![Inbound { number, trunk: None, to: Target::Echo }],
            internal: Vec::new(),
            conferences: Vec::new(),
            outbound: Vec::new(),
            emergency: Emergency::default(),
            features: Features::default(),
            desk: DeskRules::default(),
        })
    }

    const KEYED: Whose = Whose::Keyed { abroad: false };

    #[test]
    fn a_person_s_number_is_taken_however_it_is_keyed_and_kept_in_full() {
        let us = plan("US");
        for keyed in ["4085551234", "14085551234", "01114085551234", "+14085551234"] {
            let found = us.may_promise(keyed, KEYED);
            assert_eq!(found.as_deref(), Ok("+14085551234"), "{keyed}");
        }
        assert_eq!(plan("DE").may_promise("03012345678", KEYED).as_deref(), Ok("+493012345678"));
        assert_eq!(plan("ES").may_promise("912345678", KEYED).as_deref(), Ok("+34912345678"));
        assert_eq!(us.may_promise("201", Whose::Inside).as_deref(), Ok("201"));
    }

    #[test]
    fn what_is_nobody_s_number_is_refused_whoever_gives_it() {
        let us = plan("US");
        for number in
            ["", "anonymous", "201", "5551234", "*72", "#31#", "+1", "+0044207183875", "1"]
        {
            for whose in [Whose::Own, KEYED, Whose::Keyed { abroad: true }] {
                assert_eq!(us.may_promise(number, whose), Err(Refusal::NotInFull), "{number}");
            }
        }
        for odd in ["1408555123499999", "140855512341", "19115551234", "9115551234", "10885551234"]
        {
            let found = us.may_promise(odd, Whose::Own);
            assert!(
                matches!(found, Err(Refusal::NotInFull | Refusal::Dear(_))),
                "{odd}: {found:?}"
            );
        }
        for (country, numbers) in [
            ("US", ["911", "9911", "112", "+1911"]),
            ("DE", ["112", "9110", "+49112", "0049110"]),
            ("GB", ["999", "9112", "+44999", "0044112"]),
        ] {
            for number in numbers {
                let plan = plan(country);
                let found = plan.may_promise(number, Whose::Keyed { abroad: true });
                assert!(
                    matches!(found, Err(Refusal::Help | Refusal::NotInFull)),
                    "{number} in {country}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn the_branch_does_not_call_itself() {
        let us = plan("US");
        for number in ["+14085550100", "14085550100", "4085550100", "01114085550100"] {
            assert_eq!(us.may_promise(number, Whose::Own), Err(Refusal::Ours), "{number}");
        }
    }

    #[test]
    fn dear_numbers_and_codes_are_refused_in_every_way_of_writing_them() {
        for (country, numbers) in [
            ("US", vec!["19005551234", "9005551234", "+19005551234", "14089761234"]),
            ("US", vec!["1010288011442071838", "10102884085551", "101028814085551"]),
            ("DE", vec!["0900123456", "+49900123456", "0137123456", "0049900123456"]),
            ("GB", vec!["09012345678", "+449012345678", "07012345678"]),
        ] {
            for number in numbers {
                for whose in [Whose::Own, Whose::Keyed { abroad: true }] {
                    let found = plan(country).may_promise(number, whose);
                    assert!(
                        matches!(found, Err(Refusal::Dear(_) | Refusal::NotInFull)),
                        "{number} in {country}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn another_country_is_keyed_where_the_flow_says_so_alone() {
        let us = plan("US");
        for number in ["011442071838750", "+442071838750", "18765551234", "8765551234"] {
            assert_eq!(us.may_promise(number, KEYED), Err(Refusal::Abroad), "{number}");
            assert!(us.may_promise(number, Whose::Keyed { abroad: true }).is_ok(), "{number}");
            assert!(us.may_promise(number, Whose::Own).is_ok(), "the dial plan says whether");
        }
    }

    #[test]
    fn nobody_is_called_without_end_at_somebody_else_s_wish() {
        let mut given = Given::default();
        let at = |hour: i64| UnixTime(hour * 3_600_000_000);
        for hour in 0..3 {
            assert!(given.allows(at(hour), "+1", Some(Some("+9"))));
            given.note(at(hour), "+1", Some(Some("+9")));
        }
        assert!(!given.allows(at(3), "+2", Some(Some("+9"))), "three of one caller");
        assert!(given.allows(at(3), "+9", None), "their own number");
        for _ in 0..2 {
            assert!(given.allows(at(3), "+1", Some(None)));
            given.note(at(3), "+1", Some(None));
        }
        assert!(!given.allows(at(4), "+1", Some(Some("+8"))), "five to one number");
        assert!(!given.allows(at(4), "+1", None));
        assert!(given.allows(at(25), "+2", Some(Some("+9"))), "a day later");
        (0..18).for_each(|n| given.note(at(20), &format!("+3{n}"), Some(None)));
        assert!(!given.allows(at(20), "+4", Some(None)), "all who hide theirs share a few");
        (0..2_000).for_each(|n| given.note(at(20), &format!("+5{n}"), None));
        assert_eq!(given.0.len(), MOST);
        assert!(!given.allows(at(20), "+6", Some(Some("+7"))) && given.allows(at(20), "+6", None));
    }
}
