//! What reports are made from: one thing that happened to a piece of work, an agent, an issue or a journey, at a time.
//!
//! Facts are made from the journal, or read from a file with one JSON object in each line; they say nothing that would
//! name a person: a person is a number, the same for each identity that was resolved to them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::channel::Channel;
use crate::id::{AgentId, QueueId, WorkId};
use crate::time::{UnixTime, rfc3339};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $of);
    };
}

number!(
    /// Who it is, told apart from others and not named.
    Person(u64)
);
number!(
    /// An issue that was opened and is to be solved.
    Case(u64)
);
number!(
    /// What one person went through for one purpose, over however many channels.
    Journey(u64)
);
number!(
    /// One survey that was sent.
    Survey(u64)
);

/// What the site says of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Nodes of flows that callers come for.
    pub goals: Vec<String>,
    /// For how long a journey goes on without an open case.
    pub journey: Duration,
}

impl Default for Words {
    fn default() -> Self {
        Words { goals: Vec::new(), journey: Duration::from_secs(7 * 86_400) }
    }
}

/// What an issue is about, as the site names it.
pub type Topic = Arc<str>;

/// Where a fact belongs that belongs to no open piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// Whether an agent can be given work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Yes: idle while without work.
    Ready,
    /// Work rings there, or the agent has some: neither idle nor away.
    Engaged,
    /// On pause or signed out.
    Away,
}

/// What a survey asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// How satisfied; 1 to 5.
    Csat,
    /// Whether they would recommend us; 0 to 10.
    Nps,
    /// How easy it was; 1 to 7.
    Ces,
}

/// What was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fee {
    /// A carrier, for minutes.
    Carrier,
    /// A network, for messages.
    Message,
}

