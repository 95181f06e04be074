//! What strangers find out, and what their noise does to everybody else.

use super::*;

#[test]
fn a_scanner_goes_unread_and_phones_and_the_carrier_notice_nothing() {
    let mut world = World::of(1, CONFIG, 0);
    let scanner = SocketAddr::from(([203, 0, 113, 66], 5060));
    let flow =
        Flow { transport: Transport::Udp, local: OURS, peer: scanner, connection: ConnectionId(0) };
    let mut answered = Vec::new();
    for number in 0..500_u32 {
        let user = 100 + number;
        let request = format!(
            "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK{number}\r\n\
             From: <sip:{user}@192.0.2.1>;tag=a\r\nTo: <sip:{user}@192.0.2.1>\r\nCall-ID: {number}\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        world.gateway.handle_sip(world.now, flow, request.as_bytes());
        while let Some(output) = world.gateway.poll_output() {
            match output {
                Output::Sip { bytes, .. } => answered.push((user, bytes)),
                other => world.carry_out_one(other),
            }
        }
        world.now = world.now.after(Duration::from_millis(20));
    }
    let asked: BTreeSet<_> = answered.iter().map(|(user, _)| *user).collect();
    assert!(asked.len() < 30, "{} names were answered before it was found out", asked.len());
    let statuses: BTreeSet<_> = answered.iter().map(|(_, bytes)| bytes[..11].to_vec()).collect();
    assert_eq!(statuses, [b"SIP/2.0 401".to_vec()].into(), "every name gets the same answer");
    let bans = world.gateway.ban_lines(world.now);
    assert_eq!((bans.len(), bans[0].kind.as_str()), (1, "suspected"), "{bans:?}");

    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(3));
    assert!(world.parties[2].called.contains(&"202".to_owned()), "phones call as ever");
}

/// Bad-input table row 23. Both are asked for in turn, so that what slows the machine slows both.
#[test]
fn known_and_unknown_users_are_answered_in_the_same_time() {
    let mut world = World::of(1, CONFIG, 0);
    let mut ask = |user: &str, number: u32, authorization: &str| {
        // Few tries from each host: who guesses on for one user gets no answer.
        let host = 1 + number / 8;
        let request = format!(
            "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.{host}:5060;branch=z9hG4bK{user}{number}\r\n\
             From: <sip:{user}@192.0.2.1>;tag=a\r\nTo: <sip:{user}@192.0.2.1>\r\nCall-ID: {user}{number}\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        let peer = SocketAddr::from(([10, 0, 0, host as u8], 5060));
        let connection = ConnectionId(0);
        let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection };
        let began = Instant::now();
        world.gateway.handle_sip(world.now, flow, request.as_bytes());
        let took = began.elapsed();
        let answer = std::iter::from_fn(|| world.gateway.poll_output()).find_map(|output| {
            if let Output::Sip { bytes, .. } = output { Some(bytes) } else { None }
        });
        world.now = world.now.after(Duration::from_millis(1));
        (took, String::from_utf8(answer.expect("an answer")).expect("text"))
    };
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..2_000 {
        for (user, times) in ["201", "299"].into_iter().zip(&mut times) {
            let (took, challenge) = ask(user, number, "");
            let (_, nonce) = challenge.split_once("nonce=\"").expect("a nonce");
            let (nonce, _) = nonce.split_once('"').expect("a nonce");
            let guess = format!(
                "Authorization: Digest username=\"{user}\", realm=\"branchline\", nonce=\"{nonce}\", \
                 uri=\"sip:192.0.2.1\", response=\"{number:064x}\", algorithm=SHA-256, qop=auth, nc=00000001, \
                 cnonce=\"c\"\r\n"
            );
            let (guessed, refused) = ask(user, number, &guess);
            assert!(refused.starts_with("SIP/2.0 401"), "{refused}");
            times.push(took + guessed);
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let apart = known.abs_diff(unknown);
    assert!(apart < Duration::from_millis(1), "{known:?} known, {unknown:?} unknown");
}

#[test]
fn calls_forged_in_a_carriers_name_leave_room_for_phones() {
    let limits = CONFIG.replacen(
        "[flow.main]",
        "[limits]\ncalls = 40\nnew_calls_per_second = 40\n[flow.main]",
        1,
    );
    let mut world = World::of(1, &limits, 0);
    let peer = world.parties[0].address;
    let connection = ConnectionId(0);
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection };
    for number in 0..200 {
        let request = format!(
            "INVITE sip:+15550100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {peer};branch=z9hG4bKf{number}\r\n\
             From: <sip:{number}@192.0.2.100>;tag=f\r\nTo: <sip:+15550100@192.0.2.1>\r\nCall-ID: f{number}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:f@{peer}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        world.gateway.handle_sip(world.now, flow, request.as_bytes());
        world.carry_out();
        if number % 100 == 99 {
            assert!(world.gateway.rate.admit(world.now), "a phone may call in that very second");
            world.pass(Duration::from_secs(1));
        }
    }
    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.parties[2].ringing.len(), 1, "and not all calls are taken up");
}
