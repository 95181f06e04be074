//! Waiting items, and which agent is offered which of them.
//!
//! Owns the waiting items, the live offers and the estimate of the wait. Deliberately does not own an agent's
//! presence: it keeps the set of agents it was told are ready. An agent who is offered an item leaves that set and
//! comes back only by [`Queues::handle_agent_ready`]. It plays no music and rings no phone.
//!
//! Order: effective priority is the queue's plus the item's plus ageing, held to 0..=[`CEILING`]. Every item
//! that ages reaches the ceiling, where only arrival counts, so nothing starves: after `(CEILING - priority) / ageing`
//! minutes no later arrival passes it. An item that no ready agent can take does not hold up those behind it.
//!
//! Waits are measured with the steady clock. The wall clock counts once, when an item comes that arrived before:
//! from another queue; its place counts from then, `max_wait` from here; and when an agent becomes ready, for how long they were idle by then.
//! Setting the clock later changes nobody's place. Time with an agent counts
//! for the place of an item that comes back, which keeps its arrival, but not towards the longest wait.

mod settings;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use settings::{Announce, Member, OverflowTargets, Settings, Strategy, Target};

use crate::id::{AgentId, ItemId, OfferId, QueueId, SkillId};
use crate::random::Random;
use crate::time::{Now, UnixTime, earliest};

/// The highest effective priority; 100 so that priorities read as percentages.
pub const CEILING: i32 = 100;
/// How long an agent who refused or missed an item without a pause is not asked about it again; long enough to ask others.
pub const REFUSAL_HOLD: Duration = Duration::from_secs(30);
/// The longest wait that is believed of an item that arrived before; beyond the longest `max_wait` that can be set, the
/// wall clock was set in between, as on a box without a battery for it, and the item counts as new.
pub const LONGEST_BELIEVED: Duration = Duration::from_secs(86_400);
/// The part of the old mean that one new handle time replaces, as 1/n: about a busy hour's memory.
const MEAN_WEIGHT: u32 = 10;
/// Points are counted in thousandths, so that ageing is smooth within a minute.
const MILLI: u128 = 1000;

/// Levels of skill.
pub type Skills = BTreeMap<SkillId, u8>;

/// A contact that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// Where it waits.
    pub queue: QueueId,
    /// When it came to wait; kept when it comes back. The time of entering, but for one that waited before a restart or
    /// in another queue.
    pub arrived: UnixTime,
    /// Its own priority, 0..=[`CEILING`].
    pub priority: i32,
    /// Least level it needs in each skill.
    pub skills: Skills,
    /// Who should have it if ready.
    pub preferred: Option<AgentId>,
}

/// Why an item was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `max_waiting` items wait already.
    Full,
    /// It waited `max_wait`.
    Waited,
    /// No member is signed in.
    NoAgent,
}

/// The verdict on an item that was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It goes elsewhere.
    Overflow(Why, Target),
    /// No such queue.
    UnknownQueue,
    /// An item of that id waits or is being handled already.
    Known,
}

/// Why an agent did not take an offer. Who is not put on pause for it is not asked about that item for [`REFUSAL_HOLD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// Rang out.
    Missed,
    /// Turned down; never a pause.
    Refused,
    /// The phone could not be reached.
    Unreachable,
}

