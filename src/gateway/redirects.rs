//! 3xx answers to calls of ours (RFC 3261 section 21.3): where a phone or a carrier sends us, and may.
//!
//! A desk phone that answers 302 forwards its call: to wherever it may call itself, by the dial plan and at its own
//! expense. A carrier may name another of its own servers for the same number, and nothing else: a number of its choice
//! would be called at ours.

use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Origin};
use crate::call::record::Peer;
use crate::gateway::{Gateway, tabs};
use crate::id::LegId;
use crate::sip::endpoint::Ended;
use crate::sip::trunk::Way;
use crate::sip::uri::{Host, Uri};
use crate::time::Now;

/// Redirections of one call by its carrier that are followed: a load balancer needs one.
const MOST_REDIRECTS: u8 = 3;

impl Gateway {
    /// A session of a leg that nobody answered has ended. Answers whether that was a phone which forwards the call: the
    /// leg is over then, and the call goes on elsewhere.
    pub(super) fn is_forwarded(&mut self, now: Now, id: LegId, ended: &Ended) -> bool {
        let Ended::Refused { contacts, .. } = ended else { return false };
        let Some(leg) = self.legs.get(id).filter(|leg| leg.chosen.is_none()) else { return false };
        let Peer::Extension(phone) = leg.peer.clone() else { return false };
        if contacts.is_empty() || leg.worst.is_some() || !self.settings.sip.follow_redirects {
            return false;
        }
        let allowed = |uri: &Uri| {
            let dialled = uri.user.clone().unwrap_or_else(|| uri.to_string());
            let from = Origin::Extension(phone.clone());
            let asked = Asked { dialled: &dialled, from, unix: now.unix };
            match self.plan.decide(&asked).destination {
                // Whoever is passed on for help would be found at the wrong place; the others are no place to be sent.
                Destination::Emergency { .. }
                | Destination::Feature(..)
                | Destination::Override(..)
                | Destination::Page(_) => None,
                Destination::Nowhere(_) => None,
                // In a circle with itself.
                Destination::Extension(to) if to == phone => None,
                destination => Some(destination),
            }
        };
        let Some(destination) = contacts.iter().find_map(allowed) else { return false };
        if !self.calls.may_be_forwarded(id) {
            return false;
        }
        self.forward(now, id, destination);
        true
    }

    fn forward(&mut self, now: Now, id: LegId, destination: Destination) {
        self.leg_changed(id);
        if let Some(leg) = self.legs.remove(id) {
            // Other phones of the extension stop ringing.
            for session in &leg.sessions {
                match tabs::is_page(*session) {
                    true => self.end_in_page(now, *session, Cause::Completed),
                    false => self.endpoint.hang_up(now, *session, None),
                }
            }
            self.close_media(now, id, &leg);
        }
        self.calls.handle_forwarded(now, id, destination);
    }

    /// The way that a carrier's redirection leads, if it may: to one of its own servers, for the same number.
    pub(super) fn redirected_way(&mut self, id: LegId, ended: &Ended) -> Option<Way> {
        let Ended::Refused { contacts, .. } = ended else { return None };
        let wanted = self.outward.get_mut(&id)?;
        let trunk = wanted.trunk.clone();
        let (number, followed, help) = (wanted.number.clone(), wanted.redirects, wanted.help);
        if followed >= MOST_REDIRECTS || !self.trunk_settings(&trunk)?.follow_redirects {
            return None;
        }
        let own = self.trunks.get_mut(&trunk)?;
        let ways = if help { own.ways_for_help() } else { own.ways() };
        let sent = self.called_number(&number, &trunk, help);
        let same = |user: &Option<String>| user.as_deref().is_none_or(|to| to == sent);
        let leads = |uri: &Uri| ways.iter().find(|way| is_at(way, uri)).cloned();
        let way = contacts.iter().filter(|uri| same(&uri.user)).find_map(leads)?;
        self.outward.get_mut(&id)?.redirects += 1;
        Some(way)
    }
}

/// Whether a URI names the server at the end of a way.
fn is_at(way: &Way, uri: &Uri) -> bool {
    let peer = way.route.peer();
    let default = way.route.transport().default_port();
    match &uri.host {
        Host::Ip(ip) => *ip == peer.ip() && uri.port.unwrap_or(default) == peer.port(),
        name => *name == way.host.host && uri.port == way.host.port,
    }
}
