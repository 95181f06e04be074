//! Whole calls through a plane, in virtual time: who hears whom, and as what.

mod codecs;
mod hostile;
mod hushed;
mod rooms;
mod sealed;
mod signs;
mod tapped;

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::*;
use crate::media::codec::g711;
use crate::media::detect::Goertzel;
use crate::media::rtcp;
use crate::media::{Clip, Codec, Stream};
use crate::time::UnixTime;

const A: LegId = LegId(1);
const B: LegId = LegId(2);

/// A party at the far end of a leg: sends a tone, keeps what it hears.
struct Party {
    leg: LegId,
    at: SocketAddr,
    codec: Codec,
    hertz: f64,
    sequence: u16,
    timestamp: u32,
    heard: Vec<i16>,
    packets: Vec<(u16, u32, u32, u8, bool)>,
}

struct Scene {
    now: Now,
    plane: Plane,
    parties: BTreeMap<LegId, Party>,
    events: Vec<Event>,
    recorded: Vec<i16>,
    loss: u64,
    /// Packets sent elsewhere than to where the party is.
    misdirected: usize,
    random: Random,
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn stream(codec: Codec, remote: SocketAddr) -> Stream {
    Stream {
        codec,
        payload_type: if codec == Codec::Pcma { 8 } else { 0 },
        clock_rate: 8_000,
        dtmf: Some(if codec == Codec::Pcma { 96 } else { 101 }),
        ours: (
            if codec == Codec::Pcma { 8 } else { 0 },
            Some(if codec == Codec::Pcma { 96 } else { 101 }),
        ),
        dtmf_clock: 8_000,
        wishes: Default::default(),
        tones: false,
        comfort: None,
        ptime_ms: 20,
        remote,
        signalled: None,
        waits: false,
        remote_rtcp: None,
        send: true,
        receive: true,
        protection: None,
        peer: false,
    }
}

impl Scene {
    fn new(codecs: [Codec; 2]) -> Scene {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let plane = Plane::new(Settings::default(), Random::from_number(1));
        let mut scene = Scene {
            now,
            plane,
            parties: BTreeMap::new(),
            events: Vec::new(),
            recorded: Vec::new(),
            loss: 0,
            misdirected: 0,
            random: Random::from_number(2),
        };
        for (leg, codec, hertz) in [(A, codecs[0], 550.0), (B, codecs[1], 900.0)] {
            let place = at(4_000 + leg.0 as u16 * 10);
            scene.command(Command::Open { leg, local: at(5_000) });
            scene.command(Command::Configure { leg, stream: stream(codec, place) });
            let party = Party {
                leg,
                at: place,
                codec,
                hertz,
                sequence: 65_500,
                timestamp: u32::MAX - 5_000,
                heard: Vec::new(),
                packets: Vec::new(),
            };
            scene.parties.insert(leg, party);
        }
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
                    let packet = rtp::read(&bytes).unwrap();
                    let party = self.parties.get_mut(&leg).unwrap();
                    if to != party.at {
                        self.misdirected += 1;
                        self.plane.recycle(bytes);
                        continue;
                    }
                    party.packets.push((
                        packet.sequence,
                        packet.timestamp,
                        packet.ssrc,
                        packet.payload_type,
                        packet.marker,
                    ));
                    match packet.payload_type {
                        0 => {
                            party.heard.extend(packet.payload.iter().map(|c| g711::ulaw_decode(*c)))
                        }
                        8 => {
                            party.heard.extend(packet.payload.iter().map(|c| g711::alaw_decode(*c)))
                        }
                        _ => {}
                    }
                    self.plane.recycle(bytes);
                }
                Output::Event(event) => self.events.push(event),
                Output::Recording { samples, .. } => self.recorded.extend(samples),
                _ => {}
            }
        }
    }

    /// 20 ms in which everybody speaks.
    fn beat(&mut self, speakers: &[LegId]) {
        for leg in speakers {
            let party = self.parties.get_mut(leg).unwrap();
            let samples: Vec<i16> = (0..160)
                .map(|n| {
                    let t = f64::from(party.timestamp.wrapping_add(n).wrapping_add(5_000));
                    ((TAU * party.hertz * t / 8_000.0).sin() * 8_000.0) as i16
                })
                .collect();
            let payload: Vec<u8> = samples
                .iter()
                .map(|s| match party.codec {
                    Codec::Pcma => g711::alaw_encode(*s),
                    _ => g711::ulaw_encode(*s),
                })
                .collect();
            let bytes = party.packet(if party.codec == Codec::Pcma { 8 } else { 0 }, &payload);
            party.timestamp = party.timestamp.wrapping_add(160);
            let (leg, from) = (party.leg, party.at);
            if self.random.below(1_000) >= self.loss {
                self.plane.handle_packet(self.now, leg, Kind::Rtp, from, &bytes);
            }
        }
        self.collect();
        self.pass(Duration::from_millis(20));
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now.instant + span;
        while let Some(deadline) = self.plane.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.after(deadline.saturating_duration_since(self.now.instant));
            self.plane.handle_timeout(self.now);
            self.collect();
        }
        self.now = self.now.after(end.saturating_duration_since(self.now.instant));
    }

    fn press(&mut self, leg: LegId, code: u8) {
        for n in 0..8u16 {
            let end = if n >= 5 { 0x80 } else { 0 };
            let [high, low] = ((n + 1).min(6) * 160).to_be_bytes();
            let party = self.parties.get_mut(&leg).unwrap();
            let dtmf = if party.codec == Codec::Pcma { 96 } else { 101 };
            let bytes = party.packet(dtmf, &[code, end, high, low]);
            let from = party.at;
            self.plane.handle_packet(self.now, leg, Kind::Rtp, from, &bytes);
            self.collect();
        }
        let party = self.parties.get_mut(&leg).unwrap();
        party.timestamp = party.timestamp.wrapping_add(960);
    }

    fn hears(&self, leg: LegId, hertz: f64) -> bool {
        let heard = &self.parties[&leg].heard;
        heard.len() >= 4_000 && Goertzel::share(&heard[heard.len() - 4_000..], hertz, 8_000.0) > 0.9
    }

    fn digits(&self) -> String {
        let digit = |event: &Event| match event {
            Event::Digit { digit, .. } => Some(*digit),
            _ => None,
        };
        self.events.iter().filter_map(digit).collect()
    }
}

