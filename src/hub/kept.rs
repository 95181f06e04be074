//! What sites sent, as it is kept: numbered in the order in which it came, each event of each outbox once.
//!
//! Owns the octets of the hub's stream and who has sent how much of what; a driver keeps the octets. A record is that of the
//! journal's files ([`record`]), whose number is the number of its first event here, and whose payload is one of three
//! things: the head of a segment, which says how far every outbox is; events of one outbox; or that some of them are lost
//! for good. So the newest segment alone tells what is there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::record::{self, Found, Record, decode};
use crate::time::UnixTime;
use crate::uplink::frame::{Class, Event};

/// Octets of a site's name or an outbox's, at most: what fits a name in a certificate.
pub const LONGEST_NAME: usize = 64;
/// Outboxes of one site that are remembered: each is a box that was set up anew, and a box makes no more in its life.
const MOST_EPOCHS: usize = 16;

const HEAD: u8 = 1;
const EVENTS: u8 = 2;
const LOST: u8 = 3;

/// Whose outbox, and which of his.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outboxed {
    /// The site, as its certificate names it.
    pub site: String,
    /// The outbox, as the site calls it.
    pub epoch: String,
}

impl Outboxed {
    /// Whether names are such as can be kept.
    pub fn is_fit(&self) -> bool {
        [&self.site, &self.epoch].iter().all(|name| (1..=LONGEST_NAME).contains(&name.len()))
    }
}

/// What is to be kept together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// Events with consecutive numbers.
    Events {
        /// The number of the first.
        first: u64,
        /// All of them; at least one.
        events: Vec<Event>,
    },
    /// The site does not have these any more.
    Lost {
        /// The first.
        from: u64,
        /// The last.
        upto: u64,
    },
}

impl Batch {
    /// The number of the first and of the last.
    pub fn span(&self) -> (u64, u64) {
        match self {
            Batch::Events { first, events } => {
                (*first, first.saturating_add(events.len() as u64).saturating_sub(1))
            }
            Batch::Lost { from, upto } => (*from, *upto),
        }
    }

    /// Octets that it takes, roughly.
    pub fn size(&self) -> usize {
        match self {
            Batch::Events { events, .. } => events.iter().map(Event::len).sum::<usize>() + 128,
            Batch::Lost { .. } => 128,
        }
    }
}

/// Events are missing before these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap;

/// Something that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the stream, from 1.
    pub number: u64,
    /// When it was taken in, by the hub's clock.
    pub at: UnixTime,
    /// The site.
    pub site: Arc<str>,
    /// Its outbox.
    pub epoch: Arc<str>,
    /// What it is.
    pub what: What,
}

/// See [`Kept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An event.
    Event {
        /// Its number in its outbox.
        n: u64,
        /// What it is and says.
        event: Event,
    },
    /// Events that will never come.
    Lost {
        /// The first.
        from: u64,
        /// The last.
        upto: u64,
    },
}

/// How far every outbox is, and the next number of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Of each site its outboxes, the one that was used last at the end.
    sites: BTreeMap<String, VecDeque<(String, u64)>>,
    next: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger { sites: BTreeMap::new(), next: 1 }
    }
}

/// How the ledger was before a record was written.
#[derive(Debug)]
pub struct Undo {
    site: String,
    outboxes: Option<VecDeque<(String, u64)>>,
    next: u64,
}

impl Ledger {
    /// All of this outbox up to here is there; 0 when nothing is.
    pub fn position(&self, of: &Outboxed) -> u64 {
        let outboxes = self.sites.get(&of.site).into_iter().flatten();
        outboxes.filter(|(epoch, _)| *epoch == of.epoch).map(|(_, upto)| *upto).next().unwrap_or(0)
    }

    /// The number that what comes next gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What of a batch is not there yet; nothing when all of it is.
    ///
    /// # Errors
    /// When something is missing before it.
    pub fn news(&self, of: &Outboxed, batch: Batch) -> Result<Option<Batch>, Gap> {
        let have = self.position(of);
        let (first, last) = batch.span();
        if first > have.saturating_add(1) || first == 0 {
            return Err(Gap);
        }
        Ok((last > have).then(|| rest(batch, have)))
    }

