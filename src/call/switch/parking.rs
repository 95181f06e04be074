//! Parking: a caller waits at a numbered place until anybody dials the number, and is never lost there: after a time the
//! phone rings again that parked the caller.

use super::{Calls, Output, Saying, What};
use crate::call::current::{Activity, Call, Parked};
use crate::call::desk::Slot;
use crate::call::ending::Cause;
use crate::id::{CallId, ExtensionId, LegId};
use crate::time::Now;

impl Calls {
    /// The leg of the caller who is parked at a place.
    pub fn parked_at(&self, slot: Slot) -> Option<LegId> {
        self.desk.parked.at(slot).and_then(|parked| self.caller(parked))
    }

    /// Whether the caller was sent by somebody who transfers.
    pub(super) fn is_transferred(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|state| state.transferor.is_some())
    }

    /// A place was dialled: by whoever fetches the caller there, or as the target of a transfer.
    pub(super) fn park_or_fetch(&mut self, now: Now, call: CallId, slot: Slot) {
        if self.is_transferred(call) {
            return self.park_transferred(now, call, Some(slot));
        }
        let waiting = self.desk.parked.at(slot).and_then(|parked| self.caller(parked));
        let fetching = self.caller(call);
        let fetched = match (fetching, waiting) {
            (Some(fetching), Some(waiting)) => self.fetch(now, fetching, waiting),
            _ => false,
        };
        if !fetched {
            self.failed(call, Cause::NoSuchNumber);
        }
    }

    /// The party that a phone transfers to the place is parked; the phone is let go, and shows where.
    pub(super) fn park_transferred(&mut self, now: Now, call: CallId, wanted: Option<Slot>) {
        let Some(state) = self.calls.get(&call) else { return };
        let by = state.transferor.and_then(|leg| state.extension(leg)).cloned();
        let by = by.filter(|_| !self.help.contains(&call));
        let parked = by.and_then(|by| Some((self.park(now, call, &by, wanted)?, by)));
        match parked {
            Some((slot, by)) => self.outputs.push_back(Output::Parked { by, slot }),
            None => self.failed(call, Cause::Busy),
        }
    }

    /// The party that the phone has on hold is parked; whoever dialled the code at that phone hears where.
    pub(super) fn park_held(&mut self, now: Now, call: CallId, by: &ExtensionId) {
        self.answer_caller(now, call, None);
        let slot = self.held_by(by).and_then(|(other, leg)| {
            let stays = self.partner(leg)?;
            let slot = self.park_free(other)?;
            self.hand_over(other, leg, stays);
            self.put(now, other, by, slot);
            self.release(leg, Cause::Completed);
            Some(slot)
        });
        self.say(call, slot.map_or(Saying::NotPossible, Saying::Parked));
    }

    /// The conversation that a phone has on hold, the newest, and its own leg there. A call for help is left where it is.
    fn held_by(&self, extension: &ExtensionId) -> Option<(CallId, LegId)> {
        let held = |state: &Call| {
            let own = |leg: &LegId| state.extension(*leg) == Some(extension);
            let (leg, _) = state.legs.iter().find(|(id, leg)| leg.held && own(id))?;
            state.partner(*leg).map(|_| (state.connected, state.id, *leg))
        };
        let calls = self.calls.values().filter(|state| !self.help.contains(&state.id));
        calls.filter_map(held).max().map(|(_, call, leg)| (call, leg))
    }

    fn park(
        &mut self,
        now: Now,
        call: CallId,
        by: &ExtensionId,
        wanted: Option<Slot>,
    ) -> Option<Slot> {
        let slot = self.desk.parked.take(call, wanted)?;
        self.put(now, call, by, slot);
        Some(slot)
    }

    fn park_free(&mut self, call: CallId) -> Option<Slot> {
        self.desk.parked.take(call, None)
    }

    /// The caller waits at a place that was taken.
    fn put(&mut self, now: Now, call: CallId, by: &ExtensionId, slot: Slot) {
        self.answer_caller(now, call, None);
        self.happened(now, call, What::Parked(slot));
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.parked = Some(Parked { slot, by: by.clone(), comeback: None });
        self.wait_at(now, call);
    }

    /// Music, and the time until the caller rings back.
    fn wait_at(&mut self, now: Now, call: CallId) {
        let comeback = self.desk.settings.parking.comeback;
        let Some(state) = self.calls.get_mut(&call) else { return };
        let Some(parked) = &mut state.parked else { return };
        state.activity = Activity::Parked(parked.slot);
        if !comeback.is_zero() {
            parked.comeback = Some(self.comebacks.set(now.instant + comeback, call));
        }
        self.outputs.push_back(Output::Music(state.caller));
    }

    /// The caller was parked for long enough: the phone rings that parked the caller, however it is set, unless it talks.
    pub(super) fn come_back(&mut self, now: Now, call: CallId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let Some(parked) = &mut state.parked else { return };
        parked.comeback = None;
        if !matches!(state.activity, Activity::Parked(_)) {
            return;
        }
        let by = parked.by.clone();
        if self.desk.is_full(&by) {
            self.park_again(now, call);
        } else {
            self.ring_extension(now, call, by);
        }
    }

    /// Nobody took the caller back: on to where the site says, or back to the place. Answers whether the caller was
    /// parked at all.
    pub(super) fn park_again(&mut self, now: Now, call: CallId) -> bool {
        if self.calls.get(&call).is_none_or(|state| state.parked.is_none()) {
            return false;
        }
        match self.desk.settings.parking.overflow.clone() {
            Some(target) => {
                self.unpark(call);
                self.go_to(now, call, target.into());
            }
            None => self.wait_at(now, call),
        }
        true
    }

    /// The place is free again.
    pub(super) fn unpark(&mut self, call: CallId) {
        let Some(parked) = self.calls.get_mut(&call).and_then(|state| state.parked.take()) else {
            return;
        };
        self.desk.parked.leave(parked.slot);
        if let Some(timer) = parked.comeback {
            self.comebacks.cancel(timer);
        }
    }

    /// Joins the caller at `fetching`, who has reached nobody yet, with the one who is parked. Answers whether it could
    /// be.
    fn fetch(&mut self, now: Now, fetching: LegId, waiting: LegId) -> bool {
        let Some(own) = self.free_caller(fetching) else { return false };
        let Some(call) = self.call_of(waiting).filter(|call| *call != own) else { return false };
        self.move_in(now, fetching, own, call, waiting);
        self.happened(now, call, What::Answered(fetching));
        self.connect(now, call, fetching);
        true
    }
}
