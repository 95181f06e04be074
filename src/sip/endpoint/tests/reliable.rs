//! Reliable provisional answers (RFC 3262), UPDATE before the answer (RFC 3311), and INVITEs that come twice.

use super::*;

/// A call that the first side makes; the second has been told of it.
fn calling(pair: &mut Pair) -> (SessionId, SessionId) {
    let caller = pair.invite();
    let callee = pair
        .until(1, |e| match e {
            Event::Invited { session, .. } => Some(*session),
            _ => None,
        })
        .unwrap();
    (caller, callee)
}

fn ring(pair: &mut Pair, callee: SessionId, status: Status, port: Option<u16>) {
    let now = pair.now;
    let described = port.map(sdp);
    pair.sides[1].endpoint.ring(now, callee, status, described.as_ref());
    pair.collect();
}

fn progress(event: &Event) -> Option<(u16, bool)> {
    match event {
        Event::Progress { status, sdp, .. } if *status != Status::TRYING => {
            Some((status.code(), sdp.is_some()))
        }
        _ => None,
    }
}

/// Messages on their way that begin so.
fn under_way(pair: &Pair, beginning: &str) -> Vec<String> {
    let texts = pair.wire.values().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    texts.filter(|text| text.starts_with(beginning)).collect()
}

/// A request of the caller's within the dialog that `answer` has made, to the second side. Answers what comes back.
fn within(pair: &mut Pair, answer: &str, method: &str, cseq: u32, rest: &str) -> String {
    let take = |name: &str| answer.lines().find(|line| line.starts_with(name)).unwrap();
    let text = format!(
        "{method} sip:x@127.0.0.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{method}{cseq};rport\r\n\
         {}\r\n{}\r\n{}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{rest}",
        take("From:"),
        take("To:"),
        take("Call-ID:")
    );
    let (local, peer) = (pair.sides[1].address, pair.sides[0].address);
    let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
    pair.wire.clear();
    pair.sides[1].endpoint.handle_received(pair.now, flow, text.as_bytes());
    pair.collect();
    let replies = under_way(pair, "SIP/2.0 ");
    let own = replies.iter().find(|reply| reply.contains(&format!("CSeq: {cseq} {method}")));
    own.cloned().unwrap_or_default()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn number(answer: &str, name: &str) -> u64 {
    let line = answer.lines().find(|line| line.starts_with(name)).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

fn body(port: u16) -> String {
    let text = sdp(port).to_string();
    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

const EMPTY: &str = "Content-Length: 0\r\n\r\n";

#[test]
fn early_sound_is_acknowledged_and_each_answer_waits_for_the_one_before() {
    for (policy, ringing) in [(Policy::Offer, false), (Policy::Require, true)] {
        let mut pair = Pair::new(1, 0);
        pair.reliable = policy;
        let (caller, callee) = calling(&mut pair);
        ring(&mut pair, callee, Status::RINGING, None);
        ring(&mut pair, callee, Status::PROGRESS, Some(4010));
        let sent = under_way(&pair, "SIP/2.0 18");
        assert_eq!(sent.len(), if ringing { 1 } else { 2 }, "{sent:?}");
        assert_eq!(sent[0].contains("Require: 100rel"), ringing, "{}", sent[0]);
        let now = pair.now;
        pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
        pair.collect();
        assert_eq!(pair.until(0, progress), Some((180, false)));
        if !ringing {
            assert_eq!(pair.until(0, progress), Some((183, true)));
        }
        let bare = pair.until(0, |e| match e {
            Event::Answered { sdp, .. } => Some(sdp.is_none()),
            _ => None,
        });
        // What was said reliably is not said again in the 200.
        assert_eq!(bare, Some(!ringing));
        pair.sides[0].endpoint.hang_up(pair.now, caller, None);
        pair.collect();
        assert!(matches!(pair.until(1, ended), Some(Ended::ByeReceived { .. })));
        pair.rest();
    }
}

#[test]
fn the_200_waits_for_the_prack_of_a_description() {
    let mut pair = Pair::new(2, 0);
    pair.reliable = Policy::Offer;
    let (caller, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    assert!(under_way(&pair, "SIP/2.0 200").is_empty(), "the caller has not acknowledged it yet");
    assert_eq!(pair.until(0, progress), Some((183, true)));
    pair.until(0, |e| matches!(e, Event::Answered { .. }).then_some(())).unwrap();
    pair.sides[0].endpoint.hang_up(pair.now, caller, None);
    pair.collect();
    pair.until(1, ended).unwrap();
    pair.rest();
}

#[test]
fn a_reliable_answer_is_repeated_at_twice_the_time_each_and_given_up_with_504() {
    let mut pair = Pair::new(3, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    // The 100, so that the INVITE is not repeated.
    pair.until(0, |e| matches!(e, Event::Progress { .. }).then_some(())).unwrap();
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    pair.wire.clear();
    let before = pair.sent;
    pair.loss = 1_000;
    let began = pair.now.instant;
    assert_eq!(pair.until(1, ended), Some(Ended::Declined(Status::SERVER_TIME_OUT)));
    assert_eq!(pair.now.instant - began, Duration::from_secs(32));
    // After 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s; then the 504.
    assert_eq!(pair.sent - before, 7);
}

#[test]
fn a_prack_is_matched_by_its_rack_and_another_gets_481() {
    let mut pair = Pair::new(4, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let answer = under_way(&pair, "SIP/2.0 183").remove(0);
    let (rseq, invite) = (number(&answer, "RSeq:"), number(&answer, "CSeq:") as u32);
    let prack = |pair: &mut Pair, cseq: u32, rack: String| {
        let reply = within(pair, &answer, "PRACK", cseq, &format!("RAck: {rack}\r\n{EMPTY}"));
        status(&reply).to_owned()
    };
    assert_eq!(prack(&mut pair, invite + 1, format!("{} {invite} INVITE", rseq + 1)), "481");
    assert_eq!(prack(&mut pair, invite + 2, format!("{rseq} {} INVITE", invite + 1)), "481");
    assert_eq!(prack(&mut pair, invite + 3, format!("{rseq} {invite} BYE")), "481");
    assert_eq!(prack(&mut pair, invite + 4, "nonsense".to_owned()), "400");
    assert_eq!(prack(&mut pair, invite + 5, format!("{rseq} {invite} INVITE")), "200");
    assert_eq!(prack(&mut pair, invite + 6, format!("{rseq} {invite} INVITE")), "481", "again");
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    assert_eq!(under_way(&pair, "SIP/2.0 200").len(), 1, "the first PRACK that fits was enough");
}

#[test]
fn who_made_no_offer_gets_ours_reliably_and_answers_it_in_the_prack() {
    let mut pair = Pair::new(5, 0);
    pair.offers = false;
    let (_, callee) = calling(&mut pair);
    // As if the caller required it: our own side never does without an offer.
    if let Some(Session { phase: Phase::Incoming { request, .. }, .. }) =
        pair.sides[1].endpoint.sessions.get_mut(&callee).map(Box::as_mut)
    {
        request.headers.push("Require", "100rel").unwrap();
    }
    assert!(pair.sides[1].endpoint.wants_description(callee));
    ring(&mut pair, callee, Status::RINGING, Some(4010));
    assert!(!pair.sides[1].endpoint.wants_description(callee));
    let answer = under_way(&pair, "SIP/2.0 180").remove(0);
    assert!(answer.contains("m=audio 4010"), "{answer}");
    let (rseq, invite) = (number(&answer, "RSeq:"), number(&answer, "CSeq:") as u32);
    // Ours is open: an offer of the caller's crosses it.
    let crossing = within(&mut pair, &answer, "UPDATE", invite + 1, &body(4020));
    assert_eq!(status(&crossing), "491");
    let rest = format!("RAck: {rseq} {invite} INVITE\r\n{}", body(4020));
    let reply = within(&mut pair, &answer, "PRACK", invite + 2, &rest);
    assert_eq!(status(&reply), "200");
    let described = |e: &Event| matches!(e, Event::ReofferAnswered { sdp: Some(_), .. });
    assert!(pair.sides[1].events.iter().any(described));
}

#[test]
fn an_update_before_the_answer_waits_for_the_first_answer_and_then_is_taken() {
    let mut pair = Pair::new(6, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::RINGING, None);
    let answer = under_way(&pair, "SIP/2.0 180").remove(0);
    let invite = number(&answer, "CSeq:") as u32;
    let early = within(&mut pair, &answer, "UPDATE", invite + 1, &body(4020));
    assert_eq!(status(&early), "500", "the offer of the INVITE has no answer yet");
    assert!(early.contains("Retry-After: "), "{early}");
    let bare = within(&mut pair, &answer, "UPDATE", invite + 2, EMPTY);
    assert_eq!(status(&bare), "200", "one without an offer is taken at any time");
    assert!(bare.contains("Contact: "), "{bare}");
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let described = under_way(&pair, "SIP/2.0 183").remove(0);
    let rack = format!("RAck: {} {invite} INVITE\r\n{EMPTY}", number(&described, "RSeq:"));
    assert_eq!(status(&within(&mut pair, &described, "PRACK", invite + 3, &rack)), "200");
    let waiting = within(&mut pair, &described, "UPDATE", invite + 4, &body(4020));
    assert_eq!(waiting, "", "it is decided above");
    let reoffered = |e: &Event| matches!(e, Event::Reoffered { sdp: Some(_), .. });
    assert!(pair.sides[1].events.iter().any(reoffered));
    let second = within(&mut pair, &described, "UPDATE", invite + 5, &body(4022));
    assert_eq!(status(&second), "500", "the one before has no answer yet");
    let now = pair.now;
    pair.sides[1].endpoint.answer_reoffer(now, callee, &sdp(4012));
    pair.collect();
    let taken = under_way(&pair, "SIP/2.0 200").remove(0);
    assert!(taken.contains("m=audio 4012") && taken.contains("UPDATE"), "{taken}");
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut pair = Pair::new(7, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    let answer = under_way(&pair, "SIP/2.0 183").remove(0);
    let (rseq, invite) = (number(&answer, "RSeq:"), number(&answer, "CSeq:") as u32);
    let rest = format!("RAck: {rseq} {invite} INVITE\r\n{}", body(4020));
    assert_eq!(within(&mut pair, &answer, "PRACK", invite + 1, &rest), "");
    assert!(under_way(&pair, "SIP/2.0 200").is_empty());
    let now = pair.now;
    pair.sides[1].endpoint.answer_reoffer(now, callee, &sdp(4012));
    pair.collect();
    let sent = under_way(&pair, "SIP/2.0 200");
    assert!(sent[0].contains("PRACK") && sent[0].contains("m=audio 4012"), "{}", sent[0]);
    assert!(sent[1].contains("INVITE") && !sent[1].contains("m=audio"), "{}", sent[1]);
}

/// A provisional answer of the second side's as the first gets it, with another tag, number or status.
fn provisional(pair: &mut Pair, answer: &str, tag: &str, rseq: u64) -> usize {
    let own = answer.lines().find(|line| line.starts_with("To:")).unwrap();
    let own = own.split("tag=").nth(1).unwrap().trim();
    let line = format!("RSeq: {}", number(answer, "RSeq:"));
    let text = answer.replace(own, tag).replace(&line, &format!("RSeq: {rseq}"));
    let (local, peer) = (pair.sides[0].address, pair.sides[1].address);
    let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
    pair.wire.clear();
    pair.sides[0].endpoint.handle_received(pair.now, flow, text.as_bytes());
    pair.collect();
    under_way(pair, "PRACK ").len()
}

#[test]
fn reliable_answers_are_taken_in_order_within_each_dialog() {
    let mut pair = Pair::new(8, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let answer = under_way(&pair, "SIP/2.0 183").remove(0);
    let told = |pair: &mut Pair| {
        let told = pair.sides[0].events.iter().filter_map(progress).count();
        pair.sides[0].events.clear();
        told
    };
    told(&mut pair);
    assert_eq!(provisional(&mut pair, &answer, "one", 7), 1);
    assert_eq!(provisional(&mut pair, &answer, "one", 7), 0, "again");
    assert_eq!(provisional(&mut pair, &answer, "one", 9), 0, "one is missing");
    assert_eq!(told(&mut pair), 1);
    assert_eq!(provisional(&mut pair, &answer, "one", 8), 1);
    assert_eq!(provisional(&mut pair, &answer, "two", 5), 1, "another fork counts for itself");
    assert_eq!(provisional(&mut pair, &answer, "one", 9), 1);
    assert_eq!(told(&mut pair), 3);
}

#[test]
fn ten_thousand_forks_that_ring_cost_a_dozen_dialogs() {
    let mut pair = Pair::new(9, 0);
    pair.reliable = Policy::Offer;
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::PROGRESS, Some(4010));
    let answer = under_way(&pair, "SIP/2.0 183").remove(0);
    let pracks: usize =
        (0..10_000).map(|fork| provisional(&mut pair, &answer, &format!("fork{fork}"), 1)).sum();
    assert_eq!(pracks, usize::from(MAX_FORKS));
    assert_eq!(pair.sides[0].endpoint.by_dialog.len(), usize::from(MAX_FORKS));
}

#[test]
fn the_same_invite_over_another_way_is_a_loop_and_a_new_one_is_not() {
    let mut pair = Pair::new(10, 0);
    pair.invite();
    let invite = under_way(&pair, "INVITE ").remove(0);
    pair.until(1, invited).unwrap();
    let branch = invite.lines().find(|line| line.starts_with("Via:")).unwrap();
    let branch = branch.split("branch=").nth(1).unwrap().split(';').next().unwrap();
    let arrives = |pair: &mut Pair, text: &str| {
        let (local, peer) = (pair.sides[1].address, pair.sides[0].address);
        let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
        pair.wire.clear();
        pair.sides[1].endpoint.handle_received(pair.now, flow, text.as_bytes());
        pair.collect();
        under_way(pair, "SIP/2.0 482").len()
    };
    let merged = invite.replace(branch, "z9hG4bKanother");
    assert_eq!(arrives(&mut pair, &merged), 1);
    let other = merged.replace("CSeq: ", "CSeq: 9").replace("z9hG4bKanother", "z9hG4bKthird");
    assert_eq!(arrives(&mut pair, &other), 0, "another number is another request");
    assert_eq!(pair.sides[1].endpoint.alive().0, 2);
}

#[test]
fn a_caller_who_hangs_up_before_the_answer_has_taken_the_call_back() {
    let mut pair = Pair::new(11, 0);
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::RINGING, None);
    let answer = under_way(&pair, "SIP/2.0 180").remove(0);
    let cseq = number(&answer, "CSeq:") as u32 + 1;
    assert_eq!(status(&within(&mut pair, &answer, "BYE", cseq, EMPTY)), "200");
    assert_eq!(under_way(&pair, "SIP/2.0 487").len(), 1);
    assert_eq!(pair.until(1, ended), Some(Ended::Cancelled));
}

#[test]
fn a_body_that_is_no_description_is_refused_wherever_one_is_expected() {
    let mut pair = Pair::new(12, 0);
    let (_, callee) = calling(&mut pair);
    ring(&mut pair, callee, Status::RINGING, None);
    let answer = under_way(&pair, "SIP/2.0 180").remove(0);
    let mut cseq = number(&answer, "CSeq:") as u32;
    let mut update = |pair: &mut Pair, headers: &str| {
        cseq += 1;
        let rest = format!("{headers}Content-Length: 4\r\n\r\nabcd");
        let reply = within(pair, &answer, "UPDATE", cseq, &rest);
        status(&reply).to_owned()
    };
    assert_eq!(update(&mut pair, "Content-Type: text/plain\r\n"), "415");
    assert_eq!(update(&mut pair, "Content-Type: application/sdp\r\n"), "400");
    let zipped = "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n";
    assert_eq!(update(&mut pair, zipped), "415");
    let optional = "Content-Type: text/plain\r\nContent-Disposition: icon;handling=optional\r\n";
    assert_eq!(update(&mut pair, optional), "200");
}
