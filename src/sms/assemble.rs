//! Parts of longer messages, put together in whatever order they come (3GPP TS 23.040 clause 9.2.3.24.1).
//!
//! One [`Assembler`] for each SIM. It holds parts in memory alone, under bounds of number and time, and forgets them with
//! the program. **The rule that loses nothing:** a part stays where it came from (on the modem, or in the journal) until
//! the message that has its id among [`Message::parts`] is stored; then all of these ids are deleted there, and no other.
//! After a restart the caller reads everything that is still there and hands it in again: what was not stored comes out
//! again, what was stored is gone. A crash between storing and deleting shows a message twice to the caller, who knows it
//! by its own key. The same goes for [`Output::Repeated`]: its id may be deleted when the message `of` is stored.
//!
//! A message that is not complete when its time is over, or for which there is no room any more, comes out as it is,
//! with what is missing. A part that comes later still comes out as well, and says which message it belongs to.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::pdu::user_data::Units;
use super::pdu::{
    Address, Coding, Concatenation, Content, Deliver, Flaw, Header, Reference, ServiceTime,
    UserData,
};
use crate::sms::alphabet::UNREADABLE;
use crate::time::Now;

/// Stands in a text for parts that are missing.
pub const GAP: &str = "[…]";

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a message is waited for after its last part.
    pub patience: Duration,
    /// Most parts kept of one sender: two messages of the greatest length at once.
    pub per_sender: usize,
    /// Most parts kept of all: about 4 MB.
    pub total: usize,
}

impl Default for Settings {
    /// An hour: parts that are later by that come from a phone that was switched off, and a person waits.
    fn default() -> Self {
        Settings { patience: Duration::from_secs(3600), per_sender: 510, total: 10_000 }
    }
}

/// How far apart a centre may have got two neighbouring parts of one message, and how much more for each part between
/// them: phones send a part in a few seconds. Parts further apart are of two messages with the same number, as senders
/// have them that begin to count anew.
const APART: u64 = 30;
/// See [`APART`].
const APART_MORE: u64 = 10;

/// How long parts that are too far apart wait for better ones, when together they would be a whole message.
const DOUBT: Duration = Duration::from_secs(120);

/// How long a message that came out is known, so that a part that comes again is not taken for a new one.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Most messages known so.
const MAX_REMEMBERED: usize = 1_000;

/// One part, with the id by which the caller finds it where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<K> {
    /// What the caller calls it.
    pub id: K,
    /// Which part, from 1.
    pub sequence: u8,
    /// When the centre got it.
    pub time: ServiceTime,
    /// Its coding.
    pub coding: Coding,
    /// It, as it came.
    pub user_data: UserData,
}

/// A message, whole or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<K> {
    /// Counts messages from 1.
    pub number: u64,
    /// Who sent it.
    pub from: Address,
    /// What it says; [`GAP`] stands in a text where parts are missing.
    pub content: Content,
    /// The header of its first part that is there: ports, and what else was in it.
    pub header: Header,
    /// What was wrong with it.
    pub flaws: Vec<Flaw>,
    /// How many parts it has.
    pub total: u8,
    /// Which are missing; none: it is whole.
    pub missing: Vec<u8>,
    /// An earlier message, given out without these parts, that this is the rest of.
    pub continues: Option<u64>,
    /// Its parts in order; one that came twice is there twice.
    pub parts: Vec<Part<K>>,
}

impl<K> Message<K> {
    /// Whether every part is there.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// What is to be deleted when it is stored.
    pub fn ids(&self) -> impl Iterator<Item = &K> {
        self.parts.iter().map(|part| &part.id)
    }

    /// When the centre got the first part that is there.
    pub fn time(&self) -> Option<ServiceTime> {
        self.parts.first().map(|part| part.time)
    }

