//! The life of each item of work, as records tell it: what the queues, the roster and the calls say, put together by item.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call;
use crate::gateway::Gateway;
use crate::gateway::keeping::NO_EVENTS;
use crate::id::{AgentId, CallId, ContactId, ItemId, LegId, OfferId, QueueId};
use crate::journal::errands::Errand;
use crate::journal::event::Event;
use crate::journal::personal::Personal;
use crate::journal::work::{KnownBy, Promise, Reading, Step, Work};
use crate::queue::{Channel, Item};
use crate::time::{Now, UnixTime};

/// What is known of items that wait, are in hand, or have after-work.
#[derive(Debug, Default)]
pub(super) struct Timesheet {
    items: BTreeMap<ItemId, Line>,
    by_call: BTreeMap<CallId, ItemId>,
    /// Whose after-work is of which contact, and since when; of calls one at a time.
    wrapping: BTreeMap<(AgentId, ItemId), UnixTime>,
}

/// One item.
#[derive(Debug)]
struct Line {
    channel: Channel,
    queue: QueueId,
    call: Option<CallId>,
    contact: Option<ContactId>,
    /// The number of who calls or is called back, in full.
    number: Option<String>,
    taken: Option<UnixTime>,
    /// Who has put the other on hold, and since when somebody has.
    holding: (BTreeSet<LegId>, UnixTime),
    held: Duration,
    /// Who was asked to take it, and whether they have seen what is known of the person.
    asked: BTreeMap<AgentId, bool>,
}

impl Timesheet {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.by_call.is_empty() && self.wrapping.is_empty()
    }

    fn forget(&mut self, item: ItemId) {
        if let Some(call) = self.items.remove(&item).and_then(|line| line.call)
            && self.by_call.get(&call) == Some(&item)
        {
            self.by_call.remove(&call);
        }
    }

    fn hold(&mut self, event: &call::Event) {
        let item = self.by_call.get(&event.call);
        let Some(line) = item.and_then(|item| self.items.get_mut(item)) else { return };
        let (legs, since) = &mut line.holding;
        let before = !legs.is_empty();
        match &event.what {
            call::What::Held(leg) => _ = legs.insert(*leg),
            call::What::Resumed(leg) | call::What::LegEnded(leg, _) => _ = legs.remove(leg),
            _ => return,
        }
        match (before, legs.is_empty()) {
            (false, false) => *since = event.at,
            (true, true) => line.held += event.at.since(*since),
            _ => {}
        }
    }
}

impl Gateway {
    /// An item comes to wait.
    pub(super) fn note_queued(&mut self, now: Now, item: &Item, call: Option<CallId>) {
        self.know_work(now, item, call);
        self.note_arrival(now, item, None);
    }

    /// An item that is known comes to wait; what it is, where nobody holds a line for it.
    pub(super) fn note_arrival(&mut self, now: Now, item: &Item, errand: Option<Box<Errand>>) {
        let (arrived, priority, skills) = (item.arrived, item.priority, item.skills.clone());
        self.note_work(now, item.id, Step::Queued { arrived, priority, skills, errand });
    }

    /// An item that has come to wait before.
    pub(super) fn know_work(&mut self, now: Now, item: &Item, call: Option<CallId>) {
        // Once it is over, the call knows it no more.
        let number = call.and_then(|call| self.number_in(call));
        let line = Line {
            number,
            channel: item.channel,
            queue: item.queue.clone(),
            call,
            contact: None,
            taken: None,
            holding: (BTreeSet::new(), now.unix),
            held: Duration::ZERO,
            asked: BTreeMap::new(),
        };
        self.timesheet.items.insert(item.id, line);
        if let Some(call) = call {
            self.timesheet.by_call.insert(call, item.id);
        }
    }

    /// The queue of an item that is known.
    pub(super) fn queue_of_work(&self, item: ItemId) -> Option<&QueueId> {
        self.timesheet.items.get(&item).map(|line| &line.queue)
    }

