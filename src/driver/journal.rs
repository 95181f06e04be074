//! The journal's files: one thread writes, syncs, and only then says that a thing is stored.
//!
//! Group commit: what arrives within a few milliseconds is written and synced together; what nobody waits for may gather
//! a little longer. After a write or sync that failed the file is left alone for good, and everything is dropped until the journal begins a fresh segment: the
//! kernel may have thrown away what it could not write, and a second sync would not tell.
//!
//! Files, all below the site's data folder: `journal/journal-N.blj` segments; `keys/subjects` wrapped keys of persons;
//! `keys/master` and `keys/seal` secrets of the box; `keys/seal.pub` for an auditor; `ballast`, given up so that a box
//! with a full disk can start.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Settings;
use crate::driver::outbox::{self, Outbox, Second};
use crate::driver::segments;
use crate::journal::chain::{Sealer, hex, unhex};
use crate::journal::outward::Outward;
use crate::journal::personal::{ENTRY, Keyring, Reading, Subject, take_out};
use crate::journal::replay::{Damage, Replay};
use crate::journal::{Failure, Journal, Output, Token};
use crate::random::Random;
use crate::time::Now;
use crate::uplink::policy::{Class, Policy, Treatment};

/// Outputs that may wait for the disk: with a record for each SIP event, some seconds of a busy branch.
const WAITING: usize = 8_192;
/// How often the room on the disk is looked at.
const LOOK_AT_ROOM: Duration = Duration::from_secs(5);
/// How long a batch gathers: a sync costs the processor as much as two registrations, and a phone does not notice.
const GATHER: Duration = Duration::from_millis(5);
/// How long one gathers that nobody waits for, such as what happened in calls: at 400 calls a second that halves what the
/// disk costs each of them and more, and a power cut takes no more than this of what nobody was told.
const GATHER_UNAWAITED: Duration = Duration::from_millis(20);
/// What is kept in reserve: enough for a start and for somebody to make room.
const BALLAST: u64 = 4 << 20;
/// With more room than this the reserve is put back.
const ROOM_FOR_BALLAST: u64 = 64 << 20;

/// What the thread tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Everything up to this is on the disk.
    Stored(Token),
    /// It is not, and will not be.
    Failed(Failure),
    /// This much of the disk is in use, in percent.
    Room(u8),
}

/// Why there is no journal.
#[derive(Debug)]
pub enum CannotOpen {
    /// A file or folder.
    File(PathBuf, io::Error),
    /// There are records, and this key is not there, is none, or does not fit them.
    Key(PathBuf),
    /// No thread.
    Thread(io::Error),
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotOpen::File(path, error) => write!(f, "{}: {error}", path.display()),
            CannotOpen::Key(path) => {
                write!(
                    f,
                    "{}: this is not the journal's key; put the right one back",
                    path.display()
                )
            }
            CannotOpen::Thread(error) => write!(f, "no thread for the journal: {error}"),
        }
    }
}

impl std::error::Error for CannotOpen {}

/// What was found.
#[derive(Debug)]
pub struct Opened {
    /// The journal, ready to go on.
    pub journal: Journal,
    /// The thread.
    pub handle: Handle,
    /// What is damaged in what was read.
    pub damage: Damage,
    /// Where the journal is now whose keys are gone.
    pub aside: Option<PathBuf>,
    /// The last record of earlier runs.
    pub before: Token,
    /// What leaves the premises, where something may and there is room for it.
    pub outbox: Option<Outbox>,
}

/// What leaves the premises of what is written.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// What the site says of each class of texts.
    pub said: BTreeMap<Class, Treatment>,
    /// What texts are hashed with; branches that share it know a person by the same tokens. The box's own when absent.
    pub key: Option<Vec<u8>>,
    /// How much of the disk it may take.
    pub settings: outbox::Settings,
}

impl Leaving {
    /// What becomes of each record.
    pub fn outward(&self, keys: &Reading) -> Outward {
        let own = || keys.token("texts that leave the premises", HASH_KEY).into_bytes();
        let key = self.key.clone().unwrap_or_else(own);
        Outward::new(Policy::new(&self.said, &key))
    }
}

