//! Asking a caller how it was: the agent has hung up, and the caller stays for a flow.

use super::{Calls, Output};
use crate::call::current::Activity;
use crate::call::ending::Cause;
use crate::id::{AgentId, CallId, FlowId, LegId};

impl Calls {
    /// The caller of a call is to be asked by this flow once the agent has hung up; or not.
    pub fn handle_survey(&mut self, call: CallId, flow: Option<FlowId>) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.survey = flow;
        }
    }

    /// An agent's leg is over. Answers whether the caller stays to be asked: who was cut off is not, and who has hung up
    /// first cannot be.
    pub(super) fn asks_how_it_was(
        &mut self,
        call: CallId,
        leg: LegId,
        agent: &AgentId,
        cause: Cause,
    ) -> bool {
        let draining = self.draining;
        let Some(state) = self.calls.get_mut(&call) else { return false };
        if cause != Cause::Completed || draining || state.activity != Activity::Talking(leg) {
            return false;
        }
        let caller = state.legs.get(&state.caller).filter(|caller| caller.releasing.is_none());
        let Some(flow) = state.survey.take().filter(|_| caller.is_some()) else { return false };
        state.activity = Activity::Ivr;
        let agent = agent.clone();
        self.outputs.push_back(Output::StartSurvey { call, flow, agent });
        true
    }
}
