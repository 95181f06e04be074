//! What the dial plan knows of a country's numbering: emergency numbers, how a number reads in full, what is dear.
//!
//! It owns short tables that decide *routing*, and nothing else: it does not validate subscriber numbers, format them
//! for people, or know carriers and prices. Numbers outside the tables are treated as plain national ones.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A country by its ISO 3166-1 alpha-2 code, out of those the tables know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(&'static Numbering);

/// Text that is not a country code of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCountry(pub String);

impl fmt::Display for UnknownCountry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = COUNTRIES.iter().map(|c| c.code).collect();
        let at = known.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
        write!(f, "unknown variant `{}`, expected one of {at}", self.0)
    }
}

impl std::error::Error for UnknownCountry {}

/// What a call to a number may cost, as far as routing cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A number of the site's own country at usual rates.
    National,
    /// A number of another country, satellite networks among them.
    International,
    /// A number of the site's own country that is charged above usual rates.
    Premium,
    /// A code that tells the carrier something, with or without a number behind it: `*72` forwards the branch's line,
    /// `101XXXX` chooses another carrier, `*67` and `141` hide the number and everything that follows from our tables.
    Service,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::National => "national",
            Class::International => "international",
            Class::Premium => "premium",
            Class::Service => "service code",
        })
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Numbering {
    /// ISO 3166-1 alpha-2.
    code: &'static str,
    /// Calling code without `+`.
    calling: &'static str,
    /// What is dialled before a foreign number.
    international: &'static [&'static str],
    /// What is dialled before a national number, and dropped in the full form.
    national: &'static str,
    /// Numbers that reach help.
    emergency: &'static [&'static str],
    /// Beginnings of dear numbers, after `+` and the calling code.
    premium: &'static [&'static str],
    /// Beginnings that share the calling code and yet lie abroad.
    abroad: &'static [&'static str],
    /// Beginnings, as dialled, that choose a carrier or a service: the number that is called comes behind them.
    service: &'static [&'static str],
}

/// Area codes under +1 that belong to other states: calls to them are charged as international and are a favourite of
/// toll fraud, since nothing in the dialled number says so.
const CARIBBEAN: &[&str] = &[
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
    "767", "784", "809", "829", "849", "868", "869", "876",
];

/// The countries that routing knows. 112 stands in all of them: it is what mobile phones and visitors dial.
const COUNTRIES: &[Numbering] = &[
    row(
        "AT",
        "43",
        &["00"],
        "0",
        &["112", "122", "133", "144"],
        &["900", "901", "930", "931"],
        &[],
        &["10"],
    ),
    row("AU", "61", &["0011"], "0", &["000", "112", "106"], &["19"], &[], &["14", "183"]),
    row("BE", "32", &["00"], "0", &["112", "100", "101"], &["90"], &[], &["15", "16"]),
    row("CA", "1", &["011"], "1", &["911", "112"], &["900", "976"], CARIBBEAN, &["10", "11"]),
    row("CH", "41", &["00"], "0", &["112", "117", "118", "144"], &["90"], &[], &["107", "108"]),
    row("DE", "49", &["00"], "0", &["112", "110"], &["900", "137", "118"], &[], &["010"]),
    row("DK", "45", &["00"], "", &["112"], &["90"], &[], &["10", "16"]),
    row("ES", "34", &["00"], "", &["112"], &["80", "90", "118"], &[], &["10"]),
    row("FI", "358", &["00", "990", "994", "999"], "0", &["112"], &["600", "700"], &[], &["10"]),
    row("FR", "33", &["00"], "0", &["112", "15", "17", "18", "114"], &["89"], &[], &["16", "3651"]),
    row(
        "GB",
        "44",
        &["00"],
        "0",
        &["999", "112"],
        &["9", "70", "118"],
        &["1481", "1534", "1624"],
        &["14", "16", "18"],
    ),
    row("IE", "353", &["00"], "0", &["112", "999"], &["15"], &[], &["13", "141"]),
    row("IN", "91", &["00"], "0", &["112", "100", "101", "102", "108"], &["190"], &[], &["10"]),
    row("IT", "39", &["00"], "", &["112", "113", "115", "118"], &["89", "199"], &[], &["10"]),
    row(
        "JP",
        "81",
        &["010"],
        "0",
        &["110", "119", "112"],
        &["990", "570"],
        &[],
        &["00", "184", "186"],
    ),
    row("NL", "31", &["00"], "0", &["112"], &["90"], &[], &["16"]),
    row("NO", "47", &["00"], "", &["112", "110", "113"], &["82"], &[], &["15", "16"]),
    row("NZ", "64", &["00"], "0", &["111", "112"], &["900"], &[], &["0196", "0197"]),
    row("PL", "48", &["00"], "", &["112", "997", "998", "999"], &["70"], &[], &["10"]),
    row("PT", "351", &["00"], "", &["112"], &["60", "76"], &[], &["10", "16"]),
    row("SE", "46", &["00"], "0", &["112"], &["900", "939", "944"], &[], &["95"]),
    DEFAULT,
];

