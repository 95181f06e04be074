//! Which codec each party of a call gets, and that nothing is decoded where two have one in common.

use super::*;

fn opus() -> Codec {
    Codec { fmtp: Some("useinbandfec=1".to_owned()), ..Codec::new("opus", 48_000, 2, 96) }
}

fn g722() -> Codec {
    Codec::new("G722", 8_000, 1, 9)
}

fn scene(config: &str, caller: &[Codec], called: &[Codec]) -> World {
    let mut world = World::of(1, config, 0);
    world.parties[2].codecs = caller.to_vec();
    world.parties[3].codecs = called.to_vec();
    world
}

/// 202 calls 203, who answers.
fn talk(world: &mut World) {
    world.call(2, "203");
    world.a_second();
    world.take_call(3);
    world.a_second();
    world.a_second();
}

/// What was agreed on with the caller and the called.
fn agreed(world: &World) -> Vec<String> {
    let codec = |id: &LegId| {
        let leg = world.gateway.legs.get(*id)?;
        Some(leg.negotiated.as_ref()?.codec.encoding.to_ascii_lowercase())
    };
    world.open.iter().filter_map(codec).collect()
}

/// What an admin sees of it.
fn coded(world: &mut World) -> Vec<String> {
    let command = admin::Command::ActiveCalls;
    world.gateway.handle_control(world.now, ReplyTo(1), &command);
    let replies = std::iter::from_fn(|| world.gateway.poll_output());
    let calls = replies.filter_map(|output| match output {
        Output::Reply(_, admin::Reply::ActiveCalls(calls)) => Some(calls),
        _ => None,
    });
    calls.flatten().flat_map(|call| call.coded).collect()
}

#[test]
fn two_who_share_a_codec_have_it_and_nothing_is_decoded() {
    for both in [vec![opus(), Codec::pcmu()], vec![g722()], vec![opus()]] {
        let mut world = scene(CONFIG, &both, &both);
        talk(&mut world);
        let wanted = both[0].encoding.to_ascii_lowercase();
        assert_eq!(agreed(&world), [wanted.clone(), wanted]);
        assert_eq!(coded(&mut world), [""; 0]);
        assert_eq!(world.gateway.coded_now(), 0);
    }
}

#[test]
fn two_who_share_none_talk_and_an_admin_sees_what_it_costs() {
    let mut world = scene(CONFIG, &[opus()], &[Codec::pcmu()]);
    talk(&mut world);
    let mut both = agreed(&world);
    both.sort();
    assert_eq!(both, ["opus", "pcmu"]);
    let seen = coded(&mut world);
    let one = "extension 202 opus <-> extension 203 pcmu";
    let other = "extension 203 pcmu <-> extension 202 opus";
    assert!(seen == [one] || seen == [other], "{seen:?}");
    assert_eq!(world.gateway.coded_now(), 1);
    world.hang_up(2);
    world.a_second();
    assert_eq!(world.gateway.coded_now(), 0);
}

/// A caller who listed Opus talks with a phone that has mu-law alone, and is transferred to one that has Opus alone.
#[test]
fn who_comes_to_another_partner_is_offered_the_partners_codec_if_it_has_it() {
    for stubborn in [false, true] {
        let mut world = scene(CONFIG, &[opus(), Codec::pcmu()], &[opus()]);
        world.call(2, "201");
        world.a_second();
        world.take_call(1);
        world.a_second();
        assert_eq!(agreed(&world), ["pcmu", "pcmu"]);
        world.parties[2].stubborn = stubborn;
        let session = *world.parties[1].up.first().unwrap();
        let now = world.now;
        world.parties[1].endpoint.refer(now, session, "sip:203@192.0.2.1", None);
        world.a_second();
        world.take_call(3);
        (0..6).for_each(|_| world.a_second());
        let mut both = agreed(&world);
        both.sort();
        match stubborn {
            false => assert_eq!((both, coded(&mut world).len()), (vec!["opus".into(); 2], 0)),
            true => {
                let stands = vec!["opus".into(), "pcmu".into()];
                assert_eq!((both, coded(&mut world).len()), (stands, 1));
            }
        }
        for leg in world.open.iter().map(|id| world.gateway.legs.get(*id).unwrap()) {
            let said = leg.ours.as_ref().unwrap().media[0].codecs();
            let agreed = &leg.negotiated.as_ref().unwrap().codec;
            let told = said.iter().any(|codec| codec.same_encoding(agreed));
            assert!(told, "what we said last stands: {said:?} {agreed:?}");
        }
    }
}

#[test]
fn what_is_made_here_is_heard_in_what_costs_least() {
    for (has, gets) in [
        (vec![opus(), Codec::pcma()], "pcma"),
        (vec![opus(), g722()], "opus"),
        (vec![g722()], "g722"),
    ] {
        let mut world = scene(CONFIG, &has, &[]);
        world.call(2, "600");
        world.a_second();
        assert_eq!(agreed(&world), [gets]);
    }
}

/// What Chromium lists, in its order.
fn chromium() -> Vec<Codec> {
    vec![opus(), g722(), Codec::pcmu(), Codec::pcma()]
}

