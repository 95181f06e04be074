//! What goes into [`Calls`](super::Calls), and what comes out.

use std::collections::BTreeMap;

use crate::address::Number;
use crate::call::budget::{Mark, Spent};
use crate::call::desk::{Diversion, Slot};
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Feature, Order, Origin};
use crate::call::record::{DivertedBy, Peer, Record};
use crate::id::{
    AgentId, CallId, ConferenceId, ExtensionId, FlowId, GroupId, LegId, OfferId, QueueId, RoomId,
    ScheduleId, SkillId, TrunkId,
};
use crate::time::UnixTime;

/// A call that has just reached us.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The new call.
    pub call: CallId,
    /// Its first leg, the caller's.
    pub leg: LegId,
    /// Who is at the far end of that leg.
    pub peer: Peer,
    /// Where it came from.
    pub origin: Origin,
    /// The caller's number as shown.
    pub from: String,
    /// The caller's name, where a carrier says one.
    pub name: Option<String>,
    /// The number that was dialled.
    pub to: String,
    /// Who passed the call on before.
    pub diverted_by: Option<DivertedBy>,
    /// Where that number leads.
    pub destination: Destination,
}

/// What happened on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEvent {
    /// The far end rings.
    Ringing,
    /// The far end already sends sound, and the caller should hear it.
    EarlyMedia,
    /// The far end answered.
    Answered,
    /// The far end put us on hold.
    Held,
    /// The far end took us off hold.
    Resumed,
    /// The leg is gone.
    Ended(Cause),
}

/// A sentence for the caller, chosen here and worded by the prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    /// Signed in to the queues.
    SignedIn,
    /// Signed out.
    SignedOut,
    /// Takes no calls for now.
    Paused,
    /// Takes calls again.
    Resumed,
    /// That code is not for this extension.
    NotPossible,
    /// Nobody can take the call.
    Unavailable,
    /// The number and the place that help would see.
    WhereYouAre,
    /// A cap on spending ends the call.
    CapReached,
    /// Calls go on to another number now.
    ForwardOn,
    /// They do not any more.
    ForwardOff,
    /// The phone is not to be disturbed.
    DoNotDisturb,
    /// The phone rings again.
    DoNotDisturbOff,
    /// Calls ring during a call.
    CallWaiting,
    /// They do not.
    CallWaitingOff,
    /// That PIN opens nothing.
    WrongPin,
    /// The caller is parked at this place.
    Parked(Slot),
    /// The caller will be called back, and keeps the place.
    CalledBack,
    /// The caller will be called back from then on: nobody is there before.
    CalledBackFrom(UnixTime),
    /// The schedule is open now.
    Open,
    /// It is closed.
    Closed,
    /// It is as on a holiday.
    Holiday,
}

/// What somebody wants of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// To leave a message for this extension.
    Leave(ExtensionId),
    /// To hear the messages of the phone that calls.
    Hear(ExtensionId),
    /// To hear messages from anywhere.
    HearAny,
}

/// What became of an offer to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferOutcome {
    /// The agent answered: the caller is theirs.
    Accepted,
    /// The phone rang and nobody answered.
    Missed,
    /// The agent refused.
    Refused,
    /// There was no phone to ring.
    Unreachable,
}

/// Something worth keeping about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: UnixTime,
    /// What.
    pub what: What,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It reached us. The numbers are personal data.
    Arrived {
        /// Who called.
        peer: Peer,
        /// The caller's number.
        from: String,
        /// The dialled number.
        to: String,
    },
    /// It went to an IVR flow.
    Ivr(FlowId),
    /// It went to leave a message for this extension.
    Voicemail(ExtensionId),
    /// It began to wait in a queue.
    Queued(QueueId),
    /// The phones of a group ring for it.
    Group(GroupId),
    /// A phone's forward passed it on.
    Forwarded(Diversion),
    /// It was parked at this place.
    Parked(Slot),
    /// It was offered to an agent.
    Offered(AgentId),
    /// This agent took it from the queue.
    TakenBy(AgentId),
    /// It is dialled over a trunk.
    Dialled(TrunkId),
    /// A leg answered.
    Answered(LegId),
    /// A leg put the other on hold.
    Held(LegId),
    /// And took it off hold.
    Resumed(LegId),
    /// The party at a leg transferred the other one.
    Transferred(LegId),
    /// A party came into a room.
    Entered {
        /// Its leg.
        leg: LegId,
        /// The room.
        room: RoomId,
        /// The conference whose room it is.
        conference: Option<ConferenceId>,
    },
    /// A leg ended.
    LegEnded(LegId, Cause),
}

/// Why a caller waits in a queue no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The caller gave up.
    GaveUp,
    /// Somebody else ended the wait: an admin, a colleague who picked the call up, the end of the box.
    TakenOut,
}

