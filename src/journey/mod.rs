//! Journeys: what happens by itself after something happened. An event, a condition, and steps: wait, send a message, call
//! back, make a task, tell a webhook, stop.
//!
//! Owns rules and their checks ([`rule`]), quiet hours ([`quiet`]), what is kept of running journeys ([`kept`]) and the
//! machine that walks them ([`engine`]). Sends nothing: it says what is to be done, under a key that never changes, and is
//! told when it is.
//!
//! Each step happens once. Its intention is on the disk before it is asked for, its completion after; whoever carries it
//! out passes over a key that they have seen. After a crash between the two it is asked for again, under the same key.

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

use crate::id::{JourneyId, NotAnId, QueueId};
use crate::time::UnixTime;

pub use engine::{Journeys, Output};
pub use kept::Kept;

/// Whom a journey is about, told apart and not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(pub u64);

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
    /// What they have agreed to: channel and purpose, `sms/service`.
    pub consents: BTreeSet<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A messenger or the chat of a page.
    Chat,
    /// Mail.
    Mail,
}

impl Channel {
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
}

impl Action {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

/// Why a journey is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

/// What happened to a journey: what the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
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
        /// Whether it is a message to the person.
        message: bool,
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
