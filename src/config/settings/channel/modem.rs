//! `[channels.NAME.modem]` and `[channels.NAME.sim.SIM]`: GSM modems and the SIMs in them.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretRef;
use crate::sms::alphabet::Language;
use crate::sms::segment::Options;

/// Languages whose alphabets a site may allow, by what RFC 5646 calls them.
pub const ALPHABETS: [(&str, Language); 13] = [
    ("tr", Language::Turkish),
    ("es", Language::Spanish),
    ("pt", Language::Portuguese),
    ("bn", Language::Bengali),
    ("gu", Language::Gujarati),
    ("hi", Language::Hindi),
    ("kn", Language::Kannada),
    ("ml", Language::Malayalam),
    ("or", Language::Oriya),
    ("pa", Language::Punjabi),
    ("ta", Language::Tamil),
    ("te", Language::Telugu),
    ("ur", Language::Urdu),
];

/// `[channels.NAME.modem]`: what all modems of a channel have in common.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Modem {
    /// A folder of profiles that come before those that are built in.
    pub profiles: Option<PathBuf>,
    /// Whether the network is asked what becomes of each part.
    pub reports: bool,
    /// Most parts of one message; 1 to 255.
    pub max_parts: u8,
    /// Characters are replaced by others that look alike, where the whole text then needs no UCS-2.
    pub transliterate: bool,
    /// Languages whose national alphabets may be used, of [`ALPHABETS`].
    pub alphabets: Vec<String>,
    /// Which SIMs may send where, by how a number begins. All may everywhere when nothing fits.
    pub routes: Vec<Route>,
}

/// One of `routes`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What a number begins with, `+` included.
    pub prefix: String,
    /// The SIMs, the best first; none: nothing is sent there.
    pub sims: Vec<String>,
}

/// `[channels.NAME.sim.SIM]`: one SIM and where its modem is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sim {
    /// The line of its modem. Whichever line it is found at when absent.
    pub port: Option<PathBuf>,
    /// Only a modem with this serial number.
    pub imei: Option<String>,
    /// Only a SIM with this serial number.
    pub iccid: Option<String>,
    /// What unlocks it.
    pub pin: Option<SecretRef>,
    /// Parts that it sends in any second at most.
    pub per_second: Option<u32>,
    /// Parts in any hour.
    pub per_hour: Option<u32>,
    /// Parts in any 24 hours.
    pub per_day: Option<u32>,
    /// Parts in any 30 days.
    pub per_month: Option<u32>,
    /// Different recipients in any 30 days.
    pub recipients: Option<u32>,
}

impl Sim {
    /// Whether nothing says which one it is.
    pub fn is_anywhere(&self) -> bool {
        self.port.is_none() && self.imei.is_none() && self.iccid.is_none()
    }
}

impl Default for Modem {
    fn default() -> Self {
        Modem {
            profiles: None,
            reports: true,
            max_parts: 10,
            transliterate: false,
            alphabets: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Modem {
    /// How texts are written.
    pub fn options(&self) -> Options {
        let languages = self.languages();
        Options {
            locking: languages.iter().copied().filter(|language| language.locks()).collect(),
            single: languages,
            transliterate: self.transliterate,
        }
    }

    /// The languages of `alphabets`; those that are none are left out.
    pub fn languages(&self) -> Vec<Language> {
        let known = |name: &String| ALPHABETS.iter().find(|(known, _)| known == name);
        self.alphabets.iter().filter_map(known).map(|(_, language)| *language).collect()
    }
}