/// What the gateway has to carry out.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ring the phones of an extension.
    DialExtension {
        /// The call.
        call: CallId,
        /// The leg to be.
        leg: LegId,
        /// Whose phones.
        extension: ExtensionId,
        /// Whether they answer by themselves, through the loudspeaker.
        intercom: bool,
    },
    /// Call a number through a trunk.
    DialTrunk {
        /// The call.
        call: CallId,
        /// The leg to be.
        leg: LegId,
        /// Which carrier.
        trunk: TrunkId,
        /// The number to dial there.
        number: Number,
        /// Whether it is an emergency call.
        emergency: bool,
        /// Whether the caller's number is to be hidden.
        hidden: bool,
        /// Whether no other trunk is left to try after this one.
        last: bool,
    },
    /// Tell the caller that it rings.
    Ring(LegId),
    /// Pass early sound from `from` to the caller.
    Early {
        /// Who should hear.
        leg: LegId,
        /// Who is heard.
        from: LegId,
    },
    /// Answer the caller.
    Answer {
        /// The caller's leg.
        leg: LegId,
        /// The leg whose codec suits best, if one answered.
        with: Option<LegId>,
    },
    /// Refuse a caller who was not answered.
    Refuse(LegId, Cause),
    /// End a leg.
    HangUp(LegId, Cause),
    /// Let two legs hear each other.
    Join(LegId, LegId),
    /// Ask the caller for the PIN of a conference.
    AskPin {
        /// The call.
        call: CallId,
        /// Whether what was keyed in was wrong.
        again: bool,
    },
    /// Let a leg hear everybody in a room, and everybody it.
    Enter {
        /// The leg.
        leg: LegId,
        /// The room.
        room: RoomId,
    },
    /// Let a leg speak into a room that it does not hear, or hear one that it does not speak into.
    Page {
        /// The leg.
        leg: LegId,
        /// The room.
        room: RoomId,
        /// Whether it speaks, rather than hears.
        speaks: bool,
    },
    /// Play music to a leg that was put on hold.
    Music(LegId),
    /// Play a ringing tone to a caller who was answered already.
    Ringback(LegId),
    /// Send a leg its own sound.
    Echo(LegId),
    /// Let the caller listen in to another call, which `handle_supervision_over` ends.
    Supervise {
        /// The call of the one who does.
        call: CallId,
        /// Their leg.
        leg: LegId,
    },
    /// Walk the caller through a flow from its start.
    StartIvr {
        /// The call.
        call: CallId,
        /// The flow.
        flow: FlowId,
    },
    /// Ask the caller how it was: the agent has hung up.
    StartSurvey {
        /// The call.
        call: CallId,
        /// The flow that asks.
        flow: FlowId,
        /// Who has hung up.
        agent: AgentId,
    },
    /// Go on with the flow: what it asked for did not work out.
    ResumeIvr(CallId, Cause),
    /// The walk is over.
    EndIvr(CallId),
    /// Let the caller leave or hear messages; answer with `handle_visit_over`.
    Visit(CallId, Errand),
    /// Put the caller in a queue.
    Enqueue {
        /// The call.
        call: CallId,
        /// Which queue.
        queue: QueueId,
        /// Higher goes first.
        priority: i32,
        /// Skills that the flow found out the caller needs.
        skills: BTreeMap<SkillId, u8>,
        /// Since when the caller waits: what other queues cost counts.
        arrived: UnixTime,
    },
    /// The caller is no longer in the queue.
    LeaveQueue(CallId, Leaving),
    /// What became of an offer.
    Offer(OfferId, AgentId, OfferOutcome),
    /// How a transfer went that the party at this leg asked for: done, or failed with a cause.
    Transferred(LegId, Option<Cause>),
    /// An agent's conversation from a queue is over.
    ContactEnded(AgentId),
    /// An extension is in a call that no queue gave it.
    Busy(ExtensionId),
    /// It is no longer.
    Idle(ExtensionId),
    /// Carry out a feature code.
    Feature {
        /// The call.
        call: CallId,
        /// Which.
        feature: Feature,
        /// What was dialled behind it.
        behind: Option<Number>,
        /// For whom.
        extension: ExtensionId,
    },
    /// Tell where this leads at this moment; answer with `handle_routed`.
    Route(CallId, Destination),
    /// Do what the code of a schedule orders; answer with `handle_feature`.
    Override(CallId, ScheduleId, Order),
    /// A phone has parked somebody here: let it show so.
    Parked {
        /// Whose phone.
        by: ExtensionId,
        /// Where.
        slot: Slot,
    },
    /// Say something to the caller; answer with `handle_said`.
    Say(CallId, Saying),
    /// Keep this: a call out has cost something.
    Spent(Spent),
    /// Most of a cap on spending is used up: tell an admin.
    Near(Mark),
    /// Keep this.
    Happened(Event),
    /// The call is over.
    Ended(Box<Record>),
}
