//! What carriers see of a trunk's settings, and what they may do to a call: weights, breakdowns and overload, who called whom
//! and for whom, numbers, codecs, early sound, fax, the inside of the branch.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

const CARRIER: u16 = 1;
const SECOND: u16 = 2;
const PHONE: u16 = 3;
const CALLER: u16 = 4;

const ONE: &str = "servers = [\"127.0.0.1:@CARRIER@\"]";
const TWO: &str = "servers = [{ host = \"127.0.0.1:@CARRIER@\", priority = 1 }, { host = \"127.0.0.1:@SECOND@\", priority = 2 }]";
/// A header that says nothing.
const NOTHING: &str = "Subject: none";

/// A branch with a trunk, and 201, of which `phone` says more.
fn branch(trunk: &str, phone: &str) -> Branch {
    let text = format!(
        "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = [\"127.0.0.1:@PORT@\"]\ntls = []\ndigests = [\"md5\"]\n\
         [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
         [[extension]]\nnumber = \"201\"\nname = \"Canary Ann\"\nsecret = {{ file = \"@DIR@/phone\" }}\n{phone}\n\
         [[extension]]\nnumber = \"202\"\nsecret = {{ file = \"@DIR@/phone\" }}\n\
         [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\nprobe = 0\ncaller_id = \"+14085550100\"\n{trunk}\n\
         [[inbound]]\nnumber = \"+14085550101\"\nto = \"extension:201\"\n\
         [[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"carrier\"]\n"
    );
    let files = [("phone", "phonesecret\n"), ("line", "line secret\n")];
    Branch::run_with(&text, "127.0.0.1:@PORT@", &files)
}

fn sipp(branch: &Branch, scenario: &str, port: u16, calls: u16, keys: &[(&str, &str)]) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let account = scenario.starts_with("phone_").then_some(("201", "phonesecret"));
    let port = branch.free + port;
    let setting = Setting { scenario, port, keys: &keys, account, transport: "u1" };
    Sipp::start_many(branch, &setting, calls)
}

/// A server of the carrier.
fn server(branch: &Branch, scenario: &str, port: u16, calls: u16, keys: &[(&str, &str)]) -> Sipp {
    sipp(branch, scenario, port, calls, &[keys, &[("rtp", "19002")]].concat())
}

/// 201 calls outside and is answered.
fn dials(branch: &Branch, number: &str, more: &str) -> Sipp {
    let keys = [("to", number), ("rtp", "19000"), ("talk", "300"), ("more", more)];
    sipp(branch, "phone_says", PHONE, 1, &keys)
}

/// 201 calls outside and is refused.
fn dials_in_vain(branch: &Branch, calls: u16, code: &str) -> Sipp {
    let keys = [("to", "94085550123"), ("rtp", "19000"), ("code", code)];
    sipp(branch, "phone_is_refused", PHONE, calls, &keys)
}

fn registered(branch: &Branch) {
    let keys = [("expires", "300".to_owned())];
    let setting = Setting {
        scenario: "register",
        port: branch.free + PHONE,
        keys: &keys,
        account: Some(("201", "phonesecret")),
        transport: "u1",
    };
    Sipp::start(branch, &setting).succeeds();
}

/// The carrier calls the number of 201, and says more.
fn calls_in(branch: &Branch, more: &str) -> Sipp {
    let keys = [
        ("from", "+14085557777"),
        ("to", "+14085550101"),
        ("rtp", "19004"),
        ("talk", "300"),
        ("more", more),
    ];
    sipp(branch, "trunk_says", CALLER, 1, &keys)
}

/// The first INVITE that a peer got, and the offer in it.
fn invite(messages: &str) -> String {
    let messages = messages.replace('\r', "");
    let (_, from) = messages.split_once("\nINVITE ").expect("an INVITE");
    from.split("-------------------------------").next().unwrap_or(from).to_owned()
}

fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// RFC 2782: three calls to one server for each to the other.
#[test]
fn servers_of_one_priority_share_the_calls_by_weight() {
    let servers = "servers = [{ host = \"127.0.0.1:@CARRIER@\", priority = 1, weight = 3 }, \
                   { host = \"127.0.0.1:@SECOND@\", priority = 1, weight = 1 }]";
    let branch = branch(servers, "");
    let keys = [("code", "403"), ("more", NOTHING)];
    let heavy = server(&branch, "carrier_refuses", CARRIER, 1_000, &keys);
    let light = server(&branch, "carrier_refuses", SECOND, 1_000, &keys);
    dials_in_vain(&branch, 60, "403").succeeds();
    let shares = [&heavy, &light].map(|server| server.count("ACK sip:"));
    assert_eq!(shares[0] + shares[1], 60, "each call was refused once: {shares:?}");
    // 45 and 15 are meant; beyond these bounds a fair lot comes once in 100,000 runs.
    assert!(shares[0] > shares[1] + 2 && shares[1] >= 4, "{shares:?}");
}

/// RFC 3261 section 21.5.4: it gets no call for as long as it said, and the next one after that.
#[test]
fn a_server_that_is_overloaded_rests_for_as_long_as_it_says() {
    let branch = branch(TWO, "");
    let first = server(
        &branch,
        "carrier_refuses",
        CARRIER,
        1_000,
        &[("code", "503"), ("more", "Retry-After: 3")],
    );
    let second =
        server(&branch, "carrier_refuses", SECOND, 1_000, &[("code", "403"), ("more", NOTHING)]);
    // One after the other: who calls before the first refusal came is sent there too.
    dials_in_vain(&branch, 1, "403").succeeds();
    dials_in_vain(&branch, 1, "403").succeeds();
    assert_eq!((first.count("ACK sip:"), second.count("ACK sip:")), (1, 2));
    let words = |branch: &Branch| branch.ask(&["trunks"])[0]["words"].to_string();
    assert!(words(&branch).contains("overloaded"), "{}", words(&branch));
    branch.until("the end of the rest", || (!words(&branch).contains("overloaded")).then_some(()));
    dials_in_vain(&branch, 1, "403").succeeds();
    assert_eq!((first.count("ACK sip:"), second.count("ACK sip:")), (2, 3));
}

/// RFC 3263 section 4.3: one that rings and then breaks down is as good as one that never answered.
#[test]
fn a_server_that_breaks_down_while_it_rings_is_followed_by_the_next() {
    let branch = branch(TWO, "");
    let first = server(&branch, "carrier_rings_and_fails", CARRIER, 1, &[("ring", "500")]);
    let second = server(&branch, "carrier_early", SECOND, 1, &[("ring", "200")]);
    let phone = dials(&branch, "94085550123", NOTHING);
    first.succeeds();
    second.succeeds();
    let messages = phone.succeeds();
    assert!(messages.contains("SIP/2.0 180") && messages.contains("SIP/2.0 183"), "{messages}");
    assert_eq!(branch.record(1)["cause"], "completed");
}

/// The same over a connection, from a server that dies without a word.
#[test]
fn a_server_that_dies_while_it_rings_is_followed_by_the_next() {
    let branch = branch(&format!("{TWO}\ntransport = \"tcp\""), "");
    let over_tcp = |port: u16, ring: &str| {
        let keys = [("ring", ring.to_owned()), ("rtp", "19002".to_owned())];
        let port = branch.free + port;
        let setting = Setting {
            scenario: "carrier_early",
            port,
            keys: &keys,
            account: None,
            transport: "t1",
        };
        Sipp::start(&branch, &setting)
    };
    let (first, second) = (over_tcp(CARRIER, "60000"), over_tcp(SECOND, "200"));
    let phone = dials(&branch, "94085550123", NOTHING);
    branch.until("the first server to ring", || phone.has_got("SIP/2.0 183").then_some(()));
    drop(first);
    second.succeeds();
    phone.succeeds();
    assert_eq!(branch.record(1)["cause"], "completed");
}

