//! Somebody who listens in: who hears whom, in each part, on hold, and on tape.

use super::*;
use crate::media::Part;

const C: LegId = LegId(3);
const TONES: [(LegId, f64); 3] = [(A, 550.0), (B, 900.0), (C, 1_300.0)];

/// A and B talk; A is led, and C listens in.
fn scene() -> Scene {
    let mut scene = Scene::new([Codec::Pcmu, Codec::Pcmu]);
    let place = at(4_100);
    scene.command(Command::Open { leg: C, local: at(5_000) });
    scene.command(Command::Configure { leg: C, stream: stream(Codec::Pcmu, place) });
    let party = Party {
        leg: C,
        at: place,
        codec: Codec::Pcmu,
        hertz: 1_300.0,
        sequence: 7,
        timestamp: 9,
        heard: Vec::new(),
        packets: Vec::new(),
    };
    scene.parties.insert(C, party);
    scene.command(Command::Bridge { a: A, b: B });
    talk(&mut scene);
    scene
}

fn talk(scene: &mut Scene) {
    (0..60).for_each(|_| scene.beat(&[A, B, C]));
}

fn part(scene: &mut Scene, part: Part) {
    scene.command(Command::Tap { leg: C, led: A, other: B, part });
    talk(scene);
}

/// Whose tones are in the last half second that a leg heard.
fn heard(scene: &Scene, leg: LegId) -> Vec<LegId> {
    let all = &scene.parties[&leg].heard;
    let last = &all[all.len().saturating_sub(4_000)..];
    tones_in(last)
}

fn tones_in(samples: &[i16]) -> Vec<LegId> {
    let has = |hertz: f64| Goertzel::share(samples, hertz, 8_000.0) > 0.2;
    TONES.into_iter().filter(|(_, hertz)| has(*hertz)).map(|(leg, _)| leg).collect()
}

#[test]
fn each_part_is_heard_by_whom_it_is_for_and_the_two_always_hear_each_other() {
    let mut scene = scene();
    assert_eq!((heard(&scene, A), heard(&scene, B)), (vec![B], vec![A]));
    let parts = [Part::Monitor, Part::Whisper, Part::Barge, Part::Monitor, Part::Barge];
    for now in parts {
        part(&mut scene, now);
        let with = |other: LegId, hears: bool| if hears { vec![other, C] } else { vec![other] };
        assert_eq!(heard(&scene, A), with(B, now != Part::Monitor), "{now:?}");
        assert_eq!(heard(&scene, B), with(A, now == Part::Barge), "{now:?}");
        assert_eq!(heard(&scene, C), [A, B], "{now:?}");
    }
    scene.command(Command::Untap { leg: C });
    let before = scene.parties[&C].packets.len();
    talk(&mut scene);
    assert_eq!((heard(&scene, A), heard(&scene, B)), (vec![B], vec![A]), "as if nobody had been");
    assert_eq!(scene.parties[&C].packets.len(), before);
    for leg in [A, B, C] {
        for pair in scene.parties[&leg].packets.windows(2) {
            assert_eq!(pair[1].2, pair[0].2, "one source");
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "no hole in the numbers");
        }
    }
    assert!(scene.plane.mixing.is_none(), "nothing beats for nobody");
}

#[test]
fn on_hold_there_is_nothing_to_hear_and_afterwards_it_goes_on() {
    let mut scene = scene();
    part(&mut scene, Part::Whisper);
    scene.command(Command::Unbridge { leg: B });
    scene.command(play(B, vec![clip(300.0, 80_000)], false));
    talk(&mut scene);
    assert_eq!(heard(&scene, C), [], "what one on hold says is for nobody");
    assert!(scene.hears(B, 300.0), "the music");
    scene.command(Command::Bridge { a: A, b: B });
    talk(&mut scene);
    assert_eq!((heard(&scene, A), heard(&scene, B)), (vec![B, C], vec![A]));
    assert_eq!(heard(&scene, C), [A, B]);
}

#[test]
fn a_whisper_is_not_on_tape_and_what_both_hear_is_beside_the_one_who_is_led() {
    let mut scene = scene();
    let (recording, max) = (RecordingId(1), Duration::from_secs(600));
    let tape = |scene: &mut Scene| {
        scene.recorded.clear();
        scene.command(Command::Tape { left: B, right: A, recording, max });
        (0..100).for_each(|_| scene.beat(&[A, B, C]));
        scene.command(Command::StopTape { recording });
        [0, 1].map(|side| {
            let own: Vec<i16> = scene.recorded.iter().skip(side).step_by(2).copied().collect();
            tones_in(&own[own.len() - 6_000..])
        })
    };
    for quiet in [Part::Monitor, Part::Whisper] {
        part(&mut scene, quiet);
        assert_eq!(tape(&mut scene), [vec![B], vec![A]], "{quiet:?}");
    }
    part(&mut scene, Part::Barge);
    assert_eq!(tape(&mut scene), [vec![B], vec![A, C]]);
}

#[test]
fn whoever_is_gone_takes_it_along_and_keys_go_on_between_the_two() {
    for gone in [A, B, C] {
        let mut scene = scene();
        part(&mut scene, Part::Barge);
        scene.press(B, 5);
        assert_eq!(scene.digits(), "5");
        let events = scene.parties[&A].packets.iter().filter(|packet| packet.3 == 101).count();
        assert_eq!(events, 8, "a key is no sound");
        assert!(scene.parties[&C].packets.iter().all(|packet| packet.3 == 0));
        scene.command(Command::Close { leg: gone });
        talk(&mut scene);
        assert!(scene.plane.taps.is_empty() && scene.plane.mixing.is_none());
        assert!(scene.plane.legs.values().all(|leg| leg.tap.is_none()));
    }
}

#[test]
fn a_key_that_nobody_is_to_know_of_is_not_heard_by_whoever_listens_in() {
    let mut scene = scene();
    part(&mut scene, Part::Monitor);
    scene.command(Command::Hush { leg: B, on: true });
    talk(&mut scene);
    for key in "4929".chars() {
        for n in 0..5 {
            let party = scene.parties.get_mut(&B).unwrap();
            let sample = |at: u32| g711::ulaw_encode(keys::sample(key, at));
            let payload: Vec<u8> = (n * 160..(n + 1) * 160).map(sample).collect();
            let bytes = party.packet(0, &payload);
            party.timestamp = party.timestamp.wrapping_add(160);
            let from = party.at;
            scene.plane.handle_packet(scene.now, B, Kind::Rtp, from, &bytes);
            scene.beat(&[A, C]);
        }
        (0..6).for_each(|_| scene.beat(&[A, B, C]));
    }
    talk(&mut scene);
    // Under A's voice as loud as the keys are: a block of 25 ms with both tones of one would stand out.
    let blocks = scene.parties[&C].heard.chunks_exact(200);
    let has = |block: &[i16]| {
        let share = |hertz| Goertzel::share(block, hertz, 8_000.0);
        let row = [697.0, 770.0, 852.0, 941.0].map(share).into_iter().fold(0.0, f64::max);
        let column = [1_209.0, 1_336.0, 1_477.0].map(share).into_iter().fold(0.0, f64::max);
        row > 0.12 && column > 0.12
    };
    assert_eq!(blocks.filter(|block| has(block)).count(), 0);
    assert_eq!(heard(&scene, C), [A, B]);
}
