//! The engine on one machine: one thread appends to segment files, syncs once for all that came meanwhile, and only then
//! says that it is kept.
//!
//! Files, all in `stream/` below the hub's folder: `hub-N.blh`, which begin with the record number N, each with a head that
//! tells how far every outbox is. At the start the newest one is read, its torn end is cut off, and a fresh one is begun:
//! what was found is on the disk before anybody is told of it. What is damaged is never deleted: what is whole in it is used,
//! and what is not stays beside it as `hub-N.blh.damaged`. After a write or a sync that failed the file is cut to what
//! is sure and left alone; after a rest a fresh one is tried, so that a disk with room again is used again by itself.

mod erasing;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use tokio::sync::{oneshot, watch};

use super::engine::{Contact, NotKept};
use super::lookup::Lookup;
use super::rows::Rows;
use super::watching::View;
use crate::driver::clock;
use crate::hub::kept::{self, Batch, Kept, Ledger, Outboxed, Undo};
use crate::journal::record::{Found, MAGIC, decode};

/// Octets that may wait for the disk: some seconds of a slow one.
const MOST_WAITING: usize = 256 << 20;
/// Batches that may; the octets are the bound that matters.
const WAITING: usize = 1 << 16;
/// Jobs of one site that may wait: a connection has no more under way, and one that took its place as many again.
const MOST_OF_ONE: usize = 512;
/// Octets that are written and synced together at most: what a disk takes in a few milliseconds.
const TOGETHER: usize = 16 << 20;
/// Octets of a segment: few enough to be read at a start in a blink, and to be deleted one by one.
const SEGMENT: u64 = 64 << 20;
/// A segment that is this old is ended, so that what is kept for so many days is not kept for months in a quiet house.
const LONGEST_SEGMENT: Duration = Duration::from_secs(86_400);
/// How long a disk that failed is let be.
const REST: Duration = Duration::from_secs(1);

/// Why the engine does not start.
#[derive(Debug)]
pub enum CannotOpen {
    /// A file or folder.
    File(PathBuf, io::Error),
    /// Another hub runs on this folder.
    Running(PathBuf),
    /// No thread.
    Thread(io::Error),
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotOpen::File(path, error) => write!(f, "{}: {error}", path.display()),
            CannotOpen::Running(path) => {
                write!(f, "another hub runs on {}", path.display())
            }
            CannotOpen::Thread(error) => write!(f, "no thread for the hub's disk: {error}"),
        }
    }
}

impl std::error::Error for CannotOpen {}

/// The way to the thread.
#[derive(Clone)]
pub struct Embedded {
    jobs: mpsc::SyncSender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// Octets that wait.
    waiting: AtomicUsize,
    /// How many jobs of each site do.
    of_sites: Mutex<BTreeMap<String, usize>>,
    /// The next number of the stream: all before it is on the disk.
    durable: watch::Sender<u64>,
    view: View,
    lookup: Lookup,
    /// Who still reads, and the number that he wants next.
    readers: Mutex<BTreeMap<String, u64>>,
    /// Counts segments that became other files: a place in one is of no use after that.
    rewritten: RwLock<u64>,
    /// Held by whoever does so.
    amending: Mutex<()>,
}

impl Shared {
    /// A batch is to wait. Not where there is no room, or where the site has its share of it.
    fn enters(&self, site: &str, size: usize) -> bool {
        let mut sites = self.of_sites.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = sites.get(site).copied().unwrap_or(0);
        if waits >= MOST_OF_ONE || self.waiting.load(Ordering::Acquire) > MOST_WAITING {
            return false;
        }
        sites.insert(site.to_owned(), waits + 1);
        self.waiting.fetch_add(size, Ordering::AcqRel);
        true
    }

    fn leaves(&self, site: &str, size: usize) {
        let mut sites = self.of_sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = sites.get_mut(site) {
            *waits -= 1;
            if *waits == 0 {
                sites.remove(site);
            }
        }
        self.waiting.fetch_sub(size, Ordering::AcqRel);
    }
}

type Answer = oneshot::Sender<Result<u64, NotKept>>;

enum Job {
    Position(Outboxed, Answer),
    Keep(Outboxed, Batch, Answer),
    /// What comes next goes into another segment; answered with the number of that.
    End(Answer),
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedded({})", self.shared.folder.display())
    }
}

impl Embedded {
    /// Opens the stream below `dir`, which is made where there is none.
    ///
    /// # Errors
    /// When the folder cannot be used, or another hub uses it.
    pub fn open(dir: &Path) -> Result<Embedded, CannotOpen> {
        Embedded::open_for(dir, None)
    }

