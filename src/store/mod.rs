//! What is looked up: rows that are projected from the journal, and can be made again from it at any time.
//!
//! Owns keys, the form of rows, and what each journal entry changes. Knows no database: the driver reads and writes
//! rows. Each batch says which journal record it reflects, how many rows there are and what they sum up to, so that rows
//! which were lost or changed are noticed, however quietly.

pub mod context;
mod kind;
pub mod messages;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::CallId;
use crate::journal::act::Act;
use crate::journal::event::{CallEvent, CallRecord, Event};
use crate::journal::live::{Live, Standing};
use crate::journal::replay::Entry;
use crate::time::UnixTime;
use kind::{ACT, AGENT, BINDING, CALL, EVENT, META, PLACE};

/// The row that says where the store stands.
pub const META_KEY: &[u8] = &[META];
/// Every call record's key begins with this; they are in order of time, the newest first.
pub const CALLS: &[u8] = &[CALL];
/// Version of the rows: one written by another version is not read but made again.
const VERSION: u8 = 3;

/// Where a store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// The last journal record that it reflects.
    pub position: u64,
    /// Rows besides this one.
    pub rows: u64,
    /// The sum of their hashes.
    pub sum: u64,
}

impl Meta {
    /// As a row.
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [self.position, self.rows, self.sum];
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        wrap(&body)
    }

    /// From a row; nothing if it is damaged or of another version.
    pub fn decode(row: &[u8]) -> Option<Meta> {
        let body = unwrap(row)?;
        let number = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        Some(Meta { position: number(0)?, rows: number(8)?, sum: number(16)? })
    }

    /// Counts a row in.
    pub fn add(&mut self, key: &[u8], row: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash(key, row));
    }

    fn remove(&mut self, key: &[u8], row: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(hash(key, row));
    }
}

fn hash(key: &[u8], row: &[u8]) -> u64 {
    let mut bytes = Context::new(&SHA256);
    bytes.update(&(key.len() as u64).to_be_bytes());
    bytes.update(key);
    bytes.update(row);
    let hash = bytes.finish();
    hash.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Rows to write: with a value to put there, without one to take away. They belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// By key; the row that says where the store stands is among them.
    pub rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Where the store stands afterwards.
    pub meta: Meta,
}

/// How the rows that are there are read.
pub trait Rows {
    /// The row at a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Every key that begins with these bytes.
    fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>>;
    /// Rows whose keys begin with these bytes, in order, at most so many, of those behind `after`.
    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Records of calls, the newest first.
    Calls {
        /// At most so many.
        limit: usize,
        /// Behind this one.
        after: Option<(UnixTime, CallId)>,
    },
    /// The record of one call.
    Call(CallId),
    /// Who did what, the newest first.
    Acts {
        /// At most so many.
        limit: usize,
        /// Behind the one with this number.
        after: Option<u64>,
    },
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Records of calls.
    Calls(Vec<CallRecord>),
    /// The record of one call; nothing if there is none.
    Call(CallId, Option<Box<CallRecord>>),
    /// Acts with the journal's numbers of them.
    Acts(Vec<(u64, KeptAct)>, usize),
}

/// Reads.
pub fn look(wanted: &Wanted, rows: &dyn Rows) -> Found {
    match *wanted {
        Wanted::Calls { limit, after } => {
            let after = after.map(|(arrived, call)| call_key(arrived, call));
            let page = rows.page(CALLS, after.as_deref(), limit);
            Found::Calls(page.iter().filter_map(|(_, row)| read(row)).collect())
        }
        Wanted::Call(call) => {
            // A call's first event says when it arrived, and that is half of its record's key.
            let first = rows.page(&events_of(call), None, 1);
            let arrived = first.first().and_then(|(_, row)| read::<CallEvent>(row));
            let record = arrived.and_then(|event| rows.get(&call_key(event.at, call)));
            Found::Call(call, record.and_then(|row| read(&row)).map(Box::new))
        }
        Wanted::Acts { limit, after } => {
            let after = after.map(act_key);
            let page = rows.page(&[ACT], after.as_deref(), limit);
            Found::Acts(page.iter().filter_map(|(key, row)| act(key, row)).collect(), limit)
        }
    }
}

