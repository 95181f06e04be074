//! What media threads notice, and what an admin and the far end notice of it.

use super::*;

fn scene(config: &str) -> World {
    World::of(1, config, 0)
}

/// 202 talks with 203: their legs.
fn talk(world: &mut World) -> (LegId, LegId) {
    world.call(2, "203");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    world.pick_up(3);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    *world.bridges.last().expect("they talk")
}

fn notices(world: &mut World, event: media::Event) {
    world.gateway.handle_media(world.now, event);
    world.carry_out();
    world.pass(Duration::from_millis(200));
}

fn press(world: &mut World, leg: LegId, digit: char) {
    let duration = Duration::from_millis(100);
    notices(world, media::Event::Digit { leg, digit, duration });
}

fn ask(world: &mut World, command: &admin::Command) -> admin::Reply {
    world.gateway.handle_control(world.now, ReplyTo(1), command);
    std::iter::from_fn(|| world.gateway.poll_output())
        .find_map(|output| match output {
            Output::Reply(_, reply) => Some(reply),
            _ => None,
        })
        .expect("an answer")
}

#[test]
fn an_admin_sees_which_party_is_not_heard_and_that_it_is_over() {
    let mut world = scene(CONFIG);
    let (leg, _) = talk(&mut world);
    let peer = world.gateway.legs.get(leg).unwrap().peer.to_string();
    for on in [true, false] {
        notices(&mut world, media::Event::OneWay { leg, now: on });
        let admin::Reply::ActiveCalls(calls) = ask(&mut world, &admin::Command::ActiveCalls) else {
            panic!("no list")
        };
        assert_eq!(calls[0].doing.contains(&format!("{peer} not heard")), on, "{}", calls[0].doing);
        let admin::Reply::Status(status) = ask(&mut world, &admin::Command::Status) else {
            panic!("no status")
        };
        let part = status.parts.iter().find(|part| part.name == "sound");
        assert_eq!(part.map(|part| part.lamp), on.then_some(admin::Lamp::Amber));
        let counted = status.counters.iter().find(|(name, _)| name.contains("not heard")).unwrap();
        assert_eq!(counted.1, 1);
    }
}

#[test]
fn keys_go_by_info_to_whom_the_settings_say_and_once_each() {
    let with_info = CONFIG.replacen("number = \"203\"\n", "number = \"203\"\nkeys = \"info\"\n", 1);
    let mut world = scene(&with_info);
    let (a, b) = talk(&mut world);
    let is_203 = |world: &World, leg| {
        world.gateway.legs.get(leg).unwrap().peer
            == crate::call::record::Peer::Extension("203".into())
    };
    let (from, to) = if is_203(&world, a) { (b, a) } else { (a, b) };
    let agreed = world.gateway.legs.get(to).unwrap().negotiated.clone().unwrap();
    assert_eq!(agreed.dtmf, None, "203 is offered no events");
    press(&mut world, from, '7');
    assert_eq!(world.parties[3].texts, ["Signal=7\r\nDuration=160\r\n"]);
    // 203 presses: by INFO alone, and heard in the sound of 202 as an event.
    let session = *world.parties[3].up.first().unwrap();
    let now = world.now;
    world.parties[3].endpoint.info(now, session, "application/dtmf-relay", b"Signal=5\r\n");
    world.carry_out();
    world.pass(Duration::from_millis(400));
    assert_eq!(world.pressed, ["5"]);
}

