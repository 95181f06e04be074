//! One call as a ladder: who said what when, on each of its legs, and how it ended.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::CallId;
use crate::time::{UnixTime, rfc3339};

/// One call, live or of late.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ladder {
    /// The call.
    pub call: Option<CallId>,
    /// Its legs, in the order they began, such as `trunk carrier`.
    pub legs: Vec<String>,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// Why it ended, and whose doing that was; nothing while it is up.
    pub ended: Option<Ended>,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// Such as `no_answer`.
    pub cause: String,
    /// Such as `upstream`.
    pub class: String,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// The same in microseconds since 1970.
    pub us: i64,
    /// On which leg, by its place in [`Ladder::legs`]; none for what concerns the whole call.
    pub leg: Option<usize>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A SIP message.
    Sip {
        /// Whether the box sent it.
        sent: bool,
        /// Method, or status and reason; `(SDP)` when a session description is with it.
        label: String,
        /// Its CSeq.
        cseq: String,
        /// `UDP`, `TCP` or `TLS`.
        transport: String,
        /// The box's address.
        #[schema(value_type = String)]
        local: SocketAddr,
        /// The other side's.
        #[schema(value_type = String)]
        peer: SocketAddr,
        /// The whole message, each byte as one character; asked for by a capture alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Something else, in words.
    Note {
        /// The words.
        words: String,
    },
}
