//! Erasure in what has not left, or is perhaps on its way: events of whoever was erased are made again from the journal,
//! which has them without the person now. What was sent already, or may have been, is noted, and the office told of it.
//!
//! A number never changes. Each segment is written anew beside the old one and takes its name when it is on the disk. The file
//! `erasing` is there from before the erasure itself is in the outbox until all segments are done: what a kill has cut short
//! is done again at the start.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use super::super::files::{self, Segment};
use super::super::numbers::{self, Numbers};
use super::{Derived, Keeper, lock};
use crate::journal::outward;
use crate::uplink::frame::Class;
use crate::uplink::outbox::{Begin, Found, GONE, HEAD, Record, look};

/// Which file says that an erasure is not finished.
const MARK: &str = "erasing";

/// An erasure that is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Erasing {
    /// The journal's record of it: what came of later ones was made without the person.
    upto: u64,
    /// Segments before this number are done.
    next: u64,
}

/// What records of the journal become now, by their numbers.
type Made = BTreeMap<u64, Vec<(Class, Vec<u8>)>>;

impl Keeper {
    /// An erasure that a kill has cut short.
    pub(super) fn look_for_erasure(&mut self) {
        let said = fs::read_to_string(self.outbox.0.folder.join(MARK)).ok();
        // What cannot be read is an erasure all the same.
        self.erasing = said.map(|said| {
            let upto = said.trim().parse().unwrap_or(u64::MAX);
            Erasing { upto, next: 0 }
        });
    }

    /// Where these are to be written and one of them tells of an erasure, that is noted for good.
    pub(super) fn note_erasures(&mut self, records: &[u8]) -> io::Result<()> {
        let mut rest = records;
        let mut upto = None;
        while let Found::Record(record) = look(rest, false) {
            if outward::erases(record.class, record.body) {
                upto = Some(record.token);
            }
            rest = rest.get(record.size()..).unwrap_or_default();
        }
        let Some(upto) = upto else { return Ok(()) };
        files::write_whole(&self.outbox.0.folder.join(MARK), format!("{upto}\n").as_bytes())?;
        // The ones before are done along with it, from the first segment on.
        self.erasing = Some(Erasing { upto, next: 0 });
        Ok(())
    }

    /// Does the next segment. Others have their turn in between.
    pub(super) fn erase(&mut self) -> io::Result<()> {
        let Some(erasing) = self.erasing else { return Ok(()) };
        let folder = self.outbox.0.folder.clone();
        if erasing.next == 0 {
            self.erase_what_left(erasing.upto)?;
            // What a kill left of another writing may have the person in it.
            files::remove_drafts(&folder)?;
            self.end_segment()?;
        }
        let segment = {
            let segments = lock(&self.outbox.0.segments);
            segments.all.iter().copied().find(|segment| segment.first >= erasing.next)
        };
        let Some(segment) = segment.filter(|segment| self.is_to_do(*segment, erasing)) else {
            fs::remove_file(folder.join(MARK))?;
            files::sync_folder(&folder)?;
            self.erasing = None;
            tracing::info!("an erasure is carried out in the outbox");
            return Ok(());
        };
        self.erase_in(segment, erasing.upto)?;
        self.erasing = Some(Erasing { next: segment.first + 1, ..erasing });
        Ok(())
    }

    /// The segment that is being written now was begun after the erasure.
    fn is_to_do(&self, segment: Segment, erasing: Erasing) -> bool {
        let written = self.file.is_some() && segment.first == self.written.segment;
        !written || erasing.next == 0
    }

    /// What is written next goes to another segment.
    fn end_segment(&mut self) -> io::Result<()> {
        self.sync()?;
        self.file = None;
        Ok(())
    }

    fn erase_in(&mut self, segment: Segment, upto: u64) -> io::Result<()> {
        let path = segment.path(&self.outbox.0.folder);
        let bytes = fs::read(&path)?;
        let Some(begin) = Begin::read(&bytes) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (head, records) = bytes.split_at_checked(HEAD).ok_or(io::ErrorKind::InvalidData)?;
        let made = self.make_erased(begin.after, last_token(records).min(upto))?;
        let mut left = head.to_vec();
        let changed = replace(records, made, &mut left);
        if changed.is_empty() {
            return Ok(());
        }
        // The office may have them. It is told first: what is changed already is not found a second time.
        let changed = changed.into_iter().map(|(at, class, body)| (begin.first + at, class, body));
        self.outbox.amend(changed.collect())?;
        files::write_whole(&path, &left)?;
        let size = left.len() as u64;
        if segment.first == self.synced.segment {
            (self.written.size, self.synced.size) = (size, size);
        }
        let mut segments = lock(&self.outbox.0.segments);
        segments.rewritten += 1;
        let mut same = segments.all.iter_mut().filter(|own| own.first == segment.first);
        same.by_ref().for_each(|own| own.size = size);
        Ok(())
    }

