//! What records say of the life of one item of work, from coming to wait to the end of its after-work. Reports are
//! computed from these; nothing else is needed for them but [`Agent`](super::event::Event::Agent) records.
//!
//! Order for one item: queued, then offers, then taken (and perhaps returned, which begins again), abandoned or flowed
//! out; after taken closed, and wrapped up where there was after-work. A callback is promised instead of abandoned, and
//! each attempt is taken by an agent first.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::call::promise::{DAY, MOST};
use crate::id::{AgentId, CallId, ContactId, ItemId, OfferId, QueueId, SkillId};
use crate::journal::chain::hex;
use crate::journal::errands::Errand;
use crate::journal::personal::{Personal, Subject};
use crate::queue::affinity::{Last, LastAgents};
use crate::queue::{Channel, Declined, Rule, Target, Why};
use crate::time::UnixTime;

/// Something that happened to an item of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Which.
    pub item: ItemId,
    /// How it reaches an agent, by now.
    pub channel: Channel,
    /// In which queue.
    pub queue: QueueId,
    /// When.
    pub at: UnixTime,
    /// The call that it is, or was when it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Whose it is, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// What.
    #[serde(flatten)]
    pub what: Step,
}

/// The kinds of [`Work`]. Spans are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Step {
    /// It came to wait: `e` of the formulas.
    Queued {
        /// Since when it counts as waiting; before `at` where it came from another queue.
        arrived: UnixTime,
        /// Its own priority.
        priority: i32,
        /// Skills that it needs besides its queue's.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        skills: BTreeMap<SkillId, u8>,
        /// What it is, where nobody holds a line for it: what keeps it over a restart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errand: Option<Box<Errand>>,
    },
    /// It rings at an agent's.
    Offered {
        /// Whose.
        agent: AgentId,
        /// The offer; of one offer one agent takes it.
        offer: OfferId,
        /// Why this agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<Rule>,
    },
    /// An agent has seen what is known of the person; said once of each agent.
    Read {
        /// Who.
        agent: AgentId,
        /// How.
        how: Reading,
    },
    /// An agent did not take it.
    Declined {
        /// Who.
        agent: AgentId,
        /// The offer.
        offer: OfferId,
        /// Rang out, turned down or not reached.
        why: Declined,
    },
    /// An agent has it: `a` of the formulas, for a callback `k`.
    Taken {
        /// Who.
        agent: AgentId,
        /// Since it arrived, by the steady clock.
        waited_ms: u64,
        /// The same in opening hours, less pauses: what the service level is measured by.
        clock_ms: u64,
    },
    /// Agent and person could not be joined: it waits again at its place.
    Returned,
    /// Nobody waits any more: `x` of the formulas.
    Abandoned {
        /// Since it arrived.
        waited_ms: u64,
        /// The same in opening hours, less pauses.
        clock_ms: u64,
    },
    /// Somebody else ended the wait: an admin, a colleague who picked it up, the end of the box. Neither answered nor given
    /// up.
    TakenOut,
    /// It went elsewhere: `o` of the formulas.
    FlowedOut {
        /// Why.
        why: Why,
        /// Where to.
        target: Target,
    },
    /// The person is called back instead of holding the line, at the same place.
    Promised(Promise),
    /// An agent is on the line and the person is called, in the call that this names from now on.
    Attempted {
        /// Who.
        agent: AgentId,
        /// 1 for the first.
        attempt: u8,
    },
    /// The person answered: the promise is kept.
    Kept {
        /// With whom.
        agent: AgentId,
    },
    /// The person was not reached.
    AttemptFailed {
        /// Attempts so far.
        attempts: u8,
        /// When it is tried again; nothing: no more.
        again: Option<UnixTime>,
    },
    /// It waits for another channel from now on, at the same place.
    Moved {
        /// Before.
        from: Channel,
    },
    /// It waits in another queue from now on, with what it has waited.
    Rerouted {
        /// Before.
        from: QueueId,
    },
    /// It has another priority of its own from now on.
    Prioritised {
        /// Which.
        priority: i32,
    },
    /// The contact is over but for after-work.
    Closed {
        /// Whose it was.
        agent: AgentId,
        /// Time with the agent, hold left out.
        talk_ms: u64,
        /// Time on hold.
        hold_ms: u64,
        /// By what the person is known when they come again, where the site wants to lead them back to the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<Box<KnownBy>>,
    },
    /// After-work is over.
    WrappedUp {
        /// Whose.
        agent: AgentId,
        /// How long it was.
        wrap_ms: u64,
        /// How the contact came out, in the site's words; [`AUTO`] where the time for saying so was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

/// How an agent came to see what is known of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The card came up in an open page of theirs with the offer, or while it rang.
    Shown,
    /// They opened the record while they were asked, or had it in hand.
    Opened,
}

