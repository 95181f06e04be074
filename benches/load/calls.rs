//! Calls from a carrier to phones.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::sip::{header, sdp, sound_of, with_body};
use crate::wire::{Pace, Peer};
use crate::{PATIENCE, PHONES, TALK, number};

/// A call that the carrier makes to a phone.
#[derive(Default)]
pub struct Dialled {
    sent: Option<Instant>,
    /// Until the carrier has the answer.
    setup: Option<Duration>,
    to: String,
    contact: String,
    /// Where the box takes sound: from the carrier, from the phone.
    pub sound: [Option<SocketAddr>; 2],
    /// Where requests go first, if a hop wants to stay in between.
    route: String,
    pub ended: bool,
}

/// The carrier, the phones and their calls.
pub struct Exchange<'a> {
    carrier: &'a Peer,
    phones: &'a Peer,
    pub sound: [Peer; 2],
    /// In which run, so that no two calls have the same name.
    run: usize,
    /// What everybody dials, instead of a phone each.
    pub all_to: Option<String>,
    /// The payload type of telephone-events that is offered.
    pub events: Option<u8>,
    /// The line of a key that the carrier offers (RFC 4568), where its sound is encrypted.
    pub crypto: Option<String>,
    /// What the phones answer with in place of G.711.
    pub answer: Option<String>,
    pub calls: Vec<Dialled>,
    /// Calls of the box to a phone, by their Call-ID there.
    there: BTreeMap<String, usize>,
    /// How often which status was the answer.
    refused: BTreeMap<String, usize>,
}

