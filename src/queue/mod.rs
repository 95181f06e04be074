//! Waiting items of every channel, and which agent is offered which of them.
//!
//! Owns the waiting items, the live offers, what each agent has in hand and what more fits, and the estimate of the
//! wait. Deliberately does not own an agent's presence: it is told who takes work, and who is free for the phone. An
//! agent whose phone is offered an item is not free for it until [`Queues::handle_agent_ready`] says so again; of what
//! is not on the phone, as many are offered as fit ([`Capacity`]). It plays no music, rings no phone, dials nobody.
//!
//! Order: effective priority is the queue's plus the item's plus ageing, held to 0..=[`CEILING`]. Every item
//! that ages reaches the ceiling, where only arrival counts, so nothing starves: after `(CEILING - priority) / ageing`
//! minutes no later arrival passes it. An item that no agent can take does not hold up those behind it. The place is
//! the item's own: it keeps it when it comes back, when it moves to another channel, and over a restart.
//!
//! Waits are measured with the steady clock. The wall clock counts once, when an item comes that arrived before:
//! from another queue; its place counts from then, `max_wait` from here; and when an agent becomes ready, for how long they were idle by then.
//! Setting the clock later changes nobody's place. Time with an agent counts
//! for the place of an item that comes back, which keeps its arrival, but not towards the longest wait. Opening hours
//! are wall-clock time: only service-level clocks and calls back look at them.

mod callback;
mod capacity;
mod channel;
mod choice;
mod clock;
mod estimate;
mod explain;
mod settings;
mod staff;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use capacity::{Capacity, Full, Said};
pub use channel::Channel;
pub use clock::Clock;
pub use estimate::HitRate;
pub use explain::{CHOICES_KEPT, Choice, Held, MOST_TOLD, Rule, Standing, StillWaiting};
pub use settings::{
    Announce, Callback, Member, OverflowTargets, Prefers, Relax, Settings, Strategy, Target,
};
pub use words::{Declined, Item, Output, Refused, Stale, Why};

use crate::hours::Calendar;
use crate::id::{AgentId, ItemId, OfferId, QueueId, SkillId};
use crate::queue::estimate::{Estimate, Told};
use crate::queue::staff::{Desk, Hand};
use crate::random::Random;
use crate::time::{Now, earliest};

/// The highest effective priority; 100 so that priorities read as percentages.
pub const CEILING: i32 = 100;
/// How long an agent who refused or missed an item without a pause is not asked about it again; long enough to ask others.
pub const REFUSAL_HOLD: Duration = Duration::from_secs(30);
/// The longest wait that is believed of an item that arrived before; beyond the longest `max_wait` that can be set, the
/// wall clock was set in between, as on a box without a battery for it, and the item counts as new.
pub const LONGEST_BELIEVED: Duration = Duration::from_secs(86_400);
/// The same of what nobody holds a line for: a letter, a promised call. Longer than the longest holidays.
pub const LONGEST_BELIEVED_LATER: Duration = Duration::from_secs(60 * 86_400);
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
    /// Items sent elsewhere, at the door or later.
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
    /// The longest time since one of them arrived.
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
    /// Who has it.
    by: Option<AgentId>,
    /// The last step of its queue that it has waited for: skills relax, a preference ends.
    reached: Duration,
    /// When the next such step is due.
    step_at: Option<Instant>,
    /// Not offered before: a call back that failed.
    not_before: Option<Instant>,
    /// Calls back that failed.
    attempts: u8,
    /// The wait that was told to it when it came.
    told: Option<Told>,
    clock: Clock,
}

impl Waiting {
    fn waited(&self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.entered))
    }

    /// What its service-level clock shows. Where every hour counts, it is the wait, whatever the wall clock does.
    fn clock(&self, now: Now, calendar: Option<&Calendar>) -> Duration {
        if calendar.is_none() && !self.clock.has_paused() {
            return self.waited(now.instant);
        }
        self.clock.read(now.unix, calendar)
    }

    /// Waits again: what was due while an agent had it is due as much later.
    fn come_back(&mut self, now: Instant) {
        self.refused.retain(|_, until| *until > now);
        let away = self.taken_at.take().map(|at| now.saturating_duration_since(at));
        for at in [&mut self.announce_at, &mut self.overflow_at] {
            *at = at.zip(away).map(|(at, away)| at + away);
        }
    }

    /// Takes the steps of its queue that it has waited for.
    fn step(&mut self, now: Instant, steps: &[Duration]) {
        let waited = self.waited(now);
        self.reached = steps.iter().rfind(|step| **step <= waited).copied().unwrap_or_default();
        let next = steps.iter().find(|step| **step > waited);
        self.step_at = next.map(|next| now + next.saturating_sub(waited));
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
    /// Members in the order in which they are asked.
    asked: Vec<AgentId>,
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
        Queue { settings, asked, steps, calendar: None, last: None, estimate, counters }
    }
}

