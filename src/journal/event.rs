//! What records say. Plain data that an auditor can read; fields may be added, never given another meaning.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::agent::Presence;
use crate::call::budget::{Lift, Money, Spent};
use crate::call::caller_id::NOBODY;
use crate::call::consent::Consent;
use crate::call::desk::{Chosen, Diversion, Onward, Slot, When};
use crate::call::help::Called;
use crate::call::plan::{Forced, Origin};
use crate::call::protection::Protection;
use crate::call::record::Peer;
use crate::call::{
    self,
    ending::{Cause, Class},
};
use crate::context::Act;
use crate::id::{
    AgentId, CallId, ConferenceId, ContactId, ExtensionId, FlowId, GroupId, ItemId, LegId, QueueId,
    RecordingId, RoomId, ScheduleId, TrunkId,
};
use crate::journal::act::{self, Account};
use crate::journal::chain::{Chain, Seal};
use crate::journal::context::of_call;
use crate::journal::health::Health;
use crate::journal::journey::Journey;
use crate::journal::live::Live;
use crate::journal::personal::Personal;
use crate::journal::site::Site;
use crate::journal::text::Text;
use crate::journal::voicemail::{Begun, Voicemail};
use crate::journal::work::Work;
use crate::messaging::Entry;
use crate::report::fact::Question;
use crate::time::UnixTime;
use crate::webhook;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first record of each segment: everything that is live.
    Checkpoint {
        /// The chain's head before this record.
        before: Chain,
        /// Records before it could not be written: the chain does not lead here from the segment before.
        #[serde(default)]
        gap: bool,
        /// What is live.
        live: Box<Live>,
    },
    /// The chain was sealed.
    Seal(Seal),
    /// The program started.
    Started {
        /// Its version.
        version: String,
    },
    /// The program ended as it should.
    Stopped,
    /// Records before this one could not be written; what is live is in the checkpoint before it.
    Gap {
        /// How many.
        lost: u64,
    },
    /// Something happened in a call.
    Call(CallEvent),
    /// A call is over.
    CallRecord(Box<CallRecord>),
    /// A phone registered, or renewed.
    Bound {
        /// The extension.
        user: String,
        /// Its Contact.
        contact: String,
        /// The registrar's own record.
        binding: Text,
    },
    /// A phone is gone.
    Unbound {
        /// The extension.
        user: String,
        /// Its Contact.
        contact: String,
    },
    /// Somebody watches a phone or a mailbox, or still does.
    Subscribed {
        /// The subscription.
        name: String,
        /// The notifier's own record.
        subscription: Text,
    },
    /// A subscription is over.
    Unsubscribed {
        /// Which.
        name: String,
    },
    /// An agent's state changed.
    Agent {
        /// Who.
        agent: AgentId,
        /// To this.
        presence: Presence,
        /// Without a contact since.
        idle_since: UnixTime,
    },
    /// A desk phone has fetched its configuration.
    PhoneFetched {
        /// Its hardware address.
        mac: String,
        /// From there.
        from: IpAddr,
    },
    /// A desk phone's secret address was replaced by another one.
    PhoneRenewed {
        /// Its hardware address.
        mac: String,
    },
    /// Something happened at a mailbox.
    Voicemail(Voicemail),
    /// Somebody changed what is known of people.
    Context(Act<Personal>),
    /// Something was chosen at a phone by feature code: this is all that is chosen there now.
    Phone(PhoneChoice),
    /// Somebody signed in at another phone, or that phone is its own again.
    HotDesk {
        /// The phone.
        phone: ExtensionId,
        /// As whom; nobody: its own.
        person: Option<ExtensionId>,
    },
    /// A schedule was overridden, or follows its calendar again.
    Schedule {
        /// Which.
        schedule: ScheduleId,
        /// How it is until told otherwise.
        forced: Option<Forced>,
    },
    /// A caller began to wait.
    QueuePlace(QueuePlace),
    /// Somebody called for help: a call back must find the phone.
    CalledForHelp(Called),
    /// A call out has cost something.
    Spent(Spent),
    /// An admin lifted caps on spending for a time, or put them back.
    CapsLifted(Lift),
    /// Who may use the box through its API has changed.
    Account(Account),
    /// What the branch says again and again was changed.
    Shelf(crate::messaging::shelf::Change),
    /// Somebody did something through it, or at the control socket.
    Act(act::Act),
    /// A caller waits no more.
    QueueLeft {
        /// Which.
        item: ItemId,
    },
    /// Something happened to an item of work.
    Work(Work),
    /// A program elsewhere was told, or could not be.
    Webhook(webhook::Change),
    /// Something happened to a journey.
    Journey(Journey),
    /// Something happened at a site or a shop.
    Site(Site),
    /// Somebody wrote, is written to, or something became of that.
    Message(Box<Entry<Personal>>),
    /// How the box does.
    Health(Box<Health>),
}

