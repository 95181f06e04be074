//! Parties with different codecs: who hears whom, what is decoded at all, and what becomes of what is lost.

use super::*;
use crate::media::codec::opus::{self, Wishes};
use crate::media::codec::{Decoder, Encoder, Rate};

/// A party that speaks any codec, at 16 kHz if it can.
struct Talker {
    leg: LegId,
    at: SocketAddr,
    codec: Codec,
    coder: Encoder,
    decoder: Decoder,
    rate: Rate,
    hertz: f64,
    said: usize,
    sequence: u16,
    timestamp: u32,
    heard: Vec<i16>,
    numbers: Vec<(u16, u32, u8, bool)>,
    /// The payloads of its key presses.
    presses: Vec<Vec<u8>>,
}

const EVENT: u8 = 101;

fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu | Codec::Relay => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        Codec::Opus => 111,
    }
}

fn agreed(codec: Codec, remote: SocketAddr, ptime_ms: u8) -> Stream {
    let clock_rate = if codec == Codec::Opus { opus::CLOCK } else { 8_000 };
    Stream {
        codec,
        payload_type: payload_type(codec),
        clock_rate,
        dtmf: Some(EVENT),
        dtmf_clock: clock_rate,
        ours: (payload_type(codec), Some(EVENT)),
        wishes: Wishes { fec: true, ..Wishes::default() },
        ptime_ms,
        ..stream(Codec::Pcmu, remote)
    }
}

/// Parties, and one plane.
struct Talk {
    now: Now,
    plane: Plane,
    talkers: BTreeMap<LegId, Talker>,
    recorded: Vec<i16>,
    events: Vec<Event>,
    /// Packets of each thousand that are lost on their way here.
    loss: u64,
    random: Random,
}

impl Talk {
    fn new(codecs: &[(Codec, u8)]) -> Talk {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let plane = Plane::new(Settings::default(), Random::from_number(1));
        let (talkers, events, recorded) = (BTreeMap::new(), Vec::new(), Vec::new());
        let random = Random::from_number(4);
        let mut talk = Talk { now, plane, talkers, events, recorded, loss: 0, random };
        for (n, (codec, ptime_ms)) in codecs.iter().enumerate() {
            let leg = LegId(n as u64 + 1);
            let place = at(4_000 + n as u16 * 10);
            talk.command(Command::Open { leg, local: at(5_000) });
            talk.command(Command::Configure { leg, stream: agreed(*codec, place, *ptime_ms) });
            let rate = if codec.is_wide() { Rate::Wide } else { Rate::Narrow };
            let wishes = Wishes { fec: true, ..Wishes::default() };
            let mut coder = Encoder::new(*codec, wishes).unwrap();
            coder.expect_loss(15);
            let talker = Talker {
                leg,
                at: place,
                codec: *codec,
                coder,
                decoder: Decoder::new(*codec, rate).unwrap(),
                rate,
                hertz: [550.0, 900.0, 1_300.0][n],
                said: 0,
                sequence: 65_500,
                timestamp: u32::MAX - 50_000,
                heard: Vec::new(),
                numbers: Vec::new(),
                presses: Vec::new(),
            };
            talk.talkers.insert(leg, talker);
        }
        talk
    }

    fn bridged(a: Codec, b: Codec) -> Talk {
        let mut talk = Talk::new(&[(a, 20), (b, 20)]);
        talk.command(Command::Bridge { a: A, b: B });
        talk
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(self.now, command);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.plane.poll_output() {
            match output {
                Output::Send { leg, kind: Kind::Rtp, bytes, .. } => {
                    let talker = self.talkers.get_mut(&leg).unwrap();
                    talker.hear(&rtp::read(&bytes).unwrap());
                    self.plane.recycle(bytes);
                }
                Output::Recording { samples, .. } => self.recorded.extend(samples),
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
    }

    /// 20 ms in which everybody speaks.
    fn beat(&mut self) {
        for leg in self.talkers.keys().copied().collect::<Vec<_>>() {
            let talker = self.talkers.get_mut(&leg).unwrap();
            let (bytes, from) = (talker.packet(), talker.at);
            if self.random.below(1_000) >= self.loss {
                self.plane.handle_packet(self.now, leg, Kind::Rtp, from, &bytes);
            }
        }
        self.collect();
        let end = self.now.instant + Duration::from_millis(20);
        while let Some(deadline) = self.plane.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.after(deadline.saturating_duration_since(self.now.instant));
            self.plane.handle_timeout(self.now);
            self.collect();
        }
        self.now = self.now.after(end.saturating_duration_since(self.now.instant));
    }

    /// The share of a tone in the last half second that somebody heard.
    fn share(&self, leg: LegId, hertz: f64) -> f64 {
        let talker = &self.talkers[&leg];
        let half = talker.rate.hertz() as usize / 2;
        let begin = talker.heard.len().checked_sub(half).expect("half a second is heard");
        Goertzel::share(&talker.heard[begin..], hertz, f64::from(talker.rate.hertz()))
    }
}

impl Talker {
    fn packet(&mut self) -> Vec<u8> {
        let rate = f64::from(self.rate.hertz());
        let count = self.rate.hertz() as usize / 50;
        let sample =
            |n: usize| ((TAU * self.hertz * (self.said + n) as f64 / rate).sin() * 8_000.0) as i16;
        let samples: Vec<i16> = (0..count).map(sample).collect();
        self.said += count;
        let mut payload = Vec::new();
        assert!(self.coder.encode(&samples, self.rate, &mut payload));
        let packet = self.written(payload_type(self.codec), &payload);
        self.timestamp =
            self.timestamp.wrapping_add(if self.codec == Codec::Opus { 960 } else { 160 });
        packet
    }

