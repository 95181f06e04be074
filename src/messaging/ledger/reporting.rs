//! What becomes of messages that the other side has: statuses that only go forward, of whole messages and of parts.

use std::time::Duration;

use super::{After, Ask, Due, Fact, Found, Happened, Ledger, Look, MOST_LOOKS, Memo, tells};
use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::messaging::address::Address;
use crate::messaging::channel::{NotStored, Receipt};
use crate::messaging::contract::{Report, Status};
use crate::messaging::entry::{Entry, What};
use crate::messaging::record::State;
use crate::time::{Now, UnixTime};

/// How long a report waits for the answer that names its message: the other side may be quicker to report than to answer.
const EARLY: Duration = Duration::from_secs(30);
/// Reports that wait so.
const MOST_EARLY: usize = 1_000;

/// A message as far as reports ask.
#[derive(Debug, Clone, Copy)]
struct Of {
    message: MessageId,
    conversation: ConversationId,
    contact: ContactId,
    state: State,
}

impl Ledger {
    pub(super) fn report(
        &mut self,
        now: Now,
        channel: &ChannelId,
        receipt: Receipt,
        report: Report,
    ) {
        let place = (channel.clone(), report.reference.clone());
        if let Some(message) = self.references.get(&place).copied() {
            return self.report_on(now, (channel.clone(), receipt), message, report);
        }
        if self.looks.len() >= MOST_LOOKS {
            return self.turn_away(channel, receipt, NotStored::TooMuch);
        }
        let ask = Ask {
            address: None,
            thread: None,
            channel: channel.clone(),
            keys: Vec::new(),
            references: vec![report.reference.clone()],
        };
        self.look(Look::Report(channel.clone(), receipt, report), ask);
    }

    /// The store says which message a report names.
    pub(super) fn named(
        &mut self,
        now: Now,
        (channel, receipt): (ChannelId, Receipt),
        report: Report,
        found: &Found,
    ) {
        let place = (channel.clone(), report.reference.clone());
        if let Some(message) = self.references.get(&place).copied() {
            return self.report_on(now, (channel, receipt), message, report);
        }
        let named = found.named.iter().find(|named| named.reference == report.reference);
        match named {
            Some(named) => {
                let state = self.memory.state(named.message).unwrap_or(named.state);
                let (message, conversation) = (named.message, named.conversation);
                let of = Of { message, conversation, contact: named.contact, state };
                let done = After::Receipt(channel, receipt);
                self.became(now, of, report.status, Some(done));
            }
            None if self.is_answered_for(&place.0) => {
                self.counts.stray += 1;
                self.done_with(&channel, receipt);
            }
            None if self.early.len() < MOST_EARLY => {
                if !self.early.contains_key(&place) {
                    let due = Due::Stray(place.0.clone(), place.1.clone());
                    self.timers.set(now.instant + EARLY, due);
                }
                self.early.entry(place).or_default().push((receipt, report));
            }
            None => {
                self.counts.stray += 1;
                self.done_with(&channel, receipt);
            }
        }
    }

    /// Whether a channel owes us no names: what it reports then and we do not know is somebody else's, who sends by the same
    /// account, or of a message that is unknown since a restart.
    fn is_answered_for(&self, channel: &ChannelId) -> bool {
        self.lines.get(channel).is_none_or(|line| line.given == 0)
    }

    /// A report has waited long enough: it names nothing of ours.
    pub(super) fn stray(&mut self, channel: &ChannelId, reference: &str) {
        let place = (channel.clone(), reference.to_owned());
        for (receipt, _) in self.early.remove(&place).unwrap_or_default() {
            self.counts.stray += 1;
            self.done_with(channel, receipt);
        }
    }

    /// A message has names by now: reports that came before are about it.
    pub(super) fn take_early(&mut self, now: Now, channel: &ChannelId, references: &[String]) {
        for reference in references {
            let place = (channel.clone(), reference.clone());
            for (receipt, report) in self.early.remove(&place).unwrap_or_default() {
                self.report(now, channel, receipt, report);
            }
        }
    }

