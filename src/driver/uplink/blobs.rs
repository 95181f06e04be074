//! Files that go home: which are left to go, on the disk, and their bytes.
//!
//! What has to go is what events of the outbox speak of: it is noted down before the outbox lets go of them, so that what a
//! kill took away is found again. The machine that decides is `uplink::blobs`. Recordings are opened with the branch's keys
//! here: the office has none.

mod list;
mod source;

use std::io;
use std::path::Path;
use std::time::Instant;

use tokio::task::{JoinHandle, spawn_blocking};

use self::list::List;
pub use self::source::Source;
use self::source::{Opened, Reading};
use crate::driver::outbox::Outbox;
use crate::journal::left::File;
use crate::uplink::blob::{Kind, Named, Said, Waiting};
use crate::uplink::blobs::{Blobs, NotOpened, Output, Wanted};
use crate::uplink::frame::Event;
use crate::uplink::policy::{Class, Policy, Treatment};
use crate::uplink::{Route, blobs::Why};

/// Octets of events that are looked through at once where the line did not read them.
const MOUTHFUL: usize = 1 << 20;

/// What of files a site lets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sends {
    /// Recordings.
    pub recordings: bool,
    /// Files of messages.
    pub files: bool,
}

impl Sends {
    /// As the site's policy has it.
    pub fn of(policy: &Policy) -> Sends {
        let sends = |class| policy.of(class) == Treatment::Send;
        Sends { recordings: sends(Class::Recording), files: sends(Class::File) }
    }

    /// Whether one of a kind leaves.
    pub fn lets(self, kind: Kind) -> bool {
        match kind {
            Kind::Recording => self.recordings,
            Kind::File => self.files,
            Kind::Unknown => false,
        }
    }
}

/// How it is with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What waits.
    pub waiting: Waiting,
    /// What has arrived since the start.
    pub sent: Waiting,
    /// Octets that went since the start, those that went twice counted twice.
    pub went: u64,
    /// What was struck off since the start, because it was not here any more or was not taken.
    pub struck: u64,
    /// Whether the office has no room.
    pub full: bool,
}

/// What came of opening one.
pub(super) type Done = (Wanted, Result<Opened, NotOpened>);

/// The files of a box.
pub(super) struct Files {
    source: Source,
    list: List,
    machine: Blobs,
    opening: Option<JoinHandle<Done>>,
    reading: Option<Reading>,
    standing: Standing,
    outbox: Outbox,
    /// What has arrived, and is struck off once the log of what left tells it.
    untold: Vec<Named>,
    /// What the office was told that waits.
    told: Option<(Waiting, Instant)>,
}

/// How long the office's view of what waits may be old.
const TELL_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

impl Files {
    /// Over the list in a folder. `arrived`: where nobody ever kept a list, what the office has by now is not gone through.
    pub(super) fn open(folder: &Path, source: Source, outbox: &Outbox) -> io::Result<Files> {
        let sends = source.sends;
        let list =
            List::open(&folder.join("files.list"), &outbox.epoch(), outbox.arrived(), sends)?;
        let mut files = Files {
            source,
            list,
            machine: Blobs::default(),
            opening: None,
            reading: None,
            standing: Standing::default(),
            outbox: outbox.clone(),
            untold: Vec::new(),
            told: None,
        };
        files.standing.struck = files.list.kept_back();
        Ok(files)
    }

    /// How it is.
    pub(super) fn standing(&self) -> Standing {
        let (waiting, full) = (self.list.waiting(), self.machine.is_full());
        Standing { waiting, full, ..self.standing }
    }

    /// When time does something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    /// These were read for the line.
    pub(super) fn handle_events(&mut self, first: u64, events: &[Event]) {
        if self.list.take(first, events, |named| self.source.size(named)) {
            self.machine.handle_listed();
        }
    }

    /// The office has all events up to this one: what they speak of is on the disk before the outbox lets go of them.
    ///
    /// # Errors
    /// When it is not: then they are not to be let go of.
    pub(super) fn note(&mut self, outbox: &Outbox, upto: u64) -> io::Result<()> {
        while self.list.seen() < upto {
            // Those before are gone from here already, and spoke of none that is not listed.
            let first = (self.list.seen() + 1).max(outbox.span().borrow().first);
            self.list.skip(first - 1);
            let events = outbox.read(first, MOUTHFUL)?;
            if events.is_empty() {
                self.list.skip(upto);
                break;
            }
            self.handle_events(first, &events);
        }
        self.list.sync()
    }

