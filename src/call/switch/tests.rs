#![allow(clippy::disallowed_methods)]

mod conferences;
mod desk_phones;
mod transfers;

use super::*;
use crate::call::conference::Pin;
use crate::call::plan::{Feature, Why};
use crate::call::record::Record;
use crate::time::UnixTime;

const CALL: CallId = CallId(1);
const CALLER: LegId = LegId(1);

fn ext(name: &str) -> ExtensionId {
    name.into()
}

fn trunk(name: &str) -> TrunkId {
    name.into()
}

fn number(text: &str) -> Number {
    Number::parse(text).expect("a number")
}

/// One machine, and the person who carries out what it wants.
struct Bench {
    calls: Calls,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        Bench::of(desk::Settings::default(), 2)
    }

    fn of(desk: desk::Settings, max_calls: usize) -> Self {
        let settings = Settings {
            max_calls,
            ring_time: Duration::from_secs(25),
            ring_times: BTreeMap::from([(ext("202"), Duration::from_secs(10))]),
            mailboxes: BTreeSet::from([ext("203")]),
            outbound_time: Duration::from_secs(60),
            spending: budget::Settings::default(),
            conferences: BTreeMap::from([
                ("open".into(), Conference { pin: None, most: 3 }),
                ("shut".into(), Conference { pin: Pin::new("4711"), most: 3 }),
            ]),
            desk,
        };
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        Bench { calls: Calls::new(settings, Random::from_number(7)), now }
    }

    fn arrive(&mut self, call: u64, peer: Peer, destination: Destination) {
        let origin = match &peer {
            Peer::Extension(name) => Origin::Extension(name.clone()),
            Peer::Trunk(name) => Origin::Trunk(name.clone()),
            Peer::Chat(name) => Origin::Chat(name.clone()),
        };
        let arrival = Arrival {
            call: CallId(call),
            leg: LegId(call),
            peer,
            origin,
            from: "201".to_owned(),
            name: None,
            to: "202".to_owned(),
            diverted_by: None,
            destination,
        };
        self.calls.handle_arrived(self.now, arrival);
    }

    /// 201 calls; this is where the number leads.
    fn call(&mut self, destination: Destination) -> Vec<Output> {
        self.arrive(1, Peer::Extension(ext("201")), destination);
        self.wishes()
    }

    fn leg(&mut self, leg: LegId, event: LegEvent) -> Vec<Output> {
        self.calls.handle_leg(self.now, leg, event);
        self.wishes()
    }

    fn wait(&mut self, seconds: u64) -> Vec<Output> {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.calls.handle_timeout(self.now);
        self.wishes()
    }

    /// What is to be done, without what is only written down.
    fn wishes(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.calls.poll_output())
            .filter(|output| !matches!(output, Output::Happened(_)))
            .collect()
    }

    /// Carries out every ending that is asked for, until the record is there.
    fn record(&mut self, mut wishes: Vec<Output>) -> Record {
        loop {
            let mut gone = Vec::new();
            for wish in wishes {
                match wish {
                    Output::HangUp(leg, cause) | Output::Refuse(leg, cause) => {
                        gone.push((leg, cause))
                    }
                    Output::Ended(record) => return *record,
                    _ => {}
                }
            }
            assert!(!gone.is_empty(), "neither a record nor an ending that leads to one");
            for (leg, cause) in gone {
                self.calls.handle_leg(self.now, leg, LegEvent::Ended(cause));
            }
            wishes = self.wishes();
        }
    }
}

fn dialled(wishes: &[Output]) -> Vec<LegId> {
    let leg = |wish: &Output| match wish {
        Output::DialExtension { leg, .. } | Output::DialTrunk { leg, .. } => Some(*leg),
        _ => None,
    };
    wishes.iter().filter_map(leg).collect()
}

