//! Beginning a call and sending it somewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Arrival, Calls, Errand, Outbound, Output, Saying, What};
use crate::address::Number;
use crate::call::current::{Activity, Call, Purpose};
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Feature};
use crate::call::record::Peer;
use crate::id::{CallId, ExtensionId, FlowId, LegId, QueueId, SkillId, TrunkId};
use crate::time::Now;

/// Times that a caller is sent on at one moment. An inbound number, a flow, a queue and its overflow are four.
const MOST_SENT: u32 = 16;

impl Calls {
    pub(super) fn begin(&mut self, now: Now, arrival: Arrival) -> Destination {
        self.begin_with(now, arrival, Purpose::Caller)
    }

    /// Begins a call with its first leg, and says what that is for.
    pub(super) fn begin_with(
        &mut self,
        now: Now,
        arrival: Arrival,
        purpose: Purpose,
    ) -> Destination {
        let Arrival { call, leg, peer, origin, from, name, to, diverted_by, destination } = arrival;
        self.happened(
            now,
            call,
            What::Arrived { peer: peer.clone(), from: from.clone(), to: to.clone() },
        );
        let state = Call {
            id: call,
            origin,
            from,
            name,
            to,
            caller: leg,
            rung_first: false,
            goes_on: None,
            survey: None,
            activity: Activity::Ringing,
            ivr_waits: false,
            failed: None,
            legs: BTreeMap::new(),
            cause: None,
            arrived: now.unix,
            answered: None,
            connected: None,
            queued: None,
            queue: None,
            agent: None,
            conference: None,
            entry: None,
            ended_legs: Vec::new(),
            recordings: Vec::new(),
            transferor: None,
            forwards: 0,
            shown: None,
            sent: (now.instant, 0),
            hunt: None,
            diverted_by,
            onward: None,
            diversions: Vec::new(),
            history: 0,
            parked: None,
        };
        self.calls.insert(call, state);
        if destination.is_help() {
            self.help.insert(call);
        }
        self.insert_leg(call, leg, peer, purpose);
        destination
    }

    pub(super) fn go_to(&mut self, now: Now, call: CallId, destination: Destination) {
        if self.may_send(now, call) {
            self.send(now, call, destination);
        }
    }

    /// Whether the caller may be sent somewhere. Who was sent on all the time at one moment goes round in a circle of
    /// queues and flows, and would do so for ever: the call is ended.
    pub(super) fn may_send(&mut self, now: Now, call: CallId) -> bool {
        let Some(state) = self.calls.get_mut(&call) else { return false };
        if state.activity == Activity::Ending {
            return false;
        }
        let (at, times) = state.sent;
        let times = if at == now.instant { times + 1 } else { 1 };
        state.sent = (now.instant, times);
        if times > MOST_SENT {
            self.end(call, Cause::LoopDetected);
        }
        times <= MOST_SENT
    }

    fn send(&mut self, now: Now, call: CallId, destination: Destination) {
        match destination {
            Destination::Extension(extension) => self.call_extension(now, call, extension),
            Destination::Outbound { trunks, number, payer, hidden } => {
                let trunks = trunks.into();
                let wanted = Outbound { trunks, number, payer: Some(payer), hidden, again: false };
                self.try_trunk(now, call, wanted);
            }
            Destination::Emergency { trunks, number } => {
                let trunks = trunks.into();
                let wanted = Outbound { trunks, number, payer: None, hidden: false, again: false };
                self.try_trunk(now, call, wanted);
            }
            Destination::Ivr(flow) => self.start_ivr(now, call, flow),
            Destination::Queue(queue) => self.enqueue(now, call, queue, 0, BTreeMap::new()),
            Destination::Voicemail(extension) => {
                self.happened(now, call, What::Voicemail(extension.clone()));
                self.visit(now, call, Errand::Leave(extension));
            }
            Destination::Messages => {
                let errand = self.diverted_mailbox(call).map_or(Errand::HearAny, Errand::Leave);
                self.visit(now, call, errand);
            }
            Destination::Conference(conference) => self.confer(now, call, &conference),
            Destination::Echo => self.echo(now, call),
            Destination::Supervise(_) => self.supervise(now, call),
            Destination::CallBack(extension) => self.ring_extension(now, call, extension),
            Destination::TestOfHelp => {
                self.answer_caller(now, call, None);
                self.say(call, Saying::WhereYouAre);
            }
            Destination::Feature(feature, behind) => self.feature(now, call, feature, behind),
            Destination::Group(group) => self.ring_group(now, call, &group),
            Destination::Page(page) => self.page(now, call, &page),
            Destination::Slot(slot) => self.park_or_fetch(now, call, slot),
            Destination::Override(schedule, order) => {
                self.answer_caller(now, call, None);
                self.outputs.push_back(Output::Override(call, schedule, order));
            }
            Destination::Schedule(_) | Destination::Dial { .. } => {
                self.be(call, Activity::Ringing);
                self.outputs.push_back(Output::Route(call, destination));
            }
            Destination::Nowhere(why) => self.failed(call, Cause::from(&why)),
        }
    }

