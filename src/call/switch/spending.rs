//! Between calls and their budget: who asks before dialling out, and what happens when the money is gone.

use super::{Calls, Outbound, Output, Saying};
use crate::call::budget::{self, Ledger, Lift, Mark, Subject, Used, Wanted, Within};
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::id::{CallId, LegId, TrunkId};
use crate::time::Now;

impl Calls {
    /// Takes up what was spent before a restart.
    pub fn restore_spending(&mut self, ledger: Ledger) {
        self.budget.restore(ledger);
    }

    /// An admin lifts caps for a time, or puts them back.
    pub fn handle_lift(&mut self, lift: Lift) {
        self.budget.handle_lift(lift);
    }

    /// Every cap, and how far each is used up.
    pub fn spending_marks(&self, now: Now) -> Vec<Mark> {
        self.budget.marks(now)
    }

    /// What everybody has spent.
    pub fn spending(&self, now: Now) -> Vec<(Subject, Within, Used)> {
        self.budget.spent(now)
    }

    /// Whether a leg may be dialled over this trunk. It is asked in the one place where trunks are dialled, so no way to
    /// a carrier leads past it; calls for help are not asked about.
    pub(super) fn may_spend(
        &mut self,
        now: Now,
        (call, leg): (CallId, LegId),
        trunk: &TrunkId,
        wanted: &Outbound,
    ) -> bool {
        let Some(payer) = &wanted.payer else { return true };
        let (number, again) = (&wanted.number, wanted.again);
        let allowed = self.budget.begin(now, Wanted { leg, payer, trunk, number, call, again });
        self.spent();
        if let Err(reached) = &allowed {
            tracing::warn!(%leg, "a call out was refused: {reached} is reached");
        }
        allowed.is_ok()
    }

    /// The far end of a leg answered.
    pub(super) fn pay(&mut self, now: Now, leg: LegId) {
        self.budget.answered(now, leg);
        self.spent();
    }

    /// Carries out what the budget wants.
    pub(super) fn spent(&mut self) {
        while let Some(output) = self.budget.poll_output() {
            match output {
                budget::Output::Spent(spent) => self.outputs.push_back(Output::Spent(spent)),
                budget::Output::Near(mark) => self.outputs.push_back(Output::Near(mark)),
                budget::Output::Over(leg, reached) => {
                    tracing::warn!(%leg, "a call out is ended: {reached} is reached");
                    self.cap_reached(leg);
                }
            }
        }
    }

    /// The next step of a call out would pass a cap. The party outside is let go at once, because every second costs;
    /// the one inside hears why before it is let go, and cannot take it for a fault of the line.
    fn cap_reached(&mut self, leg: LegId) {
        let (Some(call), stays) = (self.call_of(leg), self.partner(leg)) else { return };
        self.release(leg, Cause::CapReached);
        let inside = |stays: &LegId| {
            let leg = self.calls.get(&call).and_then(|call| call.legs.get(stays));
            leg.is_some_and(|leg| matches!(leg.peer, Peer::Extension(_)) && !leg.held)
        };
        match stays.filter(inside) {
            Some(stays) => {
                self.hand_over(call, leg, stays);
                if let Some(state) = self.calls.get_mut(&call) {
                    state.cause.get_or_insert(Cause::CapReached);
                }
                self.say(call, Saying::CapReached);
            }
            None => self.end(call, Cause::CapReached),
        }
    }
}