/// The offer is over, or was never made to this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// An item began to wait.
    Entered {
        /** Which. */
        item: ItemId,
        /** Where. */
        queue: QueueId,
    },
    /// Ring these agents. Comes again with the same offer for those who join a ring, each with the whole time.
    Offer {
        /** The offer. */
        offer: OfferId,
        /** What is offered. */
        item: ItemId,
        /** To whom. */
        agents: Vec<AgentId>,
        /** For how long. */
        ring_for: Duration,
    },
    /// Stop ringing; the agent is free again.
    Withdraw {
        /** The offer. */
        offer: OfferId,
        /** Whose. */
        agent: AgentId,
    },
    /// Join the two.
    Connected {
        /** The caller. */
        item: ItemId,
        /** The agent. */
        agent: AgentId,
    },
    /// Tell the caller where they stand, 1 being next.
    Announce {
        /** To whom. */
        item: ItemId,
        /** The place, if it is said. */
        position: Option<usize>,
        /** The expected wait, if said and known. */
        wait: Option<RangeInclusive<Duration>>,
    },
    /// The item left for elsewhere.
    Overflow {
        /** Which. */
        item: ItemId,
        /** Why. */
        why: Why,
        /** Where to. */
        target: Target,
    },
    /// The agent did not take the offer: stop ringing, and pause them if `pauses`.
    Missed {
        /** Who. */
        agent: AgentId,
        /** Which offer. */
        offer: OfferId,
        /** How. */
        why: Declined,
        /** Whether the agent goes on pause. */
        pauses: bool,
    },
    /// The caller gave up, or was taken out.
    Abandoned {
        /** Which. */
        item: ItemId,
    },
    /// A failed connection: the item waits again, at its old place.
    Returned {
        /** Which. */
        item: ItemId,
    },
}

/// What happened in one queue so far: `arrived = connected + abandoned + overflowed + taken_out +
/// waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Items that came.
    pub arrived: u64,
    /// Items an agent took, less those that came back.
    pub connected: u64,
    /// Items whose caller gave up.
    pub abandoned: u64,
    /// Items sent elsewhere, at the door or later.
    pub overflowed: u64,
    /// Items that somebody took out: an admin who ended the call, a colleague who picked it up, the end of the box.
    pub taken_out: u64,
}

/// One queue at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which.
    pub queue: QueueId,
    /// Items that wait, offered ones included.
    pub waiting: usize,
    /// Of those, how many ring somewhere.
    pub offered: usize,
    /// The longest time since one of them arrived.
    pub longest: Duration,
    /// Members who are signed in.
    pub present: usize,
    /// Members who are ready.
    pub ready: usize,
    /// The count so far.
    pub counters: Counters,
}

/// Why a member has or has not an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not signed in.
    Absent,
    /// Lacks a skill.
    Unskilled,
    /// Refused or missed it a moment ago.
    RefusedIt,
    /// It rings there.
    Ringing,
    /// Signed in, but not ready.
    NotReady,
    /// Could have it now.
    Able,
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    number: u64,
    entered: Instant,
    before: Duration,
    offer: Option<OfferId>,
    refused: BTreeMap<AgentId, Instant>,
    announce_at: Option<Instant>,
    overflow_at: Option<Instant>,
    taken_at: Option<Instant>,
}

impl Waiting {
    fn waited(&self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.entered))
    }

    /// Waits again: what was due while an agent had it is due as much later.
    fn come_back(&mut self, now: Instant) {
        self.refused.retain(|_, until| *until > now);
        let away = self.taken_at.take().map(|at| now.saturating_duration_since(at));
        for at in [&mut self.announce_at, &mut self.overflow_at] {
            *at = at.zip(away).map(|(at, away)| at + away);
        }
    }
}

/// Since when a ready agent has been without a contact, out of reach of the wall clock.
#[derive(Debug, Clone, Copy)]
struct Idle {
    ready_at: Instant,
    before: Duration,
}

impl Idle {
    fn span(self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.ready_at))
    }
}

#[derive(Debug)]
struct Offer {
    item: ItemId,
    /// Who rings, each until a time of their own.
    agents: Vec<(AgentId, Instant)>,
    /// Whether an agent who becomes ready joins the ring.
    open: bool,
}

impl Offer {
    fn rings(&self, agent: &AgentId) -> bool {
        self.agents.iter().any(|(who, _)| who == agent)
    }
}

#[derive(Debug)]
struct Queue {
    settings: Settings,
    last: Option<AgentId>,
    handle: Duration,
    counters: Counters,
}

/// All queues of the branch.
#[derive(Debug)]
pub struct Queues {
    queues: BTreeMap<QueueId, Queue>,
    waiting: BTreeMap<ItemId, Waiting>,
    taken: BTreeMap<ItemId, Waiting>,
    present: BTreeMap<AgentId, Skills>,
    ready: BTreeMap<AgentId, Idle>,
    offers: BTreeMap<OfferId, Offer>,
    outputs: VecDeque<Output>,
    random: Random,
    next: u64,
}

