//! How often codes may be guessed at: few have to be good at a time for a short one to be safe, and few guesses be let
//! through.
//!
//! Six digits, and at most a few hundred codes that are good: whoever has [`MOST_OF_ALL`] guesses in [`WITHIN`] meets one of
//! a hundred codes in one of two hundred spans.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::time::Now;

/// For how long a wrong code counts: as long as a code is good.
pub const WITHIN: Duration = Duration::from_secs(15 * 60);
/// Wrong codes from one number: two calls of somebody whose fingers are too thick.
pub const MOST_OF_ONE: usize = 6;
/// Wrong codes from all numbers together: numbers can be forged.
pub const MOST_OF_ALL: usize = 50;

/// Wrong codes of late.
#[derive(Debug, Default)]
pub struct Guesses {
    all: VecDeque<(Instant, String)>,
}

impl Guesses {
    /// Whether a code from this number is looked at.
    pub fn may(&mut self, now: Now, from: &str) -> bool {
        self.forget(now);
        let own = self.all.iter().filter(|(_, number)| number == from).count();
        self.all.len() < MOST_OF_ALL && own < MOST_OF_ONE
    }

    /// It was wrong.
    pub fn wrong(&mut self, now: Now, from: &str) {
        self.forget(now);
        if self.all.len() < MOST_OF_ALL {
            self.all.push_back((now.instant, from.to_owned()));
        }
    }

    fn forget(&mut self, now: Now) {
        while self.all.pop_front_if(|(at, _)| now.instant - *at > WITHIN).is_some() {}
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    #[test]
    fn guesses_of_one_number_and_of_all_are_bounded_for_a_while() {
        let mut now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let mut guesses = Guesses::default();
        for _ in 0..MOST_OF_ONE {
            assert!(guesses.may(now, "+1555"));
            guesses.wrong(now, "+1555");
        }
        assert!(!guesses.may(now, "+1555") && guesses.may(now, "+1556"));
        for number in 0..1_000 {
            guesses.wrong(now, &number.to_string());
        }
        assert!(!guesses.may(now, "+1556"), "whoever forges numbers gets no further");
        assert_eq!(guesses.all.len(), MOST_OF_ALL);
        now = now.after(WITHIN + Duration::from_secs(1));
        assert!(guesses.may(now, "+1555"));
    }
}
