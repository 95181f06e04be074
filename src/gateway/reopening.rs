//! Sockets that could not be had: a leg whose port is another program's, here or at the address that it has just moved to,
//! takes another port, and whoever was told of the first is told of that one in a new offer.

use std::net::SocketAddr;

use crate::call::ending::Cause;
use crate::gateway::Gateway;
use crate::id::LegId;
use crate::media;
use crate::time::Now;

/// Ports that a leg takes in place of those that could not be had: ports are another program's one by one; where four in a
/// row are, the system gives no sockets, and no other port will help.
const MOST_OTHERS: u8 = 3;

impl Gateway {
    /// The sockets of a leg could not be had. Without sound a call is none: it ends where no other port does it.
    pub(super) fn open_failed(&mut self, now: Now, id: LegId) {
        if !self.open_elsewhere(now, id) {
            self.hang_up(now, id, Cause::Congestion);
        }
    }

    fn open_elsewhere(&mut self, now: Now, id: LegId) -> bool {
        let Some(leg) = self.legs.get(id).filter(|leg| leg.others < MOST_OTHERS) else {
            return false;
        };
        let (Some(lost), own, thread) = (leg.port, leg.address, leg.thread) else { return false };
        let Some(port) = self.pool.take(now.instant, own, leg.help) else { return false };
        self.pool.give_back(now.instant, lost);
        let local = SocketAddr::new(own, port);
        self.command(thread, media::Command::Open { leg: id, local });
        self.stock_up(thread);
        let Some(leg) = self.legs.get_mut(id) else { return false };
        leg.port = Some(port);
        leg.others += 1;
        tracing::info!(leg = %id, port, "a media port was another program's; a leg takes the next");
        // What forks were offered that nobody has answered says so too, once one of them has.
        for offer in leg.offers.values_mut().chain(&mut leg.ours) {
            *offer = offer.at_port(lost, port);
        }
        let (ours, sessions) = (leg.ours.clone(), leg.sessions.clone());
        for (session, ours) in sessions.into_iter().filter_map(|s| Some((s, ours.as_ref()?))) {
            self.endpoint.reoffer(now, session, ours);
        }
        true
    }
}
