//! What is open and why it waits, for whoever follows the feed or asks.

use std::time::Duration;

use crate::admin::Reply;
use crate::admin::api::errands::{StillWaits, WorkLine, WorkOffer, WorkState};
use crate::admin::api::feed::Happening;
use crate::admin::queueing::{Chosen, WaitingItem, rule};
use crate::gateway::{By, Gateway};
use crate::id::{AgentId, CallId, ItemId, OfferId, QueueId};
use crate::journal::errands::{Held, Open};
use crate::time::Now;

impl Gateway {
    /// What is open, by its id.
    pub(super) fn errand_lines(
        &self,
        now: Now,
        by: &By,
        (queue, agent): (Option<&QueueId>, Option<&AgentId>),
        (limit, after): (usize, Option<ItemId>),
    ) -> Reply {
        let begin = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let open = self.journal.live().errands.0.range((begin, std::ops::Bound::Unbounded));
        let fits = |open: &Open| queue.is_none_or(|queue| open.queue == *queue);
        let lines = open
            .filter(|(_, open)| fits(open))
            .map(|(item, open)| self.errand_line(now, *item, open))
            .filter(|line| agent.is_none_or(|agent| line.agents.contains(agent)));
        // What is in somebody else's hand is not an agent's to read.
        let own = |line: WorkLine| match &by.own {
            Some(own) if !line.agents.is_empty() && !line.agents.contains(own) => {
                line.for_strangers()
            }
            _ => line,
        };
        Reply::Errands(lines.take(limit).map(own).collect())
    }

    fn errand_line(&self, now: Now, item: ItemId, open: &Open) -> WorkLine {
        let waits = self.queues.why_waiting(now, item).map(|waits| WaitingItem::from(&waits));
        let screens = self.work.on_screens_of(item);
        let (state, agents) = match &open.held {
            Some(Held { agent, closed: None, .. }) => (WorkState::InHand, vec![agent.clone()]),
            Some(Held { agent, .. }) => (WorkState::WrapUp, vec![agent.clone()]),
            None if screens.is_empty() => (WorkState::Waiting, Vec::new()),
            None => (WorkState::Offered, screens),
        };
        let why = match (&waits, state) {
            (Some(waits), _) => waits.why.clone(),
            (None, WorkState::Waiting) => format!("no queue is called {}", open.queue),
            (None, _) => self.why_theirs(item),
        };
        let read = |text| self.journal.keys().read(text);
        WorkLine {
            item,
            channel: open.channel.name().to_owned(),
            queue: open.queue.clone(),
            state,
            agents,
            since: open.arrived,
            due: open.errand.due,
            overdue: open.errand.due.is_some_and(|due| due < now.unix),
            priority: open.priority,
            position: waits.map(|waits| waits.position),
            why,
            contact: open.contact,
            text: self.last_words(open).or_else(|| open.errand.text.as_ref().and_then(read)),
            from: open.errand.from.clone(),
            task: open.errand.task.clone(),
            conversation: open.errand.talk.as_ref().map(|(conversation, _)| *conversation),
            by_channel: open.errand.talk.as_ref().map(|(_, channel)| channel.clone()),
        }
    }

    /// Why it went to whom it went, while that is known.
    fn why_theirs(&self, item: ItemId) -> String {
        let last = self.queues.choices().rev().find(|choice| choice.item == item);
        last.map_or_else(|| "it was in hand before".to_owned(), |choice| rule(&choice.rule).1)
    }

    /// Something about it has changed.
    pub(super) fn tell_errand(&mut self, now: Now, item: ItemId) {
        let Some(open) = self.journal.live().errands.0.get(&item) else { return };
        let line = self.errand_line(now, item, open);
        self.publish(Happening::Work(Box::new(line)));
    }

    /// It is over; said while it is known.
    pub(super) fn tell_errand_gone(&mut self, item: ItemId) {
        if self.channel_of_work(item).is_some_and(|channel| !channel.is_spoken()) {
            self.publish(Happening::WorkOver { item });
        }
    }

    pub(super) fn tell_errand_offered(
        &mut self,
        now: Now,
        (offer, item): (OfferId, ItemId),
        agent: &AgentId,
        shown_for: Duration,
    ) {
        let Some(open) = self.journal.live().errands.0.get(&item) else { return };
        let work = self.errand_line(now, item, open);
        let reason = self.queues.why_chosen(offer).map(|choice| Box::new(Chosen::from(choice)));
        let (agent, for_s) = (agent.clone(), shown_for.as_secs());
        let told = WorkOffer { work, agent, offer, for_s, reason };
        self.publish(Happening::WorkOffered(Box::new(told)));
    }

    /// Why a call was offered to an agent just now.
    pub(super) fn why_offered(&self, call: CallId, agent: &AgentId) -> Option<Box<Chosen>> {
        let item = self.work.item_of(call)?;
        let mut choices = self.queues.choices().rev();
        let choice = choices.find(|choice| choice.item == item && choice.agents.contains(agent));
        choice.map(|choice| Box::new(Chosen::from(choice)))
    }

    /// Why an item waits, where it rings nowhere.
    pub(super) fn tell_waits(&mut self, now: Now, item: ItemId) {
        if self.queues.is_offered(item) {
            return;
        }
        let Some(waits) = self.queues.why_waiting(now, item) else { return };
        let line = WaitingItem::from(&waits);
        let told = StillWaits {
            item,
            call: self.work.call_of(item),
            queue: line.queue,
            channel: line.channel,
            position: line.position,
            why: line.why,
        };
        self.publish(Happening::Waits(Box::new(told)));
    }
}
