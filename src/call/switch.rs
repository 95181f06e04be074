//! The machine that owns every call: what happened goes in, what to do comes out.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::address::Number;
use crate::call::current::{Activity, Call, CallView, Leg, Purpose};
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Feature, Origin, Why};
use crate::call::record::{LegRecord, Peer, Record};
use crate::id::{
    AgentId, CallId, ExtensionId, FlowId, LegId, OfferId, QueueId, RecordingId, SkillId, TrunkId,
};
use crate::random::Random;
use crate::time::{Now, Timers, UnixTime};

/// Limits that hold for all calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls at once; emergency calls pass above it.
    pub max_calls: usize,
    /// How long an extension rings when nothing else is set.
    pub ring_time: Duration,
    /// Ring time of single extensions.
    pub ring_times: BTreeMap<ExtensionId, Duration>,
    /// How long a trunk may take from INVITE to answer.
    pub outbound_time: Duration,
}

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
    /// The number that was dialled.
    pub to: String,
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
    /// It began to wait in a queue.
    Queued(QueueId),
    /// It was offered to an agent.
    Offered(AgentId),
    /// A leg answered.
    Answered(LegId),
    /// A leg put the other on hold.
    Held(LegId),
    /// And took it off hold.
    Resumed(LegId),
    /// A leg ended.
    LegEnded(LegId, Cause),
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
    /// Play music to a leg that was put on hold.
    Music(LegId),
    /// Play a ringing tone to a caller who was answered already.
    Ringback(LegId),
    /// Send a leg its own sound.
    Echo(LegId),
    /// Walk the caller through a flow from its start.
    StartIvr {
        /// The call.
        call: CallId,
        /// The flow.
        flow: FlowId,
    },
    /// Go on with the flow: what it asked for did not work out.
    ResumeIvr(CallId, Cause),
    /// The walk is over.
    EndIvr(CallId),
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
        /// When the caller reached us.
        arrived: UnixTime,
    },
    /// The caller is no longer in the queue.
    LeaveQueue(CallId),
    /// What became of an offer.
    Offer(OfferId, AgentId, OfferOutcome),
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
        /// For whom.
        extension: ExtensionId,
    },
    /// Say something to the caller; answer with `handle_said`.
    Say(CallId, Saying),
    /// Keep this.
    Happened(Event),
    /// The call is over.
    Ended(Box<Record>),
}

/// Every call that is up.
#[derive(Debug)]
pub struct Calls {
    settings: Settings,
    random: Random,
    calls: BTreeMap<CallId, Call>,
    by_leg: BTreeMap<LegId, CallId>,
    busy: BTreeMap<ExtensionId, u32>,
    outbound: BTreeMap<LegId, Outbound>,
    timers: Timers<LegId>,
    outputs: VecDeque<Output>,
    draining: bool,
}

/// What is left to try when a trunk fails.
#[derive(Debug, Clone)]
struct Outbound {
    trunks: VecDeque<TrunkId>,
    number: Number,
    emergency: bool,
}

impl Calls {
    /// No calls yet.
    pub fn new(settings: Settings, random: Random) -> Self {
        Calls {
            settings,
            random,
            calls: BTreeMap::new(),
            by_leg: BTreeMap::new(),
            busy: BTreeMap::new(),
            outbound: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            draining: false,
        }
    }

    /// A call reached us.
    pub fn handle_arrived(&mut self, now: Now, arrival: Arrival) {
        let emergency = matches!(arrival.destination, Destination::Emergency { .. });
        let full = self.calls.len() >= self.settings.max_calls;
        let id = arrival.call;
        let destination = self.begin(now, arrival);
        if emergency || !(full || self.draining) {
            self.go_to(now, id, destination);
        } else {
            let cause = if self.draining { Cause::ShuttingDown } else { Cause::Congestion };
            self.end(id, cause);
        }
    }

    /// Something happened on a leg. A leg we do not know is over and is ignored.
    pub fn handle_leg(&mut self, now: Now, leg: LegId, event: LegEvent) {
        let Some(&call) = self.by_leg.get(&leg) else { return };
        match event {
            LegEvent::Ringing => self.ringing(call),
            LegEvent::EarlyMedia => self.early_media(call, leg),
            LegEvent::Answered => self.answered(now, call, leg),
            LegEvent::Held => self.held(now, call, leg),
            LegEvent::Resumed => self.resumed(now, call, leg),
            LegEvent::Ended(cause) => self.leg_ended(now, call, leg, cause),
        }
    }

