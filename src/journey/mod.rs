//! Journeys: what happens by itself after something happened. An event, a condition, and steps: wait, send a message, call
//! back, make a task, tell a webhook, write on the person's record, stop.
//!
//! Owns rules and their checks ([`rule`]), quiet hours ([`quiet`]), when the time begins one ([`daily`]), where numbers from abroad are ([`abroad`]), and those of areas with a clock of their own ([`areas`]), by whom messages are carried ([`carrier`]), what is kept
//! of running journeys ([`kept`]) and the machine that walks them ([`engine`]). Sends nothing: it asks how a person stands
//! at the moment of each step, says what is to be done, under a key that never changes, and is told when it is.
//!
//! Each step happens once. Its intention is on the disk before it is asked for, its completion after; whoever carries it
//! out passes over a key that they have seen. After a crash between the two it is asked for again, under the same key; a
//! message that may have been on the wire by then is not: nobody knows, and that is what is kept of it.

pub mod abroad;
pub mod areas;
pub mod carrier;
pub mod daily;
pub mod engine;
pub mod kept;
pub mod quiet;
pub mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::id::{JourneyId, NotAnId, QueueId};
use crate::time::UnixTime;

pub use carrier::{Carrier, Carriers};
pub use engine::{Journeys, Output};
pub use kept::Kept;

/// Whom a journey is about: the contact under which a person goes.
pub use crate::id::ContactId as Person;

/// Names one step of one journey, for ever: who carries it out passes over one that they have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The journey.
    pub journey: JourneyId,
    /// The step, from 0.
    pub step: u16,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.journey, self.step)
    }
}

impl FromStr for Key {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (journey, step) = text.split_once('/').ok_or(NotAnId)?;
        Ok(Key { journey: journey.parse()?, step: step.parse().map_err(|_| NotAnId)? })
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is known of a person, as far as rules ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// IANA name of the zone they live in; the site's when absent or unknown.
    pub zone: Option<String>,
    /// Where they may be, where nobody has said it: by a number from abroad, or of an area with a clock of its own. Quiet
    /// hours hold in all of these.
    pub abroad: Vec<String>,
    /// What they have agreed to: channel and purpose, `sms/service`.
    pub consents: BTreeSet<String>,
    /// What they have refused, in the same words.
    pub refused: BTreeSet<String>,
    /// Whether a case of theirs is open.
    pub open_case: bool,
}

/// Something that happened, which a rule may begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What the sender calls it: the same event said twice begins nothing twice.
    pub id: String,
    /// What kind: one of [`rule::KINDS`].
    pub kind: String,
    /// About whom.
    pub person: Person,
    /// What else is known of it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The person, as of now.
    #[serde(default)]
    pub standing: Standing,
}

/// By which channel a message goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JourneyChannel)]
pub enum Channel {
    /// A text message.
    Sms,
    /// A messenger or the chat of a page.
    Chat,
    /// Mail.
    Mail,
}

impl Channel {
    /// Every one.
    pub const ALL: [Channel; 3] = [Channel::Sms, Channel::Chat, Channel::Mail];

    /// Its name, as in consents.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Chat => "chat",
            Channel::Mail => "mail",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Send a message.
    Message {
        /// By this channel.
        channel: Channel,
        /// The words of the rule; nothing personal.
        text: String,
    },
    /// Have the person called.
    Callback {
        /// By this queue.
        queue: QueueId,
    },
    /// Put work into a queue.
    Task {
        /// Which.
        queue: QueueId,
        /// What it is.
        text: String,
    },
    /// Tell a receiver.
    Webhook {
        /// Its name.
        name: String,
    },
    /// Put a tag on the person, or take it off.
    Tag {
        /// Which.
        tag: String,
        /// On, or off.
        on: bool,
    },
    /// Write a note on the person's record.
    Note {
        /// The words of the rule; nothing personal.
        text: String,
    },
}

