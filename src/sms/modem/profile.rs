//! Quirks as data: what a family of modems needs that the standard does not say.

use std::fmt;

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/firmware-config/modems");

/// The profile of everything that no other fits.
const GENERIC: &str = "generic";

/// What a family of modems needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// Fits where the manufacturer's name contains one of these, whatever the case; none: any.
    pub manufacturer: Vec<String>,
    /// And the model's contains one of these; none: any.
    pub model: Vec<String>,
    /// Commands of its own at the start; it may refuse them.
    pub setup: Vec<String>,
    /// What CNMI is asked for, the best first; the first that is read back counts.
    pub cnmi: Vec<String>,
    /// How a message that came directly is acknowledged; empty: whatever works is found out.
    pub cnma: Vec<String>,
    /// Memories that are read; empty: those that CPMS names.
    pub memories: Vec<String>,
    /// The number of the first place in a memory, where CMGL does not tell.
    pub first_place: u16,
    /// How SIM serial numbers are asked for; the first that is answered counts.
    pub iccid: Vec<String>,
    /// How the tries are asked for that are left for the PIN; empty: it cannot be.
    pub pin_counter: String,
    /// Which field of the answer counts them, from 0.
    pub pin_counter_field: usize,
    /// Milliseconds between two octets; 0: none.
    pub pace_ms: u64,
    /// How USSD is written.
    pub ussd: UssdForm,
    /// Whether CFUN=1,1 may be used.
    pub full_reset: bool,
}

/// How texts of USSD are written in CUSD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UssdForm {
    /// As they are.
    #[default]
    Plain,
    /// As packed septets in hexadecimal.
    Packed,
}

impl Default for Profile {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Profile {
            name: GENERIC.to_owned(),
            manufacturer: Vec::new(),
            model: Vec::new(),
            setup: Vec::new(),
            cnmi: words(&[
                "2,1,0,2,0",
                "2,1,0,1,0",
                "1,1,0,2,0",
                "1,1,0,1,0",
                "2,1,0,0,0",
                "1,1,0,0,0",
            ]),
            cnma: words(&["AT+CNMA=1", "AT+CNMA"]),
            memories: Vec::new(),
            first_place: 0,
            iccid: words(&["AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID"]),
            pin_counter: "AT+CPINR=\"SIM PIN\"".to_owned(),
            pin_counter_field: 1,
            pace_ms: 0,
            ussd: UssdForm::Plain,
            full_reset: true,
        }
    }
}

/// A profile that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAProfile {
    /// Its file.
    pub file: String,
    /// What is wrong, with its line.
    pub problem: String,
}

impl fmt::Display for NotAProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for NotAProfile {}

/// All profiles, the admin's before those that are shipped.
#[derive(Debug, Clone)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// Those that are shipped.
    pub fn shipped() -> Result<Profiles, NotAProfile> {
        Profiles::with(&[])
    }

    /// The same, with an admin's files, as names and texts, before them.
    pub fn with(own: &[(String, String)]) -> Result<Profiles, NotAProfile> {
        let shipped = SHIPPED.files().filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?.to_owned();
            Some((name, file.contents_utf8()?.to_owned()))
        });
        let all = own.iter().cloned().chain(shipped);
        Ok(Profiles(all.map(|(name, text)| read(&name, &text)).collect::<Result<_, _>>()?))
    }

    /// The one that fits a modem.
    pub fn fitting(&self, manufacturer: &str, model: &str) -> Profile {
        let fits = |profile: &&Profile| {
            let own = !profile.manufacturer.is_empty() || !profile.model.is_empty();
            own && contains(&profile.manufacturer, manufacturer) && contains(&profile.model, model)
        };
        let generic = || self.0.iter().find(|profile| profile.name == GENERIC);
        self.0.iter().find(fits).or_else(generic).cloned().unwrap_or_default()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|profile| profile.name.as_str())
    }
}

fn contains(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.is_empty() || words.iter().any(|word| text.contains(&word.to_lowercase()))
}

fn read(name: &str, text: &str) -> Result<Profile, NotAProfile> {
    let read: Result<Profile, _> = toml::from_str(text);
    let profile = read.map_err(|error| NotAProfile {
        file: format!("{name}.toml"),
        problem: error.to_string(),
    })?;
    Ok(Profile { name: name.to_owned(), ..profile })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_profile_and_an_admin_may_put_another_before_it() {
        let shipped = Profiles::shipped().expect("what is shipped can be read");
        for (manufacturer, model, name) in [
            ("huawei", "E3372", "huawei"),
            ("Quectel", "EC25", "quectel"),
            ("SIMCOM INCORPORATED", "SIM7600E-H", "simcom"),
            ("ZTE CORPORATION", "MF667", "zte"),
            ("Sierra Wireless, Incorporated", "MC7455", "sierra"),
            ("u-blox", "SARA-R410M", "ublox"),
            ("Somebody", "Something", "generic"),
        ] {
            assert_eq!(shipped.fitting(manufacturer, model).name, name);
        }
        let own = ("own".to_owned(), "manufacturer = ['huawei']\npace_ms = 5".to_owned());
        let own = Profiles::with(&[own]).expect("it can be read");
        assert_eq!(own.fitting("HUAWEI", "E173").pace_ms, 5);
        let wrong = Profiles::with(&[("bad".to_owned(), "pase = 1".to_owned())]);
        assert!(wrong.is_err_and(|error| error.to_string().contains("pase")));
    }
}