impl Party {
    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let ssrc = self.leg.0 as u32;
        rtp::write(
            &mut bytes,
            &Packet { marker: false, payload_type, sequence, timestamp, ssrc, payload },
        );
        bytes
    }
}

fn clip(hertz: f64, samples: usize) -> Clip {
    Clip::new(
        (0..samples).map(|n| ((TAU * hertz * n as f64 / 8_000.0).sin() * 8_000.0) as i16).collect(),
    )
}

fn play(leg: LegId, clips: Vec<Clip>, stop_on_digit: bool) -> Command {
    Command::Play { leg, token: 7, clips, repeat: false, stop_on_digit }
}

#[test]
fn two_parties_hear_each_other_whatever_law_they_speak() {
    for codecs in
        [[Codec::Pcmu, Codec::Pcmu], [Codec::Pcmu, Codec::Pcma], [Codec::Pcma, Codec::Pcmu]]
    {
        let mut scene = Scene::new(codecs);
        scene.command(Command::Bridge { a: A, b: B });
        (0..50).for_each(|_| scene.beat(&[A, B]));
        assert!(scene.hears(A, 900.0) && scene.hears(B, 550.0), "{codecs:?}");
        assert_eq!(scene.misdirected, 0, "sound goes to the peer alone");
        scene.command(Command::Unbridge { leg: A });
        let before = scene.parties[&B].heard.len();
        (0..50).for_each(|_| scene.beat(&[A, B]));
        assert_eq!(scene.parties[&B].heard.len(), before, "parted, they hear nothing");
    }
}

