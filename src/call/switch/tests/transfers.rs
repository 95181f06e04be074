//! Transfers, and calls that take the place of others.

use super::*;

/// 201 talks with 202; answers 202's leg.
pub(super) fn talking(bench: &mut Bench) -> LegId {
    let wishes = bench.call(Destination::Extension(ext("202")));
    let callee = dialled(&wishes)[0];
    bench.leg(callee, LegEvent::Answered);
    callee
}

pub(super) fn transfer(bench: &mut Bench, leg: LegId, to: &str) -> Vec<Output> {
    assert!(bench.calls.handle_transfer(bench.now, leg, Destination::Extension(ext(to))));
    bench.wishes()
}

#[test]
fn whoever_transfers_is_let_go_when_the_new_party_answers() {
    // Either of the two may transfer the other.
    for caller_transfers in [false, true] {
        let mut bench = Bench::new();
        let callee = talking(&mut bench);
        let (leaves, stays) = if caller_transfers { (CALLER, callee) } else { (callee, CALLER) };
        let wishes = transfer(&mut bench, leaves, "203");
        assert!(wishes.contains(&Output::Ringback(stays)), "{wishes:?}");
        let third = dialled(&wishes)[0];
        let (shown, _) = bench.calls.numbers(CALL).unwrap();
        assert_eq!(shown, if caller_transfers { "202" } else { "201" }, "who is shown to 203");
        let wishes = bench.leg(third, LegEvent::Answered);
        assert_eq!(
            wishes,
            [
                Output::Join(stays, third),
                Output::Transferred(leaves, None),
                Output::HangUp(leaves, Cause::Completed),
            ]
        );
        let wishes = bench.leg(leaves, LegEvent::Ended(Cause::Completed));
        assert!(!wishes.iter().any(|wish| matches!(wish, Output::HangUp(..))), "the two talk on");
        let wishes = bench.leg(third, LegEvent::Ended(Cause::Completed));
        let record = bench.record(wishes);
        assert_eq!((record.cause, record.legs.len()), (Cause::Completed, 3));
        assert_eq!(record.from, "201");
        assert!(bench.calls.is_empty());
    }
}

#[test]
fn a_transfer_that_fails_brings_the_two_together_again_or_says_so() {
    for gone in [false, true] {
        let mut bench = Bench::new();
        let callee = talking(&mut bench);
        let third = dialled(&transfer(&mut bench, callee, "203"))[0];
        if gone {
            bench.leg(callee, LegEvent::Ended(Cause::Completed));
        }
        let wishes = bench.leg(third, LegEvent::Ended(Cause::Busy));
        assert!(wishes.contains(&Output::Transferred(callee, Some(Cause::Busy))), "{wishes:?}");
        assert_eq!(wishes.contains(&Output::Join(CALLER, callee)), !gone);
        assert_eq!(wishes.contains(&Output::Say(CALL, Saying::Unavailable)), gone);
    }
}

#[test]
fn a_caller_who_hangs_up_while_being_transferred_ends_it_all() {
    let mut bench = Bench::new();
    let callee = talking(&mut bench);
    let third = dialled(&transfer(&mut bench, callee, "203"))[0];
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    for leg in [callee, third] {
        assert!(
            wishes.iter().any(|wish| matches!(wish, Output::HangUp(ended, _) if *ended == leg))
        );
    }
    bench.record(wishes);
}

#[test]
fn an_agent_who_transfers_a_caller_is_free_for_the_next() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
    let agent = dialled(&bench.wishes())[0];
    bench.leg(agent, LegEvent::Answered);
    assert!(bench.calls.handle_transfer(bench.now, agent, Destination::Queue("sales".into())));
    let wishes = bench.wishes();
    assert!(wishes.contains(&Output::Transferred(agent, None)), "a queue is reached at once");
    let wishes = bench.leg(agent, LegEvent::Ended(Cause::Completed));
    assert!(wishes.contains(&Output::ContactEnded("202".into())), "{wishes:?}");
    assert!(bench.calls.is_queued(CALL));
}

#[test]
fn a_transfer_after_asking_joins_the_two_others_and_frees_the_first() {
    let mut bench = Bench::new();
    // A customer talks with the agent at 202, who calls 203 and asks.
    bench.call(Destination::Queue("support".into()));
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
    let agent = dialled(&bench.wishes())[0];
    bench.leg(agent, LegEvent::Answered);
    bench.arrive(2, Peer::Extension(ext("202")), Destination::Extension(ext("203")));
    let asked = dialled(&bench.wishes())[0];
    bench.leg(asked, LegEvent::Answered);
    assert!(bench.calls.handle_join(bench.now, agent, LegId(2)));
    let wishes = bench.wishes();
    assert_eq!(
        wishes[..3],
        [
            Output::Join(CALLER, asked),
            Output::Transferred(agent, None),
            Output::HangUp(agent, Cause::Completed),
        ]
    );
    assert!(wishes.contains(&Output::HangUp(LegId(2), Cause::Completed)), "{wishes:?}");
    assert_eq!(
        (bench.calls.partner(CALLER), bench.calls.call_of(asked)),
        (Some(asked), Some(CALL))
    );
    let wishes = bench.leg(agent, LegEvent::Ended(Cause::Completed));
    assert!(wishes.contains(&Output::ContactEnded("202".into())));
    let wishes = bench.leg(LegId(2), LegEvent::Ended(Cause::Completed));
    let asking = bench.record(wishes);
    assert_eq!((asking.call, asking.cause, asking.legs.len()), (CallId(2), Cause::Completed, 2));
    let wishes = bench.leg(asked, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.record(wishes).legs.len(), 3);
    assert!(bench.calls.is_empty());
}