/// What a site says of what leaves, with the key that it names.
///
/// # Errors
/// When the file with the key cannot be read, or is too short to be one.
pub fn leaving(settings: &Settings) -> io::Result<Leaving> {
    let uplink = &settings.uplink;
    let key = uplink.policy.key_file.as_ref().map(fs::read).transpose()?;
    if key.as_ref().is_some_and(|key| key.trim_ascii().len() < SHORTEST_KEY) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "fewer than 16 octets are no key"));
    }
    let key = key.map(|key| key.trim_ascii().to_vec());
    let settings = outbox::Settings { most: uplink.budget.most(), alarm: uplink.budget.alarm() };
    Ok(Leaving { said: uplink.policy.said(), key, settings })
}

/// A shorter key is found by trying.
const SHORTEST_KEY: usize = 16;
/// Octets of the key that texts are hashed with: as long as what HMAC-SHA256 makes of it.
const HASH_KEY: usize = 32;

/// The way to the thread.
#[derive(Debug)]
pub struct Handle {
    outputs: Option<mpsc::SyncSender<Output>>,
    /// Something was lost on the way: what follows it is of no use before a fresh segment.
    broken_off: bool,
    thread: Option<thread::JoinHandle<()>>,
    hurried: Arc<AtomicBool>,
}

/// More waits for the disk than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Handle {
    /// Hands something over. Never waits. After an error everything is dropped until a fresh segment begins: a record must
    /// not be stored behind one that was lost.
    pub fn submit(&mut self, output: Output) -> Result<(), Full> {
        let Some(outputs) = &self.outputs else { return Ok(()) };
        if matches!(output, Output::Hurry) {
            self.hurry();
            return Ok(());
        }
        if self.broken_off && !matches!(output, Output::Segment { .. }) {
            return Ok(());
        }
        let sent = outputs.try_send(output);
        self.broken_off = sent.is_err();
        sent.map_err(|_| Full)
    }

    /// Wakes the thread if it lets a batch gather.
    fn hurry(&self) {
        self.hurried.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Waits until everything has been written.
    pub fn finish(mut self) {
        self.outputs = None;
        self.hurry();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has aborted the program already.
            let _ = thread.join();
        }
    }
}

/// The folder of segments below a site's data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("journal")
}

/// Opens the journal below `data`, of which nothing leaves the premises.
///
/// # Errors
/// As [`open_leaving`].
pub fn open(
    data: &Path,
    now: Now,
    random: &mut Random,
    report: impl Fn(Done) + Send + 'static,
) -> Result<Opened, CannotOpen> {
    open_leaving(data, now, random, None, report)
}

/// Opens the journal below `data`, reads what is live, and starts the thread; `report` is called on that thread. A
/// journal whose keys are gone is set aside, and a new one begun: a branch without a telephone helps nobody, and whoever
/// puts the keys back can read the old one again. `leaving`: what leaves the premises of it, if anything.
///
/// # Errors
/// When there is no journal to be had. One without an outbox is better than none.
pub fn open_leaving(
    data: &Path,
    now: Now,
    random: &mut Random,
    leaving: Option<Leaving>,
    report: impl Fn(Done) + Send + 'static,
) -> Result<Opened, CannotOpen> {
    let folder = folder(data);
    fs::create_dir_all(&folder).map_err(in_file(&folder))?;
    if room(data).is_some_and(|room| room.free < BALLAST) {
        // The reserve is for this moment; whether it is there or not, what follows says what is wrong.
        let _ = fs::remove_file(data.join("ballast"));
    }
    let (keys, aside) = match Keys::open(data, random) {
        Err(CannotOpen::Key(wrong)) => {
            let aside = set_aside(data, now)?;
            tracing::error!(key = %wrong.display(), aside = %aside.display(), "the journal's key is gone or wrong");
            (Keys::open(data, random)?, Some(aside))
        }
        // One from before stays an admin's business until it is put back or taken away.
        keys => (keys?, earlier_aside(data)),
    };
    let (replay, last) = read_back(&folder, keys.sealer.public_key()).map_err(in_file(&folder))?;
    if let Some(last) = last {
        // An earlier run may have been killed before it synced; from here on its records are acknowledged.
        File::open(&last).and_then(|file| file.sync_data()).map_err(in_file(&last))?;
    }
    let before = Token(replay.resume.next.saturating_sub(1));
    if before == Token(0) {
        // A first start: the folders of segments and keys are on the disk when the one that they are in is.
        sync_folder(&folder).map_err(in_file(data))?;
    }
    let mut journal = Journal::new(now, replay.resume, keys.ring, keys.sealer);
    let (outbox, second) = match leaving {
        Some(leaving) => {
            let outward = leaving.outward(journal.keys().reading());
            journal.tell_outward(outward.clone());
            match open_outbox(data, before, (outward, leaving.settings), random) {
                Ok((outbox, second)) => (Some(outbox), Some(second)),
                Err(error) => {
                    tracing::error!(%error, "there is no outbox: head office is told nothing before the next start");
                    (None, None)
                }
            }
        }
        None => (None, None),
    };
    let hurried = Arc::<AtomicBool>::default();
    let writer = Writer {
        data: data.to_owned(),
        folder,
        segment: None,
        unproven: None,
        good: keys.subjects.metadata().map_or(0, |subjects| subjects.len()),
        subjects: keys.subjects,
        torn: false,
        failed: false,
        hurried: hurried.clone(),
        second,
        report: Box::new(report),
    };
    let (outputs, waiting) = mpsc::sync_channel(WAITING);
    let thread = thread::Builder::new().name("journal".to_owned());
    let thread = thread.spawn(move || writer.run(&waiting)).map_err(CannotOpen::Thread)?;
    let handle =
        Handle { outputs: Some(outputs), broken_off: false, thread: Some(thread), hurried };
    Ok(Opened { journal, handle, damage: replay.damage, aside, before, outbox })
}

