#![allow(clippy::disallowed_methods)]

use super::*;
use crate::time::UnixTime;

fn start() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn queues(strategy: Strategy) -> Queues {
    queues_with(Settings { strategy, ..Settings::default() })
}

/// One queue `q` where b, a and c are asked in this order.
fn queues_with(settings: Settings) -> Queues {
    let member = |(name, order): (&str, u32)| Member { agent: name.into(), order };
    let members = [("a", 2), ("b", 1), ("c", 3)].map(member).to_vec();
    let settings = Settings { name: "q".into(), members, ..settings };
    Queues::new(vec![settings], Random::from_number(1))
}

fn item(id: u64, now: Now) -> Item {
    let (arrived, skills) = (now.unix, Skills::new());
    Item {
        id: ItemId(id),
        queue: "q".into(),
        arrived,
        priority: 0,
        skills,
        preferred: None,
        channel: Channel::Voice,
        last_agent: None,
    }
}

fn offers(queues: &mut Queues) -> Vec<(OfferId, u64, String)> {
    let mut found = Vec::new();
    while let Some(output) = queues.poll_output() {
        if let Output::Offer { offer, item, agents, .. } = output {
            let names: Vec<_> = agents.iter().map(AgentId::as_str).collect();
            found.push((offer, item.0, names.join("")));
        }
    }
    found
}

fn offered_order(strategy: Strategy) -> Vec<String> {
    let (now, mut queues) = (start(), queues(strategy));
    for (name, idle) in [("a", 3), ("b", 2), ("c", 1)] {
        queues.handle_agent_ready(now, name.into(), Skills::new(), UnixTime(idle));
    }
    (0..3).for_each(|id| queues.handle_enqueue(now, item(id, now)).unwrap());
    offers(&mut queues).into_iter().map(|(_, _, agents)| agents).collect()
}

#[test]
fn each_strategy_asks_in_its_own_order() {
    assert_eq!(offered_order(Strategy::RingAll), ["bac"]);
    assert_eq!(offered_order(Strategy::LongestIdle), ["c", "b", "a"]);
    assert_eq!(offered_order(Strategy::RoundRobin), ["b", "a", "c"]);
    assert_eq!(offered_order(Strategy::FixedOrder), ["b", "a", "c"]);
}

#[test]
fn a_rung_out_caller_keeps_its_place() {
    let (now, mut queues) = (start(), queues(Strategy::FixedOrder));
    queues.handle_agent_ready(now, "a".into(), Skills::new(), now.unix);
    (0..2).for_each(|id| queues.handle_enqueue(now, item(id, now)).unwrap());
    assert_eq!(offers(&mut queues)[0].1, 0);
    let later = now.after(Duration::from_secs(20));
    queues.handle_timeout(later);
    queues.handle_agent_ready(later, "b".into(), Skills::new(), now.unix);
    assert_eq!(offers(&mut queues)[0].1, 0);
}

#[test]
fn a_queue_without_a_name_is_an_error_and_every_other_key_has_its_default() {
    for unnamed in ["", "priority = 3", "name = \"\"", "name = \" \""] {
        let error = toml::from_str::<Settings>(unnamed).unwrap_err().to_string();
        assert!(error.contains("name"), "{error}");
    }
    assert!(toml::from_str::<Settings>("name = \"q\"\ncolour = 1").is_err());
    let named = Settings { name: "q".into(), ..Settings::default() };
    assert_eq!(toml::from_str::<Settings>("name = \"q\"").unwrap(), named);
}

const RING: Duration = Duration::from_secs(20);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ready(queues: &mut Queues, now: Now, agents: &[&str]) {
    for name in agents {
        queues.handle_agent_ready(now, (*name).into(), Skills::new(), now.unix);
    }
}

fn outputs(queues: &mut Queues) -> Vec<Output> {
    std::iter::from_fn(|| queues.poll_output()).collect()
}

