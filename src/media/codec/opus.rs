//! Opus (RFC 6716) as RTP carries it (RFC 7587): the crate `ropus`, and what of its format must be known before it.
//!
//! Owns what is asked of a coder by format parameters, the shape of a packet, and recovery of what was lost. It keeps no
//! packets. Whatever is on the other side, one channel is coded and decoded, at 8 or 16 kHz: telephony has no more, and
//! every decoder takes what every coder makes.

use std::fmt;

use ropus::{Application, Bandwidth, Bitrate, Channels, DecodeMode, InbandFec, Signal};

use super::Rate;

/// Ticks of the RTP clock a second, whatever rate is coded (RFC 7587 section 4.1).
pub const CLOCK: u32 = 48_000;
/// The longest packet: 120 ms (RFC 6716 section 3.2.5).
pub const LONGEST_MS: usize = 120;
/// The largest payload that is decoded: what a frame may have (1,275 octets), and a packet as long as any network lets
/// through.
pub const LARGEST: usize = 1_500;

/// Steps between quick and thorough, 0 to 10. Measured at 8 kHz with 10 % redundancy: 72 us a frame at 5 against 91 at 10
/// without any, and nobody hears the difference; below 4 the ear does.
const COMPLEXITY: u8 = 5;
/// Bits a second for speech (RFC 7587 section 3.1.1: 8 to 12 at 8 kHz and 16 to 20 at 16 kHz sound good; this
/// is what a telephone network has room for).
const BITS_NARROW: u32 = 20_000;
const BITS_WIDE: u32 = 28_000;
/// The least that a peer may ask for: below it there is no speech to be coded (RFC 7587 section 6.1).
const BITS_LEAST: u32 = 6_000;

/// What a peer asked for in its format parameters (RFC 7587 section 6.1), as far as a coder of one channel obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// It decodes redundancy (`useinbandfec`): coded once it loses packets.
    pub fec: bool,
    /// It wants packets left out in silence (`usedtx`).
    pub dtx: bool,
    /// It wants as many bits for every packet (`cbr`).
    pub cbr: bool,
    /// The highest rate that it plays, in hertz (`maxplaybackrate`).
    pub rate: u32,
    /// The most bits a second (`maxaveragebitrate`).
    pub bits: Option<u32>,
}

impl Default for Wishes {
    fn default() -> Self {
        Wishes { fec: false, dtx: false, cbr: false, rate: CLOCK, bits: None }
    }
}

impl Wishes {
    /// Reads format parameters. What cannot be read counts as not said.
    pub fn read(fmtp: &str) -> Wishes {
        let mut wishes = Wishes::default();
        for parameter in fmtp.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let number = || value.trim().parse::<u32>().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "useinbandfec" => wishes.fec = number() == Some(1),
                "usedtx" => wishes.dtx = number() == Some(1),
                "cbr" => wishes.cbr = number() == Some(1),
                "maxplaybackrate" => wishes.rate = number().unwrap_or(CLOCK).clamp(8_000, CLOCK),
                "maxaveragebitrate" => wishes.bits = number().map(|bits| bits.max(BITS_LEAST)),
                _ => {}
            }
        }
        wishes
    }
}

/// The length of a packet's sound in tenths of a millisecond; nothing if it is no Opus packet (RFC 6716 section 3.4).
pub fn length(payload: &[u8]) -> Option<usize> {
    let (toc, rest) = payload.split_first().filter(|_| payload.len() <= LARGEST)?;
    let frame = frame_length(toc >> 3);
    let frames = match toc & 3 {
        0 => 1,
        // R3: two frames of one size.
        1 if rest.len().is_multiple_of(2) => 2,
        1 => return None,
        2 => two_sizes(rest)?,
        _ => many(rest)?,
    };
    // R5: at most 120 ms.
    Some(frame * frames).filter(|length| *length <= LONGEST_MS * 10)
}

/// Tenths of a millisecond of one frame by its configuration (table 2).
fn frame_length(configuration: u8) -> usize {
    let at = usize::from(configuration & 3);
    match configuration {
        0..12 => [100, 200, 400, 600].get(at).copied().unwrap_or(600),
        12..16 => [100, 200].get(at & 1).copied().unwrap_or(200),
        _ => 25 << at,
    }
}

/// The length of a frame as written in front of it (section 3.2.1), and how many octets that took.
fn written(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes {
        [first @ 0..252, ..] => Some((usize::from(*first), 1)),
        [first, second, ..] => Some((usize::from(*second) * 4 + usize::from(*first), 2)),
        _ => None,
    }
}

fn two_sizes(rest: &[u8]) -> Option<usize> {
    let (first, took) = written(rest)?;
    (took + first <= rest.len()).then_some(2)
}