    fn written(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let (sequence, timestamp, ssrc) = (self.sequence, self.timestamp, self.leg.0 as u32);
        let mut bytes = Vec::new();
        let marker = false;
        rtp::write(
            &mut bytes,
            &Packet { marker, payload_type, sequence, timestamp, ssrc, payload },
        );
        bytes
    }

    fn hear(&mut self, packet: &Packet<'_>) {
        let number = (packet.sequence, packet.timestamp, packet.payload_type, packet.marker);
        self.numbers.push(number);
        match packet.payload_type {
            EVENT => self.presses.push(packet.payload.to_vec()),
            own => {
                assert_eq!(own, payload_type(self.codec), "in its own codec");
                self.decoder.decode(packet.payload, &mut self.heard);
            }
        }
    }
}

const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

#[test]
fn two_parties_hear_each_other_whatever_each_speaks() {
    for a in ALL {
        for b in ALL {
            let mut talk = Talk::bridged(a, b);
            (0..75).for_each(|_| talk.beat());
            assert!(talk.share(A, 900.0) > 0.95, "{a:?} hears {}", talk.share(A, 900.0));
            assert!(talk.share(B, 550.0) > 0.95, "{b:?} hears {}", talk.share(B, 550.0));
            for talker in talk.talkers.values() {
                assert!((74..=75).contains(&talker.numbers.len()), "{}", talker.numbers.len());
                let tick = if talker.codec == Codec::Opus { 960 } else { 160 };
                for pair in talker.numbers.windows(2) {
                    assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
                    assert_eq!(pair[1].1.wrapping_sub(pair[0].1), tick, "{a:?} {b:?}");
                }
            }
        }
    }
}

/// What no telephone carries goes from G.722 to Opus and back.
#[test]
fn the_upper_half_of_the_spectrum_passes_between_those_who_have_it() {
    for (a, b) in [(Codec::G722, Codec::Opus), (Codec::Opus, Codec::G722)] {
        let mut talk = Talk::bridged(a, b);
        talk.talkers.get_mut(&A).unwrap().hertz = 5_500.0;
        (0..75).for_each(|_| talk.beat());
        assert!(talk.share(B, 5_500.0) > 0.8, "{a:?} {b:?} {}", talk.share(B, 5_500.0));
    }
}

/// The packets of two Opus phones are passed on as they are: not even looked into.
#[test]
fn nothing_is_decoded_between_two_who_share_a_codec() {
    for codec in [Codec::Opus, Codec::G722] {
        let mut talk = Talk::bridged(codec, codec);
        let mut bytes = talk.talkers.get_mut(&A).unwrap().written(payload_type(codec), &[0xff; 33]);
        let from = talk.talkers[&A].at;
        talk.plane.handle_packet(talk.now, A, Kind::Rtp, from, &bytes);
        let sent =
            std::iter::from_fn(|| talk.plane.poll_output()).find_map(|output| match output {
                Output::Send { leg: B, bytes, .. } => Some(bytes),
                _ => None,
            });
        assert_eq!(sent.unwrap()[12..], bytes.split_off(12)[..]);
    }
}

#[test]
fn a_packet_is_as_long_as_its_listener_wants() {
    for (a, b, long) in [
        (Codec::Opus, Codec::Pcmu, 30),
        (Codec::Pcmu, Codec::Opus, 40),
        (Codec::G722, Codec::Pcma, 60),
    ] {
        let mut talk = Talk::new(&[(a, 20), (b, long)]);
        talk.command(Command::Bridge { a: A, b: B });
        (0..120).for_each(|_| talk.beat());
        assert!(talk.share(B, 550.0) > 0.95, "{a:?} {b:?}");
        let numbers = &talk.talkers[&B].numbers;
        let tick = u32::from(long) * if b == Codec::Opus { 48 } else { 8 };
        assert!(numbers.windows(2).all(|pair| pair[1].1.wrapping_sub(pair[0].1) == tick));
        assert!(numbers.len() >= 2_380 / usize::from(long), "{}", numbers.len());
    }
}

#[test]
fn a_key_press_lasts_as_long_on_the_other_clock() {
    for (a, b) in
        [(Codec::Opus, Codec::Pcmu), (Codec::Pcmu, Codec::Opus), (Codec::G722, Codec::Opus)]
    {
        let mut talk = Talk::bridged(a, b);
        (0..20).for_each(|_| talk.beat());
        let talker = talk.talkers.get_mut(&A).unwrap();
        let tick = if a == Codec::Opus { 960 } else { 160 };
        let from = talker.at;
        for n in 1..=8u16 {
            let event = dtmf_event(5, n >= 6, n.min(6) * tick);
            let bytes = talk.talkers.get_mut(&A).unwrap().written(EVENT, &event);
            talk.plane.handle_packet(talk.now, A, Kind::Rtp, from, &bytes);
            talk.collect();
        }
        talk.talkers.get_mut(&A).unwrap().timestamp += u32::from(tick) * 6;
        (0..50).for_each(|_| talk.beat());
        let heard = &talk.talkers[&B];
        let there = if b == Codec::Opus { 960 } else { 160 };
        let lengths: Vec<u16> =
            heard.presses.iter().map(|press| u16::from_be_bytes([press[2], press[3]])).collect();
        let ought: Vec<u16> = (1..=8u16).map(|n| n.min(6) * there).collect();
        assert_eq!(lengths, ought, "{a:?} {b:?}");
        let presses: Vec<_> = heard.numbers.iter().filter(|number| number.2 == EVENT).collect();
        assert!(presses.iter().all(|press| press.1 == presses[0].1), "one time for one press");
        assert!(presses[0].3 && !presses[1].3);
        for pair in heard.numbers.windows(2) {
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
        }
        let digit = |event: &Event| matches!(event, Event::Digit { leg: A, digit: '5', duration } if duration.as_millis() == 20);
        assert_eq!(talk.events.iter().filter(|event| digit(event)).count(), 1);
        assert!(talk.share(B, 550.0) > 0.95, "the voice goes on");
    }
}

fn dtmf_event(code: u8, end: bool, duration: u16) -> [u8; 4] {
    crate::media::dtmf::Event { code, end, duration }.write()
}

#[test]
fn a_room_a_prompt_a_recording_and_a_tape_are_had_in_any_codec() {
    for codec in ALL {
        let mut talk = Talk::new(&[(codec, 20), (Codec::Pcmu, 20), (Codec::Opus, 20)]);
        talk.command(play(A, vec![clip(700.0, 16_000)], false));
        let recording = crate::id::RecordingId(9);
        talk.command(Command::Record {
            leg: A,
            recording,
            max: Duration::from_secs(30),
            stop_after_silence: None,
            stop_on_digit: false,
            beep: false,
        });
        (0..75).for_each(|_| talk.beat());
        assert!(talk.share(A, 700.0) > 0.95, "{codec:?}");
        talk.command(Command::StopRecord { leg: A });
        let recorded = std::mem::take(&mut talk.recorded);
        assert!(recorded.len() > 11_000, "{}", recorded.len());
        assert!(Goertzel::share(&recorded[4_000..8_000], 550.0, 8_000.0) > 0.95, "{codec:?}");
        for leg in [A, B, LegId(3)] {
            let room = RoomId(5);
            talk.command(Command::StopPlay { leg });
            talk.command(Command::Mix { room, leg, speaks: true, hears: true });
        }
        (0..100).for_each(|_| talk.beat());
        for (leg, others) in
            [(A, [900.0, 1_300.0]), (B, [550.0, 1_300.0]), (LegId(3), [550.0, 900.0])]
        {
            for tone in others {
                assert!((0.35..0.65).contains(&talk.share(leg, tone)), "{codec:?} {leg} {tone}");
            }
        }
        let mut talk = Talk::bridged(codec, Codec::Pcmu);
        let max = Duration::from_secs(60);
        talk.command(Command::Tape { left: A, right: B, recording, max });
        (0..100).for_each(|_| talk.beat());
        let left: Vec<i16> = talk.recorded.iter().step_by(2).copied().collect();
        assert!(Goertzel::share(&left[4_000..], 550.0, 8_000.0) > 0.95, "{codec:?}");
    }
}

/// One packet of ten is lost on its way here: the listener misses none, and hears the tone.
#[test]
fn what_is_lost_on_one_side_is_no_hole_on_the_other() {
    for (a, b) in [
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcmu, Codec::Opus),
        (Codec::G722, Codec::Pcmu),
        (Codec::G722, Codec::Opus),
    ] {
        let mut talk = Talk::bridged(a, b);
        (0..20).for_each(|_| talk.beat());
        talk.loss = 100;
        (0..200).for_each(|_| talk.beat());
        talk.loss = 0;
        talk.beat();
        let listener = &talk.talkers[&B];
        let tick = if b == Codec::Opus { 960 } else { 160 };
        assert_eq!(listener.numbers.len(), 221, "{a:?} {b:?}: a packet for each, lost or not");
        assert!(listener.numbers.windows(2).all(|pair| pair[1].1.wrapping_sub(pair[0].1) == tick));
        let second = listener.rate.hertz() as usize;
        let heard = &listener.heard[second..];
        let share = Goertzel::share(heard, 550.0, f64::from(listener.rate.hertz()));
        assert!(share > 0.8, "{a:?} {b:?}: {share}");
    }
}