fn out(trunks: &[&str]) -> Destination {
    let trunks = trunks.iter().map(|name| trunk(name)).collect();
    let payer = Origin::Extension(ext("201"));
    Destination::Outbound { trunks, number: number("5550123"), payer, hidden: false }
}

fn agents(names: &[&str]) -> Vec<(AgentId, ExtensionId)> {
    names.iter().map(|name| ((*name).into(), ext(name))).collect()
}

#[test]
fn a_call_between_desk_phones_rings_is_answered_is_heard_and_has_a_record() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let [callee] = dialled(&wishes)[..] else { panic!("{wishes:?}") };
    assert_eq!(bench.leg(callee, LegEvent::Ringing), [Output::Ring(CALLER)]);
    let wishes = bench.leg(callee, LegEvent::Answered);
    let answer = Output::Answer { leg: CALLER, with: Some(callee) };
    assert_eq!(wishes, [answer, Output::Join(CALLER, callee)]);
    bench.wait(30);
    let wishes = bench.leg(callee, LegEvent::Ended(Cause::Completed));
    assert!(wishes.contains(&Output::HangUp(CALLER, Cause::Completed)), "{wishes:?}");
    let record = bench.record(wishes);
    assert_eq!((record.cause, record.legs.len()), (Cause::Completed, 2));
    assert_eq!(record.ended.since(record.connected.expect("they spoke")).as_secs(), 30);
    assert!(bench.calls.is_empty());
}

#[test]
fn a_phone_that_does_not_answer_in_its_own_ring_time_ends_the_call() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let callee = dialled(&wishes)[0];
    assert_eq!(bench.wait(9), []);
    // The caller does not wait for the phone to confirm: it may be without power.
    let told = [Output::HangUp(callee, Cause::NoAnswer), Output::Refuse(CALLER, Cause::NoAnswer)];
    assert_eq!(bench.wait(1), told);
    // The phone's own word for the cancelled call does not hide why it was cancelled.
    assert_eq!(
        bench.leg(callee, LegEvent::Ended(Cause::Declined)).len(),
        1,
        "nothing more is done"
    );
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::NoAnswer));
    assert_eq!(bench.record(wishes).cause, Cause::NoAnswer);
}

#[test]
fn an_answer_that_crosses_the_end_of_the_ring_time_is_hung_up_once() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let callee = dialled(&wishes)[0];
    bench.wait(10);
    assert_eq!(bench.leg(callee, LegEvent::Answered), []);
    let wishes = bench.leg(callee, LegEvent::Ended(Cause::Completed));
    assert!(!wishes.iter().any(|wish| matches!(wish, Output::Join(..))));
    assert!(bench.calls.views().iter().all(|call| call.activity == Activity::Ending));
}

#[test]
fn a_caller_who_gives_up_is_abandoned_and_the_phone_stops_ringing() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let callee = dialled(&wishes)[0];
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    assert!(wishes.contains(&Output::HangUp(callee, Cause::Abandoned)), "{wishes:?}");
    assert_eq!(bench.record(wishes).cause, Cause::Abandoned);
}

#[test]
fn the_next_trunk_is_tried_when_a_carrier_fails_and_not_when_the_party_is_busy() {
    for (cause, second) in [
        (Cause::NetworkFailure, true),
        (Cause::Unreachable, true),
        (Cause::Congestion, true),
        (Cause::Busy, false),
        (Cause::NoSuchNumber, false),
        (Cause::Declined, false),
        (Cause::NoAnswer, false),
    ] {
        let mut bench = Bench::new();
        let wishes = bench.call(out(&["one", "two"]));
        let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(cause));
        let to = |wish: &Output| matches!(wish, Output::DialTrunk { trunk, .. } if trunk.as_str() == "two");
        assert_eq!(wishes.iter().any(to), second, "{cause:?}: {wishes:?}");
        assert_eq!(wishes.contains(&Output::Refuse(CALLER, cause)), !second, "{cause:?}");
    }
}

