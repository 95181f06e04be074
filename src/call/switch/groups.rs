//! Ringing a group: all phones or one after the other, until somebody answers or nobody is left.

use std::time::Duration;

use super::{Calls, Output, What};
use crate::call::current::{Activity, Call, Hunt, Purpose};
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::id::{CallId, ExtensionId, GroupId, LegId};
use crate::time::Now;

/// Legs for each call that is allowed, all calls together: a call has two, and groups that ring may use the rest.
const LEGS_A_CALL: usize = 4;
/// What is there for groups even where few calls are allowed.
const LEAST_LEGS: usize = 64;

impl Calls {
    /// The phones that ring because somebody calls the group.
    pub fn ringing_for(&self, group: &GroupId) -> Vec<LegId> {
        let for_it = |call: &&Call| {
            let hunts = call.hunt.as_ref().is_some_and(|hunt| hunt.group == *group);
            hunts && call.activity == Activity::Ringing
        };
        let calls = self.calls.values().filter(for_it);
        calls.flat_map(|call| call.ringing().map(|(leg, _)| leg)).collect()
    }

    pub(super) fn ring_group(&mut self, now: Now, call: CallId, group: &GroupId) {
        let Some(settings) = self.desk.settings.groups.get(group) else {
            return self.failed(call, Cause::NoSuchNumber);
        };
        let turn = self.desk.turns.get(group).copied().unwrap_or(0);
        let hunt = Hunt {
            group: group.clone(),
            steps: settings.steps(turn).into(),
            ring_time: Duration::from_secs(settings.ring_time.into()),
            overflow: settings.overflow.clone(),
            cause: Cause::NotRegistered,
        };
        // The next call begins after the first who can be rung now.
        let members = settings.members.len();
        let first = (0..members).map(|step| (turn + step) % members).find(|place| {
            settings.members.get(*place).is_some_and(|m| !self.desk.is_passed_over(m))
        });
        if let Some(first) = first {
            self.desk.turns.insert(group.clone(), (first + 1) % members);
        }
        self.happened(now, call, What::Group(group.clone()));
        if let Some(state) = self.calls.get_mut(&call) {
            state.hunt = Some(hunt);
            state.activity = Activity::Ringing;
        }
        self.hunt_on(now, call);
    }

    /// A phone of a group does not answer. When it was the last of its step, the next one's turn has come.
    pub(super) fn member_failed(&mut self, now: Now, call: CallId, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        if state.activity != Activity::Ringing {
            return;
        }
        let Some(hunt) = &mut state.hunt else { return };
        hunt.cause = more_telling(hunt.cause, cause);
        if state.ringing().next().is_none() {
            self.hunt_on(now, call);
        }
    }

    /// Rings whoever can be rung of the next step; after the last, the caller overflows.
    fn hunt_on(&mut self, now: Now, call: CallId) {
        while let Some(state) = self.calls.get_mut(&call) {
            let own = state.extension(state.caller).cloned();
            let Some(hunt) = &mut state.hunt else { return };
            let ring_time = hunt.ring_time;
            let Some(step) = hunt.steps.pop_front() else { break };
            let step: Vec<_> =
                step.into_iter().filter(|member| Some(member) != own.as_ref()).collect();
            let (away, there): (Vec<_>, Vec<_>) =
                step.into_iter().partition(|member| self.desk.is_passed_over(member));
            if !away.is_empty() {
                self.hunt_failed(call, Cause::Busy);
            }
            let rung =
                there.into_iter().filter(|member| self.ring_member(now, call, member, ring_time));
            if rung.count() > 0 {
                return;
            }
        }
        let hunt = self.calls.get_mut(&call).and_then(|state| state.hunt.take());
        match hunt.map(|hunt| (hunt.overflow, hunt.cause)) {
            Some((Some(target), _)) => self.go_to(now, call, target.into()),
            Some((None, cause)) => self.failed(call, cause),
            None => {}
        }
    }

    fn hunt_failed(&mut self, call: CallId, cause: Cause) {
        if let Some(hunt) = self.calls.get_mut(&call).and_then(|state| state.hunt.as_mut()) {
            hunt.cause = more_telling(hunt.cause, cause);
        }
    }

    /// How many legs more groups and pages may take.
    pub(super) fn legs_left(&self) -> usize {
        let most = (self.settings.max_calls * LEGS_A_CALL).max(LEAST_LEGS);
        most.saturating_sub(self.by_leg.len())
    }

    /// Rings one member, unless that would take a leg that calls need.
    fn ring_member(
        &mut self,
        now: Now,
        call: CallId,
        extension: &ExtensionId,
        ring_time: Duration,
    ) -> bool {
        if self.legs_left() == 0 {
            self.hunt_failed(call, Cause::Congestion);
            return false;
        }
        let extension = extension.clone();
        let leg = self.add_leg(call, Peer::Extension(extension.clone()), Purpose::Member);
        self.start_ringing(now, call, leg, ring_time);
        self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: false });
        true
    }
}

/// Which of two reasons says more to a caller: somebody who could have answered did not; somebody is busy; nobody is
/// there.
fn more_telling(a: Cause, b: Cause) -> Cause {
    let weight = |cause: Cause| match cause {
        Cause::NoAnswer => 3,
        Cause::Busy | Cause::Declined => 2,
        Cause::Congestion => 1,
        _ => 0,
    };
    if weight(b) > weight(a) { b } else { a }
}
