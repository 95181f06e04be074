//! What was kept as long as the site wants: looked for some at a time, and ended. People go like by anybody's order;
//! recordings go with their keys, files first; that they went is in the journal, with the rule, and without whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::admin::{Lamp, Part};
use crate::context::{Act, Change, Identity, Kind, Order, Tape, Who};
use crate::gateway::voicemail::Order as FileOrder;
use crate::gateway::{Gateway, LookFor, Output};
use crate::id::{CallId, ContactId, RecordingId};
use crate::journal::context::{call_name, to_seal};
use crate::journal::event::Event;
use crate::journal::personal::Reads;
use crate::journal::{State, Token};
use crate::store::context::BOX;
use crate::store::context::keeping::{Ages, Cursor, Old};
use crate::store::context::looking::Question;
use crate::time::{Now, UnixTime};

/// Contacts and calls that are looked at in one go: a few milliseconds of a thread that nobody waits for. With one go each
/// half minute, 200,000 contacts are gone through in some hours.
const AT_A_TIME: usize = 500;
/// Calls whose recordings go in one go: the file of keys is written anew once for all of them.
const MOST_TAPES: usize = 500;
/// The rules that proofs of erasures and forgotten recordings name.
const PEOPLE: &str = "retention.people";
const RECORDINGS: &str = "retention.recordings";

/// Where the search is.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// How far it has looked.
    from: Cursor,
    /// Whether contacts, and whether calls, have been gone through since it last began.
    done: (bool, bool),
    /// Whether an answer is on its way.
    asked: bool,
    /// Calls whose recordings are being taken off the disk, and those that are on it yet.
    tapes: Vec<Tape>,
    files: BTreeSet<RecordingId>,
    /// Messages that were kept for long enough, and whoever left each, while it is asked who of them is held.
    mail: BTreeMap<RecordingId, Option<Identity<String>>>,
    /// What this round found so far, and what the one before found.
    round: Found,
    last: Option<Found>,
    /// Calls whose recordings were forgotten since the start, and when the last were.
    forgotten: u64,
    at: Option<UnixTime>,
}

/// Calls with recordings that are due, and those that are held.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    due: u64,
    held: u64,
}

impl Gateway {
    /// Looks for what is too old, if the site has said how old it may be.
    pub(super) fn look_for_old(&mut self, now: Now) {
        let retention = &self.settings.retention;
        let before = |days: u32| {
            let span = Duration::from_secs(u64::from(days) * 86_400);
            (days > 0).then(|| now.unix - span)
        };
        let (idle, moments) = (before(retention.people), before(retention.timeline));
        let tapes = before(retention.recordings);
        let nothing = idle.is_none() && moments.is_none() && tapes.is_none();
        if nothing || self.search.asked || self.journal.state() != State::Healthy {
            return;
        }
        self.search.asked = true;
        let held = self.rules.held_tags.keys().cloned().collect();
        let (from, limit) = (self.search.from, AT_A_TIME);
        let ages = Ages { idle, moments, tapes, held };
        let question = Question::Old { from, limit, ages };
        self.outputs.push_back(Output::Look { to: LookFor::Retention, question });
    }

    /// The store says what is too old; nothing when it cannot say.
    pub(super) fn old_found(&mut self, now: Now, old: Option<Old>) {
        self.search.asked = false;
        let Some(Old { idle, moments, tapes, held, next }) = old else { return };
        for contact in idle {
            let (who, rule) = (Who::Contact(contact), Some(PEOPLE.to_owned()));
            self.take_order_of(now, BOX.into(), Order::Erase { who, rule });
        }
        self.prune(now, moments);
        self.search.round.held += held;
        self.take_tapes(now, tapes);
        self.search.goes_on(next);
    }

    fn prune(&mut self, now: Now, moments: Vec<(ContactId, UnixTime)>) {
        if moments.is_empty() || self.journal.state() != State::Healthy {
            return;
        }
        let change = |(contact, before)| Change::Pruned { contact, before };
        let changes = moments.into_iter().map(change).collect();
        let act = Act { by: BOX.into(), at: now.unix, changes };
        let _: Token = self.keep(now, Event::Context(to_seal(act)));
    }
}

impl Search {
    /// A round is over when both contacts and calls have been gone through.
    fn goes_on(&mut self, next: Cursor) {
        self.done = (self.done.0 || next.contact.is_none(), self.done.1 || next.call.is_none());
        self.from = next;
        if self.done == (true, true) {
            (self.done, self.last) = ((false, false), Some(std::mem::take(&mut self.round)));
        }
    }
}

