//! What is heard in the sound: keys, silence, comfort noise, machines; and tapes of it.

use super::rooms::{mix, three};
use super::*;

impl Scene {
    /// One packet of these samples from a leg.
    fn say(&mut self, leg: LegId, samples: &[i16]) {
        let party = self.parties.get_mut(&leg).unwrap();
        let payload: Vec<u8> = samples.iter().map(|s| g711::ulaw_encode(*s)).collect();
        let bytes = party.packet(0, &payload);
        party.timestamp = party.timestamp.wrapping_add(samples.len() as u32);
        let from = party.at;
        self.plane.handle_packet(self.now, leg, Kind::Rtp, from, &bytes);
        self.collect();
        self.pass(Duration::from_millis(20));
    }

    fn without_events(&mut self, leg: LegId) {
        let place = self.parties[&leg].at;
        let stream = Stream { dtmf: None, tones: true, ..stream(Codec::Pcmu, place) };
        self.command(Command::Configure { leg, stream });
    }

    fn one_way(&self) -> Vec<(LegId, bool)> {
        let told = |event: &Event| match event {
            Event::OneWay { leg, now } => Some((*leg, *now)),
            _ => None,
        };
        self.events.iter().filter_map(told).collect()
    }
}

#[test]
fn a_key_in_the_sound_is_told_once_where_nothing_better_was_agreed_on() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.without_events(A);
    for key in "15#".chars() {
        let tone: Vec<i16> = (0..1_600).map(|at| keys::sample(key, at)).collect();
        tone.chunks(160).for_each(|packet| scene.say(A, packet));
        (0..5).for_each(|_| scene.say(A, &[0; 160]));
    }
    assert_eq!(scene.digits(), "15#");
    // B can send telephone-events: its tones are sound.
    let tone: Vec<i16> = (0..1_600).map(|at| keys::sample('7', at)).collect();
    tone.chunks(160).for_each(|packet| scene.say(B, packet));
    assert_eq!(scene.digits(), "15#");
}

#[test]
fn a_key_press_reaches_a_party_without_events_as_a_tone_in_place_of_the_voice() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.without_events(B);
    scene.command(Command::Bridge { a: A, b: B });
    (0..20).for_each(|_| scene.beat(&[A, B]));
    scene.press(A, 9);
    (0..20).for_each(|_| scene.beat(&[A, B]));
    scene.press(A, 11);
    (0..20).for_each(|_| scene.beat(&[A, B]));
    let mut listener = keys::Listener::default();
    let heard = &scene.parties[&B].heard;
    let pressed: String = heard.chunks(160).filter_map(|packet| listener.hear(packet)).collect();
    assert_eq!((pressed.as_str(), scene.digits().as_str()), ("9#", "9#"));
    let packets = &scene.parties[&B].packets;
    assert!(packets.iter().all(|packet| packet.3 == 0));
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
    }
}

#[test]
fn a_call_that_goes_one_way_is_told_within_seconds_and_told_when_it_does_no_more() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    (0..100).for_each(|_| scene.beat(&[A, B]));
    assert_eq!(scene.one_way(), []);
    (0..350).for_each(|_| scene.beat(&[A]));
    assert_eq!(scene.one_way(), [(B, true)], "seven seconds");
    (0..150).for_each(|_| scene.beat(&[A, B]));
    assert_eq!(scene.one_way(), [(B, true), (B, false)]);
    scene.command(Command::Close { leg: B });
    let Some(Event::Closed { report, .. }) = scene.events.last() else { panic!("not closed") };
    assert!(report.one_way && (3.0..7.0).contains(&report.spoken_s), "{report:?}");
}

#[test]
fn nobody_is_missed_who_holds_or_is_not_spoken_to() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    (0..50).for_each(|_| scene.beat(&[A, B]));
    scene.pass(Duration::from_secs(20));
    assert_eq!(scene.one_way(), [], "both are silent: that is no one-way call");
    let place = scene.parties[&B].at;
    let holds = Stream { send: false, receive: false, ..stream(Codec::Pcmu, place) };
    scene.command(Command::Configure { leg: B, stream: holds });
    (0..500).for_each(|_| scene.beat(&[A]));
    assert_eq!(scene.one_way(), []);
}

#[test]
fn comfort_noise_is_a_sign_of_life_and_is_heard_in_a_room() {
    let mut scene = three([Codec::Pcmu; 3]);
    for leg in [A, B] {
        let place = scene.parties[&leg].at;
        let stream = Stream { comfort: Some(13), ..stream(Codec::Pcmu, place) };
        scene.command(Command::Configure { leg, stream });
        scene.command(mix(leg, true, true));
    }
    (0..20).for_each(|_| scene.beat(&[A]));
    for _ in 0..60 {
        let party = scene.parties.get_mut(&A).unwrap();
        let bytes = party.packet(13, &[40]);
        let from = party.at;
        scene.plane.handle_packet(scene.now, A, Kind::Rtp, from, &bytes);
        (0..10).for_each(|_| scene.beat(&[]));
        let party = scene.parties.get_mut(&A).unwrap();
        party.timestamp = party.timestamp.wrapping_add(1_600);
    }
    let heard = &scene.parties[&B].heard;
    let told = crate::media::comfort::describe(&heard[heard.len() - 8_000..]);
    assert!((37..=43).contains(&told[0]), "{told:?}");
    assert_eq!(scene.one_way(), [(B, true)], "A is there, B is not");
    let count = scene.parties[&B].packets.len();
    assert!((610..=625).contains(&count), "a packet each 20 ms all the while: {count}");
}