/// Who comes too much is told when to come again, either way.
#[test]
fn calls_over_a_trunks_limits_are_refused_with_the_time_to_come_again() {
    let branch = branch(&format!("{ONE}\nmax_calls = 1"), "");
    let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "100")]);
    let keys = [("to", "94085550123"), ("rtp", "19000"), ("talk", "3000"), ("more", NOTHING)];
    let phone = sipp(&branch, "phone_says", PHONE, 1, &keys);
    branch.until("the first call", || phone.has_got("SIP/2.0 200").then_some(()));
    let keys = [("to", "94085550124"), ("rtp", "19006"), ("code", "503")];
    let second = sipp(&branch, "phone_is_refused", 5, 1, &keys).succeeds();
    assert!(second.contains("Retry-After: "), "no second call out: {second}");
    let keys =
        [("from", "+14085557777"), ("to", "+14085550101"), ("rtp", "19004"), ("code", "503")];
    let caller = sipp(&branch, "trunk_refused", CALLER, 1, &keys).succeeds();
    assert!(caller.contains("Retry-After: "), "and none in: {caller}");
    phone.succeeds();
    carrier.succeeds();
}

#[test]
fn a_carrier_that_calls_too_fast_is_told_so() {
    let branch = branch(&format!("{ONE}\ncalls_in_per_second = 1"), "");
    let keys = [("from", "+14085557777"), ("to", "+14085550199"), ("rtp", "19004")];
    // Ten calls in a quarter of a second.
    let messages = sipp(&branch, "trunk_comes_too_fast", CALLER, 10, &keys).succeeds();
    let count = |text: &str| messages.matches(text).count();
    let (taken, refused) = (count("SIP/2.0 404"), count("SIP/2.0 503"));
    assert!(taken >= 1 && refused >= 5, "{taken} taken, {refused} refused");
    assert_eq!(count("Retry-After: "), refused);
}

/// A call that 201's phone sends on says so in both ways, after what the carrier had said of it (RFC 5806, RFC 7044); the
/// record tells for whom it was.
#[test]
fn a_forwarded_call_says_whose_it_was_and_who_had_it_before() {
    let trunk = format!(
        "{ONE}\ntrusted = true\nshows = \"any\"\nforwarded = \"both\"\nidentity = \"p-asserted-identity\""
    );
    let phone = "caller_id = \"+14085550101\"\nforward = { always = \"94085550123\" }";
    let branch = branch(&trunk, phone);
    let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "100")]);
    let before = "Diversion: <sip:+14085550555@carrier.example>;reason=no-answer;counter=1";
    calls_in(&branch, before).succeeds();
    let invite = invite(&carrier.succeeds());
    let told: Vec<_> = invite.lines().filter(|line| line.starts_with("Diversion: ")).collect();
    assert_eq!(
        told,
        [
            "Diversion: <sip:+14085550101@127.0.0.1>;reason=unconditional;counter=1",
            "Diversion: <sip:+14085550555@127.0.0.1>;reason=no-answer;counter=1",
        ]
    );
    let history: Vec<_> =
        invite.lines().filter_map(|line| line.strip_prefix("History-Info: ")).collect();
    assert_eq!(
        history,
        [
            "<sip:+14085550555@127.0.0.1>;index=1",
            "<sip:+14085550101@127.0.0.1;cause=408>;index=1.1",
            "<sip:4085550123@127.0.0.1;cause=302>;index=1.1.1",
        ]
    );
    let from = header(&invite, "From").unwrap_or_default();
    assert!(from.contains("+14085557777@"), "who calls is still the caller: {from}");
    let record = branch.record(1);
    assert_eq!(record["diverted_by"], "+14085550555", "{record}");
}

/// RFC 3325: a carrier is believed where it is trusted, in its own form of numbers, and so is one who wants to be nobody.
#[test]
fn who_calls_is_what_a_trusted_carrier_asserts_and_nobody_where_privacy_is_asked() {
    let asserted = "P-Asserted-Identity: \"Bob\" <sip:+14085558888@carrier.example>";
    let private = format!("{asserted}\nPrivacy: id");
    for (trunk, more, shown) in [
        ("trusted = true", asserted, "From: Bob <sip:+14085558888@"),
        ("", asserted, "<sip:+14085557777@"),
        ("trusted = true", &private, "<sip:anonymous@"),
        ("numbers = { incoming = \"national\" }", NOTHING, "<sip:14085557777@"),
    ] {
        let branch = branch(&format!("{ONE}\n{trunk}"), "");
        registered(&branch);
        let keys = [("rtp", "19000"), ("ring", "50")];
        let phone = sipp(&branch, "phone_answers", PHONE, 1, &keys);
        calls_in(&branch, more).succeeds();
        let invite = invite(&phone.succeeds());
        let from = header(&invite, "From").unwrap_or_default();
        let from = format!("From: {}", from.replace('"', ""));
        assert!(from.contains(shown), "{trunk}: {from}");
        assert!(!invite.contains("P-Asserted-Identity"), "{invite}");
    }
}