    /// The IVR flow sends the caller on. When that fails, the flow goes on.
    pub fn handle_ivr_leave(&mut self, now: Now, call: CallId, destination: Destination) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.ivr_waits = true;
            self.go_to(now, call, destination);
        }
    }

    /// The IVR flow sends the caller into a queue, with what it found out.
    pub fn handle_ivr_queue(
        &mut self,
        now: Now,
        call: CallId,
        queue: QueueId,
        priority: i32,
        skills: BTreeMap<SkillId, u8>,
    ) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.ivr_waits = true;
            self.enqueue(now, call, queue, priority, skills);
        }
    }

    /// The IVR flow is done with the caller.
    pub fn handle_ivr_hang_up(&mut self, call: CallId) {
        self.end(call, Cause::Completed);
    }

    /// The caller left a message.
    pub fn handle_recorded(&mut self, call: CallId, recording: RecordingId) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.recordings.push(recording);
        }
    }

    /// A queue offers the caller to agents, at their extensions.
    pub fn handle_offer(
        &mut self,
        now: Now,
        call: CallId,
        offer: OfferId,
        agents: &[(AgentId, ExtensionId)],
    ) {
        let waiting =
            self.calls.get(&call).is_some_and(|c| matches!(c.activity, Activity::Queued(_)));
        for (agent, extension) in agents {
            if !waiting {
                let missed = Output::Offer(offer, agent.clone(), OfferOutcome::Unreachable);
                self.outputs.push_back(missed);
                continue;
            }
            self.happened(now, call, What::Offered(agent.clone()));
            let purpose = Purpose::Offer(offer, agent.clone());
            let leg = self.add_leg(call, Peer::Extension(extension.clone()), purpose);
            let extension = extension.clone();
            self.outputs.push_back(Output::DialExtension { call, leg, extension });
        }
    }

    /// A queue takes an offer back.
    pub fn handle_withdraw(&mut self, call: CallId, offer: OfferId, agent: &AgentId, missed: bool) {
        let Some(state) = self.calls.get(&call) else { return };
        let wanted = Purpose::Offer(offer, agent.clone());
        let legs: Vec<_> =
            state.ringing().filter(|(_, leg)| leg.purpose == wanted).map(|(id, _)| id).collect();
        let cause = if missed { Cause::NoAnswer } else { Cause::Completed };
        legs.into_iter().for_each(|leg| self.release(leg, cause));
    }

    /// The queue gives the caller up: to `target`, to the flow that sent it, or politely to nowhere.
    pub fn handle_overflow(&mut self, now: Now, call: CallId, target: Option<Destination>) {
        match target {
            Some(target) => self.go_to(now, call, target),
            None => self.failed(call, Cause::NoAnswer),
        }
    }

    /// A feature code was carried out, or could not be.
    pub fn handle_feature(&mut self, call: CallId, saying: Saying) {
        self.say(call, saying);
    }

    /// The last sentence was played.
    pub fn handle_said(&mut self, call: CallId) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Saying) {
            let cause = self.calls.get(&call).and_then(|c| c.cause).unwrap_or(Cause::Completed);
            self.end(call, cause);
        }
    }

    /// Ends a call at an admin's wish. Answers whether there was one.
    pub fn handle_hang_up(&mut self, call: CallId) -> bool {
        let known = self.calls.contains_key(&call);
        self.end(call, Cause::Completed);
        known
    }

    /// No new calls from now on, except emergencies.
    pub fn handle_drain(&mut self) {
        self.draining = true;
    }

    /// Ends every call: the time for draining is over.
    pub fn handle_stop(&mut self) {
        let calls: Vec<_> = self.calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.end(call, Cause::ShuttingDown));
    }

    /// Ring times that are over.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(leg) = self.timers.pop_due(now.instant) {
            self.ring_time_over(leg);
        }
    }

    /// When the next ring time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The call that `leg` belongs to.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.by_leg.get(&leg).copied()
    }

    /// The caller's leg of `call`.
    pub fn caller(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call).map(|c| c.caller)
    }

    /// The caller's number and the dialled number of `call`.
    pub fn numbers(&self, call: CallId) -> Option<(&str, &str)> {
        self.calls.get(&call).map(|c| (c.from.as_str(), c.to.as_str()))
    }

    /// Where `call` came from.
    pub fn origin(&self, call: CallId) -> Option<&Origin> {
        self.calls.get(&call).map(|c| &c.origin)
    }

    /// Whether the caller of `call` is waiting in a queue.
    pub fn is_queued(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|c| matches!(c.activity, Activity::Queued(_)))
    }

    /// How many calls are up.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is up.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The calls that are up, for an admin.
    pub fn views(&self) -> Vec<CallView> {
        self.calls.values().map(view).collect()
    }
}

