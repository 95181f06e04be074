//! The leg table: which SIP sessions and which media stream belong to which leg of which call.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::call::ending::Cause;
use crate::call::protection::Protection;
use crate::call::record::Peer;
use crate::gateway::keys::Pressed;
use crate::gateway::protection::Unacceptable;
use crate::id::{ExtensionId, LegId, RoomId};
use crate::media::peer::Credentials;
use crate::sip::diversion::Diverted;
use crate::sip::endpoint::SessionId;
use crate::sip::registrar::Binding;
use crate::sip::sdp::{Negotiated, SessionDescription};

/// Hands that a new call may go through (RFC 3261 section 8.1.1.6).
const MOST_HOPS: u8 = 70;

/// Who calls for help without having shown a password. Such a leg calls for help and does nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unchecked {
    /// The phone that it claims to be is registered at that very address.
    Registered,
    /// Anybody on the site.
    Stranger,
}

/// Flows of one phone (RFC 5626) that it was rung over, the last of them now.
#[derive(Debug)]
pub(super) struct Tried {
    pub flows: Vec<Binding>,
    /// Whether the phone is to answer by itself.
    pub intercom: bool,
}

/// See [`Leg::browser`].
#[derive(Debug)]
pub(super) struct Browser {
    /// By which a browser knows us.
    pub ours: Credentials,
    /// The name that it had when these were made, or gave in its answer: another one asks for others (RFC 8839 section
    /// 4.4.1.1.1).
    pub theirs: Option<String>,
    /// Our address that it comes to.
    pub at: IpAddr,
    /// The shared port there.
    pub port: u16,
    /// What browsers are offered that are rung with others.
    pub offered: Option<SessionDescription>,
}

/// One leg as protocol sees it.
#[derive(Debug)]
pub(super) struct Leg {
    pub peer: Peer,
    /// The phone that a caller has shown the password of; its user may be another's.
    pub account: Option<ExtensionId>,
    /// What a caller who calls for help was let in by without a password.
    pub unchecked: Option<Unchecked>,
    /// The caller's session, or the forks to each phone of an extension.
    pub sessions: Vec<SessionId>,
    /// Over which flows of the same phone a session was tried for.
    pub flows: BTreeMap<SessionId, Tried>,
    /// The hosts that the sessions are signalled from.
    pub hosts: BTreeMap<SessionId, IpAddr>,
    /// Whether its INVITE may name an address that it did not come from.
    pub forgeable: bool,
    /// Whether it belongs to a call for help; stays what it was when the leg was entered in the table.
    pub help: bool,
    /// The one that answered.
    pub chosen: Option<SessionId>,
    /// Whether an earlier run of the program had it.
    pub resumed: bool,
    /// Our address on the way to the peer.
    pub address: IpAddr,
    /// RTP port; RTCP is the next.
    pub port: Option<u16>,
    /// Ports that it took since in place of one that could not be had.
    pub others: u8,
    /// What a leg that is, or may be answered, in a browser needs besides.
    pub browser: Option<Browser>,
    /// The media thread that holds it.
    pub thread: usize,
    /// What the peer described last.
    pub theirs: Option<SessionDescription>,
    /// What we described last.
    pub ours: Option<SessionDescription>,
    pub negotiated: Option<Negotiated>,
    /// What each session was offered that nobody has answered: every fork has keys of its own.
    pub offers: BTreeMap<SessionId, SessionDescription>,
    /// Why a description came to nothing.
    pub unacceptable: Option<Unacceptable>,
    /// How its sound is protected, as was told last.
    pub told: Option<Protection>,
    /// Whether a call for help is tried without what `required` asks for.
    pub spared: bool,
    /// What we described before an offer that may be refused.
    pub stood: Option<SessionDescription>,
    /// The partner for whom it was offered another codec.
    pub matched: Option<LegId>,
    /// Whether the caller has yet to prove, by an ACK, that he is where he says.
    pub waits: bool,
    /// Whether the media thread has been told where to send.
    pub flowing: bool,
    /// Whether keys were agreed on beside a profile in the clear: who calls protection optional knows no other profile.
    pub optional_keys: bool,
    /// Through how many more hands a call of this party's may go (Max-Forwards).
    pub hops: u8,
    /// Why a fork failed: what the caller is told when all have.
    pub worst: Option<Cause>,
    /// Whether the caller was told that it rings, or the one who is called said so.
    pub ringing: bool,
    /// The last key that was pressed there.
    pub pressed: Option<Pressed>,
    /// The room it is in.
    pub room: Option<RoomId>,
    /// Whether a phone does not want to be shown outside.
    pub hides: bool,
    /// The number of its own that a phone wants to be shown as.
    pub shows: Option<Number>,
    /// Who passed the caller on before the call reached us, as a carrier that is believed says, the first first.
    pub diverted: Vec<Diverted>,
}

impl Leg {
    pub fn new(peer: Peer, address: IpAddr, thread: usize) -> Self {
        Leg {
            peer,
            account: None,
            unchecked: None,
            sessions: Vec::new(),
            flows: BTreeMap::new(),
            hosts: BTreeMap::new(),
            forgeable: false,
            help: false,
            chosen: None,
            resumed: false,
            address,
            port: None,
            others: 0,
            browser: None,
            thread,
            theirs: None,
            ours: None,
            negotiated: None,
            offers: BTreeMap::new(),
            unacceptable: None,
            told: None,
            spared: false,
            stood: None,
            matched: None,
            waits: false,
            flowing: false,
            optional_keys: false,
            hops: MOST_HOPS,
            worst: None,
            ringing: false,
            pressed: None,
            room: None,
            hides: false,
            shows: None,
            diverted: Vec::new(),
        }
    }

