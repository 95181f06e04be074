//! The half of a leg that listens: whose packets are believed, what they hold, and what is counted of them.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Heard, Incoming, Latch, Leg, ONE_WAY, PROBATION_PACKETS, PROBATION_TIME, Source};
use crate::media::dtmf;
use crate::media::leg::Sound;
use crate::media::quality::{self, Report};
use crate::media::rtcp;
use crate::media::rtp::{self, Packet};
use crate::media::{RATE, Stream};
use crate::time::{Now, UnixTime};

/// Packets that come in.
impl Leg {
    /// Takes a packet: counts it, and says what it is.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, packet: &Packet<'_>) -> Heard {
        let Some(stream) = self.stream else { return Heard::Nothing };
        let event = stream.is_event(packet.payload_type);
        let noise = Some(packet.payload_type) == stream.comfort;
        let usable = event || noise || stream.is_sound(packet.payload_type);
        if !usable {
            self.incoming.unusable += 1;
            // Comfort noise, for one: nothing to hear, and a sign of life.
            if self.incoming.latch == (Latch::Locked { from }) {
                (self.incoming.last, self.incoming.sounded) = (Some(now), Some(now));
            }
            return Heard::Nothing;
        }
        if !self.incoming.is_peer(now, from, packet.ssrc, &stream) {
            return Heard::Nothing;
        }
        (self.incoming.last, self.incoming.sounded) = (Some(now), Some(now));
        if !self.incoming.count(now, packet, stream.clock_rate) || !stream.receive {
            return Heard::Nothing;
        }
        if !event {
            return if noise { Heard::Noise } else { Heard::Sound };
        }
        let Some(event) = dtmf::Event::read(packet.payload) else { return Heard::Nothing };
        let key = self.incoming.ear.hear(packet.timestamp, event);
        Heard::Press { key, lasted: dtmf::lasted(event, stream.dtmf_clock) }
    }

    /// Whether somebody has to know what is in a packet: keys that are in the sound, or every now and then who speaks. What is
    /// relayed in a codec that is much work is not looked into for the latter.
    pub fn listens_to(&self, packet: &Packet<'_>) -> bool {
        let Some(stream) = self.stream else { return false };
        let looks = stream.codec.is_g711() && self.ears.looks_at(packet.sequence);
        looks || (stream.tones && !self.ears.machine)
    }

    /// Looks into the sound of a packet. Answers whether it just turned out that a machine is there, and a key that was
    /// pressed.
    pub fn attend(&mut self, packet: &Packet<'_>, sound: &Sound) -> (bool, Option<char>) {
        let tones = self.stream.is_some_and(|stream| stream.tones) && !self.ears.machine;
        let looks = self.ears.looks_at(packet.sequence);
        let machine = looks && self.ears.look(&sound.narrow);
        let key = if tones { self.keys.hear(&sound.narrow) } else { None };
        (machine, key)
    }

    /// Whether what the peer says is data in tones: a fax machine or a modem was heard.
    pub fn carries_data(&self) -> bool {
        self.ears.machine
    }

    /// Whether the peer is sent sound and not heard, though both should be.
    pub fn is_unheard(&self, now: Instant) -> bool {
        let both = self.stream.is_some_and(|stream| stream.send && stream.receive);
        let talks = matches!(self.source, Source::Partner(_) | Source::Room);
        let sent = self.outgoing.at.is_some_and(|at| now.saturating_duration_since(at) < ONE_WAY);
        let silent = self.incoming.sounded.max(self.listening);
        let silent = silent.is_some_and(|at| now.saturating_duration_since(at) >= ONE_WAY);
        both && talks && sent && silent
    }

    /// Takes a report of the peer's.
    pub fn receive_report(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        let known = |stream: Stream| {
            let host = stream.remote_rtcp.map(|to| to.ip());
            stream.peer || stream.is_known_host(from.ip()) || host == Some(from.ip())
        };
        if !self.stream.is_some_and(known) {
            self.incoming.strangers += 1;
            return;
        }
        let (instant, now) = (now.instant, now.unix);
        let Some(told) = rtcp::read(bytes, self.outgoing.ssrc, now) else {
            self.incoming.unusable += 1;
            return;
        };
        self.incoming.last = Some(instant);
        if let Some(report) = told.sender_report {
            self.incoming.sender_report = Some((report, now));
        }
        self.incoming.round_trip = told.round_trip.or(self.incoming.round_trip);
        self.incoming.mos_there = told.mos_tenths.or(self.incoming.mos_there);
        told.lost_percent.into_iter().for_each(|percent| self.outgoing.expect_loss(percent));
    }

    /// How the leg was.
    pub fn report(&self) -> Report {
        let (incoming, rate) =
            (&self.incoming, self.stream.map_or(RATE, |stream| stream.clock_rate));
        let jitter_ms = incoming.jitter * 1_000.0 / f64::from(rate.max(1));
        let round_trip_ms = incoming.round_trip.map(|units| f64::from(units) * 1_000.0 / 65_536.0);
        let mut report = Report {
            sent: self.outgoing.sent,
            received: incoming.received,
            lost: incoming.lost(),
            repeated: incoming.repeated,
            late: incoming.late,
            jitter_ms,
            round_trip_ms,
            mos_there: incoming.mos_there.map(|tenths| f64::from(tenths) / 10.0),
            strangers: incoming.strangers,
            unusable: incoming.unusable,
            protected: self.is_guarded(),
            forged: incoming.forged,
            replayed: incoming.replayed,
            spoken_s: self.ears.spoken_s(self.stream.map_or(20, |stream| stream.ptime_ms)),
            one_way: self.was_one_way,
            machine: self.ears.machine,
            mos: None,
        };
        // A second of sound, or there is nothing to judge.
        if incoming.received >= 50 {
            report.mos =
                Some(quality::mos(report.loss_percent(), jitter_ms, round_trip_ms.unwrap_or(0.0)));
        }
        report
    }
}