#[test]
fn prompt_conversation_and_music_are_one_stream_to_the_phone() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(play(A, vec![clip(700.0, 8_000)], false));
    (0..60).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 700.0));
    assert!(scene.events.contains(&Event::Played { leg: A, token: 7, interrupted: false }));
    scene.command(Command::Bridge { a: A, b: B });
    (0..60).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 900.0));
    scene.command(play(A, vec![clip(300.0, 8_000)], false));
    (0..40).for_each(|_| scene.beat(&[A, B]));
    let packets = &scene.parties[&A].packets;
    assert!(packets.len() > 120);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].2, pair[0].2, "one source");
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
        let step = pair[1].1.wrapping_sub(pair[0].1);
        assert!((80..=8_000).contains(&step), "the clock runs on: {step}");
        assert!(step == 160 || pair[1].4, "a jump is marked");
    }
}

#[test]
fn a_prompt_is_sent_in_its_own_time() {
    let mut scene = Scene::new([Codec::Pcma, Codec::Pcmu]);
    let began = scene.now.instant;
    scene.command(play(A, vec![clip(700.0, 4_000), clip(700.0, 4_000)], false));
    while scene.events.is_empty() {
        scene.pass(Duration::from_millis(1));
    }
    assert_eq!(scene.parties[&A].packets.len(), 50);
    let took = scene.now.instant - began;
    assert!((990..1_040).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_key_press_is_told_once_passed_on_and_ends_the_prompt() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcma]);
    scene.beat(&[A, B]);
    scene.command(play(A, vec![clip(700.0, 80_000)], true));
    scene.pass(Duration::from_millis(100));
    scene.press(A, 5);
    assert_eq!(scene.digits(), "5");
    assert!(scene.events.contains(&Event::Played { leg: A, token: 7, interrupted: true }));
    scene.command(Command::Bridge { a: A, b: B });
    scene.beat(&[A, B]);
    scene.press(A, 11);
    assert_eq!(scene.digits(), "5#");
    let passed = scene.parties[&B].packets.iter().filter(|packet| packet.3 == 96).count();
    assert_eq!(passed, 8, "with the payload type that B agreed on");
}

#[test]
fn keys_that_we_press_are_heard_once_each() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::SendDigits { leg: A, digits: "12x#".into() });
    scene.pass(Duration::from_secs(1));
    let events = scene.parties[&A].packets.iter().filter(|packet| packet.3 == 101).count();
    assert_eq!(events, 3 * 8);
    let stamps: std::collections::BTreeSet<_> =
        scene.parties[&A].packets.iter().map(|p| p.1).collect();
    assert_eq!(stamps.len(), 3, "one timestamp for each press");
}

#[test]
fn a_stranger_is_never_heard() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    (0..10).for_each(|_| scene.beat(&[A, B]));
    let heard = scene.parties[&B].heard.len();
    let mut bytes = Vec::new();
    for n in 0..1_000 {
        bytes.clear();
        let payload = &[0; 160];
        let forged =
            Packet { marker: false, payload_type: 0, sequence: n, timestamp: 0, ssrc: 1, payload };
        rtp::write(&mut bytes, &forged);
        scene.plane.handle_packet(scene.now, A, Kind::Rtp, at(9_999), &bytes);
    }
    scene.collect();
    assert_eq!(scene.parties[&B].heard.len(), heard);
    scene.command(Command::Close { leg: A });
    let Some(Event::Closed { report, .. }) = scene.events.last() else { panic!("not closed") };
    assert_eq!((report.strangers, report.lost), (1_000, 0));
}

