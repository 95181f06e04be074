//! Rows of the table of bad input that are about dialogs (`tests/torture/rows.rs` has the whole table).

use super::*;

pub(super) fn arrives(pair: &mut Pair, side: usize, from: [u8; 4], text: &str) -> Vec<String> {
    let local = pair.sides[side].address;
    let peer = SocketAddr::from((from, pair.sides[1 - side].address.port()));
    let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
    pair.wire.clear();
    pair.sides[side].endpoint.handle_received(pair.now, flow, text.as_bytes());
    pair.collect();
    let sent = pair.wire.values().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    sent.collect()
}

pub(super) const HOME: [u8; 4] = [127, 0, 0, 1];

/// A message that was on its way when `look` said so.
pub(super) fn caught(pair: &Pair, beginning: &str) -> String {
    let texts = pair.wire.values().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    texts.into_iter().find(|text| text.starts_with(beginning)).expect(beginning)
}

pub(super) fn line<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines().find(|line| line.starts_with(name)).expect(name)
}

/// A request of the caller's in the dialog of `answer`, a 200 of ours.
fn request(answer: &str, method: &str, cseq: u32, branch: &str) -> String {
    format!(
        "{method} sip:x@127.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{branch};rport\r\n\
         {}\r\n{}\r\n{}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        line(answer, "From:"),
        line(answer, "To:"),
        line(answer, "Call-ID:")
    )
}

#[test]
fn row_11_stray_and_forged_answers_change_nothing() {
    let mut pair = Pair::new(1, 0);
    pair.invite();
    let invite = caught(&pair, "INVITE ");
    let mut answer = |branch: &str, method: &str| {
        let via = line(&invite, "Via:");
        let own = via.split("branch=").nth(1).unwrap().split(';').next().unwrap();
        let text = format!(
            "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=f\r\n{}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n",
            via.replace(own, branch),
            line(&invite, "From:"),
            line(&invite, "To:"),
            line(&invite, "Call-ID:")
        );
        arrives(&mut pair, 0, HOME, &text)
    };
    assert!(answer("z9hG4bKforged", "INVITE").is_empty());
    assert!(answer("z9hG4bKforged", "BYE").is_empty());
    assert_eq!(pair.sides[0].endpoint.alive(), (1, 1), "the call goes on as it was");
}

