//! Legs whose packets are sealed (SRTP): everything that a leg can do it can do sealed, and nothing else gets in or out.
//! Row 31 of the bad-input table.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::media::srtp::{Keys, LONGEST_KEY, MasterKey, Protection, Suite};
use crate::media::{Codec, Report, dtmf, rtcp};

const PHONE: LegId = LegId(1);
const OTHER: LegId = LegId(2);

fn place(leg: LegId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, leg.0 as u8], 4_000))
}

fn keys(ours: u8, theirs: u8) -> Keys {
    let key = |number| MasterKey::new([number; LONGEST_KEY]);
    Keys { suite: Suite::AesCm80, ours: key(ours), theirs: key(theirs), resumed: false }
}

/// A phone with keys, joined with one that has none or keys of its own.
struct Sealed {
    now: Now,
    plane: Plane,
    /// The ends of the legs that are sealed.
    ends: BTreeMap<LegId, Protection>,
    /// What each leg was sent, opened where it was sealed.
    sent: Vec<(LegId, Vec<u8>)>,
    /// What was on the wire.
    wire: Vec<Vec<u8>>,
    events: Vec<Event>,
    recorded: Vec<i16>,
}

impl Sealed {
    fn new(other: Option<Keys>) -> Sealed {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let plane = Plane::new(Settings::default(), Random::from_number(1));
        let mut scene = Sealed {
            now,
            plane,
            ends: BTreeMap::new(),
            sent: Vec::new(),
            wire: Vec::new(),
            events: Vec::new(),
            recorded: Vec::new(),
        };
        for (leg, protection) in [(PHONE, Some(keys(1, 2))), (OTHER, other)] {
            scene.command(Command::Open { leg, local: place(LegId(9)) });
            scene.configure(leg, protection);
        }
        scene.command(Command::Bridge { a: PHONE, b: OTHER });
        scene
    }

