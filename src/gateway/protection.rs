//! Protected sound: what configuration asks of each leg, which keys it is offered, and what came of it.
//!
//! Joins `[[trunk]]` and `[[extension]]` with [`crate::sip::sdp::crypto`] and [`crate::media::srtp`]. Keys are made here,
//! of randomness that the driver gave, go into one description and to one media thread, and are kept nowhere else.

use std::fmt;

use crate::call::protection::{Protection, Suite, WhyClear};
use crate::call::record::Peer;
use crate::config::settings::{Encryption, KeysOver};
use crate::gateway::legs::Leg;
use crate::gateway::{Gateway, tabs};
use crate::id::LegId;
use crate::media::srtp;
use crate::sip::endpoint::SessionId;
use crate::sip::message::Transport;
use crate::sip::sdp::crypto::{self, Key, LONGEST_KEY, Wish};
use crate::sip::sdp::{self, NotAcceptable, Own, SessionDescription};
use crate::time::Now;

/// Why a description came to nothing: what a 488 tells in its Warning, and the ladder of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unacceptable {
    /// The two descriptions have no common ground.
    Terms(NotAcceptable),
    /// Keys would have to travel where anybody may read them.
    KeysInClear,
}

impl Unacceptable {
    /// The code of its Warning (RFC 3261 section 20.43): 302 is a transport protocol, 305 a format, 399 anything else.
    pub fn code(self) -> u16 {
        match self {
            Unacceptable::Terms(NotAcceptable::Codec) => 305,
            Unacceptable::Terms(
                NotAcceptable::Profile | NotAcceptable::Protected | NotAcceptable::Clear,
            ) => 302,
            Unacceptable::Terms(_) | Unacceptable::KeysInClear => 399,
        }
    }
}

impl fmt::Display for Unacceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unacceptable::Terms(terms) => terms.fmt(f),
            Unacceptable::KeysInClear => {
                f.write_str("keys for encrypted audio are taken over TLS alone")
            }
        }
    }
}

/// What a leg wants, and why it wants no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terms {
    wish: Wish,
    why_clear: Option<WhyClear>,
}

/// Terms.
impl Gateway {
    /// What the configuration asks of a leg that is signalled over `transport`.
    ///
    /// A call for help goes through where nothing better can be had: a person in danger is to be heard, and whoever could
    /// listen may listen (RFC 6443 has the same of signalling: TLS where it can be had, and the call without where it
    /// cannot), unless `help_unencrypted = false` says otherwise.
    fn terms(&self, id: LegId, transport: Option<Transport>) -> Result<Terms, Unacceptable> {
        let Some(leg) = self.legs.get(id) else { return Ok(Terms::CLEAR) };
        let (policy, over) = self.encryption_of(&leg.peer);
        let secure = matches!(transport, Some(Transport::Tls | Transport::Wss));
        let may_have_keys = secure || over == KeysOver::Any;
        let lenient = leg.help && self.settings.media.help_unencrypted;
        let protected = leg.negotiated.as_ref().is_some_and(|agreed| agreed.protection.is_some());
        let terms = |wish| Ok(Terms { wish, why_clear: None });
        match policy {
            // What is protected stays so: whoever can write into the signalling must not be able to take it back.
            _ if protected => terms(Wish::Protected),
            Encryption::Off => terms(Wish::Clear),
            Encryption::Required if may_have_keys && !(lenient && leg.spared) => {
                terms(Wish::Protected)
            }
            Encryption::Offered | Encryption::Required if may_have_keys => terms(Wish::Either),
            Encryption::Required if !lenient => Err(Unacceptable::KeysInClear),
            Encryption::Offered | Encryption::Required => {
                Ok(Terms { why_clear: Some(WhyClear::Signalling), ..Terms::CLEAR })
            }
        }
    }

    fn encryption_of(&self, peer: &Peer) -> (Encryption, KeysOver) {
        let found = match peer {
            Peer::Trunk(trunk) => {
                self.trunk_settings(trunk).map(|own| (own.media_encryption, own.media_keys_over))
            }
            Peer::Extension(extension) => self
                .extension(extension.as_str())
                .map(|own| (own.media_encryption, own.media_keys_over)),
            // Browsers have no other way than one that is encrypted.
            Peer::Chat(_) => None,
        };
        found.unwrap_or_default()
    }

    /// A call for help is tried without what `required` asks for: the caller's own leg at once, where he offers nothing
    /// better; one to a carrier once it was refused. Answers whether that changes anything.
    pub(super) fn spare(&mut self, id: LegId) -> bool {
        let lenient = self.settings.media.help_unencrypted;
        let Some(leg) = self.legs.get(id).filter(|leg| lenient && leg.help && !leg.spared) else {
            return false;
        };
        let required = self.encryption_of(&leg.peer).0 == Encryption::Required;
        if let Some(leg) = self.legs.get_mut(id).filter(|_| required) {
            leg.spared = true;
        }
        required
    }

    /// What we asked of the one who answered a call for help is taken for an offer of sound in the clear: that is how it
    /// was answered.
    pub(super) fn lay_open(&mut self, id: LegId) {
        let ours = self.legs.get_mut(id).and_then(|leg| leg.ours.as_mut());
        for line in ours.into_iter().flat_map(|ours| &mut ours.media) {
            "RTP/AVP".clone_into(&mut line.proto);
            line.cryptos.clear();
        }
    }
}

impl Terms {
    const CLEAR: Terms = Terms { wish: Wish::Clear, why_clear: None };
}

