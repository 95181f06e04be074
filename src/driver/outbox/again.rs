//! Making events again from the journal's files: what the outbox missed, with the same bytes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Derive, Derived};
use crate::driver::{journal, segments};
use crate::journal::Token;
use crate::journal::event::Event;
use crate::journal::outward::{self, Outward};
use crate::journal::personal::Reading;
use crate::journal::record::{Found, decode};

/// Octets of events that are made at once: the keeper looks up in between.
const MOUTHFUL: usize = 1 << 20;
/// Records that are looked at at once, where few of them become events.
const MOST: usize = 20_000;

/// Who reads the journal for it.
#[derive(Debug)]
pub struct Again {
    data: PathBuf,
    outward: Outward,
    keys: Option<(Stamp, Reading)>,
    place: Option<Place>,
}

/// When a file was changed last, and its length: another one has other keys.
type Stamp = (Option<SystemTime>, u64);

/// Where in the journal it stands, and what was read from there on.
#[derive(Debug)]
struct Place {
    segment: u64,
    /// Octets of the segment before what was read.
    offset: u64,
    bytes: Vec<u8>,
    at: usize,
    /// The last record that was looked at.
    through: u64,
}

impl Again {
    /// From the journal below `data`.
    pub fn new(data: &Path, outward: Outward) -> Again {
        Again { data: data.to_owned(), outward, keys: None, place: None }
    }

    /// The keys as they are now.
    fn keys(&mut self) -> io::Result<&Reading> {
        let file = std::fs::metadata(self.data.join("keys").join("subjects"))?;
        let stamp = (file.modified().ok(), file.len());
        let known = self.keys.take().filter(|(known, _)| *known == stamp);
        let keys = match known {
            Some((_, keys)) => keys,
            None => journal::reading(&self.data).map_err(io::Error::other)?,
        };
        Ok(&self.keys.insert((stamp, keys)).1)
    }

    /// Stands where the record behind `after` is.
    fn stand(&mut self, after: u64) -> io::Result<()> {
        if self.place.as_ref().is_some_and(|place| place.through == after) {
            return Ok(());
        }
        let all = segments::list(&journal::folder(&self.data))?;
        let behind = all.partition_point(|segment| segment.first <= after + 1);
        let first = behind.checked_sub(1).and_then(|place| all.get(place)).or(all.first());
        self.place = match first {
            Some(first) => Some(Place::open(first.first, &first.path, 0, after)?),
            None => None,
        };
        Ok(())
    }

    /// Goes on behind the end of what was read: in what the segment has by now, or in the next one. Answers whether there is
    /// anything.
    fn read_on(&mut self, upto: u64) -> io::Result<bool> {
        let Some(place) = &self.place else { return Ok(false) };
        let all = segments::list(&journal::folder(&self.data))?;
        let consumed = place.offset + place.at as u64;
        let (segment, through) = (place.segment, place.through);
        let own = all.iter().find(|own| own.first == segment);
        if let Some(own) = own {
            let more = Place::open(segment, &own.path, consumed, through)?;
            if matches!(decode(&more.bytes), Found::Record(_)) {
                self.place = Some(more);
                return Ok(true);
            }
        }
        let next = all.iter().find(|next| next.first > segment && next.first <= upto);
        let Some(next) = next else { return Ok(false) };
        self.place = Some(Place::open(next.first, &next.path, 0, through)?);
        Ok(true)
    }
}

impl Place {
    fn open(segment: u64, path: &Path, offset: u64, through: u64) -> io::Result<Place> {
        let bytes = segments::read_from(path, offset, u64::MAX)?;
        Ok(Place { segment, offset, bytes, at: 0, through })
    }
}

impl Derive for Again {
    fn derive(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        self.make(after, upto, |_| true)
    }

    fn erased(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        self.make(after, upto, outward::is_erased)
    }
}

impl Again {
    /// What those records become that are wanted, which are asked for as far as they can be read.
    fn make(
        &mut self,
        after: u64,
        upto: u64,
        wanted: impl Fn(&mut Event) -> bool,
    ) -> io::Result<Derived> {
        self.keys()?;
        self.stand(after)?;
        let mut records = Vec::new();
        let mut through = after;
        for _ in 0..MOST {
            let Some(place) = &mut self.place else { break };
            if records.len() >= MOUTHFUL || through >= upto {
                break;
            }
            match decode(place.bytes.get(place.at..).unwrap_or_default()) {
                Found::Record(record) if record.seq > upto => break,
                Found::Record(record) => {
                    place.at += record.bytes.len();
                    if record.seq <= through {
                        continue;
                    }
                    through = record.seq;
                    place.through = through;
                    let event: Option<Event> = serde_json::from_slice(record.payload).ok();
                    if let (Some(mut event), Some((_, keys))) = (event, &self.keys) {
                        outward::open(&mut event, keys);
                        if !wanted(&mut event) {
                            continue;
                        }
                        self.outward.write(&mut records, Token(record.seq), record.at, &event);
                    }
                }
                Found::Damage(skip) => place.at += skip,
                Found::Torn | Found::End => {
                    if !self.read_on(upto)? {
                        // Nothing more is there: what is missing cannot be had any more.
                        through = upto;
                        break;
                    }
                }
            }
        }
        if through >= upto {
            // Some megabytes that nobody needs for a while.
            self.place = None;
        }
        Ok(Derived { records, through })
    }
}
