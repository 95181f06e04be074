//! A call that is over can be asked for at every moment, however long its record is on its way.

use super::*;
use crate::admin::api::bodies::OneCall;
use crate::admin::{Command, Reply};
use crate::journal::event::CallRecord;

impl World {
    fn known_call(&mut self, call: CallId) -> Option<OneCall> {
        match self.ask(&Command::OneCall { call }) {
            Some(Reply::OneCall(found)) => Some(*found),
            Some(Reply::Refused(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    /// What is shown of a call: its numbers and what it does, or its record.
    fn shown(&mut self, call: CallId) -> (Option<String>, bool) {
        let one = self.known_call(call).expect("it is known");
        let live = one.live.map(|live| format!("{} to {}: {}", live.from, live.to, live.doing));
        (live, one.record.is_some())
    }
}

const ENDED: &str = "201 to 202: ended; its record is being written";

/// Two colleagues have spoken; the media threads have not said yet how.
fn over() -> (World, CallId) {
    let mut world = World::of(1, CONFIG, 0);
    world.call(1, "202");
    world.seconds(2);
    world.pick_up(2);
    world.seconds(2);
    let call = world.gateway.calls.views()[0].call;
    assert_eq!(world.shown(call), (Some("201 to 202: talking".to_owned()), false));
    (world, call)
}

#[test]
fn a_call_is_known_while_its_record_waits_for_the_media_the_disk_and_the_store() {
    let (mut world, call) = over();
    world.store_waits = true;
    world.disk_waits = true;
    world.gateway.handle_control(world.now, ReplyTo(2), &Command::HangUp { call });
    let mut steps = Vec::new();
    for _ in 0..200 {
        world.carry_out();
        world.pass(Duration::from_millis(10));
        steps.push(world.shown(call));
    }
    steps.dedup();
    let ending = (Some("201 to 202: ending".to_owned()), false);
    let ended = (Some(ENDED.to_owned()), false);
    assert!(steps.iter().all(|step| [&ending, &ended].contains(&step)), "{steps:?}");
    assert_eq!(steps.last(), Some(&ended), "what is not on the disk is not shown as kept");
    world.disk_waits = false;
    world.disk_goes_on();
    assert_eq!(world.shown(call), (None, true), "it is on the disk, the store knows nothing yet");
    world.store_waits = false;
    assert_eq!(world.shown(call), (None, true), "from the store");
    assert_eq!(world.gateway.unshown_record(call), None, "which has it now");
    assert_eq!(world.known_call(CallId(7)).map(|_| ()), None, "there never was such a call");
}

#[test]
fn a_call_is_known_while_the_disk_fails_and_forgotten_with_its_caller() {
    use crate::context::{Kind, Order, Who};
    use crate::journal::Failure;
    let (mut world, call) = over();
    world.disk_works = false;
    world.gateway.handle_journal(world.now, super::super::Kept::Failed(Failure::Full));
    world.hang_up(1);
    world.seconds(1);
    assert_eq!(world.shown(call), (None, true), "from memory, like everything else");
    let (mut world, _) = over();
    world.store_waits = true;
    world.call(0, "+15550101");
    world.seconds(2);
    let call = world.gateway.calls.views().into_iter().max_by_key(|view| view.arrived).unwrap();
    world.hang_up(0);
    world.seconds(1);
    assert!(world.gateway.unshown_record(call.call).is_some());
    let who = Who::Identity(Kind::Phone, "+15557654321".to_owned());
    world.order(Order::Erase { who, rule: None }).expect("erased");
    assert!(world.gateway.unshown_record(call.call).is_none());
}

#[test]
fn a_store_that_shows_nothing_costs_a_bounded_memory() {
    let (mut world, call) = over();
    world.store_waits = true;
    world.hang_up(1);
    world.seconds(1);
    let record = world.gateway.unshown_record(call).expect("it is on the disk").clone();
    for other in 0..1_500 {
        let record = CallRecord { call: CallId(1_000 + other), ..record.clone() };
        world.gateway.keep_record(world.now, record);
    }
    world.gateway.handle_timeout(world.now);
    world.seconds(1);
    let known = |other: u64| world.gateway.unshown_record(CallId(1_000 + other)).is_some();
    assert_eq!((0..1_500).filter(|other| known(*other)).count(), 1_000);
    assert!(known(1_499) && !known(0), "the newest");
}
