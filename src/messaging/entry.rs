//! What the journal says of messages: plain data from which the ledger, the record and every reader is made.
//!
//! `P` is personal text: `String` here, sealed in the journal. What a message says, and by which address, belongs to the
//! contact that it is about: forgetting the person forgets both.
//!
//! Order for one message that goes out: queued, then an attempt, which is on the disk before anything is sent, then what came
//! of it: accepted, tried in vain, or nothing, which after a restart is unknown. Then what becomes of it, never backwards.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::{Address, Kind};
use super::application::{Asker, Given};
use super::contract::{Failure, Refusal, Status};
use super::piece::{Media, Piece};
use crate::channel::Channel;
use crate::id::{ActorId, AgentId, CallId, ChannelId, ContactId, ConversationId, FlowId, ItemId};
use crate::id::{MessageId, QueueId};
use crate::time::UnixTime;

/// A keyed hash of what may not be said in clear, or is too long: of a channel's key for what arrived, of an
/// Idempotency-Key, of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

/// One thing that happened to a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<P> {
    /// When.
    pub at: UnixTime,
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// What.
    #[serde(flatten)]
    pub what: What<P>,
}

/// By which way somebody writes and is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way<P> {
    /// The channel.
    pub channel: ChannelId,
    /// How it counts in queues and reports.
    pub work: Channel,
    /// What the address is.
    pub kind: Kind,
    /// The address.
    pub peer: P,
    /// By what the channel keeps it together: a mail's thread, a chat's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// To which of our addresses they write, where the channel has several: an answer goes out by the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Address>,
}

impl Way<String> {
    /// Whom it leads to.
    pub fn address(&self) -> Address {
        Address::new(self.kind, self.peer.clone())
    }
}

/// The kinds of [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What<P> {
    /// Somebody wrote. The first of a conversation opens it.
    Arrived {
        /// Which message.
        message: MessageId,
        /// By which way.
        way: Way<P>,
        /// Of what the channel calls it: said again it changes nothing.
        key: Fingerprint,
        /// When, by the other side's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<UnixTime>,
        /// What.
        pieces: Vec<Piece<P>>,
        /// What it is about.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        subject: Option<P>,
        /// Which message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<MessageId>,
        /// It refuses messages, or allows them again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<Refusal>,
        /// A machine wrote it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        automatic: bool,
        /// What its channel calls it: an answer names it so.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        name: Option<P>,
        /// Whether its sender is who it says, as whoever took it in has found; nothing: nobody has looked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proved: Option<bool>,
        /// The application that gets it, where the site says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given: Option<Box<Given>>,
    },
    /// A message is to go out. The first of a conversation opens it.
    Queued {
        /// Which message.
        message: MessageId,
        /// By which way.
        way: Way<P>,
        /// What.
        pieces: Vec<Piece<P>>,
        /// What it is about.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        subject: Option<P>,
        /// Which message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<MessageId>,
        /// Who wants it sent.
        by: ActorId,
        /// What it is for, in the words of consents: `service`, `marketing`, `code`.
        purpose: String,
        /// It answers what the person wrote last: quiet hours do not hold it.
        reply: bool,
        /// After this it is of no use.
        until: UnixTime,
        /// Before this it is not sent: quiet hours, or as was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<UnixTime>,
        /// Of the key under which it was asked for, and of what was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        once: Option<(Fingerprint, Fingerprint)>,
        /// Instead of which message that did not arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<MessageId>,
        /// The application that wants it sent, where it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asker: Option<Box<Asker>>,
    },
    /// It is given to its channel. On the disk before anything is sent.
    Attempt {
        /// Which message.
        message: MessageId,
        /// 1 for the first.
        attempt: u8,
    },
    /// The other side has it.
    Accepted {
        /// Which message.
        message: MessageId,
        /// What reports will name: one for each part.
        references: Vec<String>,
    },
    /// An attempt came to nothing, and it is tried again.
    Retry {
        /// Which message.
        message: MessageId,
        /// Why, where the other side said so; nothing: it was not reached, or asked for less.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Failure>,
        /// When.
        again: UnixTime,
    },
    /// Something became of it. Of a text in several parts when it is so of all of them, or failed for one.
    Became {
        /// Which message.
        message: MessageId,
        /// What.
        status: Status,
    },
    /// Something became of one part of a text that went in several.
    Part {
        /// Which message.
        message: MessageId,
        /// What the other side calls the part.
        reference: String,
        /// What.
        status: Status,
    },
    /// Nobody knows whether it was sent: never sent again by itself.
    Unknown {
        /// Which message.
        message: MessageId,
    },
    /// It is not sent, for a reason of the branch's own.
    Stopped {
        /// Which message.
        message: MessageId,
        /// Why.
        why: Stop,
    },
    /// Somebody wants one sent again that failed, is unknown, or was stopped.
    Replayed {
        /// Which message.
        message: MessageId,
        /// Who.
        by: ActorId,
    },
    /// An application has taken what it was told of a message.
    Heard {
        /// Which message.
        message: MessageId,
        /// What the application calls it; nothing: it is what somebody wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// A bot, a queue, an agent or nobody answers from now on. One at a time.
    Owner {
        /// Who.
        owner: Owner,
        /// Who says so, where somebody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<ActorId>,
        /// What whoever hands it over has to say about it.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        note: Option<P>,
    },
    /// Somebody of the branch has read up to a message.
    Seen {
        /// Who.
        by: AgentId,
        /// Up to which.
        upto: MessageId,
    },
    /// It goes on in a call, or a call went on in it.
    Call {
        /// Which.
        call: CallId,
    },
    /// The person may go on by telephone: whoever keys in a code by then is joined to it. A later code takes the place of
    /// an earlier one, and a call that was joined uses it up.
    Code {
        /// Of the code: the digits themselves are nowhere.
        code: Fingerprint,
        /// Until when.
        until: UnixTime,
    },
    /// It is over, until somebody writes again.
    Closed {
        /// Who says so; `box` for a rule.
        by: ActorId,
    },
}

