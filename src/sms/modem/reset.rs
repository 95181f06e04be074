//! What is done when a modem does not work: step by step, and never more than does it good.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::condition::Condition;
use super::{Modem, Output, Phase, Task};
use crate::time::Now;

/// The radio takes its time to go off and on.
pub(super) const RADIO_PATIENCE: Duration = Duration::from_secs(30);
/// Commands without an answer, one after another, before something is done.
pub(super) const MOST_SILENCES: u32 = 3;
/// How long a modem may look for a network before something is done.
const SEARCHING: Duration = Duration::from_secs(600);
/// How long a modem takes to come back.
const RESTARTING: Duration = Duration::from_secs(30);
/// Power stays off for some seconds, and then it starts.
const POWERING: Duration = Duration::from_secs(20);
/// After so long a time without trouble, the ladder begins at its foot.
const WELL: Duration = Duration::from_secs(600);
/// Hard resets in an hour and in a day: frequent ones have ended modules for good (arduino-libraries/MKRNB issue 45).
const HARD_IN_AN_HOUR: usize = 3;
const HARD_IN_A_DAY: usize = 8;
/// Rungs that are remembered for a person: two days of a modem that never works.
const MOST_REMEMBERED: usize = 32;
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The rungs, lowest first. Draining the line has been done before any of them: the dialogue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    /// The radio off and on: `AT+CFUN=0` and `1`.
    Radio,
    /// The line closed and opened.
    Reopen,
    /// The whole modem: `AT+CFUN=1,1`.
    Restart,
    /// Its power.
    Power,
}

const LADDER: [Rung; 4] = [Rung::Radio, Rung::Reopen, Rung::Restart, Rung::Power];

#[derive(Debug, Default)]
pub(super) struct Resets {
    next: usize,
    hard: VecDeque<Instant>,
    count: u64,
    up: Option<Instant>,
    why: String,
    ladder: VecDeque<String>,
}

impl Resets {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What was tried, the eldest first.
    pub(super) fn ladder(&self) -> Vec<String> {
        self.ladder.iter().cloned().collect()
    }

    fn remember(&mut self, now: Now, rung: Rung) {
        if self.ladder.len() >= MOST_REMEMBERED {
            self.ladder.pop_front();
        }
        let why = std::mem::take(&mut self.why);
        let why = if why.is_empty() { "ordered".to_owned() } else { why };
        self.ladder.push_back(format!("{} {rung:?}: {why}", now.unix));
    }

    pub(super) fn note_up(&mut self, now: Now) {
        self.up = Some(now.instant);
    }

    /// Takes one hard reset from the budget. Nothing: taken; else when there is one again.
    fn take_hard(&mut self, now: Now) -> Option<Instant> {
        while self.hard.front().is_some_and(|at| *at + DAY <= now.instant) {
            self.hard.pop_front();
        }
        let lately = self.hard.iter().filter(|at| **at + HOUR > now.instant);
        let lately: Vec<_> = lately.copied().collect();
        if self.hard.len() >= HARD_IN_A_DAY {
            return self.hard.front().map(|at| *at + DAY);
        }
        if lately.len() >= HARD_IN_AN_HOUR {
            return lately.first().map(|at| *at + HOUR);
        }
        self.hard.push_back(now.instant);
        None
    }
}

impl Modem {
    /// Nothing it is told is answered: orders to its radio would not be heard either.
    pub(super) fn silence(&mut self, now: Now) {
        self.next_rung(now, "it is silent", false);
    }

    /// Something is wrong: the next rung.
    pub(super) fn trouble(&mut self, now: Now, why: &str) {
        self.next_rung(now, why, true);
    }

    fn next_rung(&mut self, now: Now, why: &str, hears: bool) {
        self.transcript.note(now.unix, why);
        why.clone_into(&mut self.resets.why);
        self.silences = 0;
        let well = self.resets.up.take().is_some_and(|up| up + WELL <= now.instant);
        if well {
            self.resets.next = 0;
        }
        let rung = loop {
            let Some(rung) = LADDER.get(self.resets.next).copied() else {
                // Up to its head and no better: from its foot again as long as the budget lasts.
                self.resets.next = 1;
                continue;
            };
            self.resets.next += 1;
            let usable = match rung {
                Rung::Radio => hears && self.phase == Phase::Up && self.dialogue.is_idle(),
                Rung::Restart => self.profile.full_reset,
                Rung::Reopen | Rung::Power => true,
            };
            if usable {
                break rung;
            }
        };
        self.climb(now, rung);
    }

    fn climb(&mut self, now: Now, rung: Rung) {
        if matches!(rung, Rung::Restart | Rung::Power)
            && let Some(again) = self.resets.take_hard(now)
        {
            return self.give_up(now, again);
        }
        self.resets.count += 1;
        self.resets.remember(now, rung);
        self.transcript.note(now.unix, &format!("reset: {rung:?}"));
        match rung {
            Rung::Radio => {
                self.add_first(Task::Radio(true));
                self.add_first(Task::Radio(false));
            }
            Rung::Reopen => {
                self.close(now);
                self.set(Condition::Resetting);
                self.retry = Some(now.instant + super::LOOK_AGAIN);
            }
            Rung::Restart => {
                self.dialogue.handle_gone();
                self.drain_quietly(now);
                self.phase = Phase::Resetting;
                self.set(Condition::Resetting);
                self.retry = Some(now.instant + RESTARTING);
                // Whether it listens or not: there is nothing to lose.
                self.outputs.push_back(Output::Write(b"\x1b\rAT+CFUN=1,1\r".to_vec()));
            }
            Rung::Power => {
                self.close(now);
                self.set(Condition::Resetting);
                self.outputs.push_back(Output::Power);
                self.retry = Some(now.instant + POWERING);
            }
        }
    }

    fn close(&mut self, now: Now) {
        self.dialogue.handle_gone();
        self.drain_quietly(now);
        self.phase = Phase::Away;
        self.outputs.push_back(Output::Close);
    }

    fn drain_quietly(&mut self, now: Now) {
        self.end_line(now);
        while self.dialogue.poll_output().is_some() {}
    }

    fn give_up(&mut self, now: Now, again: Instant) {
        self.close(now);
        self.phase = Phase::GivenUp;
        self.set(Condition::GivenUp);
        self.retry = Some(again);
    }

    /// There is budget again.
    pub(super) fn reset_due(&mut self, now: Now) {
        self.resets.next = 0;
        self.phase = Phase::Away;
        self.transcript.note(now.unix, "another try");
        self.outputs.push_back(Output::Open { other: false });
    }

    /// The time for coming back is over: look whether it has.
    pub(super) fn reset_took(&mut self, now: Now) {
        self.begin_line(now);
        self.phase = Phase::Waking;
        self.dialogue.synchronise(now);
    }

    pub(super) fn reset_by_hand(&mut self, now: Now) {
        self.resets.hard.clear();
        self.resets.next = 0;
        match self.phase {
            Phase::Away | Phase::GivenUp => self.reset_due(now),
            _ => self.climb(now, if self.profile.full_reset { Rung::Restart } else { Rung::Power }),
        }
    }

    pub(super) fn radio_answered(&mut self, now: Now, on: bool) {
        if on {
            self.unregistered_since = Some(now.instant);
        }
    }

    /// A network that refuses the SIM does so after a reset too.
    pub(super) fn look_at_registration(&mut self, now: Now) {
        let long = self.unregistered_since.is_some_and(|since| since + SEARCHING <= now.instant);
        if long && self.condition == Condition::Searching {
            self.unregistered_since = Some(now.instant);
            self.trouble(now, "it finds no network");
        }
    }
}
