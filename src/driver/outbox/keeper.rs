//! Who owns the outbox's files: takes what the journal has made durable, makes again what it missed, lets go of what the
//! office has, keeps to the budget, and erases.

mod erasing;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use self::erasing::Erasing;
use super::amends::Amends;
use super::epoch::Epoch;
use super::files::{self, Mark, Segment};
use super::left::Log;
use super::numbers::Numbers;
use super::{Inner, Outbox, Room, Span, lock};
use crate::driver::clock;
use crate::journal::chain::Sealer;
use crate::random::Random;
use crate::uplink::frame::Class;
use crate::uplink::outbox::{self as form, Begin, Found, HEAD};

/// Octets of a segment: let go of as a whole, and looked through at a start in a few milliseconds.
const SEGMENT: u64 = 8 << 20;
/// Batches of the journal that may wait; what is dropped is made again from the journal.
const WAITING: usize = 256;
/// How long what was written waits for its sync: the office learns of it that much later, and a busy journal pays ten syncs
/// a second for it instead of one for each batch.
const GATHER: Duration = Duration::from_millis(100);
/// How often is looked for what is to be tidied.
const TIDY: Duration = Duration::from_secs(1);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// In which order classes go when there is no room: figures of all sorts, then calls' quality, then how the box does. Never
/// anything else.
const ORDER: [Class; 3] = [Class::METRICS, Class::QUALITY, Class::HEALTH];

/// What an admin has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Octets that it may take on the disk.
    pub most: u64,
    /// Octets above which a person is told.
    pub alarm: u64,
}

/// Who makes events again from the journal.
pub trait Derive: Send {
    /// What the records behind `after` become, not later than `upto`: of the next ones as many as are a mouthful.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn derive(&mut self, after: u64, upto: u64) -> io::Result<Derived>;

    /// The same of those records alone in which something cannot be read any more, because somebody was erased.
    ///
    /// # Errors
    /// As there.
    fn erased(&mut self, after: u64, upto: u64) -> io::Result<Derived>;
}

/// What some records of the journal became.
#[derive(Debug, Clone, Default)]
pub struct Derived {
    /// Records of the outbox.
    pub records: Vec<u8>,
    /// The journal's record up to which they go.
    pub through: u64,
}

/// What the journal's thread has made durable.
#[derive(Debug)]
struct Stored {
    count: u64,
    upto: u64,
    records: Vec<u8>,
}

/// The way of the journal's thread to the keeper's.
#[derive(Debug)]
pub struct Feed {
    way: mpsc::SyncSender<Stored>,
    count: u64,
}

impl Feed {
    /// The journal has everything up to this record, of which these records of the outbox came. Never waits: what the
    /// keeper cannot take now, it makes again.
    pub fn stored(&mut self, upto: u64, records: Vec<u8>) {
        self.count += 1;
        // Where there is no room, the count tells the keeper.
        let _ = self.way.try_send(Stored { count: self.count, upto, records });
    }

    /// Something could not be made durable: which records are on the disk is found out when it works again.
    pub fn failed(&mut self) {
        self.count += 1;
    }
}

/// The keeper's thread, as the journal's has it.
#[derive(Debug)]
pub struct Second {
    /// The way to it.
    pub feed: Feed,
    thread: thread::JoinHandle<()>,
}

impl Second {
    /// Waits until everything has been written.
    pub fn finish(self) {
        drop(self.feed);
        // A thread that panicked has aborted the program already.
        let _ = self.thread.join();
    }
}

/// The files' owner.
pub struct Keeper {
    outbox: Outbox,
    derive: Box<dyn Derive>,
    random: Random,
    log: Log,
    waiting: mpsc::Receiver<Stored>,
    count: u64,
    /// The journal's record up to which the outbox goes, on the disk or on its way there.
    through: u64,
    /// The last record that the journal has for good.
    limit: u64,
    /// Whether what comes from the journal's thread follows what is there.
    live: bool,
    file: Option<File>,
    /// Up to which it was written.
    written: Mark,
    /// Up to which it is on the disk.
    synced: Mark,
    unsynced_since: Option<Instant>,
    retry_at: Option<Instant>,
    tidied: Instant,
    /// How far the file `arrived` says that the office is.
    arrived_kept: u64,
    /// How many of [`ORDER`] are dropped at once now.
    shedding: usize,
    /// How many of [`ORDER`] were dropped from which segments already.
    shed_from: std::collections::BTreeMap<u64, usize>,
    /// Somebody was erased, and what is still to be done of that.
    erasing: Option<Erasing>,
}

