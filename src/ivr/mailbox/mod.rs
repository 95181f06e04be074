//! Mailboxes: what was left for whom, who may hear it, and the visits of callers who leave or hear messages.
//!
//! Owns the list of messages, counts, PINs and how often they may be tried, and two dialogues: [`Deposit`] for whoever
//! leaves a message and [`Retrieval`] for whoever hears them. Knows recordings by id only: what is on the disk, and when
//! a message counts as kept, is the gateway's to say.

mod deposit;
mod pin;
mod retrieval;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::id::{ExtensionId, RecordingId};
use crate::ivr::ClipName;
use crate::time::{Now, UnixTime};

pub use deposit::Deposit;
pub use pin::{Chosen, Seal};
pub use retrieval::Retrieval;

/// Wrong PINs in a row after which a mailbox is shut to callers who need one.
const MOST_WRONG: u32 = 5;
/// How long it is shut the first time; twice as long after each further wrong PIN.
const SHUT: Duration = Duration::from_secs(15 * 60);
/// The longest that it is shut: with one try a day, four digits take a lifetime.
const SHUT_MOST: Duration = Duration::from_secs(24 * 3_600);
/// How long the disk may take for a recording before a caller is told that it does not work: a healthy one takes
/// milliseconds, and nobody listens to silence for longer.
const DISK: Duration = Duration::from_secs(5);
/// How long after the longest recording the word of its end may come: the beep, and a media thread that is late.
const LATE: Duration = Duration::from_secs(10);
/// A message is something that was said: below this it was a hand on the receiver.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// What the owner of a mailbox chose.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// What callers from elsewhere must key in, 4 to 12 digits; without one messages are heard at the own phone alone.
    pub pin: Option<String>,
    /// The clip that greets callers, until a greeting is recorded; the standard words when absent.
    pub greeting: Option<ClipName>,
    /// The longest message.
    pub max_length: Duration,
    /// Most messages; who calls then is told that the mailbox is full.
    pub max_messages: usize,
    /// How long a message is kept; for ever when absent.
    pub retention: Option<Duration>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({} messages of {:?})", self.max_messages, self.max_length)
    }
}

/// A message that is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its recording.
    pub id: RecordingId,
    /// When it was left.
    pub taken: UnixTime,
    /// How long it is.
    pub length: Duration,
    /// The caller's number; nothing where it is not known, or was erased. Personal data.
    pub from: Option<String>,
    /// Whether it was heard to its end, or saved.
    pub heard: bool,
}

/// How many messages there are (RFC 3842 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not heard yet.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
}

/// What changed in a mailbox; to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message was heard or saved, or is to count as new again.
    Heard(RecordingId, bool),
    /// A message is gone.
    Deleted(RecordingId),
    /// Callers are greeted with this recording; with the standard words again when nothing. The one before is gone.
    Greeting {
        /// From now on.
        now: Option<RecordingId>,
        /// Until now.
        before: Option<RecordingId>,
    },
    /// The owner chose this PIN.
    Pin(Chosen),
}

/// A piece of what is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A clip.
    Clip(ClipName),
    /// A recording that was fetched.
    Recording(RecordingId),
}

/// What a recording is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A message.
    Message,
    /// The mailbox's greeting.
    Greeting,
}

/// What became of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the disk, and so is the record of it.
    Kept(RecordingId),
    /// Nothing was said.
    TooShort,
    /// The disk did not take it, or has no room.
    Failed,
}

/// What a visit wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Read a recording; answer with `handle_fetched`.
    Fetch(RecordingId),
    /// Play these; answer with `handle_played`.
    Play {
        /// What, one after the other.
        sounds: Vec<Sound>,
        /// Whether a key press ends it.
        interruptible: bool,
    },
    /// Fall silent.
    StopPlaying,
    /// Beep and record the caller; answer with `handle_recorded` once it is kept or will not be.
    Record {
        /// For whose mailbox.
        mailbox: ExtensionId,
        /// What for.
        purpose: Purpose,
        /// At most this long.
        max: Duration,
        /// End after this much silence.
        silence: Duration,
    },
    /// Throw the visit's recording away, even if it gets to the disk yet: the caller was told that it was not saved.
    Refuse,
    /// Keep this.
    Changed(ExtensionId, Change),
    /// Let the caller go.
    HangUp,
}

/// Whether a PIN opens a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Open,
    /// It does not. No word on why: who guesses learns nothing, not even whether there is such a mailbox.
    Shut,
}

/// Every mailbox.
#[derive(Debug)]
pub struct Mailboxes {
    boxes: BTreeMap<ExtensionId, Mailbox>,
    zone: TimeZone,
    seal: Seal,
    /// Wrong PINs since the start.
    pub wrong_pins: u64,
}

#[derive(Debug)]
struct Mailbox {
    settings: Settings,
    /// The oldest first.
    messages: Vec<Message>,
    greeting: Option<RecordingId>,
    chosen: Option<Chosen>,
    wrong: u32,
    shut_until: Option<Instant>,
}

