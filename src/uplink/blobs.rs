//! The box's end of what is said of files: one after another, from where the office has it.
//!
//! [`Blobs`] owns which file is on its way and how much of it may be; which are left to go is a list on the disk, which is
//! the driver's. It gives way: a piece goes when no event waits, and the ceiling leaves room. Where the line breaks it begins
//! at what the office says that it has; no more than a window goes twice.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Route;
use super::blob::{Hash, Waiting};
use super::blob::{Have, LARGEST, Named, Offer, PIECE, Refusal, Refused, Said};

/// Octets that may be on their way by QUIC: on a line with 200 ms there and back that is 10 Mbit/s.
const WINDOW: u64 = 8 * PIECE as u64;
/// The same by TLS, where an event has to wait behind them.
const WINDOW_BY_TLS: u64 = 2 * PIECE as u64;
/// How long the office may say nothing of a file. It may have others' to look through.
const SILENCE: Duration = Duration::from_secs(60);
/// How long it is left alone that has no room, or said nothing.
const REST: Duration = Duration::from_secs(60);

/// One that has to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub named: Named,
    /// The event that speaks of it.
    pub n: u64,
}

/// What the list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This one.
    Wanted(Wanted),
    /// None before then.
    Later(Instant),
    /// None.
    Nothing,
}

/// Why one does not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not here any more: it was erased, or is past its time.
    Gone,
    /// The office takes none that large, or it is empty.
    Size,
    /// It is not what it was a moment before.
    Changed,
    /// The office has erased whose it is.
    Erased,
    /// The office does not say why.
    Unknown,
}

/// Why one cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// It is not here any more.
    Gone,
    /// Not now: it is being written still, or the disk fails.
    NotNow,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Say which is next; answer with [`Blobs::handle_next`].
    Next,
    /// Open it and say what it is; answer with [`Blobs::handle_opened`].
    Open(Wanted),
    /// Read so many octets from there on of the one that is open; answer with [`Blobs::handle_bytes`].
    Read {
        /// Where from.
        offset: u64,
        /// How many.
        count: usize,
    },
    /// None is open from here on.
    Shut,
    /// Say this.
    Send(Said),
    /// Send this piece, behind everything else.
    Piece(Said),
    /// Not now: others first.
    Later(Wanted),
    /// The office has it for good.
    Arrived(Wanted, Hash, u64),
    /// It does not go at all.
    Struck(Wanted, Why),
}

#[derive(Debug)]
enum State {
    /// Nobody is there to whom it could be said.
    Away,
    /// The list was asked.
    Asked,
    /// There is none.
    Idle,
    /// Until then.
    Resting(Instant),
    /// It is being opened.
    Opening(Wanted),
    /// The office has not said how much of it it has.
    Offered(Open, Instant),
    /// It goes.
    Going(Going),
}

#[derive(Debug, Clone)]
struct Open {
    wanted: Wanted,
    hash: Hash,
    size: u64,
}

#[derive(Debug)]
struct Going {
    open: Open,
    /// Where it began in this connection.
    from: u64,
    /// All before this was sent.
    sent: u64,
    /// All before this is at the office.
    have: u64,
    reading: bool,
    /// When there is room under the ceiling.
    paced: Option<Instant>,
    heard: Instant,
}

/// What goes home of files.
#[derive(Debug)]
pub struct Blobs {
    window: u64,
    state: State,
    /// Why the office takes none now.
    full: bool,
    outputs: VecDeque<Output>,
}

impl Default for Blobs {
    fn default() -> Blobs {
        Blobs { window: WINDOW, state: State::Away, full: false, outputs: VecDeque::new() }
    }
}