    /// The coding of the first part that is there.
    pub fn coding(&self) -> Coding {
        self.parts.first().map_or(Coding::default(), |part| part.coding)
    }
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<K> {
    /// A message. To be stored; then its parts are to be deleted.
    Message(Message<K>),
    /// A part of a message that came out before, once more. To be deleted when that one is stored.
    Repeated {
        /// The part.
        id: K,
        /// The number of the message.
        of: u64,
    },
}

/// What parts of one message have in common.
type Key = (Address, Reference, u8);

/// Parts of a message that is not complete.
#[derive(Debug)]
struct Set<K> {
    serial: u64,
    due: Instant,
    parts: Vec<Part<K>>,
}

/// A message that came out.
#[derive(Debug)]
struct Remembered {
    key: Key,
    number: u64,
    until: Instant,
    missing: Vec<u8>,
    parts: Vec<(u8, u64)>,
}

/// Puts parts together.
#[derive(Debug)]
pub struct Assembler<K> {
    settings: Settings,
    sets: BTreeMap<Key, Vec<Set<K>>>,
    /// When each set is given up, the oldest first.
    due: BTreeMap<(Instant, u64), Key>,
    /// Parts of each sender.
    held: BTreeMap<Address, usize>,
    total: usize,
    serial: u64,
    number: u64,
    remembered: VecDeque<Remembered>,
    outputs: VecDeque<Output<K>>,
}

impl<K> Assembler<K> {
    /// With nothing in it.
    pub fn new(settings: Settings) -> Self {
        Assembler {
            settings,
            sets: BTreeMap::new(),
            due: BTreeMap::new(),
            held: BTreeMap::new(),
            total: 0,
            serial: 0,
            number: 0,
            remembered: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A message arrived; `id` is where it is kept. One that has no parts comes out at once.
    pub fn handle_deliver(&mut self, now: Now, id: K, deliver: Deliver) {
        let Deliver { originator, time, coding, user_data, .. } = deliver;
        let concatenation = user_data.header().concatenation();
        let sequence = concatenation.map_or(1, |part| part.sequence);
        let part = Part { id, sequence, time, coding, user_data };
        match concatenation {
            Some(Concatenation { reference, total, .. }) if total > 1 => {
                self.take(now, (originator, reference, total), part);
            }
            _ => self.give_out(originator, 1, None, vec![part]),
        }
    }

    /// Gives up what has waited long enough.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((&(due, serial), _)) = self.due.first_key_value() {
            if due > now.instant {
                break;
            }
            self.give_up(now.instant, (due, serial));
        }
        self.forget(now.instant);
    }

    /// What came out.
    pub fn poll_output(&mut self) -> Option<Output<K>> {
        self.outputs.pop_front()
    }

    /// When the next message is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.keys().next().map(|(due, _)| *due)
    }

