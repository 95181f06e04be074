//! How a call sounds, leg by leg and second by second.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::CallId;
use crate::time::{UnixTime, rfc3339};

/// A call that is up, as it sounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallQuality {
    /// Which.
    pub call: CallId,
    /// Seconds between samples. They begin when somebody first looks, and end some seconds after the last look.
    pub every_s: f64,
    /// Each party.
    pub legs: Vec<LegQuality>,
}

/// What came from one party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LegQuality {
    /// Whom, such as `trunk carrier`.
    pub leg: String,
    /// The last ten minutes at most, the oldest first.
    pub samples: Vec<Sample>,
}

/// One second of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// Its end.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Packets that came.
    pub received: u64,
    /// Of what should have come, what did not, in percent.
    pub loss_percent: f64,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Round trip in milliseconds, where the party reports.
    pub round_trip_ms: Option<f64>,
    /// The E-model's rating, 0 to 100 (ITU-T G.107); nothing where nothing came.
    pub rating: Option<f64>,
    /// The same as a mean opinion score, 1 to 4.5.
    pub mos: Option<f64>,
}
