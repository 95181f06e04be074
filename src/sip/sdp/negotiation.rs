//! Offer and answer for audio (RFC 3264), as a B2BUA needs them on each leg.
//!
//! Owns which codec, which addresses and which direction come out of two descriptions. One audio line is served; every
//! other line is answered with port 0 in its place. It converts nothing and knows no sockets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::crypto::{self, Agreed, Crypto, Key, Suite, Wish};
use super::{Codec, Direction, Host, Media, Origin, RtpMap, Secured, SessionDescription};

/// Milliseconds of audio in a packet when nothing is said (RFC 3551 4.2).
const DEFAULT_PTIME: u8 = 20;

/// The longest packet we send, in milliseconds: more only adds delay.
const MAX_PTIME: u16 = 60;

/// The telephone events we take: the sixteen DTMF digits and flash (RFC 4733 3.2).
const EVENTS: &str = "0-16";

/// The clock of Opus (RFC 7587 4.1): of the codecs that we know, the only one that is not 8,000.
const OPUS_CLOCK: u32 = 48_000;

/// What our side brings to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Our origin line.
    pub origin: Origin,
    /// Where we receive.
    pub address: IpAddr,
    /// The RTP port; RTCP is one above.
    pub port: u16,
    /// The codecs that this leg may have, best first. Their payload types do not matter in an answer.
    pub codecs: Vec<Codec>,
    /// Whose order decides.
    pub preference: Preference,
    /// What we are willing to do.
    pub direction: Direction,
    /// Whether telephone-events are taken up; not by who is told keys another way.
    pub events: bool,
    /// What it wants of protection.
    pub own: Own,
}

/// What our side brings to protected sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// What it wants.
    pub wish: Wish,
    /// A key that was never used.
    pub fresh: Key,
    /// What stands from before: ours stays while theirs does, so that counters go on on both sides or begin anew on both.
    pub before: Option<Agreed>,
}

impl Own {
    /// Sound in the clear.
    pub const CLEAR: Own =
        Own { wish: Wish::Clear, fresh: Key::new([0; crypto::LONGEST_KEY]), before: None };

    fn key_toward(&self, suite: Suite, theirs: Key) -> Key {
        let stays = self.before.filter(|before| (before.suite, before.theirs) == (suite, theirs));
        stays.map_or(self.fresh, |before| before.ours)
    }
}

/// Whose order of codecs decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// The order of [`Local::codecs`].
    Ours,
    /// The order of the offer.
    Theirs,
}

/// An answer, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// To send.
    pub sdp: SessionDescription,
    /// To set the media up by.
    pub audio: Negotiated,
}

/// What both sides agreed on for audio. Written down with its keys, and without what a browser agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// The codec to send, with the payload type that the other side wants. In an answer of ours it is the only one
    /// listed.
    pub codec: Codec,
    /// Other codecs that both have: in an answer of theirs those that may arrive as well.
    pub alternatives: Vec<Codec>,
    /// The payload type for telephone events.
    pub dtmf: Option<u8>,
    /// The clock of telephone events, in hertz.
    pub dtmf_clock: u32,
    /// The payload types of codec and telephone events that they use toward us: those of our own description.
    pub ours: (u8, Option<u8>),
    /// The payload type for comfort noise (RFC 3389), which goes with G.711 alone.
    pub comfort: Option<u8>,
    /// Where to send RTP. The address is unspecified when they hold the old way.
    pub remote: SocketAddr,
    /// Where to send RTCP: `a=rtcp`, else the port above; nothing when there is no such port.
    pub remote_rtcp: Option<SocketAddr>,
    /// What we do: whether we send and whether we receive.
    pub direction: Direction,
    /// Milliseconds of audio in a packet that we send.
    pub ptime: u8,
    /// They put us on hold: address 0.0.0.0 or ::, `sendonly` or `inactive`.
    pub held: bool,
    /// How sound is protected; nothing where it is in the clear.
    pub protection: Option<Agreed>,
    /// Packets go as browsers want them, over ICE and sealed with keys from DTLS, to whom this tells. `remote` means
    /// nothing then.
    #[serde(skip)]
    pub secured: Option<Secured>,
}

/// Why no audio came about: 488 for an offer, the end of the call for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAcceptable {
    /// No audio line that is switched on.
    NoAudio,
    /// Only audio under a profile that we do not serve, such as that of DTLS.
    Profile,
    /// Only protected audio (RTP/SAVP), where none is wanted.
    Protected,
    /// Audio in the clear, where protection is required.
    Clear,
    /// Protected audio, with no key of a suite that we have.
    Suite,
    /// No codec in common.
    Codec,
    /// No address, or a name in place of an address.
    Address,
    /// IPv4 against IPv6.
    AddressFamily,
    /// The answer does not fit the lines of the offer (RFC 3264 6).
    Mismatch,
}

