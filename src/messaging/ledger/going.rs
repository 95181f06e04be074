//! What is to go out: asked for once, given away one at a time for each person, tried again, or said to be unknown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::line::Place;
use super::{
    After, Ask, CODE, Due, Fact, Found, Going, Happened, Ledger, Look, MOST_LOOKS, MOST_OPEN,
    MOST_WORDS, Memo, Output, Wish, Wished,
};
use crate::id::{ActorId, ChannelId, ContactId, ConversationId, MessageId};
use crate::messaging::channel::{NotStored, Order};
use crate::messaging::contract::{Failure, Fault, Outcome, Outgoing, Status};
use crate::messaging::entry::{Entry, Stop, Way, What};
use crate::messaging::kept::{Gone, Kept, Once, Pending, Stage};
use crate::messaging::piece::Piece;
use crate::messaging::record::{Message, State};
use crate::time::{Now, TimerId, UnixTime};

/// Tries of one message at a side that refuses or is away, before a person is to look at it: with the waits below some two
/// and a half hours.
pub const MOST_ATTEMPTS: u8 = 16;
/// The first wait; each is twice as long as the one before, and a quarter more or less, so that a thousand messages that
/// failed together do not come back together.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);
/// How long a channel may take to say what came of an attempt. Each says so earlier by itself.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How soon something is asked again that could not be answered.
const ASK_AGAIN: Duration = Duration::from_secs(2);
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
    words: Option<(Vec<Piece<String>>, Option<String>)>,
    purpose: String,
    reply: bool,
    until: UnixTime,
    not_before: Option<UnixTime>,
    /// It stands for another that did not arrive.
    instead: bool,
    attempt: u8,
    order: u64,
    phase: Phase,
    pub state: State,
    /// Since when it is to go out.
    pub since: UnixTime,
    pub references: Vec<String>,
    pub parts: BTreeMap<String, Status>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
    /// Another one is to go instead.
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
            () if self.outs.len() >= MOST_OPEN || self.looks.len() >= MOST_LOOKS => {
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
        };
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.take_out(now, message, &entry);
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
    fn take_out(&mut self, now: Now, message: MessageId, entry: &Entry<String>) {
        self.order += 1;
        let Some(pending) = Pending::new(entry, self.order) else { return };
        let mut out = Out::new(pending, now.unix);
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

    fn put_in_row(&mut self, now: Now, message: MessageId) {
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

    fn hold_until(&mut self, now: Now, message: MessageId, at: UnixTime) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        out.phase = Phase::Held;
        let wait = at.since(now.unix).max(Duration::from_millis(1));
        self.timers.set(now.instant + wait, Due::Again(message));
    }

    /// A message that waited for a time waits for its turn.
    pub(super) fn again(&mut self, now: Now, message: MessageId) {
        if self.outs.get(&message).is_some_and(|out| out.phase == Phase::Held) {
            self.put_in_row(now, message);
        }
    }
}

/// Turns.
impl Ledger {
    pub(super) fn pump_all(&mut self, now: Now) {
        let channels: Vec<_> = self.lines.keys().cloned().collect();
        channels.iter().for_each(|channel| self.pump(now, channel));
    }

    /// Gives a channel as much as it may have.
    pub(super) fn pump(&mut self, now: Now, channel: &ChannelId) {
        while self.healthy
            && self.ready
            && let Some(line) = self.lines.get_mut(channel)
        {
            match line.may_give(now.instant) {
                Ok(()) => {
                    let Some(message) = line.next() else { return };
                    line.spend();
                    self.turn(now, message);
                }
                Err(Some(at)) => {
                    if line.waking.is_none() {
                        line.waking = Some(self.timers.set(at, Due::Pump(channel.clone())));
                    }
                    return;
                }
                Err(None) => return,
            }
        }
    }

