//! What is to go out: asked for once, and in its row when it is on the disk.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::line::Place;
use super::{
    After, Ask, CODE, Due, Fact, Found, Going, Happened, Ledger, Look, MOST_LOOKS, MOST_OPEN,
    MOST_WORDS, Output, Wish, Wished,
};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::messaging::channel::NotStored;
use crate::messaging::contract::Status;
use crate::messaging::entry::{Entry, Stop, Way, What};
use crate::messaging::kept::{Kept, Once, Pending, Stage};
use crate::messaging::piece::Piece;
use crate::messaging::record::{Message, State};
use crate::time::{Now, TimerId, UnixTime};

/// How soon something is asked again that could not be answered.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Keys under which something was asked for that are remembered.
const MOST_ONCE: usize = 10_000;
/// For how long.
const ONCE_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A message on its way out.
#[derive(Debug, Clone)]
pub(super) struct Out {
    pub conversation: ConversationId,
    pub contact: ContactId,
    pub way: Way<String>,
    /// What it says, where that is held.
    pub words: Option<(Vec<Piece<String>>, Option<String>)>,
    pub purpose: String,
    pub reply: bool,
    pub until: UnixTime,
    pub not_before: Option<UnixTime>,
    /// Which message it answers.
    pub answers: Option<MessageId>,
    /// What its channel calls that one; asked for once.
    pub quote: Option<Option<String>>,
    /// It stands for another that did not arrive.
    pub instead: bool,
    /// An application wants it sent.
    pub asked: bool,
    pub attempt: u8,
    pub order: u64,
    pub phase: Phase,
    pub state: State,
    /// Since when it is to go out.
    pub since: UnixTime,
    pub references: Vec<String>,
    pub parts: BTreeMap<String, Status>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is written down, and not known to be on the disk.
    Written,
    /// It waits in its channel's row.
    Waiting,
    /// It waits for a time.
    Held,
    /// What it says is being read.
    Reading,
    /// It is asked whether it may go.
    Asking,
    /// Its attempt is on its way to the disk.
    Trying,
    /// It is given away.
    Given(TimerId),
    /// The other side has it.
    Sent,
    /// It is to go another way, and what it says is being read.
    Recalling,
    /// It is to go another way, which is asked for.
    Reaching,
    /// Nothing more is to be done about it.
    Replaced,
}

/// Whether a message may be sent at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Go,
    /// Not before this.
    NotBefore(UnixTime),
    /// Never.
    Never(Stop),
    /// Nobody can say so at this moment.
    NotKnown,
}

/// Wishes.
impl Ledger {
    /// Somebody wants a message sent; answered with [`Output::Wished`].
    pub fn handle_wish(&mut self, now: Now, ticket: u64, wish: Wish) {
        if let Some(answer) = self.asked_before(&wish) {
            // What it repeats may not be on the disk yet.
            return self.record(Vec::new(), vec![After::Wish(ticket, answer)], Vec::new());
        }
        let answer = match () {
            () if !self.settings.channels.contains_key(&wish.way.channel) => Wished::NoChannel,
            () if !self.healthy => Wished::NotNow(NotStored::Disk),
            () if !self.ready => Wished::NotNow(NotStored::NotReady),
            () if self.outs.len() >= MOST_OPEN
                || self.looks.len() >= MOST_LOOKS
                || self.is_full() =>
            {
                Wished::NotNow(NotStored::TooMuch)
            }
            () => {
                if let Some((_, Some(_))) = wish.known {
                    return self.queue(now, Some(ticket), wish, &Found::default());
                }
                let ask = Ask {
                    address: Some(wish.way.address()),
                    thread: wish.way.thread.clone(),
                    channel: wish.way.channel.clone(),
                    keys: Vec::new(),
                    references: Vec::new(),
                };
                return self.look(Look::Wish(ticket, Box::new(wish)), ask);
            }
        };
        self.outputs.push_back(Output::Wished(ticket, answer));
    }

    pub(super) fn wish_found(&mut self, now: Now, ticket: u64, wish: Wish, found: Option<Found>) {
        let why = match &found {
            _ if !self.healthy => Some(NotStored::Disk),
            None => Some(NotStored::NotReady),
            Some(_) => None,
        };
        match (why, found) {
            (None, Some(found)) => match self.asked_before(&wish) {
                Some(answer) => {
                    self.record(Vec::new(), vec![After::Wish(ticket, answer)], Vec::new());
                }
                None => self.queue(now, Some(ticket), wish, &found),
            },
            (why, _) => {
                let answer = Wished::NotNow(why.unwrap_or(NotStored::NotReady));
                self.outputs.push_back(Output::Wished(ticket, answer));
            }
        }
    }

