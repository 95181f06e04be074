//! Programs elsewhere that are told what happens, as an admin reads of them.

use serde::{Deserialize, Serialize};

use crate::id::HookId;
use crate::time::{UnixTime, rfc3339};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookLine {
    /// Its name.
    pub name: HookId,
    /// Where messages go.
    pub url: String,
    /// The journal's record up to which everything is delivered or given up.
    pub upto: u64,
    /// Records behind that, wanted or not.
    pub behind: u64,
    /// Orders to send again that wait.
    pub replays: usize,
    /// Messages that were ever given up.
    pub given_up: u64,
    /// What went wrong with the message that is under way, in words.
    pub trouble: Option<String>,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLine {
    /// The first of its records.
    pub first: u64,
    /// And the last.
    pub last: u64,
    /// When it was given up.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// After so many tries.
    pub tries: u32,
    /// Why, in words.
    pub why: String,
}
