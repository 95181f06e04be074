//! Groups, forwards, do-not-disturb, pickup and parking in virtual time.

use super::*;
use crate::call::desk::{Choice, Group, Onward, Parking, Phone, Slot, Strategy, When};
use crate::call::plan::{Feature, Target};

/// 201 to 205 are phones; 202, 203 and 204 are the group `sales`; 201 and 203 pick up for each other.
fn site(strategy: Strategy, overflow: Option<Target>) -> desk::Settings {
    let group = Group {
        members: ["202", "203", "204"].map(ext).to_vec(),
        strategy,
        ring_time: 20,
        overflow,
    };
    let phone = |name: &str| {
        let pickup = if name == "201" || name == "203" { vec!["front".to_owned()] } else { vec![] };
        (ext(name), Phone { pickup, ..Phone::default() })
    };
    let comeback = Duration::from_secs(60);
    desk::Settings {
        phones: ["201", "202", "203", "204", "205"].map(phone).into(),
        groups: BTreeMap::from([("sales".into(), group)]),
        parking: Parking { comeback, ..Parking::default() },
        ..desk::Settings::default()
    }
}

fn bench(strategy: Strategy) -> Bench {
    Bench::of(site(strategy, None), 20)
}

fn sales() -> Destination {
    Destination::Group("sales".into())
}

/// Whose phones are to be rung, with the legs.
fn rung(wishes: &[Output]) -> Vec<(String, LegId)> {
    let one = |wish: &Output| match wish {
        Output::DialExtension { leg, extension, .. } => Some((extension.to_string(), *leg)),
        _ => None,
    };
    wishes.iter().filter_map(one).collect()
}

fn names(wishes: &[Output]) -> Vec<String> {
    rung(wishes).into_iter().map(|(name, _)| name).collect()
}

impl Bench {
    fn choose(&mut self, extension: &str, choice: Choice) {
        self.calls.handle_choice(&ext(extension), choice);
    }

    fn forward(&mut self, extension: &str, when: When, to: &str) {
        let to = Onward::try_from(to.to_owned()).expect("a target");
        self.choose(extension, Choice::Forward(when, Some(to)));
    }

    /// A call from this phone, and what it makes happen.
    fn from(&mut self, call: u64, phone: &str, destination: Destination) -> Vec<Output> {
        self.arrive(call, Peer::Extension(ext(phone)), destination);
        self.wishes()
    }

    /// Lets the call of a trunk be answered by `name`: their legs.
    fn connected(&mut self, call: u64, name: &str) -> (LegId, LegId) {
        self.arrive(call, Peer::Trunk(trunk("one")), Destination::Extension(ext(name)));
        let wishes = self.wishes();
        let callee = dialled(&wishes)[0];
        self.leg(callee, LegEvent::Answered);
        (LegId(call), callee)
    }

    fn activity(&self, call: u64) -> Activity {
        let views = self.calls.views();
        views.into_iter().find(|view| view.call == CallId(call)).expect("the call is up").activity
    }
}

#[test]
fn all_phones_of_a_group_ring_one_answers_and_the_others_are_let_go() {
    let mut bench = bench(Strategy::RingAll);
    let wishes = bench.call(sales());
    assert_eq!(names(&wishes), ["202", "203", "204"]);
    let legs: Vec<_> = rung(&wishes).into_iter().map(|(_, leg)| leg).collect();
    // One refuses, and the others go on.
    assert_eq!(bench.leg(legs[0], LegEvent::Ended(Cause::Busy)), [Output::Idle(ext("202"))]);
    let wishes = bench.leg(legs[2], LegEvent::Answered);
    assert_eq!(
        wishes,
        [
            Output::Answer { leg: CALLER, with: Some(legs[2]) },
            Output::Join(CALLER, legs[2]),
            Output::HangUp(legs[1], Cause::Completed),
        ]
    );
    // An answer that crosses is no second one.
    assert_eq!(bench.leg(legs[1], LegEvent::Answered), []);
    bench.leg(legs[1], LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.activity(1), Activity::Talking(legs[2]));
}

