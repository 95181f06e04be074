//! What the modems of a channel must know again after a restart, as records that are written one behind the other.
//!
//! It is kept beside the journal, not in it: the journal says what happened with people, and this is how far a device has
//! come. Nothing in here outlives its use: a part goes with the message that it is of, a count with its month.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::sms::modem::{Change, Kept};
use crate::time::{Now, UnixTime};

/// Keys of parts that are done with, so that a modem which has not deleted one yet does not bring it in anew: several times
/// what the memories of all modems of a channel hold.
const MOST_DONE: usize = 16_384;
/// Messages that cannot be read and are kept for a person: a modem that mangles all is noticed by less.
const MOST_ODD: usize = 256;
/// People whose SIM is remembered over a restart: those who wrote or were written to last.
const MOST_STICKY: usize = 20_000;
/// Counts are needed for 30 days; a day more, so that clocks may differ.
const COUNTED: i64 = 31 * 86_400;
/// Counts are kept by this many seconds.
const STEP: i64 = 60;

/// One thing to be known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A part of a longer message arrived.
    Part {
        /// What it is known by.
        key: String,
        /// At which SIM.
        sim: String,
        /// It, as it came, in hexadecimal.
        pdu: String,
    },
    /// The message of these parts is with the ledger.
    Done {
        /// What they are known by.
        keys: Vec<String>,
    },
    /// Something arrived that cannot be read.
    Odd {
        /// What it is known by.
        key: String,
        /// At which SIM.
        sim: String,
        /// It, as it came, in hexadecimal.
        pdu: String,
    },
    /// What a modem must know.
    Modem {
        /// With which SIM.
        sim: String,
        /// It.
        change: Change,
    },
    /// So many parts were sent.
    Sent {
        /// By which SIM.
        sim: String,
        /// To whom, as a keyed digest; empty: to several.
        person: String,
        /// How many.
        parts: u32,
        /// When.
        at: UnixTime,
    },
    /// Somebody wrote.
    Heard {
        /// To which SIM.
        sim: String,
        /// Who, as a keyed digest.
        person: String,
        /// When.
        at: UnixTime,
    },
}

/// All records in one.
#[derive(Debug, Default)]
pub(super) struct Diary {
    parts: BTreeMap<String, (String, String)>,
    /// Parts in the order in which they came.
    order: Vec<String>,
    done: BTreeSet<String>,
    done_order: VecDeque<String>,
    odd: VecDeque<(String, String, String)>,
    modems: BTreeMap<String, Kept>,
    counts: BTreeMap<(String, i64), u32>,
    people: BTreeMap<(String, String), UnixTime>,
    sticky: BTreeMap<String, (String, UnixTime)>,
}

impl Diary {
    /// Takes one in.
    pub(super) fn apply(&mut self, record: &Record) {
        match record.clone() {
            Record::Part { key, sim, pdu } => {
                if self.parts.insert(key.clone(), (sim, pdu)).is_none() {
                    self.order.push(key);
                }
            }
            Record::Done { keys } => keys.into_iter().for_each(|key| self.done(key)),
            Record::Odd { key, sim, pdu } => {
                if !self.odd.iter().any(|(known, ..)| *known == key) {
                    self.odd.push_back((key, sim, pdu));
                }
                if self.odd.len() > MOST_ODD {
                    self.odd.pop_front();
                }
            }
            Record::Modem { sim, change } => self.modems.entry(sim).or_default().apply(change),
            Record::Sent { sim, person, parts, at } => self.sent(sim, person, parts, at),
            Record::Heard { sim, person, at } => self.stick(person, sim, at),
        }
    }

    fn done(&mut self, key: String) {
        if self.parts.remove(&key).is_some() {
            self.order.retain(|known| *known != key);
        }
        if self.done.insert(key.clone()) {
            self.done_order.push_back(key);
        }
        if self.done_order.len() > MOST_DONE
            && let Some(eldest) = self.done_order.pop_front()
        {
            self.done.remove(&eldest);
        }
    }