/// The code of after-work that ended by itself.
pub const AUTO: &str = "auto";

/// By what a person is known besides the contact that the work is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownBy {
    /// The number, in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Personal>,
}

/// What somebody who is a contact is called among those whose last agent is remembered.
pub fn person_name(contact: ContactId) -> String {
    format!("contact/{contact}")
}

/// The same of a number, by the subject that it is sealed under.
pub fn number_name(subject: &Subject) -> String {
    hex(subject.as_bytes())
}

/// Takes up who had whom, where the site wants to know.
pub fn remember(last_agents: &mut LastAgents<Personal>, work: &Work) {
    let Step::Closed { agent, known: Some(known), .. } = &work.what else { return };
    let last = |proof| Last { agent: agent.clone(), at: work.at, proof };
    if let Some(contact) = work.contact {
        last_agents.remember(person_name(contact), last(None));
    }
    if let Some(number @ Personal::Sealed(subject, _)) = &known.number {
        // The number's key goes when the person is erased: then it is not theirs any more.
        last_agents.remember(number_name(subject), last(Some(number.clone())));
    }
}

/// A promise to call somebody back: all that keeps it over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Whom to call.
    pub number: Personal,
    /// The number that they had dialled, shown to them when they are called.
    pub dialled: Personal,
    /// Since when they wait: their place.
    pub arrived: UnixTime,
    /// Its own priority.
    pub priority: i32,
    /// Skills that it needs besides its queue's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skills: BTreeMap<SkillId, u8>,
    /// At whose wish, where that is counted: nobody is promised calls without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
}

/// At whose wish somebody who came through a flow is called back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The number's own caller's.
    Own,
    /// Another's, who hides their number.
    Hidden,
    /// Another's, with this number.
    Of(Personal),
}

/// One promise of those that are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// When it was given.
    pub at: UnixTime,
    /// Who is to be called.
    pub number: Personal,
    /// At whose wish.
    pub wish: Wish,
}

/// Promises of the last day that are counted, kept or not: a restart forgives nobody. The oldest first, at most [`MOST`],
/// each some 300 bytes of every checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lately(pub VecDeque<Given>);

impl Lately {
    /// Takes up one event.
    pub fn apply(&mut self, work: &Work) {
        let Step::Promised(Promise { number, wish: Some(wish), .. }) = &work.what else { return };
        self.0.retain(|given| work.at.since(given.at) < DAY);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Given { at: work.at, number: number.clone(), wish: wish.clone() });
    }
}

/// A promise that is not kept yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// In which queue.
    pub queue: QueueId,
    /// When it was given.
    pub promised: UnixTime,
    /// The promise.
    #[serde(flatten)]
    pub promise: Promise,
    /// Attempts so far, one that was cut off by a restart included.
    #[serde(default)]
    pub attempts: u8,
    /// Not tried before.
    #[serde(default)]
    pub again: Option<UnixTime>,
    /// Whose it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
}

/// Promises that are not kept yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Promises(pub BTreeMap<ItemId, Open>);

