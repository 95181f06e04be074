//! Conferences: places, PINs, and who stays.

use super::*;

fn entered(wishes: &[Output]) -> Vec<LegId> {
    let leg = |wish: &Output| match wish {
        Output::Enter { leg, .. } => Some(*leg),
        _ => None,
    };
    wishes.iter().filter_map(leg).collect()
}

/// A bench on which so many calls may be up.
fn roomy() -> Bench {
    let mut bench = Bench::new();
    bench.calls.settings.max_calls = 10;
    bench
}

fn keys(bench: &mut Bench, leg: LegId, keys: &str) -> Vec<Output> {
    keys.chars().for_each(|key| bench.calls.handle_key(bench.now, leg, key));
    bench.wishes()
}

#[test]
fn a_conference_has_as_many_places_as_it_has_and_is_over_with_its_last_party() {
    let mut bench = roomy();
    let conference = || Destination::Conference("open".into());
    for call in 1..=3 {
        bench.arrive(call, Peer::Extension(ext(&format!("20{call}"))), conference());
        assert_eq!(entered(&bench.wishes()), [LegId(call)]);
    }
    bench.arrive(4, Peer::Extension(ext("204")), conference());
    assert_eq!(bench.wishes().last(), Some(&Output::Refuse(LegId(4), Cause::Busy)));
    let views = bench.calls.views();
    let first = views.iter().find(|view| view.call == CALL).expect("the first call");
    assert_eq!(first.with, [Peer::Extension(ext("202")), Peer::Extension(ext("203"))]);
    for call in 1..=3 {
        bench.leg(LegId(call), LegEvent::Ended(Cause::Completed));
    }
    assert!(bench.calls.rooms.is_empty());
}

#[test]
fn a_pin_opens_a_conference_and_three_wrong_ones_end_the_call() {
    let mut bench = roomy();
    let shut = || Destination::Conference("shut".into());
    let ask = |call, again| Output::AskPin { call: CallId(call), again };
    let wishes = bench.call(shut());
    assert!(wishes.contains(&ask(1, false)), "{wishes:?}");
    assert_eq!(keys(&mut bench, CALLER, "1234"), [ask(1, true)]);
    assert_eq!(keys(&mut bench, CALLER, "47#"), [ask(1, true)], "too short");
    assert_eq!(entered(&keys(&mut bench, CALLER, "4711")), [CALLER]);
    assert_eq!(keys(&mut bench, CALLER, "4711"), [], "nobody asks any more");
    assert!(bench.wait(120).is_empty(), "the time for the PIN does not run on");
    bench.arrive(2, Peer::Trunk(trunk("carrier")), shut());
    let wishes = keys(&mut bench, LegId(2), "111122223333");
    assert_eq!(wishes.last(), Some(&Output::HangUp(LegId(2), Cause::NotAllowed)));
    bench.arrive(3, Peer::Trunk(trunk("carrier")), shut());
    bench.wishes();
    assert_eq!(bench.wait(61), [Output::HangUp(LegId(3), Cause::NoAnswer)]);
}

#[test]
fn who_transfers_into_a_conference_stays_in_it() {
    let mut bench = roomy();
    let [callee] = dialled(&bench.call(Destination::Extension(ext("202"))))[..] else { panic!() };
    bench.leg(callee, LegEvent::Answered);
    assert!(bench.calls.handle_transfer(bench.now, callee, Destination::Conference("open".into())));
    let wishes = bench.wishes();
    assert_eq!(entered(&wishes).len(), 2, "{wishes:?}");
    assert!(wishes.contains(&Output::Transferred(callee, None)));
    assert!(!wishes.iter().any(|wish| matches!(wish, Output::HangUp(..))), "{wishes:?}");
    // The caller leaves; the call goes on with who is left, and its record names both.
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    assert_eq!(wishes, [Output::Idle(ext("201"))]);
    assert_eq!(bench.calls.caller(CALL), Some(callee));
    let wishes = bench.leg(callee, LegEvent::Ended(Cause::Completed));
    let record = bench.record(wishes);
    assert_eq!((record.legs.len(), record.conference), (2, Some("open".into())));
}

#[test]
fn a_phone_brings_its_calls_together_and_nobody_stays_on_the_branch_s_bill() {
    let mut bench = roomy();
    let mut parties = Vec::new();
    for call in 1..=2 {
        bench.arrive(call, Peer::Extension(ext("201")), out(&["carrier"]));
        let [callee] = dialled(&bench.wishes())[..] else { panic!() };
        bench.leg(callee, LegEvent::Answered);
        parties.push(callee);
    }
    bench.arrive(3, Peer::Extension(ext("201")), Destination::Feature(Feature::Conference, None));
    let wishes = bench.wishes();
    let mut all = entered(&wishes);
    all.sort_unstable();
    parties.push(LegId(3));
    parties.sort_unstable();
    assert_eq!(all, parties);
    for own in [LegId(1), LegId(2)] {
        assert!(wishes.contains(&Output::HangUp(own, Cause::Completed)), "{wishes:?}");
        bench.leg(own, LegEvent::Ended(Cause::Completed));
    }
    assert_eq!(bench.calls.len(), 1);
    // The phone hangs up: two carriers do not go on talking at the branch's cost.
    let wishes = bench.leg(LegId(3), LegEvent::Ended(Cause::Completed));
    assert_eq!(wishes.iter().filter(|w| matches!(w, Output::HangUp(..))).count(), 2, "{wishes:?}");
    assert_eq!(bench.record(wishes).legs.len(), 3);
    bench.arrive(5, Peer::Extension(ext("201")), Destination::Feature(Feature::Conference, None));
    let wishes = bench.wishes();
    assert!(wishes.contains(&Output::Say(CallId(5), Saying::NotPossible)), "it has no other call");
}
