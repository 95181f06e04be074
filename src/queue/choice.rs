//! Who goes next, and to whom: the one rule of the queues.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::hours::State;
use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::explain::{Held, Rule, Standing, millis};
use crate::queue::{
    CEILING, Channel, MILLI, Offer, Output, Queue, Queues, Skills, Strategy, Waiting,
};
use crate::time::Now;

/// Smaller goes first.
type Rank = (Reverse<u128>, Reverse<Duration>, u64);

/// For which queue and channel anybody could take something now. A look at all members for each item would cost items
/// times members; this costs members once for each queue, and again after an offer.
#[derive(Default)]
struct Takers(BTreeMap<(QueueId, Channel), bool>);

impl Takers {
    fn any(&mut self, queues: &Queues, waiting: &Waiting) -> bool {
        let key = (waiting.item.queue.clone(), waiting.item.channel);
        *self.0.entry(key).or_insert_with_key(|(queue, channel)| {
            let members = queues.queues.get(queue).map(|queue| queue.asked.as_slice());
            members.unwrap_or_default().iter().any(|agent| queues.takes(agent, *channel).is_ok())
        })
    }

    /// Something was offered: who was free may be no longer; who was not is not.
    fn offered(&mut self) {
        self.0.retain(|_, any| !*any);
    }
}

impl Queues {
    /// Offers every item that somebody can take, best first.
    pub(super) fn offer_all(&mut self, now: Now) {
        if !self.staff.values().any(|desk| desk.phone.is_some() || desk.on_duty) {
            return;
        }
        let mut takers = Takers::default();
        let waiting = self.waiting.values();
        let mut order: BinaryHeap<_> = waiting
            .filter(|w| w.offer.is_none() && w.not_before.is_none() && !w.clock.is_paused())
            .filter(|w| takers.any(self, w))
            .map(|w| Reverse((self.rank(now, w), w.item.id)))
            .collect();
        while let Some(Reverse((_, item))) = order.pop() {
            let free = self.waiting.get(&item).is_some_and(|w| takers.any(self, w));
            if free && self.offer_one(now, item) {
                takers.offered();
            }
        }
        self.join_rings(now, takers);
    }

    /// Who is ready and found nothing that rings nowhere joins the best ring of those that everybody may join.
    fn join_rings(&mut self, now: Now, mut takers: Takers) {
        let is_open = |o: &OfferId| self.offers.get(o).is_some_and(|o| o.open);
        let mut order: Vec<_> = self
            .waiting
            .values()
            .filter_map(|w| Some((w, w.offer.filter(is_open)?)))
            .filter(|(w, _)| takers.any(self, w))
            .map(|(w, offer)| (self.rank(now, w), w.item.id, offer))
            .collect();
        order.sort_unstable();
        for (_, item, offer) in order {
            let agents = self.able(item);
            if !agents.is_empty() {
                self.ring(now, item, offer, agents);
            }
        }
    }

    fn offer_one(&mut self, now: Now, item: ItemId) -> bool {
        if self.is_out_of_hours(now, item) {
            return false;
        }
        let able = self.able(item);
        let Some((agents, rule)) = self.choose(now, item, able.clone()) else { return false };
        let Some(waiting) = self.waiting.get_mut(&item) else { return false };
        let Some(queue) = self.queues.get_mut(&waiting.item.queue) else { return false };
        let Some(last) = agents.last() else { return false };
        queue.last = Some(last.clone());
        let asked_alone = matches!(rule, Rule::Asked | Rule::LastAgent);
        let open = queue.settings.strategy == Strategy::RingAll && !asked_alone;
        let offer = OfferId(self.random.bits());
        waiting.offer = Some(offer);
        self.offers.insert(offer, Offer { item, agents: Vec::new(), open });
        self.note_choice(now, (item, offer), (agents.clone(), rule, &able));
        self.ring(now, item, offer, agents);
        true
    }

