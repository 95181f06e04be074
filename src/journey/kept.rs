//! What is kept of journeys over a restart: made from changes alone, so that the machine and the journal agree.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::{JourneyId, QueueId};
use crate::journey::{Action, Carrier, Change, Key, Outcome, Person, Standing, Why};
use crate::time::UnixTime;

/// How long an event that began a journey is known as such: whoever sends it again gives up long before; and the longest
/// span that messages to a person are counted over. 31 days, in microseconds.
pub const REMEMBERED: i64 = 31 * 86_400_000_000;
/// Journeys that are over and known as such: some weeks of a busy branch; a checkpoint has 40 bytes for each.
const MOST_OVER: usize = 50_000;
/// How many steps and ends are shown to an admin.
const SHOWN: usize = 200;
/// Tasks that nobody has done: beyond it nobody does any, and the oldest go.
const MOST_TASKS: usize = 10_000;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Journeys that go on.
    pub running: BTreeMap<JourneyId, Running>,
    /// Journeys that are over, and since when.
    pub over: BTreeMap<JourneyId, UnixTime>,
    /// When each person was written to, and what for.
    pub written: BTreeMap<Person, Vec<Written>>,
    /// What is known of people with journeys.
    pub standings: BTreeMap<Person, Standing>,
    /// Steps that who carries them out has, and that are not known to be done.
    pub handed: BTreeMap<Key, Due>,
    /// Tasks that nobody has done yet.
    pub tasks: BTreeMap<Key, Task>,
    /// Up to which moment rules have begun that begin with the time.
    pub timed: BTreeMap<String, UnixTime>,
    /// What came of the last steps and journeys, the oldest first.
    pub last: VecDeque<Line>,
}

/// A message that a person was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When.
    pub at: UnixTime,
    /// What for.
    pub purpose: String,
}

/// A step in the hands of who carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Since when.
    pub at: UnixTime,
    /// Whose hands.
    #[serde(default)]
    pub carrier: Option<Carrier>,
}

/// Work for the agents of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Since when.
    pub at: UnixTime,
    /// About whom.
    pub person: Person,
    /// By which rule.
    pub rule: String,
    /// Of which queue.
    pub queue: QueueId,
    /// What is to be done.
    pub text: String,
}

/// What came of a step or of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: UnixTime,
    /// Of which journey.
    pub journey: JourneyId,
    /// By which rule.
    pub rule: String,
    /// About whom.
    pub person: Person,
    /// What.
    pub what: Told,
}

/// The kinds of [`Line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// A step is over, counted from 0.
    Step(u16, Outcome),
    /// The journey is.
    End(Why),
}

/// A journey that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its rule.
    pub rule: String,
    /// What that said when it began.
    pub print: u64,
    /// About whom.
    pub person: Person,
    /// Since when.
    #[serde(default)]
    pub began: UnixTime,
    /// What conditions ask for.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The step that it is at.
    #[serde(default)]
    pub step: u16,
    /// Not before then.
    #[serde(default)]
    pub until: Option<UnixTime>,
    /// Whether the step was about to be done.
    #[serde(default)]
    pub intended: bool,
}

impl Kept {
    /// Takes up one change.
    pub fn apply(&mut self, at: UnixTime, change: &Change) {
        match change {
            // Kept by who looks up whom it is about.
            Change::Heard { .. } | Change::Passed { .. } => {}
            Change::Timed { rule, at } => _ = self.timed.insert(rule.clone(), *at),
            Change::Began { journey, rule, print, person, attributes } => {
                let running = Running {
                    rule: rule.clone(),
                    print: *print,
                    person: *person,
                    began: at,
                    attributes: attributes.clone(),
                    step: 0,
                    until: None,
                    intended: false,
                };
                self.running.insert(*journey, running);
            }
            Change::Standing { person, standing } => {
                self.standings.insert(*person, standing.clone());
            }
            Change::Waits { journey, until } => self.change(*journey, |running| {
                running.until = Some(*until);
            }),
            Change::Intends { key, purpose } => self.intend(at, *key, purpose.as_deref()),
            Change::Due { key, person, action, carrier } => {
                self.take_task(at, *key, *person, action);
                self.handed.insert(*key, Due { at, carrier: carrier.clone() });
            }
            Change::TaskDone { key } => _ = self.tasks.remove(key),
            Change::Did { key, outcome } => {
                self.handed.remove(key);
                self.tell(at, key.journey, Told::Step(key.step, *outcome));
                self.change(key.journey, |running| {
                    running.step = key.step.saturating_add(1);
                    (running.until, running.intended) = (None, false);
                });
            }
            Change::Ended { journey, why } => {
                self.tell(at, *journey, Told::End(*why));
                self.end(at, *journey);
            }
        }
    }

    fn intend(&mut self, at: UnixTime, key: Key, purpose: Option<&str>) {
        let Some(running) = self.running.get_mut(&key.journey) else { return };
        // Said again after a crash, it is still the one message.
        if let Some(purpose) = purpose.filter(|_| !running.intended) {
            let written = Written { at, purpose: purpose.to_owned() };
            self.written.entry(running.person).or_default().push(written);
        }
        running.intended = true;
    }

    fn take_task(&mut self, at: UnixTime, key: Key, person: Person, action: &Action) {
        let Action::Task { queue, text } = action else { return };
        let rule = self.running.get(&key.journey).map(|running| running.rule.clone());
        let (queue, text) = (queue.clone(), text.clone());
        let task = Task { at, person, rule: rule.unwrap_or_default(), queue, text };
        self.tasks.insert(key, task);
        if self.tasks.len() > MOST_TASKS
            && let Some(oldest) = self.tasks.iter().min_by_key(|(_, task)| task.at)
        {
            let oldest = *oldest.0;
            self.tasks.remove(&oldest);
        }
    }

    fn change(&mut self, journey: JourneyId, change: impl FnOnce(&mut Running)) {
        if let Some(running) = self.running.get_mut(&journey) {
            change(running);
        }
    }

    fn tell(&mut self, at: UnixTime, journey: JourneyId, what: Told) {
        let Some(running) = self.running.get(&journey) else { return };
        let (rule, person) = (running.rule.clone(), running.person);
        self.last.push_back(Line { at, journey, rule, person, what });
        self.last.drain(..self.last.len().saturating_sub(SHOWN));
    }

    fn end(&mut self, at: UnixTime, journey: JourneyId) {
        let Some(gone) = self.running.remove(&journey) else { return };
        self.handed.retain(|key, _| key.journey != journey);
        self.over.insert(journey, at);
        let old = |then: &UnixTime| at.0 - then.0 > REMEMBERED;
        // Looked through now and then, not at each end.
        if self.over.len() > MOST_OVER || self.over.len().is_multiple_of(256) {
            self.over.retain(|_, ended| !old(ended));
            self.written.retain(|_, times| {
                times.retain(|written| !old(&written.at));
                !times.is_empty()
            });
        }
        if self.over.len() > MOST_OVER
            && let Some(oldest) = self.over.iter().min_by_key(|(_, ended)| **ended)
        {
            let oldest = *oldest.0;
            self.over.remove(&oldest);
        }
        if !self.running.values().any(|running| running.person == gone.person) {
            self.standings.remove(&gone.person);
        }
    }

    /// What is known of somebody who was erased is gone too.
    pub fn forget(&mut self, person: Person) {
        self.written.remove(&person);
        self.standings.remove(&person);
        self.tasks.retain(|_, task| task.person != person);
        self.last.retain(|line| line.person != person);
    }
}