    fn turn(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        if out.until <= now.unix {
            return self.stop(now, message, Stop::Expired);
        }
        let (channel, to) = (out.way.channel.clone(), out.way.address());
        out.phase = if out.words.is_some() { Phase::Asking } else { Phase::Reading };
        let output = match out.words {
            Some(_) => Output::MayGo(Box::new(out.going(message))),
            None => Output::Read(message),
        };
        self.lines.entry(channel).or_default().busy(&to, true);
        self.outputs.push_back(output);
    }

    /// What a message says, as the store has it; nothing: it cannot be read. `ready` is whether the store answered.
    pub fn handle_words(
        &mut self,
        now: Now,
        found: Option<Message<String>>,
        id: MessageId,
        ready: bool,
    ) {
        if let Some(replayed) = self.replays.remove(&id) {
            return self.replay_found(now, id, replayed, found);
        }
        let Some(out) = self.outs.get_mut(&id) else { return };
        if out.phase != Phase::Reading {
            return;
        }
        match found {
            Some(message) => {
                self.words += length(&Some((message.pieces.clone(), message.subject.clone())));
                out.words = Some((message.pieces, message.subject));
                out.phase = Phase::Asking;
                let going = out.going(id);
                self.outputs.push_back(Output::MayGo(Box::new(going)));
            }
            None if ready => {
                self.release(now, id);
                self.stop(now, id, Stop::Erased);
            }
            None => self.later(now, id, now.unix + ASK_AGAIN),
        }
    }

    /// Whether a message may be sent at this moment.
    pub fn handle_permission(&mut self, now: Now, message: MessageId, permission: Permission) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        if out.phase != Phase::Asking {
            return;
        }
        match permission {
            Permission::Go if !self.in_window(now, message) => {
                self.release(now, message);
                let failure = Failure { fault: Fault::Window, code: String::new() };
                self.fail(now, message, failure);
            }
            Permission::Go => self.attempt(now, message),
            Permission::NotBefore(at) => {
                self.release(now, message);
                self.hold_until(now, message, at);
            }
            Permission::Never(why) => {
                self.release(now, message);
                self.stop(now, message, why);
            }
            Permission::NotKnown => self.later(now, message, now.unix + ASK_AGAIN),
        }
    }

    /// Whether the person wrote lately enough, where the channel asks for it and it is known.
    fn in_window(&self, now: Now, message: MessageId) -> bool {
        let Some(out) = self.outs.get(&message) else { return false };
        let Some(window) = self.window(&out.way.channel) else { return true };
        let template = |piece: &Piece<String>| matches!(piece, Piece::Template { .. });
        let templates = out.words.as_ref().is_some_and(|(pieces, _)| pieces.iter().any(template));
        let heard = self.heard.get(&(out.way.channel.clone(), out.way.address()));
        templates || heard.is_none_or(|at| now.unix.since(*at) < window)
    }

    /// It is asked about once more, at its place.
    fn later(&mut self, now: Now, message: MessageId, at: UnixTime) {
        let Some(out) = self.outs.get(&message) else { return };
        let (channel, to) = (out.way.channel.clone(), out.way.address());
        let line = self.lines.entry(channel).or_default();
        line.sticks(&to, message, true);
        self.hold_until(now, message, at);
        self.release(now, message);
    }

    /// Writes an attempt down; it is made once that is on the disk.
    fn attempt(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        out.phase = Phase::Trying;
        out.attempt = out.attempt.saturating_add(1);
        out.state = State::Sending;
        let what = What::Attempt { message, attempt: out.attempt };
        let fact = out.fact(now, what);
        let memo = self.memory.note_state(message, State::Sending);
        self.record(vec![fact], vec![After::Send(message)], vec![memo]);
    }

    /// Its attempt is on the disk: now it may be on the wire.
    pub(super) fn send(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        if out.phase != Phase::Trying {
            return;
        }
        let due = Due::Silent(message, out.attempt);
        out.phase = Phase::Given(self.timers.set(now.instant + PATIENCE, due));
        let (pieces, subject) = out.words.clone().unwrap_or_default();
        let outgoing = Outgoing {
            message,
            attempt: out.attempt,
            to: out.way.address(),
            from: None,
            pieces,
            answers: None,
            thread: out.way.thread.clone(),
            subject,
            until: out.until,
            urgent: out.purpose == CODE,
        };
        let channel = out.way.channel.clone();
        self.order(&channel, Order::Send(Box::new(outgoing)));
    }
}