#[test]
fn nobody_of_a_group_answers_and_the_caller_overflows_or_is_told_so() {
    let mut bench = bench(Strategy::RingAll);
    bench.call(sales());
    assert_eq!(bench.wait(19), []);
    let wishes = bench.wait(1);
    // The caller need not wait until three phones have confirmed that they are quiet.
    assert_eq!(wishes.iter().filter(|wish| matches!(wish, Output::HangUp(..))).count(), 3);
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::NoAnswer)), "{wishes:?}");
    let target = Some(Target::Queue("support".into()));
    let mut bench = Bench::of(site(Strategy::RingAll, target), 20);
    bench.call(sales());
    let wishes = bench.wait(20);
    assert!(wishes.iter().any(|wish| matches!(wish, Output::Enqueue { .. })), "{wishes:?}");
}

#[test]
fn a_hunt_rings_one_after_the_other_and_passes_over_who_cannot_answer() {
    let mut bench = bench(Strategy::Hunt);
    bench.choose("203", Choice::DoNotDisturb(true));
    let wishes = bench.call(sales());
    assert_eq!(names(&wishes), ["202"]);
    let wishes = bench.wait(20);
    assert_eq!(names(&wishes), ["204"], "203 is not to be disturbed, and 202 has not confirmed");
    // 204 has no phone: nobody is left.
    let (_, leg) = rung(&wishes)[0].clone();
    let wishes = bench.leg(leg, LegEvent::Ended(Cause::NotRegistered));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::NoAnswer)), "{wishes:?}");
}

#[test]
fn a_round_begins_after_who_rang_first_and_the_caller_is_no_member_of_it() {
    let mut bench = bench(Strategy::RoundRobin);
    assert_eq!(names(&bench.from(1, "201", sales())), ["202"]);
    assert_eq!(names(&bench.from(2, "205", sales())), ["203"]);
    assert_eq!(names(&bench.from(3, "205", sales())), ["204"]);
    // 202, 203 and 204 ring: nobody is left, and busy says more than not there.
    let wishes = bench.from(4, "201", sales());
    assert!(wishes.contains(&Output::Refuse(LegId(4), Cause::Busy)), "{wishes:?}");
    let mut bench = self::bench(Strategy::RingAll);
    assert_eq!(names(&bench.from(1, "203", sales())), ["202", "204"]);
}

#[test]
fn a_caller_who_gives_up_silences_the_whole_group() {
    let mut bench = bench(Strategy::RingAll);
    bench.call(sales());
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    let quiet = |wish: &&Output| matches!(wish, Output::HangUp(_, Cause::Abandoned));
    assert_eq!(wishes.iter().filter(quiet).count(), 3, "{wishes:?}");
    assert_eq!(bench.record(wishes).cause, Cause::Abandoned);
    assert!(bench.calls.is_empty());
}

#[test]
fn groups_take_no_more_legs_than_there_are() {
    let mut bench = bench(Strategy::RingAll);
    bench.calls.settings.max_calls = 30;
    for call in 0..60 {
        bench.arrive(100 + call, Peer::Trunk(trunk("one")), sales());
        for leg in dialled(&bench.wishes()) {
            bench.leg(leg, LegEvent::Ended(Cause::Busy));
        }
    }
    assert!(bench.calls.by_leg.len() <= 30 * 4, "{}", bench.calls.by_leg.len());
}

