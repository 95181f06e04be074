//! Who works, and what each has in hand: rings, contacts, after-work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::id::{AgentId, ItemId, OfferId};
use crate::queue::capacity::{Capacity, Full};
use crate::queue::{Channel, Output, Queues, Skills};
use crate::time::{Now, UnixTime};

/// Since when a ready agent has been without a contact, out of reach of the wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    ready_at: Instant,
    before: Duration,
}

impl Idle {
    pub fn span(self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.ready_at))
    }
}

/// How far a contact in hand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// It rings there.
    Rings(OfferId),
    /// The agent has it.
    Has,
    /// It is over but for its after-work.
    AfterWork,
}

/// One person.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub skills: Skills,
    pub signed_in: bool,
    /// Takes work: neither on pause nor on a call of their own.
    pub on_duty: bool,
    /// Free for the phone.
    pub phone: Option<Idle>,
    pub hands: BTreeMap<ItemId, (Channel, Hand)>,
    /// When something was last given to them that is not a call.
    pub given_at: Option<Instant>,
}

/// Who could take something of a channel, whatever its queue and skills: few when many wait.
#[derive(Debug, Default)]
pub(super) struct Free(BTreeMap<Channel, BTreeSet<AgentId>>);

impl Free {
    pub fn of(&self, channel: Channel) -> Option<&BTreeSet<AgentId>> {
        self.0.get(&channel).filter(|free| !free.is_empty())
    }

    fn set(&mut self, agent: &AgentId, channel: Channel, is: bool) {
        let free = self.0.entry(channel).or_default();
        if is && !free.contains(agent) {
            free.insert(agent.clone());
        } else if !is {
            free.remove(agent);
        }
    }
}

/// Why somebody cannot have an item of a channel now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    NotReady,
    Full(Full),
}

impl Desk {
    pub fn takes(&self, capacity: &Capacity, channel: Channel) -> Result<(), Unfit> {
        let free = if channel.is_spoken() { self.phone.is_some() } else { self.on_duty };
        if !free {
            return Err(Unfit::NotReady);
        }
        let held = self.hands.values().map(|(channel, _)| *channel);
        capacity.fits(held, channel).map_err(Unfit::Full)
    }

    /// What all in hand weighs.
    pub fn load(&self, capacity: &Capacity) -> u16 {
        let weights = self.hands.values().map(|(channel, _)| capacity.weight(*channel));
        weights.fold(0, u16::saturating_add)
    }

    fn rings(&self) -> Vec<(ItemId, OfferId)> {
        let ring = |(item, (_, hand)): (&ItemId, &(Channel, Hand))| match hand {
            Hand::Rings(offer) => Some((*item, *offer)),
            _ => None,
        };
        self.hands.iter().filter_map(ring).collect()
    }

    fn phone_rings(&self) -> bool {
        self.hands.values().any(|(c, hand)| c.is_spoken() && matches!(hand, Hand::Rings(_)))
    }

    /// Nobody any more: signed out, with nothing left in hand.
    fn is_nobody(&self) -> bool {
        !self.signed_in && self.hands.is_empty()
    }
}

impl Queues {
    /// The agent is signed in and takes work, without a contact since `idle_since`. What they had on the phone is over,
    /// after-work included. Ignored while the phone rings.
    pub fn handle_agent_ready(
        &mut self,
        now: Now,
        agent: AgentId,
        skills: Skills,
        idle_since: UnixTime,
    ) {
        self.handle_agent_present(agent.clone(), skills);
        let rings = self.at_desk(&agent, |desk| {
            desk.on_duty = true;
            if desk.phone_rings() {
                return true;
            }
            desk.hands.retain(|_, (channel, _)| !channel.is_spoken());
            desk.phone = Some(Idle { ready_at: now.instant, before: now.unix.since(idle_since) });
            false
        });
        if rings == Some(false) {
            self.offer_all(now);
        }
    }

    /// The agent is signed in but takes no work now; what rings there is withdrawn.
    pub fn handle_agent_gone(&mut self, now: Now, agent: AgentId) {
        let rings = self.at_desk(&agent, |desk| {
            desk.phone = None;
            desk.on_duty = false;
            desk.rings()
        });
        for (_, offer) in rings.unwrap_or_default() {
            self.drop_from_offer(offer, &agent);
            self.outputs.push_back(Output::Withdraw { offer, agent: agent.clone() });
        }
        self.offer_all(now);
    }

