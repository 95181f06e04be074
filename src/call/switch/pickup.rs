//! Taking over: somebody answers a call that rings elsewhere, or goes on with a conversation from another phone.
//!
//! Who may do so is decided above: by the feature code's rule, or by the dialog that an INVITE with Replaces names
//! (RFC 3891). Here the leg that takes over moves into the other call, and its own call is over.

use super::{Arrival, Calls, Leaving, Output, What};
use crate::call::current::{Activity, Purpose};
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::id::{CallId, LegId};
use crate::time::Now;

impl Calls {
    /// A call reached us whose caller wants the place of the leg `replaced`: to answer what rings there, or to go on
    /// with the conversation there. It counts against no limit, for it adds no call. Answers whether it could be; if
    /// not, the new call is over. Its `destination` is not looked at.
    pub fn handle_replacing(&mut self, now: Now, arrival: Arrival, replaced: LegId) -> bool {
        let (id, leg) = (arrival.call, arrival.leg);
        self.begin(now, arrival);
        let taken =
            self.handle_pickup(now, leg, replaced) || self.handle_take_over(now, leg, replaced);
        if !taken {
            self.end(id, Cause::NotAllowed);
        }
        taken
    }

    /// The caller at `picking`, who has reached nobody yet, answers the call that rings at `ringing`. Answers whether it
    /// could be: nothing has happened if not.
    pub fn handle_pickup(&mut self, now: Now, picking: LegId, ringing: LegId) -> bool {
        let Some(own) = self.free_caller(picking) else { return false };
        let Some(call) = self.call_of(ringing).filter(|call| *call != own) else { return false };
        let Some(state) = self.calls.get(&call) else { return false };
        let rings = state.ringing().any(|(leg, _)| leg == ringing);
        let queued = matches!(state.activity, Activity::Queued(_));
        if !rings || !(queued || state.activity == Activity::Ringing) {
            return false;
        }
        let caller = state.caller;
        if queued {
            // The agent whose phone rang has refused nothing; the queue takes its offers back.
            self.outputs.push_back(Output::LeaveQueue(call, Leaving::TakenOut));
        }
        self.move_in(now, picking, own, call, caller);
        self.happened(now, call, What::Answered(picking));
        self.connect(now, call, picking);
        true
    }

    /// The caller at `taking`, who has reached nobody yet, goes on with the conversation of the party at `replaced`,
    /// which is let go. Answers whether it could be: nothing has happened if not.
    pub fn handle_take_over(&mut self, now: Now, taking: LegId, replaced: LegId) -> bool {
        let Some(own) = self.free_caller(taking) else { return false };
        let Some(call) = self.call_of(replaced).filter(|call| *call != own) else { return false };
        let Some(partner) = self.partner(replaced) else { return false };
        self.move_in(now, taking, own, call, partner);
        self.happened(now, call, What::Answered(taking));
        self.take_place(call, replaced, taking);
        let held = |state: &super::Call| state.legs.get(&partner).is_some_and(|leg| leg.held);
        let joined = match self.calls.get(&call).is_some_and(held) {
            true => Output::Music(taking),
            false => Output::Join(partner, taking),
        };
        self.outputs.push_back(joined);
        self.release(replaced, Cause::Completed);
        true
    }

    /// The call of a caller who has reached nobody: it rings nowhere, and nobody and nothing talks with the caller.
    pub(super) fn free_caller(&self, leg: LegId) -> Option<CallId> {
        let state = self.calls.get(&self.call_of(leg)?)?;
        let free = state.caller == leg
            && state.legs.len() == 1
            && matches!(state.activity, Activity::Ringing | Activity::Saying)
            && !state.ivr_waits
            && state.legs.get(&leg).is_some_and(|own| own.releasing.is_none());
        free.then_some(state.id)
    }

    /// Answers the caller at `leg` and moves it out of its own call, which is over, into another, where it will hear
    /// `with`.
    pub(super) fn move_in(&mut self, now: Now, leg: LegId, own: CallId, call: CallId, with: LegId) {
        self.answer_caller(now, own, Some(with));
        self.move_leg(leg, own, call);
        self.end(own, Cause::Completed);
        self.finish_if_empty(now, own);
    }

    /// Puts one party into the place of another that talks.
    fn take_place(&mut self, call: CallId, leaves: LegId, comes: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let caller = state.caller == leaves;
        if caller {
            state.caller = comes;
        } else {
            state.activity = Activity::Talking(comes);
        }
        let Some(left) = state.legs.get_mut(&leaves) else { return };
        let peer = left.peer.clone();
        if caller {
            left.purpose = Purpose::Asked;
        }
        // The same agent at another phone is still in the contact that the queue gave.
        let contact = left.contact.take();
        let Some(came) = state.legs.get_mut(&comes) else { return };
        if caller {
            came.purpose = Purpose::Caller;
        }
        if came.peer == peer {
            came.contact = contact;
        } else if let Some(agent) = contact {
            self.outputs.push_back(Output::ContactEnded(agent));
        }
        if caller && let Some(came) = state.legs.get(&comes) {
            state.shown = match &came.peer {
                Peer::Extension(extension) => Some(extension.to_string()),
                Peer::Trunk(_) | Peer::Chat(_) => state.shown.take(),
            };
        }
    }
}
