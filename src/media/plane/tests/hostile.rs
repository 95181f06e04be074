//! Packets of strangers and broken phones, rows 30 and 32 of the bad-input table: who is heard, who hears, what counts.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::media::{Codec, Report, Stream, dtmf, rtcp};
use crate::time::UnixTime;

const A: LegId = LegId(1);
const B: LegId = LegId(2);

/// Two joined legs. The phone of A is at 192.0.2.9:4000.
struct Scene {
    now: Now,
    plane: Plane,
    /// What B heard: the RTP packets' first bytes of sound.
    heard: Vec<u8>,
    /// Where A's packets went.
    sent_to: Vec<SocketAddr>,
    digits: Vec<(char, Duration)>,
}

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

const PHONE: u8 = 9;

fn stream(remote: SocketAddr) -> Stream {
    Stream {
        codec: Codec::Pcmu,
        payload_type: 0,
        clock_rate: 8_000,
        dtmf: Some(101),
        ours: (0, Some(101)),
        dtmf_clock: 8_000,
        wishes: Default::default(),
        tones: false,
        comfort: None,
        ptime_ms: 20,
        remote,
        signalled: None,
        waits: false,
        remote_rtcp: Some(SocketAddr::new(remote.ip(), remote.port() + 1)),
        send: true,
        receive: true,
        protection: None,
        peer: false,
    }
}

impl Scene {
    fn new() -> Scene {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let plane = Plane::new(Settings::default(), Random::from_number(1));
        let (heard, sent_to, digits) = (Vec::new(), Vec::new(), Vec::new());
        let mut scene = Scene { now, plane, heard, sent_to, digits };
        for (leg, place) in [(A, at(PHONE, 4_000)), (B, at(20, 4_000))] {
            scene.command(Command::Open { leg, local: at(1, 5_000) });
            scene.command(Command::Configure { leg, stream: stream(place) });
        }
        scene.command(Command::Bridge { a: A, b: B });
        scene
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(self.now, command);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.plane.poll_output() {
            match output {
                Output::Send { leg, kind: Kind::Rtp, to, bytes } => {
                    let packet = rtp::read(&bytes).expect("we send packets");
                    match leg {
                        A => self.sent_to.push(to),
                        _ => self.heard.extend(packet.payload.first()),
                    }
                }
                Output::Event(Event::Digit { digit, duration, .. }) => {
                    self.digits.push((digit, duration));
                }
                _ => {}
            }
        }
    }

    /// Sound with `mark` in it, from somewhere to A.
    fn sound(&mut self, from: SocketAddr, ssrc: u32, sequence: u16, mark: u8) {
        let timestamp = u32::from(sequence) * 160;
        let payload = &[mark; 160];
        let packet = Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload };
        self.packet(from, &packet);
    }

    fn packet(&mut self, from: SocketAddr, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        rtp::write(&mut bytes, packet);
        self.bytes(from, Kind::Rtp, &bytes);
    }

    fn bytes(&mut self, from: SocketAddr, kind: Kind, bytes: &[u8]) {
        self.plane.handle_packet(self.now, A, kind, from, bytes);
        self.collect();
    }

    /// B says something, which A's phone is to hear.
    fn answer(&mut self, sequence: u16) {
        let payload = &[0x33; 160];
        let timestamp = u32::from(sequence) * 160;
        let packet =
            Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 8, payload };
        let mut bytes = Vec::new();
        rtp::write(&mut bytes, &packet);
        self.plane.handle_packet(self.now, B, Kind::Rtp, at(20, 4_000), &bytes);
        self.collect();
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    /// How A was, once it is closed.
    fn report(mut self) -> Report {
        self.plane.handle_command(self.now, Command::Close { leg: A });
        std::iter::from_fn(|| self.plane.poll_output())
            .find_map(|output| match output {
                Output::Event(Event::Closed { report, .. }) => Some(report),
                _ => None,
            })
            .expect("it is closed")
    }
}

#[test]
fn row_30_another_host_port_or_payload_type_is_neither_heard_nor_spoken_to() {
    let mut scene = Scene::new();
    scene.sound(at(PHONE, 4_000), 7, 1, 1);
    for n in 2..200 {
        scene.sound(at(66, 4_000), 7, n, 66);
        scene.sound(at(PHONE, 4_002), 7, n, 66);
        scene.sound(SocketAddr::from(([127, 0, 0, 1], 4_000)), 7, n, 66);
        let odd = Packet {
            marker: true,
            payload_type: 97,
            sequence: n,
            timestamp: 0,
            ssrc: 7,
            payload: &[66; 160],
        };
        scene.packet(at(PHONE, 4_000), &odd);
        scene.sound(at(PHONE, 4_000), 7, n, 1);
        scene.answer(n);
        scene.wait(20);
    }
    assert!(scene.heard.iter().all(|mark| *mark == 1), "nobody else is heard");
    assert_eq!(scene.heard.len(), 199);
    assert!(scene.sent_to.iter().all(|to| *to == at(PHONE, 4_000)), "nobody else hears");
    let report = scene.report();
    assert_eq!((report.strangers, report.unusable, report.lost), (3 * 198, 198, 0));
}

#[test]
fn row_30_a_new_source_at_the_phones_own_address_is_the_phone() {
    let mut scene = Scene::new();
    (0..10).for_each(|n| scene.sound(at(PHONE, 4_000), 7, n, 1));
    // Put through to another device of its own, a phone begins anew.
    (0..10).for_each(|n| scene.sound(at(PHONE, 4_000), 70, 40_000 + n, 2));
    assert_eq!(scene.heard.len(), 20);
    assert_eq!(scene.report().lost, 0);
}

