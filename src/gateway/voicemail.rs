//! Mailboxes on one side; calls, sound, the journal and recordings on the other.
//!
//! A message counts once its recording and the record of it are on the disk, in this order: the recording is begun in
//! the journal, written and synced by the driver, and only then left in the journal. Nobody is told of it before.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::Errand;
use crate::gateway::sound::Playing;
use crate::gateway::{Gateway, Output};
use crate::id::{CallId, ExtensionId, RecordingId};
use crate::ivr::mailbox::{
    self, Change, Chosen, Deposit, Mailboxes, Message, Outcome, Purpose, Retrieval, SHORTEST, Seal,
    Sound, Visit,
};
use crate::journal::context::{call_name, mailbox_name};
use crate::journal::event::Event;
use crate::journal::voicemail::{Begun, Kept, Pin, Voicemail as Record};
use crate::journal::{State, Token};
use crate::media::{self, Clip};
use crate::time::Now;

pub use crate::ivr::mailbox::Counts;

/// What the driver does with a recording's file; answered with [`Gateway::handle_recording`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Read it.
    Read(RecordingId),
    /// Make a whole file of what a run that died left of it.
    Recover(RecordingId),
    /// Take it away. No answer.
    Delete(RecordingId),
    /// Take it away and say when it is gone.
    Erase(RecordingId),
}

/// What the driver tells of a recording's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// It is complete and on the disk; or it is not, and never will be.
    Written(bool),
    /// It was read; nothing if that did not work.
    Read(Option<Clip>),
    /// This much of it was there; nothing if it was not.
    Recovered(Option<Duration>),
    /// It is off the disk.
    Erased,
}

/// Everything of voicemail.
#[derive(Debug)]
pub(super) struct Voicemail {
    boxes: Mailboxes,
    visits: BTreeMap<CallId, Open>,
    /// Recordings that are not on the disk yet.
    underway: BTreeMap<RecordingId, Underway>,
    /// Recordings on the disk whose record is not.
    waiting: Vec<(Token, RecordingId, Underway)>,
}

/// A visit, and the recording that it heard last.
#[derive(Debug)]
struct Open {
    visit: Visit,
    fetched: Option<(RecordingId, Clip)>,
}

/// A recording that a visit asked for.
#[derive(Debug, Clone)]
struct Underway {
    mailbox: ExtensionId,
    purpose: Purpose,
    call: CallId,
    length: Option<Duration>,
    written: Option<bool>,
    /// The caller was told that it was not saved: its file goes once it is there.
    refused: bool,
}

impl Voicemail {
    pub fn new(boxes: Mailboxes) -> Self {
        let (visits, underway, waiting) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Voicemail { boxes, visits, underway, waiting }
    }

    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.visits.values().filter_map(|open| open.visit.deadline()).min()
    }

    /// Other settings of mailboxes count from now on; a visit goes on as it was begun.
    pub fn handle_boxes(&mut self, boxes: Mailboxes) {
        self.boxes = boxes;
    }

    pub fn boxes(&self) -> &Mailboxes {
        &self.boxes
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty() && self.underway.is_empty() && self.waiting.is_empty()
    }
}

/// Counts.
impl Gateway {
    /// Each mailbox with its counts.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = (&ExtensionId, Counts)> {
        self.voicemail.boxes.each()
    }

    /// Wrong PINs since the start.
    pub(super) fn wrong_pins(&self) -> u64 {
        self.voicemail.boxes.wrong_pins
    }
}

/// Visits.
impl Gateway {
    pub(super) fn start_visit(&mut self, now: Now, call: CallId, errand: Errand) {
        let visit = match errand {
            Errand::Leave(mailbox) => Visit::Deposit(Deposit::new(mailbox)),
            Errand::Hear(mailbox) => Visit::Retrieval(Retrieval::own(mailbox)),
            Errand::HearAny => Visit::Retrieval(Retrieval::from_elsewhere()),
        };
        self.voicemail.visits.insert(call, Open { visit, fetched: None });
        self.with_visit(now, call, |visit, boxes| visit.handle_started(now, boxes));
    }

    /// The call is over, or went on elsewhere.
    pub(super) fn end_visit(&mut self, now: Now, call: CallId) {
        self.with_visit(now, call, Visit::handle_gone);
        self.voicemail.visits.remove(&call);
    }

    pub(super) fn visit_played(&mut self, now: Now, call: CallId) {
        self.with_visit(now, call, |visit, boxes| visit.handle_played(now, boxes));
    }

    /// A key press: for the mailbox, if the caller is at one.
    pub(super) fn visit_digit(&mut self, now: Now, call: CallId, digit: char) {
        self.with_visit(now, call, |visit, boxes| visit.handle_digit(now, boxes, digit));
    }