impl Action {
    /// Its kind, as rules have it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Message { .. } => "message",
            Action::Callback { .. } => "callback",
            Action::Task { .. } => "task",
            Action::Webhook { .. } => "webhook",
            Action::Tag { on: true, .. } => "tag",
            Action::Tag { on: false, .. } => "untag",
            Action::Note { .. } => "note",
        }
    }

    /// Whether it reaches the person: then quiet hours hold.
    pub fn reaches_person(&self) -> bool {
        matches!(self, Action::Message { .. } | Action::Callback { .. })
    }

    /// The channel of a message.
    pub fn channel(&self) -> Option<Channel> {
        match self {
            Action::Message { channel, .. } => Some(*channel),
            _ => None,
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = StepOutcome)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Its condition did not hold.
    NotMeant,
    /// The person has not agreed to it.
    NoConsent,
    /// The person has had as many messages as the rule allows.
    Capped,
    /// Who was to carry it out refused.
    Refused,
    /// The box has nobody who carries messages of that channel.
    NoCarrier,
    /// The person has no number or address of that kind.
    NoAddress,
    /// It may have been on the wire when the box stopped, or may not: it is not sent again.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Done => "done",
            Outcome::NotMeant => "passed over: its condition does not hold",
            Outcome::NoConsent => "passed over: they have not agreed to it",
            Outcome::Capped => "passed over: they have had enough messages",
            Outcome::Refused => "not done: refused",
            Outcome::NoCarrier => "not sent: nobody carries messages of this channel",
            Outcome::NoAddress => "not sent: there is no number or address for it",
            Outcome::Unknown => "unknown: the box stopped while it was sent; not sent again",
        })
    }
}

/// Why a journey is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = JourneyEnd)]
pub enum Why {
    /// All steps are done.
    Finished,
    /// A step said so.
    Stopped,
    /// It is an offer, and a case is open.
    OpenCase,
    /// Something happened that ends it.
    Event,
    /// Its rule is gone, or another one by now.
    RuleChanged,
    /// What it was to come before is over.
    TooLate,
    /// Somebody stopped it.
    ByHand,
    /// The person was erased.
    Gone,
    /// The case that it was about is closed, or gone.
    CaseOver,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Finished => "finished",
            Why::Stopped => "a step ended it",
            Why::OpenCase => "a case of theirs is open",
            Why::Event => "something happened that ends it",
            Why::RuleChanged => "its rule was changed or is gone",
            Why::TooLate => "what it was to come before is over",
            Why::ByHand => "somebody stopped it",
            Why::Gone => "the person was erased",
            Why::CaseOver => "its case is closed",
        })
    }
}

/// Why an event began nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = EventPassed)]
pub enum Passed {
    /// It began what it was to begin, or ended it.
    Taken,
    /// No rule begins with what it says, or a case is open.
    NotMeant,
    /// Nobody is known by that number or address.
    Nobody,
    /// As many journeys run as may.
    Full,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Passed::Taken => "taken",
            Passed::NotMeant => "no rule begins with it as it was",
            Passed::Nobody => "nobody is known by that number or address",
            Passed::Full => "as many journeys run as may",
        })
    }
}

/// What happened to a journey: what the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    /// Something happened that a rule wants to know of; who it is about is being looked up.
    Heard {
        /// What it is called: the same event said twice begins nothing twice.
        id: String,
        /// What kind: one of [`rule::KINDS`].
        kind: String,
        /// About whom, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<Person>,
        /// What rules ask for of it, and no more.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<String, String>,
    },
    /// What a rule begins at a moment of the day has begun for everybody.
    Timed {
        /// The rule.
        rule: String,
        /// Which moment.
        at: UnixTime,
    },
    /// It was taken up.
    Passed {
        /// Which.
        id: String,
        /// What came of it.
        why: Passed,
    },
    /// It began.
    Began {
        /// Which.
        journey: JourneyId,
        /// By which rule.
        rule: String,
        /// What the rule said then, in one number.
        print: u64,
        /// About whom.
        person: Person,
        /// What the rule's conditions ask for, and no more.
        attributes: BTreeMap<String, String>,
    },
    /// This is known of a person from now on.
    Standing {
        /// Whom.
        person: Person,
        /// What.
        standing: Standing,
    },
    /// It waits at its step.
    Waits {
        /// Which.
        journey: JourneyId,
        /// Until then.
        until: UnixTime,
    },
    /// A step is about to be done.
    Intends {
        /// Which.
        #[serde(rename = "step")]
        key: Key,
        /// What it is for, where it is a message to the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<String>,
    },
    /// Who carries it out has it.
    Due {
        /// Which.
        #[serde(rename = "step")]
        key: Key,
        /// For whom.
        person: Person,
        /// What.
        action: Action,
        /// Who carries it, where somebody outside does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carrier: Option<Carrier>,
    },
    /// A task is done with.
    TaskDone {
        /// Which.
        #[serde(rename = "step")]
        key: Key,
    },
    /// A step is over.
    Did {
        /// Which.
        #[serde(rename = "step")]
        key: Key,
        /// How it went.
        outcome: Outcome,
    },
    /// It is over.
    Ended {
        /// Which.
        journey: JourneyId,
        /// Why.
        why: Why,
    },
}
