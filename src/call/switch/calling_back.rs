//! Calling somebody back: a call that begins at an agent's phone, and goes on to the person once the agent is there.

use super::{Arrival, Calls, OfferOutcome, Output};
use crate::call::current::{Activity, Purpose};
use crate::call::plan::{Destination, Origin};
use crate::call::record::Peer;
use crate::id::{AgentId, CallId, ExtensionId, LegId, OfferId};
use crate::time::Now;

/// A call to somebody who was promised one.
#[derive(Debug, Clone)]
pub struct CallBack {
    /// The call to be.
    pub call: CallId,
    /// By which offer of a queue.
    pub offer: OfferId,
    /// Who is asked first.
    pub agent: AgentId,
    /// The phone of the agent, who calls by its rights.
    pub extension: ExtensionId,
    /// The person's number, shown at the agent's phone while that rings.
    pub number: String,
    /// Where that number leads.
    pub destination: Destination,
}

impl Calls {
    /// Rings the agent; the person is called once the agent is there. What becomes of the offer is said as of any other.
    pub fn handle_call_back(&mut self, now: Now, back: CallBack) {
        let CallBack { call, offer, agent, extension, number, destination } = back;
        let full = self.calls.len() - self.help.len() >= self.settings.max_calls;
        if full || self.draining {
            return self.outputs.push_back(Output::Offer(offer, agent, OfferOutcome::Refused));
        }
        let leg = LegId(self.random.bits());
        let arrival = Arrival {
            call,
            leg,
            peer: Peer::Extension(extension.clone()),
            origin: Origin::Extension(extension.clone()),
            from: extension.to_string(),
            name: None,
            diverted_by: None,
            to: number.clone(),
            destination,
        };
        let destination = self.begin_with(now, arrival, Purpose::Offer(offer, agent));
        if let Some(state) = self.calls.get_mut(&call) {
            state.goes_on = Some(destination);
            state.rung_first = true;
            state.shown = Some(number);
        }
        self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: false });
    }

    /// Whether a call is one back, which began at the phone of whoever calls.
    pub fn is_back(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|state| state.rung_first)
    }

    /// The agent of a call back is there: on to the person. Answers whether it is such a call.
    pub(super) fn goes_on(&mut self, now: Now, call: CallId, leg: LegId) -> bool {
        let Some(state) = self.calls.get_mut(&call).filter(|state| state.caller == leg) else {
            return false;
        };
        let Some(destination) = state.goes_on.take() else { return false };
        state.answered = Some(now.unix);
        state.shown = None;
        state.activity = Activity::Ringing;
        self.go_to(now, call, destination);
        true
    }
}
