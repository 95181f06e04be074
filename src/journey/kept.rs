//! What is kept of journeys over a restart: made from changes alone, so that the machine and the journal agree.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::JourneyId;
use crate::journey::{Action, Change, Key, Person, Standing};
use crate::time::UnixTime;

/// How long an event that began a journey is known as such: whoever sends it again gives up long before; and the longest
/// span that messages to a person are counted over. 31 days, in microseconds.
pub const REMEMBERED: i64 = 31 * 86_400_000_000;
/// How many steps that were handed over are shown to an admin.
const SHOWN: usize = 100;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Journeys that go on.
    pub running: BTreeMap<JourneyId, Running>,
    /// Journeys that are over, and since when.
    pub over: BTreeMap<JourneyId, UnixTime>,
    /// When each person was written to.
    pub written: BTreeMap<Person, Vec<UnixTime>>,
    /// What is known of people with journeys.
    pub standings: BTreeMap<Person, Standing>,
    /// Steps that who carries them out has, and that are not known to be done.
    pub handed: BTreeMap<Key, Due>,
    /// The last that were handed over, the oldest first.
    pub shown: VecDeque<(Key, Due)>,
}

/// A step in the hands of who carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Since when.
    pub at: UnixTime,
    /// For whom.
    pub person: Person,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// A journey that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its rule.
    pub rule: String,
    /// What that said when it began.
    pub print: u64,
    /// About whom.
    pub person: Person,
    /// What conditions ask for.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The step that it is at.
    #[serde(default)]
    pub step: u16,
    /// Not before then.
    #[serde(default)]
    pub until: Option<UnixTime>,
    /// Whether the step was about to be done.
    #[serde(default)]
    pub intended: bool,
}

impl Kept {
    /// Takes up one change.
    pub fn apply(&mut self, at: UnixTime, change: &Change) {
        match change {
            Change::Began { journey, rule, print, person, attributes } => {
                let running = Running {
                    rule: rule.clone(),
                    print: *print,
                    person: *person,
                    attributes: attributes.clone(),
                    step: 0,
                    until: None,
                    intended: false,
                };
                self.running.insert(*journey, running);
            }
            Change::Standing { person, standing } => {
                self.standings.insert(*person, standing.clone());
            }
            Change::Waits { journey, until } => self.change(*journey, |running| {
                running.until = Some(*until);
            }),
            Change::Intends { key, message } => {
                let Some(running) = self.running.get_mut(&key.journey) else { return };
                // Said again after a crash, it is still the one message.
                if *message && !running.intended {
                    self.written.entry(running.person).or_default().push(at);
                }
                running.intended = true;
            }
            Change::Due { key, person, action } => {
                let due = Due { at, person: *person, action: action.clone() };
                self.shown.push_back((*key, due.clone()));
                self.shown.drain(..self.shown.len().saturating_sub(SHOWN));
                self.handed.insert(*key, due);
            }
            Change::Did { key, .. } => {
                self.handed.remove(key);
                self.change(key.journey, |running| {
                    running.step = key.step.saturating_add(1);
                    (running.until, running.intended) = (None, false);
                });
            }
            Change::Ended { journey, .. } => self.end(at, *journey),
        }
    }

    fn change(&mut self, journey: JourneyId, change: impl FnOnce(&mut Running)) {
        if let Some(running) = self.running.get_mut(&journey) {
            change(running);
        }
    }

    fn end(&mut self, at: UnixTime, journey: JourneyId) {
        let Some(gone) = self.running.remove(&journey) else { return };
        self.handed.retain(|key, _| key.journey != journey);
        self.over.insert(journey, at);
        let old = |then: &UnixTime| at.0 - then.0 > REMEMBERED;
        self.over.retain(|_, ended| !old(ended));
        self.written.retain(|_, times| {
            times.retain(|time| !old(time));
            !times.is_empty()
        });
        if !self.running.values().any(|running| running.person == gone.person) {
            self.standings.remove(&gone.person);
        }
    }
}