#[test]
fn a_forward_is_routed_as_the_forwarding_extension_and_kept_in_the_record() {
    let mut bench = bench(Strategy::RingAll);
    bench.forward("202", When::Always, "95550123");
    let wishes = bench.call(Destination::Extension(ext("202")));
    let asked = Destination::Dial { number: number("95550123"), by: ext("202") };
    assert!(wishes.contains(&Output::Route(CALL, asked)), "{wishes:?}");
    assert_eq!(bench.calls.diversions(CALL)[0].when.reason(), "unconditional");
    bench.calls.handle_routed(bench.now, CALL, out(&["one"]));
    let wishes = bench.wishes();
    let leg = dialled(&wishes)[0];
    bench.leg(leg, LegEvent::Answered);
    assert_eq!(bench.calls.numbers(CALL).map(|(from, _)| from), Some("201"), "the caller is shown");
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    let record = bench.record(wishes);
    assert_eq!(record.diversions, [Diversion { by: ext("202"), when: When::Always }]);
}

#[test]
fn each_case_has_its_forward() {
    for (end, when) in [
        (Cause::Busy, When::Busy),
        (Cause::Declined, When::Busy),
        (Cause::NoAnswer, When::NoAnswer),
        (Cause::NotRegistered, When::Unregistered),
        (Cause::Unreachable, When::Unregistered),
    ] {
        let mut bench = bench(Strategy::RingAll);
        bench.forward("202", when, "queue:support");
        let wishes = bench.call(Destination::Extension(ext("202")));
        let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(end));
        assert!(wishes.iter().any(|wish| matches!(wish, Output::Enqueue { .. })), "{end:?}");
        // Another case is not that one's.
        let wishes = bench.from(2, "205", Destination::Extension(ext("202")));
        let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::MediaRefused));
        assert!(wishes.contains(&Output::Refuse(LegId(2), Cause::MediaRefused)), "{end:?}");
    }
}

#[test]
fn forwards_that_go_round_end_the_call() {
    let mut bench = bench(Strategy::RingAll);
    bench.forward("202", When::Always, "extension:203");
    bench.forward("203", When::Always, "extension:202");
    let wishes = bench.call(Destination::Extension(ext("202")));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::LoopDetected)), "{wishes:?}");
    // A row of forwards is one as well.
    let mut bench = self::bench(Strategy::RingAll);
    for phone in 301..308 {
        bench.forward(&phone.to_string(), When::Always, &format!("extension:{}", phone + 1));
    }
    let wishes = bench.call(Destination::Extension(ext("301")));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::LoopDetected)), "{wishes:?}");
    let wishes = bench.from(2, "201", Destination::Extension(ext("303")));
    assert_eq!(names(&wishes), ["308"], "five are enough for anybody");
}

#[test]
fn a_phone_that_is_not_to_be_disturbed_or_is_full_is_busy() {
    let mut bench = bench(Strategy::RingAll);
    bench.choose("202", Choice::DoNotDisturb(true));
    let wishes = bench.call(Destination::Extension(ext("202")));
    assert_eq!(wishes, [Output::Busy(ext("201")), Output::Refuse(CALLER, Cause::Busy)]);
    let mut bench = self::bench(Strategy::RingAll);
    bench.choose("202", Choice::CallWaiting(false));
    bench.connected(1, "202");
    let wishes = bench.from(2, "205", Destination::Extension(ext("202")));
    assert!(wishes.contains(&Output::Refuse(LegId(2), Cause::Busy)), "{wishes:?}");
    bench.choose("202", Choice::CallWaiting(true));
    assert_eq!(names(&bench.from(3, "205", Destination::Extension(ext("202")))), ["202"]);
    // What a queue offers is for agents to pause.
    let mut bench = self::bench(Strategy::RingAll);
    bench.choose("202", Choice::DoNotDisturb(true));
    bench.call(Destination::Queue("support".into()));
    bench.calls.handle_offer(bench.now, CALL, OfferId(1), &agents(&["202"]));
    assert_eq!(names(&bench.wishes()), ["202"]);
}

fn code(feature: Feature, behind: Option<&str>) -> Destination {
    Destination::Feature(feature, behind.map(number))
}