#[test]
fn a_peer_behind_address_translation_is_found_within_five_packets() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    scene.parties.get_mut(&A).unwrap().at = at(7_777);
    (0..40).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(B, 550.0));
    assert!(scene.hears(A, 900.0));
    assert!(scene.misdirected <= 5, "{}", scene.misdirected);
}

#[test]
fn a_held_party_is_not_heard_and_hears_nothing() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    scene.beat(&[A, B]);
    let place = scene.parties[&A].at;
    let held = Stream { send: false, receive: false, ..stream(Codec::Pcmu, place) };
    scene.command(Command::Configure { leg: A, stream: held });
    let before = (scene.parties[&A].heard.len(), scene.parties[&B].heard.len());
    (0..20).for_each(|_| scene.beat(&[A, B]));
    assert_eq!((scene.parties[&A].heard.len(), scene.parties[&B].heard.len()), before);
    scene.command(Command::Configure { leg: A, stream: stream(Codec::Pcmu, place) });
    (0..40).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 900.0) && scene.hears(B, 550.0));
}

#[test]
fn an_echo_is_an_echo() {
    let mut scene = Scene::new([Codec::Pcma, Codec::Pcmu]);
    scene.command(Command::Echo { leg: A, on: true });
    (0..50).for_each(|_| scene.beat(&[A]));
    assert!(scene.hears(A, 550.0));
}

#[test]
fn a_message_is_recorded_after_the_beep_until_a_key_is_pressed() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Record {
        leg: A,
        recording: RecordingId(9),
        max: Duration::from_secs(60),
        stop_after_silence: None,
        stop_on_digit: true,
        beep: true,
    });
    (0..120).for_each(|_| scene.beat(&[A]));
    scene.press(A, 11);
    let recorded = scene.events.iter().find_map(|event| match event {
        Event::Recorded { duration, .. } => Some(*duration),
        _ => None,
    });
    let length = recorded.expect("told").as_millis();
    assert!((1_900..=2_020).contains(&length), "{length}");
    assert!(Goertzel::share(&scene.recorded, 550.0, 8_000.0) > 0.9);
    assert!(scene.parties[&A].packets.len() >= 20, "the beep was sent");
}

#[test]
fn loss_is_counted_within_a_tenth() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.loss = 100;
    (0..5_000).for_each(|_| scene.beat(&[A]));
    scene.command(Command::Close { leg: A });
    let Some(Event::Closed { report, .. }) = scene.events.last() else { panic!("not closed") };
    assert!((9.0..11.0).contains(&report.loss_percent()), "{report:?}");
    assert!(report.mos.is_some_and(|mos| mos < 4.0));
}

#[test]
fn reports_are_sent_and_tell_who_sends() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let mut reporting = stream(Codec::Pcmu, scene.parties[&A].at);
    reporting.remote_rtcp = Some(at(4_011));
    scene.command(Command::Configure { leg: A, stream: reporting });
    let mut reports = 0;
    for _ in 0..1_000 {
        scene.plane.handle_timeout(scene.now);
        while let Some(output) = scene.plane.poll_output() {
            if let Output::Send { kind: Kind::Rtcp, to, bytes, .. } = output {
                assert_eq!(to, at(4_011));
                assert!(rtcp::read(&bytes, 0, scene.now.unix).is_some());
                reports += 1;
            }
        }
        scene.now = scene.now.after(Duration::from_millis(20));
    }
    assert!((2..=8).contains(&reports), "{reports} in 20 s");
}

#[test]
fn nothing_is_left_when_all_legs_are_closed() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    scene.command(play(A, vec![clip(1.0, 80_000)], false));
    scene.command(Command::Close { leg: A });
    scene.command(Command::Close { leg: B });
    assert!(scene.plane.is_empty());
    assert_eq!(scene.plane.deadline(), None);
}