    pub(super) fn visits_time_out(&mut self, now: Now) {
        let due = |open: &Open| open.visit.deadline().is_some_and(|at| at <= now.instant);
        let visits = self.voicemail.visits.iter();
        let due: Vec<_> = visits.filter(|(_, open)| due(open)).map(|(call, _)| *call).collect();
        for call in due {
            self.with_visit(now, call, |visit, boxes| visit.handle_timeout(now, boxes));
        }
    }

    /// Tells one visit something and does what it wants.
    fn with_visit(
        &mut self,
        now: Now,
        call: CallId,
        tell: impl FnOnce(&mut Visit, &mut Mailboxes),
    ) {
        let Voicemail { boxes, visits, .. } = &mut self.voicemail;
        let Some(open) = visits.get_mut(&call) else { return };
        tell(&mut open.visit, boxes);
        while let Some(output) =
            self.voicemail.visits.get_mut(&call).and_then(|open| open.visit.poll_output())
        {
            self.visit_says(now, call, output);
        }
    }

    fn visit_says(&mut self, now: Now, call: CallId, output: mailbox::Output) {
        use mailbox::Output as Wish;
        match output {
            Wish::Fetch(recording) => self.order(Order::Read(recording)),
            Wish::Play { sounds, interruptible } => {
                let clips = self.clips_of(call, &sounds);
                if let Some(leg) = self.calls.caller(call) {
                    self.play(leg, Playing::Visit(call), clips, false, interruptible);
                }
            }
            Wish::StopPlaying => {
                if let Some(leg) = self.calls.caller(call) {
                    self.stop_playing(leg);
                }
            }
            Wish::Record { mailbox, purpose, max, silence } => {
                self.begin_recording(now, call, mailbox, purpose, (max, silence));
            }
            Wish::Refuse => self.refuse_recording(now, call),
            Wish::Changed(mailbox, change) => self.keep_mail_change(now, &mailbox, &change),
            Wish::HangUp => self.calls.handle_visit_over(call),
        }
    }

    fn clips_of(&self, call: CallId, sounds: &[Sound]) -> Vec<Clip> {
        let fetched = self.voicemail.visits.get(&call).and_then(|open| open.fetched.as_ref());
        let clips = sounds.iter().flat_map(|sound| match sound {
            Sound::Clip(name) => self.prompts.clips(std::slice::from_ref(name)),
            Sound::Recording(id) => {
                let own = fetched.filter(|(fetched, _)| fetched == id);
                own.map(|(_, clip)| clip.clone()).into_iter().collect()
            }
        });
        clips.collect()
    }

    fn order(&mut self, order: Order) {
        self.outputs.push_back(Output::Recording(order));
    }
}

/// Recordings.
impl Gateway {
    fn begin_recording(
        &mut self,
        now: Now,
        call: CallId,
        mailbox: ExtensionId,
        purpose: Purpose,
        (max, silence): (Duration, Duration),
    ) {
        let Some(leg) = self.calls.caller(call) else { return };
        let why_not = match self.journal.state() {
            State::Healthy if self.may_record() => None,
            State::Healthy => Some("the disk is nearly full"),
            _ => Some("the journal cannot be written"),
        };
        if let Some(why) = why_not {
            tracing::warn!(%call, why, "a message was not taken");
            return self.visit_recorded(now, call, Outcome::Failed);
        }
        let recording = RecordingId(self.random.bits());
        if purpose == Purpose::Message {
            let from = self.calls.numbers(call).map_or("", |(from, _)| from).into();
            let mailbox = mailbox.clone();
            let begun = Begun { recording, mailbox, call, from, taken: now.unix };
            self.keep(now, Event::Voicemail(Record::Begun(begun)));
        }
        let whose = match purpose {
            Purpose::Message => call_name(call),
            Purpose::Greeting => mailbox_name(&mailbox),
        };
        self.seal(recording, &whose, 1);
        let underway =
            Underway { mailbox, purpose, call, length: None, written: None, refused: false };
        self.voicemail.underway.insert(recording, underway);
        self.tell_leg(leg, |leg| media::Command::Record {
            leg,
            recording,
            max,
            stop_after_silence: Some(silence),
            stop_on_digit: true,
            beep: true,
        });
    }

    /// A media thread has heard all of a recording. Answers whether it was a visit's.
    pub(super) fn visit_has_recorded(
        &mut self,
        now: Now,
        recording: RecordingId,
        length: Duration,
    ) -> bool {
        let Some(underway) = self.voicemail.underway.get_mut(&recording) else { return false };
        underway.length = Some(length);
        let call = underway.call;
        self.with_visit(now, call, |visit, _| visit.handle_heard(now));
        self.recording_is_whole(now, recording);
        true
    }

