//! The look-up store on the disk: the only file that names sled.
//!
//! One thread opens it, brings it up to the journal's position and follows the journal's files from there. Calls never
//! wait for it. sled can hang or abort on damaged files (measured), so a store from an earlier run is first read by a
//! process of its own with a time limit; one that does not open, or whose rows do not add up, is set aside and made
//! again from the journal. A mark beside it tells when the program died while opening it: then it is not tried twice.
//! A write that fails, as on a full disk, is the last that an open sled takes: it is read on, and opened anew once there is
//! room.

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::driver::journal::room;
use crate::driver::looking::Shelf;
use crate::driver::priority::give_way;
use crate::driver::search::Index;
use crate::driver::segments::{self, Segment};
use crate::journal::Token;
use crate::journal::record::{self, decode};
use crate::journal::replay::Entry;
use crate::store::context::finding::FOUND;
use crate::store::{self, Found, META_KEY, Meta, Rows, Wanted};

/// Time to open a small store; the time limit grows with its size.
const OPEN_TIME: Duration = Duration::from_secs(10);
/// Bytes that are read in a second, at the very least.
const READ_SPEED: u64 = 5 << 20;
/// How long the end of the program waits for the store.
const FINISH_TIME: Duration = Duration::from_secs(2);
/// Jobs that may wait.
const WAITING: usize = 64;
/// Bytes of the journal that are read at once.
const PIECE: u64 = 4 << 20;
/// Records that are projected in one batch. While sled takes up a batch, nobody reads a row: whoever writes is looked up a few
/// milliseconds later at most, and not a second.
const BATCH: usize = 48;
/// How long what the journal has gathers before it is taken up in one batch: each costs sled a hundred microseconds and
/// more, and whoever asks for calls is answered from what is there then.
const GATHER: Duration = Duration::from_millis(200);
/// Memory for rows that were read or written: those of the last few thousand calls (1.3 kB each, measured) and of the people who
/// write, of whom some ten rows are looked at for each message. sled's own tables come on top.
const CACHE: u64 = 32 << 20;

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not open yet.
    Opening,
    /// Being brought up to the journal.
    CatchingUp,
    /// It reflects the journal.
    Ready,
    /// It cannot be had; the journal goes on without it.
    Off(String),
}

/// How long a store that could not be written is let be, before it is looked at again.
const REST: Duration = Duration::from_secs(1);
/// Room on the disk, in bytes, for a store to be opened anew: two of sled's segments of 512 KiB and its snapshot, many times
/// over.
const ROOM: u64 = 8 << 20;
/// How long readers may have the rows of a store that is to be opened anew: a search through everybody takes as long.
const READERS: Duration = Duration::from_secs(10);

/// What the thread is asked.
enum Job {
    Follow,
    Hurry,
    Look(Wanted, Box<dyn FnOnce(Found) + Send>),
    Finish(mpsc::SyncSender<()>),
}

/// The way to the thread.
#[derive(Clone)]
pub struct Handle {
    jobs: mpsc::SyncSender<Job>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "store::Handle({:?})", self.state())
    }
}

struct Shared {
    state: Mutex<State>,
    durable: std::sync::atomic::AtomicU64,
    /// Whether the thread knows that the journal has grown.
    told: std::sync::atomic::AtomicBool,
    position: std::sync::atomic::AtomicU64,
    rebuilt: std::sync::atomic::AtomicU64,
    rows: Shelf,
    /// Who is told which rows have changed.
    index: OnceLock<Index>,
}

/// The store is not there to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotReady;

impl Handle {
    /// The journal is on the disk up to here.
    pub fn follow(&self, upto: Token) {
        self.shared.durable.store(upto.0, std::sync::atomic::Ordering::Release);
        // One word is enough until it is taken up: a sleeping thread that is woken costs as much as a registration.
        if !self.shared.told.swap(true, std::sync::atomic::Ordering::AcqRel)
            && self.jobs.try_send(Job::Follow).is_err()
        {
            self.shared.told.store(false, std::sync::atomic::Ordering::Release);
        }
    }

    /// Somebody waits for what the journal has: it is not let gather.
    pub fn hurry(&self) {
        let _ = self.jobs.try_send(Job::Hurry);
    }

    /// Where readers find the rows, once the store is ready.
    pub fn shelf(&self) -> &Shelf {
        &self.shared.rows
    }

    /// From here on that index is told which rows have changed.
    pub fn tell(&self, index: Index) {
        // There is one index; it was told before then.
        let _ = self.shared.index.set(index);
    }

