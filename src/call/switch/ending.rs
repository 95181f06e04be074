//! Ending a call: every leg is released once; the record follows the last of them.

use super::{Calls, Event, Leaving, Output, What};
use crate::call::current::{Activity, Leg, Purpose};
use crate::call::ending::{Cause, Class};
use crate::call::record::Peer;
use crate::id::{CallId, LegId};
use crate::time::Now;

impl Calls {
    /// Ends a call: every leg is released; the record follows the last of them.
    pub(super) fn end(&mut self, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.cause.get_or_insert(cause);
        state.hunt = None;
        let transferor = state.transferor.take();
        let before = std::mem::replace(&mut state.activity, Activity::Ending);
        let in_ivr = before == Activity::Ivr || std::mem::take(&mut state.ivr_waits);
        let legs: Vec<_> = state.legs.keys().copied().collect();
        if in_ivr {
            self.outputs.push_back(Output::EndIvr(call));
        }
        if matches!(before, Activity::Queued(_)) {
            let leaving = match cause.class() {
                Class::Us => Leaving::TakenOut,
                _ => Leaving::GaveUp,
            };
            self.outputs.push_back(Output::LeaveQueue(call, leaving));
        }
        if let Some(transferor) = transferor {
            self.outputs.push_back(Output::Transferred(transferor, Some(cause)));
        }
        self.unpark(call);
        legs.into_iter().for_each(|leg| self.release(leg, cause));
    }

    /// Asks for the end of one leg, once.
    pub(super) fn release(&mut self, leg: LegId, cause: Cause) {
        let Some(state) = self.by_leg.get(&leg).and_then(|call| self.calls.get_mut(call)) else {
            return;
        };
        // Whom we rang ourselves is not refused.
        let rung = state.onward.is_some() || state.rung_first;
        let unanswered_caller = leg == state.caller && state.answered.is_none() && !rung;
        let Some(ending) = state.legs.get_mut(&leg) else { return };
        if ending.releasing.is_some() {
            return;
        }
        ending.releasing = Some(cause);
        let output =
            if unanswered_caller { Output::Refuse(leg, cause) } else { Output::HangUp(leg, cause) };
        self.outputs.push_back(output);
    }

    pub(super) fn finish_if_empty(&mut self, now: Now, call: CallId) {
        if self.calls.get(&call).is_some_and(|c| c.legs.is_empty())
            && let Some(state) = self.calls.remove(&call)
        {
            self.help.remove(&call);
            self.outputs.push_back(Output::Ended(Box::new(state.into_record(now.unix))));
        }
    }

    pub(super) fn add_leg(&mut self, call: CallId, peer: Peer, purpose: Purpose) -> LegId {
        let leg = LegId(self.random.bits());
        self.insert_leg(call, leg, peer, purpose);
        leg
    }

    pub(super) fn insert_leg(&mut self, call: CallId, leg: LegId, peer: Peer, purpose: Purpose) {
        let state = Leg {
            peer,
            purpose,
            answered: None,
            held: false,
            ring_timer: None,
            releasing: None,
            contact: None,
        };
        self.count_busy(&state);
        self.by_leg.insert(leg, call);
        if let Some(call) = self.calls.get_mut(&call) {
            call.legs.insert(leg, state);
        }
    }

    /// Agents are told when their phone is in a call that no queue gave them.
    pub(super) fn count_busy(&mut self, leg: &Leg) {
        if let Peer::Extension(extension) = &leg.peer {
            self.desk.count_up(extension);
        }
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

    pub(super) fn count_idle(&mut self, leg: &Leg) {
        if let Peer::Extension(extension) = &leg.peer {
            self.desk.count_down(extension);
        }
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

    pub(super) fn happened(&mut self, now: Now, call: CallId, what: What) {
        self.outputs.push_back(Output::Happened(Event { call, at: now.unix, what }));
    }
}
