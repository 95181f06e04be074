//! Supervisors who listen in: who may, in which calls, and what becomes of it when the two part.

use super::parties::talk;
use super::*;
use crate::admin::Command;
use crate::admin::api::bodies::Mode;
use crate::media::Part;

const ACT: &str = "whisper_call";

/// A carrier's caller talks with 201.
fn scene() -> World {
    let mut world = World::of(1, CONFIG, 0);
    world.call(0, "+15550101");
    world.seconds(1);
    world.take_call(1);
    world.seconds(1);
    world
}

fn order(world: &mut World, command: &Command) -> admin::Reply {
    world.gateway.handle_control(world.now, ReplyTo(77), command);
    world.carry_out();
    world.replies.remove(&77).expect("an answer")
}

fn supervise(world: &mut World, call: CallId, phone: &str, mode: Mode) -> admin::Reply {
    let phone = (!phone.is_empty()).then(|| phone.into());
    order(world, &Command::Supervise { call, phone, mode })
}

/// 203 listens in.
fn listens(world: &mut World, mode: Mode) -> (CallId, LegId) {
    let (call, ..) = talk(world);
    assert_eq!(supervise(world, call, "203", mode), admin::Reply::Done);
    world.seconds(1);
    assert!(world.taps.is_empty(), "nobody has answered");
    world.take_call(3);
    world.seconds(1);
    (call, *world.taps.keys().next().expect("somebody listens in"))
}

fn told(world: &World) -> Vec<Option<Mode>> {
    let own = |told: &Happening| match told {
        Happening::CallSupervised { mode, shown: true, .. } => Some(*mode),
        _ => None,
    };
    world.told.iter().filter_map(own).collect()
}

#[test]
fn a_supervisor_is_rung_listens_in_takes_other_parts_and_leaves_the_two_alone() {
    let mut world = scene();
    let (call, customer, agent) = talk(&world);
    let (_, leg) = listens(&mut world, Mode::Monitor);
    assert_eq!(world.taps[&leg], ([agent, customer], Part::Monitor));
    assert_eq!(supervise(&mut world, call, "", Mode::Whisper), admin::Reply::Done);
    assert_eq!(world.taps[&leg].1, Part::Whisper);
    for (key, part) in [('6', Part::Barge), ('9', Part::Barge), ('4', Part::Monitor)] {
        let duration = Duration::from_millis(100);
        world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: key, duration });
        world.carry_out();
        assert_eq!(world.taps[&leg].1, part, "{key}");
    }
    let other = supervise(&mut world, call, "202", Mode::Barge);
    assert!(matches!(other, admin::Reply::Refused(_)), "one at a time");
    let admin::Reply::ActiveCalls(calls) = order(&mut world, &Command::ActiveCalls) else {
        panic!("no list")
    };
    let line = calls.iter().find(|line| line.call == call).unwrap();
    assert_eq!(line.supervised, Some(Mode::Monitor));
    assert_eq!(order(&mut world, &Command::Unsupervise { call }), admin::Reply::Done);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.parties[3].up.is_empty());
    assert!(world.gateway.supervisions.is_empty());
    assert_eq!(talk(&world), (call, customer, agent), "and they talk on");
    assert_eq!(world.bridged.get(&agent), Some(&customer));
    let parts = [Mode::Monitor, Mode::Whisper, Mode::Barge, Mode::Monitor].map(Some);
    assert_eq!(told(&world), [&parts[..], &[None]].concat());
    // Anew, and the supervisor's phone hangs up.
    listens(&mut world, Mode::Whisper);
    world.hang_up(3);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.gateway.supervisions.is_empty());
    assert_eq!(world.gateway.calls.len(), 1);
    let acts = world.journal.concat();
    let has = |name: &str| acts.windows(name.len()).any(|window| window == name.as_bytes());
    assert!([ACT, "monitor_call", "barge_call", "end_supervision"].into_iter().all(has));
}

#[test]
fn it_goes_with_the_customer_to_another_phone_and_is_heard_by_nobody_there_at_first() {
    let mut world = scene();
    let (call, customer, _) = talk(&world);
    let (_, leg) = listens(&mut world, Mode::Barge);
    let transfer = |to: &str| Command::Transfer { call, to: Some(to.to_owned()), with: None };
    assert_eq!(order(&mut world, &transfer("202")), admin::Reply::Done);
    world.seconds(1);
    world.take_call(2);
    world.seconds(2);
    let (_, caller, agent) = talk(&world);
    assert_eq!(caller, customer);
    assert_eq!(world.taps[&leg], ([agent, customer], Part::Monitor), "they were not asked");
    // To a party outside it does not go.
    assert_eq!(order(&mut world, &transfer("95550123")), admin::Reply::Done);
    world.seconds(1);
    world.take_call(0);
    world.seconds(2);
    assert!(world.taps.is_empty() && world.gateway.supervisions.is_empty());
    assert!(world.parties[3].up.is_empty());
}

#[test]
fn it_ends_with_the_call_also_before_the_supervisor_has_answered() {
    for answers in [true, false] {
        let mut world = scene();
        if answers {
            listens(&mut world, Mode::Monitor);
        } else {
            let (call, ..) = talk(&world);
            supervise(&mut world, call, "203", Mode::Monitor);
            world.seconds(1);
        }
        world.hang_up(0);
        world.seconds(3);
        assert!(world.gateway.calls.is_empty() && world.gateway.supervisions.is_empty());
        assert!(world.taps.is_empty() && world.parties[3].ringing.is_empty());
        assert_eq!(world.gateway.pool.in_use(), 0);
    }
}

#[test]
fn who_is_not_there_who_talks_in_it_and_who_calls_for_help_is_not_listened_in_to() {
    let mut world = scene();
    let (call, ..) = talk(&world);
    for (phone, mode) in [("201", Mode::Monitor), ("299", Mode::Monitor), ("", Mode::Barge)] {
        let reply = supervise(&mut world, call, phone, mode);
        assert!(matches!(reply, admin::Reply::Refused(_)), "{phone}");
    }
    assert!(matches!(order(&mut world, &Command::Unsupervise { call }), admin::Reply::Refused(_)));
    world.hang_up(0);
    world.seconds(2);
    world.call(2, "911");
    world.seconds(1);
    world.take_call(0);
    world.seconds(1);
    let (call, ..) = talk(&world);
    let reply = supervise(&mut world, call, "203", Mode::Monitor);
    assert!(matches!(reply, admin::Reply::Refused(_)));
    assert!(world.parties[3].ringing.is_empty() && world.gateway.supervisions.is_empty());
}
