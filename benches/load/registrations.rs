//! Phones that register.

use std::time::{Duration, Instant};

use crate::server::Server;
use crate::sip::{authorization, header, with_body};
use crate::wire::{Pace, Peer};
use crate::{HOSTS, PASSWORD, PATIENCE, PHONE_PORT, PHONES, number};

fn register(peer: &Peer, phone: usize, turn: usize, cseq: usize, authorization: &str) {
    let user = number(phone);
    let message = format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKr{phone}x{turn}x{cseq}\r\n\
         From: <sip:{user}@127.0.0.1>;tag=r\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: r{phone}x{turn}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@127.0.0.8:{PHONE_PORT}>\r\n\
         Expires: 3600\r\n{authorization}",
        peer.at
    );
    peer.send(&with_body(message, ""));
}

/// Answers a challenge.
fn authorize(peer: &Peer, challenge: &str) {
    let call = header(challenge, "Call-ID");
    let (phone, turn) = call[1..].split_once('x').expect("a call of ours");
    let (phone, turn) = (phone.parse().expect("a number"), turn.parse().expect("a number"));
    let user = number(phone);
    let shown = authorization(challenge, "REGISTER", "sip:127.0.0.1", &user, PASSWORD);
    register(peer, phone, turn, 2, &shown);
}

/// Reads what is there; answers how many registrations were taken.
fn registered(peer: &Peer) -> usize {
    let mut buffer = [0; 65_536];
    let mut taken = 0;
    while let Some(message) = peer.receive(&mut buffer) {
        match message.get(8..11) {
            Some("401") => authorize(peer, message),
            Some("200") if header(message, "CSeq").ends_with("REGISTER") => taken += 1,
            _ if message.starts_with("OPTIONS") => peer.accept(message, ""),
            _ => {}
        }
    }
    taken
}

/// Every phone registers once, over and over until it is there.
pub fn register_all(peer: &Peer) {
    let limit = Instant::now() + 6 * PATIENCE;
    for phone in 0..PHONES {
        // The first also waits until the box has started.
        let mut turn = 0;
        loop {
            register(peer, phone, turn, 1, "");
            let again = Instant::now() + Duration::from_millis(100);
            let mut taken = 0;
            while taken == 0 && Instant::now() < again {
                taken = registered(peer);
            }
            if taken > 0 {
                break;
            }
            assert!(Instant::now() < limit, "phone {phone} cannot register");
            turn += 1;
        }
    }
}

/// One line: registrations with digest, challenge and answer together.
pub fn registrations(server: &Server, rate: usize) {
    let hosts: Vec<Peer> =
        (0..HOSTS).map(|host| Peer::new([127, 0, 1, host], server.sip)).collect();
    let all = || hosts.iter().map(registered).sum::<usize>();
    let cpu = server.cpu();
    let mut pace = Pace::new(rate);
    let mut taken = 0;
    let mut turn = 1_000 * rate;
    while !pace.is_over() {
        for due in pace.due() {
            turn += 1;
            register(&hosts[due % hosts.len()], due % PHONES, turn, 1, "");
        }
        taken += all();
    }
    let limit = Instant::now() + PATIENCE;
    while taken < pace.done && Instant::now() < limit {
        taken += all();
    }
    let each = (server.cpu() - cpu) / taken as f64;
    println!(
        "{:<10}  REGISTER, MD5 digest {rate:>5}/s {each:8.1} us CPU each, {} of {} taken",
        server.kind, taken, pace.done
    );
}