/// Overtaken, or sent twice: nothing is heard twice, and no clock runs back.
#[test]
fn a_packet_that_comes_too_late_is_not_heard_after_its_place_was_filled() {
    for a in [Codec::Opus, Codec::G722, Codec::Pcmu] {
        let b = if a == Codec::Pcmu { Codec::Opus } else { Codec::Pcmu };
        let mut talk = Talk::bridged(a, b);
        (0..20).for_each(|_| talk.beat());
        let talker = talk.talkers.get_mut(&A).unwrap();
        let (first, second, from) = (talker.packet(), talker.packet(), talker.at);
        for bytes in [&second, &first, &second] {
            talk.plane.handle_packet(talk.now, A, Kind::Rtp, from, bytes);
        }
        talk.collect();
        (0..20).for_each(|_| talk.beat());
        let numbers = &talk.talkers[&B].numbers;
        let tick = if b == Codec::Opus { 960 } else { 160 };
        assert_eq!(numbers.len(), 42, "{a:?}");
        assert!(numbers.windows(2).all(|pair| pair[1].1.wrapping_sub(pair[0].1) == tick), "{a:?}");
    }
}

#[test]
fn a_leg_that_changes_its_codec_in_a_call_is_heard_in_the_new_one() {
    let mut talk = Talk::bridged(Codec::Pcmu, Codec::Pcmu);
    (0..50).for_each(|_| talk.beat());
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        let talker = talk.talkers.get_mut(&A).unwrap();
        (talker.codec, talker.rate) =
            (codec, if codec.is_wide() { Rate::Wide } else { Rate::Narrow });
        talker.coder = Encoder::new(codec, Wishes::default()).unwrap();
        talker.decoder = Decoder::new(codec, talker.rate).unwrap();
        talker.heard.clear();
        let stream = agreed(codec, talker.at, 20);
        talk.command(Command::Configure { leg: A, stream });
        (0..75).for_each(|_| talk.beat());
        assert!(talk.share(A, 900.0) > 0.95, "{codec:?}");
        assert!(talk.share(B, 550.0) > 0.95, "{codec:?}");
    }
}