impl Keeper {
    /// Opens the outbox in `folder`, or begins one behind the record `limit`, the last that the journal has.
    ///
    /// # Errors
    /// When it cannot be said which outbox it is. Everything else that fails is tried again later.
    pub fn open(
        folder: PathBuf,
        limit: u64,
        settings: Settings,
        derive: Box<dyn Derive>,
        sealer: Sealer,
        random: &mut Random,
    ) -> io::Result<(Outbox, Feed, Keeper)> {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(&folder)?;
        let epoch = match Epoch::read(&folder) {
            Ok(epoch) if !files::list(&folder)?.is_empty() => epoch,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Its files are gone: what they held nobody knows, and their numbers must not mean something else.
            _ => new_epoch(&folder, random)?,
        };
        let epoch = match ahead(&folder, limit)? {
            false => epoch,
            true => {
                tracing::error!("the outbox is ahead of the journal: a new one is begun");
                set_aside(&folder)?;
                folders.create(&folder)?;
                new_epoch(&folder, random)?
            }
        };
        let arrived = fs::read_to_string(folder.join("arrived")).ok();
        let arrived = arrived.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let (way, waiting) = mpsc::sync_channel(WAITING);
        let none = Mark { segment: 0, newest: 0, token: limit, size: 0 };
        let outbox = Outbox(Arc::new(Inner {
            folder: folder.clone(),
            epoch: Mutex::new(epoch),
            ahead: AtomicBool::new(false),
            span: watch::Sender::new(Span { first: 1, newest: 0 }),
            arrived: AtomicU64::new(arrived),
            segments: Mutex::default(),
            cursor: Mutex::default(),
            untold: Mutex::default(),
            amends: Mutex::new(Amends::open(&folder)?),
            room: Mutex::new(Room {
                most: settings.most,
                alarm: settings.alarm,
                ..Room::default()
            }),
        }));
        let mut keeper = Keeper {
            log: Log::open(&folder, sealer, &lock(&outbox.0.epoch)),
            random: random.fork(),
            outbox: outbox.clone(),
            derive,
            waiting,
            count: 0,
            through: limit,
            limit,
            live: false,
            file: None,
            written: none,
            synced: none,
            unsynced_since: None,
            retry_at: None,
            tidied: Instant::now(),
            arrived_kept: arrived,
            shedding: 0,
            shed_from: std::collections::BTreeMap::new(),
            erasing: None,
        };
        keeper.look_for_erasure();
        if let Err(error) = keeper.reopen() {
            keeper.fail(&error);
        }
        Ok((outbox, Feed { way, count: 0 }, keeper))
    }

    /// Starts its thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(self, feed: Feed) -> io::Result<Second> {
        let thread = thread::Builder::new().name("outbox".to_owned());
        let thread = thread.spawn(move || self.run())?;
        Ok(Second { feed, thread })
    }

    fn run(mut self) {
        loop {
            match self.waiting.recv_timeout(self.patience()) {
                Ok(stored) => self.take(stored),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.finish(),
            }
            while let Ok(stored) = self.waiting.try_recv() {
                self.take(stored);
            }
            self.turn(Instant::now());
        }
    }

    /// How long nothing is to be done by itself.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        if (self.is_behind() || self.erasing.is_some()) && self.retry_at.is_none() {
            return Duration::ZERO;
        }
        let synced = self.unsynced_since.map(|since| since + GATHER);
        let due = [synced, self.retry_at, Some(self.tidied + TIDY)].into_iter().flatten().min();
        due.map_or(TIDY, |due| due.saturating_duration_since(now))
    }

    fn is_behind(&self) -> bool {
        !self.live && self.through < self.limit
    }

    fn take(&mut self, stored: Stored) {
        self.live &= stored.count == self.count + 1 && self.retry_at.is_none();
        (self.count, self.limit) = (stored.count, stored.upto);
        if self.live {
            let written = self.append(&stored.records, stored.upto);
            self.or_fail(written);
        }
    }

    fn turn(&mut self, now: Instant) {
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            let opened = self.reopen();
            self.or_fail(opened);
        }
        if self.retry_at.is_none() && !self.live {
            let made = self.catch_up();
            self.or_fail(made);
        }
        if self.retry_at.is_none() && self.erasing.is_some() {
            let erased = self.erase();
            self.or_fail(erased);
        }
        if self.unsynced_since.is_some_and(|since| since + GATHER <= now) {
            let synced = self.sync();
            self.or_fail(synced);
        }
        if self.tidied + TIDY <= now {
            self.tidied = now;
            if self.outbox.0.ahead.load(Ordering::Acquire) {
                let done = self.be_another();
                self.or_fail(done);
            }
            let tidied = self.tidy(false);
            self.or_fail(tidied);
        }
    }

    fn finish(mut self) {
        while self.is_behind() && self.retry_at.is_none() {
            let made = self.catch_up();
            self.or_fail(made);
        }
        while self.erasing.is_some() && self.retry_at.is_none() {
            let erased = self.erase();
            self.or_fail(erased);
        }
        let done = self.sync().and_then(|()| self.tidy(true));
        self.or_fail(done);
    }
}

