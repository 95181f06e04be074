//! Calls for help: every way to dial them against everything that may be wrong, and what help and the branch learn.

use super::*;
use crate::admin;

const CARRIER: usize = 0;
const SPARE: usize = 4;
/// A phone on the site's network that nobody has configured.
const STRANGER: usize = 5;

const PLACES: &str = r#"
[emergency]
notify = ["203"]
networks = ["192.0.2.0/27"]
[[location]]
name = "desk"
house_number = "12"
street = "Main & First"
city = "Springfield"
floor = "2"
callback = "+14085550199"
[[location]]
name = "shed"
house_number = "14"
street = "Main"
city = "Springfield"
networks = ["192.0.2.25/32"]
callback = "+14085550198"
[flow.main]"#;

/// The usual branch with places, a spare trunk to 192.0.2.101, and a few more changes.
fn site(changes: &[(&str, &str)]) -> World {
    let base = [
        ("number = \"201\"\n", "number = \"201\"\nlocation = \"desk\"\n"),
        (
            "[[inbound]]",
            "[[trunk]]\nname = \"spare\"\naccept_from = [\"192.0.2.101\"]\nservers = [\"192.0.2.101\"]\n[[inbound]]",
        ),
        ("[flow.main]", PLACES),
    ];
    let text = base.iter().chain(changes).fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let mut world = World::of(1, &text, 0);
    for (host, user) in [(101, None), (25, None)] {
        let random = Random::from_number(host);
        world.add_party(host as u8, user, random);
    }
    world
}

impl World {
    fn wait(&mut self, seconds: u64) {
        self.carry_out();
        self.pass(Duration::from_secs(seconds));
    }

    /// Sends an INVITE for this Request-URI, in the name of `user`, with or without a password.
    fn dial(&mut self, at: usize, uri: &str, user: &str, credentials: Option<Credentials>) {
        self.dial_with(at, uri, (user, credentials), Headers::default());
    }

    fn dial_with(
        &mut self,
        at: usize,
        uri: &str,
        (user, credentials): (&str, Option<Credentials>),
        headers: Headers,
    ) {
        let party = &mut self.parties[at];
        let own = party.address;
        let invite = Invite {
            route: Route::Address { transport: Transport::Udp, peer: OURS },
            local: own,
            to: NameAddr::new(Uri::sip(Some("anybody"), Host::Ip(OURS.ip()), None)),
            uri: Uri::parse(uri).unwrap_or_else(|why| panic!("{uri}: {why}")),
            from: NameAddr::new(Uri::sip(Some(user), Host::Ip(own.ip()), Some(own.port()))),
            headers,
            sdp: Some(sdp::audio_offer(
                sdp::Origin::new(1, 1, own.ip()),
                own.ip(),
                9_000,
                &[Codec::pcmu()],
                Some(101),
                Direction::SendRecv,
            )),
            beside: None,
            credentials,
            reliable: crate::sip::reliable::Policy::Offer,
        };
        let session = party.endpoint.invite(self.now, invite);
        party.up.insert(session);
    }

    /// Five thousand requests from as many addresses at one moment.
    fn strangers(&mut self) {
        for number in 0..5_000_u32 {
            let [_, _, high, low] = number.to_be_bytes();
            let peer = SocketAddr::from(([198, 18, high, low], 5_060));
            let connection = ConnectionId(0);
            let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection };
            let request = format!(
                "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bK{number}\r\n\
                 From: <sip:a@b>;tag=a\r\nTo: <sip:a@b>\r\nCall-ID: {number}\r\nCSeq: 1 REGISTER\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            self.gateway.handle_sip(self.now, flow, request.as_bytes());
            while let Some(output) = self.gateway.poll_output() {
                if !matches!(output, Output::Sip { .. }) {
                    self.carry_out_one(output);
                }
            }
        }
        let unread: u64 = self.gateway.unread().iter().map(|(_, count)| count).sum();
        assert!(unread > 500, "only {unread} went unread");
    }