/// Lets the first offer be accepted and answers its item.
fn answer(queues: &mut Queues, now: Now) -> ItemId {
    let (offer, _, agents) = offers(queues).remove(0);
    queues.handle_accepted(now, offer, agents.as_str().into()).unwrap()
}

fn overflowed(outputs: &[Output]) -> Vec<(u64, Why, Target)> {
    let of = |output: &Output| match output {
        Output::Overflow { item, why, target } => Some((item.0, *why, target.clone())),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

#[test]
fn the_preferred_agent_comes_before_the_strategy_and_rings_alone() {
    for strategy in [Strategy::RingAll, Strategy::FixedOrder] {
        let (now, mut queues) = (start(), queues(strategy));
        ready(&mut queues, now, &["a", "c"]);
        let preferred = Some("c".into());
        queues.handle_enqueue(now, Item { preferred, ..item(1, now) }).unwrap();
        ready(&mut queues, now, &["b"]);
        let offered = offers(&mut queues);
        assert_eq!(offered.len(), 1, "nobody joins");
        assert_eq!((offered[0].1, offered[0].2.as_str()), (1, "c"));
        queues.handle_declined(now, offered[0].0, "c".into(), Declined::Refused);
        let everybody = if strategy == Strategy::RingAll { "ba" } else { "b" };
        assert_eq!(offers(&mut queues)[0].2, everybody);
    }
}

#[test]
fn a_preferred_agent_who_is_not_ready_or_not_a_member_is_not_waited_for() {
    for preferred in ["b", "stranger"] {
        let (now, mut queues) = (start(), queues(Strategy::FixedOrder));
        ready(&mut queues, now, &["a", "stranger"]);
        let preferred = Some(preferred.into());
        queues.handle_enqueue(now, Item { preferred, ..item(1, now) }).unwrap();
        assert_eq!(offers(&mut queues)[0].2, "a");
    }
}

#[test]
fn who_becomes_ready_joins_a_ring_for_a_whole_ring_time() {
    let (now, mut queues) = (start(), queues(Strategy::RingAll));
    ready(&mut queues, now, &["a"]);
    queues.handle_enqueue(now, item(1, now)).unwrap();
    let late = now.after(seconds(15));
    ready(&mut queues, late, &["b"]);
    let offered = offers(&mut queues);
    assert_eq!((offered[0].2.as_str(), offered[1].2.as_str()), ("a", "b"));
    assert_eq!(offered[0].0, offered[1].0, "one offer");
    queues.handle_timeout(now.after(RING));
    let missed: Vec<_> = outputs(&mut queues);
    assert!(matches!(&missed[..], [Output::Missed { agent, .. }] if agent.as_str() == "a"));
    let end = now.after(seconds(34));
    assert_eq!(queues.handle_accepted(end, offered[0].0, "b".into()), Ok(ItemId(1)));
}

#[test]
fn an_item_that_rings_nowhere_comes_before_joining_a_ring() {
    let (now, mut queues) = (start(), queues(Strategy::RingAll));
    ready(&mut queues, now, &["a"]);
    queues.handle_enqueue(now, Item { priority: 90, ..item(1, now) }).unwrap();
    queues.handle_enqueue(now, item(2, now)).unwrap();
    ready(&mut queues, now, &["b", "c"]);
    let offered: Vec<_> = offers(&mut queues).into_iter().map(|o| (o.1, o.2)).collect();
    assert_eq!(offered, [(1, "a".into()), (2, "b".into()), (1, "c".into())]);
}

#[test]
fn a_queue_without_anybody_signed_in_overflows_when_it_has_a_target_for_it() {
    let target = Target::Extension("201".into());
    let on_no_agent = Some(target.clone());
    let overflow = OverflowTargets { on_no_agent, ..OverflowTargets::default() };
    let mut queues = queues_with(Settings { overflow, ..Settings::default() });
    let now = start();
    let refused = queues.handle_enqueue(now, item(1, now));
    assert_eq!(refused, Err(Refused::Overflow(Why::NoAgent, target.clone())));
    queues.handle_agent_present("a".into(), Skills::new());
    queues.handle_enqueue(now, item(2, now)).unwrap();
    queues.handle_agent_present("b".into(), Skills::new());
    queues.handle_agent_absent(now, "a".into());
    assert!(overflowed(&outputs(&mut queues)).is_empty(), "b is still there");
    queues.handle_agent_absent(now, "b".into());
    assert_eq!(overflowed(&outputs(&mut queues)), [(2, Why::NoAgent, target)]);
    let counted = Counters { arrived: 2, overflowed: 2, ..Counters::default() };
    assert_eq!(queues.snapshot(now)[0].counters, counted);
}

#[test]
fn without_such_a_target_callers_wait_for_somebody_to_come() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    queues.handle_enqueue(now, item(1, now)).unwrap();
    queues.handle_agent_absent(now, "a".into());
    ready(&mut queues, now, &["a"]);
    assert_eq!(offers(&mut queues).len(), 1);
}

#[test]
fn an_item_from_another_queue_goes_first_and_has_its_whole_time() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    queues.handle_enqueue(now, item(1, now)).unwrap();
    let arrived = now.unix - seconds(1700);
    queues.handle_enqueue(now, Item { arrived, ..item(2, now) }).unwrap();
    assert_eq!(queues.position(now, ItemId(2)), Some(1));
    assert_eq!(queues.snapshot(now)[0].longest, seconds(1700));
    queues.handle_timeout(now.after(seconds(100)));
    assert!(
        overflowed(&outputs(&mut queues)).is_empty(),
        "what it waited elsewhere is not taken off"
    );
    queues.handle_timeout(now.after(seconds(1800)));
    assert_eq!(overflowed(&outputs(&mut queues)).len(), 2);
}