const DEFAULT: Numbering =
    row("US", "1", &["011"], "1", &["911", "112"], &["900", "976"], CARIBBEAN, &["10", "11"]);

#[allow(clippy::too_many_arguments)]
const fn row(
    code: &'static str,
    calling: &'static str,
    international: &'static [&'static str],
    national: &'static str,
    emergency: &'static [&'static str],
    premium: &'static [&'static str],
    abroad: &'static [&'static str],
    service: &'static [&'static str],
) -> Numbering {
    Numbering { code, calling, international, national, emergency, premium, abroad, service }
}

/// Digits of the longest dear short code (118XXX).
const LONGEST_SHORT_CODE: usize = 6;

/// Where the product is configured most; `check` reminds a site that did not say where it is.
impl Default for Country {
    fn default() -> Self {
        Country(&DEFAULT)
    }
}

impl Country {
    /// The country with this code, in capitals.
    pub fn from_code(code: &str) -> Result<Self, UnknownCountry> {
        let found = COUNTRIES.iter().find(|c| c.code == code);
        found.map(Country).ok_or_else(|| UnknownCountry(code.to_owned()))
    }

    /// The codes of all that the tables know.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        COUNTRIES.iter().map(|country| country.code)
    }

    /// The ISO code.
    pub fn code(self) -> &'static str {
        self.0.code
    }

    /// The numbers that reach help in this country.
    pub fn emergency(self) -> &'static [&'static str] {
        self.0.emergency
    }

    /// What is sent when `number` is dialled for help. Where 911 is the number, carriers may know no other.
    pub fn sent_for_help(self, number: &str) -> &str {
        if self.0.calling == "1" && number == "112" { "911" } else { number }
    }

    /// The number that `urn:service:sos` stands for (RFC 5031): 112 wherever a carrier knows it.
    pub fn sos(self) -> &'static str {
        if self.0.calling == "1" { "911" } else { "112" }
    }

    /// What is dialled to try how help would see a caller, where that is a custom.
    pub fn test_of_help(self) -> Option<&'static str> {
        (self.0.calling == "1").then_some("933")
    }

    /// `digits` as `+` and the full number, where the country's rules say how; otherwise nothing.
    pub fn full(self, digits: &str) -> Option<String> {
        if digits.starts_with('+') {
            return Some(digits.to_owned());
        }
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if let Some(rest) = self.0.international.iter().find_map(|p| digits.strip_prefix(p)) {
            return (!rest.is_empty()).then(|| format!("+{rest}"));
        }
        match (self.0.calling, digits.len()) {
            // Digits beyond the tenth are passed over by exchanges, so they must not hide what the first ten say.
            ("1", 11..) if digits.starts_with('1') => Some(format!("+{digits}")),
            ("1", 10..) if !digits.starts_with(['0', '1']) => Some(format!("+1{digits}")),
            ("1", _) => None,
            (calling, 7..) if self.0.national.is_empty() => Some(format!("+{calling}{digits}")),
            (calling, _) => {
                digits.strip_prefix(self.0.national).map(|rest| format!("+{calling}{rest}"))
            }
        }
    }

    /// A national number as `+` and the full number, whether or not it has its prefix.
    pub fn of_national(self, digits: &str) -> String {
        let rest = digits.strip_prefix(self.0.national).unwrap_or(digits);
        format!("+{}{rest}", self.0.calling)
    }

    /// Digits of which nobody says whether they begin with a country, as `+` and the full number: what can begin with none
    /// is read by this country's rules.
    pub fn of_bare(self, digits: &str) -> Option<String> {
        let own = digits.starts_with('0') || (self.0.calling == "1" && digits.len() == 10);
        if own { self.full(digits) } else { Some(format!("+{digits}")) }
    }

    /// A number in full as people in the country dial it: its own ones with the national prefix, others behind the first
    /// of the international ones.
    pub fn as_dialled(self, full: &str) -> Option<String> {
        let digits = full.strip_prefix('+')?;
        Some(match digits.strip_prefix(self.0.calling) {
            Some(rest) => format!("{}{rest}", self.0.national),
            None => format!("{}{digits}", self.0.international.first()?),
        })
    }

    /// What a call to `digits`, as sent to a carrier, may cost. A `+` number or one behind an international prefix of
    /// another country is international even when it is too short to exist: the carrier decides that, not we.
    pub fn class(self, digits: &str) -> Class {
        let home = |rest: &str| {
            let begins = |list: &[&str]| list.iter().any(|p| rest.starts_with(p));
            // North America also has 976 as an exchange: 1-NPA-976-XXXX is charged as premium.
            let exchange = self.0.calling == "1" && rest.get(3..6) == Some("976");
            if begins(self.0.abroad) {
                Class::International
            } else if exchange || begins(self.0.premium) {
                Class::Premium
            } else {
                Class::National
            }
        };
        if digits.contains(['*', '#']) || self.0.service.iter().any(|code| digits.starts_with(code))
        {
            return Class::Service;
        }
        match self.full(digits) {
            Some(full) => match full.strip_prefix('+').and_then(|n| n.strip_prefix(self.0.calling))
            {
                Some(rest) => {
                    home(rest.strip_prefix('0').filter(|_| self.0.national == "0").unwrap_or(rest))
                }
                None => Class::International,
            },
            // A carrier may read a bare `00`, or the calling code of anybody, in ways our tables do not:
            // what begins like an international number anywhere is treated as one.
            None if digits.starts_with("00") || digits.starts_with("011") => Class::International,
            // Short codes such as 118 directories are dialled without any prefix, and with anything behind them; longer
            // bare numbers are local ones, in North America with the exchange 976 among them.
            None if digits.len() <= LONGEST_SHORT_CODE || digits.starts_with("118") => home(digits),
            None if self.0.calling == "1" && digits.starts_with("976") => Class::Premium,
            None => Class::National,
        }
    }
}

