//! What a caller may expect: position x mean handle time / eligible agents, as a range that follows what became of the
//! last estimates, with how often they were right.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::id::{AgentId, ItemId};
use crate::queue::{Channel, Member, Queue, Queues, Waiting};
use crate::time::Now;

/// The part of the old mean that one new handle time replaces, as 1/n: about a busy hour's memory.
const MEAN_WEIGHT: u32 = 10;
/// Estimates whose outcome is remembered: a busy hour's. More of them lag behind the day.
const OUTCOMES: usize = 40;
/// Outcomes before the range follows them: with fewer its ends are single callers.
const ENOUGH: usize = 10;

/// How good the last estimates were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HitRate {
    /// Estimates whose outcome is known, of the last 40.
    pub of: usize,
    /// Of those, how many waits were within the range that was told.
    pub hits: usize,
}

impl HitRate {
    /// In percent; nothing while no outcome is known.
    pub fn percent(self) -> Option<u8> {
        let percent = (self.hits * 100).checked_div(self.of)?;
        u8::try_from(percent).ok()
    }
}

/// What was told to somebody who came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    at: Instant,
    point: Duration,
    range: RangeInclusive<Duration>,
}

/// What one queue has learned.
#[derive(Debug)]
pub(super) struct Estimate {
    handle: Duration,
    /// Actual wait in thousandths of the point that was told, and whether the range held it.
    outcomes: VecDeque<(u32, bool)>,
}

impl Estimate {
    pub fn new(handle: Duration) -> Estimate {
        Estimate { handle, outcomes: VecDeque::new() }
    }

    pub fn learn_handling(&mut self, handled: Duration) {
        let old = self.handle.saturating_mul(MEAN_WEIGHT - 1);
        self.handle = old.saturating_add(handled) / MEAN_WEIGHT;
    }

    /// What was told to somebody has shown: the wait from then on, whatever they had waited before in another queue.
    pub fn learn_wait(&mut self, told: &Told, now: Instant) {
        let waited = now.saturating_duration_since(told.at);
        let Some(ratio) = (waited.as_millis() * 1000).checked_div(told.point.as_millis()) else {
            return;
        };
        if self.outcomes.len() >= OUTCOMES {
            self.outcomes.pop_front();
        }
        let ratio = u32::try_from(ratio).unwrap_or(u32::MAX);
        self.outcomes.push_back((ratio, told.range.contains(&waited)));
    }

    pub fn hit_rate(&self) -> HitRate {
        let hits = self.outcomes.iter().filter(|(_, hit)| *hit).count();
        HitRate { of: self.outcomes.len(), hits }
    }

    /// From 3/5 to 3/2 of the point until enough is known; then what 8 of 10 of the last waits were of theirs.
    fn range(&self, point: Duration) -> RangeInclusive<Duration> {
        let count = self.outcomes.len();
        if count < ENOUGH {
            return point.saturating_mul(3) / 5..=point.saturating_mul(3) / 2;
        }
        let mut ratios: Vec<_> = self.outcomes.iter().map(|(ratio, _)| *ratio).collect();
        ratios.sort_unstable();
        let at = |place: usize| ratios.get(place.min(count - 1)).copied().unwrap_or(1000);
        let of = |ratio: u32| point.saturating_mul(ratio) / 1000;
        of(at(count / 10))..=of(at(count - 1 - count / 10))
    }

    fn point(&self, position: usize, agents: usize) -> Option<Duration> {
        let (position, agents) = (u32::try_from(position).ok()?, u32::try_from(agents).ok()?);
        self.handle.saturating_mul(position).checked_div(agents)
    }
}

impl Queues {
    /// The expected wait as a range. None where nobody who is signed in could take it.
    pub fn estimate(&self, now: Now, item: ItemId) -> Option<RangeInclusive<Duration>> {
        self.told(now, item).map(|told| told.range)
    }

    fn told(&self, now: Now, item: ItemId) -> Option<Told> {
        let waiting = self.waiting.get(item)?;
        let queue = self.queues.get(&waiting.item.queue)?;
        let able = |m: &&Member| self.is_skilled(queue, waiting, &m.agent);
        let agents = queue.settings.members.iter().filter(able);
        let places = agents.map(|m| self.places(&m.agent, waiting)).sum();
        let point = queue.estimate.point(self.place(now, item)?, places)?;
        Some(Told { at: now.instant, point, range: queue.estimate.range(point) })
    }

    /// Contacts of its channel that one agent can have at once.
    fn places(&self, agent: &AgentId, waiting: &Waiting) -> usize {
        self.capacity_of(agent).most(waiting.item.channel).into()
    }

    /// Remembers what somebody who begins to wait may expect, to learn from what comes of it.
    pub(super) fn tell_wait(&mut self, now: Now, item: ItemId) {
        let waits = |waiting: &&Waiting| waiting.offer.is_none() && waiting.item.channel.is_live();
        if self.waiting.get(item).filter(waits).is_none() {
            return;
        }
        let told = self.told(now, item);
        self.waiting.tell(item, told);
    }

    /// What the next caller may expect with so many in front.
    pub(super) fn next_wait(
        &self,
        queue: &Queue,
        ahead: usize,
    ) -> Option<RangeInclusive<Duration>> {
        let skilled = |agent: &&AgentId| {
            let desk = self.staff.get(*agent).filter(|desk| desk.signed_in);
            let needs = &queue.settings.skills;
            desk.is_some_and(|desk| {
                needs.iter().all(|(skill, level)| desk.skills.get(skill) >= Some(level))
            })
        };
        let agents = queue.asked.iter().filter(skilled);
        let places = agents.map(|a| usize::from(self.capacity_of(a).most(Channel::Voice))).sum();
        let point = queue.estimate.point(ahead + 1, places)?;
        Some(queue.estimate.range(point))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_what_eight_of_ten_waits_were_of_their_estimates() {
        let (at, point) = (Instant::now(), Duration::from_secs(100));
        let mut estimate = Estimate::new(point);
        let seconds = |n: u64| Duration::from_secs(n);
        for waited in 1..=40 {
            if waited == ENOUGH as u64 {
                assert_eq!(
                    estimate.range(point),
                    seconds(60)..=seconds(150),
                    "not enough is known"
                );
            }
            let told = Told { at, point, range: estimate.range(point) };
            estimate.learn_wait(&told, at + seconds(waited * 10));
        }
        assert_eq!(estimate.range(point), seconds(50)..=seconds(360));
        assert_eq!(estimate.range(point / 2), seconds(25)..=seconds(180));
    }

    #[test]
    fn the_rate_is_of_the_last_estimates_alone() {
        let (at, point) = (Instant::now(), Duration::from_secs(100));
        let mut estimate = Estimate::new(point);
        let mut wait = |seconds: u64| {
            let told = Told { at, point, range: point..=point * 2 };
            estimate.learn_wait(&told, at + Duration::from_secs(seconds));
            estimate.hit_rate()
        };
        (0..OUTCOMES).for_each(|_| _ = wait(50));
        assert_eq!(wait(50), HitRate { of: OUTCOMES, hits: 0 }, "too long was told");
        for hits in 1..=OUTCOMES {
            assert_eq!(wait(150), HitRate { of: OUTCOMES, hits }, "those before count no more");
        }
        assert_eq!(wait(250).percent(), Some(97), "too short was told");
        assert_eq!(HitRate::default().percent(), None);
    }
}
