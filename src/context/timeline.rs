//! What happened with a contact: one moment each, in order of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Channel;
use super::change::Whose;
use crate::id::{ActorId, AgentId, CallId, CaseId, ContactId, QueueId, RecordingId};
use crate::time::UnixTime;

/// Whether it came to the branch, or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the person.
    In,
    /// To the person.
    Out,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment<P> {
    /// When.
    pub at: UnixTime,
    /// By whom of the branch, where somebody did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ActorId>,
    /// For which case it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// What.
    #[serde(flatten)]
    pub what: Happening<P>,
}

/// The kinds of [`Moment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening<P> {
    /// A call.
    Call {
        /// Which.
        call: CallId,
        /// Which way it went.
        way: Way,
        /// The last queue it waited in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<QueueId>,
        /// Who took it from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// Seconds until it was over.
        seconds: u32,
        /// Seconds of conversation with a person; 0 if there was none.
        talked: u32,
        /// Why it ended, as in the call record.
        cause: String,
        /// What was recorded of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        recordings: Vec<RecordingId>,
    },
    /// A message, or anything else that came over a channel.
    Message {
        /// Over which.
        channel: Channel,
        /// Which way it went.
        way: Way,
        /// What it says, where that is kept here.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        text: Option<P>,
        /// What it is called where it is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// Something that a site, a shop or a device tells: a page was seen, somebody walked in.
    Seen {
        /// Over which channel.
        channel: Channel,
        /// What, in the site's words.
        name: String,
        /// More of it.
        #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
        detail: Option<P>,
    },
    /// A note.
    Note {
        /// It.
        text: P,
    },
    /// How something came out.
    Disposition {
        /// The site's code for it.
        code: String,
        /// Of which call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// What the code requires, and more.
        #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
        fields: BTreeMap<String, P>,
    },
}

/// What was recorded of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    /// Of which call.
    pub call: CallId,
    /// When that arrived.
    pub at: UnixTime,
    /// On whose timeline it is, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The recordings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
}

impl<P> Moment<P> {
    /// The same with its texts, which are `whose`, turned into something else.
    pub fn map<Q>(self, whose: Whose, to: &mut dyn FnMut(Whose, P) -> Q) -> Moment<Q> {
        let Moment { at, by, case, what } = self;
        let what = match what {
            Happening::Call { call, way, queue, agent, seconds, talked, cause, recordings } => {
                Happening::Call { call, way, queue, agent, seconds, talked, cause, recordings }
            }
            Happening::Message { channel, way, text, reference } => {
                let text = text.map(|text| to(whose, text));
                Happening::Message { channel, way, text, reference }
            }
            Happening::Seen { channel, name, detail } => {
                let detail = detail.map(|detail| to(whose, detail));
                Happening::Seen { channel, name, detail }
            }
            Happening::Note { text } => Happening::Note { text: to(whose, text) },
            Happening::Disposition { code, call, fields } => {
                let fields = fields.into_iter().map(|(name, text)| (name, to(whose, text)));
                Happening::Disposition { code, call, fields: fields.collect() }
            }
        };
        Moment { at, by, case, what }
    }
}