    fn ring(&mut self, now: Now, item: ItemId, id: OfferId, agents: Vec<AgentId>) {
        let queue = self.waiting.get(&item).and_then(|w| self.queues.get(&w.item.queue));
        let (Some(queue), Some(offer)) = (queue, self.offers.get_mut(&id)) else { return };
        let ring_for = Duration::from_secs(queue.settings.ring_time.max(1).into());
        offer.agents.extend(agents.iter().map(|agent| (agent.clone(), now.instant + ring_for)));
        for agent in &agents {
            self.put_ring(now, agent, item, id);
        }
        self.outputs.push_back(Output::Offer { offer: id, item, agents, ring_for });
    }

    /// Members who could take the item now, in the order in which they are asked.
    fn able(&self, item: ItemId) -> Vec<AgentId> {
        let Some(waiting) = self.waiting.get(&item) else { return Vec::new() };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return Vec::new() };
        let mut members: Vec<_> = queue.asked.iter().collect();
        let after = members.iter().position(|m| Some(*m) == queue.last.as_ref());
        if let (Strategy::RoundRobin, Some(at)) = (queue.settings.strategy, after) {
            members.rotate_left(at + 1);
        }
        let able = |m: &&AgentId| self.standing(queue, waiting, m) == Standing::Able;
        members.into_iter().filter(able).cloned().collect()
    }

    /// Whom to ask of those who are able, and by which rule; nobody when somebody in particular is waited for.
    fn choose(
        &self,
        now: Now,
        item: ItemId,
        mut able: Vec<AgentId>,
    ) -> Option<(Vec<AgentId>, Rule)> {
        let waiting = self.waiting.get(&item)?;
        let queue = self.queues.get(&waiting.item.queue)?;
        let among = |who: &Option<AgentId>| who.clone().filter(|who| able.contains(who));
        if let Some(preferred) = among(&waiting.item.preferred) {
            return Some((vec![preferred], Rule::Asked));
        }
        if let Some(last) = among(&waiting.item.last_agent) {
            return Some((vec![last], Rule::LastAgent));
        }
        if matches!(self.held(now, queue, waiting), Some(Held::LastAgent { .. })) {
            return None;
        }
        let prefers = &queue.settings.prefers;
        let liked = |agent: &AgentId| self.has(agent, &prefers.skills);
        if matches!(self.held(now, queue, waiting), Some(Held::Preferred { .. })) {
            able.retain(liked);
        } else {
            // Stable: within each half the order stays.
            able.sort_by_key(|agent| !liked(agent));
        }
        let alone = queue.settings.strategy != Strategy::RingAll;
        if alone && able.first().is_some_and(liked) {
            able.retain(liked);
        }
        self.by_strategy(now, queue, waiting.item.channel, able)
    }

    fn by_strategy(
        &self,
        now: Now,
        queue: &Queue,
        channel: Channel,
        mut able: Vec<AgentId>,
    ) -> Option<(Vec<AgentId>, Rule)> {
        let desk = |agent: &AgentId| self.staff.get(agent);
        let idle = |a: &AgentId| Some(desk(a)?.phone?.span(now.instant));
        let load = |a: &AgentId| desk(a).map_or(0, |desk| desk.load(self.capacity_of(a)));
        let rule = match queue.settings.strategy {
            Strategy::RingAll => Rule::RingAll,
            Strategy::LongestIdle if channel.is_spoken() => {
                able.sort_by_key(|a| Reverse(idle(a)));
                let span = able.first().and_then(idle).unwrap_or_default();
                Rule::LongestIdle { idle_ms: millis(span) }
            }
            Strategy::LongestIdle => {
                able.sort_by_cached_key(|a| (load(a), desk(a).and_then(|desk| desk.given_at)));
                Rule::LeastInHand { load: able.first().map(load).unwrap_or_default() }
            }
            Strategy::RoundRobin => Rule::RoundRobin,
            Strategy::FixedOrder => Rule::FixedOrder,
        };
        if queue.settings.strategy != Strategy::RingAll {
            able.truncate(1);
        }
        (!able.is_empty()).then_some((able, rule))
    }

    /// What holds an item, whoever is free.
    pub(super) fn held(&self, now: Now, queue: &Queue, waiting: &Waiting) -> Option<Held> {
        let waited = waiting.waited(now.instant);
        let left = |seconds: u32| {
            let left = Duration::from_secs(seconds.into()).checked_sub(waited)?;
            (!left.is_zero()).then(|| millis(left))
        };
        if waiting.clock.is_paused() {
            return Some(Held::Paused);
        }
        if let Some(at) = waiting.not_before {
            let left = at.saturating_duration_since(now.instant);
            return Some(Held::Until { at: now.unix + left });
        }
        let last = waiting.item.last_agent.as_ref();
        let coming = |agent: &&AgentId| {
            let standing = self.standing(queue, waiting, agent);
            let member = queue.asked.contains(agent);
            let on_duty = self.staff.get(*agent).is_some_and(|desk| desk.on_duty);
            member
                && on_duty
                && matches!(standing, Standing::NotReady | Standing::Full(_) | Standing::Able)
        };
        if let (Some(agent), Some(for_ms)) =
            (last.filter(coming), left(queue.settings.last_agent_for))
        {
            return Some(Held::LastAgent { agent: agent.clone(), for_ms });
        }
        let prefers = &queue.settings.prefers;
        let for_ms = left(prefers.wait).filter(|_| !prefers.skills.is_empty())?;
        Some(Held::Preferred { for_ms })
    }

    /// Nobody is called back outside of opening hours. Such an item is held until they begin.
    fn is_out_of_hours(&mut self, now: Now, item: ItemId) -> bool {
        let Some(waiting) = self.waiting.get_mut(&item) else { return false };
        let calendar = self.queues.get(&waiting.item.queue).and_then(|q| q.calendar.as_ref());
        let Some(calendar) = calendar.filter(|_| waiting.item.channel == Channel::Callback) else {
            return false;
        };
        if calendar.state(now.unix) == State::Open {
            return false;
        }
        let opens = calendar.next_open(now.unix);
        let left = opens.map_or(super::callback::ASK_AGAIN, |at| at.since(now.unix));
        waiting.not_before = Some(now.instant + left);
        true
    }

    pub(super) fn rank(&self, now: Now, waiting: &Waiting) -> Rank {
        let waited = waiting.waited(now.instant);
        (Reverse(self.points(now, waiting).into()), Reverse(waited), waiting.number)
    }

    /// Effective priority in thousandths of a point.
    pub(super) fn points(&self, now: Now, waiting: &Waiting) -> u64 {
        let waited = waiting.waited(now.instant);
        let (base, ageing) = self
            .queues
            .get(&waiting.item.queue)
            .map_or((0, 0), |q| (q.settings.priority, q.settings.ageing));
        let base = base.saturating_add(waiting.item.priority).clamp(0, CEILING).unsigned_abs();
        let aged = waited.as_millis() * u128::from(ageing) / 60;
        let ceiling = u128::from(CEILING.unsigned_abs()) * MILLI;
        // At most the ceiling, which fits.
        u64::try_from((u128::from(base) * MILLI + aged).min(ceiling)).unwrap_or(u64::MAX)
    }

    /// Whether the agent has what the item needs by now: what it needed at first, or less once it has waited for that.
    pub(super) fn is_skilled(&self, queue: &Queue, waiting: &Waiting, agent: &AgentId) -> bool {
        let Some(desk) = self.staff.get(agent).filter(|desk| desk.signed_in) else { return false };
        let mut needs = queue.settings.skills.iter().chain(&waiting.item.skills);
        needs.all(|(skill, level)| {
            let level = queue.settings.relaxed(skill, *level, waiting.reached);
            desk.skills.get(skill).copied().unwrap_or(0) >= level
        })
    }

    fn has(&self, agent: &AgentId, skills: &Skills) -> bool {
        let Some(desk) = self.staff.get(agent) else { return false };
        skills.iter().all(|(skill, level)| desk.skills.get(skill).copied().unwrap_or(0) >= *level)
    }
}
