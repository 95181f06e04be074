//! Who goes next, and to whom: the one rule of the queues.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use crate::hours::State;
use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::explain::{Held, Rule, Standing, millis};
use crate::queue::waiting::Waiting;
use crate::queue::waits::{Came, Class};
use crate::queue::{
    CEILING, Channel, MILLI, Offer, Output, PRESSING, Queue, Queues, Skills, Strategy,
};
use crate::time::Now;

/// Smaller goes first.
pub(super) type Rank = (Reverse<u64>, Came);

/// The head of a row of items that somebody could take.
struct Head {
    rank: Rank,
    item: ItemId,
    /// Which of the classes that are looked at.
    class: usize,
    base: u8,
}

impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        (self.rank, self.item).cmp(&(other.rank, other.item))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Items that the same agents can take, and whether there is anybody yet.
struct Takers {
    channel: Channel,
    queue: QueueId,
    class: Arc<Class>,
    any: bool,
}

/// What became of an item that was looked at.
enum Looked {
    Offered,
    /// It waits for the queue to open.
    NotNow,
    /// Nobody is there for it, nor for any of its class.
    Nobody,
}

impl Queues {
    /// Offers every item that somebody can take, best first.
    pub(super) fn offer_all(&mut self, now: Now) {
        while let Some(item) = self.waiting.steps(now.instant) {
            self.take_step(now, item);
        }
        let (mut takers, mut heads) = self.heads(now);
        while let Some(Reverse(head)) = heads.pop() {
            let Some(of) = takers.get_mut(head.class).filter(|of| of.any) else { continue };
            match self.offer_one(now, head.item) {
                Looked::Nobody => of.any = false,
                Looked::Offered | Looked::NotNow => heads.extend(self.head(now, of, &head)),
            }
        }
        self.join_rings(now);
    }

    /// What an item needs, and whom it is for, is as of now when somebody is chosen for it.
    fn take_step(&mut self, now: Now, item: ItemId) {
        let queues = &self.queues;
        self.waiting.change(item, |waiting| match queues.get(&waiting.item.queue) {
            Some(queue) => waiting.step(now.instant, queue),
            None => waiting.step_at = None,
        });
    }

    /// The first of every row that somebody who is free could take something of.
    fn heads(&self, now: Now) -> (Vec<Takers>, BinaryHeap<Reverse<Head>>) {
        let (mut takers, mut heads) = (Vec::new(), BinaryHeap::new());
        for channel in Channel::ALL {
            let Some(free) = self.free.of(channel) else { continue };
            for (name, classes) in self.waiting.open(channel) {
                let Some(queue) = self.queues.get(name) else { continue };
                let here = in_queue(queue, free);
                for (class, rows) in classes.iter().filter(|_| !here.is_empty()) {
                    let first = rows.values().next().and_then(|row| row.first());
                    let waiting = first.and_then(|(_, item)| self.waiting.get(*item));
                    let able = |agent: &&AgentId| {
                        waiting.is_some_and(|w| self.standing(queue, w, agent) == Standing::Able)
                    };
                    if !here.iter().copied().any(|agent| able(&agent)) {
                        continue;
                    }
                    let at = takers.len();
                    let (queue_name, class) = (name.clone(), class.clone());
                    takers.push(Takers { channel, queue: queue_name, class, any: true });
                    heads.extend(rows.iter().filter_map(|(base, row)| {
                        let (came, item) = *row.first()?;
                        let rank = self.rank_of(now, queue, *base, came);
                        Some(Reverse(Head { rank, item, class: at, base: *base }))
                    }));
                }
            }
        }
        (takers, heads)
    }

    /// Who is next in the row that one was the head of.
    fn head(&self, now: Now, of: &Takers, before: &Head) -> Option<Reverse<Head>> {
        let (came, item) = self.waiting.head((of.channel, &of.queue), &of.class, before.base)?;
        let rank = self.rank_of(now, self.queues.get(&of.queue)?, before.base, came);
        Some(Reverse(Head { rank, item, ..*before }))
    }

