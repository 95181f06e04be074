//! The outbox: what of the journal may leave the premises, on the disk until the office has it.
//!
//! [`Outbox`] is the handle of whoever carries events home; [`Keeper`] is the thread that owns the files. What is in them is
//! exactly the journal, filtered by the site's policy. The journal's thread hands over what it has made durable, so the
//! outbox never has what the journal has not, and no phone ever waits for the outbox's disk. Where something was missed (a
//! kill, a full disk, a thread that was too slow) it is made again from the journal, with the same bytes and numbers.
//!
//! Files, in the folder `outbox` below the site's data: `outbox-N.blo`, segments named by the number of their first event;
//! `epoch`, which outbox it is; `arrived`, how far the office has it as far as is known. What was damaged stays beside them as
//! `outbox-N.blo.damaged`. `outbox-N.bln` says of events that the office has where they came from, and `amend-N.bla` what it is to
//! be told of those who were erased.
//!
//! A box that was restored from a copy has an outbox whose next numbers the office knows already, for other events. It is
//! another outbox from then on: what is not known to have arrived is sent under its new name.

mod again;
mod amends;
mod epoch;
mod files;
mod keeper;
mod left;
mod numbers;
mod preview;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::admin::{Lamp, Part};
use crate::journal::left as left_log;
use crate::uplink::frame::{Class, Event};
use crate::uplink::outbox::{self as form, Found, HEAD};

use self::epoch::Epoch;
pub use again::Again;
pub use files::Segment;
pub use keeper::{Derive, Derived, Feed, Keeper, Second, Settings};
pub use left::{Fault, Left, path as left, verify};
pub use preview::{About, preview};

/// Octets that are read at once at least: a reading costs the same for one event as for a few hundred.
const READ_AHEAD: usize = 64 << 10;
/// Octets that are looked at at once on the way to an event in the middle of a segment.
const SKIM: usize = 1 << 20;

/// Which events are on the disk for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The oldest that is still there; one more than the newest when none is.
    pub first: u64,
    /// The newest; 0: nothing yet.
    pub newest: u64,
}

/// How much of the disk it takes, and what became of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Octets on the disk.
    pub octets: u64,
    /// Octets that it may take.
    pub most: u64,
    /// Octets above which a person is told.
    pub alarm: u64,
    /// Events of which only the number is left, since the start.
    pub shed: u64,
    /// Whether it was not possible to write since the last try.
    pub failed: bool,
    /// Records of the journal that are not in it yet.
    pub behind: u64,
}

impl Room {
    /// Whether it takes more than it may, although everything that may go is gone.
    pub fn is_over(&self) -> bool {
        self.octets > self.most
    }

    /// Whether a person should know.
    pub fn is_short(&self) -> bool {
        self.octets > self.alarm
    }
}

/// The way to the outbox.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    epoch: Mutex<Epoch>,
    /// The office has what was never sent: to be another outbox.
    ahead: AtomicBool,
    span: watch::Sender<Span>,
    arrived: AtomicU64,
    segments: Mutex<Segments>,
    cursor: Mutex<Option<Cursor>>,
    room: Mutex<Room>,
    /// Recordings and files of messages that the office has, and the log of what left does not.
    untold: Mutex<Vec<left_log::File>>,
    /// What it is to be told of those who were erased.
    amends: Mutex<amends::Amends>,
}

/// Which files there are, the oldest first.
#[derive(Debug, Default)]
struct Segments {
    all: VecDeque<Segment>,
    /// Counts rewritings: a place in a file is of no use after one.
    rewritten: u64,
}

/// Where the last reading ended.
#[derive(Debug)]
struct Cursor {
    file: File,
    segment: u64,
    rewritten: u64,
    number: u64,
    at: u64,
}

impl Outbox {
    /// Which outbox it is: made at random along with it, and anew where the office has what was never sent.
    pub fn epoch(&self) -> String {
        lock(&self.0.epoch).name.clone()
    }