    fn asked_before(&self, wish: &Wish) -> Option<Wished> {
        let (key, body) = wish.once?;
        let once = self.once.get(&key)?;
        Some(match once.body == body {
            true => Wished::Queued(once.message, once.conversation),
            false => Wished::Different,
        })
    }

    /// Writes down that a message is to go out.
    pub(super) fn queue(&mut self, now: Now, ticket: Option<u64>, wish: Wish, found: &Found) {
        let (mut facts, mut memos) = (Vec::new(), Vec::new());
        let address = wish.way.address();
        let contact = match wish.known {
            Some((contact, _)) => contact,
            None => self.person(&address, found, &None, &mut facts, &mut memos),
        };
        let conversation = match wish.known.and_then(|(_, conversation)| conversation) {
            Some(conversation) => conversation,
            None => self.talk(contact, &wish.way, found, &mut memos),
        };
        let message = MessageId(self.random.bits());
        if let Some((key, body)) = wish.once {
            let at = now.unix;
            self.remember(now, key, Once { body, message, conversation, at });
        }
        let what = What::Queued {
            message,
            way: wish.way.clone(),
            pieces: wish.pieces.clone(),
            subject: wish.subject.clone(),
            answers: wish.answers,
            by: wish.by.clone(),
            purpose: wish.purpose.clone(),
            reply: wish.reply,
            until: wish.until,
            not_before: wish.not_before,
            once: wish.once,
            instead_of: None,
            asker: wish.asker.clone(),
        };
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.take_out(message, &entry);
        if let (Some(quote), Some(out)) = (wish.quote, self.outs.get_mut(&message)) {
            out.quote = Some(Some(quote));
        }
        let told = written(&entry);
        facts.push(Fact::Entry(Box::new(entry)));
        let answer =
            ticket.map(|ticket| After::Wish(ticket, Wished::Queued(message, conversation)));
        let afters = answer.into_iter().chain([After::Enter(message)]).chain(told);
        self.record(facts, afters.collect(), memos);
    }

    fn remember(&mut self, now: Now, key: crate::messaging::Fingerprint, once: Once) {
        while let Some(oldest) = self.once_order.front().copied() {
            let old = self.once.get(&oldest).is_none_or(|once| now.unix.since(once.at) > ONCE_KEPT);
            if !old && self.once_order.len() < MOST_ONCE {
                break;
            }
            self.once_order.pop_front();
            self.once.remove(&oldest);
        }
        if self.once.insert(key, once).is_none() {
            self.once_order.push_back(key);
        }
    }

    /// A message is to go out from here on.
    pub(super) fn take_out(&mut self, message: MessageId, entry: &Entry<String>) {
        self.order += 1;
        let Some(pending) = Pending::new(entry, self.order) else { return };
        let mut out = Out::new(pending);
        if let What::Queued { pieces, subject, .. } = &entry.what {
            out.words = self.hold(pieces.clone(), subject.clone());
        }
        self.outs.insert(message, out);
    }

    /// Holds words while there is room.
    fn hold(
        &mut self,
        pieces: Vec<Piece<String>>,
        subject: Option<String>,
    ) -> Option<(Vec<Piece<String>>, Option<String>)> {
        let words = Some((pieces, subject));
        let length = length(&words);
        if self.words + length > MOST_WORDS {
            return None;
        }
        self.words += length;
        words
    }

    /// Holds what was read of a message.
    pub(super) fn take_words(
        &mut self,
        message: MessageId,
        pieces: Vec<Piece<String>>,
        subject: Option<String>,
    ) {
        let words = Some((pieces, subject));
        if let Some(out) = self.outs.get_mut(&message) {
            self.words += length(&words);
            out.words = words;
        }
    }

    /// It is on the disk: it waits for its turn.
    pub(super) fn enter(&mut self, now: Now, message: MessageId) {
        // What was taken back on its way to the disk does not wait.
        let Some(out) = self.outs.get(&message).filter(|out| out.phase == Phase::Written) else {
            return;
        };
        match out.not_before.filter(|at| *at > now.unix) {
            Some(at) => self.hold_until(now, message, at),
            None => self.put_in_row(now, message),
        }
    }

    pub(super) fn put_in_row(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        out.phase = Phase::Waiting;
        let (channel, to, place) = (out.way.channel.clone(), out.way.address(), out.place());
        if !self.settings.channels.contains_key(&channel) {
            return self.stop(now, message, Stop::NoChannel);
        }
        let line = self.lines.entry(channel.clone()).or_default();
        line.sticks(&to, message, false);
        line.enter(&to, place, message);
        if let Some((_, Some(after))) = &line.rules.fallback {
            self.timers.set(now.instant + *after, Due::Undelivered(message));
        }
        self.pump(now, &channel);
    }

