//! Addresses of the box that come and go: a lease that ended, an interface that was replaced.
//!
//! Whatever is tied to an address that went away moves to the one that faces its peer now: trunks register again, calls
//! are offered anew. A call whose own address stays is left alone, however the routes change.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::call::record::Peer;
use crate::config::settings::External;
use crate::gateway::{Gateway, Output};
use crate::id::{LegId, TrunkId};
use crate::media;
use crate::sip::message::{Response, Transport};
use crate::time::Now;

/// Shortest time between two repairs over one trunk: a carrier that sees us at two addresses in turn must not make us
/// register and offer without end.
const BETWEEN_REPAIRS: Duration = Duration::from_secs(60);

/// At which address each server of a carrier sees us; what answers to our REGISTERs tell stands under no server.
#[derive(Debug, Default)]
pub(super) struct Sights {
    seen: BTreeMap<(TrunkId, Option<SocketAddr>), IpAddr>,
    repaired: BTreeMap<TrunkId, Instant>,
    /// What carriers are told of us that see us as they say (`external_address = "auto"`).
    told: BTreeMap<TrunkId, IpAddr>,
}

impl Sights {
    /// What stands for our address toward a carrier's server.
    pub fn told(&self, trunk: &TrunkId, peer: IpAddr) -> Option<IpAddr> {
        self.told.get(trunk).copied().filter(|own| own.is_ipv4() == peer.to_canonical().is_ipv4())
    }

    /// Whether an address stands for ours anywhere.
    pub fn is_told(&self, address: IpAddr) -> bool {
        self.told.values().any(|own| *own == address)
    }
}

/// Whether an address can be anybody's at all.
fn is_somewhere(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_loopback() && !address.is_multicast()
}

impl Gateway {
    /// A carrier answered over the way that `server` names, and says in our Via where it sees us (RFC 3261 section 18.2.1).
    /// Is that another address than before, the line outside is another: what was opened through the old one is shut, so
    /// calls are offered anew, and the trunk registers. Where the configuration says how we look from outside, it is right;
    /// where it says `auto`, the carrier is, from its first answer on.
    pub(super) fn seen_from(
        &mut self,
        now: Now,
        id: &TrunkId,
        server: Option<SocketAddr>,
        response: &Response,
    ) {
        let Some(settings) = self.trunk_settings(id) else { return };
        let auto = settings.external_address == Some(External::Auto);
        let told = !auto && (settings.external_address.is_some() || self.outside.address.is_some());
        let seen = response.top_via().ok().and_then(|via| via.received());
        let Some(seen) = seen.filter(|seen| !told && is_somewhere(*seen)) else { return };
        let key = (id.clone(), server);
        let known = *self.sights.seen.entry(key.clone()).or_insert(seen) == seen;
        if known && (!auto || self.sights.told.contains_key(id)) {
            return;
        }
        let last = self.sights.repaired.get(id);
        if last.is_some_and(|at| now.instant.duration_since(*at) < BETWEEN_REPAIRS) {
            return;
        }
        self.sights.seen.insert(key, seen);
        self.sights.repaired.insert(id.clone(), now.instant);
        if auto {
            self.sights.told.insert(id.clone(), seen);
        }
        tracing::info!(trunk = %id, "the carrier sees us at another address; calls are offered anew");
        // What was just answered has told the new address already; but not where we write it ourselves.
        if server.is_some() || auto {
            self.forget_registers(id);
            self.with_trunk(id, |trunk| trunk.register_anew());
        }
        for leg in self.legs.of_peer(&Peer::Trunk(id.clone())) {
            self.offer_anew(now, leg);
        }
    }

    /// The addresses that the box has now; to be told every few seconds, changed or not, since the way to a peer may come
    /// back later than the address.
    pub fn handle_addresses(&mut self, now: Now, addresses: &[IpAddr]) {
        // A system that tells nothing has not lost everything.
        if addresses.is_empty() {
            return;
        }
        self.addresses = addresses.to_vec();
        let gone: Vec<_> = self.pool.addresses().filter(|own| self.is_gone(*own)).collect();
        gone.into_iter().for_each(|own| self.pool.handle_gone(now.instant, own));
        self.stock_up(0);
        let legs = self.stranded_legs().into_iter().map(|(_, peer)| peer);
        let servers = self.trunks.values().flat_map(|trunk| trunk.locals());
        let servers = servers
            .filter(|(_, local)| local.is_unspecified() || self.is_gone(*local))
            .map(|(peer, _)| peer);
        let mut peers: Vec<IpAddr> = legs.chain(servers).collect();
        peers.sort();
        peers.dedup();
        if !peers.is_empty() {
            self.outputs.push_back(Output::Face(peers));
        }
        self.settle(now);
    }