    /// Appends the record of what is new to `out`, and counts it as there. The answer takes that back.
    pub fn write(&mut self, out: &mut Vec<u8>, at: UnixTime, of: &Outboxed, news: &Batch) -> Undo {
        let outboxes = self.sites.get(&of.site).cloned();
        let undo = Undo { site: of.site.clone(), outboxes, next: self.next };
        record::encode(out, self.next, at, &payload(of, news));
        self.count(of, news);
        undo
    }

    /// It was not written after all. The newest is taken back first.
    pub fn take_back(&mut self, undo: Undo) {
        self.next = undo.next;
        match undo.outboxes {
            Some(outboxes) => self.sites.insert(undo.site, outboxes),
            None => self.sites.remove(&undo.site),
        };
    }

    /// Appends the head of a segment, which tells all of this.
    pub fn write_head(&self, out: &mut Vec<u8>, at: UnixTime) {
        let mut payload = vec![HEAD];
        let head = Head { version: 1, sites: self.sites.clone() };
        // Texts and numbers always have a form.
        payload.extend(serde_json::to_vec(&head).unwrap_or_default());
        record::encode(out, self.next, at, &payload);
    }

    /// Reads a record of the newest segment. Answers whether it is one that is known.
    pub fn read(&mut self, record: &Record<'_>) -> bool {
        if let Some((&HEAD, json)) = record.payload.split_first() {
            let Ok(head) = serde_json::from_slice::<Head>(json) else { return false };
            // A head is the first of its segment: what is told later is older.
            if record.seq >= self.next {
                *self = Ledger { sites: head.sites, next: record.seq };
            }
            return true;
        }
        let Some((of, batch)) = batch(record.payload) else { return false };
        self.next = self.next.max(record.seq);
        self.count(&of, &batch);
        true
    }

    /// Numbers below this one are given to nobody any more.
    pub fn skip_to(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Every outbox and how far it is.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.sites.iter().flat_map(|(site, outboxes)| {
            outboxes.iter().map(|(epoch, upto)| (site.as_str(), epoch.as_str(), *upto))
        })
    }

    fn count(&mut self, of: &Outboxed, batch: &Batch) {
        let have = self.position(of).max(batch.span().1);
        let outboxes = self.sites.entry(of.site.clone()).or_default();
        outboxes.retain(|(epoch, _)| *epoch != of.epoch);
        outboxes.push_back((of.epoch.clone(), have));
        if outboxes.len() > MOST_EPOCHS {
            outboxes.pop_front();
        }
        self.next += numbers(batch);
    }
}

/// Numbers of the stream that a batch takes.
fn numbers(batch: &Batch) -> u64 {
    match batch {
        Batch::Events { events, .. } => events.len() as u64,
        Batch::Lost { .. } => 1,
    }
}