/// All queues of the branch.
#[derive(Debug)]
pub struct Queues {
    queues: BTreeMap<QueueId, Queue>,
    waiting: BTreeMap<ItemId, Waiting>,
    taken: BTreeMap<ItemId, Waiting>,
    staff: BTreeMap<AgentId, Desk>,
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
            waiting: BTreeMap::new(),
            taken: BTreeMap::new(),
            staff: BTreeMap::new(),
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
        if self.waiting.contains_key(&item.id) || self.taken.contains_key(&item.id) {
            return Err(Refused::Known);
        }
        let on_line = |w: &&Waiting| w.item.queue == item.queue && w.item.channel.is_live();
        let length = self.waiting.values().filter(on_line).count();
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
        let Some(queue) = self.queues.get(&item.queue) else { return };
        let before = now.unix.since(item.arrived);
        let live = item.channel.is_live();
        let believed = if live { LONGEST_BELIEVED } else { LONGEST_BELIEVED_LATER };
        let before = if before > believed { Duration::ZERO } else { before };
        let mut waiting = Waiting {
            number: self.next,
            entered: now.instant,
            before,
            offer: None,
            refused: BTreeMap::new(),
            announce_at: None,
            overflow_at: None,
            taken_at: None,
            by: None,
            reached: Duration::ZERO,
            step_at: None,
            not_before: None,
            attempts: 0,
            told: None,
            clock: Clock::started(now.unix - before),
            item,
        };
        waiting.step(now.instant, &queue.steps);
        queue.settings.set_times(now.instant, &mut waiting);
        self.next += 1;
        self.waiting.insert(waiting.item.id, waiting);
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

