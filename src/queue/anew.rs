//! A changed configuration under queues in which people wait: nobody loses their place.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AgentId, QueueId};
use crate::time::Now;

use super::{Capacity, Queue, Queues};

impl Queues {
    /// Takes up what queues are from now on: `new` has the same queues with nobody in them. Whoever waits keeps place and
    /// times; a queue that is gone stays as it was until the last in it has been served, and is taken out by the next
    /// change.
    pub fn handle_settings(&mut self, now: Now, new: Queues) {
        let Queues { queues, capacity, capacities, .. } = new;
        let needed = self.needed();
        self.queues.retain(|name, _| queues.contains_key(name) || needed.contains(name));
        for (name, new) in queues {
            match self.queues.get_mut(&name) {
                Some(queue) => queue.take_up(new),
                None => drop(self.queues.insert(name, new)),
            }
        }
        self.take_up_capacity(capacity, capacities);
        self.overflow_unstaffed();
        self.offer_all(now);
    }

    /// Queues that somebody waits in or has come out of.
    fn needed(&self) -> BTreeSet<QueueId> {
        let waits = |name: &&QueueId| {
            self.waiting.line(name).is_some_and(|line| line.items().next().is_some())
        };
        let taken = self.taken.values().map(|waiting| &waiting.item.queue);
        self.queues.keys().filter(waits).chain(taken).cloned().collect()
    }

    fn take_up_capacity(&mut self, all: Capacity, of: BTreeMap<AgentId, Capacity>) {
        (self.capacity, self.capacities) = (all, of);
        for agent in self.staff.keys().cloned().collect::<Vec<_>>() {
            // Who is free for what follows from it.
            self.at_desk(&agent, |_| ());
        }
    }
}

impl Queue {
    /// Becomes `new`, and keeps what it has learnt and counted.
    fn take_up(&mut self, new: Queue) {
        let Queue { settings, asked, place_of, steps, calendar, .. } = new;
        let last = self.last.take().filter(|last| place_of.contains_key(last));
        (self.settings, self.calendar, self.last) = (settings, calendar, last);
        (self.asked, self.place_of, self.steps) = (asked, place_of, steps);
    }
}