#[test]
fn setting_the_wall_clock_changes_nobodys_wait_or_place() {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    queues.handle_enqueue(now, item(1, now)).unwrap();
    for unix in [now.unix + YEAR, now.unix - YEAR, UnixTime(i64::MAX), UnixTime(i64::MIN)] {
        let set = Now { unix, ..now.after(seconds(60)) };
        queues.handle_timeout(set);
        queues.handle_enqueue(set, item(2, set)).unwrap();
        assert!(overflowed(&outputs(&mut queues)).is_empty());
        assert_eq!(queues.snapshot(set)[0].longest, seconds(60));
        assert_eq!(queues.position(set, ItemId(1)), Some(1));
        queues.handle_abandon(set, ItemId(2));
    }
}

#[test]
fn setting_the_wall_clock_leaves_the_order_of_idle_agents() {
    for unix in [UnixTime(0), UnixTime(i64::MAX)] {
        let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
        ready(&mut queues, now, &["a"]);
        let set = Now { unix, ..now.after(seconds(60)) };
        ready(&mut queues, set, &["b"]);
        queues.handle_enqueue(set, item(1, set)).unwrap();
        assert_eq!(offers(&mut queues)[0].2, "a");
    }
}

#[test]
fn an_arrival_in_the_future_or_years_ago_counts_as_new() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    for (id, arrived) in [(1, now.unix + seconds(3600)), (2, UnixTime(0)), (3, UnixTime(i64::MIN))]
    {
        queues.handle_enqueue(now, Item { arrived, ..item(id, now) }).unwrap();
    }
    queues.handle_timeout(now);
    assert!(overflowed(&outputs(&mut queues)).is_empty());
    assert_eq!(queues.position(now, ItemId(1)), Some(1), "in the order they came");
}