/// Why the branch itself does not send something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The person refuses messages of this kind.
    Consent,
    /// Its time was over.
    Expired,
    /// Somebody of the branch took it back.
    Withdrawn,
    /// The person was erased.
    Erased,
    /// The channel is gone from the configuration.
    NoChannel,
}

/// Who answers in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "owner", rename_all = "snake_case")]
pub enum Owner {
    /// Nobody.
    #[default]
    Nobody,
    /// A flow.
    Flow {
        /// Which.
        flow: FlowId,
        /// At which node of it somebody stands.
        #[serde(default)]
        node: String,
        /// How often they were not understood there.
        #[serde(default)]
        wrong: u16,
    },
    /// Whoever of a queue gets it.
    Queue {
        /// Which.
        queue: QueueId,
        /// As this item.
        item: ItemId,
    },
    /// An agent.
    Agent {
        /// Who.
        agent: AgentId,
        /// As this item, where it came from a queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<ItemId>,
    },
}

impl<P> Entry<P> {
    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Entry<Q> {
        let Entry { at, conversation, contact, what } = self;
        Entry { at, conversation, contact, what: what.map(to) }
    }

    /// The message that it is about.
    pub fn message(&self) -> Option<MessageId> {
        match &self.what {
            What::Arrived { message, .. }
            | What::Queued { message, .. }
            | What::Attempt { message, .. }
            | What::Accepted { message, .. }
            | What::Retry { message, .. }
            | What::Became { message, .. }
            | What::Part { message, .. }
            | What::Unknown { message }
            | What::Stopped { message, .. }
            | What::Replayed { message, .. }
            | What::Heard { message, .. } => Some(*message),
            What::Owner { .. }
            | What::Seen { .. }
            | What::Call { .. }
            | What::Code { .. }
            | What::Closed { .. } => None,
        }
    }
}

impl<P> Way<P> {
    /// The same with its address turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Way<Q> {
        let Way { channel, work, kind, peer, thread, own } = self;
        Way { channel, work, kind, peer: to(peer), thread, own }
    }
}

impl<P> Media<P> {
    /// The same with its name turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Media<Q> {
        let Media { content, mime, name, size } = self;
        Media { content, mime, name: name.map(to), size }
    }
}

impl<P> Piece<P> {
    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Piece<Q> {
        match self {
            Piece::Text { text } => Piece::Text { text: to(text) },
            Piece::Media { media } => Piece::Media { media: media.map(to) },
            Piece::Missing { name, mime } => Piece::Missing { name: name.map(to), mime },
            Piece::Location { at, name } => Piece::Location { at: to(at), name: name.map(to) },
            Piece::Choice { id, label } => Piece::Choice { id, label: to(label) },
            Piece::Reaction { to: message, sign } => {
                Piece::Reaction { to: message, sign: sign.map(to) }
            }
            Piece::Template { name, language, values } => {
                let values = values.into_iter().map(to).collect();
                Piece::Template { name, language, values }
            }
        }
    }
}

impl<P> What<P> {
    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> What<Q> {
        match self {
            What::Arrived {
                message,
                way,
                key,
                sent,
                pieces,
                subject,
                answers,
                refusal,
                automatic,
                name,
                proved,
                given,
            } => What::Arrived {
                message,
                way: way.map(to),
                key,
                sent,
                pieces: pieces.into_iter().map(|piece| piece.map(to)).collect(),
                subject: subject.map(&mut *to),
                answers,
                refusal,
                automatic,
                name: name.map(to),
                proved,
                given,
            },
            What::Queued {
                message,
                way,
                pieces,
                subject,
                answers,
                by,
                purpose,
                reply,
                until,
                not_before,
                once,
                instead_of,
                asker,
            } => What::Queued {
                message,
                way: way.map(to),
                pieces: pieces.into_iter().map(|piece| piece.map(to)).collect(),
                subject: subject.map(to),
                answers,
                by,
                purpose,
                reply,
                until,
                not_before,
                once,
                instead_of,
                asker,
            },
            What::Attempt { message, attempt } => What::Attempt { message, attempt },
            What::Accepted { message, references } => What::Accepted { message, references },
            What::Retry { message, why, again } => What::Retry { message, why, again },
            What::Became { message, status } => What::Became { message, status },
            What::Part { message, reference, status } => What::Part { message, reference, status },
            What::Unknown { message } => What::Unknown { message },
            What::Stopped { message, why } => What::Stopped { message, why },
            What::Replayed { message, by } => What::Replayed { message, by },
            What::Heard { message, id } => What::Heard { message, id },
            What::Owner { owner, by, note } => What::Owner { owner, by, note: note.map(to) },
            What::Seen { by, upto } => What::Seen { by, upto },
            What::Call { call } => What::Call { call },
            What::Code { code, until } => What::Code { code, until },
            What::Closed { by } => What::Closed { by },
        }
    }
}
