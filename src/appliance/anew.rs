//! When the whole box may start anew: as soon as no call is up, and not at the cost of one.

use std::time::Duration;

/// Longest that somebody who stood at the box waits for the last call: an afternoon's worth. Where one is up for longer without a
/// gap there is always one, and the version begins whenever the box is started next.
pub const LONGEST_WAIT: Duration = Duration::from_secs(4 * 3_600);
/// A program that says nothing for so long carries no calls: one that is started anew is back before, with those that stayed up.
pub const SILENT_FOR: Duration = Duration::from_secs(30);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Look again.
    Wait,
    /// No call is up, or nobody is there who could carry one.
    Go,
    /// It took too long: so many calls are up, and are let be.
    GiveUp(usize),
}

/// A wait for the last call.
#[derive(Debug)]
pub struct Waiting {
    limit: Duration,
    /// Calls that were seen last, and when.
    seen: (usize, Duration),
}

impl Waiting {
    /// One of so long at most.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, seen: (0, Duration::ZERO) }
    }

    /// How many calls are up so long after its beginning; nothing where the program does not answer.
    pub fn handle_calls(&mut self, after: Duration, calls: Option<usize>) -> Next {
        if let Some(calls) = calls {
            self.seen = (calls, after);
        }
        let (up, at) = self.seen;
        match calls {
            Some(0) => Next::Go,
            None if after.saturating_sub(at) >= SILENT_FOR => Next::Go,
            _ if after >= self.limit => Next::GiveUp(up),
            _ => Next::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_last_call_is_waited_for() {
        let mut waiting = Waiting::new(LONGEST_WAIT);
        assert_eq!(waiting.handle_calls(at(0), Some(2)), Next::Wait);
        assert_eq!(waiting.handle_calls(at(7_000), Some(1)), Next::Wait);
        assert_eq!(waiting.handle_calls(at(7_001), Some(0)), Next::Go);
    }

    #[test]
    fn where_there_is_always_a_call_none_is_cut() {
        let mut waiting = Waiting::new(at(60));
        assert_eq!(waiting.handle_calls(at(59), Some(3)), Next::Wait);
        assert_eq!(waiting.handle_calls(at(60), Some(3)), Next::GiveUp(3));
    }

    /// Calls live through a restart of the program, during which it does not answer.
    #[test]
    fn a_program_that_is_started_anew_is_not_one_that_is_gone() {
        let mut waiting = Waiting::new(LONGEST_WAIT);
        assert_eq!(waiting.handle_calls(at(100), Some(1)), Next::Wait);
        assert_eq!(waiting.handle_calls(at(129), None), Next::Wait);
        assert_eq!(waiting.handle_calls(at(130), None), Next::Go);
        let mut waiting = Waiting::new(LONGEST_WAIT);
        assert_eq!(waiting.handle_calls(at(0), None), Next::Wait);
        assert_eq!(waiting.handle_calls(at(30), None), Next::Go, "nobody ever answered");
    }
}