    /// What the office has for good: it is told what is left of those events.
    fn erase_what_left(&mut self, upto: u64) -> io::Result<()> {
        let folder = self.outbox.0.folder.clone();
        for first in numbers::list(&folder)? {
            let mut numbers = match Numbers::read(&folder, first) {
                Ok(numbers) => numbers,
                Err(error) => {
                    tracing::error!(%error, first, "which events are whose that have left cannot be read here");
                    continue;
                }
            };
            let last = numbers.events.last().map_or(0, |(token, _)| *token).min(upto);
            let made = self.make_erased(numbers.begin.after, last)?;
            let gone = leaving(&mut numbers, made);
            if !gone.is_empty() {
                self.outbox.amend(gone)?;
                numbers.write(&folder)?;
            }
        }
        Ok(())
    }

    /// What those records become in which something cannot be read any more.
    fn make_erased(&mut self, mut after: u64, upto: u64) -> io::Result<Made> {
        let mut made = Made::new();
        while after < upto {
            let Derived { records, through } = self.derive.erased(after, upto)?;
            let mut rest = &records[..];
            while let Found::Record(record) = look(rest, false) {
                let all = made.entry(record.token).or_default();
                all.push((record.class, record.body.to_vec()));
                rest = rest.get(record.size()..).unwrap_or_default();
            }
            after = through.max(after + 1);
        }
        Ok(made)
    }
}

fn last_token(records: &[u8]) -> u64 {
    let (mut rest, mut last) = (records, 0);
    while let Found::Record(record) = look(rest, false) {
        last = record.token;
        rest = rest.get(record.size()..).unwrap_or_default();
    }
    last
}

/// What the office is to be told of events that it was not told of: their numbers and what is left of them.
fn leaving(numbers: &mut Numbers, mut made: Made) -> Vec<(u64, Class, Vec<u8>)> {
    let mut gone = Vec::new();
    for (n, (token, told)) in (numbers.begin.first..).zip(&mut numbers.events) {
        let Some(all) = made.get_mut(token) else { continue };
        let next = if all.is_empty() { None } else { Some(all.remove(0)) };
        // Of what class a piece was that is gone nobody knows here, and the office takes it by its number.
        let (class, body) = next.unwrap_or((Class::SHED, GONE.to_vec()));
        if !std::mem::replace(told, true) {
            gone.push((n, class, body));
        }
    }
    gone
}

/// Copies records, with what was made again in place of what was there. Answers what of that is anything else, and where.
///
/// What was a long event in pieces may be a short one now: of the pieces the numbers stay, and [`GONE`]. What was dropped for
/// want of room stays so.
fn replace(records: &[u8], mut made: Made, left: &mut Vec<u8>) -> Vec<(u64, Class, Vec<u8>)> {
    let (mut rest, mut changed, mut at) = (records, Vec::new(), 0);
    while let Found::Record(record) = look(rest, false) {
        at += 1;
        let whole = rest.get(..record.size()).unwrap_or_default();
        rest = rest.get(record.size()..).unwrap_or_default();
        let Some(all) = made.get_mut(&record.token) else {
            left.extend(whole);
            continue;
        };
        let next = if all.is_empty() { None } else { Some(all.remove(0)) };
        let (class, body) = match next {
            _ if record.class == Class::SHED => (Class::SHED, Vec::new()),
            Some(event) => event,
            None => (record.class, GONE.to_vec()),
        };
        Record { class, body: &body, ..record }.write(left);
        if (class, &body[..]) != (record.class, record.body) {
            changed.push((at - 1, class, body));
        }
    }
    left.extend(rest);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::frame::Event;
    use crate::uplink::outbox::write_all;

    #[test]
    fn numbers_stay_whatever_becomes_of_their_events() {
        let event = |class, body: &str| Event { class, body: body.into() };
        let mut records = Vec::new();
        let long = ["{\"long\":\"mark\"}", "{\"piece\":\"mark\"}", "{\"piece\":\"mark\"}"];
        write_all(&mut records, 1, &[event(Class::CALL, "{\"other\":1}")]);
        write_all(&mut records, 2, &long.map(|body| event(Class::MESSAGE, body)));
        write_all(&mut records, 3, &[event(Class::SHED, ""), event(Class::CALL, "{\"mark\":2}")]);
        let short = vec![(Class::MESSAGE, b"{\"long\":\"\"}".to_vec())];
        let call =
            vec![(Class::QUALITY, b"{\"q\":\"mark\"}".to_vec()), (Class::CALL, b"{}".to_vec())];
        let made = Made::from([(2, short), (3, call)]);
        let mut left = Vec::new();
        let changed = replace(&records, made.clone(), &mut left);
        assert_eq!(changed.iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [1, 2, 3, 5]);
        let (mut rest, mut found) = (&left[..], Vec::new());
        while let Found::Record(record) = look(rest, true) {
            found.push((record.token, record.last, String::from_utf8_lossy(record.body)));
            rest = &rest[record.size()..];
        }
        let gone = String::from_utf8_lossy(GONE);
        let wanted = [
            (1, true, "{\"other\":1}"),
            (2, false, "{\"long\":\"\"}"),
            (2, false, &gone),
            (2, true, &gone),
            (3, false, ""),
            (3, true, "{}"),
        ];
        assert_eq!(found, wanted.map(|(token, last, body)| (token, last, body.into())));
        let again = replace(&left.clone(), made, &mut Vec::new());
        assert!(again.is_empty(), "a second time it is nothing new");
    }
}