    /// A report on a message that is followed here.
    fn report_on(
        &mut self,
        now: Now,
        (channel, receipt): (ChannelId, Receipt),
        message: MessageId,
        report: Report,
    ) {
        let done = After::Receipt(channel, receipt);
        let Some(out) = self.outs.get_mut(&message) else {
            return self.record(Vec::new(), vec![done], Vec::new());
        };
        let (conversation, contact) = (out.conversation, out.contact);
        let of = Of { message, conversation, contact, state: out.state };
        if out.references.len() < 2 || matches!(report.status, Status::Sent) {
            return self.became(now, of, report.status, Some(done));
        }
        let known = out.parts.get(&report.reference).map_or(State::Sent, tells);
        if !known.leads_to(&report.status) {
            return self.record(Vec::new(), vec![done], Vec::new());
        }
        out.parts.insert(report.reference.clone(), report.status.clone());
        let states =
            out.references.iter().map(|part| out.parts.get(part).map_or(State::Sent, tells));
        let least = states.min().unwrap_or(State::Sent);
        let whole = match (&report.status, least) {
            (Status::Failed(_), _) => Some(report.status.clone()),
            (_, State::Delivered) => Some(Status::Delivered),
            (_, State::Read) => Some(Status::Read),
            _ => None,
        };
        let what =
            What::Part { message, reference: report.reference, status: report.status.clone() };
        self.record(vec![of.entry(now, what)], vec![done], Vec::new());
        if let Some(status) = whole {
            self.became(now, of, status, None);
        }
    }

    /// Something became of a message. What leads back changes nothing.
    fn became(&mut self, now: Now, of: Of, status: Status, done: Option<After>) {
        let mut afters: Vec<_> = done.into_iter().collect();
        let state = tells(&status);
        if !of.state.leads_to(&status) || state == of.state {
            return self.record(Vec::new(), afters, Vec::new());
        }
        let Of { message, conversation, contact, .. } = of;
        afters.push(After::Tell(Happened::Stands { message, conversation, contact, state }));
        let mut memos = vec![self.memory.note_state(message, state)];
        let failure = match &status {
            Status::Failed(failure) => Some(failure.clone()),
            _ => None,
        };
        if let Some(out) = self.outs.get_mut(&message) {
            out.state = state;
            if state == State::Read || (state >= State::Delivered && failure.is_none()) {
                memos.push(Memo::Out(message));
            }
        }
        let what = What::Became { message, status };
        self.record(vec![of.entry(now, what)], afters, memos);
        if let Some(failure) = failure {
            self.failed_on_the_way(now, message, &failure);
        }
    }

    /// Somebody has read everything that was written to them by a channel up to a moment.
    pub(super) fn read_up_to(
        &mut self,
        now: Now,
        (channel, receipt): (&ChannelId, Receipt),
        from: &Address,
        at: UnixTime,
    ) {
        let theirs = self.outs.iter().filter(|(_, out)| {
            out.way.channel == *channel && out.way.address() == *from && out.since <= at
        });
        let followed =
            theirs.filter(|(_, out)| matches!(out.state, State::Sent | State::Delivered));
        let all: Vec<_> = followed
            .map(|(message, out)| Of {
                message: *message,
                conversation: out.conversation,
                contact: out.contact,
                state: out.state,
            })
            .collect();
        all.into_iter().for_each(|of| self.became(now, of, Status::Read, None));
        self.record(Vec::new(), vec![After::Receipt(channel.clone(), receipt)], Vec::new());
    }
}

impl Of {
    fn entry(self, now: Now, what: What<String>) -> Fact {
        let Of { conversation, contact, .. } = self;
        Fact::Entry(Box::new(Entry { at: now.unix, conversation, contact, what }))
    }
}