    /// The same, where events may be deleted once they are so old and every reader has had them.
    ///
    /// # Errors
    /// As there.
    pub fn open_for(dir: &Path, keep: Option<Duration>) -> Result<Embedded, CannotOpen> {
        let folder = dir.join("stream");
        let in_file = |error| CannotOpen::File(folder.clone(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(in_file)?;
        let lock = lock(&folder)?;
        erasing::remove_drafts(&folder).map_err(in_file)?;
        let ledger = read_back(&folder).map_err(in_file)?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(in_file)?;
        let lookup = Lookup::open(dir).map_err(|error| CannotOpen::File(dir.to_owned(), error))?;
        let shared = Arc::new(Shared {
            folder,
            waiting: AtomicUsize::new(0),
            of_sites: Mutex::default(),
            durable: watch::Sender::new(ledger.next()),
            view: View::default(),
            lookup,
            readers: Mutex::default(),
            rewritten: RwLock::default(),
            amending: Mutex::default(),
        });
        let writer = Writer {
            shared: shared.clone(),
            ledger,
            keep,
            segment: None,
            again: None,
            ends: false,
            buffer: Vec::new(),
            _lock: lock,
        };
        let (jobs, waiting) = mpsc::sync_channel(WAITING);
        let thread = thread::Builder::new().name("hub".to_owned());
        thread.spawn(move || writer.run(&waiting)).map_err(CannotOpen::Thread)?;
        Ok(Embedded { jobs, shared })
    }

    /// See [`Engine::position`](super::engine::Engine::position).
    ///
    /// # Errors
    /// See there.
    pub async fn position(&self, of: &Outboxed) -> Result<u64, NotKept> {
        let (answer, answered) = oneshot::channel();
        if self.jobs.try_send(Job::Position(of.clone(), answer)).is_err() {
            return Err(NotKept::Busy);
        }
        answered.await.unwrap_or(Err(NotKept::Over))
    }

    /// See [`Engine::keep`](super::engine::Engine::keep).
    pub fn keep(&self, of: &Outboxed, batch: Batch) -> oneshot::Receiver<Result<u64, NotKept>> {
        let (answer, answered) = oneshot::channel();
        let size = batch.size();
        if !self.shared.enters(&of.site, size) {
            // Whoever waits for it hears it, or has gone.
            let _ = answer.send(Err(NotKept::Busy));
            return answered;
        }
        if self.jobs.try_send(Job::Keep(of.clone(), batch, answer)).is_err() {
            // The answer was dropped with the job: that says the same.
            self.shared.leaves(&of.site, size);
        }
        answered
    }

    /// See [`Engine::heard`](super::engine::Engine::heard).
    pub fn heard(&self, site: &str, what: Contact) {
        self.shared.view.heard(site, what);
    }

    /// The sites as they are.
    pub fn view(&self) -> &View {
        &self.shared.view
    }

    /// Somebody reads, and wants this number next: nothing from there on is deleted.
    pub fn hold(&self, who: &str, next: u64) {
        let mut readers = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.insert(who.to_owned(), next);
    }

    /// Rows of what is looked up.
    pub fn rows(&self) -> Rows {
        Rows::Here(self.shared.lookup.clone())
    }

    /// The next number of the stream, as it grows.
    pub fn grows(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// Reads on from wherever `tail` is.
    pub fn tail(&self) -> Tail {
        Tail { shared: self.shared.clone(), place: None, rewritten: 0 }
    }
}

/// Two programs on one stream would ruin it.
fn lock(folder: &Path) -> Result<Flock<File>, CannotOpen> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| CannotOpen::File(path, error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| CannotOpen::Running(folder.to_owned()))
}

/// A segment file and the number of its first record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    first: u64,
    path: PathBuf,
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("hub-{first:020}.blh"))
}

fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("hub-").and_then(|rest| rest.strip_suffix(".blh"));
        if let Some(first) = number.and_then(|number| number.parse().ok()) {
            segments.push(Segment { first, path });
        }
    }
    segments.sort();
    Ok(segments)
}