#[test]
fn row_18_requests_at_the_wrong_moment_make_no_second_call() {
    let mut pair = Pair::new(2, 0);
    pair.invite();
    let invite = caught(&pair, "INVITE ");
    let callee = pair.until(1, invited).unwrap();
    pair.sides[1].endpoint.answer(pair.now, callee, &sdp(4010));
    pair.collect();
    let answer = caught(&pair, "SIP/2.0 200");
    pair.until(0, answered).unwrap();
    pair.until(1, |e| matches!(e, Event::Confirmed { .. }).then_some(())).unwrap();
    let number: u32 = line(&invite, "CSeq:").split(' ').nth(1).unwrap().parse().unwrap();
    let own = |text: &str, method: &str| {
        text.lines().any(|line| line.starts_with("CSeq:") && line.ends_with(method))
    };
    let status = |sent: Vec<String>, method: &str| {
        let found = sent.into_iter().find(|text| text.starts_with("SIP/2.0") && own(text, method));
        found.map(|text| text[8..11].to_owned()).unwrap_or_default()
    };
    // CANCEL after the 200: answered, and the call stays (section 9.2).
    let cancel = invite.replace("INVITE sip", "CANCEL sip").replace(" INVITE\r\n", " CANCEL\r\n");
    let cancel = format!("{}\r\n\r\n", cancel.split("\r\n\r\n").next().unwrap());
    let cancel: String = cancel
        .lines()
        .filter(|line| !line.starts_with("Content"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    assert_eq!(status(arrives(&mut pair, 1, HOME, &cancel), "CANCEL"), "200");
    assert_eq!(pair.sides[1].endpoint.alive().0, 1);
    // An ACK to nothing is ignored.
    let stray = request(&answer, "ACK", number, "ack").replace("Call-ID: ", "Call-ID: x");
    assert!(arrives(&mut pair, 1, HOME, &stray).is_empty());
    // A BYE with another tag.
    let wrong = request(&answer, "BYE", number + 1, "wrong").replace(";tag=", ";tag=x");
    assert_eq!(status(arrives(&mut pair, 1, HOME, &wrong), "BYE"), "481");
    // A number that was used already.
    let old = request(&answer, "INFO", number, "old");
    let late = arrives(&mut pair, 1, HOME, &old);
    assert!(late[0].starts_with("SIP/2.0 500 ") && late[0].contains("Retry-After:"), "{late:?}");
    assert_eq!(pair.sides[1].endpoint.alive().0, 1, "the call is up through it all");
    let bye = request(&answer, "BYE", number + 2, "bye");
    assert_eq!(status(arrives(&mut pair, 1, HOME, &bye), "BYE"), "200");
    let again = request(&answer, "INVITE", number + 3, "again");
    assert_eq!(status(arrives(&mut pair, 1, HOME, &again), "INVITE"), "481");
    assert_eq!(pair.sides[1].endpoint.alive().0, 0, "no second call");
}

#[test]
fn row_20_a_flood_of_to_tags_leaves_nothing() {
    let mut pair = Pair::new(3, 0);
    for number in 0..2_000 {
        let text = format!(
            "INVITE sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKt{number};rport\r\n\
             From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>;tag=t{number}\r\nCall-ID: flood\r\nCSeq: 1 INVITE\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let sent = arrives(&mut pair, 1, HOME, &text);
        assert!(sent.len() == 1 && sent[0].starts_with("SIP/2.0 481 "), "{sent:?}");
    }
    assert_eq!(pair.sides[1].endpoint.alive(), (0, 0));
}

#[test]
fn row_24_a_challenge_is_answered_to_whom_the_call_went_alone() {
    use crate::sip::auth::{Credentials, Secret};
    for (from, answered) in [(HOME, true), ([192, 0, 2, 66], false)] {
        let mut pair = Pair::new(4, 0);
        let id = pair.invite();
        let invite = caught(&pair, "INVITE ");
        let secret = Secret::plain("secret");
        let own = Credentials { username: "branch".into(), secret, realm: None };
        if let Some(Session { phase: Phase::Calling(calling), .. }) =
            pair.sides[0].endpoint.sessions.get_mut(&id).map(Box::as_mut)
        {
            calling.credentials = Some(own);
        }
        let text = format!(
            "SIP/2.0 407 Proxy Authentication Required\r\n{}\r\n{}\r\n{};tag=f\r\n{}\r\n{}\r\n\
             Proxy-Authenticate: Digest realm=\"theirs\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n\
             Content-Length: 0\r\n\r\n",
            line(&invite, "Via:"),
            line(&invite, "From:"),
            line(&invite, "To:"),
            line(&invite, "Call-ID:"),
            line(&invite, "CSeq:")
        );
        let sent = arrives(&mut pair, 0, from, &text);
        let proof = sent.iter().any(|text| text.contains("Proxy-Authorization:"));
        assert_eq!(proof, answered, "{sent:?}");
    }
    // A BYE is challenged by nobody who means well: it is not sent again.
    let mut pair = Pair::new(5, 0);
    let (caller, _) = up(&mut pair);
    pair.sides[0].endpoint.hang_up(pair.now, caller, None);
    pair.collect();
    let bye = caught(&pair, "BYE ");
    let text = format!(
        "SIP/2.0 401 Unauthorized\r\n{}\r\n{}\r\n{}\r\n{}\r\n{}\r\n\
         WWW-Authenticate: Digest realm=\"theirs\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n\
         Content-Length: 0\r\n\r\n",
        line(&bye, "Via:"),
        line(&bye, "From:"),
        line(&bye, "To:"),
        line(&bye, "Call-ID:"),
        line(&bye, "CSeq:")
    );
    assert!(arrives(&mut pair, 0, HOME, &text).is_empty());
}