#[test]
fn time_with_an_agent_counts_for_the_place_but_not_towards_the_longest_wait() {
    let mut queues = queues_with(Settings { max_wait: 60, ..Settings::default() });
    let now = start();
    ready(&mut queues, now, &["a"]);
    queues.handle_enqueue(now, item(1, now)).unwrap();
    let taken = now.after(seconds(10));
    let id = answer(&mut queues, taken);
    queues.handle_enqueue(taken, item(2, taken)).unwrap();
    let back = taken.after(seconds(40));
    queues.handle_connected_failed(back, id);
    assert_eq!(queues.position(back, id), Some(1));
    outputs(&mut queues);
    queues.handle_timeout(back.after(seconds(49)));
    let gone: Vec<_> = overflowed(&outputs(&mut queues)).into_iter().map(|o| o.0).collect();
    assert_eq!(gone, [2], "the other has waited 89 seconds, this one 59");
    queues.handle_timeout(back.after(seconds(50)));
    assert_eq!(overflowed(&outputs(&mut queues))[0].0, 1);
}

#[test]
fn every_member_is_explained() {
    use Standing::{Able, Absent, NotReady, RefusedIt, Ringing, Unskilled};
    let (now, mut queues) = (start(), queues(Strategy::FixedOrder));
    let french = || Skills::from([("fr".into(), 3)]);
    let explained = |queues: &Queues| -> Vec<Standing> {
        queues.explain(ItemId(1)).into_iter().map(|(_, standing)| standing).collect()
    };
    assert!(queues.explain(ItemId(1)).is_empty());
    queues.handle_enqueue(now, Item { skills: french(), ..item(1, now) }).unwrap();
    assert_eq!(explained(&queues), [Absent; 3]);
    queues.handle_agent_ready(now, "a".into(), Skills::from([("fr".into(), 2)]), now.unix);
    queues.handle_agent_present("b".into(), french());
    queues.handle_agent_ready(now, "c".into(), french(), now.unix);
    assert_eq!(explained(&queues), [Unskilled, NotReady, Ringing]);
    queues.handle_agent_ready(now, "b".into(), french(), now.unix);
    assert_eq!(explained(&queues), [Unskilled, Able, Ringing]);
    let offer = offers(&mut queues)[0].0;
    queues.handle_declined(now, offer, "c".into(), Declined::Refused);
    assert_eq!(explained(&queues), [Unskilled, Ringing, RefusedIt]);
    queues.handle_timeout(now.after(REFUSAL_HOLD));
    assert_eq!(explained(&queues), [Unskilled, NotReady, NotReady], "b missed it");
}

#[test]
fn without_ageing_a_better_item_always_goes_first_and_with_it_not_for_ever() {
    for (ageing, first) in [(0, 2), (5, 1)] {
        let mut queues = queues_with(Settings { ageing, max_wait: 0, ..Settings::default() });
        let now = start();
        queues.handle_enqueue(now, item(1, now)).unwrap();
        let later = now.after(seconds(3600));
        queues.handle_enqueue(later, Item { priority: 1, ..item(2, later) }).unwrap();
        ready(&mut queues, later, &["a"]);
        assert_eq!(offers(&mut queues)[0].1, first, "ageing {ageing}");
    }
}

#[test]
fn priorities_beyond_the_scale_are_held_to_it() {
    let mut queues = queues_with(Settings { priority: i32::MAX, ..Settings::default() });
    let now = start();
    queues.handle_enqueue(now, Item { priority: i32::MIN, ..item(1, now) }).unwrap();
    queues.handle_enqueue(now, Item { priority: i32::MAX, ..item(2, now) }).unwrap();
    queues.handle_enqueue(now, item(3, now)).unwrap();
    let places = [1, 2, 3].map(|id| queues.position(now, ItemId(id)));
    assert_eq!(places, [Some(3), Some(1), Some(2)]);
}

