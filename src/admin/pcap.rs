//! SIP messages as a file that Wireshark reads: the classic pcap format (draft-ietf-opsawg-pcap), link type RAW.
//!
//! Each message is written as one UDP datagram between the addresses it really went between, also one that went over
//! TCP or TLS: what was said is of interest, not how it was cut. One too long for a datagram is cut.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::time::UnixTime;

/// IPv4 or IPv6 follows at once (LINKTYPE_RAW).
const RAW: u32 = 101;
/// Longest payload of a datagram over IPv4.
const MOST: usize = 65_507;

/// The file's head.
pub fn head() -> Vec<u8> {
    let mut file = Vec::new();
    // Microseconds, in our byte order: big end first.
    file.extend(0xa1b2_c3d4_u32.to_be_bytes());
    file.extend(2_u16.to_be_bytes());
    file.extend(4_u16.to_be_bytes());
    file.extend([0; 8]);
    file.extend(65_535_u32.to_be_bytes());
    file.extend(RAW.to_be_bytes());
    file
}

/// One message.
pub fn packet(at: UnixTime, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..MOST).unwrap_or(payload);
    let frame = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let udp = udp(from.port(), to.port(), &[&a.octets(), &b.octets()], payload);
            let mut ip = vec![0x45, 0];
            ip.extend(length(20 + udp.len()));
            ip.extend([0, 0, 0, 0, 64, 17, 0, 0]);
            ip.extend(a.octets());
            ip.extend(b.octets());
            let sum = checksum(&[&ip]).to_be_bytes();
            ip[10..12].copy_from_slice(&sum);
            ip.extend(udp);
            ip
        }
        (a, b) => {
            let (a, b) = (v6(a).octets(), v6(b).octets());
            let udp = udp(from.port(), to.port(), &[&a, &b], payload);
            let mut ip = vec![0x60, 0, 0, 0];
            ip.extend(length(udp.len()));
            ip.extend([17, 64]);
            ip.extend(a);
            ip.extend(b);
            ip.extend(udp);
            ip
        }
    };
    let micros = at.0.max(0);
    let mut packet = Vec::new();
    // The format has 32 bits for seconds: until 2106.
    packet.extend(((micros / 1_000_000) as u32).to_be_bytes());
    packet.extend(((micros % 1_000_000) as u32).to_be_bytes());
    packet.extend((frame.len() as u32).to_be_bytes());
    packet.extend((frame.len() as u32).to_be_bytes());
    packet.extend(frame);
    packet
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Payloads are cut to what 16 bits hold.
fn length(bytes: usize) -> [u8; 2] {
    (bytes.min(usize::from(u16::MAX)) as u16).to_be_bytes()
}

fn udp(from: u16, to: u16, addresses: &[&[u8]], payload: &[u8]) -> Vec<u8> {
    let mut udp = Vec::with_capacity(8 + payload.len());
    udp.extend(from.to_be_bytes());
    udp.extend(to.to_be_bytes());
    udp.extend(length(8 + payload.len()));
    udp.extend([0, 0]);
    udp.extend(payload);
    // The pseudo header of RFC 768 and of RFC 8200 section 8.1 add up to the same.
    let pseudo = [&[0, 17], &length(udp.len())[..]].concat();
    let mut parts = addresses.to_vec();
    parts.extend([&pseudo[..], &udp]);
    let sum = match checksum(&parts) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    udp
}

/// RFC 1071. Every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words
        .map(|pair| match pair {
            [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
            [high] => u64::from(*high) << 8,
            _ => 0,
        })
        .sum();
    let folded = (0..3).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    !(folded as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_the_checksums_that_its_receiver_would_compute() {
        let from = "192.0.2.9:5060".parse().unwrap();
        let to = "198.51.100.1:5061".parse().unwrap();
        for payload in [&b"OPTIONS"[..], b"ACK sip", b""] {
            let packet = packet(UnixTime(1_700_000_000_000_001), from, to, payload);
            let frame = &packet[16..];
            assert_eq!(u32::from_be_bytes(packet[8..12].try_into().unwrap()) as usize, frame.len());
            assert_eq!(checksum(&[&frame[..20]]), 0, "over its own checksum it is zero");
            let pseudo = [&[0, 17], &frame[24..26]].concat();
            assert_eq!(checksum(&[&frame[12..20], &pseudo, &frame[20..]]), 0);
            assert_eq!(&frame[28..], payload);
        }
    }

    #[test]
    fn ipv6_is_written_as_such_and_what_is_too_long_is_cut() {
        let from = "[2001:db8::9]:5060".parse().unwrap();
        let to = "[2001:db8::1]:5060".parse().unwrap();
        let whole = packet(UnixTime(0), from, to, &[b'x'; 70_000]);
        assert_eq!((whole[16] >> 4, whole.len()), (6, 16 + 40 + 8 + MOST));
        assert_eq!(head().len(), 24);
    }
}
