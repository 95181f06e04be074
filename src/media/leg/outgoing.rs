//! The half of a leg that speaks: its own stream, what is relayed onto it, keys, and reports.

use std::time::Instant;

use super::{Leg, Outgoing, Press, Relay, Source};
use crate::media::codec::{Encoder, Rate, g711};
use crate::media::dtmf;
use crate::media::keys;
use crate::media::quality;
use crate::media::rtcp;
use crate::media::rtp::{self, Packet};
use crate::media::{Codec, RATE, Stream};
use crate::time::UnixTime;

/// Packets that go out.
impl Leg {
    /// The next packet of what is played, if this is its time. Answers whether something was written into `buffer`, and
    /// whether the player has come to its end.
    pub fn play(&mut self, now: Instant, buffer: &mut Vec<u8>) -> (bool, bool) {
        let Some(stream) = self.stream.filter(|stream| stream.codec != Codec::Relay) else {
            return (false, true);
        };
        if self.holds_back() {
            // The clip waits, so that its beginning is heard.
            return (false, false);
        }
        let mut samples = [0i16; MOST_SAMPLES];
        let count = samples_in(stream.ptime_ms);
        let Some(frame) = samples.get_mut(..count) else { return (false, true) };
        let going = match &mut self.source {
            Source::Player(player) => player.fill(frame),
            _ => false,
        };
        if !going || !stream.send {
            // Nobody listens: the clip runs on unheard, as a broadcast would.
            return (false, !going);
        }
        self.outgoing.write_sound(now, &stream, frame, Rate::Narrow, buffer);
        (true, false)
    }

    /// A packet of the room that the leg is in. Answers whether something was written.
    pub fn say(&mut self, now: Instant, samples: &[i16], buffer: &mut Vec<u8>) -> bool {
        let Some(stream) = self.stream.filter(|s| s.send && s.codec != Codec::Relay) else {
            return false;
        };
        if self.holds_back() || self.is_pressing() {
            self.outgoing.fresh = true;
            return false;
        }
        self.outgoing.write_sound(now, &stream, samples, Rate::Narrow, buffer);
        true
    }

    /// Samples in a packet of ours.
    pub fn packet_samples(&self) -> usize {
        samples_in(self.stream.map_or(20, |stream| stream.ptime_ms))
    }

    /// A packet of the partner's, or of the leg itself, in our own stream. Answers whether something was written.
    pub fn relay(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        from: &Stream,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let Some(stream) = self.stream.filter(|stream| stream.send && !self.holds_back()) else {
            return false;
        };
        // A key that is pressed towards this leg in the sound takes the place of the sound.
        if stream.tones && self.is_pressing() {
            return false;
        }
        let event = from.is_event(packet.payload_type);
        let noise = Some(packet.payload_type) == from.comfort;
        let payload_type = match (event, noise) {
            (true, _) => stream.dtmf,
            (_, true) => stream.comfort,
            _ => Some(stream.payload_type),
        };
        let Some(payload_type) = payload_type else { return false };
        let relay = self.outgoing.relay_of(now, packet, stream.clock_rate);
        let sequence = packet.sequence.wrapping_add(relay.sequence);
        if rtp::ahead(packet.sequence, relay.first) < 0 {
            return false;
        }
        let clocks = from.dtmf_clock != stream.dtmf_clock;
        let press = if event && clocks {
            dtmf::in_clock(packet.payload, from.dtmf_clock, stream.dtmf_clock)
        } else {
            None
        };
        let header = Packet {
            marker: packet.marker || std::mem::take(&mut self.outgoing.fresh),
            payload_type,
            sequence,
            timestamp: packet.timestamp.wrapping_add(relay.timestamp),
            ssrc: self.outgoing.ssrc,
            payload: press.as_ref().map_or(packet.payload, |press| press),
        };
        rtp::write(buffer, &header);
        if !event
            && !noise
            && !convert(from.codec, stream.codec, buffer.get_mut(rtp::HEADER..).unwrap_or_default())
        {
            buffer.clear();
            return false;
        }
        self.outgoing.sent_relayed(now, &header);
        true
    }

    /// Presses keys towards the peer.
    pub fn press(&mut self, digits: &str) {
        self.outgoing.digits.extend(digits.chars().filter_map(dtmf::code));
    }

    /// Whether keys are still to be pressed.
    pub fn is_pressing(&self) -> bool {
        self.outgoing.press.is_some() || !self.outgoing.digits.is_empty()
    }