    /// A waiting item goes on in another channel, at its old place. What rings for it stops. Answers whether it waits.
    pub fn handle_move_channel(&mut self, now: Now, item: ItemId, to: Channel) -> bool {
        let Some(waiting) = self.leave(item) else { return false };
        let from = waiting.item.channel;
        let mut moved = Waiting { offer: None, told: None, ..waiting };
        moved.item.channel = to;
        if let Some(queue) = self.queues.get(&moved.item.queue) {
            queue.settings.set_times(now.instant, &mut moved);
        }
        self.waiting.insert(item, moved);
        self.outputs.push_back(Output::Moved { item, from, to });
        self.offer_all(now);
        true
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
        let mut waiting = self.waiting.remove(&ended.item).ok_or(Stale)?;
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
        let waited = waiting.waited(now.instant);
        let Some(queue) = self.queues.get_mut(&waiting.item.queue) else { return };
        let clock = waiting.clock(now, queue.calendar.as_ref());
        let in_target = clock <= Duration::from_secs(queue.settings.service_level.into());
        queue.counters.connected += 1;
        queue.counters.in_target += u64::from(in_target);
        if let Some(told) = waiting.told.take() {
            queue.estimate.learn_wait(&told, waited);
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
            self.waiting.insert(item, waiting);
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
            waiting.step(now.instant, &queue.steps);
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
        if let Some(queue) = self.queues.get_mut(&taken.item.queue) {
            queue.estimate.learn_handling(handled);
        }
    }

    /// The person is waited for: the service-level clock stands, and a waiting item is not offered.
    pub fn handle_pause(&mut self, now: Now, item: ItemId) {
        let calendars = &self.queues;
        let waiting = self.waiting.get_mut(&item).or_else(|| self.taken.get_mut(&item));
        if let Some(waiting) = waiting {
            let calendar = calendars.get(&waiting.item.queue).and_then(|q| q.calendar.as_ref());
            waiting.clock.pause(now.unix, calendar);
        }
        if self.waiting.contains_key(&item) {
            self.stop_ringing(item);
            self.offer_all(now);
        }
    }

    /// The person is back.
    pub fn handle_resume(&mut self, now: Now, item: ItemId) {
        let waiting = self.waiting.get_mut(&item).or_else(|| self.taken.get_mut(&item));
        if let Some(waiting) = waiting {
            waiting.clock.resume(now.unix);
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
            waiting.not_before = waiting.not_before.filter(|at| *at > now.instant);
            if past(waiting.step_at)
                && let Some(queue) = self.queues.get(&waiting.item.queue)
            {
                waiting.step(now.instant, &queue.steps);
            }
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
            let held = earliest(w.refused.values().min().copied(), w.not_before);
            let steps = earliest(w.step_at, held);
            earliest(first, earliest(steps, earliest(w.announce_at, w.overflow_at)))
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

    /// An item that waits.
    pub fn item(&self, item: ItemId) -> Option<&Item> {
        self.waiting.get(&item).map(|waiting| &waiting.item)
    }

    /// Who works in a queue, in the order in which they are asked.
    pub fn members(&self, queue: &QueueId) -> &[AgentId] {
        self.queues.get(queue).map(|queue| queue.asked.as_slice()).unwrap_or_default()
    }

    /// Attempts to call somebody back that have failed.
    pub fn attempts(&self, item: ItemId) -> u8 {
        let found = self.waiting.get(&item).or_else(|| self.taken.get(&item));
        found.map_or(0, |waiting| waiting.attempts)
    }

    /// How an item reaches an agent, while it waits or an agent has it.
    pub fn channel(&self, item: ItemId) -> Option<Channel> {
        let found = self.waiting.get(&item).or_else(|| self.taken.get(&item));
        found.map(|waiting| waiting.item.channel)
    }

    /// How long ago an item arrived.
    pub fn waited(&self, now: Now, item: ItemId) -> Option<Duration> {
        let found = self.waiting.get(&item).or_else(|| self.taken.get(&item));
        found.map(|waiting| waiting.waited(now.instant))
    }

    /// How long an item has waited in opening hours, less pauses: what its service level is measured by.
    pub fn clock(&self, now: Now, item: ItemId) -> Option<Duration> {
        let found = self.waiting.get(&item).or_else(|| self.taken.get(&item))?;
        let calendar = self.queues.get(&found.item.queue)?.calendar.as_ref();
        Some(found.clock(now, calendar))
    }

    /// Every queue at a glance, by name.
    pub fn snapshot(&self, now: Now) -> Vec<Snapshot> {
        self.queues.iter().map(|(name, queue)| self.glance(now, name, queue)).collect()
    }

    fn glance(&self, now: Now, name: &QueueId, queue: &Queue) -> Snapshot {
        let here = || self.waiting.values().filter(|w| w.item.queue == *name);
        let members: BTreeSet<_> = queue.settings.members.iter().map(|m| &m.agent).collect();
        let target = Duration::from_secs(queue.settings.service_level.into());
        let late = |w: &&Waiting| w.clock(now, queue.calendar.as_ref()) > target;
        let free = |agent: &AgentId| self.staff.get(agent).is_some_and(|d| d.phone.is_some());
        let mut channels: BTreeMap<Channel, usize> = BTreeMap::new();
        here().for_each(|w| *channels.entry(w.item.channel).or_default() += 1);
        Snapshot {
            queue: name.clone(),
            waiting: here().count(),
            offered: here().filter(|w| w.offer.is_some()).count(),
            longest: here().map(|w| w.waited(now.instant)).max().unwrap_or_default(),
            present: members.iter().filter(|a| self.is_signed_in(a)).count(),
            ready: members.iter().filter(|a| free(a)).count(),
            counters: queue.counters,
            late: here().filter(late).count(),
            wait: self.next_wait(queue, here().count()),
            hit_rate: queue.estimate.hit_rate(),
            channels,
        }
    }

    fn is_staffed(&self, queue: &QueueId) -> bool {
        let members = self.queues.get(queue).map(|q| q.settings.members.as_slice());
        members.unwrap_or_default().iter().any(|m| self.is_signed_in(&m.agent))
    }

    fn overflow_unstaffed(&mut self) {
        let unstaffed: BTreeSet<_> =
            self.queues.keys().filter(|queue| !self.is_staffed(queue)).collect();
        let unstaffed: Vec<(ItemId, Target)> = self
            .waiting
            .values()
            .filter(|w| w.item.channel.is_live() && unstaffed.contains(&w.item.queue))
            .filter_map(|w| {
                let queue = self.queues.get(&w.item.queue)?;
                Some((w.item.id, queue.settings.overflow.on_no_agent.clone()?))
            })
            .collect();
        for (item, target) in unstaffed {
            self.overflow(item, Why::NoAgent, target);
        }
    }

    fn miss(&mut self, now: Now, offer: OfferId, agent: AgentId, why: Declined) {
        let Some(item) = self.drop_from_offer(offer, &agent) else { return };
        let Some(waiting) = self.waiting.get_mut(&item) else { return };
        let queue = self.queues.get(&waiting.item.queue);
        let pauses = why != Declined::Refused && queue.is_some_and(|q| q.settings.miss_pauses);
        // Without a pause the item would ring at the same dead phone again and again.
        if !pauses {
            waiting.refused.insert(agent.clone(), now.instant + REFUSAL_HOLD);
        } else if let Some(desk) = self.staff.get_mut(&agent) {
            (desk.on_duty, desk.phone) = (false, None);
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
            self.waiting.get_mut(&item)?.offer = None;
        }
        Some(item)
    }

    /// Takes the item out and stops what rings for it.
    fn leave(&mut self, item: ItemId) -> Option<Waiting> {
        self.stop_ringing(item);
        self.waiting.remove(&item)
    }

    fn stop_ringing(&mut self, item: ItemId) {
        let offer = self.waiting.get_mut(&item).and_then(|waiting| waiting.offer.take());
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
