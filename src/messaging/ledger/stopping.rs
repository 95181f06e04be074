//! What ends: stopped by the branch, taken back, erased, done with; and what somebody wants sent again all the same.

use super::going::{Out, Phase, length};
use super::{After, Fact, Happened, Ledger, MOST_OPEN, Memo, Output, Wished};
use crate::id::{ActorId, ContactId, MessageId};
use crate::messaging::channel::NotStored;
use crate::messaging::entry::{Entry, Stop, What};
use crate::messaging::kept::Gone;
use crate::messaging::record::{Message, State};
use crate::time::{Now, UnixTime};

/// Ends.
impl Ledger {
    /// The branch itself does not send it.
    pub(super) fn stop(&mut self, now: Now, message: MessageId, why: Stop) {
        self.end(now, message, What::Stopped { message, why }, State::Stopped);
    }

    /// Nothing more becomes of it by itself.
    pub(super) fn end(&mut self, now: Now, message: MessageId, what: What<String>, state: State) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        (out.state, out.phase) = (state, Phase::Replaced);
        let (conversation, contact) = (out.conversation, out.contact);
        let fact = out.fact(now, what);
        if let Some(line) = self.lines.get_mut(&out.way.channel) {
            line.sticks(&out.way.address(), message, false);
        }
        let told = After::Tell(Happened::Stands { message, conversation, contact, state });
        let memos = vec![self.memory.note_state(message, state), Memo::Out(message)];
        self.record(vec![fact], vec![told], memos);
    }

    /// What waits for a channel that is gone from the configuration waits for nothing.
    pub(super) fn stop_where_no_channel_is(&mut self, now: Now) {
        let known = &self.settings.channels;
        let gone: Vec<_> =
            self.lines.keys().filter(|channel| !known.contains_key(*channel)).cloned().collect();
        for channel in gone {
            let Some(line) = self.lines.remove(&channel) else { continue };
            for message in line.waiting() {
                self.stop(now, message, Stop::NoChannel);
            }
        }
    }

    /// The ledger is done with it, as soon as the store shows that.
    pub(super) fn retire(&mut self, message: MessageId) {
        if let Some(out) = self.outs.get_mut(&message) {
            out.phase = Phase::Replaced;
        }
        self.record(Vec::new(), Vec::new(), vec![Memo::Out(message)]);
    }

    /// It is not on its way any more: the next of the same person may go.
    pub(super) fn release(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get(&message) else { return };
        let (channel, to) = (out.way.channel.clone(), out.way.address());
        self.lines.entry(channel.clone()).or_default().busy(&to, false);
        self.pump(now, &channel);
    }

    /// Nothing of it is held any more.
    pub(super) fn drop_out(&mut self, message: MessageId) {
        let done = |out: &Out| matches!(out.phase, Phase::Sent | Phase::Replaced);
        if !self.outs.get(&message).is_some_and(done) {
            return;
        }
        let Some(out) = self.outs.remove(&message) else { return };
        self.words -= length(&out.words).min(self.words);
        self.followed.remove(&out.order);
        for reference in out.references {
            self.references.remove(&(out.way.channel.clone(), reference));
        }
    }
}

/// Dead letters.
impl Ledger {
    /// Somebody wants a message sent again that failed, is unknown or was stopped.
    pub fn handle_replay(&mut self, ticket: u64, message: MessageId, by: ActorId, until: UnixTime) {
        self.replays.insert(message, Replay { ticket, by, until });
        self.outputs.push_back(Output::Read(message));
    }