impl Event {
    /// Whether somebody may wait until it is on the disk. Nobody does for what only tells of a call.
    pub fn is_awaited(&self) -> bool {
        match self {
            Event::Call(_) | Event::CallRecord(_) | Event::Health(_) => false,
            Event::Work(work) => work.is_kept(),
            _ => true,
        }
    }
}

/// What was chosen at a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneChoice {
    /// Whose phone.
    pub extension: ExtensionId,
    /// Where calls go on to in each case that was ever chosen; nothing: nowhere.
    #[serde(default)]
    pub forwards: BTreeMap<When, Option<Personal>>,
    /// Do not disturb.
    #[serde(default)]
    pub do_not_disturb: Option<bool>,
    /// Call waiting.
    #[serde(default)]
    pub call_waiting: Option<bool>,
}

impl PhoneChoice {
    /// From what a phone says.
    pub fn new(extension: &ExtensionId, chosen: &Chosen) -> PhoneChoice {
        let text =
            |onward: &Option<Onward>| onward.as_ref().map(|o| Personal::Clear(o.to_string()));
        PhoneChoice {
            extension: extension.clone(),
            forwards: chosen.forwards.iter().map(|(when, to)| (*when, text(to))).collect(),
            do_not_disturb: chosen.do_not_disturb,
            call_waiting: chosen.call_waiting,
        }
    }

    /// What the phone says, read by who can read personal data. A forward to somebody who is forgotten is none.
    pub fn chosen(&self, read: impl Fn(&Personal) -> Option<String>) -> Chosen {
        let onward = |to: &Option<Personal>| Onward::try_from(read(to.as_ref()?)?).ok();
        Chosen {
            forwards: self.forwards.iter().map(|(when, to)| (*when, onward(to))).collect(),
            do_not_disturb: self.do_not_disturb,
            call_waiting: self.call_waiting,
        }
    }
}

/// A caller's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// Which.
    pub item: ItemId,
    /// Where.
    pub queue: QueueId,
    /// Whose call.
    pub call: CallId,
    /// Since when.
    pub arrived: UnixTime,
}

/// Something that happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: UnixTime,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of [`CallEvent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// It reached us.
    Arrived {
        /// Over this.
        peer: Peer,
        /// The caller's number.
        from: Personal,
        /// The dialled number.
        to: Personal,
        /// Whether the caller hides the number: what stands there is nobody's.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nobody: bool,
    },
    /// It went to an IVR flow.
    Ivr {
        /// Which.
        flow: FlowId,
    },
    /// It went to leave a message.
    Voicemail {
        /// For whom.
        mailbox: ExtensionId,
    },
    /// It came to a node of the flow.
    Node {
        /// Its name.
        node: String,
    },
    /// The caller keyed something in.
    Collected {
        /// What the flow calls it.
        name: String,
        /// The keys.
        digits: Personal,
    },
    /// The agent has hung up, and the caller is asked how it was.
    Surveyed {
        /// The queue whose survey it is.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// What is asked.
        question: Question,
        /// Who is asked, where that is known.
        #[serde(default)]
        contact: Option<ContactId>,
        /// By which number, where nobody is known by it yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<Personal>,
    },
    /// And answers.
    Scored {
        /// With this.
        score: u8,
    },
    /// It began to wait in a queue.
    Queued {
        /// Which.
        queue: QueueId,
    },
    /// The phones of a group ring for it.
    Group {
        /// Which.
        group: GroupId,
    },
    /// A phone's forward passed it on.
    Forwarded {
        /// Whose.
        by: ExtensionId,
        /// Why.
        when: When,
    },
    /// It was parked.
    Parked {
        /// At this place.
        slot: Slot,
    },
    /// It was offered to an agent.
    Offered {
        /// Whom.
        agent: AgentId,
    },
    /// An agent took it from the queue.
    TakenBy {
        /// Who.
        agent: AgentId,
    },
    /// It is dialled over a trunk.
    Dialled {
        /// Which.
        trunk: TrunkId,
    },
    /// A leg answered.
    Answered {
        /// Which.
        leg: LegId,
    },
    /// A leg put the other on hold.
    Held {
        /// Which.
        leg: LegId,
    },
    /// And took it off hold.
    Resumed {
        /// Which.
        leg: LegId,
    },
    /// The party at a leg transferred the other one.
    Transferred {
        /// Which.
        leg: LegId,
    },
    /// A party came into a room.
    Entered {
        /// Its leg.
        leg: LegId,
        /// The room.
        room: RoomId,
        /// The conference whose room it is.
        #[serde(default)]
        conference: Option<ConferenceId>,
    },
    /// A conversation is being recorded from here on.
    Taped {
        /// The recording.
        recording: RecordingId,
        /// Whom one hears on the left.
        left: LegId,
        /// And on the right.
        right: LegId,
    },
    /// What was recorded is thrown away: somebody refused it.
    Untaped {
        /// The recording.
        recording: RecordingId,
    },
    /// Somebody said whether they let themselves be recorded, or it is known from before.
    Consented {
        /// Their leg.
        leg: LegId,
        /// What they said.
        consent: Consent,
    },
    /// A leg is sent sound and not heard, or is heard again.
    OneWay {
        /// Which.
        leg: LegId,
        /// Whether it is so from now on.
        now: bool,
    },
    /// A fax machine or a modem is at a leg.
    Machine {
        /// Which.
        leg: LegId,
    },
    /// A message was taken.
    Recorded {
        /// Which.
        recording: RecordingId,
    },
    /// A leg ended.
    LegEnded {
        /// Which.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
}