fn view(call: &Call) -> CallView {
    CallView {
        call: call.id,
        from: call.from.clone(),
        to: call.to.clone(),
        activity: call.activity.clone(),
        arrived: call.arrived,
        with: call.partner(call.caller).and_then(|leg| Some(call.legs.get(&leg)?.peer.clone())),
    }
}

/// Beginning and routing.
impl Calls {
    fn begin(&mut self, now: Now, arrival: Arrival) -> Destination {
        let Arrival { call, leg, peer, origin, from, to, destination } = arrival;
        self.happened(
            now,
            call,
            What::Arrived { peer: peer.clone(), from: from.clone(), to: to.clone() },
        );
        let state = Call {
            id: call,
            origin,
            from,
            to,
            caller: leg,
            activity: Activity::Ringing,
            ivr_waits: false,
            legs: BTreeMap::new(),
            cause: None,
            arrived: now.unix,
            answered: None,
            connected: None,
            queue: None,
            agent: None,
            ended_legs: Vec::new(),
            recordings: Vec::new(),
        };
        self.calls.insert(call, state);
        self.insert_leg(call, leg, peer, Purpose::Caller);
        destination
    }

    fn go_to(&mut self, now: Now, call: CallId, destination: Destination) {
        match destination {
            Destination::Extension(extension) => self.ring_extension(now, call, extension),
            Destination::Outbound { trunks, number } => {
                self.ring_trunks(now, call, trunks, number, false)
            }
            Destination::Emergency { trunks, number } => {
                self.ring_trunks(now, call, trunks, number, true)
            }
            Destination::Ivr(flow) => self.start_ivr(now, call, flow),
            Destination::Queue(queue) => self.enqueue(now, call, queue, 0, BTreeMap::new()),
            Destination::Echo => self.echo(now, call),
            Destination::Feature(feature) => self.feature(now, call, feature),
            Destination::Nowhere(why) => self.failed(call, cause_of(&why)),
        }
    }

    fn ring_extension(&mut self, now: Now, call: CallId, extension: ExtensionId) {
        let ring_time =
            self.settings.ring_times.get(&extension).copied().unwrap_or(self.settings.ring_time);
        let leg = self.add_leg(call, Peer::Extension(extension.clone()), Purpose::Asked);
        self.start_ringing(now, call, leg, ring_time);
        self.outputs.push_back(Output::DialExtension { call, leg, extension });
    }

    fn ring_trunks(
        &mut self,
        now: Now,
        call: CallId,
        trunks: Vec<TrunkId>,
        number: Number,
        emergency: bool,
    ) {
        self.try_trunk(now, call, Outbound { trunks: trunks.into(), number, emergency });
    }

    fn try_trunk(&mut self, now: Now, call: CallId, mut rest: Outbound) {
        let Some(trunk) = rest.trunks.pop_front() else {
            return self.failed(call, Cause::NetworkFailure);
        };
        let leg = self.add_leg(call, Peer::Trunk(trunk.clone()), Purpose::Asked);
        self.start_ringing(now, call, leg, self.settings.outbound_time);
        let (number, emergency) = (rest.number.clone(), rest.emergency);
        self.outbound.insert(leg, rest);
        self.outputs.push_back(Output::DialTrunk { call, leg, trunk, number, emergency });
    }

    fn start_ringing(&mut self, now: Now, call: CallId, leg: LegId, ring_time: Duration) {
        let timer = self.timers.set(now.instant + ring_time, leg);
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.activity = Activity::Ringing;
        if let Some(leg) = state.legs.get_mut(&leg) {
            leg.ring_timer = Some(timer);
        }
        if state.answered.is_some() {
            self.outputs.push_back(Output::Ringback(state.caller));
        }
    }

