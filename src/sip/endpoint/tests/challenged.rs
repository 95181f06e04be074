//! Carriers that ask for the password within a call, or with a weaker hash than before; and INFO that nobody understands.

use super::rows::{HOME, arrives, caught, line};
use super::*;
use crate::sip::auth::Secret;
use crate::sip::message::Method;

const MD5: &str = "Digest realm=\"theirs\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
const SHA_256: &str = "Digest realm=\"theirs\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";

fn pair(seed: u64) -> Pair {
    let mut pair = Pair::new(seed, 0);
    let secret = Secret::plain("secret");
    pair.credentials = Some(Credentials { username: "branch".into(), secret, realm: None });
    pair
}

/// The peer asks for the password of a request that is on its way, which it never carried out. Answers what we send.
fn challenge(pair: &mut Pair, request: &str, how: &[&str]) -> Vec<String> {
    let asks: String = how.iter().map(|how| format!("Proxy-Authenticate: {how}\r\n")).collect();
    let to = line(request, "To:");
    let tag = if to.contains(";tag=") { "" } else { ";tag=asks" };
    let text = format!(
        "SIP/2.0 407 Proxy Authentication Required\r\n{}\r\n{}\r\n{to}{tag}\r\n{}\r\n{}\r\n{asks}Content-Length: 0\r\n\r\n",
        line(request, "Via:"),
        line(request, "From:"),
        line(request, "Call-ID:"),
        line(request, "CSeq:"),
    );
    arrives(pair, 0, HOME, &text)
}

fn number(message: &str) -> u32 {
    line(message, "CSeq:").split(' ').nth(1).unwrap().parse().unwrap()
}

/// The request is sent again with the proof and the next number, once, and nothing else.
fn is_answered_once(pair: &mut Pair, method: &str) -> String {
    let first = caught(pair, &format!("{method} "));
    let sent = challenge(pair, &first, &[MD5]);
    let again: Vec<_> = sent.iter().filter(|text| text.starts_with(method)).cloned().collect();
    assert_eq!(again.len(), 1, "{method}: {sent:?}");
    assert!(again[0].contains("Proxy-Authorization: Digest username=\"branch\""), "{}", again[0]);
    assert_eq!(number(&again[0]), number(&first) + 1, "{method}");
    assert_ne!(line(&again[0], "Via:"), line(&first, "Via:"), "a transaction of its own");
    again[0].clone()
}

#[test]
fn a_prack_that_is_challenged_is_sent_again_and_the_dialog_counts_on() {
    let mut pair = pair(1);
    pair.reliable = Policy::Offer;
    pair.invite();
    let callee = pair.until(1, invited).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.ring(now, callee, Status::PROGRESS, Some(&sdp(4010)));
    pair.collect();
    let early = |e: &Event| matches!(e, Event::Progress { sdp: Some(_), .. }).then_some(());
    pair.until(0, early).unwrap();
    let first = caught(&pair, "PRACK ");
    let again = is_answered_once(&mut pair, "PRACK");
    assert_eq!(line(&again, "RAck:"), line(&first, "RAck:"));
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    let up = |e: &Event| matches!(e, Event::Answered { .. }).then_some(());
    pair.until(0, up).expect("the 200 comes once the PRACK is there");
    let session = *pair.sides[0].endpoint.sessions.keys().next().unwrap();
    pair.sides[0].endpoint.hang_up(pair.now, session, None);
    pair.collect();
    assert!(number(&caught(&pair, "BYE ")) > number(&again), "no number is used twice");
    assert!(matches!(pair.until(1, ended), Some(Ended::ByeReceived { .. })));
    pair.rest();
}

#[test]
fn update_re_invite_info_and_bye_that_are_challenged_are_sent_again() {
    let mut pair = pair(2);
    pair.sides[0].endpoint.settings.session_expires = Some(90);
    pair.sides[1].endpoint.settings.session_expires = Some(90);
    let (caller, _) = up(&mut pair);
    // The peer's timer is ours to keep.
    let limit = pair.now.instant + Duration::from_secs(60);
    let update = |pair: &Pair| {
        pair.wire.values().any(|(to, bytes)| *to == 1 && bytes.starts_with(b"UPDATE "))
    };
    let refresher = |pair: &Pair| {
        let session = pair.sides[0].endpoint.sessions.get(&caller).unwrap();
        session.timer.is_some_and(|(_, agreed)| agreed.ours)
    };
    if refresher(&pair) {
        while !update(&pair) {
            assert!(pair.step(limit), "an UPDATE after half of the time");
        }
    } else {
        let session = pair.sides[0].endpoint.sessions.get_mut(&caller).unwrap();
        session.updates = true;
        let agreed = session_timer::Agreed { seconds: 90, ours: true };
        let timer = pair.sides[0].endpoint.timers.set(pair.now.instant, Due::Session(caller));
        let session = pair.sides[0].endpoint.sessions.get_mut(&caller).unwrap();
        if let Some((before, _)) = session.timer.replace((timer, agreed)) {
            pair.sides[0].endpoint.timers.cancel(before);
        }
        while !update(&pair) {
            assert!(pair.step(limit), "an UPDATE at once");
        }
    }
    is_answered_once(&mut pair, "UPDATE");
    let now = pair.now;
    pair.sides[0].endpoint.info(now, caller, "application/dtmf-relay", b"Signal=5\r\n");
    pair.collect();
    is_answered_once(&mut pair, "INFO");
    let pressed = pair.until(1, |e| match e {
        Event::Info { body, .. } => Some(body.clone()),
        _ => None,
    });
    assert_eq!(pressed.as_deref(), Some(&b"Signal=5\r\n"[..]));
    let now = pair.now;
    pair.sides[0].endpoint.reoffer(now, caller, &sdp(4004));
    pair.collect();
    is_answered_once(&mut pair, "INVITE");
    let offered = pair.until(1, |e| match e {
        Event::Reoffered { session, .. } => Some(*session),
        _ => None,
    });
    let now = pair.now;
    pair.sides[1].endpoint.answer_reoffer(now, offered.unwrap(), &sdp(4012));
    pair.collect();
    pair.until(0, |e| matches!(e, Event::ReofferAnswered { .. }).then_some(())).unwrap();
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    is_answered_once(&mut pair, "BYE");
    pair.rest();
}