impl From<call::Event> for CallEvent {
    fn from(event: call::Event) -> Self {
        let what = match event.what {
            call::What::Arrived { peer, from, to } => {
                let nobody = from == NOBODY;
                What::Arrived { peer, from: Personal::Clear(from), to: Personal::Clear(to), nobody }
            }
            call::What::Ivr(flow) => What::Ivr { flow },
            call::What::Voicemail(mailbox) => What::Voicemail { mailbox },
            call::What::Queued(queue) => What::Queued { queue },
            call::What::Group(group) => What::Group { group },
            call::What::Forwarded(Diversion { by, when }) => What::Forwarded { by, when },
            call::What::Parked(slot) => What::Parked { slot },
            call::What::Offered(agent) => What::Offered { agent },
            call::What::TakenBy(agent) => What::TakenBy { agent },
            call::What::Dialled(trunk) => What::Dialled { trunk },
            call::What::Answered(leg) => What::Answered { leg },
            call::What::Held(leg) => What::Held { leg },
            call::What::Resumed(leg) => What::Resumed { leg },
            call::What::Transferred(leg) => What::Transferred { leg },
            call::What::Entered { leg, room, conference } => {
                What::Entered { leg, room, conference }
            }
            call::What::LegEnded(leg, cause) => What::LegEnded { leg, cause },
        };
        CallEvent { call: event.call, at: event.at, what }
    }
}

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a trunk.
    Inbound,
    /// To a trunk.
    Outbound,
    /// Between phones of the branch, or to its own services.
    Internal,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// Which way it went.
    pub direction: Direction,
    /// Who called: a trunk or an extension.
    pub origin: Peer,
    /// The caller's number.
    pub from: Personal,
    /// The dialled number.
    pub to: Personal,
    /// The number of whoever outside it was with, in full; nothing where there is none, or it is hidden.
    #[serde(default)]
    pub party: Option<Personal>,
    /// With whom, where that is known better than by the number: it went on with a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// When it reached us.
    pub arrived: UnixTime,
    /// When we answered.
    pub answered: Option<UnixTime>,
    /// When a person first spoke with the caller.
    pub connected: Option<UnixTime>,
    /// When it was over.
    pub ended: UnixTime,
    /// The last queue it waited in.
    pub queue: Option<QueueId>,
    /// Who took it from there.
    pub agent: Option<AgentId>,
    /// The last conference that it was in.
    #[serde(default)]
    pub conference: Option<ConferenceId>,
    /// Why it ended.
    pub cause: Cause,
    /// Whose doing that was.
    pub class: Class,
    /// Its legs, the caller's first.
    pub legs: Vec<LegRecord>,
    /// Messages that were taken.
    #[serde(default)]
    pub recordings: Vec<RecordingId>,
    /// Whose phones forwarded it, in order.
    #[serde(default)]
    pub diversions: Vec<Diversion>,
    /// The number that was called first, where a carrier passed the call on.
    #[serde(default)]
    pub diverted_by: Option<Personal>,
    /// What the carrier takes for the call having come in, by the price that its trunk had then. Nothing where none was
    /// given, or nobody knows how long the call was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// What was said last to being recorded; nothing where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// What one leg did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegRecord {
    /// The leg.
    pub leg: LegId,
    /// Who was there.
    pub peer: Peer,
    /// When it answered.
    pub answered: Option<UnixTime>,
    /// Why it ended.
    pub cause: Cause,
    /// How it sounded; nothing if no sound was agreed on.
    #[serde(default)]
    pub quality: Option<Quality>,
}

