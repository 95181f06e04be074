//! How the ledger and the task of a channel speak: each over a bounded way, and neither waits for the other.
//!
//! A channel hands in what it was told under a [`Receipt`], and hears exactly once what became of it: [`Order::Stored`] when
//! all of it is on the disk, [`Order::NotStored`] when it is not. Only then does it answer the other side. What it is given
//! to send it answers with exactly one [`Input::Outcome`] for each attempt.

use super::Address;
use super::contract::{Capabilities, Outcome, Outgoing, Told};
use super::piece::Media;
use super::voice;
use crate::id::MessageId;

/// Names what a channel has handed in until it hears of it; each channel gives its own out, and none twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub u64);

/// What a channel tells, with the files in it kept.
pub type Heard = Told<Media<String>>;

/// What a channel is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Send this, and say what came of it.
    Send(Box<Outgoing>),
    /// All of it is on the disk, or was before: acknowledge it.
    Stored(Receipt),
    /// None of it counts as kept: acknowledge nothing. The other side comes again.
    NotStored(Receipt, NotStored),
    /// Show somebody that they are being written to, or no more, where the channel can. It may be lost.
    Typing {
        /// Whom.
        to: Address,
        /// By what the channel keeps it together.
        thread: Option<String>,
        /// Whether somebody writes.
        on: bool,
    },
    /// Show somebody that they were read, where the channel can. It may be lost.
    Read {
        /// Whom.
        to: Address,
        /// By what the channel keeps it together.
        thread: Option<String>,
        /// What the channel calls the last message that was read, as far as it is known.
        reference: Option<String>,
    },
    /// Show somebody how many are ahead of them in the queue, where the channel can; nothing: they wait no more. It may be
    /// lost.
    Place {
        /// Whom.
        to: Address,
        /// How many.
        ahead: Option<u32>,
    },
    /// Tell somebody's page of a call by voice, where the channel can. It may be lost.
    Call {
        /// Whom.
        to: Address,
        /// What.
        told: voice::Told,
    },
}

/// Why something was not kept. Each passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    /// The disk is full or does not work.
    Disk,
    /// The look-up store is being made ready: nobody knows yet what was there before.
    NotReady,
    /// More waits than may.
    TooMuch,
}

/// What a channel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// It was told something.
    Told {
        /// Under which it hears what became of that.
        receipt: Receipt,
        /// What, in order.
        told: Vec<Heard>,
    },
    /// What came of an attempt.
    Outcome {
        /// Of which message.
        message: MessageId,
        /// Which try.
        attempt: u8,
        /// What.
        outcome: Outcome,
    },
    /// How it is from now on.
    State(State),
    /// What it can carry from now on, once it knows.
    Capable(Capabilities),
    /// Somebody's page says something of a call by voice.
    Call {
        /// Whose.
        from: Address,
        /// Where it is.
        ends: voice::Ends,
        /// What.
        said: voice::Said,
    },
}

/// How a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It carries messages.
    Up,
    /// It does, and something is not as it should be: what, in words for a person.
    Degraded(String),
    /// It carries none: why, in words for a person. What is to go out waits, or goes another way.
    Down(String),
}

impl State {
    /// Whether messages are handed to it.
    pub fn carries(&self) -> bool {
        !matches!(self, State::Down(_))
    }
}