/// The outbox beside the journal, which has everything up to `before`.
fn open_outbox(
    data: &Path,
    before: Token,
    (outward, settings): (Outward, outbox::Settings),
    random: &mut Random,
) -> io::Result<(Outbox, Second)> {
    let sealer = Keys::open(data, random).map_err(io::Error::other)?.sealer;
    let again = Box::new(outbox::Again::new(data, outward));
    let folder = outbox::folder(data);
    let (outbox, feed, keeper) =
        outbox::Keeper::open(folder, before.0, settings, again, sealer, random)?;
    Ok((outbox, keeper.start(feed)?))
}

fn in_file(path: &Path) -> impl Fn(io::Error) -> CannotOpen + use<> {
    let path = path.to_owned();
    move |error| CannotOpen::File(path.clone(), error)
}

/// Everything that records are written and read with.
struct Keys {
    ring: Keyring,
    sealer: Sealer,
    /// The file that keys of persons are added to.
    subjects: File,
}

impl Keys {
    /// Opens them, or makes them where there is no journal yet.
    fn open(data: &Path, random: &mut Random) -> Result<Keys, CannotOpen> {
        let keys = keys_folder(data)?;
        let segments = folder(data);
        let begun = !segments::list(&segments).map_err(in_file(&segments))?.is_empty();
        let master = secret(&keys.join("master"), begun, random)?;
        let sealer = sealer(&keys, begun, random)?;
        let (wrapped, subjects) = open_subjects(&keys.join("subjects"))?;
        let ring = Keyring::open(&master, &wrapped, random.fork());
        if ring.is_empty() && !wrapped.is_empty() {
            return Err(CannotOpen::Key(keys.join("master")));
        }
        if ring.unreadable() > 0 {
            let count = ring.unreadable();
            tracing::error!(count, "keys of persons are damaged: restore data/keys/subjects");
        }
        Ok(Keys { ring, sealer, subjects })
    }
}

const ASIDE: &str = "journal.no-key-";

fn earlier_aside(data: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(data).ok()?.filter_map(Result::ok);
    let aside = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(ASIDE));
    entries.filter(|entry| aside(&entry.file_name())).map(|entry| entry.path()).max()
}

/// Moves a journal that cannot be read, with what is left of its keys, out of the way. Answers where to.
fn set_aside(data: &Path, now: Now) -> Result<PathBuf, CannotOpen> {
    let aside = data.join(format!("{ASIDE}{}", now.unix.seconds()));
    fs::create_dir(&aside).map_err(in_file(&aside))?;
    for part in ["journal", "keys"] {
        let from = data.join(part);
        fs::rename(&from, aside.join(part)).map_err(in_file(&from))?;
    }
    let folder = folder(data);
    fs::create_dir_all(&folder).map_err(in_file(&folder))?;
    sync_folder(&folder).map_err(in_file(&folder))?;
    Ok(aside)
}