    /// The item is talked about in another call now.
    pub(super) fn work_is_in(&mut self, item: ItemId, call: CallId) {
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            let before = line.call.replace(call);
            (line.held, line.holding) = (Duration::ZERO, (BTreeSet::new(), UnixTime::default()));
            before.map(|before| self.timesheet.by_call.remove(&before));
            self.timesheet.by_call.insert(call, item);
        }
    }

    /// The person is called back instead of holding the line.
    pub(super) fn promised(&mut self, now: Now, item: ItemId, promise: Promise) -> Option<Event> {
        self.timesheet.items.get_mut(&item)?.channel = Channel::Callback;
        Some(Event::Work(self.work_event(now, item, Step::Promised(promise))?))
    }

    /// Keeps a step in the life of an item that is known.
    pub(super) fn note_work(&mut self, now: Now, item: ItemId, what: Step) {
        let Some(work) = self.work_event(now, item, what) else { return };
        if work.is_kept() || self.keeping.room < NO_EVENTS {
            self.keep(now, Event::Work(work));
        }
    }

    fn work_event(&mut self, now: Now, item: ItemId, what: Step) -> Option<Work> {
        let call = self.timesheet.items.get(&item)?.call;
        let known = call.and_then(|call| self.known_caller(call)).map(|caller| caller.contact);
        let line = self.timesheet.items.get_mut(&item)?;
        line.contact = known.or(line.contact);
        let (channel, queue, contact) = (line.channel, line.queue.clone(), line.contact);
        Some(Work { item, channel, queue, at: now.unix, call, contact, what })
    }

    /// Whose an item is, where that is known.
    pub(super) fn contact_of(&self, item: ItemId) -> Option<ContactId> {
        self.timesheet.items.get(&item)?.contact
    }

    /// The number of who is called back.
    pub(super) fn work_calls(&mut self, item: ItemId, number: &str) {
        let number = self.settings.site.country.full(number).unwrap_or_else(|| number.to_owned());
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.number = Some(number);
        }
    }

    /// By what whoever an item is of is known when they come again, where a queue leads people back to the agent of the
    /// last time.
    fn known_by(&self, item: ItemId) -> Option<Box<KnownBy>> {
        let wanted = self.settings.queues.iter().any(|queue| queue.last_agent_hours > 0);
        // By the contact and by this: who calls may be known only after the next call has come into the queue.
        let number = self.timesheet.items.get(&item).and_then(|line| line.number.clone());
        wanted.then(|| Box::new(KnownBy { number: number.map(Personal::Clear) }))
    }

    /// An agent has had it from before a restart.
    pub(super) fn work_is_taken(&mut self, item: ItemId, since: UnixTime) {
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.taken = Some(since);
        }
    }

    /// It is known from before whose an item is.
    pub(super) fn work_is_of(&mut self, item: ItemId, contact: Option<ContactId>) {
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.contact = contact;
        }
    }

    pub(super) fn note_offered(&mut self, now: Now, item: ItemId, offer: OfferId, to: &[AgentId]) {
        for agent in to {
            if let Some(line) = self.timesheet.items.get_mut(&item) {
                line.asked.entry(agent.clone()).or_default();
            }
            let rule = self.queues.why_chosen(offer).map(|choice| choice.rule.clone());
            self.note_work(now, item, Step::Offered { agent: agent.clone(), offer, rule });
        }
    }

    /// An agent who was asked sees what is known of the person. Kept once of each.
    pub(super) fn note_read(&mut self, now: Now, item: ItemId, agent: &AgentId, how: Reading) {
        let line = self.timesheet.items.get_mut(&item);
        let read = line.and_then(|line| line.asked.get_mut(agent));
        if read.is_some_and(|read| !std::mem::replace(read, true)) {
            self.note_work(now, item, Step::Read { agent: agent.clone(), how });
        }
    }

    /// What an agent was asked to take of a person's, and is not over.
    pub(super) fn work_about(&self, agent: &AgentId, contact: ContactId) -> Vec<ItemId> {
        let caller = |line: &Line| Some(self.known_caller(line.call?)?.contact);
        let about = |line: &Line| caller(line).or(line.contact) == Some(contact);
        let items = self.timesheet.items.iter();
        let own = items.filter(|(_, line)| line.asked.contains_key(agent) && about(line));
        own.map(|(item, _)| *item).collect()
    }

    /// An agent has it. Both spans are of the queues, which have measured them.
    pub(super) fn note_taken(&mut self, now: Now, item: ItemId, agent: AgentId) {
        let clock_ms = self.queues.clock(now, item).map(millis).unwrap_or_default();
        let waited_ms = self.queues.waited(now, item).map(millis).unwrap_or_default();
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.taken = Some(now.unix);
        }
        self.note_work(now, item, Step::Taken { agent, waited_ms, clock_ms });
    }

    /// The person gives up; said before the queues are told, which then know of no wait any more.
    pub(super) fn note_abandoned(&mut self, now: Now, item: ItemId) {
        let Some(waited) = self.queues.waited(now, item) else { return };
        let clock_ms = self.queues.clock(now, item).map(millis).unwrap_or_default();
        self.note_work(now, item, Step::Abandoned { waited_ms: millis(waited), clock_ms });
    }

    /// It waits for another channel.
    pub(super) fn note_moved(&mut self, now: Now, item: ItemId, from: Channel, to: Channel) {
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.channel = to;
        }
        self.note_work(now, item, Step::Moved { from });
    }

    /// It waits in another queue.
    pub(super) fn note_rerouted(&mut self, now: Now, item: ItemId, from: QueueId, to: QueueId) {
        if let Some(line) = self.timesheet.items.get_mut(&item) {
            line.queue = to;
        }
        self.note_work(now, item, Step::Rerouted { from });
    }

    /// A contact is over; its after-work, if any, begins.
    pub(super) fn note_closed(&mut self, now: Now, item: ItemId, agent: &AgentId) {
        let known = self.known_by(item);
        let Some(line) = self.timesheet.items.get(&item) else { return };
        let held = if line.holding.0.is_empty() {
            line.held
        } else {
            line.held + now.unix.since(line.holding.1)
        };
        let all = now.unix.since(line.taken.unwrap_or(now.unix));
        let (talk_ms, hold_ms) = (millis(all.saturating_sub(held)), millis(held.min(all)));
        let agent_was = agent.clone();
        self.note_work(now, item, Step::Closed { agent: agent_was, talk_ms, hold_ms, known });
        for old in self.spoken_after_work(agent) {
            // Whoever speaks with the next one has no after-work left of the one before.
            if self.channel_of_work(item).is_some_and(Channel::is_spoken) {
                self.timesheet.wrapping.remove(&(agent.clone(), old));
                self.timesheet.forget(old);
            }
        }
        self.timesheet.wrapping.insert((agent.clone(), item), now.unix);
    }

    /// Calls of an agent that are over but for their after-work: one at most.
    fn spoken_after_work(&self, agent: &AgentId) -> Vec<ItemId> {
        let of = self.after_work_of(agent);
        of.filter(|item| self.channel_of_work(*item).is_some_and(Channel::is_spoken)).collect()
    }

    /// What an agent has after-work of.
    pub(super) fn after_work_of(&self, agent: &AgentId) -> impl Iterator<Item = ItemId> {
        let first = (agent.clone(), ItemId(0));
        let of =
            self.timesheet.wrapping.range(first..).take_while(move |((who, _), _)| who == agent);
        of.map(|((_, item), _)| *item)
    }

    /// How an item that is known reaches an agent.
    pub(super) fn channel_of_work(&self, item: ItemId) -> Option<Channel> {
        self.timesheet.items.get(&item).map(|line| line.channel)
    }

    /// The call that an item is, or was when it came.
    pub(super) fn call_of_work(&self, item: ItemId) -> Option<CallId> {
        self.timesheet.items.get(&item)?.call
    }

    /// After-work of a call is over, or there was none.
    pub(super) fn note_wrapped_up(&mut self, now: Now, agent: &AgentId, code: Option<&str>) {
        for item in self.spoken_after_work(agent) {
            self.note_wrapped_up_of(now, agent, item, code);
        }
    }

    /// After-work of one contact is over.
    pub(super) fn note_wrapped_up_of(
        &mut self,
        now: Now,
        agent: &AgentId,
        item: ItemId,
        code: Option<&str>,
    ) {
        let Some(since) = self.timesheet.wrapping.remove(&(agent.clone(), item)) else { return };
        let wrap_ms = millis(now.unix.since(since));
        let written = self.channel_of_work(item).is_some_and(|channel| !channel.is_spoken());
        // Of what is written there is always such a record: that it is over is known by nothing else.
        if wrap_ms > 0 || written || code.is_some() {
            let (agent, code) = (agent.clone(), code.map(str::to_owned));
            self.note_work(now, item, Step::WrappedUp { agent, wrap_ms, code });
        }
        self.timesheet.forget(item);
    }

    /// It is of no further interest.
    pub(super) fn forget_work(&mut self, item: ItemId) {
        self.timesheet.forget(item);
    }

    /// Hold counts apart from talk.
    pub(super) fn note_hold(&mut self, event: &call::Event) {
        self.timesheet.hold(event);
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