impl fmt::Display for NotAcceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAcceptable::NoAudio => "no audio is offered",
            NotAcceptable::Profile => "the audio has a profile that is not served",
            NotAcceptable::Protected => "only encrypted audio is offered, and none is taken here",
            NotAcceptable::Clear => "audio must be encrypted here (RTP/SAVP with a=crypto)",
            NotAcceptable::Suite => "no usable a=crypto line for encrypted audio",
            NotAcceptable::Codec => "no audio codec in common",
            NotAcceptable::Address => "the audio has no usable address",
            NotAcceptable::AddressFamily => "the audio is in the other address family",
            NotAcceptable::Mismatch => "the answer does not fit the offer",
        })
    }
}

impl std::error::Error for NotAcceptable {}

/// An offer of one audio line. `dtmf` is the payload type for telephone events at 8,000 ticks a second, which every peer
/// knows; for a codec with another clock there are such too (RFC 4733 2.1).
pub fn audio_offer(
    origin: Origin,
    address: IpAddr,
    port: u16,
    codecs: &[Codec],
    dtmf: Option<u8>,
    direction: Direction,
) -> SessionDescription {
    let mut sdp = SessionDescription::new(origin, address);
    let events = dtmf.map(|dtmf| events_for(codecs, dtmf)).unwrap_or_default();
    sdp.media.push(audio_line("RTP/AVP", port, codecs, &events, direction, DEFAULT_PTIME));
    sdp
}

/// Lets an offer of ours ask for protection with these keys, or only tell of it where it may be left out: the profile
/// stays that of sound in the clear then, as phones have it that call it optional. Without keys there is nothing to ask for.
pub fn protect(offer: &mut SessionDescription, wish: Wish, keys: &[(Suite, Key)]) {
    let Some(line) = offer.media.first_mut().filter(|_| wish != Wish::Clear) else { return };
    if wish == Wish::Protected {
        "RTP/SAVP".clone_into(&mut line.proto);
    }
    line.cryptos = (1..).zip(keys).map(|(tag, key)| Crypto { tag, offered: Some(*key) }).collect();
}

/// Payload types for telephone events, and their clocks.
fn events_for(codecs: &[Codec], dtmf: u8) -> Vec<(u8, u32)> {
    let mut events = vec![(dtmf, 8_000)];
    if let Some(other) = codecs.iter().find(|codec| codec.clock_rate == OPUS_CLOCK) {
        let taken = |payload: &u8| {
            *payload == dtmf || codecs.iter().any(|codec| codec.payload_type == *payload)
        };
        let free = (dtmf..=127).chain(96..dtmf).find(|payload| !taken(payload));
        events.extend(free.map(|payload| (payload, other.clock_rate)));
    }
    events
}

/// Answers an offer.
pub fn answer(offer: &SessionDescription, local: &Local) -> Result<Answered, NotAcceptable> {
    let (place, theirs) = acceptable_audio(offer, local.own.wish)?;
    let common = common_codecs(theirs, local);
    let mut audio = agree(offer, theirs, common, local.direction)?;
    audio.dtmf = audio.dtmf.filter(|_| local.events);
    audio.ours.1 = audio.dtmf;
    if audio.secured.is_none()
        && !audio.remote.ip().is_unspecified()
        && audio.remote.is_ipv4() != local.address.to_canonical().is_ipv4()
    {
        return Err(NotAcceptable::AddressFamily);
    }
    let written = local.direction.and(offer.direction_of(theirs).reversed());
    // What the peer may send is ours to say, or our other side's.
    let own = local.codecs.iter().find(|codec| codec.same_encoding(&audio.codec));
    let fmtp = own.and_then(|codec| codec.fmtp.clone()).or_else(|| audio.codec.fmtp.clone());
    let codec = Codec { fmtp, ..audio.codec.clone() };
    let events: Vec<_> = audio.dtmf.map(|dtmf| (dtmf, audio.dtmf_clock)).into_iter().collect();
    let mut ours = audio_line(&theirs.proto, local.port, &[codec], &events, written, audio.ptime);
    if let Some((tag, suite, theirs)) = taken(theirs, local.own.wish) {
        let key = local.own.key_toward(suite, theirs);
        ours.cryptos.push(Crypto { tag, offered: Some((suite, key)) });
        audio.protection = Some(Agreed { suite, ours: key, theirs });
    }
    if let Some(comfort) = audio.comfort {
        ours.add_comfort_noise(comfort);
    }
    let mut sdp = SessionDescription::new(local.origin.clone(), local.address);
    // RFC 3264 6: as many lines as were offered, in the same order.
    sdp.media = offer.media.iter().map(refused).collect();
    if let Some(line) = sdp.media.get_mut(place) {
        *line = ours;
    }
    Ok(Answered { sdp, audio })
}