impl TryFrom<String> for Country {
    type Error = UnknownCountry;
    fn try_from(code: String) -> Result<Self, UnknownCountry> {
        Country::from_code(&code)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.0.code.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(country: &str, digits: &str) -> Class {
        Country::from_code(country).unwrap().class(digits)
    }

    #[test]
    fn home_numbers_are_national_in_every_way_of_dialling_them() {
        for digits in ["4085551200", "14085551200", "+14085551200", "5551200", "01114085551200"] {
            assert_eq!(class("US", digits), Class::National, "{digits}");
        }
        for digits in ["03012345678", "+493012345678", "00493012345678"] {
            assert_eq!(class("DE", digits), Class::National, "{digits}");
        }
    }

    #[test]
    fn other_countries_and_caribbean_area_codes_are_international() {
        for digits in [
            "0114420712345",
            "+4420712345",
            "18765551200",
            "8765551200",
            "+18095551200",
            "00442071234",
        ] {
            assert_eq!(class("US", digits), Class::International, "{digits}");
        }
        assert_eq!(class("GB", "0012125551200"), Class::International);
        assert_eq!(class("GB", "01534123456"), Class::International);
    }

    #[test]
    fn dear_numbers_are_premium() {
        assert_eq!(class("US", "19005551200"), Class::Premium);
        assert_eq!(class("US", "14089761200"), Class::Premium);
        assert_eq!(class("DE", "0900123456"), Class::Premium);
        assert_eq!(class("DE", "+49900123456"), Class::Premium);
        assert_eq!(class("GB", "09012345678"), Class::Premium);
    }

    #[test]
    fn more_digits_than_a_number_has_do_not_make_it_cheaper() {
        for digits in ["1900555120012", "900555120012", "+190055512001", "9761200", "97612009"] {
            assert_eq!(class("US", digits), Class::Premium, "{digits}");
        }
        assert_eq!(class("US", "187655512001"), Class::International);
        assert_eq!(class("DE", "11883000000"), Class::Premium);
    }

    #[test]
    fn codes_in_front_of_a_number_do_not_hide_it() {
        for digits in ["*6719005551212", "*67011442071234567", "*725551234", "#5551234"] {
            assert_eq!(class("US", digits), Class::Service, "{digits}");
        }
        for digits in ["1010288011442071838750", "116719005551212", "10102880"] {
            assert_eq!(class("US", digits), Class::Service, "{digits}");
        }
        assert_eq!(class("DE", "01033090012345"), Class::Service);
        assert_eq!(class("GB", "14109012345678"), Class::Service);
        assert_eq!(class("JP", "0033010442071234567"), Class::Service);
        assert_eq!(class("FI", "990442071234567"), Class::International);
    }

    #[test]
    fn no_row_is_twice_and_every_country_has_112_or_its_own() {
        let mut codes: Vec<_> = COUNTRIES.iter().map(|c| c.code).collect();
        codes.dedup();
        assert_eq!(codes.len(), COUNTRIES.len());
        assert!(COUNTRIES.iter().all(|c| c.emergency.contains(&"112")));
    }
}