impl Queues {
    /// Empty queues; of two with one name the later counts.
    pub fn new(settings: Vec<Settings>, random: Random) -> Self {
        let queue = |settings: Settings| {
            let handle = Duration::from_secs(settings.handle_time.into());
            let name = settings.name.clone();
            (name, Queue { settings, last: None, handle, counters: Counters::default() })
        };
        Queues {
            queues: settings.into_iter().map(queue).collect(),
            waiting: BTreeMap::new(),
            taken: BTreeMap::new(),
            present: BTreeMap::new(),
            ready: BTreeMap::new(),
            offers: BTreeMap::new(),
            outputs: VecDeque::new(),
            random,
            next: 0,
        }
    }

    /// A contact comes to wait, or is told at once where else to go.
    pub fn handle_enqueue(&mut self, now: Now, item: Item) -> Result<(), Refused> {
        if self.waiting.contains_key(&item.id) || self.taken.contains_key(&item.id) {
            return Err(Refused::Known);
        }
        let length = self.waiting.values().filter(|w| w.item.queue == item.queue).count();
        let staffed = self.is_staffed(&item.queue);
        let queue = self.queues.get_mut(&item.queue).ok_or(Refused::UnknownQueue)?;
        queue.counters.arrived += 1;
        let targets = &queue.settings.overflow;
        let refused = match &targets.on_no_agent {
            Some(target) if !staffed => Some((Why::NoAgent, target.clone())),
            _ if length >= queue.settings.max_waiting => Some((Why::Full, targets.on_full.clone())),
            _ => None,
        };
        if let Some((why, target)) = refused {
            queue.counters.overflowed += 1;
            return Err(Refused::Overflow(why, target));
        }
        let before = now.unix.since(item.arrived);
        let before = if before > LONGEST_BELIEVED { Duration::ZERO } else { before };
        let left = |seconds: u32| Duration::from_secs(seconds.into());
        let (every, most) = (queue.settings.announce.every, queue.settings.max_wait);
        let waiting = Waiting {
            number: self.next,
            entered: now.instant,
            before,
            offer: None,
            refused: BTreeMap::new(),
            announce_at: (every > 0).then(|| now.instant + left(every)),
            overflow_at: (most > 0).then(|| now.instant + left(most)),
            taken_at: None,
            item,
        };
        self.next += 1;
        let (id, queue) = (waiting.item.id, waiting.item.queue.clone());
        self.outputs.push_back(Output::Entered { item: id, queue });
        self.waiting.insert(id, waiting);
        self.offer_all(now);
        Ok(())
    }

    /// The caller gave up. Nothing happens when the item does not wait.
    pub fn handle_abandon(&mut self, now: Now, item: ItemId) {
        let Some(waiting) = self.leave(item) else { return };
        self.count(&waiting.item.queue, |c| c.abandoned += 1);
        self.outputs.push_back(Output::Abandoned { item });
        self.offer_all(now);
    }

    /// Somebody other than the caller ended the wait. Nothing happens when the item does not wait.
    pub fn handle_taken_out(&mut self, now: Now, item: ItemId) {
        let Some(waiting) = self.leave(item) else { return };
        self.count(&waiting.item.queue, |c| c.taken_out += 1);
        self.outputs.push_back(Output::Abandoned { item });
        self.offer_all(now);
    }

    /// The agent is signed in and takes work, without a contact since `idle_since`. Ignored while one rings there.
    pub fn handle_agent_ready(
        &mut self,
        now: Now,
        agent: AgentId,
        skills: Skills,
        idle_since: UnixTime,
    ) {
        self.present.insert(agent.clone(), skills);
        if self.offers.values().any(|o| o.rings(&agent)) {
            return;
        }
        let idle = Idle { ready_at: now.instant, before: now.unix.since(idle_since) };
        self.ready.insert(agent, idle);
        self.offer_all(now);
    }