#[test]
fn a_phone_that_is_not_paused_for_missing_does_not_keep_the_caller() {
    let strategy = Strategy::FixedOrder;
    let miss_pauses = false;
    let mut queues = queues_with(Settings { strategy, miss_pauses, ..Settings::default() });
    let now = start();
    ready(&mut queues, now, &["b", "a"]);
    queues.handle_enqueue(now, item(1, now)).unwrap();
    assert_eq!(offers(&mut queues)[0].2, "b");
    let later = now.after(RING);
    queues.handle_timeout(later);
    let missed = queues.poll_output().unwrap();
    assert!(matches!(missed, Output::Missed { why: Declined::Missed, pauses: false, .. }));
    ready(&mut queues, later, &["b"]);
    assert_eq!(offers(&mut queues)[0].2, "a", "b is not asked about it again at once");
    queues.handle_enqueue(later, item(2, later)).unwrap();
    assert_eq!(offers(&mut queues)[0].2, "b", "but about others");
}

#[test]
fn a_missed_offer_pauses_and_a_refused_one_does_not() {
    let expected =
        [(Declined::Missed, true), (Declined::Unreachable, true), (Declined::Refused, false)];
    for (how, paused) in expected {
        let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
        ready(&mut queues, now, &["a"]);
        queues.handle_enqueue(now, item(1, now)).unwrap();
        let offer = offers(&mut queues)[0].0;
        queues.handle_declined(now, offer, "a".into(), how);
        let output = queues.poll_output();
        assert!(
            matches!(output, Some(Output::Missed { why, pauses, .. }) if why == how && pauses == paused)
        );
    }
}

#[test]
fn the_first_to_answer_has_the_call_and_the_rest_stop_ringing() {
    let (now, mut queues) = (start(), queues(Strategy::RingAll));
    ready(&mut queues, now, &["a", "b", "c"]);
    outputs(&mut queues);
    queues.handle_enqueue(now, item(1, now)).unwrap();
    let (offer, _, agents) = offers(&mut queues).remove(0);
    assert_eq!(agents, "bac");
    assert_eq!(queues.handle_accepted(now, offer, "a".into()), Ok(ItemId(1)));
    assert_eq!(queues.handle_accepted(now, offer, "b".into()), Err(Stale));
    let agent = |name: &str| AgentId::from(name);
    assert_eq!(
        outputs(&mut queues),
        [
            Output::Withdraw { offer, agent: agent("b") },
            Output::Withdraw { offer, agent: agent("c") },
            Output::Connected { item: ItemId(1), agent: agent("a") },
        ]
    );
}

#[test]
fn the_expected_wait_is_work_ahead_over_agents_and_learns() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    queues.handle_enqueue(now, item(1, now)).unwrap();
    queues.handle_enqueue(now, item(2, now)).unwrap();
    assert_eq!(queues.estimate(now, ItemId(2)), None, "nobody is there");
    queues.handle_agent_present("a".into(), Skills::new());
    queues.handle_agent_present("b".into(), Skills::new());
    // Second in the row, 180 seconds each, two agents: 180 seconds.
    assert_eq!(queues.estimate(now, ItemId(2)), Some(seconds(108)..=seconds(270)));
    ready(&mut queues, now, &["a"]);
    let id = answer(&mut queues, now);
    queues.handle_finished(id, seconds(380));
    // A mean of 200 now, and the first of two.
    assert_eq!(queues.estimate(now, ItemId(2)), Some(seconds(60)..=seconds(150)));
}

#[test]
fn an_absurd_handle_time_does_not_stop_the_gateway() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    for id in 1..=2 {
        ready(&mut queues, now, &["a"]);
        queues.handle_enqueue(now, item(id, now)).unwrap();
        let taken = answer(&mut queues, now);
        queues.handle_finished(taken, Duration::MAX);
    }
    queues.handle_enqueue(now, item(3, now)).unwrap();
    assert!(queues.estimate(now, ItemId(3)).is_some());
}

