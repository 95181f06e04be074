//! Whether a version that has just started is healthy: it answers, and its trunks are as they were.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// So long a start may take until it answers. A disk of years that is read again after a power cut takes minutes.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(180);
/// So long trunks have to come back, counted from the first answer: carriers let a registration wait for a minute.
pub const TRUNKS_WITHIN: Duration = Duration::from_secs(120);

/// What is seen of the box at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// An OPTIONS was answered with 200.
    pub answers: bool,
    /// Trunks whose lamp is green.
    pub trunks_up: BTreeSet<String>,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Healthy,
    /// Look again.
    NotYet,
    /// It goes, for this reason.
    Ill(Reason),
}

/// Why a version goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing answered within this.
    NoAnswer(Duration),
    /// Trunks that were up before are not.
    TrunksLost(Vec<String>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(within) => write!(f, "nothing answered within {} s", within.as_secs()),
            Self::TrunksLost(trunks) => {
                write!(f, "trunks that worked before the update do not: {}", trunks.join(", "))
            }
        }
    }
}

/// Watches a start.
#[derive(Debug)]
pub struct Gate {
    /// Trunks that were up before the update; what was down already is not held against it.
    before: BTreeSet<String>,
    answers_within: Duration,
    answered_at: Option<Duration>,
}

impl Gate {
    /// `before` are the trunks that were up when the update was written.
    #[must_use]
    pub fn new(before: BTreeSet<String>, answers_within: Duration) -> Self {
        Self { before, answers_within, answered_at: None }
    }

    /// What is seen so long after the start of the gate.
    pub fn handle_seen(&mut self, after: Duration, seen: &Seen) -> Verdict {
        if !seen.answers {
            // One that answered and does no more is ill as much as one that never did.
            let until = self.answered_at.unwrap_or_default() + self.answers_within;
            return if after < until {
                Verdict::NotYet
            } else {
                Verdict::Ill(Reason::NoAnswer(self.answers_within))
            };
        }
        let since = *self.answered_at.get_or_insert(after);
        let lost: Vec<String> = self.before.difference(&seen.trunks_up).cloned().collect();
        match (lost.is_empty(), after < since + TRUNKS_WITHIN) {
            (true, _) => Verdict::Healthy,
            (false, true) => Verdict::NotYet,
            (false, false) => Verdict::Ill(Reason::TrunksLost(lost)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn trunks(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn seen(answers: bool, up: &[&str]) -> Seen {
        Seen { answers, trunks_up: trunks(up) }
    }

    #[test]
    fn one_that_answers_with_its_trunks_stays() {
        let mut gate = Gate::new(trunks(&["carrier"]), ANSWERS_WITHIN);
        assert_eq!(gate.handle_seen(SECOND, &seen(false, &[])), Verdict::NotYet);
        assert_eq!(gate.handle_seen(2 * SECOND, &seen(true, &[])), Verdict::NotYet);
        assert_eq!(
            gate.handle_seen(3 * SECOND, &seen(true, &["carrier", "new"])),
            Verdict::Healthy
        );
    }

    #[test]
    fn one_that_never_answers_goes_with_the_reason() {
        let mut gate = Gate::new(trunks(&[]), ANSWERS_WITHIN);
        assert_eq!(gate.handle_seen(ANSWERS_WITHIN - SECOND, &seen(false, &[])), Verdict::NotYet);
        let verdict = gate.handle_seen(ANSWERS_WITHIN, &seen(false, &[]));
        let Verdict::Ill(reason) = verdict else { panic!("{verdict:?}") };
        assert_eq!(reason.to_string(), "nothing answered within 180 s");
    }

    #[test]
    fn a_trunk_that_stays_away_is_named_and_one_that_was_down_before_is_not() {
        let mut gate = Gate::new(trunks(&["carrier", "second"]), ANSWERS_WITHIN);
        assert_eq!(gate.handle_seen(SECOND, &seen(true, &["second"])), Verdict::NotYet);
        let verdict = gate.handle_seen(SECOND + TRUNKS_WITHIN, &seen(true, &["second"]));
        let Verdict::Ill(reason) = verdict else { panic!("{verdict:?}") };
        assert_eq!(reason.to_string(), "trunks that worked before the update do not: carrier");
        let mut gate = Gate::new(trunks(&[]), ANSWERS_WITHIN);
        assert_eq!(gate.handle_seen(SECOND, &seen(true, &[])), Verdict::Healthy);
    }
}