#[test]
fn a_colleague_of_the_same_pickup_group_answers_and_nobody_else() {
    let mut bench = bench(Strategy::RingAll);
    bench.arrive(1, Peer::Trunk(trunk("one")), Destination::Extension(ext("203")));
    let ringing = dialled(&bench.wishes())[0];
    for (call, phone, behind) in
        [(2, "205", Some("203")), (3, "205", None), (4, "201", Some("202"))]
    {
        let feature = if behind.is_some() { Feature::Pickup } else { Feature::PickupGroup };
        let wishes = bench.from(call, phone, code(feature, behind));
        assert!(wishes.contains(&Output::Say(CallId(call), Saying::NotPossible)), "{wishes:?}");
    }
    let wishes = bench.from(5, "201", code(Feature::PickupGroup, None));
    assert!(wishes.contains(&Output::Join(CALLER, LegId(5))), "{wishes:?}");
    assert!(wishes.contains(&Output::HangUp(ringing, Cause::Completed)), "{wishes:?}");
}

#[test]
fn who_is_on_hold_is_parked_by_the_code_and_fetched_by_the_number() {
    let mut bench = bench(Strategy::RingAll);
    let (caller, callee) = bench.connected(1, "202");
    // Nobody is on hold yet.
    let wishes = bench.from(2, "202", code(Feature::Park, None));
    assert!(wishes.contains(&Output::Say(CallId(2), Saying::NotPossible)), "{wishes:?}");
    bench.leg(callee, LegEvent::Held);
    let wishes = bench.from(3, "202", code(Feature::Park, None));
    assert!(wishes.contains(&Output::Say(CallId(3), Saying::Parked(Slot(701)))), "{wishes:?}");
    assert!(wishes.contains(&Output::Music(caller)));
    assert!(wishes.contains(&Output::HangUp(callee, Cause::Completed)));
    bench.leg(callee, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.activity(1), Activity::Parked(Slot(701)));
    let wishes = bench.from(4, "205", Destination::Slot(Slot(701)));
    assert!(wishes.contains(&Output::Join(caller, LegId(4))), "{wishes:?}");
    // The place is empty again, and nobody rings back any more.
    let wishes = bench.from(5, "205", Destination::Slot(Slot(701)));
    assert!(wishes.contains(&Output::Refuse(LegId(5), Cause::NoSuchNumber)), "{wishes:?}");
    assert_eq!(names(&bench.wait(61)), Vec::<String>::new());
    assert_eq!(bench.activity(1), Activity::Talking(LegId(4)));
}

#[test]
fn a_transfer_parks_and_a_full_car_park_gives_the_caller_back() {
    let mut bench = bench(Strategy::RingAll);
    let (caller, callee) = bench.connected(1, "202");
    bench.calls.handle_transfer(bench.now, callee, Destination::Slot(Slot(705)));
    let wishes = bench.wishes();
    assert!(wishes.contains(&Output::Parked { by: ext("202"), slot: Slot(705) }), "{wishes:?}");
    assert!(wishes.contains(&Output::Transferred(callee, None)));
    bench.leg(callee, LegEvent::Ended(Cause::Completed));
    let (other, second) = bench.connected(2, "203");
    bench.calls.handle_transfer(bench.now, second, Destination::Slot(Slot(705)));
    let wishes = bench.wishes();
    assert!(wishes.contains(&Output::Transferred(second, Some(Cause::Busy))), "{wishes:?}");
    assert!(wishes.contains(&Output::Join(other, second)), "they talk again");
    let wishes = bench.leg(caller, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.record(wishes).cause, Cause::Completed);
    bench.calls.handle_transfer(bench.now, second, Destination::Slot(Slot(705)));
    assert!(
        bench.wishes().contains(&Output::Parked { by: ext("203"), slot: Slot(705) }),
        "free again"
    );
}