    pub(super) fn ring_extension(&mut self, now: Now, call: CallId, extension: ExtensionId) {
        let ring_time =
            self.settings.ring_times.get(&extension).copied().unwrap_or(self.settings.ring_time);
        let leg = self.add_leg(call, Peer::Extension(extension.clone()), Purpose::Asked);
        self.start_ringing(now, call, leg, ring_time);
        self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: false });
    }

    /// Dials over the next trunk that the budget lets the call have.
    pub(super) fn try_trunk(&mut self, now: Now, call: CallId, mut rest: Outbound) {
        let mut why = Cause::NetworkFailure;
        while let Some(trunk) = rest.trunks.pop_front() {
            let leg = LegId(self.random.bits());
            if self.may_spend(now, (call, leg), &trunk, &rest) {
                return self.ring_trunk(now, call, (leg, trunk), rest);
            }
            why = Cause::CapReached;
        }
        self.failed(call, why);
    }

    fn ring_trunk(&mut self, now: Now, call: CallId, to: (LegId, TrunkId), mut rest: Outbound) {
        let (leg, trunk) = to;
        self.insert_leg(call, leg, Peer::Trunk(trunk.clone()), Purpose::Asked);
        self.happened(now, call, What::Dialled(trunk.clone()));
        self.start_ringing(now, call, leg, self.settings.outbound_time);
        rest.again = true;
        let (number, hidden) = (rest.number.clone(), rest.hidden);
        let (emergency, last) = (rest.payer.is_none(), rest.trunks.is_empty());
        self.outbound.insert(leg, rest);
        let wish = Output::DialTrunk { call, leg, trunk, number, emergency, hidden, last };
        self.outputs.push_back(wish);
    }

    pub(super) fn start_ringing(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        ring_time: Duration,
    ) {
        let timer = self.timers.set(now.instant + ring_time, leg);
        let Some(state) = self.calls.get_mut(&call) else { return };
        let rings = state.ringing().count() > 1;
        state.activity = Activity::Ringing;
        if let Some(leg) = state.legs.get_mut(&leg) {
            leg.ring_timer = Some(timer);
        }
        if state.answered.is_some() && !rings {
            self.outputs.push_back(Output::Ringback(state.caller));
        }
    }

    pub(super) fn start_ivr(&mut self, now: Now, call: CallId, flow: FlowId) {
        self.answer_caller(now, call, None);
        self.happened(now, call, What::Ivr(flow.clone()));
        self.be(call, Activity::Ivr);
        self.outputs.push_back(Output::StartIvr { call, flow });
    }

    pub(super) fn enqueue(
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
        let arrived = *state.queued.get_or_insert(now.unix);
        self.outputs.push_back(Output::Enqueue { call, queue, priority, skills, arrived });
    }

    pub(super) fn echo(&mut self, now: Now, call: CallId) {
        self.answer_caller(now, call, None);
        self.be(call, Activity::Echo);
        if let Some(leg) = self.caller(call) {
            self.outputs.push_back(Output::Echo(leg));
        }
    }

    pub(super) fn visit(&mut self, now: Now, call: CallId, errand: Errand) {
        self.answer_caller(now, call, None);
        self.be(call, Activity::Voicemail);
        self.outputs.push_back(Output::Visit(call, errand));
    }

    pub(super) fn feature(
        &mut self,
        now: Now,
        call: CallId,
        feature: Feature,
        behind: Option<Number>,
    ) {
        let extension = self.calls.get(&call).and_then(|c| c.extension(c.caller)).cloned();
        let other = || behind.as_ref().map(|number| ExtensionId::from(number.as_str()));
        match (feature, extension) {
            (Feature::Park, _) if self.is_transferred(call) => {
                self.park_transferred(now, call, None)
            }
            (_, None) => {
                self.answer_caller(now, call, None);
                self.say(call, Saying::NotPossible);
            }
            (Feature::Conference, Some(_)) => {
                self.answer_caller(now, call, None);
                if !self.merge(now, call) {
                    self.say(call, Saying::NotPossible);
                }
            }
            (Feature::Voicemail, Some(extension)) => {
                self.visit(now, call, Errand::Hear(extension));
            }
            (Feature::Park, Some(extension)) => self.park_held(now, call, &extension),
            (Feature::Pickup | Feature::PickupGroup, Some(extension)) => {
                self.pick_up(now, call, &extension, other());
            }
            (Feature::Intercom, Some(_)) => self.speak_to(now, call, other()),
            (_, Some(extension)) => {
                self.answer_caller(now, call, None);
                self.be(call, Activity::Saying);
                self.outputs.push_back(Output::Feature { call, feature, behind, extension });
            }
        }
    }

    pub(super) fn say(&mut self, call: CallId, saying: Saying) {
        self.be(call, Activity::Saying);
        self.outputs.push_back(Output::Say(call, saying));
    }

    pub(super) fn answer_caller(&mut self, now: Now, call: CallId, with: Option<LegId>) {
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

    pub(super) fn be(&mut self, call: CallId, activity: Activity) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.activity = activity;
        }
    }
}