impl Blobs {
    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When time does something.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Away | State::Asked | State::Idle | State::Opening(_) => None,
            State::Resting(at) => Some(*at),
            State::Offered(_, at) => Some(*at),
            State::Going(going) => {
                let silent = going.heard + SILENCE;
                Some(going.paced.map_or(silent, |at| at.min(silent)))
            }
        }
    }

    /// Whether the office has said that it has no room.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The line is up by a route and the office speaks of files, or not.
    pub fn handle_line(&mut self, route: Option<Route>) {
        match (route, &self.state) {
            (Some(route), State::Away) => {
                self.window = if route == Route::Tls { WINDOW_BY_TLS } else { WINDOW };
                self.ask();
            }
            (Some(_), _) | (None, State::Away) => {}
            (None, _) => {
                self.state = State::Away;
                self.outputs.push_back(Output::Shut);
            }
        }
    }

    /// The list is longer.
    pub fn handle_listed(&mut self) {
        if let State::Idle = self.state {
            self.ask();
        }
    }

    /// So much waits: the office shows it.
    pub fn handle_waiting(&mut self, waiting: Waiting) {
        if !matches!(self.state, State::Away) {
            self.outputs.push_back(Output::Send(Said::Waiting(waiting)));
        }
    }

    /// What the list says.
    pub fn handle_next(&mut self, next: Next) {
        if !matches!(self.state, State::Asked) {
            return;
        }
        self.state = match next {
            Next::Wanted(wanted) => {
                self.outputs.push_back(Output::Open(wanted.clone()));
                State::Opening(wanted)
            }
            Next::Later(at) => State::Resting(at),
            Next::Nothing => State::Idle,
        };
    }

    /// What the file is that was to be opened: its content and its octets. `of` is which it was: the line may have been gone
    /// meanwhile.
    pub fn handle_opened(
        &mut self,
        now: Instant,
        of: &Wanted,
        opened: Result<(Hash, u64), NotOpened>,
    ) {
        let State::Opening(wanted) = &self.state else { return };
        if wanted != of {
            return;
        }
        let wanted = wanted.clone();
        match opened {
            Ok((_, size)) if size == 0 || size > LARGEST => self.strike(wanted, Why::Size),
            Ok((hash, size)) => self.offer(now, Open { wanted, hash, size }),
            Err(NotOpened::Gone) => self.strike(wanted, Why::Gone),
            Err(NotOpened::NotNow) => {
                self.outputs.push_back(Output::Later(wanted));
                self.ask();
            }
        }
    }

    /// These were read; nothing: it is not there any more.
    pub fn handle_bytes(&mut self, bytes: Option<Vec<u8>>) {
        let State::Going(going) = &mut self.state else { return };
        if !std::mem::take(&mut going.reading) {
            return;
        }
        let left = going.open.size - going.sent;
        let fits = |bytes: &Vec<u8>| !bytes.is_empty() && bytes.len() as u64 <= left;
        match bytes.filter(fits) {
            Some(bytes) => {
                let (hash, offset) = (going.open.hash, going.sent);
                going.sent += bytes.len() as u64;
                self.outputs.push_back(Output::Piece(Said::Bytes { hash, offset, bytes }));
            }
            None => {
                let wanted = going.open.wanted.clone();
                self.strike(wanted, Why::Gone);
            }
        }
    }

    /// What the office says. What it may not say, or says of another file, changes nothing.
    pub fn handle_said(&mut self, now: Instant, said: Said) {
        match said {
            Said::Have(have) => self.has(now, have),
            Said::Stored(hash) => {
                if let Some(open) = self.open().filter(|open| open.hash == hash).cloned() {
                    self.full = false;
                    self.outputs.push_back(Output::Arrived(open.wanted, hash, open.size));
                    self.ask();
                }
            }
            Said::Refused(refused) => self.refused(now, refused),
            Said::Offer(_) | Said::Bytes { .. } | Said::Waiting(_) => {}
        }
    }

    /// Sends on where there is something to send. `spare`: from when on there is room for it; none where events wait.
    pub fn go_on(&mut self, now: Instant, spare: impl FnOnce() -> Option<Instant>) {
        let State::Going(going) = &mut self.state else { return };
        let room = self.window.saturating_sub(going.sent - going.have);
        let left = going.open.size - going.sent;
        let count = PIECE.min(usize::try_from(left.min(room)).unwrap_or(PIECE));
        if going.reading || count == 0 || (left > room && room < PIECE as u64) {
            return;
        }
        match spare() {
            Some(at) if at <= now => {
                going.paced = None;
                going.reading = true;
                self.outputs.push_back(Output::Read { offset: going.sent, count });
            }
            at => going.paced = at,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Resting(at) if *at <= now => self.ask(),
            State::Offered(_, at) if *at <= now => self.rest(now + REST),
            State::Going(going) => {
                going.paced.take_if(|at| *at <= now);
                // While events go before it nobody owes an answer.
                let owed = going.sent > going.have || going.sent == going.open.size;
                match owed {
                    true if going.heard + SILENCE <= now => self.rest(now + REST),
                    true => {}
                    false => going.heard = now.max(going.heard),
                }
            }
            _ => {}
        }
    }
}

impl Blobs {
    fn ask(&mut self) {
        self.state = State::Asked;
        self.outputs.push_back(Output::Shut);
        self.outputs.push_back(Output::Next);
    }

    fn rest(&mut self, until: Instant) {
        self.state = State::Resting(until);
        self.outputs.push_back(Output::Shut);
    }

    fn strike(&mut self, wanted: Wanted, why: Why) {
        self.outputs.push_back(Output::Struck(wanted, why));
        self.ask();
    }

    fn open(&self) -> Option<&Open> {
        match &self.state {
            State::Offered(open, _) => Some(open),
            State::Going(going) => Some(&going.open),
            _ => None,
        }
    }

    fn offer(&mut self, now: Instant, open: Open) {
        let Wanted { named, n } = open.wanted.clone();
        let offer = Offer { hash: open.hash, size: open.size, named, n };
        self.outputs.push_back(Output::Send(Said::Offer(offer)));
        self.state = State::Offered(open, now + SILENCE);
    }

    fn has(&mut self, now: Instant, Have { hash, offset }: Have) {
        match &mut self.state {
            State::Offered(open, _) if open.hash == hash && offset <= open.size => {
                self.full = false;
                self.state = State::Going(Going {
                    open: open.clone(),
                    from: offset,
                    sent: offset,
                    have: offset,
                    reading: false,
                    paced: None,
                    heard: now,
                });
            }
            State::Going(going) if going.open.hash == hash && offset <= going.sent => {
                going.have = offset.max(going.have);
                going.heard = now;
            }
            _ => {}
        }
    }

    fn refused(&mut self, now: Instant, Refused { hash, why }: Refused) {
        let began = match &self.state {
            State::Going(going) => going.from,
            _ => 0,
        };
        let Some(open) = self.open().filter(|open| open.hash == hash).cloned() else { return };
        match why {
            Refusal::Full => {
                self.full = true;
                self.rest(now + REST);
            }
            // What it had of it before was damaged, perhaps by a power cut: all of it goes again.
            Refusal::Hash if began > 0 => self.offer(now, open),
            Refusal::Hash => self.strike(open.wanted, Why::Changed),
            Refusal::Size => self.strike(open.wanted, Why::Size),
            Refusal::Erased => self.strike(open.wanted, Why::Erased),
            Refusal::Unknown => self.strike(open.wanted, Why::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