/// One packet of sound from `from` to leg A.
fn from_elsewhere(scene: &mut Scene, from: SocketAddr, sequence: u16) {
    let payload = &[0x55; 160];
    let timestamp = u32::from(sequence) * 160;
    let packet = Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 66, payload };
    let mut bytes = Vec::new();
    rtp::write(&mut bytes, &packet);
    scene.plane.handle_packet(scene.now, A, Kind::Rtp, from, &bytes);
    scene.collect();
}

#[test]
fn another_host_never_takes_over_a_leg_whose_phone_is_silent() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Echo { leg: A, on: true });
    let stranger = SocketAddr::from(([198, 51, 100, 66], 4_000));
    for n in 0..200 {
        from_elsewhere(&mut scene, stranger, n);
        scene.pass(Duration::from_millis(20));
    }
    assert_eq!(scene.misdirected, 0, "the stranger hears something");
    (0..50).for_each(|_| scene.beat(&[A]));
    assert!(scene.hears(A, 550.0), "the phone hears its own echo");
}

#[test]
fn the_address_in_the_description_takes_its_leg_back() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Echo { leg: A, on: true });
    // Another program on the phone's host, or behind the same router.
    for n in 0..50 {
        from_elsewhere(&mut scene, at(9_999), n);
        scene.pass(Duration::from_millis(20));
    }
    assert!(scene.misdirected > 0, "another port of a known host is believed");
    let before = scene.misdirected;
    (0..50).for_each(|_| scene.beat(&[A]));
    assert!(scene.hears(A, 550.0));
    assert_eq!(scene.misdirected, before);
}

#[test]
fn a_phone_that_describes_a_private_address_is_found_by_where_it_is_signalled_from() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let router = at(7_777);
    let private = SocketAddr::from(([10, 0, 0, 5], 4_000));
    let described = Stream { signalled: Some(router.ip()), ..stream(Codec::Pcmu, private) };
    scene.command(Command::Configure { leg: A, stream: described });
    scene.command(Command::Bridge { a: A, b: B });
    scene.parties.get_mut(&A).unwrap().at = router;
    (0..40).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(B, 550.0) && scene.hears(A, 900.0));
}

#[test]
fn a_leg_that_never_speaks_is_told_of_and_one_on_hold_much_later() {
    let settings = Settings {
        inactivity: Some(Duration::from_secs(60)),
        inactivity_on_hold: Some(Duration::from_secs(3_600)),
    };
    let gone = |receive: bool| {
        let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
        scene.plane = Plane::new(settings.clone(), Random::from_number(1));
        scene.command(Command::Open { leg: A, local: at(5_000) });
        let held = Stream { receive, ..stream(Codec::Pcmu, at(4_000)) };
        scene.command(Command::Configure { leg: A, stream: held });
        let began = scene.now.instant;
        while !scene.events.iter().any(|event| matches!(event, Event::Inactive { .. })) {
            scene.pass(Duration::from_secs(1));
            assert!(scene.now.instant - began < Duration::from_secs(4_000), "never told");
        }
        (scene.now.instant - began).as_secs()
    };
    assert!((60..70).contains(&gone(true)));
    assert!((3_600..3_610).contains(&gone(false)));
}

#[test]
fn nothing_is_sent_to_an_unproven_address_and_nothing_of_the_prompt_is_lost() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let place = scene.parties[&A].at;
    let unproven = Stream { waits: true, ..stream(Codec::Pcmu, place) };
    scene.command(Command::Configure { leg: A, stream: unproven });
    scene.command(play(A, vec![clip(700.0, 8_000)], false));
    scene.pass(Duration::from_secs(30));
    assert!(scene.parties[&A].packets.is_empty());
    scene.command(Command::Configure { leg: A, stream: stream(Codec::Pcmu, place) });
    scene.pass(Duration::from_secs(2));
    assert_eq!(scene.parties[&A].packets.len(), 50, "the whole second");
    assert!(scene.events.contains(&Event::Played { leg: A, token: 7, interrupted: false }));
}