#[test]
fn a_press_that_comes_by_two_ways_reaches_whom_one_talks_with_once() {
    // In the stream it has gone to the partner already; whichever way is faster, INFO must add none.
    for info_first in [true, false] {
        let mut world = scene(CONFIG);
        let (a, b) = talk(&mut world);
        let is_203 = |leg: LegId| {
            world.gateway.legs.get(leg).unwrap().peer
                == crate::call::record::Peer::Extension("203".into())
        };
        let from = if is_203(a) { a } else { b };
        let session = *world.parties[3].up.first().unwrap();
        let digit =
            media::Event::Digit { leg: from, digit: '5', duration: Duration::from_millis(100) };
        let now = world.now;
        if !info_first {
            world.gateway.handle_media(now, digit.clone());
        }
        world.parties[3].endpoint.info(now, session, "application/dtmf-relay", b"Signal=5\r\n");
        world.carry_out();
        world.pass(Duration::from_millis(120));
        if info_first {
            world.gateway.handle_media(world.now, digit);
        }
        world.pass(Duration::from_secs(1));
        assert!(world.pressed.is_empty(), "{info_first}: {:?}", world.pressed);
        // Pressed once more, and this time said by INFO alone.
        let now = world.now;
        world.parties[3].endpoint.info(now, session, "application/dtmf-relay", b"Signal=5\r\n");
        world.carry_out();
        world.pass(Duration::from_secs(1));
        assert_eq!(world.pressed, ["5"], "{info_first}");
    }
}

#[test]
fn a_press_that_comes_by_two_ways_counts_once_and_two_presses_twice() {
    let mut world = scene(CONFIG);
    world.call(0, "+15550100");
    world.carry_out();
    world.pass(Duration::from_secs(2));
    let leg = *world.open.first().expect("the caller's leg");
    let session = *world.parties[0].up.first().unwrap();
    let now = world.now;
    world.parties[0].endpoint.info(now, session, "application/dtmf-relay", b"Signal=9\r\n");
    world.carry_out();
    world.pass(Duration::from_millis(40));
    let heard = world.gateway.legs.get(leg).unwrap().pressed;
    assert!(heard.is_some_and(|(_, key, _)| key == '9'), "{heard:?}");
    world.gateway.handle_media(
        world.now,
        media::Event::Digit { leg, digit: '9', duration: Duration::from_millis(100) },
    );
    let after = world.gateway.legs.get(leg).unwrap().pressed;
    assert_eq!(after, None, "the same press");
}

#[test]
fn a_caller_of_a_conference_is_mixed_and_never_offered_what_cannot_be() {
    let config = CONFIG.replacen(
        "[[queue]]",
        "[[conference]]\nname = \"board\"\nnumber = \"800\"\n[media]\ncodecs = [\"opus\", \"g722\", \"pcmu\"]\n[[queue]]",
        1,
    );
    let mut world = scene(&config);
    for phone in 1..4 {
        world.call(phone, "800");
    }
    world.carry_out();
    world.pass(Duration::from_secs(2));
    let legs: Vec<_> = world.open.iter().copied().collect();
    let leg = |id: LegId| world.gateway.legs.get(id).unwrap();
    let threads: BTreeSet<_> = legs.iter().map(|id| leg(*id).thread).collect();
    assert_eq!((legs.len(), threads.len()), (3, 1), "one media thread for the room");
    assert!(legs.iter().all(|id| leg(*id).negotiated.as_ref().unwrap().codec.is_g711()));
    assert_eq!(world.mixed.len(), 3);
    (1..4).for_each(|phone| world.hang_up(phone));
    world.carry_out();
    world.pass(Duration::from_secs(3));
    assert!(world.gateway.calls.is_empty());
}

fn tapes(world: &World) -> usize {
    world.gateway.tapes.count()
}

#[test]
fn nothing_is_recorded_before_both_have_heard_that_it_is() {
    let always =
        CONFIG.replacen("number = \"203\"\n", "number = \"203\"\nrecord = \"always\"\n", 1);
    let mut world = scene(&always);
    let joined = world.joined;
    world.call(2, "203");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    world.pick_up(3);
    world.carry_out();
    let mut told = 0;
    for _ in 0..600 {
        world.pass(Duration::from_millis(10));
        let notice = |(_, what): &(u64, sound::Playing)| *what == sound::Playing::Notice;
        if world.gateway.playing.values().any(notice) {
            told += 1;
            assert_eq!(tapes(&world), 0, "they are being told");
        }
    }
    assert!(told > 0 && tapes(&world) == 1);
    assert_eq!(world.joined, joined + 2, "and are together again afterwards");
    world.hang_up(3);
    world.carry_out();
    world.pass(Duration::from_secs(3));
    assert_eq!(tapes(&world), 0);
    assert!(world.gateway.calls.is_empty());
}