    /// The agent is signed in but takes no work now; what rings there is withdrawn.
    pub fn handle_agent_gone(&mut self, now: Now, agent: AgentId) {
        self.ready.remove(&agent);
        let ringing = self.offers.iter().find(|(_, o)| o.rings(&agent)).map(|(id, _)| *id);
        if let Some(offer) = ringing {
            self.drop_from_offer(offer, &agent);
            self.outputs.push_back(Output::Withdraw { offer, agent });
        }
        self.offer_all(now);
    }

    /// The agent is signed in, ready or not; what a restart tells before readiness.
    pub fn handle_agent_present(&mut self, agent: AgentId, skills: Skills) {
        self.present.insert(agent, skills);
    }

    /// The agent signed out. Queues left without anybody overflow when they have a target for it.
    pub fn handle_agent_absent(&mut self, now: Now, agent: AgentId) {
        self.present.remove(&agent);
        self.handle_agent_gone(now, agent);
        let unstaffed: Vec<(ItemId, Target)> = self
            .waiting
            .values()
            .filter(|w| !self.is_staffed(&w.item.queue))
            .filter_map(|w| {
                let queue = self.queues.get(&w.item.queue)?;
                Some((w.item.id, queue.settings.overflow.on_no_agent.clone()?))
            })
            .collect();
        for (item, target) in unstaffed {
            self.overflow(item, Why::NoAgent, target);
        }
        self.offer_all(now);
    }

    /// The agent answered. Only the first of an offer has the item; a stale answer is to be hung up.
    pub fn handle_accepted(
        &mut self,
        now: Now,
        offer: OfferId,
        agent: AgentId,
    ) -> Result<ItemId, Stale> {
        let live = self.offers.get(&offer).is_some_and(|o| o.rings(&agent));
        let ended = if live { self.offers.remove(&offer) } else { None }.ok_or(Stale)?;
        for (other, _) in ended.agents.into_iter().filter(|(other, _)| *other != agent) {
            self.outputs.push_back(Output::Withdraw { offer, agent: other });
        }
        let mut waiting = self.waiting.remove(&ended.item).ok_or(Stale)?;
        waiting.offer = None;
        waiting.taken_at = Some(now.instant);
        self.count(&waiting.item.queue, |c| c.connected += 1);
        self.taken.insert(ended.item, waiting);
        self.outputs.push_back(Output::Connected { item: ended.item, agent });
        self.offer_all(now);
        Ok(ended.item)
    }

    /// The agent did not take the offer. Nothing happens when the offer is over.
    pub fn handle_declined(&mut self, now: Now, offer: OfferId, agent: AgentId, why: Declined) {
        self.miss(now, offer, agent, why);
        self.offer_all(now);
    }

    /// Agent and caller could not be joined: the item waits again with its arrival time and place, and with as much of
    /// `max_wait` left as when it was taken.
    pub fn handle_connected_failed(&mut self, now: Now, item: ItemId) {
        let Some(mut waiting) = self.taken.remove(&item) else { return };
        waiting.come_back(now.instant);
        self.count(&waiting.item.queue, |c| c.connected -= 1);
        self.waiting.insert(item, waiting);
        self.outputs.push_back(Output::Returned { item });
        self.offer_all(now);
    }