#[test]
fn a_second_challenge_to_the_same_request_is_not_answered() {
    let mut pair = pair(3);
    let (caller, _) = up(&mut pair);
    let now = pair.now;
    pair.sides[0].endpoint.reoffer(now, caller, &sdp(4004));
    pair.collect();
    let again = is_answered_once(&mut pair, "INVITE");
    let sent = challenge(&mut pair, &again, &[MD5]);
    assert!(sent.iter().all(|text| text.starts_with("ACK ")), "{sent:?}");
    assert_eq!(pair.sides[0].endpoint.alive().0, 1, "the call goes on as it was");
}

/// RFC 8760 section 2.4: whoever takes SHA-256 out of a challenge, to guess at an MD5 digest, gets none.
#[test]
fn a_challenge_that_has_lost_its_strong_hash_is_not_answered() {
    let mut pair = pair(4);
    pair.invite();
    let first = caught(&pair, "INVITE ");
    let sent = challenge(&mut pair, &first, &[MD5, SHA_256]);
    let proof = sent.iter().find(|text| text.starts_with("INVITE ")).expect("an answer");
    assert!(proof.contains("algorithm=SHA-256") && !proof.contains("MD5"), "{proof}");
    pair.until(1, invited).unwrap();
    let before = pair.sides[0].endpoint.sessions.len();
    pair.invite();
    let second = caught(&pair, "INVITE ");
    let sent = challenge(&mut pair, &second, &[MD5]);
    assert!(!sent.iter().any(|text| text.contains("Authorization")), "{sent:?}");
    assert_eq!(pair.sides[0].endpoint.sessions.len(), before, "the call has failed instead");
    let refused = ("digest challenges refused: weaker hash", 1);
    assert!(pair.sides[0].endpoint.counters().any(|counter| counter == refused));
}

/// RFC 3261 section 21.4.13, RFC 6086 section 4.2.2.
#[test]
fn an_info_that_nobody_understands_is_refused_and_the_call_goes_on() {
    let mut pair = Pair::new(5, 0);
    let (caller, _) = up(&mut pair);
    let video = "application/media_control+xml";
    for (kind, body, status) in [
        (video, "<media_control/>", "415"),
        ("text/plain", "5", "415"),
        ("application/dtmf-relay", "Signal=5\r\n", "200"),
        ("Application/DTMF", "5", "200"),
        (video, "", "200"),
    ] {
        let now = pair.now;
        pair.sides[0].endpoint.info(now, caller, kind, body.as_bytes());
        pair.collect();
        let limit = pair.now.instant + Duration::from_secs(1);
        let answer = |pair: &Pair| {
            let mut sent = pair.wire.values().map(|(_, b)| String::from_utf8_lossy(b).into_owned());
            sent.find(|text| text.starts_with("SIP/2.0 ") && text.contains(" INFO\r\n"))
        };
        while answer(&pair).is_none() {
            assert!(pair.step(limit), "an answer");
        }
        let answer = answer(&pair).unwrap();
        assert_eq!(&answer[8..11], status, "{kind}: {body}");
        let accepted = "Accept: application/dtmf-relay, application/dtmf\r\n";
        assert_eq!(answer.contains(accepted), status == "415", "{answer}");
        while pair.step(limit) {}
    }
    assert_eq!(pair.sides[1].endpoint.alive().0, 1);
    let now = pair.now;
    let package = ("Info-Package", "nobody-knows");
    pair.sides[0].endpoint.within_session(now, caller, Method::INFO, package);
    pair.collect();
    let limit = pair.now.instant + Duration::from_millis(30);
    pair.step(limit);
    let answer = caught(&pair, "SIP/2.0 469");
    assert!(answer.contains("Recv-Info:"), "{answer}");
}