/// How a leg sounded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    /// Packets that we sent.
    pub sent: u64,
    /// Packets of sound that arrived.
    pub received: u64,
    /// Packets that never did (RFC 3550 appendix A.3).
    pub lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Round trip in milliseconds, where the peer sends reports.
    pub round_trip_ms: Option<f64>,
    /// Estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
    pub mos: Option<f64>,
    /// The score that the far end gave to what it heard of us, where it reports so (RFC 3611).
    pub mos_there: Option<f64>,
    /// Seconds in which anything but silence came from there.
    pub spoken_s: f64,
    /// Whether it was sent sound and not heard for seconds.
    pub one_way: bool,
    /// Whether a fax machine or a modem was there.
    pub machine: bool,
    /// Packets that did not prove themselves where packets are encrypted (SRTP); dropped.
    pub forged: u64,
    /// Encrypted packets that came a second time; dropped.
    pub replayed: u64,
    /// How the sound was encrypted, where that was asked for or agreed on.
    pub protection: Option<Protection>,
}

impl Quality {
    /// Loss in percent of what should have come.
    pub fn loss_percent(&self) -> f64 {
        let expected = self.received + self.lost;
        if expected == 0 { 0.0 } else { self.lost as f64 * 100.0 / expected as f64 }
    }
}

impl CallRecord {
    /// From the call's own record; `party` is the number outside, in full, and `quality` knows how legs sounded. What it
    /// cost is not said yet.
    pub fn new(
        record: crate::call::record::Record,
        party: Option<String>,
        quality: impl Fn(LegId) -> Option<Quality>,
    ) -> CallRecord {
        let origin = match record.origin {
            Origin::Trunk(trunk) => Peer::Trunk(trunk),
            Origin::Extension(extension) => Peer::Extension(extension),
            Origin::Chat(chat) => Peer::Chat(chat),
        };
        let out = record.legs.iter().any(|leg| matches!(leg.peer, Peer::Trunk(_)));
        let direction = match origin {
            Peer::Trunk(_) | Peer::Chat(_) => Direction::Inbound,
            Peer::Extension(_) if out => Direction::Outbound,
            Peer::Extension(_) => Direction::Internal,
        };
        let leg = |leg: crate::call::record::LegRecord| LegRecord {
            quality: quality(leg.leg),
            leg: leg.leg,
            peer: leg.peer,
            answered: leg.answered,
            cause: leg.cause,
        };
        CallRecord {
            call: record.call,
            direction,
            origin,
            from: Personal::Clear(record.from),
            to: Personal::Clear(record.to),
            party: party.map(Personal::Clear),
            contact: None,
            arrived: record.arrived,
            answered: record.answered,
            connected: record.connected,
            ended: record.ended,
            queue: record.queue,
            agent: record.agent,
            conference: record.conference,
            cause: record.cause,
            class: record.cause.class(),
            legs: record.legs.into_iter().map(leg).collect(),
            recordings: record.recordings,
            diversions: record.diversions,
            diverted_by: record.diverted_by.map(|by| of_call(record.call, by.number)),
            fee: None,
            consent: None,
        }
    }
}

impl Event {
    /// Hands every piece of personal data to `touch`.
    pub fn for_each_personal(&mut self, touch: &mut dyn FnMut(&mut Personal)) {
        match self {
            Event::Call(CallEvent { what: What::Arrived { from, to, .. }, .. }) => {
                touch(from);
                touch(to);
            }
            Event::Call(CallEvent { what: What::Collected { digits, .. }, .. }) => touch(digits),
            Event::Call(CallEvent { what: What::Surveyed { number, .. }, .. }) => {
                number.iter_mut().for_each(touch);
            }
            Event::CallRecord(record) => {
                touch(&mut record.from);
                touch(&mut record.to);
                record.diverted_by.iter_mut().chain(&mut record.party).for_each(touch);
            }
            Event::Context(act) => {
                let whole = Act { by: act.by.clone(), at: act.at, changes: Vec::new() };
                *act = std::mem::replace(act, whole).map(&mut |_, mut personal| {
                    touch(&mut personal);
                    personal
                });
            }
            Event::Voicemail(Voicemail::Begun(Begun { from, .. })) => touch(from),
            Event::Work(work) => work.for_each_personal(touch),
            Event::Journey(journey) => journey.for_each_personal(touch),
            Event::Site(site) => site.for_each_personal(touch),
            Event::Message(entry) => super::message::for_each_personal(entry, touch),
            Event::Phone(choice) => choice.forwards.values_mut().flatten().for_each(touch),
            // What is live came from events, and was sealed there.
            _ => {}
        }
    }
}