#[test]
fn when_the_last_trunk_fails_the_caller_is_told_why() {
    let mut bench = Bench::new();
    let wishes = bench.call(out(&["one", "two"]));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::Unreachable));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::NetworkFailure));
    let record = bench.record(wishes);
    assert_eq!((record.cause, record.legs.len()), (Cause::NetworkFailure, 3));
}

#[test]
fn a_full_box_and_a_stopping_one_refuse_calls_and_still_pass_emergencies() {
    let help = || Destination::Emergency { trunks: vec![trunk("one")], number: number("112") };
    let phone = || Peer::Extension(ext("203"));
    let mut bench = Bench::new();
    bench.call(Destination::Echo);
    bench.arrive(2, phone(), Destination::Echo);
    bench.arrive(3, phone(), Destination::Echo);
    assert!(bench.wishes().contains(&Output::Refuse(LegId(3), Cause::Congestion)));
    bench.arrive(4, phone(), help());
    assert_eq!(dialled(&bench.wishes()).len(), 1);

    let mut bench = Bench::new();
    bench.calls.handle_drain();
    let wishes = bench.call(Destination::Echo);
    assert_eq!(bench.record(wishes).cause, Cause::ShuttingDown);
    bench.arrive(2, phone(), help());
    assert_eq!(dialled(&bench.wishes()).len(), 1);
}

#[test]
fn who_is_put_on_hold_hears_music_and_two_who_hold_each_other_are_joined_by_the_last() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let callee = dialled(&wishes)[0];
    bench.leg(callee, LegEvent::Answered);
    assert_eq!(bench.leg(CALLER, LegEvent::Held), [Output::Music(callee)]);
    assert_eq!(bench.leg(callee, LegEvent::Held), [Output::Music(CALLER)]);
    assert_eq!(bench.leg(CALLER, LegEvent::Resumed), [Output::Music(CALLER)]);
    assert_eq!(bench.leg(callee, LegEvent::Resumed), [Output::Join(callee, CALLER)]);
}

#[test]
fn of_all_phones_that_ring_for_a_queue_the_first_to_answer_has_the_caller() {
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Queue("support".into()));
    assert!(matches!(wishes[..], [.., Output::Answer { with: None, .. }, Output::Enqueue { .. }]));
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202", "203"]));
    let legs = dialled(&bench.wishes());
    let wishes = bench.leg(legs[1], LegEvent::Answered);
    assert_eq!(
        wishes,
        [
            Output::Offer(OfferId(1), "203".into(), OfferOutcome::Accepted),
            Output::Join(CALLER, legs[1]),
            Output::HangUp(legs[0], Cause::Completed),
        ]
    );
    // The other phone is not counted as having missed anything.
    assert_eq!(bench.leg(legs[0], LegEvent::Ended(Cause::Completed)), []);
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    let wishes = [wishes, bench.leg(legs[1], LegEvent::Ended(Cause::Completed))].concat();
    assert!(wishes.contains(&Output::ContactEnded("203".into())), "{wishes:?}");
    let record = bench.record(wishes);
    assert_eq!(record.agent, Some("203".into()));
    assert_eq!(record.queue, Some("support".into()));
}

#[test]
fn what_became_of_an_offer_is_told_by_how_the_phone_ended_it() {
    for (cause, outcome) in [
        (Cause::NoAnswer, OfferOutcome::Missed),
        (Cause::Busy, OfferOutcome::Refused),
        (Cause::Declined, OfferOutcome::Refused),
        (Cause::NotRegistered, OfferOutcome::Unreachable),
        (Cause::Unreachable, OfferOutcome::Unreachable),
    ] {
        let mut bench = Bench::new();
        bench.call(Destination::Queue("support".into()));
        bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
        let leg = dialled(&bench.wishes())[0];
        let wishes = bench.leg(leg, LegEvent::Ended(cause));
        assert_eq!(wishes, [Output::Offer(OfferId(1), "202".into(), outcome)], "{cause:?}");
        assert!(bench.calls.is_queued(CALL));
    }
}

