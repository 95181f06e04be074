//! How events stand in the outbox: the form of its segments and records, for whoever writes and reads its files.
//!
//! A segment begins with [`Begin`], which says the number of its first event, so an event needs none. Each record says which
//! record of the journal it came from: so the outbox can be cut off where the journal ends, and made again from where it
//! ends itself. What one record of the journal becomes is there as a whole or not at all. Numbers are in network order.

use super::frame::{Class, Event};
use super::long;

/// Octets of a segment's head.
pub const HEAD: usize = 28;
/// Octets before each body: its length (4), CRC-32 of all that follows (4), the journal's record (8), the class (1), marks (1).
pub const BEFORE: usize = 18;
/// Octets of the longest body that is believed.
const LONGEST: usize = super::frame::LONGEST;

/// What an event says of which nothing is left but its number and class: it was a piece of one that is shorter now, as somebody
/// in it was erased.
pub const GONE: &[u8] = br#"{"event":"gone"}"#;

const MAGIC: &[u8; 8] = b"BLOUT1\r\n";
/// The mark of the last event that one record of the journal becomes.
const LAST: u8 = 1;

/// What a segment begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// The number of its first event.
    pub first: u64,
    /// The journal's record up to which the segments before it go.
    pub after: u64,
}

impl Begin {
    /// As octets.
    pub fn to_bytes(self) -> Vec<u8> {
        let said = [self.first.to_be_bytes(), self.after.to_be_bytes()].concat();
        let checked = crc32fast::hash(&said).to_be_bytes();
        [&MAGIC[..], &said, &checked].concat()
    }

    /// Reads it; nothing when it is none.
    pub fn read(bytes: &[u8]) -> Option<Begin> {
        let said = bytes.strip_prefix(MAGIC)?.get(..16)?;
        let checked = bytes.get(24..HEAD)?;
        let (first, after) = said.split_at_checked(8)?;
        (crc32fast::hash(said).to_be_bytes() == checked)
            .then_some(Begin { first: whole(first)?, after: whole(after)? })
    }
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The journal's record that it came from.
    pub token: u64,
    /// What the event is.
    pub class: Class,
    /// Whether it is the last that came from there.
    pub last: bool,
    /// What it says.
    pub body: &'a [u8],
}

impl Record<'_> {
    /// Octets that it takes.
    pub fn size(&self) -> usize {
        BEFORE + self.body.len()
    }

    /// The event.
    pub fn event(&self) -> Event {
        Event { class: self.class, body: self.body.to_vec() }
    }

    /// Writes it behind what is there.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.size());
        out.extend(u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend([0; 4]);
        out.extend(self.token.to_be_bytes());
        out.extend([self.class.0, if self.last { LAST } else { 0 }]);
        out.extend(self.body);
        let checked = crc32fast::hash(out.get(start + 8..).unwrap_or_default());
        if let Some(place) = out.get_mut(start + 4..start + 8) {
            place.copy_from_slice(&checked.to_be_bytes());
        }
    }

    /// The same with nothing left of it but its number.
    pub fn shed(self) -> Record<'static> {
        Record { token: self.token, class: Class::SHED, last: self.last, body: &[] }
    }
}

/// Writes what one record of the journal becomes; an event that is longer than a frame carries as [`long`] cuts it.
pub fn write_all(out: &mut Vec<u8>, token: u64, events: &[Event]) {
    if events.iter().any(|event| event.body.len() > long::LONGEST) {
        let fitted: Vec<Event> = events.iter().cloned().flat_map(long::fit).collect();
        return write_all(out, token, &fitted);
    }
    for (place, Event { class, body }) in events.iter().enumerate() {
        let last = place + 1 == events.len();
        Record { token, class: *class, last, body }.write(out);
    }
}

/// What stands at a place of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// The beginning of one, of which so many octets are missing at least.
    Short(usize),
    /// What is none.
    Damaged,
}

