//! One leg: the stream that comes in, and the one stream that goes out.
//!
//! Whatever a leg hears, a prompt, music, the other party, it hears as one RTP stream with one SSRC, sequence numbers
//! without holes and a clock that runs on: phones drop what looks like a stranger.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::id::{LegId, RecordingId, RoomId};
use crate::media::codec::g711;
use crate::media::dtmf;
use crate::media::keys;
use crate::media::listening::Listening;
use crate::media::player::Player;
use crate::media::quality::{self, Report};
use crate::media::recorder::Recorder;
use crate::media::rtcp;
use crate::media::rtp::{self, Packet};
use crate::media::{Codec, RATE, Stream};
use crate::time::{Now, UnixTime};

/// Packets from one unexpected place before it is believed, and how long the expected one is waited for (bad-input
/// table row 30): long enough to be hard to hit by spraying, short enough that nobody misses a word.
const PROBATION_PACKETS: u32 = 5;
const PROBATION_TIME: Duration = Duration::from_millis(200);

/// A peer that is sent sound and not heard for this long has a line that goes one way: longer than any pause between
/// packets, short enough that the two are still on the line.
const ONE_WAY: Duration = Duration::from_secs(4);

/// What a leg hears.
#[derive(Debug)]
pub(super) enum Source {
    Silence,
    Player(Player),
    Partner(LegId),
    /// All the others in its room.
    Room,
    Echo,
}

/// Where the peer's packets come from. The address that the peer described is believed at once and always: a lock on
/// another place is lost when it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latch {
    /// Nobody has been heard yet.
    Open,
    /// Somebody other than expected sends.
    Probation { from: SocketAddr, ssrc: u32, packets: u32, since: Instant },
    /// This is the peer.
    Locked { from: SocketAddr },
}

/// What has been counted of the stream that comes in.
#[derive(Debug)]
struct Incoming {
    latch: Latch,
    ssrc: Option<u32>,
    base: u16,
    highest: u16,
    wraps: u32,
    received: u64,
    received_before: u64,
    expected_before: u64,
    told_received: u64,
    lost_elsewhere: u64,
    recent: u64,
    repeated: u64,
    late: u64,
    strangers: u64,
    unusable: u64,
    jitter: f64,
    transit: Option<i64>,
    /// Arrivals are measured from here.
    epoch: Option<Instant>,
    last: Option<Instant>,
    /// When sound last came, or comfort noise in its place.
    sounded: Option<Instant>,
    sender_report: Option<(u32, UnixTime)>,
    round_trip: Option<u32>,
    mos_there: Option<u8>,
    ear: dtmf::Ear,
}

/// The stream that goes out.
#[derive(Debug)]
struct Outgoing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    at: Option<Instant>,
    fresh: bool,
    sent: u64,
    bytes: u64,
    relay: Option<Relay>,
    digits: VecDeque<u8>,
    press: Option<Press>,
}

/// How a relayed stream maps onto ours.
#[derive(Debug, Clone, Copy)]
struct Relay {
    ssrc: u32,
    first: u16,
    sequence: u16,
    timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    code: u8,
    packets: u16,
    timestamp: u32,
}

/// What came of an incoming packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that anybody should hear.
    Nothing,
    /// Sound.
    Sound,
    /// Silence, described as comfort noise.
    Noise,
    /// A packet of a key press; the first of its press names the key.
    Press { key: Option<char>, lasted: Duration },
}

#[derive(Debug)]
pub(super) struct Leg {
    pub stream: Option<Stream>,
    pub source: Source,
    /// The room it is in, whether or not it hears something else just now.
    pub room: Option<RoomId>,
    /// The tape it is on.
    pub tape: Option<RecordingId>,
    pub recorder: Option<Recorder>,
    /// When the next packet of our own making is due.
    pub due: Option<Instant>,
    /// When the next report is due.
    pub report_due: Option<Instant>,
    /// When the peer was last told something that makes it speak: an answer, a resumed call, somebody to talk to.
    pub listening: Option<Instant>,
    /// When it is next looked at whether the peer is heard.
    pub watch_due: Option<Instant>,
    /// Whether the peer is not heard though it should be, now and at any time.
    pub one_way: bool,
    pub was_one_way: bool,
    ears: Listening,
    keys: keys::Listener,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Leg {
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Leg {
            stream: None,
            source: Source::Silence,
            room: None,
            tape: None,
            recorder: None,
            due: None,
            report_due: None,
            listening: None,
            watch_due: None,
            one_way: false,
            was_one_way: false,
            ears: Listening::default(),
            keys: keys::Listener::default(),
            incoming: Incoming {
                latch: Latch::Open,
                ssrc: None,
                base: 0,
                highest: 0,
                wraps: 0,
                received: 0,
                received_before: 0,
                expected_before: 0,
                told_received: 0,
                lost_elsewhere: 0,
                recent: 0,
                repeated: 0,
                late: 0,
                strangers: 0,
                unusable: 0,
                jitter: 0.0,
                transit: None,
                epoch: None,
                last: None,
                sounded: None,
                sender_report: None,
                round_trip: None,
                mos_there: None,
                ear: dtmf::Ear::default(),
            },
            outgoing: Outgoing {
                ssrc,
                sequence,
                timestamp,
                at: None,
                fresh: true,
                sent: 0,
                bytes: 0,
                relay: None,
                digits: VecDeque::new(),
                press: None,
            },
        }
    }