/// What comes of attempts.
impl Ledger {
    pub(super) fn outcome(&mut self, now: Now, message: MessageId, attempt: u8, outcome: Outcome) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        let Phase::Given(timer) = out.phase else { return };
        if out.attempt != attempt {
            return;
        }
        self.timers.cancel(timer);
        let channel = out.way.channel.clone();
        match outcome {
            Outcome::Accepted { references } => self.accepted(now, message, references),
            Outcome::Refused(failure) => {
                if failure.fault.may_pass() && attempt < MOST_ATTEMPTS {
                    self.retry(now, message, Some(failure), None);
                } else {
                    self.release(now, message);
                    self.fail(now, message, failure);
                }
            }
            Outcome::Later(wait) => {
                let until = now.instant + wait.min(LONGEST_BACK_OFF);
                let line = self.lines.entry(channel).or_default();
                line.paused = line.paused.max(Some(until));
                self.retry(now, message, None, Some(wait.min(LONGEST_BACK_OFF)));
            }
            Outcome::Away if attempt < MOST_ATTEMPTS => self.retry(now, message, None, None),
            Outcome::Away => {
                self.release(now, message);
                let failure = Failure { fault: Fault::Network, code: String::new() };
                self.fail(now, message, failure);
            }
            Outcome::Doubtful => self.unknown(now, message),
        }
    }

    fn accepted(&mut self, now: Now, message: MessageId, references: Vec<String>) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        (out.phase, out.state) = (Phase::Sent, State::Sent);
        out.references.clone_from(&references);
        let channel = out.way.channel.clone();
        let (conversation, contact, state) = (out.conversation, out.contact, State::Sent);
        let fact = out.fact(now, What::Accepted { message, references: references.clone() });
        let told = After::Tell(Happened::Stands { message, conversation, contact, state });
        let mut memos = vec![self.memory.note_state(message, State::Sent)];
        let rules = self.settings.channels.get(&channel);
        let waits = rules.and_then(|rules| rules.fallback.as_ref()).and_then(|(_, after)| *after);
        match waits {
            Some(after) => _ = self.timers.set(now.instant + after, Due::Undelivered(message)),
            // Of a text in one part the store says which it is.
            None if references.len() < 2 => memos.push(Memo::Out(message)),
            None => {}
        }
        for reference in &references {
            self.references.insert((channel.clone(), reference.clone()), message);
        }
        self.record(vec![fact], vec![told], memos);
        self.release(now, message);
        self.take_early(now, &channel, &references);
    }

    /// It is tried again: after a wait that was asked for, or one that grows.
    fn retry(
        &mut self,
        now: Now,
        message: MessageId,
        why: Option<Failure>,
        wait: Option<Duration>,
    ) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        let grown =
            FIRST_WAIT.saturating_mul(1 << u32::from(out.attempt.saturating_sub(1)).min(16));
        let grown = grown.min(LONGEST_BACK_OFF);
        let quarter = u64::try_from(grown.as_millis() / 4).unwrap_or(0);
        let jitter = Duration::from_millis(self.random.below(2 * quarter + 1));
        let wait = wait.unwrap_or(grown - Duration::from_millis(quarter) + jitter);
        let again = now.unix + wait;
        out.state = State::Queued;
        let fact = out.fact(now, What::Retry { message, why, again });
        let memo = self.memory.note_state(message, State::Queued);
        self.record(vec![fact], Vec::new(), vec![memo]);
        self.later(now, message, again);
    }

    fn unknown(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        out.state = State::Unknown;
        self.counts.unknown += 1;
        self.release(now, message);
        self.end(now, message, What::Unknown { message }, State::Unknown);
    }

    /// No outcome came.
    pub(super) fn silent(&mut self, now: Now, message: MessageId, attempt: u8) {
        let given = |out: &Out| matches!(out.phase, Phase::Given(_)) && out.attempt == attempt;
        if self.outs.get(&message).is_some_and(given) {
            self.unknown(now, message);
        }
    }

    /// It will not arrive: it is said so, and goes another way where the site says one.
    fn fail(&mut self, now: Now, message: MessageId, failure: Failure) {
        let status = Status::Failed(failure.clone());
        let instead = self.goes_instead(message, &failure);
        self.end(now, message, What::Became { message, status }, State::Failed);
        if instead {
            self.reach(message);
        }
    }

    /// The other side had it, and says that it will not arrive.
    pub(super) fn failed_on_the_way(&mut self, now: Now, message: MessageId, failure: &Failure) {
        if self.goes_instead(message, failure) {
            self.reach(message);
        } else {
            self.retire(now, message);
        }
    }

    fn goes_instead(&self, message: MessageId, failure: &Failure) -> bool {
        let Some(out) = self.outs.get(&message) else { return false };
        let rules = self.settings.channels.get(&out.way.channel);
        let way = rules.is_some_and(|rules| rules.fallback.is_some());
        way && !out.instead && out.words.is_some() && failure.fault != Fault::Refused
    }

    fn reach(&mut self, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        let rules = self.settings.channels.get(&out.way.channel);
        let Some((channel, _)) = rules.and_then(|rules| rules.fallback.clone()) else { return };
        out.phase = Phase::Replaced;
        let contact = out.contact;
        self.outputs.push_back(Output::Reach { message, contact, channel });
    }

    /// It has not arrived in time, or waits for a channel that carries nothing.
    pub(super) fn undelivered(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get(&message) else { return };
        let channel = out.way.channel.clone();
        let down = self.lines.get(&channel).is_some_and(|line| !line.state.carries());
        match out.phase {
            Phase::Sent => {
                let failure = Failure { fault: Fault::Expired, code: String::new() };
                if self.goes_instead(message, &failure) {
                    self.reach(message);
                }
            }
            Phase::Waiting if down => {
                let (to, place) = (out.way.address(), out.place());
                if let Some(line) = self.lines.get_mut(&channel) {
                    line.leave(&to, place);
                }
                let failure = Failure { fault: Fault::Network, code: String::new() };
                self.fail(now, message, failure);
            }
            _ => {}
        }
    }

    /// How the same person is reached by another channel; nothing: they are not.
    pub fn handle_reach(&mut self, now: Now, message: MessageId, way: Option<Way<String>>) {
        let Some(out) = self.outs.get(&message) else { return };
        if out.phase != Phase::Replaced {
            return;
        }
        let (Some(way), Some((pieces, subject))) = (way, out.words.clone()) else {
            return self.retire(now, message);
        };
        let other = MessageId(self.random.bits());
        let (conversation, contact) = (out.conversation, out.contact);
        let what = What::Queued {
            message: other,
            way,
            pieces,
            subject,
            answers: None,
            by: ActorId::from(super::BOX),
            purpose: out.purpose.clone(),
            reply: out.reply,
            until: out.until,
            not_before: None,
            once: None,
            instead_of: Some(message),
        };
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.take_out(now, other, &entry);
        let afters = [After::Enter(other)].into_iter().chain(written(&entry)).collect();
        self.record(vec![Fact::Entry(Box::new(entry))], afters, Vec::new());
        self.retire(now, message);
    }

    /// A channel is up, down, or somewhere between.
    pub(super) fn line_changed(&mut self, now: Now, channel: &ChannelId) {
        self.pump(now, channel);
        let Some(line) = self.lines.get(channel).filter(|line| !line.state.carries()) else {
            return;
        };
        if let Some((_, Some(after))) = &line.rules.fallback {
            let (at, waiting) = (now.instant + *after, line.waiting().collect::<Vec<_>>());
            for message in waiting {
                self.timers.set(at, Due::Undelivered(message));
            }
        }
    }

    /// The branch itself does not send it.
    fn stop(&mut self, now: Now, message: MessageId, why: Stop) {
        self.end(now, message, What::Stopped { message, why }, State::Stopped);
    }

    /// Nothing more becomes of it by itself.
    fn end(&mut self, now: Now, message: MessageId, what: What<String>, state: State) {
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

    /// The ledger is done with it, as soon as the store shows that.
    fn retire(&mut self, _now: Now, message: MessageId) {
        self.record(Vec::new(), Vec::new(), vec![Memo::Out(message)]);
    }

    /// It is not on its way any more: the next of the same person may go.
    fn release(&mut self, now: Now, message: MessageId) {
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

    fn replay_found(
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
        };
        let (conversation, contact) = (found.conversation, found.contact);
        let again = Entry { at: now.unix, conversation, contact, what };
        let what = What::Replayed { message, by };
        let replayed = Entry { at: now.unix, conversation, contact, what };
        self.drop_out(message);
        self.take_out(now, message, &again);
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
    fn take_back(&mut self, now: Now, message: MessageId, why: Stop) -> bool {
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
            Phase::Given(_) | Phase::Sent | Phase::Replaced => return false,
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

/// Over a restart.
impl Ledger {
    /// Takes up what was not done with. What was about to be sent is unknown from here on.
    pub(super) fn take_up(&mut self, now: Now, kept: Kept<String>) {
        let Kept { open, once, once_order, .. } = kept;
        self.once = once;
        self.once_order = once_order.into_values().collect::<VecDeque<_>>();
        for (message, pending) in open {
            let stage = pending.stage;
            let mut out = Out::new(pending, now.unix);
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
                Stage::Waiting => self.enter(now, message),
                Stage::Trying => {
                    self.counts.unknown += 1;
                    self.end(now, message, What::Unknown { message }, State::Unknown);
                }
                Stage::Sent => {}
            }
        }
    }

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

impl Out {
    fn new(pending: Pending<String>, since: UnixTime) -> Out {
        Out {
            conversation: pending.conversation,
            contact: pending.contact,
            way: pending.way,
            words: None,
            purpose: pending.purpose,
            reply: pending.reply,
            until: pending.until,
            not_before: pending.not_before,
            instead: pending.instead,
            attempt: pending.attempt,
            order: pending.order,
            phase: Phase::Written,
            state: State::Queued,
            since,
            references: pending.references,
            parts: pending.parts,
        }
    }

    fn place(&self) -> Place {
        (self.purpose != CODE, self.order)
    }

    fn going(&self, message: MessageId) -> Going {
        Going {
            message,
            contact: self.contact,
            way: self.way.clone(),
            purpose: self.purpose.clone(),
            reply: self.reply,
        }
    }

    fn fact(&self, now: Now, what: What<String>) -> Fact {
        let (conversation, contact) = (self.conversation, self.contact);
        Fact::Entry(Box::new(Entry { at: now.unix, conversation, contact, what }))
    }
}

/// Tells of a message that is to go out.
fn written(entry: &Entry<String>) -> Option<After> {
    let message = Message::begun(entry).map(Box::new)?;
    Some(After::Tell(Happened::Written { message, reference: None }))
}

/// Bytes that words take.
fn length(words: &Option<(Vec<Piece<String>>, Option<String>)>) -> usize {
    let Some((pieces, subject)) = words else { return 0 };
    let of = |piece: &Piece<String>| match piece {
        Piece::Text { text } => text.len(),
        Piece::Template { values, .. } => values.iter().map(String::len).sum(),
        _ => 64,
    };
    pieces.iter().map(of).sum::<usize>() + subject.as_ref().map_or(0, String::len)
}
