//! Reading segments back: what happened, whether the chain holds, and what is damaged.

use crate::journal::Resume;
use crate::journal::chain::Chain;
use crate::journal::event::Event;
use crate::journal::record::{Found, Record, decode};
use crate::time::UnixTime;

/// A record that was read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: u64,
    /// When it was appended.
    pub at: UnixTime,
    /// What happened; nothing where this version cannot read it.
    pub event: Option<Event>,
}

/// What was noticed while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Bytes that are no record.
    pub bytes: usize,
    /// Places where the chain does not fit: something was changed, lost or put in.
    pub breaks: usize,
    /// Segments that begin after a failure of the disk.
    pub gaps: usize,
    /// Seals that were checked and hold.
    pub seals: usize,
    /// Seals that do not.
    pub broken_seals: usize,
    /// Records that say nothing that this version knows.
    pub unknown: usize,
    /// Whether the last record was cut short, as a power cut does.
    pub torn: bool,
}

impl Damage {
    /// Whether everything is as it was written. A torn tail is: it was never acknowledged.
    pub fn is_none(&self) -> bool {
        self.bytes == 0 && self.breaks == 0 && self.broken_seals == 0
    }
}

/// Reads segments in their order.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Where the journal stands after what was read.
    pub resume: Resume,
    /// What was noticed.
    pub damage: Damage,
    /// Whether the place that [`Replay::look_for`] names was found as it was.
    pub found: bool,
    looked_for: Option<(u64, String)>,
    public_key: Option<Vec<u8>>,
    begun: bool,
}

impl Replay {
    /// A replay that checks seals with the box's public key, if one is given.
    pub fn new(public_key: Option<Vec<u8>>) -> Self {
        Replay { public_key, ..Replay::default() }
    }

    /// Looks whether the chain up to and with `record` has this head, in hexadecimal, as somebody wrote it down.
    pub fn look_for(&mut self, record: u64, head: &str) {
        self.looked_for = Some((record, head.to_owned()));
    }

    /// Reads one segment, oldest first, handing every entry to `each`. Answers whether it began with a checkpoint, as
    /// every whole segment does.
    pub fn read(&mut self, segment: &[u8], each: &mut dyn FnMut(Entry)) -> bool {
        let mut rest = segment;
        let mut first = true;
        let mut whole = false;
        self.damage.torn = false;
        loop {
            match decode(rest) {
                Found::Record(record) => {
                    let entry = self.take(&record);
                    whole |= first && matches!(entry.event, Some(Event::Checkpoint { .. }));
                    each(entry);
                    rest = rest.get(record.bytes.len()..).unwrap_or_default();
                }
                Found::Damage(skip) => {
                    self.damage.bytes += skip;
                    rest = rest.get(skip..).unwrap_or_default();
                }
                Found::Torn => {
                    self.damage.torn = true;
                    return whole;
                }
                Found::End => return whole,
            }
            first = false;
        }
    }

    fn take(&mut self, record: &Record<'_>) -> Entry {
        let event: Option<Event> = serde_json::from_slice(record.payload).ok();
        match &event {
            Some(Event::Checkpoint { before, gap, .. }) => self.link(record.seq, *before, *gap),
            _ if self.begun && record.seq != self.resume.next => self.damage.breaks += 1,
            Some(Event::Seal(seal)) => {
                let key = self.public_key.as_deref();
                let fits = seal.head == self.resume.chain && seal.upto + 1 == record.seq;
                let holds = fits && key.is_none_or(|key| seal.is_genuine(key));
                if holds { self.damage.seals += 1 } else { self.damage.broken_seals += 1 }
            }
            _ => {}
        }
        match &event {
            Some(event) => self.resume.live.apply(record.at, event),
            None => self.damage.unknown += 1,
        }
        self.begun = true;
        self.resume.chain.add(record.bytes);
        self.found |= self
            .looked_for
            .as_ref()
            .is_some_and(|(at, head)| *at == record.seq && *head == self.resume.chain.to_string());
        self.resume.next = self.resume.next.max(record.seq + 1);
        Entry { seq: record.seq, at: record.at, event }
    }

    /// A checkpoint says what came before it. After a failure of the disk it says that records are missing: they were
    /// never acknowledged, and the checkpoint stands for them.
    fn link(&mut self, seq: u64, before: Chain, gap: bool) {
        if gap {
            self.damage.gaps += 1;
        } else if self.begun && (before != self.resume.chain || seq != self.resume.next) {
            self.damage.breaks += 1;
        }
        self.resume.chain = before;
    }
}