/// Messages: each mailbox has a rule of its own.
impl Gateway {
    /// Messages that were kept as long as they should be go, unless whoever left them is held.
    pub(super) fn forget_old_mail(&mut self, now: Now) {
        let expired = self.expired_mail(now);
        let whom: BTreeMap<_, _> =
            expired.iter().map(|(_, id)| (*id, self.sender_of(*id))).collect();
        if whom.is_empty() {
            return;
        }
        let tags = self.rules.held_tags.keys().cloned().collect();
        let question = Question::Held { whom: whom.values().flatten().cloned().collect(), tags };
        self.search.mail = whom;
        self.outputs.push_back(Output::Look { to: LookFor::OldMail, question });
    }

    /// The store says who of those is held.
    pub(super) fn old_mail_looked_up(&mut self, now: Now, held: &BTreeSet<Identity<String>>) {
        let whom = std::mem::take(&mut self.search.mail);
        for (mailbox, recording) in self.expired_mail(now) {
            let sender = whom.get(&recording);
            if sender.is_none_or(|sender| sender.as_ref().is_some_and(|one| held.contains(one))) {
                continue;
            }
            self.delete_message(now, &mailbox, recording);
        }
    }

    /// By what whoever left a message is known; nothing of a number that was hidden.
    fn sender_of(&self, recording: RecordingId) -> Option<Identity<String>> {
        let message = self.journal.live().mail.messages.get(&recording)?;
        let number = self.journal.keys().read(&message.begun.from)?;
        Some(Identity { kind: Kind::Phone, value: self.full_number(&number)? })
    }
}

/// Recordings.
impl Gateway {
    /// Takes recordings off the disk; their keys go when the files are gone.
    fn take_tapes(&mut self, now: Now, mut tapes: Vec<Tape>) {
        // Those whose files the disk did not give up are found again.
        self.keep_forgotten(now);
        let messages = &self.journal.live().mail.messages;
        let begun = &self.journal.live().mail.begun;
        // A message that is kept has the key of its call: it goes by the rule of its mailbox first.
        let kept = |id: &RecordingId| messages.contains_key(id) || begun.contains_key(id);
        tapes.retain(|tape| !tape.recordings.iter().any(kept));
        self.search.round.due += tapes.len() as u64;
        tapes.truncate(MOST_TAPES);
        self.search.files = tapes.iter().flat_map(|tape| tape.recordings.clone()).collect();
        self.search.tapes = tapes;
        for recording in &self.search.files {
            self.outputs.push_back(Output::Recording(FileOrder::Erase(*recording)));
        }
    }

    /// A recording is off the disk.
    pub(super) fn old_tape_erased(&mut self, now: Now, recording: RecordingId) {
        if self.search.files.remove(&recording) && self.search.files.is_empty() {
            self.keep_forgotten(now);
        }
    }

    /// Destroys the keys of calls whose recordings are off the disk, and writes down that they went.
    fn keep_forgotten(&mut self, now: Now) {
        let files = std::mem::take(&mut self.search.files);
        let mut tapes = std::mem::take(&mut self.search.tapes);
        tapes.retain(|tape| !tape.recordings.iter().any(|id| files.contains(id)));
        if tapes.is_empty() {
            return;
        }
        let calls: BTreeSet<CallId> = tapes.iter().map(|tape| tape.call).collect();
        let keys = self.journal.keys().reading();
        let subjects: Vec<_> = calls.iter().map(|call| keys.by_name(&call_name(*call))).collect();
        let (keys, _) = self.journal.forget(now, &subjects, |keys| {
            let change = Change::TapesForgotten { tapes, keys, rule: RECORDINGS.to_owned() };
            Event::Context(to_seal(Act { by: BOX.into(), at: now.unix, changes: vec![change] }))
        });
        self.search.forgotten += calls.len() as u64;
        self.search.at = Some(now.unix);
        let rule = RECORDINGS;
        tracing::info!(
            calls = calls.len(),
            keys,
            rule,
            "recordings were forgotten, with their keys"
        );
    }

    /// What is due by rule, for whoever looks at the box.
    pub(super) fn retention_part(&self) -> Option<Part> {
        let days = Some(self.settings.retention.recordings).filter(|days| *days > 0)?;
        let Search { last, forgotten, at, .. } = &self.search;
        let found = match last {
            Some(Found { due, held }) => {
                format!("{due} calls were due in the last round, {held} more are held")
            }
            None => "what is due is being looked for".to_owned(),
        };
        let gone = at.map(|at| format!(", the last at {at}")).unwrap_or_default();
        let words = format!(
            "recordings older than {days} days are forgotten: {found}; {forgotten} forgotten since the start{gone}"
        );
        Some(Part { name: "retention".to_owned(), lamp: Lamp::Green, words })
    }
}
