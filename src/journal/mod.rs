//! The truth: an append-only, checksummed, hash-chained record of everything that happened.
//!
//! Owns the form of records ([`record`]), what they say ([`event`]), the chain and its seals ([`chain`]), personal data
//! and its keys ([`personal`]), the form of recordings ([`tape`]), what a restart has to know ([`live`], [`phones`]) and how it is read back ([`replay`]). Writes no
//! file: the driver makes bytes durable and says so, and only then is anything acknowledged.
//!
//! Decisions: every start begins a segment of its own, so a torn tail stays where it is and is never written over; each
//! segment begins with a checkpoint of all live state, so a start reads one segment; after a write or sync that failed
//! nothing counts as stored until a fresh segment, with a fresh checkpoint, has been synced. What happens meanwhile is
//! held in memory, as much as fits, and written behind that checkpoint, which is of the moment of the failure.

pub mod act;
pub mod chain;
pub mod context;
pub mod days;
pub mod errands;
pub mod event;
pub mod facts;
mod facts_of_handovers;
mod facts_of_journeys;
mod facts_of_people;
pub mod health;
pub mod journey;
pub mod left;
pub mod live;
pub mod message;
pub mod outward;
pub mod personal;
pub mod phones;
pub mod record;
pub mod replay;
pub mod site;
pub mod surveyed;
pub mod tape;
pub mod text;
pub mod voicemail;
pub mod work;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::id::RecordingId;
use crate::journal::chain::{Chain, Sealer};
use crate::journal::event::Event;
use crate::journal::live::Live;
use crate::journal::outward::Outward;
use crate::journal::personal::{Keyring, Subject};
use crate::time::{Now, UnixTime, earliest};
use crate::uplink::outbox;

/// A segment's length after which the next one begins: what a start reads in a fraction of a second.
pub const SEGMENT: u64 = 16 << 20;
/// How often the chain is sealed.
const SEAL_EVERY: Duration = Duration::from_secs(60);
/// How long after a failure a fresh segment is tried.
const RETRY: Duration = Duration::from_secs(5);
/// Records that are held while nothing can be written: some hours of a busy branch, and at most some 20 MB.
pub const MOST_HELD: usize = 20_000;

/// Names a record: its number. A thing is on the disk when its token is below or equal to what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Token(pub u64);

/// What the driver has to carry out, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append to the file of keys and make it durable before any record that follows.
    Keys(Vec<u8>),
    /// Take the keys of these out of the file of keys, all or none, and make that durable before any record that follows.
    Forget(Vec<Subject>),
    /// The next bytes begin a new segment, named by its first record.
    Segment {
        /// Number of its first record.
        first: u64,
    },
    /// Append and make durable; answer with [`Journal::handle_stored`] or [`Journal::handle_failed`].
    Write {
        /// Whole records.
        bytes: Vec<u8>,
        /// The last of them.
        upto: Token,
        /// What of them may leave the premises, as records of the outbox; nothing where it is to be made again from the
        /// journal, because some of it was dropped in a failure.
        outbox: Option<Vec<u8>>,
    },
    /// Somebody waits for what was handed over: it is not to be let gather.
    Hurry,
}

/// How the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// What is appended becomes durable.
    Healthy,
    /// A write or sync failed; nothing is durable until a fresh segment works.
    Failed(Failure),
}

/// Why nothing could be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk is full.
    Full,
    /// The disk does not work.
    Broken,
    /// The disk is so slow that too much waits for it.
    Slow,
}