fn act(key: &[u8], row: &[u8]) -> Option<(u64, KeptAct)> {
    let number = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    Some((u64::MAX - number, read(row)?))
}

/// What the entries change in a store that stands at `meta`. Entries that it reflects already change nothing.
pub fn project(meta: Meta, entries: &[Entry], rows: &dyn Rows) -> Batch {
    let rows = &Once { rows, read: RefCell::default() };
    let mut draft = Draft { batch: Batch { rows: BTreeMap::new(), meta }, rows };
    for entry in entries.iter().filter(|entry| entry.seq > meta.position) {
        draft.batch.meta.position = entry.seq;
        if let Some(event) = &entry.event {
            draft.take(entry, event);
        }
    }
    let meta = draft.batch.meta.encode();
    draft.batch.rows.insert(META_KEY.to_vec(), Some(meta));
    draft.batch
}

/// Rows of which each is read once: what is put anew was mostly looked at just before.
struct Once<'a> {
    rows: &'a dyn Rows,
    read: RefCell<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl Rows for Once<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(row) = self.read.borrow().get(key) {
            return row.clone();
        }
        let row = self.rows.get(key);
        self.read.borrow_mut().insert(key.to_vec(), row.clone());
        row
    }

    fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        self.rows.keys(prefix)
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.rows.page(prefix, after, limit)
    }
}

struct Draft<'a> {
    batch: Batch,
    rows: &'a dyn Rows,
}

