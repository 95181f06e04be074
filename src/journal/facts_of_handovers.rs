//! Facts about hand-overs, which F12 is made of: work that passes to a person from a flow, from another person, or from
//! another channel.
//!
//! The rule, so that an auditor can recompute it from records alone, read in their order:
//!
//! - **A hand-over** counts when it has arrived: an agent takes the work (`work`, `taken`, or `kept` for a promise), or a
//!   phone answers (`call`, `answered`) whom a flow or a transfer sent there. Whoever gives up on the way was not handed
//!   over, and is in F7. A caller who comes straight to a queue is nobody's before, and no hand-over.
//! - **The switch** that its seconds begin at: where the call began to wait behind a flow or an agent, or was sent on by
//!   a flow; where somebody transferred it; where it moved to another channel, or an agent gave it back. With a promised
//!   call, where the person is called: the wait before is F4's.
//! - **After asking.** Who asks the next one first, and then joins the two, has made them one at once: the switch took no
//!   time. Such a hand-over is told of at the end of the call, and of what followed it nothing is counted.
//! - **The first reply** is the agent's being on the line. From there on the person speaks with somebody who can answer, so
//!   it is the first *useful* reply too; what is written has its words elsewhere, and its reply is where the agent is done
//!   with it (`work`, `closed`).
//! - **Context was opened before it** if the agent has read what is known of the person by then (`work`, `read`): the
//!   card was up in an open page of theirs while it rang, or they opened the record.
//! - **Asked again**: somebody writes down, as said by the person, what a field said already, and that was said no longer
//!   ago than an identification holds (`[people] verified_for`); the order that does so
//!   says it (`context`, `asked_again`). It counts for what an agent has in hand of the person at that moment.
//! - **Proved again**: somebody is identified (`context`, `verified`) while an identification of the person at that level or
//!   a higher one still holds. To be identified more surely is not to be asked again.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Change;
use crate::id::{AgentId, CallId, LegId, WorkId};
use crate::journal::event::{CallRecord, What as Call};
use crate::journal::facts_of_people::People;
use crate::journal::personal::Personal;
use crate::journal::work::{Step, Work};
use crate::queue::Channel;
use crate::report::fact::{Person, Place, What};
use crate::time::UnixTime;

/// What is on its way from hand to hand.
#[derive(Debug, Default)]
pub(super) struct Handovers {
    works: BTreeMap<WorkId, Way>,
    /// How surely people were identified, and until when that holds.
    verified: BTreeMap<Person, (u8, UnixTime)>,
}

/// One piece of work.
#[derive(Debug, Default)]
struct Way {
    /// Whose it is.
    person: Option<Person>,
    /// Since when it is on its way to somebody new.
    since: Option<UnixTime>,
    /// When a flow had it last.
    in_flow: Option<UnixTime>,
    /// Whether somebody has had it.
    had: bool,
    in_hand: bool,
    waits: bool,
    /// Whether a call was promised instead of a place in a queue.
    promised: bool,
    /// Who has read what is known of the person.
    read: BTreeSet<AgentId>,
    /// Legs that answered in this call.
    answered: BTreeSet<LegId>,
}

impl Handovers {
    /// A call came in.
    pub fn arrived(&mut self, call: CallId, person: Option<Person>) {
        self.works.insert(WorkId(call.0), Way { person, ..Way::default() });
    }

    /// Something happened in a call.
    pub fn call(&mut self, at: UnixTime, call: CallId, what: &Call, tell: &mut dyn FnMut(What)) {
        let work = WorkId(call.0);
        let Some(way) = self.works.get_mut(&work) else { return };
        if let Call::Answered { leg } = what {
            way.answered.insert(*leg);
        }
        match what {
            Call::Ivr { .. } | Call::Node { .. } => way.in_flow = Some(at),
            Call::Transferred { .. } => {
                way.since.get_or_insert(at);
                (way.had, way.in_hand) = (true, false);
            }
            // Who takes it from a queue is told of by the records of work.
            Call::Answered { .. } if !way.waits && !way.in_hand => {
                let since = way.since.take().or(way.in_flow);
                (way.in_hand, way.had, way.in_flow) = (true, true, None);
                if let Some(since) = since {
                    let channel = Some(Channel::Voice);
                    let place = Place { channel, ..Place::default() };
                    tell(What::Handoff { work, since: Some(since), place });
                    tell(What::Replied { work, useful: true });
                }
            }
            _ => {}
        }
    }

