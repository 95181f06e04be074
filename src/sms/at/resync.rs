//! The way back to a modem that answers to something else.
//!
//! Echo is switched on and an empty command is sent with a number of blanks that was not used before (V.250 section 5.2.1:
//! blanks mean nothing). When that very line comes back, whatever came before it belongs to the past, and the next result
//! is its own.

use std::time::{Duration, Instant};

use super::verdict::Verdict;
use crate::time::Now;

/// How long one step may take. A modem that is busy with its SIM takes seconds for an empty command.
const STEP: Duration = Duration::from_secs(3);
/// Tries before the modem counts as silent.
const TRIES: u8 = 4;
/// Different numbers of blanks: more than tries whose answers may still be under way.
const BLANKS: usize = 7;
/// Gives up a body that the modem still awaits (TS 27.005 section 3.5.1), and ends whatever line that makes.
const ESCAPE: &[u8] = b"\x1b\r";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Echo was switched on.
    On,
    /// The line that is known again was sent.
    Marked,
    /// It came back; its result has not.
    Seen,
    /// Echo was switched off.
    Off,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Write(Vec<u8>),
    Found,
    Silent,
}

/// One search for the way back.
#[derive(Debug)]
pub(super) struct Resync {
    count: usize,
    mark: String,
    stage: Stage,
    tries: u8,
    /// Results since the mark was sent: a modem without echo shows no other sign of life.
    results: u8,
    deadline: Instant,
}

impl Resync {
    pub(super) fn new(now: Now, count: usize) -> (Resync, Vec<u8>) {
        let deadline = now.instant + STEP;
        let count = count.wrapping_mul(TRIES.into());
        let resync =
            Resync { count, mark: mark(count), stage: Stage::On, tries: 1, results: 0, deadline };
        (resync, [ESCAPE, b"ATE1\r"].concat())
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether a line says anything about the way.
    pub(super) fn is_concerned(&self, line: &str) -> bool {
        line == self.mark || Verdict::read(line).is_some()
    }

    pub(super) fn handle_line(&mut self, now: Now, line: &str) -> Step {
        match (self.stage, line == self.mark) {
            (Stage::On, false) => self.send_mark(now),
            (Stage::Marked, true) => {
                self.stage = Stage::Seen;
                Step::Wait
            }
            (Stage::Marked, false) => {
                self.results = self.results.saturating_add(1);
                Step::Wait
            }
            (Stage::Seen, false) => self.send_off(now),
            (Stage::Off, false) => Step::Found,
            (_, true) => Step::Wait,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Now) -> Step {
        match self.stage {
            // It may have no echo and no result for switching it on.
            Stage::On => self.send_mark(now),
            // It answers and shows no echo: after so long a silence the next answer is to the next command.
            Stage::Marked | Stage::Seen if self.results > 0 && self.tries > 1 => self.send_off(now),
            Stage::Off => Step::Found,
            Stage::Marked | Stage::Seen if self.tries < TRIES => {
                self.tries += 1;
                self.results = 0;
                self.count = self.count.wrapping_add(1);
                self.mark = mark(self.count);
                self.begin(now)
            }
            Stage::Marked | Stage::Seen => Step::Silent,
        }
    }

    fn begin(&mut self, now: Now) -> Step {
        self.stage = Stage::On;
        self.deadline = now.instant + STEP;
        Step::Write([ESCAPE, b"ATE1\r"].concat())
    }

    fn send_mark(&mut self, now: Now) -> Step {
        self.stage = Stage::Marked;
        self.deadline = now.instant + STEP;
        Step::Write([self.mark.as_bytes(), b"\r"].concat())
    }

    fn send_off(&mut self, now: Now) -> Step {
        self.stage = Stage::Off;
        self.deadline = now.instant + STEP;
        Step::Write(b"ATE0V1\r".to_vec())
    }
}

fn mark(count: usize) -> String {
    format!("AT{}", " ".repeat(1 + count % BLANKS))
}
