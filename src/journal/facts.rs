//! Facts for reports, made from what the journal says of calls and agents.
//!
//! A call is one contact, under its own id; other work stands under that of its item. What waits and is answered is told by
//! the records of work. Journals from before there were any are read by following each call: it is queued, offered, and
//! taken by the agent who then begins to talk; who leaves the queue for anything else flowed out, and whose call ends while
//! it waits abandoned it, unless this box ended it. Callers are told apart by the subject that their number is
//! sealed under, so that no number is read for a report; who is one person by their record is one here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::agent::Presence;
use crate::call::budget::Spent;
use crate::call::ending::{Cause, Class};
use crate::call::record::Peer;
use crate::id::{AgentId, CallId, ItemId, QueueId, WorkId};
use crate::journal::event::{CallEvent, CallRecord, Event, What as Call};
use crate::journal::facts_of_handovers::Handovers;
use crate::journal::facts_of_journeys::Journeys;
use crate::journal::facts_of_people::People;
use crate::journal::replay::Entry;
use crate::journal::work::{Step, Work};
use crate::report::fact::{Channel, Fact, Fee, Person, Place, State, Survey, What, Words};
use crate::time::UnixTime;

/// Follows calls and agents through the journal. Entries go in in their order.
#[derive(Debug, Default)]
pub struct Facts {
    calls: BTreeMap<CallId, Point>,
    /// Who called, for calls that are up.
    callers: BTreeMap<CallId, Person>,
    /// Whose phone rings for which call.
    offers: BTreeMap<AgentId, CallId>,
    /// Who is in a contact, or in after-work of it.
    talking: BTreeMap<AgentId, CallId>,
    /// When the box was last known to be alive: all that is known of when it died.
    last: UnixTime,
    begun: bool,
    /// What each item is called in facts: by the call that it was when it came.
    items: BTreeMap<ItemId, WorkId>,
    /// Calls by which promises are kept: what they cost is the contact's that was promised one.
    kept: BTreeMap<CallId, WorkId>,
    /// Items that are over but for after-work, the oldest first.
    finished: VecDeque<ItemId>,
    /// Whether there are records of work: then calls say nothing of queues.
    recorded: bool,
    words: Words,
    /// Calls that are, or were, in self-service.
    served: BTreeSet<CallId>,
    people: People,
    journeys: Journeys,
    handovers: Handovers,
}

/// How many items that are over keep their names, for after-work: more than any site has agents.
const FINISHED: usize = 10_000;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Arrived,
    Waiting,
    Answered,
}

impl Facts {
    /// From the beginning of a journal.
    pub fn new(words: &Words) -> Facts {
        let journeys = Journeys::new(words.journey);
        Facts { words: words.clone(), journeys, ..Facts::default() }
    }

    /// Hands the facts of one entry to `each`.
    pub fn handle(&mut self, entry: &Entry, each: &mut dyn FnMut(Fact)) {
        let before = self.last;
        let cut_off = matches!(&entry.event, Some(Event::CallRecord(record)) if record.cause == Cause::Interrupted);
        // A start writes these before it says that it is one: the box was not alive then.
        if !cut_off
            && !matches!(entry.event, Some(Event::Checkpoint { .. } | Event::QueueLeft { .. }))
        {
            self.last = entry.at;
        }
        let at = if cut_off { before } else { entry.at };
        let mut tell = |what| each(Fact { at, what });
        match &entry.event {
            Some(Event::Checkpoint { live, .. }) if !self.begun => {
                for (agent, standing) in &live.agents {
                    self.agent(agent, &standing.presence, &mut tell);
                }
                for place in live.places.values() {
                    self.queued(place.call, &place.queue, &mut tell);
                }
            }
            Some(Event::Started { .. }) => {
                self.died(&mut |what| each(Fact { at: before, what }));
            }
            Some(Event::Work(work)) => self.work(at, work, &mut tell),
            Some(Event::Call(event)) => self.call(at, event, &mut tell),
            Some(Event::CallRecord(record)) => {
                self.people.called(entry.seq, record);
                self.record(at, record, &mut tell);
            }
            Some(Event::Agent { agent, presence, .. }) => self.agent(agent, presence, &mut tell),
            Some(Event::Spent(spent)) => self.spent(spent, &mut tell),
            Some(Event::Context(act)) => {
                for change in &act.changes {
                    self.people.change(change, &mut tell);
                    self.journeys.change((at, entry.seq), change, &self.people, &mut tell);
                    self.handovers.change(at, change, &self.people, &mut tell);
                }
            }
            Some(Event::Site(site)) => {
                self.journeys.site((at, entry.seq), site, &self.people, &mut tell);
            }
            _ => {}
        }
        self.begun = true;
    }