impl Draft<'_> {
    fn take(&mut self, entry: &Entry, event: &Event) {
        match event {
            Event::Checkpoint { live, .. } => self.take_live(live),
            Event::Call(event) => self.put(event_key(event.call, entry.seq), event),
            Event::CallRecord(record) => {
                self.put(call_key(record.arrived, record.call), record);
                self.take_call(entry, record);
            }
            Event::Context(act) => self.take_act(entry, act),
            // Phones renew every few minutes, and the journal's own live part is where a restart finds them: as rows that
            // nobody looked up they took a tenth of a registration's time.
            Event::Bound { .. } | Event::Unbound { .. } => {}
            Event::Agent { agent, presence, idle_since } => {
                let standing = Standing {
                    presence: presence.clone(),
                    since: entry.at,
                    idle_since: *idle_since,
                };
                self.put(named_key(AGENT, agent.as_str()), &standing);
            }
            Event::QueuePlace(place) => self.put(numbered_key(PLACE, place.item.0), place),
            Event::QueueLeft { item } => self.delete(&numbered_key(PLACE, item.0)),
            // Read by who makes reports, in their order.
            Event::Work(_) => {}
            Event::Act(act) => {
                // Told again after a failure of the disk, it stands where it was told first.
                let number = act.first.unwrap_or(entry.seq);
                self.put(act_key(number), &KeptAct { at: entry.at, act: act.clone() })
            }
            // The journal's checkpoint alone remembers it: nobody looks it up.
            Event::CalledForHelp(_) => {}
            // What was spent is known to whoever reads the journal at the start; nobody looks it up here.
            Event::Spent(_) | Event::CapsLifted(_) => {}
            // Nobody looks a subscription up: the journal's own live part is enough.
            Event::Subscribed { .. } | Event::Unsubscribed { .. } => {}
            // Messages are few, and live in every checkpoint: nobody looks them up here.
            Event::Account(_) | Event::Shelf(_) => {}
            // Where each program is stands in the journal's checkpoints.
            Event::Webhook(_) => {}
            Event::Journey(journey) => {
                if let Some(act) = &journey.act {
                    self.take_act(entry, act);
                }
            }
            Event::Site(site) => self.take_site(entry, site),
            Event::Message(said) => self.take_message(entry.seq, said),
            Event::Voicemail(_) | Event::PhoneFetched { .. } | Event::PhoneRenewed { .. } => {}
            // Read from the journal's own list of what is live.
            Event::Phone(_) | Event::HotDesk { .. } | Event::Schedule { .. } => {}
            Event::Seal(_) | Event::Started { .. } | Event::Stopped | Event::Gap { .. } => {}
            Event::Health(_) => {}
        }
    }

    /// A checkpoint is the whole truth about what is live: it stands for records that were lost in a failure.
    fn take_live(&mut self, live: &Live) {
        // Earlier versions kept registrations here; they go with the first checkpoint, which every start writes.
        for kind in [BINDING, AGENT, PLACE] {
            let mut keys = self.rows.keys(&[kind]);
            keys.extend(self.batch.rows.keys().filter(|key| key.first() == Some(&kind)).cloned());
            keys.iter().for_each(|key| self.delete(key));
        }
        for (agent, standing) in &live.agents {
            self.put(named_key(AGENT, agent.as_str()), standing);
        }
        for (item, place) in &live.places {
            self.put(numbered_key(PLACE, item.0), place);
        }
    }

    fn put<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        // Rows are what was read from the journal's JSON a moment ago; there is nothing in them that JSON cannot say.
        let Ok(body) = serde_json::to_vec(value) else { return };
        let row = wrap(&body);
        match self.now(&key) {
            Some(now) if now == row => {}
            now => {
                if let Some(now) = now {
                    self.batch.meta.remove(&key, &now);
                }
                self.batch.meta.add(&key, &row);
                self.batch.rows.insert(key, Some(row));
            }
        }
    }

    /// Puts a row where there never was one: its key has the number of the record in it. Nothing is read for it.
    fn put_first<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        let Ok(body) = serde_json::to_vec(value) else { return };
        let row = wrap(&body);
        self.batch.meta.add(&key, &row);
        self.batch.rows.insert(key, Some(row));
    }

    fn delete(&mut self, key: &[u8]) {
        self.uncount(key);
        self.batch.rows.insert(key.to_vec(), None);
    }

    /// The row at `key` as it is by now.
    fn row<T: DeserializeOwned>(&self, key: &[u8]) -> Option<T> {
        match self.batch.rows.get(key) {
            Some(row) => read(row.as_ref()?),
            None => read(&self.rows.get(key)?),
        }
    }

    /// Whether there is a row at `key` by now.
    fn is_there(&self, key: &[u8]) -> bool {
        match self.batch.rows.get(key) {
            Some(row) => row.is_some(),
            None => self.rows.get(key).is_some(),
        }
    }

    /// Every key by now that begins with these bytes.
    fn keys(&self, prefix: &[u8]) -> BTreeSet<Vec<u8>> {
        let mut keys: BTreeSet<_> = self.rows.keys(prefix).into_iter().collect();
        let changed = self.batch.rows.range(prefix.to_vec()..);
        for (key, row) in changed.take_while(|(key, _)| key.starts_with(prefix)) {
            if row.is_some() {
                keys.insert(key.clone())
            } else {
                keys.remove(key)
            };
        }
        keys
    }

    /// Takes what is at `key` now out of the sum.
    fn uncount(&mut self, key: &[u8]) {
        if let Some(row) = self.now(key) {
            self.batch.meta.remove(key, &row);
        }
    }

    /// What is at `key` by now.
    fn now(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.batch.rows.get(key) {
            Some(row) => row.clone(),
            None => self.rows.get(key),
        }
    }
}

/// Something that somebody did, as a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAct {
    /// When.
    pub at: UnixTime,
    /// Who, and what.
    #[serde(flatten)]
    pub act: Act,
}

/// What the keys of a call's events begin with.
pub fn events_of(call: CallId) -> Vec<u8> {
    numbered_key(EVENT, call.0)
}

fn read<T: DeserializeOwned>(row: &[u8]) -> Option<T> {
    serde_json::from_slice(unwrap(row)?).ok()
}

/// A row: its version, a CRC-32 of the rest, the rest.
fn wrap(body: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(5 + body.len());
    row.push(VERSION);
    row.extend(crc32fast::hash(body).to_be_bytes());
    row.extend(body);
    row
}

fn unwrap(row: &[u8]) -> Option<&[u8]> {
    let (head, body) = row.split_at_checked(5)?;
    let good = head.first() == Some(&VERSION)
        && head.get(1..) == Some(&crc32fast::hash(body).to_be_bytes());
    good.then_some(body)
}

/// The newest call comes first in the order of keys.
pub(crate) fn call_key(arrived: UnixTime, call: CallId) -> Vec<u8> {
    let mut key = numbered_key(CALL, u64::MAX - arrived.0.max(0).unsigned_abs());
    key.extend(call.0.to_be_bytes());
    key
}