    /// The newest INVITE that a party got, as it was on the wire.
    fn invite_at(&self, at: usize) -> &Request {
        self.parties[at].invites.last().expect("an INVITE")
    }
}

/// Every way that a phone may write a call for help.
const FORMS: [&str; 22] = [
    "sip:911@192.0.2.1",
    "sips:911@192.0.2.1",
    "sip:9911@192.0.2.1",
    "sip:112@192.0.2.1",
    "sip:9112@192.0.2.1",
    "sip:911@branch.example;user=phone",
    "sip:9-1-1@192.0.2.1",
    "sip:9.1.1@192.0.2.1",
    "sip:(911)@192.0.2.1",
    "sip:%39%31%31@192.0.2.1",
    "sip:9%2D11@192.0.2.1",
    "sip:911;phone-context=branch.example@192.0.2.1;user=phone",
    "sip:911;phone-context=+1@192.0.2.1",
    "sip:911:x@192.0.2.1:5060;transport=udp",
    "tel:911",
    "tel:9-1-1;phone-context=+1",
    "TEL:112;phone-context=branch.example",
    "tel:9911;phone-context=branch.example",
    "urn:service:sos",
    "URN:service:SOS.fire",
    "urn:service:sos.police",
    "urn:service:sos.ambulance",
];

/// Numbers that only look like one.
const OTHERS: [&str; 9] = [
    "sip:4085551200@192.0.2.1",
    "sip:5551911@192.0.2.1",
    "sip:9110@192.0.2.1",
    "sip:1911@192.0.2.1",
    "sip:+911@192.0.2.1",
    "sip:911911@192.0.2.1",
    "tel:+19115551200",
    "urn:service:counseling",
    "urn:service:sosa",
];

/// What may be wrong, and which carrier has the call then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The branch has as many calls as it may have, and the caller too.
    Cap,
    /// More new calls come in a second than are taken on.
    Flood,
    /// The box is to end when its last call has.
    Drain,
    /// No port for audio is left for ordinary calls.
    Ports,
    /// The disk under the journal takes nothing any more.
    JournalBroken,
    /// The disk is full.
    DiskFull,
    /// Nobody is at the carrier's address.
    TrunkDead,
    /// The carrier refuses.
    TrunkRefuses(u16),
    /// The carrier takes no body of several parts.
    NoParts(u16),
    /// The phone has never registered.
    Unregistered,
    /// The phone has a wrong password.
    WrongPassword,
    /// Somebody has guessed passwords in the phone's name from its address.
    ShutOut,
    /// Nobody has configured this phone.
    Unknown,
    /// The phone is not to be disturbed, and all its calls are forwarded.
    NotThere,
    /// The phone may spend nothing any more.
    Spent,
    /// Strangers send more than is read of all of them together.
    Strangers,
    /// So they do, and the phone has never registered.
    StrangersUnregistered,
}

const FAULTS: [Fault; 25] = [
    Fault::None,
    Fault::Cap,
    Fault::Flood,
    Fault::Drain,
    Fault::Ports,
    Fault::JournalBroken,
    Fault::DiskFull,
    Fault::TrunkDead,
    Fault::TrunkRefuses(403),
    Fault::TrunkRefuses(404),
    Fault::TrunkRefuses(486),
    Fault::TrunkRefuses(503),
    Fault::TrunkRefuses(603),
    Fault::NoParts(400),
    Fault::NoParts(415),
    Fault::NoParts(424),
    Fault::NoParts(488),
    Fault::Unregistered,
    Fault::WrongPassword,
    Fault::ShutOut,
    Fault::Unknown,
    Fault::NotThere,
    Fault::Spent,
    Fault::Strangers,
    Fault::StrangersUnregistered,
];

