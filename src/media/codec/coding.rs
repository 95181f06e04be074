//! What a leg decodes and codes with, whichever codec was agreed on.

use super::opus::{self, Wishes};
use super::resample::{Double, Halve};
use super::{Rate, g711, g722};
use crate::media::Codec;

/// What was lost before a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How much, in milliseconds.
    pub milliseconds: usize,
    /// How much of it the packet itself may have a copy of: as much as the packet before it is taken to have had.
    pub last: usize,
}

/// Makes samples of payloads.
#[derive(Debug)]
pub enum Decoder {
    /// Mu-law.
    Pcmu,
    /// A-law.
    Pcma,
    /// G.722, and what makes 8 kHz of it.
    G722(Box<g722::Decoder>, Rate, Halve),
    /// Opus.
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    /// One that makes `rate`, or 8 kHz of what has no more; nothing for what is only relayed.
    pub fn new(codec: Codec, rate: Rate) -> Option<Decoder> {
        match codec {
            Codec::Pcmu => Some(Decoder::Pcmu),
            Codec::Pcma => Some(Decoder::Pcma),
            Codec::G722 => Some(Decoder::G722(Box::default(), rate, Halve::default())),
            Codec::Opus => {
                opus::Decoder::new(rate).ok().map(|inner| Decoder::Opus(Box::new(inner)))
            }
            Codec::Relay => None,
        }
    }

    /// Adds the sound of a payload to `out`. What cannot be decoded adds nothing.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        match self {
            Decoder::Pcmu => out.extend(payload.iter().map(|code| g711::ulaw_decode(*code))),
            Decoder::Pcma => out.extend(payload.iter().map(|code| g711::alaw_decode(*code))),
            Decoder::G722(inner, Rate::Wide, _) => inner.decode(payload, out),
            Decoder::G722(inner, Rate::Narrow, halve) => {
                let mut wide = Vec::new();
                inner.decode(payload, &mut wide);
                halve.process(&wide, out);
            }
            // A bad payload is counted as sound that nobody could make out.
            Decoder::Opus(inner) => drop(inner.decode(payload, out)),
        }
    }

    /// Whether what was lost before a packet is made up here, with the help of that packet. Otherwise whoever puts the sound
    /// in time conceals it.
    pub fn recovers(&self) -> bool {
        matches!(self, Decoder::Opus(_))
    }

    /// Adds what stands in place of a gap, before `next` is decoded. Answers whether there is something.
    pub fn recover(&mut self, next: &[u8], gap: Gap, out: &mut Vec<i16>) -> bool {
        let Decoder::Opus(inner) = self else { return false };
        let before = gap.milliseconds.saturating_sub(gap.last);
        let made_up = before == 0 || inner.conceal(before, out).is_ok();
        made_up && inner.recover(next, gap.milliseconds - before, out).is_ok()
    }
}

/// Makes payloads of samples.
#[derive(Debug)]
pub enum Encoder {
    /// Mu-law, and what makes 8 kHz of more.
    Pcmu(Halve),
    /// A-law.
    Pcma(Halve),
    /// G.722, and what makes 16 kHz of less.
    G722(Box<g722::Encoder>, Double),
    /// Opus, what its peer wishes, and the same.
    Opus(Box<opus::Encoder>, Wishes, Double),
}

impl Encoder {
    /// One for a codec; nothing for what is only relayed.
    pub fn new(codec: Codec, wishes: Wishes) -> Option<Encoder> {
        match codec {
            Codec::Pcmu => Some(Encoder::Pcmu(Halve::default())),
            Codec::Pcma => Some(Encoder::Pcma(Halve::default())),
            Codec::G722 => Some(Encoder::G722(Box::default(), Double::default())),
            Codec::Opus => {
                let inner = opus::Encoder::new(Rate::Narrow, &wishes).ok()?;
                Some(Encoder::Opus(Box::new(inner), wishes, Double::default()))
            }
            Codec::Relay => None,
        }
    }

    /// Adds the payload of samples at `rate` to `out`. Answers whether there is one.
    pub fn encode(&mut self, samples: &[i16], rate: Rate, out: &mut Vec<u8>) -> bool {
        let mut other = Vec::new();
        match self {
            Encoder::Pcmu(halve) => {
                let samples = narrow(samples, rate, halve, &mut other);
                out.extend(samples.iter().map(|sample| g711::ulaw_encode(*sample)));
            }
            Encoder::Pcma(halve) => {
                let samples = narrow(samples, rate, halve, &mut other);
                out.extend(samples.iter().map(|sample| g711::alaw_encode(*sample)));
            }
            Encoder::G722(inner, double) => {
                inner.encode(wide(samples, rate, double, &mut other), out);
            }
            Encoder::Opus(inner, wishes, double) => {
                // Once it had more, it stays at that: a coder that begins anew is heard.
                if rate > inner.rate() {
                    let Ok(better) = opus::Encoder::new(rate, wishes) else { return false };
                    **inner = better;
                }
                let samples = match inner.rate() {
                    Rate::Narrow => samples,
                    Rate::Wide => wide(samples, rate, double, &mut other),
                };
                return inner.encode(samples, out).is_ok();
            }
        }
        true
    }

    /// The peer loses so many packets in a hundred.
    pub fn expect_loss(&mut self, percent: u8) {
        if let Encoder::Opus(inner, ..) = self {
            inner.expect_loss(percent);
        }
    }
}

fn narrow<'a>(
    samples: &'a [i16],
    rate: Rate,
    halve: &mut Halve,
    other: &'a mut Vec<i16>,
) -> &'a [i16] {
    if rate == Rate::Narrow {
        return samples;
    }
    halve.process(samples, other);
    other
}

fn wide<'a>(
    samples: &'a [i16],
    rate: Rate,
    double: &mut Double,
    other: &'a mut Vec<i16>,
) -> &'a [i16] {
    if rate == Rate::Wide {
        return samples;
    }
    double.process(samples, other);
    other
}
