//! `[people]`, `[[disposition]]`, `[[legal_hold]]` and `[retention]`: what the site has decided about records of people.

use std::time::Duration;

use serde::Deserialize;

use super::Settings;
use crate::context::{self, Rules};

/// `[people]`: how long knowledge about people holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Minutes for which a person who was identified need not be asked again; 1 to 10080, default 30.
    pub verified_for: u32,
}

impl Default for People {
    fn default() -> Self {
        People { verified_for: 30 }
    }
}

/// `[[disposition]]`: a way in which a contact may come out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposition {
    /// Its code: 1 to 64 small letters, digits, `-`, `_` and `.`.
    pub code: String,
    /// Fields that must be filled in. Default none.
    #[serde(default)]
    pub requires: Vec<String>,
}

/// `[[legal_hold]]`: nothing is erased of whoever has a tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// The tag.
    pub tag: String,
    /// Why; whoever wants to erase is told.
    pub reason: String,
}

/// `[retention]`: how long records of people are kept, in days; 0: until somebody erases them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// A person with whom nothing happened for so long is erased; 0 to 36500, default 0.
    pub people: u32,
    /// What happened so long ago is no longer on timelines; 0 to 36500, default 0.
    pub timeline: u32,
    /// Recordings of calls that old are taken off the disk, and their keys are destroyed; 0 to 36500, default 0.
    pub recordings: u32,
}

impl Settings {
    /// The part that orders about people are decided by.
    pub fn people_rules(&self) -> Rules {
        let disposition = |known: &Disposition| {
            (known.code.clone(), context::Disposition { requires: known.requires.clone() })
        };
        Rules {
            dispositions: self.dispositions.iter().map(disposition).collect(),
            held_tags: self
                .legal_holds
                .iter()
                .map(|hold| (hold.tag.clone(), hold.reason.clone()))
                .collect(),
            verified_for: Duration::from_secs(u64::from(self.people.verified_for) * 60),
        }
    }
}
