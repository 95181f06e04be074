//! Bans on one side, an admin on the other.

use std::net::IpAddr;

use crate::admin::{Ban, Reply};
use crate::gateway::Gateway;
use crate::sip::trust;
use crate::time::Now;

impl Gateway {
    pub(super) fn ban_lines(&self, now: Now) -> Vec<Ban> {
        let line = |ban: &trust::Ban| Ban {
            source: ban.source,
            kind: if ban.proven { "banned" } else { "suspected" }.to_owned(),
            why: ban.why.to_string(),
            since: ban.since,
            until: ban.until,
            dropped: ban.dropped,
        };
        self.gate.trust.bans(now.instant).map(line).collect()
    }

    /// Hears a source again, and lets its phones try their passwords anew.
    pub(super) fn unban(&mut self, address: IpAddr) -> Reply {
        if self.gate.unban(address) {
            tracing::info!(%address, "an admin lifted a ban");
            Reply::Done
        } else {
            Reply::Refused(format!("{address} is not banned; `branchline bans` lists who is"))
        }
    }

    /// What went unread, by reason.
    pub(super) fn unread(&self) -> [(String, u64); 3] {
        let counted = &self.gate.trust.counters;
        [
            ("messages of banned sources", counted.banned),
            ("messages above the rate of their source", counted.too_fast),
            ("messages above the rate of all strangers", counted.strangers),
        ]
        .map(|(name, count)| (name.to_owned(), count))
    }
}
