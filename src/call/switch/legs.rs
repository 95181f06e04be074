//! What happens on legs, and what it means for their call.

use super::{Calls, OfferOutcome, Output, Saying, What};
use crate::call::current::{Activity, Leg, Purpose};
use crate::call::ending::Cause;
use crate::call::record::{LegRecord, Peer};
use crate::id::{AgentId, CallId, LegId, OfferId};
use crate::time::Now;

impl Calls {
    pub(super) fn ringing(&mut self, call: CallId) {
        let Some(state) = self.calls.get(&call) else { return };
        if state.activity == Activity::Ringing && state.answered.is_none() {
            self.outputs.push_back(Output::Ring(state.caller));
        }
    }

    pub(super) fn early_media(&mut self, call: CallId, from: LegId) {
        let Some(state) = self.calls.get(&call) else { return };
        // Of several phones, nobody could say whose sound it is.
        if state.activity == Activity::Ringing && state.ringing().count() == 1 {
            self.outputs.push_back(Output::Early { leg: state.caller, from });
        }
    }

    pub(super) fn answered(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let taken = matches!(
            state.activity,
            Activity::Talking(_) | Activity::Conference(_) | Activity::Ending
        );
        let Some(answering) = state.legs.get_mut(&leg) else { return };
        if answering.answered.is_some() {
            return;
        }
        // An answer that crossed our wish to end the leg, or another's answer, counts as none.
        if taken || answering.releasing.is_some() {
            return self.release(leg, Cause::Completed);
        }
        answering.answered = Some(now.unix);
        let timer = answering.ring_timer.take();
        let purpose = answering.purpose.clone();
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.happened(now, call, What::Answered(leg));
        if purpose == Purpose::Caller {
            return self.caller_came(now, call);
        }
        self.pay(now, leg);
        if self.page_answered(now, call, leg) {
            return;
        }
        if let Purpose::Offer(offer, agent) = purpose {
            if let Some(state) = self.calls.get_mut(&call) {
                state.agent = Some(agent.clone());
                if let Some(taken) = state.legs.get_mut(&leg) {
                    taken.contact = Some(agent.clone());
                }
            }
            self.happened(now, call, What::TakenBy(agent.clone()));
            self.outputs.push_back(Output::Offer(offer, agent, OfferOutcome::Accepted));
        }
        if !self.goes_on(now, call, leg) {
            self.connect(now, call, leg);
        }
    }

    pub(super) fn connect(&mut self, now: Now, call: CallId, leg: LegId) {
        self.outbound.remove(&leg);
        self.answer_caller(now, call, Some(leg));
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.connected.get_or_insert(now.unix);
        state.failed = None;
        state.hunt = None;
        state.history = state.diversions.len();
        state.activity = Activity::Talking(leg);
        let caller = state.caller;
        let others: Vec<_> = state.ringing().map(|(id, _)| id).filter(|id| *id != leg).collect();
        if std::mem::take(&mut state.ivr_waits) {
            self.outputs.push_back(Output::EndIvr(call));
        }
        self.unpark(call);
        self.outputs.push_back(Output::Join(caller, leg));
        self.transfer_done(call);
        others.into_iter().for_each(|other| self.release(other, Cause::Completed));
    }

    pub(super) fn held(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if let Some(holding) = state.legs.get_mut(&leg) {
            holding.held = true;
        }
        if let Some(partner) = state.partner(leg) {
            self.outputs.push_back(Output::Music(partner));
            self.happened(now, call, What::Held(leg));
        }
    }

