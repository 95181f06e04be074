//! What comes of attempts: the other side has it, it is tried again or goes another way, or nobody knows.

use std::time::Duration;

use super::going::{Out, Phase, written};
use super::{After, Due, Fact, Happened, Ledger, Memo, Output};
use crate::id::{ActorId, ChannelId, MessageId};
use crate::messaging::contract::{Failure, Fault, Outcome, Status};
use crate::messaging::entry::{Entry, Way, What};
use crate::messaging::kept::MOST_FOLLOWED;
use crate::messaging::record::State;
use crate::time::Now;

/// Tries of one message at a side that refuses or is away, before a person is to look at it: with the waits below some two
/// and a half hours.
pub const MOST_ATTEMPTS: u8 = 16;
/// The first wait; each is twice as long as the one before, and a quarter more or less, so that a thousand messages that
/// failed together do not come back together.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);
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
                self.retry(now, message, None, Some(wait.min(LONGEST_BACK_OFF)));
            }
            Outcome::Throttled(wait) => {
                let wait = wait.min(LONGEST_BACK_OFF);
                let line = self.lines.entry(channel).or_default();
                line.paused = line.paused.max(Some(now.instant + wait));
                self.retry(now, message, None, Some(wait));
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

    pub(super) fn accepted(&mut self, now: Now, message: MessageId, references: Vec<String>) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        (out.phase, out.state) = (Phase::Sent, State::Sent);
        out.references.clone_from(&references);
        let channel = out.way.channel.clone();
        let (conversation, contact, state) = (out.conversation, out.contact, State::Sent);
        let fact = out.fact(now, What::Accepted { message, references: references.clone() });
        let told = After::Tell(Happened::Stands { message, conversation, contact, state });
        let mut memos = vec![self.memory.note_state(message, State::Sent)];
        // Of a text in one part that goes no other way the store says which it is.
        match references.len() > 1 || self.may_go_instead(message) {
            true => self.follow(now, message, Duration::ZERO),
            false => memos.push(Memo::Out(message)),
        }
        for reference in &references {
            self.references.insert((channel.clone(), reference.clone()), message);
        }
        self.record(vec![fact], vec![told], memos);
        self.release(now, message);
        self.take_early(now, &channel, &references);
    }

    /// What becomes of it is followed, for it is in several parts or may go another way. The one that was followed longest is
    /// let go for it: its reports find it in the store.
    pub(super) fn follow(&mut self, now: Now, message: MessageId, since: Duration) {
        let Some(out) = self.outs.get(&message) else { return };
        let rules = self.settings.channels.get(&out.way.channel);
        let after = rules.and_then(|rules| rules.fallback.as_ref()).and_then(|(_, after)| *after);
        if let Some(after) = after.filter(|_| !out.instead && !out.asked) {
            let due = Due::Undelivered(message);
            self.timers.set(now.instant + after.saturating_sub(since), due);
        }
        self.followed.insert(out.order, message);
        if self.followed.len() > MOST_FOLLOWED
            && let Some((_, oldest)) = self.followed.pop_first()
        {
            self.retire(oldest);
        }
    }

    /// It is tried again: after a wait that was asked for, or one that grows.
    pub(super) fn retry(
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

    pub(super) fn unknown(&mut self, now: Now, message: MessageId) {
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
    pub(super) fn fail(&mut self, now: Now, message: MessageId, failure: Failure) {
        let status = Status::Failed(failure.clone());
        let instead = self.goes_instead(now, message, &failure);
        self.end(now, message, What::Became { message, status }, State::Failed);
        if instead {
            self.reach(now, message);
        }
    }

    /// The other side had it, and says that it will not arrive.
    pub(super) fn failed_on_the_way(&mut self, now: Now, message: MessageId, failure: &Failure) {
        if self.goes_instead(now, message, failure) {
            self.reach(now, message);
        } else {
            self.retire(message);
        }
    }

    fn may_go_instead(&self, message: MessageId) -> bool {
        let Some(out) = self.outs.get(&message) else { return false };
        let rules = self.settings.channels.get(&out.way.channel);
        // An application decides itself.
        !out.instead && !out.asked && rules.is_some_and(|rules| rules.fallback.is_some())
    }

    fn goes_instead(&self, now: Now, message: MessageId, failure: &Failure) -> bool {
        let useful = self.outs.get(&message).is_some_and(|out| now.unix < out.until);
        useful && failure.fault != Fault::Refused && self.may_go_instead(message)
    }

    /// It is to go another way: what it says is read where it is not held, and then the way is asked for.
    pub(super) fn reach(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get_mut(&message) else { return };
        let rules = self.settings.channels.get(&out.way.channel);
        let Some((channel, _)) = rules.and_then(|rules| rules.fallback.clone()) else {
            return self.retire(message);
        };
        let contact = out.contact;
        let (phase, output) = match out.words {
            Some(_) => (Phase::Reaching, Output::Reach { message, contact, channel }),
            None => (Phase::Recalling, Output::Read(message)),
        };
        out.phase = phase;
        if now.unix >= out.until {
            return self.retire(message);
        }
        self.outputs.push_back(output);
    }

    /// It has not arrived in time, or waits for a channel that carries nothing.
    pub(super) fn undelivered(&mut self, now: Now, message: MessageId) {
        let Some(out) = self.outs.get(&message) else { return };
        let channel = out.way.channel.clone();
        let down = self.lines.get(&channel).is_some_and(|line| !line.state.carries());
        match out.phase {
            Phase::Sent => {
                let failure = Failure { fault: Fault::Expired, code: String::new() };
                match self.goes_instead(now, message, &failure) {
                    true => self.reach(now, message),
                    false => self.retire(message),
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
        if out.phase != Phase::Reaching {
            return;
        }
        let (Some(way), Some((pieces, subject))) = (way, out.words.clone()) else {
            return self.retire(message);
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
            asker: None,
        };
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.take_out(other, &entry);
        let afters = [After::Enter(other)].into_iter().chain(written(&entry)).collect();
        self.record(vec![Fact::Entry(Box::new(entry))], afters, Vec::new());
        self.retire(message);
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
}
