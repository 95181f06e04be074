//! What an agent is shown before the telephone is answered.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Channel;
use super::contact::Learned;
use super::identity::{Identity, Sharing};
use super::timeline::Moment;
use crate::id::{CaseId, ContactId};
use crate::time::{UnixTime, rfc3339};

/// The purpose of asking somebody how it was, as consents to it and refusals name it.
pub const SURVEY: &str = "survey";
/// The purpose of recording somebody's conversations.
pub const RECORDING: &str = "recording";

/// Who calls, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Under which contact the person goes; the line's own while it is shared.
    pub contact: ContactId,
    /// The version of that contact.
    pub version: u64,
    /// By what the person is known, the number that calls among them; nothing while the line is shared.
    #[serde(default)]
    pub identities: Vec<Identity<String>>,
    /// The person's name; nobody's while the line is shared.
    pub name: Option<String>,
    /// Whether several people share the line: then it says nothing about who calls.
    pub shared: Option<Sharing>,
    /// Who uses a shared line, as far as is known.
    pub users: Vec<Known>,
    /// Tags of all contacts of the person.
    pub tags: BTreeSet<String>,
    /// Pinned facts that hold.
    pub pins: Vec<String>,
    /// The channel that the person prefers.
    pub preferred: Option<Channel>,
    /// Whether the person does not want to be asked by telephone how it was: the last word on [`SURVEY`].
    #[serde(default)]
    pub no_surveys: bool,
    /// Whether the person lets telephone calls be recorded: the last word on [`RECORDING`], if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<bool>,
    /// The person's language, as the field `language` has it; nobody's while the line is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How surely the person was identified of late: until it runs out nobody need ask again.
    pub verified: Option<u8>,
    /// The case that was opened last and is not closed.
    pub case: Option<OpenCase>,
    /// What happened last, the newest first.
    pub last: Vec<Moment<String>>,
    /// What the site's book of customers says.
    #[serde(default)]
    pub crm: Option<FromCrm>,
}

/// What the site's book of customers said, seen some time later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromCrm {
    /// What it said, and when.
    pub learned: Learned<String>,
    /// When it was looked at here.
    pub seen: UnixTime,
}

/// A contact and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Which.
    pub contact: ContactId,
    /// Its name.
    pub name: Option<String>,
}

/// A case that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCase {
    /// Which.
    pub case: CaseId,
    /// What it is about.
    pub title: Option<String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub opened: UnixTime,
}