impl Promises {
    /// Takes up one event.
    pub fn apply(&mut self, work: &Work) {
        match &work.what {
            Step::Promised(promise) => {
                let (queue, promise) = (work.queue.clone(), promise.clone());
                let (promised, contact) = (work.at, work.contact);
                let open = Open { queue, promised, promise, attempts: 0, again: None, contact };
                self.0.insert(work.item, open);
            }
            Step::Attempted { attempt, .. } => {
                if let Some(open) = self.0.get_mut(&work.item) {
                    open.attempts = *attempt;
                }
            }
            Step::AttemptFailed { attempts, again: Some(again) } => {
                if let Some(open) = self.0.get_mut(&work.item) {
                    (open.attempts, open.again) = (*attempts, Some(*again));
                }
            }
            Step::AttemptFailed { again: None, .. }
            | Step::Kept { .. }
            | Step::Abandoned { .. }
            | Step::TakenOut
            | Step::FlowedOut { .. } => {
                self.0.remove(&work.item);
            }
            Step::Rerouted { .. } => {
                if let Some(open) = self.0.get_mut(&work.item) {
                    open.queue = work.queue.clone();
                }
            }
            Step::Prioritised { priority } => {
                if let Some(open) = self.0.get_mut(&work.item) {
                    open.promise.priority = *priority;
                }
            }
            Step::Moved { .. } if work.channel != Channel::Callback => {
                self.0.remove(&work.item);
            }
            _ => {}
        }
    }
}

impl Work {
    /// Hands every piece of personal data to `touch`.
    pub fn for_each_personal(&mut self, touch: &mut dyn FnMut(&mut Personal)) {
        if let Step::Promised(promise) = &mut self.what {
            touch(&mut promise.number);
            touch(&mut promise.dialled);
            if let Some(Wish::Of(number)) = &mut promise.wish {
                touch(number);
            }
        }
        if let Step::Closed { known: Some(known), .. } = &mut self.what {
            known.number.iter_mut().for_each(&mut *touch);
        }
        if let Step::Queued { errand: Some(errand), .. } = &mut self.what {
            errand.text.iter_mut().for_each(touch);
        }
    }

    /// Whether it is kept however full the disk is: a promise, or something that nobody holds a line for, of which there
    /// is nothing else.
    pub fn is_kept(&self) -> bool {
        self.is_promise() || !self.channel.is_spoken()
    }

