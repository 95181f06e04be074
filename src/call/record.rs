//! The call record: one line for each call, made when its last leg is gone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::call::desk::Diversion;
use crate::call::ending::Cause;
use crate::call::plan::Origin;
use crate::id::{
    AgentId, CallId, ChannelId, ConferenceId, ExtensionId, LegId, QueueId, RecordingId, TrunkId,
};
use crate::time::UnixTime;

/// Who was at the far end of a leg.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A phone of this branch.
    Extension(ExtensionId),
    /// A carrier.
    Trunk(TrunkId),
    /// The page of a visitor, who came by the chat of this name.
    Chat(ChannelId),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Extension(extension) => write!(f, "extension {extension}"),
            Peer::Trunk(trunk) => write!(f, "trunk {trunk}"),
            Peer::Chat(chat) => write!(f, "chat {chat}"),
        }
    }
}

/// What one leg did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRecord {
    /// The leg.
    pub leg: LegId,
    /// Who was at its far end.
    pub peer: Peer,
    /// When it answered, if it did.
    pub answered: Option<UnixTime>,
    /// Why it ended.
    pub cause: Cause,
}

/// Who passed a call on before it reached us, as a carrier that is believed says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivertedBy {
    /// The number that was called first; personal data when it is not ours.
    pub number: String,
    /// The extension whose number that is, if it is one of ours.
    pub extension: Option<ExtensionId>,
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// Where it came from.
    pub origin: Origin,
    /// The caller's number as it was given; personal data.
    pub from: String,
    /// The number that was dialled; personal data when it is not ours.
    pub to: String,
    /// When the first INVITE arrived.
    pub arrived: UnixTime,
    /// When we answered the caller (an IVR counts).
    pub answered: Option<UnixTime>,
    /// When a person first spoke with the caller.
    pub connected: Option<UnixTime>,
    /// When the last leg was gone.
    pub ended: UnixTime,
    /// The last queue it waited in.
    pub queue: Option<QueueId>,
    /// The agent who took it from the queue.
    pub agent: Option<AgentId>,
    /// The last conference that it was in.
    pub conference: Option<ConferenceId>,
    /// Why it ended.
    pub cause: Cause,
    /// Its legs, the caller's first.
    pub legs: Vec<LegRecord>,
    /// Messages that the caller left.
    pub recordings: Vec<RecordingId>,
    /// Whose phones forwarded it, in order.
    pub diversions: Vec<Diversion>,
    /// Who passed it on before it reached us.
    pub diverted_by: Option<DivertedBy>,
}
