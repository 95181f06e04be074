//! Why a call or one of its legs ended: a cause, and whose doing it was.

use serde::{Deserialize, Serialize};

use crate::call::plan::Why;

/// Whose doing an ending was. Every cause has exactly one class, so that a report adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The call did what it was for.
    Success,
    /// The caller's doing: gave up, dialled wrong, was not allowed.
    Caller,
    /// Ours: a limit, a fault, a setting of this box.
    Us,
    /// The other side's or its network's: busy, no answer, a trunk that failed.
    Upstream,
    /// Nobody can tell, as after a power cut.
    Unknown,
}

/// Why a leg or a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Hung up after a conversation, an IVR walk that ended, an echo test.
    Completed,
    /// The caller gave up before anybody or anything answered.
    Abandoned,
    /// The dialled number leads nowhere.
    NoSuchNumber,
    /// The rules of the site do not let this caller call that number.
    NotAllowed,
    /// The called party is busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The called party refused.
    Declined,
    /// The called extension has no phone registered.
    NotRegistered,
    /// A phone or trunk could not be reached or did not answer at all.
    Unreachable,
    /// The two sides share no codec, or asked for media that we do not do.
    MediaRefused,
    /// The trunk or network answered with an error.
    NetworkFailure,
    /// A limit of this box or of the site: calls, ports, queue length.
    Congestion,
    /// A cap on spending was reached.
    CapReached,
    /// An admin ended it.
    EndedByAdmin,
    /// This box is stopping.
    ShuttingDown,
    /// The configuration passed the caller on in a circle.
    LoopDetected,
    /// A fault in this box.
    InternalFault,
    /// The connection was lost during the conversation.
    ConnectionLost,
    /// The box stopped without warning while the call was up.
    Interrupted,
}

impl From<&Why> for Cause {
    fn from(why: &Why) -> Cause {
        match why {
            Why::NotThisCaller { .. } | Why::Class { .. } | Why::TrunkToTrunk | Why::NotOnward => {
                Cause::NotAllowed
            }
            Why::NotDialable(_) | Why::Unknown | Why::NothingLeft { .. } => Cause::NoSuchNumber,
        }
    }
}

impl Cause {
    /// Whose doing it was.
    pub fn class(self) -> Class {
        match self {
            Cause::Completed => Class::Success,
            Cause::Abandoned | Cause::NoSuchNumber | Cause::NotAllowed => Class::Caller,
            Cause::MediaRefused
            | Cause::Congestion
            | Cause::CapReached
            | Cause::EndedByAdmin
            | Cause::ShuttingDown
            | Cause::LoopDetected
            | Cause::InternalFault
            | Cause::NotRegistered => Class::Us,
            Cause::Busy
            | Cause::NoAnswer
            | Cause::Declined
            | Cause::Unreachable
            | Cause::NetworkFailure
            | Cause::ConnectionLost => Class::Upstream,
            Cause::Interrupted => Class::Unknown,
        }
    }

    /// As a person reads it in a list of calls.
    pub fn phrase(self) -> &'static str {
        match self {
            Cause::Completed => "completed",
            Cause::Abandoned => "caller gave up",
            Cause::NoSuchNumber => "no such number",
            Cause::NotAllowed => "not allowed",
            Cause::Busy => "busy",
            Cause::NoAnswer => "no answer",
            Cause::Declined => "declined",
            Cause::NotRegistered => "no phone registered",
            Cause::Unreachable => "unreachable",
            Cause::MediaRefused => "no shared codec",
            Cause::NetworkFailure => "network failure",
            Cause::Congestion => "no capacity",
            Cause::CapReached => "cap on spending reached",
            Cause::EndedByAdmin => "ended by an admin",
            Cause::ShuttingDown => "box stopping",
            Cause::LoopDetected => "sent in a circle",
            Cause::InternalFault => "internal fault",
            Cause::ConnectionLost => "connection lost",
            Cause::Interrupted => "interrupted",
        }
    }

    /// The name that records and exports carry, such as `no_answer`.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
