//! Which codecs a leg may have: first what needs no decoding, last what has to be decoded because nothing else is left.
//!
//! The rule, for browsers, phones and trunks alike:
//! - Beside a partner, a leg gets the partner's codec if it listed it. So a browser that offers Opus first talks PCMU with a
//!   phone or a trunk that has PCMU: packets are passed on as they are, and Opus would carry no more of a voice that has
//!   been through G.711. Two browsers talk Opus.
//! - Beside what is made here (the IVR, a queue's music, the echo test), it gets G.711, which costs nothing to make and is
//!   what most partners behind a menu have. Who is sent on to a partner with another codec is offered that one then.
//! - Nothing is decoded while the two have a codec in common. Loss does not change that: a codec that changes in the middle
//!   of a call costs an offer that may be refused, and G.711 is concealed too. Where a network is known to lose packets,
//!   such as that of an agent at home, `codecs = ["opus"]` of the extension has it decoded and coded for that leg alone.
//! - A list of an extension's or a trunk's own is the whole list; within it the rule holds.
//!
//! Owns the lists for offers and answers, the offer to a leg whose codec turned out to be another than its partner's, and
//! the mark on calls that are decoded and coded. The packets are the media plane's.

use crate::call::record::Peer;
use crate::config::settings;
use crate::gateway::{Gateway, setup};
use crate::id::{CallId, LegId};
use crate::sip::sdp::{Codec, Negotiated, SessionDescription};
use crate::time::Now;

/// Dynamic payload types (RFC 3551 section 6), and the one that the field gives to telephone-events.
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
const EVENTS: u8 = 101;

/// Codecs of a leg, best first.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// What is passed on as it comes.
    pub passes: Vec<Codec>,
    /// What has to be decoded and coded again.
    pub coded: Vec<Codec>,
}

impl Choice {
    /// All of them.
    pub fn all(&self) -> Vec<Codec> {
        [self.passes.as_slice(), self.coded.as_slice()].concat()
    }

    /// What is offered where nobody else's codec matters: what costs least, unless the leg has none of it.
    pub fn cheap(&self) -> Vec<Codec> {
        if self.passes.is_empty() { self.coded.clone() } else { self.passes.clone() }
    }
}

impl Gateway {
    /// The codecs that `id` may have beside `like`, whom it hears; beside what is made here, such as prompts, with nobody.
    pub(super) fn codecs_for(&self, id: LegId, like: Option<LegId>) -> Choice {
        let partner = like.map(|like| self.codecs_of(like));
        self.choice(id, partner)
    }

    /// The same within a call: the codec stays if it can, for the other leg was chosen to fit it.
    pub(super) fn codecs_like_before(&self, id: LegId, before: Option<&Negotiated>) -> Choice {
        self.choice(id, before.map(|before| vec![before.codec.clone()]))
    }

    fn choice(&self, id: LegId, partner: Option<Vec<Codec>>) -> Choice {
        let mut known = partner.clone().unwrap_or_default();
        let own = self.own_codecs_of(id);
        let wanted = match own {
            Some(own) => own.iter().map(|codec| setup::own_codec(*codec)).collect(),
            None => self.codecs.clone(),
        };
        for codec in &wanted {
            if !known.iter().any(|known| known.same_encoding(codec)) {
                let payload_type = free_payload(&known, codec.payload_type);
                known.push(Codec { payload_type, ..codec.clone() });
            }
        }
        if own.is_some() {
            // A list of its own is the whole list, in its own order.
            let place = |codec: &Codec| wanted.iter().position(|own| own.same_encoding(codec));
            known.retain(|codec| place(codec).is_some());
            known.sort_by_key(place);
        }
        let passes = |codec: &Codec| match &partner {
            Some(partner) => partner.iter().any(|other| passes(codec, other)),
            None => codec.is_g711(),
        };
        let (passes, coded) = known.into_iter().partition(passes);
        Choice { passes, coded }
    }

    /// What a leg has agreed on, or has offered.
    fn codecs_of(&self, id: LegId) -> Vec<Codec> {
        let Some(leg) = self.legs.get(id) else { return Vec::new() };
        match (&leg.negotiated, &leg.theirs) {
            (Some(agreed), _) => vec![agreed.codec.clone()],
            (None, Some(offer)) => listed(offer),
            (None, None) => Vec::new(),
        }
    }

    /// The list of the peer's own, if it has one.
    pub(super) fn own_codecs_of(&self, id: LegId) -> Option<&[settings::Codec]> {
        let own = match &self.legs.get(id)?.peer {
            Peer::Trunk(trunk) => self.trunk_settings(trunk)?.codecs.as_slice(),
            Peer::Extension(number) => {
                let known = |extension: &&settings::Extension| extension.number == *number;
                self.settings.extensions.iter().find(known)?.codecs.as_slice()
            }
            Peer::Chat(_) => return None,
        };
        Some(own).filter(|own| !own.is_empty())
    }

    /// Whether the two are decoded and coded to hear each other.
    fn are_coded(&self, a: LegId, b: LegId) -> bool {
        let codec = |id| self.legs.get(id).and_then(|leg| Some(&leg.negotiated.as_ref()?.codec));
        codec(a).zip(codec(b)).is_some_and(|(a, b)| !passes(a, b))
    }