#[test]
fn row_30_learning_ends_with_the_fifth_packet_or_after_200_ms_and_then_the_lock_holds() {
    // By packets: the fifth in a row from one place is believed.
    let mut scene = Scene::new();
    (0..4).for_each(|n| scene.sound(at(PHONE, 7_000), 7, n, 1));
    assert!(scene.heard.is_empty(), "four are not enough");
    scene.sound(at(PHONE, 7_000), 7, 4, 1);
    assert_eq!(scene.heard.len(), 1);
    // By time: a slow talker is believed with the first packet after 200 ms.
    let mut slow = Scene::new();
    slow.sound(at(PHONE, 7_000), 7, 0, 1);
    slow.wait(199);
    slow.sound(at(PHONE, 7_000), 7, 1, 1);
    assert!(slow.heard.is_empty());
    slow.wait(1);
    slow.sound(at(PHONE, 7_000), 7, 2, 1);
    assert_eq!(slow.heard.len(), 1);
    // Locked: another port of the same host has no second chance, however long it tries.
    for n in 0..500 {
        slow.sound(at(PHONE, 7_002), 66, n, 66);
        slow.answer(n);
        slow.wait(20);
    }
    assert_eq!(slow.heard.len(), 1);
    assert!(slow.sent_to.iter().all(|to| *to == at(PHONE, 7_000)));
    assert_eq!(slow.report().strangers, 500);
}

#[test]
fn row_30_two_who_learn_at_once_do_not_help_each_other() {
    let mut scene = Scene::new();
    // A second sender between the packets of the first neither counts for it nor takes its place.
    for n in 0..4 {
        scene.sound(at(PHONE, 7_000), 7, n, 1);
        scene.sound(at(PHONE, 7_002), 66, n, 66);
    }
    assert!(scene.heard.is_empty());
    scene.sound(at(PHONE, 7_000), 7, 4, 1);
    assert_eq!(scene.heard, [1]);
}

#[test]
fn row_30_what_is_no_packet_is_dropped_and_reports_of_strangers_say_nothing() {
    let mut scene = Scene::new();
    scene.sound(at(PHONE, 4_000), 7, 0, 1);
    for version in [0x00, 0x40, 0xc0] {
        let mut bytes = vec![version, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7];
        bytes.extend([66; 160]);
        scene.bytes(at(PHONE, 4_000), Kind::Rtp, &bytes);
    }
    for length in 0..12 {
        scene.bytes(at(PHONE, 4_000), Kind::Rtp, &[0x80; 12][..length]);
    }
    // CSRC counts, extensions and paddings that reach beyond the end.
    for first in [0x8f, 0x90, 0xb0, 0xaf] {
        scene.bytes(
            at(PHONE, 4_000),
            Kind::Rtp,
            &[first, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 255, 255],
        );
    }
    assert_eq!(scene.heard, [1]);
    // Short and broken reports, and a good one from elsewhere: none counts as a sign of life or tells a time.
    for length in 0..8 {
        scene.bytes(at(PHONE, 4_001), Kind::Rtcp, &[0x81, 200, 0, 6, 0, 0, 0, 7][..length]);
    }
    let own = rtcp::Own { ssrc: 7, timestamp: 0, packets: 9, bytes: 9 };
    let good = rtcp::write(scene.now.unix, own, None, "x");
    scene.bytes(at(66, 4_001), Kind::Rtcp, &good);
    let report = scene.report();
    assert_eq!(report.round_trip_ms, None);
    assert_eq!((report.strangers, report.received, report.lost), (1, 1, 0));
}

fn key(scene: &mut Scene, from: SocketAddr, sequence: u16, timestamp: u32, event: dtmf::Event) {
    let payload = &event.write();
    let packet = Packet { marker: false, payload_type: 101, sequence, timestamp, ssrc: 7, payload };
    scene.packet(from, &packet);
}

#[test]
fn row_32_a_press_is_one_digit_forged_ones_are_none_and_none_lasts_for_ever() {
    let phone = at(PHONE, 4_000);
    let event = |code, duration, end| dtmf::Event { code, end, duration };
    let mut scene = Scene::new();
    scene.sound(phone, 7, 0, 1);
    // Forged: from elsewhere, with a code that is no key, too short to be one.
    key(&mut scene, at(66, 4_000), 1, 0, event(9, 800, true));
    key(&mut scene, at(PHONE, 4_002), 1, 0, event(9, 800, true));
    key(&mut scene, phone, 1, 0, event(16, 800, true));
    let short = Packet {
        marker: true,
        payload_type: 101,
        sequence: 2,
        timestamp: 0,
        ssrc: 7,
        payload: &[5],
    };
    scene.packet(phone, &short);
    assert!(scene.digits.is_empty(), "{:?}", scene.digits);
    // Duplicated: each packet three times, its end ten times.
    for n in 3..8 {
        for _ in 0..3 {
            key(&mut scene, phone, n, 1_600, event(5, (n - 2) * 160, false));
        }
    }
    (8..18).for_each(|n| key(&mut scene, phone, n, 1_600, event(5, 960, true)));
    assert_eq!(scene.digits.len(), 1);
    // Endless: the counter is full for a minute.
    (18..3_018).for_each(|n| key(&mut scene, phone, n, 16_000, event(11, u16::MAX, false)));
    let digits: String = scene.digits.iter().map(|(digit, _)| *digit).collect();
    assert_eq!(digits, "5#");
    assert!(scene.digits.iter().all(|(_, lasted)| *lasted <= Duration::from_secs(10)));
    // A wrong clock: the timestamp runs on with every packet of one press.
    for n in 1..=20u16 {
        let timestamp = 40_000 + u32::from(n) * 160;
        key(&mut scene, phone, 4_000 + n, timestamp, event(3, n * 160, n == 20));
    }
    assert_eq!(scene.digits.len(), 3);
}