    fn start_ivr(&mut self, now: Now, call: CallId, flow: FlowId) {
        self.answer_caller(now, call, None);
        self.happened(now, call, What::Ivr(flow.clone()));
        self.be(call, Activity::Ivr);
        self.outputs.push_back(Output::StartIvr { call, flow });
    }

    fn enqueue(
        &mut self,
        now: Now,
        call: CallId,
        queue: QueueId,
        priority: i32,
        skills: BTreeMap<SkillId, u8>,
    ) {
        self.answer_caller(now, call, None);
        self.happened(now, call, What::Queued(queue.clone()));
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.activity = Activity::Queued(queue.clone());
        state.queue = Some(queue.clone());
        let arrived = state.arrived;
        self.outputs.push_back(Output::Enqueue { call, queue, priority, skills, arrived });
    }

    fn echo(&mut self, now: Now, call: CallId) {
        self.answer_caller(now, call, None);
        self.be(call, Activity::Echo);
        if let Some(leg) = self.caller(call) {
            self.outputs.push_back(Output::Echo(leg));
        }
    }

    fn feature(&mut self, now: Now, call: CallId, feature: Feature) {
        self.answer_caller(now, call, None);
        let extension = self.calls.get(&call).and_then(|c| c.extension(c.caller)).cloned();
        match extension {
            Some(extension) => {
                self.outputs.push_back(Output::Feature { call, feature, extension });
            }
            None => self.say(call, Saying::NotPossible),
        }
    }

    fn say(&mut self, call: CallId, saying: Saying) {
        self.be(call, Activity::Saying);
        self.outputs.push_back(Output::Say(call, saying));
    }

    fn answer_caller(&mut self, now: Now, call: CallId, with: Option<LegId>) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if state.answered.is_some() {
            return;
        }
        state.answered = Some(now.unix);
        let leg = state.caller;
        if let Some(caller) = state.legs.get_mut(&leg) {
            caller.answered = Some(now.unix);
        }
        self.outputs.push_back(Output::Answer { leg, with });
    }

    fn be(&mut self, call: CallId, activity: Activity) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.activity = activity;
        }
    }
}

fn cause_of(why: &Why) -> Cause {
    match why {
        Why::NotThisCaller { .. } | Why::Class { .. } | Why::TrunkToTrunk => Cause::NotAllowed,
        Why::NotDialable(_) | Why::Unknown | Why::NothingLeft { .. } => Cause::NoSuchNumber,
    }
}

/// What happens on legs.
impl Calls {
    fn ringing(&mut self, call: CallId) {
        let Some(state) = self.calls.get(&call) else { return };
        if state.activity == Activity::Ringing && state.answered.is_none() {
            self.outputs.push_back(Output::Ring(state.caller));
        }
    }

    fn early_media(&mut self, call: CallId, from: LegId) {
        let Some(state) = self.calls.get(&call) else { return };
        if state.activity == Activity::Ringing {
            self.outputs.push_back(Output::Early { leg: state.caller, from });
        }
    }

    fn answered(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let Some(answering) = state.legs.get_mut(&leg) else { return };
        if answering.answered.is_some() {
            return;
        }
        answering.answered = Some(now.unix);
        let timer = answering.ring_timer.take();
        let purpose = answering.purpose.clone();
        let too_late = answering.releasing.is_some()
            || matches!(state.activity, Activity::Talking(_) | Activity::Ending);
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.happened(now, call, What::Answered(leg));
        if too_late {
            return self.release(leg, Cause::Completed);
        }
        if let Purpose::Offer(offer, agent) = purpose {
            if let Some(state) = self.calls.get_mut(&call) {
                state.agent = Some(agent.clone());
            }
            self.outputs.push_back(Output::Offer(offer, agent, OfferOutcome::Accepted));
        }
        self.connect(now, call, leg);
    }