    /// The driver tells of a recording's file.
    pub fn handle_recording(&mut self, now: Now, recording: RecordingId, file: File) {
        match file {
            File::Written(_) if self.tapes.is_unwanted(recording) => self.throw_away(recording),
            File::Written(well) => {
                if let Some(underway) = self.voicemail.underway.get_mut(&recording) {
                    underway.written = Some(well);
                    self.recording_is_whole(now, recording);
                }
            }
            File::Read(clip) => self.recording_was_read(now, recording, clip),
            File::Recovered(length) => self.message_recovered(now, recording, length),
            File::Erased => self.recording_erased(now, recording),
        }
        self.settle(now);
    }

    fn recording_was_read(&mut self, now: Now, recording: RecordingId, clip: Option<Clip>) {
        let there = clip.is_some();
        let calls: Vec<_> = self.voicemail.visits.keys().copied().collect();
        for call in calls {
            if let (Some(open), Some(clip)) = (self.voicemail.visits.get_mut(&call), &clip) {
                open.fetched = Some((recording, clip.clone()));
            }
            self.with_visit(now, call, |visit, boxes| {
                visit.handle_fetched(boxes, recording, there);
            });
        }
    }

    /// Once both threads have had their say, the recording is kept or thrown away.
    fn recording_is_whole(&mut self, now: Now, recording: RecordingId) {
        let Some(underway) = self.voicemail.underway.get(&recording) else { return };
        let (Some(length), Some(written)) = (underway.length, underway.written) else { return };
        let Some(underway) = self.voicemail.underway.remove(&recording) else { return };
        if underway.refused {
            return self.order(Order::Delete(recording));
        }
        let call = underway.call;
        if !written || length < SHORTEST {
            if underway.purpose == Purpose::Message {
                self.keep(now, Event::Voicemail(Record::Dropped { recording }));
            }
            self.order(Order::Delete(recording));
            let outcome = if written { Outcome::TooShort } else { Outcome::Failed };
            return self.visit_recorded(now, call, outcome);
        }
        match underway.purpose {
            Purpose::Message => {
                let length_ms = length.as_millis().try_into().unwrap_or(u64::MAX);
                let left = Event::Voicemail(Record::Left { recording, length_ms });
                let token = self.keep(now, left);
                self.voicemail.waiting.push((token, recording, underway));
                self.mail_is_stored(now);
            }
            // The change that follows is the record of it.
            Purpose::Greeting if self.voicemail.visits.contains_key(&call) => {
                self.visit_recorded(now, call, Outcome::Kept(recording));
            }
            // Whoever hangs up while speaking a greeting has thought better of it.
            Purpose::Greeting => self.order(Order::Delete(recording)),
        }
    }

    /// The disk was too slow for the caller of a visit. The record goes first, so that a restart does not find a message
    /// of which its caller was told that there is none; the file follows, now or once the disk is done with it.
    fn refuse_recording(&mut self, now: Now, call: CallId) {
        let (late, waiting): (Vec<_>, Vec<_>) =
            self.voicemail.waiting.drain(..).partition(|(_, _, underway)| underway.call == call);
        self.voicemail.waiting = waiting;
        for (_, recording, _) in late {
            tracing::error!(%call, %recording, "a message was refused: its record did not reach the disk in time");
            self.keep(now, Event::Voicemail(Record::Deleted { recording }));
            self.order(Order::Delete(recording));
        }
        let of_call = |underway: &&mut Underway| underway.call == call && !underway.refused;
        let mut messages = Vec::new();
        for (recording, underway) in &mut self.voicemail.underway {
            if of_call(&underway) {
                tracing::error!(%call, %recording, "a recording was refused: its file did not reach the disk in time");
                underway.refused = true;
                messages.extend((underway.purpose == Purpose::Message).then_some(*recording));
            }
        }
        for recording in messages {
            self.keep(now, Event::Voicemail(Record::Dropped { recording }));
        }
    }

    fn visit_recorded(&mut self, now: Now, call: CallId, outcome: Outcome) {
        self.with_visit(now, call, |visit, boxes| visit.handle_recorded(boxes, outcome));
    }