    /// How many parts wait.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn take(&mut self, now: Now, key: Key, part: Part<K>) {
        self.forget(now.instant);
        if let Some(of) = self.came_out(&key, &part) {
            self.outputs.push_back(Output::Repeated { id: part.id, of });
            return;
        }
        self.make_room(now.instant, &key.0);
        let due = now.instant + self.settings.patience;
        let set = self.set_for(&key, &part, due);
        set.parts.push(part);
        let (before, serial, complete) = (set.due, set.serial, set.is_complete(key.2));
        set.due = due;
        self.due.remove(&(before, serial));
        self.due.insert((due, serial), key.clone());
        *self.held.entry(key.0.clone()).or_default() += 1;
        self.total += 1;
        if complete {
            self.give_out_set(now.instant, (due, serial));
        } else if self.in_doubt(&key, serial).is_some() {
            self.hurry(&key, serial, now.instant + DOUBT);
        }
    }

    /// The set that a part belongs to: one that has the very same part; else, of those that lack it and are not too far
    /// away, the one whose parts the centre got at the nearest time; else a new one.
    fn set_for(&mut self, key: &Key, part: &Part<K>, due: Instant) -> &mut Set<K> {
        let sets = self.sets.entry(key.clone()).or_default();
        let same = sets.iter().position(|set| set.parts.iter().any(|known| known.is(part)));
        let lacking = || {
            let near = sets.iter().enumerate().filter(|(_, set)| set.may_have(part));
            near.min_by_key(|(_, set)| set.distance(part.time)).map(|(at, _)| at)
        };
        let at = same.or_else(lacking).unwrap_or(sets.len());
        if at == sets.len() {
            self.serial += 1;
            sets.push(Set { serial: self.serial, due, parts: Vec::new() });
        }
        &mut sets[at]
    }

    /// Sets whose parts are too far apart, and would be a whole message together with the one of this number.
    fn in_doubt(&self, key: &Key, serial: u64) -> Option<Vec<u64>> {
        let sets = self.sets.get(key)?;
        let first = sets.iter().find(|set| set.serial == serial)?;
        let mut there = [false; 256];
        first.parts.iter().for_each(|part| there[usize::from(part.sequence)] = true);
        let mut others: Vec<_> = sets.iter().filter(|set| set.serial != serial).collect();
        let time = first.parts.first()?.time;
        others.sort_by_key(|set| set.distance(time));
        let mut chosen = Vec::new();
        for set in others {
            if set.parts.iter().all(|part| !there[usize::from(part.sequence)]) {
                set.parts.iter().for_each(|part| there[usize::from(part.sequence)] = true);
                chosen.push(set.serial);
            }
        }
        (1..=key.2).all(|sequence| there[usize::from(sequence)]).then_some(chosen)
    }

    fn hurry(&mut self, key: &Key, serial: u64, due: Instant) {
        let Some(sets) = self.sets.get_mut(key) else { return };
        let Some(set) = sets.iter_mut().find(|set| set.serial == serial) else { return };
        if due < set.due {
            self.due.remove(&(set.due, serial));
            self.due.insert((due, serial), key.clone());
            set.due = due;
        }
    }

    /// Takes a set out whose time is over, with those that make it whole.
    fn give_up(&mut self, now: Instant, due: (Instant, u64)) {
        let Some(key) = self.due.get(&due).cloned() else { return };
        for other in self.in_doubt(&key, due.1).unwrap_or_default() {
            let Some(sets) = self.sets.get_mut(&key) else { break };
            let Some(at) = sets.iter().position(|set| set.serial == other) else { break };
            let other = sets.remove(at);
            self.due.remove(&(other.due, other.serial));
            if let Some(set) = sets.iter_mut().find(|set| set.serial == due.1) {
                set.parts.extend(other.parts);
            }
        }
        self.give_out_set(now, due);
    }

    /// Gives out the oldest message of the sender, or of all, while there are too many parts.
    fn make_room(&mut self, now: Instant, sender: &Address) {
        while self.held.get(sender).is_some_and(|held| *held >= self.settings.per_sender.max(1)) {
            let oldest = self.due.iter().find(|(_, key)| key.0 == *sender).map(|(due, _)| *due);
            let Some(oldest) = oldest else { break };
            self.give_up(now, oldest);
        }
        while self.total >= self.settings.total.max(1) {
            let Some(oldest) = self.due.keys().next().copied() else { break };
            self.give_up(now, oldest);
        }
    }

    /// Takes a set out, complete or not.
    fn give_out_set(&mut self, now: Instant, due: (Instant, u64)) {
        let Some(key) = self.due.remove(&due) else { return };
        let Some(sets) = self.sets.get_mut(&key) else { return };
        let Some(at) = sets.iter().position(|set| set.serial == due.1) else { return };
        let set = sets.remove(at);
        if sets.is_empty() {
            self.sets.remove(&key);
        }
        self.release(&key.0, set.parts.len());
        let digests = set.parts.iter().map(|part| (part.sequence, part.digest())).collect();
        let missing = set.missing(key.2);
        let continues = self.incomplete(&key, &set.parts);
        self.give_out(key.0.clone(), key.2, continues, set.parts);
        let until = now + REMEMBERED;
        let number = self.number;
        self.remembered.push_back(Remembered { key, number, until, missing, parts: digests });
        if self.remembered.len() > MAX_REMEMBERED {
            self.remembered.pop_front();
        }
    }

    fn release(&mut self, sender: &Address, parts: usize) {
        self.total -= parts;
        if let Some(held) = self.held.get_mut(sender) {
            *held -= parts;
            if *held == 0 {
                self.held.remove(sender);
            }
        }
    }

    fn give_out(
        &mut self,
        from: Address,
        total: u8,
        continues: Option<u64>,
        mut parts: Vec<Part<K>>,
    ) {
        parts.sort_by_key(|part| part.sequence);
        self.number += 1;
        let mut flaws = Vec::new();
        let content = content(&parts, total, &mut flaws);
        let header = parts.first().map(|part| part.user_data.header()).unwrap_or_default();
        let missing = missing(&parts, total);
        let number = self.number;
        let message =
            Message { number, from, content, header, flaws, total, missing, continues, parts };
        self.outputs.push_back(Output::Message(message));
    }

    /// The message that came out with this very part.
    fn came_out(&self, key: &Key, part: &Part<K>) -> Option<u64> {
        let digest = (part.sequence, part.digest());
        let had = |message: &&Remembered| message.key == *key && message.parts.contains(&digest);
        self.remembered.iter().rev().find(had).map(|message| message.number)
    }

    /// The message that came out without any of these parts.
    fn incomplete(&self, key: &Key, parts: &[Part<K>]) -> Option<u64> {
        let lacked = |message: &&Remembered| {
            let lacks = |part: &Part<K>| message.missing.contains(&part.sequence);
            message.key == *key && parts.iter().all(lacks)
        };
        self.remembered.iter().rev().find(lacked).map(|message| message.number)
    }

    fn forget(&mut self, now: Instant) {
        while self.remembered.front().is_some_and(|message| message.until <= now) {
            self.remembered.pop_front();
        }
    }
}