    fn connect(&mut self, now: Now, call: CallId, leg: LegId) {
        self.outbound.remove(&leg);
        self.answer_caller(now, call, Some(leg));
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.connected.get_or_insert(now.unix);
        state.activity = Activity::Talking(leg);
        let caller = state.caller;
        let others: Vec<_> = state.ringing().map(|(id, _)| id).filter(|id| *id != leg).collect();
        if std::mem::take(&mut state.ivr_waits) {
            self.outputs.push_back(Output::EndIvr(call));
        }
        self.outputs.push_back(Output::Join(caller, leg));
        others.into_iter().for_each(|other| self.release(other, Cause::Completed));
    }

    fn held(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if let Some(holding) = state.legs.get_mut(&leg) {
            holding.held = true;
        }
        if let Some(partner) = state.partner(leg) {
            self.outputs.push_back(Output::Music(partner));
            self.happened(now, call, What::Held(leg));
        }
    }

    fn resumed(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if let Some(holding) = state.legs.get_mut(&leg) {
            holding.held = false;
        }
        let Some(partner) = state.partner(leg) else { return };
        let join = if state.legs.get(&partner).is_some_and(|other| other.held) {
            Output::Music(leg)
        } else {
            Output::Join(leg, partner)
        };
        self.outputs.push_back(join);
        self.happened(now, call, What::Resumed(leg));
    }

    fn ring_time_over(&mut self, leg: LegId) {
        let Some(state) = self.by_leg.get(&leg).and_then(|call| self.calls.get_mut(call)) else {
            return;
        };
        if let Some(ringing) = state.legs.get_mut(&leg) {
            ringing.ring_timer = None;
        }
        self.release(leg, Cause::NoAnswer);
    }

    fn leg_ended(&mut self, now: Now, call: CallId, leg: LegId, cause: Cause) {
        let Some((gone, cause)) = self.remove_leg(now, call, leg, cause) else { return };
        match &gone.purpose {
            Purpose::Caller => self.caller_gone(call, cause),
            Purpose::Offer(offer, agent) if gone.answered.is_none() => {
                self.offer_failed(*offer, agent.clone(), cause);
            }
            Purpose::Offer(_, agent) => {
                self.outputs.push_back(Output::ContactEnded(agent.clone()));
                self.partner_gone(call, leg, cause);
            }
            Purpose::Asked if gone.answered.is_none() => self.asked_failed(now, call, leg, cause),
            Purpose::Asked => self.partner_gone(call, leg, cause),
        }
        self.finish_if_empty(now, call);
    }

    fn remove_leg(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        cause: Cause,
    ) -> Option<(Leg, Cause)> {
        self.by_leg.remove(&leg);
        let state = self.calls.get_mut(&call)?;
        let gone = state.legs.remove(&leg)?;
        let cause = gone.releasing.unwrap_or(cause);
        let (peer, answered) = (gone.peer.clone(), gone.answered);
        let record = LegRecord { leg, peer, answered, cause };
        match gone.purpose {
            Purpose::Caller => state.ended_legs.insert(0, record),
            _ => state.ended_legs.push(record),
        }
        if let Some(timer) = gone.ring_timer {
            self.timers.cancel(timer);
        }
        self.count_idle(&gone);
        self.happened(now, call, What::LegEnded(leg, cause));
        Some((gone, cause))
    }

    fn caller_gone(&mut self, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get(&call) else { return };
        let cause = match state.activity {
            Activity::Queued(_) | Activity::Ringing if cause == Cause::Completed => {
                Cause::Abandoned
            }
            _ => cause,
        };
        self.end(call, cause);
    }

    fn partner_gone(&mut self, call: CallId, leg: LegId, cause: Cause) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Talking(leg)) {
            self.end(call, cause);
        }
    }

    fn offer_failed(&mut self, offer: OfferId, agent: AgentId, cause: Cause) {
        let outcome = match cause {
            Cause::NoAnswer => OfferOutcome::Missed,
            Cause::Busy | Cause::Declined => OfferOutcome::Refused,
            Cause::Completed | Cause::Abandoned | Cause::ShuttingDown => return,
            _ => OfferOutcome::Unreachable,
        };
        self.outputs.push_back(Output::Offer(offer, agent, outcome));
    }

    /// A party that the caller asked for could not be had: the next trunk, the flow, or the end.
    fn asked_failed(&mut self, now: Now, call: CallId, leg: LegId, cause: Cause) {
        let rest = self.outbound.remove(&leg);
        let ringing = self.calls.get(&call).is_some_and(|c| c.activity == Activity::Ringing);
        match rest {
            _ if !ringing => {}
            Some(rest) if worth_another_trunk(cause) && !rest.trunks.is_empty() => {
                self.try_trunk(now, call, rest);
            }
            _ => self.failed(call, cause),
        }
    }

    /// What the caller asked for did not work out.
    fn failed(&mut self, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if std::mem::take(&mut state.ivr_waits) {
            state.activity = Activity::Ivr;
            self.outputs.push_back(Output::ResumeIvr(call, cause));
        } else if state.answered.is_some() {
            state.cause.get_or_insert(cause);
            self.say(call, Saying::Unavailable);
        } else {
            self.end(call, cause);
        }
    }
}