/// Why somebody goes on by another channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moved {
    /// They wanted to.
    Chosen,
    /// They had to.
    Forced,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of [`Fact`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A queue's service level has another target from now on.
    Target {
        /// Which queue.
        queue: QueueId,
        /// Answered within so many seconds is in target.
        seconds: u32,
    },
    /// Somebody turned to us, by whatever channel, whether or not it comes to a queue.
    Inbound {
        /// The contact.
        work: WorkId,
        /// Who, once resolved.
        #[serde(default)]
        person: Option<Person>,
        /// By this.
        #[serde(default)]
        channel: Channel,
        /// About this, once known.
        #[serde(default)]
        topic: Option<Topic>,
    },
    /// What a contact that turned to us earlier was about, as it turned out.
    About {
        /// The contact.
        work: WorkId,
        /// What.
        topic: Topic,
    },
    /// It began to wait in a queue; e in the formulas.
    Queued {
        /// What.
        work: WorkId,
        /// Where.
        queue: QueueId,
        /// By this channel.
        #[serde(default)]
        channel: Channel,
    },
    /// It was offered to an agent.
    Offered {
        /// What.
        work: WorkId,
        /// Whom.
        agent: AgentId,
    },
    /// An agent took it; a in the formulas. For a callback: the customer is on the line.
    Answered {
        /// What.
        work: WorkId,
        /// Who.
        agent: AgentId,
        /// How long it had waited by the clock that the target is judged by, in milliseconds: in opening hours, less
        /// pauses. Since it was queued when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock_ms: Option<u64>,
    },
    /// The agent who took it was not joined with whoever waits: it waits again at its place, as if it had not been taken.
    Returned {
        /// What.
        work: WorkId,
    },
    /// Whoever waited went away; x in the formulas.
    Abandoned {
        /// What.
        work: WorkId,
        /// As for those answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock_ms: Option<u64>,
    },
    /// Whoever waited will be called back; k in the formulas.
    CallbackAccepted {
        /// What.
        work: WorkId,
    },
    /// The call back was given up: nobody was reached.
    CallbackLost {
        /// What.
        work: WorkId,
    },
    /// It left the queue for somewhere else; o in the formulas.
    FlowedOut {
        /// What.
        work: WorkId,
    },
    /// The agent put it on hold.
    Held {
        /// What.
        work: WorkId,
    },
    /// And took it off hold.
    Resumed {
        /// What.
        work: WorkId,
    },
    /// An agent no longer has it, and it goes on: a transfer.
    Released {
        /// What.
        work: WorkId,
        /// Who.
        agent: AgentId,
    },
    /// The conversation is over; after-work may follow.
    Closed {
        /// What.
        work: WorkId,
    },
    /// After-work is done.
    WrappedUp {
        /// What.
        work: WorkId,
        /// Whose.
        agent: AgentId,
    },
    /// An agent can be given work, or cannot.
    Agent {
        /// Who.
        agent: AgentId,
        /// How it is from now on.
        state: State,
    },
    /// Which of several things an agent attends to.
    Focus {
        /// Who.
        agent: AgentId,
        /// This one; none in particular when absent.
        #[serde(default)]
        work: Option<WorkId>,
    },
    /// Somebody entered self-service.
    SelfService {
        /// In this contact.
        work: WorkId,
        /// Who, once resolved.
        #[serde(default)]
        person: Option<Person>,
        /// Where it is counted.
        #[serde(flatten)]
        place: Place,
    },
    /// Self-service did what it was entered for.
    Goal {
        /// In this contact.
        work: WorkId,
    },
    /// They asked for a human instead.
    OptedOut {
        /// In this contact.
        work: WorkId,
    },
    /// They were passed to a human.
    ToHuman {
        /// In this contact.
        work: WorkId,
    },
    /// They left self-service.
    Left {
        /// In this contact.
        work: WorkId,
    },
    /// An issue was closed as solved.
    CaseClosed {
        /// Which.
        case: Case,
        /// Whose.
        person: Person,
        /// About this.
        topic: Topic,
        /// Where it is counted.
        #[serde(flatten)]
        place: Place,
    },
    /// A touch of a journey: its first one begins it.
    Touch {
        /// Which.
        journey: Journey,
        /// By this channel.
        channel: Channel,
        /// Whether no human was asked for.
        #[serde(default)]
        self_service: bool,
        /// Why by another channel than before.
        #[serde(default)]
        moved: Option<Moved>,
    },
    /// The journey is over.
    Arrived {
        /// Which.
        journey: Journey,
    },
    /// A contact was handed on: from self-service to a human, to another agent, to another channel.
    Handoff {
        /// What.
        work: WorkId,
        /// Since when it was on its way; since this moment when absent.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
        since: Option<UnixTime>,
        /// Where it is counted.
        #[serde(flatten)]
        place: Place,
    },
    /// The agent looked at what is known of the person.
    ContextOpened {
        /// In this contact.
        work: WorkId,
    },
    /// The customer was asked what they had said before.
    AskedAgain {
        /// In this contact.
        work: WorkId,
        /// Whether the answer was stored here.
        #[serde(default)]
        stored: bool,
    },
    /// The customer had to prove again who they are.
    Reauthenticated {
        /// In this contact.
        work: WorkId,
    },
    /// The agent replied.
    Replied {
        /// In this contact.
        work: WorkId,
        /// Whether it helped; a greeting does not.
        #[serde(default)]
        useful: bool,
    },
    /// A survey was sent.
    SurveySent {
        /// Which.
        survey: Survey,
        /// After this contact.
        work: WorkId,
        /// What it asks.
        question: Question,
        /// Where it is counted.
        #[serde(flatten)]
        place: Place,
    },
    /// A survey was answered.
    SurveyAnswered {
        /// Which.
        survey: Survey,
        /// The score.
        score: u8,
    },
    /// Something was paid.
    Cost {
        /// For this contact.
        work: WorkId,
        /// To whom.
        fee: Fee,
        /// In millionths of the currency.
        micros: i64,
        /// Where it is counted if the contact is over.
        #[serde(flatten)]
        place: Place,
    },
}