#[test]
fn a_peer_that_sends_what_we_listed_is_understood_though_it_listed_something_else() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let place = scene.parties[&A].at;
    let other = Stream { dtmf: Some(96), ours: (0, Some(101)), ..stream(Codec::Pcmu, place) };
    scene.command(Command::Configure { leg: A, stream: other });
    scene.press(A, 5);
    assert_eq!(scene.digits(), "5");
}

#[test]
fn a_codec_that_changes_and_a_peer_that_moves_in_the_middle_are_followed() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    (0..40).for_each(|_| scene.beat(&[A, B]));
    // A re-INVITE: A-law from another port. What is still on its way from the old place comes late, and is not A.
    let party = scene.parties.get_mut(&A).unwrap();
    let (old, late) = (party.at, party.packet(0, &[0x80; 160]));
    (party.at, party.codec) = (at(6_060), Codec::Pcma);
    scene.command(Command::Configure { leg: A, stream: stream(Codec::Pcma, at(6_060)) });
    (0..3).for_each(|_| scene.beat(&[A, B]));
    let heard = scene.parties[&B].heard.len();
    scene.plane.handle_packet(scene.now, A, Kind::Rtp, old, &late);
    scene.collect();
    assert_eq!(scene.parties[&B].heard.len(), heard, "the old place is a stranger now");
    (0..40).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 900.0) && scene.hears(B, 550.0));
    let numbers: Vec<_> = scene.parties[&B].packets.iter().map(|packet| packet.0).collect();
    assert!(numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) <= 2), "one stream");
}

/// How much the plane holds, as printed: each entry of each table is a line at least. Spare buffers have a limit of
/// their own.
fn lines(plane: &Plane) -> usize {
    let spare = format!("{:#?}", plane.spare).lines().count();
    format!("{plane:#?}").lines().count() - spare
}

#[test]
fn thousands_of_legs_leave_a_plane_as_it_was() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcma]);
    scene.parties.clear();
    let (mut before, mut sent) = (0, 0);
    for number in 0..2_000_u64 {
        let (a, b, c) = (LegId(10 + number * 3), LegId(11 + number * 3), LegId(12 + number * 3));
        for leg in [a, b, c] {
            scene.plane.handle_command(scene.now, Command::Open { leg, local: at(5_000) });
            let stream = stream(Codec::Pcmu, at(6_000));
            scene.plane.handle_command(scene.now, Command::Configure { leg, stream });
        }
        scene.plane.handle_command(scene.now, Command::Bridge { a, b });
        scene.plane.handle_command(scene.now, Command::Echo { leg: c, on: true });
        for step in 0..4_u16 {
            scene.now = scene.now.after(Duration::from_millis(20));
            let mut packet = [0x55; 172];
            packet[..4].copy_from_slice(&[0x80, 0, 0, step as u8]);
            for leg in [a, b, c] {
                scene.plane.handle_packet(scene.now, leg, Kind::Rtp, at(6_000), &packet);
            }
            scene.plane.handle_timeout(scene.now);
            while let Some(output) = scene.plane.poll_output() {
                if let Output::Send { bytes, .. } = output {
                    sent += 1;
                    scene.plane.recycle(bytes);
                }
            }
        }
        for leg in [a, b, c] {
            scene.plane.handle_command(scene.now, Command::Close { leg });
            // A word that comes late is for nobody.
            scene.plane.handle_command(scene.now, Command::StopPlay { leg });
        }
        while scene.plane.poll_output().is_some() {}
        if number == 100 {
            before = lines(&scene.plane);
        }
    }
    assert!(sent > 2_000 * 6, "only {sent} packets went on");
    assert_eq!(scene.plane.len(), 2, "those of the scene itself");
    let after = lines(&scene.plane);
    assert!(after < before + 100, "{before} lines became {after}");
    assert!(scene.plane.spare.len() <= MAX_SPARE);
}