    fn work(&mut self, at: UnixTime, event: &Work, tell: &mut dyn FnMut(What)) {
        self.recorded = true;
        let name = || event.call.map_or(WorkId(event.item.0), work);
        let work = *self.items.entry(event.item).or_insert_with(name);
        let promised = event.channel == Channel::Callback;
        self.journeys.work(at, (event, work), &self.people, tell);
        self.handovers.work(at, (event, work), &self.people, tell);
        self.kept.extend(event.call.filter(|call| WorkId(call.0) != work).map(|call| (call, work)));
        match &event.what {
            Step::Queued { .. } => {
                let call = event.call.filter(|call| self.calls.get(call) == Some(&Point::Waiting));
                // The first one of a journal stands behind what its call has said already.
                if call.is_none() {
                    let (queue, channel) = (event.queue.clone(), event.channel);
                    tell(What::Queued { work, queue, channel });
                }
            }
            Step::Offered { agent, .. } => tell(What::Offered { work, agent: agent.clone() }),
            // With a promise, the agent is on the line first and the person is called then.
            Step::Taken { agent, clock_ms, .. } if !promised => {
                self.calls.extend(event.call.map(|call| (call, Point::Answered)));
                let (agent, clock_ms) = (agent.clone(), Some(*clock_ms));
                tell(What::Answered { work, agent, clock_ms });
            }
            Step::Kept { agent } => {
                tell(What::Answered { work, agent: agent.clone(), clock_ms: None })
            }
            Step::Returned if !promised => tell(What::Returned { work }),
            Step::Abandoned { clock_ms, .. } => {
                tell(What::Abandoned { work, clock_ms: Some(*clock_ms) });
                self.items.remove(&event.item);
            }
            Step::TakenOut | Step::FlowedOut { .. } => tell(What::FlowedOut { work }),
            Step::Rerouted { .. } => {
                tell(What::FlowedOut { work });
                let (queue, channel) = (event.queue.clone(), event.channel);
                tell(What::Queued { work, queue, channel });
            }
            Step::Promised(_) => tell(What::CallbackAccepted { work }),
            Step::AttemptFailed { again: None, .. } => tell(What::CallbackLost { work }),
            Step::Closed { agent, .. } => {
                tell(What::Released { work, agent: agent.clone() });
                tell(What::Closed { work });
            }
            Step::WrappedUp { agent, .. } => {
                tell(What::WrappedUp { work, agent: agent.clone() });
                self.items.remove(&event.item);
            }
            _ => {}
        }
        // Where there is no after-work, the agent's being ready says so; the name of the item is not needed any more.
        if matches!(event.what, Step::TakenOut | Step::FlowedOut { .. } | Step::Closed { .. }) {
            self.finished.push_back(event.item);
        }
        while self.finished.len() > FINISHED
            && let Some(item) = self.finished.pop_front()
        {
            self.items.remove(&item);
        }
    }

    /// What a carrier is paid for a call, step by step as it goes on.
    fn spent(&self, spent: &Spent, tell: &mut dyn FnMut(What)) {
        let micros = i64::try_from(spent.money.0).unwrap_or(i64::MAX);
        if let Some(call) = spent.call.filter(|_| micros > 0) {
            let work = self.kept.get(&call).copied().unwrap_or(work(call));
            let place = Place { channel: Some(Channel::Voice), ..Place::default() };
            tell(What::Cost { work, fee: Fee::Carrier, micros, place });
        }
    }

