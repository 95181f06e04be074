//! Whose number was asked lately how it was, as long as nobody is known by it: whoever calls for the first time has no
//! record before the call is over, and is left alone afterwards like everybody else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::journal::event::What;
use crate::journal::personal::{Personal, Subject};
use crate::journal::work::number_name;
use crate::time::UnixTime;

/// How long it is known: the longest that somebody may be left alone for, a year.
const KEPT: Duration = Duration::from_secs(365 * 86_400);
/// Numbers of which it is known; the one asked longest ago is forgotten for a new one. Some 150 bytes each, in every
/// checkpoint: a branch that asks a hundred new callers in a day remembers them for a month, as long as it is wont to.
const MOST: usize = 3_000;

/// When numbers were asked last, by their subjects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskedNumbers(BTreeMap<String, Asked>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    at: UnixTime,
    /// The number: unreadable once the person is erased, who is a new one then.
    number: Personal,
}

impl AskedNumbers {
    /// Takes up one event.
    pub fn apply(&mut self, at: UnixTime, what: &What) {
        let What::Surveyed { number: Some(number @ Personal::Sealed(subject, _)), .. } = what
        else {
            return;
        };
        self.0.retain(|_, asked| at.since(asked.at) < KEPT);
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, asked)| asked.at);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.map(|name| self.0.remove(&name));
        }
        self.0.insert(number_name(subject), Asked { at, number: number.clone() });
    }

    /// When this one was asked last, if what was kept of it can still be read.
    pub fn last(
        &self,
        subject: &Subject,
        readable: impl Fn(&Personal) -> bool,
    ) -> Option<UnixTime> {
        let asked = self.0.get(&number_name(subject))?;
        readable(&asked.number).then_some(asked.at)
    }
}
