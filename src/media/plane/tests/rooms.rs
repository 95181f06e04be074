//! Three in a room, and legs that change planes.

use super::*;

pub(super) const C: LegId = LegId(3);
pub(super) const ROOM: RoomId = RoomId(77);

/// A and B, and C with 1,300 Hz.
pub(super) fn three(codecs: [Codec; 3]) -> Scene {
    let mut scene = Scene::new([codecs[0], codecs[1]]);
    let place = at(4_030);
    scene.command(Command::Open { leg: C, local: at(5_000) });
    scene.command(Command::Configure { leg: C, stream: stream(codecs[2], place) });
    let party = Party {
        leg: C,
        at: place,
        codec: codecs[2],
        hertz: 1_300.0,
        sequence: 9,
        timestamp: 77,
        heard: Vec::new(),
        packets: Vec::new(),
    };
    scene.parties.insert(C, party);
    scene
}

pub(super) fn mix(leg: LegId, speaks: bool, hears: bool) -> Command {
    Command::Mix { room: ROOM, leg, speaks, hears }
}

impl Scene {
    /// The share of `hertz` in the last half second that `leg` heard.
    fn share(&self, leg: LegId, hertz: f64) -> f64 {
        let heard = &self.parties[&leg].heard;
        match heard.len() {
            4_000.. => Goertzel::share(&heard[heard.len() - 4_000..], hertz, 8_000.0),
            _ => 0.0,
        }
    }
}

#[test]
fn three_in_a_room_hear_the_two_others_and_not_themselves() {
    let mut scene = three([Codec::Pcmu, Codec::Pcma, Codec::Pcmu]);
    [A, B, C].into_iter().for_each(|leg| scene.command(mix(leg, true, true)));
    (0..60).for_each(|_| scene.beat(&[A, B, C]));
    let tones = [(A, 550.0), (B, 900.0), (C, 1_300.0)];
    for (listener, own) in tones {
        for (speaker, tone) in tones {
            let share = scene.share(listener, tone);
            match listener == speaker {
                true => assert!(share < 0.01, "{listener} hears itself: {share}"),
                false => {
                    assert!((0.4..0.6).contains(&share), "{listener} {tone} Hz: {share} {own}")
                }
            }
        }
        let packets = &scene.parties[&listener].packets;
        assert!(packets.len() >= 58, "{}", packets.len());
        for pair in packets.windows(2) {
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1));
            assert_eq!(pair[1].1, pair[0].1.wrapping_add(160), "a steady clock");
        }
    }
    scene.command(Command::Unmix { leg: C });
    (0..60).for_each(|_| scene.beat(&[A, B, C]));
    assert!(scene.share(A, 900.0) > 0.98 && scene.share(B, 550.0) > 0.98, "C is gone");
}

#[test]
fn one_who_may_only_speak_is_heard_by_all_who_may_only_hear() {
    let mut scene = three([Codec::Pcmu, Codec::Pcmu, Codec::Pcma]);
    scene.command(mix(A, true, false));
    [B, C].into_iter().for_each(|leg| scene.command(mix(leg, false, true)));
    (0..50).for_each(|_| scene.beat(&[A, B, C]));
    assert!(scene.share(B, 550.0) > 0.98 && scene.share(C, 550.0) > 0.98);
    assert!(scene.parties[&A].packets.is_empty(), "who pages hears nothing");
    scene.command(mix(B, true, true));
    (0..50).for_each(|_| scene.beat(&[A, B, C]));
    assert!((0.4..0.6).contains(&scene.share(C, 900.0)), "B may speak now");
}

#[test]
fn a_beat_runs_only_while_there_is_a_room() {
    let mut scene = three([Codec::Pcmu; 3]);
    scene.plane.due.clear();
    assert_eq!(scene.plane.deadline(), None);
    scene.command(mix(A, true, true));
    scene.command(mix(B, true, true));
    assert!(scene.plane.deadline().is_some());
    scene.command(Command::Unmix { leg: A });
    scene.command(Command::Close { leg: B });
    assert_eq!(scene.plane.deadline(), None);
    assert!(scene.plane.rooms.is_empty());
}

#[test]
fn who_is_played_to_comes_back_to_the_room_and_is_heard_all_the_while() {
    let mut scene = three([Codec::Pcmu; 3]);
    [A, B].into_iter().for_each(|leg| scene.command(mix(leg, true, true)));
    scene.command(play(A, vec![clip(700.0, 8_000)], false));
    (0..45).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.share(B, 550.0) > 0.9, "B hears A");
    assert!(!scene.hears(A, 900.0));
    (0..60).for_each(|_| scene.beat(&[A, B]));
    assert!(scene.hears(A, 900.0));
    let jumps = |pair: &&[(u16, u32, u32, u8, bool)]| pair[1].0 != pair[0].0.wrapping_add(1);
    assert_eq!(scene.parties[&A].packets.windows(2).filter(jumps).count(), 0);
}

#[test]
fn a_bridge_takes_both_out_of_the_room() {
    let mut scene = three([Codec::Pcmu; 3]);
    [A, B, C].into_iter().for_each(|leg| scene.command(mix(leg, true, true)));
    scene.command(Command::Bridge { a: A, b: B });
    (0..50).for_each(|_| scene.beat(&[A, B, C]));
    assert!(scene.hears(A, 900.0) && scene.hears(B, 550.0));
    assert!(scene.share(C, 550.0) < 0.01 && scene.share(C, 900.0) < 0.01);
}

#[test]
fn a_leg_that_changes_planes_is_the_same_to_its_peer() {
    let mut scene = three([Codec::Pcmu; 3]);
    scene.command(play(A, vec![clip(700.0, 16_000)], false));
    (0..20).for_each(|_| scene.beat(&[A]));
    let mut there = Plane::new(Settings::default(), Random::from_number(9));
    there.handle_command(scene.now, Command::Expect { leg: A });
    let early = Command::SendDigits { leg: A, digits: "5".into() };
    there.handle_command(scene.now, early);
    scene.plane.handle_command(scene.now, Command::Move { leg: A, to: 1 });
    let handed = std::iter::from_fn(|| scene.plane.poll_output()).find_map(|output| match output {
        Output::HandOver { leg: A, to: 1, moving } => Some(moving),
        _ => None,
    });
    there.handle_arrived(scene.now, A, handed.expect("handed over"));
    scene.plane = there;
    (0..60).for_each(|_| scene.beat(&[A]));
    let packets = &scene.parties[&A].packets;
    assert_eq!(
        packets.iter().filter(|packet| packet.3 == 101).count(),
        8,
        "what was said meanwhile"
    );
    for pair in packets.windows(2) {
        assert_eq!((pair[1].2, pair[1].0), (pair[0].2, pair[0].0.wrapping_add(1)));
    }
    assert!(scene.hears(A, 700.0), "the prompt goes on");
    scene.command(Command::Close { leg: A });
    let Some(Event::Closed { report, .. }) = scene.events.last() else { panic!("not closed") };
    assert_eq!(report.received, 80, "nothing of what was counted is lost");
}

#[test]
fn a_leg_that_never_was_does_not_keep_commands_for_ever() {
    let mut scene = three([Codec::Pcmu; 3]);
    scene.command(Command::Expect { leg: LegId(9) });
    scene.command(mix(LegId(9), true, true));
    scene.plane.handle_arrived(scene.now, LegId(9), None);
    assert!(scene.plane.expected.is_empty() && scene.plane.rooms.is_empty());
}