/// Reads segments until what is live is known: the last one, or as many more as are needed for a checkpoint.
fn read_back(folder: &Path, public_key: &[u8]) -> io::Result<(Replay, Option<PathBuf>)> {
    let segments = segments::list(folder)?;
    let texts = segments.iter().rev().map(|segment| fs::read(&segment.path));
    let mut read = Vec::new();
    for text in texts {
        read.push(text?);
        let mut replay = Replay::new(Some(public_key.to_vec()));
        let mut whole = false;
        for (place, segment) in read.iter().rev().enumerate() {
            let begins = replay.read(segment, &mut |_| {});
            whole |= begins && place == 0;
        }
        if whole || read.len() == segments.len() {
            return Ok((replay, segments.last().map(|segment| segment.path.clone())));
        }
    }
    Ok((Replay::default(), None))
}

/// What sealed data below `data` is read with, by whoever may read the folder; a box that runs has later keys of its own.
///
/// # Errors
/// When there are no keys, or the box's own does not fit the others.
pub fn reading(data: &Path) -> Result<Reading, CannotOpen> {
    let keys = data.join("keys");
    let (path, subjects) = (keys.join("master"), keys.join("subjects"));
    let text = fs::read_to_string(&path).map_err(in_file(&path))?;
    let master = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
    let master = master.ok_or_else(|| CannotOpen::Key(path.clone()))?;
    let wrapped = fs::read(&subjects).map_err(in_file(&subjects))?;
    // Nothing is sealed with this ring: it needs no randomness.
    let ring = Keyring::open(&master, &wrapped, Random::from_number(0));
    match ring.is_empty() && !wrapped.is_empty() {
        true => Err(CannotOpen::Key(path)),
        false => Ok(ring.reading().clone()),
    }
}

fn keys_folder(data: &Path) -> Result<PathBuf, CannotOpen> {
    let keys = data.join("keys");
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(&keys) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(CannotOpen::File(keys, error))
        }
        _ => Ok(keys),
    }
}

