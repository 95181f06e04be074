//! Sound of another codec in a leg's own: decoded there, coded here, in packets of the length that this peer wants.
//!
//! Nothing waits for anything: what has come goes on at once, and what was lost is made up when the next packet tells that
//! it was. The peer's buffer takes that for a packet that was late.

use std::time::Instant;

use super::Leg;
use super::hearing::Sound;
use super::outgoing::samples_in;
use crate::media::codec::Rate;
use crate::media::conceal::Conceal;
use crate::media::dtmf;
use crate::media::rtp::Packet;
use crate::media::{RATE, Stream};

/// Lost sound in whose place something is put: twice as long as the ear believes it.
const MOST_LOST: u32 = RATE * 120 / 1_000;

/// What is carried over from another codec.
#[derive(Debug)]
pub(super) struct Carrying {
    /// Whose sound it is, and where the next of it should begin, in ticks of 8 kHz.
    expected: Option<(u32, u32)>,
    /// What did not fill a packet yet, at `rate`.
    pending: Vec<i16>,
    wide: bool,
    conceal: Conceal,
    /// A press that is passed on: its time there, and here.
    press: Option<(u32, u32)>,
}

impl Default for Carrying {
    fn default() -> Self {
        let conceal = Conceal::default();
        Carrying { expected: None, pending: Vec::new(), wide: false, conceal, press: None }
    }
}

impl Carrying {
    /// Takes sound in its place after what was before. Answers whether it is in it, and whether that is a new beginning.
    fn take(&mut self, sound: &Sound) -> (bool, bool) {
        let (samples, wide) = match &sound.wide {
            Some(samples) => (samples, true),
            None => (&sound.narrow, false),
        };
        let rate = if wide { Rate::Wide } else { Rate::Narrow };
        let mut new = wide != self.wide;
        let mut lost = 0;
        match self.expected {
            Some((ssrc, next)) if ssrc == sound.ssrc => {
                let ahead = sound.timestamp.wrapping_sub(next);
                match ahead as i32 {
                    // Its place is taken.
                    behind if (-(RATE as i32)..0).contains(&behind) => return (false, false),
                    0 => {}
                    _ if ahead <= MOST_LOST && !sound.anew => lost = ahead as usize,
                    _ => new = true,
                }
            }
            _ => new = true,
        }
        if new {
            self.pending.clear();
            self.wide = wide;
            self.conceal = Conceal::new(rate);
        }
        let conceal = &mut self.conceal;
        self.pending.extend((0..lost * rate.factor()).map(|_| conceal.missing().0));
        self.pending.extend(samples.iter().map(|sample| conceal.good(*sample)));
        let end = sound.timestamp.wrapping_add((samples.len() / rate.factor()) as u32);
        self.expected = Some((sound.ssrc, end));
        (true, new)
    }
}

impl Leg {
    /// Whether what comes with `from` has to be decoded and coded to be heard here.
    pub fn needs_coding(&self, from: &Stream) -> bool {
        self.stream.is_some_and(|stream| !from.codec.passes_as(stream.codec))
    }

    /// The partner's sound, in packets of this leg's; their buffers are taken from `spare`.
    pub fn carry(&mut self, now: Instant, sound: &Sound, spare: &mut Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let Some(stream) = self.stream.filter(|stream| stream.send && !self.holds_back()) else {
            return Vec::new();
        };
        if self.is_pressing() {
            return Vec::new();
        }
        let (taken, new) = self.carrying.take(sound);
        if !taken {
            return Vec::new();
        }
        self.outgoing.fresh |= new;
        self.outgoing.relay = None;
        let rate = if self.carrying.wide { Rate::Wide } else { Rate::Narrow };
        let length = samples_in(stream.ptime_ms) * rate.factor();
        let whole = self.carrying.pending.len() / length * length;
        let packets = self.carrying.pending.get(..whole).unwrap_or_default().chunks(length);
        let made = packets
            .map(|samples| {
                let mut buffer = spare.pop().unwrap_or_default();
                self.outgoing.write_sound(now, &stream, samples, rate, &mut buffer);
                buffer
            })
            .collect();
        self.carrying.pending.drain(..whole);
        made
    }

    /// A packet of the partner's press, whose clock and numbers are not this leg's. Answers whether something was written.
    pub fn carry_press(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        from: &Stream,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let Some(stream) = self.stream.filter(|stream| stream.send && !self.holds_back()) else {
            return false;
        };
        let Some(payload_type) = stream.dtmf else { return false };
        let Some(payload) = dtmf::in_clock(packet.payload, from.dtmf_clock, stream.dtmf_clock)
        else {
            return false;
        };
        let (timestamp, marker) = match self.carrying.press {
            Some((theirs, ours)) if theirs == packet.timestamp => (ours, false),
            _ => {
                self.outgoing.advance(now, stream.clock_rate);
                (self.outgoing.timestamp, true)
            }
        };
        self.carrying.press = Some((packet.timestamp, timestamp));
        self.outgoing.write_event(payload_type, timestamp, marker, &payload, buffer);
        // Sound goes on where the clock then is.
        self.outgoing.fresh = true;
        self.outgoing.relay = None;
        true
    }
}
