//! What carriers and callers notice of a trunk's settings: whose number is shown, in which form, how fast and how.

use super::*;

const CARRIER: usize = 0;
const TRUNK: &str = "servers = [\"192.0.2.100\"]";

fn world(trunk: &str, more: &[(&str, &str)]) -> World {
    let line = format!("{TRUNK}\n{trunk}");
    let text = CONFIG.replacen(TRUNK, &line, 1);
    let text = more.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    World::of(1, &text, 0)
}

impl World {
    pub(super) fn a_second(&mut self) {
        self.carry_out();
        self.pass(Duration::from_secs(1));
    }

    /// The newest INVITE that a party got, as it was on the wire.
    pub(super) fn newest_invite(&self, at: usize) -> Request {
        let invites = self.parties[at].received.iter().rev().filter_map(|bytes| {
            match crate::sip::message::parse(bytes, false) {
                Ok(crate::sip::message::Message::Request(request))
                    if request.method == Method::INVITE =>
                {
                    Some(request)
                }
                _ => None,
            }
        });
        invites.into_iter().next().expect("an INVITE")
    }

    /// What the carrier is sent when `at` dials `to`: the header lines of these names.
    fn told(&mut self, at: usize, to: &str, names: &[&str]) -> Vec<String> {
        self.call(at, to);
        self.a_second();
        let invite = self.newest_invite(CARRIER);
        self.hang_up(at);
        self.a_second();
        names.iter().filter_map(|name| invite.headers.get(name).map(str::to_owned)).collect()
    }

    fn refused_with(&self, at: usize) -> Vec<u16> {
        let status = |ended: &Ended| match ended {
            Ended::Refused { status, .. } => Some(status.code()),
            _ => None,
        };
        self.parties[at].ended.iter().filter_map(status).collect()
    }
}

const IDENTITY: [&str; 3] = ["From", "P-Asserted-Identity", "Privacy"];

/// From without its tag.
fn user(header: &str) -> &str {
    header.split(";tag").next().unwrap_or(header)
}