    /// Peers that were asked for, each with the address of ours that faces it; those without a way are left out.
    pub fn handle_facing(&mut self, now: Now, pairs: &[(IpAddr, IpAddr)]) {
        for (peer, local) in pairs {
            // It may have gone again in the meantime.
            if self.is_gone(*local) {
                continue;
            }
            self.move_trunks(*peer, *local);
            for (id, _) in self.stranded_legs().into_iter().filter(|(_, at)| at == peer) {
                self.move_leg(now, id, *local);
            }
        }
        self.settle(now);
    }

    /// Whether an address that was ours is no more. What a listener is bound to stays ours, whoever holds it; and of
    /// loopback every address is, listed or not.
    pub(super) fn is_gone(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !address.is_unspecified()
            && !address.is_loopback()
            && !self.addresses.contains(&address)
            && !self.listening.is_at(address)
    }

    /// Legs whose address went away, and where their peers are.
    fn stranded_legs(&self) -> Vec<(LegId, IpAddr)> {
        let gone = self.legs.iter().filter(|(_, leg)| self.is_gone(leg.address));
        let asked = |id: LegId| self.outward.get(&id).and_then(|outward| outward.peer());
        gone.filter_map(|(id, leg)| Some((id, leg.host().or_else(|| asked(id))?))).collect()
    }

    fn move_trunks(&mut self, peer: IpAddr, local: IpAddr) {
        let mut told: Vec<TrunkId> = Vec::new();
        for (id, trunk) in &mut self.trunks {
            if trunk.handle_moved(peer, local) {
                told.push(id.clone());
            }
        }
        for trunk in told {
            tracing::info!(%trunk, "an address of the box has changed; registering again");
            self.forget_registers(&trunk);
        }
    }

    /// A leg's sound and signalling come from another address of ours; the peer is told in a new offer.
    fn move_leg(&mut self, now: Now, id: LegId, local: IpAddr) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.address = local;
        let (thread, port) = (leg.thread, leg.port);
        if let Some(port) = port {
            let local = SocketAddr::new(local, port);
            self.command(thread, media::Command::Rebind { leg: id, local });
        }
        tracing::info!(leg = %id, "an address of the box has changed; a call moves");
        let sessions = self.legs.get(id).map(|leg| leg.sessions.clone()).unwrap_or_default();
        for session in sessions {
            let flow = self.endpoint.flow(session);
            let transport = flow.map_or(Transport::Udp, |flow| flow.transport);
            // A connection that a phone opened can only be opened by the phone again.
            let trunk = self.legs.get(id).is_some_and(|leg| matches!(leg.peer, Peer::Trunk(_)));
            if transport == Transport::Udp || trunk {
                let own = self.own_listener(transport, local);
                self.endpoint.relocate(session, own);
            }
        }
        if !self.is_cut_off(id) {
            self.offer_anew(now, id);
        }
    }

    /// Whether a leg's phone had a connection of its own to an address that is gone. An offer over that would reach nobody, and
    /// be in the way of the phone's own over the next (RFC 3261 section 14.2, 491).
    fn is_cut_off(&self, id: LegId) -> bool {
        let Some(leg) = self.legs.get(id) else { return false };
        let flow = leg.session().and_then(|session| self.endpoint.flow(session));
        !matches!(leg.peer, Peer::Trunk(_))
            && flow.is_some_and(|flow| {
                flow.transport != Transport::Udp && self.is_gone(flow.local.ip())
            })
    }

    /// Offers a leg's sound anew with our address as the peer is to see it now; as soon as the call is up, if it is not.
    pub(super) fn offer_anew(&mut self, now: Now, id: LegId) {
        let Some(own) = self.legs.get(id).map(|leg| leg.address) else { return };
        let shown = self.shown_address(id, own);
        let Some(leg) = self.legs.get_mut(id) else { return };
        let Some(ours) = leg.ours.as_ref().map(|ours| ours.moved_to(shown)) else { return };
        leg.ours = Some(ours.clone());
        if let Some(session) = leg.session() {
            self.endpoint.reoffer(now, session, &ours);
        }
    }
}
