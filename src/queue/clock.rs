//! Service-level clocks: how long somebody has waited for us, by opening hours, less the time that we waited for them.

use std::time::Duration;

use crate::hours::Calendar;
use crate::time::UnixTime;

/// One clock. Opening hours are wall-clock time, so this is the one thing here that the wall clock moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    ran: Duration,
    since: Option<UnixTime>,
    paused: bool,
}

impl Clock {
    /// Runs since then.
    pub fn started(at: UnixTime) -> Clock {
        Clock { ran: Duration::ZERO, since: Some(at), paused: false }
    }

    /// Stands from now on.
    pub fn pause(&mut self, at: UnixTime, calendar: Option<&Calendar>) {
        self.ran = self.read(at, calendar);
        self.since = None;
        self.paused = true;
    }

    /// Runs again.
    pub fn resume(&mut self, at: UnixTime) {
        self.since.get_or_insert(at);
    }

    /// Whether it stands.
    pub fn is_paused(&self) -> bool {
        self.since.is_none()
    }

    /// Whether it ever stood.
    pub fn has_paused(&self) -> bool {
        self.paused
    }

    /// What it shows: without a calendar every hour counts.
    pub fn read(&self, at: UnixTime, calendar: Option<&Calendar>) -> Duration {
        let Some(since) = self.since else { return self.ran };
        let running = match calendar {
            Some(calendar) => calendar.open_between(since, at),
            None => at.since(since),
        };
        self.ran.saturating_add(running)
    }
}
