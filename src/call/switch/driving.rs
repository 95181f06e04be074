//! Calls that begin here: a phone is rung first, and whoever answers there is sent on as if they had dialled.

use super::{Arrival, Calls, Output};
use crate::call::current::Activity;
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Origin};
use crate::call::record::Peer;
use crate::id::LegId;
use crate::id::{CallId, ExtensionId};
use crate::time::Now;

/// A call that somebody outside wants made.
#[derive(Debug, Clone)]
pub struct Origination {
    /// The new call.
    pub call: CallId,
    /// The phone's leg.
    pub leg: LegId,
    /// The phone that is rung first, and pays.
    pub extension: ExtensionId,
    /// The number that it would have dialled.
    pub to: String,
    /// Where that number leads.
    pub destination: Destination,
}

impl Calls {
    /// Rings a phone, and sends on whoever answers there. Refused when there are too many calls, or no new ones are taken.
    pub fn handle_originate(&mut self, now: Now, wanted: Origination) -> Result<(), Cause> {
        if self.draining {
            return Err(Cause::ShuttingDown);
        }
        if self.calls.len() - self.help.len() >= self.settings.max_calls {
            return Err(Cause::Congestion);
        }
        let Origination { call, leg, extension, to, destination } = wanted;
        let arrival = Arrival {
            call,
            leg,
            peer: Peer::Extension(extension.clone()),
            origin: Origin::Extension(extension.clone()),
            from: extension.to_string(),
            name: None,
            to: to.clone(),
            diverted_by: None,
            destination,
        };
        let onward = self.begin(now, arrival);
        let ring_time =
            self.settings.ring_times.get(&extension).copied().unwrap_or(self.settings.ring_time);
        let timer = self.timers.set(now.instant + ring_time, leg);
        if let Some(state) = self.calls.get_mut(&call) {
            state.activity = Activity::Originating;
            state.onward = Some(onward);
            // Until somebody answers there, the phone shows whom it is to call.
            state.shown = Some(to);
            if let Some(leg) = state.legs.get_mut(&leg) {
                leg.ring_timer = Some(timer);
            }
        }
        self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: false });
        Ok(())
    }

    /// Whether the phone of `leg` is rung first, before anybody is called for it.
    pub fn is_originating(&self, leg: LegId) -> bool {
        let call = self.call_of(leg).and_then(|call| self.calls.get(&call));
        call.is_some_and(|call| call.activity == Activity::Originating && call.caller == leg)
    }

    /// The caller listens in to another call from now on.
    pub(super) fn supervise(&mut self, now: Now, call: CallId) {
        self.answer_caller(now, call, None);
        self.be(call, Activity::Supervising);
        if let Some(leg) = self.caller(call) {
            self.outputs.push_back(Output::Supervise { call, leg });
        }
    }

    /// Whoever dialled a code for it listens in to another call from now on.
    pub fn handle_supervising(&mut self, now: Now, call: CallId) {
        self.supervise(now, call);
    }

    /// Somebody listens in no more, or does not any more before they have answered.
    pub fn handle_supervision_over(&mut self, call: CallId) {
        self.end(call, Cause::Completed);
    }

    /// Somebody has answered at the phone that was rung first.
    pub(super) fn caller_came(&mut self, now: Now, call: CallId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.answered = Some(now.unix);
        state.shown = None;
        state.activity = Activity::Ringing;
        if let Some(destination) = state.onward.take() {
            self.go_to(now, call, destination);
        }
    }
}
