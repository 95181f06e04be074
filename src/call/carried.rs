//! A call that one run of the program leaves for the next: what its record and its legs began with.
//!
//! Two parties who talk, and nothing else: whoever is in a flow, a queue or a room has a state elsewhere that is not
//! carried. Plain data, written by the run that ends and read by the one that begins.

use serde::{Deserialize, Serialize};

use crate::call::budget::Paying;
use crate::call::desk::Diversion;
use crate::call::record::{DivertedBy, LegRecord, Peer};
use crate::id::{AgentId, CallId, ConferenceId, LegId, QueueId, RecordingId};
use crate::time::UnixTime;

/// Two parties who talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The call.
    pub call: CallId,
    /// Where it came from.
    pub(super) origin: Peer,
    pub(super) from: String,
    pub(super) name: Option<String>,
    pub(super) to: String,
    pub(super) shown: Option<String>,
    pub(super) arrived: UnixTime,
    pub(super) answered: Option<UnixTime>,
    pub(super) connected: Option<UnixTime>,
    pub(super) queued: Option<UnixTime>,
    pub(super) queue: Option<QueueId>,
    pub(super) agent: Option<AgentId>,
    pub(super) conference: Option<ConferenceId>,
    pub(super) rung_first: bool,
    /// Whether it is a call for help.
    pub help: bool,
    /// The party that called, or whose call it has become.
    pub caller: Leg,
    /// The other one.
    pub other: Leg,
    pub(super) ended_legs: Vec<LegRecord>,
    pub(super) recordings: Vec<RecordingId>,
    pub(super) diverted_by: Option<DivertedBy>,
    pub(super) diversions: Vec<Diversion>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The leg.
    pub leg: LegId,
    /// Who is at its far end.
    pub peer: Peer,
    pub(super) answered: Option<UnixTime>,
    /// Whether this party has put the other on hold.
    pub held: bool,
    pub(super) paying: Option<Paying>,
}
