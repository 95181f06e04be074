//! `[[conference]]`: numbers where several people talk together.

use serde::Deserialize;

use crate::address::Number;
use crate::config::secret::SecretRef;
use crate::id::ConferenceId;

/// `[[conference]]`: a number where several people talk together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conference {
    /// What rules call it.
    pub name: ConferenceId,
    /// The number as extensions dial it.
    pub number: Number,
    /// Where its PIN is kept, 4 to 12 digits; none is asked for when absent.
    #[serde(default)]
    pub pin: Option<SecretRef>,
    /// Parties at a time; 2 to 32, default 10.
    #[serde(default = "max_members")]
    pub max_members: u16,
}

fn max_members() -> u16 {
    10
}