    fn call(&mut self, at: UnixTime, event: &CallEvent, tell: &mut dyn FnMut(What)) {
        let (call, work) = (event.call, work(event.call));
        match &event.what {
            Call::Arrived { peer, from, nobody, .. } => {
                self.calls.insert(call, Point::Arrived);
                if let Peer::Trunk(_) | Peer::Chat(_) = peer {
                    let known = Some(from).filter(|_| !nobody);
                    let one = known.and_then(|from| self.people.resolved(from));
                    self.journeys.arrived(call, one);
                    self.handovers.arrived(call, one);
                    let person = known.and_then(|from| self.people.person(from));
                    let channel = Channel::Voice;
                    self.callers.extend(person.map(|person| (call, person)));
                    tell(What::Inbound { work, person, channel, topic: None });
                }
            }
            Call::Queued { queue } if !self.recorded => self.queued(call, queue, tell),
            Call::Ivr { .. } => {
                self.elsewhere(call, tell);
                let place = Place { channel: Some(Channel::Voice), ..Place::default() };
                let person = self.callers.get(&call).copied();
                self.served.insert(call);
                tell(What::SelfService { work, person, place });
            }
            Call::Node { node } if self.words.goals.contains(node) => tell(What::Goal { work }),
            Call::Surveyed { queue, agent, question, .. } => {
                let (queue, agent) = (Some(queue.clone()), Some(agent.clone()));
                let place = Place { queue, agent, channel: Some(Channel::Voice) };
                let (survey, question) = (Survey(call.0), *question);
                tell(What::SurveySent { survey, work, question, place });
            }
            Call::Scored { score } => {
                tell(What::SurveyAnswered { survey: Survey(call.0), score: *score });
            }
            Call::Voicemail { .. } | Call::Group { .. } | Call::Forwarded { .. } => {
                self.elsewhere(call, tell)
            }
            Call::Offered { agent } if !self.recorded => {
                self.offers.insert(agent.clone(), call);
                tell(What::Offered { work, agent: agent.clone() });
            }
            Call::Held { .. } if self.is_answered(call) => tell(What::Held { work }),
            Call::Resumed { .. } if self.is_answered(call) => tell(What::Resumed { work }),
            _ => {}
        }
        self.journeys.call(at, call, &event.what, tell);
        self.handovers.call(at, call, &event.what, tell);
    }

    fn is_answered(&self, call: CallId) -> bool {
        self.calls.get(&call) == Some(&Point::Answered)
    }

    fn queued(&mut self, call: CallId, queue: &QueueId, tell: &mut dyn FnMut(What)) {
        self.calls.insert(call, Point::Waiting);
        let (work, channel) = (work(call), Channel::Voice);
        tell(What::Queued { work, queue: queue.clone(), channel });
    }

    /// The call goes to something that is no queue.
    fn elsewhere(&mut self, call: CallId, tell: &mut dyn FnMut(What)) {
        if let Some(point) = self.calls.get_mut(&call).filter(|point| **point == Point::Waiting) {
            *point = Point::Arrived;
            tell(What::FlowedOut { work: work(call) });
        }
    }

    fn record(&mut self, at: UnixTime, record: &CallRecord, tell: &mut dyn FnMut(What)) {
        let work = work(record.call);
        self.journeys.record(at, record, &self.people, tell);
        let of = self.kept.get(&record.call).copied().unwrap_or(work);
        self.handovers.record((record, of), tell);
        let ours = record.class == Class::Us;
        if self.calls.remove(&record.call) == Some(Point::Waiting) && !self.recorded {
            tell(if ours {
                What::FlowedOut { work }
            } else {
                What::Abandoned { work, clock_ms: None }
            });
        }
        self.callers.remove(&record.call);
        self.kept.remove(&record.call);
        if let Some(fee) = record.fee.filter(|fee| fee.0 > 0) {
            let micros = i64::try_from(fee.0).unwrap_or(i64::MAX);
            let (queue, agent) = (record.queue.clone(), record.agent.clone());
            let place = Place { queue, agent, channel: Some(Channel::Voice) };
            tell(What::Cost { work, fee: Fee::Carrier, micros, place });
        }
        if self.served.remove(&record.call) && record.connected.is_some() {
            tell(What::ToHuman { work });
        }
        tell(What::Closed { work });
        self.offers.retain(|_, offered| *offered != record.call);
    }

    fn agent(&mut self, agent: &AgentId, presence: &Presence, tell: &mut dyn FnMut(What)) {
        let talks = *presence == Presence::Talking;
        if talks && let Some(call) = self.offers.remove(agent) {
            self.calls.insert(call, Point::Answered);
            self.talking.insert(agent.clone(), call);
            // Whose phones rang beside this one no longer have an offer.
            self.offers.retain(|_, offered| *offered != call);
            tell(What::Answered { work: work(call), agent: agent.clone(), clock_ms: None });
        }
        if !talks && let Some(call) = self.talking.get(agent).copied() {
            tell(What::Released { work: work(call), agent: agent.clone() });
            if *presence != Presence::WrapUp {
                self.talking.remove(agent);
                tell(What::WrappedUp { work: work(call), agent: agent.clone() });
            }
        }
        if !matches!(presence, Presence::Offered | Presence::Talking) {
            self.offers.remove(agent);
        }
        let state = match presence {
            Presence::Ready => State::Ready,
            Presence::Offered | Presence::Talking | Presence::WrapUp => State::Engaged,
            Presence::SignedOut | Presence::Paused(_) => State::Away,
        };
        tell(What::Agent { agent: agent.clone(), state });
    }