    /// Takes up what was agreed on. A peer that moved has to show itself anew.
    pub fn configure(&mut self, now: Instant, stream: Stream) {
        self.listening = Some(now);
        if self.stream.is_some_and(|before| before.remote != stream.remote) {
            self.incoming.latch = Latch::Open;
        }
        self.stream = Some(stream);
    }

    /// Changes what the leg hears.
    pub fn hear(&mut self, source: Source) {
        self.source = source;
        self.outgoing.relay = None;
        self.outgoing.fresh = true;
        self.due = None;
    }

    /// What the leg heard is over: back to its room, or silence.
    pub fn hear_no_more(&mut self) {
        self.hear(if self.room.is_some() { Source::Room } else { Source::Silence });
    }

    /// Where packets to the peer go: where it has shown itself, else where it said it is.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.incoming.latch {
            Latch::Locked { from } => Some(from),
            _ => self
                .stream
                .map(|stream| stream.remote)
                .filter(|to| !to.ip().is_unspecified() && to.port() != 0),
        }
    }

    /// When something is due: the next packet, report and look.
    pub fn times(&self) -> [Option<Instant>; 3] {
        [self.due, self.report_due, self.watch_due]
    }

    /// Where reports go.
    pub fn report_destination(&self) -> Option<SocketAddr> {
        self.stream?.remote_rtcp.filter(|to| !to.ip().is_unspecified() && to.port() != 0)
    }

    /// Whether nothing may be sent yet.
    fn holds_back(&self) -> bool {
        let heard = matches!(self.incoming.latch, Latch::Locked { .. });
        self.stream.is_some_and(|stream| stream.waits) && !heard
    }

    /// Since when nothing has come from the peer. A peer that has never been heard is waited for from the moment that it
    /// was last told to speak.
    pub fn silent_since(&self) -> Option<Instant> {
        self.incoming.last.max(self.listening)
    }
}

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
        Heard::Press { key, lasted: dtmf::lasted(event, stream.clock_rate) }
    }

    /// Looks into the sound of a packet, where somebody has to know what is in it. Answers whether it just turned out that a
    /// machine is there, and a key that was pressed.
    pub fn attend(&mut self, packet: &Packet<'_>) -> (bool, Option<char>) {
        let tones = self.stream.is_some_and(|stream| stream.tones) && !self.ears.machine;
        let looks = self.ears.looks_at(packet.sequence);
        if !tones && !looks {
            return (false, None);
        }
        let Some(samples) = self.decode(packet.payload) else { return (false, None) };
        let machine = looks && self.ears.look(&samples);
        let key = if tones { self.keys.hear(&samples) } else { None };
        (machine, key)
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
            stream.is_known_host(from.ip()) || host == Some(from.ip())
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
    }

    /// The sound of a packet as samples; nothing for codecs that are not decoded here.
    pub fn decode(&self, payload: &[u8]) -> Option<Vec<i16>> {
        match self.stream?.codec {
            Codec::Pcmu => Some(payload.iter().map(|code| g711::ulaw_decode(*code)).collect()),
            Codec::Pcma => Some(payload.iter().map(|code| g711::alaw_decode(*code)).collect()),
            Codec::Relay => None,
        }
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
    fn is_peer(&mut self, now: Instant, from: SocketAddr, ssrc: u32, stream: &Stream) -> bool {
        match self.latch {
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
    fn count(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> bool {
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
    fn begin(&mut self, packet: &Packet<'_>) {
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

    fn expected(&self) -> u64 {
        if self.ssrc.is_none() {
            return 0;
        }
        let highest = u64::from(self.wraps) << 16 | u64::from(self.highest);
        (highest + 1).saturating_sub(u64::from(self.base))
    }

    fn lost(&self) -> u64 {
        let received = self.received - self.received_before;
        self.lost_elsewhere + self.expected().saturating_sub(received)
    }

    /// Interarrival jitter (appendix A.8).
    fn measure(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
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
        self.outgoing.write_sound(now, &stream, frame, buffer);
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
        self.outgoing.write_sound(now, &stream, samples, buffer);
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
        let header = Packet {
            marker: packet.marker || std::mem::take(&mut self.outgoing.fresh),
            payload_type,
            sequence,
            timestamp: packet.timestamp.wrapping_add(relay.timestamp),
            ssrc: self.outgoing.ssrc,
            payload: packet.payload,
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
    fn metrics(&self) -> Option<rtcp::Metrics> {
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

impl Incoming {
    fn block(&mut self, now: UnixTime) -> Option<rtcp::Block> {
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

impl Outgoing {
    /// Moves the clock on to now: time passes in silence too.
    fn advance(&mut self, now: Instant, clock_rate: u32) {
        if let Some(at) = self.at {
            let elapsed = now.saturating_duration_since(at);
            let ticks = elapsed.as_micros() * u128::from(clock_rate) / 1_000_000;
            self.timestamp = self.timestamp.wrapping_add(ticks as u32);
        }
        self.at = Some(now);
    }

    /// A packet of sound.
    fn write_sound(
        &mut self,
        now: Instant,
        stream: &Stream,
        samples: &[i16],
        buffer: &mut Vec<u8>,
    ) {
        let encode =
            if stream.codec == Codec::Pcma { g711::alaw_encode } else { g711::ulaw_encode };
        let mut payload = [0u8; MOST_SAMPLES];
        for (code, sample) in payload.iter_mut().zip(samples) {
            *code = encode(*sample);
        }
        let payload = payload.get(..samples.len()).unwrap_or_default();
        self.write(now, stream.payload_type, payload, stream.clock_rate, buffer);
    }

    /// A packet of our own making.
    fn write(
        &mut self,
        now: Instant,
        payload_type: u8,
        payload: &[u8],
        clock_rate: u32,
        buffer: &mut Vec<u8>,
    ) {
        let ticks = (payload.len() as u64 * u64::from(clock_rate) / u64::from(RATE)) as u32;
        if self.fresh {
            self.advance(now, clock_rate);
        } else {
            self.timestamp = self.timestamp.wrapping_add(ticks);
            self.at = Some(now);
        }
        self.sequence = self.sequence.wrapping_add(1);
        let marker = std::mem::take(&mut self.fresh);
        let (sequence, timestamp, ssrc) = (self.sequence, self.timestamp, self.ssrc);
        rtp::write(buffer, &Packet { marker, payload_type, sequence, timestamp, ssrc, payload });
        self.count(payload.len());
    }

    /// How packets of this source map onto our stream; a new source goes on where the last ended.
    fn relay_of(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> Relay {
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

    fn sent_relayed(&mut self, now: Instant, header: &Packet<'_>) {
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

    fn write_press(
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
        let ticks = u32::from(stream.ptime_ms.max(10)) * stream.clock_rate / 1_000;
        let held = u32::from((press.packets + 1).min(dtmf::PACKETS)) * ticks;
        let event = dtmf::Event {
            code: press.code,
            end: press.packets >= dtmf::PACKETS,
            duration: held.min(u32::from(u16::MAX)) as u16,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let payload = event.write();
        rtp::write(
            buffer,
            &Packet {
                marker: press.packets == 0,
                payload_type,
                sequence: self.sequence,
                timestamp: press.timestamp,
                ssrc: self.ssrc,
                payload: &payload,
            },
        );
        self.count(payload.len());
        press.packets += 1;
        self.relay = None;
        if press.packets < dtmf::PACKETS + dtmf::ENDS {
            self.press = Some(press);
        }
        true
    }

    /// The next packet of a key press in the sound: a tone of 100 ms and a pause of 80.
    fn write_tones(&mut self, now: Instant, stream: &Stream, buffer: &mut Vec<u8>) -> bool {
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
        self.write_sound(now, stream, samples.get(..count).unwrap_or_default(), buffer);
        press.packets += 1;
        self.relay = None;
        if begun + (count as u32) < TONE + PAUSE {
            self.press = Some(press);
        }
        true
    }

    fn count(&mut self, bytes: usize) {
        self.sent += 1;
        self.bytes += bytes as u64;
    }
}

/// Samples of a key that is pressed in the sound, 100 ms, and of the pause after it, 80 ms: more than ITU-T Q.24 asks of
/// any receiver.
const TONE: u32 = RATE / 10;
const PAUSE: u32 = RATE * 8 / 100;

/// Samples in the longest packet that we make: 60 ms.
const MOST_SAMPLES: usize = 480;

/// Samples in a packet of `ptime` milliseconds.
fn samples_in(ptime_ms: u8) -> usize {
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
