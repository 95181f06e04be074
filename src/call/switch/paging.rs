//! Paging: one speaks through the loudspeakers of several phones, and hears none of them.

use std::time::Duration;

use super::{Calls, Output};
use crate::call::current::{Activity, Purpose};
use crate::call::ending::Cause;
use crate::call::record::Peer;
use crate::id::{CallId, LegId, PageId, RoomId};
use crate::time::Now;

/// How long a phone may take to answer by itself: one that does not by then rings, and nobody is to answer that.
const PATIENCE: Duration = Duration::from_secs(5);

impl Calls {
    /// Calls every phone of the page whose user is there and does not talk. The caller speaks at once, to whoever has
    /// answered by then.
    pub(super) fn page(&mut self, now: Now, call: CallId, page: &PageId) {
        let Some(members) = self.desk.settings.pages.get(page).cloned() else {
            return self.failed(call, Cause::NoSuchNumber);
        };
        let Some(state) = self.calls.get(&call) else { return };
        let own = state.extension(state.caller).cloned();
        let free = members.into_iter().filter(|member| {
            Some(member) != own.as_ref() && !self.desk.is_closed_to_speakers(member)
        });
        let called: Vec<_> = free.collect();
        if called.is_empty() {
            return self.failed(call, Cause::Busy);
        }
        self.answer_caller(now, call, None);
        let room = RoomId(self.random.bits());
        self.be(call, Activity::Paging(room));
        if let Some(leg) = self.caller(call) {
            self.outputs.push_back(Output::Page { leg, room, speaks: true });
        }
        for extension in called.into_iter().take(self.legs_left()) {
            let leg = self.add_leg(call, Peer::Extension(extension.clone()), Purpose::Member);
            let timer = self.timers.set(now.instant + PATIENCE, leg);
            let state = self.calls.get_mut(&call).and_then(|state| state.legs.get_mut(&leg));
            if let Some(leg) = state {
                leg.ring_timer = Some(timer);
            }
            self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: true });
        }
        self.page_left(call);
    }

    /// A phone of a page has answered. Answers whether it was one.
    pub(super) fn page_answered(&mut self, now: Now, call: CallId, leg: LegId) -> bool {
        let Some(state) = self.calls.get_mut(&call) else { return false };
        let Activity::Paging(room) = state.activity else { return false };
        state.connected.get_or_insert(now.unix);
        self.outputs.push_back(Output::Page { leg, room, speaks: false });
        true
    }

    /// A phone of a page is gone, or was never there: the last of them ends the call.
    pub(super) fn page_left(&mut self, call: CallId) {
        let alone = |state: &super::Call| {
            matches!(state.activity, Activity::Paging(_)) && state.legs.len() == 1
        };
        if self.calls.get(&call).is_some_and(alone) {
            let reached = self.calls.get(&call).is_some_and(|state| state.connected.is_some());
            self.end(call, if reached { Cause::Completed } else { Cause::NoAnswer });
        }
    }
}
