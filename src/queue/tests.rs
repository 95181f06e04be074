#![allow(clippy::disallowed_methods)]

use super::*;

fn start() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn queues(strategy: Strategy) -> Queues {
    let member = |(name, order): (&str, u32)| Member { agent: name.into(), order };
    let members = [("a", 2), ("b", 1), ("c", 3)].map(member).to_vec();
    let settings = Settings { name: "q".into(), strategy, members, ..Settings::default() };
    Queues::new(vec![settings], Random::from_number(1))
}

fn item(id: u64, now: Now) -> Item {
    let (arrived, skills) = (now.unix, Skills::new());
    Item { id: ItemId(id), queue: "q".into(), arrived, priority: 0, skills, preferred: None }
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
