//! Whose turn it is, and what is given away: one at a time for each person, and never before its attempt is on the disk.

use std::time::Duration;

use super::going::{ASK_AGAIN, Permission, Phase};
use super::{After, CODE, Due, Ledger, Output};
use crate::id::{ChannelId, MessageId};
use crate::messaging::channel::Order;
use crate::messaging::contract::{Failure, Fault, Outgoing};
use crate::messaging::entry::{Stop, What};
use crate::messaging::piece::Piece;
use crate::messaging::record::{Message, State};
use crate::time::{Now, UnixTime};

/// How long a channel may take to say what came of an attempt. Each says so earlier by itself.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

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

    pub(super) fn turn(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        if out.until <= now.unix {
            return self.stop(now, message, Stop::Expired);
        }
        let (channel, to) = (out.way.channel.clone(), out.way.address());
        self.lines.entry(channel).or_default().busy(&to, true);
        self.make_ready(message);
    }

    /// Asks for what is missing of a message whose turn it is, and at last whether it may go.
    fn make_ready(&mut self, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        let (phase, output) = match (out.words.is_some(), out.quotes()) {
            (false, _) => (Phase::Reading, Output::Read(message)),
            (true, Some(answers)) => {
                let channel = out.way.channel.clone();
                (Phase::Reading, Output::Quote { message, answers, channel })
            }
            (true, None) => (Phase::Asking, Output::MayGo(Box::new(out.going(message)))),
        };
        out.phase = phase;
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
        let instead = out.phase == Phase::Recalling;
        if out.phase != Phase::Reading && !instead {
            return;
        }
        match found {
            Some(message) => {
                // For this once they are held though there may be no room: it goes on at once.
                self.take_words(id, message.pieces, message.subject);
                match instead {
                    true => self.reach(now, id),
                    false => self.make_ready(id),
                }
            }
            None if ready && instead => self.retire(id),
            None if instead => _ = self.timers.set(now.instant + ASK_AGAIN, Due::Recall(id)),
            None if ready => {
                self.release(now, id);
                self.stop(now, id, Stop::Erased);
            }
            None => self.later(now, id, now.unix + ASK_AGAIN),
        }
    }

    /// What its channel calls the message that another one answers; nothing: it has no name there. `ready` is whether the
    /// store answered.
    pub fn handle_quote(&mut self, now: Now, id: MessageId, name: Option<String>, ready: bool) {
        let Some(out) = self.outs.get_mut(&id) else { return };
        if out.phase != Phase::Reading {
            return;
        }
        if !ready {
            return self.later(now, id, now.unix + ASK_AGAIN);
        }
        out.quote = Some(name);
        self.make_ready(id);
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
    pub(super) fn in_window(&self, now: Now, message: MessageId) -> bool {
        let Some(out) = self.outs.get(&message) else { return false };
        let Some(window) = self.window(&out.way.channel) else { return true };
        let template = |piece: &Piece<String>| matches!(piece, Piece::Template { .. });
        let templates = out.words.as_ref().is_some_and(|(pieces, _)| pieces.iter().any(template));
        let heard = self.heard.get(&(out.way.channel.clone(), out.way.address()));
        templates || heard.is_none_or(|at| now.unix.since(*at) < window)
    }

    /// It is asked about once more, at its place.
    pub(super) fn later(&mut self, now: Now, message: MessageId, at: UnixTime) {
        let Some(out) = self.outs.get(&message) else { return };
        let (channel, to) = (out.way.channel.clone(), out.way.address());
        let line = self.lines.entry(channel).or_default();
        line.sticks(&to, message, true);
        self.hold_until(now, message, at);
        self.release(now, message);
    }

    /// Writes an attempt down; it is made once that is on the disk.
    pub(super) fn attempt(&mut self, now: Now, message: MessageId) {
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
            from: out.way.own.clone(),
            pieces,
            answers: out.quote.clone().flatten(),
            thread: out.way.thread.clone(),
            subject,
            until: out.until,
            urgent: out.purpose == CODE,
        };
        let channel = out.way.channel.clone();
        self.order(&channel, Order::Send(Box::new(outgoing)));
    }
}
