//! One call while it is up.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::call::conference::Entry;
use crate::call::desk::{Diversion, Slot};
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Origin, Target};
use crate::call::record::{DivertedBy, LegRecord, Peer, Record};
use crate::id::{
    AgentId, CallId, ConferenceId, ExtensionId, FlowId, GroupId, LegId, OfferId, QueueId,
    RecordingId, RoomId,
};
use crate::time::{TimerId, UnixTime};

/// What the caller is doing right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// An IVR flow talks with the caller.
    Ivr,
    /// The caller's own phone rings first: the call began here.
    Originating,
    /// We ring somebody for the caller.
    Ringing,
    /// The caller waits in a queue.
    Queued(QueueId),
    /// Two parties talk.
    Talking(LegId),
    /// The caller leaves a message, or hears messages.
    Voicemail,
    /// The caller is asked for the PIN of a conference.
    Admission(ConferenceId),
    /// All parties are in a room.
    Conference(RoomId),
    /// The caller speaks through the loudspeakers of several phones.
    Paging(RoomId),
    /// The caller hears himself.
    Echo,
    /// The caller listens in to another call.
    Supervising,
    /// The caller is parked, and hears music until somebody dials the place.
    Parked(Slot),
    /// A last sentence is played, then we hang up.
    Saying,
    /// Over; the last legs are being cleared.
    Ending,
}

/// Why a leg was dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is the caller's own leg.
    Caller,
    /// The caller asked for this party.
    Asked,
    /// It is rung as a member of the group that the caller asked for.
    Member,
    /// A queue offered the caller to this agent.
    Offer(OfferId, AgentId),
}

#[derive(Debug)]
pub(super) struct Leg {
    pub peer: Peer,
    pub purpose: Purpose,
    pub answered: Option<UnixTime>,
    pub held: bool,
    /// How long it may ring, or take to key a PIN in.
    pub ring_timer: Option<TimerId>,
    /// Set once we asked for its end: the first reason stands.
    pub releasing: Option<Cause>,
    /// The agent at the far end, whose contact from a queue this is.
    pub contact: Option<AgentId>,
}

/// One call while it is up.
#[derive(Debug)]
pub(super) struct Call {
    pub id: CallId,
    pub origin: Origin,
    pub from: String,
    pub name: Option<String>,
    pub to: String,
    pub caller: LegId,
    /// The caller's phone was rung by us: the call is one back.
    pub rung_first: bool,
    /// Where it goes on to once that phone answers.
    pub goes_on: Option<Destination>,
    pub activity: Activity,
    /// The flow that asks the caller how it was, once the agent has hung up.
    pub survey: Option<FlowId>,
    /// An IVR flow waits for the outcome of what it asked for.
    pub ivr_waits: bool,
    /// Why the last thing that a flow asked for did not work out.
    pub failed: Option<Cause>,
    pub legs: BTreeMap<LegId, Leg>,
    pub cause: Option<Cause>,
    pub arrived: UnixTime,
    pub answered: Option<UnixTime>,
    pub connected: Option<UnixTime>,
    /// When it began to wait for an agent.
    pub queued: Option<UnixTime>,
    pub queue: Option<QueueId>,
    pub agent: Option<AgentId>,
    /// The last conference that it was in.
    pub conference: Option<ConferenceId>,
    /// What was keyed in of a PIN.
    pub entry: Option<Entry>,
    pub ended_legs: Vec<LegRecord>,
    pub recordings: Vec<RecordingId>,
    /// Who is transferring the call, until it is known how that went.
    pub transferor: Option<LegId>,
    /// How often a phone sent the caller elsewhere.
    pub forwards: u8,
    /// The number to show to further parties, where it is no longer the caller's.
    pub shown: Option<String>,
    /// The moment the caller was last sent somewhere, and how often at that moment.
    pub sent: (Instant, u32),
    /// The group whose phones ring for the caller.
    pub hunt: Option<Hunt>,
    /// Who passed it on before it reached us.
    pub diverted_by: Option<DivertedBy>,
    /// Where it goes once the phone that rings first has answered.
    pub onward: Option<Destination>,
    /// Who has forwarded it, in order.
    pub diversions: Vec<Diversion>,
    /// How many of those were before somebody last answered: they are history.
    pub history: usize,
    /// Where it is parked, also while it rings back at who parked it.
    pub parked: Option<Parked>,
}

/// A group at work for one caller.
#[derive(Debug)]
pub(super) struct Hunt {
    /// Whose phones they are.
    pub group: GroupId,
    /// Who rings next, step by step.
    pub steps: VecDeque<Vec<ExtensionId>>,
    /// How long each step rings.
    pub ring_time: Duration,
    /// Where the caller goes afterwards.
    pub overflow: Option<Target>,
    /// What says most about why nobody answered.
    pub cause: Cause,
}

/// A parked caller.
#[derive(Debug)]
pub(super) struct Parked {
    pub slot: Slot,
    /// Who parked the caller.
    pub by: ExtensionId,
    /// When it rings back.
    pub comeback: Option<TimerId>,
}

impl Call {
    /// The party that is joined with `leg`, if any.
    pub fn partner(&self, leg: LegId) -> Option<LegId> {
        match self.activity {
            Activity::Talking(other) if leg == self.caller => Some(other),
            Activity::Talking(other) if leg == other => Some(self.caller),
            _ => None,
        }
    }

    /// Legs that still ring for the caller, with what they were dialled for.
    pub fn ringing(&self) -> impl Iterator<Item = (LegId, &Leg)> {
        self.legs.iter().filter_map(|(id, leg)| {
            (leg.purpose != Purpose::Caller && leg.answered.is_none() && leg.releasing.is_none())
                .then_some((*id, leg))
        })
    }

    /// The extension at the far end of `leg`.
    pub fn extension(&self, leg: LegId) -> Option<&ExtensionId> {
        match &self.legs.get(&leg)?.peer {
            Peer::Extension(extension) => Some(extension),
            Peer::Trunk(_) | Peer::Chat(_) => None,
        }
    }

    /// What remains of the call.
    pub fn into_record(self, ended: UnixTime) -> Record {
        Record {
            call: self.id,
            origin: self.origin,
            from: self.from,
            to: self.to,
            arrived: self.arrived,
            answered: self.answered,
            connected: self.connected,
            ended,
            queue: self.queue,
            agent: self.agent,
            conference: self.conference,
            cause: self.cause.unwrap_or(Cause::InternalFault),
            legs: self.ended_legs,
            recordings: self.recordings,
            diversions: self.diversions,
            diverted_by: self.diverted_by,
        }
    }
}

/// What an admin sees of a call that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// The caller's number; personal data.
    pub from: String,
    /// The dialled number; personal data when it is not ours.
    pub to: String,
    /// What the caller is doing.
    pub activity: Activity,
    /// Since when the call exists.
    pub arrived: UnixTime,
    /// Who talks with the caller: one party, or all others in the room.
    pub with: Vec<Peer>,
    /// The conference they are in, where that has a name.
    pub conference: Option<ConferenceId>,
    /// Who has put the other on hold.
    pub held_by: Vec<Peer>,
}