/// Where an earlier run ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resume {
    /// Number of the next record.
    pub next: u64,
    /// The chain up to there.
    pub chain: Chain,
    /// What was live.
    pub live: Live,
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    next: u64,
    chain: Chain,
    live: Live,
    keys: Keyring,
    sealer: Sealer,
    state: State,
    stored: Token,
    /// Bytes in the current segment after its checkpoint.
    size: u64,
    buffer: Vec<u8>,
    /// What becomes of records that may leave the premises; nothing where nothing does.
    outward: Option<Outward>,
    /// What of the buffer does; nothing where it is not known.
    leaving: Option<Vec<u8>>,
    /// Somebody waits for what is in it.
    awaited: bool,
    outputs: VecDeque<Output>,
    seal_at: Option<Instant>,
    retry_at: Option<Instant>,
    /// Since the last seal something was appended.
    unsealed: bool,
    /// Records that were never written: more than could be held came while the journal had failed.
    lost: u64,
    /// What was live when it failed, and what has happened since, with when.
    base: Option<Box<Live>>,
    held: VecDeque<(UnixTime, Event)>,
    /// A segment was begun since the failure, and it is not known what has come of it.
    trying: bool,
    /// Who did what, as long as it is on its way to the disk: that is never lost. In the journal it may be there twice, and
    /// says then where it was first.
    acts: VecDeque<(Token, UnixTime, Event)>,
    segment: u64,
    /// Keys that were handed over and are not known to be on the disk, with the last record that may need them.
    unstored_keys: VecDeque<(Token, Vec<u8>)>,
    /// Subjects whose keys were destroyed, and are not known to be out of the file before this record is on the disk.
    unstored_forgotten: Option<(Token, Vec<Subject>)>,
}

impl Journal {
    /// Goes on where an earlier run ended, in a segment of its own.
    pub fn new(now: Now, resume: Resume, keys: Keyring, sealer: Sealer) -> Self {
        let mut journal = Journal {
            stored: Token(resume.next.saturating_sub(1)),
            next: resume.next.max(1),
            chain: resume.chain,
            live: resume.live,
            keys,
            sealer,
            state: State::Healthy,
            size: 0,
            buffer: Vec::new(),
            outward: None,
            leaving: Some(Vec::new()),
            awaited: false,
            outputs: VecDeque::new(),
            seal_at: None,
            retry_at: None,
            unsealed: false,
            lost: 0,
            base: None,
            held: VecDeque::new(),
            trying: false,
            acts: VecDeque::new(),
            segment: 0,
            unstored_keys: VecDeque::new(),
            unstored_forgotten: None,
        };
        journal.begin_segment(now);
        journal
    }

    /// From here on what may leave the premises goes to the outbox along with what is written.
    pub fn tell_outward(&mut self, outward: Outward) {
        self.outward = Some(outward);
    }

    /// What may leave the premises, where something does.
    pub fn outward(&self) -> Option<&Outward> {
        self.outward.as_ref()
    }

    /// Appends an event. Personal data in it is sealed first, but for what leaves of it. Answers the token that says when
    /// it is on the disk.
    pub fn append(&mut self, now: Now, mut event: Event) -> Token {
        // While the journal fails nothing leaves: what comes to stand in it is made ready to leave when it does.
        let healthy = self.state == State::Healthy;
        let outward = self.outward.as_ref().filter(|_| healthy);
        let leaving = outward.map(|outward| outward.events(now.unix, &event));
        event.for_each_personal(&mut |personal| self.keys.seal(personal));
        self.live.apply(now.unix, &event);
        if self.state != State::Healthy {
            self.hold(now, event);
            return Token(u64::MAX);
        }
        if self.size >= SEGMENT {
            self.begin_segment(now);
        }
        self.awaited |= event.is_awaited();
        let token = self.write(now.instant, now.unix, &event);
        if let (Some(out), Some(events)) = (&mut self.leaving, &leaving) {
            outbox::write_all(out, token.0, events);
        }
        if matches!(event, Event::Act(_)) {
            self.acts.push_back((token, now.unix, event));
        }
        token
    }

    /// Holds what cannot be written. Where there is no room, the oldest goes: the checkpoint stands for it, and it is
    /// counted.
    fn hold(&mut self, now: Now, mut event: Event) {
        if self.trying {
            let token = self.write(now.instant, now.unix, &event);
            told_as(&mut event, token);
        }
        if self.held.len() >= MOST_HELD
            && let Some((at, oldest)) = self.held.pop_front()
        {
            self.base.iter_mut().for_each(|base| base.apply(at, &oldest));
            self.lost += 1;
        }
        self.held.push_back((now.unix, event));
    }