fn act_key(seq: u64) -> Vec<u8> {
    numbered_key(ACT, u64::MAX - seq)
}

fn event_key(call: CallId, seq: u64) -> Vec<u8> {
    let mut key = events_of(call);
    key.extend(seq.to_be_bytes());
    key
}

fn named_key(kind: u8, name: &str) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(name.as_bytes());
    key
}

fn numbered_key(kind: u8, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(number.to_be_bytes());
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agent::Presence;
    use crate::id::{AgentId, ItemId, QueueId};
    use crate::journal::act::{Act, Who};
    use crate::journal::chain::Chain;
    use crate::journal::chain::Sealer;
    use crate::journal::event::QueuePlace;
    use crate::journal::personal::Keyring;
    use crate::journal::replay::Replay;
    use crate::journal::{Failure, Journal, Output, Resume, Token};
    use crate::random::Random;
    use crate::time::Now;
    use std::time::Duration;

    /// Rows in memory.
    #[derive(Default, PartialEq, Debug, Clone)]
    pub struct Table(pub BTreeMap<Vec<u8>, Vec<u8>>);

    impl Rows for Table {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.get(key).cloned()
        }
        fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
            self.0.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
        }
        fn page(
            &self,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Vec<(Vec<u8>, Vec<u8>)> {
            let rows = self.0.range(prefix.to_vec()..);
            let rows = rows.take_while(|(key, _)| key.starts_with(prefix));
            let rows = rows.filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after));
            rows.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect()
        }
    }

    impl Table {
        pub fn write(&mut self, batch: Batch) {
            for (key, row) in batch.rows {
                match row {
                    Some(row) => self.0.insert(key, row),
                    None => self.0.remove(&key),
                };
            }
        }

        pub fn counted(&self) -> Meta {
            let position = self.meta().position;
            let mut counted = Meta { position, ..Meta::default() };
            self.0
                .iter()
                .filter(|(key, _)| *key != META_KEY)
                .for_each(|(key, row)| counted.add(key, row));
            counted
        }

        pub fn meta(&self) -> Meta {
            self.0.get(META_KEY).and_then(|row| Meta::decode(row)).unwrap_or_default()
        }
    }

    fn entries(count: u64, random: &mut Random) -> Vec<Entry> {
        let mut live = Live::default();
        let mut entries = Vec::new();
        for seq in 1..=count {
            let (user, contact) =
                (format!("20{}", random.below(4)), format!("c{}", random.below(3)));
            let item = ItemId(random.below(5));
            let event = match random.below(7) {
                0 => Event::Unbound { user, contact },
                1 => Event::Agent {
                    agent: AgentId::from("ann"),
                    presence: Presence::Ready,
                    idle_since: UnixTime(seq as i64),
                },
                2 => Event::QueueLeft { item },
                3 => {
                    let (queue, call) = (QueueId::from("q"), CallId(1));
                    Event::QueuePlace(QueuePlace { item, queue, call, arrived: UnixTime(0) })
                }
                4 if random.below(5) == 0 => Event::Checkpoint {
                    before: Chain::default(),
                    gap: false,
                    live: Box::new(live.clone()),
                },
                _ => Event::Bound {
                    user,
                    contact,
                    binding: crate::journal::text::Text::of(&seq).unwrap(),
                },
            };
            live.apply(UnixTime(seq as i64), &event);
            entries.push(Entry { seq, at: UnixTime(seq as i64), event: Some(event) });
        }
        entries
    }

    #[test]
    fn however_entries_are_cut_into_batches_the_rows_are_the_same_and_add_up() {
        let mut random = Random::from_number(5);
        for _ in 0..50 {
            let all = entries(200, &mut random);
            let mut whole = Table::default();
            whole.write(project(Meta::default(), &all, &whole));
            let mut pieces = Table::default();
            let mut at = 0;
            while at < all.len() {
                // Some entries are handed over twice, as after a crash between two writes.
                let from = at.saturating_sub(random.below(5) as usize);
                let to = (at + 1 + random.below(20) as usize).min(all.len());
                let batch = project(pieces.meta(), &all[from..to], &pieces);
                pieces.write(batch);
                assert_eq!(pieces.counted(), pieces.meta());
                at = to;
            }
            assert_eq!(pieces, whole);
        }
    }

    /// A journal that speaks to a disk: what it hands over is in `segments`, and answered with what came of it.
    fn hand_over(journal: &mut Journal, segments: &mut Vec<Vec<u8>>) -> Token {
        let mut last = Token::default();
        while let Some(output) = journal.poll_output() {
            match output {
                Output::Segment { .. } => segments.push(Vec::new()),
                Output::Write { bytes, upto, outbox: _ } => {
                    segments.last_mut().unwrap().extend(bytes);
                    last = upto;
                }
                _ => {}
            }
        }
        last
    }

    /// A sync that fails may have written all the same: an act stands in the journal more than once then, and once in the
    /// list of acts.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn an_act_that_was_on_its_way_when_the_disk_failed_is_listed_once() {
        let instant = std::time::Instant::now();
        for there in [false, true] {
            let mut now = Now { instant, unix: UnixTime(1_000_000) };
            let keys = Keyring::open(&[1; 32], &[], Random::from_number(3));
            let sealer = Sealer::from_seed(&[2; 32]).unwrap();
            let mut journal = Journal::new(now, Resume::default(), keys, sealer);
            let act = |on: &str| {
                let (who, what, on) = (Who::Console, "hang_up".to_owned(), Some(on.to_owned()));
                Event::Act(Act { who, from: None, what, on, done: true, first: None })
            };
            let (mut segments, mut lost) = (Vec::new(), vec![Vec::new()]);
            let stored = hand_over(&mut journal, &mut segments);
            journal.handle_stored(now, stored);
            journal.append(now, act("before"));
            hand_over(&mut journal, if there { &mut segments } else { &mut lost });
            journal.handle_failed(now, Failure::Broken);
            journal.append(now, act("meanwhile"));
            for attempt in 0..3 {
                now = now.after(Duration::from_secs(10));
                journal.handle_timeout(now);
                journal.append(now, act(&format!("try {attempt}")));
                let works = attempt == 2;
                let to = if there || works { &mut segments } else { &mut lost };
                let upto = hand_over(&mut journal, to);
                match works {
                    true => journal.handle_stored(now, upto),
                    false => journal.handle_failed(now, Failure::Broken),
                }
            }
            let (mut entries, mut replay) = (Vec::new(), Replay::default());
            segments.iter().for_each(|s| _ = replay.read(s, &mut |entry| entries.push(entry)));
            let acts = entries.iter().filter(|e| matches!(e.event, Some(Event::Act(_)))).count();
            let mut table = Table::default();
            table.write(project(Meta::default(), &entries, &table));
            let Found::Acts(found, _) = look(&Wanted::Acts { limit: 100, after: None }, &table)
            else {
                panic!("no acts")
            };
            let on: Vec<_> = found.iter().filter_map(|(_, kept)| kept.act.on.clone()).collect();
            assert_eq!(on, ["try 2", "try 1", "try 0", "meanwhile", "before"], "{there}");
            assert_eq!(acts > 5, there, "the journal has them all");
        }
    }

    #[test]
    fn a_lost_a_changed_and_a_damaged_row_are_noticed() {
        let mut random = Random::from_number(6);
        let mut table = Table::default();
        table.write(project(Meta::default(), &entries(100, &mut random), &table));
        let keys: Vec<_> = table.0.keys().filter(|key| *key != META_KEY).cloned().collect();
        for key in &keys {
            let row = table.0.remove(key).unwrap();
            assert_ne!(table.counted(), table.meta(), "lost");
            let mut bad = row.clone();
            *bad.last_mut().unwrap() ^= 1;
            assert!(unwrap(&bad).is_none() && unwrap(&row).is_some());
            table.0.insert(key.clone(), bad);
            assert_ne!(table.counted(), table.meta(), "changed");
            table.0.insert(key.clone(), row);
        }
        assert_eq!(table.counted(), table.meta());
        assert_eq!(Meta::decode(&[]), None);
    }

    #[test]
    fn the_newest_call_comes_first() {
        let earlier = call_key(UnixTime(1), CallId(9));
        let later = call_key(UnixTime(2), CallId(1));
        assert!(later < earlier && later.starts_with(CALLS));
    }
}
