//! `[[location]]`: places in the branch that help can be sent to.

use serde::Deserialize;

use crate::address::Number;
use crate::id::LocationId;
use crate::sip::pidf::Civic;

/// `[[location]]`: a place in the branch, as emergency services write addresses (RFC 5139; in brackets its element).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// What extensions call it.
    pub name: LocationId,
    /// The number that help sees and calls back, in full: a call to it rings the phone that called for help.
    #[serde(default)]
    pub callback: Option<Number>,
    /// Networks in which every phone is here: `192.168.1.0/24`.
    #[serde(default)]
    pub networks: Vec<String>,
    /// ISO 3166-1 code, two letters; the site's own when absent (country).
    #[serde(default)]
    pub country: Option<String>,
    /// State or province (A1).
    #[serde(default)]
    pub state: String,
    /// County (A2).
    #[serde(default)]
    pub county: String,
    /// City (A3).
    #[serde(default)]
    pub city: String,
    /// Part of the city (A4).
    #[serde(default)]
    pub district: String,
    /// Direction before the street's name, such as `N` (PRD).
    #[serde(default)]
    pub pre_direction: String,
    /// The street's name (RD).
    #[serde(default)]
    pub street: String,
    /// What kind of street, such as `Ave` (STS).
    #[serde(default)]
    pub street_suffix: String,
    /// Direction behind the street's name (POD).
    #[serde(default)]
    pub post_direction: String,
    /// The number in the street, digits alone (HNO).
    #[serde(default)]
    pub house_number: String,
    /// What follows it, such as `A` (HNS).
    #[serde(default)]
    pub house_suffix: String,
    /// A landmark (LMK).
    #[serde(default)]
    pub landmark: String,
    /// Anything that helps to find it (LOC).
    #[serde(default)]
    pub note: String,
    /// The floor (FLR).
    #[serde(default)]
    pub floor: String,
    /// Who is there: the company (NAM).
    #[serde(default)]
    pub occupant: String,
    /// The postal code (PC).
    #[serde(default)]
    pub postal_code: String,
    /// The building on a site of several (BLD).
    #[serde(default)]
    pub building: String,
    /// The suite or apartment (UNIT).
    #[serde(default)]
    pub unit: String,
    /// The room (ROOM).
    #[serde(default)]
    pub room: String,
    /// The desk (SEAT).
    #[serde(default)]
    pub seat: String,
}

impl Location {
    /// Each part of the address with its key in the configuration and its element.
    pub fn elements(&self) -> [(&'static str, &'static str, &str); 18] {
        [
            ("state", "A1", &self.state),
            ("county", "A2", &self.county),
            ("city", "A3", &self.city),
            ("district", "A4", &self.district),
            ("pre_direction", "PRD", &self.pre_direction),
            ("street", "RD", &self.street),
            ("street_suffix", "STS", &self.street_suffix),
            ("post_direction", "POD", &self.post_direction),
            ("house_number", "HNO", &self.house_number),
            ("house_suffix", "HNS", &self.house_suffix),
            ("landmark", "LMK", &self.landmark),
            ("note", "LOC", &self.note),
            ("floor", "FLR", &self.floor),
            ("occupant", "NAM", &self.occupant),
            ("postal_code", "PC", &self.postal_code),
            ("building", "BLD", &self.building),
            ("unit", "UNIT", &self.unit),
            ("room", "ROOM", &self.room),
        ]
    }

    /// The address as it is sent. `country` is the site's.
    pub fn civic(&self, country: &str) -> Civic {
        let country = self.country.as_deref().unwrap_or(country);
        let elements = self.elements();
        let own = elements.iter().map(|(_, element, value)| (*element, *value));
        Civic::new(own.chain([("country", country), ("SEAT", self.seat.as_str())]))
    }

    /// The address in one line, for people.
    pub fn words(&self) -> String {
        let join = |parts: &[&str]| {
            let filled: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
            filled.join(" ")
        };
        let named = |word: &str, value: &str| match value {
            "" => String::new(),
            value => format!("{word} {value}"),
        };
        let number = format!("{}{}", self.house_number, self.house_suffix);
        let street = [
            number.as_str(),
            &self.pre_direction,
            &self.street,
            &self.street_suffix,
            &self.post_direction,
        ];
        let parts = [
            self.occupant.clone(),
            join(&street),
            named("building", &self.building),
            named("unit", &self.unit),
            named("floor", &self.floor),
            named("room", &self.room),
            named("desk", &self.seat),
            self.landmark.clone(),
            self.note.clone(),
            join(&[&self.city, &self.state, &self.postal_code]),
        ];
        let filled: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        match filled.is_empty() {
            true => self.name.to_string(),
            false => filled.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_well_in_one_line() {
        let text = "name = \"hall\"\nhouse_number = \"12\"\nhouse_suffix = \"A\"\nstreet = \"Main\"\n\
                    street_suffix = \"St\"\nfloor = \"2\"\nroom = \"214\"\ncity = \"Springfield\"\nstate = \"IL\"\n\
                    postal_code = \"62701\"\noccupant = \"Acme\"";
        let location: Location = toml::from_str(text).unwrap();
        assert_eq!(location.words(), "Acme, 12A Main St, floor 2, room 214, Springfield IL 62701");
        let bare: Location = toml::from_str("name = \"hall\"").unwrap();
        assert_eq!(bare.words(), "hall");
    }
}
