//! Rows of the table of bad input that are about who asks for what (`tests/torture/rows.rs` has the whole table).

use super::*;

const CARRIER: [u8; 4] = [192, 0, 2, 100];

/// What comes back to `method` for `uri`, in the name of `from`, from a host: statuses of answers and what else is sent.
fn ask(world: &mut World, host: [u8; 4], method: &str, uri: &str, from: &str) -> Vec<String> {
    let peer = SocketAddr::from((host, 5060));
    let number = world.random.below(u64::MAX);
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bK{number};rport\r\n\
         From: {from};tag=a\r\nTo: <sip:x@192.0.2.1>\r\nCall-ID: {number}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:x@{peer}>\r\nRefer-To: <sip:919005551212@192.0.2.1>\r\nEvent: presence\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection: ConnectionId(0) };
    world.gateway.handle_sip(world.now, flow, text.as_bytes());
    let mut sent = Vec::new();
    while let Some(output) = world.gateway.poll_output() {
        match output {
            Output::Sip { bytes, .. } => sent.push(String::from_utf8_lossy(&bytes).into_owned()),
            other => world.carry_out_one(other),
        }
    }
    sent
}

fn statuses(sent: &[String]) -> Vec<&str> {
    let codes = sent.iter().filter(|text| text.starts_with("SIP/2.0 ")).map(|text| &text[8..11]);
    codes.filter(|code| *code != "100").collect()
}

#[test]
fn row_25_texts_and_subscriptions_of_strangers_are_challenged() {
    let mut world = World::of(1, CONFIG, 0);
    for method in ["MESSAGE", "SUBSCRIBE", "PUBLISH"] {
        for from in ["<sip:201@192.0.2.1>", "<sip:nobody@192.0.2.1>"] {
            let sent = ask(&mut world, [192, 0, 2, 44], method, "sip:202@192.0.2.1", from);
            assert_eq!(statuses(&sent), ["401"], "{method} {from}");
        }
    }
    assert!(world.parties.iter().all(|party| party.texts.is_empty()));
}

#[test]
fn row_26_a_transfer_outside_of_a_call_is_refused() {
    let mut world = World::of(1, CONFIG, 0);
    let sent = ask(&mut world, CARRIER, "REFER", "sip:201@192.0.2.1", "<sip:1555@192.0.2.100>");
    assert_eq!(statuses(&sent), ["403"]);
    let sent =
        ask(&mut world, [192, 0, 2, 44], "REFER", "sip:201@192.0.2.1", "<sip:201@192.0.2.1>");
    assert_eq!(statuses(&sent), ["401"]);
    assert!(world.gateway.calls.is_empty());
}

#[test]
fn row_27_strings_that_are_no_numbers_are_dialled_nowhere() {
    let mut world = World::of(1, CONFIG, 0);
    let odd = [
        "95550123%0d%0aEvil:1",
        "95550123%00",
        "9555%3Bext=1%2F",
        "%3Cscript%3E",
        "$(reboot)",
        "9555'--",
        "%E2%80%AE3210555",
        "..%2F..%2Fetc",
    ];
    for user in odd {
        world.call(1, "600");
        let uri = format!("sip:{user}@192.0.2.1");
        let sent = ask(&mut world, CARRIER, "INVITE", &uri, "<sip:1555@192.0.2.100>");
        let found = statuses(&sent);
        assert!(matches!(found[..], ["400" | "403" | "404"]), "{user}: {found:?}");
    }
    assert!(world.parties[0].called.is_empty(), "nothing left the branch");
}

#[test]
fn row_28_a_name_with_control_bytes_goes_no_further() {
    let mut world = World::of(1, CONFIG, 0);
    let from = "\"Ev\u{7}il\u{1b}[2J\u{202e}\" <sip:+1555%07%1b@192.0.2.100>";
    let _ = ask(&mut world, CARRIER, "INVITE", "sip:+15550101@192.0.2.1", from);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    for invite in world.parties.iter().flat_map(|party| &party.invites) {
        let text = String::from_utf8_lossy(&invite.encode()).into_owned();
        let bad = |c: char| (c.is_control() && !"\r\n".contains(c)) || c == '\u{202e}';
        assert!(!text.contains(bad), "{text:?}");
    }
    let views = world.gateway.calls.views();
    assert!(views.iter().all(|view| !view.from.contains(char::is_control)), "{views:?}");
}

#[test]
fn row_29_a_secure_address_over_an_open_way_is_refused_except_for_help() {
    let mut world = World::of(1, CONFIG, 0);
    let from = "<sip:1555@192.0.2.100>";
    let sent = ask(&mut world, CARRIER, "INVITE", "sips:+15550101@192.0.2.1", from);
    assert_eq!(statuses(&sent), ["416"]);
    let sent = ask(&mut world, CARRIER, "INVITE", "sip:+15550101@192.0.2.1", from);
    assert!(statuses(&sent).is_empty(), "it rings: {sent:?}");
}