    /// Agrees on keys, with the phone as well.
    fn configure(&mut self, leg: LegId, protection: Option<Keys>) {
        self.command(Command::Configure {
            leg,
            stream: Stream {
                protection,
                remote_rtcp: Some(SocketAddr::new(place(leg).ip(), 4_001)),
                ..stream(Codec::Pcmu, place(leg))
            },
        });
        if let Some(Keys { suite, ours, theirs, .. }) = protection {
            let there = Keys { suite, ours: theirs, theirs: ours, resumed: false };
            match self.ends.get_mut(&leg) {
                Some(end) => drop(end.rekey(there)),
                None => drop(self.ends.insert(leg, Protection::new(there).expect("keys"))),
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(self.now, command);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.plane.poll_output() {
            match output {
                Output::Send { leg, kind, bytes, .. } => {
                    let mut clear = Vec::new();
                    match (self.ends.get_mut(&leg), kind) {
                        (None, _) => clear.extend_from_slice(&bytes),
                        (Some(end), Kind::Rtp) => {
                            end.open_rtp(&bytes, &mut clear).expect("sealed for this leg");
                        }
                        (Some(end), Kind::Rtcp) => {
                            end.open_rtcp(&bytes, &mut clear).expect("sealed for this leg");
                        }
                    }
                    self.sent.push((leg, clear));
                    self.wire.push(bytes);
                }
                Output::Recording { samples, .. } => self.recorded.extend(samples),
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
    }

    /// A packet from a leg's phone, sealed as it should be.
    fn says(&mut self, leg: LegId, sequence: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let timestamp = u32::from(sequence) * 160;
        let ssrc = 70 + leg.0 as u32;
        let mut bytes = Vec::new();
        let packet = Packet { marker: false, payload_type, sequence, timestamp, ssrc, payload };
        rtp::write(&mut bytes, &packet);
        if let Some(end) = self.ends.get_mut(&leg) {
            assert!(end.seal_rtp(&mut bytes));
        }
        self.arrives(leg, &bytes);
        bytes
    }

    fn arrives(&mut self, leg: LegId, bytes: &[u8]) {
        self.plane.handle_packet(self.now, leg, Kind::Rtp, place(leg), bytes);
        self.collect();
    }

    /// The marks that a leg heard since this was last asked.
    fn heard(&mut self, by: LegId) -> Vec<u8> {
        let sent = std::mem::take(&mut self.sent);
        let sound = |bytes: &Vec<u8>| rtp::read(bytes).map(|packet| packet.payload[0]);
        sent.iter().filter(|(leg, _)| *leg == by).filter_map(|(_, bytes)| sound(bytes)).collect()
    }

    fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.now = self.now.after(Duration::from_millis(10));
            self.plane.handle_timeout(self.now);
            self.collect();
        }
    }

    fn report(&mut self) -> Report {
        self.command(Command::Close { leg: PHONE });
        let closed = self.events.iter().find_map(|event| match event {
            Event::Closed { leg: PHONE, report } => Some(report.clone()),
            _ => None,
        });
        closed.expect("it was closed")
    }
}

#[test]
fn a_sealed_leg_and_a_plain_one_or_two_sealed_ones_hear_each_other() {
    for other in [None, Some(keys(3, 4)), Some(Keys { suite: Suite::AesGcm, ..keys(3, 4) })] {
        let mut scene = Sealed::new(other);
        for sequence in 1..=50 {
            scene.says(PHONE, sequence, 0, &[0x21; 160]);
            scene.says(OTHER, sequence, 0, &[0x42; 160]);
        }
        let sent = scene.sent.clone();
        assert_eq!(scene.heard(OTHER), [0x21; 50]);
        scene.sent = sent;
        assert_eq!(scene.heard(PHONE), [0x42; 50]);
        let clear = |mark: u8| {
            let has = |bytes: &&Vec<u8>| bytes.windows(20).any(|part| part == [mark; 20]);
            scene.wire.iter().filter(has).count()
        };
        let plain = if other.is_none() { 50 } else { 0 };
        assert_eq!((clear(0x21), clear(0x42)), (plain, 0), "{other:?}");
        assert!(scene.report().protected);
    }
}

#[test]
fn row_31_bad_tags_and_replays_are_dropped_before_learning_and_the_call_stays() {
    let mut scene = Sealed::new(None);
    let good = scene.says(PHONE, 100, 0, &[1; 160]);
    assert_eq!(scene.heard(OTHER), [1]);
    // A leg that nobody has been heard on yet is the one to steal.
    let mut fresh = Sealed::new(None);
    let mut random = Random::from_number(31);
    const MANY: u64 = 100_000;
    for number in 0..MANY {
        let mut forged = good.clone();
        random.fill(&mut forged[12..]);
        forged[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        forged[8..12].copy_from_slice(&random.bits().to_be_bytes()[..4]);
        fresh.arrives(PHONE, &forged);
        forged[8..12].copy_from_slice(&good[8..12]);
        scene.arrives(PHONE, &forged);
    }
    for _ in 0..1_000 {
        scene.arrives(PHONE, &good);
    }
    for cut in 0..good.len() {
        scene.arrives(PHONE, &good[..cut]);
    }
    let mut plain = Vec::new();
    let (sequence, payload) = (101, &[9; 160][..]);
    let packet =
        Packet { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc: 71, payload };
    rtp::write(&mut plain, &packet);
    scene.arrives(PHONE, &plain);
    assert!(scene.heard(OTHER).is_empty() && fresh.heard(OTHER).is_empty());

    scene.says(PHONE, 101, 0, &[2; 160]);
    fresh.says(PHONE, 1, 0, &[3; 160]);
    assert_eq!((scene.heard(OTHER), fresh.heard(OTHER)), (vec![2], vec![3]), "the call stays");
    let report = scene.report();
    // What is older than the window is taken for a replay before its tag is looked at.
    let dropped = report.forged + report.replayed + report.unusable;
    assert_eq!((report.received, dropped), (2, MANY + 1_000 + 1 + good.len() as u64));
    assert!(report.replayed >= 1_000 && report.unusable >= 12, "{report:?}");
    let report = fresh.report();
    assert_eq!((report.received, report.forged, report.strangers), (1, MANY, 0));
}

#[test]
fn a_phone_with_another_key_is_silent_and_counted_and_hears_nothing() {
    let mut scene = Sealed::new(None);
    scene.ends.insert(PHONE, Protection::new(keys(8, 9)).expect("keys"));
    for sequence in 1..=20 {
        scene.says(PHONE, sequence, 0, &[0x21; 160]);
    }
    assert!(scene.heard(OTHER).is_empty(), "no noise");
    let report = scene.report();
    assert_eq!((report.received, report.forged), (0, 20));
}

#[test]
fn digits_prompts_recordings_tapes_and_echo_work_sealed() {
    let mut scene = Sealed::new(None);
    let press = dtmf::Event { code: 5, end: true, duration: 800 }.write();
    scene.says(PHONE, 1, 0, &[0x21; 160]);
    scene.says(PHONE, 2, 101, &press);
    assert!(scene.events.iter().any(|e| matches!(e, Event::Digit { leg: PHONE, digit: '5', .. })));

    scene.sent.clear();
    scene.command(Command::SendDigits { leg: PHONE, digits: "7".to_owned() });
    scene.pass(400);
    let events = scene.sent.iter().filter_map(|(_, bytes)| rtp::read(bytes));
    assert!(events.filter(|packet| packet.payload_type == 101).count() > 3);

    let clips = vec![Clip::new(vec![4_000; 1_600])];
    let (leg, token) = (PHONE, 6);
    scene.command(Command::Play { leg, token, clips, repeat: false, stop_on_digit: false });
    scene.pass(400);
    assert!(scene.events.contains(&Event::Played { leg, token, interrupted: false }));
    assert!(scene.heard(PHONE).len() >= 9);

    scene.command(Command::Record {
        leg,
        recording: RecordingId(1),
        max: Duration::from_secs(9),
        stop_after_silence: None,
        stop_on_digit: false,
        beep: false,
    });
    for sequence in 3..30 {
        scene.says(PHONE, sequence, 0, &[0x21; 160]);
    }
    scene.command(Command::StopRecord { leg });
    assert!(scene.recorded.iter().filter(|sample| sample.abs() > 1_000).count() > 160 * 20);

    scene.command(Command::Echo { leg, on: true });
    scene.sent.clear();
    scene.says(PHONE, 30, 0, &[0x21; 160]);
    assert_eq!(scene.heard(PHONE), [0x21]);
}

#[test]
fn in_a_room_sealed_and_plain_hear_each_other() {
    let mut scene = Sealed::new(None);
    for leg in [PHONE, OTHER] {
        scene.command(Command::Mix { room: RoomId(1), leg, speaks: true, hears: true });
    }
    for sequence in 1..100 {
        scene.says(PHONE, sequence, 0, &[0x21; 160]);
        scene.says(OTHER, sequence, 0, &[0x42; 160]);
        scene.pass(20);
    }
    let sent = scene.sent.clone();
    assert!(scene.heard(OTHER).iter().filter(|mark| **mark == 0x21).count() > 50);
    scene.sent = sent;
    assert!(scene.heard(PHONE).iter().filter(|mark| **mark == 0x42).count() > 50);
}

#[test]
fn keys_change_in_a_call_and_a_leg_takes_its_keys_along() {
    let mut scene = Sealed::new(None);
    scene.says(PHONE, 1, 0, &[1; 160]);
    scene.says(OTHER, 1, 0, &[2; 160]);
    scene.configure(PHONE, Some(keys(5, 6)));
    scene.says(PHONE, 2, 0, &[3; 160]);
    scene.says(OTHER, 2, 0, &[4; 160]);
    // Said again, as a hold or a session refresh does: counters go on.
    scene.configure(PHONE, Some(keys(5, 6)));
    scene.says(PHONE, 3, 0, &[5; 160]);
    let sent = scene.sent.clone();
    assert_eq!(scene.heard(OTHER), [1, 3, 5]);
    scene.sent = sent;
    assert_eq!(scene.heard(PHONE), [2, 4]);

    scene.plane.handle_command(scene.now, Command::Move { leg: PHONE, to: 1 });
    let moving = std::iter::from_fn(|| scene.plane.poll_output()).find_map(|output| match output {
        Output::HandOver { moving, .. } => moving,
        _ => None,
    });
    scene.plane = Plane::new(Settings::default(), Random::from_number(2));
    scene.plane.handle_arrived(scene.now, PHONE, moving);
    scene.command(Command::Echo { leg: PHONE, on: true });
    scene.says(PHONE, 4, 0, &[7; 160]);
    assert_eq!(scene.heard(PHONE), [7], "the same keys, on another thread");
}

#[test]
fn reports_go_sealed_and_plain_ones_say_nothing() {
    let mut scene = Sealed::new(None);
    scene.says(PHONE, 1, 0, &[1; 160]);
    scene.pass(9_000);
    let reports = scene.sent.iter().filter(|(leg, bytes)| *leg == PHONE && bytes[1] == 201);
    assert!(reports.count() > 0, "a receiver report that the phone could open");
    let own = rtcp::Own { ssrc: 71, timestamp: 1, packets: 1, bytes: 1 };
    let plain = rtcp::write(scene.now.unix, own, None, "x");
    let from = place(PHONE);
    scene.plane.handle_packet(scene.now, PHONE, Kind::Rtcp, from, &plain);
    let mut sealed = plain.clone();
    assert!(scene.ends.get_mut(&PHONE).is_some_and(|end| end.seal_rtcp(&mut sealed)));
    scene.plane.handle_packet(scene.now, PHONE, Kind::Rtcp, from, &sealed);
    assert_eq!(scene.report().forged, 1);
}