    /// The box died and started anew: what was up then ended then, and nobody was ready until told so again.
    fn died(&mut self, tell: &mut dyn FnMut(What)) {
        for (call, point) in std::mem::take(&mut self.calls) {
            if point == Point::Waiting {
                tell(What::Abandoned { work: work(call), clock_ms: None });
            }
            tell(What::Closed { work: work(call) });
            self.handovers.over(work(call));
        }
        self.journeys.died();
        for (agent, call) in std::mem::take(&mut self.talking) {
            tell(What::WrappedUp { work: work(call), agent: agent.clone() });
        }
        self.offers.clear();
        self.callers.clear();
        self.served.clear();
    }
}

/// A call as a contact: under its own id, which `branchline calls show` takes.
fn work(call: CallId) -> WorkId {
    WorkId(call.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LegId;
    use crate::journal::event::Direction;
    use crate::journal::live::Live;

    #[derive(Default)]
    struct Log {
        facts: Facts,
        told: Vec<String>,
    }

    impl Log {
        fn add(&mut self, second: i64, event: Event) {
            let entry = Entry { seq: 0, at: UnixTime(second * 1_000_000), event: Some(event) };
            // Journeys have tests of their own.
            self.facts.handle(&entry, &mut |fact| {
                if matches!(fact.what, What::Touch { .. }) {
                    return;
                }
                let text = serde_json::to_value(&fact).unwrap();
                self.told.push(format!("{} {}", fact.at.seconds(), text["what"].as_str().unwrap()));
            });
        }

        fn call(&mut self, second: i64, what: Call) {
            let (call, at) = (CallId(1), UnixTime(second * 1_000_000));
            self.add(second, Event::Call(CallEvent { call, at, what }));
        }

        fn agent(&mut self, second: i64, presence: Presence) {
            let (agent, idle_since) = ("anna".into(), UnixTime(0));
            self.add(second, Event::Agent { agent, presence, idle_since });
        }

        fn arrives_and_waits(&mut self) {
            let (from, to) = ("+15550123".into(), "+15550100".into());
            self.call(
                1,
                Call::Arrived { peer: Peer::Trunk("carrier".into()), from, to, nobody: false },
            );
            self.call(2, Call::Queued { queue: "support".into() });
        }

        fn ends(&mut self, second: i64, cause: Cause) {
            let record = CallRecord {
                call: CallId(1),
                direction: Direction::Inbound,
                origin: Peer::Trunk("carrier".into()),
                from: "".into(),
                to: "".into(),
                arrived: UnixTime(1),
                answered: None,
                connected: None,
                ended: UnixTime(second),
                queue: None,
                agent: None,
                conference: None,
                cause,
                class: cause.class(),
                legs: Vec::new(),
                recordings: Vec::new(),
                diversions: Vec::new(),
                diverted_by: None,
                party: None,
                contact: None,
                fee: None,
                consent: None,
            };
            self.add(second, Event::CallRecord(Box::new(record)));
        }
    }

    #[test]
    fn a_call_that_is_answered_held_and_worked_on_after() {
        let mut log = Log::default();
        log.arrives_and_waits();
        log.agent(2, Presence::Offered);
        log.call(2, Call::Offered { agent: "anna".into() });
        log.agent(5, Presence::Talking);
        log.call(7, Call::Held { leg: LegId(1) });
        log.call(8, Call::Resumed { leg: LegId(1) });
        log.agent(9, Presence::WrapUp);
        log.ends(9, Cause::Completed);
        log.agent(12, Presence::Ready);
        let wanted = [
            "1 inbound",
            "2 queued",
            "2 agent",
            "2 offered",
            "5 answered",
            "5 agent",
            "7 held",
            "8 resumed",
            "9 released",
            "9 agent",
            "9 closed",
            "12 released",
            "12 wrapped_up",
            "12 agent",
        ];
        assert_eq!(log.told, wanted);
    }

    #[test]
    fn who_leaves_the_queue_abandoned_it_or_flowed_out() {
        let cases = [
            (Cause::Completed, "abandoned"),
            (Cause::Abandoned, "abandoned"),
            (Cause::Congestion, "flowed_out"),
        ];
        for (cause, fact) in cases {
            let mut log = Log::default();
            log.arrives_and_waits();
            log.ends(9, cause);
            let wanted = ["1 inbound", "2 queued", &format!("9 {fact}"), "9 closed"];
            assert_eq!(log.told, wanted);
        }
        let mut log = Log::default();
        log.arrives_and_waits();
        log.call(9, Call::Voicemail { mailbox: "201".into() });
        log.ends(20, Cause::Completed);
        assert_eq!(log.told[2..], ["9 flowed_out", "20 closed"]);
    }

    #[test]
    fn records_of_work_say_it_all() {
        let mut log = Log::default();
        let mut work = |second: i64, step: serde_json::Value| {
            let mut event = serde_json::json!({
                "type": "work", "item": "0000000000009", "channel": "voice", "queue": "support",
                "at": second * 1_000_000, "call": "0000000000001",
            });
            event.as_object_mut().unwrap().extend(step.as_object().unwrap().clone());
            log.add(second, serde_json::from_value(event).unwrap());
        };
        work(1, serde_json::json!({ "what": "queued", "arrived": 1, "priority": 0 }));
        let taken = |clock_ms: u64| serde_json::json!({ "what": "taken", "agent": "anna", "waited_ms": 4, "clock_ms": clock_ms });
        work(2, taken(1));
        work(3, serde_json::json!({ "what": "returned" }));
        work(4, taken(2));
        let closed =
            serde_json::json!({ "what": "closed", "agent": "anna", "talk_ms": 1, "hold_ms": 0 });
        work(5, closed);
        work(6, serde_json::json!({ "what": "wrapped_up", "agent": "anna", "wrap_ms": 1 }));
        log.call(7, Call::Queued { queue: "support".into() });
        log.ends(8, Cause::Completed);
        let wanted = [
            "1 queued",
            "2 answered",
            "3 returned",
            "4 answered",
            "5 released",
            "5 closed",
            "6 wrapped_up",
            "8 closed",
        ];
        assert_eq!(log.told, wanted);
    }

    /// Call 1 is promised a call, which is call 2; call 3 is somebody's own. What carriers are paid is theirs, step by step.
    #[test]
    fn what_a_call_costs_is_the_contacts_that_it_was_made_for() {
        let mut facts = Facts::default();
        let mut told = Vec::new();
        let mut add = |event: serde_json::Value| {
            let event = Some(serde_json::from_value(event).unwrap());
            facts.handle(&Entry { seq: 0, at: UnixTime(0), event }, &mut |fact| {
                if let What::Cost { work, micros, .. } = fact.what {
                    told.push((work.0, micros));
                }
            });
        };
        let work = |call: &str, what: serde_json::Value| {
            let mut event = serde_json::json!({ "type": "work", "item": "0000000000009",
                "channel": "callback", "queue": "support", "at": 0, "call": call });
            event.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            event
        };
        let spent = |call: Option<u64>, micros: u64| {
            let trunk = "carrier".into();
            let (call, money) = (call.map(CallId), crate::call::budget::Money(micros));
            let spent =
                Spent { payer: None, trunk, call, calls: 0, attempts: 0, seconds: 60, money };
            serde_json::to_value(Event::Spent(spent)).unwrap()
        };
        add(work(
            "0000000000001",
            serde_json::json!({ "what": "queued", "arrived": 1, "priority": 0 }),
        ));
        let attempted = serde_json::json!({ "what": "attempted", "agent": "ann", "attempt": 1 });
        add(work("0000000000002", attempted));
        for (call, micros) in [(2, 30_000), (2, 20_000), (3, 50_000), (3, 0)] {
            add(spent(Some(call), micros));
        }
        // Journals of before do not say for which call.
        let mut old = spent(None, 70_000);
        old.as_object_mut().unwrap().remove("call");
        add(old);
        assert_eq!(told, [(1, 30_000), (1, 20_000), (3, 50_000)]);
    }

    #[test]
    fn what_was_up_when_the_box_died_ended_then() {
        let mut log = Log::default();
        log.add(
            0,
            Event::Checkpoint {
                before: Default::default(),
                gap: false,
                live: Box::new(Live::default()),
            },
        );
        log.arrives_and_waits();
        log.add(500, Event::Started { version: "1".into() });
        assert_eq!(log.told[2..], ["2 abandoned", "2 closed"]);
        // The record of a call that a restart cut off is written by the next start.
        let mut log = Log::default();
        log.arrives_and_waits();
        log.ends(500, Cause::Interrupted);
        assert_eq!(log.told[2..], ["2 abandoned", "2 closed"]);
    }
}
