//! Encrypted sound, from the settings to the record: who is offered keys, who is refused for lack of them, what is told,
//! and that no key is ever told.

use base64::Engine;

use super::*;
use crate::call::protection::{Protection, Suite, WhyClear};
use crate::call::record::Peer;
use crate::sip::sdp::crypto::{self, Key, Wish};

const REQUIRED: &str = "media_encryption = \"required\"\nmedia_keys_over = \"any\"\n";
const OFFERED: &str = "media_encryption = \"offered\"\nmedia_keys_over = \"any\"\n";

/// The branch with this for the three phones, and this for the carrier. No message is lost.
fn world(phones: [&str; 3], carrier: &str, media: &str) -> World {
    let mut config = CONFIG.to_owned();
    for (number, policy) in ["201", "202", "203"].into_iter().zip(phones) {
        let own = format!("number = \"{number}\"\nsecret");
        config = config.replacen(&own, &format!("number = \"{number}\"\n{policy}secret"), 1);
    }
    let line = "servers = [\"192.0.2.100\"]\n";
    config = config.replacen(line, &format!("{line}{carrier}"), 1);
    let help = "[emergency]\nnumbers = [\"911\"]\ntrunks = [\"carrier\"]\n";
    World::of(7, &format!("{media}{help}{config}"), 0)
}

/// A key that a party uses, told apart by a number.
fn key(number: u8) -> Key {
    Key::new([number; crypto::LONGEST_KEY])
}

fn own(wish: Wish, number: u8) -> sdp::Own {
    sdp::Own { wish, fresh: key(number), before: None }
}

