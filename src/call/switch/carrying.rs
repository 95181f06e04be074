//! Calls that one run of the program leaves for the next.

use super::Calls;
use crate::call::carried;
use crate::call::current::{Activity, Call, Purpose};
use crate::call::plan::Origin;
use crate::call::record::Peer;
use crate::id::{CallId, LegId};
use crate::time::Now;

impl Calls {
    /// What the next run has to know of a call; nothing of one that is no conversation of two.
    pub fn carried(&self, call: CallId) -> Option<carried::Call> {
        let state = self.calls.get(&call)?;
        let Activity::Talking(other) = state.activity else { return None };
        let steady = state.transferor.is_none() && state.goes_on.is_none() && state.legs.len() == 2;
        let (caller, other) =
            (self.carried_leg(state, state.caller)?, self.carried_leg(state, other)?);
        let origin = match &state.origin {
            Origin::Trunk(trunk) => Peer::Trunk(trunk.clone()),
            Origin::Extension(extension) => Peer::Extension(extension.clone()),
            Origin::Chat(_) => return None,
        };
        steady.then(|| carried::Call {
            call,
            origin,
            from: state.from.clone(),
            name: state.name.clone(),
            to: state.to.clone(),
            shown: state.shown.clone(),
            arrived: state.arrived,
            answered: state.answered,
            connected: state.connected,
            queued: state.queued,
            queue: state.queue.clone(),
            agent: state.agent.clone(),
            conference: state.conference.clone(),
            rung_first: state.rung_first,
            help: self.help.contains(&call),
            caller,
            other,
            ended_legs: state.ended_legs.clone(),
            recordings: state.recordings.clone(),
            diverted_by: state.diverted_by.clone(),
            diversions: state.diversions.clone(),
        })
    }

    fn carried_leg(&self, call: &Call, leg: LegId) -> Option<carried::Leg> {
        let state = call.legs.get(&leg).filter(|leg| leg.releasing.is_none())?;
        let answers = state.purpose == Purpose::Caller || state.answered.is_some();
        (answers && !matches!(state.peer, Peer::Chat(_))).then(|| carried::Leg {
            leg,
            peer: state.peer.clone(),
            answered: state.answered,
            held: state.held,
            paying: self.budget.carried(leg),
        })
    }

    /// Whether a call is for help.
    pub fn is_for_help(&self, call: CallId) -> bool {
        self.help.contains(&call)
    }

    /// Takes a call up that an earlier run has left. Answers whether it could be: ids are used once.
    ///
    /// An agent whom a queue gave the call is in a call as after dialling it: no wrap-up follows.
    pub fn resume(&mut self, now: Now, left: carried::Call) -> bool {
        let known = |leg: &carried::Leg| self.by_leg.contains_key(&leg.leg);
        let twice = left.caller.leg == left.other.leg;
        if self.calls.contains_key(&left.call) || known(&left.caller) || known(&left.other) || twice
        {
            return false;
        }
        let (call, help) = (left.call, left.help);
        let legs = [(left.caller.clone(), Purpose::Caller), (left.other.clone(), Purpose::Asked)];
        self.calls.insert(call, again(now, left));
        if help {
            self.help.insert(call);
        }
        legs.into_iter().for_each(|(leg, purpose)| self.resume_leg(now, call, leg, purpose));
        true
    }

    fn resume_leg(&mut self, now: Now, call: CallId, left: carried::Leg, purpose: Purpose) {
        self.insert_leg(call, left.leg, left.peer, purpose);
        let legs = self.calls.get_mut(&call).map(|call| &mut call.legs);
        if let Some(leg) = legs.and_then(|legs| legs.get_mut(&left.leg)) {
            (leg.answered, leg.held) = (left.answered, left.held);
        }
        if let (Some(paying), Some(since)) = (left.paying, left.answered) {
            self.budget.resume(now, left.leg, call, paying, since);
        }
    }
}

/// The call as it was, without its legs.
fn again(now: Now, left: carried::Call) -> Call {
    Call {
        id: left.call,
        origin: match left.origin {
            Peer::Trunk(trunk) => Origin::Trunk(trunk),
            Peer::Extension(extension) => Origin::Extension(extension),
            Peer::Chat(chat) => Origin::Chat(chat),
        },
        from: left.from,
        name: left.name,
        to: left.to,
        caller: left.caller.leg,
        rung_first: left.rung_first,
        goes_on: None,
        survey: None,
        activity: Activity::Talking(left.other.leg),
        ivr_waits: false,
        failed: None,
        legs: Default::default(),
        cause: None,
        arrived: left.arrived,
        answered: left.answered,
        connected: left.connected,
        queued: left.queued,
        queue: left.queue,
        agent: left.agent,
        conference: left.conference,
        entry: None,
        ended_legs: left.ended_legs,
        recordings: left.recordings,
        transferor: None,
        forwards: 0,
        shown: left.shown,
        sent: (now.instant, 0),
        hunt: None,
        diverted_by: left.diverted_by,
        onward: None,
        history: left.diversions.len(),
        diversions: left.diversions,
        parked: None,
    }
}
