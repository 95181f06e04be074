//! What is kept of a receiver over restarts: how far it is, what to send again, what was given up.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::HookId;
use crate::time::UnixTime;

/// Given-up messages that are kept for each receiver; the journal has the record of every one.
const MOST_DEAD: usize = 1_000;
/// Orders to send again that may wait: an admin types them.
pub const MOST_SPANS: usize = 32;

/// Something to be remembered of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub hook: HookId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of [`Change`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Everything up to this record of the journal has been sent, given up, or was not wanted.
    Upto {
        /// Its number.
        record: u64,
    },
    /// The same of what is sent again.
    Again {
        /// Its number.
        record: u64,
    },
    /// A message was given up.
    Dead(Dead),
    /// Somebody wants records sent again.
    Replay(Span),
    /// Nothing is sent until somebody says so.
    Paused {
        /// Why.
        why: Pause,
        /// Since when.
        at: UnixTime,
    },
    /// It goes on.
    Resumed,
}

/// Why nothing is sent to a receiver for the time being. What is owed to it stays owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// An admin wants it so.
    Admin,
    /// It answered 410 Gone: it wants no more messages (RFC 9110 section 15.5.11).
    Gone,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pause::Admin => "paused by an admin",
            Pause::Gone => "answered 410 Gone",
        })
    }
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// Number of its first record.
    pub first: u64,
    /// And of its last.
    pub last: u64,
    /// When it was given up.
    pub at: UnixTime,
    /// After so many tries.
    pub tries: u32,
    /// Why.
    pub why: Why,
}

/// What became of the last try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The receiver answered so.
    Status(u16),
    /// It could not be reached.
    Unreachable,
    /// It did not answer in time.
    Late,
    /// Its address is one that this receiver may not have.
    Barred,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Status(status) => write!(f, "answered {status}"),
            Why::Unreachable => f.write_str("could not be reached"),
            Why::Late => f.write_str("did not answer in time"),
            Why::Barred => f.write_str("has an address that it may not have (`private`)"),
        }
    }
}

/// Records to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first, then the next one.
    pub next: u64,
    /// The last.
    pub end: u64,
    /// Only what happened at this time or later.
    pub since: UnixTime,
    /// And before this one.
    pub until: UnixTime,
}

/// What is live of one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Everything up to this record is done with.
    pub upto: u64,
    /// What is to be sent again, the oldest order first.
    pub again: VecDeque<Span>,
    /// What was given up of late, the oldest first.
    pub dead: VecDeque<Dead>,
    /// How many were ever given up.
    pub given_up: u64,
    /// Why nothing is sent, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<(Pause, UnixTime)>,
}

impl Standing {
    /// Whether one more order to send again may wait.
    pub fn takes_more(&self) -> bool {
        self.again.len() < MOST_SPANS
    }

    /// Takes up a change.
    pub fn apply(&mut self, what: &What) {
        match what {
            What::Upto { record } => self.upto = self.upto.max(*record),
            What::Again { record } => {
                if let Some(span) = self.again.front_mut() {
                    span.next = span.next.max(record.saturating_add(1));
                }
                self.again.pop_front_if(|span| span.next > span.end);
            }
            What::Dead(dead) => {
                self.given_up += 1;
                self.dead.push_back(dead.clone());
                if self.dead.len() > MOST_DEAD {
                    self.dead.pop_front();
                }
            }
            What::Replay(span) if self.takes_more() && span.next <= span.end => {
                self.again.push_back(*span);
            }
            What::Replay(_) => {}
            What::Paused { why, at } => self.paused = Some((*why, *at)),
            What::Resumed => self.paused = None,
        }
    }

    /// Takes up a change of one among many.
    pub fn apply_to(all: &mut BTreeMap<HookId, Standing>, change: &Change) {
        all.entry(change.hook.clone()).or_default().apply(&change.what);
    }
}
