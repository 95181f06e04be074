//! Waiting items of every channel, and which agent is offered which of them.
//!
//! Owns the waiting items, the live offers, what each agent has in hand and what more fits, and the estimate of the
//! wait. Deliberately does not own an agent's presence: it is told who takes work, and who is free for the phone. An
//! agent whose phone is offered an item is not free for it until [`Queues::handle_agent_ready`] says so again; of what
//! is not on the phone, as many are offered as fit ([`Capacity`]). It plays no music, rings no phone, dials nobody.
//!
//! Order: effective priority is the queue's plus the item's plus ageing, held to 0..=[`CEILING`]. Every item
//! that ages reaches the ceiling, where only arrival counts, so nothing starves: after `(CEILING - priority) / ageing`
//! minutes no later arrival passes it, but for what is due within [`URGENT`]: that goes before all else, and an agent has
//! room for so much of a channel alone ([`Capacity`]), so that it keeps nobody off the phone. An item that no agent can take does not hold up those behind it. The place is
//! the item's own: it keeps it when it comes back, when it moves to another channel, and over a restart.
//!
//! Waits are measured with the steady clock. The wall clock counts once, when an item comes that arrived before:
//! from another queue; its place counts from then, `max_wait` from here; and when an agent becomes ready, for how long they were idle by then.
//! Setting the clock later changes nobody's place. Time with an agent counts
//! for the place of an item that comes back, which keeps its arrival, but not towards the longest wait. Opening hours
//! are wall-clock time: only service-level clocks and calls back look at them.

pub mod affinity;
mod anew;
mod callback;
mod capacity;
mod choice;
mod clock;
mod estimate;
mod explain;
mod held;
mod moving;
pub mod rehearsal;
mod row;
mod settings;
mod staff;
#[cfg(test)]
mod tests;
mod waiting;
mod waits;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use crate::channel::Channel;
pub use capacity::{Capacity, Full, Said};
pub use clock::Clock;
pub use estimate::HitRate;
pub use explain::{CHOICES_KEPT, Choice, Held, MOST_TOLD, Rule, Standing, StillWaiting};
pub use held::NotPicked;
pub use settings::{
    Announce, Callback, Member, OverflowTargets, Prefers, Relax, Settings, Strategy, Target,
};
pub use words::{Declined, Item, Output, Refused, Stale, Why};

use crate::hours::Calendar;
use crate::id::{AgentId, ItemId, OfferId, QueueId, SkillId};
use crate::queue::estimate::Estimate;
use crate::queue::staff::{Desk, Free, Hand};
use crate::queue::waiting::Waiting;
use crate::queue::waits::{Line, Waits};
use crate::random::Random;
use crate::time::{Now, earliest};

/// The highest effective priority; 100 so that priorities read as percentages.
pub const CEILING: i32 = 100;
/// How long an agent who refused or missed an item without a pause is not asked about it again; long enough to ask others.
pub const REFUSAL_HOLD: Duration = Duration::from_secs(30);
/// The same of what nobody waits for on a line or at a screen: who has not looked at it within the time of an offer is
/// away from the screen for longer.
pub const REFUSAL_HOLD_LATER: Duration = Duration::from_secs(15 * 60);
/// How long before its due time an item goes before all that is not due: an agent with something in hand comes to it in
/// time.
pub const URGENT: Duration = Duration::from_secs(30 * 60);
/// The longest wait that is believed of an item that arrived before; beyond the longest `max_wait` that can be set, the
/// wall clock was set in between, as on a box without a battery for it, and the item counts as new.
pub const LONGEST_BELIEVED: Duration = Duration::from_secs(86_400);
/// The same of what nobody holds a line for: a letter, a promised call. Longer than the longest holidays.
pub const LONGEST_BELIEVED_LATER: Duration = Duration::from_secs(60 * 86_400);
/// What stands in the place of the priority of an item that is due soon: above the ceiling, which all that wait come to.
const PRESSING: u8 = 101;
/// Points are counted in thousandths, so that ageing is smooth within a minute.
const MILLI: u128 = 1000;

/// Levels of skill.
pub type Skills = BTreeMap<SkillId, u8>;