/// The peer reports that it loses packets: what it is sent from then on has a copy of what went before.
#[test]
fn redundancy_is_sent_to_who_loses_packets() {
    let mut talk = Talk::bridged(Codec::Pcmu, Codec::Opus);
    (0..50).for_each(|_| talk.beat());
    let lone = talk.size_at_b();
    let ssrc = {
        let bytes = talk.last_to_b();
        u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]])
    };
    let own = rtcp::Own { ssrc: 2, timestamp: 0, packets: 0, bytes: 0 };
    let block = rtcp::Block {
        ssrc,
        fraction: 40,
        lost: 9,
        highest: 0,
        jitter: 0,
        last_report: 0,
        delay: 0,
    };
    let report = rtcp::write(talk.now.unix, own, Some(block), "b");
    let from = talk.talkers[&B].at;
    talk.plane.handle_packet(talk.now, B, Kind::Rtcp, from, &report);
    (0..50).for_each(|_| talk.beat());
    let with = talk.size_at_b();
    assert!(with > lone * 5 / 4, "{lone} octets, then {with}");
}

impl Talk {
    /// The packet that goes to B after another beat.
    fn last_to_b(&mut self) -> Vec<u8> {
        let talker = self.talkers.get_mut(&A).unwrap();
        let (bytes, from) = (talker.packet(), talker.at);
        self.plane.handle_packet(self.now, A, Kind::Rtp, from, &bytes);
        let sent =
            std::iter::from_fn(|| self.plane.poll_output()).find_map(|output| match output {
                Output::Send { leg: B, bytes, .. } => Some(bytes),
                _ => None,
            });
        sent.expect("B hears A")
    }

    /// Octets of ten packets to B.
    fn size_at_b(&mut self) -> usize {
        (0..10).map(|_| self.last_to_b().len()).sum()
    }
}
