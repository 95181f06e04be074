//! A past day of the queues, made from what the journal says of work and agents: to be gone through again under other rules.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::Presence;
use crate::id::{AgentId, CallId, ItemId};
use crate::journal::event::Event;
use crate::journal::personal::Personal;
use crate::journal::replay::Entry;
use crate::journal::work::{Step, Work, number_name, person_name};
use crate::queue::Item;
use crate::queue::affinity::{Last, LastAgents};
use crate::queue::rehearsal::{Day, Duty, End, Piece};
use crate::time::UnixTime;

/// Follows work and agents through the journal. Entries go in in their order.
#[derive(Debug, Default)]
pub struct Days {
    day: Day,
    /// Where each item is among the pieces.
    places: BTreeMap<ItemId, usize>,
    /// The call that each item is.
    calls: BTreeMap<ItemId, CallId>,
    /// When each item began to ring at whose.
    rings: BTreeMap<(ItemId, AgentId), UnixTime>,
    /// All rings that were answered: how long, and how many.
    answered: BTreeMap<AgentId, (Duration, u32)>,
    /// How agents were before the day.
    before: BTreeMap<AgentId, Duty>,
}

impl Days {
    /// The span that matters.
    pub fn new(from: UnixTime, to: UnixTime) -> Days {
        Days { day: Day { from, to, ..Day::default() }, ..Days::default() }
    }

    /// Takes up one entry.
    pub fn handle(&mut self, entry: &Entry) {
        match &entry.event {
            Some(Event::Checkpoint { live, .. }) => {
                if entry.at < self.day.from {
                    self.day.last_agents = LastAgents::default();
                    for (name, Last { agent, at, .. }) in live.last_agents.iter() {
                        let last = Last { agent: agent.clone(), at: *at, proof: None };
                        self.day.last_agents.remember(name.to_owned(), last);
                    }
                }
                for (agent, standing) in &live.agents {
                    self.agent(entry.at, agent, &standing.presence);
                }
            }
            Some(Event::Agent { agent, presence, .. }) => self.agent(entry.at, agent, presence),
            Some(Event::Work(work)) => self.work(work),
            Some(Event::CallRecord(record)) => {
                let items = self.calls.iter().filter(|(_, call)| **call == record.call);
                let items: Vec<_> = items.map(|(item, _)| *item).collect();
                if let Some(Personal::Sealed(subject, _)) = &record.party {
                    items.into_iter().for_each(|item| self.is_of(item, number_name(subject)));
                }
            }
            _ => {}
        }
    }

    /// The day, and the call that each item was.
    pub fn finish(mut self) -> (Day, BTreeMap<ItemId, CallId>) {
        let (from, to) = (self.day.from, self.day.to);
        let first = self.before.into_iter().map(|(agent, duty)| (from, agent, duty));
        self.day.shifts.splice(0..0, first);
        let mean = |(agent, (sum, of)): (AgentId, (Duration, u32))| (agent, sum / of.max(1));
        self.day.rings = self.answered.into_iter().map(mean).collect();
        for piece in self.day.pieces.iter_mut().filter(|piece| piece.was.0 == End::Waiting) {
            piece.was.1 = to.since(piece.item.arrived);
        }
        (self.day, self.calls)
    }

    fn agent(&mut self, at: UnixTime, agent: &AgentId, presence: &Presence) {
        let duty = match presence {
            Presence::SignedOut => Duty::Out,
            Presence::Paused(_) => Duty::Paused,
            _ => Duty::On,
        };
        if at < self.day.from {
            self.before.insert(agent.clone(), duty);
        } else if at < self.day.to {
            self.day.shifts.push((at, agent.clone(), duty));
        }
    }

    /// By what whoever an item was of is known.
    fn is_of(&mut self, item: ItemId, name: String) {
        let piece = self.places.get(&item).and_then(|at| self.day.pieces.get_mut(*at));
        let piece = piece.filter(|piece| !piece.people.contains(&name));
        piece.into_iter().for_each(|piece| piece.people.push(name.clone()));
    }

    /// Somebody had a person, before the day.
    fn had(&mut self, work: &Work) {
        let Step::Closed { agent, known, .. } = &work.what else { return };
        let number = known.as_ref().and_then(|known| match &known.number {
            Some(Personal::Sealed(subject, _)) => Some(number_name(subject)),
            _ => None,
        });
        for name in work.contact.map(person_name).into_iter().chain(number) {
            let last = Last { agent: agent.clone(), at: work.at, proof: None };
            self.day.last_agents.remember(name, last);
        }
    }

    fn work(&mut self, work: &Work) {
        if work.at < self.day.from {
            self.had(work);
        }
        if let Step::Queued { arrived, priority, skills, errand } = &work.what {
            if work.at < self.day.from || work.at >= self.day.to {
                return;
            }
            let item = Item {
                id: work.item,
                queue: work.queue.clone(),
                arrived: *arrived,
                priority: *priority,
                skills: skills.clone(),
                preferred: None,
                channel: work.channel,
                last_agent: None,
            };
            let was = (End::Waiting, Duration::ZERO);
            self.places.insert(work.item, self.day.pieces.len());
            self.calls.extend(work.call.map(|call| (work.item, call)));
            let (at, promised, handled) = (work.at, None, None);
            let (people, due) = (Vec::new(), errand.as_ref().and_then(|errand| errand.due));
            self.day.pieces.push(Piece { item, at, was, promised, handled, people, due });
        }
        if let Some(contact) = work.contact {
            self.is_of(work.item, person_name(contact));
        }
        let Some(piece) = self.places.get(&work.item).and_then(|at| self.day.pieces.get_mut(*at))
        else {
            return;
        };
        let waited = work.at.since(piece.item.arrived);
        let millis = Duration::from_millis;
        match &work.what {
            Step::Offered { agent, .. } => {
                self.rings.insert((work.item, agent.clone()), work.at);
            }
            Step::Taken { agent, waited_ms, .. } => {
                piece.was = (End::Answered(agent.clone()), millis(*waited_ms));
                if let Some(began) = self.rings.remove(&(work.item, agent.clone())) {
                    let sum = self.answered.entry(agent.clone()).or_default();
                    *sum = (sum.0 + work.at.since(began), sum.1 + 1);
                }
            }
            Step::Returned | Step::AttemptFailed { again: Some(_), .. } => {
                piece.was = (End::Waiting, Duration::ZERO);
            }
            Step::Abandoned { waited_ms, .. } => {
                piece.was = (End::Abandoned, millis(*waited_ms));
            }
            Step::TakenOut | Step::AttemptFailed { again: None, .. } => {
                piece.was = (End::TakenOut, waited);
            }
            Step::FlowedOut { .. } => piece.was = (End::FlowedOut, waited),
            Step::Promised(_) => piece.promised = Some(waited),
            Step::Closed { talk_ms, hold_ms, .. } => {
                piece.handled = Some(millis(talk_ms.saturating_add(*hold_ms)));
            }
            Step::WrappedUp { wrap_ms, .. } => {
                piece.handled = piece.handled.map(|handled| handled + millis(*wrap_ms));
            }
            _ => {}
        }
    }
}