    /// Who is ready and found nothing that rings nowhere joins the best ring of those that everybody may join.
    fn join_rings(&mut self, now: Now) {
        let mut order: Vec<_> = self
            .offers
            .iter()
            .filter(|(_, offer)| offer.open)
            .filter_map(|(id, offer)| Some((self.waiting.get(offer.item)?, *id)))
            .filter(|(w, _)| self.free.of(w.item.channel).is_some())
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

    fn offer_one(&mut self, now: Now, item: ItemId) -> Looked {
        if self.is_out_of_hours(now, item) {
            return Looked::NotNow;
        }
        let able = self.able(item);
        let Some((agents, rule)) = self.choose(now, item, able.clone()) else {
            return Looked::Nobody;
        };
        let queue = self.waiting.get(item).and_then(|w| self.queues.get_mut(&w.item.queue));
        let (Some(queue), Some(last)) = (queue, agents.last()) else { return Looked::Nobody };
        queue.last = Some(last.clone());
        let asked_alone = matches!(rule, Rule::Asked | Rule::LastAgent);
        let open = queue.settings.strategy == Strategy::RingAll && !asked_alone;
        let offer = OfferId(self.random.bits());
        self.waiting.change(item, |waiting| waiting.offer = Some(offer));
        self.offers.insert(offer, Offer { item, agents: Vec::new(), open });
        self.note_choice(now, (item, offer), (agents.clone(), rule, &able));
        self.ring(now, item, offer, agents);
        Looked::Offered
    }

    fn ring(&mut self, now: Now, item: ItemId, id: OfferId, agents: Vec<AgentId>) {
        let queue = self.waiting.get(item).and_then(|w| self.queues.get(&w.item.queue));
        let (Some(queue), Some(offer)) = (queue, self.offers.get_mut(&id)) else { return };
        let channel = self.waiting.get(item).map(|waiting| waiting.item.channel);
        let ring_for = queue.settings.offered_for(channel.unwrap_or_default());
        offer.agents.extend(agents.iter().map(|agent| (agent.clone(), now.instant + ring_for)));
        for agent in &agents {
            self.put_ring(now, agent, item, id);
        }
        self.outputs.push_back(Output::Offer { offer: id, item, agents, ring_for });
    }

    /// Members who could take the item now, in the order in which they are asked.
    fn able(&self, item: ItemId) -> Vec<AgentId> {
        let Some(waiting) = self.waiting.get(item) else { return Vec::new() };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return Vec::new() };
        let Some(free) = self.free.of(waiting.item.channel) else { return Vec::new() };
        let mut members = in_queue(queue, free);
        if let (Strategy::RoundRobin, Some(last)) = (queue.settings.strategy, &queue.last) {
            let turn = queue.place_of.get(last).map_or(0, |place| place + 1);
            let place = |agent: &AgentId| queue.place_of.get(agent).copied().unwrap_or_default();
            let passed = members.partition_point(|agent| place(agent) < turn);
            members.rotate_left(passed);
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
        let waiting = self.waiting.get(item)?;
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
            let member = queue.place_of.contains_key(*agent);
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
        let Some(waiting) = self.waiting.get(item) else { return false };
        let calendar = self.queues.get(&waiting.item.queue).and_then(|q| q.calendar.as_ref());
        let Some(calendar) = calendar.filter(|_| waiting.item.channel == Channel::Callback) else {
            return false;
        };
        if calendar.state(now.unix) == State::Open {
            return false;
        }
        let opens = calendar.next_open(now.unix);
        let left = opens.map_or(super::callback::ASK_AGAIN, |at| at.since(now.unix));
        self.waiting.change(item, |waiting| {
            (waiting.not_before, waiting.closed) = (Some(now.instant + left), true);
        });
        true
    }

    pub(super) fn rank(&self, now: Now, waiting: &Waiting) -> Rank {
        (Reverse(self.points(now, waiting)), waiting.came)
    }

    /// The same of whatever stands in a row.
    pub(super) fn rank_of(&self, now: Now, queue: &Queue, base: u8, came: Came) -> Rank {
        let waited = self.waiting.waited(now.instant, came);
        (Reverse(queue.points(base, waited)), came)
    }

    /// Effective priority in thousandths of a point.
    pub(super) fn points(&self, now: Now, waiting: &Waiting) -> u64 {
        let queue = self.queues.get(&waiting.item.queue);
        queue.map_or(0, |queue| queue.points(waiting.base, waiting.waited(now.instant)))
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

impl Queue {
    fn points(&self, base: u8, waited: Duration) -> u64 {
        if base == PRESSING {
            return u64::from(base) * 1000;
        }
        let aged = waited.as_millis() * u128::from(self.settings.ageing) / 60;
        let ceiling = u128::from(CEILING.unsigned_abs()) * MILLI;
        // At most the ceiling, which fits.
        u64::try_from((u128::from(base) * MILLI + aged).min(ceiling)).unwrap_or(u64::MAX)
    }
}

/// Members among those who are free, in the order in which they are asked: found from the shorter of the two lists.
fn in_queue<'a>(queue: &'a Queue, free: &'a BTreeSet<AgentId>) -> Vec<&'a AgentId> {
    if queue.asked.len() <= free.len() {
        return queue.asked.iter().filter(|agent| free.contains(*agent)).collect();
    }
    let place = |agent: &'a AgentId| Some((*queue.place_of.get(agent)?, agent));
    let mut here: Vec<_> = free.iter().filter_map(place).collect();
    here.sort_unstable();
    here.into_iter().map(|(_, agent)| agent).collect()
}