    /// The office says something of files.
    pub(super) fn handle_said(&mut self, now: Instant, said: Said) {
        self.machine.handle_said(now, said);
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    /// One was opened; never when none is being.
    pub(super) async fn opened(&mut self) -> Done {
        loop {
            match &mut self.opening {
                None => std::future::pending::<()>().await,
                Some(opening) => {
                    let opened = opening.await;
                    self.opening = None;
                    // Otherwise it was ended with the runtime.
                    if let Ok(opened) = opened {
                        return opened;
                    }
                }
            }
        }
    }

    /// What came of that.
    pub(super) fn handle_opened(&mut self, now: Instant, (wanted, opened): Done) {
        let opened = opened.map(|Opened { reading, hash, size }| {
            self.reading = Some(reading);
            (hash, size)
        });
        self.machine.handle_opened(now, &wanted, opened);
    }

    /// Does what is to be done. `line` is the route by which files may go, `spare` takes how many octets went and
    /// says from when on there is room, `send` takes what is to be said and whether it goes behind everything else.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        line: Option<Route>,
        mut spare: impl FnMut(usize) -> Option<Instant>,
        mut send: impl FnMut(Said, bool),
    ) {
        self.strike_told();
        self.machine.handle_line(line);
        self.tell(now, line);
        let mut spent = 0;
        loop {
            self.machine.go_on(now, || spare(std::mem::take(&mut spent)));
            let Some(output) = self.machine.poll_output() else { break };
            match output {
                Output::Next => {
                    let next = self.list.next(now);
                    self.machine.handle_next(next);
                }
                Output::Open(wanted) => self.open_one(wanted),
                Output::Read { offset, count } => {
                    let reading = self.reading.as_mut();
                    let bytes = reading.and_then(|reading| reading.read(offset, count));
                    self.machine.handle_bytes(bytes);
                }
                Output::Shut => self.reading = None,
                Output::Send(said) => send(said, false),
                Output::Piece(said) => {
                    if let Said::Bytes { bytes, .. } = &said {
                        spent += bytes.len();
                        self.standing.went += bytes.len() as u64;
                    }
                    send(said, true);
                }
                Output::Later(wanted) => self.list.later(&wanted, now),
                Output::Arrived(wanted, hash, size) => {
                    self.standing.sent.files += 1;
                    self.standing.sent.octets += size;
                    tracing::info!(kind = wanted.named.kind.name(), %hash, size, event = wanted.n, "a file is at the hub");
                    let Wanted { named, n } = wanted;
                    self.list.hold(&named);
                    self.untold.push(named.clone());
                    self.outbox.file_left(File { named, content: hash, size, n });
                }
                Output::Struck(wanted, why) => self.struck(&wanted, why),
            }
        }
        spare(spent);
    }

    /// What the log of what left tells by now does not wait any more. After a kill it is offered again, and told again.
    fn strike_told(&mut self) {
        if self.untold.is_empty() || !self.outbox.untold().is_empty() {
            return;
        }
        for named in std::mem::take(&mut self.untold) {
            self.list.strike(&named);
        }
    }

    fn struck(&mut self, wanted: &Wanted, why: Why) {
        self.standing.struck += 1;
        let words = match why {
            Why::Gone => "it is not here any more: it was erased, or is past its time",
            Why::Size => "it is empty, or larger than any may be",
            Why::Changed => "its bytes are not what they were",
            Why::Erased => "the hub has erased whose it is",
            Why::Unknown => "the hub does not take it",
        };
        let (kind, name) = (wanted.named.kind.name(), &wanted.named.name);
        tracing::warn!(kind, name, event = wanted.n, why = words, "a file does not go to the hub");
        self.list.strike(&wanted.named);
    }

    fn open_one(&mut self, wanted: Wanted) {
        let source = self.source.clone();
        self.opening = Some(spawn_blocking(move || {
            let opened = source.open(&wanted.named);
            (wanted, opened)
        }));
    }

    fn tell(&mut self, now: Instant, line: Option<Route>) {
        if line.is_none() {
            return self.told = None;
        }
        let waiting = self.list.waiting();
        let fresh = |(told, at): (Waiting, Instant)| told == waiting || now < at + TELL_EVERY;
        // An office that has never heard of any needs not hear of none.
        if self.told.is_some_and(fresh) {
            return;
        }
        self.told = Some((waiting, now));
        self.machine.handle_waiting(waiting);
    }
}