    /// Destroys the keys of subjects, and appends the event that tells of it. When that is on the disk, so is a file of
    /// keys without theirs: what was sealed for them is gone for good, here and in every copy of the journal. Answers how
    /// many there were, along with the token.
    pub fn forget(
        &mut self,
        now: Now,
        subjects: &[Subject],
        event: impl FnOnce(u32) -> Event,
    ) -> (u32, Token) {
        let known = |subject: &&Subject| self.keys.reading().knows(subject);
        let gone = u32::try_from(subjects.iter().filter(known).count()).unwrap_or(u32::MAX);
        self.keys.forget_all(subjects);
        for (_, keys) in &mut self.unstored_keys {
            personal::take_out(keys, subjects);
        }
        let mut forgotten = self.unstored_forgotten.take().map(|(_, all)| all).unwrap_or_default();
        forgotten.extend_from_slice(subjects);
        if self.state == State::Healthy {
            self.outputs.push_back(Output::Forget(subjects.to_vec()));
        }
        let token = self.append(now, event(gone));
        // While the journal fails, the file of keys follows with the next record that is written.
        let until = if self.state == State::Healthy { self.newest() } else { Token(self.next) };
        self.unstored_forgotten = Some((until, forgotten));
        (gone, token)
    }

    /// Everything up to `upto` is on the disk.
    pub fn handle_stored(&mut self, now: Now, upto: Token) {
        if upto < Token(self.segment) {
            return;
        }
        self.stored = self.stored.max(upto);
        self.unstored_keys.retain(|(token, _)| *token > upto);
        self.unstored_forgotten.take_if(|(token, _)| *token <= upto);
        while self.acts.front().is_some_and(|(token, ..)| *token <= upto) {
            self.acts.pop_front();
        }
        if self.state != State::Healthy {
            self.state = State::Healthy;
            self.retry_at = None;
            (self.base, self.trying) = (None, false);
            self.held.clear();
            let lost = std::mem::take(&mut self.lost);
            self.append(now, Event::Gap { lost });
        }
    }

    /// Something could not be made durable. What was handed over since may or may not be on the disk, and no later word
    /// about it counts: something before it may be missing.
    pub fn handle_failed(&mut self, now: Now, why: Failure) {
        if self.state == State::Healthy {
            self.base = Some(Box::new(self.live.clone()));
            // It changes nothing of what is live.
            self.held.extend(self.acts.drain(..).map(|(token, at, mut act)| {
                told_as(&mut act, token);
                (at, act)
            }));
        }
        self.trying = false;
        self.state = State::Failed(why);
        self.segment = self.next;
        self.buffer.clear();
        self.leaving = None;
        self.awaited = false;
        self.outputs.clear();
        self.retry_at = Some(now.instant + RETRY);
    }