/// What an answer to our offer means.
pub fn negotiated(
    local_offer: &SessionDescription,
    remote_answer: &SessionDescription,
) -> Result<Negotiated, NotAcceptable> {
    let is_live_audio = |m: &Media| m.kind == "audio" && m.port != 0;
    let place = local_offer.media.iter().position(is_live_audio).ok_or(NotAcceptable::NoAudio)?;
    // place was found in the offer.
    let ours = local_offer.media.get(place).ok_or(NotAcceptable::NoAudio)?;
    let theirs = remote_answer.media.get(place).ok_or(NotAcceptable::Mismatch)?;
    if theirs.kind != ours.kind || !fits(&ours.proto, &theirs.proto) {
        return Err(NotAcceptable::Mismatch);
    }
    if theirs.port == 0 {
        return Err(NotAcceptable::NoAudio);
    }
    let protection = if theirs.is_secured() { None } else { protection_of(ours, theirs)? };
    let offered = ours.codecs();
    let common = theirs.codecs().into_iter().filter(|c| offered.iter().any(|o| o.same_encoding(c)));
    let agreed = agree(remote_answer, theirs, common.collect(), local_offer.direction_of(ours))?;
    // What was not offered cannot be agreed on.
    let comfort = agreed.comfort.filter(|_| ours.comfort_noise().is_some());
    let own = offered.iter().find(|codec| codec.same_encoding(&agreed.codec));
    let codec = own.map_or(agreed.codec.payload_type, |codec| codec.payload_type);
    // Nor can telephone events at a clock that we did not offer.
    let events = ours.telephone_event(agreed.dtmf_clock).filter(|_| agreed.dtmf.is_some());
    let dtmf = agreed.dtmf.filter(|_| events.is_some());
    Ok(Negotiated { comfort, dtmf, ours: (codec, events), protection, ..agreed })
}

/// Whether an answer's profile fits the offer's. Some answer an offer in which protection may be left out by the profile
/// that has it: what counts then is the key.
fn fits(ours: &str, theirs: &str) -> bool {
    ours == theirs || crypto::is_plain(ours) && crypto::is_secure(theirs)
}

/// What an answer to our keys means. Sound in the clear only where we left that open, and no key came back at all: who
/// sends a key will use it.
fn protection_of(ours: &Media, theirs: &Media) -> Result<Option<Agreed>, NotAcceptable> {
    let open = crypto::is_plain(&ours.proto) && crypto::is_plain(&theirs.proto);
    match crypto::agreed(&ours.cryptos, &theirs.cryptos) {
        Some(agreed) => Ok(Some(agreed)),
        None if open && (theirs.cryptos.is_empty() || ours.cryptos.is_empty()) => Ok(None),
        None if theirs.cryptos.is_empty() => Err(NotAcceptable::Clear),
        None => Err(NotAcceptable::Suite),
    }
}

/// The line that we take of an offer.
fn taken(theirs: &Media, wish: Wish) -> Option<(u32, Suite, Key)> {
    crypto::chosen(&theirs.cryptos).filter(|_| wish != Wish::Clear)
}

/// The audio line that is taken, and its place: one that can be protected where that is wanted, whatever stands before it.
fn acceptable_audio(
    offer: &SessionDescription,
    wish: Wish,
) -> Result<(usize, &Media), NotAcceptable> {
    let mut audio =
        offer.media.iter().enumerate().filter(|(_, m)| m.kind == "audio" && m.port != 0).peekable();
    if audio.peek().is_none() {
        return Err(NotAcceptable::NoAudio);
    }
    // What browsers have is protected whatever is wished for.
    if let Some(found) = audio.clone().find(|(_, m)| offer.secured(m).is_some()) {
        return Ok(found);
    }
    let mut secure = audio.clone().filter(|(_, m)| crypto::is_secure(&m.proto));
    let mut plain = audio.filter(|(_, m)| crypto::is_plain(&m.proto));
    let keyed = |(_, m): &(usize, &Media)| taken(m, wish).is_some();
    if let Some(found) = secure.clone().chain(plain.clone()).find(keyed) {
        return Ok(found);
    }
    match (plain.next(), wish) {
        (Some(found), Wish::Clear | Wish::Either) => Ok(found),
        (None, Wish::Clear) if secure.next().is_some() => Err(NotAcceptable::Protected),
        (Some((_, m)), Wish::Protected) if m.cryptos.is_empty() && secure.next().is_none() => {
            Err(NotAcceptable::Clear)
        }
        (Some(_), Wish::Protected) => Err(NotAcceptable::Suite),
        (None, _) if secure.next().is_some() => Err(NotAcceptable::Suite),
        (None, _) => Err(NotAcceptable::Profile),
    }
}

