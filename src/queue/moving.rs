//! What is changed about an item while it waits: its channel, its queue, its priority. Its place stays its own: since when
//! it waits counts wherever it waits.

use crate::id::{AgentId, ItemId, QueueId};
use crate::queue::{Channel, Output, Queues, Refused};
use crate::time::Now;

impl Queues {
    /// A waiting item goes on in another channel, at its old place. What rings for it stops, and what held a call back holds
    /// nothing else. Answers whether it waits.
    pub fn handle_move_channel(&mut self, now: Now, item: ItemId, to: Channel) -> bool {
        let Some(mut moved) = self.leave(item) else { return false };
        let from = moved.item.channel;
        (moved.item.channel, moved.told, moved.not_before) = (to, None, None);
        moved.closed = false;
        if let Some(queue) = self.queues.get(&moved.item.queue) {
            queue.settings.set_times(now.instant, &mut moved);
        }
        self.waiting.put(moved);
        self.outputs.push_back(Output::Moved { item, from, to });
        self.offer_all(now);
        true
    }

    /// A waiting item goes on in another queue, with what it has waited; its longest wait there begins anew. What rings for it
    /// stops. Nothing turns it away: somebody wants it there.
    pub fn handle_move_queue(
        &mut self,
        now: Now,
        item: ItemId,
        to: &QueueId,
    ) -> Result<(), Refused> {
        if !self.queues.contains_key(to) || !self.waiting.contains(item) {
            return Err(Refused::UnknownQueue);
        }
        let Some(mut moved) = self.leave(item) else { return Err(Refused::UnknownQueue) };
        let from = std::mem::replace(&mut moved.item.queue, to.clone());
        self.count(&from, |c| c.overflowed += 1);
        self.count(to, |c| c.arrived += 1);
        moved.told = None;
        if std::mem::take(&mut moved.closed) {
            moved.not_before = None;
        }
        if let Some(queue) = self.queues.get(to) {
            queue.settings.set_times(now.instant, &mut moved);
            moved.belong(now.instant, queue);
        }
        self.waiting.put(moved);
        self.outputs.push_back(Output::Rerouted { item, from, to: to.clone() });
        self.offer_all(now);
        self.tell_wait(now, item);
        Ok(())
    }

    /// It becomes known who had the person last. Nothing changes for what rings, or does not wait.
    pub fn handle_last_agent(&mut self, now: Now, item: ItemId, agent: AgentId) {
        let queues = &self.queues;
        self.waiting.change(item, |waiting| {
            waiting.item.last_agent = Some(agent);
            if let Some(queue) = queues.get(&waiting.item.queue) {
                waiting.step(now.instant, queue);
            }
        });
    }

    /// A waiting item has another priority from now on; where it rings it rings on. Answers whether it waits.
    pub fn handle_prioritise(&mut self, now: Now, item: ItemId, priority: i32) -> bool {
        let queues = &self.queues;
        let done = self.waiting.change(item, |waiting| {
            waiting.item.priority = priority;
            if let Some(queue) = queues.get(&waiting.item.queue) {
                waiting.belong(now.instant, queue);
            }
        });
        self.offer_all(now);
        done.is_some()
    }
}