#[test]
fn a_full_queue_sends_away_and_an_item_comes_only_once() {
    let mut queues = queues_with(Settings { max_waiting: 1, ..Settings::default() });
    let now = start();
    queues.handle_enqueue(now, item(1, now)).unwrap();
    assert_eq!(queues.handle_enqueue(now, item(1, now)), Err(Refused::Known));
    let full = Err(Refused::Overflow(Why::Full, Target::HangUp));
    assert_eq!(queues.handle_enqueue(now, item(2, now)), full);
    let queue = "other".into();
    let elsewhere = queues.handle_enqueue(now, Item { queue, ..item(3, now) });
    assert_eq!(elsewhere, Err(Refused::UnknownQueue));
}

/// Somebody becomes known, and with that who had them last, while they wait beside a stranger. Whoever is free takes the
/// stranger, not the one who waits for somebody.
#[test]
fn who_becomes_known_while_waiting_waits_for_their_agent_and_holds_nobody_up() {
    let strategy = Strategy::LongestIdle;
    let settings = Settings { strategy, last_agent_for: 60, ..Settings::default() };
    let (now, mut queues) = (start(), queues_with(settings));
    ready(&mut queues, now, &["a"]);
    queues.handle_enqueue(now, item(1, now)).unwrap();
    answer(&mut queues, now);
    queues.handle_enqueue(now, item(2, now)).unwrap();
    queues.handle_enqueue(now, item(3, now)).unwrap();
    queues.handle_last_agent(now, ItemId(2), "a".into());
    outputs(&mut queues);
    ready(&mut queues, now, &["b"]);
    let offered: Vec<_> = offers(&mut queues).into_iter().map(|(_, id, who)| (id, who)).collect();
    assert_eq!(offered, [(3, "b".to_owned())]);
}

/// The wall clock was set forward, a call back was to be tried again the next minute, and the clock was set right: it is tried
/// within a day all the same.
#[test]
fn a_clock_that_was_wrong_holds_no_call_back_for_longer_than_a_day() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    let again = now.unix + seconds(20 * 365 * 86_400);
    let promised = Item { channel: Channel::Callback, ..item(1, now) };
    queues.handle_promised_before(now, promised, 1, Some(again)).unwrap();
    ready(&mut queues, now, &["a"]);
    assert_eq!(offers(&mut queues).len(), 0);
    let tomorrow = now.after(seconds(86_400));
    queues.handle_timeout(tomorrow);
    assert_eq!(offers(&mut queues).len(), 1);
}

/// Who comes from another queue is told the wait from there on: what they had waited before says nothing of whether it held.
#[test]
fn an_estimate_is_measured_from_when_it_was_told() {
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    queues.handle_agent_present("a".into(), Skills::new());
    let before = Item { arrived: now.unix - seconds(3_000), ..item(1, now) };
    queues.handle_enqueue(now, before).unwrap();
    assert_eq!(queues.estimate(now, ItemId(1)), Some(seconds(108)..=seconds(270)));
    let later = now.after(seconds(150));
    ready(&mut queues, later, &["a"]);
    answer(&mut queues, later);
    let rate = queues.snapshot(later)[0].hit_rate;
    assert_eq!((rate.of, rate.hits, rate.percent()), (1, 1, Some(100)));
}

#[test]
fn letters_say_nothing_of_how_long_calls_take_and_who_has_room_for_three_chats_counts_three_times()
{
    let (now, mut queues) = (start(), queues(Strategy::LongestIdle));
    ready(&mut queues, now, &["a"]);
    let of = |id, channel| Item { channel, ..item(id, now) };
    queues.handle_enqueue(now, of(1, Channel::Mail)).unwrap();
    let letter = answer(&mut queues, now);
    queues.handle_finished(letter, seconds(9_000));
    queues.handle_wrapped_up(now, &"a".into(), letter);
    queues.handle_enqueue(now, of(2, Channel::Voice)).unwrap();
    queues.handle_enqueue(now, of(3, Channel::Chat)).unwrap();
    assert_eq!(queues.estimate(now, ItemId(2)), Some(seconds(108)..=seconds(270)));
    assert_eq!(queues.estimate(now, ItemId(3)), Some(seconds(36)..=seconds(90)));
}
