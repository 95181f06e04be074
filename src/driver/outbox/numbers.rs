//! From which records of the journal the events came that the office has: one small file for each segment that was let go of,
//! `outbox-N.bln`.
//!
//! Whoever is erased is in events that have left, too. By these files it is known which numbers they have, and the office can
//! be told what is left of them. A file has the head of its segment; of each event a number in base 128, the lowest seven bits
//! first: how many records it came after the one before, times two, and one more where the office was told of it already; and
//! CRC-32 of all that. An event takes an octet or two.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::uplink::outbox::{Begin, Found, HEAD, look};

/// Octets of the checksum.
const CHECK: usize = 4;

/// Where the events of a segment came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    pub begin: Begin,
    /// Of each event the journal's record, and whether it was made again.
    pub events: Vec<(u64, bool)>,
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("outbox-{first:020}.bln"))
}

/// Which there are: the first number of each, in order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_str().unwrap_or_default();
        let number = name.strip_prefix("outbox-").and_then(|rest| rest.strip_suffix(".bln"));
        all.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    all.sort_unstable();
    Ok(all)
}

impl Numbers {
    /// Those of a segment; nothing where its head cannot be read.
    pub fn of(segment: &[u8]) -> Option<Numbers> {
        let begin = Begin::read(segment)?;
        let (mut rest, mut events) = (segment.get(HEAD..)?, Vec::new());
        while let Found::Record(record) = look(rest, false) {
            events.push((record.token, false));
            rest = rest.get(record.size()..).unwrap_or_default();
        }
        Some(Numbers { begin, events })
    }

    /// Those that were kept.
    pub fn read(folder: &Path, first: u64) -> io::Result<Numbers> {
        let bytes = fs::read(path(folder, first))?;
        Numbers::from_bytes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Keeps them.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        files::write_whole(&path(folder, self.begin.first), &self.to_bytes())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.begin.to_bytes();
        let mut before = self.begin.after;
        for (token, made) in &self.events {
            let mut left = token.saturating_sub(before) << 1 | u64::from(*made);
            before = *token;
            while left > 0x7f {
                out.push(0x80 | (left & 0x7f) as u8);
                left >>= 7;
            }
            out.push(left as u8);
        }
        let check = crc32fast::hash(&out).to_be_bytes();
        out.extend(check);
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Numbers> {
        let (said, check) = bytes.split_last_chunk::<CHECK>()?;
        if crc32fast::hash(said).to_be_bytes() != *check {
            return None;
        }
        let begin = Begin::read(said)?;
        let (mut events, mut token, mut left, mut bits) = (Vec::new(), begin.after, 0_u64, 0);
        for octet in said.get(HEAD..)? {
            left |= u64::from(octet & 0x7f).checked_shl(bits)?;
            bits += 7;
            if octet & 0x80 == 0 {
                token = token.checked_add(left >> 1)?;
                events.push((token, left & 1 == 1));
                (left, bits) = (0, 0);
            }
        }
        (bits == 0).then_some(Numbers { begin, events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back_as_they_were_and_damage_is_noticed() {
        let begin = Begin { first: 5, after: 70 };
        let events = vec![(71, false), (71, true), (200, false), (1 << 40, true)];
        let numbers = Numbers { begin, events };
        let mut bytes = numbers.to_bytes();
        assert_eq!(Numbers::from_bytes(&bytes), Some(numbers));
        bytes[HEAD] ^= 1;
        assert_eq!(Numbers::from_bytes(&bytes), None);
    }
}
