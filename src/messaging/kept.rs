//! What a restart has to know of messages: which are to go out, whose fate is followed, what was asked for under which key.
//!
//! The words of a message are not here: they are in the store, and are read when its turn comes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::contract::Status;
use super::entry::{Entry, Fingerprint, Way, What};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::time::UnixTime;

/// Messages that the other side has and whose fate is followed; the oldest is let go for a new one, and its reports find it
/// in the store. Each takes some 400 bytes of every checkpoint.
pub const MOST_FOLLOWED: usize = 4_000;
/// How long what was asked for under a key is remembered: a program that repeats itself does so within minutes.
const ONCE_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Keys that are remembered; the oldest goes for a new one. Each takes some 200 bytes of every checkpoint.
const MOST_ONCE: usize = 10_000;

/// It.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "P: Deserialize<'de>"))]
pub struct Kept<P> {
    /// Messages that are not done with.
    pub open: BTreeMap<MessageId, Pending<P>>,
    /// Those of them that the other side has, in order.
    pub followed: BTreeMap<u64, MessageId>,
    /// What was asked for under a key.
    pub once: BTreeMap<Fingerprint, Once>,
    /// Its keys, in order.
    pub once_order: BTreeMap<u64, Fingerprint>,
    /// The place of the next.
    pub next: u64,
}

impl<P> Default for Kept<P> {
    fn default() -> Self {
        Kept {
            open: BTreeMap::new(),
            followed: BTreeMap::new(),
            once: BTreeMap::new(),
            once_order: BTreeMap::new(),
            next: 0,
        }
    }
}

/// A message that is not done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending<P> {
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// By which way.
    pub way: Way<P>,
    /// What it is for.
    pub purpose: String,
    /// It answers what the person wrote last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reply: bool,
    /// After this it is of no use.
    pub until: UnixTime,
    /// Before this it is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixTime>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<MessageId>,
    /// It stands for another that did not arrive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
    /// Since when it is to go out.
    #[serde(default)]
    pub since: UnixTime,
    /// Since when the other side has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<UnixTime>,
    /// An application wants it sent, and decides itself what to do where it does not arrive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// Tries so far.
    pub attempt: u8,
    /// Its place: of one person's messages the lower goes first.
    pub order: u64,
    /// How far it is.
    pub stage: Stage,
    /// What the other side calls it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// What has become of its parts, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Status>,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It waits.
    Waiting,
    /// It was about to be sent: after a crash nobody knows whether it was.
    Trying,
    /// The other side has it.
    Sent,
}

/// What was asked for under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// Of what was asked.
    pub body: Fingerprint,
    /// What it made.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// When.
    pub at: UnixTime,
}

impl<P: Clone> Kept<P> {
    /// Takes up one entry. One that is said a second time changes nothing.
    pub fn apply(&mut self, entry: &Entry<P>) {
        match &entry.what {
            What::Queued { message, once, instead_of, .. } => {
                // It goes another way by now, and never by a third.
                instead_of.iter().for_each(|other| self.done(*other));
                if let Some((key, body)) = once {
                    self.remember(*key, *body, *message, entry);
                }
                if !self.open.contains_key(message) {
                    self.next += 1;
                    let pending = Pending::new(entry, self.next);
                    self.open.extend(pending.map(|pending| (*message, pending)));
                }
            }
            What::Attempt { message, attempt } => self.with(*message, |pending| {
                (pending.stage, pending.attempt) = (Stage::Trying, *attempt);
            }),
            What::Retry { message, again, .. } => self.with(*message, |pending| {
                (pending.stage, pending.not_before) = (Stage::Waiting, Some(*again));
            }),
            What::Accepted { message, references } => {
                self.accepted(*message, references, entry.at);
            }
            What::Part { message, reference, status } => self.with(*message, |pending| {
                pending.parts.insert(reference.clone(), status.clone());
            }),
            What::Became { status: Status::Sent, .. } => {}
            What::Became { message, .. }
            | What::Unknown { message }
            | What::Stopped { message, .. } => self.done(*message),
            _ => {}
        }
    }
}