/// Reads everything from a hub's folder, whether a hub runs on it or not: what is being written at that moment may be missing.
///
/// # Errors
/// When a file cannot be read.
pub fn read_all(dir: &Path, mut each: impl FnMut(Kept)) -> Result<(), CannotOpen> {
    let folder = dir.join("stream");
    let wrong = |error| CannotOpen::File(folder.clone(), error);
    for segment in list(&folder).map_err(wrong)? {
        let bytes = fs::read(&segment.path).map_err(wrong)?;
        let mut rest = &bytes[..];
        loop {
            match decode(rest) {
                Found::Record(record) => {
                    kept::open(&record, 0).into_iter().for_each(&mut each);
                    rest = rest.get(record.bytes.len()..).unwrap_or_default();
                }
                Found::Damage(skip) => rest = rest.get(skip..).unwrap_or_default(),
                Found::Torn | Found::End => break,
            }
        }
    }
    Ok(())
}

/// How far everything is, from the newest segment whose head can be read, and what came after that. What is torn at the end
/// of the newest was never acknowledged, and is cut off; its numbers are given to nobody else.
///
/// A head that is damaged costs nothing: it says what the segments before it say. What cannot be read at all is set aside.
fn read_back(folder: &Path) -> io::Result<Ledger> {
    let mut unread = Vec::new();
    for segment in list(folder)?.into_iter().rev() {
        let bytes = fs::read(&segment.path)?;
        let has_head = kept::begins(&bytes);
        unread.push((segment, bytes));
        if has_head {
            break;
        }
    }
    let (mut ledger, mut newest) = (Ledger::default(), None);
    for (segment, bytes) in unread.iter().rev() {
        let read = Read::new(&mut ledger, bytes);
        if read.records == 0 {
            set_aside(segment, bytes)?;
            // An event has an octet at least: no more of them than that had a number.
            ledger.skip_to(segment.first.saturating_add(bytes.len() as u64));
            continue;
        }
        if read.damaged > 0 {
            let (path, damaged) = (segment.path.display(), read.damaged);
            tracing::error!(%path, damaged, "the hub's stream is damaged here; what is whole is used");
        }
        newest = Some((segment, bytes, read));
    }
    if let Some((segment, bytes, read)) = newest
        && read.good < bytes.len()
    {
        cut_off(segment, bytes, &read)?;
        ledger.skip_to(ledger.next().saturating_add((bytes.len() - read.good) as u64));
    }
    Ok(ledger)
}

/// What of a segment could be read.
struct Read {
    /// Octets up to the end of the last whole record.
    good: usize,
    /// Whole records that are known.
    records: usize,
    /// Places where something is damaged, before that end or behind it.
    damaged: usize,
}

impl Read {
    fn new(ledger: &mut Ledger, bytes: &[u8]) -> Read {
        let mut read = Read { good: 0, records: 0, damaged: 0 };
        let mut at = 0;
        loop {
            match decode(bytes.get(at..).unwrap_or_default()) {
                Found::Record(record) => {
                    at += record.bytes.len();
                    read.good = at;
                    read.records += usize::from(ledger.read(&record));
                }
                Found::Damage(skip) => {
                    at += skip;
                    read.damaged += 1;
                }
                Found::Torn | Found::End => return read,
            }
        }
    }
}

/// Cuts a segment off behind its last whole record. Where that was no power cut, a copy is kept.
fn cut_off(segment: &Segment, bytes: &[u8], read: &Read) -> io::Result<()> {
    let octets = bytes.len() - read.good;
    tracing::warn!(octets, "the hub's stream had a torn end");
    if read.damaged > 0 {
        fs::write(aside(&segment.path), bytes)?;
    }
    let file = OpenOptions::new().write(true).open(&segment.path)?;
    file.set_len(read.good as u64)?;
    file.sync_all()
}

/// A segment in which nothing can be read is out of the way and kept; one that was begun when the machine died has nothing in
/// it, and goes.
fn set_aside(segment: &Segment, bytes: &[u8]) -> io::Result<()> {
    if bytes.iter().all(|byte| *byte == 0) {
        return fs::remove_file(&segment.path);
    }
    let to = aside(&segment.path);
    tracing::error!(path = %to.display(), "nothing of this part of the hub's stream can be read; it is set aside");
    fs::rename(&segment.path, to)
}

/// What is damaged is kept under this name, until a person has looked at it.
fn aside(path: &Path) -> PathBuf {
    path.with_extension("blh.damaged")
}

struct Writer {
    shared: Arc<Shared>,
    ledger: Ledger,
    /// How old events become at least; for ever where nothing is said.
    keep: Option<Duration>,
    segment: Option<Open>,
    /// After a failure: when it is tried again.
    again: Option<Instant>,
    /// The segment is to be ended.
    ends: bool,
    buffer: Vec<u8>,
    _lock: Flock<File>,
}

/// The segment that is written.
struct Open {
    file: File,
    path: PathBuf,
    /// Octets that are on the disk for sure.
    sure: u64,
    begun: Instant,
    /// Whether anything but its head is.
    used: bool,
}

