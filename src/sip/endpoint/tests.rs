//! Two endpoints and a link that may lose, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;
use crate::sip::flow::ConnectionId;
use crate::sip::sdp::{Codec, Direction, Origin, audio_offer};
use crate::time::UnixTime;

/// One way takes this long.
const LATENCY: Duration = Duration::from_millis(20);

struct Side {
    endpoint: Endpoint,
    address: SocketAddr,
    events: Vec<Event>,
}

struct Pair {
    /// What the INVITEs of the first side say of reliable answers.
    reliable: Policy,
    /// Whether they hold an offer.
    offers: bool,
    /// What else they say.
    headers: Headers,
    /// The account that they are made with.
    credentials: Option<Credentials>,
    now: Now,
    sides: [Side; 2],
    /// On their way: when they arrive, at which side, in which order they were sent.
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sent: u64,
    random: Random,
    /// Of a thousand messages, this many are lost.
    loss: u64,
    transport: Transport,
}

fn sdp(port: u16) -> SessionDescription {
    let address = "127.0.0.1".parse().unwrap();
    let codecs = [Codec::pcmu()];
    audio_offer(Origin::new(1, 1, address), address, port, &codecs, Some(101), Direction::SendRecv)
}

impl Pair {
    fn new(seed: u64, loss: u64) -> Pair {
        let mut random = Random::from_number(seed);
        let mut side = |port: u16| Side {
            endpoint: Endpoint::new(Settings::default(), random.fork()),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            events: Vec::new(),
        };
        let sides = [side(5060), side(5070)];
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        Pair {
            reliable: Policy::Never,
            offers: true,
            headers: Headers::default(),
            credentials: None,
            now,
            sides,
            wire: BTreeMap::new(),
            sent: 0,
            random,
            loss,
            transport: Transport::Udp,
        }
    }

    fn invite(&mut self) -> SessionId {
        let (local, peer) = (self.sides[0].address, self.sides[1].address);
        let uri = Uri::parse("sip:201@127.0.0.1:5070").unwrap();
        let invite = Invite {
            route: Route::Address { transport: self.transport, peer },
            local,
            to: NameAddr::new(uri.clone()),
            uri,
            from: NameAddr::parse("<sip:caller@127.0.0.1>").unwrap(),
            headers: self.headers.clone(),
            sdp: self.offers.then(|| sdp(4000)),
            beside: None,
            credentials: self.credentials.clone(),
            reliable: self.reliable,
        };
        let id = self.sides[0].endpoint.invite(self.now, invite);
        self.collect();
        id
    }

    /// Puts what both sides want to send on the wire, and keeps their events.
    fn collect(&mut self) {
        for index in 0..2 {
            while let Some(output) = self.sides[index].endpoint.poll_output() {
                match output {
                    Output::Send { bytes, .. } => {
                        self.sent += 1;
                        if self.random.below(1000) >= self.loss {
                            let at = self.now.instant + LATENCY;
                            self.wire.insert((at, self.sent), (1 - index, bytes));
                        }
                    }
                    Output::Event(event) => {
                        if let Event::Invited { session, .. } = event {
                            self.sides[index].endpoint.trying(self.now, session);
                        }
                        self.sides[index].events.push(event);
                    }
                }
            }
        }
    }

    /// Moves to the next thing that happens. Answers whether there is one within `limit`.
    fn step(&mut self, limit: Instant) -> bool {
        let arrival = self.wire.keys().next().map(|(at, _)| *at);
        let due = earliest(self.sides[0].endpoint.deadline(), self.sides[1].endpoint.deadline());
        let Some(next) = earliest(arrival, due).filter(|next| *next <= limit) else { return false };
        self.now = self.now.after(next.saturating_duration_since(self.now.instant));
        if arrival == Some(next) {
            let Some((_, (to, bytes))) = self.wire.pop_first() else { return false };
            let connection = ConnectionId(u64::from(self.transport.is_reliable()));
            let flow = Flow {
                transport: self.transport,
                local: self.sides[to].address,
                peer: self.sides[1 - to].address,
                connection,
            };
            self.sides[to].endpoint.handle_received(self.now, flow, &bytes);
        } else {
            for side in &mut self.sides {
                if side.endpoint.deadline().is_some_and(|deadline| deadline <= self.now.instant) {
                    side.endpoint.handle_timeout(self.now);
                }
            }
        }
        self.collect();
        true
    }

