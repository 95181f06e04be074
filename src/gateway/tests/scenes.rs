//! Single scenes, told by what a person would notice.

use super::*;

const CARRIER: usize = 0;

/// `CONFIG` with something else in the place of something.
pub(super) fn config(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

pub(super) fn scene(changes: &[(&str, &str)]) -> World {
    World::of(1, &config(changes), 0)
}

impl World {
    pub(super) fn seconds(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    /// The status that the newest call of a party was refused with.
    fn refusal(&self, at: usize) -> Option<u16> {
        match self.parties[at].ended.last() {
            Some(Ended::Refused { status, .. }) => Some(status.code()),
            _ => None,
        }
    }
}

#[test]
fn help_is_reached_over_the_second_server_within_three_seconds() {
    let servers = ("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.99\", \"192.0.2.100\"]");
    let mut world = scene(&[servers]);
    world.call(2, "911");
    world.seconds(3);
    assert_eq!(world.parties[CARRIER].called, ["911"]);
    world.pick_up(CARRIER);
    world.seconds(1);
    assert_eq!(world.answered, 1);
    let trunk =
        world.ask_status().parts.into_iter().find(|part| part.name == "trunk carrier").unwrap();
    assert_eq!(trunk.lamp, admin::Lamp::Amber);
    assert!(trunk.words.contains("192.0.2.99:5060"), "{}", trunk.words);
    // The dead server is known now: the next call does not wait for it.
    world.call(3, "95550123");
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["911", "5550123"]);
}

#[test]
fn a_carrier_that_answers_nothing_costs_seconds_and_shows_red() {
    let mut world = scene(&[("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.99\"]")]);
    world.call(1, "95550123");
    world.seconds(13);
    assert_eq!(world.refusal(1), Some(480));
    let trunk =
        world.ask_status().parts.into_iter().find(|part| part.name == "trunk carrier").unwrap();
    assert_eq!(trunk.lamp, admin::Lamp::Red);
}

#[test]
fn the_branch_is_told_of_a_call_for_help_even_when_it_cannot_leave() {
    for (servers, called) in [("192.0.2.100", 1), ("no.such.name", 0)] {
        let servers = format!("servers = [\"{servers}\"]\n[emergency]\nnotify = [\"201\"]");
        let mut world = scene(&[("servers = [\"192.0.2.100\"]", &servers)]);
        world.call(2, "911");
        world.seconds(3);
        assert_eq!(world.parties[CARRIER].called.len(), called);
        let texts = &world.parties[1].texts;
        // Who cannot be helped from here must hear of that too.
        assert_eq!(texts.len(), 2 - called, "{texts:?}");
        assert!(
            texts.iter().any(|text| text.starts_with("EMERGENCY CALL: 202 calls 911")),
            "{texts:?}"
        );
    }
}

#[test]
fn limits_refuse_ordinary_calls_and_never_the_first_call_for_help() {
    let limits =
        "[limits]\ncalls = 2\ncalls_per_extension = 1\nnew_calls_per_second = 3\n[flow.main]";
    let mut world = scene(&[("[flow.main]", limits)]);
    world.call(1, "600");
    world.seconds(1);
    world.call(1, "600");
    world.seconds(1);
    assert_eq!(world.refusal(1), Some(503), "one call of an extension");
    world.call(2, "600");
    world.seconds(1);
    world.call(3, "600");
    world.seconds(1);
    assert_eq!(world.refusal(3), Some(503), "two calls of the branch");
    for at in 1..4 {
        world.call(at, "911");
    }
    world.seconds(2);
    assert_eq!(world.parties[CARRIER].called.len(), 3, "help is called by all three");
    // A phone that calls for help in a loop does not take the lines of others.
    for _ in 0..10 {
        world.call(1, "911");
        world.seconds(1);
    }
    assert_eq!(world.parties[CARRIER].called.len(), 5);
    assert_eq!(world.refusal(1), Some(503));
}

#[test]
fn too_many_new_calls_in_a_second_are_refused_and_the_next_second_is_good() {
    let rate = "[limits]\nnew_calls_per_second = 3\n[flow.main]";
    let mut world = scene(&[("[flow.main]", rate)]);
    for _ in 0..6 {
        world.call(CARRIER, "+15550100");
    }
    world.seconds(1);
    let refused = |world: &World| {
        let ended = &world.parties[CARRIER].ended;
        ended.iter().filter(|end| matches!(end, Ended::Refused { .. })).count()
    };
    assert_eq!(refused(&world), 3);
    world.call(CARRIER, "+15550100");
    world.seconds(1);
    assert_eq!(refused(&world), 3);
}

#[test]
fn a_full_trunk_refuses_calls_and_passes_calls_for_help() {
    let line = "servers = [\"192.0.2.100\"]\nmax_calls = 1";
    let mut world = scene(&[("servers = [\"192.0.2.100\"]", line)]);
    world.call(1, "95550123");
    world.seconds(1);
    world.call(2, "95550124");
    world.seconds(1);
    assert_eq!(world.refusal(2), Some(503));
    world.call(CARRIER, "+15550100");
    world.seconds(1);
    assert_eq!(world.refusal(CARRIER), Some(503), "a line is a line in both directions");
    world.call(3, "911");
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["5550123", "911"]);
}