    /// Something happened to an item of work, which reports call `work`.
    pub fn work(
        &mut self,
        at: UnixTime,
        (event, work): (&Work, WorkId),
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        if matches!(event.what, Step::Queued { .. }) {
            self.works.entry(work).or_default();
        }
        let Some(way) = self.works.get_mut(&work) else { return };
        if let Some(contact) = event.contact {
            way.person = people.one(contact).or(way.person);
        }
        match &event.what {
            Step::Queued { .. } => {
                if way.had || way.in_flow.is_some() {
                    way.since.get_or_insert(at);
                }
                (way.waits, way.in_hand) = (true, false);
            }
            Step::Moved { .. } => way.since = Some(at),
            // The wait for a call that was promised is another figure's; only who came through a flow, or was somebody's
            // before, is handed over.
            Step::Attempted { .. } => way.since = way.since.map(|_| at),
            Step::Read { agent, .. } => {
                way.read.insert(agent.clone());
                if way.in_hand {
                    tell(What::ContextOpened { work });
                }
            }
            Step::Taken { agent, .. } if event.channel != Channel::Callback => {
                way.taken((event, work), agent, tell);
            }
            Step::Kept { agent } => {
                way.promised = false;
                way.taken((event, work), agent, tell);
            }
            Step::Promised(_) => way.promised = true,
            // As if it had not been taken; an agent who gives back what is written has had it.
            Step::Returned => {
                (way.waits, way.in_hand) = (true, false);
                if !event.channel.is_spoken() {
                    (way.since, way.had) = (Some(at), true);
                }
            }
            Step::Closed { .. } => {
                if !event.channel.is_spoken() {
                    tell(What::Replied { work, useful: true });
                }
                way.in_hand = false;
                // Calls go on under their own records, perhaps to the next agent.
                if !event.channel.is_spoken() {
                    self.works.remove(&work);
                }
            }
            Step::FlowedOut { .. } | Step::TakenOut => way.waits = false,
            Step::Abandoned { .. } if !event.channel.is_spoken() => drop(self.works.remove(&work)),
            Step::AttemptFailed { again: None, .. } => drop(self.works.remove(&work)),
            _ => {}
        }
    }

    /// A call is over. Who had asked the next one before sending the caller there has joined the two: that one has answered
    /// in another call, and had the caller at once.
    pub fn record(&mut self, (record, work): (&CallRecord, WorkId), tell: &mut dyn FnMut(What)) {
        let way = self.works.get_mut(&work);
        if let Some(way) = way.filter(|way| !way.waits && !way.in_hand && !way.promised)
            && let Some(since) = way.since.take()
        {
            let others = record.legs.iter().skip(1).filter(|leg| !way.answered.contains(&leg.leg));
            if others.filter_map(|leg| leg.answered).any(|answered| answered <= since) {
                let place = Place { channel: Some(Channel::Voice), ..Place::default() };
                tell(What::Handoff { work, since: None, place });
                tell(What::Replied { work, useful: true });
            }
        }
        self.over(work);
    }

    /// It is over, unless a call was promised.
    pub fn over(&mut self, work: WorkId) {
        if self.works.get(&work).is_some_and(|way| !way.promised) {
            self.works.remove(&work);
        }
    }

    /// Somebody changed what is known of people.
    pub fn change(
        &mut self,
        at: UnixTime,
        change: &Change<Personal>,
        people: &People,
        tell: &mut dyn FnMut(What),
    ) {
        match change {
            Change::AskedAgain { contact, .. } => {
                let work = people.one(*contact).and_then(|person| self.in_hand_of(person));
                work.into_iter().for_each(|work| tell(What::AskedAgain { work, stored: true }));
            }
            Change::Verified { contact, level, until, .. } => {
                let Some(person) = people.one(*contact) else { return };
                let before = self.verified.get(&person).filter(|(_, until)| at < *until);
                let again = before.is_some_and(|(before, _)| before >= level && *level > 0);
                if again && let Some(work) = self.in_hand_of(person) {
                    tell(What::Reauthenticated { work });
                }
                self.verified.retain(|_, (_, until)| at < *until);
                self.verified.insert(person, (*level, *until));
            }
            _ => {}
        }
    }

