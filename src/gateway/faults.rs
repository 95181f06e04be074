//! Sound that is not as it should be, told while something can be done about it.

use std::collections::BTreeSet;

use crate::admin::{Lamp, Part};
use crate::gateway::Gateway;
use crate::id::{CallId, LegId};
use crate::journal::event::What;
use crate::time::Now;

/// What is wrong with sound now, and what was since the start.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Legs that are sent sound and not heard.
    one_way: BTreeSet<LegId>,
    /// How many there have been.
    pub one_way_so_far: u64,
    /// Fax machines and modems so far.
    pub machines: u64,
}

impl Gateway {
    /// A leg is not heard though it should be, or is heard again.
    pub(super) fn one_way(&mut self, now: Now, leg: LegId, on: bool) {
        let Some(call) = self.calls.call_of(leg) else { return };
        if on {
            self.faults.one_way.insert(leg);
            self.faults.one_way_so_far += 1;
            tracing::warn!(%call, %leg, "the sound of a call goes one way: this leg is not heard");
        } else {
            self.faults.one_way.remove(&leg);
            tracing::info!(%call, %leg, "the leg is heard again");
        }
        self.keep_walk_event(now, call, What::OneWay { leg, now: on });
    }

    /// A fax machine or a modem is at a leg.
    pub(super) fn machine(&mut self, now: Now, leg: LegId) {
        let Some(call) = self.calls.call_of(leg) else { return };
        self.faults.machines += 1;
        self.keep_walk_event(now, call, What::Machine { leg });
    }

    pub(super) fn forget_faults(&mut self, leg: LegId) {
        self.faults.one_way.remove(&leg);
    }

    /// Who is not heard in a call that is up.
    pub(super) fn unheard_in(&self, call: CallId) -> Vec<String> {
        let of = |leg: &&LegId| self.calls.call_of(**leg) == Some(call);
        let peer = |leg: &LegId| Some(self.legs.get(*leg)?.peer.to_string());
        self.faults.one_way.iter().filter(of).filter_map(peer).collect()
    }

    pub(super) fn sound_part(&self) -> Option<Part> {
        let count = self.faults.one_way.len();
        let words = format!(
            "{count} parties are sent sound and not heard: look for a firewall or a wrong address (media.address)"
        );
        let part = Part { name: "sound".to_owned(), lamp: Lamp::Amber, words };
        (count > 0).then_some(part)
    }
}