#[test]
fn a_branch_that_drains_refuses_calls_lets_old_ones_be_and_passes_help() {
    let mut world = scene(&[]);
    world.call(1, "600");
    world.seconds(1);
    world.gateway.handle_drain(world.now);
    world.call(2, "600");
    world.seconds(1);
    assert_eq!(world.refusal(2), Some(503));
    assert!(world.parties[1].ended.is_empty(), "the call that was up goes on");
    world.call(3, "911");
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["911"]);
}

#[test]
fn queues_that_pass_a_caller_round_let_the_caller_go() {
    // The check finds two queues that overflow into one another, and not the way through a flow.
    let flow = "overflow_no_agent = \"ivr:round\"\n[flow.round]\nstart = \"q\"\n[flow.round.queue.q]\nqueue = \"support\"\n[[agent]]\nid = \"ann\"";
    let mut world = scene(&[
        ("[[agent]]\nid = \"ann\"", flow),
        ("signed_in = true", ""),
        ("signed_in = true", ""),
    ]);
    world.call(1, "700");
    world.seconds(5);
    assert!(world.gateway.calls.is_empty(), "the caller goes round");
}

#[test]
fn no_sound_is_sent_to_a_port_of_our_own() {
    let mut world = scene(&[]);
    world.call(1, "600");
    world.seconds(1);
    let leg = *world.open.first().expect("a leg has sound");
    let agreed = world.gateway.legs.get(leg).and_then(|leg| leg.negotiated.clone()).unwrap();
    let own = world.gateway.legs.get(leg).and_then(|leg| leg.port).unwrap();
    let usable = |remote: SocketAddr| {
        let agreed = sdp::Negotiated { remote, remote_rtcp: None, ..agreed.clone() };
        world.gateway.is_usable(leg, &agreed)
    };
    assert!(usable(agreed.remote));
    assert!(!usable(SocketAddr::new(OURS.ip(), own)), "a loop");
    assert!(!usable(SocketAddr::new(OURS.ip(), own + 1)), "a loop by RTCP");
    let other = SocketAddr::new("192.0.2.2".parse().unwrap(), own);
    assert!(!usable(other), "a loop over another interface");
    for bad in ["127.0.0.1:6000", "[::1]:6000", "224.0.0.1:6000", "255.255.255.255:6000"] {
        assert!(!usable(bad.parse().unwrap()), "{bad}");
    }
}

#[test]
fn a_key_pressed_by_info_reaches_the_party_at_the_other_end() {
    let mut world = scene(&[]);
    world.call(1, "202");
    world.seconds(1);
    world.pick_up(2);
    world.seconds(1);
    let session = *world.parties[1].up.first().unwrap();
    let body = b"Signal=5\r\nDuration=160\r\n";
    world.parties[1].endpoint.info(world.now, session, "application/dtmf-relay", body);
    world.seconds(1);
    assert_eq!(world.pressed, ["5"]);
}