    /// Whether it is a promise or belongs to one: kept however full the disk is.
    pub fn is_promise(&self) -> bool {
        matches!(
            self.what,
            Step::Promised(_)
                | Step::Attempted { .. }
                | Step::Kept { .. }
                | Step::AttemptFailed { .. }
                | Step::Moved { .. }
        ) || self.channel == Channel::Callback
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Event;

    fn work(what: Step) -> Work {
        let (item, queue, at) = (ItemId(7), "support".into(), UnixTime(1_000));
        let (call, contact) = (Some(CallId(3)), Some(ContactId(5)));
        Work { item, channel: Channel::Callback, queue, at, call, contact, what }
    }

    fn promise() -> Promise {
        let number = Personal::Clear("+15550123".to_owned());
        let dialled = Personal::Clear("+15550100".to_owned());
        let skills = BTreeMap::new();
        Promise { number, dialled, arrived: UnixTime(500), priority: 3, skills, wish: None }
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written() {
        let taken = Step::Taken { agent: "ann".into(), waited_ms: 5, clock_ms: 4 };
        let out = Step::FlowedOut { why: Why::Waited, target: Target::Queue("sales".into()) };
        let closed = Step::Closed { agent: "ann".into(), talk_ms: 9, hold_ms: 1, known: None };
        let rule = Rule::LongestIdle { idle_ms: 7 };
        let offered = Step::Offered { agent: "ann".into(), offer: OfferId(4), rule: Some(rule) };
        let ann = || AgentId::from("ann");
        let (arrived, skills) = (UnixTime(1), BTreeMap::new());
        let queued = Step::Queued { arrived, priority: 2, skills, errand: None };
        let declined = Declined::Unreachable;
        let more = [
            queued,
            offered,
            taken,
            out,
            closed,
            Step::Returned,
            Step::TakenOut,
            Step::Declined { agent: ann(), offer: OfferId(4), why: declined },
            Step::Abandoned { waited_ms: 3, clock_ms: 2 },
            Step::Attempted { agent: ann(), attempt: 1 },
            Step::Kept { agent: ann() },
            Step::AttemptFailed { attempts: 1, again: Some(UnixTime(2)) },
            Step::AttemptFailed { attempts: 2, again: None },
            Step::Moved { from: Channel::Voice },
            Step::Rerouted { from: "sales".into() },
            Step::Read { agent: ann(), how: Reading::Shown },
            Step::Prioritised { priority: 70 },
            Step::WrappedUp { agent: ann(), wrap_ms: 4, code: None },
            Step::WrappedUp { agent: ann(), wrap_ms: 4, code: Some(AUTO.to_owned()) },
        ];
        for what in more {
            let event = Event::Work(work(what));
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
        }
    }

    #[test]
    fn a_promise_that_is_moved_or_put_forward_is_so_after_a_restart_too() {
        let mut promises = Promises::default();
        promises.apply(&work(Step::Promised(promise())));
        let moved = Step::Rerouted { from: "support".into() };
        promises.apply(&Work { queue: "sales".into(), ..work(moved) });
        promises.apply(&work(Step::Prioritised { priority: 70 }));
        let open = &promises.0[&ItemId(7)];
        assert_eq!((open.queue.as_str(), open.promise.priority), ("sales", 70));
        assert_eq!(open.promise.arrived, UnixTime(500), "the place");
    }

    /// By the number as by the person; once the number's key is destroyed it leads nowhere, though it calls again.
    #[test]
    fn a_number_that_is_forgotten_leads_to_nobody() {
        use crate::journal::live::Live;
        use crate::journal::personal::Keyring;
        use crate::random::Random;
        let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let known = Some(Box::new(KnownBy { number: Some("+15550123".into()) }));
        let closed = Step::Closed { agent: "ann".into(), talk_ms: 9, hold_ms: 1, known };
        let mut event = Event::Work(Work { contact: None, ..work(closed) });
        event.for_each_personal(&mut |personal| keys.seal(personal));
        let mut live = Live::default();
        live.apply(UnixTime(1), &event);
        let subject = keys.reading().by_number("+15550123");
        let name = number_name(&subject);
        let find = |keys: &Keyring, live: &Live| {
            let within = std::time::Duration::from_secs(60);
            let holds = |number: &Personal| keys.read(number).is_some();
            let names = [name.as_str()].into_iter();
            live.last_agents.find(names, UnixTime(2_000), within, holds).cloned()
        };
        assert_eq!(find(&keys, &live), Some("ann".into()));
        keys.forget_all(&[subject]);
        assert_eq!(find(&keys, &live), None);
    }

    #[test]
    fn a_promise_is_open_until_it_is_kept_or_given_up() {
        let agent = AgentId::from("ann");
        let attempt = |attempt| Step::Attempted { agent: agent.clone(), attempt };
        let failed = |again| Step::AttemptFailed { attempts: 1, again };
        let mut promises = Promises::default();
        let mut after = |what| {
            promises.apply(&work(what));
            promises.0.get(&ItemId(7)).map(|open| (open.attempts, open.again))
        };
        assert_eq!(after(Step::Promised(promise())), Some((0, None)));
        assert_eq!(after(attempt(1)), Some((1, None)));
        assert_eq!(after(failed(Some(UnixTime(9)))), Some((1, Some(UnixTime(9)))));
        assert_eq!(after(Step::Returned), Some((1, Some(UnixTime(9)))));
        assert_eq!(after(Step::Kept { agent: agent.clone() }), None);
        assert_eq!(after(Step::Promised(promise())), Some((0, None)));
        assert_eq!(after(failed(None)), None);
    }
}