    /// The contact is over after `handled` (talk, hold and after-work), which teaches the estimate.
    pub fn handle_finished(&mut self, item: ItemId, handled: Duration) {
        let Some(taken) = self.taken.remove(&item) else { return };
        if let Some(queue) = self.queues.get_mut(&taken.item.queue) {
            let old = queue.handle.saturating_mul(MEAN_WEIGHT - 1);
            queue.handle = old.saturating_add(handled) / MEAN_WEIGHT;
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let rings = self.offers.iter().flat_map(|(id, o)| o.agents.iter().map(|a| (*id, a)));
        let rung_out: Vec<_> = rings
            .filter(|(_, (_, until))| *until <= now.instant)
            .map(|(id, (agent, _))| (id, agent.clone()))
            .collect();
        for (offer, agent) in rung_out {
            self.miss(now, offer, agent, Declined::Missed);
        }
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        let waited: Vec<_> = self
            .waiting
            .values()
            .filter(|w| past(w.overflow_at))
            .filter_map(|w| Some((w.item.id, self.queues.get(&w.item.queue)?)))
            .map(|(id, queue)| (id, queue.settings.overflow.on_wait.clone()))
            .collect();
        for (item, target) in waited {
            self.overflow(item, Why::Waited, target);
        }
        for waiting in self.waiting.values_mut() {
            waiting.refused.retain(|_, until| *until > now.instant);
        }
        self.offer_all(now);
        let told: Vec<_> =
            self.waiting.values().filter(|w| past(w.announce_at)).map(|w| w.item.id).collect();
        for item in told {
            self.announce(now, item);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let items = self.waiting.values().fold(None, |first, w| {
            let held = w.refused.values().min().copied();
            earliest(first, earliest(held, earliest(w.announce_at, w.overflow_at)))
        });
        let rings = self.offers.values().flat_map(|o| &o.agents);
        earliest(items, rings.map(|(_, until)| *until).min())
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The item's place in its queue, 1 being next.
    pub fn position(&self, now: Now, item: ItemId) -> Option<usize> {
        let waiting = self.waiting.get(&item)?;
        let rank = self.rank(now, waiting);
        let ahead = |w: &&Waiting| w.item.queue == waiting.item.queue && self.rank(now, w) < rank;
        Some(1 + self.waiting.values().filter(ahead).count())
    }

    /// Position x mean handle time / eligible agents signed in, from 3/5 to 3/2 of it. None without such agents.
    pub fn estimate(&self, now: Now, item: ItemId) -> Option<RangeInclusive<Duration>> {
        let waiting = self.waiting.get(&item)?;
        let queue = self.queues.get(&waiting.item.queue)?;
        let able = |m: &&Member| self.is_skilled(queue, &waiting.item, &m.agent);
        let agents = u32::try_from(queue.settings.members.iter().filter(able).count()).ok()?;
        let position = u32::try_from(self.position(now, item)?).ok()?;
        let mean = queue.handle.saturating_mul(position).checked_div(agents)?;
        Some(mean.saturating_mul(3) / 5..=mean.saturating_mul(3) / 2)
    }

    /// Every queue at a glance, by name.
    pub fn snapshot(&self, now: Now) -> Vec<Snapshot> {
        self.queues.iter().map(|(name, queue)| self.glance(now, name, queue)).collect()
    }

    /// How each member of the item's queue stands to it; empty when it does not wait.
    pub fn explain(&self, item: ItemId) -> Vec<(AgentId, Standing)> {
        let Some(waiting) = self.waiting.get(&item) else { return Vec::new() };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return Vec::new() };
        let members = queue.settings.members.iter();
        members.map(|m| (m.agent.clone(), self.standing(queue, waiting, &m.agent))).collect()
    }

    fn standing(&self, queue: &Queue, waiting: &Waiting, agent: &AgentId) -> Standing {
        let offer = waiting.offer.and_then(|id| self.offers.get(&id));
        if !self.present.contains_key(agent) {
            Standing::Absent
        } else if !self.is_skilled(queue, &waiting.item, agent) {
            Standing::Unskilled
        } else if waiting.refused.contains_key(agent) {
            Standing::RefusedIt
        } else if offer.is_some_and(|o| o.rings(agent)) {
            Standing::Ringing
        } else if self.ready.contains_key(agent) {
            Standing::Able
        } else {
            Standing::NotReady
        }
    }

    fn glance(&self, now: Now, name: &QueueId, queue: &Queue) -> Snapshot {
        let here = || self.waiting.values().filter(|w| w.item.queue == *name);
        let members: BTreeSet<_> = queue.settings.members.iter().map(|m| &m.agent).collect();
        Snapshot {
            queue: name.clone(),
            waiting: here().count(),
            offered: here().filter(|w| w.offer.is_some()).count(),
            longest: here().map(|w| w.waited(now.instant)).max().unwrap_or_default(),
            present: members.iter().filter(|a| self.present.contains_key(**a)).count(),
            ready: members.iter().filter(|a| self.ready.contains_key(**a)).count(),
            counters: queue.counters,
        }
    }

    /// Offers every item that somebody ready can take, best first.
    fn offer_all(&mut self, now: Now) {
        if self.ready.is_empty() {
            return;
        }
        let mut order: Vec<_> = self
            .waiting
            .values()
            .filter(|w| w.offer.is_none())
            .map(|w| (self.rank(now, w), w.item.id))
            .collect();
        order.sort_unstable();
        for (_, item) in order {
            if self.ready.is_empty() {
                return;
            }
            self.offer_one(now, item);
        }
        self.join_rings(now);
    }

    /// Who is ready and found nothing that rings nowhere joins the best ring of those that everybody may join.
    fn join_rings(&mut self, now: Now) {
        let is_open = |o: &OfferId| self.offers.get(o).is_some_and(|o| o.open);
        let mut order: Vec<_> = self
            .waiting
            .values()
            .filter_map(|w| Some((self.rank(now, w), w.item.id, w.offer.filter(is_open)?)))
            .collect();
        order.sort_unstable();
        for (_, item, offer) in order {
            let agents = self.able(item);
            if !agents.is_empty() {
                self.ring(now, item, offer, agents);
            }
        }
    }

    fn offer_one(&mut self, now: Now, item: ItemId) {
        let agents = self.choose(now, item);
        let Some(waiting) = self.waiting.get_mut(&item) else { return };
        let Some(queue) = self.queues.get_mut(&waiting.item.queue) else { return };
        let Some(last) = agents.last() else { return };
        queue.last = Some(last.clone());
        let asked_alone = waiting.item.preferred.as_ref().is_some_and(|p| agents == [p.clone()]);
        let open = queue.settings.strategy == Strategy::RingAll && !asked_alone;
        let offer = OfferId(self.random.bits());
        waiting.offer = Some(offer);
        self.offers.insert(offer, Offer { item, agents: Vec::new(), open });
        self.ring(now, item, offer, agents);
    }

    fn ring(&mut self, now: Now, item: ItemId, id: OfferId, agents: Vec<AgentId>) {
        let queue = self.waiting.get(&item).and_then(|w| self.queues.get(&w.item.queue));
        let (Some(queue), Some(offer)) = (queue, self.offers.get_mut(&id)) else { return };
        let ring_for = Duration::from_secs(queue.settings.ring_time.max(1).into());
        for agent in &agents {
            self.ready.remove(agent);
            offer.agents.push((agent.clone(), now.instant + ring_for));
        }
        self.outputs.push_back(Output::Offer { offer: id, item, agents, ring_for });
    }

    /// Members who could take the item now, in the order in which they are asked.
    fn able(&self, item: ItemId) -> Vec<AgentId> {
        let Some(waiting) = self.waiting.get(&item) else { return Vec::new() };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return Vec::new() };
        let mut members: Vec<_> = queue.settings.members.iter().collect();
        members.sort_by_key(|m| m.order);
        let after = members.iter().position(|m| Some(&m.agent) == queue.last.as_ref());
        if let (Strategy::RoundRobin, Some(at)) = (queue.settings.strategy, after) {
            members.rotate_left(at + 1);
        }
        let able = |m: &&Member| self.standing(queue, waiting, &m.agent) == Standing::Able;
        members.into_iter().filter(able).map(|m| m.agent.clone()).collect()
    }

    fn choose(&self, now: Now, item: ItemId) -> Vec<AgentId> {
        let mut able = self.able(item);
        let Some(waiting) = self.waiting.get(&item) else { return Vec::new() };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return Vec::new() };
        if let Some(preferred) = waiting.item.preferred.as_ref().filter(|p| able.contains(p)) {
            return vec![preferred.clone()];
        }
        match queue.settings.strategy {
            Strategy::RingAll => {}
            Strategy::LongestIdle => {
                able.sort_by_key(|a| Reverse(self.ready.get(a).map(|idle| idle.span(now.instant))));
                able.truncate(1);
            }
            Strategy::RoundRobin | Strategy::FixedOrder => able.truncate(1),
        }
        able
    }

