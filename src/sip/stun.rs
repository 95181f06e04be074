//! STUN on the SIP port, as far as phones use it to keep their way to us open (RFC 5626 section 4.4.2): a Binding request
//! is answered with the address that it came from (RFC 8489 section 7.3.1).
//!
//! Of sources only is kept how much they have had lately. Requests with attributes that one must understand are left unanswered: no
//! phone sends them here, and what cannot be provoked cannot be misused.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::sip::trust::network;
use crate::time::Now;

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
/// Attributes from here on may be passed over by who does not know them (section 14).
const OPTIONAL: u16 = 0x8000;
const HEADER: usize = 20;
/// Longest request that is read: a header, SOFTWARE and FINGERPRINT have room many times over.
const LONGEST: usize = 256;

/// Answers at once, and how many more come with each second: ten thousand phones that ask twice a minute. An answer is
/// 12 bytes longer than the shortest question, so whoever forges questions gains little, and no more than this of it.
const MOST: u32 = 400;
const EACH: Duration = Duration::from_micros(2_500);
/// The same for one source: a thousand phones behind one address.
const MOST_OF_ONE: u32 = 100;
const EACH_OF_ONE: Duration = Duration::from_millis(20);
/// Sources that are counted. None is for longer than two seconds after its last answer, so all have room.
const MOST_SOURCES: usize = 4_096;

/// Answers Binding requests, not more than a box needs.
#[derive(Debug, Default)]
pub struct Answers {
    /// When all that was answered so far will have been paid for: strangers, and those who are known. Forged questions of
    /// strangers must not cost the phones of the branch their way.
    paid: [Option<Instant>; 2],
    /// The same for each source.
    sources: BTreeMap<IpAddr, Instant>,
    /// Requests that were left unanswered because there were too many.
    pub dropped: u64,
}

impl Answers {
    /// The answer to a request from `peer`, which is known or a stranger; nothing if there is to be none.
    pub fn answer(
        &mut self,
        now: Now,
        request: &[u8],
        peer: SocketAddr,
        known: bool,
    ) -> Option<Vec<u8>> {
        let transaction = binding_request(request)?;
        let now = now.instant;
        let source = network(peer.ip());
        let own = pay(self.sources.get(&source).copied(), now, EACH_OF_ONE, MOST_OF_ONE);
        let all = pay(self.paid[usize::from(known)], now, EACH, MOST);
        if self.sources.len() >= MOST_SOURCES {
            self.sources.retain(|_, paid| *paid > now);
        }
        let (Some(own), Some(all)) = (own, all) else {
            self.dropped += 1;
            return None;
        };
        self.sources.insert(source, own);
        self.paid[usize::from(known)] = Some(all);
        Some(success(transaction, peer))
    }
}

/// When one more answer will have been paid for; nothing if `most` have yet to be.
fn pay(paid: Option<Instant>, now: Instant, each: Duration, most: u32) -> Option<Instant> {
    let paid = paid.map_or(now, |paid| paid.max(now));
    (paid.saturating_duration_since(now) < each * most).then(|| paid + each)
}

/// Whether a datagram is STUN and no SIP: SIP begins with a letter (RFC 5626 section 8, RFC 8489 section 5).
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[0] < 4 && bytes[4..8] == MAGIC_COOKIE
}