impl Fault {
    fn changes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Fault::Cap => {
                &[("[emergency]", "[limits]\ncalls = 1\ncalls_per_extension = 1\n[emergency]")]
            }
            Fault::Flood => &[("[emergency]", "[limits]\nnew_calls_per_second = 1\n[emergency]")],
            Fault::Ports => {
                &[("[emergency]", "[media]\nport_min = 20000\nport_max = 20039\n[emergency]")]
            }
            Fault::NotThere => &[(
                "number = \"201\"\n",
                "number = \"201\"\ndo_not_disturb = true\nforward = { always = \"202\" }\n",
            )],
            Fault::Spent => &[(
                "[emergency]",
                "[[cap]]\nof = \"extension:201\"\nwithin = \"hour\"\ncalls = 1\n[emergency]",
            )],
            Fault::TrunkDead => &[("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.99\"]")],
            _ => &[],
        }
    }

    /// Brings the fault about.
    fn strike(self, world: &mut World) {
        match self {
            Fault::Cap => {
                world.call(1, "600");
                world.wait(1);
            }
            Fault::Flood => (0..5).for_each(|_| world.call(2, "600")),
            Fault::Drain => {
                world.call(2, "600");
                world.wait(1);
                world.gateway.handle_drain(world.now);
            }
            Fault::Ports => {
                let now = world.now.instant;
                while world.gateway.pool.take(now, OURS.ip(), false).is_some() {}
            }
            Fault::JournalBroken => {
                let why = super::super::Kept::Failed(crate::journal::Failure::Broken);
                world.gateway.handle_journal(world.now, why);
                world.disk_works = false;
            }
            Fault::DiskFull => {
                world.gateway.handle_journal(world.now, super::super::Kept::Room(100));
                let why = super::super::Kept::Failed(crate::journal::Failure::Full);
                world.gateway.handle_journal(world.now, why);
                world.disk_works = false;
            }
            Fault::TrunkRefuses(status) => world.parties[CARRIER].refuses = Status::new(status),
            Fault::NoParts(status) => world.parties[CARRIER].refuses_parts = Status::new(status),
            Fault::Spent => {
                world.call(1, "95550123");
                world.wait(1);
                world.hang_up(1);
                world.wait(1);
                world.call(1, "95550123");
                world.wait(2);
                assert_eq!(world.parties[CARRIER].called.len(), 1, "the second is refused");
            }
            Fault::Strangers => world.strangers(),
            Fault::StrangersUnregistered => {
                world.register(1, 0);
                world.wait(1);
                world.strangers();
            }
            Fault::Unregistered => {
                world.register(1, 0);
                world.wait(1);
            }
            Fault::ShutOut => {
                for _ in 0..20 {
                    let wrong = Secret::plain("guess");
                    let guess = Credentials { username: "201".into(), secret: wrong, realm: None };
                    world.dial(1, "sip:202@192.0.2.1", "201", Some(guess));
                    world.wait(1);
                }
            }
            _ => {}
        }
    }

    /// Calls for help as this fault has it: from where, and with which password.
    fn dial(self, world: &mut World, uri: &str) {
        let wrong =
            || Credentials { username: "201".into(), secret: Secret::plain("wrong"), realm: None };
        match self {
            Fault::Unknown => world.dial(STRANGER, uri, "nobody", None),
            Fault::WrongPassword => world.dial(1, uri, "201", Some(wrong())),
            Fault::Unregistered | Fault::StrangersUnregistered => world.dial(1, uri, "201", None),
            _ => world.dial(1, uri, "201", credentials("201")),
        }
    }

    fn carrier(self) -> usize {
        match self {
            Fault::TrunkDead | Fault::TrunkRefuses(_) => SPARE,
            _ => CARRIER,
        }
    }
}

/// The matrix: each form against each fault. The carrier gets the call within three seconds, the caller and help hear
/// each other, and whoever is to be told has been told within two.
#[test]
fn help_is_reached_however_it_is_dialled_and_whatever_is_wrong() {
    let mut passed = 0;
    for fault in FAULTS {
        for form in FORMS {
            let case = format!("{form} with {fault:?}");
            let mut world = site(fault.changes());
            fault.strike(&mut world);
            fault.dial(&mut world, form);
            world.wait(2);
            let texts = &world.parties[3].texts;
            let told = texts.iter().filter(|text| text.starts_with("EMERGENCY CALL: ")).count();
            assert_eq!(told, 1, "{case}: {texts:?}");
            world.wait(1);
            let at = fault.carrier();
            assert_eq!(world.parties[at].called.last().map(String::as_str), Some("911"), "{case}");
            let joined = world.joined;
            world.take_call(at);
            world.wait(1);
            assert_eq!(world.joined, joined + 1, "{case}: they hear each other");
            passed += 1;
        }
    }
    println!("emergency matrix: {passed} of {} pass", FAULTS.len() * FORMS.len());
    assert_eq!(passed, FAULTS.len() * FORMS.len());
}

