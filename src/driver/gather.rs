//! How long a busy thread lets its input gather before it looks: a wake-up costs as much as two packets, so under load
//! one wake-up serves several. An idle thread never waits.

use std::time::{Duration, Instant};

/// Over how long the load is judged.
const SPAN: Duration = Duration::from_millis(20);

/// When to pause, and for how long.
#[derive(Debug)]
pub struct Gather {
    /// Inputs a second above which pausing pays.
    busy: u32,
    pause: Duration,
    since: Option<Instant>,
    taken: u32,
    pauses: bool,
}

impl Gather {
    /// Pauses for `pause` while more than `busy` inputs a second arrive.
    pub fn new(busy: u32, pause: Duration) -> Gather {
        Gather { busy, pause, since: None, taken: 0, pauses: false }
    }

    /// So many inputs were taken in the turn that ends at `now`. Answers how long to let the next ones gather; never past
    /// `deadline`, when something else is due.
    pub fn handle_taken(
        &mut self,
        now: Instant,
        taken: usize,
        deadline: Option<Instant>,
    ) -> Option<Duration> {
        self.taken = self.taken.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= SPAN {
            self.pauses = f64::from(self.taken) > f64::from(self.busy) * passed.as_secs_f64();
            self.since = Some(now);
            self.taken = 0;
        }
        let left = deadline.map_or(self.pause, |at| at.saturating_duration_since(now));
        (self.pauses && left >= self.pause).then_some(self.pause)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_micros(500);

    /// Feeds a thousand milliseconds of `a_ms` inputs each; answers how many turns paused.
    fn pauses(gather: &mut Gather, from: Instant, a_ms: usize) -> usize {
        let at = |ms| from + Duration::from_millis(ms);
        (0..1_000).filter(|ms| gather.handle_taken(at(*ms), a_ms, None).is_some()).count()
    }

    #[test]
    fn only_a_busy_thread_pauses_and_it_stops_when_the_load_is_over() {
        let start = Instant::now();
        let mut gather = Gather::new(4_000, PAUSE);
        assert_eq!(pauses(&mut gather, start, 1), 0);
        assert!(pauses(&mut gather, start + Duration::from_secs(1), 10) > 950);
        assert!(pauses(&mut gather, start + Duration::from_secs(2), 1) < 50);
    }

    #[test]
    fn what_is_due_is_not_put_off() {
        let start = Instant::now();
        let mut gather = Gather::new(4_000, PAUSE);
        pauses(&mut gather, start, 10);
        let now = start + Duration::from_millis(1_001);
        assert_eq!(gather.handle_taken(now, 10, Some(now + PAUSE / 2)), None);
        assert_eq!(gather.handle_taken(now, 10, Some(now + PAUSE)), Some(PAUSE));
    }
}