    /// Runs until an event of `side` pleases, or 40 s have passed.
    fn until<T>(&mut self, side: usize, mut pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        let limit = self.now.instant + Duration::from_secs(40);
        loop {
            while !self.sides[side].events.is_empty() {
                let event = self.sides[side].events.remove(0);
                if let Some(found) = pick(&event) {
                    return Some(found);
                }
            }
            if !self.step(limit) {
                return None;
            }
        }
    }

    fn rest(&mut self) {
        let limit = self.now.instant + Duration::from_secs(200);
        while self.step(limit) {}
        for side in &self.sides {
            assert_eq!(side.endpoint.alive(), (0, 0), "sessions and transactions left");
            assert!(side.endpoint.purposes.is_empty(), "purposes left");
            assert!(side.endpoint.by_dialog.is_empty() && side.endpoint.by_server.is_empty());
            assert!(
                side.endpoint.by_invite.is_empty() && side.endpoint.timers.deadline().is_none()
            );
        }
    }
}

fn invited(event: &Event) -> Option<SessionId> {
    match event {
        Event::Invited { session, offer: Some(_), .. } => Some(*session),
        _ => None,
    }
}

fn answered(event: &Event) -> Option<()> {
    matches!(event, Event::Answered { sdp: Some(_), .. }).then_some(())
}

