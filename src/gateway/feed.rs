//! What calls, queues, agents and trunks do, for whoever follows the box live. Figures of queues and trunks are told at
//! once where nothing happened before, and 25 times in a second at most however much happens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::admin::api::feed::Happening;
use crate::admin::api::people::CallerCard;
use crate::admin::{Queue, Trunk};
use crate::call::{self, What};
use crate::gateway::control::name;
use crate::gateway::{Gateway, Output};
use crate::id::{AgentId, CallId, LegId, QueueId, TrunkId};
use crate::journal::event::CallRecord;
use crate::time::Now;

/// From one telling of figures to the next: what happens stands on the board within a twentieth of a second, and a crowd
/// costs no more than 25 looks at the queues in a second.
const GATHER: Duration = Duration::from_millis(40);
/// How long the first change after a quiet time waits for others of the same moment: a caller who is queued and offered in
/// one breath is told once.
const MOMENT: Duration = Duration::from_millis(5);

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Feed {
    due: Option<Instant>,
    told: Option<Instant>,
    queues: BTreeMap<QueueId, Queue>,
    trunks: BTreeMap<TrunkId, Trunk>,
}

impl Feed {
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

impl Gateway {
    pub(super) fn publish(&mut self, happening: Happening) {
        self.outputs.push_back(Output::Feed(Box::new(happening)));
    }

    /// Figures have changed: they are told soon.
    pub(super) fn figures_changed(&mut self, now: Now) {
        let first = now.instant + MOMENT;
        let due = self.feed.told.map_or(first, |told| first.max(told + GATHER));
        self.feed.due.get_or_insert(due);
    }

    /// Tells what has changed of queues and trunks, if it is time.
    pub(super) fn tell_figures(&mut self, now: Now) {
        if self.feed.due.is_none_or(|due| due > now.instant) {
            return;
        }
        self.feed.due = None;
        self.feed.told = Some(now.instant);
        for line in self.queue_lines(now) {
            // Time alone is no news.
            let alike = |known: &Queue| {
                Queue { longest_wait_s: line.longest_wait_s, ..known.clone() } == line
            };
            if !self.feed.queues.get(&line.queue).is_some_and(alike) {
                self.feed.queues.insert(line.queue.clone(), line.clone());
                self.publish(Happening::Queue(line));
            }
        }
        self.tell_chat_places(now);
        for line in self.trunk_lines() {
            if self.feed.trunks.get(&line.trunk) != Some(&line) {
                self.feed.trunks.insert(line.trunk.clone(), line.clone());
                self.publish(Happening::Trunk(line));
            }
        }
    }

    pub(super) fn tell_agent(&mut self, agent: &AgentId) {
        let line = self.agent_lines().into_iter().find(|line| line.agent == *agent);
        if let Some(line) = line {
            self.publish(Happening::Agent(line));
        }
    }

    /// Something happened in a call.
    pub(super) fn tell_call(&mut self, now: Now, event: &call::Event) {
        let call = event.call;
        if let What::Offered(agent) = &event.what
            && self.known_caller(call).is_some()
        {
            self.card_goes_to(now, call, agent);
        }
        let happening = match &event.what {
            What::Arrived { peer, from, to } => Happening::CallArrived {
                call,
                origin: peer.to_string(),
                from: from.clone(),
                to: to.clone(),
            },
            What::Queued(queue) => Happening::CallQueued { call, queue: queue.clone() },
            What::Offered(agent) => self.offered_to(call, agent.clone()),
            What::TakenBy(agent) => Happening::CallTaken { call, agent: agent.clone() },
            What::Answered(leg) => Happening::CallAnswered { call, by: self.party(*leg) },
            What::Held(leg) => Happening::CallHeld { call, by: self.party(*leg) },
            What::Resumed(leg) => Happening::CallResumed { call, by: self.party(*leg) },
            What::Transferred(_) => Happening::CallTransferred { call },
            _ => return,
        };
        self.publish(happening);
        self.figures_changed(now);
    }

    /// Who is at a leg, such as `extension 202`.
    fn party(&self, leg: LegId) -> String {
        self.legs.get(leg).map(|leg| leg.peer.to_string()).unwrap_or_default()
    }

    fn offered_to(&mut self, call: CallId, agent: AgentId) -> Happening {
        self.caller_offered_to(call, &agent);
        let (from, to) = self.calls.numbers(call).unwrap_or_default();
        let (from, to) = (from.to_owned(), to.to_owned());
        let caller = self.known_caller(call).map(|caller| Box::new(CallerCard::from(caller)));
        let reason = self.why_offered(call, &agent);
        let queue = self.calls.queue(call).cloned();
        let conversation = self.talk_of_call(call);
        Happening::CallOffered { call, agent, queue, from, to, caller, conversation, reason }
    }

    /// A call is over.
    pub(super) fn tell_end(&mut self, now: Now, record: &CallRecord) {
        let (cause, class) = (record.cause.name(), name(&record.class));
        self.publish(Happening::CallEnded { call: record.call, cause, class });
        self.figures_changed(now);
    }
}