impl Incoming {
    /// Whether a packet comes from the peer. Until it has shown itself, the expected address is believed at once, and
    /// another port of a known host after a probation. Nobody else ever is, or anybody could take a call over by being
    /// faster than a phone that is silent.
    pub(super) fn is_peer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        ssrc: u32,
        stream: &Stream,
    ) -> bool {
        match self.latch {
            // Who opened the packet knows whose it is.
            _ if stream.peer => {
                self.latch = Latch::Locked { from };
                return true;
            }
            Latch::Locked { from: peer } if peer == from => return true,
            _ if from == stream.remote => {
                self.latch = Latch::Locked { from };
                return true;
            }
            Latch::Probation { from: other, ssrc: source, packets, since }
                if other == from && source == ssrc =>
            {
                let believed = packets + 1 >= PROBATION_PACKETS
                    || now.saturating_duration_since(since) >= PROBATION_TIME;
                self.latch = if believed {
                    Latch::Locked { from }
                } else {
                    Latch::Probation { from, ssrc, packets: packets + 1, since }
                };
                return believed;
            }
            Latch::Open if stream.is_known_host(from.ip()) => {
                self.latch = Latch::Probation { from, ssrc, packets: 1, since: now };
                return false;
            }
            Latch::Open | Latch::Probation { .. } | Latch::Locked { .. } => {}
        }
        self.strangers += 1;
        false
    }

    /// Counts a packet (RFC 3550 appendix A). Answers whether it is new.
    pub(super) fn count(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> bool {
        if self.ssrc != Some(packet.ssrc) {
            self.begin(packet);
        }
        let ahead = rtp::ahead(packet.sequence, self.highest);
        if ahead > 0 {
            if packet.sequence < self.highest {
                self.wraps += 1;
            }
            self.highest = packet.sequence;
            self.recent = if ahead < 64 { self.recent << ahead | 1 } else { 1 };
        } else {
            let behind = u32::from(ahead.unsigned_abs());
            if behind >= 64 {
                // Far behind: the peer began to count anew (appendix A.1).
                self.begin(packet);
            } else if self.recent >> behind & 1 != 0 && self.received > 0 {
                self.repeated += 1;
                return false;
            } else {
                self.recent |= 1 << behind;
                self.late += u64::from(behind > 0);
            }
        }
        self.received += 1;
        self.measure(now, packet.timestamp, clock_rate);
        true
    }

    /// A new source: what was lost of the old one is kept.
    pub(super) fn begin(&mut self, packet: &Packet<'_>) {
        if self.ssrc.is_some() {
            self.lost_elsewhere = self.lost();
            self.received_before = self.received;
        }
        self.ssrc = Some(packet.ssrc);
        self.base = packet.sequence;
        self.highest = packet.sequence;
        self.wraps = 0;
        self.recent = 0;
        self.transit = None;
    }

    pub(super) fn expected(&self) -> u64 {
        if self.ssrc.is_none() {
            return 0;
        }
        let highest = u64::from(self.wraps) << 16 | u64::from(self.highest);
        (highest + 1).saturating_sub(u64::from(self.base))
    }

    pub(super) fn lost(&self) -> u64 {
        let received = self.received - self.received_before;
        self.lost_elsewhere + self.expected().saturating_sub(received)
    }

    /// Interarrival jitter (appendix A.8).
    pub(super) fn measure(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let elapsed = now.saturating_duration_since(*self.epoch.get_or_insert(now));
        let arrival = (elapsed.as_micros() * u128::from(clock_rate) / 1_000_000) as i64;
        let transit = arrival - i64::from(timestamp);
        if let Some(before) = self.transit {
            // Differences beyond a second are a clock that began anew, not jitter.
            let step = (transit - before).abs();
            if step < i64::from(clock_rate) {
                self.jitter += (step as f64 - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}

impl Incoming {
    pub(super) fn block(&mut self, now: UnixTime) -> Option<rtcp::Block> {
        let ssrc = self.ssrc?;
        let (expected, received) = (self.expected(), self.received - self.received_before);
        let new = expected.saturating_sub(self.expected_before);
        let lost_now = new.saturating_sub(received.saturating_sub(self.told_received));
        let fraction =
            (lost_now * 256).checked_div(new).map_or(0, |fraction| fraction.min(255) as u8);
        self.expected_before = expected;
        self.told_received = received;
        let (last_report, delay) = match self.sender_report {
            Some((report, at)) => (report, (now.since(at).as_micros() * 65_536 / 1_000_000) as u32),
            None => (0, 0),
        };
        Some(rtcp::Block {
            ssrc,
            fraction,
            lost: self.lost() as u32,
            highest: self.wraps << 16 | u32::from(self.highest),
            jitter: self.jitter as u32,
            last_report,
            delay,
        })
    }
}