    /// The office has more of the outbox of that name than there is: this box was restored from a copy. It is another outbox before long. What is
    /// not known to have arrived is sent again then, some of it perhaps a second time, and nothing is lost.
    pub fn office_is_ahead(&self, of: &str) {
        let epoch = lock(&self.0.epoch);
        // It may be another one already.
        if epoch.name == of {
            self.0.ahead.store(true, Ordering::Release);
        }
    }

    /// Whether the office was ahead of it, and it is not another outbox yet: nothing is to be sent under this name.
    pub fn is_behind_office(&self) -> bool {
        self.0.ahead.load(Ordering::Acquire) || lock(&self.0.epoch).refused
    }

    /// What is in it for good; changes are told.
    pub fn span(&self) -> watch::Receiver<Span> {
        self.0.span.subscribe()
    }

    /// The office had all up to here, as far as is known: it may have more.
    pub fn arrived(&self) -> u64 {
        self.0.arrived.load(Ordering::Acquire)
    }

    /// The office has all up to here for good. The files are let go of soon, whole segments at a time.
    pub fn let_go(&self, upto: u64) {
        let newest = self.0.span.borrow().newest;
        self.0.arrived.fetch_max(upto.min(newest), Ordering::AcqRel);
    }

    /// A recording or a file of a message is at the office: the log tells it soon.
    pub fn file_left(&self, file: left_log::File) {
        lock(&self.0.untold).push(file);
    }

    /// What the log does not tell yet.
    pub fn untold(&self) -> Vec<left_log::File> {
        lock(&self.0.untold).clone()
    }

    /// The log tells so many of these.
    fn told(&self, count: usize) {
        lock(&self.0.untold).drain(..count);
    }

    /// How much of the disk it takes.
    pub fn room(&self) -> Room {
        *lock(&self.0.room)
    }

    /// How it is, for a person.
    pub fn part(&self) -> Part {
        let room = self.room();
        let waiting = self.0.span.borrow().newest.saturating_sub(self.arrived());
        let takes = format!(
            "{waiting} events wait for head office, {:.1} of {} MB",
            room.octets as f64 / MEGABYTE as f64,
            room.most / MEGABYTE
        );
        let shed = match room.shed {
            0 => String::new(),
            shed => format!("; {shed} figures and samples were dropped for want of room"),
        };
        let (lamp, words) = match () {
            () if room.is_over() => (
                Lamp::Red,
                format!(
                    "{takes}: over [uplink.budget] max_mb, and nothing more may be dropped{shed}; calls go on"
                ),
            ),
            () if room.failed => (
                Lamp::Amber,
                format!("cannot be written; it is made again from the journal when it can{shed}"),
            ),
            () if room.is_short() => (Lamp::Amber, format!("{takes}: nearly full{shed}")),
            () if room.behind > BEHIND => {
                (Lamp::Amber, format!("{takes}; {} records of the journal to come", room.behind))
            }
            () => (Lamp::Green, format!("{takes}{shed}")),
        };
        Part { name: "outbox".to_owned(), lamp, words }
    }

    /// Events from this one on, of no more octets than `most` but at least one where there is one. Waits for the disk. An
    /// event whose bytes are damaged is as one that was shed: its number stays.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&self, from: u64, most: usize) -> io::Result<Vec<Event>> {
        let span = *self.0.span.borrow();
        if from < span.first.max(1) || from > span.newest {
            return Ok(Vec::new());
        }
        let mut place = lock(&self.0.cursor);
        // A segment may be rewritten or let go of between the look-up and the opening of the file: then it is looked up anew.
        for _ in 0..TRIES {
            let Some(segment) = self.segment(from) else { return Ok(Vec::new()) };
            let cursor = match place.take().filter(|cursor| cursor.is_at(&segment, from)) {
                Some(cursor) => cursor,
                None => match Cursor::open(&segment, from) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    cursor => cursor?,
                },
            };
            let upto = span.newest.min(segment.upto);
            let (events, cursor) = cursor.read(upto, most)?;
            *place = cursor;
            return Ok(events);
        }
        Ok(Vec::new())
    }

    fn segment(&self, number: u64) -> Option<Place> {
        let segments = lock(&self.0.segments);
        let after = segments.all.partition_point(|segment| segment.first <= number);
        let segment = segments.all.get(after.checked_sub(1)?)?;
        let upto = segments.all.get(after).map_or(u64::MAX, |next| next.first - 1);
        let (first, rewritten) = (segment.first, segments.rewritten);
        Some(Place { first, upto, rewritten, path: segment.path(&self.0.folder) })
    }
}

