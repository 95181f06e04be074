//! `[supervision]`: supervisors who listen in.

use serde::Deserialize;

/// `[supervision]`: supervisors who listen in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supervision {
    /// Whether an agent's page says so while somebody listens in; default yes. In many places listening in secret is a
    /// crime, and where it is none an agent who learns of it later trusts nobody any more.
    pub shown: bool,
}

impl Default for Supervision {
    fn default() -> Self {
        Supervision { shown: true }
    }
}