/// Their codecs that we have too, with their payload types, best first.
fn common_codecs(theirs: &Media, local: &Local) -> Vec<Codec> {
    let offered = theirs.codecs();
    match local.preference {
        Preference::Theirs => offered
            .into_iter()
            .filter(|c| local.codecs.iter().any(|l| l.same_encoding(c)))
            .collect(),
        Preference::Ours => local
            .codecs
            .iter()
            .filter_map(|l| offered.iter().find(|c| c.same_encoding(l)).cloned())
            .collect(),
    }
}

fn agree(
    remote: &SessionDescription,
    theirs: &Media,
    common: Vec<Codec>,
    willing: Direction,
) -> Result<Negotiated, NotAcceptable> {
    let mut common = common.into_iter();
    let codec = common.next().ok_or(NotAcceptable::Codec)?;
    let secured = remote.secured(theirs);
    if theirs.is_secured() && secured.is_none() {
        return Err(NotAcceptable::Profile);
    }
    let ip = remote.connection_of(theirs).and_then(Host::ip).ok_or(NotAcceptable::Address);
    // Where a browser is, its checks show; its description may name no place at all (RFC 8840 section 4.1.1).
    let ip = if secured.is_some() { IpAddr::from([0; 4]) } else { ip? };
    let port = if secured.is_some() { 0 } else { theirs.port };
    let direction = remote.direction_of(theirs);
    // RFC 3264 8.4: an unspecified address is the old way to hold; nothing can be sent there.
    let reachable = Direction::of(!ip.is_unspecified() || secured.is_some(), true);
    // RFC 4733 2.1: they count the codec's ticks; some peers know 8,000 a second alone.
    let (dtmf, dtmf_clock) = match theirs.telephone_event(codec.clock_rate) {
        None => (theirs.telephone_event(8_000), 8_000),
        events => (events, codec.clock_rate),
    };
    Ok(Negotiated {
        // An answer of ours lists what was offered.
        ours: (codec.payload_type, dtmf),
        comfort: theirs.comfort_noise().filter(|_| codec.is_g711()),
        dtmf,
        dtmf_clock,
        codec,
        alternatives: common.collect(),
        remote: SocketAddr::new(ip, port),
        remote_rtcp: remote_rtcp(theirs, ip).filter(|_| secured.is_none()),
        direction: willing.and(direction.reversed()).and(reachable),
        ptime: ptime(theirs),
        held: (ip.is_unspecified() && secured.is_none()) || !direction.receives(),
        protection: None,
        secured,
    })
}

fn remote_rtcp(theirs: &Media, ip: IpAddr) -> Option<SocketAddr> {
    match &theirs.rtcp {
        Some((port, Some(host))) => Some(SocketAddr::new(host.ip()?, *port)),
        Some((port, None)) => Some(SocketAddr::new(ip, *port)),
        None => Some(SocketAddr::new(ip, theirs.port.checked_add(1)?)),
    }
}

/// Whole tens up to [`MAX_PTIME`], so that any frame size divides it.
fn ptime(theirs: &Media) -> u8 {
    match theirs.ptime {
        None => DEFAULT_PTIME,
        Some(asked) => ((asked / 10 * 10).clamp(10, MAX_PTIME)) as u8,
    }
}

fn audio_line(
    proto: &str,
    port: u16,
    codecs: &[Codec],
    events: &[(u8, u32)],
    direction: Direction,
    ptime: u8,
) -> Media {
    let mut line = Media::new("audio", port, proto, Vec::new());
    for codec in codecs {
        let Codec { encoding, clock_rate, channels, payload_type, fmtp } = codec.clone();
        line.formats.push(payload_type.to_string());
        line.rtpmaps.push(RtpMap { payload_type, encoding, clock_rate, channels });
        line.fmtps.extend(fmtp.map(|text| (payload_type.to_string(), text)));
    }
    for (payload_type, clock_rate) in events.iter().copied() {
        line.formats.push(payload_type.to_string());
        let encoding = "telephone-event".to_owned();
        line.rtpmaps.push(RtpMap { payload_type, encoding, clock_rate, channels: 1 });
        line.fmtps.push((payload_type.to_string(), EVENTS.to_owned()));
    }
    line.direction = Some(direction);
    line.ptime = Some(ptime.into());
    line
}

/// The line that refuses an offered one (RFC 3264 6): port 0, same kind, same profile, one format at least.
fn refused(offered: &Media) -> Media {
    let formats = offered.formats.iter().take(1).cloned().collect();
    Media::new(&offered.kind, 0, &offered.proto, formats)
}