#[test]
fn a_carrier_sees_the_phones_number_the_trunks_or_nobody_and_never_an_extension() {
    let caller_id = "caller_id = \"+15550100\"\nidentity = \"p-asserted-identity\"";
    let own = ("number = \"202\"", "number = \"202\"\ncaller_id = \"+15550202\"");
    let mut world = world(caller_id, &[own]);
    let told = world.told(1, "95550123", &IDENTITY);
    assert_eq!(user(&told[0]), "<sip:+15550100@192.0.2.1>");
    assert_eq!(told[1..], ["<sip:+15550100@192.0.2.1>"]);
    let told = world.told(2, "95550123", &IDENTITY);
    assert_eq!(user(&told[0]), "<sip:+15550202@192.0.2.1>");
    let mut bare = self::world("", &[]);
    let told = bare.told(1, "95550123", &IDENTITY);
    assert_eq!(user(&told[0]), "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
}

#[test]
fn who_hides_is_hidden_from_an_untrusted_carrier_and_kept_for_a_trusted_one() {
    let line = "caller_id = \"+15550100\"\nidentity = \"p-asserted-identity\"";
    let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    let hides = ("number = \"203\"", "number = \"203\"\nhide_caller_id = true");
    let mut open = world(line, &[hides]);
    for (at, number) in [(1, "*6795550123"), (3, "95550123")] {
        let told = open.told(at, number, &IDENTITY);
        assert_eq!((user(&told[0]), &told[1..]), (anonymous, &["id".to_owned()][..]));
    }
    assert_eq!(open.parties[CARRIER].called, ["5550123", "5550123"]);
    let told = open.told(3, "911", &IDENTITY);
    assert_eq!(user(&told[0]), "<sip:+15550100@192.0.2.1>", "help knows whom to call back");
    let mut trusted = world(&format!("{line}\ntrusted = true"), &[]);
    let told = trusted.told(1, "*6795550123", &IDENTITY);
    assert_eq!((user(&told[0]), told[1].as_str()), (anonymous, "<sip:+15550100@192.0.2.1>"));
    assert_eq!(told[2], "id");
}

/// RFC 3325 sections 5 and 9.2, RFC 3323: phones are not trusted. They may choose among their own numbers, and hide.
#[test]
fn a_phone_chooses_among_its_own_numbers_and_may_hide_and_asserts_nothing() {
    let line = "caller_id = \"+15550100\"\nidentity = \"p-asserted-identity\"";
    let own = ("number = \"201\"", "number = \"201\"\ncaller_id = \"+15550201\"");
    let mut world = world(line, &[own]);
    let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    for (name, value, shown) in [
        ("P-Preferred-Identity", "<sip:+15550101@x>", "+15550101"),
        ("P-Preferred-Identity", "\"Boss\" <tel:+15550101>", "+15550101"),
        ("P-Preferred-Identity", "<sip:+15550100@x>", "+15550201"),
        ("P-Preferred-Identity", "<sip:+15559999@x>", "+15550201"),
        ("P-Asserted-Identity", "<sip:+15550101@x>", "+15550201"),
        ("Remote-Party-ID", "<sip:+15550101@x>;party=calling", "+15550201"),
        ("Privacy", "none", "+15550201"),
        ("Privacy", "id", ""),
        ("Privacy", "user;id", ""),
    ] {
        world.call_saying(1, "95550123", &[(name, value)]);
        world.a_second();
        let invite = world.newest_invite(CARRIER);
        let from = user(invite.headers.get("From").unwrap()).to_owned();
        let asserted: Vec<_> = invite.headers.all("P-Asserted-Identity").collect();
        if shown.is_empty() {
            assert_eq!((&*from, asserted), (anonymous, vec![]), "{name}: {value}");
            assert_eq!(invite.headers.get("Privacy"), Some("id"));
        } else {
            let own = format!("<sip:{shown}@192.0.2.1>");
            assert_eq!((&from, asserted), (&own, vec![own.as_str()]), "{name}: {value}");
        }
        world.hang_up(1);
        world.a_second();
    }
    world.call_saying(1, "911", &[("Privacy", "id")]);
    world.a_second();
    let from = world.newest_invite(CARRIER).from().unwrap();
    assert_eq!(from.uri.user.as_deref(), Some("+15550201"), "help knows whom to call back");
}

#[test]
fn only_a_trusted_carrier_is_believed_about_who_calls() {
    let ann = "\"Ann\\\u{7} Lee\" <sip:+15550999@carrier.example>";
    for (trust, shown) in [("trusted = true", "+15550999"), ("", "+15557654321")] {
        let mut world = world(trust, &[]);
        world.call_saying(CARRIER, "+15550101", &[("P-Asserted-Identity", ann)]);
        world.a_second();
        let from = world.newest_invite(1).from().unwrap();
        assert_eq!(from.uri.user.as_deref(), Some(shown), "{trust}");
        let name = (!trust.is_empty()).then_some("Ann Lee");
        assert_eq!(from.display.as_deref(), name, "without its control character");
    }
    let mut world = world("trusted = true", &[]);
    world.call_saying(CARRIER, "+15550101", &[("P-Asserted-Identity", ann), ("Privacy", "id")]);
    world.a_second();
    assert_eq!(world.newest_invite(1).from().unwrap().uri.user.as_deref(), Some("anonymous"));
}

#[test]
fn numbers_are_written_as_the_carrier_wants_them() {
    let line = "caller_id = \"+14085550100\"\n\
                numbers = { called = \"e164\", prefix = \"77\", caller = \"plain\", incoming = \"national\" }";
    let mut world = world(line, &[]);
    let told = world.told(1, "94085551234", &["To", "From"]);
    assert_eq!(told[0], "<sip:77+14085551234@192.0.2.100>");
    assert_eq!(user(&told[1]), "<sip:14085550100@192.0.2.1>");
    world.told(1, "911", &[]);
    assert_eq!(world.parties[CARRIER].called, ["77+14085551234", "911"], "help is left alone");
    world.call(CARRIER, "+15550101");
    world.a_second();
    assert_eq!(world.newest_invite(1).from().unwrap().uri.user.as_deref(), Some("15557654321"));
}

#[test]
fn a_call_that_is_passed_on_says_whose_it_was() {
    let abroad = ("trunks = [\"carrier\"]", "trunks = [\"carrier\"]\nfrom_trunks = [\"carrier\"]");
    let names = ["From", "Diversion", "History-Info"];
    for (shows, from) in [("own", "+15550100"), ("any", "+15557654321")] {
        let line = format!("caller_id = \"+15550100\"\nshows = \"{shows}\"\nforwarded = \"both\"");
        let mut world = world(&line, &[abroad]);
        world.call(CARRIER, "+15550100");
        world.a_second();
        let leg = *world.open.first().unwrap();
        let duration = Duration::from_millis(100);
        world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: '5', duration });
        world.a_second();
        let invite = world.newest_invite(CARRIER);
        let told: Vec<_> = names.iter().filter_map(|name| invite.headers.get(name)).collect();
        assert_eq!(user(told[0]), format!("<sip:{from}@192.0.2.1>"));
        assert_eq!(told[1], "<sip:+15550100@192.0.2.1>;reason=unconditional;counter=1");
        assert_eq!(told[2], "<sip:+15550100@192.0.2.1>;index=1");
    }
    let mut plain = world("caller_id = \"+15550100\"", &[]);
    assert_eq!(plain.told(1, "95550123", &["Diversion"]), [""; 0], "nobody passed this one on");
}

