//! What agents take without being asked, what they had before a restart, and what is to be done by a certain time.

use crate::id::{AgentId, ItemId, OfferId};
use crate::queue::explain::{Rule, Standing};
use crate::queue::staff::{Hand, Unfit};
use crate::queue::waiting::Waiting;
use crate::queue::{Item, Offer, Output, Queues, REFUSAL_HOLD_LATER, Refused, URGENT};
use crate::time::{Now, UnixTime};

/// Why an agent cannot take something that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPicked {
    /// It does not wait, or takes a phone.
    Gone,
    /// The agent does not work in its queue.
    Elsewhere,
    /// How they stand to it.
    Stands(Standing),
}

impl Queues {
    /// An agent takes an item that waits, asked or not: whoever may have it and has room for it. What rings for it
    /// elsewhere stops. Nothing that takes a phone is taken so.
    ///
    /// # Errors
    /// When the agent may not have it.
    pub fn handle_picked(
        &mut self,
        now: Now,
        item: ItemId,
        agent: &AgentId,
    ) -> Result<(), NotPicked> {
        self.may_pick(item, agent)?;
        let rings = self.waiting.get(item).and_then(|waiting| waiting.offer);
        let rings = rings.filter(|id| self.offers.get(id).is_some_and(|o| o.rings(agent)));
        let offer = rings.unwrap_or_else(|| self.offer_alone(now, item, agent));
        let taken = self.handle_accepted(now, offer, agent.clone());
        taken.map(|_| ()).map_err(|_| NotPicked::Gone)
    }

    /// What one agent has in hand is in another's from now on, who may have it and has room for it. Nobody else is asked.
    ///
    /// # Errors
    /// When the other may not have it; then nothing has changed.
    pub fn handle_passed(&mut self, now: Now, item: ItemId, to: &AgentId) -> Result<(), NotPicked> {
        let taken = self.taken.get(&item).ok_or(NotPicked::Gone)?;
        self.may_have(taken, to)?;
        let channel = taken.item.channel;
        let Some(taken) = self.taken.get_mut(&item) else { return Err(NotPicked::Gone) };
        taken.taken_at = Some(now.instant);
        if let Some(from) = taken.by.replace(to.clone()) {
            self.clear_hand(&from, item);
        }
        self.at_desk(to, |desk| desk.hands.insert(item, (channel, Hand::Has)));
        self.offer_all(now);
        Ok(())
    }

    fn may_pick(&self, item: ItemId, agent: &AgentId) -> Result<(), NotPicked> {
        self.may_have(self.waiting.get(item).ok_or(NotPicked::Gone)?, agent)
    }

    fn may_have(&self, waiting: &Waiting, agent: &AgentId) -> Result<(), NotPicked> {
        let queue = self.queues.get(&waiting.item.queue).ok_or(NotPicked::Gone)?;
        if waiting.item.channel.is_spoken() {
            return Err(NotPicked::Gone);
        }
        if !queue.place_of.contains_key(agent) {
            return Err(NotPicked::Elsewhere);
        }
        match self.standing(queue, waiting, agent) {
            Standing::Able | Standing::Ringing => Ok(()),
            // Whoever refused it a moment ago may have thought better of it, if there is room by now.
            Standing::RefusedIt => match self.takes(agent, waiting.item.channel) {
                Ok(()) => Ok(()),
                Err(Unfit::NotReady) => Err(NotPicked::Stands(Standing::NotReady)),
                Err(Unfit::Full(full)) => Err(NotPicked::Stands(Standing::Full(full))),
            },
            stands => Err(NotPicked::Stands(stands)),
        }
    }

    /// An offer that is as good as accepted.
    fn offer_alone(&mut self, now: Now, item: ItemId, agent: &AgentId) -> OfferId {
        self.stop_ringing(item);
        let id = OfferId(self.random.bits());
        self.waiting.change(item, |waiting| waiting.offer = Some(id));
        let agents = vec![(agent.clone(), now.instant)];
        self.offers.insert(id, Offer { item, agents, open: false });
        let who = std::slice::from_ref(agent);
        self.note_choice(now, (item, id), (who.to_vec(), Rule::Picked, who));
        self.put_ring(now, agent, item, id);
        id
    }

    /// Something that an agent had in hand before a restart is in their hand again. Nothing that takes a phone survives one.
    ///
    /// # Errors
    /// When there is no such queue, or the item is known.
    pub fn handle_held_before(
        &mut self,
        now: Now,
        item: Item,
        agent: AgentId,
    ) -> Result<(), Refused> {
        if self.waiting.contains(item.id) || self.taken.contains_key(&item.id) {
            return Err(Refused::Known);
        }
        let queue = self.queues.get_mut(&item.queue).ok_or(Refused::UnknownQueue)?;
        queue.counters.arrived += 1;
        queue.counters.connected += 1;
        let (id, channel) = (item.id, item.channel);
        let mut waiting = self.begin(now, item).ok_or(Refused::UnknownQueue)?;
        (waiting.taken_at, waiting.by) = (Some(now.instant), Some(agent.clone()));
        self.taken.insert(id, waiting);
        self.staff.entry(agent.clone()).or_default();
        self.at_desk(&agent, |desk| desk.hands.insert(id, (channel, Hand::Has)));
        Ok(())
    }

    /// An agent gives an item back: it waits again at its place, and they are not asked about it for a while.
    pub fn handle_given_back(&mut self, now: Now, item: ItemId) {
        let agent = self.taken.get(&item).and_then(|taken| taken.by.clone());
        let Some(mut waiting) = self.take_back(now, item) else { return };
        let until = now.instant + REFUSAL_HOLD_LATER;
        waiting.refused.extend(agent.map(|agent| (agent, until)));
        self.waiting.put(waiting);
        self.outputs.push_back(Output::Returned { item });
        self.offer_all(now);
    }

    /// An item is to be done by a certain time: from [`URGENT`] before it on it goes before all that is not.
    pub fn handle_due(&mut self, now: Now, item: ItemId, due: UnixTime) {
        let urgent = Some(now.instant + (due - URGENT).since(now.unix));
        if let Some(taken) = self.taken.get_mut(&item) {
            taken.urgent_at = urgent;
        }
        let queues = &self.queues;
        let waits = self.waiting.change(item, |waiting| {
            waiting.urgent_at = urgent;
            if let Some(queue) = queues.get(&waiting.item.queue) {
                waiting.belong(now.instant, queue);
            }
        });
        if waits.is_some() {
            self.offer_all(now);
        }
    }
}
