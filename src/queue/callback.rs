//! Calls that were promised. A callback waits at the caller's own place; when it is its turn an agent is asked first, and
//! only with an agent on the line is the person called: so there are never more calls back out than agents for them, and
//! one attempt at a time for each.

use std::time::Duration;

use crate::hours::State;
use crate::id::{ItemId, QueueId};
use crate::queue::{Item, Output, Queues, Refused};
use crate::time::{Now, UnixTime};

/// How long until opening hours are looked at again that never come.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(86_400);

impl Queues {
    /// When people of a queue are called back who are promised it now: at once while it is open or has no hours; nothing where
    /// it never opens again.
    pub fn calls_back_from(&self, now: Now, queue: &QueueId) -> Option<UnixTime> {
        match self.queues.get(queue)?.calendar.as_ref() {
            Some(calendar) => calendar.next_open(now.unix),
            None => Some(now.unix),
        }
    }

    /// A promise from before a restart, or whatever else was kept, waits again at its place: nothing turns it away.
    pub fn handle_promised_before(
        &mut self,
        now: Now,
        item: Item,
        attempts: u8,
        not_before: Option<UnixTime>,
    ) -> Result<(), Refused> {
        if self.waiting.contains(item.id) || self.taken.contains_key(&item.id) {
            return Err(Refused::Known);
        }
        let (id, queue) = (item.id, item.queue.clone());
        self.queues.get_mut(&queue).ok_or(Refused::UnknownQueue)?.counters.arrived += 1;
        self.outputs.push_back(Output::Entered { item: id, queue });
        self.admit(now, item);
        let left = not_before.map(|at| at.since(now.unix)).filter(|left| !left.is_zero());
        self.waiting.change(id, |waiting| {
            // However the clock was set in between: no longer than to the next day.
            waiting.not_before = left.map(|left| now.instant + left.min(ASK_AGAIN));
            waiting.attempts = attempts;
        });
        self.offer_all(now);
        Ok(())
    }

    /// The person was not reached: tried again later at the old place, or given up.
    pub fn handle_attempt_failed(&mut self, now: Now, item: ItemId) {
        let Some(mut waiting) = self.take_back(now, item) else { return };
        let Some(queue) = self.queues.get_mut(&waiting.item.queue) else { return };
        waiting.attempts = waiting.attempts.saturating_add(1);
        let attempts = waiting.attempts;
        let policy = &queue.settings.callback;
        if attempts >= policy.tries {
            queue.counters.unreached += 1;
            self.outputs.push_back(Output::GaveUp { item, attempts });
        } else {
            let left = Duration::from_secs(policy.every.into());
            let at = now.unix + left;
            let opens = queue.calendar.as_ref().filter(|c| c.state(at) != State::Open);
            let at = opens.and_then(|calendar| calendar.next_open(at)).unwrap_or(at);
            waiting.not_before = Some(now.instant + at.since(now.unix));
            self.waiting.put(waiting);
            self.outputs.push_back(Output::TriedAgain { item, attempts, at });
        }
        self.offer_all(now);
    }
}