#[test]
fn what_only_looks_like_help_goes_another_way() {
    for number in OTHERS {
        let mut world = site(&[]);
        world.dial(1, number, "201", credentials("201"));
        world.wait(2);
        assert!(world.parties[3].texts.is_empty(), "{number}");
        assert!(world.gateway.help.memory_is_empty(world.now), "{number}");
        // And from a phone without a password it goes nowhere at all.
        world.dial(STRANGER, number, "nobody", None);
        world.wait(2);
        assert!(world.parties[CARRIER].called.is_empty(), "{number}");
        assert!(matches!(world.parties[STRANGER].ended.last(), Some(Ended::Refused { .. })));
    }
}

#[test]
fn a_stranger_outside_of_the_site_needs_a_password_for_help_too() {
    let mut world = site(&[("networks = [\"192.0.2.0/27\"]", "networks = [\"192.0.2.24/32\"]")]);
    world.dial(STRANGER, "sip:911@192.0.2.1", "nobody", None);
    world.dial(STRANGER, "sip:911@192.0.2.1", "201", None);
    world.wait(3);
    assert!(world.parties[CARRIER].called.is_empty());
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called, ["911"]);
}

#[test]
fn forged_calls_for_help_leave_room_for_those_who_have_shown_a_password() {
    let mut world = site(&[]);
    for host in 0..30 {
        let at = world.parties.len();
        world.add_party(1 + host % 20, None, Random::from_number(u64::from(host)));
        world.parties[at].address.set_port(6_000 + u16::from(host));
        world.dial(at, "sip:911@192.0.2.1", &format!("forged{host}"), None);
        world.wait(1);
    }
    assert_eq!(world.parties[CARRIER].called.len(), 10);
    world.dial(2, "sip:911@192.0.2.1", "202", credentials("202"));
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called.len(), 11);
}

#[test]
fn who_calls_for_help_without_a_password_answers_and_takes_over_nothing() {
    let mut world = site(&[]);
    world.call(1, "202");
    world.wait(1);
    let (session, _) = *world.parties[2].ringing.last().expect("it rings");
    let mut headers = Headers::default();
    headers.push("Replaces", world.parties[2].endpoint.named(session, "")).unwrap();
    world.dial_with(STRANGER, "urn:service:sos", ("203", None), headers);
    world.wait(1);
    assert_eq!(world.joined, 0, "nobody answered for 202");
    assert!(world.parties[2].ended.is_empty(), "202 rings on");
    assert_eq!(world.parties[CARRIER].called, ["911"], "and help is called all the same");
}

#[test]
fn who_calls_for_help_without_a_password_shows_it_before_any_transfer() {
    let mut world = site(&[]);
    world.dial(STRANGER, "sip:911@192.0.2.1", "201", None);
    world.wait(1);
    world.take_call(CARRIER);
    world.wait(1);
    assert_eq!(world.joined, 1, "the stranger talks with help");
    let now = world.now;
    let session = *world.parties[STRANGER].up.first().unwrap();
    let to = "sip:95550123@192.0.2.1";
    world.parties[STRANGER].endpoint.refer(now, session, to, None);
    world.wait(2);
    assert_eq!(world.parties[CARRIER].called, ["911"], "nothing else is dialled");
    assert!(world.parties[STRANGER].ended.is_empty(), "and they talk on");
}