#[test]
fn a_call_for_help_is_neither_parked_nor_brought_together_with_others() {
    let mut bench = bench(Strategy::RingAll);
    let help = Destination::Emergency { trunks: vec![trunk("one")], number: number("112") };
    let wishes = bench.from(1, "202", help);
    let carrier = dialled(&wishes)[0];
    bench.leg(carrier, LegEvent::Answered);
    bench.leg(CALLER, LegEvent::Held);
    for feature in [Feature::Park, Feature::Conference] {
        let wishes = bench.from(2, "202", code(feature, None));
        assert!(wishes.contains(&Output::Say(CallId(2), Saying::NotPossible)), "{wishes:?}");
        let wishes = bench.leg(LegId(2), LegEvent::Ended(Cause::Completed));
        bench.record(wishes);
    }
    bench.leg(CALLER, LegEvent::Resumed);
    let open = Destination::Conference("open".into());
    assert!(!bench.calls.handle_transfer(bench.now, CALLER, open));
    for place in [Destination::Slot(Slot(705)), code(Feature::Park, None)] {
        bench.calls.handle_transfer(bench.now, CALLER, place);
        let wishes = bench.wishes();
        assert!(wishes.contains(&Output::Transferred(CALLER, Some(Cause::Busy))), "{wishes:?}");
        assert!(wishes.contains(&Output::Join(carrier, CALLER)), "they talk on: {wishes:?}");
    }
}

#[test]
fn a_parked_caller_rings_back_for_ever_and_is_never_lost() {
    let mut bench = bench(Strategy::RingAll);
    let (caller, callee) = bench.connected(1, "202");
    bench.calls.handle_transfer(bench.now, callee, Destination::Feature(Feature::Park, None));
    bench.leg(callee, LegEvent::Ended(Cause::Completed));
    for end in [Cause::Busy, Cause::NoAnswer, Cause::NotRegistered] {
        assert_eq!(names(&bench.wait(59)), Vec::<String>::new());
        let wishes = bench.wait(1);
        assert_eq!(names(&wishes), ["202"]);
        assert!(wishes.contains(&Output::Ringback(caller)));
        let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(end));
        assert!(wishes.contains(&Output::Music(caller)), "{wishes:?}");
        assert_eq!(bench.activity(1), Activity::Parked(Slot(701)));
    }
    // While it rings back, anybody may fetch the caller all the same.
    let wishes = bench.wait(60);
    let back = dialled(&wishes)[0];
    let wishes = bench.from(2, "205", Destination::Slot(Slot(701)));
    assert!(wishes.contains(&Output::Join(caller, LegId(2))), "{wishes:?}");
    assert!(wishes.contains(&Output::HangUp(back, Cause::Completed)));
    bench.leg(back, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.activity(1), Activity::Talking(LegId(2)));
    let wishes = bench.leg(caller, LegEvent::Ended(Cause::Completed));
    bench.record(wishes);
    assert!(bench.calls.comebacks.deadline().is_none(), "no timer is left");
}

#[test]
fn an_intercom_is_a_call_that_the_phone_answers_by_itself() {
    let mut bench = bench(Strategy::RingAll);
    let wishes = bench.call(code(Feature::Intercom, Some("202")));
    let spoken = |wish: &Output| matches!(wish, Output::DialExtension { intercom: true, .. });
    assert!(wishes.iter().any(spoken), "{wishes:?}");
    // Who talks already is not spoken to; nor is who is not there at all.
    let wishes = bench.from(2, "205", code(Feature::Intercom, Some("202")));
    assert!(wishes.contains(&Output::Refuse(LegId(2), Cause::Busy)), "{wishes:?}");
    let wishes = bench.from(3, "204", code(Feature::Intercom, Some("911")));
    assert!(wishes.contains(&Output::Refuse(LegId(3), Cause::NoSuchNumber)), "{wishes:?}");
}

/// 202, 203 and 204 have loudspeakers.
fn paging() -> Bench {
    let mut site = site(Strategy::RingAll, None);
    site.pages.insert("all".into(), ["202", "203", "204"].map(ext).to_vec());
    Bench::of(site, 20)
}

