//! Everything that reaches a carrier, byte by byte, searched for what must not leave the site.

use super::*;

const CARRIER: usize = 0;

/// What must not be seen outside: addresses of the box, the product, phones and the people at them.
const CANARIES: [&str; 10] = [
    "192.0.2.1:",
    "192.0.2.1>",
    "192.0.2.1;",
    "192.0.2.1\r",
    "192.0.2.2",
    "ranchline",
    "201@",
    "202@",
    "Canary Ann",
    "RANCHLINE",
];

fn world(trunk: &str) -> World {
    let changes = [
        ("servers = [\"192.0.2.100\"]", format!("servers = [\"192.0.2.100\"]\n{trunk}")),
        ("number = \"201\"", "number = \"201\"\ncaller_id = \"+15550101\"\nname = \"Canary Ann\"".to_owned()),
        ("[flow.main]", "[trust]\nnetworks = [\"192.0.2.0/26\"]\n[sip]\nexternal_address = \"203.0.113.7\"\n[flow.main]".to_owned()),
        ("trunks = [\"carrier\"]", "trunks = [\"carrier\"]\nfrom_trunks = [\"carrier\"]".to_owned()),
    ];
    let text =
        changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
    World::of(1, &text, 0)
}

/// Calls of every kind that a carrier meets, answered and not, held, transferred, refused, taken back.
fn live(world: &mut World) {
    let pass = |world: &mut World, seconds| {
        world.carry_out();
        world.pass(Duration::from_secs(seconds));
    };
    for number in ["95550123", "*6795550124", "911"] {
        world.call(1, number);
        pass(world, 1);
        world.answer(CARRIER);
        pass(world, 2);
        world.hang_up(if number == "911" { CARRIER } else { 1 });
        pass(world, 1);
    }
    // Taken back while it rings, and refused by the carrier.
    world.call(2, "95550125");
    pass(world, 1);
    world.hang_up(2);
    pass(world, 1);
    // In, answered, transferred out again; session timers run meanwhile.
    world.call(CARRIER, "+15550101");
    pass(world, 1);
    world.answer(1);
    pass(world, 2_000);
    let session = *world.parties[1].up.first().unwrap();
    world.parties[1].endpoint.refer(world.now, session, "sip:95550126@192.0.2.1", None);
    pass(world, 2);
    world.answer(CARRIER);
    pass(world, 5);
    while !world.parties[CARRIER].up.is_empty() {
        world.hang_up(CARRIER);
        pass(world, 1);
    }
    // In to the IVR, and out from there.
    world.call(CARRIER, "+15550100");
    pass(world, 1);
    let leg = *world.open.first().unwrap();
    let duration = Duration::from_millis(100);
    world.gateway.handle_media(world.now, media::Event::Digit { leg, digit: '5', duration });
    pass(world, 2);
    world.hang_up(CARRIER);
    pass(world, 1);
    // What we refuse: a number that is nobody's, methods that we do not do.
    world.call(CARRIER, "+19999999");
    pass(world, 1);
    for method in
        [Method::OPTIONS, Method::MESSAGE, Method::SUBSCRIBE, Method::PUBLISH, Method::REFER]
    {
        let uri = Uri::sip(Some("x"), Host::Ip(OURS.ip()), None);
        let mut request = Request::new(method, uri);
        request.headers.push("From", "<sip:x@carrier.example>").unwrap();
        request.headers.push("To", "<sip:x@carrier.example>").unwrap();
        let (now, own) = (world.now, world.parties[CARRIER].address);
        let route = Route::Address { transport: Transport::Udp, peer: OURS };
        world.parties[CARRIER].endpoint.request(now, route, own, request, None);
        pass(world, 1);
    }
    pass(world, 120);
}

#[test]
fn nothing_of_the_inside_reaches_a_carrier() {
    let lines = [
        "caller_id = \"+15550100\"\nidentity = \"p-asserted-identity\"\nforwarded = \"both\"",
        "caller_id = \"+15550100\"\ntrusted = true\nidentity = \"remote-party-id\"\nshows = \"any\"",
        "register = { username = \"line-7\", secret = { file = \"x\" } }",
    ];
    for line in lines {
        let mut world = world(line);
        live(&mut world);
        let received = &world.parties[CARRIER].received;
        let text: Vec<_> = received.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
        for method in ["INVITE ", "ACK ", "BYE ", "CANCEL ", "OPTIONS ", "SIP/2.0 200", "SIP/2.0 4"]
        {
            assert!(text.iter().any(|text| text.starts_with(method)), "no {method} to look at");
        }
        for text in &text {
            // What the carrier wrote itself comes back in these.
            let own = |line: &&str| {
                let echoed = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
                let answer =
                    text.starts_with("SIP/2.0") && echoed.iter().any(|name| line.starts_with(name));
                let dialog = ["To:", "Route:", "CSeq:"].iter().any(|name| line.starts_with(name));
                let request_line = line.ends_with(" SIP/2.0");
                !(answer || dialog || request_line)
            };
            let ours: String =
                text.split("\r\n").filter(own).map(|line| format!("{line}\r\n")).collect();
            for canary in CANARIES {
                assert!(!ours.contains(canary), "{canary:?} in\n{text}");
            }
        }
        let invite = text.iter().find(|text| text.starts_with("INVITE")).unwrap();
        assert!(invite.contains("Via: SIP/2.0/UDP 203.0.113.7:5060;"), "{invite}");
        assert!(invite.contains("IN IP4 203.0.113.7\r\n"), "{invite}");
    }
}

/// A phone inside sees the box itself, by its name and at its own address.
#[test]
fn phones_inside_see_the_box_as_it_is() {
    let mut world = world("");
    world.call(2, "201");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    let invite = world.parties[1].received.iter().map(|bytes| String::from_utf8_lossy(bytes));
    let invite = invite.rev().find(|text| text.starts_with("INVITE")).unwrap();
    assert!(
        invite.contains("Via: SIP/2.0/UDP 192.0.2.1:5060;")
            && invite.contains("User-Agent: Branchline")
    );
    assert!(invite.contains("c=IN IP4 192.0.2.1\r\n"), "{invite}");
}