impl World {
    /// A party offers sound to `to`; with a key where it wishes so.
    fn dials(&mut self, at: usize, to: &str, wish: Wish) -> SessionId {
        let party = &mut self.parties[at];
        let address = party.address;
        let mut offer = offer_of(address, 1);
        sdp::protect(&mut offer, wish, &[(crypto::Suite::AesCm80, key(11))]);
        let user = party.user.unwrap_or("outside");
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: OURS },
            local: address,
            uri: Uri::sip(Some(to), Host::Ip(OURS.ip()), None),
            to: NameAddr::new(Uri::sip(Some(to), Host::Ip(OURS.ip()), None)),
            from: NameAddr::new(Uri::sip(Some(user), Host::Ip(address.ip()), None)),
            headers: Headers::default(),
            sdp: Some(offer),
            beside: None,
            credentials: credentials(user),
            reliable: crate::sip::reliable::Policy::Never,
        };
        let session = party.endpoint.invite(self.now, invite);
        party.up.insert(session);
        self.settle_for(2);
        session
    }

    /// A party that rings answers. What it was offered.
    fn answers(&mut self, at: usize, wish: Wish) -> sdp::SessionDescription {
        let (session, offer) = self.parties[at].ringing.pop().expect("it rings");
        let offer = offer.expect("we always offer");
        let address = self.parties[at].address.ip();
        let local = Local {
            origin: sdp::Origin::new(3, 1, address),
            address,
            port: 9_100,
            codecs: vec![Codec::pcmu()],
            preference: Preference::Theirs,
            direction: Direction::SendRecv,
            events: true,
            own: own(wish, 12),
        };
        let answer = sdp::answer(&offer, &local).expect("common ground").sdp;
        self.parties[at].endpoint.answer(self.now, session, &answer);
        self.parties[at].up.insert(session);
        self.settle_for(2);
        offer
    }

    fn settle_for(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    fn protection_toward(&self, number: &str) -> Option<crypto::Agreed> {
        let leg = self.leg_toward(number);
        self.gateway.legs.get(leg).and_then(|leg| leg.negotiated.as_ref()?.protection)
    }

    fn leg_toward(&self, number: &str) -> LegId {
        let peer = Peer::Extension(number.into());
        *self.gateway.legs.of_peer(&peer).first().expect("a leg")
    }

    /// Everything that this party was sent, as text.
    fn wire_of(&self, at: usize) -> String {
        let all = self.parties[at].received.iter().map(|bytes| String::from_utf8_lossy(bytes));
        all.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn records(&self) -> Vec<crate::journal::event::CallRecord> {
        let mut records = Vec::new();
        let mut replay = Replay::default();
        for segment in &self.journal {
            replay.read(segment, &mut |entry| {
                if let Some(Kept::CallRecord(record)) = entry.event {
                    records.push(*record);
                }
            });
        }
        records
    }

    /// How the newest call's legs were protected, by its record.
    fn recorded(&mut self) -> Vec<(String, Option<Protection>)> {
        self.finish();
        let records = self.records();
        let legs = &records.last().expect("a record").legs;
        let how = |leg: &crate::journal::event::LegRecord| {
            (leg.peer.to_string(), leg.quality.as_ref().and_then(|quality| quality.protection))
        };
        legs.iter().map(how).collect()
    }
}

fn offer_of(address: SocketAddr, version: u64) -> sdp::SessionDescription {
    sdp::audio_offer(
        sdp::Origin::new(1, version, address.ip()),
        address.ip(),
        9_000,
        &[Codec::pcmu()],
        Some(101),
        Direction::SendRecv,
    )
}

const SEALED: Option<Protection> = Some(Protection::Srtp { suite: Suite::AesCm80 });

const fn clear(why: WhyClear) -> Option<Protection> {
    Some(Protection::Clear { why })
}

#[test]
fn each_leg_has_what_its_policy_asks_and_keys_of_its_own() {
    let mut world = world([OFFERED, REQUIRED, ""], "", "");
    world.dials(2, "201", Wish::Protected);
    let offer = world.answers(1, Wish::Either);
    assert_eq!((offer.media[0].proto.as_str(), offer.media[0].cryptos.len()), ("RTP/AVP", 2));
    let (a, b) = (world.protection_toward("202").unwrap(), world.protection_toward("201").unwrap());
    assert_eq!((a.theirs, b.theirs), (key(11), key(12)));
    assert!(a.ours != b.ours && a.ours != key(11) && b.ours != key(12));
    let told = [("extension 202".to_owned(), SEALED), ("extension 201".to_owned(), SEALED)];
    assert_eq!(world.recorded(), told);
}

#[test]
fn where_protection_is_offered_sound_in_the_clear_is_told() {
    let mut world = world([OFFERED, REQUIRED, ""], "", "");
    world.dials(2, "201", Wish::Protected);
    world.answers(1, Wish::Clear);
    assert_eq!(world.protection_toward("201"), None);
    let phones = world.gateway.encryption_words(&Peer::Extension("201".into()));
    assert_eq!(phones, "; encryption offered, 0 of 1 calls have it");
    let phones = world.gateway.encryption_words(&Peer::Extension("202".into()));
    assert_eq!(phones, "; encryption required, 1 of 1 calls have it");
    let legs = world.recorded();
    assert_eq!(legs[1], ("extension 201".to_owned(), clear(WhyClear::NotOffered)));
}

#[test]
fn what_cannot_be_had_is_refused_with_a_reason() {
    let mut world = world([REQUIRED, "", "media_encryption = \"required\"\n"], "", "");
    // Required, and offered in the clear.
    world.dials(1, "600", Wish::Clear);
    let told = world.wire_of(1);
    let warning =
        "Warning: 302 192.0.2.1 \"audio must be encrypted here (RTP/SAVP with a=crypto)\"";
    assert!(told.contains("SIP/2.0 488") && told.contains(warning), "{told}");
    // Off, and offered protected alone.
    world.dials(2, "600", Wish::Protected);
    let told = world.wire_of(2);
    let warning =
        "Warning: 302 192.0.2.1 \"only encrypted audio is offered, and none is taken here\"";
    assert!(told.contains("SIP/2.0 488") && told.contains(warning), "{told}");
    // Required over TLS alone, and signalled in datagrams.
    world.dials(3, "600", Wish::Protected);
    let told = world.wire_of(3);
    let warning = "Warning: 399 192.0.2.1 \"keys for encrypted audio are taken over TLS alone\"";
    assert!(told.contains("SIP/2.0 488") && told.contains(warning), "{told}");
    // Nor is such a phone called, and whoever calls it is told.
    world.parties[2].ended.clear();
    world.dials(2, "203", Wish::Clear);
    assert!(world.parties[3].invites.is_empty());
    let refused =
        |ended: &Ended| matches!(ended, Ended::Refused { status, .. } if status.code() == 488);
    assert!(world.parties[2].ended.iter().any(refused), "{:?}", world.parties[2].ended);
    // A phone that must, and answers in the clear, is hung up on.
    world.dials(2, "201", Wish::Clear);
    let offer = world.parties[1].ringing.last().and_then(|(_, offer)| offer.clone()).unwrap();
    assert_eq!(offer.media[0].proto, "RTP/SAVP");
}

#[test]
fn a_carrier_that_no_key_may_travel_to_is_not_called_and_not_blamed() {
    let mut world = world(["", "", ""], "media_encryption = \"required\"\n", "");
    world.dials(2, "95550123", Wish::Clear);
    assert!(world.parties[0].invites.is_empty());
    assert!(world.wire_of(2).contains("SIP/2.0 488"), "{}", world.wire_of(2));
    assert!(world.gateway.outward.is_empty() && world.gateway.legs.is_empty());
    let trunk = &world.gateway.trunk_lines()[0];
    assert_eq!(trunk.lamp, admin::Lamp::Green, "{}", trunk.words);
    assert!(trunk.words.ends_with("; encryption required"), "{}", trunk.words);
}

#[test]
fn a_new_key_is_met_with_a_new_key_and_nothing_takes_protection_back() {
    let mut world = world(["", REQUIRED, ""], "", "");
    let session = world.dials(2, "600", Wish::Protected);
    let first = world.protection_toward("202").unwrap();
    let address = world.parties[2].address;
    let reoffer = |world: &mut World, version, wish, number| {
        let mut offer = offer_of(address, version);
        sdp::protect(&mut offer, wish, &[(crypto::Suite::AesCm80, key(number))]);
        world.parties[2].endpoint.reoffer(world.now, session, &offer);
        world.settle_for(3);
        world.protection_toward("202").unwrap()
    };
    assert_eq!(reoffer(&mut world, 2, Wish::Protected, 11), first, "the same key, said again");
    let second = reoffer(&mut world, 3, Wish::Protected, 21);
    assert_eq!(second.theirs, key(21));
    assert_ne!(second.ours, first.ours);
    assert_eq!(reoffer(&mut world, 4, Wish::Clear, 0), second, "what was agreed on stands");
    assert_eq!(world.parties[2].refused, [488]);
    assert_eq!(world.recorded()[0].1, SEALED);
}

#[test]
fn each_phone_that_rings_is_offered_keys_of_its_own() {
    let mut world = world([OFFERED, OFFERED, OFFERED], "", "");
    world.dials(1, "700", Wish::Protected);
    let asked = world.parties.iter().flat_map(|party| party.ringing.iter());
    let offers: Vec<_> = asked.filter_map(|(_, offer)| offer.clone()).collect();
    let keys: Vec<_> =
        offers.iter().flat_map(|offer| &offer.media[0].cryptos).filter_map(|c| c.offered).collect();
    assert_eq!(keys.len(), 4, "two suites for each of two phones");
    for (at, one) in keys.iter().enumerate() {
        assert!(keys.iter().skip(at + 1).all(|other| other.1 != one.1), "a key for two");
    }
    world.answers(3, Wish::Either);
    assert_eq!(world.protection_toward("203").map(|agreed| agreed.theirs), Some(key(12)));
}

#[test]
fn help_is_called_in_the_clear_where_nothing_better_can_be_had() {
    for strict in [false, true] {
        let media = if strict { "[media]\nhelp_unencrypted = false\n" } else { "" };
        let mut world = world([REQUIRED, "", ""], REQUIRED, media);
        world.parties[0].refuses = Some(Status::NOT_ACCEPTABLE_HERE);
        world.dials(1, "911", Wish::Clear);
        let offered: Vec<_> = world.parties[0]
            .invites
            .iter()
            .map(|invite| String::from_utf8_lossy(&invite.body).into_owned())
            .collect();
        assert!(offered[0].contains("RTP/SAVP"), "first as it should be: {offered:?}");
        let open = offered.iter().any(|sdp| sdp.contains("RTP/AVP") && sdp.contains("a=crypto"));
        assert_eq!(open, !strict, "{offered:?}");
        world.parties[0].refuses = None;
        world.dials(1, "911", Wish::Clear);
        if strict {
            assert!(world.wire_of(1).contains("SIP/2.0 488"));
            continue;
        }
        // A carrier that answers in the clear whatever it is offered.
        let (session, _) = world.parties[0].ringing.pop().expect("the carrier rings");
        let address = world.parties[0].address;
        let plain = offer_of(address, 1);
        world.parties[0].endpoint.answer(world.now, session, &plain);
        world.parties[0].up.insert(session);
        world.settle_for(2);
        let legs = world.recorded();
        let help = clear(WhyClear::Help);
        assert_eq!(
            legs,
            [("extension 201".to_owned(), help), ("trunk carrier".to_owned(), help)],
            "the call went through, and says how"
        );
    }
}

/// An attacker with the box's papers: journal, traces with whole messages, what capture servers are sent, every answer of
/// the control socket.
#[test]
fn no_key_is_ever_told_but_to_whom_it_is_for() {
    let hep = "[capture]\nhep = \"192.0.2.77:9060\"\n";
    let mut world = world([OFFERED, REQUIRED, ""], "", hep);
    let mut papers = String::new();
    world.dials(2, "201", Wish::Protected);
    world.answers(1, Wish::Either);
    let legs = [world.protection_toward("202").unwrap(), world.protection_toward("201").unwrap()];
    let call = world.gateway.calls.views().first().map(|view| view.call).expect("it is up");
    for command in [
        admin::Command::ShowCall { call, whole: true },
        admin::Command::ShowCall { call, whole: false },
        admin::Command::OneCall { call },
        admin::Command::Status,
        admin::Command::ActiveCalls,
        admin::Command::Phones,
        admin::Command::Trunks,
    ] {
        world.gateway.handle_control(world.now, ReplyTo(1), &command);
        while let Some(output) = world.gateway.poll_output() {
            if let Output::Reply(_, reply) = &output {
                papers += &serde_json::to_string(reply).expect("an answer");
            }
            world.carry_out_one(output);
        }
    }
    for leg in world.gateway.legs.iter() {
        papers += &format!("{leg:?}");
    }
    world.finish();
    for segment in &world.journal {
        papers += &String::from_utf8_lossy(segment);
    }
    papers += &String::from_utf8_lossy(&world.captured);
    assert!(
        papers.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxx"),
        "they are looked at"
    );
    assert!(world.captured.len() > 2_000, "the capture server is sent something");
    for agreed in legs {
        for key in [agreed.ours, agreed.theirs] {
            let bytes = key.bytes();
            let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
            let hex: String = bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let listed = format!("{:?}", &bytes[..6]);
            let listed = listed.trim_matches(['[', ']']);
            for form in [&base64[..16], &base64[20..36], &hex, listed] {
                assert!(!papers.contains(form), "a key is told as {form}");
            }
        }
    }
}

/// A phone that calls protection optional knows RTP/AVP alone, also when the box offers anew what a conference can mix.
#[test]
fn an_offer_within_a_call_keeps_the_profile_that_keys_were_agreed_on_beside() {
    for (wish, profile) in [(Wish::Either, "RTP/AVP"), (Wish::Protected, "RTP/SAVP")] {
        let mut world = world(["", OFFERED, ""], "", "");
        let session = world.dials(2, "600", wish);
        assert!(world.protection_toward("202").is_some());
        let leg = world.leg_toward("202");
        let own = world.gateway.legs.get(leg).and_then(|leg| leg.session()).expect("it is up");
        for _ in 0..2 {
            let plain = world.gateway.describe_offer(world.now, leg, None).expect("an offer");
            let offer = world.gateway.offer_with_keys(world.now, leg, Some(own), &plain);
            let offer = offer.expect("with keys");
            assert_eq!(offer.media[0].proto, profile);
            assert!(!offer.media[0].cryptos.is_empty());
        }
        world.parties[2].endpoint.hang_up(world.now, session, None);
        world.settle_for(2);
    }
}