#[test]
fn nobody_is_transferred_who_talks_with_nobody() {
    let mut bench = Bench::new();
    bench.call(Destination::Echo);
    assert!(!bench.calls.handle_transfer(bench.now, CALLER, Destination::Echo));
    let mut bench = Bench::new();
    let callee = talking(&mut bench);
    assert!(!bench.calls.handle_join(bench.now, CALLER, callee), "they are one call");
}

/// 203 calls, and goes nowhere by itself yet.
fn third(bench: &mut Bench) -> LegId {
    bench.arrive(3, Peer::Extension(ext("203")), Destination::Nowhere(Why::Unknown));
    bench.wishes();
    LegId(3)
}

/// What a phone that replaces a leg makes happen.
fn replaces(bench: &mut Bench, replaced: LegId) -> (bool, Vec<Output>) {
    let arrival = Arrival {
        call: CallId(3),
        leg: LegId(3),
        peer: Peer::Extension(ext("203")),
        origin: Origin::Extension(ext("203")),
        from: "203".to_owned(),
        name: None,
        to: "202".to_owned(),
        diverted_by: None,
        destination: Destination::Nowhere(Why::Unknown),
    };
    let taken = bench.calls.handle_replacing(bench.now, arrival, replaced);
    (taken, bench.wishes())
}

#[test]
fn a_colleague_answers_the_call_that_rings_elsewhere() {
    let mut bench = Bench::new();
    let ringing = dialled(&bench.call(Destination::Extension(ext("202"))))[0];
    bench.leg(ringing, LegEvent::Ringing);
    let (taken, wishes) = replaces(&mut bench, ringing);
    assert!(taken);
    assert!(wishes.contains(&Output::Answer { leg: LegId(3), with: Some(CALLER) }));
    assert!(wishes.contains(&Output::Answer { leg: CALLER, with: Some(LegId(3)) }));
    assert!(wishes.contains(&Output::Join(CALLER, LegId(3))));
    assert!(wishes.contains(&Output::HangUp(ringing, Cause::Completed)));
    let own = wishes.iter().find_map(|wish| match wish {
        Output::Ended(record) => Some(record),
        _ => None,
    });
    assert_eq!(own.map(|record| record.call), Some(CallId(3)), "the colleague's own call is over");
    bench.leg(ringing, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.calls.len(), 1);
    let over = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    let record = bench.record(over);
    let reached = record.legs.iter().find(|leg| leg.leg == LegId(3)).unwrap();
    assert_eq!((record.cause, &reached.peer), (Cause::Completed, &Peer::Extension(ext("203"))));
    assert!(record.connected.is_some() && bench.calls.is_empty());
}

#[test]
fn a_caller_who_waits_in_a_queue_is_picked_up_and_the_agent_is_free() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
    let offered = dialled(&bench.wishes())[0];
    let (taken, wishes) = replaces(&mut bench, offered);
    assert!(taken && wishes.contains(&Output::LeaveQueue(CALL, Leaving::TakenOut)));
    assert!(wishes.contains(&Output::Join(CALLER, LegId(3))));
    let gone = bench.leg(offered, LegEvent::Ended(Cause::Completed));
    assert!(!gone.iter().any(|wish| matches!(wish, Output::Offer(..))), "nothing was refused");
}

#[test]
fn only_what_rings_is_picked_up_and_only_by_whom_nothing_else_happens() {
    let mut bench = Bench::new();
    let ringing = dialled(&bench.call(Destination::Extension(ext("202"))))[0];
    assert!(!bench.calls.handle_pickup(bench.now, CALLER, ringing), "one's own call");
    let (taken, wishes) = replaces(&mut bench, CALLER);
    assert!(!taken && wishes.contains(&Output::Refuse(LegId(3), Cause::NotAllowed)));
    bench.record(wishes);
    bench.leg(ringing, LegEvent::Answered);
    third(&mut bench);
    assert!(!bench.calls.handle_pickup(bench.now, LegId(3), ringing), "it was answered");
    assert!(bench.wishes().is_empty());
}

#[test]
fn a_conversation_goes_on_at_another_phone_on_either_side() {
    for side in 0..2 {
        let mut bench = Bench::new();
        let called = talking(&mut bench);
        let (leaves, stays) = [(CALLER, called), (called, CALLER)][side];
        let (taken, wishes) = replaces(&mut bench, leaves);
        assert!(taken);
        assert!(wishes.contains(&Output::Join(stays, LegId(3))), "{wishes:?}");
        assert!(wishes.contains(&Output::HangUp(leaves, Cause::Completed)));
        bench.leg(leaves, LegEvent::Ended(Cause::Completed));
        assert_eq!(bench.calls.partner(stays), Some(LegId(3)));
        let over = bench.leg(stays, LegEvent::Ended(Cause::Completed));
        let record = bench.record(over);
        assert_eq!((record.call, record.cause), (CALL, Cause::Completed));
        assert_eq!(record.legs.len(), 3);
    }
}