    /// What is due: a seal, or another try after a failure.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.seal_at.is_some_and(|at| at <= now.instant) {
            self.seal_at = None;
            self.seal(now);
        }
        if self.retry_at.take_if(|at| *at <= now.instant).is_some() {
            // The failure stands until this segment has been stored, however long that takes: another one would only
            // make the word about this one worthless.
            self.trying = true;
            self.begin_segment(now);
            self.keys_again();
            let mut held = std::mem::take(&mut self.held);
            for (at, event) in &mut held {
                let token = self.write(now.instant, *at, event);
                told_as(event, token);
            }
            self.held = held;
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        earliest(self.seal_at, self.retry_at)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.buffer.is_empty() {
            // A key that no record needs yet waits for one that does.
            return std::mem::take(&mut self.awaited).then_some(Output::Hurry);
        }
        self.fresh_keys().or_else(|| Some(self.write_out()))
    }

    /// How it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// How many records are held until they can be written, and how many were lost since the failure because there was no
    /// room for them.
    pub fn held(&self) -> (usize, u64) {
        (self.held.len(), self.lost)
    }

    /// Whether the record with this token is on the disk.
    pub fn is_stored(&self, token: Token) -> bool {
        token <= self.stored
    }

    /// The last record that is on the disk.
    pub fn stored(&self) -> Token {
        self.stored
    }

    /// The last record that was appended, on the disk or not.
    pub fn newest(&self) -> Token {
        Token(self.next.saturating_sub(1))
    }

    /// What is live.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// What a new recording of whoever has this name is sealed with. Its subject's key is on its way to the disk like
    /// that of any record.
    pub fn tape(&mut self, name: &str, recording: RecordingId, channels: u8) -> tape::Key {
        let key = self.keys.tape(name, recording, channels);
        if self.state == State::Healthy {
            // No record need follow for as long as somebody speaks, and a crash meanwhile must not lose what was said.
            let keys = self.fresh_keys();
            self.outputs.extend(keys);
        }
        key
    }

    /// The keys, to read sealed data with.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// A last seal, before the program ends.
    pub fn handle_stop(&mut self, now: Now) -> Token {
        let token = self.append(now, Event::Stopped);
        self.seal(now);
        if token == Token(u64::MAX) { token } else { Token(self.next - 1) }
    }

    /// What the file of keys may have missed in a failure. Behind the beginning of the segment, for nothing before that is
    /// written after a failure, and before its checkpoint, which is still in the buffer.
    fn keys_again(&mut self) {
        if let Some((_, forgotten)) = &self.unstored_forgotten {
            self.outputs.push_back(Output::Forget(forgotten.clone()));
        }
        let again: Vec<_> = self.unstored_keys.iter().flat_map(|(_, keys)| keys.clone()).collect();
        if !again.is_empty() {
            self.outputs.push_back(Output::Keys(again));
        }
    }

    fn begin_segment(&mut self, now: Now) {
        if !self.buffer.is_empty() {
            let keys = self.fresh_keys();
            self.outputs.extend(keys);
            let write = self.write_out();
            self.outputs.push_back(write);
        }
        self.segment = self.next;
        self.outputs.push_back(Output::Segment { first: self.next });
        let gap = self.state != State::Healthy;
        let live = self.base.clone().unwrap_or_else(|| Box::new(self.live.clone()));
        let checkpoint = Event::Checkpoint { before: self.chain, gap, live };
        self.write(now.instant, now.unix, &checkpoint);
        // Not counted: what is live may itself be longer than a segment, and the next record would begin another one.
        self.size = 0;
    }

    /// Keys that records in the buffer need.
    fn fresh_keys(&mut self) -> Option<Output> {
        let fresh = self.keys.take_fresh();
        if fresh.is_empty() {
            return None;
        }
        // Known to be on the disk with the last record of the buffer, or with the next one there is.
        let upto = if self.buffer.is_empty() { self.next } else { self.next - 1 };
        self.unstored_keys.push_back((Token(upto), fresh.clone()));
        Some(Output::Keys(fresh))
    }

    fn write_out(&mut self) -> Output {
        // What is written while the failure stands came without what leaves of it.
        let healthy = self.state == State::Healthy;
        let outbox = std::mem::replace(&mut self.leaving, healthy.then(Vec::new));
        Output::Write {
            bytes: std::mem::take(&mut self.buffer),
            upto: Token(self.next - 1),
            outbox,
        }
    }

    fn write(&mut self, now: Instant, at: UnixTime, event: &Event) -> Token {
        let token = Token(self.next);
        // An event is plain data whose personal parts were sealed; there is nothing in it that JSON could not say.
        let Ok(payload) = serde_json::to_vec(event) else { return Token(u64::MAX) };
        let start = self.buffer.len();
        record::encode(&mut self.buffer, self.next, at, &payload);
        let bytes = self.buffer.get(start..).unwrap_or_default();
        self.chain.add(bytes);
        self.size += bytes.len() as u64;
        self.next += 1;
        self.unsealed = true;
        if self.seal_at.is_none() {
            self.seal_at = Some(now + SEAL_EVERY);
        }
        token
    }

    fn seal(&mut self, now: Now) {
        if self.state == State::Healthy && self.unsealed {
            let seal = self.sealer.seal(self.next - 1, &self.chain);
            self.write(now.instant, now.unix, &Event::Seal(seal));
            self.unsealed = false;
            self.seal_at = None;
        }
    }
}

/// An act that may have to be told again says from now on which record told it first.
fn told_as(event: &mut Event, token: Token) {
    if let Event::Act(act) = event {
        act.first.get_or_insert(token.0);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
