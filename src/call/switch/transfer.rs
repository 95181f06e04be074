//! Transfers: one party leaves a conversation and says with whom the other shall go on.
//!
//! Blind: the other party hears ringing until the new one answers; if that fails and the first has not hung up, the two
//! are back together. After asking: the first party has two conversations, and the two others are joined.

use super::{Calls, Output, What};
use crate::call::current::{Activity, Purpose};
use crate::call::ending::Cause;
use crate::call::plan::Destination;
use crate::call::record::{LegRecord, Peer};
use crate::id::{CallId, LegId};
use crate::time::Now;

impl Calls {
    /// The party at `leg` wants the one it talks with to go on at `destination`. Answers whether there was anybody to
    /// transfer; how it goes is told by [`Output::Transferred`].
    pub fn handle_transfer(&mut self, now: Now, leg: LegId, destination: Destination) -> bool {
        let Some(call) = self.call_of(leg) else { return false };
        let Some(stays) = self.partner(leg) else { return false };
        if self.help.contains(&call) && matches!(destination, Destination::Conference(_)) {
            return false;
        }
        if let Destination::Conference(conference) = &destination
            && self.confer_both(now, call, conference)
        {
            self.outputs.push_back(Output::Transferred(leg, None));
            return true;
        }
        self.hand_over(call, leg, stays);
        if let Some(state) = self.calls.get_mut(&call) {
            state.transferor = Some(leg);
        }
        self.happened(now, call, What::Transferred(leg));
        self.go_to(now, call, destination);
        let waits = |state: &super::Call| state.activity == Activity::Ringing;
        if !self.calls.get(&call).is_some_and(waits) {
            self.transfer_done(call);
        }
        true
    }

    /// The party at `first` and `second`, which talks with one over each, wants those two to be joined. Answers whether
    /// there were two.
    pub fn handle_join(&mut self, now: Now, first: LegId, second: LegId) -> bool {
        let (Some(call), Some(other)) = (self.call_of(first), self.call_of(second)) else {
            return false;
        };
        let (stays, moves) = (self.partner(first), self.partner(second));
        if call == other {
            return false;
        }
        let (stays, moves) = match (stays, moves) {
            (Some(stays), Some(moves)) => (stays, moves),
            // One of the two is a leg in a conference: who is talked with comes in, and the phone stays in as well.
            (Some(comes), None) => return self.bring_in(now, first, first, comes, second),
            (None, Some(comes)) => return self.bring_in(now, first, second, comes, first),
            (None, None) => return false,
        };
        self.hand_over(call, first, stays);
        self.move_leg(moves, other, call);
        if let Some(state) = self.calls.get_mut(&call) {
            state.activity = Activity::Talking(moves);
        }
        self.happened(now, call, What::Transferred(first));
        self.outputs.push_back(Output::Join(stays, moves));
        self.outputs.push_back(Output::Transferred(first, None));
        self.release(first, Cause::Completed);
        self.end(other, Cause::Completed);
        true
    }

    /// `comes` leaves its conversation with `leaves` for the room that `member` is in; `asked` is told.
    fn bring_in(
        &mut self,
        now: Now,
        asked: LegId,
        leaves: LegId,
        comes: LegId,
        member: LegId,
    ) -> bool {
        let Some(call) = self.call_of(leaves) else { return false };
        if !self.join_room(now, comes, member) {
            return false;
        }
        self.hand_over(call, leaves, comes);
        self.happened(now, call, What::Transferred(leaves));
        self.outputs.push_back(Output::Transferred(asked, None));
        self.release(leaves, Cause::Completed);
        true
    }

    /// Makes `stays` the party that the call is about, where that was `leaves`.
    pub(super) fn hand_over(&mut self, call: CallId, leaves: LegId, stays: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if state.caller != leaves {
            return;
        }
        state.caller = stays;
        state.shown = state.legs.get(&stays).map(|leg| match &leg.peer {
            Peer::Extension(extension) => extension.to_string(),
            Peer::Trunk(_) | Peer::Chat(_) => state.to.clone(),
        });
        for (leg, purpose) in [(stays, Purpose::Caller), (leaves, Purpose::Asked)] {
            if let Some(leg) = state.legs.get_mut(&leg) {
                leg.purpose = purpose;
            }
        }
    }

    /// Takes a leg out of one call and puts it into another. The first keeps a line of it in its record.
    pub(super) fn move_leg(&mut self, leg: LegId, from: CallId, to: CallId) {
        let Some(state) = self.calls.get_mut(&from) else { return };
        let Some(mut moved) = state.legs.remove(&leg) else { return };
        let (peer, answered) = (moved.peer.clone(), moved.answered);
        let record = LegRecord { leg, peer, answered, cause: Cause::Completed };
        match moved.purpose {
            Purpose::Caller => state.ended_legs.insert(0, record),
            _ => state.ended_legs.push(record),
        }
        moved.purpose = Purpose::Asked;
        self.by_leg.insert(leg, to);
        if let Some(state) = self.calls.get_mut(&to) {
            state.legs.insert(leg, moved);
        }
    }

    /// The other party has arrived: whoever transferred is told and let go.
    pub(super) fn transfer_done(&mut self, call: CallId) {
        let transferor = self.calls.get_mut(&call).and_then(|state| state.transferor.take());
        if let Some(transferor) = transferor {
            self.outputs.push_back(Output::Transferred(transferor, None));
            self.release(transferor, Cause::Completed);
        }
    }

    /// The other party did not get anywhere. Answers whether that was a transfer whose first party is still there: the
    /// two are together again.
    pub(super) fn transfer_failed(&mut self, call: CallId, cause: Cause) -> bool {
        let Some(state) = self.calls.get_mut(&call) else { return false };
        let Some(transferor) = state.transferor.take() else { return false };
        let first = state.legs.get(&transferor).filter(|leg| leg.releasing.is_none());
        let held = first.map(|leg| leg.held);
        if let Some(held) = held {
            state.activity = Activity::Talking(transferor);
            self.outputs.push_back(match held {
                true => Output::Music(state.caller),
                false => Output::Join(state.caller, transferor),
            });
        }
        let back = held.is_some();
        self.outputs.push_back(Output::Transferred(transferor, Some(cause)));
        back
    }
}
