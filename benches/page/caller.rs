//! Known people who call by the carrier's trunk, and the agent's telephone, which only rings.

use std::net::UdpSocket;

use crate::branch::{Branch, NUMBER, phone};
use crate::sip::{accept, authorization, header, sdp, with_body};

/// The extension of the agent.
const EXTENSION: &str = "202";

struct Peer {
    socket: UdpSocket,
    at: std::net::SocketAddr,
}

impl Peer {
    fn new(branch: &Branch) -> Peer {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        socket.connect(branch.sip).expect("the box's address");
        socket.set_nonblocking(true).expect("no waiting");
        let at = socket.local_addr().expect("bound");
        Peer { socket, at }
    }

    fn send(&self, message: &str) {
        self.socket.send(message.as_bytes()).expect("loopback");
    }

    fn receive(&self) -> Option<String> {
        let mut buffer = [0; 65_536];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

/// The agent's telephone.
pub struct Phone {
    peer: Peer,
    /// The INVITE that rings.
    rings: String,
}

impl Phone {
    pub fn register(branch: &Branch) -> Phone {
        let phone = Phone { peer: Peer::new(branch), rings: String::new() };
        phone.ask(1, "");
        let limit = std::time::Instant::now() + crate::branch::PATIENCE;
        loop {
            assert!(std::time::Instant::now() < limit, "the telephone is not registered");
            let Some(answer) = phone.peer.receive() else { continue };
            match answer.get(8..11) {
                Some("200") => return phone,
                Some("401") => {
                    let password = branch.password("accounts", "user", EXTENSION);
                    let uri = "sip:127.0.0.1";
                    phone.ask(2, &authorization(&answer, "REGISTER", uri, EXTENSION, &password));
                }
                _ => {}
            }
        }
    }

    fn ask(&self, cseq: u32, shown: &str) {
        let at = self.peer.at;
        let message = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{cseq}\r\n\
             From: <sip:{EXTENSION}@127.0.0.1>;tag=r\r\nTo: <sip:{EXTENSION}@127.0.0.1>\r\nCall-ID: r\r\n\
             CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{EXTENSION}@{at}>\r\nExpires: 3600\r\n{shown}"
        );
        self.peer.send(&with_body(message, ""));
    }

    pub fn turn(&mut self) {
        while let Some(message) = self.peer.receive() {
            let at = self.peer.at;
            if message.starts_with("INVITE") {
                let ringing = accept(&message, at, "").replacen("200 OK", "180 Ringing", 1);
                self.peer.send(&ringing);
                self.rings = message;
            } else if message.starts_with("CANCEL") {
                self.peer.send(&accept(&message, at, ""));
                let ended = accept(&self.rings, at, "");
                self.peer.send(&ended.replacen("200 OK", "487 Request Terminated", 1));
            } else if !message.starts_with("SIP/2.0") && !message.starts_with("ACK") {
                self.peer.send(&accept(&message, at, ""));
            }
        }
    }
}

/// The carrier with one call at a time.
pub struct Carrier {
    peer: Peer,
    call: usize,
    person: usize,
    /// What the box answered with, once it has.
    answer: Option<String>,
    busy: bool,
    given_up: bool,
}

impl Carrier {
    pub fn new(branch: &Branch) -> Carrier {
        Carrier {
            peer: Peer::new(branch),
            call: 0,
            person: 0,
            answer: None,
            busy: false,
            given_up: false,
        }
    }

    pub fn dial(&mut self, call: usize, person: usize) {
        (self.call, self.person, self.answer) = (call, person, None);
        (self.busy, self.given_up) = (true, false);
        self.request("INVITE", 1, &sdp(([127, 0, 0, 1], 25_990).into()));
    }

    fn request(&self, method: &str, cseq: u32, body: &str) {
        let (at, call, from) = (self.peer.at, self.call, phone(self.person));
        let answer = self.answer.as_deref().unwrap_or_default();
        let uri = match header(answer, "Contact").split(['<', '>']).nth(1) {
            Some(contact) if method != "CANCEL" => contact.to_owned(),
            _ => format!("sip:{NUMBER}@127.0.0.1"),
        };
        let to = match header(answer, "To") {
            to if to.is_empty() || method == "CANCEL" => format!("<sip:{NUMBER}@127.0.0.1>"),
            to => to.to_owned(),
        };
        let branch = if method == "BYE" { "b" } else { "i" };
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}{branch}\r\n\
             From: <sip:{from}@127.0.0.1>;tag=c\r\nTo: {to}\r\nCall-ID: c{call}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:carrier@{at}>\r\n"
        );
        self.peer.send(&with_body(message, body));
    }

    pub fn turn(&mut self) {
        while let Some(message) = self.peer.receive() {
            if message.starts_with("OPTIONS") || message.starts_with("BYE") {
                self.peer.send(&accept(&message, self.peer.at, ""));
                continue;
            }
            let own = header(&message, "Call-ID") == format!("c{}", self.call);
            match (header(&message, "CSeq"), message.get(8..11).unwrap_or_default()) {
                _ if !own => {}
                ("1 INVITE", "200") => {
                    self.answer = Some(message);
                    self.request("ACK", 1, "");
                    // It came while the call was being taken back.
                    if self.given_up {
                        self.request("BYE", 2, "");
                    }
                }
                ("1 INVITE", status) if status >= "300" => {
                    self.answer = Some(message);
                    self.request("ACK", 1, "");
                    self.busy = false;
                }
                ("2 BYE", "200") => self.busy = false,
                _ => {}
            }
        }
    }

    /// Ends the call, answered or not.
    pub fn hang_up(&mut self) {
        self.given_up = true;
        match self.answer {
            Some(_) => self.request("BYE", 2, ""),
            None => self.request("CANCEL", 1, ""),
        }
    }

    pub fn is_busy(&self) -> bool {
        self.busy
    }
}
