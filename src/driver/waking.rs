//! Which media threads have been left something and were not woken for it yet: one waking serves everything that a turn
//! of the loop left for a thread, and what can wait a little waits for the next that cannot.

use std::time::{Duration, Instant};

/// How long what can wait does: far shorter than a phone rings. Waking a thread costs the processor 7 us.
const LINGER: Duration = Duration::from_millis(5);

/// When each thread is to be woken.
#[derive(Debug)]
pub struct Waking(Vec<Option<Instant>>);

impl Waking {
    /// For so many threads.
    pub fn new(threads: usize) -> Waking {
        Waking(vec![None; threads])
    }

    /// Something was left for a thread.
    pub fn handle_left(&mut self, now: Instant, thread: usize, can_wait: bool) {
        let due = if can_wait { now + LINGER } else { now };
        if let Some(known) = self.0.get_mut(thread) {
            *known = Some(known.map_or(due, |known| known.min(due)));
        }
    }

    /// When the next is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// A thread that is due; it is woken now.
    pub fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let due = |at: &Option<Instant>| at.is_some_and(|at| at <= now);
        let thread = self.0.iter().position(due)?;
        self.0.get_mut(thread).map(Option::take).map(|_| thread)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn what_can_wait_goes_with_what_cannot_and_no_longer_than_it_may() {
        let (mut waking, start) = (Waking::new(2), Instant::now());
        waking.handle_left(start, 0, true);
        waking.handle_left(start, 1, true);
        assert_eq!((waking.pop_due(start), waking.deadline()), (None, Some(start + LINGER)));
        waking.handle_left(start, 1, false);
        waking.handle_left(start, 1, true);
        assert_eq!((waking.pop_due(start), waking.pop_due(start)), (Some(1), None));
        assert_eq!(waking.pop_due(start + LINGER), Some(0));
        assert_eq!(waking.deadline(), None);
        waking.handle_left(start, 7, false);
        assert_eq!(waking.pop_due(start), None, "there is no such thread");
    }
}
