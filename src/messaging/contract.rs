//! What every channel keeps: a modem, a link to a carrier, a service with an API, a mailbox, the chat of a page.
//!
//! A channel tells [`Told`]: what arrived, and what became of what was sent. It is given [`Outgoing`] and answers with an
//! [`Outcome`] exactly once for each attempt. It keeps nothing: what it was given comes again after a restart when there is
//! no outcome on the disk, marked doubtful, and the ledger does not send that again by itself.
//!
//! Whatever arrived is acknowledged to the other side (a modem's delete, a webhook's 200, a `deliver_sm_resp`) only after
//! the ledger has said that it is on the disk. A key that comes again is acknowledged and changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::Address;
use super::piece::{Attachment, Piece};
use crate::id::MessageId;
use crate::time::UnixTime;

/// What a channel tells. `M` is what stands for a file: where its bytes are, as an adapter reads it, or the file itself once
/// the driver keeps it, which is how the ledger takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<M = Attachment> {
    /// Somebody wrote.
    Arrived(Box<Arrived<M>>),
    /// Something became of a message that was sent.
    Report(Report),
    /// Somebody is writing, or no more. It may be lost.
    Typing {
        /// Who.
        from: Address,
        /// Whether they are.
        on: bool,
    },
    /// Somebody has read everything up to one of our messages, or to a moment.
    ReadUpTo {
        /// Who.
        from: Address,
        /// What the channel calls the message, where it names one.
        reference: Option<String>,
        /// Up to when.
        at: UnixTime,
    },
}

/// Something that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived<M = Attachment> {
    /// What the channel calls it: it is never given to anything else, and said again it changes nothing. Where a channel has
    /// no such name, it is made of what cannot be the same twice.
    pub key: String,
    /// What an answer calls it, where that is not its key.
    pub reference: Option<String>,
    /// By whom.
    pub from: Address,
    /// To which of our addresses, where the channel has several.
    pub to: Option<Address>,
    /// When, by the clock of whoever sent it or of the network.
    pub at: Option<UnixTime>,
    /// What.
    pub pieces: Vec<Piece<String, M>>,
    /// What the channel calls the message that it answers.
    pub answers: Option<String>,
    /// By what it belongs to others: a mail's thread, a chat's session.
    pub thread: Option<String>,
    /// What it is about: a mail's subject.
    pub subject: Option<String>,
    /// What its sender is called there.
    pub name: Option<String>,
    /// The provider has taken it as a refusal, or as an end of one, and has answered it.
    pub refusal: Option<Refusal>,
    /// A machine wrote it: nothing is ever sent back by itself (RFC 3834).
    pub automatic: bool,
    /// Whether its sender is who it says, as whoever took it in has found (for mail by SPF, DKIM and DMARC, RFC 8601); nothing:
    /// nobody has looked.
    pub proved: Option<bool>,
}

impl<M> Arrived<M> {
    /// Something plain.
    pub fn text(key: impl Into<String>, from: Address, text: impl Into<String>) -> Arrived<M> {
        Arrived {
            key: key.into(),
            reference: None,
            from,
            to: None,
            at: None,
            pieces: vec![Piece::text(text)],
            answers: None,
            thread: None,
            subject: None,
            name: None,
            refusal: None,
            automatic: false,
            proved: None,
        }
    }
}

/// What a provider has understood and answered by itself: it is not confirmed a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No more messages, as by STOP.
    Stop,
    /// Messages again, as by START.
    Start,
    /// Asked what this is, as by HELP.
    Help,
}

/// What a channel is given to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which message.
    pub message: MessageId,
    /// 1 for the first try.
    pub attempt: u8,
    /// To whom.
    pub to: Address,
    /// From which of our addresses, where the channel has several.
    pub from: Option<Address>,
    /// What.
    pub pieces: Vec<Piece<String>>,
    /// What the channel calls the message that this one answers.
    pub answers: Option<String>,
    /// By what it belongs to others, as it arrived with them.
    pub thread: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// After this it is of no use any more.
    pub until: UnixTime,
    /// A code that somebody waits for: ahead of everything else.
    pub urgent: bool,
}

/// What came of an attempt, as far as the channel can know at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it, by these names, one for each part of a text that went in several.
    Accepted {
        /// What reports will name.
        references: Vec<String>,
    },
    /// The other side refused it.
    Refused(Failure),
    /// Not now: this one, or whoever it is for, is to wait. Others go on. Nothing was sent.
    Later(Duration),
    /// The other side asks for less of everything: nothing is given to the channel for so long. Nothing was sent.
    Throttled(Duration),
    /// The other side was not reached. Nothing was sent.
    Away,
    /// It was given away, and no answer came: it may have been sent or not. Never tried again by itself.
    Doubtful,
}

/// Something that became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the channel calls the message, or one part of it.
    pub reference: String,
    /// What.
    pub status: Status,
    /// When, by their clock.
    pub at: Option<UnixTime>,
}

/// What is told of a message that the other side has. In order: a status never goes back, and `Failed` ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// It is on its way.
    Sent,
    /// It is where it should be.
    Delivered,
    /// It was read.
    Read,
    /// It will not arrive.
    Failed(Failure),
}

/// Why something is not sent, or does not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose doing it is.
    pub fault: Fault,
    /// What the other side calls it: a provider's error, a `command_status`, a `+CMS ERROR`, a reply code of SMTP.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// Whose doing a failure is, and whether another try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// There is nobody at that address, or it does not take messages.
    Address,
    /// Whoever it is wants no messages from here.
    Refused,
    /// The service lets nothing but a template through at this time.
    Window,
    /// What it says cannot be carried: too long, a file of the wrong kind, a template that is not approved.
    Content,
    /// The account, its rights or its money.
    Account,
    /// It was not delivered in time.
    Expired,
    /// The other side or the network is at fault; another try may help.
    Network,
    /// They do not say.
    Unknown,
}

impl Fault {
    /// Whether another try can help.
    pub fn may_pass(self) -> bool {
        matches!(self, Fault::Network)
    }
}

/// What a channel can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Longest text of one message; characters for services, septets or UTF-16 units are counted by the channel itself.
    pub longest: usize,
    /// Largest file in bytes; 0: none at all.
    pub media: u64,
    /// Templates of a provider.
    pub templates: bool,
    /// Tells when something was delivered.
    pub delivered: bool,
    /// Tells when something was read.
    pub read: bool,
    /// Tells and shows that somebody is writing.
    pub typing: bool,
    /// For how long after somebody has written, the branch may write anything but templates; nothing: always.
    pub window: Option<Duration>,
}