    /// Reads rows; `answer` is called on the store's thread.
    pub fn look(
        &self,
        wanted: Wanted,
        answer: impl FnOnce(Found) + Send + 'static,
    ) -> Result<(), NotReady> {
        if self.state() != State::Ready {
            return Err(NotReady);
        }
        self.jobs.try_send(Job::Look(wanted, Box::new(answer))).map_err(|_| NotReady)
    }

    /// Lets it take up what the journal has, and closes it. Waits, but not for ever: what is missing is taken up at the
    /// next start.
    pub fn finish(self) {
        let (done, finished) = mpsc::sync_channel(1);
        if self.state() == State::Ready && self.jobs.send(Job::Finish(done)).is_ok() {
            let _ = finished.recv_timeout(FINISH_TIME);
        }
    }

    /// How it is.
    pub fn state(&self) -> State {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last journal record that it reflects.
    pub fn position(&self) -> Token {
        Token(self.shared.position.load(std::sync::atomic::Ordering::Acquire))
    }

    /// How often a store was set aside since the start.
    pub fn set_aside(&self) -> u64 {
        self.shared.rebuilt.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// Starts the thread. `data` is the site's data folder, `durable` what of its journal is on the disk; `program` is the
/// program to read an older store with, as `PROGRAM store-check FOLDER`. `report` is told on the store's thread which
/// record the rows reflect, each time that changes.
pub fn open(
    data: &Path,
    durable: Token,
    program: Option<PathBuf>,
    report: impl Fn(Token) + Send + 'static,
) -> io::Result<Handle> {
    let (jobs, waiting) = mpsc::sync_channel(WAITING);
    let shared = Arc::new(Shared {
        state: Mutex::new(State::Opening),
        durable: durable.0.into(),
        told: false.into(),
        position: 0.into(),
        rebuilt: 0.into(),
        rows: Shelf::default(),
        index: OnceLock::new(),
    });
    let keeper = Keeper {
        folder: data.join("store"),
        journal: crate::driver::journal::folder(data),
        program,
        shared: shared.clone(),
        tail: None,
        ailing: None,
        report: Box::new(report),
    };
    thread::Builder::new().name("store".to_owned()).spawn(move || {
        give_way();
        keeper.run(&waiting)
    })?;
    Ok(Handle { jobs, shared })
}

struct Keeper {
    folder: PathBuf,
    journal: PathBuf,
    program: Option<PathBuf>,
    shared: Arc<Shared>,
    /// Where in the journal's files the next record is.
    tail: Option<(Segment, u64)>,
    /// Since a write failed: when it is looked at again.
    ailing: Option<Instant>,
    report: Box<dyn Fn(Token) + Send>,
}

impl Keeper {
    fn run(mut self, waiting: &mpsc::Receiver<Job>) {
        let mut db = match self.open() {
            Ok(db) => db,
            Err(error) => {
                tracing::error!(%error, "the look-up store cannot be opened; call records are in the journal only");
                return self.be(State::Off(error.to_string()));
            }
        };
        self.show(&db);
        let mut due: Option<Instant> = None;
        loop {
            let patience =
                due.or(self.ailing).map(|due| due.saturating_duration_since(Instant::now()));
            let job = match patience {
                Some(patience) => waiting.recv_timeout(patience),
                None => waiting.recv().map_err(RecvTimeoutError::from),
            };
            if self.ailing.is_some_and(|again| again <= Instant::now()) {
                db = self.mend(db);
            }
            match job {
                Err(RecvTimeoutError::Timeout) => {
                    due = None;
                    // A swap, so that what the loop wrote before its word is seen.
                    self.shared.told.swap(false, std::sync::atomic::Ordering::AcqRel);
                    self.catch_up(&db);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(Job::Follow) => due = due.or(Instant::now().checked_add(GATHER)),
                Ok(Job::Hurry) => {
                    due = None;
                    // As above: what comes after this is told anew.
                    self.shared.told.swap(false, std::sync::atomic::Ordering::AcqRel);
                    self.catch_up(&db);
                }
                Ok(Job::Look(wanted, answer)) => {
                    self.catch_up(&db);
                    answer(store::look(&wanted, &Table(db.clone())));
                }
                Ok(Job::Finish(done)) => {
                    self.catch_up(&db);
                    let _ = db.flush();
                    self.shelve(None);
                    drop(db);
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// Brings a store that was just opened up to the journal, and lets others read it.
    fn show(&mut self, db: &sled::Db) {
        self.be(State::CatchingUp);
        self.catch_up(db);
        self.shelve(Some(Arc::new(Table(db.clone()))));
        self.be(State::Ready);
    }

    /// A store that could not be written is opened anew once there is room for it. Until then it is read as it is.
    fn mend(&mut self, db: sled::Db) -> sled::Db {
        self.ailing = Instant::now().checked_add(REST);
        if room(&self.journal).is_none_or(|room| room.free < ROOM) {
            return db;
        }
        self.be(State::Opening);
        let rows = self.shelve(None).map(|rows| Arc::downgrade(&rows));
        let until = Instant::now() + READERS;
        while rows.as_ref().is_some_and(|rows| rows.strong_count() > 0) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
        drop(db);
        self.ailing = None;
        self.tail = None;
        let db = loop {
            match self.open() {
                Ok(db) => break db,
                Err(error) => tracing::error!(%error, "the look-up store cannot be opened anew"),
            }
            thread::sleep(REST);
        };
        self.show(&db);
        tracing::info!("the look-up store was opened anew and follows the journal");
        db
    }

    /// Puts rows where others find them. Answers what was there.
    fn shelve(
        &self,
        rows: Option<Arc<dyn Rows + Send + Sync>>,
    ) -> Option<Arc<dyn Rows + Send + Sync>> {
        let mut shelf = self.shared.rows.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *shelf, rows)
    }

    fn is_shelved(&self) -> bool {
        self.shared.rows.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn be(&self, state: State) {
        *self.shared.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The store of an earlier run if it is sound and not ahead of the journal, else an empty one.
    fn open(&mut self) -> Result<sled::Db, sled::Error> {
        let mark = self.folder.with_extension("opening");
        if self.folder.exists() && (mark.exists() || !self.is_sound()) {
            self.set_aside()?;
        }
        fs::write(&mark, b"")?;
        let db = match open_sled(&self.folder) {
            Ok(db) => db,
            // Read as sound a moment ago and refused now: sled mends what a kill left, and may find the rest wanting.
            Err(error) => {
                tracing::error!(%error, "the look-up store does not open");
                self.set_aside()?;
                open_sled(&self.folder)?
            }
        };
        fs::remove_file(&mark)?;
        let durable = self.shared.durable.load(std::sync::atomic::Ordering::Acquire);
        if meta(&db).position <= durable {
            return Ok(db);
        }
        // It knows more than the journal: a journal from a backup, or another box's. The journal is the truth.
        drop(db);
        self.set_aside()?;
        open_sled(&self.folder)
    }

    fn is_sound(&self) -> bool {
        let size = folder_size(&self.folder);
        let limit = OPEN_TIME + Duration::from_secs(size / READ_SPEED);
        match &self.program {
            Some(program) => {
                runs_well(Command::new(program).arg("store-check").arg(&self.folder), limit)
            }
            None => check(&self.folder),
        }
    }

    /// Moves the store out of the way; one such folder is kept for whoever wants to know why.
    fn set_aside(&self) -> io::Result<()> {
        let aside = self.folder.with_extension("damaged");
        let _ = fs::remove_dir_all(&aside);
        fs::rename(&self.folder, &aside)?;
        self.shared.rebuilt.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        tracing::warn!(aside = %aside.display(), "the look-up store was set aside; it is made again from the journal");
        Ok(())
    }

    /// Projects what the journal has on the disk beyond the store's position.
    fn catch_up(&mut self, db: &sled::Db) {
        if self.ailing.is_some() {
            return;
        }
        let durable = self.shared.durable.load(std::sync::atomic::Ordering::Acquire);
        while meta(db).position < durable {
            match self.step(db, durable) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, "the look-up store does not follow the journal; it is opened anew when it can be");
                    self.ailing = Instant::now().checked_add(REST);
                    break;
                }
            }
        }
        let position = meta(db).position;
        let before = self.shared.position.swap(position, std::sync::atomic::Ordering::AcqRel);
        if position != before {
            (self.report)(Token(position));
        }
    }

    /// One piece of the journal. Answers whether there was any progress.
    fn step(&mut self, db: &sled::Db, durable: u64) -> Result<bool, sled::Error> {
        let segments = segments::list(&self.journal)?;
        let meta = meta(db);
        // Taken: where it cannot be read, the next try looks for the place anew.
        let (segment, offset) = match self.tail.take() {
            Some(tail) => tail,
            None => match begin_at(&segments, meta.position + 1) {
                Some(segment) => (segment, 0),
                None => return Ok(false),
            },
        };
        let mut piece = segments::read_from(&segment.path, offset, PIECE)?;
        let (mut entries, mut used) = entries(&piece, durable);
        if entries.is_empty() && piece.len() as u64 == PIECE {
            // A record longer than a piece: a checkpoint of a large branch.
            piece = segments::read_from(&segment.path, offset, u64::MAX)?;
            (entries, used) = self::entries(&piece, durable);
        }
        let next = segments.iter().find(|other| other.first > segment.first);
        self.tail = match (used, next) {
            (0, Some(next)) => Some((next.clone(), 0)),
            (used, _) => Some((segment, offset + used)),
        };
        if entries.is_empty() {
            return Ok(used > 0 || next.is_some());
        }
        let mut meta = meta;
        // Where one fails, the next try looks for the place anew.
        let tail = self.tail.take();
        let mut found = Vec::new();
        for some in entries.chunks(BATCH) {
            meta = take_up(db, meta, some, &mut found)?;
        }
        self.tail = tail;
        // Before the rows are on the shelf nobody has looked at them.
        if let Some(index) = self.shared.index.get()
            && !found.is_empty()
            && self.is_shelved()
        {
            index.changed(found);
        }
        Ok(true)
    }
}

/// Writes what some records change, and answers where the store stands then. The keys among them that the index has are added
/// to `found`.
fn take_up(
    db: &sled::Db,
    meta: Meta,
    entries: &[Entry],
    found: &mut Vec<Vec<u8>>,
) -> Result<Meta, sled::Error> {
    let batch = store::project(meta, entries, &Table(db.clone()));
    let mut rows = sled::Batch::default();
    for (key, row) in batch.rows {
        if FOUND.iter().any(|prefix| key.starts_with(prefix)) {
            found.push(key.clone());
        }
        match row {
            Some(row) => rows.insert(key, row),
            None => rows.remove(key),
        }
    }
    db.apply_batch(rows)?;
    Ok(batch.meta)
}
/// The segment that record `seq` is in.
fn begin_at(segments: &[Segment], seq: u64) -> Option<Segment> {
    let at = segments.iter().rposition(|segment| segment.first <= seq).unwrap_or(0);
    segments.get(at).cloned()
}

/// The whole records of `piece` that are durable, and how many bytes were used up.
fn entries(piece: &[u8], durable: u64) -> (Vec<Entry>, u64) {
    let mut entries = Vec::new();
    let mut rest = piece;
    loop {
        let used = match decode(rest) {
            record::Found::Record(record) if record.seq <= durable => {
                let event = serde_json::from_slice(record.payload).ok();
                entries.push(Entry { seq: record.seq, at: record.at, event });
                record.bytes.len()
            }
            record::Found::Damage(skip) if skip < rest.len() => skip,
            _ => return (entries, (piece.len() - rest.len()) as u64),
        };
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// Reads a store from end to end. Answers whether it opens and its rows add up. May hang or abort on damaged files.
pub fn check(folder: &Path) -> bool {
    let Ok(db) = open_sled(folder) else { return false };
    let Some(meta) = db.get(META_KEY).ok().flatten().map(|row| Meta::decode(&row)) else {
        // A store without this row is a new one, and empty.
        return db.is_empty();
    };
    let Some(meta) = meta else { return false };
    let mut counted = Meta { position: meta.position, ..Meta::default() };
    for row in db.iter() {
        match row {
            Ok((key, row)) if key != META_KEY => counted.add(&key, &row),
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    counted == meta
}

/// What a store holds, in a nutshell: for tests that compare a rebuilt one with the original.
pub fn fingerprint(folder: &Path) -> Option<(u64, u64, u64)> {
    let db = open_sled(folder).ok()?;
    let meta = meta(&db);
    Some((meta.position, meta.rows, meta.sum))
}

fn open_sled(folder: &Path) -> Result<sled::Db, sled::Error> {
    sled::Config::new().path(folder).cache_capacity(CACHE).flush_every_ms(Some(1_000)).open()
}

fn meta(db: &sled::Db) -> Meta {
    db.get(META_KEY).ok().flatten().and_then(|row| Meta::decode(&row)).unwrap_or_default()
}

struct Table(sled::Db);

impl Rows for Table {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).ok().flatten().map(|row| row.to_vec())
    }

    fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        self.0.scan_prefix(prefix).keys().filter_map(Result::ok).map(|key| key.to_vec()).collect()
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        let rows = self.0.range((from, Bound::Unbounded)).filter_map(Result::ok);
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect()
    }
}

/// Runs a program to its end, or for `limit`. Answers whether it said that all is well.
fn runs_well(command: &mut Command, limit: Duration) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else { return false };
    let until = Instant::now() + limit;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(_) => return false,
        }
    }
    // It may be gone by now, which is just as well.
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some(if meta.is_dir() { folder_size(&entry.path()) } else { meta.len() })
        })
        .sum()
}
