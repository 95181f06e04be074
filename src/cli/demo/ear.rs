//! A phone's ear and mouth: RTP with one tone out, tones and silence in.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::cli::demo::softphone::Noticed;
use crate::media::codec::g711;
use crate::media::detect::Goertzel;

/// 20 ms of G.711 at 8 kHz.
const FRAME: usize = 160;
/// Packet time.
const PTIME: Duration = Duration::from_millis(20);
/// Samples over which a tone is looked for: half a second.
const LISTEN: usize = 4_000;
/// Level of our tone and least level that counts as sound, in 16-bit samples.
const LOUD: f64 = 6_000.0;
const AUDIBLE: i32 = 400;
/// A tone holds at least this share of all energy in what was heard.
const PURE: f64 = 0.6;
/// The tones that phones of the demo send, in hertz; far from call-progress tones.
pub const TONES: [u32; 3] = [550, 900, 1_250];
/// RFC 4733 section 2.5: an event is sent every 20 ms, its end three times; this many packets make a 100 ms key press.
const EVENT_PACKETS: u16 = 5;
const EVENT_ENDS: u16 = 3;

/// Sends a tone, and digits when asked.
#[derive(Debug)]
pub struct Mouth {
    tone: u32,
    to: Option<SocketAddr>,
    next: Option<Instant>,
    sequence: u16,
    timestamp: u32,
    phase: u32,
    dtmf: Option<u8>,
    digits: VecDeque<u8>,
    event: Option<(u8, u16, u32)>,
}

impl Mouth {
    /// A closed mouth whose tone will be `tone` hertz.
    pub fn new(tone: u32) -> Self {
        Mouth {
            tone,
            to: None,
            next: None,
            sequence: 1,
            timestamp: 0,
            phase: 0,
            dtmf: None,
            digits: VecDeque::new(),
            event: None,
        }
    }

    /// Begins to send.
    pub fn start(&mut self, now: Instant, to: SocketAddr, dtmf: Option<u8>) {
        self.to = Some(to);
        self.next = Some(now);
        self.dtmf = dtmf;
    }

    /// Falls silent.
    pub fn stop(&mut self) {
        self.to = None;
        self.next = None;
    }

    /// Presses a key: an RFC 4733 event takes the tone's place for 100 ms.
    pub fn press(&mut self, digit: char) {
        let code = match digit {
            '0'..='9' => digit as u8 - b'0',
            '*' => 10,
            _ => 11,
        };
        self.digits.push_back(code);
    }

    /// The next packet, if one is due.
    pub fn due(&mut self, now: Instant) -> Option<(Vec<u8>, SocketAddr)> {
        let (at, to) = (self.next?, self.to?);
        if at > now {
            return None;
        }
        self.next = Some(at + PTIME);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        let packet = match (self.dtmf, self.event()) {
            (Some(payload_type), Some(event)) => self.event_packet(payload_type, event),
            _ => self.tone_packet(),
        };
        Some((packet, to))
    }

    /// The key press under way: its code, how many packets of it are sent, and its timestamp.
    fn event(&mut self) -> Option<(u8, u16, u32)> {
        let (code, sent, began) = match self.event {
            Some(event) => event,
            None => (self.digits.pop_front()?, 0, self.timestamp),
        };
        self.event = (sent + 1 < EVENT_PACKETS + EVENT_ENDS).then_some((code, sent + 1, began));
        Some((code, sent, began))
    }

    fn event_packet(&self, payload_type: u8, (code, sent, began): (u8, u16, u32)) -> Vec<u8> {
        let end = sent >= EVENT_PACKETS;
        let duration = (sent + 1).min(EVENT_PACKETS) * FRAME as u16;
        let mut packet = header(payload_type, sent == 0, self.sequence, began);
        packet.extend([code, if end { 0x8a } else { 0x0a }]);
        packet.extend(duration.to_be_bytes());
        packet
    }

    fn tone_packet(&mut self) -> Vec<u8> {
        let mut packet = header(0, false, self.sequence, self.timestamp);
        for _ in 0..FRAME {
            let angle =
                f64::from(self.phase) * f64::from(self.tone) * std::f64::consts::TAU / 8_000.0;
            packet.push(g711::ulaw_encode((angle.sin() * LOUD) as i16));
            self.phase = (self.phase + 1) % 8_000;
        }
        packet
    }
}

fn header(payload_type: u8, marker: bool, sequence: u16, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x0b1a_4c11_u32.to_be_bytes());
    packet
}

/// Listens for sound and for the other phones' tones.
#[derive(Debug, Default)]
pub struct Ear {
    own: u32,
    sound: bool,
    heard: Vec<u32>,
    samples: Vec<i16>,
}

impl Ear {
    /// An ear that reports every tone but its owner's.
    pub fn new(own: u32) -> Self {
        Ear { own, ..Ear::default() }
    }

    /// Takes one RTP packet of G.711; answers what is new.
    pub fn hear(&mut self, packet: &[u8]) -> Vec<Noticed> {
        let (Some(kind), Some(payload)) = (packet.get(1).map(|byte| byte & 0x7f), packet.get(12..))
        else {
            return Vec::new();
        };
        match kind {
            0 => self.samples.extend(payload.iter().map(|byte| g711::ulaw_decode(*byte))),
            8 => self.samples.extend(payload.iter().map(|byte| g711::alaw_decode(*byte))),
            _ => return Vec::new(),
        }
        let mut news = Vec::new();
        if !self.sound && self.samples.iter().any(|sample| i32::from(*sample).abs() > AUDIBLE) {
            self.sound = true;
            news.push(Noticed::Sound);
        }
        if self.samples.len() >= LISTEN {
            news.extend(self.tone());
            self.samples.clear();
        }
        news
    }

    fn tone(&mut self) -> Option<Noticed> {
        let tone = TONES.into_iter().find(|tone| {
            *tone != self.own && Goertzel::share(&self.samples, f64::from(*tone), 8_000.0) > PURE
        })?;
        if self.heard.contains(&tone) {
            return None;
        }
        self.heard.push(tone);
        Some(Noticed::Tone(tone))
    }
}
