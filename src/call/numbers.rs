//! How numbers are written for a carrier, and how a carrier's are read: in full (E.164) with or without `+`, or as
//! somebody in the site's country dials them.
//!
//! Owns the forms alone. What a number costs and where it leads is decided before, on the number that the dial plan made:
//! a form changes how it is written and never what it names. The numbering itself is [`crate::call::country`]'s, short
//! tables of our own: the crate `phonenumber`, which knows every country, was measured at 4.3 MB of program, 17 MB of
//! memory and 73 ms before its first answer, during which no call would be served; it reads `*67` as a number of North
//! America and a German premium number with a digit too few as no number at all, which is how fraud looks.

use serde::Deserialize;

use crate::address::Number;
use crate::call::country::Country;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As it was dialled or configured.
    #[default]
    AsIs,
    /// `+` and the full number.
    E164,
    /// The full number without `+`.
    Plain,
    /// As dialled within the country: with the national prefix, and numbers of other countries behind the international
    /// one.
    National,
}

impl Form {
    /// The number in this form. One of which nobody can say how it reads in full, such as a short code, stays as it is.
    pub fn write(self, country: Country, number: &Number) -> Number {
        let full = country.full(number.as_str());
        let written = match (self, full) {
            (Form::AsIs, _) | (_, None) => None,
            (Form::E164, Some(full)) => Some(full),
            (Form::Plain, Some(full)) => Some(full.trim_start_matches('+').to_owned()),
            (Form::National, Some(full)) => country.as_dialled(&full),
        };
        written.and_then(|text| Number::parse(&text).ok()).unwrap_or_else(|| number.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(country: &str, number: &str) -> [String; 3] {
        let (country, number) =
            (Country::from_code(country).unwrap(), Number::parse(number).unwrap());
        [Form::E164, Form::Plain, Form::National]
            .map(|form| form.write(country, &number).to_string())
    }

    #[test]
    fn each_form_reads_back_as_the_same_number() {
        let us = ["+14085551200", "14085551200", "14085551200"];
        for dialled in ["4085551200", "14085551200", "+14085551200", "01114085551200"] {
            assert_eq!(written("US", dialled), us, "{dialled}");
        }
        let abroad = ["+442071838750", "442071838750", "011442071838750"];
        assert_eq!(written("US", "+442071838750"), abroad);
        let de = ["+493012345678", "493012345678", "03012345678"];
        for dialled in ["03012345678", "+493012345678", "00493012345678"] {
            assert_eq!(written("DE", dialled), de, "{dialled}");
        }
        assert_eq!(written("IT", "0612345678"), ["+390612345678", "390612345678", "0612345678"]);
        assert_eq!(written("ES", "912345678"), ["+34912345678", "34912345678", "912345678"]);
    }

    #[test]
    fn what_has_no_full_form_stays_as_it_is() {
        for short in ["611", "*72", "5551200"] {
            assert_eq!(written("US", short), [short; 3], "{short}");
        }
    }

    /// A carrier that gets the written form charges what the plan has judged.
    #[test]
    fn no_form_changes_what_a_call_costs() {
        let numbers =
            ["4085551200", "19005551200", "+18765551200", "011442071838750", "*72", "118118"];
        for country in ["US", "CA", "DE", "GB", "ES", "JP"].map(|c| Country::from_code(c).unwrap())
        {
            for number in numbers.map(|number| Number::parse(number).unwrap()) {
                for form in [Form::E164, Form::National] {
                    let sent = form.write(country, &number);
                    let (before, after) =
                        (country.class(number.as_str()), country.class(sent.as_str()));
                    assert_eq!(before, after, "{number} as {sent} in {}", country.code());
                }
            }
        }
    }
}
