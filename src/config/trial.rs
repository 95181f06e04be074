//! A changed configuration on trial: it runs at once, and goes back by itself unless somebody confirms it in time.
//!
//! Owns when and why it goes back: the time is over, a carrier that worked before does not any more, or every phone is
//! gone. It puts nothing back itself, and does not keep itself over a restart: its [`Pending`] is on the disk before
//! the change runs, and a trial goes on from there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::id::TrunkId;
use crate::time::{Now, UnixTime, earliest};

/// The shortest time that may be asked for: whoever confirms has to look at the box first. Tests wait for it.
pub const SHORTEST: Duration = Duration::from_secs(10);
/// The longest: after it nobody remembers what is on trial.
pub const LONGEST: Duration = Duration::from_secs(3_600);
/// What it is when nobody says: long enough to place a call and to look at the lamps.
pub const USUAL: Duration = Duration::from_secs(300);
/// How long a carrier that worked before may be out: a registration that needs a second challenge, or a name that is
/// looked up anew, is through within it.
pub const TRUNK_OUT: Duration = Duration::from_secs(10);
/// How long all phones may be gone: they register anew within a minute after a restart of the network.
pub const PHONES_OUT: Duration = Duration::from_secs(60);
/// Starts of the program within one trial after which it is over: a configuration that brings the program down is not
/// given all of its time.
pub const MOST_STARTS: u32 = 3;

/// What is known of a trial over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The version that is on trial.
    pub version: u32,
    /// The one that it goes back to.
    pub before: u32,
    /// When it began.
    pub begun: UnixTime,
    /// When it is over.
    pub until: UnixTime,
    /// Carriers that worked before.
    #[serde(default)]
    pub trunks: Vec<TrunkId>,
    /// Whether there were phones before.
    #[serde(default)]
    pub phones: bool,
    /// How often the program has started since.
    #[serde(default)]
    pub starts: u32,
}

impl Pending {
    /// What is left of its time. A clock that was set, or is wrong after a power cut, gives no more than was asked for.
    pub fn left(&self, now: UnixTime) -> Duration {
        let whole = self.until.since(self.begun);
        if now < self.begun { whole } else { self.until.since(now).min(whole) }
    }

    /// Why it is over before the program has even started; nothing if it is not.
    pub fn is_over_at_start(&self, now: UnixTime) -> Option<Reason> {
        match () {
            () if self.left(now).is_zero() => Some(Reason::Time),
            () if self.starts >= MOST_STARTS => Some(Reason::Starts),
            () => None,
        }
    }
}

/// Why a trial went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", content = "trunk", rename_all = "snake_case")]
pub enum Reason {
    /// Nobody has confirmed it in time.
    Time,
    /// A carrier that worked before does not any more.
    Trunk(TrunkId),
    /// There were phones before, and none is left.
    Phones,
    /// Somebody wanted it.
    Asked,
    /// The program does not start with it.
    Start,
    /// The program has started again and again.
    Starts,
    /// Its text was not in place at a start: the power went while it was applied, or somebody has edited the file.
    Absent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Time => f.write_str("nobody confirmed it in time"),
            Reason::Trunk(trunk) => {
                write!(f, "the trunk {trunk} worked before it and not with it")
            }
            Reason::Phones => f.write_str("every phone was gone with it"),
            Reason::Asked => f.write_str("somebody rolled it back"),
            Reason::Start => f.write_str("the program did not start with it"),
            Reason::Absent => f.write_str("its text was not in the file when the program started"),
            Reason::Starts => f.write_str("the program started again and again with it"),
        }
    }
}

/// A trial that runs.
#[derive(Debug)]
pub struct Trial {
    pending: Pending,
    over: Instant,
    /// Carriers that worked before and do not now, and since when.
    out: BTreeMap<TrunkId, Instant>,
    phones_out: Option<Instant>,
    verdict: Option<Reason>,
    given: bool,
}

impl Trial {
    /// Begins one, or goes on with it after a restart.
    pub fn new(now: Now, pending: Pending) -> Trial {
        let over = now.instant + pending.left(now.unix);
        let (out, phones_out) = (BTreeMap::new(), None);
        Trial { pending, over, out, phones_out, verdict: None, given: false }
    }

    /// What it is of.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// How a carrier is.
    pub fn handle_trunk(&mut self, now: Now, trunk: &TrunkId, works: bool) {
        if works {
            self.out.remove(trunk);
        } else if self.pending.trunks.contains(trunk) {
            self.out.entry(trunk.clone()).or_insert(now.instant);
        }
    }

    /// Whether there are phones.
    pub fn handle_phones(&mut self, now: Now, any: bool) {
        match any || !self.pending.phones {
            true => self.phones_out = None,
            false => _ = self.phones_out.get_or_insert(now.instant),
        }
    }