/// Descriptions.
impl Gateway {
    /// An offer of ours with keys of its own for whoever it goes to over `transport`. Nothing where the leg must be
    /// protected and cannot be.
    pub(super) fn with_keys(
        &mut self,
        now: Now,
        id: LegId,
        transport: Option<Transport>,
        offer: &SessionDescription,
    ) -> Option<SessionDescription> {
        // A browser's keys come from its handshake.
        if offer.media.iter().any(|line| line.is_secured()) {
            return Some(offer.clone());
        }
        let wish = match self.terms(id, transport) {
            Ok(terms) => terms.wish,
            Err(why) => {
                self.not_acceptable(now, id, why);
                return None;
            }
        };
        let mut offer = offer.clone();
        if wish != Wish::Clear {
            // Within a call its profile stays: a phone that calls protection optional knows no other.
            let optional = self.legs.get(id).is_some_and(|leg| leg.optional_keys);
            let wish = if optional { Wish::Either } else { wish };
            let keys = crypto::Suite::OFFERED.map(|suite| (suite, self.fresh_key()));
            sdp::protect(&mut offer, wish, &keys);
        }
        Some(offer)
    }

    /// What a fork was offered, until it answers.
    pub(super) fn keep_offer(&mut self, id: LegId, session: SessionId, offer: SessionDescription) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.offers.insert(session, offer);
        }
    }

    /// What our answer to an offer over `session` brings to protection.
    pub(super) fn own_protection(
        &mut self,
        id: LegId,
        session: Option<SessionId>,
    ) -> Result<Own, Unacceptable> {
        let wish = self.terms(id, self.transport_of(session))?.wish;
        let before = self.legs.get(id).and_then(|leg| leg.negotiated.as_ref()?.protection);
        let fresh = if wish == Wish::Clear { Own::CLEAR.fresh } else { self.fresh_key() };
        Ok(Own { wish, fresh, before })
    }

    /// What a session is signalled over, as far as it is known.
    pub(super) fn transport_of(&self, session: Option<SessionId>) -> Option<Transport> {
        let session = session?;
        if tabs::is_page(session) {
            return Some(Transport::Wss);
        }
        self.endpoint.flow(session).map(|flow| flow.transport)
    }

    fn fresh_key(&mut self) -> Key {
        let mut key = [0; LONGEST_KEY];
        self.random.fill(&mut key);
        Key::new(key)
    }

    /// A description came to nothing; whoever asks is told why.
    pub(super) fn not_acceptable(&mut self, now: Now, id: LegId, why: Unacceptable) {
        if let Some(leg) = self.legs.get_mut(id) {
            leg.unacceptable = Some(why);
        }
        self.note_leg(now, id, format!("no common ground: {why}"));
    }

    /// What was agreed on is told where it is new.
    pub(super) fn note_protection(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get(id) else { return };
        let protection = self.protection_of(id, leg);
        if protection != leg.told {
            if let Some(leg) = self.legs.get_mut(id) {
                leg.told = protection;
            }
            if let Some(protection) = protection {
                self.note_leg(now, id, protection.to_string());
            }
        }
    }

    /// How a leg's sound is protected; nothing before any is agreed on, and where none was asked for.
    fn protection_of(&self, id: LegId, leg: &Leg) -> Option<Protection> {
        let agreed = leg.negotiated.as_ref()?;
        if agreed.secured.is_some() {
            return Some(Protection::Dtls);
        }
        if let Some(agreed) = agreed.protection {
            return Some(Protection::Srtp { suite: suite_of_call(agreed.suite) });
        }
        let policy = self.encryption_of(&leg.peer).0;
        let terms = self.terms(id, self.transport_of(leg.session())).ok();
        let why = match policy {
            Encryption::Off => return None,
            Encryption::Required if leg.help => WhyClear::Help,
            _ => terms.and_then(|terms| terms.why_clear).unwrap_or(WhyClear::NotOffered),
        };
        Some(Protection::Clear { why })
    }
}

/// What an admin sees.
impl Gateway {
    /// What is asked of a trunk's or a phone's sound, and how many of its calls have it now; nothing where nothing is asked.
    pub(super) fn encryption_words(&self, peer: &Peer) -> String {
        let policy = match self.encryption_of(peer).0 {
            Encryption::Off => return String::new(),
            Encryption::Offered => "offered",
            Encryption::Required => "required",
        };
        let legs = self.legs.of_peer(peer);
        let told = |id: &&LegId| self.legs.get(**id).and_then(|leg| leg.told);
        let encrypted = legs.iter().filter(|id| told(id).is_some_and(|how| how.is_protected()));
        match legs.len() {
            0 => format!("; encryption {policy}"),
            all => format!("; encryption {policy}, {} of {all} calls have it", encrypted.count()),
        }
    }
}

/// How a media thread is told of keys.
pub(super) fn keys_of(agreed: &crypto::Agreed) -> srtp::Keys {
    let key = |key: &Key| srtp::MasterKey::new(key.bytes());
    let suite = match agreed.suite {
        crypto::Suite::AesCm80 => srtp::Suite::AesCm80,
        crypto::Suite::AesCm32 => srtp::Suite::AesCm32,
        crypto::Suite::AesGcm => srtp::Suite::AesGcm,
    };
    srtp::Keys { suite, ours: key(&agreed.ours), theirs: key(&agreed.theirs), resumed: false }
}

fn suite_of_call(suite: crypto::Suite) -> Suite {
    match suite {
        crypto::Suite::AesCm80 => Suite::AesCm80,
        crypto::Suite::AesCm32 => Suite::AesCm32,
        crypto::Suite::AesGcm => Suite::AesGcm,
    }
}
