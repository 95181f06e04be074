//! What the office is to be told of events that it has already, because somebody in them was erased: what is left of each.
//!
//! Files `amend-N.bla` beside the outbox, as long as a frame at most: records as in a segment, with the event's own number in
//! place of the journal's. One goes when the office says that it has done as it says.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Outbox, files, lock};
use crate::uplink::frame::{Amend, Class, Event};
use crate::uplink::outbox::{Found, Record, look};

/// Octets of a file: with numbers and lengths they fit in a frame.
const LONGEST: usize = 512 << 10;

/// Those that there are.
#[derive(Debug, Default)]
pub(super) struct Amends {
    /// Its number, and the last event that it is about.
    waiting: VecDeque<(u64, u64)>,
    next: u64,
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("amend-{number:020}.bla"))
}

fn read(folder: &Path, number: u64) -> io::Result<Vec<(u64, Event)>> {
    let bytes = fs::read(path(folder, number))?;
    let (mut rest, mut events) = (&bytes[..], Vec::new());
    while let Found::Record(record) = look(rest, true) {
        events.push((record.token, record.event()));
        rest = rest.get(record.size()..).unwrap_or_default();
    }
    Ok(events)
}

impl Amends {
    /// Those in a folder.
    pub fn open(folder: &Path) -> io::Result<Amends> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let name = name.to_str().unwrap_or_default();
            let number = name.strip_prefix("amend-").and_then(|rest| rest.strip_suffix(".bla"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        let mut amends =
            Amends { next: numbers.last().map_or(1, |last| last + 1), ..Amends::default() };
        for number in numbers {
            let last = read(folder, number)?.last().map_or(0, |(n, _)| *n);
            amends.waiting.push_back((number, last));
        }
        Ok(amends)
    }
}

impl Outbox {
    /// Keeps what is to be told, with the events' own numbers.
    pub(super) fn amend(&self, events: Vec<(u64, Class, Vec<u8>)>) -> io::Result<()> {
        let (mut records, mut last) = (Vec::new(), 0);
        for (n, class, body) in events {
            let record = Record { token: n, class, last: true, body: &body };
            if !records.is_empty() && records.len() + record.size() > LONGEST {
                self.keep_amend(&records, last)?;
                records.clear();
            }
            record.write(&mut records);
            last = n;
        }
        if records.is_empty() { Ok(()) } else { self.keep_amend(&records, last) }
    }

    fn keep_amend(&self, records: &[u8], last: u64) -> io::Result<()> {
        let number = lock(&self.0.amends).next;
        files::write_whole(&path(&self.0.folder, number), records)?;
        let mut amends = lock(&self.0.amends);
        amends.next = number + 1;
        amends.waiting.push_back((number, last));
        Ok(())
    }

    /// How much the office is to be told still.
    pub fn amends(&self) -> usize {
        lock(&self.0.amends).waiting.len()
    }

    /// What the office is to be told next: only of events that it has, as others reach it as they are by now. Waits for the disk.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn next_amend(&self) -> io::Result<Option<Amend>> {
        let arrived = self.arrived();
        let Some((mark, last)) = lock(&self.0.amends).waiting.front().copied() else {
            return Ok(None);
        };
        if last > arrived {
            return Ok(None);
        }
        let events = read(&self.0.folder, mark)?;
        Ok(Some(Amend { mark, epoch: self.epoch(), events }))
    }

    /// The office has done it for good.
    ///
    /// # Errors
    /// When the file does not go.
    pub fn amended(&self, mark: u64) -> io::Result<()> {
        let mut amends = lock(&self.0.amends);
        if amends.waiting.pop_front_if(|(number, _)| *number == mark).is_some() {
            fs::remove_file(path(&self.0.folder, mark))?;
        }
        Ok(())
    }
}
