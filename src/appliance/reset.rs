//! Factory reset: what is asked for, how it is asked for with a button, and how long what was there is kept.

use std::time::Duration;

use crate::time::{Now, UnixTime};

/// How long what was there is kept aside: who reset the wrong box notices it on the next day.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How long the button has to be held: nobody does that by chance.
pub const HELD: Duration = Duration::from_secs(10);

/// Whether what was put aside is due to go. While the clock is wrong nothing is.
pub fn is_due(put_aside: UnixTime, now: UnixTime) -> bool {
    now >= put_aside + KEPT
}

/// A button that is held.
#[derive(Debug, Default)]
pub struct Button {
    since: Option<Now>,
}

impl Button {
    /// It was pressed or let go. A key that repeats is still held.
    pub fn handle_key(&mut self, now: Now, down: bool) {
        self.since = match (down, self.since) {
            (true, Some(since)) => Some(since),
            (true, None) => Some(now),
            (false, _) => None,
        };
    }

    /// When it will have been held long enough.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.since.map(|since| since.instant + HELD)
    }

    /// Whether it has been; only once for each time that it is pressed.
    pub fn handle_deadline(&mut self, now: Now) -> bool {
        let held = self.deadline().is_some_and(|due| now.instant >= due);
        if held {
            self.since = None;
        }
        held
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_button_is_held_for_ten_seconds_without_a_break() {
        let start = Now { instant: Instant::now(), unix: UnixTime(0) };
        let at = |seconds: u64| start.after(Duration::from_secs(seconds));
        let mut button = Button::default();
        button.handle_key(at(0), true);
        button.handle_key(at(5), true);
        assert!(!button.handle_deadline(at(9)) && button.handle_deadline(at(10)));
        assert!(!button.handle_deadline(at(30)), "once");
        button.handle_key(at(40), true);
        button.handle_key(at(49), false);
        button.handle_key(at(49), true);
        assert!(!button.handle_deadline(at(58)) && button.handle_deadline(at(59)));
    }

    #[test]
    fn a_day_is_kept_and_a_wrong_clock_throws_nothing_away() {
        let then = UnixTime(1_790_000_000_000_000);
        assert!(!is_due(then, then + Duration::from_secs(86_399)) && is_due(then, then + KEPT));
        assert!(!is_due(then, UnixTime(0)));
    }
}