/// Another carrier may do better when this one failed, not when the called party spoke.
fn worth_another_trunk(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NetworkFailure | Cause::Unreachable | Cause::Congestion | Cause::MediaRefused
    )
}

/// Ending.
impl Calls {
    /// Ends a call: every leg is released; the record follows the last of them.
    fn end(&mut self, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.cause.get_or_insert(cause);
        let before = std::mem::replace(&mut state.activity, Activity::Ending);
        let in_ivr = before == Activity::Ivr || std::mem::take(&mut state.ivr_waits);
        let legs: Vec<_> = state.legs.keys().copied().collect();
        if in_ivr {
            self.outputs.push_back(Output::EndIvr(call));
        }
        if matches!(before, Activity::Queued(_)) {
            self.outputs.push_back(Output::LeaveQueue(call));
        }
        legs.into_iter().for_each(|leg| self.release(leg, cause));
    }

    /// Asks for the end of one leg, once.
    fn release(&mut self, leg: LegId, cause: Cause) {
        let Some(state) = self.by_leg.get(&leg).and_then(|call| self.calls.get_mut(call)) else {
            return;
        };
        let unanswered_caller = leg == state.caller && state.answered.is_none();
        let Some(ending) = state.legs.get_mut(&leg) else { return };
        if ending.releasing.is_some() {
            return;
        }
        ending.releasing = Some(cause);
        let output =
            if unanswered_caller { Output::Refuse(leg, cause) } else { Output::HangUp(leg, cause) };
        self.outputs.push_back(output);
    }

    fn finish_if_empty(&mut self, now: Now, call: CallId) {
        if self.calls.get(&call).is_some_and(|c| c.legs.is_empty())
            && let Some(state) = self.calls.remove(&call)
        {
            self.outputs.push_back(Output::Ended(Box::new(state.into_record(now.unix))));
        }
    }

    fn add_leg(&mut self, call: CallId, peer: Peer, purpose: Purpose) -> LegId {
        let leg = LegId(self.random.bits());
        self.insert_leg(call, leg, peer, purpose);
        leg
    }

    fn insert_leg(&mut self, call: CallId, leg: LegId, peer: Peer, purpose: Purpose) {
        let state =
            Leg { peer, purpose, answered: None, held: false, ring_timer: None, releasing: None };
        self.count_busy(&state);
        self.by_leg.insert(leg, call);
        if let Some(call) = self.calls.get_mut(&call) {
            call.legs.insert(leg, state);
        }
    }

    /// Agents are told when their phone is in a call that no queue gave them.
    fn count_busy(&mut self, leg: &Leg) {
        let (Peer::Extension(extension), false) =
            (&leg.peer, matches!(leg.purpose, Purpose::Offer(..)))
        else {
            return;
        };
        let count = self.busy.entry(extension.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.outputs.push_back(Output::Busy(extension.clone()));
        }
    }

    fn count_idle(&mut self, leg: &Leg) {
        let (Peer::Extension(extension), false) =
            (&leg.peer, matches!(leg.purpose, Purpose::Offer(..)))
        else {
            return;
        };
        let Some(count) = self.busy.get_mut(extension) else { return };
        *count -= 1;
        if *count == 0 {
            self.busy.remove(extension);
            self.outputs.push_back(Output::Idle(extension.clone()));
        }
    }

    fn happened(&mut self, now: Now, call: CallId, what: What) {
        self.outputs.push_back(Output::Happened(Event { call, at: now.unix, what }));
    }
}
