//! Why this agent, and why still waiting: in words that a page or a program can show.
//!
//! Bounded: of many members the first [`MOST_TOLD`] are told and the rest counted; of all choices the last
//! [`CHOICES_KEPT`] are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::capacity::Full;
use crate::queue::row::Row;
use crate::queue::staff::Unfit;
use crate::queue::waiting::Waiting;
use crate::queue::waits::Stands;
use crate::queue::{Channel, Queue, Queues};
use crate::time::{Now, UnixTime};

/// Members told of one by one: more than a branch has, and what a screen can hold.
pub const MOST_TOLD: usize = 200;
/// Choices that are kept here: those whose rings are live, and a screen of the last. The journal keeps every rule.
pub const CHOICES_KEPT: usize = 64;
/// Agents named of those who could have had it as well.
const RUNNERS_UP: usize = 8;

/// Why a member has or has not an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// Not signed in.
    Absent,
    /// Lacks a skill.
    Unskilled,
    /// Refused or missed it a moment ago.
    RefusedIt,
    /// It rings there.
    Ringing,
    /// Signed in, but takes no work now, or has the phone in hand.
    NotReady,
    /// Has as much in hand as fits.
    Full(Full),
    /// Could have it now.
    Able,
}

/// Why an item that somebody could take rings nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "held", rename_all = "kebab-case")]
pub enum Held {
    /// A call back is not tried again before.
    Until {
        /// Then.
        at: UnixTime,
    },
    /// The person is waited for: it does not count as waiting meanwhile.
    Paused,
    /// Whoever had the person last is asked alone for so many milliseconds yet.
    LastAgent {
        /// Who.
        agent: AgentId,
        /// Milliseconds.
        for_ms: u64,
    },
    /// Only who has the skills that are preferred is asked for so many milliseconds yet.
    Preferred {
        /// Milliseconds.
        for_ms: u64,
    },
}

/// Why an item still waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillWaiting {
    /// Which.
    pub item: ItemId,
    /// Where.
    pub queue: QueueId,
    /// How.
    pub channel: Channel,
    /// Its place, 1 being next.
    pub position: usize,
    /// Milliseconds since it came.
    pub waited_ms: u64,
    /// Effective priority in thousandths of a point.
    pub points: u64,
    /// What holds it, whoever is free.
    pub held: Option<Held>,
    /// How members stand to it, at most [`MOST_TOLD`].
    pub agents: Vec<(AgentId, Standing)>,
    /// Members that are not told of.
    pub left_off: usize,
}

/// By which rule an agent was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// The item asked for this agent.
    Asked,
    /// The agent took it out of the queue without being asked.
    Picked,
    /// Had the person last.
    LastAgent,
    /// Everybody who is able rings.
    RingAll,
    /// Without a contact for longest.
    LongestIdle {
        /// Milliseconds.
        idle_ms: u64,
    },
    /// Has least in hand, and of those was given something longest ago.
    LeastInHand {
        /// What is in hand weighs.
        load: u16,
    },
    /// Next in the row after who was offered last.
    RoundRobin,
    /// First in the list.
    FixedOrder,
}

/// Why an agent was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// When.
    pub at: UnixTime,
    /// The offer.
    pub offer: OfferId,
    /// What was offered.
    pub item: ItemId,
    /// From where.
    pub queue: QueueId,
    /// How.
    pub channel: Channel,
    /// To whom.
    pub agents: Vec<AgentId>,
    /// By which rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Milliseconds it had waited.
    pub waited_ms: u64,
    /// Its effective priority in thousandths of a point.
    pub points: u64,
    /// Members who could have had it.
    pub able: usize,
    /// Some of those who were not asked.
    pub runners_up: Vec<AgentId>,
}

impl Queues {
    /// How each member of the item's queue stands to it; empty when it does not wait.
    pub fn explain(&self, item: ItemId) -> Vec<(AgentId, Standing)> {
        let Some((waiting, queue)) = self.waiting_in(item) else { return Vec::new() };
        let members = queue.settings.members.iter();
        members.map(|m| (m.agent.clone(), self.standing(queue, waiting, &m.agent))).collect()
    }