    pub(super) fn resumed(&mut self, now: Now, call: CallId, leg: LegId) {
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

    pub(super) fn ring_time_over(&mut self, now: Now, leg: LegId) {
        let call = self.call_of(leg);
        let Some(state) = self.by_leg.get(&leg).and_then(|call| self.calls.get_mut(call)) else {
            return;
        };
        if let Some(ringing) = state.legs.get_mut(&leg) {
            ringing.ring_timer = None;
        }
        if matches!(state.activity, Activity::Admission(_) | Activity::Originating) {
            let call = state.id;
            return self.end(call, Cause::NoAnswer);
        }
        // The caller goes on at once: whoever is there confirms the CANCEL, and whoever is not never will (64 T1 more).
        let rung =
            state.legs.get(&leg).map(|ringing| (ringing.purpose.clone(), ringing.peer.clone()));
        self.release(leg, Cause::NoAnswer);
        match (call, rung) {
            (Some(call), Some((Purpose::Asked, peer))) => {
                self.asked_failed(now, call, (leg, &peer), Cause::NoAnswer);
            }
            (Some(call), _) => self.member_failed(now, call, Cause::NoAnswer),
            (None, _) => {}
        }
    }

    pub(super) fn leg_ended(&mut self, now: Now, call: CallId, leg: LegId, cause: Cause) {
        let room = self.room_holding(leg);
        let Some((gone, cause)) = self.remove_leg(now, call, leg, cause) else { return };
        if let Some(agent) = gone.contact.clone() {
            self.outputs.push_back(Output::ContactEnded(agent));
        }
        if let Some(room) = room {
            self.left_room(call, leg, room);
        }
        match &gone.purpose {
            Purpose::Caller if self.calls.get(&call).is_some_and(|state| state.caller != leg) => {}
            Purpose::Caller => self.caller_gone(call, cause),
            Purpose::Offer(offer, agent) if gone.answered.is_none() => {
                self.offer_failed(*offer, agent.clone(), cause);
                // Of a call back nothing is left without the agent.
                if self.caller(call) == Some(leg) {
                    self.end(call, cause);
                }
            }
            Purpose::Offer(..) if self.caller(call) == Some(leg) => self.caller_gone(call, cause),
            Purpose::Offer(_, agent) if self.asks_how_it_was(call, leg, agent, cause) => {}
            Purpose::Offer(..) => self.partner_gone(call, leg, cause),
            // Who was let go was counted then: a peer that is slow to confirm holds nobody up.
            Purpose::Asked | Purpose::Member
                if gone.answered.is_none() && gone.releasing.is_some() =>
            {
                self.outbound.remove(&leg);
            }
            Purpose::Asked if gone.answered.is_none() => {
                self.asked_failed(now, call, (leg, &gone.peer), cause);
            }
            Purpose::Member if gone.answered.is_none() => self.member_failed(now, call, cause),
            Purpose::Asked | Purpose::Member => self.partner_gone(call, leg, cause),
        }
        self.page_left(call);
        self.finish_if_empty(now, call);
    }

    pub(super) fn remove_leg(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        cause: Cause,
    ) -> Option<(Leg, Cause)> {
        self.by_leg.remove(&leg);
        self.budget.ended(leg);
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

    pub(super) fn caller_gone(&mut self, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get(&call) else { return };
        let cause = match state.activity {
            Activity::Queued(_) | Activity::Ringing if cause == Cause::Completed => {
                Cause::Abandoned
            }
            _ => cause,
        };
        self.end(call, cause);
    }

    pub(super) fn partner_gone(&mut self, call: CallId, leg: LegId, cause: Cause) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Talking(leg)) {
            self.end(call, cause);
        }
    }

    pub(super) fn offer_failed(&mut self, offer: OfferId, agent: AgentId, cause: Cause) {
        let outcome = match cause {
            Cause::NoAnswer => OfferOutcome::Missed,
            Cause::Busy | Cause::Declined => OfferOutcome::Refused,
            Cause::Completed | Cause::Abandoned | Cause::ShuttingDown => return,
            _ => OfferOutcome::Unreachable,
        };
        self.outputs.push_back(Output::Offer(offer, agent, outcome));
    }

    /// A party that the caller asked for could not be had: the next trunk, the flow, or the end.
    pub(super) fn asked_failed(
        &mut self,
        now: Now,
        call: CallId,
        (leg, peer): (LegId, &Peer),
        cause: Cause,
    ) {
        let rest = self.outbound.remove(&leg);
        let ringing = self.calls.get(&call).is_some_and(|c| c.activity == Activity::Ringing);
        match rest {
            _ if !ringing => {}
            Some(rest)
                if (rest.payer.is_none() || worth_another_trunk(cause))
                    && !rest.trunks.is_empty() =>
            {
                self.try_trunk(now, call, rest);
            }
            _ if self.park_again(now, call) => {}
            _ => match peer {
                Peer::Extension(extension) => self.not_reached(now, call, extension, cause),
                Peer::Trunk(_) | Peer::Chat(_) => self.failed(call, cause),
            },
        }
    }

    /// What the caller asked for did not work out.
    pub(super) fn failed(&mut self, call: CallId, cause: Cause) {
        if self.transfer_failed(call, cause) {
            return;
        }
        let Some(state) = self.calls.get_mut(&call) else { return };
        if std::mem::take(&mut state.ivr_waits) {
            state.activity = Activity::Ivr;
            state.failed = Some(cause);
            self.outputs.push_back(Output::ResumeIvr(call, cause));
        } else if state.answered.is_some() {
            state.cause.get_or_insert(cause);
            self.say(call, Saying::Unavailable);
        } else {
            self.end(call, cause);
        }
    }
}

/// Another carrier may do better when this one failed, not when the called party spoke. A call for help tries every one:
/// a carrier that knows no such number says so in many ways.
fn worth_another_trunk(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NetworkFailure | Cause::Unreachable | Cause::Congestion | Cause::MediaRefused
    )
}