    /// Smaller goes first.
    fn rank(&self, now: Now, waiting: &Waiting) -> (Reverse<u128>, Reverse<Duration>, u64) {
        let waited = waiting.waited(now.instant);
        let (base, ageing) = self
            .queues
            .get(&waiting.item.queue)
            .map_or((0, 0), |q| (q.settings.priority, q.settings.ageing));
        let base = base.saturating_add(waiting.item.priority).clamp(0, CEILING).unsigned_abs();
        let aged = waited.as_millis() * u128::from(ageing) / 60;
        let points =
            (u128::from(base) * MILLI + aged).min(u128::from(CEILING.unsigned_abs()) * MILLI);
        (Reverse(points), Reverse(waited), waiting.number)
    }

    fn is_skilled(&self, queue: &Queue, item: &Item, agent: &AgentId) -> bool {
        let Some(has) = self.present.get(agent) else { return false };
        let mut needs = queue.settings.skills.iter().chain(&item.skills);
        needs.all(|(skill, level)| has.get(skill).copied().unwrap_or(0) >= *level)
    }

    fn is_staffed(&self, queue: &QueueId) -> bool {
        let members = self.queues.get(queue).map(|q| q.settings.members.as_slice());
        members.unwrap_or_default().iter().any(|m| self.present.contains_key(&m.agent))
    }