/// Frames of a packet with a count (section 3.2.5), if everything that it announces is there.
fn many(rest: &[u8]) -> Option<usize> {
    let (count, mut rest) = rest.split_first()?;
    let frames = usize::from(count & 0x3f);
    if frames == 0 {
        return None;
    }
    let mut padding = 0usize;
    if count & 0x40 != 0 {
        loop {
            let (octet, after) = rest.split_first()?;
            rest = after;
            padding += if *octet == 255 { 254 } else { usize::from(*octet) };
            if *octet != 255 {
                break;
            }
        }
    }
    let mut left = rest.len().checked_sub(padding)?;
    if count & 0x80 == 0 {
        return left.is_multiple_of(frames).then_some(frames);
    }
    for _ in 1..frames {
        let (size, took) = written(rest)?;
        left = left.checked_sub(size + took)?;
        rest = rest.get(took..)?;
    }
    Some(frames)
}

/// Why nothing could be coded or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unusable;

/// Makes sound of packets.
pub struct Decoder {
    inner: ropus::Decoder,
    rate: Rate,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("opus::Decoder").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Decoder {
    /// One that makes `rate`.
    pub fn new(rate: Rate) -> Result<Decoder, Unusable> {
        let inner = ropus::Decoder::new(rate.hertz(), Channels::Mono).map_err(|_| Unusable)?;
        Ok(Decoder { inner, rate })
    }

    /// Adds the sound of a packet to `out`.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Unusable> {
        let tenths = length(payload).ok_or(Unusable)?;
        self.run(payload, tenths, DecodeMode::Normal, out)
    }

    /// Adds `milliseconds` of sound in place of what was lost, made up from what was before. Whole steps of 2.5 ms, at most
    /// 120.
    pub fn conceal(&mut self, milliseconds: usize, out: &mut Vec<i16>) -> Result<(), Unusable> {
        self.run(&[], milliseconds * 10, DecodeMode::Normal, out)
    }

    /// Adds the last `milliseconds` before a packet that arrived, by the redundancy in it, or made up if there is none.
    pub fn recover(
        &mut self,
        next: &[u8],
        milliseconds: usize,
        out: &mut Vec<i16>,
    ) -> Result<(), Unusable> {
        length(next).ok_or(Unusable)?;
        self.run(next, milliseconds * 10, DecodeMode::Fec, out)
    }

    fn run(
        &mut self,
        payload: &[u8],
        tenths: usize,
        mode: DecodeMode,
        out: &mut Vec<i16>,
    ) -> Result<(), Unusable> {
        let count = self.rate.hertz() as usize * tenths / 10_000;
        let begin = out.len();
        out.resize(begin + count, 0);
        let place = out.get_mut(begin..).unwrap_or_default();
        let made = self.inner.decode(payload, place, mode);
        // What could not be decoded is nothing, not silence.
        out.truncate(begin + made.unwrap_or_default());
        made.map(|_| ()).map_err(|_| Unusable)
    }
}

/// Makes packets of sound.
pub struct Encoder {
    inner: ropus::Encoder,
    rate: Rate,
    /// Bits a second while nothing is lost.
    bits: u32,
    /// The most that the peer wants.
    most: u32,
    fec: bool,
    /// Percent that the peer loses, as it was last told.
    loss: u8,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("opus::Encoder").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Encoder {
    /// One that takes `rate`.
    pub fn new(rate: Rate, wishes: &Wishes) -> Result<Encoder, Unusable> {
        let (bits, most) = match rate {
            Rate::Narrow => (BITS_NARROW, Bandwidth::Narrowband),
            Rate::Wide if wishes.rate < Rate::Wide.hertz() => (BITS_NARROW, Bandwidth::Narrowband),
            Rate::Wide => (BITS_WIDE, Bandwidth::Wideband),
        };
        let bounds = wishes.bits.unwrap_or(u32::MAX);
        let bits = bits.min(bounds);
        let fec = if wishes.fec { InbandFec::Enabled } else { InbandFec::Disabled };
        let inner = ropus::Encoder::builder(rate.hertz(), Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(bits))
            .complexity(COMPLEXITY)
            .signal(Signal::Voice)
            .max_bandwidth(most)
            .vbr(!wishes.cbr)
            .dtx(wishes.dtx)
            .inband_fec(fec)
            .build()
            .map_err(|_| Unusable)?;
        Ok(Encoder { inner, rate, bits, most: bounds, fec: wishes.fec, loss: 0 })
    }

    /// The rate of what it takes.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The peer loses so many packets in a hundred: what it can make use of, it is given.
    pub fn expect_loss(&mut self, percent: u8) {
        // Steps, or every report would make it begin anew.
        let percent = percent.min(30).next_multiple_of(5);
        if !self.fec || percent == self.loss {
            return;
        }
        // Redundancy has room of its own, or the coder leaves it out.
        let bits =
            if percent == 0 { self.bits } else { (self.bits + self.bits / 2).min(self.most) };
        let told = self.inner.set_packet_loss_perc(percent);
        if told.is_ok() && self.inner.set_bitrate(Bitrate::Bits(bits)).is_ok() {
            self.loss = percent;
        }
    }

    /// Adds the packet of a frame to `out`: 10, 20, 40 or 60 ms.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Unusable> {
        let mut packet = [0; LARGEST];
        let length = self.inner.encode(samples, &mut packet).map_err(|_| Unusable)?;
        out.extend(packet.get(..length).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