/// Looks at the beginning of `bytes`. `checked`: whether the checksum is to be looked at.
pub fn look(bytes: &[u8], checked: bool) -> Found<'_> {
    let Some((before, rest)) = bytes.split_at_checked(BEFORE) else {
        return Found::Short(BEFORE - bytes.len());
    };
    match read(before, rest) {
        Some((_, _, length)) if length > LONGEST => Found::Damaged,
        Some((_, _, length)) if length > rest.len() => Found::Short(length - rest.len()),
        Some((record, crc, _)) => {
            let sum = || crc32fast::hash(bytes.get(8..record.size()).unwrap_or_default());
            if checked && sum() != crc { Found::Damaged } else { Found::Record(record) }
        }
        None => Found::Damaged,
    }
}

/// Whether there is something that is no record, behind the whole ones, and not only the beginning of one: what a power cut
/// leaves is short, or ends in zeros.
pub fn is_damaged(mut bytes: &[u8]) -> bool {
    while let Found::Record(record) = look(bytes, true) {
        bytes = bytes.get(record.size()..).unwrap_or_default();
    }
    look(bytes, true) == Found::Damaged && bytes.last() != Some(&0)
}

fn read<'a>(before: &[u8], rest: &'a [u8]) -> Option<(Record<'a>, u32, usize)> {
    let length = u32::from_be_bytes(before.get(..4)?.try_into().ok()?);
    let crc = u32::from_be_bytes(before.get(4..8)?.try_into().ok()?);
    let token = whole(before.get(8..16)?)?;
    let (class, marks) = (Class(*before.get(16)?), *before.get(17)?);
    let length = usize::try_from(length).ok()?;
    let body = rest.get(..length).unwrap_or_default();
    Some((Record { token, class, last: marks & LAST != 0, body }, crc, length))
}

fn whole(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        let event = |class, text: &str| Event { class, body: text.into() };
        write_all(&mut out, 7, &[event(Class::CALL, "{}"), event(Class::QUALITY, "{\"a\":1}")]);
        write_all(&mut out, 9, &[event(Class::AUDIT, "")]);
        out
    }

    #[test]
    fn records_come_back_and_say_where_they_came_from_and_which_is_the_last() {
        let bytes = written();
        let (mut rest, mut read) = (&bytes[..], Vec::new());
        while let Found::Record(record) = look(rest, true) {
            read.push((record.token, record.class, record.last, record.body.len()));
            rest = &rest[record.size()..];
        }
        assert_eq!(look(rest, true), Found::Short(BEFORE));
        let wanted =
            [(7, Class::CALL, false, 2), (7, Class::QUALITY, true, 7), (9, Class::AUDIT, true, 0)];
        assert_eq!(read, wanted);
    }

    #[test]
    fn one_bit_that_flips_is_noticed_and_none_makes_a_record_up() {
        let bytes = written();
        let Found::Record(first) = look(&bytes, true) else { panic!("a record") };
        for bit in 0..first.size() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(look(&bent, true), Found::Record(_)), "bit {bit}");
        }
        for cut in 0..first.size() {
            assert!(matches!(look(&bytes[..cut], true), Found::Short(missing) if missing > 0));
        }
        let begin = Begin { first: 3, after: 9 };
        let mut head = begin.to_bytes();
        assert_eq!((head.len(), Begin::read(&head)), (HEAD, Some(begin)));
        head[12] ^= 1;
        assert_eq!(Begin::read(&head), None);
    }

    #[test]
    fn what_is_longer_than_a_frame_is_cut_and_figures_keep_their_number() {
        let mut out = Vec::new();
        let long = |class| Event { class, body: vec![b'x'; LONGEST + 1] };
        write_all(&mut out, 1, &[long(Class::MESSAGE), long(Class::METRICS)]);
        let (mut rest, mut found) = (&out[..], Vec::new());
        while let Found::Record(record) = look(rest, true) {
            found.push((record.class, record.last));
            rest = &rest[record.size()..];
        }
        assert!(rest.is_empty());
        let (last, before) = found.split_last().unwrap();
        assert_eq!(*last, (Class::SHED, true));
        assert!(before.len() > 1 && before.iter().all(|part| *part == (Class::MESSAGE, false)));
    }
}
