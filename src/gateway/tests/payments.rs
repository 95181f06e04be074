//! Payment pauses: what begins and ends with one, and that nobody is told a key.

use super::parties::talk;
use super::*;
use crate::admin::Command;
use crate::journal::act::Who;

const RECORDED: &str = "number = \"201\"\nrecord = \"always\"\n";

fn scene() -> World {
    let text = CONFIG.replacen("number = \"201\"\n", RECORDED, 1).replacen(
        "[[queue]]",
        "[media]\nrecording_notice = false\n[[queue]]",
        1,
    );
    let mut world = World::of(1, &text, 0);
    world.call(0, "+15550101");
    world.seconds(1);
    world.pick_up(1);
    world.seconds(1);
    world
}

fn order(world: &mut World, command: &Command) -> admin::Reply {
    world.gateway.handle_control(world.now, ReplyTo(77), command);
    world.carry_out();
    world.replies.remove(&77).expect("an answer")
}

fn pay(world: &mut World, call: CallId, on: bool) -> admin::Reply {
    order(world, &Command::Payment { call, on })
}

fn told(world: &World) -> Vec<bool> {
    let own = |told: &Happening| match told {
        Happening::CallPayment { on, .. } => Some(*on),
        _ => None,
    };
    world.told.iter().filter_map(own).collect()
}

/// Ends of pauses in the journal: by whom, and of which call.
fn ends(world: &World) -> Vec<(Who, String, Option<String>)> {
    let mut ends = Vec::new();
    let mut replay = Replay::default();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(Kept::Act(act)) = entry.event {
                ends.push((act.who, act.what, act.on));
            }
        });
    }
    ends.retain(|(_, what, _)| what == "end_payment");
    ends
}

#[test]
fn a_payment_pause_silences_tape_and_keys_at_once_and_until_it_is_ended() {
    let mut world = scene();
    let (call, customer, _) = talk(&world);
    assert!(world.paused.is_empty() && world.hushed.is_empty());
    assert_eq!(pay(&mut world, call, true), admin::Reply::Done);
    assert_eq!((world.paused.len(), &world.hushed), (1, &[customer].into()));
    assert!(matches!(pay(&mut world, call, true), admin::Reply::Refused(_)), "one runs");
    let go_on = Command::PauseTape { call, on: false };
    assert!(matches!(order(&mut world, &go_on), admin::Reply::Refused(_)));
    let keys = Command::Collect {
        call,
        party: crate::admin::api::bodies::Party::Caller,
        keys: 4,
        seconds: 9,
        prompt: None,
    };
    assert!(matches!(order(&mut world, &keys), admin::Reply::Refused(_)), "they are for nobody");
    // By INFO, and by a media thread that had not heard yet.
    let session = *world.parties[0].up.first().unwrap();
    for key in "4929130675218842".chars() {
        let now = world.now;
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        world.parties[0].endpoint.info(now, session, "application/dtmf-relay", body.as_bytes());
        let duration = Duration::from_millis(100);
        let digit = media::Event::Digit { leg: customer, digit: key, duration };
        world.gateway.handle_media(now, digit);
        world.carry_out();
        world.pass(Duration::from_millis(500));
    }
    assert!(world.pressed.is_empty() && world.parties[1].texts.is_empty());
    assert_eq!(pay(&mut world, call, false), admin::Reply::Done);
    assert!(world.paused.is_empty() && world.hushed.is_empty());
    assert!(matches!(pay(&mut world, call, false), admin::Reply::Refused(_)), "none runs");
    assert_eq!(told(&world), [true, false]);
    let now = world.now;
    world.parties[0].endpoint.info(now, session, "application/dtmf-relay", b"Signal=7\r\n");
    world.carry_out();
    world.pass(Duration::from_millis(500));
    assert_eq!(world.pressed, ["7"], "and what is pressed now is passed on");
}

#[test]
fn a_recording_that_was_paused_before_stays_so_and_one_that_begins_in_a_pause_is_silent() {
    let mut world = scene();
    let (call, ..) = talk(&world);
    order(&mut world, &Command::PauseTape { call, on: true });
    pay(&mut world, call, true);
    pay(&mut world, call, false);
    assert_eq!(world.paused.len(), 1, "somebody wanted that for another reason");
    order(&mut world, &Command::Tape { call, on: false });
    pay(&mut world, call, true);
    world.paused.clear();
    assert_eq!(order(&mut world, &Command::Tape { call, on: true }), admin::Reply::Done);
    assert_eq!(world.paused.len(), 1);
    pay(&mut world, call, false);
    assert!(world.paused.is_empty());
}

#[test]
fn a_pause_that_nobody_ends_ends_by_itself_with_a_hang_up_and_with_a_transfer() {
    let mut world = scene();
    let (call, ..) = talk(&world);
    pay(&mut world, call, true);
    world.seconds(299);
    assert_eq!(told(&world), [true]);
    world.seconds(2);
    assert_eq!(told(&world), [true, false]);
    assert!(world.hushed.is_empty() && world.gateway.payments.is_empty());

    pay(&mut world, call, true);
    let to = Some("202".to_owned());
    assert_eq!(order(&mut world, &Command::Transfer { call, to, with: None }), admin::Reply::Done);
    world.seconds(1);
    world.pick_up(2);
    world.seconds(2);
    assert_eq!(told(&world), [true, false, true, false]);
    assert!(world.hushed.is_empty(), "who talks with somebody else now is heard");

    pay(&mut world, call, true);
    world.hang_up(0);
    world.seconds(2);
    assert_eq!(told(&world)[4..], [true, false]);
    assert!(world.gateway.payments.is_empty());
    let own = (Who::Gateway, "end_payment".to_owned(), Some(call.to_string()));
    assert_eq!(ends(&world), [own.clone(), own.clone(), own], "each has its end on the record");
}

#[test]
fn a_pause_that_somebody_ends_is_not_ended_by_the_box_as_well() {
    let mut world = scene();
    let (call, ..) = talk(&world);
    pay(&mut world, call, true);
    pay(&mut world, call, false);
    world.hang_up(0);
    world.seconds(2);
    assert_eq!(told(&world), [true, false]);
    let by: Vec<_> = ends(&world).into_iter().map(|(who, ..)| who).collect();
    assert!(by.len() == 1 && by[0] != Who::Gateway, "{by:?}");
}

#[test]
fn nothing_is_kept_from_help() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(2, "911");
    world.seconds(1);
    world.pick_up(0);
    world.seconds(1);
    let (call, ..) = talk(&world);
    assert!(matches!(pay(&mut world, call, true), admin::Reply::Refused(_)));
    assert!(world.hushed.is_empty());
}