/// Writing.
impl Keeper {
    /// Makes the next mouthful of what was missed again.
    fn catch_up(&mut self) -> io::Result<()> {
        if self.through < self.limit {
            let Derived { records, through } = self.derive.derive(self.through, self.limit)?;
            self.append(&records, through)?;
        }
        self.live = self.through >= self.limit;
        Ok(())
    }

    fn append(&mut self, records: &[u8], upto: u64) -> io::Result<()> {
        self.through = upto.max(self.through);
        if records.is_empty() {
            return Ok(());
        }
        self.note_erasures(records)?;
        let mut kept = Vec::new();
        let records = match self.shedding {
            0 => records,
            count => {
                let shed = shed(records, ORDER.get(..count).unwrap_or_default(), &mut kept);
                lock(&self.outbox.0.room).shed += shed;
                &kept
            }
        };
        if self.file.is_none() || self.written.size + records.len() as u64 > SEGMENT {
            self.begin()?;
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.write_all(records)?;
        let mut rest = records;
        while let Found::Record(record) = form::look(rest, false) {
            (self.written.newest, self.written.token) = (self.written.newest + 1, record.token);
            rest = rest.get(record.size()..).unwrap_or_default();
        }
        self.written.size += records.len() as u64;
        self.unsynced_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Begins a segment.
    fn begin(&mut self) -> io::Result<()> {
        self.sync()?;
        let begin = Begin { first: self.written.newest + 1, after: self.written.token };
        self.file = Some(files::begin(&self.outbox.0.folder, begin)?);
        let size = HEAD as u64;
        self.written = Mark { segment: begin.first, size, ..self.written };
        self.synced = self.written;
        let mut segments = lock(&self.outbox.0.segments);
        if segments.all.back().is_none_or(|last| last.first != begin.first) {
            segments.all.push_back(Segment { first: begin.first, size });
        }
        Ok(())
    }

    /// The office is ahead: it is another outbox from now on. Its numbers and files stay.
    fn be_another(&mut self) -> io::Result<()> {
        self.sync()?;
        let arrived = self.outbox.arrived().min(self.synced.newest);
        self.log.tell(&self.outbox, arrived, true)?;
        let before = lock(&self.outbox.0.epoch).clone();
        let epoch = before.after_ahead(clock::now().unix, arrived, &mut self.random);
        if epoch != before {
            epoch.write(&self.outbox.0.folder)?;
            tracing::error!(
                again = !epoch.refused,
                "head office has events that this box never sent: it was restored from a copy, or another has its name"
            );
        }
        if epoch.name != before.name {
            self.log.go_on_as(&epoch);
        }
        let mut own = lock(&self.outbox.0.epoch);
        *own = epoch;
        self.outbox.0.ahead.store(false, Ordering::Release);
        drop(own);
        self.tell();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        if self.written == self.synced {
            return Ok(());
        }
        self.file.as_ref().ok_or(io::ErrorKind::NotFound)?.sync_data()?;
        self.synced = self.written;
        if let Some(last) = lock(&self.outbox.0.segments).all.back_mut() {
            last.size = self.synced.size;
        }
        self.tell();
        Ok(())
    }

    /// What is in it for good, and how much room that takes.
    fn tell(&self) {
        let (first, octets) = {
            let segments = lock(&self.outbox.0.segments);
            let octets = segments.all.iter().map(|segment| segment.size).sum();
            (segments.all.front().map_or(self.synced.newest + 1, |segment| segment.first), octets)
        };
        let mut room = lock(&self.outbox.0.room);
        room.octets = octets;
        room.failed = self.retry_at.is_some();
        room.behind = self.limit.saturating_sub(self.through);
        drop(room);
        let behind = lock(&self.outbox.0.epoch).behind;
        let span = Span { first: first.max(behind + 1), newest: self.synced.newest };
        self.outbox.0.span.send_if_modified(|told| {
            let changed = *told != span;
            *told = span;
            changed
        });
    }

    fn or_fail(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if self.retry_at.is_none() {
            tracing::error!(%error, "the outbox cannot be written; it is made again from the journal when it can");
        }
        (self.file, self.live, self.unsynced_since) = (None, false, None);
        self.retry_at = Some(Instant::now() + RETRY);
        self.tell();
    }

    /// Finds out how far it is. What was written and not synced before a failure is not believed: it is made again.
    fn reopen(&mut self) -> io::Result<()> {
        let folder = self.outbox.0.folder.clone();
        let mut all = files::list(&folder)?;
        if self.synced.size > 0 {
            for segment in all.extract_if(.., |segment| segment.first > self.synced.segment) {
                fs::remove_file(segment.path(&folder))?;
            }
        }
        self.file = None;
        while let Some(last) = all.last() {
            let path = last.path(&folder);
            let open = || OpenOptions::new().read(true).write(true).open(&path);
            if last.first == self.synced.segment && last.size > self.synced.size {
                open()?.set_len(self.synced.size)?;
            }
            let bytes = files::read_mended(*last, &folder)?;
            let mut file = open()?;
            match files::look_through(&bytes, self.limit) {
                Some((mark, _)) if mark.segment == last.first => {
                    let rest = bytes.get(mark.size as usize..).unwrap_or_default();
                    if form::is_damaged(rest) {
                        tracing::error!(path = %path.display(), "a part of the outbox is damaged; what is behind that is made again");
                        files::keep_copy(&path);
                    }
                    file.set_len(mark.size)?;
                    file.sync_data()?;
                    file.seek(SeekFrom::End(0))?;
                    (self.written, self.synced, self.file) = (mark, mark, Some(file));
                    all.iter_mut().rev().take(1).for_each(|segment| segment.size = mark.size);
                    break;
                }
                // What it held is made again.
                _ => files::set_aside(&path)?,
            }
            // Should none be left, its numbers are not given to others.
            (self.written.segment, self.written.newest) = (0, last.first.saturating_sub(1));
            all.pop();
        }
        if all.is_empty() {
            self.synced = self.written;
        }
        self.through = self.written.token;
        self.live = false;
        {
            let mut segments = lock(&self.outbox.0.segments);
            segments.all = all.into();
            segments.rewritten += 1;
        }
        if self.file.is_none() {
            // Which outbox it is, is known by there being a segment.
            self.begin()?;
        }
        self.tell();
        Ok(())
    }
}

/// Tidying up.
impl Keeper {
    fn tidy(&mut self, all: bool) -> io::Result<()> {
        let arrived = self.outbox.arrived().min(self.synced.newest);
        self.log.tell(&self.outbox, arrived, all)?;
        if arrived > self.arrived_kept {
            let path = self.outbox.0.folder.join("arrived");
            files::write_whole(&path, format!("{arrived}\n").as_bytes())?;
            self.arrived_kept = arrived;
        }
        while self.let_go_of_oldest()? {}
        self.keep_to_budget()?;
        self.tell();
        Ok(())
    }

    /// Deletes the oldest segment if the office has all of it, and it is in the log.
    fn let_go_of_oldest(&mut self) -> io::Result<bool> {
        let done = self.arrived_kept.min(self.log.upto());
        let folder = &self.outbox.0.folder;
        let mut segments = lock(&self.outbox.0.segments);
        let (Some(oldest), Some(next)) = (segments.all.front(), segments.all.get(1)) else {
            return Ok(false);
        };
        // An erasure that is under way goes through all that there is first.
        if next.first > done + 1 || self.erasing.is_some() {
            return Ok(false);
        }
        let path = oldest.path(folder);
        if let Some(numbers) = Numbers::of(&fs::read(&path)?) {
            numbers.write(folder)?;
        }
        fs::remove_file(path)?;
        self.shed_from.remove(&oldest.first);
        segments.all.pop_front();
        Ok(true)
    }

    /// Where it takes more than it may, what may go does: of the oldest segment first, one class after the other.
    fn keep_to_budget(&mut self) -> io::Result<()> {
        self.tell();
        let room = self.outbox.room();
        if !room.is_over() {
            // Not at the first octet that is free: it would come and go.
            if room.octets < room.alarm {
                self.shedding = 0;
            }
            return Ok(());
        }
        for (count, _) in (1..).zip(ORDER) {
            self.shedding = self.shedding.max(count);
            while self.outbox.room().is_over() && self.shed_oldest(count)? {
                self.tell();
            }
            if !self.outbox.room().is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Drops so many classes from the oldest segment in which they still are. Answers whether there was one; the newest
    /// segment is left alone.
    fn shed_oldest(&mut self, count: usize) -> io::Result<bool> {
        let folder = self.outbox.0.folder.clone();
        let segment = {
            let segments = lock(&self.outbox.0.segments);
            let closed = segments.all.iter().rev().skip(1).rev();
            let done = |first: u64| self.shed_from.get(&first).copied().unwrap_or(0);
            closed.copied().find(|segment| done(segment.first) < count)
        };
        let Some(segment) = segment else { return Ok(false) };
        let path = segment.path(&folder);
        let bytes = fs::read(&path)?;
        let (head, records) = bytes.split_at_checked(HEAD).ok_or(io::ErrorKind::InvalidData)?;
        let mut left = head.to_vec();
        let shed = shed(records, ORDER.get(..count).unwrap_or_default(), &mut left);
        self.shed_from.insert(segment.first, count);
        if shed == 0 {
            return Ok(true);
        }
        files::write_whole(&path, &left)?;
        let mut segments = lock(&self.outbox.0.segments);
        segments.rewritten += 1;
        let mut same = segments.all.iter_mut().filter(|own| own.first == segment.first);
        same.by_ref().for_each(|own| own.size = left.len() as u64);
        drop(segments);
        lock(&self.outbox.0.room).shed += shed;
        Ok(true)
    }
}

/// Copies records without the bodies of those of some classes. Answers of how many.
fn shed(records: &[u8], classes: &[Class], left: &mut Vec<u8>) -> u64 {
    let (mut rest, mut count) = (records, 0);
    while let Found::Record(record) = form::look(rest, false) {
        match classes.contains(&record.class) {
            true => {
                record.shed().write(left);
                count += 1;
            }
            false => left.extend(rest.get(..record.size()).unwrap_or_default()),
        }
        rest = rest.get(record.size()..).unwrap_or_default();
    }
    // What cannot be read stays as it is: it is found where it was.
    left.extend(rest);
    count
}

fn new_epoch(folder: &std::path::Path, random: &mut Random) -> io::Result<Epoch> {
    let epoch = Epoch::new(random);
    // Numbers of an earlier one say nothing of this one.
    match fs::remove_file(folder.join("arrived")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    epoch.write(folder)?;
    Ok(epoch)
}

/// Whether the newest segment has events of records that the journal does not have: another journal is there.
fn ahead(folder: &std::path::Path, limit: u64) -> io::Result<bool> {
    let Some(last) = files::list(folder)?.pop() else { return Ok(false) };
    let mut head = [0; HEAD];
    let file = File::open(last.path(folder))?;
    if file.read_exact_at(&mut head, 0).is_err() {
        return Ok(false);
    }
    if Begin::read(&head).is_some_and(|begin| begin.after > limit) {
        return Ok(true);
    }
    let marks = files::look_through(&fs::read(last.path(folder))?, limit);
    Ok(marks.is_some_and(|(_, ahead)| ahead))
}

fn set_aside(folder: &std::path::Path) -> io::Result<()> {
    let seconds = clock::now().unix.seconds();
    fs::rename(folder, folder.with_extension(format!("aside-{seconds}")))
}