/// What happened in one queue so far: `arrived = connected + abandoned + overflowed + unreached + taken_out +
/// waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Items that came.
    pub arrived: u64,
    /// Items an agent took, less those that came back.
    pub connected: u64,
    /// Items whose caller gave up.
    pub abandoned: u64,
    /// Items sent elsewhere, at the door or later, to another queue too.
    pub overflowed: u64,
    /// Items that somebody took out: an admin who ended the call, a colleague who picked it up, the end of the box.
    pub taken_out: u64,
    /// Calls back that reached nobody, as often as promised.
    pub unreached: u64,
    /// Of those connected, how many while the service-level clock was in target.
    pub in_target: u64,
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
    /// Of those that wait, how many are tasks, which nobody waits for.
    pub tasks: usize,
    /// The longest time since one of the others arrived.
    pub longest: Duration,
    /// Members who are signed in.
    pub present: usize,
    /// Members who are ready.
    pub ready: usize,
    /// The count so far.
    pub counters: Counters,
    /// Items of each channel that wait.
    pub channels: BTreeMap<Channel, usize>,
    /// Of those that wait, how many are past the service level by their clock.
    pub late: usize,
    /// What the next to come may expect, if anybody is there for them.
    pub wait: Option<RangeInclusive<Duration>>,
    /// How good the last estimates were.
    pub hit_rate: HitRate,
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
    /// Members in the order in which they are asked.
    asked: Vec<AgentId>,
    /// Where each of them stands in it.
    place_of: BTreeMap<AgentId, usize>,
    /// When something changes for an item by its waiting.
    steps: Vec<Duration>,
    calendar: Option<Calendar>,
    last: Option<AgentId>,
    estimate: Estimate,
    counters: Counters,
}

impl Queue {
    fn new(settings: Settings) -> Queue {
        let mut members: Vec<_> = settings.members.iter().collect();
        members.sort_by_key(|m| m.order);
        let mut asked: Vec<AgentId> = Vec::new();
        for member in members {
            if !asked.contains(&member.agent) {
                asked.push(member.agent.clone());
            }
        }
        let estimate = Estimate::new(Duration::from_secs(settings.handle_time.into()));
        let steps = settings.steps();
        let counters = Counters::default();
        let place_of = asked.iter().cloned().zip(0..).collect();
        Queue { settings, asked, place_of, steps, calendar: None, last: None, estimate, counters }
    }
}

/// Whether one of these takes the turn of the other.
fn rivals(one: Channel, other: Channel) -> bool {
    one == other || (one.is_spoken() && other.is_spoken())
}

/// All queues of the branch.
#[derive(Debug)]
pub struct Queues {
    queues: BTreeMap<QueueId, Queue>,
    waiting: Waits,
    taken: BTreeMap<ItemId, Waiting>,
    staff: BTreeMap<AgentId, Desk>,
    /// Who could take something of each channel.
    free: Free,
    capacity: Capacity,
    /// Of agents who have one of their own.
    capacities: BTreeMap<AgentId, Capacity>,
    offers: BTreeMap<OfferId, Offer>,
    choices: VecDeque<Choice>,
    outputs: VecDeque<Output>,
    random: Random,
    next: u64,
}

impl Queues {
    /// Empty queues; of two with one name the later counts.
    pub fn new(settings: Vec<Settings>, random: Random) -> Self {
        let queue = |settings: Settings| (settings.name.clone(), Queue::new(settings));
        Queues {
            queues: settings.into_iter().map(queue).collect(),
            waiting: Waits::default(),
            taken: BTreeMap::new(),
            staff: BTreeMap::new(),
            free: Free::default(),
            capacity: Capacity::default(),
            capacities: BTreeMap::new(),
            offers: BTreeMap::new(),
            choices: VecDeque::new(),
            outputs: VecDeque::new(),
            random,
            next: 0,
        }
    }

    /// With what everybody can have in hand, and with what single agents can.
    pub fn with_capacity(mut self, all: Capacity, of: BTreeMap<AgentId, Capacity>) -> Self {
        self.capacity = all;
        self.capacities = of;
        self
    }

