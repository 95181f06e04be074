//! The record of a person as the API shows it: times as everywhere in the API, identities as one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::context::{Caller, Channel, Happening, Moment, Ref, Sharing, Way};
use crate::id::{ActorId, AgentId, CallId, CaseId, ContactId, QueueId, RecordingId};
use crate::store::context::looking::Placed;
use crate::time::{UnixTime, rfc3339};

/// Who calls, as an agent is shown before the telephone is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallerCard {
    /// Under which contact the person goes; the line's own while several share it.
    pub contact: ContactId,
    /// The version of that contact.
    pub version: u64,
    /// The person's name; nobody's while the line is shared.
    pub name: Option<String>,
    /// Why several people share the line, if they do.
    pub shared: Option<Sharing>,
    /// Who uses a shared line, as far as is known.
    pub users: Vec<Named>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Pinned facts that hold.
    pub pins: Vec<String>,
    /// The channel that the person prefers.
    pub preferred: Option<Channel>,
    /// How surely the person was identified of late, 1 to 9: until that runs out nobody need ask again.
    pub verified: Option<u8>,
    /// The case that was opened last and is not closed.
    pub case: Option<CardCase>,
    /// What happened last, the newest first; five at most.
    pub last: Vec<MomentLine>,
}

impl Default for CallerCard {
    fn default() -> CallerCard {
        CallerCard {
            contact: ContactId(0),
            version: 0,
            name: None,
            shared: None,
            users: Vec::new(),
            tags: BTreeSet::new(),
            pins: Vec::new(),
            preferred: None,
            verified: None,
            case: None,
            last: Vec::new(),
        }
    }
}

/// A contact and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// Which.
    pub contact: ContactId,
    /// Its name.
    pub name: Option<String>,
}

/// A case that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardCase {
    /// Which.
    pub case: CaseId,
    /// What it is about.
    pub title: Option<String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub opened: UnixTime,
}

impl From<&Caller> for CallerCard {
    fn from(caller: &Caller) -> CallerCard {
        let named =
            |one: &crate::context::Known| Named { contact: one.contact, name: one.name.clone() };
        let open = |open: &crate::context::OpenCase| CardCase {
            case: open.case,
            title: open.title.clone(),
            opened: open.opened,
        };
        CallerCard {
            contact: caller.contact,
            version: caller.version,
            name: caller.name.clone(),
            shared: caller.shared,
            users: caller.users.iter().map(named).collect(),
            tags: caller.tags.clone(),
            pins: caller.pins.clone(),
            preferred: caller.preferred,
            verified: caller.verified,
            case: caller.case.as_ref().map(open),
            last: caller.last.iter().cloned().map(MomentLine::from).collect(),
        }
    }
}

/// Something that happened with a person. Which members there are depends on `what`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MomentLine {
    /// Where it stands, for cases; absent where nothing can be linked to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub place: Option<String>,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// `call`, `message`, `seen`, `note` or `disposition`.
    pub what: String,
    /// By whom of the branch, where somebody did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ActorId>,
    /// For which case it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub case: Option<CaseId>,
    /// The call, or the call that a disposition is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallId>,
    /// Which way a call or a message went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub way: Option<Way>,
    /// The last queue that a call waited in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub queue: Option<QueueId>,
    /// Who took it from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent: Option<AgentId>,
    /// Seconds until a call was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seconds: Option<u32>,
    /// Seconds of conversation with a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub talked: Option<u32>,
    /// Why a call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cause: Option<String>,
    /// What was recorded of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
    /// Over which channel it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<Channel>,
    /// What a message or a note says, or more of what a site saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// What a message is called where it is kept; what a site saw, in its words; the code of a disposition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The fields of a disposition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl MomentLine {
    fn new(what: &str, moment: &Moment<String>) -> MomentLine {
        MomentLine {
            place: None,
            at: moment.at,
            what: what.to_owned(),
            by: moment.by.clone(),
            case: moment.case,
            call: None,
            way: None,
            queue: None,
            agent: None,
            seconds: None,
            talked: None,
            cause: None,
            recordings: Vec::new(),
            channel: None,
            text: None,
            name: None,
            fields: BTreeMap::new(),
        }
    }
}

impl From<Moment<String>> for MomentLine {
    fn from(moment: Moment<String>) -> MomentLine {
        let line = |what| MomentLine::new(what, &moment);
        match moment.what.clone() {
            Happening::Call { call, way, queue, agent, seconds, talked, cause, recordings } => {
                let (call, way, cause) = (Some(call), Some(way), Some(cause));
                let (seconds, talked) = (Some(seconds), Some(talked));
                let channel = Some(Channel::Voice);
                let own = line("call");
                MomentLine {
                    call,
                    way,
                    queue,
                    agent,
                    seconds,
                    talked,
                    cause,
                    recordings,
                    channel,
                    ..own
                }
            }
            Happening::Message { channel, way, text, reference } => {
                let (channel, way) = (Some(channel), Some(way));
                MomentLine { channel, way, text, name: reference, ..line("message") }
            }
            Happening::Seen { channel, name, detail } => {
                let (channel, name) = (Some(channel), Some(name));
                MomentLine { channel, name, text: detail, ..line("seen") }
            }
            Happening::Note { text } => MomentLine { text: Some(text), ..line("note") },
            Happening::Disposition { code, call, fields } => {
                MomentLine { name: Some(code), call, fields, ..line("disposition") }
            }
        }
    }
}

impl From<Placed> for MomentLine {
    fn from(placed: Placed) -> MomentLine {
        MomentLine { place: Some(place(placed.place)), ..placed.moment.into() }
    }
}

/// A moment's place as a text, which is also where a page of a timeline goes on.
pub fn place(place: Ref) -> String {
    format!("{}-{}-{}", place.contact, place.at.0, place.seq)
}

/// Reads a place; nothing if it is none.
pub fn read_place(text: &str) -> Option<Ref> {
    let (contact, rest) = text.split_once('-')?;
    let (at, seq) = rest.split_once('-')?;
    let (contact, at) = (contact.parse().ok()?, UnixTime(at.parse().ok()?));
    Some(Ref { contact, at, seq: seq.parse().ok()? })
}