/// What is answered once it is on the disk.
struct Waiting {
    answer: Answer,
    kept: Result<u64, NotKept>,
    undo: Option<Undo>,
}

impl Writer {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            // A head tells what is there before anything of this turn.
            if let Err(error) = self.prepare() {
                self.failed(&error);
            }
            let mut waiting = Vec::new();
            self.take(first, &mut waiting);
            while self.buffer.len() < TOGETHER {
                let Ok(job) = jobs.try_recv() else { break };
                self.take(job, &mut waiting);
            }
            self.commit(waiting);
        }
    }

    /// Sees to it that there is a segment with room, unless the disk is let be.
    fn prepare(&mut self) -> io::Result<()> {
        let ends = |segment: &Open| {
            segment.sure >= SEGMENT || (segment.used && segment.begun.elapsed() > LONGEST_SEGMENT)
        };
        if self.segment.as_ref().is_some_and(ends) {
            self.segment = None;
        }
        if self.segment.is_none() && self.again.is_none_or(|again| again <= Instant::now()) {
            self.segment = Some(begin(&self.shared.folder, &self.ledger)?);
            self.again = None;
            if let Err(error) = self.let_go() {
                tracing::warn!(%error, "old events cannot be deleted");
            }
        }
        Ok(())
    }

    /// Deletes segments that are old enough and that every reader has had. The one that is written stays.
    fn let_go(&self) -> io::Result<()> {
        let Some(keep) = self.keep else { return Ok(()) };
        let had = {
            let readers = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.values().copied().min().unwrap_or(u64::MAX)
        };
        let segments = list(&self.shared.folder)?;
        for (segment, follower) in segments.iter().zip(segments.iter().skip(1)) {
            let age = segment.path.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age < keep || follower.first > had {
                break;
            }
            fs::remove_file(&segment.path)?;
        }
        Ok(())
    }

    /// Writes a job down in memory, and what is to be answered.
    fn take(&mut self, job: Job, waiting: &mut Vec<Waiting>) {
        match job {
            Job::Position(of, answer) => {
                let kept = Ok(self.ledger.position(&of));
                waiting.push(Waiting { answer, kept, undo: None });
            }
            Job::End(answer) => {
                self.ends = true;
                let kept = Ok(self.ledger.next());
                waiting.push(Waiting { answer, kept, undo: None });
            }
            Job::Keep(of, batch, answer) => {
                self.shared.leaves(&of.site, batch.size());
                let (kept, undo) = self.note(&of, batch);
                waiting.push(Waiting { answer, kept, undo });
            }
        }
    }

    fn note(&mut self, of: &Outboxed, batch: Batch) -> (Result<u64, NotKept>, Option<Undo>) {
        if !of.is_fit() {
            return (Err(NotKept::Name), None);
        }
        match self.ledger.news(of, batch) {
            Err(kept::Gap) => (Err(NotKept::Gap), None),
            Ok(None) => (Ok(self.ledger.position(of)), None),
            Ok(Some(news)) => {
                let undo = self.ledger.write(&mut self.buffer, clock::now().unix, of, &news);
                (Ok(self.ledger.position(of)), Some(undo))
            }
        }
    }

    /// Answers when all of it is on the disk, or none of it.
    fn commit(&mut self, mut waiting: Vec<Waiting>) {
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty()
            && let Err(error) = self.write(&buffer)
        {
            self.failed(&error);
            for Waiting { undo, .. } in waiting.iter_mut().rev() {
                undo.take().into_iter().for_each(|undo| self.ledger.take_back(undo));
            }
            // What was there before is there still; but who asked for it may have meant what is not.
            waiting.iter_mut().for_each(|waiting| {
                waiting.kept = waiting.kept.and(Err(NotKept::Disk));
            });
        }
        self.buffer = buffer;
        self.buffer.clear();
        if std::mem::take(&mut self.ends) {
            // Before it is said so. One without anything in it is begun under the same name.
            self.segment.take_if(|segment| segment.used);
        }
        self.shared.durable.send_if_modified(|durable| {
            std::mem::replace(durable, self.ledger.next()) != self.ledger.next()
        });
        for Waiting { answer, kept, .. } in waiting {
            // Who has gone needs no answer.
            let _ = answer.send(kept);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(segment) = &mut self.segment else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        segment.file.write_all(bytes)?;
        segment.file.sync_data()?;
        segment.sure += bytes.len() as u64;
        segment.used = true;
        Ok(())
    }

    /// The file is let alone from here on. A disk that is let be tells nobody again.
    fn failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ResourceBusy {
            return;
        }
        tracing::error!(%error, "the hub's disk takes nothing; what comes is not acknowledged");
        self.again = Instant::now().checked_add(REST);
        if let Some(segment) = self.segment.take() {
            let cut = match segment.used {
                true => segment.file.set_len(segment.sure).and_then(|()| segment.file.sync_all()),
                false => fs::remove_file(&segment.path),
            };
            if let Err(error) = cut {
                tracing::error!(%error, "what could not be written cannot be cut off");
            }
        }
    }
}