    /// The agent takes work again that is not on the phone: a pause that was asked for during a call is taken back.
    pub fn handle_agent_stays(&mut self, now: Now, agent: &AgentId) {
        self.at_desk(agent, |desk| desk.on_duty |= desk.signed_in);
        self.offer_all(now);
    }

    /// The agent is signed in, ready or not; what a restart tells before readiness.
    pub fn handle_agent_present(&mut self, agent: AgentId, skills: Skills) {
        let desk = self.staff.entry(agent).or_default();
        desk.skills = skills;
        desk.signed_in = true;
    }

    /// Changes what is at somebody's desk, and with it what they could take.
    pub(super) fn at_desk<R>(
        &mut self,
        agent: &AgentId,
        change: impl FnOnce(&mut Desk) -> R,
    ) -> Option<R> {
        let desk = self.staff.get_mut(agent)?;
        let done = change(desk);
        let capacity = self.capacities.get(agent).unwrap_or(&self.capacity);
        for channel in Channel::ALL {
            self.free.set(agent, channel, desk.takes(capacity, channel).is_ok());
        }
        Some(done)
    }

    /// The agent signed out. Queues left without anybody overflow when they have a target for it.
    pub fn handle_agent_absent(&mut self, now: Now, agent: AgentId) {
        self.at_desk(&agent, |desk| {
            desk.signed_in = false;
            // A conversation is over before who holds it signs out; written contacts may still be in hand.
            desk.hands.retain(|_, (c, hand)| !c.is_spoken() || matches!(hand, Hand::Rings(_)));
        });
        self.handle_agent_gone(now, agent.clone());
        self.forget_nobody(&agent);
        self.overflow_unstaffed();
        self.offer_all(now);
    }

    /// After-work of a contact that was not on the phone is done.
    pub fn handle_wrapped_up(&mut self, now: Now, agent: &AgentId, item: ItemId) {
        let done = self.at_desk(agent, |desk| {
            let over = desk.hands.get(&item).is_some_and(|(_, hand)| *hand == Hand::AfterWork);
            over && desk.hands.remove(&item).is_some()
        });
        if done == Some(true) {
            self.forget_nobody(agent);
            self.offer_all(now);
        }
    }

    /// Channels of what the agent has in hand: rings, contacts and after-work.
    pub fn in_hand(&self, agent: &AgentId) -> Vec<(ItemId, Channel)> {
        let desk = self.staff.get(agent);
        let hands = desk.into_iter().flat_map(|desk| &desk.hands);
        hands.map(|(item, (channel, _))| (*item, *channel)).collect()
    }

    pub(super) fn capacity_of(&self, agent: &AgentId) -> &Capacity {
        self.capacities.get(agent).unwrap_or(&self.capacity)
    }

    pub(super) fn takes(&self, agent: &AgentId, channel: Channel) -> Result<(), Unfit> {
        let desk = self.staff.get(agent).ok_or(Unfit::NotReady)?;
        desk.takes(self.capacity_of(agent), channel)
    }

    pub(super) fn is_signed_in(&self, agent: &AgentId) -> bool {
        self.staff.get(agent).is_some_and(|desk| desk.signed_in)
    }

    /// Something rings there from now on. A phone that rings is not free until the agent is said to be ready again.
    pub(super) fn put_ring(&mut self, now: Now, agent: &AgentId, item: ItemId, offer: OfferId) {
        let Some(channel) = self.waiting.get(item).map(|w| w.item.channel) else { return };
        self.at_desk(agent, |desk| {
            desk.hands.insert(item, (channel, Hand::Rings(offer)));
            if channel.is_spoken() {
                desk.phone = None;
            } else {
                desk.given_at = Some(now.instant);
            }
        });
    }

    pub(super) fn set_hand(&mut self, agent: &AgentId, item: ItemId, to: Hand) {
        let desk = self.staff.get_mut(agent);
        if let Some((_, hand)) = desk.and_then(|desk| desk.hands.get_mut(&item)) {
            *hand = to;
        }
    }

    pub(super) fn clear_hand(&mut self, agent: &AgentId, item: ItemId) {
        if self.at_desk(agent, |desk| desk.hands.remove(&item)).is_some() {
            self.forget_nobody(agent);
        }
    }

    fn forget_nobody(&mut self, agent: &AgentId) {
        if self.staff.get(agent).is_some_and(Desk::is_nobody) {
            self.staff.remove(agent);
        }
    }
}
