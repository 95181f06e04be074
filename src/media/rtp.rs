//! RTP packets (RFC 3550 section 5.1): read in place, written into a buffer.

/// Bytes of a header without contributing sources or extension.
pub const HEADER: usize = 12;
/// The longest packet we take: an Ethernet frame's worth. Longer ones are no telephony.
pub const MAX_PACKET: usize = 1_500;

/// A packet as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The first packet of a talk spurt, or of an event.
    pub marker: bool,
    /// What is in it.
    pub payload_type: u8,
    /// One more for each packet.
    pub sequence: u16,
    /// One more for each tick of the clock.
    pub timestamp: u32,
    /// Who made it.
    pub ssrc: u32,
    /// The sound.
    pub payload: &'a [u8],
}

/// Reads a packet; nothing if it is not one: version other than 2, or cut short.
pub fn read(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, mut rest) = bytes.split_at_checked(HEADER)?;
    let [first, second, sequence_a, sequence_b, t0, t1, t2, t3, s0, s1, s2, s3] = *header else {
        return None;
    };
    if first >> 6 != 2 {
        return None;
    }
    rest = rest.get(usize::from(first & 0x0f) * 4..)?;
    if first & 0x10 != 0 {
        let length = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]);
        rest = rest.get(4 + usize::from(length) * 4..)?;
    }
    if first & 0x20 != 0 {
        let padding = usize::from(*rest.last()?);
        if padding == 0 {
            return None;
        }
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    Some(Packet {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([sequence_a, sequence_b]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
        payload: rest,
    })
}

/// Writes a packet to the end of `buffer`.
pub fn write(buffer: &mut Vec<u8>, packet: &Packet<'_>) {
    buffer.push(0x80);
    buffer.push(packet.payload_type & 0x7f | u8::from(packet.marker) << 7);
    buffer.extend_from_slice(&packet.sequence.to_be_bytes());
    buffer.extend_from_slice(&packet.timestamp.to_be_bytes());
    buffer.extend_from_slice(&packet.ssrc.to_be_bytes());
    buffer.extend_from_slice(packet.payload);
}

/// How far `a` is ahead of `b` in sequence numbers, which wrap around.
pub fn ahead(a: u16, b: u16) -> i16 {
    a.wrapping_sub(b) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_packet_reads_back_as_it_was_written() {
        let packet = Packet {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            timestamp: u32::MAX,
            ssrc: 7,
            payload: b"abc",
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &packet);
        assert_eq!(read(&bytes), Some(packet));
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_passed_over() {
        let mut bytes = vec![0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9];
        bytes.extend([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
        bytes.extend([1, 2, 3, 0, 2]);
        assert_eq!(read(&bytes).map(|packet| packet.payload.to_vec()), Some(vec![1, 2, 3]));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = Random::from_number(1);
        for _ in 0..100_000 {
            let mut bytes = vec![0; random.below(40) as usize];
            random.fill(&mut bytes);
            if let Some(first) = bytes.first_mut() {
                *first |= 0x80;
            }
            let _ = read(&bytes);
        }
    }

    #[test]
    fn sequence_numbers_wrap() {
        assert_eq!((ahead(1, 65_535), ahead(65_535, 1), ahead(5, 5)), (2, -2, 0));
    }
}