impl<K> Set<K> {
    fn is_complete(&self, total: u8) -> bool {
        self.missing(total).is_empty()
    }

    fn missing(&self, total: u8) -> Vec<u8> {
        missing(&self.parts, total)
    }

    /// Whether a part can be of this message: it is lacking, and not too far from those that are there.
    fn may_have(&self, part: &Part<K>) -> bool {
        let lacks = self.parts.iter().all(|known| known.sequence != part.sequence);
        let near = |known: &Part<K>| {
            let steps = u64::from(known.sequence.abs_diff(part.sequence));
            known.apart(part.time).is_none_or(|apart| apart <= APART.max(APART_MORE * steps))
        };
        lacks && self.parts.iter().any(near)
    }

    /// Seconds between a part and the nearest of these; a time that is none is far from all.
    fn distance(&self, time: ServiceTime) -> u64 {
        self.parts.iter().filter_map(|part| part.apart(time)).min().unwrap_or(u64::MAX)
    }
}

impl<K> Part<K> {
    /// Whether it is the same part, sent once more: a centre that repeats does not change the time.
    fn is(&self, other: &Part<K>) -> bool {
        (self.sequence, self.time, self.coding) == (other.sequence, other.time, other.coding)
            && self.user_data == other.user_data
    }

    /// Seconds between this and a time; nothing if one of them is none.
    fn apart(&self, time: ServiceTime) -> Option<u64> {
        Some(self.time.unix()?.seconds().abs_diff(time.unix()?.seconds()))
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.time, self.coding, &self.user_data).hash(&mut hasher);
        hasher.finish()
    }
}

fn missing<K>(parts: &[Part<K>], total: u8) -> Vec<u8> {
    let mut there = [false; 256];
    parts.iter().for_each(|part| there[usize::from(part.sequence)] = true);
    (1..=total).filter(|sequence| !there[usize::from(*sequence)]).collect()
}

/// What sorted parts say. They are joined before they are read, so that an emoji, or an escape pair, that its sender cut
/// in two is whole again.
fn content<K>(parts: &[Part<K>], total: u8, flaws: &mut Vec<Flaw>) -> Content {
    let mut stretches = Vec::new();
    let mut before = 0;
    for part in parts {
        if part.sequence == before {
            continue;
        }
        let units = part.user_data.units(part.coding, flaws);
        if part.sequence != before + 1 {
            stretches.push(None);
        }
        before = part.sequence;
        let left = match stretches.last_mut() {
            Some(Some(last)) => Units::join(last, units),
            _ => Some(units),
        };
        stretches.extend(left.map(Some));
    }
    if before != total {
        stretches.push(None);
    }
    flaws.dedup();
    read(stretches, flaws)
}

fn read(stretches: Vec<Option<Units>>, flaws: &mut Vec<Flaw>) -> Content {
    let is_data = |stretch: &Option<Units>| matches!(stretch, None | Some(Units::Octets(_)));
    let all_data = stretches.iter().all(is_data);
    let (mut text, mut data) = (String::new(), Vec::new());
    for stretch in stretches {
        match stretch.map(|units| units.content(flaws)) {
            None => text.push_str(GAP),
            Some(Content::Text(words)) => text.push_str(&words),
            Some(Content::Octets(octets)) if all_data => data.extend(octets),
            // Octets between words: they stay in the parts.
            Some(Content::Octets(_)) => {
                flaws.push(Flaw::Unreadable(1));
                text.push(UNREADABLE);
            }
        }
    }
    if all_data { Content::Octets(data) } else { Content::Text(text) }
}

#[cfg(test)]
mod tests;
