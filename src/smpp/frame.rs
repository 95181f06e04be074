//! PDUs cut out of a stream of octets. The length of a PDU is checked before anything is set aside for it.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

/// Octets of a header (SMPP 3.4 section 3.2).
pub const HEADER: usize = 16;

/// Octets of the longest PDU that is taken, where nothing else is set: a `message_payload` of 64 KiB and all the rest.
pub const LONGEST: usize = 70_000;

/// A length that no PDU has: the stream cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub u32);

/// What came and is not cut yet.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    longest: usize,
    since: Option<Instant>,
}

impl Framer {
    /// For PDUs of up to `longest` octets.
    pub fn new(longest: usize) -> Framer {
        Framer { buffer: BytesMut::new(), longest: longest.max(HEADER), since: None }
    }

    /// Takes what came.
    pub fn push(&mut self, now: Instant, octets: &[u8]) {
        if self.buffer.is_empty() && !octets.is_empty() {
            self.since = Some(now);
        }
        self.buffer.extend_from_slice(octets);
    }

    /// The next PDU with its header, if it is whole.
    pub fn next(&mut self, now: Instant) -> Result<Option<Bytes>, Length> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head);
        let octets = usize::try_from(length).unwrap_or(usize::MAX);
        if octets < HEADER || octets > self.longest {
            return Err(Length(length));
        }
        if self.buffer.len() < octets {
            return Ok(None);
        }
        let frame = self.buffer.split_to(octets).freeze();
        self.since = (!self.buffer.is_empty()).then_some(now);
        Ok(Some(frame))
    }

    /// Since when a PDU has been begun and not ended.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The sequence number of the PDU that is begun, for an answer to one whose length is wrong.
    pub fn sequence(&self) -> u32 {
        self.buffer.get(12..16).map_or(0, |octets| {
            octets.iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
        })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_pdu_in_single_octets_comes_out_whole() {
        let now = Instant::now();
        let frame = *b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\x07";
        let mut framer = Framer::new(LONGEST);
        for octet in &frame[..15] {
            framer.push(now, &[*octet]);
            assert_eq!(framer.next(now), Ok(None));
        }
        assert_eq!(framer.since(), Some(now));
        framer.push(now, &[7]);
        assert_eq!(framer.next(now).expect("a length").as_deref(), Some(&frame[..]));
        assert_eq!(framer.since(), None);
    }

    #[test]
    fn ten_megabytes_are_refused_by_their_first_four_octets() {
        let now = Instant::now();
        let mut framer = Framer::new(LONGEST);
        framer.push(now, &10_000_000u32.to_be_bytes());
        assert_eq!(framer.next(now), Err(Length(10_000_000)));
        assert!(framer.buffer.capacity() < 100);
    }

    #[test]
    fn a_length_below_the_header_is_none() {
        let now = Instant::now();
        let mut framer = Framer::new(LONGEST);
        framer.push(now, &15u32.to_be_bytes());
        assert_eq!(framer.next(now), Err(Length(15)));
    }
}