impl Mailboxes {
    /// Empty mailboxes; times are told in `zone`.
    pub fn new(settings: BTreeMap<ExtensionId, Settings>, zone: TimeZone) -> Self {
        let empty = |settings| Mailbox {
            settings,
            messages: Vec::new(),
            greeting: None,
            chosen: None,
            wrong: 0,
            shut_until: None,
        };
        let boxes = settings.into_iter().map(|(id, settings)| (id, empty(settings))).collect();
        Mailboxes { boxes, zone, seal: Seal::new(""), wrong_pins: 0 }
    }

    /// The key that chosen PINs are kept under; to be told before any is taken up.
    pub fn seal_with(&mut self, seal: Seal) {
        self.seal = seal;
    }

    /// Whether the extension has one.
    pub fn has(&self, mailbox: &ExtensionId) -> bool {
        self.boxes.contains_key(mailbox)
    }

    /// Each mailbox with its counts.
    pub fn each(&self) -> impl Iterator<Item = (&ExtensionId, Counts)> {
        self.boxes.iter().map(|(id, mailbox)| (id, mailbox.counts()))
    }

    /// How many messages there are; none where there is no such mailbox.
    pub fn counts(&self, mailbox: &ExtensionId) -> Counts {
        self.boxes.get(mailbox).map(Mailbox::counts).unwrap_or_default()
    }

    /// The messages of a mailbox, the oldest first.
    pub fn messages(&self, mailbox: &ExtensionId) -> &[Message] {
        self.boxes.get(mailbox).map_or(&[], |mailbox| &mailbox.messages)
    }

    /// The greeting that was recorded.
    pub fn greeting(&self, mailbox: &ExtensionId) -> Option<RecordingId> {
        self.boxes.get(mailbox)?.greeting
    }

    /// Whether no further message has room.
    pub fn is_full(&self, mailbox: &ExtensionId) -> bool {
        let full = |mailbox: &Mailbox| mailbox.messages.len() >= mailbox.settings.max_messages;
        self.boxes.get(mailbox).is_some_and(full)
    }

    /// A message is on the disk, with the record of it. One of a mailbox that was taken out of the configuration is
    /// kept there and counts again once the mailbox is back.
    pub fn add(&mut self, mailbox: &ExtensionId, message: Message) {
        let Some(mailbox) = self.boxes.get_mut(mailbox) else { return };
        if mailbox.messages.iter().all(|known| known.id != message.id) {
            mailbox.messages.push(message);
            mailbox.messages.sort_by_key(|message| (message.taken, message.id));
        }
    }

    /// Takes a change up.
    pub fn apply(&mut self, mailbox: &ExtensionId, change: &Change) {
        let Some(own) = self.boxes.get_mut(mailbox) else { return };
        match change {
            Change::Heard(id, heard) => {
                if let Some(message) = own.messages.iter_mut().find(|m| m.id == *id) {
                    message.heard = *heard;
                }
            }
            Change::Deleted(id) => own.messages.retain(|message| message.id != *id),
            Change::Greeting { now, .. } => own.greeting = *now,
            Change::Pin(chosen) => {
                let configured = own.settings.pin.as_ref();
                let still = configured.is_some_and(|pin| self.seal.of(mailbox, pin) == chosen.over);
                own.chosen = still.then(|| chosen.clone());
            }
        }
    }

    /// Messages that were kept long enough.
    pub fn expired(&self, now: UnixTime) -> Vec<(ExtensionId, RecordingId)> {
        let old = |mailbox: &Mailbox, message: &Message| {
            mailbox.settings.retention.is_some_and(|span| now.since(message.taken) > span)
        };
        self.boxes
            .iter()
            .flat_map(|(id, mailbox)| {
                let due = mailbox.messages.iter().filter(|message| old(mailbox, message));
                due.map(|message| (id.clone(), message.id))
            })
            .collect()
    }

    /// Tries a PIN. A mailbox that is shut says so to nobody, and tries while it is shut count for nothing.
    pub fn try_pin(&mut self, now: Now, mailbox: &ExtensionId, keyed: &str) -> Verdict {
        let seal = &self.seal;
        let verdict = self.boxes.get_mut(mailbox).map_or(Verdict::Shut, |own| {
            let good = own.opens(|pin| seal.of(mailbox, pin), keyed);
            own.try_pin(now, good)
        });
        self.wrong_pins += u64::from(verdict == Verdict::Shut);
        verdict
    }

    /// The owner was at the own phone: what strangers tried is forgotten.
    pub fn forgive(&mut self, mailbox: &ExtensionId) {
        if let Some(mailbox) = self.boxes.get_mut(mailbox) {
            (mailbox.wrong, mailbox.shut_until) = (0, None);
        }
    }

    /// What a new PIN of a mailbox is kept as; nothing where it has none, or for one that is too easily guessed.
    fn choose_pin(&self, mailbox: &ExtensionId, keyed: &str) -> Option<Chosen> {
        let configured = self.settings(mailbox)?.pin.as_ref()?;
        let (hash, over) = (self.seal.of(mailbox, keyed), self.seal.of(mailbox, configured));
        pin::is_good(mailbox, keyed).then_some(Chosen { hash, over })
    }