    fn miss(&mut self, now: Now, offer: OfferId, agent: AgentId, why: Declined) {
        let Some(item) = self.drop_from_offer(offer, &agent) else { return };
        let Some(waiting) = self.waiting.get_mut(&item) else { return };
        let queue = self.queues.get(&waiting.item.queue);
        let pauses = why != Declined::Refused && queue.is_some_and(|q| q.settings.miss_pauses);
        // Without a pause the item would ring at the same dead phone again and again.
        if !pauses {
            waiting.refused.insert(agent.clone(), now.instant + REFUSAL_HOLD);
        }
        self.outputs.push_back(Output::Missed { agent, offer, why, pauses });
    }

    /// Takes the agent off the offer, which ends with its last agent. Answers the item.
    fn drop_from_offer(&mut self, id: OfferId, agent: &AgentId) -> Option<ItemId> {
        let offer = self.offers.get_mut(&id)?;
        let at = offer.agents.iter().position(|(who, _)| who == agent)?;
        offer.agents.remove(at);
        let item = offer.item;
        if offer.agents.is_empty() {
            self.offers.remove(&id);
            self.waiting.get_mut(&item)?.offer = None;
        }
        Some(item)
    }

    /// Takes the item out and stops what rings for it.
    fn leave(&mut self, item: ItemId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&item)?;
        if let Some(id) = waiting.offer
            && let Some(offer) = self.offers.remove(&id)
        {
            let withdraw = |(agent, _)| Output::Withdraw { offer: id, agent };
            self.outputs.extend(offer.agents.into_iter().map(withdraw));
        }
        Some(waiting)
    }

    fn overflow(&mut self, item: ItemId, why: Why, target: Target) {
        let Some(waiting) = self.leave(item) else { return };
        self.count(&waiting.item.queue, |c| c.overflowed += 1);
        self.outputs.push_back(Output::Overflow { item, why, target });
    }

    fn announce(&mut self, now: Now, item: ItemId) {
        let (position, wait) = (self.position(now, item), self.estimate(now, item));
        let Some(waiting) = self.waiting.get_mut(&item) else { return };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return };
        let says = &queue.settings.announce;
        waiting.announce_at = Some(now.instant + Duration::from_secs(says.every.max(1).into()));
        if waiting.offer.is_none() && (says.position || says.wait) {
            let position = position.filter(|_| says.position);
            let wait = wait.filter(|_| says.wait);
            self.outputs.push_back(Output::Announce { item, position, wait });
        }
    }

    fn count(&mut self, queue: &QueueId, change: impl FnOnce(&mut Counters)) {
        if let Some(queue) = self.queues.get_mut(queue) {
            change(&mut queue.counters);
        }
    }
}