    /// Tells of messages whose record has reached the disk. One that was taken while the disk failed is told of once it
    /// works again: what is live goes into the segment that begins then.
    pub(super) fn mail_is_stored(&mut self, now: Now) {
        if self.journal.state() != State::Healthy {
            return;
        }
        let waiting = std::mem::take(&mut self.voicemail.waiting);
        for (token, recording, underway) in waiting {
            if self.journal.is_stored(token) || token == Token(u64::MAX) {
                self.take_up_message(recording);
                tracing::info!(%recording, mailbox = %underway.mailbox, "a message was left");
                self.calls.handle_recorded(underway.call, recording);
                self.hear_voicemail(now, underway.call, recording, &underway.mailbox);
                self.messages_changed(now, &underway.mailbox);
                self.visit_recorded(now, underway.call, Outcome::Kept(recording));
            } else {
                self.voicemail.waiting.push((token, recording, underway));
            }
        }
    }

    /// Lists a message that is live in the journal.
    fn take_up_message(&mut self, recording: RecordingId) {
        let Some(kept) = self.journal.live().mail.messages.get(&recording).cloned() else { return };
        let Kept { begun, length_ms, heard } = kept;
        let message = Message {
            id: recording,
            taken: begun.taken,
            length: Duration::from_millis(length_ms),
            from: self.journal.keys().read(&begun.from).filter(|from| !from.is_empty()),
            heard,
        };
        self.voicemail.boxes.add(&begun.mailbox, message);
    }
}

/// Changes, and what a restart takes up.
impl Gateway {
    fn keep_mail_change(&mut self, now: Now, mailbox: &ExtensionId, change: &Change) {
        let (record, gone) = match change {
            Change::Heard(recording, heard) => {
                (Record::Heard { recording: *recording, heard: *heard }, None)
            }
            Change::Deleted(recording) => {
                (Record::Deleted { recording: *recording }, Some(*recording))
            }
            Change::Greeting { now, before } => {
                (Record::Greeting { mailbox: mailbox.clone(), recording: *now }, *before)
            }
            Change::Pin(Chosen { hash, over }) => {
                let pin = Pin { hash: hash.clone(), over: over.clone() };
                (Record::Pin { mailbox: mailbox.clone(), pin }, None)
            }
        };
        self.keep(now, Event::Voicemail(record));
        if let Some(gone) = gone {
            self.order(Order::Delete(gone));
        }
        self.messages_changed(now, mailbox);
    }

    /// A message goes out of its mailbox, and its file off the disk.
    pub(super) fn delete_message(
        &mut self,
        now: Now,
        mailbox: &ExtensionId,
        recording: RecordingId,
    ) {
        let change = Change::Deleted(recording);
        self.voicemail.boxes.apply(mailbox, &change);
        self.keep_mail_change(now, mailbox, &change);
    }

    /// Messages that were kept as long as their mailboxes want.
    pub(super) fn expired_mail(&self, now: Now) -> Vec<(ExtensionId, RecordingId)> {
        self.voicemail.boxes.expired(now.unix)
    }

    /// A message whose recording was erased is in no mailbox any more.
    pub(super) fn forget_message(&mut self, now: Now, recording: RecordingId) {
        let messages = &self.journal.live().mail.messages;
        let mailbox = messages.get(&recording).map(|kept| kept.begun.mailbox.clone());
        if let Some(mailbox) = mailbox {
            self.delete_message(now, &mailbox, recording);
        }
    }

    /// Takes up what was there before a restart, and looks for messages that were on their way.
    pub(super) fn restore_mail(&mut self) {
        let mail = self.journal.live().mail.clone();
        let seal = self.journal.keys().token("voicemail PINs", 32);
        self.voicemail.boxes.seal_with(Seal::new(&seal));
        for recording in mail.messages.keys() {
            self.take_up_message(*recording);
        }
        for (mailbox, recording) in &mail.greetings {
            let greeting = Change::Greeting { now: Some(*recording), before: None };
            self.voicemail.boxes.apply(mailbox, &greeting);
        }
        for (mailbox, Pin { hash, over }) in mail.pins {
            let pin = Change::Pin(Chosen { hash, over });
            self.voicemail.boxes.apply(&mailbox, &pin);
        }
        for recording in mail.begun.keys() {
            self.order(Order::Recover(*recording));
        }
    }

    fn message_recovered(&mut self, now: Now, recording: RecordingId, length: Option<Duration>) {
        let Some(begun) = self.journal.live().mail.begun.get(&recording).cloned() else { return };
        let underway = Underway {
            mailbox: begun.mailbox,
            purpose: Purpose::Message,
            call: begun.call,
            length: Some(length.unwrap_or_default()),
            written: Some(true),
            refused: false,
        };
        tracing::info!(%recording, found = length.is_some(), "a message was on its way when the box ended");
        self.voicemail.underway.insert(recording, underway);
        self.recording_is_whole(now, recording);
    }
}