#[test]
fn comfort_noise_is_passed_on_to_a_partner_who_knows_it_alone() {
    for (comfort, passed) in [(Some(13), 1), (None, 0)] {
        let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
        for (leg, comfort) in [(A, Some(13)), (B, comfort)] {
            let place = scene.parties[&leg].at;
            let stream = Stream { comfort, ..stream(Codec::Pcmu, place) };
            scene.command(Command::Configure { leg, stream });
        }
        scene.command(Command::Bridge { a: A, b: B });
        (0..5).for_each(|_| scene.beat(&[A, B]));
        let party = scene.parties.get_mut(&A).unwrap();
        let bytes = party.packet(13, &[50]);
        let from = party.at;
        scene.plane.handle_packet(scene.now, A, Kind::Rtp, from, &bytes);
        scene.collect();
        let noise = scene.parties[&B].packets.iter().filter(|packet| packet.3 == 13).count();
        assert_eq!(noise, passed);
    }
}

#[test]
fn a_fax_machine_is_told_once_and_passed_on_untouched() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.parties.get_mut(&A).unwrap().hertz = 2_100.0;
    scene.command(Command::Bridge { a: A, b: B });
    (0..100).for_each(|_| scene.beat(&[A, B]));
    let told = scene.events.iter().filter(|event| **event == Event::Machine { leg: A }).count();
    assert_eq!(told, 1);
    assert!(scene.hears(B, 2_100.0));
}

#[test]
fn a_conversation_is_taped_with_each_party_on_a_side_of_its_own() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcma]);
    scene.command(Command::Bridge { a: A, b: B });
    let recording = RecordingId(5);
    let max = Duration::from_secs(60);
    scene.command(Command::Tape { left: A, right: B, recording, max });
    (0..150).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 900.0) && scene.hears(B, 550.0), "they talk all the while");
    scene.command(Command::Close { leg: B });
    assert!(scene.plane.tapes.is_empty() && scene.plane.mixing.is_none());
    let told = scene.events.iter().find_map(|event| match event {
        Event::Taped { recording, duration } => Some((*recording, duration.as_millis())),
        _ => None,
    });
    assert!(matches!(told, Some((RecordingId(5), 2_960..=3_020))), "{told:?}");
    let side = |first: usize| -> Vec<i16> {
        scene.recorded.iter().skip(1_000 + first).step_by(2).copied().collect()
    };
    assert!(Goertzel::share(&side(0), 550.0, 8_000.0) > 0.95, "the caller is on the left");
    assert!(Goertzel::share(&side(1), 900.0, 8_000.0) > 0.95);
}

#[test]
fn a_fax_on_tape_is_never_made_up_whether_it_or_the_tape_was_first() {
    for fax_first in [true, false] {
        let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
        scene.parties.get_mut(&A).unwrap().hertz = 2_100.0;
        scene.command(Command::Bridge { a: A, b: B });
        let tape = Command::Tape {
            left: A,
            right: B,
            recording: RecordingId(5),
            max: Duration::from_secs(60),
        };
        if fax_first {
            (0..100).for_each(|_| scene.beat(&[A, B]));
        }
        scene.command(tape);
        (0..100).for_each(|_| scene.beat(&[A, B]));
        // A packet of each is lost.
        scene.loss = 1_000;
        scene.beat(&[A, B]);
        scene.loss = 0;
        (0..100).for_each(|_| scene.beat(&[A, B]));
        scene.command(Command::StopTape { recording: RecordingId(5) });
        let blocks = |side: usize| -> Vec<bool> {
            let samples: Vec<i16> =
                scene.recorded.iter().skip(side).step_by(2).copied().skip(1_600).collect();
            samples.chunks_exact(40).map(|block| block.iter().all(|s| *s == 0)).collect()
        };
        let silent = |side| blocks(side).iter().filter(|silent| **silent).count();
        assert!((3..=4).contains(&silent(0)), "{fax_first}: 20 ms are silent: {}", silent(0));
        assert_eq!(silent(1), 0, "{fax_first}: and those of the voice are filled");
        assert!(scene.hears(B, 2_100.0));
    }
}

#[test]
fn a_tape_is_full_when_it_is_and_nobody_else_is_on_it() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let (recording, max) = (RecordingId(5), Duration::from_secs(1));
    scene.command(Command::Tape { left: A, right: B, recording, max });
    scene.command(Command::Tape { left: A, right: LegId(9), recording: RecordingId(6), max });
    scene.pass(Duration::from_secs(2));
    let lengths: Vec<_> = scene
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Taped { recording, duration } => Some((recording.0, duration.as_millis())),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [(6, 0), (5, 1_000)]);
    assert_eq!(scene.recorded.len(), 16_000);
}