    /// What is due. The first reason counts.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.verdict.is_some() {
            return;
        }
        let due = |since: Instant, patience: Duration| since + patience <= now.instant;
        let trunk = self.out.iter().find(|(_, since)| due(**since, TRUNK_OUT));
        self.verdict = match trunk {
            Some((trunk, _)) => Some(Reason::Trunk(trunk.clone())),
            None if self.phones_out.is_some_and(|since| due(since, PHONES_OUT)) => {
                Some(Reason::Phones)
            }
            None => (self.over <= now.instant).then_some(Reason::Time),
        };
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.verdict.is_some() {
            return None;
        }
        let trunk = self.out.values().min().map(|since| *since + TRUNK_OUT);
        let phones = self.phones_out.map(|since| since + PHONES_OUT);
        [trunk, phones].into_iter().fold(Some(self.over), earliest)
    }

    /// That it is to go back, and why; said once.
    pub fn poll_output(&mut self) -> Option<Reason> {
        let verdict = self.verdict.clone().filter(|_| !self.given)?;
        self.given = true;
        Some(verdict)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn start() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) }
    }

    fn pending(now: Now) -> Pending {
        Pending {
            version: 8,
            before: 7,
            begun: now.unix,
            until: now.unix + USUAL,
            trunks: vec![TrunkId::from("carrier")],
            phones: true,
            starts: 0,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Runs it to where it goes back, or to where nothing is due any more.
    fn end(trial: &mut Trial, now: Now) -> (Duration, Option<Reason>) {
        let begun = now.instant;
        while let Some(at) = trial.deadline() {
            trial.handle_timeout(now.after(at.saturating_duration_since(now.instant)));
            if let Some(reason) = trial.poll_output() {
                assert_eq!(trial.poll_output(), None, "said once");
                return (at - begun, Some(reason));
            }
        }
        (Duration::ZERO, None)
    }

    #[test]
    fn a_browser_that_vanishes_lets_it_go_back_when_its_time_is_over() {
        let now = start();
        let mut trial = Trial::new(now, pending(now));
        trial.handle_trunk(now, &TrunkId::from("carrier"), true);
        trial.handle_phones(now, true);
        trial.handle_timeout(now.after(USUAL - seconds(1)));
        assert_eq!(trial.poll_output(), None);
        assert_eq!(end(&mut trial, now), (USUAL, Some(Reason::Time)));
    }

    #[test]
    fn a_carrier_that_worked_may_be_out_for_a_moment_and_no_longer() {
        let now = start();
        let carrier = TrunkId::from("carrier");
        let mut trial = Trial::new(now, pending(now));
        trial.handle_trunk(now, &carrier, false);
        trial.handle_trunk(now.after(TRUNK_OUT - seconds(1)), &carrier, true);
        trial.handle_timeout(now.after(TRUNK_OUT));
        assert_eq!(trial.poll_output(), None, "it came back");
        let later = now.after(seconds(60));
        trial.handle_trunk(later, &carrier, false);
        trial.handle_trunk(later.after(seconds(5)), &carrier, false);
        assert_eq!(end(&mut trial, later), (TRUNK_OUT, Some(Reason::Trunk(carrier))));
    }

    #[test]
    fn what_did_not_work_before_is_nobodys_reason() {
        let now = start();
        let mut trial = Trial::new(now, Pending { phones: false, ..pending(now) });
        trial.handle_trunk(now, &TrunkId::from("spare"), false);
        trial.handle_phones(now, false);
        assert_eq!(end(&mut trial, now), (USUAL, Some(Reason::Time)));
    }

    #[test]
    fn phones_that_all_go_take_it_back() {
        let now = start();
        let mut trial = Trial::new(now, pending(now));
        trial.handle_phones(now, false);
        assert_eq!(end(&mut trial, now), (PHONES_OUT, Some(Reason::Phones)));
    }

    #[test]
    fn a_restart_gives_what_is_left_and_a_wrong_clock_never_more() {
        let now = start();
        let pending = pending(now);
        let after = |span| now.unix + span;
        assert_eq!(pending.left(after(seconds(100))), seconds(200));
        assert_eq!(pending.left(after(seconds(400))), Duration::ZERO);
        assert_eq!(pending.left(UnixTime(0)), USUAL, "no clock after a power cut");
        assert_eq!(pending.is_over_at_start(after(seconds(100))), None);
        assert_eq!(pending.is_over_at_start(after(USUAL)), Some(Reason::Time));
        let again = Pending { starts: MOST_STARTS, ..pending };
        assert_eq!(again.is_over_at_start(now.unix), Some(Reason::Starts));
    }
}