    /// Two legs hear each other from now on. Where they have not the same codec and one of them may have the other's, it is
    /// offered that alone, once. If it will not, things stay as they are.
    pub(super) fn match_codecs(&mut self, now: Now, a: LegId, b: LegId) {
        if !self.are_coded(a, b) {
            return;
        }
        self.note_coded(now, a);
        let able =
            [(a, b), (b, a)].into_iter().find(|(leg, partner)| self.may_have(*leg, *partner));
        let Some((id, partner)) = able else { return };
        let Some(session) = self.legs.get(id).and_then(|leg| leg.session()) else { return };
        let codecs = self.codecs_for(id, Some(partner)).passes;
        let stood = self.legs.get(id).and_then(|leg| leg.ours.clone());
        let offer = self.offer_of(now, id, &codecs);
        let Some(offer) = offer.and_then(|o| self.offer_with_keys(now, id, Some(session), &o))
        else {
            return;
        };
        if let Some(leg) = self.legs.get_mut(id) {
            (leg.stood, leg.matched) = (stood, Some(partner));
        }
        self.endpoint.reoffer(now, session, &offer);
    }

    /// Whether a leg itself listed its partner's codec, in an offer or an answer, and was not asked yet. Who did not list it
    /// has it not, or would have been given it.
    fn may_have(&self, id: LegId, partner: LegId) -> bool {
        let Some(leg) = self.legs.get(id).filter(|leg| leg.matched != Some(partner)) else {
            return false;
        };
        let allowed = self.codecs_for(id, Some(partner)).passes;
        let also = leg.negotiated.iter().flat_map(|agreed| agreed.alternatives.clone());
        let mut listed = leg.theirs.iter().flat_map(listed).chain(also);
        listed.any(|codec| allowed.iter().any(|other| passes(&codec, other)))
    }

    /// An offer of ours within a call was refused: what was said before stands (RFC 3261 section 14.1).
    pub(super) fn offer_refused(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        if let Some(stood) = leg.stood.take() {
            leg.ours = Some(stood);
        }
    }

    /// An offer of another codec was answered.
    pub(super) fn matched(&mut self, now: Now, id: LegId) {
        if self.legs.get(id).is_some_and(|leg| leg.matched.is_some()) {
            self.note_coded(now, id);
        }
    }

    /// What is shown of a call tells how its sound goes.
    fn note_coded(&mut self, now: Now, id: LegId) {
        let Some(call) = self.calls.call_of(id) else { return };
        let pairs = self.coded_in(call);
        let words = match pairs.as_slice() {
            [] => "one codec on both sides: passed on as it is".to_owned(),
            pairs => format!("decoded and coded: {}", pairs.join(", ")),
        };
        self.note(now.unix, call, None, words);
    }

    /// Which legs of a call are decoded and coded for each other, from what to what.
    pub(super) fn coded_in(&self, call: CallId) -> Vec<String> {
        let of_call = |id: &LegId| self.calls.call_of(*id) == Some(call);
        let pair = |id: LegId| {
            let partner = self.calls.partner(id).filter(|partner| id < *partner)?;
            self.are_coded(id, partner).then_some(())?;
            let name = |id: LegId| {
                let leg = self.legs.get(id)?;
                let codec = leg.negotiated.as_ref()?.codec.encoding.to_ascii_lowercase();
                Some(format!("{} {codec}", leg.peer))
            };
            Some(format!("{} <-> {}", name(id)?, name(partner)?))
        };
        self.legs.iter().map(|(id, _)| id).filter(of_call).filter_map(pair).collect()
    }

    /// Conversations that are decoded and coded now.
    pub(super) fn coded_now(&self) -> usize {
        let coded = |id: &LegId| {
            let partner = self.calls.partner(*id).filter(|partner| id < partner);
            partner.is_some_and(|partner| self.are_coded(*id, partner))
        };
        self.legs.iter().filter(|(id, _)| coded(id)).count()
    }
}

/// The audio codecs that a description lists.
fn listed(sdp: &SessionDescription) -> Vec<Codec> {
    let audio = sdp.media.iter().find(|media| media.kind == "audio" && media.port != 0);
    audio.map(|media| media.codecs()).unwrap_or_default()
}

/// Whether packets of the one are passed on to who has the other; of the two laws of G.711, by table.
fn passes(a: &Codec, b: &Codec) -> bool {
    a.same_encoding(b) || (a.is_g711() && b.is_g711())
}

/// `wanted`, or a dynamic payload type that none of `codecs` has.
fn free_payload(codecs: &[Codec], wanted: u8) -> u8 {
    let taken = |payload: &u8| codecs.iter().any(|codec| codec.payload_type == *payload);
    let dynamic = DYNAMIC.filter(|payload| *payload != EVENTS);
    std::iter::once(wanted).chain(dynamic).find(|payload| !taken(payload)).unwrap_or(wanted)
}

/// The payload type that an offer of `codecs` gives to telephone-events.
pub(super) fn events_payload(codecs: &[Codec]) -> u8 {
    free_payload(codecs, EVENTS)
}
