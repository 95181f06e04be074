//! Every configuration that has run: who brought it in, when, why, and what became of it.

use serde::{Deserialize, Serialize};
use similar::TextDiff;
use utoipa::ToSchema;

use crate::config::trial::Reason;
use crate::time::{UnixTime, rfc3339};

/// Versions that are kept: a change a day for half a year.
pub const MOST_VERSIONS: usize = 200;
/// Characters of the longest reason that is given for a change.
pub const LONGEST_WHY: usize = 300;
/// The longest configuration that is taken, in bytes: some five thousand extensions.
pub const LONGEST_TEXT: usize = 768 << 10;
/// Lines around a change.
const CONTEXT: usize = 3;

/// What became of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fate {
    /// Found in the file when the program started.
    Read,
    /// It runs, and goes back unless somebody confirms it.
    OnTrial,
    /// Somebody has confirmed it.
    Confirmed {
        /// Who.
        by: String,
        /// When.
        #[serde(with = "rfc3339")]
        at: UnixTime,
    },
    /// It went back.
    RolledBack {
        /// Why.
        #[schema(value_type = Object)]
        reason: Reason,
        /// In words.
        words: String,
        /// When.
        #[serde(with = "rfc3339")]
        at: UnixTime,
    },
}

/// One configuration that has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Its number; the first is 1.
    pub version: u32,
    /// When it came in.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Who brought it in.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// The one that ran before it.
    pub before: Option<u32>,
    /// Names its text.
    pub digest: String,
    /// What became of it.
    pub fate: Fate,
}

impl Version {
    /// Whether somebody has confirmed it.
    pub fn is_confirmed(&self) -> bool {
        matches!(self.fate, Fate::Confirmed { .. })
    }
}

/// All of them, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions(pub Vec<Version>);

impl Versions {
    /// One of them.
    pub fn get(&self, version: u32) -> Option<&Version> {
        self.0.iter().find(|own| own.version == version)
    }

    /// The one that came in last.
    pub fn newest(&self) -> Option<&Version> {
        self.0.last()
    }

    /// The number of the next.
    pub fn next(&self) -> u32 {
        self.newest().map_or(1, |newest| newest.version.saturating_add(1))
    }

    /// Adds one. Answers those that are forgotten for it.
    pub fn add(&mut self, version: Version) -> Vec<u32> {
        self.0.push(version);
        let excess = self.0.len().saturating_sub(MOST_VERSIONS);
        self.0.drain(..excess).map(|old| old.version).collect()
    }

    /// Writes down what became of one.
    pub fn set(&mut self, version: u32, fate: Fate) {
        if let Some(own) = self.0.iter_mut().find(|own| own.version == version) {
            own.fate = fate;
        }
    }
}

/// What differs between two texts, as a unified diff; empty where nothing does.
pub fn diff(old: &str, new: &str, names: (&str, &str)) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(names.0, names.1)
        .to_string()
}

/// What a version of a text is named by: 52 bits of its SHA-256 as a number, which every program can hold.
pub fn digest(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let number = hash.as_ref().iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    (number >> 12).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32) -> Version {
        Version {
            version: number,
            at: UnixTime(0),
            by: "user ann".to_owned(),
            why: "for a test".to_owned(),
            before: None,
            digest: digest("a"),
            fate: Fate::Read,
        }
    }

    #[test]
    fn the_oldest_are_forgotten_and_numbers_are_not_used_again() {
        let mut all = Versions::default();
        let forgotten: Vec<_> = (1..=203).flat_map(|number| all.add(version(number))).collect();
        assert_eq!(forgotten, [1, 2, 3]);
        assert_eq!((all.next(), all.0.len()), (204, MOST_VERSIONS));
    }

    #[test]
    fn a_diff_says_what_was_there_and_what_is() {
        let diff = diff("[sip]\nudp = 1\n", "[sip]\nudp = 2\n", ("running", "new"));
        assert_eq!(diff, "--- running\n+++ new\n@@ -1,2 +1,2 @@\n [sip]\n-udp = 1\n+udp = 2\n");
        assert_eq!(super::diff("a\n", "a\n", ("a", "b")), "");
    }

    #[test]
    fn a_text_has_one_name() {
        assert!(digest("a").parse::<u64>().is_ok_and(|number| number < 1 << 52));
        assert_ne!(digest("a"), digest("b"));
    }
}