fn ended(event: &Event) -> Option<Ended> {
    match event {
        Event::Ended { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

/// A call that is up. Answers the sessions of the caller and of the called.
fn up(pair: &mut Pair) -> (SessionId, SessionId) {
    let caller = pair.invite();
    let callee = pair.until(1, invited).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    pair.until(0, answered).unwrap();
    pair.until(1, |e| matches!(e, Event::Confirmed { .. }).then_some(())).unwrap();
    (caller, callee)
}

/// A whole call: set up, hung up by `who`. Answers whether both sides saw it through.
fn call(pair: &mut Pair, who: usize) -> bool {
    let caller = pair.invite();
    let Some(callee) = pair.until(1, invited) else { return false };
    let now = pair.now;
    pair.sides[1].endpoint.ring(now, callee, Status::RINGING, None);
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    if pair.until(0, answered).is_none() {
        return false;
    }
    let id = if who == 0 { caller } else { callee };
    let now = pair.now;
    pair.sides[who].endpoint.hang_up(now, id, None);
    pair.collect();
    let there = pair.until(1 - who, ended);
    matches!(there, Some(Ended::ByeReceived { .. }))
}

#[test]
fn a_call_is_set_up_and_torn_down_from_either_side() {
    for who in 0..2 {
        let mut pair = Pair::new(1, 0);
        assert!(call(&mut pair, who));
        pair.rest();
    }
}

#[test]
fn a_call_over_a_stream_needs_no_retransmission() {
    let mut pair = Pair::new(1, 0);
    pair.transport = Transport::Tcp;
    assert!(call(&mut pair, 0));
    pair.rest();
    assert_eq!(pair.sent, 7, "INVITE, 100, 180, 200, ACK, BYE, 200");
}

#[test]
fn calls_survive_a_lossy_link_and_leave_nothing_behind() {
    let mut through = 0;
    for seed in 0..1_000 {
        let mut pair = Pair::new(seed, 200);
        through += u32::from(call(&mut pair, usize::from(seed % 2 == 0)));
        pair.rest();
    }
    // One message in five is lost each way; with the RFC's retransmissions a call still fails less than once in a hundred.
    assert!(through >= 990, "{through} of 1000 calls were seen through");
}

#[test]
fn a_caller_who_gives_up_while_it_rings_cancels() {
    let mut pair = Pair::new(3, 0);
    let caller = pair.invite();
    let callee = pair.until(1, invited).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.ring(now, callee, Status::RINGING, None);
    pair.collect();
    pair.until(0, |e| matches!(e, Event::Progress { status: Status::RINGING, .. }).then_some(()))
        .unwrap();
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    assert_eq!(pair.until(1, ended), Some(Ended::Cancelled));
    assert_eq!(pair.until(0, ended), Some(Ended::HungUp));
    pair.rest();
}

/// RFC 3261 section 9.1: a proxy on the way knows the INVITE by what stands on both.
#[test]
fn a_cancel_takes_the_way_of_its_invite() {
    let mut pair = Pair::new(3, 0);
    pair.headers.push("Route", "<sip:127.0.0.1:5070;lr>").unwrap();
    let caller = pair.invite();
    pair.until(1, invited).unwrap();
    pair.until(0, |e| matches!(e, Event::Progress { .. }).then_some(()));
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    let sent = pair.wire.values().map(|(_, bytes)| String::from_utf8_lossy(bytes));
    let cancel = sent.into_iter().find(|text| text.starts_with("CANCEL ")).expect("a CANCEL");
    assert!(cancel.contains("\r\nRoute: <sip:127.0.0.1:5070;lr>\r\n"), "{cancel}");
}

#[test]
fn a_cancel_that_crosses_the_answer_becomes_a_bye() {
    let mut pair = Pair::new(4, 0);
    let caller = pair.invite();
    let callee = pair.until(1, invited).unwrap();
    pair.until(0, |_| None::<()>);
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    assert_eq!(pair.until(0, ended), Some(Ended::HungUp));
    assert!(matches!(pair.until(1, ended), Some(Ended::ByeReceived { .. })));
    pair.rest();
}

#[test]
fn nobody_there_ends_after_timer_b() {
    let mut pair = Pair::new(5, 1000);
    pair.invite();
    let began = pair.now.instant;
    assert_eq!(pair.until(0, ended), Some(Ended::TimedOut));
    assert_eq!(pair.now.instant - began, Duration::from_secs(32));
    // Timer A: 0.5, 1, 2, 4, 8, 16 s after the first.
    assert_eq!(pair.sent, 7);
    pair.rest();
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let mut pair = Pair::new(6, 0);
    let caller = pair.invite();
    let callee = pair.until(1, invited).unwrap();
    pair.loss = 1000;
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    assert_eq!(pair.until(1, ended), Some(Ended::NoAck));
    // The caller has heard nothing: it rings until whoever called loses patience.
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    assert_eq!(pair.until(0, ended), Some(Ended::HungUp));
    pair.rest();
}

#[test]
fn offers_that_cross_are_both_refused_and_the_call_goes_on() {
    let mut pair = Pair::new(7, 0);
    let (caller, callee) = up(&mut pair);
    let now = pair.now;
    pair.sides[0].endpoint.reoffer(now, caller, &sdp(4020));
    pair.sides[1].endpoint.reoffer(now, callee, &sdp(4030));
    pair.collect();
    // Whoever has not begun the call is the first to offer again, within two seconds (section 14.1).
    let due = |e: &Event| matches!(e, Event::OfferDue { .. }).then_some(());
    let crossed = pair.now.instant;
    pair.until(1, due).unwrap();
    assert!(pair.now.instant - crossed < Duration::from_millis(2_100));
    pair.until(0, due).unwrap();
    let waited = pair.now.instant - crossed;
    assert!((2_100..4_100).contains(&waited.as_millis()), "{waited:?}");
    let now = pair.now;
    pair.sides[0].endpoint.reoffer(now, caller, &sdp(4040));
    pair.collect();
    pair.until(1, |e| matches!(e, Event::Reoffered { sdp: Some(_), .. }).then_some(())).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.answer_reoffer(now, callee, &sdp(4050));
    pair.collect();
    pair.until(0, |e| matches!(e, Event::ReofferAnswered { sdp: Some(_), .. }).then_some(()))
        .unwrap();
    pair.sides[0].endpoint.hang_up(pair.now, caller, None);
    pair.collect();
    assert!(matches!(pair.until(1, ended), Some(Ended::ByeReceived { .. })));
    pair.rest();
}

#[test]
fn requests_for_dialogs_that_do_not_exist_are_refused_and_leave_no_session() {
    let mut pair = Pair::new(8, 0);
    for method in ["BYE", "INVITE", "INFO", "UPDATE"] {
        let text = format!(
            "{method} sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx{method};rport\r\n\
             From: <sip:b@x>;tag=1\r\nTo: <sip:a@x>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let (local, peer) = (pair.sides[1].address, pair.sides[0].address);
        let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
        let endpoint = &mut pair.sides[1].endpoint;
        endpoint.handle_received(pair.now, flow, text.as_bytes());
        let Some(Output::Send { bytes, .. }) = endpoint.poll_output() else { panic!("no answer") };
        assert!(
            bytes.starts_with(b"SIP/2.0 481 "),
            "{method}: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
    pair.rest();
}

/// Delivers the newest message on the wire as if it came from another host.
fn from_elsewhere(pair: &mut Pair) -> Vec<u8> {
    let (_, (to, bytes)) = pair.wire.pop_last().expect("a message is on its way");
    let peer = SocketAddr::from(([192, 0, 2, 66], 5060));
    let local = pair.sides[to].address;
    let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
    pair.sides[to].endpoint.handle_received(pair.now, flow, &bytes);
    bytes
}

#[test]
fn a_bye_from_another_host_is_told_and_not_obeyed() {
    let mut pair = Pair::new(1, 0);
    let (caller, callee) = up(&mut pair);
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    let bye = from_elsewhere(&mut pair);
    assert!(bye.starts_with(b"BYE "));
    let found = pair.sides[1].endpoint.poll_output();
    let Some(Output::Event(Event::Elsewhere { session, key, request, flow })) = found else {
        panic!("{found:?}")
    };
    assert_eq!(session, callee);
    assert_eq!(pair.sides[1].endpoint.alive().0, 1, "the call is up");
    // Somebody above knows better: it is the peer, which has moved.
    pair.sides[1].endpoint.admit(now, session, key, request, flow);
    pair.collect();
    assert!(matches!(pair.until(1, ended), Some(Ended::ByeReceived { .. })));
    pair.rest();
}

#[test]
fn a_cancel_from_another_host_ends_nothing() {
    let mut pair = Pair::new(2, 0);
    let caller = pair.invite();
    let callee = pair.until(1, invited).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.ring(now, callee, Status::RINGING, None);
    pair.collect();
    pair.until(0, |e| matches!(e, Event::Progress { .. }).then_some(())).unwrap();
    let now = pair.now;
    pair.sides[0].endpoint.hang_up(now, caller, None);
    pair.collect();
    assert!(from_elsewhere(&mut pair).starts_with(b"CANCEL "));
    let Some(Output::Send { bytes, .. }) = pair.sides[1].endpoint.poll_output() else {
        panic!("no answer")
    };
    assert!(bytes.starts_with(b"SIP/2.0 481 "));
    assert_eq!(pair.sides[1].endpoint.alive().0, 1, "it rings on");
}

#[test]
fn answers_of_a_thousand_forks_make_us_send_a_few_messages() {
    let mut pair = Pair::new(3, 0);
    pair.invite();
    let callee = pair.until(1, invited).unwrap();
    let now = pair.now;
    pair.sides[1].endpoint.answer(now, callee, &sdp(4010));
    pair.collect();
    let answer = pair.wire.values().find(|(_, bytes)| bytes.starts_with(b"SIP/2.0 200"));
    let answer = String::from_utf8(answer.expect("an answer").1.clone()).unwrap();
    pair.until(0, answered).unwrap();
    let tag = answer.lines().find(|line| line.starts_with("To:")).unwrap();
    let tag = tag.split("tag=").nth(1).unwrap().trim();
    let before = pair.sent;
    for fork in 0..1_000 {
        let other = answer.replace(tag, &format!("fork{fork}"));
        let flow = Flow {
            transport: Transport::Udp,
            local: pair.sides[0].address,
            peer: pair.sides[1].address,
            connection: ConnectionId(0),
        };
        pair.sides[0].endpoint.handle_received(pair.now, flow, other.as_bytes());
        pair.collect();
    }
    let sent = pair.sent - before;
    assert!((2..=2 * u64::from(MAX_FORKS)).contains(&sent), "{sent} messages");
}

/// Lets `span` pass; answers whether both sides think that the call is up.
fn both_up_after(pair: &mut Pair, span: Duration) -> [bool; 2] {
    let limit = pair.now.instant + span;
    while pair.step(limit) {}
    [0, 1].map(|side| pair.sides[side].endpoint.alive().0 == 1)
}

#[test]
fn a_long_call_is_refreshed_and_one_whose_peer_is_gone_ends() {
    for vanishes in [false, true] {
        let mut pair = Pair::new(7, 0);
        up(&mut pair);
        let before = pair.sent;
        assert_eq!(both_up_after(&mut pair, Duration::from_secs(3 * 3_600)), [true; 2]);
        let refreshes = (pair.sent - before) / 2;
        assert!((11..=12).contains(&refreshes), "an UPDATE each fifteen minutes: {refreshes}");
        if vanishes {
            pair.loss = 1_000;
            assert_eq!(both_up_after(&mut pair, Duration::from_secs(1_800)), [false; 2]);
        }
    }
}

#[test]
fn a_peer_that_takes_no_update_is_offered_anew() {
    let mut pair = Pair::new(8, 0);
    let (caller, _) = up(&mut pair);
    pair.sides[0].endpoint.sessions.get_mut(&caller).unwrap().updates = false;
    let limit = pair.now.instant + Duration::from_secs(901);
    while pair.step(limit) {}
    let due = |event: &Event| matches!(event, Event::OfferDue { session } if *session == caller);
    assert!(pair.sides[0].events.iter().any(due));
}

#[test]
fn a_peer_that_wants_a_longer_interval_gets_it() {
    let mut pair = Pair::new(9, 0);
    pair.sides[0].endpoint.settings.session_expires = Some(90);
    pair.invite();
    let (_, invite) = pair.wire.values().next().unwrap().clone();
    let refusal = String::from_utf8(invite).unwrap();
    let take = |name: &str| refusal.lines().find(|line| line.starts_with(name)).unwrap();
    let text = format!(
        "SIP/2.0 422 Session Interval Too Small\r\n{}\r\n{}\r\n{};tag=b\r\n{}\r\n{}\r\nMin-SE: 600\r\n\r\n",
        take("Via:"),
        take("From:"),
        take("To:"),
        take("Call-ID:"),
        take("CSeq:")
    );
    pair.wire.clear();
    let flow = Flow {
        transport: Transport::Udp,
        local: pair.sides[0].address,
        peer: pair.sides[1].address,
        connection: ConnectionId(0),
    };
    pair.sides[0].endpoint.handle_received(pair.now, flow, text.as_bytes());
    pair.collect();
    let again = pair.wire.values().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    let again: Vec<_> = again.filter(|text| text.starts_with("INVITE ")).collect();
    assert_eq!(again.len(), 1);
    assert!(again[0].contains("Session-Expires: 600") && again[0].contains("Min-SE: 600"));
    assert!(again[0].contains("CSeq: ") && !again[0].contains(take("CSeq:")), "a new number");
}

mod challenged;
mod descriptions;
mod found;
mod reliable;
mod rows;