    /// The next packet of a key press. Answers whether something was written.
    pub fn press_on(&mut self, now: Instant, buffer: &mut Vec<u8>) -> bool {
        let Some(stream) = self.stream else { return false };
        match stream.dtmf {
            Some(payload_type) if stream.send => {
                self.outgoing.write_press(now, payload_type, &stream, buffer)
            }
            None if stream.send && stream.tones => self.outgoing.write_tones(now, &stream, buffer),
            _ => {
                self.outgoing.digits.clear();
                self.outgoing.press = None;
                false
            }
        }
    }

    /// How the peer is heard; nothing before there is enough to judge by.
    pub(super) fn metrics(&self) -> Option<rtcp::Metrics> {
        let ssrc = self.incoming.ssrc?;
        let report = self.report();
        let (loss_percent, jitter) = (report.loss_percent(), report.jitter_ms);
        let round_trip_ms = report.round_trip_ms.unwrap_or(0.0);
        let rating = quality::rating(loss_percent, jitter, round_trip_ms);
        let mos = report.mos?;
        Some(rtcp::Metrics { ssrc, loss_percent, round_trip_ms, rating, mos })
    }

    /// Our report, and when the peer's figures were last told.
    pub fn write_report(&mut self, now: UnixTime, cname: &str) -> Option<Vec<u8>> {
        self.stream.filter(|_| !self.holds_back())?;
        let own = rtcp::Own {
            ssrc: self.outgoing.ssrc,
            timestamp: self.outgoing.timestamp,
            packets: self.outgoing.sent as u32,
            bytes: self.outgoing.bytes as u32,
        };
        let mut packet = rtcp::write(now, own, self.incoming.block(now), cname);
        if let Some(metrics) = self.metrics() {
            rtcp::write_metrics(&mut packet, own.ssrc, &metrics);
        }
        Some(packet)
    }
}

impl Outgoing {
    /// Goes on as another source: the peer takes it for a new stream.
    pub(super) fn become_another(&mut self) {
        self.ssrc = self.ssrc.wrapping_add(1);
        self.fresh = true;
        self.relay = None;
    }

    /// Moves the clock on to now: time passes in silence too.
    pub(super) fn advance(&mut self, now: Instant, clock_rate: u32) {
        if let Some(at) = self.at {
            let elapsed = now.saturating_duration_since(at);
            let ticks = elapsed.as_micros() * u128::from(clock_rate) / 1_000_000;
            self.timestamp = self.timestamp.wrapping_add(ticks as u32);
        }
        self.at = Some(now);
    }