    fn sent(&mut self, sim: String, person: String, parts: u32, at: UnixTime) {
        if parts > 0 {
            let step = at.seconds().div_euclid(STEP) * STEP;
            let count = self.counts.entry((sim.clone(), step)).or_default();
            *count = count.saturating_add(parts);
        }
        if !person.is_empty() {
            self.people.insert((sim.clone(), person.clone()), at);
            self.stick(person, sim, at);
        }
    }

    fn stick(&mut self, person: String, sim: String, at: UnixTime) {
        self.sticky.insert(person, (sim, at));
        if self.sticky.len() > MOST_STICKY
            && let Some(eldest) = self.sticky.iter().min_by_key(|(_, (_, at))| *at)
        {
            let eldest = eldest.0.clone();
            self.sticky.remove(&eldest);
        }
    }

    /// Whether a part is kept, or was.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.parts.contains_key(key) || self.done.contains(key)
    }

    /// Whether a part waits for its message.
    pub(super) fn has(&self, key: &str) -> bool {
        self.parts.contains_key(key)
    }

    /// Whether something that cannot be read is kept.
    pub(super) fn has_odd(&self, key: &str) -> bool {
        self.odd.iter().any(|(known, ..)| known == key)
    }

    /// Messages of a SIM that cannot be read.
    pub(super) fn odd(&self, sim: &str) -> usize {
        self.odd.iter().filter(|(_, at, _)| at == sim).count()
    }

    /// The SIM that somebody knows.
    pub(super) fn sim_of(&self, person: &str) -> Option<&str> {
        self.sticky.get(person).map(|(sim, _)| sim.as_str())
    }

    /// What a modem must know.
    pub(super) fn modem(&self, sim: &str) -> Kept {
        self.modems.get(sim).cloned().unwrap_or_default()
    }

    /// Parts that wait, in order: what they are known by, the SIM, and they in hexadecimal.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&String, &String, &String)> {
        self.order.iter().filter_map(|key| self.parts.get(key).map(|(sim, pdu)| (key, sim, pdu)))
    }

    /// Forgets what has no use any more.
    pub(super) fn tidy(&mut self, now: Now) {
        let first = now.unix.seconds() - COUNTED;
        self.counts.retain(|(_, at), _| *at > first);
        self.people.retain(|_, at| at.seconds() > first);
    }

    /// All of it as records.
    pub(super) fn whole(&self) -> Vec<Record> {
        let part = |(key, sim, pdu): (&String, &String, &String)| Record::Part {
            key: key.clone(),
            sim: sim.clone(),
            pdu: pdu.clone(),
        };
        let odd = self.odd.iter().map(|(key, sim, pdu)| Record::Odd {
            key: key.clone(),
            sim: sim.clone(),
            pdu: pdu.clone(),
        });
        let done = Record::Done { keys: self.done_order.iter().cloned().collect() };
        let sent = |sim: &String, person: &str, parts, at| Record::Sent {
            sim: sim.clone(),
            person: person.to_owned(),
            parts,
            at,
        };
        let counts = self.counts.iter().map(|((sim, at), parts)| {
            sent(sim, "", *parts, UnixTime(at.saturating_mul(1_000_000)))
        });
        let people = self.people.iter().map(|((sim, person), at)| sent(sim, person, 0, *at));
        let sticky = self.sticky.iter().map(|(person, (sim, at))| Record::Heard {
            sim: sim.clone(),
            person: person.clone(),
            at: *at,
        });
        let modems = self.modems.iter().flat_map(|(sim, kept)| {
            let sent = kept.outstanding.iter().cloned().map(Change::Sent);
            let pin = kept.refused_pin.iter().cloned().map(Change::PinRefused);
            sent.chain(pin).map(|change| Record::Modem { sim: sim.clone(), change })
        });
        let parts = self.parts().map(part);
        parts
            .chain(odd)
            .chain([done])
            .chain(counts)
            .chain(people)
            .chain(sticky)
            .chain(modems)
            .collect()
    }
}
