//! What is kept from whom: addresses of the inside from everybody outside, the product's name from carriers.

use std::net::IpAddr;

use crate::call::record::Peer;
use crate::config::settings::External;
use crate::gateway::Gateway;
use crate::id::{LegId, TrunkId};
use crate::sip::topology::{self, Hidden};
use crate::sip::trunk::{Network, Trunk};

/// Which networks are the site's own, and which address stands for the box outside of them.
#[derive(Debug)]
pub(super) struct Outside {
    pub address: Option<IpAddr>,
    pub inside: Vec<Network>,
}

impl Outside {
    fn is_inside(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.inside.iter().any(|own| own.contains(peer))
    }
}

impl Gateway {
    /// A message as the peer at an address may see it.
    pub(super) fn hide(&self, peer: IpAddr, message: Vec<u8>) -> Vec<u8> {
        let trunk = self.trunk_of(peer);
        let outside = self.outside_address(peer, trunk.as_ref());
        let addresses = outside.map(|outside| (self.addresses.as_slice(), outside));
        topology::hide(message, Hidden { addresses, product: trunk.is_some() })
    }

    /// The carrier whose server or network an address is.
    fn trunk_of(&self, peer: IpAddr) -> Option<TrunkId> {
        let serves = |(id, trunk): (&TrunkId, &Trunk)| trunk.is_at(peer).then(|| id.clone());
        self.gate.trunk_at(peer).or_else(|| self.trunks.iter().find_map(serves))
    }

    /// The address that stands for ours toward a peer; nothing where ours may be seen.
    fn outside_address(&self, peer: IpAddr, trunk: Option<&TrunkId>) -> Option<IpAddr> {
        let own = trunk.and_then(|trunk| match self.trunk_settings(trunk)?.external_address? {
            External::Is(address) => Some(address),
            External::Auto => self.sights.told(trunk, peer),
        });
        own.or_else(|| self.outside.address.filter(|_| !self.outside.is_inside(peer)))
    }

    /// Our address as a carrier's server sees it.
    pub(super) fn address_toward(&self, peer: IpAddr, trunk: &TrunkId, local: IpAddr) -> IpAddr {
        self.outside_address(peer, Some(trunk)).unwrap_or(local)
    }

    /// Whether an address is one that stands for ours somewhere.
    pub(super) fn stands_for_us(&self, address: IpAddr) -> bool {
        let trunks = self.settings.trunks.iter().filter_map(|trunk| trunk.external_address);
        let mut all = trunks.filter_map(|own| match own {
            External::Is(address) => Some(address),
            External::Auto => None,
        });
        all.any(|own| own == address)
            || self.outside.address == Some(address)
            || self.sights.is_told(address)
    }

    /// An address of ours for the sound of a leg, as it is shown to the leg's peer.
    pub(super) fn shown_address(&self, id: LegId, own: IpAddr) -> IpAddr {
        let leg = self.legs.get(id);
        let trunk = leg.and_then(|leg| match &leg.peer {
            Peer::Trunk(trunk) => Some(trunk),
            Peer::Extension(_) | Peer::Chat(_) => None,
        });
        let asked =
            trunk.and_then(|trunk| self.outward.get(&id).filter(|o| o.is_over(trunk))?.peer());
        let peer = leg.and_then(|leg| leg.host()).or(asked);
        let outside = peer.and_then(|peer| self.outside_address(peer, trunk));
        outside.or(self.settings.media.address).unwrap_or(own)
    }
}
