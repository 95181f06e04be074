//! What a leg's packets sound like: decoded once, whoever wants to know.

use super::Leg;
use crate::media::codec::{Decoder, Gap, Rate, resample::Halve};
use crate::media::rtp::{self, Packet};
use crate::media::{Codec, RATE, Stream};

/// Lost sound that is made up before a packet: beyond 120 ms there is nothing left of what was before.
const MOST_LOST: u32 = RATE * 120 / 1_000;

/// The sound of a packet, and of what was lost before it.
#[derive(Debug)]
pub(in crate::media) struct Sound {
    /// The time of the first sample, in ticks of 8 kHz.
    pub timestamp: u32,
    /// At 8 kHz.
    pub narrow: Vec<i16>,
    /// The same at 16 kHz, where there is as much and somebody can make use of it.
    pub wide: Option<Vec<i16>>,
    /// Whether something is said anew, after a silence that is no loss.
    pub anew: bool,
    /// Whose it is.
    pub ssrc: u32,
}

/// The ear of a leg.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    decoder: Option<(Codec, Rate, Decoder)>,
    halve: Halve,
    /// A time on the peer's clock, and on one of 8 kHz.
    clock: Option<(u32, u32)>,
    /// The packet that was decoded last: source, number, and where its sound ends, in ticks of 8 kHz.
    last: Option<(u32, u16, u32)>,
    /// How long it was, in the same.
    length: u32,
}

impl Hearing {
    /// Ticks of 8 kHz for ticks of the stream's clock. They run on with each other over the end of 32 bits.
    fn ticks(&mut self, stream: &Stream, timestamp: u32) -> u32 {
        let factor = (stream.clock_rate / RATE).max(1);
        if factor == 1 {
            return timestamp;
        }
        let (theirs, ours) = *self.clock.get_or_insert((timestamp, timestamp / factor));
        let steps = timestamp.wrapping_sub(theirs) as i32 / factor as i32;
        let moved =
            (theirs.wrapping_add((steps * factor as i32) as u32), ours.wrapping_add(steps as u32));
        self.clock = Some(moved);
        moved.1
    }

    /// Decodes a packet, with what was lost before it where the codec can tell. Nothing of one that was overtaken, where a
    /// codec goes by what it decoded last.
    fn hear(&mut self, stream: &Stream, rate: Rate, packet: &Packet<'_>) -> Option<Sound> {
        let timestamp = self.ticks(stream, packet.timestamp);
        let rate = if stream.codec.is_wide() { rate } else { Rate::Narrow };
        if self.decoder.as_ref().is_none_or(|(codec, at, _)| (*codec, *at) != (stream.codec, rate))
        {
            self.decoder = Some((stream.codec, rate, Decoder::new(stream.codec, rate)?));
            self.last = None;
        }
        let (_, _, decoder) = self.decoder.as_mut()?;
        let mut samples = Vec::new();
        let mut begins = timestamp;
        if decoder.recovers()
            && let Some((ssrc, number, end)) = self.last
            && ssrc == packet.ssrc
        {
            let ahead = rtp::ahead(packet.sequence, number);
            // Far behind, the peer has begun to count anew.
            if (-64..=0).contains(&ahead) {
                return None;
            }
            let lost = timestamp.wrapping_sub(end);
            if ahead > 1 && (1..=MOST_LOST).contains(&lost) {
                let milliseconds = |ticks: u32| (ticks * 1_000 / RATE) as usize;
                let last = milliseconds(self.length.min(lost));
                let gap = Gap { milliseconds: milliseconds(lost), last };
                // What is not whole steps of 2.5 ms is left to whoever puts the sound in time.
                match decoder.recover(packet.payload, gap, &mut samples) {
                    true => begins = end,
                    false => samples.clear(),
                }
            }
        }
        let before = samples.len();
        decoder.decode(packet.payload, &mut samples);
        self.length = ((samples.len() - before) / rate.factor()) as u32;
        self.last = Some((packet.ssrc, packet.sequence, timestamp.wrapping_add(self.length)));
        let (narrow, wide) = match rate {
            Rate::Narrow => (samples, None),
            Rate::Wide => {
                let mut narrow = Vec::new();
                self.halve.process(&samples, &mut narrow);
                (narrow, Some(samples))
            }
        };
        Some(Sound { timestamp: begins, narrow, wide, anew: packet.marker, ssrc: packet.ssrc })
    }
}

impl Leg {
    /// The sound of a packet, at 16 kHz too if that is `wanted`; nothing for codecs that are not decoded here.
    pub fn hear_packet(&mut self, packet: &Packet<'_>, wanted: Rate) -> Option<Sound> {
        let stream = self.stream?;
        self.hearing.hear(&stream, wanted, packet)
    }
}