/// A fresh segment, with a head, on the disk. One of the same name has nothing but a head: it was never used.
fn begin(folder: &Path, ledger: &Ledger) -> io::Result<Open> {
    let path = path(folder, ledger.next());
    let begun = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let mut head = Vec::new();
    ledger.write_head(&mut head, clock::now().unix);
    let written = begun.and_then(|mut file| {
        file.write_all(&head)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(file)
    });
    match written {
        Ok(file) => {
            let (sure, begun) = (head.len() as u64, Instant::now());
            Ok(Open { file, path, sure, begun, used: false })
        }
        Err(error) => {
            // Without a head it is nothing; a start passes it over as well.
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

/// Octets that are read at once; a record is no longer than a frame, so that one at least is in it.
const PIECE: u64 = 4 << 20;

/// Reads the stream on from a place.
pub struct Tail {
    shared: Arc<Shared>,
    /// The segment, where in it the next record is, and the number that was wanted next.
    place: Option<(Segment, u64, u64)>,
    /// How often segments had become other files when it was there.
    rewritten: u64,
}

impl Tail {
    /// What is kept from this number on, some of it; nothing when there is nothing yet, and then the number is where to
    /// go on. Blocks on the disk.
    ///
    /// # Errors
    /// Of the disk.
    pub fn read(&mut self, from: u64) -> io::Result<(Vec<Kept>, u64)> {
        let shared = self.shared.clone();
        let rewritten = shared.rewritten.read().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut self.rewritten, *rewritten) != *rewritten {
            self.place = None;
        }
        let durable = *self.shared.durable.borrow();
        let segments = list(&self.shared.folder)?;
        let (mut found, mut next) = (Vec::new(), from);
        let Some((mut segment, mut offset)) = self.begin(&segments, from) else {
            return Ok((found, next));
        };
        while found.is_empty() && next < durable {
            let piece = crate::driver::segments::read_from(&segment.path, offset, PIECE)?;
            let follower = segments.iter().find(|other| other.first > segment.first);
            let until = follower.map_or(durable, |follower| follower.first.min(durable));
            let used = take(&piece, until, &mut next, &mut found);
            offset += used as u64;
            if used == 0 {
                let Some(follower) = follower else {
                    // All that there is was read: numbers that are missing were given to nobody.
                    next = next.max(durable);
                    break;
                };
                // What a failure of the disk has taken is nowhere.
                next = next.max(follower.first);
                (segment, offset) = (follower.clone(), 0);
            }
        }
        self.place = Some((segment, offset, next));
        Ok((found, next))
    }

    fn begin(&mut self, segments: &[Segment], from: u64) -> Option<(Segment, u64)> {
        if let Some((segment, offset, next)) = self.place.take()
            && next == from
        {
            return Some((segment, offset));
        }
        let at = segments.iter().rposition(|segment| segment.first <= from).unwrap_or(0);
        segments.get(at).map(|segment| (segment.clone(), 0))
    }
}

/// Takes whole records from a piece, up to a number. Answers the octets that were used up.
fn take(piece: &[u8], until: u64, next: &mut u64, found: &mut Vec<Kept>) -> usize {
    let mut used = 0;
    loop {
        match decode(piece.get(used..).unwrap_or_default()) {
            Found::Record(record) if record.seq >= until && kept::ends(&record).is_some() => break,
            Found::Record(record) => {
                used += record.bytes.len();
                if let Some(end) = kept::ends(&record) {
                    found.extend(kept::open(&record, *next));
                    *next = end.max(*next);
                }
            }
            Found::Damage(skip) if used + skip < piece.len() => used += skip,
            // Damaged to the end of a piece behind which there is more. A record may begin in its last octets.
            Found::Damage(skip) if piece.len() as u64 == PIECE && skip > MAGIC.len() => {
                used += skip - MAGIC.len();
                break;
            }
            _ => break,
        }
    }
    used
}

#[cfg(test)]
mod tests;