#[test]
fn an_offer_for_a_caller_who_is_gone_comes_back_unreachable() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    assert!(wishes.contains(&Output::LeaveQueue(CALL, Leaving::GaveUp)));
    assert_eq!(bench.record(wishes).cause, Cause::Abandoned);
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
    let gone = Output::Offer(OfferId(1), "202".into(), OfferOutcome::Unreachable);
    assert_eq!(bench.wishes(), [gone]);
}

#[test]
fn a_caller_whom_an_admin_takes_out_of_a_queue_has_not_given_up() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    assert!(bench.calls.handle_hang_up(CALL));
    assert!(bench.wishes().contains(&Output::LeaveQueue(CALL, Leaving::TakenOut)));
}

#[test]
fn a_flow_goes_on_when_what_it_asked_for_fails_and_ends_when_it_works() {
    let mut bench = Bench::new();
    bench.call(Destination::Ivr("main".into()));
    bench.calls.handle_ivr_leave(bench.now, CALL, Destination::Extension(ext("202")));
    let wishes = bench.wishes();
    // The caller was answered by the flow, so he hears a ringing tone and not a 180.
    assert!(wishes.contains(&Output::Ringback(CALLER)));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::Busy));
    assert_eq!(wishes, [Output::Idle(ext("202")), Output::ResumeIvr(CALL, Cause::Busy)]);
    bench.calls.handle_ivr_leave(bench.now, CALL, Destination::Extension(ext("203")));
    let callee = dialled(&bench.wishes())[0];
    let wishes = bench.leg(callee, LegEvent::Answered);
    assert_eq!(wishes, [Output::EndIvr(CALL), Output::Join(CALLER, callee)]);
}

#[test]
fn a_flow_rings_nobody_for_a_caller_who_has_hung_up() {
    let mut bench = Bench::new();
    bench.call(Destination::Ivr("main".into()));
    assert!(bench.calls.handle_hang_up(CALL));
    assert_eq!(bench.wishes(), [Output::EndIvr(CALL), Output::HangUp(CALLER, Cause::EndedByAdmin)]);
    bench.calls.handle_ivr_leave(bench.now, CALL, Destination::Extension(ext("202")));
    bench.calls.handle_overflow(bench.now, CALL, Some(Destination::Extension(ext("202"))));
    bench.calls.handle_ivr_queue(bench.now, CALL, "support".into(), 0, BTreeMap::new());
    assert_eq!(bench.wishes(), []);
}

#[test]
fn a_number_that_leads_nowhere_is_refused_with_whose_fault_it_was() {
    let rule = "out".to_owned();
    for (why, cause) in [
        (Why::Unknown, Cause::NoSuchNumber),
        (Why::TrunkToTrunk, Cause::NotAllowed),
        (Why::NotThisCaller { rule }, Cause::NotAllowed),
    ] {
        let mut bench = Bench::new();
        let wishes = bench.call(Destination::Nowhere(why));
        assert!(wishes.contains(&Output::Refuse(CALLER, cause)), "{wishes:?}");
    }
}

#[test]
fn a_queue_that_gives_up_says_so_before_it_hangs_up() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    bench.calls.handle_overflow(bench.now, CALL, None);
    assert_eq!(bench.wishes(), [Output::Say(CALL, Saying::Unavailable)]);
    bench.calls.handle_said(CALL);
    let wishes = bench.wishes();
    assert_eq!(bench.record(wishes).cause, Cause::NoAnswer);
}

