//! Forwarding by the called phone: it rang, and sent its caller elsewhere.

use super::Calls;
use crate::call::current::{Activity, Purpose};
use crate::call::ending::Cause;
use crate::call::plan::Destination;
use crate::id::LegId;
use crate::time::Now;

/// Times that one call is forwarded by the phones that it reaches: two people who forward to each other are a circle.
const MOST_FORWARDS: u8 = 5;

impl Calls {
    /// Whether the phone at `leg` may send its caller elsewhere: one that the caller asked for, and that rings. An agent's
    /// phone may not: the queue has others.
    pub fn may_be_forwarded(&self, leg: LegId) -> bool {
        let state = self.call_of(leg).and_then(|call| self.calls.get(&call));
        state.is_some_and(|state| {
            let asked = state.ringing().any(|(id, it)| id == leg && it.purpose == Purpose::Asked);
            asked && state.activity == Activity::Ringing && state.forwards < MOST_FORWARDS
        })
    }

    /// The phone at `leg`, which is over, sends its caller to `destination`. If it may not, it has refused.
    pub fn handle_forwarded(&mut self, now: Now, leg: LegId, destination: Destination) {
        let Some(call) = self.call_of(leg) else { return };
        if !self.may_be_forwarded(leg) {
            return self.leg_ended(now, call, leg, Cause::Declined);
        }
        self.outbound.remove(&leg);
        self.remove_leg(now, call, leg, Cause::Completed);
        if let Some(state) = self.calls.get_mut(&call) {
            state.forwards += 1;
        }
        self.go_to(now, call, destination);
        self.finish_if_empty(now, call);
    }
}