#[test]
fn a_browser_has_the_codec_of_whom_it_talks_with_and_g711_beside_what_is_made_here() {
    let menu = "[[internal]]\nnumber = \"500\"\nto = \"ivr:main\"\n[[outbound]]";
    let config = CONFIG.replacen("[[outbound]]", menu, 1);
    for number in ["600", "500", "700"] {
        let mut world = scene(&config, &chromium(), &[]);
        world.call(2, number);
        world.a_second();
        assert_eq!(agreed(&world), ["pcmu"], "{number}");
    }
    // With a phone, whoever of the two calls; and with another browser.
    let phone = vec![Codec::pcmu()];
    for (caller, called, both) in [
        (chromium(), phone.clone(), "pcmu"),
        (phone, chromium(), "pcmu"),
        (chromium(), vec![g722(), Codec::pcma()], "g722"),
        (chromium(), chromium(), "opus"),
    ] {
        let mut world = scene(CONFIG, &caller, &called);
        talk(&mut world);
        assert_eq!(agreed(&world), [both, both], "{caller:?} {called:?}");
        assert_eq!(coded(&mut world), [""; 0]);
    }
}

/// An agent at home, whose network loses packets: Opus for that leg, whatever the other side has.
#[test]
fn a_browser_that_is_to_have_opus_has_it_beside_whomever() {
    let own = ("number = \"202\"\n", "number = \"202\"\ncodecs = [\"opus\"]\n");
    let config = CONFIG.replacen(own.0, own.1, 1);
    assert_ne!(config, CONFIG);
    let mut world = scene(&config, &chromium(), &[]);
    world.call(2, "600");
    world.a_second();
    assert_eq!(agreed(&world), ["opus"]);
    for called in [vec![Codec::pcmu()], chromium()] {
        let mut world = scene(&config, &chromium(), &called);
        talk(&mut world);
        let mut both = agreed(&world);
        both.sort();
        let other = called[0].encoding.to_ascii_lowercase();
        assert_eq!(both, ["opus".to_owned(), other.clone()], "{called:?}");
        assert_eq!(coded(&mut world).len(), usize::from(other != "opus"));
    }
}

#[test]
fn a_phone_with_a_list_of_its_own_is_offered_nothing_else() {
    let config = CONFIG.replacen(
        "number = \"203\"\n",
        "number = \"203\"\ncodecs = [\"g722\", \"pcma\"]\n",
        1,
    );
    for (caller, offered, takes) in [
        (vec![opus()], ["g722", "pcma"], "g722"),
        (vec![Codec::pcmu()], ["pcma", "g722"], "pcma"),
        (vec![g722(), Codec::pcmu()], ["g722", "pcma"], "g722"),
    ] {
        let mut world = scene(&config, &caller, &[g722(), Codec::pcma()]);
        talk(&mut world);
        let offer = world.newest_invite(3).sdp().unwrap().unwrap();
        let names: Vec<_> = offer.media[0]
            .codecs()
            .iter()
            .map(|codec| codec.encoding.to_ascii_lowercase())
            .collect();
        assert_eq!(names, offered);
        assert!(agreed(&world).contains(&takes.to_owned()), "{:?}", agreed(&world));
    }
}

/// Any lists in any order: a call comes about, nobody gets what he did not list, payload types are one codec's each, and it is
/// decoded only where the two have nothing in common.
#[test]
fn any_two_lists_make_a_call_that_is_decoded_only_if_it_must_be() {
    let all = [Codec::pcmu(), Codec::pcma(), g722(), opus()];
    let mut random = Random::from_number(11);
    let mut list = || -> Vec<Codec> {
        let mut left = all.to_vec();
        (0..1 + random.below(4))
            .map(|_| left.remove(random.below(left.len() as u64) as usize))
            .collect()
    };
    for turn in 0..40 {
        let (caller, called) = (list(), list());
        let mut world = scene(CONFIG, &caller, &called);
        talk(&mut world);
        let told = format!("{turn}: {caller:?} {called:?}");
        let legs: Vec<_> =
            world.open.iter().map(|id| world.gateway.legs.get(*id).unwrap()).collect();
        assert_eq!(legs.len(), 2, "{told}");
        for leg in &legs {
            let is_203 = leg.peer == crate::call::record::Peer::Extension("203".into());
            let listed = if is_203 { &called } else { &caller };
            let agreed = &leg.negotiated.as_ref().unwrap_or_else(|| panic!("{told}")).codec;
            let own = listed.iter().find(|codec| codec.same_encoding(agreed));
            assert!(own.is_some(), "{told}");
            let mut types = leg.ours.as_ref().unwrap().media[0].formats.clone();
            let count = types.len();
            types.sort();
            types.dedup();
            assert_eq!(types.len(), count, "{told}");
        }
        let g711 = |codec: &Codec| codec.is_g711();
        let same = caller.iter().any(|a| called.iter().any(|b| a.same_encoding(b)));
        let common = same || (caller.iter().any(g711) && called.iter().any(g711));
        let seen = coded(&mut world);
        assert_eq!(seen.is_empty(), common, "{told} {seen:?}");
    }
}