    /// Why an item still waits; nothing when it does not.
    pub fn why_waiting(&self, now: Now, item: ItemId) -> Option<StillWaiting> {
        let (waiting, queue) = self.waiting_in(item)?;
        let members = &queue.settings.members;
        let standing = |agent: &AgentId| (agent.clone(), self.standing(queue, waiting, agent));
        Some(StillWaiting {
            item,
            queue: waiting.item.queue.clone(),
            channel: waiting.item.channel,
            position: self.position(now, item)?,
            waited_ms: millis(waiting.waited(now.instant)),
            points: self.points(now, waiting),
            held: self.held(now, queue, waiting),
            agents: members.iter().take(MOST_TOLD).map(|m| standing(&m.agent)).collect(),
            left_off: members.len().saturating_sub(MOST_TOLD),
        })
    }

    /// The first of a queue by place, at most so many.
    pub fn in_order(&self, now: Now, queue: &QueueId, most: usize) -> Vec<ItemId> {
        let (Some(line), Some(of)) = (self.waiting.line(queue), self.queues.get(queue)) else {
            return Vec::new();
        };
        let first = |(base, row): (&u8, &Row<Stands>)| {
            let rank = |(came, item): &Stands| (self.rank_of(now, of, *base, *came), *item);
            row.iter().take(most).map(rank).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = line.rows.iter().flat_map(first).collect();
        all.sort_unstable();
        all.into_iter().take(most).map(|(_, item)| item).collect()
    }

    /// Why an agent was chosen, of the last [`CHOICES_KEPT`] offers.
    pub fn why_chosen(&self, offer: OfferId) -> Option<&Choice> {
        self.choices.iter().rev().find(|choice| choice.offer == offer)
    }

    /// The last choices, the oldest first.
    pub fn choices(&self) -> impl DoubleEndedIterator<Item = &Choice> {
        self.choices.iter()
    }

    pub(super) fn note_choice(
        &mut self,
        now: Now,
        (item, offer): (ItemId, OfferId),
        (agents, rule, able): (Vec<AgentId>, Rule, &[AgentId]),
    ) {
        let Some((waiting, _)) = self.waiting_in(item) else { return };
        let others = able.iter().filter(|agent| !agents.contains(agent));
        let choice = Choice {
            at: now.unix,
            offer,
            item,
            queue: waiting.item.queue.clone(),
            channel: waiting.item.channel,
            rule,
            waited_ms: millis(waiting.waited(now.instant)),
            points: self.points(now, waiting),
            able: able.len(),
            runners_up: others.take(RUNNERS_UP).cloned().collect(),
            agents,
        };
        if self.choices.len() >= CHOICES_KEPT {
            self.choices.pop_front();
        }
        self.choices.push_back(choice);
    }

    pub(super) fn standing(&self, queue: &Queue, waiting: &Waiting, agent: &AgentId) -> Standing {
        let offer = waiting.offer.and_then(|id| self.offers.get(&id));
        if !self.is_signed_in(agent) {
            Standing::Absent
        } else if !self.is_skilled(queue, waiting, agent) {
            Standing::Unskilled
        } else if waiting.refused.contains_key(agent) {
            Standing::RefusedIt
        } else if offer.is_some_and(|o| o.rings(agent)) {
            Standing::Ringing
        } else {
            match self.takes(agent, waiting.item.channel) {
                Ok(()) => Standing::Able,
                Err(Unfit::NotReady) => Standing::NotReady,
                Err(Unfit::Full(full)) => Standing::Full(full),
            }
        }
    }

    fn waiting_in(&self, item: ItemId) -> Option<(&Waiting, &Queue)> {
        let waiting = self.waiting.get(item)?;
        Some((waiting, self.queues.get(&waiting.item.queue)?))
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
