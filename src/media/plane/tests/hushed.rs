//! A leg whose keys nobody is to know of: what the other party hears, and what is on tape.

use super::*;

const CARD: &str = "4929130675218842";

/// A says these keys in its sound; both speak between them.
fn say_keys(scene: &mut Scene, digits: &str) {
    for key in digits.chars() {
        let tone: Vec<i16> = (0..800).map(|at| keys::sample(key, at)).collect();
        for packet in tone.chunks(160) {
            let party = scene.parties.get_mut(&A).unwrap();
            let payload: Vec<u8> = packet.iter().map(|s| g711::ulaw_encode(*s)).collect();
            let bytes = party.packet(0, &payload);
            party.timestamp = party.timestamp.wrapping_add(160);
            let from = party.at;
            scene.plane.handle_packet(scene.now, A, Kind::Rtp, from, &bytes);
            scene.collect();
            scene.beat(&[B]);
        }
        (0..5).for_each(|_| scene.beat(&[A, B]));
    }
}

fn press_keys(scene: &mut Scene, digits: &str) {
    for key in digits.bytes() {
        scene.press(A, key - b'0');
        (0..8).for_each(|_| scene.beat(&[A, B]));
    }
}

fn keys_in(samples: &[i16]) -> String {
    let mut listener = keys::Listener::default();
    samples.chunks(160).filter_map(|packet| listener.hear(packet)).collect()
}

fn events_to(scene: &Scene, leg: LegId) -> usize {
    scene.parties[&leg].packets.iter().filter(|packet| packet.3 == 101).count()
}

fn left(tape: &[i16]) -> Vec<i16> {
    tape.iter().step_by(2).copied().collect()
}

#[test]
fn nobody_hears_a_key_of_a_hushed_leg_and_everybody_what_else_is_said_there() {
    for tones in [false, true] {
        let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
        if tones {
            let stream = Stream { dtmf: None, tones, ..stream(Codec::Pcmu, scene.parties[&A].at) };
            scene.command(Command::Configure { leg: A, stream });
        }
        scene.command(Command::Bridge { a: A, b: B });
        let recording = RecordingId(1);
        let max = Duration::from_secs(600);
        scene.command(Command::Tape { left: A, right: B, recording, max });
        (0..50).for_each(|_| scene.beat(&[A, B]));
        scene.command(Command::Hush { leg: A, on: true });
        (0..10).for_each(|_| scene.beat(&[A, B]));
        let events = events_to(&scene, B);
        if !tones {
            press_keys(&mut scene, CARD);
        }
        say_keys(&mut scene, CARD);
        (0..50).for_each(|_| scene.beat(&[A, B]));
        assert!(scene.hears(B, 550.0) && scene.hears(A, 900.0), "the voices");
        assert_eq!((events_to(&scene, B), events), (0, 0));
        assert_eq!(keys_in(&scene.parties[&B].heard), "");
        assert_eq!(scene.digits(), "", "the gateway is told of none");
        scene.command(Command::StopTape { recording });
        assert_eq!(keys_in(&left(&scene.recorded)), "", "on a tape that was not even paused");
        // The same afterwards, when everybody may know.
        scene.recorded.clear();
        scene.command(Command::Tape { left: A, right: B, recording, max });
        scene.command(Command::Hush { leg: A, on: false });
        (0..50).for_each(|_| scene.beat(&[A, B]));
        if !tones {
            press_keys(&mut scene, "123");
            assert_eq!((scene.digits().as_str(), events_to(&scene, B)), ("123", 3 * 8));
        }
        say_keys(&mut scene, CARD);
        // What is pressed takes no time here, but does on the party's clock: the tape is that far behind.
        (0..150).for_each(|_| scene.beat(&[A, B]));
        scene.command(Command::StopTape { recording });
        assert_eq!(keys_in(&scene.parties[&B].heard), CARD);
        assert_eq!(keys_in(&left(&scene.recorded)), CARD);
        for pair in scene.parties[&B].packets.windows(2) {
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
        }
    }
}

#[test]
fn a_key_that_is_held_down_when_it_ends_is_told_to_nobody_either() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    scene.command(Command::Bridge { a: A, b: B });
    (0..20).for_each(|_| scene.beat(&[A, B]));
    let event = |scene: &mut Scene, n: u16, end: u8| {
        let [high, low] = (n * 160).to_be_bytes();
        let party = scene.parties.get_mut(&A).unwrap();
        let bytes = party.packet(101, &[7, end, high, low]);
        let from = party.at;
        scene.plane.handle_packet(scene.now, A, Kind::Rtp, from, &bytes);
        scene.collect();
    };
    scene.command(Command::Hush { leg: A, on: true });
    (1..4).for_each(|n| event(&mut scene, n, 0));
    scene.command(Command::Hush { leg: A, on: false });
    (4..7).for_each(|n| event(&mut scene, n, if n == 6 { 0x80 } else { 0 }));
    assert_eq!((scene.digits().as_str(), events_to(&scene, B)), ("", 0));
    scene.parties.get_mut(&A).unwrap().timestamp += 960;
    scene.press(A, 8);
    assert_eq!((scene.digits().as_str(), events_to(&scene, B)), ("8", 8), "the next one is");
}

#[test]
fn what_cannot_be_looked_into_is_not_heard_at_all() {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    for leg in [A, B] {
        let stream = Stream { codec: Codec::Relay, ..stream(Codec::Pcmu, scene.parties[&leg].at) };
        scene.command(Command::Configure { leg, stream });
    }
    scene.command(Command::Bridge { a: A, b: B });
    (0..20).for_each(|_| scene.beat(&[A, B]));
    let before = scene.parties[&B].packets.len();
    assert!(before > 10);
    scene.command(Command::Hush { leg: A, on: true });
    (0..20).for_each(|_| scene.beat(&[A, B]));
    assert_eq!(scene.parties[&B].packets.len(), before);
    assert!(scene.parties[&A].packets.len() >= before + 19, "the other way is open");
}