/// RFC 3325 section 9.2: a phone proves nothing about itself; it may choose among its own numbers, or hide.
#[test]
fn a_phone_is_shown_as_one_of_its_own_numbers_or_not_at_all() {
    let trunk = format!("{ONE}\nidentity = \"p-asserted-identity\"");
    for (more, shown) in [
        (NOTHING, "<sip:+14085550111@"),
        ("P-Asserted-Identity: <sip:+14085559999@x>", "<sip:+14085550111@"),
        ("P-Preferred-Identity: <sip:+14085559999@x>", "<sip:+14085550111@"),
        ("P-Preferred-Identity: <sip:+14085550101@x>", "<sip:+14085550101@"),
        ("Privacy: id", "\"Anonymous\" <sip:anonymous@anonymous.invalid>"),
    ] {
        let branch = branch(&trunk, "caller_id = \"+14085550111\"");
        let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "50")]);
        dials(&branch, "94085550123", more).succeeds();
        let invite = invite(&carrier.succeeds());
        let from = header(&invite, "From").unwrap_or_default();
        assert!(from.starts_with(shown), "{more}: {from}");
        let asserted = header(&invite, "P-Asserted-Identity");
        let private = more.starts_with("Privacy");
        assert_eq!(asserted.is_some_and(|own| own.starts_with(shown)), !private, "{invite}");
        assert_eq!(header(&invite, "Privacy"), private.then_some("id"));
        assert!(!invite.contains("P-Preferred-Identity") && !invite.contains("9999"), "{invite}");
    }
}

#[test]
fn numbers_are_written_on_the_wire_as_the_carrier_wants_them() {
    let numbers = "numbers = { called = \"e164\", prefix = \"77\", caller = \"plain\" }";
    let branch = branch(&format!("{ONE}\n{numbers}"), "");
    let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "50")]);
    dials(&branch, "94085550123", NOTHING).succeeds();
    let invite = invite(&carrier.succeeds());
    assert!(invite.starts_with("sip:77+14085550123@127.0.0.1:"), "{invite}");
    assert!(header(&invite, "To").is_some_and(|to| to.starts_with("<sip:77+14085550123@")));
    assert!(header(&invite, "From").is_some_and(|from| from.starts_with("<sip:14085550100@")));
}

#[test]
fn a_trunk_offers_and_takes_its_own_codecs_alone() {
    for (codecs, offered, taken) in [
        ("[\"pcma\", \"pcmu\"]", "RTP/AVP 8 0 101", "RTP/AVP 8 101"),
        ("[\"pcmu\"]", "RTP/AVP 0 101", "RTP/AVP 0 101"),
    ] {
        let branch = branch(&format!("{ONE}\ncodecs = {codecs}"), "");
        let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "50")]);
        dials(&branch, "94085550123", NOTHING).succeeds();
        let invite = invite(&carrier.succeeds());
        assert!(invite.contains(offered), "{codecs}: {invite}");
        registered(&branch);
        let phone = sipp(&branch, "phone_answers", PHONE, 1, &[("rtp", "19000"), ("ring", "50")]);
        let caller = calls_in(&branch, NOTHING).succeeds();
        phone.succeeds();
        let answer = caller.rsplit("SIP/2.0 200").nth(1).unwrap_or_default();
        let answered = caller.lines().rfind(|line| line.starts_with("m=audio"));
        assert!(
            answered.is_some_and(|line| line.trim_end().ends_with(taken)),
            "{codecs}: {answer}"
        );
    }
}