const MEGABYTE: u64 = 1 << 20;
/// Records that it may be behind the journal without anybody being told: some seconds of a busy branch.
const BEHIND: u64 = 10_000;
/// How often a segment that is gone meanwhile is looked up again.
const TRIES: usize = 3;

/// The segment in which an event is.
struct Place {
    first: u64,
    /// The last that may be in it.
    upto: u64,
    rewritten: u64,
    path: PathBuf,
}

impl Cursor {
    fn is_at(&self, place: &Place, number: u64) -> bool {
        (self.segment, self.rewritten, self.number) == (place.first, place.rewritten, number)
    }

    fn open(place: &Place, number: u64) -> io::Result<Cursor> {
        let file = File::open(&place.path)?;
        let (segment, rewritten) = (place.first, place.rewritten);
        let mut cursor = Cursor { file, segment, rewritten, number: segment, at: HEAD as u64 };
        let mut held = Vec::new();
        while cursor.number < number {
            cursor.fill(&mut held, SKIM)?;
            let mut rest = &held[..];
            let before = cursor.number;
            while cursor.number < number
                && let Found::Record(record) = form::look(rest, false)
            {
                rest = rest.get(record.size()..).unwrap_or_default();
                (cursor.at, cursor.number) = (cursor.at + record.size() as u64, cursor.number + 1);
            }
            if cursor.number == before {
                // Damaged on the way: reading begins at the damage, and says so.
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(cursor)
    }

    /// Reads octets from where it stands.
    fn fill(&self, held: &mut Vec<u8>, count: usize) -> io::Result<()> {
        held.resize(count, 0);
        let mut read = 0;
        while read < count {
            let rest = held.get_mut(read..).unwrap_or_default();
            match self.file.read_at(rest, self.at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        held.truncate(read);
        Ok(())
    }

    fn read(mut self, upto: u64, most: usize) -> io::Result<(Vec<Event>, Option<Cursor>)> {
        let (mut held, mut events, mut octets) = (Vec::new(), Vec::new(), 0);
        let mut count = most.max(READ_AHEAD);
        loop {
            self.fill(&mut held, count)?;
            let mut rest = &held[..];
            loop {
                if self.number > upto {
                    return Ok((events, Some(self)));
                }
                match form::look(rest, true) {
                    Found::Record(record) => {
                        let event = record.event();
                        octets += event.len();
                        if octets > most && !events.is_empty() {
                            return Ok((events, Some(self)));
                        }
                        events.push(event);
                        rest = rest.get(record.size()..).unwrap_or_default();
                        self.at += record.size() as u64;
                        self.number += 1;
                    }
                    Found::Short(_) if !events.is_empty() => return Ok((events, Some(self))),
                    Found::Short(missing) if held.len() == count => {
                        count += missing;
                        break;
                    }
                    Found::Short(_) | Found::Damaged if events.is_empty() => {
                        return Ok((self.lost(upto), None));
                    }
                    Found::Short(_) | Found::Damaged => return Ok((events, Some(self))),
                }
            }
        }
    }

    /// What stands for events that cannot be read any more: their numbers.
    fn lost(&self, upto: u64) -> Vec<Event> {
        let count = usize::try_from(upto - self.number + 1).unwrap_or(usize::MAX).min(MOST_LOST);
        tracing::error!(first = self.number, count, "events of the outbox cannot be read any more");
        vec![Event { class: Class::SHED, body: Vec::new() }; count]
    }
}

/// Events that are given up at once: the rest of a segment of short ones.
const MOST_LOST: usize = 65_536;

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the outbox below a site's data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("outbox")
}

#[cfg(test)]
mod tests;
