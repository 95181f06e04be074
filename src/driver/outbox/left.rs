//! The file of the log of what left: `left.jsonl` in the site's data folder, a line at a time, never written over.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Outbox;
use super::epoch::Epoch;
use crate::driver::clock;
use crate::journal::chain::{Chain, Sealer};
use crate::journal::left::{Count, Line};

/// How long is waited for more to be told in one line.
const EVERY: Duration = Duration::from_secs(60);
/// Events after which a line is written all the same: what a segment holds must not wait for it long.
const MANY: u64 = 20_000;
/// Octets of the log's end that are read at a start: a line is a few hundred.
const PIECE: u64 = 16 << 10;
/// Octets of events that are read at once.
const MOUTHFUL: usize = 1 << 20;

/// The log's file.
pub fn path(data: &Path) -> PathBuf {
    data.join("left.jsonl")
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This line is none.
    Unreadable(usize),
    /// This line does not follow the one before it, or was not signed with the box's key.
    Broken(usize),
    /// Events are missing between this line and the one before it, or are told twice.
    Gap(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable(line) => write!(f, "line {line} cannot be read"),
            Fault::Broken(line) => {
                write!(f, "line {line} was changed, or a line before it is missing")
            }
            Fault::Gap(line) => write!(f, "line {line} does not go on where the one before ends"),
        }
    }
}

/// A log that was read.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// Its lines.
    pub lines: Vec<Line>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// Reads a log and looks whether it is as it was written. A last line that was cut short is none: it is written anew.
pub fn verify(text: &str, public_key: &[u8]) -> Left {
    let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
    let mut left = Left::default();
    let mut before = Chain::default();
    for (number, text) in (1..).zip(whole.lines()) {
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            left.faults.push(Fault::Unreadable(number));
            continue;
        };
        if !line.follows(before, public_key) {
            left.faults.push(Fault::Broken(number));
        }
        let same = left.lines.last().filter(|last| last.said.epoch == line.said.epoch);
        if same.is_some_and(|last| last.said.upto + 1 != line.said.from) {
            left.faults.push(Fault::Gap(number));
        }
        before = line.head;
        left.lines.push(line);
    }
    left
}

/// Who writes the log.
pub(super) struct Log {
    path: PathBuf,
    sealer: Sealer,
    epoch: String,
    head: Chain,
    upto: u64,
    /// Octets of the file that are whole lines.
    whole: u64,
    since: Option<Instant>,
}

impl Log {
    /// The log of an outbox's folder.
    pub(super) fn open(folder: &Path, sealer: Sealer, epoch: &Epoch) -> Log {
        let path = path(folder.parent().unwrap_or(folder));
        let (whole, line) = last_line(&path).unwrap_or_default();
        let mut log = Log {
            path,
            sealer,
            epoch: epoch.name.clone(),
            head: Chain::default(),
            upto: epoch.behind,
            whole,
            since: None,
        };
        if let Ok(Line { said, head, .. }) = serde_json::from_slice(&line) {
            log.head = head;
            log.upto = if said.epoch == log.epoch { said.upto } else { epoch.behind };
        }
        log
    }

    /// It is another outbox from now on.
    pub(super) fn go_on_as(&mut self, epoch: &Epoch) {
        (self.epoch, self.upto, self.since) = (epoch.name.clone(), epoch.behind, None);
    }

    /// Up to which event it tells.
    pub(super) fn upto(&self) -> u64 {
        self.upto
    }

    /// The office has all up to `arrived`. Written when enough came together, or when all is to be told.
    pub(super) fn tell(&mut self, outbox: &Outbox, arrived: u64, all: bool) -> io::Result<()> {
        let files = outbox.untold();
        if arrived <= self.upto && files.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let all = all || !files.is_empty();
        if !all && arrived - self.upto < MANY && now < since + EVERY {
            return Ok(());
        }
        let from = self.upto + 1;
        let mut count = Count::default();
        let mut next = from;
        while next <= arrived {
            let events = outbox.read(next, MOUTHFUL)?;
            let wanted = usize::try_from(arrived - next + 1).unwrap_or(usize::MAX);
            events.iter().take(wanted).for_each(|event| count.add(event));
            if events.is_empty() {
                break;
            }
            next += events.len() as u64;
        }
        let span = (from, arrived.max(self.upto));
        let mut said = count.said(&self.epoch, span, clock::now().unix);
        let told = files.len();
        said.files = files;
        self.write(Line::new(self.head, said, &self.sealer))?;
        outbox.told(told);
        Ok(())
    }

    fn write(&mut self, line: Line) -> io::Result<()> {
        let mut text = serde_json::to_string(&line).map_err(io::Error::other)?;
        text.push('\n');
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).mode(0o600).open(&self.path)?;
        let length = file.metadata()?.len();
        if length < self.whole {
            // Somebody has cut it: what is there is kept, and the chain shows what is missing.
            self.whole = last_line(&self.path)?.0;
        }
        // A line that was cut short when the box died, or by a full disk.
        file.set_len(self.whole)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.whole += text.len() as u64;
        (self.head, self.upto, self.since) = (line.head, line.said.upto, None);
        Ok(())
    }
}

/// Octets of a file that are whole lines, and the last of these. Of a long file its end alone is read.
fn last_line(path: &Path) -> io::Result<(u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut piece = PIECE;
    loop {
        let from = length.saturating_sub(piece);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(length - from).read_to_end(&mut bytes)?;
        let mut ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let (last, before) = (ends.next(), ends.next());
        let begins = match (before, from) {
            (Some((at, _)), _) => Some(at + 1),
            (None, 0) => Some(0),
            (None, _) => None,
        };
        match (begins, last) {
            (Some(begins), Some((end, _))) => {
                let line = bytes.get(begins..end).unwrap_or_default().to_vec();
                return Ok((from + end as u64 + 1, line));
            }
            (_, None) if from == 0 => return Ok((0, Vec::new())),
            _ => piece = piece.saturating_mul(2),
        }
    }
}
