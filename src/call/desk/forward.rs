//! Forwards: where the calls of a phone go on to, and what is kept of each step.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::call::plan::{NotATarget, Target};
use crate::id::ExtensionId;

/// Forwards of one call before anybody answers. RFC 5806 section 4 asks for a limit; five are more than any office means.
pub const MOST_FORWARDS: usize = 5;

/// The case that a forward is for; RFC 5806 section 5.4 has a reason for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every call.
    Always,
    /// The phone is busy, is not to be disturbed, or refuses.
    Busy,
    /// Nobody answers.
    NoAnswer,
    /// No phone is registered, or none can be reached.
    Unregistered,
}

/// Where a forward leads: a number as the extension would dial it, or a target such as `queue:sales`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Onward {
    /// Something inside.
    Target(Target),
    /// What the forwarding extension would dial: it leads where, and only where, that extension may call itself.
    Number(Number),
}

/// Text that is not an [`Onward`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnOnward(NotATarget);

/// `forward = { always = …, busy = …, no_answer = …, unregistered = … }` of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forwards {
    /// Every call.
    pub always: Option<Onward>,
    /// The phone is busy.
    pub busy: Option<Onward>,
    /// Nobody answers.
    pub no_answer: Option<Onward>,
    /// No phone is registered.
    pub unregistered: Option<Onward>,
}

/// What was chosen at one phone: only what was ever chosen there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Where calls go on to; nothing: nowhere, whatever the configuration says.
    pub forwards: BTreeMap<When, Option<Onward>>,
    /// Do not disturb.
    pub do_not_disturb: Option<bool>,
    /// Call waiting.
    pub call_waiting: Option<bool>,
}

/// One step of a call that was forwarded: what a Diversion header tells (RFC 5806).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diversion {
    /// Whose phone forwarded it.
    pub by: ExtensionId,
    /// Why.
    pub when: When,
}

impl Forwards {
    /// The one for a case.
    pub fn get(&self, when: When) -> Option<&Onward> {
        match when {
            When::Always => self.always.as_ref(),
            When::Busy => self.busy.as_ref(),
            When::NoAnswer => self.no_answer.as_ref(),
            When::Unregistered => self.unregistered.as_ref(),
        }
    }

    /// Each one there is, with its key.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &Onward)> {
        let all = [
            ("always", &self.always),
            ("busy", &self.busy),
            ("no_answer", &self.no_answer),
            ("unregistered", &self.unregistered),
        ];
        all.into_iter().filter_map(|(key, onward)| Some((key, onward.as_ref()?)))
    }
}

impl When {
    /// The reason as a Diversion header has it (RFC 5806 section 5.4).
    pub fn reason(self) -> &'static str {
        match self {
            When::Always => "unconditional",
            When::Busy => "user-busy",
            When::NoAnswer => "no-answer",
            When::Unregistered => "unavailable",
        }
    }
}

impl TryFrom<String> for Onward {
    type Error = NotAnOnward;
    fn try_from(text: String) -> Result<Self, NotAnOnward> {
        match Number::parse(&text) {
            Ok(number) => Ok(Onward::Number(number)),
            Err(_) => Target::try_from(text).map(Onward::Target).map_err(NotAnOnward),
        }
    }
}

impl From<Onward> for String {
    fn from(onward: Onward) -> String {
        onward.to_string()
    }
}

impl fmt::Display for Onward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Onward::Target(target) => write!(f, "{target}"),
            Onward::Number(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for NotAnOnward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, a number", self.0)
    }
}

impl std::error::Error for NotAnOnward {}