/// 32 secret bytes, made at the first start and kept as hexadecimal; not made again once the journal has `begun`.
fn secret(path: &Path, begun: bool, random: &mut Random) -> Result<[u8; 32], CannotOpen> {
    let in_file = |error| CannotOpen::File(path.to_owned(), error);
    match fs::read_to_string(path) {
        Ok(text) => unhex(text.trim())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| CannotOpen::Key(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && begun => {
            Err(CannotOpen::Key(path.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            random.fill(&mut key);
            write_whole(path, hex(&key).as_bytes(), 0o600).map_err(in_file)?;
            Ok(key)
        }
        Err(error) => Err(in_file(error)),
    }
}

fn sealer(keys: &Path, begun: bool, random: &mut Random) -> Result<Sealer, CannotOpen> {
    let path = keys.join("seal");
    let seed = secret(&path, begun, random)?;
    let sealer = Sealer::from_seed(&seed).map_err(|_| CannotOpen::Key(path))?;
    let public = keys.join("seal.pub");
    let text = hex(sealer.public_key());
    if fs::read_to_string(&public).is_ok_and(|kept| kept == text) {
        return Ok(sealer);
    }
    write_whole(&public, text.as_bytes(), 0o644)
        .map_err(|error| CannotOpen::File(public, error))?;
    Ok(sealer)
}

/// Writes a small file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

/// A new name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The file of wrapped keys and what it holds, without a torn last entry.
fn open_subjects(path: &Path) -> Result<(Vec<u8>, File), CannotOpen> {
    let in_file = |error| CannotOpen::File(path.to_owned(), error);
    let options = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = options.map_err(in_file)?;
    let mut bytes = fs::read(path).map_err(in_file)?;
    bytes.truncate(bytes.len() / ENTRY * ENTRY);
    // A power cut may leave zeros where an entry was to be; no record needs a key that was not on the disk.
    while bytes.last() == Some(&0) && bytes.ends_with(&[0; 8]) {
        bytes.truncate(bytes.len() - ENTRY);
    }
    file.set_len(bytes.len() as u64).map_err(in_file)?;
    sync_folder(path).map_err(in_file)?;
    Ok((bytes, file))
}

struct Writer {
    data: PathBuf,
    folder: PathBuf,
    segment: Option<File>,
    /// Its path while nothing in it is known to be on the disk.
    unproven: Option<PathBuf>,
    subjects: File,
    /// Length of the file of keys that is known to be on the disk.
    good: u64,
    /// There may be more in it: adding to it failed.
    torn: bool,
    /// Nothing is written until a fresh segment begins.
    failed: bool,
    /// Whether somebody waits for what was handed over.
    hurried: Arc<AtomicBool>,
    /// Who keeps what leaves the premises.
    second: Option<Second>,
    report: Box<dyn Fn(Done) + Send>,
}

impl Writer {
    fn run(mut self, waiting: &mpsc::Receiver<Output>) {
        self.look_at_room();
        loop {
            match waiting.recv_timeout(LOOK_AT_ROOM) {
                Ok(first) => {
                    self.gather();
                    let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
                    self.commit(batch);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.look_at_room(),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.second.into_iter().for_each(Second::finish);
    }

    /// Lets a batch gather: until somebody waits for it, and then a little more.
    fn gather(&self) {
        let until = Instant::now() + GATHER_UNAWAITED;
        while !self.hurried.swap(false, Ordering::AcqRel) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
        thread::sleep(GATHER);
    }

    /// One batch, one write, one sync. What leaves of it is handed over behind that: nobody waits for the outbox.
    fn commit(&mut self, batch: Vec<Output>) {
        let mut upto = None;
        let mut leaving = Some(Vec::new());
        for output in joined(batch) {
            if matches!(output, Output::Segment { .. }) {
                self.failed = false;
            }
            if self.failed {
                continue;
            }
            match self.carry_out(output) {
                Ok(Some((written, outbox))) => {
                    upto = Some(written);
                    leaving = both(leaving, outbox);
                }
                Ok(None) => {}
                Err(error) => {
                    self.fail(&error);
                    (upto, leaving) = (None, None);
                }
            }
        }
        let Some(upto) = upto.filter(|_| !self.failed) else { return };
        match self.sync() {
            Ok(()) => {
                (self.report)(Done::Stored(upto));
                self.leave(upto, leaving);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn leave(&mut self, upto: Token, leaving: Option<Vec<u8>>) {
        let Some(second) = &mut self.second else { return };
        if leaving.is_none() {
            second.feed.failed();
        }
        second.feed.stored(upto.0, leaving.unwrap_or_default());
    }

    fn carry_out(&mut self, output: Output) -> io::Result<Option<(Token, Option<Vec<u8>>)>> {
        match output {
            Output::Keys(bytes) => self.add_keys(&bytes).map(|()| None),
            Output::Forget(subjects) => self.forget(&subjects).map(|()| None),
            // It is why the batch is carried out now.
            Output::Hurry => Ok(None),
            Output::Segment { first } => self.begin(first).map(|()| None),
            Output::Write { bytes, upto, outbox } => {
                let segment = self.segment.as_mut().ok_or(io::ErrorKind::NotFound)?;
                segment.write_all(&bytes)?;
                Ok(Some((upto, outbox)))
            }
        }
    }

    /// Keys are on the disk before any record that needs them.
    fn add_keys(&mut self, bytes: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.torn, true) {
            self.subjects.set_len(self.good)?;
        }
        self.subjects.write_all(bytes)?;
        self.subjects.sync_data()?;
        self.good += bytes.len() as u64;
        self.torn = false;
        Ok(())
    }

    /// A file without these keys takes the place of the one before. What was in that one is written over as well, for
    /// whoever reads the disk itself; a disk that writes elsewhere keeps it for a while, of no use without the master key.
    fn forget(&mut self, subjects: &[Subject]) -> io::Result<()> {
        let path = self.data.join("keys").join("subjects");
        let mut before = OpenOptions::new().write(true).open(&path)?;
        let mut keys = segments::read_from(&path, 0, self.good)?;
        let length = keys.len();
        if take_out(&mut keys, subjects) == 0 {
            return Ok(());
        }
        write_whole(&path, &keys, 0o600)?;
        self.subjects = OpenOptions::new().append(true).open(&path)?;
        self.good = keys.len() as u64;
        before.write_all(&vec![0; length])?;
        before.sync_data()
    }

    fn begin(&mut self, first: u64) -> io::Result<()> {
        if let Some(before) = self.segment.take() {
            before.sync_data()?;
        }
        let path = segments::path(&self.folder, first);
        make_way(&path)?;
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        self.unproven = Some(path.clone());
        sync_folder(&path)?;
        self.segment = Some(file);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.as_ref().map_or(Ok(()), File::sync_data)?;
        self.unproven = None;
        Ok(())
    }

    fn fail(&mut self, error: &io::Error) {
        self.failed = true;
        self.second.iter_mut().for_each(|second| second.feed.failed());
        self.segment = None;
        if let Some(path) = self.unproven.take() {
            // Nothing in it was acknowledged, and a full disk would get one of these at each try. One that stays does no
            // harm.
            let _ = fs::remove_file(path);
        }
        let why = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Full,
            _ => Failure::Broken,
        };
        tracing::error!(%error, "the journal cannot be written; nothing is acknowledged as stored until it can");
        (self.report)(Done::Failed(why));
        self.look_at_room();
    }

    fn look_at_room(&self) {
        let Some(room) = room(&self.data) else { return };
        (self.report)(Done::Room(room.used));
        let ballast = self.data.join("ballast");
        if room.free > ROOM_FOR_BALLAST && !ballast.exists() {
            // Without it a full disk is more trouble than it needs to be; that is no reason to stop now.
            let _ = put_ballast(&ballast);
        }
    }
}

/// Makes way for a segment. A start that was killed before its first record was whole leaves a file whose name the next
/// start needs, for the numbers go on where the last whole record ended. Nothing in it was acknowledged; what it holds is
/// kept beside the segments for whoever wants to know.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => fs::remove_file(path),
        Ok(_) => fs::rename(path, path.with_extension("torn")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The same with the keys of a row first, in one piece, and then what is written, in another: each write costs the
/// processor as much as forming a record, and keys a sync of their own. A key may be there before it is needed.
fn joined(batch: Vec<Output>) -> Vec<Output> {
    let mut pieces: Vec<Output> = Vec::new();
    let (mut keys, mut written): (Vec<u8>, Option<Output>) = (Vec::new(), None);
    let take = |pieces: &mut Vec<Output>, keys: &mut Vec<u8>, written: &mut Option<Output>| {
        let keys = std::mem::take(keys);
        pieces.extend((!keys.is_empty()).then_some(Output::Keys(keys)));
        pieces.extend(written.take());
    };
    for output in batch {
        match (output, &mut written) {
            (Output::Keys(more), _) => keys.extend(more),
            (
                Output::Write { bytes: more, upto: last, outbox: leaving },
                Some(Output::Write { bytes, upto, outbox }),
            ) => {
                bytes.extend(more);
                *upto = last;
                *outbox = both(outbox.take(), leaving);
            }
            (write @ Output::Write { .. }, _) => written = Some(write),
            (other, _) => {
                take(&mut pieces, &mut keys, &mut written);
                pieces.push(other);
            }
        }
    }
    take(&mut pieces, &mut keys, &mut written);
    pieces
}

/// What leaves of two writes; where it is not known of one, it is of none.
fn both(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let (mut one, other) = (one?, other?);
    one.extend(other);
    Some(one)
}

fn put_ballast(path: &Path) -> nix::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file =
        file.map_err(|error| nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    nix::fcntl::posix_fallocate(&file, 0, BALLAST.cast_signed())
}

/// Room on a disk.
pub(super) struct Room {
    /// Bytes that we may still use.
    pub(super) free: u64,
    /// In use, in percent.
    used: u8,
}

/// How much room there is where a file or folder is.
pub(super) fn room(path: &Path) -> Option<Room> {
    let disk = nix::sys::statvfs::statvfs(path).ok()?;
    let (taken, free) = (disk.blocks().saturating_sub(disk.blocks_free()), disk.blocks_available());
    // As `df` has it: what is kept back for root is neither taken nor ours.
    let used =
        taken.saturating_mul(100).checked_div(taken.saturating_add(free)).unwrap_or_default();
    Some(Room {
        free: free.saturating_mul(disk.fragment_size()),
        used: u8::try_from(used).unwrap_or(100),
    })
}

#[cfg(test)]
mod tests;
