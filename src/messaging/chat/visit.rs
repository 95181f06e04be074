//! One visitor as the box has them in mind: what was said, how far each page of theirs is, and how fast they write.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::ConnectionId;
use super::voice::Voice;
use super::wire::{About, From, Line};
use crate::messaging::contract::Status;
use crate::time::UnixTime;

/// Lines of one visitor that are kept in mind: whoever has been away for longer than that reads on from these.
pub const MOST_LINES: usize = 200;
/// Lines that may be said at once, and how soon each may be followed by another then: faster than anybody types.
const BURST: u32 = 12;
const EACH: Duration = Duration::from_secs(1);
/// How often a visitor who writes says so at most.
const TYPING_EACH: Duration = Duration::from_millis(900);

/// A line, and what of it was told to the ledger.
#[derive(Debug, Clone)]
pub struct Kept {
    /// It.
    pub line: Line,
    /// When, by which lines stand in order.
    pub when: UnixTime,
    /// What became of one of ours.
    pub told: Told,
}

/// How much of a line's way was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// The visitor's own, or nothing.
    Sent,
    /// It is on a page.
    Delivered,
    /// It was looked at.
    Read,
}

impl Told {
    /// As reports have it.
    pub fn status(self) -> Status {
        match self {
            Told::Sent => Status::Sent,
            Told::Delivered => Status::Delivered,
            Told::Read => Status::Read,
        }
    }
}

/// One visitor.
#[derive(Debug)]
pub struct Visit {
    /// Which numbers these are.
    pub epoch: String,
    /// Whether what the record has was read.
    pub loaded: bool,
    /// Whether it is being read.
    pub loading: bool,
    /// In order, with numbers that go up by one.
    pub lines: VecDeque<Kept>,
    /// The highest number.
    pub last: u64,
    /// Up to which somebody of the branch has read.
    pub seen: u64,
    /// Whether somebody of the branch writes.
    pub typing: bool,
    /// People ahead in the queue.
    pub ahead: Option<u32>,
    /// Pages that are open.
    pub pages: BTreeSet<ConnectionId>,
    /// Since when there are none.
    pub away: Option<Instant>,
    /// What they call themselves.
    pub about: About,
    /// What they look at, until they have said something.
    pub page: Option<String>,
    /// What they have of calls by voice.
    pub voice: Voice,
    words: Bucket,
    typed: Option<Instant>,
}

impl Visit {
    /// Somebody of whom nothing is in mind.
    pub fn new(now: Instant, epoch: String) -> Visit {
        Visit {
            epoch,
            loaded: false,
            loading: false,
            lines: VecDeque::new(),
            last: 0,
            seen: 0,
            typing: false,
            ahead: None,
            pages: BTreeSet::new(),
            away: Some(now),
            about: About::default(),
            page: None,
            voice: Voice::default(),
            words: Bucket::full(now),
            typed: None,
        }
    }

    /// Puts a line behind the others, unless it is there.
    pub fn push(&mut self, mut kept: Kept) -> Option<&Kept> {
        if self.lines.iter().any(|own| own.line.id == kept.line.id) {
            return None;
        }
        self.last += 1;
        kept.line.seq = self.last;
        self.lines.push_back(kept);
        if self.lines.len() > MOST_LINES {
            self.lines.pop_front();
        }
        self.lines.back()
    }

    /// Takes up what the record has; what is in mind beside that stands where its time puts it. Nobody has seen numbers
    /// before.
    pub fn load(&mut self, past: Vec<Kept>) {
        let new: Vec<_> = std::mem::take(&mut self.lines).into();
        let mut all: Vec<Kept> = past;
        for kept in new {
            match all.iter_mut().find(|own| own.line.id == kept.line.id) {
                Some(own) => own.told = own.told.max(kept.told),
                None => all.push(kept),
            }
        }
        all.sort_by_key(|kept| kept.when);
        let all = all.split_off(all.len().saturating_sub(MOST_LINES));
        self.last = 0;
        for mut kept in all {
            self.last += 1;
            kept.line.seq = self.last;
            self.lines.push_back(kept);
        }
        (self.loaded, self.loading) = (true, false);
    }

    /// What a page does not have that has everything up to a number of an epoch; nothing where that cannot be said.
    pub fn since(&self, epoch: Option<&str>, upto: u64) -> Option<Vec<Line>> {
        let first = self.lines.front().map_or(self.last + 1, |kept| kept.line.seq);
        let known = epoch == Some(self.epoch.as_str()) && upto + 1 >= first && upto <= self.last;
        let behind = |kept: &&Kept| kept.line.seq > upto;
        known.then(|| self.lines.iter().filter(behind).map(|kept| kept.line.clone()).collect())
    }

    /// Everything.
    pub fn all(&self) -> Vec<Line> {
        self.lines.iter().map(|kept| kept.line.clone()).collect()
    }

    /// The line that a page gave that name.
    pub fn said(&self, id: &str) -> Option<&Line> {
        self.lines.iter().map(|kept| &kept.line).find(|line| line.id == id)
    }

    /// Lines of ours up to a number of which less than this was told; it counts as told.
    pub fn tell(&mut self, upto: u64, what: Told) -> Vec<(String, Told)> {
        let ours = |kept: &&mut Kept| {
            kept.line.from == From::Branch && kept.line.seq <= upto && kept.told < what
        };
        let tell =
            |kept: &mut Kept| (kept.line.id.clone(), std::mem::replace(&mut kept.told, what));
        self.lines.iter_mut().filter(ours).map(tell).collect()
    }

    /// It was not told after all.
    pub fn untell(&mut self, before: &[(String, Told)]) {
        for (id, told) in before {
            let own = self.lines.iter_mut().find(|kept| kept.line.id == *id);
            own.into_iter().for_each(|kept| kept.told = *told);
        }
    }

    /// Whether one more line may be said now.
    pub fn may_say(&mut self, now: Instant) -> bool {
        self.words.take(now)
    }

    /// Whether it is time to say that they write, or no more.
    pub fn may_type(&mut self, now: Instant, on: bool) -> bool {
        let soon = self.typed.is_some_and(|at| now.duration_since(at) < TYPING_EACH);
        if on && soon {
            return false;
        }
        self.typed = on.then_some(now);
        true
    }
}

/// So many at once, and then one after another.
#[derive(Debug)]
struct Bucket {
    left: u32,
    at: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Bucket {
        Bucket { left: BURST, at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let gained = now.duration_since(self.at).as_secs() / EACH.as_secs();
        let gained = u32::try_from(gained).unwrap_or(BURST).min(BURST);
        self.at += EACH * gained;
        self.left = (self.left + gained).min(BURST);
        if self.left == BURST {
            self.at = now;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }
}