    /// Whether the far end is in a browser, as far as is known.
    pub fn is_in_browser(&self) -> bool {
        match &self.negotiated {
            Some(agreed) => agreed.secured.is_some(),
            None => self.theirs.as_ref().is_some_and(|offer| offer.secured_audio().is_some()),
        }
    }

    /// Whether a media thread knows it.
    pub fn has_media(&self) -> bool {
        self.port.is_some() || self.browser.is_some()
    }

    /// The host at the far end, as signalling knows it.
    pub fn host(&self) -> Option<IpAddr> {
        self.hosts.get(&self.session()?).copied()
    }

    /// The session that stands for the leg: the one that answered, or the only one there is.
    pub fn session(&self) -> Option<SessionId> {
        self.chosen.or_else(|| self.sessions.first().copied())
    }
}

/// Every leg, found by its id or by one of its sessions.
#[derive(Debug, Default)]
pub(super) struct Legs {
    legs: BTreeMap<LegId, Leg>,
    by_session: BTreeMap<SessionId, LegId>,
    /// How many legs are up with whom, of calls for help and of others.
    up: BTreeMap<(Peer, bool), usize>,
    /// Callers in a carrier's name who have yet to show that they hear us.
    unheard: BTreeSet<LegId>,
}

impl Legs {
    pub fn insert(&mut self, id: LegId, leg: Leg) {
        for session in &leg.sessions {
            self.by_session.insert(*session, id);
        }
        *self.up.entry((leg.peer.clone(), leg.help)).or_default() += 1;
        if leg.forgeable {
            self.unheard.insert(id);
        }
        if let Some(before) = self.legs.insert(id, leg) {
            self.count_out(&before);
        }
    }

    fn count_out(&mut self, leg: &Leg) {
        let key = (leg.peer.clone(), leg.help);
        if let Some(count) = self.up.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.up.remove(&key);
            }
        }
    }

    pub fn add_session(&mut self, id: LegId, session: SessionId, host: IpAddr) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sessions.push(session);
            leg.hosts.insert(session, host);
            self.by_session.insert(session, id);
        }
    }

    /// Takes a session off its leg. Answers the leg's id.
    pub fn remove_session(&mut self, session: SessionId) -> Option<LegId> {
        let id = self.by_session.remove(&session)?;
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.offers.remove(&session);
            leg.sessions.retain(|other| *other != session);
        }
        Some(id)
    }

    pub fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        self.count_out(&leg);
        self.unheard.remove(&id);
        for session in &leg.sessions {
            self.by_session.remove(session);
        }
        Some(leg)
    }

    /// Whether each session leads to a leg that is there and knows it.
    #[cfg(test)]
    pub fn is_sound(&self) -> bool {
        let known = |(session, id): (&SessionId, &LegId)| {
            self.legs.get(id).is_some_and(|leg| leg.sessions.contains(session))
        };
        self.by_session.iter().all(known)
    }

    /// A caller has shown that what we answer reaches him.
    pub fn is_heard(&mut self, id: LegId) {
        self.unheard.remove(&id);
    }

    /// Whether this one has yet to.
    pub fn is_unheard(&self, id: LegId) -> bool {
        self.unheard.contains(&id)
    }

    /// How many callers have yet to.
    pub fn unheard(&self) -> usize {
        self.unheard.len()
    }

    pub fn get(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(&id)
    }

    pub fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (LegId, &Leg)> {
        self.legs.iter().map(|(id, leg)| (*id, leg))
    }

    pub fn of_session(&self, session: SessionId) -> Option<LegId> {
        self.by_session.get(&session).copied()
    }

    /// The legs that are up with `peer`.
    pub fn of_peer(&self, peer: &Peer) -> Vec<LegId> {
        self.legs.iter().filter(|(_, leg)| leg.peer == *peer).map(|(id, _)| *id).collect()
    }

    /// Calls for help of `phone` that are up, of callers who were let in by the same.
    pub fn helping(&self, phone: &Peer, unchecked: Option<Unchecked>) -> usize {
        // Who only calls from where the phone is registered may be forged: the phone itself has a password as well.
        let own = |leg: &&Leg| leg.help && leg.peer == *phone && leg.unchecked == unchecked;
        self.legs.values().filter(own).count()
    }

    /// The media thread of a room, if it has a leg already.
    pub fn thread_of(&self, room: RoomId) -> Option<usize> {
        self.legs.values().find(|leg| leg.room == Some(room)).map(|leg| leg.thread)
    }

    /// Whether there is none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
            && self.by_session.is_empty()
            && self.up.is_empty()
            && self.unheard.is_empty()
    }

    /// Legs that are up with `peer`; of calls for `help`, or of all others.
    pub fn count(&self, peer: &Peer, help: bool) -> usize {
        self.up.get(&(peer.clone(), help)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A phone that rings in three places and is answered at one is one leg: with it go all three.
    #[test]
    fn with_a_leg_go_its_sessions_and_its_count() {
        let mut legs = Legs::default();
        let peer = Peer::Extension("201".into());
        let own = IpAddr::from([192, 0, 2, 1]);
        legs.insert(LegId(1), Leg::new(peer.clone(), own, 0));
        (1..=3).for_each(|session| legs.add_session(LegId(1), SessionId(session), own));
        assert_eq!(legs.of_session(SessionId(2)), Some(LegId(1)));
        legs.remove_session(SessionId(3));
        assert!(legs.is_sound() && legs.remove(LegId(1)).is_some());
        assert!(legs.is_sound() && legs.by_session.is_empty(), "{legs:?}");
        assert_eq!(legs.count(&peer, false), 0);
    }
}