#[test]
fn forged_calls_for_help_in_the_name_of_a_phone_leave_room_for_the_phone() {
    let mut world = site(&[]);
    for _ in 0..3 {
        world.dial(STRANGER, "sip:911@192.0.2.1", "201", None);
        world.wait(1);
    }
    world.dial(STRANGER, "sip:911@192.0.2.1", "201", None);
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called.len(), 3, "three of one name are enough");
    world.dial(1, "sip:911@192.0.2.1", "201", None);
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called.len(), 4, "the phone itself");
}

#[test]
fn whoever_has_a_password_calls_for_help_with_it_however_many_have_none() {
    let mut world = site(&[]);
    for host in 0..12 {
        let at = world.parties.len();
        world.add_party(1 + host, None, Random::from_number(u64::from(host)));
        world.parties[at].address.set_port(6_000 + u16::from(host));
        world.dial(at, "sip:911@192.0.2.1", &format!("forged{host}"), None);
        world.wait(1);
    }
    assert_eq!(world.parties[CARRIER].called.len(), 10);
    world.dial(STRANGER, "sip:911@192.0.2.1", "202", credentials("202"));
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called.len(), 11, "a phone that has just started");
}

#[test]
fn help_learns_the_number_and_the_place_of_the_caller() {
    let mut world = site(&[]);
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    let invite = world.invite_at(CARRIER).clone();
    assert_eq!(invite.uri.user.as_deref(), Some("911"));
    assert_eq!(invite.from().unwrap().uri.user.as_deref(), Some("+14085550199"));
    let asserted = invite.headers.address("P-Asserted-Identity").unwrap();
    assert_eq!(asserted.uri.user.as_deref(), Some("+14085550199"));
    assert_eq!(invite.headers.get("Geolocation-Routing"), Some("yes"));
    let id = invite.headers.get("Geolocation").unwrap();
    let id = id.trim_start_matches("<cid:").trim_end_matches('>').to_owned();
    let body = String::from_utf8(invite.body.clone()).unwrap();
    assert!(body.contains(&format!("Content-ID: <{id}>\r\n")), "{body}");
    assert!(body.contains("<ca:RD>Main &amp; First</ca:RD>"), "{body}");
    assert!(body.contains("<ca:FLR>2</ca:FLR>") && body.contains("<ca:country>US<"), "{body}");
    assert!(invite.sdp().unwrap().is_ok(), "the offer is in it");
    let text = &world.parties[3].texts[0];
    assert!(text.contains("201 calls 911"), "{text}");
    assert!(text.contains("from 12 Main & First, floor 2, Springfield"), "{text}");
    assert!(text.ends_with("call back +14085550199"), "{text}");
}

#[test]
fn a_carrier_that_refuses_the_place_gets_the_call_without_it_at_once() {
    for status in [400, 406, 413, 415, 420, 424, 488, 513] {
        let mut world = site(&[]);
        world.parties[CARRIER].refuses_parts = Status::new(status);
        world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
        world.wait(1);
        let party = &world.parties[CARRIER];
        assert_eq!(party.invites.len(), 2, "{status}");
        let again = &party.invites[1];
        assert_eq!(again.headers.content_type().as_deref(), Some("application/sdp"));
        assert!(again.headers.get("Geolocation").is_none());
        assert_eq!(again.from().unwrap().uri.user.as_deref(), Some("+14085550199"));
        assert!(world.parties[SPARE].invites.is_empty(), "{status}");
    }
    let mut never =
        site(&[("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.100\"]\npidf_lo = false")]);
    never.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    never.wait(1);
    assert_eq!(never.parties[CARRIER].invites.len(), 1);
    assert!(never.invite_at(CARRIER).headers.get("Geolocation").is_none());
}

#[test]
fn a_carrier_that_says_nothing_to_a_long_message_is_asked_with_a_short_one() {
    let mut world = site(&[]);
    world.parties[CARRIER].deaf_to_parts = true;
    world.parties[SPARE].deaf_to_parts = true;
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(6);
    assert_eq!(world.parties[SPARE].called, ["911"]);
    world.take_call(SPARE);
    world.wait(1);
    assert_eq!(world.joined, 1);
}

