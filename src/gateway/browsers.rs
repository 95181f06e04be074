//! Legs in browsers: the shared port that they come to, the secrets in our descriptions, and what is told of theirs to
//! the media thread.
//!
//! Which codec, who is on hold and who hears whom is as with any leg. A phone on a desk and a browser may ring for the
//! same extension: then the leg has both ports, and whoever answers decides.

use std::net::{IpAddr, SocketAddr};

use crate::call::ending::Cause;
use crate::gateway::Gateway;
use crate::gateway::legs::Browser;
use crate::id::LegId;
use crate::media;
use crate::media::peer::{Credentials, Far, Fingerprint, Hash, Lost};
use crate::sip::message::Transport;
use crate::sip::registrar::Binding;
use crate::sip::sdp::{Answered, Ours, PROFILE, Secured, SessionDescription, Setup};
use crate::time::Now;

/// Bytes of randomness in a name: 24 bits are asked for at least (RFC 8839 section 5.4); so many that none comes twice.
const NAME: usize = 8;
/// In a password: 128 bits at least.
const PASSWORD: usize = 16;

/// What the media thread has to know of a browser; nothing if none of its certificate's hashes is one that we make.
pub(super) fn far(theirs: &Secured) -> Option<Far> {
    let fingerprint = |(name, value): &(String, Vec<u8>)| {
        let hash = match name.as_str() {
            "sha-256" => Hash::Sha256,
            "sha-384" => Hash::Sha384,
            "sha-512" => Hash::Sha512,
            _ => return None,
        };
        Some(Fingerprint { hash, value: value.clone() })
    };
    let fingerprints: Vec<_> = theirs.fingerprints.iter().filter_map(fingerprint).collect();
    let credentials =
        Credentials { ufrag: theirs.ufrag.clone(), password: theirs.password.clone() };
    let we_connect = theirs.setup == Setup::Passive;
    (!fingerprints.is_empty()).then_some(Far { credentials, fingerprints, we_connect })
}

/// Whether a phone is one in a browser: those register over WebSockets (RFC 7118).
pub(super) fn is_browser(binding: &Binding) -> bool {
    matches!(binding.flow().transport, Transport::Ws | Transport::Wss)
}

impl Gateway {
    /// Where a leg's sound comes in: at the port that browsers share, or at one of its own.
    pub(super) fn open_way(&mut self, now: Now, id: LegId, browser: bool) -> Option<(IpAddr, u16)> {
        if browser { self.open_shared(id, None) } else { self.open_media(now, id) }
    }

    /// The same for whoever makes this offer.
    pub(super) fn open_for(
        &mut self,
        now: Now,
        id: LegId,
        offer: &SessionDescription,
    ) -> Option<(IpAddr, u16)> {
        match offer.secured_audio() {
            Some(theirs) => self.open_shared(id, Some(&theirs.ufrag)),
            None => self.open_media(now, id),
        }
    }

    /// The shared port, with secrets for this leg. A browser that comes with another name than before has lost its way,
    /// and is given other ones (RFC 8839 section 4.4.1.1.1); so is everybody when the box has lost its address.
    fn open_shared(&mut self, id: LegId, theirs: Option<&str>) -> Option<(IpAddr, u16)> {
        self.fingerprint.as_ref()?;
        let (own, thread) = self.legs.get(id).map(|leg| (leg.address, leg.thread))?;
        let shown = self.shown_address(id, own);
        let first = self.settings.media.first_browser_port();
        let leg = self.legs.get_mut(id)?;
        let port = match &mut leg.browser {
            Some(known) => {
                let before = known.theirs.clone();
                if theirs.is_some() {
                    known.theirs = theirs.map(str::to_owned);
                }
                let is_same = before.is_none() || theirs.is_none() || before.as_deref() == theirs;
                if is_same && known.at == own {
                    return Some((shown, known.port));
                }
                known.port
            }
            None => first.saturating_add(u16::try_from(thread).unwrap_or(u16::MAX)),
        };
        let ours =
            Credentials { ufrag: self.random.hex(NAME), password: self.random.hex(PASSWORD) };
        let leg = self.legs.get_mut(id)?;
        let before = leg.browser.take().filter(|known| known.at == own);
        let offered = before.and_then(|known| known.offered);
        let theirs = theirs.map(str::to_owned);
        leg.browser = Some(Browser { ours: ours.clone(), theirs, at: own, port, offered });
        let local = SocketAddr::new(own, port);
        self.command(thread, media::Command::OpenPeer { leg: id, local, ours });
        Some((shown, port))
    }

    /// Writes our secrets into an offer of ours.
    pub(super) fn secure_offer(&self, id: LegId, offer: &mut SessionDescription) -> Option<()> {
        offer.media.iter_mut().for_each(|media| media.proto = PROFILE.to_owned());
        self.secure(id, offer, Setup::Actpass, None)
    }

    /// Writes them into an answer, if it is to a browser.
    pub(super) fn secure_answer(
        &self,
        id: LegId,
        answered: &mut Answered,
        offer: &SessionDescription,
    ) {
        let Some(theirs) = &answered.audio.secured else { return };
        let setup = if theirs.setup == Setup::Passive { Setup::Active } else { Setup::Passive };
        self.secure(id, &mut answered.sdp, setup, Some(offer));
    }

    fn secure(
        &self,
        id: LegId,
        sdp: &mut SessionDescription,
        setup: Setup,
        to: Option<&SessionDescription>,
    ) -> Option<()> {
        let leg = self.legs.get(id)?;
        let Browser { ours, port, .. } = leg.browser.as_ref()?;
        let shown = SocketAddr::new(self.shown_address(id, leg.address), *port);
        let own = SocketAddr::new(leg.address, *port);
        // From the same side of a router the address behind it is the one that works.
        let both = [own, shown];
        let candidates = if own == shown { &both[..1] } else { &both[..] };
        let fingerprint = self.fingerprint.as_deref()?;
        let (ufrag, password) = (&ours.ufrag, &ours.password);
        sdp.secure(&Ours { ufrag, password, fingerprint, setup, candidates }, to);
        Some(())
    }

    /// What a phone in a browser is offered that rings for this leg.
    pub(super) fn describe_browser_offer(
        &mut self,
        id: LegId,
        like: Option<LegId>,
    ) -> Option<SessionDescription> {
        let (address, port) = self.open_shared(id, None)?;
        if let Some(offered) = self.legs.get(id)?.browser.as_ref()?.offered.clone() {
            return Some(offered);
        }
        let choice = self.codecs_for(id, like);
        let codecs = if like.is_some() { choice.all() } else { choice.cheap() };
        let mut offer = self.plain_offer(id, &codecs, (address, port))?;
        self.secure_offer(id, &mut offer)?;
        let leg = self.legs.get_mut(id)?;
        leg.browser.as_mut()?.offered = Some(offer.clone());
        leg.ours.get_or_insert_with(|| offer.clone());
        Some(offer)
    }

    /// A browser has not come, or is not who its description says; if it has left, its signalling says so too.
    pub(super) fn browser_lost(&mut self, now: Now, id: LegId, why: Lost) {
        let cause = match why {
            Lost::Closed => return,
            Lost::NoPath => Cause::ConnectionLost,
            Lost::Handshake | Lost::Stranger => Cause::MediaRefused,
            Lost::NoPort => Cause::Congestion,
        };
        tracing::warn!(leg = %id, ?why, "a browser could not be reached");
        // A leg that others may still answer, or that another phone did, is none of a browser's yet.
        if self.legs.get(id).is_some_and(|leg| leg.is_in_browser()) {
            self.hang_up(now, id, cause);
        }
    }
}
