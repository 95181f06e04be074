//! One record on the disk: a header that can be recognised and checked, then the event as JSON.
//!
//! Header, big-endian: `BLJ1`, length of the payload (4), CRC-32 of all that follows (4), number (8), time in
//! microseconds since 1970 (8). JSON keeps the journal readable for an auditor without this program.

use crate::time::UnixTime;

/// What every record begins with; the digit is the version of the header.
pub const MAGIC: &[u8; 4] = b"BLJ1";
/// Bytes of a header.
pub const HEADER: usize = 28;
/// The longest payload: a checkpoint of a very large branch (20,000 phones) is below it.
pub const MAX_PAYLOAD: usize = 32 << 20;

/// A whole record, found in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was appended.
    pub at: UnixTime,
    /// The event, as JSON.
    pub payload: &'a [u8],
    /// Header and payload.
    pub bytes: &'a [u8],
}

/// What stands at a place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// Bytes that are no record; the next one may begin after this many.
    Damage(usize),
    /// The beginning of a record whose end is not there.
    Torn,
    /// Nothing.
    End,
}

/// Appends a record to `out`.
pub fn encode(out: &mut Vec<u8>, seq: u64, at: UnixTime, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut checked = crc32fast::Hasher::new();
    for part in [&seq.to_be_bytes()[..], &at.0.to_be_bytes(), payload] {
        checked.update(part);
    }
    out.reserve(HEADER + payload.len());
    out.extend(MAGIC);
    out.extend(length.to_be_bytes());
    out.extend(checked.finalize().to_be_bytes());
    out.extend(seq.to_be_bytes());
    out.extend(at.0.to_be_bytes());
    out.extend(payload);
}

/// Looks at the beginning of `bytes`.
pub fn decode(bytes: &[u8]) -> Found<'_> {
    if bytes.is_empty() {
        return Found::End;
    }
    let common = bytes.len().min(MAGIC.len());
    if bytes.get(..common) != MAGIC.get(..common) {
        return damage(bytes);
    }
    let (Some(length), Some(crc), Some(seq), Some(at)) =
        (number(bytes, 4), number(bytes, 8), long(bytes, 12), long(bytes, 20))
    else {
        return Found::Torn;
    };
    let length = length as usize;
    if length > MAX_PAYLOAD {
        return damage(bytes);
    }
    let Some(whole) = bytes.get(..HEADER + length) else {
        // A length that was damaged points past the end; what follows may still be good.
        let next = resync(bytes);
        return if next < bytes.len() { Found::Damage(next) } else { Found::Torn };
    };
    if crc32fast::hash(whole.get(12..).unwrap_or_default()) != crc {
        return damage(bytes);
    }
    let payload = whole.get(HEADER..).unwrap_or_default();
    Found::Record(Record { seq, at: UnixTime(at.cast_signed()), payload, bytes: whole })
}

/// Bytes that are no record. Where nothing but such bytes is left and they end in zeros, a power cut came before they
/// were on the disk: a file system may remember the new length of a file without the bytes that made it longer.
fn damage(bytes: &[u8]) -> Found<'_> {
    let skip = resync(bytes);
    if skip == bytes.len() && bytes.last() == Some(&0) { Found::Torn } else { Found::Damage(skip) }
}

/// How far it is to the next place where a record may begin; all of it when there is none.
fn resync(bytes: &[u8]) -> usize {
    let places = bytes.get(1..).unwrap_or_default().windows(MAGIC.len());
    places.into_iter().position(|window| window == MAGIC).map_or(bytes.len(), |at| at + 1)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Every whole record in `bytes`.
    fn all(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut records = Vec::new();
        loop {
            match decode(bytes) {
                Found::Record(record) => {
                    records.push((record.seq, record.payload.to_vec()));
                    bytes = &bytes[record.bytes.len()..];
                }
                Found::Damage(skip) => bytes = &bytes[skip..],
                Found::Torn | Found::End => return records,
            }
        }
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, UnixTime(-5), b"{}");
        encode(&mut bytes, 2, UnixTime(7), b"");
        assert_eq!(all(&bytes), [(1, b"{}".to_vec()), (2, Vec::new())]);
    }

    /// Damage of any kind costs the records that it touches and no others, and never makes one up.
    #[test]
    fn damage_never_panics_never_invents_and_spares_the_rest() {
        let mut random = Random::from_number(11);
        for _ in 0..2_000 {
            let mut bytes = Vec::new();
            let mut ends = Vec::new();
            for seq in 0..20 {
                let mut payload = vec![0; random.below(80) as usize];
                random.fill(&mut payload);
                encode(&mut bytes, seq, UnixTime(seq as i64), &payload);
                ends.push(bytes.len());
            }
            let whole = all(&bytes);
            assert_eq!(whole.len(), 20);
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at),
                _ => {
                    let end = bytes.len().min(at + 64);
                    bytes[at..end].fill(0);
                }
            }
            let found = all(&bytes);
            assert!(found.iter().all(|record| whole.contains(record)), "a record was made up");
            let before = ends.iter().filter(|end| **end <= at).count();
            assert_eq!(
                found[..before.min(found.len())],
                whole[..before],
                "a record before the damage was lost"
            );
        }
    }

    #[test]
    fn zeros_at_the_end_are_a_power_cut_and_zeros_before_a_record_are_damage() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, UnixTime(1), b"{}");
        let whole = bytes.len();
        bytes.extend([0; 1_487]);
        assert_eq!(decode(&bytes[whole..]), Found::Torn);
        // The beginning of a record was on a block that was written, its end was not.
        let mut half = Vec::new();
        encode(&mut half, 2, UnixTime(2), &[b'x'; 500]);
        half[100..].fill(0);
        assert_eq!(decode(&half), Found::Torn);
        encode(&mut bytes, 2, UnixTime(2), b"{}");
        assert_eq!(decode(&bytes[whole..]), Found::Damage(1_487));
    }
}