/// The transaction id of a Binding request that can be answered.
fn binding_request(bytes: &[u8]) -> Option<&[u8]> {
    if !is_stun(bytes) || bytes.len() > LONGEST || bytes[..2] != BINDING_REQUEST {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    let mut rest = bytes.get(HEADER..).filter(|rest| rest.len() == length)?;
    while let Some((head, after)) = rest.split_at_checked(4) {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let value = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        if kind < OPTIONAL {
            return None;
        }
        rest = after.get(value..)?;
    }
    rest.is_empty().then(|| &bytes[8..HEADER])
}

/// A success with the one attribute that is asked for (section 14.2).
fn success(transaction: &[u8], peer: SocketAddr) -> Vec<u8> {
    let (family, address) = match peer.ip().to_canonical() {
        IpAddr::V4(ip) => (1u8, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let value = 4 + address.len() as u16;
    let mask: Vec<u8> = MAGIC_COOKIE.iter().chain(transaction).copied().collect();
    let mut out = Vec::with_capacity(HEADER + 4 + usize::from(value));
    out.extend(BINDING_SUCCESS);
    out.extend((4 + value).to_be_bytes());
    out.extend(&mask);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend(value.to_be_bytes());
    out.extend([0, family]);
    let xor = |bytes: &[u8]| -> Vec<u8> { bytes.iter().zip(&mask).map(|(a, b)| a ^ b).collect() };
    out.extend(xor(&peer.port().to_be_bytes()));
    out.extend(xor(&address));
    out
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(0) }
    }

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 1];
        out.extend((attributes.len() as u16).to_be_bytes());
        out.extend(MAGIC_COOKIE);
        out.extend(b"abcdefghijkl");
        out.extend(attributes);
        out
    }

    fn answer(request: &[u8], peer: &str) -> Option<Vec<u8>> {
        Answers::default().answer(now(), request, peer.parse().unwrap(), true)
    }

    /// The request and the address of RFC 5769 sections 2.1 and 2.2.
    #[test]
    fn the_address_is_masked_as_in_the_rfcs_example() {
        let mut example = request(&[]);
        let id = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        example[8..20].copy_from_slice(&id);
        let v4 = answer(&example, "192.0.2.1:32853").unwrap();
        assert_eq!(v4[..8], [1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42]);
        assert_eq!(v4[8..20], id);
        assert_eq!(v4[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let v6 = answer(&example, "[2001:db8:1234:5678:11:2233:4455:6677]:32853").unwrap();
        assert_eq!(
            v6[20..],
            [
                0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
                0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn what_is_no_binding_request_is_left_alone() {
        let peer = "192.0.2.9:5060";
        assert!(answer(&request(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]), peer).is_some());
        // PRIORITY must be understood.
        assert_eq!(answer(&request(&[0, 0x24, 0, 4, 1, 2, 3, 4]), peer), None);
        for broken in [&[0x80, 0x22, 0, 9, 1, 2, 3, 4][..], &[0x80, 0x22][..], &[0; 300][..]] {
            assert_eq!(answer(&request(broken), peer), None);
        }
        let mut reply = request(&[]);
        reply[0] = 1;
        assert_eq!(
            answer(&reply, peer),
            None,
            "an answer is not answered: two of us would never end"
        );
        for other in [&b"\r\n\r\n"[..], b"OPTIONS sip:b SIP/2.0\r\n\r\n", &request(&[])[..19], &[]]
        {
            assert!(!is_stun(other));
            assert_eq!(answer(other, peer), None);
        }
    }

    #[test]
    fn a_flood_gets_so_many_answers_and_no_more() {
        let mut answers = Answers::default();
        let start = now();
        let ask = request(&[]);
        let mut count = 0;
        for step in 0..100_000u32 {
            let at = start.after(Duration::from_micros(20) * step);
            let peer = SocketAddr::from(([198, 18, step as u8, 1], 5_060));
            count += u32::from(answers.answer(at, &ask, peer, false).is_some());
        }
        assert!((1_190..=1_210).contains(&count), "{count} in two seconds");
        assert_eq!(u64::from(100_000 - count), answers.dropped);
        let end = start.after(Duration::from_secs(2));
        let phone = "192.0.2.9:5060".parse().unwrap();
        assert!(answers.answer(end, &ask, phone, true).is_some(), "a phone of the branch");
    }

    #[test]
    fn one_source_leaves_answers_for_the_others() {
        let mut answers = Answers::default();
        let (start, ask) = (now(), request(&[]));
        let (loud, phone) = ("192.0.2.66:1".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
        let had = (0..1_000).filter(|_| answers.answer(start, &ask, loud, true).is_some()).count();
        assert_eq!(had, 100);
        assert!(answers.answer(start, &ask, phone, true).is_some());
        let later = start.after(Duration::from_millis(20));
        assert!(answers.answer(later, &ask, loud, true).is_some());
    }
}