    /// What somebody has in hand of a person: the newest, where there are several.
    fn in_hand_of(&self, person: Person) -> Option<WorkId> {
        let own = |way: &Way| way.in_hand && way.person == Some(person);
        self.works.iter().rfind(|(_, way)| own(way)).map(|(work, _)| *work)
    }
}

impl Way {
    /// An agent has it: handed over, if it was somebody's or something's before.
    fn taken(
        &mut self,
        (event, work): (&Work, WorkId),
        agent: &AgentId,
        tell: &mut dyn FnMut(What),
    ) {
        let since = self.since.take();
        (self.in_hand, self.waits, self.had, self.in_flow) = (true, false, true, None);
        let Some(since) = since else { return };
        let (queue, agent) = (Some(event.queue.clone()), agent.clone());
        let read = self.read.contains(&agent);
        let place = Place { queue, agent: Some(agent), channel: Some(event.channel) };
        tell(What::Handoff { work, since: Some(since), place });
        if read {
            tell(What::ContextOpened { work });
        }
        if event.channel.is_spoken() {
            tell(What::Replied { work, useful: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::ending::Cause;
    use crate::call::record::Peer;
    use crate::journal::event::{Direction, LegRecord};
    use crate::journal::personal::Subject;

    const CALL: CallId = CallId(1);
    const ASKED: LegId = LegId(3);

    fn at(second: i64) -> UnixTime {
        UnixTime(second * 1_000_000)
    }

    /// A record of the caller, of the one who transfers, and of a leg that answered at 50.
    fn record() -> CallRecord {
        let sealed = || Personal::Sealed(Subject::from([7; 16]), Vec::new());
        let leg = |leg, second| LegRecord {
            leg,
            peer: Peer::Extension("201".into()),
            answered: Some(at(second)),
            cause: Cause::Completed,
            quality: None,
        };
        CallRecord {
            call: CALL,
            direction: Direction::Inbound,
            origin: Peer::Trunk("carrier".into()),
            from: sealed(),
            to: sealed(),
            party: None,
            contact: None,
            arrived: at(0),
            answered: Some(at(10)),
            connected: Some(at(10)),
            ended: at(90),
            queue: None,
            agent: None,
            conference: None,
            cause: Cause::Completed,
            class: Cause::Completed.class(),
            legs: vec![leg(LegId(1), 10), leg(LegId(2), 10), leg(ASKED, 50)],
            recordings: Vec::new(),
            diversions: Vec::new(),
            diverted_by: None,
            fee: None,
            consent: None,
        }
    }

    /// What is told of a call that a phone answers at 10 and transfers at 60.
    fn told(answers: Option<(i64, LegId)>) -> Vec<String> {
        let (mut handovers, mut told) = (Handovers::default(), Vec::new());
        let mut tell = |what: What| {
            told.push(match what {
                What::Handoff { since, .. } => format!("handed on since {since:?}"),
                What::Replied { useful: true, .. } => "replied".to_owned(),
                other => format!("{other:?}"),
            });
        };
        handovers.arrived(CALL, None);
        handovers.call(at(10), CALL, &Call::Answered { leg: LegId(2) }, &mut tell);
        handovers.call(at(60), CALL, &Call::Transferred { leg: LegId(2) }, &mut tell);
        if let Some((second, leg)) = answers {
            handovers.call(at(second), CALL, &Call::Answered { leg }, &mut tell);
        }
        handovers.record((&record(), WorkId(CALL.0)), &mut tell);
        assert!(handovers.works.is_empty(), "a call that is over is forgotten");
        told
    }

    #[test]
    fn a_transfer_is_a_hand_over_when_somebody_has_answered() {
        let since = |second| format!("handed on since {:?}", Some(at(second)));
        assert_eq!(told(Some((75, LegId(4)))), [since(60), "replied".to_owned()]);
        // Whoever was asked first had answered in another call, and has the caller at once.
        let at_once = format!("handed on since {:?}", None::<UnixTime>);
        assert_eq!(told(None), [at_once, "replied".to_owned()]);
    }
}