#[test]
fn an_extension_is_busy_until_the_last_of_its_calls_is_over() {
    let mut bench = Bench::new();
    let busy = Output::Busy(ext("201"));
    assert!(bench.call(Destination::Echo).contains(&busy));
    bench.arrive(2, Peer::Extension(ext("201")), Destination::Echo);
    assert!(!bench.wishes().contains(&busy));
    let idle = Output::Idle(ext("201"));
    assert!(!bench.leg(LegId(2), LegEvent::Ended(Cause::Completed)).contains(&idle));
    assert!(bench.leg(CALLER, LegEvent::Ended(Cause::Completed)).contains(&idle));
}

#[test]
fn a_caller_who_is_sent_in_a_circle_is_let_go_and_the_box_goes_on() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    let mut sent = 0;
    while bench.calls.is_queued(CALL) {
        bench.calls.handle_overflow(bench.now, CALL, Some(Destination::Queue("sales".into())));
        sent += 1;
        assert!(sent < 100, "for ever");
    }
    let wishes = bench.wishes();
    assert_eq!(bench.record(wishes).cause, Cause::LoopDetected);
}

#[test]
fn a_caller_who_is_sent_on_once_an_hour_is_not_in_a_circle() {
    let mut bench = Bench::new();
    bench.call(Destination::Queue("support".into()));
    for _ in 0..100 {
        bench.wait(3600);
        bench.calls.handle_overflow(bench.now, CALL, Some(Destination::Queue("sales".into())));
        assert!(bench.calls.is_queued(CALL));
    }
}

#[test]
fn a_flow_that_ends_after_a_failure_did_not_do_what_it_was_for() {
    for (recorded, cause) in [(false, Cause::NoAnswer), (true, Cause::Completed)] {
        let mut bench = Bench::new();
        bench.call(Destination::Ivr("main".into()));
        let support = || "support".into();
        bench.calls.handle_ivr_queue(bench.now, CALL, support(), 0, BTreeMap::new());
        bench.calls.handle_overflow(bench.now, CALL, None);
        if recorded {
            bench.calls.handle_recorded(CALL, RecordingId(1));
        }
        bench.calls.handle_ivr_hang_up(CALL);
        let wishes = bench.wishes();
        assert_eq!(bench.record(wishes).cause, cause);
    }
}

#[test]
fn who_does_not_get_through_goes_to_the_mailbox_and_others_hear_why() {
    use crate::call::switch::Errand;
    let causes = [
        (Cause::Busy, true),
        (Cause::NoAnswer, true),
        (Cause::NotRegistered, true),
        (Cause::Declined, true),
        (Cause::Congestion, false),
        (Cause::MediaRefused, false),
    ];
    for (cause, taken) in causes {
        let mut bench = Bench::new();
        let wishes = bench.call(Destination::Extension(ext("203")));
        let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(cause));
        let visit = Output::Visit(CALL, Errand::Leave(ext("203")));
        assert_eq!(wishes.contains(&visit), taken, "{cause:?}: {wishes:?}");
        assert_eq!(wishes.contains(&Output::Refuse(CALLER, cause)), !taken, "{cause:?}");
    }
    let mut bench = Bench::new();
    let wishes = bench.call(Destination::Extension(ext("202")));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::Busy));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::Busy)), "202 has no mailbox");
}

#[test]
fn whoever_hears_messages_calls_from_the_own_phone_or_shows_a_pin() {
    use crate::call::plan::Feature;
    use crate::call::switch::Errand;
    let cases = [
        (Destination::Feature(Feature::Voicemail, None), Errand::Hear(ext("201"))),
        (Destination::Messages, Errand::HearAny),
        (Destination::Voicemail(ext("203")), Errand::Leave(ext("203"))),
    ];
    for (destination, errand) in cases {
        let mut bench = Bench::new();
        let wishes = bench.call(destination);
        let answer = Output::Answer { leg: CALLER, with: None };
        assert_eq!(wishes[1..], [answer, Output::Visit(CALL, errand)]);
        bench.calls.handle_visit_over(CALL);
        let wishes = bench.wishes();
        assert_eq!(bench.record(wishes).cause, Cause::Completed);
    }
}
