//! The Homer Encapsulation Protocol, version 3: a copy of each SIP message for a capture server.
//!
//! Owns the encoding alone. There is no RFC; the chunks are those of the HEP3 specification of the Homer project
//! (`HEP3_rev12`). What is copied has been redacted before it gets here, and whoever sends it may lose it.

use std::fmt;
use std::net::IpAddr;

use crate::sip::message::Transport;
use crate::sip::trace::Entry;

/// Chunk types of the generic vendor, 0x0000.
mod chunk {
    pub const FAMILY: u16 = 1;
    pub const PROTOCOL: u16 = 2;
    pub const FROM_V4: u16 = 3;
    pub const TO_V4: u16 = 4;
    pub const FROM_V6: u16 = 5;
    pub const TO_V6: u16 = 6;
    pub const FROM_PORT: u16 = 7;
    pub const TO_PORT: u16 = 8;
    pub const SECONDS: u16 = 9;
    pub const MICROSECONDS: u16 = 10;
    pub const KIND: u16 = 11;
    pub const AGENT: u16 = 12;
    pub const KEY: u16 = 14;
    pub const PAYLOAD: u16 = 15;
    pub const CORRELATION: u16 = 17;
}

/// Address families as they are on Linux, which is what HEP means.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// What is carried: SIP.
const SIP: u8 = 1;
/// Largest payload: lengths are 16 bits, and the other chunks want some.
const MOST: usize = 64_000;

/// Longest key, bytes: what Homer's own agents take, and far too little to crowd a message out of its packet.
const LONGEST_KEY: usize = 255;

/// What a capture server knows its agents by. It goes in clear, and its debug form names nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key of 1 to 255 bytes.
    pub fn new(key: &str) -> Option<Key> {
        (1..=LONGEST_KEY).contains(&key.len()).then(|| Key(key.to_owned()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Who captures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Its number, as the server knows it.
    pub id: u32,
    /// What the server asks for, if it asks.
    pub key: Option<Key>,
}

/// One message as a HEP packet. A payload too large for the format is cut.
pub fn encode(entry: &Entry, agent: &Agent) -> Vec<u8> {
    let (from, to) = if entry.sent { (entry.local, entry.peer) } else { (entry.peer, entry.local) };
    let protocol = if entry.transport == Transport::Udp { UDP } else { TCP };
    let micros = entry.at.0.max(0);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let payload = entry.bytes.get(..MOST).unwrap_or(&entry.bytes);
    let mut packet = b"HEP3\0\0".to_vec();
    let put = &mut packet;
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            add(put, chunk::FAMILY, &[IPV4]);
            add(put, chunk::FROM_V4, &from.octets());
            add(put, chunk::TO_V4, &to.octets());
        }
        (from, to) => {
            add(put, chunk::FAMILY, &[IPV6]);
            add(put, chunk::FROM_V6, &v6(from));
            add(put, chunk::TO_V6, &v6(to));
        }
    }
    add(put, chunk::PROTOCOL, &[protocol]);
    add(put, chunk::FROM_PORT, &from.port().to_be_bytes());
    add(put, chunk::TO_PORT, &to.port().to_be_bytes());
    // The format has 32 bits: until 2106.
    add(put, chunk::SECONDS, &(seconds as u32).to_be_bytes());
    add(put, chunk::MICROSECONDS, &(fraction as u32).to_be_bytes());
    add(put, chunk::KIND, &[SIP]);
    add(put, chunk::AGENT, &agent.id.to_be_bytes());
    if let Some(key) = &agent.key {
        add(put, chunk::KEY, key.0.as_bytes());
    }
    if let Some(id) = crate::sip::trace::call_id(payload) {
        add(put, chunk::CORRELATION, id.as_bytes());
    }
    add(put, chunk::PAYLOAD, payload);
    let length = (packet.len().min(usize::from(u16::MAX)) as u16).to_be_bytes();
    packet[4..6].copy_from_slice(&length);
    packet
}

fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Vendor, type, length with these six bytes, value. What does not fit any more is left out.
fn add(packet: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = value.len() + 6;
    if packet.len() + length > usize::from(u16::MAX) {
        return;
    }
    packet.extend([0, 0]);
    packet.extend(kind.to_be_bytes());
    packet.extend((length as u16).to_be_bytes());
    packet.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn entry(peer: &str, bytes: &[u8]) -> Entry {
        Entry {
            at: UnixTime(1_700_000_000_123_456),
            sent: false,
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: peer.parse().unwrap(),
            bytes: bytes.into(),
        }
    }

    /// Chunks by type.
    fn chunks(packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
        assert_eq!(&packet[..4], b"HEP3");
        let number = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        assert_eq!(number(4), packet.len());
        let mut at = 6;
        let mut chunks = Vec::new();
        while at < packet.len() {
            assert_eq!(number(at), 0, "the generic vendor");
            let length = number(at + 4);
            chunks.push((number(at + 2) as u16, packet[at + 6..at + length].to_vec()));
            at += length;
        }
        chunks
    }

    #[test]
    fn a_message_becomes_the_chunks_of_the_specification() {
        let sip = b"OPTIONS sip:b SIP/2.0\r\nCall-ID: abc\r\n\r\n";
        let agent = Agent { id: 2_001, key: Key::new("sesame") };
        let found = chunks(&encode(&entry("198.51.100.7:5062", sip), &agent));
        let value = |kind| found.iter().find(|(own, _)| *own == kind).map(|(_, value)| &value[..]);
        assert_eq!(value(1), Some(&[2][..]));
        assert_eq!(value(2), Some(&[17][..]));
        assert_eq!(value(3), Some(&[198, 51, 100, 7][..]));
        assert_eq!(value(4), Some(&[192, 0, 2, 1][..]));
        assert_eq!(value(7), Some(&5062_u16.to_be_bytes()[..]));
        assert_eq!(value(8), Some(&5060_u16.to_be_bytes()[..]));
        assert_eq!(value(9), Some(&1_700_000_000_u32.to_be_bytes()[..]));
        assert_eq!(value(10), Some(&123_456_u32.to_be_bytes()[..]));
        assert_eq!(value(11), Some(&[1][..]));
        assert_eq!(value(12), Some(&2_001_u32.to_be_bytes()[..]));
        assert_eq!(value(14), Some(&b"sesame"[..]));
        assert_eq!(value(15), Some(&sip[..]));
        assert_eq!(value(17), Some(&b"abc"[..]));
    }

    #[test]
    fn ipv6_and_what_is_too_large_fit_too() {
        let mut v6 = entry("[2001:db8::7]:5060", b"x");
        v6.local = "[2001:db8::1]:5060".parse().unwrap();
        v6.sent = true;
        let found = chunks(&encode(&v6, &Agent::default()));
        assert!(found.contains(&(
            5,
            "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec()
        )));
        let found = chunks(&encode(&entry("192.0.2.9:1", &[b'x'; 65_535]), &Agent::default()));
        assert_eq!(found.last().map(|(_, payload)| payload.len()), Some(MOST));
        let key = Key::new(&"k".repeat(LONGEST_KEY));
        let huge = encode(&entry("192.0.2.9:1", &[b'x'; 65_535]), &Agent { id: 1, key });
        assert_eq!(chunks(&huge).last().map(|(_, payload)| payload.len()), Some(MOST));
        let mut long = b"INVITE sip:b SIP/2.0\r\nCall-ID: ".to_vec();
        long.resize(65_000, b'i');
        let huge = encode(&entry("192.0.2.9:1", &long), &Agent::default());
        assert_eq!(&huge[..4], b"HEP3", "no broken packet");
        chunks(&huge);
    }

    #[test]
    fn a_key_has_a_length_and_is_not_shown() {
        assert_eq!((Key::new(""), Key::new(&"k".repeat(LONGEST_KEY + 1))), (None, None));
        let agent = Agent { id: 1, key: Key::new("sesame") };
        assert!(agent.key.is_some() && !format!("{agent:?}").contains("sesame"));
    }
}