#[test]
fn too_many_calls_in_a_second_are_refused_for_each_way_of_one_trunk() {
    let mut world = world("calls_in_per_second = 2\ncalls_out_per_second = 1", &[]);
    for _ in 0..4 {
        world.call(CARRIER, "+15550100");
    }
    world.a_second();
    assert_eq!(world.refused_with(CARRIER), [503, 503]);
    for at in [1, 2] {
        world.call(at, "95550123");
    }
    world.carry_out();
    world.pass(Duration::from_millis(500));
    assert_eq!(world.parties[CARRIER].called.len(), 1);
    assert_eq!([world.refused_with(1), world.refused_with(2)].concat(), [503]);
    world.call(3, "911");
    world.a_second();
    assert_eq!(world.parties[CARRIER].called.last().map(String::as_str), Some("911"));
}

#[test]
fn a_trunk_offers_its_own_codecs_in_its_own_order() {
    let mut world = world("codecs = [\"pcma\", \"pcmu\"]", &[]);
    world.call(1, "95550123");
    world.a_second();
    let offer = world.newest_invite(CARRIER).sdp().unwrap().unwrap();
    let codecs: Vec<_> = offer.media[0].codecs().into_iter().map(|c| c.encoding).collect();
    assert_eq!(codecs, ["PCMA", "PCMU"], "the phone has only PCMU");
    let mut one = self::world("codecs = [\"pcma\"]", &[]);
    one.call(CARRIER, "+15550100");
    one.a_second();
    assert_eq!(one.refused_with(CARRIER), [488], "it offers only PCMU");
}

#[test]
fn what_is_heard_before_an_answer_is_the_carriers_ours_or_nothing() {
    for (policy, statuses) in [("pass", &[183][..]), ("ringback", &[180]), ("ignore", &[])] {
        let mut world = world(&format!("early_media = \"{policy}\""), &[]);
        world.parties[CARRIER].rings = false;
        world.call(1, "95550123");
        world.a_second();
        world.parties[1].received.clear();
        world.early(CARRIER);
        world.a_second();
        let seen: Vec<_> = world.parties[1]
            .received
            .iter()
            .filter_map(|bytes| match crate::sip::message::parse(bytes, false) {
                Ok(crate::sip::message::Message::Response(response)) => {
                    Some(response.status.code())
                }
                _ => None,
            })
            .filter(|code| *code < 200)
            .collect();
        assert_eq!(seen, statuses, "{policy}");
    }
}