impl<'a> Exchange<'a> {
    pub fn new(carrier: &'a Peer, phones: &'a Peer, run: usize) -> Self {
        let sound =
            [Peer::new([127, 0, 0, 9], carrier.sip), Peer::new([127, 0, 0, 8], carrier.sip)];
        Exchange {
            carrier,
            phones,
            sound,
            run,
            all_to: None,
            events: None,
            crypto: None,
            answer: None,
            calls: Vec::new(),
            there: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// What is dialled after +1555.
    fn user(&self, call: usize) -> String {
        self.all_to.clone().unwrap_or_else(|| number(call % PHONES))
    }

    fn request(&self, call: usize, method: &str, cseq: u32, body: &str) {
        let dialled = &self.calls[call];
        let (user, at, run, route) = (self.user(call), self.carrier.at, self.run, &dialled.route);
        let uri = if dialled.contact.is_empty() {
            format!("sip:+1555{user}@127.0.0.1")
        } else {
            dialled.contact.clone()
        };
        let to = if dialled.to.is_empty() { format!("<{uri}>") } else { dialled.to.clone() };
        // The ACK of a refusal belongs to the INVITE's transaction; only an answer brings a tag.
        let branch = if dialled.to.is_empty() { "INVITE" } else { method };
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKc{run}x{call}{branch}\r\n\
             From: <sip:+15559{call:06}@127.0.0.9>;tag=c\r\nTo: {to}\r\nCall-ID: c{run}x{call}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\n{route}Contact: <sip:carrier@{at}>\r\n"
        );
        self.carrier.send(&with_body(message, body));
    }

    /// Dials so many calls, well below the limit of new calls a second.
    pub fn dial_all(&mut self, count: usize) {
        let began = Instant::now();
        while self.calls.len() < count {
            if began.elapsed() > Duration::from_millis(4) * self.calls.len() as u32 {
                self.dial(self.calls.len());
            }
            self.turn();
        }
    }

    pub fn dial(&mut self, call: usize) {
        self.calls.push(Dialled { sent: Some(Instant::now()), ..Dialled::default() });
        let mut offer = sdp(self.sound[0].at);
        if let Some(events) = self.events {
            offer = offer.replace(
                "AVP 0\r\n",
                &format!("AVP 0 {events}\r\na=rtpmap:{events} telephone-event/8000\r\n"),
            );
        }
        offer.extend(self.crypto.clone());
        self.request(call, "INVITE", 1, &offer);
    }

    /// Reads what is there for both.
    pub fn turn(&mut self) {
        let mut buffer = [0; 65_536];
        let (carrier, phones) = (self.carrier, self.phones);
        while let Some(message) = phones.receive(&mut buffer) {
            self.at_phone(message);
        }
        while let Some(message) = carrier.receive(&mut buffer) {
            self.at_carrier(message);
        }
    }

    fn at_phone(&mut self, message: &str) {
        if message.starts_with("INVITE") {
            // The carrier's number names the call.
            let from = header(message, "From");
            let call = from.split_once("+15559").and_then(|(_, rest)| rest.get(..6)?.parse().ok());
            let call: usize = call.expect("the caller's number");
            self.there.insert(header(message, "Call-ID").to_owned(), call);
            self.calls[call].sound[1] = sound_of(message);
            let answer = self.answer.clone().unwrap_or_else(|| sdp(self.sound[1].at));
            self.phones.accept(message, &answer);
        } else if !message.starts_with("SIP/2.0") && !message.starts_with("ACK") {
            self.phones.accept(message, "");
        }
    }

    fn at_carrier(&mut self, message: &str) {
        if message.starts_with("OPTIONS") || message.starts_with("BYE") {
            return self.carrier.accept(message, "");
        }
        let call = header(message, "Call-ID").split_once('x').and_then(|(_, n)| n.parse().ok());
        let Some(call) = call.filter(|call: &usize| *call < self.calls.len()) else { return };
        let cseq = header(message, "CSeq");
        let status = message.get(8..11).unwrap_or_default();
        if status >= "300" {
            *self.refused.entry(status.to_owned()).or_default() += 1;
            self.request(call, "ACK", 1, "");
        }
        if status != "200" {
            return;
        }
        if cseq == "1 INVITE" {
            let dialled = &mut self.calls[call];
            dialled.setup = dialled.setup.or(dialled.sent.map(|sent| sent.elapsed()));
            dialled.to = header(message, "To").to_owned();
            let contact = header(message, "Contact");
            let routes = message.lines().filter_map(|line| line.strip_prefix("Record-Route: "));
            dialled.route = routes.map(|route| format!("Route: {route}\r\n")).collect();
            dialled.contact = contact.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            dialled.sound[0] = sound_of(message);
            self.request(call, "ACK", 1, "");
        } else if cseq == "2 BYE" {
            self.calls[call].ended = true;
        }
    }

    pub fn wait(&mut self, mut until: impl FnMut(&Dialled) -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !self.calls.iter().all(&mut until) && Instant::now() < limit {
            self.turn();
        }
    }

    pub fn hang_up_all(&mut self) {
        for call in 0..self.calls.len() {
            if !self.calls[call].ended {
                self.request(call, "BYE", 2, "");
                self.turn();
            }
        }
        self.wait(|dialled| dialled.ended);
    }
}

/// One line: calls from the carrier to a phone and back down, without sound.
pub fn calls(server: &Server, carrier: &Peer, phones: &Peer, rate: usize) {
    let mut exchange = Exchange::new(carrier, phones, rate);
    let cpu = server.cpu();
    let mut pace = Pace::new(rate);
    let mut hung_up = 0;
    while !pace.is_over() || hung_up < exchange.calls.len() {
        for call in pace.due() {
            exchange.dial(call);
        }
        while let Some(dialled) = exchange.calls.get(hung_up) {
            if dialled.sent.is_none_or(|sent| sent.elapsed() < TALK) {
                break;
            }
            exchange.request(hung_up, "BYE", 2, "");
            hung_up += 1;
        }
        exchange.turn();
    }
    exchange.wait(|dialled| dialled.ended);
    let done = exchange.calls.iter().filter(|dialled| dialled.ended).count();
    let each = (server.cpu() - cpu) / 1_000.0 / done as f64;
    let mut setups: Vec<_> = exchange.calls.iter().filter_map(|dialled| dialled.setup).collect();
    setups.sort();
    let late =
        setups.get(setups.len() * 99 / 100).map_or(f64::NAN, |late| late.as_secs_f64() * 1e3);
    println!(
        "{:<10}  call {rate:>20}/s {each:8.2} ms CPU each, {done} of {} done, set-up p99 {late:.1} ms, refused: {:?}",
        server.kind,
        exchange.calls.len(),
        exchange.refused
    );
}