#[test]
fn a_phone_that_was_carried_elsewhere_is_where_its_network_is() {
    let mut world = site(&[]);
    world.dial(STRANGER, "sip:911@192.0.2.1", "nobody", None);
    world.wait(1);
    let invite = world.invite_at(CARRIER);
    assert_eq!(invite.from().unwrap().uri.user.as_deref(), Some("+14085550198"));
    assert!(String::from_utf8_lossy(&invite.body).contains("<ca:HNO>14</ca:HNO>"));
    let text = &world.parties[3].texts[0];
    assert!(text.contains("192.0.2.25 calls 911") && text.contains("from 14 Main"), "{text}");
}

#[test]
fn help_that_calls_back_reaches_the_phone_whatever_the_branch_is_doing() {
    let cap = ("[emergency]", "[limits]\ncalls = 1\n[emergency]");
    let rule =
        ("[[inbound]]", "[[inbound]]\nnumber = \"+14085550199\"\nto = \"echo\"\n[[inbound]]");
    let mut world = site(&[cap, rule]);
    world.call(CARRIER, "+14085550199");
    world.wait(1);
    assert!(world.parties[1].ringing.is_empty(), "nobody has called for help yet");
    world.hang_up(CARRIER);
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    world.take_call(CARRIER);
    world.wait(1);
    world.hang_up(1);
    world.wait(1);
    world.call(2, "600");
    world.wait(1);
    world.gateway.handle_drain(world.now);
    for dialled in ["+14085550199", "14085550199", "4085550199"] {
        world.call(CARRIER, dialled);
        world.wait(1);
        assert_eq!(world.parties[1].ringing.len(), 1, "{dialled}");
        world.hang_up(CARRIER);
        world.wait(1);
    }
    world.pass(Duration::from_secs(13 * 3_600));
    world.call(CARRIER, "+14085550199");
    world.wait(1);
    assert!(world.parties[1].ringing.is_empty(), "half a day later the number is anybody's");
}

#[test]
fn help_calls_back_a_phone_that_gave_up_but_none_that_somebody_forged() {
    let mut world = site(&[]);
    let peer = world.parties[1].address;
    let connection = ConnectionId(0);
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection };
    // The ACK is forged as well: whoever does not hear us does not know our tag.
    for (method, tag) in [("INVITE", ""), ("CANCEL", ""), ("ACK", ";tag=0123456789abcdef")] {
        let request = format!(
            "{method} sip:911@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bKforged\r\n\
             From: <sip:201@192.0.2.1>;tag=f\r\nTo: <sip:911@192.0.2.1>{tag}\r\nCall-ID: forged\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:201@{peer}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        world.gateway.handle_sip(world.now, flow, request.as_bytes());
        world.wait(1);
    }
    assert_eq!(world.parties[CARRIER].called, ["911"], "help was asked for all the same");
    world.call(CARRIER, "+14085550199");
    world.wait(1);
    assert!(world.parties[1].ringing.is_empty(), "201 has never called");
    assert_eq!(world.parties[3].ringing.len(), 1, "who was told of the call answers");
    world.hang_up(CARRIER);
    world.wait(1);
    world.dial(1, "sip:911@192.0.2.1", "201", None);
    world.wait(1);
    world.hang_up(1);
    world.wait(1);
    world.call(CARRIER, "+14085550199");
    world.wait(1);
    assert_eq!(world.parties[1].ringing.len(), 1, "201 gave up before anybody answered");
}

#[test]
fn calls_for_help_forged_at_a_phones_address_leave_room_for_the_phones_password() {
    let mut world = site(&[]);
    let peer = world.parties[1].address;
    let connection = ConnectionId(0);
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection };
    for number in 0..4 {
        let request = format!(
            "INVITE sip:911@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bKforged{number}\r\n\
             From: <sip:201@192.0.2.1>;tag=f\r\nTo: <sip:911@192.0.2.1>\r\nCall-ID: forged{number}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:201@{peer}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        world.gateway.handle_sip(world.now, flow, request.as_bytes());
        world.wait(1);
    }
    assert_eq!(world.parties[CARRIER].called.len(), 3, "three of one phone are enough");
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    assert_eq!(world.parties[CARRIER].called.len(), 4, "it is asked for its password, and has it");
}