/// What the caller hears before an answer: the carrier's own sound, or the phone's own ringing tone.
#[test]
fn early_sound_is_passed_on_or_replaced_as_the_trunk_says() {
    for (policy, status, sound) in
        [("pass", "SIP/2.0 183", true), ("ringback", "SIP/2.0 180", false)]
    {
        let branch = branch(&format!("{ONE}\nearly_media = \"{policy}\""), "");
        let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "300")]);
        let messages = dials(&branch, "94085550123", NOTHING).succeeds();
        carrier.succeeds();
        let (_, early) = messages.split_once(status).expect(status);
        let early = early.split("-------------------------------").next().unwrap_or_default();
        assert_eq!(early.contains("m=audio"), sound, "{policy}: {early}");
        let other = if sound { "SIP/2.0 180" } else { "SIP/2.0 183" };
        assert!(!messages.contains(other), "{policy}: {messages}");
    }
}

/// A branch behind address translation: what a carrier sees names the outside alone, and not what we are made of.
#[test]
fn a_carrier_sees_no_address_of_the_inside_and_no_name_of_ours() {
    let trunk = format!(
        "{ONE}\nexternal_address = \"203.0.113.7\"\nidentity = \"p-asserted-identity\"\nforwarded = \"both\""
    );
    let branch = branch(&trunk, "caller_id = \"+14085550111\"");
    let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "50")]);
    dials(&branch, "94085550123", "User-Agent: Canaryphone 9").succeeds();
    let messages = carrier.succeeds().replace('\r', "");
    let received: Vec<_> = messages.split("message received").skip(1).collect();
    assert!(received.len() >= 3, "INVITE, ACK and BYE: {messages}");
    for message in received {
        let message = message.split("-------------------------------").next().unwrap_or(message);
        for canary in ["ranchline", "Canary", "201@", "Server:", "User-Agent:"] {
            assert!(!message.contains(canary), "{canary}: {message}");
        }
        let ours = ["Via", "From", "Contact", "P-Asserted-Identity", "Call-ID", "o=", "c="];
        for line in message.lines().filter(|line| ours.iter().any(|name| line.starts_with(name))) {
            assert!(!line.contains("127.0.0.1"), "{line}");
        }
        assert!(message.contains("203.0.113.7"), "{message}");
    }
}

/// A carrier may ask for the password of anything (RFC 3261 section 22.1).
#[test]
fn a_prack_is_paid_for_with_a_password_too() {
    let account = "auth = { username = \"branch-17\", secret = { file = \"@DIR@/line\" }, realm = \"carrier.example\" }";
    let branch = branch(&format!("{ONE}\n{account}"), "");
    let carrier = server(&branch, "carrier_challenges_prack", CARRIER, 1, &[]);
    dials(&branch, "94085550123", NOTHING).succeeds();
    carrier.succeeds();
}

/// RFC 3608: a call out passes the hops that the registrar named, in their order; what is said within the call goes the
/// call's own way.
#[test]
fn a_call_out_passes_the_route_that_the_registrar_named() {
    let account = "register = { username = \"branch-17\", secret = { file = \"@DIR@/line\" } }";
    let branch = branch(&format!("{ONE}\n{account}"), "");
    let hops = "<sip:in.carrier.example;lr>, <sip:out@core.carrier.example:5070;lr>";
    let named = format!("Service-Route: {hops}");
    server(&branch, "carrier_registers", CARRIER, 1, &[("more", &named)]).succeeds();
    branch.until("the registration", || {
        let trunks = branch.ask(&["trunks"]);
        trunks[0]["words"].as_str()?.starts_with("registered until ").then_some(())
    });
    let carrier = server(&branch, "carrier_early", CARRIER, 1, &[("ring", "50")]);
    dials(&branch, "94085550123", NOTHING).succeeds();
    let messages = carrier.succeeds().replace('\r', "");
    let invite = invite(&messages);
    assert!(invite.starts_with("sip:4085550123@127.0.0.1:"), "the number stays: {invite}");
    let routes: Vec<_> = invite.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(routes.join(", "), hops);
    for method in ["ACK", "BYE"] {
        let (_, request) = messages.split_once(&format!("\n{method} sip:")).expect(method);
        let request = request.split("-------------------------------").next().unwrap_or(request);
        assert_eq!(header(request, "Route"), None, "{method}: {request}");
    }
}
