//! A party's sound: sends one tone by RTP, captures all that arrives, and tells which tones are in it.
//!
//! Written apart from the product's own media code, so that the two check each other.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// 20 ms at 8 kHz.
const FRAME: usize = 160;

/// Later than this a thread is not woken on a machine that has time for it: more than jitter buffers even out.
const STOOD_STILL: Duration = Duration::from_millis(60);
/// How often a scene whose sound is counted packet by packet may be played.
const GOES: u32 = 4;

/// Moments in which this machine stood still, since somebody first asked.
static STALLS: AtomicU32 = AtomicU32::new(0);
static WATCH: Once = Once::new();

/// Plays a scene whose sound is counted packet by packet: again where it failed and the machine stood still meanwhile, which
/// says nothing of the box. A scene that fails on a machine that had time for it has failed.
#[allow(dead_code)]
pub fn in_time<T>(scene: impl Fn() -> T) -> T {
    WATCH.call_once(|| {
        std::thread::spawn(|| {
            loop {
                let asked = Instant::now();
                std::thread::sleep(Duration::from_millis(10));
                if asked.elapsed() > STOOD_STILL {
                    STALLS.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    });
    for go in 1.. {
        let before = STALLS.load(Ordering::Relaxed);
        let failure = match catch_unwind(AssertUnwindSafe(&scene)) {
            Ok(done) => return done,
            Err(failure) => failure,
        };
        let stalls = STALLS.load(Ordering::Relaxed) - before;
        if stalls == 0 || go == GOES {
            resume_unwind(failure);
        }
        println!("the machine stood still {stalls} times under go {go}: once more");
    }
    unreachable!("the last go answers or fails")
}

/// What has arrived so far.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// Samples at 8 kHz in order of arrival.
    pub samples: Vec<i16>,
    /// RFC 4733 events that ended, by timestamp.
    pub digits: BTreeMap<u32, u8>,
    /// Packets of audio.
    pub packets: u64,
    /// Different sources (SSRC).
    pub sources: Vec<u32>,
}

impl Heard {
    /// Whether `tone` hertz makes up most of the last half second.
    pub fn hears(&self, tone: f64) -> bool {
        self.share(tone) > 0.5
    }

    /// The share of `tone` in the energy of the last half second.
    pub fn share(&self, tone: f64) -> f64 {
        let start = self.samples.len().saturating_sub(4_000);
        let samples = &self.samples[start..];
        if samples.len() < 4_000 { 0.0 } else { share(samples, tone) }
    }

    /// The keys in the sound (ITU-T Q.23), in order: a pair of tones that fills 40 ms or more.
    pub fn keys_in_sound(&self) -> String {
        let (mut keys, mut last) = (String::new(), None);
        // Blocks of 25 ms fall on the places of no packet in particular; a key is told when two in a row have it.
        for block in self.samples.chunks_exact(200) {
            let key = "1234567890*#".chars().find(|key| {
                let [low, high] = pair_of(*key).map(|tone| share(block, tone));
                low + high > 0.8 && low.min(high) > 0.2
            });
            let (before, run) = last.unwrap_or((None, 0));
            let run = if key == before { run + 1 } else { 1 };
            if run == 2 {
                keys.extend(key);
            }
            last = Some((key, run));
        }
        keys
    }

    /// Blocks of 12 ms that are mostly one of a row's tones and one of a column's, however quiet.
    pub fn key_blocks(&self) -> usize {
        key_blocks(&self.samples)
    }

    /// Whether anything but silence was in the last half second.
    pub fn loud(&self) -> bool {
        let start = self.samples.len().saturating_sub(4_000);
        self.samples[start..].iter().any(|s| i32::from(*s).abs() > 1_000)
    }
}

/// A party: a socket, a tone, and what it hears.
pub struct Party {
    /// The port that its SDP names.
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
    press: Arc<Mutex<Vec<Key>>>,
    tone: Arc<AtomicU32>,
    first: Arc<Mutex<Option<u16>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Party {
    /// A party on `port` that sends `tone` hertz to wherever sound comes from, as soon as some does.
    pub fn new(port: u16, tone: f64) -> Party {
        let socket = UdpSocket::bind(("127.0.0.1", port)).expect("the port is free");
        socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a timeout");
        let mut party = Party {
            port,
            heard: Arc::default(),
            press: Arc::default(),
            tone: Arc::new(AtomicU32::new(tone as u32)),
            first: Arc::default(),
            stop: Arc::default(),
            thread: None,
        };
        let (heard, press) = (party.heard.clone(), party.press.clone());
        let (first, stop) = (party.first.clone(), party.stop.clone());
        let sings = party.tone.clone();
        party.thread = Some(std::thread::spawn(move || {
            let mut mouth = Mouth::new(tone);
            let mut buffer = [0; 2_048];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((count, from)) = socket.recv_from(&mut buffer) {
                    mouth.to = Some(from);
                    take(&mut heard.lock().expect("no panic holds it"), &buffer[..count]);
                }
                mouth.tone = f64::from(sings.load(Ordering::Relaxed));
                if mouth.is_free() {
                    first_of(&press).into_iter().for_each(|key| mouth.press(key));
                }
                if let Some(port) = first.lock().expect("no panic holds it").take() {
                    mouth.to.get_or_insert(SocketAddr::from(([127, 0, 0, 1], port)));
                }
                mouth.speak(&socket);
            }
        }));
        party
    }

    /// What it has heard so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("no panic holds it").clone()
    }

    /// Presses a key for 100 ms (RFC 4733).
    pub fn press(&self, digit: u8) {
        self.press.lock().expect("no panic holds it").push(Key::Event(digit));
    }

    /// Presses keys in the sound itself, 100 ms each (ITU-T Q.23).
    pub fn press_in_sound(&self, keys: &str) {
        let mut press = self.press.lock().expect("no panic holds it");
        press.extend(keys.chars().map(|key| Key::Sound(pair_of(key))));
    }

    /// Sends another tone from now on.
    pub fn sing(&self, tone: f64) {
        self.tone.store(tone as u32, Ordering::Relaxed);
    }

    /// Whether every key has been taken up; the last one may still be held down.
    pub fn is_idle(&self) -> bool {
        self.press.lock().expect("no panic holds it").is_empty()
    }

    /// Speaks first, to a port of the branch.
    pub fn speak_to(&self, port: u16) {
        *self.first.lock().expect("no panic holds it") = Some(port);
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A key to press.
enum Key {
    Event(u8),
    Sound([f64; 2]),
}

fn first_of(keys: &Mutex<Vec<Key>>) -> Option<Key> {
    let mut keys = keys.lock().expect("no panic holds it");
    (!keys.is_empty()).then(|| keys.remove(0))
}

pub fn take(heard: &mut Heard, packet: &[u8]) {
    if packet.len() < 12 || packet[0] >> 6 != 2 {
        return;
    }
    let word = |at: usize| {
        u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
    };
    let payload = &packet[12..];
    match packet[1] & 0x7f {
        0 => heard.samples.extend(payload.iter().map(|byte| mu_law(*byte))),
        8 => heard.samples.extend(payload.iter().map(|byte| a_law(*byte))),
        101 if payload.len() >= 4 && payload[1] & 0x80 != 0 => {
            heard.digits.insert(word(4), payload[0]);
            return;
        }
        _ => return,
    }
    heard.packets += 1;
    let source = word(8);
    if !heard.sources.contains(&source) {
        heard.sources.push(source);
    }
}

struct Mouth {
    tone: f64,
    to: Option<SocketAddr>,
    next: Instant,
    sequence: u16,
    timestamp: u32,
    event: Option<(u8, u16, u32)>,
    /// Two tones in place of the one, for so many packets.
    pair: Option<([f64; 2], u16)>,
    /// Its source (SSRC).
    source: u32,
    /// Packets of sound before the next key.
    gap: u16,
}

impl Mouth {
    fn new(tone: f64) -> Mouth {
        Mouth {
            tone,
            to: None,
            next: Instant::now(),
            sequence: 0,
            timestamp: 0,
            event: None,
            pair: None,
            source: tone as u32,
            gap: 0,
        }
    }

    fn is_free(&self) -> bool {
        self.event.is_none() && self.pair.is_none() && self.gap == 0
    }

    fn press(&mut self, key: Key) {
        match key {
            Key::Event(digit) => self.event = Some((digit, 0, self.timestamp)),
            Key::Sound(pair) => self.pair = Some((pair, 5)),
        }
        self.gap = 8;
    }

    /// What it says at a moment in samples.
    fn sample(&self, at: f64) -> i16 {
        let tone = |hertz: f64| (std::f64::consts::TAU * hertz * at / 8_000.0).sin();
        let loud = match self.pair {
            Some((pair, _)) => pair.map(tone).iter().sum::<f64>() * 5_000.0,
            None => tone(self.tone) * 8_000.0,
        };
        loud as i16
    }

    fn speak(&mut self, socket: &UdpSocket) {
        if Instant::now() < self.next {
            return;
        }
        self.next += Duration::from_millis(20);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        let Some(to) = self.to else { return };
        let packet = match self.event.take() {
            Some((digit, sent, began)) => {
                if sent < 7 {
                    self.event = Some((digit, sent + 1, began));
                }
                let mut packet = self.header(101, sent == 0, began);
                packet.extend([digit, if sent >= 5 { 0x8a } else { 0x0a }]);
                packet.extend(((sent + 1).min(6) * FRAME as u16).to_be_bytes());
                packet
            }
            None => {
                let mut packet = self.header(0, false, self.timestamp);
                let at = f64::from(self.timestamp);
                packet.extend((0..FRAME).map(|n| to_mu_law(self.sample(at + n as f64))));
                self.pair = match self.pair {
                    Some((pair, left)) => (left > 1).then_some((pair, left - 1)),
                    None => {
                        self.gap = self.gap.saturating_sub(1);
                        None
                    }
                };
                packet
            }
        };
        let _ = socket.send_to(&packet, to);
    }

    fn header(&self, payload_type: u8, marker: bool, timestamp: u32) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet
    }
}

/// The share of `tone` hertz in the energy of samples at 8 kHz; none where there is hardly any energy.
pub fn share(samples: &[i16], tone: f64) -> f64 {
    let energy: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
    if energy < 2_500.0 * samples.len() as f64 {
        return 0.0;
    }
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * tone * n as f64 / 8_000.0;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    2.0 * (re * re + im * im) / (samples.len() as f64 * energy)
}

/// Blocks of 12 ms, half over one another, in which a row's tone and a column's make up most: a piece of a key, however
/// short and quiet, down to the noise of the codec.
pub fn key_blocks(samples: &[i16]) -> usize {
    let of = |block: &[i16], tones: &[f64]| {
        let power = |tone: &f64| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, sample) in block.iter().enumerate() {
                let angle = std::f64::consts::TAU * tone * n as f64 / 8_000.0;
                re += f64::from(*sample) * angle.cos();
                im += f64::from(*sample) * angle.sin();
            }
            2.0 * (re * re + im * im) / block.len() as f64
        };
        tones.iter().map(power).fold(0.0, f64::max)
    };
    let is_key = |block: &&[i16]| {
        let energy: f64 = block.iter().map(|s| f64::from(*s).powi(2)).sum();
        let row = of(block, &[697.0, 770.0, 852.0, 941.0]) / energy;
        let column = of(block, &[1_209.0, 1_336.0, 1_477.0]) / energy;
        energy > 400.0 * block.len() as f64 && row.min(column) > 0.15 && row + column > 0.6
    };
    let halves = [samples, samples.get(48..).unwrap_or_default()];
    halves.iter().flat_map(|half| half.chunks_exact(96)).filter(is_key).count()
}

/// The two tones of a key.
fn pair_of(key: char) -> [f64; 2] {
    let at = "123456789*0#".find(key).expect("a key of a phone");
    [[697.0, 770.0, 852.0, 941.0][at / 3], [1_209.0, 1_336.0, 1_477.0][at % 3]]
}

/// ITU-T G.711 mu-law, by the formula of its table 2.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + 0x84) << ((byte >> 4) & 7);
    let value = magnitude - 0x84;
    (if byte & 0x80 != 0 { -value } else { value }) as i16
}

fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (segment, step) = ((byte >> 4) & 7, i32::from(byte & 0x0f));
    let value = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    (if byte & 0x80 != 0 { value } else { -value }) as i16
}

/// The nearest code, found by trying them all: slow, and surely right.
fn to_mu_law(sample: i16) -> u8 {
    (0..=255u8)
        .min_by_key(|code| (i32::from(mu_law(*code)) - i32::from(sample)).abs())
        .unwrap_or(0xff)
}
