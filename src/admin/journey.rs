//! Journeys, as an admin and the API read of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{ContactId, JourneyId, QueueId};
use crate::journey::{Outcome, Why};
use crate::time::{UnixTime, rfc3339};

/// What runs, what waits, and what came of the last steps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JourneysReply {
    /// Journeys that run, in order of their ids.
    pub running: Vec<JourneyLine>,
    /// How many run in all.
    pub count: usize,
    /// Tasks that nobody has done yet, the oldest first.
    pub tasks: Vec<TaskLine>,
    /// What came of the last steps and journeys, the newest first.
    pub last: Vec<JourneyTold>,
    /// Events whose person is being looked up.
    pub events_waiting: usize,
    /// Events that were not taken since the start because too many waited.
    pub events_missed: u64,
}

/// A journey that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JourneyLine {
    /// Which.
    pub journey: JourneyId,
    /// By which rule.
    pub rule: String,
    /// About whom.
    pub person: ContactId,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// The step that it is at, from 1.
    pub step: u16,
    /// How many the rule has.
    pub steps: u16,
    /// What that step does, such as `message`.
    pub does: String,
    /// Not before then.
    #[serde(with = "rfc3339::option")]
    pub until: Option<UnixTime>,
    /// How it is with that, in words.
    pub words: String,
}

/// What came of a step, or of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JourneyTold {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Of which journey.
    pub journey: JourneyId,
    /// By which rule.
    pub rule: String,
    /// About whom.
    pub person: ContactId,
    /// Which step, from 1; nothing where the journey is over.
    pub step: Option<u16>,
    /// How the step went.
    pub outcome: Option<Outcome>,
    /// Why the journey is over.
    pub end: Option<Why>,
    /// The same in words.
    pub words: String,
}

/// Work that a rule has made for the agents of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskLine {
    /// Names it.
    pub task: String,
    /// Of which queue.
    pub queue: QueueId,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// About whom.
    pub person: ContactId,
    /// By which rule.
    pub rule: String,
    /// What is to be done.
    pub text: String,
}