    pub(super) fn hold_until(&mut self, now: Now, message: MessageId, at: UnixTime) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        out.phase = Phase::Held;
        let wait = at.since(now.unix).max(Duration::from_millis(1));
        self.timers.set(now.instant + wait, Due::Again(message));
    }

    /// What waited before a restart for a channel that may carry nothing has waited that long already; not what is to go out at
    /// a later time.
    fn waited(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get(&message) else { return };
        let rules = self.settings.channels.get(&out.way.channel);
        let after = rules.and_then(|rules| rules.fallback.as_ref()).and_then(|(_, after)| *after);
        if let Some(after) = after.filter(|_| out.not_before.is_none()) {
            let wait = after.saturating_sub(now.unix.since(out.since));
            self.timers.set(now.instant + wait, Due::Undelivered(message));
        }
    }

    /// A message that waited for a time waits for its turn.
    pub(super) fn again(&mut self, now: Now, message: MessageId) {
        if self.outs.get(&message).is_some_and(|out| out.phase == Phase::Held) {
            self.put_in_row(now, message);
        }
    }
}

/// Over a restart.
impl Ledger {
    /// Takes up what was not done with. What was about to be sent is unknown from here on.
    pub(super) fn take_up(&mut self, now: Now, kept: Kept<String>) {
        let Kept { open, once, once_order, .. } = kept;
        self.once = once;
        self.once_order = once_order.into_values().collect::<VecDeque<_>>();
        for (message, pending) in open {
            let (stage, sent) = (pending.stage, pending.sent);
            let mut out = Out::new(pending);
            out.phase = if stage == Stage::Sent { Phase::Sent } else { Phase::Written };
            out.state = match stage {
                Stage::Waiting => State::Queued,
                Stage::Trying => State::Sending,
                Stage::Sent => State::Sent,
            };
            for reference in &out.references {
                let place = (out.way.channel.clone(), reference.clone());
                self.references.insert(place, message);
            }
            self.outs.insert(message, out);
            match stage {
                Stage::Waiting => {
                    self.waited(now, message);
                    self.enter(now, message);
                }
                Stage::Trying => {
                    self.counts.unknown += 1;
                    self.end(now, message, What::Unknown { message }, State::Unknown);
                }
                Stage::Sent => {
                    let since = sent.map_or(Duration::ZERO, |sent| now.unix.since(sent));
                    self.follow(now, message, since);
                }
            }
        }
    }
}

impl Out {
    fn new(pending: Pending<String>) -> Out {
        Out {
            conversation: pending.conversation,
            contact: pending.contact,
            way: pending.way,
            words: None,
            purpose: pending.purpose,
            reply: pending.reply,
            until: pending.until,
            not_before: pending.not_before,
            answers: pending.answers,
            quote: None,
            instead: pending.instead,
            asked: pending.asked,
            attempt: pending.attempt,
            order: pending.order,
            phase: Phase::Written,
            state: State::Queued,
            since: pending.since,
            references: pending.references,
            parts: pending.parts,
        }
    }

    pub(super) fn place(&self) -> Place {
        (self.purpose != CODE, self.order)
    }

    /// The message that it answers, while it is not known what its channel calls that.
    pub(super) fn quotes(&self) -> Option<MessageId> {
        self.answers.filter(|_| self.quote.is_none())
    }

    pub(super) fn going(&self, message: MessageId) -> Going {
        Going {
            message,
            contact: self.contact,
            way: self.way.clone(),
            purpose: self.purpose.clone(),
            reply: self.reply,
        }
    }

    pub(super) fn fact(&self, now: Now, what: What<String>) -> Fact {
        let (conversation, contact) = (self.conversation, self.contact);
        Fact::Entry(Box::new(Entry { at: now.unix, conversation, contact, what }))
    }
}

/// Tells of a message that is to go out.
pub(super) fn written(entry: &Entry<String>) -> Option<After> {
    let message = Message::begun(entry).map(Box::new)?;
    Some(After::Tell(Happened::Written { message, reference: None }))
}

/// Bytes that words take.
pub(super) fn length(words: &Option<(Vec<Piece<String>>, Option<String>)>) -> usize {
    let Some((pieces, subject)) = words else { return 0 };
    let of = |piece: &Piece<String>| match piece {
        Piece::Text { text } => text.len(),
        Piece::Template { values, .. } => values.iter().map(String::len).sum(),
        _ => 64,
    };
    pieces.iter().map(of).sum::<usize>() + subject.as_ref().map_or(0, String::len)
}