/// Nothing runs while a server says that it rings (RFC 3261 section 17.1.1.2): one that dies then is noticed by nobody. The
/// caller is told when the time for an answer is over, and does not wait for a CANCEL that nobody will confirm.
#[test]
fn a_carrier_or_a_phone_that_dies_while_it_rings_keeps_no_caller_waiting() {
    let mut world = world("", &[]);
    world.call(1, "95550123");
    world.a_second();
    assert_eq!(world.parties[CARRIER].ringing.len(), 1);
    world.parties[CARRIER].address = SocketAddr::from(([192, 0, 2, 250], 5060));
    world.pass(Duration::from_secs(57));
    assert_eq!(world.refused_with(1), [0; 0], "the time for an answer is not over");
    world.pass(Duration::from_secs(3));
    assert_eq!(
        world.refused_with(1),
        [480],
        "a minute after the call, and not half a minute later"
    );
    // A phone without power: its caller is with the mailbox when the phone has rung for its time.
    world.call(1, "203");
    world.a_second();
    assert_eq!(world.parties[3].ringing.len(), 1);
    world.parties[3].address = SocketAddr::from(([192, 0, 2, 251], 5060));
    let answered = world.answered;
    world.pass(Duration::from_secs(32));
    assert_eq!(world.answered, answered + 1, "the mailbox has answered");
    world.finish();
    assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
}

/// A server whose connection closes while it rings is asked whether it is there, and only then.
#[test]
fn a_connection_that_closes_while_a_call_rings_is_looked_after() {
    let mut world = world("transport = \"tcp\"\nprobe = 0", &[]);
    let transport = Transport::Tcp;
    let peer = world.parties[CARRIER].address;
    let flow = Flow { transport, local: OURS, peer, connection: ConnectionId(7) };
    let options = |world: &World| {
        let received = world.parties[CARRIER].received.iter();
        received.filter(|bytes| bytes.starts_with(b"OPTIONS ")).count()
    };
    world.gateway.handle_connection_closed(world.now, flow);
    world.a_second();
    assert_eq!(options(&world), 0, "nobody waits for it");
    world.call(1, "95550123");
    world.a_second();
    world.gateway.handle_connection_closed(world.now, flow);
    world.a_second();
    assert_eq!(
        (options(&world), world.refused_with(1)),
        (1, vec![]),
        "it is there: the call rings on"
    );
    world.gateway.handle_connection_closed(world.now, flow);
    world.gateway.handle_unreachable(world.now, &Route::Address { transport, peer });
    world.a_second();
    assert_eq!(world.refused_with(1), [480], "the caller is told at once");
}

/// Who answers in the moment in which the time for it is over is let go, and the caller talks with whoever came next.
#[test]
fn an_answer_that_comes_too_late_is_hung_up_on() {
    let mut world = world("", &[]);
    world.call(1, "203");
    world.a_second();
    let phone = world.parties[3].address;
    world.parties[3].address = SocketAddr::from(([192, 0, 2, 251], 5060));
    world.pass(Duration::from_secs(32));
    world.parties[3].address = phone;
    world.take_call(3);
    world.a_second();
    assert!(world.parties[3].up.is_empty(), "nobody is left with a dead line");
    assert_eq!(world.bridges, []);
    world.finish();
    assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
}

#[test]
fn a_carrier_that_is_overloaded_is_left_alone_for_as_long_as_it_says() {
    let mut world = world("", &[]);
    world.parties[CARRIER].refuses = Some(Status::SERVICE_UNAVAILABLE);
    world.parties[CARRIER].retry_after = Some(20);
    world.call(1, "95550123");
    world.a_second();
    assert_eq!((world.parties[CARRIER].invites.len(), world.refused_with(1)), (1, vec![503]));
    world.parties[CARRIER].refuses = None;
    world.call(1, "95550123");
    world.a_second();
    assert_eq!(world.parties[CARRIER].invites.len(), 1, "it is not asked");
    assert_eq!(world.refused_with(1), [503, 503]);
    world.call(2, "911");
    world.a_second();
    assert_eq!(world.parties[CARRIER].called, ["911"], "help disturbs it all the same");
    world.pass(Duration::from_secs(20));
    world.call(1, "95550123");
    world.a_second();
    assert_eq!(world.parties[CARRIER].called, ["911", "5550123"]);
}