#[test]
fn calls_back_beyond_what_help_needs_are_calls_like_others() {
    let mut world = site(&[(
        "servers = [\"192.0.2.100\"]",
        "servers = [\"192.0.2.100\"]\ncalls_in_per_second = 1",
    )]);
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    world.hang_up(1);
    world.wait(1);
    for _ in 0..10 {
        world.call(CARRIER, "+14085550199");
    }
    world.carry_out();
    world.pass(Duration::from_millis(200));
    assert_eq!(world.parties[1].ringing.len(), 4);
}

#[test]
fn help_that_calls_back_is_no_disturbance_and_is_not_forwarded() {
    let mut world = site(Fault::NotThere.changes());
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    world.hang_up(1);
    world.wait(1);
    world.call(CARRIER, "+15550101");
    world.wait(1);
    assert!(world.parties[1].ringing.is_empty(), "an ordinary call does not ring");
    world.call(CARRIER, "+14085550199");
    world.wait(1);
    assert_eq!(world.parties[1].ringing.len(), 1);
}

#[test]
fn a_call_back_finds_the_phone_after_a_restart() {
    let mut world = site(&[]);
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    world.take_call(CARRIER);
    world.wait(1);
    let mut live = crate::journal::live::Live::default();
    let mut replay = Replay::default();
    for segment in &world.journal {
        replay.read(segment, &mut |entry| {
            if let Some(event) = &entry.event {
                live.apply(entry.at, event);
            }
        });
    }
    let mut restarted = site(&[]);
    let (now, calls) = (restarted.now, live.help.into_values().collect::<Vec<_>>());
    assert_eq!(calls.len(), 1);
    restarted.gateway.remember_help(now, calls.into_iter());
    restarted.call(CARRIER, "+14085550199");
    restarted.wait(1);
    assert_eq!(restarted.parties[1].ringing.len(), 1);
}

#[test]
fn the_status_page_tells_of_a_call_for_help_and_of_one_that_failed() {
    let part = |world: &mut World| {
        let status = world.ask_status();
        status.parts.into_iter().find(|part| part.name == "call for help")
    };
    let mut world = site(&[]);
    assert_eq!(part(&mut world), None);
    world.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    world.wait(1);
    let now = part(&mut world).unwrap();
    assert_eq!(now.lamp, admin::Lamp::Red);
    assert!(now.words.contains("12 Main & First") && now.words.contains("+14085550199"), "{now:?}");
    world.take_call(CARRIER);
    world.wait(1);
    world.hang_up(1);
    world.wait(3);
    assert_eq!(part(&mut world).unwrap().lamp, admin::Lamp::Amber);
    let mut dead = site(&[
        ("servers = [\"192.0.2.100\"]", "servers = [\"192.0.2.99\"]"),
        ("servers = [\"192.0.2.101\"]", "servers = [\"192.0.2.98\"]"),
    ]);
    dead.dial(1, "sip:911@192.0.2.1", "201", credentials("201"));
    dead.wait(60);
    let failed = part(&mut dead).unwrap();
    assert!(failed.words.starts_with("DID NOT GET THROUGH"), "{failed:?}");
    let texts = &dead.parties[3].texts;
    assert!(
        texts[1].starts_with("EMERGENCY CALL DID NOT GET THROUGH: 201 called 911"),
        "{texts:?}"
    );
}

#[test]
fn the_test_of_calls_for_help_is_answered_here_and_says_the_number_and_the_place() {
    let mut world = site(&[]);
    world.call(1, "933");
    world.wait(1);
    assert_eq!(world.answered, 1);
    assert!(world.parties[CARRIER].invites.is_empty() && world.parties[SPARE].invites.is_empty());
    let text = world.parties[1].texts[0].clone();
    assert!(text.contains("+14085550199") && text.contains("12 Main & First"), "{text}");
    world.wait(60);
    assert!(world.parties[1].up.is_empty(), "it hangs up by itself");
    assert!(world.gateway.help.memory_is_empty(world.now), "it was no call for help");
}