    /// A packet of sound.
    pub(super) fn write_sound(
        &mut self,
        now: Instant,
        stream: &Stream,
        samples: &[i16],
        rate: Rate,
        buffer: &mut Vec<u8>,
    ) {
        if self.encoder.is_none() {
            self.encoder = Encoder::new(stream.codec, stream.wishes);
            self.loss.into_iter().for_each(|loss| self.expect_loss(loss));
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        if let Some(encoder) = &mut self.encoder {
            // What cannot be coded is an empty packet: the peer conceals it, and the clock runs on.
            encoder.encode(samples, rate, &mut payload);
        }
        let ticks = samples.len() as u64 * u64::from(stream.clock_rate) / u64::from(rate.hertz());
        self.write(now, stream, &payload, ticks as u32, buffer);
        self.payload = payload;
    }

    /// The peer loses so many of our packets in a hundred.
    pub(super) fn expect_loss(&mut self, percent: u8) {
        self.loss = Some(percent);
        self.encoder.iter_mut().for_each(|encoder| encoder.expect_loss(percent));
    }

    /// A packet of our own making.
    pub(super) fn write(
        &mut self,
        now: Instant,
        stream: &Stream,
        payload: &[u8],
        ticks: u32,
        buffer: &mut Vec<u8>,
    ) {
        if self.fresh {
            self.advance(now, stream.clock_rate);
        } else {
            self.timestamp = self.timestamp.wrapping_add(ticks);
            self.at = Some(now);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let marker = std::mem::take(&mut self.fresh);
        let (sequence, timestamp, ssrc) = (self.sequence, self.timestamp, self.ssrc);
        let payload_type = stream.payload_type;
        rtp::write(buffer, &Packet { marker, payload_type, sequence, timestamp, ssrc, payload });
        self.count(payload.len());
    }

    /// How packets of this source map onto our stream; a new source goes on where the last ended.
    pub(super) fn relay_of(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> Relay {
        if let Some(relay) = self.relay
            && relay.ssrc == packet.ssrc
            && rtp::ahead(packet.sequence, relay.first).unsigned_abs() < 0x4000
        {
            return relay;
        }
        self.advance(now, clock_rate);
        let relay = Relay {
            ssrc: packet.ssrc,
            first: packet.sequence,
            sequence: self.sequence.wrapping_add(1).wrapping_sub(packet.sequence),
            timestamp: self.timestamp.wrapping_sub(packet.timestamp),
        };
        self.fresh = true;
        self.relay = Some(relay);
        relay
    }

    pub(super) fn sent_relayed(&mut self, now: Instant, header: &Packet<'_>) {
        if rtp::ahead(header.sequence, self.sequence) > 0 {
            self.sequence = header.sequence;
            self.timestamp = header.timestamp;
            self.at = Some(now);
            // Old packets may come a while yet; but a long stream must not look like an old one.
            if let Some(relay) = &mut self.relay {
                let arrived = header.sequence.wrapping_sub(relay.sequence);
                if rtp::ahead(arrived, relay.first) > 0x2000 {
                    relay.first = arrived.wrapping_sub(0x1000);
                }
            }
        }
        self.count(header.payload.len());
    }

    pub(super) fn write_press(
        &mut self,
        now: Instant,
        payload_type: u8,
        stream: &Stream,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let mut press = match self.press.take() {
            Some(press) => press,
            None => {
                let Some(code) = self.digits.pop_front() else { return false };
                self.advance(now, stream.clock_rate);
                Press { code, packets: 0, timestamp: self.timestamp }
            }
        };
        let ticks = u32::from(stream.ptime_ms.max(10)) * stream.dtmf_clock / 1_000;
        let held = u32::from((press.packets + 1).min(dtmf::PACKETS)) * ticks;
        let event = dtmf::Event {
            code: press.code,
            end: press.packets >= dtmf::PACKETS,
            duration: held.min(u32::from(u16::MAX)) as u16,
        };
        let first = press.packets == 0;
        self.write_event(payload_type, press.timestamp, first, &event.write(), buffer);
        press.packets += 1;
        self.relay = None;
        if press.packets < dtmf::PACKETS + dtmf::ENDS {
            self.press = Some(press);
        }
        true
    }

    /// A packet of a press that began at `timestamp`.
    pub(super) fn write_event(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
        buffer: &mut Vec<u8>,
    ) {
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        rtp::write(buffer, &Packet { marker, payload_type, sequence, timestamp, ssrc, payload });
        self.count(payload.len());
    }

    /// The next packet of a key press in the sound: a tone of 100 ms and a pause of 80.
    pub(super) fn write_tones(
        &mut self,
        now: Instant,
        stream: &Stream,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let mut press = match self.press.take() {
            Some(press) => press,
            None => {
                let Some(code) = self.digits.pop_front() else { return false };
                self.fresh = true;
                Press { code, packets: 0, timestamp: self.timestamp }
            }
        };
        let count = samples_in(stream.ptime_ms);
        let begun = u32::from(press.packets) * count as u32;
        let key = dtmf::key(press.code).unwrap_or(' ');
        let sample = |at: u32| if at < TONE { keys::sample(key, at) } else { 0 };
        let mut samples = [0; MOST_SAMPLES];
        for (at, place) in (begun..).zip(samples.iter_mut().take(count)) {
            *place = sample(at);
        }
        let samples = samples.get(..count).unwrap_or_default();
        self.write_sound(now, stream, samples, Rate::Narrow, buffer);
        press.packets += 1;
        self.relay = None;
        if begun + (count as u32) < TONE + PAUSE {
            self.press = Some(press);
        }
        true
    }

    pub(super) fn count(&mut self, bytes: usize) {
        self.sent += 1;
        self.bytes += bytes as u64;
    }
}

/// Samples of a key that is pressed in the sound, 100 ms, and of the pause after it, 80 ms: more than ITU-T Q.24 asks of
/// any receiver.
const TONE: u32 = RATE / 10;
const PAUSE: u32 = RATE * 8 / 100;

/// Samples in the longest packet that we make: 60 ms.
pub(super) const MOST_SAMPLES: usize = 480;

/// Samples in a packet of `ptime` milliseconds.
pub(super) fn samples_in(ptime_ms: u8) -> usize {
    (usize::from(ptime_ms.clamp(10, 60)) * RATE as usize / 1_000).min(MOST_SAMPLES)
}

/// Converts sound in place. Answers whether the two codecs go together.
fn convert(from: Codec, to: Codec, payload: &mut [u8]) -> bool {
    match (from, to) {
        (from, to) if from == to => {}
        (Codec::Pcmu, Codec::Pcma) => g711::to_alaw(payload),
        (Codec::Pcma, Codec::Pcmu) => g711::to_ulaw(payload),
        _ => return false,
    }
    true
}