#[test]
fn a_phone_that_may_begins_and_ends_a_recording_by_keys() {
    let asked = CONFIG
        .replacen("number = \"203\"\n", "number = \"203\"\nrecord = \"on-demand\"\n", 1)
        .replacen("[[queue]]", "[media]\nrecording_notice = false\n[[queue]]", 1);
    let mut world = scene(&asked);
    let (a, b) = talk(&mut world);
    let may = |leg: LegId, world: &World| {
        world.gateway.legs.get(leg).unwrap().peer
            == crate::call::record::Peer::Extension("203".into())
    };
    let (phone, other) = if may(a, &world) { (a, b) } else { (b, a) };
    for (leg, keys, running) in
        [(other, "*1", 0), (phone, "*", 0), (phone, "1", 1), (phone, "1", 1), (phone, "*1", 0)]
    {
        keys.chars().for_each(|key| press(&mut world, leg, key));
        assert_eq!(tapes(&world), running, "{keys}");
    }
}

#[test]
fn a_fax_in_the_middle_of_a_call_is_refused_and_the_call_goes_on() {
    let mut world = scene(CONFIG);
    talk(&mut world);
    let session = *world.parties[3].up.first().unwrap();
    let fax = "v=0\r\no=- 2 3 IN IP4 192.0.2.23\r\ns=-\r\nc=IN IP4 192.0.2.23\r\nt=0 0\r\nm=image 9002 udptl t38\r\n";
    let fax = sdp::SessionDescription::parse(fax.as_bytes()).unwrap();
    let now = world.now;
    world.parties[3].endpoint.reoffer(now, session, &fax);
    world.carry_out();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.gateway.calls.len(), 1);
    assert!(world.parties[3].ended.is_empty() && world.parties[3].up.contains(&session));
    assert!(world.parties[3].refused.contains(&488), "{:?}", world.parties[3].refused);
}

/// Two phones of one extension, or one phone that calls itself: there is nobody to bring into a room.
#[test]
fn a_phone_that_talks_with_its_own_extension_confers_with_nobody_and_leaves_no_call() {
    let mut world = World::of(1, CONFIG, 0);
    world.call(1, "201");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    world.pick_up(1);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.gateway.calls.len(), 1);
    world.call(1, "*46");
    world.carry_out();
    world.pass(Duration::from_secs(10));
    while !world.parties[1].up.is_empty() {
        world.hang_up(1);
    }
    world.carry_out();
    world.pass(Duration::from_secs(10));
    assert_eq!((world.gateway.calls.len(), world.gateway.legs.is_empty()), (0, true));
}

#[test]
fn a_port_that_another_program_has_costs_nobody_a_call() {
    let mut world = super::scenes::scene(&[]);
    // Three of four, from before the box opened anything on.
    world.foreign = (16_384..32_768).filter(|port| port % 8 < 6).collect();
    world.gateway = super::branch(world.now, CONFIG);
    world.gateway.handle_started(world.now, true);
    (1..4).for_each(|party| world.register(party, 3_600));
    world.seconds(1);
    for _ in 0..30 {
        world.call(1, "700");
        world.seconds(2);
        world.take_call(2);
        world.seconds(2);
        assert!(!world.bridged.is_empty(), "they hear each other");
        world.hang_up(1);
        world.seconds(10);
    }
    assert_eq!((world.answered, world.joined), (30, 30));
    assert_eq!(world.gateway.pool.in_use(), 0);
}
