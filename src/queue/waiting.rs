//! One item that waits or is in somebody's hand: what is known of it beside what was said when it came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hours::Calendar;
use crate::id::{AgentId, OfferId};
use crate::queue::estimate::Told;
use crate::queue::waits::{Came, Class};
use crate::queue::{CEILING, Clock, Item, PRESSING, Queue};
use crate::time::{Now, earliest};

#[derive(Debug)]
pub(super) struct Waiting {
    pub item: Item,
    pub number: u64,
    pub entered: Instant,
    pub before: Duration,
    /// Its priority and its queue's, held to the scale.
    pub base: u8,
    pub offer: Option<OfferId>,
    pub refused: BTreeMap<AgentId, Instant>,
    pub announce_at: Option<Instant>,
    pub overflow_at: Option<Instant>,
    pub taken_at: Option<Instant>,
    /// Who has it.
    pub by: Option<AgentId>,
    /// The last step of its queue that it has waited for: skills relax, a preference ends.
    pub reached: Duration,
    /// When the next such step is due.
    pub step_at: Option<Instant>,
    /// Whether it still matters for whether it may go that somebody had the person before: it is for them alone, or for
    /// nobody else but who is preferred.
    pub for_last: bool,
    /// Not offered before: a call back that failed.
    pub not_before: Option<Instant>,
    /// Whether that is because its queue is closed: another one may be open.
    pub closed: bool,
    /// When it has to be done soon: from then on nothing goes before it but what came earlier and is as pressing.
    pub urgent_at: Option<Instant>,
    /// Calls back that failed.
    pub attempts: u8,
    /// The wait that was told to it when it came.
    pub told: Option<Told>,
    pub clock: Clock,
    /// Kept by [`Waits`](super::waits::Waits): where it stands.
    pub came: Came,
    /// Kept by [`Waits`](super::waits::Waits): of those whom the same agents can take.
    pub class: Option<Arc<Class>>,
    /// Kept by [`Waits`](super::waits::Waits): when something is due for it.
    pub due: Option<Instant>,
    /// The same of its next step alone.
    pub step_due: Option<Instant>,
}

impl Waiting {
    pub fn new(now: Now, item: Item, number: u64, before: Duration) -> Waiting {
        Waiting {
            number,
            entered: now.instant,
            before,
            base: 0,
            offer: None,
            refused: BTreeMap::new(),
            announce_at: None,
            overflow_at: None,
            taken_at: None,
            by: None,
            reached: Duration::ZERO,
            step_at: None,
            for_last: false,
            not_before: None,
            closed: false,
            urgent_at: None,
            attempts: 0,
            told: None,
            clock: Clock::started(now.unix - before),
            came: Came::default(),
            class: None,
            due: None,
            step_due: None,
            item,
        }
    }

    pub fn waited(&self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.entered))
    }

    /// What its service-level clock shows. Where every hour counts, it is the wait, whatever the wall clock does.
    pub fn clock(&self, now: Now, calendar: Option<&Calendar>) -> Duration {
        if calendar.is_none() && !self.clock.has_paused() {
            return self.waited(now.instant);
        }
        self.clock.read(now.unix, calendar)
    }

    /// Waits again: what was due while an agent had it is due as much later.
    pub fn come_back(&mut self, now: Instant) {
        self.refused.retain(|_, until| *until > now);
        let away = self.taken_at.take().map(|at| now.saturating_duration_since(at));
        for at in [&mut self.announce_at, &mut self.overflow_at] {
            *at = at.zip(away).map(|(at, away)| at + away);
        }
    }

    /// Takes up what its queue says of it.
    pub fn belong(&mut self, now: Instant, queue: &Queue) {
        let base = queue.settings.priority.saturating_add(self.item.priority).clamp(0, CEILING);
        // At most the ceiling, which fits.
        self.base = u8::try_from(base).unwrap_or(u8::MAX);
        self.step(now, queue);
    }

    /// Takes the steps of its queue that it has waited for.
    pub fn step(&mut self, now: Instant, queue: &Queue) {
        let (waited, steps) = (self.waited(now), &queue.steps);
        self.reached = steps.iter().rfind(|step| **step <= waited).copied().unwrap_or_default();
        let next = steps.iter().find(|step| **step > waited);
        let next = next.map(|next| now + next.saturating_sub(waited));
        self.step_at = earliest(next, self.urgent_at.filter(|at| *at > now));
        if self.urgent_at.is_some_and(|at| at <= now) {
            self.base = PRESSING;
        }
        let prefers = &queue.settings.prefers;
        let preferred_for = if prefers.skills.is_empty() { 0 } else { prefers.wait };
        let held_for = u64::from(queue.settings.last_agent_for.max(preferred_for));
        let held = self.reached < Duration::from_secs(held_for);
        self.for_last = held && self.item.last_agent.is_some();
    }

    /// Whether it may be offered, if there is somebody for it.
    pub fn is_open(&self) -> bool {
        self.offer.is_none() && self.not_before.is_none() && !self.clock.is_paused()
    }

    /// When something is due for it.
    pub fn next_due(&self) -> Option<Instant> {
        let held = earliest(self.refused.values().min().copied(), self.not_before);
        let steps = earliest(self.step_at, held);
        earliest(steps, earliest(self.announce_at, self.overflow_at))
    }
}