    /// With the opening hours of a queue: its service-level clocks stand outside of them, and nobody is called back.
    pub fn with_calendar(mut self, queue: &QueueId, calendar: Calendar) -> Self {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.calendar = Some(calendar);
        }
        self
    }

    /// A contact comes to wait, or is told at once where else to go.
    pub fn handle_enqueue(&mut self, now: Now, item: Item) -> Result<(), Refused> {
        if self.waiting.contains(item.id) || self.taken.contains_key(&item.id) {
            return Err(Refused::Known);
        }
        let length = self.waiting.line(&item.queue).map_or(0, Line::live);
        let staffed = self.is_staffed(&item.queue);
        let queue = self.queues.get_mut(&item.queue).ok_or(Refused::UnknownQueue)?;
        queue.counters.arrived += 1;
        let targets = &queue.settings.overflow;
        let refused = match &targets.on_no_agent {
            _ if !item.channel.is_live() => None,
            Some(target) if !staffed => Some((Why::NoAgent, target.clone())),
            _ if length >= queue.settings.max_waiting => Some((Why::Full, targets.on_full.clone())),
            _ => None,
        };
        if let Some((why, target)) = refused {
            queue.counters.overflowed += 1;
            return Err(Refused::Overflow(why, target));
        }
        let id = item.id;
        self.outputs.push_back(Output::Entered { item: id, queue: item.queue.clone() });
        self.admit(now, item);
        self.offer_all(now);
        self.tell_wait(now, id);
        Ok(())
    }

    fn admit(&mut self, now: Now, item: Item) {
        if let Some(waiting) = self.begin(now, item) {
            self.waiting.put(waiting);
        }
    }

    /// As it comes to its queue; nothing where there is no such queue.
    fn begin(&mut self, now: Now, item: Item) -> Option<Waiting> {
        let queue = self.queues.get(&item.queue)?;
        let before = now.unix.since(item.arrived);
        let live = item.channel.is_live();
        let believed = if live { LONGEST_BELIEVED } else { LONGEST_BELIEVED_LATER };
        let before = if before > believed { Duration::ZERO } else { before };
        let mut waiting = Waiting::new(now, item, self.next, before);
        waiting.belong(now.instant, queue);
        queue.settings.set_times(now.instant, &mut waiting);
        self.next += 1;
        Some(waiting)
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
            self.clear_hand(&other, ended.item);
            self.outputs.push_back(Output::Withdraw { offer, agent: other });
        }
        let mut waiting = self.waiting.take(ended.item).ok_or(Stale)?;
        waiting.offer = None;
        waiting.taken_at = Some(now.instant);
        waiting.by = Some(agent.clone());
        self.set_hand(&agent, ended.item, Hand::Has);
        self.learn_wait(now, &mut waiting);
        self.taken.insert(ended.item, waiting);
        self.outputs.push_back(Output::Connected { item: ended.item, agent });
        self.offer_all(now);
        Ok(ended.item)
    }

    /// Counts an answer, and what became of the estimate.
    fn learn_wait(&mut self, now: Now, waiting: &mut Waiting) {
        let Some(queue) = self.queues.get_mut(&waiting.item.queue) else { return };
        let clock = waiting.clock(now, queue.calendar.as_ref());
        let in_target = clock <= Duration::from_secs(queue.settings.service_level.into());
        queue.counters.connected += 1;
        queue.counters.in_target += u64::from(in_target);
        if let Some(told) = waiting.told.take() {
            queue.estimate.learn_wait(&told, now.instant);
        }
    }

    /// The agent did not take the offer. Nothing happens when the offer is over.
    pub fn handle_declined(&mut self, now: Now, offer: OfferId, agent: AgentId, why: Declined) {
        self.miss(now, offer, agent, why);
        self.offer_all(now);
    }

    /// Agent and caller could not be joined: the item waits again with its arrival time and place, and with as much of
    /// `max_wait` left as when it was taken.
    pub fn handle_connected_failed(&mut self, now: Now, item: ItemId) {
        if let Some(waiting) = self.take_back(now, item) {
            self.waiting.put(waiting);
            self.outputs.push_back(Output::Returned { item });
            self.offer_all(now);
        }
    }

    /// Takes an item out of an agent's hand, as if they had never had it.
    fn take_back(&mut self, now: Now, item: ItemId) -> Option<Waiting> {
        let mut waiting = self.taken.remove(&item)?;
        waiting.come_back(now.instant);
        if let Some(agent) = waiting.by.take() {
            self.clear_hand(&agent, item);
        }
        if let Some(queue) = self.queues.get(&waiting.item.queue) {
            waiting.step(now.instant, queue);
        }
        self.count(&waiting.item.queue, |c| c.connected = c.connected.saturating_sub(1));
        Some(waiting)
    }

    /// The contact is over after `handled` (talk, hold and after-work), which teaches the estimate. After-work holds what
    /// was in hand: of a call until the agent is ready, of all else until [`Self::handle_wrapped_up`].
    pub fn handle_finished(&mut self, item: ItemId, handled: Duration) {
        let Some(taken) = self.taken.remove(&item) else { return };
        if let Some(agent) = &taken.by {
            self.set_hand(agent, item, Hand::AfterWork);
        }
        // How long a letter takes says nothing of how long callers wait.
        let queue = self.queues.get_mut(&taken.item.queue);
        if let Some(queue) = queue.filter(|_| taken.item.channel.is_spoken()) {
            queue.estimate.learn_handling(handled);
        }
    }

    /// The person is waited for: the service-level clock stands, and a waiting item is not offered.
    pub fn handle_pause(&mut self, now: Now, item: ItemId) {
        let queues = &self.queues;
        let pause = |waiting: &mut Waiting| {
            let calendar = queues.get(&waiting.item.queue).and_then(|q| q.calendar.as_ref());
            waiting.clock.pause(now.unix, calendar);
        };
        self.taken.get_mut(&item).into_iter().for_each(pause);
        if self.waiting.change(item, pause).is_some() {
            self.stop_ringing(item);
            self.offer_all(now);
        }
    }

    /// The person is back.
    pub fn handle_resume(&mut self, now: Now, item: ItemId) {
        self.taken.get_mut(&item).into_iter().for_each(|taken| taken.clock.resume(now.unix));
        if self.waiting.change(item, |waiting| waiting.clock.resume(now.unix)).is_some() {
            self.offer_all(now);
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
        let due = self.waiting.due(now.instant);
        for item in &due {
            self.overflow_waited(now, *item);
        }
        for item in &due {
            self.catch_up(now, *item);
        }
        self.offer_all(now);
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        for item in due {
            if self.waiting.get(item).is_some_and(|w| past(w.announce_at)) {
                self.announce(now, item);
            }
        }
    }

    fn overflow_waited(&mut self, now: Now, item: ItemId) {
        let Some(waiting) = self.waiting.get(item) else { return };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return };
        if waiting.overflow_at.is_some_and(|at| at <= now.instant) {
            let target = queue.settings.overflow.on_wait.clone();
            self.overflow(item, Why::Waited, target);
        }
    }

    /// What held an item holds no longer, what it needs is less.
    fn catch_up(&mut self, now: Now, item: ItemId) {
        let queues = &self.queues;
        self.waiting.change(item, |waiting| {
            waiting.refused.retain(|_, until| *until > now.instant);
            waiting.not_before = waiting.not_before.filter(|at| *at > now.instant);
            waiting.closed &= waiting.not_before.is_some();
            if let Some(queue) = queues.get(&waiting.item.queue) {
                waiting.step(now.instant, queue);
            }
        });
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let rings = self.offers.values().flat_map(|o| &o.agents);
        earliest(self.waiting.deadline(), rings.map(|(_, until)| *until).min())
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The item's place in its queue, 1 being next.
    pub fn position(&self, now: Now, item: ItemId) -> Option<usize> {
        let waiting = self.waiting.get(item)?;
        let rank = self.rank(now, waiting);
        let queue = self.queues.get(&waiting.item.queue)?;
        let line = self.waiting.line(&waiting.item.queue)?;
        let ahead = line.rows.iter().map(|(base, row)| {
            row.before(|(came, _)| self.rank_of(now, queue, *base, *came) < rank)
        });
        Some(1 + ahead.sum::<usize>())
    }

    /// The item's place among those who wait for the same: what callers are told. Letters and tasks take nobody's turn on
    /// the phone.
    pub fn place(&self, now: Now, item: ItemId) -> Option<usize> {
        let waiting = self.waiting.get(item)?;
        let line = self.waiting.line(&waiting.item.queue)?;
        let rivals = |channel: Channel| rivals(waiting.item.channel, channel);
        if line.counts.keys().all(|channel| rivals(*channel)) {
            return self.position(now, item);
        }
        let queue = self.queues.get(&waiting.item.queue)?;
        let rank = self.rank(now, waiting);
        let ahead = line.rows.iter().flat_map(|(base, row)| {
            row.iter().take_while(|(came, _)| self.rank_of(now, queue, *base, *came) < rank)
        });
        let before = ahead.filter_map(|(_, other)| self.waiting.get(*other));
        Some(1 + before.filter(|other| rivals(other.item.channel)).count())
    }

    /// An item that waits.
    pub fn item(&self, item: ItemId) -> Option<&Item> {
        self.waiting.get(item).map(|waiting| &waiting.item)
    }

    /// Whether an item that waits rings somewhere.
    pub fn is_offered(&self, item: ItemId) -> bool {
        self.waiting.get(item).is_some_and(|waiting| waiting.offer.is_some())
    }

    /// Who works in a queue, in the order in which they are asked.
    pub fn members(&self, queue: &QueueId) -> &[AgentId] {
        self.queues.get(queue).map(|queue| queue.asked.as_slice()).unwrap_or_default()
    }

    /// Attempts to call somebody back that have failed.
    pub fn attempts(&self, item: ItemId) -> u8 {
        let found = self.waiting.get(item).or_else(|| self.taken.get(&item));
        found.map_or(0, |waiting| waiting.attempts)
    }

    /// For how long who had somebody last is remembered in a queue; nothing: not at all.
    pub fn last_agent_within(&self, queue: &QueueId) -> Duration {
        let hours = self.queues.get(queue).map_or(0, |queue| queue.settings.last_agent_hours);
        Duration::from_secs(u64::from(hours) * 3_600)
    }

    /// How an item reaches an agent, while it waits or an agent has it.
    pub fn channel(&self, item: ItemId) -> Option<Channel> {
        let found = self.waiting.get(item).or_else(|| self.taken.get(&item));
        found.map(|waiting| waiting.item.channel)
    }

    /// How long ago an item arrived.
    pub fn waited(&self, now: Now, item: ItemId) -> Option<Duration> {
        let found = self.waiting.get(item).or_else(|| self.taken.get(&item));
        found.map(|waiting| waiting.waited(now.instant))
    }

    /// How long an item has waited in opening hours, less pauses: what its service level is measured by.
    pub fn clock(&self, now: Now, item: ItemId) -> Option<Duration> {
        let found = self.waiting.get(item).or_else(|| self.taken.get(&item))?;
        let calendar = self.queues.get(&found.item.queue)?.calendar.as_ref();
        Some(found.clock(now, calendar))
    }

    /// Every queue at a glance, by name.
    pub fn snapshot(&self, now: Now) -> Vec<Snapshot> {
        self.queues.iter().map(|(name, queue)| self.glance(now, name, queue)).collect()
    }

    fn glance(&self, now: Now, name: &QueueId, queue: &Queue) -> Snapshot {
        let line = self.waiting.line(name);
        let members = queue.asked.iter();
        let free = |agent: &AgentId| self.staff.get(agent).is_some_and(|d| d.phone.is_some());
        let here = |offer: &&Offer| {
            self.waiting.get(offer.item).is_some_and(|waiting| waiting.item.queue == *name)
        };
        let waiting = line.map_or(0, Line::len);
        Snapshot {
            queue: name.clone(),
            waiting,
            offered: self.offers.values().filter(here).count(),
            longest: line.map(|line| self.longest(now, line)).unwrap_or_default(),
            tasks: line.and_then(|line| line.counts.get(&Channel::Task)).copied().unwrap_or(0),
            present: members.clone().filter(|a| self.is_signed_in(a)).count(),
            ready: members.filter(|a| free(a)).count(),
            counters: queue.counters,
            late: line.map_or(0, |line| self.late(now, queue, line)),
            wait: self.next_wait(queue, line.map_or(0, Line::spoken)),
            hit_rate: queue.estimate.hit_rate(),
            channels: line.map(|line| line.counts.clone()).unwrap_or_default(),
        }
    }

    fn longest(&self, now: Now, line: &Line) -> Duration {
        let task = |item: ItemId| {
            self.waiting.get(item).is_some_and(|waiting| waiting.item.channel == Channel::Task)
        };
        let heads = line.rows.values().filter_map(|row| row.iter().find(|(_, item)| !task(*item)));
        let waited = heads.map(|(came, _)| self.waiting.waited(now.instant, *came));
        waited.max().unwrap_or_default()
    }

    /// Those past the service level by their clocks, tasks too. A clock that never stood is the wait, unless there is a calendar.
    fn late(&self, now: Now, queue: &Queue, line: &Line) -> usize {
        let target = Duration::from_secs(queue.settings.service_level.into());
        let late = |waiting: &Waiting| waiting.clock(now, queue.calendar.as_ref()) > target;
        let of = |item: ItemId| self.waiting.get(item);
        if queue.calendar.is_some() {
            return line.items().filter_map(of).filter(|waiting| late(waiting)).count();
        }
        let waited = |came| self.waiting.waited(now.instant, came) > target;
        let by_wait = line.rows.values().map(|row| row.before(|(came, _)| waited(*came)));
        let stood = line.paused.iter().filter_map(|item| of(*item));
        let (not, yes) = stood.fold((0, 0), |(not, yes), waiting| {
            (not + usize::from(waited(waiting.came)), yes + usize::from(late(waiting)))
        });
        by_wait.sum::<usize>() - not + yes
    }

    fn is_staffed(&self, queue: &QueueId) -> bool {
        let members = self.queues.get(queue).map(|q| q.settings.members.as_slice());
        members.unwrap_or_default().iter().any(|m| self.is_signed_in(&m.agent))
    }

    fn overflow_unstaffed(&mut self) {
        let left = |(name, queue): (&QueueId, &Queue)| {
            let target = queue.settings.overflow.on_no_agent.clone()?;
            (!self.is_staffed(name)).then(|| (name.clone(), target))
        };
        let left: Vec<(QueueId, Target)> = self.queues.iter().filter_map(left).collect();
        let live =
            |item: &ItemId| self.waiting.get(*item).is_some_and(|w| w.item.channel.is_live());
        let all = left.iter().filter_map(|(name, target)| Some((self.waiting.line(name)?, target)));
        let all = all.flat_map(|(line, target)| line.items().map(move |item| (item, target)));
        let mut unstaffed: Vec<(ItemId, Target)> =
            all.filter(|(item, _)| live(item)).map(|(item, to)| (item, to.clone())).collect();
        unstaffed.sort_unstable_by_key(|(item, _)| *item);
        for (item, target) in unstaffed {
            self.overflow(item, Why::NoAgent, target);
        }
    }

    fn miss(&mut self, now: Now, offer: OfferId, agent: AgentId, why: Declined) {
        let Some(item) = self.drop_from_offer(offer, &agent) else { return };
        let Some(waiting) = self.waiting.get(item) else { return };
        let queue = self.queues.get(&waiting.item.queue);
        let channel = waiting.item.channel;
        // Who does not look at what nobody waits for is at work all the same, perhaps without a screen.
        let rings = channel.is_live() || channel.is_spoken();
        let pauses =
            rings && why != Declined::Refused && queue.is_some_and(|q| q.settings.miss_pauses);
        // Without a pause the item would ring at the same dead phone again and again.
        if !pauses {
            let hold = if rings { REFUSAL_HOLD } else { REFUSAL_HOLD_LATER };
            let until = now.instant + hold;
            self.waiting.change(item, |waiting| waiting.refused.insert(agent.clone(), until));
        } else {
            self.at_desk(&agent, |desk| (desk.on_duty, desk.phone) = (false, None));
        }
        self.outputs.push_back(Output::Missed { agent, offer, why, pauses });
    }

    /// Takes the agent off the offer, which ends with its last agent. Answers the item.
    fn drop_from_offer(&mut self, id: OfferId, agent: &AgentId) -> Option<ItemId> {
        let offer = self.offers.get_mut(&id)?;
        let at = offer.agents.iter().position(|(who, _)| who == agent)?;
        offer.agents.remove(at);
        let item = offer.item;
        let over = offer.agents.is_empty();
        self.clear_hand(agent, item);
        if over {
            self.offers.remove(&id);
            self.waiting.change(item, |waiting| waiting.offer = None)?;
        }
        Some(item)
    }

    /// Takes the item out and stops what rings for it.
    fn leave(&mut self, item: ItemId) -> Option<Waiting> {
        self.stop_ringing(item);
        self.waiting.take(item)
    }

    fn stop_ringing(&mut self, item: ItemId) {
        if self.waiting.get(item).is_none_or(|waiting| waiting.offer.is_none()) {
            return;
        }
        let offer = self.waiting.change(item, |waiting| waiting.offer.take()).flatten();
        if let Some(id) = offer
            && let Some(offer) = self.offers.remove(&id)
        {
            for (agent, _) in offer.agents {
                self.clear_hand(&agent, item);
                self.outputs.push_back(Output::Withdraw { offer: id, agent });
            }
        }
    }

    fn overflow(&mut self, item: ItemId, why: Why, target: Target) {
        let Some(waiting) = self.leave(item) else { return };
        self.count(&waiting.item.queue, |c| c.overflowed += 1);
        self.outputs.push_back(Output::Overflow { item, why, target });
    }

    fn announce(&mut self, now: Now, item: ItemId) {
        let (position, wait) = (self.place(now, item), self.estimate(now, item));
        let Some(waiting) = self.waiting.get(item) else { return };
        let Some(queue) = self.queues.get(&waiting.item.queue) else { return };
        let says = &queue.settings.announce;
        let rings = waiting.offer.is_some();
        let again = now.instant + Duration::from_secs(says.every.max(1).into());
        self.waiting.change(item, |waiting| waiting.announce_at = Some(again));
        if !rings && (says.position || says.wait) {
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