/// 201 talks with 202, and 202 with 203: as if 202 had put 201 on hold to ask.
fn asking(world: &mut World) -> (SessionId, SessionId) {
    world.call(1, "202");
    world.seconds(1);
    world.pick_up(2);
    world.seconds(1);
    let first = *world.parties[2].up.first().unwrap();
    world.call(2, "203");
    world.seconds(1);
    world.pick_up(3);
    world.seconds(1);
    let second = *world.parties[2].up.iter().find(|session| **session != first).unwrap();
    (first, second)
}

#[test]
fn who_asks_first_joins_the_other_two_on_one_media_thread_and_is_let_go() {
    let mut world = scene(&[]);
    let (first, second) = asking(&mut world);
    let now = world.now;
    world.parties[2].endpoint.refer(now, first, "sip:203@192.0.2.1", Some(second));
    world.seconds(2);
    assert!(world.parties[2].up.is_empty(), "202 is in no call any more");
    assert_eq!((world.parties[1].up.len(), world.parties[3].up.len()), (1, 1));
    let (a, b) = *world.bridges.last().unwrap();
    let leg = |id| world.gateway.legs.get(id).expect("the leg is up");
    assert_eq!(leg(a).thread, leg(b).thread);
    let peers: BTreeSet<_> = [a, b].map(|id| leg(id).peer.to_string()).into();
    assert_eq!(peers, ["extension 201", "extension 203"].map(str::to_owned).into());
    assert!(leg(a).negotiated.is_some() && leg(b).negotiated.is_some());
    world.hang_up(1);
    world.seconds(3);
    assert!(world.parties[3].up.is_empty() && world.gateway.calls.is_empty());
    assert_eq!(world.kept().1, 2, "each call has a record");
}

#[test]
fn nobody_takes_over_the_conversation_of_another() {
    let mut world = scene(&[]);
    asking(&mut world);
    // 201 names the dialog between 202 and the branch.
    let (own, foreign) =
        (*world.parties[1].up.first().unwrap(), *world.parties[3].up.first().unwrap());
    let replaces = world.parties[3].endpoint.replaces(foreign);
    let now = world.now;
    world.parties[1].endpoint.refer(now, own, &format!("sip:203@192.0.2.1{replaces}"), None);
    world.seconds(2);
    assert_eq!(world.gateway.calls.len(), 2, "both calls go on");
    assert!(world.parties.iter().skip(1).all(|party| party.ended.is_empty()));
}

#[test]
fn a_box_that_is_late_takes_on_calls_for_help_alone_and_says_why() {
    let mut world = scene(&[]);
    world.call(1, "600");
    world.seconds(1);
    world.gateway.handle_turn(world.now.instant, Duration::from_millis(1_100));
    world.call(2, "600");
    world.seconds(1);
    let refused = world.parties[2].ended.last();
    let Some(Ended::Refused { status, retry_after: Some(5), .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(status.code(), 503);
    let status = world.ask_status();
    let part = status.parts.iter().find(|part| part.name == "lateness").expect("a lamp");
    assert_eq!(part.lamp, admin::Lamp::Red);
    assert!(part.words.starts_with("loop was more than 100 ms late"), "{}", part.words);
    let counted = status.counters.iter().find(|(name, _)| name.contains("was late"));
    assert_eq!(counted.map(|(_, count)| *count), Some(1));
    world.gateway.handle_turn(world.now.instant, Duration::from_millis(1_100));
    world.call(3, "911");
    world.seconds(1);
    assert_eq!(world.parties[CARRIER].called, ["911"]);
    assert_eq!(world.gateway.calls.len(), 2, "what is up stays up");
    world.seconds(2);
    world.call(2, "600");
    world.seconds(1);
    assert_eq!(world.gateway.calls.len(), 3);
    assert!(world.ask_status().parts.iter().all(|part| part.name != "lateness"));
}