impl<P> Kept<P> {
    fn with(&mut self, message: MessageId, change: impl FnOnce(&mut Pending<P>)) {
        if let Some(pending) = self.open.get_mut(&message) {
            change(pending);
        }
    }

    fn accepted(&mut self, message: MessageId, references: &[String], at: UnixTime) {
        let Some(pending) = self.open.get_mut(&message) else { return };
        (pending.stage, pending.sent) = (Stage::Sent, Some(at));
        pending.references = references.to_vec();
        self.followed.insert(pending.order, message);
        if self.followed.len() > MOST_FOLLOWED
            && let Some((_, oldest)) = self.followed.pop_first()
        {
            self.open.remove(&oldest);
        }
    }

    fn done(&mut self, message: MessageId) {
        if let Some(pending) = self.open.remove(&message) {
            self.followed.remove(&pending.order);
        }
    }

    fn remember<Q>(
        &mut self,
        key: Fingerprint,
        body: Fingerprint,
        message: MessageId,
        entry: &Entry<Q>,
    ) {
        while let Some((place, oldest)) = self.once_order.first_key_value() {
            let old = self.once.get(oldest).is_none_or(|once| entry.at.since(once.at) > ONCE_KEPT);
            if !old && self.once_order.len() < MOST_ONCE {
                break;
            }
            let (place, oldest) = (*place, *oldest);
            self.once_order.remove(&place);
            self.once.remove(&oldest);
        }
        let once = Once { body, message, conversation: entry.conversation, at: entry.at };
        if self.once.insert(key, once).is_none() {
            self.next += 1;
            self.once_order.insert(self.next, key);
        }
    }

    /// The same with its texts turned into something else; what cannot be turned is told and left out.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Option<Q>) -> (Kept<Q>, Vec<(MessageId, Gone)>) {
        let (mut open, mut gone) = (BTreeMap::new(), Vec::new());
        for (message, pending) in self.open {
            let Pending { conversation, contact, .. } = pending;
            match pending.map(to) {
                Some(pending) => _ = open.insert(message, pending),
                None => gone.push((message, Gone { conversation, contact })),
            }
        }
        let Kept { followed, once, once_order, next, .. } = self;
        (Kept { open, followed, once, once_order, next }, gone)
    }
}

/// A message whose person was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// In which conversation it was.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
}

impl<P: Clone> Pending<P> {
    /// The message that an entry queues.
    pub fn new(entry: &Entry<P>, order: u64) -> Option<Pending<P>> {
        let What::Queued {
            way, purpose, reply, until, not_before, instead_of, answers, asker, ..
        } = &entry.what
        else {
            return None;
        };
        Some(Pending {
            conversation: entry.conversation,
            contact: entry.contact,
            way: way.clone(),
            purpose: purpose.clone(),
            reply: *reply,
            until: *until,
            not_before: *not_before,
            answers: *answers,
            instead: instead_of.is_some(),
            since: entry.at,
            sent: None,
            asked: asker.is_some(),
            attempt: 0,
            order,
            stage: Stage::Waiting,
            references: Vec::new(),
            parts: BTreeMap::new(),
        })
    }
}

impl<P> Pending<P> {
    /// The same with its address turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Option<Q>) -> Option<Pending<Q>> {
        let Way { channel, work, kind, peer, thread, own } = self.way;
        Some(Pending {
            conversation: self.conversation,
            contact: self.contact,
            way: Way { channel, work, kind, peer: to(peer)?, thread, own },
            purpose: self.purpose,
            reply: self.reply,
            until: self.until,
            not_before: self.not_before,
            answers: self.answers,
            instead: self.instead,
            since: self.since,
            sent: self.sent,
            asked: self.asked,
            attempt: self.attempt,
            order: self.order,
            stage: self.stage,
            references: self.references,
            parts: self.parts,
        })
    }
}