    pub(super) fn replay_found(
        &mut self,
        now: Now,
        message: MessageId,
        replay: Replay,
        found: Option<Message<String>>,
    ) {
        let Replay { ticket, by, until } = replay;
        let refuse = |why| Output::Wished(ticket, why);
        let Some(found) = found else {
            let why = Wished::NotNow(NotStored::NotReady);
            return self.outputs.push_back(refuse(why));
        };
        let state = self.memory.state(message).unwrap_or(found.state);
        let Some(out) = found.out.filter(|_| state.may_be_replayed()) else {
            return self.outputs.push_back(refuse(Wished::Different));
        };
        if !self.healthy || self.outs.len() >= MOST_OPEN {
            let why = Wished::NotNow(NotStored::TooMuch);
            return self.outputs.push_back(refuse(why));
        }
        let what = What::Queued {
            message,
            way: found.way,
            pieces: found.pieces,
            subject: found.subject,
            answers: found.answers,
            by: out.by,
            purpose: out.purpose,
            reply: out.reply,
            until,
            not_before: None,
            once: None,
            instead_of: out.instead_of,
            asker: None,
        };
        let (conversation, contact) = (found.conversation, found.contact);
        let again = Entry { at: now.unix, conversation, contact, what };
        let what = What::Replayed { message, by };
        let replayed = Entry { at: now.unix, conversation, contact, what };
        self.drop_out(message);
        self.take_out(message, &again);
        let state = State::Queued;
        let memo = self.memory.note_state(message, state);
        let told = After::Tell(Happened::Stands { message, conversation, contact, state });
        let answer = After::Wish(ticket, Wished::Queued(message, conversation));
        let facts = [replayed, again].map(|entry| Fact::Entry(Box::new(entry)));
        self.record(facts.into(), vec![answer, After::Enter(message), told], vec![memo]);
    }
}

/// What is taken back.
impl Ledger {
    /// Somebody takes a message back that is not given away yet; answered with [`Output::Wished`].
    pub fn handle_withdraw(&mut self, now: Now, ticket: u64, message: MessageId) {
        let conversation = self.outs.get(&message).map(|out| out.conversation);
        match conversation {
            Some(conversation) if self.take_back(now, message, Stop::Withdrawn) => {
                // It is taken back when that is on the disk.
                let answer = After::Wish(ticket, Wished::Queued(message, conversation));
                self.record(Vec::new(), vec![answer], Vec::new());
            }
            _ => self.outputs.push_back(Output::Wished(ticket, Wished::Different)),
        }
    }

    /// A message that is not given away does not go out. Answers whether that is so.
    pub(super) fn take_back(&mut self, now: Now, message: MessageId, why: Stop) -> bool {
        let Some(out) = self.outs.get(&message) else { return false };
        let (channel, to, place) = (out.way.channel.clone(), out.way.address(), out.place());
        match out.phase {
            Phase::Waiting => {
                if let Some(line) = self.lines.get_mut(&channel) {
                    line.leave(&to, place);
                }
            }
            Phase::Written | Phase::Held => {}
            Phase::Reading | Phase::Asking | Phase::Trying => self.release(now, message),
            Phase::Given(_)
            | Phase::Sent
            | Phase::Recalling
            | Phase::Reaching
            | Phase::Replaced => return false,
        }
        self.stop(now, message, why);
        true
    }
}

/// A message that somebody wants sent again.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    ticket: u64,
    by: ActorId,
    until: UnixTime,
}

/// Whoever was erased.
impl Ledger {
    /// Messages whose people were erased: nothing of them is sent.
    pub fn handle_gone(&mut self, now: Now, gone: &[(MessageId, Gone)]) {
        for (message, Gone { conversation, contact }) in gone {
            let what = What::Stopped { message: *message, why: Stop::Erased };
            let (conversation, contact) = (*conversation, *contact);
            let entry = Entry { at: now.unix, conversation, contact, what };
            self.record(vec![Fact::Entry(Box::new(entry))], Vec::new(), Vec::new());
        }
    }

    /// These people were erased: what was to go out to them does not.
    pub fn handle_erased(&mut self, now: Now, contacts: &[ContactId]) {
        let theirs = self.outs.iter().filter(|(_, out)| contacts.contains(&out.contact));
        let theirs: Vec<_> = theirs.map(|(message, _)| *message).collect();
        for message in theirs {
            self.take_back(now, message, Stop::Erased);
        }
    }
}