    fn settings(&self, mailbox: &ExtensionId) -> Option<&Settings> {
        self.boxes.get(mailbox).map(|mailbox| &mailbox.settings)
    }
}

impl Mailbox {
    fn counts(&self) -> Counts {
        let heard = self.messages.iter().filter(|message| message.heard);
        let old = u32::try_from(heard.count()).unwrap_or(u32::MAX);
        let all = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        Counts { new: all - old, old }
    }

    fn opens(&self, sealed: impl Fn(&str) -> String, keyed: &str) -> bool {
        match (&self.chosen, &self.settings.pin) {
            (Some(chosen), _) => is_same(&chosen.hash, &sealed(keyed)),
            (None, Some(pin)) => is_same(pin, keyed),
            (None, None) => false,
        }
    }

    fn try_pin(&mut self, now: Now, good: bool) -> Verdict {
        if self.shut_until.is_some_and(|until| now.instant < until) {
            return Verdict::Shut;
        }
        if good {
            (self.wrong, self.shut_until) = (0, None);
            return Verdict::Open;
        }
        self.wrong += 1;
        if self.wrong >= MOST_WRONG {
            let doublings = (self.wrong - MOST_WRONG).min(16);
            self.shut_until = Some(now.instant + (SHUT * (1 << doublings)).min(SHUT_MOST));
        }
        Verdict::Shut
    }
}

/// Compares in a time that tells nothing of where two texts differ.
fn is_same(pin: &str, keyed: &str) -> bool {
    let differs = pin.bytes().zip(keyed.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    differs == 0 && pin.len() == keyed.len()
}

/// Clips by their names.
fn clips(names: &[&str]) -> Vec<Sound> {
    names.iter().map(|name| Sound::Clip(ClipName::from(*name))).collect()
}

/// Spoken words after others.
fn add(sounds: &mut Vec<Sound>, words: Vec<ClipName>) {
    sounds.extend(words.into_iter().map(Sound::Clip));
}

/// One caller at a mailbox.
#[derive(Debug)]
pub enum Visit {
    /// Leaves a message.
    Deposit(Deposit),
    /// Hears messages.
    Retrieval(Retrieval),
}

impl Visit {
    /// The caller is there.
    pub fn handle_started(&mut self, now: Now, boxes: &mut Mailboxes) {
        match self {
            Visit::Deposit(visit) => visit.handle_started(now, boxes),
            Visit::Retrieval(visit) => visit.handle_started(boxes),
        }
    }

    /// A key was pressed. Who presses a star while being greeted is the owner, from elsewhere.
    pub fn handle_digit(&mut self, now: Now, boxes: &mut Mailboxes, key: char) {
        match self {
            Visit::Deposit(visit) => {
                if let Some(mailbox) = visit.handle_digit(now, boxes, key) {
                    let mut retrieval = Retrieval::with_pin(mailbox);
                    retrieval.handle_started(boxes);
                    *self = Visit::Retrieval(retrieval);
                }
            }
            Visit::Retrieval(visit) => visit.handle_digit(now, boxes, key),
        }
    }

    /// What was played has ended.
    pub fn handle_played(&mut self, now: Now, boxes: &mut Mailboxes) {
        match self {
            Visit::Deposit(visit) => visit.handle_played(now, boxes),
            Visit::Retrieval(visit) => visit.handle_played(now, boxes),
        }
    }

    /// A recording was read, or cannot be.
    pub fn handle_fetched(&mut self, boxes: &mut Mailboxes, recording: RecordingId, there: bool) {
        match self {
            Visit::Deposit(visit) => visit.handle_fetched(boxes, recording, there),
            Visit::Retrieval(visit) => visit.handle_fetched(boxes, recording, there),
        }
    }

    /// The recording has come to its end, and is on its way to the disk.
    pub fn handle_heard(&mut self, now: Now) {
        match self {
            Visit::Deposit(visit) => visit.handle_heard(now),
            Visit::Retrieval(visit) => visit.handle_heard(now),
        }
    }

    /// What was recorded is kept, or is not.
    pub fn handle_recorded(&mut self, boxes: &mut Mailboxes, outcome: Outcome) {
        match self {
            Visit::Deposit(visit) => visit.handle_recorded(outcome),
            Visit::Retrieval(visit) => visit.handle_recorded(boxes, outcome),
        }
    }

    /// The time for a key, or for the disk, is over.
    pub fn handle_timeout(&mut self, now: Now, boxes: &mut Mailboxes) {
        match self {
            Visit::Deposit(visit) => visit.handle_timeout(now, boxes),
            Visit::Retrieval(visit) => visit.handle_timeout(now, boxes),
        }
    }

    /// The caller is gone: what was deleted stays deleted.
    pub fn handle_gone(&mut self, boxes: &mut Mailboxes) {
        if let Visit::Retrieval(visit) = self {
            visit.handle_gone(boxes);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Visit::Deposit(visit) => visit.deadline(),
            Visit::Retrieval(visit) => visit.deadline(),
        }
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        match self {
            Visit::Deposit(visit) => visit.poll_output(),
            Visit::Retrieval(visit) => visit.poll_output(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