#[test]
fn one_speaks_to_all_who_are_free_and_hears_none_of_them() {
    let mut bench = paging();
    bench.choose("203", Choice::DoNotDisturb(true));
    let wishes = bench.call(Destination::Page("all".into()));
    assert_eq!(names(&wishes), ["202", "204"]);
    let part = |wishes: &[Output], of: LegId| {
        wishes.iter().find_map(|wish| match wish {
            Output::Page { leg, speaks, room } if *leg == of => Some((*speaks, *room)),
            _ => None,
        })
    };
    let (speaks, room) = part(&wishes, CALLER).expect("the caller speaks at once");
    assert!(speaks);
    let legs = dialled(&wishes);
    let wishes = bench.leg(legs[0], LegEvent::Answered);
    assert_eq!(part(&wishes, legs[0]), Some((false, room)));
    assert!(!wishes.iter().any(|wish| matches!(wish, Output::Join(..))), "{wishes:?}");
    // One does not answer by itself: it is to ring no longer, and the others go on.
    assert!(bench.wait(5).contains(&Output::HangUp(legs[1], Cause::NoAnswer)));
    bench.leg(legs[1], LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.activity(1), Activity::Paging(room));
    let wishes = bench.leg(CALLER, LegEvent::Ended(Cause::Completed));
    assert_eq!(bench.record(wishes).cause, Cause::Completed);
    assert!(bench.calls.is_empty());
}

#[test]
fn a_page_that_nobody_hears_is_over() {
    let mut bench = paging();
    let wishes = bench.call(Destination::Page("all".into()));
    for leg in dialled(&wishes) {
        bench.leg(leg, LegEvent::Ended(Cause::NotRegistered));
    }
    assert_eq!(bench.activity(1), Activity::Ending);
    let mut bench = paging();
    for phone in ["202", "203", "204"] {
        bench.choose(phone, Choice::DoNotDisturb(true));
    }
    let wishes = bench.call(Destination::Page("all".into()));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::Busy)), "{wishes:?}");
}

#[test]
fn nobody_speaks_beside_a_phone_whose_user_does_not_want_it() {
    let mut site = site(Strategy::RingAll, None);
    site.phones.insert(ext("202"), Phone { no_intercom: true, ..Phone::default() });
    site.pages.insert("all".into(), ["202", "203"].map(ext).to_vec());
    let mut bench = Bench::of(site, 20);
    let wishes = bench.call(code(Feature::Intercom, Some("202")));
    assert!(wishes.contains(&Output::Refuse(CALLER, Cause::Busy)), "{wishes:?}");
    assert_eq!(names(&bench.from(2, "205", Destination::Page("all".into()))), ["203"]);
}

#[test]
fn a_mailbox_takes_over_from_a_phone_that_is_not_to_be_disturbed() {
    let mut bench = bench(Strategy::RingAll);
    // 203 has a mailbox, 202 has none.
    bench.choose("203", Choice::DoNotDisturb(true));
    bench.call(Destination::Extension(ext("203")));
    assert_eq!(bench.activity(1), Activity::Voicemail);
    // A colleague's forward: the message is for who was called, as long as there is a mailbox.
    bench.choose("203", Choice::DoNotDisturb(false));
    bench.forward("203", When::NoAnswer, "extension:202");
    let wishes = bench.from(2, "205", Destination::Extension(ext("203")));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::NoAnswer));
    let wishes = bench.leg(dialled(&wishes)[0], LegEvent::Ended(Cause::NoAnswer));
    let leaves =
        |wish: &Output| matches!(wish, Output::Visit(_, Errand::Leave(of)) if *of == ext("203"));
    assert!(wishes.iter().any(leaves), "{wishes:?}");
    // What a queue gives up reaches the mailbox as well.
    bench.choose("203", Choice::DoNotDisturb(true));
    bench.from(3, "201", Destination::Queue("support".into()));
    bench.calls.handle_overflow(bench.now, CallId(3), Some(Destination::Extension(ext("203"))));
    assert_eq!(bench.activity(3), Activity::Voicemail);
}