/// What of a batch comes after `have`.
fn rest(batch: Batch, have: u64) -> Batch {
    match batch {
        Batch::Events { first, mut events } if first <= have => {
            let known = usize::try_from(have + 1 - first).unwrap_or(usize::MAX);
            events.drain(..known.min(events.len()));
            Batch::Events { first: have + 1, events }
        }
        Batch::Lost { from, upto } => Batch::Lost { from: from.max(have + 1), upto },
        batch => batch,
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u16,
    sites: BTreeMap<String, VecDeque<(String, u64)>>,
}

fn payload(of: &Outboxed, batch: &Batch) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.size());
    out.push(if matches!(batch, Batch::Events { .. }) { EVENTS } else { LOST });
    for name in [&of.site, &of.epoch] {
        let name = name.as_bytes().get(..name.len().min(LONGEST_NAME)).unwrap_or_default();
        out.push(u8::try_from(name.len()).unwrap_or(0));
        out.extend(name);
    }
    let (first, last) = batch.span();
    out.extend(first.to_be_bytes());
    match batch {
        Batch::Events { events, .. } => events.iter().for_each(|event| {
            out.push(event.class.0);
            out.extend(u32::try_from(event.body.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(&event.body);
        }),
        Batch::Lost { .. } => out.extend(last.to_be_bytes()),
    }
    out
}

fn batch(payload: &[u8]) -> Option<(Outboxed, Batch)> {
    let (kind, rest) = payload.split_first()?;
    let (site, rest) = name(rest)?;
    let (epoch, rest) = name(rest)?;
    let (first, rest) = long(rest)?;
    let batch = match *kind {
        EVENTS => Batch::Events { first, events: events(rest)? },
        LOST => Batch::Lost { from: first, upto: long(rest)?.0 },
        _ => return None,
    };
    Some((Outboxed { site: site.to_owned(), epoch: epoch.to_owned() }, batch))
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked((*length).into())?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

fn long(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn events(mut rest: &[u8]) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    while let Some((class, tail)) = rest.split_first() {
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (body, tail) = tail.split_at_checked(length)?;
        events.push(Event { class: Class(*class), body: body.to_vec() });
        rest = tail;
    }
    Some(events)
}

/// Says what is left of an event with a number of an outbox; nothing where it stays as it is.
pub type Less<'a> = dyn Fn(&Outboxed, u64, &Event) -> Option<Event> + 'a;

/// The payload of a record with less in it, and of how many events; nothing where all of them stay.
pub fn amend(record: &Record<'_>, less: &Less<'_>) -> Option<(Vec<u8>, u64)> {
    let (of, Batch::Events { first, mut events }) = batch(record.payload)? else { return None };
    let mut changed = 0;
    for (n, event) in (first..).zip(&mut events) {
        if let Some(left) = less(&of, n, event)
            && left != *event
        {
            *event = left;
            changed += 1;
        }
    }
    (changed > 0).then(|| (payload(&of, &Batch::Events { first, events }), changed))
}

/// The outbox under which a hub itself keeps what it is to tell of a site: no site can call its own so.
pub const OF_HUB: &str = "=hub";

/// What the hub keeps of an event that is less now, for whoever has had it already.
pub fn amended(at: UnixTime, epoch: &str, n: u64, event: &Event) -> Event {
    let with: serde_json::Value = serde_json::from_slice(&event.body).unwrap_or_default();
    let said =
        serde_json::json!({ "event": "amended", "at": at.0, "epoch": epoch, "n": n, "with": with });
    // Texts and numbers always have a form.
    Event { class: Class::PERSON, body: serde_json::to_vec(&said).unwrap_or_default() }
}

/// Whether octets begin with the head of a segment.
pub fn begins(bytes: &[u8]) -> bool {
    let Found::Record(record) = decode(bytes) else { return false };
    let json = record.payload.strip_prefix(&[HEAD]);
    json.is_some_and(|json| serde_json::from_slice::<Head>(json).is_ok())
}

/// The number after the last in a record; nothing for the head of a segment and for what is not known here.
pub fn ends(record: &Record<'_>) -> Option<u64> {
    let (_, batch) = batch(record.payload)?;
    Some(record.seq + numbers(&batch))
}

/// Everything in a record from this number on.
pub fn open(record: &Record<'_>, from: u64) -> Vec<Kept> {
    let Some((of, batch)) = batch(record.payload) else { return Vec::new() };
    let (site, epoch): (Arc<str>, Arc<str>) = (of.site.into(), of.epoch.into());
    let kept = |number, what| Kept {
        number,
        at: record.at,
        site: site.clone(),
        epoch: epoch.clone(),
        what,
    };
    match batch {
        Batch::Lost { from, upto } => vec![kept(record.seq, What::Lost { from, upto })],
        Batch::Events { first, events } => (first..)
            .zip(record.seq..)
            .zip(events)
            .filter(|((_, number), _)| *number >= from)
            .map(|((n, number), event)| kept(number, What::Event { n, event }))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(epoch: &str) -> Outboxed {
        Outboxed { site: "berne".to_owned(), epoch: epoch.to_owned() }
    }

    fn some(first: u64, count: u64) -> Batch {
        let event = |n: u64| Event { class: Class::CALL, body: n.to_string().into_bytes() };
        Batch::Events { first, events: (first..first + count).map(event).collect() }
    }

    fn records(mut bytes: &[u8]) -> Vec<Record<'_>> {
        let mut found = Vec::new();
        while let Found::Record(record) = decode(bytes) {
            bytes = &bytes[record.bytes.len()..];
            found.push(record);
        }
        assert!(bytes.is_empty());
        found
    }

    #[test]
    fn what_comes_twice_is_kept_once_and_what_is_missing_is_noticed() {
        let (mut ledger, mut out) = (Ledger::default(), Vec::new());
        let of = outbox("a");
        assert_eq!(ledger.news(&of, some(2, 1)), Err(Gap));
        assert_eq!(ledger.news(&of, some(0, 1)), Err(Gap));
        let news = ledger.news(&of, some(1, 5)).unwrap().unwrap();
        ledger.write(&mut out, UnixTime(7), &of, &news);
        assert_eq!(ledger.news(&of, some(2, 4)), Ok(None));
        let news = ledger.news(&of, some(4, 5)).unwrap().unwrap();
        assert_eq!(news, some(6, 3));
        ledger.write(&mut out, UnixTime(8), &of, &news);
        assert_eq!((ledger.position(&of), ledger.next()), (8, 9));
        let lost = ledger.news(&of, Batch::Lost { from: 1, upto: 20 }).unwrap().unwrap();
        assert_eq!(lost, Batch::Lost { from: 9, upto: 20 });
        ledger.write(&mut out, UnixTime(9), &of, &lost);
        assert_eq!((ledger.position(&of), ledger.next()), (20, 10));
        assert_eq!(ledger.position(&outbox("b")), 0);
        let kept: Vec<_> = records(&out).iter().flat_map(|record| open(record, 3)).collect();
        let numbers: Vec<_> = kept.iter().map(|kept| kept.number).collect();
        assert_eq!(numbers, (3..10).collect::<Vec<_>>());
        assert!(matches!(&kept[5].what, What::Event { n: 8, event } if event.body == b"8"));
        assert_eq!(kept[6].what, What::Lost { from: 9, upto: 20 });
    }

    #[test]
    fn the_newest_segment_tells_where_everybody_is() {
        let (mut ledger, mut out) = (Ledger::default(), Vec::new());
        for (epoch, count) in [("a", 3), ("b", 4)] {
            ledger.write(&mut Vec::new(), UnixTime(1), &outbox(epoch), &some(1, count));
        }
        ledger.write_head(&mut out, UnixTime(2));
        ledger.write(&mut out, UnixTime(3), &outbox("a"), &some(4, 2));
        let mut again = Ledger::default();
        assert!(records(&out).iter().all(|record| again.read(record)));
        assert_eq!(again, ledger);
        assert_eq!((again.position(&outbox("a")), again.position(&outbox("b"))), (5, 4));
        assert_eq!(ends(&records(&out)[1]), Some(again.next()));
    }

    #[test]
    fn what_was_not_written_is_not_there() {
        let mut ledger = Ledger::default();
        ledger.write(&mut Vec::new(), UnixTime(1), &outbox("a"), &some(1, 2));
        let before = ledger.clone();
        let first = ledger.write(&mut Vec::new(), UnixTime(1), &outbox("a"), &some(3, 2));
        let second = ledger.write(&mut Vec::new(), UnixTime(1), &outbox("b"), &some(1, 2));
        ledger.take_back(second);
        ledger.take_back(first);
        assert_eq!(ledger, before);
    }

    #[test]
    fn a_site_that_makes_up_outboxes_costs_no_more_than_a_few() {
        let mut ledger = Ledger::default();
        for epoch in 0..1_000 {
            ledger.write(&mut Vec::new(), UnixTime(1), &outbox(&epoch.to_string()), &some(1, 1));
        }
        assert_eq!(ledger.all().count(), MOST_EPOCHS);
        assert_eq!(ledger.position(&outbox("999")), 1);
    }

    #[test]
    fn nonsense_in_a_record_is_passed_over() {
        for payload in [&b""[..], b"\x01{", b"\x02\x05ab", b"\x09\x01a\x01b", b"\x02\x01a\x01b\0"] {
            let mut out = Vec::new();
            record::encode(&mut out, 1, UnixTime(1), payload);
            let records = records(&out);
            assert!(!Ledger::default().read(&records[0]) && open(&records[0], 0).is_empty());
        }
    }
}
